#include "reconciler/rndc_wire.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

enum {
	TYPE_BYTES = 1,
	TYPE_TABLE = 2,
	TYPE_LIST = 3,
	VERSION = 1,
	MAC_TEXT_LEN = 88, /* base64 of the longest digest; shorter ones are followed by zeros */
	VALID_S = 60,
};

static const struct algorithm {
	const char *name;   /* in the key file */
	const char *digest; /* in OpenSSL */
	uint8_t number;     /* on the wire */
} algorithms[] = {
	{ "hmac-sha1", "SHA1", 161 },     { "hmac-sha224", "SHA224", 162 },
	{ "hmac-sha256", "SHA256", 163 }, { "hmac-sha384", "SHA384", 164 },
	{ "hmac-sha512", "SHA512", 165 },
};

/* ---- the key file ---- */

struct words {
	const char *p;
	const char *end;
};

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Skips blanks and the three kinds of comments; false: a comment has no end. */
static bool skip_blank(struct words *w)
{
	while (w->p < w->end) {
		size_t left = (size_t)(w->end - w->p);

		if (is_one_of(*w->p, " \t\r\n")) {
			w->p++;
		} else if (*w->p == '#' || (left > 1 && memcmp(w->p, "//", 2) == 0)) {
			const char *nl = memchr(w->p, '\n', left);

			w->p = nl ? nl : w->end;
		} else if (left > 1 && memcmp(w->p, "/*", 2) == 0) {
			const char *close = memmem(w->p + 2, left - 2, "*/", 2);

			if (!close)
				return false;
			w->p = close + 2;
		} else {
			break;
		}
	}
	return true;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       is_one_of(c, "-_.+/=");
}

/* The next word, quoted or not, into RET of SIZE bytes; only characters a key file needs. */
static bool take_word(struct words *w, char *ret, size_t size)
{
	size_t n = 0;
	bool quoted;

	if (!skip_blank(w) || w->p == w->end)
		return false;
	quoted = *w->p == '"';
	w->p += quoted;
	while (w->p < w->end && is_word_char(*w->p) && n + 1 < size)
		ret[n++] = *w->p++;
	ret[n] = '\0';
	if (quoted) {
		if (w->p == w->end || *w->p != '"')
			return false;
		w->p++;
	} else if (w->p < w->end && !is_one_of(*w->p, " \t\r\n;{}")) {
		return false;
	}
	return n > 0;
}

static bool take_char(struct words *w, char c)
{
	if (!skip_blank(w) || w->p == w->end || *w->p != c)
		return false;
	w->p++;
	return true;
}

static int set_algorithm(struct rndc_key *key, const char *name, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		if (strcmp(algorithms[i].name, name) != 0)
			continue;
		key->digest = algorithms[i].digest;
		key->algorithm = algorithms[i].number;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "key algorithm \"%s\": one of hmac-sha1, -sha224, -sha256, -sha384, -sha512",
		       name);
}

static int set_secret(struct rndc_key *key, const char *text, struct err *err)
{
	uint8_t raw[RNDC_SECRET_MAX + 3];
	size_t len = strlen(text);
	size_t pad = 0;
	int n;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len == 0 || len % 4 != 0 || strcspn(text, "=") != len - pad ||
	    len / 4 * 3 - pad > RNDC_SECRET_MAX)
		return err_set(err, ERR_INVALID, "the key's secret is not base64 of 1 to %d bytes",
			       RNDC_SECRET_MAX);
	n = EVP_DecodeBlock(raw, (const unsigned char *)text, (int)len);
	if (n <= (int)pad)
		return err_set(err, ERR_INVALID, "the key's secret is not base64");
	key->secret_len = (size_t)n - pad;
	memcpy(key->secret, raw, key->secret_len);
	OPENSSL_cleanse(raw, sizeof(raw));
	return 0;
}

static int parse_clauses(struct words *w, struct rndc_key *key, struct err *err)
{
	char word[32];
	char value[RNDC_SECRET_MAX * 2];
	int r = 0;

	while (r == 0 && !take_char(w, '}')) {
		if (!take_word(w, word, sizeof(word)) || !take_word(w, value, sizeof(value)) ||
		    !take_char(w, ';'))
			r = err_set(err, ERR_INVALID,
				    "expected \"algorithm NAME;\" or \"secret BASE64;\"");
		else if (strcmp(word, "algorithm") == 0 && !key->digest)
			r = set_algorithm(key, value, err);
		else if (strcmp(word, "secret") == 0 && !key->secret_len)
			r = set_secret(key, value, err);
		else
			r = err_set(err, ERR_INVALID, "unexpected or repeated \"%s\" in the key",
				    word);
	}
	OPENSSL_cleanse(value, sizeof(value));
	return r;
}

