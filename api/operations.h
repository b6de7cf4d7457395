/*
 * Operations: writes whose caller does not wait for the engine. The write is
 * committed when its answer (202) leaves; the operation tells later what the
 * engine made of it. One thread asks the engine, for all of them.
 *
 * They are kept in memory, for an hour after their end and no more than a
 * fixed number, and are forgotten at a restart: the write itself is not, and
 * `status` tells of its resource at any time. Everybody sees its own alone.
 */
#ifndef API_OPERATIONS_H
#define API_OPERATIONS_H

#include <stddef.h>

#include "base/err.h"

struct api;
struct call;
struct operations;

int operations_start(struct api *api, struct operations **ret, struct err *err) must_check;
void operations_end(struct operations *ops);
void operations_free(struct operations **operations); /* ends it first */
/* How many the engine has not got to. */
size_t operations_pending(struct operations *ops);

/* Whether C's answer is not to wait (?async=1, "Prefer: respond-async", RFC 7240). ERR_BUSY: too many do. */
int operation_read(struct call *c, struct err *err) must_check;
/* C was committed: it is answered 202 with an operation. */
void operation_begin(struct call *c);

#endif
