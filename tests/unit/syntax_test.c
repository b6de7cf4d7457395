#include <string.h>

#include "renderers/syntax_block.h"
#include "renderers/syntax_dovecot.h"
#include "renderers/syntax_nginx.h"
#include "renderers/syntax_zone.h"
#include "tests/support/readers.h"
#include "tests/support/testing.h"

TEST(nginx_words_are_plain_or_quoted_and_blocks_are_indented)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct nginx c;

	nginx_begin(&c, &text, &err);
	nginx_blank(&c);
	nginx_comment(&c, "managed by NovaCPX");
	nginx_open(&c, "server");
	nginx_put(&c, "listen", "443", "ssl", NULL, "not this");
	nginx_put(&c, "root", "/srv; } evil");
	nginx_blank(&c);
	nginx_blank(&c);
	nginx_open_vars(&c, "location", "~", "\\.php$");
	nginx_put_vars(&c, "fastcgi_param", "SCRIPT", nginx_plain(&c, "a\"b"), "${x}", "");
	nginx_close(&c);
	nginx_close(&c);
	assert_ok(nginx_end(&c), &err);
	assert_string_equal(buf_str(&text), "# managed by NovaCPX\n"
					    "server {\n"
					    "\tlisten 443 ssl;\n"
					    "\troot \"/srv; } evil\";\n"
					    "\n"
					    "\tlocation ~ \"\\\\.php$\" {\n"
					    "\t\tfastcgi_param SCRIPT \"a\\\"b\" \"${x}\" \"\";\n"
					    "\t}\n"
					    "}\n");
}

/* The message of what refuses WORD in a directive. */
static const char *nginx_refusal(void *ctx, const char *word)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct nginx c;

	nginx_begin(&c, &text, &err);
	nginx_put(&c, "root", word);
	nginx_put(&c, "later");
	assert_int_equal(nginx_end(&c), -ERR_INVALID);
	assert_string_equal(buf_str(&text), ""); /* nothing of it, and nothing after it */
	return mem_str(ctx, err.msg);
}

TEST(nginx_refuses_variables_control_characters_and_overlong_words_in_data)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	char *big = mem_zero(ctx, 4100);

	memset(big, '"', 2000);
	assert_string_equal(nginx_refusal(ctx, "/srv/$host"),
			    "nginx: \"/srv/$host\" holds a $, which would start a variable");
	assert_contains(nginx_refusal(ctx, "a\nb"), "\"a?b\" holds a control character");
	assert_contains(nginx_refusal(ctx, "a\x7f"), "control character");
	assert_contains(nginx_refusal(ctx, "a\xc3"), "not valid UTF-8");
	assert_contains(nginx_refusal(ctx, "\xc0\xaf"), "not valid UTF-8");
	assert_contains(nginx_refusal(ctx, "\xed\xa0\x80"), "not valid UTF-8");
	assert_contains(nginx_refusal(ctx, big), "longer than 4000 bytes");
	assert_contains(nginx_refusal(ctx, big), "\"\"\"\"...\" is");
}

TEST(the_first_refusal_stands_and_a_plain_word_is_never_null)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct nginx c;

	nginx_begin(&c, &text, &err);
	assert_string_equal(nginx_plain(&c, NULL), "");
	assert_string_equal(nginx_plain(&c, "fine"), ""); /* sticky */
	nginx_put(&c, "x", "$later");
	nginx_close(&c);
	assert_int_equal(nginx_end(&c), -ERR_INVALID);
	assert_contains(err.msg, "a value is missing");
}

TEST(blocks_must_be_closed_once)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct nginx c;
	struct block b;

	nginx_begin(&c, &text, &err);
	nginx_open(&c, "http");
	assert_int_equal(nginx_end(&c), -ERR_INVALID);
	assert_contains(err.msg, "not closed");
	block_begin(&b, &text, &err);
	block_close(&b);
	assert_int_equal(block_end(&b), -ERR_INVALID);
	assert_contains(err.msg, "not opened");
	nginx_begin(&c, &text, &err);
	for (int i = 0; i < 20; i++)
		nginx_open(&c, "x");
	assert_int_equal(nginx_end(&c), -ERR_INVALID);
	assert_contains(err.msg, "too deep");
}

