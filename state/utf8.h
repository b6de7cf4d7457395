/*
 * UTF-8 for the state-file reader and writer: decoding that refuses what
 * RFC 3629 refuses, and what a terminal does with a character. The width
 * table is a short cut of Unicode's East Asian Width: enough for a caret to
 * stand under the right place, independent of the locale.
 */
#ifndef STATE_UTF8_H
#define STATE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the first character of S (1 to 4), or 0: empty, cut off, overlong, a surrogate or over U+10FFFF. */
size_t utf8_decode(const char *s, size_t len, uint32_t *ret_cp);
/* Can stand in output as itself: no control, line separator, byte order mark, bidi or invisible character. */
bool utf8_is_shown(uint32_t cp);
/* Terminal columns of a shown character: 0 (combining), 1 or 2. */
int utf8_width(uint32_t cp);
/* The longest prefix of S of at most MAX bytes that does not cut a character. */
size_t utf8_cut(const char *s, size_t len, size_t max);

#endif
