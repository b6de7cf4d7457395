/*
 * Defects of the original panel that ours must not have, by their numbers in
 * the list of defects (section 22 of our reading of the contract), as far as
 * they can be seen through the API.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
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

static bool is_refused(const struct panel_answer *a, const char *path)
{
	if ((a->status == 422 || a->status == 403 || a->status == 409) && panel_blames(a, path))
		return true;
	print_error("%d %s\n", a->status, a->body);
	return false;
}

static const char *json_of(struct panel *p, const char *format, const char *value)
{
	json_t *text = json_string(value);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY);
	const char *at = strstr(format, "%s");
	const char *body = mem_fmt(p->ctx, "%.*s%s%s", (int)(at - format), format, quoted, at + 2);

	free(quoted);
	json_decref(text);
	return body;
}

TEST(no_1_a_second_domain_leaves_the_first_and_can_be_removed)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "domains/add-addon", "{\"domain\":\"three.example\"}");
	EXPECT(a, 200);
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM domain WHERE account='john'"), "3");
	a = panel_post(&p, AS_JOHN, "domains/remove", "{\"id\":3}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/remove", "{\"id\":1}");
	EXPECT(a, 400);
	panel_stop(&p);
}

TEST(no_2_a_line_break_makes_no_second_cron_line)
{
	static const char *const bad[] = { "true\n* * * * * root id", "a\rb", "a\tb\vc", "" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < 2; i++) {
		a = panel_post(&p, AS_JOHN, "cron/create", json_of(&p, "{\"command\":%s}", bad[i]));
		assert_true(is_refused(&a, "/command"));
		a = panel_post(&p, AS_JOHN, "cron/create",
			       json_of(&p, "{\"command\":\"true\",\"minute\":%s}", bad[i]));
		assert_true(is_refused(&a, "/schedule"));
		a = panel_post(&p, AS_JOHN, "cron/save",
			       json_of(&p, "{\"command\":\"true\",\"schedule\":%s}", bad[i]));
		assert_true(is_refused(&a, "/schedule"));
	}
	a = panel_post(&p, AS_JOHN, "cron/create", "{\"command\":\"true\",\"minute\":\"5 root\"}");
	assert_true(is_refused(&a, "/schedule"));
	panel_stop(&p);
}

TEST(no_4_what_is_no_host_name_never_reaches_a_configuration)
{
	static const char *const bad[] = { "a.example; return 200", "a.example\n}",  "../../etc",
					   "a.example\"",           "$(id).example", "*.example" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct panel_answer a = panel_post(&p, AS_JOHN, "domains/add",
						   json_of(&p, "{\"domain\":%s}", bad[i]));

		assert_true(is_refused(&a, "/domain"));
		a = panel_post(&p, AS_JOHN, "domains/add-alias",
			       json_of(&p, "{\"domain\":%s}", bad[i]));
		assert_true(is_refused(&a, "/domain"));
		a = panel_post(&p, AS_JOHN, "domains/add-subdomain",
			       json_of(&p, "{\"subdomain\":%s}", bad[i]));
		assert_true(is_refused(&a, "/subdomain"));
		a = panel_post(&p, AS_JOHN, "domains/add",
			       json_of(&p,
				       "{\"domain\":\"x.example\",\"type\":\"redirect\","
				       "\"redirect_to\":%s}",
				       bad[i]));
		assert_true(is_refused(&a, "/redirect_to"));
	}
	panel_stop(&p);
}

TEST(no_5_names_of_the_system_s_own_users_are_refused)
{
	static const char *const bad[] = { "mysql", "www-data", "root", "postgres", "../x", "a b" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct panel_answer a = panel_post(
			&p, AS_ADMIN, "accounts/create",
			json_of(&p,
				"{\"username\":%s,\"domain\":\"m.example\",\"email\":\"m@m.example\","
				"\"password\":\"secret\"}",
				bad[i]));

		assert_true(is_refused(&a, "/username"));
	}
	panel_stop(&p);
}

TEST(no_6_what_is_somebody_else_s_is_not_there)
{
	static const struct {
		const char *path, *body;
	} calls[] = {
		{ "email/delete", "{\"id\":2}" },
		{ "email/suspend", "{\"id\":2}" },
		{ "email/change-password", "{\"id\":2,\"password\":\"secret\"}" },
		{ "databases/delete", "{\"id\":2}" },
		{ "databases/change-password", "{\"id\":2,\"password\":\"secret\"}" },
		{ "ftp/delete", "{\"id\":2}" },
		{ "dns/update-record", "{\"record_id\":2,\"value\":\"192.0.2.66\"}" },
		{ "dns/delete-record", "{\"record_id\":2}" },
		{ "dns/add-record", "{\"zone_id\":2,\"value\":\"192.0.2.66\"}" },
		{ "accounts/unsuspend", "{\"id\":2}" },
		{ "accounts/suspend", "{\"id\":2}" },
		{ "cron/delete", "{\"id\":2}" },
		{ "cron/create", "{\"account_id\":2,\"command\":\"id\"}" },
		{ "packages/update", "{\"id\":2,\"max_email\":0}" },
		{ "packages/update", "{\"id\":1,\"max_email\":0}" },
		{ "packages/delete", "{\"id\":1}" },
		{ "ssl/delete", "{\"id\":2}" },
		{ "docker/container-action", "{\"container_id\":2,\"action\":\"remove\"}" },
	};

	static const char *const reads[] = { "dns/records?zone_id=2",
					     "accounts/usage?id=2",
					     "accounts/get?id=2",
					     "stats/account?account_id=2",
					     "docker/containers?account_id=2",
					     "email/list?account_id=2",
					     "users/get?id=5" };
	struct panel p = { 0 };
	struct panel_answer a;
	const char *before;

	panel_start(&p);
	before = panel_sql(&p, "SELECT max(rev) FROM revision");
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		a = panel_post(&p, AS_RESEL, calls[i].path, calls[i].body);
		EXPECT(a, 404);
	}
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		a = panel_get(&p, AS_RESEL, reads[i]);
		EXPECT(a, 404);
	}
	a = panel_get(&p, AS_RESEL, "docker/containers");
	assert_null(strstr(a.body, "jane"));
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), before);
	panel_stop(&p);
}

TEST(no_7_nothing_grows_on_a_foreign_domain)
{
	struct panel p = { 0 };
	struct panel_answer a, b;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"x@jane.example\",\"password\":\"secret\"}");
	assert_true(is_refused(&a, "/email"));
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"x@nowhere.example\",\"password\":\"secret\"}");
	assert_true(is_refused(&a, "/email"));
	a = panel_post(&p, AS_JOHN, "email/add-forwarder",
		       "{\"source\":\"x@jane.example\",\"destination\":\"a@b.example\"}");
	assert_true(is_refused(&a, "/source"));
	a = panel_post(&p, AS_JOHN, "domains/add-subdomain",
		       "{\"subdomain\":\"x\",\"parent\":\"jane.example\"}");
	b = panel_post(&p, AS_JOHN, "domains/add-subdomain",
		       "{\"subdomain\":\"x\",\"parent\":\"nowhere.example\"}");
	EXPECT(a, 404);
	assert_string_equal(a.body, b.body);
	a = panel_post(&p, AS_JOHN, "domains/add",
		       "{\"domain\":\"x.jane.example\",\"type\":\"subdomain\"}");
	assert_true(is_refused(&a, "/domain"));
	a = panel_post(&p, AS_JOHN, "domains/add", "{\"domain\":\"jane.example\"}");
	assert_true(is_refused(&a, "/domain"));
	a = panel_post(&p, AS_JOHN, "ssl/issue", "{\"domain\":\"jane.example\"}");
	EXPECT(a, 404);
	a = panel_post(&p, AS_JOHN, "dns/create-zone", "{\"domain\":\"x.jane.example\"}");
	assert_true(is_refused(&a, "/domain"));
	panel_stop(&p);
}

TEST(no_8_a_database_lies_under_its_account_s_name_alone)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "databases/create",
		       "{\"db_name\":\"jane_db\",\"db_pass\":\"secret\"}");
	EXPECT(a, 200);
	assert_contains(a.body, "\"john_jane_db\"");
	a = panel_post(&p, AS_JOHN, "databases/create",
		       "{\"db_name\":\"new\",\"db_user\":\"john_db_user\",\"db_pass\":\"secret\"}");
	assert_true(is_refused(&a, "/db_user")); /* whose password stays */
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		"{\"username\":\"john_x\",\"domain\":\"x.example\",\"email\":\"x@x.example\","
		"\"password\":\"secret\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "databases/create",
		       "{\"account_id\":3,\"db_name\":\"blog\",\"db_pass\":\"secret\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "databases/create",
		       "{\"db_name\":\"x_blog\",\"db_pass\":\"secret\"}");
	assert_true(is_refused(&a, "/db_name"));
	panel_stop(&p);
}

