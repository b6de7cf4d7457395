/* ssl, dkim, stats, branding, users: rows that need little beside the table. */
#include <string.h>

#include "api/crud.h"
#include "api/dkim.h"
#include "api/ep_factor.h"
#include "api/logo.h"
#include "api/own.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

static const struct param account_params[] = { PARAM_ACCOUNT_ID(0) };

/* ssl: the certificates that are wanted; getting them is the engine's */

static const struct param issue_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "domain",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED | PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .field = "domain",
	  .doc = "A domain of the account." },
	{ .name = "email", .doc = "Ignored; kept for clients of the original." },
};
static const struct param cert_params[] = { PARAM_ID_ALIAS("cert_id", "The certificate.") };
static const struct param install_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "domain",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED | PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .field = "domain",
	  .doc = "A domain of the account." },
	{ .name = "cert", .flags = PARAM_REQUIRED, .field = "cert", .doc = "Certificate, PEM." },
	{ .name = "key", .flags = PARAM_REQUIRED, .field = "key", .doc = "Its key, PEM." },
	{ .name = "chain", .field = "chain", .doc = "Intermediate certificates, PEM." },
};

static int set_lets_encrypt(struct call *c, struct changeset *cs, struct change *cert,
			    struct err *err)
{
	(void)cs;
	return crud_set(c, cert, "type", "lets_encrypt", err);
}

static int set_custom(struct call *c, struct changeset *cs, struct change *cert, struct err *err)
{
	(void)cs;
	cert->is_new = false; /* a newer one takes its place */
	return crud_set(c, cert, "type", "custom", err);
}

static const struct endpoint ssl_rows[] = {
	ROW_LIST(&kind_certificate, &shape_certificate, ROLE_SESSION, account_params,
		 "Certificates of an account."),
	{ .action = "issue",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_certificate,
	  .shape = &shape_certificate,
	  PARAMS(issue_params),
	  .audit = "ssl.issue",
	  .edit = set_lets_encrypt,
	  .doc = "Asks for a Let's Encrypt certificate." },
	{ .action = "install-custom",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CREATE,
	  .kind = &kind_certificate,
	  .shape = &shape_certificate,
	  PARAMS(install_params),
	  .audit = "ssl.install-custom",
	  .edit = set_custom,
	  .doc = "Takes a certificate and its key." },
	{ .action = "renew",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_MACHINE | EP_ADDED,
	  .op = EP_CUSTOM,
	  .kind = &kind_certificate,
	  PARAMS(cert_params),
	  .doc = "Gets a certificate anew." },
	ROW_DELETE(&kind_certificate, ROLE_SESSION, cert_params, "ssl.delete",
		   "Removes a certificate."),
};

const struct resource resource_ssl = RESOURCE("ssl", ssl_rows, "Certificates.");

/* dkim */

static const struct param dkim_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "domain",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED | PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .field = "domain",
	  .doc = "A domain of the account." },
	{ .name = "selector", .dflt = "mail", .field = "selector", .doc = "Selector." },
};

static const struct endpoint dkim_rows[] = {
	ROW_LIST(&kind_dkim_key, &shape_dkim_key, ROLE_SESSION, account_params,
		 "DKIM keys of an account."),
	{ .action = "generate",
	  .aliases = { "provision" },
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_dkim_key,
	  .shape = &shape_dkim_key,
	  PARAMS(dkim_params),
	  .audit = "dkim.generate",
	  .prepare = dkim_prepare,
	  .edit = dkim_edit,
	  .doc = "Makes a key pair and publishes its record." },
};

const struct resource resource_dkim = RESOURCE("dkim", dkim_rows, "Keys that sign mail.");

/* stats */

static const struct param stats_params[] = { PARAM_ACCOUNT_ID(PARAM_REQUIRED) };

static int account_stats(struct call *c, struct err *err)
{
	return crud_row(c, &shape_stats, c->account->base.id, err);
}

