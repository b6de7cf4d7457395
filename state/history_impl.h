/*
 * Inside history: shared by state/history*.c only.
 *
 * Trees are read and written as git's raw bytes. A commit of one file then
 * copies the trees on its path and nothing else: no parsed tree objects, no
 * sorting, no lookups of entries that do not change.
 */
#ifndef STATE_HISTORY_IMPL_H
#define STATE_HISTORY_IMPL_H

#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "base/buf.h"
#include "base/mem.h"
#include "state/history.h"

enum {
	MODE_FILE = 0100644,
	MODE_TREE = 0040000
};

/* An object and where it lies: the name lets the packer find similar objects. */
struct packed {
	git_oid id;
	const char *name;
};

struct packed_list {
	const void *ctx;
	struct packed *v;
	size_t n, cap;
};

struct history {
	char *path;
	unsigned flags;
	bool is_git_up; /* libgit2's reference count is ours to give back */
	int lock_fd;
	git_repository *repo;
	git_odb *odb; /* owns the two backends below */
	git_odb_backend *loose, *packs;
	int objects;         /* the folder */
	struct deflater *z;  /* made with the first loose object */
	struct batch *batch; /* not NULL: objects go there */
};

struct tree_entry {
	const char *name; /* not NUL-terminated */
	size_t len;
	unsigned mode;
	git_oid id;
	bool gone;
};

struct tree {
	struct tree_entry *v;
	size_t n;
};

/* "WHAT: libgit2's words". */
int history_raise(struct err *err, enum err_code code, const char *what);
/* Writes an object unless it is there. */
int history_put(struct history *h, git_object_t type, const struct buf *data, git_oid *ret,
		struct err *err) must_check;

/* One object as a file of its own, under the writer's lock. */
int loose_write(struct history *h, const git_oid *id, git_object_t type, const void *data,
		size_t len, struct err *err) must_check;

/* A large commit's objects, on their way into one pack. One at a time, under the writer's lock. */
int batch_begin(const void *ctx, struct history *h, struct batch **ret, struct err *err) must_check;
bool batch_has(const struct batch *b, const git_oid *id);
int batch_put(struct batch *b, const git_oid *id, git_object_t type, const void *data, size_t len,
	      struct err *err) must_check;
/* Puts the pack in its place, durable when it returns. */
int batch_end(struct batch *b, struct err *err) must_check;
/* Forgets it. */
void batch_drop(struct batch *b);

/* Reads and checks a tree; ID NULL: an empty one. Memory on CTX. */
int tree_load(const void *ctx, struct history *h, const git_oid *id, struct tree *ret,
	      struct err *err) must_check;
/* git's order: a folder sorts as if its name ended in "/". */
int tree_entry_cmp(const struct tree_entry *a, const struct tree_entry *b);
/* The entry of a path beneath tree ROOT; -ERR_NOTFOUND without a message when there is none. */
int tree_lookup(struct history *h, const git_oid *root, const char *path, struct tree_entry *ret,
		struct err *err) must_check;
/* Sorted CHANGES applied to tree OLD (NULL: none). *RET_EMPTY: nothing is left, RET is not set. */
int tree_apply(struct history *h, const git_oid *old, const struct history_change *const *changes,
	       size_t n, git_oid *ret, bool *ret_empty, struct err *err) must_check;

/* Each differing entry, folders too when TREES. OLD or NEW is NULL where there is none. */
typedef int tree_diff_fn(const char *path, const struct tree_entry *old,
			 const struct tree_entry *new, void *arg, struct err *err);

struct tree_diff {
	struct history *h;
	tree_diff_fn *fn;
	void *arg;
	bool trees;
	struct buf path; /* of the folder being compared, with a "/" at the end unless empty */
};

int tree_diff(struct tree_diff *d, const git_oid *old, const git_oid *new,
	      struct err *err) must_check;

/* Ref of a branch: checked name, "refs/heads/NAME". */
int history_ref_name(const char *branch, char ret[96], struct err *err) must_check;
/* The tip's id: 1 when there is one, 0 when not. */
int history_tip(struct history *h, const char *ref, git_oid *ret, struct err *err) must_check;
/* A commit object; free with git_commit_free. */
int history_commit_get(struct history *h, const git_oid *id, git_commit **ret,
		       struct err *err) must_check;
void git_commit_freep(git_commit **c);
/* Reads an object whole and holds its hash against ID: what libgit2 does not do for us. */
int history_object_check(git_odb *odb, const git_oid *id, struct err *err) must_check;

void packed_add(struct packed_list *list, const git_oid *id, const char *name);
/* One pack of LIST's objects into the repository, fsynced when SYNC; RET_NAME: its 40 digits. */
int pack_write(struct history *h, const struct packed_list *list, bool sync, char ret_name[41],
	       struct err *err) must_check;

#endif
