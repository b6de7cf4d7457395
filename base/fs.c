#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

void fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int fs_root_open(const char *path, struct err *err)
{
	int fd = open(path, O_DIRECTORY | O_CLOEXEC | O_PATH);

	return fd < 0 ? err_sys(err, "open root folder %s", path) : fd;
}

static int open2(int root, const char *path, int oflags, mode_t mode, unsigned flags)
{
	struct open_how how = {
		.flags = (unsigned)(oflags | O_CLOEXEC),
		.mode = oflags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (flags & FS_NOLINKS)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	do {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

int fs_open(int root, const char *path, int oflags, mode_t mode, unsigned flags, struct err *err)
{
	int fd = open2(root, path, oflags, mode, flags);

	return fd < 0 ? err_sys(err, "open %s", path) : fd;
}

int fs_open_parent(int root, const char *path, unsigned flags, const char **ret_name,
		   struct err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd;

	if (!slash || !slash[1] || (size_t)(slash - path) >= sizeof(dir))
		return err_set(err, ERR_INVALID, "%s: not an absolute path of a file", path);
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	fd = open2(root, slash == path ? "/" : dir, O_PATH | O_DIRECTORY, 0, flags);
	if (fd < 0)
		return err_sys(err, "open folder %s", slash == path ? "/" : dir);
	*ret_name = slash + 1;
	return fd;
}

int fs_stat(int root, const char *path, struct stat *ret, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	const char *name;

	if (strcmp(path, "/") == 0)
		return fstatat(root, "", ret, AT_EMPTY_PATH) < 0 ? err_sys(err, "stat /") : 0;
	dir = fs_open_parent(root, path, 0, &name, err);
	if (dir < 0)
		return dir;
	if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "stat %s", path);
	return 0;
}

bool fs_exists(int root, const char *path)
{
	struct stat st;

	return fs_stat(root, path, &st, NULL) == 0;
}

int fs_read_fd(const void *ctx, int fd, const char *name, size_t max, char **ret_data,
	       size_t *ret_len, struct err *err)
{
	struct stat st;
	size_t len = 0;
	size_t cap;
	char *data;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", name);
	if (st.st_size > 0 && (size_t)st.st_size > max)
		return err_set(err, ERR_TOOBIG, "%s: %lld bytes, at most %zu are read", name,
			       (long long)st.st_size, max);
	cap = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
	data = talloc_size(ctx, cap + 1);
	if (!data)
		mem_abort();
	for (;;) {
		ssize_t n;

		if (len == cap) {
			cap *= 2;
			data = talloc_realloc_size(ctx, data, cap + 1);
			if (!data)
				mem_abort();
		}
		n = read(fd, data + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)talloc_free(data);
			return err_sys(err, "read %s", name);
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max) {
			(void)talloc_free(data);
			return err_set(err, ERR_TOOBIG, "%s: over %zu bytes", name, max);
		}
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_len = len;
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is another thing */
int fs_read(const void *ctx, int root, const char *path, size_t max, unsigned flags,
	    char **ret_data, size_t *ret_len, struct err *err)
{
	cleanup_(fd_close) int fd =
		fs_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, flags, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s: not a regular file", path);
	return fs_read_fd(ctx, fd, path, max, ret_data, ret_len, err);
}

int fs_readlink(const void *ctx, int root, const char *path, char **ret, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	char target[PATH_MAX];
	const char *name;
	ssize_t n;

	dir = fs_open_parent(root, path, 0, &name, err);
	if (dir < 0)
		return dir;
	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n < 0)
		return err_sys(err, "read link %s", path);
	*ret = mem_strn(ctx, target, (size_t)n);
	return 0;
}

int fs_mkdirs(int root, const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return err_set(err, ERR_INVALID, "%s: path too long", path);
	for (char *p = part + 1;; p++) {
		cleanup_(fd_close) int dir = -1;
		const char *name;
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		dir = fs_open_parent(root, part, 0, &name, err);
		if (dir < 0)
			return dir;
		if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
			return err_sys(err, "make folder %s", part);
		*p = end;
		if (end == '\0')
			return 0;
	}
}

int fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_make_later(int fd, const struct stat *old, struct err *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = 0 } };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat a new file");
	if (old->st_mtim.tv_sec < st.st_mtim.tv_sec ||
	    old->st_mtim.tv_sec - st.st_mtim.tv_sec >= FS_AHEAD_MAX)
		return 0;
	times[1].tv_sec = old->st_mtim.tv_sec + 1;
	return futimens(fd, times) < 0 ? err_sys(err, "set the time of a new file") : 0;
}

int fs_write_atomic(int root, const char *path, const void *data, size_t len, mode_t mode,
		    struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	cleanup_(fd_close) int fd = -1;
	char tmp[NAME_MAX + 1];
	const char *name;
	uint32_t rnd;
	int r;

	dir = fs_open_parent(root, path, 0, &name, err);
	if (dir < 0)
		return dir;
	if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd))
		return err_sys(err, "random number");
	if ((size_t)snprintf(tmp, sizeof(tmp), ".%.200s.%08x", name, rnd) >= sizeof(tmp))
		return err_set(err, ERR_INVALID, "%s: name too long", path);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(err, "create a file beside %s", path);
	r = 0;
	if (fchmod(fd, mode) < 0 || fs_write_all(fd, data, len) < 0 || fsync(fd) < 0)
		r = err_sys(err, "write %s", path);
	else if (renameat(dir, tmp, dir, name) < 0)
		r = err_sys(err, "rename to %s", path);
	if (r < 0) {
		(void)unlinkat(dir, tmp, 0); /* the first error is the one to tell */
		return r;
	}
	fd_close(&fd);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, "sync the folder of %s", path);
	return 0;
}

static int remove_at(int dir, const char *name)
{
	DIR *d;
	struct dirent *e;
	int fd;
	int r = 0;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return -1;
	}
	/* one stream, one thread: readdir is safe here */
	while (r == 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_at(dirfd(d), e->d_name); /* NOLINT(misc-no-recursion) */
	}
	(void)closedir(d);
	return r < 0 ? r : unlinkat(dir, name, AT_REMOVEDIR);
}

int fs_remove_tree(int root, const char *path, unsigned flags, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	const char *name;

	dir = fs_open_parent(root, path, flags, &name, err);
	if (dir == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (dir < 0)
		return dir;
	if (remove_at(dir, name) < 0)
		return err_sys(err, "remove %s", path);
	return 0;
}

bool fs_path_is_clean(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= PATH_MAX || (len > 1 && path[len - 1] == '/'))
		return false;
	for (const char *p = path; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			return false;
		if (*p != '/')
			continue;
		if (p[1] == '/')
			return false;
		if (p[1] == '.' && (p[2] == '\0' || p[2] == '/'))
			return false;
		if (p[1] == '.' && p[2] == '.' && (p[3] == '\0' || p[3] == '/'))
			return false;
	}
	return true;
}
