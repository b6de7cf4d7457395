#include <string.h>

#include "renderers/page.h"
#include "tests/support/testing.h"
#include "tests/support/viewing.h"

#define HASH "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"

extern const struct renderer render_home, render_php_fpm, render_cron, render_nginx_site,
	render_zone, render_mail_domain, render_nginx_server, render_bind_server,
	render_mail_server;

/* Accounts */

static void account(struct viewing *w)
{
	viewing_begin(w, SCOPE_ACCOUNT, "john");
	(void)viewing_owner(w);
}

TEST(an_account_has_a_user_a_home_and_logs)
{
	struct viewing w;

	account(&w);
	expect_golden("render/home/active", viewing_text(&w, &render_home));
	viewing_done(&w);
}

TEST(a_suspended_account_cannot_log_in_and_keeps_its_files)
{
	struct viewing w;

	account(&w);
	w.account->status = "suspended";
	w.account->shell = "/bin/bash";
	expect_golden("render/home/suspended", viewing_text(&w, &render_home));
	viewing_done(&w);
}

TEST(a_package_with_disk_space_limits_its_account_and_zero_does_not)
{
	struct viewing w;
	struct catalog c;
	const struct artifact *quota;

	account(&w);
	w.v.package = viewing_make(&w, &kind_package, "name", "small", "disk_mb", "5120");
	c = viewing_render(&w, &render_home);
	quota = viewing_find(&c, ARTIFACT_QUOTA, "/home/john");
	assert_non_null(quota);
	assert_string_equal(quota->owner, "john");
	assert_string_equal(quota->data, "5120 MiB");
	w.v.package = viewing_make(&w, &kind_package, "name", "free", "disk_mb", "0");
	c = viewing_render(&w, &render_home);
	assert_null(viewing_find(&c, ARTIFACT_QUOTA, "/home/john"));
	viewing_done(&w);
}

TEST(a_home_elsewhere_is_followed_everywhere)
{
	struct viewing w;

	account(&w);
	w.account->home = "/srv/web/john";
	w.account->shell = "/bin/bash";
	expect_golden("render/home/elsewhere", viewing_text(&w, &render_home));
	expect_golden("render/php_fpm/elsewhere", viewing_text(&w, &render_php_fpm));
	viewing_done(&w);
}

TEST(a_pool_has_the_values_of_the_php_config)
{
	struct viewing w;

	account(&w);
	expect_golden("render/php_fpm/plain", viewing_text(&w, &render_php_fpm));
	w.account->php_version = "8.3";
	(void)viewing_add(&w, &kind_php_config, "account", "john", "memory_limit", "1G",
			  "max_execution_time", "0", "max_children", "20", "display_errors", "true",
			  "allow_url_fopen", "false", "timezone", "Europe/Berlin", "max_input_time",
			  "-1");
	expect_golden("render/php_fpm/config", viewing_text(&w, &render_php_fpm));
	viewing_done(&w);
}

TEST(cron_jobs_are_one_file_and_percent_signs_reach_the_shell)
{
	struct viewing w;

	account(&w);
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "backup", "schedule",
			  "*/5 3 * * mon-fri", "command",
			  "tar cf \"$HOME/b-$(date +%F).tar\" public_html # it's %");
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "daily", "schedule",
			  "@daily", "command", "php -f public_html/cron.php");
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "off", "schedule",
			  "@hourly", "command", "false", "enabled", "false");
	w.account->email = "john@example.com";
	expect_golden("render/cron/jobs", viewing_text(&w, &render_cron));
	viewing_done(&w);
}

TEST(a_suspended_account_has_neither_pool_nor_jobs)
{
	struct viewing w;

	account(&w);
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "a", "schedule", "@daily",
			  "command", "true");
	w.account->status = "suspended";
	assert_string_equal(viewing_text(&w, &render_cron), "");
	assert_string_equal(viewing_text(&w, &render_php_fpm), "");
	viewing_done(&w);
}

