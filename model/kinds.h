/*
 * The kinds: what can be wanted of a hosting server, as plain structs. The
 * tables that describe them stand in model/kinds.c; shared defaults and
 * limits are those of the callers' contract.
 *
 * Texts belong to the talloc context the resource was loaded on; NULL: unset.
 */
#ifndef MODEL_KINDS_H
#define MODEL_KINDS_H

#include "model/kind.h"

/* The value of one that is a secret is SETTING_SECRET, and it itself stands among the secrets. */
#define SETTING_SECRET "(secret)"

struct setting {
	struct res base;
	const char *name;
	const char *value;
	const char *secret; /* derived */
};

struct package {
	struct res base;
	const char *name;
	const char *owner; /* reseller; NULL: everybody's */
	int64_t disk_mb, bandwidth_mb;
	int64_t max_domains, max_subdomains, max_addon_domains, max_parked_domains;
	int64_t max_email, max_ftp, max_databases;
	const char *php_version;
	bool ssl_enabled, is_default;
	bool retired; /* not for further accounts */
};

struct user {
	struct res base;
	const char *username;
	const char *role, *status;
	const char *email;
	const char *reseller; /* user who sold it */
	const char *contact_name, *contact_phone, *theme, *language;
	int64_t max_accounts; /* of a reseller; 0: unlimited */
	const char *package;
	const char *password;
};

struct account {
	struct res base;
	const char *username;
	const char *user; /* panel login; NULL: none */
	const char *package;
	const char *email;
	const char *status; /* active, suspended */
	const char *suspend_reason;
	const char *php_version; /* NULL: setting default_php */
	const char *shell;
	const char *home;
	int64_t suspended_at; /* derived; INT_UNSET: is active */
	const char *password;
};

struct domain {
	struct res base;
	const char *name;
	const char *account;
	const char *type; /* primary addon subdomain alias redirect */
	const char *document_root;
	const char *target; /* alias: the domain whose site it shows */
	const char *redirect_to;
	const char *redirect_code;
	bool www; /* also answers to www.NAME */
	bool php;
	bool force_https;
};

struct zone {
	struct res base;
	const char *name;
	const char *account;
	const char *status; /* active, disabled */
	const char *primary_ns, *secondary_ns, *admin_email;
	int64_t ttl, refresh, retry, expire, minimum;
};

struct record {
	struct res base;
	const char *zone;
	const char *name, *type, *value;
	int64_t ttl;
	int64_t priority; /* MX and SRV; INT_UNSET elsewhere */
};

struct mailbox {
	struct res base;
	const char *address;
	const char *account;
	const char *domain; /* derived */
	int64_t quota_mb;   /* 0: unlimited */
	const char *status;
	const char *password;
};

struct forwarder {
	struct res base;
	const char *source, *destination;
	const char *account;
	const char *domain; /* derived */
};

struct autoresponder {
	struct res base;
	const char *address; /* of a mailbox */
	const char *account;
	const char *domain; /* derived */
	const char *subject, *body;
	const char *starts, *ends; /* days, YYYY-MM-DD, both included; NULL: unbounded */
	bool enabled;
};

struct dkim_key {
	struct res base;
	const char *domain, *selector;
	const char *account;
	const char *public_key;
	const char *private_key;
};

struct database {
	struct res base;
	const char *name;
	const char *account;
	const char *type;
};

struct database_user {
	struct res base;
	const char *name;
	const char *account;
	struct strlist databases;
	const char *password;
};

struct ftp_account {
	struct res base;
	const char *username;
	const char *account;
	const char *home_dir;
	int64_t quota_mb;
	const char *status;
	const char *password;
};

struct certificate {
	struct res base;
	const char *domain;
	const char *account;
	const char *type;
	const char *cert, *chain;         /* PEM */
	const char *cert_path, *key_path; /* files kept by somebody else, instead of cert and key */
	bool auto_renew;
	const char *key;
};

struct cron_job {
	struct res base;
	const char *account;
	const char *name;
	const char *schedule, *command;
	bool enabled;
};

struct php_config {
	struct res base;
	const char *account;
	const char *memory_limit, *upload_max_filesize, *post_max_size;
	int64_t max_execution_time, max_input_time, max_input_vars;
	bool display_errors, allow_url_fopen;
	const char *timezone;
	int64_t max_children, idle_timeout, max_requests;
};

struct container {
	struct res base;
	const char *account, *name;
	const char *image;
	struct strlist ports, env, volumes;
	int64_t memory_mb;
	const char *cpus;
	bool enabled;
};

struct app {
	struct res base;
	const char *account, *name;
	const char *app_id;
	const char *domain;
	struct strlist params;
};

struct firewall_rule {
	struct res base;
	const char *name;
	const char *action, *direction, *protocol;
	const char *port;
	const char *from_ip;
	const char *comment;
};

struct branding {
	struct res base;
	const char *reseller;
	const char *panel_name, *logo_url, *favicon_url;
	const char *primary_color, *accent_color;
	const char *support_email, *support_url;
	bool hide_powered_by;
	const char *custom_css;
};

extern const struct kind kind_setting, kind_package, kind_user, kind_account, kind_domain,
	kind_zone, kind_record, kind_mailbox, kind_forwarder, kind_autoresponder, kind_dkim_key,
	kind_database, kind_database_user, kind_ftp_account, kind_certificate, kind_cron_job,
	kind_php_config, kind_container, kind_app, kind_firewall_rule, kind_branding;

/* The account's home: its own field, or /home/USERNAME. On CTX. */
const char *account_home(const void *ctx, const struct account *a);
bool account_is_suspended(const struct account *a);
/* Where the site's files lie: document_root, or the default of its type. On CTX. */
const char *domain_docroot(const void *ctx, const struct account *a, const struct domain *d);

#endif
