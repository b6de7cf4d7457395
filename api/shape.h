/*
 * The shape of an answer: columns with their names on the wire and the SQL
 * that gives them. One shape a kind of row serves its lists, single answers,
 * the OpenAPI document and the contract test.
 *
 * Expressions read the table of the shape's kind under the name `t`. They are
 * our own literals; what a caller sends is only ever bound.
 */
#ifndef API_SHAPE_H
#define API_SHAPE_H

#include "api/jsonw.h"
#include "model/store.h"

enum column_type {
	COLUMN_INT,
	COLUMN_TEXT,
	COLUMN_TIME, /* seconds since 1970 → "YYYY-MM-DD HH:MM:SS" */
	COLUMN_BOOL, /* 0 and 1, as the original's rows */
	COLUMN_REAL, /* SQL text of a number, or NULL */
	COLUMN_JSON, /* text that is JSON */
};

struct column {
	const char *name;
	enum column_type type;
	const char *sql;
	const char *doc; /* NULL: its name says it */
};

struct shape {
	const char *name; /* "Account": the schema's name */
	const struct kind *kind;
	const struct column *columns;
	size_t n;
	const char *order; /* "t.id DESC": as an index has it, see tests/unit/api_plans_test.c */
	const char
		*group; /* "t.type": what a whole list is ordered by before that; NULL: nothing */
	const char *search; /* "(t.username LIKE ?1 …)" for the parameter search; NULL: none */
	const char *status; /* "t.status": for the parameter status; NULL: none */
	/* "t.retired": rows that lists leave out, unless the parameter of that name is true; NULL: none */
	const char *hidden;
};

#define COLUMNS(rows) .columns = (rows), .n = ARRAY_LEN(rows)

struct call;

struct page {
	int64_t page, per_page, total;
};

/* The rows that the caller may see, as a JSON list; of ACCOUNT, or with PARENT's key, if given. */
struct listing {
	const struct shape *shape;
	const char *account; /* its key; NULL: all that the caller may see */
	const char *parent;  /* key of the parent resource (a zone); NULL: any */
	const char *search, *status;
	bool with_hidden;
	struct page *page; /* NULL: all of them */
};

int shape_list(struct call *c, const struct listing *l, struct jsonw *w, const char *key,
	       struct err *err) must_check;
/* One row, which the caller was found to be allowed to see, as an object. */
int shape_row(struct call *c, const struct shape *s, int64_t id, struct jsonw *w, const char *key,
	      struct err *err) must_check;
/* Its members alone, into an object that is open: for answers that have more. */
int shape_members(struct call *c, const struct shape *s, int64_t id, struct jsonw *w,
		  struct err *err) must_check;

#endif
