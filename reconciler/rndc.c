#include "reconciler/rndc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/talk.h"
#include "reconciler/rndc_wire.h"

enum {
	DEFAULT_PORT = 953,
	DEFAULT_TIMEOUT_MS = 10000,
	RESULT_EXISTS = 18,   /* ISC_R_EXISTS */
	RESULT_NOTFOUND = 23, /* ISC_R_NOTFOUND */
};

struct rndc {
	struct rndc_key key;
	char host[INET6_ADDRSTRLEN], where[INET6_ADDRSTRLEN + 16];
	uint16_t port;
	int timeout_ms;
	struct talk talk;
	uint32_t serial; /* of the last request; named refuses one it saw within 15 minutes */
	uint32_t nonce;
	uint32_t result; /* of the last call */
};

static int done(struct rndc *r)
{
	fd_close(&r->talk.fd);
	rndc_key_clear(&r->key);
	return 0;
}

void rndc_freep(struct rndc **r)
{
	mem_freep(r);
}

static int read_message(const void *ctx, const struct rndc *r, char **ret, size_t *ret_len,
			struct err *err)
{
	uint8_t word[4];
	uint32_t len;
	int e = talk_read_all(&r->talk, word, sizeof(word), err);

	if (e < 0)
		return e;
	len = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
	if (len < 4 || len > RNDC_REPLY_MAX)
		return err_set(err, ERR_CORRUPT,
			       "named announces a reply of %u bytes; 4 to %d are read", len,
			       RNDC_REPLY_MAX);
	*ret = mem_zero(ctx, len);
	*ret_len = len;
	return talk_read_all(&r->talk, *ret, len, err);
}

/* One request and its reply; RET points into memory of CTX. */
static int exchange(const void *ctx, struct rndc *r, const char *command, bool is_first,
		    struct rndc_reply *ret, struct err *err)
{
	struct rndc_request req = {
		.serial = ++r->serial,
		.now = (int64_t)time(NULL),
		.has_nonce = !is_first,
		.nonce = r->nonce,
		.command = command,
	};
	struct buf out = BUF_ON(ctx);
	char *msg = NULL;
	size_t len = 0;
	int e = rndc_encode(&out, &r->key, &req, err);

	if (e < 0)
		return e;
	e = talk_send(&r->talk, out.data, out.len, err);
	if (e == 0)
		e = read_message(ctx, r, &msg, &len, err);
	if (e == 0)
		e = rndc_decode(msg, len, &r->key, ret, err);
	if (e == 0 &&
	    (ret->serial != req.serial || !ret->has_nonce || (!is_first && ret->nonce != r->nonce)))
		e = err_set(err, ERR_DENIED, "named answered another request than ours");
	return e;
}

/* ---- the connection ---- */

