#include <string.h>

#include "renderers/syntax_cron.h"
#include "renderers/syntax_ini.h"
#include "renderers/syntax_passwd.h"
#include "renderers/syntax_postfix.h"
#include "tests/support/readers.h"
#include "tests/support/testing.h"

TEST(pool_values_stand_in_single_quotes)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct ini i;

	ini_begin(&i, &text, &err);
	ini_comment(&i, "managed");
	ini_section(&i, "alice");
	ini_put(&i, "user", "alice");
	ini_put_int(&i, "pm.max_children", 4);
	ini_put_bool(&i, "catch_workers_output", true);
	ini_blank(&i);
	ini_put_at(&i, "env", "PATH", "'it''s \"${HOME}\" \\; none'");
	ini_put_at(&i, "php_admin_value", "memory_limit", "64M");
	assert_ok(ini_end(&i), &err);
	assert_string_equal(buf_str(&text),
			    "; managed\n['alice']\nuser = 'alice'\npm.max_children = 4\n"
			    "catch_workers_output = yes\n\n"
			    "env['PATH'] = \"'\"'it'\"''\"'s \"${HOME}\" \\; none'\"'\"\n"
			    "php_admin_value['memory_limit'] = '64M'\n");
}

static const char *ini_refusal(void *ctx, const char *section, const char *key, const char *at,
			       const char *value)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct ini i;

	ini_begin(&i, &text, &err);
	if (section)
		ini_section(&i, section);
	if (at)
		ini_put_at(&i, key, at, value);
	else
		ini_put(&i, key, value);
	assert_int_equal(ini_end(&i), -ERR_INVALID);
	assert_null(strstr(buf_str(&text), " = "));
	return mem_str(ctx, err.msg);
}

TEST(a_pool_file_refuses_what_php_fpm_would_change)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	assert_contains(ini_refusal(ctx, "a", "listen", NULL, "/x/$pool.sock"), "replace");
	assert_contains(ini_refusal(ctx, "a", "env", "X", "$HOME"), "replace");
	assert_contains(ini_refusal(ctx, "a", "chdir", NULL, ""), "empty");
	assert_contains(ini_refusal(ctx, "a", "chdir", NULL, "/x\nuser = root"), "control");
	assert_contains(ini_refusal(ctx, "a", "chdir\nuser", NULL, "x"), "control");
	assert_contains(ini_refusal(ctx, "a", "none", NULL, "x"), "word of the ini");
	assert_contains(ini_refusal(ctx, "a", "Chdir", NULL, "x"), "no key");
	assert_contains(ini_refusal(ctx, "a", "env", "A]B", "x"), "A]B");
	assert_contains(ini_refusal(ctx, "a", "env", "A'B", "x"), "no setting's name");
	assert_contains(ini_refusal(ctx, "Global", "chdir", NULL, "x"), "own section");
	assert_contains(ini_refusal(ctx, "a]b", "chdir", NULL, "x"), "no pool name");
	assert_contains(ini_refusal(ctx, NULL, "chdir", NULL, "x"), "before the first section");
}

TEST(passwd_rows_keep_colons_only_in_the_last_field)
{
	static const char *const extra[] = { "userdb_quota_rule=*:storage=500M", "nologin", NULL };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct colon w;

	colon_begin(&w, &text, &err);
	colon_comment(&w, "managed");
	colon_passwd(&w, &(struct passwd_row){ .user = "a@x.example",
					       .hash = "{SHA512-CRYPT}$6$x",
					       .uid = "5000",
					       .gid = "5000",
					       .home = "/var/mail/a",
					       .extra = extra });
	colon_passwd(&w, &(struct passwd_row){ .user = "b" });
	colon_row(&w, "x", "", "y");
	colon_row_tail(&w, "x", "y:z:");
	assert_ok(colon_end(&w), &err);
	assert_string_equal(buf_str(&text),
			    "# managed\n"
			    "a@x.example:{SHA512-CRYPT}$6$x:5000:5000::/var/mail/a::"
			    "userdb_quota_rule=*:storage=500M nologin\n"
			    "b:::::::\n"
			    "x::y\n"
			    "x:y:z:\n");
}

static const char *row_refusal(void *ctx, const struct passwd_row *row)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct colon w;

	colon_begin(&w, &text, &err);
	colon_passwd(&w, row);
	assert_int_equal(colon_end(&w), -ERR_INVALID);
	assert_string_equal(buf_str(&text), "");
	return mem_str(ctx, err.msg);
}

TEST(passwd_rows_refuse_separators)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	const char *const blank[] = { "a=b userdb_uid=0", NULL };
	const char *const percent[] = { "a=%u", NULL };
	const char *const newline[] = { "a=b\nroot::0:0", NULL };

	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a:b" }), "a colon");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a", .home = "/x\nb" }),
			"control");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a", .hash = "x:0:0" }),
			"\"x:0:0\" holds a colon");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "#a" }), "comment");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "" }), "empty");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = NULL }), "missing");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a", .extra = blank }),
			"blank");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a", .extra = percent }),
			"a %");
	assert_contains(row_refusal(ctx, &(struct passwd_row){ .user = "a", .extra = newline }),
			"control");
}

TEST(cron_commands_reach_the_shell_as_typed)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct cron c;

	cron_begin(&c, &text, &err);
	cron_comment(&c, "managed");
	cron_env(&c, "MAILTO", "");
	cron_env(&c, "X", "a\"b");
	cron_job(&c, "*/5 0-6 1,15 jan mon-fri", "web1", "date +%Y | sed s/\\./x/ \\\\ \\% \\");
	cron_job(&c, "@daily", "web1", "cut -d'\t' -f1");
	assert_ok(cron_end(&c), &err);
	assert_string_equal(buf_str(&text), "# managed\nMAILTO=\"\"\nX='a\"b'\n"
					    "*/5 0-6 1,15 jan mon-fri web1 "
					    "date +\\%Y | sed s/\\./x/ \\\\\\ \\\\\\% \\\n"
					    "@daily web1 cut -d'\t' -f1\n");
}

