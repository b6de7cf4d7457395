/*
 * What the writers of all configuration formats share.
 *
 * A writer (struct nginx, struct zonefile, …) lives on its caller's stack and
 * writes into a buffer that its caller owns. Its error is sticky: after the
 * first refusal nothing more is written, and x_end() returns the code of
 * that first refusal. The error names the word at fault, quoted and cut, and
 * what the format allows; which field it came from is added by the caller.
 *
 * Every value counts as hostile: bytes that are no UTF-8 and control
 * characters are refused in all formats, for no daemon needs them and each
 * treats them in its own way.
 */
#ifndef RENDERERS_SYNTAX_H
#define RENDERERS_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct syntax {
	struct buf *out;
	struct err *err;
	int code; /* of the first refusal, negative; 0: none */
	bool failed;
	unsigned depth; /* open blocks */
};

/* The start of each writer's x_begin(). */
#define SYNTAX_ON(buffer, error)                \
	{                                       \
		.out = (buffer), .err = (error) \
	}

#define SYNTAX_ALNUM  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SYNTAX_DIGITS "0123456789"

/* Refuses WORD: sets the error "FORMAT: \"WORD\" REASON" once. Returns false. */
bool syntax_refuse(struct syntax *s, const char *format, const char *word, const char *reason);
/* Refuses NULL, control characters (newline and tab too) and bytes that are no UTF-8. */
bool syntax_text(struct syntax *s, const char *format, const char *word);
/* How many bytes at the start of TEXT are in ALLOWED. */
size_t syntax_span(const char *text, const char *allowed);
/* True if all of WORD's bytes are in ALLOWED and there is at least one. */
bool syntax_only(const char *word, const char *allowed);
/* True if any byte of WORD is in SET. */
bool syntax_has(const char *word, const char *set);
/* Writes "WORD" in double quotes with a backslash before each quote and backslash. */
void syntax_quoted(struct syntax *s, const char *word);
void syntax_indent(struct syntax *s);
/* A comment line LEAD TEXT; a newline in TEXT is refused. */
void syntax_comment(struct syntax *s, const char *format, const char *lead, const char *text);
/* An empty line, nothing at the top of a text or after another one. */
void syntax_blank(struct syntax *s);
/* Opens and closes a block in the count only; false if too deep or none is open. */
bool syntax_push(struct syntax *s, const char *format);
bool syntax_pop(struct syntax *s, const char *format);
/* The outcome: 0, the first refusal, an open block, or -ERR_TOOBIG if the buffer was full. */
int syntax_end(struct syntax *s, const char *format) must_check;

#endif
