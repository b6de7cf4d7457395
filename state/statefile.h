/*
 * State files: YAML (or JSON) documents that say what is wanted, read into a
 * change set.
 *
 *   novacpx: 1
 *   settings: {ns1_hostname: ns1.example.net}
 *   accounts:
 *     john:
 *       package: starter
 *       domains: {example.com: {type: primary}}
 *       zones: {example.com: {records: [{name: www, type: A, value: 192.0.2.1}]}}
 *
 * Everything follows from the kind tables. A kind's section holds its
 * resources: a map by name (one own key), a list of objects (several own
 * keys), or the object itself (none). Children stand as sections inside their
 * parent. `~` as a resource deletes it; in a list, `delete: true` does.
 *
 * What is given is what will be: a field that the file leaves out returns to
 * its default, except secrets, which are never dropped by absence. A resource
 * of which only sections are given (an account in a file with one of its
 * zones) is not described there: it stays as it is, and is made with defaults
 * if there is none. Many files may so speak of one account; one resource
 * described twice is refused.
 *
 * Secrets are given as {hash: …}, {file: PATH}, {env: NAME} or, keys, {pem: …};
 * {digest: …}, which an export writes, means "keep what is stored".
 *
 * Nothing is ever half read: with any problem, in any file, the change set
 * stays empty, and all problems of all files are there to be shown. A secret
 * is shown nowhere: not in a message, not in the line above the caret.
 */
#ifndef STATE_STATEFILE_H
#define STATE_STATEFILE_H

#include "base/buf.h"
#include "model/store.h"
#include "state/doc.h"

enum {
	STATEFILE_VERSION = 1,
	STATEFILE_BYTES_MAX = 64 << 20,
	STATEFILE_FILES_MAX = 100000 /* the tree of 10,000 accounts with their zones has half */
};

struct statefile_source {
	const char *path; /* a file or folder, absolute, beneath root_fd; NULL: DATA */
	const char *name; /* how messages call it; NULL: the path */
	const char *data; /* a text read by the caller: standard input */
	size_t len;
};

enum statefile_flags {
	/* {file: …} and {env: …} are refused: for documents of somebody who may not read our files. */
	STATEFILE_NO_REFERENCES = 1 << 0,
};

struct statefile_input {
	const struct statefile_source *sources;
	size_t n_sources;
	int root_fd;         /* for paths of sources and of {file: …} */
	struct store *store; /* what is there; NULL: nothing */
	unsigned flags;
};

struct statefile_doc {
	struct doc *doc;
	const char *folder; /* where relative {file: …} are; NULL: none */
};

/* A resource that the documents speak of; a change's `where` is its number. */
struct statefile_item {
	const struct kind *kind;
	const char *name; /* "domain/example.com" */
	struct doc *doc;
	const struct node *node;
	int parent;        /* item, or -1 */
	size_t change;     /* in the list of puts or of deletes */
	bool is_described; /* else only its sections are given */
	bool is_deleted;
};

struct statefile {
	struct statefile_doc *docs;
	size_t n_docs, docs_cap;
	struct statefile_item *items;
	size_t n_items, items_cap;
	struct strmap by_name; /* item number + 1 */
};

/*
 * Reads all sources into CS, whose changes belong to its context: deletions first, then what is
 * put, parents before children. *RET is set in any case and belongs to CTX.
 */
int statefile_read(const void *ctx, const struct statefile_input *in, struct changeset *cs,
		   struct statefile **ret, struct err *err) must_check;
/* Gives the problems that store_apply() found their places in the files. */
void statefile_add_problems(struct statefile *sf, const struct changeset *cs,
			    const struct problems *problems);
/* Every problem with its line and a caret, and their number. FLAGS: doc_render_flags. */
void statefile_render_problems(struct buf *out, struct statefile *sf, unsigned flags);

/*
 * Makes the files the whole truth: deletes every resource of the store that they do not mention,
 * and returns to defaults those of which they give only sections. Returns how many deletes.
 */
int64_t statefile_prune(struct statefile *sf, struct store *store, struct changeset *cs,
			struct err *err) must_check;
/* How many resources of the store the files do not mention. */
int64_t statefile_unmentioned(struct statefile *sf, struct store *store,
			      struct err *err) must_check;

#endif
