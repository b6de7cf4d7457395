#include "api/apidb.h"

#include <sys/random.h>
#include <talloc.h>

enum {
	VERSION = 1
};

/* What version 0 had; an older file has it already. */
static const char schema_0[] =
	"CREATE TABLE IF NOT EXISTS session(id TEXT PRIMARY KEY, user_id INTEGER NOT NULL, "
	"ip_address TEXT NOT NULL, user_agent TEXT, created INTEGER NOT NULL, expires INTEGER NOT NULL) "
	"STRICT, WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS session_user ON session(user_id);"
	"CREATE INDEX IF NOT EXISTS session_expires ON session(expires);";

/*
 * 1: a session says of which password it is (those from before are of none, and end); tokens, which
 * nothing could make before; second factors; wrong guesses and addresses that are known; logos.
 */
static const char to_1[] =
	"ALTER TABLE session ADD pw_rev INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX session_user; CREATE INDEX session_user ON session(user_id, expires);"
	"DROP TABLE IF EXISTS token;"
	"CREATE TABLE token(id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, "
	"user_id INTEGER NOT NULL, name TEXT NOT NULL, hint TEXT NOT NULL, scopes TEXT NOT NULL, "
	"created INTEGER NOT NULL, expires INTEGER, last_used INTEGER) STRICT;"
	"CREATE INDEX token_user ON token(user_id);"
	"CREATE INDEX token_expires ON token(expires);"
	"CREATE TABLE totp(user_id INTEGER PRIMARY KEY, secret BLOB, pending BLOB, "
	"last_step INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE TABLE recovery(user_id INTEGER NOT NULL, digest TEXT NOT NULL, "
	"PRIMARY KEY(user_id, digest)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE guess(id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, "
	"is_user INTEGER NOT NULL, time INTEGER NOT NULL) STRICT;"
	"CREATE INDEX guess_who ON guess(who, time);"
	"CREATE INDEX guess_time ON guess(time);"
	"CREATE INDEX guess_nobody ON guess(is_user, id);"
	"CREATE TABLE known(user_id INTEGER NOT NULL, address TEXT NOT NULL, time INTEGER NOT NULL, "
	"PRIMARY KEY(user_id, address)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX known_time ON known(time);"
	"CREATE TABLE logo(reseller TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, "
	"extension TEXT NOT NULL, created INTEGER NOT NULL, data BLOB NOT NULL) STRICT;"
	"PRAGMA user_version=1;";

static int bring_on(struct sql *db, struct err *err)
{
	int64_t version = 0;
	int r = sql_version(db, &version, err);

	if (r < 0 || version == VERSION)
		return r;
	if (version > VERSION)
		return err_set(err, ERR_CONFLICT,
			       "it has version %lld; this program knows versions up to %d: "
			       "install the newer NovaCPX again",
			       (long long)version, VERSION);
	r = sql_begin(db, err);
	if (r < 0)
		return r;
	r = sql_version(db, &version, err); /* again: another thread may have done it meanwhile */
	if (r >= 0 && version == 0)
		r = sql_exec(db, schema_0, err);
	if (r >= 0 && version == 0)
		r = sql_exec(db, to_1, err);
	if (r >= 0)
		r = sql_commit(db, err);
	if (r < 0)
		sql_rollback(db);
	return r;
}

int apidb_open(const void *ctx, const char *path, struct sql **ret, struct err *err)
{
	struct sql *db = NULL;
	int r = sql_open(ctx, path, SQL_CREATE, &db, err);

	if (r >= 0)
		r = bring_on(db, err);
	if (r < 0) {
		(void)talloc_free(db);
		return err_wrap(err, "api.db");
	}
	*ret = db;
	return 0;
}

static int run(struct sql *db, struct stmt *st, struct err *err)
{
	int r = sql_run(st, err);

	return r < 0 ? r : (int)sql_changes(db);
}

int apidb_run_ints(struct sql *db, const char *text, const int64_t *nums, size_t n, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, text, &st, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		sql_bind_int(st, (int)i + 1, nums[i]);
	return run(db, st, err);
}

int apidb_run_text(struct sql *db, const char *text, int64_t num, const char *word, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, text, &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, num);
	sql_bind_text(st, 2, word);
	return run(db, st, err);
}

int apidb_random(void *ret, size_t len, struct err *err)
{
	return getrandom(ret, len, 0) == (ssize_t)len ? 0 : err_sys(err, "get random bytes");
}
