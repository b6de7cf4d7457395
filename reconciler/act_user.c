/* Processes of a user that is being removed. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/act.h"

enum {
	ROUNDS = 100,
	NAP_NS = 20000000
};

/* Whether /proc/PID is of UID and lives in ROOT: a sandbox's numbers may be other people's outside. */
static bool is_of(int proc, const char *pid, uid_t uid, const struct stat *root)
{
	char path[32];
	struct stat st;

	if (fstatat(proc, pid, &st, 0) < 0 || st.st_uid != uid)
		return false;
	(void)snprintf(path, sizeof(path), "%.16s/root", pid);
	return fstatat(proc, path, &st, 0) == 0 && st.st_dev == root->st_dev &&
	       st.st_ino == root->st_ino;
}

/* The pidfd is taken before looking, so that a reused pid is never hit. True when there was one. */
static bool end_one(int proc, const char *name, uid_t uid, const struct stat *root)
{
	pid_t pid = (pid_t)strtol(name, NULL, 10);
	cleanup_(fd_close) int fd = pid > 1 ? pidfd_open(pid, 0) : -1;

	if (fd < 0 || !is_of(proc, name, uid, root))
		return false;
	(void)pidfd_send_signal(fd, SIGKILL, NULL, 0); /* one that is gone is what we want */
	return true;
}

/* One round over all processes; returns how many were there. */
static int end_round(uid_t uid, const struct stat *root, struct err *err)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return err_sys(err, "read /proc");
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (isdigit((unsigned char)entry->d_name[0]))
			n += end_one(dirfd(dir), entry->d_name, uid, root);
	}
	(void)closedir(dir);
	return n;
}

int act_end_processes(struct plan *p, int64_t uid, struct err *err)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	struct stat root;
	int n = 0;

	if (uid <= 0)
		return 0;
	if (fstat(p->e->root, &root) < 0)
		return err_sys(err, "stat the root folder");
	for (int i = 0; i < ROUNDS; i++) { /* again until none is left: some fork meanwhile */
		n = end_round((uid_t)uid, &root, err);
		if (n <= 0)
			return n;
		(void)nanosleep(&nap, NULL);
	}
	return err_set(err, ERR_BUSY, "%d processes of user id %" PRId64 " do not end", n, uid);
}
