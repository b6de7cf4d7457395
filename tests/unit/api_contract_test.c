/*
 * The endpoint table, row by row, through HTTP: who may call, what a call
 * needs, how it is refused, what it answers. Rows are taken from the table
 * itself; each has a good call in tests/support/samples.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoint.h"
#include "base/buf.h"
#include "tests/support/panel.h"
#include "tests/support/samples.h"
#include "tests/support/testing.h"

/* The reference's rows, in its order. */
static const struct {
	const char *method, *path;
} reference[] = {
	{ "POST", "auth/login" },
	{ "GET", "auth/me" },
	{ "POST", "auth/logout" },
	{ "POST", "auth/change-password" },
	{ "GET", "accounts/list" },
	{ "GET", "accounts/get" },
	{ "POST", "accounts/create" },
	{ "POST", "accounts/suspend" },
	{ "POST", "accounts/unsuspend" },
	{ "POST", "accounts/terminate" },
	{ "POST", "accounts/change-password" },
	{ "GET", "accounts/usage" },
	{ "GET", "domains/list" },
	{ "POST", "domains/add" },
	{ "POST", "domains/remove" },
	{ "GET", "email/list" },
	{ "POST", "email/create" },
	{ "DELETE", "email/delete" },
	{ "POST", "email/suspend" },
	{ "GET", "webmail/login-url" },
	{ "GET", "dns/list" },
	{ "GET", "dns/records" },
	{ "POST", "dns/add-record" },
	{ "POST", "dns/update-record" },
	{ "POST", "dns/delete-record" },
	{ "POST", "dkim/generate" },
	{ "GET", "databases/list" },
	{ "POST", "databases/create" },
	{ "DELETE", "databases/delete" },
	{ "GET", "ftp/list" },
	{ "POST", "ftp/create" },
	{ "DELETE", "ftp/delete" },
	{ "GET", "ssl/list" },
	{ "POST", "ssl/issue" },
	{ "POST", "ssl/delete" },
	{ "GET", "files/list" },
	{ "GET", "files/read" },
	{ "POST", "files/write" },
	{ "POST", "files/mkdir" },
	{ "DELETE", "files/delete" },
	{ "POST", "files/rename" },
	{ "POST", "files/chmod" },
	{ "POST", "files/upload" },
	{ "GET", "cron/list" },
	{ "POST", "cron/save" },
	{ "DELETE", "cron/delete" },
	{ "GET", "packages/list" },
	{ "POST", "packages/create" },
	{ "POST", "packages/update" },
	{ "DELETE", "packages/delete" },
	{ "GET", "stats/account" },
	{ "GET", "stats/server" },
	{ "GET", "sessions/list" },
	{ "DELETE", "sessions/revoke" },
	{ "DELETE", "sessions/revoke-user" },
	{ "DELETE", "sessions/revoke-all" },
	{ "GET", "system/version" },
	{ "GET", "system/stats" },
	{ "GET", "system/check-update" },
	{ "POST", "system/apply-update" },
	{ "GET", "system/check-os-update" },
	{ "POST", "system/apply-os-update" },
	{ "GET", "system/audit-log" },
	{ "GET", "system/server-options" },
	{ "POST", "system/save-option" },
	{ "GET", "system/notify-settings" },
	{ "POST", "system/save-notify-settings" },
	{ "POST", "system/test-notify" },
	{ "POST", "system/service-action" },
	{ "GET", "branding/get" },
	{ "POST", "branding/save" },
	{ "POST", "branding/upload-logo" },
	{ "POST", "branding/delete-logo" },
	{ "POST", "whmcs/create" },
	{ "POST", "whmcs/suspend" },
	{ "POST", "whmcs/unsuspend" },
	{ "POST", "whmcs/terminate" },
	{ "POST", "whmcs/changepackage" },
	{ "GET", "whmcs/info" },
	{ "GET", "docker/status" },
	{ "GET", "docker/containers" },
	{ "POST", "docker/container-action" },
	{ "GET", "docker/logs" },
	{ "GET", "docker/images" },
	{ "POST", "docker/pull" },
	{ "POST", "docker/run" },
	{ "GET", "docker/catalog" },
	{ "POST", "docker/launch-app" },
	{ "GET", "firewall/rules" },
	{ "POST", "firewall/add-rule" },
	{ "POST", "firewall/delete-rule" },
	{ "GET", "firewall/fail2ban" },
	{ "POST", "firewall/unban" },
};

