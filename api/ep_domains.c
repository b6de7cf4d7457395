/* domains: host names of an account. */
#include <ctype.h>
#include <string.h>

#include "api/crud.h"
#include "api/resources.h"
#include "api/shapes.h"
#include "api/start.h"

#define ACCOUNT_PARAM(f)                                                                         \
	{                                                                                        \
		.name = "account_id", .type = PARAM_ACCOUNT, .flags = (f), .doc = "The account." \
	}
#define SITE_PARAMS                                                                          \
	{ .name = "document_root", .field = "document_root", .doc = "Folder in the home." }, \
		{ .name = "www",                                                             \
		  .type = PARAM_BOOL,                                                        \
		  .field = "www",                                                            \
		  .doc = "Also answers to www.NAME." },                                      \
	{                                                                                    \
		.name = "php", .type = PARAM_BOOL, .field = "php", .doc = "Runs PHP."        \
	}

static const char *const types[] = { "addon", "subdomain", "redirect", "alias", "parked", NULL };
static const char *const codes[] = { "301", "302", NULL };

static const struct param list_params[] = { ACCOUNT_PARAM(PARAM_REQUIRED) };

static const struct param add_params[] = {
	ACCOUNT_PARAM(PARAM_REQUIRED),
	{ .name = "domain", .flags = PARAM_REQUIRED, .field = "name", .doc = "Host name." },
	{ .name = "type",
	  .choices = types,
	  .dflt = "addon",
	  .doc = "addon, subdomain, redirect, alias (also called parked)." },
	SITE_PARAMS,
	{ .name = "php_version", .doc = "That of the account holds; any other is not set." },
	{ .name = "target",
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .field = "target",
	  .doc = "Of an alias: the domain whose site it shows; the primary one if not given." },
	{ .name = "redirect_to",
	  .aliases = { "redirect_url" },
	  .field = "redirect_to",
	  .doc = "Of a redirect: where visitors are sent." },
	{ .name = "redirect_code",
	  .aliases = { "code" },
	  .choices = codes,
	  .field = "redirect_code",
	  .doc = "301 for good, 302 for now." },
};

static const struct param addon_params[] = {
	ACCOUNT_PARAM(PARAM_REQUIRED),
	{ .name = "domain", .flags = PARAM_REQUIRED, .field = "name", .doc = "Host name." },
	SITE_PARAMS,
};

static const struct param subdomain_params[] = {
	ACCOUNT_PARAM(PARAM_REQUIRED),
	{ .name = "subdomain",
	  .aliases = { "domain" },
	  .flags = PARAM_REQUIRED,
	  .doc = "The label before the parent's name, or the whole name." },
	{ .name = "parent",
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .doc = "The domain it is below; the primary one if not given." },
	SITE_PARAMS,
};

static const struct param alias_params[] = {
	ACCOUNT_PARAM(PARAM_REQUIRED),
	{ .name = "domain", .flags = PARAM_REQUIRED, .field = "name", .doc = "Host name." },
	{ .name = "target",
	  .type = PARAM_REF,
	  .flags = PARAM_BY_KEY,
	  .kind = &kind_domain,
	  .field = "target",
	  .doc = "The domain whose site it shows; the primary one if not given." },
};

