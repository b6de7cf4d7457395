/* sandbox init, start, stop, status */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/sandbox.h"
#include "model/settings.h"
#include "reconciler/daemon.h"
#include "reconciler/enginedb.h"

enum {
	START_MS = 30000,
	ENGINE_MS = 10000,
	NAP_MS = 20,
	PORT_MIN = 1024,
	N_SERVICES = 6,
};

struct services {
	const struct service *v[N_SERVICES];
	size_t n;
};

/* In the order in which they are started. */
static int find_services(struct cli *c, struct services *ret, struct err *err)
{
	const char *names[N_SERVICES] = { NULL, "nginx", "bind", "dovecot", "postfix", "cron" };
	const char *php = NULL;
	int r = sandbox_setting(c, "default_php", &php, err);

	names[0] = r < 0 ? NULL : mem_fmt(c->ctx, "php%s-fpm", php);
	ret->n = 0;
	for (size_t i = 0; i < N_SERVICES && r >= 0; i++)
		r = service_find(c->ctx, names[i], &ret->v[ret->n++], err);
	return r;
}

/* novacpxd: not in the sandbox' own root, for it works on the sandbox from outside */

/* What its pid file says; 0: nothing. */
static pid_t written_pid(int fd)
{
	char text[32] = "";
	long pid = pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;

	return pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* The process that holds the lock of its pid file; ERR_ABSENT: none does. */
static int engine_pid(struct cli *c, pid_t *ret, struct err *err)
{
	cleanup_(fd_close) int fd = fs_open(c->e->root, DAEMON_PID, O_RDONLY, 0, 0, err);
	pid_t pid = 0;

	if (fd < 0 && fd != -ERR_NOTFOUND)
		return fd;
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0)
		pid = written_pid(fd);
	if (!pid)
		return err_set(err, ERR_ABSENT, "novacpxd is not running");
	*ret = pid;
	return 0;
}

/* The path of this program. */
static const char *own_program(struct cli *c)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	return n > 0 ? mem_strn(c->ctx, self, (size_t)n) : "/usr/bin/novacpx";
}

/* Beside our own program, or where packages have it. */
static const char *engine_program(struct cli *c)
{
	const char *self = own_program(c);
	const char *path = mem_fmt(c->ctx, "%.*s/novacpxd", (int)(strrchr(self, '/') - self), self);

	if (access(path, X_OK) == 0)
		return path;
	path = "/usr/sbin/novacpxd";
	return access(path, X_OK) == 0 ? path : NULL;
}

