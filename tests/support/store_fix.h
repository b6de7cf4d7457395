/*
 * A store in memory and a change set to fill, for unit tests of model/.
 *
 * fix_put(f, &kind_x, "field", "text", ..., NULL) adds to the change set,
 * fix_commit() applies it and commits; the next one starts empty. What is set
 * in `next` beforehand goes with the next revision.
 */
#ifndef TESTS_STORE_FIX_H
#define TESTS_STORE_FIX_H

#include "model/store.h"

struct store_fix {
	void *ctx;
	struct store *s;
	struct changeset cs;
	struct problems problems;
	struct revision next; /* given fields of the next revision; cleared by it */
	struct revision rev;  /* the last one */
	struct err err;
};

void fix_open(struct store_fix *f);
void fix_done(struct store_fix *f);
void fix_put(struct store_fix *f, const struct kind *k, ...);
void fix_del(struct store_fix *f, const struct kind *k, const char *key);
/* Applies without committing; what store_apply() returned. */
int fix_apply(struct store_fix *f);
int fix_commit(struct store_fix *f);
/* "RESOURCE FIELD: MESSAGE" a line. */
const char *fix_problems(struct store_fix *f);
/* The change set must be refused with a problem that has TEXT in it. */
void fix_refused(struct store_fix *f, const char *text);
/* The change set must become a revision. */
void fix_committed(struct store_fix *f);
/* Account john with the domain and the zone example.com, in one revision. */
void fix_john(struct store_fix *f);

#endif
