/*
 * Endpoints at addresses of their own, outside /api/RESOURCE/ACTION:
 * /api/openapi.json, /healthz and /metrics. They answer without the envelope;
 * otherwise they go the way of all endpoints; /healthz alone has no rate limit.
 */
#ifndef API_EP_META_H
#define API_EP_META_H

#include "api/endpoint.h"

/* NULL: PATH is none of theirs. */
const struct endpoint *meta_find(const char *path);

#endif
