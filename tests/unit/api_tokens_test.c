/* API tokens: how they are made, what each may do, when they end. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/endpoint.h"
#include "api/scope.h"
#include "base/digest.h"
#include "base/fs.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

static void expect(struct panel_answer a, int status, const char *file, int line)
{
	if (a.status == status)
		return;
	print_error("%s\n", a.body);
	_assert_int_equal((uintmax_t)a.status, (uintmax_t)status, file, line);
}

#define EXPECT(a, status) expect((a), (status), __FILE__, __LINE__)

/* METHOD PATH with TOKEN and a JSON body. */
static struct panel_answer with(struct panel *p, const char *token, const char *method,
				const char *path, const char *body)
{
	return panel_ask(p, AS_NOBODY, method, path, body,
			 mem_fmt(p->ctx,
				 "Authorization: Bearer %s\r\nContent-Type: application/json\r\n",
				 token));
}

static struct panel_answer get(struct panel *p, const char *token, const char *path)
{
	return with(p, token, "GET", path, NULL);
}

static const char *text_at(const struct panel_answer *a, const char *name)
{
	const char *text = json_string_value(json_object_get(a->data, name));

	return text ? text : "";
}

/* What api.db says. */
static const char *db_text(struct panel *p, const char *text)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err err = ERR_INIT;
	struct seat *seat = NULL;

	assert_ok(api_seat(p->api, &seat, &err), &err);
	assert_ok(sql_get(seat->db, text, &st, &err), &err);
	if (sql_step(st, &err) <= 0 || !sql_text(st, 0))
		return "";
	return mem_str(p->ctx, sql_text(st, 0));
}

/* Making */

TEST(a_token_is_shown_once_and_kept_as_its_digest)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *token, *stored;
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "tokens/create",
		       "{\"name\":\"backup\",\"scopes\":\"email,dns:read,dns:read\"}");
	EXPECT(a, 200);
	token = text_at(&a, "token");
	assert_int_equal(strlen(token), 5 + 64);
	assert_memory_equal(token, "ncpx_", 5);
	assert_string_equal(text_at(&a, "scopes"), "dns:read email");
	d = digest_of(token + 5, 64);
	digest_hex(&d, hex);
	stored = db_text(&p, "SELECT digest FROM token WHERE name='backup'");
	assert_string_equal(stored, hex);
	EXPECT(get(&p, token, "dns/list"), 200);
	a = panel_get(&p, AS_JOHN, "tokens/list");
	EXPECT(a, 200);
	assert_null(strstr(a.body, token + 14));
	assert_contains(a.body, "\"name\":\"backup\"");
	assert_string_equal(panel_sql(&p, "SELECT actor || ' ' || resource FROM audit "
					  "WHERE action='token.create'"),
			    mem_fmt(p.ctx, "john token/%s",
				    db_text(&p, "SELECT id FROM token WHERE name='backup'")));
	assert_string_equal(panel_sql(&p,
				      "SELECT count(*) FROM audit WHERE detail LIKE '%ncpx_%' OR "
				      "resource LIKE '%ncpx_%'"),
			    "0");
	panel_stop(&p);
}

TEST(what_is_no_name_no_scope_or_no_days_is_named)
{
	static const struct {
		const char *body, *path;
	} rows[] = {
		{ "{\"name\":\"a\\nb\",\"scopes\":[\"dns\"]}", "/name" },
		{ "{\"name\":\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffffffggggg\","
		  "\"scopes\":[\"dns\"]}",
		  "/name" },
		{ "{\"name\":\"a\",\"scopes\":[]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns\",\"nosuch\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns:\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns:admin\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns:read:write\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\":read\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns email\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"*:credentials\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"DNS\"]}", "/scopes" },
		{ "{\"name\":\"a\",\"scopes\":[\"firewall:write\"]}", "/scopes" }, /* the admin's */
		{ "{\"name\":\"a\",\"scopes\":[\"dns\\u0000\"]}", "" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns\"],\"expires_days\":0}", "/expires_days" },
		{ "{\"name\":\"a\",\"scopes\":[\"dns\"],\"expires_days\":99999}", "/expires_days" },
	};
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct panel_answer a = panel_post(&p, AS_JOHN, "tokens/create", rows[i].body);

		if (!*rows[i].path) {
			assert_in_range(a.status, 400, 422);
			continue;
		}
		if (!panel_blames(&a, rows[i].path))
			fail_msg("%s: %d %s", rows[i].body, a.status, a.body);
		assert_in_range(a.status, 400, 422);
	}
	assert_string_equal(db_text(&p, "SELECT count(*) FROM token WHERE name<>'test'"), "0");
	panel_stop(&p);
}

