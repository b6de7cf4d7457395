/* system: the server itself, as far as it is desired state or the model's. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "api/api.h"
#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "model/settings.h"

static const struct param audit_params[] = {
	{ .name = "page",
	  .type = PARAM_INT,
	  .flags = PARAM_CLAMP,
	  .min = 1,
	  .max = 1000000,
	  .dflt = "1",
	  .doc = "Which page." },
	{ .name = "per_page",
	  .type = PARAM_INT,
	  .flags = PARAM_CLAMP,
	  .min = 10,
	  .max = 100,
	  .dflt = "50",
	  .doc = "Rows on a page." },
	{ .name = "user", .doc = "Part of the user's name." },
	{ .name = "action", .doc = "Part of the action's name." },
	{ .name = "date_from", .type = PARAM_DATE, .doc = "First day." },
	{ .name = "date_to", .type = PARAM_DATE, .doc = "Last day." },
};

static const char *const option_keys[] = { "web_server",   "mail_server",   "ftp_server",
					   "dns_server",   "whmcs_enabled", "whmcs_api_key",
					   "ns1_hostname", "ns2_hostname",  NULL };
static const char *const notify_keys[] = { "cybermail_api_key",     "notify_from_email",
					   "notify_from_name",      "notify_admin_email",
					   "notifications_enabled", NULL };

static const struct param option_params[] = {
	{ .name = "key", .choices = option_keys, .flags = PARAM_REQUIRED, .doc = "Which option." },
	{ .name = "value", .flags = PARAM_REQUIRED, .doc = "Its value." },
};

static const struct param notify_params[] = {
	{ .name = "cybermail_api_key", .doc = "Key of the sending service; with *** it stays." },
	{ .name = "notify_from_email", .doc = "Sender." },
	{ .name = "notify_from_name", .doc = "Name of the sender." },
	{ .name = "notify_admin_email", .doc = "Where copies go." },
	{ .name = "notifications_enabled", .doc = "Whether messages are sent." },
};

/* Who is not logged in learns no more than that we are here. */
static int version(struct call *c, struct err *err)
{
	bool is_known = c->who.role != ROLE_NOBODY;
	const char *php = NULL;
	struct utsname os;
	int r = call_setting(c, "default_php", &php, err);

	if (r < 0)
		return r;
	if (uname(&os) < 0)
		return err_sys(err, "ask for the kernel");
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "installed_version", NOVACPX_VERSION);
	jsonw_time(&c->w, "installed_at", 0);
	jsonw_null(&c->w, "git_commit");
	jsonw_null(&c->w, "git_branch");
	jsonw_bool(&c->w, "git_dirty", false);
	jsonw_text(&c->w, "php_version", php);
	jsonw_text(&c->w, "os",
		   is_known ? mem_fmt(c->ctx, "%s %s", os.sysname, os.release) : os.sysname);
	jsonw_close(&c->w, '}');
	return 0;
}

/* Audit */

static int put_audit(const struct audit_row *row, void *arg, struct err *err)
{
	struct call *c = arg;

	(void)err;
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "id", row->id);
	if (row->actor_id)
		jsonw_int(&c->w, "user_id", row->actor_id);
	else
		jsonw_null(&c->w, "user_id");
	jsonw_text(&c->w, "username", row->actor);
	jsonw_text(&c->w, "action", row->action);
	jsonw_text(&c->w, "outcome", audit_outcome_name(row->outcome));
	jsonw_text(&c->w, "resource", row->resource);
	jsonw_text(&c->w, "ip_address", row->address);
	if (row->detail)
		jsonw_raw(&c->w, "detail", row->detail);
	else
		jsonw_null(&c->w, "detail");
	jsonw_int(&c->w, "revision", row->rev);
	jsonw_time(&c->w, "created_at", row->time);
	jsonw_close(&c->w, '}');
	return 0;
}

/* The start of a day, in UTC; 0: not given. */
static int64_t day(const char *date, int days_on)
{
	struct tm tm = { 0 };

	if (!date)
		return 0;
	tm.tm_year = (int)strtol(date, NULL, 10) - 1900;
	tm.tm_mon = (int)strtol(date + 5, NULL, 10) - 1;
	tm.tm_mday = (int)strtol(date + 8, NULL, 10) + days_on;
	return (int64_t)timegm(&tm);
}

