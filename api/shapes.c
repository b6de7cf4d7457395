#include "api/shapes.h"

#define SETTING(name, dflt) \
	"coalesce((SELECT s.value FROM setting s WHERE s.name='" name "'),'" dflt "')"
#define COUNT_OF(table)  "(SELECT count(*) FROM " table " x WHERE x.account=t.username)"
#define ACCOUNT_ID       "(SELECT a.id FROM account a WHERE a.username=t.account)"
#define LIMIT_OF(column) "coalesce((SELECT p." column " FROM package p WHERE p.name=t.package),0)"

/* Accounts */

#define ACCOUNT_DOMAIN \
	"(SELECT d.name FROM domain d WHERE d.account=t.username AND d.type='primary' LIMIT 1)"
#define ACCOUNT_PHP(a)                                                                    \
	"coalesce(" a ".php_version,(SELECT p.php_version FROM package p WHERE p.name=" a \
	".package)," SETTING("default_php", "8.2") ")"
#define ACCOUNT_HOME "coalesce(t.home,'/home/'||t.username)"

static const struct column account_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "user_id", COLUMN_INT, "(SELECT u.id FROM user u WHERE u.username=t.user)", NULL },
	{ "username", COLUMN_TEXT, "t.username", NULL },
	{ "domain", COLUMN_TEXT, ACCOUNT_DOMAIN, NULL },
	{ "home_dir", COLUMN_TEXT, ACCOUNT_HOME, NULL },
	{ "package_id", COLUMN_INT, "(SELECT p.id FROM package p WHERE p.name=t.package)", NULL },
	{ "disk_used_mb", COLUMN_INT, "0", NULL },
	{ "bw_used_mb", COLUMN_INT, "0", NULL },
	{ "php_version", COLUMN_TEXT, ACCOUNT_PHP("t"), NULL },
	{ "web_server", COLUMN_TEXT, SETTING("web_server", "nginx"), NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "suspend_reason", COLUMN_TEXT, "t.suspend_reason", NULL },
	{ "suspended_at", COLUMN_TIME, "t.suspended_at", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "email", COLUMN_TEXT,
	  "coalesce(t.email,(SELECT u.email FROM user u WHERE u.username=t.user))", NULL },
	{ "role", COLUMN_TEXT, "(SELECT u.role FROM user u WHERE u.username=t.user)", NULL },
	{ "package_name", COLUMN_TEXT, "t.package", NULL },
	{ "domain_count", COLUMN_INT, COUNT_OF("domain"), NULL },
	{ "email_count", COLUMN_INT, COUNT_OF("mailbox"), NULL },
	{ "db_count", COLUMN_INT, COUNT_OF("database"), NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_account = {
	.name = "Account",
	.kind = &kind_account,
	COLUMNS(account_columns),
	.order = "t.id DESC",
	.search = "(t.username LIKE ?4 ESCAPE '\\' OR EXISTS(SELECT 1 FROM domain d WHERE "
		  "d.account=t.username AND d.name LIKE ?4 ESCAPE '\\'))",
	.status = "t.status",
};

static const struct column created_columns[] = {
	{ "account_id", COLUMN_INT, "t.id", NULL },
	{ "username", COLUMN_TEXT, "t.username", NULL },
	{ "domain", COLUMN_TEXT, ACCOUNT_DOMAIN, NULL },
	{ "home_dir", COLUMN_TEXT, ACCOUNT_HOME, NULL },
};

const struct shape shape_account_created = {
	.name = "AccountCreated",
	.kind = &kind_account,
	COLUMNS(created_columns),
	.order = "t.id",
};

static const struct column usage_columns[] = {
	{ "disk_used_mb", COLUMN_INT, "0", NULL },
	{ "disk_limit_mb", COLUMN_INT, LIMIT_OF("disk_mb"), NULL },
	{ "email_count", COLUMN_INT, COUNT_OF("mailbox"), NULL },
	{ "email_limit", COLUMN_INT, LIMIT_OF("max_email"), NULL },
	{ "db_count", COLUMN_INT, COUNT_OF("database"), NULL },
	{ "db_limit", COLUMN_INT, LIMIT_OF("max_databases"), NULL },
	{ "domain_count", COLUMN_INT, COUNT_OF("domain"), NULL },
	{ "domain_limit", COLUMN_INT, LIMIT_OF("max_domains"), NULL },
	{ "ftp_count", COLUMN_INT, COUNT_OF("ftp_account"), NULL },
	{ "ftp_limit", COLUMN_INT, LIMIT_OF("max_ftp"), NULL },
};

const struct shape shape_usage = {
	.name = "Usage",
	.kind = &kind_account,
	COLUMNS(usage_columns),
	.order = "t.id",
};

/* Domains: the original calls the primary one main and aliases parked. */

static const struct column domain_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "domain", COLUMN_TEXT, "t.name", NULL },
	{ "type", COLUMN_TEXT, "CASE t.type WHEN 'primary' THEN 'main' ELSE t.type END", NULL },
	{ "is_primary", COLUMN_BOOL, "t.type='primary'", NULL },
	{ "document_root", COLUMN_TEXT,
	  "CASE WHEN t.type IN ('alias','redirect') THEN NULL ELSE coalesce(t.document_root,"
	  "(SELECT coalesce(a.home,'/home/'||a.username) FROM account a WHERE a.username=t.account)"
	  "||'/public_html'||CASE t.type WHEN 'primary' THEN '' ELSE '/'||t.name END) END",
	  NULL },
	{ "php_version", COLUMN_TEXT,
	  "(SELECT " ACCOUNT_PHP("a") " FROM account a WHERE a.username=t.account)",
	  "That of its account." },
	{ "ssl_enabled", COLUMN_BOOL, "EXISTS(SELECT 1 FROM certificate c WHERE c.domain=t.name)",
	  NULL },
	{ "ssl_expires", COLUMN_TEXT, "NULL", NULL },
	{ "redirect_to", COLUMN_TEXT, "t.redirect_to", NULL },
	{ "redirect_code", COLUMN_INT,
	  "CASE t.type WHEN 'redirect' THEN CAST(t.redirect_code AS INTEGER) END", NULL },
	{ "target", COLUMN_TEXT, "t.target", "Of an alias: the domain whose site it shows." },
	{ "www", COLUMN_BOOL, "t.www", NULL },
	{ "php", COLUMN_BOOL, "t.php", NULL },
	{ "force_https", COLUMN_BOOL, "t.force_https", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_domain = {
	.name = "Domain",
	.kind = &kind_domain,
	COLUMNS(domain_columns),
	.order = "t.account,t.name",
	.group = "t.type<>'primary'",
};

/* Zones and records */

static const struct column zone_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "domain", COLUMN_TEXT, "t.name", NULL },
	{ "serial", COLUMN_INT, "NULL", "Null: it is set when the zone is served." },
	{ "primary_ns", COLUMN_TEXT,
	  "coalesce(t.primary_ns," SETTING("ns1_hostname", "ns1.localhost.localdomain") ")", NULL },
	{ "secondary_ns", COLUMN_TEXT,
	  "coalesce(t.secondary_ns," SETTING("ns2_hostname", "ns2.localhost.localdomain") ")",
	  NULL },
	{ "admin_email", COLUMN_TEXT, "coalesce(t.admin_email,'hostmaster@'||t.name)", NULL },
	{ "ttl", COLUMN_INT, "t.ttl", NULL },
	{ "refresh", COLUMN_INT, "t.refresh", NULL },
	{ "retry", COLUMN_INT, "t.retry", NULL },
	{ "expire", COLUMN_INT, "t.expire", NULL },
	{ "minimum", COLUMN_INT, "t.minimum", NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "updated_at", COLUMN_TIME,
	  "coalesce((SELECT v.time FROM revision v WHERE v.rev=max(t.rev,coalesce("
	  "(SELECT max(x.rev) FROM record x WHERE x.zone=t.name),0))),t.created)",
	  "When it or a record of it was last changed." },
	{ "record_count", COLUMN_INT, "(SELECT count(*) FROM record x WHERE x.zone=t.name)", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_zone = {
	.name = "Zone",
	.kind = &kind_zone,
	COLUMNS(zone_columns),
	.order = "t.account,t.name",
	.group = "t.name",
};

static const struct column record_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "zone_id", COLUMN_INT, "(SELECT z.id FROM zone z WHERE z.name=t.zone)", NULL },
	{ "name", COLUMN_TEXT, "t.name", NULL },
	{ "type", COLUMN_TEXT, "t.type", NULL },
	{ "content", COLUMN_TEXT, "t.value", NULL },
	{ "value", COLUMN_TEXT, "t.value", NULL },
	{ "ttl", COLUMN_INT, "coalesce(t.ttl,(SELECT z.ttl FROM zone z WHERE z.name=t.zone))",
	  NULL },
	{ "priority", COLUMN_INT, "t.priority", NULL },
	{ "proxied", COLUMN_INT, "0", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_record = {
	.name = "Record",
	.kind = &kind_record,
	COLUMNS(record_columns),
	.order = "t.zone,t.name,t.type,t.value",
	.group = "t.type",
};

/* Mail */

static const struct column mailbox_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "email", COLUMN_TEXT, "t.address", NULL },
	{ "quota_mb", COLUMN_INT, "t.quota_mb", NULL },
	{ "used_mb", COLUMN_INT, "0", NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_mailbox = {
	.name = "Mailbox",
	.kind = &kind_mailbox,
	COLUMNS(mailbox_columns),
	.order = "t.account,t.address",
};

static const struct column forwarder_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "source", COLUMN_TEXT, "t.source", NULL },
	{ "destination", COLUMN_TEXT, "t.destination", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_forwarder = {
	.name = "Forwarder",
	.kind = &kind_forwarder,
	COLUMNS(forwarder_columns),
	.order = "t.account,t.source,t.destination",
};

static const struct column autoresponder_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "email", COLUMN_TEXT, "t.address", NULL },
	{ "subject", COLUMN_TEXT, "t.subject", NULL },
	{ "body", COLUMN_TEXT, "t.body", NULL },
	{ "starts", COLUMN_TEXT, "t.starts", NULL },
	{ "ends", COLUMN_TEXT, "t.ends", NULL },
	{ "is_active", COLUMN_BOOL, "t.enabled", NULL },
	{ "enabled", COLUMN_BOOL, "t.enabled", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_autoresponder = {
	.name = "Autoresponder",
	.kind = &kind_autoresponder,
	COLUMNS(autoresponder_columns),
	.order = "t.account,t.address",
};

/* Databases, FTP, cron */

static const struct column database_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "db_name", COLUMN_TEXT, "t.name", NULL },
	{ "db_user", COLUMN_TEXT,
	  "(SELECT f.name FROM database_user f WHERE f.id=(SELECT min(u.id) FROM database_user u "
	  "WHERE u.account=t.account AND "
	  "instr(char(10)||u.databases||char(10),char(10)||t.name||char(10))))",
	  "The first that has it." },
	{ "db_type", COLUMN_TEXT, "t.type", NULL },
	{ "size_mb", COLUMN_INT, "0", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "username", COLUMN_TEXT, "t.account", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_database = {
	.name = "Database",
	.kind = &kind_database,
	COLUMNS(database_columns),
	.order = "t.account,t.name",
};

static const struct column ftp_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "username", COLUMN_TEXT, "t.username", NULL },
	{ "home_dir", COLUMN_TEXT,
	  "coalesce(t.home_dir,(SELECT coalesce(a.home,'/home/'||a.username)||'/public_html' "
	  "FROM account a WHERE a.username=t.account))",
	  NULL },
	{ "quota_mb", COLUMN_INT, "t.quota_mb", NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_ftp_account = {
	.name = "FtpAccount",
	.kind = &kind_ftp_account,
	COLUMNS(ftp_columns),
	.order = "t.account,t.username",
};

/* The N-th of the five fields, of "@daily" and the like as well: a JSON list is the way to divide a text. */
#define CRON_FIELD(n)                                                                  \
	"json_extract('[\"'||replace(CASE t.schedule WHEN '@hourly' THEN '0 * * * *' " \
	"WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *' "            \
	"WHEN '@weekly' THEN '0 0 * * 0' WHEN '@monthly' THEN '0 0 1 * *' "            \
	"WHEN '@yearly' THEN '0 0 1 1 *' WHEN '@annually' THEN '0 0 1 1 *' "           \
	"ELSE t.schedule END,' ','\",\"')||'\"]','$[" #n "]')"

static const struct column cron_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "command", COLUMN_TEXT, "t.command", NULL },
	{ "schedule", COLUMN_TEXT, "t.schedule", NULL },
	{ "minute", COLUMN_TEXT, CRON_FIELD(0), NULL },
	{ "hour", COLUMN_TEXT, CRON_FIELD(1), NULL },
	{ "day", COLUMN_TEXT, CRON_FIELD(2), NULL },
	{ "month", COLUMN_TEXT, CRON_FIELD(3), NULL },
	{ "weekday", COLUMN_TEXT, CRON_FIELD(4), NULL },
	{ "is_active", COLUMN_BOOL, "t.enabled", NULL },
	{ "enabled", COLUMN_BOOL, "t.enabled", NULL },
	{ "last_run", COLUMN_TEXT, "NULL", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_cron_job = {
	.name = "CronJob",
	.kind = &kind_cron_job,
	COLUMNS(cron_columns),
	.order = "t.account,t.name",
};

/* Packages */

static const struct column package_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "name", COLUMN_TEXT, "t.name", NULL },
	{ "owner_id", COLUMN_INT, "(SELECT u.id FROM user u WHERE u.username=t.owner)", NULL },
	{ "disk_mb", COLUMN_INT, "t.disk_mb", NULL },
	{ "bandwidth_mb", COLUMN_INT, "t.bandwidth_mb", NULL },
	{ "max_domains", COLUMN_INT, "t.max_domains", NULL },
	{ "max_subdomains", COLUMN_INT, "t.max_subdomains", NULL },
	{ "max_addon_domains", COLUMN_INT, "t.max_addon_domains", NULL },
	{ "max_parked_domains", COLUMN_INT, "t.max_parked_domains", NULL },
	{ "max_email", COLUMN_INT, "t.max_email", NULL },
	{ "max_ftp", COLUMN_INT, "t.max_ftp", NULL },
	{ "max_databases", COLUMN_INT, "t.max_databases", NULL },
	{ "php_version", COLUMN_TEXT, "coalesce(t.php_version," SETTING("default_php", "8.2") ")",
	  NULL },
	{ "ssl_enabled", COLUMN_BOOL, "t.ssl_enabled", NULL },
	{ "is_default", COLUMN_BOOL, "t.is_default", NULL },
	{ "retired", COLUMN_BOOL, "t.retired", "No longer offered." },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "account_count", COLUMN_INT, "(SELECT count(*) FROM account a WHERE a.package=t.name)",
	  NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_package = {
	.name = "Package",
	.kind = &kind_package,
	COLUMNS(package_columns),
	.order = "t.name",
	.hidden = "t.retired",
};

