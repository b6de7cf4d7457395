/*
 * Writer for Postfix: main.cf rows and master.cf services with -o options.
 * Lookup tables are LMDB files (reconciler/map.h).
 *
 * Neither of them quotes. A line that begins with a blank continues the one
 * before, so newlines and blanks at either end of a value are refused. `$`
 * starts a parameter in main.cf and master.cf: refused but in the _vars forms,
 * which are for literals of ours. Options in master.cf that hold blanks are
 * written `-o { name = value }`; braces in them are refused.
 */
#ifndef RENDERERS_SYNTAX_POSTFIX_H
#define RENDERERS_SYNTAX_POSTFIX_H

#include "renderers/syntax.h"

struct postfix {
	struct syntax s;
	bool in_service; /* an option belongs to the service before it */
};

void postfix_begin(struct postfix *p, struct buf *out, struct err *err);
/* main.cf: `name = value`; the value may be empty. */
void postfix_put(struct postfix *p, const char *name, const char *value);
void postfix_put_vars(struct postfix *p, const char *name, const char *value);
/* master.cf: service, type, private, unprivileged, chroot, wakeup, maxproc, command, arguments … */
#define postfix_service(p, ...) \
	postfix_service_words((p), false, (const char *const[]){ __VA_ARGS__, NULL })
#define postfix_service_vars(p, ...) \
	postfix_service_words((p), true, (const char *const[]){ __VA_ARGS__, NULL })
void postfix_option(struct postfix *p, const char *name, const char *value);
void postfix_option_vars(struct postfix *p, const char *name, const char *value);
void postfix_comment(struct postfix *p, const char *text);
void postfix_blank(struct postfix *p);
int postfix_end(struct postfix *p) must_check;

void postfix_service_words(struct postfix *p, bool vars, const char *const *words);

#endif
