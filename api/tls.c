#include "api/tls.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum {
	DAY = 24 * 60 * 60,
	SERIAL_LEN = 16,
	COMMON_NAME_MAX = 64, /* RFC 5280, ub-common-name */
	CHAIN_MAX = 16,
};

struct pair {
	gnutls_x509_crt_t cert;
	gnutls_x509_privkey_t key;
};

static void pair_done(struct pair *p)
{
	if (p->cert)
		gnutls_x509_crt_deinit(p->cert);
	if (p->key)
		gnutls_x509_privkey_deinit(p->key);
}

static void pair_init(struct pair *p)
{
	if (gnutls_x509_crt_init(&p->cert) < 0 || gnutls_x509_privkey_init(&p->key) < 0)
		mem_abort();
}

static int fail(struct err *err, int r, const char *what)
{
	return err_set(err, ERR_SYSTEM, "%s: %s", what, gnutls_strerror(r));
}

static int add_ip(gnutls_x509_crt_t cert, const char *text)
{
	unsigned char address[16];
	unsigned len = inet_pton(AF_INET, text, address) == 1    ? 4
		       : inet_pton(AF_INET6, text, address) == 1 ? 16
								 : 0;

	return len ? gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, address, len,
							  GNUTLS_FSAN_APPEND)
		   : 1;
}

/* HOST is an IP address or a name; 0 or a GnuTLS error. */
static int add_name(gnutls_x509_crt_t cert, const char *host)
{
	int r = add_ip(cert, host);

	return r == 1 ? gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, host,
							     (unsigned)strlen(host),
							     GNUTLS_FSAN_APPEND)
		      : r;
}

static int add_names(gnutls_x509_crt_t cert, const char *host)
{
	static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
	int r = add_name(cert, host);

	for (size_t i = 0; i < ARRAY_LEN(always) && r >= 0; i++)
		if (strcmp(always[i], host) != 0)
			r = add_name(cert, always[i]);
	return r;
}

/* The issuer's name is the subject's, so the serial number must tell certificates apart. */
static int set_serial(gnutls_x509_crt_t cert)
{
	unsigned char serial[SERIAL_LEN];
	int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive and of full length */
	return r < 0 ? r : gnutls_x509_crt_set_serial(cert, serial, sizeof(serial));
}

