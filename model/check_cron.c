#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/check.h"

enum {
	SCHEDULE_MAX = 512
};

struct cron_field {
	const char *name;
	unsigned min, max;
	const char *names; /* three letters each, from number `base` up; NULL: none */
	unsigned base;
};

static const struct cron_field cron_fields[] = {
	{ .name = "minute", .max = 59 },
	{ .name = "hour", .max = 23 },
	{ .name = "day of month", .min = 1, .max = 31 },
	{ .name = "month",
	  .min = 1,
	  .max = 12,
	  .names = "janfebmaraprmayjunjulaugsepoctnovdec",
	  .base = 1 },
	{ .name = "day of week", .max = 7, .names = "sunmontuewedthufrisat" },
};

static const struct {
	const char *name, *fields;
} cron_words[] = {
	{ "@annually", "0 0 1 1 *" }, { "@daily", "0 0 * * *" },   { "@hourly", "0 * * * *" },
	{ "@midnight", "0 0 * * *" }, { "@monthly", "0 0 1 * *" }, { "@weekly", "0 0 * * 0" },
	{ "@yearly", "0 0 1 1 *" },
};

/* One element of a list being read: P moves, messages show the whole field. */
struct element {
	const struct cron_field *field;
	const char *p, *end;
	const char *text; /* the whole schedule, for messages */
	struct err *err;
};

static bool find_name(const struct cron_field *f, const char *s, size_t len, unsigned *ret)
{
	if (!f->names || len != 3)
		return false;
	for (unsigned i = 0; f->names[(size_t)i * 3]; i++) {
		if (strncasecmp(f->names + (size_t)i * 3, s, 3) == 0) {
			*ret = f->base + i;
			return true;
		}
	}
	return false;
}

static int bad_word(const struct element *e, size_t len)
{
	return check_refuse(e->text, e->err, "%s: \"%.*s\" is not a number from %u to %u%s",
			    e->field->name, (int)MIN(len, 20), e->p, e->field->min, e->field->max,
			    e->field->names ? " or a three-letter English name" : "");
}

/* A number or a name, within the bounds. */
static int read_value(struct element *e, unsigned *ret)
{
	const struct cron_field *f = e->field;
	size_t len = 0;
	uint64_t n = 0;

	while (e->p + len < e->end && isalnum((unsigned char)e->p[len]))
		len++;
	if (find_name(f, e->p, len, ret)) {
		e->p += len;
		return 0;
	}
	if (!check_number(e->p, len, 999999, &n))
		return bad_word(e, len);
	if (n > f->max)
		return check_refuse(e->text, e->err, "%s: %u is over %u", f->name, (unsigned)n,
				    f->max);
	if (n < f->min)
		return check_refuse(e->text, e->err, "%s: %u is under %u", f->name, (unsigned)n,
				    f->min);
	e->p += len;
	*ret = (unsigned)n;
	return 0;
}

/* The end of a range: "sun" after a day means the Sunday at the week's end. */
static int read_range_end(struct element *e, unsigned from, unsigned *ret)
{
	bool is_name = e->p < e->end && isalpha((unsigned char)*e->p);
	int r = read_value(e, ret);

	if (r < 0)
		return r;
	if (is_name && e->field->max == 7 && *ret == 0 && from > 0)
		*ret = 7;
	if (*ret < from)
		return check_refuse(e->text, e->err,
				    "%s: the range %u-%u runs backwards; the smaller number comes "
				    "first",
				    e->field->name, from, *ret);
	return 0;
}

static int put_step(struct element *e, bool is_range, struct buf *out)
{
	const char *start = e->p;
	uint64_t n = 0;

	if (!is_range)
		return check_refuse(e->text, e->err,
				    "%s: a step such as /5 needs * or a range before it",
				    e->field->name);
	while (e->p < e->end && isdigit((unsigned char)*e->p))
		e->p++;
	if (!check_number(start, (size_t)(e->p - start), e->field->max, &n) || n == 0)
		return check_refuse(e->text, e->err,
				    "%s: the step after / must be a number from 1 to %u",
				    e->field->name, e->field->max);
	buf_printf(out, "/%u", (unsigned)n);
	return 0;
}

