/*
 * DKIM keys (RFC 6376): a key pair of 2048 bits, made on a worker, and the TXT
 * record that publishes the public half.
 */
#ifndef API_DKIM_H
#define API_DKIM_H

#include "api/call.h"

/* `prepare` and `edit` of dkim/generate. */
int dkim_prepare(struct call *c, struct err *err) must_check;
int dkim_edit(struct call *c, struct changeset *cs, struct change *key, struct err *err) must_check;

#endif
