/* Clients that take their time. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/tls.h"
#include "tests/support/testing.h"
#include "tests/support/web.h"

#define HOST "Host: localhost\r\n"
#define NEXT "GET /second HTTP/1.1\r\n" HOST "\r\n"

static int64_t cpu_ms(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static int64_t wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

/* A web with one TLS port, on 127.0.0.1. */
static void tls_start(struct web *w, void *ctx)
{
	struct err err = ERR_INIT;

	assert_ok(tls_self_signed(ctx, "localhost", &w->opts.cert_pem, &w->opts.key_pem, &err),
		  &err);
	w->opts.n_ports = 1;
	w->opts.ports[0] = (struct http_port){ .address = "127.0.0.1", .is_tls = true, .fd = -1 };
	web_start(w);
}

TEST(a_tls_handshake_that_is_not_finished_costs_no_cpu_and_is_cut)
{
	/* The first bytes of a ClientHello, whose record says that there are more. */
	static const char begun[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	struct web w = { .opts.head_ms = 2500 };
	void *ctx = mem_ctx(NULL, "test");
	int fds[8];
	int64_t cpu;
	char c;

	tls_start(&w, ctx);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = web_connect(&w);
		if (i % 2)
			assert_int_equal(send(fds[i], begun, sizeof(begun) - 1, 0),
					 sizeof(begun) - 1);
	}
	web_wait_stats(&w, ARRAY_LEN(fds), 0);
	cpu = cpu_ms();
	sleep_ms(2000);
	assert_true(cpu_ms() - cpu < 200);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(recv(fds[i], &c, 1, 0) <= 0);
		(void)close(fds[i]);
	}
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(connections_that_only_wait_cost_no_cpu)
{
	static const char *const begun[] = {
		"",
		"GET / HTTP/1.1\r\nX: ",
		"POST /a HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nx",
		"GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET /late HTTP/1.1\r\n" HOST "\r\n",
		"GET /late HTTP/1.1\r\n" HOST "\r\n" NEXT,
		"GET /stream HTTP/1.1\r\n" HOST "\r\n",
		"GET /big?n=20000000 HTTP/1.1\r\n" HOST "\r\n",
		"POST /none HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nx",
	};
	struct web w = { 0 };
	int fds[2 * ARRAY_LEN(begun)];
	int64_t cpu;

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = web_connect_slow(&w);
		web_send(fds[i], begun[i / 2]);
		if (i % 2)
			assert_int_equal(shutdown(fds[i], SHUT_WR), 0);
	}
	web_wait(&w, &w.n_late, 4);
	web_wait(&w, &w.n_called, 9);
	sleep_ms(200);
	cpu = cpu_ms();
	sleep_ms(700);
	assert_true(cpu_ms() - cpu < 100);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	web_stop(&w);
}

/* Sends a byte each 20 ms until the server closes; how long it took. */
static int64_t drip(int fd, const char *piece)
{
	int64_t begin = wall_ms();
	char c;

	for (int i = 0; i < 1000; i++) {
		if (send(fd, piece, strlen(piece), MSG_NOSIGNAL) < 0 ||
		    recv(fd, &c, 1, MSG_DONTWAIT) == 0)
			break;
		sleep_ms(20);
	}
	return wall_ms() - begin;
}

TEST(a_head_or_body_that_drips_in_is_cut)
{
	static const struct {
		const char *begin, *piece;
	} cases[] = {
		{ "", "\r\n" },
		{ "GET / HTTP/1.1\r\nX: ", "x" },
		{ "GET / HTTP/1.1\r\n" HOST, "X: y\r\n" },
		{ "POST /a HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n", "x" },
		{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n" },
		{ "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n",
		  "X: y\r\n" },
	};
	struct web w = { .opts.head_ms = 300 };

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = web_connect(&w);

		web_send(fd, cases[i].begin);
		if (drip(fd, cases[i].piece) > 8000)
			fail_msg("not cut: %s", cases[i].begin);
		(void)close(fd);
	}
	assert_int_equal(web_count(&w, &w.n_called), 0);
	web_stop(&w);
}

TEST(a_body_that_is_fast_enough_is_not_cut)
{
	struct web w = { .opts.head_ms = 100, .opts.body_rate = 100 };
	int fd;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2000\r\n\r\n");
	for (int i = 0; i < 20; i++) {
		web_send(fd, mem_fmt(w.ctx, "%0100d", 0));
		sleep_ms(20);
	}
	assert_int_equal(web_status(web_read_one(&w, fd)), 200);
	(void)close(fd);
	web_stop(&w);
}

TEST(an_idle_connection_is_closed)
{
	struct web w = { .opts.idle_ms = 200 };
	int fd;
	char c;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "GET / HTTP/1.1\r\n" HOST "\r\n");
	(void)web_read_one(&w, fd);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	(void)close(fd);
	web_stop(&w);
}

TEST(a_reader_that_takes_no_answer_is_cut)
{
	struct web w = { .opts.head_ms = 300, .opts.body_rate = 100000000 };
	int fd;

	web_start(&w);
	fd = web_connect_slow(&w);
	web_send(fd, "GET /big?n=30000000 HTTP/1.1\r\n" HOST "\r\n");
	web_wait(&w, &w.n_called, 1);
	web_wait_stats(&w, 0, 0);
	(void)close(fd);
	web_stop(&w);
}
