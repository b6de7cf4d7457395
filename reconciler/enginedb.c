#include "reconciler/enginedb.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Later versions bring their migrations here, as model.db has them: the manifest is more than a cache. */
enum {
	ENGINEDB_VERSION = 1
};

static const char schema[] =
	"CREATE TABLE artifact(scope TEXT NOT NULL, renderer TEXT NOT NULL, type INTEGER NOT NULL, "
	"path TEXT NOT NULL, resource TEXT NOT NULL, service TEXT, flags INTEGER NOT NULL, mode INTEGER NOT NULL, "
	"owner TEXT, grp TEXT, digest BLOB NOT NULL, stamp BLOB NOT NULL, serial INTEGER NOT NULL, serial_at INTEGER NOT NULL, "
	"rev INTEGER NOT NULL, PRIMARY KEY(scope, renderer, type, path)) STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX artifact_place ON artifact(path, type);"
	"CREATE TABLE condition(resource TEXT NOT NULL, part TEXT NOT NULL, type TEXT NOT NULL, "
	"reason TEXT NOT NULL, message TEXT NOT NULL, scope TEXT NOT NULL, rev INTEGER NOT NULL, "
	"since INTEGER NOT NULL, next_try INTEGER NOT NULL, attempts INTEGER NOT NULL, stale INTEGER NOT NULL DEFAULT 0, "
	"PRIMARY KEY(resource, part)) STRICT, WITHOUT ROWID; CREATE INDEX condition_scope ON condition(scope, part);"
	"CREATE TABLE journal(type INTEGER NOT NULL, path TEXT NOT NULL, temp TEXT, post BLOB, "
	"PRIMARY KEY(path, type)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE trash(name TEXT PRIMARY KEY, account TEXT NOT NULL, uid INTEGER NOT NULL, rev INTEGER NOT NULL, "
	"time INTEGER NOT NULL, path TEXT NOT NULL, origin TEXT NOT NULL) STRICT;"
	"CREATE TABLE serial(path TEXT PRIMARY KEY, serial INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cursor(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

static const char later_schema[] =
	"CREATE TABLE IF NOT EXISTS owed(what TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS heal(type INTEGER NOT NULL, path TEXT NOT NULL, since INTEGER NOT NULL, "
	"n INTEGER NOT NULL, rev INTEGER NOT NULL, held INTEGER NOT NULL, PRIMARY KEY(path, type)) STRICT, "
	"WITHOUT ROWID";

int enginedb_open(const void *ctx, const char *path, struct sql **ret, struct err *err)
{
	struct sql *db;
	int64_t version = 0;
	int r = sql_open(ctx, path, SQL_CREATE, &db, err);

	if (r >= 0)
		r = sql_version(db, &version, err);
	if (r >= 0 && version == 0) {
		r = sql_begin(db, err);
		if (r >= 0)
			r = sql_exec(db, schema, err);
		if (r >= 0)
			r = sql_exec(db, "PRAGMA user_version=1", err);
		if (r >= 0)
			r = sql_commit(db, err);
	}
	if (r >= 0)
		r = sql_exec(db, later_schema, err);
	if (r >= 0 && version > ENGINEDB_VERSION)
		r = err_set(err, ERR_CONFLICT, "%s was written by a newer NovaCPX (version %lld)",
			    path, (long long)version);
	if (r < 0)
		return r;
	*ret = db;
	return 0;
}

struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.dev = (int64_t)st->st_dev,
		.ino = (int64_t)st->st_ino,
		.size = st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
	};
}

struct stamp stamp_of_dir(const struct stat *st)
{
	return (struct stamp){ .dev = (int64_t)st->st_dev, .ino = (int64_t)st->st_ino };
}

/* Manifest */

#define OWNED_COLUMNS \
	"scope, renderer, type, path, resource, service, flags, mode, owner, grp, digest, stamp, serial, rev, serial_at"

struct owned_cursor {
	struct stmt *st;
	char *scope;
};

static int owned_free(struct owned_cursor *c)
{
	sql_done(&c->st);
	return 0;
}

int owned_open(const void *ctx, struct sql *db, const char *scope, struct owned_cursor **ret,
	       struct err *err)
{
	struct owned_cursor *c = mem_new(ctx, struct owned_cursor);
	int r = sql_get(db,
			scope ? "SELECT " OWNED_COLUMNS
				" FROM artifact WHERE scope=? ORDER BY scope, renderer, type, path"
			      : "SELECT " OWNED_COLUMNS
				" FROM artifact ORDER BY scope, renderer, type, path",
			&c->st, err);

