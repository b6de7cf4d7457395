#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/daemon_request.h"
#include "reconciler/enginedb.h"
#include "tests/support/testing.h"

/* An engine on an empty root, and what is found out about it. */
struct fix {
	void *ctx;
	struct engine *e;
	struct watch *w;
	struct strmap scopes;
	struct err err;
};

static void setup(struct fix *f)
{
	char root[4096];

	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	f->scopes.ctx = f->ctx;
	(void)snprintf(root, sizeof(root), "%s/XXXXXX", test_tmpdir());
	assert_non_null(mkdtemp(root));
	assert_ok(engine_open(f->ctx, root, &f->e, &f->err), &f->err);
}

static void setup_watch(struct fix *f, size_t max)
{
	setup(f);
	assert_ok(watch_new(f->ctx, f->e, max, &f->w, &f->err), &f->err);
	assert_ok(watch_refresh(f->w, &f->scopes, &f->err), &f->err);
}

static void done(struct fix *f)
{
	mem_freep(&f->ctx);
}

static void write_file(struct fix *f, const char *path, const char *text)
{
	char *folder = mem_str(f->ctx, path);

	*strrchr(folder, '/') = '\0';
	assert_ok(fs_mkdirs(f->e->root, folder, 0755, &f->err), &f->err);
	assert_ok(fs_write_atomic(f->e->root, path, text, strlen(text), 0644, &f->err), &f->err);
}

/* Writes the file and its row, as a pass does. */
static void own(struct fix *f, const char *path, const char *scope, unsigned flags)
{
	struct owned o = { .type = ARTIFACT_FILE,
			   .path = path,
			   .scope = scope,
			   .renderer = "test",
			   .resource = "test/x",
			   .flags = flags,
			   .mode = 0644 };
	struct stat st;

	write_file(f, path, "ours\n");
	assert_ok(fs_stat(f->e->root, path, &st, &f->err), &f->err);
	o.stamp = stamp_of(&st);
	assert_ok(owned_put(f->e->db, &o, &f->err), &f->err);
}

static int news(struct fix *f)
{
	int r;

	f->scopes = (struct strmap)STRMAP_ON(f->ctx);
	r = watch_read(f->w, &f->scopes, &f->err);
	assert_ok(r, &f->err);
	return r;
}

static void expect_scope(struct fix *f, const char *scope)
{
	assert_int_equal(news(f), WATCH_DRIFT);
	assert_int_equal(f->scopes.n, 1);
	assert_string_equal(f->scopes.entries[0].key, scope);
}

TEST(an_edit_names_its_scope_and_our_own_writing_none)
{
	struct fix f;

	setup_watch(&f, 100);
	own(&f, "/etc/x/novacpx/aa/john.conf", "a/john", 0);
	own(&f, "/etc/x/novacpx/bb/a.conf", "d/a.example", 0);
	assert_int_equal(watch_follow(f.w, &f.scopes, &f.err), WATCH_NOTHING);
	assert_int_equal(news(&f), WATCH_NOTHING);
	own(&f, "/etc/x/novacpx/aa/john.conf", "a/john", 0);
	assert_int_equal(news(&f), WATCH_NOTHING);
	write_file(&f, "/etc/x/novacpx/aa/john.conf", "theirs\n");
	expect_scope(&f, "a/john");
	assert_ok(fs_remove_tree(f.e->root, "/etc/x/novacpx/bb", 0, &f.err), &f.err);
	expect_scope(&f, "d/a.example");
	write_file(&f, "/etc/x/novacpx/aa/foreign.conf", "x\n");
	write_file(&f, "/etc/x/novacpx/aa/.john.conf.novacpx", "x\n");
	assert_int_equal(news(&f), WATCH_NOTHING);
	done(&f);
}

TEST(what_was_edited_before_its_folder_was_watched_is_seen)
{
	struct fix f;

	setup_watch(&f, 100);
	own(&f, "/etc/x/john.conf", "a/john", 0);
	own(&f, "/etc/x/mary.conf", "a/mary", 0);
	write_file(&f, "/etc/x/mary.conf", "theirs\n");
	assert_int_equal(watch_follow(f.w, &f.scopes, &f.err), WATCH_DRIFT);
	assert_int_equal(f.scopes.n, 1);
	assert_string_equal(f.scopes.entries[0].key, "a/mary");
	done(&f);
}

