#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/check.h"
#include "model/names.h"
#include "model/password.h"
#include "tests/support/testing.h"

/* WANT: the canonical form; NULL: refused, and the message contains SAYS. */
struct row {
	canon_fn *fn;
	const char *value, *want, *says;
};

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "abc"

static void expect_refused(const struct row *row, int r, const struct err *err)
{
	if (r >= 0)
		fail_msg("%s was taken", text_quoted(row->value).s);
	assert_int_equal(r, -ERR_INVALID);
	assert_int_equal(err->code, ERR_INVALID);
	assert_true(text_is_line(err->msg));
	assert_true(strlen(err->msg) < 520);
	if (row->says)
		assert_contains(err->msg, row->says);
}

static void expect_row(const struct row *row)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "row");
	struct err err = ERR_INIT;
	const char *got = NULL;
	const char *again = NULL;
	int r = row->fn(ctx, row->value, &got, &err);

	if (!row->want) {
		expect_refused(row, r, &err);
		assert_null(got);
		return;
	}
	assert_ok(r, &err);
	assert_string_equal(got, row->want);
	assert_ok(row->fn(ctx, got, &again, &err), &err);
	assert_ptr_equal(again, got); /* canonical: given back as it is */
}

static void expect_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_row(&rows[i]);
}

#define EXPECT_ROWS(...)                                      \
	do {                                                  \
		static const struct row rows[] = __VA_ARGS__; \
		expect_rows(rows, ARRAY_LEN(rows));           \
	} while (0)

TEST(a_host_name_becomes_lower_case_ascii)
{
	EXPECT_ROWS({
		{ canon_host, "example.com", "example.com" },
		{ canon_host, "WWW.Example.COM.", "www.example.com" },
		{ canon_host,
		  "b\xc3\xbc"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ canon_host,
		  "B\xc3\x9c"
		  "CHER.example",
		  "xn--bcher-kva.example" },
		{ canon_host,
		  "bu\xcc\x88"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ canon_host,
		  "stra\xc3\x9f"
		  "e.example",
		  "xn--strae-oqa.example" },
		{ canon_host, "XN--bcher-KVA.example", "xn--bcher-kva.example" },
		{ canon_host, "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "xn--r8jz45g.jp" },
		{ canon_host, "r3---sn-4g5e6nls.example", "r3---sn-4g5e6nls.example" },
		{ canon_host, "1.2.3.example", "1.2.3.example" },
		{ canon_host, L63 ".example", L63 ".example" },
		{ canon_host_wild, "*.Example.com", "*.example.com" },
		{ canon_host_wild, "example.com", "example.com" },
	});
}

TEST(what_is_no_host_name_is_refused)
{
	EXPECT_ROWS({
		{ canon_host, "", NULL, "empty" },
		{ canon_host, ".", NULL, "start" },
		{ canon_host, ".example.com", NULL, "start" },
		{ canon_host, "localhost", NULL, "single label" },
		{ canon_host, "a..example", NULL, "two dots in a row" },
		{ canon_host, "example.com..", NULL, "two dots in a row" },
		{ canon_host, "192.0.2.1", NULL, "address" },
		{ canon_host, "example.123", NULL, "digits" },
		{ canon_host, "-a.example", NULL, "starts or ends with -" },
		{ canon_host, "a-.example", NULL, "starts or ends with -" },
		{ canon_host, "a_b.example", NULL, "\"_\"" },
		{ canon_host, "a b.example", NULL, "\" \"" },
		{ canon_host, "a.example\n", NULL, "\\n" },
		{ canon_host, "a.example;evil", NULL, "\";\"" },
		{ canon_host, "*.example.com", NULL, "\"*\"" },
		{ canon_host, L63 "d.example", NULL, "64 bytes" },
		{ canon_host, L60 "." L60 "." L60 "." L60 "." L10 ".example", NULL, "253" },
		{ canon_host, "\xff\xfe.example", NULL, "\\xFF\\xFE" },
		{ canon_host, "xn--a.example", NULL, "internationalised" },
		{ canon_host, "xn--.example", NULL, "starts or ends" },
		{ canon_host, "xn--abc-.example", NULL, "starts or ends" },
		{ canon_host, "xn--bcher-kv.example", NULL, "internationalised" },
		{ canon_host, "a\xe2\x80\xae.example", NULL, "\\u202E" },
		{ canon_host,
		  "\xcc\x81"
		  "a.example",
		  NULL, "internationalised" },
		{ canon_host_wild, "*", NULL, NULL },
		{ canon_host_wild, "*.com", NULL, "single label" },
		{ canon_host_wild, "a.*.example.com", NULL, "\"*\"" },
		{ canon_host_wild, "*.*.example.com", NULL, "\"*\"" },
		{ canon_host_wild, "*a.example.com", NULL, "\"*\"" },
	});
}

TEST(a_dns_name_may_be_wider_only_where_a_flag_says_so)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct err err = ERR_INIT;
	const char *got;

	assert_ok(name_canon(ctx, "_sip._TCP", NAME_UNDERSCORE, &got, &err), &err);
	assert_string_equal(got, "_sip._tcp");
	assert_ok(name_canon(ctx, "mail", NAME_SINGLE, &got, &err), &err);
	assert_ok(name_canon(ctx, "4.3", NAME_NUMERIC, &got, &err), &err);
	assert_ok(name_canon(ctx, "*.a", NAME_WILD, &got, &err), &err);
	assert_int_equal(name_canon(ctx, "a.*", NAME_WILD, &got, &err), -ERR_INVALID);
	assert_int_equal(name_canon(ctx, "_a.b", 0, &got, &err), -ERR_INVALID);
}

