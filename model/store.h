/*
 * The versioned store: model.db.
 *
 * Every write is a change set, applied in one transaction that holds the
 * rows, the revision (number, time, actor, source, message), its SQLite
 * changeset, the list of changed resources and an audit row. A change set is
 * checked whole: all problems come back together, and then nothing was
 * written. A dry run is the same call, rolled back by the caller.
 *
 * Secrets stand in a table of their own that no changeset contains; revert
 * and rollback never touch it.
 */
#ifndef MODEL_STORE_H
#define MODEL_STORE_H

#include "base/mem.h"
#include "base/strmap.h"
#include "model/kinds.h"
#include "model/sql.h"

struct store;

enum {
	SCHEMA_VERSION = 1
};

/* Opens PATH, creating or migrating it unless READONLY. Refuses a newer schema. */
int store_open(const void *ctx, const char *path, bool readonly, struct store **ret,
	       struct err *err) must_check;
struct sql *store_sql(struct store *s);

/* Reading */

/* The resource named by KEY (parts joined by '/'); -ERR_NOTFOUND. */
int store_get(const void *ctx, struct store *s, const struct kind *k, const char *key,
	      void *ret_res, struct err *err) must_check;
int store_get_id(const void *ctx, struct store *s, const struct kind *k, int64_t id, void *ret_res,
		 struct err *err) must_check;

struct cursor;

/* Resources of a kind in key order; only those whose FIELD equals VALUE if FIELD is given. */
int cursor_open(const void *ctx, struct store *s, const struct kind *k, const struct field *field,
		const char *value, struct cursor **ret, struct err *err) must_check;
/* In the order of ORDER_BY, a field, from the first: for merging kinds scope by scope. */
int cursor_open_by(const void *ctx, struct store *s, const struct kind *k,
		   const struct field *order_by, struct cursor **ret, struct err *err) must_check;
/* 1 and a new resource on CTX, or 0 at the end. */
int cursor_next(const void *ctx, struct cursor *c, void *ret_res, struct err *err) must_check;
int store_count(struct store *s, const struct kind *k, const struct field *field, const char *value,
		int64_t *ret, struct err *err) must_check;

/* Change sets */

enum change_op {
	CHANGE_PUT,
	CHANGE_DELETE
};

struct change {
	enum change_op op;
	void *res;    /* PUT: fields in `set` count; DELETE: key or id */
	uint64_t set; /* bit i: field i was given */
	bool full;    /* PUT: fields not given go back to their defaults (never secrets) */
	bool is_new;  /* PUT: ERR_CONFLICT when it is there already */
	int where;    /* the caller's own number, to find the source line again */
	/* Told by store_apply() of a PUT that went through; KEY belongs to RES. */
	int64_t id;
	const char *key;
};

struct changeset {
	const void *ctx;
	struct change *v;
	size_t n, cap;
};

struct change *changeset_add(struct changeset *cs, enum change_op op, const struct kind *k);
/* The key that res_set_key() gave C's resource counts as given: a PUT then makes what is not there. */
void change_mark_key(struct change *c);
/* Puts VALUE into the field of C's resource and marks it given. */
int change_set(const void *ctx, struct change *c, const struct field *f, const struct value *v,
	       struct err *err) must_check;

struct problem {
	size_t change; /* index in the change set */
	enum err_code code;
	char *resource; /* "domain/a.example" */
	char *field;    /* "document_root", or NULL: the resource as such */
	char *msg;
	bool has_other;
	size_t other; /* index of the change that it clashes with, when that one is in the set too */
};

struct problems {
	const void *ctx;
	struct problem *v;
	size_t n, cap;
};

void problem_add(struct problems *p, size_t change, enum err_code code, const char *resource,
		 const char *field, const char *fmt, ...) format_(6, 7);

struct revision {
	int64_t rev;
	int64_t time; /* seconds since 1970 */
	const char *actor, *source, *message;
	int64_t seen_rev;        /* changed resources must not be newer; 0: no such check */
	const char *idempotency; /* or NULL */
	int64_t changes;         /* number of changed resources */
};

/* A resource that a revision touched. */
struct touched {
	const struct kind *kind;
	const char *key;
	void *before, *after; /* NULL: was not, is not there */
	size_t change;
};

struct touched_list {
	struct touched *v;
	size_t n, cap;
};

/*
 * Begins a transaction, applies CS and records the revision in it. Returns 1 with REV->rev set
 * when something changed, 0 when nothing would (no transaction is open then, REV->rev is the
 * newest), or an error with PROBLEMS filled (rolled back). After 1, the caller ends with
 * store_commit() or store_rollback(). A repeated idempotency key returns 0 and the first revision.
 */
int store_apply(struct store *s, const struct changeset *cs, struct revision *rev,
		struct problems *problems, struct err *err) must_check;
/* The same for undoing one revision (others stay), or all after revision TO. */
int store_revert(struct store *s, int64_t revision, struct revision *rev, struct problems *problems,
		 struct err *err) must_check;
int store_rollback_to(struct store *s, int64_t to, struct revision *rev, struct problems *problems,
		      struct err *err) must_check;
/* Brings back what revision GONE deleted of ACCOUNT: the account and all that belonged to it. */
int store_undelete(struct store *s, int64_t gone, const char *account, struct revision *rev,
		   struct problems *problems, struct err *err) must_check;
int store_commit(struct store *s, struct err *err) must_check;
void store_rollback(struct store *s);

/* History of the store */

int store_head(struct store *s, int64_t *ret, struct err *err) must_check;
int store_revision(const void *ctx, struct store *s, int64_t rev, struct revision *ret,
		   struct err *err) must_check;

struct change_row {
	int64_t rev;
	const char *kind, *key, *account, *scope;
	char op; /* + created, ~ changed, - deleted */
};

typedef int change_row_fn(const struct change_row *row, void *arg, struct err *err);
/* Resources changed after FROM up to and including TO, in order. */
int store_changes(struct store *s, int64_t from, int64_t to, change_row_fn *fn, void *arg,
		  struct err *err) must_check;

typedef int revision_fn(const struct revision *rev, void *arg, struct err *err);
/* Newest first; only those that touched KIND/KEY if given. */
int store_log(struct store *s, const struct kind *k, const char *key, int64_t max, revision_fn *fn,
	      void *arg, struct err *err) must_check;

/* Secrets */

int store_secret_get(const void *ctx, struct store *s, const char *kind, const char *key,
		     const char *field, const char **ret, struct err *err) must_check;

/* The account a resource belongs to (through its parents), or NULL. On CTX. */
int store_account_of(const void *ctx, struct store *s, const void *res, const char **ret,
		     struct err *err) must_check;

#endif