/* It begins a day early, for clients whose clock is behind. */
static int fill(struct pair *p, const char *host, int days)
{
	const char *name = strlen(host) <= COMMON_NAME_MAX ? host : "NovaCPX";
	const time_t begin = time(NULL) - DAY;
	int r = gnutls_x509_crt_set_version(p->cert, 3);

	if (r >= 0)
		r = set_serial(p->cert);
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(p->cert, begin);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(p->cert, begin + (time_t)days * DAY - 1);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn_by_oid(p->cert, GNUTLS_OID_X520_COMMON_NAME, 0, name,
						  (unsigned)strlen(name));
	if (r >= 0)
		r = add_names(p->cert, host);
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(p->cert, 0, -1);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(p->cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(p->cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_key(p->cert, p->key);
	return r < 0 ? r : gnutls_x509_crt_sign2(p->cert, p->cert, p->key, GNUTLS_DIG_SHA256, 0);
}

/* Moves DATUM to CTX. */
static const char *take_text(const void *ctx, gnutls_datum_t *datum)
{
	const char *text = mem_strn(ctx, (const char *)datum->data, datum->size);

	gnutls_memset(datum->data, 0, datum->size);
	gnutls_free(datum->data);
	datum->data = NULL;
	return text;
}

static gnutls_datum_t text_of(const char *pem)
{
	return (gnutls_datum_t){ .data = (unsigned char *)pem, .size = (unsigned)strlen(pem) };
}

static int read_or_make_key(gnutls_x509_privkey_t key, const char *pem)
{
	gnutls_datum_t text = text_of(pem ? pem : "");

	if (pem)
		return gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL,
						   GNUTLS_PKCS_PLAIN);
	return gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

int tls_self_signed(const void *ctx, const char *host, const char **ret_cert_pem,
		    const char **ret_key_pem, struct err *err)
{
	const struct tls_self self = { .host = host };

	return tls_make(ctx, &self, ret_cert_pem, ret_key_pem, err);
}

int tls_make(const void *ctx, const struct tls_self *self, const char **ret_cert_pem,
	     const char **ret_key_pem, struct err *err)
{
	const char *host = self->host;
	cleanup_(pair_done) struct pair p = { NULL, NULL };
	gnutls_datum_t cert = { NULL, 0 };
	gnutls_datum_t key = { NULL, 0 };
	size_t len = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789.-_:");
	int r;

	if (!len || host[len] || len > 253)
		return err_set(err, ERR_INVALID,
			       "a certificate is for a host name or an IP address, not \"%.64s\"",
			       host);
	pair_init(&p);
	r = read_or_make_key(p.key, self->key_pem);
	if (r >= 0)
		r = fill(&p, host, self->days ? self->days : TLS_SELF_DAYS);
	if (r >= 0)
		r = gnutls_x509_crt_export2(p.cert, GNUTLS_X509_FMT_PEM, &cert);
	if (r >= 0)
		r = gnutls_x509_privkey_export2_pkcs8(p.key, GNUTLS_X509_FMT_PEM, NULL,
						      GNUTLS_PKCS_PLAIN, &key);
	if (r >= 0) {
		*ret_key_pem = take_text(ctx, &key);
		*ret_cert_pem = take_text(ctx, &cert);
	}
	gnutls_free(cert.data);
	return r < 0 ? fail(err, r, "make a self-signed certificate") : 0;
}

/* Reads the first certificate, and that what follows is certificates too. */
static int read_cert(const char *pem, gnutls_x509_crt_t *ret, struct err *err)
{
	gnutls_datum_t text = text_of(pem);
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned n = CHAIN_MAX;
	int r;

	if (!strstr(pem, "-----BEGIN CERTIFICATE-----") &&
	    !strstr(pem, "-----BEGIN X509 CERTIFICATE-----"))
		return err_set(err, ERR_INVALID,
			       "the text has no certificate (\"-----BEGIN CERTIFICATE-----\")");
	r = gnutls_x509_crt_list_import(chain, &n, &text, GNUTLS_X509_FMT_PEM,
					GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	if (r < 0)
		return err_set(err, ERR_INVALID, "the certificate cannot be read: %s",
			       gnutls_strerror(r));
	for (int i = 1; i < r; i++)
		gnutls_x509_crt_deinit(chain[i]);
	*ret = chain[0];
	return 0;
}

static int check_time(gnutls_x509_crt_t cert, struct err *err)
{
	const time_t begin = gnutls_x509_crt_get_activation_time(cert);
	const time_t end = gnutls_x509_crt_get_expiration_time(cert);
	const time_t now = time(NULL);
	const time_t *at = now < begin ? &begin : &end;
	char text[32] = "";
	struct tm tm;

	if (now >= begin && now <= end)
		return 0;
	if (gmtime_r(at, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	return err_set(err, ERR_INVALID,
		       now < begin ? "the certificate is not valid before %s"
				   : "the certificate expired on %s",
		       text);
}

/* 0: the key is the certificate's, else a GnuTLS error or 1. */
static int compare_keys(const struct pair *p)
{
	unsigned char of_cert[64];
	unsigned char of_key[64];
	size_t cert_len = sizeof(of_cert);
	size_t key_len = sizeof(of_key);
	int r = gnutls_x509_crt_get_key_id(p->cert, GNUTLS_KEYID_USE_SHA256, of_cert, &cert_len);

	if (r >= 0)
		r = gnutls_x509_privkey_get_key_id(p->key, GNUTLS_KEYID_USE_SHA256, of_key,
						   &key_len);
	if (r < 0)
		return r;
	return cert_len != key_len || memcmp(of_cert, of_key, key_len) != 0;
}

int tls_check_pair(const char *cert_pem, const char *key_pem, struct err *err)
{
	cleanup_(pair_done) struct pair p = { NULL, NULL };
	gnutls_datum_t text = text_of(key_pem);
	int r = read_cert(cert_pem, &p.cert, err);

	if (r < 0)
		return r;
	if (gnutls_x509_privkey_init(&p.key) < 0)
		mem_abort();
	r = gnutls_x509_privkey_import2(p.key, &text, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
	if (r == GNUTLS_E_DECRYPTION_FAILED || strstr(key_pem, "ENCRYPTED"))
		return err_set(err, ERR_INVALID,
			       "the key is encrypted; it must be given without a passphrase");
	if (r < 0)
		return err_set(err, ERR_INVALID, "the text has no key that can be read: %s",
			       gnutls_strerror(r));
	r = compare_keys(&p);
	if (r != 0)
		return err_set(err, ERR_INVALID, "the key does not belong to the certificate");
	return check_time(p.cert, err);
}

int tls_seconds_left(const char *cert_pem, int64_t *ret, struct err *err)
{
	cleanup_(pair_done) struct pair p = { NULL, NULL };
	int r = read_cert(cert_pem, &p.cert, err);

	if (r >= 0)
		*ret = (int64_t)gnutls_x509_crt_get_expiration_time(p.cert) - (int64_t)time(NULL);
	return r;
}
