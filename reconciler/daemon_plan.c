/* The dry run over the socket: the real thing, rolled back. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "reconciler/daemon_request.h"
#include "reconciler/pass.h"
#include "state/change_json.h"
#include "state/textdiff.h"

enum {
	ACTIONS_MAX = 10000,    /* in an answer; the count is always of all */
	DIFFS_MAX = 256 * 1024, /* in an answer, all together */
	DRIFT_REST = 10,        /* looking for drift takes at most a tenth of our time … */
	DRIFT_REST_MS = 1000,   /* … and is not repeated within a second */
};

static void append(json_t *list, json_t *item)
{
	if (json_array_append_new(list, item) < 0)
		mem_abort();
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		mem_abort();
}

/* From a plan to JSON */

static json_t *problem_list(const struct problems *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++) {
		json_t *o = json_object();

		set(o, "change", json_integer((json_int_t)p->v[i].change));
		answer_text(o, "resource", p->v[i].resource);
		if (p->v[i].field)
			answer_text(o, "field", p->v[i].field);
		answer_text(o, "error", err_code_name(p->v[i].code));
		answer_text(o, "message", p->v[i].msg);
		append(list, o);
	}
	return list;
}

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The text of a file changes: what people want to see of a plan. False when no room was LEFT. */
static bool put_diff(json_t *o, const struct action *act, size_t *left)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "diff");
	struct buf out = BUF_ON(ctx);
	const struct artifact *art = &act->art;
	bool is_file = art->type == ARTIFACT_FILE;
	const char *after = act->op == ACTION_DELETE && is_file ? NULL : art->data;

	if ((!is_file && art->type != ARTIFACT_BLOCK) || art->flags & ARTIFACT_SECRET)
		return true;
	if (text_diff(&out, act->before ? art->path : "/dev/null", act->before ? act->before : "",
		      act->before_len, after ? art->path : "/dev/null", after ? after : "",
		      after ? art->len : 0) < 0 ||
	    out.len == 0)
		return true;
	if (out.len > *left)
		return false;
	*left -= out.len;
	answer_text(o, "diff", buf_str(&out));
	return true;
}

static bool is_shown(const struct action *a, bool drift_only)
{
	return !a->is_dropped && a->op != ACTION_RECORD && a->op != ACTION_FORGET &&
	       (a->is_drift || !drift_only);
}

/* "actions", and "truncated" when not all of them or of their diffs are there. */
static void put_actions(json_t *answer, const struct plan *p, bool drift_only)
{
	json_t *list = json_array();
	size_t left = DIFFS_MAX;
	bool is_cut = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];
		json_t *o;

		if (!is_shown(a, drift_only))
			continue;
		if (json_array_size(list) >= ACTIONS_MAX) {
			is_cut = true;
			break;
		}
		o = json_object();
		answer_text(o, "op", action_op_name(a->op));
		answer_text(o, "type", artifact_type_name(a->art.type));
		answer_text(o, "path", a->art.path);
		answer_text(o, "resource", a->art.resource);
		answer_text(o, "reason", a->reason);
		is_cut = !put_diff(o, a, &left) || is_cut;
		append(list, o);
	}
	set(answer, "actions", list);
	if (is_cut)
		set(answer, "truncated", json_true());
}

static json_t *finding_list(const struct plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_findings && i < ACTIONS_MAX; i++) {
		const struct finding *f = &p->findings[i];
		json_t *o = json_object();

		answer_text(o, "resource", f->resource);
		answer_text(o, "type", f->type);
		answer_text(o, "reason", f->reason);
		answer_text(o, "message", f->message);
		append(list, o);
	}
	return list;
}

static json_t *answer_plan(const struct plan *p, int64_t changes, const struct err *guard)
{
	json_t *a = json_object();
	char digest[DIGEST_HEX_LEN + 1];
	struct digest d = plan_digest(p);

	digest_hex(&d, digest);
	set(a, "ok", json_true());
	set(a, "changes", json_integer(changes));
	set(a, "count", json_integer((json_int_t)plan_changes(p)));
	answer_text(a, "digest", digest);
	put_actions(a, p, false);
	set(a, "findings", finding_list(p));
	if (guard->code)
		answer_text(a, "guard", guard->msg);
	return a;
}

