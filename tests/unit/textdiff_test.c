#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "state/textdiff.h"
#include "tests/support/testing.h"

static const char *diff(struct buf *out, const char *a, const char *b)
{
	buf_clear(out);
	assert_int_equal(text_diff(out, "/etc/old", a, strlen(a), "/etc/new", b, strlen(b)), 0);
	return buf_str(out);
}

TEST(a_changed_line_is_shown_with_three_lines_of_context)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_string_equal(
		diff(&out, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nV\n6\n7\n8\n9\n"),
		"--- /etc/old\n+++ /etc/new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+V\n 6\n 7\n 8\n");
}

TEST(far_changes_give_two_hunks_under_one_header)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_string_equal(
		diff(&out, "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n"),
		"--- /etc/old\n+++ /etc/new\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
		"@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

TEST(a_new_and_a_removed_text_are_all_plus_and_all_minus)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_string_equal(diff(&out, "", "x\ny\n"),
			    "--- /etc/old\n+++ /etc/new\n@@ -0,0 +1,2 @@\n+x\n+y\n");
	assert_string_equal(diff(&out, "x\n", ""),
			    "--- /etc/old\n+++ /etc/new\n@@ -1 +0,0 @@\n-x\n");
}

TEST(a_missing_newline_at_the_end_is_said)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_string_equal(diff(&out, "x\n", "x"),
			    "--- /etc/old\n+++ /etc/new\n@@ -1 +1 @@\n-x\n+x\n"
			    "\\ No newline at end of file\n");
}

TEST(equal_texts_give_nothing)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_string_equal(diff(&out, "same\n", "same\n"), "");
	assert_int_equal(text_diff(&out, "a", NULL, 0, "b", NULL, 0), 0);
	assert_string_equal(buf_str(&out), "");
}

TEST(a_name_cannot_forge_a_line)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	assert_int_equal(text_diff(&out, "a b\n+++ evil", "x\n", 2, "c\t", "y\n", 2), 0);
	assert_string_equal(buf_str(&out), "--- a b?+++ evil\n+++ c?\n@@ -1 +1 @@\n-x\n+y\n");
}

TEST(binary_and_huge_contents_are_one_line)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);
	cleanup_(mem_freep) char *huge = mem_zero(NULL, (size_t)TEXT_DIFF_MAX + 1);

	assert_int_equal(text_diff(&out, "a", "x\0y", 3, "b", "z", 1), 0);
	assert_string_equal(buf_str(&out), "Binary files differ\n");
	buf_clear(&out);
	memset(huge, 'h', (size_t)TEXT_DIFF_MAX + 1);
	assert_int_equal(text_diff(&out, "a", huge, (size_t)TEXT_DIFF_MAX + 1, "b", "z", 1), 0);
	assert_string_equal(buf_str(&out),
			    "Files differ: 4194305 and 1 bytes, too large to show\n");
}

/* What became of one line: "=3" the same at 3, "~3" another at 3, "-" gone. */
static const char *fate(const char *a, const char *b, size_t line)
{
	static char said[16];
	enum line_fate what = LINE_GONE;
	size_t at = 0;

	assert_int_equal(text_line_fate(a, strlen(a), b, strlen(b), line, &what, &at), 0);
	assert_int_equal(what == LINE_GONE, at == 0);
	(void)snprintf(said, sizeof(said), what == LINE_GONE ? "-" : "%c%zu",
		       what == LINE_SAME ? '=' : '~', at);
	return said;
}

TEST(a_line_is_followed_by_content_and_not_by_number)
{
	assert_string_equal(fate("a\nb\nc\n", "a\nb\nc\n", 2), "=2");
	assert_string_equal(fate("a\nb\nc\n", "new\na\nb\nc\n", 2), "=3");
	assert_string_equal(fate("a\nb\nc\n", "b\nc\n", 3), "=2");
	assert_string_equal(fate("a\nb\nc\n", "a\nb\nnew\nc\n", 2), "=2");
	assert_string_equal(fate("a\nb\nc", "a\nc", 3), "=2");
}

TEST(a_line_that_is_another_in_its_place_is_changed_and_one_without_is_gone)
{
	const char *was = "server {\n\tlisten 80;\n\troot /home/a/x;\n\tindex i;\n}\n";

	assert_string_equal(
		fate(was, "server {\n\tlisten 80;\n\troot /home/a/y;\n\tindex i;\n}\n", 3), "~3");
	assert_string_equal(
		fate(was, "server {\n\tlisten 81;\n\tlisten 81 ssl;\n\troot /home/a/y;\n}\n", 3),
		"~4");
	assert_string_equal(fate(was, "server {\n\tlisten 80;\n\tdeny all;\n}\n", 3), "-");
	assert_string_equal(fate(was, "", 3), "-");
	/* by its words, where it begins otherwise */
	assert_string_equal(fate("anna:x:NovaCPX account:/home/anna\n",
				 "annb:x:NovaCPX account:/home/annb\n", 1),
			    "~1");
}

TEST(a_line_that_went_elsewhere_is_the_same_if_it_is_the_only_one)
{
	assert_string_equal(fate("a 1\nb 2\nc 3\nd 4\n", "b 2\nc 3\nd 4\na 1\n", 1), "=4");
	assert_string_equal(fate("}\nx\n}\n", "y\n}\n", 1), "-");
}

TEST(a_line_that_is_not_there_is_gone)
{
	assert_string_equal(fate("a\nb\n", "a\nb\n", 3), "-");
	assert_string_equal(fate("a\nb\n", "a\nb\n", 0), "-");
	assert_string_equal(fate("", "a\n", 1), "-");
}

TEST(lines_are_counted_from_one_with_or_without_an_end)
{
	size_t len = 0;

	assert_string_equal(text_line("a\nbc", 4, 2, &len), "bc");
	assert_int_equal(len, 2);
	assert_null(text_line("a\n", 2, 2, &len));
	assert_null(text_line("a\n", 2, 0, &len));
	assert_non_null(text_line("\n", 1, 1, &len));
	assert_int_equal(len, 0);
}
