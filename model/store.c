#include "model/store.h"

#include <string.h>
#include <unistd.h>

#include "model/res_sql.h"
#include "model/store_priv.h"

static void make_statements(struct store *s)
{
	s->sql = mem_zero(s, n_kinds * sizeof(*s->sql));
	KIND_FOREACH(k) {
		struct kind_sql *q = &s->sql[kind_index(k)];
		const char *select = res_sql_select(s, k);

		q->select_key = mem_fmt(s, "%s%s", select, res_sql_where_key(s, k));
		q->select_id = mem_fmt(s, "%s WHERE id=?", select);
		q->select_all = select;
		q->select_ordered = mem_fmt(s, "%s%s", select, res_sql_order(s, k));
		q->count_all = mem_fmt(s, "SELECT count(*) FROM \"%s\"", k->name);
		q->by_field = mem_zero(s, k->n_fields * sizeof(*q->by_field));
		q->insert = res_sql_insert(s, k);
		q->update = res_sql_update(s, k);
		q->delete_id = mem_fmt(s, "DELETE FROM \"%s\" WHERE id=?", k->name);
	}
}

int store_open(const void *ctx, const char *path, bool readonly, struct store **ret,
	       struct err *err)
{
	struct store *s = mem_new(ctx, struct store);
	int r;

	r = sql_open(s, path, readonly ? SQL_READONLY : SQL_DURABLE | SQL_CREATE, &s->db, err);

	if (r >= 0)
		r = store_migrate(s, readonly, err);
	if (r < 0) {
		(void)talloc_free(s);
		return r;
	}
	make_statements(s);
	*ret = s;
	return 0;
}

/* Begins reading, which asks for the schema. */
static int look_at_schema(struct store *s, struct err *err)
{
	int r;

	sql_check_schema(s->db, store_schema_is_ours, NULL);
	r = sql_begin_reading(s->db, err);
	sql_rollback(s->db);
	return r < 0 ? r : 0;
}

int store_open_guarded(const void *ctx, int dir, struct store **ret, struct err *err)
{
	struct store *s = mem_new(ctx, struct store);
	int r = sql_open_guarded(s, dir, MODEL_NAME, &s->db, err);

	s->is_guarded = true;
	if (r >= 0)
		r = store_migrate(s, false, err);
	if (r >= 0)
		r = look_at_schema(s, err);
	if (r < 0) {
		(void)talloc_free(s);
		return r;
	}
	make_statements(s);
	*ret = s;
	return 0;
}

struct sql *store_sql(struct store *s)
{
	return s->db;
}

static void give(void *ret_res, void *res)
{
	memcpy(ret_res, &res, sizeof(res));
}

static int get_one(const void *ctx, struct store *s, const struct kind *k, struct stmt *st,
		   void *ret_res, struct err *err)
{
	int r = sql_step(st, err);

	(void)s;
	if (r > 0)
		give(ret_res, res_sql_read(ctx, k, st));
	return r < 0 ? r : r == 0 ? -(int)ERR_NOTFOUND : 0;
}

int store_get(const void *ctx, struct store *s, const struct kind *k, const char *key,
	      void *ret_res, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "key");
	cleanup_(sql_done) struct stmt *st = NULL;
	void *probe = mem_zero(tmp, k->size);
	int r;

	((struct res *)probe)->kind = k;
	r = res_set_key(tmp, probe, key, err);
	if (r >= 0)
		r = sql_get(s->db, s->sql[kind_index(k)].select_key, &st, err);
	if (r < 0)
		return r;
	res_sql_bind_key(st, probe);
	r = get_one(ctx, s, k, st, ret_res, err);
	if (r == -ERR_NOTFOUND)
		return err_set(err, ERR_NOTFOUND, "there is no %s \"%s\"", k->name, key);
	return r;
}

int store_get_id(const void *ctx, struct store *s, const struct kind *k, int64_t id, void *ret_res,
		 struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, s->sql[kind_index(k)].select_id, &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, id);
	r = get_one(ctx, s, k, st, ret_res, err);
	if (r == -ERR_NOTFOUND)
		return err_set(err, ERR_NOTFOUND, "there is no %s with id %lld", k->name,
			       (long long)id);
	return r;
}

/* Cursors */

struct cursor {
	const struct kind *k;
	struct stmt *st;
	char *value;
};

static int cursor_free(struct cursor *c)
{
	sql_done(&c->st);
	return 0;
}

static int open_cursor(const void *ctx, struct store *s, const struct kind *k, const char *text,
		       const char *value, struct cursor **ret, struct err *err)
{
	struct cursor *c = mem_new(ctx, struct cursor);
	int r;

	c->k = k;
	r = sql_get(s->db, text, &c->st, err);
	if (r < 0) {
		(void)talloc_free(c);
		return r;
	}
	talloc_set_destructor(c, cursor_free);
	c->value = mem_str(c, value);
	if (value)
		sql_bind_text(c->st, 1, c->value);
	*ret = c;
	return 0;
}

