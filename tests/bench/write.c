/*
 * Writes of the API: one record each, committed durably one by one or 64 in a
 * batch, beside the bare INSERTs of the same rows with the same commits.
 */
#include "tests/bench/bench.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
	BATCH = 64,
	TABLES = 4
};

static struct store *open_store(const void *ctx, const char *path)
{
	struct err err = ERR_INIT;
	struct store *s;

	must_do(store_open(ctx, path, false, &s, &err), path, &err);
	return s;
}

/* One transaction with everything an account has, for N of them. */
void write_make(const char *path, int n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "make");
	struct changeset cs = { .ctx = ctx };
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = 1, .actor = "root", .source = "bench" };
	struct store *s = open_store(ctx, path);
	struct err err = ERR_INIT;

	generate(&cs, n);
	must_do(store_apply(s, &cs, &rev, &problems, &err), "apply", &err);
	must_do(store_commit(s, &err), "commit", &err);
}

static void write_one(struct store *s, int i, int turn)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "one");
	struct changeset cs = { .ctx = ctx };
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = 2,
				.actor = "customer",
				.actor_id = 12,
				.address = "2001:db8::17",
				.source = "api",
				.via = "session",
				.action = "dns.add-record" };
	struct err err = ERR_INIT;

	generate_edit(&cs, i, turn);
	if (store_apply(s, &cs, &rev, &problems, &err) != 1)
		bench_die("apply", &err);
}

/* REPS times 64 writes; of N accounts each gets its turn. */
void run_write(const char *path, int n, int reps, bool batched)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "write");
	struct store *s = open_store(ctx, path);
	struct err err = ERR_INIT;

	for (int rep = 0; rep < reps; rep++) {
		struct cost t = cost_now();

		if (batched)
			must_do(store_batch_begin(s, &err), "batch", &err);
		for (int i = 0; i < BATCH; i++) {
			int count = rep * BATCH + i;

			write_one(s, (int)((int64_t)count * 7919 % n),
				  1 + count / n + (batched ? 100 : 0));
			if (!batched)
				must_do(store_commit(s, &err), "commit", &err);
		}
		if (batched)
			must_do(store_batch_commit(s, &err), "batch", &err);
		sample("write", t);
	}
}

/* The floor: rows of the newest revisions, put into the file as it was before them */

struct raw {
	const void *ctx;
	sqlite3 *db;
	sqlite3_stmt *insert[TABLES];
};

static const struct {
	const char *name, *by;
} tables[TABLES] = {
	{ "record", "SELECT * FROM record WHERE rev=?" },
	{ "revision", "SELECT * FROM revision WHERE rev=?" },
	{ "change", "SELECT * FROM change WHERE rev=?" },
	{ "audit", "SELECT * FROM audit WHERE rev=?" },
};

static void check(sqlite3 *db, int rc, const char *what)
{
	struct err err = ERR_INIT;

	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		must_do(err_set(&err, ERR_SYSTEM, "%s", sqlite3_errmsg(db)), what, &err);
}

static sqlite3 *raw_open(const char *path)
{
	sqlite3 *db;

	check(NULL, sqlite3_open(path, &db), path);
	check(db,
	      sqlite3_exec(db,
			   "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
			   "PRAGMA cache_size=-8192",
			   NULL, NULL, NULL),
	      "pragma");
	return db;
}

static sqlite3_stmt *raw_insert(const void *ctx, sqlite3 *db, sqlite3_stmt *from, const char *table)
{
	char *text = mem_fmt(ctx, "INSERT INTO \"%s\" VALUES(?", table);
	sqlite3_stmt *st;

	for (int i = 1; i < sqlite3_column_count(from); i++)
		text = mem_fmt(ctx, "%s,?", text);
	check(db, sqlite3_prepare_v2(db, mem_fmt(ctx, "%s)", text), -1, &st, NULL), table);
	return st;
}

struct raw_row {
	size_t table;
	sqlite3_value *v[24];
	int n;
};

struct raw_rows {
	const void *ctx;
	struct raw_row *v;
	size_t n, cap;
};

static void raw_gather(struct raw_rows *rows, sqlite3_stmt *from, size_t table, int64_t rev)
{
	(void)sqlite3_bind_int64(from, 1, rev);
	while (sqlite3_step(from) == SQLITE_ROW) {
		struct raw_row *row;

		mem_room(rows->ctx, &rows->v, &rows->cap, rows->n, sizeof(*row));
		row = &rows->v[rows->n++];
		*row = (struct raw_row){ .table = table, .n = sqlite3_column_count(from) };
		for (int i = 0; i < row->n; i++)
			row->v[i] = sqlite3_value_dup(sqlite3_column_value(from, i));
	}
	(void)sqlite3_reset(from);
}

static void raw_put(struct raw *r, const struct raw_row *row)
{
	sqlite3_stmt *st = r->insert[row->table];

	for (int i = 0; i < row->n; i++)
		(void)sqlite3_bind_value(st, i + 1, row->v[i]);
	check(r->db, sqlite3_step(st), "insert");
	(void)sqlite3_reset(st);
}

/* FROM has the rows of the newest REPS * 64 revisions, TO has not. */
void floor_write(const char *from, const char *to, int reps, bool batched)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "floor");
	struct raw r = { .ctx = ctx, .db = raw_open(to) };
	sqlite3 *source = raw_open(from);
	sqlite3_stmt *select[TABLES];
	cleanup_(mem_freep) struct store *s = open_store(NULL, from);
	struct err err = ERR_INIT;
	int64_t rev;

	must_do(store_head(s, &rev, &err), "head", &err);
	rev -= (int64_t)reps * BATCH;
	for (size_t t = 0; t < TABLES; t++) {
		check(source, sqlite3_prepare_v2(source, tables[t].by, -1, &select[t], NULL),
		      tables[t].by);
		r.insert[t] = raw_insert(ctx, r.db, select[t], tables[t].name);
	}
	for (int rep = 0; rep < reps; rep++) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "rows");
		struct raw_rows rows = { .ctx = tmp };
		struct cost t0;

		for (int i = 0; i < BATCH; i++) {
			rev++;
			for (size_t t = 0; t < TABLES; t++)
				raw_gather(&rows, select[t], t, rev);
		}
		if (rows.n != (size_t)BATCH * TABLES)
			bench_die("floor: not the rows of one write each", NULL);
		t0 = cost_now();
		for (size_t i = 0; i < rows.n; i++) {
			if (batched ? i == 0 : i % TABLES == 0)
				check(r.db, sqlite3_exec(r.db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
				      "begin");
			raw_put(&r, &rows.v[i]);
			if (batched ? i + 1 == rows.n : i % TABLES == TABLES - 1)
				check(r.db, sqlite3_exec(r.db, "COMMIT", NULL, NULL, NULL),
				      "commit");
		}
		sample("write", t0);
	}
}
