/*
 * What is sent back: the envelope {"success", "message", "data", "errors", …} of
 * every answer, with what a write adds (revision, condition, operation), and the
 * headers that all answers have.
 */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include "api/server.h"

struct call;

/* The sentence for a status that has no better one. */
const char *answer_reason(unsigned status);
/* http_calls.refusal: the envelope for what never became a call. */
const char *answer_refusal(const void *ctx, unsigned status, const char *reason, void *arg);
/* The headers of all answers and those of the call's own; LIST has room for HTTP_HEADERS_MAX. */
void answer_headers(const struct call *c, struct header *list);
/* The call's answer; C is gone then. */
void answer_send(struct call *c, unsigned status);
/* Begins a stream as the answer of an EP_STREAM row's handler; C is gone then. */
struct stream *answer_stream(struct call *c);

#endif
