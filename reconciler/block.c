#include "reconciler/block.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define BLOCK_BEGIN "BEGIN NovaCPX (changes between these lines are undone)"
#define BLOCK_END   "END NovaCPX"

static const char *comment_sign(const char *path)
{
	return strstr(path, "/bind/") ? "//" : "#";
}

/* The line that equals WANT (outer blanks apart); RET_NEXT is what follows it. */
static const char *find_line(const char *text, const char *want, const char **ret_next)
{
	size_t len = strlen(want);

	while (*text) {
		size_t line = strcspn(text, "\n");
		size_t skip = strspn(text, " \t");
		size_t end = line;

		while (end > skip && strchr(" \t\r", text[end - 1]))
			end--;
		*ret_next = text + line + (text[line] == '\n');
		if (end >= skip && end - skip == len && memcmp(text + skip, want, len) == 0)
			return text;
		text = *ret_next;
	}
	return NULL;
}

static void put_block(struct buf *b, const char *sign, const char *body)
{
	buf_printf(b, "%s " BLOCK_BEGIN "\n%s", sign, body);
	if (*body && body[strlen(body) - 1] != '\n')
		buf_putc(b, '\n');
	buf_printf(b, "%s " BLOCK_END "\n", sign);
}

/* NOLINTNEXTLINE(readability-function-size): each parameter is another thing */
int block_edit(const void *ctx, const char *path, const char *text, const char *body,
	       const char *anchor, char **ret, size_t *ret_len, struct err *err)
{
	const char *sign = comment_sign(path);
	struct buf b = BUF_ON(ctx);
	const char *after_begin = NULL;
	const char *after_end = NULL;
	const char *after_anchor = NULL;
	const char *begin = find_line(text, mem_fmt(ctx, "%s " BLOCK_BEGIN, sign), &after_begin);
	const char *end = find_line(begin ? after_begin : text, mem_fmt(ctx, "%s " BLOCK_END, sign),
				    &after_end);

	if (!begin != !end)
		return err_set(
			err, ERR_CONFLICT,
			"%s holds only one of the two NovaCPX marker lines; restore or remove both",
			path);
	if (begin) {
		buf_put(&b, text, (size_t)(begin - text));
		if (body)
			put_block(&b, sign, body);
		buf_puts(&b, after_end);
	} else if (!body) {
		buf_puts(&b, text);
	} else if (anchor) {
		if (!find_line(text, anchor, &after_anchor))
			return err_set(err, ERR_CONFLICT,
				       "%s has no line \"%s\" to put our block after", path,
				       anchor);
		buf_put(&b, text, (size_t)(after_anchor - text));
		put_block(&b, sign, body);
		buf_puts(&b, after_anchor);
	} else {
		buf_puts(&b, text);
		if (b.len && b.data[b.len - 1] != '\n')
			buf_putc(&b, '\n'); /* taken back never: a text file ends with one */
		put_block(&b, sign, body);
	}
	*ret = mem_dup(ctx, buf_str(&b), b.len);
	*ret_len = b.len;
	return 0;
}

static size_t count_lines(const char *from, const char *to)
{
	size_t n = 0;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

size_t block_find(const void *ctx, const char *path, const char *text, const char **ret_body,
		  size_t *ret_n)
{
	const char *sign = comment_sign(path);
	const char *body = NULL;
	const char *after = NULL;
	const char *begin = find_line(text, mem_fmt(ctx, "%s " BLOCK_BEGIN, sign), &body);
	const char *end =
		begin ? find_line(body, mem_fmt(ctx, "%s " BLOCK_END, sign), &after) : NULL;

	if (!end)
		return 0;
	*ret_body = mem_strn(ctx, body, (size_t)(end - body));
	*ret_n = count_lines(body, end);
	return count_lines(text, body) + 1;
}
