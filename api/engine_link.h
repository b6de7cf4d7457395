/*
 * The way to the engine: its Unix socket, one JSON object a line.
 *
 * engine_call() blocks and is for waiters; engine_wake() never does: it says
 * that there is something new, and many in a row become one. That the engine
 * does not run is ERR_ABSENT: what was written stays written, and it will see
 * it when it starts.
 */
#ifndef API_ENGINE_LINK_H
#define API_ENGINE_LINK_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct engine_link;

enum {
	ENGINE_ANSWER_MAX = 4 << 20 /* bytes of an answer */
};

int engine_link_new(const void *ctx, const char *path, struct engine_link **ret,
		    struct err *err) must_check;
/* Calls under way come back soon, with ERR_ABSENT; from any thread. */
void engine_link_end(struct engine_link *e);
void engine_link_free(struct engine_link **link);
void engine_wake(struct engine_link *e);
/*
 * Sends REQUEST, waits for its answer. An answer that says "ok": false is an error too: its words,
 * and its field in err->path. *RET is the caller's (json_decref).
 */
int engine_call(struct engine_link *e, const json_t *request, int64_t timeout_ms, json_t **ret,
		struct err *err) must_check;
/*
 * A connection on which events come (reconciler/daemon_follow.h), after an answer to our "follow".
 * Lines are the caller's to read; *RET is its own. Blocks for a second at most.
 */
int engine_follow(struct engine_link *e, int *ret, struct err *err) must_check;

#endif
