/*
 * Wrong passwords and codes, counted per user beside the rate limit of
 * addresses (rate.h), which many addresses together get around. Kept in
 * api.db: a restart forgets nothing.
 *
 * After api_guess_limit failures within the last api_guess_minutes, tries for
 * that user are refused with 429 and Retry-After before anything is compared:
 * the answer and its time are the same whether the password would have been
 * right. Names that nobody has are counted like users, so that being refused
 * tells nothing of who exists.
 *
 * From an address where this user has logged in before, tries are not refused:
 * else anybody could lock an owner out by typing wrong passwords for him. A
 * guesser there still meets the rate limit of the address, and each failure
 * is in the log and the audit. A panel that logs its users in from one address
 * must say whom it speaks for and be among trusted_proxies (client.h): else
 * that address is known for all of them.
 *
 * The table is bounded: of a name no more failures are kept than can count,
 * of names that nobody has NOBODIES_MAX; so a flood of made-up names never
 * makes the failures of a user forgotten.
 */
#ifndef API_GUESS_H
#define API_GUESS_H

#include "api/call.h"

/* What is guessed at. */
#define GUESS_LOGIN   "login"   /* a password or code to get in */
#define GUESS_CODE    "code"    /* a code after the right password, from an address that is known */
#define GUESS_CONFIRM "confirm" /* a password or code asked for again within a session */

struct guess {
	const char *what;
	const char *name; /* of the user, or what was typed for one */
	bool is_user;
};

/* ERR_DENIED, status 429: too many were wrong lately. */
int guess_admit(struct call *c, const struct guess *g, struct err *err) must_check;
/* One more was wrong. */
int guess_wrong(struct call *c, const struct guess *g, struct err *err) must_check;
/* 1: USER has logged in from the call's address before. */
int guess_knows(struct call *c, int64_t user, struct err *err) must_check;
/* USER has. */
int guess_know(struct call *c, int64_t user, struct err *err) must_check;
/* The call's address as what counts as one place: an IPv6 user has a whole /64. */
const char *guess_place(struct call *c);
/* Forgets what cannot count any more. */
int guess_clean(struct sql *db, int64_t now, struct err *err) must_check;

#endif
