/* Users, resellers, packages and accounts; settings that are secrets; what the kinds say of time. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/check.h"
#include "model/settings.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

/* Resellers rita and otto with a package each, customers anna and bert of rita, a system package. */
static void shop(struct store_fix *f)
{
	fix_open(f);
	fix_put(f, &kind_user, "username", "rita", "role", "reseller", "max_accounts", "2", NULL);
	fix_put(f, &kind_user, "username", "otto", "role", "reseller", NULL);
	fix_put(f, &kind_user, "username", "anna", "reseller", "rita", "email", "anna@x.example",
		NULL);
	fix_put(f, &kind_user, "username", "bert", "reseller", "rita", NULL);
	fix_put(f, &kind_package, "name", "Rita S", "owner", "rita", NULL);
	fix_put(f, &kind_package, "name", "Otto S", "owner", "otto", NULL);
	fix_put(f, &kind_package, "name", "System", NULL);
	fix_committed(f);
}

static void account(struct store_fix *f, const char *name, const char *user, const char *package)
{
	fix_put(f, &kind_account, "username", name, "user", user, "package", package, NULL);
}

TEST(an_account_has_a_package_of_its_reseller_or_one_of_everybodys)
{
	struct store_fix f;

	shop(&f);
	account(&f, "anna", "anna", "Otto S");
	fix_refused(&f, "\"Otto S\" is offered by one reseller alone");
	fix_put(&f, &kind_account, "username", "bare", "package", "Rita S", NULL);
	fix_refused(&f, "\"Rita S\" is offered by one reseller alone");
	account(&f, "anna", "anna", "Rita S");
	account(&f, "bert", "bert", "System");
	fix_committed(&f);
	fix_put(&f, &kind_user, "username", "anna", "reseller", "otto", NULL);
	fix_refused(&f, "account anna is not his");
	fix_put(&f, &kind_user, "username", "bert", "reseller", "otto", NULL);
	fix_put(&f, &kind_account, "username", "anna", "package", "System", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_package, "name", "System", "owner", "rita", NULL);
	fix_refused(&f, "1 accounts or logins that are not this reseller's");
	fix_put(&f, &kind_user, "username", "anna", "package", "Otto S", NULL);
	fix_refused(&f, "this login is not his");
	fix_done(&f);
}

TEST(a_reseller_has_no_more_accounts_than_he_may_his_own_included)
{
	struct store_fix f;

	shop(&f);
	account(&f, "anna", "anna", "System");
	account(&f, "rita", "rita", "Rita S");
	fix_committed(&f);
	account(&f, "bert", "bert", "System");
	fix_refused(&f, "reseller rita may have 2 accounts, and would have 3");
	fix_put(&f, &kind_user, "username", "carl", "reseller", "otto", NULL);
	account(&f, "carl", "carl", "System");
	fix_committed(&f);
	fix_put(&f, &kind_user, "username", "carl", "reseller", "rita", NULL);
	fix_refused(&f, "reseller rita may have 2 accounts, and would have 3");
	fix_put(&f, &kind_user, "username", "rita", "max_accounts", "1", NULL);
	fix_committed(&f); /* what is there stays */
	fix_put(&f, &kind_user, "username", "rita", "max_accounts", "0", NULL);
	account(&f, "bert", "bert", "System");
	fix_committed(&f);
	fix_done(&f);
}

TEST(only_resellers_have_customers_and_packages)
{
	struct store_fix f;

	shop(&f);
	fix_put(&f, &kind_user, "username", "carl", "reseller", "anna", NULL);
	fix_refused(&f, "only a reseller has customers");
	fix_put(&f, &kind_user, "username", "carl", "role", "reseller", "reseller", "rita", NULL);
	fix_refused(&f, "only a login of role user is a customer");
	fix_put(&f, &kind_package, "name", "Mine", "owner", "anna", NULL);
	fix_refused(&f, "only a reseller has packages");
	fix_put(&f, &kind_user, "username", "rita", "role", "user", NULL);
	fix_refused(&f, "customers (2) or packages (1)");
	fix_done(&f);
}

