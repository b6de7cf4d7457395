/*
 * Writer for nginx configuration: directives, blocks, comments.
 *
 * A word comes out as one word: it is put in double quotes, with backslashes
 * before quotes and backslashes, unless it is plain. `$` starts a variable in
 * nginx and cannot be escaped; nginx_put() refuses it. nginx_put_vars() is for
 * words that are our own literals; data that must stand beside them goes
 * through nginx_plain() first.
 *
 * Quoting protects the syntax, not the meaning: nginx strips the quotes before
 * it looks at "~re" in server_name, "default" in a map, "*" in include. Callers
 * put a modifier ("^~", "=") before locations and names checked by the model.
 *
 * Source: ngx_conf_read_token(); a word longer than its 4096-byte buffer is
 * refused here.
 */
#ifndef RENDERERS_SYNTAX_NGINX_H
#define RENDERERS_SYNTAX_NGINX_H

#include "renderers/syntax.h"

struct nginx {
	struct syntax s;
};

void nginx_begin(struct nginx *c, struct buf *out, struct err *err);
/* A directive `word word …;`. The first NULL word ends the list. */
#define nginx_put(c, ...) nginx_put_words((c), false, (const char *const[]){ __VA_ARGS__, NULL })
/* The same with variables: for literals of ours and what nginx_plain() returned. */
#define nginx_put_vars(c, ...) \
	nginx_put_words((c), true, (const char *const[]){ __VA_ARGS__, NULL })
/* Opens a block `word word … {`. */
#define nginx_open(c, ...) nginx_open_words((c), false, (const char *const[]){ __VA_ARGS__, NULL })
#define nginx_open_vars(c, ...) \
	nginx_open_words((c), true, (const char *const[]){ __VA_ARGS__, NULL })
void nginx_close(struct nginx *c);
void nginx_comment(struct nginx *c, const char *text);
void nginx_blank(struct nginx *c);
/* DATA if it has no `$`; else the writer fails and "" is returned. Never NULL. */
const char *nginx_plain(struct nginx *c, const char *data);
int nginx_end(struct nginx *c) must_check;

void nginx_put_words(struct nginx *c, bool vars, const char *const *words);
void nginx_open_words(struct nginx *c, bool vars, const char *const *words);

#endif
