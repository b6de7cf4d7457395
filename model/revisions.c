/* Revisions: writing the rows that say what a commit did, and reading them. */
#include <inttypes.h>
#include <string.h>

#include "model/check.h"
#include "model/sql_priv.h"
#include "model/store_priv.h"

int store_head(struct store *s, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, "SELECT coalesce(max(rev), 0) FROM revision", &st, err);

	if (r < 0)
		return r;
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

/* Owner and scope, also of resources whose parent went in the same commit. */
static int account_of_touched(struct apply *a, const struct strmap *by_name,
			      const struct touched *t, const char **ret, struct err *err)
{
	const void *res = t->after ? t->after : t->before;
	const struct field *parent = kind_parent(t->kind);
	const struct touched *above;
	int r = apply_account_of(a, res, ret, err);

	if (r < 0 || *ret || !parent)
		return r;
	above = strmap_find(by_name,
			    mem_fmt(a->ctx, "%s/%s", parent->ref->name, field_text(parent, res)));
	if (above && above->before)
		r = apply_account_of(a, above->before, ret, err);
	return r;
}

static const char *scope_of(const struct touched *t)
{
	const struct field *scope = kind_scope(t->kind);

	return scope ? field_text(scope, t->after ? t->after : t->before) : NULL;
}

static int write_changes(struct apply *a, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct strmap by_name = STRMAP_ON(a->ctx);
	int r = sql_get(a->s->db,
			"INSERT INTO change(rev, seq, op, kind, key, account, scope, id) "
			"VALUES(?,?,?,?,?,?,?,?)",
			&st, err);

	for (size_t i = 0; i < a->touched.n; i++) {
		struct touched *t = &a->touched.v[i];

		if (!t->after)
			*strmap_slot(&by_name, mem_fmt(a->ctx, "%s/%s", t->kind->name, t->key)) = t;
	}
	for (size_t i = 0; i < a->touched.n && r >= 0; i++) {
		const struct touched *t = &a->touched.v[i];
		const char *account = NULL;

		r = account_of_touched(a, &by_name, t, &account, err);
		if (r < 0)
			break;
		sql_bind_int(st, 1, a->rev->rev);
		sql_bind_int(st, 2, (int64_t)i);
		sql_bind_text(st, 3, (const char[]){ touched_op(t), 0 });
		sql_bind_text(st, 4, t->kind->name);
		sql_bind_text(st, 5, t->key);
		sql_bind_text(st, 6, account);
		sql_bind_text(st, 7, scope_of(t));
		sql_bind_int(st, 8, ((const struct res *)(t->after ? t->after : t->before))->id);
		r = sql_run(st, err);
	}
	return r;
}

/* NULL for 0: nobody, nothing. */
static void bind_number(struct stmt *st, int col, int64_t num)
{
	if (num)
		sql_bind_int(st, col, num);
	else
		sql_bind_text(st, col, NULL);
}

static int write_revision(struct apply *a, const void *changeset, size_t len, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(a->s->db,
			"INSERT INTO revision(rev, time, actor, actor_id, address, source, via, "
			"action, message, changes, changeset) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, a->rev->rev);
	sql_bind_int(st, 2, a->rev->time);
	sql_bind_text(st, 3, a->rev->actor);
	bind_number(st, 4, a->rev->actor_id);
	sql_bind_text(st, 5, a->rev->address);
	sql_bind_text(st, 6, a->rev->source);
	sql_bind_text(st, 7, a->rev->via);
	sql_bind_text(st, 8, a->rev->action);
	sql_bind_text(st, 9, a->rev->message);
	sql_bind_int(st, 10, (int64_t)a->touched.n);
	sql_bind_blob(st, 11, len ? changeset : "", len);
	return sql_run(st, err);
}

/* Keys of requests */

int apply_repeated(struct apply *a, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct revision *rev = a->rev;
	int r;

	rev->repeated = false;
	if (!rev->idempotency)
		return 0;
	r = sql_get(a->s->db, "SELECT rev, request FROM idempotency WHERE actor=? AND key=?", &st,
		    err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, rev->actor);
	sql_bind_text(st, 2, rev->idempotency);
	r = sql_step(st, err);
	if (r <= 0)
		return r;
	if (strcmp(sql_text(st, 1), rev->request ? rev->request : "") != 0)
		return err_set(err, ERR_CONFLICT,
			       "the idempotency key %s was used for another request, which became "
			       "revision %" PRId64 "; a new request needs a new key",
			       text_quoted(rev->idempotency).s, sql_int(st, 0));
	rev->rev = sql_int(st, 0);
	rev->repeated = true;
	return 1;
}

/* Two go for each that comes, so what is too old never piles up. */
static int drop_old_keys(struct apply *a, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(a->s->db,
			"DELETE FROM idempotency WHERE id IN "
			"(SELECT id FROM idempotency ORDER BY id LIMIT 2) AND time<?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, a->rev->time - (int64_t)IDEMPOTENCY_HOURS * 3600);
	return sql_run(st, err);
}

int apply_note_key(struct apply *a, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const struct revision *rev = a->rev;
	int r;

	if (!rev->idempotency)
		return 0;
	r = sql_get(a->s->db,
		    "INSERT INTO idempotency(actor, key, request, rev, time) VALUES(?,?,?,?,?)",
		    &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, rev->actor);
	sql_bind_text(st, 2, rev->idempotency);
	sql_bind_text(st, 3, rev->request ? rev->request : "");
	sql_bind_int(st, 4, rev->rev);
	sql_bind_int(st, 5, rev->time);
	r = sql_run(st, err);
	return r < 0 ? r : drop_old_keys(a, err);
}

static int problems_error(const struct problems *p, struct err *err)
{
	enum err_code code = ERR_INVALID;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].code == ERR_CONFLICT || p->v[i].code == ERR_NOTFOUND ||
		    p->v[i].code == ERR_DENIED)
			code = p->v[i].code;
	}
	if (p->n == 1)
		return err_set(err, code, "%s: %s", p->v[0].resource, p->v[0].msg);
	return err_set(err, code, "%zu problems; the first: %s: %s", p->n, p->v[0].resource,
		       p->v[0].msg);
}

