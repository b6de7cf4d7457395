/* What the API tells of the engine's view, with a real novacpxd beside it, in a process of its own. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "reconciler/daemon.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

#define MODEL "var/lib/novacpx/model"

/* The panel, its world moved to where an engine looks for it. */
struct fix {
	struct panel p;
	pid_t engine;
};

static void run_engine(const char *root)
{
	const struct daemon_opts opts = {
		.root = root, .socket = DAEMON_SOCKET, .sweep_s = 3600, .watches = 100
	};
	struct err err = ERR_INIT;

	log_set_level(LOG_LEVEL_ERROR); /* on a machine without anything it has much to warn of */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (daemon_run(&opts, &err) < 0)
		print_error("engine: %s\n", err.msg);
	_exit(0);
}

static void move(struct fix *f, const char *name)
{
	static const char *const tails[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		(void)rename(mem_fmt(f->p.ctx, "%s/%s%s", f->p.dir, name, tails[i]),
			     mem_fmt(f->p.ctx, "%s/" MODEL "/%s%s", f->p.dir, name, tails[i]));
}

/* A program of its own: this one has threads. */
static void start_engine(struct fix *f)
{
	f->engine = fork();
	assert_true(f->engine >= 0);
	if (f->engine == 0) {
		(void)execl("/proc/self/exe", "api_status_test", "--engine", f->p.dir,
			    (char *)NULL);
		_exit(126);
	}
}

__attribute__((constructor)) static void other_process(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--engine") == 0)
		run_engine(argv[2]);
}

static void start_api(struct fix *f)
{
	struct err err = ERR_INIT;

	assert_ok(api_start(f->p.ctx, &f->p.opts, &f->p.api, &err), &err);
	f->p.web.port = http_port_of(f->p.api->http, 0);
	f->p.fd = -1;
}

static void setup(struct fix *f)
{
	cleanup_(fd_close) int root = -1;
	struct err err = ERR_INIT;

	panel_start(&f->p);
	api_stop(&f->p.api);
	root = fs_root_open(f->p.dir, &err);
	assert_ok(root, &err);
	assert_ok(fs_mkdirs(root, "/" MODEL, 0700, &err), &err);
	assert_ok(fs_mkdirs(root, "/etc", 0755, &err), &err);
	move(f, "model.db");
	move(f, "api.db");
	f->p.opts.model = f->p.model = mem_fmt(f->p.ctx, "%s/" MODEL "/model.db", f->p.dir);
	f->p.opts.db = f->p.db = mem_fmt(f->p.ctx, "%s/" MODEL "/api.db", f->p.dir);
	f->p.opts.engine = mem_fmt(f->p.ctx, "%s" DAEMON_SOCKET, f->p.dir);
	start_engine(f);
	start_api(f);
}

static void end_engine(struct fix *f)
{
	if (f->engine <= 0)
		return;
	(void)kill(f->engine, SIGKILL);
	(void)waitpid(f->engine, NULL, 0);
	f->engine = 0;
}

static void done(struct fix *f)
{
	end_engine(f);
	panel_stop(&f->p);
}

static int64_t num(const struct panel_answer *a, const char *member)
{
	return json_integer_value(json_object_get(a->data, member));
}

static const char *text(const struct panel_answer *a, const char *member)
{
	const char *t = json_string_value(json_object_get(a->data, member));

	return t ? t : "";
}

/* Until the engine has applied all. */
static struct panel_answer wait_applied(struct fix *f)
{
	struct panel_answer a = { 0 };

	for (int i = 0; i < 200; i++) {
		a = panel_get(&f->p, AS_ADMIN, "status/summary");
		if (a.status == 200 && num(&a, "passes") > 0 && num(&a, "lag") == 0)
			return a;
		(void)usleep(50000);
	}
	fail_msg("not applied: %s", a.body);
	return a;
}

static bool has_resource(const struct panel_answer *a, const char *part)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(a->data, "conditions"), i, o)
	{
		if (strstr(json_string_value(json_object_get(o, "resource")), part))
			return true;
	}
	return false;
}

