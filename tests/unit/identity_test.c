#include "tests/support/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "reconciler/identity.h"

static const char *const paths[] = { "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow" };

static const char passwd0[] = "root:x:0:0:root:/root:/bin/bash\n"
			      "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
			      "# a comment\n"
			      "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
			      "old:x:1000:1000:Old,,,:/home/old:/bin/bash\n"
			      "\n"
			      "broken:x:abc\n"
			      "+nis::::::\n"
			      "+\n";
static const char shadow0[] = "root:*:19000:0:99999:7:::\n"
			      "daemon:*:19000:0:99999:7:::\n"
			      "www-data:*:19000:0:99999:7:::\n"
			      "old:$6$salt$oldhash:19001:1:90:14:5:20000:\n";
static const char group0[] = "root:x:0:\n"
			     "daemon:x:1:\n"
			     "adm:x:4:syslog,old\n"
			     "shadow:x:42:\n"
			     "www-data:x:33:\n"
			     "old:x:1000:www-data\n"
			     "+\n";
static const char gshadow0[] = "root:*::\n"
			       "daemon:*::\n"
			       "adm:*:old:syslog,old\n"
			       "shadow:*::\n"
			       "www-data:!::\n"
			       "old:!::www-data\n";

struct fixture {
	void *ctx;
	char dir[256];
	int root;
	struct identity_db *db;
	struct err err;
};

static void write_file(struct fixture *f, const char *path, const char *text, mode_t mode)
{
	assert_ok(fs_write_atomic(f->root, path, text, strlen(text), mode, &f->err), &f->err);
}

static const char *read_file(struct fixture *f, const char *path)
{
	char *text;
	size_t len;

	assert_ok(fs_read(f->ctx, f->root, path, (size_t)64 << 20, 0, &text, &len, &f->err),
		  &f->err);
	assert_int_equal(strlen(text), len);
	return text;
}

/* An empty root with /etc. */
static void setup_empty(struct fixture *f, const char *name)
{
	cleanup_(fd_close) int top = -1;

	*f = (struct fixture){ .ctx = mem_ctx(NULL, "test"), .root = -1 };
	(void)snprintf(f->dir, sizeof(f->dir), "%s/%s", test_tmpdir(), name);
	top = fs_root_open("/", &f->err);
	assert_ok(fs_mkdirs(top, f->dir, 0755, &f->err), &f->err);
	f->root = fs_root_open(f->dir, &f->err);
	assert_ok(f->root, &f->err);
	assert_ok(fs_mkdirs(f->root, "/etc", 0755, &f->err), &f->err);
}

static void load(struct fixture *f)
{
	assert_ok(identity_load(f->ctx, f->root, &f->db, &f->err), &f->err);
	identity_set_lock_ms(f->db, 100);
}

static void setup(struct fixture *f, const char *name)
{
	setup_empty(f, name);
	write_file(f, "/etc/passwd", passwd0, 0644);
	write_file(f, "/etc/shadow", shadow0, 0640);
	write_file(f, "/etc/group", group0, 0644);
	write_file(f, "/etc/gshadow", gshadow0, 0640);
	load(f);
}

static void teardown(struct fixture *f)
{
	(void)talloc_free(f->ctx);
	fd_close(&f->root);
}

static struct identity user(const char *name, uint32_t id)
{
	return (struct identity){ .name = name,
				  .uid = id,
				  .gid = id,
				  .gecos = "Some One",
				  .home = "/home/someone",
				  .shell = "/bin/bash",
				  .hash = "$y$j9T$salt$hash",
				  .today = 20000 };
}

static void put(struct fixture *f, const struct identity *id)
{
	assert_ok(identity_put(f->db, id, &f->err), &f->err);
}

static void write_db(struct fixture *f)
{
	assert_ok(identity_write(f->db, f->root, &f->err), &f->err);
	assert_false(identity_is_dirty(f->db));
}

/* All four files under their names, as one golden. */
static void expect_files(struct fixture *f, const char *golden)
{
	struct buf all = BUF_ON(f->ctx);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		buf_printf(&all, "== %s\n%s", paths[i], read_file(f, paths[i]));
	expect_golden(golden, buf_str(&all));
}

