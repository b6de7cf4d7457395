#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/rndc.h"
#include "reconciler/rndc_wire.h"
#include "tests/support/testing.h"

#define KEY_FILE                     \
	"key \"rndc-key\" {\n"       \
	"\talgorithm hmac-sha256;\n" \
	"\tsecret \"Zm9yIHRlc3RzLCBrbm93biB0byBldmVyeWJvZHkhISE=\";\n};\n"

/* Recorded from named 9.18.49; requests with, replies without their length word. */
/* clang-format off */
static const char null_request[] =
	"\000\000\000\322\000\000\000\001\005_auth\002\000\000\000c\004hsha\001\000\000\000Y\243eT"
	"nT1a6Uvt1tgy+X1y42PW1PfYiy5J6LCq"
	"GWpgUmUJ8=\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\005_ctrl\002\000\000\000"
	"<\004_ser\001\000\000\000\0122750016026\004_tim\001\000\000\000\0121"
	"795452088\004_exp\001\000\000\000\0121795452148\005_d"
	"ata\002\000\000\000\016\004type\001\000\000\000\004null";

static const char null_reply[] =
	"\000\000\000\001\005_auth\002\000\000\000c\004hsha\001\000\000\000Y\2436lyqlo"
	"CVBPNR1aeDk85J5V3x/jLDxpd+DRZ/eR"
	"5ig/g=\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\005_ctrl\002\000\000\000]\004_s"
	"er\001\000\000\000\0122750016026\004_tim\001\000\000\000\01217954"
	"52088\004_exp\001\000\000\000\0121795452148\004_rpl\001\000"
	"\000\000\0011\006_nonce\001\000\000\000\0123220254597\005_data"
	"\002\000\000\000\033\004type\001\000\000\000\004null\006result\001\000\000\000\0010";

static const char reload_request[] =
	"\000\000\000\361\000\000\000\001\005_auth\002\000\000\000c\004hsha\001\000\000\000Y\243H3"
	"Q6dO4EztMxV2jUnUWAoH7IbpiH8g9LJr"
	"ulH7ud7vM=\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\005_ctrl\002\000\000\000"
	"R\004_ser\001\000\000\000\0122750016027\004_tim\001\000\000\000\0121"
	"795452088\004_exp\001\000\000\000\0121795452148\006_n"
	"once\001\000\000\000\0123220254597\005_data\002\000\000\000\027\004t"
	"ype\001\000\000\000\015reload a.test";

static const char reload_reply[] =
	"\000\000\000\001\005_auth\002\000\000\000c\004hsha\001\000\000\000Y\243jKmThH"
	"pnoOuw4cL7joYaGCQB1P9eWt6YB2iQ03"
	"COlc4=\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\005_ctrl\002\000\000\000]\004_s"
	"er\001\000\000\000\0122750016027\004_tim\001\000\000\000\01217954"
	"52088\004_exp\001\000\000\000\0121795452148\004_rpl\001\000"
	"\000\000\0011\006_nonce\001\000\000\000\0123220254597\005_data"
	"\002\000\000\000D\004type\001\000\000\000\015reload a.test\006res"
	"ult\001\000\000\000\0010\004text\001\000\000\000\026zone reload u"
	"p-to-date";

static const char refused_reply[] =
	"\000\000\000\001\005_auth\002\000\000\000c\004hsha\001\000\000\000Y\243X9BNxQ"
	"IpMBjf6JkBivvyp0T1RYpAFTn/iUUfMw"
	"gcCUU=\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\005_ctrl\002\000\000\000]\004_s"
	"er\001\000\000\000\0122750016028\004_tim\001\000\000\000\01217954"
	"52088\004_exp\001\000\000\000\0121795452148\004_rpl\001\000"
	"\000\000\0011\006_nonce\001\000\000\000\0123220254597\005_data"
	"\002\000\000\000l\004type\001\000\000\000\020reload nope.test\006"
	"result\001\000\000\000\00223\003err\001\000\000\000\011not found\004"
	"text\001\000\000\000(no matching zone 'nope."
	"test' in any view";

/* clang-format on */

static struct rndc_key test_key(void)
{
	struct rndc_key key;
	struct err err = ERR_INIT;

