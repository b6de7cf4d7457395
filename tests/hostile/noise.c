#include "tests/hostile/noise.h"

#include <string.h>

#include "base/macro.h"

/* xorshift64* */
static uint64_t next(struct noise *n)
{
	n->state ^= n->state >> 12;
	n->state ^= n->state << 25;
	n->state ^= n->state >> 27;
	return n->state * 2685821657736338717U;
}

void noise_seed(struct noise *n, uint64_t seed)
{
	n->state = seed * 0x9e3779b97f4a7c15U + 88172645463325252U;
	for (int i = 0; i < 8; i++)
		(void)next(n);
}

size_t noise_below(struct noise *n, size_t limit)
{
	return (size_t)((next(n) >> 16) % limit);
}

bool noise_once_in(struct noise *n, size_t limit)
{
	return noise_below(n, limit) == 0;
}

/* Not JSON, or not what the parser takes. */
static const char *const malformed[] = {
	"01",
	"+1",
	"0x10",
	".5",
	"1.",
	"NaN",
	"-Infinity",
	"True",
	"\"\\ud800\"",
	"\"\\udc00\\ud800\"",
	"\"\xff\xfe\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\"\xf4\x90\x80\x80\"",
	"\"a\nb\"",
	"\"\t\"",
	"\"\\",
	"\"open",
	"'single'",
	"{\"a\":1,\"a\":2}",
	"\"\\u0000\"",
	"\"a\\u0000b\"",
	"1e999",
	"18446744073709551616",
	"9223372036854775808",
	"123456789012345678901234567890123456789012345678901234567890",
};

static const char *const values[] = {
	"0",
	"-0",
	"-1",
	"1",
	"2",
	"3",
	"999999",
	"9223372036854775807",
	"-9223372036854775808",
	"1e308",
	"-1e-400",
	"0.1",
	"1.0",
	"1e2",
	"true",
	"false",
	"null",
	"[]",
	"{}",
	"[1,2]",
	"[\"a\",\"b\"]",
	"[\"a\",1,null]",
	"{\"$ne\":1}",
	"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
	"\"\"",
	"\" \"",
	"\"\\u0001\\u001f\\u007f\"",
	"\"\\ud83d\\ude00\"",
	"\"\xe2\x80\xae"
	"cod.elpmaxe\"",
	"\"\\n\"",
	"\"a\\r\\nSet-Cookie: x=1\"",
	"\"..\"",
	"\"../../../../etc/shadow\"",
	"\"/etc/shadow\"",
	"\"/home/john/../jane\"",
	"\"/home/jane/public_html\"",
	"\"' OR 1=1 --\"",
	"\"\\\"; DROP TABLE account; --\"",
	"\"%s%n%x\"",
	"\"%00\"",
	"\"${jndi:ldap://x}\"",
	"\"$(id)\"",
	"\"`id`\"",
	"\"<script>alert(1)</script>\"",
	"\"</textarea><svg onload=x>\"",
	"\"a;b|c&d\"",
	"\"*\"",
	"\"@\"",
	"\"a@b@c\"",
	"\"@example.com\"",
	"\"info@example.com\"",
	"\"info@EXAMPLE.com.\"",
	"\"\xc3\xbc"
	"ber.example\"",
	"\"xn--\"",
	"\"xn--a-ecp.ru\"",
	"\"-a.example\"",
	"\"a..b\"",
	"\".example\"",
	"\"example.com\"",
	"\"jane.example\"",
	"\"two.example\"",
	"\"*.example.com\"",
	"\"localhost\"",
	"\"john\"",
	"\"jane\"",
	"\"admin\"",
	"\"root\"",
	"\"novacpx\"",
	"\"192.0.2.1\"",
	"\"256.1.1.1\"",
	"\"::ffff:192.0.2.1\"",
	"\"fe80::1%eth0\"",
	"\"0.0.0.0/0\"",
	"\"192.0.2.0/33\"",
	"\"10 mail.example.com\"",
	"\"v=spf1 -all\"",
	"\"@yearly\"",
	"\"*/0 * * * *\"",
	"\"60 24 32 13 8\"",
	"\"1-\"",
	"\"1,2\"",
	"\"2026-02-30\"",
	"\"9999-12-31\"",
	"\"0000-00-00\"",
	"\"yes\"",
	"\"1\"",
	"\"1 \"",
	"\"1e1\"",
	"\"-1\"",
	"\"mysql\"",
	"\"addon\"",
	"\"suspended\"",
	"\"reseller\"",
	"\"#zzzzzz\"",
	"\"javascript:alert(1)\"",
	"\"https://user:pass@h:99999/?#\"",
	"\"nginx:1; rm -rf /\"",
	"\"0777\"",
	"\"-----BEGIN CERTIFICATE-----\\nMII=\\n-----END CERTIFICATE-----\\n\"",
};

