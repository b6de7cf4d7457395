#include "api/jsonw.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

/* Length of the UTF-8 character at S (RFC 3629), 0 when it is none. */
static size_t character(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high; /* of the first byte; of the second */
		size_t len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (s[1] < forms[i].low || s[1] > forms[i].high)
			return 0;
		for (size_t n = 2; n < forms[i].len; n++) {
			if ((s[n] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"': buf_puts(out, "\\\""); break;
	case '\\': buf_puts(out, "\\\\"); break;
	case '\n': buf_puts(out, "\\n"); break;
	case '\r': buf_puts(out, "\\r"); break;
	case '\t': buf_puts(out, "\\t"); break;
	default: buf_printf(out, "\\u%04x", (unsigned)c); break;
	}
}

static void put_string(struct buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	buf_putc(out, '"');
	while (*s) {
		const unsigned char *run = s;
		size_t len;

		while (is_plain(*s))
			s++;
		if (s > run)
			buf_put(out, run, (size_t)(s - run));
		if (!*s)
			break;
		if (*s < 0x80) {
			put_escaped(out, *s++);
			continue;
		}
		len = character(s);
		if (len)
			buf_put(out, s, len);
		else
			buf_puts(out, "\xef\xbf\xbd");
		s += len ? len : 1;
	}
	buf_putc(out, '"');
}

static void begin(struct jsonw *w, const char *key)
{
	if (w->needs_comma)
		buf_putc(w->out, ',');
	w->needs_comma = true;
	if (key) {
		put_string(w->out, key);
		buf_putc(w->out, ':');
	}
}

void jsonw_open(struct jsonw *w, const char *key, char bracket)
{
	begin(w, key);
	buf_putc(w->out, bracket);
	w->needs_comma = false;
}

void jsonw_close(struct jsonw *w, char bracket)
{
	buf_putc(w->out, bracket);
	w->needs_comma = true;
}

void jsonw_text(struct jsonw *w, const char *key, const char *text)
{
	begin(w, key);
	if (text)
		put_string(w->out, text);
	else
		buf_puts(w->out, "null");
}

void jsonw_int(struct jsonw *w, const char *key, int64_t num)
{
	char digits[24];
	char *p = digits + sizeof(digits);
	uint64_t left = num < 0 ? 0 - (uint64_t)num : (uint64_t)num;

	begin(w, key);
	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (num < 0)
		*--p = '-';
	buf_put(w->out, p, (size_t)(digits + sizeof(digits) - p));
}

void jsonw_bool(struct jsonw *w, const char *key, bool flag)
{
	jsonw_raw(w, key, flag ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_raw(w, key, "null");
}

void jsonw_raw(struct jsonw *w, const char *key, const char *text)
{
	begin(w, key);
	buf_puts(w->out, text);
}

static void put_time(struct jsonw *w, const char *key, int64_t time, const char *format)
{
	char text[32];
	time_t seconds = (time_t)time;
	struct tm tm;

	if (time == 0 || !gmtime_r(&seconds, &tm)) {
		jsonw_null(w, key);
		return;
	}
	/* FORMAT is one of the two literals below */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)strftime(text, sizeof(text), format, &tm);
#pragma GCC diagnostic pop
	jsonw_text(w, key, text);
}

void jsonw_time(struct jsonw *w, const char *key, int64_t time)
{
	put_time(w, key, time, "%Y-%m-%d %H:%M:%S");
}

void jsonw_rfc3339(struct jsonw *w, const char *key, int64_t time)
{
	put_time(w, key, time, "%Y-%m-%dT%H:%M:%SZ");
}
