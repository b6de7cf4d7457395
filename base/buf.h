/*
 * A growing byte buffer with a hard cap, for rendered texts and read files.
 *
 * talloc's append functions reallocate at every call; a zone of many records
 * is written line by line, so capacity doubles here. When the cap is reached
 * the buffer stays as it was and `over` is set: writers may append freely
 * and look once at the end. Owned by the context it was made on.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct buf {
	const void *ctx; /* talloc owner of data; NULL: top level, free with buf_done */
	char *data;      /* always NUL-terminated once anything was put */
	size_t len, cap, max;
	bool over; /* something did not fit under max */
};

#define BUF_MAX ((size_t)64 << 20)
#define BUF_ON(talloc_ctx)                          \
	{                                           \
		.ctx = (talloc_ctx), .max = BUF_MAX \
	}

void buf_put(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
/* NUM in decimal; a tenth of what "%d" costs. */
void buf_int(struct buf *b, int64_t num);
void buf_printf(struct buf *b, const char *fmt, ...) format_(2, 3);
/* Keeps the memory, forgets the content. */
void buf_clear(struct buf *b);
void buf_done(struct buf *b);
/* The text, "" if empty; belongs to the buffer. */
const char *buf_str(const struct buf *b);

#endif
