/*
 * The engine's half of a dry run: what it would do about the changes that the
 * model has accepted, and rolled back. For waiters: it takes its time.
 */
#ifndef API_PLAN_H
#define API_PLAN_H

#include "api/call.h"

/*
 * Asks for the plan of c->plan. It is the answer's data, or, with c->is_plan_beside, its member
 * `plan`: null with a reason when the engine does not run.
 */
int plan_show(struct call *c, struct err *err) must_check;

#endif
