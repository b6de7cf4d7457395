/*
 * Writer for files of /etc/cron.d: environment lines and rows of
 * "schedule user command".
 *
 * The command reaches the shell as it was given. cron turns an unescaped `%`
 * into a newline and what follows into input, and takes a backslash away
 * before `%` and before another backslash (Debian's cron 3.0pl1); both get a
 * backslash where needed. A command that is longer than cron's 1000 bytes
 * would be cut or make cron refuse the whole file: refused here. Whether the
 * schedule's numbers make sense is the model's check; here it must have the
 * form of one.
 */
#ifndef RENDERERS_SYNTAX_CRON_H
#define RENDERERS_SYNTAX_CRON_H

#include "renderers/syntax.h"

struct cron {
	struct syntax s;
};

void cron_begin(struct cron *c, struct buf *out, struct err *err);
/* NAME="value"; a value with both kinds of quotes cannot be written. */
void cron_env(struct cron *c, const char *name, const char *value);
/* SCHEDULE is five fields with one blank between them, or @daily and the like. */
void cron_job(struct cron *c, const char *schedule, const char *user, const char *command);
void cron_comment(struct cron *c, const char *text);
void cron_blank(struct cron *c);
int cron_end(struct cron *c) must_check;

#endif
