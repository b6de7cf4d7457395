/*
 * The unified diff of two texts, for people: plans, `novacpx diff`, drift.
 *
 * Three lines of context, names in the headers as given (control characters
 * become "?": a name cannot forge a line). Equal texts give nothing. Content
 * with a NUL byte gives one line, "Binary files differ"; over TEXT_DIFF_MAX a
 * side, one line with the sizes.
 */
#ifndef STATE_TEXTDIFF_H
#define STATE_TEXTDIFF_H

#include <stddef.h>

#include "base/buf.h"

enum {
	TEXT_DIFF_MAX = 4 << 20
};

/* Appends to OUT. 0, or -ERR_SYSTEM when libgit2 fails (memory). */
int text_diff(struct buf *out, const char *old_name, const void *old, size_t old_len,
	      const char *new_name, const void *new, size_t new_len) must_check;

#endif
