#include "state/textdiff.h"

#include <git2.h>
#include <string.h>

#include "base/err.h"

struct out {
	struct buf *buf;
	const char *old_name, *new_name;
	bool has_header;
};

static void put_name(struct buf *out, const char *mark, const char *name)
{
	buf_puts(out, mark);
	for (; *name; name++)
		buf_putc(out, (char)((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name));
	buf_putc(out, '\n');
}

static void put_range(struct buf *out, char sign, int start, int lines)
{
	buf_printf(out, " %c%d", sign, start);
	if (lines != 1)
		buf_printf(out, ",%d", lines);
}

/* The hunk's own header line also quotes some earlier line of the text, which helps nobody here. */
static int put_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *arg)
{
	struct out *o = arg;

	(void)delta;
	if (!o->has_header) {
		put_name(o->buf, "--- ", o->old_name);
		put_name(o->buf, "+++ ", o->new_name);
		o->has_header = true;
	}
	buf_puts(o->buf, "@@");
	put_range(o->buf, '-', hunk->old_start, hunk->old_lines);
	put_range(o->buf, '+', hunk->new_start, hunk->new_lines);
	buf_puts(o->buf, " @@\n");
	return 0;
}

static int put_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
		    const git_diff_line *line, void *arg)
{
	struct out *o = arg;

	(void)delta;
	(void)hunk;
	if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
	    line->origin == GIT_DIFF_LINE_DELETION)
		buf_putc(o->buf, line->origin);
	buf_put(o->buf, line->content, line->content_len);
	return 0;
}

static int diff_texts(struct out *o, const void *old, size_t old_len, const void *new,
		      size_t new_len)
{
	git_diff_options opts = GIT_DIFF_OPTIONS_INIT;
	int r;

	opts.context_lines = 3;
	opts.interhunk_lines = 0;
	opts.flags = GIT_DIFF_FORCE_TEXT;
	opts.max_size = TEXT_DIFF_MAX;
	if (git_libgit2_init() < 0)
		return -ERR_SYSTEM;
	r = git_diff_buffers(old, old_len, NULL, new, new_len, NULL, &opts, NULL, NULL, put_hunk,
			     put_line, o);
	(void)git_libgit2_shutdown();
	return r < 0 ? -ERR_SYSTEM : 0;
}

int text_diff(struct buf *out, const char *old_name, const void *old, size_t old_len,
	      const char *new_name, const void *new, size_t new_len)
{
	struct out o = { .buf = out, .old_name = old_name, .new_name = new_name };

	if (old_len == new_len && (old_len == 0 || memcmp(old, new, old_len) == 0))
		return 0;
	if (old_len > TEXT_DIFF_MAX || new_len > TEXT_DIFF_MAX) {
		buf_printf(out, "Files differ: %zu and %zu bytes, too large to show\n", old_len,
			   new_len);
		return 0;
	}
	if ((old_len && memchr(old, '\0', old_len)) || (new_len && memchr(new, '\0', new_len))) {
		buf_puts(out, "Binary files differ\n");
		return 0;
	}
	return diff_texts(&o, old_len ? old : "", old_len, new_len ? new : "", new_len);
}

/* One line */

struct fate {
	size_t line, at; /* AT: where the line is in the new text, by the hunks before it */
	bool is_hit;
	size_t from, n; /* lines that stand in its place */
};

static int take_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *arg)
{
	struct fate *f = arg;
	size_t start = (size_t)hunk->old_start;
	size_t end = start + (size_t)hunk->old_lines;

	(void)delta;
	if (start > f->line || (hunk->old_lines == 0 && start == f->line))
		return 0;
	if (hunk->old_lines && f->line < end) {
		f->is_hit = true;
		f->from = (size_t)hunk->new_start;
		f->n = (size_t)hunk->new_lines;
		return 0;
	}
	f->at = f->at + (size_t)hunk->new_lines - (size_t)hunk->old_lines;
	return 0;
}

const char *text_line(const char *text, size_t len, size_t line, size_t *ret_len)
{
	const char *end = text + len;

	for (; text < end; line--) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		*ret_len = (size_t)((stop ? stop : end) - text);
		if (line <= 1)
			return line ? text : NULL;
		text += *ret_len + 1;
	}
	return NULL;
}

/* How many characters two lines have in common at both ends. */
static size_t in_common(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = 0;
	size_t tail = 0;

	while (n < a_len && n < b_len && a[n] == b[n])
		n++;
	while (tail + n < a_len && tail + n < b_len && a[a_len - 1 - tail] == b[b_len - 1 - tail])
		tail++;
	return n + tail;
}

