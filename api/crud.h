/*
 * Create, read, update, delete and list, once for all kinds: what a row of
 * the endpoint table says is done here. Special rows call the same pieces.
 */
#ifndef API_CRUD_H
#define API_CRUD_H

#include "api/endpoint.h"

/* Carries out a row other than EP_CUSTOM, or calls its `run`. */
int crud_run(struct call *c, struct err *err) must_check;

/* A list in the answer's data, of the call's account and parameters (page, search, status). */
int crud_list(struct call *c, const struct shape *shape, struct err *err) must_check;
/* One row as the answer's data. */
int crud_row(struct call *c, const struct shape *shape, int64_t id, struct err *err) must_check;

/* Sets the fields that parameters name in CHANGE. */
int crud_fill(struct call *c, struct change *change, struct err *err) must_check;
/* Sets one field from text. */
int crud_set(struct call *c, struct change *change, const char *field, const char *text,
	     struct err *err) must_check;
/* A resource that must not be there yet. */
struct change *crud_new(struct changeset *cs, const struct kind *k);
/* A change of a resource that is there: named by its id, fields to be set. */
struct change *crud_change(struct changeset *cs, enum change_op op, const void *row);
/*
 * Checks and applies CS in the writer's transaction, which stays open; c->rev is set. Problems
 * become errors of the answer under the parameters' names. On the writer only.
 */
int crud_apply(struct call *c, struct changeset *cs, struct err *err) must_check;
/* The name under which revisions and keys of requests are kept. */
const char *crud_actor(const struct call *c);
/* Who asks for a revision, from where, and how it was asked for. */
struct revision crud_revision(struct call *c);
/*
 * What became of REV, which the store answered with R >= 0: the call knows its number and, where
 * its transaction stands open, ends it.
 */
int crud_written(struct call *c, int r, const struct revision *rev, struct err *err) must_check;
/* The code that stands for all of P's. */
enum err_code crud_worst(const struct problems *p);
/* The first account whose login USERNAME is: 1, or 0 when it has none. */
int crud_account_of_user(struct call *c, const char *username, struct account **ret,
			 struct err *err) must_check;

#endif
