/*
 * Differences between revisions as answers tell them: resource by resource,
 * field by field, as JSON; as text, a unified diff of their YAML; and as the
 * change set that a dry run is planned from.
 */
#ifndef API_DELTA_H
#define API_DELTA_H

#include "api/sight.h"

enum {
	DELTA_MAX = 1000,            /* resources in an answer */
	DELTA_TEXT_MAX = 256 * 1024, /* of its text */
};

struct delta {
	const struct sight *sight; /* NULL: all is told */
	int64_t from, to;
	struct buf *text;  /* NULL: none */
	json_t *plan;      /* a list, to which changes are added; NULL: none */
	int64_t n, more;   /* told: resources, and how many did not fit */
	const char *first; /* told: the first resource */
};

/* Adds the members `changes` and `more` to the object that is open in the answer. */
int delta_put(struct call *c, struct delta *d, struct err *err) must_check;
/*
 * Ends a write whose answer is what it changed: REV, which the store answered with R. PROBLEMS
 * become errors under the resources' names. On a dry run the plan is asked for.
 */
int delta_answer(struct call *c, int r, const struct revision *rev, const struct problems *problems,
		 struct err *err) must_check;

#endif
