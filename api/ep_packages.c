/* packages: limits sold together. One that is deleted while somebody has it is retired (ADR 19). */
#include <inttypes.h>
#include <string.h>

#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

#define LIMIT(name_, doc_)                                                                     \
	{                                                                                      \
		.name = name_, .type = PARAM_INT, .field = name_, .doc = doc_ " 0: unlimited." \
	}
#define LIMITS                                                                              \
	LIMIT("disk_mb", "MiB of disk."), LIMIT("bandwidth_mb", "MiB of traffic a month."), \
		LIMIT("max_domains", "Domains."), LIMIT("max_subdomains", "Subdomains."),   \
		LIMIT("max_addon_domains", "Addon domains."),                               \
		LIMIT("max_parked_domains", "Aliases."), LIMIT("max_email", "Mailboxes."),  \
		LIMIT("max_ftp", "FTP accounts."), LIMIT("max_databases", "Databases."),    \
		{ .name = "php_version", .field = "php_version", .doc = "Such as 8.2." },   \
	{                                                                                   \
		.name = "ssl_enabled", .type = PARAM_BOOL, .field = "ssl_enabled",          \
		.doc = "Whether certificates may be had."                                   \
	}

static const struct param list_params[] = {
	{ .name = "retired",
	  .aliases = { "all" },
	  .type = PARAM_BOOL,
	  .dflt = "false",
	  .doc = "Also those that are no longer offered." },
};

static const struct param create_params[] = {
	{ .name = "name", .flags = PARAM_REQUIRED, .field = "name", .doc = "Its name." },
	LIMITS,
};

static const struct param update_params[] = {
	PARAM_ID_ALIAS("package_id", "The package."),
	{ .name = "is_default",
	  .type = PARAM_BOOL,
	  .field = "is_default",
	  .doc = "Offered first." },
	{ .name = "retired",
	  .type = PARAM_BOOL,
	  .field = "retired",
	  .doc = "No longer offered; accounts that have it keep it. false: offered again." },
	LIMITS,
};

static const struct param id_params[] = { PARAM_ID_ALIAS("package_id", "The package.") };

/* How many have it: accounts, and logins that it was sold to. */
static int count_holders(struct call *c, const char *name, int64_t *ret_accounts,
			 int64_t *ret_logins, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT (SELECT count(*) FROM account WHERE package=?1),"
			"(SELECT count(*) FROM user WHERE package=?1)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	r = sql_step(st, err);
	if (r < 0)
		return r;
	*ret_accounts = sql_int(st, 0);
	*ret_logins = sql_int(st, 1);
	return 0;
}

static const char *holders(struct call *c, int64_t accounts, int64_t logins)
{
	const char *of_accounts =
		mem_fmt(c->ctx, "%" PRId64 " account%s", accounts, accounts == 1 ? "" : "s");

	if (!logins)
		return of_accounts;
	return mem_fmt(c->ctx, "%s and %" PRId64 " login%s", of_accounts, logins,
		       logins == 1 ? "" : "s");
}

/* The name of a retired one stays taken, though no list shows it: then it is told why. */
static int check_name(struct call *c, struct change *change, struct err *err)
{
	const char *name = ((const struct package *)change->res)->name;
	const struct package *there = NULL;
	int64_t accounts = 0;
	int64_t logins = 0;
	int r = store_get(c->ctx, c->store, &kind_package, name, &there, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r >= 0 && there->retired)
		r = count_holders(c, name, &accounts, &logins, err);
	if (r < 0 || !there->retired)
		return r;
	(void)err_set(err, ERR_CONFLICT,
		      "name: \"%s\" is that of package %" PRId64 ", which is no longer offered and "
		      "which %s still have; allowed is another name",
		      name, there->base.id, holders(c, accounts, logins));
	call_problem(c, "name", err->msg);
	return -ERR_CONFLICT;
}

/* A reseller's packages are its own. */
static int prepare_new(struct call *c, struct changeset *cs, struct change *p, struct err *err)
{
	int r = c->who.role == ROLE_RESELLER ? crud_set(c, p, "owner", c->who.username, err) : 0;

	(void)cs;
	return r < 0 ? r : check_name(c, p, err);
}

static int retire(struct call *c, struct changeset *cs, const struct package *p, struct err *err)
{
	struct change *change = crud_change(cs, CHANGE_PUT, p);
	int r = crud_set(c, change, "retired", "true", err);

	return r < 0 ? r : crud_set(c, change, "is_default", "false", err);
}

static int delete_package(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	const struct package *p = c->row;
	int64_t accounts = 0;
	int64_t logins = 0;
	int r = count_holders(c, p->name, &accounts, &logins, err);
	bool is_used = accounts || logins;

	if (r >= 0 && is_used)
		r = retire(c, &cs, p, err);
	else if (r >= 0)
		(void)crud_change(&cs, CHANGE_DELETE, p);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r < 0)
		return r;
	c->resource = res_name(c->ctx, p);
	if (is_used)
		c->message = mem_fmt(c->ctx,
				     "Package \"%s\" is no longer offered; %s keep it until they "
				     "get another",
				     p->name, holders(c, accounts, logins));
	return 0;
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .op = EP_LIST,
	  .kind = &kind_package,
	  .shape = &shape_package,
	  PARAMS(list_params),
	  .doc = "Packages by name, a reseller's own and the system's, without those that are no longer offered." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_CREATE,
	  .kind = &kind_package,
	  .shape = &shape_package,
	  PARAMS(create_params),
	  .audit = "package.create",
	  .edit = prepare_new,
	  .doc = "Makes a package." },
	{ .action = "update",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_UPDATE,
	  .kind = &kind_package,
	  .shape = &shape_package,
	  PARAMS(update_params),
	  .audit = "package.update",
	  .doc = "Changes what is given; the rest stays." },
	{ .action = "delete",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_package,
	  PARAMS(id_params),
	  .audit = "package.delete",
	  .run = delete_package,
	  .doc = "Deletes a package; while accounts have it it is no longer offered instead, and they keep it." },
};

const struct resource resource_packages = RESOURCE("packages", rows, "Hosting packages.");
