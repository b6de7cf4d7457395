/* What model/ itself needs beneath model/sql.h: the session extension. */
#ifndef MODEL_SQL_PRIV_H
#define MODEL_SQL_PRIV_H

#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <sqlite3.h>

#include "model/sql.h"

sqlite3 *sql_handle(struct sql *db);
/* The VFS for sql_open_guarded(), registered when first asked for. */
const char *sql_guard_vfs(void);
/* Says which file of the database NAME in DIR is the reason why it was not opened, if one is. */
int sql_guard_explain(int dir, const char *name, struct err *err);
/* The connection's last error, raised. */
int sql_fail(struct sql *db, struct err *err, const char *what);

#ifdef __clang_analyzer__ /* as in base/err.h */
#	define sql_fail(...) err_is_negative(sql_fail(__VA_ARGS__))
#endif

#endif
