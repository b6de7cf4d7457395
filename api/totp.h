/*
 * One-time codes by time (RFC 6238): HMAC-SHA-1, six digits, steps of 30 s.
 * Pure: no clock, no database. Secrets are 20 bytes, as RFC 4226 section 4
 * recommends; apps read them as base32 (RFC 4648) without padding.
 */
#ifndef API_TOTP_H
#define API_TOTP_H

#include <stddef.h>
#include <stdint.h>

enum {
	TOTP_SECRET_LEN = 20,
	TOTP_STEP_S = 30,
	TOTP_DIGITS = 6,
	TOTP_DRIFT = 1, /* steps that a clock may be off, either way */
};

/* The code of a step (seconds since 1970, divided by TOTP_STEP_S). */
uint32_t totp_code(const uint8_t *secret, size_t len, int64_t step);
/*
 * The step that CODE is of: the one of NOW or TOTP_DRIFT around it, but later than LAST, whose code
 * was used. -1: none. The time it takes does not tell how much of CODE is right.
 */
int64_t totp_step(const uint8_t *secret, size_t len, const char *code, int64_t now, int64_t last);
/* DATA as base32, on CTX. */
char *totp_base32(const void *ctx, const uint8_t *data, size_t len);

#endif
