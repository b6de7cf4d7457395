/* SHA256_Init and its like: the newer calls look their algorithm up each time, which costs more than a short text. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct digest digest_of(const void *data, size_t len)
{
	SHA256_CTX c;
	struct digest d;

	(void)SHA256_Init(&c);
	(void)SHA256_Update(&c, data, len);
	(void)SHA256_Final(d.b, &c);
	return d;
}

struct digest digest_of_parts(const struct digest_part *parts, size_t n)
{
	SHA256_CTX c;
	struct digest d;

	(void)SHA256_Init(&c);
	for (size_t i = 0; i < n; i++)
		(void)SHA256_Update(&c, parts[i].data, parts[i].len);
	(void)SHA256_Final(d.b, &c);
	return d;
}

struct digest digest_keyed(const void *key, size_t key_len, const void *data, size_t len)
{
	struct digest d;
	unsigned n = sizeof(d.b);

	if (!HMAC(EVP_sha256(), key, (int)key_len, data, len, d.b, &n))
		abort();
	return d;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static const char hex[] = "0123456789abcdef";

void digest_hex(const struct digest *d, char *ret)
{
	for (size_t i = 0; i < sizeof(d->b); i++) {
		ret[2 * i] = hex[d->b[i] >> 4];
		ret[2 * i + 1] = hex[d->b[i] & 15];
	}
	ret[2 * sizeof(d->b)] = '\0';
}

void shard_of(const char *name, char ret[3])
{
	uint32_t h = 2166136261U; /* FNV-1a: spread is all we need here */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619U;
	h ^= h >> 16;
	ret[0] = hex[(h >> 4) & 15];
	ret[1] = hex[h & 15];
	ret[2] = '\0';
}