static int parse_key(struct words *w, struct rndc_key *key, struct err *err)
{
	char word[8];
	int r;

	if (!take_word(w, word, sizeof(word)) || strcmp(word, "key") != 0 ||
	    !take_word(w, key->name, sizeof(key->name)) || !take_char(w, '{'))
		return err_set(err, ERR_INVALID, "expected key \"NAME\" { ... };");
	r = parse_clauses(w, key, err);
	if (r < 0)
		return r;
	if (!take_char(w, ';') || !skip_blank(w) || w->p != w->end)
		return err_set(err, ERR_INVALID, "expected one key, closed by };");
	if (!key->digest || !key->secret_len)
		return err_set(err, ERR_INVALID, "the key has no %s",
			       key->digest ? "secret" : "algorithm");
	return 0;
}

int rndc_key_parse(const char *text, size_t len, struct rndc_key *ret, struct err *err)
{
	struct words w = { .p = text, .end = text + len };
	struct rndc_key key = { .algorithm = 0 };
	int r = parse_key(&w, &key, err);

	if (r == 0)
		*ret = key;
	rndc_key_clear(&key);
	return r;
}

int rndc_key_read(int root, const char *path, struct rndc_key *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc key");
	char *text;
	size_t len;
	int r = fs_read(ctx, root, path, RNDC_KEY_FILE_MAX, 0, &text, &len, err);

	if (r < 0)
		return err_wrap(err, "key of the name server");
	r = rndc_key_parse(text, len, ret, err);
	OPENSSL_cleanse(text, len);
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

void rndc_key_clear(struct rndc_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

/* ---- writing ---- */

static void put_u32(struct buf *out, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			       (uint8_t)v };

	buf_put(out, b, sizeof(b));
}

/* Name, type and length of an entry; the value follows. */
static void put_head(struct buf *out, const char *name, char type, size_t len)
{
	buf_putc(out, (char)strlen(name));
	buf_puts(out, name);
	buf_putc(out, type);
	put_u32(out, (uint32_t)len);
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	put_head(out, name, TYPE_BYTES, strlen(value));
	buf_puts(out, value);
}

static void put_number(struct buf *out, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(out, name, text);
}

static void put_table(struct buf *out, const char *name, const struct buf *table)
{
	put_head(out, name, TYPE_TABLE, table->len);
	buf_put(out, buf_str(table), table->len);
}

/* The HMAC of DATA as it stands in a message: base64, padded with zero bytes. */
static bool mac_of(const struct rndc_key *key, const void *data, size_t len, char ret[MAC_TEXT_LEN])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned char text[MAC_TEXT_LEN + 4] = { 0 };
	unsigned mac_len = 0;

	if (!HMAC(EVP_get_digestbyname(key->digest), key->secret, (int)key->secret_len, data, len,
		  mac, &mac_len))
		return false;
	(void)EVP_EncodeBlock(text, mac, (int)mac_len);
	memcpy(ret, text, MAC_TEXT_LEN);
	return true;
}

static void put_body(struct buf *body, const struct rndc_request *req)
{
	struct buf table = { .ctx = body->ctx, .max = body->max };

	put_number(&table, "_ser", req->serial);
	put_number(&table, "_tim", (uint64_t)req->now);
	put_number(&table, "_exp", (uint64_t)req->now + VALID_S);
	if (req->has_nonce)
		put_number(&table, "_nonce", req->nonce);
	put_table(body, "_ctrl", &table);
	buf_clear(&table);
	put_text(&table, "type", req->command);
	body->over |= table.over;
	put_table(body, "_data", &table);
	buf_done(&table);
}

int rndc_encode(struct buf *out, const struct rndc_key *key, const struct rndc_request *req,
		struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc message");
	struct buf body = { .ctx = ctx, .max = RNDC_REQUEST_MAX };
	struct buf auth = { .ctx = ctx, .max = RNDC_REQUEST_MAX };
	char mac[MAC_TEXT_LEN];

	put_body(&body, req);
	if (body.over || body.len + 256 > RNDC_REQUEST_MAX)
		return err_set(err, ERR_TOOBIG, "command of %zu bytes; named reads at most %d",
			       strlen(req->command), RNDC_REQUEST_MAX - 256);
	if (!mac_of(key, buf_str(&body), body.len, mac))
		return err_set(err, ERR_SYSTEM, "cannot compute an HMAC with %s", key->digest);
	put_head(&auth, "hsha", TYPE_BYTES, sizeof(mac) + 1);
	buf_putc(&auth, (char)key->algorithm);
	buf_put(&auth, mac, sizeof(mac));
	/* version + (1 + 5 + 1 + 4) for the head of _auth */
	put_u32(out, (uint32_t)(4 + 11 + auth.len + body.len));
	put_u32(out, VERSION);
	put_table(out, "_auth", &auth);
	buf_put(out, buf_str(&body), body.len);
	return out->over ? err_set(err, ERR_TOOBIG, "no room for the message") : 0;
}

/* ---- reading ---- */

