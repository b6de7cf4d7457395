#include "renderers/syntax.h"

#include <string.h>

enum {
	DEPTH_MAX = 16,
	SHOWN_MAX = 60 /* bytes of a refused word that the message repeats */
};

/* The word as a message may show it: cut at a character, control characters as '?'. */
static void shown(const char *word, char *ret, size_t size)
{
	size_t n = strnlen(word, SHOWN_MAX + 1);
	bool cut = n > SHOWN_MAX;

	if (cut) {
		n = SHOWN_MAX;
		while (n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80)
			n--;
	}
	if (n + 4 > size)
		n = size - 4;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)word[i];

		ret[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
	}
	memcpy(ret + n, cut ? "..." : "", cut ? 4 : 1);
}

bool syntax_refuse(struct syntax *s, const char *format, const char *word, const char *reason)
{
	char cut[SHOWN_MAX + 8];

	if (s->failed)
		return false;
	s->failed = true;
	if (!word) {
		s->code =
			err_set(s->err, ERR_INVALID, "%s: a value is missing: %s", format, reason);
		return false;
	}
	shown(word, cut, sizeof(cut));
	s->code = err_set(s->err, ERR_INVALID, "%s: \"%s\" %s", format, cut, reason);
	return false;
}

/* Length of the UTF-8 character at P, 0 if it is none (overlong, surrogate, cut, too high). */
static size_t utf8_len(const unsigned char *p)
{
	static const struct {
		unsigned char mask, lead;
		unsigned least;
	} forms[] = { { 0x80, 0x00, 0 },
		      { 0xe0, 0xc0, 0x80 },
		      { 0xf0, 0xe0, 0x800 },
		      { 0xf8, 0xf0, 0x10000 } };

	for (size_t n = 0; n < ARRAY_LEN(forms); n++) {
		unsigned code;

		if ((p[0] & forms[n].mask) != forms[n].lead)
			continue;
		code = p[0] & (unsigned char)~forms[n].mask;
		for (size_t i = 1; i <= n; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (p[i] & 0x3f);
		}
		if (code < forms[n].least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return 0;
		return n + 1;
	}
	return 0;
}

bool syntax_text(struct syntax *s, const char *format, const char *word)
{
	if (s->failed)
		return false;
	if (!word)
		return syntax_refuse(s, format, NULL, "every word must be given");
	for (const unsigned char *p = (const unsigned char *)word; *p;) {
		size_t n = utf8_len(p);

		if (n == 0)
			return syntax_refuse(s, format, word, "is not valid UTF-8");
		if (*p < 0x20 || *p == 0x7f)
			return syntax_refuse(
				s, format, word,
				"holds a control character (newline, tab, …); none is allowed");
		p += n;
	}
	return true;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* strspn() makes a table of ALLOWED at each call, which costs more than a word of a configuration. */
size_t syntax_span(const char *text, const char *allowed)
{
	static const char alnum[] = SYNTAX_ALNUM;
	bool has_alnum = strncmp(allowed, alnum, sizeof(alnum) - 1) == 0;
	const char *others = allowed + (has_alnum ? sizeof(alnum) - 1 : 0);
	const char *p = text;

	while (*p && ((has_alnum && is_alnum(*p)) || strchr(others, *p)))
		p++;
	return (size_t)(p - text);
}

bool syntax_only(const char *word, const char *allowed)
{
	return *word && word[syntax_span(word, allowed)] == '\0';
}

bool syntax_has(const char *word, const char *set)
{
	return word[strcspn(word, set)] != '\0';
}

void syntax_quoted(struct syntax *s, const char *word)
{
	buf_putc(s->out, '"');
	for (const char *p = word; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_putc(s->out, '\\');
		buf_putc(s->out, *p);
	}
	buf_putc(s->out, '"');
}

void syntax_indent(struct syntax *s)
{
	for (unsigned i = 0; i < s->depth; i++)
		buf_putc(s->out, '\t');
}

void syntax_comment(struct syntax *s, const char *format, const char *lead, const char *text)
{
	if (!syntax_text(s, format, text))
		return;
	/* A backslash at the end of a line joins the next one to it in some formats. */
	if (*text && text[strlen(text) - 1] == '\\') {
		(void)syntax_refuse(s, format, text, "ends in a backslash; a comment must not");
		return;
	}
	syntax_indent(s);
	buf_puts(s->out, lead);
	if (*text)
		buf_putc(s->out, ' ');
	buf_puts(s->out, text);
	buf_putc(s->out, '\n');
}

void syntax_blank(struct syntax *s)
{
	const struct buf *b = s->out;

	if (s->failed || b->len == 0 || (b->len > 1 && b->data[b->len - 2] == '\n'))
		return;
	buf_putc(s->out, '\n');
}

bool syntax_push(struct syntax *s, const char *format)
{
	if (s->failed)
		return false;
	if (s->depth == DEPTH_MAX)
		return syntax_refuse(s, format, "{", "nests blocks too deep");
	s->depth++;
	return true;
}

bool syntax_pop(struct syntax *s, const char *format)
{
	if (s->failed)
		return false;
	if (s->depth == 0)
		return syntax_refuse(s, format, "}", "closes a block that was not opened");
	s->depth--;
	return true;
}

int syntax_end(struct syntax *s, const char *format)
{
	if (!s->failed && s->depth > 0)
		(void)syntax_refuse(s, format, "{", "was opened and not closed");
	if (!s->failed && s->out->over) {
		s->failed = true;
		s->code = err_set(s->err, ERR_TOOBIG, "%s: the text is longer than %zu bytes",
				  format, s->out->max);
	}
	return s->code;
}
