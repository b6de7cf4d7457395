/*
 * A request's way: admitted, routed, identified, allowed, read, carried out on
 * the thread that its endpoint names, answered. The steps stand in one table;
 * each either lets the call through or says with what status it ends.
 */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/api.h"

/* http_calls; the argument is the api. */
void dispatch_admit(struct request *r, struct admission *ret, void *arg);
void dispatch_request(struct request *request, void *arg);

/* work_fn of the queues of hashers and waiters. */
void dispatch_hash(void **items, size_t n, void *arg);
void dispatch_wait(void **items, size_t n, void *arg);

/* From the writer: goes on to what comes after, or to the answer. R is what the call came to. */
void dispatch_written(struct call *c, int r);
/* To the thread that the endpoint names. */
void dispatch_carry_out(struct call *c);
/* Audits what has to be, and sends the answer; C is gone then. */
void dispatch_finish(struct call *c, int r);

#endif
