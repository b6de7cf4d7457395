/* What is done to a running service; the table is in service.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/rndc.h"
#include "reconciler/service.h"
#include "reconciler/service_bus.h"

enum {
	DEFAULT_TIMEOUT_MS = 10000,
	POLL_MS = 10,
	GONE_MS = 1500, /* php-fpm in the background is between two processes for a moment */
	CHILDREN_MAX = 65536,
	SETTLE_MAX = 50,
	OLD_WORKERS_MS = 2000,
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int timeout_of(const struct service_at *at)
{
	return at->timeout_ms > 0 ? at->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static void nap(void)
{
	(void)poll(NULL, 0, POLL_MS);
}

/* ---- which process it is ---- */

/* A line of a file in /proc without its newline; false: there is none. */
static bool read_proc(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	cleanup_(fd_close) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (n < 0)
		return false;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

static pid_t parent_of(pid_t pid)
{
	char stat[512];
	const char *p;

	if (!read_proc(pid, "stat", stat, sizeof(stat)))
		return 0;
	p = strrchr(stat, ')'); /* the name in parentheses may hold anything */
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : 0;
}

static bool has_name(pid_t pid, const char *comm)
{
	char name[64];

	return read_proc(pid, "comm", name, sizeof(name)) && strcmp(name, comm) == 0;
}

/* Whether PID's own root shows the pid file at the same place: no namesake of another root. */
static bool sees(pid_t pid, const struct service *svc, dev_t dev, ino_t ino)
{
	char path[64];
	struct stat st = { .st_ino = 0 };
	cleanup_(fd_close) int root = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == EACCES;
	return fs_stat(root, svc->pid_file, &st, NULL) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static int absent(const struct service *svc, struct err *err)
{
	return err_set(err, ERR_ABSENT, "%s is not running", svc->name);
}

/* The pid in the pid file, and the file's own identity. */
static int read_pid_file(const struct service_at *at, const struct service *svc, pid_t *ret,
			 struct stat *ret_st, struct err *err)
{
	cleanup_(fd_close) int fd =
		fs_open(at->root, svc->pid_file, O_RDONLY | O_NONBLOCK, 0, 0, err);
	char text[64];
	char *end;
	long pid;
	ssize_t n;

	if (fd == -ERR_NOTFOUND)
		return absent(svc, err);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0 || fstat(fd, ret_st) < 0)
		return err_sys(err, "read %s", svc->pid_file);
	text[n] = '\0';
	pid = strtol(text, &end, 10);
	if (n == 0) /* just being written */
		return absent(svc, err);
	if (end == text || pid < 2 || pid > 4194304 || end[strspn(end, " \t\n")])
		return err_at(err, ERR_CORRUPT, svc->pid_file, "%s does not hold a process id",
			      svc->pid_file);
	*ret = (pid_t)pid;
	return 0;
}

/* Opens the master; the descriptor stays with that process whatever becomes of its number. */
static int open_master(const struct service_at *at, const struct service *svc, pid_t *ret_pid,
		       struct stat *ret_st, struct err *err)
{
	int fd;
	int r;

	*ret_pid = 0;
	*ret_st = (struct stat){ .st_ino = 0 };
	r = read_pid_file(at, svc, ret_pid, ret_st, err);
	if (r < 0)
		return r;
	fd = pidfd_open(*ret_pid, 0);
	if (fd < 0)
		return errno == ESRCH || errno == EINVAL ? absent(svc, err)
							 : err_sys(err, "process of %s", svc->name);
	if (!has_name(*ret_pid, svc->comm) || has_name(parent_of(*ret_pid), svc->comm) ||
	    !sees(*ret_pid, svc, ret_st->st_dev, ret_st->st_ino)) {
		fd_close(&fd);
		return absent(svc, err);
	}
	return fd;
}

int service_pid(const struct service_at *at, const struct service *svc, pid_t *ret, struct err *err)
{
	struct stat st;
	pid_t pid = 0;
	cleanup_(fd_close) int fd = open_master(at, svc, &pid, &st, err);

	if (fd < 0)
		return fd;
	*ret = pid;
	return 0;
}

static bool is_gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* ---- reload, and how one sees that it was taken ---- */

struct watch {
	int pidfd;
	pid_t pid;
	struct stat pid_file;
	char *children; /* " 12 13 " */
};

static char *read_children(const void *ctx, pid_t pid)
{
	char path[64];
	char *text = NULL;
	size_t len;
	cleanup_(fd_close) int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fs_read_fd(ctx, fd, path, CHILDREN_MAX, &text, &len, NULL) < 0)
		return mem_str(ctx, " ");
	return mem_fmt(ctx, " %s ", text);
}

/* Whether a number in NOW is not in OLD. */
static bool has_new_child(const char *old, const char *now)
{
	char word[16];

	for (const char *p = now + strspn(now, " "); *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		(void)snprintf(word, sizeof(word), " %.*s ", (int)n, p);
		if (!strstr(old, word))
			return true;
		p += n;
	}
	return false;
}

static int died(const struct service *svc, struct err *err)
{
	return err_set(
		err, ERR_CHECK,
		"%s ended instead of reloading: it took its configuration for broken and has "
		"to be started again",
		svc->name);
}

/*
 * Whether a new generation is complete: its first worker was seen and no more come. A reload that
 * follows at once must not take the rest of this generation for its own.
 */
static bool is_new_generation(const struct watch *w)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "children");
	const char *seen = read_children(ctx, w->pid);

	if (!has_new_child(w->children, seen))
		return false;
	for (int i = 0; i < SETTLE_MAX; i++) {
		const char *now;

		nap();
		now = read_children(ctx, w->pid);
		if (!has_new_child(seen, now))
			break;
		seen = now;
	}
	return true;
}