static const struct {
	enum role role;
	enum panel_who who;
} people[] = {
	{ ROLE_ADMIN, AS_ADMIN },     { ROLE_RESELLER, AS_RESEL }, { ROLE_USER, AS_JOHN },
	{ ROLE_BILLING, AS_BILLING }, { ROLE_NOBODY, AS_NOBODY },
};

/* A walk over the table. */
struct walk {
	struct panel p;
	const struct resource *res;
	const struct endpoint *ep;
	const char *path;
	const struct sample *sample;
	json_t *body;    /* of the sample */
	bool is_changed; /* the world, by a call that went through */
	size_t failed;   /* told, not fatal: one run shows all */
};

#define complain(w, ...)                                                              \
	do {                                                                          \
		(w)->failed++;                                                        \
		print_error("%s: %s\n", (w)->path, mem_fmt((w)->p.ctx, __VA_ARGS__)); \
	} while (0)

static const struct sample *sample_of(const char *path)
{
	for (size_t i = 0; i < n_samples; i++) {
		if (strcmp(samples[i].path, path) == 0)
			return &samples[i];
	}
	return NULL;
}

/* Parts of a good call */

static enum panel_who first_who(const struct endpoint *ep)
{
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		if (ep->roles & people[i].role)
			return people[i].who;
	}
	return AS_NOBODY;
}

static const char *method_of(const struct endpoint *ep)
{
	return ep->methods & METHOD_GET ? "GET" : ep->methods & METHOD_DELETE ? "DELETE" : "POST";
}

static const char *text_of(struct walk *w, const json_t *v)
{
	if (json_is_integer(v))
		return mem_fmt(w->p.ctx, "%" PRId64, (int64_t)json_integer_value(v));
	if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	return json_is_string(v) ? json_string_value(v) : "";
}

static const char *query_of(struct walk *w, const char *path, json_t *body)
{
	struct buf b = BUF_ON(w->p.ctx);
	const char *key;
	json_t *v;
	char mark = '?';

	buf_puts(&b, path);
	json_object_foreach(body, key, v)
	{
		buf_printf(&b, "%c%s=", mark, key);
		mark = '&';
		for (const char *t = text_of(w, v); *t; t++)
			buf_printf(&b, "%%%02x", (unsigned)(unsigned char)*t);
	}
	return buf_str(&b);
}

static bool has_file(const json_t *body)
{
	return json_object_get(body, "file") || json_object_get(body, "logo");
}

static struct panel_answer upload(struct walk *w, enum panel_who who, const char *path,
				  json_t *body)
{
	struct buf b = BUF_ON(w->p.ctx);
	const char *key;
	json_t *v;

	json_object_foreach(body, key, v) buf_printf(
		&b, "--XX\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n", key,
		strcmp(key, "file") == 0 || strcmp(key, "logo") == 0 ? "; filename=\"a.txt\"" : "",
		text_of(w, v));
	buf_puts(&b, "--XX--\r\n");
	return panel_ask(&w->p, who, "POST", path, buf_str(&b),
			 "Content-Type: multipart/form-data; boundary=XX\r\n");
}

/* Who asks for an operation has one: its own id takes the place of the sample's "x". */
static void begin_operation(struct walk *w, enum panel_who who, json_t *body)
{
	static const char *const names[] = { "operation_id", "id" };
	struct panel_answer a;
	const char *id;

	if (strcmp(w->res->name, "operations") != 0 || who > AS_JANE)
		return;
	a = panel_post(&w->p, who, "cron/toggle?async=1", "{\"account_id\":1,\"id\":1}");
	w->is_changed = true;
	id = json_string_value(json_object_get(json_object_get(a.json, "operation"), "id"));
	for (size_t i = 0; i < ARRAY_LEN(names) && id; i++) {
		const char *said = json_string_value(json_object_get(body, names[i]));

		if (said && strcmp(said, "x") == 0)
			(void)json_object_set_new(body, names[i], json_string(id));
	}
}

