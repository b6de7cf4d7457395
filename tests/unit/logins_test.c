#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/logins.h"
#include "tests/support/testing.h"

#define HELLO "VERSION\t1\t2\nSPID\t4711\n"

/* A root with Dovecot's socket; a child that gives each connection its own ANSWERS, the last for good. */
struct fake {
	int root;
	pid_t pid;
};

static void serve_one(int fd, const char *answer)
{
	char in[512];
	/* the question: the server has read it before it answers, or hangs up */
	ssize_t n = read(fd, in, sizeof(in));

	if (n <= 0 || strcmp(answer, "hang up") == 0)
		return;
	if (strcmp(answer, "flood") == 0) {
		while (send(fd, "SPID\t1\n", 7, MSG_NOSIGNAL) > 0)
			continue;
	}
	if (strcmp(answer, "endless") == 0) {
		while (send(fd, "xxxxxxxxxxxxxxxx", 16, MSG_NOSIGNAL) > 0)
			continue;
	}
	if (strcmp(answer, "silence") == 0)
		(void)poll(NULL, 0, 10000);
	for (const char *c = answer; *c; c++) { /* in the smallest pieces */
		if (send(fd, c, 1, MSG_NOSIGNAL) < 0)
			return;
	}
	while (read(fd, in, sizeof(in)) > 0)
		continue;
}

static struct fake fake_start(const char *const *answers)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err err = ERR_INIT;
	struct fake f;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/run/dovecot/auth-userdb",
		       test_tmpdir());
	f.root = fs_root_open(test_tmpdir(), &err);
	assert_ok(f.root, &err);
	assert_ok(fs_mkdirs(f.root, "/run/dovecot", 0755, &err), &err);
	(void)unlink(at.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	f.pid = fork();
	assert_true(f.pid >= 0);
	if (f.pid == 0) {
		for (size_t i = 0;; i += answers[i + 1] != NULL) {
			int to = accept(fd, NULL, NULL);

			serve_one(to, answers[i]);
			(void)close(to);
		}
	}
	(void)close(fd);
	return f;
}

static void fake_stop(struct fake *f)
{
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	fd_close(&f->root);
}

#define with_answers(...) fake_start((const char *const[]){ __VA_ARGS__, NULL })

/* What asking for a@b.c with version "new" comes to; the client waits 200 ms for what it awaits. */
static int await(const struct fake *f, const char *user, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct logins_at at = { .root = f->root, .answer_ms = 300, .patience_ms = 200 };
	struct logins *to;
	int r;

	err_clear(err);
	r = logins_open(ctx, &at, &to, err);
	return r < 0 ? r : logins_await(to, user, "new", err);
}

TEST(a_user_with_the_version_is_known)
{
	struct fake f = with_answers(HELLO "USER\t1\ta@b.c\tuid=1\tnovacpx=new\thome=/x\n");
	struct err err = ERR_INIT;

	assert_ok(await(&f, "a@b.c", &err), &err);
	fake_stop(&f);
}

TEST(an_old_answer_is_asked_for_again_until_it_is_the_new_one)
{
	struct fake f =
		with_answers(HELLO "USER\t1\ta@b.c\tnovacpx=old\n", HELLO "NOTFOUND\t2\n",
			     HELLO "FAIL\t3\treason=x\n", HELLO "USER\t4\ta@b.c\tnovacpx=new\n");
	struct err err = ERR_INIT;

	assert_ok(await(&f, "a@b.c", &err), &err);
	fake_stop(&f);
}

TEST(a_server_that_leaves_is_called_again)
{
	struct fake f = with_answers("hang up", HELLO "USER\t2\ta@b.c\tnovacpx=new\n");
	struct err err = ERR_INIT;

	assert_ok(await(&f, "a@b.c", &err), &err);
	fake_stop(&f);
	f = with_answers("hang up");
	assert_int_equal(await(&f, "a@b.c", &err), -ERR_ABSENT);
	assert_contains(err.msg, "without an answer");
	fake_stop(&f);
}

