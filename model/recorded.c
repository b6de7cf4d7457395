#include "model/recorded.h"

#include <inttypes.h>

#include "model/res_sql.h"

sqlite3_value *recorded_value(const struct entry *e, int col)
{
	sqlite3_value *v = NULL;

	(void)(e->op == SQLITE_INSERT ? sqlite3changeset_new(e->it, col, &v)
				      : sqlite3changeset_old(e->it, col, &v));
	return v;
}

struct entry recorded_at(sqlite3_changeset_iter *it)
{
	struct entry e = { .it = it };
	const char *table;
	int indirect;

	(void)sqlite3changeset_op(it, &table, &e.columns, &e.op, &indirect);
	e.kind = kind_find(table);
	return e;
}

int recorded_each(const void *changeset, int len, int64_t revision, entry_fn *fn, void *arg,
		  struct err *err)
{
	sqlite3_changeset_iter *it = NULL;
	int r = 0;

	if (sqlite3changeset_start(&it, len, (void *)(uintptr_t)changeset) != SQLITE_OK)
		return err_set(err, ERR_CORRUPT, "revision %" PRId64 ": unreadable changeset",
			       revision);
	while (r >= 0 && sqlite3changeset_next(it) == SQLITE_ROW) {
		const struct entry e = recorded_at(it);

		r = fn(&e, arg, err);
	}
	(void)sqlite3changeset_finalize(it);
	return r;
}

uint64_t recorded_fields(const void *ctx, const struct entry *e, bool is_new, void *res)
{
	uint64_t taken = 0;
	int col = COL_FIELDS;

	for (size_t i = 0; i < e->kind->n_fields && col < e->columns; i++) {
		const struct field *f = &e->kind->fields[i];
		sqlite3_value *v = NULL;
		const char *text;

		if (f->type == FIELD_SECRET)
			continue;
		(void)(is_new ? sqlite3changeset_new(e->it, col, &v)
			      : sqlite3changeset_old(e->it, col, &v));
		col++;
		if (!v)
			continue; /* of an update that left it alone */
		text = sqlite3_value_type(v) == SQLITE_NULL ? NULL
							    : (const char *)sqlite3_value_text(v);
		res_sql_take(ctx, f, res, text, sqlite3_value_int64(v));
		taken |= UINT64_C(1) << i;
	}
	return taken;
}

void *recorded_res(const void *ctx, const struct entry *e)
{
	struct res *res = res_new(ctx, e->kind);
	sqlite3_value *v = recorded_value(e, COL_ID);

	res->id = v ? sqlite3_value_int64(v) : 0;
	v = recorded_value(e, COL_CREATED);
	res->created = v ? sqlite3_value_int64(v) : 0;
	(void)recorded_fields(ctx, e, e->op == SQLITE_INSERT, res);
	return res;
}