TEST(an_address_is_a_dot_atom_at_a_host)
{
	EXPECT_ROWS({
		{ canon_email, "John.Doe@Example.COM", "john.doe@example.com" },
		{ canon_email, "a@b.example", "a@b.example" },
		{ canon_email, "o'brien+tag=x@b.example", "o'brien+tag=x@b.example" },
		{ canon_email,
		  "info@b\xc3\xbc"
		  "cher.example",
		  "info@xn--bcher-kva.example" },
		{ canon_email, "_x@b.example", "_x@b.example" },
		{ canon_email, "", NULL, "no @" },
		{ canon_email, "example.com", NULL, "no @" },
		{ canon_email, "@example.com", NULL, "not 0" },
		{ canon_email, "a@", NULL, "empty" },
		{ canon_email, "a@b", NULL, "single label" },
		{ canon_email, "a@b@c.example", NULL, "may stand" },
		{ canon_email, ".a@b.example", NULL, "start with" },
		{ canon_email, "a.@b.example", NULL, "end with a dot" },
		{ canon_email, "a..b@c.example", NULL, "two dots" },
		{ canon_email, "../x@c.example", NULL, "may stand" },
		{ canon_email, "|cmd@c.example", NULL, "may stand" },
		{ canon_email, "-f@c.example", NULL, "start with" },
		{ canon_email, "#a@c.example", NULL, "may stand" },
		{ canon_email, "a b@c.example", NULL, "may stand" },
		{ canon_email, "a@c.example\nb", NULL, "\\n" },
		{ canon_email, "\xc3\xbc@c.example", NULL, "may stand" },
		{ canon_email, L63 "de@c.example", NULL, "not 65" },
		{ canon_email, L60 "abcd@" L60 "." L60 "." L60 ".example", NULL, "254" },
		{ canon_forward_source, "@Example.com", "@example.com" },
		{ canon_forward_source, "a@Example.com", "a@example.com" },
		{ canon_forward_source, "@", NULL, "empty" },
		{ canon_forward_source, "@@a.example", NULL, "\"@\"" },
		{ canon_forward_target, "B@c.example", "b@c.example" },
		{ canon_forward_target, "@c.example", NULL, NULL },
		{ canon_forward_target, "/etc/passwd", NULL, NULL },
	});
}