TEST(a_login_has_one_account_and_an_account_named_like_a_login_is_its)
{
	struct store_fix f;

	shop(&f);
	account(&f, "anna", "anna", "System");
	fix_committed(&f);
	account(&f, "second", "anna", "System");
	fix_refused(&f, "\"anna\" has another account already");
	account(&f, "otto", "bert", "System");
	fix_refused(&f, "can only be that login's");
	account(&f, "carl", "bert", "System");
	fix_committed(&f);
	fix_put(&f, &kind_user, "username", "carl", NULL);
	fix_refused(&f, "there is an account \"carl\" of another login");
	fix_done(&f);
}

TEST(an_email_address_is_one_logins_in_whatever_case)
{
	struct store_fix f;

	shop(&f);
	fix_put(&f, &kind_user, "username", "carl", "email", "ANNA@X.example", NULL);
	fix_refused(&f, "\"anna@x.example\" is that of another login");
	fix_put(&f, &kind_user, "username", "anna", "theme", "dark", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_user, "username", "carl", "email", "c@x.example", NULL);
	fix_put(&f, &kind_user, "username", "dora", "email", "C@x.example", NULL);
	fix_refused(&f, "of another login");
	fix_done(&f);
}

TEST(a_retired_package_can_be_restored_with_its_accounts)
{
	struct store_fix f;

	shop(&f);
	fix_put(&f, &kind_package, "name", "Old", "retired", "true", NULL);
	account(&f, "anna", "anna", "Old");
	fix_committed(&f);
	account(&f, "bert", "bert", "Old");
	fix_refused(&f, "\"Old\" is no longer offered");
	fix_done(&f);
}

TEST(a_package_in_use_cannot_go_but_can_be_retired_and_holds_on)
{
	struct store_fix f;

	shop(&f);
	account(&f, "anna", "anna", "System");
	fix_committed(&f);
	fix_del(&f, &kind_package, "System");
	fix_refused(&f, "account/anna needs it");
	fix_put(&f, &kind_package, "name", "System", "retired", "true", "is_default", "true", NULL);
	fix_refused(&f, "cannot be the one that is offered first");
	fix_put(&f, &kind_package, "name", "System", "retired", "true", "max_email", "1", NULL);
	fix_committed(&f);
	account(&f, "bert", "bert", "System");
	fix_refused(&f, "\"System\" is no longer offered");
	fix_put(&f, &kind_account, "username", "anna", "email", "a@x.example", NULL);
	fix_put(&f, &kind_domain, "name", "a.example", "account", "anna", "type", "primary", NULL);
	fix_put(&f, &kind_mailbox, "address", "a@a.example", "account", "anna", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_mailbox, "address", "b@a.example", "account", "anna", NULL);
	fix_refused(&f, "package \"System\" allows 1 mailboxes");
	fix_put(&f, &kind_account, "username", "anna", "package", "Rita S", NULL);
	fix_del(&f, &kind_package, "System");
	fix_committed(&f);
	fix_done(&f);
}

static int64_t suspended_at(struct store_fix *f)
{
	struct account *a;

	assert_ok(store_get(f->ctx, f->s, &kind_account, "john", &a, &f->err), &f->err);
	return a->suspended_at;
}

TEST(an_account_knows_since_when_it_is_suspended)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_true(suspended_at(&f) == INT_UNSET);
	f.next.time = 1000;
	fix_put(&f, &kind_account, "username", "john", "status", "suspended", NULL);
	fix_committed(&f);
	f.next.time = 2000;
	fix_put(&f, &kind_account, "username", "john", "status", "suspended", "suspend_reason",
		"unpaid", NULL);
	fix_committed(&f);
	assert_int_equal(suspended_at(&f), 1000);
	fix_put(&f, &kind_account, "username", "john", NULL);
	assert_int_equal(fix_commit(&f), 0);
	fix_put(&f, &kind_account, "username", "john", NULL);
	f.cs.v[0].full = true;
	fix_committed(&f);
	assert_true(suspended_at(&f) == INT_UNSET);
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 3000 };
	assert_int_equal(store_rollback_to(f.s, 3, &f.rev, &f.problems, &f.err), 1);
	assert_int_equal(suspended_at(&f), 1000);
	store_rollback(f.s);
	fix_done(&f);
}

/* Settings */

#define KEY "Kg3Tq9vBz1Xw7Yp4"

