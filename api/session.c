#include "api/session.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "api/api.h"
#include "api/endpoint.h"
#include "api/logo.h"
#include "base/digest.h"

#define COOKIE "ncpx_session"

enum {
	TOKEN_BYTES = 32,
	AGENT_MAX = 255,
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS session(id TEXT PRIMARY KEY, user_id INTEGER NOT NULL, "
	"ip_address TEXT NOT NULL, user_agent TEXT, created INTEGER NOT NULL, expires INTEGER NOT NULL) "
	"STRICT, WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS session_user ON session(user_id);"
	"CREATE INDEX IF NOT EXISTS session_expires ON session(expires);"
	"CREATE TABLE IF NOT EXISTS token(id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, "
	"user_id INTEGER NOT NULL, name TEXT NOT NULL, scopes TEXT, created INTEGER NOT NULL, "
	"expires INTEGER, last_used INTEGER) STRICT;"
	"CREATE INDEX IF NOT EXISTS token_user ON token(user_id);";

int session_db_open(const void *ctx, const char *path, struct sql **ret, struct err *err)
{
	struct sql *db = NULL;
	int r = sql_open(ctx, path, SQL_CREATE, &db, err);

	if (r >= 0)
		r = sql_exec(db, schema, err);
	if (r >= 0)
		r = logo_db_open(db, err);
	if (r < 0) {
		(void)talloc_free(db);
		return err_wrap(err, "api.db");
	}
	*ret = db;
	return 0;
}

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

/* Who it is */

/* The digest of a token of the right form. */
static bool digest_of_token(const char *token, char hex[DIGEST_HEX_LEN + 1])
{
	struct digest d;

	if (!token || strlen(token) != SESSION_TOKEN_LEN ||
	    strspn(token, "0123456789abcdef") != SESSION_TOKEN_LEN)
		return false;
	d = digest_of(token, SESSION_TOKEN_LEN);
	digest_hex(&d, hex);
	return true;
}

static int gone(struct call *c, struct err *err)
{
	c->status = 401;
	return err_set(err, ERR_DENIED, "Unauthorized");
}

static enum role role_of(const char *name)
{
	if (strcmp(name, "admin") == 0)
		return ROLE_ADMIN;
	return strcmp(name, "reseller") == 0 ? ROLE_RESELLER : ROLE_USER;
}

/* Whose account is suspended is out, as the user itself would be. */
static int has_suspended_account(struct call *c, const char *username, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT 1 FROM account WHERE user=? AND status='suspended'", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, username);
	return sql_step(st, err);
}

int session_load_user(struct call *c, int64_t id, struct err *err)
{
	struct user *u = NULL;
	int r = store_get_id(c->ctx, c->store, &kind_user, id, &u, err);

	if (r == -ERR_NOTFOUND)
		return gone(c, err);
	if (r < 0)
		return r;
	if (strcmp(u->status, "active") != 0)
		return gone(c, err);
	if (strcmp(u->role, "user") == 0) {
		r = has_suspended_account(c, u->username, err);
		if (r != 0)
			return r < 0 ? r : gone(c, err);
	}
	c->who.role = role_of(u->role);
	c->who.id = u->base.id;
	c->who.username = u->username;
	c->who.email = u->email;
	c->who.theme = u->theme;
	return 0;
}

static int by_cookie(struct call *c, const char *token, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	int r;

	if (!digest_of_token(token, hex))
		return gone(c, err);
	r = sql_get(c->seat->db, "SELECT user_id FROM session WHERE id=? AND expires>?", &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, now());
	r = sql_step(st, err);
	if (r <= 0)
		return r < 0 ? r : gone(c, err);
	c->who.session = mem_str(c->ctx, hex);
	return session_load_user(c, sql_int(st, 0), err);
}

static int by_bearer(struct call *c, const char *token, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	int r;

	if (!digest_of_token(token, hex))
		return gone(c, err);
	r = sql_get(
		c->seat->db,
		"SELECT user_id, scopes FROM token WHERE digest=? AND (expires IS NULL OR expires>?)",
		&st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, now());
	r = sql_step(st, err);
	if (r <= 0)
		return r < 0 ? r : gone(c, err);
	c->who.scopes = mem_str(c->ctx, sql_text(st, 1));
	return session_load_user(c, sql_int(st, 0), err);
}

static bool same(const char *a, const char *b)
{
	struct digest x = digest_of(a, strlen(a)), y = digest_of(b, strlen(b));

	return digest_eq(&x, &y); /* digests tell nothing by the time they take */
}

/* The billing system's: header, or as the original also took it in the query. */
static int by_key(struct call *c, struct err *err)
{
	const char *shown = request_header(c->request, "X-WHMCS-Key");
	const char *enabled = NULL, *key = NULL;
	int r = call_setting(c, "whmcs_enabled", &enabled, err);

	if (!shown)
		shown = request_query(c->request, "whmcs_key");
	if (r >= 0)
		r = store_secret_get(c->ctx, c->store, "setting", "whmcs_api_key", "secret", &key,
				     err);
	if (r == -ERR_NOTFOUND || (r >= 0 && strcmp(enabled, "true") != 0)) {
		c->status = 403;
		return err_set(err, ERR_DENIED, "WHMCS integration is disabled");
	}
	if (r < 0)
		return r;
	if (!shown || !same(shown, key)) {
		c->status = 401;
		return err_set(err, ERR_DENIED, "Invalid API key");
	}
	c->who.role = ROLE_BILLING;
	return 0;
}

int session_authenticate(struct call *c, struct err *err)
{
	const char *bearer = request_header(c->request, "Authorization");
	const char *cookie = request_cookie(c->request, COOKIE);

	c->who = (struct caller){ .role = ROLE_NOBODY };
	if (c->endpoint->roles == ROLE_BILLING)
		return by_key(c, err);
	if (bearer && strncmp(bearer, "Bearer ", 7) == 0)
		return by_bearer(c, bearer + 7, err);
	return cookie ? by_cookie(c, cookie, err) : 0;
}

/* Making and ending */

static int put_session(struct call *c, const char *hex, int64_t user, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *agent = request_header(c->request, "User-Agent");
	int r = sql_get(
		c->seat->db,
		"INSERT INTO session(id, user_id, ip_address, user_agent, created, expires) "
		"VALUES(?,?,?,?,?,?)",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, user);
	sql_bind_text(st, 3, c->address);
	sql_bind_text(st, 4, agent ? mem_strn(c->ctx, agent, MIN(strlen(agent), AGENT_MAX)) : NULL);
	sql_bind_int(st, 5, now());
	sql_bind_int(st, 6, now() + SESSION_S);
	return sql_run(st, err);
}

static int forget_expired(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "DELETE FROM session WHERE expires<=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, now());
	return sql_run(st, err);
}

int session_start(struct call *c, int64_t user, struct err *err)
{
	uint8_t bytes[TOKEN_BYTES];
	char token[SESSION_TOKEN_LEN + 1], hex[DIGEST_HEX_LEN + 1];
	struct digest random;
	int r;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_sys(err, "get random bytes");
	memcpy(random.b, bytes, sizeof(bytes));
	digest_hex(&random, token);
	if (!digest_of_token(token, hex))
		return err_set(err, ERR_CORRUPT, "a token has a wrong form");
	r = forget_expired(c, err);
	if (r >= 0)
		r = put_session(c, hex, user, err);
	if (r < 0)
		return r;
	call_header(c, "Set-Cookie",
		    mem_fmt(c->ctx, COOKIE "=%s; Path=/; Max-Age=%d; %sHttpOnly; SameSite=Strict",
			    token, SESSION_S, request_is_tls(c->request) ? "Secure; " : ""));
	explicit_bzero(token, sizeof(token));
	return 0;
}

static int run_count(struct sql *db, struct stmt *st, struct err *err)
{
	int r = sql_run(st, err);

	return r < 0 ? r : (int)sql_changes(db);
}

int session_end(struct call *c, const char *handle, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "DELETE FROM session WHERE id=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, handle);
	return run_count(c->seat->db, st, err);
}

int session_end_user(struct call *c, int64_t user, const char *keep, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "DELETE FROM session WHERE user_id=? AND id<>?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, user);
	sql_bind_text(st, 2, keep ? keep : "");
	return run_count(c->seat->db, st, err);
}

int session_end_all(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "DELETE FROM session", &st, err);

	return r < 0 ? r : run_count(c->seat->db, st, err);
}
