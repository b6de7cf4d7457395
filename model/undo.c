/*
 * Undoing revisions: inverted SQLite changesets, applied in one new revision.
 *
 * The column `rev` of a row counts as equal when everything else is: a later
 * revision that touched other fields, or only a secret, is no conflict. A
 * real conflict is reported for every resource, and then nothing is undone.
 */
#include <inttypes.h>
#include <string.h>

#include "model/recorded.h"
#include "model/res_sql.h"
#include "model/store_priv.h"

struct undo {
	struct apply a;
	int64_t revision;   /* the one being undone */
	struct strmap rows; /* "kind:id" → struct row */
};

struct row {
	const struct kind *kind;
	int64_t id;
	void *before;
};

static int load_changeset(struct undo *u, void **ret, int *ret_len, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const void *blob;
	size_t len;
	int r = sql_get(u->a.s->db, "SELECT changeset FROM revision WHERE rev=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, u->revision);
	r = sql_step(st, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ERR_NOTFOUND, "there is no revision %" PRId64, u->revision);
	blob = sql_blob(st, 0, &len);
	if (sqlite3changeset_invert((int)len, blob, ret_len, ret) != SQLITE_OK)
		return err_set(err, ERR_CORRUPT,
			       "revision %" PRId64 ": its changeset cannot be inverted",
			       u->revision);
	return 0;
}

/* Remembers a row that the changeset touches, as it is now. */
static int note_row(const struct entry *e, void *arg, struct err *err)
{
	struct undo *u = arg;
	sqlite3_value *id = recorded_value(e, COL_ID);
	struct row *row;
	void **slot;
	int r;

	if (!id || !e->kind)
		return err_set(err, ERR_CORRUPT,
			       "revision %" PRId64 ": unknown table in its changeset", u->revision);
	slot = strmap_slot(&u->rows,
			   mem_fmt(u->a.ctx, "%s:%lld", e->kind->name, sqlite3_value_int64(id)));
	if (*slot)
		return 0;
	row = mem_new(u->a.ctx, struct row);
	row->kind = e->kind;
	row->id = sqlite3_value_int64(id);
	*slot = row;
	r = store_get_id(u->a.ctx, u->a.s, row->kind, row->id, &row->before, err);
	if (r == -ERR_NOTFOUND)
		err_clear(err);
	return r == -ERR_NOTFOUND ? 0 : r;
}

static bool value_same(sqlite3_value *a, sqlite3_value *b)
{
	int type = sqlite3_value_type(a);

	if (type != sqlite3_value_type(b))
		return false;
	if (type == SQLITE_INTEGER)
		return sqlite3_value_int64(a) == sqlite3_value_int64(b);
	if (type == SQLITE_NULL)
		return true;
	return sqlite3_value_bytes(a) == sqlite3_value_bytes(b) &&
	       memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b),
		      (size_t)sqlite3_value_bytes(a)) == 0;
}

static bool only_rev_differs(sqlite3_changeset_iter *it)
{
	const char *table;
	int columns;
	int op;
	int indirect;

	(void)sqlite3changeset_op(it, &table, &columns, &op, &indirect);
	for (int i = COL_ID; i < columns; i++) {
		sqlite3_value *was = NULL;
		sqlite3_value *now = NULL;

		if (i == COL_REV)
			continue;
		if (sqlite3changeset_old(it, i, &was) != SQLITE_OK || !was)
			continue;
		if (sqlite3changeset_conflict(it, i, &now) != SQLITE_OK || !now ||
		    !value_same(was, now))
			return false;
	}
	return true;
}

