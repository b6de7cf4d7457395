/*
 * Memory: talloc contexts that abort when memory is out.
 *
 * What belongs to a pass, a request or a snapshot hangs on one context and is
 * freed once. Because these abort, every size that a caller controls is
 * capped before it gets here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <talloc.h>

#include "base/macro.h"

/* A new top-level or child context named NAME (a literal). */
void *mem_ctx(const void *parent, const char *name) must_check;
void *mem_zero(const void *ctx, size_t size) must_check;
char *mem_str(const void *ctx, const char *s) must_check; /* NULL stays NULL */
char *mem_strn(const void *ctx, const char *s, size_t len) must_check;
void *mem_dup(const void *ctx, const void *data, size_t len) must_check;
char *mem_fmt(const void *ctx, const char *fmt, ...) format_(2, 3) must_check;
/* Hands P over to CTX. */
void mem_steal(const void *ctx, const void *p);
/* Array growth: makes room for N + 1 elements in *ARR (elements of SIZE bytes, capacity *CAP). */
void mem_room(const void *ctx, void *arr_ptr, size_t *cap, size_t n, size_t size);
/* cleanup_(mem_freep): frees a talloc context. */
void mem_freep(void *ctx_ptr);
noreturn_ void mem_abort(void);

#define mem_new(ctx, type) ((type *)mem_zero((ctx), sizeof(type)))

/* A growing list of pointers, in order of appending; zero-initialised is empty. */
struct ptrs {
	void **v;
	size_t n, cap;
};

void ptrs_add(const void *ctx, struct ptrs *list, const void *p);

#endif
