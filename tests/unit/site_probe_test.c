#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/site_probe.h"
#include "renderers/web.h"
#include "tests/support/testing.h"

#define OURS "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 32\r\n\r\n" SITE_PROBE_TEXT

/* Listens at a port of its own choice; RET_PORT. */
static int listen_at(uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

/* The child's part: reads the request, checks it, and answers; "" says nothing. */
static void serve(int fd, const char *answer)
{
	static const char want[] = "GET " SITE_PROBE_URI " HTTP/1.0\r\nHost: a.example\r\n";
	char in[1024] = "";
	int to = accept(fd, NULL, NULL);

	if (read(to, in, sizeof(in) - 1) <= 0 || strncmp(in, want, strlen(want)) != 0)
		_exit(1);
	if (!*answer)
		(void)poll(NULL, 0, 10000);
	if (strcmp(answer, "endless") == 0) {
		while (send(to, OURS, strlen(OURS), MSG_NOSIGNAL) > 0)
			continue;
	}
	(void)send(to, answer, strlen(answer), MSG_NOSIGNAL);
	(void)shutdown(to, SHUT_WR);
	(void)read(to, in, sizeof(in));
	_exit(0);
}

static int probe(const char *answer, struct err *err)
{
	struct service_at at = { .root = -1 };
	int fd = listen_at(&at.http_port);
	pid_t pid = fork();
	int r;

	assert_true(pid >= 0);
	if (pid == 0)
		serve(fd, answer);
	(void)close(fd);
	err_clear(err);
	r = site_probe(&at, "a.example", 300, err);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return r;
}

TEST(who_serves_our_file_is_ours)
{
	struct err err = ERR_INIT;

	assert_ok(probe(OURS, &err), &err);
}

TEST(any_other_answer_is_another_block)
{
	static const char *const answers[] = {
		"HTTP/1.1 404 Not Found\r\n\r\n" SITE_PROBE_TEXT,
		"HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nWelcome",
		"HTTP/1.1 200 OK\r\n\r\n" SITE_PROBE_TEXT "and more",
		"HTTP/1.1 200 OK\r\nX: " SITE_PROBE_TEXT,
		"HTTP/1.1 2000 OK\r\n\r\n" SITE_PROBE_TEXT,
		"220 mail.example ESMTP\r\n\r\n" SITE_PROBE_TEXT,
		"H",
		"\r\n\r\n",
		"endless",
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(probe(answers[i], &err), -ERR_CHECK);
	}
}

TEST(one_that_says_nothing_meets_the_deadline)
{
	struct err err = ERR_INIT;

	assert_int_equal(probe("", &err), -ERR_TIMEOUT);
}

TEST(a_port_where_nobody_listens_is_absent)
{
	struct service_at at = { .root = -1 };
	struct err err = ERR_INIT;
	int fd = listen_at(&at.http_port);

	fd_close(&fd);
	assert_int_equal(site_probe(&at, "a.example", 300, &err), -ERR_ABSENT);
}

TEST(what_is_no_host_name_is_not_sent)
{
	static const char *const bad[] = { "", "a b", "a\r\nX: y", "A.example", "a/../b" };
	struct service_at at = { .root = -1, .http_port = 1 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(site_probe(&at, bad[i], 300, &err), -ERR_INVALID);
	}
}
