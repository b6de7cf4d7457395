/* What callers must not get out of the API by asking cleverly. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/panel.h"
#include "tests/support/testing.h"

/* An engine whose every plan touches the neighbours as well. */
struct engine {
	int fd;
	pthread_t thread;
};

static const char plan[] =
	"{\"ok\":true,\"changes\":1,\"count\":5,\"digest\":\"d1935t\",\"actions\":["
	"{\"op\":\"update\",\"path\":\"/own\",\"resource\":\"domain/example.com\",\"diff\":\"own\"},"
	"{\"op\":\"create\",\"path\":\"/made\",\"resource\":\"domain/made.test\",\"diff\":\"made\"},"
	"{\"op\":\"update\",\"path\":\"/jane\",\"resource\":\"account/jane\",\"diff\":\"foreign\"},"
	"{\"op\":\"delete\",\"path\":\"/gone\",\"resource\":\"domain/gone.test\",\"diff\":\"foreign\"},"
	"{\"op\":\"update\",\"path\":\"/all\",\"resource\":\"server/nginx\",\"diff\":\"foreign\"},"
	"{\"op\":\"update\",\"path\":\"/all\",\"resource\":null,\"diff\":\"foreign\"}],"
	"\"findings\":[{\"resource\":\"account/jane\",\"message\":\"foreign\"},"
	"{\"resource\":\"account/john\",\"message\":\"own\"}],\"guard\":\"foreign accounts\"}\n";

static void *answer_all(void *arg)
{
	struct engine *e = arg;
	int fd;

	while ((fd = accept(e->fd, NULL, NULL)) >= 0) {
		char byte = 0;

		while (byte != '\n' && read(fd, &byte, 1) == 1)
			;
		(void)!write(fd, plan, strlen(plan));
		(void)close(fd);
	}
	return NULL;
}

static void start_engine(struct panel *p, struct engine *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->opts.engine);
	e->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(e->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(e->fd, 8), 0);
	assert_int_equal(pthread_create(&e->thread, NULL, answer_all, e), 0);
}

static void stop_engine(struct engine *e)
{
	(void)shutdown(e->fd, SHUT_RDWR);
	(void)pthread_join(e->thread, NULL);
	(void)close(e->fd);
}

TEST(a_dry_run_shows_no_action_on_what_is_somebody_else_s)
{
	static const char body[] = "{\"account_id\":1,\"domain\":\"made.test\"}";
	struct panel p = { 0 };
	struct engine e;
	struct panel_answer a;

	panel_start(&p);
	start_engine(&p, &e);
	for (int who = AS_RESEL; who <= AS_JOHN; who++) {
		if (who == AS_OTHER)
			continue;
		a = panel_post(&p, (enum panel_who)who, "domains/add-addon?dry_run=1", body);
		assert_int_equal(a.status, 200);
		assert_null(strstr(a.body, "foreign"));
		assert_null(strstr(a.body, "jane"));
		assert_contains(a.body, "\"diff\":\"own\"");
		assert_contains(a.body, "\"diff\":\"made\"");
		assert_contains(a.body, "\"message\":\"own\"");
		assert_int_equal(json_integer_value(json_object_get(a.data, "count")), 2);
	}
	a = panel_post(&p, AS_ADMIN, "domains/add-addon?dry_run=1", body);
	assert_contains(a.body, "\"/jane\"");
	assert_contains(a.body, "foreign accounts");
	stop_engine(&e);
	panel_stop(&p);
}

#define KEYED "Content-Type: application/json\r\nIdempotency-Key: k1\r\n"

TEST(a_request_that_comes_again_does_not_show_what_is_another_s_by_now)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *path;

	panel_start(&p);
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"moved.test\"}",
		      KEYED);
	assert_true(a.status < 300);
	path = mem_fmt(p.ctx, "{\"domain_id\":%lld}",
		       (long long)json_integer_value(json_object_get(a.data, "id")));
	a = panel_post(&p, AS_JOHN, "domains/remove", path);
	assert_int_equal(a.status, 200);
	a = panel_post(&p, AS_JANE, "domains/add-addon",
		       "{\"domain\":\"moved.test\",\"document_root\":\"/home/jane/secret\"}");
	assert_int_equal(a.status, 200);
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"moved.test\"}",
		      KEYED);
	assert_null(strstr(a.body, "jane"));
	assert_int_equal(a.status, 404);
	panel_stop(&p);
}

TEST(a_key_that_was_used_for_another_request_is_a_conflict)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"one.test\"}", KEYED);
	assert_true(a.status < 300);
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"two.test\"}", KEYED);
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "used for another request");
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"one.test\"}", KEYED);
	assert_int_equal(a.status, 200);
	a = panel_ask(&p, AS_JANE, "POST", "domains/add-addon", "{\"domain\":\"two.test\"}", KEYED);
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(a_key_that_was_used_with_another_password_is_a_conflict)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_ask(&p, AS_JOHN, "POST", "email/create",
		      "{\"email\":\"k@example.com\",\"password\":\"first-one\"}", KEYED);
	assert_int_equal(a.status, 200);
	a = panel_ask(&p, AS_JOHN, "POST", "email/create",
		      "{\"email\":\"k@example.com\",\"password\":\"other-one\"}", KEYED);
	assert_int_equal(a.status, 409);
	assert_contains(panel_message(&a), "used for another request");
	assert_null(strstr(a.body, "other-one"));
	a = panel_ask(&p, AS_JOHN, "POST", "email/create",
		      "{\"email\":\"k@example.com\",\"password\":\"first-one\"}", KEYED);
	assert_int_equal(a.status, 200);
	panel_stop(&p);
}

TEST(a_revision_of_a_foreign_resource_is_not_told_by_a_condition)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	(void)panel_post(&p, AS_JANE, "domains/add-addon", "{\"domain\":\"taken.test\"}");
	a = panel_ask(&p, AS_JOHN, "POST", "domains/add-addon", "{\"domain\":\"taken.test\"}",
		      "Content-Type: application/json\r\nIf-Match: 1\r\n");
	assert_int_equal(a.status, 409);
	assert_null(strstr(a.body, "jane"));
	panel_stop(&p);
}

/* Whoever has the billing key would have the server, were an administrator's login an account's too. */
TEST(the_billing_key_sets_no_password_of_a_login_that_opens_more_than_its_account)
{
	struct panel p = { 0 };
	struct panel_answer a;
	static const char body[] = "{\"domain\":\"example.com\",\"password\":\"another-1-secret\"}";

	panel_start(&p);
	a = panel_post(&p, AS_BILLING, "whmcs/changepassword", body);
	assert_int_equal(a.status, 200);
	(void)panel_sql(&p, "UPDATE user SET role='admin' WHERE username='john'");
	a = panel_post(&p, AS_BILLING, "whmcs/changepassword", body);
	assert_int_equal(a.status, 403);
	assert_contains(a.body, "has the role admin");
	panel_stop(&p);
}
