#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "state/history.h"
#include "tests/support/testing.h"

static const struct history_meta meta = {
	.author = "Ada <root>\nevil",
	.email = "ada@example.com",
	.time = 1700000000,
	.message = "Change",
	.revision = 1,
	.source = "api",
	.plan = "sha256:00",
};

/* A repository of its own for each test. */
struct repo {
	void *ctx;
	char *path;
	struct history *h;
	char oid[HISTORY_OID_LEN + 1];
};

static void repo_done(struct repo *r)
{
	mem_freep(&r->ctx);
}

static void close_repo(struct repo *r)
{
	mem_freep(&r->h);
	r->h = NULL;
}

static struct history *reopen(struct repo *r, unsigned flags, bool *rebuilt)
{
	struct err err = ERR_INIT;
	bool b;

	close_repo(r);
	assert_ok(history_open(r->ctx, r->path, flags, &r->h, rebuilt ? rebuilt : &b, &err), &err);
	return r->h;
}

static struct repo repo_new(const char *name)
{
	struct repo r = { .ctx = mem_ctx(NULL, "repo") };

	r.path = mem_fmt(r.ctx, "%s/%s/history.git", test_tmpdir(), name);
	(void)mkdir(mem_fmt(r.ctx, "%s/%s", test_tmpdir(), name), 0755);
	(void)reopen(&r, 0, NULL);
	return r;
}

static int try_put(struct repo *r, const char *path, const char *text, struct err *err)
{
	struct history_change c = { .path = path, .data = text, .len = text ? strlen(text) : 0 };

	return history_commit(r->h, "main", &c, 1, &meta, r->oid, err);
}

static void put(struct repo *r, const char *path, const char *text)
{
	struct err err = ERR_INIT;

	assert_ok(try_put(r, path, text, &err), &err);
}

static const char *get(struct repo *r, const char *at, const char *path)
{
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	return history_read(r->ctx, r->h, at, path, &data, &len, &err) < 0 ? "(none)" : data;
}

/* Runs the real git on the repository; its output. */
#define git(r, ...) \
	run_git((r), (const char *const[]){ "git", "--git-dir", (r)->path, __VA_ARGS__, NULL })

static const char *run_git(struct repo *r, const char *const *argv)
{
	struct proc p = { .argv = argv, .output_max = (size_t)8 << 20 };
	struct proc_result res;
	struct err err = ERR_INIT;

	assert_ok(proc_run(r->ctx, &p, &res, &err), &err);
	if (res.status != 0)
		print_error("git %s: %s\n", argv[3], res.out);
	assert_int_equal(res.status, 0);
	return res.out;
}

static void assert_sound(struct repo *r)
{
	const char *out = git(r, "fsck", "--strict", "--full", "--no-dangling", "--no-progress");

	assert_string_equal(out, "");
}

static int64_t loose(struct repo *r)
{
	struct err err = ERR_INIT;
	int64_t n = history_loose_count(r->h, &err);

	assert_ok((int)n, &err);
	return n;
}

static double cpu_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* accounts/XX/aN/zones/aN.example.yaml, the layout of the real export. */
static char *zone_path(const void *ctx, size_t i)
{
	char name[32];
	char shard[3];

	(void)snprintf(name, sizeof(name), "a%zu", i);
	shard_of(name, shard);
	return mem_fmt(ctx, "accounts/%s/%s/zones/%s.example.yaml", shard, name, name);
}

static void import(struct repo *r, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "import");
	struct history_change *c = mem_zero(ctx, n * sizeof(*c));
	struct err err = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		char *text = mem_fmt(ctx,
				     "zone: a%zu.example\nttl: 3600\nrecords:\n"
				     "  - {name: \"@\", type: A, value: 192.0.2.%zu}\n"
				     "  - {name: www, type: CNAME, value: a%zu.example}\n"
				     "  - {name: \"@\", type: MX, value: mail.a%zu.example}\n",
				     i, i % 250, i, i);

		c[i] = (struct history_change){ zone_path(ctx, i), text, strlen(text) };
	}
	assert_ok(history_commit(r->h, "main", c, n, &meta, r->oid, &err), &err);
}