TEST(without_an_enabled_job_there_is_no_file)
{
	struct viewing w;

	account(&w);
	assert_string_equal(viewing_text(&w, &render_cron), "");
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "a", "schedule", "@daily",
			  "command", "true", "enabled", "false");
	assert_string_equal(viewing_text(&w, &render_cron), "");
	viewing_done(&w);
}

/* Sites */

static void certificate(struct viewing *w, const char *name)
{
	struct certificate *c =
		viewing_add(w, &kind_certificate, "domain", name, "account", "john");

	c->cert = "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n-----END CERTIFICATE-----\n";
	c->chain = "-----BEGIN CERTIFICATE-----\nQ0hBSU4=\n-----END CERTIFICATE-----\n";
	c->key = "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n";
}

static struct domain *site(struct viewing *w, const char *type)
{
	const char *name;
	struct domain *d;

	viewing_begin(w, SCOPE_DOMAIN, "");
	w->v.name = name = mem_fmt(w->ctx, "%s.example.com", type);
	(void)viewing_owner(w);
	if (strcmp(type, "alias") == 0) {
		d = viewing_add(w, &kind_domain, "name", name, "account", "john", "type", type,
				"target", "shop.example.com");
		w->v.target = viewing_make(w, &kind_domain, "name", "shop.example.com", "account",
					   "john", "type", "addon");
	} else if (strcmp(type, "redirect") == 0) {
		d = viewing_add(w, &kind_domain, "name", name, "account", "john", "type", type,
				"redirect_to", "https://example.org/new?a=1;b={2}");
	} else {
		d = viewing_add(w, &kind_domain, "name", name, "account", "john", "type", type);
	}
	return d;
}

static void expect_site(const char *type, bool tls, bool suspended)
{
	struct viewing w;
	struct domain *d = site(&w, type);

	d->force_https = tls;
	if (tls)
		certificate(&w, d->name);
	if (suspended)
		w.account->status = "suspended";
	expect_golden(mem_fmt(w.ctx, "render/site/%s%s%s", type, tls ? "-tls" : "",
			      suspended ? "-suspended" : ""),
		      viewing_text(&w, &render_nginx_site));
	viewing_done(&w);
}

TEST(each_type_of_site_has_its_form)
{
	static const char *const types[] = { "primary", "addon", "subdomain", "alias", "redirect" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		for (int k = 0; k < 4; k++)
			expect_site(types[i], k & 1, k & 2);
	}
}

TEST(a_site_without_php_never_names_it)
{
	struct viewing w;
	struct domain *d = site(&w, "addon");

	d->php = false;
	d->www = false;
	expect_golden("render/site/addon-static", viewing_text(&w, &render_nginx_site));
	viewing_done(&w);
}

TEST(ports_addresses_and_certificates_of_somebody_else_are_followed)
{
	struct viewing w;
	struct domain *d = site(&w, "primary");

	d->force_https = true;
	d->document_root = "/home/john/my site/web";
	(void)viewing_add(&w, &kind_certificate, "domain", d->name, "account", "john", "cert_path",
			  "/etc/letsencrypt/live/p/fullchain.pem", "key_path",
			  "/etc/letsencrypt/live/p/privkey.pem");
	viewing_set(&w, "web_http_port", "8080");
	viewing_set(&w, "web_https_port", "8443");
	viewing_set(&w, "web_ipv6", "false");
	expect_golden("render/site/primary-ports", viewing_text(&w, &render_nginx_site));
	viewing_done(&w);
}

TEST(a_certificate_that_is_still_to_come_leaves_the_site_on_http)
{
	struct viewing w;
	struct domain *d = site(&w, "primary");
	struct catalog c;
	const char *before;

	d->force_https = true;
	before = viewing_text(&w, &render_nginx_site);
	(void)viewing_add(&w, &kind_certificate, "domain", d->name, "account", "john", "type",
			  "lets_encrypt");
	assert_string_equal(viewing_text(&w, &render_nginx_site), before);
	c = viewing_render(&w, &render_nginx_site);
	assert_int_equal(c.n, 2);
	viewing_done(&w);
}

