/*
 * The floor: the same rows, files, folders and objects as the engine made,
 * written with nothing around them. What has to be written is gathered first,
 * outside the measured time.
 */
#include "tests/bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/engine.h"

static void sys(int r, const char *what)
{
	struct err err = ERR_INIT;

	if (r < 0)
		must_do(err_sys(&err, "%s", what), "floor", &err);
}

/* Files */

struct entry {
	char *path; /* relative */
	char *temp;
	char *data; /* of a file, or the target of a link */
	size_t len;
	struct stat st;
};

struct tree_copy {
	const void *ctx;
	struct entry *v;
	size_t n, cap;
};

static void gather(struct tree_copy *t, int root, const char *folder);

static void gather_one(struct tree_copy *t, int root, char *path)
{
	struct err err = ERR_INIT;
	struct entry *e;
	char target[4096];
	ssize_t n;

	if (strcmp(path, "var/lib/novacpx/model") == 0 ||
	    strcmp(path, "var/lib/novacpx/engine") == 0 || strcmp(path, "lost+found") == 0)
		return;
	mem_room(t->ctx, &t->v, &t->cap, t->n, sizeof(*t->v));
	e = &t->v[t->n++];
	*e = (struct entry){ .path = path };
	sys(fstatat(root, path, &e->st, AT_SYMLINK_NOFOLLOW), path);
	if (S_ISDIR(e->st.st_mode)) {
		gather(t, root, path);
	} else if (S_ISLNK(e->st.st_mode)) {
		n = readlinkat(root, path, target, sizeof(target) - 1);
		sys((int)n, path);
		e->data = mem_strn(t->ctx, target, (size_t)n);
	} else {
		cleanup_(fd_close) int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
		const char *slash = strrchr(path, '/');
		size_t folder = slash ? (size_t)(slash - path) + 1 : 0;

		sys(fd, path);
		must_do(fs_read_fd(t->ctx, fd, path, (size_t)1 << 30, &e->data, &e->len, &err),
			path, &err);
		e->temp = mem_fmt(t->ctx, "%.*s.%s.tmp", (int)folder, path, path + folder);
	}
}

static void gather(struct tree_copy *t, int root, const char *folder)
{
	int fd = openat(root, *folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	DIR *dir;

	sys(fd, folder);
	dir = fdopendir(fd);
	while (dir && (d = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			gather_one(
				t, root,
				mem_fmt(t->ctx, "%s%s%s", folder, *folder ? "/" : "", d->d_name));
	}
	(void)closedir(dir);
}

static void put_folders(const struct tree_copy *t, int root)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->v[i];

		if (S_ISDIR(e->st.st_mode)) {
			if (mkdirat(root, e->path, 0700) < 0 && errno != EEXIST)
				sys(-1, e->path);
			sys(fchownat(root, e->path, e->st.st_uid, e->st.st_gid, 0), e->path);
			sys(fchmodat(root, e->path, e->st.st_mode & 07777, 0), e->path);
		} else if (S_ISLNK(e->st.st_mode)) {
			sys(symlinkat(e->data, root, e->path), e->path);
		}
	}
}

