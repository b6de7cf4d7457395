#include "reconciler/map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/lockfile.h"

enum {
	MODE = 0644,
	BATCH_MAX = 256 << 20, /* bytes of keys and values */
	HOLE_PAGES_MAX = 64,
	TRIES_MAX = 32,
	FREE_MIN = 1 << 20 /* bytes; a disk with less counts as full */
};

static const size_t size_first = (size_t)16 << 20; /* Postfix's lmdb_map_size */
static const size_t size_last = (size_t)8 << 30;

struct op {
	const char *key;
	const char *value; /* NULL: delete */
};

struct map {
	MDB_env *env;
	MDB_dbi dbi;
	int fd; /* the library's own */
	const char *path;
	MDB_txn *reading;   /* the snapshot a look-up or walk is on, */
	MDB_cursor *cursor; /* and the walk's place; NULL otherwise */
	jmp_buf escape;     /* where a failed assertion in the library comes out */
	bool held;          /* by map_hold() */
	bool broken;        /* one has failed: the environment is only good for closing */
	void *batch;        /* NULL outside of one */
	struct ptrs ops;
	size_t batch_bytes;
};

/* An assertion in LMDB means that a page makes no sense; the process need not die for it. */
static noreturn_ void assertion_failed(MDB_env *env, const char *msg)
{
	struct map *map = mdb_env_get_userctx(env);

	(void)msg; /* names a line of the library's source */
	longjmp(map->escape, 1);
}

static void read_end(struct map *map)
{
	if (map->cursor)
		mdb_cursor_close(map->cursor);
	if (map->reading)
		mdb_txn_abort(map->reading);
	map->cursor = NULL;
	map->reading = NULL;
}

/*
 * Runs FN, which calls the library and owns nothing else; returns its LMDB code. After an
 * assertion a write transaction is left alone: the library has cursors of the lost stack frames in
 * it. Its memory is the price; nothing of it reached the file.
 */
static int guarded(struct map *map, int (*fn)(struct map *map, void *arg), void *arg)
{
	int rc = MDB_CORRUPTED;

	if (map->broken)
		return rc;
	if (setjmp(map->escape) == 0) { /* NOLINT(cert-err52-cpp): see above */
		rc = fn(map, arg);
		read_end(map);
		return rc;
	}
	map->broken = true;
	read_end(map);
	return MDB_CORRUPTED;
}

static bool disk_is_full(const struct map *map)
{
	struct statvfs fs;

	return map->fd >= 0 && fstatvfs(map->fd, &fs) == 0 &&
	       fs.f_bavail < FREE_MIN / (fs.f_frsize ? fs.f_frsize : 1);
}

static int fail(const struct map *map, int rc, const char *what, struct err *err)
{
	switch (rc) {
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INCOMPATIBLE:
		return err_at(err, ERR_CORRUPT, map->path,
			      "%s %s: not a map Postfix could read (%s); it must be made anew",
			      what, map->path, mdb_strerror(rc));
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return err_at(err, ERR_TOOBIG, map->path, "%s %s: %s, at most %zu MiB are used",
			      what, map->path, mdb_strerror(rc), size_last >> 20);
	}
	if (rc == EIO && disk_is_full(map)) /* what LMDB makes of a short write */
		rc = ENOSPC;
	if (rc > 0)
		return err_sys_no(err, rc, "%s %s", what, map->path);
	return err_at(err, ERR_SYSTEM, map->path, "%s %s: %s", what, map->path, mdb_strerror(rc));
}

/* Opens the library's environment on the open file FD; the path only serves its open(2). */
static int env_open(struct map *map, int fd, struct err *err)
{
	char link[64];
	struct stat st;
	size_t size = size_first;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "stat %s", map->path);
	if (!S_ISREG(st.st_mode))
		return err_at(err, ERR_INVALID, map->path, "%s: not a regular file", map->path);
	while (size < (size_t)st.st_size * 2 && size < size_last)
		size *= 2;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd); /* fits any int */
	rc = mdb_env_create(&map->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(map->env, size);
	if (rc == 0)
		rc = mdb_env_open(map->env, link, MDB_NOSUBDIR | MDB_NOLOCK, MODE);
	if (rc == 0)
		rc = mdb_env_set_userctx(map->env, map);
	if (rc == 0)
		rc = mdb_env_set_assert(map->env, assertion_failed);
	if (rc == 0)
		rc = mdb_env_get_fd(map->env, &map->fd);
	return rc ? fail(map, rc, "open map", err) : 0;
}

