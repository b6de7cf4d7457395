/*
 * The ring of events, and how one reads to somebody. No threads, no databases:
 * who may see which part was found out when the event came.
 */
#ifndef API_EVENTS_RING_H
#define API_EVENTS_RING_H

#include "api/call.h"

/* A resource that an event is about, and whose it is. */
struct event_part {
	const char *resource;        /* "domain/a.example" */
	const char *user, *reseller; /* who may see it besides admins; NULL: nobody */
};

enum {
	EVENT_PARTS_MAX = 2000, /* that are kept of one event */
	EVENT_SHOWN_MAX = 100,  /* that are told of one event */
	EVENT_RING_BYTES = 8 << 20,
};

struct event {
	const char *name;           /* a literal */
	const char *admin, *others; /* JSON objects; OTHERS NULL: theirs is the admins' */
	bool is_of_parts;           /* others see it only when they may see one of the parts */
	bool lists_parts;           /* "resources" with those that the reader may see comes in */
	bool is_cut;                /* it had more parts than are kept */
	struct event_part *parts;
	size_t n_parts, parts_cap;
	size_t size; /* filled by ring_add() */
};

struct ring {
	struct event **v; /* each a talloc block of its own */
	size_t max, bytes;
	uint64_t floor, next; /* numbers that are there: floor <= n < next */
	uint32_t epoch;       /* of this run, in all ids */
};

/* Who reads. */
struct reader {
	enum role role;
	const char *username;
};

void ring_init(const void *ctx, struct ring *r, size_t max);
void ring_clear(struct ring *r);
/* An event of its own, to be filled and added. */
struct event *event_new(const char *name);
void event_part(struct event *ev, const char *resource, const char *user, const char *reseller);
/* EV is the ring's then. */
void ring_add(struct ring *r, struct event *ev);
/* The number to go on with after ID ("0123abcd-17"). False: not of this run, or not there any more. */
bool ring_after(const struct ring *r, const char *id, uint64_t *ret);

enum event_told {
	EVENT_NOT, /* nothing of it is the reader's */
	EVENT_TOLD,
	EVENT_RESET, /* whether something is the reader's is not known any more */
};

/* Event number SEQ as the stream's text. */
enum event_told ring_tell(const struct ring *r, uint64_t seq, const struct reader *who,
			  struct buf *out);
/* Any event, with the id of the newest. DATA is a JSON object. */
void ring_say(const struct ring *r, const char *name, const char *data, struct buf *out);

#endif