static int audit_log(struct call *c, struct err *err)
{
	int64_t page = call_int(c, "page", 1), per_page = call_int(c, "per_page", 50);
	struct audit_query q = {
		.user = call_text(c, "user", NULL),
		.action = call_text(c, "action", NULL),
		.from = day(call_text(c, "date_from", NULL), 0),
		.to = day(call_text(c, "date_to", NULL), 1),
		.offset = (page - 1) * per_page,
		.limit = per_page,
	};
	int64_t total = 0;
	int r;

	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "items", '[');
	r = store_audit_list(c->store, &q, put_audit, c, &total, err);
	jsonw_close(&c->w, ']');
	jsonw_open(&c->w, "meta", '{');
	jsonw_int(&c->w, "total", total);
	jsonw_int(&c->w, "page", page);
	jsonw_int(&c->w, "per_page", per_page);
	jsonw_int(&c->w, "pages", (total + per_page - 1) / per_page);
	jsonw_close(&c->w, '}');
	jsonw_close(&c->w, '}');
	return r;
}

/* Settings */

static int masked(struct call *c, const char *name, const char **ret, struct err *err)
{
	const char *key = NULL;
	int r = store_secret_get(c->ctx, c->store, "setting", name, "secret", &key, err);
	size_t len;

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		*ret = "";
		return 0;
	}
	if (r < 0)
		return r;
	len = strlen(key);
	*ret = len < 24 ? "********" : mem_fmt(c->ctx, "%.4s********%s", key, key + len - 4);
	return 0;
}

static int put_setting(struct call *c, const char *name, struct err *err)
{
	const struct setting_row *row = setting_find(name);
	const char *value = NULL;
	int r = row->is_secret ? masked(c, name, &value, err) : call_setting(c, name, &value, err);

	if (r >= 0)
		jsonw_text(&c->w, name,
			   strcmp(value, "true") == 0    ? "1"
			   : strcmp(value, "false") == 0 ? "0"
							 : value);
	return r;
}

static int put_settings(struct call *c, const char *const *keys, struct err *err)
{
	int r = 0;

	for (; *keys && r >= 0; keys++)
		r = put_setting(c, *keys, err);
	return r;
}

static int server_options(struct call *c, struct err *err)
{
	static const struct {
		const char *name, *setting, *value;
	} active[] = {
		{ "apache_active", "web_server", "apache" },
		{ "nginx_active", "web_server", "nginx" },
		{ "proftpd_active", "ftp_server", "proftpd" },
		{ "vsftpd_active", "ftp_server", "vsftpd" },
		{ "pureftpd_active", "ftp_server", "pureftpd" },
		{ "bind9_active", "dns_server", "bind9" },
		{ "powerdns_active", "dns_server", "powerdns" },
	};

	int r;

	jsonw_open(&c->w, NULL, '{');
	r = put_settings(c, option_keys, err);
	for (size_t i = 0; i < ARRAY_LEN(active) && r >= 0; i++) {
		const char *value = NULL;

		r = call_setting(c, active[i].setting, &value, err);
		if (r >= 0)
			jsonw_bool(&c->w, active[i].name, strcmp(value, active[i].value) == 0);
	}
	jsonw_close(&c->w, '}');
	return r;
}

static int notify_settings(struct call *c, struct err *err)
{
	const char *key = NULL;
	int r;

	jsonw_open(&c->w, NULL, '{');
	r = put_settings(c, notify_keys, err);
	if (r >= 0)
		r = masked(c, "cybermail_api_key", &key, err);
	if (r >= 0)
		jsonw_text(&c->w, "cybermail_api_key_masked", key);
	jsonw_close(&c->w, '}');
	return r;
}

/* Adds to CS that setting NAME is VALUE. "1" and "0" are what the original calls true and false. */
static int set_setting(struct call *c, struct changeset *cs, const char *name, const char *value,
		       struct err *err)
{
	const struct setting_row *row = setting_find(name);
	struct change *change = changeset_add(cs, CHANGE_PUT, &kind_setting);
	bool is_bool = strcmp(row->dflt, "true") == 0 || strcmp(row->dflt, "false") == 0;
	int r = crud_set(c, change, "name", name, err);

	if (is_bool && strcmp(value, "1") == 0)
		value = "true";
	if (is_bool && strcmp(value, "0") == 0)
		value = "false";
	return r < 0 ? r : crud_set(c, change, "value", value, err);
}

