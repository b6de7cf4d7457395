/*
 * Events: what changes, told to all who listen (GET events/stream).
 *
 * One thread, one connection to the engine (its "follow"), however many
 * listen. What happened lies in a ring with numbers; a listener is a place in
 * it, a few dozen bytes, without a thread or a timer. A number holds for this
 * run of the API: who comes back with one that is not in the ring, or reads
 * so slowly that it falls out, is told "reset" and asks for the state anew.
 * Nobody is told of a resource that it may not see. While nobody has listened
 * for some minutes nothing is followed and nothing kept.
 *
 *   hello     {"revision","applied","engine"}  first of a stream that begins
 *   reset     the same: what was missed is not known any more
 *   engine    {"state":"up"|"down","applied"}  after "up" ask for the state too
 *   applied   {"revision"}, to admins with "actions" and "failed"
 *   condition {"resource","type","reason","message","revision"}
 *   revision  {"revision","time","actor","action","resources","truncated"}
 *
 * A stream ends when its session or token does, its user is suspended or gets
 * another role (seen within seconds), and at the stop.
 */
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct api;
struct call;
struct events;

struct events_opts {
	unsigned streams;     /* in all; 0: 8192 */
	unsigned per_user;    /* of users; resellers four times that, admins no limit; 0: 32 */
	unsigned per_address; /* of an IPv4 address or IPv6 /64, not of loopback; 0: 128 */
	unsigned kept;        /* events in the ring; 0: 4096 */
	size_t lag_max; /* bytes that a listener may not have taken before it is reset; 0: 16 KiB */
};

/* What is known of the engine without asking. */
struct events_view {
	bool is_known, is_up; /* not known: nobody has listened of late */
	int64_t applied;      /* -1: not known */
	size_t listeners;
};

int events_start(struct api *api, const struct events_opts *opts, struct events **ret,
		 struct err *err) must_check;
/* Ends the thread and all streams; events_open() goes on to refuse. */
void events_end(struct events *e);
void events_free(struct events **e); /* ends it first */
/* A revision may have come. From any thread; never blocks. */
void events_wake(struct events *e);
/* LAST: the id that the client saw last, or NULL. When it returns 0, C was answered and is gone. */
int events_open(struct events *e, struct call *c, const char *last, struct err *err) must_check;
/* Also keeps the engine followed for some minutes. */
void events_peek(struct events *e, struct events_view *ret);

#endif
