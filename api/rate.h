/*
 * How many requests a client may make in a minute: counted before anything
 * else is known of it, in windows of 60 s from its first request, so that
 * neither guessing passwords nor 401s are free.
 *
 * A client is an IPv4 address or an IPv6 /64. The table is bounded: when it is
 * full of clients whose window still runs, the one with the fewest requests of
 * those looked at gives its place, so that no flood of addresses makes room
 * for itself by emptying the count of a busy one. All functions may be called
 * from any thread.
 */
#ifndef API_RATE_H
#define API_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct rate;

enum rate_class {
	RATE_OTHER,
	RATE_LOGIN,
	RATE_CLASSES
};

struct rate_opts {
	int64_t limit[RATE_CLASSES]; /* requests in a window; 0 or less: 120, 10 */
	size_t clients;              /* that are remembered at once; 0: 65536 */
};

struct rate_state {
	int64_t limit, remaining;
	int64_t reset; /* seconds since 1970 when the window ends */
};

struct rate *rate_new(const void *ctx, const struct rate_opts *opts);
/* From now on; counts go on. From any thread. */
void rate_set_limits(struct rate *r, const int64_t limits[RATE_CLASSES]);
/* Counts one request at NOW (seconds since 1970). False: over the limit. */
bool rate_take(struct rate *r, const char *address, enum rate_class class, int64_t now,
	       struct rate_state *ret);

#endif
