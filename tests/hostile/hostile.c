/*
 * Thousands of hostile requests against a novacpx-api of its own process, so that a crash, what the
 * sanitizers say and a leak at the end are seen. In rounds: each has a new small world, a process,
 * and its own seed, and is followed by a look at what it left behind.
 *
 * SEED, N (requests in all) and ROUND (that one alone) come from the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "state/export.h"
#include "tests/hostile/answer.h"
#include "tests/hostile/shot.h"
#include "tests/support/state_fix.h"
#include "tests/support/testing.h"

enum {
	ROUND_SHOTS = 500,
	SHOTS = 10000,
	LOG_MAX = 1 << 20,
	ANSWER_MAX = 8 << 20,
	LOG_IN_EVERY = 3,
	FAILURES_SHOWN = 30,
	ANSWER_MS = 10000, /* a request as it should be is waited for */
	SILENT_MS = 25,    /* one that may be incomplete not so long */
	MORE_MS = 4,       /* nor a second answer */
};

struct round {
	struct panel panel;
	pid_t pid;
	const char *log; /* path of what the process says */
	uint16_t http, https;
	struct noise noise;
};

struct total {
	struct answers answers;
	size_t shots, failed;
};

static size_t number(const char *name, size_t dflt)
{
	const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread */

	return text && *text ? strtoull(text, NULL, 10) : dflt;
}

/* The process */

/* novacpx-api of the same build as this program. */
static const char *program(const void *ctx)
{
	char self[4096] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(len > 0);
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	return mem_fmt(ctx, "%s/novacpx-api", self);
}

static noreturn_ void run_api(const struct round *r, const char *path)
{
	int fd = open(r->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	(void)setenv("ASAN_OPTIONS", "exitcode=99:allocator_may_return_null=0", 1);
	(void)setenv("UBSAN_OPTIONS", "print_stacktrace=1", 1);
	/* unconfined: the leak checker attaches to its own process, which the filter forbids */
	(void)execl(path, path, "--unconfined", "--state", r->panel.dir, "--http", "0", "--listen",
		    "0", "--rate", "1000000000", "--login-rate", "1000000000", "--engine",
		    "/nowhere/engine.sock", (char *)NULL);
	_exit(127);
}

static const char *read_log(const struct round *r)
{
	cleanup_(fd_close) int root = fs_root_open("/", NULL);
	struct err err = ERR_INIT;
	char *text;
	size_t len;

	if (fs_read(r->panel.ctx, root, r->log, LOG_MAX, 0, &text, &len, &err) < 0)
		return "";
	return text;
}

static uint16_t port_in(const char *log, const char *line)
{
	const char *at = strstr(log, line);

	return at && strchr(at, '\n') ? (uint16_t)atoi(at + strlen(line)) : 0;
}

static void nap(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static void round_start(struct round *r, uint64_t seed)
{
	const char *path;

	*r = (struct round){ .pid = -1 };
	panel_seed(&r->panel);
	noise_seed(&r->noise, seed);
	r->log = mem_fmt(r->panel.ctx, "%s/log", r->panel.dir);
	path = program(r->panel.ctx);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0)
		run_api(r, path);
	for (int i = 0; i < 3000 && !r->https; i++) {
		const char *log = read_log(r);

		r->http = port_in(log, "HTTP on port ");
		r->https = port_in(log, "HTTPS on port ");
		nap(10);
	}
	if (!r->https)
		fail_msg("novacpx-api did not start: %s", read_log(r));
	r->panel.web.port = r->http;
}

static bool is_alive(const struct round *r)
{
	int status;

	if (waitpid(r->pid, &status, WNOHANG) == 0)
		return true;
	print_error("wait status %d\n", status);
	return false;
}

/* Told to end, it does, in time and without a word of the sanitizers. */
static void round_stop(struct round *r)
{
	int status = -1;
	pid_t ended = 0;

	(void)kill(r->pid, SIGTERM);
	for (int i = 0; i < 6000 && ended == 0; i++) {
		ended = waitpid(r->pid, &status, WNOHANG);
		nap(10);
	}
	if (ended != r->pid)
		(void)kill(r->pid, SIGKILL);
	if (ended != r->pid || status != 0)
		fail_msg("wait status %d at the end; it said:\n%s", status, read_log(r));
}

/* Sending */

static char *escaped(const void *ctx, const char *data, size_t len)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; i < MIN(len, (size_t)3000); i++) {
		unsigned char c = (unsigned char)data[i];

		if (c == '\n')
			buf_puts(&b, "\\n\n");
		else if (c < 0x20 || c >= 0x7f || c == '\\')
			buf_printf(&b, "\\x%02x", c);
		else
			buf_putc(&b, data[i]);
	}
	return mem_fmt(ctx, "%s%s", buf_str(&b), len > 3000 ? "…" : "");
}

