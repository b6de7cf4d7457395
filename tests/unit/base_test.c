#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "tests/support/testing.h"

TEST(a_wrapped_error_reads_from_outside_in)
{
	struct err err = ERR_INIT;

	assert_int_equal(err_at(&err, ERR_INVALID, "/name", "\"%s\" is empty", "x"), -ERR_INVALID);
	assert_int_equal(err_wrap(&err, "domain %s", "a.example"), -ERR_INVALID);
	err_prefix_path(&err, "/domains/a.example");
	assert_string_equal(err.msg, "domain a.example: \"x\" is empty");
	assert_string_equal(err.path, "/domains/a.example/name");
}

TEST(a_buffer_writes_numbers_as_printf_does)
{
	static const int64_t numbers[] = { 0, 7, -1, 3600, INT64_MAX, INT64_MIN };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "test");

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct buf b = BUF_ON(ctx);

		buf_int(&b, numbers[i]);
		assert_string_equal(buf_str(&b), mem_fmt(ctx, "%" PRId64, numbers[i]));
	}
}

TEST(a_buffer_stops_at_its_cap_and_says_so)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf b = { .ctx = ctx, .max = 5 };

	buf_puts(&b, "abc");
	buf_puts(&b, "def");
	assert_string_equal(buf_str(&b), "abc");
	assert_true(b.over);
}

TEST(a_path_beneath_a_root_cannot_leave_it)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	root = fs_root_open(test_tmpdir(), &err);
	assert_ok(root, &err);
	assert_ok(fs_mkdirs(root, "/a/b", 0755, &err), &err);
	assert_ok(fs_write_atomic(root, "/a/b/f", "hi", 2, 0600, &err), &err);
	assert_ok(fs_read(ctx, root, "/a/../../../a/b/f", 10, 0, &data, &len, &err), &err);
	assert_string_equal(data, "hi");
	assert_int_equal(fs_read(ctx, root, "/a/b/f", 1, 0, &data, &len, &err), -ERR_TOOBIG);
	assert_int_equal(fs_read(ctx, root, "/etc/passwd", 10, 0, &data, &len, &err),
			 -ERR_NOTFOUND);
	assert_ok(fs_remove_tree(root, "/a", 0, &err), &err);
	assert_false(fs_exists(root, "/a/b/f"));
}

TEST(a_file_that_replaces_another_is_later_in_whole_seconds)
{
	static const struct {
		int old, want; /* seconds from now; 0: the kernel's time stays */
	} rows[] = {
		{ -5, 0 },
		{ -1, 0 },
		{ 0, 1 },
		{ 1, 2 },
		{ FS_AHEAD_MAX - 1, FS_AHEAD_MAX },
		{ FS_AHEAD_MAX, 0 }, /* no further */
		{ 86400, 0 },        /* a wrong clock made it */
	};

	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;

	root = fs_root_open(test_tmpdir(), &err);
	assert_ok(root, &err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(fd_close) int fd =
			fs_open(root, "/later", O_WRONLY | O_CREAT | O_TRUNC, 0600, 0, &err);
		struct stat now;
		struct stat old;
		struct stat st;

		assert_ok(fd, &err);
		assert_int_equal(fs_write_all(fd, "x", 1), 0);
		assert_int_equal(fstat(fd, &now), 0);
		old = now;
		old.st_mtim.tv_sec += rows[i].old;
		assert_ok(fs_make_later(fd, &old, &err), &err);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mtim.tv_sec, now.st_mtim.tv_sec + rows[i].want);
		assert_true(st.st_mtim.tv_sec != old.st_mtim.tv_sec);
		if (!rows[i].want)
			assert_int_equal(st.st_mtim.tv_nsec, now.st_mtim.tv_nsec);
	}
}

TEST(a_clean_path_has_no_dots_doubles_or_control_characters)
{
	assert_true(fs_path_is_clean("/home/john/public_html"));
	assert_false(fs_path_is_clean("home"));
	assert_false(fs_path_is_clean("/home/../etc"));
	assert_false(fs_path_is_clean("/home//x"));
	assert_false(fs_path_is_clean("/home/x\n"));
	assert_false(fs_path_is_clean("/home/"));
}

TEST(a_child_gets_input_and_its_output_and_status_come_back)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct proc p = { .argv = (const char *const[]){ "cat", NULL },
			  .input = "abc",
			  .input_len = 3 };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(proc_run(ctx, &p, &res, &err), &err);
	assert_int_equal(res.status, 0);
	assert_string_equal(res.out, "abc");
	p.argv = (const char *const[]){ "no-such-program-here", NULL };
	assert_int_equal(proc_run(ctx, &p, &res, &err), -ERR_ABSENT);
	p.argv = (const char *const[]){ "sleep", "5", NULL };
	p.timeout_ms = 50;
	assert_int_equal(proc_run(ctx, &p, &res, &err), -ERR_TIMEOUT);
}

TEST(a_digest_is_sha256)
{
	struct digest d = digest_of("abc", 3);
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&d, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(the_digest_of_parts_is_that_of_the_whole)
{
	struct digest whole = digest_of("abc", 3);
	struct digest parts = digest_of_parts(
		(const struct digest_part[]){ { "a", 1 }, { "", 0 }, { "bc", 2 } }, 3);

	assert_true(digest_eq(&whole, &parts));
}