TEST(a_user_name_is_taken_as_it_is_or_refused)
{
	EXPECT_ROWS({
		{ canon_username, "john", "john" },
		{ canon_username, "j2", "j2" },
		{ canon_username, "john_doe_1", "john_doe_1" },
		{ canon_username, "abcdefghijabcdefghijabcdefghijab",
		  "abcdefghijabcdefghijabcdefghijab" },
		{ canon_username, "", NULL, "2 to 32" },
		{ canon_username, "j", NULL, "2 to 32" },
		{ canon_username, "John", NULL, "lower-case letters" },
		{ canon_username, "1john", NULL, "starts with a letter" },
		{ canon_username, "_john", NULL, "starts with a letter" },
		{ canon_username, "john-doe", NULL, "letters" },
		{ canon_username, "john:x", NULL, "letters" },
		{ canon_username, "john\n", NULL, "\\n" },
		{ canon_username, "../etc", NULL, "letters" },
		{ canon_username, "j\xc3\xb6rg", NULL, "letters" },
		{ canon_username, "abcdefghijabcdefghijabcdefghijabc", NULL, "2 to 32" },
		{ canon_login, "admin", "admin" },
		{ canon_login, "Admin", NULL, "lower-case letters" },
		{ canon_login, "a b", NULL, "letters" },
		{ canon_username, "admin", NULL, "reserved" },
		{ canon_username, "root", NULL, "reserved" },
		{ canon_username, "mysql", NULL, "reserved" },
		{ canon_username, "global", NULL, "reserved" },
		{ canon_username, "shadow", NULL, "reserved" },
		{ canon_username, "novacpx_x", NULL, "reserved" },
		{ canon_username, "zookeeper", NULL, "reserved" },
	});
}

TEST(every_system_name_is_reserved)
{
	static const char *const names[] = {
		"root",     "mysql",   "www-data",   "bind",        "postfix",  "dovecot",
		"vmail",    "nobody",  "admin",      "novacpx",     "_apt",     "systemd-resolve",
		"dovenull", "sudo",    "docker",     "proftpd",     "postgres", "Debian-exim",
		"opendkim", "_rspamd", "messagebus", "information", "daemon",   "zabbix",
		"adm",      "znc",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!username_is_reserved(names[i]))
			fail_msg("%s is not reserved", names[i]);
	}
	assert_false(username_is_reserved("john"));
	assert_false(username_is_reserved("rooty"));
	assert_false(username_is_reserved(""));
}

TEST(the_reserved_names_are_sorted_and_all_found)
{
	for (size_t i = 0; reserved_names[i]; i++) {
		assert_true(username_is_reserved(reserved_names[i]));
		if (i > 0 && strcmp(reserved_names[i - 1], reserved_names[i]) >= 0)
			fail_msg("%s is out of order", reserved_names[i]);
	}
}

TEST(names_of_things_keep_to_their_letters)
{
	EXPECT_ROWS({
		{ canon_label_name, "Gold package 2.0", "Gold package 2.0" },
		{ canon_label_name, "a", "a" },
		{ canon_label_name, "_x-1", "_x-1" },
		{ canon_label_name, "", NULL, "1 to 64" },
		{ canon_label_name, " a", NULL, "starting" },
		{ canon_label_name, "a ", NULL, "ending" },
		{ canon_label_name, "-a", NULL, "starting" },
		{ canon_label_name, "..", NULL, "starting" },
		{ canon_label_name, "a/b", NULL, "letters" },
		{ canon_label_name, "a\nb", NULL, "\\n" },
		{ canon_label_name, L60 L10, NULL, "1 to 64" },
		{ canon_db_name, "john_shop", "john_shop" },
		{ canon_db_name, "a", "a" },
		{ canon_db_name, "", NULL, "1 to 64" },
		{ canon_db_name, "1a", NULL, "letter first" },
		{ canon_db_name, "_a", NULL, "letter first" },
		{ canon_db_name, "a`b", NULL, "letters" },
		{ canon_db_name, "A", NULL, "lower-case" },
		{ canon_db_name, L60 "abcde", NULL, "64" },
	});
}

