/*
 * Postfix lookup tables of type lmdb (lmdb_table(5)), edited in place.
 *
 * A map is a `.lmdb` file that Postfix reads while we write it, so we do as
 * postmap(1) of Postfix 3.7 does: MDB_NOSUBDIR | MDB_NOLOCK, and fcntl locks
 * over the `.lmdb` file itself. A reader holds a shared lock for a lookup; a
 * writer takes the exclusive lock, which waits until no reader is on an old
 * snapshot, then goes down to a shared one, which keeps other writers out, and
 * commits. Postfix sees a batch wholly or not at all, and never has to be
 * reloaded for it.
 *
 * Keys and values are stored with a trailing NUL, as postmap does on Linux; a
 * file that was written without keeps being written without. Keys are expected
 * in lower case: Postfix folds what it looks up. Paths are resolved beneath a
 * root; the library gets the open file through /proc/self/fd.
 *
 * Nobody else may write: postmap(1) opens its write transaction before it waits
 * for the lock, so two of them at once ruin a map, and so would one beside us.
 * Our maps have no source file to run it on. `postmap -s` reads without a lock
 * between entries and may show parts of two batches; lookups never do.
 *
 * Known limit: LMDB verifies little of what it reads. Wrong headers, cut files
 * and pages that trip its assertions are -ERR_CORRUPT (and the map then answers
 * nothing else); a page that was overwritten in a subtler way is not found.
 */
#ifndef RECONCILER_MAP_H
#define RECONCILER_MAP_H

#include <stddef.h>

#include "base/err.h"

struct map;

enum {
	MAP_KEY_MAX = 510, /* LMDB's 511 less the NUL */
	MAP_VALUE_MAX = 64 << 10,
	MAP_LOCK_MS = 10000, /* how long a call waits for Postfix */
};

enum map_flags {
	MAP_CREATE = 1 << 0, /* make an empty map, 0644, if there is none */
};

/* Return non-zero to stop; negative is passed on as an error. */
typedef int(map_each_fn)(const char *key, const char *value, void *arg, struct err *err);

/* Opens the map in the file PATH ("….lmdb"); the map belongs to CTX, map_close is due before. */
int map_open(const void *ctx, int root, const char *path, unsigned flags, struct map **ret_map,
	     struct err *err) must_check;
/* Ends a batch that was not committed. NULL is fine. */
void map_close(struct map *map);
/* cleanup_(map_closep) */
void map_closep(struct map **map);

/* -ERR_NOTFOUND when the key is not there; *RET_VALUE belongs to CTX. */
int map_get(const void *ctx, struct map *map, const char *key, char **ret_value,
	    struct err *err) must_check;
/* Keeps a reader's lock over the look-ups that follow; writers wait until map_release(). */
int map_hold(struct map *map, struct err *err) must_check;
void map_release(struct map *map);
/* Calls FN for each entry in key order. FN must not call into the same map. */
int map_foreach(struct map *map, map_each_fn *fn, void *arg, struct err *err) must_check;

/*
 * A batch: what is put and deleted is kept in memory until map_commit writes it in one
 * transaction, durable when that returns. Lookups do not see it before. One batch at a time.
 */
int map_begin(struct map *map, struct err *err) must_check;
/* Refuses (ERR_INVALID, ERR_TOOBIG) empty and overlong keys and values and control characters. */
int map_put(struct map *map, const char *key, const char *value, struct err *err) must_check;
/* A key that is not there is fine. */
int map_del(struct map *map, const char *key, struct err *err) must_check;
/*
 * Ends the batch in any case; on failure the map is as before. Returns how many entries changed;
 * with 0 the file was not written.
 */
int map_commit(struct map *map, struct err *err) must_check;
void map_abort(struct map *map);

#endif
