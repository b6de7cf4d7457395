/*
 * The OpenAPI 3.1 document of the API, written from the endpoint table and the
 * shapes, so that it cannot say anything else than what is served.
 *
 * Beyond the standard: x-roles (who may call), x-aliases (other names of an
 * action or a parameter that are taken), x-added (not of the original),
 * x-not-offered-yet (answers 503).
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/jsonw.h"

/* The whole document as the next value of W. */
void openapi_write(struct jsonw *w);

#endif
