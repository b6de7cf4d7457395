#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/identity.h"
#include "reconciler/identity_file.h"
#include "reconciler/lockfile.h"

enum {
	LINKS_MAX = 8,
	NAP_MS = 20,
	TMP_NAME_MAX = 64
};

#define LOCK_TMP ".pwd.lock.novacpx"

/* A file that is written under its temporary name and waits to be renamed. */
struct pending {
	int dir;                /* -1: nothing pending */
	char tmp[TMP_NAME_MAX]; /* "": renamed */
	char name[NAME_MAX + 1];
	const char *path; /* for messages */
};

struct batch {
	struct pending files[IDENTITY_FILES], backups[IDENTITY_FILES];
};

static void pending_done(struct pending *p)
{
	if (p->dir >= 0 && p->tmp[0])
		(void)unlinkat(p->dir, p->tmp, 0); /* not renamed: not wanted */
	fd_close(&p->dir);
}

static void batch_done(struct batch *batch)
{
	for (int i = 0; i < IDENTITY_FILES; i++) {
		pending_done(&batch->files[i]);
		pending_done(&batch->backups[i]);
	}
}

static int load_file(struct identity_db *db, int root, struct identity_file *file, struct err *err)
{
	const char *path = file->spec->path;
	cleanup_(fd_close) int fd =
		fs_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0, err);
	char *text;
	int r;

	if (fd == -ERR_NOTFOUND) {
		err_clear(err);
		file->text = "";
		return 0;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &file->st) < 0)
		return err_sys(err, "stat %s", path);
	if (!S_ISREG(file->st.st_mode))
		return err_at(err, ERR_INVALID, path, "%s: not a regular file", path);
	r = fs_read_fd(db, fd, path, IDENTITY_FILE_MAX, &text, &file->len, err);
	if (r < 0)
		return r;
	file->text = text;
	file->exists = true;
	return 0;
}

int identity_load(const void *ctx, int root, struct identity_db **ret_db, struct err *err)
{
	cleanup_(mem_freep) struct identity_db *db = mem_new(ctx, struct identity_db);
	bool any = false;

	db->lock_ms = IDENTITY_LOCK_MS;
	for (int i = 0; i < IDENTITY_FILES; i++) {
		int r;

		db->files[i].spec = &identity_specs[i];
		r = load_file(db, root, &db->files[i], err);
		if (r < 0)
			return r;
		identity_file_parse(db, &db->files[i]);
		any |= db->files[i].exists;
	}
	for (int i = 0; any && i < IDENTITY_FILES; i++)
		if (!db->files[i].exists && identity_specs[i].id)
			return err_at(err, ERR_CORRUPT, identity_specs[i].path,
				      "%s is missing while others of passwd, shadow, group and "
				      "gshadow are there; \"%s-\" may hold the last one",
				      identity_specs[i].path, identity_specs[i].path);
	*ret_db = TAKE(db);
	return 0;
}

/* The tools' own lock files: our process number in passwd.lock and its like. */
struct lock_files {
	int dir;
	bool held[IDENTITY_FILES];
};

static void lock_name(int i, char ret[TMP_NAME_MAX])
{
	(void)snprintf(ret, TMP_NAME_MAX, "%s.lock", strrchr(identity_specs[i].path, '/') + 1);
}

static void lock_files_done(struct lock_files *locks)
{
	for (int i = 0; i < IDENTITY_FILES; i++) {
		char name[TMP_NAME_MAX];

		lock_name(i, name);
		if (locks->held[i])
			(void)unlinkat(locks->dir, name, 0); /* ours; who removed it meant it */
	}
	fd_close(&locks->dir);
}

/* The process that holds a lock file; 0 when that is gone. */
static int lock_holder(int dir, const char *name, pid_t *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "lock file");
	cleanup_(fd_close) int fd =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint32_t pid;
	char *text;
	size_t len;
	int r;

	*ret = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, "open /etc/%s", name);
	r = fs_read_fd(ctx, fd, name, 64, &text, &len, err);
	if (r < 0)
		return r;
	text[strcspn(text, " \n")] = '\0';
	if (!identity_number(text, &pid) || pid == 0 || pid > INT32_MAX)
		return err_at(err, ERR_BUSY, name,
			      "/etc/%s: a lock file without a process number; if no program is "
			      "editing accounts, remove it",
			      name);
	/* our own number in it is that of a process before us: we have taken none yet */
	if ((pid_t)pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
		*ret = (pid_t)pid;
	return 0;
}

