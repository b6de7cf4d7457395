/*
 * novacpxd and novacpx-api of a sandbox. Who holds the lock of a pid file is the process that is
 * written in it; the API's is opened here and stays open in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/sandbox.h"
#include "reconciler/checkns.h"
#include "reconciler/daemon.h"

enum {
	UP_MS = 10000,
	DOWN_MS = 30000,
	NAP_MS = 20,
	ARGS_MAX = 8,
};

struct own {
	const char *name;
	const char *pid_file;
	const char *log;
	const char *without; /* what its absence means */
	bool lives_inside;   /* DIR is its root, and it does not keep its pid file itself */
	bool (*is_up)(struct cli *c);
	const char *args[ARGS_MAX];
};

static bool engine_is_up(struct cli *c)
{
	return fs_exists(c->e->root, DAEMON_SOCKET);
}

static bool api_is_up(struct cli *c)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtol(SANDBOX_HTTP_PORT, NULL, 10)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	cleanup_(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)c;
	return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

/* In the order in which they are started: the engine makes the database and the user. */
static const struct own owns[] = {
	{ "novacpxd",
	  DAEMON_PID,
	  "/var/log/novacpxd.log",
	  "`novacpx pass` does its work once",
	  false,
	  engine_is_up,
	  { "--root" } }, /* and the folder */
	{ "novacpx-api",
	  "/run/novacpx/novacpx-api.pid",
	  "/var/log/novacpx-api.log",
	  "nothing answers by HTTP",
	  true,
	  api_is_up,
	  { "--http", SANDBOX_HTTP_PORT, "--listen", SANDBOX_HTTPS_PORT } },
};

/* What its pid file says; 0: nothing. */
static pid_t written_pid(int fd)
{
	char text[32] = "";
	long pid = pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* The process that holds the lock of its pid file; ERR_ABSENT: none does. */
static int find_pid(struct cli *c, const struct own *o, pid_t *ret, struct err *err)
{
	cleanup_(fd_close) int fd = fs_open(c->e->root, o->pid_file, O_RDONLY, 0, 0, err);
	pid_t pid = 0;

	if (fd < 0 && fd != -ERR_NOTFOUND)
		return fd;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
		pid = written_pid(fd);
	if (!pid)
		return err_set(err, ERR_ABSENT, "%s is not running", o->name);
	*ret = pid;
	return 0;
}

const char *sandbox_program(struct cli *c)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	return n > 0 ? mem_strn(c->ctx, self, (size_t)n) : "/usr/bin/novacpx";
}

/* Beside our own program, or where packages have it. */
static const char *program_of(struct cli *c, const struct own *o)
{
	const char *self = sandbox_program(c);
	const char *path =
		mem_fmt(c->ctx, "%.*s/%s", (int)(strrchr(self, '/') - self), self, o->name);

	if (access(path, X_OK) == 0)
		return path;
	path = mem_fmt(c->ctx, "/usr/sbin/%s", o->name);
	return access(path, X_OK) == 0 ? path : NULL;
}

/* Starting */

struct start {
	const struct own *own;
	const char *root;
	int program, log, pid_file; /* the last one: of who does not keep it itself, or -1 */
};

/* The descriptor outlives execve: the lock is held as long as the process lives. */
static bool hold_pid_file(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0 &&
	       pwrite(fd, text, (size_t)len, 0) == len && fcntl(fd, F_SETFD, 0) == 0;
}

noreturn_ static void become(const struct start *s)
{
	const char *argv[ARGS_MAX + 3] = { s->own->name };
	struct err err = ERR_INIT;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t n = 1;

	for (const char *const *a = s->own->args; *a; a++)
		argv[n++] = *a;
	if (!s->own->lives_inside)
		argv[n] = s->root;
	/* a session of its own: it outlives us and the terminal */
	if (setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(s->log, STDOUT_FILENO) < 0 ||
	    dup2(s->log, STDERR_FILENO) < 0)
		_exit(126);
	if (s->own->lives_inside &&
	    (!hold_pid_file(s->pid_file) || checkns_enter_root(s->root, &err) < 0)) {
		(void)dprintf(STDERR_FILENO, "%s: %s\n", s->own->name,
			      err.code ? err.msg : "its pid file is somebody else's");
		_exit(126);
	}
	(void)fexecve(s->program, (char *const *)argv, (char *const *)proc_env);
	(void)dprintf(STDERR_FILENO, "%s: cannot be run: errno %d\n", s->own->name, errno);
	_exit(127);
}

