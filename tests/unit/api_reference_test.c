/* The descriptions that are written from the endpoint table: openapi.json and the page to read. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/endpoint.h"
#include "api/ep_meta.h"
#include "api/refpage.h"
#include "base/digest.h"
#include "base/proc.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

enum {
	NO_JUDGE = 77
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
}

static struct proc_result judge(struct panel *p, const char *text)
{
	const char *path = mem_fmt(p->ctx, "%s/openapi.json", p->dir);
	const struct proc run = {
		.argv = (const char *const[]){ "tests/support/openapi-check", path, NULL },
		.in_child = NULL,
	};
	struct proc_result got = { 0 };
	struct err err = ERR_INIT;

	write_file(path, text);
	if (proc_run(p->ctx, &run, &got, &err) == -ERR_ABSENT)
		got.status = NO_JUDGE;
	return got;
}

TEST(the_description_is_valid_for_others)
{
	struct panel p = { 0 };
	struct panel_answer a;
	struct proc_result got;

	panel_start(&p);
	a = panel_get(&p, AS_NOBODY, "/api/openapi.json");
	assert_int_equal(a.status, 200);
	got = judge(&p, a.body);
	if (got.status != NO_JUDGE && got.status != 0)
		fail_msg("%s", got.out);
	if (got.status == 0) {
		assert_int_equal(judge(&p, "{\"openapi\":\"3.1.0\"}").status, 1);
		assert_int_equal(judge(&p, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"x\","
					   "\"version\":\"1\"},\"paths\":{\"/a\":{\"get\":"
					   "{\"parameters\":[{\"name\":\"x\"}]}}}}")
					 .status,
				 1);
	}
	panel_stop(&p);
	if (got.status == NO_JUDGE) {
		print_message("skipped: no Python with jsonschema for OpenAPI 3.1\n");
		skip();
	}
}

static const json_t *at(const json_t *v, const char *const *path)
{
	for (; v && *path; path++)
		v = json_object_get(v, *path);
	return v;
}

#define AT(v, ...) at((v), (const char *const[]){ __VA_ARGS__, NULL })

TEST(the_description_tells_custom_answers_proofs_and_the_addresses_of_its_own)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const json_t *paths, *op, *schema;
	size_t n;
	const struct endpoint *meta = meta_rows(&n);

	panel_start(&p);
	a = panel_get(&p, AS_NOBODY, "/api/openapi.json");
	paths = json_object_get(a.json, "paths");
	schema = AT(paths, "/api/branding/upload-logo", "post", "responses", "200", "content",
		    "application/json", "schema", "properties");
	assert_non_null(AT(schema, "data", "properties", "url"));
	assert_non_null(AT(schema, "condition"));
	schema = AT(paths, "/api/sessions/list", "get", "responses", "200", "content",
		    "application/json", "schema", "properties", "data");
	assert_string_equal(json_string_value(json_object_get(schema, "type")), "array");
	assert_non_null(AT(schema, "items", "properties", "ip_address"));
	for (size_t i = 0; i < n; i++)
		assert_non_null(AT(paths, meta[i].action, "get", "responses", "200", "content"));
	assert_non_null(AT(paths, "/metrics", "get", "responses", "200", "content", "text/plain"));
	op = AT(paths, "/api/whmcs/create", "post", "security");
	assert_non_null(AT(json_array_get(op, 0), "key"));
	assert_int_equal(json_array_size(AT(paths, "/api/auth/login", "post", "security")), 0);
	assert_non_null(AT(a.json, "components", "securitySchemes", "cookie"));
	assert_non_null(AT(a.json, "components", "securitySchemes", "bearer"));
	/* DELETE that clients send as POST */
	assert_non_null(AT(paths, "/api/users/delete", "post", "requestBody"));
	assert_non_null(AT(paths, "/api/users/delete", "delete"));
	panel_stop(&p);
}

/* The page */

static const char *page(struct panel *p, struct panel_answer *a)
{
	*a = panel_get(p, AS_NOBODY, "/api/reference");
	assert_int_equal(a->status, 200);
	assert_string_equal(panel_header(p, a, "Content-Type"), "text/html; charset=utf-8");
	return a->body;
}

static void has(struct panel *p, const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("the page lacks %s", what);
	(void)p;
}