TEST(folders_that_tenants_can_write_to_are_not_watched)
{
	struct fix f;
	size_t before;

	setup_watch(&f, 100);
	before = watch_count(f.w);
	own(&f, "/home/john/index.html", "a/john", ARTIFACT_TENANT);
	own(&f, "/home/mary/index.html", "a/mary", ARTIFACT_ONCE);
	assert_int_equal(watch_follow(f.w, &f.scopes, &f.err), WATCH_NOTHING);
	assert_int_equal(watch_count(f.w), before);
	done(&f);
}

TEST(include_folders_name_the_domain_or_account_also_new_ones)
{
	struct fix f;

	setup_watch(&f, 100);
	write_file(&f, "/etc/novacpx/nginx.d/a.example/x.conf", "x\n");
	expect_scope(&f, "d/a.example");
	write_file(&f, "/etc/novacpx/nginx.d/a.example/x.conf", "y\n");
	expect_scope(&f, "d/a.example");
	write_file(&f, "/etc/novacpx/php.d/john/x.conf", "x\n");
	expect_scope(&f, "a/john");
	done(&f);
}

TEST(more_folders_than_the_cap_are_told_and_a_refresh_forgets_what_is_not_ours)
{
	struct fix f;

	setup_watch(&f, 3);
	assert_null(watch_limit(f.w));
	own(&f, "/etc/x/1/a", "s", 0);
	own(&f, "/etc/x/2/a", "s", 0);
	assert_ok(watch_follow(f.w, &f.scopes, &f.err), &f.err);
	assert_int_equal(watch_count(f.w), 3);
	assert_contains(watch_limit(f.w), "more than 3 folders");
	assert_ok(owned_del(f.e->db, ARTIFACT_FILE, "/etc/x/1/a", &f.err), &f.err);
	assert_ok(watch_refresh(f.w, &f.scopes, &f.err), &f.err);
	assert_int_equal(watch_count(f.w), 3);
	assert_null(watch_limit(f.w));
	write_file(&f, "/etc/x/2/a", "theirs\n");
	expect_scope(&f, "s");
	done(&f);
}

TEST(thousands_of_folders_keep_their_names)
{
	struct fix f;

	setup_watch(&f, 3000);
	for (int i = 0; i < 1500; i++)
		own(&f, mem_fmt(f.ctx, "/etc/x/%d/a", i), mem_fmt(f.ctx, "a/%d", i), 0);
	assert_int_equal(watch_follow(f.w, &f.scopes, &f.err), WATCH_NOTHING);
	for (int i = 0; i < 1500; i += 300) {
		write_file(&f, mem_fmt(f.ctx, "/etc/x/%d/a", i), "theirs\n");
		expect_scope(&f, mem_fmt(f.ctx, "a/%d", i));
	}
	done(&f);
}

static int read_condition(const struct condition *c, void *arg, struct err *err)
{
	struct condition *ret = arg;

	(void)err;
	*ret = *c; /* the texts are not looked at */
	return 0;
}

/* What a pass at NOW leaves of a condition that it finds (again). */
static struct condition found_at(struct fix *f, int64_t now, const char *type)
{
	struct condition c = { .resource = "domain/a.example",
			       .part = "nginx",
			       .scope = "d/a.example",
			       .type = type,
			       .reason = "ApplyFailed",
			       .message = "x",
			       .since = now,
			       /* now: tried again, sooner or later */
			       .next_try = now };
	struct condition got = { .since = -1 };

	assert_ok(condition_doubt(f->e->db, "d/a.example", "nginx", &f->err), &f->err);
	if (type)
		assert_ok(condition_put(f->e->db, &c, &f->err), &f->err);
	assert_ok(condition_sweep(f->e->db, &f->err), &f->err);
	assert_ok(condition_each(f->e->db, NULL, read_condition, &got, &f->err), &f->err);
	return got;
}

