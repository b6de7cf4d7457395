#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "reconciler/act.h"

void syncset_add(struct syncset *s, int dir_fd)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (s->dev[i] == (int64_t)st.st_dev)
			return;
	}
	if (s->n == ARRAY_LEN(s->fd))
		return;
	s->fd[s->n] = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd[s->n] >= 0)
		s->dev[s->n++] = (int64_t)st.st_dev;
}

int syncset_flush(struct syncset *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		if (fault_point("syncfs") || syncfs(s->fd[i]) < 0)
			return err_sys(err, "make the files beneath / durable (syncfs)");
	}
	return 0;
}

void syncset_done(struct syncset *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(&s->fd[i]);
	s->n = 0;
}

static unsigned link_flags(const struct artifact *a)
{
	return a->flags & ARTIFACT_TENANT ? FS_NOLINKS : 0;
}

const char *act_temp_path(const void *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');

	return mem_fmt(ctx, "%.*s/.%s.novacpx", (int)(slash - path), path, slash + 1);
}

/* The folder of PATH, made (0755, root) where it is missing. */
static int open_folder(struct plan *p, const struct artifact *a, const char **ret_name,
		       struct err *err)
{
	const char *slash = strrchr(a->path, '/');
	const char *folder;
	int dir = fs_open_parent(p->e->root, a->path, link_flags(a), ret_name, err);
	int r;

	if (dir != -ERR_NOTFOUND || (a->flags & ARTIFACT_TENANT))
		return dir;
	err_clear(err);
	folder = mem_strn(p->ctx, a->path, (size_t)(slash - a->path));
	r = fs_mkdirs(p->e->root, folder, 0755, err);
	return r < 0 ? r : fs_open_parent(p->e->root, a->path, link_flags(a), ret_name, err);
}

/* A block's file keeps the owner it has. */
static int owners(struct plan *p, const struct action *a, uid_t *uid, gid_t *gid, struct err *err)
{
	struct stat st;
	int r;

	if (a->art.type == ARTIFACT_BLOCK) {
		r = fs_stat(p->e->root, a->art.path, &st, err);
		*uid = st.st_uid;
		*gid = st.st_gid;
		return r;
	}
	r = plan_uid(p, a->art.owner, uid, err);
	return r < 0 ? r : plan_gid(p, a->art.group, gid, err);
}

/* For every file, whoever reads it: one look at what it replaces. */
static int make_later(int dir, int fd, const struct action *a, struct err *err)
{
	const char *name = strrchr(a->art.path, '/') + 1;
	struct stat old;

	if (fstatat(dir, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "stat %s", a->art.path);
	return fs_make_later(fd, &old, err);
}

struct owner {
	uid_t uid;
	gid_t gid;
};

static int fill(int dir, int fd, const struct action *a, const struct owner *o, struct err *err)
{
	if (fault_point("write") ||
	    fs_write_all(fd, a->art.data ? a->art.data : "", a->art.len) < 0 ||
	    ((o->uid || o->gid) && fchown(fd, o->uid, o->gid) < 0) || fchmod(fd, a->art.mode) < 0)
		return err_sys(err, "write %s", a->art.path);
	return make_later(dir, fd, a, err);
}

int act_file_stage(struct plan *p, struct action *a, struct syncset *sync, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	cleanup_(fd_close) int fd = -1;
	const char *name;
	const char *temp;
	struct owner owner = { .uid = 0 };
	int r = owners(p, a, &owner.uid, &owner.gid, err);

	if (r < 0)
		return r;
	dir = open_folder(p, &a->art, &name, err);
	if (dir < 0)
		return dir;
	a->temp = mem_str(p->ctx, act_temp_path(p->ctx, a->art.path));
	temp = strrchr(a->temp, '/') + 1;
	if (fault_point("create"))
		return err_sys(err, "create %s", a->temp);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST) { /* left behind by a crash; ours by its name */
		if (unlinkat(dir, temp, 0) == 0)
			fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    0600);
	}
	if (fd < 0)
		return err_sys(err, "create %s", a->temp);
	r = fill(dir, fd, a, &owner, err);
	if (r < 0) {
		(void)unlinkat(dir, temp, 0); /* the first error is the one to tell */
		a->temp = NULL;
		return r;
	}
	syncset_add(sync, dir);
	return 0;
}

static int activate_link(int dir, const char *name, struct action *a, struct err *err)
{
	struct stat st;

	if (a->op == ACTION_UPDATE && unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, "replace link %s", a->art.path);
	/* a tenant's own that has come out of the trash meanwhile stays */
	if (fault_point("link") || (symlinkat(a->art.data, dir, name) < 0 &&
				    !(errno == EEXIST && (a->art.flags & ARTIFACT_ONCE))))
		return err_sys(err, "make link %s", a->art.path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "stat %s", a->art.path);
	a->stamp = stamp_of(&st);
	return 0;
}

/* A folder in its own right, not one that was made on the way to a file. */
static bool is_wanted(struct plan *p, const char *folder)
{
	struct err ignored = ERR_INIT;
	struct owned *o;

	return owned_get(p->ctx, p->e->db, ARTIFACT_DIR, folder, &o, &ignored) >= 0;
}

/* Folders of ours that have become empty go too, up to the one that is called novacpx. */
void act_prune(struct plan *p, const char *path)
{
	char *folder = mem_str(p->ctx, path);
	char *slash;

	while ((slash = strrchr(folder, '/'))) {
		cleanup_(fd_close) int dir = -1;
		const char *name;

		*slash = '\0';
		slash = strrchr(folder, '/');
		if (!strstr(folder, "/novacpx/") && (!slash || strcmp(slash, "/novacpx") != 0))
			return;
		if (is_wanted(p, folder))
			return;
		dir = fs_open_parent(p->e->root, folder, 0, &name, NULL);
		if (dir < 0 || unlinkat(dir, name, AT_REMOVEDIR) < 0)
			return;
	}
}

int act_file_activate(struct plan *p, struct action *a, struct syncset *sync, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	const char *name;
	struct stat st;

	dir = a->art.type == ARTIFACT_LINK && a->op != ACTION_DELETE
		      ? open_folder(p, &a->art, &name, err)
		      : fs_open_parent(p->e->root, a->art.path, link_flags(&a->art), &name, err);
	if (dir < 0)
		return dir;
	syncset_add(sync, dir);
	if (a->op == ACTION_DELETE && a->art.type != ARTIFACT_BLOCK) {
		if (fault_point("unlink") || (unlinkat(dir, name, 0) < 0 && errno != ENOENT))
			return err_sys(err, "remove %s", a->art.path);
		act_prune(p, a->art.path);
		return 0;
	}
	if (a->art.type == ARTIFACT_LINK)
		return activate_link(dir, name, a, err);
	/* a tenant's own file that has come meanwhile (out of the trash, say) is not replaced */
	if (fault_point("rename") ||
	    renameat2(dir, strrchr(a->temp, '/') + 1, dir, name,
		      a->art.flags & ARTIFACT_ONCE ? RENAME_NOREPLACE : 0) < 0) {
		bool is_there = (a->art.flags & ARTIFACT_ONCE) && errno == EEXIST;
		int r = is_there ? 0 : err_sys(err, "rename to %s", a->art.path);

		(void)unlinkat(dir, strrchr(a->temp, '/') + 1,
			       0); /* the first error is the one to tell */
		return r;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "stat %s", a->art.path);
	a->stamp = stamp_of(&st);
	return 0;
}