TEST(no_9_an_ftp_login_stays_in_the_home)
{
	static const char *const bad[] = { "/",
					   "/etc",
					   "/home/jane",
					   "/home/john/../jane",
					   "/home/johnny",
					   "public_html/../../jane" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct panel_answer a = panel_post(
			&p, AS_JOHN, "ftp/create",
			json_of(&p,
				"{\"username\":\"john_f\",\"password\":\"secret\",\"home_dir\":%s}",
				bad[i]));

		assert_true(is_refused(&a, "/home_dir"));
	}
	panel_stop(&p);
}

TEST(no_11_records_that_a_zone_could_not_load_are_refused)
{
	static const char *const bad[] = {
		"{\"zone_id\":1,\"type\":\"A\",\"name\":\"a\",\"value\":\"192.0.2\"}",
		"{\"zone_id\":1,\"type\":\"TXT\",\"name\":\"a\",\"value\":\"a\\n$INCLUDE /etc/passwd\"}",
		"{\"zone_id\":1,\"type\":\"NS\",\"name\":\"a\",\"value\":\".\"}",
		"{\"zone_id\":1,\"type\":\"CNAME\",\"name\":\"www\",\"value\":\"x.example\"}",
	};
	struct panel p = { 0 };
	struct panel_answer a;
	char text[601];

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a = panel_post(&p, AS_JOHN, "dns/add-record", bad[i]);
		if (a.status < 400)
			print_error("%s\n", bad[i]);
		assert_in_range(a.status, 400, 422);
	}
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	a = panel_post(
		&p, AS_JOHN, "dns/add-record",
		json_of(&p, "{\"zone_id\":1,\"type\":\"TXT\",\"name\":\"t\",\"value\":%s}", text));
	EXPECT(a, 200);
	panel_stop(&p);
}

