#include "api/rate.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

enum {
	WINDOW_S = 60,
	CLIENTS = 65536,
	LOOK = 8, /* slots that a client may lie in */
};

struct client {
	uint8_t address[17]; /* family, then the address or the first 8 bytes of it */
	int64_t since[RATE_CLASSES];
	int64_t count[RATE_CLASSES];
};

struct rate {
	int64_t limit[RATE_CLASSES];
	pthread_mutex_t lock; /* of the clients */
	struct client *clients;
	size_t n; /* a power of two */
};

static int rate_done(struct rate *r)
{
	(void)pthread_mutex_destroy(&r->lock);
	return 0;
}

struct rate *rate_new(const void *ctx, const struct rate_opts *opts)
{
	static const int64_t limits[RATE_CLASSES] = { [RATE_OTHER] = 120, [RATE_LOGIN] = 10 };
	size_t wanted = opts->clients ? opts->clients : CLIENTS;
	struct rate *r = mem_new(ctx, struct rate);

	for (int i = 0; i < RATE_CLASSES; i++)
		r->limit[i] = opts->limit[i] > 0 ? opts->limit[i] : limits[i];
	for (r->n = LOOK; r->n < wanted; r->n *= 2)
		;
	r->clients = mem_zero(r, r->n * sizeof(*r->clients));
	(void)pthread_mutex_init(&r->lock, NULL);
	talloc_set_destructor(r, rate_done);
	return r;
}

void rate_set_limits(struct rate *r, const int64_t limits[RATE_CLASSES])
{
	(void)pthread_mutex_lock(&r->lock);
	memcpy(r->limit, limits, sizeof(r->limit));
	(void)pthread_mutex_unlock(&r->lock);
}

/* Who counts as one: an IPv6 user has a whole /64. */
static void key_of(const char *address, uint8_t key[17])
{
	struct in6_addr v6;
	struct in_addr v4;

	memset(key, 0, 17);
	if (inet_pton(AF_INET, address, &v4) == 1) {
		key[0] = 4;
		memcpy(key + 1, &v4, sizeof(v4));
	} else if (inet_pton(AF_INET6, address, &v6) == 1) {
		key[0] = 6;
		memcpy(key + 1, &v6, 8);
	}
}

static int64_t weight(const struct client *c, int64_t now)
{
	int64_t sum = 0;

	for (int i = 0; i < RATE_CLASSES; i++) {
		if (now - c->since[i] < WINDOW_S)
			sum += c->count[i];
	}
	return sum;
}

/* The client's slot, or the least busy of those it may have, emptied. */
static struct client *slot_of(struct rate *r, const uint8_t key[17], int64_t now)
{
	struct digest d = digest_of(key, 17);
	struct client *best = NULL;
	size_t at;

	memcpy(&at, d.b, sizeof(at));
	for (size_t i = 0; i < LOOK; i++) {
		struct client *c = &r->clients[(at + i) & (r->n - 1)];

		if (memcmp(c->address, key, 17) == 0)
			return c;
		if (!best || weight(c, now) < weight(best, now))
			best = c;
	}
	memset(best, 0, sizeof(*best));
	memcpy(best->address, key, 17);
	return best;
}

bool rate_take(struct rate *r, const char *address, enum rate_class class, int64_t now,
	       struct rate_state *ret)
{
	uint8_t key[17];
	struct client *c;
	bool is_allowed;

	key_of(address, key);
	(void)pthread_mutex_lock(&r->lock);
	c = slot_of(r, key, now);
	/* a clock that was set back must not lock anybody out */
	if (now - c->since[class] >= WINDOW_S || now < c->since[class]) {
		c->since[class] = now;
		c->count[class] = 0;
	}
	is_allowed = c->count[class] < r->limit[class];
	c->count[class] += is_allowed;
	*ret = (struct rate_state){ .limit = r->limit[class],
				    .remaining = MAX(r->limit[class] - c->count[class], 0),
				    .reset = c->since[class] + WINDOW_S };
	(void)pthread_mutex_unlock(&r->lock);
	return is_allowed;
}
