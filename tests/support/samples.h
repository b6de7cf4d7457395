/*
 * What a good call of each row of the endpoint table sends, in the world of
 * tests/support/panel.h, as account john's holder, reseller or admin would.
 * The contract test walks the table by it and fails for rows it lacks. "$SESSION"
 * stands for jane's session, "$TRIAL" for a revision of john's that waits to be
 * confirmed.
 */
#ifndef TESTS_SUPPORT_SAMPLES_H
#define TESTS_SUPPORT_SAMPLES_H

#include <stddef.h>

struct sample {
	const char *path; /* "email/create" */
	const char *body; /* a JSON object; for GET it becomes the query */
	const char *left; /* names of parameters that it leaves out, between blanks; NULL: none */
};

extern const struct sample samples[];
extern const size_t n_samples;

#endif