TEST(a_path_is_absolute_plain_and_printable)
{
	EXPECT_ROWS({
		{ canon_path, "/", "/" },
		{ canon_path, "/home/john/public_html", "/home/john/public_html" },
		{ canon_path, "/home/j\xc3\xb6rg/a b", "/home/j\xc3\xb6rg/a b" },
		{ canon_path, "", NULL, "absolute" },
		{ canon_path, "home", NULL, "absolute" },
		{ canon_path, "/a/../b", NULL, "/../" },
		{ canon_path, "/a//b", NULL, "//" },
		{ canon_path, "/a/", NULL, "at the end" },
		{ canon_path, "/a\nb", NULL, "control" },
		{ canon_path, "/a\x7f", NULL, "control" },
		{ canon_path, "/a\xc2\x85", NULL, "control" },
		{ canon_path, "/a\xff", NULL, "UTF-8" },
		{ canon_absfile, "/srv/x.log", "/srv/x.log" },
		{ canon_absfile, "/", NULL, "root folder" },
		{ canon_absfile, "x", NULL, "absolute" },
		{ canon_docroot, "/home/j/www", "/home/j/www" },
		{ canon_docroot, "/srv; } evil", NULL, "the character ;" },
		{ canon_docroot, "/srv/$host", NULL, "the character $" },
		{ canon_docroot, "/srv/\"", NULL, "the character \"" },
		{ canon_docroot, "/srv/a\\b", NULL, "the character \\" },
		{ canon_docroot, "/srv/..", NULL, "/../" },
	});
}

TEST(a_path_ends_at_1024_bytes)
{
	char path[1026] = "/";
	struct err err = ERR_INIT;
	const char *got;

	memset(path + 1, 'a', 1024);
	assert_int_equal(canon_path(NULL, path, &got, &err), -ERR_INVALID);
	path[1024] = '\0';
	assert_ok(canon_path(NULL, path, &got, &err), &err);
}

TEST(a_schedule_has_five_fields_within_their_bounds)
{
	EXPECT_ROWS({
		{ canon_cron_schedule, "* * * * *", "* * * * *" },
		{ canon_cron_schedule, " 05\t04  *  * 0 ", "5 4 * * 0" },
		{ canon_cron_schedule, "*/5 0-23/2 1,15 1-6 1-5", "*/5 0-23/2 1,15 1-6 1-5" },
		{ canon_cron_schedule, "0 0 * JAN Mon", "0 0 * jan mon" },
		{ canon_cron_schedule, "0 0 * jan,feb mon-FRI", "0 0 * 1,2 1-5" },
		{ canon_cron_schedule, "0 0 * * fri-sun", "0 0 * * 5-7" },
		{ canon_cron_schedule, "0 0 * * 7", "0 0 * * 7" },
		{ canon_cron_schedule, "@daily", "0 0 * * *" },
		{ canon_cron_schedule, "@Midnight ", "0 0 * * *" },
		{ canon_cron_schedule, "@hourly", "0 * * * *" },
		{ canon_cron_schedule, "@weekly", "0 0 * * 0" },
		{ canon_cron_schedule, "@monthly", "0 0 1 * *" },
		{ canon_cron_schedule, "@yearly", "0 0 1 1 *" },
		{ canon_cron_schedule, "@annually", "0 0 1 1 *" },
	});
}