TEST(a_certificate_whose_key_is_lost_is_an_error_not_plain_http)
{
	struct viewing w;
	struct domain *d = site(&w, "primary");

	certificate(&w, d->name);
	((struct certificate *)view_one(&w.v, &kind_certificate))->key = NULL;
	assert_contains(viewing_refusal(&w, &render_nginx_site), "no key");
	viewing_done(&w);
}

TEST(a_site_whose_owner_is_gone_is_not_rendered)
{
	struct viewing w;

	(void)site(&w, "primary");
	w.v.account = NULL;
	assert_string_equal(viewing_text(&w, &render_nginx_site), "");
	viewing_done(&w);
}

TEST(an_alias_shows_no_site_of_another_account)
{
	struct viewing w;

	(void)site(&w, "alias");
	((struct domain *)(uintptr_t)w.v.target)->account = "bob";
	assert_contains(viewing_refusal(&w, &render_nginx_site), "another account");
	w.v.target = NULL;
	assert_contains(viewing_refusal(&w, &render_nginx_site), "shop.example.com");
	viewing_done(&w);
}

TEST(an_alias_of_a_redirect_redirects)
{
	struct viewing w;
	struct catalog c;

	(void)site(&w, "alias");
	w.v.target = viewing_make(&w, &kind_domain, "name", "go.example.com", "account", "john",
				  "type", "redirect", "redirect_to", "https://example.org/",
				  "redirect_code", "302");
	c = viewing_render(&w, &render_nginx_site);
	assert_contains(
		viewing_find(&c, ARTIFACT_FILE,
			     mem_fmt(w.ctx, "/etc/nginx/novacpx/sites/%s/alias.example.com.conf",
				     view_folder(&w.v, "john")))
			->data,
		"return 302 https://example.org/;");
	viewing_done(&w);
}

/* Zones */

static struct zone *zone(struct viewing *w)
{
	viewing_begin(w, SCOPE_DOMAIN, "example.com");
	(void)viewing_owner(w);
	return viewing_add(w, &kind_zone, "name", "example.com", "account", "john");
}

static struct record *record(struct viewing *w, const char *name, const char *type,
			     const char *value)
{
	return viewing_add(w, &kind_record, "zone", "example.com", "name", name, "type", type,
			   "value", value);
}

TEST(a_zone_without_records_has_the_servers_of_the_settings)
{
	struct viewing w;

	(void)zone(&w);
	viewing_set(&w, "ns1_hostname", "ns1.hoster.net");
	viewing_set(&w, "ns2_hostname", "ns2.hoster.net");
	expect_golden("render/zone/empty", viewing_text(&w, &render_zone));
	viewing_done(&w);
}

TEST(a_zone_has_every_type_of_record)
{
	static const char *const rows[][3] = {
		{ "@", "A", "192.0.2.1" },
		{ "@", "AAAA", "2001:db8::1" },
		{ "www", "CNAME", "@" },
		{ "@", "MX", "mail" },
		{ "mail", "A", "192.0.2.2" },
		{ "*.dev", "A", "192.0.2.3" },
		{ "@", "TXT", "say \"hi\"; \\ and grüße" },
		{ "@", "SPF", "v=spf1 mx -all" },
		{ "mail._domainkey", "DKIM", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB" },
		{ "_dmarc", "DMARC", "v=DMARC1; p=none" },
		{ "_sip._tcp", "SRV", "5 5060 sip.example.net." },
		{ "sub", "NS", "ns1.example.net." },
		{ "ptr", "PTR", "host.example.net." },
		{ "@", "CAA", "0 issue \"letsencrypt.org\"" },
		{ "ssh", "SSHFP",
		  "4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789" },
		{ "_443._tcp", "TLSA",
		  "3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6" },
		{ "naptr", "NAPTR", "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@example.com!\" ." },
	};
	struct viewing w;
	struct zone *z = zone(&w);
	char text[701];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		(void)record(&w, rows[i][0], rows[i][1], rows[i][2]);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)record(&w, "long", "TXT", text);
	z->primary_ns = "ns1.hoster.net";
	z->secondary_ns = "ns1.hoster.net";
	z->admin_email = "jane.doe@example.com";
	expect_golden("render/zone/types", viewing_text(&w, &render_zone));
	viewing_done(&w);
}

