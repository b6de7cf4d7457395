/*
 * What php-fpm's own check (-t) does not see in an administrator's additions
 * to a pool: it binds no socket. A `listen` that cannot be bound passes, and
 * the master then ends at its reload, and all sites with it; nginx would not
 * find the pool anyway. A section of its own would take the rest of the pool
 * with it. Both are refused here, in words that name the file and line.
 */
#ifndef RECONCILER_CHECK_POOL_H
#define RECONCILER_CHECK_POOL_H

#include "renderers/catalog.h"

/* Why A, a copy of an administrator's file, may not become part of a pool; NULL: it may. On CTX. */
const char *check_pool_addition(const void *ctx, const struct artifact *a);

#endif