	if (r < 0) {
		(void)talloc_free(c);
		return r;
	}
	talloc_set_destructor(c, owned_free);
	if (scope) {
		c->scope = mem_str(c, scope);
		sql_bind_text(c->st, 1, c->scope);
	}
	*ret = c;
	return 0;
}

static void copy_blob(struct stmt *st, int col, void *to, size_t size)
{
	size_t len;
	const void *p = sql_blob(st, col, &len);

	memset(to, 0, size);
	if (p && len == size)
		memcpy(to, p, size);
}

static struct owned *read_owned(const void *ctx, struct stmt *st)
{
	struct owned *o = mem_new(ctx, struct owned);

	o->scope = mem_str(ctx, sql_text(st, 0));
	o->renderer = mem_str(ctx, sql_text(st, 1));
	o->type = (enum artifact_type)sql_int(st, 2);
	o->path = mem_str(ctx, sql_text(st, 3));
	o->resource = mem_str(ctx, sql_text(st, 4));
	o->service = mem_str(ctx, sql_text(st, 5));
	o->flags = (unsigned)sql_int(st, 6);
	o->mode = (mode_t)sql_int(st, 7);
	o->owner = mem_str(ctx, sql_text(st, 8));
	o->group = mem_str(ctx, sql_text(st, 9));
	copy_blob(st, 10, &o->digest, sizeof(o->digest));
	copy_blob(st, 11, &o->stamp, sizeof(o->stamp));
	o->serial = sql_int(st, 12);
	o->rev = sql_int(st, 13);
	o->serial_at = sql_int(st, 14);
	return o;
}

int owned_next(const void *ctx, struct owned_cursor *c, struct owned **ret, struct err *err)
{
	int r = sql_step(c->st, err);

	if (r > 0)
		*ret = read_owned(ctx, c->st);
	return r;
}

int owned_get(const void *ctx, struct sql *db, enum artifact_type type, const char *path,
	      struct owned **ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT " OWNED_COLUMNS " FROM artifact WHERE path=? AND type=?", &st,
			err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, path);
	sql_bind_int(st, 2, type);
	r = sql_step(st, err);
	if (r > 0)
		*ret = read_owned(ctx, st);
	return r < 0 ? r : r == 0 ? err_set(err, ERR_NOTFOUND, "%s is not ours", path) : 0;
}

int owned_put(struct sql *db, const struct owned *o, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db,
			"INSERT OR REPLACE INTO artifact(" OWNED_COLUMNS
			") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, o->scope);
	sql_bind_text(st, 2, o->renderer);
	sql_bind_int(st, 3, o->type);
	sql_bind_text(st, 4, o->path);
	sql_bind_text(st, 5, o->resource);
	sql_bind_text(st, 6, o->service);
	sql_bind_int(st, 7, o->flags);
	sql_bind_int(st, 8, o->mode);
	sql_bind_text(st, 9, o->owner);
	sql_bind_text(st, 10, o->group);
	sql_bind_blob(st, 11, &o->digest, sizeof(o->digest));
	sql_bind_blob(st, 12, &o->stamp, sizeof(o->stamp));
	sql_bind_int(st, 13, o->serial);
	sql_bind_int(st, 14, o->rev);
	sql_bind_int(st, 15, o->serial_at);
	return sql_run(st, err);
}

int owned_del(struct sql *db, enum artifact_type type, const char *path, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "DELETE FROM artifact WHERE path=? AND type=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, path);
	sql_bind_int(st, 2, type);
	return sql_run(st, err);
}

/* Serials */

int serial_recall(struct sql *db, const char *path, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT serial FROM serial WHERE path=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, path);
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
	return r < 0 ? r : 0;
}

int serial_remember(struct sql *db, const char *path, int64_t serial, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "INSERT OR REPLACE INTO serial(path, serial) VALUES(?,?)", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, path);
	sql_bind_int(st, 2, serial);
	return sql_run(st, err);
}

/* Cursors */

int cursor_get(struct sql *db, const char *name, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT value FROM cursor WHERE name=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
	return r < 0 ? r : 0;
}

