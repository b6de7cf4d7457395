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