TEST(nobody_has_more_than_a_hundred)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	panel_db(&p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<99) "
		     "INSERT INTO token(digest, user_id, name, hint, scopes, created) "
		     "SELECT i, 4, 'x', 'x', 'dns', 0 FROM n");
	a = panel_post(&p, AS_JOHN, "tokens/create", "{\"name\":\"a\",\"scopes\":[\"dns\"]}");
	EXPECT(a, 403);
	assert_contains(panel_message(&a), "100");
	a = panel_post(&p, AS_JANE, "tokens/create", "{\"name\":\"a\",\"scopes\":[\"dns\"]}");
	EXPECT(a, 200);
	panel_stop(&p);
}

/* What each may do */

static const struct {
	enum role role;
	enum panel_who who;
} owners[] = {
	{ ROLE_ADMIN, AS_ADMIN },
	{ ROLE_RESELLER, AS_RESEL },
	{ ROLE_USER, AS_JOHN },
};

static enum panel_who owner_of(const struct endpoint *ep)
{
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		if (ep->roles & owners[i].role)
			return owners[i].who;
	}
	return AS_NOBODY;
}

static struct panel_answer call(struct panel *p, const struct resource *res,
				const struct endpoint *ep, const char *token)
{
	return with(p, token, ep->methods & METHOD_GET ? "GET" : "POST",
		    mem_fmt(p->ctx, "%s/%s", res->name, ep->action), NULL);
}

static bool is_refused(const struct panel_answer *a)
{
	return a->status == 403 && strstr(panel_message(a), "The token lacks the scope");
}

/* Every scope there is but the one that the row needs. */
static const char *all_but(struct panel *p, const struct resource *res, const struct endpoint *ep)
{
	static const char *const access[] = { "read", "write", "credentials" };
	struct buf b = BUF_ON(p->ctx);

	for (size_t i = 0; i < n_resources; i++) {
		for (size_t k = 0; k < ARRAY_LEN(access); k++) {
			if (resources[i] != res || k != scope_access_of(ep))
				buf_printf(&b, "%s:%s ", resources[i]->name, access[k]);
		}
	}
	return buf_str(&b);
}

static void check_row(struct panel *p, const struct resource *res, const struct endpoint *ep,
		      enum panel_who who)
{
	const char *need = scope_needed(p->ctx, res, ep);
	struct panel_answer a = call(p, res, ep, panel_token(p, who, all_but(p, res, ep)));

	if (!is_refused(&a) || !strstr(panel_message(&a), need))
		fail_msg("%s/%s without %s: %d %s", res->name, ep->action, need, a.status, a.body);
	a = call(p, res, ep, panel_token(p, who, need));
	if (is_refused(&a) || a.status == 401)
		fail_msg("%s/%s with %s: %d %s", res->name, ep->action, need, a.status, a.body);
	a = call(p, res, ep, panel_token(p, who, "*"));
	if (is_refused(&a) != (scope_access_of(ep) == SCOPE_CREDENTIALS))
		fail_msg("%s/%s with *: %d %s", res->name, ep->action, a.status, a.body);
	a = call(p, res, ep, panel_token(p, who, res->name));
	if (is_refused(&a) != (scope_access_of(ep) == SCOPE_CREDENTIALS))
		fail_msg("%s/%s with %s: %d %s", res->name, ep->action, res->name, a.status,
			 a.body);
	a = call(p, res, ep, panel_token(p, who, "*:read"));
	if (is_refused(&a) != (scope_access_of(ep) != SCOPE_READ))
		fail_msg("%s/%s with *:read: %d %s", res->name, ep->action, a.status, a.body);
}

/* Without parameters: no call gets so far as to change what the next one finds, but for few. */
TEST(every_row_is_refused_to_a_token_without_its_scope_and_admitted_with_it)
{
	struct panel p = { 0 };
	size_t n = 0;

	panel_start(&p);
	ENDPOINT_FOREACH(res, ep)
	{
		if ((ep->roles & ROLE_NOBODY) || ep->roles == ROLE_BILLING)
			continue; /* anybody's, the bridge's */
		if (strcmp(ep->action, "revoke-all") == 0 || strcmp(ep->action, "totp-setup") == 0)
			continue; /* ends what is to be tried next; looked at below */
		check_row(&p, res, ep, owner_of(ep));
		n++;
	}
	assert_true(n > 90);
	panel_stop(&p);
}

TEST(ending_all_sessions_or_tokens_needs_its_scope_too)
{
	static const char *const rows[] = { "sessions/revoke-all", "auth/totp-setup",
					    "tokens/revoke-all" };
	static const char *const scopes[] = { "sessions:write", "auth:credentials",
					      "tokens:write" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct panel_answer a =
			with(&p, panel_token(&p, AS_ADMIN, "*:read dns"), "POST", rows[i], NULL);

		assert_true(is_refused(&a));
		a = with(&p, panel_token(&p, AS_RESEL, scopes[i]), "POST", rows[i], NULL);
		assert_int_equal(a.status, i == 0 ? 403 : 200); /* the first is the admin's */
		assert_false(is_refused(&a));
	}
	panel_stop(&p);
}