TEST(the_records_of_one_name_and_type_share_the_lowest_ttl)
{
	struct viewing w;
	struct catalog c;
	const char *text;

	(void)zone(&w);
	record(&w, "www", "A", "192.0.2.2")->ttl = 600;
	record(&w, "www", "A", "192.0.2.1")->ttl = 60;
	(void)record(&w, "www", "AAAA", "2001:db8::1");
	record(&w, "@", "TXT", "b")->ttl = 60;
	record(&w, "@", "SPF", "v=spf1 -all")->ttl = 90;
	c = viewing_render(&w, &render_zone);
	text = c.v[0].data;
	assert_contains(text, "www 60 IN A 192.0.2.1\nwww 60 IN A 192.0.2.2\n");
	assert_contains(text, "www 3600 IN AAAA 2001:db8::1\n");
	assert_contains(text, "@ 60 IN TXT \"b\"\n@ 60 IN TXT \"v=spf1 -all\"\n");
	viewing_done(&w);
}

TEST(records_for_the_zones_own_servers_replace_those_of_the_settings)
{
	struct viewing w;
	struct catalog c;

	(void)zone(&w);
	(void)record(&w, "@", "NS", "a.dns.net.");
	c = viewing_render(&w, &render_zone);
	assert_contains(c.v[0].data, "@ 3600 IN NS a.dns.net.\n");
	assert_null(strstr(c.v[0].data, "NS ns1"));
	viewing_done(&w);
}

TEST(the_serial_has_its_place_in_the_file)
{
	struct viewing w;
	struct catalog c;

	(void)zone(&w);
	c = viewing_render(&w, &render_zone);
	assert_true(c.v[0].flags & ARTIFACT_SERIAL);
	assert_memory_equal(c.v[0].data + c.v[0].serial_at, "0          ; serial\n", 20);
	viewing_done(&w);
}

TEST(a_disabled_zone_is_not_served)
{
	struct viewing w;
	struct zone *z = zone(&w);

	z->status = "disabled";
	assert_string_equal(viewing_text(&w, &render_zone), "");
	viewing_done(&w);
}

/* Mail */

static void mail(struct viewing *w)
{
	viewing_begin(w, SCOPE_DOMAIN, "example.com");
	(void)viewing_owner(w);
	(void)viewing_add(w, &kind_domain, "name", "example.com", "account", "john", "type",
			  "primary");
}

static struct mailbox *mailbox(struct viewing *w, const char *local)
{
	return viewing_add(w, &kind_mailbox, "address", mem_fmt(w->ctx, "%s@example.com", local),
			   "account", "john", "password", HASH);
}

static void forward(struct viewing *w, const char *local, const char *to)
{
	(void)viewing_add(w, &kind_forwarder, "source", mem_fmt(w->ctx, "%s@example.com", local),
			  "destination", to, "account", "john");
}

static void full_mail(struct viewing *w)
{
	mail(w);
	mailbox(w, "anna")->quota_mb = 0;
	(void)mailbox(w, "bert");
	mailbox(w, "susp")->status = "suspended";
	forward(w, "anna", "anna@example.net"); /* keeps a copy */
	forward(w, "info", "anna@example.com");
	forward(w, "info", "bert@example.com");
	forward(w, "info", "out@example.net");
	forward(w, "both", "bert@example.com");
	forward(w, "both", "susp@example.com");
	forward(w, "old", "susp@example.com");
	forward(w, "self", "self@example.com");
	forward(w, "susp", "out@example.net");
}

