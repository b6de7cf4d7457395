/*
 * The trash: data of what was terminated, kept for `trash_days`.
 *
 * Restoring undoes the account's part of the revision that terminated it; the
 * plan then brings the data back, as it does after a rollback or revert: for
 * a resource that is older than its data's way into the trash, never for a
 * new one of the same name. Numbers of data in the trash are given to nobody.
 */
#ifndef RECONCILER_TRASH_H
#define RECONCILER_TRASH_H

#include "reconciler/engine.h"

struct trash_entry {
	const char *name, *account, *path, *origin;
	int64_t uid, rev, time;
};

typedef int trash_fn(const struct trash_entry *t, void *arg, struct err *err);

/* All entries, or those of ACCOUNT. */
int trash_each(struct engine *e, const char *account, trash_fn *fn, void *arg,
	       struct err *err) must_check;
/* Removes for good: of ACCOUNT, or (NULL) what is older than trash_days. Returns how many. */
int64_t trash_purge(struct engine *e, const char *account, struct err *err) must_check;
/* Brings the account's resources back, in a transaction, as store_apply(). */
int trash_restore_state(struct engine *e, const char *account, struct revision *rev,
			struct problems *problems, struct err *err) must_check;

#endif
