/*
 * Queues of calls with threads that take from them: the writer (one thread,
 * which gets all that waits at once, to commit it together), the workers for
 * hashes, those that wait for the engine. Bounded: what does not fit is
 * refused at once, so that a storm of logins costs others nothing.
 */
#ifndef API_WORK_H
#define API_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct work;

enum {
	WORK_BATCH_MAX = 64
};

/* Takes N items at once, on a thread of the queue. */
typedef void work_fn(void **items, size_t n, void *arg);

struct work_opts {
	const char *name;
	unsigned threads;
	size_t waiting_max; /* items in the queue */
	size_t batch;       /* most items that FN gets at once; at most WORK_BATCH_MAX */
	work_fn *fn;
	void *arg;
};

int work_start(const void *ctx, const struct work_opts *opts, struct work **ret,
	       struct err *err) must_check;
/* False: the queue is full or ends. From any thread. */
bool work_put(struct work *q, void *item);
size_t work_waiting(struct work *q);
/* What is queued is still done; then the threads end. work_put() goes on to say false. */
void work_end(struct work *q);
void work_free(struct work **q); /* ends it first */

#endif