static struct panel_answer send_as(struct walk *w, enum panel_who who, const char *method,
				   const char *path, json_t *body)
{
	struct panel_answer a;
	const char *id = json_string_value(json_object_get(body, "id"));
	char *text;

	if (id && strcmp(id, "$OWN") == 0) /* ids of tokens are those of their users */
		(void)json_object_set_new(body, "id", json_integer((int)who + 1));
	begin_operation(w, who, body);
	if (strcmp(method, "GET") == 0)
		return panel_get(&w->p, who, query_of(w, path, body));
	if ((w->ep->flags & EP_MULTIPART) && has_file(body))
		return upload(w, who, path, body);
	text = json_dumps(body, JSON_COMPACT);
	a = panel_ask(&w->p, who, method, path, mem_str(w->p.ctx, text),
		      "Content-Type: application/json\r\n");
	free(text);
	w->is_changed |= a.status < 300;
	return a;
}

static struct panel_answer send(struct walk *w, enum panel_who who, json_t *body)
{
	return send_as(w, who, method_of(w->ep), w->path, body);
}

/* After a change the next row, or role, gets a new world. */
static void renew(struct walk *w)
{
	if (!w->is_changed)
		return;
	w->is_changed = false;
	panel_stop(&w->p);
	panel_start(&w->p);
}

/* A revision of john's that waits to be confirmed. */
static json_int_t trial(struct walk *w)
{
	struct panel_answer a = panel_post(&w->p, AS_JOHN, "email/update?confirm=3600",
					   "{\"id\":1,\"quota_mb\":77}");

	return json_integer_value(json_object_get(a.json, "revision"));
}

static void name_row(struct walk *w)
{
	const char *revision;
	char *text;

	w->path = mem_fmt(w->p.ctx, "%s/%s", w->res->name, w->ep->action);
	w->sample = sample_of(w->path);
	if (!w->sample)
		return;
	json_decref(w->body);
	w->body = json_loads(w->sample->body, 0, NULL);
	if (!w->body)
		fail_msg("%s: the sample is not JSON", w->path);
	text = (char *)json_string_value(json_object_get(w->body, "code"));
	if (text && *text == '$')
		(void)json_object_set_new(
			w->body, "code",
			json_string(panel_factor(&w->p, strcmp(text, "$RECOVERY") == 0)));
	text = (char *)json_string_value(json_object_get(w->body, "session_id"));
	if (text)
		(void)json_object_set_new(w->body, "session_id",
					  json_string(panel_session(&w->p, AS_JANE)));
	revision = json_string_value(json_object_get(w->body, "revision"));
	if (revision && strcmp(revision, "$TRIAL") == 0)
		(void)json_object_set_new(w->body, "revision", json_integer(trial(w)));
}

static bool is_good(const struct walk *w, const struct panel_answer *a)
{
	if (w->ep->flags & (EP_MACHINE | EP_ENGINE)) /* none runs here */
		return a->status == 503;
	return a->status == 200 && json_is_true(json_object_get(a->json, "success"));
}

static void check_roles(struct walk *w);
static void check_methods(struct walk *w);

/* Calls FN for each row that has a sample. A good call of a stream has no end: see api_events_test.c. */
static void each_row(void (*fn)(struct walk *w))
{
	struct walk w = { 0 };

	panel_start(&w.p);
	ENDPOINT_FOREACH(res, ep)
	{
		w.res = res;
		w.ep = ep;
		renew(&w);
		name_row(&w);
		if (w.sample &&
		    (!(ep->flags & EP_STREAM) || fn == check_roles || fn == check_methods))
			fn(&w);
	}
	json_decref(w.body);
	panel_stop(&w.p);
	assert_int_equal(w.failed, 0);
}

#define PARAM_FOREACH(p, ep) \
	for (const struct param *p = (ep)->params; p < (ep)->params + (ep)->n_params; p++)

/* The table itself */

