#include "tests/support/testing.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/map.h"

enum {
	HELD_MS = 150
};

struct fixture {
	void *ctx;
	int root;
	struct map *map;
	struct err err;
};

/* A map in a new root folder: the outer program's "/" is never involved. */
static void setup(struct fixture *f, const char *name)
{
	char dir[256];

	*f = (struct fixture){ .ctx = mem_ctx(NULL, "test"), .root = -1 };
	(void)snprintf(dir, sizeof(dir), "%s/%s", test_tmpdir(), name);
	int top = fs_root_open("/", &f->err);

	assert_ok(fs_mkdirs(top, dir, 0755, &f->err), &f->err);
	fd_close(&top);
	f->root = fs_root_open(dir, &f->err);
	assert_ok(f->root, &f->err);
	assert_ok(fs_mkdirs(f->root, "/etc/postfix", 0755, &f->err), &f->err);
	assert_ok(map_open(f->ctx, f->root, "/etc/postfix/t.lmdb", MAP_CREATE, &f->map, &f->err),
		  &f->err);
}

static void teardown(struct fixture *f)
{
	map_close(f->map);
	(void)talloc_free(f->ctx);
	fd_close(&f->root);
}

static void put_one(struct fixture *f, const char *key, const char *value)
{
	assert_ok(map_begin(f->map, &f->err), &f->err);
	assert_ok(map_put(f->map, key, value, &f->err), &f->err);
	assert_ok(map_commit(f->map, &f->err), &f->err);
}

static void expect_entry(struct fixture *f, const char *key, const char *want)
{
	char *value;

	assert_ok(map_get(f->ctx, f->map, key, &value, &f->err), &f->err);
	assert_string_equal(value, want);
}

static int print_entry(const char *key, const char *value, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%s\t%.20s\n", key, value);
	return 0;
}

static int refuse_entry(const char *key, const char *value, void *arg, struct err *err)
{
	(void)value;
	++*(int *)arg;
	return err_set(err, ERR_GUARD, "stopped at %s", key);
}

TEST(a_batch_is_seen_in_key_order_after_its_commit)
{
	struct fixture f;

	setup(&f, "order");
	struct buf out = BUF_ON(f.ctx);

	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_ok(map_put(f.map, "b@example.com", "example.com/b/", &f.err), &f.err);
	assert_ok(map_put(f.map, "a@example.com", "example.com/a/", &f.err), &f.err);
	assert_ok(map_put(f.map, "c@example.com", "example.com/c/", &f.err), &f.err);
	assert_ok(map_del(f.map, "c@example.com", &f.err), &f.err);
	assert_int_equal(map_commit(f.map, &f.err), 4);
	assert_ok(map_foreach(f.map, print_entry, &out, &f.err), &f.err);
	assert_string_equal(buf_str(&out),
			    "a@example.com\texample.com/a/\nb@example.com\texample.com/b/\n");
	expect_entry(&f, "a@example.com", "example.com/a/");
	teardown(&f);
}

TEST(a_walk_stops_with_the_error_of_its_function)
{
	struct fixture f;
	int n = 0;

	setup(&f, "walk");
	put_one(&f, "a", "1");
	put_one(&f, "b", "2");
	assert_int_equal(map_foreach(f.map, refuse_entry, &n, &f.err), -ERR_GUARD);
	assert_int_equal(n, 1);
	assert_contains(f.err.msg, "stopped at a");
	teardown(&f);
}

TEST(nothing_is_seen_of_an_aborted_batch)
{
	struct fixture f;
	char *value;

	setup(&f, "abort");
	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_int_equal(map_begin(f.map, &f.err), -ERR_BUSY);
	assert_ok(map_put(f.map, "a", "1", &f.err), &f.err);
	assert_int_equal(map_get(f.ctx, f.map, "a", &value, &f.err), -ERR_NOTFOUND);
	map_abort(f.map);
	assert_int_equal(map_get(f.ctx, f.map, "a", &value, &f.err), -ERR_NOTFOUND);
	assert_int_equal(map_put(f.map, "a", "1", &f.err), -ERR_INVALID);
	assert_int_equal(map_commit(f.map, &f.err), -ERR_INVALID);
	teardown(&f);
}

