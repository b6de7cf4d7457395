/*
 * whmcs: the bridge of a billing system, which shows a key instead of a
 * session. Accounts are named by domain, or by user name.
 */
#include <ctype.h>
#include <string.h>

#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/session.h"
#include "api/shapes.h"
#include "api/start.h"

#define WHO                                                                                    \
	{ .name = "domain", .doc = "A domain of the account." },                               \
	{                                                                                      \
		.name = "username", .doc = "Its user name; asked for when no domain is found." \
	}

static const struct param who_params[] = { WHO };
static const struct param suspend_params[] = {
	WHO,
	{ .name = "reason", .dflt = "WHMCS suspend", .doc = "Why, for the holder." },
};
static const struct param package_params[] = {
	WHO,
	{ .name = "package_id",
	  .aliases = { "package" },
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED | PARAM_BY_KEY,
	  .kind = &kind_package,
	  .doc = "Number or name of a package." },
};
static const struct param password_params[] = {
	WHO,
	{ .name = "password",
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .doc = "The new one." },
};
static const struct param create_params[] = {
	{ .name = "domain", .flags = PARAM_REQUIRED, .doc = "The first domain." },
	{ .name = "username", .flags = PARAM_REQUIRED, .doc = "Name of the account." },
	{ .name = "password", .type = PARAM_SECRET, .flags = PARAM_REQUIRED, .doc = "Password." },
	{ .name = "email", .flags = PARAM_REQUIRED, .doc = "Where the holder is reached." },
	{ .name = "package_id",
	  .aliases = { "package" },
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_package,
	  .doc = "Number or name; the default one if not given." },
};

