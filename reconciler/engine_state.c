#include "reconciler/engine_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/identity.h"

#define MODEL_NEW "model.new"

enum {
	USER_TRIES = 3,
	SYSTEM_ID_MAX = 999,
};

struct state {
	int root;
	const char *base;
	int top, engine, model; /* folders */
	uid_t uid;              /* of novacpx; ours when there is none */
	gid_t gid;
};

/* The user */

int state_user(int root, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
	uint32_t uid = 0;
	uint32_t gid = 0;
	int r = 0;

	if (geteuid() == 0 && fs_exists(root, "/etc/passwd"))
		r = identity_peek(root, "/etc/passwd", ENGINE_USER, &uid, err);
	if (r > 0)
		r = identity_peek(root, "/etc/group", ENGINE_USER, &gid, err);
	if (r < 0)
		return r;
	*ret_uid = r > 0 && uid && gid ? uid : 0;
	*ret_gid = r > 0 && uid && gid ? gid : 0;
	return 0;
}

static int make_user(int root, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "novacpx");
	struct identity id = { .name = ENGINE_USER,
			       .gecos = "NovaCPX",
			       .home = ENGINE_STATE_DIR,
			       .shell = "/usr/sbin/nologin",
			       .locked = true,
			       .is_system = true };
	struct identity_db *db;
	int r = identity_load(ctx, root, &db, err);

	if (r < 0)
		return r;
	/* a group of that name, without the user, stays as it is */
	id.uid = identity_uid_free(db, IDENTITY_SYSTEM_MIN, SYSTEM_ID_MAX, NULL, NULL);
	if (!identity_group_find(db, ENGINE_USER, &id.gid))
		id.gid = id.uid;
	if (id.uid == 0)
		return err_set(err, ERR_CONFLICT, "no number from %d to %d is free",
			       IDENTITY_SYSTEM_MIN, SYSTEM_ID_MAX);
	r = identity_put(db, &id, err);
	return r < 0 ? r : identity_write(db, root, err);
}

/* Another program may be writing the files, or be starting just like us. */
static int ensure_user(struct state *s, bool make, struct err *err)
{
	int r = state_user(s->root, &s->uid, &s->gid, err);

	for (int i = 0; i < USER_TRIES && r >= 0 && s->uid == 0 && make && geteuid() == 0 &&
			fs_exists(s->root, "/etc/passwd");
	     i++) {
		err_clear(err);
		r = make_user(s->root, err);
		if (r == -ERR_CONFLICT && i + 1 < USER_TRIES)
			r = 0;
		if (r >= 0)
			r = state_user(s->root, &s->uid, &s->gid, err);
	}
	if (r < 0)
		return err_wrap(err, "user " ENGINE_USER);
	if (s->uid == 0) {
		s->uid = geteuid();
		s->gid = getegid();
	}
	return 0;
}

/* Folders */

static int open_folder(int root, const char *path, mode_t mode, struct err *err)
{
	int r = fs_mkdirs(root, path, mode, err);

	return r < 0 ? r : fs_open(root, path, O_RDONLY | O_DIRECTORY, 0, 0, err);
}

/* Nobody but us has ever been in there. */
static int open_engine_dir(struct state *s, struct err *err)
{
	struct stat st;

	s->engine = open_folder(s->root, ENGINE_DIR, 0700, err);
	if (s->engine < 0)
		return s->engine;
	if (fstat(s->engine, &st) < 0)
		return err_sys(err, "stat " ENGINE_DIR);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
			       ENGINE_DIR
			       " belongs to user id %u and not to us (%u): chown -R it, or move it "
			       "away",
			       (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 07777) != 0700 && fchmod(s->engine, 0700) < 0)
		return err_sys(err, "protect " ENGINE_DIR);
	return 0;
}

/* A file to its owner, while nobody else can reach it. */
static int hand_over(const struct state *s, int dir, const char *name, struct err *err)
{
	cleanup_(fd_close) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[40];
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", name);
	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, ERR_DENIED, "%s is not a plain file with one name", name);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if ((st.st_mode & 07777) != 0600 && chmod(path, 0600) < 0)
		return err_sys(err, "protect %s", name);
	if ((st.st_uid != s->uid || st.st_gid != s->gid) && chown(path, s->uid, s->gid) < 0)
		return err_sys(err, "give %s to " ENGINE_USER, name);
	return 0;
}

static const char *const model_files[] = { MODEL_NAME "-wal", MODEL_NAME "-shm", MODEL_NAME };

/*
 * As long as the folder is ours nobody else was in it, so all in it can be handed over; then the
 * folder is. One that belongs to somebody else already is theirs with all that is in it.
 */