static void expect_untouched(struct fixture *f)
{
	assert_string_equal(read_file(f, "/etc/passwd"), passwd0);
	assert_string_equal(read_file(f, "/etc/shadow"), shadow0);
	assert_string_equal(read_file(f, "/etc/group"), group0);
	assert_string_equal(read_file(f, "/etc/gshadow"), gshadow0);
}

TEST(new_users_come_before_the_nis_lines_and_nothing_else_moves)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct identity b = { .name = "bob", .uid = 1002, .gid = 1002 };
	struct identity c = user("carol", 1003);

	setup(&f, "new");
	c.locked = true;
	put(&f, &a);
	put(&f, &b);
	put(&f, &c);
	assert_ok(identity_member(f.db, "www-data", "alice", true, &f.err), &f.err);
	assert_ok(identity_member(f.db, "alice", "www-data", true, &f.err), &f.err);
	write_db(&f);
	expect_files(&f, "identity/new.txt");
	assert_string_equal(read_file(&f, "/etc/passwd-"), passwd0);
	assert_string_equal(read_file(&f, "/etc/shadow-"), shadow0);
	assert_string_equal(read_file(&f, "/etc/group-"), group0);
	assert_string_equal(read_file(&f, "/etc/gshadow-"), gshadow0);
	teardown(&f);
}

TEST(a_change_keeps_the_line_its_place_and_the_fields_of_others)
{
	struct fixture f;
	struct identity old = user("old", 1000);

	setup(&f, "change");
	put(&f, &old);
	write_db(&f);
	expect_files(&f, "identity/change.txt");
	teardown(&f);
}

TEST(a_deleted_user_leaves_all_files_and_member_lists)
{
	struct fixture f;

	setup(&f, "delete");
	assert_ok(identity_del(f.db, "old", &f.err), &f.err);
	assert_ok(identity_del(f.db, "never-was", &f.err), &f.err);
	write_db(&f);
	expect_files(&f, "identity/delete.txt");
	teardown(&f);
}

TEST(putting_what_is_there_already_changes_nothing)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct stat before;
	struct stat after;

	setup(&f, "same");
	put(&f, &a);
	write_db(&f);
	load(&f);
	assert_ok(fs_stat(f.root, "/etc/passwd", &before, &f.err), &f.err);
	a.today = 20001; /* only counts when the hash changes */
	put(&f, &a);
	assert_ok(identity_member(f.db, "adm", "old", true, &f.err), &f.err);
	assert_ok(identity_member(f.db, "adm", "alice", false, &f.err), &f.err);
	assert_false(identity_is_dirty(f.db));
	write_db(&f);
	assert_ok(fs_stat(f.root, "/etc/passwd", &after, &f.err), &f.err);
	assert_int_equal(before.st_ino, after.st_ino);
	teardown(&f);
}

TEST(a_lock_is_put_before_the_hash_and_taken_away_without_changing_it)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct identity got;

	setup(&f, "lock");
	put(&f, &a);
	a.hash = NULL;
	a.locked = true;
	a.today = 20005;
	put(&f, &a);
	put(&f, &a);
	write_db(&f);
	assert_contains(read_file(&f, "/etc/shadow"),
			"\nalice:!$y$j9T$salt$hash:20000:0:99999:7:::\n");
	load(&f);
	assert_true(identity_find(f.db, "alice", &got));
	assert_true(got.locked);
	assert_string_equal(got.hash, "$y$j9T$salt$hash");
	a.locked = false;
	put(&f, &a);
	write_db(&f);
	assert_contains(read_file(&f, "/etc/shadow"),
			"\nalice:$y$j9T$salt$hash:20000:0:99999:7:::\n");
	teardown(&f);
}