static const struct param redirect_params[] = {
	ACCOUNT_PARAM(0),
	{ .name = "id",
	  .aliases = { "domain_id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The domain that becomes a redirect." },
	{ .name = "redirect_url",
	  .aliases = { "redirect_to" },
	  .flags = PARAM_REQUIRED,
	  .field = "redirect_to",
	  .doc = "Where visitors are sent." },
	{ .name = "code",
	  .aliases = { "redirect_code" },
	  .choices = codes,
	  .field = "redirect_code",
	  .doc = "301 for good, which it is if none is given; 302 for now." },
};

static const struct param remove_params[] = {
	ACCOUNT_PARAM(0),
	{ .name = "domain_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The domain." },
};

static bool is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static const char *lower(const void *ctx, const char *text)
{
	char *s = mem_str(ctx, text);

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

static int primary_of(struct call *c, const char **ret, struct err *err)
{
	struct cursor *cur = NULL;
	const struct domain *d = NULL;
	int r = cursor_open(c->ctx, c->store, &kind_domain, kind_field(&kind_domain, "account"),
			    c->account->username, &cur, err);

	*ret = NULL;
	while (r >= 0 && (r = cursor_next(c->ctx, cur, &d, err)) > 0) {
		if (is(d->type, "primary"))
			*ret = d->name;
	}
	(void)talloc_free(cur);
	if (r >= 0 && !*ret)
		r = err_set(err, ERR_INVALID, "The account has no primary domain");
	return r;
}

static int finish_alias(struct call *c, struct change *d, struct err *err)
{
	const char *primary;
	int r = crud_set(c, d, "type", "alias", err);

	if (r < 0 || call_has(c, "target"))
		return r;
	r = primary_of(c, &primary, err);
	return r < 0 ? r : crud_set(c, d, "target", primary, err);
}

/* The domain's type and what goes with it: a zone of its own, or an address in the zone above. */
static int begin(struct call *c, struct changeset *cs, struct change *d, const char *type,
		 const char *name, struct err *err)
{
	int r;

	if (is(type, "alias") || is(type, "parked"))
		r = finish_alias(c, d, err);
	else
		r = crud_set(c, d, "type", type, err);
	if (r < 0)
		return r;
	if (is(type, "subdomain"))
		return start_subdomain(c, cs, name, err);
	return start_zone(c, cs, c->account->username, name, err);
}

static int add(struct call *c, struct changeset *cs, struct change *d, struct err *err)
{
	/* clients of the original send one, which it ignored as well; ours are not left in the dark */
	if (call_has(c, "php_version"))
		c->message = "Domain added; it runs the PHP version of its account";
	return begin(c, cs, d, call_text(c, "type", "addon"),
		     lower(c->ctx, call_text(c, "domain", "")), err);
}

static int add_addon(struct call *c, struct changeset *cs, struct change *d, struct err *err)
{
	return begin(c, cs, d, "addon", lower(c->ctx, call_text(c, "domain", "")), err);
}

static int add_alias(struct call *c, struct changeset *cs, struct change *d, struct err *err)
{
	return begin(c, cs, d, "alias", lower(c->ctx, call_text(c, "domain", "")), err);
}

static int add_subdomain(struct call *c, struct changeset *cs, struct change *d, struct err *err)
{
	const char *label = lower(c->ctx, call_text(c, "subdomain", ""));
	const char *parent = call_text(c, "parent", NULL);
	size_t len;
	int r = parent ? 0 : primary_of(c, &parent, err);

	if (r < 0)
		return r;
	len = strlen(parent);
	/* "blog" and "blog.example.com" are both sent */
	if (strlen(label) <= len || strcmp(label + strlen(label) - len, parent) != 0)
		label = mem_fmt(c->ctx, "%s.%s", label, parent);
	r = crud_set(c, d, "name", label, err);
	return r < 0 ? r : begin(c, cs, d, "subdomain", label, err);
}

static int not_primary(struct call *c, const char *what, struct err *err)
{
	const struct domain *d = c->row;

	if (!is(d->type, "primary"))
		return 0;
	c->status = 400;
	return err_set(err, ERR_INVALID, "The primary domain cannot %s", what);
}

/* What it was before, it is no longer: a site's folder and an alias's target go. */
static int make_redirect(struct call *c, struct changeset *cs, struct change *d, struct err *err)
{
	static const char *const gone[] = { "document_root", "target" };
	const struct value unset = { .type = VALUE_NULL };
	int r = not_primary(c, "become a redirect", err);

	(void)cs;
	for (size_t i = 0; i < ARRAY_LEN(gone) && r >= 0; i++)
		r = change_set(c->ctx, d, kind_field(&kind_domain, gone[i]), &unset, err);
	if (r >= 0 && !call_has(c, "code"))
		r = crud_set(c, d, "redirect_code", "301", err);
	return r < 0 ? r : crud_set(c, d, "type", "redirect", err);
}

/* Of the kind, all that are of the domain and good for nothing else. */
static int drop_all(struct call *c, struct changeset *cs, const struct kind *k, const char *domain,
		    struct err *err)
{
	cleanup_(mem_freep) struct cursor *cur = NULL;
	void *row;
	int r = cursor_open(c->ctx, c->store, k, kind_field(k, "domain"), domain, &cur, err);

	while (r >= 0 && (r = cursor_next(c->ctx, cur, &row, err)) > 0)
		(void)crud_change(cs, CHANGE_DELETE, row);
	return r;
}

static int drop_zone(struct call *c, struct changeset *cs, const struct domain *d, struct err *err)
{
	struct zone *z = NULL;
	int r = store_get(c->ctx, c->store, &kind_zone, d->name, &z, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r >= 0 && is(z->account, d->account))
		(void)crud_change(cs, CHANGE_DELETE, z);
	return r < 0 ? r : 0;
}

/* Certificate, keys and zone go with it, which are the caller's as well. */
static int take_down(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	const struct domain *d = c->row;
	int r = not_primary(c, "be removed", err);

	(void)change;
	if (r >= 0)
		r = drop_all(c, cs, &kind_certificate, d->name, err);
	if (r >= 0)
		r = drop_all(c, cs, &kind_dkim_key, d->name, err);
	if (r < 0)
		return r;
	return is(d->type, "subdomain") ? start_subdomain_undo(c, cs, d->name, err)
					: drop_zone(c, cs, d, err);
}

#define ADD_ROW(name, params_, edit_, audit_, ...)                                                \
	{                                                                                         \
		.action = (name), .methods = METHOD_POST, .roles = ROLE_SESSION, .op = EP_CREATE, \
		.kind = &kind_domain, .shape = &shape_domain, PARAMS(params_), .audit = (audit_), \
		.edit = (edit_), __VA_ARGS__                                                      \
	}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_LIST,
	  .kind = &kind_domain,
	  .shape = &shape_domain,
	  PARAMS(list_params),
	  .doc = "Domains of an account, the primary one first." },
	ADD_ROW("add", add_params, add, "domains.add",
		.doc = "Adds a domain, subdomain, alias or redirect to an account."),
	ADD_ROW("add-addon", addon_params, add_addon, "domains.add-addon",
		.doc = "Adds a further site."),
	ADD_ROW("add-subdomain", subdomain_params, add_subdomain, "domains.add-subdomain",
		.doc = "Adds a site below a domain of the account."),
	ADD_ROW("add-alias", alias_params, add_alias, "domains.add-alias",
		.doc = "Adds another name for a site."),
	{ .action = "redirect",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_UPDATE,
	  .kind = &kind_domain,
	  .shape = &shape_domain,
	  PARAMS(redirect_params),
	  .audit = "domains.redirect",
	  .edit = make_redirect,
	  .doc = "Makes a domain a redirect." },
	{ .action = "remove",
	  .aliases = { "delete" },
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .op = EP_DELETE,
	  .kind = &kind_domain,
	  PARAMS(remove_params),
	  .audit = "domains.remove",
	  .edit = take_down,
	  .doc = "Removes a domain with its zone, certificate and mail keys; files stay. Mailboxes, "
		 "forwarders and aliases of it must be gone before." },
};

const struct resource resource_domains = RESOURCE("domains", rows, "Host names of an account.");