static const struct endpoint stats_rows[] = {
	{ .action = "account",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .kind = &kind_account,
	  .shape = &shape_stats,
	  PARAMS(stats_params),
	  .run = account_stats,
	  .doc = "What an account has, and its limits; 0: none." },
	{ .action = "server",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .flags = EP_MACHINE,
	  .op = EP_CUSTOM,
	  .doc = "Load of the last 24 hours." },
};

const struct resource resource_stats = RESOURCE("stats", stats_rows, "Figures.");

/* branding: one row a reseller, made when it is first saved */

#define RESELLER_PARAM                                                        \
	{                                                                     \
		.name = "reseller_id", .type = PARAM_REF, .kind = &kind_user, \
		.doc = "Admins: whose; a reseller's own need not be named."   \
	}

static const struct param branding_params[] = { RESELLER_PARAM };
static const struct param save_branding_params[] = {
	RESELLER_PARAM,
	{ .name = "panel_name", .field = "panel_name", .doc = "Name of the panel." },
	{ .name = "primary_color", .field = "primary_color", .doc = "#rgb or #rrggbb." },
	{ .name = "accent_color", .field = "accent_color", .doc = "#rgb or #rrggbb." },
	{ .name = "support_email", .field = "support_email", .doc = "Address." },
	{ .name = "support_url", .field = "support_url", .doc = "http or https." },
	{ .name = "hide_powered_by",
	  .type = PARAM_BOOL,
	  .field = "hide_powered_by",
	  .doc = "Hides our name." },
	{ .name = "custom_css", .field = "custom_css", .doc = "Style sheet." },
};

static const struct param logo_params[] = {
	RESELLER_PARAM,
	{ .name = "logo", .type = PARAM_FILE, .flags = PARAM_REQUIRED, .doc = "The image." },
};

/* Whose branding it is about. */
static int reseller_of(struct call *c, struct user **ret, struct err *err)
{
	const struct arg *a = call_arg(c, "reseller_id");
	struct user *u = a ? a->res : NULL;
	int r = 0;

	if (c->who.role == ROLE_RESELLER)
		r = store_get_id(c->ctx, c->store, &kind_user, c->who.id, &u, err);
	if (r < 0)
		return r;
	if (!u) {
		c->status = 400;
		call_problem(c, "reseller_id", "reseller_id required");
		return err_set(err, ERR_INVALID, "reseller_id required");
	}
	if (strcmp(u->role, "user") == 0)
		return err_set(err, ERR_NOTFOUND, "Reseller not found");
	*ret = u;
	return 0;
}

static int get_branding(struct call *c, struct err *err)
{
	struct user *u = NULL;
	struct branding *b = NULL;
	int r = reseller_of(c, &u, err);

	if (r < 0)
		return r;
	r = store_get(c->ctx, c->store, &kind_branding, u->username, &b, err);
	if (r >= 0)
		return crud_row(c, &shape_branding, b->base.id, err);
	if (r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "user_id", u->base.id);
	jsonw_close(&c->w, '}');
	return 0;
}

static bool says_anything(const struct call *c)
{
	for (size_t i = 0; i < c->endpoint->n_params; i++) {
		if (c->endpoint->params[i].field && c->args[i].is_given)
			return true;
	}
	return false;
}

