/*
 * Locks over whole files that other programs take with fcntl(2): the shadow
 * tools' /etc/.pwd.lock, Postfix's maps.
 *
 * Ours are open file description locks (F_OFD_SETLK): they exclude, and are
 * excluded by, the classic F_SETLK locks of those programs, but do not vanish
 * when another descriptor of the same file is closed, as classic ones do. A
 * lock lives until lockfile_drop or until the last copy of its descriptor is
 * closed; taking another type converts it in place.
 */
#ifndef RECONCILER_LOCKFILE_H
#define RECONCILER_LOCKFILE_H

#include "base/err.h"

/*
 * Waits at most TIMEOUT_MS for a lock of TYPE (F_RDLCK or F_WRLCK) on FD; -ERR_BUSY when
 * somebody else still holds it then. NAME is for the message.
 */
int lockfile_wait(int fd, short type, int timeout_ms, const char *name, struct err *err) must_check;
void lockfile_drop(int fd);

#endif
