/*
 * Change sets as JSON, as callers of the API and the engine's socket give them
 * for a dry run:
 *
 *   [{"op": "put", "kind": "domain", "key": "a.example", "fields": {…}},
 *    {"op": "delete", "kind": "domain", "key": "b.example"}]
 *
 * Nothing is believed: unknown members and kinds, derived fields and wrong
 * types are refused with a JSON pointer ("/changes/0/fields/ttl") to the place.
 */
#ifndef STATE_CHANGE_JSON_H
#define STATE_CHANGE_JSON_H

#include <jansson.h>

#include "model/store.h"

/* Adds CHANGES to CS; a change's `where` is its place in the list. Texts are those of CHANGES. */
int change_json_read(const void *ctx, const json_t *changes, struct changeset *cs,
		     struct err *err) must_check;
/* A field's value: text, integer, boolean, list of texts, null. */
json_t *change_json_field(const struct field *f, const void *res);

#endif