TEST(a_schedule_that_cron_would_refuse_is_refused_with_its_field)
{
	EXPECT_ROWS({
		{ canon_cron_schedule, "@reboot", NULL, "refused: it runs when the server starts" },
		{ canon_cron_schedule, "@often", NULL, "@hourly" },
		{ canon_cron_schedule, "@daily root", NULL, "text after the @ word" },
		{ canon_cron_schedule,
		  "@\xdf"
		  "a b",
		  NULL, "\\xDFa" },
		{ canon_cron_schedule, "", NULL, "0 fields" },
		{ canon_cron_schedule, "* * * *", NULL, "4 fields" },
		{ canon_cron_schedule, "* * * * * root", NULL, "6 fields" },
		{ canon_cron_schedule, "0 25 * * *", NULL, "hour: 25 is over 23" },
		{ canon_cron_schedule, "60 * * * *", NULL, "minute: 60 is over 59" },
		{ canon_cron_schedule, "0 0 0 * *", NULL, "day of month: 0 is under 1" },
		{ canon_cron_schedule, "0 0 * 13 *", NULL, "month: 13 is over 12" },
		{ canon_cron_schedule, "0 0 * * 8", NULL, "day of week: 8 is over 7" },
		{ canon_cron_schedule, "mon 0 * * *", NULL, "minute: \"mon\"" },
		{ canon_cron_schedule, "0 0 * mon *", NULL, "month: \"mon\"" },
		{ canon_cron_schedule, "5/10 * * * *", NULL, "needs * or a range" },
		{ canon_cron_schedule, "*/0 * * * *", NULL, "from 1 to 59" },
		{ canon_cron_schedule, "*/90 * * * *", NULL, "from 1 to 59" },
		{ canon_cron_schedule, "*/ * * * *", NULL, "from 1 to 59" },
		{ canon_cron_schedule, "9-5 * * * *", NULL, "runs backwards" },
		{ canon_cron_schedule, "1, * * * *", NULL, "minute: \"\"" },
		{ canon_cron_schedule, ",1 * * * *", NULL, "minute: \"\"" },
		{ canon_cron_schedule, "1- * * * *", NULL, "minute: \"\"" },
		{ canon_cron_schedule, "** * * * *", NULL, "unexpected" },
		{ canon_cron_schedule, "*-5 * * * *", NULL, "unexpected" },
		{ canon_cron_schedule, "1-5-7 * * * *", NULL, "unexpected" },
		{ canon_cron_schedule, "-1 * * * *", NULL, "minute: \"\"" },
		{ canon_cron_schedule, "* * * * *\n* * * * * root x", NULL, "\\n" },
		{ canon_cron_schedule, "99999999999999999999 * * * *", NULL, "minute" },
	});
}

TEST(a_cron_command_is_one_line)
{
	EXPECT_ROWS({
		{ canon_cron_command, "php /home/j/cron.php >/dev/null 2>&1",
		  "php /home/j/cron.php >/dev/null 2>&1" },
		{ canon_cron_command, "  true ", "true" },
		{ canon_cron_command, "", NULL, "no command" },
		{ canon_cron_command, "   ", NULL, "no command" },
		{ canon_cron_command, "a\n* * * * * root evil", NULL, "line break" },
		{ canon_cron_command, "a\rb", NULL, "line break" },
		{ canon_cron_command, "a\tb", NULL, "tab" },
		{ canon_cron_command, "a\xff", NULL, "UTF-8" },
	});
}

