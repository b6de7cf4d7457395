#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/checkns.h"
#include "tests/support/testing.h"

#define NEEDS_ROOT()                                                              \
	do {                                                                      \
		if (geteuid() != 0) {                                             \
			print_message("# skipped: mount namespaces need root\n"); \
			return;                                                   \
		}                                                                 \
	} while (0)

/* A live tree, a staged tree and a scratch folder, fresh for each test. */
struct place {
	void *ctx;
	int root;
	const char *top;
	const char *conf, *staged, *log;
};

static void put(const struct place *p, const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(fs_write_atomic(p->root, path, text, strlen(text), 0644, &err), &err);
}

static struct place place(const char *name)
{
	struct place p = { .ctx = mem_ctx(NULL, "t") };
	struct err err = ERR_INIT;

	p.top = mem_fmt(p.ctx, "%s/%s", test_tmpdir(), name);
	p.root = fs_root_open("/", &err);
	assert_ok(p.root, &err);
	p.conf = mem_fmt(p.ctx, "%s/etc/app", p.top);
	p.staged = mem_fmt(p.ctx, "%s/stage", p.top);
	p.log = mem_fmt(p.ctx, "%s/log", p.top);
	assert_ok(fs_mkdirs(p.root, p.conf, 0755, &err), &err);
	assert_ok(fs_mkdirs(p.root, p.staged, 0755, &err), &err);
	assert_ok(fs_mkdirs(p.root, mem_fmt(p.ctx, "%s/app", p.log), 0755, &err), &err);
	put(&p, mem_fmt(p.ctx, "%s/kept", p.conf), "live kept\n");
	put(&p, mem_fmt(p.ctx, "%s/changed", p.conf), "live changed\n");
	put(&p, mem_fmt(p.ctx, "%s/removed", p.conf), "live removed\n");
	put(&p, mem_fmt(p.ctx, "%s/changed", p.staged), "staged changed\n");
	put(&p, mem_fmt(p.ctx, "%s/new", p.staged), "staged new\n");
	put(&p, mem_fmt(p.ctx, "%s/old", p.log), "old\n");
	return p;
}

static void place_done(struct place *p)
{
	fd_close(&p->root);
	mem_freep(&p->ctx);
}

/* Runs ARGV over the place and returns what it printed; RET_STATUS is its exit status. */
static const enum checkns_scratch_kind kinds[] = { CHECKNS_FOLDERS, CHECKNS_FILES };

static const char *look(const struct place *p, struct checkns_overlay o,
			enum checkns_scratch_kind kind, const char *const *argv, int *ret_status)
{
	struct checkns_scratch scratch = { .dir = p->log, .kind = kind };
	struct checkns ns = { .root_path = "/",
			      .overlays = &o,
			      .n_overlays = 1,
			      .scratch = &scratch,
			      .n_scratch = 1 };
	struct proc_result res;
	struct err err = ERR_INIT;

	if (!o.dir)
		o.dir = p->conf;
	if (!o.staged_dir)
		o.staged_dir = p->staged;
	assert_ok(checkns_run(p->ctx, &ns, argv, &res, &err), &err);
	*ret_status = res.status;
	return res.out;
}

#define LOOK(p, o, files, status, ...) \
	look((p), (o), (files), (const char *const[]){ __VA_ARGS__, NULL }, (status))
#define PLAIN                        \
	(struct checkns_overlay)     \
	{                            \
		.staged_only = false \
	}

TEST(staged_files_lie_over_live_ones_only_in_the_child)
{
	NEEDS_ROOT();
	struct place p = place("over");
	char *data;
	size_t len;
	int status;
	struct err err = ERR_INIT;

	assert_string_equal(
		LOOK(&p, PLAIN, CHECKNS_FOLDERS, &status, "cat", mem_fmt(p.ctx, "%s/kept", p.conf),
		     mem_fmt(p.ctx, "%s/changed", p.conf), mem_fmt(p.ctx, "%s/new", p.conf)),
		"live kept\nstaged changed\nstaged new\n");
	assert_int_equal(status, 0);
	assert_false(fs_exists(p.root, mem_fmt(p.ctx, "%s/new", p.conf)));
	assert_ok(fs_read(p.ctx, p.root, mem_fmt(p.ctx, "%s/changed", p.conf), 100, 0, &data, &len,
			  &err),
		  &err);
	assert_string_equal(data, "live changed\n");
	place_done(&p);
}

