/*
 * Writes canonical YAML: block style, two blanks an indentation, one way to
 * write each thing, so that the same calls give the same bytes and a diff in
 * git shows only what changed.
 *
 * Promise: what doc_read() reads from the output is the tree that was
 * written. A text is put in double quotes only where it would not come back
 * as itself, here or in another YAML reader (yes, 8.2, 2024-01-01, 0123);
 * a text of lines becomes a "|" block. What cannot be written (invalid UTF-8,
 * over doc.h's caps) is refused: yamlw_done() says so, and the output is of
 * no use then. Calls must nest properly; breaking that is a bug and asserts.
 */
#ifndef STATE_YAMLW_H
#define STATE_YAMLW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/doc.h"

struct yamlw_level {
	bool is_list, has_key;
	int indent;
	size_t n;
};

struct yamlw {
	struct buf *out;
	struct yamlw_level level[DOC_DEPTH_MAX];
	int depth;
	const char *fault; /* why the output is of no use, or NULL */
};

#define YAMLW_ON(buffer)         \
	{                        \
		.out = (buffer), \
	}

void yamlw_map(struct yamlw *w);
void yamlw_list(struct yamlw *w);
/* Ends the innermost map or list. */
void yamlw_end(struct yamlw *w);
void yamlw_key(struct yamlw *w, const char *key);
void yamlw_string(struct yamlw *w, const char *text);
void yamlw_int(struct yamlw *w, int64_t num);
void yamlw_bool(struct yamlw *w, bool flag);
void yamlw_null(struct yamlw *w);
/* A whole tree, as the next value. */
void yamlw_node(struct yamlw *w, const struct node *node);
/* 0 if everything could be written. */
int yamlw_done(const struct yamlw *w, struct err *err) must_check;

#endif
