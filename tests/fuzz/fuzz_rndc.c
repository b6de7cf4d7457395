/* The decoder of name server replies, raw and behind a right signature, and the key file's parser. */
#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "reconciler/rndc_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct rndc_text t, const char *msg, size_t len)
{
	assert(!t.p || (t.p >= msg && t.p + t.len <= msg + len));
}

static void put_head(struct buf *out, const char *name, char type, size_t len)
{
	buf_putc(out, (char)strlen(name));
	buf_puts(out, name);
	buf_putc(out, type);
	buf_put(out, "\0\0\0", 3);
	buf_putc(out, (char)len);
}

/* With a signature: else no input would ever get past it. */
static void decode_signed(const void *ctx, const struct rndc_key *key, const uint8_t *data,
			  size_t size)
{
	struct digest mac = digest_keyed(key->secret, key->secret_len, data, size);
	unsigned char hsha[89 + 4] = { key->algorithm };
	struct buf msg = BUF_ON(ctx);
	struct rndc_reply r;

	(void)EVP_EncodeBlock(hsha + 1, mac.b, DIGEST_LEN);
	buf_put(&msg, "\0\0\0\1", 4);
	put_head(&msg, "_auth", 2, 99);
	put_head(&msg, "hsha", 1, 89);
	buf_put(&msg, hsha, 89);
	buf_put(&msg, data, size);

	char *exact = mem_dup(ctx, msg.data, msg.len);

	if (rndc_decode(exact, msg.len, key, &r, NULL) < 0)
		return;
	check_inside(r.text, exact, msg.len);
	check_inside(r.err, exact, msg.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct rndc_key key = {
		.name = "k", .digest = "SHA256", .algorithm = 163, .secret_len = 8
	};
	struct rndc_key parsed;
	struct rndc_reply r;

	(void)rndc_decode(data, size, &key, &r, NULL);
	decode_signed(ctx, &key, data, size);
	if (rndc_key_parse((const char *)data, size, &parsed, NULL) == 0)
		assert(parsed.secret_len > 0 && parsed.secret_len <= RNDC_SECRET_MAX);
	return 0;
}