	assert_ok(rndc_key_parse(KEY_FILE, strlen(KEY_FILE), &key, &err), &err);
	return key;
}

static int decode(const char *msg, size_t len, struct rndc_reply *ret, struct err *err)
{
	struct rndc_key key = test_key();
	/* a copy of exactly this size: reading past its end is seen by the sanitizer */
	cleanup_(mem_freep) char *copy = mem_dup(NULL, msg, len);

	return rndc_decode(copy, len, &key, ret, err);
}

/* ---- a builder of signed replies, by other means than the code under test ---- */

static void add(struct buf *b, const char *name, char type, const void *value, size_t len)
{
	const char n[4] = { (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len };

	buf_putc(b, (char)strlen(name));
	buf_puts(b, name);
	buf_putc(b, type);
	buf_put(b, n, 4);
	buf_put(b, value, len);
}

static void add_text(struct buf *b, const char *name, const char *value)
{
	add(b, name, 1, value, strlen(value));
}

/* Version, signature, BODY. */
static void sign(struct buf *out, const void *body, size_t len)
{
	struct rndc_key key = test_key();
	struct digest mac = digest_keyed(key.secret, key.secret_len, body, len);
	struct buf auth = BUF_ON(out->ctx);
	unsigned char hsha[89 + 4] = { 163 };

	(void)EVP_EncodeBlock(hsha + 1, mac.b, DIGEST_LEN);
	add(&auth, "hsha", 1, hsha, 89);
	buf_put(out, "\0\0\0\1", 4);
	add(out, "_auth", 2, auth.data, auth.len);
	buf_put(out, body, len);
}

struct fields {
	const char *serial, *nonce, *rpl, *result, *text;
};

static void reply_body(struct buf *body, const struct fields *f)
{
	struct buf ctrl = BUF_ON(body->ctx);
	struct buf data = BUF_ON(body->ctx);

	if (f->serial)
		add_text(&ctrl, "_ser", f->serial);
	if (f->rpl)
		add_text(&ctrl, "_rpl", f->rpl);
	if (f->nonce)
		add_text(&ctrl, "_nonce", f->nonce);
	if (f->result)
		add_text(&data, "result", f->result);
	if (f->text)
		add_text(&data, "text", f->text);
	add(body, "_ctrl", 2, buf_str(&ctrl), ctrl.len);
	add(body, "_data", 2, buf_str(&data), data.len);
}

static int decode_fields(const struct fields *f, struct rndc_reply *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf body = BUF_ON(ctx);
	struct buf msg = BUF_ON(ctx);

	reply_body(&body, f);
	sign(&msg, body.data, body.len);
	return decode(msg.data, msg.len, ret, err);
}

/* ---- the key file ---- */

TEST(a_key_file_is_read_with_its_comments)
{
	static const char text[] = "// made by\n# rndc-confgen\n/* a */ key k1.example {"
				   "secret \"c2VjcmV0\"; algorithm hmac-sha512; } ; \n";
	struct rndc_key key;
	struct err err = ERR_INIT;

	assert_ok(rndc_key_parse(text, strlen(text), &key, &err), &err);
	assert_string_equal(key.name, "k1.example");
	assert_int_equal(key.algorithm, 165);
	assert_int_equal(key.secret_len, 6);
	assert_memory_equal(key.secret, "secret", 6);
}

TEST(a_key_file_with_anything_else_in_it_is_refused)
{
	static const char *const bad[] = {
		"",
		"key",
		"key \"a",
		"key a { algorithm hmac-sha256; }; ",
		"key a { secret \"c2VjcmV0\"; };",
		"key a { algorithm hmac-md5; secret \"c2VjcmV0\"; };",
		"key a { algorithm hmac-sha256; secret \"c2VjcmV\"; };",
		"key a { algorithm hmac-sha256; secret \"====\"; };",
		"key a { algorithm hmac-sha256; secret \"c2Vj cmV0\"; };",
		"key a { algorithm hmac-sha256; secret \"c2VjcmV0\"; }",
		"key a { algorithm hmac-sha256; secret \"c2VjcmV0\"; }; options {};",
		"key a { algorithm hmac-sha256; algorithm hmac-sha256; secret \"c2VjcmV0\"; };",
		"key a { algorithm hmac-sha256; secret \"c2VjcmV0\"; include \"/etc/shadow\"; };",
		"/* key a { algorithm hmac-sha256; secret \"c2VjcmV0\"; };",
	};
	struct rndc_key key = { .secret_len = 7 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = ERR_INIT;

		if (rndc_key_parse(bad[i], strlen(bad[i]), &key, &err) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_true(err.msg[0]);
	}
	assert_int_equal(key.secret_len, 7);
}

TEST(no_prefix_of_a_key_file_is_a_key)
{
	struct rndc_key key;

	for (size_t n = 0; n < strlen(KEY_FILE) - 2; n++)
		assert_int_equal(rndc_key_parse(KEY_FILE, n, &key, NULL), -ERR_INVALID);
}

/* ---- messages ---- */

TEST(requests_are_the_bytes_that_named_took)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct rndc_key key = test_key();
	struct rndc_request req = { .serial = 2750016026, .now = 1795452088, .command = "null" };
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;

	assert_ok(rndc_encode(&out, &key, &req, &err), &err);
	assert_int_equal(out.len, sizeof(null_request) - 1);
	assert_memory_equal(out.data, null_request, out.len);
	buf_clear(&out);
	req.serial++;
	req.has_nonce = true;
	req.nonce = 3220254597;
	req.command = "reload a.test";
	assert_ok(rndc_encode(&out, &key, &req, &err), &err);
	assert_int_equal(out.len, sizeof(reload_request) - 1);
	assert_memory_equal(out.data, reload_request, out.len);
}

TEST(a_request_longer_than_named_reads_is_refused)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct rndc_key key = test_key();
	char *command = mem_zero(ctx, 100000);
	struct rndc_request req = { .serial = 1, .now = 1, .command = command };
	struct buf out = BUF_ON(ctx);

	memset(command, 'x', 99999);
	assert_int_equal(rndc_encode(&out, &key, &req, NULL), -ERR_TOOBIG);
	command[RNDC_REQUEST_MAX - 400] = '\0';
	assert_int_equal(rndc_encode(&out, &key, &req, NULL), 0);
	assert_true(out.len <= RNDC_REQUEST_MAX);
}

