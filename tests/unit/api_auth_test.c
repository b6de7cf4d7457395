/* Getting in: passwords, second factors, guesses, sessions, and the settings they live by. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/apidb.h"
#include "api/totp.h"
#include "base/fs.h"
#include "model/password.h"
#include "tests/support/panel.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

static void expect(struct panel_answer a, int status, const char *file, int line)
{
	if (a.status == status)
		return;
	print_error("%s\n", a.body);
	_assert_int_equal((uintmax_t)a.status, (uintmax_t)status, file, line);
}

#define EXPECT(a, status) expect((a), (status), __FILE__, __LINE__)

static const char *const proxies[] = { "127.0.0.1", NULL };

/* A panel whose clients are who X-Forwarded-For says. */
#define BEHIND_PROXY                          \
	{                                     \
		.opts = {.proxies = proxies } \
	}

#define FROM(address) "X-Forwarded-For: " address "\r\n"

/* A login of NAME with further members of the body (", …"), from where LINES say. */
static struct panel_answer login(struct panel *p, const char *name, const char *password,
				 const char *more, const char *lines)
{
	return panel_ask(p, AS_NOBODY, "POST", "auth/login",
			 mem_fmt(p->ctx, "{\"username\":\"%s\",\"password\":\"%s\"%s}", name,
				 password, more),
			 mem_fmt(p->ctx, "Content-Type: application/json\r\n%s", lines));
}

/* The cookie of a login, as a line for panel_ask(). */
static const char *cookie_of(struct panel *p, const struct panel_answer *a)
{
	const char *cookie = panel_header(p, a, "Set-Cookie");

	assert_non_null(cookie);
	return mem_fmt(p->ctx, "Cookie: %.*s\r\n", (int)strcspn(cookie, ";"), cookie);
}

static const char *log_of(struct panel *p)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len = 0;
	cleanup_(fd_close) int fd = open(p->access_log, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return "";
	assert_ok(fs_read_fd(p->ctx, fd, "access.log", 65536, &text, &len, &err), &err);
	return text;
}