TEST(every_row_of_the_reference_is_in_the_table)
{
	size_t missing = 0;

	for (size_t i = 0; i < ARRAY_LEN(reference); i++) {
		const char *path = reference[i].path, *action = strchr(path, '/') + 1;
		const struct resource *res = resource_find(path, (size_t)(action - path) - 1);
		const struct endpoint *ep = res ? endpoint_find(res, action, strlen(action)) : NULL;
		unsigned method = strcmp(reference[i].method, "GET") == 0    ? METHOD_GET
				  : strcmp(reference[i].method, "POST") == 0 ? METHOD_POST
									     : METHOD_DELETE;

		if (ep && (ep->methods & method) && strcmp(ep->action, action) == 0 &&
		    !(ep->flags & EP_ADDED))
			continue;
		print_error("%s %s is missing\n", reference[i].method, path);
		missing++;
	}
	assert_int_equal(missing, 0);
	assert_int_equal(ARRAY_LEN(reference), 93);
}

static bool is_left(const struct sample *s, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = s->left; at && (at = strstr(at, name)); at += len) {
		if ((at == s->left || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

TEST(every_row_of_the_table_has_a_sample_with_all_its_parameters)
{
	void *ctx = mem_ctx(NULL, "samples");
	size_t wrong = 0;

	ENDPOINT_FOREACH(res, ep)
	{
		const struct sample *s = sample_of(mem_fmt(ctx, "%s/%s", res->name, ep->action));
		json_t *body = s ? json_loads(s->body, 0, NULL) : NULL;

		if (!body) {
			print_error("%s/%s has no sample\n", res->name, ep->action);
			wrong++;
			continue;
		}
		PARAM_FOREACH(p, ep)
		{
			if (json_object_get(body, p->name) || is_left(s, p->name))
				continue;
			print_error("%s: the sample lacks %s\n", s->path, p->name);
			wrong++;
		}
		json_decref(body);
	}
	mem_freep(&ctx);
	assert_int_equal(wrong, 0);
}

TEST(names_and_aliases_stand_for_one_thing_each)
{
	ENDPOINT_FOREACH(res, ep)
	{
		assert_ptr_equal(endpoint_find(res, ep->action, strlen(ep->action)), ep);
		for (size_t i = 0; i < PARAM_ALIASES && ep->aliases[i]; i++)
			assert_ptr_equal(endpoint_find(res, ep->aliases[i], strlen(ep->aliases[i])),
					 ep);
		PARAM_FOREACH(p, ep)
		{
			assert_ptr_equal(param_find(ep, p->name), p);
			for (size_t i = 0; i < PARAM_ALIASES && p->aliases[i]; i++)
				assert_ptr_equal(param_find(ep, p->aliases[i]), p);
		}
		assert_true(!endpoint_writes(ep) || ep->audit);
		assert_non_null(ep->doc);
	}
}

/* Who may call */

static void check_roles(struct walk *w)
{
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		enum role role = people[i].role;
		bool is_session = role & ROLE_SESSION, is_bridge = w->ep->roles == ROLE_BILLING;
		int want = is_session && !is_bridge ? 403 : 401;
		struct panel_answer a;

		/* the key is nobody elsewhere */
		if ((w->ep->roles & role) || (role == ROLE_BILLING && (w->ep->roles & ROLE_NOBODY)))
			continue;
		a = send(w, people[i].who, w->body);
		if (a.status != want)
			complain(w, "role %d got %d: %s", (int)role, a.status, a.body);
	}
}

TEST(a_role_that_is_not_of_the_row_is_refused)
{
	each_row(check_roles);
}

static void check_allowed(struct walk *w)
{
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		struct panel_answer a;

		if (!(w->ep->roles & people[i].role))
			continue;
		renew(w);
		name_row(w);
		a = send(w, people[i].who, w->body);
		if (!is_good(w, &a))
			complain(w, "role %d got %d: %s", (int)people[i].role, a.status, a.body);
	}
}

TEST(each_role_of_the_row_has_a_good_call)
{
	each_row(check_allowed);
}

static void check_methods(struct walk *w)
{
	static const struct {
		const char *name;
		unsigned bit;
	} methods[] = { { "GET", METHOD_GET }, { "POST", METHOD_POST }, { "DELETE", METHOD_DELETE },
			{ "PUT", 0 },          { "PATCH", 0 },          { "HEAD", METHOD_GET } };

	unsigned allowed = w->ep->methods | (w->ep->methods & METHOD_DELETE ? METHOD_POST : 0);

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct panel_answer a =
			panel_ask(&w->p, AS_NOBODY, methods[i].name, w->path, NULL, "");
		const char *allow = panel_header(&w->p, &a, "Allow");
		bool is_allowed = methods[i].bit & allowed;

		if ((a.status == 405) == is_allowed)
			complain(w, "%s got %d", methods[i].name, a.status);
		if (!is_allowed &&
		    (!allow || (strstr(allow, "GET") != NULL) != ((allowed & METHOD_GET) != 0) ||
		     (strstr(allow, "POST") != NULL) != ((allowed & METHOD_POST) != 0)))
			complain(w, "%s: Allow: %s", methods[i].name, allow ? allow : "-");
	}
}

