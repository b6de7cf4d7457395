/* The API over history: revisions, trials, plans, state files. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/expiry.h"
#include "base/buf.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

enum {
	WAIT_S = 10,
};

#define JOHNS_BOX "email/update"

static int64_t number(const json_t *o, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *t = json_string_value(json_object_get(o, name));

	return t ? t : "";
}

/* The revision that a write made. */
static int64_t made(struct panel *p, enum panel_who who, const char *path, const char *body)
{
	struct panel_answer a = panel_post(p, who, path, body);

	if (a.status != 200)
		fail_msg("%s: %d %s", path, a.status, a.body);
	return number(a.json, "revision");
}

static int64_t quota(struct panel *p, int64_t mb)
{
	return made(p, AS_JOHN, "email/update",
		    mem_fmt(p->ctx, "{\"id\":1,\"quota_mb\":%" PRId64 "}", mb));
}

static struct panel_answer get_rev(struct panel *p, enum panel_who who, int64_t rev)
{
	return panel_get(p, who, mem_fmt(p->ctx, "revisions/get?revision=%" PRId64, rev));
}

/* One revision of johns and janes, by admin. */
static int64_t both(struct panel *p)
{
	return made(p, AS_ADMIN, "state/apply",
		    "{\"message\":\"john does not pay\",\"state\":"
		    "\"novacpx: 1\\naccounts:\\n"
		    "  john: {zones: {example.com: {ttl: 700}}}\\n"
		    "  jane: {zones: {jane.example: {ttl: 800}}}\\n\"}");
}

/* "~zone/example.com " of all changes. */
static const char *changes(struct panel *p, const struct panel_answer *a)
{
	struct buf b = BUF_ON(p->ctx);
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(a->data, "changes"), i, one)
		buf_printf(&b, "%s%s ", text(one, "op"), text(one, "resource"));
	return buf_str(&b);
}

/* Numbers of the items of a list. */
static const char *listed(struct panel *p, enum panel_who who, const char *query)
{
	struct panel_answer a = panel_get(p, who, mem_fmt(p->ctx, "revisions/list?%s", query));
	struct buf b = BUF_ON(p->ctx);
	json_t *one;
	size_t i;

	if (a.status != 200)
		return mem_fmt(p->ctx, "%d", a.status);
	json_array_foreach(json_object_get(a.data, "items"), i, one) buf_printf(
		&b, "%" PRId64 "(%" PRId64 ") ", number(one, "revision"), number(one, "changes"));
	return buf_str(&b);
}

/* Lists */

TEST(admins_page_through_all_revisions_and_filter_them)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	assert_int_equal(quota(&p, 2), 2);
	assert_int_equal(quota(&p, 3), 3);
	assert_int_equal(both(&p), 4);
	assert_string_equal(listed(&p, AS_ADMIN, "per_page=2"), "4(2) 3(1) ");
	assert_string_equal(listed(&p, AS_ADMIN, "per_page=1&page=3"), "2(1) ");
	assert_string_equal(listed(&p, AS_ADMIN, "per_page=2&before=4"), "3(1) 2(1) ");
	assert_string_equal(listed(&p, AS_ADMIN, "actor=john"), "3(1) 2(1) ");
	assert_contains(listed(&p, AS_ADMIN, "resource=zone/jane.example"), "4(2) 1(");
	assert_contains(listed(&p, AS_ADMIN, "account_id=2"), "4(1) 1(");
	a = panel_get(&p, AS_ADMIN, "revisions/list?per_page=2");
	assert_int_equal(number(json_object_get(a.data, "meta"), "total"), 4);
	assert_string_equal(listed(&p, AS_ADMIN, "resource=nothing"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "resource=zone/"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "actor=john&account_id=1"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "before=0"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "before=-3"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "actor=john&page=900000"), "422");
	assert_string_equal(listed(&p, AS_ADMIN, "page=900000"), "");
	assert_string_equal(listed(&p, AS_RESEL, "actor=admin"), "422");
	panel_stop(&p);
}

