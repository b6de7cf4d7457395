#include "tests/support/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/support/testing.h"

enum {
	WAIT_MS = 10000
};

static void admit(struct request *r, struct admission *ret, void *arg)
{
	static const struct header headers[] = { { "WWW-Authenticate", "Bearer" }, { NULL, NULL } };
	const char *path = request_path(r);

	(void)arg;
	ret->body_max = strcmp(path, "/none") == 0 ? 0 : (size_t)WEB_BODY_MAX;
	ret->is_multipart = strcmp(path, "/parts") == 0;
	if (strcmp(path, "/refuse") == 0) {
		ret->status = 401;
		ret->body = "{\"error\":\"who are you\"}";
		ret->headers = headers;
	}
}

static const char *refusal(const void *ctx, unsigned status, const char *why, void *arg)
{
	(void)arg;
	return mem_fmt(ctx, "{\"refused\":%u,\"why\":\"%s\"}", status, why);
}

static int put_pair(const char *name, const char *value, void *arg)
{
	buf_printf(arg, "%s=%s&", name, value);
	return 0;
}

static void echo(struct request *r)
{
	struct buf b = BUF_ON(request_ctx(r));
	size_t len;
	const char *body = request_body(r, &len);

	buf_printf(&b, "%s %s?", request_method(r), request_path(r));
	(void)request_each_query(r, put_pair, &b);
	buf_printf(&b, " %s %s %s\n", request_peer(r), request_is_tls(r) ? "tls" : "plain",
		   request_cookie(r, "sid") ? request_cookie(r, "sid") : "-");
	buf_put(&b, body, len);
	request_reply(r, 200, "text/plain", b.data, b.len, NULL);
}

static void parts(struct request *r)
{
	struct buf b = BUF_ON(request_ctx(r));
	size_t n;
	const struct part *v = request_parts(r, &n);

	for (size_t i = 0; i < n; i++) {
		buf_printf(&b, "%s|%s|%s|", v[i].name, v[i].filename ? v[i].filename : "-",
			   v[i].type ? v[i].type : "-");
		buf_put(&b, v[i].data, v[i].len);
		buf_puts(&b, ";");
	}
	request_reply(r, 200, "text/plain", buf_str(&b), b.len, NULL);
}

static void gone(struct stream *s, void *arg)
{
	struct web *w = arg;

	(void)s;
	(void)pthread_mutex_lock(&w->lock);
	w->n_gone++;
	(void)pthread_mutex_unlock(&w->lock);
}

/* Of /late and /stream. */
static bool keep(struct web *w, struct request *r, const char *path)
{
	bool is_late = strcmp(path, "/late") == 0;
	bool is_stream = strcmp(path, "/stream") == 0;

	if (!is_late && !is_stream)
		return false;
	(void)pthread_mutex_lock(&w->lock);
	if (is_late)
		w->late[w->n_late++] = r; /* no test has so many */
	(void)pthread_mutex_unlock(&w->lock);
	if (is_late)
		return true;
	struct stream *s = request_stream(r, NULL, gone, w);

	(void)pthread_mutex_lock(&w->lock);
	is_late = w->n_streams == WEB_KEPT_MAX;
	if (!is_late)
		w->streams[w->n_streams++] = s;
	(void)pthread_mutex_unlock(&w->lock);
	if (is_late)
		stream_end(s);
	return true;
}

static void on_request(struct request *r, void *arg)
{
	static const struct header split[] = { { "X", "a\r\nSet-Cookie: b" }, { NULL, NULL } };
	struct web *w = arg;
	const char *path = request_path(r);
	const char *n = request_query(r, "n");

	(void)pthread_mutex_lock(&w->lock);
	w->n_called++;
	(void)snprintf(w->last_path, sizeof(w->last_path), "%s", path);
	(void)pthread_mutex_unlock(&w->lock);
	if (keep(w, r, path))
		return;
	if (strcmp(path, "/echo") == 0) {
		echo(r);
	} else if (strcmp(path, "/parts") == 0) {
		parts(r);
	} else if (strcmp(path, "/big") == 0) {
		size_t len = (size_t)atol(n ? n : "0");

		request_reply_take(r, 200, "text/plain", mem_zero(request_ctx(r), len + 1), len,
				   NULL);
	} else {
		request_reply(r, 200, "text/plain", "ok", 2,
			      strcmp(path, "/split") == 0 ? split : NULL);
	}
}

void web_start(struct web *w)
{
	struct http_calls calls = {
		.admit = admit, .request = on_request, .refusal = refusal, .arg = w
	};
	struct err err = ERR_INIT;

	w->ctx = mem_ctx(NULL, "web");
	(void)pthread_mutex_init(&w->lock, NULL);
	if (!w->opts.n_ports) {
		w->opts.n_ports = 1;
		w->opts.ports[0] = (struct http_port){ .address = "127.0.0.1", .fd = -1 };
	}
	assert_ok(http_start(w->ctx, &w->opts, &calls, &w->s, &err), &err);
	w->port = http_port_of(w->s, 0);
}

