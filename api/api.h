/*
 * The API process as its parts see it.
 *
 * Threads: those of the server read; the writer changes desired state; hashers
 * compute password hashes; waiters talk to the engine. Each has a seat: its
 * own database connections. What is shared is the members below, which do not
 * change after the start, or lock themselves.
 */
#ifndef API_API_H
#define API_API_H

#include <pthread.h>

#include "api/call.h"
#include "api/engine_link.h"
#include "api/events.h"
#include "api/keeper.h"
#include "api/live.h"
#include "api/metrics.h"
#include "api/operations.h"
#include "api/rate.h"
#include "api/server.h"
#include "api/work.h"

#ifndef NOVACPX_VERSION
#	define NOVACPX_VERSION "0.1"
#endif

struct api_opts {
	const char *model;      /* path of model.db */
	const char *db;         /* path of api.db */
	const char *engine;     /* path of the engine's socket */
	const char *access_log; /* failed logins, for fail2ban; NULL: none */
	struct http_opts http;
	struct events_opts events;
	struct rate_opts rate; /* limits above 0 stand above the model's settings */
	/* addresses and networks whose X-Forwarded-For is believed beside the setting's; NULL ends; or NULL */
	const char *const *proxies;
	unsigned hashers, waiters; /* threads; 0: 2, 32 */
};

struct api {
	struct api_opts opts;
	pthread_key_t seats;
	struct http *http;
	struct rate *rate;
	struct live *live;
	struct keeper *keeper;
	struct engine_link *engine;
	struct events *events;
	struct operations *operations;
	struct metrics *metrics;
	struct work *writer, *hashers, *waiters;
	struct expiry *expiry; /* of revisions on trial */
	int64_t started;       /* seconds since 1970 */
};

int api_start(const void *ctx, const struct api_opts *opts, struct api **ret,
	      struct err *err) must_check;
void api_stop(struct api **ret);

/* This thread's connections, opened when they are first asked for. */
int api_seat(struct api *api, struct seat **ret, struct err *err) must_check;

#endif
