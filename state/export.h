/*
 * The store as canonical state files: one document, or a tree of them.
 *
 *   settings.yaml users.yaml packages.yaml …     kinds of the server
 *   accounts/3f/john/account.yaml                an account, all but its zones
 *   accounts/3f/john/zones/example.com.yaml      a zone with its records
 *
 * Each file is a state file by itself. Written are keys, required fields and
 * what differs from the defaults, sorted, so that equal states give equal
 * bytes; a resource that only has sections gets one field more, so that the
 * file describes it (see statefile.h). Which kinds get files of their own
 * follows from the tables: account-wide kinds without a parent, and their
 * children that have children.
 *
 * Promise: a tree or document read by statefile_read() and applied on an empty
 * store exports as the same bytes, if secrets were written. Without, a secret
 * stands as {digest: hmac-…}: a change shows, the value does not.
 */
#ifndef STATE_EXPORT_H
#define STATE_EXPORT_H

#include "base/buf.h"
#include "model/store.h"

enum {
	EXPORT_MAX = 1 << 30 /* bytes of one document */
};

struct export_options {
	struct store *store;
	bool with_secrets;
	bool no_secrets;      /* not even their digests: for who may not compare them */
	const void *node_key; /* for digests; the same on every export of a machine */
	size_t node_key_len;
};

/* Everything as one document. */
int export_all(struct buf *out, const struct export_options *o, struct err *err) must_check;

/* Of the accounts named, with all that is theirs. */
int export_accounts(struct buf *out, const struct export_options *o, const char *const *accounts,
		    size_t n, struct err *err) must_check;
/* One field, "name: value" and what lines it needs. */
int export_field(struct buf *out, const struct field *f, const void *res,
		 struct err *err) must_check;

typedef int export_file_fn(const char *path, const struct buf *text, void *arg, struct err *err);
/* Everything as a tree; FN gets each file, paths relative. Its negative result ends the walk. */
int export_tree(const struct export_options *o, export_file_fn *fn, void *arg,
		struct err *err) must_check;

/* One file of the tree. Two pieces of equal path are the same file. */
struct export_piece {
	const struct kind *kind; /* whose resource, or resources, the file holds */
	const char *key;         /* NULL: all of the kind */
	const char *account;     /* NULL: a kind of the server */
};

/* In which file a resource stands: from a change row of the store. May point into the arguments. */
struct export_piece export_piece_of(const struct kind *k, const char *key, const char *account,
				    const char *scope);
/* Its path in the tree. On CTX. */
const char *export_piece_path(const void *ctx, const struct export_piece *p);
/* Its text. 1, or 0 when there is nothing to put in it (any more). */
int export_piece_text(struct buf *out, const struct export_options *o, const struct export_piece *p,
		      struct err *err) must_check;
/* export_piece_path(export_piece_of()). On CTX. */
const char *export_path_of(const void *ctx, const struct kind *k, const char *key,
			   const char *account, const char *scope);

#endif
