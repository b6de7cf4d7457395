/* Packages that are deleted: one that somebody has is retired, the others go. */
#include <string.h>

#include "tests/support/panel.h"
#include "tests/support/testing.h"

/* The package of that number in a list, or NULL. */
static const json_t *in_list(struct panel *p, enum panel_who who, const char *path, int64_t id)
{
	struct panel_answer a = panel_get(p, who, path);
	const json_t *row;
	size_t i;

	assert_int_equal(a.status, 200);
	json_array_foreach(a.data, i, row)
	{
		if (json_integer_value(json_object_get(row, "id")) == id)
			return row;
	}
	return NULL;
}

TEST(a_package_that_nobody_has_is_deleted)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":3}");
	assert_int_equal(a.status, 200);
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM package WHERE id=3"), "0");
	a = panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":3}");
	assert_int_equal(a.status, 404);
	panel_stop(&p);
}

TEST(a_package_in_use_is_retired_and_lists_hide_it_unless_asked)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const json_t *row;

	panel_start(&p);
	a = panel_ask(&p, AS_ADMIN, "DELETE", "packages/delete?id=1", NULL, "");
	assert_int_equal(a.status, 200);
	assert_true(json_is_null(a.data));
	assert_true(json_is_integer(json_object_get(a.json, "revision")));
	assert_contains(panel_message(&a), "Package \"Starter\" is no longer offered; ");
	assert_null(in_list(&p, AS_ADMIN, "packages/list", 1));
	assert_null(in_list(&p, AS_RESEL, "packages/list", 1));
	row = in_list(&p, AS_ADMIN, "packages/list?retired=1", 1);
	assert_non_null(row);
	assert_int_equal(json_integer_value(json_object_get(row, "retired")), 1);
	assert_non_null(in_list(&p, AS_RESEL, "packages/list?all=true", 1));
	/* again is the same */
	a = panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":1}");
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(who_has_a_retired_package_keeps_it_and_nobody_else_gets_it)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	assert_int_equal(panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":1}").status, 200);
	a = panel_get(&p, AS_ADMIN, "accounts/get?id=1");
	assert_int_equal(json_integer_value(json_object_get(a.data, "package_id")), 1);
	a = panel_post(&p, AS_ADMIN, "accounts/suspend", "{\"id\":1}");
	assert_int_equal(a.status, 200);
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		"{\"username\":\"mary\",\"domain\":\"mary.example\",\"email\":\"m@m.example\","
		"\"password\":\"secret\",\"package_id\":1}");
	assert_int_equal(a.status, 403);
	assert_contains(panel_message(&a), "\"Starter\" is no longer offered");
	assert_true(panel_blames(&a, "/package_id"));
	a = panel_post(
		&p, AS_BILLING, "whmcs/create",
		"{\"username\":\"mary\",\"domain\":\"mary.example\",\"email\":\"m@m.example\","
		"\"password\":\"secret\",\"package\":\"Starter\"}");
	assert_int_equal(a.status, 403);
	assert_contains(panel_message(&a), "\"Starter\" is no longer offered");
	a = panel_post(&p, AS_ADMIN, "users/update", "{\"id\":3,\"package_id\":1}");
	assert_int_equal(a.status, 403);
	panel_stop(&p);
}

TEST(a_retired_package_is_not_the_default_one)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/update", "{\"id\":1,\"is_default\":true}");
	assert_int_equal(a.status, 200);
	assert_int_equal(panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":1}").status, 200);
	assert_string_equal(panel_sql(&p, "SELECT is_default FROM package WHERE id=1"), "0");
	a = panel_post(
		&p, AS_BILLING, "whmcs/create",
		"{\"username\":\"mary\",\"domain\":\"mary.example\",\"email\":\"m@m.example\","
		"\"password\":\"secret\"}");
	assert_int_equal(a.status, 200);
	assert_string_equal(
		panel_sql(&p, "SELECT coalesce(package,'-') FROM account WHERE username='mary'"),
		"-");
	panel_stop(&p);
}

TEST(the_name_of_a_retired_package_stays_taken_and_says_why)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	assert_int_equal(panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":1}").status, 200);
	a = panel_post(&p, AS_ADMIN, "packages/create", "{\"name\":\"Starter\"}");
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "no longer offered");
	assert_true(panel_blames(&a, "/name"));
	/* offered again */
	a = panel_post(&p, AS_ADMIN, "packages/update", "{\"id\":1,\"retired\":false}");
	assert_int_equal(a.status, 200);
	assert_non_null(in_list(&p, AS_ADMIN, "packages/list", 1));
	a = panel_post(&p, AS_ADMIN, "packages/create", "{\"name\":\"Starter\"}");
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "exists already");
	panel_stop(&p);
}

TEST(a_package_in_use_that_would_be_retired_against_a_newer_revision_stays)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/update", "{\"id\":1,\"max_email\":99}");
	assert_int_equal(a.status, 200);
	a = panel_ask(&p, AS_ADMIN, "POST", "packages/delete", "{\"id\":1}",
		      "Content-Type: application/json\r\nIf-Match: 1\r\n");
	assert_true(a.status == 409 || a.status == 412);
	assert_null(strstr(panel_message(&a), "no longer offered"));
	a = panel_post(&p, AS_ADMIN, "packages/delete?dry_run=1", "{\"id\":1}");
	assert_string_equal(panel_sql(&p, "SELECT retired FROM package WHERE id=1"), "0");
	panel_stop(&p);
}