static size_t lines_of(struct panel *p)
{
	size_t n = 0;

	for (const char *at = log_of(p); (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* One-time codes */

TEST(codes_are_those_of_rfc_6238)
{
	static const uint8_t secret[] = "12345678901234567890";

	static const struct {
		int64_t time;
		uint32_t code; /* of appendix B, its last six digits */
	} rows[] = {
		{ 59, 287082 },       { 1111111109, 81804 },  { 1111111111, 50471 },
		{ 1234567890, 5924 }, { 2000000000, 279037 }, { 20000000000, 353130 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(totp_code(secret, 20, rows[i].time / TOTP_STEP_S), rows[i].code);
}

TEST(a_code_is_good_one_step_around_its_own_and_never_again)
{
	static const uint8_t secret[] = "12345678901234567890";

	assert_int_equal(totp_step(secret, 20, "287082", 59, 0), 1);
	assert_int_equal(totp_step(secret, 20, "287082", 89, 0), 1);
	assert_int_equal(totp_step(secret, 20, "287082", 29, 0), 1);
	assert_int_equal(totp_step(secret, 20, "287082", 90, 0), -1);
	assert_int_equal(totp_step(secret, 20, "287082", 59, 1), -1); /* used */
	assert_int_equal(totp_step(secret, 20, "287083", 59, 0), -1);
}

TEST(what_is_no_code_is_none)
{
	static const uint8_t secret[] = "12345678901234567890";
	static const char *const bad[] = { "",       "28708",   "2870822",      " 287082",
					   "+87082", "28708a",  "2870\xd9\xa8", "0x4616",
					   "\n",     "287082\n" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(totp_step(secret, 20, bad[i], 59, 0), -1);
}

TEST(base32_is_that_of_rfc_4648)
{
	static const struct {
		const char *data, *text;
	} rows[] = {
		{ "", "" },
		{ "f", "MY" },
		{ "fo", "MZXQ" },
		{ "foo", "MZXW6" },
		{ "foob", "MZXW6YQ" },
		{ "fooba", "MZXW6YTB" },
		{ "foobar", "MZXW6YTBOI" },
	};

	void *ctx = mem_ctx(NULL, "t");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(
			totp_base32(ctx, (const uint8_t *)rows[i].data, strlen(rows[i].data)),
			rows[i].text);
	mem_freep(&ctx);
}

/* The second factor */

static int value_of_letter(char c)
{
	return c >= 'A' ? c - 'A' : c - '2' + 26;
}

/* The code that an app with the base32 SECRET shows STEPS from now. */
static const char *code_for(struct panel *p, const char *secret, int steps)
{
	uint8_t bytes[TOTP_SECRET_LEN] = { 0 };

	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		int letter = value_of_letter(secret[bit / 5]);

		if (letter >> (4 - bit % 5) & 1)
			bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	return mem_fmt(p->ctx, "%06u",
		       (unsigned)totp_code(bytes, sizeof(bytes), time(NULL) / TOTP_STEP_S + steps));
}

static const char *code_body(struct panel *p, const char *code)
{
	return mem_fmt(p->ctx, ",\"totp\":\"%s\"", code);
}

/* John's factor, on; the code of this step is used up. */
static const char *turn_on(struct panel *p, struct panel_answer *ret)
{
	struct panel_answer a = panel_post(p, AS_JOHN, "auth/totp-setup", "{}");
	const char *secret = json_string_value(json_object_get(a.data, "secret"));

	EXPECT(a, 200);
	assert_int_equal(strlen(secret), 32);
	assert_contains(json_string_value(json_object_get(a.data, "otpauth_uri")), secret);
	*ret = panel_post(p, AS_JOHN, "auth/totp-enable",
			  mem_fmt(p->ctx, "{\"code\":\"%s\"}", code_for(p, secret, -1)));
	EXPECT(*ret, 200);
	return secret;
}

TEST(with_a_second_factor_a_login_needs_its_code_and_takes_it_once)
{
	struct panel p = { 0 };
	struct panel_answer a, b;
	const char *secret, *code;

	panel_start(&p);
	secret = turn_on(&p, &a);
	assert_int_equal(json_array_size(json_object_get(a.data, "recovery_codes")), 8);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	EXPECT(a, 401);
	assert_true(json_is_true(json_object_get(a.data, "totp_required")));
	assert_false(json_is_true(json_object_get(a.json, "success")));
	assert_null(panel_header(&p, &a, "Set-Cookie"));
	/* a wrong password is a wrong password, with and without a code */
	a = login(&p, "john", "wrong", "", "");
	b = login(&p, "john", "wrong", ",\"totp\":\"000000\"", "");
	EXPECT(a, 401);
	assert_null(a.data);
	assert_string_equal(a.body, b.body);
	/* and a wrong code is told like one */
	b = login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"00000x\"", "");
	assert_string_equal(a.body, b.body);
	code = code_body(&p, code_for(&p, secret, 0));
	EXPECT(login(&p, "john", PANEL_PASSWORD, code, ""), 200);
	EXPECT(login(&p, "john", PANEL_PASSWORD, code, ""), 401); /* a replay */
	panel_stop(&p);
}

/* Sent at once on connections of their own, to be looked at on different threads. */
TEST(of_many_logins_at_once_with_one_code_one_gets_in)
{
	enum {
		N = 8
	};
	struct panel p = { .opts = { .hashers = 4 } };
	int fds[N], good = 0;
	const char *body = "{\"username\":\"john\",\"password\":\"" PANEL_PASSWORD
			   "\",\"totp\":\"abcd-efgh-abcd-efgh\"}";

	panel_start(&p);
	(void)panel_factor(&p, true);
	for (int i = 0; i < N; i++) {
		fds[i] = web_connect(&p.web);
		web_send(fds[i], mem_fmt(p.ctx,
					 "POST /api/auth/login HTTP/1.1\r\nHost: x\r\n"
					 "Content-Length: %zu\r\n\r\n%s",
					 strlen(body), body));
	}
	for (int i = 0; i < N; i++) {
		int status = web_status(web_read_one(&p.web, fds[i]));

		good += status == 200;
		assert_true(status == 200 || status == 401);
		(void)close(fds[i]);
	}
	assert_int_equal(good, 1);
	panel_stop(&p);
}

TEST(a_secret_that_was_never_confirmed_asks_for_nothing)
{
	struct panel p = { 0 };

	panel_start(&p);
	EXPECT(panel_post(&p, AS_JOHN, "auth/totp-enable", "{\"code\":\"123456\"}"), 409);
	EXPECT(panel_post(&p, AS_JOHN, "auth/totp-setup", "{}"), 200);
	EXPECT(panel_post(&p, AS_JOHN, "auth/totp-enable", "{\"code\":\"wrong\"}"), 403);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 200);
	EXPECT(panel_post(&p, AS_JOHN, "auth/totp-disable",
			  "{\"password\":\"" PANEL_PASSWORD "\",\"code\":\"123456\"}"),
	       409);
	panel_stop(&p);
}

TEST(a_recovery_code_is_taken_once_however_it_is_written)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *code;

	panel_start(&p);
	(void)turn_on(&p, &a);
	code = json_string_value(json_array_get(json_object_get(a.data, "recovery_codes"), 3));
	assert_int_equal(strlen(code), 19);
	code = code_body(&p, mem_fmt(p.ctx, "%.4s%.4s %.9s", code, code + 5, code + 10));
	EXPECT(login(&p, "john", PANEL_PASSWORD, code, ""), 200);
	EXPECT(login(&p, "john", PANEL_PASSWORD, code, ""), 401);
	a = panel_get(&p, AS_JOHN, "auth/totp-status");
	assert_int_equal(json_integer_value(json_object_get(a.data, "recovery_codes_left")), 7);
	assert_true(json_is_true(json_object_get(a.data, "enabled")));
	panel_stop(&p);
}

TEST(turning_it_off_needs_password_and_code)
{
	struct panel p = { 0 };
	struct panel_answer a, b;
	const char *code, *other;

	panel_start(&p);
	(void)turn_on(&p, &a);
	EXPECT(panel_post(&p, AS_JOHN, "auth/totp-setup", "{}"), 409);
	code = json_string_value(json_array_get(json_object_get(a.data, "recovery_codes"), 0));
	other = json_string_value(json_array_get(json_object_get(a.data, "recovery_codes"), 1));
	a = panel_post(&p, AS_JOHN, "auth/totp-disable",
		       mem_fmt(p.ctx, "{\"password\":\"wrong\",\"code\":\"%s\"}", code));
	b = panel_post(&p, AS_JOHN, "auth/totp-disable",
		       "{\"password\":\"" PANEL_PASSWORD "\",\"code\":\"123456\"}");
	EXPECT(a, 403);
	assert_string_equal(a.body, b.body);
	a = panel_post(
		&p, AS_JOHN, "auth/totp-recovery-codes",
		mem_fmt(p.ctx, "{\"password\":\"" PANEL_PASSWORD "\",\"code\":\"%s\"}", code));
	EXPECT(a, 200);
	a = panel_post(
		&p, AS_JOHN, "auth/totp-disable",
		mem_fmt(p.ctx, "{\"password\":\"" PANEL_PASSWORD "\",\"code\":\"%s\"}", other));
	EXPECT(a, 403); /* an old one */
	panel_db(&p, "UPDATE totp SET last_step=0");
	a = panel_get(&p, AS_JOHN, "auth/totp-status");
	assert_int_equal(json_integer_value(json_object_get(a.data, "recovery_codes_left")), 8);
	EXPECT(panel_post(&p, AS_ADMIN, "users/totp-reset", "{\"id\":4}"), 200);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 200);
	assert_string_equal(panel_sql(&p, "SELECT actor || ' ' || resource FROM audit "
					  "WHERE action='user.totp-reset'"),
			    "admin user/john");
	panel_stop(&p);
}

TEST(its_secret_is_in_no_log_audit_or_model)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *secret;

	panel_start(&p);
	secret = turn_on(&p, &a);
	assert_string_equal(
		panel_sql(&p,
			  mem_fmt(p.ctx, "SELECT count(*) FROM audit WHERE detail LIKE '%%%s%%'",
				  secret)),
		"0");
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM audit WHERE "
					  "action IN ('auth.totp-setup','auth.totp-enable')"),
			    "2");
	assert_string_equal(panel_sql(&p, "SELECT max(rev) FROM revision"), "1");
	assert_null(strstr(log_of(&p), secret));
	panel_stop(&p);
}