TEST(a_file_that_is_going_to_be_removed_is_not_there)
{
	NEEDS_ROOT();
	struct place p = place("white");
	struct err err = ERR_INIT;
	int fd = fs_open(p.root, p.staged, O_RDONLY | O_DIRECTORY, 0, 0, &err);
	int status;

	assert_ok(fd, &err);
	if (checkns_whiteout(fd, "removed", &err) < 0 && err.sys == EPERM) {
		fd_close(&fd);
		place_done(&p);
		print_message("# skipped: the temporary folder lies on an overlay\n");
		return;
	}
	assert_ok(checkns_whiteout(fd, "removed", &err), &err);
	assert_int_equal(checkns_whiteout(fd, "../x", &err), -ERR_INVALID);
	assert_string_equal(LOOK(&p, PLAIN, CHECKNS_FOLDERS, &status, "ls", p.conf),
			    "changed\nkept\nnew\n");
	fd_close(&fd);
	place_done(&p);
}

TEST(files_named_as_removed_are_not_there_and_nothing_is_staged_for_that)
{
	NEEDS_ROOT();
	struct place p = place("removed");
	const char *const gone[] = { "removed", "sub/x", "never/was", NULL };
	const char *const bad[] = { "../etc", NULL };
	struct checkns_overlay o = { .dir = p.conf, .staged_dir = p.staged, .removed = gone };
	struct checkns ns = { .root_path = "/", .overlays = &o, .n_overlays = 1 };
	const char *const argv[] = { "ls", p.conf, mem_fmt(p.ctx, "%s/sub", p.conf), NULL };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(fs_mkdirs(p.root, mem_fmt(p.ctx, "%s/sub", p.conf), 0755, &err), &err);
	put(&p, mem_fmt(p.ctx, "%s/sub/x", p.conf), "x");
	put(&p, mem_fmt(p.ctx, "%s/sub/y", p.conf), "y");
	assert_ok(checkns_run(p.ctx, &ns, argv, &res, &err), &err);
	assert_contains(res.out, ":\nchanged\nkept\nnew\nsub\n");
	assert_contains(res.out, "/sub:\ny\n");
	assert_true(fs_exists(p.root, mem_fmt(p.ctx, "%s/sub/x", p.conf)));
	o.removed = bad;
	assert_int_equal(checkns_run(p.ctx, &ns, argv, &res, &err), -ERR_INVALID);
	place_done(&p);
}

TEST(staged_only_hides_what_is_not_staged)
{
	NEEDS_ROOT();
	struct place p = place("only");
	int status;

	assert_string_equal(LOOK(&p, ((struct checkns_overlay){ .staged_only = true }),
				 CHECKNS_FOLDERS, &status, "ls", p.conf),
			    "changed\nnew\n");
	place_done(&p);
}

TEST(writes_to_live_and_staged_paths_are_refused)
{
	NEEDS_ROOT();
	struct place p = place("ro");
	const char *const paths[] = { mem_fmt(p.ctx, "%s/x", p.conf),
				      mem_fmt(p.ctx, "%s/x", p.staged),
				      mem_fmt(p.ctx, "%s/x", p.top), "/etc/ncpx-test-must-not-be" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		int status;

		assert_contains(LOOK(&p, PLAIN, CHECKNS_FOLDERS, &status, "touch", paths[i]),
				"Read-only file system");
		assert_int_equal(status, 1);
		assert_false(fs_exists(p.root, paths[i]));
	}
	place_done(&p);
}

