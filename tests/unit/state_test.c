#include <fcntl.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/engine.h"
#include "reconciler/enginedb.h"
#include "tests/support/model_1.h"
#include "tests/support/testing.h"

#define DB MODEL_DIR "/" MODEL_NAME

/* A root with users, and the engine on it. */
struct fix {
	void *ctx;
	struct engine *e;
	const char *root;
	uid_t uid;
	gid_t gid;
	struct err err;
};

static const char *at(struct fix *f, const char *path)
{
	return mem_fmt(f->ctx, "%s%s", f->root, path);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

static void make_root(struct fix *f, const char *name)
{
	int root;

	if (geteuid() != 0)
		skip();
	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	f->root = mem_fmt(f->ctx, "%s/%s", test_tmpdir(), name);
	assert_int_equal(chmod(test_tmpdir(), 0755), 0);
	assert_int_equal(mkdir(f->root, 0755), 0);
	root = fs_root_open(f->root, &f->err);
	assert_ok(fs_mkdirs(root, "/etc", 0755, &f->err), &f->err);
	assert_ok(fs_mkdirs(root, ENGINE_STATE_DIR, 0755, &f->err), &f->err);
	fd_close(&root);
	put_file(at(f, "/etc/passwd"),
		 "root:x:0:0:root:/root:/bin/bash\ntaken:x:100:100::/:/bin/sh\n", 0644);
	put_file(at(f, "/etc/group"), "root:x:0:\ntaken:x:100:\n", 0644);
	put_file(at(f, "/etc/shadow"), "root:*:19000:0:99999:7:::\ntaken:*:19000:0:99999:7:::\n",
		 0640);
}

static int try_open(struct fix *f)
{
	int r;

	err_clear(&f->err);
	r = engine_open(f->ctx, f->root, &f->e, &f->err);
	if (r < 0)
		f->e = NULL;
	return r;
}

static void close_engine(struct fix *f)
{
	(void)talloc_free(f->e);
	f->e = NULL;
}

static void setup(struct fix *f, const char *name)
{
	make_root(f, name);
	assert_ok(try_open(f), &f->err);
	assert_ok(state_user(f->e->root, &f->uid, &f->gid, &f->err), &f->err);
	assert_true(f->uid > 0);
}

static void setup_nth(struct fix *f, const char *name, size_t i)
{
	cleanup_(mem_freep) char *nth = mem_fmt(NULL, "%s%zu", name, i);

	setup(f, nth);
}

static void done(struct fix *f)
{
	mem_freep(&f->ctx);
}

/* FN in a process of the user novacpx that stands in the folder of model.db; its result. */
static int as_user(struct fix *f, int (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (chdir(at(f, MODEL_DIR)) < 0 || setgroups(0, NULL) < 0 ||
		    setresgid(f->gid, f->gid, f->gid) < 0 || setresuid(f->uid, f->uid, f->uid) < 0)
			_exit(99);
		_exit(fn(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* SQL by the library alone, as a program of theirs would. */
static int run_sql(const void *text)
{
	sqlite3 *db;
	int rc = sqlite3_open_v2(MODEL_NAME, &db, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db, 5000);
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	}
	(void)sqlite3_close_v2(db);
	return rc;
}

static void assert_owner(struct fix *f, const char *path, uid_t uid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(at(f, path), &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_mode & 07777, mode);
}

static int put_account(struct fix *f, const char *name)
{
	struct changeset cs = { .ctx = f->ctx };
	struct problems problems = { .ctx = f->ctx };
	struct revision rev = { .actor = "root", .source = "test", .time = 1700000000 };
	struct change *c = changeset_add(&cs, CHANGE_PUT, &kind_account);
	struct value v = field_value_of_text(f->ctx, kind_field(&kind_account, "username"), name);
	int r = change_set(f->ctx, c, kind_field(&kind_account, "username"), &v, &f->err);

	if (r >= 0)
		r = store_apply(f->e->store, &cs, &rev, &problems, &f->err);
	return r > 0 ? store_commit(f->e->store, &f->err) : r;
}

TEST(the_user_is_made_once_with_a_number_of_the_system)
{
	struct fix f;
	uid_t uid;

	setup(&f, "user");
	uid = f.uid;
	assert_in_range(uid, 101, 999);
	close_engine(&f);
	assert_ok(try_open(&f), &f.err);
	assert_ok(state_user(f.e->root, &f.uid, &f.gid, &f.err), &f.err);
	assert_int_equal(f.uid, uid);
	done(&f);
}

TEST(the_model_is_the_users_and_all_else_root_alone)
{
	struct fix f;

	setup(&f, "layout");
	assert_owner(&f, ENGINE_STATE_DIR, 0, 0755);
	assert_owner(&f, MODEL_DIR, f.uid, 0700);
	assert_owner(&f, DB, f.uid, 0600);
	assert_owner(&f, ENGINE_DIR, 0, 0700);
	assert_owner(&f, ENGINE_DIR "/engine.db", 0, 0600);
	assert_int_not_equal(access(at(&f, ENGINE_DIR "/model.new"), F_OK), 0);
	done(&f);
}

TEST(what_root_makes_beside_the_database_is_the_users)
{
	struct fix f;

	setup(&f, "beside");
	assert_int_equal(as_user(&f, run_sql, "SELECT count(*) FROM account"), 0);
	close_engine(&f);
	assert_int_not_equal(access(at(&f, DB "-wal"), F_OK), 0);
	assert_ok(try_open(&f), &f.err);
	assert_ok(put_account(&f, "anna"), &f.err);
	assert_owner(&f, DB "-wal", f.uid, 0600);
	assert_owner(&f, DB "-shm", f.uid, 0600);
	/* and both write */
	assert_int_equal(as_user(&f, run_sql, "UPDATE account SET created=created+1"), 0);
	assert_ok(put_account(&f, "bert"), &f.err);
	assert_int_equal(as_user(&f, run_sql, "UPDATE account SET created=created+1"), 0);
	done(&f);
}

TEST(the_old_layout_is_moved_once_with_all_that_is_in_it)
{
	static const char *const moved[] = { "engine.db", "node.key", "history.git" };
	struct fix f;
	int64_t n = 0;

	setup(&f, "old");
	assert_ok(put_account(&f, "anna"), &f.err);
	put_file(at(&f, ENGINE_DIR "/node.key"), "key", 0600);
	put_file(at(&f, ENGINE_STATE_DIR "/engine.lock"), "", 0600);
	assert_int_equal(mkdir(at(&f, ENGINE_DIR "/history.git"), 0700), 0);
	close_engine(&f);
	/* back to how it was */
	for (size_t i = 0; i < ARRAY_LEN(moved); i++)
		assert_int_equal(rename(at(&f, mem_fmt(f.ctx, ENGINE_DIR "/%s", moved[i])),
					at(&f, mem_fmt(f.ctx, ENGINE_STATE_DIR "/%s", moved[i]))),
				 0);
	assert_int_equal(rename(at(&f, DB), at(&f, ENGINE_STATE_DIR "/" MODEL_NAME)), 0);
	assert_int_equal(chown(at(&f, ENGINE_STATE_DIR "/" MODEL_NAME), 0, 0), 0);
	assert_int_equal(rmdir(at(&f, MODEL_DIR)), 0);
	assert_int_equal(rmdir(at(&f, ENGINE_DIR)), 0);
	assert_ok(try_open(&f), &f.err);
	assert_ok(store_count(f.e->store, &kind_account, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 1);
	assert_owner(&f, DB, f.uid, 0600);
	for (size_t i = 0; i < ARRAY_LEN(moved); i++)
		assert_int_equal(access(at(&f, mem_fmt(f.ctx, ENGINE_DIR "/%s", moved[i])), F_OK),
				 0);
	close_engine(&f);
	/* a second one is nobody's to choose */
	put_file(at(&f, ENGINE_STATE_DIR "/" MODEL_NAME), "", 0600);
	assert_int_equal(try_open(&f), -ERR_CONFLICT);
	assert_contains(f.err.msg, "another one in " MODEL_DIR);
	done(&f);
}

/* Tricks. Each is done by the user with its own hands, then root opens. */

static int link_log(const void *victim)
{
	(void)unlink(MODEL_NAME "-wal");
	return symlink(victim, MODEL_NAME "-wal");
}

static int link_database(const void *victim)
{
	return rename(MODEL_NAME, "mine") || symlink(victim, MODEL_NAME);
}

static int link_index(const void *victim)
{
	(void)unlink(MODEL_NAME "-shm");
	return symlink(victim, MODEL_NAME "-shm");
}

static int pipe_database(const void *unused)
{
	(void)unused;
	return rename(MODEL_NAME, "mine") || mkfifo(MODEL_NAME, 0400);
}

static int second_name(const void *unused)
{
	(void)unused;
	return link(MODEL_NAME, MODEL_NAME "-wal");
}

static int pipe_log(const void *unused)
{
	(void)unused;
	return mkfifo(MODEL_NAME "-wal", 0600);
}

TEST(links_pipes_and_second_names_are_refused_and_lead_nowhere)
{
	static int (*const tricks[])(const void *) = { link_log,      link_database, link_index,
						       pipe_database, second_name,   pipe_log };
	struct fix f;

	for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
		const char *victim;
		char text[16] = "";
		int fd;

		setup_nth(&f, "trick", i);
		close_engine(&f);
		victim = at(&f, "/victim");
		put_file(victim, "precious", 0600);
		assert_int_equal(as_user(&f, tricks[i], victim), 0);
		(void)alarm(20); /* a pipe would block */
		assert_true(try_open(&f) < 0 || put_account(&f, "anna") < 0);
		(void)alarm(0);
		assert_owner(&f, "/victim", 0, 0600);
		fd = open(victim, O_RDONLY | O_CLOEXEC);
		assert_int_equal(read(fd, text, sizeof(text) - 1), 8);
		assert_string_equal(text, "precious");
		fd_close(&fd);
		done(&f);
	}
}

/*
 * A rollback journal of a commit over several files names a further journal at its end; SQLite deletes that
 * one when it has played back its own ("super-journal", fileformat2.html, 3).
 */
static int plant_journal(const void *victim)
{
	static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	unsigned char head[512] = { 0 };
	size_t len = strlen(victim);
	int sum = 0;
	unsigned char tail[16];
	int fd;

	if (run_sql("PRAGMA journal_mode=DELETE") != SQLITE_OK)
		return 1;
	for (size_t i = 0; i < len; i++)
		sum += ((const signed char *)victim)[i];
	memcpy(head, magic, sizeof(magic));
	head[19] = 1;  /* pages at the start */
	head[22] = 2;  /* sector 512 */
	head[26] = 16; /* page 4096 */
	for (int i = 0; i < 4; i++) {
		tail[i] = (unsigned char)((uint32_t)len >> (24 - 8 * i));
		tail[4 + i] = (unsigned char)((uint32_t)sum >> (24 - 8 * i));
	}
	memcpy(tail + 8, magic, sizeof(magic));
	fd = open(MODEL_NAME "-journal", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, head, sizeof(head)) < 0 ||
	    fs_write_all(fd, "\x40\x00\x00\x00", 4) < 0 || fs_write_all(fd, victim, len) < 0 ||
	    fs_write_all(fd, tail, sizeof(tail)) < 0)
		return 2;
	fd_close(&fd);
	return 0;
}

TEST(a_planted_journal_deletes_nobodys_file)
{
	struct fix f;
	const char *victim;

	setup(&f, "journal");
	close_engine(&f);
	victim = at(&f, "/victim");
	put_file(victim, "precious", 0600);
	assert_int_equal(as_user(&f, plant_journal, victim), 0);
	if (try_open(&f) >= 0)
		(void)put_account(&f, "anna");
	assert_owner(&f, "/victim", 0, 0600);
	assert_int_equal(access(at(&f, DB "-journal"), F_OK), 0);
	done(&f);
}

TEST(a_schema_that_is_not_ours_is_refused)
{
	static const char *const rows[][2] = {
		{ "CREATE TRIGGER evil AFTER INSERT ON account BEGIN DELETE FROM domain; END",
		  "trigger evil" },
		{ "CREATE VIEW evil AS SELECT 1", "view evil" },
		{ "CREATE INDEX evil ON account(upper(username))", "index evil" },
		{ "CREATE TABLE evil(x)", "table evil" },
		{ "DROP TABLE audit; CREATE VIEW audit AS SELECT 1 AS id", "audit" },
		{ "ALTER TABLE audit ADD COLUMN evil TEXT AS (upper(actor))", "table audit" },
		{ "DROP TRIGGER audit_no_delete", "lacks the trigger audit_no_delete" },
		{ "DROP INDEX change_resource", "lacks the index change_resource" },
		{ "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET "
		  "sql=replace(sql,'actor TEXT NOT NULL','actor TEXT NOT NULL CHECK(length(actor))') "
		  "WHERE name='audit'",
		  "table audit" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fix f;
		int r;

		setup_nth(&f, "schema", i);
		/* while it is open: seen when the next transaction begins */
		assert_int_equal(as_user(&f, run_sql, rows[i][0]), 0);
		r = put_account(&f, "anna");
		if (strncmp(rows[i][0], "PRAGMA", 6) != 0) { /* which does not tell anybody */
			assert_int_equal(r, -ERR_CORRUPT);
			assert_contains(f.err.msg, rows[i][1]);
		}
		close_engine(&f);
		assert_int_equal(try_open(&f), -ERR_CORRUPT);
		assert_contains(f.err.msg, rows[i][1]);
		done(&f);
	}
}

TEST(a_table_that_migrations_made_is_ours)
{
	struct fix f;

	setup(&f, "migrated");
	assert_int_equal(as_user(&f, run_sql,
				 "CREATE TABLE x(kind TEXT NOT NULL, key TEXT NOT NULL, "
				 "field TEXT NOT NULL, value TEXT NOT NULL, rev INTEGER NOT NULL, "
				 "PRIMARY KEY(kind, key, field)) STRICT, WITHOUT ROWID;"
				 "ALTER TABLE x ADD COLUMN \"dropped\"  INTEGER NOT NULL DEFAULT 0;"
				 "DROP TABLE secret; ALTER TABLE x RENAME TO secret"),
			 0);
	close_engine(&f);
	assert_ok(try_open(&f), &f.err);
	done(&f);
}

static int make_version_1(const void *unused)
{
	sqlite3 *db;
	int rc = sqlite3_open(MODEL_NAME, &db);

	(void)unused;
	rc = rc ? rc : sqlite3_exec(db, "PRAGMA journal_mode=WAL; BEGIN", NULL, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(model_1) && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(db, model_1[i], NULL, NULL, NULL);
	rc = rc ? rc : sqlite3_exec(db, "PRAGMA user_version=1; COMMIT", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	return rc;
}

TEST(an_older_version_of_theirs_is_brought_on_when_its_schema_is_ours)
{
	struct fix f;
	int64_t n = 0;

	for (int evil = 0; evil < 2; evil++) {
		setup(&f, evil ? "version1evil" : "version1");
		close_engine(&f);
		assert_int_equal(unlink(at(&f, DB)), 0);
		assert_int_equal(as_user(&f, make_version_1, NULL), 0);
		assert_int_equal(chmod(at(&f, DB), 0600), 0);
		if (evil)
			assert_int_equal(as_user(&f, run_sql,
						 "CREATE TRIGGER evil AFTER DELETE ON change BEGIN "
						 "DELETE FROM account; END"),
					 0);
		if (evil) {
			assert_int_equal(try_open(&f), -ERR_CORRUPT);
			assert_contains(f.err.msg, "somebody changed it");
		} else {
			assert_ok(try_open(&f), &f.err);
			assert_ok(store_count(f.e->store, &kind_account, NULL, NULL, &n, &f.err),
				  &f.err);
			assert_int_equal(n, 1);
		}
		done(&f);
	}
}

TEST(a_folder_of_a_third_is_refused)
{
	struct fix f;

	setup(&f, "third");
	close_engine(&f);
	assert_int_equal(chown(at(&f, MODEL_DIR), 4321, 4321), 0);
	assert_int_equal(try_open(&f), -ERR_DENIED);
	assert_contains(f.err.msg, "belongs to user id 4321");
	done(&f);
}
