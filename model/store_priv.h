/* What the files of the store share. */
#ifndef MODEL_STORE_PRIV_H
#define MODEL_STORE_PRIV_H

#include "model/store.h"

/* Statements that look at one field. */
struct field_sql {
	const char *select, *ordered, *count;
};

struct kind_sql {
	const char *select_key, *select_id, *select_all, *select_ordered, *count_all;
	const char *insert, *update, *delete_id;
	struct field_sql *by_field;
};

struct store {
	struct sql *db;
	struct kind_sql *sql; /* by kind_index() */
	bool is_guarded;      /* somebody with less rights can write the file */
	bool in_batch;        /* one transaction around many */
	bool has_member;      /* and one of them stands open, as a savepoint */
};

struct apply {
	struct store *s;
	void *ctx;
	struct revision *rev;
	struct problems *problems;
	struct touched_list touched;
	struct strmap checked; /* what the rules have looked at once */
	struct strmap found;   /* what apply_find() has read */
	bool restores;         /* revert or rollback: dropped secrets come back */
	struct sqlite3_session *session;
};

/* Begins a transaction, in a batch one within it; ends in store_commit() or store_rollback(). */
int store_begin(struct store *s, struct err *err) must_check;

/* The statements of store_audit_list(), which a test has explained. */
extern const char audit_count_sql[], audit_list_sql[];
/* The same of store_log(). */
extern const char *const *const log_sql;
extern const size_t n_log_sql;

#define REVISION_COLUMNS \
	"rev, time, actor, actor_id, address, source, via, action, message, changes"
/* From a row of REVISION_COLUMNS. Texts on CTX. */
void revision_read(const void *ctx, struct stmt *st, struct revision *ret);

/* Of the revision's deadline, in its transaction. */
int apply_note_trial(struct apply *a, struct err *err) must_check;
/* Revisions LOW to HIGH that wait were undone by REV, in its transaction. */
int trials_undone(struct store *s, int64_t low, int64_t high, const struct revision *rev,
		  struct err *err) must_check;

/* -ERR_CORRUPT unless the schema is, object by object, what the program of that older VERSION made. */
int store_schema_was_ours(struct sql *db, int64_t version, struct err *err) must_check;
/* Brings the file's schema to SCHEMA_VERSION. */
int store_migrate(struct store *s, bool readonly, struct err *err) must_check;
/* All tables of the newest version, in the open transaction of an empty database. */
int store_create_schema(struct sql *db, struct err *err) must_check;
/* sql_schema_fn: the tables and indexes are ours, and there is nothing else. */
int store_schema_is_ours(struct sql *db, void *unused, struct err *err) must_check;

/* Writes RES (BEFORE: the row as it was, or NULL) with its secrets. */
int apply_write(struct apply *a, void *res, const void *before, struct err *err) must_check;
/* Turns ERR into a problem of change I about RES. */
void apply_problem(struct apply *a, size_t i, const void *res, const struct err *err);
/*
 * Starts recording; ends in apply_finish() or apply_abort(). 1 when the idempotency key is known:
 * then nothing was begun and the revision is the first one's.
 */
int apply_begin(struct apply *a, struct err *err) must_check;
void apply_abort(struct apply *a);
void touched_add(struct apply *a, const struct kind *k, void *before, void *after, size_t change);
/* '+', '~' or '-'. */
char touched_op(const struct touched *t);
/* 1 and the first revision when the actor's key is known, 0 when not. */
int apply_repeated(struct apply *a, struct err *err) must_check;
int apply_note_key(struct apply *a, struct err *err) must_check;
/* The audit row of the revision. */
int apply_audit(struct apply *a, struct err *err) must_check;
/*
 * For rules and what follows, when all rows stand: 1 and the resource, read once a commit; 0 when
 * there is none.
 */
int apply_find(struct apply *a, const struct kind *k, const char *key, void *ret_res,
	       struct err *err) must_check;
/* store_account_of() over apply_find(). */
int apply_account_of(struct apply *a, const void *res, const char **ret,
		     struct err *err) must_check;
/* Runs every rule over what was touched; problems are collected. */
int rules_check(struct apply *a, struct err *err) must_check;
/*
 * Ends APPLY: rules, revision, change and audit rows, changeset. 1 when the transaction stands open
 * with something in it, 0 when nothing changed (rolled back), or an error (rolled back).
 */
int apply_finish(struct apply *a, struct err *err) must_check;

#endif
