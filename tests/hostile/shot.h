/*
 * One hostile request: a valid call of a row of the endpoint table, as
 * tests/support/samples.c has it, spoilt in its values, its form, its head,
 * its framing, its bytes, or by what is sent along with it.
 */
#ifndef TESTS_HOSTILE_SHOT_H
#define TESTS_HOSTILE_SHOT_H

#include "tests/hostile/noise.h"
#include "tests/support/panel.h"

struct shot {
	const char *label; /* "dns/add-record as john: values" */
	char *data;
	size_t len;
	size_t piece;    /* bytes that are sent at once; 0: all */
	bool is_sound;   /* HTTP as it should be: exactly one answer is due */
	bool is_head;    /* or one of them: answers may have no body */
	bool is_left;    /* the client does not wait for the answer */
	bool is_raw_tls; /* sent to the TLS port as it is */
};

/* On CTX. PANEL knows the sessions. */
struct shot shot_make(const void *ctx, struct noise *n, struct panel *panel);

#endif
