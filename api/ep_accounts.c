/* accounts: hosting accounts with their panel logins. */
#include <ctype.h>
#include <string.h>

#include "api/crud.h"
#include "api/own.h"
#include "api/resources.h"
#include "api/session.h"
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
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_package,
	  .field = "package",
	  .doc = "Its limits." },
	{ .name = "php_version", .field = "php_version", .doc = "Such as 8.2." },
	{ .name = "reseller",
	  .aliases = { "reseller_id" },
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_user,
	  .doc = "Admins: the reseller whose customer it is." },
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

/* What a new account begins with */

static const char *lower(const void *ctx, const char *text)
{
	char *s = mem_str(ctx, text);

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

static int add_user(struct call *c, struct changeset *cs, const char *username, struct err *err)
{
	struct change *u = crud_new(cs, &kind_user);
	const struct arg *reseller = call_arg(c, "reseller");
	const char *owner = reseller && reseller->text ? reseller->text : NULL;
	int r = crud_set(c, u, "username", username, err);

	if (c->who.role == ROLE_RESELLER)
		owner = c->who.username;
	if (r >= 0)
		r = crud_set(c, u, "role", "user", err);
	if (r >= 0)
		r = crud_set(c, u, "email", call_text(c, "email", ""), err);
	if (r >= 0)
		r = crud_set(c, u, "password", call_arg(c, "password")->hash, err);
	if (r >= 0 && owner)
		r = crud_set(c, u, "reseller", owner, err);
	return r;
}

static int add_domain(struct call *c, struct changeset *cs, const char *username,
		      const char *domain, struct err *err)
{
	struct change *d = crud_new(cs, &kind_domain);
	int r = crud_set(c, d, "name", domain, err);

	if (r >= 0)
		r = crud_set(c, d, "account", username, err);
	if (r >= 0)
		r = crud_set(c, d, "type", "primary", err);
	return r;
}

/* The account is the first change, so that problems are told of the parameters; then all it starts with. */
static int begin_account(struct call *c, struct changeset *cs, struct change *account,
			 struct err *err)
{
	const char *username = lower(c->ctx, call_text(c, "username", ""));
	const char *domain = lower(c->ctx, call_text(c, "domain", ""));
	int r = crud_set(c, account, "username", username, err);

	if (r >= 0)
		r = crud_set(c, account, "user", username, err);
	if (r >= 0)
		r = add_user(c, cs, username, err);
	if (r >= 0)
		r = add_domain(c, cs, username, domain, err);
	if (r >= 0)
		r = start_zone(c, cs, username, domain, err);
	return r;
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

/* The login that has no other account goes with it; a reseller's or admin's stays. */
static int terminate(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	const struct account *a = c->row;
	struct user *u = NULL;
	int r;

	(void)change;
	if (!a->user)
		return 0;
	r = store_get(c->ctx, c->store, &kind_user, a->user, &u, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r >= 0 && strcmp(u->role, "user") == 0)
		(void)crud_change(cs, CHANGE_DELETE, u);
	return r < 0 ? r : 0;
}

/* The system's password and the login's are one; who was logged in with the old one is out. */
static int change_password(struct call *c, struct changeset *cs, struct change *change,
			   struct err *err)
{
	const struct account *a = c->row;
	struct user *u = NULL;
	int r;

	(void)change;
	if (!a->user)
		return 0;
	r = store_get(c->ctx, c->store, &kind_user, a->user, &u, err);
	if (r >= 0)
		r = crud_set(c, crud_change(cs, CHANGE_PUT, u), "password",
			     call_arg(c, "password")->hash, err);
	return r < 0 ? r : session_end_user(c, u->base.id, NULL, err);
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
	  .op = EP_CREATE,
	  .kind = &kind_account,
	  .shape = &shape_account_created,
	  PARAMS(create_params),
	  .audit = "account.create",
	  .edit = begin_account,
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