static void report(struct undo *u, const struct kind *k, int64_t id, const char *what)
{
	struct row *row =
		strmap_find(&u->rows, mem_fmt(u->a.ctx, "%s:%lld", k->name, (long long)id));
	const char *name = row && row->before
				   ? res_name(u->a.ctx, row->before)
				   : mem_fmt(u->a.ctx, "%s id %lld", k->name, (long long)id);
	int64_t later = row && row->before ? ((struct res *)row->before)->rev : 0;
	struct revision by = { .actor = "?" };
	struct err ignored = ERR_INIT;

	if (later && store_revision(u->a.ctx, u->a.s, later, &by, &ignored) < 0)
		by.actor = "?"; /* the conflict is told all the same */
	if (later)
		problem_add(u->a.problems, 0, ERR_CONFLICT, name, NULL,
			    "revision %" PRId64 " cannot be undone here: %s in revision %" PRId64
			    " by %s",
			    u->revision, what, later, by.actor);
	else
		problem_add(u->a.problems, 0, ERR_CONFLICT, name, NULL,
			    "revision %" PRId64 " cannot be undone here: %s", u->revision, what);
}

static int on_conflict(void *arg, int type, sqlite3_changeset_iter *it)
{
	struct undo *u = arg;
	const struct entry e = recorded_at(it);
	sqlite3_value *id = recorded_value(&e, COL_ID);
	int64_t pk = id ? sqlite3_value_int64(id) : 0;

	if (!e.kind)
		return SQLITE_CHANGESET_ABORT;
	switch (type) {
	case SQLITE_CHANGESET_DATA:
		if (only_rev_differs(it))
			return SQLITE_CHANGESET_REPLACE;
		report(u, e.kind, pk, "it was changed again");
		return SQLITE_CHANGESET_OMIT;
	case SQLITE_CHANGESET_NOTFOUND:
		report(u, e.kind, pk, "it was deleted since");
		return SQLITE_CHANGESET_OMIT;
	default:
		report(u, e.kind, pk, "a resource of that name was made since");
		return SQLITE_CHANGESET_OMIT;
	}
}

static int undo_one(struct undo *u, struct err *err)
{
	void *changeset = NULL;
	int len = 0;
	int r = load_changeset(u, &changeset, &len, err);

	if (r >= 0)
		r = recorded_each(changeset, len, u->revision, note_row, u, err);
	if (r >= 0 && sqlite3changeset_apply(sql_handle(u->a.s->db), len, changeset, NULL,
					     on_conflict, u) != SQLITE_OK)
		r = sql_fail(u->a.s->db, err, "undo");
	sqlite3_free(changeset);
	return r;
}

static int mark_secrets(struct undo *u, const struct kind *k, const char *key, bool drop,
			struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(u->a.s->db, "UPDATE secret SET dropped=? WHERE kind=? AND key=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, drop);
	sql_bind_text(st, 2, k->name);
	sql_bind_text(st, 3, key);
	return sql_run(st, err);
}

/* Compares each noted row with what it was: what differs is what the new revision touches. */
static int settle_row(struct undo *u, struct row *row, struct err *err)
{
	void *after = NULL;
	int r = store_get_id(u->a.ctx, u->a.s, row->kind, row->id, &after, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		r = 0;
	}
	if (r < 0)
		return r;
	if (after && !row->before) {
		r = mark_secrets(u, row->kind, res_key(u->a.ctx, after), false, err);
		if (r >= 0) /* again, with its secrets */
			r = store_get_id(u->a.ctx, u->a.s, row->kind, row->id, &after, err);
	} else if (!after && row->before) {
		r = mark_secrets(u, row->kind, res_key(u->a.ctx, row->before), true, err);
	}
	if (r < 0 || (!after && !row->before))
		return r;
	if (after && row->before && res_diff(row->before, after, NULL, NULL) == 0 &&
	    ((struct res *)after)->rev == ((struct res *)row->before)->rev)
		return 0;
	if (after) {
		cleanup_(sql_done) struct stmt *st = NULL;

		/* the row is right as it stands; it belongs to the new revision now */
		((struct res *)after)->rev = u->a.rev->rev;
		r = sql_get(u->a.s->db, u->a.s->sql[kind_index(row->kind)].update, &st, err);
		if (r < 0)
			return r;
		res_sql_bind(u->a.ctx, st, after);
		r = sql_run(st, err);
	}
	if (!after || !row->before || res_diff(row->before, after, NULL, NULL) > 0)
		touched_add(&u->a, row->kind, row->before, after, 0);
	return r;
}

static int undo(struct store *s, int64_t high, int64_t low, struct revision *rev,
		struct problems *problems, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "undo");
	struct undo u = {
		.a = { .s = s, .ctx = ctx, .rev = rev, .problems = problems, .restores = true },
		.rows = STRMAP_ON(ctx)
	};
	int r = apply_begin(&u.a, err);

	if (r != 0)
		return r < 0 ? r : 0;
	for (u.revision = high; u.revision >= low && r >= 0 && problems->n == 0; u.revision--)
		r = undo_one(&u, err);
	for (size_t i = 0; i < u.rows.n && r >= 0 && problems->n == 0; i++)
		r = settle_row(&u, u.rows.entries[i].value, err);
	if (r < 0) {
		apply_abort(&u.a);
		return r;
	}
	r = apply_finish(&u.a, err);
	if (r > 0 && trials_undone(s, low, high, rev, err) < 0) {
		store_rollback(s);
		return -(int)err->code;
	}
	return r;
}

