#include "reconciler/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/enginedb.h"

enum {
	NODE_KEY_LEN = 32
};

static int engine_free(struct engine *e)
{
	struct err ignored = ERR_INIT;

	if (memdir_remove(&e->scratch, &ignored) < 0)
		(void)0; /* memory only, gone with the next pass */
	fd_close(&e->lock);
	fd_close(&e->root);
	return 0;
}

int64_t engine_now(void)
{
	return (int64_t)time(NULL);
}

/*
 * engine.db is made before SQLite opens it, for its further files take its mode. Once SQLite has it
 * open, no other descriptor of it may be closed in this process: that would drop its locks, and
 * the next process to leave would delete its log.
 */
static int protect(struct engine *e, struct err *err)
{
	static const char path[] = ENGINE_DIR "/engine.db";
	cleanup_(fd_close) int made = -1;

	if (fs_exists(e->root, path))
		return 0;
	made = fs_open(e->root, path, O_WRONLY | O_CREAT, 0600, 0, err);
	return made < 0 ? made : 0;
}

/* On a machine that has none yet: nothing is left behind. */
static int open_scratch(struct engine *e, struct err *err)
{
	int r = memdir_make(&e->scratch, err);

	if (r >= 0)
		r = store_open(e, mem_fmt(e, "%s/" MODEL_NAME, e->scratch.path), false, &e->store,
			       err);
	return r;
}

static int open_state(struct engine *e, const char *base, bool dry, struct err *err)
{
	cleanup_(fd_close) int model = -1;
	int r = state_prepare(e->root, base, !dry, &model, err);

	if (r >= 0)
		r = protect(e, err);
	if (r >= 0)
		r = store_open_guarded(e, model, &e->store, err);
	return r;
}

static int open_parts(struct engine *e, bool dry, struct err *err)
{
	const char *base = strcmp(e->root_path, "/") == 0 ? "" : e->root_path;
	bool is_scratch = dry && !state_exists(e->root);
	int r = is_scratch ? open_scratch(e, err) : open_state(e, base, dry, err);
	const char *dir = is_scratch ? e->scratch.path : mem_fmt(e, "%s" ENGINE_DIR, base);

	if (r >= 0)
		r = enginedb_open(e, mem_fmt(e, "%s/engine.db", dir), &e->db, err);
	if (r >= 0)
		e->history_path = mem_fmt(e, "%s/history.git", dir);
	return r;
}

static int open_engine(const void *ctx, const char *root_path, bool dry, struct engine **ret,
		       struct err *err)
{
	struct engine *e = mem_new(ctx, struct engine);
	cleanup_(fd_close) int path = -1;
	char *real = realpath(root_path, NULL);
	int r = 0;

	e->root = e->lock = e->scratch.lock = -1;
	e->verbs = &verbs_real;
	talloc_set_destructor(e, engine_free);
	if (!real)
		r = err_sys(err, "root folder %s", root_path);
	e->root_path = mem_str(e, real);
	free(real);
	if (r >= 0) {
		path = fs_root_open(e->root_path, err);
		r = path;
	}
	if (r >= 0) { /* a full descriptor, for syncfs */
		e->root = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = e->root < 0 ? err_sys(err, "open root folder %s", root_path) : 0;
	}
	e->at = (struct service_at){ .root = e->root, .root_path = e->root_path };
	if (r >= 0)
		r = open_parts(e, dry, err);
	if (r < 0) {
		(void)talloc_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

int engine_open(const void *ctx, const char *root_path, struct engine **ret, struct err *err)
{
	return open_engine(ctx, root_path, false, ret, err);
}

int engine_open_dry(const void *ctx, const char *root_path, struct engine **ret, struct err *err)
{
	return open_engine(ctx, root_path, true, ret, err);
}

int engine_history(struct engine *e, struct history **ret, struct err *err)
{
	bool rebuilt;
	int r = 0;

	if (!e->history)
		r = history_open(e, e->history_path, 0, &e->history, &rebuilt, err);
	if (r >= 0)
		*ret = e->history;
	return r;
}

int engine_lock(struct engine *e, int wait_ms, struct err *err)
{
	if (e->lock >= 0 || e->scratch.path[0])
		return 0;
	e->lock = fs_open(e->root, ENGINE_DIR "/engine.lock", O_RDWR | O_CREAT, 0600, 0, err);
	if (e->lock < 0)
		return e->lock;
	for (int waited = 0; flock(e->lock, LOCK_EX | LOCK_NB) < 0; waited += 50) {
		const struct timespec nap = { .tv_nsec = 50000000 };

		if (errno != EWOULDBLOCK && errno != EINTR) {
			int r = err_sys(err, "lock " ENGINE_DIR "/engine.lock");

			fd_close(&e->lock); /* an open one counts as held */
			return r;
		}
		if (waited >= wait_ms) {
			fd_close(&e->lock);
			return err_set(err, ERR_BUSY,
				       "another NovaCPX process is converging this machine "
				       "(" ENGINE_DIR "/engine.lock)");
		}
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

void engine_unlock(struct engine *e)
{
	fd_close(&e->lock);
}

int engine_node_key(const void *ctx, struct engine *e, char **ret, size_t *ret_len, struct err *err)
{
	static const char path[] = ENGINE_DIR "/node.key";
	char key[NODE_KEY_LEN];
	int r = fs_read(ctx, e->root, path, NODE_KEY_LEN, 0, ret, ret_len, err);

	if (r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return err_sys(err, "random number");
	r = fs_write_atomic(e->root, path, key, sizeof(key), 0600, err);
	if (r < 0)
		return r;
	*ret = mem_dup(ctx, key, sizeof(key));
	*ret_len = sizeof(key);
	return 0;
}