/* Guesses */

static void guess(struct panel *p, const char *name, const char *lines, int n, int status)
{
	for (int i = 0; i < n; i++)
		EXPECT(login(p, name, "wrong", "", lines), status);
}

TEST(after_ten_wrong_passwords_strangers_are_refused_and_the_owner_is_not)
{
	struct panel p = BEHIND_PROXY;
	struct panel_answer a, b;

	panel_start(&p);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("198.51.100.7")), 200);
	for (int i = 0; i < 10; i++)
		guess(&p, i % 2 ? "john" : "john@host.example",
		      mem_fmt(p.ctx, FROM("203.0.113.%d"), i), 1, 401);
	a = login(&p, "john", "wrong", "", FROM("203.0.113.99"));
	b = login(&p, "john", PANEL_PASSWORD, "", FROM("203.0.113.99"));
	EXPECT(a, 429);
	assert_int_equal(b.status, 429); /* nothing is told of the password */
	assert_in_range(atoi(panel_header(&p, &a, "Retry-After")), 1, 900);
	assert_false(json_is_true(json_object_get(a.json, "success")));
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("198.51.100.7")), 200);
	EXPECT(login(&p, "jane", PANEL_PASSWORD, "", FROM("203.0.113.99")), 200);
	assert_int_equal(lines_of(&p), 12); /* also those that were not looked at */
	assert_contains(log_of(&p), "FAILED LOGIN from 203.0.113.99 [");
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM audit WHERE action='login' "
					  "AND outcome='refused'"),
			    "12");
	panel_stop(&p);
}

