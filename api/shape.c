#include "api/shape.h"

#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/own.h"

/* The numbers of what is bound. ?1 is of own_condition(). */
enum {
	BIND_CALLER = 1,
	BIND_ACCOUNT,
	BIND_PARENT,
	BIND_SEARCH,
	BIND_STATUS,
	BIND_LIMIT,
	BIND_OFFSET,
};

/* And behind them MORE, if given. */
static void put_columns(struct buf *b, const struct shape *s, const char *more)
{
	buf_puts(b, "SELECT ");
	for (size_t i = 0; i < s->n; i++)
		buf_printf(b, "%s%s", i ? "," : "", s->columns[i].sql);
	if (more)
		buf_printf(b, ",%s", more);
	buf_printf(b, " FROM \"%s\" t WHERE ", s->kind->name);
}

static void put_filters(struct buf *b, struct call *c, const struct listing *l)
{
	const struct field *parent = kind_parent(l->shape->kind);

	buf_puts(b, own_condition(c, l->shape->kind));
	if (l->account && parent)
		buf_printf(b, " AND t.\"%s\"=?2", parent->name);
	if (l->parent && parent)
		buf_printf(b, " AND t.\"%s\"=?3", parent->name);
	if (l->search && l->shape->search)
		buf_printf(b, " AND %s", l->shape->search);
	if (l->status && l->shape->status)
		buf_printf(b, " AND %s=?5", l->shape->status);
	if (l->shape->hidden && !l->with_hidden)
		buf_printf(b, " AND NOT %s", l->shape->hidden);
}

/* Of LIKE: what the caller sent is text, not a pattern. */
static const char *pattern(const void *ctx, const char *search)
{
	struct buf b = BUF_ON(ctx);

	buf_putc(&b, '%');
	for (; *search; search++) {
		if (strchr("%_\\", *search))
			buf_putc(&b, '\\');
		buf_putc(&b, *search);
	}
	buf_putc(&b, '%');
	return buf_str(&b);
}

static void bind(struct stmt *st, const char *text, int col, const char *number, const char *value)
{
	if (strstr(text, number))
		sql_bind_text(st, col, value);
}

static int prepare(struct call *c, const struct listing *l, const char *text, struct stmt **ret,
		   struct err *err)
{
	int r = sql_get(store_sql(c->store), call_sql(c, text), ret, err);

	if (r < 0)
		return r;
	bind(*ret, text, BIND_CALLER, "?1", c->who.username);
	bind(*ret, text, BIND_ACCOUNT, "?2", l->account);
	bind(*ret, text, BIND_PARENT, "?3", l->parent);
	bind(*ret, text, BIND_SEARCH, "?4", l->search ? pattern(c->ctx, l->search) : NULL);
	bind(*ret, text, BIND_STATUS, "?5", l->status);
	return 0;
}

