/*
 * Running a daemon's own validator over the exact future, without touching
 * the live tree: a child in a private mount namespace where staged folders
 * lie over the live ones, scratch folders take what it writes and are gone
 * with it, and all else is read-only.
 *
 * An overlay merges STAGED_DIR over DIR: a staged file hides the live one of
 * its name, REMOVED names live files that are going to be removed (or the
 * staged folder holds whiteouts, see checkns_whiteout); staged_only shows the staged folder alone. Folders are handed
 * to the kernel by descriptor, so any name works. Works on a root that is
 * itself an overlay; STAGED_DIR must not lie inside DIR.
 * With a sandbox (root_path not "/") the child's root is a small tmpfs in
 * which each top-level entry of the sandbox is bound, and /usr, /bin, /sbin,
 * /lib* of the host (read-only) where the sandbox has none, /proc and /dev;
 * what the sandbox's /etc lacks is not there. Needs root. No security
 * boundary: the validator runs as root and is trusted not to fight.
 * Source: mount_namespaces(7), mount_setattr(2), kernel overlayfs.rst.
 */
#ifndef RECONCILER_CHECKNS_H
#define RECONCILER_CHECKNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/proc.h"

struct checkns_overlay {
	const char *dir;        /* live path beneath the root; must exist */
	const char *staged_dir; /* path as the caller sees it */
	bool staged_only;
	const char *const *removed; /* paths within DIR that are going to be removed; NULL: none */
};

enum checkns_scratch_kind {
	CHECKNS_FOLDERS, /* empty, but for the sub-folders with their owners: for logs, spools */
	CHECKNS_EMPTY,   /* for /tmp, where anybody can make thousands of folders */
	/* What is there, with the writes going to memory; a file opened for writing is copied whole. */
	CHECKNS_FILES,
};

struct checkns_scratch {
	const char *dir; /* live path beneath the root; one that is missing is left out */
	enum checkns_scratch_kind kind;
};

struct checkns {
	const char *root_path; /* "/" or the folder of a sandbox */
	const struct checkns_overlay *overlays;
	size_t n_overlays;
	const struct checkns_scratch *scratch;
	size_t n_scratch;
	int timeout_ms; /* 0: 60 s */
};

/* Runs ARGV in such a namespace; results as proc_run. ERR_DENIED without root. */
int checkns_run(const void *ctx, const struct checkns *ns, const char *const *argv,
		struct proc_result *ret, struct err *err) must_check;

/*
 * Makes NAME in the staged folder DIRFD stand for "removed"; what has the name is
 * replaced. Not possible (ERR_SYSTEM, EPERM) when the staged folder lies on an overlay: use REMOVED.
 */
int checkns_whiteout(int dirfd, const char *name, struct err *err) must_check;

/*
 * Makes ROOT_PATH the root of the calling process, in a mount namespace of its own, writable: for
 * a child that is to become a daemon of a sandbox. "/" does nothing. After failure: exit.
 */
int checkns_enter_root(const char *root_path, struct err *err) must_check;

#endif
