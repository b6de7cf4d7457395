/* Late answers, streams, the certificate, and the stop. */
#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/tls.h"
#include "base/buf.h"
#include "tests/support/testing.h"
#include "tests/support/web.h"

#define HOST   "Host: localhost\r\n"
#define CLOSE  "Connection: close\r\n"
#define LATE   "GET /late HTTP/1.1\r\n" HOST "\r\n"
#define STREAM "GET /stream HTTP/1.1\r\n" HOST "\r\n"

static int64_t wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void answer_late(struct web *w, size_t i, const char *text)
{
	struct request *r = w->late[i];

	w->late[i] = NULL;
	request_reply(r, 200, "text/plain", text, strlen(text), NULL);
}

TEST(an_answer_may_come_late_from_another_thread)
{
	struct web w = { 0 };
	struct http_stats stats;
	int fds[20];

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = web_connect(&w);
		web_send(fds[i], LATE "GET /echo HTTP/1.1\r\n" HOST "\r\n");
		web_wait(&w, &w.n_late, i + 1);
	}
	http_stats(w.s, &stats);
	assert_int_equal(stats.waiting, ARRAY_LEN(fds));
	/* Others are served meanwhile. */
	assert_contains(web_ask(&w, "GET / HTTP/1.0\r\n\r\n"), "ok");
	for (size_t i = ARRAY_LEN(fds); i-- > 0;) {
		answer_late(&w, i, mem_fmt(w.ctx, "late %zu.", i));
		assert_contains(web_read_one(&w, fds[i]), mem_fmt(w.ctx, "late %zu.", i));
		assert_contains(web_read_one(&w, fds[i]), "GET /echo?");
		(void)close(fds[i]);
	}
	web_wait_stats(&w, 0, 0);
	web_stop(&w);
}

TEST(a_request_whose_client_has_gone_is_valid_until_it_is_answered)
{
	struct web w = { 0 };
	int fd;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "POST /late?a=1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
	web_wait(&w, &w.n_late, 1);
	(void)close(fd);
	assert_contains(web_ask(&w, "GET / HTTP/1.0\r\n\r\n"), "ok");
	assert_string_equal(request_body(w.late[0], NULL), "abc");
	assert_string_equal(request_query(w.late[0], "a"), "1");
	assert_string_equal(request_header(w.late[0], "HOST"), "localhost");
	answer_late(&w, 0, "nobody reads this");
	web_wait_stats(&w, 0, 0);
	web_stop(&w);
}

TEST(an_answer_may_have_no_body)
{
	struct web w = { 0 };
	int fd;

	web_start(&w);
	fd = web_connect(&w);
	for (size_t i = 0; i < 3; i++) {
		char *a;

		web_send(fd, LATE);
		web_wait(&w, &w.n_late, i + 1);
		if (i % 2)
			request_reply_take(w.late[i], 204, NULL, NULL, 0, NULL);
		else
			request_reply(w.late[i], i ? 200 : 204, NULL, NULL, 0, NULL);
		w.late[i] = NULL;
		a = web_read_one(&w, fd);
		assert_int_equal(web_status(a), i == 2 ? 200 : 204);
		assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
	}
	(void)close(fd);
	web_stop(&w);
}

/* Streams */

/* N of them, each with its head and first bytes read. */
static void open_streams(struct web *w, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = web_connect(w);
		web_send(fds[i], STREAM);
		assert_contains(web_read_until(w, fds[i], ":\n\n"), "text/event-stream");
	}
	web_wait(w, &w->n_streams, n);
}

TEST(an_event_reaches_200_subscribers)
{
	struct web w = { 0 };
	struct http_stats stats;
	int fds[200];

	web_start(&w);
	open_streams(&w, fds, ARRAY_LEN(fds));
	http_stats(w.s, &stats);
	assert_int_equal(stats.streams, ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_true(stream_send(w.streams[i], "data: hello\n\n", 13));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_contains(web_read_until(&w, fds[i], "data: hello\n\n\r\n"), "D\r\ndata: h");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		stream_end(w.streams[i]);
		w.streams[i] = NULL;
		assert_contains(web_read_until(&w, fds[i], "0\r\n\r\n"), "0\r\n\r\n");
		(void)close(fds[i]);
	}
	web_wait_stats(&w, 0, 0);
	assert_int_equal(web_count(&w, &w.n_gone), 0);
	web_stop(&w);
}

