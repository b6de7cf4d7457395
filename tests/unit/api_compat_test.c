/* What clients of the original send, and what they read in the answers. */
#include <stdlib.h>
#include <string.h>

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

static const char *account_body(struct panel *p, const char *name, const char *more)
{
	return mem_fmt(p->ctx,
		       "{\"username\":\"%s\",\"domain\":\"%s.example\",\"email\":\"%s@x.example\","
		       "\"password\":\"secret\",%s}",
		       name, name, name, more);
}

TEST(package_0_and_reseller_0_of_a_new_account_are_none)
{
	static const char *const none[] = {
		"\"package_id\":0",
		"\"package_id\":\"0\"",
		"\"package_id\":0,\"reseller_id\":0",
	};
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		const char *name = mem_fmt(p.ctx, "none%zu", i);

		a = panel_post(&p, AS_ADMIN, "accounts/create", account_body(&p, name, none[i]));
		EXPECT(a, 200);
		assert_string_equal(
			panel_sql(&p, mem_fmt(p.ctx,
					      "SELECT coalesce(a.package,'none')||"
					      "coalesce(u.reseller,'none') FROM account a, user u "
					      "WHERE a.username='%s' AND u.username=a.user",
					      name)),
			"nonenone");
	}
	a = panel_post(&p, AS_RESEL, "accounts/create",
		       account_body(&p, "some", "\"package_id\":0"));
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "accounts/create",
		       account_body(&p, "more", "\"package_id\":99"));
	EXPECT(a, 404);
	a = panel_post(&p, AS_ADMIN, "accounts/change-package", "{\"id\":1,\"package_id\":0}");
	EXPECT(a, 404);
	panel_stop(&p);
}

TEST(a_login_is_found_however_its_name_or_address_is_capitalized)
{
	static const char *const names[] = { "Bob", "BOB", " bob ", "Bob@X.Example",
					     "bob@x.example" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		"{\"username\":\"Bob\",\"domain\":\"Bob.Example\",\"email\":\"Bob@X.Example\","
		"\"password\":\"secret\"}");
	EXPECT(a, 200);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const json_t *user;

		a = panel_post(
			&p, AS_NOBODY, "auth/login",
			mem_fmt(p.ctx, "{\"username\":\"%s\",\"password\":\"secret\"}", names[i]));
		EXPECT(a, 200);
		user = json_object_get(a.data, "user");
		assert_string_equal(json_string_value(json_object_get(user, "username")), "bob");
	}
	a = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\"Bob@\",\"password\":\"secret\"}");
	EXPECT(a, 401);
	a = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\"Bob\",\"password\":\"Secret\"}");
	EXPECT(a, 401);
	panel_stop(&p);
}

static const json_t *domain_of(struct panel *p, const char *name)
{
	struct panel_answer a = panel_get(p, AS_ADMIN, "domains/list?account_id=1");
	const json_t *one;
	size_t i;

	json_array_foreach(a.data, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "domain")), name) == 0)
			return one;
	}
	return NULL;
}

static int64_t id_of(struct panel *p, const char *name)
{
	return json_integer_value(json_object_get(domain_of(p, name), "id"));
}

TEST(any_site_or_alias_becomes_a_redirect_and_without_a_code_it_is_301)
{
	static const char *const made[][3] = {
		{ "folder.example", "domains/add",
		  "\"type\":\"addon\",\"document_root\":\"/home/john/public_html/f\"" },
		{ "alias.example", "domains/add-alias", "\"target\":\"two.example\"" },
		{ "later.example", "domains/add",
		  "\"type\":\"redirect\",\"redirect_to\":\"https://a.example/\","
		  "\"redirect_code\":302" },
	};
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		const json_t *d;

		a = panel_post(&p, AS_JOHN, made[i][1],
			       mem_fmt(p.ctx, "{\"domain\":\"%s\",%s}", made[i][0], made[i][2]));
		EXPECT(a, 200);
		a = panel_post(&p, AS_JOHN, "domains/redirect",
			       mem_fmt(p.ctx, "{\"id\":%d,\"redirect_url\":\"https://b.example/\"}",
				       (int)id_of(&p, made[i][0])));
		EXPECT(a, 200);
		d = domain_of(&p, made[i][0]);
		assert_string_equal(json_string_value(json_object_get(d, "type")), "redirect");
		assert_string_equal(json_string_value(json_object_get(d, "redirect_to")),
				    "https://b.example/");
		assert_int_equal(json_integer_value(json_object_get(d, "redirect_code")), 301);
		assert_true(json_is_null(json_object_get(d, "target")));
	}
	panel_stop(&p);
}

TEST(a_site_that_an_alias_shows_stays_one)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *redirect;

	panel_start(&p);
	redirect = mem_fmt(p.ctx, "{\"id\":%d,\"redirect_url\":\"https://b.example/\"}",
			   (int)id_of(&p, "two.example"));
	a = panel_post(&p, AS_JOHN, "domains/add-alias",
		       "{\"domain\":\"alias.example\",\"target\":\"two.example\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/redirect", redirect);
	EXPECT(a, 409);
	assert_string_equal(
		panel_message(&a),
		"type: \"alias.example\" is an alias of this site; lead it elsewhere before this "
		"becomes of type redirect");
	a = panel_post(&p, AS_JOHN, "domains/remove",
		       mem_fmt(p.ctx, "{\"id\":%d}", (int)id_of(&p, "alias.example")));
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/redirect", redirect);
	EXPECT(a, 200);
	panel_stop(&p);
}

