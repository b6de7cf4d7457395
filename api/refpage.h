/*
 * The reference of the API as a page to read, written from the endpoint table
 * and the shapes: for each endpoint its address and methods, who may call,
 * parameters with their aliases, what it answers, and an example.
 *
 * The page is whole in itself: no script, no picture, no address elsewhere.
 * Its one style sheet is allowed by its digest, all else is forbidden by its
 * policy. Each resource and each endpoint has an anchor: #dns, #dns/add-record.
 */
#ifndef API_REFPAGE_H
#define API_REFPAGE_H

#include "base/buf.h"

void refpage_write(struct buf *out);
/* Its Content-Security-Policy, on CTX. */
const char *refpage_policy(const void *ctx);

#endif
