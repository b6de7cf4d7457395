/* In what forms a call may come, and that each odd one is answered as it should. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

static void expect(const struct panel_answer *a, int status, const char *file, int line)
{
	if (a->status == status)
		return;
	print_error("%s\n", a->body);
	_assert_int_equal((uintmax_t)a->status, (uintmax_t)status, file, line);
}

#define EXPECT(a, status) expect(&(a), (status), __FILE__, __LINE__)

static int64_t meta(const struct panel_answer *a, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(a->data, "meta"), name));
}

TEST(pages_are_clamped_and_counted)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "users/list?per_page=0");
	assert_int_equal(meta(&a, "per_page"), 1);
	assert_int_equal(meta(&a, "total"), 6);
	assert_int_equal(meta(&a, "pages"), 6);
	a = panel_get(&p, AS_ADMIN, "users/list?per_page=-5&page=-1");
	assert_int_equal(meta(&a, "per_page"), 1);
	assert_int_equal(meta(&a, "page"), 1);
	a = panel_get(&p, AS_ADMIN, "users/list?per_page=100000&page=99999999");
	EXPECT(a, 200);
	assert_int_equal(meta(&a, "per_page"), 100);
	assert_int_equal(json_array_size(json_object_get(a.data, "items")), 0);
	a = panel_get(&p, AS_ADMIN, "users/list?per_page=4&page=2");
	assert_int_equal(json_array_size(json_object_get(a.data, "items")), 2);
	a = panel_get(&p, AS_ADMIN, "users/list?page=2e9");
	EXPECT(a, 422);
	a = panel_get(&p, AS_ADMIN, "system/audit-log?per_page=1");
	assert_int_equal(meta(&a, "per_page"), 10);
	a = panel_get(&p, AS_ADMIN, "accounts/list?search=%25");
	assert_int_equal(meta(&a, "total"), 0); /* a text, no pattern */
	a = panel_get(&p, AS_ADMIN, "accounts/list?search=two.ex");
	assert_int_equal(meta(&a, "total"), 1);
	a = panel_get(&p, AS_ADMIN, "accounts/list?search=&status=");
	assert_int_equal(meta(&a, "total"), 2);
	a = panel_get(&p, AS_RESEL, "accounts/list");
	assert_int_equal(meta(&a, "total"), 1);
	panel_stop(&p);
}

TEST(the_type_of_a_body_does_not_matter_and_an_empty_one_is_an_empty_object)
{
	static const char *const types[] = {
		"", "Content-Type: text/plain\r\n",
		"Content-Type: application/json; charset=utf-8\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n"
	};
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		a = panel_ask(&p, AS_JOHN, "POST", "email/suspend", "{\"id\":1}", types[i]);
		EXPECT(a, 200);
		a = panel_ask(&p, AS_JOHN, "POST", "auth/logout", NULL, types[i]);
		EXPECT(a, 200);
		a = panel_ask(&p, AS_RESEL, "POST", "email/suspend", NULL, types[i]);
		EXPECT(a, 400);
		a = panel_ask(&p, AS_RESEL, "POST", "email/suspend", "{}", types[i]);
		EXPECT(a, 400);
		panel_stop(&p);
		panel_start(&p);
	}
	a = panel_ask(&p, AS_JOHN, "DELETE", "email/delete?id=1", NULL, "");
	EXPECT(a, 200); /* the query will do */
	panel_stop(&p);
}

TEST(what_is_no_json_object_is_400)
{
	static const char *const bad[] = { "{",
					   "[]",
					   "\"id\"",
					   "1",
					   "null",
					   "{\"id\":1}x",
					   "{\"id\":1,\"id\":2}",
					   "{\"id\":1,}",
					   "{'id':1}",
					   "{\"id\":\"\xff\"}",
					   "{\"id\":\"\\u0000\"}",
					   "{\"id\":\"\\ud800\"}",
					   "{\"id\":1e999}",
					   "id=1" };
	struct panel p = { 0 };
	struct buf deep;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct panel_answer a = panel_post(&p, AS_JOHN, "email/suspend", bad[i]);

		if (a.status != 400)
			print_error("%s\n", bad[i]);
		EXPECT(a, 400);
		assert_true(json_is_array(json_object_get(a.json, "errors")));
	}
	for (int n = 10; n <= 10000; n *= 10) {
		struct panel_answer a;

		deep = (struct buf)BUF_ON(p.ctx);
		buf_puts(&deep, "{\"id\":1,\"x\":");
		for (int i = 0; i < n; i++)
			buf_puts(&deep, i % 2 ? "{\"a\":" : "[");
		buf_puts(&deep, "1");
		for (int i = n - 1; i >= 0; i--)
			buf_puts(&deep, i % 2 ? "}" : "]");
		buf_puts(&deep, "}");
		a = panel_post(&p, AS_JOHN, "email/suspend", buf_str(&deep));
		EXPECT(a, n == 10 ? 200 : 400);
	}
	panel_stop(&p);
}

