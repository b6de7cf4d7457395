/*
 * Flapping: something else writes what we write, and each heals it from the
 * other for ever, with a reload each time.
 *
 * Heals of drift are counted per artifact in engine.db (changes that a
 * revision asked for are none). After `flap_limit` of them within an hour the
 * artifact is held: it stays as it is, its resource is Drifted (Flapping).
 * It is let go when the hour is over, when its resource is changed by a
 * revision, and by `novacpx pass --full --force`.
 */
#ifndef RECONCILER_FLAP_H
#define RECONCILER_FLAP_H

#include "reconciler/plan.h"

enum {
	FLAP_WINDOW_S = 3600
};

/* Of the actions of P from FROM on, drops those that are held; a finding says so. */
int flap_hold(struct plan *p, const char *scope, const char *part, size_t from,
	      struct err *err) must_check;
/* What P did, with its manifest rows, within their transaction. */
int flap_record(struct plan *p, struct err *err) must_check;
/* Whether an edit of the place is left as it is at NOW. */
int flap_is_held(struct sql *db, enum artifact_type type, const char *path, int64_t now, bool *ret,
		 struct err *err) must_check;

#endif
