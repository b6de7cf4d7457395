/* What model/ itself needs beneath model/sql.h: the session extension. */
#ifndef MODEL_SQL_PRIV_H
#define MODEL_SQL_PRIV_H

#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <sqlite3.h>

#include "model/sql.h"

sqlite3 *sql_handle(struct sql *db);
int sql_fail(struct sql *db, struct err *err, const char *what);

#endif
