#include "reconciler/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/trash_note.h"

int trash_each(struct engine *e, const char *account, trash_fn *fn, void *arg, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		e->db,
		account ? "SELECT name, account, path, origin, uid, rev, time FROM trash WHERE account=? ORDER BY time, name"
			: "SELECT name, account, path, origin, uid, rev, time FROM trash ORDER BY time, name",
		&st, err);

	if (r < 0)
		return r;
	if (account)
		sql_bind_text(st, 1, account);
	while ((r = sql_step(st, err)) > 0) {
		struct trash_entry t = { .name = sql_text(st, 0),
					 .account = sql_text(st, 1),
					 .path = sql_text(st, 2),
					 .origin = sql_text(st, 3),
					 .uid = sql_int(st, 4),
					 .rev = sql_int(st, 5),
					 .time = sql_int(st, 6) };

		r = fn(&t, arg, err);
		if (r < 0)
			break;
	}
	return r;
}

struct list {
	void *ctx;
	struct trash_entry *v;
	size_t n, cap;
};

static int collect(const struct trash_entry *t, void *arg, struct err *err)
{
	struct list *l = arg;
	struct trash_entry *copy;

	(void)err;
	mem_room(l->ctx, &l->v, &l->cap, l->n, sizeof(*l->v));
	copy = &l->v[l->n++];
	*copy = *t;
	copy->name = mem_str(l->ctx, t->name);
	copy->account = mem_str(l->ctx, t->account);
	copy->path = mem_str(l->ctx, t->path);
	copy->origin = mem_str(l->ctx, t->origin);
	return 0;
}

static int forget(struct engine *e, const char *name, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(e->db, "DELETE FROM trash WHERE name=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	return sql_run(st, err);
}

static int keep_days(struct engine *e, int64_t *ret, struct err *err)
{
	struct setting *s;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "setting");
	int r = store_get(ctx, e->store, &kind_setting, "trash_days", &s, err);

	*ret = 7;
	if (r >= 0)
		*ret = strtoll(s->value, NULL, 10);
	if (r == -ERR_NOTFOUND)
		err_clear(err);
	return r == -ERR_NOTFOUND ? 0 : r;
}

int64_t trash_purge(struct engine *e, const char *account, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trash");
	struct list l = { .ctx = ctx };
	int64_t days;
	int64_t n = 0;
	int r = keep_days(e, &days, err);

	if (r >= 0 && account)
		r = trash_note_rows(e, err);
	if (r >= 0)
		r = trash_each(e, account, collect, &l, err);
	for (size_t i = 0; i < l.n && r >= 0; i++) {
		if (!account && l.v[i].time + days * 86400 > engine_now())
			continue;
		r = fs_remove_tree(e->root, l.v[i].path, 0, err);
		if (r >= 0)
			r = trash_note_drop(e, l.v[i].path, err);
		if (r >= 0)
			r = forget(e, l.v[i].name, err);
		n++;
	}
	return r < 0 ? r : n;
}

static int newest_rev(const struct trash_entry *t, void *arg, struct err *err)
{
	int64_t *rev = arg;

	(void)err;
	*rev = MAX(*rev, t->rev);
	return 0;
}

int trash_restore_state(struct engine *e, const char *account, struct revision *rev,
			struct problems *problems, struct err *err)
{
	int64_t gone = 0;
	int r = trash_note_rows(e, err);

	if (r >= 0)
		r = trash_each(e, account, newest_rev, &gone, err);
	if (r >= 0 && !gone)
		return err_set(
			err, ERR_NOTFOUND,
			"the trash has nothing of account %s; `novacpx trash list` shows what it has",
			account);
	return r < 0 ? r : store_undelete(e->store, gone, account, rev, problems, err);
}