/* Links a file that has our process number already, as the tools do: no lock file is ever empty. */
static int take_lock_file(const struct lock_files *locks, const char *name, int lock_ms,
			  struct err *err)
{
	for (int waited_ms = 0;; waited_ms += NAP_MS) {
		struct timespec nap = { .tv_nsec = NAP_MS * 1000000L };
		pid_t pid;
		int r;

		if (linkat(locks->dir, LOCK_TMP, locks->dir, name, 0) == 0)
			return 0;
		if (errno != EEXIST)
			return err_sys(err, "make the lock file /etc/%s", name);
		r = lock_holder(locks->dir, name, &pid, err);
		if (r < 0)
			return r;
		if (!pid) {
			(void)unlinkat(locks->dir, name, 0); /* the next link tells */
			continue;
		}
		if (waited_ms >= lock_ms)
			return err_at(err, ERR_BUSY, name,
				      "/etc/%s: still held by process %d after %d ms", name,
				      (int)pid, lock_ms);
		(void)nanosleep(&nap, NULL); /* waking early only polls early */
	}
}

/*
 * With a prefix (`useradd -P`) the tools take these and not .pwd.lock, without one both. Taken in
 * the tools' order, after .pwd.lock, so that the others wait there and do not fail here.
 */
static int take_lock_files(const struct identity_db *db, int root, struct lock_files *locks,
			   struct err *err)
{
	static const enum identity_which order[] = { IDENTITY_PASSWD, IDENTITY_GROUP,
						     IDENTITY_GSHADOW, IDENTITY_SHADOW };

	cleanup_(fd_close) int fd = -1;
	char pid[16];
	int len = snprintf(pid, sizeof(pid), "%d", (int)getpid());
	int r = 0;

	locks->dir = fs_open(root, "/etc", O_PATH | O_DIRECTORY, 0, 0, err);
	if (locks->dir < 0)
		return locks->dir;
	(void)unlinkat(locks->dir, LOCK_TMP, 0); /* left by a crash */
	fd = openat(locks->dir, LOCK_TMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, pid, (size_t)len + 1) < 0)
		r = err_sys(err, "make a lock file in /etc");
	for (size_t i = 0; r == 0 && i < IDENTITY_FILES; i++) {
		char name[TMP_NAME_MAX];

		lock_name((int)order[i], name);
		r = take_lock_file(locks, name, db->lock_ms, err);
		locks->held[order[i]] = r == 0;
	}
	(void)unlinkat(locks->dir, LOCK_TMP, 0); /* the links are what counts */
	return r;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int check_unchanged(const struct identity_db *db, int root, struct err *err)
{
	for (int i = 0; i < IDENTITY_FILES; i++) {
		const struct identity_file *file = &db->files[i];
		cleanup_(fd_close) int fd = fs_open(root, file->spec->path, O_PATH, 0, 0, err);
		struct stat st;

		if (fd == -ERR_NOTFOUND && !file->exists) {
			err_clear(err);
			continue;
		}
		if (fd < 0 && fd != -ERR_NOTFOUND)
			return fd;
		if (fd >= 0 && fstat(fd, &st) < 0)
			return err_sys(err, "stat %s", file->spec->path);
		if (fd < 0 || !file->exists || !same_file(&st, &file->st))
			return err_at(
				err, ERR_CONFLICT, file->spec->path,
				"%s was changed by another program since it was read; nothing "
				"was written",
				file->spec->path);
	}
	return 0;
}

/* Follows PATH's own links by hand: what is replaced is the file, not the link to it. */
static int resolve(const void *ctx, int root, const char *path, const char **ret, struct err *err)
{
	for (int i = 0; i < LINKS_MAX; i++) {
		struct stat st;
		char *target = NULL;
		int r = fs_stat(root, path, &st, err);

		if (r == -ERR_NOTFOUND || (r == 0 && !S_ISLNK(st.st_mode))) {
			err_clear(err);
			*ret = path;
			return 0;
		}
		if (r == 0)
			r = fs_readlink(ctx, root, path, &target, err);
		if (r < 0 || !target)
			return r;
		path = target[0] == '/' ? target
					: mem_fmt(ctx, "%.*s/%s", (int)(strrchr(path, '/') - path),
						  path, target);
	}
	return err_at(err, ERR_INVALID, path, "%s: too many links", path);
}