TEST(the_summary_tells_how_far_the_engine_is)
{
	struct fix f = { 0 };
	struct panel_answer a;

	setup(&f);
	a = wait_applied(&f);
	assert_string_equal(text(&a, "engine"), "up");
	assert_int_equal(num(&a, "revision"), 1);
	assert_int_equal(num(&a, "applied"), 1);
	assert_true(num(&a, "conditions") > 0);
	assert_int_equal(panel_get(&f.p, AS_RESEL, "status/summary").status, 403);
	assert_int_equal(panel_get(&f.p, AS_JOHN, "drift/list").status, 403);
	a = panel_get(&f.p, AS_ADMIN, "drift/list");
	assert_int_equal(a.status, 200);
	assert_true(json_is_array(json_object_get(a.data, "actions")));
	done(&f);
}

TEST(without_an_engine_status_is_503_with_what_the_model_knows)
{
	static const char *const paths[] = { "status/summary", "status/list", "drift/list",
					     "status/get?resource=domain/example.com" };
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		a = panel_get(&p, AS_ADMIN, paths[i]);
		assert_int_equal(a.status, 503);
		assert_string_equal(panel_message(&a), "The engine (novacpxd) is not running");
		assert_true(json_is_false(json_object_get(a.json, "success")));
	}
	assert_int_equal(num(&a, "revision"), 1);
	a = panel_get(&p, AS_ADMIN, paths[0]);
	assert_string_equal(text(&a, "engine"), "down");
	assert_int_equal(num(&a, "revision"), 1);
	panel_stop(&p);
}

TEST(conditions_are_listed_to_those_who_may_see_their_resources)
{
	struct fix f = { 0 };
	struct panel_answer a;

	setup(&f);
	(void)wait_applied(&f);
	a = panel_get(&f.p, AS_ADMIN, "status/list");
	assert_true(has_resource(&a, "server/nginx"));
	assert_true(has_resource(&a, "domain/jane.example"));
	assert_true(has_resource(&a, "account/john"));
	a = panel_get(&f.p, AS_ADMIN, "status/list?kind=server");
	assert_true(has_resource(&a, "server/nginx"));
	assert_false(has_resource(&a, "domain/"));
	a = panel_get(&f.p, AS_ADMIN, "status/list?account_id=2&kind=domain");
	assert_true(has_resource(&a, "domain/jane.example"));
	assert_false(has_resource(&a, "example.com"));
	for (enum panel_who who = AS_RESEL; who <= AS_JOHN; who += AS_JOHN - AS_RESEL) {
		a = panel_get(&f.p, who, "status/list");
		assert_int_equal(a.status, 200);
		assert_true(has_resource(&a, "domain/example.com"));
		assert_true(has_resource(&a, "domain/two.example"));
		assert_true(has_resource(&a, "account/john"));
		assert_false(has_resource(&a, "jane"));
		assert_false(has_resource(&a, "server/"));
		assert_null(strstr(a.body, "jane"));
		assert_int_equal(panel_get(&f.p, who, "status/list?kind=server").status, 422);
	}
	assert_int_equal(panel_get(&f.p, AS_RESEL, "status/list?account_id=2").status, 404);
	a = panel_get(&f.p, AS_JOHN, "status/list?account_id=2");
	assert_null(strstr(a.body, "jane"));
	done(&f);
}

TEST(a_foreign_resource_has_the_status_of_a_missing_one)
{
	static const char *const foreign[] = { "domain/jane.example", "account/jane", "user/jane",
					       "server/nginx", "setting/server_ipv4" };
	struct fix f = { 0 };
	struct panel_answer a, b;

	setup(&f);
	(void)wait_applied(&f);
	b = panel_get(&f.p, AS_JOHN, "status/get?resource=domain/nowhere.example");
	assert_int_equal(b.status, 404);
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		a = panel_get(&f.p, AS_JOHN,
			      mem_fmt(f.p.ctx, "status/get?resource=%s", foreign[i]));
		assert_int_equal(a.status, 404);
		assert_string_equal(a.body, b.body);
	}
	a = panel_get(&f.p, AS_JOHN, "status/get?resource=domain/example.com");
	/* whether nginx is installed here or not: nothing in this root could serve it */
	assert_string_not_equal(text(&a, "type"), "Ready");
	assert_string_not_equal(text(&a, "reason"), "");
	a = panel_get(&f.p, AS_JOHN, "status/get?resource=user/john");
	assert_string_equal(text(&a, "type"), "Ready");
	assert_int_equal(panel_get(&f.p, AS_ADMIN, "status/get?resource=server/nginx").status, 200);
	done(&f);
}

/* Operations */

