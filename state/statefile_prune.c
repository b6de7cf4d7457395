/*
 * What the store has and the files do not speak of.
 */
#include <string.h>

#include "base/mem.h"
#include "state/statefile_internal.h"

struct walk {
	struct statefile *sf;
	struct store *store;
	struct changeset *deletes; /* NULL: only count */
	struct strmap gone;        /* parents that go, and their children with them */
	int64_t n;
};

static bool parent_is_gone(const void *tmp, const struct walk *w, const void *res)
{
	const struct field *parent = kind_parent(((const struct res *)res)->kind);

	return parent && strmap_find(&w->gone, mem_fmt(tmp, "%s/%s", parent->ref->name,
						       field_text(parent, res)));
}

static void mark_gone(struct walk *w, const struct kind *k, const char *name)
{
	if (kind_has_children(k))
		*strmap_slot(&w->gone, mem_str(w->gone.ctx, name)) = w;
}

static int visit(struct walk *w, const void *tmp, const void *res, struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	const char *name = res_name(tmp, res);
	int i = (int)(intptr_t)strmap_find(&w->sf->by_name, name) - 1;
	bool is_gone = parent_is_gone(tmp, w, res);
	struct change *c;

	if (i >= 0 && w->sf->items[i].is_deleted)
		is_gone = true;
	if (is_gone) {
		mark_gone(w, k, name);
		return 0;
	}
	if (i >= 0)
		return 0;
	w->n++;
	if (!w->deletes)
		return 0;
	mark_gone(w, k, name);
	c = changeset_add(w->deletes, CHANGE_DELETE, k);
	return res_set_key(w->deletes->ctx, c->res, res_key(tmp, res), err);
}

static int walk_kind(struct walk *w, const struct kind *k, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	int r = cursor_open(w->sf, w->store, k, NULL, NULL, &c, err);

	while (r >= 0) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "row");
		void *res;

		r = cursor_next(tmp, c, &res, err);
		if (r <= 0)
			return r;
		r = visit(w, tmp, res, err);
	}
	return r;
}

static int walk_all(struct walk *w, struct err *err)
{
	int r = 0;

	KIND_FOREACH(k) {
		if (r >= 0)
			r = walk_kind(w, k, err);
	}
	return r;
}

int64_t statefile_unmentioned(struct statefile *sf, struct store *store, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "unmentioned");
	struct walk w = { .sf = sf, .store = store, .gone = STRMAP_ON(tmp) };
	int r = walk_all(&w, err);

	return r < 0 ? r : w.n;
}

int64_t statefile_prune(struct statefile *sf, struct store *store, struct changeset *cs,
			struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "prune");
	struct changeset all = { .ctx = cs->ctx };
	struct walk w = { .sf = sf, .store = store, .deletes = &all, .gone = STRMAP_ON(tmp) };
	int r = walk_all(&w, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < cs->n; i++) {
		mem_room(all.ctx, &all.v, &all.cap, all.n, sizeof(*all.v));
		all.v[all.n] = cs->v[i];
		all.v[all.n++].full = true;
	}
	*cs = all;
	return w.n;
}
