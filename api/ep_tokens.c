/*
 * tokens: what programs show instead of a session, as Authorization: Bearer.
 *
 * A token is told once, when it is made; kept is its SHA-256. It acts as its
 * owner within its scopes (scope.h), passes a second factor by, and stays when
 * the owner's password changes. Who may see a user may see and revoke the
 * user's tokens; a token is made for its maker alone.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "api/api.h"
#include "api/apidb.h"
#include "api/own.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/scope.h"
#include "api/session.h"

enum {
	TOKENS_MAX = 100, /* of a user */
	SHOWN_MAX = 200,
	NAME_MAX_LEN = 64,
	HINT_LEN = 13, /* of the token, to tell it from others: prefix and 8 digits */
	DAY_S = 86400,
};

static const struct param create_params[] = {
	{ .name = "name", .flags = PARAM_REQUIRED, .doc = "What it is for, for people." },
	{ .name = "scopes",
	  .type = PARAM_LIST,
	  .flags = PARAM_REQUIRED,
	  .doc = "What it may do, such as dns:read, accounts, *:read; tokens/scopes lists them." },
	{ .name = "expires_days",
	  .type = PARAM_INT,
	  .min = 1,
	  .max = 3650,
	  .doc = "Days after which it ends; not given: never." },
};
static const struct param revoke_params[] = {
	{ .name = "id",
	  .type = PARAM_INT,
	  .flags = PARAM_REQUIRED,
	  .doc = "The token, as list shows it." },
};

#define USER_PARAM(doc_)                                                                         \
	{                                                                                        \
		.name = "user_id", .type = PARAM_REF, .flags = PARAM_BY_KEY, .kind = &kind_user, \
		.doc = (doc_)                                                                    \
	}

static const struct param list_params[] = {
	USER_PARAM("Whose; not given: one's own, for admins all."),
};
static const struct param all_params[] = { USER_PARAM("Whose; not given: one's own.") };

/* Reading */

static int put_token(struct call *c, struct stmt *st, struct err *err)
{
	struct user *u = NULL;
	int r = store_get_id(c->ctx, c->store, &kind_user, sql_int(st, 1), &u, err);

	if (r == -ERR_NOTFOUND)
		err_clear(err);
	else if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "id", sql_int(st, 0));
	jsonw_int(&c->w, "user_id", sql_int(st, 1));
	jsonw_text(&c->w, "username", u ? u->username : NULL);
	jsonw_text(&c->w, "name", sql_text(st, 2));
	jsonw_text(&c->w, "hint", sql_text(st, 3));
	jsonw_text(&c->w, "scopes", sql_text(st, 4));
	jsonw_time(&c->w, "created_at", sql_int(st, 5));
	jsonw_time(&c->w, "expires_at", sql_int(st, 6));
	jsonw_time(&c->w, "last_used_at", sql_int(st, 7));
	jsonw_close(&c->w, '}');
	return 0;
}

#define TOKEN_COLUMNS \
	"SELECT id, user_id, name, hint, scopes, created, expires, last_used FROM token "

static int list(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	bool is_all = c->who.role == ROLE_ADMIN && !call_has(c, "user_id");
	int r = sql_get(c->seat->db,
			is_all ? TOKEN_COLUMNS "ORDER BY id DESC LIMIT ?1"
			       : TOKEN_COLUMNS "WHERE user_id=?2 ORDER BY id DESC LIMIT ?1",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, SHOWN_MAX);
	if (!is_all)
		sql_bind_int(st, 2, call_int(c, "user_id", c->who.id));
	jsonw_open(&c->w, NULL, '[');
	while ((r = sql_step(st, err)) > 0) {
		r = put_token(c, st, err);
		if (r < 0)
			return r;
	}
	jsonw_close(&c->w, ']');
	return r;
}

static void put_scope(const char *scope, const char *doc, void *arg)
{
	struct call *c = arg;

	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "scope", scope);
	jsonw_text(&c->w, "actions", doc);
	jsonw_close(&c->w, '}');
}

static int scopes(struct call *c, struct err *err)
{
	(void)err;
	jsonw_open(&c->w, NULL, '[');
	scope_each(c->ctx, c->who.role, put_scope, c);
	jsonw_close(&c->w, ']');
	return 0;
}

/* Making */

static int invalid(struct call *c, const char *param, struct err *err)
{
	c->status = 422;
	call_problem(c, param, err->msg);
	return -(int)err->code;
}

static int check_name(struct call *c, const char *name, struct err *err)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++) {
		if (iscntrl((unsigned char)*p))
			len = 0;
	}
	if (len >= 1 && len <= NAME_MAX_LEN)
		return 0;
	(void)err_set(err, ERR_INVALID,
		      "name: found %zu bytes, allowed are 1 to %d without control characters",
		      strlen(name), NAME_MAX_LEN);
	return invalid(c, "name", err);
}

static int check_count(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT count(*) FROM token WHERE user_id=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, c->who.id);
	r = sql_step(st, err);
	if (r > 0 && sql_int(st, 0) >= TOKENS_MAX)
		return err_set(err, ERR_DENIED,
			       "You have %d tokens, which is the limit; revoke one", TOKENS_MAX);
	return r < 0 ? r : 0;
}