TEST(mail_goes_to_mailboxes_and_forwarders)
{
	struct viewing w;

	full_mail(&w);
	expect_golden("render/mail/plain", viewing_text(&w, &render_mail_domain));
	viewing_done(&w);
}

TEST(a_catch_all_takes_only_what_is_left_over)
{
	struct viewing w;

	full_mail(&w);
	forward(&w, "", "bert@example.com");
	expect_golden("render/mail/catch_all", viewing_text(&w, &render_mail_domain));
	viewing_done(&w);
}

TEST(the_mail_of_a_suspended_account_is_refused_and_kept)
{
	struct viewing w;

	full_mail(&w);
	forward(&w, "", "bert@example.com");
	w.account->status = "suspended";
	expect_golden("render/mail/suspended", viewing_text(&w, &render_mail_domain));
	viewing_done(&w);
}

TEST(a_domain_without_mailbox_and_forwarder_takes_no_mail)
{
	struct viewing w;

	mail(&w);
	assert_string_equal(viewing_text(&w, &render_mail_domain), "");
	viewing_done(&w);
}

TEST(a_mailbox_without_password_lets_nobody_in)
{
	struct viewing w;
	struct catalog c;

	mail(&w);
	mailbox(&w, "anna")->password = NULL;
	c = viewing_render(&w, &render_mail_domain);
	assert_contains(
		viewing_find(&c, ARTIFACT_FILE, "/etc/dovecot/novacpx/ex/example.com.passwd")->data,
		"\nanna@example.com:*:vmail:vmail:");
	viewing_done(&w);
}

/* The server */

TEST(the_server_files_stand)
{
	struct viewing w;

	viewing_begin(&w, SCOPE_SERVER, "");
	expect_golden("render/server/nginx", viewing_text(&w, &render_nginx_server));
	expect_golden("render/server/bind", viewing_text(&w, &render_bind_server));
	expect_golden("render/server/mail", viewing_text(&w, &render_mail_server));
	viewing_done(&w);
}

TEST(the_server_files_follow_the_ports)
{
	static const char *const rows[][2] = {
		{ "web_http_port", "8080" }, { "web_https_port", "8443" },
		{ "web_ipv6", "false" },     { "dns_port", "5353" },
		{ "smtp_port", "2525" },     { "submission_port", "2587" },
		{ "smtps_port", "2465" },    { "imap_port", "2143" },
		{ "imaps_port", "2993" },    { "pop3_port", "2110" },
		{ "pop3s_port", "2995" },    { "mail_hostname", "mail.example.com" },
		{ "rndc_port", "5953" },
	};
	struct viewing w;

	viewing_begin(&w, SCOPE_SERVER, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		viewing_set(&w, rows[i][0], rows[i][1]);
	expect_golden("render/server/nginx-ports", viewing_text(&w, &render_nginx_server));
	expect_golden("render/server/bind-ports", viewing_text(&w, &render_bind_server));
	expect_golden("render/server/mail-ports", viewing_text(&w, &render_mail_server));
	viewing_done(&w);
}

TEST(a_service_that_is_set_to_none_is_left_alone)
{
	struct viewing w;

	viewing_begin(&w, SCOPE_SERVER, "");
	viewing_set(&w, "web_server", "none");
	viewing_set(&w, "dns_server", "none");
	viewing_set(&w, "mail_server", "none");
	assert_string_equal(viewing_text(&w, &render_nginx_server), "");
	assert_string_equal(viewing_text(&w, &render_bind_server), "");
	viewing_done(&w);
	(void)site(&w, "primary");
	viewing_set(&w, "web_server", "none");
	assert_string_equal(viewing_text(&w, &render_nginx_site), "");
	viewing_done(&w);
	(void)zone(&w);
	viewing_set(&w, "dns_server", "none");
	assert_string_equal(viewing_text(&w, &render_zone), "");
	viewing_done(&w);
}

TEST(mail_stays_where_it_is_when_the_mail_server_is_set_to_none)
{
	struct viewing w;

	viewing_begin(&w, SCOPE_SERVER, "");
	viewing_set(&w, "mail_server", "none");
	expect_golden("render/server/mail-none", viewing_text(&w, &render_mail_server));
	viewing_done(&w);
	full_mail(&w);
	viewing_set(&w, "mail_server", "none");
	expect_golden("render/mail/none", viewing_text(&w, &render_mail_domain));
	viewing_done(&w);
}

/* A damaged database */

static const char *const hostile[] = {
	"",      ".",    "..",  "../../etc/passwd", "a/../b", "a b", "a\nb",
	"a;b",   "a$b",  "-rf", ".hidden",          "a\"b",   "a:b", "a\x01",
	"a\xff", "/etc",
};

TEST(a_damaged_user_name_is_refused_everywhere)
{
	static const struct renderer *const all[] = { &render_home, &render_php_fpm, &render_cron };
	struct viewing w;

	account(&w);
	(void)viewing_add(&w, &kind_cron_job, "account", "john", "name", "a", "schedule", "@daily",
			  "command", "true");
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		w.account->username = hostile[i];
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			assert_contains(viewing_refusal(&w, all[k]), "username");
	}
	viewing_done(&w);
	(void)site(&w, "primary");
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		w.account->username = hostile[i];
		(void)viewing_refusal(&w, &render_nginx_site);
	}
	viewing_done(&w);
}

