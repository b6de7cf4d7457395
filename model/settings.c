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
static const char *const drift_policies[] = { "heal", "report", NULL };

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
	{ "default_php", "8.2", canon_php_version, NULL, 0, 0,
	  "PHP version of accounts that name none. The version of Debian 12." },
	{ "dns_port", "53", NULL, NULL, 1, 65535, "Port the name server answers on." },
	{ "dns_server", "bind9", NULL, dns_servers, 0, 0, "Name server that serves the zones." },
	{ "drift_policy", "heal", NULL, drift_policies, 0, 0,
	  "What happens to a file of ours that somebody edited: heal writes ours again (theirs is kept in history), report only says so." },
	{ "flap_limit", "10", NULL, NULL, 0, 1000,
	  "How often within an hour a hand edit of one file (or the like) is healed before it is held and reported: something else writes it then. 0: always healed." },
	{ "home_base", "/home", canon_absfile, NULL, 0, 0,
	  "Folder in which the homes of new accounts lie." },
	{ "mail_hostname", "localhost.localdomain", canon_host, NULL, 0, 0,
	  "Name the mail server gives itself." },
	{ "mail_server", "postfix-dovecot", NULL, mail_servers, 0, 0, "Mail server." },
	{ "imap_port", "143", NULL, NULL, 1, 65535, "Port of IMAP with STARTTLS." },
	{ "imaps_port", "993", NULL, NULL, 1, 65535, "Port of IMAP over TLS." },
	{ "pop3_port", "110", NULL, NULL, 1, 65535, "Port of POP3 with STARTTLS." },
	{ "rndc_port", "953", NULL, NULL, 1, 65535, "Port of the name server's control channel." },
	{ "pop3s_port", "995", NULL, NULL, 1, 65535, "Port of POP3 over TLS." },
	{ "ns1_hostname", "ns1.localhost.localdomain", canon_host, NULL, 0, 0,
	  "First name server of zones that name none." },
	{ "ns2_hostname", "ns2.localhost.localdomain", canon_host, NULL, 0, 0,
	  "Second name server of zones that name none." },
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
	{ "uid_max", "59999", NULL, NULL, 1000, 2000000000, "Highest user id for accounts." },
	{ "uid_min", "10000", NULL, NULL, 1000, 2000000000, "Lowest user id for accounts." },
	{ "web_http_port", "80", NULL, NULL, 1, 65535, "Port of HTTP." },
	{ "web_https_port", "443", NULL, NULL, 1, 65535, "Port of HTTPS." },
	{ "web_ipv6", "true", NULL, booleans, 0, 0, "Whether sites also listen on IPv6." },
	{ "web_max_body_mb", "64", NULL, NULL, 1, 1048576,
	  "Largest request body that the web server takes, in MiB." },
	{ "web_server", "nginx", NULL, web_servers, 0, 0, "Web server." },
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
	return "a text";
}

static int in_choices(const void *ctx, const struct setting_row *row, const char *value,
		      struct err *err)
{
	for (size_t i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], value) == 0)
			return 0;
	}
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
	if (row->choices)
		return in_choices(ctx, row, value, err);
	if (row->max > row->min)
		return in_range(ctx, row, value, ret, err);
	r = row->canon ? row->canon(ctx, value, ret, err) : canon_text(ctx, value, ret, err);
	return r < 0 ? err_wrap(err, "%s", name) : 0;
}