TEST(others_see_what_touched_their_accounts_and_of_that_their_share)
{
	struct panel p = { 0 };
	struct panel_answer a;

	const struct {
		enum panel_who who;
		const char *changes;
	} shares[] = { { AS_JOHN, "~zone/example.com " },
		       { AS_RESEL, "~zone/example.com " },
		       { AS_JANE, "~zone/jane.example " },
		       { AS_OTHER, "~zone/jane.example " },
		       { AS_ADMIN, "~zone/example.com ~zone/jane.example " } };

	int64_t rev;

	panel_start(&p);
	(void)made(&p, AS_JANE, "email/update", "{\"id\":2,\"quota_mb\":9}");
	rev = both(&p);
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		a = get_rev(&p, shares[i].who, rev);
		assert_int_equal(a.status, 200);
		assert_string_equal(changes(&p, &a), shares[i].changes);
		/* why and from where is for who did it */
		assert_string_equal(text(a.data, "message"),
				    shares[i].who == AS_ADMIN ? "john does not pay" : "");
		assert_int_equal(text(a.data, "address")[0] != '\0', shares[i].who == AS_ADMIN);
		assert_int_equal(json_array_size(json_object_get(a.data, "more")), 0);
	}
	assert_contains(listed(&p, AS_JOHN, ""), "3(1) 1(");
	assert_contains(listed(&p, AS_RESEL, ""), "3(1) 1(");
	assert_contains(listed(&p, AS_JANE, ""), "3(1) 2(1) 1(");
	assert_string_equal(listed(&p, AS_JOHN, "resource=zone/jane.example"), "");
	assert_string_equal(listed(&p, AS_RESEL, "account_id=2"), "404");
	assert_string_equal(listed(&p, AS_LONE, ""), "404");
	/* another's revision is as one that there is not */
	a = get_rev(&p, AS_JOHN, 2);
	assert_int_equal(a.status, 404);
	assert_string_equal(panel_message(&a), "Revision not found");
	a = get_rev(&p, AS_JOHN, 99);
	assert_int_equal(a.status, 404);
	assert_string_equal(panel_message(&a), "Revision not found");
	assert_int_equal(get_rev(&p, AS_LONE, rev).status, 404);
	a = panel_get(&p, AS_JOHN, "revisions/diff?from=1&to=3");
	assert_string_equal(changes(&p, &a), "~zone/example.com ");
	assert_null(strstr(a.body, "jane"));
	panel_stop(&p);
}

TEST(a_name_that_is_given_again_does_not_open_its_earlier_history)
{
	struct panel p = { 0 };
	int64_t old, new;
	struct panel_answer a;

	panel_start(&p);
	old = quota(&p, 5);
	(void)made(&p, AS_ADMIN, "accounts/terminate", "{\"id\":1}");
	new = made(&p, AS_ADMIN, "accounts/create",
		   "{\"username\":\"john\",\"domain\":\"example.com\",\"email\":\"j@b.example\","
		   "\"password\":\"secret\",\"package_id\":1,\"reseller\":\"other\"}");
	assert_int_equal(get_rev(&p, AS_OTHER, new).status, 200);
	assert_int_equal(get_rev(&p, AS_OTHER, old).status, 404);
	assert_int_equal(get_rev(&p, AS_ADMIN, old).status, 200);
	assert_null(strstr(listed(&p, AS_OTHER, "resource=mailbox/info@example.com"), "("));
	a = panel_get(&p, AS_OTHER, mem_fmt(p.ctx, "revisions/diff?from=1&to=%" PRId64, new));
	assert_null(strstr(a.body, "info@example.com"));
	panel_stop(&p);
}

/* Get, diff */

TEST(a_revision_tells_who_from_where_and_each_field_before_and_after)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const json_t *field;

	panel_start(&p);
	(void)quota(&p, 77);
	a = get_rev(&p, AS_JOHN, 2);
	assert_string_equal(text(a.data, "actor"), "john");
	assert_string_equal(text(a.data, "source"), "api");
	assert_string_equal(text(a.data, "via"), "session");
	assert_string_equal(text(a.data, "address"), "127.0.0.1");
	assert_string_equal(text(a.data, "action"), "email.update");
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com ");
	field = json_array_get(
		json_object_get(json_array_get(json_object_get(a.data, "changes"), 0), "fields"),
		0);
	assert_string_equal(text(field, "field"), "quota_mb");
	assert_int_equal(number(field, "after"), 77);
	assert_true(json_is_null(json_object_get(a.data, "confirm")));
	panel_stop(&p);
}

TEST(a_difference_comes_as_fields_and_as_a_unified_diff)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	(void)quota(&p, 77);
	(void)made(&p, AS_JOHN, "email/create",
		   "{\"email\":\"new@example.com\",\"password\":\"secret\"}");
	a = panel_get(&p, AS_ADMIN, "revisions/diff?from=1");
	assert_int_equal(number(a.data, "to"), 3);
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com +mailbox/new@example.com ");
	assert_contains(text(a.data, "text"), "--- mailbox/info@example.com\n"
					      "+++ mailbox/info@example.com\n"
					      "@@ -1,1 +1,1 @@\n"
					      "-quota_mb: ");
	assert_contains(text(a.data, "text"), "\n+quota_mb: 77\n--- /dev/null\n"
					      "+++ mailbox/new@example.com\n@@ -0,0 +1,");
	assert_int_equal(panel_get(&p, AS_ADMIN, "revisions/diff?from=2&to=1").status, 422);
	assert_int_equal(panel_get(&p, AS_ADMIN, "revisions/diff?from=1&to=99").status, 404);
	assert_int_equal(panel_get(&p, AS_ADMIN, "revisions/diff?from=99").status, 404);
	assert_int_equal(panel_get(&p, AS_ADMIN, "revisions/diff?from=-1").status, 422);
	assert_int_equal(
		panel_get(&p, AS_ADMIN, "revisions/diff?from=0&to=99999999999999999999999").status,
		422);
	panel_stop(&p);
}