static const char *operation_of(const struct panel_answer *a)
{
	const json_t *op = json_object_get(a->json, "operation");

	if (a->status != 202 || !op)
		fail_msg("no operation: %d %s", a->status, a->body);
	return json_string_value(json_object_get(op, "id"));
}

static struct panel_answer wait_ended(struct fix *f, enum panel_who who, const char *id)
{
	struct panel_answer a = { 0 };

	for (int i = 0; i < 200; i++) {
		a = panel_get(&f->p, who, mem_fmt(f->p.ctx, "operations/get?operation_id=%s", id));
		assert_int_equal(a.status, 200);
		if (strcmp(text(&a, "state"), "pending") != 0)
			return a;
		(void)usleep(50000);
	}
	fail_msg("still pending: %s", a.body);
	return a;
}

static const char *condition(const struct panel_answer *a, const char *member)
{
	return json_string_value(json_object_get(json_object_get(a->data, "condition"), member));
}

TEST(an_operation_tells_what_the_engine_made_of_a_write)
{
	struct fix f = { 0 };
	struct panel_answer a;
	const char *id;

	setup(&f);
	(void)wait_applied(&f);
	a = panel_post(&f.p, AS_RESEL, "packages/create?async=1",
		       "{\"name\":\"Big\",\"max_domains\":5}");
	id = operation_of(&a);
	a = wait_ended(&f, AS_RESEL, id);
	assert_string_equal(text(&a, "state"), "done");
	assert_string_equal(text(&a, "action"), "package.create");
	assert_string_equal(condition(&a, "type"), "Ready");
	a = panel_ask(&f.p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"new.example\"}",
		      "Content-Type: application/json\r\nPrefer: wait=1, respond-async\r\n");
	a = wait_ended(&f, AS_JOHN, operation_of(&a));
	assert_string_equal(text(&a, "state"), "failed");
	assert_string_equal(text(&a, "resource"), "domain/new.example");
	assert_string_equal(condition(&a, "type"), "Blocked");
	a = panel_get(&f.p, AS_JOHN, "operations/list");
	assert_int_equal(json_array_size(a.data), 1);
	done(&f);
}

TEST(an_operation_is_its_owner_s_alone)
{
	static const enum panel_who others[] = { AS_JANE, AS_RESEL, AS_ADMIN };
	struct panel p = { 0 };
	struct panel_answer a;
	const char *id;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "cron/toggle?async=1", "{\"id\":1}");
	id = mem_fmt(p.ctx, "?operation_id=%s", operation_of(&a));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		a = panel_get(&p, others[i], mem_fmt(p.ctx, "operations/get%s", id));
		assert_int_equal(a.status, 404);
		assert_int_equal(
			panel_post(&p, others[i], mem_fmt(p.ctx, "operations/cancel%s", id), "{}")
				.status,
			404);
		a = panel_get(&p, others[i], "operations/list");
		assert_int_equal(json_array_size(a.data), 0);
	}
	panel_stop(&p);
}

TEST(a_cancelled_operation_is_watched_no_more_and_its_write_stands)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *id;

	panel_start(&p);
	a = panel_post(&p, AS_JOHN, "dns/add-record?async=1",
		       "{\"zone_id\":1,\"type\":\"A\",\"name\":\"x\",\"value\":\"192.0.2.9\"}");
	id = mem_fmt(p.ctx, "?operation_id=%s", operation_of(&a));
	a = panel_get(&p, AS_JOHN, mem_fmt(p.ctx, "operations/get%s", id));
	assert_string_equal(text(&a, "state"), "pending");
	a = panel_post(&p, AS_JOHN, mem_fmt(p.ctx, "operations/cancel%s", id), "{}");
	assert_string_equal(text(&a, "state"), "cancelled");
	assert_string_equal(panel_sql(&p, "SELECT value FROM record WHERE zone='example.com' AND "
					  "name='x'"),
			    "192.0.2.9");
	panel_stop(&p);
}

TEST(a_user_has_so_many_operations_and_no_more_and_nothing_is_written_then)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *before;

	panel_start(&p);
	for (int i = 0; i < 128; i++)
		assert_int_equal(
			panel_post(&p, AS_JOHN, "cron/toggle?async=1", "{\"id\":1}").status, 202);
	before = panel_sql(&p, "SELECT max(rev) FROM revision");
	a = panel_post(&p, AS_JOHN, "cron/toggle?async=1", "{\"id\":1}");
	assert_int_equal(a.status, 503);
	assert_contains(panel_message(&a), "async: 128 of your operations wait");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), before);
	/* others are not held back by that */
	assert_int_equal(panel_post(&p, AS_JANE, "cron/toggle?async=1", "{\"id\":2}").status, 202);
	panel_stop(&p);
}

