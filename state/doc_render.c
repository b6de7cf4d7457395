#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "state/doc_internal.h"
#include "state/utf8.h"

enum {
	BEFORE_MAX = 60, /* characters shown before the place */
	WIDTH_MAX = 110, /* columns shown in all */
	TAB_WIDTH = 4
};

static const char *paint(unsigned flags, const char *code)
{
	return flags & DOC_COLOUR ? code : "";
}

#define RED(flags)  paint((flags), "\x1b[1;31m")
#define BLUE(flags) paint((flags), "\x1b[1;34m")
#define BOLD(flags) paint((flags), "\x1b[1m")
#define NONE(flags) paint((flags), "\x1b[0m")

/* One character as it is shown: itself, a tab as blanks, else an escape. Returns its columns. */
static int show(struct buf *out, const char *s, size_t len, size_t *ret_used)
{
	char escape[12];
	uint32_t cp = 0;
	size_t n = utf8_decode(s, len, &cp);

	*ret_used = n ? n : 1;
	if (n && cp == '\t') {
		buf_puts(out, "    ");
		return TAB_WIDTH;
	}
	if (n && utf8_is_shown(cp)) {
		buf_put(out, s, n);
		return utf8_width(cp);
	}
	if (n == 0 || cp < 0x80)
		(void)snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*s);
	else if (cp < 0x10000)
		(void)snprintf(escape, sizeof(escape), "\\u%04x", cp);
	else
		(void)snprintf(escape, sizeof(escape), "\\U%08x", cp);
	buf_puts(out, escape);
	return (int)strlen(escape);
}

static void show_all(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;) {
		size_t used;

		if (text[i] == '\n') {
			buf_puts(out, "\\n");
			i++;
			continue;
		}
		(void)show(out, text + i, len - i, &used);
		i += used;
	}
}

static void blanks(struct buf *out, char c, int n)
{
	for (int i = 0; i < n; i++)
		buf_putc(out, c);
}

/* Where the caret stands below the printed line, and how long it is. */
struct caret {
	int at, len;
};

/* Prints the line around the place; the caret follows what was really printed. */
static struct caret show_line(struct buf *out, const char *line, size_t len,
			      const struct doc_problem *p)
{
	int first = p->col > BEFORE_MAX + 10 ? p->col - BEFORE_MAX : 1;
	int last = p->col + (p->len > 0 ? p->len : 1) - 1;
	const char *s = doc_place(line, 1, first);
	const char *end = line + len;
	struct caret caret = { .at = -1 };
	int width = 0;
	int col = first;

	if (first > 1) {
		buf_puts(out, "...");
		width = 3;
	}
	/* Characters are capped too: combining ones have no width. */
	for (; s < end && col < first + WIDTH_MAX && (col <= p->col || width < WIDTH_MAX); col++) {
		size_t used;
		int w = show(out, s, (size_t)(end - s), &used);

		if (col == p->col)
			caret.at = width;
		if (col >= p->col && col <= last)
			caret.len += w;
		width += w;
		s += used;
	}
	if (s < end)
		buf_puts(out, "...");
	if (caret.at < 0)
		caret.at = width;
	if (caret.len < 1)
		caret.len = 1;
	return caret;
}

static void show_source(struct buf *out, const char *source, const struct doc_problem *p,
			unsigned flags)
{
	const char *line = doc_place(source, p->line, 1);
	size_t len = strcspn(line, "\n");
	char number[16];
	struct caret caret;
	int gutter = snprintf(number, sizeof(number), "%5d", p->line);

	if (len && line[len - 1] == '\r')
		len--;
	buf_printf(out, "%s%s |%s ", BLUE(flags), number, NONE(flags));
	caret = show_line(out, line, len, p);
	buf_putc(out, '\n');
	buf_puts(out, BLUE(flags));
	blanks(out, ' ', gutter);
	buf_printf(out, " |%s ", NONE(flags));
	blanks(out, ' ', caret.at);
	buf_puts(out, RED(flags));
	blanks(out, '^', caret.len);
	buf_printf(out, "%s\n", NONE(flags));
}

void doc_error_render(struct buf *out, const char *file, const char *source,
		      const struct doc_problem *p, unsigned flags)
{
	buf_puts(out, BOLD(flags));
	show_all(out, file);
	if (p->line > 0)
		buf_printf(out, ":%d:%d", p->line, p->col);
	buf_printf(out, ":%s %serror:%s %s", NONE(flags), RED(flags), NONE(flags), BOLD(flags));
	show_all(out, p->message);
	buf_printf(out, "%s\n", NONE(flags));
	if (source && *source && p->line > 0)
		show_source(out, source, p, flags);
	if (!p->hint)
		return;
	buf_printf(out, "%s      =%s hint: ", BLUE(flags), NONE(flags));
	show_all(out, p->hint);
	buf_putc(out, '\n');
}