TEST(a_method_that_is_not_of_the_row_is_405_with_allow)
{
	each_row(check_methods);
}

static void check_post(struct walk *w)
{
	struct panel_answer a;

	if (!(w->ep->methods & METHOD_DELETE))
		return;
	renew(w);
	name_row(w);
	a = send_as(w, first_who(w->ep), "POST", w->path, w->body);
	if (!is_good(w, &a))
		complain(w, "POST got %d: %s", a.status, a.body);
}

TEST(post_is_taken_wherever_delete_is)
{
	each_row(check_post);
}

/* What a call needs */

static void check_required(struct walk *w)
{
	enum panel_who who = first_who(w->ep);
	json_t *none = json_object();
	struct panel_answer a;

	PARAM_FOREACH(p, w->ep)
	{
		const char *path = mem_fmt(w->p.ctx, "/%s", p->name);

		if (!(p->flags & PARAM_REQUIRED))
			continue;
		a = send(w, who, none);
		if (a.status != 400 || !panel_blames(&a, path))
			complain(w, "without anything: %d %s lacks %s", a.status, a.body, path);
	}
	PARAM_FOREACH(p, w->ep)
	{
		json_t *body = json_copy(w->body);

		(void)json_object_del(body, p->name);
		if (p->flags & PARAM_REQUIRED) {
			a = send(w, who, body);
			if (a.status != 400 ||
			    json_array_size(json_object_get(a.json, "errors")) != 1)
				complain(w, "without %s: %d %s", p->name, a.status, a.body);
		}
		json_decref(body);
	}
	json_decref(none);
}

TEST(a_required_parameter_that_is_missing_is_400_and_named)
{
	each_row(check_required);
}

/* A value that no parameter of the type takes, or NULL. */
static json_t *malformed(const struct param *p, bool is_query)
{
	if (p->choices)
		return json_string("no-such-choice");
	switch (p->type) {
	case PARAM_INT: return json_string("abc");
	case PARAM_BOOL: return json_string("perhaps");
	case PARAM_DATE: return json_string("12.3.2026");
	case PARAM_TEXT:
	case PARAM_SECRET:
	case PARAM_PLAIN: return is_query ? NULL : json_pack("[s]", "a");
	case PARAM_ACCOUNT:
	case PARAM_ROW:
	case PARAM_REF:
	case PARAM_LIST: return is_query ? NULL : json_pack("{s:s}", "a", "b");
	case PARAM_FILE:
	case PARAM_OBJECT: break;
	}
	return NULL;
}

static void check_types(struct walk *w)
{
	bool is_query = w->ep->methods & METHOD_GET;

	if (w->ep->flags & EP_MULTIPART)
		return; /* its parts are texts */
	PARAM_FOREACH(p, w->ep)
	{
		const char *path = mem_fmt(w->p.ctx, "/%s", p->name);
		json_t *bad = malformed(p, is_query), *body;
		struct panel_answer a;

		if (!bad)
			continue;
		body = json_copy(w->body);
		(void)json_object_set_new(body, p->name, bad);
		a = send(w, first_who(w->ep), body);
		json_decref(body);
		if (a.status != 422 || !panel_blames(&a, path))
			complain(w, "%s of a wrong type: %d %s", p->name, a.status, a.body);
		for (size_t i = 0; p->choices && p->choices[i]; i++) {
			if (!strstr(panel_message(&a), p->choices[i]))
				complain(w, "%s: %s is not told to be allowed", p->name,
					 p->choices[i]);
		}
	}
}