TEST(a_name_that_nobody_has_is_counted_like_one)
{
	struct panel p = BEHIND_PROXY;

	panel_start(&p);
	guess(&p, "nosuch", FROM("203.0.113.1"), 10, 401);
	guess(&p, "nosuch", FROM("203.0.113.2"), 1, 429);
	guess(&p, "another", FROM("203.0.113.2"), 1, 401);
	panel_stop(&p);
}

TEST(guesses_outlive_a_restart_and_age)
{
	struct panel p = BEHIND_PROXY;
	struct err err = ERR_INIT;

	panel_start(&p);
	guess(&p, "john", FROM("203.0.113.1"), 10, 401);
	(void)close(p.fd);
	p.fd = -1;
	api_stop(&p.api);
	assert_ok(api_start(p.ctx, &p.opts, &p.api, &err), &err);
	p.web.port = http_port_of(p.api->http, 0);
	guess(&p, "john", FROM("203.0.113.2"), 1, 429);
	panel_db(&p, "UPDATE guess SET time=time-840");
	guess(&p, "john", FROM("203.0.113.2"), 1, 429);
	panel_db(&p, "UPDATE guess SET time=time-61");
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("203.0.113.2")), 200);
	panel_db(&p, "UPDATE guess SET time=unixepoch()+100000"); /* the clock was set back */
	guess(&p, "john", FROM("203.0.113.3"), 1, 401);
	panel_stop(&p);
}

TEST(an_ipv6_place_is_its_whole_network)
{
	struct panel p = BEHIND_PROXY;

	panel_start(&p);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("2001:db8:1:2::7")), 200);
	guess(&p, "john", FROM("2001:db8:9:9::1"), 10, 401);
	guess(&p, "john", FROM("2001:db8:1:3::7"), 1, 429);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("2001:db8:1:2:aaaa::1")), 200);
	panel_stop(&p);
}

TEST(codes_are_guesses_too_even_where_the_owner_is_known)
{
	struct panel p = BEHIND_PROXY;

	panel_start(&p);
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", FROM("198.51.100.7")), 200);
	(void)panel_factor(&p, true);
	for (int i = 0; i < 10; i++)
		EXPECT(login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"00000x\"",
			     FROM("203.0.113.1")),
		       401);
	EXPECT(login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"00000x\"", FROM("203.0.113.2")), 429);
	/* the owner gets in, and who guesses there has as few tries */
	for (int i = 0; i < 10; i++)
		EXPECT(login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"00000x\"",
			     FROM("198.51.100.7")),
		       401);
	EXPECT(login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"abcd-efgh-abcd-efgh\"",
		     FROM("198.51.100.7")),
	       429);
	panel_db(&p, "DELETE FROM guess");
	EXPECT(login(&p, "john", PANEL_PASSWORD, ",\"totp\":\"abcd-efgh-abcd-efgh\"",
		     FROM("198.51.100.7")),
	       200);
	panel_stop(&p);
}

TEST(a_stolen_session_is_no_place_to_guess_the_password)
{
	struct panel p = { 0 };
	const char *body = "{\"current_password\":\"wrong\",\"new_password\":\"other-pass\","
			   "\"confirm_password\":\"other-pass\"}";

	panel_start(&p);
	for (int i = 0; i < 10; i++)
		EXPECT(panel_post(&p, AS_JOHN, "auth/change-password", body), 403);
	EXPECT(panel_post(&p, AS_JOHN, "auth/change-password", body), 429);
	/* and does not keep the owner from logging in */
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 200);
	panel_stop(&p);
}

