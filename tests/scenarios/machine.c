#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

enum {
	NOON = 1795435200 /* 2026-11-23 12:00 UTC */
};

static int64_t offset; /* of the clock: time(2) has nowhere else to look */

void clock_set(int64_t seconds)
{
	offset = seconds;
}

/* Stands before libc's in this program. */
time_t time(time_t *ret)
{
	time_t now = (time_t)(NOON + offset);

	if (ret)
		*ret = now;
	return now;
}

noreturn_ static void bail_out(const char *fmt, va_list ap, int sys) format_(1, 0);

static void bail_out(const char *fmt, va_list ap, int sys)
{
	(void)fputs("Bail out! ", stdout);
	(void)vprintf(fmt, ap);
	(void)printf("%s%s\n", sys ? ": " : "", sys ? strerrordesc_np(sys) : "");
	(void)fflush(stdout);
	_exit(70);
}

void broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	bail_out(fmt, ap, 0);
}

void broken_sys(const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	bail_out(fmt, ap, sys);
}

/* Trees */

static void copy_file(const char *from, const char *to)
{
	cleanup_(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_(fd_close) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char block[65536];
	ssize_t n = 1;

	if (in < 0 || out < 0)
		broken_sys("copy %s to %s", from, to);
	while (n > 0) {
		n = read(in, block, sizeof(block));
		if (n > 0 && fs_write_all(out, block, (size_t)n) < 0)
			n = -1;
	}
	if (n < 0)
		broken_sys("copy %s", from);
}

static void copy_entry(const char *from, const char *to, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	switch (st->st_mode & S_IFMT) {
	case S_IFDIR: tree_copy(from, to); return;
	case S_IFLNK:
		n = readlink(from, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (symlink(target, to) < 0 || lchown(to, st->st_uid, st->st_gid) < 0)
			broken_sys("link %s", to);
		return;
	default: copy_file(from, to);
	}
	if (chown(to, st->st_uid, st->st_gid) < 0 || chmod(to, st->st_mode & 07777) < 0)
		broken_sys("owner of %s", to);
}

void tree_copy(const char *from, const char *to)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "copy");
	struct stat st;
	struct dirent *entry;
	DIR *dir = opendir(from);

	if (!dir || lstat(from, &st) < 0 || mkdir(to, 0700) < 0)
		broken_sys("copy folder %s to %s", from, to);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		const char *a = mem_fmt(ctx, "%s/%s", from, entry->d_name);
		const char *b = mem_fmt(ctx, "%s/%s", to, entry->d_name);
		struct stat child;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (lstat(a, &child) < 0)
			broken_sys("look at %s", a);
		copy_entry(a, b, &child);
	}
	(void)closedir(dir);
	if (chown(to, st.st_uid, st.st_gid) < 0 || chmod(to, st.st_mode & 07777) < 0)
		broken_sys("owner of %s", to);
}

void tree_remove(const char *path)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open("/", &err);

	if (root < 0 || fs_remove_tree(root, path, 0, &err) < 0)
		broken("%s", err.msg);
}

/* Git keeps neither owners nor modes nor empty folders. */
static void furnish(const char *root)
{
	static const char *const folders[] = { "/home",
					       "/srv",
					       "/tmp",
					       "/run/php",
					       "/run/scenario",
					       "/var/lib/bind",
					       "/var/log",
					       "/var/cache/bind",
					       "/var/spool/cron",
					       "/etc/cron.d",
					       "/etc/logrotate.d",
					       "/etc/nginx/conf.d",
					       "/etc/systemd/system",
					       "/etc/php/8.3/fpm/pool.d" };
	static const char *const programs[] = {
		"/usr/sbin/nginx", "/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm8.3",
		"/usr/sbin/named", "/usr/sbin/postfix",    "/usr/sbin/dovecot",
		"/usr/sbin/cron",  "/usr/bin/doveconf",    "/usr/bin/named-checkconf",
	};
	struct err err = ERR_INIT;
	cleanup_(fd_close) int fd = fs_root_open(root, &err);
	int r = fd;

	for (size_t i = 0; i < ARRAY_LEN(folders) && r >= 0; i++)
		r = fs_mkdirs(fd, folders[i], 0755, &err);
	if (r >= 0)
		r = fs_mkdirs(fd, "/usr/sbin", 0755, &err);
	if (r >= 0)
		r = fs_mkdirs(fd, "/usr/bin", 0755, &err);
	for (size_t i = 0; i < ARRAY_LEN(programs) && r >= 0; i++)
		r = fs_write_atomic(fd, programs[i], "", 0, 0755, &err);
	if (r < 0)
		broken("furnish %s: %s", root, err.msg);
	if (fchmodat(fd, "etc/shadow", 0640, 0) < 0 || fchownat(fd, "etc/shadow", 0, 42, 0) < 0 ||
	    fchmodat(fd, "etc/gshadow", 0640, 0) < 0 || fchownat(fd, "etc/gshadow", 0, 42, 0) < 0 ||
	    fchmodat(fd, "tmp", 01777, 0) < 0)
		broken_sys("furnish %s", root);
}

void machine_make(const char *fixture, const char *root)
{
	tree_copy(fixture, root);
	if (chmod(root, 0755) < 0)
		broken_sys("%s", root);
	furnish(root);
}

void machine_take_model(const char *from, const char *to)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "model");
	const char *target = mem_fmt(ctx, "%s" MODEL_DIR "/" MODEL_NAME, to);

	struct stat folder;

	tree_remove(target);
	copy_file(mem_fmt(ctx, "%s" MODEL_DIR "/" MODEL_NAME, from), target);
	if (stat(mem_fmt(ctx, "%s" MODEL_DIR, to), &folder) < 0 ||
	    chown(target, folder.st_uid, folder.st_gid) < 0)
		broken_sys("%s", target);
}

struct engine *machine_open(const void *ctx, const char *root)
{
	struct err err = ERR_INIT;
	struct engine *e;

	if (engine_open(ctx, root, &e, &err) < 0 || engine_lock(e, 0, &err) < 0)
		broken("%s: %s", root, err.msg);
	e->verbs = &verbs_recording;
	return e;
}
