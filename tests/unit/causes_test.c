/* Which fields a line comes from, for the formats that there are. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "reconciler/causes.h"
#include "tests/support/testing.h"
#include "tests/support/viewing.h"

extern const struct renderer render_php_fpm, render_cron, render_nginx_site, render_zone,
	render_mail_domain, render_nginx_server, render_mail_server;

static size_t line_of(const char *text, const char *needle)
{
	const char *at = strstr(text, needle);
	size_t n = 1;

	if (!at)
		fail_msg("no \"%s\" in\n%s", needle, text);
	for (const char *p = text; p < at; p++)
		n += *p == '\n';
	return n;
}

/* "domain/a.example name*, …": a star where the line has the value, () where it is only kept there. */
static const char *causes_of(struct viewing *w, const struct renderer *r, enum artifact_type type,
			     const char *path, const char *file, const char *needle)
{
	struct causes_ask ask = {
		.view = &w->v, .renderer = r, .type = type, .path = path, .file = file
	};
	struct buf b = BUF_ON(w->ctx);
	const struct artifact *a = NULL;
	struct causes c = { 0 };
	struct err err = ERR_INIT;

	w->v.settings = &w->settings;
	assert_ok(causes_artifact(w->ctx, &ask, &a, &err), &err);
	if (!a)
		fail_msg("nothing at %s", path);
	if (needle)
		ask.line = line_of(causes_text(w->ctx, a, file), needle);
	assert_int_equal(causes_find(w->ctx, &ask, &c, &err), 1);
	for (size_t i = 0; i < c.n; i++) {
		const struct cause *one = &c.v[i];
		const char *name = res_name(w->ctx, one->res);

		buf_printf(&b, "%s%s%s%s%s%s%s", i ? ", " : "",
			   one->effect == CAUSE_SHAPES  ? ""
			   : one->effect == CAUSE_KEEPS ? "("
							: "[",
			   name, one->field ? " " : "", one->field ? one->field->name : "",
			   one->named ? "*" : "",
			   one->effect == CAUSE_SHAPES  ? ""
			   : one->effect == CAUSE_KEEPS ? ")"
							: "]");
	}
	return buf_str(&b);
}

#define HASH  "$5$salt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"
#define VHOST "/etc/nginx/novacpx/sites/3c/john/a.example.conf"

static struct viewing a_site(const char *type)
{
	struct viewing w;
	struct domain *d;

	viewing_begin(&w, SCOPE_DOMAIN, "a.example");
	(void)viewing_owner(&w);
	d = viewing_add(&w, &kind_domain, "name", "a.example", "account", "john", "type",
			"primary");
	d->type = type;
	return w;
}

#define of_vhost(w, needle) causes_of((w), &render_nginx_site, ARTIFACT_FILE, VHOST, NULL, (needle))

TEST(a_server_name_comes_from_the_domains_name)
{
	struct viewing w = a_site("primary");

	assert_string_equal(of_vhost(&w, "server_name"),
			    "domain/a.example name*, domain/a.example type, domain/a.example www");
	viewing_done(&w);
}

TEST(a_root_comes_from_the_folder_that_was_given)
{
	struct viewing w = a_site("addon");
	struct domain *d = w.v.res[kind_index(&kind_domain)].v[0];
	const char *said;

	said = of_vhost(&w, "root /home");
	assert_contains(said, "domain/a.example name*");
	assert_contains(said, "domain/a.example document_root, ");
	assert_contains(said, "account/john username*");
	d->document_root = "/home/john/photos";
	said = of_vhost(&w, "root /home");
	assert_int_equal(strncmp(said, "domain/a.example document_root*", 31), 0);
	assert_null(strstr(said, "domain/a.example name"));
	assert_contains(said, "(account/john status)");
	viewing_done(&w);
}

TEST(the_socket_of_php_comes_from_the_account_and_is_there_for_php)
{
	struct viewing w = a_site("primary");

	assert_contains(of_vhost(&w, "set $novacpx_account"), "account/john username*");
	assert_string_equal(of_vhost(&w, "fastcgi_pass"),
			    "(domain/a.example php), (account/john status)");
	viewing_done(&w);
}

