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