TEST(a_damaged_name_of_a_domain_or_zone_is_refused)
{
	struct viewing w;
	struct domain *d = site(&w, "primary");
	struct zone *z;

	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		d->name = hostile[i];
		(void)viewing_refusal(&w, &render_nginx_site);
	}
	viewing_done(&w);
	z = zone(&w);
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		z->name = hostile[i];
		(void)viewing_refusal(&w, &render_zone);
	}
	viewing_done(&w);
	full_mail(&w);
	d = (struct domain *)view_one(&w.v, &kind_domain);
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		d->name = hostile[i];
		(void)viewing_refusal(&w, &render_mail_domain);
	}
	viewing_done(&w);
}

TEST(a_damaged_home_or_folder_is_refused)
{
	static const char *const paths[] = { "",
					     "relative",
					     "/",
					     "/home/../etc",
					     "/home/john/../bob",
					     "/home//john",
					     "/home/a:/etc",
					     "/home/a\nb",
					     "/home/a\"b" };
	static const char *const roots[] = { "/home/johnny/x", "/etc", "/home/john$x", "/home" };
	struct viewing w;
	struct domain *d;

	account(&w);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		w.account->home = paths[i];
		(void)viewing_refusal(&w, &render_home);
		(void)viewing_refusal(&w, &render_php_fpm);
	}
	viewing_done(&w);
	d = site(&w, "primary");
	for (size_t i = 0; i < ARRAY_LEN(paths) + ARRAY_LEN(roots); i++) {
		d->document_root = i < ARRAY_LEN(paths) ? paths[i] : roots[i - ARRAY_LEN(paths)];
		(void)viewing_refusal(&w, &render_nginx_site);
	}
	viewing_done(&w);
}

TEST(damaged_values_of_a_site_are_refused)
{
	static const char *const targets[] = { NULL, "", "javascript:1", "https://a/$x",
					       "https://a/\nb" };
	static const char *const paths[] = { "", "x.pem", "data:abc", "/a/../b", "/a$b", "/a\n" };
	struct viewing w;
	struct domain *d = site(&w, "redirect");
	struct certificate *c;

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		d->redirect_to = targets[i];
		(void)viewing_refusal(&w, &render_nginx_site);
	}
	viewing_done(&w);
	d = site(&w, "primary");
	c = viewing_add(&w, &kind_certificate, "domain", d->name, "account", "john");
	c->cert_path = c->key_path = "/a";
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		c->cert_path = paths[i];
		(void)viewing_refusal(&w, &render_nginx_site);
		c->cert_path = "/a";
		c->key_path = paths[i];
		(void)viewing_refusal(&w, &render_nginx_site);
		c->key_path = "/a";
	}
	viewing_set(&w, "web_http_port", "80; evil");
	assert_contains(viewing_refusal(&w, &render_nginx_site), "web_http_port");
	viewing_done(&w);
}

