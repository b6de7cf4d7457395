/*
 * What comes back, read as a strict client would.
 */
#ifndef TESTS_HOSTILE_ANSWER_H
#define TESTS_HOSTILE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	STATUS_MAX = 600
};

struct answers {
	size_t n; /* answers but 100 */
	size_t of_status[STATUS_MAX];
};

/*
 * Checks all answers in TEXT and counts them. NULL, or what is wrong (on CTX). IS_HEAD: they may have no
 * bodies; IS_CUT: the connection was reset, the last one may be incomplete.
 */
const char *answers_check(const void *ctx, const char *text, size_t len, bool is_head, bool is_cut,
			  struct answers *count);

#endif