TEST(no_12_a_creation_that_is_refused_leaves_nothing_and_a_deletion_all)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(
		&p, AS_ADMIN, "accounts/create",
		"{\"username\":\"mary\",\"domain\":\"jane.example\",\"email\":\"m@m.example\","
		"\"password\":\"secret\"}");
	assert_true(is_refused(&a, "/domain"));
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM user WHERE username='mary'"), "0");
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM account WHERE username='mary'"),
			    "0");
	a = panel_post(&p, AS_ADMIN, "accounts/terminate", "{\"id\":2}");
	EXPECT(a, 200);
	assert_string_equal(panel_sql(&p,
				      "SELECT (SELECT count(*) FROM domain WHERE account='jane')+"
				      "(SELECT count(*) FROM mailbox WHERE account='jane')+"
				      "(SELECT count(*) FROM zone WHERE account='jane')+"
				      "(SELECT count(*) FROM record WHERE zone='jane.example')+"
				      "(SELECT count(*) FROM \"database\" WHERE account='jane')+"
				      "(SELECT count(*) FROM database_user WHERE account='jane')+"
				      "(SELECT count(*) FROM ftp_account WHERE account='jane')+"
				      "(SELECT count(*) FROM cron_job WHERE account='jane')+"
				      "(SELECT count(*) FROM certificate WHERE account='jane')+"
				      "(SELECT count(*) FROM container WHERE account='jane')+"
				      "(SELECT count(*) FROM dkim_key WHERE account='jane')+"
				      "(SELECT count(*) FROM user WHERE username='jane')"),
			    "0");
	a = panel_get(&p, AS_JANE, "auth/me");
	EXPECT(a, 401);
	panel_stop(&p);
}

