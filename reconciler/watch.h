/*
 * Watching the folders that hold our artifacts, so that an edit by hand is
 * mended at once.
 *
 * inotify on every folder with files of ours (tenants' own folders are left
 * to the sweeps: whoever can write there could keep root busy) and on the
 * administrator's include folders. What happened comes out as scopes to look
 * at. Our own writes are told from others' by the manifest's stamp of the
 * file, so nothing has to be dropped blindly.
 * Watches are a short cut: what they miss, the next sweep finds. Reaching the
 * kernel's limit or MAX leaves the remaining folders to the sweeps.
 */
#ifndef RECONCILER_WATCH_H
#define RECONCILER_WATCH_H

#include "reconciler/engine.h"

struct watch;

/* Watches nothing yet; from now on notes which folders E's passes write to. Freed with CTX. */
int watch_new(const void *ctx, struct engine *e, size_t max, struct watch **ret,
	      struct err *err) must_check;
/* For polling: readable when something happened. */
int watch_fd(const struct watch *w);

enum watch_news {
	WATCH_NOTHING = 0,
	WATCH_DRIFT = 1 << 0, /* scopes were added */
	WATCH_LOST = 1 << 1,  /* the kernel dropped events: only a full pass finds what they were */
};

/*
 * All folders of the manifest, anew; watches of others end. What was edited in a folder before it was
 * watched is seen now: scopes are added to SCOPES. Flags of watch_news.
 */
int watch_refresh(struct watch *w, struct strmap *scopes, struct err *err) must_check;
/* The same for the folders that passes of this process wrote to since the last call. */
int watch_follow(struct watch *w, struct strmap *scopes, struct err *err) must_check;
/* Reads what happened; adds scopes to look at to SCOPES (keys on its ctx). Flags of watch_news. */
int watch_read(struct watch *w, struct strmap *scopes, struct err *err) must_check;

size_t watch_count(const struct watch *w);
/* NULL, or why some folders are not watched. */
const char *watch_limit(const struct watch *w);

#endif