TEST(the_page_has_each_endpoint_parameter_alias_and_member)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *text;

	panel_start(&p);
	text = page(&p, &a);
	ENDPOINT_FOREACH(res, ep)
	{
		const char *begin = strstr(
			text, mem_fmt(p.ctx, "<section id=\"%s/%s\">", res->name, ep->action));
		const char *part;

		if (!begin)
			fail_msg("the page lacks %s/%s", res->name, ep->action);
		part = mem_strn(p.ctx, begin, (size_t)(strstr(begin, "</section>") - begin));
		has(&p, text, mem_fmt(p.ctx, "href=\"#%s/%s\"", res->name, ep->action));
		for (size_t i = 0; i < PARAM_ALIASES && ep->aliases[i]; i++)
			has(&p, part, mem_fmt(p.ctx, "<code>%s</code>", ep->aliases[i]));
		for (size_t i = 0; i < ep->n_params; i++)
			has(&p, part, mem_fmt(p.ctx, "<code>%s</code>", ep->params[i].name));
		for (size_t i = 0; ep->shape && i < ep->shape->n; i++)
			has(&p, part,
			    mem_fmt(p.ctx, "<code>%s</code>", ep->shape->columns[i].name));
		has(&p, part, "<pre>curl");
	}
	has(&p, text, "/healthz");
	has(&p, text, "prefers-color-scheme:dark");
	panel_stop(&p);
}

TEST(the_page_needs_nothing_from_elsewhere_and_may_run_nothing)
{
	static const char *const none[] = { "<script", "<link",   "<img",     "<iframe",
					    "src=",    "http://", "https://", " style=",
					    "@import", "url(",    "onload" };
	struct panel p = { 0 };
	struct panel_answer a;
	const char *text, *policy, *style;

	panel_start(&p);
	text = page(&p, &a);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		if (strstr(text, none[i]))
			fail_msg("the page has %s", none[i]);
	}
	policy = panel_header(&p, &a, "Content-Security-Policy");
	assert_int_equal(strncmp(policy, "default-src 'none'; style-src 'sha256-", 38), 0);
	assert_null(strstr(policy, "unsafe"));
	style = strstr(text, "<style>") + strlen("<style>");
	/* by another maker of digests: the one that the page does not use */
	write_file(mem_fmt(p.ctx, "%s/style", p.dir),
		   mem_strn(p.ctx, style, (size_t)(strstr(style, "</style>") - style)));
	const char *file = mem_fmt(p.ctx, "%s/style", p.dir);
	const char *hash = mem_fmt(p.ctx, "%s/hash", p.dir);
	const struct proc first = { .argv = (const char *const[]){ "openssl", "dgst", "-sha256",
								   "-binary", "-out", hash, file,
								   NULL } };
	const struct proc second = { .argv = (const char *const[]){ "openssl", "base64", "-in",
								    hash, NULL } };
	struct proc_result got;
	struct err err = ERR_INIT;

	assert_ok(proc_run(p.ctx, &first, &got, &err), &err);
	assert_ok(proc_run(p.ctx, &second, &got, &err), &err);
	assert_int_equal(got.status, 0);
	got.out[strcspn(got.out, "\n")] = '\0';
	assert_contains(policy, mem_fmt(p.ctx, "'sha256-%s'", got.out));
	panel_stop(&p);
}

/* Each tag that is opened is closed, in order; names of sections occur once. */
static void check_tags(const char *text)
{
	char open[32][16];
	size_t n = 0;

	for (const char *tag = strchr(text, '<'); tag; tag = strchr(tag + 1, '<')) {
		bool is_end = tag[1] == '/';
		const char *name = tag + 1 + is_end;
		size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz123456");

		assert_true(tag[1] == '!' || (len > 0 && len < 16));
		if (tag[1] == '!' || (len == 4 && strncmp(name, "meta", 4) == 0))
			continue;
		if (!is_end) {
			assert_true(n < 32);
			(void)snprintf(open[n++], 16, "%.*s", (int)len, name);
		} else if (n == 0 || strlen(open[n - 1]) != len ||
			   strncmp(open[n - 1], name, len) != 0) {
			fail_msg("closes %.40s within %s", tag, n ? open[n - 1] : "nothing");
		} else {
			n--;
		}
	}
	assert_int_equal(n, 0);
}

TEST(the_page_is_well_formed_and_its_anchors_lead_somewhere)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *text;

	panel_start(&p);
	text = page(&p, &a);
	check_tags(text);
	for (const char *ref = strstr(text, "href=\"#"); ref; ref = strstr(ref + 1, "href=\"#")) {
		const char *id = ref + strlen("href=\"#");
		const char *want = mem_fmt(p.ctx, " id=\"%.*s\"", (int)strcspn(id, "\""), id);
		const char *found = strstr(text, want);

		if (!found || strstr(found + 1, want))
			fail_msg("%s is there %s", want, found ? "twice" : "nowhere");
	}
	panel_stop(&p);
}