static void put_temp(const struct entry *e, int root)
{
	cleanup_(fd_close) int fd =
		openat(root, e->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	sys(fd, e->temp);
	sys(fs_write_all(fd, e->data, e->len), e->temp);
	if (e->st.st_uid || e->st.st_gid)
		sys(fchown(fd, e->st.st_uid, e->st.st_gid), e->temp);
	sys(fchmod(fd, e->st.st_mode & 07777), e->temp);
}

static void put_files(const struct tree_copy *t, int root)
{
	for (size_t i = 0; i < t->n; i++) {
		if (S_ISREG(t->v[i].st.st_mode))
			put_temp(&t->v[i], root);
	}
	sys(syncfs(root), "syncfs");
	for (size_t i = 0; i < t->n; i++) {
		if (S_ISREG(t->v[i].st.st_mode))
			sys(renameat(root, t->v[i].temp, root, t->v[i].path), t->v[i].path);
	}
	sys(syncfs(root), "syncfs");
}

/* Rows */

struct table {
	char *insert, *select, *ddl;
	int columns;
	sqlite3_value **v;
	size_t rows;
};

struct rows {
	const void *ctx;
	struct table *v;
	size_t n, cap;
};

static void lite(int rc, sqlite3 *db, const char *what)
{
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return;
	(void)fprintf(stderr, "bench: %s: %s\n", what, sqlite3_errmsg(db));
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static sqlite3 *open_db(const char *path, const char *pragma)
{
	sqlite3 *db;

	lite(sqlite3_open(path, &db), db, path);
	lite(sqlite3_exec(db, pragma, NULL, NULL, NULL), db, pragma);
	return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
	sqlite3_stmt *st;

	lite(sqlite3_prepare_v2(db, text, -1, &st, NULL), db, text);
	return st;
}

/* What is wanted and what was made, without what only says how it came about. */
static bool is_state(const char *table)
{
	static const char *const others[] = { "revision",  "change",      "audit",
					      "condition", "journal",     "trash",
					      "cursor",    "idempotency", "sqlite_sequence" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (strcmp(others[i], table) == 0)
			return false;
	}
	return true;
}

static void gather_table(struct rows *r, sqlite3 *db, const char *name)
{
	struct table *t;
	sqlite3_stmt *st;
	size_t cap = 0;
	size_t n = 0;

	mem_room(r->ctx, &r->v, &r->cap, r->n, sizeof(*r->v));
	t = &r->v[r->n++];
	*t = (struct table){ .select = mem_fmt(r->ctx, "SELECT * FROM \"%s\"", name) };
	st = prepare(db, t->select);
	t->columns = sqlite3_column_count(st);
	t->insert = mem_fmt(r->ctx, "INSERT INTO \"%s\" VALUES(?", name);
	for (int i = 1; i < t->columns; i++)
		t->insert = mem_fmt(r->ctx, "%s,?", t->insert);
	t->insert = mem_fmt(r->ctx, "%s)", t->insert);
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < t->columns; i++) {
			mem_room(r->ctx, &t->v, &cap, n, sizeof(*t->v));
			t->v[n++] = sqlite3_value_dup(sqlite3_column_value(st, i));
		}
		t->rows++;
	}
	lite(sqlite3_finalize(st), db, t->select);
}

/* Rows of a database and its empty tables, with their indexes, in a new one. */
static void gather_rows(struct rows *r, const char *from, sqlite3 *to)
{
	sqlite3 *db = open_db(from, "PRAGMA query_only=1");
	sqlite3_stmt *st = prepare(
		db,
		"SELECT type, tbl_name, sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY rowid");

	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(st, 1);
		const char *ddl = (const char *)sqlite3_column_text(st, 2);

		if (!is_state(table))
			continue;
		lite(sqlite3_exec(to, ddl, NULL, NULL, NULL), to, ddl);
		if (strcmp((const char *)sqlite3_column_text(st, 0), "table") == 0)
			gather_table(r, db, table);
	}
	lite(sqlite3_finalize(st), db, "schema");
	(void)sqlite3_close(db);
}

static void put_rows(const struct rows *r, sqlite3 *db)
{
	lite(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), db, "begin");
	for (size_t i = 0; i < r->n; i++) {
		const struct table *t = &r->v[i];
		sqlite3_stmt *st = prepare(db, t->insert);

		for (size_t k = 0; k < t->rows * (size_t)t->columns; k += (size_t)t->columns) {
			for (int c = 0; c < t->columns; c++)
				lite(sqlite3_bind_value(st, c + 1, t->v[k + (size_t)c]), db,
				     "bind");
			lite(sqlite3_step(st), db, t->insert);
			lite(sqlite3_reset(st), db, t->insert);
		}
		lite(sqlite3_finalize(st), db, t->insert);
	}
	lite(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db, "commit");
}