TEST(a_body_that_is_too_large_is_413_and_a_value_422)
{
	struct panel p = { 0 };
	struct panel_answer a;
	char *text;

	panel_start(&p);
	text = mem_zero(p.ctx, 80000);
	memset(text, 'a', 70000);
	a = panel_post(&p, AS_JOHN, "email/suspend",
		       mem_fmt(p.ctx, "{\"id\":1,\"x\":\"%s\"}", text));
	EXPECT(a, 413);
	text[300] = '\0';
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		mem_fmt(p.ctx,
			"{\"username\":\"%s\",\"domain\":\"%s.example\",\"email\":\"a@b.example\","
			"\"password\":\"secret\"}",
			text, text));
	EXPECT(a, 422);
	assert_true(panel_blames(&a, "/username"));
	panel_stop(&p);
}

TEST(null_and_empty_are_as_not_given_but_unset_on_update)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "email/suspend", "{\"id\":null}");
	EXPECT(a, 400);
	a = panel_post(&p, AS_JOHN, "email/suspend", "{\"id\":\"\"}");
	EXPECT(a, 400);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"n@example.com\",\"password\":\"secret\",\"quota_mb\":\"\"}");
	EXPECT(a, 200);
	assert_int_equal(json_integer_value(json_object_get(a.data, "quota_mb")), 500);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"o@example.com\",\"password\":\"secret\",\"quota_mb\":null}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "dns/update-record", "{\"record_id\":1,\"ttl\":300}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "dns/update-record", "{\"record_id\":1,\"ttl\":null}");
	EXPECT(a, 200);
	assert_string_equal(panel_sql(&p, "SELECT coalesce(ttl,'none') FROM record WHERE id=1"),
			    "none");
	panel_stop(&p);
}

TEST(the_primary_domain_is_first_of_its_account_s_and_names_follow_in_order)
{
	static const char *const lists[] = { "domains/list?account_id=1", "accounts/get?id=1" };
	static const char *const names[] = { "zzz.example", "aaa.example" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		a = panel_post(&p, AS_ADMIN, "domains/add-addon",
			       mem_fmt(p.ctx, "{\"account_id\":1,\"domain\":\"%s\"}", names[i]));
		EXPECT(a, 200);
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const char *before = "";
		const json_t *list, *one;
		size_t n;

		a = panel_get(&p, AS_ADMIN, lists[i]);
		EXPECT(a, 200);
		list = json_is_array(a.data) ? a.data : json_object_get(a.data, "domains");
		assert_true(json_array_size(list) >= 3);
		json_array_foreach(list, n, one)
		{
			const char *name = json_string_value(json_object_get(one, "domain"));

			assert_int_equal(json_integer_value(json_object_get(one, "is_primary")),
					 n == 0);
			assert_true(n < 2 || strcmp(before, name) < 0);
			before = name;
		}
	}
	panel_stop(&p);
}

TEST(records_come_by_type_and_then_by_name)
{
	static const char *const more[] = {
		"{\"zone_id\":1,\"type\":\"TXT\",\"name\":\"a\",\"value\":\"x\"}",
		"{\"zone_id\":1,\"type\":\"A\",\"name\":\"zz\",\"value\":\"192.0.2.1\"}",
		"{\"zone_id\":1,\"type\":\"AAAA\",\"name\":\"a\",\"value\":\"2001:db8::1\"}",
		"{\"zone_id\":1,\"type\":\"A\",\"name\":\"aa\",\"value\":\"192.0.2.1\"}",
	};
	struct panel p = { 0 };
	const char *before = "";
	struct panel_answer a;
	const json_t *one;
	size_t i;

	panel_start(&p);
	for (i = 0; i < ARRAY_LEN(more); i++) {
		a = panel_post(&p, AS_ADMIN, "dns/add-record", more[i]);
		EXPECT(a, 200);
	}
	a = panel_get(&p, AS_ADMIN, "dns/records?zone_id=1");
	EXPECT(a, 200);
	assert_true(json_array_size(a.data) >= ARRAY_LEN(more));
	json_array_foreach(a.data, i, one)
	{
		const char *now =
			mem_fmt(p.ctx, "%s %s", json_string_value(json_object_get(one, "type")),
				json_string_value(json_object_get(one, "name")));

		assert_true(strcmp(before, now) <= 0);
		before = now;
	}
	panel_stop(&p);
}