/* The dry run in the open transaction of the candidate revision, which holds model.db's lock. */
struct candidate {
	struct daemon *d;
	struct err guard;
	int64_t locked_at, locked_ms;
};

/* All was read: the lock goes before validators take their time. */
static int let_go(struct plan *p, void *arg, struct err *err)
{
	struct candidate *c = arg;
	int r = pass_guard(p, &c->guard);

	store_rollback(c->d->e->store);
	c->locked_ms = clock_ms() - c->locked_at;
	if (r < 0 && r != -ERR_GUARD) {
		*err = c->guard;
		return r;
	}
	return 0;
}

static int plan_candidate(const void *ctx, struct candidate *c, int64_t changes, json_t **ret,
			  struct err *err)
{
	const struct pass_opts opts = { .looked = let_go, .looked_arg = c };
	struct plan *p;
	int r = pass_plan(ctx, c->d->e, &opts, &p, err);

	store_rollback(c->d->e->store); /* it failed before */
	if (r < 0)
		return r;
	*ret = answer_plan(p, changes, &c->guard);
	answer_int(*ret, "locked_ms", c->locked_ms);
	return 0;
}

int request_plan(struct daemon *d, const json_t *request, json_t **ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "plan request");
	struct changeset cs = { .ctx = ctx };
	struct problems problems = { .ctx = ctx };
	struct candidate candidate = { .d = d, .guard = ERR_INIT };
	struct revision rev = {
		.actor = "novacpxd", .source = "socket", .message = "dry run", .time = engine_now()
	};
	int r = change_json_read(ctx, json_object_get(request, "changes"), &cs, err);

	candidate.locked_at = clock_ms();
	if (r >= 0)
		r = store_apply(d->e->store, &cs, &rev, &problems, err);
	if (r < 0 && problems.n) {
		*ret = answer_error(err);
		set(*ret, "problems", problem_list(&problems));
		return 0;
	}
	if (r == 0) {
		static const struct plan nothing;

		*ret = answer_plan(&nothing, 0, &(struct err)ERR_INIT);
		return 0;
	}
	return r < 0 ? r : plan_candidate(ctx, &candidate, rev.changes, ret, err);
}

/* Drift: a full comparison, which costs what a sweep costs. */
struct drift {
	json_t *answer;
	int64_t at_ms, cost_ms;
};

static int drift_free(struct drift *x)
{
	json_decref(x->answer);
	return 0;
}

static int look_for_drift(struct daemon *d, json_t **ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "drift request");
	const struct pass_opts opts = { .full = true, .skip_check = true };
	size_t n = 0;
	struct plan *p;
	int r = pass_plan(ctx, d->e, &opts, &p, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n; i++)
		n += is_shown(&p->v[i], true);
	*ret = json_object();
	set(*ret, "ok", json_true());
	answer_int(*ret, "count", (int64_t)n);
	put_actions(*ret, p, true);
	return 0;
}

int request_drift(struct daemon *d, json_t **ret, struct err *err)
{
	int64_t now = clock_ms();
	json_t *answer;
	int r;

	if (!d->drift ||
	    now - d->drift->at_ms > MAX(DRIFT_REST_MS, DRIFT_REST * d->drift->cost_ms)) {
		r = look_for_drift(d, &answer, err);
		if (r < 0)
			return r;
		(void)talloc_free(d->drift);
		d->drift = mem_new(d->agenda, struct drift);
		*d->drift = (struct drift){ .answer = answer,
					    .at_ms = clock_ms(),
					    .cost_ms = clock_ms() - now };
		talloc_set_destructor(d->drift, drift_free);
	}
	*ret = json_copy(d->drift->answer);
	answer_int(*ret, "age_ms", clock_ms() - d->drift->at_ms);
	return 0;
}
