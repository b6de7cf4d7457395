#include "renderers/syntax_dovecot.h"

#include <string.h>

#define FORMAT "dovecot.conf"
#define KEY    SYNTAX_ALNUM "_-"
#define PLAIN  SYNTAX_ALNUM "._-:/@*,"

void dovecot_begin(struct dovecot *d, struct buf *out, struct err *err)
{
	*d = (struct dovecot){ .s = SYNTAX_ON(out, err) };
}

static bool key_ok(struct syntax *s, const char *key)
{
	if (!syntax_text(s, FORMAT, key))
		return false;
	if (!syntax_only(key, KEY))
		return syntax_refuse(s, FORMAT, key,
				     "is no setting's name: letters, digits, - and _ only");
	return true;
}

static bool value_ok(struct syntax *s, bool vars, const char *value)
{
	if (!syntax_text(s, FORMAT, value))
		return false;
	if (!vars && strchr(value, '%'))
		return syntax_refuse(s, FORMAT, value, "holds a %, which would start a variable");
	return true;
}

static void put_value(struct syntax *s, const char *value)
{
	if (syntax_only(value, PLAIN))
		buf_puts(s->out, value);
	else
		syntax_quoted(s, value);
}

static void put(struct dovecot *d, bool vars, const char *key, const char *value)
{
	if (!key_ok(&d->s, key) || !value_ok(&d->s, vars, value))
		return;
	syntax_indent(&d->s);
	buf_printf(d->s.out, "%s = ", key);
	put_value(&d->s, value);
	buf_putc(d->s.out, '\n');
}

void dovecot_put(struct dovecot *d, const char *key, const char *value)
{
	put(d, false, key, value);
}

void dovecot_put_vars(struct dovecot *d, const char *key, const char *value)
{
	put(d, true, key, value);
}

void dovecot_put_file(struct dovecot *d, const char *key, const char *path)
{
	if (!key_ok(&d->s, key) || !value_ok(&d->s, false, path))
		return;
	if (path[0] != '/' || !syntax_only(path, PLAIN)) {
		(void)syntax_refuse(&d->s, FORMAT, path,
				    "is no path from / of letters, digits and ._-:/@*, only");
		return;
	}
	syntax_indent(&d->s);
	buf_printf(d->s.out, "%s = <%s\n", key, path);
}

void dovecot_open(struct dovecot *d, const char *section, const char *name)
{
	if (!key_ok(&d->s, section) || (name && !value_ok(&d->s, false, name)))
		return;
	/* Dovecot takes backslashes away in values, not in section names. */
	if (name && (!*name || syntax_has(name, "\\\""))) {
		(void)syntax_refuse(
			&d->s, FORMAT, name,
			"is no section's name: it is empty or holds a quote or backslash");
		return;
	}
	syntax_indent(&d->s);
	buf_puts(d->s.out, section);
	if (name) {
		buf_putc(d->s.out, ' ');
		put_value(&d->s, name);
	}
	if (syntax_push(&d->s, FORMAT))
		buf_puts(d->s.out, " {\n");
}

void dovecot_close(struct dovecot *d)
{
	if (!syntax_pop(&d->s, FORMAT))
		return;
	syntax_indent(&d->s);
	buf_puts(d->s.out, "}\n");
}

void dovecot_comment(struct dovecot *d, const char *text)
{
	syntax_comment(&d->s, FORMAT, "#", text);
}

void dovecot_blank(struct dovecot *d)
{
	syntax_blank(&d->s);
}

int dovecot_end(struct dovecot *d)
{
	return syntax_end(&d->s, FORMAT);
}
