#include "reconciler/owed.h"

#include "base/mem.h"

int owed_load(struct sql *db, struct strmap *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT what FROM owed ORDER BY what", &st, err);

	while (r >= 0 && (r = sql_step(st, err)) > 0)
		*strmap_slot(ret, mem_str(ret->ctx, sql_text(st, 0))) = ret;
	return r;
}

int owed_put(struct sql *db, const char *what, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "INSERT OR IGNORE INTO owed(what) VALUES(?)", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, what);
	return sql_run(st, err);
}

int owed_replace(struct sql *db, const struct strmap *owed, struct err *err)
{
	/* WHERE: without it SQLite writes even where no row is, and a pass without work would touch the file */
	int r = sql_do(db, "DELETE FROM owed WHERE true", err);

	for (size_t i = 0; i < owed->n && r >= 0; i++) {
		if (owed->entries[i].value)
			r = owed_put(db, owed->entries[i].key, err);
	}
	return r;
}
