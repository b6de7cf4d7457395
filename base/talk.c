#include "base/talk.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/macro.h"

int64_t talk_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void talk_until(struct talk *t, int ms)
{
	t->limit_ms = ms;
	t->deadline = talk_now() + ms;
}

static int wait_for(const struct talk *t, short events, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = t->fd, .events = events };
		int64_t left = t->deadline - talk_now();
		int n;

		if (left <= 0)
			return err_set(err, ERR_TIMEOUT, "%s did not answer within %d ms at %s",
				       t->who, t->limit_ms, t->where);
		n = poll(&p, 1, (int)MIN(left, 60000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "wait for %s", t->who);
	}
}

int talk_absent(const struct talk *t, struct err *err)
{
	return err_set(err, ERR_ABSENT, "%s is not running: nobody listens at %s", t->who,
		       t->where);
}

int talk_gone(const struct talk *t, struct err *err)
{
	return err_set(err, ERR_ABSENT, "%s closed the connection without an answer", t->who);
}

int talk_connect(struct talk *t, const struct sockaddr *to, socklen_t len, struct err *err)
{
	socklen_t size = sizeof(int);
	int sys = 0, r;

	t->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0)
		return err_sys(err, "make a socket");
	if (connect(t->fd, to, len) < 0)
		sys = errno;
	if (sys == EINPROGRESS) {
		r = wait_for(t, POLLOUT, err);
		if (r < 0)
			return r;
		if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &sys, &size) < 0)
			return err_sys(err, "connect to %s", t->who);
	}
	if (sys == ECONNREFUSED || sys == ENOENT)
		return talk_absent(t, err);
	if (sys == EAGAIN)
		return err_set(err, ERR_TIMEOUT, "%s takes no more connections at %s", t->who,
			       t->where);
	return sys ? err_sys_no(err, sys, "connect to %s at %s", t->who, t->where) : 0;
}

int talk_send(const struct talk *t, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(t->fd, p, len, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return talk_gone(t, err);
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "write to %s", t->who);
		r = wait_for(t, POLLOUT, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int talk_read(const struct talk *t, void *data, size_t size, size_t *ret_len, struct err *err)
{
	for (;;) {
		ssize_t n = recv(t->fd, data, size, 0);
		int r;

		if (n >= 0 || errno == ECONNRESET) {
			*ret_len = n > 0 ? (size_t)n : 0;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "read from %s", t->who);
		r = wait_for(t, POLLIN, err);
		if (r < 0)
			return r;
	}
}

int talk_read_all(const struct talk *t, void *data, size_t len, struct err *err)
{
	char *p = data;

	while (len) {
		size_t n = 0;
		int r = talk_read(t, p, len, &n, err);

		if (r < 0)
			return r;
		if (!n)
			return talk_gone(t, err);
		p += n;
		len -= n;
	}
	return 0;
}
