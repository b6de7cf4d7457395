/*
 * The audit log: who did what from where, and what was refused to whom.
 *
 * Rows are only ever added; the table's own triggers hold that. What a
 * revision changed is told with the values before and after, never a secret.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "model/store_priv.h"

enum {
	TEXT_MAX = 1024, /* of one value; a style sheet or certificate is cut there */
	TAIL_MAX = 64,   /* room for what says that there was more */
};

static const char *const outcomes[] = {
	[AUDIT_DONE] = "done",
	[AUDIT_REFUSED] = "refused",
	[AUDIT_FAILED] = "failed",
};

const char *audit_outcome_name(enum audit_outcome outcome)
{
	return outcomes[outcome];
}

static enum audit_outcome outcome_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		if (strcmp(outcomes[i], name) == 0)
			return (enum audit_outcome)i;
	}
	return AUDIT_FAILED;
}

/* Details */

static void put_text(struct buf *b, const char *s)
{
	size_t len = strnlen(s, TEXT_MAX + 1);
	bool is_cut = len > TEXT_MAX;

	if (is_cut) { /* not within a character */
		len = TEXT_MAX;
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			buf_putc(b, '\\');
		if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_puts(b, is_cut ? "…\"" : "\"");
}

static void put_list(struct buf *b, const struct strlist *list)
{
	buf_putc(b, '[');
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			buf_putc(b, ',');
		put_text(b, list->v[i]);
	}
	buf_putc(b, ']');
}

static void put_value(struct buf *b, const void *ctx, const struct field *f, const void *res)
{
	if (!field_is_set(f, res))
		buf_puts(b, "null");
	else if (f->type == FIELD_LIST)
		put_list(b, field_list(f, res));
	else if (field_is_text(f))
		put_text(b, field_show(ctx, f, res));
	else
		buf_puts(b, field_show(ctx, f, res));
}

/* The fields of RES; only those that differ where there is an OTHER, else those that are set. */
static void put_fields(struct buf *b, const void *ctx, const void *res, const void *other)
{
	const char *glue = "{";

	if (!res) {
		buf_puts(b, "null");
		return;
	}
	FIELD_FOREACH(f, ((const struct res *)res)->kind) {
		if (other ? field_same(f, res, other) : !field_is_set(f, res))
			continue;
		buf_printf(b, "%s\"%s\":", glue, f->name);
		put_value(b, ctx, f, res);
		glue = ",";
	}
	buf_puts(b, *glue == '{' ? "{}" : "}");
}

static void put_touched(struct buf *b, const void *ctx, const struct touched *t)
{
	buf_printf(b, "{\"op\":\"%c\",\"resource\":", touched_op(t));
	put_text(b, mem_fmt(ctx, "%s/%s", t->kind->name, t->key));
	buf_puts(b, ",\"before\":");
	put_fields(b, ctx, t->before, t->after);
	buf_puts(b, ",\"after\":");
	put_fields(b, ctx, t->after, t->before);
	buf_putc(b, '}');
}

static const char *detail_of(struct apply *a)
{
	struct buf b = { .ctx = a->ctx, .max = AUDIT_DETAIL_MAX + TAIL_MAX };
	struct buf one = BUF_ON(a->ctx);
	size_t n = 0;

	buf_puts(&b, "{\"changes\":[");
	for (; n < a->touched.n; n++) {
		buf_clear(&one);
		put_touched(&one, a->ctx, &a->touched.v[n]);
		if (b.len + one.len + 1 > AUDIT_DETAIL_MAX - TAIL_MAX)
			break;
		if (n)
			buf_putc(&b, ',');
		buf_put(&b, buf_str(&one), one.len);
	}
	buf_putc(&b, ']');
	if (n < a->touched.n)
		buf_printf(&b, ",\"more\":%zu", a->touched.n - n);
	buf_putc(&b, '}');
	return buf_str(&b);
}

/* Writing */

static void bind_number(struct stmt *st, int col, int64_t num)
{
	if (num)
		sql_bind_int(st, col, num);
	else
		sql_bind_text(st, col, NULL);
}

static int write_row(struct store *s, const struct audit_row *row, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"INSERT INTO audit(time, actor, actor_id, address, source, via, action, "
			"outcome, resource, rev, detail) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, row->time);
	sql_bind_text(st, 2, row->actor);
	bind_number(st, 3, row->actor_id);
	sql_bind_text(st, 4, row->address);
	sql_bind_text(st, 5, row->source);
	sql_bind_text(st, 6, row->via);
	sql_bind_text(st, 7, row->action);
	sql_bind_text(st, 8, outcomes[row->outcome]);
	sql_bind_text(st, 9, row->resource);
	bind_number(st, 10, row->rev);
	sql_bind_text(st, 11, row->detail);
	return sql_run(st, err);
}

