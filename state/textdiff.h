/*
 * The difference of two texts: as a unified diff for people (plans, `novacpx
 * diff`, drift), and for one line what became of it.
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

enum line_fate {
	LINE_SAME,
	LINE_CHANGED, /* a line like it stands in its place */
	LINE_GONE
};

/*
 * What becomes of line LINE (from 1) of OLD in NEW, by content; *RET_AT is its number there, 0 when
 * it is gone. A line that OLD does not have is gone.
 */
int text_line_fate(const char *old, size_t old_len, const char *new, size_t new_len, size_t line,
		   enum line_fate *ret, size_t *ret_at) must_check;
/* Line LINE (from 1) of TEXT, without its end; NULL when there is none. */
const char *text_line(const char *text, size_t len, size_t line, size_t *ret_len);

#endif
