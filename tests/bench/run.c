/* The engine's work, measured. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "reconciler/act.h"
#include "reconciler/archive.h"
#include "reconciler/pass.h"

/* Whether the daemons are there, in `live-` commands; else the calls that speak to them do nothing. */
static bool is_live;

void run_live(void)
{
	is_live = true;
}

/* In the place of the call that speaks to named (the linker's --wrap). */
int __real_act_zones(struct plan *p, struct err *err); /* NOLINT */
int __wrap_act_zones(struct plan *p, struct err *err); /* NOLINT */

int __wrap_act_zones(struct plan *p, struct err *err) /* NOLINT */
{
	if (is_live)
		return __real_act_zones(p, err);
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].stage == STAGE_ZONE)
			p->v[i].is_done = true;
	}
	return 0;
}

/* In the place of those that speak to the other daemons. */

static int reload(const void *ctx, const struct service_at *at, const struct service *svc,
		  struct err *err)
{
	(void)ctx;
	(void)at;
	(void)svc;
	(void)err;
	return 0;
}

static int logins_none(const void *ctx, const struct logins_at *at, struct logins **ret,
		       struct err *err)
{
	(void)ctx;
	(void)at;
	(void)err;
	*ret = NULL;
	return 0;
}

static void logins_close(struct logins **d)
{
	*d = NULL;
}

static int logins_known(struct logins *d, const char *user, const char *version, struct err *err)
{
	(void)d;
	(void)user;
	(void)version;
	(void)err;
	return 0;
}

static int pid(const struct service_at *at, const struct service *svc, pid_t *ret, struct err *err)
{
	(void)at;
	(void)svc;
	(void)err;
	*ret = getpid();
	return 0;
}

static void no_second(const struct timespec *since)
{
	(void)since;
}

static struct engine *open_engine(const void *ctx, const char *root)
{
	struct err err = ERR_INIT;
	struct verbs *silent = mem_new(ctx, struct verbs);
	struct engine *e;

	must_do(engine_open(ctx, root, &e, &err), "open", &err);
	must_do(engine_lock(e, 0, &err), "lock", &err);
	if (is_live)
		return e;
	*silent = *e->verbs;
	silent->reload = reload;
	silent->pid = pid;
	silent->logins_open = logins_none;
	silent->logins_close = logins_close;
	silent->logins_await = logins_known;
	silent->logins_await_second = no_second;
	e->verbs = silent;
	return e;
}

static bool has_phases(void)
{
	return getenv("BENCH_PHASES") != NULL; /* NOLINT(concurrency-mt-unsafe): one thread */
}

static void phase(const char *name, struct cost *since)
{
	if (has_phases())
		sample(name, *since);
	*since = cost_now();
}

/* Whatever stands in the store's open transaction (if IS_OPEN): planned, committed, carried out, recorded. */
static struct pass_result converge(struct engine *e, bool is_open, bool full, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "pass");
	struct pass_opts opts = { .full = full, .skip_check = true };
	struct execution x = { .done = 0 };
	struct cost t = cost_now();
	struct plan *p;

	must_do(execute_recover(e, err), "recover", err);
	must_do(pass_plan(ctx, e, &opts, &p, err), "plan", err);
	phase("  plan", &t);
	if (is_open)
		must_do(store_commit(e->store, err), "commit", err);
	phase("  commit", &t);
	must_do(plan_execute(p, &x, err), "execute", err);
	phase("  execute", &t);
	must_do(archive_live(p, err), "history of what is live", err);
	phase("  live history", &t);
	must_do(archive_desired(e, err), "history of what is wanted", err);
	phase("  desired history", &t);
	for (size_t i = 0; i < p->n_findings && i < 5; i++)
		(void)fprintf(stderr, "bench: finding: %s: %s\n", p->findings[i].resource,
			      p->findings[i].message);
	return (struct pass_result){ .done = x.done,
				     .failed = x.failed,
				     .findings = p->n_findings };
}

static void apply(struct engine *e, const struct changeset *cs, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "problems");
	struct problems problems = { .ctx = ctx };
	struct revision rev = {
		.time = engine_now(), .actor = "root", .source = "bench", .message = "bench"
	};
	struct cost t = cost_now();
	int r = store_apply(e->store, cs, &rev, &problems, err);

	must_do(r, "apply", err);
	if (r == 0)
		bench_die("apply: nothing changed", NULL);
	phase("  apply", &t);
}

void run_first(const char *root, int n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "first");
	struct changeset cs = { .ctx = ctx };
	struct err err = ERR_INIT;
	struct engine *e;
	struct pass_result done;
	struct cost t;

	generate(&cs, n);
	e = open_engine(ctx, root);
	t = cost_now();
	apply(e, &cs, &err);
	done = converge(e, true, false, &err);
	sample("first", t);
	if (!is_live && (done.failed || done.findings || done.done < (size_t)n))
		bench_die("first convergence: something failed", &err);
}