TEST(a_flood_of_made_up_names_leaves_a_user_s_guesses)
{
	struct panel p = BEHIND_PROXY;

	panel_start(&p);
	guess(&p, "john", FROM("203.0.113.1"), 10, 401);
	panel_db(&p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000) "
		     "INSERT INTO guess(who, is_user, time) SELECT 'x'||i, 0, unixepoch() FROM n");
	guess(&p, "nosuch", FROM("203.0.113.1"), 1, 401);
	guess(&p, "john", FROM("203.0.113.2"), 1, 429);
	panel_stop(&p);
}

/* Settings */

static void set(struct panel *p, const char *name, const char *value)
{
	struct store_fix f = { .ctx = mem_ctx(NULL, "set") };

	f.cs.ctx = f.problems.ctx = f.ctx;
	assert_ok(store_open(f.ctx, p->model, false, &f.s, &f.err), &f.err);
	fix_put(&f, &kind_setting, "name", name, "value", value, NULL);
	fix_committed(&f);
	fix_done(&f);
}

/* Waits until the API answers with VALUE in a header. */
static void await_header(struct panel *p, const char *name, const char *value)
{
	for (int i = 0; i < 100; i++) {
		struct panel_answer a = panel_get(p, AS_ADMIN, "auth/me");
		const char *got = panel_header(p, &a, name);

		if (got && strcmp(got, value) == 0)
			return;
		(void)usleep(50000);
	}
	fail_msg("%s did not become %s", name, value);
}

TEST(settings_of_the_model_hold_within_seconds_without_a_restart)
{
	struct panel p = { .opts = { .rate = { .limit = { -1, -1 } } } };
	struct panel_answer a;

	panel_start(&p);
	a = panel_get(&p, AS_ADMIN, "auth/me");
	assert_string_equal(panel_header(&p, &a, "X-RateLimit-Limit"), "120");
	set(&p, "api_login_rate", "3");
	set(&p, "api_session_hours", "2");
	set(&p, "api_rate", "5000");
	await_header(&p, "X-RateLimit-Limit", "5000");
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	EXPECT(a, 200);
	assert_string_equal(panel_header(&p, &a, "X-RateLimit-Limit"), "3");
	assert_contains(panel_header(&p, &a, "Set-Cookie"), "Max-Age=7200;");
	(void)login(&p, "john", PANEL_PASSWORD, "", "");
	(void)login(&p, "john", PANEL_PASSWORD, "", "");
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 429);
	panel_stop(&p);
}

TEST(without_a_limit_nobody_is_refused)
{
	struct panel p = BEHIND_PROXY;

	panel_start(&p);
	guess(&p, "john", FROM("203.0.113.1"), 10, 401);
	guess(&p, "john", FROM("203.0.113.1"), 1, 429);
	set(&p, "api_guess_limit", "0");
	for (int i = 0; i < 100 && login(&p, "john", "wrong", "", "").status == 429; i++)
		(void)usleep(50000);
	guess(&p, "john", FROM("203.0.113.1"), 3, 401);
	panel_stop(&p);
}

/* Needs a port of its own name; on a machine where it is taken there is nothing to be seen. */
TEST(where_it_is_set_so_a_portal_takes_its_role_alone)
{
	struct panel p = { 0 };
	struct err err = ERR_INIT;

	panel_start(&p);
	set(&p, "api_port_roles", "true");
	api_stop(&p.api);
	p.opts.http.ports[0].port = 8881;
	if (api_start(p.ctx, &p.opts, &p.api, &err) >= 0) {
		p.web.port = 8881;
		EXPECT(panel_get(&p, AS_RESEL, "auth/me"), 200);
		EXPECT(panel_get(&p, AS_ADMIN, "auth/me"), 401);
		EXPECT(panel_get(&p, AS_JOHN, "auth/me"), 401);
		EXPECT(login(&p, "resel", PANEL_PASSWORD, "", ""), 200);
		EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 401);
		EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL,
				 mem_fmt(p.ctx, "Authorization: Bearer %s\r\n",
					 panel_token(&p, AS_JOHN, "*"))),
		       200);
	}
	panel_stop(&p);
}

