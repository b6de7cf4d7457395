/*
 * A user's second factor: a secret for one-time codes (totp.h) and recovery
 * codes for the day the telephone is lost.
 *
 * The secret is shown once, at the set-up, and counts from the first right
 * code on. A code is taken once: its step, and those before it, are used up
 * in the same statement that finds them unused, whatever thread asks. Recovery
 * codes are 80 random bits each, kept as SHA-256, and go with their use.
 */
#ifndef API_FACTOR_H
#define API_FACTOR_H

#include "api/call.h"

enum {
	FACTOR_RECOVERY_CODES = 8
};

/* 1: on, 0: off. RET_LEFT (or NULL): how many recovery codes are left. */
int factor_is_on(struct call *c, int64_t user, int64_t *ret_left, struct err *err) must_check;
/* A new secret, in base32. ERR_CONFLICT: the factor is on. */
int factor_set_up(struct call *c, int64_t user, const char **ret, struct err *err) must_check;
/* 1: CODE is of the secret that was set up, which counts from now on; 0: it is wrong. */
int factor_turn_on(struct call *c, int64_t user, const char *code, struct err *err) must_check;
/* 1: CODE is right, a one-time or a recovery code, and is used up; 0: wrong. */
int factor_take(struct call *c, int64_t user, const char *code, struct err *err) must_check;
/* New recovery codes in place of the old ones, into the answer as the list KEY. */
int factor_put_recovery(struct call *c, int64_t user, const char *key, struct err *err) must_check;
/* Returns 1 when there was one. */
int factor_drop(struct call *c, int64_t user, struct err *err) must_check;

#endif