TEST(a_user_without_a_hash_never_ends_with_an_empty_password)
{
	struct fixture f;
	struct identity a = { .name = "alice", .uid = 1001, .gid = 1001 };

	setup_empty(&f, "empty_password");
	write_file(&f, "/etc/passwd", "alice::1001:1001:::\nbob:$1$a$bcd:1002:1002::/h:/bin/sh\n",
		   0644);
	write_file(&f, "/etc/shadow", "alice::::::::\n", 0640);
	write_file(&f, "/etc/group", "alice:x:1001:\nbob:x:1002:\n", 0644);
	load(&f);
	put(&f, &a);
	a = (struct identity){ .name = "bob", .uid = 1002, .gid = 1002 };
	put(&f, &a); /* an old hash in passwd moves to shadow */
	write_db(&f);
	assert_string_equal(read_file(&f, "/etc/shadow"),
			    "alice:!:::::::\nbob:$1$a$bcd::0:99999:7:::\n");
	assert_string_equal(read_file(&f, "/etc/passwd"),
			    "alice:x:1001:1001:::\nbob:x:1002:1002::/h:/bin/sh\n");
	teardown(&f);
}

TEST(identities_are_found_by_name_and_uid)
{
	struct fixture f;
	struct identity got;
	uint32_t gid;

	setup(&f, "find");
	assert_true(identity_find(f.db, "old", &got));
	assert_int_equal(got.uid, 1000);
	assert_string_equal(got.gecos, "Old,,,");
	assert_string_equal(got.home, "/home/old");
	assert_string_equal(got.hash, "$6$salt$oldhash");
	assert_false(got.locked);
	assert_true(identity_find_uid(f.db, 33, &got));
	assert_string_equal(got.name, "www-data");
	assert_null(got.hash);
	assert_false(identity_find(f.db, "broken", &got));
	assert_false(identity_find(f.db, "nis", &got));
	assert_false(identity_find_uid(f.db, 77, &got));
	assert_true(identity_group_find(f.db, "adm", &gid));
	assert_int_equal(gid, 4);
	assert_true(identity_is_member(f.db, "adm", "old"));
	assert_false(identity_is_member(f.db, "adm", "root"));
	assert_ok(identity_del(f.db, "old", &f.err), &f.err);
	assert_false(identity_find(f.db, "old", &got));
	assert_false(identity_find_uid(f.db, 1000, &got));
	assert_false(identity_is_member(f.db, "adm", "old"));
	teardown(&f);
}

static bool taken_below(uint32_t id, void *arg)
{
	return id < *(uint32_t *)arg;
}

TEST(the_lowest_id_free_as_uid_and_gid_and_not_reserved_is_offered)
{
	struct fixture f;
	uint32_t reserved = 1004;
	struct identity a;

	setup_empty(&f, "free");
	write_file(&f, "/etc/passwd",
		   "a:x:1000:1000::/:/bin/sh\nb:x:5:1003::/:/bin/sh\nbad:x:1007:1007\n", 0644);
	write_file(&f, "/etc/group", "g:x:1001:\n", 0644);
	load(&f);
	assert_int_equal(identity_uid_free(f.db, 1000, 2000, NULL, NULL), 1002);
	assert_int_equal(identity_uid_free(f.db, 1000, 2000, NULL, NULL), 1002);
	a = user("c", 1002);
	put(&f, &a);
	assert_int_equal(identity_uid_free(f.db, 1000, 2000, taken_below, &reserved), 1004);
	a = user("d", 1004);
	put(&f, &a);
	assert_int_equal(identity_uid_free(f.db, 1000, 1004, NULL, NULL), 0);
	assert_ok(identity_del(f.db, "c", &f.err), &f.err);
	assert_int_equal(identity_uid_free(f.db, 1000, 2000, NULL, NULL), 1002);
	assert_int_equal(identity_uid_free(f.db, 1007, 2000, NULL, NULL), 1008);
	assert_int_equal(identity_uid_free(f.db, 65534, 65536, NULL, NULL), 65536);
	assert_int_equal(identity_uid_free(f.db, 0, 999, NULL, NULL), 0);
	teardown(&f);
}

TEST(a_name_or_id_of_somebody_else_is_never_taken_over)
{
	struct fixture f;
	struct identity a = user("old", 1001);

	setup(&f, "conflict");
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "old has uid 1000 and not 1001");
	a = user("new", 1000);
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "belongs to old");
	a = user("adm", 1001); /* a system group has that name */
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	a = user("broken", 1001);
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "malformed");
	assert_int_equal(identity_del(f.db, "broken", &f.err), -ERR_CONFLICT);
	assert_int_equal(identity_del(f.db, "root", &f.err), -ERR_INVALID);
	assert_int_equal(identity_del(f.db, "adm", &f.err), -ERR_INVALID);
	assert_int_equal(identity_member(f.db, "root", "old", true, &f.err), -ERR_DENIED);
	assert_int_equal(identity_member(f.db, "nogroup", "old", true, &f.err), -ERR_NOTFOUND);
	assert_int_equal(identity_member(f.db, "adm", "nobody1", true, &f.err), -ERR_NOTFOUND);
	assert_false(identity_is_dirty(f.db));
	teardown(&f);
}

