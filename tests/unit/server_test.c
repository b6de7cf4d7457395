/* What a well-behaved client gets, and the limits it meets. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/tls.h"
#include "base/buf.h"
#include "tests/support/testing.h"
#include "tests/support/web.h"

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

TEST(a_request_is_answered_and_the_connection_kept)
{
	struct web w = { 0 };
	int fd;
	char *a;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "GET /echo?a=1&b=x%20y+z&a=2&c HTTP/1.1\r\n" HOST
		     "Cookie: x=1; sid=\"abc\"\r\n\r\n");
	a = web_read_one(&w, fd);
	assert_int_equal(web_status(a), 200);
	assert_contains(a, "\r\n\r\nGET /echo?a=1&b=x y z&a=2&c=& 127.0.0.1 plain abc\n");
	assert_contains(a, "Content-Type: text/plain\r\n");
	assert_null(strstr(a, "Server:"));
	assert_null(strstr(strstr(a, "Date: ") + 1, "Date: "));
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	assert_contains(web_read_one(&w, fd), "POST /echo? 127.0.0.1 plain -\nhello");
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST
		     "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n");
	assert_contains(web_read_one(&w, fd), "POST /echo? 127.0.0.1 plain -\nhello");
	(void)close(fd);
	web_wait_stats(&w, 0, 0);
	web_stop(&w);
}

TEST(pipelined_requests_are_answered_in_order)
{
	struct web w = { 0 };
	char *a;
	char *at;

	web_start(&w);
	a = web_ask(&w, "GET /echo?1 HTTP/1.1\r\n" HOST "\r\n"
			"POST /echo?2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
			"GET /echo?3 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	at = strstr(a, "GET /echo?1=&");
	assert_non_null(at);
	at = strstr(at, "POST /echo?2=& 127.0.0.1 plain -\nabc");
	assert_non_null(at);
	assert_non_null(strstr(at, "GET /echo?3=&"));
	web_stop(&w);
}

TEST(a_head_request_is_answered_without_the_body)
{
	struct web w = { 0 };
	char *a;

	web_start(&w);
	a = web_ask(&w, "HEAD /big?n=1234 HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(web_status(a), 200);
	assert_contains(a, "Content-Length: 1234\r\n");
	assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
	a = web_ask(&w, "HEAD /refuse HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(web_status(a), 401);
	assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
	web_stop(&w);
}

TEST(an_http_1_0_client_is_served_and_its_connection_closed)
{
	struct web w = { 0 };
	char *a;

	web_start(&w);
	a = web_ask(&w, "GET /echo HTTP/1.0\r\n\r\n");
	assert_int_equal(web_status(a), 200);
	assert_contains(a, "GET /echo? 127.0.0.1");
	web_stop(&w);
}

TEST(a_method_that_nobody_knows_reaches_the_caller)
{
	struct web w = { 0 };

	web_start(&w);
	assert_contains(web_ask(&w, "BREW /echo HTTP/1.1\r\n" HOST CLOSE "\r\n"), "BREW /echo?");
	web_stop(&w);
}

TEST(an_absolute_target_is_taken_when_it_names_the_host)
{
	struct web w = { 0 };

	web_start(&w);
	assert_contains(web_ask(&w, "GET http://LOCALHOST/echo?a HTTP/1.1\r\n" HOST CLOSE "\r\n"),
			"GET /echo?a=&");
	assert_contains(web_ask(&w, "GET http://localhost?a HTTP/1.1\r\n" HOST CLOSE "\r\n"), "ok");
	assert_int_equal(web_status(web_ask(&w, "GET http://other/echo HTTP/1.1\r\n" HOST "\r\n")),
			 400);
	web_stop(&w);
}

TEST(a_refusal_carries_the_callers_body_and_headers_and_closes)
{
	struct web w = { 0 };
	char *a;

	web_start(&w);
	a = web_ask(&w, "GET /refuse HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(web_status(a), 401);
	assert_contains(a, "WWW-Authenticate: Bearer\r\n");
	assert_contains(a, "Connection: close\r\n");
	assert_contains(a, "\r\n\r\n{\"error\":\"who are you\"}");
	web_stop(&w);
}

TEST(an_answer_with_a_header_that_splits_it_becomes_a_500)
{
	struct web w = { 0 };
	char *a;

	web_start(&w);
	a = web_ask(&w, "GET /split HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(web_status(a), 500);
	assert_null(strstr(a, "Set-Cookie"));
	assert_contains(a, "\"refused\":500");
	web_stop(&w);
}

TEST(continue_is_said_only_to_those_who_may)
{
	struct web w = { 0 };
	int fd;
	char *a;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST
		     "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	a = web_read_until(&w, fd, "\r\n\r\n");
	assert_string_equal(a, "HTTP/1.1 100 Continue\r\n\r\n");
	web_send(fd, "hello");
	assert_contains(web_read_one(&w, fd), "\nhello");
	(void)close(fd);
	a = web_ask(&w, "POST /refuse HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(web_status(a), 401);
	a = web_ask(&w, "POST /echo HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 50000000\r\n\r\n");
	assert_int_equal(web_status(a), 413);
	a = web_ask(&w, "POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(web_status(a), 417);
	web_stop(&w);
}

/* Limits */