TEST(a_secret_is_in_no_answer_of_history_or_state)
{
	struct panel p = { 0 };
	static const char *const paths[] = { "revisions/get?revision=2", "revisions/diff?from=0",
					     "revisions/list", "state/export",
					     "state/export?format=json" };
	struct panel_answer a;

	panel_start(&p);
	(void)made(&p, AS_JOHN, "email/change-password", "{\"id\":1,\"password\":\"sesam-open\"}");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		a = panel_get(&p, AS_ADMIN, paths[i]);
		assert_int_equal(a.status, 200);
		assert_null(strstr(a.body, "sesam"));
		assert_null(strstr(a.body, "$5$"));
		assert_null(strstr(a.body, "$y$"));
		assert_null(strstr(a.body, "hmac-"));
		assert_null(strstr(a.body, PANEL_KEY));
	}
	a = get_rev(&p, AS_JOHN, 2);
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com ");
	assert_contains(a.body, "\"secret\":true,\"fields\":[]");
	panel_stop(&p);
}

/* Ways back */

TEST(a_rollback_is_shown_first_and_then_done_as_a_revision)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	(void)quota(&p, 77);
	(void)made(&p, AS_JOHN, "email/create",
		   "{\"email\":\"new@example.com\",\"password\":\"secret\"}");
	a = panel_post(&p, AS_ADMIN, "revisions/rollback?dry_run=1", "{\"revision\":1}");
	assert_int_equal(a.status, 200);
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com -mailbox/new@example.com ");
	assert_true(json_is_null(json_object_get(a.data, "plan")));
	assert_contains(text(a.data, "reason"), "engine");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "3");
	a = panel_post(&p, AS_ADMIN, "revisions/rollback",
		       "{\"revision\":1,\"message\":\"enough\"}");
	assert_int_equal(number(a.json, "revision"), 4);
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com -mailbox/new@example.com ");
	a = get_rev(&p, AS_ADMIN, 4);
	assert_string_equal(text(a.data, "message"), "enough");
	assert_string_equal(text(a.data, "action"), "revisions.rollback");
	assert_string_equal(panel_sql(&p, "SELECT actor||address FROM audit WHERE rev=4"),
			    "admin127.0.0.1");
	a = panel_post(&p, AS_ADMIN, "revisions/rollback", "{\"revision\":99}");
	assert_int_equal(a.status, 404);
	a = panel_post(&p, AS_ADMIN, "revisions/rollback", "{\"revision\":0}");
	assert_int_equal(a.status, 422);
	a = panel_post(&p, AS_RESEL, "revisions/rollback", "{\"revision\":1}");
	assert_int_equal(a.status, 403);
	panel_stop(&p);
}

TEST(a_rollback_that_was_decided_on_an_older_state_is_a_conflict)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	(void)quota(&p, 77);
	(void)quota(&p, 78);
	a = panel_ask(&p, AS_ADMIN, "POST", "revisions/rollback", "{\"revision\":1}",
		      "Content-Type: application/json\r\nIf-Match: \"2\"\r\n");
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "Revision 3 by john");
	a = panel_ask(&p, AS_ADMIN, "POST", "revisions/rollback", "{\"revision\":1}",
		      "Content-Type: application/json\r\nIf-Match: \"3\"\r\n");
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(a_revert_undoes_one_revision_or_names_what_is_in_its_way)
{
	struct panel p = { 0 };
	struct panel_answer a;
	int64_t first, other;

	panel_start(&p);
	first = quota(&p, 77);
	other = both(&p);
	a = panel_post(&p, AS_ADMIN, "revisions/revert",
		       mem_fmt(p.ctx, "{\"revision\":%" PRId64 "}", first));
	assert_int_equal(a.status, 200);
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com ");
	(void)made(
		&p, AS_ADMIN, "state/apply",
		"{\"state\":\"novacpx: 1\\naccounts: {john: {zones: {example.com: {ttl: 900}}}}\"}");
	a = panel_post(&p, AS_ADMIN, "revisions/revert",
		       mem_fmt(p.ctx, "{\"revision\":%" PRId64 "}", other));
	assert_int_equal(a.status, 409);
	assert_true(panel_blames(&a, "/zone/example.com"));
	assert_contains(panel_message(&a), "in revision 5 by admin");
	panel_stop(&p);
}

