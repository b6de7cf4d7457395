/*
 * Where the hostile requests come from: a generator that gives the same bytes
 * for the same seed, and the values that programs trip over.
 */
#ifndef TESTS_HOSTILE_NOISE_H
#define TESTS_HOSTILE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct noise {
	uint64_t state;
};

void noise_seed(struct noise *n, uint64_t seed);
/* From 0 to LIMIT - 1. */
size_t noise_below(struct noise *n, size_t limit);
/* True once in N. */
bool noise_once_in(struct noise *n, size_t limit);
#define noise_of(n, list) ((list)[noise_below((n), ARRAY_LEN(list))])

/* A JSON value as text, mostly well-formed. */
void noise_json(struct noise *n, struct buf *out);
/* A value of a query or a header: no line break. */
const char *noise_text(struct noise *n);
/* Damages some bytes of DATA, and may cut it; the new length. */
size_t noise_damage(struct noise *n, char *data, size_t len);

#endif