/* Whether a worker of W's own generation still takes connections: it says itself that it does not. */
static bool old_ones_serve(const struct watch *w)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "children");
	const char *now = read_children(ctx, w->pid);
	char title[128];
	char word[16];

	for (const char *p = w->children + strspn(w->children, " "); *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		(void)snprintf(word, sizeof(word), " %.*s ", (int)n, p);
		if (strstr(now, word) &&
		    read_proc((pid_t)strtol(p, NULL, 10), "cmdline", title, sizeof(title)) &&
		    strstr(title, "worker process") && !strstr(title, "shutting down"))
			return true;
		p += n;
	}
	return false;
}

/* nginx lets its old workers serve on for 100 ms: what was changed is live when they take no more. */
static void wait_old_ones(const struct watch *w)
{
	int64_t deadline = now_ms() + OLD_WORKERS_MS;

	while (old_ones_serve(w) && now_ms() < deadline && !is_gone(w->pidfd))
		nap();
}

static int wait_children(const struct service *svc, const struct watch *w, int timeout_ms,
			 struct err *err)
{
	int64_t deadline = now_ms() + timeout_ms;

	while (now_ms() < deadline) {
		if (is_gone(w->pidfd))
			return died(svc, err);
		if (is_new_generation(w)) {
			wait_old_ones(w);
			return 0;
		}
		nap();
	}
	return err_set(
		err, ERR_CHECK,
		"%s started no new workers within %d ms: it refused its configuration and goes "
		"on with the old one; its error log says why",
		svc->name, timeout_ms);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The new master writes its pid file when it has read its configuration and opened its sockets. */
static int wait_pid_file(const struct service_at *at, const struct service *svc,
			 const struct watch *w, struct err *err)
{
	int64_t deadline = now_ms() + timeout_of(at);
	int64_t gone_since = 0;

	while (now_ms() < deadline) {
		struct stat st;
		pid_t pid;
		cleanup_(fd_close) int fd = open_master(at, svc, &pid, &st, NULL);

		if (fd >= 0 && !is_same_file(&st, &w->pid_file))
			return 0;
		if (fd >= 0 || !is_gone(w->pidfd))
			gone_since = 0;
		else if (!gone_since)
			gone_since = now_ms();
		else if (now_ms() - gone_since > GONE_MS)
			return died(svc, err);
		nap();
	}
	return err_set(err, ERR_TIMEOUT, "%s did not finish its reload within %d ms", svc->name,
		       timeout_of(at));
}

static int wait_proof(const struct service_at *at, const struct service *svc, const struct watch *w,
		      struct err *err)
{
	switch (svc->proof) {
	case SERVICE_PROOF_NONE: return 0;
	case SERVICE_PROOF_CHILDREN: return wait_children(svc, w, timeout_of(at), err);
	case SERVICE_PROOF_PID_FILE: return wait_pid_file(at, svc, w, err);
	}
	return 0;
}

static int enter(void *arg)
{
	const struct service_at *at = arg;
	struct err err = ERR_INIT;

	if (checkns_enter_root(at->root_path, &err) == 0)
		return 0;
	(void)dprintf(STDERR_FILENO, "%s\n", err.msg);
	return -1;
}

static int run_command(const void *ctx, const struct service_at *at, const struct service *svc,
		       struct err *err)
{
	struct service_at copy = *at;
	struct proc p = { .argv = svc->reload_argv,
			  .timeout_ms = timeout_of(at),
			  .in_child = enter,
			  .arg = &copy };
	struct proc_result res;
	int r = proc_run(ctx, &p, &res, err);

	if (r < 0)
		return r;
	if (res.status != 0)
		return err_set(err, ERR_CHECK, "%s %s: %.500s", svc->reload_argv[0],
			       svc->reload_argv[1], res.out);
	return 0;
}

static int reconfig(const struct service_at *at, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "reconfig");
	struct rndc_at to = { .root = at->root,
			      .port = at->rndc_port,
			      .timeout_ms = timeout_of(at) };
	struct rndc *r;
	int e = rndc_open(ctx, &to, &r, err);