int apply_finish(struct apply *a, struct err *err)
{
	void *changeset = NULL;
	int len = 0;
	int r = 0;

	if (a->problems->n == 0 && a->touched.n == 0) {
		apply_abort(a);
		return store_head(a->s, &a->rev->rev, err);
	}
	r = rules_check(a, err);
	if (r >= 0 && a->problems->n)
		r = problems_error(a->problems, err);
	if (r >= 0 && sqlite3session_changeset(a->session, &len, &changeset) != SQLITE_OK)
		r = sql_fail(a->s->db, err, "record changes");
	sqlite3session_delete(a->session);
	a->session = NULL;
	if (r >= 0)
		r = write_revision(a, changeset, (size_t)len, err);
	if (r >= 0)
		r = write_changes(a, err);
	if (r >= 0)
		r = apply_audit(a, err);
	if (r >= 0)
		r = apply_note_key(a, err);
	if (r >= 0)
		r = apply_note_trial(a, err);
	sqlite3_free(changeset);
	a->rev->changes = (int64_t)a->touched.n;
	if (r < 0)
		apply_abort(a);
	return r < 0 ? r : 1;
}

void revision_read(const void *ctx, struct stmt *st, struct revision *ret)
{
	*ret = (struct revision){
		.rev = sql_int(st, 0),
		.time = sql_int(st, 1),
		.actor_id = sql_int(st, 3),
		.changes = sql_int(st, 9),
	};
	ret->actor = mem_str(ctx, sql_text(st, 2));
	ret->address = mem_str(ctx, sql_text(st, 4));
	ret->source = mem_str(ctx, sql_text(st, 5));
	ret->via = mem_str(ctx, sql_text(st, 6));
	ret->action = mem_str(ctx, sql_text(st, 7));
	ret->message = mem_str(ctx, sql_text(st, 8));
}

int store_revision(const void *ctx, struct store *s, int64_t rev, struct revision *ret,
		   struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, "SELECT " REVISION_COLUMNS " FROM revision WHERE rev=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, rev);
	r = sql_step(st, err);
	if (r > 0)
		revision_read(ctx, st, ret);
	return r < 0    ? r
	       : r == 0 ? err_set(err, ERR_NOTFOUND, "there is no revision %" PRId64, rev)
			: 0;
}

int store_changes(struct store *s, int64_t from, int64_t to, change_row_fn *fn, void *arg,
		  struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		s->db,
		"SELECT rev, op, kind, key, account, scope FROM change WHERE rev>? AND rev<=? ORDER BY rev, seq",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, from);
	sql_bind_int(st, 2, to);
	while ((r = sql_step(st, err)) > 0) {
		struct change_row row = { .rev = sql_int(st, 0),
					  .op = sql_text(st, 1)[0],
					  .kind = sql_text(st, 2),
					  .key = sql_text(st, 3),
					  .account = sql_text(st, 4),
					  .scope = sql_text(st, 5) };

		r = fn(&row, arg, err);
		if (r < 0)
			break;
	}
	return r;
}
