#include "api/tls.h"

#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "tests/support/testing.h"

static const char *made(const void *ctx, const char *host, const char **ret_key)
{
	struct err err = ERR_INIT;
	const char *cert;

	assert_ok(tls_self_signed(ctx, host, &cert, ret_key, &err), &err);
	return cert;
}

static gnutls_x509_crt_t parsed(const char *pem)
{
	gnutls_datum_t text = { .data = (unsigned char *)pem, .size = (unsigned)strlen(pem) };
	gnutls_x509_crt_t cert;

	assert_int_equal(gnutls_x509_crt_init(&cert), 0);
	assert_int_equal(gnutls_x509_crt_import(cert, &text, GNUTLS_X509_FMT_PEM), 0);
	return cert;
}

TEST(a_certificate_of_our_own_is_for_the_host_and_this_machine)
{
	void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	const char *key;
	const char *pem = made(ctx, "panel.example.com", &key);
	gnutls_x509_crt_t cert = parsed(pem);

	assert_ok(tls_check_pair(pem, key, &err), &err);
	assert_true(gnutls_x509_crt_check_hostname(cert, "panel.example.com"));
	assert_true(gnutls_x509_crt_check_hostname(cert, "localhost"));
	assert_true(gnutls_x509_crt_check_ip(cert, (unsigned char[]){ 127, 0, 0, 1 }, 4, 0));
	assert_true(gnutls_x509_crt_check_ip(cert, (unsigned char[16]){ [15] = 1 }, 16, 0));
	assert_false(gnutls_x509_crt_check_hostname(cert, "other.example.com"));
	assert_int_equal(gnutls_x509_crt_get_version(cert), 3);
	gnutls_x509_crt_deinit(cert);
	mem_freep(&ctx);
}

TEST(a_certificate_of_our_own_lives_no_longer_than_macs_accept)
{
	void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	const char *key;
	const char *pem = made(ctx, "a.example", &key);
	gnutls_x509_crt_t cert = parsed(pem);
	int64_t left = 0;

	assert_true(gnutls_x509_crt_get_expiration_time(cert) -
			    gnutls_x509_crt_get_activation_time(cert) <
		    825 * 86400);
	assert_ok(tls_seconds_left(pem, &left, &err), &err);
	assert_true(left > 823 * 86400 && left < 825 * 86400);
	gnutls_x509_crt_deinit(cert);
	mem_freep(&ctx);
}

TEST(the_host_of_a_certificate_may_be_an_address_or_a_long_name)
{
	void *ctx = mem_ctx(NULL, "test");
	const char *key;
	char name[201];
	gnutls_x509_crt_t cert = parsed(made(ctx, "192.0.2.7", &key));

	assert_true(gnutls_x509_crt_check_ip(cert, (unsigned char[]){ 192, 0, 2, 7 }, 4, 0));
	gnutls_x509_crt_deinit(cert);
	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 51)
		name[i] = '.';
	name[200] = '\0';
	cert = parsed(made(ctx, name, &key));
	assert_true(gnutls_x509_crt_check_hostname(cert, name));
	gnutls_x509_crt_deinit(cert);
	mem_freep(&ctx);
}

TEST(a_host_that_is_none_gets_no_certificate)
{
	static const char *const bad[] = { "", "a b", "a\nb", "a/b", "*", "a,b" };
	const char *cert = NULL;
	const char *key = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(tls_self_signed(NULL, bad[i], &cert, &key, &err), -ERR_INVALID);
		assert_contains(err.msg, "host name");
	}
	assert_null(cert);
}

TEST(what_is_wrong_with_a_pair_is_said)
{
	void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	const char *key;
	const char *other_key;
	const char *cert = made(ctx, "a.example", &key);

	(void)made(ctx, "b.example", &other_key);
	assert_int_equal(tls_check_pair(cert, other_key, &err), -ERR_INVALID);
	assert_string_equal(err.msg, "the key does not belong to the certificate");
	assert_int_equal(tls_check_pair(key, key, &err), -ERR_INVALID);
	assert_contains(err.msg, "no certificate");
	assert_int_equal(tls_check_pair("", "", &err), -ERR_INVALID);
	assert_contains(err.msg, "no certificate");
	assert_int_equal(tls_check_pair(cert, cert, &err), -ERR_INVALID);
	assert_contains(err.msg, "no key that can be read");
	assert_int_equal(tls_check_pair(cert, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", &err),
			 -ERR_INVALID);
	assert_contains(err.msg, "passphrase");
	assert_int_equal(tls_check_pair("-----BEGIN CERTIFICATE-----\nAAAA\n"
					"-----END CERTIFICATE-----\n",
					key, &err),
			 -ERR_INVALID);
	assert_contains(err.msg, "cannot be read");
	mem_freep(&ctx);
}

/* A bare certificate for KEY with these times. */
static const char *with_times(const void *ctx, const char *key_pem, time_t begin, time_t end)
{
	gnutls_datum_t text = { .data = (unsigned char *)key_pem,
				.size = (unsigned)strlen(key_pem) };
	gnutls_x509_crt_t cert;
	gnutls_x509_privkey_t key;
	gnutls_datum_t out;
	const char *res;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&cert), 0);
	assert_int_equal(gnutls_x509_crt_set_version(cert, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(cert, "\1", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_key(cert, key), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(cert, begin), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(cert, end), 0);
	assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &out), 0);
	res = mem_strn(ctx, (const char *)out.data, out.size);
	gnutls_free(out.data);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(cert);
	return res;
}

TEST(a_certificate_out_of_its_time_is_named_with_its_date)
{
	void *ctx = mem_ctx(NULL, "test");
	struct err err = ERR_INIT;
	const char *key;
	const char *made_now = made(ctx, "old.example", &key);
	const char *old = with_times(ctx, key, 1577836800, 1577923200);
	const char *early = with_times(ctx, key, 4102444800, 4102531200);
	int64_t left = 0;

	assert_ok(tls_check_pair(made_now, key, &err), &err);
	assert_int_equal(tls_check_pair(old, key, &err), -ERR_INVALID);
	assert_string_equal(err.msg, "the certificate expired on 2020-01-02 00:00 UTC");
	assert_ok(tls_seconds_left(old, &left, &err), &err);
	assert_true(left < 0);
	assert_int_equal(tls_check_pair(early, key, &err), -ERR_INVALID);
	assert_string_equal(err.msg, "the certificate is not valid before 2100-01-01 00:00 UTC");
	mem_freep(&ctx);
}
