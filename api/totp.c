#include "api/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

uint32_t totp_code(const uint8_t *secret, size_t len, int64_t step)
{
	uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;
	const uint8_t *at;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)((uint64_t)step >> (8 * (7 - i)));
	if (!HMAC(EVP_sha1(), secret, (int)len, counter, sizeof(counter), mac, &mac_len) ||
	    mac_len != 20)
		mem_abort(); /* SHA-1 that is not there: better none than a code anybody knows */
	at = mac + (mac[19] & 0x0f);
	return (((uint32_t)at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
		at[3]) %
	       1000000;
}

static bool is_code(const char *code)
{
	return strlen(code) == TOTP_DIGITS && strspn(code, "0123456789") == TOTP_DIGITS;
}

int64_t totp_step(const uint8_t *secret, size_t len, const char *code, int64_t now, int64_t last)
{
	int64_t found = -1;

	if (!is_code(code))
		return -1;
	for (int64_t step = now / TOTP_STEP_S - TOTP_DRIFT; step <= now / TOTP_STEP_S + TOTP_DRIFT;
	     step++) {
		char right[16];

		(void)snprintf(right, sizeof(right), "%06u",
			       (unsigned)totp_code(secret, len, step));
		if (CRYPTO_memcmp(right, code, TOTP_DIGITS) == 0 && step > last)
			found = step;
	}
	return found;
}

char *totp_base32(const void *ctx, const uint8_t *data, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	size_t n = (len * 8 + 4) / 5;
	char *text = mem_zero(ctx, n + 1);

	for (size_t i = 0; i < n; i++) {
		size_t bit = i * 5;
		unsigned two = (unsigned)data[bit / 8] << 8;

		if (bit / 8 + 1 < len)
			two |= data[bit / 8 + 1];
		text[i] = letters[two >> (11 - bit % 8) & 31];
	}
	return text;
}