TEST(a_batch_that_changes_nothing_does_not_write_the_file)
{
	struct fixture f;
	struct stat before;
	struct stat after;

	setup(&f, "same");
	put_one(&f, "a", "1");
	assert_ok(fs_stat(f.root, "/etc/postfix/t.lmdb", &before, &f.err), &f.err);
	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_ok(map_put(f.map, "a", "1", &f.err), &f.err);
	assert_ok(map_del(f.map, "absent", &f.err), &f.err);
	assert_int_equal(map_commit(f.map, &f.err), 0);
	assert_ok(fs_stat(f.root, "/etc/postfix/t.lmdb", &after, &f.err), &f.err);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	teardown(&f);
}

TEST(a_new_map_has_mode_0644_and_leaves_no_temporary_file)
{
	struct fixture f;
	struct stat st;
	mode_t old = umask(077);

	setup(&f, "mode");
	(void)umask(old);
	assert_ok(fs_stat(f.root, "/etc/postfix/t.lmdb", &st, &f.err), &f.err);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_ok(fs_stat(f.root, "/etc/postfix", &st, &f.err), &f.err);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(map_open(f.ctx, f.root, "/etc/postfix/none.lmdb", 0, &f.map, &f.err),
			 -ERR_NOTFOUND);
	/* only t.lmdb is in the folder: removing it makes the folder empty */
	assert_ok(fs_remove_tree(f.root, "/etc/postfix/t.lmdb", 0, &f.err), &f.err);
	assert_int_equal(unlinkat(f.root, "etc/postfix", AT_REMOVEDIR), 0);
	teardown(&f);
}

TEST(entries_are_stored_with_a_trailing_nul_as_postmap_does)
{
	static const char pair[] = "alice@example.com\0example.com/alice/";
	struct fixture f;
	char *data;
	size_t len;

	setup(&f, "nul");
	put_one(&f, "alice@example.com", "example.com/alice/");
	assert_ok(fs_read(f.ctx, f.root, "/etc/postfix/t.lmdb", 1 << 20, 0, &data, &len, &f.err),
		  &f.err);
	assert_non_null(memmem(data, len, pair, sizeof(pair)));
	teardown(&f);
}

TEST(hostile_keys_and_values_are_refused)
{
	struct fixture f;
	char key[MAP_KEY_MAX + 2];
	char *value;

	setup(&f, "hostile");
	value = mem_zero(f.ctx, MAP_VALUE_MAX + 2);
	memset(value, 'v', MAP_VALUE_MAX + 1);
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_int_equal(map_put(f.map, "", "x", &f.err), -ERR_INVALID);
	assert_int_equal(map_put(f.map, "a", "", &f.err), -ERR_INVALID);
	assert_int_equal(map_put(f.map, "a\nb", "x", &f.err), -ERR_INVALID);
	assert_int_equal(map_put(f.map, "a", "x\ny", &f.err), -ERR_INVALID);
	assert_int_equal(map_put(f.map, key, "x", &f.err), -ERR_TOOBIG);
	assert_int_equal(map_put(f.map, "a", value, &f.err), -ERR_TOOBIG);
	key[MAP_KEY_MAX] = '\0';
	value[MAP_VALUE_MAX] = '\0';
	assert_ok(map_put(f.map, key, value, &f.err), &f.err);
	assert_int_equal(map_commit(f.map, &f.err), 1);
	expect_entry(&f, key, value);
	teardown(&f);
}

TEST(a_full_map_grows_and_the_batch_is_repeated)
{
	struct fixture f;
	struct stat st;
	char key[16];
	char *value;

	setup(&f, "grow");
	value = mem_zero(f.ctx, MAP_VALUE_MAX + 1);
	memset(value, 'v', MAP_VALUE_MAX);
	assert_ok(map_begin(f.map, &f.err), &f.err);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(key, sizeof(key), "k%04d", i);
		assert_ok(map_put(f.map, key, value, &f.err), &f.err);
	}
	assert_int_equal(map_commit(f.map, &f.err), 600);
	assert_ok(fs_stat(f.root, "/etc/postfix/t.lmdb", &st, &f.err), &f.err);
	assert_true(st.st_size > (off_t)32 << 20);
	expect_entry(&f, "k0000", value);
	expect_entry(&f, "k0599", value);
	teardown(&f);
}

