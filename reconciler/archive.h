/*
 * Keeping what was in history.git: branch `live` gets the texts of each
 * applied pass, branch `main` the wanted state of each revision. Outside the
 * latency of any caller; what fails here is made up for by the next pass, for
 * rollback never needs it. Secrets never enter: files that hold them are
 * represented by a keyed digest.
 */
#ifndef RECONCILER_ARCHIVE_H
#define RECONCILER_ARCHIVE_H

#include "reconciler/plan.h"

/* Before P is carried out: what somebody else had written where it will write. */
int archive_found(struct plan *p, struct err *err) must_check;
/* With the journal of a run: `live` will have to learn what it does. */
int archive_owe(struct engine *e, struct err *err) must_check;
/* After a run that ended early: the next archive_live() looks at the whole manifest. */
int archive_behind(struct engine *e, struct err *err) must_check;
/* What P did. */
int archive_live(struct plan *p, struct err *err) must_check;
/* The wanted state of all revisions that are not in `main` yet. */
int archive_desired(struct engine *e, struct err *err) must_check;

#endif