TEST(no_13_a_suspended_account_s_login_is_out_and_comes_back)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_RESEL, "accounts/suspend", "{\"id\":1,\"reason\":\"unpaid\"}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_JOHN, "auth/me");
	EXPECT(a, 401);
	a = panel_post(&p, AS_NOBODY, "auth/login",
		       "{\"username\":\"john\",\"password\":\"" PANEL_PASSWORD "\"}");
	EXPECT(a, 401);
	a = panel_get(&p, AS_RESEL, "accounts/get?id=1");
	assert_string_equal(json_string_value(json_object_get(a.data, "suspend_reason")), "unpaid");
	assert_true(json_is_string(json_object_get(a.data, "suspended_at")));
	a = panel_post(&p, AS_RESEL, "accounts/unsuspend", "{\"id\":1}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_JOHN, "auth/me");
	EXPECT(a, 200);
	panel_stop(&p);
}

/* No answer of a list has a hash, a key or a password in it. */
TEST(no_14_secrets_are_in_no_answer_and_no_audit_row)
{
	static const char *const reads[] = {
		"accounts/list",
		"accounts/get?id=1",
		"users/list",
		"users/get?id=1",
		"email/list?account_id=1",
		"databases/list?account_id=1",
		"ftp/list?account_id=1",
		"ssl/list?account_id=1",
		"dkim/list?account_id=1",
		"system/server-options",
		"system/notify-settings",
		"system/audit-log?per_page=100",
		"domains/list?account_id=1",
	};
	static const char *const secrets[] = { "$5$",     "$y$",         "PRIVATE KEY",
					       PANEL_KEY, "hush-hush-1", "hush-hush-2" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "system/save-notify-settings",
		       "{\"cybermail_api_key\":\"hush-hush-1-0123456789-0123456789\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "system/save-option",
		       "{\"key\":\"whmcs_api_key\",\"value\":\"hush-hush-2-0123456789\"}");
	EXPECT(a, 200);
	assert_null(strstr(a.body, "hush-hush"));
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"n@example.com\",\"password\":\"hush-hush-1\"}");
	EXPECT(a, 200);
	assert_null(strstr(a.body, "hush-hush"));
	a = panel_post(&p, AS_JOHN, "dkim/generate", "{\"domain\":\"example.com\"}");
	EXPECT(a, 200);
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		a = panel_get(&p, AS_ADMIN, reads[i]);
		EXPECT(a, 200);
		for (size_t s = 0; s < ARRAY_LEN(secrets); s++) {
			if (strstr(a.body, secrets[s]))
				fail_msg("%s shows %s: %s", reads[i], secrets[s], a.body);
		}
	}
	panel_stop(&p);
}

TEST(no_17_the_billing_bridge_is_reached_by_its_key_alone)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_BILLING, "whmcs/info?domain=example.com");
	EXPECT(a, 200);
	a = panel_get(&p, AS_NOBODY, "whmcs/info?domain=example.com&whmcs_key=" PANEL_KEY);
	EXPECT(a, 200);
	a = panel_ask(&p, AS_NOBODY, "GET", "whmcs/info?domain=example.com", NULL,
		      "X-WHMCS-Key: wrong\r\n");
	EXPECT(a, 401);
	a = panel_get(&p, AS_ADMIN, "whmcs/info?domain=example.com");
	EXPECT(a, 401);
	a = panel_post(&p, AS_ADMIN, "system/save-option",
		       "{\"key\":\"whmcs_enabled\",\"value\":\"0\"}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_BILLING, "whmcs/info?domain=example.com");
	EXPECT(a, 403);
	panel_stop(&p);
}

