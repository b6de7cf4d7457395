/*
 * The certificate that the ports are served with, as files.
 *
 * One file holds certificate and key, or the key has one of its own. When
 * there is none, one of our own is made; it begins with a line that says so,
 * and by that line it is known later: a certificate of our own is renewed
 * before it ends, with the same key, so that clients that know the key go on.
 * Whatever else lies there is somebody's and never written.
 *
 * Files are dropped in place of the old ones; who serves looks now and then
 * (server_cert_is_due()) and takes what has changed without a restart.
 */
#ifndef API_SERVER_CERT_H
#define API_SERVER_CERT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

enum {
	SERVER_CERT_RENEW_DAYS = 30,
	SERVER_CERT_WARN_DAYS = 14,
};

struct server_cert {
	const char *path;     /* certificate, then its chain; and the key unless KEY_PATH */
	const char *key_path; /* or NULL */
	const char *host;     /* for one of our own */
	struct stat seen[2];  /* of path, key_path, when they were read last */
	int64_t tried;        /* when that was; seconds since 1970 */
	/* of what was loaded, which stays when a later one is refused: */
	bool is_own;
	int64_t ends; /* seconds since 1970 */
};

/*
 * Reads the pair, checked; makes or renews one of our own before. Texts (PEM) on CTX. After a
 * failure it is due again when a file has changed.
 */
int server_cert_load(const void *ctx, struct server_cert *c, const char **ret_cert_pem,
		     const char **ret_key_pem, struct err *err) must_check;
/* The files are not those that were read, or it is our own and ends soon. Cheap: a look at two files. */
bool server_cert_is_due(const struct server_cert *c, int64_t now);

#endif
