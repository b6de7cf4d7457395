#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "model/check.h"
#include "model/rdata.h"
#include "tests/support/testing.h"

#define ZONE  "example.com"
#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* WANT: the canonical value; NULL: refused, and the message contains SAYS. */
struct row {
	const char *type, *value, *want, *says;
};

static const struct row rows[] = {
	{ "A", "192.0.2.1", "192.0.2.1" },
	{ "A", " 192.0.2.1 ", "192.0.2.1" },
	{ "A", "", NULL, "empty" },
	{ "A", "::1", NULL, "IPv4" },
	{ "A", "192.0.2.1 192.0.2.2", NULL, "2 words" },
	{ "A", "192.0.2.1\nevil A 192.0.2.2", NULL, "\\n" },
	{ "A", "www", NULL, "IPv4" },
	{ "AAAA", "2001:DB8::0001", "2001:db8::1" },
	{ "AAAA", "192.0.2.1", NULL, "IPv6" },
	{ "CNAME", "www", "www.example.com." },
	{ "CNAME", "@", "example.com." },
	{ "CNAME", "Shop.Example.org", "shop.example.org." },
	{ "CNAME", "shop.example.org.", "shop.example.org." },
	{ "CNAME", "s1._domainkey.mailer.example", "s1._domainkey.mailer.example." },
	{ "CNAME",
	  "b\xc3\xbc"
	  "cher.example",
	  "xn--bcher-kva.example." },
	{ "CNAME", "\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp", "xn--r8jz45g.jp." },
	{ "CNAME", ".", NULL, "dot at the start" },
	{ "CNAME", "a..b", NULL, "two dots" },
	{ "CNAME", "a.b..", NULL, "two dots" },
	{ "CNAME", "a b", NULL, "2 words" },
	{ "CNAME", "*.example.org", NULL, "\"*\"" },
	{ "CNAME", "192.0.2.1", NULL, "address" },
	{ "CNAME", "a;b", NULL, "\";\"" },
	{ "CNAME", "$INCLUDE", NULL, "\"$\"" },
	{ "CNAME", "a(b", NULL, "\"(\"" },
	{ "MX", "mail", "mail.example.com." },
	{ "MX", "mail.example.org", "mail.example.org." },
	{ "MX", ".", "." },
	{ "MX", "localhost.", "localhost." },
	{ "MX", "10 mail.example.org", NULL, "field priority" },
	{ "MX", "_x.example.org", NULL, "\"_\"" },
	{ "MX", "192.0.2.1", NULL, "address" },
	{ "MX", "a b c", NULL, "3 words" },
	{ "NS", "ns1", "ns1.example.com." },
	{ "NS", "ns1.example.net.", "ns1.example.net." },
	{ "NS", ".", NULL, "dot at the start" },
	{ "NS", "ns_1.example.net", NULL, "\"_\"" },
	{ "PTR", "host.example.com", "host.example.com." },
	{ "PTR", "printer._http._tcp.example.com", "printer._http._tcp.example.com." },
	{ "PTR", "", NULL, "empty" },
	{ "SRV", "5 5060 sip", "5 5060 sip.example.com." },
	{ "SRV", "05  05060\tsip.example.org.", "5 5060 sip.example.org." },
	{ "SRV", "0 0 .", "0 0 ." },
	{ "SRV", "10 5 5060 sip", NULL, "field priority" },
	{ "SRV", "5060 sip", NULL, "weight port target" },
	{ "SRV", "5 65536 sip", NULL, "port \"65536\"" },
	{ "SRV", "-1 5060 sip", NULL, "weight \"-1\"" },
	{ "SRV", "5 5060 _sip.example.org", NULL, "\"_\"" },
	{ "TXT", "hello world", "hello world" },
	{ "TXT", "\"hello\"", "hello" },
	{ "TXT", "\"a b\" \"c\"\n\t\"d\"", "a bcd" },
	{ "TXT", "\"a\\\"b\\\\c\\065\"", "a\"b\\cA" },
	{ "TXT", "\"\\195\\188\"", "\xc3\xbc" },
	{ "TXT", "a\\b", "a\\b" },
	{ "TXT", " a  b ", "a  b" },
	{ "TXT", "caf\xc3\xa9; (x) @ $INCLUDE", "caf\xc3\xa9; (x) @ $INCLUDE" },
	{ "TXT", "a\"b\"", "a\"b\"" },
	{ "TXT", "", NULL, "empty" },
	{ "TXT", "\"\"", NULL, "empty" },
	{ "TXT", "\"a", NULL, "not closed" },
	{ "TXT", "\"a\\\"", NULL, "not closed" },
	{ "TXT", "\"a\\", NULL, "backslash at the end" },
	{ "TXT", "\"a\" b", NULL, "outside" },
	{ "TXT", "\"a\"b", NULL, "right after" },
	{ "TXT", "\"\\300\"", NULL, "\\300" },
	{ "TXT", "\"\\000\"", NULL, "\\000" },
	{ "TXT", "\"\\1x\"", NULL, "three digits" },
	{ "TXT", "\"\\010\"", NULL, "line break" },
	{ "TXT", "\"\\255\"", NULL, "UTF-8" },
	{ "TXT", "\"\\\"a\\\"\"", NULL, "begins with a quotation mark" },
	{ "TXT", "a\nevil A 192.0.2.1", NULL, "line break" },
	{ "TXT", "a\tb", NULL, "control" },
	{ "TXT", "a\xff", NULL, "UTF-8" },
	{ "SPF", "v=spf1 mx a ~all", "v=spf1 mx a ~all" },
	{ "SPF", "\"v=spf1 -all\"", "v=spf1 -all" },
	{ "SPF", "v=spf1", "v=spf1" },
	{ "SPF", "v=spf10 -all", NULL, "v=spf1" },
	{ "SPF", "mx -all", NULL, "v=spf1" },
	{ "DMARC", "v=DMARC1; p=none", "v=DMARC1; p=none" },
	{ "DMARC", "v=DMARC1;p=none", "v=DMARC1;p=none" },
	{ "DMARC", "v=dmarc1; p=none", NULL, "capitals" },
	{ "DMARC", "p=none", NULL, "v=DMARC1" },
	{ "DKIM", "v=DKIM1; k=rsa; p=MIIB", "v=DKIM1; k=rsa; p=MIIB" },
	{ "DKIM", "k=rsa; p=MIIB", "k=rsa; p=MIIB" },
	{ "DKIM", "\"v=DKIM1; k=rsa; \" \"p=MIIB\"", "v=DKIM1; k=rsa; p=MIIB" },
	{ "DKIM", "k=rsa; sp=MIIB", NULL, "v=DKIM1" },
	{ "DKIM", "hello", NULL, "v=DKIM1" },
	{ "CAA", "0 issue \"letsencrypt.org\"", "0 issue \"letsencrypt.org\"" },
	{ "CAA", "128 ISSUE LetsEncrypt.org", "128 issue \"letsencrypt.org\"" },
	{ "CAA", "0 issuewild \";\"", "0 issuewild \";\"" },
	{ "CAA", "0 issue \"\"", "0 issue \"\"" },
	{ "CAA", "0 issue \"ca.example ; policy=ev \"", "0 issue \"ca.example; policy=ev\"" },
	{ "CAA", "0 iodef mailto:Sec@Example.com", "0 iodef \"mailto:sec@example.com\"" },
	{ "CAA", "0 iodef \"https://Example.com/r\"", "0 iodef \"https://example.com/r\"" },
	{ "CAA", "0 contactemail a@b.example", "0 contactemail \"a@b.example\"" },
	{ "CAA", "0 contactphone \"+1 555 0100\"", "0 contactphone \"+1 555 0100\"" },
	{ "CAA", "0 issue \"ca.example; a=\\\"\"", "0 issue \"ca.example; a=\\\"\"" },
	{ "CAA", "256 issue ca.example", NULL, "0 to 255" },
	{ "CAA", "0 foo ca.example", NULL, "the tag \"foo\"" },
	{ "CAA", "0 issue", NULL, "2 words" },
	{ "CAA", "0 issue ca.example; policy=ev", NULL, "4 words" },
	{ "CAA", "0 issue \"ca\"", NULL, "single label" },
	{ "CAA", "0 iodef ftp://x.example", NULL, "http://" },
	{ "CAA", "0 issue \"ca.example; \xc3\xbc\"", NULL, "ASCII" },
	{ "CAA", "0 issue ca\"x\"", NULL, "within a word" },
	{ "SSHFP", "4 2 " HEX64, "4 2 " HEX64 },
	{ "SSHFP", "1 1 0123456789ABCDEF0123456789ABCDEF 01234567", "1 1 " HEX40 },
	{ "SSHFP", "4 2 " HEX40, NULL, "the digest has 64" },
	{ "SSHFP", "1 1 " HEX64, NULL, "the digest has 40" },
	{ "SSHFP", "5 1 " HEX40, NULL, "algorithm" },
	{ "SSHFP", "1 3 " HEX40, NULL, "type" },
	{ "SSHFP", "1 1", NULL, "2 words" },
	{ "SSHFP", "1 1 xyz", NULL, "hexadecimal" },
	{ "TLSA", "3 1 1 " HEX64, "3 1 1 " HEX64 },
	{ "TLSA", "3 1 2 " HEX64 HEX64, "3 1 2 " HEX64 HEX64 },
	{ "TLSA", "0 0 0 ABCD", "0 0 0 abcd" },
	{ "TLSA", "3 1 1 " HEX40, NULL, "64" },
	{ "TLSA", "4 1 1 " HEX64, NULL, "usage" },
	{ "TLSA", "3 2 1 " HEX64, NULL, "selector" },
	{ "TLSA", "3 1 3 " HEX64, NULL, "matching" },
	{ "TLSA", "3 1 0 abc", NULL, "even" },
	{ "TLSA", "3 1 1", NULL, "3 words" },
	{ "NAPTR", "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b.example!\" .",
	  "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b.example!\" ." },
	{ "NAPTR", "1 2 s SIP+D2U \"\" _sip._udp.example.com",
	  "1 2 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com." },
	{ "NAPTR", "1 2 \"u\" \"\" \"!^(.*)$!sip:\\\\1@b.example!i\" .",
	  "1 2 \"u\" \"\" \"!^(.*)$!sip:\\\\1@b.example!i\" ." },
	{ "NAPTR", "1 2 \"u\" \"\" \"!a!b!\" x.example", NULL, "single dot" },
	{ "NAPTR", "1 2 \"u\" \"\" \"abc\" .", NULL, "regexp" },
	{ "NAPTR", "1 2 \"u\" \"\" \"!(!b!\" .", NULL, "regexp" },
	{ "NAPTR", "1 2 \"u\" \"\" \"!a!\\\\1!\" .", NULL, "regexp" },
	{ "NAPTR", "1 2 \"u\" \"\" \"!(a{9}){9}!b!\" .", NULL, "{ }" },
	{ "NAPTR", "1 2 \"!\" \"\" \"\" .", NULL, "flags" },
	{ "NAPTR", "1 2 3", NULL, "3 words" },
	{ "NAPTR", "70000 2 \"\" \"\" \"\" .", NULL, "order" },
};