TEST(a_domain_is_removed_with_its_certificate_and_its_keys)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "domains/add-addon", "{\"domain\":\"m.example\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "dkim/generate", "{\"domain\":\"m.example\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "dkim/generate",
		       "{\"domain\":\"m.example\",\"selector\":\"two\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "ssl/issue", "{\"domain\":\"m.example\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"a@m.example\",\"password\":\"secret\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/remove",
		       mem_fmt(p.ctx, "{\"id\":%d}", (int)id_of(&p, "m.example")));
	EXPECT(a, 409); /* mail is nobody's to lose with a name */
	assert_string_equal(panel_message(&a), "cannot be deleted: mailbox/a@m.example needs it");
	a = panel_post(
		&p, AS_JOHN, "email/delete",
		mem_fmt(p.ctx, "{\"id\":%s}",
			panel_sql(&p, "SELECT id FROM mailbox WHERE address='a@m.example'")));
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/remove",
		       mem_fmt(p.ctx, "{\"id\":%d}", (int)id_of(&p, "m.example")));
	EXPECT(a, 200);
	assert_null(domain_of(&p, "m.example"));
	assert_string_equal(panel_sql(&p,
				      "SELECT (SELECT count(*) FROM zone WHERE name='m.example')+"
				      "(SELECT count(*) FROM certificate WHERE domain='m.example')+"
				      "(SELECT count(*) FROM dkim_key WHERE domain='m.example')"),
			    "0");
	panel_stop(&p);
}

TEST(zones_come_by_name_whosoever_they_are)
{
	static const char *const more[] = {
		"{\"account_id\":2,\"domain\":\"zzz.example\"}",
		"{\"account_id\":1,\"domain\":\"aaa.example\"}",
		"{\"account_id\":2,\"domain\":\"aab.example\"}",
	};
	struct panel p = { 0 };
	struct panel_answer a;
	const char *before = "";
	const json_t *one;
	size_t i;

	panel_start(&p);
	for (i = 0; i < ARRAY_LEN(more); i++) {
		a = panel_post(&p, AS_ADMIN, "dns/create-zone", more[i]);
		EXPECT(a, 200);
	}
	a = panel_get(&p, AS_ADMIN, "dns/list");
	EXPECT(a, 200);
	assert_int_equal(json_array_size(a.data), 5);
	json_array_foreach(a.data, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "domain"));

		assert_true(strcmp(before, name) < 0);
		before = name;
	}
	panel_stop(&p);
}

TEST(a_zone_tells_when_it_or_a_record_of_it_was_last_changed)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const json_t *zone;
	const char *made;

	panel_start(&p);
	a = panel_get(&p, AS_JOHN, "dns/list");
	EXPECT(a, 200);
	zone = json_array_get(a.data, 0);
	made = json_string_value(json_object_get(zone, "created_at"));
	assert_string_equal(json_string_value(json_object_get(zone, "updated_at")), made);
	a = panel_post(&p, AS_JOHN, "dns/update-record", "{\"record_id\":1,\"ttl\":300}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_JOHN, "dns/list");
	zone = json_array_get(a.data, 0);
	assert_string_equal(json_string_value(json_object_get(zone, "created_at")), made);
	assert_true(strcmp(json_string_value(json_object_get(zone, "updated_at")), made) > 0);
	panel_stop(&p);
}

TEST(a_priority_counts_where_the_type_has_one_and_is_ignored_elsewhere)
{
	static const struct {
		const char *body;
		int64_t priority; /* -1: null */
	} records[] = {
		{ "\"type\":\"A\",\"name\":\"p1\",\"value\":\"192.0.2.1\",\"priority\":10", -1 },
		{ "\"type\":\"A\",\"name\":\"p2\",\"value\":\"192.0.2.1\",\"priority\":0", -1 },
		{ "\"name\":\"p3\",\"content\":\"192.0.2.1\",\"priority\":null", -1 },
		{ "\"type\":\"MX\",\"value\":\"m1.example.com\",\"priority\":5", 5 },
		{ "\"type\":\"MX\",\"value\":\"m2.example.com\",\"priority\":\"0\"", 0 },
		{ "\"type\":\"MX\",\"value\":\"m3.example.com\"", 10 },
	};
	struct panel p = { 0 };
	struct panel_answer a;
	int64_t id = 0;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		const json_t *priority;

		a = panel_post(&p, AS_JOHN, "dns/add-record",
			       mem_fmt(p.ctx, "{\"zone_id\":1,%s}", records[i].body));
		EXPECT(a, 200);
		priority = json_object_get(a.data, "priority");
		assert_int_equal(json_is_null(priority) ? -1 : json_integer_value(priority),
				 records[i].priority);
		id = json_integer_value(json_object_get(a.data, "id"));
	}
	a = panel_post(
		&p, AS_JOHN, "dns/update-record",
		mem_fmt(p.ctx,
			"{\"id\":%d,\"name\":\"p4\",\"type\":\"A\",\"content\":\"192.0.2.2\","
			"\"ttl\":600,\"priority\":10}",
			(int)id));
	EXPECT(a, 200);
	assert_string_equal(
		panel_sql(&p, "SELECT coalesce(priority,'none') FROM record WHERE name='p4'"),
		"none");
	a = panel_post(&p, AS_JOHN, "dns/add-record",
		       "{\"zone_id\":1,\"type\":\"NONE\",\"value\":\"x\",\"priority\":1}");
	EXPECT(a, 422);
	assert_true(panel_blames(&a, "/type"));
	panel_stop(&p);
}

TEST(every_address_answers_options_with_204_and_the_root_too)
{
	static const char *const paths[] = { "accounts/list", "nothing/here", "/api", "/api/" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct panel_answer a = panel_ask(&p, AS_NOBODY, "OPTIONS", paths[i], NULL, "");

		EXPECT(a, 204);
	}
	panel_stop(&p);
}