TEST(a_map_that_another_process_made_larger_is_read_and_written)
{
	struct fixture f;
	struct map *other;
	char key[16];
	char *value;

	setup(&f, "resized");
	value = mem_zero(f.ctx, MAP_VALUE_MAX + 1);
	memset(value, 'v', MAP_VALUE_MAX);
	assert_ok(map_open(f.ctx, f.root, "/etc/postfix/t.lmdb", 0, &other, &f.err), &f.err);
	assert_ok(map_begin(other, &f.err), &f.err);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "k%04d", i);
		assert_ok(map_put(other, key, value, &f.err), &f.err);
	}
	assert_int_equal(map_commit(other, &f.err), 300);
	map_close(other);
	expect_entry(&f, "k0299", value);
	put_one(&f, "z", "1");
	expect_entry(&f, "z", "1");
	teardown(&f);
}

/* A child that holds a classic lock of TYPE, as Postfix would, for 150 ms from now on. */
static pid_t hold_lock(struct fixture *f, short type)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
		int fd = fs_open(f->root, "/etc/postfix/t.lmdb", O_RDWR, 0, 0, NULL);

		if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)usleep(HELD_MS * 1000);
		_exit(0);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static int64_t now_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST(a_writer_waits_for_a_reader_and_a_reader_for_a_writer)
{
	struct fixture f;
	int64_t start;
	pid_t pid;

	setup(&f, "locks");
	put_one(&f, "a", "1");
	start = now_ms();
	pid = hold_lock(&f, F_RDLCK);
	expect_entry(&f, "a", "1"); /* shared with shared */
	put_one(&f, "a", "2");
	assert_true(now_ms() - start >= HELD_MS);
	expect_entry(&f, "a", "2");
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	start = now_ms();
	pid = hold_lock(&f, F_WRLCK);
	expect_entry(&f, "a", "2");
	assert_true(now_ms() - start >= HELD_MS);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	teardown(&f);
}

