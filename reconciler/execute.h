/*
 * Carrying a plan out: identities, folders, files, quotas, maps, reloads, zones, logins,
 * withdrawals, trash, in this order; then the manifest learns it.
 *
 * Files are written under temporary names, made durable together, renamed,
 * and the folders made durable. What is about to change stands in the journal
 * first. A failure is that action's own: its resource gets a condition, the
 * rest goes on. Killed anywhere, the next pass compares and goes on.
 */
#ifndef RECONCILER_EXECUTE_H
#define RECONCILER_EXECUTE_H

#include "reconciler/plan.h"

typedef void progress_fn(const char *what, size_t done, size_t total, void *arg);

struct execution {
	progress_fn *progress; /* or NULL */
	void *arg;
	size_t done, failed;
	size_t reloads;
	bool wants_whole; /* a reload was refused: judge everything together, once */
};

int plan_execute(struct plan *p, struct execution *x, struct err *err) must_check;
/* After a crash: removes temporary files, and takes what was finished into the manifest. */
int execute_recover(struct engine *e, struct err *err) must_check;

#endif