static void send_shot(int fd, const struct shot *s)
{
	size_t piece = s->piece ? MAX(s->piece, s->len / 20) : s->len;

	for (size_t at = 0; at < s->len;) {
		ssize_t n = send(fd, s->data + at, MIN(piece, s->len - at), MSG_NOSIGNAL);

		if (n < 0)
			return;
		at += (size_t)n;
		if (s->piece)
			nap(1);
	}
}

/* False: nothing came for MS. */
static bool comes(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) != 0;
}

/*
 * Until the server closes. When it falls silent it is told that no more comes; not before, for
 * then it may close without the answers that it owes.
 */
static const char *receive(const void *ctx, int fd, bool is_sound, size_t *ret_len,
			   bool *ret_is_cut)
{
	struct buf b = BUF_ON(ctx);
	char piece[65536];
	ssize_t n;

	for (;;) {
		if (!comes(fd, b.len ? MORE_MS : is_sound ? ANSWER_MS : SILENT_MS))
			(void)shutdown(fd, SHUT_WR);
		n = recv(fd, piece, sizeof(piece), 0);
		if (n <= 0 || b.len >= ANSWER_MAX)
			break;
		buf_put(&b, piece, (size_t)n);
	}
	*ret_len = b.len;
	*ret_is_cut = n < 0 && errno == ECONNRESET;
	if (n < 0 && errno != ECONNRESET)
		return NULL;
	return b.len ? b.data : "";
}

/* What is wrong with the answer to S, or NULL. */
static const char *shoot(struct round *r, const void *ctx, const struct shot *s,
			 struct total *total)
{
	struct answers before = total->answers;
	int fd = web_connect_port(s->is_raw_tls ? r->https : r->http);
	bool is_cut = false;
	const char *text = "", *why = NULL;
	size_t len = 0;

	send_shot(fd, s);
	if (!s->is_left)
		text = receive(ctx, fd, s->is_sound, &len, &is_cut);
	(void)close(fd);
	if (s->is_left || s->is_raw_tls)
		return NULL;
	if (!text)
		return "it neither answered nor closed in 10 s";
	why = answers_check(ctx, text, len, s->is_head, is_cut, &total->answers);
	if (!why && s->is_sound && total->answers.n != before.n + 1)
		why = mem_fmt(ctx, "%zu answers instead of 1", total->answers.n - before.n);
	return why ? mem_fmt(ctx, "%s\n%s", why, escaped(ctx, text, len)) : NULL;
}

static void shoot_all(struct round *r, uint64_t seed, size_t number_of, size_t shots,
		      struct total *total)
{
	for (size_t i = 0; i < shots; i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "shot");
		struct shot s;
		const char *why;

		if (i % LOG_IN_EVERY == 0)
			panel_log_in_all(&r->panel);
		s = shot_make(ctx, &r->noise, &r->panel);
		total->shots++;
		if (!is_alive(r))
			fail_msg("SEED=%zu ROUND=%zu: gone before request %zu: %s", (size_t)seed,
				 number_of, i, read_log(r));
		why = shoot(r, ctx, &s, total);
		if (!why)
			continue;
		if (total->failed++ < FAILURES_SHOWN)
			print_error("SEED=%zu ROUND=%zu, request %zu (%s):\n%s\nanswered: %s\n",
				    (size_t)seed, number_of, i, s.label,
				    escaped(ctx, s.data, s.len), why);
	}
}

/* What a round left behind */

