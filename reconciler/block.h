/*
 * A marked block within a file of the distribution, where the daemon has no
 * drop-in folder. Everything outside the two marker lines stays byte for
 * byte; without the block the file is as it was.
 */
#ifndef RECONCILER_BLOCK_H
#define RECONCILER_BLOCK_H

#include <stddef.h>

#include "base/err.h"

/*
 * TEXT with the block holding BODY (NULL: without the block). A new block goes after the first line
 * that equals ANCHOR (outer blanks apart), or to the end when ANCHOR is NULL. The marker's comment
 * sign is chosen by PATH: "//" for BIND's files, "#" elsewhere. ERR_CONFLICT when the anchor is not
 * there or only one marker is.
 */
int block_edit(const void *ctx, const char *path, const char *text, const char *body,
	       const char *anchor, char **ret, size_t *ret_len, struct err *err) must_check;
/*
 * The block in TEXT: the number of its first line (from 1) behind the marker, 0 when it has none;
 * *RET_BODY is what stands between the markers, on CTX, *RET_N its number of lines.
 */
size_t block_find(const void *ctx, const char *path, const char *text, const char **ret_body,
		  size_t *ret_n);

#endif