static void owner_of(const struct identity_db *db, const struct identity_file *file,
		     struct stat *ret)
{
	const struct identity_row *shadow;

	if (file->exists) {
		*ret = file->st;
		return;
	}
	*ret = (struct stat){ .st_mode = file->spec->mode };
	shadow = identity_row_find(&db->files[IDENTITY_GROUP], "shadow");
	if (!(file->spec->mode & 0004) && shadow && shadow->has_id)
		ret->st_gid = shadow->id;
}

/* Writes DATA under a temporary name beside PATH, with the owner and mode in LIKE. */
static int stage(int root, struct pending *p, const char *path, const void *data, size_t len,
		 const struct stat *like, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	const char *name;

	p->path = path;
	p->dir = fs_open_parent(root, path, 0, &name, err);
	if (p->dir < 0)
		return p->dir;
	if ((size_t)snprintf(p->name, sizeof(p->name), "%s", name) >= sizeof(p->name) ||
	    (size_t)snprintf(p->tmp, sizeof(p->tmp), ".%s.novacpx", name) >= sizeof(p->tmp)) {
		p->tmp[0] = '\0';
		return err_at(err, ERR_INVALID, path, "%s: name too long", path);
	}
	(void)unlinkat(p->dir, p->tmp, 0); /* left by a crash; we have the lock */
	fd = openat(p->dir, p->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "create a file beside %s", path);
	if (fault_point("identity write") || fs_write_all(fd, data, len) < 0)
		return err_sys(err, "write %s", path);
	/* in a sandbox without privileges new files belong to whoever runs it */
	if (fchown(fd, like->st_uid, like->st_gid) < 0 && !(errno == EPERM && geteuid() != 0))
		return err_sys(err, "set the owner of %s", path);
	if (fchmod(fd, like->st_mode & 07777) < 0)
		return err_sys(err, "set the mode of %s", path);
	return 0;
}

static int stage_file(struct identity_db *db, int root, int i, struct batch *batch,
		      const struct buf *text, struct err *err)
{
	const struct identity_file *file = &db->files[i];
	const char *path = file->spec->path;
	struct stat like;
	int r = resolve(db, root, path, &path, err);

	if (r < 0)
		return r;
	if (text->over)
		return err_at(err, ERR_TOOBIG, file->spec->path, "%s would be over %d MiB",
			      file->spec->path, IDENTITY_FILE_MAX >> 20);
	owner_of(db, file, &like);
	r = stage(root, &batch->files[i], path, buf_str(text), text->len, &like, err);
	if (r < 0 || !file->exists)
		return r;
	return stage(root, &batch->backups[i], mem_fmt(db, "%s-", file->spec->path), file->text,
		     file->len, &like, err);
}

/* One syncfs for all that is pending, one more for each further file system. */
static int sync_batch(struct batch *batch, struct err *err)
{
	dev_t synced = 0;

	for (int i = 0; i < 2 * IDENTITY_FILES; i++) {
		const struct pending *p =
			i < IDENTITY_FILES ? &batch->files[i] : &batch->backups[i - IDENTITY_FILES];
		cleanup_(fd_close) int fd = -1;
		struct stat st;

		if (p->dir < 0)
			continue;
		if (fstat(p->dir, &st) < 0)
			return err_sys(err, "stat the folder of %s", p->path);
		if (st.st_dev == synced)
			continue;
		fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || syncfs(fd) < 0)
			return err_sys(err, "make %s durable", p->path);
		synced = st.st_dev;
	}
	return 0;
}

static int activate(struct pending *p, struct err *err)
{
	cleanup_(fd_close) int fd = -1;

	if (p->dir < 0)
		return 0;
	if (fault_point("identity rename") || renameat(p->dir, p->tmp, p->dir, p->name) < 0)
		return err_sys(err, "rename to %s", p->path);
	p->tmp[0] = '\0';
	/* the order of the renames is a promise, so each is made durable before the next */
	fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? err_sys(err, "sync the folder of %s", p->path) : 0;
}

