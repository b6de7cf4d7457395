/*
 * A thin hand on SQLite: open, prepared statements kept for reuse, errors as
 * struct err. The only header besides model/store.c that stands for sqlite3.h;
 * the reconciler keeps engine.db through it.
 *
 * Statements come from sql_get() and go back by cleanup_(sql_done); the same
 * text may be in use several times at once. Values are always bound. Texts
 * read from a row live until the next step.
 */
#ifndef MODEL_SQL_H
#define MODEL_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sql;
struct stmt;

enum sql_flags {
	SQL_DURABLE = 1 << 0, /* synchronous=FULL: a commit survives a power cut */
	SQL_READONLY = 1 << 1,
	SQL_CREATE = 1 << 2,
};

int sql_open(const void *ctx, const char *path, unsigned flags, struct sql **ret,
	     struct err *err) must_check; /* closed with CTX or talloc_free */
/*
 * NAME in the folder DIR, which belongs to somebody with less rights than we have: it and what
 * SQLite keeps beside it are opened with the rights of DIR's owner, only as plain files of theirs
 * with one name, never through a link (sql_guard.c). It must be there, and in WAL mode.
 */
int sql_open_guarded(const void *ctx, int dir, const char *name, struct sql **ret,
		     struct err *err) must_check;
typedef int sql_schema_fn(struct sql *db, void *arg, struct err *err);
/* FN is asked when a transaction begins and the schema is not the one it passed before. */
void sql_check_schema(struct sql *db, sql_schema_fn *fn, void *arg);
/* PRAGMA user_version: which version of its schema the file has. */
int sql_version(struct sql *db, int64_t *ret, struct err *err) must_check;
/* One or several statements without values. */
int sql_exec(struct sql *db, const char *text, struct err *err) must_check;
/* One statement without values or rows, kept for the next time; TEXT as for sql_get(). */
int sql_do(struct sql *db, const char *text, struct err *err) must_check;
/* TEXT must live as long as DB when it is not a literal. */
int sql_get(struct sql *db, const char *text, struct stmt **ret, struct err *err) must_check;
void sql_done(struct stmt **st); /* resets and gives back */

void sql_bind_int(struct stmt *st, int col, int64_t num); /* columns from 1 */
void sql_bind_text(struct stmt *st, int col,
		   const char *s); /* NULL binds NULL; S lives until sql_done */
void sql_bind_blob(struct stmt *st, int col, const void *data, size_t len);
/* 1: a row; 0: no more; or an error. */
int sql_step(struct stmt *st, struct err *err) must_check;
/* Steps once where no row is expected, and resets for the next binding. */
int sql_run(struct stmt *st, struct err *err) must_check;
bool sql_is_null(struct stmt *st, int col); /* columns from 0 */
int64_t sql_int(struct stmt *st, int col);
const char *sql_text(struct stmt *st, int col); /* NULL for NULL */
const void *sql_blob(struct stmt *st, int col, size_t *ret_len);
int64_t sql_changes(struct sql *db);
int64_t sql_last_id(struct sql *db);

int sql_begin(struct sql *db, struct err *err) must_check; /* BEGIN IMMEDIATE */
/*
 * One snapshot for many reads, which then pay for one lock. 1 when it was begun (end it with
 * sql_rollback()), 0 when a transaction is open already.
 */
int sql_begin_reading(struct sql *db, struct err *err) must_check;
int sql_commit(struct sql *db, struct err *err) must_check;
void sql_rollback(struct sql *db);
bool sql_in_txn(struct sql *db);

#endif
