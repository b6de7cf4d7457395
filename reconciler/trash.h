/*
 * The trash: data of what was terminated, kept for `trash_days`.
 *
 * Restoring moves the data back under the same user id (numbers of data in
 * the trash are not given to anybody else) and undoes the account's part of
 * the revision that terminated it.
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
/* Moves the newest data of ACCOUNT back; ERR_CONFLICT when something stands in its place. */
int trash_restore_data(struct engine *e, const char *account, struct err *err) must_check;
/* Brings the account's resources back, in a transaction, as store_apply(). */
int trash_restore_state(struct engine *e, const char *account, struct revision *rev,
			struct problems *problems, struct err *err) must_check;

/* After a restore: forgets entries whose data is no longer in the trash. */
int trash_settle(struct engine *e, const char *account, struct err *err) must_check;

#endif
