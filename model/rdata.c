#include "model/rdata.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "model/check.h"
#include "model/names.h"

enum {
	STRING_MAX = 255 /* RFC 1035 3.3: a character-string's length is one byte */
};

#define BLANK " \t\r\n"

const struct rdata_type *rdata_type_find(const char *name)
{
	for (const struct rdata_type *t = rdata_types; t->name; t++) {
		if (strcasecmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What follows a backslash: three digits are a byte, anything else is itself. */
static int read_escape(const char **p, const char *value, struct buf *out, struct err *err)
{
	const char *s = *p;
	int byte;

	if (!is_digit(s[0])) {
		if (!s[0])
			return check_refuse(value, err, "a backslash at the end");
		buf_putc(out, s[0]);
		*p = s + 1;
		return 0;
	}
	if (!is_digit(s[1]) || !is_digit(s[2]))
		return check_refuse(value, err,
				    "a backslash and a digit; three digits make a byte, as in "
				    "\\255");
	byte = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
	if (byte < 1 || byte > 255)
		return check_refuse(value, err, "\\%.3s is no byte from \\001 to \\255", s);
	buf_putc(out, (char)byte);
	*p = s + 3;
	return 0;
}

/* One quoted string at *P, decoded into OUT; *P moves behind it. */
static int read_string(const char **p, const char *value, struct buf *out, struct err *err)
{
	const char *s = *p + 1;

	while (*s != '"') {
		if (!*s)
			return check_refuse(value, err,
					    "a quotation mark that is not closed; quote as in "
					    "\"text\"");
		if (*s != '\\') {
			buf_putc(out, *s++);
			continue;
		}
		s++;
		int r = read_escape(&s, value, out, err);
		if (r < 0)
			return r;
	}
	s++;
	if (*s && !strchr(BLANK, *s))
		return check_refuse(value, err, "text right after a closing quotation mark");
	*p = s;
	return 0;
}

int rdata_read_strings(const char *s, const char *value, struct buf *out, struct err *err)
{
	for (s += strspn(s, BLANK); *s; s += strspn(s, BLANK)) {
		if (*s != '"')
			return check_refuse(value, err,
					    "text outside the quotation marks; quote all of it or "
					    "nothing");
		int r = read_string(&s, value, out, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_word(const char **p, struct rdata_in *in, struct buf *word)
{
	size_t len = strcspn(*p, " \t\"");

	if (**p == '"')
		return read_string(p, in->value, word, in->err);
	if ((*p)[len] == '"')
		return check_refuse(in->value, in->err, "a quotation mark within a word");
	buf_put(word, *p, len);
	*p += len;
	return 0;
}

static int split_words(struct rdata_in *in)
{
	const char *p = in->value;

	for (p += strspn(p, " \t"); *p; p += strspn(p, " \t")) {
		struct buf word = { .ctx = in->tmp, .max = RDATA_VALUE_MAX };

		if (in->n_words == RDATA_WORDS_MAX)
			return check_refuse(in->value, in->err, "over %d words", RDATA_WORDS_MAX);
		int r = read_word(&p, in, &word);
		if (r < 0)
			return r;
		if (!text_is_line(buf_str(&word)))
			return check_refuse(in->value, in->err,
					    "a line break, control character or bytes that are not "
					    "UTF-8; give one line of plain text");
		in->words[in->n_words++] = buf_str(&word);
	}
	return 0;
}

int rdata_canon(const void *ctx, const struct rdata_type *t, const char *zone, const char *value,
		const char **ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "rdata");
	struct buf out = { .ctx = tmp, .max = (size_t)2 * RDATA_VALUE_MAX };
	struct rdata_in in = { .tmp = tmp, .zone = zone, .value = value, .out = &out, .err = err };
	int r = 0;

	if (strnlen(value, RDATA_VALUE_MAX + 1) > RDATA_VALUE_MAX)
		return check_refuse(value, err, "too long; a record's value has at most %d bytes",
				    RDATA_VALUE_MAX);
	if (!value[strspn(value, BLANK)])
		return check_refuse(value, err, "an empty value; %s wants %s", t->name, t->shape);
	if (!t->is_text)
		r = split_words(&in);
	if (r == 0)
		r = t->canon(&in);
	if (r < 0)
		return r;
	if (out.over || out.len > RDATA_VALUE_MAX)
		return check_refuse(value, err, "too long; a record's value has at most %d bytes",
				    RDATA_VALUE_MAX);
	return check_same(ctx, value, buf_str(&out), ret);
}

int rdata_target_canon(const void *ctx, const char *zone, const char *name, unsigned flags,
		       const char **ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "target");
	const char *full = zone;
	size_t len = strlen(name);
	int r;

	if (strcmp(name, "@") != 0) {
		r = name_canon(tmp, name, flags | NAME_SINGLE | NAME_NUMERIC, &full, err);
		if (r < 0)
			return r;
		if (!strchr(full, '.') && name[len - 1] != '.')
			full = mem_fmt(tmp, "%s.%s", full, zone);
		r = name_canon(tmp, full, flags | NAME_SINGLE, &full, err);
		if (r < 0)
			return r;
	}
	return check_same(ctx, name, mem_fmt(tmp, "%s.", full), ret);
}

/* Cuts ".ZONE" off the end of NAME; true if it was there. "" stands for the zone itself. */
static bool cut_zone(char *name, const char *zone)
{
	size_t len = strlen(name);
	size_t zone_len = strlen(zone);

	if (len < zone_len || strcmp(name + len - zone_len, zone) != 0)
		return false;
	if (len == zone_len)
		name[0] = '\0';
	else if (name[len - zone_len - 1] == '.')
		name[len - zone_len - 1] = '\0';
	else
		return false;
	return true;
}

int rdata_name_canon(const void *ctx, const char *zone, const char *name, const char **ret,
		     struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "owner");
	const char *full = NULL;
	size_t len = strlen(name);
	int r;

	if (len == 0 || strcmp(name, "@") == 0)
		return check_same(ctx, name, "@", ret);
	r = name_canon(tmp, name, NAME_SINGLE | NAME_NUMERIC | NAME_UNDERSCORE | NAME_WILD, &full,
		       err);
	if (r < 0)
		return r;
	char *rel = mem_str(tmp, full);
	bool is_full = cut_zone(rel, zone);
	if (!is_full && name[len - 1] == '.')
		return check_refuse(name, err, "a name outside the zone %s", zone);
	if (strlen(rel) + 1 + strlen(zone) > NAME_LEN_MAX)
		return check_refuse(name, err, "too long; with the zone's name at most %d bytes",
				    NAME_LEN_MAX);
	full = mem_str(tmp, rel);
	if (is_full && cut_zone(rel, zone))
		return check_refuse(name, err, "the zone's name %s twice", zone);
	return check_same(ctx, name, full[0] ? full : "@", ret);
}

int rdata_owner_check(const struct rdata_type *t, const char *name, struct err *err)
{
	if (t->owner == RDATA_OWNER_HOST && strchr(name, '_'))
		return check_refuse(name, err,
				    "a %s record cannot stand at a name with _; letters, digits "
				    "and - are allowed",
				    t->name);
	if (t->owner == RDATA_OWNER_NOT_WILD && name[0] == '*')
		return check_refuse(name, err, "a %s record cannot stand at a wildcard", t->name);
	return 0;
}

void rdata_put_string(struct buf *out, const char *s, size_t len)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			buf_putc(out, '\\');
		if (c < 0x20 || c > 0x7e)
			buf_printf(out, "\\%03u", c);
		else
			buf_putc(out, s[i]);
	}
	buf_putc(out, '"');
}

static void put_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i == 0 || i < len; i += STRING_MAX) {
		if (i > 0)
			buf_putc(out, ' ');
		rdata_put_string(out, text + i, MIN(len - i, STRING_MAX));
	}
}

void rdata_put(struct buf *out, const struct rdata_type *t, const char *canon_value,
	       int64_t priority)
{
	if (t->has_priority)
		buf_printf(out, "%" PRId64 " ", priority);
	if (t->is_text)
		put_text(out, canon_value);
	else
		buf_puts(out, canon_value);
}

const char *rdata_target(const struct rdata_type *t, const char *canon_value)
{
	const char *space = strrchr(canon_value, ' ');

	if (!t->has_target)
		return NULL;
	return space ? space + 1 : canon_value;
}
