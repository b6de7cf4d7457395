#include "api/dkim.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "api/crud.h"
#include "api/own.h"

enum {
	KEY_BITS = 2048
};

struct pair {
	const char *private_pem, *public_text;
};

static void pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void bio_free(BIO **p)
{
	(void)BIO_free(*p);
}

static int failed(struct err *err)
{
	return err_set(err, ERR_SYSTEM, "OpenSSL could not make a key");
}

static const char *private_pem(const void *ctx, EVP_PKEY *key)
{
	cleanup_(bio_free) BIO *out = BIO_new(BIO_s_secmem());
	char *text;
	long len;

	if (!out || PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1)
		return NULL;
	len = BIO_get_mem_data(out, &text);
	return mem_strn(ctx, text, (size_t)len);
}

/* SubjectPublicKeyInfo, DER, base64: what stands after p= */
static const char *public_text(const void *ctx, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	char *text;

	if (len <= 0)
		return NULL;
	text = mem_zero(ctx, (size_t)(len + 2) / 3 * 4 + 1);
	(void)EVP_EncodeBlock((unsigned char *)text, der, len);
	OPENSSL_free(der);
	return text;
}

int dkim_prepare(struct call *c, struct err *err)
{
	cleanup_(pkey_free) EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
	struct pair *p = mem_new(c->ctx, struct pair);

	if (!key)
		return failed(err);
	p->private_pem = private_pem(c->ctx, key);
	p->public_text = public_text(c->ctx, key);
	if (!p->private_pem || !p->public_text)
		return failed(err);
	c->prepared = p;
	return 0;
}

/* In the domain's zone, if that is the caller's: SELECTOR._domainkey. */
static int add_record(struct call *c, struct changeset *cs, const char *domain,
		      const char *selector, const char *public, struct err *err)
{
	struct zone *z = NULL;
	struct change *rec;
	int r = own_get_key(c, &kind_zone, domain, OWN_CHANGE, &z, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	rec = changeset_add(cs, CHANGE_PUT, &kind_record);
	r = crud_set(c, rec, "zone", z->name, err);
	if (r >= 0)
		r = crud_set(c, rec, "name", mem_fmt(c->ctx, "%s._domainkey", selector), err);
	if (r >= 0)
		r = crud_set(c, rec, "type", "DKIM", err);
	if (r >= 0)
		r = crud_set(c, rec, "value", mem_fmt(c->ctx, "v=DKIM1; k=rsa; p=%s", public), err);
	return r;
}

int dkim_edit(struct call *c, struct changeset *cs, struct change *key, struct err *err)
{
	const struct pair *p = c->prepared;
	int r = crud_set(c, key, "public_key", p->public_text, err);

	if (r >= 0)
		r = crud_set(c, key, "private_key", p->private_pem, err);
	if (r < 0)
		return r;
	return add_record(c, cs, call_text(c, "domain", ""), call_text(c, "selector", "mail"),
			  p->public_text, err);
}
