/*
 * DNS records: the first byte chooses the type (or the owner's name), the rest
 * is the value. What is taken is its own canonical form, and its zone-file
 * text reads back, with a parser of our own, to exactly the same words.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/check.h"
#include "model/rdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ZONE "example.com"

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* RFC 1035 5.1, one token at *P, decoded into WORD. False at the end. */
static bool zone_token(const char **p, struct buf *word)
{
	const char *s = *p + strspn(*p, " ");
	bool quoted = *s == '"';

	if (!*s)
		return false;
	for (s += quoted; quoted ? *s != '"' : *s && *s != ' '; s++) {
		unsigned c = (unsigned char)*s;

		require(c >= 0x20 && c <= 0x7e);
		require(quoted || !strchr(";()\"\\$@", (int)c));
		if (c == '\\' && s[1] >= '0' && s[1] <= '9') {
			c = (unsigned)((s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0');
			s += 3;
		} else if (c == '\\') {
			c = (unsigned char)*++s;
		}
		buf_putc(word, (char)c);
	}
	*p = s + quoted;
	require(!**p || **p == ' ');
	return true;
}

static void read_text_back(const void *ctx, const char *zone_text, const char *canon)
{
	struct buf all = BUF_ON(ctx);

	for (size_t before = 0; zone_token(&zone_text, &all); before = all.len)
		require(all.len - before <= 255);
	require(strcmp(buf_str(&all), canon) == 0);
}

static void read_words_back(const void *ctx, const char *zone_text, const char *canon)
{
	for (;;) {
		struct buf a = BUF_ON(ctx);
		struct buf b = BUF_ON(ctx);
		bool more = zone_token(&zone_text, &a);

		require(more == zone_token(&canon, &b));
		if (!more)
			return;
		require(strcmp(buf_str(&a), buf_str(&b)) == 0);
	}
}

static void try_value(const struct rdata_type *t, const char *value)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;
	const char *once = NULL;
	const char *twice = NULL;

	if (rdata_canon(ctx, t, ZONE, value, &once, &err) < 0) {
		require(!once && err.code == ERR_INVALID && text_is_line(err.msg));
		return;
	}
	require(rdata_canon(ctx, t, ZONE, once, &twice, &err) == 0 && strcmp(once, twice) == 0);
	rdata_put(&out, t, once, 10);
	if (t->has_priority)
		require(strncmp(buf_str(&out), "10 ", 3) == 0);
	const char *text = buf_str(&out) + (t->has_priority ? 3 : 0);
	if (t->is_text)
		read_text_back(ctx, text, once);
	else
		read_words_back(ctx, text, once);
	if (strlen(text) <= RDATA_VALUE_MAX)
		require(rdata_canon(ctx, t, ZONE, text, &twice, &err) == 0 &&
			strcmp(once, twice) == 0);
	if (t->has_target)
		require(strchr(rdata_target(t, once), '.') && !strchr(rdata_target(t, once), ' '));
}

static void try_owner(const char *name)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct err err = ERR_INIT;
	const char *once = NULL;
	const char *twice = NULL;

	if (rdata_name_canon(ctx, ZONE, name, &once, &err) < 0)
		return;
	require(rdata_name_canon(ctx, ZONE, once, &twice, &err) == 0 && strcmp(once, twice) == 0);
	require(strcmp(once, "@") == 0 ||
		strspn(once, "abcdefghijklmnopqrstuvwxyz0123456789.-_*") == strlen(once));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = 0;
	char *value;

	if (size == 0 || size > 8192)
		return 0;
	while (rdata_types[n].name)
		n++;
	value = strndup((const char *)data + 1, size - 1);
	require(value);
	if (data[0] % (n + 1) == n)
		try_owner(value);
	else
		try_value(&rdata_types[data[0] % (n + 1)], value);
	free(value);
	return 0;
}
