#include <dirent.h>
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

/* Data comes back from where act_trash() put it. */
static int fetch(struct plan *p, const struct action *a, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int from = -1;
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *from_name;
	int r;

	from = fs_open_parent(p->e->root, a->art.source, 0, &from_name, err);
	if (from < 0)
		return from;
	if (fault_point("fetch") || renameat2(from, from_name, dir, name, RENAME_NOREPLACE) < 0)
		return err_sys(err, "bring %s back from the trash", a->art.path);
	r = sql_get(p->e->db, "DELETE FROM trash WHERE path=?", &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, a->art.source);
	return sql_run(st, err);
}

static int make(struct plan *p, struct action *a, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	struct stat st;
	const char *temp;
	bool made;
	uid_t uid;
	gid_t gid;
	int r = plan_uid(p, a->art.owner, &uid, err);

	if (r >= 0)
		r = plan_gid(p, a->art.group, &gid, err);
	if (r < 0)
		return r;
	if (a->art.source)
		r = fetch(p, a, dir, name, err);
	if (r < 0 || a->art.type != ARTIFACT_DIR)
		return r;
	/* under another name until owner and mode are right: a folder is there whole or not at all */
	temp = strrchr(act_temp_path(p->ctx, a->art.path), '/') + 1;
	made = a->op == ACTION_CREATE && !a->art.source;
	if (made && (fault_point("mkdir") || (mkdirat(dir, temp, 0700) < 0 && errno != EEXIST)))
		return err_sys(err, "make folder %s", a->art.path);
	fd = openat(dir, made ? temp : name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fault_point("open folder") || fd < 0)
		r = err_sys(err, "open folder %s", a->art.path);
	else if (fchown(fd, uid, gid) < 0 || fchmod(fd, a->art.mode) < 0 || fstat(fd, &st) < 0)
		r = err_sys(err, "set owner and mode of %s", a->art.path);
	else
		a->stamp = stamp_of_dir(&st);
	if (r < 0 && made)
		(void)unlinkat(dir, temp, AT_REMOVEDIR); /* the first error is the one to tell */
	if (r >= 0 && made &&
	    (fault_point("rename folder") ||
	     renameat2(dir, temp, dir, name, RENAME_NOREPLACE) < 0)) {
		r = errno == EEXIST ? 0 : err_sys(err, "make folder %s", a->art.path);
		a->stamp = (struct stamp){ 0 };		 /* of another one, then */
		(void)unlinkat(dir, temp, AT_REMOVEDIR); /* the first error is the one to tell */
	}
	return r;
}

/*
 * The folder above PATH in a tenant's home; missing ones between are made as the tenant's. Only
 * beneath a folder that is the tenant's already, and over no link.
 */
static int open_tenant_parent(struct plan *p, struct action *a, const char *path,
			      const char **ret_name, struct err *err)
{
	cleanup_(fd_close) int above = -1;
	const char *slash = strrchr(path, '/');
	const char *folder = mem_strn(p->ctx, path, (size_t)(slash - path));
	int dir = fs_open_parent(p->e->root, path, FS_NOLINKS, ret_name, err);
	const char *name;
	struct stat st;
	uid_t uid;

	if (dir != -ERR_NOTFOUND || !*folder)
		return dir;
	err_clear(err);
	above = open_tenant_parent(p, a, folder, &name,
				   err); /* NOLINT(misc-no-recursion): depth of a path */
	if (above < 0)
		return above;
	if (plan_uid(p, a->art.owner, &uid, err) < 0)
		return -(int)err->code;
	if (fstat(above, &st) < 0)
		return err_sys(err, "stat the folder of %s", folder);
	if (st.st_uid != uid)
		return err_set(err, ERR_NOTFOUND,
			       "%s is missing, and the folder it would be made in is not %s's",
			       folder, a->art.owner);
	if (make(p, a, above, name, err) < 0)
		return -(int)err->code;
	return fs_open_parent(p->e->root, path, FS_NOLINKS, ret_name, err);
}

