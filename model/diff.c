/*
 * What revisions changed, field by field, read from their recorded changesets.
 *
 * Rows are followed by their numbers. A row's state before the first revision
 * and after the last one is put together from what each changeset says; fields
 * that none of them names are equal on both sides. The table `change` gives the
 * names and accounts of what is not known whole.
 */
#include <inttypes.h>
#include <string.h>

#include "model/recorded.h"
#include "model/res_sql.h"
#include "model/store_priv.h"

struct net {
	const struct kind *kind;
	int64_t id;
	bool was, is;  /* there before and after all */
	bool is_told;  /* `change` has it */
	bool is_blank; /* an update of no field: of a secret */
	void *before, *after;
	uint64_t has_before, has_after; /* fields that are known */
	const char *key, *account;
	int64_t rev;
};

/* A row of `change` that does not say which row it is about: of an old version. */
struct named {
	const char *account;
	int64_t rev;
};

struct differ {
	void *ctx;
	struct store *s;
	struct strmap nets;  /* "kind:id" */
	struct strmap names; /* "kind/key" → struct named */
	size_t bytes;
};

static struct net *net_of(struct differ *d, const struct kind *k, int64_t id)
{
	void **slot = strmap_slot(&d->nets, mem_fmt(d->ctx, "%s:%" PRId64, k->name, id));
	struct net *n = *slot;

	if (n)
		return n;
	n = mem_new(d->ctx, struct net);
	n->kind = k;
	n->id = id;
	*slot = n;
	return n;
}

static void copy_fields(const struct kind *k, void *to, const void *from, uint64_t which)
{
	for (size_t i = 0; i < k->n_fields; i++) {
		if (which & UINT64_C(1) << i)
			field_copy(&k->fields[i], to, from);
	}
}

static void merge_insert(struct differ *d, struct net *n, const struct entry *e)
{
	n->after = recorded_res(d->ctx, e);
	n->has_after = UINT64_MAX;
	n->is = true;
}

static void merge_delete(struct differ *d, struct net *n, const struct entry *e, bool is_first)
{
	void *gone = recorded_res(d->ctx, e);

	if (is_first) {
		n->was = true;
		n->before = gone;
	} else if (n->was) {
		copy_fields(n->kind, n->before, gone, ~n->has_before);
	}
	n->has_before = UINT64_MAX;
	n->is = false;
}

static void merge_update(struct differ *d, struct net *n, const struct entry *e, bool is_first)
{
	void *old = res_new(d->ctx, n->kind);
	void *new = res_new(d->ctx, n->kind);
	uint64_t which = recorded_fields(d->ctx, e, false, old);
	uint64_t became = recorded_fields(d->ctx, e, true, new);

	if (is_first) {
		n->was = n->is = true;
		n->before = res_new(d->ctx, n->kind);
		n->after = res_new(d->ctx, n->kind);
	}
	/* a key field stands on the old side alone when it did not change */
	which &= became;
	n->is_blank = n->is_blank || !which;
	if (n->was) {
		copy_fields(n->kind, n->before, old, which & ~n->has_before);
		n->has_before |= which;
	}
	copy_fields(n->kind, n->after, new, which);
	n->has_after |= which;
}

static int merge(const struct entry *e, void *arg, struct err *err)
{
	struct differ *d = arg;
	sqlite3_value *id = recorded_value(e, COL_ID);
	struct net *n;
	bool is_first;

	if (!e->kind || !id)
		return err_set(err, ERR_CORRUPT, "a changeset names a table that is not known");
	n = net_of(d, e->kind, sqlite3_value_int64(id));
	is_first = !n->before && !n->after;
	if (e->op == SQLITE_INSERT)
		merge_insert(d, n, e);
	else if (e->op == SQLITE_DELETE)
		merge_delete(d, n, e, is_first);
	else
		merge_update(d, n, e, is_first);
	return 0;
}

static int read_changesets(struct differ *d, int64_t from, int64_t to, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(d->s->db,
			"SELECT rev, changeset FROM revision WHERE rev>? AND rev<=? ORDER BY rev",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, from);
	sql_bind_int(st, 2, to);
	while ((r = sql_step(st, err)) > 0) {
		size_t len;
		const void *blob = sql_blob(st, 1, &len);

		d->bytes += len;
		if (d->bytes > DIFF_BYTES_MAX)
			return err_set(err, ERR_TOOBIG,
				       "the changes from revision %" PRId64 " to %" PRId64
				       " are over %d MiB; ask for fewer revisions",
				       from, to, DIFF_BYTES_MAX >> 20);
		if (len)
			r = recorded_each(blob, (int)len, sql_int(st, 0), merge, d, err);
		if (r < 0)
			return r;
	}
	return r;
}