	return e < 0 ? e : rndc_call(ctx, r, "reconfig", NULL, err);
}

static int control(const void *ctx, const struct service_at *at, const struct service *svc,
		   int pidfd, struct err *err)
{
	if (strcmp(at->root_path, "/") == 0 && svc->control != SERVICE_RNDC &&
	    service_bus_is_there())
		return service_bus_reload(svc->unit, timeout_of(at), err);
	switch (svc->control) {
	case SERVICE_SIGNAL:
		return pidfd_send_signal(pidfd, svc->reload_signal, NULL, 0) < 0
			       ? err_sys(err, "signal %s", svc->name)
			       : 0;
	case SERVICE_COMMAND: return run_command(ctx, at, svc, err);
	case SERVICE_RNDC: return reconfig(at, err);
	case SERVICE_NONE: return 0;
	}
	return 0;
}

int service_reload(const void *ctx, const struct service_at *at, const struct service *svc,
		   struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "reload");
	cleanup_(fd_close) int pidfd = -1;
	struct watch w;
	int r;

	if (svc->control == SERVICE_NONE)
		return 0;
	pidfd = open_master(at, svc, &w.pid, &w.pid_file, err);
	if (pidfd < 0)
		return pidfd;
	w.pidfd = pidfd;
	w.children = read_children(tmp, w.pid);
	r = control(ctx, at, svc, pidfd, err);
	return r < 0 ? r : wait_proof(at, svc, &w, err);
}

/* ---- start and stop ---- */

struct start {
	const struct service_at *at;
	int out;
};

/* A daemon keeps its standard output: into memory with it, or proc_run would wait for its end. */
static int start_in_child(void *arg)
{
	struct start *s = arg;
	struct service_at at = *s->at;

	if (enter(&at) < 0)
		return -1;
	return dup2(s->out, STDOUT_FILENO) < 0 || dup2(s->out, STDERR_FILENO) < 0 ? -1 : 0;
}

static int make_run_folder(const struct service_at *at, const struct service *svc, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "run folder");
	char *dir = mem_str(ctx, svc->pid_file);
	/* one thread */
	const struct passwd *pw =
		svc->run_user ? getpwnam(svc->run_user) : NULL; /* NOLINT(concurrency-mt-unsafe) */
	cleanup_(fd_close) int fd = -1;
	int r;

	*strrchr(dir, '/') = '\0';
	if (fs_exists(at->root, dir))
		return 0;
	r = fs_mkdirs(at->root, dir, 0755, err);
	if (r < 0 || !pw)
		return r;
	fd = fs_open(at->root, dir, O_RDONLY | O_DIRECTORY, 0, FS_NOLINKS, err);
	if (fd < 0)
		return fd;
	return fchown(fd, pw->pw_uid, pw->pw_gid) < 0 ? err_sys(err, "chown %s", dir) : 0;
}

static int say_why(const struct service *svc, int out, const char *what, struct err *err)
{
	char text[500];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	return err_set(err, ERR_CHECK, "%s %s: %.*s", svc->name, what, (int)MAX(n, 0), text);
}

int service_start_child(const void *ctx, const struct service_at *at, const struct service *svc,
			struct err *err)
{
	cleanup_(fd_close) int out = memfd_create("output", MFD_CLOEXEC);
	struct start s = { .at = at, .out = out };
	struct proc p = { .argv = svc->start_argv,
			  .timeout_ms = timeout_of(at),
			  .in_child = start_in_child,
			  .arg = &s };
	int64_t deadline = now_ms() + timeout_of(at);
	struct proc_result res = { .status = 0 };
	pid_t pid;
	int r = service_pid(at, svc, &pid, NULL);

	if (out < 0)
		return err_sys(err, "memory for the output of %s", svc->name);
	if (r == 0)
		return err_set(err, ERR_CONFLICT, "%s runs already, process %d", svc->name, pid);
	r = make_run_folder(at, svc, err);
	if (r == 0)
		r = proc_run(ctx, &p, &res, err);
	if (r < 0)
		return r;
	if (res.status != 0)
		return say_why(svc, out, "did not start", err);
	while (service_pid(at, svc, &pid, NULL) < 0) {
		if (now_ms() > deadline)
			return say_why(svc, out, "did not come up", err);
		nap();
	}
	return 0;
}

int service_stop_child(const struct service_at *at, const struct service *svc, struct err *err)
{
	struct stat st;
	pid_t pid;
	cleanup_(fd_close) int pidfd = open_master(at, svc, &pid, &st, err);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd == -ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (pidfd < 0)
		return pidfd;
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0)
		return err_sys(err, "stop %s", svc->name);
	if (poll(&p, 1, timeout_of(at)) > 0)
		return 0;
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0)
		return err_sys(err, "kill %s", svc->name);
	return 0;
}