TEST(a_commit_can_be_read_back_and_git_agrees)
{
	cleanup_(repo_done) struct repo r = repo_new("basic");
	char first[HISTORY_OID_LEN + 1];
	char head[HISTORY_OID_LEN + 1];
	struct err err = ERR_INIT;

	put(&r, "a/b/c.yaml", "one\n");
	memcpy(first, r.oid, sizeof(first));
	put(&r, "a/b/c.yaml", "two\n");
	assert_string_equal(get(&r, "main", "a/b/c.yaml"), "two\n");
	assert_string_equal(get(&r, first, "a/b/c.yaml"), "one\n");
	assert_string_equal(get(&r, "main", "a/b"), "(none)");
	assert_string_equal(get(&r, "main", "a/x/c.yaml"), "(none)");
	assert_ok(history_head(r.h, "main", head, &err), &err);
	assert_string_equal(head, r.oid);
	assert_sound(&r);
	assert_string_equal(git(&r, "show", "main:a/b/c.yaml"), "two\n");
	assert_string_equal(git(&r, "log", "--format=%an|%ae|%at|%B", "-1"),
			    "Ada root evil|ada@example.com|1700000000|Change\n\n"
			    "NovaCPX-Revision: 1\nNovaCPX-Source: api\n"
			    "NovaCPX-Plan: sha256:00\n\n");
	assert_string_equal(
		git(&r, "log", "--format=%(trailers:key=NovaCPX-Revision,valueonly)", "-1"),
		"1\n\n");
	assert_string_equal(git(&r, "symbolic-ref", "HEAD"), "refs/heads/main\n");
}

/* Below a block of the disk objects are stored as they are, above compressed, many at once packed. */
TEST(objects_of_every_size_can_be_read_back)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 4095, 4096, 70000, 1 << 20 };
	cleanup_(repo_done) struct repo r = repo_new("sizes");
	struct history_change many[300];
	struct err err = ERR_INIT;
	const size_t len = (1 << 20) + ARRAY_LEN(many); /* each begins one character later */
	char *text = mem_zero(r.ctx, len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i * i / 7 % 26);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		put(&r, mem_fmt(r.ctx, "loose/%zu", i), mem_strn(r.ctx, text + i, sizes[i]));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct history_change){ mem_fmt(r.ctx, "packed/%zu", i), text + i,
						   sizes[i % ARRAY_LEN(sizes)] };
	assert_ok(history_commit(r.h, "main", many, ARRAY_LEN(many), &meta, r.oid, &err), &err);
	assert_sound(&r);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_string_equal(get(&r, "main", mem_fmt(r.ctx, "loose/%zu", i)),
				    mem_strn(r.ctx, text + i, sizes[i]));
		assert_int_equal(memcmp(get(&r, "main", many[i].path), many[i].data, many[i].len),
				 0);
	}
}

TEST(packing_waits_until_many_objects_are_loose)
{
	cleanup_(repo_done) struct repo r = repo_new("due");
	struct err err = ERR_INIT;

	put(&r, "a", "1");
	assert_ok(history_pack_if_due(r.h, &err), &err);
	assert_int_equal(loose(&r), 3);
	for (int i = 0; loose(&r) < 3 * HISTORY_PACK_AT; i++)
		put(&r, mem_fmt(r.ctx, "d/%d", i % 50), mem_fmt(r.ctx, "%d", i));
	assert_ok(history_pack_if_due(r.h, &err), &err);
	assert_int_equal(loose(&r), 0);
	assert_sound(&r);
}