static const char *portal(struct panel *p, const char *host)
{
	struct panel_answer a =
		panel_ask(p, AS_NOBODY, "POST", "auth/login",
			  "{\"username\":\"resel\",\"password\":\"" PANEL_PASSWORD "\"}",
			  mem_fmt(p->ctx, "Connection: close\r\nHost: %s\r\n", host));

	EXPECT(a, 200);
	return json_string_value(json_object_get(a.data, "portal_url"));
}

TEST(a_login_sends_people_on_to_names_of_the_panel_only)
{
	struct panel p = { 0 };
	struct err err = ERR_INIT;

	panel_start(&p);
	assert_string_equal(portal(&p, "evil.example:8880"), "https://evil.example:8881/");
	set(&p, "panel_hosts", "cp.example.net,Panel.example.com");
	api_stop(&p.api);
	assert_ok(api_start(p.ctx, &p.opts, &p.api, &err), &err);
	p.web.port = http_port_of(p.api->http, 0);
	assert_string_equal(portal(&p, "evil.example"), "/");
	assert_string_equal(portal(&p, "example.com"), "/");
	assert_string_equal(portal(&p, "cp.example.net.evil.example"), "/");
	assert_string_equal(portal(&p, "PANEL.example.com:8882"),
			    "https://PANEL.example.com:8881/");
	assert_string_equal(portal(&p, "cp.example.net"), "https://cp.example.net:8881/");
	panel_stop(&p);
}

/* The address that the API saw last. */
static const char *seen(struct panel *p, const char *lines)
{
	panel_db(p, "DELETE FROM guess");
	EXPECT(login(p, "jane", "wrong", "", lines), 401);
	return panel_sql(p, "SELECT address FROM audit ORDER BY id DESC LIMIT 1");
}

TEST(only_trusted_proxies_are_believed_up_to_the_first_that_is_none)
{
	struct panel p = { 0 };

	static const struct {
		const char *lines, *address;
	} rows[] = {
		{ "", "127.0.0.1" },
		{ FROM("198.51.100.1"), "198.51.100.1" },
		{ FROM("192.0.2.66, 198.51.100.1"), "198.51.100.1" },
		{ FROM("192.0.2.66, 198.51.100.1, 10.1.2.3"), "198.51.100.1" },
		{ FROM("192.0.2.66,2001:DB8:0::1 , 10.1.2.3"), "192.0.2.66" },
		{ FROM("10.9.9.9"), "10.9.9.9" },
		{ FROM("x\\n1"), "127.0.0.1" },
		{ FROM("198.51.100.1:80"), "127.0.0.1" },
		{ FROM("198.51.100.1,"), "127.0.0.1" },
		{ FROM(","), "127.0.0.1" },
	};

	panel_start(&p);
	assert_string_equal(seen(&p, FROM("198.51.100.1")), "127.0.0.1");
	set(&p, "trusted_proxies", "127.0.0.0/30,10.0.0.0/8,2001:db8::/33");
	for (int i = 0; i < 100 && strcmp(seen(&p, FROM("198.51.100.1")), "127.0.0.1") == 0; i++)
		(void)usleep(50000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(seen(&p, rows[i].lines), rows[i].address) != 0)
			fail_msg("%s: %s", rows[i].lines, seen(&p, rows[i].lines));
	}
	panel_stop(&p);
}

/* Sessions */

static const char *hash_of(struct panel *p, const char *plain)
{
	const char *hash = NULL;
	struct err err = ERR_INIT;

	assert_ok(password_hash(p->ctx, plain, 6, &hash, &err), &err);
	return hash;
}

/* As `novacpx passwd` does it. */
static void set_password(struct panel *p, const char *user, const char *plain)
{
	struct store_fix f = { .ctx = mem_ctx(NULL, "passwd") };

	f.cs.ctx = f.problems.ctx = f.ctx;
	assert_ok(store_open(f.ctx, p->model, false, &f.s, &f.err), &f.err);
	fix_put(&f, &kind_user, "username", user, "password", hash_of(p, plain), NULL);
	fix_committed(&f);
	fix_done(&f);
}

static int64_t sessions_of_john(struct panel *p)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err err = ERR_INIT;
	struct seat *seat = NULL;

	assert_ok(api_seat(p->api, &seat, &err), &err);
	assert_ok(sql_get(seat->db, "SELECT count(*) FROM session WHERE user_id=4", &st, &err),
		  &err);
	assert_int_equal(sql_step(st, &err), 1);
	return sql_int(st, 0);
}

