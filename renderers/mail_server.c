/*
 * What Postfix and Dovecot need once: drop-ins of Dovecot, marked blocks at the
 * end of Postfix' files, the user that mail belongs to, the maps.
 *
 * Names with @ are answered by our passwd files and never reach Debian's PAM,
 * for our drop-in is read first and ends the search. Debian's files stay as
 * they are; a parameter that stands there already is not repeated, for Postfix
 * would warn and the administrator wonder.
 */
#include <string.h>

#include "renderers/mail.h"
#include "renderers/place.h"
#include "renderers/syntax_dovecot.h"
#include "renderers/syntax_postfix.h"

#define PASSWD_FILES MAIL_DOVECOT "/%2Ld/%Ld.passwd"

static struct artifact like_file(const char *service, const char *resource)
{
	return (struct artifact){ .resource = resource,
				  .service = service,
				  .mode = 0644,
				  .owner = "root",
				  .group = "root" };
}

/* Dovecot */

static int put_auth(const struct view *v, struct catalog *out, struct err *err)
{
	struct artifact like = like_file("dovecot", "server/dovecot");
	struct buf text = BUF_ON(v->ctx);
	struct dovecot d;
	int r;

	dovecot_begin(&d, &text, err);
	dovecot_comment(&d, view_banner(v, like.resource));
	dovecot_comment(&d, "Read before Debian's 10-auth.conf: mail addresses end here and never "
			    "reach PAM.");
	dovecot_open(&d, "passdb", NULL);
	dovecot_put(&d, "driver", "passwd-file");
	dovecot_put_vars(&d, "args", "scheme=CRYPT username_format=%Lu " PASSWD_FILES);
	dovecot_put(&d, "username_filter", "*@*");
	dovecot_put(&d, "result_failure", "return-fail");
	dovecot_put(&d, "result_internalfail", "return-fail");
	dovecot_close(&d);
	dovecot_open(&d, "userdb", NULL);
	dovecot_put(&d, "driver", "passwd-file");
	dovecot_put_vars(&d, "args", "username_format=%Lu " PASSWD_FILES);
	dovecot_put(&d, "result_failure", "continue");
	dovecot_close(&d);
	r = dovecot_end(&d);
	if (r < 0)
		return r;
	place_file(out, &like, "/etc/dovecot/conf.d/05-novacpx-auth.conf", buf_str(&text));
	return 0;
}

static void put_socket(const struct view *v, struct dovecot *d, const char *name, const char *mode)
{
	dovecot_open(d, "unix_listener",
		     mem_fmt(v->ctx, "/var/spool/postfix/private/novacpx-%s", name));
	dovecot_put(d, "mode", mode);
	dovecot_put(d, "user", "postfix");
	dovecot_put(d, "group", "postfix");
	dovecot_close(d);
}

static void put_services(const struct view *v, struct dovecot *d)
{
	dovecot_open(d, "service", "auth");
	put_socket(v, d, "auth", "0660");
	dovecot_close(d);
	dovecot_open(d, "service", "lmtp");
	put_socket(v, d, "lmtp", "0600");
	dovecot_close(d);
	dovecot_open(d, "service", "quota-status");
	dovecot_put(d, "executable", "quota-status -p postfix");
	put_socket(v, d, "quota", "0660");
	dovecot_put(d, "client_limit", "1");
	dovecot_close(d);
}

/* Nothing is written for a usual port: pop3 may not even be installed. */
static int put_port(const struct view *v, struct dovecot *d, const char *service,
		    const char *listener, const char *usual, struct err *err)
{
	const char *port = NULL;
	int r = place_port(v, mem_fmt(v->ctx, "%s_port", listener), &port, err);

	if (r < 0 || strcmp(port, usual) == 0)
		return r;
	dovecot_open(d, "service", service);
	dovecot_open(d, "inet_listener", listener);
	dovecot_put(d, "port", port);
	dovecot_close(d);
	dovecot_close(d);
	return 0;
}

static int put_ports(const struct view *v, struct dovecot *d, struct err *err)
{
	static const char *const rows[][3] = {
		{ "imap-login", "imap", "143" },
		{ "imap-login", "imaps", "993" },
		{ "pop3-login", "pop3", "110" },
		{ "pop3-login", "pop3s", "995" },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && r >= 0; i++)
		r = put_port(v, d, rows[i][0], rows[i][1], rows[i][2], err);
	return r;
}