TEST(a_group_that_is_primary_to_others_does_not_go)
{
	struct fixture f;

	setup_empty(&f, "primary");
	write_file(&f, "/etc/passwd", "a:x:1000:1000::/:/bin/sh\nb:x:1001:1000::/:/bin/sh\n", 0644);
	write_file(&f, "/etc/group", "a:x:1000:\n", 0644);
	load(&f);
	assert_int_equal(identity_del(f.db, "a", &f.err), -ERR_CONFLICT);
	assert_ok(identity_del(f.db, "b", &f.err), &f.err);
	assert_ok(identity_del(f.db, "a", &f.err), &f.err);
	write_db(&f);
	assert_string_equal(read_file(&f, "/etc/passwd"), "");
	assert_string_equal(read_file(&f, "/etc/group"), "");
	teardown(&f);
}

TEST(what_is_left_of_a_half_deleted_user_is_deleted)
{
	struct fixture f;

	setup_empty(&f, "leftovers");
	write_file(&f, "/etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644);
	write_file(&f, "/etc/shadow", "gone:!:::::::\n", 0640);
	write_file(&f, "/etc/group", "gone:x:1000:\nother:x:1001:gone,a,gone\n", 0644);
	load(&f);
	assert_ok(identity_del(f.db, "gone", &f.err), &f.err);
	write_db(&f);
	assert_string_equal(read_file(&f, "/etc/shadow"), "");
	assert_string_equal(read_file(&f, "/etc/group"), "other:x:1001:a\n");
	teardown(&f);
}

TEST(fields_that_could_forge_a_line_are_refused)
{
	static const char *const names[] = {
		"",    "a:b",      "a\nroot", "-a",
		"+a",  "1234",     "a b",     "../a",
		"Ann", "\xc3\xa4", "a,b",     "a\r",
		"a/b", "!a",       "a#",      "abcdefghijklmnopqrstuvwxyz0123456"
	};
	static const char *const homes[] = { "",    "home",         "/a:b",   "/a\nroot::0:0::/:",
					     "/a/", "/a/../../etc", "/a\x7f", "/a//b" };
	static const char *const hashes[] = {
		"",  "secret",      "$6$a:b$ccc",    "$6$a$b\nroot", "!$6$a$bcdef",
		"*", "$6$a b$cdef", "$6$a$\xc3\xa4x"
	};
	static const uint32_t ids[] = { 0, 1, 999, 65534, 65535, UINT32_MAX, INT32_MAX };
	struct fixture f;

	setup(&f, "hostile");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct identity a = user(names[i], 1001);

		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		assert_string_equal(f.err.path, "name");
		assert_int_equal(identity_member(f.db, "adm", names[i], true, &f.err),
				 -ERR_INVALID);
	}
	for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
		struct identity a = user("alice", 1001);

		a.home = homes[i];
		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		a = user("alice", 1001);
		a.shell = homes[i];
		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		assert_string_equal(f.err.path, "shell");
	}
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		struct identity a = user("alice", 1001);

		a.hash = hashes[i];
		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		assert_string_equal(f.err.path, "hash");
	}
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct identity a = user("alice", ids[i]);

		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		a.uid = 1001;
		assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
		assert_string_equal(f.err.path, "gid");
	}
	struct identity a = user("alice", 1001);

	a.gecos = "x:0:0";
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
	a.gecos = "x\nroot2:x:0:0";
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_INVALID);
	assert_false(identity_is_dirty(f.db));
	expect_untouched(&f);
	teardown(&f);
}