TEST(where_a_redirect_leads_comes_from_redirect_to_and_redirect_code)
{
	struct viewing w = a_site("redirect");
	struct domain *d = w.v.res[kind_index(&kind_domain)].v[0];
	const char *said;

	d->redirect_to = "https://b.example/";
	said = of_vhost(&w, "return 301");
	assert_contains(said, "domain/a.example redirect_to*");
	assert_contains(said, "domain/a.example redirect_code*");
	assert_contains(said, "type");
	assert_null(strstr(said, "www"));
	viewing_done(&w);
}

TEST(a_port_comes_from_its_setting)
{
	struct viewing w = a_site("primary");

	assert_string_equal(of_vhost(&w, "listen 80;"), "setting/web_http_port value*");
	viewing_set(&w, "web_http_port", "8080");
	assert_string_equal(of_vhost(&w, "listen 8080;"), "setting/web_http_port value*");
	assert_contains(of_vhost(&w, "listen [::]"), "(setting/web_ipv6 value)");
	viewing_done(&w);
}

TEST(an_aliases_root_comes_from_its_target_through_the_field_that_names_it)
{
	struct viewing w = a_site("alias");
	struct domain *d = w.v.res[kind_index(&kind_domain)].v[0];
	const char *said;

	d->target = "main.example";
	w.v.target = viewing_make(&w, &kind_domain, "name", "main.example", "account", "john",
				  "type", "addon", "document_root", "/home/john/main");
	said = of_vhost(&w, "root /home");
	assert_contains(said, "domain/main.example document_root*");
	assert_contains(said, "domain/a.example target");
	viewing_done(&w);
}

TEST(a_line_that_is_in_every_site_has_no_cause)
{
	struct viewing w = a_site("primary");

	assert_string_equal(of_vhost(&w, "location ^~ /.well-known"), "");
	assert_string_equal(of_vhost(&w, "root /var/lib/novacpx/acme"), "");
	viewing_done(&w);
}

TEST(a_site_as_a_whole_comes_from_the_web_server_too)
{
	struct viewing w = a_site("primary");
	const char *said = of_vhost(&w, NULL);

	assert_contains(said, "[setting/web_server value]");
	assert_contains(said, "setting/web_ipv6 value");
	assert_contains(said, "domain/a.example www");
	assert_null(strstr(said, "uid_min"));
	viewing_done(&w);
}

/* Zones */

#define ZONE               "/var/lib/bind/novacpx/8b/a.example.zone"
#define of_zone(w, needle) causes_of((w), &render_zone, ARTIFACT_FILE, zone_path(w), NULL, (needle))

static const char *zone_path(struct viewing *w)
{
	struct catalog c;

	w->v.settings = &w->settings;
	c = viewing_render(w, &render_zone);
	return c.v[0].path;
}

static struct viewing a_zone(void)
{
	struct viewing w;

	viewing_begin(&w, SCOPE_DOMAIN, "a.example");
	(void)viewing_owner(&w);
	(void)viewing_add(&w, &kind_zone, "name", "a.example", "account", "john", "primary_ns",
			  "ns1.hoster.example");
	(void)viewing_add(&w, &kind_record, "zone", "a.example", "name", "@", "type", "A", "value",
			  "192.0.2.1");
	(void)viewing_add(&w, &kind_record, "zone", "a.example", "name", "www", "type", "A",
			  "value", "192.0.2.2", "ttl", "300");
	return w;
}

TEST(a_record_comes_from_its_name_type_value_and_ttl)
{
	struct viewing w = a_zone();
	const char *said = of_zone(&w, "192.0.2.2");

	assert_string_equal(said, "record/a.example/www/A/192.0.2.2 value*, "
				  "record/a.example/www/A/192.0.2.2 name*, "
				  "record/a.example/www/A/192.0.2.2 ttl*, "
				  "record/a.example/www/A/192.0.2.2 type*");
	said = of_zone(&w, "192.0.2.1");
	assert_contains(said, "record/a.example/@/A/192.0.2.1 value*");
	assert_contains(said, "zone/a.example ttl*");
	assert_null(strstr(said, "www"));
	viewing_done(&w);
}

TEST(the_soa_comes_from_the_zone_and_its_defaults)
{
	struct viewing w = a_zone();
	const char *said = of_zone(&w, "SOA");

	assert_contains(said, "zone/a.example primary_ns*");
	assert_contains(said, "zone/a.example admin_email");
	assert_contains(said, "zone/a.example ttl*");
	assert_null(strstr(said, "record"));
	assert_string_equal(of_zone(&w, "; retry"), "zone/a.example retry*");
	assert_string_equal(of_zone(&w, "; serial"), "");
	assert_string_equal(of_zone(&w, "NS ns2"), "setting/ns2_hostname value*, "
						   "zone/a.example ttl*, "
						   "zone/a.example secondary_ns");
	viewing_done(&w);
}

