/*
 * What daemons are still to be told: written down before files change, settled
 * when they were told. After a crash in between the files are as wanted and
 * only these rows know that a daemon runs something older.
 *
 * A row is "reload SERVICE", "zone NAME" or "logins FILE". In a map of them a key whose value
 * is NULL is settled.
 */
#ifndef RECONCILER_OWED_H
#define RECONCILER_OWED_H

#include "base/strmap.h"
#include "model/sql.h"

#define OWED_RELOAD "reload "
#define OWED_ZONE   "zone "
#define OWED_LOGINS "logins " /* Dovecot is to be asked whether it has them */

/* Adds what is owed to RET, with keys on its context. */
int owed_load(struct sql *db, struct strmap *ret, struct err *err) must_check;
int owed_put(struct sql *db, const char *what, struct err *err) must_check;
/* Puts what is not settled of OWED in the place of all rows. */
int owed_replace(struct sql *db, const struct strmap *owed, struct err *err) must_check;

#endif
