/*
 * Other values: what a field of a resource could be instead, for finding out
 * by trying what depends on it.
 *
 * A variant is a copy of the resource in which one field has another value
 * that the field's own check takes; derived fields follow. Rules that span
 * fields are not asked: whoever tries a variant must bear one that no change
 * set could bring about, as renderers do. The same resource gives the same
 * variants in the same order. Nothing here is ever stored or shown.
 */
#ifndef MODEL_RES_VARY_H
#define MODEL_RES_VARY_H

#include "base/mem.h"
#include "model/kind.h"

enum {
	VARIANTS_MAX = 16
};

/*
 * Adds variants of RES in field F to RET, the likeliest to matter first; texts of HINTS
 * (NULL-terminated, or NULL) are tried before others. None is added for a derived field, or when
 * nothing else is allowed there. Everything lives on CTX.
 */
void res_vary(const void *ctx, const void *res, const struct field *f, const char *const *hints,
	      struct ptrs *ret);

#endif
