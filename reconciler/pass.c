#include "reconciler/pass.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconciler/archive.h"
#include "reconciler/check.h"
#include "reconciler/load.h"
#include "reconciler/names.h"
#include "reconciler/trash_note.h"

enum {
	GUARD_KIND_MIN = 10,
	GUARD_PERCENT = 30
};

/* Manifest rows, one scope ahead, beside the walk over scopes. */
struct rows {
	struct owned_cursor *cursor;
	struct owned *head;
	void *head_ctx;
	const void *parent;
};

static int rows_advance(struct rows *w, struct err *err)
{
	int r;

	w->head = NULL;
	w->head_ctx = talloc_pool(w->parent, 768);
	if (!w->head_ctx)
		mem_abort();
	r = owned_next(w->head_ctx, w->cursor, &w->head, err);
	if (r <= 0) {
		(void)talloc_free(w->head_ctx);
		w->head_ctx = NULL;
	}
	return r;
}

static int rows_open(struct rows *w, const void *ctx, struct engine *e, const char *scope,
		     struct err *err)
{
	int r;

	w->parent = ctx;
	r = owned_open(ctx, e->db, scope, &w->cursor, err);
	return r < 0 ? r : rows_advance(w, err);
}

/* All rows of SCOPE, moved to CTX. */
static int rows_take(struct rows *w, const void *ctx, const char *scope, struct ptrs *ret,
		     struct err *err)
{
	int r = 0;

	*ret = (struct ptrs){ 0 };
	while (r >= 0 && w->head && strcmp(w->head->scope, scope) == 0) {
		ptrs_add(ctx, ret, w->head);
		mem_steal(ctx, w->head_ctx);
		r = rows_advance(w, err);
	}
	return r < 0 ? r : 0;
}

struct walk {
	struct engine *e;
	struct plan *p;
	struct loader *l;
	void *keep;             /* lives as long as the plan: what actions point to */
	struct strmap troubled; /* scopes that have conditions */
	bool retries_all;
	struct strmap homes; /* accounts whose user and home are ours, or will be by this plan */
};

static int64_t int_setting(const struct view *v, const char *name)
{
	return strtoll(view_setting(v, name), NULL, 10);
}

static void read_settings(struct plan *p, const struct view *v)
{
	p->uid_min = int_setting(v, "uid_min");
	p->uid_max = int_setting(v, "uid_max");
	p->flap_limit = int_setting(v, "flap_limit");
	p->report_drift = view_setting_is(v, "drift_policy", "report");
	p->e->at.http_port = view_setting_is(v, "web_server", "nginx")
				     ? (uint16_t)int_setting(v, "web_http_port")
				     : 0;
	p->e->at.rndc_port = (uint16_t)int_setting(v, "rndc_port");
}

/* What a renderer wants of the scope; an error is a finding, and then nothing of it changes. */
static bool rendered(struct walk *w, const char *scope, const struct renderer *r,
		     const struct view *v, struct catalog *out)
{
	struct err err = ERR_INIT;

	if (!v || r->render(v, out, &err) >= 0)
		return true;
	plan_find(w->p, scope, r->name,
		  mem_fmt(w->keep, "%s/%s",
			  scope[0] == 'a'   ? "account"
			  : scope[0] == 'd' ? "domain"
					    : "server",
			  scope[0] == 's' ? r->name : scope + 2),
		  "Failed", "RenderFailed", "%s: %s", r->name, err.msg);
	return false;
}

/*
 * What a compromised writer may have put into model.db is checked again here, with the checks of
 * every change set, before anything is done about it. Only where something would be done: a pass
 * that finds nothing to do reads the rows once and that is all.
 */
static int verify_view(struct walk *w, const struct renderer *r, const struct view *v,
		       struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(w->keep, "verify");
	const void *const beside[] = { v->account, v->package, v->target };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(beside) && rc >= 0; i++) {
		if (beside[i])
			rc = res_verify(tmp, res_copy(tmp, beside[i]), err);
	}
	for (size_t i = 0; r->inputs[i] && rc >= 0; i++) {
		const struct ptrs *all = view_all(v, r->inputs[i]);

		for (size_t k = 0; k < all->n && rc >= 0; k++) {
			rc = res_verify(tmp, res_copy(tmp, all->v[k]), err);
			if (rc < 0)
				(void)err_wrap(err, "%s", res_name(tmp, all->v[k]));
		}
	}
	return rc;
}