TEST(what_anybody_may_a_token_may_as_anybody)
{
	struct panel p = { 0 };
	const char *token;

	panel_start(&p);
	token = panel_token(&p, AS_ADMIN, "dns:read");
	EXPECT(get(&p, token, "system/version"), 200);
	EXPECT(get(&p, token, "/healthz"), 200);
	EXPECT(with(&p, token, "POST", "auth/login",
		    "{\"username\":\"john\",\"password\":\"" PANEL_PASSWORD "\"}"),
	       200);
	panel_stop(&p);
}

/* What sets a password or makes who may log in: no wildcard stands for it. */
TEST(rows_that_set_passwords_or_keys_are_credentials)
{
	static const char *const rows[] = {
		"auth change-password",
		"auth totp-setup",
		"auth totp-enable",
		"auth totp-disable",
		"auth totp-recovery-codes",
		"tokens create",
		"users create",
		"users change-password",
		"users totp-reset",
		"accounts change-password",
		"email change-password",
		"ftp change-password",
		"databases change-password",
		"system save-option",
	};
	size_t n = 0;

	ENDPOINT_FOREACH(res, ep)
	{
		bool is_password = strstr(ep->action, "password") || strstr(ep->action, "totp-");

		if (ep->roles == ROLE_BILLING || strcmp(ep->action, "totp-status") == 0)
			continue;
		if (is_password)
			assert_int_equal(scope_access_of(ep), SCOPE_CREDENTIALS);
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			size_t len = strlen(res->name);

			if (strncmp(rows[i], res->name, len) != 0 || rows[i][len] != ' ' ||
			    strcmp(rows[i] + len + 1, ep->action) != 0)
				continue;
			assert_int_equal(scope_access_of(ep), SCOPE_CREDENTIALS);
			n++;
		}
	}
	assert_int_equal(n, ARRAY_LEN(rows));
}

TEST(a_token_gives_no_more_than_it_has)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *token;

	panel_start(&p);
	token = panel_token(&p, AS_JOHN, "tokens:credentials dns:read email");
	a = with(&p, token, "POST", "tokens/create", "{\"name\":\"a\",\"scopes\":[\"dns:read\"]}");
	EXPECT(a, 200);
	a = with(&p, token, "POST", "tokens/create",
		 "{\"name\":\"a\",\"scopes\":[\"email:write\",\"tokens:credentials\"]}");
	EXPECT(a, 200);
	a = with(&p, token, "POST", "tokens/create", "{\"name\":\"a\",\"scopes\":[\"dns\"]}");
	EXPECT(a, 422);
	a = with(&p, token, "POST", "tokens/create", "{\"name\":\"a\",\"scopes\":[\"*\"]}");
	EXPECT(a, 422);
	a = with(&p, token, "POST", "tokens/create",
		 "{\"name\":\"a\",\"scopes\":[\"email:credentials\"]}");
	EXPECT(a, 422);
	assert_true(panel_blames(&a, "/scopes"));
	panel_stop(&p);
}

TEST(a_token_is_bound_by_its_owner_s_role)
{
	struct panel p = { 0 };
	const char *token;

	panel_start(&p);
	token = panel_token(&p, AS_JOHN, "accounts firewall users *");
	EXPECT(get(&p, token, "firewall/rules"), 403);
	EXPECT(get(&p, token, "dns/records?zone_id=2"), 404);
	EXPECT(get(&p, token, "dns/records?zone_id=1"), 200);
	panel_stop(&p);
}

/* When they end */

TEST(a_token_ends_with_its_day_its_owner_s_suspension_and_its_revocation)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *token;

	panel_start(&p);
	token = panel_token(&p, AS_JOHN, "*");
	panel_db(&p, "UPDATE token SET expires=unixepoch()+60 WHERE id=4");
	EXPECT(get(&p, token, "dns/list"), 200);
	panel_db(&p, "UPDATE token SET expires=unixepoch()-1 WHERE id=4");
	EXPECT(get(&p, token, "dns/list"), 401);
	panel_db(&p, "UPDATE token SET expires=NULL WHERE id=4");
	EXPECT(panel_post(&p, AS_ADMIN, "accounts/suspend", "{\"id\":1}"), 200);
	EXPECT(get(&p, token, "dns/list"), 401);
	EXPECT(panel_post(&p, AS_ADMIN, "accounts/unsuspend", "{\"id\":1}"), 200);
	EXPECT(get(&p, token, "dns/list"), 200);
	EXPECT(panel_post(&p, AS_ADMIN, "users/update", "{\"id\":4,\"status\":\"suspended\"}"),
	       200);
	EXPECT(get(&p, token, "dns/list"), 401);
	EXPECT(panel_post(&p, AS_ADMIN, "users/update", "{\"id\":4,\"status\":\"active\"}"), 200);
	a = panel_post(&p, AS_JANE, "tokens/revoke", "{\"id\":4}");
	EXPECT(a, 404);
	assert_string_equal(panel_message(&a), "Token not found");
	EXPECT(panel_post(&p, AS_OTHER, "tokens/revoke", "{\"id\":4}"), 404);
	EXPECT(get(&p, token, "dns/list"), 200);
	EXPECT(panel_post(&p, AS_RESEL, "tokens/revoke", "{\"id\":4}"), 200); /* its customer's */
	EXPECT(get(&p, token, "dns/list"), 401);
	panel_stop(&p);
}

