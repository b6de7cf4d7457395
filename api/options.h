/*
 * What any write may ask for, whatever it writes: ?wait=, ?dry_run=, ?confirm=,
 * "Prefer: respond-async", Idempotency-Key and If-Match.
 */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "base/err.h"

struct call;

int options_read(struct call *c, struct err *err) must_check;

#endif
