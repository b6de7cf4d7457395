#include "renderers/syntax_passwd.h"

#include <string.h>

#define FORMAT "passwd file"

void colon_begin(struct colon *w, struct buf *out, struct err *err)
{
	*w = (struct colon){ .s = SYNTAX_ON(out, err) };
}

static bool field_ok(struct syntax *s, const char *field, bool colons)
{
	if (!syntax_text(s, FORMAT, field))
		return false;
	if (!colons && strchr(field, ':'))
		return syntax_refuse(s, FORMAT, field,
				     "holds a colon, which would begin another field");
	return true;
}

static bool first_ok(struct syntax *s, const char *field)
{
	if (!syntax_text(s, FORMAT, field))
		return false;
	if (!*field)
		return syntax_refuse(s, FORMAT, field, "is empty; the first field names the row");
	if (*field == '#' || *field == ' ')
		return syntax_refuse(s, FORMAT, field, "begins like a comment or with a blank");
	return true;
}

void colon_fields(struct colon *w, bool colons_in_last, const char *const *fields)
{
	if (!first_ok(&w->s, fields[0]))
		return;
	for (size_t i = 0; fields[i]; i++) {
		/* A row of one field has no last one apart from its name. */
		bool colons = colons_in_last && i > 0 && !fields[i + 1];

		if (!field_ok(&w->s, fields[i], colons))
			return;
	}
	for (size_t i = 0; fields[i]; i++) {
		if (i > 0)
			buf_putc(w->s.out, ':');
		buf_puts(w->s.out, fields[i]);
	}
	buf_putc(w->s.out, '\n');
}

static bool extra_ok(struct syntax *s, const char *extra)
{
	if (!syntax_text(s, FORMAT, extra))
		return false;
	if (!*extra || syntax_has(extra, " %"))
		return syntax_refuse(s, FORMAT, extra,
				     "is no extra field: it is empty or holds a blank or a %");
	return true;
}

void colon_passwd(struct colon *w, const struct passwd_row *row)
{
	const char *const fields[] = { row->user,  row->hash, row->uid,  row->gid,
				       row->gecos, row->home, row->shell };

	if (!first_ok(&w->s, row->user))
		return;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i] && !field_ok(&w->s, fields[i], false))
			return;
	}
	for (size_t i = 0; row->extra && row->extra[i]; i++) {
		if (!extra_ok(&w->s, row->extra[i]))
			return;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_printf(w->s.out, "%s:", fields[i] ? fields[i] : "");
	for (size_t i = 0; row->extra && row->extra[i]; i++)
		buf_printf(w->s.out, "%s%s", i > 0 ? " " : "", row->extra[i]);
	buf_putc(w->s.out, '\n');
}

void colon_comment(struct colon *w, const char *text)
{
	syntax_comment(&w->s, FORMAT, "#", text);
}

int colon_end(struct colon *w)
{
	return syntax_end(&w->s, FORMAT);
}