/*
 * The administrator's plugins stay: `$mail_plugins` is what was set before. In
 * quotes it would be no variable, so these lines are not the writer's.
 */
static void put_plugins(struct buf *text)
{
	buf_puts(text, "mail_plugins = $mail_plugins quota\n"
		       "protocol imap {\n"
		       "\tmail_plugins = $mail_plugins imap_quota\n"
		       "}\n");
}

static void put_quota(struct dovecot *d)
{
	dovecot_put(d, "lmtp_save_to_detail_mailbox", "no");
	dovecot_put(d, "lmtp_rcpt_check_quota", "yes");
	dovecot_open(d, "plugin", NULL);
	dovecot_put(d, "quota", "count:User quota");
	dovecot_put(d, "quota_vsizes", "yes");
	dovecot_put_vars(d, "quota_grace", "10%%");
	dovecot_put(d, "quota_status_success", "DUNNO");
	dovecot_put(d, "quota_status_nouser", "DUNNO");
	dovecot_put(d, "quota_status_overquota", "552 5.2.2 Mailbox is full");
	dovecot_put(d, "quota_exceeded_message", "Mailbox is full");
	dovecot_close(d);
}

static int put_dovecot(const struct view *v, struct catalog *out, struct err *err)
{
	struct artifact like = like_file("dovecot", "server/dovecot");
	struct artifact folder = like;
	struct buf text = BUF_ON(v->ctx);
	struct dovecot d;
	int r;

	dovecot_begin(&d, &text, err);
	dovecot_comment(&d, view_banner(v, like.resource));
	dovecot_comment(&d,
			"Read after Debian's files. Own settings: /etc/dovecot/local.conf, read "
			"last.");
	dovecot_put(&d, "auth_mechanisms", "plain login");
	dovecot_put(&d, "disable_plaintext_auth", "yes");
	put_services(v, &d);
	r = put_ports(v, &d, err);
	if (r < 0)
		return r;
	put_plugins(&text);
	put_quota(&d);
	r = dovecot_end(&d);
	if (r < 0)
		return r;
	place_file(out, &like, "/etc/dovecot/conf.d/95-novacpx.conf", buf_str(&text));
	folder.service = NULL;
	folder.mode = 0750;
	folder.group = "dovecot";
	place_dir(out, &folder, MAIL_DOVECOT);
	return 0;
}

/* Postfix */

static void put_block(struct catalog *out, const char *path, const struct buf *text)
{
	struct artifact block = like_file("postfix", "server/postfix");

	block.type = ARTIFACT_BLOCK;
	block.path = path;
	block.data = buf_str(text);
	block.len = text->len;
	catalog_add(out, &block);
}

/* The name stands on our own services; Debian's main.cf has a myhostname of its own. */
static const char *own_name(const struct view *v)
{
	const char *name = view_setting(v, "mail_hostname");

	return strcmp(name, "localhost.localdomain") == 0 ? NULL : name;
}

