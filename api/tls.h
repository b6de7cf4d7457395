/*
 * Certificates of the HTTP face: one made by ourselves until a real one is there, and a look at
 * a pair before it is put to use. With GnuTLS, which also serves them, so what passes here works.
 *
 * A self-signed certificate lives 825 days, not longer: macOS and iOS refuse a server certificate
 * that lives longer without a way round it, even one that somebody chose to trust, so one of ten
 * years would lock administrators on Macs out. Who makes one replaces it in time
 * (tls_seconds_left()).
 */
#ifndef API_TLS_H
#define API_TLS_H

#include <stdint.h>

#include "base/err.h"

enum {
	TLS_SELF_DAYS = 825,
};

struct tls_self {
	const char *host;    /* a name or an IP address */
	const char *key_pem; /* text with the key; NULL: a new one, EC P-256 */
	int days;            /* that it lives, the first being yesterday; 0: TLS_SELF_DAYS */
};

/*
 * A self-signed certificate for the host, localhost, 127.0.0.1 and ::1. Texts (PEM) on CTX; the key
 * is a secret.
 */
int tls_make(const void *ctx, const struct tls_self *self, const char **ret_cert_pem,
	     const char **ret_key_pem, struct err *err) must_check;
/* With a new key and the usual life. */
int tls_self_signed(const void *ctx, const char *host, const char **ret_cert_pem,
		    const char **ret_key_pem, struct err *err) must_check;
/* The first certificate of the text is valid now and the key is its own. */
int tls_check_pair(const char *cert_pem, const char *key_pem, struct err *err) must_check;
/* Until the first certificate of the text ends; negative afterwards. */
int tls_seconds_left(const char *cert_pem, int64_t *ret, struct err *err) must_check;

#endif