TEST(a_value_of_a_wrong_type_is_422_and_named)
{
	each_row(check_types);
}

/* Numbers and booleans as texts, as PHP and forms send them. */
static void check_texts(struct walk *w)
{
	json_t *body, *v;
	const char *key;
	struct panel_answer a;

	if (w->ep->methods & METHOD_GET)
		return; /* queries are texts anyway */
	renew(w);
	name_row(w);
	body = json_deep_copy(w->body);
	json_object_foreach(w->body, key, v)
	{
		if (json_is_integer(v))
			(void)json_object_set_new(body, key, json_string(text_of(w, v)));
		if (json_is_boolean(v))
			(void)json_object_set_new(body, key,
						  json_string(json_is_true(v) ? "1" : "0"));
	}
	(void)json_object_set_new(body, "nobody_knows_this", json_pack("{s:[i]}", "a", 1));
	a = send(w, first_who(w->ep), body);
	json_decref(body);
	if (!is_good(w, &a))
		complain(w, "with texts: %d %s", a.status, a.body);
}

TEST(numbers_come_as_texts_too_and_what_is_not_known_is_ignored)
{
	each_row(check_texts);
}

/* Ids */

static bool is_id(const struct param *p)
{
	return p->type == PARAM_ACCOUNT || p->type == PARAM_ROW || p->type == PARAM_REF;
}

static const struct kind *kind_of(const struct walk *w, const struct param *p)
{
	return p->type == PARAM_ACCOUNT ? &kind_account
	       : p->type == PARAM_ROW   ? w->ep->kind
					: p->kind;
}

static const char *foreign_key(const struct kind *k)
{
	return k == &kind_user      ? "jane"
	       : k == &kind_package ? "Others"
	       : k == &kind_account ? "jane"
				    : "jane.example";
}

static struct panel_answer send_with(struct walk *w, enum panel_who who, const char *name,
				     json_t *value)
{
	json_t *body = json_copy(w->body);
	struct panel_answer a;

	(void)json_object_set_new(body, name, value);
	a = send(w, who, body);
	json_decref(body);
	return a;
}

static void compare(struct walk *w, enum panel_who who, const struct param *p, json_t *foreign,
		    json_t *unknown)
{
	struct panel_answer a = send_with(w, who, p->name, foreign);
	struct panel_answer b = send_with(w, who, p->name, unknown);

	if (a.status != 404 || b.status != 404 || strcmp(a.body, b.body) != 0)
		complain(w, "%s: foreign %d %s, unknown %d %s", p->name, a.status, a.body, b.status,
			 b.body);
}

static void check_foreign(struct walk *w)
{
	PARAM_FOREACH(p, w->ep)
	{
		for (size_t i = 0; is_id(p) && i < ARRAY_LEN(people); i++) {
			bool is_user = people[i].role == ROLE_USER;
			const struct kind *k = kind_of(w, p);

			if (!(w->ep->roles & people[i].role) || people[i].role == ROLE_ADMIN ||
			    people[i].role == ROLE_BILLING || (is_user && p->type == PARAM_ACCOUNT))
				continue;
			compare(w, people[i].who, p, json_integer(k == &kind_user ? 5 : 2),
				json_integer(999));
			if (p->flags & PARAM_BY_KEY)
				compare(w, people[i].who, p, json_string(foreign_key(k)),
					json_string("no-such"));
		}
	}
}

TEST(what_is_foreign_answers_as_what_is_not_there)
{
	each_row(check_foreign);
}