TEST(no_19_a_firewall_rule_keeps_its_number)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "firewall/add-rule",
		       "{\"port\":80,\"protocol\":\"tcp\",\"action\":\"allow\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "firewall/add-rule",
		       "{\"port\":443,\"protocol\":\"tcp\",\"action\":\"allow\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "firewall/delete-rule", "{\"rule_number\":2}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_ADMIN, "firewall/delete-rule", "{\"rule_number\":2}");
	EXPECT(a, 404);
	assert_string_equal(panel_sql(&p, "SELECT port FROM firewall_rule WHERE id=3"), "443");
	panel_stop(&p);
}

TEST(no_20_the_audit_log_tells_who_and_what)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const json_t *row;

	panel_start(&p);
	a = panel_post(&p, AS_RESEL, "email/update", "{\"id\":1,\"quota_mb\":77}");
	EXPECT(a, 200);
	a = panel_get(&p, AS_ADMIN, "system/audit-log?user=resel&action=email");
	EXPECT(a, 200);
	row = json_array_get(json_object_get(a.data, "items"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "user_id")), 2);
	assert_string_equal(json_string_value(json_object_get(row, "username")), "resel");
	assert_string_equal(json_string_value(json_object_get(row, "action")), "email.update");
	assert_string_equal(json_string_value(json_object_get(row, "ip_address")), "127.0.0.1");
	assert_contains(json_string_value(json_object_get(row, "resource")),
			"mailbox/info@example.com");
	assert_contains(a.body, "77");
	assert_contains(a.body, "500"); /* what it was */
	panel_stop(&p);
}

TEST(no_21_limits_hold_and_an_update_changes_what_is_given)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "packages/update", "{\"id\":1,\"max_addon_domains\":1}");
	EXPECT(a, 200);
	assert_string_equal(
		panel_sql(
			&p,
			"SELECT max_domains||' '||max_email||' '||disk_mb FROM package WHERE id=1"),
		"20 10 1024");
	a = panel_post(&p, AS_JOHN, "domains/add-addon", "{\"domain\":\"three.example\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_ADMIN, "packages/update",
		       "{\"id\":1,\"max_subdomains\":1,\"max_email\":2,\"max_ftp\":1,"
		       "\"max_databases\":1,\"max_parked_domains\":1}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/add-subdomain", "{\"subdomain\":\"a\"}");
	EXPECT(a, 200);
	a = panel_post(&p, AS_JOHN, "domains/add-subdomain", "{\"subdomain\":\"b\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_JOHN, "email/create",
		       "{\"email\":\"n@example.com\",\"password\":\"secret\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_JOHN, "ftp/create",
		       "{\"username\":\"john_n\",\"password\":\"secret\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_JOHN, "databases/create",
		       "{\"db_name\":\"n\",\"db_pass\":\"secret\"}");
	EXPECT(a, 403);
	a = panel_post(&p, AS_ADMIN, "dns/update-record", "{\"record_id\":1,\"ttl\":300}");
	EXPECT(a, 200);
	assert_string_equal(panel_sql(&p, "SELECT type||value||ttl FROM record WHERE id=1"),
			    "A192.0.2.1300");
	panel_stop(&p);
}

TEST(no_22_the_rate_limit_counts_who_is_not_logged_in_and_each_client)
{
	static const char *const proxies[] = { "127.0.0.1", NULL };
	struct panel p = { .opts = { .rate = { .limit = { [RATE_OTHER] = 5, [RATE_LOGIN] = 2 } },
				     .proxies = proxies } };
	struct panel_answer a = { 0 };

	panel_start(&p);
	for (int i = 0; i < 6; i++)
		a = panel_get(&p, AS_NOBODY, "accounts/list");
	EXPECT(a, 429);
	assert_non_null(panel_header(&p, &a, "Retry-After"));
	assert_string_equal(panel_header(&p, &a, "X-RateLimit-Limit"), "5");
	assert_string_equal(panel_header(&p, &a, "X-RateLimit-Remaining"), "0");
	assert_false(json_is_true(json_object_get(a.json, "success")));
	a = panel_ask(&p, AS_NOBODY, "GET", "accounts/list", NULL,
		      "X-Forwarded-For: 192.0.2.1\r\n");
	EXPECT(a, 401);
	for (int i = 0; i < 3; i++)
		a = panel_post(&p, AS_NOBODY, "auth/login", "{}");
	EXPECT(a, 429);
	panel_stop(&p);
}

