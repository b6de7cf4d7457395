/*
 * A call: one request on its way through the API, from the arguments that
 * were read to the answer that is written. Handlers see this and the model,
 * never HTTP.
 *
 * A call belongs to one thread at a time: the connection's (reading), a worker
 * (hashes, waiting for the engine), the writer (changes). `store` is that
 * thread's connection. Everything hangs on `ctx`, which ends with the answer.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include <jansson.h>

#include "api/jsonw.h"
#include "model/store.h"

struct api;
struct endpoint;
struct param;
struct request;
struct resource;

/* A thread's own connections. */
struct seat {
	struct store *store; /* model.db */
	struct sql *db;      /* api.db: sessions, tokens */
	struct strmap
		texts; /* SQL that was put together, each text once: it must outlive its statement */
};

enum role {
	ROLE_ADMIN = 1 << 0,
	ROLE_RESELLER = 1 << 1,
	ROLE_USER = 1 << 2,
	ROLE_BILLING = 1 << 3, /* the WHMCS bridge, by its key */
	ROLE_NOBODY = 1 << 4,  /* without a session */
};

#define ROLE_STAFF   (ROLE_ADMIN | ROLE_RESELLER)
#define ROLE_SESSION (ROLE_ADMIN | ROLE_RESELLER | ROLE_USER)
#define ROLE_PUBLIC  (ROLE_SESSION | ROLE_NOBODY)

/* Who calls. */
struct caller {
	enum role role;
	int64_t id; /* of the user; 0: none */
	const char *username, *email, *theme;
	const char *session; /* handle of its session; NULL: a token or a key */
	const char *scopes;  /* of a token, as scope.h says; NULL: all */
	int64_t token;       /* its id; 0: none */
	const char *csrf;    /* why a write from a browser is refused, or NULL */
};

/* A parameter as it came: texts are of the body or the query, checked to be UTF-8. */
struct arg {
	bool is_given;
	struct value value;
	const char *text; /* TEXT, CHOICE, SECRET; of ACCOUNT, ROW and REF the natural key */
	int64_t num;      /* INT, BOOL; of ACCOUNT, ROW and REF the id */
	void *res;        /* of ACCOUNT, ROW and REF the resource, which the caller may see */
	const char *hash; /* SECRET: made on a worker before the handler runs */
	const char *tag;  /* of a keyed request, the same when it comes again: password_tag() */
};

struct call_error {
	const char *path; /* "/domain" */
	const char *message;
	int line, column; /* in a text that was given; 0: none */
};

struct call {
	void *ctx;
	struct api *api;
	struct request *request;
	const struct endpoint *endpoint;
	const struct resource *group; /* that has it; NULL: none of the table */
	struct caller who;
	const char *address; /* of the client, behind a trusted proxy its client's */
	struct seat *seat;   /* of the thread that has it now */
	struct store *store; /* seat->store */
	struct arg *args;    /* one a row of endpoint->params */

	const struct account *account; /* it is about, which the caller may see; NULL: none */
	void *row;                     /* named by the PARAM_ROW parameter; NULL: none */

	void *prepared;          /* by the endpoint's `prepare` */
	int64_t new_password_of; /* user whose password it sets: other sessions end with the commit */

	/* what a write asked for besides */
	bool is_dry_run;
	bool is_async; /* 202 and an operation, which the engine's work is watched by */
	int64_t wait_ms;
	int64_t seen_rev;  /* If-Match; 0: none */
	int64_t confirm_s; /* revert it unless confirmed within; 0: it stands */
	const char *idempotency;

	/* the answer */
	unsigned status; /* 0: 200, or what the error stands for */
	const char *message;
	const char *refusal; /* JSON: data of an answer that refuses; NULL: none */
	struct buf data;     /* JSON; empty: null */
	struct jsonw w;      /* over data */
	struct call_error *errors;
	size_t n_errors, errors_cap;
	struct ptrs headers;   /* struct header */
	int64_t rev;           /* that it made, or found to hold already; 0: it wrote nothing */
	const char *type;      /* of a bare answer; NULL: JSON */
	const char *resource;  /* whose condition the answer carries */
	int64_t confirm_until; /* of that revision; 0: none */
	json_t *plan;          /* of a dry run: the changes, for the engine */
	struct ptrs planned;   /* names of what they put, which no table has yet */
	bool is_plan_beside;   /* its plan is added to the answer's data, and may be missing */
	const char *operation; /* id of the one that waits for the engine; NULL: none */
	int64_t began_us;      /* CLOCK_MONOTONIC */

	struct {
		const char *resource; /* what is not ready, if it is not `resource` itself */
		const char *type, *reason, *message;
	} condition; /* of the revision, when it was waited for */

	int64_t expires; /* no call but the end of this revision's trial */
	bool is_audit;   /* on the writer for its audit row alone */
	int result;      /* meanwhile: what the call came to */
	bool is_open;    /* a change set stands in an open transaction */
	struct err err;
};

/* The row's argument; NULL when it was not given. NAME must stand in the endpoint's table. */
const struct arg *call_arg(const struct call *c, const char *name);
/* Its text or number; DFLT when it was not given. */
const char *call_text(const struct call *c, const char *name, const char *dflt);
int64_t call_int(const struct call *c, const char *name, int64_t dflt);
bool call_has(const struct call *c, const char *name);

/* The text of a parameter that the endpoint may not have, however far the call came; or NULL. */
const char *call_said(const struct call *c, const char *name);
/* A setting of the model, or its default. */
int call_setting(struct call *c, const char *name, const char **ret, struct err *err) must_check;
int call_setting_int(struct call *c, const char *name, int64_t *ret, struct err *err) must_check;
/* TEXT as sql_get() needs it: kept as long as the thread's connections. */
const char *call_sql(struct call *c, const char *text);

/* An error of the answer's list. PATH is the parameter's name on the wire. */
void call_problem(struct call *c, const char *param, const char *message);
/* At a place in the parameter's text. */
void call_problem_at(struct call *c, const char *param, int line, int column, const char *message);
void call_header(struct call *c, const char *name, const char *value);

#endif
