/*
 * Writes JSON (RFC 8259) text into a buffer, value by value.
 *
 * For answers: rows go from the database to the text without a tree between.
 * Unicode and slashes stay as they are; control characters are escaped, and
 * bytes that are not UTF-8 become U+FFFD, so that any text gives valid JSON.
 * KEY is NULL inside a list and for the outermost value.
 */
#ifndef API_JSONW_H
#define API_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct jsonw {
	struct buf *out;
	bool needs_comma;
};

#define JSONW_ON(buf)        \
	{                    \
		.out = (buf) \
	}

void jsonw_open(struct jsonw *w, const char *key, char bracket);     /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket);                     /* '}' or ']' */
void jsonw_text(struct jsonw *w, const char *key, const char *text); /* NULL: null */
void jsonw_int(struct jsonw *w, const char *key, int64_t num);
void jsonw_bool(struct jsonw *w, const char *key, bool flag);
void jsonw_null(struct jsonw *w, const char *key);
/* TEXT is JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, const char *text);
/* "2026-11-23 19:43:36", UTC; 0: null. */
void jsonw_time(struct jsonw *w, const char *key, int64_t time);
/* "2026-11-23T19:43:36Z" (RFC 3339); 0: null. */
void jsonw_rfc3339(struct jsonw *w, const char *key, int64_t time);

#endif