TEST(a_branch_that_git_has_locked_is_busy)
{
	cleanup_(repo_done) struct repo r = repo_new("locked");
	struct history_change c = { "a", "2", 1 };
	struct err err = ERR_INIT;
	int fd;

	put(&r, "a", "1");
	fd = open(mem_fmt(r.ctx, "%s/refs/heads/main.lock", r.path), O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(history_commit(r.h, "main", &c, 1, &meta, r.oid, &err), -ERR_BUSY);
	assert_string_equal(get(&r, "main", "a"), "1");
	(void)unlink(mem_fmt(r.ctx, "%s/refs/heads/main.lock", r.path));
	put(&r, "a", "2");
	assert_sound(&r);
}

TEST(a_commit_that_changes_nothing_is_skipped)
{
	cleanup_(repo_done) struct repo r = repo_new("empty");
	struct err err = ERR_INIT;
	char before[HISTORY_OID_LEN + 1];

	assert_int_equal(try_put(&r, "none", NULL, &err), 1);
	assert_string_equal(r.oid, "");
	put(&r, "a", "x");
	memcpy(before, r.oid, sizeof(before));
	assert_int_equal(try_put(&r, "a", "x", &err), 1);
	assert_string_equal(r.oid, before);
	assert_int_equal(try_put(&r, "b/c", NULL, &err), 1);
	assert_int_equal(try_put(&r, "a/c", NULL, &err), 1);
	assert_string_equal(git(&r, "rev-list", "--count", "main"), "1\n");
}

TEST(the_last_file_of_a_folder_takes_the_folder_with_it)
{
	cleanup_(repo_done) struct repo r = repo_new("folders");

	put(&r, "a/b/c/d", "x");
	put(&r, "a/e", "y");
	put(&r, "a/b/c/d", NULL);
	assert_string_equal(git(&r, "ls-tree", "-r", "-t", "--name-only", "main"), "a\na/e\n");
	put(&r, "a/e", NULL);
	assert_string_equal(git(&r, "ls-tree", "-r", "-t", "--name-only", "main"), "");
	put(&r, "a/b/1", "x");
	put(&r, "a/b/2", "x");
	put(&r, "a/b", NULL);
	assert_string_equal(git(&r, "ls-tree", "-r", "main"), "");
	assert_sound(&r);
}

TEST(removals_come_before_additions)
{
	cleanup_(repo_done) struct repo r = repo_new("order");
	struct err err = ERR_INIT;
	const struct history_change replace[] = { { "a", "file", 4 }, { "a/b", NULL, 0 } };
	const struct history_change back[] = { { "a/c", "in", 2 }, { "a", NULL, 0 } };

	put(&r, "a/b", "x");
	assert_ok(history_commit(r.h, "main", replace, 2, &meta, r.oid, &err), &err);
	assert_string_equal(get(&r, "main", "a"), "file");
	assert_ok(history_commit(r.h, "main", back, 2, &meta, r.oid, &err), &err);
	assert_string_equal(get(&r, "main", "a/c"), "in");
	assert_sound(&r);
}

TEST(a_file_and_a_folder_of_one_name_are_refused)
{
	cleanup_(repo_done) struct repo r = repo_new("clash");
	struct err err = ERR_INIT;
	const struct history_change both[] = { { "x", "1", 1 }, { "x/y", "2", 1 } };
	const struct history_change twice[] = { { "x", "1", 1 }, { "x", "2", 1 } };

	put(&r, "a/b", "x");
	assert_int_equal(try_put(&r, "a", "y", &err), -ERR_INVALID);
	assert_contains(err.msg, "file and a folder");
	assert_int_equal(try_put(&r, "a/b/c", "y", &err), -ERR_INVALID);
	assert_int_equal(history_commit(r.h, "main", both, 2, &meta, r.oid, &err), -ERR_INVALID);
	assert_int_equal(history_commit(r.h, "main", twice, 2, &meta, r.oid, &err), -ERR_INVALID);
	assert_contains(err.msg, "twice");
}

TEST(names_around_the_slash_sort_as_git_sorts_them)
{
	cleanup_(repo_done) struct repo r = repo_new("sort");
	struct err err = ERR_INIT;
	const struct history_change c[] = {
		{ "foo.d", "1", 1 },     { "foo/x", "2", 1 }, { "foo0", "3", 1 },
		{ "foo-", "4", 1 },      { "foo!", "5", 1 },  { "fo", "6", 1 },
		{ "f\xc3\xa9", "7", 1 },
	};

	assert_ok(history_commit(r.h, "main", c, ARRAY_LEN(c), &meta, r.oid, &err), &err);
	assert_sound(&r);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		assert_string_equal(get(&r, "main", c[i].path), c[i].data);
	put(&r, "foo/x", NULL);
	put(&r, "foo", "file");
	assert_sound(&r);
	assert_string_equal(get(&r, "main", "foo"), "file");
}

TEST(hostile_paths_are_refused)
{
	static const char *const bad[] = {
		"",
		"/a",
		"a/",
		"a//b",
		".",
		"..",
		"a/../b",
		"a/.",
		".git",
		"a/.GIT/config",
		".git\xe2\x80\x8c",
		".gitmodules",
		"git~1",
		"GI7EBA~1",
		"a\nb",
		"a\\b",
		"a\x7f",
	};
	cleanup_(repo_done) struct repo r = repo_new("paths");
	struct err err = ERR_INIT;
	char *longest = mem_zero(r.ctx, HISTORY_PATH_MAX + 2);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (try_put(&r, bad[i], "x", &err) != -ERR_INVALID)
			fail_msg("accepted \"%s\"", bad[i]);
	}
	memset(longest, 'a', HISTORY_PART_MAX + 1);
	assert_int_equal(try_put(&r, longest, "x", &err), -ERR_INVALID);
	for (size_t i = 0; i <= HISTORY_PATH_MAX; i++)
		longest[i] = i % 2 ? '/' : 'a';
	assert_int_equal(try_put(&r, longest, "x", &err), -ERR_INVALID);
	assert_string_equal(r.oid, "");
}

