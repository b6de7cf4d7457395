#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/res_sql.h"
#include "model/sql_priv.h"
#include "model/store_priv.h"

struct change *changeset_add(struct changeset *cs, enum change_op op, const struct kind *k)
{
	mem_room(cs->ctx, &cs->v, &cs->cap, cs->n, sizeof(*cs->v));
	cs->v[cs->n] = (struct change){ .op = op, .res = res_new(cs->ctx, k), .where = -1 };
	return &cs->v[cs->n++];
}

static uint64_t bit(const struct kind *k, const struct field *f)
{
	return (uint64_t)1 << (f - k->fields);
}

int change_set(const void *ctx, struct change *c, const struct field *f, const struct value *v,
	       struct err *err)
{
	int r = field_put(ctx, f, c->res, v, err);

	if (r >= 0)
		c->set |= bit(((struct res *)c->res)->kind, f);
	return r;
}

void change_mark_key(struct change *c)
{
	const struct kind *k = ((struct res *)c->res)->kind;

	FIELD_FOREACH(f, k) {
		if (f->flags & FIELD_KEY)
			c->set |= bit(k, f);
	}
}

void problem_add(struct problems *p, size_t change, enum err_code code, const char *resource,
		 const char *field, const char *fmt, ...)
{
	va_list ap;
	struct problem *v;

	mem_room(p->ctx, &p->v, &p->cap, p->n, sizeof(*p->v));
	v = &p->v[p->n++];
	*v = (struct problem){ .change = change, .code = code };
	v->resource = mem_str(p->ctx, resource);
	v->field = mem_str(p->ctx, field);
	va_start(ap, fmt);
	v->msg = talloc_vasprintf(p->ctx, fmt, ap);
	va_end(ap);
	if (!v->msg)
		mem_abort();
}

void apply_problem(struct apply *a, size_t i, const void *res, const struct err *err)
{
	problem_add(a->problems, i, err->code, res_name(a->ctx, res),
		    err->path[0] == '/' ? err->path + 1 : NULL, "%s", err->msg);
}

void touched_add(struct apply *a, const struct kind *k, void *before, void *after, size_t change)
{
	struct touched *t;

	mem_room(a->ctx, &a->touched.v, &a->touched.cap, a->touched.n, sizeof(*t));
	t = &a->touched.v[a->touched.n++];
	*t = (struct touched){ .kind = k, .before = before, .after = after, .change = change };
	t->key = res_key(a->ctx, after ? after : before);
}

char touched_op(const struct touched *t)
{
	if (!t->before)
		return '+';
	if (!t->after)
		return '-';
	return '~';
}

/* Secrets */

int store_secret_get(const void *ctx, struct store *s, const char *kind, const char *key,
		     const char *field, const char **ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"SELECT value FROM secret WHERE kind=? AND key=? AND field=? AND dropped=0",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, kind);
	sql_bind_text(st, 2, key);
	sql_bind_text(st, 3, field);
	r = sql_step(st, err);
	if (r > 0)
		*ret = mem_str(ctx, sql_text(st, 0));
	return r < 0    ? r
	       : r == 0 ? err_set(err, ERR_NOTFOUND, "%s/%s has no %s", kind, key, field)
			: 0;
}

static int secret_put(struct apply *a, const struct kind *k, const char *key, const struct field *f,
		      const char *value, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		a->s->db,
		"INSERT INTO secret(kind, key, field, value, rev) VALUES(?,?,?,?,?) "
		"ON CONFLICT DO UPDATE SET value=excluded.value, rev=excluded.rev, dropped=0",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, k->name);
	sql_bind_text(st, 2, key);
	sql_bind_text(st, 3, f->name);
	sql_bind_text(st, 4, value);
	sql_bind_int(st, 5, a->rev->rev);
	return sql_run(st, err);
}

/* A resource that goes leaves its secrets marked (for the trash); a new one of that name must not inherit them. */
static int secrets_mark(struct apply *a, const struct kind *k, const char *key, const char *text,
			struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(a->s->db, text, &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, k->name);
	sql_bind_text(st, 2, key);
	return sql_run(st, err);
}

static bool has_secrets(const struct kind *k)
{
	FIELD_FOREACH(f, k) {
		if (f->type == FIELD_SECRET)
			return true;
	}
	return false;
}

static int write_secrets(struct apply *a, void *res, const void *before, struct err *err)
{
	const struct kind *k = ((struct res *)res)->kind;
	const char *key = res_key(a->ctx, res);
	int r = 0;

	if (!before)
		r = secrets_mark(
			a, k, key,
			a->restores ? "UPDATE secret SET dropped=0 WHERE kind=? AND key=?"
				    : "DELETE FROM secret WHERE kind=? AND key=? AND dropped=1",
			err);
	FIELD_FOREACH(f, k) {
		if (r < 0 || f->type != FIELD_SECRET || !field_is_set(f, res))
			continue;
		if (!before || !field_same(f, before, res))
			r = secret_put(a, k, key, f, field_text(f, res), err);
	}
	return r;
}

/* Rows */