/* What a billing system asks for daily; sizes in MiB. */

static const struct column billing_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "username", COLUMN_TEXT, "t.username", NULL },
	{ "domain", COLUMN_TEXT, ACCOUNT_DOMAIN, NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "package", COLUMN_TEXT, "t.package", NULL },
	{ "created", COLUMN_TIME, "t.created", NULL },
	{ "email", COLUMN_TEXT,
	  "coalesce(t.email,(SELECT u.email FROM user u WHERE u.username=t.user))", NULL },
	{ "disk_used", COLUMN_INT, "0", NULL },
	{ "disk_limit", COLUMN_INT, LIMIT_OF("disk_mb"), NULL },
	{ "bw_used", COLUMN_INT, "0", NULL },
	{ "bw_limit", COLUMN_INT, LIMIT_OF("bandwidth_mb"), NULL },
};

const struct shape shape_billing = {
	.name = "BillingAccount",
	.kind = &kind_account,
	COLUMNS(billing_columns),
	.order = "t.id",
};

#define COUNT_TYPE(condition) \
	"(SELECT count(*) FROM domain d WHERE d.account=t.username AND d.type" condition ")"

static const struct column stats_columns[] = {
	{ "disk_mb", COLUMN_REAL, "'0.0'", NULL },
	{ "disk_limit", COLUMN_INT, LIMIT_OF("disk_mb"), NULL },
	{ "inodes", COLUMN_INT, "0", NULL },
	{ "databases", COLUMN_INT, COUNT_OF("database"), NULL },
	{ "db_limit", COLUMN_INT, LIMIT_OF("max_databases"), NULL },
	{ "emails", COLUMN_INT, COUNT_OF("mailbox"), NULL },
	{ "email_limit", COLUMN_INT, LIMIT_OF("max_email"), NULL },
	{ "ftp", COLUMN_INT, COUNT_OF("ftp_account"), NULL },
	{ "ftp_limit", COLUMN_INT, LIMIT_OF("max_ftp"), NULL },
	{ "domains", COLUMN_INT, COUNT_OF("domain"), NULL },
	{ "domain_limit", COLUMN_INT, LIMIT_OF("max_domains"), NULL },
	{ "subdomains", COLUMN_INT, COUNT_TYPE("='subdomain'"), NULL },
	{ "subdomain_limit", COLUMN_INT, LIMIT_OF("max_subdomains"), NULL },
};

