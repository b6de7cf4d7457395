/*
 * One novacpxd a root: a locked file that holds its process id.
 *
 * The lock lives as long as the descriptor. The file stays behind: removing it
 * could remove the lock of the next one.
 */
#ifndef RECONCILER_DAEMON_ALONE_H
#define RECONCILER_DAEMON_ALONE_H

#include "base/err.h"

#define DAEMON_PID "/run/novacpx/novacpxd.pid"

/* The descriptor that holds the lock; -ERR_BUSY when another one runs, which the message names. */
int daemon_alone(int root, int *ret_fd, struct err *err) must_check;

#endif