int apply_write(struct apply *a, void *res, const void *before, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct res *base = res;
	const struct kind_sql *q = &a->s->sql[kind_index(base->kind)];
	int r = sql_get(a->s->db, before ? q->update : q->insert, &st, err);

	if (r < 0)
		return r;
	base->rev = a->rev->rev;
	if (!before && !base->created) /* one that comes back keeps its age */
		base->created = a->rev->time;
	res_sql_bind(a->ctx, st, res);
	r = sql_run(st, err);
	if (r < 0)
		return r;
	if (!before && !base->id)
		base->id = sql_last_id(a->s->db);
	return has_secrets(base->kind) ? write_secrets(a, res, before, err) : 0;
}

static int apply_delete(struct apply *a, void *res, size_t i, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const struct res *base = res;
	const char *key = res_key(a->ctx, res);
	int r;

	KIND_FOREACH(k) {
		const struct field *parent = kind_parent(k);
		struct cursor *c = NULL;
		struct ptrs children = { 0 };
		void *child;

		if (!parent || parent->ref != base->kind)
			continue;
		r = cursor_open(a->ctx, a->s, k, parent, key, &c, err);
		while (r >= 0 && (r = cursor_next(a->ctx, c, &child, err)) > 0)
			ptrs_add(a->ctx, &children, child);
		if (c)
			(void)talloc_free(c);
		for (size_t n = 0; n < children.n && r >= 0; n++)
			r = apply_delete(a, children.v[n], i,
					 err); /* NOLINT(misc-no-recursion): parents are acyclic */
		if (r < 0)
			return r;
	}
	r = sql_get(a->s->db, a->s->sql[kind_index(base->kind)].delete_id, &st, err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, base->id);
	r = sql_run(st, err);
	if (r >= 0 && has_secrets(base->kind))
		r = secrets_mark(a, base->kind, key,
				 "UPDATE secret SET dropped=1 WHERE kind=? AND key=?", err);
	if (r >= 0)
		touched_add(a, base->kind, res, NULL, i);
	return r;
}

/* Change sets */

static int seen_conflict(struct apply *a, const void *existing, struct err *err)
{
	const struct res *base = existing;
	struct revision by = { .actor = "?" };

	if (!a->rev->seen_rev || base->rev <= a->rev->seen_rev)
		return 0;
	if (store_revision(a->ctx, a->s, base->rev, &by, err) < 0)
		by.actor = "?"; /* the conflict stands, known writer or not */
	return err_set(err, ERR_CONFLICT,
		       "%s was changed in revision %" PRId64 " by %s, after revision %" PRId64
		       " that this was based on",
		       res_name(a->ctx, existing), base->rev, by.actor, a->rev->seen_rev);
}

static int find_existing(struct apply *a, const struct change *c, void *cand, void *ret_existing,
			 struct err *err)
{
	const struct res *base = c->res;
	int r = 0;

	if (base->id)
		return store_get_id(a->ctx, a->s, base->kind, base->id, ret_existing, err);
	FIELD_FOREACH(f, base->kind) {
		if ((f->flags & FIELD_KEY) && !field_text(f, cand))
			return err_at(err, ERR_INVALID, mem_fmt(a->ctx, "/%s", f->name),
				      "%s: must be given: %s", f->name, field_allowed(a->ctx, f));
	}
	if (base->kind->derive && c->op == CHANGE_PUT)
		r = base->kind->derive(a->ctx, cand, err);
	if (r < 0)
		return r;
	r = store_get(a->ctx, a->s, base->kind, res_key(a->ctx, cand), ret_existing, err);
	if (r == -ERR_NOTFOUND && c->op == CHANGE_PUT) {
		err_clear(err);
		return 0;
	}
	return r;
}

static void overlay(void *to, const struct change *c)
{
	const struct kind *k = ((struct res *)c->res)->kind;

	FIELD_FOREACH(f, k) {
		if (c->set & bit(k, f))
			field_copy(f, to, c->res);
	}
}

static int fixed_field(const struct field *f, const void *from, const void *to, void *arg)
{
	struct err *err = arg;

	(void)from;
	(void)to;
	if (!(f->flags & FIELD_FIXED))
		return 0;
	(void)err_set(err, ERR_INVALID,
		      "%s: cannot change after creation; delete the resource and make a new one",
		      f->name);
	(void)snprintf(err->path, sizeof(err->path), "/%s", f->name);
	return -ERR_INVALID;
}

static void keep_secrets(void *to, const void *from)
{
	FIELD_FOREACH(f, ((struct res *)to)->kind) {
		if (f->type == FIELD_SECRET)
			field_copy(f, to, from);
	}
}

/* What the resource will be: defaults or the existing row, with the given fields over it. */
static void *merged(struct apply *a, const struct change *c, const void *existing)
{
	const struct res *base = c->res;
	struct res *res;

	if (existing && !c->full)
		res = res_copy(a->ctx, existing);
	else
		res = res_new(a->ctx, base->kind);
	if (existing) {
		res->id = ((const struct res *)existing)->id;
		res->created = ((const struct res *)existing)->created;
		keep_secrets(res, existing);
	}
	overlay(res, c);
	return res;
}