static void hold_unverified(struct walk *w, const char *scope, const struct renderer *r,
			    const struct view *v, size_t actions_before)
{
	struct err err = ERR_INIT;

	if (!v || w->p->n == actions_before || verify_view(w, r, v, &err) >= 0)
		return;
	plan_find(w->p, scope, r->name, w->p->v[actions_before].art.resource, "Failed",
		  "InvalidRow",
		  "what stands in model.db is not valid, so nothing is done about it: %s", err.msg);
	w->p->n = actions_before;
}

static bool is_in_manifest(struct walk *w, enum artifact_type type, const char *path)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(w->keep, "owned");
	struct err ignored = ERR_INIT;
	struct owned *o;

	return owned_get(tmp, w->e->db, type, path, &o, &ignored) >= 0;
}

static bool is_in_plan(const struct plan *p, size_t from, enum artifact_type type, const char *path)
{
	for (size_t i = from; i < p->n; i++) {
		if (p->v[i].art.type == type && strcmp(p->v[i].art.path, path) == 0)
			return true;
	}
	return false;
}

/* After the account's own renderer, whose actions begin at FROM. */
static bool has_home(struct walk *w, const struct account *a, size_t from)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(w->keep, "home");
	const char *home = account_home(tmp, a);

	if (strmap_find(&w->homes, a->username))
		return true;
	if ((!is_in_plan(w->p, from, ARTIFACT_USER, a->username) &&
	     !is_in_manifest(w, ARTIFACT_USER, a->username)) ||
	    (!is_in_plan(w->p, from, ARTIFACT_DIR, home) && !is_in_manifest(w, ARTIFACT_DIR, home)))
		return false;
	*strmap_slot(&w->homes, mem_str(w->keep, a->username)) = w;
	return true;
}

/*
 * Nothing of an account may run as a system user, or lie in a home, that is somebody else's: then
 * what its other renderers want waits, and what the first wanted besides goes too.
 */
static bool hold_homeless(struct walk *w, const char *scope, const struct renderer *r,
			  const struct view *v, size_t from)
{
	if (!v || !v->account || scope[0] == 's' || has_home(w, v->account, from))
		return false;
	w->p->n = from;
	if (r != &render_home)
		plan_find(w->p, scope, r->name,
			  mem_fmt(w->keep, "%s/%s", scope[0] == 'a' ? "account" : "domain",
				  scope + 2),
			  "Blocked", "NoHome",
			  "waits until the system user and the home of account %s are its own",
			  v->account->username);
	if (w->p->n_findings) /* why it has none is among them */
		w->p->findings[w->p->n_findings - 1].retry = true;
	return true;
}

/* One scope: each renderer's catalog against its rows. SCOPE and everything else live on CTX. */
static int one_scope(struct walk *w, const void *ctx, const char *scope, const struct view *v,
		     uint32_t mask, const struct ptrs *rows, struct err *err)
{
	int r = 0;

	mask &= renderers_of_scope(scope);
	for (size_t i = 0; i < n_renderers && r >= 0; i++) {
		const struct renderer *rend = renderers[i];
		struct catalog want = { .ctx = ctx };
		size_t first = 0;
		size_t before;
		size_t n;

		if (!(mask & ((uint32_t)1 << i)))
			continue;
		while (first < rows->n &&
		       strcmp(((struct owned *)rows->v[first])->renderer, rend->name) != 0)
			first++;
		n = first;
		while (n < rows->n &&
		       strcmp(((struct owned *)rows->v[n])->renderer, rend->name) == 0)
			n++;
		before = w->p->n;
		if (rend != &render_home && hold_homeless(w, scope, rend, v, before))
			continue;
		if (rendered(w, scope, rend, v, &want))
			r = plan_compare(w->p, scope, rend->name, &want,
					 (struct owned **)rows->v + first, n - first, err);
		if (r >= 0)
			hold_unverified(w, scope, rend, v, before);
		if (r >= 0 && rend == &render_home)
			(void)hold_homeless(w, scope, rend, v, before);
	}
	return r;
}