static struct setting *setting_get(struct store_fix *f, const char *name)
{
	struct setting *s;

	assert_ok(store_get(f->ctx, f->s, &kind_setting, name, &s, &f->err), &f->err);
	return s;
}

static void set(struct store_fix *f, const char *name, const char *value)
{
	fix_put(f, &kind_setting, "name", name, "value", value, NULL);
}

static bool stands_in(struct store_fix *f, const char *text)
{
	cleanup_(sql_done) struct stmt *st = NULL;

	assert_ok(sql_get(store_sql(f->s), text, &st, &f->err), &f->err);
	while (sql_step(st, &f->err) > 0) {
		size_t len;
		const void *data = sql_blob(st, 0, &len);

		if (memmem(data, len, KEY, strlen(KEY)))
			return true;
	}
	return false;
}

TEST(a_secret_setting_is_kept_apart_and_shown_as_a_word)
{
	struct store_fix f;

	fix_open(&f);
	set(&f, "whmcs_api_key", KEY);
	fix_committed(&f);
	assert_string_equal(setting_get(&f, "whmcs_api_key")->value, SETTING_SECRET);
	assert_string_equal(setting_get(&f, "whmcs_api_key")->secret, KEY);
	assert_false(stands_in(&f, "SELECT changeset FROM revision"));
	assert_false(stands_in(&f, "SELECT detail FROM audit"));
	assert_false(stands_in(&f, "SELECT value FROM setting"));
	assert_true(stands_in(&f, "SELECT value FROM secret"));
	set(&f, "whmcs_api_key", SETTING_SECRET); /* what was shown, sent back */
	assert_int_equal(fix_commit(&f), 0);
	set(&f, "whmcs_api_key", "another-key-of-20-char");
	fix_committed(&f);
	assert_string_equal(setting_get(&f, "whmcs_api_key")->secret, "another-key-of-20-char");
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_int_equal(store_revert(f.s, 2, &f.rev, &f.problems, &f.err), 0);
	assert_string_equal(setting_get(&f, "whmcs_api_key")->secret, "another-key-of-20-char");
	fix_done(&f);
}

TEST(a_refused_secret_setting_is_not_repeated)
{
	struct store_fix f;

	fix_open(&f);
	set(&f, "whmcs_api_key", "short-secret");
	fix_refused(&f, "what was given is no key");
	assert_null(strstr(fix_problems(&f), "short-secret"));
	assert_null(strstr(f.err.msg, "short-secret"));
	set(&f, "cybermail_api_key", "with spaces in the middle");
	fix_refused(&f, "what was given is no key");
	assert_null(strstr(fix_problems(&f), "middle"));
	fix_done(&f);
}

TEST(settings_take_what_we_can_honour_and_say_so_of_what_others_offer)
{
	struct store_fix f;

	fix_open(&f);
	set(&f, "web_server", "apache");
	fix_refused(&f,
		    "apache cannot be configured by this version, allowed is one of nginx, none");
	set(&f, "ftp_server", "proftpd");
	fix_refused(&f, "proftpd cannot be configured by this version, allowed is one of none");
	set(&f, "dns_server", "nosuch");
	fix_refused(&f, "found \"nosuch\", allowed is one of bind9, none");
	set(&f, "whmcs_enabled", "1");
	set(&f, "notifications_enabled", "0");
	set(&f, "trusted_proxies", "10.0.0.0/8 2001:DB8::1/128");
	set(&f, "panel_hosts", "Panel.Example.com, cp.example.net");
	fix_committed(&f);
	assert_string_equal(setting_get(&f, "whmcs_enabled")->value, "true");
	assert_string_equal(setting_get(&f, "notifications_enabled")->value, "false");
	assert_string_equal(setting_get(&f, "trusted_proxies")->value, "10.0.0.0/8,2001:db8::1");
	assert_string_equal(setting_get(&f, "panel_hosts")->value,
			    "panel.example.com,cp.example.net");
	assert_int_equal(setting_items(f.ctx, setting_get(&f, "panel_hosts")->value).n, 2);
	set(&f, "notify_admin_email", "");
	set(&f, "panel_hosts", "");
	fix_committed(&f);
	set(&f, "notify_from_email", "");
	fix_refused(&f, "notify_from_email");
	set(&f, "trusted_proxies", "10.0.0.0/8,everybody");
	fix_refused(&f, "everybody");
	fix_done(&f);
}

