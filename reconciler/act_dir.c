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
#include "reconciler/trash_note.h"

/* Whether NAME is LOG as logrotate renames it: LOG.1, LOG.2.gz, LOG-20260101. */
static bool is_rotated(const char *name, const char *log)
{
	size_t len = strlen(log);

	return strncmp(name, log, len) == 0 && (name[len] == '.' || name[len] == '-') &&
	       name[len + 1] >= '0' && name[len + 1] <= '9';
}

/* Data comes back from where act_trash() put it. */
static int fetch_one(struct plan *p, const char *source, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int from = -1;
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *from_name;
	int r;

	from = fs_open_parent(p->e->root, source, 0, &from_name, err);
	if (from < 0)
		return from;
	if (fault_point("fetch") || renameat2(from, from_name, dir, name, RENAME_NOREPLACE) < 0)
		return err_sys(err, "bring %s back from the trash", source);
	r = sql_get(p->e->db, "DELETE FROM trash WHERE path=?", &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, source);
	r = sql_run(st, err);
	return r < 0 ? r : trash_note_drop(p->e, source, err);
}

/* Rotated logs that went with the one in A->art.source. */
static int fetch_rotated(struct plan *p, const struct action *a, int dir, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct ptrs from = { .n = 0 };
	struct ptrs to = { .n = 0 };
	int r = sql_get(
		p->e->db,
		"SELECT path, origin FROM trash WHERE rev=(SELECT rev FROM trash WHERE path=?)",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, a->art.source);
	while ((r = sql_step(st, err)) > 0) {
		if (!is_rotated(sql_text(st, 1), a->art.path))
			continue;
		ptrs_add(p->ctx, &from, mem_str(p->ctx, sql_text(st, 0)));
		ptrs_add(p->ctx, &to, mem_str(p->ctx, strrchr(sql_text(st, 1), '/') + 1));
	}
	for (size_t i = 0; i < from.n && r >= 0; i++)
		r = fetch_one(p, from.v[i], dir, to.v[i], err);
	return r;
}

static int fetch(struct plan *p, const struct action *a, int dir, const char *name, struct err *err)
{
	int r = a->art.type == ARTIFACT_FILE ? fetch_rotated(p, a, dir, err) : 0;

	return r < 0 ? r : fetch_one(p, a->art.source, dir, name, err);
}

static int make(struct plan *p, struct action *a, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	const char *temp = NULL;
	struct stat st;
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
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) { /* it gets its name when it is finished */
		temp = strrchr(act_temp_path(p->ctx, mem_fmt(p->ctx, "/%s", name)), '/') + 1;
		if (fault_point("mkdir") || (mkdirat(dir, temp, 0700) < 0 && errno != EEXIST))
			return err_sys(err, "make folder %s", a->art.path);
		fd = openat(dir, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(err, "open folder %s", a->art.path);
	if (fault_point("chown") || fchown(fd, uid, gid) < 0 || fchmod(fd, a->art.mode) < 0 ||
	    (temp && renameat2(dir, temp, dir, name, RENAME_NOREPLACE) < 0) || fstat(fd, &st) < 0) {
		r = err_sys(err, "set owner and mode of %s", a->art.path);

		if (temp)
			(void)unlinkat(dir, temp,
				       AT_REMOVEDIR); /* the first error is the one to tell */
		return r;
	}
	a->stamp = stamp_of_dir(&st);
	return 0;
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
	act_prune(p, a->art.path);
	return 0; /* one that is not empty stays: what is in it is not ours */
}

/* The note first: data without a row is found by it. */
static int note_trash(struct plan *p, const struct trash_entry *t, struct err *err)
{
	int r = trash_note_put(p->e, t, err);

	return r < 0 ? r : trash_row_put(p->e, t, true, err);
}

/* A folder that goes into the trash itself, later in this plan. */
static bool is_going(const struct plan *p, const char *folder)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->stage == STAGE_TRASH && a->art.type == ARTIFACT_DIR &&
		    strcmp(a->art.path, folder) == 0)
			return true;
	}
	return false;
}

/*
 * The trash lies on the data's own file system, so moving is one rename whatever its size: in the
 * nearest folder above that stays ours (mail lies some levels deep), else beside it.
 */
static const char *trash_base(struct plan *p, const char *origin)
{
	const char *parent = mem_strn(p->ctx, origin, (size_t)(strrchr(origin, '/') - origin));
	const char *base = parent;
	struct owned *o;
	struct err ignored = ERR_INIT;

	while (*base) {
		if (owned_get(p->ctx, p->e->db, ARTIFACT_DIR, base, &o, &ignored) >= 0 &&
		    !is_going(p, base))
			return base;
		base = mem_strn(p->ctx, base, (size_t)(strrchr(base, '/') - base));
	}
	return parent;
}

/* Folders between BASE and what was taken out go when nothing is left in them. */
static void prune_to(struct plan *p, const char *base, const char *origin)
{
	char *folder = mem_str(p->ctx, origin);

	for (;;) {
		cleanup_(fd_close) int dir = -1;
		const char *name;

		*strrchr(folder, '/') = '\0';
		if (strlen(folder) <= strlen(base))
			return;
		dir = fs_open_parent(p->e->root, folder, 0, &name, NULL);
		if (dir < 0 || (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT))
			return;
	}
}

void act_trash_prune(struct plan *p, const char *origin)
{
	prune_to(p, trash_base(p, origin), origin);
}

static int trash_one(struct plan *p, const char *origin, const char *account, int64_t uid,
		     struct err *err)
{
	cleanup_(fd_close) int from = -1;
	cleanup_(fd_close) int to = -1;
	const char *base = trash_base(p, origin);
	const char *folder = mem_fmt(p->ctx, "%s" TRASH_FOLDER, base);
	const struct trash_entry t = { .name = trash_name(p->ctx, account, p->rev, origin),
				       .account = account,
				       .path = trash_place(p->ctx, base, origin, p->rev),
				       .origin = origin,
				       .uid = uid,
				       .rev = p->rev,
				       .time = p->now };
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
	to = fs_open_parent(p->e->root, t.path, 0, &to_name, err);
	if (to < 0)
		return to;
	r = note_trash(p, &t, err);
	if (r < 0)
		return r;
	if (fault_point("trash") || renameat(from, name, to, to_name) < 0)
		return err_sys(err, "move %s to the trash", origin);
	(void)fault_point("trashed");
	prune_to(p, base, origin);
	return 0;
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