/* How much the plan knew, to see whether a scope added anything that points into its memory. */
struct mark {
	size_t found, visited;
};

static struct mark mark_now(const struct plan *p)
{
	return (struct mark){ .found = p->n + p->n_findings, .visited = p->n_visited };
}

/* Frees what was loaded of a scope in which nothing was found, and in which no condition may end. */
static void drop_quiet(struct walk *w, void *ctx, const char *scope, struct mark before)
{
	if (w->p->n + w->p->n_findings != before.found || strmap_find(&w->troubled, scope))
		return;
	w->p->n_visited = before.visited;
	(void)talloc_free(ctx);
}

static int walk_scope(struct walk *w, const char *scope, uint32_t mask, struct err *err)
{
	void *ctx = mem_ctx(w->keep, "scope");
	struct mark before = mark_now(w->p);
	struct rows rows = { .head = NULL };
	struct ptrs list;
	struct view v;
	int any = load_scope(ctx, w->l, scope, mask, &v, err);
	int r = any < 0 ? any : rows_open(&rows, ctx, w->e, scope, err);

	if (r >= 0)
		r = rows_take(&rows, ctx, scope, &list, err);
	if (r >= 0)
		r = one_scope(w, ctx, mem_str(ctx, scope), any ? &v : NULL, mask, &list, err);
	if (r >= 0)
		drop_quiet(w, ctx, scope, before);
	return r;
}

/* Rows of scopes that are not there any more, up to (not with) SCOPE; all with SCOPE NULL. */
static int orphans(struct walk *w, struct rows *rows, const char *scope, uint32_t mask,
		   struct err *err)
{
	int r = 0;

	while (r >= 0 && rows->head && (!scope || strcmp(rows->head->scope, scope) < 0)) {
		void *ctx = mem_ctx(w->keep, "orphan");
		const char *gone = mem_str(ctx, rows->head->scope);
		struct ptrs list;

		r = rows_take(rows, ctx, gone, &list, err);
		if (r >= 0)
			r = one_scope(w, ctx, gone, NULL, mask, &list, err);
	}
	return r;
}

static int walk_all(struct walk *w, uint32_t mask, struct err *err)
{
	struct rows rows = { .head = NULL };
	int r = rows_open(&rows, w->keep, w->e, NULL, err);
	const char *scope;
	struct view v;

	if (r >= 0)
		r = load_all_begin(w->l, mask, err);
	while (r >= 0) {
		void *ctx = mem_ctx(w->keep, "scope");
		struct mark before = mark_now(w->p);
		struct ptrs list;

		r = load_all_next(ctx, w->l, &scope, &v, err);
		if (r <= 0) {
			(void)talloc_free(ctx);
			break;
		}
		r = orphans(w, &rows, scope, mask, err);
		if (r >= 0)
			r = rows_take(&rows, ctx, scope, &list, err);
		if (r >= 0)
			r = one_scope(w, ctx, scope, &v, mask, &list, err);
		if (r >= 0)
			drop_quiet(w, ctx, scope, before);
	}
	return r < 0 ? r : orphans(w, &rows, NULL, mask, err);
}

static int note_troubled(const struct condition *c, void *arg, struct err *err)
{
	struct walk *w = arg;

	(void)err;
	*strmap_slot(&w->troubled, mem_str(w->keep, c->scope)) = w;
	return 0;
}

static int mark_due(const struct condition *c, void *arg, struct err *err)
{
	struct walk *w = ((void **)arg)[0];
	struct dirty *d = ((void **)arg)[1];

	(void)err;
	if (c->scope[0] && (w->retries_all || (c->next_try && c->next_try <= w->p->now)))
		dirty_mark(d, c->scope, renderers_of_scope(c->scope));
	return 0;
}

/* What has to be looked at: revisions since the last pass, due retries, the caller's own scopes. */
static int find_dirty(struct walk *w, const struct pass_opts *opts, struct dirty *d,
		      struct err *err)
{
	void *args[] = { w, d };
	int64_t applied = 0;
	int r = cursor_get(w->e->db, "applied", &applied, err);

