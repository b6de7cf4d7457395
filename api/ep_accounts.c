/* accounts: hosting accounts with their panel logins. */
#include <ctype.h>
#include <string.h>

#include "api/crud.h"
#include "api/resources.h"
#include "api/shapes.h"
#include "api/start.h"

static const struct param list_params[] = {
	PARAM_PAGES,
	{ .name = "search", .doc = "Part of a user name or domain." },
	{ .name = "status", .doc = "active or suspended." },
};

static const struct param id_params[] = {
	{ .name = "id",
	  .aliases = { "account_id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The account." },
};

static const struct param suspend_params[] = {
	{ .name = "id",
	  .aliases = { "account_id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The account." },
	{ .name = "reason", .field = "suspend_reason", .doc = "Why, for the holder." },
};

static const struct param password_params[] = {
	{ .name = "account_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The account." },
	{ .name = "password",
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .field = "password",
	  .doc = "The new one, for panel and system." },
};

static const struct param create_params[] = {
	{ .name = "username",
	  .flags = PARAM_REQUIRED,
	  .field = "username",
	  .doc = "Name of the system user and of the login." },
	{ .name = "domain", .flags = PARAM_REQUIRED, .doc = "The first domain." },
	{ .name = "email",
	  .flags = PARAM_REQUIRED,
	  .field = "email",
	  .doc = "Where the holder is reached." },
	{ .name = "password",
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .field = "password",
	  .doc = "For panel and system." },
	{ .name = "package_id",
	  .aliases = { "package" },
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY | PARAM_0_IS_NONE,
	  .kind = &kind_package,
	  .field = "package",
	  .doc = "Its limits; 0: none." },
	{ .name = "php_version", .field = "php_version", .doc = "Such as 8.2." },
	{ .name = "reseller",
	  .aliases = { "reseller_id" },
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY | PARAM_0_IS_NONE,
	  .kind = &kind_user,
	  .doc = "Admins: the reseller whose customer it is; 0: nobody's." },
};

static const struct param package_params[] = {
	{ .name = "id",
	  .aliases = { "account_id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The account." },
	{ .name = "package_id",
	  .aliases = { "package" },
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED | PARAM_BY_KEY,
	  .kind = &kind_package,
	  .field = "package",
	  .doc = "Its new limits." },
};

static const char *lower(const void *ctx, const char *text)
{
	char *s = mem_str(ctx, text);

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* Resellers create for themselves, admins for whom they say. */
static int create(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const struct start_account what = {
		.username = lower(c->ctx, call_text(c, "username", "")),
		.domain = lower(c->ctx, call_text(c, "domain", "")),
		.email = call_text(c, "email", ""),
		.hash = call_arg(c, "password")->hash,
		.package = call_text(c, "package_id", NULL),
		.php_version = call_text(c, "php_version", NULL),
		.reseller = c->who.role == ROLE_RESELLER ? c->who.username
							 : call_text(c, "reseller", NULL),
	};
	int r = start_account(c, &cs, &what, err);

	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "account/%s", what.username);
	c->message = "Account created";
	return crud_row(c, &shape_account_created, cs.v[0].id, err);
}

static int suspend(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	(void)cs;
	return crud_set(c, change, "status", "suspended", err);
}

static int unsuspend(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	const struct field *reason = kind_field(&kind_account, "suspend_reason");
	const struct value unset = { .type = VALUE_NULL };
	int r = change_set(c->ctx, change, reason, &unset, err);

	(void)cs;
	return r < 0 ? r : crud_set(c, change, "status", "active", err);
}

static int terminate(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	(void)change;
	return start_login_drop(c, cs, c->row, err);
}

static int change_password(struct call *c, struct changeset *cs, struct change *change,
			   struct err *err)
{
	(void)change;
	return start_login_password(c, cs, c->row, call_arg(c, "password")->hash, err);
}

/* Reading */

static int get(struct call *c, struct err *err)
{
	const struct account *a = c->row;
	struct listing domains = { .shape = &shape_domain, .account = a->username };
	int r;

	jsonw_open(&c->w, NULL, '{');
	r = shape_members(c, &shape_account, a->base.id, &c->w, err);
	if (r >= 0)
		r = shape_list(c, &domains, &c->w, "domains", err);
	jsonw_int(&c->w, "disk_used", 0);
	jsonw_close(&c->w, '}');
	return r;
}

static int usage(struct call *c, struct err *err)
{
	return crud_row(c, &shape_usage, ((const struct account *)c->row)->base.id, err);
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .flags = EP_PAGED,
	  .op = EP_LIST,
	  .kind = &kind_account,
	  .shape = &shape_account,
	  PARAMS(list_params),
	  .doc = "Hosting accounts, newest first." },
	{ .action = "get",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .kind = &kind_account,
	  .shape = &shape_account,
	  PARAMS(id_params),
	  .returns = "domains disk_used",
	  .run = get,
	  .doc = "An account with its domains." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_account,
	  .shape = &shape_account_created,
	  PARAMS(create_params),
	  .audit = "account.create",
	  .run = create,
	  .doc = "Creates an account with its login, first domain and zone." },
	{ .action = "suspend",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_UPDATE,
	  .kind = &kind_account,
	  PARAMS(suspend_params),
	  .audit = "account.suspend",
	  .edit = suspend,
	  .doc = "Switches site, mail, FTP, cron, databases and logins off; nothing is lost." },
	{ .action = "unsuspend",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_UPDATE,
	  .kind = &kind_account,
	  PARAMS(id_params),
	  .audit = "account.unsuspend",
	  .edit = unsuspend,
	  .doc = "Switches all of it on again, as it was." },
	{ .action = "terminate",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .op = EP_DELETE,
	  .kind = &kind_account,
	  PARAMS(id_params),
	  .audit = "account.terminate",
	  .edit = terminate,
	  .doc = "Deletes an account and all that is its own; data lies in the trash for trash_days." },
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .op = EP_UPDATE,
	  .kind = &kind_account,
	  PARAMS(password_params),
	  .audit = "account.change-password",
	  .edit = change_password,
	  .doc = "Sets the password of panel and system; ends the login's sessions." },
	{ .action = "change-package",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_account,
	  .shape = &shape_account,
	  PARAMS(package_params),
	  .audit = "account.change-package",
	  .doc = "Gives an account another package." },
	{ .action = "usage",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .kind = &kind_account,
	  .shape = &shape_usage,
	  PARAMS(id_params),
	  .run = usage,
	  .doc = "What an account has of what its package allows; limits of 0 are none." },
};

const struct resource resource_accounts = RESOURCE("accounts", rows, "Hosting accounts.");
