/*
 * Endpoints at addresses of their own, outside /api/RESOURCE/ACTION:
 * /api/openapi.json, /api/reference, /healthz, /metrics, logos. They answer without the envelope;
 * otherwise they go the way of all endpoints; /healthz alone has no rate limit.
 */
#ifndef API_EP_META_H
#define API_EP_META_H

#include "api/endpoint.h"

const struct endpoint *meta_rows(size_t *ret_n);
/* NULL: PATH is none of theirs. */
const struct endpoint *meta_find(const char *path);

#endif
