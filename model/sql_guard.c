/*
 * SQLite in a folder of somebody who may want to harm us (ADR 18).
 *
 * SQLite opens by name what lies beside a database, and believes what stands
 * in it: a rollback journal names a further file, which is read and then
 * deleted. Whoever may write in the folder plants links, pipes, further names
 * of other people's files, journals. So here nothing but the database, its
 * log and the log's index is opened, each with the rights of the folder's
 * owner and only after it was seen to be a plain file of theirs with one
 * name; what does not exist is made by them, not by us. Journals are never
 * looked for: the database is always in WAL mode.
 *
 * The paths are /proc/self/fd/N/NAME, N being the folder that was opened.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "model/sql_priv.h"

#define GUARD_VFS "novacpx-guard"
#define FD_FOLDER "/proc/self/fd/"

/* NAME in /proc/self/fd/N/NAME, with N; NULL for any other path. */
static const char *guarded_name(const char *path, int *ret_dir)
{
	size_t len = strlen(FD_FOLDER);
	char *end;
	long n;

	if (strncmp(path, FD_FOLDER, len) != 0 || !isdigit((unsigned char)path[len]))
		return NULL;
	n = strtol(path + len, &end, 10);
	if (*end != '/' || end[1] == '\0' || strchr(end + 1, '/') || n > INT32_MAX)
		return NULL;
	*ret_dir = (int)n;
	return end + 1;
}

/* Files are found and made with these rights, of this thread alone; false when that cannot be had. */
static bool act_as(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return true; /* in a sandbox of our own */
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

static int open_as(const struct stat *owner, int dir, const char *path, int flags, mode_t mode)
{
	gid_t gid = getegid();
	int fd = -1;
	int saved = EPERM;

	if (act_as(owner->st_uid, owner->st_gid)) {
		fd = openat(dir, path, flags, mode);
		saved = errno;
	}
	if (!act_as(geteuid(), gid))
		abort(); /* no further step with rights nobody expects */
	errno = saved;
	return fd;
}

static bool is_theirs(int fd, const struct stat *folder)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       st.st_uid == folder->st_uid;
}

int sql_guard_explain(int dir, const char *name, struct err *err)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	struct stat folder;

	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		cleanup_(mem_freep) char *path = mem_fmt(NULL, "%s%s", name, tails[i]);
		cleanup_(fd_close) int fd = openat(dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && fstat(dir, &folder) == 0 && !is_theirs(fd, &folder))
			return err_set(
				err, ERR_DENIED,
				"%s is not opened: it must be a plain file with one name that "
				"belongs to user id %u like its folder; look who put it there, "
				"then chown or remove it",
				path, (unsigned)folder.st_uid);
	}
	return -(int)err->code;
}

/* Looked at through a descriptor that opens nothing, then opened through that: the same file. */
static int open_guarded(int dir, const char *name, int flags, mode_t mode)
{
	struct stat folder;

	if (fstat(dir, &folder) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		cleanup_(fd_close) int seen = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		char path[40];
		int made;

		if (seen >= 0 && is_theirs(seen, &folder)) {
			(void)snprintf(path, sizeof(path), FD_FOLDER "%d", seen);
			return open_as(&folder, AT_FDCWD, path,
				       flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), 0);
		}
		if (seen >= 0) {
			errno = EPERM;
			return -1;
		}
		if (errno != ENOENT || !(flags & O_CREAT))
			return -1;
		made = open_as(&folder, dir, name, flags | O_EXCL | O_NOFOLLOW, mode);
		if (made >= 0 || errno != EEXIST)
			return made;
	}
	return -1;
}

/* SQLite's open(): all its unix VFSes share it, so other paths pass as they are. */
static int guard_open_file(const char *path, int flags, int mode)
{
	int dir;
	const char *name = guarded_name(path, &dir);

	return name ? open_guarded(dir, name, flags | O_CLOEXEC, (mode_t)mode)
		    : open(path, flags, mode);
}

static bool ends_with(const char *s, const char *tail)
{
	size_t len = strlen(s);
	size_t n = strlen(tail);

	return len >= n && strcmp(s + len - n, tail) == 0;
}

static sqlite3_vfs *unix_vfs(void)
{
	return sqlite3_vfs_find("unix");
}

static int guard_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		      int *ret_flags)
{
	file->pMethods = NULL;
	if (!name || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return SQLITE_CANTOPEN;
	return unix_vfs()->xOpen(vfs, name, file, flags, ret_flags);
}

/* A journal is not there, whatever lies there. */
static int guard_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	*ret = 0;
	if (ends_with(name, "-journal"))
		return SQLITE_OK;
	return unix_vfs()->xAccess(vfs, name, flags, ret);
}

static int guard_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	if (!ends_with(name, "-wal"))
		return SQLITE_IOERR_DELETE;
	return unix_vfs()->xDelete(vfs, name, sync);
}

/* SQLite would resolve the descriptor's link to the name that the folder had. */
static int guard_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	int n = snprintf(ret, (size_t)size, "%s", name);

	(void)vfs;
	return n < 0 || n >= size ? SQLITE_CANTOPEN : SQLITE_OK;
}

const char *sql_guard_vfs(void)
{
	sqlite3_vfs *unix_own;
	sqlite3_vfs *guard;

	if (sqlite3_vfs_find(GUARD_VFS))
		return GUARD_VFS;
	unix_own = unix_vfs();
	guard = sqlite3_malloc(sizeof(*guard)); /* stays registered */
	if (!unix_own || !guard)
		abort();
	*guard = *unix_own;
	guard->pNext = NULL;
	guard->zName = GUARD_VFS;
	guard->xOpen = guard_open;
	guard->xAccess = guard_access;
	guard->xDelete = guard_delete;
	guard->xFullPathname = guard_full_path;
	if (unix_own->xSetSystemCall(unix_own, "open", (sqlite3_syscall_ptr)guard_open_file) !=
		    SQLITE_OK ||
	    sqlite3_vfs_register(guard, 0) != SQLITE_OK)
		abort();
	return GUARD_VFS;
}