static bool is_word_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next word from *P on; its length, 0 at the end. */
static size_t next_word(const char **p, const char *end)
{
	size_t len = 0;

	while (*p < end && !is_word_char(**p))
		(*p)++;
	while (*p + len < end && is_word_char((*p)[len]))
		len++;
	return len;
}

/* How many words of A stand in B too, of how many. */
static size_t words_in_common(const char *a, size_t a_len, const char *b, size_t b_len,
			      size_t *ret_of)
{
	size_t n = 0;
	size_t len;

	*ret_of = 0;
	for (const char *p = a; (len = next_word(&p, a + a_len)) > 0; p += len, (*ret_of)++) {
		size_t other;

		for (const char *q = b; (other = next_word(&q, b + b_len)) > 0; q += other) {
			if (other == len && memcmp(p, q, len) == 0) {
				n++;
				break;
			}
		}
	}
	return n;
}

static void trim(const char **s, size_t *len)
{
	while (*len > 0 && (**s == ' ' || **s == '\t')) {
		(*s)++;
		(*len)--;
	}
}

enum {
	ALIKE = 500, /* of a thousand: half of it */
	LONG_LINE = 1000
};

/* How alike two lines are, indentation apart, of a thousand: by their ends or by their words. */
static size_t likeness(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t longer;
	size_t by_ends;
	size_t words;
	size_t by_words;

	trim(&a, &a_len);
	trim(&b, &b_len);
	longer = a_len > b_len ? a_len : b_len;
	if (longer == 0)
		return 1000;
	by_ends = 1000 * in_common(a, a_len, b, b_len) / longer;
	if (longer > LONG_LINE)
		return by_ends;
	by_words = 1000 * words_in_common(a, a_len, b, b_len, &words);
	if (words)
		by_words /= words;
	return by_ends > by_words ? by_ends : by_words;
}

/* The line among those in its place that is most like it; 0 when none is like it by half. */
static size_t most_alike(const struct fate *f, const char *old, size_t old_len, const char *new,
			 size_t new_len)
{
	size_t len = 0;
	const char *line = text_line(old, old_len, f->line, &len);
	size_t best = ALIKE - 1;
	size_t found = 0;

	for (size_t i = f->from; line && i < f->from + f->n; i++) {
		size_t other_len = 0;
		const char *other = text_line(new, new_len, i, &other_len);
		size_t alike = other ? likeness(line, len, other, other_len) : 0;

		if (alike > best) {
			best = alike;
			found = i;
		}
	}
	return found;
}

/* How often the text has exactly this line, and the first place. */
static size_t count_line(const char *text, size_t text_len, const char *line, size_t len,
			 size_t *ret_first)
{
	const char *end = text + text_len;
	size_t n = 0;

	for (size_t i = 1; text < end; i++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t this_len = (size_t)((stop ? stop : end) - text);

		if (this_len == len && memcmp(text, line, len) == 0 && n++ == 0)
			*ret_first = i;
		text += this_len + 1;
	}
	return n;
}

/* A line of which there is one went elsewhere and is the same: records are sorted. */
static bool has_moved(struct fate *f, const char *old, size_t old_len, const char *new,
		      size_t new_len)
{
	size_t len = 0;
	size_t first = 0;
	const char *line = text_line(old, old_len, f->line, &len);

	if (!line || count_line(old, old_len, line, len, &first) != 1 ||
	    count_line(new, new_len, line, len, &first) != 1)
		return false;
	f->at = first;
	f->is_hit = false;
	return true;
}

int text_line_fate(const char *old, size_t old_len, const char *new, size_t new_len, size_t line,
		   enum line_fate *ret, size_t *ret_at)
{
	git_diff_options opts = GIT_DIFF_OPTIONS_INIT;
	struct fate f = { .line = line, .at = line };
	size_t unused;
	int r = 0;

	if (!text_line(old, old_len, line, &unused)) {
		*ret = LINE_GONE;
		*ret_at = 0;
		return 0;
	}
	opts.context_lines = 0;
	opts.interhunk_lines = 0;
	opts.flags = GIT_DIFF_FORCE_TEXT;
	opts.max_size = TEXT_DIFF_MAX;
	if (old_len != new_len || memcmp(old, new, old_len) != 0) {
		if (git_libgit2_init() < 0)
			return -ERR_SYSTEM;
		r = git_diff_buffers(old, old_len, NULL, new, new_len, NULL, &opts, NULL, NULL,
				     take_hunk, NULL, &f);
		(void)git_libgit2_shutdown();
	}
	if (r < 0)
		return -ERR_SYSTEM;
	*ret_at = f.is_hit && !has_moved(&f, old, old_len, new, new_len)
			  ? most_alike(&f, old, old_len, new, new_len)
			  : f.at;
	*ret = !f.is_hit ? LINE_SAME : *ret_at ? LINE_CHANGED : LINE_GONE;
	return 0;
}
