/*
 * A store in memory and state files read into it, for tests of state/.
 */
#ifndef TESTS_STATE_FIX_H
#define TESTS_STATE_FIX_H

#include "base/buf.h"
#include "base/mem.h"
#include "model/store.h"
#include "state/statefile.h"

struct state_fix {
	void *ctx;
	struct store *store;
	struct statefile *sf; /* of the last read */
	struct changeset cs;
	struct problems problems;
	struct err err;
	bool prune;
	unsigned flags;
	int root; /* descriptor of "/" */
};

void state_setup(struct state_fix *f);
void state_done(struct state_fix *f);
/* Reads a file or folder, applies and commits: what store_apply() returns, or an error. */
int state_apply_path(struct state_fix *f, const char *path);
int state_apply_text(struct state_fix *f, const char *text);
/* The same, and it must change something (N: how many resources changed; negative: any). */
void state_must_apply(struct state_fix *f, const char *text);
/* What a user sees of the last read's problems. */
const char *state_problems(struct state_fix *f);
int64_t state_head(struct state_fix *f);

#endif