void web_stop(struct web *w)
{
	http_stop(&w->s, 0);
	for (size_t i = 0; i < w->n_late; i++)
		if (w->late[i])
			request_reply(w->late[i], 200, NULL, "", 0, NULL);
	for (size_t i = 0; i < w->n_streams; i++)
		if (w->streams[i])
			stream_end(w->streams[i]);
	(void)pthread_mutex_destroy(&w->lock);
	mem_freep(&w->ctx);
}

size_t web_count(struct web *w, const size_t *what)
{
	size_t n;

	(void)pthread_mutex_lock(&w->lock);
	n = *what;
	(void)pthread_mutex_unlock(&w->lock);
	return n;
}

static void nap(void)
{
	struct timespec t = { .tv_nsec = 2000000 };

	(void)nanosleep(&t, NULL);
}

void web_wait(struct web *w, const size_t *what, size_t n)
{
	for (int i = 0; web_count(w, what) < n; i++) {
		if (i > WAIT_MS / 2)
			fail_msg("%zu instead of %zu", web_count(w, what), n);
		nap();
	}
}

void web_wait_stats(struct web *w, uint64_t connections, uint64_t waiting)
{
	struct http_stats stats;

	for (int i = 0;; i++) {
		http_stats(w->s, &stats);
		if (stats.connections == connections && stats.waiting == waiting)
			return;
		if (i > WAIT_MS / 2)
			fail_msg("%zu connections, %zu waiting", (size_t)stats.connections,
				 (size_t)stats.waiting);
		nap();
	}
}

static int connect_with(uint16_t port, int buffer)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = WAIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	if (buffer)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int web_connect_port(uint16_t port)
{
	return connect_with(port, 0);
}

int web_connect(const struct web *w)
{
	return connect_with(w->port, 0);
}

int web_connect_slow(const struct web *w)
{
	return connect_with(w->port, 4096);
}

void web_send(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server has closed; what it said will be read */
		text += n;
		len -= (size_t)n;
	}
}

/* Until the end, or until ENOUGH says so. */
static char *read_while(struct web *w, int fd, bool (*enough)(const struct buf *b, const char *arg),
			const char *arg)
{
	struct buf b = BUF_ON(w->ctx);
	char piece[65536];
	ssize_t n;

	buf_puts(&b, "");
	while (!(enough && enough(&b, arg)) &&
	       (n = recv(fd, piece, enough ? 1 : sizeof(piece), 0)) > 0)
		buf_put(&b, piece, (size_t)n);
	return mem_str(w->ctx, buf_str(&b));
}

char *web_read_all(struct web *w, int fd)
{
	return read_while(w, fd, NULL, NULL);
}

static bool has_text(const struct buf *b, const char *arg)
{
	size_t len = strlen(arg);

	return b->len >= len && memcmp(b->data + b->len - len, arg, len) == 0;
}

/* The body may be of any bytes. */
static bool is_whole(const struct buf *b, const char *arg)
{
	const char *body = b->len ? memmem(b->data, b->len, "\r\n\r\n", 4) : NULL;
	const char *length = body ? strstr(buf_str(b), "Content-Length: ") : NULL;

	(void)arg;
	return body && (size_t)(b->data + b->len - body) >=
			       4 + (length ? strtoul(length + 16, NULL, 10) : 0);
}

char *web_read_one(struct web *w, int fd)
{
	return read_while(w, fd, is_whole, NULL);
}

char *web_read_until(struct web *w, int fd, const char *text)
{
	return read_while(w, fd, has_text, text);
}

char *web_ask(struct web *w, const char *text)
{
	int fd = web_connect(w);
	char *answer;

	web_send(fd, text);
	answer = web_read_all(w, fd);
	(void)close(fd);
	return answer;
}

int web_status(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

gnutls_session_t web_tls(int fd, gnutls_certificate_credentials_t cred, const char *priorities)
{
	gnutls_session_t session;
	int r;

	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(gnutls_priority_set_direct(session, priorities, NULL), 0);
	assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cred), 0);
	gnutls_transport_set_int(session, fd);
	do {
		r = gnutls_handshake(session);
	} while (r < 0 && !gnutls_error_is_fatal(r));
	if (r == 0)
		return session;
	gnutls_deinit(session);
	return NULL;
}

void web_tls_end(gnutls_session_t session, int fd)
{
	(void)gnutls_bye(session, GNUTLS_SHUT_WR);
	gnutls_deinit(session);
	(void)close(fd);
}