TEST(a_long_zone_is_searched_where_the_line_points)
{
	struct viewing w = a_zone();
	const char *said;
	clock_t before;

	for (int i = 0; i < 1000; i++)
		(void)viewing_add(&w, &kind_record, "zone", "a.example", "name",
				  mem_fmt(w.ctx, "h%d", i), "type", "A", "value",
				  mem_fmt(w.ctx, "198.51.%d.%d", i / 250, i % 250));
	before = clock();
	said = of_zone(&w, "198.51.3.77\n");
	assert_true(clock() - before < 5 * CLOCKS_PER_SEC); /* trying all would be minutes */
	assert_contains(said, "record/a.example/h827/A/198.51.3.77 value*");
	assert_contains(said, "zone/a.example ttl*");
	assert_null(strstr(said, "h828"));
	viewing_done(&w);
}

/* Accounts */

static struct viewing an_account(void)
{
	struct viewing w;

	viewing_begin(&w, SCOPE_ACCOUNT, "john");
	(void)viewing_owner(&w);
	return w;
}

#define POOL               "/etc/php/8.2/fpm/pool.d/novacpx-john.conf"
#define of_pool(w, needle) causes_of((w), &render_php_fpm, ARTIFACT_FILE, POOL, NULL, (needle))

TEST(a_value_of_php_comes_from_the_accounts_php_config_set_or_not)
{
	struct viewing w = an_account();

	assert_string_equal(of_pool(&w, "'memory_limit'"), "php_config/john memory_limit*");
	(void)viewing_add(&w, &kind_php_config, "account", "john", "memory_limit", "300M");
	assert_string_equal(of_pool(&w, "'memory_limit'"), "php_config/john memory_limit*");
	assert_string_equal(of_pool(&w, "request_terminate_timeout"),
			    "php_config/john max_execution_time");
	assert_string_equal(of_pool(&w, "pm = 'ondemand'"), "");
	viewing_done(&w);
}

TEST(the_place_of_a_pool_comes_from_the_version_wherever_it_is_said)
{
	struct viewing w = an_account();
	const char *said = of_pool(&w, "include");

	assert_contains(said, "setting/default_php value*");
	w.v.package = viewing_make(&w, &kind_package, "name", "small", "php_version", "8.2");
	w.account->package = "small";
	said = of_pool(&w, "include");
	assert_contains(said, "package/small php_version*");
	assert_contains(said, "(account/john package)");
	assert_null(strstr(said, "default_php"));
	viewing_done(&w);
}

TEST(a_cron_line_comes_from_its_job_alone)
{
	struct viewing w = an_account();
	const char *said;

	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "nightly", "schedule",
			  "15 3 * * *", "command", "bin/backup");
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "other", "schedule",
			  "16 3 * * *", "command", "bin/other");
	said = causes_of(&w, &render_cron, ARTIFACT_FILE, "/etc/cron.d/novacpx-john", NULL,
			 "bin/backup");
	assert_contains(said, "cron_job/john/nightly schedule*");
	assert_contains(said, "cron_job/john/nightly command*");
	assert_contains(said, "(cron_job/john/nightly enabled)");
	assert_contains(said, "account/john username*");
	assert_null(strstr(said, "other"));
	said = causes_of(&w, &render_cron, ARTIFACT_FILE, "/etc/cron.d/novacpx-john", NULL,
			 "MAILTO");
	assert_string_equal(said, "account/john email");
	viewing_done(&w);
}

TEST(a_line_of_a_user_comes_from_the_account_by_the_file_it_stands_in)
{
	struct viewing w = an_account();

	assert_string_equal(
		causes_of(&w, &render_home, ARTIFACT_USER, "john", "/etc/passwd", "john"),
		"account/john shell*, account/john username*, account/john home");
	assert_string_equal(
		causes_of(&w, &render_home, ARTIFACT_USER, "john", "/etc/shadow", "john"),
		"account/john username*, account/john status, account/john password");
	assert_string_equal(
		causes_of(&w, &render_home, ARTIFACT_USER, "john", "/etc/group", "john"),
		"account/john username*");
	viewing_done(&w);
}

/* Mail */

