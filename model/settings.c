#include "model/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "model/check.h"

static const char *const booleans[] = { "true", "false", NULL };
static const char *const web_servers[] = { "nginx", "none", NULL };
static const char *const mail_servers[] = { "postfix-dovecot", "none", NULL };
static const char *const dns_servers[] = { "bind9", "none", NULL };
static const char *const ftp_servers[] = { "none", NULL };
static const char *const drift_policies[] = { "heal", "report", NULL };
/* What other panels offer there. */
static const char *const web_later[] = { "apache", "openlitespeed", "caddy", "lighttpd", NULL };
static const char *const mail_later[] = { "postfix-dovecot-rspamd", NULL };
static const char *const dns_later[] = { "powerdns", "nsd", NULL };
static const char *const ftp_later[] = { "proftpd", "vsftpd", "pureftpd", NULL };

enum {
	LIST_MAX = 256,
	KEY_MIN = 16,
	KEY_MAX = 512
};

struct strlist setting_items(const void *ctx, const char *value)
{
	struct strlist list = { .n = 0 };
	size_t cap = 0;

	for (const char *p = value + strspn(value, ", "); *p; p += strspn(p, ", ")) {
		size_t len = strcspn(p, ", ");

		mem_room(ctx, &list.v, &cap, list.n, sizeof(*list.v));
		list.v[list.n++] = mem_strn(ctx, p, len);
		p += len;
	}
	return list;
}

static int canon_each(const void *ctx, canon_fn *canon, const char *value, const char **ret,
		      struct err *err)
{
	struct strlist list = setting_items(ctx, value);
	struct buf b = BUF_ON(ctx);

	if (list.n > LIST_MAX)
		return err_set(err, ERR_TOOBIG, "%zu items, at most %d are allowed", list.n,
			       LIST_MAX);
	for (size_t i = 0; i < list.n; i++) {
		const char *one;
		int r = canon(ctx, list.v[i], &one, err);

		if (r < 0)
			return r;
		buf_printf(&b, "%s%s", i ? "," : "", one);
	}
	*ret = buf_str(&b);
	return 0;
}

static int canon_hosts(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return canon_each(ctx, canon_host, value, ret, err);
}

static int canon_cidrs(const void *ctx, const char *value, const char **ret, struct err *err)
{
	return canon_each(ctx, canon_cidr, value, ret, err);
}

/* A key that another program shows or is shown; never repeated. */
static int canon_key(const void *ctx, const char *value, const char **ret, struct err *err)
{
	size_t len = strlen(value);
	bool is_plain = true;

	(void)ctx;
	for (size_t i = 0; i < len; i++)
		is_plain = is_plain && value[i] > ' ' && value[i] < 0x7f;
	if (!is_plain || len < KEY_MIN || len > KEY_MAX)
		return err_set(err, ERR_INVALID,
			       "what was given is no key; allowed are %d to %d characters of ASCII "
			       "without spaces",
			       KEY_MIN, KEY_MAX);
	*ret = value;
	return 0;
}

/* An address, or "" for none. */
static int ip4_or_none(const void *ctx, const char *value, const char **ret, struct err *err)
{
	*ret = value;
	return *value ? canon_ip4(ctx, value, ret, err) : 0;
}

static int ip6_or_none(const void *ctx, const char *value, const char **ret, struct err *err)
{
	*ret = value;
	return *value ? canon_ip6(ctx, value, ret, err) : 0;
}