/* An empty map under a temporary name, then linked to its place: nobody sees a half-made one. */
static int create(int root, struct map *map, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	cleanup_(fd_close) int fd = -1;
	char tmp[NAME_MAX + 1];
	const char *name;
	uint32_t rnd;
	int r;

	dir = fs_open_parent(root, map->path, 0, &name, err);
	if (dir < 0)
		return dir;
	if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd))
		return err_sys(err, "random number");
	if ((size_t)snprintf(tmp, sizeof(tmp), ".%.200s.%08x", name, rnd) >= sizeof(tmp))
		return err_at(err, ERR_INVALID, map->path, "%s: name too long", map->path);
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (fd < 0)
		return err_sys(err, "create a file beside %s", map->path);
	r = env_open(map, fd, err);
	if (map->env)
		mdb_env_close(map->env);
	map->env = NULL;
	if (r == 0 && (fchmod(fd, MODE) < 0 || fsync(fd) < 0))
		r = err_sys(err, "write %s", map->path);
	/* a map that somebody else made meanwhile is as good */
	if (r == 0 && renameat2(dir, tmp, dir, name, RENAME_NOREPLACE) < 0 && errno != EEXIST)
		r = err_sys(err, "rename to %s", map->path);
	(void)unlinkat(dir, tmp, 0); /* gone already, or not wanted */
	if (r < 0)
		return r;
	fd_close(&fd);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? err_sys(err, "sync the folder of %s", map->path) : 0;
}

/*
 * Reading beyond the end of a mapped file kills the process, so a cut file must be found first.
 * LMDB itself may leave some unused last pages unwritten: these become zeros, which it reports as
 * corrupt should it ever look at them. fallocate never shrinks what a writer just made longer.
 */
static int check_length(struct map *map, struct err *err)
{
	MDB_envinfo info;
	MDB_stat stat;
	struct stat st;
	size_t page;
	size_t have;

	if (fstat(map->fd, &st) < 0)
		return err_sys(err, "stat %s", map->path);
	if (st.st_nlink == 0)
		return err_at(err, ERR_CONFLICT, map->path,
			      "%s: replaced or removed by another program while it was open",
			      map->path);
	if (mdb_env_info(map->env, &info) != 0 || mdb_env_stat(map->env, &stat) != 0)
		return err_at(err, ERR_CORRUPT, map->path, "%s: no sizes in it", map->path);
	page = stat.ms_psize;
	have = (size_t)st.st_size / page;
	if (have > info.me_last_pgno)
		return 0;
	if (have < 2 || info.me_last_pgno - have >= HOLE_PAGES_MAX ||
	    fallocate(map->fd, 0, st.st_size,
		      (off_t)((info.me_last_pgno + 1) * page) - st.st_size) < 0)
		return err_at(err, ERR_CORRUPT, map->path,
			      "%s: cut short: %zu pages of %zu; it must be made anew", map->path,
			      have, info.me_last_pgno + 1);
	return 0;
}

static int lock(struct map *map, short type, struct err *err)
{
	int r;

	if (map->broken)
		return fail(map, MDB_CORRUPTED, "use", err);
	r = lockfile_wait(map->fd, type, MAP_LOCK_MS, map->path, err);

	if (r < 0)
		return r;
	r = check_length(map, err);
	if (r < 0)
		lockfile_drop(map->fd);
	return r;
}

