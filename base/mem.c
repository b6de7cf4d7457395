#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

noreturn_ void mem_abort(void)
{
	(void)fputs("out of memory\n", stderr);
	abort();
}

static void *need(void *p)
{
	if (!p)
		mem_abort();
	return p;
}

void *mem_ctx(const void *parent, const char *name)
{
	return need(talloc_named_const(parent, 0, name));
}

void *mem_zero(const void *ctx, size_t size)
{
	return need(_talloc_zero(ctx, size, "zero"));
}

char *mem_str(const void *ctx, const char *s)
{
	return s ? need(talloc_strdup(ctx, s)) : NULL;
}

char *mem_strn(const void *ctx, const char *s, size_t len)
{
	return need(talloc_strndup(ctx, s, len));
}

void *mem_dup(const void *ctx, const void *data, size_t len)
{
	char *p = need(talloc_size(ctx, len + 1));

	if (len)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

char *mem_fmt(const void *ctx, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = talloc_vasprintf(ctx, fmt, ap);
	va_end(ap);
	return need(s);
}

void mem_steal(const void *ctx, const void *p)
{
	if (p && !_talloc_steal_loc(ctx, p, __FILE__))
		mem_abort();
}

void mem_room(const void *ctx, void *arr_ptr, size_t *cap, size_t n, size_t size)
{
	void *arr;

	if (n < *cap)
		return;
	memcpy(&arr, arr_ptr, sizeof(arr));
	*cap = *cap ? *cap * 2 : 8;
	arr = need(_talloc_realloc_array(ctx, arr, size, (unsigned)*cap, "array"));
	memcpy(arr_ptr, &arr, sizeof(arr));
}

void mem_freep(void *ctx_ptr)
{
	void *ctx;

	memcpy(&ctx, ctx_ptr, sizeof(ctx));
	if (ctx)
		(void)talloc_free(ctx);
}

void ptrs_add(const void *ctx, struct ptrs *list, const void *p)
{
	mem_room(ctx, &list->v, &list->cap, list->n, sizeof(*list->v));
	memcpy(&list->v[list->n++], &p, sizeof(p));
}