TEST(readers_beside_a_writer_always_see_a_whole_batch)
{
	struct fixture f;
	char value[16];
	int status;

	setup(&f, "both");
	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_ok(map_put(f.map, "a", "0", &f.err), &f.err);
	assert_ok(map_put(f.map, "b", "0", &f.err), &f.err);
	assert_ok(map_commit(f.map, &f.err), &f.err);

	pid_t pid = fork();

	if (pid == 0) {
		struct map *map;
		int bad = map_open(f.ctx, f.root, "/etc/postfix/t.lmdb", 0, &map, NULL) < 0;

		for (int i = 0; !bad && i < 2000; i++) {
			struct buf out = BUF_ON(f.ctx);
			char *tab;

			if (map_foreach(map, print_entry, &out, NULL) < 0)
				_exit(2);
			tab = strstr(buf_str(&out), "\nb\t");
			bad = !tab || strncmp(out.data + 2, tab + 3, 2) != 0;
			buf_done(&out);
		}
		_exit(bad);
	}
	for (int i = 0; i < 300; i++) {
		(void)snprintf(value, sizeof(value), "%d", i % 10);
		assert_ok(map_begin(f.map, &f.err), &f.err);
		assert_ok(map_put(f.map, "a", value, &f.err), &f.err);
		assert_ok(map_put(f.map, "b", value, &f.err), &f.err);
		assert_ok(map_commit(f.map, &f.err), &f.err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	teardown(&f);
}

TEST(what_is_not_a_map_is_a_corrupt_map)
{
	struct fixture f;
	struct map *map;
	char junk[16384];

	setup(&f, "junk");
	memset(junk, 'j', sizeof(junk));
	assert_ok(fs_write_atomic(f.root, "/etc/postfix/j.lmdb", junk, sizeof(junk), 0644, &f.err),
		  &f.err);
	assert_int_equal(map_open(f.ctx, f.root, "/etc/postfix/j.lmdb", 0, &map, &f.err),
			 -ERR_CORRUPT);
	assert_contains(f.err.msg, "/etc/postfix/j.lmdb");
	assert_int_equal(map_open(f.ctx, f.root, "/etc/postfix", 0, &map, &f.err), -ERR_SYSTEM);
	teardown(&f);
}

TEST(a_cut_map_is_an_error_and_not_the_end_of_the_process)
{
	struct fixture f;
	struct map *map;
	char key[32];
	struct stat st;

	setup(&f, "cut");
	assert_ok(map_begin(f.map, &f.err), &f.err);
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(key, sizeof(key), "user%05d@example.com", i);
		assert_ok(map_put(f.map, key, "x/", &f.err), &f.err);
	}
	assert_int_equal(map_commit(f.map, &f.err), 20000);
	map_close(f.map);
	f.map = NULL;
	assert_ok(fs_stat(f.root, "/etc/postfix/t.lmdb", &st, &f.err), &f.err);
	for (off_t len = st.st_size - 4096; len > 4096; len -= (off_t)4096 * 37) {
		struct buf out = BUF_ON(f.ctx);
		int fd = fs_open(f.root, "/etc/postfix/t.lmdb", O_RDWR, 0, 0, &f.err);
		int r;

		assert_int_equal(ftruncate(fd, len), 0);
		fd_close(&fd);
		r = map_open(f.ctx, f.root, "/etc/postfix/t.lmdb", 0, &map, &f.err);
		if (r == 0) {
			r = map_foreach(map, print_entry, &out, &f.err);
			map_close(map);
		}
		if (r < 0)
			assert_int_equal(r, -ERR_CORRUPT);
		else
			assert_int_equal(len, st.st_size - 4096); /* at most an unused page */
		buf_done(&out);
	}
	teardown(&f);
}

TEST(a_map_replaced_while_open_is_a_conflict)
{
	struct fixture f;

	setup(&f, "replaced");
	assert_ok(fs_remove_tree(f.root, "/etc/postfix/t.lmdb", 0, &f.err), &f.err);
	assert_ok(map_begin(f.map, &f.err), &f.err);
	assert_ok(map_put(f.map, "a", "1", &f.err), &f.err);
	assert_int_equal(map_commit(f.map, &f.err), -ERR_CONFLICT);
	teardown(&f);
}

TEST(a_full_disk_leaves_the_map_as_it_was)
{
	struct fixture f;
	struct rlimit old;
	char key[16];
	char *value;

	setup(&f, "enospc");
	put_one(&f, "a", "1");
	value = mem_zero(f.ctx, MAP_VALUE_MAX + 1);
	memset(value, 'v', MAP_VALUE_MAX);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);

	struct rlimit small = { .rlim_cur = 256 << 10, .rlim_max = old.rlim_max };
	sighandler_t handler = signal(SIGXFSZ, SIG_IGN);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_ok(map_begin(f.map, &f.err), &f.err);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof(key), "k%04d", i);
		assert_ok(map_put(f.map, key, value, &f.err), &f.err);
	}
	assert_int_equal(map_commit(f.map, &f.err), -ERR_SYSTEM);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, handler);
	assert_contains(f.err.msg, "/etc/postfix/t.lmdb");
	assert_int_equal(map_get(f.ctx, f.map, "k0000", &value, &f.err), -ERR_NOTFOUND);
	expect_entry(&f, "a", "1");
	put_one(&f, "b", "2");
	expect_entry(&f, "b", "2");
	teardown(&f);
}

TEST(a_link_in_a_sandbox_cannot_lead_out_of_it)
{
	struct fixture f;
	struct map *map;

	setup(&f, "link");
	assert_int_equal(
		symlinkat("../../../../../../../../../etc/hosts", f.root, "etc/postfix/l.lmdb"), 0);
	assert_int_equal(map_open(f.ctx, f.root, "/etc/postfix/l.lmdb", 0, &map, &f.err),
			 -ERR_NOTFOUND);
	teardown(&f);
}

TEST(a_held_map_answers_and_keeps_writers_out_until_it_is_released)
{
	struct fixture f;
	struct flock probe = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	setup(&f, "held");
	put_one(&f, "a@example.com", "1");
	fd = fs_open(f.root, "/etc/postfix/t.lmdb", O_RDWR, 0, 0, &f.err);
	assert_ok(fd, &f.err);
	assert_ok(map_hold(f.map, &f.err), &f.err);
	expect_entry(&f, "a@example.com", "1");
	expect_entry(&f, "a@example.com", "1");
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &probe), 0);
	assert_int_equal(probe.l_type, F_RDLCK);
	map_release(f.map);
	probe = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &probe), 0);
	assert_int_equal(probe.l_type, F_UNLCK);
	put_one(&f, "a@example.com", "2");
	expect_entry(&f, "a@example.com", "2");
	fd_close(&fd);
	teardown(&f);
}
