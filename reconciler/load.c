#include "reconciler/load.h"

#include <string.h>

#include "base/strmap.h"
#include "model/settings.h"
#include "model/sql.h"

enum {
	FEW = 16
};

/* A kind's rows on their way into views, one row ahead. */
struct source {
	const struct kind *kind;
	const struct field *by; /* names the scope */
	struct cursor *cursor;
	void *row_ctx;
	struct res *head;
};

struct loader {
	struct store *s;
	struct strmap settings;
	struct strmap accounts; /* username → struct account, as needed */
	struct strmap packages; /* the same */
	struct source *sources; /* of the level being walked */
	size_t n_sources;
	enum scope_level level;
	uint32_t mask;
	bool is_done;
};

static const enum scope_level walk_order[] = { SCOPE_ACCOUNT, SCOPE_DOMAIN, SCOPE_SERVER };

static enum scope_level level_of(const char *scope)
{
	return scope[0] == 'a' ? SCOPE_ACCOUNT : scope[0] == 'd' ? SCOPE_DOMAIN : SCOPE_SERVER;
}

uint32_t renderers_of_scope(const char *scope)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < n_renderers; i++) {
		if (renderers[i]->level == level_of(scope))
			mask |= (uint32_t)1 << i;
	}
	return mask;
}

/* Which field of a kind names the scope it is rendered in. */
static const struct field *scope_field(const struct kind *k)
{
	const struct field *f = kind_scope(k);

	if (!f)
		f = kind_parent(k);
	if (!f && k == &kind_account)
		f = &k->fields[0];
	return f;
}

/*
 * All that is rendered and the range of user ids hang on them, so one that came past the checks
 * stops everything.
 */
static int load_settings(struct loader *l, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	struct setting *row;
	int r = cursor_open(l, l->s, &kind_setting, NULL, NULL, &c, err);

	while (r >= 0 && (r = cursor_next(l, c, &row, err)) > 0) {
		if (!setting_find(row->name))
			continue; /* of another version: nothing reads it */
		r = res_verify(l, row, err);
		if (r < 0)
			return err_wrap(err, "%s in model.db is not valid", res_name(l, row));
		*strmap_slot(&l->settings, row->name) = (void *)(uintptr_t)row->value;
	}
	return r;
}