/* Waits until PID serves. Its lock is not tried meanwhile: that would be in its way. */
static int wait_up(struct cli *c, const struct own *o, pid_t pid, struct err *err)
{
	for (int waited = 0; waited < UP_MS; waited += NAP_MS) {
		cleanup_(fd_close) int fd = fs_open(c->e->root, o->pid_file, O_RDONLY, 0, 0, NULL);

		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		if (fd >= 0 && written_pid(fd) == pid && o->is_up(c))
			return 0;
		(void)poll(NULL, 0, NAP_MS);
	}
	return err_set(err, ERR_ABSENT, "%s did not start; its log is %s%s", o->name,
		       c->e->root_path, o->log);
}

static int launch(struct cli *c, const struct own *o, const char *program, struct err *err)
{
	cleanup_(fd_close) int log =
		fs_open(c->e->root, o->log, O_WRONLY | O_CREAT | O_APPEND, 0640, 0, err);
	cleanup_(fd_close) int file = open(program, O_RDONLY | O_CLOEXEC);
	cleanup_(fd_close) int pid_file = -1;
	struct start s = { .own = o, .root = c->e->root_path, .program = file, .log = log };
	pid_t pid;

	if (log < 0)
		return log;
	if (file < 0)
		return err_sys(err, "open %s", program);
	if (o->lives_inside) {
		pid_file = fs_open(c->e->root, o->pid_file, O_RDWR | O_CREAT, 0644, 0, err);
		if (pid_file < 0)
			return pid_file;
	}
	s.pid_file = pid_file;
	pid = fork();
	if (pid < 0)
		return err_sys(err, "start %s", o->name);
	if (pid == 0)
		become(&s);
	return wait_up(c, o, pid, err);
}

static int start_own(struct cli *c, const struct own *o, struct err *err)
{
	const char *program = program_of(c, o);
	struct err e = ERR_INIT;
	pid_t pid = 0;
	int r;

	if (find_pid(c, o, &pid, &e) == 0) {
		(void)printf("%-12s runs already (process %d)\n", o->name, (int)pid);
		return 0;
	}
	if (!program) {
		(void)printf("%-12s is not there; %s\n", o->name, o->without);
		return 0;
	}
	r = launch(c, o, program, err);
	if (r >= 0)
		(void)printf("%-12s started\n", o->name);
	return r;
}

int sandbox_start_own(struct cli *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(owns) && r >= 0; i++)
		r = start_own(c, &owns[i], err);
	return r;
}

static int stop_own(struct cli *c, const struct own *o, struct err *err)
{
	struct pollfd p = { .events = POLLIN };
	cleanup_(fd_close) int pidfd = -1;
	pid_t pid = 0;
	int r = find_pid(c, o, &pid, err);

	if (r == -ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 || pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		return errno == ESRCH ? 0 : err_sys(err, "stop %s", o->name);
	p.fd = pidfd;
	if (poll(&p, 1, DOWN_MS) <= 0)
		return err_set(err, ERR_TIMEOUT, "%s (process %d) did not end", o->name, (int)pid);
	(void)printf("%-12s stopped\n", o->name);
	return 1;
}

int sandbox_stop_own(struct cli *c, struct err *err)
{
	bool any = false;
	int r = 0;

	for (size_t i = ARRAY_LEN(owns); i > 0 && r >= 0; i--) {
		r = stop_own(c, &owns[i - 1], err);
		any = any || r > 0;
	}
	return r < 0 ? r : any;
}

void sandbox_show_own(struct cli *c)
{
	for (size_t i = 0; i < ARRAY_LEN(owns); i++) {
		struct err e = ERR_INIT;
		pid_t pid = 0;

		if (find_pid(c, &owns[i], &pid, &e) == 0)
			(void)printf("  %-12s runs, process %d\n", owns[i].name, (int)pid);
		else
			(void)printf("  %-12s is stopped\n", owns[i].name);
	}
}
