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
