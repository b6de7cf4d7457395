#include "renderers/syntax_ini.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define FORMAT "php-fpm pool file"
#define NAME   SYNTAX_ALNUM "._-"

void ini_begin(struct ini *i, struct buf *out, struct err *err)
{
	*i = (struct ini){ .s = SYNTAX_ON(out, err) };
}

static bool value_ok(struct syntax *s, const char *value)
{
	if (!syntax_text(s, FORMAT, value))
		return false;
	if (!*value)
		return syntax_refuse(s, FORMAT, value, "is empty; php-fpm would not start");
	if (value[0] == '$' || strstr(value, "$pool"))
		return syntax_refuse(s, FORMAT, value,
				     "holds $pool or begins with $, which php-fpm would replace");
	return true;
}

static bool key_ok(struct ini *i, const char *key)
{
	static const char *const words[] = { "null",  "yes", "no",  "true",
					     "false", "on",  "off", "none" };
	struct syntax *s = &i->s;

	if (!syntax_text(s, FORMAT, key))
		return false;
	if (!i->in_section)
		return syntax_refuse(s, FORMAT, key, "stands before the first section");
	if (!syntax_only(key, "abcdefghijklmnopqrstuvwxyz0123456789._") || key[0] < 'a')
		return syntax_refuse(s, FORMAT, key,
				     "is no key: small letters, digits, dot and underscore only");
	for (size_t n = 0; n < ARRAY_LEN(words); n++) {
		if (strcmp(key, words[n]) == 0)
			return syntax_refuse(s, FORMAT, key, "is a word of the ini language");
	}
	return true;
}

/* abc'def comes out as 'abc'"'"'def'; never an empty '', which php-fpm takes for no value */
static void put_value(struct buf *out, const char *value)
{
	for (const char *p = value; *p;) {
		bool apostrophes = *p == '\'';
		size_t n = apostrophes ? strspn(p, "'") : strcspn(p, "'");

		buf_putc(out, apostrophes ? '"' : '\'');
		buf_put(out, p, n);
		buf_putc(out, apostrophes ? '"' : '\'');
		p += n;
	}
}

static void section(struct ini *i, const char *name)
{
	i->in_section = true;
	buf_printf(i->s.out, "['%s']\n", name);
}

void ini_global(struct ini *i)
{
	if (!i->s.failed)
		section(i, "global");
}

void ini_section(struct ini *i, const char *name)
{
	if (!syntax_text(&i->s, FORMAT, name))
		return;
	if (!syntax_only(name, NAME))
		(void)syntax_refuse(&i->s, FORMAT, name,
				    "is no pool name: letters, digits, dot, - and _ only");
	else if (strcasecmp(name, "global") == 0)
		(void)syntax_refuse(&i->s, FORMAT, name, "is the name of php-fpm's own section");
	else
		section(i, name);
}

void ini_put(struct ini *i, const char *key, const char *value)
{
	if (!key_ok(i, key) || !value_ok(&i->s, value))
		return;
	buf_printf(i->s.out, "%s = ", key);
	put_value(i->s.out, value);
	buf_putc(i->s.out, '\n');
}

void ini_put_int(struct ini *i, const char *key, int64_t value)
{
	if (key_ok(i, key))
		buf_printf(i->s.out, "%s = %" PRId64 "\n", key, value);
}

void ini_put_bool(struct ini *i, const char *key, bool value)
{
	if (key_ok(i, key))
		buf_printf(i->s.out, "%s = %s\n", key, value ? "yes" : "no");
}

void ini_put_at(struct ini *i, const char *key, const char *subscript, const char *value)
{
	if (!key_ok(i, key) || !syntax_text(&i->s, FORMAT, subscript))
		return;
	if (!syntax_only(subscript, NAME)) {
		(void)syntax_refuse(&i->s, FORMAT, subscript,
				    "is no setting's name: letters, digits, dot, - and _ only");
		return;
	}
	if (!value_ok(&i->s, value))
		return;
	buf_printf(i->s.out, "%s['%s'] = ", key, subscript);
	put_value(i->s.out, value);
	buf_putc(i->s.out, '\n');
}

void ini_comment(struct ini *i, const char *text)
{
	syntax_comment(&i->s, FORMAT, ";", text);
}

void ini_blank(struct ini *i)
{
	syntax_blank(&i->s);
}

int ini_end(struct ini *i)
{
	return syntax_end(&i->s, FORMAT);
}