static int count(struct call *c, const struct listing *l, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf text = BUF_ON(c->ctx);
	int r;

	buf_printf(&text, "SELECT count(*) FROM \"%s\" t WHERE ", l->shape->kind->name);
	put_filters(&text, c, l);
	r = prepare(c, l, buf_str(&text), &st, err);
	if (r >= 0)
		r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

static void put_value(struct jsonw *w, const struct column *col, struct stmt *st, int i)
{
	if (sql_is_null(st, i)) {
		jsonw_null(w, col->name);
		return;
	}
	switch (col->type) {
	case COLUMN_INT: jsonw_int(w, col->name, sql_int(st, i)); break;
	case COLUMN_BOOL: jsonw_int(w, col->name, sql_int(st, i) != 0); break;
	case COLUMN_TIME: jsonw_time(w, col->name, sql_int(st, i)); break;
	case COLUMN_TEXT: jsonw_text(w, col->name, sql_text(st, i)); break;
	case COLUMN_REAL:
	case COLUMN_JSON: jsonw_raw(w, col->name, sql_text(st, i)); break;
	}
}

static void put_members(struct jsonw *w, const struct shape *s, struct stmt *st)
{
	for (size_t i = 0; i < s->n; i++)
		put_value(w, &s->columns[i], st, (int)i);
}

/* The rows of one group, as texts. */
struct group {
	const char *key;
	struct ptrs rows;
};

static int by_key(const void *a, const void *b)
{
	return strcmp((*(struct group *const *)a)->key, (*(struct group *const *)b)->key);
}

static void put_row(struct jsonw *w, const char *key, const struct shape *s, struct stmt *st)
{
	jsonw_open(w, key, '{');
	put_members(w, s, st);
	jsonw_close(w, '}');
}

/* No index has a group first; groups are few, so rows are dealt out to them instead of sorted. */
static int put_groups(struct call *c, const struct shape *s, struct stmt *st, struct jsonw *w,
		      struct err *err)
{
	struct strmap groups = STRMAP_ON(c->ctx);
	struct ptrs sorted = { .n = 0 };
	int r;

	while ((r = sql_step(st, err)) > 0) {
		struct buf text = BUF_ON(c->ctx);
		struct jsonw one = JSONW_ON(&text);
		const char *key = sql_text(st, (int)s->n) ? sql_text(st, (int)s->n) : "";
		struct group **slot = (struct group **)strmap_slot(&groups, key);

		if (!*slot) {
			*slot = mem_new(c->ctx, struct group);
			(*slot)->key = mem_str(c->ctx, key);
			ptrs_add(c->ctx, &sorted, *slot);
		}
		put_row(&one, NULL, s, st);
		ptrs_add(c->ctx, &(*slot)->rows, text.data);
	}
	if (sorted.n > 1)
		qsort(sorted.v, sorted.n, sizeof(*sorted.v), by_key);
	for (size_t i = 0; i < sorted.n; i++) {
		const struct group *g = sorted.v[i];

		for (size_t k = 0; k < g->rows.n; k++)
			jsonw_raw(w, NULL, g->rows.v[k]);
	}
	return r;
}

int shape_list(struct call *c, const struct listing *l, struct jsonw *w, const char *key,
	       struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf text = BUF_ON(c->ctx);
	const char *group = l->page ? NULL : l->shape->group;
	int r;

	put_columns(&text, l->shape, group);
	put_filters(&text, c, l);
	buf_printf(&text, " ORDER BY %s LIMIT ?6 OFFSET ?7", l->shape->order);
	r = prepare(c, l, buf_str(&text), &st, err);
	if (r >= 0 && l->page)
		r = count(c, l, &l->page->total, err);
	if (r < 0)
		return r;
	sql_bind_int(st, BIND_LIMIT, l->page ? l->page->per_page : -1);
	sql_bind_int(st, BIND_OFFSET, l->page ? (l->page->page - 1) * l->page->per_page : 0);
	jsonw_open(w, key, '[');
	if (group)
		r = put_groups(c, l->shape, st, w, err);
	else
		while ((r = sql_step(st, err)) > 0)
			put_row(w, NULL, l->shape, st);
	jsonw_close(w, ']');
	return r;
}

int shape_members(struct call *c, const struct shape *s, int64_t id, struct jsonw *w,
		  struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf text = BUF_ON(c->ctx);
	int r;

	put_columns(&text, s, NULL);
	buf_puts(&text, "t.id=?1");
	r = sql_get(store_sql(c->store), call_sql(c, buf_str(&text)), &st, err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, id);
	r = sql_step(st, err);
	if (r > 0)
		put_members(w, s, st);
	return r < 0 ? r : r == 0 ? err_set(err, ERR_NOTFOUND, "%s is gone", s->name) : 0;
}

int shape_row(struct call *c, const struct shape *s, int64_t id, struct jsonw *w, const char *key,
	      struct err *err)
{
	int r;

	jsonw_open(w, key, '{');
	r = shape_members(c, s, id, w, err);
	jsonw_close(w, '}');
	return r;
}
