/*
 * What novacpx-api gives up before it listens to anybody.
 *
 * In this order, before the first thread: confine_user(), confine_files();
 * when the listening sockets are open confine_syscalls(), which reaches
 * threads that run already. Nothing of it can be taken back, children inherit
 * it. Each fails rather than leave something half done.
 *
 * capabilities(7), landlock(7), seccomp(2); docs/adr/0021.
 */
#ifndef API_CONFINE_H
#define API_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Becomes the user NAME of ROOT/etc/passwd when started as root, with its group alone. Then, and
 * when started as somebody else: no capability in any set, none by set-uid programs, no core
 * files, files for the user alone.
 */
int confine_user(const char *root, const char *name, struct err *err) must_check;

struct confine_path {
	const char *path; /* file or folder; NULL, and one that is not there, is left out */
	bool is_writable;
};

/*
 * Nothing but PATHS and what libraries read can be opened from here on. 1, or 0 when the kernel
 * has no Landlock.
 */
int confine_files(const struct confine_path *paths, size_t n, struct err *err) must_check;

/*
 * No system calls but those of a server that has its sockets: no programs, processes, listening,
 * sockets but of Unix, changes of owners. What only an attack asks for ends the process.
 */
int confine_syscalls(struct err *err) must_check;

#endif