TEST(every_default_of_a_setting_is_canonical_or_unset)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "settings");

	for (size_t i = 0; i < n_settings; i++) {
		const char *canon = "";
		struct err err = ERR_INIT;

		if (!*settings[i].dflt)
			continue;
		assert_ok(setting_canon(ctx, settings[i].name, settings[i].dflt, &canon, &err),
			  &err);
		assert_string_equal(canon, settings[i].dflt);
	}
}

/* Autoresponders */

static void answer(struct store_fix *f, const char *starts, const char *ends)
{
	fix_put(f, &kind_autoresponder, "address", "a@example.com", "account", "john", "subject",
		"Away", "body", "Back soon\n", "starts", starts, "ends", ends, NULL);
}

TEST(an_autoresponder_answers_for_a_mailbox_of_its_account_between_two_days)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	answer(&f, "2026-01-01", "2026-01-31");
	fix_refused(&f, "there is no mailbox \"a@example.com\"");
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	answer(&f, "2026-02-01", "2026-01-31");
	fix_refused(&f, "2026-01-31 is before it starts, on 2026-02-01");
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	answer(&f, "2024-02-29", "2024-02-29");
	fix_committed(&f);
	fix_put(&f, &kind_account, "username", "mallory", NULL);
	fix_put(&f, &kind_autoresponder, "address", "a@example.com", "account", "mallory", NULL);
	fix_refused(&f, "account");
	fix_del(&f, &kind_mailbox, "a@example.com");
	fix_refused(&f, "autoresponder/a@example.com needs it");
	fix_del(&f, &kind_autoresponder, "a@example.com");
	fix_del(&f, &kind_mailbox, "a@example.com");
	fix_committed(&f);
	fix_done(&f);
}

TEST(a_day_that_is_none_is_refused)
{
	static const char *const bad[] = { "2026-02-29", "2026-13-01", "2026-00-10", "26-01-01",
					   "2026-1-1",   "2026-01-32", "1969-01-01", "2100-02-29",
					   "2026-04-31", "yesterday!", "+026-01-01" };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "days");
	const struct field *f = kind_field(&kind_autoresponder, "starts");
	struct autoresponder *a = res_new(ctx, &kind_autoresponder);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct value v = { .type = VALUE_STRING, .text = bad[i] };
		struct err err = ERR_INIT;

		if (field_put(ctx, f, a, &v, &err) == 0)
			print_error("%s was taken\n", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

/* Schedules */

TEST(a_schedule_is_split_into_five_fields_and_joined_again)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "cron");
	const char *parts[CRON_FIELDS];
	const char *text;
	struct err err = ERR_INIT;

	assert_ok(cron_split(ctx, "*/5 0 1-7 jan mon", parts, &err), &err);
	assert_string_equal(parts[0], "*/5");
	assert_string_equal(parts[4], "mon");
	assert_ok(cron_join(ctx, parts, &text, &err), &err);
	assert_string_equal(text, "*/5 0 1-7 jan mon");
	assert_ok(cron_join(ctx, (const char *const[]){ "5", NULL, "", NULL, NULL }, &text, &err),
		  &err);
	assert_string_equal(text, "5 * * * *");
	assert_int_equal(cron_split(ctx, "1 2 3", parts, &err), -ERR_INVALID);
	assert_int_equal(cron_split(ctx, "1 2 3 4 5 6", parts, &err), -ERR_INVALID);
}

TEST(a_field_that_smuggles_another_in_is_refused)
{
	static const char *const bad[] = { "1 2", "* * * * * root", "1\n2", "@daily", "1\t2", " " };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "cron");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		for (size_t at = 0; at < CRON_FIELDS; at++) {
			const char *parts[CRON_FIELDS] = { NULL };
			const char *text = "";
			struct err err = ERR_INIT;

			parts[at] = bad[i];
			if (cron_join(ctx, parts, &text, &err) == 0)
				print_error("\"%s\" was taken: %s\n", bad[i], text);
			assert_int_equal(err.code, ERR_INVALID);
		}
	}
}
