/*
 * SHA-256 of content (OpenSSL), as raw bytes and as hexadecimal text.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DIGEST_LEN = 32,
	DIGEST_HEX_LEN = 64
};

struct digest {
	uint8_t b[DIGEST_LEN];
};

struct digest_part {
	const void *data;
	size_t len;
};

struct digest digest_of(const void *data, size_t len);
/* Of the parts put together. */
struct digest digest_of_parts(const struct digest_part *parts, size_t n);
/* HMAC-SHA256 with KEY: what may be published about a secret. */
struct digest digest_keyed(const void *key, size_t key_len, const void *data, size_t len);
bool digest_eq(const struct digest *a, const struct digest *b);
/* RET has room for DIGEST_HEX_LEN + 1. */
void digest_hex(const struct digest *d, char *ret);
/* The two-letter shard (00…ff) in which the folder for NAME lies, on disk and in git. */
void shard_of(const char *name, char ret[3]);

#endif
