/* What a client may send to do harm. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/support/testing.h"
#include "tests/support/web.h"

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"
#define NEXT  "GET /second HTTP/1.1\r\n" HOST "\r\n"

struct bytes {
	const char *text;
	size_t len;
};

#define BYTES(s)                                  \
	{                                         \
		.text = (s), .len = sizeof(s) - 1 \
	}

/* Sends the bytes, perhaps one by one, and reads until the server closes. */
static char *ask_bytes(struct web *w, const struct bytes *b, bool one_by_one)
{
	int fd = web_connect(w);
	char *a;

	for (size_t i = 0; i < b->len; i += one_by_one ? 1 : b->len)
		if (send(fd, b->text + i, one_by_one ? 1 : b->len, MSG_NOSIGNAL) < 0)
			break;
	a = web_read_all(w, fd);
	(void)close(fd);
	return a;
}

TEST(forms_that_hide_a_second_request_are_refused_and_it_is_not_run)
{
	static const struct bytes forms[] = {
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Content-Length: 4\r\nContent-Length: 0\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: 4 \r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.0\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X: a\r\n Content-Length: 4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X: a\nContent-Length: 4\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "Content-Length: 4\0\r\n\r\nabcd" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "X@Y: a\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST ": a\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "no colon\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST "\n" NEXT),
		BYTES("POST /a HTTP/1.1\n" HOST "\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\n" HOST HOST "\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\nHost: a b\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\nHost: a@b\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\nHost:\r\n\r\n" NEXT),
		BYTES("POST /a HTTP/1.1\r\nX: a\r\n\r\n" NEXT),
		BYTES("POST  /a HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a  HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a HTTP/1.1 \r\n" HOST "\r\n" NEXT),
		BYTES("POST /a b HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a\tb HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a\0b HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("PO\0ST /a HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("PO(ST /a HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST a HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST * HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a#b HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a HTTP/x.1\r\n" HOST "\r\n" NEXT),
		BYTES("POST /a\r\n" HOST "\r\n" NEXT),
		BYTES("POST\r\n\r\n" NEXT),
		BYTES("GET /a HTTP/1.1\r\n" HOST "Cookie: a=1\r\nCookie: a=2\r\n\r\n" NEXT),
		BYTES("GET /a HTTP/1.1\r\n" HOST
		      "Authorization: a\r\nauthorization: b\r\n\r\n" NEXT),
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < 2 * ARRAY_LEN(forms); i++) {
		const struct bytes *form = &forms[i / 2];
		char *a = ask_bytes(&w, form, i % 2);

		/* One answer at most; a request line that is none may get no answer at all. */
		if (web_status(a) != 400 && *a)
			fail_msg("form %zu: %s\n%s", i / 2, form->text, a);
		if (*a)
			assert_contains(a, "Connection: close\r\n");
		if (web_count(&w, &w.n_called))
			fail_msg("form %zu was run: %s", i / 2, form->text);
	}
	web_stop(&w);
}

/* The library answers these by itself, before or after a handler could: its words must not come out. */
TEST(what_cannot_be_read_at_all_is_answered_as_all_else)
{
	static const struct {
		const char *text;
		int status;
	} forms[] = {
		{ "GET /a HTTP/2.0\r\n" HOST "\r\n", 505 },
		{ "GET /a HTTP/0.9\r\n" HOST "\r\n", 505 },
		{ "GET /a XTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET /a\r\n" HOST "\r\n", 400 },
		{ "GET /a HTTP/1.1\r\nno colon\r\n\r\n", 400 },
		{ "POST /a HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400 },
		{ "POST /a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
		  413 },
		{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400 },
		{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		  "99999999999999999999\r\n",
		  413 },
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char *a = web_ask(&w, forms[i].text);

		if (web_status(a) != forms[i].status)
			fail_msg("%s: %d expected: %s", forms[i].text, forms[i].status, a);
		assert_contains(a, mem_fmt(w.ctx, "{\"refused\":%d,", forms[i].status));
		assert_contains(a, "Content-Type: application/json\r\n");
		assert_contains(a, "Connection: close\r\n");
	}
	assert_int_equal(web_count(&w, &w.n_called), 0);
	web_stop(&w);
}

TEST(chunks_that_are_malformed_end_the_request)
{
	static const char *const bodies[] = {
		"-1\r\nabc\r\n0\r\n\r\n",
		"0x3\r\nabc\r\n0\r\n\r\n",
		"100000000000000000\r\nabc",
		"3\r\nabcd\r\n0\r\n\r\n",
		"\r\nabc\r\n0\r\n\r\n",
		"3 \r\nabc\r\n0\r\n\r\n",
		"zz\r\n\r\n",
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		char *a = web_ask(&w, mem_fmt(w.ctx,
					      "POST /a HTTP/1.1\r\n" HOST
					      "Transfer-Encoding: chunked\r\n\r\n%s" NEXT,
					      bodies[i]));

		if (web_status(a) != 400 && web_status(a) != 413)
			fail_msg("%s: %s", bodies[i], a);
		assert_int_equal(web_count(&w, &w.n_called), 0);
	}
	web_stop(&w);
}

TEST(methods_that_make_a_proxy_are_refused)
{
	struct web w = { 0 };

	web_start(&w);
	assert_int_equal(web_status(web_ask(&w, "CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n")),
			 405);
	assert_int_equal(web_status(web_ask(&w, "TRACE / HTTP/1.1\r\n" HOST "\r\n")), 405);
	assert_int_equal(web_status(web_ask(&w, "GET / HTTP/2.0\r\n\r\n")), 505);
	assert_int_equal(w.n_called, 0);
	web_stop(&w);
}

TEST(paths_and_queries_that_are_malformed_are_refused)
{
	static const char *const bad[] = {
		"/a%00b", "/a%2fb",    "/a%2Fb",      "/..",     "/a/../b", "/a/.",
		"/./a",   "/%2e%2e/a", "/a/%2E",      "/a%",     "/a%4",    "/a%zz",
		"/a%ff",  "/a%c0%af",  "/a%0ab",      "/a%7f",   "/?a=%00", "/?a=%",
		"/?%4",   "/?a=%ff",   "/?a=1&%gg=2", "/?a=%c3", "/a%09b",  "/a%ed%a0%80",
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *a = web_ask(&w, mem_fmt(w.ctx, "GET %s HTTP/1.1\r\n" HOST "\r\n", bad[i]));

		if (web_status(a) != 400)
			fail_msg("%s: %s", bad[i], a);
		assert_contains(a, "{\"refused\":400");
	}
	assert_int_equal(w.n_called, 0);
	assert_contains(web_ask(&w, "GET /echo?%c3%a4=%25%26+%3D%2f&&=x&=&a HTTP/1.1\r\n" HOST CLOSE
				    "\r\n"),
			"?\xc3\xa4=%& =/&=x&=&a=& ");
	(void)web_ask(&w, "GET /%c3%a4/.../a..b/%25 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_string_equal(w.last_path, "/\xc3\xa4/.../a..b/%");
	web_stop(&w);
}

TEST(cookies_are_read_however_they_are_written)
{
	static const struct {
		const char *header, *sid;
	} cases[] = {
		{ "sid=a", "a" },        { "x=1;sid=a", "a" },       { " sid=a ; x", "a" },
		{ "sid=a; sid=b", "a" }, { "xsid=1; sid=b", "b" },   { "sid", "-" },
		{ "sid=", "" },          { ";;;=;sid=\"a\"", "a" },  { "sid=\"a", "\"a" },
		{ "sid=a=b", "a=b" },    { "x=\"; sid=c\"", "c\"" }, { "=; ;", "-" },
		{ "x=1,sid=a", "-" },
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_contains(web_ask(&w, mem_fmt(w.ctx,
						    "GET /echo HTTP/1.1\r\n" HOST CLOSE
						    "Cookie: %s\r\n\r\n",
						    cases[i].header)),
				mem_fmt(w.ctx, " plain %s\n", cases[i].sid));
	web_stop(&w);
}

TEST(many_cookies_or_arguments_do_no_harm)
{
	struct web w = { 0 };
	struct buf b = { 0 };
	char *a;

	web_start(&w);
	b = (struct buf)BUF_ON(w.ctx);
	buf_puts(&b, "GET /echo HTTP/1.1\r\n" HOST "Cookie: ");
	for (int i = 0; i < 6000; i++)
		buf_puts(&b, ";");
	buf_puts(&b, "\r\n\r\n" NEXT);
	a = web_ask(&w, buf_str(&b));
	assert_int_equal(web_status(a), 431);
	buf_clear(&b);
	buf_puts(&b, "GET /echo?");
	for (int i = 0; i < 1500; i++)
		buf_puts(&b, "&a");
	buf_puts(&b, " HTTP/1.1\r\n" HOST "\r\n" NEXT);
	a = web_ask(&w, buf_str(&b)); /* here the library gives up without a word */
	assert_true(web_status(a) == 431 || !*a);
	assert_int_equal(web_count(&w, &w.n_called), 0);
	web_stop(&w);
}

/* Multipart */

static char *send_parts(struct web *w, const char *type, const char *body, size_t len)
{
	int fd = web_connect(w);
	char *a;

	web_send(fd, mem_fmt(w->ctx,
			     "POST /parts HTTP/1.1\r\n" HOST CLOSE
			     "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
			     type, len));
	(void)!send(fd, body, len, MSG_NOSIGNAL);
	a = web_read_all(w, fd);
	(void)close(fd);
	return a;
}

#define FORM "multipart/form-data; boundary=b"
#define PART "--b\r\nContent-Disposition: form-data; "

TEST(a_multipart_body_is_taken_apart)
{
	static const struct {
		const char *type;
		struct bytes body;
		const char *parts;
	} cases[] = {
		{ FORM, BYTES(PART "name=\"a\"\r\n\r\n1\r\n--b--\r\n"), "a|-|-|1;" },
		{ FORM, BYTES(PART "name=a\r\n\r\n1\r\n" PART "name=a\r\n\r\n\r\n--b--"),
		  "a|-|-|1;a|-|-|;" },
		{ "Multipart/Form-Data; charset=x; Boundary=\"b\"",
		  BYTES(PART
			"filename=\"C:\\x\\\"y.txt\"; name=\"f\"\r\ncontent-type: text/plain\r\n"
			"\r\nx\r\n--\r\n-b\r\n--b--"),
		  "f|C:\\x\"y.txt|text/plain|x\r\n--\r\n-b;" },
		{ FORM,
		  BYTES(PART "name=a\r\n\r\nx\r\n--b  \r\nContent-Disposition: form-data;name=c"
			     "\r\nX-Other: y\r\n\r\n\r\n\r\n--b--epilogue"),
		  "a|-|-|x;c|-|-|\r\n;" },
		{ FORM, BYTES("--b--"), "\r\n\r\n" },
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *a = send_parts(&w, cases[i].type, cases[i].body.text, cases[i].body.len);

		assert_int_equal(web_status(a), 200);
		assert_contains(a, cases[i].parts);
	}
	web_stop(&w);
}

TEST(a_multipart_body_that_is_malformed_is_refused)
{
	static const struct {
		const char *type;
		struct bytes body;
	} cases[] = {
		{ "multipart/form-data", BYTES(PART "name=a\r\n\r\n1\r\n--b--") },
		{ "multipart/form-data; boundary=", BYTES("--\r\n") },
		{ "multipart/form-data; boundary=\"b", BYTES("--b--") },
		{ "multipart/form-data; boundary=aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"
		  "eeeeeeeeeeffffffffffgggggggggghh",
		  BYTES("--aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"
			"gggggggggghh--") },
		{ FORM, BYTES("") },
		{ FORM, BYTES("preamble\r\n--b--") },
		{ FORM, BYTES("--b") },
		{ FORM, BYTES("--b\r\n") },
		{ FORM, BYTES("--bc\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES("--b\n\n") },
		{ FORM, BYTES(PART "name=a\r\n\r\n1") },
		{ FORM, BYTES(PART "name=a\r\n\r\n1\r\n--b") },
		{ FORM, BYTES(PART "name=a\r\n\r\n1\r\n--b-") },
		{ FORM, BYTES(PART "name=a\r\n\r\n1\r\n--bx--") },
		{ FORM, BYTES(PART "name=a\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "filename=a\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name=a; name=b\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name=\"a\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name=\"a\0b\"\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name=\"a\nb\"\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES(PART "name=\"\xff\"\r\n\r\n1\r\n--b--") },
		{ FORM,
		  BYTES(PART
			"name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n--b--") },
		{ FORM,
		  BYTES(PART "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--b--") },
		{ FORM, BYTES("--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES("--b\r\n Content-Disposition: form-data; name=a\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES("--b\r\nno colon\r\n\r\n1\r\n--b--") },
		{ FORM, BYTES("--b\r\n\r\n1\r\n--b--") },
	};
	struct web w = { 0 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *a = send_parts(&w, cases[i].type, cases[i].body.text, cases[i].body.len);

		if (web_status(a) != 400)
			fail_msg("case %zu: %s\n%s", i, cases[i].body.text, a);
	}
	assert_int_equal(w.n_called, 0);
	assert_int_equal(web_status(send_parts(&w, "multipart/mixed; boundary=b", "--b--", 5)),
			 415);
	assert_int_equal(web_status(web_ask(&w, "POST /echo HTTP/1.1\r\n" HOST "Content-Type: " FORM
						"\r\nContent-Length: 5\r\n\r\n--b--")),
			 415);
	web_stop(&w);
}

TEST(a_multipart_body_has_so_many_parts_and_no_more)
{
	struct web w = { 0 };
	struct buf b = { 0 };

	web_start(&w);
	for (int n = HTTP_PARTS_MAX; n <= HTTP_PARTS_MAX + 1; n++) {
		b = (struct buf)BUF_ON(w.ctx);
		for (int i = 0; i < n; i++)
			buf_puts(&b, PART "name=a\r\n\r\n1\r\n");
		buf_puts(&b, "--b--");
		assert_int_equal(web_status(send_parts(&w, FORM, buf_str(&b), b.len)),
				 n == HTTP_PARTS_MAX ? 200 : 400);
	}
	web_stop(&w);
}

/* Noise */

TEST(requests_with_random_damage_do_no_harm)
{
	static const struct bytes seeds[] = {
		BYTES("POST /a?b=%20c HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n" NEXT),
		BYTES("POST /parts HTTP/1.1\r\n" HOST "Content-Type: " FORM
		      "\r\nContent-Length: 71\r\n\r\n" PART
		      "name=\"a\"; filename=\"b\"\r\n\r\n1\r\n--b--" NEXT),
		BYTES("GET http://localhost/late HTTP/1.1\r\n" HOST
		      "Cookie: a=\"b\"; c=d\r\nExpect: 100-continue\r\nX:\t y \r\n\r\n" NEXT),
		BYTES("GET /stream HTTP/1.1\r\n" HOST "\r\n" NEXT),
	};
	static const char odd[] = "\r\n\0 \t:;%/?&=\"-,0\xff";
	struct web w = { .opts.head_ms = 2000 };
	uint64_t x = 88172645463325252U; /* xorshift64: the same noise each time */

	web_start(&w);
	for (size_t i = 0; i < 1500 && web_count(&w, &w.n_late) < WEB_KEPT_MAX - 2; i++) {
		const struct bytes *seed = &seeds[i % ARRAY_LEN(seeds)];
		char *text = mem_dup(w.ctx, seed->text, seed->len);
		int fd = web_connect(&w);
		char answer[256];

		for (size_t n = 0; n < 1 + i % 5; n++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			text[x % seed->len] = odd[(x >> 32) % (sizeof(odd) - 1)];
		}
		assert_true(send(fd, text, seed->len, MSG_NOSIGNAL) > 0);
		if (i % 3) /* some leave without listening */
			(void)recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		(void)close(fd);
	}
	assert_contains(web_ask(&w, "GET / HTTP/1.0\r\n\r\n"), "ok");
	web_stop(&w);
}