noreturn_ static void become_engine(const char *program, const char *root, int log)
{
	const char *const argv[] = { program, "--root", root, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* a session of its own: it outlives us and the terminal */
	if (setsid() < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	(void)execve(program, (char *const *)argv, (char *const *)proc_env);
	_exit(127);
}

/* Waits until PID listens. Its lock is not tried meanwhile: that would be in its way. */
static int wait_engine(struct cli *c, pid_t pid, struct err *err)
{
	for (int waited = 0; waited < ENGINE_MS; waited += NAP_MS) {
		cleanup_(fd_close) int fd = fs_open(c->e->root, DAEMON_PID, O_RDONLY, 0, 0, NULL);

		if (fd >= 0 && written_pid(fd) == pid && fs_exists(c->e->root, DAEMON_SOCKET))
			return 0;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		(void)poll(NULL, 0, NAP_MS);
	}
	return err_set(err, ERR_ABSENT,
		       "novacpxd did not start; its log is %s/var/log/novacpxd.log",
		       c->e->root_path);
}

static int start_engine(struct cli *c, struct err *err)
{
	const char *program = engine_program(c);
	cleanup_(fd_close) int log = -1;
	struct err e = ERR_INIT;
	pid_t pid = 0;
	int r;

	if (engine_pid(c, &pid, &e) == 0) {
		(void)printf("%-12s runs already (process %d)\n", "novacpxd", (int)pid);
		return 0;
	}
	if (!program) {
		(void)printf("%-12s is not there; `novacpx pass` does its work once\n", "novacpxd");
		return 0;
	}
	log = fs_open(c->e->root, "/var/log/novacpxd.log", O_WRONLY | O_CREAT | O_APPEND, 0640, 0,
		      err);
	if (log < 0)
		return log;
	pid = fork();
	if (pid < 0)
		return err_sys(err, "start novacpxd");
	if (pid == 0)
		become_engine(program, c->e->root_path, log);
	r = wait_engine(c, pid, err);
	if (r >= 0)
		(void)printf("%-12s started\n", "novacpxd");
	return r;
}

static int stop_engine(struct cli *c, struct err *err)
{
	struct pollfd p = { .events = POLLIN };
	cleanup_(fd_close) int pidfd = -1;
	pid_t pid = 0;
	int r = engine_pid(c, &pid, err);

	if (r == -ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 || pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		return errno == ESRCH ? 0 : err_sys(err, "stop novacpxd");
	p.fd = pidfd;
	if (poll(&p, 1, START_MS) <= 0)
		return err_set(err, ERR_TIMEOUT, "novacpxd (process %d) did not end", (int)pid);
	(void)printf("%-12s stopped\n", "novacpxd");
	return 1;
}

/* The parts of the command */

static int init(struct cli *c, struct err *err)
{
	int r = sandbox_make(c->ctx, c->root_path, err);

	if (r < 0)
		return r;
	if (r == 0)
		(void)printf("%s is a sandbox already.\n", c->root_path);
	else
		(void)printf("Sandbox made in %s.\n", c->root_path);
	return EXIT_DONE;
}

/* 0, or 1 when it does not run for a reason that was printed. */
static int start_one(struct cli *c, const struct service_at *at, const struct service *svc)
{
	struct err e = ERR_INIT;
	pid_t pid = 0;

	if (!service_is_installed(at, svc)) {
		(void)printf("%-12s is not installed on this machine\n", svc->name);
		return 1;
	}
	if (service_pid(at, svc, &pid, &e) == 0) {
		(void)printf("%-12s runs already (process %d)\n", svc->name, (int)pid);
		return 0;
	}
	err_clear(&e);
	if (service_start_child(c->ctx, at, svc, &e) < 0) {
		(void)printf("%-12s CANNOT RUN HERE: %s\n", svc->name, e.msg);
		return 1;
	}
	(void)printf("%-12s started\n", svc->name);
	return 0;
}

/* A sandbox is no reason to take a usual port from the host, nor to need one. */
static int check_ports(struct cli *c, struct err *err)
{
	int64_t head = 0;
	int64_t applied = 0;
	int r = 0;

	for (size_t i = 0; i < n_settings && r >= 0; i++) {
		const char *name = settings[i].name;
		const char *value = NULL;
		size_t len = strlen(name);

		if (len < 5 || strcmp(name + len - 5, "_port") != 0)
			continue;
		r = sandbox_setting(c, name, &value, err);
		if (r >= 0 && strtol(value, NULL, 10) < PORT_MIN)
			r = err_set(err, ERR_DENIED,
				    "setting %s is %s; in a sandbox it is %d or more. "
				    "examples/sandbox has ports: apply them first",
				    name, value, PORT_MIN);
	}
	if (r >= 0)
		r = store_head(c->e->store, &head, err);
	if (r >= 0)
		r = cursor_get(c->e->db, "applied", &applied, err);
	if (r >= 0 && applied < head)
		r = err_set(err, ERR_CONFLICT,
			    "revision %lld is wanted and %lld applied, so daemons might take other "
			    "ports; first: novacpx --root %s pass",
			    (long long)head, (long long)applied, c->e->root_path);
	return r;
}

static int start(struct cli *c, struct err *err)
{
	struct service_at at = c->e->at;
	struct services s = { .n = 0 };
	int failed = 0;
	int r = check_ports(c, err);

	if (r >= 0)
		r = find_services(c, &s, err);

	at.timeout_ms = START_MS;
	for (size_t i = 0; i < s.n && r >= 0; i++)
		failed += start_one(c, &at, s.v[i]);
	if (r >= 0)
		r = start_engine(c, err);
	return r < 0 ? r : failed ? EXIT_ERROR : EXIT_DONE;
}

static int stop(struct cli *c, struct err *err)
{
	struct service_at at = c->e->at;
	struct services s = { .n = 0 };
	bool any = false;
	int r = find_services(c, &s, err);

	at.timeout_ms = START_MS;
	if (r >= 0) {
		r = stop_engine(c, err);
		any = r > 0;
	}
	for (size_t i = s.n; i > 0 && r >= 0; i--) {
		struct err e = ERR_INIT;
		pid_t pid = 0;

		if (service_pid(&at, s.v[i - 1], &pid, &e) < 0)
			continue;
		any = true;
		r = service_stop_child(&at, s.v[i - 1], err);
		if (r >= 0)
			(void)printf("%-12s stopped\n", s.v[i - 1]->name);
	}
	if (r >= 0 && !any)
		(void)puts("Nothing runs.");
	return r < 0 ? r : EXIT_DONE;
}

static int status(struct cli *c, struct err *err)
{
	struct services s = { .n = 0 };
	struct err e = ERR_INIT;
	pid_t pid = 0;
	int r = find_services(c, &s, err);

	if (r < 0)
		return r;
	(void)printf("Sandbox %s\n", c->e->root_path);
	for (size_t i = 0; i < s.n; i++) {
		err_clear(&e);
		if (service_pid(&c->e->at, s.v[i], &pid, &e) == 0)
			(void)printf("  %-12s runs, process %d\n", s.v[i]->name, (int)pid);
		else
			(void)printf("  %-12s is stopped\n", s.v[i]->name);
	}
	err_clear(&e);
	if (engine_pid(c, &pid, &e) == 0)
		(void)printf("  %-12s runs, process %d\n", "novacpxd", (int)pid);
	else
		(void)printf("  %-12s is stopped\n", "novacpxd");
	r = sandbox_show(c, err);
	if (r >= 0)
		(void)printf("\nLogs: %s/var/log\nStop: %s --root %s sandbox stop\n",
			     c->e->root_path, own_program(c), c->e->root_path);
	return r < 0 ? r : EXIT_DONE;
}

int cmd_sandbox(struct cli *c, struct err *err)
{
	static const struct {
		const char *name;
		int (*run)(struct cli *c, struct err *err);
	} verbs[] = { { "start", start }, { "stop", stop }, { "status", status } };

	int r;

	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* a start may take a while */
	if (strcmp(c->args[0], "init") == 0)
		return init(c, err);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		cleanup_(fd_close) int root = -1;

		if (strcmp(c->args[0], verbs[i].name) != 0)
			continue;
		root = fs_root_open(c->root_path, err);
		if (root < 0)
			return root;
		if (!sandbox_is_one(root))
			return err_set(err, ERR_NOTFOUND,
				       "%s is no sandbox; make one with: novacpx --root DIR "
				       "sandbox init",
				       c->root_path);
		r = cli_open(c, err);
		return r < 0 ? r : verbs[i].run(c, err);
	}
	return err_set(err, ERR_INVALID,
		       "usage: novacpx --root DIR sandbox init|start|stop|status");
}