/* Texts of statements that look at one field, made when first asked for and kept. */
static struct field_sql *field_sql(struct store *s, const struct kind *k, const struct field *f)
{
	struct field_sql *q = &s->sql[kind_index(k)].by_field[f - k->fields];
	const char *select = s->sql[kind_index(k)].select_all;
	const char *order;

	if (q->select)
		return q;
	order = res_sql_order(s, k);
	q->select = mem_fmt(s, "%s WHERE \"%s\"=?%s", select, f->name, order);
	q->ordered =
		mem_fmt(s, "%s ORDER BY \"%s\", %s", select, f->name, order + strlen(" ORDER BY "));
	q->count = mem_fmt(s, "SELECT count(*) FROM \"%s\" WHERE \"%s\"=?", k->name, f->name);
	return q;
}

int cursor_open(const void *ctx, struct store *s, const struct kind *k, const struct field *field,
		const char *value, struct cursor **ret, struct err *err)
{
	return field ? open_cursor(ctx, s, k, field_sql(s, k, field)->select, value, ret, err)
		     : open_cursor(ctx, s, k, s->sql[kind_index(k)].select_ordered, NULL, ret, err);
}

int cursor_open_by(const void *ctx, struct store *s, const struct kind *k,
		   const struct field *order_by, struct cursor **ret, struct err *err)
{
	return open_cursor(ctx, s, k, field_sql(s, k, order_by)->ordered, NULL, ret, err);
}

int cursor_next(const void *ctx, struct cursor *c, void *ret_res, struct err *err)
{
	int r = sql_step(c->st, err);

	if (r > 0)
		give(ret_res, res_sql_read(ctx, c->k, c->st));
	return r;
}

int store_count(struct store *s, const struct kind *k, const struct field *field, const char *value,
		int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			field ? field_sql(s, k, field)->count : s->sql[kind_index(k)].count_all,
			&st, err);

	if (r < 0)
		return r;
	if (field)
		sql_bind_text(st, 1, value);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

/* Transactions */

/* A member that stands open becomes part of the batch. */
static int keep_member(struct store *s, struct err *err)
{
	if (!s->has_member)
		return 0;
	s->has_member = false;
	return sql_do(s->db, "RELEASE member", err);
}

int store_begin(struct store *s, struct err *err)
{
	int r;

	if (!s->in_batch)
		return sql_begin(s->db, err);
	r = keep_member(s, err);
	if (r < 0)
		return r;
	if (!sql_in_txn(s->db)) /* a savepoint would begin another */
		return err_set(err, ERR_SYSTEM, "the database has rolled the whole batch back");
	r = sql_do(s->db, "SAVEPOINT member", err);
	if (r >= 0)
		s->has_member = true;
	return r;
}

int store_commit(struct store *s, struct err *err)
{
	int r;

	if (s->in_batch)
		return keep_member(s, err);
	r = sql_commit(s->db, err);
	if (r < 0)
		sql_rollback(s->db);
	return r;
}

/* Of a batch the open member alone. */
static int undo_member(struct store *s)
{
	struct err ignored = ERR_INIT;
	int r;

	if (!s->has_member || !sql_in_txn(s->db))
		return 0;
	r = sql_do(s->db, "ROLLBACK TO member", &ignored);
	return r < 0 ? r : sql_do(s->db, "RELEASE member", &ignored);
}

void store_rollback(struct store *s)
{
	/* rather nothing of the batch than half a member */
	if (!s->in_batch || undo_member(s) < 0)
		sql_rollback(s->db);
	s->has_member = false;
}

int store_batch_begin(struct store *s, struct err *err)
{
	int r = sql_begin(s->db, err);

	if (r >= 0)
		s->in_batch = true;
	return r;
}

int store_batch_commit(struct store *s, struct err *err)
{
	int r = keep_member(s, err);

	s->in_batch = false;
	if (r >= 0 && !sql_in_txn(s->db))
		return err_set(err, ERR_SYSTEM, "the database has rolled the whole batch back");
	if (r < 0)
		sql_rollback(s->db);
	return r < 0 ? r : store_commit(s, err);
}

void store_batch_rollback(struct store *s)
{
	s->in_batch = s->has_member = false;
	sql_rollback(s->db);
}

int store_account_of(const void *ctx, struct store *s, const void *res, const char **ret,
		     struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	const struct field *parent = kind_parent(k);
	void *above;
	int r;

	*ret = NULL;
	if (k == &kind_account) {
		*ret = ((const struct account *)res)->username;
		return 0;
	}
	if (!parent)
		return 0;
	if (parent->ref == &kind_account) {
		*ret = field_text(parent, res);
		return 0;
	}
	r = store_get(ctx, s, parent->ref, field_text(parent, res), &above, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r
		     : store_account_of(ctx, s, above, ret,
					err); /* NOLINT(misc-no-recursion): parents are few */
}