TEST(a_head_or_url_that_is_too_long_is_refused)
{
	struct web w = { 0 };
	struct buf b = { 0 };

	web_start(&w);
	b = (struct buf)BUF_ON(w.ctx);
	buf_puts(&b, "GET /echo HTTP/1.1\r\n" HOST "X: ");
	for (int i = 0; i < 40000; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(web_status(web_ask(&w, buf_str(&b))), 431);
	buf_clear(&b);
	buf_puts(&b, "GET /echo HTTP/1.1\r\n" HOST CLOSE "X: ");
	for (int i = 0; i < 10000; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(web_status(web_ask(&w, buf_str(&b))), 200);
	for (size_t len = HTTP_URL_MAX; len <= 40000; len += 35903) {
		buf_clear(&b);
		buf_puts(&b, "GET /");
		for (size_t i = 0; i < len; i++)
			buf_putc(&b, 'x');
		buf_puts(&b, " HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(web_status(web_ask(&w, buf_str(&b))), 414);
	}
	assert_int_equal(w.n_called, 1);
	web_stop(&w);
}

/* Sends MB megabytes after HEAD, as chunks or as they are, and reads what comes. */
static char *upload(struct web *w, const char *head, int mb, bool is_chunked)
{
	char *piece = mem_zero(w->ctx, (1 << 16) + 1);
	int fd = web_connect(w);
	char *a;

	memset(piece, 'x', 1 << 16);
	web_send(fd, head);
	for (int i = 0; i < mb * 16; i++) {
		if (is_chunked)
			web_send(fd, "10000\r\n");
		web_send(fd, piece);
		if (is_chunked)
			web_send(fd, "\r\n");
	}
	if (is_chunked)
		web_send(fd, "0\r\n\r\n");
	a = web_read_all(w, fd);
	(void)close(fd);
	return a;
}

TEST(a_body_that_is_too_large_is_refused_in_bounded_memory)
{
	struct web w = { 0 };
	struct rusage before;
	struct rusage after;
	char *a;

	web_start(&w);
	a = upload(&w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2097152\r\n\r\n", 2, false);
	assert_int_equal(web_status(a), 413);
	assert_contains(a, "\"why\":\"The body may have at most 1048576 bytes.\"");
	a = upload(&w, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 2,
		   true);
	assert_int_equal(web_status(a), 413);
	a = upload(&w, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n", 1, false);
	assert_int_equal(web_status(a), 413);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	(void)upload(&w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 20971520\r\n\r\n", 20,
		     false);
	(void)upload(&w, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 20,
		     true);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 8 * 1024);
	assert_int_equal(w.n_called, 0);
	web_stop(&w);
}

TEST(a_refused_client_may_go_on_sending_for_a_while)
{
	struct web w = { 0 };
	struct http_stats stats;
	int fd;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n\r\nabc");
	assert_int_equal(web_status(web_read_all(&w, fd)), 413);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(send(fd, "0123456789", 10, MSG_NOSIGNAL), 10);
		http_stats(w.s, &stats);
		assert_int_equal(stats.connections, 1);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	web_wait_stats(&w, 0, 0); /* but not for ever */
	(void)close(fd);
	web_stop(&w);
}

TEST(bodies_share_a_budget_of_memory)
{
	struct web w = { .opts.bodies_max = 100000 };
	const char *text;
	char *a;

	web_start(&w);
	a = upload(&w, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 262144\r\n\r\n", 1, false);
	assert_int_equal(web_status(a), 503);
	text = mem_fmt(w.ctx,
		       "POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: 60000\r\n\r\n%060000d",
		       0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(web_status(web_ask(&w, text)), 200);
	web_stop(&w);
}

TEST(a_body_of_the_largest_size_is_taken)
{
	struct web w = { 0 };
	char *a;

	web_start(&w);
	a = upload(&w, "POST /echo HTTP/1.1\r\n" HOST CLOSE "Content-Length: 1048576\r\n\r\n", 1,
		   false);
	assert_int_equal(web_status(a), 200);
	assert_true(strlen(a) > 1048576);
	web_stop(&w);
}

/* The server closed it, within 10 s. */
static bool is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) <= 0;
}

TEST(connections_are_limited_with_a_reserve_for_this_machine)
{
	struct web w = { .opts.connections = 10 };
	int fds[76];

	web_start(&w);
	for (size_t i = 0; i < 74; i++)
		fds[i] = web_connect(&w);
	web_wait_stats(&w, 74, 0);
	fds[74] = web_connect(&w);
	assert_true(is_closed(fds[74]));
	(void)close(fds[0]);
	web_wait_stats(&w, 73, 0);
	fds[75] = web_connect(&w);
	web_send(fds[75], "GET / HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(web_status(web_read_one(&w, fds[75])), 200);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	web_stop(&w);
}

/* An IPv4 address of this machine that is not loopback. */
static bool own_address(struct sockaddr_in *ret)
{
	struct ifaddrs *all;
	bool is_found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *i = all; i && !is_found; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
			continue;
		memcpy(ret, i->ifa_addr, sizeof(*ret));
		is_found = true;
	}
	freeifaddrs(all);
	return is_found;
}

TEST(connections_of_one_address_are_limited)
{
	struct web w = { .opts.per_address = 3, .opts.n_ports = 1 };
	struct sockaddr_in a = { 0 };
	struct err err = ERR_INIT;
	int fds[4];
	void *ctx = mem_ctx(NULL, "test");

	if (!own_address(&a))
		skip();
	assert_ok(tls_self_signed(ctx, "localhost", &w.opts.cert_pem, &w.opts.key_pem, &err), &err);
	w.opts.ports[0] = (struct http_port){ .is_tls = true, .fd = -1 };
	web_start(&w);
	a.sin_port = htons(w.port);
	for (size_t i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof(a)), 0);
		web_wait_stats(&w, MIN(i + 1, (size_t)3), 0);
	}
	assert_true(is_closed(fds[3]));
	for (size_t i = 0; i < 4; i++)
		(void)close(fds[i]);
	web_stop(&w);
	mem_freep(&ctx);
}

/* Ports */

static int start_with(struct http_port port, struct err *err)
{
	struct http_opts opts = { .n_ports = 1, .ports = { port } };
	struct http_calls calls = { NULL };
	void *ctx = mem_ctx(NULL, "test");
	struct http *s = NULL;
	int r = http_start(ctx, &opts, &calls, &s, err);

	http_stop(&s, 0);
	mem_freep(&ctx);
	return r;
}

TEST(a_port_without_tls_is_open_to_this_machine_alone)
{
	static const char *const bad[] = { NULL, "::", "0.0.0.0", "192.0.2.1", "::ffff:192.0.2.1" };
	static const char *const good[] = { "127.0.0.1", "127.0.0.9" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			start_with((struct http_port){ .address = bad[i], .fd = -1 }, &err),
			-ERR_DENIED);
		assert_contains(err.msg, "127.0.0.1 or ::1");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(start_with((struct http_port){ .address = good[i], .fd = -1 }, &err),
			  &err);
	assert_int_equal(start_with((struct http_port){ .address = "host", .fd = -1 }, &err),
			 -ERR_INVALID);
	assert_int_equal(start_with((struct http_port){ .is_tls = true, .fd = -1 }, &err),
			 -ERR_INVALID);
	assert_contains(err.msg, "needs a certificate");
}

static int listening(uint32_t address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

TEST(a_socket_can_be_passed_in_if_it_is_one_to_listen_on)
{
	struct web w = { .opts.n_ports = 1 };
	struct err err = ERR_INIT;
	int fd = listening(INADDR_LOOPBACK);
	int open_fd = listening(INADDR_ANY);

	assert_int_equal(start_with((struct http_port){ .fd = fd }, &err), -ERR_INVALID);
	assert_contains(err.msg, "not a listening TCP socket");
	assert_int_equal(listen(open_fd, 5), 0);
	assert_int_equal(start_with((struct http_port){ .fd = open_fd }, &err), -ERR_DENIED);
	assert_int_equal(listen(fd, 5), 0);
	w.opts.ports[0] = (struct http_port){ .fd = dup(fd) };
	web_start(&w);
	assert_contains(web_ask(&w, "GET / HTTP/1.0\r\n\r\n"), "ok");
	web_stop(&w);
	(void)close(fd);
	(void)close(open_fd);
}

TEST(a_port_that_is_taken_stops_the_start)
{
	struct web w = { 0 };
	struct err err = ERR_INIT;

	web_start(&w);
	assert_int_equal(
		start_with((struct http_port){ .address = "127.0.0.1", .port = w.port, .fd = -1 },
			   &err),
		-ERR_SYSTEM);
	assert_contains(err.msg, "in use");
	web_stop(&w);
}

TEST(a_client_over_ipv4_is_told_as_such_on_a_port_of_both_families)
{
	struct web w = { .opts.n_ports = 2 };
	struct err err = ERR_INIT;
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls;
	void *ctx = mem_ctx(NULL, "test");
	char answer[1024] = "";
	ssize_t n;
	int fd;

	assert_ok(tls_self_signed(ctx, "localhost", &w.opts.cert_pem, &w.opts.key_pem, &err), &err);
	w.opts.ports[0] = (struct http_port){ .is_tls = true, .fd = -1 };
	w.opts.ports[1] = (struct http_port){ .address = "127.0.0.1", .fd = -1 };
	web_start(&w);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	fd = web_connect(&w);
	tls = web_tls(fd, cred, "NORMAL");
	assert_non_null(tls);
	assert_true(gnutls_record_send(tls, "GET /echo HTTP/1.0\r\n\r\n", 22) == 22);
	do {
		n = gnutls_record_recv(tls, answer + strlen(answer), 512);
	} while (n > 0 || n == GNUTLS_E_AGAIN);
	assert_int_equal(n, 0); /* ended with an alert, not cut */
	assert_contains(answer, "GET /echo? 127.0.0.1 tls");
	web_tls_end(tls, fd);
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(a_client_over_ipv6_is_told_by_its_address)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct web w = { .opts.n_ports = 1 };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		skip();
	w.opts.ports[0] = (struct http_port){ .address = "::1", .fd = -1 };
	web_start(&w);
	a.sin6_port = htons(w.port);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	web_send(fd, "GET /echo HTTP/1.1\r\nHost: [::1]\r\n\r\n");
	assert_contains(web_read_one(&w, fd), "GET /echo? ::1 plain");
	(void)close(fd);
	web_stop(&w);
}
