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