TEST(recorded_replies_are_read)
{
	struct rndc_reply r;
	struct rndc_key key = test_key();
	struct err err = ERR_INIT;

	assert_ok(decode(null_reply, sizeof(null_reply) - 1, &r, &err), &err);
	assert_int_equal(r.serial, 2750016026);
	assert_true(r.has_nonce);
	assert_int_equal(r.nonce, 3220254597);
	assert_ok(rndc_decode(reload_reply, sizeof(reload_reply) - 1, &key, &r, &err), &err);
	assert_int_equal(r.result, 0);
	assert_int_equal(r.text.len, strlen("zone reload up-to-date"));
	assert_memory_equal(r.text.p, "zone reload up-to-date", r.text.len);
	assert_ok(rndc_decode(refused_reply, sizeof(refused_reply) - 1, &key, &r, &err), &err);
	assert_int_equal(r.result, 23);
	assert_int_equal(r.err.len, 9);
	assert_memory_equal(r.err.p, "not found", r.err.len);
}

TEST(no_prefix_of_a_reply_is_a_reply)
{
	struct rndc_reply r;

	for (size_t n = 0; n < sizeof(refused_reply) - 1; n++)
		assert_true(decode(refused_reply, n, &r, NULL) < 0);
}

TEST(a_reply_with_any_bit_changed_is_refused)
{
	for (size_t i = 0; i < (sizeof(refused_reply) - 1) * 8; i++) {
		char bad[sizeof(refused_reply) - 1];
		struct rndc_reply r;

		memcpy(bad, refused_reply, sizeof(bad));
		bad[i / 8] = (char)(bad[i / 8] ^ 1 << i % 8);
		assert_true(decode(bad, sizeof(bad), &r, NULL) < 0);
	}
}

TEST(a_reply_signed_with_another_key_is_refused)
{
	struct rndc_key key = test_key();
	struct rndc_reply r;
	struct err err = ERR_INIT;

	key.secret[0] ^= 1;
	assert_int_equal(rndc_decode(null_reply, sizeof(null_reply) - 1, &key, &r, &err),
			 -ERR_DENIED);
	assert_contains(err.msg, "rndc-key");
}