static int put_element(struct element *e, struct buf *out)
{
	bool is_range = false;
	unsigned from = 0;
	unsigned to = 0;
	int r = 0;

	if (e->p < e->end && *e->p == '*') {
		e->p++;
		is_range = true;
		buf_putc(out, '*');
	} else {
		r = read_value(e, &from);
		if (r < 0)
			return r;
		buf_printf(out, "%u", from);
		if (e->p < e->end && *e->p == '-') {
			e->p++;
			is_range = true;
			r = read_range_end(e, from, &to);
			if (r < 0)
				return r;
			buf_printf(out, "-%u", to);
		}
	}
	if (e->p < e->end && *e->p == '/') {
		e->p++;
		r = put_step(e, is_range, out);
	}
	return r;
}

static int put_field(struct element *e, struct buf *out)
{
	unsigned number;

	if (find_name(e->field, e->p, (size_t)(e->end - e->p), &number)) {
		for (; e->p < e->end; e->p++)
			buf_putc(out, (char)tolower((unsigned char)*e->p));
		return 0;
	}
	for (;;) {
		int r = put_element(e, out);

		if (r < 0)
			return r;
		if (e->p == e->end)
			return 0;
		if (*e->p != ',')
			return check_refuse(e->text, e->err,
					    "%s: an unexpected character after a value; use "
					    "numbers, lists 1,2, ranges 1-5, steps */5",
					    e->field->name);
		e->p++;
		buf_putc(out, ',');
	}
}

static int canon_word(const char *word, size_t len, const char **ret, const char *value,
		      struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(cron_words); i++) {
		if (strlen(cron_words[i].name) == len &&
		    strncasecmp(cron_words[i].name, word, len) == 0) {
			*ret = cron_words[i].fields;
			return 0;
		}
	}
	if (len == 7 && strncasecmp(word, "@reboot", 7) == 0)
		return check_refuse(value, err,
				    "refused: it runs when the server starts, for every tenant at "
				    "once and before the services are up; give a time");
	return check_refuse(value, err,
			    "not a schedule; allowed are @hourly @daily @midnight @weekly @monthly "
			    "@yearly @annually or five fields");
}

int canon_cron_schedule(const void *ctx, const char *value, const char **ret, struct err *err)
{
	cleanup_(buf_done) struct buf out = { .max = (size_t)2 * SCHEDULE_MAX };
	const char *p = value + strspn(value, " \t");
	size_t n = 0;

	if (strnlen(value, SCHEDULE_MAX + 1) > SCHEDULE_MAX)
		return check_refuse(value, err, "over %d bytes, too long for a schedule",
				    SCHEDULE_MAX);
	if (*p == '@') {
		size_t len = strcspn(p, " \t");

		if (p[len + strspn(p + len, " \t")])
			return check_refuse(value, err,
					    "text after the @ word, which stands alone");
		return canon_word(p, len, ret, value, err);
	}
	for (; *p; n++) {
		size_t len = strcspn(p, " \t");

		if (n < ARRAY_LEN(cron_fields)) {
			struct element e = { .field = &cron_fields[n],
					     .p = p,
					     .end = p + len,
					     .text = value,
					     .err = err };

			if (n > 0)
				buf_putc(&out, ' ');
			int r = put_field(&e, &out);
			if (r < 0)
				return r;
		}
		p += len + strspn(p + len, " \t");
	}
	if (n != ARRAY_LEN(cron_fields))
		return check_refuse(
			value, err,
			"%zu fields; a schedule has five: minute hour day month weekday", n);
	return check_same(ctx, value, buf_str(&out), ret);
}

int cron_split(const void *ctx, const char *schedule, const char *ret[CRON_FIELDS], struct err *err)
{
	const char *parts[CRON_FIELDS];
	const char *p = schedule;

	for (size_t i = 0; i < CRON_FIELDS; i++) {
		size_t len = strcspn(p, " ");
		bool is_last = i + 1 == CRON_FIELDS;

		if (len == 0 || (p[len] == '\0') != is_last)
			return check_refuse(schedule, err, "not a schedule of five fields");
		parts[i] = mem_strn(ctx, p, len);
		p += len + !is_last;
	}
	memcpy(ret, parts, sizeof(parts));
	return 0;
}

int cron_join(const void *ctx, const char *const fields[CRON_FIELDS], const char **ret,
	      struct err *err)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; i < CRON_FIELDS; i++)
		buf_printf(&b, "%s%s", i ? " " : "", fields[i] && *fields[i] ? fields[i] : "*");
	return canon_cron_schedule(ctx, buf_str(&b), ret, err);
}
