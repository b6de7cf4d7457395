/* events/stream over HTTP: who is told what, and what becomes of those that go, lag or may not stay. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/support/engine_fake.h"
#include "tests/support/panel.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

#define END "\r\n0\r\n\r\n" /* of a chunked body */

/* An open stream of WHO; LINES are further head lines. */
static int listen_on(struct panel *p, int fd, enum panel_who who, const char *lines)
{
	char token[65];

	memset(token, "0123456789abcdef"[who], 64);
	token[64] = '\0';
	web_send(fd, mem_fmt(p->ctx,
			     "GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n"
			     "Cookie: ncpx_session=%s\r\n%s\r\n",
			     token, lines));
	return fd;
}

static int begin(struct panel *p, enum panel_who who)
{
	int fd = listen_on(p, web_connect(&p->web), who, "");

	assert_contains(web_read_until(&p->web, fd, "event: hello"), "text/event-stream");
	return fd;
}

static char *until(struct panel *p, int fd, const char *text)
{
	char *told = web_read_until(&p->web, fd, text);

	assert_contains(told, text);
	return told;
}

static void assert_lacks(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("%s is in %s", what, text);
}

static void add_record(struct panel *p, enum panel_who who, const char *name)
{
	struct panel_answer a = panel_post(p, who, "dns/add-record",
					   mem_fmt(p->ctx,
						   "{\"zone_id\":%d,\"type\":\"A\",\"name\":\"%s\","
						   "\"value\":\"192.0.2.9\"}",
						   who == AS_JANE ? 2 : 1, name));

	if (a.status != 200)
		fail_msg("%s", a.body);
}

/* The last id in TEXT. */
static const char *last_id(struct panel *p, const char *text)
{
	const char *at = NULL;

	for (const char *next = strstr(text, "id: "); next; next = strstr(next + 1, "id: "))
		at = next;
	if (!at)
		fail_msg("no id in %s", text);
	return mem_strn(p->ctx, at + 4, strcspn(at + 4, "\n"));
}

TEST(a_commit_is_told_to_those_whose_resources_it_touches)
{
	struct panel p = { 0 };
	char *told;

	panel_start(&p);
	int john = begin(&p, AS_JOHN), jane = begin(&p, AS_JANE), resel = begin(&p, AS_RESEL),
	    admin = begin(&p, AS_ADMIN);

	add_record(&p, AS_JOHN, "one");
	add_record(&p, AS_JANE, "two");
	told = until(&p, john, "\"resources\":[\"record/example.com/one/A/192.0.2.9\"");
	assert_contains(told, "event: revision\ndata: {\"revision\":2,");
	assert_contains(told, "\"actor\":\"john\",\"action\":\"dns.add-record\"");
	told = until(&p, jane, "two/A/192.0.2.9");
	assert_lacks(told, "example.com");
	assert_lacks(told, "john");
	(void)until(&p, resel, "one/A/192.0.2.9");
	(void)until(&p, admin, "two/A/192.0.2.9");
	/* by now the others were told all there is */
	add_record(&p, AS_JOHN, "three");
	assert_lacks(until(&p, john, "three/A"), "jane");
	assert_lacks(until(&p, resel, "three/A"), "jane");
	(void)close(john);
	(void)close(jane);
	(void)close(resel);
	(void)close(admin);
	panel_stop(&p);
}

/* The command line writes the same model without us. */
TEST(a_commit_of_another_program_is_told_too)
{
	struct store_fix s = { .ctx = mem_ctx(NULL, "other program") };
	struct panel p = { 0 };

	panel_start(&p);
	int john = begin(&p, AS_JOHN);

	s.cs.ctx = s.problems.ctx = s.ctx;
	assert_ok(store_open(s.ctx, p.model, false, &s.s, &s.err), &s.err);
	fix_put(&s, &kind_forwarder, "source", "x@example.com", "destination", "a@b.example",
		"account", "john", NULL);
	fix_committed(&s);
	fix_done(&s);
	(void)until(&p, john, "forwarder/x@example.com");
	(void)close(john);
	panel_stop(&p);
}