TEST(our_own_request_sent_back_is_not_a_reply)
{
	struct rndc_reply r;

	assert_int_equal(decode(reload_request + 4, sizeof(reload_request) - 5, &r, NULL),
			 -ERR_CORRUPT);
}

TEST(a_signed_reply_needs_well_formed_numbers)
{
	static const struct fields bad[] = {
		{ NULL, "1", "1", "0", NULL }, { "1", "1", NULL, "0", NULL },
		{ "1", "1", "1", NULL, NULL }, { "1", "", "1", "0", NULL },
		{ "-1", "1", "1", "0", NULL }, { "4294967296", "1", "1", "0", NULL },
		{ "1", "1 ", "1", "0", NULL }, { "1", "1", "1", "0x1", NULL },
		{ "1", "1", "2", "0", NULL },  { "00000000001", "1", "1", "0", NULL },
	};
	static const struct fields good = { "4294967295", "1", "1", "0", "x" };
	struct rndc_reply r;
	struct err err = ERR_INIT;

	assert_ok(decode_fields(&good, &r, &err), &err);
	assert_int_equal(r.serial, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(decode_fields(&bad[i], &r, NULL), -ERR_CORRUPT);
}

/* Signed by somebody who holds the key, and still broken. */
TEST(signed_nonsense_is_refused)
{
	static const struct {
		const char *p;
		size_t len;
	} bad[] = {

#define B(s) { s, sizeof(s) - 1 }
		B(""),
		B("\5_ctrl"),
		B("\5_ctrl\2\377\377\377\377"),
		B("\5_ctrl\2\0\0\0\1"),
		B("\377_ctrl\2\0\0\0\0"),
		B("\0\2\0\0\0\0"),
		B("\5_ctrl\4\0\0\0\0\5_data\2\0\0\0\0"),
		B("\5_ctrl\1\0\0\0\0\5_data\2\0\0\0\0"),
		B("\5_ctrl\2\0\0\0\0\5_data\2\0\0\0\0"),
		B("\5_ctrl\2\0\0\0\5\4_ser\1\5_data\2\0\0\0\0"),
		B("\5_ctrl\2\0\0\0\12\4_ser\1\377\377\377\377\5_data\2\0\0\0\0"),
#undef B
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
		struct buf msg = BUF_ON(ctx);
		struct rndc_reply r;

		sign(&msg, bad[i].p, bad[i].len);
		assert_int_equal(decode(msg.data, msg.len, &r, NULL), -ERR_CORRUPT);
	}
}

TEST(a_table_with_the_same_name_twice_is_refused)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf body = BUF_ON(ctx);
	struct buf msg = BUF_ON(ctx);
	struct rndc_reply r;

	reply_body(&body, &(struct fields){ "1", "1", "1", "0", NULL });
	reply_body(&body, &(struct fields){ "1", "1", "1", "0", NULL });
	sign(&msg, body.data, body.len);
	assert_int_equal(decode(msg.data, msg.len, &r, NULL), -ERR_CORRUPT);
}

/* ---- names and configurations ---- */

