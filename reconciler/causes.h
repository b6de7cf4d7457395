/*
 * Causes: which fields an artifact comes from, or one line of it.
 *
 * Found by trying, for renderers are pure: every field that the renderer can
 * see gets another value (model/res_vary.h), the scope is rendered again, and
 * what became of the line is looked at by content, not by number. So the answer
 * follows from the renderer as it is and cannot go stale; it knows no format.
 * What no variant reaches is not found: a value that matters only together
 * with another one.
 *
 * Where a list has many resources, those that the line speaks of are tried
 * first and the rest is left out (`is_partial`). Nothing is read or written but
 * the view; everything returned lives on CTX.
 */
#ifndef RECONCILER_CAUSES_H
#define RECONCILER_CAUSES_H

#include "renderers/renderer.h"

/* What another value would do; the later, the closer to the line. */
enum cause_effect {
	CAUSE_NONE,
	CAUSE_MAKES, /* without it there is no such artifact */
	CAUSE_KEEPS, /* without it there is no such line */
	CAUSE_SHAPES /* the line, or the artifact when none is asked for, would be another */
};

struct cause {
	const void *res;           /* of the view, or as its defaults have it (id 0) */
	const struct field *field; /* NULL: the resource as such */
	enum cause_effect effect;
	size_t named; /* the line has its value, so many bytes long; 0: not */
};

struct causes {
	struct cause *v;
	size_t n, cap;
	bool is_partial;
};

struct causes_ask {
	const struct view *view;
	const struct renderer *renderer;
	enum artifact_type type;
	const char *path;
	const char *file; /* USER: the file whose line of it is meant; or NULL */
	size_t line;      /* from 1, of causes_text(); 0: the artifact as a whole */
};

/* What the renderer wants at the place, not sorted into *RET; 0 when it wants nothing there, 1 else. */
int causes_artifact(const void *ctx, const struct causes_ask *ask, const struct artifact **ret,
		    struct err *err) must_check;
/* An artifact as the text that lines are counted in. FILE as in causes_ask. On CTX. */
const char *causes_text(const void *ctx, const struct artifact *a, const char *file);
/* A file's text as causes_text() has it: without what the renderer computes from the rest of it. */
const char *causes_plain(const void *ctx, const char *text);
/*
 * The causes, strongest first. 0 when the renderer wants nothing at the place, 1 else. Causes that
 * only make the artifact are left out when a line is asked for.
 */
int causes_find(const void *ctx, const struct causes_ask *ask, struct causes *ret,
		struct err *err) must_check;

#endif
