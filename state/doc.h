/*
 * A state file (YAML 1.2, of which JSON is a subset) as a tree of nodes with
 * positions, and error messages that show the place.
 *
 * What is read is a strict part of YAML: one document whose root is a map, no
 * anchors, aliases, merge keys, tags or directives, no words or numbers that
 * two YAML readers understand differently (yes, 0123, 1e3: refused with a
 * hint). A fraction such as 8.2 stays a text exactly as written. An empty file
 * is an error: it never reads as "nothing is wanted". Every size is capped.
 *
 * A doc and all its nodes are one talloc tree: free the doc, and all is gone.
 * Lines and columns count from 1, columns in characters (code points).
 * Problems are collected in the doc, so that one run can report many.
 */
#ifndef STATE_DOC_H
#define STATE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf;

enum {
	DOC_DEPTH_MAX = 32,
	DOC_NODES_MAX = 2000000,
	DOC_FILE_MAX = 32 << 20,
	DOC_SCALAR_MAX = 1 << 20,
	DOC_KEY_MAX = 4096,
	DOC_PROBLEMS_MAX = 100 /* further ones are only counted */
};

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_STRING,
	NODE_MAP,
	NODE_LIST
};

struct node {
	enum node_type type;
	bool plain; /* a scalar without quotes; text is as written, so 8.2 or 0.10 lose nothing */
	bool flag;  /* NODE_BOOL */
	int line, col, len;             /* of the value; len 0: more than one line */
	int key_line, key_col, key_len; /* of its key; 0 unless it is a map's member */
	const char *text;       /* scalars: never NULL, no NUL inside; NULL for map and list */
	int64_t num;            /* NODE_INT */
	size_t n;               /* members or items */
	struct member *members; /* NODE_MAP, in file order */
	struct node **items;    /* NODE_LIST */
	const uint32_t *sorted; /* large maps: member numbers in order of their keys */
};

struct member {
	const char *key;
	struct node *value;
};

struct doc_problem {
	int line, col, len;
	const char *message;
	const char *hint; /* or NULL */
};

struct doc {
	const char *file;   /* as shown in messages */
	const char *source; /* without a byte order mark; NUL-terminated */
	size_t source_len;
	struct node *root; /* a NODE_MAP, or NULL after a failed read */
	struct doc_problem *problems;
	size_t n_problems, problems_cap;
	size_t n_dropped; /* problems over DOC_PROBLEMS_MAX */
};

/*
 * Reads DATA. When the text is at fault, -ERR_INVALID or -ERR_TOOBIG comes back with err->path
 * "file:line:col", and *RET is set all the same: root NULL, the problems to be rendered from it.
 * So initialise it to NULL, and look at the result, not at *RET.
 */
int doc_read(const void *ctx, const char *file_name, const char *data, size_t len, struct doc **ret,
	     struct err *err) must_check;
/* The same for a file beneath ROOT_FD; its size is checked before it is read. */
int doc_read_file(const void *ctx, int root_fd, const char *path, struct doc **ret,
		  struct err *err) must_check;

/* The value of KEY in a map; NULL: not there, or NODE is no map. */
struct node *doc_get(const struct node *node, const char *key);
/* Same types, keys in the same order, same values; positions and quotes do not count. */
bool doc_same(const struct node *a, const struct node *b);
/* For messages: "a number", "a list", … */
const char *doc_type_name(enum node_type type);

/* Notes a problem at NODE, or at its key. */
void doc_problem_add(struct doc *doc, const struct node *node, bool on_key, const char *fmt, ...)
	format_(4, 5);
void doc_problem_add_at(struct doc *doc, int line, int col, int len, const char *fmt, ...)
	format_(5, 6);
/* Gives the problem added last its hint. */
void doc_problem_hint(struct doc *doc, const char *fmt, ...) format_(2, 3);
/* 0 without problems; else raises the first of the file (and says how many more there are) as CODE. */
int doc_problems_err(struct doc *doc, enum err_code code, struct err *err) must_check;

enum doc_render_flags {
	DOC_COLOUR = 1 << 0, /* for terminals; plain otherwise */
};

/* All problems in file order, each with its line and a caret, and a count at the end. */
void doc_problems_render(struct buf *out, struct doc *doc, unsigned flags);
/* One problem. SOURCE may be NULL: then the place is only named. Hostile text is shown escaped. */
void doc_error_render(struct buf *out, const char *file, const char *source,
		      const struct doc_problem *p, unsigned flags);

#endif
