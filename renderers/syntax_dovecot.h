/*
 * Writer for Dovecot 2.3 configuration: `key = value` and `section name {`.
 *
 * A value is put in double quotes unless it is plain; in quotes Dovecot reads
 * `$`, `<`, `#` and braces as they are. `%` is different: many settings expand
 * it after reading, quoted or not. dovecot_put() refuses it; dovecot_put_vars()
 * is for literals of ours ("maildir:~/Maildir:LAYOUT=fs %u").
 */
#ifndef RENDERERS_SYNTAX_DOVECOT_H
#define RENDERERS_SYNTAX_DOVECOT_H

#include "renderers/syntax.h"

struct dovecot {
	struct syntax s;
};

void dovecot_begin(struct dovecot *d, struct buf *out, struct err *err);
void dovecot_put(struct dovecot *d, const char *key, const char *value);
void dovecot_put_vars(struct dovecot *d, const char *key, const char *value);
/* `key = <path`: the value is the file's content (certificates and keys). */
void dovecot_put_file(struct dovecot *d, const char *key, const char *path);
/* NAME may be NULL: `passdb {`. */
void dovecot_open(struct dovecot *d, const char *section, const char *name);
void dovecot_close(struct dovecot *d);
void dovecot_comment(struct dovecot *d, const char *text);
void dovecot_blank(struct dovecot *d);
int dovecot_end(struct dovecot *d) must_check;

#endif
