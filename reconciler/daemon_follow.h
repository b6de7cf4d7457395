/*
 * What followers of novacpxd's socket are told, a JSON line each:
 *
 *   {"event":"applied","revision":R,"actions":N,"failed":N}      a pass went through
 *   {"event":"condition","resource":"domain/x","type":"Quarantined",
 *    "reason":…,"message":…,"revision":R}                        it came or changed
 *
 * A condition that went, the last one of its resource, has type "Ready". What
 * stands when somebody begins to follow is not told: it is asked for by
 * `status`. Costs nothing while nobody follows.
 */
#ifndef RECONCILER_DAEMON_FOLLOW_H
#define RECONCILER_DAEMON_FOLLOW_H

#include "reconciler/daemon.h"

/* From now on changes against what stands now are told. */
int follow_begin(struct daemon *d, struct err *err) must_check;
/* After a pass of ours, or (nothing done) of the command line. */
void follow_tell(struct daemon *d, size_t actions, size_t failed);

#endif
