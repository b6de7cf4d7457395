#include "tests/support/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static struct CMUnitTest tests[512];
static size_t n_tests;
static char tmpdir[128];

void test_register(const char *name, CMUnitTestFunction fn)
{
	if (n_tests == ARRAY_LEN(tests))
		abort();
	tests[n_tests++] = (struct CMUnitTest){ .name = name, .test_func = fn };
}

void assert_ok_at(int r, const struct err *err, const char *what, const char *file, int line)
{
	if (r >= 0)
		return;
	print_error("%s\n  -> %s [%s] path=\"%s\"\n", what, err ? err->msg : "?",
		    err ? err_code_name(err->code) : "?", err ? err->path : "");
	_fail(file, line);
}

void assert_contains_at(const char *haystack, const char *needle, const char *file, int line)
{
	if (haystack && strstr(haystack, needle))
		return;
	print_error("no \"%s\" in:\n%s\n", needle, haystack ? haystack : "(null)");
	_fail(file, line);
}

void expect_golden(const char *name, const char *text)
{
	const char *mode =
		getenv("GOLDEN"); /* NOLINT(concurrency-mt-unsafe): tests have one thread */
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "golden");
	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;
	char *path = mem_fmt(ctx, "/tests/golden/%s", name);
	char *want;
	size_t len;

	root = fs_root_open(".", &err);
	assert_ok(root, &err);
	if (mode && strcmp(mode, "update") == 0) {
		char *slash = strrchr(path, '/');

		*slash = '\0';
		assert_ok(fs_mkdirs(root, path, 0755, &err), &err);
		*slash = '/';
		assert_ok(fs_write_atomic(root, path, text, strlen(text), 0644, &err), &err);
		return;
	}
	assert_ok(fs_read(ctx, root, path, (size_t)1 << 24, 0, &want, &len, &err), &err);
	if (strcmp(want, text) != 0)
		print_error("differs from tests/golden/%s (GOLDEN=update rewrites it)\n", name);
	assert_string_equal(text, want);
}

static void remove_tmpdir(void)
{
	cleanup_(fd_close) int root = fs_root_open("/", NULL);

	if (root >= 0 && fs_remove_tree(root, tmpdir, 0, NULL) < 0)
		(void)fprintf(stderr, "left behind: %s\n", tmpdir);
}

const char *test_tmpdir(void)
{
	if (!tmpdir[0]) {
		(void)snprintf(tmpdir, sizeof(tmpdir), "/tmp/ncpx-test-XXXXXX");
		if (!mkdtemp(tmpdir) || atexit(remove_tmpdir) != 0)
			abort();
	}
	return tmpdir;
}

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("unit", tests, n_tests, NULL, NULL);
}
