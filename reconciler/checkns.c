#include "reconciler/checkns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum {
	SKELETON_DEPTH = 6,
	SKELETON_DIRS = 10000,
	SETUP_FAILED = 126, /* exit status of proc_run's child when in_child fails */
};

/* Opens each line of a failure report, so that it is not taken for the validator's words. */
#define REPORT "private namespace: "

static const char tmpfs_options[] = "mode=755,size=64m";

/* A path for mount(2) that names what FD is open on, whatever its real name holds. */
struct fd_path {
	char p[32];
};

static struct fd_path fd_path(int fd)
{
	struct fd_path ret;

	(void)snprintf(ret.p, sizeof(ret.p), "/proc/self/fd/%d", fd);
	return ret;
}

/* Hands a descriptor out of a cleanup_ local. */
static int take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

static int open_dir(int root, const char *path, struct err *err)
{
	return fs_open(root, path, O_PATH | O_DIRECTORY, 0, 0, err);
}

static int isolate(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM
			       ? err_set(err, ERR_DENIED, "a private mount namespace needs root")
			       : err_sys(err, "private mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, "make all mounts private");
	return 0;
}

static int bind_fd(int from, int to, unsigned long flags, const char *what, struct err *err)
{
	if (mount(fd_path(from).p, fd_path(to).p, NULL, MS_BIND | flags, NULL) < 0)
		return err_sys(err, "bind %s", what);
	return 0;
}

static int set_readonly(int fd, bool readonly, bool recursive, const char *what, struct err *err)
{
	struct mount_attr attr = { 0 };

	if (readonly)
		attr.attr_set = MOUNT_ATTR_RDONLY;
	else
		attr.attr_clr = MOUNT_ATTR_RDONLY;
	if (mount_setattr(fd, "", (unsigned)(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)), &attr,
			  sizeof(attr)) < 0)
		return err_sys(err, "make %s %s", what, readonly ? "read-only" : "writable");
	return 0;
}

/* ---- the root of a sandbox ---- */

/* Opens NAME in the folder DIR as a mount point of the kind SRC is, made if need be. */
static int make_point(int dir, const char *name, int src, struct err *err)
{
	struct stat st;
	int fd;

	if (fstat(src, &st) < 0)
		return err_sys(err, "stat /%s", name);
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return err_sys(err, "make /%s", name);
		fd = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	} else {
		fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		fd_close(&fd);
		fd = openat(dir, name, O_PATH | O_CLOEXEC);
	}
	return fd < 0 ? err_sys(err, "open /%s", name) : fd;
}

static int copy_link(int from, int to, const char *name, struct err *err)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(err, "read link /%s", name);
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0 && errno != EEXIST)
		return err_sys(err, "make link /%s", name);
	return 0;
}

/* Shows NAME of the folder FROM in the folder TO: a bind, or the same symbolic link. */
static int show(int from, int to, const char *name, bool readonly, struct err *err)
{
	cleanup_(fd_close) int src = -1;
	cleanup_(fd_close) int point = -1;
	cleanup_(fd_close) int bound = -1;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "stat /%s", name);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, err);
	src = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0)
		return err_sys(err, "open /%s", name);
	point = make_point(to, name, src, err);
	if (point < 0)
		return point;
	r = bind_fd(src, point, MS_REC, name, err);
	if (r < 0 || !readonly)
		return r;
	bound = openat(to, name, O_PATH | O_CLOEXEC);
	if (bound < 0)
		return err_sys(err, "open /%s", name);
	return set_readonly(bound, true, true, name, err);
}

static int show_all(int from, int to, struct err *err)
{
	struct dirent *e;
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!d)
		return err_sys(err, "read the sandbox");
	while (r == 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		static const char *const ours[] = { ".", "..", "proc", "dev" };
		bool is_ours = false;

		for (size_t i = 0; i < ARRAY_LEN(ours); i++)
			is_ours |= strcmp(e->d_name, ours[i]) == 0;
		if (!is_ours)
			r = show(from, to, e->d_name, false, err);
	}
	(void)closedir(d);
	return r;
}