	if (r >= 0 && applied == 0 && !opts->full)
		d->everywhere = UINT32_MAX; /* never converged */
	if (r >= 0 && d->everywhere != UINT32_MAX)
		r = dirty_of_revisions(d, w->e->store, applied, w->p->rev, err);
	if (r >= 0)
		r = condition_each(w->e->db, NULL, mark_due, args, err);
	for (size_t i = 0; opts->scopes && opts->scopes[i]; i++)
		dirty_mark(d, opts->scopes[i], renderers_of_scope(opts->scopes[i]));
	return r;
}

/* Conditions of what is not there any more: nothing else would look at them again. */
static int visit_condition(const struct condition *c, void *arg, struct err *err)
{
	struct plan *p = arg;

	(void)err;
	mem_room(p->ctx, &p->visited, &p->visited_cap, p->n_visited, sizeof(*p->visited));
	p->visited[p->n_visited++] = (struct visit){ .scope = mem_str(p->ctx, c->scope),
						     .part = mem_str(p->ctx, c->part) };
	return 0;
}

/* Whose places lie in a home that is made again. */
static int mark_remade(struct walk *w, struct dirty *d, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < w->p->remade.n && r >= 0; i++) {
		cleanup_(sql_done) struct stmt *st = NULL;
		const char *home = w->p->remade.v[i];
		char *from = mem_fmt(w->keep, "%s/", home);
		char *to = mem_fmt(w->keep, "%s0", home); /* '0' follows '/' */

		r = sql_get(w->e->db, "SELECT DISTINCT scope FROM artifact WHERE path>? AND path<?",
			    &st, err);
		if (r < 0)
			break;
		sql_bind_text(st, 1, from);
		sql_bind_text(st, 2, to);
		while ((r = sql_step(st, err)) > 0) {
			const char *scope = sql_text(st, 0);

			if (scope[0] != 'a') /* that one is where it was found */
				dirty_mark(d, scope, renderers_of_scope(scope));
		}
	}
	return r;
}

/* The marked scopes of one level. Accounts come first: what lies in domains waits for their homes. */
static int walk_marked(struct walk *w, const struct dirty *d, char level, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < d->scopes.n && r >= 0; i++) {
		const char *scope = d->scopes.entries[i].key;
		uint32_t mask = (uint32_t)(uintptr_t)d->scopes.entries[i].value & ~d->everywhere;

		if (mask && scope[0] == level)
			r = walk_scope(w, scope, mask, err);
	}
	return r;
}

static int walk_dirty(struct walk *w, const struct pass_opts *opts, struct err *err)
{
	struct dirty d = { .ctx = w->keep, .scopes = STRMAP_ON(w->keep) };
	int r = 0;

	if (opts->full)
		d.everywhere = UINT32_MAX;
	else
		r = find_dirty(w, opts, &d, err);
	w->p->is_full = d.everywhere == UINT32_MAX;
	if (r >= 0 && d.everywhere)
		r = walk_all(w, d.everywhere, err);
	/* accounts first: what lies in a home that is made again follows it */
	for (const char *level = "ads"; *level && r >= 0; level++) {
		r = walk_marked(w, &d, *level, err);
		if (r >= 0 && *level == 'a')
			r = mark_remade(w, &d, err);
	}
	if (r >= 0 && w->p->is_full)
		r = condition_each(w->e->db, NULL, visit_condition, w->p, err);
	return r;
}

static int plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->maps.n; i++) {
		struct open_map *open = p->maps.entries[i].value;

		map_close(open->map);
	}
	return 0;
}

static int look_around(struct walk *w, const struct pass_opts *opts, struct err *err)
{
	struct view server;
	int r = store_head(w->e->store, &w->p->rev, err);

	if (r >= 0)
		r = condition_each(w->e->db, NULL, note_troubled, w, err);
	if (r >= 0)
		r = loader_new(w->p, w->e->store, &w->l, err);
	if (r >= 0)
		r = load_scope(w->p, w->l, "s", 0, &server, err);
	if (r < 0)
		return r;
	read_settings(w->p, &server);
	return walk_dirty(w, opts, err);
}

static void release_maps(struct plan *p)
{
	for (size_t i = 0; i < p->maps.n; i++) {
		struct open_map *open = p->maps.entries[i].value;

		if (open->map)
			map_release(open->map);
	}
}

