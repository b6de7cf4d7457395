#include "tests/support/engine_fake.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/testing.h"

static void serve(struct engine_fake *f, int fd)
{
	static const char answer[] = "{\"ok\":true,\"applied\":1}\n";
	char line[4096] = "";
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

	(void)pthread_mutex_lock(&f->lock);
	if (n > 0)
		(void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	if (n > 0 && strstr(line, "follow")) {
		fd_close(&f->follower);
		f->follower = fd;
	} else {
		fd_close(&fd);
	}
	(void)pthread_mutex_unlock(&f->lock);
}

static void *run(void *arg)
{
	struct engine_fake *f = arg;
	int fd;

	while ((fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		serve(f, fd);
	return NULL;
}

void engine_fake_start(struct engine_fake *f, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	*f = (struct engine_fake){ .follower = -1 };
	assert_true(strlen(path) < sizeof(at.sun_path));
	memcpy(at.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->fd >= 0);
	assert_int_equal(bind(f->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(f->fd, 16), 0);
	(void)pthread_mutex_init(&f->lock, NULL);
	assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void engine_fake_stop(struct engine_fake *f)
{
	(void)shutdown(f->fd, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	fd_close(&f->fd);
	fd_close(&f->follower);
	(void)pthread_mutex_destroy(&f->lock);
}

static bool tell(struct engine_fake *f, const char *line)
{
	bool is_there;

	(void)pthread_mutex_lock(&f->lock);
	is_there = f->follower >= 0;
	if (is_there) {
		(void)!send(f->follower, line, strlen(line), MSG_NOSIGNAL);
		(void)!send(f->follower, "\n", 1, MSG_NOSIGNAL);
	}
	(void)pthread_mutex_unlock(&f->lock);
	return is_there;
}

void engine_fake_tell(struct engine_fake *f, const char *line)
{
	for (int i = 0; i < 1000; i++) {
		if (tell(f, line))
			return;
		(void)usleep(10000);
	}
	fail_msg("nobody follows");
}