struct span {
	const uint8_t *p;
	size_t len;
};

struct entry {
	struct span name;
	uint8_t type;
	struct span value;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct span rest(struct span s, size_t n)
{
	return (struct span){ .p = s.p + n, .len = s.len - n };
}

/* Takes the next entry of a table; false: its lengths do not fit or its type is unknown. */
static bool take_entry(struct span *table, struct entry *ret)
{
	struct span s = *table;
	struct entry e;

	if (s.len < 1)
		return false;
	e.name = (struct span){ .p = s.p + 1, .len = s.p[0] };
	s = rest(s, 1);
	if (e.name.len == 0 || s.len < e.name.len + 5)
		return false;
	s = rest(s, e.name.len);
	e.type = s.p[0];
	e.value = (struct span){ .p = s.p + 5, .len = get_u32(s.p + 1) };
	s = rest(s, 5);
	if (e.type < TYPE_BYTES || e.type > TYPE_LIST || e.value.len > s.len)
		return false;
	*table = rest(s, e.value.len);
	*ret = e;
	return true;
}

static bool is_named(const struct entry *e, const char *name)
{
	return e->name.len == strlen(name) && memcmp(e->name.p, name, e->name.len) == 0;
}

/* 1 found, 0 missing, -1 the table is broken, or the entry is there twice or of another type. */
static int find(struct span table, const char *name, uint8_t type, struct span *ret)
{
	struct entry e;
	int found = 0;

	while (table.len) {
		if (!take_entry(&table, &e))
			return -1;
		if (!is_named(&e, name))
			continue;
		if (found || e.type != type)
			return -1;
		found = 1;
		*ret = e.value;
	}
	return found;
}

/* As find, for a number that fits 32 bits. */
static int find_number(struct span table, const char *name, uint32_t *ret)
{
	struct span text;
	uint64_t v = 0;
	int r = find(table, name, TYPE_BYTES, &text);

	if (r <= 0)
		return r;
	if (text.len == 0 || text.len > 10)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (v > UINT32_MAX)
		return -1;
	*ret = (uint32_t)v;
	return 1;
}

static int find_text(struct span table, const char *name, struct rndc_text *ret)
{
	struct span text;
	int r = find(table, name, TYPE_BYTES, &text);

	if (r > 0)
		*ret = (struct rndc_text){ .p = (const char *)text.p, .len = text.len };
	return r;
}

/* Takes the _auth entry off MSG and holds it against the HMAC of what is left. */
static int check_auth(struct span *msg, const struct rndc_key *key, struct err *err)
{
	struct entry auth;
	struct span mac;
	uint8_t want[1 + MAC_TEXT_LEN] = { key->algorithm };

	if (!take_entry(msg, &auth) || !is_named(&auth, "_auth") || auth.type != TYPE_TABLE ||
	    find(auth.value, "hsha", TYPE_BYTES, &mac) != 1)
		return err_set(err, ERR_CORRUPT, "reply of the name server has no signature");
	if (!mac_of(key, msg->p, msg->len, (char *)want + 1))
		return err_set(err, ERR_SYSTEM, "cannot compute an HMAC with %s", key->digest);
	if (mac.len != sizeof(want) || CRYPTO_memcmp(mac.p, want, sizeof(want)) != 0)
		return err_set(err, ERR_DENIED,
			       "reply of the name server is not signed with key \"%s\"", key->name);
	return 0;
}

int rndc_decode(const void *msg, size_t len, const struct rndc_key *key, struct rndc_reply *ret,
		struct err *err)
{
	struct span s = { .p = msg, .len = len };
	struct rndc_reply reply = { .serial = 0 };
	struct span ctrl;
	struct span data;
	uint32_t
		is_reply; /* without it our own request, sent back to us, would look like success */
	int nonce;
	int r;

	if (len < 4 || len > RNDC_REPLY_MAX || get_u32(s.p) != VERSION)
		return err_set(err, ERR_CORRUPT,
			       "reply of the name server is not of protocol version 1");
	s = rest(s, 4);
	r = check_auth(&s, key, err);
	if (r < 0)
		return r;
	if (find(s, "_ctrl", TYPE_TABLE, &ctrl) != 1 || find(s, "_data", TYPE_TABLE, &data) != 1 ||
	    find_number(ctrl, "_ser", &reply.serial) != 1 ||
	    find_number(ctrl, "_rpl", &is_reply) != 1 || is_reply != 1 ||
	    (nonce = find_number(ctrl, "_nonce", &reply.nonce)) < 0 ||
	    find_number(data, "result", &reply.result) != 1 ||
	    find_text(data, "err", &reply.err) < 0 || find_text(data, "text", &reply.text) < 0)
		return err_set(err, ERR_CORRUPT, "reply of the name server cannot be read");
	reply.has_nonce = nonce > 0;
	*ret = reply;
	return 0;
}