TEST(a_new_password_leaves_tokens_and_revoke_all_ends_them)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *token, *other;

	panel_start(&p);
	token = panel_token(&p, AS_JOHN, "*");
	other = panel_token(&p, AS_JANE, "*");
	EXPECT(panel_post(&p, AS_ADMIN, "users/change-password",
			  "{\"id\":4,\"password\":\"brand-new\"}"),
	       200);
	EXPECT(get(&p, token, "dns/list"), 200);
	EXPECT(panel_post(&p, AS_JANE, "tokens/revoke-all", "{\"user_id\":4}"), 404);
	a = panel_post(&p, AS_RESEL, "tokens/revoke-all", "{\"user_id\":4}");
	EXPECT(a, 200);
	assert_int_equal(json_integer_value(json_object_get(a.data, "revoked")), 1);
	EXPECT(get(&p, token, "dns/list"), 401);
	EXPECT(get(&p, other, "dns/list"), 200);
	panel_stop(&p);
}

TEST(lists_show_one_s_own_and_to_admins_all)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "tokens/list");
	assert_int_equal(json_array_size(a.data), 6);
	a = panel_get(&p, AS_ADMIN, "tokens/list?user_id=john");
	assert_int_equal(json_array_size(a.data), 1);
	a = panel_get(&p, AS_RESEL, "tokens/list");
	assert_int_equal(json_array_size(a.data), 1);
	a = panel_get(&p, AS_RESEL, "tokens/list?user_id=4");
	assert_int_equal(json_array_size(a.data), 1);
	EXPECT(panel_get(&p, AS_RESEL, "tokens/list?user_id=5"), 404);
	panel_stop(&p);
}

TEST(what_is_no_token_is_401)
{
	static const char *const bad[] = {
		"x",
		"ncpx_",
		"ncpx_0123",
		"ncpx_'; DROP TABLE token; --",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"ncpx_0000000000000000000000000000000000000000000000000000000000000001",
		"ncpx_ABCDEF0000000000000000000000000000000000000000000000000000000000",
		"ncpx_00000000000000000000000000000000000000000000000000000000000000000",
		"ncpx_ncpx_000000000000000000000000000000000000000000000000000000000000",
	};
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT(get(&p, bad[i], "dns/list"), 401);
	/* a cookie's word is no token and a token's is no cookie */
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "dns/list", NULL,
			 mem_fmt(p.ctx, "Cookie: ncpx_session=%s\r\n",
				 panel_token(&p, AS_JOHN, "*"))),
	       401);
	panel_stop(&p);
}

TEST(its_use_is_written_down_without_the_request_waiting_and_once_a_minute)
{
	struct panel p = { 0 };
	const char *token;

	panel_start(&p);
	token = panel_token(&p, AS_JOHN, "*");
	EXPECT(get(&p, token, "dns/list"), 200);
	for (int i = 0; i < 100 && !*db_text(&p, "SELECT last_used FROM token WHERE id=4"); i++)
		(void)usleep(50000);
	assert_true(*db_text(&p, "SELECT last_used FROM token WHERE id=4"));
	panel_db(&p, "UPDATE token SET last_used=unixepoch()-30 WHERE id=4");
	token = db_text(&p, "SELECT last_used FROM token WHERE id=4");
	EXPECT(get(&p, panel_token(&p, AS_JOHN, "*"), "dns/list"), 200);
	(void)usleep(1300000);
	assert_string_equal(db_text(&p, "SELECT last_used FROM token WHERE id=4"), token);
	panel_stop(&p);
}

TEST(the_description_tells_each_row_s_scope)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_NOBODY, "/api/openapi.json");
	EXPECT(a, 200);
	assert_contains(a.body, "\"x-scope\":\"dns:write\"");
	assert_contains(a.body, "\"x-scope\":\"auth:credentials\"");
	a = panel_get(&p, AS_JOHN, "tokens/scopes");
	assert_contains(a.body, "\"scope\":\"dns:read\"");
	assert_null(strstr(a.body, "firewall"));
	panel_stop(&p);
}
