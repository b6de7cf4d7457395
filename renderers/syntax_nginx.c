#include "renderers/syntax_nginx.h"

#include <string.h>

#define FORMAT "nginx"
/* '#', ';', braces, quotes, blanks and the backslash are missing on purpose; "${" gets quoted. */
#define PLAIN SYNTAX_ALNUM "._/:@%+=,*~^|()?$-!&<>[]"

enum {
	WORD_MAX = 4000 /* as written; nginx reads through a buffer of 4096 */
};

void nginx_begin(struct nginx *c, struct buf *out, struct err *err)
{
	*c = (struct nginx){ .s = SYNTAX_ON(out, err) };
}

static bool word_ok(struct syntax *s, bool vars, const char *word)
{
	size_t len = 2;

	if (!syntax_text(s, FORMAT, word))
		return false;
	if (!vars && strchr(word, '$'))
		return syntax_refuse(s, FORMAT, word, "holds a $, which would start a variable");
	for (const char *p = word; *p; p++)
		len += *p == '"' || *p == '\\' ? 2 : 1;
	if (len > WORD_MAX)
		return syntax_refuse(s, FORMAT, word, "is longer than 4000 bytes");
	return true;
}

static bool put_words(struct syntax *s, bool vars, const char *const *words)
{
	if (!s->failed && !words[0])
		(void)syntax_refuse(s, FORMAT, NULL, "a directive has a name");
	for (size_t i = 0; !s->failed && words[i]; i++)
		(void)word_ok(s, vars, words[i]);
	if (s->failed)
		return false;
	syntax_indent(s);
	for (size_t i = 0; words[i]; i++) {
		if (i > 0)
			buf_putc(s->out, ' ');
		if (syntax_only(words[i], PLAIN))
			buf_puts(s->out, words[i]);
		else
			syntax_quoted(s, words[i]);
	}
	return true;
}

void nginx_put_words(struct nginx *c, bool vars, const char *const *words)
{
	if (put_words(&c->s, vars, words))
		buf_puts(c->s.out, ";\n");
}

void nginx_open_words(struct nginx *c, bool vars, const char *const *words)
{
	if (put_words(&c->s, vars, words) && syntax_push(&c->s, FORMAT))
		buf_puts(c->s.out, " {\n");
}

void nginx_close(struct nginx *c)
{
	if (!syntax_pop(&c->s, FORMAT))
		return;
	syntax_indent(&c->s);
	buf_puts(c->s.out, "}\n");
}

void nginx_comment(struct nginx *c, const char *text)
{
	syntax_comment(&c->s, FORMAT, "#", text);
}

void nginx_blank(struct nginx *c)
{
	syntax_blank(&c->s);
}

const char *nginx_plain(struct nginx *c, const char *data)
{
	return word_ok(&c->s, false, data) ? data : "";
}

int nginx_end(struct nginx *c)
{
	return syntax_end(&c->s, FORMAT);
}
