#include "tests/support/samples.h"

#include "base/macro.h"

#define LIMITS                                                                    \
	"\"disk_mb\":5120,\"bandwidth_mb\":10240,\"max_domains\":10,"             \
	"\"max_subdomains\":20,\"max_addon_domains\":9,\"max_parked_domains\":8," \
	"\"max_email\":10,\"max_ftp\":5,\"max_databases\":5,"                     \
	"\"php_version\":\"8.2\",\"ssl_enabled\":true"
#define CRON_LEFT "minute hour day month weekday"
#define SITE      "\"document_root\":\"/home/john/public_html/x\",\"www\":true,\"php\":true"

const struct sample samples[] = {
	{ "auth/login", "{\"username\":\"admin\",\"password\":\"Nova2026!!\"}", "totp" },
	{ "auth/me", "{}", NULL },
	{ "auth/logout", "{}", NULL },
	{ "auth/change-password",
	  "{\"current_password\":\"Nova2026!!\",\"new_password\":\"other-pass\","
	  "\"confirm_password\":\"other-pass\"}",
	  NULL },
	{ "auth/totp-status", "{}", NULL },
	{ "auth/totp-setup", "{}", NULL },
	{ "auth/totp-enable", "{\"code\":\"$CODE\"}", NULL },
	{ "auth/totp-disable", "{\"password\":\"Nova2026!!\",\"code\":\"$RECOVERY\"}", NULL },
	{ "auth/totp-recovery-codes", "{\"password\":\"Nova2026!!\",\"code\":\"$RECOVERY\"}",
	  NULL },

	{ "accounts/list",
	  "{\"page\":1,\"per_page\":25,\"search\":\"example\",\"status\":\"active\"}", NULL },
	{ "accounts/get", "{\"id\":1}", NULL },
	{ "accounts/create",
	  "{\"username\":\"mary\",\"domain\":\"mary.example\",\"email\":\"m@mary.example\","
	  "\"password\":\"secret\",\"package_id\":1,\"php_version\":\"8.2\",\"reseller\":\"resel\"}",
	  NULL },
	{ "accounts/suspend", "{\"id\":1,\"reason\":\"unpaid\"}", NULL },
	{ "accounts/unsuspend", "{\"id\":1}", NULL },
	{ "accounts/terminate", "{\"id\":1}", NULL },
	{ "accounts/change-password", "{\"account_id\":1,\"password\":\"secret2\"}", NULL },
	{ "accounts/change-package", "{\"id\":1,\"package_id\":3}", NULL },
	{ "accounts/usage", "{\"id\":1}", NULL },

	{ "domains/list", "{\"account_id\":1}", NULL },
	{ "domains/add",
	  "{\"account_id\":1,\"domain\":\"three.example\",\"type\":\"addon\",\"php_version\":\"8.2\"," SITE
	  "}",
	  "target redirect_to redirect_code" },
	{ "domains/add-addon", "{\"account_id\":1,\"domain\":\"three.example\"," SITE "}", NULL },
	{ "domains/add-subdomain",
	  "{\"account_id\":1,\"subdomain\":\"blog\",\"parent\":\"example.com\"," SITE "}", NULL },
	{ "domains/add-alias",
	  "{\"account_id\":1,\"domain\":\"alias.example\",\"target\":\"example.com\"}", NULL },
	{ "domains/redirect",
	  "{\"account_id\":1,\"id\":3,\"redirect_url\":\"https://x.example/\",\"code\":302}",
	  NULL },
	{ "domains/remove", "{\"account_id\":1,\"domain_id\":3}", NULL },

	{ "dns/list", "{\"account_id\":1}", NULL },
	{ "dns/records", "{\"zone_id\":1}", NULL },
	{ "dns/add-record",
	  "{\"zone_id\":1,\"type\":\"MX\",\"name\":\"@\",\"value\":\"mx.example.net\",\"ttl\":3600,"
	  "\"priority\":10}",
	  NULL },
	{ "dns/update-record",
	  "{\"record_id\":1,\"name\":\"www\",\"type\":\"A\",\"value\":\"192.0.2.2\",\"ttl\":300}",
	  "priority" },
	{ "dns/delete-record", "{\"record_id\":1}", NULL },
	{ "dns/create-zone", "{\"account_id\":1,\"domain\":\"two.example\"}", NULL },
	{ "dns/delete-zone", "{\"zone_id\":1}", NULL },

	{ "email/list", "{\"account_id\":1}", NULL },
	{ "email/create",
	  "{\"account_id\":1,\"email\":\"new@example.com\",\"password\":\"secret\","
	  "\"quota_mb\":100}",
	  NULL },
	{ "email/update", "{\"id\":1,\"quota_mb\":100}", NULL },
	{ "email/delete", "{\"id\":1}", NULL },
	{ "email/suspend", "{\"id\":1}", NULL },
	{ "email/unsuspend", "{\"id\":1}", NULL },
	{ "email/change-password", "{\"id\":1,\"password\":\"secret\"}", NULL },
	{ "email/forwarders", "{\"account_id\":1}", NULL },
	{ "email/add-forwarder",
	  "{\"account_id\":1,\"source\":\"x@example.com\",\"destination\":\"a@b.example\"}", NULL },
	{ "email/delete-forwarder", "{\"id\":1}", NULL },

	{ "email/autoresponders", "{\"account_id\":1}", NULL },
	{ "email/add-autoresponder",
	  "{\"account_id\":1,\"email\":\"box@example.com\",\"subject\":\"Away\",\"body\":\"Later\","
	  "\"starts\":\"2026-12-01\",\"ends\":\"2026-12-31\",\"enabled\":true}",
	  NULL },
	{ "email/delete-autoresponder", "{\"id\":1}", NULL },

	{ "databases/list", "{\"account_id\":1}", NULL },
	{ "databases/create",
	  "{\"account_id\":1,\"db_name\":\"blog\",\"db_user\":\"blog\",\"db_pass\":\"secret\","
	  "\"type\":\"mysql\"}",
	  NULL },
	{ "databases/delete", "{\"id\":1}", NULL },
	{ "databases/change-password", "{\"id\":1,\"password\":\"secret\"}", NULL },

	{ "ftp/list", "{\"account_id\":1}", NULL },
	{ "ftp/create",
	  "{\"account_id\":1,\"username\":\"johns\",\"password\":\"secret\","
	  "\"home_dir\":\"/home/john/public_html\",\"quota_mb\":10}",
	  NULL },
	{ "ftp/delete", "{\"id\":1}", NULL },
	{ "ftp/change-password", "{\"id\":1,\"password\":\"secret\"}", NULL },

	{ "cron/list", "{\"account_id\":1}", NULL },
	{ "cron/save",
	  "{\"account_id\":1,\"id\":1,\"schedule\":\"@daily\",\"command\":\"true\",\"enabled\":true}",
	  CRON_LEFT },
	{ "cron/create",
	  "{\"account_id\":1,\"command\":\"true\",\"minute\":5,\"hour\":\"*/2\",\"day\":1,"
	  "\"month\":\"*\",\"weekday\":\"*\",\"enabled\":1}",
	  "schedule" },
	{ "cron/update",
	  "{\"account_id\":1,\"id\":1,\"command\":\"true\",\"minute\":5,\"hour\":\"*/2\",\"day\":1,"
	  "\"month\":\"*\",\"weekday\":\"*\",\"enabled\":0}",
	  "schedule" },
	{ "cron/toggle", "{\"account_id\":1,\"id\":1}", NULL },
	{ "cron/delete", "{\"account_id\":1,\"id\":1}", NULL },

	{ "packages/list", "{\"retired\":true}", NULL },
	{ "packages/create", "{\"name\":\"Big\"," LIMITS "}", NULL },
	{ "packages/update", "{\"id\":3,\"is_default\":false,\"retired\":false," LIMITS "}", NULL },
	{ "packages/delete", "{\"id\":3}", NULL },

	{ "sessions/list", "{}", NULL },
	{ "sessions/revoke", "{\"session_id\":\"$SESSION\"}", NULL },
	{ "sessions/revoke-user", "{\"user_id\":4}", NULL },
	{ "sessions/revoke-all", "{}", NULL },

	{ "system/version", "{}", NULL },
	{ "system/audit-log",
	  "{\"page\":1,\"per_page\":50,\"user\":\"test\",\"action\":\"commit\","
	  "\"date_from\":\"2023-01-01\",\"date_to\":\"2030-01-01\"}",
	  NULL },
	{ "system/server-options", "{}", NULL },
	{ "system/save-option", "{\"key\":\"ns1_hostname\",\"value\":\"ns.example.net\"}", NULL },
	{ "system/notify-settings", "{}", NULL },
	{ "system/save-notify-settings",
	  "{\"cybermail_api_key\":\"0123456789abcdef0123456789\",\"notify_from_email\":\"a@b.example\","
	  "\"notify_from_name\":\"Us\",\"notify_admin_email\":\"c@b.example\","
	  "\"notifications_enabled\":1}",
	  NULL },
	{ "system/test-notify", "{\"to\":\"a@b.example\"}", NULL },
	{ "system/stats", "{}", NULL },
	{ "system/check-update", "{}", NULL },
	{ "system/apply-update", "{}", NULL },
	{ "system/check-os-update", "{}", NULL },
	{ "system/apply-os-update", "{}", NULL },
	{ "system/service-action", "{\"service\":\"nginx\",\"action\":\"restart\"}", NULL },

	{ "whmcs/create",
	  "{\"domain\":\"mary.example\",\"username\":\"mary\",\"password\":\"secret\","
	  "\"email\":\"m@mary.example\",\"package_id\":1}",
	  NULL },
	{ "whmcs/suspend",
	  "{\"domain\":\"example.com\",\"username\":\"john\",\"reason\":\"unpaid\"}", NULL },
	{ "whmcs/unsuspend", "{\"domain\":\"example.com\",\"username\":\"john\"}", NULL },
	{ "whmcs/terminate", "{\"domain\":\"example.com\",\"username\":\"john\"}", NULL },
	{ "whmcs/changepackage",
	  "{\"domain\":\"example.com\",\"username\":\"john\",\"package_id\":3}", NULL },
	{ "whmcs/changepassword",
	  "{\"domain\":\"example.com\",\"username\":\"john\",\"password\":\"secret\"}", NULL },
	{ "whmcs/info", "{\"domain\":\"example.com\",\"username\":\"john\"}", NULL },
	{ "whmcs/list", "{}", NULL },
	{ "whmcs/test", "{}", NULL },

	{ "ssl/list", "{\"account_id\":1}", NULL },
	{ "ssl/issue", "{\"account_id\":1,\"domain\":\"two.example\",\"email\":\"a@b.example\"}",
	  NULL },
	{ "ssl/install-custom",
	  "{\"account_id\":1,\"domain\":\"two.example\","
	  "\"cert\":\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\","
	  "\"key\":\"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n\"}",
	  "chain" },
	{ "ssl/renew", "{\"id\":1}", NULL },
	{ "ssl/delete", "{\"id\":1}", NULL },
	{ "dkim/list", "{\"account_id\":1}", NULL },
	{ "dkim/generate", "{\"account_id\":1,\"domain\":\"example.com\",\"selector\":\"mail\"}",
	  NULL },
	{ "stats/account", "{\"account_id\":1}", NULL },
	{ "stats/server", "{}", NULL },

	{ "branding/get", "{\"reseller_id\":2}", NULL },
	{ "branding/save",
	  "{\"reseller_id\":2,\"panel_name\":\"X\",\"primary_color\":\"#ffffff\","
	  "\"accent_color\":\"#000000\",\"support_email\":\"a@b.example\","
	  "\"support_url\":\"https://b.example/\",\"hide_powered_by\":true,\"custom_css\":\"a{}\"}",
	  NULL },

	{ "branding/upload-logo", "{\"reseller_id\":2,\"logo\":\"<svg/>\"}", NULL },
	{ "branding/delete-logo", "{\"reseller_id\":2}", NULL },

	{ "users/list", "{\"page\":1,\"per_page\":25,\"search\":\"host\",\"status\":\"active\"}",
	  NULL },
	{ "users/get", "{\"id\":4}", NULL },
	{ "users/create",
	  "{\"username\":\"third\",\"email\":\"t@b.example\",\"password\":\"secret\","
	  "\"role\":\"reseller\",\"contact_name\":\"T\",\"contact_phone\":\"1\",\"package_id\":1,"
	  "\"max_accounts\":5}",
	  NULL },
	{ "users/update",
	  "{\"id\":4,\"email\":\"t@b.example\",\"status\":\"active\",\"contact_name\":\"T\","
	  "\"contact_phone\":\"1\",\"theme\":\"light\",\"language\":\"de\","
	  "\"package_id\":1,\"max_accounts\":5}",
	  NULL },
	{ "users/change-password", "{\"id\":4,\"password\":\"secret\"}", NULL },
	{ "users/totp-reset", "{\"id\":4}", NULL },
	{ "users/delete", "{\"id\":6}", NULL },

	{ "files/list", "{\"account_id\":1,\"path\":\"/public_html\"}", NULL },
	{ "files/read", "{\"account_id\":1,\"path\":\"/public_html/a\"}", NULL },
	{ "files/write", "{\"account_id\":1,\"path\":\"/public_html/a\",\"content\":\"x\"}", NULL },
	{ "files/mkdir", "{\"account_id\":1,\"path\":\"/public_html/a\"}", NULL },
	{ "files/delete", "{\"account_id\":1,\"path\":\"/public_html/a\"}", NULL },
	{ "files/rename", "{\"account_id\":1,\"from\":\"/a\",\"to\":\"/b\"}", NULL },
	{ "files/chmod", "{\"account_id\":1,\"path\":\"/a\",\"mode\":\"0755\"}", NULL },
	{ "files/upload", "{\"account_id\":1,\"path\":\"/a\",\"file\":\"FILE\"}", NULL },
	{ "webmail/login-url", "{\"account_id\":1,\"email\":\"info@example.com\"}", NULL },

	{ "docker/status", "{}", NULL },
	{ "docker/containers", "{\"account_id\":1}", NULL },
	{ "docker/container-action", "{\"container_id\":1,\"action\":\"stop\"}", NULL },
	{ "docker/logs", "{\"container_id\":1}", NULL },
	{ "docker/images", "{}", NULL },
	{ "docker/pull", "{\"image\":\"nginx:latest\"}", NULL },
	{ "docker/run",
	  "{\"account_id\":1,\"name\":\"cache\",\"image\":\"redis:7\",\"ports\":[\"10001:6379\"],"
	  "\"env\":[\"A=b\"],\"volumes\":[\"data:/data\"],\"memory_mb\":128,\"cpus\":\"0.5\"}",
	  NULL },

	{ "docker/catalog", "{}", NULL },
	{ "docker/launch-app",
	  "{\"account_id\":1,\"app_id\":\"ghost\",\"domain\":\"two.example\",\"params\":{\"db_pass\":\"x\"}}",
	  NULL },

	{ "firewall/rules", "{}", NULL },
	{ "firewall/add-rule",
	  "{\"port\":8080,\"protocol\":\"tcp\",\"action\":\"allow\",\"from_ip\":\"192.0.2.0/24\","
	  "\"direction\":\"in\",\"comment\":\"test\"}",
	  NULL },
	{ "firewall/delete-rule", "{\"rule_number\":1}", NULL },
	{ "firewall/fail2ban", "{}", NULL },
	{ "revisions/list", "{\"page\":1,\"per_page\":25,\"before\":100,\"account_id\":1}",
	  "actor resource" },
	{ "revisions/get", "{\"revision\":\"$TRIAL\"}", NULL },
	{ "revisions/diff", "{\"from\":0,\"to\":1}", NULL },
	{ "revisions/rollback", "{\"revision\":1,\"message\":\"back\"}", NULL },
	{ "revisions/revert", "{\"revision\":\"$TRIAL\",\"message\":\"back\"}", NULL },
	{ "revisions/confirm", "{\"revision\":\"$TRIAL\"}", NULL },
	{ "plan/show",
	  "{\"changes\":[{\"op\":\"put\",\"kind\":\"mailbox\",\"key\":\"info@example.com\","
	  "\"fields\":{\"quota_mb\":99}}]}",
	  NULL },
	{ "state/export", "{\"format\":\"yaml\",\"account_id\":1}", NULL },
	{ "state/plan",
	  "{\"state\":\"novacpx: 1\\nsettings: {ns1_hostname: ns.example.net}\\n\",\"prune\":false}",
	  NULL },
	{ "state/apply",
	  "{\"state\":\"novacpx: 1\\nsettings: {ns1_hostname: ns.example.net}\\n\",\"prune\":false,"
	  "\"message\":\"try\"}",
	  NULL },
	{ "tokens/list", "{}", "user_id" },
	{ "tokens/scopes", "{}", NULL },
	{ "tokens/create",
	  "{\"name\":\"backup\",\"scopes\":[\"dns:read\",\"email\"],\"expires_days\":30}", NULL },
	{ "tokens/revoke", "{\"id\":\"$OWN\"}", NULL },
	{ "tokens/revoke-all", "{}", "user_id" },

	{ "firewall/unban", "{\"jail\":\"sshd\",\"ip\":\"192.0.2.3\"}", NULL },

	{ "status/summary", "{}", NULL },
	{ "status/get", "{\"resource\":\"domain/example.com\"}", NULL },
	{ "status/list", "{\"account_id\":1,\"kind\":\"domain\"}", NULL },
	{ "drift/list", "{}", NULL },
	{ "events/stream", "{\"last_event_id\":\"0123abcd-1\"}", NULL },
	{ "operations/list", "{}", NULL },
	{ "operations/get", "{\"operation_id\":\"x\"}", NULL },
	{ "operations/cancel", "{\"operation_id\":\"x\"}", NULL },
};

const size_t n_samples = ARRAY_LEN(samples);
