/*
 * The whole API in this process, on a loopback port, with a small world in its
 * database, and a client that is whoever it is asked to be. No engine runs.
 *
 * Each kind has its row 1 of account john, whose reseller is resel, and row 2
 * of account jane, whose reseller is other, so that one number is foreign to
 * one and own to the other. Domain 3 is john's addon, package 3 resel's own,
 * package 1 everybody's. Users: admin 1, resel 2, other 3, john 4, jane 5,
 * lone 6, who has no account. The password of all is PANEL_PASSWORD.
 */
#ifndef TESTS_SUPPORT_PANEL_H
#define TESTS_SUPPORT_PANEL_H

#include <jansson.h>

#include "api/api.h"
#include "tests/support/web.h"

#define PANEL_PASSWORD "Nova2026!!"
#define PANEL_KEY      "0123456789abcdef0123"

enum panel_who {
	AS_ADMIN,
	AS_RESEL,
	AS_OTHER,
	AS_JOHN,
	AS_JANE,
	AS_LONE,
	AS_BILLING,
	AS_NOBODY,
};

struct panel {
	void *ctx;
	const char *dir, *model, *db, *access_log;
	struct api_opts opts; /* what is set before the start holds */
	struct api *api;
	struct web web; /* its client's half */
	int fd;         /* a connection that is kept; -1: none */
};

/* What is in it lives until panel_stop(). */
struct panel_answer {
	int status;
	const char *head, *body;
	const json_t *json; /* the body; NULL: it is none */
	const json_t *data; /* its member */
};

/* The folder with its databases alone, for another process that serves it; p->ctx, dir, model, db. */
void panel_seed(struct panel *p);
void panel_remove(struct panel *p);
/* Everybody has his session again. */
void panel_log_in_all(struct panel *p);
/* Lines of a head that make a request WHO's. */
const char *panel_proof(struct panel *p, enum panel_who who);

/* P is zero, or has its opts. */
void panel_start(struct panel *p);
void panel_stop(struct panel *p);

/* METHOD PATH ("email/list?account_id=1") with BODY (NULL: none) and further head LINES ("" or "A: b\r\n"). */
struct panel_answer panel_ask(struct panel *p, enum panel_who who, const char *method,
			      const char *path, const char *body, const char *lines);
struct panel_answer panel_get(struct panel *p, enum panel_who who, const char *path);
struct panel_answer panel_post(struct panel *p, enum panel_who who, const char *path,
			       const char *body);
/* LEN bytes as the file of a multipart body's part NAME, with a name and a type that lie. */
struct panel_answer panel_upload(struct panel *p, enum panel_who who, const char *path,
				 const char *name, const void *data, size_t len);
/* Value of a header of the answer, or NULL. */
const char *panel_header(struct panel *p, const struct panel_answer *a, const char *name);
const char *panel_message(const struct panel_answer *a);
/* Whether errors[] has one of PATH ("/email"). */
bool panel_blames(const struct panel_answer *a, const char *path);
/* The handle of WHO's session, as sessions/list shows it. */
const char *panel_session(struct panel *p, enum panel_who who);
/* The API token of WHO, whose scopes are SCOPES from now on. Its id is that of the user. */
const char *panel_token(struct panel *p, enum panel_who who, const char *scopes);
/*
 * A second factor for each user: set up (and its code is what is returned), or on (and each has a
 * recovery code, which is returned).
 */
const char *panel_factor(struct panel *p, bool is_on);
/* Runs TEXT on api.db. */
void panel_db(struct panel *p, const char *text);
/* The first column of the first row of TEXT, a query of the model; "" if there is none. */
const char *panel_sql(struct panel *p, const char *text);

#endif
