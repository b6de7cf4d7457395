#include "api/start.h"

#include <string.h>

#include "api/crud.h"
#include "api/own.h"

struct address {
	const char *setting, *type;
};

static const struct address addresses[] = {
	{ "server_ipv4", "A" },
	{ "server_ipv6", "AAAA" },
};

static int add_record(struct call *c, struct changeset *cs, const char *zone, const char *name,
		      const char *type, const char *value, struct err *err)
{
	struct change *rec = crud_new(cs, &kind_record);
	int r = crud_set(c, rec, "zone", zone, err);

	if (r >= 0)
		r = crud_set(c, rec, "name", name, err);
	if (r >= 0)
		r = crud_set(c, rec, "type", type, err);
	if (r >= 0)
		r = crud_set(c, rec, "value", value, err);
	return r;
}

/* This server's addresses under NAMES (NULL ends). */
static int add_addresses(struct call *c, struct changeset *cs, const char *zone,
			 const char *const *names, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(addresses) && r >= 0; i++) {
		const char *ip = NULL;

		r = call_setting(c, addresses[i].setting, &ip, err);
		for (size_t n = 0; names[n] && r >= 0 && ip && *ip; n++)
			r = add_record(c, cs, zone, names[n], addresses[i].type, ip, err);
	}
	return r;
}

static int exists(struct call *c, const struct kind *k, const char *key, struct err *err)
{
	void *res;
	int r = store_get(c->ctx, c->store, k, key, &res, err);

	if (r == -ERR_NOTFOUND || r == -ERR_INVALID) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : 1;
}

int start_zone(struct call *c, struct changeset *cs, const char *account, const char *domain,
	       struct err *err)
{
	static const char *const names[] = { "@", "www", "mail", NULL };
	struct change *zone, *mx;
	int r = exists(c, &kind_zone, domain, err);

	if (r != 0)
		return r < 0 ? r : 0;
	zone = crud_new(cs, &kind_zone);
	r = crud_set(c, zone, "name", domain, err);
	if (r >= 0)
		r = crud_set(c, zone, "account", account, err);
	if (r >= 0)
		r = add_addresses(c, cs, domain, names, err);
	if (r >= 0)
		r = add_record(c, cs, domain, "@", "MX", mem_fmt(c->ctx, "mail.%s", domain), err);
	if (r < 0)
		return r;
	mx = &cs->v[cs->n - 1];
	r = crud_set(c, mx, "priority", "10", err);
	if (r >= 0)
		r = add_record(c, cs, domain, "@", "SPF", "v=spf1 mx a ~all", err);
	if (r >= 0)
		r = add_record(
			c, cs, domain, "_dmarc", "DMARC",
			mem_fmt(c->ctx, "v=DMARC1; p=quarantine; rua=mailto:dmarc@%s", domain),
			err);
	return r;
}

/* The zone of ours that NAME lies in and the caller may change; NULL: none. */
static int zone_above(struct call *c, const char *name, const struct zone **ret, struct err *err)
{
	const char *dot = strchr(name, '.');

	*ret = NULL;
	for (; dot; dot = strchr(dot + 1, '.')) {
		int r = own_get_key(c, &kind_zone, dot + 1, OWN_CHANGE, ret, err);

		if (r != -ERR_NOTFOUND)
			return r;
		err_clear(err);
	}
	return 0;
}

/* NAME without the zone and the dot before it. */
static const char *label_of(struct call *c, const char *name, const struct zone *z)
{
	return mem_strn(c->ctx, name, strlen(name) - strlen(z->name) - 1);
}

int start_subdomain(struct call *c, struct changeset *cs, const char *name, struct err *err)
{
	const struct zone *z;
	int r = zone_above(c, name, &z, err);

	for (size_t i = 0; i < ARRAY_LEN(addresses) && r >= 0 && z; i++) {
		const char *label = label_of(c, name, z), *ip = NULL;
		int known;

		r = call_setting(c, addresses[i].setting, &ip, err);
		if (r < 0 || !ip || !*ip)
			continue;
		known = exists(
			c, &kind_record,
			mem_fmt(c->ctx, "%s/%s/%s/%s", z->name, label, addresses[i].type, ip), err);
		r = known < 0    ? known
		    : known == 0 ? add_record(c, cs, z->name, label, addresses[i].type, ip, err)
				 : 0;
	}
	return r;
}