static const char *lower(const void *ctx, const char *text)
{
	char *s = mem_str(ctx, text);

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* The account of the domain, else of the name. */
static int find(struct call *c, struct account **ret, struct err *err)
{
	const char *domain = call_text(c, "domain", NULL);
	const char *username = call_text(c, "username", NULL);
	const struct domain *d = NULL;
	int r = -ERR_NOTFOUND;

	if (!domain && !username) {
		c->status = 400;
		call_problem(c, "domain", "domain required");
		return err_set(err, ERR_INVALID, "domain required");
	}
	if (domain)
		r = store_get(c->ctx, c->store, &kind_domain, lower(c->ctx, domain), &d, err);
	if (r >= 0)
		username = d->account;
	if (r == -ERR_NOTFOUND || r == -ERR_INVALID)
		r = 0;
	if (r < 0)
		return r;
	err_clear(err);
	r = username ? store_get(c->ctx, c->store, &kind_account, lower(c->ctx, username), ret, err)
		     : -ERR_NOTFOUND;
	if (r == -ERR_NOTFOUND || r == -ERR_INVALID)
		return err_set(err, ERR_NOTFOUND, "Account not found: %.64s",
			       domain ? domain : username);
	return r;
}

/* A domain may have moved since the billing system wrote it down: what goes for good is named twice. */
static int find_agreed(struct call *c, struct account **ret, struct err *err)
{
	const char *domain = call_text(c, "domain", NULL);
	const char *username = call_text(c, "username", NULL);
	int r = find(c, ret, err);

	if (r < 0 || !domain || !username || strcmp(lower(c->ctx, username), (*ret)->username) == 0)
		return r;
	c->resource = res_name(c->ctx, *ret);
	call_problem(c, "username", "username is not that of the domain's account");
	c->status = 409;
	/* denied, not only in conflict: the log has to tell of it */
	return err_set(err, ERR_DENIED,
		       "username: found %.64s, but domain %.64s is of account %s; allowed is that "
		       "account's name, or one of the two alone",
		       username, domain, (*ret)->username);
}

typedef int edit_fn(struct call *c, struct changeset *cs, const struct account *a,
		    struct change *change, struct err *err);

/* Finds the account, changes it, commits. */
static int edit(struct call *c, enum change_op op, edit_fn *fn, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct account *a = NULL;
	struct change *change;
	int r = op == CHANGE_DELETE ? find_agreed(c, &a, err) : find(c, &a, err);

	if (r < 0)
		return r;
	c->resource = res_name(c->ctx, a);
	change = crud_change(&cs, op, a);
	r = fn(c, &cs, a, change, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	return r;
}

static int set_suspended(struct call *c, struct changeset *cs, const struct account *a,
			 struct change *change, struct err *err)
{
	int r = crud_set(c, change, "status", "suspended", err);

	(void)cs;
	(void)a;
	return r < 0 ? r
		     : crud_set(c, change, "suspend_reason",
				call_text(c, "reason", "WHMCS suspend"), err);
}

static int set_active(struct call *c, struct changeset *cs, const struct account *a,
		      struct change *change, struct err *err)
{
	const struct value unset = { .type = VALUE_NULL };
	int r = change_set(c->ctx, change, kind_field(&kind_account, "suspend_reason"), &unset,
			   err);

	(void)cs;
	(void)a;
	return r < 0 ? r : crud_set(c, change, "status", "active", err);
}

static int drop(struct call *c, struct changeset *cs, const struct account *a,
		struct change *change, struct err *err)
{
	(void)change;
	return start_login_drop(c, cs, a, err);
}

static int set_package(struct call *c, struct changeset *cs, const struct account *a,
		       struct change *change, struct err *err)
{
	(void)cs;
	(void)a;
	return crud_set(c, change, "package", call_text(c, "package_id", ""), err);
}

static int set_password(struct call *c, struct changeset *cs, const struct account *a,
			struct change *change, struct err *err)
{
	const char *hash = call_arg(c, "password")->hash;
	int r = crud_set(c, change, "password", hash, err);

	return r < 0 ? r : start_login_password(c, cs, a, hash, err);
}

static int suspend(struct call *c, struct err *err)
{
	return edit(c, CHANGE_PUT, set_suspended, err);
}

static int unsuspend(struct call *c, struct err *err)
{
	return edit(c, CHANGE_PUT, set_active, err);
}

static int terminate(struct call *c, struct err *err)
{
	return edit(c, CHANGE_DELETE, drop, err);
}

static int change_package(struct call *c, struct err *err)
{
	return edit(c, CHANGE_PUT, set_package, err);
}

static int change_password(struct call *c, struct err *err)
{
	return edit(c, CHANGE_PUT, set_password, err);
}

/* Creating */

static void put_created(struct call *c, int64_t id, const char *username, const char *domain)
{
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "account_id", id);
	jsonw_text(&c->w, "username", username);
	jsonw_text(&c->w, "domain", domain);
	jsonw_close(&c->w, '}');
}

/* A billing system that did not hear the answer asks again: the same account is not an error. */
static int is_there(struct call *c, const char *username, const char *domain, struct err *err)
{
	const struct account *a = NULL;
	const struct domain *d = NULL;
	int r = store_get(c->ctx, c->store, &kind_account, username, &a, err);

	if (r >= 0)
		r = store_get(c->ctx, c->store, &kind_domain, domain, &d, err);
	if (r == -ERR_NOTFOUND || r == -ERR_INVALID) {
		err_clear(err);
		return 0;
	}
	if (r < 0 || strcmp(d->account, username) != 0)
		return r < 0 ? r : 0;
	c->resource = res_name(c->ctx, a);
	c->rev = a->base.rev;
	put_created(c, a->base.id, username, domain);
	return 1;
}

static int create(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct start_account what = {
		.username = lower(c->ctx, call_text(c, "username", "")),
		.domain = lower(c->ctx, call_text(c, "domain", "")),
		.email = call_text(c, "email", ""),
		.hash = call_arg(c, "password")->hash,
		.package = call_text(c, "package_id", NULL),
	};
	int r = is_there(c, what.username, what.domain, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (!what.package)
		r = start_default_package(c, &what.package, err);
	if (r >= 0)
		r = start_account(c, &cs, &what, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "account/%s", what.username);
	put_created(c, cs.v[0].id, what.username, what.domain);
	return 0;
}

static int info(struct call *c, struct err *err)
{
	struct account *a = NULL;
	int r = find(c, &a, err);

	return r < 0 ? r : crud_row(c, &shape_billing, a->base.id, err);
}

/* That the key is right, which dispatch has found by now. */
static int test(struct call *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}

#define ACT(name, params_, audit_, run_, doc_)                                                    \
	{                                                                                         \
		.action = (name), .methods = METHOD_POST, .roles = ROLE_BILLING, .op = EP_CUSTOM, \
		.place = ON_WRITER, .kind = &kind_account, PARAMS(params_), .audit = (audit_),    \
		.run = (run_), .doc = (doc_)                                                      \
	}

static const struct endpoint rows[] = {
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_BILLING,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_account,
	  PARAMS(create_params),
	  .returns = "account_id username domain",
	  .audit = "whmcs.create",
	  .run = create,
	  .doc = "Creates an account; again with the same domain and name is the same account." },
	ACT("suspend", suspend_params, "whmcs.suspend", suspend, "Suspends an account."),
	ACT("unsuspend", who_params, "whmcs.unsuspend", unsuspend, "Lets it back."),
	ACT("terminate", who_params, "whmcs.terminate", terminate,
	    "Deletes an account; 409 when domain and username are of different ones."),
	ACT("changepackage", package_params, "whmcs.changepackage", change_package,
	    "Gives it another package."),
	ACT("changepassword", password_params, "whmcs.changepassword", change_password,
	    "Sets its password."),
	{ .action = "info",
	  .methods = METHOD_GET,
	  .roles = ROLE_BILLING,
	  .op = EP_CUSTOM,
	  .kind = &kind_account,
	  .shape = &shape_billing,
	  PARAMS(who_params),
	  .run = info,
	  .doc = "An account." },
	{ .action = "list",
	  .aliases = { "usage" },
	  .methods = METHOD_GET,
	  .roles = ROLE_BILLING,
	  .flags = EP_ADDED,
	  .op = EP_LIST,
	  .kind = &kind_account,
	  .shape = &shape_billing,
	  .doc = "All accounts with use and limits in MiB, for a billing system's daily look." },
	{ .action = "test",
	  .methods = METHOD_GET,
	  .roles = ROLE_BILLING,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .run = test,
	  .doc = "Whether the key is right." },
};

const struct resource resource_whmcs = RESOURCE("whmcs", rows, "A billing system's bridge.");