static void expect_noticed(struct web *w)
{
	int fds[10];

	web_start(w);
	open_streams(w, fds, ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	web_wait(w, &w->n_gone, ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_false(stream_send(w->streams[i], ":\n\n", 3));
	web_wait_stats(w, 0, 0);
	web_stop(w);
}

TEST(a_client_that_leaves_its_stream_is_noticed_at_the_next_heartbeat)
{
	struct web w = { .opts.heartbeat_ms = 100 };

	expect_noticed(&w);
}

TEST(a_client_that_closes_its_stream_is_noticed_before_the_heartbeat)
{
	struct web w = { .opts.heartbeat_ms = 600000, .opts.idle_ms = 200 };

	expect_noticed(&w);
}

TEST(a_stream_has_a_heartbeat)
{
	struct web w = { .opts.heartbeat_ms = 50 };
	int fd;

	web_start(&w);
	open_streams(&w, &fd, 1);
	for (int i = 0; i < 3; i++)
		assert_contains(web_read_until(&w, fd, ":\n\n"), ":\n\n");
	(void)close(fd);
	web_stop(&w);
}

TEST(a_subscriber_that_reads_too_slowly_is_cut)
{
	struct web w = { .opts.stream_max = 100000 };
	char *piece;
	int fd;
	int n = 0;

	web_start(&w);
	piece = mem_zero(w.ctx, 10000);
	memset(piece, 'x', 9999);
	fd = web_connect_slow(&w);
	web_send(fd, STREAM);
	web_wait(&w, &w.n_streams, 1);
	while (stream_send(w.streams[0], piece, 10000) && n < 100000)
		n++;
	assert_true(n >= 9 && n < 100000);
	web_wait(&w, &w.n_gone, 1);
	web_wait_stats(&w, 0, 0);
	(void)close(fd);
	web_stop(&w);
}

TEST(a_subscriber_that_stalls_is_cut_though_little_was_said)
{
	struct web w = { .opts.stream_max = 100000000, .opts.heartbeat_ms = 50 };
	char *piece;
	int fd;

	web_start(&w);
	piece = mem_zero(w.ctx, 10000000);
	fd = web_connect_slow(&w);
	web_send(fd, STREAM);
	web_wait(&w, &w.n_streams, 1);
	assert_true(stream_send(w.streams[0], piece, 10000000));
	web_wait(&w, &w.n_gone, 1);
	(void)close(fd);
	web_stop(&w);
}

TEST(a_stream_for_head_or_http_1_0_ends_as_it_should)
{
	struct web w = { 0 };
	int fd;
	char *a;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
	web_send(fd, "GET / HTTP/1.1\r\n" HOST CLOSE "\r\n");
	a = web_read_all(&w, fd);
	assert_contains(a, "text/event-stream");
	assert_memory_equal(strstr(a, "\r\n\r\n"), "\r\n\r\nHTTP/1.1 200", 16);
	assert_false(stream_send(w.streams[0], "data: x\n\n", 9));
	(void)close(fd);
	fd = web_connect(&w);
	web_send(fd, "GET /stream HTTP/1.0\r\n\r\n");
	web_wait(&w, &w.n_streams, 2);
	assert_true(stream_send(w.streams[1], "data: x\n\n", 9));
	stream_end(w.streams[1]);
	w.streams[1] = NULL;
	assert_contains(web_read_all(&w, fd), "\r\n\r\n:\n\ndata: x\n\n");
	(void)close(fd);
	web_stop(&w);
}

/* Stopping */

TEST(a_stop_ends_streams_after_what_they_were_told)
{
	struct web w = { 0 };
	int fds[50];
	int64_t begin;

	web_start(&w);
	open_streams(&w, fds, ARRAY_LEN(fds));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		assert_true(stream_send(w.streams[i], "data: last\n\n", 12));
	begin = wall_ms();
	http_stop(&w.s, 5000);
	assert_true(wall_ms() - begin < 4000);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_contains(web_read_all(&w, fds[i]), "data: last\n\n\r\n0\r\n\r\n");
		(void)close(fds[i]);
	}
	assert_int_equal(w.n_gone, ARRAY_LEN(fds));
	assert_false(stream_send(w.streams[0], "x", 1));
	web_stop(&w);
}

static void *answer_soon(void *arg)
{
	struct timespec t = { .tv_nsec = 200 * 1000000L };

	(void)nanosleep(&t, NULL);
	answer_late(arg, 0, "in time");
	return NULL;
}

TEST(a_stop_lets_requests_under_way_finish)
{
	struct web w = { 0 };
	pthread_t thread;
	int64_t begin;
	int idle;
	int fd;
	char *a;

	web_start(&w);
	idle = web_connect(&w);
	fd = web_connect(&w);
	web_send(fd, LATE "GET /second HTTP/1.1\r\n" HOST "\r\n");
	web_wait(&w, &w.n_late, 1);
	begin = wall_ms();
	assert_int_equal(pthread_create(&thread, NULL, answer_soon, &w), 0);
	http_stop(&w.s, 8000);
	assert_true(wall_ms() - begin < 6000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	a = web_read_all(&w, fd);
	assert_int_equal(web_status(a), 200);
	assert_contains(a, "Connection: close\r\n");
	assert_contains(a, "in time");
	assert_null(strstr(a, "ok"));
	assert_int_equal(w.n_called, 1);
	assert_string_equal(web_read_all(&w, idle), "");
	(void)close(fd);
	(void)close(idle);
	web_stop(&w);
}

TEST(a_stop_tells_those_who_still_wait_at_the_deadline)
{
	struct web w = { 0 };
	int fds[3];
	char *a;

	web_start(&w);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = web_connect(&w);
		web_send(fds[i], LATE);
		web_wait(&w, &w.n_late, i + 1);
	}
	http_stop(&w.s, 50);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		a = web_read_all(&w, fds[i]);
		assert_int_equal(web_status(a), 503);
		assert_contains(a, "{\"refused\":503");
		(void)close(fds[i]);
	}
	/* The requests are still whole, and may be answered into nothing. */
	assert_string_equal(request_path(w.late[0]), "/late");
	answer_late(&w, 0, "too late");
	stream_end(request_stream(w.late[1], NULL, NULL, NULL));
	w.late[1] = NULL;
	web_stop(&w);
}

