/* What the API says of itself: its description, health and numbers. */
#include <string.h>
#include <unistd.h>

#include "api/endpoint.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

/* GET of an address outside /api/, as somebody without a session; LINES are further head lines. */
static char *ask(struct panel *p, const char *path, const char *lines)
{
	return web_ask(&p->web, mem_fmt(p->ctx,
					"GET %s HTTP/1.1\r\nHost: localhost\r\n"
					"Connection: close\r\n%s\r\n",
					path, lines));
}

static json_t *body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");

	return body ? json_loads(body + 4, 0, NULL) : NULL;
}

TEST(the_description_has_every_endpoint_with_each_of_its_methods)
{
	struct panel p = { 0 };

	panel_start(&p);
	json_t *doc = body_of(ask(&p, "/api/openapi.json", ""));

	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "openapi")), "3.1.0");
	ENDPOINT_FOREACH(res, ep)
	{
		const char *path = mem_fmt(p.ctx, "/api/%s/%s", res->name, ep->action);
		const json_t *item = json_object_get(json_object_get(doc, "paths"), path);

		if (!item)
			fail_msg("%s is not described", path);
		assert_int_equal(json_object_get(item, "get") != NULL,
				 (ep->methods & METHOD_GET) != 0);
		assert_int_equal(json_object_get(item, "post") != NULL,
				 (ep->methods & (METHOD_POST | METHOD_DELETE)) != 0);
		assert_int_equal(json_object_get(item, "delete") != NULL,
				 (ep->methods & METHOD_DELETE) != 0);
	}
	json_decref(doc);
	panel_stop(&p);
}

TEST(health_needs_no_session_and_has_no_envelope)
{
	struct panel p = { 0 };
	char *answer;

	panel_start(&p);
	answer = ask(&p, "/healthz", "");
	assert_int_equal(web_status(answer), 200);
	assert_string_equal(strstr(answer, "\r\n\r\n") + 4, "{\"status\":\"ok\"}");
	panel_stop(&p);
}

TEST(health_is_503_when_the_model_cannot_be_read)
{
	struct panel p = { 0 };
	struct err err = ERR_INIT;
	struct store *s = NULL;

	panel_start(&p);
	assert_ok(store_open(p.ctx, p.model, false, &s, &err), &err);
	assert_ok(sql_exec(store_sql(s), "ALTER TABLE revision RENAME TO gone", &err), &err);
	(void)talloc_free(s);
	assert_int_equal(web_status(ask(&p, "/healthz", "")), 503);
	panel_stop(&p);
}

TEST(numbers_are_for_this_machine_and_not_for_what_a_proxy_passes_on)
{
	struct panel p = { 0 };
	char *answer;

	panel_start(&p);
	answer = ask(&p, "/metrics", "");
	assert_int_equal(web_status(answer), 200);
	assert_contains(answer, "Content-Type: text/plain");
	assert_contains(answer, "\nnovacpx_revision_head 1\n");
	assert_contains(answer, "\nnovacpx_queue_length{queue=\"writer\"} 0\n");
	assert_int_equal(web_status(ask(&p, "/metrics", "X-Forwarded-For: 192.0.2.1\r\n")), 401);
	panel_stop(&p);
}

TEST(a_dry_run_of_what_is_no_desired_state_is_refused_and_nothing_is_done)
{
	static const struct {
		const char *path, *body;
	} calls[] = {
		{ "tokens/create?dry_run=1", "{\"name\":\"t\",\"scopes\":[\"dns\"]}" },
		{ "tokens/revoke-all?dry_run=1", "{}" },
		{ "sessions/revoke-user?dry_run=1", "{\"user_id\":4}" },
		{ "sessions/revoke-all?dry_run=true", "{}" },
		{ "auth/totp-setup?dry_run=1", "{}" },
	};
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct panel_answer a = panel_post(&p, AS_ADMIN, calls[i].path, calls[i].body);

		if (a.status != 400 || !strstr(panel_message(&a), "dry_run"))
			fail_msg("%s: %d %s", calls[i].path, a.status, a.body);
	}
	assert_int_equal(panel_get(&p, AS_JOHN, "auth/me").status, 200);
	assert_int_equal(panel_post(&p, AS_ADMIN, "tokens/revoke-all?dry_run=0", "{}").status, 200);
	panel_stop(&p);
}

