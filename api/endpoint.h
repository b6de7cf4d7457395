/*
 * The endpoint table: all that can be called, one row each.
 *
 * Routing, methods, roles, ownership, parsing, paging, answers, OpenAPI and
 * the reference page follow from the rows; so does the contract test, which
 * fails for a row it knows nothing of. Rows stand in api/ep_*.c, one file a
 * few resources; api/endpoint.c names the files. What is written once for all
 * kinds (EP_LIST, EP_GET, EP_CREATE, EP_UPDATE, EP_DELETE) is in api/crud.c.
 *
 * Names on the wire are those of the callers' contract with its aliases; the
 * model's own stand in `field`.
 */
#ifndef API_ENDPOINT_H
#define API_ENDPOINT_H

#include "api/call.h"
#include "api/shape.h"

enum method {
	METHOD_GET = 1 << 0, /* and HEAD */
	METHOD_POST = 1 << 1,
	METHOD_DELETE = 1 << 2,
};

enum param_type {
	PARAM_TEXT,
	PARAM_INT,
	PARAM_BOOL,
	PARAM_LIST,   /* of texts; a text is divided at commas */
	PARAM_DATE,   /* YYYY-MM-DD */
	PARAM_SECRET, /* a new password: hashed on a worker before the handler runs */
	PARAM_PLAIN,  /* a password to be compared: never stored, never told */
	PARAM_FILE,   /* a part of a multipart body */
	PARAM_OBJECT, /* JSON as it is, for the handler */
	/* ids: the resource is found, and foreign ones answer exactly as missing ones */
	PARAM_ACCOUNT, /* what the call is about: call.account. Role user: its own, whatever is sent */
	PARAM_ROW,     /* of the endpoint's kind: call.row */
	PARAM_REF,     /* of `kind` */
};

enum param_flags {
	PARAM_REQUIRED = 1 << 0,
	PARAM_CLAMP = 1 << 2,     /* PARAM_INT: out of bounds is the bound, not an error */
	PARAM_BY_KEY = 1 << 1,    /* PARAM_ROW, _REF: the natural key is taken as well as the id */
	PARAM_0_IS_NONE = 1 << 3, /* PARAM_REF: 0 is as not given, as with the original */
};

enum {
	PARAM_ALIASES = 4
};

struct param {
	const char *name;
	const char *aliases[PARAM_ALIASES];
	enum param_type type;
	unsigned flags;
	const char *field;       /* of the endpoint's kind; NULL: the handler takes it */
	const struct kind *kind; /* PARAM_REF */
	int64_t min, max;        /* PARAM_INT, when max > min */
	size_t text_max;         /* bytes; 0: ARGS_TEXT_MAX */
	const char *dflt;        /* as text, for the docs and for what is not given */
	const char *const *choices;
	const char *doc;
};

enum endpoint_op {
	EP_CUSTOM, /* `run` does it all */
	EP_LIST,   /* rows of `shape`; of call.account if it has such a parameter */
	EP_GET,    /* call.row in `shape` */
	EP_CREATE, /* a resource of `kind` from the parameters with a field */
	EP_UPDATE, /* of call.row what was given */
	EP_DELETE, /* call.row */
};

enum endpoint_place {
	ON_CONNECTION, /* a few milliseconds of reading */
	ON_WRITER,     /* changes desired state */
	ON_WORKER,     /* waits or computes */
};

enum endpoint_flags {
	EP_PAGED = 1 << 0, /* page, per_page; meta */
	EP_LOGIN = 1 << 1, /* the rate limit of logins */
	EP_MULTIPART = 1 << 2,
	EP_BARE = 1 << 3,    /* the handler writes the whole body, without the envelope */
	EP_STREAM = 1 << 4,  /* the handler answers with a stream */
	EP_MACHINE = 1 << 5, /* acts on or reads the live machine: 503 until the engine offers it */
	EP_ADDED = 1 << 6,   /* not of the original's contract */
	EP_ENGINE = 1 << 7,  /* asks the engine: 503 while that does not run */
	EP_UNCOUNTED = 1 << 8,   /* no rate limit */
	EP_CREDENTIALS = 1 << 9, /* a token needs a scope of its own for it: scope.h */
};

struct change;

struct endpoint {
	const char *action;
	const char *aliases[PARAM_ALIASES];
	unsigned methods, roles, flags;
	enum endpoint_op op;
	enum endpoint_place place; /* CREATE, UPDATE, DELETE: always ON_WRITER */
	const struct kind *kind;
	const struct shape *shape; /* of the answer; NULL: null or what `run` writes */
	const struct param *params;
	size_t n_params;
	const char *audit; /* "dns.add-record"; writes must have one */
	const char
		*returns; /* of a custom answer: names of the members of data, for docs and tests */
	const char *media; /* type of a bare answer, for docs; NULL: JSON */
	size_t body_max;   /* 0: 64 KiB */
	/* On a worker, before `run`: what computes. */
	int (*prepare)(struct call *c, struct err *err);
	/* EP_CUSTOM: the handler. Others: called with the change before it is applied, may add to CS. */
	int (*run)(struct call *c, struct err *err);
	int (*edit)(struct call *c, struct changeset *cs, struct change *change, struct err *err);
	const char *doc;
};

struct resource {
	const char *name; /* "accounts" */
	const struct endpoint *rows;
	size_t n_rows;
	const char *doc;
};

#define PARAMS(rows) .params = (rows), .n_params = ARRAY_LEN(rows)
#define RESOURCE(n, r, d)                                                    \
	{                                                                    \
		.name = (n), .rows = (r), .n_rows = ARRAY_LEN(r), .doc = (d) \
	}

/* page, per_page of EP_PAGED */
#define PARAM_PAGES                                                                                \
	{ .name = "page",                                                                          \
	  .type = PARAM_INT,                                                                       \
	  .flags = PARAM_CLAMP,                                                                    \
	  .min = 1,                                                                                \
	  .max = 1000000,                                                                          \
	  .dflt = "1",                                                                             \
	  .doc = "Which page." },                                                                  \
	{                                                                                          \
		.name = "per_page", .type = PARAM_INT, .flags = PARAM_CLAMP, .min = 1, .max = 100, \
		.dflt = "25", .doc = "Rows on a page."                                             \
	}

extern const struct resource *const resources[];
extern const size_t n_resources;

#define ENDPOINT_FOREACH(res, ep)                                                                 \
	for (size_t ep##_i = 0; ep##_i < n_resources; ep##_i++)                                   \
		for (const struct resource *res = resources[ep##_i], *ep##_once = res; ep##_once; \
		     ep##_once = NULL)                                                            \
			for (const struct endpoint *ep = res->rows; ep < res->rows + res->n_rows; \
			     ep++)

const struct resource *resource_find(const char *name, size_t len);
/* By name or alias. */
const struct endpoint *endpoint_find(const struct resource *r, const char *action, size_t len);
/* Whether it changes desired state. */
bool endpoint_writes(const struct endpoint *ep);
/* The row of PARAMS that NAME, or one of its aliases, stands for. */
const struct param *param_find(const struct endpoint *ep, const char *name);

#endif