static int open_model_dir(struct state *s, struct err *err)
{
	struct stat st;
	int r = 0;

	s->model = open_folder(s->root, MODEL_DIR, 0700, err);
	if (s->model < 0)
		return s->model;
	if (fstat(s->model, &st) < 0)
		return err_sys(err, "stat " MODEL_DIR);
	if (st.st_uid == s->uid)
		return 0;
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
			       MODEL_DIR " belongs to user id %u, and the user " ENGINE_USER
					 " is %u: look what is in it, then chown -R it",
			       (unsigned)st.st_uid, (unsigned)s->uid);
	for (size_t i = 0; i < ARRAY_LEN(model_files) && r >= 0; i++)
		r = hand_over(s, s->model, model_files[i], err);
	if (r >= 0 && (fchmod(s->model, 0700) < 0 || fchown(s->model, s->uid, s->gid) < 0))
		r = err_sys(err, "give " MODEL_DIR " to " ENGINE_USER);
	return r;
}

/* What older versions kept in one folder */

static int move(int from, int to, const char *name, const char *where, struct err *err)
{
	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0 || errno == ENOENT)
		return 0;
	if (errno == EEXIST)
		return err_set(err, ERR_CONFLICT,
			       "there is a %s in " ENGINE_STATE_DIR
			       " and another one in %s: move one of them away",
			       name, where);
	return err_sys(err, "move %s to %s", name, where);
}

/* A database goes last, after its log: without it nobody takes the log for one of another. */
static int move_old(struct state *s, struct err *err)
{
	static const char *const engine_files[] = { "engine.db-wal", "engine.db-shm", "engine.db",
						    "history.git", "node.key" };
	int r = 0;

	if (unlinkat(s->top, "engine.lock", 0) < 0 && errno != ENOENT) /* empty */
		return err_sys(err, "remove the old engine.lock");
	for (size_t i = 0; i < ARRAY_LEN(engine_files) && r >= 0; i++)
		r = move(s->top, s->engine, engine_files[i], ENGINE_DIR, err);
	for (size_t i = 0; i < ARRAY_LEN(model_files) && r >= 0; i++) {
		r = hand_over(s, s->top, model_files[i], err);
		if (r >= 0)
			r = move(s->top, s->model, model_files[i], MODEL_DIR, err);
	}
	return r;
}

/* Made where nobody else gets in, complete, and then put into the folder that is theirs. */
static int make_model(struct state *s, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "model");
	static const char *const old[] = { MODEL_NEW, MODEL_NEW "-wal", MODEL_NEW "-shm",
					   MODEL_NEW "-journal" };
	struct store *store;
	struct stat st;
	int r;

	if (fstatat(s->model, MODEL_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(old); i++) {
		if (unlinkat(s->engine, old[i], 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove %s", old[i]);
	}
	r = store_open(ctx, mem_fmt(ctx, "%s" ENGINE_DIR "/" MODEL_NEW, s->base), false, &store,
		       err);
	if (r < 0)
		return r;
	(void)talloc_free(store); /* its log is gone then */
	r = hand_over(s, s->engine, MODEL_NEW, err);
	if (r >= 0 && renameat2(s->engine, MODEL_NEW, s->model, MODEL_NAME, RENAME_NOREPLACE) < 0)
		r = err_sys(err, "put " MODEL_NAME " into " MODEL_DIR);
	if (r >= 0 && fsync(s->model) < 0)
		r = err_sys(err, "sync " MODEL_DIR);
	return r;
}

bool state_exists(int root)
{
	return fs_exists(root, MODEL_DIR "/" MODEL_NAME) ||
	       fs_exists(root, ENGINE_STATE_DIR "/" MODEL_NAME);
}

static int prepare(struct state *s, bool make_user, struct err *err)
{
	int r;

	s->top = open_folder(s->root, ENGINE_STATE_DIR, 0755, err);
	if (s->top < 0)
		return s->top;
	r = open_engine_dir(s, err);
	/* one at a time; the lock goes with the descriptor */
	if (r >= 0 && flock(s->engine, LOCK_EX) < 0)
		r = err_sys(err, "lock " ENGINE_DIR);
	if (r >= 0)
		r = ensure_user(s, make_user, err);
	if (r >= 0)
		r = open_model_dir(s, err);
	if (r >= 0)
		r = move_old(s, err);
	return r < 0 ? r : make_model(s, err);
}

int state_prepare(int root, const char *base, bool make_user, int *ret_model, struct err *err)
{
	struct state s = { .root = root, .base = base, .top = -1, .engine = -1, .model = -1 };
	int r = prepare(&s, make_user, err);

	if (r >= 0) {
		*ret_model = s.model;
		s.model = -1;
	}
	fd_close(&s.top);
	fd_close(&s.engine);
	fd_close(&s.model);
	return r;
}