static int save_branding(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct change *change;
	struct user *u = NULL;
	int r = reseller_of(c, &u, err);

	if (r < 0)
		return r;
	if (!says_anything(c)) {
		c->status = 400;
		return err_set(err, ERR_INVALID, "No fields");
	}
	change = changeset_add(&cs, CHANGE_PUT, &kind_branding);
	r = crud_set(c, change, "reseller", u->username, err);
	if (r >= 0)
		r = crud_fill(c, change, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	c->resource = mem_fmt(c->ctx, "branding/%s", u->username);
	return r;
}

/* URL NULL: none. */
static int set_logo(struct call *c, const struct user *u, const char *url, struct err *err)
{
	const struct value value = { .type = url ? VALUE_STRING : VALUE_NULL, .text = url };
	struct changeset cs = { .ctx = c->ctx };
	struct change *change = changeset_add(&cs, CHANGE_PUT, &kind_branding);
	int r = crud_set(c, change, "reseller", u->username, err);

	if (r >= 0)
		r = change_set(c->ctx, change, kind_field(&kind_branding, "logo_url"), &value, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	c->resource = mem_fmt(c->ctx, "branding/%s", u->username);
	return r;
}

static int upload_logo(struct call *c, struct err *err)
{
	const char *url = NULL;
	struct user *u = NULL;
	int r = reseller_of(c, &u, err);

	if (r >= 0)
		r = logo_take(c, u->username, &url, err);
	if (r >= 0)
		r = set_logo(c, u, url, err);
	if (r >= 0)
		r = logo_keep(c, u->username, url, err);
	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "url", url);
	jsonw_close(&c->w, '}');
	return 0;
}

static int delete_logo(struct call *c, struct err *err)
{
	struct user *u = NULL;
	int r = reseller_of(c, &u, err);

	if (r >= 0)
		r = set_logo(c, u, NULL, err);
	return r < 0 ? r : logo_drop(c, u->username, err);
}

static const struct endpoint branding_rows[] = {
	{ .action = "get",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .kind = &kind_branding,
	  .shape = &shape_branding,
	  PARAMS(branding_params),
	  .run = get_branding,
	  .doc = "A reseller's branding." },
	{ .action = "save",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_branding,
	  PARAMS(save_branding_params),
	  .audit = "branding.save",
	  .run = save_branding,
	  .doc = "Sets what is given of it." },
	{ .action = "upload-logo",
	  .methods = METHOD_POST,
	  .roles = ROLE_STAFF,
	  .flags = EP_MULTIPART,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_branding,
	  .body_max = LOGO_BODY_MAX,
	  PARAMS(logo_params),
	  .returns = "url",
	  .audit = "branding.upload-logo",
	  .run = upload_logo,
	  .doc = "Takes a logo: PNG, JPEG, GIF, WebP or SVG of at most 512 KiB and 4096 by 4096 pixels." },
	{ .action = "delete-logo",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_STAFF,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_branding,
	  PARAMS(branding_params),
	  .audit = "branding.delete-logo",
	  .run = delete_logo,
	  .doc = "The default logo is shown again." },
};

const struct resource resource_branding = RESOURCE("branding", branding_rows, "Branding.");

/* users: resellers and logins; not of the original's reference */

static const char *const roles[] = { "admin", "reseller", "user", NULL };
static const char *const user_states[] = { "active", "suspended", NULL };

#define USER_LIMITS                                                                 \
	{ .name = "package_id",                                                     \
	  .aliases = { "package" },                                                 \
	  .type = PARAM_REF,                                                        \
	  .flags = PARAM_BY_KEY,                                                    \
	  .kind = &kind_package,                                                    \
	  .field = "package",                                                       \
	  .doc = "Package that was sold to the user." },                            \
	{                                                                           \
		.name = "max_accounts", .type = PARAM_INT, .field = "max_accounts", \
		.doc = "Of a reseller's customers; 0: unlimited."                   \
	}

static const struct param user_list_params[] = {
	PARAM_PAGES,
	{ .name = "search", .doc = "Part of a name or address." },
	{ .name = "status", .doc = "active, suspended or pending." },
};
static const struct param user_id_params[] = { PARAM_ID_ALIAS("user_id", "The user.") };
static const struct param user_create_params[] = {
	{ .name = "username", .flags = PARAM_REQUIRED, .field = "username", .doc = "Login." },
	{ .name = "email", .flags = PARAM_REQUIRED, .field = "email", .doc = "Address." },
	PARAM_PASSWORD(PARAM_REQUIRED),
	{ .name = "role",
	  .choices = roles,
	  .dflt = "reseller",
	  .field = "role",
	  .doc = "What the user may do." },
	{ .name = "contact_name", .field = "contact_name", .doc = "Name of the person." },
	{ .name = "contact_phone", .field = "contact_phone", .doc = "Telephone." },
	USER_LIMITS,
};
static const struct param user_update_params[] = {
	PARAM_ID_ALIAS("user_id", "The user."),
	{ .name = "email", .field = "email", .doc = "Address." },
	{ .name = "status",
	  .choices = user_states,
	  .field = "status",
	  .doc = "active, suspended." },
	{ .name = "contact_name", .field = "contact_name", .doc = "Name of the person." },
	{ .name = "contact_phone", .field = "contact_phone", .doc = "Telephone." },
	{ .name = "theme", .field = "theme", .doc = "Panel theme." },
	{ .name = "language", .field = "language", .doc = "Panel language." },
	USER_LIMITS,
};
static const struct param user_password_params[] = {
	PARAM_ID_ALIAS("user_id", "The user."),
	PARAM_PASSWORD(PARAM_REQUIRED),
};

/* Nobody locks himself out. */
static int not_oneself(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	(void)cs;
	(void)change;
	if (((const struct user *)c->row)->base.id == c->who.id)
		return err_set(err, ERR_CONFLICT, "You cannot do that to yourself");
	return 0;
}

static int not_suspending_oneself(struct call *c, struct changeset *cs, struct change *change,
				  struct err *err)
{
	if (strcmp(call_text(c, "status", "active"), "active") == 0)
		return 0;
	return not_oneself(c, cs, change, err);
}

static int end_sessions(struct call *c, struct changeset *cs, struct change *change,
			struct err *err)
{
	c->new_password_of = ((const struct user *)c->row)->base.id;
	(void)cs;
	(void)change;
	(void)err;
	return 0;
}

static const struct endpoint user_rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .flags = EP_PAGED | EP_ADDED,
	  .op = EP_LIST,
	  .kind = &kind_user,
	  .shape = &shape_user,
	  PARAMS(user_list_params),
	  .doc = "Logins; a reseller's own and its customers'." },
	{ .action = "get",
	  .methods = METHOD_GET,
	  .roles = ROLE_STAFF,
	  .flags = EP_ADDED,
	  .op = EP_GET,
	  .kind = &kind_user,
	  .shape = &shape_user,
	  PARAMS(user_id_params),
	  .doc = "A login." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED | EP_CREDENTIALS,
	  .op = EP_CREATE,
	  .kind = &kind_user,
	  .shape = &shape_user,
	  PARAMS(user_create_params),
	  .audit = "user.create",
	  .doc = "Makes a reseller, or another admin." },
	{ .action = "update",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_user,
	  .shape = &shape_user,
	  PARAMS(user_update_params),
	  .audit = "user.update",
	  .edit = not_suspending_oneself,
	  .doc = "Changes what is given of a login." },
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_user,
	  PARAMS(user_password_params),
	  .audit = "user.change-password",
	  .edit = end_sessions,
	  .doc = "Sets a login's password; its sessions end." },
	{ .action = "totp-reset",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED | EP_CREDENTIALS,
	  .op = EP_CUSTOM,
	  .kind = &kind_user,
	  PARAMS(user_id_params),
	  .returns = "was_enabled",
	  .audit = "user.totp-reset",
	  .run = factor_reset,
	  .doc = "Turns a user's second factor off, for who lost it." },
	{ .action = "delete",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_DELETE,
	  .kind = &kind_user,
	  PARAMS(user_id_params),
	  .audit = "user.delete",
	  .edit = not_oneself,
	  .doc = "Deletes a login that nothing belongs to any more." },
};

const struct resource resource_users = RESOURCE("users", user_rows, "Logins and resellers.");
