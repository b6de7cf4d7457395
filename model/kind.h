/*
 * A kind: a type of desired thing, described by one table of fields.
 *
 * Everything generic (storing, reading, checking, comparing, exporting,
 * documenting) walks these tables; no code outside model/kinds.c names the
 * kinds in a list, and a switch over kinds exists nowhere. Renderers and
 * rules include model/kinds.h for the structs they read.
 */
#ifndef MODEL_KIND_H
#define MODEL_KIND_H

#include "model/field.h"

/* What is rendered together: everything on the server, of one account, or under one domain name. */
enum scope_level {
	SCOPE_SERVER,
	SCOPE_ACCOUNT,
	SCOPE_DOMAIN
};

struct res {
	const struct kind *kind;
	int64_t id;      /* stable number (API); 0: not stored yet */
	int64_t rev;     /* revision it was last changed in */
	int64_t created; /* seconds since 1970 */
};

struct kind {
	const char *name;    /* "domain": table, CLI, conditions */
	const char *section; /* "domains": key in state files */
	size_t size;
	const struct field *fields;
	size_t n_fields;
	enum scope_level level;
	/* Fills derived fields; runs after every field was checked. */
	int (*derive)(const void *ctx, void *res, struct err *err);
	/* Fills derived fields that depend on what RES was before (NULL: new) and on the time. */
	void (*settle)(void *res, const void *before, int64_t now);
	/* Rules that span fields of one resource. The error's path names the field. */
	int (*check)(const void *ctx, const void *res, struct err *err);
	const char *doc;
};

#define FIELD_FOREACH(f, k) \
	for (const struct field *f = (k)->fields; f < (k)->fields + (k)->n_fields; f++)

/* All kinds, parents before children. */
extern const struct kind *const kinds[];
extern const size_t n_kinds;

#define KIND_FOREACH(k)                                  \
	for (size_t k##_i = 0; k##_i < n_kinds; k##_i++) \
		for (const struct kind *k = kinds[k##_i], *k##_once = k; k##_once; k##_once = NULL)

const struct kind *kind_find(const char *name); /* by name or section */
const struct field *kind_field(const struct kind *k, const char *name);
const struct field *kind_parent(const struct kind *k); /* the FIELD_PARENT row or NULL */
const struct field *kind_scope(const struct kind *k);  /* the FIELD_SCOPE row or NULL */
size_t kind_index(const struct kind *k);               /* position in kinds[] */
/* Key fields other than the parent: how a resource is named inside its parent. */
size_t kind_own_keys(const struct kind *k);

void *res_new(const void *ctx, const struct kind *k); /* all fields at their defaults */
void *res_copy(const void *ctx, const void *res);     /* shares the texts */
/* The natural key, parts joined by '/': "example.com", "example.com/www/A/192.0.2.1". On CTX. */
const char *res_key(const void *ctx, const void *res);
/* "domain/example.com". On CTX. */
const char *res_name(const void *ctx, const void *res);
/* Splits KEY into the key fields of RES (no checks). ERR_INVALID when parts are missing. */
int res_set_key(const void *ctx, void *res, const char *key, struct err *err) must_check;

typedef int field_diff_fn(const struct field *f, const void *from, const void *to, void *arg);
/* Calls FN for each field that differs; returns how many, or the first negative result. */
int res_diff(const void *from, const void *to, field_diff_fn *fn, void *arg);
/* Checks every field (canonical forms), derives, runs the kind's check; for rows that may be hostile. */
int res_verify(const void *ctx, void *res, struct err *err) must_check;

#endif