TEST(addresses_and_networks_have_one_spelling)
{
	EXPECT_ROWS({
		{ canon_ip, "192.0.2.1", "192.0.2.1" },
		{ canon_ip, "2001:DB8:0:0::1", "2001:db8::1" },
		{ canon_ip, "", NULL, "not an IP address" },
		{ canon_ip, "192.0.2.01", NULL, "not an IP address" },
		{ canon_ip, "192.0.2", NULL, "not an IP address" },
		{ canon_ip, "fe80::1%eth0", NULL, "not an IP address" },
		{ canon_ip4, "10.0.0.1", "10.0.0.1" },
		{ canon_ip4, "::1", NULL, "IPv4" },
		{ canon_ip6, "::0001", "::1" },
		{ canon_ip6, "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ canon_ip6, "10.0.0.1", NULL, "IPv6" },
		{ canon_cidr, "10.0.0.0/8", "10.0.0.0/8" },
		{ canon_cidr, "10.0.0.0/08", "10.0.0.0/8" },
		{ canon_cidr, "2001:DB8::/32", "2001:db8::/32" },
		{ canon_cidr, "192.0.2.1", "192.0.2.1" },
		{ canon_cidr, "192.0.2.1/32", "192.0.2.1" },
		{ canon_cidr, "::1/128", "::1" },
		{ canon_cidr, "0.0.0.0/0", "0.0.0.0/0" },
		{ canon_cidr, "10.0.0.5/8", NULL, "did you mean 10.0.0.0/8" },
		{ canon_cidr, "10.0.0.0/33", NULL, "0 to 32" },
		{ canon_cidr, "10.0.0.0/", NULL, "0 to 32" },
		{ canon_cidr, "10.0.0.0/-1", NULL, "0 to 32" },
		{ canon_cidr, "::/129", NULL, "0 to 128" },
		{ canon_cidr, "x/8", NULL, "not a network" },
		{ canon_cidr, "any", NULL, "not an IP address" },
	});
}

TEST(a_redirect_target_is_a_web_address)
{
	EXPECT_ROWS({
		{ canon_url, "https://example.com/a?b=c#d", "https://example.com/a?b=c#d" },
		{ canon_url, "HTTP://Example.com", "http://example.com" },
		{ canon_url, "https://example.com:0443/%20", "https://example.com:443/%20" },
		{ canon_url, "http://192.0.2.1:8080/", "http://192.0.2.1:8080/" },
		{ canon_url, "http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/" },
		{ canon_url,
		  "https://b\xc3\xbc"
		  "cher.example/",
		  "https://xn--bcher-kva.example/" },
		{ canon_url, "", NULL, "http://" },
		{ canon_url, "example.com", NULL, "http://" },
		{ canon_url, "javascript:alert(1)", NULL, "http://" },
		{ canon_url, "ftp://example.com/", NULL, "http://" },
		{ canon_url, "https://", NULL, "empty" },
		{ canon_url, "https://localhost/", NULL, "single label" },
		{ canon_url, "https://a@example.com/", NULL, "before the @" },
		{ canon_url, "https://example.com:0/", NULL, "1 to 65535" },
		{ canon_url, "https://example.com:65536/", NULL, "1 to 65535" },
		{ canon_url, "https://example.com:/", NULL, "1 to 65535" },
		{ canon_url, "https://[::1/", NULL, NULL },
		{ canon_url, "https://example.com/a b", NULL, "%20" },
		{ canon_url, "https://example.com/\"", NULL, "%22" },
		{ canon_url, "https://example.com/$host", NULL, "%24" },
		{ canon_url, "https://example.com/\\", NULL, "%5C" },
		{ canon_url, "https://example.com/\n", NULL, "%0A" },
		{ canon_url, "https://example.com/\xc3\xbc", NULL, "%C3" },
		{ canon_url, "https://example.com/%zz", NULL, "%25" },
		{ canon_url, "https://example.com/%2", NULL, "%25" },
	});
}

TEST(small_values_have_small_rules)
{
	EXPECT_ROWS({
		{ canon_php_version, "8.3", "8.3" },
		{ canon_php_version, "8", NULL, "8.3" },
		{ canon_php_version, "8.10", NULL, "8.3" },
		{ canon_php_version, "4.4", NULL, "8.3" },
		{ canon_php_version, "8.3/", NULL, "8.3" },
		{ canon_php_size, "64M", "64M" },
		{ canon_php_size, "064m", "64M" },
		{ canon_php_size, "16G", "16G" },
		{ canon_php_size, "1", "1" },
		{ canon_php_size, "17179869184", "17179869184" },
		{ canon_php_size, "17G", NULL, "16G" },
		{ canon_php_size, "0", NULL, "1 to 16G" },
		{ canon_php_size, "-1", NULL, "no limit" },
		{ canon_php_size, "M", NULL, "not a size" },
		{ canon_php_size, "", NULL, "not a size" },
		{ canon_php_size, "64MB", NULL, "not a size" },
		{ canon_php_size, "99999999999999999999G", NULL, "not a size" },
		{ canon_color, "#FfF", "#fff" },
		{ canon_color, "#a1b2c3", "#a1b2c3" },
		{ canon_color, "#ab", NULL, "#rgb" },
		{ canon_color, "red", NULL, "#rgb" },
		{ canon_color, "#ggg", NULL, "#rgb" },
		{ canon_color, "#a1b2c3;", NULL, "#rgb" },
		{ canon_text, "", "" },
		{ canon_text, "Caf\xc3\xa9 \xf0\x9f\x98\x80", "Caf\xc3\xa9 \xf0\x9f\x98\x80" },
		{ canon_text, "a\nb", NULL, "line break" },
		{ canon_text,
		  "a\xe2\x80\xa8"
		  "b",
		  NULL, "line break" },
		{ canon_text, "a\x1b[31m", NULL, "\\x1B" },
		{ canon_text, "a\xc0\xaf", NULL, "\\xC0\\xAF" },
		{ canon_lines, "a\n\tb\n", "a\n\tb\n" },
		{ canon_lines, "a\r\nb\r\n", "a\nb\n" },
		{ canon_lines, "a\rb", NULL, "control" },
		{ canon_lines, "a\x01", NULL, "\\x01" },
		{ canon_lines, "\xed\xa0\x80", NULL, "UTF-8" },
	});
}

TEST(pem_text_is_whole_blocks_and_nothing_else)
{
	EXPECT_ROWS({
		{ canon_pem, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		  "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
		{ canon_pem,
		  "\r\n-----BEGIN A-----\r\nMI==\r\n-----END A----- \r\n\r\n-----BEGIN B-----\nabcdefg=\n-----END B-----",
		  "-----BEGIN A-----\nMI==\n-----END A-----\n-----BEGIN B-----\nabcdefg=\n-----END B-----\n" },
		{ canon_pem, "", NULL, "no PEM block" },
		{ canon_pem, "hello", NULL, "line 1" },
		{ canon_pem, "-----BEGIN A-----\nMIIB\n-----END B-----\n", NULL,
		  "does not end the block" },
		{ canon_pem, "-----BEGIN A-----\nMIIB\n", NULL, "no END" },
		{ canon_pem, "-----BEGIN A-----\n-----END A-----\n", NULL, "multiple of 4" },
		{ canon_pem, "-----BEGIN A-----\nMII\n-----END A-----\n", NULL, "multiple of 4" },
		{ canon_pem, "-----BEGIN A-----\nM I=\n-----END A-----\n", NULL, "line 2" },
		{ canon_pem, "-----BEGIN A-----\nMI==\nMIIB\n-----END A-----\n", NULL, "line 3" },
		{ canon_pem, "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n-----END A-----\n", NULL,
		  "line 2" },
		{ canon_pem, "-----BEGIN A-----\nMIIB\n-----END A-----\nrm -rf\n", NULL, "line 4" },
		{ canon_pem, "-----BEGIN a-----\nMIIB\n-----END a-----\n", NULL, "line 1" },
	});
}

#define H43 "abcdefghijabcdefghijabcdefghijabcdefghij./A"

TEST(a_password_hash_is_one_that_crypt_makes)
{
	EXPECT_ROWS({
		{ canon_hash, "$y$j9T$saltsalt$" H43, "$y$j9T$saltsalt$" H43 },
		{ canon_hash, "$6$salt$" H43 H43, "$6$salt$" H43 H43 },
		{ canon_hash, "$6$rounds=5000$salt$" H43 H43, "$6$rounds=5000$salt$" H43 H43 },
		{ canon_hash, "$5$salt$" H43, "$5$salt$" H43 },
		{ canon_hash, "$2b$10$" L10 H43, "$2b$10$" L10 H43 },
		{ canon_hash, "$2y$12$" L10 H43, "$2y$12$" L10 H43 },
		{ canon_hash, "", NULL, "not a password hash" },
		{ canon_hash, "secret", NULL, "not a password hash" },
		{ canon_hash, "!", NULL, "locked" },
		{ canon_hash, "*", NULL, "locked" },
		{ canon_hash, "!$5$salt$" H43, NULL, "locked" },
		{ canon_hash, "$1$salt$abcdefghijabcdefghijab", NULL, "not a password hash" },
		{ canon_hash, "$6$salt$" H43, NULL, "not a password hash" },
		{ canon_hash, "$5$sa:lt$" H43, NULL, "not a password hash" },
		{ canon_hash, "$5$$" H43, NULL, "not a password hash" },
		{ canon_hash, "$5$salt$" H43 "\n", NULL, "not a password hash" },
		{ canon_hash, "$5$salt$" H43 ":0:0", NULL, "not a password hash" },
		{ canon_hash, "$6$rounds=10$salt$" H43 H43, NULL, "not a password hash" },
		{ canon_hash, "$2b$99$" L10 H43, NULL, "not a password hash" },
	});
}

TEST(a_password_has_the_same_tag_only_under_the_same_seed)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "tag");
	struct err err = ERR_INIT;
	const char *one, *again, *other, *elsewhere;

	assert_ok(password_tag(ctx, "correct-horse", "anna\nk1", &one, &err), &err);
	assert_ok(password_tag(ctx, "correct-horse", "anna\nk1", &again, &err), &err);
	assert_ok(password_tag(ctx, "correct-hors", "anna\nk1", &other, &err), &err);
	assert_ok(password_tag(ctx, "correct-horse", "anna\nk2", &elsewhere, &err), &err);
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	assert_string_not_equal(one, elsewhere);
	assert_true(password_matches(one, "correct-horse"));
}

