/*
 * files, webmail, docker, firewall: what acts on or reads the live machine is
 * in the table with its roles, ownership and parameters, and answers 503 until
 * the engine offers it; what is desired state works.
 */
#include <string.h>

#include "api/catalog.h"
#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

#define LIVE(name_, method_, roles_, params_, doc_)                                              \
	{                                                                                        \
		.action = (name_), .methods = (method_), .roles = (roles_), .flags = EP_MACHINE, \
		.op = EP_CUSTOM, PARAMS(params_), .doc = (doc_)                                  \
	}
#define LIVE_PLAIN(name_, method_, roles_, doc_)                                                 \
	{                                                                                        \
		.action = (name_), .methods = (method_), .roles = (roles_), .flags = EP_MACHINE, \
		.op = EP_CUSTOM, .doc = (doc_)                                                   \
	}
#define ACCOUNT PARAM_ACCOUNT_ID(PARAM_REQUIRED)
#define PATH(flags_)                                                                       \
	{                                                                                  \
		.name = "path", .flags = (flags_), .doc = "Path below the account's home." \
	}

/* files */

static const struct param list_params[] = { ACCOUNT, PATH(0) };
static const struct param path_params[] = { ACCOUNT, PATH(PARAM_REQUIRED) };
static const struct param write_params[] = {
	ACCOUNT,
	PATH(PARAM_REQUIRED),
	{ .name = "content", .flags = PARAM_REQUIRED, .doc = "The whole text." },
};
static const struct param rename_params[] = {
	ACCOUNT,
	{ .name = "from", .flags = PARAM_REQUIRED, .doc = "Path below the home." },
	{ .name = "to", .flags = PARAM_REQUIRED, .doc = "Path below the home." },
};
static const struct param chmod_params[] = {
	ACCOUNT,
	PATH(PARAM_REQUIRED),
	{ .name = "mode",
	  .aliases = { "perms" },
	  .flags = PARAM_REQUIRED,
	  .doc = "Octal, such as 0755." },
};
static const struct param upload_params[] = {
	ACCOUNT,
	PATH(0),
	{ .name = "file", .type = PARAM_FILE, .flags = PARAM_REQUIRED, .doc = "The file." },
};

static const struct endpoint file_rows[] = {
	LIVE("list", METHOD_GET, ROLE_SESSION, list_params, "A folder's entries."),
	LIVE("read", METHOD_GET, ROLE_SESSION, path_params, "A text file of at most 1 MB."),
	LIVE("write", METHOD_POST, ROLE_SESSION, write_params, "Writes a file."),
	LIVE("mkdir", METHOD_POST, ROLE_SESSION, path_params, "Makes a folder."),
	LIVE("delete", METHOD_DELETE, ROLE_SESSION, path_params, "Deletes a file or folder."),
	LIVE("rename", METHOD_POST, ROLE_SESSION, rename_params, "Renames or moves."),
	LIVE("chmod", METHOD_POST, ROLE_SESSION, chmod_params, "Changes a file's mode."),
	{ .action = "upload",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_MACHINE | EP_MULTIPART,
	  .op = EP_CUSTOM,
	  PARAMS(upload_params),
	  .doc = "Takes a file." },
};

const struct resource resource_files = RESOURCE("files", file_rows, "Files of a home.");

/* webmail */

static const struct param webmail_params[] = {
	ACCOUNT,
	{ .name = "email", .aliases = { "email_id" }, .flags = PARAM_REQUIRED, .doc = "Mailbox." },
};

static const struct endpoint webmail_rows[] = {
	{ .action = "login-url",
	  .aliases = { "url" },
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(webmail_params),
	  .doc = "An address that opens a mailbox, for five minutes." },
};

const struct resource resource_webmail = RESOURCE("webmail", webmail_rows, "Webmail.");

/* docker: containers that are wanted */

static const char *const container_acts[] = { "start", "stop", "restart", "remove", NULL };

static const struct param containers_params[] = { PARAM_ACCOUNT_ID(0) };
static const struct param act_params[] = {
	{ .name = "container_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The container." },
	{ .name = "action",
	  .flags = PARAM_REQUIRED,
	  .choices = container_acts,
	  .doc = "start, stop, remove; restart is not desired state." },
};
static const struct param logs_params[] = {
	{ .name = "container_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The container." },
};
static const struct param image_params[] = {
	{ .name = "image", .flags = PARAM_REQUIRED, .doc = "Such as nginx:latest." },
};
static const struct param run_params[] = {
	ACCOUNT,
	{ .name = "name", .flags = PARAM_REQUIRED, .field = "name", .doc = "Its name." },
	{ .name = "image",
	  .flags = PARAM_REQUIRED,
	  .field = "image",
	  .doc = "Image with its tag." },
	{ .name = "ports", .type = PARAM_LIST, .field = "ports", .doc = "HOST:CONTAINER." },
	{ .name = "env", .type = PARAM_LIST, .field = "env", .doc = "NAME=value." },
	{ .name = "volumes", .type = PARAM_LIST, .field = "volumes", .doc = "SOURCE:TARGET." },
	{ .name = "memory_mb", .type = PARAM_INT, .field = "memory_mb", .doc = "MiB." },
	{ .name = "cpus", .field = "cpus", .doc = "Share of processors." },
};

static const struct param launch_params[] = {
	ACCOUNT,
	{ .name = "app_id",
	  .aliases = { "app_key" },
	  .flags = PARAM_REQUIRED,
	  .choices = catalog_keys,
	  .doc = "Of the catalog." },
	{ .name = "domain",
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .doc = "A domain of the account." },
	{ .name = "params", .type = PARAM_OBJECT, .doc = "What the app asks for." },
};

