/*
 * Outcome: what became of one revision, for who waits for it.
 *
 * A resource that was written is live when all is that is rendered from it: a
 * record when its zone is loaded, a mailbox when its domain's logins are, an
 * account when its first domain answers. Conditions stand at whatever failed,
 * which seldom is the resource that the caller named. So the outcome is
 *
 *   - every condition of that resource itself;
 *   - those of the scopes and renderers that the revision made a pass look at
 *     (dirty_of_revisions), found again since;
 *   - those of a service ("server/nginx") that has to load what the pass wrote
 *     in these scopes, and does not run or refused.
 *
 * What a revision touches everywhere (a setting) is looked at in the server's
 * scope alone. Nothing is written.
 */
#ifndef RECONCILER_OUTCOME_H
#define RECONCILER_OUTCOME_H

#include "reconciler/engine.h"
#include "reconciler/enginedb.h"

/* Once revision REV is applied: those of RESOURCE (NULL: none) come first, each once. */
int outcome_each(struct engine *e, int64_t rev, const char *resource, condition_fn *fn, void *arg,
		 struct err *err) must_check;

#endif
