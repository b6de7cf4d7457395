#include "model/kinds.h"

#include <string.h>

#include "base/mem.h"
#include "model/check.h"
#include "model/rdata.h"
#include "model/settings.h"

static const char *const roles[] = { "admin", "reseller", "user", NULL };
static const char *const user_states[] = { "active", "suspended", "pending", NULL };
static const char *const states[] = { "active", "suspended", NULL };
static const char *const zone_states[] = { "active", "disabled", NULL };
static const char *const domain_types[] = { "primary", "addon",    "subdomain",
					    "alias",   "redirect", NULL };
static const char *const redirect_codes[] = { "301", "302", NULL };
static const char *const database_types[] = { "mysql", "postgresql", NULL };
static const char *const certificate_types[] = { "lets_encrypt", "self_signed", "custom", NULL };
static const char *const fw_actions[] = { "allow", "deny", "reject", "limit", NULL };
static const char *const fw_directions[] = { "in", "out", NULL };
static const char *const fw_protocols[] = { "tcp", "udp", "any", NULL };
static const char *const shells[] = { "/usr/sbin/nologin", "/bin/bash", "/bin/sh", NULL };
static const char *const record_types[] = { "A",     "AAAA", "CNAME", "MX",   "TXT", "SRV",
					    "NS",    "PTR",  "CAA",   "DKIM", "SPF", "DMARC",
					    "SSHFP", "TLSA", "NAPTR", NULL };

#define ACCOUNT_PARENT(st)                                                                       \
	REF_ROW(st, account, .flags = FIELD_REQUIRED | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX, \
		.ref = &kind_account, .impact = IMPACT_REPLACE, .canon = canon_username,         \
		.doc = "Account it belongs to.")
#define KIND_FIELDS(rows) .fields = (rows), .n_fields = ARRAY_LEN(rows)

/* A name of the tz database: Europe/Berlin, Etc/GMT+1. */
static int canon_timezone(const void *ctx, const char *value, const char **ret, struct err *err)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/+-";

	(void)ctx;
	if (!*value || strlen(value) > 64 || value[strspn(value, allowed)])
		return err_set(err, ERR_INVALID,
			       "found %s, allowed is a name such as Europe/Berlin",
			       text_quoted(value).s);
	*ret = value;
	return 0;
}

/* A day: 2026-02-28. */
static int canon_date(const void *ctx, const char *value, const char **ret, struct err *err)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t y = 0;
	uint64_t m = 0;
	uint64_t d = 0;
	bool is_leap;

	(void)ctx;
	if (strlen(value) != 10 || value[4] != '-' || value[7] != '-' ||
	    !check_number(value, 4, 9999, &y) || !check_number(value + 5, 2, 12, &m) ||
	    !check_number(value + 8, 2, 31, &d) || y < 1970 || m < 1 || d < 1)
		return err_set(err, ERR_INVALID, "found %s, allowed is a day such as 2026-12-31",
			       text_quoted(value).s);
	is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > (uint64_t)days[m - 1] || (m == 2 && d == 29 && !is_leap))
		return err_set(err, ERR_INVALID, "%s: that month has no such day", value);
	*ret = value;
	return 0;
}

/* setting */

static int setting_derive(const void *ctx, void *res, struct err *err)
{
	struct setting *s = res;
	const struct setting_row *row = setting_find(s->name);
	int r;

	if (row && row->is_secret && strcmp(s->value, SETTING_SECRET) == 0)
		return 0; /* as it was shown: what is kept stays */
	r = setting_canon(ctx, s->name, s->value, &s->value, err);
	if (r < 0 && err && !err->path[0])
		(void)err_at(err, err->code, "/value", "%s", mem_str(ctx, err->msg));
	if (r < 0 || !row || !row->is_secret)
		return r;
	s->secret = s->value;
	s->value = SETTING_SECRET;
	return 0;
}

static const struct field setting_fields[] = {
	STRING_ROW(setting, name, .flags = FIELD_KEY | FIELD_FIXED, .doc = "Which setting."),
	STRING_ROW(setting, value, .flags = FIELD_REQUIRED, .impact = IMPACT_RESTART,
		   .canon = canon_text, .doc = "Its value."),
	SECRET_ROW(setting, secret, .flags = FIELD_DERIVED, .canon = canon_text,
		   .doc = "The value of a setting that is a secret."),
};

const struct kind kind_setting = {
	.name = "setting",
	.section = "settings",
	.size = sizeof(struct setting),
	KIND_FIELDS(setting_fields),
	.level = SCOPE_SERVER,
	.derive = setting_derive,
	.doc = "A server-wide value that overrides a default.",
};

/* package */

#define LIMIT_ROW(st, m, d, text) \
	INT_ROW(st, m, .min = 0, .max = 1000000000, .dflt = d, .doc = text " 0: unlimited.")

