/*
 * A string → pointer map with stable iteration in insertion order (so output
 * never depends on hash order). Keys are not copied: they must live as long
 * as the map. Freed with its talloc context.
 */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct strmap_entry {
	const char *key;
	void *value;
};

struct strmap {
	const void *ctx;
	struct strmap_entry *entries; /* in insertion order */
	size_t n, cap;
	uint32_t *slots; /* index + 1 into entries; 0: free */
	size_t n_slots;
};

#define STRMAP_ON(talloc_ctx)       \
	{                           \
		.ctx = (talloc_ctx) \
	}

/* NULL when absent. */
void *strmap_find(const struct strmap *m, const char *key);
/* Where KEY's value is stored; made (with NULL) when absent. Valid until the next strmap_slot(). */
void **strmap_slot(struct strmap *m, const char *key);

#endif