static int connect_to(struct rndc *r, struct err *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *to = NULL;
	char port[8];
	int one = 1;
	int e;

	(void)snprintf(port, sizeof(port), "%u", r->port);
	if (getaddrinfo(r->host, port, &hints, &to) != 0)
		return err_set(err, ERR_INVALID, "\"%s\" is not an address", r->host);
	e = talk_connect(&r->talk, to->ai_addr, to->ai_addrlen, err);
	freeaddrinfo(to);
	if (e < 0)
		return e;
	/* two small writes follow each other: without this each call waits for a delayed ACK */
	(void)setsockopt(r->talk.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static int greet(struct rndc *r, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc greeting");
	struct rndc_reply reply = { .serial = 0 };
	int e = exchange(ctx, r, "null", true, &reply, err);

	if (e == -ERR_ABSENT) /* named closes without a word when the HMAC is wrong */
		return err_set(
			err, ERR_DENIED,
			"named at %s port %u does not accept key \"%s\" (or our clock is off)",
			r->host, r->port, r->key.name);
	if (e < 0)
		return e;
	r->nonce = reply.nonce;
	return 0;
}

static int reconnect(struct rndc *r, struct err *err)
{
	int e;

	fd_close(&r->talk.fd);
	e = connect_to(r, err);
	if (e == 0)
		e = greet(r, err);
	if (e < 0)
		fd_close(&r->talk.fd);
	return e;
}

/* Nothing may be readable between calls: what is, is the end of the connection (or garbage). */
static bool is_usable(const struct rndc *r)
{
	struct pollfd p = { .fd = r->talk.fd, .events = POLLIN };

	return r->talk.fd >= 0 && poll(&p, 1, 0) == 0;
}

int rndc_open(const void *ctx, const struct rndc_at *at, struct rndc **ret, struct err *err)
{
	const char *host = at->host ? at->host : "127.0.0.1";
	const char *keyfile = at->keyfile ? at->keyfile : "/etc/bind/rndc.key";
	struct rndc *r = mem_new(ctx, struct rndc);
	int e;

	r->talk = (struct talk){ .fd = -1, .who = "named", .where = r->where };
	talloc_set_destructor(r, done);
	r->port = at->port ? at->port : DEFAULT_PORT;
	r->timeout_ms = at->timeout_ms > 0 ? at->timeout_ms : DEFAULT_TIMEOUT_MS;
	talk_until(&r->talk, r->timeout_ms);
	(void)snprintf(r->where, sizeof(r->where), "%.*s port %u", INET6_ADDRSTRLEN, host, r->port);
	if ((size_t)snprintf(r->host, sizeof(r->host), "%s", host) >= sizeof(r->host))
		e = err_set(err, ERR_INVALID, "\"%s\" is not an address", host);
	else if (getrandom(&r->serial, sizeof(r->serial), 0) != sizeof(r->serial))
		e = err_sys(err, "random number");
	else
		e = rndc_key_read(at->root, keyfile, &r->key, err);
	if (e == 0)
		e = reconnect(r, err);
	if (e < 0) {
		(void)talloc_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

/* ---- calls ---- */

static int check_command(const char *command, struct err *err)
{
	for (const char *p = command; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return err_set(err, ERR_INVALID,
				       "a command of rndc has a control character");
	}
	return *command ? 0 : err_set(err, ERR_INVALID, "an empty command of rndc");
}

static enum rndc_refusal refusal_of(uint32_t result)
{
	if (result == RESULT_EXISTS)
		return RNDC_EXISTS;
	return result == RESULT_NOTFOUND ? RNDC_NOTFOUND : RNDC_OTHER;
}

/* The command may hold a whole configuration: enough of it to know which one it was. */
static int refuse(const char *command, const struct rndc_reply *reply, struct err *err)
{
	int shown = (int)strcspn(command, "{\n");

	return err_set(err, ERR_CHECK, "named refused \"%.*s\": %.*s%s%.*s", MIN(shown, 200),
		       command, (int)MIN(reply->err.len, (size_t)200),
		       reply->err.len ? reply->err.p : "", reply->text.len ? ": " : "",
		       (int)MIN(reply->text.len, (size_t)500),
		       reply->text.len ? reply->text.p : "");
}

int rndc_call(const void *ctx, struct rndc *r, const char *command, char **ret_text,
	      struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "rndc call");
	struct rndc_reply reply = { .serial = 0 };
	int e = check_command(command, err);

	if (e < 0)
		return e;
	r->result = 0;
	talk_until(&r->talk, r->timeout_ms);
	if (!is_usable(r)) {
		e = reconnect(r, err);
		if (e < 0)
			return e;
	}
	e = exchange(tmp, r, command, false, &reply, err);
	if (e < 0) {
		fd_close(&r->talk.fd); /* a late reply must not answer the next call */
		return e;
	}
	r->result = reply.result;
	if (reply.result)
		return refuse(command, &reply, err);
	if (ret_text)
		*ret_text = mem_strn(ctx, reply.text.len ? reply.text.p : "", reply.text.len);
	return 0;
}

enum rndc_refusal rndc_refusal(const struct rndc *r)
{
	return refusal_of(r->result);
}

/* ---- zones ---- */

int rndc_check_zone(const char *name, struct err *err)
{
	size_t label = 0;
	size_t len = strnlen(name, 254);

	if (len == 0 || len > 253)
		return err_set(err, ERR_INVALID,
			       "zone name of %zu characters; 1 to 253 are allowed", strlen(name));
	for (size_t i = 0; i <= len; i++) {
		char c = name[i];

		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || name[i - 1] == '-')
				break;
			label = 0;
			if (c == '\0')
				return 0;
			continue;
		}
		if (!isascii((unsigned char)c) || (!isalnum((unsigned char)c) && c != '-') ||
		    (c == '-' && label == 0))
			break;
		label++;
	}
	return err_set(
		err, ERR_INVALID,
		"zone \"%.253s\": only letters, digits and inner hyphens, in parts of 1 to 63 "
		"divided by dots",
		name);
}

int rndc_check_config(const char *config, struct err *err)
{
	size_t len = strlen(config);
	int depth = 0;
	bool in_quotes = false;

	for (size_t i = 0; i < len; i++) {
		char c = config[i];

		if (in_quotes) {
			if (c == '\\' || c == '\n')
				break;
			in_quotes = c != '"';
			continue;
		}
		in_quotes = c == '"';
		/* a comment could hide the closing brace from named but not from us */
		if (c == '#' || c == '\\' ||
		    (c == '/' && (config[i + 1] == '/' || config[i + 1] == '*')))
			break;
		depth += c == '{';
		depth -= c == '}';
		if (depth < 1 && !(depth == 0 && c == '}'))
			break;
		if (depth == 0)
			return strcmp(config + i, "};") == 0 || strcmp(config + i, "}") == 0
				       ? 0
				       : err_set(err, ERR_INVALID,
						 "zone configuration goes on after its block");
	}
	return err_set(err, ERR_INVALID,
		       "zone configuration is not one { ... }; block without comments and "
		       "backslashes");
}

static int zone_call(const void *ctx, struct rndc *r, const char *verb, const char *zone,
		     const char *config, char **ret_text, struct err *err)
{
	const char *command;
	enum err_code code;
	int e = rndc_check_zone(zone, err);

	if (e < 0)
		return e;
	command = mem_fmt(ctx, "%s %s%s%s", verb, zone, config ? " " : "", config ? config : "");
	e = rndc_call(ctx, r, command, ret_text, err);
	if (e != -ERR_CHECK || rndc_refusal(r) == RNDC_OTHER)
		return e;
	code = rndc_refusal(r) == RNDC_EXISTS ? ERR_CONFLICT : ERR_NOTFOUND;
	if (err)
		err->code = code;
	return -(int)code;
}

int rndc_zone_add(struct rndc *r, const char *zone, const char *config, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc zone");
	int e = rndc_check_config(config, err);

	return e < 0 ? e : zone_call(ctx, r, "addzone", zone, config, NULL, err);
}

int rndc_zone_del(struct rndc *r, const char *zone, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc zone");

	return zone_call(ctx, r, "delzone", zone, NULL, NULL, err);
}

int rndc_zone_reload(struct rndc *r, const char *zone, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc zone");

	return zone_call(ctx, r, "reload", zone, NULL, NULL, err);
}

static int parse_serial(const char *text, uint32_t *ret)
{
	const char *line = text ? strstr(text, "\nserial: ") : NULL; /* "name: " stands first */
	unsigned long long v;
	char *end;

	if (!line)
		return -1;
	line += strlen("\nserial: ");
	if (!isdigit((unsigned char)*line))
		return -1;
	v = strtoull(line, &end, 10);
	if ((*end != '\n' && *end != '\0') || v > UINT32_MAX)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

int rndc_zone_serial(struct rndc *r, const char *zone, uint32_t *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc zone");
	char *text = NULL;
	int e = zone_call(ctx, r, "zonestatus", zone, NULL, &text, err);

	if (e < 0)
		return e;
	if (parse_serial(text, ret) < 0)
		return err_set(err, ERR_CHECK, "zone %s is not loaded: named tells no serial",
			       zone);
	return 0;
}

int rndc_zone_is_builtin(struct rndc *r, const char *zone, bool *ret, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "rndc zone");
	char *text = NULL;
	int e = zone_call(ctx, r, "zonestatus", zone, NULL, &text, err);

	*ret = e >= 0 && text && strstr(text, "\ntype: primary\n") && !strstr(text, "\nfiles: ");
	return e;
}