static const char durable[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL";

void floor_first(const char *from, const char *to)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "floor");
	const char *dbs = mem_fmt(ctx, "%s" ENGINE_STATE_DIR, from);
	struct tree_copy tree = { .ctx = ctx };
	struct rows rows = { .ctx = ctx };
	struct git_raw git = { .ctx = ctx };
	struct err err = ERR_INIT;
	cleanup_(fd_close) int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_(fd_close) int root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sqlite3 *db = open_db(mem_fmt(ctx, "%s/state.db", to), durable);
	struct cost t;
	struct cost part;

	sys(source, from);
	sys(root, to);
	gather(&tree, source, "");
	gather_rows(&rows, mem_fmt(ctx, "%s/model/model.db", dbs), db);
	gather_rows(&rows, mem_fmt(ctx, "%s/engine/engine.db", dbs), db);
	git_raw_read(&git, mem_fmt(ctx, "%s/engine/history.git", dbs), "main", false);
	git_raw_read(&git, mem_fmt(ctx, "%s/engine/history.git", dbs), "live", false);
	must_do(0, "gather", &err);
	t = part = cost_now();
	put_rows(&rows, db);
	sample("  rows", part);
	part = cost_now();
	put_folders(&tree, root);
	sample("  folders", part);
	part = cost_now();
	put_files(&tree, root);
	sample("  files", part);
	part = cost_now();
	git_raw_pack(&git, mem_fmt(ctx, "%s/pack", to));
	sample("  git", part);
	sample("first", t);
	(void)sqlite3_close(db);
}

/* Second pass: look at every file, read every row. */

static void read_all(sqlite3 *db)
{
	sqlite3_stmt *tables =
		prepare(db, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY rowid");

	while (sqlite3_step(tables) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(tables, 0);
		cleanup_(mem_freep) char *select = mem_fmt(NULL, "SELECT * FROM \"%s\"", name);
		sqlite3_stmt *st;

		if (!is_state(name))
			continue;
		st = prepare(db, select);
		while (sqlite3_step(st) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(st); i++)
				(void)sqlite3_column_blob(st, i);
		}
		lite(sqlite3_finalize(st), db, select);
	}
	lite(sqlite3_finalize(tables), db, "tables");
}

void floor_noop(const char *from, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "floor");
	const char *dbs = mem_fmt(ctx, "%s" ENGINE_STATE_DIR, from);
	cleanup_(fd_close) int root = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sqlite3 *engine =
		open_db(mem_fmt(ctx, "%s/engine/engine.db", dbs), "PRAGMA cache_size=-8192");
	struct ptrs paths = { .n = 0 };
	sqlite3_stmt *st = prepare(engine, "SELECT path FROM artifact WHERE type IN (1, 2, 3, 4)");

	while (sqlite3_step(st) == SQLITE_ROW)
		ptrs_add(ctx, &paths, mem_str(ctx, (const char *)sqlite3_column_text(st, 0) + 1));
	lite(sqlite3_finalize(st), engine, "paths");
	for (int i = 0; i < reps; i++) {
		struct cost t = cost_now();
		sqlite3 *model =
			open_db(mem_fmt(ctx, "%s/model/model.db", dbs), "PRAGMA cache_size=-8192");

		for (size_t k = 0; k < paths.n; k++) {
			struct statx x;

			sys(statx(root, paths.v[k], AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x),
			    paths.v[k]);
		}
		read_all(model);
		read_all(engine);
		sample("noop", t);
		(void)sqlite3_close(model);
	}
	(void)sqlite3_close(engine);
}

/* One record: its row, its file, its objects. */

struct edit {
	sqlite3 *model, *engine;
	int root;
	const char *path;
	char *data;
	size_t len;
	struct git_raw git;
};