int act_dir(struct plan *p, struct action *a, struct err *err)
{
	unsigned flags = a->art.flags & ARTIFACT_TENANT ? FS_NOLINKS : 0;
	cleanup_(fd_close) int dir = -1;
	const char *name;

	dir = flags && a->op != ACTION_DELETE
		      ? open_tenant_parent(p, a, a->art.path, &name, err)
		      : fs_open_parent(p->e->root, a->art.path, flags, &name, err);
	if (dir == -ERR_NOTFOUND && a->op != ACTION_DELETE && !flags) {
		const char *slash = strrchr(a->art.path, '/');
		int r;

		err_clear(err);
		r = fs_mkdirs(p->e->root,
			      mem_strn(p->ctx, a->art.path, (size_t)(slash - a->art.path)), 0755,
			      err);
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
static int trash_one(struct plan *p, const char *origin, const char *account, int64_t uid,
		     struct err *err)
{
	cleanup_(fd_close) int from = -1;
	cleanup_(fd_close) int to = -1;
	const char *slash = strrchr(origin, '/');
	const char *base = mem_strn(p->ctx, origin, (size_t)(slash - origin));
	const char *folder = mem_fmt(p->ctx, "%s/.novacpx-trash", base);
	const char *entry = mem_fmt(p->ctx, "%s-%" PRId64, slash + 1, p->rev);
	const char *path = mem_fmt(p->ctx, "%s/%s", folder, entry);
	const char *name;
	const char *to_name;
	int r;

	from = fs_open_parent(p->e->root, origin, 0, &name, err);
	if (from < 0)
		return from;
	if (faccessat(from, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? err_set(err, ERR_NOTFOUND, "%s is gone", origin)
				       : err_sys(err, "look at %s", origin);
	r = fs_mkdirs(p->e->root, folder, 0700, err);
	if (r < 0)
		return r;
	to = fs_open_parent(p->e->root, path, 0, &to_name, err);
	if (to < 0)
		return to;
	r = note_trash(p, mem_fmt(p->ctx, "%s-%" PRId64 "%s", account, p->rev, origin), account,
		       uid, path, origin, err);
	if (r < 0)
		return r;
	if (fault_point("trash") || renameat(from, name, to, to_name) < 0)
		return err_sys(err, "move %s to the trash", origin);
	(void)fault_point("trashed");
	return 0;
}

/* Whether NAME is LOG as logrotate renames it: LOG.1, LOG.2.gz, LOG-20260101. */
static bool is_rotated(const char *name, const char *log)
{
	size_t len = strlen(log);

	return strncmp(name, log, len) == 0 && (name[len] == '.' || name[len] == '-') &&
	       name[len + 1] >= '0' && name[len + 1] <= '9';
}

static int trash_rotated(struct plan *p, const char *log, const char *account, int64_t uid,
			 struct err *err)
{
	const char *slash = strrchr(log, '/');
	const char *folder = mem_strn(p->ctx, log, (size_t)(slash - log));
	int fd = fs_open(p->e->root, folder, O_RDONLY | O_DIRECTORY, 0, 0, err);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct ptrs names = { .n = 0 };
	struct dirent *entry;
	int r = 0;

	if (fd < 0)
		return fd;
	if (!dir) {
		r = err_sys(err, "read folder %s", folder);
		(void)close(fd);
		return r;
	}
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (is_rotated(entry->d_name, slash + 1))
			ptrs_add(p->ctx, &names, mem_fmt(p->ctx, "%s/%s", folder, entry->d_name));
	}
	(void)closedir(dir);
	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = trash_one(p, names.v[i], account, uid, err);
	return r;
}

int act_trash(struct plan *p, struct action *a, const char *account, int64_t uid, struct err *err)
{
	int r = 0;

	if (a->art.type == ARTIFACT_FILE) /* first: the log itself is what a next run goes by */
		r = trash_rotated(p, a->art.path, account, uid, err);
	if (r >= 0)
		r = trash_one(p, a->art.path, account, uid, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0; /* its folder went into the trash before it */
	}
	return r;
}
