#include "tests/support/testing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/sandbox.h"

#define NEEDS_ROOT                                          \
	do {                                                \
		if (geteuid() != 0) {                       \
			print_message("# skipped: root\n"); \
			return;                             \
		}                                           \
	} while (0)

struct box {
	char path[64];
	int root;
	void *ctx;
};

static struct box begin(void)
{
	struct box b = { .path = "/tmp/sandbox-XXXXXX", .ctx = mem_ctx(NULL, "t") };
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(b.path));
	b.root = fs_root_open(b.path, &err);
	assert_true(b.root >= 0);
	return b;
}

static void done(struct box *b)
{
	cleanup_(fd_close) int top = fs_root_open("/", NULL);
	struct err err = ERR_INIT;

	fd_close(&b->root);
	assert_ok(fs_remove_tree(top, b->path, 0, &err), &err);
	mem_freep(&b->ctx);
}

static const char *text_of(const struct box *b, const char *path)
{
	struct err err = ERR_INIT;
	char *text;
	size_t len;

	assert_ok(fs_read(b->ctx, b->root, path, 1 << 20, FS_NOLINKS, &text, &len, &err), &err);
	return text;
}

static mode_t mode_of(const struct box *b, const char *path)
{
	struct err err = ERR_INIT;
	struct stat st;

	assert_ok(fs_stat(b->root, path, &st, &err), &err);
	return st.st_mode & 07777;
}

TEST(a_sandbox_has_the_hosts_users_and_none_of_their_passwords)
{
	struct err err = ERR_INIT;
	const char *shadow;
	struct box b;

	NEEDS_ROOT;
	b = begin();
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 1);
	assert_contains(text_of(&b, "/etc/passwd"), "root:");
	shadow = text_of(&b, "/etc/shadow");
	assert_int_equal(strncmp(shadow, "root:*:", 7), 0);
	assert_null(strstr(shadow, "$"));
	assert_int_equal(mode_of(&b, "/etc/shadow"), 0640);
	assert_int_equal(mode_of(&b, "/tmp"), 01777);
	done(&b);
}

TEST(a_sandbox_has_nothing_of_what_the_host_serves)
{
	static const char *const gone[] = { "/etc/nginx/sites-enabled/default",
					    "/etc/cron.d/e2scrub_all", "/etc/cron.daily",
					    "/etc/crontab", "/etc/ssh" };
	struct err err = ERR_INIT;
	struct box b;

	NEEDS_ROOT;
	b = begin();
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 1);
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		assert_false(fs_exists(b.root, gone[i]));
	done(&b);
}

TEST(a_sandbox_is_made_once)
{
	struct err err = ERR_INIT;
	struct box b;

	NEEDS_ROOT;
	b = begin();
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 1);
	assert_ok(fs_write_atomic(b.root, "/etc/hostname", "mine\n", 5, 0644, &err), &err);
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 0);
	assert_string_equal(text_of(&b, "/etc/hostname"), "mine\n");
	done(&b);
}

TEST(an_interrupted_sandbox_is_made_again)
{
	struct err err = ERR_INIT;
	struct box b;

	NEEDS_ROOT;
	b = begin();
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 1);
	assert_ok(fs_remove_tree(b.root, SANDBOX_MARK, 0, &err), &err);
	assert_ok(fs_write_atomic(b.root, SANDBOX_MARK ".begun", "", 0, 0644, &err), &err);
	assert_ok(fs_write_atomic(b.root, "/etc/shadow", "half", 4, 0644, &err), &err);
	assert_false(sandbox_is_one(b.root));
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), 1);
	assert_true(sandbox_is_one(b.root));
	assert_int_equal(strncmp(text_of(&b, "/etc/shadow"), "root:*:", 7), 0);
	done(&b);
}

TEST(a_folder_that_holds_anything_else_is_refused)
{
	struct err err = ERR_INIT;
	struct box b;

	NEEDS_ROOT;
	b = begin();
	assert_ok(fs_write_atomic(b.root, "/letter", "dear\n", 5, 0644, &err), &err);
	assert_int_equal(sandbox_make(b.ctx, b.path, &err), -ERR_CONFLICT);
	assert_contains(err.msg, "neither empty nor a sandbox");
	assert_false(fs_exists(b.root, "/etc"));
	err_clear(&err);
	assert_int_equal(sandbox_make(b.ctx, "/", &err), -ERR_INVALID);
	assert_contains(err.msg, "/ is the machine itself");
	done(&b);
}
