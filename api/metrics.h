/*
 * How many calls of what came to what end, and how long they took: counters
 * that threads add to without a lock. Labels are the table's own names, so
 * that no caller can make a new one.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct call;
struct metrics;

struct metrics *metrics_new(const void *ctx);
/* CLOCK_MONOTONIC in microseconds. */
int64_t metrics_now(void);
/* C is answered with STATUS. From any thread. */
void metrics_count(struct metrics *m, const struct call *c, unsigned status);
/* Prometheus' text format, 0.0.4. */
void metrics_put(struct metrics *m, struct buf *out);

#endif
