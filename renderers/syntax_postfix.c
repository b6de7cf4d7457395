#include "renderers/syntax_postfix.h"

#include <string.h>

#define FORMAT "postfix file"

void postfix_begin(struct postfix *p, struct buf *out, struct err *err)
{
	*p = (struct postfix){ .s = SYNTAX_ON(out, err) };
}

static bool name_ok(struct syntax *s, const char *name)
{
	if (!syntax_text(s, FORMAT, name))
		return false;
	if (!syntax_only(name, SYNTAX_ALNUM "_-.") || name[0] == '-')
		return syntax_refuse(s, FORMAT, name,
				     "is no parameter's name: letters, digits, dot, - and _ only");
	return true;
}

static bool value_ok(struct syntax *s, bool vars, const char *value)
{
	size_t len;

	if (!syntax_text(s, FORMAT, value))
		return false;
	len = strlen(value);
	if (len > 0 && (value[0] == ' ' || value[len - 1] == ' '))
		return syntax_refuse(s, FORMAT, value, "begins or ends with a blank");
	if (!vars && strchr(value, '$'))
		return syntax_refuse(s, FORMAT, value, "holds a $, which would start a parameter");
	return true;
}

static void put(struct postfix *p, bool vars, const char *name, const char *value)
{
	if (!name_ok(&p->s, name) || !value_ok(&p->s, vars, value))
		return;
	p->in_service = false;
	buf_printf(p->s.out, "%s =%s%s\n", name, *value ? " " : "", value);
}

void postfix_put(struct postfix *p, const char *name, const char *value)
{
	put(p, false, name, value);
}

void postfix_put_vars(struct postfix *p, const char *name, const char *value)
{
	put(p, true, name, value);
}

static bool word_ok(struct syntax *s, bool vars, const char *word)
{
	if (!value_ok(s, vars, word))
		return false;
	if (!*word || strchr(word, ' '))
		return syntax_refuse(s, FORMAT, word, "is empty or holds a blank");
	if (!vars && syntax_has(word, "{}"))
		return syntax_refuse(s, FORMAT, word, "holds a brace");
	if (strncmp(word, "-o", 2) == 0)
		return syntax_refuse(s, FORMAT, word, "would be an option: postfix_option()");
	return true;
}

void postfix_service_words(struct postfix *p, bool vars, const char *const *words)
{
	size_t n = 0;

	for (; !p->s.failed && words[n]; n++)
		(void)word_ok(&p->s, vars, words[n]);
	if (!p->s.failed && n < 8)
		(void)syntax_refuse(&p->s, FORMAT, words[0], "is no service: it has eight columns");
	if (!p->s.failed && !syntax_only(words[0], SYNTAX_ALNUM "._-:/[]"))
		(void)syntax_refuse(&p->s, FORMAT, words[0], "is no service's name");
	if (p->s.failed)
		return;
	p->in_service = true;
	for (size_t i = 0; i < n; i++)
		buf_printf(p->s.out, "%s%s", i > 0 ? " " : "", words[i]);
	buf_putc(p->s.out, '\n');
}

static void option(struct postfix *p, bool vars, const char *name, const char *value)
{
	if (!name_ok(&p->s, name) || !value_ok(&p->s, vars, value))
		return;
	if (!p->in_service)
		(void)syntax_refuse(&p->s, FORMAT, name,
				    "is an option without a service before it");
	else if (!vars && syntax_has(value, "{}"))
		(void)syntax_refuse(&p->s, FORMAT, value, "holds a brace");
	else if (strchr(value, ' '))
		buf_printf(p->s.out, "  -o { %s = %s }\n", name, value);
	else
		buf_printf(p->s.out, "  -o %s=%s\n", name, value);
}

void postfix_option(struct postfix *p, const char *name, const char *value)
{
	option(p, false, name, value);
}

void postfix_option_vars(struct postfix *p, const char *name, const char *value)
{
	option(p, true, name, value);
}

void postfix_comment(struct postfix *p, const char *text)
{
	syntax_comment(&p->s, FORMAT, "#", text);
}

void postfix_blank(struct postfix *p)
{
	syntax_blank(&p->s);
}

int postfix_end(struct postfix *p)
{
	return syntax_end(&p->s, FORMAT);
}