TEST(a_repeated_rollback_under_one_key_is_the_first_one)
{
	struct panel p = { 0 };
	struct panel_answer a, b;
	static const char lines[] = "Content-Type: application/json\r\nIdempotency-Key: r1\r\n";

	panel_start(&p);
	(void)quota(&p, 77);
	a = panel_ask(&p, AS_ADMIN, "POST", "revisions/rollback", "{\"revision\":1}", lines);
	b = panel_ask(&p, AS_ADMIN, "POST", "revisions/rollback", "{\"revision\":1}", lines);
	assert_int_equal(number(a.json, "revision"), 3);
	assert_int_equal(number(b.json, "revision"), 3);
	assert_string_equal(changes(&p, &b), changes(&p, &a));
	b = panel_ask(&p, AS_ADMIN, "POST", "revisions/rollback", "{\"revision\":2}", lines);
	assert_int_equal(b.status, 409);
	panel_stop(&p);
}

/* Trials */

static int64_t on_trial(struct panel *p, int64_t mb)
{
	return made(p, AS_JOHN, "email/update?confirm=60",
		    mem_fmt(p->ctx, "{\"id\":1,\"quota_mb\":%" PRId64 "}", mb));
}

static struct panel_answer confirm(struct panel *p, enum panel_who who, int64_t rev)
{
	return panel_post(p, who, "revisions/confirm",
			  mem_fmt(p->ctx, "{\"revision\":%" PRId64 "}", rev));
}

static const char *trial_of(struct panel *p, int64_t rev, const char *member)
{
	struct panel_answer a = get_rev(p, AS_ADMIN, rev);

	return mem_str(p->ctx, text(json_object_get(a.data, "confirm"), member));
}

/* The deadline of all that wait was a second ago. */
static void run_out(struct panel *p)
{
	(void)panel_sql(p, "UPDATE trial SET until=unixepoch()-1");
}

static void wait_for(struct panel *p, int64_t rev, const char *state)
{
	for (int i = 0; i < WAIT_S * 50; i++) {
		if (strcmp(trial_of(p, rev, "state"), state) == 0)
			return;
		(void)usleep(20000);
	}
	fail_msg("revision %" PRId64 " is %s", rev, trial_of(p, rev, "state"));
}

TEST(a_write_on_trial_is_confirmed_by_who_made_it_or_stands_above)
{
	static const enum panel_who others[] = { AS_JANE, AS_OTHER, AS_LONE };

	static const enum panel_who makers[] = { AS_JOHN, AS_RESEL, AS_ADMIN };
	struct panel p = { 0 };
	struct panel_answer a;
	int64_t rev;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "email/update?confirm=60", "{\"id\":1,\"quota_mb\":77}");
	assert_int_equal(strlen(text(a.json, "confirm_until")), 19);
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		rev = on_trial(&p, 80 + (int64_t)i);
		assert_string_equal(trial_of(&p, rev, "state"), "waiting");
		for (size_t k = 0; k < ARRAY_LEN(others); k++) {
			a = confirm(&p, others[k], rev);
			assert_int_equal(a.status, 404);
			assert_string_equal(panel_message(&a), "Revision not found");
		}
		assert_int_equal(confirm(&p, makers[i], rev).status, 200);
		assert_int_equal(confirm(&p, makers[i], rev).status, 200); /* once is enough */
		assert_string_equal(trial_of(&p, rev, "state"), "confirmed");
		assert_string_equal(
			panel_sql(&p, mem_fmt(p.ctx,
					      "SELECT count(*) FROM audit WHERE rev=%" PRId64
					      " AND action='revisions.confirm'",
					      rev)),
			"1");
	}
	/* an admin's is not the user's to confirm, though it touched what is theirs */
	rev = made(&p, AS_ADMIN, "email/update?confirm=60", "{\"id\":1,\"quota_mb\":99}");
	assert_int_equal(confirm(&p, AS_JOHN, rev).status, 404);
	assert_int_equal(confirm(&p, AS_RESEL, rev).status, 404);
	assert_int_equal(confirm(&p, AS_ADMIN, 1).status, 404);
	assert_int_equal(confirm(&p, AS_ADMIN, 99).status, 404);
	panel_stop(&p);
}

TEST(a_deadline_that_is_none_is_refused_and_nothing_is_written)
{
	static const char *const wrong[] = { "9", "86401", "-1", "abc", "60x", "" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		a = panel_post(&p, AS_JOHN, mem_fmt(p.ctx, "email/update?confirm=%s", wrong[i]),
			       "{\"id\":1,\"quota_mb\":77}");
		assert_int_equal(a.status, 400);
		assert_contains(panel_message(&a), "confirm: ");
	}
	a = panel_post(&p, AS_BILLING, "whmcs/suspend?confirm=60", "{\"username\":\"john\"}");
	assert_int_equal(a.status, 400);
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	a = panel_post(&p, AS_JOHN, "email/update?confirm=60&dry_run=1",
		       "{\"id\":1,\"quota_mb\":7}");
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM trial"), "0");
	panel_stop(&p);
}

