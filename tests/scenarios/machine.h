/*
 * Throw-away machines: folders with what Debian's packages would have put
 * there, whose daemons are recording verbs that keep what they know in files
 * beneath /run/scenario, so that it outlives the process that is killed.
 *
 * The clock is the machine's: 2026-11-23 12:00 UTC and as far on as a
 * scenario says. Functions end the process with a message when the ground
 * itself fails (no memory disk, no rights): that is no result of a test.
 */
#ifndef SCENARIOS_MACHINE_H
#define SCENARIOS_MACHINE_H

#include <stdint.h>

#include "base/buf.h"
#include "reconciler/engine.h"

/* Seconds since the clock's beginning. */
void clock_set(int64_t seconds);

noreturn_ void broken(const char *fmt, ...) format_(1, 2);
/* The same with the text of errno behind. */
noreturn_ void broken_sys(const char *fmt, ...) format_(1, 2);

/* Copies a tree with owners and modes; TO must not exist. */
void tree_copy(const char *from, const char *to);
void tree_remove(const char *path);
/* A new machine from the fixture folder. */
void machine_make(const char *fixture, const char *root);

/* Gives TO the desired state of FROM, as if it had been there always. */
void machine_take_model(const char *from, const char *to);

/* The engine of ROOT with recording verbs. */
struct engine *machine_open(const void *ctx, const char *root);

extern const struct verbs verbs_recording;
/* What daemons were told since the last call, a line each, on CTX. */
const char *machine_events(const void *ctx, struct engine *e);

enum listing {
	LIST_BRIEF,  /* for people: a file as rendered has no digest */
	LIST_WHOLE,  /* for comparing two ends: digests, without the engine's bookkeeping */
	LIST_WANTED, /* for comparing with another machine: nothing that history left behind */
};

/* The machine as sorted lines. */
void machine_list(struct engine *e, enum listing how, struct buf *out);

#endif