int apply_audit(struct apply *a, struct err *err)
{
	const struct revision *rev = a->rev;
	const struct touched *first = a->touched.v;
	struct audit_row row = {
		.time = rev->time,
		.actor = rev->actor,
		.actor_id = rev->actor_id,
		.address = rev->address,
		.source = rev->source,
		.via = rev->via,
		.action = rev->action ? rev->action : "commit",
		.outcome = AUDIT_DONE,
		.resource = rev->about,
		.rev = rev->rev,
		.detail = detail_of(a),
	};

	if (a->touched.n == 1)
		row.resource = mem_fmt(a->ctx, "%s/%s", first->kind->name, first->key);
	return write_row(a->s, &row, err);
}

int store_audit_add(struct store *s, const struct audit_row *row, struct err *err)
{
	if (row->detail && strlen(row->detail) > AUDIT_DETAIL_MAX)
		return err_set(err, ERR_TOOBIG, "audit: a detail of %zu bytes, at most %d are kept",
			       strlen(row->detail), AUDIT_DETAIL_MAX);
	return write_row(s, row, err);
}

/* Reading */

/* LIKE's pattern for "contains TEXT"; NULL stays NULL. */
static const char *containing(const void *ctx, const char *text)
{
	struct buf b = BUF_ON(ctx);

	if (!text || !*text)
		return NULL;
	buf_putc(&b, '%');
	for (; *text; text++) {
		if (strchr("%_\\", *text))
			buf_putc(&b, '\\');
		buf_putc(&b, *text);
	}
	buf_putc(&b, '%');
	return buf_str(&b);
}

#define AUDIT_FILTER                                     \
	" FROM audit WHERE time>=?1 AND time<?2 "        \
	"AND (?3 IS NULL OR actor LIKE ?3 ESCAPE '\\') " \
	"AND (?4 IS NULL OR action LIKE ?4 ESCAPE '\\')"

const char audit_count_sql[] = "SELECT count(*)" AUDIT_FILTER;
const char audit_list_sql[] = "SELECT id, time, actor, actor_id, address, source, via, action, "
			      "outcome, resource, rev, detail" AUDIT_FILTER
			      " ORDER BY time DESC, id DESC LIMIT ?5 OFFSET ?6";

static void bind_filter(struct stmt *st, const void *ctx, const struct audit_query *q)
{
	sql_bind_int(st, 1, q->from);
	sql_bind_int(st, 2, q->to ? q->to : INT64_MAX);
	sql_bind_text(st, 3, containing(ctx, q->user));
	sql_bind_text(st, 4, containing(ctx, q->action));
}

static int count_rows(struct store *s, const void *ctx, const struct audit_query *q, int64_t *ret,
		      struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, audit_count_sql, &st, err);

	if (r < 0)
		return r;
	bind_filter(st, ctx, q);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

static struct audit_row row_under(struct stmt *st)
{
	return (struct audit_row){
		.id = sql_int(st, 0),
		.time = sql_int(st, 1),
		.actor = sql_text(st, 2),
		.actor_id = sql_int(st, 3),
		.address = sql_text(st, 4),
		.source = sql_text(st, 5),
		.via = sql_text(st, 6),
		.action = sql_text(st, 7),
		.outcome = outcome_of(sql_text(st, 8)),
		.resource = sql_text(st, 9),
		.rev = sql_int(st, 10),
		.detail = sql_text(st, 11),
	};
}

int store_audit_list(struct store *s, const struct audit_query *q, audit_row_fn *fn, void *arg,
		     int64_t *ret_total, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "audit");
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = ret_total ? count_rows(s, ctx, q, ret_total, err) : 0;

	if (r >= 0)
		r = sql_get(s->db, audit_list_sql, &st, err);
	if (r < 0)
		return r;
	bind_filter(st, ctx, q);
	sql_bind_int(st, 5, q->limit ? q->limit : -1);
	sql_bind_int(st, 6, q->offset);
	while ((r = sql_step(st, err)) > 0) {
		struct audit_row row = row_under(st);

		r = fn(&row, arg, err);
		if (r < 0)
			break;
	}
	return r;
}
