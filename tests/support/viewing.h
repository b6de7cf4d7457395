/*
 * Views made by hand, for the tests of renderers, and catalogs as texts that a
 * person can read and a golden can hold.
 *
 * A viewing owns everything on its context; viewing_done() frees it. Resources
 * are made from texts as a caller would give them, checked and canonical; a
 * test that plays a damaged database changes the struct afterwards.
 */
#ifndef TESTS_VIEWING_H
#define TESTS_VIEWING_H

#include "base/strmap.h"
#include "renderers/renderer.h"

struct viewing {
	void *ctx;
	struct view v;
	struct strmap settings;
	struct account *account;
};

void viewing_begin(struct viewing *w, enum scope_level level, const char *name);
void viewing_done(struct viewing *w);
/* The scope's owner "john", in the view's list too if the scope is an account's. */
struct account *viewing_owner(struct viewing *w);
/* A resource of the scope; fields as name, text, … , NULL. */
#define viewing_add(w, kind, ...) \
	viewing_add_fields((w), (kind), (const char *const[]){ __VA_ARGS__, NULL })
void *viewing_add_fields(struct viewing *w, const struct kind *k, const char *const *fields);
/* The same, in no list. */
#define viewing_make(w, kind, ...) \
	viewing_make_fields((w), (kind), (const char *const[]){ __VA_ARGS__, NULL })
void *viewing_make_fields(struct viewing *w, const struct kind *k, const char *const *fields);
void viewing_set(struct viewing *w, const char *setting, const char *value);

/* The renderer's catalog, sorted; the test fails if there is an error. */
struct catalog viewing_render(struct viewing *w, const struct renderer *r);
/* The same as a text; renders twice and fails if the second text differs. */
const char *viewing_text(struct viewing *w, const struct renderer *r);
/* The message of the renderer's refusal; the test fails if it takes the view. */
const char *viewing_refusal(struct viewing *w, const struct renderer *r);
const struct artifact *viewing_find(const struct catalog *c, enum artifact_type t,
				    const char *path);

#endif