TEST(a_path_of_2000_folders_works)
{
	cleanup_(repo_done) struct repo r = repo_new("deep");
	char *deep = mem_zero(r.ctx, HISTORY_PATH_MAX);

	for (size_t i = 0; i < HISTORY_PATH_MAX - 1; i++)
		deep[i] = i % 2 ? '/' : 'd';
	put(&r, deep, "bottom");
	assert_string_equal(get(&r, "main", deep), "bottom");
	put(&r, deep, "changed");
	assert_string_equal(get(&r, "main", deep), "changed");
	(void)reopen(&r, 0, NULL);
	put(&r, deep, NULL);
	assert_string_equal(git(&r, "ls-tree", "main"), "");
}

TEST(hostile_names_and_messages_stay_in_their_place)
{
	cleanup_(repo_done) struct repo r = repo_new("meta");
	struct err err = ERR_INIT;
	const struct history_change c = { "a", "x", 1 };
	struct history_meta m = {
		.author = " <>\n",
		.email = "a>\ncommitter x <y> 1 +0000",
		.time = -5,
		.message = "hi\n\nNovaCPX-Revision: 999\n\n",
		.revision = 7,
		.source = "a\nNovaCPX-Revision: 8",
	};

	assert_ok(history_commit(r.h, "main", &c, 1, &m, r.oid, &err), &err);
	assert_sound(&r);
	assert_int_equal(history_last_revision(r.h, "main", &err), 7);
	assert_string_equal(git(&r, "log", "--format=%an|%ae|%cn|%at"),
			    "unknown|a committer x y 1 +0000|unknown|0\n");
	m = (struct history_meta){ .message = "no trailers\n\nNovaCPX-Revision: 999" };
	assert_ok(history_commit(r.h, "main", &(struct history_change){ "b", "x", 1 }, 1, &m, r.oid,
				 &err),
		  &err);
	assert_int_equal(history_last_revision(r.h, "main", &err), 0);
	assert_sound(&r);
}

TEST(branch_names_are_checked)
{
	static const char *const bad[] = {
		"", "..", "a/b", "A", "-x", "main.lock", "x y", "averyveryveryverylongnameofabranch"
	};
	cleanup_(repo_done) struct repo r = repo_new("branches");
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(history_head(r.h, bad[i], r.oid, &err), -ERR_INVALID);
	assert_int_equal(history_head(r.h, "live", r.oid, &err), -ERR_NOTFOUND);
	assert_int_equal(history_last_revision(r.h, "live", &err), 0);
}

TEST(a_commit_on_another_tip_than_expected_is_a_conflict)
{
	cleanup_(repo_done) struct repo r = repo_new("expect");
	struct history_change c = { "a", "1", 1 };
	struct history_meta m = meta;
	struct err err = ERR_INIT;
	char first[HISTORY_OID_LEN + 1];

	m.expect = "";
	assert_ok(history_commit(r.h, "main", &c, 1, &m, first, &err), &err);
	c.data = "2";
	assert_int_equal(history_commit(r.h, "main", &c, 1, &m, r.oid, &err), -ERR_CONFLICT);
	m.expect = first;
	assert_ok(history_commit(r.h, "main", &c, 1, &m, r.oid, &err), &err);
	c.data = "3";
	assert_int_equal(history_commit(r.h, "main", &c, 1, &m, r.oid, &err), -ERR_CONFLICT);
	assert_contains(err.msg, "expected");
}