static int show_host(int host, int sandbox, int to, struct err *err)
{
	static const char *const system[] = { "usr",   "bin",   "sbin",  "lib",
					      "lib32", "lib64", "libx32" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(system) && r == 0; i++) {
		struct stat st;

		if (fstatat(sandbox, system[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = show(host, to, system[i], true, err);
	}
	if (r == 0)
		r = show(host, to, "proc", false, err);
	return r == 0 ? show(host, to, "dev", false, err) : r;
}

/* A folder in memory where the sandbox has none. */
static int make_own(int top, const char *name, mode_t mode, struct err *err)
{
	if (mkdirat(top, name, mode) < 0)
		return errno == EEXIST ? 0 : err_sys(err, "make /%s", name);
	return fchmodat(top, name, mode, 0) < 0 ? err_sys(err, "set mode of /%s", name) : 0;
}

/* Mounts the root of the sandbox ROOT_PATH on that path; returns a descriptor of it. */
static int build_root(const char *root_path, struct err *err)
{
	cleanup_(fd_close) int host = fs_root_open("/", err);
	cleanup_(fd_close) int sandbox = fs_root_open(root_path, err);
	cleanup_(fd_close) int top = -1;
	int r;

	if (host < 0 || sandbox < 0)
		return MIN(host, sandbox);
	if (mount("sandbox", fd_path(sandbox).p, "tmpfs", 0, tmpfs_options) < 0)
		return err_sys(err, "mount a root over %s", root_path);
	top = fs_root_open(root_path, err);
	if (top < 0)
		return top;
	r = show_all(sandbox, top, err);
	if (r == 0)
		r = show_host(host, sandbox, top, err);
	if (r == 0)
		r = make_own(top, "tmp", 01777, err);
	if (r == 0)
		r = make_own(top, "run", 0755, err);
	if (r < 0)
		return r;
	return take_fd(&top);
}

static int change_root(int top, struct err *err)
{
	if (fchdir(top) < 0)
		return err_sys(err, "enter the sandbox");
	/* "." twice stacks the old root under the new one, from where it is taken away */
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) < 0)
			return err_sys(err, "leave the old root");
	} else if (errno != EINVAL || chroot(".") < 0) { /* EINVAL: the old root is a ramfs */
		return err_sys(err, "change the root");
	}
	return chdir("/") < 0 ? err_sys(err, "enter /") : 0;
}

int checkns_enter_root(const char *root_path, struct err *err)
{
	cleanup_(fd_close) int top = -1;
	int r;

	if (strcmp(root_path, "/") == 0)
		return 0;
	r = isolate(err);
	if (r < 0)
		return r;
	top = build_root(root_path, err);
	return top < 0 ? top : change_root(top, err);
}

/* ---- scratch folders ---- */

static int copy_owner(int from, int to)
{
	struct stat st;

	return fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
			       fchmod(to, st.st_mode & 07777) < 0
		       ? -1
		       : 0;
}

static int copy_folders(int from, int to, int depth, size_t *left);

static int copy_entry(int from, int to, const struct dirent *e, int depth, size_t *left)
{
	cleanup_(fd_close) int src = -1;
	cleanup_(fd_close) int dst = -1;

	if (*left == 0 || (e->d_type != DT_DIR && e->d_type != DT_LNK && e->d_type != DT_UNKNOWN))
		return 0;
	if (e->d_type == DT_LNK)
		return copy_link(from, to, e->d_name, NULL) < 0 ? -1 : 0;
	src = openat(from, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0)
		return errno == ENOTDIR || errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0
											       : -1;
	if (mkdirat(to, e->d_name, 0700) < 0)
		return -1;
	(*left)--;
	dst = openat(to, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0 || copy_owner(src, dst) < 0)
		return -1;
	/* depth is bounded */
	return copy_folders(src, dst, depth + 1, left); /* NOLINT(misc-no-recursion) */
}

/* Makes the folders and links (not the files) of FROM in TO. */
static int copy_folders(int from, int to, int depth, size_t *left) /* NOLINT(misc-no-recursion) */
{
	int fd =
		depth < SKELETON_DEPTH ? openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d)
		return depth < SKELETON_DEPTH ? -1 : 0;
	while (r == 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy_entry(from, to, e, depth, left);
	}
	(void)closedir(d);
	return r;
}

/* Lays LIVE, with what is written kept in UPPER, over the folder that POINT is open on. */
static int mount_writable(int live, int upper, int work, int point)
{
	char options[160];

	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s",
		       fd_path(live).p, fd_path(upper).p, fd_path(work).p);
	return mount("scratch", fd_path(point).p, "overlay", 0, options);
}

/* True when the files are shown; false: not possible here (overlays stack two deep), nothing done. */
static bool show_files(int live, int tmp)
{
	cleanup_(fd_close) int upper = -1;
	cleanup_(fd_close) int work = -1;

	if (mkdirat(tmp, ".upper", 0755) < 0 || mkdirat(tmp, ".work", 0700) < 0)
		return false;
	upper = openat(tmp, ".upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work = openat(tmp, ".work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper >= 0 && work >= 0 && copy_owner(live, upper) == 0 &&
	    mount_writable(live, upper, work, tmp) == 0)
		return true;
	(void)unlinkat(tmp, ".upper", AT_REMOVEDIR);
	(void)unlinkat(tmp, ".work", AT_REMOVEDIR);
	return false;
}

