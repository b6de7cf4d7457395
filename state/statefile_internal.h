/*
 * What the files of the state-file mapper share: statefile.c (problems),
 * statefile_load.c (documents), statefile_map.c (nodes to changes),
 * statefile_words.c (the format's words), statefile_value.c (fields),
 * statefile_secret.c, statefile_mask.c (secrets in shown lines),
 * statefile_prune.c. Export and schema use the part on the format.
 */
#ifndef STATE_STATEFILE_INTERNAL_H
#define STATE_STATEFILE_INTERNAL_H

#include "state/statefile.h"

struct mapper {
	struct statefile *sf;
	const struct statefile_input *in;
	const struct statefile_doc *at; /* the document being mapped */
	struct changeset puts, deletes;
	size_t n_problems;
	int64_t password_min; /* -1: not looked up yet */
};

/* A document's node, where a problem is told. */
struct spot {
	const struct node *node;
	bool on_key;
};

/* Reads the sources' documents; problems are in them. */
void statefile_load(struct statefile *sf, const struct statefile_input *in);
/* Maps one document. */
void statefile_map(struct mapper *m, const struct statefile_doc *at, bool is_first);

void mapper_problem(struct mapper *m, struct spot spot, const char *fmt, ...) format_(3, 4);
void mapper_hint(struct mapper *m, const char *fmt, ...) format_(2, 3);

/* Puts what NODE says into the field; a problem otherwise. KEY names the resource, for secrets. */
bool mapper_field(struct mapper *m, struct change *c, const struct field *f,
		  const struct node *node);
/* The same for a secret. */
bool mapper_secret(struct mapper *m, struct change *c, const struct field *f,
		   const struct node *node);
/* Notes ERR, a refusal of field F, at its place. */
void mapper_refused(struct mapper *m, const struct field *f, const struct node *node, bool on_key,
		    const struct err *err);

/* A section or field WORD that a K (NULL: the left edge) does not take. */
void mapper_unknown(struct mapper *m, const struct kind *k, const char *word,
		    const struct node *value);

/* The format, as it follows from the tables */

#define STATEFILE_HEAD   "novacpx"
#define STATEFILE_DELETE "delete"

/* The kind that owns K's resources, or NULL. */
const struct kind *kind_above(const struct kind *k);
bool kind_has_children(const struct kind *k);
/* Kinds whose resources are `name: value`: one own key and one required field. */
const struct field *kind_single_field(const struct kind *k);
/* Whether F is written inside the object; the own key of a map is its key. */
bool field_is_written(const struct kind *k, const struct field *f);
/* Whether WORD is a section of PARENT, or, without one, of the file. */
bool section_find(const struct kind *parent, const char *word);
/* "a" or "an". */
const char *word_article(const char *word);

/* Hides secrets in the text that DOC shows with its problems, and in messages about them. */
void statefile_mask(struct doc *doc);

#endif