TEST(a_revision_that_nobody_can_have_seen_guards_no_write)
{
	static const char *const lines[] = {
		"If-Match: \"0\"\r\n",
		"If-Match: \"2\"\r\n",
		"If-Match: \"99999999999999999999999\"\r\n",
	};
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		a = panel_ask(&p, AS_ADMIN, "POST", "accounts/suspend", "{\"id\":1}", lines[i]);
		if (a.status != 409 || !strstr(panel_message(&a), "the newest revision is 1"))
			fail_msg("%s: %d %s", lines[i], a.status, a.body);
	}
	a = panel_ask(&p, AS_ADMIN, "POST", "accounts/suspend", "{\"id\":1}",
		      "If-Match: \"1\"\r\n");
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(who_is_not_known_is_told_how_to_prove_it_and_the_scheme_s_case_says_nothing)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *proof;

	panel_start(&p);
	a = panel_get(&p, AS_NOBODY, "accounts/list");
	assert_int_equal(a.status, 401);
	assert_contains(a.head, "\r\nWWW-Authenticate: Bearer realm=\"NovaCPX\"\r\n");
	proof = mem_fmt(p.ctx, "Authorization: bearer %s\r\n",
			panel_token(&p, AS_ADMIN, "accounts:read"));
	assert_int_equal(panel_ask(&p, AS_NOBODY, "GET", "accounts/list", NULL, proof).status, 200);
	panel_stop(&p);
}

TEST(what_may_work_in_a_moment_says_when_and_what_never_will_does_not)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "drift/list"); /* no engine runs */
	assert_int_equal(a.status, 503);
	assert_non_null(panel_header(&p, &a, "Retry-After"));
	a = panel_get(&p, AS_ADMIN, "system/stats"); /* not offered */
	assert_int_equal(a.status, 503);
	assert_null(panel_header(&p, &a, "Retry-After"));
	panel_stop(&p);
}

TEST(pruning_is_another_request_than_the_same_file_without)
{
	static const char lines[] = "Idempotency-Key: s1\r\n";
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_ask(&p, AS_ADMIN, "POST", "state/apply",
		      "{\"state\":\"novacpx: 1\\nsettings:\\n  default_php: '8.2'\\n\"}", lines);
	assert_int_equal(a.status, 200);
	a = panel_ask(&p, AS_ADMIN, "POST", "state/apply",
		      "{\"state\":\"novacpx: 1\\nsettings:\\n  default_php: '8.2'\\n\","
		      "\"prune\":true}",
		      lines);
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "idempotency key");
	panel_stop(&p);
}

TEST(saved_notify_settings_have_a_condition_as_any_write)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "system/save-notify-settings",
		       "{\"notify_from_name\":\"Panel\"}");
	assert_int_equal(a.status, 200);
	assert_contains(a.body, "\"condition\":{\"resource\":\"setting/notify_from_name\"");
	panel_stop(&p);
}

TEST(an_admin_does_not_suspend_the_login_it_asks_with)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "users/update", "{\"id\":1,\"status\":\"suspended\"}");
	assert_int_equal(a.status, 409);
	assert_int_equal(panel_get(&p, AS_ADMIN, "auth/me").status, 200);
	a = panel_post(&p, AS_ADMIN, "users/update", "{\"id\":1,\"status\":\"active\"}");
	assert_int_equal(a.status, 200);
	a = panel_post(&p, AS_ADMIN, "users/update", "{\"id\":3,\"status\":\"suspended\"}");
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}