TEST(a_malformed_file_keeps_its_bytes)
{
	static const char odd[] = "root:x:0:0:root:/root:/bin/bash\r\n"
				  "::::::\n"
				  ":x:0:0:::\n"
				  "no colons at all\n"
				  "many:x:1:2:3:4:5:6:7:8:9:10:11:12\n"
				  "\t\n"
				  "twice:x:1005:1005::/:/bin/sh\n"
				  "twice:x:1006:1006::/:/bin/sh\n"
				  "big:x:99999999999:1::/:/bin/sh\n"
				  "neg:x:-1:1::/:/bin/sh\n"
				  "#last without a newline";
	struct fixture f;
	struct identity a = user("alice", 1001);
	char *text;

	setup_empty(&f, "malformed");
	write_file(&f, "/etc/passwd", odd, 0644);
	write_file(&f, "/etc/group", "x", 0644);
	load(&f);
	put(&f, &a);
	a = user("twice", 1005);
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	a = user("many", 1009);
	assert_int_equal(identity_put(f.db, &a, &f.err), -ERR_CONFLICT);
	write_db(&f);
	text = mem_fmt(f.ctx, "%s\nalice:x:1001:1001:Some One:/home/someone:/bin/bash\n", odd);
	assert_string_equal(read_file(&f, "/etc/passwd"), text);
	assert_string_equal(read_file(&f, "/etc/group"), "x\nalice:x:1001:\n");
	teardown(&f);
}

TEST(bytes_of_any_kind_survive)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	char junk[4096];
	uint32_t seed = 1;
	char *text;
	size_t len;

	setup_empty(&f, "junk");
	for (size_t i = 0; i < sizeof(junk); i++) {
		static const char often[] = "\n:+-#,0x\r";

		seed = seed * 1103515245 + 12345;
		junk[i] = (char)(seed >> 20 & 0x7f);
		if (seed >> 31)
			junk[i] = often[(seed >> 16) % 9];
		else if (seed >> 30)
			junk[i] = '\xe4';
	}
	junk[sizeof(junk) - 1] = '\n';
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_ok(fs_write_atomic(f.root, paths[i], junk, sizeof(junk), 0644, &f.err),
			  &f.err);
	load(&f);
	put(&f, &a);
	assert_ok(identity_del(f.db, "alice", &f.err), &f.err);
	write_db(&f);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_ok(fs_read(f.ctx, f.root, paths[i], 1 << 20, 0, &text, &len, &f.err),
			  &f.err);
		assert_int_equal(len, sizeof(junk));
		assert_memory_equal(text, junk, len);
	}
	teardown(&f);
}

TEST(a_missing_gshadow_is_not_made_but_a_missing_shadow_is)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct stat st;

	setup_empty(&f, "missing");
	write_file(&f, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0644);
	write_file(&f, "/etc/group", "root:x:0:\nshadow:x:42:\n", 0644);
	load(&f);
	put(&f, &a);
	write_db(&f);
	assert_false(fs_exists(f.root, "/etc/gshadow"));
	assert_false(fs_exists(f.root, "/etc/shadow-"));
	assert_ok(fs_stat(f.root, "/etc/shadow", &st, &f.err), &f.err);
	assert_int_equal(st.st_mode & 07777, 0640);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 42);
	teardown(&f);
}

TEST(a_new_sandbox_starts_with_no_files_but_a_lost_passwd_is_an_error)
{
	struct fixture f;
	struct identity a = user("alice", 1001);

	setup_empty(&f, "sandbox");
	load(&f);
	put(&f, &a);
	write_db(&f);
	assert_string_equal(read_file(&f, "/etc/group"), "alice:x:1001:\n");
	assert_ok(fs_remove_tree(f.root, "/etc/passwd", 0, &f.err), &f.err);
	assert_int_equal(identity_load(f.ctx, f.root, &f.db, &f.err), -ERR_CORRUPT);
	assert_contains(f.err.msg, "/etc/passwd is missing");
	teardown(&f);
}

