/*
 * A renderer: desired state in, catalog out, and nothing else.
 *
 * It reads the view of one scope and writes artifacts; the same view gives
 * the same bytes. No file, clock, environment, process or random symbol is
 * linked here (tests/lint/pure-check). Which scopes a change makes it render
 * follows from `inputs`, never from code of its own.
 */
#ifndef RENDERERS_RENDERER_H
#define RENDERERS_RENDERER_H

#include "base/mem.h"
#include "model/kinds.h"
#include "renderers/catalog.h"

/* The resources of one scope. Everything lives on the context the view was loaded on. */
struct view {
	const void *ctx; /* for texts the renderer makes */
	enum scope_level level;
	const char *name;              /* of the account or domain; "" for the server */
	const struct account *account; /* owner; NULL for the server, or if it is gone */
	const struct package *package; /* of the owner, in account views; NULL: none */
	const struct domain *target;   /* what an alias leads to */
	struct ptrs *res;              /* by kind_index(): resources of the scope, in key order */
	const struct strmap *settings; /* name → value, where set */
	struct strmap *
		asked; /* takes the names of settings that were looked at; NULL: nobody wants them */
};

struct renderer {
	const char *name;
	enum scope_level level;
	const struct kind *const *inputs; /* NULL-terminated */
	int (*render)(const struct view *v, struct catalog *out, struct err *err);
};

/* All renderers. */
extern const struct renderer *const renderers[];
extern const size_t n_renderers;

/* An account's user and home, without which nothing else of it can be; the first in the list. */
extern const struct renderer render_home;

const struct renderer *renderer_find(const char *name);
bool renderer_reads(const struct renderer *r, const struct kind *k);

const struct ptrs *view_all(const struct view *v, const struct kind *k);
/* The one resource of its kind in the scope, or NULL. */
const void *view_one(const struct view *v, const struct kind *k);
/* The setting's value, or its default. */
const char *view_setting(const struct view *v, const char *name);
bool view_setting_is(const struct view *v, const char *name, const char *value);
/* "xx/account": where the files of an account lie, on disk and in history. */
const char *view_folder(const struct view *v, const char *account);
/* The comment that opens every file: who manages it and how to ask why. */
const char *view_banner(const struct view *v, const char *resource);

#endif
