#include "reconciler/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dqblk_xfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define KIB_MAX ((uint64_t)1 << 50) /* more than any file system holds */

static int call(int fd, int cmd, uint32_t uid, void *arg)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(cmd, USRQUOTA), uid, arg);
}

/* A home that is still to be made will lie on the file system of the folder above it. */
static int open_place(const struct quota_at *at, struct err *err)
{
	cleanup_(mem_freep) char *path = mem_str(NULL, at->folder);

	for (;;) {
		char *slash = strrchr(path, '/');
		int fd = fs_open(at->root, *path ? path : "/", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
				 0, err);
		bool is_missing = fd == -ERR_NOTFOUND ||
				  (fd < 0 && (err->sys == ENOTDIR || err->sys == ELOOP));

		if (!is_missing || !slash)
			return fd;
		err_clear(err);
		*slash = '\0';
	}
}

static const char *why_off(int sys)
{
	return sys == EPERM || sys == EACCES
		       ? "this system may not ask for quotas, as in a container"
		       : "its file system keeps no user quotas";
}

/* Q_XGETQSTATV is answered by all that have quotas: are they counted, and are limits enforced? */
static const char *off_on(int fd)
{
	struct fs_quota_statv state = { .qs_version = FS_QSTATV_VERSION1 };

	if (call(fd, Q_XGETQSTATV, 0, &state) < 0)
		return why_off(errno);
	if (!(state.qs_flags & FS_QUOTA_UDQ_ACCT))
		return "its file system keeps no user quotas";
	return state.qs_flags & FS_QUOTA_UDQ_ENFD
		       ? NULL
		       : "its file system counts what users own but enforces no limits";
}

int quota_get(const struct quota_at *at, uint32_t uid, struct quota *ret, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct dqblk limits = { 0 };

	*ret = (struct quota){ .off = "this is a sandbox" };
	if (strcmp(at->root_path, "/") != 0)
		return 0;
	fd = open_place(at, err);
	if (fd < 0)
		return fd;
	ret->off = off_on(fd);
	if (ret->off)
		return 0;
	if (call(fd, Q_GETQUOTA, uid, &limits) < 0 && errno != ENOENT) { /* XFS: owns nothing yet */
		if (errno != ENOSYS && errno != ESRCH && errno != EPERM)
			return err_sys(err, "read the quota of user id %" PRIu32 " on %s", uid,
				       at->folder);
		ret->off = why_off(errno);
		return 0;
	}
	ret->hard_kib = limits.dqb_bhardlimit;
	ret->soft_kib = limits.dqb_bsoftlimit;
	return 0;
}

int quota_set(const struct quota_at *at, uint32_t uid, uint64_t kib, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct dqblk limits = { .dqb_bhardlimit = kib,
				.dqb_bsoftlimit = kib,
				.dqb_valid = QIF_BLIMITS };

	if (strcmp(at->root_path, "/") != 0)
		return err_set(err, ERR_DENIED, "quotas are not set in a sandbox");
	if (uid == 0)
		return err_set(err, ERR_DENIED, "root gets no quota");
	fd = open_place(at, err);
	if (fd < 0)
		return fd;
	if (call(fd, Q_SETQUOTA, uid, &limits) < 0)
		return err_sys(err, "set the quota of user id %" PRIu32 " on %s", uid, at->folder);
	return 0;
}

const char *quota_text(const void *ctx, uint64_t kib)
{
	if (kib == 0)
		return mem_str(ctx, "unlimited");
	return kib % 1024 ? mem_fmt(ctx, "%" PRIu64 " KiB", kib)
			  : mem_fmt(ctx, "%" PRIu64 " MiB", kib / 1024);
}

int quota_parse(const char *text, uint64_t *ret_kib, struct err *err)
{
	char *end;
	uint64_t n;

	if (text && strcmp(text, "unlimited") == 0) {
		*ret_kib = 0;
		return 0;
	}
	n = text && *text >= '1' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	if (n == 0 || n > KIB_MAX / 1024 || (strcmp(end, " MiB") != 0 && strcmp(end, " KiB") != 0))
		return err_set(err, ERR_CORRUPT, "\"%.30s\" is not a disk limit", text ? text : "");
	*ret_kib = end[1] == 'M' ? n * 1024 : n;
	return 0;
}