static const struct field package_fields[] = {
	STRING_ROW(package, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Name of the package."),
	REF_ROW(package, owner, .ref = &kind_user, .canon = canon_login, .flags = FIELD_INDEX,
		.doc = "Reseller it belongs to; unset: offered to everybody."),
	LIMIT_ROW(package, disk_mb, "1024",
		  "Disk space in MiB, for all that the system user owns where the home lies."),
	LIMIT_ROW(package, bandwidth_mb, "10240", "Traffic a month in MiB."),
	LIMIT_ROW(package, max_domains, "1", "Primary, addon and redirect domains together."),
	LIMIT_ROW(package, max_subdomains, "10", "Subdomains."),
	LIMIT_ROW(package, max_addon_domains, "0", "Addon domains."),
	LIMIT_ROW(package, max_parked_domains, "5", "Alias domains."),
	LIMIT_ROW(package, max_email, "10", "Mailboxes."),
	LIMIT_ROW(package, max_ftp, "5", "FTP accounts."),
	LIMIT_ROW(package, max_databases, "5", "Databases."),
	STRING_ROW(package, php_version, .canon = canon_php_version,
		   .doc = "PHP version for accounts that name none."),
	BOOL_ROW(package, ssl_enabled, .dflt = "true", .doc = "Whether certificates may be had."),
	BOOL_ROW(
		package, is_default,
		.doc = "The one that callers offer first; an account that names none has no limits."),
	BOOL_ROW(
		package, retired,
		.doc = "No longer offered: it holds for the accounts that have it, and no other can take it."),
};

static int package_check(const void *ctx, const void *res, struct err *err)
{
	const struct package *p = res;

	(void)ctx;
	if (p->retired && p->is_default)
		return err_at(err, ERR_INVALID, "/is_default",
			      "is_default: a package that is no longer offered (its field retired) "
			      "cannot be the one that is offered first");
	return 0;
}

const struct kind kind_package = {
	.name = "package",
	.section = "packages",
	.size = sizeof(struct package),
	KIND_FIELDS(package_fields),
	.level = SCOPE_SERVER,
	.check = package_check,
	.doc = "Limits sold together.",
};

/* user */

static const struct field user_fields[] = {
	STRING_ROW(user, username, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_login,
		   .doc = "Login name."),
	CHOICE_ROW(user, role, .choices = roles, .dflt = "user", .doc = "What the user may do."),
	CHOICE_ROW(user, status, .choices = user_states, .dflt = "active",
		   .doc = "Whether the login works."),
	STRING_ROW(user, email, .canon = canon_email, .flags = FIELD_INDEX,
		   .doc = "E-mail address."),
	REF_ROW(user, reseller, .ref = &kind_user, .canon = canon_login, .flags = FIELD_INDEX,
		.doc = "Reseller whose customer it is."),
	STRING_ROW(user, contact_name, .canon = canon_text, .doc = "Name of the person."),
	STRING_ROW(user, contact_phone, .canon = canon_text, .doc = "Telephone number."),
	STRING_ROW(user, theme, .canon = canon_label_name, .dflt = "nova-dark",
		   .doc = "Panel theme."),
	STRING_ROW(user, language, .canon = canon_label_name, .dflt = "en",
		   .doc = "Panel language."),
	INT_ROW(user, max_accounts, .min = 0, .max = 1000000000, .dflt = "0",
		.doc = "Most accounts that a reseller's customers may have; 0: unlimited."),
	REF_ROW(user, package, .ref = &kind_package, .canon = canon_label_name,
		.flags = FIELD_INDEX,
		.doc = "Package that was sold to the user; limits hold for accounts alone."),
	SECRET_ROW(user, password, .canon = canon_hash, .doc = "Password hash, crypt(3)."),
};

const struct kind kind_user = {
	.name = "user",
	.section = "users",
	.size = sizeof(struct user),
	KIND_FIELDS(user_fields),
	.level = SCOPE_SERVER,
	.doc = "A login of the panel.",
};

/* account */

static int account_check(const void *ctx, const void *res, struct err *err)
{
	const struct account *a = res;

	(void)ctx;
	if (a->suspend_reason && !account_is_suspended(a))
		return err_at(
			err, ERR_INVALID, "/suspend_reason",
			"suspend_reason: is given, but status is \"active\"; unset it as well");
	if (a->home && strncmp(a->home, "/home/", 6) != 0 && strncmp(a->home, "/srv/", 5) != 0)
		return err_at(err, ERR_INVALID, "/home",
			      "home: \"%s\" must lie beneath /home or /srv", a->home);
	return 0;
}

static void account_settle(void *res, const void *before, int64_t now)
{
	struct account *a = res;
	const struct account *was = before;

	if (!account_is_suspended(a))
		a->suspended_at = INT_UNSET;
	else
		a->suspended_at = was && account_is_suspended(was) ? was->suspended_at : now;
}

static const struct field account_fields[] = {
	STRING_ROW(account, username, .flags = FIELD_KEY | FIELD_FIXED, .impact = IMPACT_REPLACE,
		   .canon = canon_username, .doc = "System user, 2 to 32 characters: a-z, 0-9, _."),
	REF_ROW(account, user, .ref = &kind_user, .canon = canon_login, .flags = FIELD_INDEX,
		.doc = "Panel login that owns the account."),
	REF_ROW(account, package, .ref = &kind_package, .canon = canon_label_name,
		.flags = FIELD_INDEX, .doc = "Package whose limits hold; unset: no limits."),
	STRING_ROW(account, email, .canon = canon_email, .doc = "Where the holder is reached."),
	CHOICE_ROW(account, status, .choices = states, .dflt = "active", .impact = IMPACT_RESTART,
		   .doc = "suspended: site, mail, FTP, cron and logins are off; nothing is lost."),
	STRING_ROW(account, suspend_reason, .canon = canon_text, .doc = "Why it is suspended."),
	STRING_ROW(
		account, php_version, .canon = canon_php_version, .impact = IMPACT_RESTART,
		.doc = "PHP version; unset: that of the package, else of the setting default_php."),
	CHOICE_ROW(account, shell, .choices = shells, .dflt = "/usr/sbin/nologin",
		   .doc = "Login shell."),
	STRING_ROW(account, home, .canon = canon_docroot, .flags = FIELD_FIXED,
		   .impact = IMPACT_REPLACE, .doc = "Home folder; unset: /home/USERNAME."),
	INT_ROW(account, suspended_at, .flags = FIELD_DERIVED | FIELD_NULLABLE,
		.doc = "When it was suspended, in seconds since 1970."),
	SECRET_ROW(account, password, .canon = canon_hash,
		   .doc = "Hash of the system password, crypt(3)."),
};

const struct kind kind_account = {
	.name = "account",
	.section = "accounts",
	.size = sizeof(struct account),
	KIND_FIELDS(account_fields),
	.level = SCOPE_ACCOUNT,
	.settle = account_settle,
	.check = account_check,
	.doc = "A hosting account: a system user with a home, and all that belongs to it.",
};

bool account_is_suspended(const struct account *a)
{
	return a->status && strcmp(a->status, "suspended") == 0;
}

const char *account_home(const void *ctx, const struct account *a)
{
	return a->home ? a->home : mem_fmt(ctx, "/home/%s", a->username);
}

/* domain */

static bool is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static int domain_check(const void *ctx, const void *res, struct err *err)
{
	const struct domain *d = res;

	(void)ctx;
	if (is(d->type, "redirect") && !d->redirect_to)
		return err_at(
			err, ERR_INVALID, "/redirect_to",
			"redirect_to: must be given for a domain of type redirect: an http or https address");
	if (!is(d->type, "redirect") && d->redirect_to)
		return err_at(
			err, ERR_INVALID, "/redirect_to",
			"redirect_to: only a domain of type redirect has one; this one is of type %s",
			d->type);
	if (is(d->type, "alias") && !d->target)
		return err_at(
			err, ERR_INVALID, "/target",
			"target: must be given for a domain of type alias: the domain whose site it shows");
	if (!is(d->type, "alias") && d->target)
		return err_at(err, ERR_INVALID, "/target",
			      "target: only a domain of type alias has one; this one is of type %s",
			      d->type);
	if (d->document_root && (is(d->type, "redirect") || is(d->type, "alias")))
		return err_at(err, ERR_INVALID, "/document_root",
			      "document_root: a domain of type %s has none", d->type);
	return 0;
}

static int domain_derive(const void *ctx, void *res, struct err *err)
{
	struct domain *d = res;

	(void)ctx;
	(void)err;
	if (is(d->type, "subdomain"))
		d->www = false;
	return 0;
}

static const struct field domain_fields[] = {
	STRING_ROW(domain, name, .flags = FIELD_KEY | FIELD_FIXED | FIELD_SCOPE,
		   .impact = IMPACT_REPLACE, .canon = canon_host, .doc = "Host name, without www."),
	ACCOUNT_PARENT(domain),
	CHOICE_ROW(
		domain, type, .flags = FIELD_REQUIRED, .choices = domain_types,
		.impact = IMPACT_RELOAD,
		.doc = "primary: the account's first; addon: a further site; subdomain: a site below a "
		       "domain of the account; alias: another name for a site; redirect: sends visitors on."),
	STRING_ROW(
		domain, document_root, .canon = canon_docroot, .impact = IMPACT_RELOAD,
		.doc = "Folder of the site, in the account's home; unset: public_html for the primary domain, "
		       "public_html/NAME for others."),
	REF_ROW(domain, target, .ref = &kind_domain, .canon = canon_host, .impact = IMPACT_RELOAD,
		.flags = FIELD_INDEX, .doc = "Alias: the domain whose site it shows."),
	STRING_ROW(domain, redirect_to, .canon = canon_url, .impact = IMPACT_RELOAD,
		   .doc = "Redirect: where visitors are sent."),
	CHOICE_ROW(domain, redirect_code, .choices = redirect_codes, .dflt = "301",
		   .impact = IMPACT_RELOAD, .doc = "Redirect: 301 for good, 302 for now."),
	BOOL_ROW(domain, www, .dflt = "true", .impact = IMPACT_RELOAD,
		 .doc = "Also answers to www.NAME (never for subdomains)."),
	BOOL_ROW(domain, php, .dflt = "true", .impact = IMPACT_RELOAD, .doc = "Runs PHP."),
	BOOL_ROW(domain, force_https, .impact = IMPACT_RELOAD,
		 .doc = "Sends HTTP visitors to HTTPS once there is a certificate."),
};

const struct kind kind_domain = {
	.name = "domain",
	.section = "domains",
	.size = sizeof(struct domain),
	KIND_FIELDS(domain_fields),
	.level = SCOPE_DOMAIN,
	.derive = domain_derive,
	.check = domain_check,
	.doc = "A host name that the web server answers to.",
};

const char *domain_docroot(const void *ctx, const struct account *a, const struct domain *d)
{
	const char *home = account_home(ctx, a);

	if (d->document_root)
		return d->document_root;
	if (is(d->type, "primary"))
		return mem_fmt(ctx, "%s/public_html", home);
	return mem_fmt(ctx, "%s/public_html/%s", home, d->name);
}

/* zone */

static const struct field zone_fields[] = {
	STRING_ROW(zone, name, .flags = FIELD_KEY | FIELD_FIXED | FIELD_SCOPE,
		   .impact = IMPACT_REPLACE, .canon = canon_host, .doc = "Name of the zone."),
	ACCOUNT_PARENT(zone),
	CHOICE_ROW(zone, status, .choices = zone_states, .dflt = "active", .impact = IMPACT_RELOAD,
		   .doc = "disabled: not served."),
	STRING_ROW(zone, primary_ns, .canon = canon_host, .impact = IMPACT_RELOAD,
		   .doc = "First name server; unset: the setting ns1_hostname."),
	STRING_ROW(zone, secondary_ns, .canon = canon_host, .impact = IMPACT_RELOAD,
		   .doc = "Second name server; unset: the setting ns2_hostname."),
	STRING_ROW(zone, admin_email, .canon = canon_email, .impact = IMPACT_RELOAD,
		   .doc = "Mail address in the SOA; unset: hostmaster@ZONE."),
	INT_ROW(zone, ttl, .min = 30, .max = 2147483647, .dflt = "3600", .impact = IMPACT_RELOAD,
		.doc = "Seconds for records that name none ($TTL)."),
	INT_ROW(zone, refresh, .min = 300, .max = 2147483647, .dflt = "86400",
		.impact = IMPACT_RELOAD, .doc = "SOA refresh in seconds."),
	INT_ROW(zone, retry, .min = 60, .max = 2147483647, .dflt = "7200", .impact = IMPACT_RELOAD,
		.doc = "SOA retry in seconds."),
	INT_ROW(zone, expire, .min = 3600, .max = 2147483647, .dflt = "2419200",
		.impact = IMPACT_RELOAD, .doc = "SOA expire in seconds."),
	INT_ROW(zone, minimum, .min = 0, .max = 2147483647, .dflt = "86400",
		.impact = IMPACT_RELOAD,
		.doc = "Seconds for which a missing name is remembered (RFC 2308)."),
};

const struct kind kind_zone = {
	.name = "zone",
	.section = "zones",
	.size = sizeof(struct zone),
	KIND_FIELDS(zone_fields),
	.level = SCOPE_DOMAIN,
	.doc = "A DNS zone that this server is primary for.",
};

/* record */

/* Name and value take their canonical form together with type and zone. */
static int record_derive(const void *ctx, void *res, struct err *err)
{
	struct record *rec = res;
	const struct rdata_type *type = rdata_type_find(rec->type);
	int r;

	if (!type)
		return err_at(err, ERR_INVALID, "/type", "type: \"%s\" is not known", rec->type);
	r = rdata_name_canon(ctx, rec->zone, rec->name, &rec->name, err);
	if (r < 0) {
		(void)err_wrap(err, "name");
		return err_at(err, ERR_INVALID, "/name", "%s", mem_str(ctx, err->msg));
	}
	r = rdata_canon(ctx, type, rec->zone, rec->value, &rec->value, err);
	if (r < 0) {
		(void)err_wrap(err, "value");
		return err_at(err, ERR_INVALID, "/value", "%s", mem_str(ctx, err->msg));
	}
	r = rdata_owner_check(type, rec->name, err);
	if (r < 0)
		return err_at(err, ERR_INVALID, "/name", "name: %s", mem_str(ctx, err->msg));
	if (type->has_priority && rec->priority == INT_UNSET)
		rec->priority = type->default_priority;
	if (!type->has_priority && rec->priority != INT_UNSET)
		return err_at(err, ERR_INVALID, "/priority",
			      "priority: a record of type %s has none; only MX and SRV do",
			      rec->type);
	return 0;
}

static const struct field record_fields[] = {
	REF_ROW(record, zone,
		.flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_zone, .canon = canon_host, .impact = IMPACT_REPLACE,
		.doc = "Zone it stands in."),
	STRING_ROW(record, name, .flags = FIELD_KEY, .canon = canon_text, .impact = IMPACT_RELOAD,
		   .doc = "Owner name relative to the zone; @ is the zone itself."),
	CHOICE_ROW(
		record, type, .flags = FIELD_KEY, .choices = record_types, .impact = IMPACT_RELOAD,
		.doc = "Record type; DKIM, SPF and DMARC are TXT records with a check of their own."),
	STRING_ROW(
		record, value, .flags = FIELD_KEY, .canon = canon_text, .impact = IMPACT_RELOAD,
		.doc = "The data, as in a zone file, without priority. A name without dots is relative to the "
		       "zone, one with dots is absolute."),
	INT_ROW(record, ttl, .flags = FIELD_NULLABLE, .min = 0, .max = 2147483647,
		.impact = IMPACT_RELOAD,
		.doc = "Seconds it may be remembered; unset: the zone's ttl."),
	INT_ROW(record, priority, .flags = FIELD_NULLABLE, .min = 0, .max = 65535,
		.impact = IMPACT_RELOAD,
		.doc = "MX preference or SRV priority; lower is tried first."),
};

const struct kind kind_record = {
	.name = "record",
	.section = "records",
	.size = sizeof(struct record),
	KIND_FIELDS(record_fields),
	.level = SCOPE_DOMAIN,
	.derive = record_derive,
	.doc = "A DNS record.",
};

/* mailbox, forwarder */

static const char *after_at(const char *address)
{
	const char *at = strchr(address, '@');

	return at ? at + 1 : address;
}

static int mailbox_derive(const void *ctx, void *res, struct err *err)
{
	struct mailbox *m = res;

	(void)ctx;
	(void)err;
	m->domain = after_at(m->address);
	return 0;
}

static const struct field mailbox_fields[] = {
	STRING_ROW(mailbox, address, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_email,
		   .impact = IMPACT_REPLACE,
		   .doc = "Mail address; its domain belongs to the same account."),
	ACCOUNT_PARENT(mailbox),
	REF_ROW(mailbox, domain, .flags = FIELD_DERIVED | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_domain, .doc = "The domain of the address."),
	INT_ROW(mailbox, quota_mb, .min = 0, .max = 100000000, .dflt = "500",
		.doc = "Most it may hold, in MiB; 0: unlimited."),
	CHOICE_ROW(mailbox, status, .choices = states, .dflt = "active",
		   .doc = "suspended: mail is refused and the login is off; nothing is lost."),
	SECRET_ROW(mailbox, password, .canon = canon_hash, .doc = "Password hash, crypt(3)."),
};

const struct kind kind_mailbox = {
	.name = "mailbox",
	.section = "mailboxes",
	.size = sizeof(struct mailbox),
	KIND_FIELDS(mailbox_fields),
	.level = SCOPE_DOMAIN,
	.derive = mailbox_derive,
	.doc = "A mailbox with a login.",
};

static int forwarder_derive(const void *ctx, void *res, struct err *err)
{
	struct forwarder *f = res;

	(void)ctx;
	(void)err;
	f->domain = after_at(f->source);
	return 0;
}

static const struct field forwarder_fields[] = {
	STRING_ROW(forwarder, source, .flags = FIELD_KEY | FIELD_FIXED,
		   .canon = canon_forward_source, .impact = IMPACT_REPLACE,
		   .doc = "Address whose mail is sent on; @DOMAIN takes all that is left over."),
	STRING_ROW(forwarder, destination, .flags = FIELD_KEY | FIELD_FIXED | FIELD_INDEX,
		   .canon = canon_forward_target, .impact = IMPACT_REPLACE,
		   .doc = "Where it is sent."),
	ACCOUNT_PARENT(forwarder),
	REF_ROW(forwarder, domain, .flags = FIELD_DERIVED | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_domain, .doc = "The domain of the source."),
};

const struct kind kind_forwarder = {
	.name = "forwarder",
	.section = "forwarders",
	.size = sizeof(struct forwarder),
	KIND_FIELDS(forwarder_fields),
	.level = SCOPE_DOMAIN,
	.derive = forwarder_derive,
	.doc = "Sends the mail of one address on to another.",
};

static int autoresponder_derive(const void *ctx, void *res, struct err *err)
{
	struct autoresponder *a = res;

	(void)ctx;
	(void)err;
	a->domain = after_at(a->address);
	return 0;
}

static int autoresponder_check(const void *ctx, const void *res, struct err *err)
{
	const struct autoresponder *a = res;

	(void)ctx;
	if (a->starts && a->ends && strcmp(a->ends, a->starts) < 0)
		return err_at(err, ERR_INVALID, "/ends", "ends: %s is before it starts, on %s",
			      a->ends, a->starts);
	return 0;
}

static const struct field autoresponder_fields[] = {
	REF_ROW(autoresponder, address, .flags = FIELD_KEY | FIELD_FIXED | FIELD_INDEX,
		.ref = &kind_mailbox, .canon = canon_email, .doc = "Mailbox that it answers for."),
	ACCOUNT_PARENT(autoresponder),
	REF_ROW(autoresponder, domain, .flags = FIELD_DERIVED | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_domain, .doc = "The domain of the address."),
	STRING_ROW(autoresponder, subject, .flags = FIELD_REQUIRED, .canon = canon_text,
		   .doc = "Subject of the answer."),
	STRING_ROW(autoresponder, body, .flags = FIELD_REQUIRED, .canon = canon_lines,
		   .doc = "Text of the answer."),
	STRING_ROW(autoresponder, starts, .canon = canon_date,
		   .doc = "First day on which it answers, YYYY-MM-DD; unset: at once."),
	STRING_ROW(autoresponder, ends, .canon = canon_date,
		   .doc = "Last day; unset: until it is turned off."),
	BOOL_ROW(autoresponder, enabled, .dflt = "true", .doc = "Whether it answers."),
};

const struct kind kind_autoresponder = {
	.name = "autoresponder",
	.section = "autoresponders",
	.size = sizeof(struct autoresponder),
	KIND_FIELDS(autoresponder_fields),
	.level = SCOPE_DOMAIN,
	.derive = autoresponder_derive,
	.check = autoresponder_check,
	.doc = "Answers the mail of a mailbox, such as while its owner is away.",
};

/* dkim_key, certificate */

static const struct field dkim_key_fields[] = {
	REF_ROW(dkim_key, domain, .flags = FIELD_KEY | FIELD_FIXED | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_domain, .canon = canon_host, .impact = IMPACT_REPLACE,
		.doc = "Domain it signs for."),
	STRING_ROW(dkim_key, selector, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .impact = IMPACT_REPLACE, .doc = "Selector, such as mail."),
	ACCOUNT_PARENT(dkim_key),
	STRING_ROW(dkim_key, public_key, .flags = FIELD_REQUIRED, .canon = canon_text,
		   .doc = "Public key, base64 without line breaks."),
	SECRET_ROW(dkim_key, private_key, .canon = canon_pem, .doc = "Private key, PEM."),
};

const struct kind kind_dkim_key = {
	.name = "dkim_key",
	.section = "dkim_keys",
	.size = sizeof(struct dkim_key),
	KIND_FIELDS(dkim_key_fields),
	.level = SCOPE_DOMAIN,
	.doc = "A key that signs a domain's mail (RFC 6376).",
};

static int certificate_check(const void *ctx, const void *res, struct err *err)
{
	const struct certificate *c = res;

	(void)ctx;
	if (!c->cert_path != !c->key_path)
		return err_at(err, ERR_INVALID, c->cert_path ? "/key_path" : "/cert_path",
			      "cert_path and key_path: are given together or not at all");
	if (c->cert_path && c->cert)
		return err_at(err, ERR_INVALID, "/cert",
			      "cert: either cert or cert_path is given, not both");
	return 0;
}

static const struct field certificate_fields[] = {
	REF_ROW(certificate, domain, .flags = FIELD_KEY | FIELD_FIXED | FIELD_SCOPE | FIELD_INDEX,
		.ref = &kind_domain, .canon = canon_host, .impact = IMPACT_REPLACE,
		.doc = "Domain it is for."),
	ACCOUNT_PARENT(certificate),
	CHOICE_ROW(certificate, type, .choices = certificate_types, .dflt = "custom",
		   .impact = IMPACT_RELOAD, .doc = "Where it comes from."),
	STRING_ROW(certificate, cert, .canon = canon_pem, .impact = IMPACT_RELOAD,
		   .doc = "Certificate, PEM."),
	STRING_ROW(certificate, chain, .canon = canon_pem, .impact = IMPACT_RELOAD,
		   .doc = "Intermediate certificates, PEM."),
	STRING_ROW(
		certificate, cert_path, .canon = canon_docroot, .impact = IMPACT_RELOAD,
		.doc = "File with certificate and chain that somebody else keeps, instead of cert."),
	STRING_ROW(certificate, key_path, .canon = canon_docroot, .impact = IMPACT_RELOAD,
		   .doc = "File with its key."),
	BOOL_ROW(certificate, auto_renew, .dflt = "true", .doc = "Renewed before it expires."),
	SECRET_ROW(certificate, key, .canon = canon_pem, .impact = IMPACT_RELOAD,
		   .doc = "Private key, PEM."),
};

const struct kind kind_certificate = {
	.name = "certificate",
	.section = "certificates",
	.size = sizeof(struct certificate),
	KIND_FIELDS(certificate_fields),
	.level = SCOPE_DOMAIN,
	.check = certificate_check,
	.doc = "The TLS certificate of a domain.",
};

/* database, database_user, ftp_account */

static const struct field database_fields[] = {
	STRING_ROW(database, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_db_name,
		   .impact = IMPACT_REPLACE,
		   .doc = "Name, beginning with the account's name and _."),
	ACCOUNT_PARENT(database),
	CHOICE_ROW(database, type, .flags = FIELD_FIXED, .choices = database_types, .dflt = "mysql",
		   .impact = IMPACT_REPLACE, .doc = "Database server."),
};

const struct kind kind_database = {
	.name = "database",
	.section = "databases",
	.size = sizeof(struct database),
	KIND_FIELDS(database_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "A database.",
};

static const struct field database_user_fields[] = {
	STRING_ROW(database_user, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_db_name,
		   .impact = IMPACT_REPLACE,
		   .doc = "Name, beginning with the account's name and _."),
	ACCOUNT_PARENT(database_user),
	LIST_ROW(database_user, databases, .canon = canon_db_name, .doc = "Databases it may use."),
	SECRET_ROW(database_user, password, .canon = canon_hash, .doc = "Password hash."),
};

const struct kind kind_database_user = {
	.name = "database_user",
	.section = "database_users",
	.size = sizeof(struct database_user),
	KIND_FIELDS(database_user_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "A login of a database server.",
};

static const struct field ftp_account_fields[] = {
	STRING_ROW(ftp_account, username, .flags = FIELD_KEY | FIELD_FIXED,
		   .canon = canon_label_name, .impact = IMPACT_REPLACE, .doc = "Login name."),
	ACCOUNT_PARENT(ftp_account),
	STRING_ROW(ftp_account, home_dir, .canon = canon_docroot,
		   .doc = "Folder it sees, in the account's home; unset: public_html."),
	INT_ROW(ftp_account, quota_mb, .min = 0, .max = 100000000, .dflt = "0",
		.doc = "In MiB; 0: unlimited."),
	CHOICE_ROW(ftp_account, status, .choices = states, .dflt = "active",
		   .doc = "suspended: the login is off."),
	SECRET_ROW(ftp_account, password, .canon = canon_hash, .doc = "Password hash, crypt(3)."),
};

const struct kind kind_ftp_account = {
	.name = "ftp_account",
	.section = "ftp_accounts",
	.size = sizeof(struct ftp_account),
	KIND_FIELDS(ftp_account_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "An FTP login of an account.",
};

/* cron_job, php_config */

static const struct field cron_job_fields[] = {
	REF_ROW(cron_job, account, .flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX,
		.ref = &kind_account, .canon = canon_username, .impact = IMPACT_REPLACE,
		.doc = "Account that runs it."),
	STRING_ROW(cron_job, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Name of the job."),
	STRING_ROW(cron_job, schedule, .flags = FIELD_REQUIRED, .canon = canon_cron_schedule,
		   .doc = "Minute, hour, day, month, weekday; or @daily and the like."),
	STRING_ROW(cron_job, command, .flags = FIELD_REQUIRED, .canon = canon_cron_command,
		   .doc = "One line for the account's shell."),
	BOOL_ROW(cron_job, enabled, .dflt = "true", .doc = "Whether it runs."),
};

const struct kind kind_cron_job = {
	.name = "cron_job",
	.section = "cron",
	.size = sizeof(struct cron_job),
	KIND_FIELDS(cron_job_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "A command that runs at set times as the account.",
};

static const struct field php_config_fields[] = {
	REF_ROW(php_config, account, .flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX,
		.ref = &kind_account, .canon = canon_username, .impact = IMPACT_REPLACE,
		.doc = "Account it is for."),
	STRING_ROW(php_config, memory_limit, .canon = canon_php_size, .dflt = "256M",
		   .impact = IMPACT_RESTART, .doc = "Most memory of one request."),
	STRING_ROW(php_config, upload_max_filesize, .canon = canon_php_size, .dflt = "64M",
		   .impact = IMPACT_RESTART, .doc = "Largest uploaded file."),
	STRING_ROW(php_config, post_max_size, .canon = canon_php_size, .dflt = "64M",
		   .impact = IMPACT_RESTART, .doc = "Largest request body."),
	INT_ROW(php_config, max_execution_time, .min = 0, .max = 86400, .dflt = "30",
		.impact = IMPACT_RESTART, .doc = "Seconds a script may run; 0: no limit."),
	INT_ROW(php_config, max_input_time, .min = -1, .max = 86400, .dflt = "60",
		.impact = IMPACT_RESTART, .doc = "Seconds for reading the request."),
	INT_ROW(php_config, max_input_vars, .min = 1, .max = 1000000, .dflt = "1000",
		.impact = IMPACT_RESTART, .doc = "Most input variables."),
	BOOL_ROW(php_config, display_errors, .impact = IMPACT_RESTART,
		 .doc = "Shows errors to visitors."),
	BOOL_ROW(php_config, allow_url_fopen, .dflt = "true", .impact = IMPACT_RESTART,
		 .doc = "Lets file functions open addresses."),
	STRING_ROW(php_config, timezone, .canon = canon_timezone, .dflt = "UTC",
		   .impact = IMPACT_RESTART, .doc = "date.timezone."),
	INT_ROW(php_config, max_children, .min = 1, .max = 1000, .dflt = "5",
		.impact = IMPACT_RESTART, .doc = "Most PHP processes at once."),
	INT_ROW(php_config, idle_timeout, .min = 1, .max = 86400, .dflt = "10",
		.impact = IMPACT_RESTART, .doc = "Seconds after which an idle process ends."),
	INT_ROW(php_config, max_requests, .min = 0, .max = 1000000, .dflt = "500",
		.impact = IMPACT_RESTART,
		.doc = "Requests after which a process is replaced; 0: never."),
};

const struct kind kind_php_config = {
	.name = "php_config",
	.section = "php",
	.size = sizeof(struct php_config),
	KIND_FIELDS(php_config_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "PHP values of an account.",
};

/* container, app, firewall_rule, branding */

static const struct field container_fields[] = {
	REF_ROW(container, account, .flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX,
		.ref = &kind_account, .canon = canon_username, .impact = IMPACT_REPLACE,
		.doc = "Account it is for."),
	STRING_ROW(container, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Name."),
	STRING_ROW(container, image, .flags = FIELD_REQUIRED, .canon = canon_text,
		   .impact = IMPACT_RESTART, .doc = "Image with its tag."),
	LIST_ROW(container, ports, .canon = canon_text, .impact = IMPACT_RESTART,
		 .doc = "HOST:CONTAINER pairs."),
	LIST_ROW(container, env, .canon = canon_text, .impact = IMPACT_RESTART,
		 .doc = "NAME=value pairs."),
	LIST_ROW(container, volumes, .canon = canon_text, .impact = IMPACT_RESTART,
		 .doc = "SOURCE:TARGET pairs."),
	INT_ROW(container, memory_mb, .min = 16, .max = 1048576, .dflt = "256",
		.impact = IMPACT_RESTART, .doc = "Memory in MiB."),
	STRING_ROW(container, cpus, .canon = canon_text, .dflt = "0.5", .impact = IMPACT_RESTART,
		   .doc = "Share of processors."),
	BOOL_ROW(container, enabled, .dflt = "true", .impact = IMPACT_RESTART,
		 .doc = "Whether it runs."),
};

const struct kind kind_container = {
	.name = "container",
	.section = "containers",
	.size = sizeof(struct container),
	KIND_FIELDS(container_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "A container of an account.",
};

static const struct field app_fields[] = {
	REF_ROW(app, account, .flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX,
		.ref = &kind_account, .canon = canon_username, .impact = IMPACT_REPLACE,
		.doc = "Account it is for."),
	STRING_ROW(app, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Name."),
	STRING_ROW(app, app_id, .flags = FIELD_REQUIRED | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Which app of the catalog."),
	REF_ROW(app, domain, .ref = &kind_domain, .canon = canon_host, .flags = FIELD_INDEX,
		.doc = "Domain it answers on."),
	LIST_ROW(app, params, .canon = canon_text, .doc = "NAME=value pairs of the app."),
};

const struct kind kind_app = {
	.name = "app",
	.section = "apps",
	.size = sizeof(struct app),
	KIND_FIELDS(app_fields),
	.level = SCOPE_ACCOUNT,
	.doc = "An app of the catalog.",
};

static const struct field firewall_rule_fields[] = {
	STRING_ROW(firewall_rule, name, .flags = FIELD_KEY | FIELD_FIXED, .canon = canon_label_name,
		   .doc = "Name."),
	CHOICE_ROW(firewall_rule, action, .flags = FIELD_REQUIRED, .choices = fw_actions,
		   .doc = "What happens."),
	CHOICE_ROW(firewall_rule, direction, .choices = fw_directions, .dflt = "in",
		   .doc = "Direction."),
	CHOICE_ROW(firewall_rule, protocol, .choices = fw_protocols, .dflt = "tcp",
		   .doc = "Protocol."),
	STRING_ROW(firewall_rule, port, .canon = canon_text,
		   .doc = "Port or FIRST:LAST; unset: all."),
	STRING_ROW(firewall_rule, from_ip, .canon = canon_cidr,
		   .doc = "Address or prefix it holds for; unset: all."),
	STRING_ROW(firewall_rule, comment, .canon = canon_text, .doc = "Why it is there."),
};

const struct kind kind_firewall_rule = {
	.name = "firewall_rule",
	.section = "firewall_rules",
	.size = sizeof(struct firewall_rule),
	KIND_FIELDS(firewall_rule_fields),
	.level = SCOPE_SERVER,
	.doc = "A rule of the firewall.",
};

static const struct field branding_fields[] = {
	REF_ROW(branding, reseller, .flags = FIELD_KEY | FIELD_FIXED | FIELD_PARENT | FIELD_INDEX,
		.ref = &kind_user, .canon = canon_login, .doc = "Reseller it is for."),
	STRING_ROW(branding, panel_name, .canon = canon_text, .dflt = "NovaCPX",
		   .doc = "Name of the panel."),
	STRING_ROW(branding, logo_url, .canon = canon_text, .doc = "Address of the logo."),
	STRING_ROW(branding, favicon_url, .canon = canon_text, .doc = "Address of the icon."),
	STRING_ROW(branding, primary_color, .canon = canon_color, .dflt = "#6366f1",
		   .doc = "First colour."),
	STRING_ROW(branding, accent_color, .canon = canon_color, .dflt = "#0ea5e9",
		   .doc = "Second colour."),
	STRING_ROW(branding, support_email, .canon = canon_email,
		   .doc = "Where customers write to."),
	STRING_ROW(branding, support_url, .canon = canon_url, .doc = "Where customers find help."),
	BOOL_ROW(branding, hide_powered_by, .doc = "Hides our name."),
	STRING_ROW(branding, custom_css, .canon = canon_lines, .doc = "Style sheet."),
};

const struct kind kind_branding = {
	.name = "branding",
	.section = "branding",
	.size = sizeof(struct branding),
	KIND_FIELDS(branding_fields),
	.level = SCOPE_SERVER,
	.doc = "How a reseller's panel looks.",
};

const struct kind *const kinds[] = {
	&kind_setting,    &kind_user,          &kind_package,       &kind_account,
	&kind_domain,     &kind_zone,          &kind_record,        &kind_certificate,
	&kind_mailbox,    &kind_forwarder,     &kind_autoresponder, &kind_dkim_key,
	&kind_database,   &kind_database_user, &kind_ftp_account,   &kind_cron_job,
	&kind_php_config, &kind_container,     &kind_app,           &kind_firewall_rule,
	&kind_branding,
};

const size_t n_kinds = ARRAY_LEN(kinds);