static int put_main_cf(const struct view *v, struct catalog *out, struct err *err)
{
	static const char *const rows[][2] = {
		{ "virtual_mailbox_domains", "lmdb:" MAIL_MAPS "/domains" },
		{ "virtual_mailbox_maps", "lmdb:" MAIL_MAPS "/mailboxes" },
		{ "virtual_alias_maps", "lmdb:" MAIL_MAPS "/aliases" },
		{ "virtual_transport", "lmtp:unix:private/novacpx-lmtp" },
		{ "smtpd_sasl_type", "dovecot" },
		{ "smtpd_sasl_path", "private/novacpx-auth" },
		{ "smtpd_recipient_restrictions",
		  "check_recipient_access lmdb:" MAIL_MAPS
		  "/refused, check_policy_service unix:private/novacpx-quota" },
		{ "smtpd_sender_login_maps", "lmdb:" MAIL_MAPS "/senders" },
	};
	struct buf text = BUF_ON(v->ctx);
	struct postfix p;
	int r;

	postfix_begin(&p, &text, err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		postfix_put(&p, rows[i][0], rows[i][1]);
	if (own_name(v))
		postfix_put(&p, "smtp_helo_name", own_name(v));
	r = postfix_end(&p);
	if (r < 0)
		return r;
	put_block(out, "/etc/postfix/main.cf", &text);
	return 0;
}

/* Submission: only over TLS, only with a login, only as an address of that login. */
static int put_submission(const struct view *v, struct postfix *p, const char *setting, bool tls,
			  struct err *err)
{
	const char *port = NULL;
	int r = place_port(v, setting, &port, err);

	if (r < 0)
		return r;
	postfix_service(p, port, "inet", "n", "-", "y", "-", "-", "smtpd");
	postfix_option(p, "syslog_name", tls ? "postfix/smtps" : "postfix/submission");
	if (own_name(v))
		postfix_option(p, "myhostname", own_name(v));
	if (tls)
		postfix_option(p, "smtpd_tls_wrappermode", "yes");
	else
		postfix_option(p, "smtpd_tls_security_level", "encrypt");
	postfix_option(p, "smtpd_sasl_auth_enable", "yes");
	postfix_option(p, "smtpd_tls_auth_only", "yes");
	postfix_option(p, "smtpd_client_restrictions", "permit_sasl_authenticated,reject");
	postfix_option(p, "smtpd_sender_restrictions", "reject_sender_login_mismatch");
	postfix_option(p, "smtpd_relay_restrictions", "permit_sasl_authenticated,reject");
	postfix_option(p, "milter_macro_daemon_name", "ORIGINATING");
	return 0;
}

static int put_master_cf(const struct view *v, struct catalog *out, struct err *err)
{
	const char *smtp = NULL;
	struct buf text = BUF_ON(v->ctx);
	struct postfix p;
	int r = place_port(v, "smtp_port", &smtp, err);

	postfix_begin(&p, &text, err);
	if (r >= 0 && strcmp(smtp, "25") != 0) /* Debian's own row has 25 */
		postfix_service(&p, smtp, "inet", "n", "-", "y", "-", "-", "smtpd");
	if (r >= 0)
		r = put_submission(v, &p, "submission_port", false, err);
	if (r >= 0)
		r = put_submission(v, &p, "smtps_port", true, err);
	if (r >= 0)
		r = postfix_end(&p);
	if (r < 0)
		return r;
	put_block(out, "/etc/postfix/master.cf", &text);
	return 0;
}

/* Postfix wants its maps to exist: a row that no address can be makes each. */
static void put_maps(struct catalog *out)
{
	static const char *const maps[] = { MAP_DOMAINS, MAP_MAILBOXES, MAP_ALIASES, MAP_REFUSED,
					    MAP_SENDERS };
	struct artifact dir = like_file(NULL, "server/postfix");

	dir.mode = 0755;
	place_dir(out, &dir, MAIL_MAPS);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		struct artifact row = { .type = ARTIFACT_MAPROW,
					.path = mem_fmt(out->ctx, "%s:.novacpx", maps[i]),
					.resource = "server/postfix",
					.service = "postfix",
					.data = "DUNNO",
					.len = 5 };

		catalog_add(out, &row);
	}
}

static void put_store(struct catalog *out)
{
	struct artifact dir = { .flags = ARTIFACT_DATA,
				.resource = "server/dovecot",
				.mode = 0750,
				.owner = "root",
				.group = MAIL_USER };

	catalog_add(out, &(struct artifact){
				 .type = ARTIFACT_USER,
				 .flags = ARTIFACT_DATA | ARTIFACT_LOCKED,
				 .path = MAIL_USER,
				 .resource = "server/dovecot",
				 .home = MAIL_STORE,
				 .shell = "/usr/sbin/nologin",
				 .gecos = "NovaCPX mail",
			 });
	place_dir(out, &dir, MAIL_STORE);
}

static int mail_server_render(const struct view *v, struct catalog *out, struct err *err)
{
	int r;

	put_store(out); /* mail is data: it stays when the server is switched off */
	if (!view_setting_is(v, "mail_server", "postfix-dovecot"))
		return 0;
	r = put_auth(v, out, err);
	if (r >= 0)
		r = put_dovecot(v, out, err);
	if (r >= 0)
		r = put_main_cf(v, out, err);
	if (r >= 0)
		r = put_master_cf(v, out, err);
	if (r < 0)
		return err_wrap(err, "mail server");
	put_maps(out);
	return 0;
}

static const struct kind *const inputs[] = { &kind_setting, NULL };

const struct renderer render_mail_server = {
	.name = "mail_server",
	.level = SCOPE_SERVER,
	.inputs = inputs,
	.render = mail_server_render,
};