TEST(a_condition_keeps_its_age_and_is_tried_later_and_later)
{
	struct condition c;
	struct fix f;

	setup(&f);
	c = found_at(&f, 1000, "Failed");
	assert_int_equal(c.since, 1000);
	assert_in_range(c.next_try, 1001, 1002);
	for (int64_t now = 1010; now < 1200; now += 10)
		c = found_at(&f, now, "Failed");
	assert_int_equal(c.since, 1000);
	assert_int_equal(c.next_try, 1190 + 300);
	c = found_at(&f, 2000, "Blocked"); /* another one */
	assert_int_equal(c.since, 2000);
	assert_int_equal(found_at(&f, 2001, NULL).since, -1);
	done(&f);
}

/* Every line makes its connection a follower. */
static void follow_line(struct conn *c, const char *line, size_t len, void *arg)
{
	struct err err = ERR_INIT;

	(void)line;
	(void)len;
	(void)arg;
	conn_answer(c, json_pack("[s]", conn_follow(c, &err) < 0 ? "full" : "follows"));
}

TEST(a_follower_that_does_not_read_is_dropped_and_one_that_does_is_told_all)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct server *server = NULL;
	sd_event *event = NULL;
	char block[8192];
	ssize_t got = 0;
	ssize_t n = 0;
	struct server_opts opts = { .path = "/x.sock", .calls.line = follow_line };
	struct fix f;
	int fds[2];

	setup(&f);
	opts.root = f.e->root;
	assert_true(sd_event_new(&event) >= 0);
	assert_ok(server_new(f.ctx, event, &opts, &server, &f.err), &f.err);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/x.sock", f.e->root_path);
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(send(fds[i], "x\n", 2, 0), 2);
	}
	for (int i = 0; i < 20; i++)
		assert_true(sd_event_run(event, 10000) >= 0);
	assert_int_equal(server_followers(server), 2);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 200;
	     i++) { /* 1.6 MB, more than any socket's buffer and the lag together */
		server_tell(server, json_pack("[s%]", block, sizeof(block)));
		(void)sd_event_run(event, 0);
		while ((n = recv(fds[1], block, sizeof(block), 0)) > 0) {
			got += n;
			(void)sd_event_run(event, 0);
		}
		memset(block, 'x', sizeof(block));
	}
	assert_int_equal(server_followers(server), 1);
	assert_int_equal(got,
			 (ssize_t)strlen("[\"follows\"]\n") + 200 * ((ssize_t)sizeof(block) + 5));
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	for (int i = 0; i < 5; i++)
		(void)sd_event_run(event, 10000);
	assert_int_equal(server_count(server), 0);
	(void)talloc_free(server);
	(void)sd_event_unref(event);
	done(&f);
}

/*
 * SQLite's locks are the process': closing any other descriptor of a database drops them, the next
 * process that leaves takes itself for the last and deletes the log under us.
 */
TEST(another_process_that_leaves_does_not_delete_our_log)
{
	static const char *const logs[] = { MODEL_DIR "/" MODEL_NAME "-wal",
					    ENGINE_DIR "/engine.db-wal" };
	struct stat before[2];
	struct stat st;
	struct fix f;
	int status;
	pid_t pid;

	setup(&f);
	assert_ok(cursor_set(f.e->db, "x", 1, &f.err), &f.err);
	for (size_t i = 0; i < ARRAY_LEN(logs); i++)
		assert_ok(fs_stat(f.e->root, logs[i], &before[i], &f.err), &f.err);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* a program of its own: a copy of our connections must not be used */
		(void)execl("/proc/self/exe", "daemon_test", "--open", f.e->root_path,
			    (char *)NULL);
		_exit(126);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		assert_ok(fs_stat(f.e->root, logs[i], &st, &f.err), &f.err);
		assert_int_equal(st.st_ino, before[i].st_ino);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	done(&f);
}

/* The other process of the test above. */
__attribute__((constructor)) static void other_process(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct engine *e;
	void *ctx;

	if (argc != 3 || strcmp(argv[1], "--open") != 0)
		return;
	ctx = mem_ctx(NULL, "other");
	if (engine_open(ctx, argv[2], &e, &err) < 0 || cursor_set(e->db, "y", 1, &err) < 0)
		_exit(1);
	mem_freep(&ctx);
	_exit(0);
}
