#include "reconciler/outcome.h"

#include <string.h>

#include "reconciler/load.h"

#define SERVER "server/"

struct look {
	struct engine *e;
	int64_t rev;
	const char *resource;
	struct dirty dirty;
	condition_fn *fn;
	void *arg;
};

/* 1 when something that SERVICE loads was written in these scopes for the revision, or later. */
static int has_written_for(const struct look *l, const char *service, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < l->dirty.scopes.n && r == 0; i++) {
		cleanup_(sql_done) struct stmt *st = NULL;

		r = sql_get(l->e->db,
			    "SELECT 1 FROM artifact WHERE scope=? AND service=? AND rev>=? LIMIT 1",
			    &st, err);
		if (r < 0)
			break;
		sql_bind_text(st, 1, l->dirty.scopes.entries[i].key);
		sql_bind_text(st, 2, service);
		sql_bind_int(st, 3, l->rev);
		r = sql_step(st, err);
	}
	return r;
}

/* 1 when C tells something about the revision, 0 when it is somebody else's. */
static int belongs(const struct look *l, const struct condition *c, struct err *err)
{
	uintptr_t mask = (uintptr_t)strmap_find(&l->dirty.scopes, c->scope);
	size_t len = strlen(SERVER);

	for (size_t i = 0; i < n_renderers; i++) {
		if (strcmp(renderers[i]->name, c->part) == 0)
			return (mask & (uintptr_t)1 << i) != 0;
	}
	if (strncmp(c->resource, SERVER, len) == 0) /* a reload's, or a whole check's */
		return has_written_for(l, c->resource + len, err);
	return mask != 0;
}

static int tell(const struct condition *c, void *arg, struct err *err)
{
	const struct look *l = arg;
	bool is_told = l->resource && strcmp(c->resource, l->resource) == 0;
	int r = !is_told && c->rev >= l->rev ? belongs(l, c, err) : 0;

	return r > 0 ? l->fn(c, l->arg, err) : r;
}

int outcome_each(struct engine *e, int64_t rev, const char *resource, condition_fn *fn, void *arg,
		 struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "outcome");
	struct look l = { .e = e,
			  .rev = rev,
			  .resource = resource,
			  .dirty = { .ctx = tmp, .scopes = STRMAP_ON(tmp) },
			  .fn = fn,
			  .arg = arg };
	int64_t n = 0;
	int r = condition_count(e->db, &n, err);

	if (r < 0 || n == 0)
		return r;
	if (resource)
		r = condition_each(e->db, resource, fn, arg, err);
	if (r >= 0)
		r = dirty_of_revisions(&l.dirty, e->store, rev - 1, rev, err);
	return r < 0 ? r : condition_each(e->db, NULL, tell, &l, err);
}
