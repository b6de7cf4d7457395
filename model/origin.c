/*
 * Since when a field has its value: the changesets of a resource's revisions, newest first.
 *
 * Each row names the revision it was last changed in, and the changeset of that revision names the
 * one before: a chain that follows the row through renamings and rollbacks, and costs nothing for
 * revisions that did not touch it.
 */
#include <string.h>

#include "model/recorded.h"
#include "model/store_priv.h"

enum {
	LINKS_MAX = 2000
};

struct chain {
	const struct kind *kind;
	int64_t id;
	int64_t rev;            /* whose changeset is looked at; 0 at the end */
	struct origin *origins; /* by field; rev 0: not found yet */
};

static int64_t number_at(sqlite3_changeset_iter *it, int op, int col)
{
	sqlite3_value *v = NULL;

	(void)(op == SQLITE_INSERT ? sqlite3changeset_new(it, col, &v)
				   : sqlite3changeset_old(it, col, &v));
	return v ? sqlite3_value_int64(v) : 0;
}

/* The revision that made the row, or the one before; fields that changed here are settled. */
static void take_row(struct chain *c, sqlite3_changeset_iter *it, int op)
{
	int64_t before = op == SQLITE_UPDATE ? number_at(it, op, COL_REV) : 0;
	int col = COL_FIELDS;

	for (size_t i = 0; i < c->kind->n_fields; i++) {
		sqlite3_value *was = NULL;

		if (c->kind->fields[i].type == FIELD_SECRET)
			continue;
		if (op == SQLITE_UPDATE)
			(void)sqlite3changeset_old(it, col, &was);
		col++;
		if (!c->origins[i].rev && (op == SQLITE_INSERT || was))
			c->origins[i] = (struct origin){ .rev = c->rev,
							 .op = op == SQLITE_INSERT ? '+' : '~' };
	}
	c->rev = before < c->rev ? before : 0;
}

/* Whether the changeset has the row. */
static bool find_row(struct chain *c, const void *changeset, size_t len)
{
	sqlite3_changeset_iter *it = NULL;
	bool found = false;

	if (sqlite3changeset_start(&it, (int)len, (void *)(uintptr_t)changeset) != SQLITE_OK)
		return false;
	while (!found && sqlite3changeset_next(it) == SQLITE_ROW) {
		const char *table;
		int columns;
		int op;
		int indirect;

		(void)sqlite3changeset_op(it, &table, &columns, &op, &indirect);
		found = op != SQLITE_DELETE && strcmp(table, c->kind->name) == 0 &&
			number_at(it, op, COL_ID) == c->id;
		if (found)
			take_row(c, it, op);
	}
	(void)sqlite3changeset_finalize(it);
	return found;
}

static int follow(struct chain *c, struct store *s, struct err *err)
{
	for (int link = 0; c->rev > 0 && link < LINKS_MAX; link++) {
		cleanup_(sql_done) struct stmt *st = NULL;
		const void *changeset;
		size_t len;
		int r = sql_get(s->db, "SELECT changeset FROM revision WHERE rev=?", &st, err);

		if (r < 0)
			return r;
		sql_bind_int(st, 1, c->rev);
		r = sql_step(st, err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		changeset = sql_blob(st, 0, &len);
		if (!find_row(c, changeset, len))
			break;
	}
	return 0;
}

/* Secrets are in no changeset; their table has the revision. */
static int of_secret(struct store *s, const struct kind *k, const char *key, const struct field *f,
		     struct origin *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"SELECT rev FROM secret WHERE kind=? AND key=? AND field=? AND dropped=0",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, k->name);
	sql_bind_text(st, 2, key);
	sql_bind_text(st, 3, f->name);
	r = sql_step(st, err);
	if (r > 0)
		*ret = (struct origin){ .rev = sql_int(st, 0), .op = '~' };
	return r < 0 ? r : 0;
}

int store_origins(struct store *s, const void *res, struct origin *ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "origins");
	const struct res *base = res;
	const struct kind *k = base->kind;
	const char *key = res_key(tmp, res);
	struct chain c = { .kind = k, .id = base->id, .rev = base->rev, .origins = ret };
	int r;

	memset(ret, 0, k->n_fields * sizeof(*ret));
	r = follow(&c, s, err);
	for (size_t i = 0; i < k->n_fields && r >= 0; i++) {
		if (k->fields[i].type == FIELD_SECRET)
			r = of_secret(s, k, key, &k->fields[i], &ret[i], err);
	}
	return r;
}

int store_gone(struct store *s, const struct kind *k, const char *key, struct origin *ret,
	       struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		s->db,
		"SELECT rev, op FROM change WHERE kind=? AND key=? ORDER BY rev DESC LIMIT 1", &st,
		err);

	*ret = (struct origin){ 0 };
	if (r < 0)
		return r;
	sql_bind_text(st, 1, k->name);
	sql_bind_text(st, 2, key);
	r = sql_step(st, err);
	if (r > 0 && sql_text(st, 1)[0] == '-')
		*ret = (struct origin){ .rev = sql_int(st, 0), .op = '-' };
	return r < 0 ? r : 0;
}