TEST(what_is_of_a_deleted_account_is_told_to_whose_it_was_and_nobody_else)
{
	struct panel p = { 0 };
	char *told;

	panel_start(&p);
	int resel = begin(&p, AS_RESEL), other = begin(&p, AS_OTHER);

	assert_int_equal(panel_post(&p, AS_ADMIN, "accounts/terminate", "{\"id\":1}").status, 200);
	add_record(&p, AS_JANE, "later");
	(void)until(&p, resel, "account/john");
	told = until(&p, other, "later/A");
	assert_lacks(told, "john");
	assert_lacks(told, "example.com");
	(void)close(resel);
	(void)close(other);
	panel_stop(&p);
}

#define CONDITION(resource)                                                       \
	"{\"event\":\"condition\",\"resource\":\"" resource                       \
	"\",\"type\":\"Failed\",\"reason\":\"Broken\",\"message\":\"of " resource \
	"\",\"revision\":1}"

TEST(the_engine_s_conditions_are_told_to_their_owner)
{
	struct panel p = { 0 };
	struct engine_fake f;
	char *told;

	panel_start(&p);
	engine_fake_start(&f, p.opts.engine);
	int john = begin(&p, AS_JOHN), jane = begin(&p, AS_JANE), admin = begin(&p, AS_ADMIN);

	engine_fake_tell(&f, CONDITION("server/nginx"));
	engine_fake_tell(&f, CONDITION("no/such"));
	engine_fake_tell(&f, CONDITION("domain/jane.example"));
	engine_fake_tell(&f, CONDITION("mailbox/info@example.com"));
	engine_fake_tell(&f, "{\"event\":\"applied\",\"revision\":7,\"actions\":3,\"failed\":1}");
	told = until(&p, john, "event: applied\ndata: {\"revision\":7}");
	assert_contains(told, "event: engine\ndata: {\"state\":\"up\"");
	assert_contains(told, "{\"resource\":\"mailbox/info@example.com\",\"type\":\"Failed\"");
	assert_lacks(told, "jane");
	assert_lacks(told, "server/");
	assert_lacks(told, "no/such");
	told = until(&p, jane, "event: applied");
	assert_contains(told, "domain/jane.example");
	assert_lacks(told, "example.com");
	told = until(&p, admin, "{\"revision\":7,\"actions\":3,\"failed\":1}");
	assert_contains(told, "server/nginx");
	(void)close(john);
	(void)close(jane);
	(void)close(admin);
	engine_fake_stop(&f);
	panel_stop(&p);
}

TEST(an_engine_that_goes_and_comes_back_is_told)
{
	struct panel p = { 0 };
	struct engine_fake f;

	panel_start(&p);
	int john = begin(&p, AS_JOHN);

	(void)until(&p, john, "event: engine\ndata: {\"state\":\"down\"");
	engine_fake_start(&f, p.opts.engine);
	(void)until(&p, john, "event: engine\ndata: {\"state\":\"up\",\"applied\":1}");
	engine_fake_stop(&f);
	(void)until(&p, john, "event: engine\ndata: {\"state\":\"down\",\"applied\":1}");
	(void)close(john);
	panel_stop(&p);
}

/* Lines of an engine that has gone mad must not take the API with it. */
TEST(an_engine_that_talks_nonsense_is_hung_up)
{
	struct panel p = { 0 };
	struct engine_fake f;

	panel_start(&p);
	engine_fake_start(&f, p.opts.engine);
	int john = begin(&p, AS_JOHN);

	(void)until(&p, john, "{\"state\":\"up\"");
	engine_fake_tell(&f, "{\"event\":\"condition\",\"resource\":7}");
	engine_fake_tell(&f, "{\"event\":\"condition\"}");
	engine_fake_tell(&f, "[[[");
	(void)until(&p, john, "{\"state\":\"down\"");
	(void)until(&p, john, "{\"state\":\"up\"");
	(void)close(john);
	engine_fake_stop(&f);
	panel_stop(&p);
}

/* Coming back */

TEST(who_comes_back_with_an_id_is_told_what_was_missed)
{
	struct panel p = { 0 };
	const char *id;
	char *told;

	panel_start(&p);
	int fd = begin(&p, AS_JOHN);

	add_record(&p, AS_JOHN, "seen");
	id = last_id(&p, until(&p, fd, "seen/A/192.0.2.9\"],\"truncated\":false}\n\n"));
	(void)close(fd);
	add_record(&p, AS_JANE, "hers");
	add_record(&p, AS_JOHN, "missed");
	fd = listen_on(&p, web_connect(&p.web), AS_JOHN,
		       mem_fmt(p.ctx, "Last-Event-ID: %s\r\n", id));
	told = until(&p, fd, "missed/A");
	assert_lacks(told, "seen/A");
	assert_lacks(told, "hers");
	assert_lacks(told, "event: hello");
	assert_lacks(told, "event: reset");
	(void)close(fd);
	panel_stop(&p);
}

