#include "model/res_sql.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum {
	FIXED_COLUMNS = 3
}; /* id, rev, created */

static bool has_column(const struct field *f)
{
	return f->type != FIELD_SECRET;
}

static const char *column_type(const struct field *f)
{
	return f->type == FIELD_INT || f->type == FIELD_BOOL ? "INTEGER" : "TEXT";
}

static bool is_needed(const struct field *f)
{
	return (f->flags & (FIELD_KEY | FIELD_REQUIRED)) || f->type == FIELD_BOOL ||
	       (f->type == FIELD_INT && !(f->flags & FIELD_NULLABLE));
}

/*
 * What belongs to an account or a zone is listed by it, in the order of its keys: such an index has
 * them too, so that nothing is sorted.
 */
static void put_index(struct buf *b, const struct kind *k, const struct field *f)
{
	buf_printf(b, "CREATE INDEX \"%s_%s\" ON \"%s\"(\"%s\"", k->name, f->name, k->name,
		   f->name);
	FIELD_FOREACH(key, k) {
		if ((f->flags & FIELD_PARENT) && (key->flags & FIELD_KEY))
			buf_printf(b, ", \"%s\"", key->name);
	}
	buf_puts(b, ");\n");
}

const char *res_sql_ddl(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);
	const struct field *first_key = NULL;
	const char *comma = "";

	buf_printf(
		&b,
		"CREATE TABLE \"%s\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, "
		"created INTEGER NOT NULL",
		k->name);
	FIELD_FOREACH(f, k) {
		if (has_column(f))
			buf_printf(&b, ", \"%s\" %s%s", f->name, column_type(f),
				   is_needed(f) ? " NOT NULL" : "");
	}
	buf_puts(&b, ", UNIQUE(");
	FIELD_FOREACH(f, k) {
		if (!(f->flags & FIELD_KEY))
			continue;
		if (!first_key)
			first_key = f;
		buf_printf(&b, "%s\"%s\"", comma, f->name);
		comma = ", ";
	}
	buf_puts(&b, ")) STRICT;\n");
	FIELD_FOREACH(f, k) {
		if ((f->flags & (FIELD_INDEX | FIELD_SCOPE)) && f != first_key)
			put_index(&b, k, f);
	}
	return buf_str(&b);
}

const char *res_sql_key_expr(const void *ctx, const struct kind *k, const char *table)
{
	struct buf b = BUF_ON(ctx);
	const char *glue = "";

	FIELD_FOREACH(f, k) {
		if (!(f->flags & FIELD_KEY))
			continue;
		buf_printf(&b, "%s\"%s\".\"%s\"", glue, table, f->name);
		glue = "||'/'||";
	}
	return buf_str(&b);
}

const char *res_sql_select(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);

	buf_puts(&b, "SELECT id, rev, created");
	FIELD_FOREACH(f, k) {
		if (has_column(f))
			buf_printf(&b, ", \"%s\"", f->name);
	}
	FIELD_FOREACH(f, k) {
		if (!has_column(f))
			buf_printf(&b,
				   ", (SELECT value FROM secret WHERE kind='%s' AND key=%s AND "
				   "field='%s' AND dropped=0)",
				   k->name, res_sql_key_expr(ctx, k, k->name), f->name);
	}
	buf_printf(&b, " FROM \"%s\"", k->name);
	return buf_str(&b);
}

const char *res_sql_insert(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);
	struct buf values = BUF_ON(ctx);

	buf_printf(&b, "INSERT INTO \"%s\"(rev, created", k->name);
	buf_puts(&values, "?1, ?2");
	for (size_t i = 0, col = FIXED_COLUMNS; i < k->n_fields; i++) {
		if (!has_column(&k->fields[i]))
			continue;
		buf_printf(&b, ", \"%s\"", k->fields[i].name);
		buf_printf(&values, ", ?%zu", col++);
	}
	buf_printf(&b, ", id) VALUES(%s, ?%zu)", buf_str(&values), (size_t)64 + FIXED_COLUMNS);
	return buf_str(&b);
}