/* A text as long as, or longer than, the limits that names, texts and bodies have. */
static void put_long(struct noise *n, struct buf *out)
{
	static const size_t sizes[] = { 32,   33,    63,    64,    65,    128,  129,
					253,  254,   255,   256,   1000,  1024, 4096,
					8193, 65500, 65536, 70000, 300000 };
	static const char *const pieces[] = { "a", "\xc3\xa4", ".", "a.", "9", " ", "\\n", "\\\"" };
	const char *piece = noise_of(n, pieces);
	size_t size = noise_of(n, sizes);

	buf_putc(out, '"');
	for (size_t i = 0; i < size; i += strlen(piece))
		buf_puts(out, piece);
	buf_putc(out, '"');
}

static void put_deep(struct noise *n, struct buf *out)
{
	static const size_t depths[] = { 5, 31, 32, 33, 100, 2047, 2048, 2049, 30000 };
	size_t depth = noise_of(n, depths);
	bool is_list = noise_once_in(n, 2);

	for (size_t i = 0; i < depth; i++)
		buf_puts(out, is_list ? "[" : "{\"a\":");
	buf_puts(out, "1");
	for (size_t i = 0; i < depth; i++)
		buf_puts(out, is_list ? "]" : "}");
}

void noise_json(struct noise *n, struct buf *out)
{
	if (noise_once_in(n, 15))
		put_long(n, out);
	else if (noise_once_in(n, 50))
		put_deep(n, out);
	else if (noise_once_in(n, 15))
		buf_puts(out, noise_of(n, malformed));
	else
		buf_puts(out, noise_of(n, values));
}

const char *noise_text(struct noise *n)
{
	static const char *const texts[] = {
		"",
		"0",
		"1",
		"-1",
		"2",
		"99999999999999999999",
		"1.5",
		"true",
		"null",
		"a",
		"john",
		"%",
		"%0",
		"%00",
		"%zz",
		"%ff",
		"%c3%a4",
		"%ed%a0%80",
		"%0d%0aX:y",
		"%2e%2e%2f",
		"..",
		"+",
		"a+b",
		"a%20b",
		"%27%20OR%201=1",
		"%25s%25n",
		"\xc3\xa4",
		"\xff",
		"[]",
		"{}",
		"a=b=c",
		"&",
		";",
		"*",
		"_",
		"\"1\"",
		"W/\"1\"",
		"\"",
		"W/",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	return noise_of(n, texts);
}

size_t noise_damage(struct noise *n, char *data, size_t len)
{
	static const char odd[] = "\r\n\0 \t:;%/?&=\"-,0\xff{}[]\\1a";
	size_t count = 1 + noise_below(n, 5);

	for (size_t i = 0; i < count && len; i++) {
		size_t at = noise_below(n, len);

		switch (noise_below(n, 4)) {
		case 0: data[at] = odd[noise_below(n, sizeof(odd) - 1)]; break;
		case 1: data[at] = (char)noise_below(n, 256); break;
		case 2: data[at] = (char)(data[at] ^ 1 << noise_below(n, 8)); break;
		default:
			memmove(data + at, data + at + 1, len - at - 1);
			len--;
			break;
		}
	}
	return noise_once_in(n, 8) && len ? noise_below(n, len) + 1 : len;
}
