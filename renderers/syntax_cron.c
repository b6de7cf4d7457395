#include "renderers/syntax_cron.h"

#include <string.h>

#define FORMAT "cron file"

enum {
	LINE_MAX_LEN = 998 /* cron reads commands and environment lines into 1000 bytes */
};

void cron_begin(struct cron *c, struct buf *out, struct err *err)
{
	*c = (struct cron){ .s = SYNTAX_ON(out, err) };
}

void cron_env(struct cron *c, const char *name, const char *value)
{
	char quote;

	if (!syntax_text(&c->s, FORMAT, name) || !syntax_text(&c->s, FORMAT, value))
		return;
	if (!syntax_only(name, SYNTAX_ALNUM "_") || strchr(SYNTAX_DIGITS, name[0])) {
		(void)syntax_refuse(&c->s, FORMAT, name, "is no variable's name");
		return;
	}
	if (strchr(value, '"') && strchr(value, '\'')) {
		(void)syntax_refuse(&c->s, FORMAT, value,
				    "holds both kinds of quotes; cron can read only one of them");
		return;
	}
	if (strlen(name) + strlen(value) + 3 > LINE_MAX_LEN) {
		(void)syntax_refuse(&c->s, FORMAT, value, "is longer than cron's 1000 bytes");
		return;
	}
	quote = strchr(value, '"') ? '\'' : '"';
	buf_printf(c->s.out, "%s=%c%s%c\n", name, quote, value, quote);
}

static bool schedule_ok(struct syntax *s, const char *schedule)
{
	static const char *const words[] = { "@reboot", "@yearly", "@annually", "@monthly",
					     "@weekly", "@daily",  "@midnight", "@hourly" };
	const char *p = schedule;

	if (!syntax_text(s, FORMAT, schedule))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(schedule, words[i]) == 0)
			return true;
	}
	for (int field = 0; field < 5; field++) {
		size_t n = strspn(p, SYNTAX_ALNUM "*,/-");

		if (n == 0 || p[n] != (field < 4 ? ' ' : '\0'))
			return syntax_refuse(
				s, FORMAT, schedule,
				"is no schedule: five fields with one blank between, or @daily");
		p += n + (field < 4);
	}
	return true;
}

/* Commands may hold tabs: a field separator of awk or cut is one. */
static bool command_ok(struct syntax *s, const char *command)
{
	size_t len = 0;

	if (!command || !*command)
		return s->failed ? false : syntax_refuse(s, FORMAT, command, "is no command");
	if (*command == ' ' || *command == '\t')
		return syntax_refuse(s, FORMAT, command, "begins with a blank, which cron drops");
	for (const char *p = command; *p; p++, len++)
		len += *p == '%' || *p == '\\';
	if (len > LINE_MAX_LEN)
		return syntax_refuse(s, FORMAT, command,
				     "is longer than cron's 1000 bytes; put it into a script");
	/* The parts between tabs are checked alone, so that tabs alone are let through. */
	for (const char *p = command; *p;) {
		char part[LINE_MAX_LEN + 1];
		size_t n = strcspn(p, "\t");

		memcpy(part, p, n);
		part[n] = '\0';
		if (!syntax_text(s, FORMAT, part))
			return false;
		p += n + (p[n] == '\t');
	}
	return true;
}

static void put_command(struct buf *out, const char *command)
{
	for (const char *p = command; *p; p++) {
		if (*p == '%' || (*p == '\\' && (p[1] == '\\' || p[1] == '%'))) {
			buf_putc(out, '\\');
			buf_putc(out, *p);
		} else if (*p == '\\' && p[1]) {
			/* cron looks at pairs: the second of this one counts no more */
			buf_putc(out, *p++);
			buf_putc(out, *p);
		} else {
			buf_putc(out, *p);
		}
	}
}

void cron_job(struct cron *c, const char *schedule, const char *user, const char *command)
{
	if (!schedule_ok(&c->s, schedule) || !syntax_text(&c->s, FORMAT, user))
		return;
	if (!syntax_only(user, SYNTAX_ALNUM "._-") || user[0] == '-') {
		(void)syntax_refuse(&c->s, FORMAT, user, "is no user name");
		return;
	}
	if (!command_ok(&c->s, command))
		return;
	buf_printf(c->s.out, "%s %s ", schedule, user);
	put_command(c->s.out, command);
	buf_putc(c->s.out, '\n');
}

void cron_comment(struct cron *c, const char *text)
{
	syntax_comment(&c->s, FORMAT, "#", text);
}

void cron_blank(struct cron *c)
{
	syntax_blank(&c->s);
}

int cron_end(struct cron *c)
{
	return syntax_end(&c->s, FORMAT);
}