TEST(a_text_over_its_cap_is_an_error_of_its_own)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = { .ctx = ctx, .max = 8 };
	struct err err = ERR_INIT;
	struct nginx c;

	nginx_begin(&c, &text, &err);
	nginx_put(&c, "directive", "word");
	assert_int_equal(nginx_end(&c), -ERR_TOOBIG);
}

static const struct zone_soa soa = {
	.mname = "ns1.example.com",
	.rname = "jo.e+x@example.com",
	.refresh = 10800,
	.retry = 3600,
	.expire = 604800,
	.minimum = 300,
};

TEST(a_zone_has_its_serial_at_a_known_place_of_ten_characters)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct zonefile z;
	size_t at;

	zone_begin(&z, &text, &err, "example.com.");
	zone_comment(&z, "managed");
	zone_ttl(&z, 3600);
	at = zone_soa(&z, 3600, &soa);
	zone_blank(&z);
	zone_record(&z, "*.shop", 60, "A", "192.0.2.1");
	zone_record(&z, "@", 60, "TXT", "\"a;b (c\" \\; \"\\\"\"");
	assert_ok(zone_end(&z), &err);
	assert_string_equal(buf_str(&text),
			    "$ORIGIN example.com.\n; managed\n$TTL 3600\n"
			    "@ 3600 IN SOA ns1.example.com. jo\\.e\\+x.example.com. (\n"
			    "\t0          ; serial\n\t10800      ; refresh\n\t3600       ; retry\n"
			    "\t604800     ; expire\n\t300        ) ; minimum\n\n"
			    "*.shop 60 IN A 192.0.2.1\n"
			    "@ 60 IN TXT \"a;b (c\" \\; \"\\\"\"\n");
	assert_memory_equal(buf_str(&text) + at, "0          ;", ZONE_SERIAL_LEN + 2);
}

static const char *zone_refusal(void *ctx, const char *owner, int64_t ttl, const char *type,
				const char *rdata)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct zonefile z;

	zone_begin(&z, &text, &err, "example.com");
	zone_record(&z, owner, ttl, type, rdata);
	assert_int_equal(zone_end(&z), -ERR_INVALID);
	assert_string_equal(buf_str(&text), "$ORIGIN example.com.\n");
	return mem_str(ctx, err.msg);
}

TEST(a_zone_refuses_what_is_no_owner_ttl_or_type)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	char *label = mem_zero(ctx, 65);
	char *wide = mem_zero(ctx, 251);

	memset(label, 'a', 64);
	for (size_t i = 0; i < 250; i++)
		wide[i] = i % 2 ? '.' : 'a';
	assert_contains(zone_refusal(ctx, "a b", 60, "A", "1"), "\"a b\" is no name");
	assert_contains(zone_refusal(ctx, "$INCLUDE", 60, "A", "1"), "is no name");
	assert_contains(zone_refusal(ctx, "a.*", 60, "A", "1"), "is no name");
	assert_contains(zone_refusal(ctx, "*x", 60, "A", "1"), "is no name");
	assert_contains(zone_refusal(ctx, "a..b", 60, "A", "1"), "1 to 63");
	assert_contains(zone_refusal(ctx, "", 60, "A", "1"), "empty");
	assert_contains(zone_refusal(ctx, label, 60, "A", "1"), "1 to 63");
	wide[249] = '\0'; /* alone it fits, under its zone it does not */
	assert_contains(zone_refusal(ctx, wide, 60, "A", "1"), "253");
	assert_contains(zone_refusal(ctx, "a", -1, "A", "1"), "\"-1\" is not between");
	assert_contains(zone_refusal(ctx, "a", (int64_t)1 << 31, "A", "1"), "2147483648");
	assert_contains(zone_refusal(ctx, "a", 60, "A 1\nb", "1"), "control");
	assert_contains(zone_refusal(ctx, "a", 60, "a", "1"), "no record type");
}