static void write_many(struct repo *r, const char *name, int n)
{
	for (int i = 0; i < n; i++)
		put(r, mem_fmt(r->ctx, "%s/%d", name, i), name);
}

TEST(two_processes_commit_in_turns_and_lose_nothing)
{
	cleanup_(repo_done) struct repo r = repo_new("two");
	int status;
	pid_t pid = fork();

	(void)reopen(&r, 0, NULL);
	if (pid == 0) {
		write_many(&r, "child", 60);
		_exit(0);
	}
	write_many(&r, "parent", 60);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(git(&r, "rev-list", "--count", "main"), "120\n");
	assert_sound(&r);
}

TEST(a_tip_moved_by_git_itself_is_seen)
{
	cleanup_(repo_done) struct repo r = repo_new("moved");
	char first[HISTORY_OID_LEN + 1];

	put(&r, "a", "1");
	memcpy(first, r.oid, sizeof(first));
	put(&r, "a", "2");
	(void)git(&r, "update-ref", "refs/heads/main", first);
	(void)git(&r, "pack-refs", "--all");
	put(&r, "b", "3");
	assert_string_equal(git(&r, "rev-list", "--count", "main"), "2\n");
	(void)git(&r, "gc", "-q", "--prune=now");
	put(&r, "c", "4");
	assert_string_equal(get(&r, "main", "a"), "1");
	assert_string_equal(get(&r, "main", "c"), "4");
	assert_sound(&r);
}

TEST(an_import_of_5000_files_is_one_pack_and_no_loose_object)
{
	cleanup_(repo_done) struct repo r = repo_new("import");

	import(&r, 5000);
	assert_int_equal(loose(&r), 0);
	assert_contains(git(&r, "count-objects", "-v"), "packs: 1\n");
	assert_contains(git(&r, "count-objects", "-v"), "garbage: 0\n");
	assert_sound(&r);
	assert_contains(get(&r, "main", zone_path(r.ctx, 4999)), "a4999.example");
	put(&r, zone_path(r.ctx, 3), NULL);
	assert_string_equal(git(&r, "rev-list", "--count", "main"), "2\n");
	assert_sound(&r);
}

TEST(a_large_commit_packs_only_what_is_new)
{
	cleanup_(repo_done) struct repo r = repo_new("import2");

	import(&r, 3000);
	import(&r, 3300);
	assert_contains(git(&r, "count-objects", "-v"), "packs: 2\n");
	/* 300 accounts of 3 objects, 256 shards at most, 2 above and the commit. */
	assert_true(atoi(strstr(git(&r, "count-objects", "-v"), "in-pack: ") + 9) <
		    3000 * 3 + 300 * 3 + 2 * 262);
	assert_sound(&r);
}

TEST(packing_moves_500_commits_into_one_pack)
{
	cleanup_(repo_done) struct repo r = repo_new("pack");
	struct err err = ERR_INIT;
	int64_t n;
	double t;

	import(&r, 1000);
	for (size_t i = 0; i < 500; i++)
		put(&r, zone_path(r.ctx, i * 7 % 1000), mem_fmt(r.ctx, "edit %zu\n", i));
	n = loose(&r);
	assert_true(n > 2000);
	t = cpu_ms();
	assert_int_equal(history_pack(r.h, &err), n);
	print_message("# history_pack of %d objects: %.0f ms CPU\n", (int)n, cpu_ms() - t);
	assert_int_equal(loose(&r), 0);
	assert_int_equal(history_pack(r.h, &err), 0);
	assert_string_equal(git(&r, "rev-list", "--count", "main"), "501\n");
	assert_sound(&r);
	put(&r, "after", "x");
	(void)reopen(&r, 0, NULL);
	assert_string_equal(get(&r, "main", "after"), "x");
}

struct seen {
	void *ctx;
	struct buf text;
};

static int see_log(const struct history_entry *e, void *arg)
{
	struct seen *s = arg;

	buf_printf(&s->text, "%lld %s %s\n", (long long)e->revision, e->source, e->message);
	return 0;
}

