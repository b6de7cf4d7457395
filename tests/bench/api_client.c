#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/bench/api.h"

/* Servers */

struct api_server api_serve(const struct bench *b, const char *command, const char *dir)
{
	int in[2];
	int out[2];
	char line[64] = "";
	struct api_server s = { .hold = -1 };
	unsigned port;
	unsigned tls_port;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		bench_die("pipe", NULL);
	s.pid = fork();
	if (s.pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl(b->self, b->self, command, dir, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	s.hold = in[1];
	if (s.pid < 0 || read(out[0], line, sizeof(line) - 1) <= 0 ||
	    sscanf(line, "%u %u", &port, &tls_port) != 2) /* NOLINT(cert-err34-c) */
		bench_die(command, NULL);
	(void)close(out[0]);
	s.port = (uint16_t)port;
	s.tls_port = (uint16_t)tls_port;
	return s;
}

void api_server_end(struct api_server *s)
{
	(void)close(s->hold);
	(void)waitpid(s->pid, NULL, 0);
}

int64_t api_server_cpu_ns(const struct api_server *s)
{
	struct timespec ts;
	clockid_t id;

	if (clock_getcpuclockid(s->pid, &id) || clock_gettime(id, &ts))
		bench_die("the server is gone", NULL);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

double api_server_rss_mib(const struct api_server *s)
{
	char path[64];
	char line[256];
	double kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", s->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtod(line + 6, NULL);
	}
	if (f)
		(void)fclose(f);
	return kib / 1024;
}

/* The client */

struct conn {
	int fd;
	int64_t since;
	size_t len;
	char *text; /* the answer so far */
};

struct api_client {
	struct conn *conns;
	struct pollfd *polls;
	int n;
	double *times; /* of a run */
	int n_times;
};

static int connected(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		bench_die("connect", NULL);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int client_done(struct api_client *c)
{
	for (int i = 0; i < c->n; i++)
		(void)close(c->conns[i].fd);
	return 0;
}

struct api_client *api_client_new(const void *ctx, uint16_t port, int n)
{
	struct api_client *c = mem_new(ctx, struct api_client);

	c->n = n;
	c->conns = mem_zero(c, (size_t)n * sizeof(*c->conns));
	c->polls = mem_zero(c, (size_t)n * sizeof(*c->polls));
	for (int i = 0; i < n; i++) {
		c->conns[i].fd = connected(port);
		c->conns[i].text = mem_zero(c, API_ANSWER_MAX);
		c->polls[i] = (struct pollfd){ .fd = c->conns[i].fd, .events = POLLIN };
	}
	talloc_set_destructor(c, client_done);
	return c;
}

const char *api_client_body(const struct api_client *c)
{
	return strstr(c->conns[0].text, "\r\n\r\n") + 4;
}

static void ask(struct conn *c, api_request_fn *fn, int i)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "request");
	const char *text = fn(ctx, i);
	size_t len = strlen(text);

	c->len = 0;
	c->since = cost_now().wall_ns;
	if (send(c->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		bench_die("send", NULL);
}

/* Whether the answer is there; one that is not 200 ends the bench. */
static bool take(struct conn *c)
{
	ssize_t n = recv(c->fd, c->text + c->len, API_ANSWER_MAX - c->len - 1, 0);
	const char *length;
	const char *body;

	if (n <= 0)
		bench_die("the server closed a connection", NULL);
	c->len += (size_t)n;
	c->text[c->len] = '\0';
	body = strstr(c->text, "\r\n\r\n");
	length = strstr(c->text, "Content-Length: ");
	if (!body || !length)
		return false;
	if (strncmp(c->text, "HTTP/1.1 200", 12) != 0)
		bench_die(c->text, NULL);
	return (size_t)(body + 4 - c->text) + strtoul(length + 16, NULL, 10) <= c->len;
}

static double quantile(const double *sorted, int n, int percent)
{
	return n ? sorted[(int64_t)(n - 1) * percent / 100] : 0;
}

static void exchange(struct api_client *c, api_request_fn *fn, int from, int count)
{
	int asked = 0;
	int left = count;

	for (; asked < count && asked < c->n; asked++)
		ask(&c->conns[asked], fn, from + asked);
	while (left) {
		if (poll(c->polls, (nfds_t)c->n, 30000) <= 0)
			bench_die("no answer in 30 s", NULL);
		for (int i = 0; i < c->n; i++) {
			if (!c->polls[i].revents || !take(&c->conns[i]))
				continue;
			c->times[c->n_times++] =
				(double)(cost_now().wall_ns - c->conns[i].since) / 1e3;
			left--;
			if (asked < count)
				ask(&c->conns[i], fn, from + asked++);
		}
	}
}

struct api_run api_client_run(struct api_client *c, const struct api_server *s, api_request_fn *fn,
			      int from, int count)
{
	int64_t cpu = api_server_cpu_ns(s);
	struct cost t = cost_now();
	struct api_run r;

	c->times = mem_zero(c, (size_t)count * sizeof(*c->times));
	c->n_times = 0;
	exchange(c, fn, from, count);
	r.wall_us = (double)(cost_now().wall_ns - t.wall_ns) / 1e3 / count;
	r.cpu_us = (double)(api_server_cpu_ns(s) - cpu) / 1e3 / count;
	r.median = median(c->times, (size_t)count);
	r.p99 = quantile(c->times, count, 99);
	mem_freep(&c->times);
	return r;
}

/* Streams */

struct streams {
	int n;
	int *fds;
	gnutls_session_t *tls; /* NULL: none */
	gnutls_certificate_credentials_t cred;
};

static int streams_done(struct streams *s)
{
	for (int i = 0; i < s->n; i++) {
		if (s->tls)
			gnutls_deinit(s->tls[i]);
		(void)close(s->fds[i]);
	}
	if (s->tls)
		gnutls_certificate_free_credentials(s->cred);
	return 0;
}

static gnutls_session_t shake_hands(const struct streams *s, int fd)
{
	gnutls_session_t tls;
	int r;

	if (gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) < 0 ||
	    gnutls_set_default_priority(tls) < 0 ||
	    gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, s->cred) < 0)
		bench_die("TLS", NULL);
	gnutls_transport_set_int(tls, fd);
	do
		r = gnutls_handshake(tls);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (r < 0)
		bench_die(gnutls_strerror(r), NULL);
	return tls;
}

/* The request of a stream, and the beginning of its answer. */
static void begin(struct streams *s, int i, const char *request)
{
	char text[2048] = "";
	ssize_t n;

	if (s->tls) {
		(void)gnutls_record_send(s->tls[i], request, strlen(request));
		do
			n = gnutls_record_recv(s->tls[i], text, sizeof(text) - 1);
		while (n < 0 && !gnutls_error_is_fatal((int)n));
	} else {
		(void)send(s->fds[i], request, strlen(request), MSG_NOSIGNAL);
		n = recv(s->fds[i], text, sizeof(text) - 1, 0);
	}
	if (n <= 0 || strncmp(text, "HTTP/1.1 200", 12) != 0 || !strstr(text, "text/event-stream"))
		bench_die(mem_fmt(NULL, "stream %d: %s", i, text), NULL);
}

void api_streams_open(const void *ctx, const char *request, uint16_t port, bool is_tls, int n)
{
	struct streams *s = mem_new(ctx, struct streams);

	s->fds = mem_zero(s, (size_t)n * sizeof(*s->fds));
	if (is_tls) {
		s->tls = mem_zero(s, (size_t)n * sizeof(*s->tls));
		if (gnutls_certificate_allocate_credentials(&s->cred) < 0)
			bench_die("TLS", NULL);
	}
	talloc_set_destructor(s, streams_done);
	for (int i = 0; i < n; i++) {
		s->fds[i] = connected(port);
		if (is_tls)
			s->tls[i] = shake_hands(s, s->fds[i]);
		s->n++;
		begin(s, i, request);
	}
}
