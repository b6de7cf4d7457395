/*
 * What the comparisons of several types of artifact share, and those that have
 * a file of their own. They read and never write.
 */
#ifndef RECONCILER_PROVIDER_H
#define RECONCILER_PROVIDER_H

#include "reconciler/plan.h"

/* Whether WANT is what was applied last, so that a difference is nobody's wish. */
bool provider_is_unasked(const struct artifact *want, const struct owned *old);
/* ERR_CHECK when drift is only to be told; 0 when it is to be healed. */
int provider_reported(const struct plan *p, const struct artifact *want, const struct owned *old,
		      const char *what, struct err *err) must_check;

/* As `compare` in struct provider. */
int provider_quota(struct plan *p, const struct artifact *want, const struct owned *old,
		   struct err *err) must_check;

#endif
