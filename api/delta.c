#include "api/delta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/crud.h"
#include "state/change_json.h"
#include "state/export.h"

struct telling {
	struct call *c;
	struct delta *d;
	struct strmap gone; /* "kind/key" of what was deleted */
	json_t *deletes, *puts;
};

/* As JSON */

static void put_value(struct jsonw *w, const char *name, const struct field *f, const void *res)
{
	json_t *v = res ? change_json_field(f, res) : NULL;
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	jsonw_raw(w, name, text ? text : "null");
	free(text);
	json_decref(v);
}

static void put_difference(struct call *c, const struct difference *d)
{
	struct jsonw *w = &c->w;

	jsonw_open(w, NULL, '{');
	jsonw_text(w, "op", (const char[]){ d->op, 0 });
	jsonw_text(w, "resource", mem_fmt(c->ctx, "%s/%s", d->kind->name, d->key));
	jsonw_text(w, "kind", d->kind->name);
	jsonw_text(w, "key", d->key);
	jsonw_text(w, "account", d->account);
	jsonw_bool(w, "secret", d->op == '~' && !d->fields);
	jsonw_open(w, "fields", '[');
	for (size_t i = 0; i < d->kind->n_fields; i++) {
		const struct field *f = &d->kind->fields[i];

		if (!(d->fields & UINT64_C(1) << i))
			continue;
		jsonw_open(w, NULL, '{');
		jsonw_text(w, "field", f->name);
		put_value(w, "before", f, d->before);
		put_value(w, "after", f, d->after);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

/* As text */

/* The lines of TEXT behind SIGN. Returns how many. */
static size_t put_lines(struct buf *out, char sign, const char *text)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_putc(out, sign);
		buf_put(out, text, len);
		buf_putc(out, '\n');
		text += len + (text[len] == '\n');
		n++;
	}
	return n;
}

static int put_side(struct buf *out, char sign, const struct field *f, const void *res, size_t *n,
		    struct err *err)
{
	struct buf line = { .max = DELTA_TEXT_MAX };
	int r = res ? export_field(&line, f, res, err) : 0;

	if (res && r >= 0)
		*n += put_lines(out, sign, buf_str(&line));
	buf_done(&line);
	return r;
}

static void put_name(struct buf *out, const char *mark, const struct difference *d, const void *res)
{
	buf_puts(out, mark);
	if (!res) {
		buf_puts(out, "/dev/null\n");
		return;
	}
	buf_printf(out, "%s/", d->kind->name);
	for (const char *at = d->key; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			buf_putc(out, '?'); /* no name makes a line */
		else
			buf_putc(out, *at);
	}
	buf_putc(out, '\n');
}

/* All that stands in it differs, so there is no context and one hunk. */
static int put_text(struct telling *t, const struct difference *d, struct err *err)
{
	struct buf lines = { .max = DELTA_TEXT_MAX };
	struct buf *out = t->d->text;
	size_t old = 0, new = 0;
	int r = 0;

	for (size_t i = 0; i < d->kind->n_fields && r >= 0; i++) {
		if (!(d->fields & UINT64_C(1) << i))
			continue;
		r = put_side(&lines, '-', &d->kind->fields[i], d->before, &old, err);
		if (r >= 0)
			r = put_side(&lines, '+', &d->kind->fields[i], d->after, &new, err);
	}
	if (r >= 0 && lines.len) {
		put_name(out, "--- ", d, d->before);
		put_name(out, "+++ ", d, d->after);
		buf_printf(out, "@@ -%d,%zu +%d,%zu @@\n", old > 0, old, new > 0, new);
		buf_put(out, lines.data, lines.len);
	}
	out->over = out->over || lines.over;
	buf_done(&lines);
	return r;
}

/* As a change set for the engine */

static void add_delete(struct telling *t, const struct difference *d)
{
	const struct field *parent = kind_parent(d->kind);
	const char *above =
		parent ? mem_fmt(t->c->ctx, "%s/%s", parent->ref->name,
				 field_text(parent, d->before) ? field_text(parent, d->before) : "")
		       : NULL;

	*strmap_slot(&t->gone, mem_fmt(t->c->ctx, "%s/%s", d->kind->name, d->key)) = t;
	if (above && strmap_find(&t->gone, above))
		return; /* goes with it */
	(void)json_array_append_new(t->deletes, json_pack("{s:s, s:s, s:s}", "op", "delete", "kind",
							  d->kind->name, "key", d->key));
}