TEST(what_is_not_confirmed_in_time_goes_back_by_itself)
{
	struct panel p = { 0 };
	struct panel_answer a;
	int64_t rev;

	panel_start(&p);
	rev = on_trial(&p, 77);
	run_out(&p);
	a = confirm(&p, AS_JOHN, rev);
	assert_int_equal(a.status, 409);
	expiry_look(p.api->expiry);
	wait_for(&p, rev, "reverted");
	a = get_rev(&p, AS_ADMIN, rev + 1);
	assert_string_equal(text(a.data, "source"), "confirm-expiry");
	assert_contains(text(a.data, "message"), "revision 2 was not confirmed in time");
	assert_string_equal(changes(&p, &a), "~mailbox/info@example.com ");
	assert_string_equal(panel_sql(&p, "SELECT action||outcome FROM audit WHERE rev=3"),
			    "revisions.expiredone");
	a = confirm(&p, AS_JOHN, rev);
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "reverted in revision 3");
	assert_string_equal(panel_sql(&p, "SELECT quota_mb=77 FROM mailbox WHERE id=1"), "0");
	panel_stop(&p);
}

TEST(what_ran_out_while_nobody_served_goes_back_at_the_start)
{
	struct panel p = { 0 };
	struct err err = ERR_INIT;
	int64_t late, waiting;

	panel_start(&p);
	late = on_trial(&p, 77);
	run_out(&p);
	waiting = made(&p, AS_JANE, "email/update?confirm=600", "{\"id\":2,\"quota_mb\":9}");
	(void)close(p.fd);
	p.fd = -1;
	api_stop(&p.api);
	assert_ok(api_start(p.ctx, &p.opts, &p.api, &err), &err);
	p.web.port = http_port_of(p.api->http, 0);
	wait_for(&p, late, "reverted");
	assert_string_equal(trial_of(&p, waiting, "state"), "waiting");
	assert_int_equal(confirm(&p, AS_JANE, waiting).status, 200);
	panel_stop(&p);
}

TEST(what_others_built_upon_stands_and_says_so)
{
	struct panel p = { 0 };
	int64_t rev;
	struct panel_answer a;

	panel_start(&p);
	rev = on_trial(&p, 77);
	(void)quota(&p, 78);
	run_out(&p);
	expiry_look(p.api->expiry);
	wait_for(&p, rev, "stands");
	assert_contains(trial_of(&p, rev, "note"), "mailbox/info@example.com");
	assert_contains(trial_of(&p, rev, "note"), "in revision 3 by john");
	assert_string_equal(panel_sql(&p, "SELECT quota_mb FROM mailbox WHERE id=1"), "78");
	assert_string_equal(
		panel_sql(&p, "SELECT outcome FROM audit WHERE action='revisions.expire'"),
		"failed");
	a = confirm(&p, AS_ADMIN, rev);
	assert_int_equal(a.status, 409);
	panel_stop(&p);
}

/* Plans */

static const char *plan_of(struct panel *p, const char *list)
{
	return mem_fmt(p->ctx, "{\"changes\":%s}", list);
}

TEST(a_change_set_is_shown_and_not_done)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "plan/show",
		       plan_of(&p,
			       "[{\"op\":\"put\",\"kind\":\"mailbox\",\"key\":\"info@example.com\","
			       "\"fields\":{\"quota_mb\":99}},"
			       "{\"op\":\"delete\",\"kind\":\"zone\",\"key\":\"jane.example\"}]"));
	assert_int_equal(a.status, 200);
	assert_string_equal(
		changes(&p, &a),
		"-zone/jane.example -record/jane.example/www/A/192.0.2.1 ~mailbox/info@example.com ");
	assert_contains(text(a.data, "reason"), "engine");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM zone"), "2");
	a = panel_post(
		&p, AS_ADMIN, "plan/show",
		plan_of(&p, "[{\"op\":\"put\",\"kind\":\"zone\",\"key\":\"jane.example\"}]"));
	assert_string_equal(changes(&p, &a), "");
	assert_string_equal(text(a.data, "reason"), "Nothing would change");
	panel_stop(&p);
}