TEST(a_login_comes_from_its_mailbox)
{
	struct viewing w = a_site("primary");
	const char *said;
	const char *path;
	struct catalog c;

	(void)viewing_add(&w, &kind_mailbox, "address", "info@a.example", "account", "john",
			  "quota_mb", "700", "password", HASH);
	(void)viewing_add(&w, &kind_mailbox, "address", "jane@a.example", "account", "john",
			  "password", HASH);
	c = viewing_render(&w, &render_mail_domain);
	path = NULL;
	for (size_t i = 0; i < c.n; i++) {
		if (c.v[i].type == ARTIFACT_FILE)
			path = c.v[i].path;
	}
	said = causes_of(&w, &render_mail_domain, ARTIFACT_FILE, path, NULL, "info@");
	assert_contains(said, "mailbox/info@a.example address*");
	assert_contains(said, "mailbox/info@a.example quota_mb*");
	assert_contains(said, "mailbox/info@a.example password");
	assert_contains(said, "mailbox/info@a.example status");
	assert_null(strstr(said, "password*"));
	assert_null(strstr(said, "jane"));
	said = causes_of(&w, &render_mail_domain, ARTIFACT_MAPROW,
			 "/etc/postfix/novacpx/mailboxes.lmdb:info@a.example", NULL, "info@");
	assert_string_equal(said, "mailbox/info@a.example address*, (setting/mail_server value)");
	viewing_done(&w);
}

TEST(what_a_forwarder_leads_to_comes_from_the_forwarder)
{
	struct viewing w = a_site("primary");
	const char *said;

	(void)viewing_add(&w, &kind_forwarder, "source", "sales@a.example", "destination",
			  "x@b.example", "account", "john");
	(void)viewing_add(&w, &kind_forwarder, "source", "sales@a.example", "destination",
			  "y@b.example", "account", "john");
	said = causes_of(&w, &render_mail_domain, ARTIFACT_MAPROW,
			 "/etc/postfix/novacpx/aliases.lmdb:sales@a.example", NULL, "x@");
	assert_contains(said, "forwarder/sales@a.example/x@b.example destination*");
	assert_contains(said, "forwarder/sales@a.example/y@b.example destination*");
	viewing_done(&w);
}

/* The server */

TEST(lines_of_the_server_come_from_settings)
{
	struct viewing w;
	const char *conf = "/etc/nginx/conf.d/novacpx.conf";

	viewing_begin(&w, SCOPE_SERVER, "");
	assert_string_equal(causes_of(&w, &render_nginx_server, ARTIFACT_FILE, conf, NULL,
				      "client_max_body_size"),
			    "setting/web_max_body_mb value*");
	assert_string_equal(causes_of(&w, &render_nginx_server, ARTIFACT_FILE, conf, NULL,
				      "ssl_session_tickets"),
			    "");
	viewing_set(&w, "mail_hostname", "mail.hoster.example");
	assert_string_equal(causes_of(&w, &render_mail_server, ARTIFACT_BLOCK,
				      "/etc/postfix/main.cf", NULL, "smtp_helo_name"),
			    "setting/mail_hostname value*");
	viewing_done(&w);
}

TEST(what_is_not_wanted_has_no_causes)
{
	struct viewing w = a_site("primary");
	struct causes_ask ask = { .view = &w.v,
				  .renderer = &render_nginx_site,
				  .type = ARTIFACT_FILE,
				  .path = "/etc/nginx/other.conf" };
	struct causes c;
	struct err err = ERR_INIT;

	w.v.settings = &w.settings;
	assert_int_equal(causes_find(w.ctx, &ask, &c, &err), 0);
	viewing_done(&w);
}

/* Its own site's folder binds the account to its name, its mailboxes bind the domain: still they are causes. */
TEST(a_name_that_the_renderer_takes_no_other_for_is_a_cause_all_the_same)
{
	struct viewing w = a_site("primary");
	struct domain *d = w.v.res[kind_index(&kind_domain)].v[0];

	d->document_root = "/home/john/photos";
	assert_contains(of_vhost(&w, "set $novacpx_account"), "account/john username*");
	(void)viewing_add(&w, &kind_mailbox, "address", "info@a.example", "account", "john");
	assert_contains(causes_of(&w, &render_mail_domain, ARTIFACT_MAPROW,
				  "/etc/postfix/novacpx/domains.lmdb:a.example", NULL, "a.example"),
			"domain/a.example name*");
	viewing_done(&w);
}
