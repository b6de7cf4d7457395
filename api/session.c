#include "api/session.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/api.h"
#include "api/apidb.h"
#include "api/endpoint.h"
#include "api/logo.h"
#include "api/portal.h"
#include "base/digest.h"

#define COOKIE "ncpx_session"

enum {
	AGENT_MAX = 255,
	TOKEN_NOTED_S = 60, /* its use is written down no more often */
};

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

bool session_token_digest(const char *token, char hex[DIGEST_HEX_LEN + 1])
{
	size_t head = strlen(TOKEN_PREFIX);

	return strncmp(token, TOKEN_PREFIX, head) == 0 && digest_of_token(token + head, hex);
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

/* Where it is set so, each port of the panel is for one role; tokens know no portals. */
static bool is_portal_of(struct call *c, enum role role)
{
	const struct portal *portal;

	if (!c->request || c->who.scopes || !live_int(c->api->live, LIVE_PORT_ROLES))
		return true;
	portal = portal_of_port(request_local_port(c->request));
	return !portal || portal->role == role;
}

int session_password_rev(struct call *c, const char *username, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT rev FROM secret WHERE kind='user' AND key=? AND field='password' "
			"AND dropped=0",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, username);
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
	return r < 0 ? r : 0;
}

/* What is left of sessions when another program has set the password: who holds on to one is out. */
static int end_outdated(const struct change_row *row, void *arg, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "outdated");
	struct seat *seat = arg;
	struct call c = { .ctx = tmp, .seat = seat, .store = seat->store };
	struct user *u = NULL;
	int64_t rev = 0;
	int r;

	if (strcmp(row->kind, kind_user.name) != 0)
		return 0;
	r = store_get(tmp, seat->store, &kind_user, row->key, &u, err);
	if (r >= 0)
		r = session_password_rev(&c, u->username, &rev, err);
	if (r >= 0)
		r = apidb_run(seat->db, err, "DELETE FROM session WHERE user_id=?1 AND pw_rev<?2",
			      u->base.id, rev);
	if (r == -ERR_NOTFOUND)
		err_clear(err); /* gone: its sessions open nothing */
	return r < 0 && r != -ERR_NOTFOUND ? r : 0;
}

int session_end_outdated(struct seat *seat, int64_t from, int64_t to, struct err *err)
{
	return store_changes(seat->store, from, to, end_outdated, seat, err);
}

int session_is_current(struct call *c, const char *username, int64_t pw_rev, struct err *err)
{
	int64_t rev = 0;
	int r = session_password_rev(c, username, &rev, err);

	return r < 0 ? r : pw_rev >= rev;
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
	if (!is_portal_of(c, role_of(u->role)))
		return gone(c, err);
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
	r = sql_get(c->seat->db, "SELECT user_id, pw_rev FROM session WHERE id=? AND expires>?",
		    &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, now());
	r = sql_step(st, err);
	if (r <= 0)
		return r < 0 ? r : gone(c, err);
	c->who.session = mem_str(c->ctx, hex);
	r = session_load_user(c, sql_int(st, 0), err);
	if (r >= 0)
		r = session_is_current(c, c->who.username, sql_int(st, 1), err);
	return r == 0 ? gone(c, err) : r < 0 ? r : 0;
}

static int by_bearer(struct call *c, const char *token, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	int r;

	if (!session_token_digest(token, hex))
		return gone(c, err);
	r = sql_get(c->seat->db,
		    "SELECT user_id, scopes, id, last_used FROM token WHERE digest=? "
		    "AND (expires IS NULL OR expires>?)",
		    &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, now());
	r = sql_step(st, err);
	if (r <= 0)
		return r < 0 ? r : gone(c, err);
	c->who.scopes = mem_str(c->ctx, sql_text(st, 1));
	c->who.token = sql_int(st, 2);
	if (sql_int(st, 3) <= now() - TOKEN_NOTED_S)
		keeper_token_used(c->api->keeper, c->who.token);
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
	if (bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
		return by_bearer(c, bearer + 7, err);
	return cookie ? by_cookie(c, cookie, err) : 0;
}

/* Making and ending */

static int put_session(struct call *c, const char *hex, int64_t user, int64_t pw_rev,
		       int64_t seconds, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *agent = request_header(c->request, "User-Agent");
	int r = sql_get(
		c->seat->db,
		"INSERT INTO session(id, user_id, ip_address, user_agent, created, expires, pw_rev) "
		"VALUES(?,?,?,?,?,?,?)",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, user);
	sql_bind_text(st, 3, c->address);
	sql_bind_text(st, 4, agent ? mem_strn(c->ctx, agent, MIN(strlen(agent), AGENT_MAX)) : NULL);
	sql_bind_int(st, 5, now());
	sql_bind_int(st, 6, now() + seconds);
	sql_bind_int(st, 7, pw_rev);
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

int session_random(char ret[SESSION_TOKEN_LEN + 1], struct err *err)
{
	struct digest random;
	int r = apidb_random(random.b, sizeof(random.b), err);

	if (r >= 0)
		digest_hex(&random, ret);
	explicit_bzero(&random, sizeof(random));
	return r;
}

int session_start(struct call *c, int64_t user, int64_t pw_rev, struct err *err)
{
	int64_t seconds = live_int(c->api->live, LIVE_SESSION_HOURS) * 3600;
	char token[SESSION_TOKEN_LEN + 1], hex[DIGEST_HEX_LEN + 1];
	int r = session_random(token, err);

	if (r >= 0 && !digest_of_token(token, hex))
		r = err_set(err, ERR_CORRUPT, "a token has a wrong form");
	if (r >= 0)
		r = forget_expired(c, err);
	if (r >= 0)
		r = put_session(c, hex, user, pw_rev, seconds, err);
	if (r < 0)
		return r;
	call_header(c, "Set-Cookie",
		    mem_fmt(c->ctx,
			    COOKIE "=%s; Path=/; Max-Age=%" PRId64 "; %sHttpOnly; SameSite=Strict",
			    token, seconds, request_is_tls(c->request) ? "Secure; " : ""));
	explicit_bzero(token, sizeof(token));
	return 0;
}

static int run_count(struct sql *db, struct stmt *st, struct err *err)
{
	int r = sql_run(st, err);

	return r < 0 ? r : (int)sql_changes(db);
}

int session_user(struct call *c, const char *handle, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT user_id FROM session WHERE id=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, handle);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r;
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

int session_new_password(struct call *c, int64_t user, struct err *err)
{
	const char *mine = user == c->who.id ? c->who.session : NULL;
	int r = session_end_user(c, user, mine, err);

	if (r >= 0 && mine)
		r = apidb_run_text(c->seat->db, "UPDATE session SET pw_rev=?1 WHERE id=?2", c->rev,
				   mine, err);
	return r < 0 ? r : 0;
}