/* Tells the caller how it is called now (fields may have been given in other forms) and numbered. */
static void tell(struct change *c, const void *res)
{
	c->id = ((const struct res *)res)->id;
	c->key = res_key(c->res, res);
}

static int apply_put(struct apply *a, struct change *c, size_t i, struct err *err)
{
	void *cand = res_copy(a->ctx, c->res);
	void *existing = NULL;
	void *res;
	int r = find_existing(a, c, cand, &existing, err);

	if (r < 0)
		return r;
	if (existing && c->is_new)
		return err_set(err, ERR_CONFLICT, "%s exists already", res_name(a->ctx, existing));
	res = merged(a, c, existing);
	r = res_verify(a->ctx, res, err);
	if (r >= 0 && ((struct res *)res)->kind->settle)
		((struct res *)res)->kind->settle(res, existing, a->rev->time);
	if (r >= 0 && existing) {
		tell(c, res);
		r = res_diff(existing, res, fixed_field, err);
		if (r == 0)
			return 0;
		if (r > 0)
			r = seen_conflict(a, existing, err);
	}
	if (r >= 0)
		r = apply_write(a, res, existing, err);
	if (r == -ERR_CONFLICT && err->code == ERR_CONFLICT && strstr(err->msg, "UNIQUE"))
		return err_set(err, ERR_CONFLICT, "%s exists already", res_name(a->ctx, res));
	if (r >= 0) {
		tell(c, res);
		touched_add(a, ((struct res *)res)->kind, existing, res, i);
	}
	return r;
}

static int apply_one(struct apply *a, struct change *c, size_t i, struct err *err)
{
	void *existing = NULL;
	int r;

	if (c->op == CHANGE_PUT)
		return apply_put(a, c, i, err);
	r = find_existing(a, c, c->res, &existing, err);
	if (r >= 0)
		r = seen_conflict(a, existing, err);
	return r < 0 ? r : apply_delete(a, existing, i, err);
}

/* The tables in the order of the kinds: changesets and what undoing them touches come in it. */
static int begin_recording(struct apply *a, struct err *err)
{
	int r = sqlite3session_create(sql_handle(a->s->db), "main", &a->session);

	KIND_FOREACH(k) {
		if (r == SQLITE_OK)
			r = sqlite3session_attach(a->session, k->name);
	}
	return r == SQLITE_OK ? 0 : sql_fail(a->s->db, err, "record changes");
}

int apply_begin(struct apply *a, struct err *err)
{
	int64_t head = 0;
	int r = store_begin(a->s, err);

	if (r < 0)
		return r;
	a->checked.ctx = a->found.ctx = a->ctx;
	r = apply_repeated(a, err);
	if (r == 0)
		r = store_head(a->s, &head, err);
	if (r == 0)
		r = begin_recording(a, err);
	if (r != 0) {
		apply_abort(a);
		return r;
	}
	a->rev->rev = head + 1;
	return 0;
}

void apply_abort(struct apply *a)
{
	if (a->session)
		sqlite3session_delete(a->session);
	a->session = NULL;
	store_rollback(a->s);
}

struct found {
	void *res; /* NULL: there is none */
};

int apply_find(struct apply *a, const struct kind *k, const char *key, void *ret_res,
	       struct err *err)
{
	char name[512];
	int n = snprintf(name, sizeof(name), "%s/%s", k->name, key);
	bool fits = n > 0 && (size_t)n < sizeof(name);
	struct found *f = fits ? strmap_find(&a->found, name) : NULL;

	if (!f) {
		int r;

		f = mem_new(a->ctx, struct found);
		r = store_get(a->ctx, a->s, k, key, &f->res, err);
		if (r < 0 && r != -ERR_NOTFOUND)
			return r;
		err_clear(err);
		if (fits)
			*strmap_slot(&a->found, mem_str(a->ctx, name)) = f;
	}
	memcpy(ret_res, &f->res, sizeof(f->res));
	return f->res ? 1 : 0;
}

int apply_account_of(struct apply *a, const void *res, const char **ret, struct err *err)
{
	const struct field *parent = kind_parent(((const struct res *)res)->kind);
	void *above;
	int r;

	if (!parent || parent->ref == &kind_account)
		return store_account_of(a->ctx, a->s, res, ret, err);
	*ret = NULL;
	r = apply_find(a, parent->ref, field_text(parent, res), &above, err);
	return r > 0 ? apply_account_of(a, above, ret, err) /* NOLINT(misc-no-recursion): few */
		     : r;
}

int store_apply(struct store *s, const struct changeset *cs, struct revision *rev,
		struct problems *problems, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "apply");
	struct apply a = { .s = s, .ctx = ctx, .rev = rev, .problems = problems };
	int r = apply_begin(&a, err);

	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < cs->n; i++) {
		struct err e = ERR_INIT;

		r = apply_one(&a, &cs->v[i], i, &e);
		if (r == -ERR_SYSTEM || r == -ERR_BUSY || r == -ERR_CORRUPT) {
			apply_abort(&a);
			*err = e;
			return r;
		}
		if (r < 0)
			apply_problem(&a, i, cs->v[i].res, &e);
	}
	return apply_finish(&a, err);
}
