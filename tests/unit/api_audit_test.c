/* What rows of the audit log are about, also of calls that were refused; and ending accounts by two names. */
#include <string.h>

#include "tests/support/panel.h"
#include "tests/support/testing.h"

/* OUTCOME and resource of the newest row of ACTION. */
static void newest_is(struct panel *p, const char *action, const char *outcome,
		      const char *resource)
{
	const char *got =
		panel_sql(p, mem_fmt(p->ctx,
				     "SELECT outcome||' '||coalesce(resource,'-') FROM audit "
				     "WHERE action='%s' ORDER BY id DESC LIMIT 1",
				     action));

	assert_string_equal(got, mem_fmt(p->ctx, "%s %s", outcome, resource));
}

TEST(what_changes_many_resources_is_logged_under_the_one_it_is_about)
{
	struct panel p = { 0 };

	panel_start(&p);
	assert_int_equal(
		panel_post(&p, AS_BILLING, "whmcs/terminate", "{\"domain\":\"example.com\"}")
			.status,
		200);
	newest_is(&p, "whmcs.terminate", "done", "account/john");
	assert_int_equal(panel_post(&p, AS_ADMIN, "accounts/terminate", "{\"id\":2}").status, 200);
	newest_is(&p, "account.terminate", "done", "account/jane");
	assert_int_equal(panel_post(&p, AS_ADMIN, "accounts/create",
				    "{\"username\":\"mary\",\"domain\":\"mary.example\","
				    "\"email\":\"m@mary.example\",\"password\":\"secret\"}")
				 .status,
			 200);
	newest_is(&p, "account.create", "done", "account/mary");
	panel_stop(&p);
}

TEST(a_refused_call_is_logged_with_what_it_was_about)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/update", "{\"id\":1,\"max_email\":1}");
	assert_int_equal(a.status, 200);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"more@example.com\",\"password\":\"secret\"}");
	assert_int_equal(a.status, 403);
	newest_is(&p, "email.create", "refused", "mailbox/more@example.com");
	assert_int_equal(panel_post(&p, AS_ADMIN, "packages/delete", "{\"id\":1}").status, 200);
	a = panel_post(&p, AS_ADMIN, "users/update", "{\"id\":3,\"package_id\":1}");
	assert_int_equal(a.status, 403);
	newest_is(&p, "user.update", "refused", "user/other");
	a = panel_post(&p, AS_BILLING, "whmcs/changepackage",
		       "{\"domain\":\"two.example\",\"package_id\":2}");
	assert_int_equal(a.status, 403);
	newest_is(&p, "whmcs.changepackage", "refused", "account/john");
	/* nothing is known of what the role may not even name */
	assert_int_equal(panel_post(&p, AS_JOHN, "packages/delete", "{\"id\":1}").status, 403);
	newest_is(&p, "package.delete", "refused", "-");
	panel_stop(&p);
}

TEST(two_names_of_different_accounts_end_none)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_BILLING, "whmcs/terminate",
		       "{\"domain\":\"example.com\",\"username\":\"jane\"}");
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "username: found jane, but domain example.com is of "
					   "account john");
	assert_true(panel_blames(&a, "/username"));
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM account"), "2");
	newest_is(&p, "whmcs.terminate", "refused", "account/john");
	/* each alone is enough, and case says nothing */
	a = panel_post(&p, AS_BILLING, "whmcs/terminate",
		       "{\"domain\":\"EXAMPLE.com\",\"username\":\"John\"}");
	assert_int_equal(a.status, 200);
	a = panel_post(&p, AS_BILLING, "whmcs/terminate", "{\"username\":\"jane\"}");
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(what_the_billing_key_was_refused_is_not_put_down_to_the_customer_it_named)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_BILLING, "whmcs/terminate",
		       "{\"domain\":\"example.com\",\"username\":\"jane\"}");
	assert_int_equal(a.status, 409);
	assert_string_equal(panel_sql(&p, "SELECT actor||' '||source||' '||via FROM audit "
					  "ORDER BY id DESC LIMIT 1"),
			    "billing whmcs key");
	panel_stop(&p);
}

TEST(a_session_that_was_ended_is_logged_with_whose_it_was)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "sessions/revoke",
		       mem_fmt(p.ctx, "{\"session_id\":\"%s\"}", panel_session(&p, AS_JANE)));
	assert_int_equal(a.status, 200);
	newest_is(&p, "session.revoke", "done", "user/jane");
	assert_int_equal(panel_get(&p, AS_JANE, "auth/me").status, 401);
	panel_stop(&p);
}