TEST(patience_is_bounded_and_the_last_answer_is_told)
{
	static const struct {
		const char *answer, *words;
	} rows[] = {
		{ HELLO "USER\t%\ta@b.c\tnovacpx=old\n", "what was there before" },
		{ HELLO "USER\t%\ta@b.c\n", "what was there before" },
		{ HELLO "USER\t%\ta@b.c\tnovacpx=newer\n", "what was there before" },
		{ HELLO "NOTFOUND\t%\n", "does not know" },
		{ HELLO "FAIL\t%\tno permission\n", "no permission" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		/* ids count on: one answer for each question that 200 ms have room for */
		char text[16][128];
		const char *answers[17] = { NULL };
		struct err err = ERR_INIT;
		struct fake f;

		for (int k = 0; k < 16; k++) {
			const char *at = strchr(rows[i].answer, '%');

			(void)snprintf(text[k], sizeof(text[k]), "%.*s%d%s",
				       (int)(at - rows[i].answer), rows[i].answer, k + 1, at + 1);
			answers[k] = text[k];
		}
		f = fake_start(answers);
		assert_int_equal(await(&f, "a@b.c", &err), -ERR_CHECK);
		assert_contains(err.msg, rows[i].words);
		fake_stop(&f);
	}
}

TEST(who_is_not_there_is_absent)
{
	struct fake f = with_answers(HELLO);
	struct err err = ERR_INIT;
	int root = f.root;

	f.root = -1;
	fake_stop(&f); /* the socket stays and nobody listens, as after a crash */
	f.root = root;
	assert_int_equal(await(&f, "a@b.c", &err), -ERR_ABSENT);
	assert_ok(fs_remove_tree(f.root, "/run", 0, &err), &err);
	assert_int_equal(await(&f, "a@b.c", &err), -ERR_ABSENT);
	assert_contains(err.msg, "not running");
	fd_close(&f.root);
}

TEST(who_says_nothing_or_no_end_meets_the_deadline)
{
	static const struct {
		const char *answer;
		int code;
	} rows[] = {
		{ "silence", ERR_TIMEOUT },
		{ HELLO, ERR_TIMEOUT },
		{ "flood", ERR_TIMEOUT },
		{ "endless", ERR_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake f = with_answers(rows[i].answer);
		struct err err = ERR_INIT;

		assert_int_equal(await(&f, "a@b.c", &err), -rows[i].code);
		fake_stop(&f);
	}
}

TEST(what_no_dovecot_answers_is_refused)
{
	static const char *const bad[] = {
		"VERSION\t2\t0\nUSER\t1\ta@b.c\tnovacpx=new\n", /* another protocol */
		"VERSION\nUSER\t1\ta@b.c\tnovacpx=new\n",
		"USER\t1\ta@b.c\tnovacpx=new\n", /* no greeting */
		HELLO "USER\t7\ta@b.c\tnovacpx=new\n",
		HELLO "USER\n",
		HELLO "NOTFOUND\tx\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fake f = with_answers(bad[i]);
		struct err err = ERR_INIT;

		assert_int_equal(await(&f, "a@b.c", &err), -ERR_CORRUPT);
		fake_stop(&f);
	}
}

TEST(a_name_that_would_be_more_than_a_word_is_not_sent)
{
	char name[400];
	const char *const bad[] = { "", "a@b.c\tx", "a@b.c\nUSER\t9\troot", "a b", name };
	struct fake f = with_answers(HELLO "USER\t1\tx\tnovacpx=new\n");
	struct err err = ERR_INIT;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(await(&f, bad[i], &err), -ERR_INVALID);
	fake_stop(&f);
}

TEST(the_first_row_of_a_file_says_its_version)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	static const char *const none[] = {
		"",
		"# managed\n",
		"# userdb_novacpx=1:\n\n",
		"a@b.c:{CRYPT}x:vmail:vmail::/x::userdb_mail=x\n",
		"a@b.c:x::::::\nb@b.c:x::::::userdb_novacpx=12\n",
		"a@b.c:x::::::userdb_mail=x userdb_novacpx=12\n", /* a mailbox */
		"userdb_novacpx=12\n",
	};
	struct err err = ERR_INIT;
	const char *user;
	const char *version;

	assert_ok(logins_version_in(ctx,
				    "# managed\n#\n.novacpx@b.c:*:v:v::::userdb_novacpx=12ab "
				    "userdb_x=1\nb@b.c:x::::::\n",
				    &user, &version, &err),
		  &err);
	assert_string_equal(user, ".novacpx@b.c");
	assert_string_equal(version, "12ab");
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(logins_version_in(ctx, none[i], &user, &version, &err),
				 -ERR_NOTFOUND);
}

TEST(a_second_that_has_passed_is_not_waited_for)
{
	struct timespec since;
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &since), 0);
	logins_await_second(&since);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	assert_true(now.tv_sec > since.tv_sec); /* how much later is the machine's load */
	logins_await_second(&since);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &since), 0);
	assert_true(since.tv_sec >= now.tv_sec && since.tv_sec - now.tv_sec < 10);
}