static int save_option(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const char *key = call_text(c, "key", "");
	int r = set_setting(c, &cs, key, call_text(c, "value", ""), err);

	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "setting/%s", key);
	c->message = setting_find(key)->is_secret ? mem_fmt(c->ctx, "Setting saved: %s", key)
						  : mem_fmt(c->ctx, "Setting saved: %s = %s", key,
							    call_text(c, "value", ""));
	return 0;
}

static int save_notify(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	int r = 0;

	for (size_t i = 0; notify_keys[i] && r >= 0; i++) {
		const char *value = call_text(c, notify_keys[i], NULL);

		/* a masked key comes back as it was shown */
		if (value && !(setting_find(notify_keys[i])->is_secret && strstr(value, "***")))
			r = set_setting(c, &cs, notify_keys[i], value, err);
	}
	if (r < 0 || !cs.n)
		return r;
	c->resource = res_name(c->ctx, cs.v[0].res);
	return crud_apply(c, &cs, err);
}

#define LIVE(name, method, doc_)                                                                 \
	{                                                                                        \
		.action = (name), .methods = (method), .roles = ROLE_ADMIN, .flags = EP_MACHINE, \
		.op = EP_CUSTOM, .doc = (doc_)                                                   \
	}

static const char *const service_actions[] = { "start",  "stop",  "restart", "reload",
					       "status", "flush", NULL };
static const struct param service_params[] = {
	{ .name = "service", .flags = PARAM_REQUIRED, .doc = "Such as nginx." },
	{ .name = "action",
	  .aliases = { "command" },
	  .flags = PARAM_REQUIRED,
	  .choices = service_actions,
	  .doc = "start, stop, restart, …" },
};
static const struct param to_params[] = {
	{ .name = "to", .flags = PARAM_REQUIRED, .doc = "Where the test message goes." },
};

static const struct endpoint rows[] = {
	{ .action = "version",
	  .methods = METHOD_GET,
	  .roles = ROLE_PUBLIC,
	  .op = EP_CUSTOM,
	  .returns =
		  "installed_version installed_at git_commit git_branch git_dirty php_version os",
	  .run = version,
	  .doc = "Version of NovaCPX." },
	{ .action = "audit-log",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .flags = EP_PAGED,
	  .op = EP_CUSTOM,
	  PARAMS(audit_params),
	  .returns =
		  "[id user_id username action outcome resource ip_address detail revision created_at]",
	  .run = audit_log,
	  .doc = "What was done and refused, newest first." },
	{ .action = "server-options",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  .returns = "web_server mail_server ftp_server dns_server whmcs_enabled whmcs_api_key "
		     "ns1_hostname ns2_hostname apache_active nginx_active proftpd_active "
		     "vsftpd_active pureftpd_active bind9_active powerdns_active",
	  .run = server_options,
	  .doc = "Which servers are chosen; keys are masked." },
	{ .action = "save-option",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_CREDENTIALS, /* the billing key is among them */
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_setting,
	  PARAMS(option_params),
	  .audit = "settings.save",
	  .run = save_option,
	  .doc = "Sets an option." },
	{ .action = "notify-settings",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  .returns = "cybermail_api_key notify_from_email notify_from_name notify_admin_email "
		     "notifications_enabled cybermail_api_key_masked",
	  .run = notify_settings,
	  .doc = "How messages are sent; the key is masked." },
	{ .action = "save-notify-settings",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_setting,
	  PARAMS(notify_params),
	  .audit = "settings.notify",
	  .flags = EP_CREDENTIALS, /* the key of the sending service is among them */
	  .run = save_notify,
	  .doc = "Sets what is given of them." },
	{ .action = "test-notify",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(to_params),
	  .doc = "Sends a test message." },
	LIVE("stats", METHOD_GET, "Load, memory, disk and services, now."),
	LIVE("check-update", METHOD_GET, "Looks for a newer NovaCPX."),
	LIVE("apply-update", METHOD_POST, "Updates NovaCPX."),
	LIVE("check-os-update", METHOD_GET, "Looks for newer packages."),
	LIVE("apply-os-update", METHOD_POST, "Updates the system's packages."),
	{ .action = "service-action",
	  .aliases = { "service" },
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(service_params),
	  .doc = "Starts, stops or restarts a service." },
};

const struct resource resource_system = RESOURCE("system", rows, "The server.");