int loader_new(const void *ctx, struct store *s, struct loader **ret, struct err *err)
{
	struct loader *l = mem_new(ctx, struct loader);
	int r;

	l->s = s;
	l->settings.ctx = l->accounts.ctx = l->packages.ctx = l;
	r = load_settings(l, err);
	if (r < 0) {
		(void)talloc_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static bool is_read(const struct kind *k, uint32_t mask)
{
	for (size_t i = 0; i < n_renderers; i++) {
		if ((mask & ((uint32_t)1 << i)) && renderers[i]->level == k->level &&
		    renderer_reads(renderers[i], k))
			return true;
	}
	return false;
}

/* One that many scopes ask for, read once; NULL when there is none. */
static int find_kept(struct loader *l, struct strmap *kept, const struct kind *k, const char *key,
		     void *ret_res, struct err *err)
{
	void *res = key ? strmap_find(kept, key) : NULL;
	int r = 0;

	if (key && !res) {
		r = store_get(l, l->s, k, key, &res, err);
		if (r == -ERR_NOTFOUND)
			err_clear(err);
		else if (r < 0)
			return r;
		if (res)
			*strmap_slot(kept, res_key(res, res)) = res;
	}
	memcpy(ret_res, &res, sizeof(res));
	return 0;
}

/* Owner and alias target of a view whose resources stand. */
static int complete(struct loader *l, struct view *v, struct err *err)
{
	const struct domain *d = v->level == SCOPE_DOMAIN ? view_one(v, &kind_domain) : NULL;
	struct domain *target;
	int r = 0;

	for (size_t k = 0; k < n_kinds && !v->account && r >= 0; k++) {
		const char *name = NULL;

		if (v->res[k].n == 0)
			continue;
		r = store_account_of(v->ctx, l->s, v->res[k].v[0], &name, err);
		if (r >= 0)
			r = find_kept(l, &l->accounts, &kind_account, name, &v->account, err);
	}
	if (r >= 0 && v->level == SCOPE_ACCOUNT && v->account)
		r = find_kept(l, &l->packages, &kind_package, v->account->package, &v->package,
			      err);
	if (r >= 0 && d && d->target) {
		r = store_get(v->ctx, l->s, &kind_domain, d->target, &target, err);
		if (r >= 0)
			v->target = target;
		else if (r == -ERR_NOTFOUND)
			r = 0;
	}
	return r < 0 ? r : 0;
}

static void view_begin(const void *ctx, struct loader *l, enum scope_level level, const char *name,
		       struct view *ret)
{
	*ret = (struct view){ .ctx = ctx, .level = level, .name = name, .settings = &l->settings };
	ret->res = mem_zero(ctx, n_kinds * sizeof(*ret->res));
}

int load_scope(const void *ctx, struct loader *l, const char *scope, uint32_t mask,
	       struct view *ret, struct err *err)
{
	enum scope_level level = level_of(scope);
	const char *name = level == SCOPE_SERVER ? "" : mem_str(ctx, scope + 2);
	bool any = level == SCOPE_SERVER;
	int r = 0;

	view_begin(ctx, l, level, name, ret);
	KIND_FOREACH(k) {
		cleanup_(mem_freep) struct cursor *c = NULL;
		struct ptrs *list = &ret->res[kind_index(k)];
		void *res;

		if (r < 0 || k->level != level || level == SCOPE_SERVER || !is_read(k, mask))
			continue;
		r = cursor_open(ctx, l->s, k, scope_field(k), name, &c, err);
		while (r >= 0 && (r = cursor_next(ctx, c, &res, err)) > 0)
			ptrs_add(ctx, list, res);
		any = any || list->n > 0;
	}
	if (r >= 0)
		r = complete(l, ret, err);
	return r < 0 ? r : any;
}

/* All scopes */

static int source_advance(struct loader *l, struct source *src, struct err *err)
{
	void *res = NULL;
	int r;

	src->row_ctx = talloc_pool(l, 1024);
	if (!src->row_ctx)
		mem_abort();
	r = cursor_next(src->row_ctx, src->cursor, &res, err);
	src->head = res;
	if (r <= 0) {
		(void)talloc_free(src->row_ctx);
		src->row_ctx = NULL;
		src->head = NULL;
	}
	return r;
}

static int level_begin(struct loader *l, enum scope_level level, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < l->n_sources; i++)
		(void)talloc_free(l->sources[i].cursor);
	if (l->sources)
		(void)talloc_free(l->sources);
	l->sources = mem_zero(l, n_kinds * sizeof(*l->sources));
	l->n_sources = 0;
	l->level = level;
	l->is_done = false;
	KIND_FOREACH(k) {
		struct source *src = &l->sources[l->n_sources];

		if (r < 0 || k->level != level || level == SCOPE_SERVER || !is_read(k, l->mask))
			continue;
		src->kind = k;
		src->by = scope_field(k);
		l->n_sources++;
		r = cursor_open_by(l, l->s, k, src->by, &src->cursor, err);
		if (r >= 0)
			r = source_advance(l, src, err);
	}
	return r < 0 ? r : 0;
}

int load_all_begin(struct loader *l, uint32_t mask, struct err *err)
{
	l->mask = mask;
	return level_begin(l, walk_order[0], err);
}

static const char *lowest(const struct loader *l)
{
	const char *low = NULL;

	for (size_t i = 0; i < l->n_sources; i++) {
		const struct source *src = &l->sources[i];
		const char *name = src->head ? field_text(src->by, src->head) : NULL;

		if (name && (!low || strcmp(name, low) < 0))
			low = name;
	}
	return low;
}

static int take_scope(const void *ctx, struct loader *l, const char *name, struct view *v,
		      struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < l->n_sources; i++) {
		struct source *src = &l->sources[i];

		while (r >= 0 && src->head && strcmp(field_text(src->by, src->head), name) == 0) {
			ptrs_add(ctx, &v->res[kind_index(src->kind)], src->head);
			mem_steal(ctx, src->row_ctx);
			r = source_advance(l, src, err);
		}
	}
	return r < 0 ? r : complete(l, v, err);
}

int load_all_next(const void *ctx, struct loader *l, const char **ret_scope, struct view *ret,
		  struct err *err)
{
	static const char letters[] = {
		[SCOPE_SERVER] = 's', [SCOPE_ACCOUNT] = 'a', [SCOPE_DOMAIN] = 'd'
	};
	const char *low;
	int r;

	for (;;) {
		if (l->level == SCOPE_SERVER) {
			if (l->is_done)
				return 0;
			l->is_done = true;
			*ret_scope = "s";
			view_begin(ctx, l, SCOPE_SERVER, "", ret);
			return 1;
		}
		low = lowest(l);
		if (low)
			break;
		r = level_begin(l, l->level == SCOPE_ACCOUNT ? SCOPE_DOMAIN : SCOPE_SERVER, err);
		if (r < 0)
			return r;
	}
	low = mem_str(ctx, low);
	*ret_scope = mem_fmt(ctx, "%c/%s", letters[l->level], low);
	view_begin(ctx, l, l->level, low, ret);
	r = take_scope(ctx, l, low, ret, err);
	return r < 0 ? r : 1;
}

/* From changes to scopes */

void dirty_mark(struct dirty *d, const char *scope, uint32_t mask)
{
	const char *key = strmap_find(&d->scopes, scope) ? scope : mem_str(d->ctx, scope);
	void **slot = strmap_slot(&d->scopes, key);

	*slot = (void *)((uintptr_t)*slot | mask);
}

