/*
 * The apps that docker/catalog offers, with what each asks for: names, keys
 * and parameters are those of the callers' contract, in its order.
 */
#ifndef API_CATALOG_H
#define API_CATALOG_H

#include "api/jsonw.h"

/* Their keys; NULL ends. */
extern const char *const catalog_keys[];

/* {"catalog": {KEY: {name, description, icon, params: [{key, label, type, required, placeholder}]}}} */
void catalog_put(struct jsonw *w);

#endif