TEST(who_has_no_account_gets_404_and_no_list_of_others)
{
	static const char *const reads[] = { "domains/list",     "email/list", "dns/list",
					     "databases/list",   "ftp/list",   "cron/list",
					     "ssl/list",         "dkim/list",  "stats/account",
					     "docker/containers" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		a = panel_get(&p, AS_LONE, reads[i]);
		EXPECT(a, 404);
		a = panel_get(&p, AS_LONE, mem_fmt(p.ctx, "%s?account_id=1", reads[i]));
		EXPECT(a, 404);
		a = panel_get(&p, AS_ADMIN, mem_fmt(p.ctx, "%s?account_id=0", reads[i]));
		EXPECT(a, 404);
	}
	a = panel_post(&p, AS_LONE, "email/create",
		       "{\"account_id\":1,\"email\":\"x@example.com\",\"password\":\"secret\"}");
	EXPECT(a, 404);
	panel_stop(&p);
}

TEST(addresses_that_are_unknown_are_404_and_the_root_greets)
{
	static const char *const unknown[] = { "/",
					       "/apis",
					       "/api/nope/list",
					       "/api/accounts",
					       "/api/accounts/",
					       "/api/accounts/nope",
					       "/api//list",
					       "/api/accounts/list%00" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		a = panel_get(&p, AS_ADMIN, unknown[i]);
		if (a.status != 400) /* a NUL in an address */
			EXPECT(a, 404);
		assert_false(json_is_true(json_object_get(a.json, "success")));
	}
	a = panel_get(&p, AS_ADMIN, "nope/list");
	assert_contains(panel_message(&a), "Unknown endpoint: nope");
	a = panel_get(&p, AS_ADMIN, "accounts/nope");
	assert_contains(panel_message(&a), "Unknown accounts action: nope");
	a = panel_get(&p, AS_ADMIN, "accounts/list/anything/else");
	EXPECT(a, 200);
	a = panel_get(&p, AS_NOBODY, "/api");
	EXPECT(a, 200);
	assert_string_equal(json_string_value(json_object_get(a.json, "panel")), "NovaCPX");
	a = panel_get(&p, AS_NOBODY, "/api/");
	EXPECT(a, 200);
	panel_stop(&p);
}

TEST(head_is_get_without_the_body_and_changes_nothing)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_ask(&p, AS_ADMIN, "HEAD", "accounts/list", NULL, "");
	EXPECT(a, 200);
	assert_string_equal(a.body, "");
	assert_non_null(panel_header(&p, &a, "X-NovaCPX-Version"));
	a = panel_ask(&p, AS_ADMIN, "HEAD", "accounts/terminate?id=1", NULL, "");
	EXPECT(a, 405);
	a = panel_get(&p, AS_ADMIN, "accounts/get?id=1");
	EXPECT(a, 200);
	panel_stop(&p);
}

TEST(a_session_is_its_cookie_and_ends_with_logout)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *cookie;

	panel_start(&p);
	a = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\" resel@host.example \",\"password\":\"" PANEL_PASSWORD
		       "\"}");
	EXPECT(a, 200);
	assert_null(json_object_get(a.data, "token"));
	assert_string_equal(json_string_value(json_object_get(a.data, "portal_url")),
			    "https://panel.example:8881/");
	cookie = panel_header(&p, &a, "Set-Cookie");
	assert_contains(cookie, "HttpOnly");
	assert_contains(cookie, "SameSite=Strict");
	assert_contains(cookie, "Max-Age=28800");
	cookie = mem_fmt(p.ctx, "Cookie: %.*s\r\n", (int)strcspn(cookie, ";"), cookie);
	a = panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, cookie);
	EXPECT(a, 200);
	a = panel_ask(&p, AS_NOBODY, "POST", "auth/logout", NULL, cookie);
	EXPECT(a, 200);
	a = panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, cookie);
	EXPECT(a, 401);
	a = panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, "Cookie: ncpx_session=x\r\n");
	EXPECT(a, 401);
	panel_stop(&p);
}