TEST(owner_and_mode_stay_and_no_temporary_file_remains)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct stat st;

	setup(&f, "owner");
	if (geteuid() == 0)
		assert_int_equal(fchownat(f.root, "etc/shadow", 0, 42, 0), 0);
	assert_int_equal(fchmodat(f.root, "etc/passwd", 0604, 0), 0);
	write_file(&f, "/etc/.passwd.novacpx", "left by a crash", 0666);
	load(&f);
	put(&f, &a);
	write_db(&f);
	assert_ok(fs_stat(f.root, "/etc/shadow", &st, &f.err), &f.err);
	assert_int_equal(st.st_mode & 07777, 0640);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 42);
	assert_ok(fs_stat(f.root, "/etc/shadow-", &st, &f.err), &f.err);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_ok(fs_stat(f.root, "/etc/passwd", &st, &f.err), &f.err);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_false(fs_exists(f.root, "/etc/.passwd.novacpx"));
	assert_false(fs_exists(f.root, "/etc/.shadow-.novacpx"));
	assert_false(fs_exists(f.root, "/etc/passwd.lock"));
	assert_false(fs_exists(f.root, "/etc/.pwd.lock.novacpx"));
	teardown(&f);
}

TEST(a_database_is_edited_and_written_again)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct identity b = user("bob", 1002);
	char *first;

	setup(&f, "again");
	put(&f, &a);
	write_db(&f);
	first = mem_str(f.ctx, read_file(&f, "/etc/passwd"));
	put(&f, &b);
	assert_ok(identity_del(f.db, "alice", &f.err), &f.err);
	a.uid = a.gid = 1005;
	put(&f, &a);
	write_db(&f);
	assert_string_equal(read_file(&f, "/etc/passwd-"), first);
	expect_files(&f, "identity/again.txt");
	teardown(&f);
}

TEST(files_changed_since_they_were_read_are_not_overwritten)
{
	struct fixture f;
	struct identity a = user("alice", 1001);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		char name[16];
		const char *was;

		(void)snprintf(name, sizeof(name), "changed%zu", i);
		setup(&f, name);
		put(&f, &a);
		was = read_file(&f, paths[i]);
		write_file(&f, paths[i], was, 0640);
		assert_int_equal(identity_write(f.db, f.root, &f.err), -ERR_CONFLICT);
		assert_contains(f.err.msg, paths[i]);
		expect_untouched(&f);
		assert_true(identity_is_dirty(f.db));
		load(&f);
		put(&f, &a);
		write_db(&f); /* neither lock nor anything else was left behind */
		teardown(&f);
	}
}

/* A child that holds the lock of lckpwdf(3) until END is closed. */
static pid_t hold_lock(struct fixture *f, int *ret_end)
{
	int ready[2];
	int end[2];
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = fs_open(f->root, "/etc/.pwd.lock", O_WRONLY | O_CREAT, 0600, 0, NULL);

		(void)close(end[1]);
		if (fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)!read(end[0], &c, 1);
		_exit(0);
	}
	(void)close(end[0]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	*ret_end = end[1];
	return pid;
}

TEST(nothing_is_written_while_a_tool_holds_the_password_lock)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	int end;

	setup(&f, "pwdlock");
	put(&f, &a);

	pid_t pid = hold_lock(&f, &end);

	assert_int_equal(identity_write(f.db, f.root, &f.err), -ERR_BUSY);
	assert_contains(f.err.msg, "/etc/.pwd.lock");
	expect_untouched(&f);
	(void)close(end);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	write_db(&f);
	teardown(&f);
}

TEST(lock_files_of_the_shadow_tools_count_while_their_process_lives)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	pid_t dead = fork();
	char *pid;

	if (dead == 0)
		_exit(0);
	(void)waitpid(dead, NULL, 0);
	setup(&f, "lockfiles");
	put(&f, &a);
	pid = mem_fmt(f.ctx, "%d", (int)getppid());
	assert_ok(fs_write_atomic(f.root, "/etc/group.lock", pid, strlen(pid) + 1, 0600, &f.err),
		  &f.err);
	assert_int_equal(identity_write(f.db, f.root, &f.err), -ERR_BUSY);
	assert_contains(f.err.msg, "/etc/group.lock");
	write_file(&f, "/etc/group.lock", "", 0600);
	assert_int_equal(identity_write(f.db, f.root, &f.err), -ERR_BUSY);
	expect_untouched(&f);
	assert_string_equal(read_file(&f, "/etc/group.lock"), ""); /* not ours to remove */
	assert_false(fs_exists(f.root, "/etc/passwd.lock"));
	write_file(&f, "/etc/group.lock", mem_fmt(f.ctx, "%d", (int)dead), 0600);
	write_file(&f, "/etc/passwd.lock", mem_fmt(f.ctx, "%d\n", (int)getpid()), 0600);
	write_db(&f);
	teardown(&f);
}

