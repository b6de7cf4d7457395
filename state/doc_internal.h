/*
 * What the files of the state-file reader share: doc.c (problems, checks of
 * the text), doc_yaml.c (events to nodes), doc_fault.c (libyaml's faults in
 * our words), doc_scalar.c (what a plain scalar means). For them and the YAML
 * writer only.
 */
#ifndef STATE_DOC_INTERNAL_H
#define STATE_DOC_INTERNAL_H

#include "state/doc.h"

/* Builds doc->root from doc->source, which is valid text. 0 or the code; problems are in DOC. */
int doc_yaml_read(struct doc *doc);

/* What a plain scalar is. FAULT is set (continues the sentence `"TEXT" …`) if it is refused. */
struct scalar {
	enum node_type type;
	int64_t num;
	bool flag;
	const char *fault, *hint;
};

struct scalar scalar_resolve(const char *text);

/* Adds the problem for a libyaml fault; lines and columns as libyaml counts them, from 0. */
struct yaml_fault {
	const char *problem, *context; /* either may be NULL */
	size_t line, col;
	size_t context_line, context_col;
	int open_line, open_col; /* from 1: the innermost open [ or {; 0: none */
};

void doc_fault_add(struct doc *doc, const struct yaml_fault *fault);

/* TEXT for a message: cut to some 60 bytes; belongs to DOC. */
const char *doc_short(struct doc *doc, const char *text);
/* Where a place (from 1) lies in the source; points at the line's end if COL is behind it. */
const char *doc_place(const char *source, int line, int col);

#define DOC_HINT_TAB      "most editors can replace tabs by spaces"
#define DOC_MSG_TAB       "a tab is used for indentation; use spaces"
#define DOC_MSG_ANCHOR    "anchors and aliases are not used in state files"
#define DOC_HINT_ANCHOR   "write the value out; a text that starts with \"*\" or \"&\" needs quotes"
#define DOC_MSG_TAG       "tags are not used in state files"
#define DOC_HINT_TAG      "remove it; a text that starts with \"!\" needs quotes"
#define DOC_MSG_DIRECTIVE "directives (lines that start with \"%\") are not used in state files"

#endif