TEST(only_host_names_get_into_a_command)
{
	static const char *const good[] = { "a.test", "test", "xn--bcher-kva.example",
					    "2.0.192.in-addr.arpa", "A-b.c" };
	static const char *const bad[] = { "",          ".",    "a.",           ".a",  "a..b",
					   "-clean",    "a-.b", "a b",          "a;b", "a\nb",
					   "a/b",       "a{b",  "b\303\274.de", "a_b", "\"a\"",
					   "a.test IN", "*.a" };
	char label[70];
	char name[300];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(rndc_check_zone(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (rndc_check_zone(bad[i], NULL) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
	}
	memset(label, 'a', sizeof(label));
	label[64] = '\0';
	assert_int_equal(rndc_check_zone(label, NULL), -ERR_INVALID);
	label[63] = '\0';
	assert_int_equal(rndc_check_zone(label, NULL), 0);
	(void)snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	assert_int_equal(rndc_check_zone(name, NULL), 0);
	(void)snprintf(name, sizeof(name), "%s.%s.%s.%.62s", label, label, label, label);
	assert_int_equal(rndc_check_zone(name, NULL), -ERR_INVALID);
}

TEST(a_zone_configuration_is_one_block)
{
	static const char *const good[] = {
		"{ type primary; file \"/var/lib/bind/a.test\"; };",
		"{ type primary; allow-transfer { key \"x}\"; }; }",
	};
	static const char *const bad[] = {
		"",
		"type primary;",
		"{ type primary;",
		"{ type primary; }; zone \"b\" { type primary; };",
		"{ } }",
		"} {",
		" { };",
		"{ file \"a; };",
		"{ file \"a\\\"; };",
		"{ /* }; */ };",
		"{ # }\n };",
		"{ // }\n };",
		"{ }; x",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(rndc_check_config(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (rndc_check_config(bad[i], NULL) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
	}
}

/* ---- the connection, against a server of ours ---- */

enum manner {
	POLITE,      /* answers everything */
	ONE_CALL,    /* closes after each answered call */
	SILENT,      /* greets, then never answers */
	CLOSING,     /* greets, reads a call, closes */
	OTHER_NONCE, /* answers with a nonce of another connection */
	OLD_SERIAL,  /* answers with the serial of an earlier request */
	HUGE_LENGTH, /* announces 4 GiB */
	STRANGER,    /* closes at the greeting, as named does when the HMAC is wrong */
	REFUSING,    /* result 18 */
};

struct server {
	pid_t pid;
	struct rndc_at at;
	int listener;
};

static bool read_n(int fd, char *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

/* Reads a request and takes its serial out of the place where the encoder puts it. */
static bool read_request(int fd, char serial[12])
{
	static const char head[] = "\4_ser\1\0\0\0";
	char b[4096];
	size_t len;
	const char *p;

	if (!read_n(fd, b, 4))
		return false;
	len = (size_t)(unsigned char)b[2] << 8 | (unsigned char)b[3];
	if (len > sizeof(b) || !read_n(fd, b, len))
		return false;
	p = memmem(b, len, head, sizeof(head) - 1);
	if (!p)
		return false;
	p += sizeof(head) - 1;
	(void)snprintf(serial, 12, "%.*s", (int)*p, p + 1);
	return true;
}

static void answer(int fd, const struct fields *f)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "server");
	struct buf body = BUF_ON(ctx);
	struct buf msg = BUF_ON(ctx);
	char len[4] = { 0 };

	reply_body(&body, f);
	sign(&msg, body.data, body.len);
	len[2] = (char)(msg.len >> 8);
	len[3] = (char)msg.len;
	if (fs_write_all(fd, len, 4) < 0 || fs_write_all(fd, msg.data, msg.len) < 0)
		_exit(1);
}

static void serve_connection(int fd, enum manner manner)
{
	char serial[12];
	char nonce[12];

	(void)snprintf(nonce, sizeof(nonce), "%d", 1000 + fd);
	if (!read_request(fd, serial) || manner == STRANGER)
		return;
	answer(fd, &(struct fields){ serial, nonce, "1", "0", NULL });
	while (read_request(fd, serial)) {
		struct fields f = { serial, nonce, "1", "0", "done" };

		if (manner == SILENT)
			(void)pause();
		if (manner == CLOSING)
			return;
		if (manner == HUGE_LENGTH && fs_write_all(fd, "\377\377\377\377", 4) < 0)
			return;
		if (manner == OTHER_NONCE)
			f.nonce = "5";
		if (manner == OLD_SERIAL)
			f.serial = "5";
		if (manner == REFUSING)
			f.result = "18";
		answer(fd, &f);
		if (manner == ONE_CALL)
			return;
	}
}

static struct server start(enum manner manner)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	struct server s = { .at = { .timeout_ms = 5000, .keyfile = "/rndc.key" } };
	struct err err = ERR_INIT;

	s.at.root = fs_root_open(test_tmpdir(), &err);
	assert_ok(s.at.root, &err);
	assert_ok(fs_write_atomic(s.at.root, "/rndc.key", KEY_FILE, strlen(KEY_FILE), 0600, &err),
		  &err);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s.listener, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(s.listener, 5), 0);
	assert_int_equal(getsockname(s.listener, (struct sockaddr *)&sa, &len), 0);
	s.at.port = ntohs(sa.sin_port);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid > 0)
		return s;
	(void)alarm(30);
	for (;;) {
		int fd = accept(s.listener, NULL, NULL);

		serve_connection(fd, manner);
		(void)close(fd);
	}
}

static void stop(struct server *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	fd_close(&s->listener);
	fd_close(&s->at.root);
}

/* Opens, calls twice, and hands back what each came to. */
static void call_twice(enum manner manner, int timeout_ms, int ret[3], struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct server s = start(manner);
	struct rndc *r = NULL;
	char *text = NULL;

	s.at.timeout_ms = timeout_ms;
	ret[0] = rndc_open(ctx, &s.at, &r, err);
	ret[1] = r ? rndc_call(ctx, r, "status", &text, err) : 1;
	ret[2] = r ? rndc_call(ctx, r, "status", NULL, NULL) : 1;
	if (ret[1] == 0)
		assert_string_equal(text, "done");
	stop(&s);
}

TEST(many_calls_go_over_one_connection)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(POLITE, 5000, r, &err);
	assert_ok(r[0], &err);
	assert_ok(r[1], &err);
	assert_int_equal(r[2], 0);
}