/* The new file becomes the one that later edits start from. */
static int settle(struct identity_db *db, const struct pending *p, struct identity_file *file,
		  const struct buf *text, struct err *err)
{
	if (fstatat(p->dir, p->name, &file->st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "stat %s", p->path);
	file->text = mem_dup(db, buf_str(text), text->len);
	file->len = text->len;
	file->exists = true;
	file->dirty = false;
	return 0;
}

static int write_locked(struct identity_db *db, int root, struct err *err)
{
	static const enum identity_which additions[] = { IDENTITY_GROUP, IDENTITY_GSHADOW,
							 IDENTITY_SHADOW, IDENTITY_PASSWD };

	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "account files");
	struct buf texts[IDENTITY_FILES];
	cleanup_(batch_done) struct batch batch;
	int r = 0;

	for (int i = 0; i < IDENTITY_FILES; i++) {
		texts[i] = (struct buf)BUF_ON(ctx);
		batch.files[i] = batch.backups[i] = (struct pending){ .dir = -1 };
	}
	for (int i = 0; r == 0 && i < IDENTITY_FILES; i++) {
		if (!db->files[i].dirty)
			continue;
		identity_file_print(&db->files[i], &texts[i]);
		r = stage_file(db, root, i, &batch, &texts[i], err);
	}
	if (r == 0)
		r = sync_batch(&batch, err);
	for (int i = 0; r == 0 && i < IDENTITY_FILES; i++)
		r = activate(&batch.backups[i], err);
	for (int i = 0; r == 0 && i < IDENTITY_FILES; i++) {
		enum identity_which at = additions[db->has_put ? i : IDENTITY_FILES - 1 - i];

		r = activate(&batch.files[at], err);
		if (r == 0 && batch.files[at].dir >= 0)
			r = settle(db, &batch.files[at], &db->files[at], &texts[at], err);
	}
	return r;
}

static void drop_temp(int dir, const char *name, const char *suffix)
{
	char tmp[TMP_NAME_MAX];

	(void)snprintf(tmp, sizeof(tmp), ".%s%s.novacpx", name, suffix);
	(void)unlinkat(dir, tmp, 0); /* mostly not there */
}

int identity_recover(int root, struct err *err)
{
	cleanup_(fd_close) int dir = fs_open(root, "/etc", O_PATH | O_DIRECTORY, 0, 0, err);
	struct err ignored = ERR_INIT; /* a strange lock file stops who writes, not us */

	if (dir == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (dir < 0)
		return dir;
	for (int i = 0; i < IDENTITY_FILES; i++) {
		const char *name = strrchr(identity_specs[i].path, '/') + 1;
		char lock[TMP_NAME_MAX];
		pid_t holder;

		drop_temp(dir, name, "");
		drop_temp(dir, name, "-");
		lock_name(i, lock);
		if (faccessat(dir, lock, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (lock_holder(dir, lock, &holder, &ignored) == 0 && !holder)
			(void)unlinkat(dir, lock, 0); /* of a process that is gone */
	}
	(void)unlinkat(dir, LOCK_TMP, 0);
	return 0;
}

int identity_write(struct identity_db *db, int root, struct err *err)
{
	/* the lock goes with the descriptor */
	cleanup_(fd_close) int lock = -1;
	cleanup_(lock_files_done) struct lock_files locks = { .dir = -1 };
	int r;

	if (!identity_is_dirty(db))
		return 0;
	lock = fs_open(root, "/etc/.pwd.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600, 0, err);
	if (lock < 0)
		return lock;
	r = lockfile_wait(lock, F_WRLCK, db->lock_ms, "/etc/.pwd.lock", err);
	if (r == 0)
		r = take_lock_files(db, root, &locks, err);
	if (r == 0)
		r = check_unchanged(db, root, err);
	if (r == 0)
		r = write_locked(db, root, err);
	if (r == 0)
		db->has_put = false;
	return r;
}

int identity_stage(struct identity_db *db, int stage_root, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "account files");
	int r = 0;

	for (int i = 0; r == 0 && i < IDENTITY_FILES; i++) {
		struct buf text = BUF_ON(ctx);

		if (!db->files[i].dirty)
			continue;
		identity_file_print(&db->files[i], &text);
		r = fs_write_atomic(stage_root, db->files[i].spec->path, buf_str(&text), text.len,
				    0644, err);
	}
	return r;
}