const struct shape shape_stats = {
	.name = "AccountStats",
	.kind = &kind_account,
	COLUMNS(stats_columns),
	.order = "t.id",
};

/* Logins */

static const struct column user_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "username", COLUMN_TEXT, "t.username", NULL },
	{ "email", COLUMN_TEXT, "t.email", NULL },
	{ "role", COLUMN_TEXT, "t.role", NULL },
	{ "status", COLUMN_TEXT, "t.status", NULL },
	{ "reseller_id", COLUMN_INT, "(SELECT u.id FROM user u WHERE u.username=t.reseller)",
	  NULL },
	{ "package_id", COLUMN_INT, "(SELECT p.id FROM package p WHERE p.name=t.package)", NULL },
	{ "max_accounts", COLUMN_INT, "t.max_accounts",
	  "Of a reseller's customers; 0: unlimited." },
	{ "theme", COLUMN_TEXT, "t.theme", NULL },
	{ "language", COLUMN_TEXT, "t.language", NULL },
	{ "contact_name", COLUMN_TEXT, "t.contact_name", NULL },
	{ "contact_phone", COLUMN_TEXT, "t.contact_phone", NULL },
	{ "account_count", COLUMN_INT,
	  "(SELECT count(*) FROM account a WHERE a.user=t.username OR a.user IN "
	  "(SELECT u.username FROM user u WHERE u.reseller=t.username))",
	  NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_user = {
	.name = "User",
	.kind = &kind_user,
	COLUMNS(user_columns),
	.order = "t.id DESC",
	.search = "(t.username LIKE ?4 ESCAPE '\\' OR t.email LIKE ?4 ESCAPE '\\')",
	.status = "t.status",
};

/* Certificates and keys: what is public of them */

static const struct column certificate_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "domain", COLUMN_TEXT, "t.domain", NULL },
	{ "type", COLUMN_TEXT, "t.type", NULL },
	{ "issued_at", COLUMN_TEXT, "NULL", NULL },
	{ "expires_at", COLUMN_TEXT, "NULL", NULL },
	{ "auto_renew", COLUMN_BOOL, "t.auto_renew", NULL },
	{ "status", COLUMN_TEXT,
	  "CASE WHEN t.cert IS NULL AND t.cert_path IS NULL THEN 'pending' ELSE 'active' END",
	  NULL },
	{ "days_remaining", COLUMN_INT, "NULL", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_certificate = {
	.name = "Certificate",
	.kind = &kind_certificate,
	COLUMNS(certificate_columns),
	.order = "t.account,t.domain",
};

static const struct column dkim_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "domain", COLUMN_TEXT, "t.domain", NULL },
	{ "selector", COLUMN_TEXT, "t.selector", NULL },
	{ "public_key", COLUMN_TEXT, "t.public_key", NULL },
	{ "dns_record_name", COLUMN_TEXT, "t.selector||'._domainkey.'||t.domain", NULL },
	{ "dns_record_value", COLUMN_TEXT, "'v=DKIM1; k=rsa; p='||t.public_key", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_dkim_key = {
	.name = "DkimKey",
	.kind = &kind_dkim_key,
	COLUMNS(dkim_columns),
	.order = "t.account,t.domain,t.selector",
};

static const struct column branding_columns[] = {
	{ "user_id", COLUMN_INT, "(SELECT u.id FROM user u WHERE u.username=t.reseller)", NULL },
	{ "panel_name", COLUMN_TEXT, "t.panel_name", NULL },
	{ "logo_url", COLUMN_TEXT, "t.logo_url", NULL },
	{ "favicon_url", COLUMN_TEXT, "t.favicon_url", NULL },
	{ "primary_color", COLUMN_TEXT, "t.primary_color", NULL },
	{ "accent_color", COLUMN_TEXT, "t.accent_color", NULL },
	{ "support_email", COLUMN_TEXT, "t.support_email", NULL },
	{ "support_url", COLUMN_TEXT, "t.support_url", NULL },
	{ "hide_powered_by", COLUMN_BOOL, "t.hide_powered_by", NULL },
	{ "custom_css", COLUMN_TEXT, "t.custom_css", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_branding = {
	.name = "Branding",
	.kind = &kind_branding,
	COLUMNS(branding_columns),
	.order = "t.id",
};

/* Containers and firewall rules, as they are wanted */

static const struct column container_columns[] = {
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "account_id", COLUMN_INT, ACCOUNT_ID, NULL },
	{ "container_id", COLUMN_INT, "t.id", NULL },
	{ "name", COLUMN_TEXT, "'novacpx-'||t.account||'-'||t.name", NULL },
	{ "image", COLUMN_TEXT, "t.image", NULL },
	{ "app_key", COLUMN_TEXT, "NULL", NULL },
	{ "status", COLUMN_TEXT, "CASE WHEN t.enabled THEN 'pending' ELSE 'stopped' END", NULL },
	{ "memory_mb", COLUMN_INT, "t.memory_mb", NULL },
	{ "cpus", COLUMN_TEXT, "t.cpus", NULL },
	{ "created_at", COLUMN_TIME, "t.created", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_container = {
	.name = "Container",
	.kind = &kind_container,
	COLUMNS(container_columns),
	.order = "t.account,t.name",
};

static const struct column firewall_columns[] = {
	{ "num", COLUMN_INT, "t.id", NULL },
	{ "id", COLUMN_INT, "t.id", NULL },
	{ "to", COLUMN_TEXT,
	  "coalesce(t.port,'Anywhere')||CASE t.protocol WHEN 'any' THEN '' ELSE '/'||t.protocol END",
	  NULL },
	{ "action", COLUMN_TEXT, "t.action", NULL },
	{ "direction", COLUMN_TEXT, "t.direction", NULL },
	{ "from", COLUMN_TEXT, "coalesce(t.from_ip,'Anywhere')", NULL },
	{ "port", COLUMN_TEXT, "t.port", NULL },
	{ "protocol", COLUMN_TEXT, "t.protocol", NULL },
	{ "from_ip", COLUMN_TEXT, "t.from_ip", NULL },
	{ "comment", COLUMN_TEXT, "t.comment", NULL },
	{ "revision", COLUMN_INT, "t.rev", "Revision it was last changed in." },
};

const struct shape shape_firewall_rule = {
	.name = "FirewallRule",
	.kind = &kind_firewall_rule,
	COLUMNS(firewall_columns),
	.order = "t.id",
};
