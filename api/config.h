/*
 * What novacpx-api was started with: options, sockets that systemd passed
 * (sd_listen_fds(3)), the certificate, which is made when there is none.
 */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include "api/api.h"

struct config {
	struct api_opts api;
	const char *root;  /* "/" or the folder of a sandbox */
	const char *state; /* beneath it: model.db, api.db, tls.pem */
	const char *cert;  /* file with certificate and key; NULL: STATE/tls.pem */
	const char *host;  /* for a certificate of our own */
	bool is_confined;  /* gives up rights and system calls */
};

/* Reads the command line; ends the program for --help, --version and mistakes. On CTX. */
void config_parse(const void *ctx, int argc, char **argv, struct config *ret);
/* Ports that were passed in take the place of those of the command line. */
int config_sockets(struct config *c, struct err *err) must_check;
/* Reads, or makes, the certificate. */
int config_certificate(const void *ctx, struct config *c, struct err *err) must_check;
/*
 * Gives up user, capabilities and files, before the first thread; what stays is what C says that it
 * needs. confine_syscalls() follows when the sockets are open.
 */
int config_confine(const void *ctx, const struct config *c, struct err *err) must_check;

#endif