static void take_name(struct differ *d, const struct kind *k, struct stmt *st)
{
	const char *id =
		sql_is_null(st, 4) ? NULL : mem_fmt(d->ctx, "%s:%" PRId64, k->name, sql_int(st, 4));
	struct net *n = id ? strmap_find(&d->nets, id) : NULL;
	struct named *named;

	if (n) {
		n->is_told = true;
		n->rev = n->rev ? n->rev : sql_int(st, 0);
		n->key = mem_str(d->ctx, sql_text(st, 2));
		n->account = mem_str(d->ctx, sql_text(st, 3));
	}
	if (id)
		return;
	named = mem_new(d->ctx, struct named);
	named->account = mem_str(d->ctx, sql_text(st, 3));
	named->rev = sql_int(st, 0);
	*strmap_slot(&d->names, mem_fmt(d->ctx, "%s/%s", k->name, sql_text(st, 2))) = named;
}

static int read_names(struct differ *d, int64_t from, int64_t to, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(d->s->db,
			"SELECT rev, kind, key, account, id FROM change WHERE rev>? AND rev<=? "
			"ORDER BY rev, seq",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, from);
	sql_bind_int(st, 2, to);
	while ((r = sql_step(st, err)) > 0) {
		const struct kind *k = kind_find(sql_text(st, 1));

		if (k)
			take_name(d, k, st);
	}
	return r;
}

/* Of rows of an old version: the name that is in the row, or that it has today. */
static void name_by_row(struct differ *d, struct net *n)
{
	const void *whole = n->has_after == UINT64_MAX    ? n->after
			    : n->has_before == UINT64_MAX ? n->before
							  : NULL;
	struct err ignored = ERR_INIT;
	const struct named *named;
	void *today = NULL;

	if (!whole && store_get_id(d->ctx, d->s, n->kind, n->id, &today, &ignored) >= 0)
		whole = today;
	n->key = whole ? res_key(d->ctx, whole) : mem_fmt(d->ctx, "#%" PRId64, n->id);
	named = strmap_find(&d->names, mem_fmt(d->ctx, "%s/%s", n->kind->name, n->key));
	n->is_told = named != NULL;
	if (!named)
		return;
	n->account = named->account;
	n->rev = named->rev;
}

static uint64_t fields_that_are_set(const struct kind *k, const void *res)
{
	uint64_t which = 0;

	for (size_t i = 0; i < k->n_fields; i++) {
		if (field_is_set(&k->fields[i], res))
			which |= UINT64_C(1) << i;
	}
	return which;
}

static uint64_t fields_that_differ(const struct net *n)
{
	uint64_t which = 0;

	for (size_t i = 0; i < n->kind->n_fields; i++) {
		if ((n->has_before & n->has_after & UINT64_C(1) << i) &&
		    !field_same(&n->kind->fields[i], n->before, n->after))
			which |= UINT64_C(1) << i;
	}
	return which;
}

static int give(struct differ *d, struct net *n, difference_fn *fn, void *arg, struct err *err)
{
	struct difference diff = { .kind = n->kind, .op = '~' };

	if (!n->was && !n->is)
		return 0; /* came and went */
	if (!n->is_told)
		name_by_row(d, n);
	if (!n->was)
		diff.op = '+';
	else if (!n->is)
		diff.op = '-';
	diff.key = n->key;
	diff.account = n->account;
	diff.rev = n->rev;
	diff.before = n->was ? n->before : NULL;
	diff.after = n->is ? n->after : NULL;
	diff.fields = diff.op == '~' ? fields_that_differ(n)
				     : fields_that_are_set(n->kind, n->is ? n->after : n->before);
	/* a row that undoing marked as its own is no change */
	if (diff.op == '~' && !diff.fields && !(n->is_blank && n->is_told))
		return 0;
	return fn(&diff, arg, err);
}

int store_diff(struct store *s, int64_t from, int64_t to, difference_fn *fn, void *arg,
	       struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "diff");
	struct differ d = { .ctx = ctx, .s = s, .nets = STRMAP_ON(ctx), .names = STRMAP_ON(ctx) };
	int r = 0;

	if (from < 0 || from > to)
		return err_set(err, ERR_INVALID,
			       "from: revision %" PRId64 " does not come before revision %" PRId64,
			       from, to);
	if (to - from > DIFF_REVISIONS_MAX)
		r = err_set(err, ERR_TOOBIG,
			    "%" PRId64 " revisions; at most %d are compared at once", to - from,
			    DIFF_REVISIONS_MAX);
	if (r >= 0)
		r = read_changesets(&d, from, to, err);
	if (r >= 0)
		r = read_names(&d, from, to, err);
	for (size_t i = 0; i < d.nets.n && r >= 0; i++)
		r = give(&d, d.nets.entries[i].value, fn, arg, err);
	return r < 0 ? r : 0;
}