/* Asks until the server is gone; of other threads no assertion may be made. */
static void *ask_on(void *arg)
{
	static const char text[] = "GET /echo HTTP/1.1\r\n" HOST "\r\n" STREAM;
	const struct web *w = arg;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(w->port) };
	struct timeval limit = { .tv_sec = 10 };
	char answer[4096];
	ssize_t n = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while (n > 0) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		n = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0
			    ? send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL)
			    : -1;
		if (n > 0)
			n = recv(fd, answer, sizeof(answer), 0);
		(void)close(fd);
	}
	return NULL;
}

TEST(a_stop_under_load_neither_hangs_nor_aborts)
{
	for (int round = 0; round < 5; round++) {
		struct web w = { .opts.heartbeat_ms = 50 };
		pthread_t askers[4];
		int fds[20];
		int64_t begin;

		web_start(&w);
		open_streams(&w, fds, ARRAY_LEN(fds));
		for (size_t i = 0; i < ARRAY_LEN(askers); i++)
			assert_int_equal(pthread_create(&askers[i], NULL, ask_on, &w), 0);
		web_wait(&w, &w.n_called, 100);
		begin = wall_ms();
		http_stop(&w.s, round * 20);
		assert_true(wall_ms() - begin < 5000);
		for (size_t i = 0; i < ARRAY_LEN(askers); i++)
			assert_int_equal(pthread_join(askers[i], NULL), 0);
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			(void)close(fds[i]);
		web_stop(&w);
	}
}

/* TLS */

static void with_tls(struct web *w, void *ctx)
{
	struct err err = ERR_INIT;

	assert_ok(tls_self_signed(ctx, "first.example", &w->opts.cert_pem, &w->opts.key_pem, &err),
		  &err);
	w->opts.n_ports = 1;
	w->opts.ports[0] = (struct http_port){ .address = "127.0.0.1", .is_tls = true, .fd = -1 };
	web_start(w);
}

static bool is_for(gnutls_session_t tls, const char *host)
{
	unsigned n;
	const gnutls_datum_t *raw = gnutls_certificate_get_peers(tls, &n);
	gnutls_x509_crt_t cert;
	bool res;

	assert_non_null(raw);
	assert_int_equal(gnutls_x509_crt_init(&cert), 0);
	assert_int_equal(gnutls_x509_crt_import(cert, raw, GNUTLS_X509_FMT_DER), 0);
	res = gnutls_x509_crt_check_hostname(cert, host);
	gnutls_x509_crt_deinit(cert);
	return res;
}

static ssize_t recv_tls(gnutls_session_t tls, char *to, size_t max)
{
	ssize_t n;

	do {
		n = gnutls_record_recv(tls, to, max);
	} while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
	return n;
}