int start_subdomain_undo(struct call *c, struct changeset *cs, const char *name, struct err *err)
{
	const struct zone *z;
	int r = zone_above(c, name, &z, err);

	for (size_t i = 0; i < ARRAY_LEN(addresses) && r >= 0 && z; i++) {
		const char *ip = NULL;
		void *record;

		r = call_setting(c, addresses[i].setting, &ip, err);
		if (r < 0 || !ip || !*ip)
			continue;
		r = store_get(c->ctx, c->store, &kind_record,
			      mem_fmt(c->ctx, "%s/%s/%s/%s", z->name, label_of(c, name, z),
				      addresses[i].type, ip),
			      &record, err);
		if (r >= 0)
			(void)crud_change(cs, CHANGE_DELETE, record);
		if (r == -ERR_NOTFOUND || r == -ERR_INVALID) {
			err_clear(err);
			r = 0;
		}
	}
	return r;
}

/* Accounts */

struct pair {
	const char *field, *value; /* NULL: left out */
};

static int add(struct call *c, struct changeset *cs, const struct kind *k, const struct pair *pairs,
	       size_t n, struct err *err)
{
	struct change *change = crud_new(cs, k);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		if (pairs[i].value)
			r = crud_set(c, change, pairs[i].field, pairs[i].value, err);
		if (r == -ERR_INVALID) {
			c->status = 422;
			call_problem(c, err->path[0] ? err->path + 1 : pairs[i].field, err->msg);
			r = 0; /* the others are looked at as well */
		}
	}
	return r;
}

int start_account(struct call *c, struct changeset *cs, const struct start_account *a,
		  struct err *err)
{
	const struct pair account[] = {
		{ "username", a->username }, { "user", a->username },
		{ "email", a->email },       { "package", a->package },
		{ "password", a->hash },     { "php_version", a->php_version },
	};
	const struct pair login[] = {
		{ "username", a->username }, { "role", "user" },          { "email", a->email },
		{ "password", a->hash },     { "reseller", a->reseller },
	};
	const struct pair domain[] = {
		{ "name", a->domain },
		{ "account", a->username },
		{ "type", "primary" },
	};
	int r = add(c, cs, &kind_account, account, ARRAY_LEN(account), err);

	/* what is wrong is told of the account's parameters, once */
	if (r >= 0 && c->n_errors)
		return err_set(err, ERR_INVALID, "%s", c->errors[0].message);
	if (r >= 0)
		r = add(c, cs, &kind_user, login, ARRAY_LEN(login), err);
	if (r >= 0)
		r = add(c, cs, &kind_domain, domain, ARRAY_LEN(domain), err);
	if (r >= 0 && c->n_errors)
		return err_set(err, ERR_INVALID, "%s", c->errors[0].message);
	return r < 0 ? r : start_zone(c, cs, a->username, a->domain, err);
}

int start_default_package(struct call *c, const char **ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT name FROM package WHERE owner IS NULL AND NOT retired "
			"ORDER BY name<>'Default', NOT is_default, id LIMIT 1",
			&st, err);

	if (r < 0)
		return r;
	r = sql_step(st, err);
	*ret = r > 0 ? mem_str(c->ctx, sql_text(st, 0)) : NULL;
	return r < 0 ? r : 0;
}

static int login_of(struct call *c, const struct account *a, struct user **ret, struct err *err)
{
	int r = a->user ? store_get(c->ctx, c->store, &kind_user, a->user, ret, err) : 0;

	if (r == -ERR_NOTFOUND)
		err_clear(err);
	return r == -ERR_NOTFOUND ? 0 : r;
}

int start_login_drop(struct call *c, struct changeset *cs, const struct account *a, struct err *err)
{
	struct user *u = NULL;
	int r = login_of(c, a, &u, err);

	if (r >= 0 && u && strcmp(u->role, "user") == 0)
		(void)crud_change(cs, CHANGE_DELETE, u);
	return r < 0 ? r : 0;
}

int start_login_password(struct call *c, struct changeset *cs, const struct account *a,
			 const char *hash, struct err *err)
{
	struct user *u = NULL;
	int r = login_of(c, a, &u, err);

	if (r < 0 || !u)
		return r;
	/* a reseller's or an administrator's login opens more than this account */
	if (strcmp(u->role, "user") != 0 && c->who.role != ROLE_ADMIN) {
		c->status = 403;
		return err_set(
			err, ERR_DENIED,
			"The account's login %s has the role %s; only an administrator or it "
			"itself sets its password",
			u->username, u->role);
	}
	r = crud_set(c, crud_change(cs, CHANGE_PUT, u), "password", hash, err);
	c->new_password_of = u->base.id;
	return r < 0 ? r : 0;
}