TEST(a_linked_passwd_is_replaced_where_it_lies_beneath_the_root)
{
	struct fixture f;
	struct identity a = user("alice", 1001);
	struct stat st;

	setup(&f, "linked");
	assert_ok(fs_mkdirs(f.root, "/srv/etc", 0755, &f.err), &f.err);
	write_file(&f, "/srv/etc/passwd", passwd0, 0644);
	write_file(&f, "/srv/etc/group", group0, 0644);
	assert_int_equal(unlinkat(f.root, "etc/passwd", 0), 0);
	assert_int_equal(unlinkat(f.root, "etc/group", 0), 0);
	assert_int_equal(symlinkat("/srv/etc/passwd", f.root, "etc/passwd"), 0);
	assert_int_equal(symlinkat("../../../../../srv/etc/group", f.root, "etc/group"), 0);
	load(&f);
	put(&f, &a);
	write_db(&f);
	assert_ok(fs_stat(f.root, "/etc/passwd", &st, &f.err), &f.err);
	assert_true(S_ISLNK(st.st_mode));
	assert_contains(read_file(&f, "/srv/etc/passwd"), "\nalice:x:1001:1001:");
	assert_contains(read_file(&f, "/srv/etc/group"), "\nalice:x:1001:\n");
	teardown(&f);
}

static void check_tool(struct fixture *f, const char *tool)
{
	const char *argv[] = { tool, "-r", "-q", "-R", f->dir, NULL };
	struct proc p = { .argv = argv };
	struct proc_result res;
	int r = proc_run(f->ctx, &p, &res, &f->err);

	if (r == -ERR_ABSENT || geteuid() != 0)
		return; /* both want root to change into the folder */
	assert_ok(r, &f->err);
	if (res.status != 0)
		print_error("%s: %s\n", tool, res.out);
	assert_int_equal(res.status, 0);
}

TEST(the_systems_own_checkers_find_nothing_wrong)
{
	struct fixture f;
	char name[32];

	setup_empty(&f, "checkers");
	write_file(&f, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n", 0644);
	write_file(&f, "/etc/shadow", "root:*:19000:0:99999:7:::\n", 0640);
	write_file(&f, "/etc/group", "root:x:0:\nweb:x:33:\n", 0644);
	write_file(&f, "/etc/gshadow", "root:*::\nweb:!::\n", 0640);
	load(&f);
	for (uint32_t i = 0; i < 50; i++) {
		struct identity a = user(name, 1000 + i);

		(void)snprintf(name, sizeof(name), "user%u", i);
		a.today = 19000;
		put(&f, &a);
		assert_ok(identity_member(f.db, "web", name, true, &f.err), &f.err);
	}
	for (uint32_t i = 0; i < 50; i += 3) {
		(void)snprintf(name, sizeof(name), "user%u", i);
		assert_ok(identity_del(f.db, name, &f.err), &f.err);
	}
	write_db(&f);
	check_tool(&f, "/usr/sbin/pwck");
	check_tool(&f, "/usr/sbin/grpck");
	teardown(&f);
}

/* N users, each with its group, all in one more group. */
static void write_many(struct fixture *f, unsigned n)
{
	struct buf pw = BUF_ON(f->ctx);
	struct buf sp = BUF_ON(f->ctx);
	struct buf gr = BUF_ON(f->ctx);
	struct buf sg = BUF_ON(f->ctx);

	buf_puts(&gr, "web:x:33:");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&gr, "%sold%u", i ? "," : "", i);
	buf_putc(&gr, '\n');
	for (unsigned i = 0; i < n; i++) {
		unsigned id = 1000 + i;

		buf_printf(&pw, "old%u:x:%u:%u:Old:/home/old%u:/bin/bash\n", i, id, id, i);
		buf_printf(&sp, "old%u:$y$j9T$salt$hash:19000:0:99999:7:::\n", i);
		buf_printf(&gr, "old%u:x:%u:\n", i, id);
		buf_printf(&sg, "old%u:!::\n", i);
	}
	write_file(f, "/etc/passwd", buf_str(&pw), 0644);
	write_file(f, "/etc/shadow", buf_str(&sp), 0640);
	write_file(f, "/etc/group", buf_str(&gr), 0644);
	write_file(f, "/etc/gshadow", buf_str(&sg), 0640);
}