static void expect_row(const struct row *row)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "row");
	const struct rdata_type *t = rdata_type_find(row->type);
	struct err err = ERR_INIT;
	const char *got = NULL;
	const char *again = NULL;

	assert_non_null(t);
	int r = rdata_canon(ctx, t, ZONE, row->value, &got, &err);
	if (row->want) {
		assert_ok(r, &err);
		assert_string_equal(got, row->want);
		assert_ok(rdata_canon(ctx, t, ZONE, got, &again, &err), &err);
		assert_ptr_equal(again, got);
		return;
	}
	if (r >= 0)
		fail_msg("%s %s was taken", row->type, text_quoted(row->value).s);
	assert_int_equal(r, -ERR_INVALID);
	assert_null(got);
	assert_true(text_is_line(err.msg));
	assert_contains(err.msg, row->says);
}

TEST(a_value_has_one_canonical_form_or_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_row(&rows[i]);
}

TEST(a_reverse_zone_takes_host_names_only)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	const struct rdata_type *t = rdata_type_find("PTR");
	struct err err = ERR_INIT;
	const char *got;

	assert_ok(rdata_canon(ctx, t, "2.0.192.in-addr.arpa", "a.example.com", &got, &err), &err);
	assert_int_equal(rdata_canon(ctx, t, "2.0.192.in-addr.arpa", "a_b.example.com", &got, &err),
			 -ERR_INVALID);
}

