#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "reconciler/act.h"

static int make(struct plan *p, const struct action *a, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	uid_t uid;
	gid_t gid;
	int r = plan_uid(p, a->art.owner, &uid, err);

	if (r >= 0)
		r = plan_gid(p, a->art.group, &gid, err);
	if (r < 0)
		return r;
	if (fault_point("mkdir") || (mkdirat(dir, name, 0700) < 0 && errno != EEXIST))
		return err_sys(err, "make folder %s", a->art.path);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open folder %s", a->art.path);
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, a->art.mode) < 0)
		return err_sys(err, "set owner and mode of %s", a->art.path);
	return 0;
}

/* One missing folder on the way to a tenant's: his own, and only within a folder that is his. */
static int make_between(int dir, const char *name, uid_t uid, gid_t gid, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_sys(err, "look at the folder above %s", name);
	if (st.st_uid != uid)
		return err_set(err, ERR_NOTFOUND,
			       "the folder above %s is missing or not the account's own", name);
	if (fault_point("mkdir") || mkdirat(dir, name, 0700) < 0)
		return err_sys(err, "make folder %s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, "set owner and mode of %s", name);
	return 0;
}

/* Makes what is missing above a tenant's folder, following no link. */
static int make_above(struct plan *p, const struct artifact *want, struct err *err)
{
	uid_t uid;
	gid_t gid;
	int r = plan_uid(p, want->owner, &uid, err);

	if (r >= 0)
		r = plan_gid(p, want->group, &gid, err);
	for (const char *slash = strchr(want->path + 1, '/'); slash && r >= 0;
	     slash = strchr(slash + 1, '/')) {
		const char *path = mem_strn(p->ctx, want->path, (size_t)(slash - want->path));
		cleanup_(fd_close) int dir = -1;
		const char *name;
		struct stat st;

		dir = fs_open_parent(p->e->root, path, FS_NOLINKS, &name, err);
		if (dir < 0)
			return dir;
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = errno == ENOENT ? make_between(dir, name, uid, gid, err)
					    : err_sys(err, "look at %s", path);
	}
	return r;
}

int act_dir(struct plan *p, struct action *a, struct err *err)
{
	unsigned flags = a->art.flags & ARTIFACT_TENANT ? FS_NOLINKS : 0;
	cleanup_(fd_close) int dir = -1;
	const char *name;

	dir = fs_open_parent(p->e->root, a->art.path, flags, &name, err);
	if (dir == -ERR_NOTFOUND && a->op != ACTION_DELETE) {
		const char *slash = strrchr(a->art.path, '/');
		int r;

		err_clear(err);
		r = flags ? make_above(p, &a->art, err)
			  : fs_mkdirs(p->e->root,
				      mem_strn(p->ctx, a->art.path, (size_t)(slash - a->art.path)),
				      0755, err);
		if (r < 0)
			return r;
		dir = fs_open_parent(p->e->root, a->art.path, flags, &name, err);
	}
	if (dir < 0)
		return dir;
	if (a->op != ACTION_DELETE)
		return make(p, a, dir, name, err);
	if (fault_point("rmdir"))
		return err_sys(err, "remove folder %s", a->art.path);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_sys(err, "remove folder %s", a->art.path);
	return 0; /* one that is not empty stays: what is in it is not ours */
}

static int note_trash(struct plan *p, const char *name, const char *account, int64_t uid,
		      const char *path, const char *origin, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(p->e->db,
			"INSERT OR REPLACE INTO trash(name, account, uid, rev, time, path, origin) "
			"VALUES(?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	sql_bind_text(st, 2, account);
	sql_bind_int(st, 3, uid);
	sql_bind_int(st, 4, p->rev);
	sql_bind_int(st, 5, p->now);
	sql_bind_text(st, 6, path);
	sql_bind_text(st, 7, origin);
	return sql_run(st, err);
}

/* The trash lies beside the data, on the same file system, so moving is one rename whatever its size. */
int act_trash(struct plan *p, struct action *a, const char *account, int64_t uid, struct err *err)
{
	cleanup_(fd_close) int from = -1;
	cleanup_(fd_close) int to = -1;
	const char *slash = strrchr(a->art.path, '/');
	const char *base = mem_strn(p->ctx, a->art.path, (size_t)(slash - a->art.path));
	const char *folder = mem_fmt(p->ctx, "%s/.novacpx-trash", base);
	const char *entry = mem_fmt(p->ctx, "%s-%" PRId64, slash + 1, p->rev);
	const char *path = mem_fmt(p->ctx, "%s/%s", folder, entry);
	const char *name;
	const char *to_name;
	int r = fs_mkdirs(p->e->root, folder, 0700, err);

	if (r < 0)
		return r;
	from = fs_open_parent(p->e->root, a->art.path, 0, &name, err);
	if (from == -ERR_NOTFOUND) {
		err_clear(err);
		return 0; /* its folder went into the trash before it */
	}
	if (from < 0)
		return from;
	to = fs_open_parent(p->e->root, path, 0, &to_name, err);
	if (to < 0)
		return to;
	r = note_trash(p, mem_fmt(p->ctx, "%s%s", account, a->art.path), account, uid, path,
		       a->art.path, err);
	if (r < 0)
		return r;
	if (fault_point("trash") || (renameat(from, name, to, to_name) < 0 && errno != ENOENT))
		return err_sys(err, "move %s to the trash", a->art.path);
	return 0;
}