static void check_unknown(struct walk *w)
{
	static const char *const ids[] = { "999", "0", "-1", "abc", "99999999999999999999" };

	PARAM_FOREACH(p, w->ep)
	{
		for (size_t i = 0; is_id(p) && i < ARRAY_LEN(ids); i++) {
			struct panel_answer a;

			if ((p->flags & PARAM_0_IS_NONE) && strcmp(ids[i], "0") == 0)
				continue;
			a = send_with(w, first_who(w->ep), p->name, json_string(ids[i]));
			if (a.status != 404 || json_array_size(json_object_get(a.json, "errors")))
				complain(w, "%s=%s: %d %s", p->name, ids[i], a.status, a.body);
		}
	}
}

TEST(an_id_that_names_nothing_is_404)
{
	each_row(check_unknown);
}

/* A user's own account needs no naming, and naming another changes nothing. */
static void check_own(struct walk *w)
{
	struct panel_answer a, b, c;
	json_t *body;

	if (!(w->ep->methods & METHOD_GET) || !(w->ep->roles & ROLE_USER))
		return;
	PARAM_FOREACH(p, w->ep)
	{
		if (p->type != PARAM_ACCOUNT)
			continue;
		a = send(w, AS_JOHN, w->body);
		b = send_with(w, AS_JOHN, p->name, json_integer(2));
		body = json_copy(w->body);
		(void)json_object_del(body, p->name);
		c = send(w, AS_JOHN, body);
		json_decref(body);
		if (strcmp(a.body, b.body) != 0 || strcmp(a.body, c.body) != 0)
			complain(w, "%s\n%s\n%s", a.body, b.body, c.body);
		a = send(w, AS_LONE, w->body);
		if (a.status != 404)
			complain(w, "without an account: %d %s", a.status, a.body);
	}
}

TEST(a_user_sees_its_own_account_whatever_it_names)
{
	each_row(check_own);
}

/* Aliases */

static void check_alias(struct walk *w, const struct param *p, const char *alias)
{
	json_t *body = json_copy(w->body);
	json_t *v = json_incref(json_object_get(body, p->name));
	struct panel_answer a;

	(void)json_object_del(body, p->name);
	(void)json_object_set_new(body, alias, v);
	a = send(w, first_who(w->ep), body);
	json_decref(body);
	if (!is_good(w, &a))
		complain(w, "%s as %s: %d %s", p->name, alias, a.status, a.body);
}

static void check_aliases(struct walk *w)
{
	PARAM_FOREACH(p, w->ep)
	{
		for (size_t i = 0; i < PARAM_ALIASES && p->aliases[i]; i++) {
			renew(w);
			name_row(w);
			if (json_object_get(w->body, p->name))
				check_alias(w, p, p->aliases[i]);
		}
	}
	for (size_t i = 0; i < PARAM_ALIASES && w->ep->aliases[i]; i++) {
		struct panel_answer a;
		const char *path;

		renew(w);
		name_row(w);
		path = mem_fmt(w->p.ctx, "%s/%s", w->res->name, w->ep->aliases[i]);
		a = send_as(w, first_who(w->ep), method_of(w->ep), path, w->body);
		if (!is_good(w, &a))
			complain(w, "as %s: %d %s", path, a.status, a.body);
	}
}

TEST(aliases_of_actions_and_parameters_work)
{
	each_row(check_aliases);
}

/* Answers */

static bool is_time(const char *t)
{
	return t && strlen(t) == 19 && t[4] == '-' && t[10] == ' ' && t[13] == ':';
}

static bool fits(const struct column *col, const json_t *v)
{
	if (json_is_null(v))
		return col->type != COLUMN_BOOL;
	switch (col->type) {
	case COLUMN_INT: return json_is_integer(v);
	case COLUMN_BOOL:
		return json_is_integer(v) &&
		       (json_integer_value(v) == 0 || json_integer_value(v) == 1);
	case COLUMN_TEXT: return json_is_string(v);
	case COLUMN_TIME: return is_time(json_string_value(v));
	case COLUMN_REAL: return json_is_number(v);
	case COLUMN_JSON: return true;
	}
	return false;
}

static size_t count_words(const char *words)
{
	size_t n = 0;

	for (; words && *words; words += strspn(words, " ")) {
		words += strcspn(words, " ");
		n++;
	}
	return n;
}