static int catalog(struct call *c, struct err *err)
{
	(void)err;
	catalog_put(&c->w);
	return 0;
}

static int containers(struct call *c, struct err *err)
{
	struct listing l = { .shape = &shape_container,
			     .account = c->account ? c->account->username : NULL };
	int r;

	jsonw_open(&c->w, NULL, '{');
	r = shape_list(c, &l, &c->w, "containers", err);
	jsonw_close(&c->w, '}');
	return r;
}

static int container_action(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const char *act = call_text(c, "action", "");
	struct change *change;
	int r = 0;

	if (strcmp(act, "restart") == 0) {
		c->status = 503;
		return err_set(err, ERR_ABSENT,
			       "Restarting acts on the live machine, which this version does not "
			       "offer by the API yet");
	}
	change = crud_change(&cs, strcmp(act, "remove") == 0 ? CHANGE_DELETE : CHANGE_PUT, c->row);
	if (change->op == CHANGE_PUT)
		r = crud_set(c, change, "enabled", strcmp(act, "start") == 0 ? "true" : "false",
			     err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	c->resource = res_name(c->ctx, c->row);
	return r;
}

static const struct endpoint docker_rows[] = {
	LIVE_PLAIN("status", METHOD_GET, ROLE_ADMIN,
		   "Whether containers can run, and how many do."),
	{ .action = "containers",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .kind = &kind_container,
	  .returns = "containers",
	  PARAMS(containers_params),
	  .run = containers,
	  .doc = "Containers of an account, as they are wanted." },
	{ .action = "container-action",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_container,
	  PARAMS(act_params),
	  .audit = "docker.container-action",
	  .run = container_action,
	  .doc = "Switches a container on or off, or removes it." },
	{ .action = "logs",
	  .aliases = { "container-logs" },
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  .kind = &kind_container,
	  PARAMS(logs_params),
	  .doc = "A container's last 100 lines." },
	LIVE_PLAIN("images", METHOD_GET, ROLE_ADMIN, "Images that are here."),
	{ .action = "pull",
	  .aliases = { "image-pull" },
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(image_params),
	  .doc = "Gets an image." },
	{ .action = "run",
	  .aliases = { "container-run" },
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_container,
	  .shape = &shape_container,
	  PARAMS(run_params),
	  .audit = "docker.run",
	  .doc = "Asks for a container." },
	{ .action = "catalog",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .returns = "catalog",
	  .run = catalog,
	  .doc = "Apps that can be launched, and what each asks for." },
	{ .action = "launch-app",
	  .aliases = { "launch" },
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(launch_params),
	  .doc = "Starts an app of the catalog." },
};

const struct resource resource_docker = RESOURCE("docker", docker_rows, "Containers.");

/* firewall: rules that are wanted */

static const struct param rule_params[] = {
	{ .name = "port", .field = "port", .doc = "Port or FIRST:LAST; all if not given." },
	{ .name = "protocol",
	  .aliases = { "proto" },
	  .dflt = "tcp",
	  .field = "protocol",
	  .doc = "tcp, udp or any." },
	{ .name = "action",
	  .flags = PARAM_REQUIRED,
	  .field = "action",
	  .doc = "allow, deny, reject or limit." },
	{ .name = "from_ip", .field = "from_ip", .doc = "Address or prefix; all if not given." },
	{ .name = "direction", .field = "direction", .doc = "in or out." },
	{ .name = "comment", .field = "comment", .doc = "Why it is there." },
};
static const struct param rule_id_params[] = {
	{ .name = "rule_number",
	  .aliases = { "num", "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The number that rules shows; it stays the rule's own." },
};
static const struct param unban_params[] = {
	{ .name = "jail", .doc = "All if not given." },
	{ .name = "ip", .flags = PARAM_REQUIRED, .doc = "Address." },
};

static int rules(struct call *c, struct err *err)
{
	struct listing l = { .shape = &shape_firewall_rule };
	int r;

	jsonw_open(&c->w, NULL, '{');
	r = shape_list(c, &l, &c->w, "rules", err);
	jsonw_close(&c->w, '}');
	return r;
}

/* A rule needs a name, which the contract does not have: "from any" is all. */
static int name_rule(struct call *c, struct changeset *cs, struct change *rule, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store), "SELECT coalesce(max(id),0)+1 FROM firewall_rule", &st,
			err);

	(void)cs;
	if (r >= 0)
		r = sql_step(st, err);
	if (r < 0)
		return r;
	return crud_set(c, rule, "name", mem_fmt(c->ctx, "rule-%lld", (long long)sql_int(st, 0)),
			err);
}

static const struct endpoint firewall_rows[] = {
	{ .action = "rules",
	  .aliases = { "status" },
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  .kind = &kind_firewall_rule,
	  .returns = "rules",
	  .run = rules,
	  .doc = "Rules that are wanted." },
	{ .action = "add-rule",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .op = EP_CREATE,
	  .kind = &kind_firewall_rule,
	  .shape = &shape_firewall_rule,
	  PARAMS(rule_params),
	  .audit = "firewall.add-rule",
	  .edit = name_rule,
	  .doc = "Adds a rule." },
	{ .action = "delete-rule",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_ADMIN,
	  .op = EP_DELETE,
	  .kind = &kind_firewall_rule,
	  PARAMS(rule_id_params),
	  .audit = "firewall.delete-rule",
	  .doc = "Removes a rule." },
	{ .action = "fail2ban",
	  .aliases = { "f2b-status" },
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  .doc = "Jails and banned addresses." },
	{ .action = "unban",
	  .aliases = { "f2b-unban" },
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  PARAMS(unban_params),
	  .doc = "Lets an address back." },
};

const struct resource resource_firewall = RESOURCE("firewall", firewall_rows, "Firewall rules.");
