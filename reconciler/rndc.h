/*
 * A client of BIND's control channel: what rndc(8) does, without a process.
 *
 * One connection carries many calls; named closes it when it is idle for its
 * tcp-idle-timeout (30 s), then the next call connects anew by itself. A call
 * that was sent is never sent a second time. Each connection begins with an
 * exchange that proves both sides hold the key and fixes a nonce, so nothing
 * recorded earlier can be played back to either side; every reply's HMAC,
 * serial and nonce are checked before a byte of it is used.
 * A `struct rndc` belongs to its talloc context; freeing it closes the
 * connection and wipes the key. Errors: ERR_ABSENT named is not running,
 * ERR_TIMEOUT no answer by the deadline (the command may still be done),
 * ERR_DENIED the key is not the one named uses, ERR_CHECK named said no.
 */
#ifndef RECONCILER_RNDC_H
#define RECONCILER_RNDC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rndc;

struct rndc_at {
	const char *host;    /* address; NULL: 127.0.0.1 */
	uint16_t port;       /* 0: 953 */
	int root;            /* where the key file lies beneath */
	const char *keyfile; /* NULL: /etc/bind/rndc.key */
	int timeout_ms;      /* of each call; 0: 10 s */
};

int rndc_open(const void *ctx, const struct rndc_at *at, struct rndc **ret,
	      struct err *err) must_check;
/* cleanup_(rndc_freep) */
void rndc_freep(struct rndc **r);

/* What a command came to when it was refused with ERR_CHECK. */
enum rndc_refusal {
	RNDC_OTHER,
	RNDC_NOTFOUND, /* no such zone */
	RNDC_EXISTS,   /* the zone is there already */
};

/* COMMAND as one would write behind `rndc`. *RET_TEXT (NULL: not wanted) is on CTX, "" if named said nothing. */
int rndc_call(const void *ctx, struct rndc *r, const char *command, char **ret_text,
	      struct err *err) must_check;
enum rndc_refusal rndc_refusal(const struct rndc *r);

/*
 * Zones. A name that is not made of letters, digits, hyphens and dots is ERR_INVALID and is not
 * sent. CONFIG is one `{ ... };` block. A zone that exists already is ERR_CONFLICT for add; one that
 * does not is ERR_NOTFOUND for the others. add and del need `allow-new-zones yes`.
 */
int rndc_zone_add(struct rndc *r, const char *zone, const char *config, struct err *err) must_check;
int rndc_zone_del(struct rndc *r, const char *zone, struct err *err) must_check;
/*
 * named answers "queued" before it has read the file, also when the file is broken (it then goes on
 * serving the old content): whether the new content is served, only rndc_zone_serial tells.
 */
int rndc_zone_reload(struct rndc *r, const char *zone, struct err *err) must_check;
/* The serial that is loaded (of the unsigned zone, where named signs). */
int rndc_zone_serial(struct rndc *r, const char *zone, uint32_t *ret, struct err *err) must_check;
/* Whether it is one of those that named makes of itself (RFC 6303): a primary zone of no file. */
int rndc_zone_is_builtin(struct rndc *r, const char *zone, bool *ret, struct err *err) must_check;

/* Whether NAME may stand in a command. */
int rndc_check_zone(const char *name, struct err *err) must_check;
/* Whether CONFIG is exactly one block, so that nothing can follow it. */
int rndc_check_config(const char *config, struct err *err) must_check;

#endif