const struct setting_row settings[] = {
	{ "api_guess_limit", "10", NULL, NULL, 0, 1000,
	  "Wrong passwords and codes for one user within api_guess_minutes, from wherever, after which logins are refused but from addresses where the user has logged in before. 0: no limit." },
	{ "api_guess_minutes", "15", NULL, NULL, 1, 1440,
	  "Minutes for which a wrong password or code counts." },
	{ "api_login_rate", "10", NULL, NULL, 1, 1000000,
	  "Logins that one address may try a minute." },
	{ "api_port_roles", "false", NULL, booleans, 0, 0,
	  "Whether each panel port takes only the role it is named for." },
	{ "api_rate", "120", NULL, NULL, 1, 1000000,
	  "Requests that one address may make a minute." },
	{ "api_session_hours", "8", NULL, NULL, 1, 8760, "Hours after which a login ends." },
	{ "cybermail_api_key", "", canon_key, NULL, 0, 0,
	  "Key of the service that sends our messages.", .is_secret = true },
	{ "default_php", "8.2", canon_php_version, NULL, 0, 0,
	  "PHP version of accounts that name none. The version of Debian 12." },
	{ "dns_port", "53", NULL, NULL, 1, 65535, "Port the name server answers on." },
	{ "dns_server", "bind9", NULL, dns_servers, 0, 0, "Name server that serves the zones.",
	  .later = dns_later },
	{ "drift_policy", "heal", NULL, drift_policies, 0, 0,
	  "What happens to a file of ours that somebody edited: heal writes ours again (theirs is kept in history), report only says so." },
	{ "flap_limit", "10", NULL, NULL, 0, 1000,
	  "How often within an hour a hand edit of one file (or the like) is healed before it is held and reported: something else writes it then. 0: always healed." },
	{ "ftp_server", "none", NULL, ftp_servers, 0, 0,
	  "FTP server. None is configured yet: FTP logins are kept and not served.",
	  .later = ftp_later },
	{ "mail_hostname", "localhost.localdomain", canon_host, NULL, 0, 0,
	  "Name the mail server gives itself." },
	{ "mail_server", "postfix-dovecot", NULL, mail_servers, 0, 0, "Mail server.",
	  .later = mail_later },
	{ "imap_port", "143", NULL, NULL, 1, 65535, "Port of IMAP with STARTTLS." },
	{ "imaps_port", "993", NULL, NULL, 1, 65535, "Port of IMAP over TLS." },
	{ "pop3_port", "110", NULL, NULL, 1, 65535, "Port of POP3 with STARTTLS." },
	{ "rndc_port", "953", NULL, NULL, 1, 65535, "Port of the name server's control channel." },
	{ "pop3s_port", "995", NULL, NULL, 1, 65535, "Port of POP3 over TLS." },
	{ "ns1_hostname", "ns1.localhost.localdomain", canon_host, NULL, 0, 0,
	  "First name server of zones that name none." },
	{ "ns2_hostname", "ns2.localhost.localdomain", canon_host, NULL, 0, 0,
	  "Second name server of zones that name none." },
	{ "notifications_enabled", "true", NULL, booleans, 0, 0,
	  "Whether messages about accounts, disks and certificates are sent." },
	{ "notify_admin_email", "", canon_email, NULL, 0, 0,
	  "Where copies of messages go; unset: nowhere." },
	{ "notify_from_email", "noreply@novacpx.local", canon_email, NULL, 0, 0,
	  "Sender of messages." },
	{ "notify_from_name", "NovaCPX Panel", NULL, NULL, 0, 0, "Name of the sender." },
	{ "panel_hosts", "", canon_hosts, NULL, 0, 0,
	  "Names under which a login may send people on to their portal, with commas; unset: whichever it was called by." },
	{ "password_min_length", "6", NULL, NULL, 1, 128, "Shortest password that is taken." },
	{ "server_ipv4", "", ip4_or_none, NULL, 0, 0,
	  "IPv4 address that the zones of new domains point to; unset: none." },
	{ "server_ipv6", "", ip6_or_none, NULL, 0, 0,
	  "IPv6 address that the zones of new domains point to; unset: none." },
	{ "smtp_port", "25", NULL, NULL, 1, 65535, "Port the mail server receives on." },
	{ "smtps_port", "465", NULL, NULL, 1, 65535, "Port of submission over TLS." },
	{ "submission_port", "587", NULL, NULL, 1, 65535, "Port of submission with STARTTLS." },
	{ "trash_days", "7", NULL, NULL, 0, 3650,
	  "Days for which the data of terminated accounts is kept; 0: removed at once." },
	{ "trusted_proxies", "", canon_cidrs, NULL, 0, 0,
	  "Addresses and networks, with commas, whose X-Forwarded-For is believed." },
	{ "uid_max", "59999", NULL, NULL, 1000, 2000000000, "Highest user id for accounts." },
	{ "uid_min", "10000", NULL, NULL, 1000, 2000000000, "Lowest user id for accounts." },
	{ "web_http_port", "80", NULL, NULL, 1, 65535, "Port of HTTP." },
	{ "web_https_port", "443", NULL, NULL, 1, 65535, "Port of HTTPS." },
	{ "web_ipv6", "true", NULL, booleans, 0, 0, "Whether sites also listen on IPv6." },
	{ "web_max_body_mb", "64", NULL, NULL, 1, 1048576,
	  "Largest request body that the web server takes, in MiB." },
	{ "web_server", "nginx", NULL, web_servers, 0, 0, "Web server.", .later = web_later },
	{ "whmcs_api_key", "", canon_key, NULL, 0, 0, "Key that the billing bridge shows us.",
	  .is_secret = true },
	{ "whmcs_enabled", "false", NULL, booleans, 0, 0,
	  "Whether the billing bridge may be used." },
};