static void put_edit(const struct edit *e, const char *to, int i)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "edit");
	struct tree_copy one = { .ctx = ctx, .n = 1 };
	struct entry file = { .data = e->data, .len = e->len };
	sqlite3_stmt *st = prepare(e->model, "UPDATE record SET value=?, rev=rev+1 WHERE id=?");

	lite(sqlite3_exec(e->model, "BEGIN IMMEDIATE", NULL, NULL, NULL), e->model, "begin");
	lite(sqlite3_bind_text(st, 1, mem_fmt(ctx, "10.9.8.%d", i), -1, SQLITE_STATIC), e->model,
	     "bind");
	lite(sqlite3_bind_int(st, 2, 1 + i * 12), e->model, "bind");
	lite(sqlite3_step(st), e->model, "update");
	lite(sqlite3_finalize(st), e->model, "update");
	lite(sqlite3_exec(e->model,
			  "INSERT INTO revision SELECT max(rev)+1, time, actor, actor_id, address, "
			  "source, via, action, message, changes, changeset FROM revision",
			  NULL, NULL, NULL),
	     e->model, "revision");
	lite(sqlite3_exec(e->model, "COMMIT", NULL, NULL, NULL), e->model, "commit");
	file.path = mem_str(ctx, e->path);
	file.temp = mem_fmt(ctx, "%s.tmp", e->path);
	file.st.st_mode = S_IFREG | 0644;
	one.v = &file;
	put_files(&one, e->root);
	st = prepare(e->engine, "UPDATE artifact SET rev=rev+1 WHERE path=? AND type=2");
	lite(sqlite3_bind_text(st, 1, mem_fmt(ctx, "/%s", e->path), -1, SQLITE_STATIC), e->engine,
	     "bind");
	lite(sqlite3_step(st), e->engine, "update");
	lite(sqlite3_finalize(st), e->engine, "update");
	git_raw_loose(&e->git, mem_fmt(ctx, "%s/%d", to, i));
}

/* Works in FROM itself, on what the engine made: run it last. */
void floor_edit(const char *from, const char *to, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "floor");
	const char *dbs = mem_fmt(ctx, "%s" ENGINE_STATE_DIR, from);
	struct edit e = { .git.ctx = ctx };
	struct err err = ERR_INIT;
	sqlite3_stmt *st;

	e.model = open_db(mem_fmt(ctx, "%s/model/model.db", dbs), durable);
	e.engine = open_db(mem_fmt(ctx, "%s/engine/engine.db", dbs), "PRAGMA synchronous=NORMAL");
	e.root = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sys(e.root, from);
	st = prepare(e.engine,
		     "SELECT path FROM artifact WHERE renderer='zone' AND type=2 LIMIT 1");
	lite(sqlite3_step(st), e.engine, "path");
	e.path = mem_str(ctx, (const char *)sqlite3_column_text(st, 0) + 1);
	lite(sqlite3_finalize(st), e.engine, "path");
	must_do(fs_read(ctx, e.root, mem_fmt(ctx, "/%s", e.path), 1 << 20, 0, &e.data, &e.len,
			&err),
		e.path, &err);
	git_raw_read(&e.git, mem_fmt(ctx, "%s/engine/history.git", dbs), "main", true);
	git_raw_read(&e.git, mem_fmt(ctx, "%s/engine/history.git", dbs), "live", true);
	for (int i = 0; i < reps + 3; i++) {
		struct cost t;
		const char *folder = mem_fmt(ctx, "%s/%d", to, i);

		sys(mkdir(folder, 0755), folder);
		for (unsigned x = 0; x < 256; x++)
			sys(mkdir(mem_fmt(ctx, "%s/%02x", folder, x), 0755), folder);
		sys(syncfs(e.root), "syncfs");
		t = cost_now();
		put_edit(&e, to, i);
		if (i >= 3)
			sample("edit", t);
	}
	(void)sqlite3_close(e.model);
	(void)sqlite3_close(e.engine);
	fd_close(&e.root);
}