TEST(a_wrong_change_is_refused_at_its_place)
{
	static const struct {
		const char *list, *path;
	} wrong[] = {
		{ "[]", "/changes" },
		{ "{}", "/changes" },
		{ "\"x\"", "/changes" },
		{ "[1]", "/changes/0" },
		{ "[{\"op\":\"put\",\"kind\":\"x\",\"key\":\"y\"}]", "/changes/0/kind" },
		{ "[{\"op\":\"burn\",\"kind\":\"zone\",\"key\":\"y\"}]", "/changes/0/op" },
		{ "[{\"op\":\"put\",\"kind\":\"zone\"}]", "/changes/0/key" },
		{ "[{\"op\":\"put\",\"kind\":\"zone\",\"key\":\"jane.example\",\"fields\":{\"tttl\":1}}]",
		  "/changes/0/fields/tttl" },
		{ "[{\"op\":\"put\",\"kind\":\"zone\",\"key\":\"jane.example\",\"fields\":{\"ttl\":\"x\"}}]",
		  "/changes/0/fields/ttl" },
		{ "[{\"op\":\"put\",\"kind\":\"zone\",\"key\":\"jane.example\",\"file\":\"/etc/shadow\"}]",
		  "/changes/0/file" },
		{ "[{\"op\":\"put\",\"kind\":\"zone\",\"key\":\"x.example\","
		  "\"fields\":{\"account\":\"nobodyhere\"}}]",
		  "/changes/0/fields/account" },
		{ "[{\"op\":\"delete\",\"kind\":\"zone\",\"key\":\"no.example\"}]", "/changes/0" },
	};
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct panel_answer a =
			panel_post(&p, AS_ADMIN, "plan/show", plan_of(&p, wrong[i].list));

		if (a.status != 422 || !panel_blames(&a, wrong[i].path))
			fail_msg("%s: %d %s", wrong[i].list, a.status, a.body);
	}
	panel_stop(&p);
}

/* An engine that says yes and keeps what it was asked. */
struct yes {
	int fd;
	pthread_t thread;
	char asked[64 * 1024]; /* the last plan's request */
};

static void *say_yes(void *arg)
{
	static const char answer[] = "{\"ok\":true,\"count\":1,\"actions\":[]}\n";
	static char line[64 * 1024];
	struct yes *y = arg;
	int fd;

	while ((fd = accept(y->fd, NULL, NULL)) >= 0) {
		size_t len = 0;
		ssize_t n;

		while (len < sizeof(line) - 1 && (len == 0 || line[len - 1] != '\n') &&
		       (n = read(fd, line + len, sizeof(line) - 1 - len)) > 0)
			len += (size_t)n;
		line[len] = '\0';
		if (strstr(line, "\"plan\""))
			memcpy(y->asked, line, len + 1);
		(void)!write(fd, answer, strlen(answer));
		(void)close(fd);
	}
	return NULL;
}

static void start_engine(struct panel *p, struct yes *y)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->opts.engine);
	y->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(y->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(y->fd, 8), 0);
	assert_int_equal(pthread_create(&y->thread, NULL, say_yes, y), 0);
}

static void stop_engine(struct yes *y)
{
	(void)shutdown(y->fd, SHUT_RDWR);
	(void)pthread_join(y->thread, NULL);
	(void)close(y->fd);
}

TEST(the_engine_is_asked_for_what_the_model_would_do)
{
	struct panel p = { 0 };
	struct yes *y;
	struct panel_answer a, again;
	json_t *asked, *body;
	char *list;

	panel_start(&p);
	y = mem_zero(p.ctx, sizeof(*y));
	(void)made(&p, AS_JOHN, "email/create",
		   "{\"email\":\"new@example.com\",\"password\":\"secret\"}");
	(void)made(&p, AS_ADMIN, "accounts/terminate", "{\"id\":2}");
	start_engine(&p, y);
	a = panel_post(&p, AS_ADMIN, "revisions/rollback?dry_run=1", "{\"revision\":1}");
	assert_int_equal(number(json_object_get(a.data, "plan"), "count"), 1);
	assert_true(json_is_null(json_object_get(a.data, "reason")));
	asked = json_loads(y->asked, 0, NULL);
	assert_string_equal(text(asked, "op"), "plan");
	assert_null(strstr(y->asked, "\"password\""));
	/* as a change set it comes to the same */
	body = json_pack("{s:O}", "changes", json_object_get(asked, "changes"));
	list = json_dumps(body, JSON_COMPACT);
	again = panel_post(&p, AS_ADMIN, "plan/show", list);
	assert_int_equal(again.status, 200);
	assert_int_equal(json_array_size(json_object_get(again.data, "changes")),
			 json_array_size(json_object_get(a.data, "changes")));
	assert_true(json_array_size(json_object_get(a.data, "changes")) > 10);
	free(list);
	json_decref(body);
	json_decref(asked);
	stop_engine(y);
	panel_stop(&p);
}

/* State files */

static const char *as_json(struct panel *p, const char *state)
{
	json_t *v = json_pack("{s:s}", "state", state);
	char *out = json_dumps(v, JSON_COMPACT);
	const char *kept = mem_str(p->ctx, out);

	free(out);
	json_decref(v);
	return kept;
}