static void add_put(struct telling *t, const struct difference *d)
{
	json_t *fields = json_object();

	for (size_t i = 0; i < d->kind->n_fields; i++) {
		const struct field *f = &d->kind->fields[i];

		if ((d->fields & UINT64_C(1) << i) && !(f->flags & FIELD_DERIVED))
			(void)json_object_set_new(fields, f->name, change_json_field(f, d->after));
	}
	(void)json_array_append_new(t->puts,
				    json_pack("{s:s, s:s, s:s, s:o}", "op", "put", "kind",
					      d->kind->name, "key", d->key, "fields", fields));
}

static int tell(const struct difference *d, void *arg, struct err *err)
{
	struct telling *t = arg;

	if (t->d->sight && !sight_has(t->d->sight, d->account, d->rev))
		return 0;
	if (t->d->plan && d->op == '-')
		add_delete(t, d);
	else if (t->d->plan && d->fields)
		add_put(t, d);
	if (t->d->n >= DELTA_MAX) {
		t->d->more++;
		return 0;
	}
	if (++t->d->n == 1)
		t->d->first = mem_fmt(t->c->ctx, "%s/%s", d->kind->name, d->key);
	put_difference(t->c, d);
	return t->d->text ? put_text(t, d, err) : 0;
}

int delta_put(struct call *c, struct delta *d, struct err *err)
{
	struct telling t = { .c = c,
			     .d = d,
			     .gone = STRMAP_ON(c->ctx),
			     .deletes = json_array(),
			     .puts = json_array() };
	int r;

	jsonw_open(&c->w, "changes", '[');
	r = store_diff(c->store, d->from, d->to, tell, &t, err);
	jsonw_close(&c->w, ']');
	jsonw_int(&c->w, "more", d->more);
	/* what takes the place of something comes after that is gone */
	if (d->plan &&
	    (json_array_extend(d->plan, t.deletes) < 0 || json_array_extend(d->plan, t.puts) < 0))
		mem_abort();
	json_decref(t.deletes);
	json_decref(t.puts);
	return r;
}

static int tell_problems(struct call *c, const struct problems *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		call_problem(c,
			     mem_fmt(c->ctx, "%s%s%s", p->v[i].resource, p->v[i].field ? "/" : "",
				     p->v[i].field ? p->v[i].field : ""),
			     p->v[i].msg);
	if (!p->n)
		return -(int)err->code;
	return err_set(err, crud_worst(p), "%s: %s", p->v[0].resource, p->v[0].msg);
}

/* Nobody saws off the branch they sit on: a state without who asks for it is hardly meant. */
static int check_caller(struct call *c, struct err *err)
{
	struct user *me;
	int r;

	if (!c->who.id)
		return 0;
	r = store_get_id(c->ctx, c->store, &kind_user, c->who.id, &me, err);
	if (r < 0 && r != -ERR_NOTFOUND)
		return r;
	if (r >= 0 && strcmp(me->role, "admin") == 0 && strcmp(me->status, "active") == 0)
		return 0;
	err_clear(err);
	return err_set(err, ERR_GUARD,
		       "Refused: your own login, %s, would be gone, suspended or no admin's",
		       c->who.username);
}

int delta_answer(struct call *c, int r, const struct revision *rev, const struct problems *problems,
		 struct err *err)
{
	struct delta d = { .from = rev->rev - 1, .to = rev->rev };

	if (r < 0)
		return tell_problems(c, problems, err);
	if (c->is_dry_run) {
		if (!c->plan)
			c->plan = d.plan = json_array();
		c->is_plan_beside = true;
	}
	if (r == 0 && !rev->repeated)
		d.from = d.to; /* nothing changed */
	r = crud_written(c, r, rev, err);
	if (r >= 0)
		r = check_caller(c, err);
	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	r = delta_put(c, &d, err);
	jsonw_close(&c->w, '}');
	if (d.n == 1) /* of one resource the condition can be told */
		c->resource = d.first;
	if (r != -ERR_TOOBIG || c->is_dry_run)
		return r;
	/* done all the same: it is only too much to tell */
	err_clear(err);
	buf_clear(&c->data);
	c->w.needs_comma = false;
	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "changes", '[');
	jsonw_close(&c->w, ']');
	jsonw_int(&c->w, "more", rev->changes);
	jsonw_close(&c->w, '}');
	return 0;
}