struct marking {
	struct dirty *d;
	struct store *s;
};

/* Every domain scope that has something of the account. */
static int mark_account_domains(struct marking *m, const char *account, uint32_t mask,
				struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "mark");
	int r = 0;

	KIND_FOREACH(k) {
		cleanup_(mem_freep) struct cursor *c = NULL;
		const struct field *parent = kind_parent(k);
		void *res;

		if (r < 0 || k->level != SCOPE_DOMAIN || !parent || parent->ref != &kind_account)
			continue;
		r = cursor_open(tmp, m->s, k, parent, account, &c, err);
		while (r >= 0 && (r = cursor_next(tmp, c, &res, err)) > 0)
			dirty_mark(m->d, mem_fmt(tmp, "d/%s", field_text(scope_field(k), res)),
				   mask);
	}
	return r < 0 ? r : 0;
}

/* Scopes of resources that refer to the changed one: an alias shows its target's site. */
static int mark_referrers(struct marking *m, const struct kind *k, const char *key, uint32_t mask,
			  struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "mark");
	int r = 0;

	KIND_FOREACH(other) {
		FIELD_FOREACH(f, other) {
			cleanup_(mem_freep) struct cursor *c = NULL;
			void *res;

			if (r < 0 || f->type != FIELD_REF || f->ref != k ||
			    other->level != SCOPE_DOMAIN ||
			    (f->flags & (FIELD_PARENT | FIELD_SCOPE)))
				continue;
			r = cursor_open(tmp, m->s, other, f, key, &c, err);
			while (r >= 0 && (r = cursor_next(tmp, c, &res, err)) > 0)
				dirty_mark(
					m->d,
					mem_fmt(tmp, "d/%s", field_text(scope_field(other), res)),
					mask);
		}
	}
	return r < 0 ? r : 0;
}

/* The field by which accounts refer to a resource of kind K; NULL: it is there for all of them. */
static const struct field *field_to(const struct kind *k)
{
	FIELD_FOREACH(f, &kind_account) {
		if (f->type == FIELD_REF && f->ref == k)
			return f;
	}
	return NULL;
}

/* Accounts that refer to the changed resource. Are they many, going through all costs less. */
static int mark_holders(struct marking *m, const struct kind *k, const char *key, uint32_t bit,
			struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "mark");
	cleanup_(mem_freep) struct cursor *c = NULL;
	const struct field *f = field_to(k);
	struct account *a;
	int64_t all = 0;
	int64_t n = 0;
	int r = 0;

	if (f)
		r = store_count(m->s, &kind_account, f, key, &n, err);
	if (r >= 0 && n > FEW)
		r = store_count(m->s, &kind_account, NULL, NULL, &all, err);
	if (!f || (n > FEW && n > all / 4)) {
		m->d->everywhere |= bit;
		return r;
	}
	if (r >= 0)
		r = cursor_open(tmp, m->s, &kind_account, f, key, &c, err);
	while (r >= 0 && (r = cursor_next(tmp, c, &a, err)) > 0)
		dirty_mark(m->d, mem_fmt(tmp, "a/%s", a->username), bit);
	return r < 0 ? r : 0;
}

static int mark_renderer(struct marking *m, const struct change_row *row, const struct kind *k,
			 size_t i, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "mark");
	uint32_t bit = (uint32_t)1 << i;

	switch (renderers[i]->level) {
	case SCOPE_SERVER: dirty_mark(m->d, "s", bit); return 0;
	case SCOPE_ACCOUNT:
		if (k->level == SCOPE_SERVER)
			return mark_holders(m, k, row->key, bit, err);
		if (row->account)
			dirty_mark(m->d, mem_fmt(tmp, "a/%s", row->account), bit);
		return 0;
	case SCOPE_DOMAIN: break;
	}
	if (k->level == SCOPE_SERVER) {
		m->d->everywhere |= bit;
		return 0;
	}
	if (k->level == SCOPE_ACCOUNT)
		return row->account ? mark_account_domains(m, row->account, bit, err) : 0;
	if (row->scope)
		dirty_mark(m->d, mem_fmt(tmp, "d/%s", row->scope), bit);
	return mark_referrers(m, k, row->key, bit, err);
}

static int mark_row(const struct change_row *row, void *arg, struct err *err)
{
	const struct kind *k = kind_find(row->kind);
	int r = 0;

	for (size_t i = 0; k && i < n_renderers && r >= 0; i++) {
		if (renderer_reads(renderers[i], k))
			r = mark_renderer(arg, row, k, i, err);
	}
	return r;
}

int dirty_of_revisions(struct dirty *d, struct store *s, int64_t from, int64_t to, struct err *err)
{
	struct marking m = { .d = d, .s = s };

	return store_changes(s, from, to, mark_row, &m, err);
}