static struct panel_answer send_state(struct panel *p, const char *path, const char *state)
{
	return panel_post(p, AS_ADMIN, path, as_json(p, state));
}

TEST(an_export_is_a_state_file_that_changes_nothing)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *file;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "state/export");
	file = text(a.data, "state");
	assert_contains(file, "whmcs_api_key: (secret)");
	assert_int_equal(number(a.data, "revision"), 1);
	a = send_state(&p, "state/apply", file);
	assert_int_equal(a.status, 200);
	assert_int_equal(number(a.json, "revision"), 1);
	a = send_state(&p, "state/plan?prune=1", file);
	assert_int_equal(a.status, 200);
	assert_string_equal(changes(&p, &a), "");
	assert_string_equal(panel_sql(&p, "SELECT count(*)>0 FROM secret"), "1");
	panel_stop(&p);
}

TEST(an_export_as_json_is_the_same_tree_and_a_state_file_too)
{
	struct panel p = { 0 };
	struct panel_answer a;
	char *out;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "state/export?format=json");
	assert_int_equal(number(json_object_get(a.data, "state"), "novacpx"), 1);
	out = json_dumps(json_object_get(a.data, "state"), JSON_INDENT(1));
	a = send_state(&p, "state/apply", out);
	free(out);
	assert_int_equal(a.status, 200);
	assert_string_equal(changes(&p, &a), "");
	assert_int_equal(panel_get(&p, AS_ADMIN, "state/export?format=xml").status, 422);
	panel_stop(&p);
}

TEST(others_export_their_accounts_alone)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_JOHN, "state/export");
	assert_contains(text(a.data, "state"), "accounts:\n  john:\n");
	assert_contains(text(a.data, "state"), "example.com");
	assert_null(strstr(a.body, "jane"));
	assert_null(strstr(a.body, "settings"));
	assert_null(strstr(a.body, "\\nusers:"));
	a = panel_get(&p, AS_OTHER, "state/export");
	assert_contains(text(a.data, "state"), "jane.example");
	assert_null(strstr(a.body, "john"));
	assert_int_equal(panel_get(&p, AS_OTHER, "state/export?account_id=1").status, 404);
	a = panel_get(&p, AS_ADMIN, "state/export?account_id=2");
	assert_null(strstr(a.body, "john"));
	assert_int_equal(panel_get(&p, AS_LONE, "state/export").status, 404);
	for (enum panel_who who = AS_RESEL; who <= AS_LONE; who++) {
		assert_int_equal(panel_post(&p, who, "state/apply", "{\"state\":\"x\"}").status,
				 403);
		assert_int_equal(panel_post(&p, who, "state/plan", "{\"state\":\"x\"}").status,
				 403);
		assert_int_equal(panel_post(&p, who, "plan/show", "{\"changes\":[]}").status, 403);
	}
	panel_stop(&p);
}

TEST(a_state_file_is_applied_as_one_revision_or_shown)
{
	struct panel p = { 0 };
	struct panel_answer a;
	static const char file[] = "novacpx: 1\naccounts:\n  john:\n    zones:\n"
				   "      example.com: {ttl: 700}\n";

	panel_start(&p);
	a = send_state(&p, "state/plan", file);
	assert_contains(changes(&p, &a), "~zone/example.com ");
	a = send_state(&p, "state/apply?dry_run=1", file);
	assert_contains(changes(&p, &a), "~zone/example.com ");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	a = panel_ask(&p, AS_ADMIN, "POST", "state/apply", as_json(&p, file),
		      "Content-Type: application/json\r\nIdempotency-Key: s\r\n");
	assert_int_equal(number(a.json, "revision"), 2);
	a = panel_ask(&p, AS_ADMIN, "POST", "state/apply", as_json(&p, file),
		      "Content-Type: application/json\r\nIdempotency-Key: s\r\n");
	assert_int_equal(number(a.json, "revision"), 2);
	a = panel_ask(&p, AS_ADMIN, "POST", "state/apply",
		      as_json(&p, "novacpx: 1\nsettings: {}\n"),
		      "Content-Type: application/json\r\nIdempotency-Key: s\r\n");
	assert_int_equal(a.status, 409);
	a = panel_ask(
		&p, AS_ADMIN, "POST", "state/apply",
		as_json(&p, "novacpx: 1\naccounts: {john: {zones: {example.com: {ttl: 800}}}}\n"),
		"Content-Type: application/json\r\nIf-Match: 1\r\n");
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "revision 2 by admin");
	panel_stop(&p);
}

