/*
 * Writer for lines of fields between colons: passwd-like files, Dovecot's
 * passwd-file.
 *
 * These formats quote nothing, so a colon or a newline in a field is refused;
 * only the last field may hold colons where colon_row_tail() says so. The
 * first field must not be empty or begin with '#': readers skip such lines.
 *
 * Dovecot's extra fields stand in the last field, divided by blanks, and
 * Dovecot expands `%` in them: an extra field with a blank or a `%` is refused.
 */
#ifndef RENDERERS_SYNTAX_PASSWD_H
#define RENDERERS_SYNTAX_PASSWD_H

#include "renderers/syntax.h"

struct colon {
	struct syntax s;
};

/* A row of Dovecot's passwd-file; NULL strings come out empty, USER must be given. */
struct passwd_row {
	const char *user, *hash, *uid, *gid, *gecos, *home, *shell;
	const char *const
		*extra; /* "userdb_quota_rule=*:storage=500M", …; NULL ends it; may be NULL */
};

void colon_begin(struct colon *w, struct buf *out, struct err *err);
/* A line of fields; the first NULL ends the list. */
#define colon_row(w, ...) colon_fields((w), false, (const char *const[]){ __VA_ARGS__, NULL })
/* The same, and the last field may hold colons. */
#define colon_row_tail(w, ...) colon_fields((w), true, (const char *const[]){ __VA_ARGS__, NULL })
void colon_passwd(struct colon *w, const struct passwd_row *row);
void colon_comment(struct colon *w, const char *text);
int colon_end(struct colon *w) must_check;

void colon_fields(struct colon *w, bool colons_in_last, const char *const *fields);

#endif
