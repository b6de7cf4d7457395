#include "api/shape.h"

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

static void put_columns(struct buf *b, const struct shape *s)
{
	buf_puts(b, "SELECT ");
	for (size_t i = 0; i < s->n; i++)
		buf_printf(b, "%s%s", i ? "," : "", s->columns[i].sql);
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

/* The rows that meet MORE as well, an SQL text such as " AND …". */
static int put_rows(struct call *c, const struct listing *l, const char *more, struct jsonw *w,
		    struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf text = BUF_ON(c->ctx);
	int r;

	put_columns(&text, l->shape);
	put_filters(&text, c, l);
	buf_printf(&text, "%s ORDER BY %s LIMIT ?6 OFFSET ?7", more, l->shape->order);
	r = prepare(c, l, buf_str(&text), &st, err);
	if (r < 0)
		return r;
	sql_bind_int(st, BIND_LIMIT, l->page ? l->page->per_page : -1);
	sql_bind_int(st, BIND_OFFSET, l->page ? (l->page->page - 1) * l->page->per_page : 0);
	while ((r = sql_step(st, err)) > 0) {
		jsonw_open(w, NULL, '{');
		put_members(w, l->shape, st);
		jsonw_close(w, '}');
	}
	return r;
}

int shape_list(struct call *c, const struct listing *l, struct jsonw *w, const char *key,
	       struct err *err)
{
	const char *first = l->account && !l->page ? l->shape->first : NULL;
	int r = l->page ? count(c, l, &l->page->total, err) : 0;

	if (r < 0)
		return r;
	jsonw_open(w, key, '[');
	if (first)
		r = put_rows(c, l, mem_fmt(c->ctx, " AND %s", first), w, err);
	if (r >= 0)
		r = put_rows(c, l, first ? mem_fmt(c->ctx, " AND NOT %s", first) : "", w, err);
	jsonw_close(w, ']');
	return r;
}

int shape_members(struct call *c, const struct shape *s, int64_t id, struct jsonw *w,
		  struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf text = BUF_ON(c->ctx);
	int r;

	put_columns(&text, s);
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