/* mdb_txn_begin, taking over the size that another writer gave the map. */
static int txn_begin(struct map *map, unsigned flags, MDB_txn **ret)
{
	int rc = mdb_txn_begin(map->env, NULL, flags, ret);

	if (rc == MDB_MAP_RESIZED) {
		rc = mdb_env_set_mapsize(map->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(map->env, NULL, flags, ret);
	}
	return rc;
}

static int dbi_open_txn(struct map *map, void *arg)
{
	int rc = txn_begin(map, MDB_RDONLY, &map->reading);

	(void)arg;
	/* the unnamed database stays open when the transaction ends */
	return rc ? rc : mdb_dbi_open(map->reading, NULL, 0, &map->dbi);
}

static int dbi_open(struct map *map, struct err *err)
{
	int r = lock(map, F_RDLCK, err);
	int rc;

	if (r < 0)
		return r;
	rc = guarded(map, dbi_open_txn, NULL);
	lockfile_drop(map->fd);
	return rc ? fail(map, rc, "open map", err) : 0;
}

static int map_free(struct map *map)
{
	map_release(map);
	if (map->env)
		mdb_env_close(map->env);
	map->env = NULL;
	return 0;
}

void map_close(struct map *map)
{
	if (map)
		(void)talloc_free(map);
}

void map_closep(struct map **map)
{
	map_close(*map);
	*map = NULL;
}

int map_open(const void *ctx, int root, const char *path, unsigned flags, struct map **ret_map,
	     struct err *err)
{
	cleanup_(map_closep) struct map *map = mem_new(ctx, struct map);
	cleanup_(fd_close) int fd = -1;
	int r;

	talloc_set_destructor(map, map_free);
	map->path = mem_str(map, path);
	map->fd = -1;
	fd = fs_open(root, path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0, 0, err);
	if (fd == -ERR_NOTFOUND && flags & MAP_CREATE) {
		r = create(root, map, err);
		if (r < 0)
			return r;
		err_clear(err);
		fd = fs_open(root, path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0, 0, err);
	}
	if (fd < 0)
		return fd;
	r = env_open(map, fd, err);
	if (r == 0)
		r = dbi_open(map, err);
	if (r < 0)
		return r;
	*ret_map = TAKE(map);
	return 0;
}

static char *text(const void *ctx, const MDB_val *v)
{
	const char *data = v->mv_data;
	size_t len = v->mv_size;

	if (len && data[len - 1] == '\0')
		len--;
	return mem_strn(ctx, data, len);
}

static MDB_val val(const char *s, bool nul)
{
	union {
		const char *in;
		void *out; /* the library's struct has no const; it only reads */
	} u = { .in = s };

	return (MDB_val){ .mv_data = u.out, .mv_size = strlen(s) + nul };
}

static int check_key(const struct map *map, const char *key, struct err *err)
{
	size_t len = strnlen(key, MAP_KEY_MAX + 1);

	if (len == 0)
		return err_at(err, ERR_INVALID, map->path, "%s: an empty key", map->path);
	if (len > MAP_KEY_MAX)
		return err_at(err, ERR_TOOBIG, map->path,
			      "%s: key \"%.40s…\" is over %d bytes long", map->path, key,
			      MAP_KEY_MAX);
	for (const char *p = key; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_at(err, ERR_INVALID, map->path,
				      "%s: a key holds the control character 0x%02x", map->path,
				      (unsigned)*p);
	return 0;
}

static int check_value(const struct map *map, const char *key, const char *value, struct err *err)
{
	size_t len = strnlen(value, MAP_VALUE_MAX + 1);

	if (len == 0) /* postmap refuses these; Postfix takes an empty answer for an error */
		return err_at(err, ERR_INVALID, map->path, "%s: key \"%s\" has no value", map->path,
			      key);
	if (len > MAP_VALUE_MAX)
		return err_at(err, ERR_TOOBIG, map->path,
			      "%s: the value of \"%s\" is over %d bytes long", map->path, key,
			      MAP_VALUE_MAX);
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_at(err, ERR_INVALID, map->path,
				      "%s: the value of \"%s\" holds the control character 0x%02x",
				      map->path, key, (unsigned)*p);
	return 0;
}

struct lookup {
	const void *ctx;
	const char *key;
	char *value;
};

static int look_up(struct map *map, void *arg)
{
	struct lookup *l = arg;
	MDB_val k = val(l->key, true);
	MDB_val v;
	int rc = txn_begin(map, MDB_RDONLY, &map->reading);

	if (rc)
		return rc;
	rc = mdb_get(map->reading, map->dbi, &k, &v);
	if (rc == MDB_NOTFOUND) {
		k = val(l->key, false);
		rc = mdb_get(map->reading, map->dbi, &k, &v);
	}
	if (rc == 0)
		l->value = text(l->ctx, &v);
	return rc;
}

int map_get(const void *ctx, struct map *map, const char *key, char **ret_value, struct err *err)
{
	struct lookup l = { .ctx = ctx, .key = key };
	int r = check_key(map, key, err);
	int rc;

	if (r == 0 && !map->held)
		r = lock(map, F_RDLCK, err);
	if (r < 0)
		return r;
	rc = guarded(map, look_up, &l);
	if (!map->held)
		lockfile_drop(map->fd);
	if (rc == MDB_NOTFOUND)
		return err_at(err, ERR_NOTFOUND, map->path, "%s: no key \"%s\"", map->path, key);
	if (rc)
		return fail(map, rc, "read", err);
	*ret_value = l.value;
	return 0;
}

int map_hold(struct map *map, struct err *err)
{
	int r = map->held ? 0 : lock(map, F_RDLCK, err);

	map->held = map->held || r == 0;
	return r;
}

void map_release(struct map *map)
{
	if (map->held)
		lockfile_drop(map->fd);
	map->held = false;
}

struct walk {
	map_each_fn *fn;
	void *arg;
	int stop; /* what FN stopped with */
	struct err *err;
};

static int walk_all(struct map *map, void *arg)
{
	struct walk *w = arg;
	MDB_val k;
	MDB_val v;
	int rc = txn_begin(map, MDB_RDONLY, &map->reading);

	if (rc == 0)
		rc = mdb_cursor_open(map->reading, map->dbi, &map->cursor);
	while (rc == 0 && w->stop == 0) {
		cleanup_(mem_freep) void *pair = NULL;

		rc = mdb_cursor_get(map->cursor, &k, &v, MDB_NEXT);
		if (rc)
			break;
		pair = mem_ctx(NULL, "pair"); /* the library is not called while it lives */
		w->stop = w->fn(text(pair, &k), text(pair, &v), w->arg, w->err);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int map_foreach(struct map *map, map_each_fn *fn, void *arg, struct err *err)
{
	struct walk w = { .fn = fn, .arg = arg, .err = err };
	int r = lock(map, F_RDLCK, err);
	int rc;

	if (r < 0)
		return r;
	rc = guarded(map, walk_all, &w);
	lockfile_drop(map->fd);
	if (rc)
		return fail(map, rc, "read", err);
	return w.stop < 0 ? w.stop : 0;
}

int map_begin(struct map *map, struct err *err)
{
	if (map->batch)
		return err_at(err, ERR_BUSY, map->path, "%s: a batch is open already", map->path);
	map->batch = mem_ctx(map, "map batch");
	map->ops = (struct ptrs){ .v = NULL };
	map->batch_bytes = 0;
	return 0;
}

static int queue(struct map *map, const char *key, const char *value, struct err *err)
{
	struct op *op;

	if (!map->batch)
		return err_at(err, ERR_INVALID, map->path, "%s: no batch is open", map->path);
	map->batch_bytes += strlen(key) + (value ? strlen(value) : 0) + sizeof(*op);
	if (map->batch_bytes > BATCH_MAX)
		return err_at(err, ERR_TOOBIG, map->path, "%s: a batch of over %d MiB", map->path,
			      BATCH_MAX >> 20);
	op = mem_new(map->batch, struct op);
	op->key = mem_str(op, key);
	op->value = mem_str(op, value);
	ptrs_add(map->batch, &map->ops, op);
	return 0;
}

int map_put(struct map *map, const char *key, const char *value, struct err *err)
{
	int r = check_key(map, key, err);

	if (r == 0)
		r = check_value(map, key, value, err);
	return r < 0 ? r : queue(map, key, value, err);
}

int map_del(struct map *map, const char *key, struct err *err)
{
	int r = check_key(map, key, err);

	return r < 0 ? r : queue(map, key, NULL, err);
}

void map_abort(struct map *map)
{
	mem_freep(&map->batch);
	map->batch = NULL;
	map->ops = (struct ptrs){ .v = NULL };
}

/* Whether entries end in NUL: as the first one there does. Postfix settles on one form a file. */
static int nul_form(struct map *map, MDB_txn *txn, bool *ret)
{
	MDB_cursor *cursor;
	MDB_val k;
	MDB_val v;
	int rc = mdb_cursor_open(txn, map->dbi, &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	mdb_cursor_close(cursor);
	if (rc && rc != MDB_NOTFOUND)
		return rc;
	*ret = rc == MDB_NOTFOUND ||
	       (k.mv_size && ((const char *)k.mv_data)[k.mv_size - 1] == '\0');
	return 0;
}

static int apply_op(struct map *map, MDB_txn *txn, const struct op *op, bool nul, int *changed)
{
	MDB_val k = val(op->key, nul);
	MDB_val old;
	MDB_val v;
	int rc = mdb_get(txn, map->dbi, &k, &old);

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	if (!op->value) {
		if (rc == MDB_NOTFOUND)
			return 0;
		++*changed;
		return mdb_del(txn, map->dbi, &k, NULL);
	}
	v = val(op->value, nul);
	if (rc == 0 && old.mv_size == v.mv_size && memcmp(old.mv_data, v.mv_data, v.mv_size) == 0)
		return 0;
	++*changed;
	return mdb_put(txn, map->dbi, &k, &v, 0);
}

/* One attempt at the whole batch; LMDB's code is returned. */
static int apply(struct map *map, void *ret_changed)
{
	MDB_txn *txn;
	int changed = 0;
	bool nul = true;
	int rc = txn_begin(map, 0, &txn);

	if (rc)
		return rc;
	rc = nul_form(map, txn, &nul);
	for (size_t i = 0; rc == 0 && i < map->ops.n; i++)
		rc = apply_op(map, txn, map->ops.v[i], nul, &changed);
	if (rc || !changed) {
		mdb_txn_abort(txn);
	} else {
		rc = mdb_txn_commit(txn);
	}
	if (rc == 0)
		*(int *)ret_changed = changed;
	return rc;
}

static int grow(struct map *map)
{
	MDB_envinfo info;
	int rc = mdb_env_info(map->env, &info);

	if (rc)
		return rc;
	if (info.me_mapsize >= size_last)
		return MDB_MAP_FULL;
	return mdb_env_set_mapsize(map->env, MIN(info.me_mapsize * 2, size_last));
}

/*
 * The exclusive lock is only held for a moment: it proves that no reader is on a snapshot whose
 * pages this transaction may use again. The shared one keeps other writers out to the end.
 */
static int lock_for_write(struct map *map, struct err *err)
{
	int r = lock(map, F_WRLCK, err);

	if (r == 0) {
		r = lockfile_wait(map->fd, F_RDLCK, MAP_LOCK_MS, map->path, err);
		if (r < 0)
			lockfile_drop(map->fd);
	}
	return r;
}

int map_commit(struct map *map, struct err *err)
{
	int changed = 0;
	int rc = MDB_MAP_FULL;
	int r;

	if (!map->batch)
		return err_at(err, ERR_INVALID, map->path, "%s: no batch is open", map->path);
	r = lock_for_write(map, err);
	if (r == 0) {
		for (int i = 0; rc == MDB_MAP_FULL && i < TRIES_MAX; i++) {
			rc = guarded(map, apply, &changed);
			if (rc == MDB_MAP_FULL && grow(map) != 0)
				break;
		}
		lockfile_drop(map->fd);
		if (rc)
			r = fail(map, rc, "write", err);
	}
	map_abort(map); /* the batch is used up either way */
	return r < 0 ? r : changed;
}
