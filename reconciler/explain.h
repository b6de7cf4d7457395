/*
 * Explaining a place on the machine: which artifact it is, for which resource,
 * which fields its text (or one line of it) comes from, and since which
 * revision each has its value.
 *
 * The line is looked up in the file as it is now and then found by content in
 * what is wanted, so an edited file is told from a written one. Secrets are
 * named, never shown: neither their values nor lines of files that hold them.
 * Only reads. Everything lives on the context given.
 */
#ifndef RECONCILER_EXPLAIN_H
#define RECONCILER_EXPLAIN_H

#include "reconciler/causes.h"
#include "reconciler/engine.h"
#include "reconciler/enginedb.h"

/* What is told of the line that was asked for. */
enum explain_line {
	EXPLAIN_WHOLE,    /* none was asked for */
	EXPLAIN_CAUSED,   /* by `reasons` */
	EXPLAIN_CONSTANT, /* by the renderer alone: no field changes it */
	EXPLAIN_SERIAL,   /* by the engine */
	EXPLAIN_NOT_OURS, /* of a file in which only a block is ours */
	EXPLAIN_EDITED,   /* not as wanted, and like no line that is */
	EXPLAIN_ONCE,     /* of a file made once, which is its owner's since */
	EXPLAIN_GONE,     /* the whole artifact is not wanted any more */
};

struct reason {
	const char *resource;
	const char *field; /* NULL: the resource as such */
	const char *value; /* for people; NULL: not set, or not to be shown */
	enum cause_effect effect;
	bool is_set, is_named, is_secret, is_default;
	struct origin origin;
	struct revision rev; /* of the origin, when it is known */
};

struct explanation {
	const char *path;
	/* An include of the administrator's: what it is read for; then all below but `is_copy` is unset. */
	const char *include_of;
	const char *source; /* COPIES: the administrator's file it is a copy of */
	const struct owned *owned;
	struct revision written;
	size_t line;
	enum explain_line what;
	const char *text;   /* of the line as it is on the machine; NULL: secret or not there */
	const char *wanted; /* the line as it should be, when it is another; NULL else */
	struct reason *reasons;
	size_t n_reasons;
	bool is_partial; /* more may have a part in it */
};

/*
 * PLACE is PATH, PATH:LINE or, for a row of a map, MAP:KEY. -ERR_NOTFOUND when NovaCPX has nothing
 * to do with it, with a sentence that says so.
 */
int explain_place(const void *ctx, struct engine *e, const char *place, struct explanation *ret,
		  struct err *err) must_check;

#endif