TEST(a_value_ends_at_4096_bytes)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	char text[RDATA_VALUE_MAX + 2] = "";
	struct err err = ERR_INIT;
	const char *got;

	memset(text, 'a', RDATA_VALUE_MAX + 1);
	assert_int_equal(rdata_canon(ctx, rdata_type_find("TXT"), ZONE, text, &got, &err),
			 -ERR_INVALID);
	text[RDATA_VALUE_MAX] = '\0';
	assert_ok(rdata_canon(ctx, rdata_type_find("TXT"), ZONE, text, &got, &err), &err);
}

TEST(every_type_is_found_in_any_case_and_is_complete)
{
	size_t n = 0;

	for (const struct rdata_type *t = rdata_types; t->name; t++, n++) {
		assert_ptr_equal(rdata_type_find(t->name), t);
		assert_non_null(t->wire);
		assert_non_null(t->shape);
		assert_non_null(t->canon);
		assert_non_null(t->doc);
		assert_int_equal(t->is_text, strcmp(t->wire, "TXT") == 0);
	}
	assert_int_equal(n, 15);
	assert_non_null(rdata_type_find("mx"));
	assert_null(rdata_type_find("ANY"));
	assert_null(rdata_type_find(""));
}

struct owner {
	const char *name, *want, *says;
};