TEST(what_is_written_to_a_scratch_folder_vanishes)
{
	NEEDS_ROOT();
	struct place p = place("scratch");
	const char *path = mem_fmt(p.ctx, "%s/app/pid", p.log);
	struct stat before;
	struct stat after;
	int status;
	struct err err = ERR_INIT;

	assert_ok(fs_stat(p.root, mem_fmt(p.ctx, "%s/app", p.log), &before, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_string_equal(LOOK(&p, PLAIN, kinds[i], &status, "touch", path), "");
		assert_int_equal(status, 0);
		assert_false(fs_exists(p.root, path));
	}
	assert_string_equal(LOOK(&p, PLAIN, CHECKNS_FOLDERS, &status, "ls", p.log), "app\n");
	assert_string_equal(LOOK(&p, PLAIN, CHECKNS_FILES, &status, "ls", p.log), "app\nold\n");
	assert_string_equal(LOOK(&p, PLAIN, CHECKNS_EMPTY, &status, "ls", p.log), "");
	assert_ok(fs_stat(p.root, mem_fmt(p.ctx, "%s/app", p.log), &after, &err), &err);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	place_done(&p);
}

TEST(a_staged_folder_inside_a_scratch_folder_is_still_seen)
{
	NEEDS_ROOT();
	struct place p = place("inside");
	struct checkns_overlay o = { .dir = p.conf, .staged_dir = p.staged };
	struct checkns_scratch s = { .dir = p.staged, .kind = CHECKNS_EMPTY };
	struct checkns ns = {
		.root_path = "/", .overlays = &o, .n_overlays = 1, .scratch = &s, .n_scratch = 1
	};
	const char *const argv[] = { "ls", p.conf, p.staged, NULL };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(checkns_run(p.ctx, &ns, argv, &res, &err), &err);
	assert_contains(res.out, ":\nchanged\nkept\nnew\nremoved\n");
	assert_null(strstr(strstr(res.out, "stage:"), "new"));
	place_done(&p);
}

TEST(scratch_sub_folders_keep_owner_and_mode)
{
	NEEDS_ROOT();
	struct place p = place("owner");
	const char *path = mem_fmt(p.ctx, "%s/app", p.log);
	int status;

	assert_int_equal(chown(path, 33, 34), 0);
	assert_int_equal(chmod(path, 02750), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		assert_string_equal(
			LOOK(&p, PLAIN, kinds[i], &status, "stat", "-c", "%u %g %a", path),
			"33 34 2750\n");
	place_done(&p);
}

TEST(folders_with_commas_and_colons_in_their_names_work)
{
	NEEDS_ROOT();
	struct place p = place("a,b:c\\d=upperdir");
	int status;

	assert_string_equal(LOOK(&p, PLAIN, CHECKNS_FILES, &status, "ls", p.conf),
			    "changed\nkept\nnew\nremoved\n");
	place_done(&p);
}

TEST(a_name_space_that_cannot_be_made_is_an_error_and_nothing_runs)
{
	NEEDS_ROOT();
	struct place p = place("bad");
	struct checkns_overlay o = { .dir = "/no-such-folder", .staged_dir = p.staged };
	struct checkns ns = { .root_path = "/", .overlays = &o, .n_overlays = 1 };
	const char *const argv[] = { "true", NULL };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_int_equal(checkns_run(p.ctx, &ns, argv, &res, &err), -ERR_NOTFOUND);
	assert_contains(err.msg, "/no-such-folder");
	o = (struct checkns_overlay){ .dir = p.top, .staged_dir = p.staged };
	assert_int_equal(checkns_run(p.ctx, &ns, argv, &res, &err), -ERR_INVALID);
	assert_contains(err.msg, "lies inside");
	o.dir = "/etc/../x";
	assert_int_equal(checkns_run(p.ctx, &ns, argv, &res, &err), -ERR_INVALID);
	place_done(&p);
}

TEST(the_validators_exit_status_passes_through)
{
	NEEDS_ROOT();
	struct place p = place("status");
	int status;

	(void)LOOK(&p, PLAIN, CHECKNS_FOLDERS, &status, "false");
	assert_int_equal(status, 1);
	place_done(&p);
}

TEST(in_a_sandbox_its_own_tree_is_the_root)
{
	NEEDS_ROOT();
	struct place p = place("box");
	struct checkns_overlay o = { .dir = "/etc/app", .staged_dir = p.staged };
	struct checkns_scratch s = { .dir = "/log" };
	struct checkns ns = {
		.root_path = p.top, .overlays = &o, .n_overlays = 1, .scratch = &s, .n_scratch = 1
	};
	const char *const cat[] = { "cat", "/etc/app/kept", "/etc/app/new", NULL };
	const char *const list[] = { "ls", "/etc", NULL };
	const char *const write[] = { "touch", "/log/app/x", "/etc/app/x", NULL };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(checkns_run(p.ctx, &ns, cat, &res, &err), &err);
	assert_string_equal(res.out, "live kept\nstaged new\n");
	assert_ok(checkns_run(p.ctx, &ns, list, &res, &err), &err);
	assert_string_equal(res.out, "app\n");
	assert_ok(checkns_run(p.ctx, &ns, write, &res, &err), &err);
	assert_contains(res.out, "'/etc/app/x': Read-only");
	assert_null(strstr(res.out, "/log"));
	assert_false(fs_exists(p.root, mem_fmt(p.ctx, "%s/log/app/x", p.top)));
	assert_false(fs_exists(p.root, mem_fmt(p.ctx, "%s/usr", p.top)));
	place_done(&p);
}

static int enter(void *arg)
{
	struct err err = ERR_INIT;

	if (checkns_enter_root(arg, &err) == 0)
		return 0;
	(void)dprintf(STDERR_FILENO, "%s\n", err.msg);
	return -1;
}

TEST(a_child_that_enters_a_sandbox_writes_into_it)
{
	NEEDS_ROOT();
	struct place p = place("enter");
	const char *const argv[] = { "touch", "/log/app/x", NULL };
	struct proc child = { .argv = argv, .in_child = enter };
	struct proc_result res;
	struct err err = ERR_INIT;

	child.arg = mem_str(p.ctx, p.top);
	assert_ok(proc_run(p.ctx, &child, &res, &err), &err);
	assert_string_equal(res.out, "");
	assert_int_equal(res.status, 0);
	assert_true(fs_exists(p.root, mem_fmt(p.ctx, "%s/log/app/x", p.top)));
	place_done(&p);
}