/* Adds N users to N, each to the one large group, and deletes the N old ones; counts the steps. */
static uint64_t steps_of(unsigned n, bool tell)
{
	struct fixture f;
	char name[32];
	clock_t start;
	struct identity got;
	uint64_t steps;

	(void)snprintf(name, sizeof(name), "many%u", n);
	setup_empty(&f, name);
	write_many(&f, n);
	start = clock();
	load(&f);
	for (unsigned i = 0; i < n; i++) {
		uint32_t id = identity_uid_free(f.db, 1000, 60000, NULL, NULL);
		struct identity a = user(name, id);

		assert_int_equal(id, 1000 + n + i);
		(void)snprintf(name, sizeof(name), "new%u", i);
		put(&f, &a);
		assert_ok(identity_member(f.db, "web", name, true, &f.err), &f.err);
	}
	write_db(&f);
	if (tell)
		print_message("# %u users added to %u: %.1f ms CPU\n", n, n,
			      1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC);
	start = clock();
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "old%u", i);
		assert_ok(identity_del(f.db, name, &f.err), &f.err);
	}
	write_db(&f);
	steps = identity_steps(f.db);
	if (tell)
		print_message("# %u of them deleted: %.1f ms CPU, %llu steps in all\n", n,
			      1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC,
			      (unsigned long long)steps);
	load(&f);
	assert_true(identity_find(f.db, "new0", &got));
	assert_true(identity_is_member(f.db, "web", "new0"));
	assert_false(identity_find(f.db, "old0", &got));
	assert_false(identity_is_member(f.db, "web", "old0"));
	teardown(&f);
	return steps;
}

TEST(ten_times_the_users_cost_about_ten_times_the_steps)
{
	uint64_t small = steps_of(1000, false);
	uint64_t large = steps_of(10000, true);

	assert_true(large < small * 20);
	assert_true(large < UINT64_C(10000) * 200);
}

TEST(the_number_of_one_name_is_found_without_loading)
{
	struct fixture f;
	uint32_t id = 7;

	setup_empty(&f, "peek");
	assert_int_equal(identity_peek(f.root, "/etc/group", "bind", &id, &f.err), 0);
	write_file(&f, "/etc/group",
		   "bind:x:101:\nbinder:x:102:a,b\nxbind2:x:103:\nodd:x:1o4:\nshort:x\n9:77:\n",
		   0644);
	assert_int_equal(identity_peek(f.root, "/etc/group", "bind", &id, &f.err), 1);
	assert_int_equal(id, 101);
	assert_int_equal(identity_peek(f.root, "/etc/group", "binder", &id, &f.err), 1);
	assert_int_equal(id, 102);
	assert_int_equal(identity_peek(f.root, "/etc/group", "bind2", &id, &f.err), 0);
	assert_int_equal(identity_peek(f.root, "/etc/group", "odd", &id, &f.err), 0);
	assert_int_equal(identity_peek(f.root, "/etc/group", "short", &id, &f.err), 0);
	assert_int_equal(identity_peek(f.root, "/etc/group", "", &id, &f.err), 0);
	assert_int_equal(identity_peek(f.root, "/etc/group", "a:x", &id, &f.err), 0);
	assert_int_equal(id, 102);
	struct buf many = BUF_ON(f.ctx);

	for (int i = 0; i < 2000; i++)
		buf_printf(&many, "g%d:x:%d:\n", i, 20000 + i);
	write_file(&f, "/etc/group", buf_str(&many), 0644);
	assert_int_equal(identity_peek(f.root, "/etc/group", "g1999", &id, &f.err), 1);
	assert_int_equal(id, 21999);
	assert_int_equal(identity_peek(f.root, "/etc/group", "g2000", &id, &f.err), 0);
	teardown(&f);
}
