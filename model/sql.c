#include "model/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/sql_priv.h"

enum {
	BUSY_MS = 10000
};

struct stmt {
	struct sql *db;
	sqlite3_stmt *st;
	const char *text;
	struct stmt *next; /* free ones of the same text */
};

/* Idle statements of one text. Texts are told apart by where they lie: they outlive the database. */
struct idle {
	const char *text;
	struct stmt *first;
};

struct sql {
	sqlite3 *handle;
	struct idle *idle; /* open addressing, a power of two */
	size_t n_texts, n_slots;
	int dir; /* of a guarded one: SQLite's paths lead through it */
	sql_schema_fn *check;
	void *check_arg;
	int64_t checked; /* the schema that was checked */
};

static int sql_close(struct sql *db)
{
	sqlite3_stmt *st;

	while ((st = sqlite3_next_stmt(db->handle, NULL)))
		(void)sqlite3_finalize(st); /* its error was told when it was stepped */
	(void)sqlite3_close_v2(db->handle);
	fd_close(&db->dir); /* after it: closing may remove the log */
	return 0;
}

sqlite3 *sql_handle(struct sql *db)
{
	return db->handle;
}

int(sql_fail)(struct sql *db, struct err *err, const char *what)
{
	int rc = sqlite3_errcode(db->handle);

	switch (rc) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BUSY, "%s: the database is locked by another process",
			       what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, ERR_CORRUPT, "%s: %s", what, sqlite3_errmsg(db->handle));
	case SQLITE_CONSTRAINT:
		return err_set(err, ERR_CONFLICT, "%s: %s", what, sqlite3_errmsg(db->handle));
	default: return err_set(err, ERR_SYSTEM, "%s: %s", what, sqlite3_errmsg(db->handle));
	}
}

/* What no database of ours has is not run, whoever wrote it into the file. */
static void restrain(struct sql *db)
{
	static const int rows[][2] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		(void)sqlite3_db_config(db->handle, rows[i][0], rows[i][1], NULL);
	(void)sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
}

/* Of a guarded one they run only when all of the schema was found ours. */
static void allow_triggers(struct sql *db, int allowed)
{
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, allowed, NULL);
}

static int set_up(struct sql *db, unsigned flags, struct err *err)
{
	int r = 0;

	(void)sqlite3_extended_result_codes(db->handle, 0);
	(void)sqlite3_busy_timeout(db->handle, BUSY_MS);
	restrain(db);
	if (db->dir >= 0)
		allow_triggers(db, 0);
	if (!(flags & SQL_READONLY))
		r = sql_exec(db, "PRAGMA journal_mode=WAL", err);
	if (r >= 0 && !(flags & SQL_READONLY))
		r = sql_exec(db,
			     flags & SQL_DURABLE ? "PRAGMA synchronous=FULL"
						 : "PRAGMA synchronous=NORMAL",
			     err);
	if (r >= 0)
		r = sql_exec(db, "PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY", err);
	return r;
}

/* DIR is closed with it. */
static int open_path(const void *ctx, const char *path, const char *vfs, int dir, unsigned flags,
		     struct sql **ret, struct err *err)
{
	struct sql *db = mem_new(ctx, struct sql);
	int oflags = flags & SQL_READONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int r = 0;

	db->dir = dir;
	db->checked = -1;
	talloc_set_destructor(db, sql_close);
	oflags |= SQLITE_OPEN_NOMUTEX; /* a connection is one thread's */
	if (flags & SQL_CREATE)
		oflags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &db->handle, oflags, vfs) != SQLITE_OK)
		r = err_set(err, ERR_SYSTEM, "open database %s: %s", path,
			    db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
	else if (set_up(db, flags, err) < 0)
		r = err_wrap(err, "open database %s", path);
	if (r < 0) {
		(void)talloc_free(db);
		return r;
	}
	*ret = db;
	return 0;
}