TEST(a_certificate_is_changed_for_new_connections_while_old_ones_go_on)
{
	struct web w = { 0 };
	void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls[2];
	const char *cert;
	const char *key;
	const char *other;
	char answer[1024] = "";
	int fds[2];

	with_tls(&w, ctx);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	fds[0] = web_connect(&w);
	tls[0] = web_tls(fds[0], cred, "NORMAL");
	assert_non_null(tls[0]);
	assert_true(is_for(tls[0], "first.example"));
	assert_ok(tls_self_signed(ctx, "second.example", &cert, &key, &err), &err);
	assert_ok(tls_self_signed(ctx, "third.example", &other, &other, &err), &err);
	assert_int_equal(http_certificate(w.s, cert, other, &err), -ERR_INVALID);
	assert_ok(http_certificate(w.s, cert, key, &err), &err);
	fds[1] = web_connect(&w);
	tls[1] = web_tls(fds[1], cred, "NORMAL");
	assert_non_null(tls[1]);
	assert_true(is_for(tls[1], "second.example"));
	assert_true(gnutls_record_send(tls[0], "GET / HTTP/1.0\r\n\r\n", 18) == 18);
	assert_true(recv_tls(tls[0], answer, sizeof(answer) - 1) > 0);
	assert_int_equal(web_status(answer), 200);
	web_tls_end(tls[0], fds[0]);
	web_tls_end(tls[1], fds[1]);
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(old_versions_and_weak_ciphers_are_not_spoken)
{
	static const struct {
		const char *priorities;
		bool is_spoken;
	} cases[] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", false },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:+DHE-RSA", false },
	};
	struct web w = { 0 };
	void *ctx = mem_ctx(NULL, "test");
	gnutls_certificate_credentials_t cred;

	with_tls(&w, ctx);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = web_connect(&w);
		gnutls_session_t tls = web_tls(fd, cred, cases[i].priorities);

		if (!tls != !cases[i].is_spoken)
			fail_msg("%s", cases[i].priorities);
		if (tls)
			web_tls_end(tls, fd);
		else
			(void)close(fd);
	}
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(a_session_is_resumed_by_its_ticket)
{
	struct web w = { 0 };
	void *ctx = mem_ctx(NULL, "test");
	gnutls_certificate_credentials_t cred;
	gnutls_datum_t session = { NULL, 0 };

	with_tls(&w, ctx);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	for (int i = 0; i < 2; i++) {
		char answer[1024] = "";
		int fd = web_connect(&w);
		gnutls_session_t tls;

		assert_int_equal(gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
		assert_int_equal(gnutls_set_default_priority(tls), 0);
		assert_int_equal(gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, cred), 0);
		gnutls_transport_set_int(tls, fd);
		if (i)
			assert_int_equal(gnutls_session_set_data(tls, session.data, session.size),
					 0);
		assert_int_equal(gnutls_handshake(tls), 0);
		assert_true(gnutls_record_send(tls, "GET / HTTP/1.0\r\n\r\n", 18) == 18);
		assert_true(recv_tls(tls, answer, sizeof(answer) - 1) > 0);
		assert_int_equal(gnutls_session_is_resumed(tls) != 0, i);
		if (!i)
			assert_int_equal(gnutls_session_get_data2(tls, &session), 0);
		web_tls_end(tls, fd);
	}
	gnutls_free(session.data);
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(a_refusal_over_tls_arrives_though_the_client_still_sends)
{
	struct web w = { 0 };
	void *ctx = mem_ctx(NULL, "test");
	static const char head[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n";
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls;
	char *piece = mem_zero(ctx, 16000);
	char answer[1024] = "";
	int fd;

	with_tls(&w, ctx);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	fd = web_connect(&w);
	tls = web_tls(fd, cred, "NORMAL");
	assert_non_null(tls);
	assert_true(gnutls_record_send(tls, head, sizeof(head) - 1) > 0);
	for (int i = 0; i < 20; i++)
		assert_true(gnutls_record_send(tls, piece, 16000) > 0);
	assert_true(recv_tls(tls, answer, sizeof(answer) - 1) > 0);
	assert_int_equal(web_status(answer), 413);
	assert_contains(answer, "{\"refused\":413");
	assert_int_equal(recv_tls(tls, piece, 16000), 0);
	web_tls_end(tls, fd);
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}

TEST(streams_work_over_tls)
{
	struct web w = { .opts.heartbeat_ms = 100 };
	void *ctx = mem_ctx(NULL, "test");
	gnutls_certificate_credentials_t cred;
	gnutls_session_t tls;
	char answer[4096] = "";
	int fd;

	with_tls(&w, ctx);
	assert_int_equal(gnutls_certificate_allocate_credentials(&cred), 0);
	fd = web_connect(&w);
	tls = web_tls(fd, cred, "NORMAL");
	assert_non_null(tls);
	assert_true(gnutls_record_send(tls, STREAM, sizeof(STREAM) - 1) > 0);
	web_wait(&w, &w.n_streams, 1);
	assert_true(stream_send(w.streams[0], "data: x\n\n", 9));
	while (!strstr(answer, "data: x\n\n"))
		assert_true(recv_tls(tls, answer + strlen(answer), 512) > 0);
	web_tls_end(tls, fd);
	web_wait(&w, &w.n_gone, 1);
	gnutls_certificate_free_credentials(cred);
	web_stop(&w);
	mem_freep(&ctx);
}