TEST(damaged_jobs_and_pools_are_refused)
{
	static const char *const commands[] = { "", " x", "a\n* * * * * root sh", "a\rb", "a\x01" };
	static const char *const values[] = { "", "$pool", "1\nuser = root", NULL };
	struct viewing w;
	struct cron_job *job;
	struct php_config *c;

	account(&w);
	job = viewing_add(&w, &kind_cron_job, "account", "john", "name", "a", "schedule", "@daily",
			  "command", "true");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		job->command = commands[i];
		(void)viewing_refusal(&w, &render_cron);
	}
	job->command = "true";
	job->schedule = "* * * * * root sh";
	(void)viewing_refusal(&w, &render_cron);
	job->schedule = "@daily";
	job->name = "a\n* * * * * root sh";
	(void)viewing_refusal(&w, &render_cron);

	c = viewing_add(&w, &kind_php_config, "account", "john");
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		c->memory_limit = values[i];
		(void)viewing_refusal(&w, &render_php_fpm);
	}
	c->memory_limit = "1M";
	w.account->php_version = "../8";
	(void)viewing_refusal(&w, &render_php_fpm);
	viewing_done(&w);
}

TEST(damaged_records_are_refused)
{
	static const char *const values[] = {
		NULL, "", "192.0.2.1\n@ IN NS evil.", "( 192.0.2.1", "192.0.2.1 ; x", "\""
	};
	static const char *const names[] = { NULL, "", "$INCLUDE", "a b", "a\nb", "\\@", "a..b" };
	struct viewing w;
	struct zone *z = zone(&w);
	struct record *rec = record(&w, "www", "A", "192.0.2.1");

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		rec->value = values[i];
		(void)viewing_refusal(&w, &render_zone);
	}
	rec->value = "192.0.2.1";
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		rec->name = names[i];
		(void)viewing_refusal(&w, &render_zone);
	}
	rec->name = "www";
	rec->type = "AXFR";
	(void)viewing_refusal(&w, &render_zone);
	rec->type = "MX";
	rec->priority = -1;
	(void)viewing_refusal(&w, &render_zone);
	rec->type = "A";
	rec->ttl = -5;
	(void)viewing_refusal(&w, &render_zone);
	rec->ttl = 5;
	z->primary_ns = "ns1 evil";
	(void)viewing_refusal(&w, &render_zone);
	z->primary_ns = NULL;
	z->admin_email = "a b@x";
	(void)viewing_refusal(&w, &render_zone);
	viewing_done(&w);
}

TEST(damaged_mail_is_refused)
{
	static const char *const addresses[] = { NULL,
						 "",
						 "anna",
						 "anna@other.net",
						 "../x@example.com",
						 "a/b@example.com",
						 "a:b@example.com",
						 "a b@example.com",
						 "a\nb@example.com",
						 ".a@example.com",
						 "|sh@example.com",
						 "a,b@example.com",
						 "a@b@example.com" };
	struct viewing w;
	struct mailbox *box;
	struct forwarder *f;

	mail(&w);
	box = mailbox(&w, "anna");
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		box->address = addresses[i];
		(void)viewing_refusal(&w, &render_mail_domain);
	}
	box->address = "anna@example.com";
	box->password = "x\ny";
	(void)viewing_refusal(&w, &render_mail_domain);
	box->password = "x:0:0";
	(void)viewing_refusal(&w, &render_mail_domain);
	box->password = HASH;
	forward(&w, "f", "x@example.net");
	f = w.v.res[kind_index(&kind_forwarder)].v[0];
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		f->source = addresses[i];
		(void)viewing_refusal(&w, &render_mail_domain);
		f->source = "f@example.com";
		if (addresses[i] && strcmp(addresses[i], "anna@other.net") == 0)
			continue;
		f->destination = addresses[i];
		(void)viewing_refusal(&w, &render_mail_domain);
		f->destination = "x@example.net";
	}
	f->source = "@other.net";
	(void)viewing_refusal(&w, &render_mail_domain);
	viewing_done(&w);
}