/* All reading happens in one snapshot of each database. */
static int look_around_once(struct walk *w, const struct pass_opts *opts, struct err *err)
{
	struct sql *model = store_sql(w->e->store);
	int of_model = sql_begin_reading(model, err);
	int of_engine = of_model < 0 ? of_model : sql_begin_reading(w->e->db, err);
	int r = of_engine < 0 ? of_engine : look_around(w, opts, err);

	release_maps(w->p);
	if (of_engine > 0)
		sql_rollback(w->e->db);
	if (of_model > 0)
		sql_rollback(model);
	return r;
}

int pass_plan(const void *ctx, struct engine *e, const struct pass_opts *opts, struct plan **ret,
	      struct err *err)
{
	struct plan *p = mem_new(ctx, struct plan);
	struct walk w = { .e = e, .p = p, .keep = p, .retries_all = opts->retry };
	int r;

	p->ctx = p;
	p->e = e;
	p->now = engine_now();
	p->is_whole = opts->whole;
	p->is_released = opts->release;
	p->maps.ctx = p->folders.ctx = p->services.ctx = p->names.ctx = p->once.ctx = p->owed.ctx =
		p->taken.ctx = p;
	w.troubled.ctx = w.homes.ctx = p;
	talloc_set_destructor(p, plan_free);
	r = look_around_once(&w, opts, err);
	if (r >= 0 && opts->looked)
		r = opts->looked(p, opts->looked_arg, err);
	if (r >= 0) {
		plan_sort(p);
		if (!opts->skip_check && plan_changes(p))
			r = plan_check(p, err);
		if (r >= 0 && !opts->skip_check)
			names_look(p);
	}
	if (r < 0) {
		(void)talloc_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

/* Guards */

/* What became of a resource between two revisions, whatever happened in between. */
struct fate {
	const char *account, *scope; /* it was of; or NULL */
	bool was;                    /* it was there before */
	bool is_gone;
	bool was_changed; /* first seen as changed: it may have had another name before */
};

static int note_fate(const struct change_row *row, void *arg, struct err *err)
{
	struct strmap *fates = arg;
	void **slot = strmap_slot(fates, mem_fmt(fates->ctx, "%s/%s", row->kind, row->key));
	struct fate *f = *slot;

	(void)err;
	if (!f) {
		f = mem_new(fates->ctx, struct fate);
		f->was = row->op != '+';
		f->was_changed = row->op == '~';
	}
	*slot = f;
	f->is_gone = row->op == '-';
	f->account = mem_str(fates->ctx, row->account);
	f->scope = mem_str(fates->ctx, row->scope);
	return 0;
}

static bool is_lost(const struct fate *f)
{
	return f && f->was && f->is_gone;
}

static bool is_of_kind(const struct strmap_entry *fate, const struct kind *k)
{
	size_t len = strlen(k->name);

	return strncmp(fate->key, k->name, len) == 0 && fate->key[len] == '/';
}

static bool has_lost(const struct strmap *fates, const char *kind, const char *key)
{
	cleanup_(mem_freep) char *name = key ? mem_fmt(NULL, "%s/%s", kind, key) : NULL;

	return name && is_lost(strmap_find(fates, name));
}

/* What goes with its zone, domain or account was not chosen for itself: that one counts. */
static bool goes_with_holder(const struct strmap *fates, const struct kind *k, const struct fate *f)
{
	if (k != &kind_account && has_lost(fates, "account", f->account))
		return true;
	if (k == &kind_record)
		return has_lost(fates, "zone", f->scope);
	return k != &kind_domain && has_lost(fates, "domain", f->scope);
}

/* Resources of kind K that were there and are gone. */
static int64_t count_gone(const struct strmap *fates, const struct kind *k)
{
	int64_t n = 0;

	for (size_t i = 0; i < fates->n; i++) {
		const struct strmap_entry *e = &fates->entries[i];

		n += is_lost(e->value) && is_of_kind(e, k) && !goes_with_holder(fates, k, e->value);
	}
	return n;
}

/*
 * A record whose value was changed goes on under another name, and the log has but the new one: when
 * it goes, it looks like one that was there. How many of those were made meanwhile themselves:
 * what was made, was not deleted, and is not there.
 */
static int count_renamed(struct store *s, const struct strmap *fates, const struct kind *k,
			 int64_t *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "renamed");
	int64_t made = 0;
	int64_t doubtful = 0;

	for (size_t i = 0; i < fates->n; i++) {
		const struct strmap_entry *e = &fates->entries[i];
		const struct fate *f = e->value;
		void *res;
		int r;

		if (!is_of_kind(e, k))
			continue;
		doubtful += is_lost(f) && f->was_changed;
		if (f->was || f->is_gone)
			continue;
		r = store_get(ctx, s, k, strchr(e->key, '/') + 1, &res, err);
		if (r < 0 && r != -ERR_NOTFOUND)
			return r;
		made += r < 0;
		err_clear(err);
	}
	*ret = MIN(made, doubtful);
	return 0;
}

/* One that loses a name server of its own: "record/ZONE/@/NS/…". */
static const char *zone_without_server(const struct strmap *fates)
{
	for (size_t i = 0; i < fates->n; i++) {
		const char *name = fates->entries[i].key;
		const char *zone = strchr(name, '/') + 1;
		size_t len = strcspn(zone, "/");

		if (is_lost(fates->entries[i].value) && strncmp(name, "record/", 7) == 0 &&
		    strncmp(zone + len, "/@/NS/", 6) == 0)
			return mem_strn(fates->ctx, zone, len);
	}
	return NULL;
}

static bool is_too_much(int64_t gone, int64_t left)
{
	return gone + left >= GUARD_KIND_MIN && gone * 100 > (gone + left) * GUARD_PERCENT;
}

int pass_guard(const struct plan *p, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "guard");
	struct strmap fates = STRMAP_ON(ctx);
	const char *zone;
	int64_t zones = 0;
	int64_t applied = 0;
	int r = cursor_get(p->e->db, "applied", &applied, err);