TEST(a_password_that_another_program_sets_ends_the_sessions)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *cookie;

	panel_start(&p);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	cookie = cookie_of(&p, &a);
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, cookie), 200);
	set_password(&p, "john", "by-command-line");
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, cookie), 401);
	for (int i = 0; i < 100 && sessions_of_john(&p) > 1; i++)
		(void)usleep(50000);
	assert_int_equal(sessions_of_john(&p), 1);
	a = panel_get(&p, AS_ADMIN, "sessions/list");
	assert_int_equal(json_array_size(a.data), 6); /* the seeded ones: of a later password */
	EXPECT(login(&p, "john", PANEL_PASSWORD, "", ""), 401);
	EXPECT(login(&p, "john", "by-command-line", "", ""), 200);
	panel_stop(&p);
}

TEST(who_changes_its_password_stays_and_its_other_sessions_end)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *first, *second,
		*body = "{\"current_password\":\"" PANEL_PASSWORD
			"\",\"new_password\":\"other-pass\","
			"\"confirm_password\":\"other-pass\"}";

	panel_start(&p);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	first = cookie_of(&p, &a);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	second = cookie_of(&p, &a);
	EXPECT(panel_ask(&p, AS_NOBODY, "POST", "auth/change-password?dry_run=1", body, first),
	       503); /* no engine runs */
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, second), 200);
	EXPECT(panel_ask(&p, AS_NOBODY, "POST", "auth/change-password", body, first), 200);
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, first), 200);
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, second), 401);
	/* the next change reaches it as well */
	set_password(&p, "john", "by-command-line");
	EXPECT(panel_ask(&p, AS_NOBODY, "GET", "auth/me", NULL, first), 401);
	panel_stop(&p);
}

TEST(a_suspended_user_cannot_log_in_and_is_told_nothing_else)
{
	struct panel p = { 0 };
	struct panel_answer a, b;

	panel_start(&p);
	EXPECT(panel_post(&p, AS_ADMIN, "users/update", "{\"id\":4,\"status\":\"suspended\"}"),
	       200);
	EXPECT(panel_get(&p, AS_JOHN, "auth/me"), 401);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	b = login(&p, "john", "wrong", "", "");
	EXPECT(a, 401);
	assert_string_equal(a.body, b.body);
	panel_stop(&p);
}

TEST(the_cookie_is_the_contract_s)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *cookie;

	panel_start(&p);
	a = login(&p, "john", PANEL_PASSWORD, "", "");
	cookie = panel_header(&p, &a, "Set-Cookie");
	assert_memory_equal(cookie, "ncpx_session=", 13);
	assert_int_equal(strspn(cookie + 13, "0123456789abcdef"), 64);
	/* over HTTPS also Secure: this test speaks HTTP on loopback */
	assert_string_equal(cookie + 13 + 64, "; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict");
	panel_stop(&p);
}

/* A file of the version before has sessions of no password: they end; nothing else is lost. */
TEST(an_older_file_is_brought_on)
{
	void *ctx = mem_ctx(NULL, "old");
	const char *path = mem_fmt(ctx, "%s/old.db", test_tmpdir());
	struct err err = ERR_INIT;
	struct sql *db = NULL;

	assert_ok(sql_open(ctx, path, SQL_CREATE, &db, &err), &err);
	assert_ok(sql_exec(db,
			   "CREATE TABLE session(id TEXT PRIMARY KEY, user_id INTEGER NOT NULL, "
			   "ip_address TEXT NOT NULL, user_agent TEXT, created INTEGER NOT NULL, "
			   "expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
			   "CREATE TABLE token(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;"
			   "INSERT INTO session VALUES('a',1,'x',NULL,1,2)",
			   &err),
		  &err);
	(void)talloc_free(db);
	for (int i = 0; i < 2; i++) {
		cleanup_(sql_done) struct stmt *st = NULL;

		assert_ok(apidb_open(ctx, path, &db, &err), &err);
		assert_ok(sql_get(db, "SELECT pw_rev FROM session WHERE id='a'", &st, &err), &err);
		assert_int_equal(sql_step(st, &err), 1);
		assert_int_equal(sql_int(st, 0), 0);
	}
	assert_ok(sql_exec(db, "PRAGMA user_version=99", &err), &err);
	assert_int_equal(apidb_open(ctx, path, &db, &err), -ERR_CONFLICT);
	assert_contains(err.msg, "install the newer NovaCPX");
	mem_freep(&ctx);
}