TEST(a_connection_that_named_closed_between_calls_is_made_anew)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct server s = start(ONE_CALL);
	struct rndc *r = NULL;
	struct err err = ERR_INIT;

	assert_ok(rndc_open(ctx, &s.at, &r, &err), &err);
	for (int i = 0; i < 5; i++) {
		assert_ok(rndc_call(ctx, r, "status", NULL, &err), &err);
		(void)usleep(30000); /* until the server has closed */
	}
	stop(&s);
}

TEST(a_named_that_does_not_answer_is_a_timeout)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(SILENT, 200, r, &err);
	assert_ok(r[0], &err);
	assert_int_equal(r[1], -ERR_TIMEOUT);
	assert_contains(err.msg, "200 ms");
}

TEST(a_named_that_closes_in_a_call_is_absent_and_the_call_is_not_repeated)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(CLOSING, 5000, r, &err);
	assert_int_equal(r[1], -ERR_ABSENT);
	assert_int_equal(r[2], -ERR_ABSENT);
}

TEST(answers_of_other_connections_and_requests_are_refused)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(OTHER_NONCE, 5000, r, &err);
	assert_int_equal(r[1], -ERR_DENIED);
	call_twice(OLD_SERIAL, 5000, r, &err);
	assert_int_equal(r[1], -ERR_DENIED);
}

TEST(an_announced_length_over_the_cap_is_not_allocated)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(HUGE_LENGTH, 5000, r, &err);
	assert_int_equal(r[1], -ERR_CORRUPT);
	assert_contains(err.msg, "4294967295 bytes");
}

TEST(a_key_that_named_does_not_know_is_denied)
{
	struct err err = ERR_INIT;
	int r[3];

	call_twice(STRANGER, 5000, r, &err);
	assert_int_equal(r[0], -ERR_DENIED);
	assert_contains(err.msg, "does not accept key \"rndc-key\"");
}

TEST(nothing_listening_is_absent)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct server s = start(POLITE);
	struct rndc *r = NULL;
	int port = s.at.port;
	struct rndc_at at = s.at;

	at.root = dup(s.at.root);
	stop(&s);
	at.port = (uint16_t)port;
	assert_int_equal(rndc_open(ctx, &at, &r, NULL), -ERR_ABSENT);
	assert_null(r);
	fd_close(&at.root);
}

TEST(adding_a_zone_that_exists_is_a_conflict_and_bad_names_are_not_sent)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct server s = start(REFUSING);
	struct rndc *r = NULL;
	struct err err = ERR_INIT;

	assert_ok(rndc_open(ctx, &s.at, &r, &err), &err);
	assert_int_equal(rndc_zone_add(r, "a.test", "{ type primary; };", &err), -ERR_CONFLICT);
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_contains(err.msg, "addzone a.test");
	assert_int_equal(rndc_zone_add(r, "a.test", "{}; x", &err), -ERR_INVALID);
	assert_int_equal(rndc_zone_reload(r, "a.test b", &err), -ERR_INVALID);
	assert_int_equal(rndc_call(ctx, r, "reload\r", NULL, &err), -ERR_INVALID);
	stop(&s);
}