TEST(damaged_settings_are_refused)
{
	static const char *const rows[][2] = { { "web_max_body_mb", "64; evil" },
					       { "web_http_port", "0" },
					       { "web_https_port", "unix:/x" },
					       { "web_http_port", "80 ssl" } };
	struct viewing w;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		viewing_begin(&w, SCOPE_SERVER, "");
		viewing_set(&w, rows[i][0], rows[i][1]);
		assert_contains(viewing_refusal(&w, &render_nginx_server), rows[i][0]);
		viewing_done(&w);
	}
	viewing_begin(&w, SCOPE_SERVER, "");
	viewing_set(&w, "mail_hostname", "mail.x\nevil = 1");
	(void)viewing_refusal(&w, &render_mail_server);
	viewing_set(&w, "mail_hostname", "$x");
	(void)viewing_refusal(&w, &render_mail_server);
	viewing_set(&w, "dns_port", "53; }");
	(void)viewing_refusal(&w, &render_bind_server);
	viewing_done(&w);
}

/* FPM takes the first of a php_value and the last of all else: seen with 8.2. */
TEST(a_pools_overrides_are_read_before_and_after_our_values)
{
	static const char line[] = "include = '/etc/php/8.2/fpm/novacpx/3c/john/*.conf'\n";
	struct viewing w;
	struct catalog c;
	const char *text, *first, *last;

	account(&w);
	c = viewing_render(&w, &render_php_fpm);
	text = viewing_find(&c, ARTIFACT_FILE, "/etc/php/8.2/fpm/pool.d/novacpx-john.conf")->data;
	first = strstr(text, line);
	assert_non_null(first);
	last = strstr(first + 1, line);
	assert_non_null(last);
	assert_true(first < strstr(text, "php_admin_value") && first < strstr(text, "pm = "));
	assert_string_equal(last, line);
	viewing_done(&w);
}

TEST(a_page_shows_markup_as_text)
{
	struct viewing w;
	const char *page;

	viewing_begin(&w, SCOPE_SERVER, "");
	page = page_make(w.ctx, "<script>\"'&",
			 "a\x01"
			 "b\xff"
			 "c\xc3\xbc");
	assert_contains(page, "<h1>&lt;script&gt;&quot;&#39;&amp;</h1>");
	assert_contains(page, "a\xef\xbf\xbd"
			      "b\xef\xbf\xbd"
			      "c\xc3\xbc</p>");
	assert_null(strstr(page, "<script"));
	viewing_done(&w);
}

TEST(all_renderers_are_listed_and_found_by_name)
{
	assert_ptr_equal(renderer_find("mail_domain"), &render_mail_domain);
	assert_null(renderer_find("nosuch"));
	for (size_t i = 0; i < n_renderers; i++)
		assert_true(renderer_reads(renderers[i], &kind_setting));
}

TEST(a_serial_that_does_not_lie_within_the_text_is_no_serial)
{
	struct artifact a = { .type = ARTIFACT_FILE,
			      .flags = ARTIFACT_SERIAL,
			      .serial_at = 5,
			      .data = "short",
			      .len = 5 };
	struct artifact gone = { .type = ARTIFACT_FILE, .flags = ARTIFACT_SERIAL, .serial_at = 40 };
	struct digest want = digest_of("short", 5);
	struct digest got = artifact_content_digest(&a);

	assert_true(digest_eq(&got, &want));
	got = artifact_content_digest(&gone); /* a deletion, as the manifest tells of it */
	want = digest_of("", 0);
	assert_true(digest_eq(&got, &want));
}