void run_noop(const char *root, int reps)
{
	for (int i = 0; i < reps; i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "noop");
		struct err err = ERR_INIT;
		struct cost t = cost_now();
		struct pass_result done = converge(open_engine(ctx, root), false, true, &err);

		sample("noop", t);
		if (done.done || done.findings)
			bench_die("second pass: there was something to do", &err);
	}
}

static int account_of_turn(int n, int turn)
{
	return (int)(((int64_t)turn * 7919 + n / 2) % n);
}

enum {
	WARM_UP = 3
};

void run_plan(const char *root, int n, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "plan");
	struct engine *e = open_engine(ctx, root);
	struct err err = ERR_INIT;

	for (int i = 0; i < reps + WARM_UP; i++) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "one");
		struct pass_opts opts = { .skip_check = true };
		struct changeset cs = { .ctx = tmp };
		struct cost t;
		struct plan *p;

		generate_edit(&cs, account_of_turn(n, i), 1);
		t = cost_now();
		apply(e, &cs, &err);
		must_do(pass_plan(tmp, e, &opts, &p, &err), "plan", &err);
		store_rollback(e->store);
		if (i >= WARM_UP)
			sample("plan", t);
		if (plan_changes(p) != 1)
			bench_die("plan of one change: not one action", NULL);
	}
}

static void roll_back(struct engine *e, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "problems");
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = engine_now(), .actor = "root", .source = "bench" };
	struct cost t = cost_now();
	int64_t head;

	must_do(store_head(e->store, &head, err), "head", err);
	must_do(store_rollback_to(e->store, head - 1, &rev, &problems, err), "roll back", err);
	phase("  roll back", &t);
}

static void one_edit(struct engine *e, int n, int turn, bool measured)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "one");
	struct changeset cs = { .ctx = tmp };
	struct err err = ERR_INIT;
	struct cost t;

	generate_edit(&cs, account_of_turn(n, turn), 1 + turn % 200);
	t = cost_now();
	apply(e, &cs, &err);
	if (converge(e, true, false, &err).done != 1)
		bench_die("edit: not one action", NULL);
	if (measured)
		sample("edit", t);
}

/* Edits one after another; then edits that are taken back, of which the taking back counts. */
void run_edit(const char *root, int n, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "edit");
	struct engine *e = open_engine(ctx, root);
	struct err err = ERR_INIT;

	for (int i = 0; i < reps + WARM_UP; i++)
		one_edit(e, n, i, i >= WARM_UP);
	for (int i = 0; i < reps + WARM_UP; i++) {
		struct cost t;

		one_edit(e, n, reps + WARM_UP + i, false);
		t = cost_now();
		roll_back(e, &err);
		if (converge(e, true, false, &err).done != 1)
			bench_die("rollback: not one action", NULL);
		if (i >= WARM_UP)
			sample("rollback", t);
	}
}

/* With the daemons there */

/* Until what was changed is served; what is recorded afterwards is no part of it. */
static void go_live(struct engine *e, struct changeset *cs, const char *name)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "live");
	struct pass_opts opts = { .full = false };
	struct execution x = { .done = 0 };
	struct err err = ERR_INIT;
	struct cost t = cost_now();
	struct cost part = t;
	struct plan *p;

	apply(e, cs, &err);
	must_do(pass_plan(ctx, e, &opts, &p, &err), "plan", &err);
	phase("  plan and check", &part);
	must_do(store_commit(e->store, &err), "commit", &err);
	phase("  commit", &part);
	must_do(plan_execute(p, &x, &err), "execute", &err);
	phase("  execute", &part);
	sample(name, t);
	for (size_t i = 0; i < p->n_findings; i++)
		(void)fprintf(stderr, "bench: finding: %s: %s\n", p->findings[i].resource,
			      p->findings[i].message);
	must_do(archive_live(p, &err), "history of what is live", &err);
	must_do(archive_desired(e, &err), "history of what is wanted", &err);
}

void run_live_edits(const char *root, int n, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "live");
	struct engine *e = open_engine(ctx, root);

	for (int i = 0; i < reps; i++) {
		struct changeset cs = { .ctx = ctx };

		generate_edit(&cs, account_of_turn(n, i), 1 + i);
		go_live(e, &cs, "record");
	}
	for (int i = 0; i < reps && i < 5; i++) {
		struct changeset cs = { .ctx = ctx };

		generate_domain(&cs, account_of_turn(n, i), i);
		go_live(e, &cs, "domain");
	}
}

void run_live_reload(const char *root, const char *service, int reps)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "reload");
	struct engine *e = open_engine(ctx, root);
	struct err err = ERR_INIT;
	const struct service *svc;

	must_do(service_find(ctx, service, &svc, &err), service, &err);
	for (int i = 0; i < reps; i++) {
		struct cost t = cost_now();

		must_do(service_reload(ctx, &e->at, svc, &err), service, &err);
		sample("reload", t);
	}
}
