/*
 * Checking a plan before it goes live.
 *
 * What the plan would write is staged in memory and laid over the live tree
 * in a private mount namespace; there each service's own validator judges the
 * exact future. Who is at fault is found from the validator's words (file and
 * line, pool, zone, certificate), else by halving the changed resources.
 * Their actions are dropped, a finding says why in the daemon's own words,
 * and the rest is judged again. When the live tree itself does not pass, no
 * change is blamed: the service's actions wait (BaselineBroken).
 */
#ifndef RECONCILER_CHECK_H
#define RECONCILER_CHECK_H

#include "reconciler/plan.h"

int plan_check(struct plan *p, struct err *err) must_check;

#endif