static int stop_log(const struct history_entry *e, void *arg)
{
	(void)e;
	(void)arg;
	return 5;
}

static int see_diff(const char *path, const char *old, const char *new, void *arg)
{
	struct seen *s = arg;

	buf_printf(&s->text, "%c%c %s\n", old ? 'o' : '-', new ? 'n' : '-', path);
	return 0;
}

static void commit_revision(struct repo *r, int64_t revision, const char *path, const char *text)
{
	struct history_change c = { path, text, text ? strlen(text) : 0 };
	struct history_meta m = meta;
	struct err err = ERR_INIT;

	m.revision = revision;
	assert_ok(history_commit(r->h, "main", &c, 1, &m, r->oid, &err), &err);
}

TEST(log_finds_the_commits_of_a_path)
{
	cleanup_(repo_done) struct repo r = repo_new("log");
	struct seen s = { .text = BUF_ON(r.ctx) };
	struct err err = ERR_INIT;

	commit_revision(&r, 1, "a/x", "1");
	commit_revision(&r, 2, "b", "1");
	commit_revision(&r, 3, "a/x", "2");
	commit_revision(&r, 5, "a/x", NULL);
	assert_ok(history_log(r.h, "main", "a/x", 10, see_log, &s, &err), &err);
	assert_string_equal(buf_str(&s.text), "5 api Change\n3 api Change\n1 api Change\n");
	buf_clear(&s.text);
	assert_ok(history_log(r.h, "main", NULL, 2, see_log, &s, &err), &err);
	assert_string_equal(buf_str(&s.text), "5 api Change\n3 api Change\n");
	assert_int_equal(history_log(r.h, "main", NULL, 9, stop_log, NULL, &err), 5);
	assert_int_equal(history_last_revision(r.h, "main", &err), 5);
}

TEST(a_revision_is_found_by_its_number)
{
	cleanup_(repo_done) struct repo r = repo_new("find");
	struct err err = ERR_INIT;
	char oid[HISTORY_OID_LEN + 1];

	commit_revision(&r, 1, "a", "1");
	commit_revision(&r, 3, "a", "3");
	commit_revision(&r, 4, "a", "4");
	assert_ok(history_find_revision(r.h, "main", 3, oid, &err), &err);
	assert_string_equal(get(&r, oid, "a"), "3");
	assert_int_equal(history_find_revision(r.h, "main", 2, oid, &err), -ERR_NOTFOUND);
	assert_int_equal(history_find_revision(r.h, "main", 9, oid, &err), -ERR_NOTFOUND);
}

static const char *diff(struct repo *r, const char *a, const char *b, const char *prefix)
{
	struct seen s = { .text = BUF_ON(r->ctx) };
	struct history_diff d = { .from = a, .to = b, .prefix = prefix, .fn = see_diff, .arg = &s };
	struct err err = ERR_INIT;

	assert_ok(history_diff(r->h, &d, &err), &err);
	return buf_str(&s.text);
}

TEST(diff_tells_what_changed_between_two_commits)
{
	cleanup_(repo_done) struct repo r = repo_new("diff");
	struct err err = ERR_INIT;
	char first[HISTORY_OID_LEN + 1];
	const struct history_change c[] = {
		{ "a/b/1", "x", 1 },
		{ "a/b/2", "x", 1 },
		{ "a/c", "x", 1 },
		{ "z", "x", 1 },
	};
	const struct history_change next[] = {
		{ "a/b/1", "y", 1 }, { "a/b/2", NULL, 0 }, { "a/d", "n", 1 },
		{ "z", NULL, 0 },    { "z/in", "f", 1 },
	};

	assert_ok(history_commit(r.h, "main", c, ARRAY_LEN(c), &meta, first, &err), &err);
	assert_ok(history_commit(r.h, "main", next, ARRAY_LEN(next), &meta, r.oid, &err), &err);
	assert_string_equal(diff(&r, first, "main", NULL),
			    "on a/b/1\no- a/b/2\n-n a/d\no- z\n-n z/in\n");
	assert_string_equal(diff(&r, first, "main", "a/b"), "on a/b/1\no- a/b/2\n");
	assert_string_equal(diff(&r, first, "main", "a/b/1"), "on a/b/1\n");
	assert_string_equal(diff(&r, first, "main", "z"), "o- z\n-n z/in\n");
	assert_string_equal(diff(&r, first, "main", "none"), "");
	assert_string_equal(diff(&r, first, "main", "a/c"), "");
	assert_string_equal(diff(&r, "", first, NULL), "-n a/b/1\n-n a/b/2\n-n a/c\n-n z\n");
	assert_string_equal(diff(&r, "main", "main", NULL), "");
}