static void expect_owner(const struct owner *o)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "owner");
	struct err err = ERR_INIT;
	const char *got = NULL;
	const char *again = NULL;
	int r = rdata_name_canon(ctx, ZONE, o->name, &got, &err);

	if (!o->want) {
		if (r >= 0)
			fail_msg("%s was taken as %s", text_quoted(o->name).s, got);
		assert_contains(err.msg, o->says);
		return;
	}
	assert_ok(r, &err);
	assert_string_equal(got, o->want);
	assert_ok(rdata_name_canon(ctx, ZONE, got, &again, &err), &err);
	assert_ptr_equal(again, got);
}

TEST(an_owner_is_relative_to_its_zone)
{
	static const struct owner owners[] = {
		{ "", "@" },
		{ "@", "@" },
		{ "example.com", "@" },
		{ "Example.COM.", "@" },
		{ "www", "www" },
		{ "WWW.example.com", "www" },
		{ "www.example.com.", "www" },
		{ "a.b", "a.b" },
		{ "notexample.com", "notexample.com" },
		{ "*", "*" },
		{ "*.dev", "*.dev" },
		{ "*.example.com", "*" },
		{ "_dmarc", "_dmarc" },
		{ "_sip._TCP", "_sip._tcp" },
		{ "1.2", "1.2" },
		{ "b\xc3\xbc"
		  "cher",
		  "xn--bcher-kva" },
		{ "www.example.org.", NULL, "outside the zone" },
		{ "www.", NULL, "outside the zone" },
		{ "example.com.example.com", NULL, "twice" },
		{ "a.example.com.example.com.", NULL, "twice" },
		{ ".", NULL, "dot at the start" },
		{ "a..b", NULL, "two dots" },
		{ "a.*", NULL, "\"*\"" },
		{ "*a", NULL, "\"*\"" },
		{ "a b", NULL, "\" \"" },
		{ "$TTL", NULL, "\"$\"" },
		{ "a;b", NULL, "\";\"" },
		{ "a\nb", NULL, "\\n" },
		{ "\"a\"", NULL, "the character" },
		{ "-a", NULL, "starts or ends" },
	};

	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		expect_owner(&owners[i]);
}

TEST(an_owner_and_its_zone_fit_into_253_bytes)
{
	static const char label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct err err = ERR_INIT;
	const char *got;

	assert_ok(rdata_name_canon(ctx, ZONE,
				   mem_fmt(ctx, "%s.%s.%s.%.57s", label, label, label, label), &got,
				   &err),
		  &err);
	assert_int_equal(
		rdata_name_canon(ctx, ZONE,
				 mem_fmt(ctx, "%s.%s.%s.%.59s", label, label, label, label), &got,
				 &err),
		-ERR_INVALID);
}

TEST(an_owner_that_bind_refuses_for_its_type_is_refused)
{
	struct err err = ERR_INIT;

	assert_int_equal(rdata_owner_check(rdata_type_find("A"), "_a", &err), -ERR_INVALID);
	assert_contains(err.msg, "A record");
	assert_int_equal(rdata_owner_check(rdata_type_find("MX"), "_a", &err), -ERR_INVALID);
	assert_int_equal(rdata_owner_check(rdata_type_find("NS"), "*.a", &err), -ERR_INVALID);
	assert_ok(rdata_owner_check(rdata_type_find("A"), "*", &err), &err);
	assert_ok(rdata_owner_check(rdata_type_find("TXT"), "_dmarc", &err), &err);
	assert_ok(rdata_owner_check(rdata_type_find("CNAME"), "_a", &err), &err);
}

