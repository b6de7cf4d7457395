#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

const char *const proc_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
	"LC_ALL=C.UTF-8",
	"HOME=/root",
	NULL,
};

enum {
	CHILD_PREPARE = 126,
	CHILD_NO_PROGRAM = 127
};

noreturn_ static void child(const struct proc *p, int in, int out)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* NOLINT(concurrency-mt-unsafe): one thread */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(CHILD_PREPARE);
	if (p->in_child && p->in_child(p->arg) != 0)
		_exit(CHILD_PREPARE);
	(void)execvpe(p->argv[0], (char *const *)p->argv, (char *const *)proc_env);
	_exit(CHILD_NO_PROGRAM);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct pump {
	const char *input;
	size_t input_len;
	int in, out;
	int64_t deadline;
	size_t max;
};

/* Moves bytes both ways until the child closes its output. Returns false at the deadline. */
static bool pump(struct pump *s, struct buf *output)
{
	char block[16384];

	for (;;) {
		struct pollfd fds[] = { { .fd = s->out, .events = POLLIN },
					{ .fd = s->in, .events = POLLOUT } };
		int64_t left = s->deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(fds, 2, (int)MIN(left, 1000)) < 0 && errno != EINTR)
			return false;
		if (s->in >= 0 && fds[1].revents) {
			n = send(s->in, s->input, s->input_len, MSG_NOSIGNAL);
			if (n > 0) {
				s->input += n;
				s->input_len -= (size_t)n;
			}
			if (s->input_len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
				fd_close(&s->in);
		}
		if (!fds[0].revents)
			continue;
		n = read(s->out, block, sizeof(block));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return true;
		buf_put(output, block, MIN((size_t)n, s->max - output->len));
	}
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int proc_run(const void *ctx, const struct proc *p, struct proc_result *ret, struct err *err)
{
	cleanup_(fd_close) int in_r = -1;
	cleanup_(fd_close) int in_w = -1;
	cleanup_(fd_close) int out_r = -1;
	cleanup_(fd_close) int out_w = -1;
	struct buf output = BUF_ON(ctx);
	int fds[2];
	pid_t pid;

	if (p->input) {
		/* a socket, not a pipe: a child that ends early must not kill us by SIGPIPE */
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return err_sys(err, "socket pair");
		in_r = fds[0];
		in_w = fds[1];
		(void)fcntl(in_w, F_SETFL, O_NONBLOCK);
	} else {
		in_r = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (in_r < 0)
			return err_sys(err, "open /dev/null");
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	out_r = fds[0];
	out_w = fds[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, "start %s", p->argv[0]);
	if (pid == 0)
		child(p, in_r, out_w);
	fd_close(&in_r);
	fd_close(&out_w);

	struct pump s = {
		.input = p->input,
		.input_len = p->input_len,
		.in = in_w,
		.out = out_r,
		.deadline = now_ms() + (p->timeout_ms ? p->timeout_ms : 60000),
		.max = p->output_max ? p->output_max : (size_t)1 << 20,
	};

	in_w = -1; /* pump closes it. NOLINT(clang-analyzer-deadcode.DeadStores): cleanup_() reads it */
	ret->timed_out = !pump(&s, &output);
	fd_close(&s.in);
	if (ret->timed_out)
		(void)kill(-pid, SIGKILL);
	ret->status = reap(pid);
	ret->out = output.data ? output.data : mem_str(ctx, "");
	ret->out_len = output.len;
	if (ret->timed_out)
		return err_set(err, ERR_TIMEOUT, "%s: did not end within %d ms", p->argv[0],
			       p->timeout_ms ? p->timeout_ms : 60000);
	if (ret->status == CHILD_NO_PROGRAM && ret->out_len == 0)
		return err_set(err, ERR_ABSENT, "%s: no such program", p->argv[0]);
	return 0;
}