const size_t n_settings = ARRAY_LEN(settings);

const struct setting_row *setting_find(const char *name)
{
	for (size_t i = 0; i < n_settings; i++) {
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	}
	return NULL;
}

static int unknown(const char *name, struct err *err)
{
	const char *names[ARRAY_LEN(settings)];
	const char *best;

	for (size_t i = 0; i < n_settings; i++)
		names[i] = settings[i].name;
	best = nearest(name, names, n_settings);
	return err_at(err, ERR_INVALID, "/name", "unknown setting \"%.64s\"%s%s%s", name,
		      best ? "; did you mean \"" : "", best ? best : "", best ? "\"?" : "");
}

static const char *choices_text(const void *ctx, const struct setting_row *row)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; row->choices[i]; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", row->choices[i]);
	return buf_str(&b);
}

const char *setting_allowed(const void *ctx, const struct setting_row *row)
{
	if (row->choices)
		return mem_fmt(ctx, "one of %s", choices_text(ctx, row));
	if (row->max > row->min)
		return mem_fmt(ctx, "an integer from %" PRId64 " to %" PRId64, row->min, row->max);
	if (row->is_secret)
		return "a secret";
	return row->canon == canon_hosts || row->canon == canon_cidrs ? "a list" : "a text";
}

static bool among(const char *const *choices, const char *value)
{
	for (size_t i = 0; choices && choices[i]; i++) {
		if (strcmp(choices[i], value) == 0)
			return true;
	}
	return false;
}

static int in_choices(const void *ctx, const struct setting_row *row, const char *value,
		      const char **ret, struct err *err)
{
	if (row->choices == booleans && (strcmp(value, "1") == 0 || strcmp(value, "0") == 0))
		*ret = *value == '1' ? "true" : "false"; /* as other panels write them */
	if (among(row->choices, *ret))
		return 0;
	if (among(row->later, value))
		return err_set(err, ERR_INVALID,
			       "%s: %s cannot be configured by this version, allowed is one of %s",
			       row->name, value, choices_text(ctx, row));
	return err_set(err, ERR_INVALID, "%s: found %s, allowed is one of %s", row->name,
		       text_quoted(value).s, choices_text(ctx, row));
}

static int in_range(const void *ctx, const struct setting_row *row, const char *value,
		    const char **ret, struct err *err)
{
	char *end;
	int64_t num;

	errno = 0;
	num = strtoll(value, &end, 10);
	if (errno || end == value || *end || num < row->min || num > row->max)
		return err_set(err, ERR_INVALID,
			       "%s: found %s, allowed is an integer from %" PRId64 " to %" PRId64,
			       row->name, text_quoted(value).s, row->min, row->max);
	*ret = mem_fmt(ctx, "%" PRId64, num);
	return 0;
}

int setting_canon(const void *ctx, const char *name, const char *value, const char **ret,
		  struct err *err)
{
	const struct setting_row *row = setting_find(name);
	int r;

	if (!row)
		return unknown(name, err);
	*ret = value;
	if (!*value && !*row->dflt && !row->is_secret)
		return 0; /* unset */
	if (row->choices)
		return in_choices(ctx, row, value, ret, err);
	if (row->max > row->min)
		return in_range(ctx, row, value, ret, err);
	r = row->canon ? row->canon(ctx, value, ret, err) : canon_text(ctx, value, ret, err);
	return r < 0 ? err_wrap(err, "%s", name) : 0;
}