static void check_database(const char *path)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "check");
	struct err err = ERR_INIT;
	struct sql *db = NULL;
	struct stmt *st = NULL;

	assert_ok(sql_open(ctx, path, SQL_READONLY, &db, &err), &err);
	assert_ok(sql_get(db, "PRAGMA integrity_check", &st, &err), &err);
	assert_int_equal(sql_step(st, &err), 1);
	assert_string_equal(sql_text(st, 0), "ok");
	sql_done(&st);
	assert_ok(sql_get(db, "PRAGMA foreign_key_check", &st, &err), &err);
	assert_int_equal(sql_step(st, &err), 0);
	sql_done(&st);
}

static int64_t sql_number(struct store *s, const char *text)
{
	struct err err = ERR_INIT;
	struct stmt *st = NULL;
	int64_t n;

	assert_ok(sql_get(store_sql(s), text, &st, &err), &err);
	assert_int_equal(sql_step(st, &err), 1);
	n = sql_int(st, 0);
	sql_done(&st);
	return n;
}

/* All that was let in can be written down, read again by its rules into an empty store, and is the same. */
static void check_model(const char *path)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "check");
	struct buf before = BUF_ON(ctx), after = BUF_ON(ctx);
	struct export_options from = { .with_secrets = true }, to = { .with_secrets = true };
	struct err err = ERR_INIT;
	struct state_fix f;

	assert_ok(store_open(ctx, path, true, &from.store, &err), &err);
	assert_int_equal(sql_number(from.store, "SELECT count(*) - max(rev) FROM revision"), 0);
	assert_ok(export_all(&before, &from, &err), &err);
	state_setup(&f);
	if (state_apply_text(&f, buf_str(&before)) <= 0)
		fail_msg("what was let in breaks a rule: %s\n%s", state_problems(&f),
			 buf_str(&before));
	to.store = f.store;
	assert_ok(export_all(&after, &to, &err), &err);
	assert_string_equal(buf_str(&before), buf_str(&after));
	state_done(&f);
}

static void check_rest(struct round *r)
{
	struct panel_answer a;

	panel_log_in_all(&r->panel);
	a = panel_get(&r->panel, AS_ADMIN, "system/version");
	assert_int_equal(a.status, 200);
	a = panel_post(&r->panel, AS_ADMIN, "packages/create", "{\"name\":\"after all\"}");
	if (a.status != 200)
		fail_msg("a normal call: %s %s", a.head, a.body);
	(void)close(r->panel.fd);
}

static void play(uint64_t seed, size_t number_of, size_t shots, struct total *total)
{
	struct round r;

	round_start(&r, seed * 1000003 + number_of);
	shoot_all(&r, seed, number_of, shots, total);
	check_rest(&r);
	round_stop(&r);
	check_database(r.panel.model);
	check_database(r.panel.db);
	check_model(r.panel.model);
	panel_remove(&r.panel);
}

static size_t share(const struct total *t, int from, int to)
{
	size_t n = 0;

	for (int i = from; i < to; i++)
		n += t->answers.of_status[i];
	return n;
}

static void tell(const struct total *t)
{
	for (int i = 0; i < STATUS_MAX; i++)
		if (t->answers.of_status[i])
			print_message("status %d: %zu\n", i, t->answers.of_status[i]);
}

TEST(hostile_requests_neither_crash_nor_leak_and_each_answer_is_in_form)
{
	uint64_t seed = number("SEED", 1);
	size_t shots = number("N", SHOTS), only = number("ROUND", SIZE_MAX);
	struct total total = { .shots = 0 };

	print_message("SEED=%zu N=%zu\n", (size_t)seed, shots);
	for (size_t i = 0; i * ROUND_SHOTS < shots; i++)
		if (only == SIZE_MAX || only == i)
			play(seed, i, MIN((size_t)ROUND_SHOTS, shots - i * ROUND_SHOTS), &total);
	tell(&total);
	assert_int_equal(total.failed, 0);
	/* or else they do not get to where the harm would be */
	if (total.shots > 200) {
		assert_true(total.answers.n > total.shots * 3 / 4);
		assert_true(share(&total, 200, 300) > total.shots / 10);
		assert_true(share(&total, 422, 423) > total.shots / 20);
	}
}
