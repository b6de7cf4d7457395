/*
 * The pass: load → render → observe → plan → check, then execute and record.
 *
 * pass_plan() changes nothing anywhere; it may be called inside an open
 * transaction of the store that is rolled back afterwards: that is a dry run.
 * Which scopes it looks at follows from the revisions since the last pass and
 * from retries that are due, or it is all of them.
 */
#ifndef RECONCILER_PASS_H
#define RECONCILER_PASS_H

#include "reconciler/execute.h"
#include "reconciler/plan.h"

struct pass_opts {
	bool full;
	bool whole;      /* validators judge everything, not only what changed */
	bool retry;      /* look at all that is not ready, not only at what is due */
	bool release;    /* heals what is held for flapping, too */
	bool skip_check; /* do not run validators (measuring only) */
	/*
	 * Called when all was read and nothing is judged yet; the caller's transaction may end here,
	 * so that validators do not run under its lock. An error ends the pass.
	 */
	int (*looked)(struct plan *p, void *arg, struct err *err);
	void *looked_arg;
	const char *const *scopes; /* further scopes to look at, NULL-terminated; or NULL */
};

/* The plan on CTX, sorted and checked. */
int pass_plan(const void *ctx, struct engine *e, const struct pass_opts *opts, struct plan **ret,
	      struct err *err) must_check;

/* Guards on destruction: -ERR_GUARD with what is in danger; 0 when nothing is. */
int pass_guard(const struct plan *p, struct err *err) must_check;

struct pass_result {
	size_t actions, done, failed, findings, reloads;
};

/* Recovery, plan, guard (unless APPROVED equals the plan's digest), execution, once more when a reload was refused. */
int pass_run(struct engine *e, const struct pass_opts *opts, const char *approved,
	     struct execution *x, struct pass_result *ret, struct err *err) must_check;

#endif
