#include "renderers/syntax_block.h"

#include <string.h>

#define FORMAT "named.conf"
#define PLAIN  SYNTAX_ALNUM "._-:/*!"

void block_begin(struct block *b, struct buf *out, struct err *err)
{
	*b = (struct block){ .s = SYNTAX_ON(out, err) };
}

static bool word_ok(struct syntax *s, const char *word)
{
	if (!syntax_text(s, FORMAT, word))
		return false;
	if (syntax_has(word, "\\\""))
		return syntax_refuse(s, FORMAT, word, "holds a quote or a backslash");
	return true;
}

/* Two slashes, or slash and star, begin a comment. */
static bool plain(const char *word)
{
	return syntax_only(word, PLAIN) && !strstr(word, "//") && !strstr(word, "/*");
}

static bool put_words(struct syntax *s, bool last_is_string, const char *const *words)
{
	if (!s->failed && !words[0])
		(void)syntax_refuse(s, FORMAT, NULL, "a statement has a first word");
	for (size_t i = 0; !s->failed && words[i]; i++)
		(void)word_ok(s, words[i]);
	if (s->failed)
		return false;
	syntax_indent(s);
	for (size_t i = 0; words[i]; i++) {
		if (i > 0)
			buf_putc(s->out, ' ');
		if (plain(words[i]) && !(last_is_string && !words[i + 1]))
			buf_puts(s->out, words[i]);
		else
			syntax_quoted(s, words[i]);
	}
	return true;
}

void block_put_words(struct block *b, bool last_is_string, const char *const *words)
{
	if (put_words(&b->s, last_is_string, words))
		buf_puts(b->s.out, ";\n");
}

void block_open_words(struct block *b, bool last_is_string, const char *const *words)
{
	if (put_words(&b->s, last_is_string, words) && syntax_push(&b->s, FORMAT))
		buf_puts(b->s.out, " {\n");
}

void block_close(struct block *b)
{
	if (!syntax_pop(&b->s, FORMAT))
		return;
	syntax_indent(&b->s);
	buf_puts(b->s.out, "};\n");
}

void block_comment(struct block *b, const char *text)
{
	syntax_comment(&b->s, FORMAT, "#", text);
}

void block_blank(struct block *b)
{
	syntax_blank(&b->s);
}

int block_end(struct block *b)
{
	return syntax_end(&b->s, FORMAT);
}
