/* What the main thread does while the others serve. */
#ifndef API_SERVE_H
#define API_SERVE_H

#include <signal.h>

#include "api/server_cert.h"

struct api;

/*
 * Until TERM or INT of SIGNALS, which are blocked. HUP, or once a minute a look that finds other
 * files: the certificate is read again and used for new connections.
 */
void serve(struct api *api, struct server_cert *c, const sigset_t *signals);

#endif