	if (r >= 0)
		r = store_changes(p->e->store, applied, p->rev, note_fate, &fates, err);
	zone = r < 0 ? NULL : zone_without_server(&fates);
	if (zone)
		r = store_count(p->e->store, &kind_zone, &kind_zone.fields[0], zone, &zones, err);
	if (r >= 0 && zones)
		return err_set(err, ERR_GUARD,
			       "this would take a name server from the zone %s itself", zone);
	KIND_FOREACH(k) {
		int64_t gone = r < 0 ? 0 : count_gone(&fates, k);
		int64_t left = 0;
		int64_t renamed = 0;

		if (gone == 0)
			continue;
		r = store_count(p->e->store, k, NULL, NULL, &left, err);
		if (r >= 0 && is_too_much(gone, left))
			r = count_renamed(p->e->store, &fates, k, &renamed, err);
		if (r < 0)
			return r;
		gone -= renamed;
		if (is_too_much(gone, left))
			return err_set(err, ERR_GUARD,
				       "this would delete %" PRId64 " of %" PRId64
				       " %s (over %d %%)",
				       gone, gone + left, k->section, GUARD_PERCENT);
	}
	return r;
}

int pass_run(struct engine *e, const struct pass_opts *opts, const char *approved,
	     struct execution *x, struct pass_result *ret, struct err *err)
{
	struct pass_opts again = *opts;

	for (int i = 0; i < 2; i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "pass");
		char digest[DIGEST_HEX_LEN + 1];
		struct digest d;
		struct plan *p;
		int r = execute_recover(e, err);

		if (r >= 0 && again.full)
			r = trash_note_rows(e, err);
		if (r >= 0)
			r = pass_plan(ctx, e, &again, &p, err);
		if (r < 0)
			return r;
		d = plan_digest(p);
		digest_hex(&d, digest);
		if (!approved || strncmp(approved, digest, strlen(approved)) != 0 ||
		    strlen(approved) < 8) {
			r = pass_guard(p, err);
			if (r < 0)
				return r;
		}
		*x = (struct execution){ .progress = x->progress, .arg = x->arg };
		r = plan_execute(p, x, err);
		if (r >= 0)
			r = archive_live(p, err);
		*ret = (struct pass_result){ .actions = plan_changes(p),
					     .done = x->done,
					     .failed = x->failed,
					     .findings = p->n_findings,
					     .reloads = x->reloads };
		if (r < 0 || !x->wants_whole)
			return r;
		again.full = again.whole =
			true; /* which also mends what is ours and was broken by hand */
	}
	return 0;
}