static char *first_of(struct panel *p, const char *id)
{
	int fd = listen_on(p, web_connect(&p->web), AS_JOHN,
			   mem_fmt(p->ctx, "Last-Event-ID: %s\r\n", id));
	char *told = until(p, fd, "}\n\n");

	(void)close(fd);
	return told;
}

TEST(an_id_that_is_not_known_is_told_to_ask_anew)
{
	static const char *const ids[] = {
		"0123abcd-1", "x", "-", "0123abcd-", "0123abcd-99999999999999999999999", "1"
	};
	struct panel p = { 0 };
	const char *id;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_contains(first_of(&p, ids[i]), "event: reset");
	/* of this run, but yet to come */
	id = last_id(&p, first_of(&p, "x"));
	assert_contains(first_of(&p, mem_fmt(p.ctx, "%.9s999", id)), "event: reset");
	panel_stop(&p);
}

TEST(an_id_that_fell_off_the_ring_is_told_to_ask_anew)
{
	struct panel p = { .opts.events.kept = 4 };
	const char *id;
	char *told;

	panel_start(&p);
	int fd = listen_on(&p, web_connect(&p.web), AS_ADMIN, "");

	id = last_id(&p, until(&p, fd, "data: {"));
	for (int i = 0; i < 10; i++) {
		add_record(&p, AS_JANE, mem_fmt(p.ctx, "r%d", i));
		(void)until(&p, fd, mem_fmt(p.ctx, "r%d/A", i));
	}
	told = first_of(&p, id);
	assert_contains(told, "event: reset\ndata: {\"revision\":11,");
	(void)close(fd);
	panel_stop(&p);
}

/* Slow ones */

TEST(a_burst_that_is_too_much_is_told_as_a_reset)
{
	struct panel p = { .opts.events.lag_max = 1500 };
	struct engine_fake f;
	char *lines;

	panel_start(&p);
	engine_fake_start(&f, p.opts.engine);
	int john = begin(&p, AS_JOHN);

	(void)until(&p, john, "{\"state\":\"up\"");
	lines = mem_fmt(p.ctx, CONDITION("domain/example.com"));
	for (int i = 0; i < 5; i++)
		lines = mem_fmt(p.ctx, "%s\n%s", lines, lines);
	engine_fake_tell(&f, lines);
	(void)until(&p, john, "event: reset");
	/* and from there on as before */
	add_record(&p, AS_JOHN, "after");
	(void)until(&p, john, "after/A");
	(void)close(john);
	engine_fake_stop(&f);
	panel_stop(&p);
}

/* Megabytes, until TEXT comes. */
static bool read_far(int fd, const char *text)
{
	enum {
		KEPT = 64
	};

	char block[65536 + KEPT] = "";
	size_t kept = 0;
	ssize_t n;

	while ((n = recv(fd, block + kept, sizeof(block) - kept, 0)) > 0) {
		size_t len = kept + (size_t)n;

		if (memmem(block, len, text, strlen(text)))
			return true;
		kept = MIN(len, (size_t)KEPT);
		memmove(block, block + len - kept, kept);
	}
	return false;
}

TEST(who_does_not_read_costs_no_more_than_the_bound_and_is_reset)
{
	enum {
		BOUND = 64 * 1024
	};
	struct panel p = { .opts.events.lag_max = BOUND,
			   .opts.http.stream_max = (size_t)BOUND * 2 };
	struct engine_fake f;
	struct http_stats stats;
	const char *line;
	int slow;

	panel_start(&p);
	engine_fake_start(&f, p.opts.engine);
	slow = listen_on(&p, web_connect_slow(&p.web), AS_JOHN, "");
	(void)until(&p, slow, "{\"state\":\"up\"");
	line = mem_fmt(p.ctx,
		       "{\"event\":\"condition\",\"resource\":\"domain/example.com\","
		       "\"type\":\"Failed\",\"reason\":\"Broken\",\"message\":\"%0900d\"}",
		       1);
	/* more than the kernel's buffers take, in pieces that are not too much each */
	for (int i = 0; i < 6000; i++) {
		engine_fake_tell(&f, line);
		if (i % 50 == 0)
			(void)usleep(25000);
	}
	http_stats(p.api->http, &stats);
	assert_int_equal(stats.streams, 1);
	assert_int_equal(stats.reaped, 0);
	assert_true(read_far(slow, "event: reset"));
	(void)close(slow);
	engine_fake_stop(&f);
	panel_stop(&p);
}

