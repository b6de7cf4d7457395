/*
 * What was: every applied revision as a commit of a bare git repository (libgit2).
 *
 * The revision log in the model is the truth; this repository can be rebuilt
 * from it at any time. Therefore: a repository that cannot be read is moved
 * aside and a new one started, and nothing is fsynced unless HISTORY_FSYNC asks
 * for it (packs always are: an opening takes their word). A killed process leaves
 * either the old or the new tip. Writers of several processes take turns by a
 * lock file; a tip moved by somebody else (a git program) is -ERR_CONFLICT.
 *
 * A `struct history` belongs to the talloc context it was opened on; freeing
 * it closes everything. Paths are relative, "a/b/c.yaml". Wherever a commit is
 * read, AT is a branch name or 40 hexadecimal digits. Object ids are text of
 * HISTORY_OID_LEN digits. Nothing here looks at the clock or the caller's git
 * configuration. History must never be given secrets.
 */
#ifndef STATE_HISTORY_H
#define STATE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	HISTORY_OID_LEN = 40,
	HISTORY_PATH_MAX = 4096,
	HISTORY_PART_MAX = 255,
	HISTORY_MESSAGE_MAX = 1 << 16,
	HISTORY_PACK_AT = 2000, /* loose objects at which history_pack is worth its cost */
};

enum history_flags {
	HISTORY_FSYNC =
		1 << 0, /* objects and refs are durable when a commit returns; of the whole process:
				    the newest open decides */
	HISTORY_READONLY = 1 << 1, /* must exist; nothing is created, repaired or moved */
	HISTORY_RESTART = 1 << 2,  /* moves what is there aside: after -ERR_CORRUPT */
};

struct history;

/* Opens PATH (absolute), or makes it. *RET_REBUILT: an unreadable one is now PATH.broken-N. */
int history_open(const void *ctx, const char *path, unsigned flags, struct history **ret,
		 bool *ret_rebuilt, struct err *err) must_check;

struct history_change {
	const char *path;
	const void *data; /* NULL: remove this file, or this folder with all in it */
	size_t len;
};

struct history_meta {
	const char *author, *email; /* characters that git cannot hold become spaces */
	int64_t time;               /* seconds since 1970 */
	const char *message;
	int64_t revision;   /* trailer NovaCPX-Revision; 0: none */
	const char *source; /* trailer NovaCPX-Source, or NULL */
	const char *plan;   /* trailer NovaCPX-Plan: the plan's digest, or NULL */
	const char *expect; /* the id BRANCH must have ("": must not exist); NULL: any */
};

/*
 * Commits CHANGES on top of BRANCH; removals come before additions, in whatever order they are
 * given. Returns 1 and makes no commit when the tree would stay the same. RET_OID (room for
 * HISTORY_OID_LEN + 1) gets BRANCH's tip in both cases, "" if it has none. Over 200 changes the
 * objects go into one pack.
 */
int history_commit(struct history *h, const char *branch, const struct history_change *changes,
		   size_t n, const struct history_meta *meta, char *ret_oid,
		   struct err *err) must_check;
/* Whether PATH may be in a commit: relative, no "..", nothing that git keeps for itself. */
int history_path_check(const char *path, struct err *err) must_check;

/* Loose objects on disk, or -ERR_*. */
int64_t history_loose_count(struct history *h, struct err *err) must_check;
/* Moves all loose objects into one verified pack. Returns how many; 0: there were none. */
int64_t history_pack(struct history *h, struct err *err) must_check;

/* Packs when about HISTORY_PACK_AT objects are loose; looks at one folder of the 256 to know. */
int history_pack_if_due(struct history *h, struct err *err) must_check;

/* The id of BRANCH's tip; -ERR_NOTFOUND when it has no commit yet. */
int history_head(struct history *h, const char *branch, char *ret_oid, struct err *err) must_check;
/* A file's content as of AT, NUL-terminated on CTX. */
int history_read(const void *ctx, struct history *h, const char *at, const char *path,
		 char **ret_data, size_t *ret_len, struct err *err) must_check;
/* The content behind an id that history_diff gave. */
int history_read_blob(const void *ctx, struct history *h, const char *oid, char **ret_data,
		      size_t *ret_len, struct err *err) must_check;

struct history_entry {
	const char *oid, *author, *email;
	int64_t time;
	const char *message; /* without the trailers */
	int64_t revision;    /* 0: none */
	const char *source, *plan;
};

/* Valid during the call only; non-zero ends the walk and is returned. */
typedef int history_log_fn(const struct history_entry *entry, void *arg);
/* PATH gives OLD's and NEW's blob ids, NULL where there is no such file. */
typedef int history_diff_fn(const char *path, const char *old, const char *new, void *arg);

/* Newest first, at most MAX commits; with PATH only those that changed that file or folder. */
int history_log(struct history *h, const char *at, const char *path, size_t max, history_log_fn *fn,
		void *arg, struct err *err) must_check;
/* The commit of a revision, by trailer, from BRANCH's tip back. Revisions only grow. */
int history_find_revision(struct history *h, const char *branch, int64_t revision, char *ret_oid,
			  struct err *err) must_check;
/* The tip's revision: where an exporter resumes. 0 when there is no commit or no trailer. */
int64_t history_last_revision(struct history *h, const char *branch, struct err *err) must_check;

struct history_diff {
	const char *from, *to; /* as AT; "": the empty tree */
	const char *prefix;    /* a file or folder, NULL: everything */
	history_diff_fn *fn;
	void *arg;
};

/* Files that differ, in path order; folders with equal ids are not entered. */
int history_diff(struct history *h, const struct history_diff *diff, struct err *err) must_check;

#endif