TEST(each_wrong_login_is_answered_with_the_same_bytes)
{
	struct panel p = { 0 };
	struct panel_answer a, b;

	panel_start(&p);
	a = panel_post(&p, AS_NOBODY, "auth/login", "{\"username\":\"john\",\"password\":\"no\"}");
	b = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\"nobody\",\"password\":\"no\"}");
	EXPECT(a, 401);
	assert_string_equal(a.body, b.body);
	b = panel_post(&p, AS_NOBODY, "auth/login", "{\"username\":\"john\",\"password\":\"\"}");
	assert_in_range(b.status, 400, 401);
	panel_stop(&p);
}

TEST(a_changed_password_ends_the_other_sessions)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "auth/change-password",
		       "{\"current_password\":\"wrong\",\"new_password\":\"other-pass\","
		       "\"confirm_password\":\"other-pass\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_JOHN, "auth/change-password",
		       "{\"current_password\":\"" PANEL_PASSWORD
		       "\",\"new_password\":\"other-pass\","
		       "\"confirm_password\":\"another\"}");
	EXPECT(a, 422);
	assert_true(panel_blames(&a, "/confirm_password"));
	a = panel_post(&p, AS_JOHN, "auth/change-password",
		       "{\"current_password\":\"" PANEL_PASSWORD "\",\"new_password\":\"abc\","
		       "\"confirm_password\":\"abc\"}");
	EXPECT(a, 422);
	assert_true(panel_blames(&a, "/new_password"));
	a = panel_post(&p, AS_ADMIN, "accounts/change-password",
		       "{\"account_id\":1,\"password\":\"brand-new\"}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_JOHN, "auth/me");
	EXPECT(a, 401);
	a = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\"john\",\"password\":\"brand-new\"}");
	EXPECT(a, 200);
	panel_stop(&p);
}

TEST(what_is_there_already_is_409_and_the_same_request_key_is_one_write)
{
	static const char body[] = "{\"email\":\"n@example.com\",\"password\":\"secret\"}";
	struct panel p = { 0 };
	struct panel_answer a, b;

	panel_start(&p);
	a = panel_ask(&p, AS_JOHN, "POST", "email/create", body, "Idempotency-Key: k1\r\n");
	EXPECT(a, 200);
	b = panel_ask(&p, AS_JOHN, "POST", "email/create", body, "Idempotency-Key: k1\r\n");
	EXPECT(b, 200);
	assert_true(json_equal(a.data, b.data));
	b = panel_post(&p, AS_JOHN, "email/create", body);
	EXPECT(b, 409);
	b = panel_post(&p, AS_JOHN, "domains/add", "{\"domain\":\"two.example\"}");
	EXPECT(b, 409);
	assert_true(panel_blames(&b, "/domain"));
	b = panel_post(&p, AS_ADMIN, "accounts/create",
		       "{\"username\":\"john\",\"domain\":\"q.example\",\"email\":\"a@q.example\","
		       "\"password\":\"secret\"}");
	EXPECT(b, 409);
	assert_true(panel_blames(&b, "/username"));
	panel_stop(&p);
}

TEST(the_reference_s_own_examples_are_taken)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/create",
		       "{\"name\":\"Small\",\"disk_mb\":5120,\"max_email\":10,\"max_databases\":5,"
		       "\"max_ftp\":5,\"max_domains\":10,\"max_subdomains\":20}");
	EXPECT(a, 200);
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		"{\"username\":\"mary\",\"domain\":\"mary.example\",\"email\":\"m@mary.example\","
		"\"password\":\"secret\",\"package_id\":1,\"php_version\":\"8.3\"}");
	EXPECT(a, 200);
	a = panel_post(
		&p, AS_JOHN, "domains/add",
		"{\"account_id\":1,\"domain\":\"four.example\",\"type\":\"addon\","
		"\"document_root\":\"/home/john/public_html/four\",\"php_version\":\"8.3\"}");
	EXPECT(a, 200);
	assert_contains(panel_message(&a), "PHP version of its account");
	assert_string_equal(json_string_value(json_object_get(a.data, "php_version")), "8.2");
	a = panel_post(
		&p, AS_JOHN, "dns/add-record",
		"{\"zone_id\":1,\"type\":\"A\",\"name\":\"www\",\"value\":\"1.2.3.4\",\"ttl\":3600}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/add",
		       "{\"account_id\":1,\"domain\":\"r.example\",\"type\":\"redirect\","
		       "\"redirect_to\":\"https://x.example/\",\"redirect_code\":302}");
	EXPECT(a, 200);
	panel_stop(&p);
}