TEST(no_23_branding_runs_no_script)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_RESEL, "branding/save", "{\"support_url\":\"javascript:alert(1)\"}");
	assert_true(is_refused(&a, "/support_url"));
	a = panel_post(&p, AS_RESEL, "branding/save", "{\"primary_color\":\"#fffff\"}");
	assert_true(is_refused(&a, "/primary_color"));
	a = panel_get(&p, AS_RESEL, "branding/get");
	assert_contains(panel_header(&p, &a, "Content-Security-Policy"), "default-src 'none'");
	assert_string_equal(panel_header(&p, &a, "X-Content-Type-Options"), "nosniff");
	panel_stop(&p);
}

TEST(no_24_a_failed_login_is_one_line_whatever_the_name)
{
	struct panel p = { 0 };
	struct panel_answer a;
	struct err err = ERR_INIT;
	size_t len = 0;
	char *text = NULL;
	int fd;

	panel_start(&p);
	a = panel_post(
		&p, AS_NOBODY, "auth/login",
		"{\"username\":\"x\\n2026-01-01 00:00:00 FAILED LOGIN from 192.0.2.66 [user] "
		"y\\r\\u001b[0m\",\"password\":\"x\"}");
	EXPECT(a, 401);
	fd = open(p.access_log, O_RDONLY | O_CLOEXEC);
	assert_ok(fs_read_fd(p.ctx, fd, "access.log", 65536, &text, &len, &err), &err);
	assert_non_null(strchr(text, '\n'));
	assert_string_equal(strchr(text, '\n'), "\n");
	assert_contains(text, "FAILED LOGIN from 127.0.0.1 [");
	assert_null(strstr(text, "from 192.0.2.66"));
	(void)close(fd);
	panel_stop(&p);
}

TEST(no_25_no_other_site_s_page_acts_with_the_cookie)
{
	static const char *const others[] = { "https://evil.example:8882", "https://evil.example",
					      "https://panel.example.evil.example", "null" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const char *line = mem_fmt(p.ctx, "Origin: %s\r\n", others[i]);

		a = panel_ask(&p, AS_ADMIN, "GET", "auth/me", NULL, line);
		assert_null(panel_header(&p, &a, "Access-Control-Allow-Origin"));
		assert_null(panel_header(&p, &a, "Access-Control-Allow-Credentials"));
		a = panel_ask(&p, AS_ADMIN, "POST", "accounts/suspend", "{\"id\":1}", line);
		EXPECT(a, 403);
		a = panel_ask(&p, AS_ADMIN, "OPTIONS", "accounts/suspend", NULL, line);
		EXPECT(a, 204);
		assert_null(panel_header(&p, &a, "Access-Control-Allow-Origin"));
	}
	a = panel_ask(&p, AS_ADMIN, "GET", "auth/me", NULL,
		      "Origin: https://panel.example:8880\r\n");
	assert_string_equal(panel_header(&p, &a, "Access-Control-Allow-Origin"),
			    "https://panel.example:8880");
	assert_contains(panel_header(&p, &a, "Access-Control-Expose-Headers"),
			"X-RateLimit-Remaining");
	assert_non_null(panel_header(&p, &a, "X-RateLimit-Remaining"));
	a = panel_ask(&p, AS_ADMIN, "OPTIONS", "accounts/suspend", NULL,
		      "Origin: https://panel.example:8880\r\n");
	assert_contains(panel_header(&p, &a, "Access-Control-Allow-Headers"), "Last-Event-ID");
	a = panel_ask(&p, AS_ADMIN, "POST", "accounts/suspend", "{\"id\":1}",
		      "Sec-Fetch-Site: cross-site\r\n");
	EXPECT(a, 403);
	panel_stop(&p);
}