int cursor_set(struct sql *db, const char *name, int64_t value, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	/* a pass without work leaves the file as it is */
	int r = sql_get(db,
			"INSERT INTO cursor(name, value) VALUES(?,?) ON CONFLICT DO UPDATE SET "
			"value=excluded.value WHERE value<>excluded.value",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	sql_bind_int(st, 2, value);
	return sql_run(st, err);
}

/* Conditions */

int condition_put(struct sql *db, const struct condition *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		db,
		"INSERT INTO condition(resource, part, type, reason, message, scope, rev, since, next_try, "
		"attempts) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,CASE WHEN ?10 THEN ?10 WHEN ?9 THEN ?9+1 ELSE 0 END,1) ON CONFLICT DO UPDATE "
		"SET since=CASE WHEN type=excluded.type AND reason=excluded.reason THEN since ELSE excluded.since END, "
		"next_try=CASE WHEN ?10 THEN ?10 WHEN ?9 THEN ?9+min(300, (1<<min(attempts,9))+abs(random())%(1+attempts)) ELSE 0 END, "
		"attempts=CASE WHEN stale THEN attempts+1 ELSE attempts END, stale=0, type=excluded.type, "
		"reason=excluded.reason, message=excluded.message, scope=excluded.scope, rev=excluded.rev",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, c->resource);
	sql_bind_text(st, 2, c->part ? c->part : "");
	sql_bind_text(st, 3, c->type);
	sql_bind_text(st, 4, c->reason);
	sql_bind_text(st, 5, c->message);
	sql_bind_text(st, 6, c->scope ? c->scope : "");
	sql_bind_int(st, 7, c->rev);
	sql_bind_int(st, 8, c->since);
	sql_bind_int(st, 9, c->next_try);
	sql_bind_int(st, 10, c->retry_at);
	return sql_run(st, err);
}

int condition_doubt(struct sql *db, const char *scope, const char *part, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "UPDATE condition SET stale=1 WHERE scope=? AND part=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, scope);
	sql_bind_text(st, 2, part);
	return sql_run(st, err);
}

int condition_sweep(struct sql *db, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "DELETE FROM condition WHERE stale=1", &st, err);

	return r < 0 ? r : sql_run(st, err);
}

int condition_each(struct sql *db, const char *resource, condition_fn *fn, void *arg,
		   struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		db,
		resource
			? "SELECT resource, part, type, reason, message, scope, rev, since, next_try, attempts "
			  "FROM condition WHERE resource=? ORDER BY resource, part"
			: "SELECT resource, part, type, reason, message, scope, rev, since, next_try, attempts "
			  "FROM condition ORDER BY resource, part",
		&st, err);

	if (r < 0)
		return r;
	if (resource)
		sql_bind_text(st, 1, resource);
	while ((r = sql_step(st, err)) > 0) {
		struct condition c = {
			.resource = sql_text(st, 0),
			.part = sql_text(st, 1),
			.type = sql_text(st, 2),
			.reason = sql_text(st, 3),
			.message = sql_text(st, 4),
			.scope = sql_text(st, 5),
			.rev = sql_int(st, 6),
			.since = sql_int(st, 7),
			.next_try = sql_int(st, 8),
			.attempts = sql_int(st, 9),
		};

		r = fn(&c, arg, err);
		if (r < 0)
			break;
	}
	return r;
}

int condition_count(struct sql *db, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT count(*) FROM condition", &st, err);

	if (r < 0)
		return r;
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
	return r < 0 ? r : 0;
}

/* Journal */

int journal_put(struct sql *db, enum artifact_type type, const char *path, const char *temp,
		const struct digest *post, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db,
			"INSERT OR REPLACE INTO journal(type, path, temp, post) VALUES(?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, type);
	sql_bind_text(st, 2, path);
	sql_bind_text(st, 3, temp);
	sql_bind_blob(st, 4, post, post ? sizeof(*post) : 0);
	return sql_run(st, err);
}

int journal_clear(struct sql *db, struct err *err)
{
	/* without a WHERE, SQLite empties the table's page even when it is empty, and a pass without work writes */
	return sql_do(db, "DELETE FROM journal WHERE true", err);
}

bool journal_has(struct sql *db, enum artifact_type type, const char *path)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (sql_get(db, "SELECT 1 FROM journal WHERE path=? AND type=?", &st, &ignored) < 0)
		return false; /* without proof it is not ours */
	sql_bind_text(st, 1, path);
	sql_bind_int(st, 2, type);
	return sql_step(st, &ignored) > 0;
}

int journal_each(struct sql *db, journal_fn *fn, void *arg, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT type, path, temp, post FROM journal ORDER BY path", &st, err);

	if (r < 0)
		return r;
	while ((r = sql_step(st, err)) > 0) {
		struct digest post;
		size_t len;
		const void *blob = sql_blob(st, 3, &len);

		copy_blob(st, 3, &post, sizeof(post));
		r = fn((enum artifact_type)sql_int(st, 0), sql_text(st, 1), sql_text(st, 2),
		       blob && len == sizeof(post) ? &post : NULL, arg, err);
		if (r < 0)
			break;
	}
	return r;
}
