/*
 * Writer for BIND's named.conf: `word word;` and `word "x" { … };`.
 *
 * BIND knows words and strings, and wants each in its place: `type "primary"`
 * is an error and so is `file /a`. block_put() quotes a word only if it is not
 * plain; block_put_string() and block_open_string() quote the last word
 * always. In a quoted string a backslash stays where it is, so a string that
 * holds a backslash or a quote has no sure form and is refused.
 */
#ifndef RENDERERS_SYNTAX_BLOCK_H
#define RENDERERS_SYNTAX_BLOCK_H

#include "renderers/syntax.h"

struct block {
	struct syntax s;
};

void block_begin(struct block *b, struct buf *out, struct err *err);
/* A statement; the first NULL word ends the list. */
#define block_put(b, ...) block_put_words((b), false, (const char *const[]){ __VA_ARGS__, NULL })
#define block_put_string(b, ...) \
	block_put_words((b), true, (const char *const[]){ __VA_ARGS__, NULL })
#define block_open(b, ...) block_open_words((b), false, (const char *const[]){ __VA_ARGS__, NULL })
#define block_open_string(b, ...) \
	block_open_words((b), true, (const char *const[]){ __VA_ARGS__, NULL })
void block_close(struct block *b);
void block_comment(struct block *b, const char *text);
void block_blank(struct block *b);
int block_end(struct block *b) must_check;

void block_put_words(struct block *b, bool last_is_string, const char *const *words);
void block_open_words(struct block *b, bool last_is_string, const char *const *words);

#endif