TEST(an_error_of_a_state_file_has_its_line_and_column)
{
	static const struct {
		const char *state;
		int line, column;
		const char *says;
	} wrong[] = {
		{ "novacpx: 1\nacounts: {}\n", 2, 1, "accounts" },
		{ "novacpx: 1\nsettings:\n  ns1_hostname: [1]\n", 3, 3, "found a list" },
		{ "novacpx: 1\na: &x 1\n", 2, 4, "anchor" },
		{ "novacpx: 1\naccounts: {john: {domains: {x.example: {type: addon,\n"
		  "   target: no.example}}}}\n",
		  3, 12, "target" },
		{ "novacpx: 1\naccounts: {new: {package: nothere}}\n", 2, 27, "nothere" },
		{ "\n\n{", 0, 0, "" },
		{ "novacpx: 1\nusers: {xx: {password: secret}}\n", 2, 24, "in clear" },
	};
	struct panel p = { 0 };
	size_t failed = 0;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct panel_answer a = send_state(&p, "state/apply", wrong[i].state);
		const json_t *e = json_array_get(json_object_get(a.json, "errors"), 0);

		if (a.status != 422 || !panel_blames(&a, "/state") ||
		    (wrong[i].line && (number(e, "line") != wrong[i].line ||
				       number(e, "column") != wrong[i].column)) ||
		    !strstr(a.body, wrong[i].says))
			print_error("%s: %d %s\n", wrong[i].state, a.status, a.body), failed++;
	}
	assert_int_equal(failed, 0);
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	panel_stop(&p);
}

TEST(no_state_file_makes_the_server_read_a_file_or_its_environment)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *secret = mem_fmt(NULL, "%s/secret", test_tmpdir());
	FILE *f = fopen(secret, "w");

	panel_start(&p);
	assert_non_null(f);
	assert_true(fputs("sesam\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(secret, 0600), 0);
	for (int i = 0; i < 3; i++) {
		a = send_state(&p, i % 2 ? "state/plan" : "state/apply",
			       i < 2 ? mem_fmt(p.ctx,
					       "novacpx: 1\naccounts:\n  john:\n    mailboxes:\n"
					       "      info@example.com: {password: {file: %s}}\n",
					       secret)
				     : "novacpx: 1\naccounts:\n  john:\n    mailboxes:\n"
				       "      info@example.com: {password: {env: PATH}}\n");
		assert_int_equal(a.status, 422);
		assert_int_equal(
			number(json_array_get(json_object_get(a.json, "errors"), 0), "line"), 5);
		assert_null(strstr(a.body, "sesam"));
	}
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	(void)talloc_free((void *)(uintptr_t)secret);
	panel_stop(&p);
}

TEST(a_state_file_over_the_cap_is_refused_before_it_is_read)
{
	struct panel p = { 0 };
	struct panel_answer a;
	char *long_text;

	panel_start(&p);
	long_text = mem_zero(p.ctx, (5 << 20) + 1);
	memset(long_text, '#', 5 << 20);
	a = send_state(&p, "state/apply", long_text);
	assert_int_equal(a.status, 413);
	p.fd = -1;
	long_text[3 << 20] = '\0';
	a = send_state(&p, "state/apply", long_text);
	assert_int_equal(a.status, 422); /* nothing is wanted by a comment */
	panel_stop(&p);
}

TEST(pruning_is_shown_with_all_that_would_go_and_never_takes_who_asks)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "state/plan",
		       "{\"state\":\"novacpx: 1\\nusers: {admin: {role: admin, "
		       "email: a@host.example}}\\n\",\"prune\":true}");
	assert_int_equal(a.status, 200);
	assert_contains(changes(&p, &a), "-account/jane ");
	for (int i = 0; i < 2; i++) {
		a = panel_post(&p, AS_ADMIN, i ? "state/apply" : "state/plan",
			       "{\"state\":\"novacpx: 1\\nsettings: {}\\n\",\"prune\":true}");
		assert_int_equal(a.status, 409);
		assert_contains(panel_message(&a), "your own login, admin");
	}
	a = send_state(&p, "state/apply",
		       "novacpx: 1\nusers: {admin: {role: admin, status: suspended, "
		       "email: a@host.example}}\n");
	assert_int_equal(a.status, 409);
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM account"), "2");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	panel_stop(&p);
}

TEST(a_write_that_waits_tells_the_condition_of_its_one_resource)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "state/apply?wait=1",
		       "{\"state\":\"novacpx: 1\\nsettings: {ns1_hostname: ns.example.net}\\n\"}");
	assert_string_equal(text(json_object_get(a.json, "condition"), "resource"),
			    "setting/ns1_hostname");
	assert_string_equal(text(json_object_get(a.json, "condition"), "reason"), "NotRunning");
	(void)both(&p);
	a = panel_post(&p, AS_ADMIN, "revisions/rollback?wait=1", "{\"revision\":1}");
	assert_true(
		json_is_null(json_object_get(json_object_get(a.json, "condition"), "resource")));
	assert_string_equal(text(json_object_get(a.json, "condition"), "reason"), "NotRunning");
	panel_stop(&p);
}