static const char *cron_refusal(void *ctx, const char *schedule, const char *user,
				const char *command)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct cron c;

	cron_begin(&c, &text, &err);
	cron_job(&c, schedule, user, command);
	assert_int_equal(cron_end(&c), -ERR_INVALID);
	assert_string_equal(buf_str(&text), "");
	return mem_str(ctx, err.msg);
}

TEST(cron_refuses_what_would_add_or_cut_a_line)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	char *big = mem_zero(ctx, 1001);

	memset(big, '%', 500);
	assert_contains(cron_refusal(ctx, "@daily", "a", "x\n* * * * * root y"), "control");
	assert_contains(cron_refusal(ctx, "@daily", "a", "x\t\ry"), "control");
	assert_contains(cron_refusal(ctx, "@daily", "a", " x"), "begins with a blank");
	assert_contains(cron_refusal(ctx, "@daily", "a", ""), "no command");
	assert_contains(cron_refusal(ctx, "@daily", "a", NULL), "missing");
	assert_contains(cron_refusal(ctx, "@daily", "a", big), "1000 bytes");
	assert_contains(cron_refusal(ctx, "@daily", "a b", "x"), "no user name");
	assert_contains(cron_refusal(ctx, "* * * *", "a", "x"), "no schedule");
	assert_contains(cron_refusal(ctx, "* * * * * root", "a", "x"), "no schedule");
	assert_contains(cron_refusal(ctx, "*  * * * *", "a", "x"), "no schedule");
	assert_contains(cron_refusal(ctx, "@never", "a", "x"), "no schedule");
}

TEST(a_variable_of_cron_holds_one_kind_of_quotes)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct cron c;

	cron_begin(&c, &text, &err);
	cron_env(&c, "X", "a'\"b");
	assert_int_equal(cron_end(&c), -ERR_INVALID);
	assert_contains(err.msg, "both kinds");
	cron_begin(&c, &text, &err);
	cron_env(&c, "1X", "");
	assert_int_equal(cron_end(&c), -ERR_INVALID);
}

TEST(postfix_parameters_services_and_options_take_their_forms)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct postfix p;

	postfix_begin(&p, &text, &err);
	postfix_comment(&p, "managed");
	postfix_put(&p, "myhostname", "mx.example.com");
	postfix_put(&p, "relayhost", "");
	postfix_put_vars(&p, "mydestination", "$myhostname, localhost");
	postfix_service(&p, "submission", "inet", "n", "-", "y", "-", "-", "smtpd");
	postfix_option(&p, "smtpd_tls_security_level", "encrypt");
	postfix_option_vars(&p, "x", "$a, b c");
	postfix_service_vars(&p, "pipe", "unix", "-", "n", "n", "-", "-", "pipe", "${recipient}");
	assert_ok(postfix_end(&p), &err);
	assert_string_equal(buf_str(&text), "# managed\nmyhostname = mx.example.com\nrelayhost =\n"
					    "mydestination = $myhostname, localhost\n"
					    "submission inet n - y - - smtpd\n"
					    "  -o smtpd_tls_security_level=encrypt\n"
					    "  -o { x = $a, b c }\n"
					    "pipe unix - n n - - pipe ${recipient}\n");
}

enum postfix_form {
	MAIN,
	OPTION,
	SERVICE
};

static const char *postfix_refusal(void *ctx, enum postfix_form form, const char *name,
				   const char *value)
{
	struct buf text = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct postfix p;

	postfix_begin(&p, &text, &err);
	switch (form) {
	case MAIN: postfix_put(&p, name, value); break;
	case OPTION:
		postfix_service(&p, "x", "inet", "n", "-", "y", "-", "-", "smtpd");
		buf_clear(&text);
		postfix_option(&p, name, value);
		break;
	case SERVICE: postfix_service(&p, name, "inet", "n", "-", "y", "-", "-", value); break;
	}
	assert_int_equal(postfix_end(&p), -ERR_INVALID);
	assert_string_equal(buf_str(&text), "");
	return mem_str(ctx, err.msg);
}

TEST(postfix_refuses_continuations_parameters_and_stray_words)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");

	assert_contains(postfix_refusal(ctx, MAIN, "a", "x\nb = c"), "control");
	assert_contains(postfix_refusal(ctx, MAIN, "a", "$b"), "a $");
	assert_contains(postfix_refusal(ctx, MAIN, "a", " b"), "a blank");
	assert_contains(postfix_refusal(ctx, MAIN, "a b", "c"), "no parameter's name");
	assert_contains(postfix_refusal(ctx, MAIN, "#a", "c"), "no parameter's name");
	assert_contains(postfix_refusal(ctx, OPTION, "a", "b } {c"), "brace");
	assert_contains(postfix_refusal(ctx, OPTION, "a", "$b"), "a $");
	assert_contains(postfix_refusal(ctx, SERVICE, "a", "b c"), "blank");
	assert_contains(postfix_refusal(ctx, SERVICE, "a", "-o"), "an option");
	assert_contains(postfix_refusal(ctx, SERVICE, "a", "-ob=c"), "an option");
	assert_contains(postfix_refusal(ctx, SERVICE, "#a", "b"), "no service's name");
	assert_contains(postfix_refusal(ctx, SERVICE, "a", NULL), "eight columns");
}