TEST(a_zone_refuses_rdata_that_would_not_stay_one_record)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	assert_contains(zone_refusal(ctx, "a", 60, "TXT", "x\nb A 1.2.3.4"), "control");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", "\"x"), "not closed");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", "\"a\\\\\" ; \""), "outside quotes");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", "( x"), "outside quotes");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", "x\\"), "ends in a backslash");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", " "), "empty");
	assert_contains(zone_refusal(ctx, "a", 60, "TXT", NULL), "missing");
}

TEST(the_address_of_an_soa_is_checked)
{
	static const char *const bad[] = { "@example.com",
					   "a b@example.com",
					   "a@b@example.com",
					   "\"a\"@example.com",
					   "a@",
					   "j\xc3\xb6@example.com",
					   NULL };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = BUF_ON(ctx);
		struct zone_soa s = soa;
		struct err err = ERR_INIT;
		struct zonefile z;

		s.rname = bad[i];
		zone_begin(&z, &text, &err, "example.com");
		assert_int_equal(zone_soa(&z, 60, &s), 0);
		assert_int_equal(zone_end(&z), -ERR_INVALID);
	}
}

TEST(bind_words_stay_bare_and_strings_are_quoted)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct block b;

	block_begin(&b, &text, &err);
	block_comment(&b, "managed");
	block_open_string(&b, "zone", "x.example");
	block_put(&b, "type", "primary");
	block_put_string(&b, "file", "/a b;}");
	block_open(&b, "allow-transfer");
	block_put(&b, "!10.0.0.0/8");
	block_put(&b, "a//b");
	block_close(&b);
	block_close(&b);
	assert_ok(block_end(&b), &err);
	assert_string_equal(buf_str(&text),
			    "# managed\nzone \"x.example\" {\n\ttype primary;\n\tfile \"/a b;}\";\n"
			    "\tallow-transfer {\n\t\t!10.0.0.0/8;\n\t\t\"a//b\";\n\t};\n};\n");
	block_begin(&b, &text, &err);
	block_put_string(&b, "file", "a\\");
	assert_int_equal(block_end(&b), -ERR_INVALID);
	assert_contains(err.msg, "named.conf: \"a\\\" holds a quote or a backslash");
}

TEST(dovecot_values_are_quoted_and_percent_is_for_our_literals)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct dovecot d;

	dovecot_begin(&d, &text, &err);
	dovecot_open(&d, "passdb", NULL);
	dovecot_put(&d, "driver", "passwd-file");
	dovecot_put_vars(&d, "args", "username_format=%u /x");
	dovecot_close(&d);
	dovecot_open(&d, "service", "imap login");
	dovecot_put(&d, "x", "<a \"b\\ #$c");
	dovecot_close(&d);
	dovecot_put_file(&d, "ssl_cert", "/etc/ssl/a.pem");
	assert_ok(dovecot_end(&d), &err);
	assert_string_equal(
		buf_str(&text),
		"passdb {\n\tdriver = passwd-file\n\targs = \"username_format=%u /x\"\n}\n"
		"service \"imap login\" {\n\tx = \"<a \\\"b\\\\ #$c\"\n}\n"
		"ssl_cert = </etc/ssl/a.pem\n");
	dovecot_begin(&d, &text, &err);
	dovecot_put(&d, "x", "%u");
	assert_int_equal(dovecot_end(&d), -ERR_INVALID);
	assert_contains(err.msg, "holds a %");
	dovecot_begin(&d, &text, &err);
	dovecot_open(&d, "service", "a\"b");
	assert_int_equal(dovecot_end(&d), -ERR_INVALID);
	dovecot_begin(&d, &text, &err);
	dovecot_put_file(&d, "ssl_key", "/a b");
	assert_int_equal(dovecot_end(&d), -ERR_INVALID);
}
