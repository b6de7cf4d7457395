/*
 * Files beneath a root.
 *
 * Every path is absolute ("/etc/nginx/x.conf") and is resolved beneath an open
 * root folder by openat2(RESOLVE_IN_ROOT), so that a sandbox root can be used
 * like "/" and a link inside it cannot lead out. FS_NOLINKS also refuses every
 * symbolic link on the way: for paths in folders that tenants own.
 * Functions return 0 (or what they say) or -ERR_*; a missing file is
 * -ERR_NOTFOUND. Files returned in memory belong to CTX.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	FS_AHEAD_MAX = 60 /* seconds that a file's time may be ahead of the clock */
};

enum fs_flags {
	FS_NOLINKS = 1 << 0, /* refuse symbolic links anywhere on the path */
};

/* cleanup_(fd_close) for int locals; negative is ignored. */
void fd_close(int *fd);

/* Opens the root folder itself; returns the descriptor. */
int fs_root_open(const char *path, struct err *err) must_check;
/* openat2 beneath ROOT; returns a descriptor (O_CLOEXEC is added). */
int fs_open(int root, const char *path, int oflags, mode_t mode, unsigned flags,
	    struct err *err) must_check;
/* Opens the folder that holds PATH (O_PATH) and points RET_NAME at the last part within PATH. */
int fs_open_parent(int root, const char *path, unsigned flags, const char **ret_name,
		   struct err *err) must_check;
/* lstat beneath ROOT. */
int fs_stat(int root, const char *path, struct stat *ret, struct err *err) must_check;
bool fs_exists(int root, const char *path);
/* Reads a regular file of at most MAX bytes; *RET_DATA is NUL-terminated. */
int fs_read(const void *ctx, int root, const char *path, size_t max, unsigned flags,
	    char **ret_data, size_t *ret_len, struct err *err) must_check;
/* Reads an open descriptor to its end; NAME is for messages. */
int fs_read_fd(const void *ctx, int fd, const char *name, size_t max, char **ret_data,
	       size_t *ret_len, struct err *err) must_check;
/* Target of a symbolic link. */
int fs_readlink(const void *ctx, int root, const char *path, char **ret,
		struct err *err) must_check;
/* Makes PATH and its missing parents with MODE; existing ones stay as they are. */
int fs_mkdirs(int root, const char *path, mode_t mode, struct err *err) must_check;
/* Writes all of DATA to FD, over short writes and EINTR. Returns 0 or -1 with errno. */
int fs_write_all(int fd, const void *data, size_t len) must_check;
/*
 * Makes sure that the file open at FD has a later mtime than OLD, the one it is about to replace, in
 * whole seconds: readers that compare no finer (Dovecot's passwd-files, cron's tables, web caches by
 * ETag) would take it for the same when its size is the same too. The kernel's time stays unless it
 * is in the same second or earlier. A file that is replaced more than FS_AHEAD_MAX times within as
 * many seconds, or an OLD that a wrong clock made, gets the kernel's time: the distance to OLD shows
 * the change, and times never run away from the clock.
 */
int fs_make_later(int fd, const struct stat *old, struct err *err) must_check;
/* Temporary name beside PATH, written, fsynced, renamed, folder synced: durable when it returns. */
int fs_write_atomic(int root, const char *path, const void *data, size_t len, mode_t mode,
		    struct err *err) must_check;
/* Removes a file or a whole tree without following links; missing is fine. */
int fs_remove_tree(int root, const char *path, unsigned flags, struct err *err) must_check;
/* True for "/a/b": absolute, no "//", no "." or ".." parts, no control characters, <= 4095 bytes. */
bool fs_path_is_clean(const char *path);

#endif
