#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/quota.h"
#include "tests/support/testing.h"

enum {
	NOBODY = 3999999 /* a number that owns nothing */
};

static struct quota_at at_root(const char *folder)
{
	struct err err = ERR_INIT;
	struct quota_at at = { .root_path = "/", .folder = folder };

	at.root = fs_root_open("/", &err);
	assert_ok(at.root, &err);
	return at;
}

TEST(a_limit_reads_back_from_its_text)
{
	static const struct {
		uint64_t kib;
		const char *text;
	} rows[] = {
		{ 0, "unlimited" },   { 1, "1 KiB" },
		{ 1000, "1000 KiB" }, { 1024, "1 MiB" },
		{ 1025, "1025 KiB" }, { (uint64_t)1000000000 * 1024, "1000000000 MiB" },
	};

	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = ERR_INIT;
		uint64_t kib = 7;

		assert_string_equal(quota_text(ctx, rows[i].kib), rows[i].text);
		assert_ok(quota_parse(rows[i].text, &kib, &err), &err);
		assert_true(kib == rows[i].kib);
	}
}

TEST(what_is_no_limit_is_refused)
{
	static const char *const texts[] = { "",
					     "0 MiB",
					     "5",
					     "5 GiB",
					     "-5 MiB",
					     " 5 MiB",
					     "5 MiB ",
					     "+5 MiB",
					     "5MiB",
					     "x MiB",
					     "5 MiB\n",
					     "18446744073709551616 MiB",
					     "1125899906842624 MiB" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = ERR_INIT;
		uint64_t kib = 7;

		assert_int_equal(quota_parse(texts[i], &kib, &err), -ERR_CORRUPT);
		assert_true(kib == 7);
	}
}

TEST(in_a_sandbox_no_limit_is_read_or_set)
{
	struct quota_at at = at_root("/");
	struct quota q = { .hard_kib = 7 };
	struct err err = ERR_INIT;

	at.root_path = "/srv/sandbox";
	assert_ok(quota_get(&at, NOBODY, &q, &err), &err);
	assert_string_equal(q.off, "this is a sandbox");
	assert_true(q.hard_kib == 0);
	assert_int_equal(quota_set(&at, NOBODY, 1024, &err), -ERR_DENIED);
	fd_close(&at.root);
}

TEST(root_is_never_limited)
{
	struct quota_at at = at_root("/");
	struct err err = ERR_INIT;

	assert_int_equal(quota_set(&at, 0, 1024, &err), -ERR_DENIED);
	fd_close(&at.root);
}

TEST(a_file_system_without_quotas_is_no_error)
{
	struct quota_at at = at_root("/proc");
	struct quota q = { .off = NULL };
	struct err err = ERR_INIT;

	assert_ok(quota_get(&at, NOBODY, &q, &err), &err);
	assert_non_null(q.off);
	fd_close(&at.root);
}

TEST(a_folder_that_is_still_to_be_made_counts_as_the_one_above_it)
{
	struct quota_at at = at_root("/proc/is/not/there");
	struct quota q = { .off = NULL };
	struct err err = ERR_INIT;

	assert_ok(quota_get(&at, NOBODY, &q, &err), &err);
	assert_non_null(q.off);
	at.folder = "/etc/passwd/x"; /* a file in the way */
	assert_ok(quota_get(&at, NOBODY, &q, &err), &err);
	fd_close(&at.root);
}
