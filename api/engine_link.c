#include "api/engine_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
	WAKE_TIMEOUT_MS = 2000,
	DIAL_TIMEOUT_S = 1,
	SLICE_MS = 250 /* after which one who waits looks whether all ends */
};

struct engine_link {
	char *path;
	pthread_t waker;
	pthread_mutex_t lock; /* of the two below */
	pthread_cond_t told;
	bool is_wanted, is_ending;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int dial(const char *path, int *ret, struct err *err)
{
	/* a full queue of connections must not hold anybody; connect() heeds it too (unix(7)) */
	const struct timeval patience = { .tv_sec = DIAL_TIMEOUT_S };
	int fd, r;
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(err, ERR_INVALID, "the engine's socket %s has too long a name",
			       path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, "make a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* while the engine is busy with a pass the kernel takes the line for it */
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
		*ret = fd;
		return 0;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		r = err_set(err, ERR_ABSENT, "The engine (novacpxd) is not running");
	else if (errno == EAGAIN)
		r = err_set(err, ERR_BUSY, "The engine (novacpxd) is busy");
	else
		r = err_sys(err, "reach the engine");
	fd_close(&fd);
	return r;
}

static int send_line(int fd, const char *line, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = send(fd, line, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "talk to the engine");
		line += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_ending(struct engine_link *e)
{
	bool is;

	(void)pthread_mutex_lock(&e->lock);
	is = e->is_ending;
	(void)pthread_mutex_unlock(&e->lock);
	return is;
}

static int await(struct engine_link *e, int fd, int64_t deadline, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		int n;

		if (left <= 0)
			return err_set(err, ERR_TIMEOUT, "The engine did not answer in time");
		if (is_ending(e))
			return err_set(err, ERR_ABSENT, "This server is being stopped");
		n = poll(&p, 1, (int)MIN(left, SLICE_MS));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "wait for the engine");
	}
}

static int read_line(struct engine_link *e, int fd, int64_t deadline, struct buf *line,
		     struct err *err)
{
	char block[16384];

	for (;;) {
		int r = await(e, fd, deadline, err);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(fd, block, sizeof(block), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "hear the engine");
		if (n == 0)
			return err_set(err, ERR_ABSENT, "The engine ended before it answered");
		buf_put(line, block, (size_t)n);
		if (line->over)
			return err_set(err, ERR_TOOBIG, "The engine's answer is over %d bytes",
				       ENGINE_ANSWER_MAX);
		if (block[n - 1] == '\n')
			return 0;
	}
}

static int exchange(struct engine_link *e, int fd, const char *text, int64_t deadline,
		    struct buf *line, struct err *err)
{
	int r = send_line(fd, text, strlen(text), err);

	if (r >= 0)
		r = send_line(fd, "\n", 1, err);
	return r < 0 ? r : read_line(e, fd, deadline, line, err);
}

static enum err_code code_of(const char *name)
{
	for (enum err_code code = ERR_INVALID; name && code <= ERR_ABSENT; code++) {
		if (strcmp(err_code_name(code), name) == 0)
			return code;
	}
	return ERR_SYSTEM;
}

static int understand(const struct buf *line, json_t **ret, struct err *err)
{
	json_error_t je;
	json_t *answer = json_loadb(line->data, line->len, 0, &je);
	const char *message, *field;
	enum err_code code;

	if (!answer)
		return err_set(err, ERR_CORRUPT, "The engine's answer is not JSON: %s", je.text);
	if (json_is_true(json_object_get(answer, "ok"))) {
		*ret = answer;
		return 0;
	}
	message = json_string_value(json_object_get(answer, "message"));
	field = json_string_value(json_object_get(answer, "field"));
	code = code_of(json_string_value(json_object_get(answer, "error")));
	(void)err_at(err, code, field ? field : "", "%s", message ? message : "The engine refused");
	json_decref(answer);
	return -(int)code;
}

int engine_call(struct engine_link *e, const json_t *request, int64_t timeout_ms, json_t **ret,
		struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct buf line = { .max = ENGINE_ANSWER_MAX };
	char *text = json_dumps(request, JSON_COMPACT);
	int r;

	if (!text)
		return err_set(err, ERR_INVALID, "This cannot be told to the engine");
	r = dial(e->path, &fd, err);
	if (r >= 0)
		r = exchange(e, fd, text, now_ms() + timeout_ms, &line, err);
	free(text);
	if (r >= 0)
		r = understand(&line, ret, err);
	buf_done(&line);
	return r;
}

int engine_follow(struct engine_link *e, int *ret, struct err *err)
{
	static const char line[] = "{\"op\":\"follow\"}\n";
	int fd = -1;
	int r = dial(e->path, &fd, err);

	if (r >= 0)
		r = send_line(fd, line, sizeof(line) - 1, err);
	if (r < 0)
		fd_close(&fd);
	else
		*ret = fd;
	return r;
}

static void wake_now(struct engine_link *e)
{
	struct err ignored = ERR_INIT; /* it looks for itself every two seconds */
	json_t *request = json_pack("{s:s}", "op", "wake");
	json_t *answer = NULL;

	if (request && engine_call(e, request, WAKE_TIMEOUT_MS, &answer, &ignored) >= 0)
		json_decref(answer);
	json_decref(request);
}

static void *wake_when_told(void *arg)
{
	struct engine_link *e = arg;

	(void)pthread_mutex_lock(&e->lock);
	while (!e->is_ending) {
		if (!e->is_wanted) {
			(void)pthread_cond_wait(&e->told, &e->lock);
			continue;
		}
		e->is_wanted = false;
		(void)pthread_mutex_unlock(&e->lock);
		wake_now(e);
		(void)pthread_mutex_lock(&e->lock);
	}
	(void)pthread_mutex_unlock(&e->lock);
	return NULL;
}

void engine_wake(struct engine_link *e)
{
	(void)pthread_mutex_lock(&e->lock);
	e->is_wanted = true;
	(void)pthread_cond_signal(&e->told);
	(void)pthread_mutex_unlock(&e->lock);
}

int engine_link_new(const void *ctx, const char *path, struct engine_link **ret, struct err *err)
{
	struct engine_link *e = mem_new(ctx, struct engine_link);
	int r;

	e->path = mem_str(e, path);
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_cond_init(&e->told, NULL);
	r = pthread_create(&e->waker, NULL, wake_when_told, e);
	if (r) {
		(void)talloc_free(e);
		return err_sys_no(err, r, "start a thread");
	}
	*ret = e;
	return 0;
}

void engine_link_end(struct engine_link *e)
{
	if (!e)
		return;
	(void)pthread_mutex_lock(&e->lock);
	e->is_ending = true;
	(void)pthread_cond_signal(&e->told);
	(void)pthread_mutex_unlock(&e->lock);
}

void engine_link_free(struct engine_link **link)
{
	struct engine_link *e = *link;

	if (!e)
		return;
	engine_link_end(e);
	(void)pthread_join(e->waker, NULL);
	(void)pthread_cond_destroy(&e->told);
	(void)pthread_mutex_destroy(&e->lock);
	(void)talloc_free(e);
	*link = NULL;
}
