/*
 * Whose request it is. A proxy that we trust says whom it speaks for in
 * X-Forwarded-For, each hop adding the address it heard from at the end; so
 * the list is read from its end up to the first that is no proxy of ours.
 * What stands before that anybody can have written.
 */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api/live.h"
#include "api/server.h"

/* Lives as long as the request. What is no address ends the reading. */
const char *client_address(struct live *l, struct request *r);

#endif
