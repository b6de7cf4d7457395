/*
 * The JSON Schema (draft 2020-12) of state files, made from the kind tables:
 * for editors that complete and check YAML while it is typed.
 *
 * It says what statefile_read() takes in form; rules across resources and the
 * checks of single texts are not in it, so what it refuses is refused, and
 * what it takes may still be.
 */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

#include "model/kind.h"

/* Of a whole state file. On CTX. */
const char *schema_all(const void *ctx) must_check;
/* Of one resource of a kind, as it stands in its section. On CTX. */
const char *schema_kind(const void *ctx, const struct kind *k) must_check;

#endif