static int mount_scratch(int root, const struct checkns_scratch *s, struct err *err)
{
	cleanup_(fd_close) int live = -1;
	cleanup_(fd_close) int tmp = -1;
	size_t left = SKELETON_DIRS;

	live = fs_open(root, s->dir, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (live == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (live < 0)
		return live;
	if (mount("scratch", fd_path(live).p, "tmpfs", MS_NOSUID | MS_NODEV, tmpfs_options) < 0)
		return err_sys(err, "mount a scratch folder over %s", s->dir);
	tmp = fs_open(root, s->dir, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (tmp < 0)
		return tmp;
	if (copy_owner(live, tmp) < 0)
		return err_sys(err, "set the owner of scratch folder %s", s->dir);
	if (s->kind == CHECKNS_EMPTY || (s->kind == CHECKNS_FILES && show_files(live, tmp)))
		return 0;
	if (copy_folders(live, tmp, 0, &left) < 0)
		return err_sys(err, "copy the sub-folders of %s", s->dir);
	return 0;
}

/* ---- staged folders ---- */

/* Makes PATH, and the folders before it with the owners they have in LIVE, in TMP. */
static int put_whiteout(int live, int tmp, const char *path)
{
	char part[4096];

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return -1;
	for (char *p = strchr(part, '/'); p; p = strchr(p + 1, '/')) {
		cleanup_(fd_close) int from = -1;
		cleanup_(fd_close) int to = -1;

		*p = '\0';
		from = openat(live, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0)
			return errno == ENOENT ? 0 : -1;
		if (mkdirat(tmp, part, 0700) < 0 && errno != EEXIST)
			return -1;
		to = openat(tmp, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (to < 0 || copy_owner(from, to) < 0)
			return -1;
		*p = '/';
	}
	return mknodat(tmp, part, S_IFCHR, makedev(0, 0)) < 0 && errno != EEXIST ? -1 : 0;
}

/* Mounts a layer of whiteouts at O's folder; returns a descriptor of it. */
static int mount_removed(int root, int live, const struct checkns_overlay *o, struct err *err)
{
	cleanup_(fd_close) int tmp = -1;

	if (mount("removed", fd_path(live).p, "tmpfs", 0, tmpfs_options) < 0)
		return err_sys(err, "mount over %s", o->dir);
	tmp = fs_open(root, o->dir, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (tmp < 0)
		return tmp;
	if (copy_owner(live, tmp) < 0)
		return err_sys(err, "set the owner of %s", o->dir);
	for (const char *const *path = o->removed; *path; path++) {
		if (put_whiteout(live, tmp, *path) < 0)
			return err_sys(err, "mark %s/%s as removed", o->dir, *path);
	}
	return take_fd(&tmp);
}

static int mount_overlay(int root, const struct checkns_overlay *o, int staged, struct err *err)
{
	cleanup_(fd_close) int live = -1;
	cleanup_(fd_close) int removed = -1;
	char options[128] = "lowerdir=";
	size_t len = strlen(options);

	live = fs_open(root, o->dir, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (live < 0)
		return err_wrap(err, "live folder of %s", o->staged_dir);
	if (o->staged_only)
		return bind_fd(staged, live, 0, o->staged_dir, err);
	if (o->removed && o->removed[0]) {
		removed = mount_removed(root, live, o, err);
		if (removed < 0)
			return removed;
		len += (size_t)snprintf(options + len, sizeof(options) - len,
					"%s:", fd_path(removed).p);
	}
	(void)snprintf(options + len, sizeof(options) - len, "%s:%s", fd_path(staged).p,
		       fd_path(live).p);
	if (mount("staged", fd_path(removed >= 0 ? removed : live).p, "overlay", MS_RDONLY,
		  options) == 0)
		return 0;
	if (errno == ELOOP)
		return err_set(err, ERR_INVALID,
			       "staged folder %s lies inside %s, or the other way", o->staged_dir,
			       o->dir);
	return err_sys(err, "lay %s over %s", o->staged_dir, o->dir);
}

/* All mounts read-only but the scratch folders. /proc/self/fd is the host's or the sandbox's: same process. */
static int freeze(int root, const struct checkns *ns, struct err *err)
{
	cleanup_(fd_close) int top = fs_root_open("/", err);
	int r = top < 0 ? top : set_readonly(top, true, true, "the machine", err);

	for (size_t i = 0; i < ns->n_scratch && r == 0; i++) {
		cleanup_(fd_close) int fd = open_dir(root, ns->scratch[i].dir, err);

		if (fd == -ERR_NOTFOUND)
			err_clear(err);
		else
			r = fd < 0 ? fd : set_readonly(fd, false, false, ns->scratch[i].dir, err);
	}
	return r;
}

/* Before any mount: a staged folder may lie in what becomes a scratch folder. Ends with the child. */
static int open_staged(const struct checkns *ns, int **ret, struct err *err)
{
	int *fds = mem_zero(NULL, (ns->n_overlays + 1) * sizeof(*fds));

	*ret = fds;
	for (size_t i = 0; i < ns->n_overlays; i++) {
		fds[i] = open(ns->overlays[i].staged_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return err_sys(err, "open staged folder %s", ns->overlays[i].staged_dir);
	}
	return 0;
}

static int set_up(const struct checkns *ns, struct err *err)
{
	cleanup_(fd_close) int root = -1;
	bool is_sandbox = strcmp(ns->root_path, "/") != 0;
	int *staged = NULL;
	int r = isolate(err);

	if (r == 0)
		r = open_staged(ns, &staged, err);
	if (r < 0)
		return r;
	root = is_sandbox ? build_root(ns->root_path, err) : fs_root_open("/", err);
	if (root < 0)
		return root;
	/* overlays first: a scratch folder then has the sub-folders of the staged future too */
	for (size_t i = 0; i < ns->n_overlays && r == 0; i++)
		r = mount_overlay(root, &ns->overlays[i], staged[i], err);
	for (size_t i = 0; i < ns->n_scratch && r == 0; i++)
		r = mount_scratch(root, &ns->scratch[i], err);
	if (r == 0)
		r = freeze(root, ns, err);
	if (r == 0)
		r = is_sandbox ? change_root(root, err)
			       : (chdir("/") < 0 ? err_sys(err, "enter /") : 0);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, "give up new privileges");
	return r;
}

static int in_child(void *arg)
{
	struct err err = ERR_INIT;
	int r = set_up(arg, &err);

	if (r < 0)
		(void)dprintf(STDERR_FILENO, REPORT "%d %s\n", (int)err.code, err.msg);
	return r;
}

/* What the child reported when it could not set up its namespace. */
static int report(const char *text, struct err *err)
{
	char *rest;
	long code = strtol(text + strlen(REPORT), &rest, 10);

	if (code <= ERR_OK || code > ERR_ABSENT)
		code = ERR_SYSTEM;
	return err_set(err, (enum err_code)code, "private namespace for a check:%.*s",
		       (int)strcspn(rest, "\n"), rest);
}

/* A path within a folder: clean once a slash stands before it. */
static bool is_clean_within(const char *path)
{
	char full[4096];

	return (size_t)snprintf(full, sizeof(full), "/%s", path) < sizeof(full) && path[0] &&
	       fs_path_is_clean(full);
}

static const char *find_bad(const struct checkns_overlay *o)
{
	if (!fs_path_is_clean(o->dir))
		return o->dir;
	for (const char *const *path = o->removed; path && *path; path++) {
		if (!is_clean_within(*path))
			return *path;
	}
	return fs_path_is_clean(o->staged_dir) ? NULL : o->staged_dir;
}

static int check_paths(const struct checkns *ns, struct err *err)
{
	const char *bad = fs_path_is_clean(ns->root_path) ? NULL : ns->root_path;

	for (size_t i = 0; i < ns->n_overlays && !bad; i++)
		bad = find_bad(&ns->overlays[i]);
	for (size_t i = 0; i < ns->n_scratch && !bad; i++)
		bad = fs_path_is_clean(ns->scratch[i].dir) ? NULL : ns->scratch[i].dir;
	return bad ? err_set(err, ERR_INVALID, "\"%s\" is not a clean path", bad) : 0;
}

int checkns_run(const void *ctx, const struct checkns *ns, const char *const *argv,
		struct proc_result *ret, struct err *err)
{
	struct checkns copy = *ns;
	struct proc p = {
		.argv = argv,
		.timeout_ms = ns->timeout_ms,
		.in_child = in_child,
		.arg = &copy,
	};
	int r = check_paths(ns, err);

	if (r == 0)
		r = proc_run(ctx, &p, ret, err);
	if (r == 0 && ret->status == SETUP_FAILED && strncmp(ret->out, REPORT, strlen(REPORT)) == 0)
		r = report(ret->out, err);
	return r;
}

int checkns_whiteout(int dirfd, const char *name, struct err *err)
{
	if (!name[0] || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(err, ERR_INVALID, "\"%s\" is not a file name", name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, "replace staged %s", name);
	if (mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) < 0)
		return err_sys(err, "mark %s as removed", name);
	return 0;
}