/* Those that may not stay */

TEST(a_stream_ends_with_its_session)
{
	struct panel p = { 0 };

	panel_start(&p);
	int john = begin(&p, AS_JOHN), jane = begin(&p, AS_JANE);

	assert_int_equal(panel_post(&p, AS_JOHN, "auth/logout", "{}").status, 200);
	assert_contains(web_read_until(&p.web, john, END), END);
	/* the other one's goes on */
	add_record(&p, AS_JANE, "still");
	(void)until(&p, jane, "still/A");
	(void)close(john);
	(void)close(jane);
	panel_stop(&p);
}

TEST(a_stream_ends_when_its_account_is_suspended)
{
	struct panel p = { 0 };

	panel_start(&p);
	int john = begin(&p, AS_JOHN), resel = begin(&p, AS_RESEL);

	assert_int_equal(panel_post(&p, AS_ADMIN, "accounts/suspend", "{\"id\":1}").status, 200);
	assert_contains(web_read_until(&p.web, john, END), END);
	add_record(&p, AS_RESEL, "still");
	(void)until(&p, resel, "still/A");
	(void)close(john);
	(void)close(resel);
	panel_stop(&p);
}

TEST(streams_end_at_the_stop)
{
	struct panel p = { 0 };
	int fds[20];

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = begin(&p, AS_JOHN);
	api_stop(&p.api);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_contains(web_read_until(&p.web, fds[i], END), END);
		(void)close(fds[i]);
	}
	panel_stop(&p);
}

static void wait_for_listeners(struct panel *p, size_t n)
{
	struct events_view view = { .listeners = n + 1 };

	for (int i = 0; i < 1000 && view.listeners != n; i++) {
		events_peek(p->api->events, &view);
		(void)usleep(10000);
	}
	assert_int_equal(view.listeners, n);
}

TEST(a_user_and_an_address_have_so_many_streams_and_no_more)
{
	static const char *const proxies[] = { "127.0.0.1", NULL };
	struct panel p = { .opts.events = { .per_user = 2, .per_address = 3 },
			   .opts.proxies = proxies };
	struct panel_answer a;
	int fds[5];

	panel_start(&p);
	fds[0] = begin(&p, AS_JOHN);
	fds[1] = begin(&p, AS_JOHN);
	a = panel_get(&p, AS_JOHN, "events/stream");
	assert_int_equal(a.status, 429);
	assert_contains(a.body, "You have 2 event streams open; at most 2 are allowed");
	for (size_t i = 2; i < ARRAY_LEN(fds); i++) {
		fds[i] = listen_on(&p, web_connect(&p.web), AS_ADMIN,
				   "X-Forwarded-For: 192.0.2.1\r\n");
		(void)until(&p, fds[i], "event: hello");
	}
	a = panel_ask(&p, AS_ADMIN, "GET", "events/stream", NULL, "X-Forwarded-For: 192.0.2.1\r\n");
	assert_int_equal(a.status, 429);
	assert_contains(a.body, "192.0.2.1 has 3 event streams open; at most 3 are allowed");
	/* who goes makes room */
	(void)close(fds[0]);
	wait_for_listeners(&p, 4);
	fds[0] = begin(&p, AS_JOHN);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	wait_for_listeners(&p, 0);
	panel_stop(&p);
}

TEST(a_head_request_leaves_no_stream_behind)
{
	struct panel p = { 0 };

	panel_start(&p);
	assert_int_equal(panel_ask(&p, AS_JOHN, "HEAD", "events/stream", NULL, "").status, 200);
	wait_for_listeners(&p, 0);
	panel_stop(&p);
}

TEST(nobody_listens_without_a_session)
{
	struct panel p = { 0 };

	panel_start(&p);
	assert_int_equal(panel_get(&p, AS_NOBODY, "events/stream").status, 401);
	assert_int_equal(panel_get(&p, AS_BILLING, "events/stream").status, 401);
	panel_stop(&p);
}
