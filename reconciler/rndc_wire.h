/*
 * The bytes of BIND's control channel (isccc, protocol version 1).
 *
 * A message is a 32-bit length, a 32-bit version and a table. A table is a
 * row of entries: one length byte, the name, a type byte (1 bytes, 2 table,
 * 3 list), a 32-bit length, the value. The first entry is _auth, which holds
 * an HMAC of all entries behind it. Numbers travel as decimal text.
 * Everything here is pure; nothing is allocated by decoding: a reply points
 * into the message. What comes from the wire is refused unless every length
 * fits exactly, and nothing of it is used before its HMAC is right.
 * Source: BIND 9.18, lib/isccc and the rndc(8), rndc.conf(5) manuals.
 */
#ifndef RECONCILER_RNDC_WIRE_H
#define RECONCILER_RNDC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	RNDC_SECRET_MAX = 128,
	RNDC_KEY_FILE_MAX = 4096,
	RNDC_REQUEST_MAX = 32768,         /* named reads no more */
	RNDC_REPLY_MAX = 4 * 1024 * 1024, /* what we read of named */
};

/* A shared secret; wipe with rndc_key_clear. */
struct rndc_key {
	char name[256];
	const char *digest; /* as OpenSSL calls it */
	uint8_t algorithm;  /* as the wire calls it */
	uint8_t secret[RNDC_SECRET_MAX];
	size_t secret_len;
};

/* Reads `key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`, with comments, nothing else. */
int rndc_key_parse(const char *text, size_t len, struct rndc_key *ret, struct err *err) must_check;
/* The same from a file beneath ROOT. */
int rndc_key_read(int root, const char *path, struct rndc_key *ret, struct err *err) must_check;
void rndc_key_clear(struct rndc_key *key);

struct rndc_request {
	uint32_t serial;
	int64_t now;    /* seconds since the epoch; named refuses what is minutes off */
	bool has_nonce; /* every request but the first of a connection has one */
	uint32_t nonce;
	const char *command; /* "null" in the first one */
};

/* Appends the signed message, length word included. */
int rndc_encode(struct buf *out, const struct rndc_key *key, const struct rndc_request *req,
		struct err *err) must_check;

struct rndc_text {
	const char *p; /* not NUL-terminated; NULL: there is none */
	size_t len;
};

struct rndc_reply {
	uint32_t serial; /* of the request it answers */
	bool has_nonce;
	uint32_t nonce;
	uint32_t result; /* 0: done; else a result code of BIND */
	struct rndc_text err;
	struct rndc_text text;
};

/* MSG is what follows the length word. A wrong HMAC is ERR_DENIED, wrong bytes are ERR_CORRUPT. */
int rndc_decode(const void *msg, size_t len, const struct rndc_key *key, struct rndc_reply *ret,
		struct err *err) must_check;

#endif