static int insert(struct call *c, const char *token, const char *words, int64_t *ret_expires,
		  struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	int64_t now = (int64_t)time(NULL), days = call_int(c, "expires_days", 0);
	int r = sql_get(c->seat->db,
			"INSERT INTO token(digest, user_id, name, hint, scopes, created, expires) "
			"VALUES(?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	if (!session_token_digest(token, hex))
		return err_set(err, ERR_CORRUPT, "a token has a wrong form");
	sql_bind_text(st, 1, hex);
	sql_bind_int(st, 2, c->who.id);
	sql_bind_text(st, 3, call_text(c, "name", ""));
	sql_bind_text(st, 4, mem_strn(c->ctx, token, HINT_LEN));
	sql_bind_text(st, 5, words);
	sql_bind_int(st, 6, now);
	*ret_expires = days ? now + days * DAY_S : 0;
	if (days)
		sql_bind_int(st, 7, *ret_expires);
	return sql_run(st, err);
}

static int create(struct call *c, struct err *err)
{
	const struct value *wanted = &call_arg(c, "scopes")->value;
	char digits[SESSION_TOKEN_LEN + 1];
	const char *words = NULL, *token;
	int64_t expires = 0, id;
	int r = check_name(c, call_text(c, "name", ""), err);

	if (r < 0)
		return r;
	r = scope_canon(c->ctx, wanted->items, wanted->n, c->who.role, c->who.scopes, &words, err);
	if (r == -ERR_INVALID)
		return invalid(c, "scopes", err);
	if (r >= 0)
		r = check_count(c, err);
	if (r >= 0)
		r = session_random(digits, err);
	if (r < 0)
		return r;
	token = mem_fmt(c->ctx, TOKEN_PREFIX "%s", digits);
	r = insert(c, token, words, &expires, err);
	explicit_bzero(digits, sizeof(digits));
	if (r < 0)
		return r;
	id = sql_last_id(c->seat->db);
	c->resource = mem_fmt(c->ctx, "token/%lld", (long long)id);
	c->message = "This is the only time the token is shown";
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "id", id);
	jsonw_text(&c->w, "token", token);
	jsonw_text(&c->w, "scopes", words);
	jsonw_time(&c->w, "expires_at", expires);
	jsonw_close(&c->w, '}');
	return 0;
}

/* Revoking */

static int owner_of(struct call *c, int64_t token, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT user_id FROM token WHERE id=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, token);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r;
}

static int revoke(struct call *c, struct err *err)
{
	int64_t id = call_int(c, "id", 0), owner = 0;
	struct user *u = NULL;
	int r = owner_of(c, id, &owner, err);

	/* an admin also ends those of a user who is gone */
	if (r > 0 && c->who.role != ROLE_ADMIN)
		r = own_get(c, &kind_user, owner, OWN_CHANGE, &u, err) < 0 ? -(int)err->code : 1;
	if (r == 0 || r == -ERR_NOTFOUND)
		return err_set(err, ERR_NOTFOUND, "Token not found");
	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "token/%lld", (long long)id);
	r = apidb_run(c->seat->db, err, "DELETE FROM token WHERE id=?", id);
	return r < 0 ? r : 0;
}

static int revoke_all(struct call *c, struct err *err)
{
	int64_t user = call_int(c, "user_id", c->who.id);
	int r = apidb_run(c->seat->db, err, "DELETE FROM token WHERE user_id=?", user);

	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "user/%s", call_text(c, "user_id", c->who.username));
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "revoked", r);
	jsonw_close(&c->w, '}');
	return 0;
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(list_params),
	  .returns = "[id user_id username name hint scopes created_at expires_at last_used_at]",
	  .run = list,
	  .doc = "Tokens, the newest 200, without what is secret of them." },
	{ .action = "scopes",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .returns = "[scope actions]",
	  .run = scopes,
	  .doc = "Scopes that a token of the caller's can have, and the actions of each. A resource "
		 "alone stands for its read and write; *, *:read, *:write for those of all; "
		 "credentials are only had by name." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED | EP_CREDENTIALS,
	  .op = EP_CUSTOM,
	  PARAMS(create_params),
	  .returns = "id token scopes expires_at",
	  .audit = "token.create",
	  .run = create,
	  .doc = "Makes a token for the caller, which is shown this once. It may do what its scopes "
		 "say as far as its owner may, and stays when the owner's password changes." },
	{ .action = "revoke",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(revoke_params),
	  .audit = "token.revoke",
	  .run = revoke,
	  .doc = "Ends a token, of the caller's or of a user in its care." },
	{ .action = "revoke-all",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(all_params),
	  .returns = "revoked",
	  .audit = "token.revoke-all",
	  .run = revoke_all,
	  .doc = "Ends all tokens of a user, such as after a password was lost." },
};

const struct resource resource_tokens = RESOURCE("tokens", rows, "Tokens for programs.");