TEST(an_id_that_is_no_commit_is_not_found)
{
	cleanup_(repo_done) struct repo r = repo_new("ids");
	struct err err = ERR_INIT;
	char *blob;
	char *data;
	size_t len;

	put(&r, "a", "content");
	blob = mem_strn(r.ctx, git(&r, "rev-parse", "main:a"), HISTORY_OID_LEN);
	assert_ok(history_read_blob(r.ctx, r.h, blob, &data, &len, &err), &err);
	assert_string_equal(data, "content");
	assert_int_equal(history_read(r.ctx, r.h, blob, "a", &data, &len, &err), -ERR_NOTFOUND);
	assert_int_equal(history_read_blob(r.ctx, r.h, r.oid, &data, &len, &err), -ERR_NOTFOUND);
	assert_int_equal(history_read_blob(r.ctx, r.h, "zz", &data, &len, &err), -ERR_INVALID);
	blob[0] = blob[0] == 'f' ? '0' : 'f';
	assert_int_equal(history_read(r.ctx, r.h, blob, "a", &data, &len, &err), -ERR_NOTFOUND);
}

TEST(a_reader_neither_makes_nor_changes_anything)
{
	cleanup_(repo_done) struct repo r = repo_new("reader");
	struct err err = ERR_INIT;
	struct history *h;
	bool rebuilt;

	assert_int_equal(history_open(r.ctx, mem_fmt(r.ctx, "%s-none", r.path), HISTORY_READONLY,
				      &h, &rebuilt, &err),
			 -ERR_NOTFOUND);
	put(&r, "a", "1");
	(void)reopen(&r, HISTORY_READONLY, NULL);
	assert_string_equal(get(&r, "main", "a"), "1");
	assert_int_equal(try_put(&r, "a", "2", &err), -ERR_DENIED);
	assert_int_equal(history_pack(r.h, &err), -ERR_DENIED);
}

