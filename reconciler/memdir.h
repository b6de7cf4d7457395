/*
 * Folders in memory for a while: /dev/shm/novacpx-XXXXXX, 0700. Whoever made
 * one holds a lock (flock) on it as long as it is in use, so that what a killed
 * run left behind is told from what another run, also of another root, uses.
 */
#ifndef RECONCILER_MEMDIR_H
#define RECONCILER_MEMDIR_H

#include "base/err.h"

struct memdir {
	char path[32]; /* "": none */
	int lock;      /* open while path is set */
};

#define MEMDIR_NONE        \
	{                  \
		.lock = -1 \
	}

int memdir_make(struct memdir *s, struct err *err) must_check;
/* Removes it with all that is in it; nothing when there is none. */
int memdir_remove(struct memdir *s, struct err *err) must_check;
/* Removes what dead runs left. What cannot be removed is left for the next time. */
void memdir_sweep(void);

#endif