/* Nothing of ours lies in /var/tmp for a while: refused, and of no use, once SQLite runs. */
static void set_library(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

int sql_open(const void *ctx, const char *path, unsigned flags, struct sql **ret, struct err *err)
{
	set_library();
	return open_path(ctx, path, NULL, -1, flags, ret, err);
}

int sql_open_guarded(const void *ctx, int dir, const char *name, struct sql **ret, struct err *err)
{
	cleanup_(mem_freep) char *path = NULL;
	int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	struct sql *db;
	int r;

	if (fd < 0)
		return err_sys(err, "folder of %s", name);
	set_library();
	path = mem_fmt(NULL, "/proc/self/fd/%d/%s", fd, name);
	r = open_path(ctx, path, sql_guard_vfs(), fd, SQL_DURABLE, &db, err);
	if (r < 0)
		return sql_guard_explain(dir, name, err);
	r = sql_exec(db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0", err);
	if (r >= 0)
		*ret = db;
	return r;
}

void sql_check_schema(struct sql *db, sql_schema_fn *fn, void *arg)
{
	db->check = fn;
	db->check_arg = arg;
	db->checked = -1;
}

/* In the snapshot of the transaction that has just begun. */
static int check_schema(struct sql *db, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int64_t version;
	int r;

	if (!db->check)
		return 0;
	r = sql_get(db, "PRAGMA schema_version", &st, err);
	if (r >= 0)
		r = sql_step(st, err);
	if (r < 0)
		return r;
	version = sql_int(st, 0);
	(void)sqlite3_reset(st->st);
	if (version == db->checked)
		return 0;
	allow_triggers(db, 0);
	db->checked = -1;
	r = db->check(db, db->check_arg, err);
	if (r < 0)
		return r;
	allow_triggers(db, 1);
	db->checked = version;
	return 0;
}

int sql_exec(struct sql *db, const char *text, struct err *err)
{
	char *msg = NULL;
	int r = 0;

	if (sqlite3_exec(db->handle, text, NULL, NULL, &msg) != SQLITE_OK)
		r = sql_fail(db, err, "database");
	sqlite3_free(msg);
	return r;
}

static struct idle *probe(const struct sql *db, const char *text)
{
	size_t i = ((uintptr_t)text >> 3) * 2654435761U & (db->n_slots - 1);

	while (db->idle[i].text && db->idle[i].text != text)
		i = (i + 1) & (db->n_slots - 1);
	return &db->idle[i];
}

static void more_slots(struct sql *db)
{
	struct idle *old = db->idle;
	size_t n = db->n_slots;

	db->n_slots = n ? n * 2 : 64;
	db->idle = mem_zero(db, db->n_slots * sizeof(*db->idle));
	for (size_t i = 0; i < n; i++) {
		if (old[i].text)
			*probe(db, old[i].text) = old[i];
	}
	if (old)
		(void)talloc_free(old);
}

static struct idle *idle_of(struct sql *db, const char *text)
{
	struct idle *slot;

	if (db->n_texts * 2 >= db->n_slots)
		more_slots(db);
	slot = probe(db, text);
	if (!slot->text) {
		slot->text = text;
		db->n_texts++;
	}
	return slot;
}

int sql_get(struct sql *db, const char *text, struct stmt **ret, struct err *err)
{
	struct idle *slot = idle_of(db, text);
	struct stmt *st = slot->first;

	if (st) {
		slot->first = st->next;
		*ret = st;
		return 0;
	}
	st = mem_new(db, struct stmt);
	st->db = db;
	st->text = text;
	if (sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &st->st, NULL) !=
	    SQLITE_OK) {
		(void)talloc_free(st);
		return sql_fail(db, err, "database statement");
	}
	*ret = st;
	return 0;
}

void sql_done(struct stmt **stp)
{
	struct stmt *st = *stp;
	struct idle *slot;

	if (!st)
		return;
	(void)sqlite3_reset(st->st);
	(void)sqlite3_clear_bindings(st->st);
	slot = idle_of(st->db, st->text);
	st->next = slot->first;
	slot->first = st;
	*stp = NULL;
}

/* Binding fails only for our own wrong column numbers or out of memory. */
static void must(int rc)
{
	if (rc != SQLITE_OK)
		abort();
}

void sql_bind_int(struct stmt *st, int col, int64_t num)
{
	must(sqlite3_bind_int64(st->st, col, num));
}

void sql_bind_text(struct stmt *st, int col, const char *s)
{
	must(s ? sqlite3_bind_text(st->st, col, s, -1, SQLITE_STATIC)
	       : sqlite3_bind_null(st->st, col));
}

void sql_bind_blob(struct stmt *st, int col, const void *data, size_t len)
{
	must(data ? sqlite3_bind_blob64(st->st, col, data, len, SQLITE_STATIC)
		  : sqlite3_bind_null(st->st, col));
}

int sql_step(struct stmt *st, struct err *err)
{
	switch (sqlite3_step(st->st)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: return 0;
	default: return sql_fail(st->db, err, "database");
	}
}

int sql_run(struct stmt *st, struct err *err)
{
	int r = sql_step(st, err);

	(void)sqlite3_reset(st->st);
	return r < 0 ? r : 0;
}

bool sql_is_null(struct stmt *st, int col)
{
	return sqlite3_column_type(st->st, col) == SQLITE_NULL;
}

int64_t sql_int(struct stmt *st, int col)
{
	return sqlite3_column_int64(st->st, col);
}

const char *sql_text(struct stmt *st, int col)
{
	return (const char *)sqlite3_column_text(st->st, col);
}

const void *sql_blob(struct stmt *st, int col, size_t *ret_len)
{
	const void *p = sqlite3_column_blob(st->st, col);

	*ret_len = (size_t)sqlite3_column_bytes(st->st, col);
	return p;
}

int64_t sql_changes(struct sql *db)
{
	return sqlite3_changes64(db->handle);
}

int64_t sql_last_id(struct sql *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int sql_do(struct sql *db, const char *text, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, text, &st, err);

	return r < 0 ? r : sql_run(st, err);
}

static int begin(struct sql *db, const char *text, struct err *err)
{
	int r = sql_do(db, text, err);

	if (r < 0)
		return r;
	r = check_schema(db, err);
	if (r < 0)
		sql_rollback(db);
	return r;
}

int sql_begin(struct sql *db, struct err *err)
{
	return begin(db, "BEGIN IMMEDIATE", err);
}

bool sql_in_txn(struct sql *db)
{
	return sqlite3_get_autocommit(db->handle) == 0;
}

int sql_begin_reading(struct sql *db, struct err *err)
{
	int r;

	if (sql_in_txn(db))
		return 0;
	r = begin(db, "BEGIN", err);
	return r < 0 ? r : 1;
}

int sql_commit(struct sql *db, struct err *err)
{
	int r;

	if (fault_point("commit"))
		return err_sys(err, "commit to %s", sqlite3_db_filename(db->handle, "main"));
	r = sql_do(db, "COMMIT", err);
	(void)fault_point("committed"); /* only to be killed at */
	return r;
}

void sql_rollback(struct sql *db)
{
	struct err ignored = ERR_INIT;

	if (sql_in_txn(db) && sql_exec(db, "ROLLBACK", &ignored) < 0)
		return; /* nothing is lost: the connection ends it anyway */
}

int sql_version(struct sql *db, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "PRAGMA user_version", &st, err);

	if (r < 0)
		return r;
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}