TEST(a_secret_is_never_repeated_in_a_message)
{
	struct err err = ERR_INIT;
	const char *got;

	assert_int_equal(canon_hash(NULL, "hunter2", &got, &err), -ERR_INVALID);
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(canon_pem(NULL, "-----BEGIN A-----\nhun ter2\n", &got, &err),
			 -ERR_INVALID);
	assert_null(strstr(err.msg, "ter2"));
}

TEST(a_quoted_value_is_short_and_shows_what_hides)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	assert_string_equal(text_quote(ctx, ""), "\"\"");
	assert_string_equal(text_quote(ctx, "a\"b\\\n\x01"), "\"a\\\"b\\\\\\n\\x01\"");
	assert_string_equal(text_quote(ctx, "\xff\xc3"), "\"\\xFF\\xC3\"");
	assert_string_equal(text_quote(ctx, "\xe2\x80\xae\xc3\xbc"), "\"\\u202E\xc3\xbc\"");
	assert_string_equal(text_quote(ctx, L60), "\"" L60 "\"");
	assert_string_equal(text_quote(ctx, L60 "x"), "\"" L60 "\xe2\x80\xa6\"");
}

TEST(only_shortest_utf8_without_surrogates_is_valid)
{
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_false(utf8_is_valid("\xc0\x80", 2));
	assert_false(utf8_is_valid("\xe0\x80\x80", 3));
	assert_false(utf8_is_valid("\xed\xa0\x80", 3));
	assert_false(utf8_is_valid("\xf4\x90\x80\x80", 4));
	assert_false(utf8_is_valid("\xf8\x88\x80\x80\x80", 5));
	assert_false(utf8_is_valid("\xe2\x82", 2));
	assert_false(utf8_is_valid("\x80", 1));
}
