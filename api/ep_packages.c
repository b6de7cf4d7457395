/* packages: limits sold together. */
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
	LIMITS,
};

static const struct param id_params[] = { PARAM_ID_ALIAS("package_id", "The package.") };

/* A reseller's packages are its own. */
static int set_owner(struct call *c, struct changeset *cs, struct change *p, struct err *err)
{
	(void)cs;
	return c->who.role == ROLE_RESELLER ? crud_set(c, p, "owner", c->who.username, err) : 0;
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .op = EP_LIST,
	  .kind = &kind_package,
	  .shape = &shape_package,
	  .doc = "Packages by name; a reseller's own and the system's." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_CREATE,
	  .kind = &kind_package,
	  .shape = &shape_package,
	  PARAMS(create_params),
	  .audit = "package.create",
	  .edit = set_owner,
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
	ROW_DELETE(&kind_package, ROLE_STAFF, id_params, "package.delete",
		   "Deletes a package; accounts that have it keep their limits."),
};

const struct resource resource_packages = RESOURCE("packages", rows, "Hosting packages.");
