/*
 * The settings of the model that the API itself lives by, as they hold now.
 *
 * Read at the start and again whenever the head of the revisions has moved
 * (the keeper asks each second), so a change needs no restart. Options of the
 * command line, for tests, stand above them. All functions may be called from
 * any thread; live_read() from one at a time.
 */
#ifndef API_LIVE_H
#define API_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/store.h"

struct api_opts;
struct live;

enum live_int {
	LIVE_RATE,
	LIVE_LOGIN_RATE,
	LIVE_SESSION_HOURS,
	LIVE_PORT_ROLES,
	LIVE_GUESS_LIMIT,
	LIVE_GUESS_MINUTES,
	LIVE_INTS
};

int live_new(const void *ctx, const struct api_opts *opts, struct live **ret,
	     struct err *err) must_check;
/* 1 when there was something new to read, 0 when not. */
int live_read(struct live *l, struct store *s, struct err *err) must_check;
int64_t live_int(const struct live *l, enum live_int which);
/* Whether what the proxy ADDRESS says about its client is believed. */
bool live_trusts(struct live *l, const char *address);
/* Whether the panel is known by this name of LEN bytes; by any where none is set. */
bool live_is_host(struct live *l, const char *name, size_t len);

#endif