static void check_row(struct walk *w, const json_t *row, const struct shape *s, const char *returns)
{
	size_t n = (s ? s->n : 0) + count_words(returns);

	if (!json_is_object(row)) {
		complain(w, "is no object");
		return;
	}
	for (size_t i = 0; s && i < s->n; i++) {
		const json_t *v = json_object_get(row, s->columns[i].name);

		if (!v || !fits(&s->columns[i], v))
			complain(w, "column %s is %s", s->columns[i].name,
				 v ? "of a wrong type" : "missing");
	}
	for (const char *at = returns; at && *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (!json_object_get(row, mem_strn(w->p.ctx, at, len)))
			complain(w, "member %.*s is missing", (int)len, at);
		at += len;
	}
	if (json_object_size(row) != n)
		complain(w, "has %zu members instead of %zu", json_object_size(row), n);
}

static void check_meta(struct walk *w, const struct panel_answer *a)
{
	static const char *const names[] = { "total", "page", "per_page", "pages" };
	const json_t *meta = json_object_get(a->data, "meta");

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!json_is_integer(json_object_get(meta, names[i])))
			complain(w, "meta lacks %s", names[i]);
	}
	if (!json_equal(meta, json_object_get(a->json, "meta")))
		complain(w, "meta at the top differs");
	if (json_object_size(a->data) != 2)
		complain(w, "data has more than items and meta");
}

static void check_data(struct walk *w, const struct panel_answer *a)
{
	const struct endpoint *ep = w->ep;
	const char *returns = ep->returns;
	bool is_list = ep->op == EP_LIST || (returns && *returns == '[');
	const json_t *list = ep->flags & EP_PAGED ? json_object_get(a->data, "items") : a->data;
	const json_t *row;
	size_t i;

	if (ep->flags & EP_PAGED)
		check_meta(w, a);
	if (!ep->shape && !returns) {
		if (!json_is_null(a->data))
			complain(w, "data is not null: %s", a->body);
		return;
	}
	if (!is_list) {
		check_row(w, a->data, ep->shape, returns);
		return;
	}
	if (returns && *returns == '[')
		returns = mem_strn(w->p.ctx, returns + 1, strlen(returns) - 2);
	if (json_array_size(list) == 0)
		complain(w, "the list is empty: %s", a->body);
	json_array_foreach(list, i, row) check_row(w, row, ep->shape, returns);
}

static void check_envelope(struct walk *w, const struct panel_answer *a, bool is_success)
{
	static const char *const heads[] = { "X-NovaCPX-Version", "X-RateLimit-Limit",
					     "X-RateLimit-Remaining", "X-RateLimit-Reset" };
	const char *type = panel_header(&w->p, a, "Content-Type");

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		if (!panel_header(&w->p, a, heads[i]))
			complain(w, "header %s is missing", heads[i]);
	}
	if (!type || strncmp(type, "application/json", 16) != 0)
		complain(w, "Content-Type: %s", type ? type : "-");
	if (!json_is_boolean(json_object_get(a->json, "success")) ||
	    json_is_true(json_object_get(a->json, "success")) != is_success)
		complain(w, "success is wrong: %s", a->body);
	if (!panel_message(a)[0])
		complain(w, "has no message");
	if (is_success && !a->data)
		complain(w, "has no data");
	if (!is_success && !json_is_array(json_object_get(a->json, "errors")))
		complain(w, "has no errors");
}

static void check_answer(struct walk *w)
{
	struct panel_answer a;

	a = panel_ask(&w->p, AS_NOBODY, "PATCH", w->path, NULL, "");
	check_envelope(w, &a, false);
	renew(w);
	name_row(w);
	a = send(w, first_who(w->ep), w->body);
	check_envelope(w, &a, !(w->ep->flags & (EP_MACHINE | EP_ENGINE)));
	if (!is_good(w, &a))
		complain(w, "%d %s", a.status, a.body);
	else if (a.status == 200)
		check_data(w, &a);
	if (a.status == 200 && w->ep->kind && endpoint_writes(w->ep) &&
	    !json_is_integer(json_object_get(a.json, "revision")))
		complain(w, "a write without revision: %s", a.body);
}

TEST(an_answer_has_the_envelope_and_the_row_s_columns)
{
	each_row(check_answer);
}