const char *res_sql_update(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);
	size_t col = FIXED_COLUMNS;

	buf_printf(&b, "UPDATE \"%s\" SET rev=?1, created=?2", k->name);
	FIELD_FOREACH(f, k) {
		if (has_column(f))
			buf_printf(&b, ", \"%s\"=?%zu", f->name, col++);
	}
	buf_printf(&b, " WHERE id=?%zu", (size_t)64 + FIXED_COLUMNS);
	return buf_str(&b);
}

const char *res_sql_where_key(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);
	const char *glue = " WHERE ";

	FIELD_FOREACH(f, k) {
		if (!(f->flags & FIELD_KEY))
			continue;
		buf_printf(&b, "%s\"%s\"=?", glue, f->name);
		glue = " AND ";
	}
	return buf_str(&b);
}

const char *res_sql_order(const void *ctx, const struct kind *k)
{
	struct buf b = BUF_ON(ctx);
	const char *glue = " ORDER BY ";

	FIELD_FOREACH(f, k) {
		if (!(f->flags & FIELD_KEY))
			continue;
		buf_printf(&b, "%s\"%s\"", glue, f->name);
		glue = ", ";
	}
	return buf_str(&b);
}

static void bind_list(const void *ctx, struct stmt *st, int col, const struct strlist *list)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; i < list->n; i++) {
		if (i)
			buf_putc(&b, '\n');
		buf_puts(&b, list->v[i]);
	}
	sql_bind_text(st, col, list->n ? buf_str(&b) : NULL);
}

void res_sql_bind(const void *ctx, struct stmt *st, const void *res)
{
	const struct res *base = res;
	int col = FIXED_COLUMNS;

	sql_bind_int(st, 1, base->rev);
	sql_bind_int(st, 2, base->created);
	FIELD_FOREACH(f, base->kind) {
		if (!has_column(f))
			continue;
		if (field_is_text(f))
			sql_bind_text(st, col, field_text(f, res));
		else if (f->type == FIELD_LIST)
			bind_list(ctx, st, col, field_list(f, res));
		else if (field_is_set(f, res))
			sql_bind_int(st, col, field_int(f, res));
		else
			sql_bind_text(st, col, NULL);
		col++;
	}
	if (base->id)
		sql_bind_int(st, 64 + FIXED_COLUMNS, base->id);
	else
		sql_bind_text(st, 64 + FIXED_COLUMNS, NULL);
}

void res_sql_bind_key(struct stmt *st, const void *res)
{
	int col = 1;

	FIELD_FOREACH(f, ((const struct res *)res)->kind) {
		if (f->flags & FIELD_KEY)
			sql_bind_text(st, col++, field_text(f, res));
	}
}

static void read_list(const void *ctx, const struct field *f, void *res, const char *text)
{
	const char **items = NULL;
	size_t cap = 0;
	size_t n = 0;

	while (text && *text) {
		size_t len = strcspn(text, "\n");

		mem_room(ctx, &items, &cap, n, sizeof(*items));
		items[n++] = mem_strn(ctx, text, len);
		text += len + (text[len] == '\n');
	}
	field_set_list(f, res, items, n);
}

void res_sql_take(const void *ctx, const struct field *f, void *res, const char *text, int64_t num)
{
	if (field_is_text(f))
		field_set_text(f, res, mem_str(ctx, text));
	else if (f->type == FIELD_LIST)
		read_list(ctx, f, res, text);
	else
		field_set_int(f, res, text ? num : INT_UNSET);
}

static void read_field(const void *ctx, const struct field *f, void *res, struct stmt *st, int col)
{
	if (field_is_text(f))
		field_set_text(f, res, mem_str(ctx, sql_text(st, col)));
	else if (f->type == FIELD_LIST)
		read_list(ctx, f, res, sql_text(st, col));
	else
		field_set_int(f, res, sql_is_null(st, col) ? INT_UNSET : sql_int(st, col));
}

void *res_sql_read(const void *ctx, const struct kind *k, struct stmt *st)
{
	struct res *res = mem_zero(ctx, k->size);
	int col = FIXED_COLUMNS;

	res->kind = k;
	res->id = sql_int(st, 0);
	res->rev = sql_int(st, 1);
	res->created = sql_int(st, 2);
	FIELD_FOREACH(f, k) {
		if (has_column(f))
			read_field(ctx, f, res, st, col++);
	}
	FIELD_FOREACH(f, k) {
		if (!has_column(f))
			read_field(ctx, f, res, st, col++);
	}
	return res;
}
