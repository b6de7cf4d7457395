#include "reconciler/site_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "renderers/web.h"

enum {
	HOST_MAX = 253,
	ANSWER_SIZE = 4096 /* headers of a static file are some 300 bytes */
};

struct call {
	int fd;
	int64_t deadline;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(const struct call *c, short events, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = events };
		int64_t left = c->deadline - now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return err_set(err, ERR_TIMEOUT, "the web server did not answer in time");
		if (errno != EINTR)
			return err_sys(err, "wait for the web server");
	}
}

static int dial(struct call *c, uint16_t port, struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(int);
	int sys = 0;
	int r;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return err_sys(err, "make a socket");
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		sys = errno;
	if (sys == EINPROGRESS) {
		r = wait_for(c, POLLOUT, err);
		if (r < 0)
			return r;
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &sys, &len) < 0)
			return err_sys(err, "connect to the web server");
	}
	if (sys == ECONNREFUSED)
		return err_set(err, ERR_ABSENT, "nothing listens at 127.0.0.1 port %u", port);
	return sys ? err_sys_no(err, sys, "connect to 127.0.0.1 port %u", port) : 0;
}

/* As much of the answer as ANSWER holds, with a NUL behind; one that is longer is not ours. */
static int read_answer(const struct call *c, char answer[ANSWER_SIZE], struct err *err)
{
	size_t len = 0;

	while (len < ANSWER_SIZE - 1) {
		ssize_t n = recv(c->fd, answer + len, ANSWER_SIZE - 1 - len, 0);
		int r;

		if (n > 0) {
			len += (size_t)n;
			continue;
		}
		if (n == 0 || errno == ECONNRESET)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "read from the web server");
		r = wait_for(c, POLLIN, err);
		if (r < 0)
			return r;
	}
	answer[len] = '\0';
	return 0;
}

static int judge(const char *answer, struct err *err)
{
	const char *body = strstr(answer, "\r\n\r\n");

	if (strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200 ", 5) == 0 && body &&
	    strcmp(body + 4, SITE_PROBE_TEXT) == 0)
		return 0;
	return err_set(err, ERR_CHECK, "another server block answers (%.*s)",
		       (int)MIN(strcspn(answer, "\r\n"), (size_t)80), answer);
}

int site_probe(const struct service_at *at, const char *host, int timeout_ms, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct call c = { .fd = -1, .deadline = now_ms() + timeout_ms };
	char request[HOST_MAX + 256];
	char answer[ANSWER_SIZE] = "";
	size_t len = strlen(host);
	int r;

	if (!len || len > HOST_MAX ||
	    strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
		return err_set(err, ERR_INVALID, "\"%.80s\" is no host name to ask for", host);
	r = dial(&c, at->http_port, err);
	fd = c.fd;
	if (r < 0)
		return r;
	(void)snprintf(request, sizeof(request),
		       "GET " SITE_PROBE_URI " HTTP/1.0\r\nHost: %s\r\nUser-Agent: NovaCPX\r\n\r\n",
		       host);
	/* some hundred bytes into an empty socket: they fit, or it is broken */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return err_set(err, ERR_CHECK, "the web server takes no request");
	r = read_answer(&c, answer, err);
	return r < 0 ? r : judge(answer, err);
}
