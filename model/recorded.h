/*
 * The rows of a recorded SQLite changeset: what undoing, comparing and asking
 * for origins read from a revision.
 *
 * A row has as many columns as its table had when it was recorded; fields that
 * came later have their defaults. Columns stand as model/res_sql.h says.
 */
#ifndef MODEL_RECORDED_H
#define MODEL_RECORDED_H

#include "model/kind.h"
#include "model/sql_priv.h"

enum {
	COL_ID = 0,
	COL_REV = 1,
	COL_CREATED = 2,
	COL_FIELDS = 3,
};

struct entry {
	sqlite3_changeset_iter *it;
	const struct kind *kind; /* NULL: no table of resources */
	int op;                  /* SQLITE_INSERT, _UPDATE, _DELETE */
	int columns;
};

typedef int entry_fn(const struct entry *e, void *arg, struct err *err);

/* The row that the iterator is at. */
struct entry recorded_at(sqlite3_changeset_iter *it);
/* Calls FN for each row; REVISION is for messages. */
int recorded_each(const void *changeset, int len, int64_t revision, entry_fn *fn, void *arg,
		  struct err *err) must_check;
/* Values that the row has where it is there: before a deletion or a change, after an insertion. */
sqlite3_value *recorded_value(const struct entry *e, int col);
/* Takes the fields that the row has, as they were (or became, with IS_NEW), into RES. Returns which. */
uint64_t recorded_fields(const void *ctx, const struct entry *e, bool is_new, void *res);
/* The whole resource of an inserted or deleted row. On CTX. */
void *recorded_res(const void *ctx, const struct entry *e);

#endif