int store_revert(struct store *s, int64_t revision, struct revision *rev, struct problems *problems,
		 struct err *err)
{
	return undo(s, revision, revision, rev, problems, err);
}

int store_rollback_to(struct store *s, int64_t to, struct revision *rev, struct problems *problems,
		      struct err *err)
{
	int64_t head = 0;
	int r = store_head(s, &head, err);

	if (r < 0)
		return r;
	if (to < 0 || to > head)
		return err_set(err, ERR_NOTFOUND,
			       "there is no revision %" PRId64 "; the newest is %" PRId64, to,
			       head);
	return undo(s, head, to + 1, rev, problems, err);
}

/* Bringing one account back */

static bool is_of_account(struct undo *u, const struct kind *k, const void *res,
			  const char *account)
{
	const struct field *parent = kind_parent(k);

	if (k == &kind_account)
		return strcmp(((const struct account *)res)->username, account) == 0;
	if (!parent)
		return false;
	if (parent->ref == &kind_account)
		return strcmp(field_text(parent, res), account) == 0;
	return strmap_find(&u->rows, mem_fmt(u->a.ctx, "%s/%s", parent->ref->name,
					     field_text(parent, res))) != NULL;
}

struct wanted {
	struct undo *u;
	const struct kind *kind;
	const char *account;
};

/* A resource that the inverted revision would bring back, if it is the account's: written again. */
static int undelete_row(const struct entry *e, void *arg, struct err *err)
{
	const struct wanted *w = arg;
	struct undo *u = w->u;
	void *res;
	void *there;
	int r;

	if (e->op != SQLITE_INSERT || e->kind != w->kind)
		return 0;
	res = recorded_res(u->a.ctx, e);
	if (!is_of_account(u, e->kind, res, w->account))
		return 0;
	if (store_get(u->a.ctx, u->a.s, e->kind, res_key(u->a.ctx, res), &there, err) >= 0) {
		problem_add(u->a.problems, 0, ERR_CONFLICT, res_name(u->a.ctx, res), NULL,
			    "was made again since");
		return 0;
	}
	err_clear(err);
	r = apply_write(&u->a, res, NULL, err);
	*strmap_slot(&u->rows, res_name(u->a.ctx, res)) = res;
	if (r >= 0)
		touched_add(&u->a, e->kind, NULL, res, 0);
	return r;
}

int store_undelete(struct store *s, int64_t gone, const char *account, struct revision *rev,
		   struct problems *problems, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "undelete");
	struct undo u = {
		.a = { .s = s, .ctx = ctx, .rev = rev, .problems = problems, .restores = true },
		.revision = gone,
		.rows = STRMAP_ON(ctx)
	};
	void *changeset = NULL;
	int len = 0;
	int r = apply_begin(&u.a, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = load_changeset(&u, &changeset, &len, err);
	KIND_FOREACH(k) { /* parents first */
		struct wanted w = { .u = &u, .kind = k, .account = account };

		if (r >= 0)
			r = recorded_each(changeset, len, gone, undelete_row, &w, err);
	}
	sqlite3_free(changeset);
	if (r < 0) {
		apply_abort(&u.a);
		return r;
	}
	return apply_finish(&u.a, err);
}