static void expect_put(const char *type, const char *value, int64_t priority, const char *want)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "put");
	struct buf out = BUF_ON(ctx);

	rdata_put(&out, rdata_type_find(type), value, priority);
	assert_string_equal(buf_str(&out), want);
}

TEST(data_is_written_in_zone_file_syntax)
{
	expect_put("A", "192.0.2.1", 7, "192.0.2.1");
	expect_put("MX", "mail.example.com.", 10, "10 mail.example.com.");
	expect_put("SRV", "5 5060 sip.example.com.", 0, "0 5 5060 sip.example.com.");
	expect_put("TXT", "a\"b\\c;\xc3\xbc", 0, "\"a\\\"b\\\\c;\\195\\188\"");
	expect_put("TXT", "$INCLUDE /etc/shadow", 0, "\"$INCLUDE /etc/shadow\"");
	expect_put("TXT", "a\nb", 0, "\"a\\010b\"");
	expect_put("DKIM", "p=x", 0, "\"p=x\"");
}

TEST(a_long_text_is_split_into_strings_of_255_bytes)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	char text[512] = "";
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;
	const char *got;

	memset(text, 'x', 510);
	rdata_put(&out, rdata_type_find("TXT"), text, 0);
	assert_int_equal(out.len, 510 + 4 + 1);
	assert_memory_equal(buf_str(&out) + 255, "x\" \"x", 5);
	assert_ok(rdata_canon(ctx, rdata_type_find("TXT"), ZONE, buf_str(&out), &got, &err), &err);
	assert_string_equal(got, text);
}

TEST(a_target_is_found_in_the_types_that_have_one)
{
	assert_string_equal(rdata_target(rdata_type_find("MX"), "a.example."), "a.example.");
	assert_string_equal(rdata_target(rdata_type_find("SRV"), "0 1 a.example."), "a.example.");
	assert_string_equal(rdata_target(rdata_type_find("CNAME"), "a.example."), "a.example.");
	assert_string_equal(rdata_target(rdata_type_find("MX"), "."), ".");
	assert_null(rdata_target(rdata_type_find("TXT"), "a b"));
	assert_null(rdata_target(rdata_type_find("A"), "192.0.2.1"));
}

/* Every good row, each at a name of its own, as a zone. */
static void put_zone(const void *ctx, struct buf *zone)
{
	buf_puts(zone, "$TTL 3600\n@ IN SOA ns1.example.com. h.example.com. ( 1 2 3 4 5 )\n"
		       "@ IN NS ns1.example.com.\nns1 A 192.0.2.1\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rdata_type *t = rdata_type_find(rows[i].type);
		struct err err = ERR_INIT;
		const char *value;

		if (!rows[i].want)
			continue;
		assert_ok(rdata_canon(ctx, t, ZONE, rows[i].value, &value, &err), &err);
		buf_printf(zone, "r%zu %s ", i, t->wire);
		rdata_put(zone, t, value, t->default_priority);
		buf_putc(zone, '\n');
	}
}

TEST(bind_takes_every_good_value)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	cleanup_(fd_close) int root = -1;
	struct buf zone = BUF_ON(ctx);
	struct proc_result res = { .status = 0 };
	struct err err = ERR_INIT;
	const char *const argv[] = { "named-checkzone",
				     "-i",
				     "none",
				     "-k",
				     "fail",
				     ZONE,
				     mem_fmt(ctx, "%s/zone", test_tmpdir()),
				     NULL };
	const struct proc check = { .argv = argv };

	put_zone(ctx, &zone);
	root = fs_root_open(test_tmpdir(), &err);
	assert_ok(root, &err);
	assert_ok(fs_write_atomic(root, "/zone", zone.data, zone.len, 0600, &err), &err);
	if (proc_run(ctx, &check, &res, &err) == -ERR_ABSENT)
		skip();
	if (res.status != 0)
		fail_msg("named-checkzone: %s", res.out);
}
