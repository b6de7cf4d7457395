/*
 * Loading: from the store to views, scope by scope.
 *
 * A scope is named by one text, in which its level can be read: "a/john" an
 * account, "d/a.example" everything under one domain name, "s" the server.
 * Scopes come in byte order, the order of the manifest, so both can be walked
 * side by side and memory stays that of one scope, however many there are.
 */
#ifndef RECONCILER_LOAD_H
#define RECONCILER_LOAD_H

#include "model/store.h"
#include "renderers/renderer.h"

struct loader;

int loader_new(const void *ctx, struct store *s, struct loader **ret, struct err *err) must_check;

/* The view of one scope on CTX, with the kinds that renderers in MASK read; 0 if nothing is there, 1 else. */
int load_scope(const void *ctx, struct loader *l, const char *scope, uint32_t mask,
	       struct view *ret, struct err *err) must_check;

/* All scopes in order: 1 with *RET_SCOPE and the view on CTX, 0 at the end. */
int load_all_begin(struct loader *l, uint32_t mask, struct err *err) must_check;
int load_all_next(const void *ctx, struct loader *l, const char **ret_scope, struct view *ret,
		  struct err *err) must_check;

/* The scopes to render, and which renderers in each, that follow from changed resources. */
struct dirty {
	const void *ctx;
	struct strmap scopes; /* scope → mask of renderers, as a number in the pointer */
	uint32_t everywhere;  /* renderers that have to look at all scopes */
};

void dirty_mark(struct dirty *d, const char *scope, uint32_t mask);
/* Marks what revisions after FROM up to TO touched. */
int dirty_of_revisions(struct dirty *d, struct store *s, int64_t from, int64_t to,
		       struct err *err) must_check;

/* All renderers of the level of SCOPE. */
uint32_t renderers_of_scope(const char *scope);

#endif