TEST(a_dry_run_and_a_read_make_no_operation)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_JOHN, "cron/list?async=1");
	assert_int_equal(a.status, 200);
	(void)panel_post(&p, AS_JOHN, "cron/toggle?async=1&dry_run=1", "{\"id\":1}");
	(void)panel_post(&p, AS_JOHN, "cron/toggle?async=0", "{\"id\":1}");
	a = panel_get(&p, AS_JOHN, "operations/list");
	assert_int_equal(json_array_size(a.data), 0);
	panel_stop(&p);
}

/* The whole way: a write, the engine's word on the stream, the engine gone and back */

static void until(struct fix *f, int fd, const char *what)
{
	assert_contains(web_read_until(&f->p.web, fd, what), what);
}

TEST(a_stream_follows_a_real_engine_through_its_end_and_its_next_start)
{
	struct fix f = { 0 };
	int fd;

	setup(&f);
	(void)wait_applied(&f);
	fd = web_connect(&f.p.web);
	web_send(fd, mem_fmt(f.p.ctx,
			     "GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n"
			     "Cookie: ncpx_session=%064d\r\n\r\n",
			     0)); /* the admin's */
	until(&f, fd, "event: engine\ndata: {\"state\":\"up\",\"applied\":1}");
	assert_int_equal(
		panel_post(&f.p, AS_JOHN, "domains/add-addon", "{\"domain\":\"new.example\"}")
			.status,
		200);
	until(&f, fd, "event: applied\ndata: {\"revision\":2,");
	end_engine(&f);
	until(&f, fd, "event: engine\ndata: {\"state\":\"down\"");
	start_engine(&f);
	until(&f, fd, "event: engine\ndata: {\"state\":\"up\",\"applied\":2}");
	(void)close(fd);
	done(&f);
}

TEST(numbers_count_calls_by_resource_and_class_and_tell_the_engine_s_lag)
{
	struct fix f = { 0 };
	struct panel_answer a = { 0 };

	setup(&f);
	(void)wait_applied(&f);
	assert_int_equal(panel_get(&f.p, AS_JOHN, "dns/list").status, 200);
	assert_int_equal(panel_get(&f.p, AS_NOBODY, "dns/list").status, 401);
	assert_int_equal(panel_get(&f.p, AS_NOBODY, "nothing/of-the-kind").status, 404);
	for (int i = 0; i < 100; i++) {
		a = panel_get(&f.p, AS_NOBODY, "/metrics");
		assert_int_equal(a.status, 200);
		if (strstr(a.body, "novacpx_engine_up 1\n"))
			break;
		(void)usleep(50000);
	}
	assert_contains(a.body, "novacpx_engine_up 1\n");
	assert_contains(a.body, "novacpx_engine_lag 0\n");
	assert_contains(a.body, "novacpx_api_calls_total{resource=\"dns\",class=\"2xx\"} 1\n");
	assert_contains(a.body, "novacpx_api_calls_total{resource=\"dns\",class=\"4xx\"} 1\n");
	assert_contains(a.body, "novacpx_api_calls_total{resource=\"other\",class=\"4xx\"} 1\n");
	assert_contains(a.body, "novacpx_api_call_seconds_bucket{side=\"read\",le=\"+Inf\"} ");
	assert_contains(a.body, "novacpx_sessions 6\n");
	assert_null(strstr(a.body, "of-the-kind"));
	done(&f);
}

TEST(health_is_asked_as_often_as_one_likes)
{
	struct panel p = { .opts.rate.limit = { [RATE_OTHER] = 3 } };

	panel_start(&p);
	for (int i = 0; i < 20; i++)
		assert_int_equal(panel_get(&p, AS_NOBODY, "/healthz").status, 200);
	for (int i = 0; i < 3; i++)
		assert_int_equal(panel_get(&p, AS_ADMIN, "auth/me").status, 200);
	assert_int_equal(panel_get(&p, AS_ADMIN, "auth/me").status, 429);
	assert_int_equal(panel_get(&p, AS_NOBODY, "/healthz").status, 200);
	panel_stop(&p);
}