static void overwrite(const char *path, const char *text)
{
	cleanup_(fd_close) int fd = -1;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

/* Where a loose object lies. */
static char *object_path(struct repo *r, const char *rev)
{
	const char *oid = git(r, "rev-parse", rev);

	return mem_fmt(r->ctx, "%s/objects/%.2s/%.38s", r->path, oid, oid + 2);
}

static void assert_rebuilt(struct repo *r, const char *aside)
{
	bool rebuilt = false;

	(void)reopen(r, 0, &rebuilt);
	if (!rebuilt)
		fail_msg("not noticed: %s", aside);
	assert_int_equal(access(mem_fmt(r->ctx, "%s.%s", r->path, aside), F_OK), 0);
	put(r, "a/b", "again");
	assert_sound(r);
	(void)reopen(r, 0, &rebuilt);
	assert_false(rebuilt);
	assert_string_equal(get(r, "main", "a/b"), "again");
}

TEST(an_unreadable_repository_is_moved_aside_and_begun_anew)
{
	cleanup_(repo_done) struct repo r = repo_new("broken");
	bool rebuilt;

	put(&r, "a/b", "1");
	overwrite(mem_fmt(r.ctx, "%s/HEAD", r.path), "");
	(void)unlink(mem_fmt(r.ctx, "%s/config", r.path));
	(void)rename(mem_fmt(r.ctx, "%s/objects", r.path), mem_fmt(r.ctx, "%s/gone", r.path));
	assert_rebuilt(&r, "broken-1");
	/* What a power failure leaves: names without content. */
	overwrite(object_path(&r, "main"), "");
	assert_rebuilt(&r, "broken-2");
	overwrite(object_path(&r, "main:a"), "");
	assert_rebuilt(&r, "broken-3");
	overwrite(object_path(&r, "main:a/b"), "torn");
	assert_rebuilt(&r, "broken-4");
	overwrite(mem_fmt(r.ctx, "%s/refs/heads/main", r.path), "");
	assert_rebuilt(&r, "broken-5");
	(void)reopen(&r, HISTORY_RESTART, &rebuilt);
	assert_true(rebuilt);
	assert_string_equal(get(&r, "main", "a/b"), "(none)");
}

TEST(a_damaged_object_never_leaves_the_loose_folder)
{
	cleanup_(repo_done) struct repo r = repo_new("damaged");
	struct err err = ERR_INIT;
	int64_t n;

	for (int i = 0; i < 20; i++)
		put(&r, "f", mem_fmt(r.ctx, "%d", i));
	n = loose(&r);
	overwrite(object_path(&r, "main~9:f"), "torn");
	assert_int_equal(history_pack(r.h, &err), -ERR_CORRUPT);
	assert_int_equal(loose(&r), n);
}

TEST(fsync_can_be_switched_on)
{
	cleanup_(repo_done) struct repo r = repo_new("fsync");

	(void)reopen(&r, HISTORY_FSYNC, NULL);
	put(&r, "a", "1");
	import(&r, 300);
	assert_sound(&r);
}

/* The child commits, singly, in bulk, and packs, until it is killed. */
noreturn_ static void churn(struct repo *r, int round)
{
	struct err err = ERR_INIT;

	for (int i = 0;; i++) {
		put(r, "counter", mem_fmt(r->ctx, "%d %d", round, i));
		if (i % 5 == 1)
			import(r, (size_t)(220 + (round * 7 + i) % 50));
		if (i % 5 == 3 && history_pack(r->h, &err) < 0)
			_exit(1);
		if (i % 5 == 4)
			put(r, "accounts", NULL);
	}
}

TEST(a_writer_killed_anywhere_leaves_a_sound_repository)
{
	cleanup_(repo_done) struct repo r = repo_new("kill");
	char before[32] = "0";

	put(&r, "counter", "0");
	close_repo(&r);
	for (int round = 0; round < 40; round++) {
		struct timespec nap = { .tv_nsec = 1000000L * (3 + round * 37 % 90) };
		const char *count;
		bool rebuilt;
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			(void)reopen(&r, 0, NULL);
			churn(&r, round);
		}
		(void)nanosleep(&nap, NULL);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		(void)reopen(&r, 0, &rebuilt);
		assert_false(rebuilt);
		count = git(&r, "rev-list", "--count", "main");
		assert_true(atoi(count) >= atoi(before));
		put(&r, "counter", mem_fmt(r.ctx, "after %d", round));
		if (round % 8 == 7)
			assert_sound(&r);
		(void)snprintf(before, sizeof(before), "%s", count);
		close_repo(&r);
	}
	(void)reopen(&r, 0, NULL);
	assert_sound(&r);
	print_message("# killed 40 times, %d commits\n", atoi(before));
}

/* Numbers, not promises: HISTORY_BENCH=100000 for the large one. */
static void bench(size_t files)
{
	cleanup_(repo_done) struct repo r = repo_new(files == 100 ? "b100" : "bench");
	const size_t edits = 200;
	struct timespec a;
	struct timespec b;
	double t = cpu_ms();

	import(&r, files);
	print_message("# import of %zu files: %.0f ms CPU\n", files, cpu_ms() - t);
	for (size_t i = 0; i < 20; i++)
		put(&r, zone_path(r.ctx, i * 131 % files), "warm");
	(void)clock_gettime(CLOCK_MONOTONIC, &a);
	t = cpu_ms();
	for (size_t i = 0; i < edits; i++)
		put(&r, zone_path(r.ctx, (i * 7919 + 13) % files), mem_fmt(r.ctx, "edit %zu", i));
	t = cpu_ms() - t;
	(void)clock_gettime(CLOCK_MONOTONIC, &b);
	print_message(
		"# one-file commit at %zu files: %.2f ms CPU, %.2f ms wall\n", files,
		t / (double)edits,
		((double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6) /
			(double)edits);
	(void)git(&r, "gc", "-q", "--prune=now"); /* leaves little to remove */
}

TEST(what_a_commit_costs_is_printed)
{
	const char *more = getenv("HISTORY_BENCH"); /* NOLINT(concurrency-mt-unsafe) */

	bench(100);
	bench(more ? (size_t)atoi(more) : 8000);
}
