#include "api/own.h"

#include <string.h>

#include "api/crud.h"

/* Of ?1, the caller's user name. A reseller's own account, if it has one, is among its own. */
#define MINE_RESELLER                                                     \
	"(SELECT a.username FROM account a WHERE a.user=?1 OR a.user IN " \
	"(SELECT u.username FROM user u WHERE u.reseller=?1))"
/* By number: what is listed newest first is then walked in that order, not sorted. */
#define MINE_RESELLER_ID                                            \
	"(SELECT a.id FROM account a WHERE a.user=?1 OR a.user IN " \
	"(SELECT u.username FROM user u WHERE u.reseller=?1))"
#define USERS_RESELLER "t.id IN (SELECT u.id FROM user u WHERE u.reseller=?1 OR u.username=?1)"
#define MINE_USER      "(SELECT a.username FROM account a WHERE a.user=?1)"

#define ALL  "1"
#define NONE "0"

struct conditions {
	const char *reseller_sees, *reseller_changes, *user_sees, *user_changes;
};

struct rule {
	const struct kind *kind;
	struct conditions may;
};

static const struct rule rules[] = {
	{ &kind_account,
	  { "t.id IN " MINE_RESELLER_ID, "t.id IN " MINE_RESELLER_ID, "t.user=?1", "t.user=?1" } },
	{ &kind_user, { USERS_RESELLER, USERS_RESELLER, "t.username=?1", "t.username=?1" } },
	{ &kind_package, { "(+t.owner IS NULL OR +t.owner=?1)", "t.owner=?1", NONE, NONE } },
	{ &kind_branding, { "t.reseller=?1", "t.reseller=?1", NONE, NONE } },
};

/* What belongs to an account, at one remove or two. */
static const struct conditions of_account = {
	"t.account IN " MINE_RESELLER,
	"t.account IN " MINE_RESELLER,
	"t.account IN " MINE_USER,
	"t.account IN " MINE_USER,
};
static const struct conditions of_zone = {
	"t.zone IN (SELECT z.name FROM zone z WHERE z.account IN " MINE_RESELLER ")",
	"t.zone IN (SELECT z.name FROM zone z WHERE z.account IN " MINE_RESELLER ")",
	"t.zone IN (SELECT z.name FROM zone z WHERE z.account IN " MINE_USER ")",
	"t.zone IN (SELECT z.name FROM zone z WHERE z.account IN " MINE_USER ")",
};
static const struct conditions of_nobody = { NONE, NONE, NONE, NONE };

static const struct conditions *conditions_of(const struct kind *k)
{
	const struct field *parent = kind_parent(k);

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].kind == k)
			return &rules[i].may;
	}
	if (parent && parent->ref == &kind_account)
		return &of_account;
	if (parent && parent->ref == &kind_zone)
		return &of_zone;
	return &of_nobody;
}

static const char *condition(const struct call *c, const struct kind *k, enum own_right right)
{
	const struct conditions *may = conditions_of(k);

	switch (c->who.role) {
	case ROLE_ADMIN: return ALL;
	case ROLE_BILLING:
		return k == &kind_account || k == &kind_package || k == &kind_user ? ALL : NONE;
	case ROLE_RESELLER: return right == OWN_SEE ? may->reseller_sees : may->reseller_changes;
	case ROLE_USER: return right == OWN_SEE ? may->user_sees : may->user_changes;
	case ROLE_NOBODY: break;
	}
	return NONE;
}

const char *own_condition(const struct call *c, const struct kind *k)
{
	return condition(c, k, OWN_SEE);
}

/* The same words whether there is none or it is somebody else's. */
static int missing(const struct kind *k, struct err *err)
{
	char name[32] = "";

	for (size_t i = 0; i < sizeof(name) - 1 && k->name[i]; i++)
		name[i] = (char)(k->name[i] == '_' ? ' ' : k->name[i]);
	if (name[0] >= 'a' && name[0] <= 'z')
		name[0] = (char)(name[0] - 'a' + 'A');
	return err_set(err, ERR_NOTFOUND, "%s not found", name);
}

static bool may(struct call *c, const struct kind *k, int64_t id, enum own_right right, int *ret,
		struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *text = mem_fmt(c->ctx, "SELECT 1 FROM \"%s\" t WHERE t.id=?2 AND %s", k->name,
				   condition(c, k, right));

	*ret = sql_get(store_sql(c->store), call_sql(c, text), &st, err);
	if (*ret < 0)
		return false;
	if (strstr(text, "?1"))
		sql_bind_text(st, 1, c->who.username);
	sql_bind_int(st, 2, id);
	*ret = sql_step(st, err);
	return *ret > 0;
}

int own_get(struct call *c, const struct kind *k, int64_t id, enum own_right right, void *ret_res,
	    struct err *err)
{
	int r;

	if (!may(c, k, id, right, &r, err))
		return r < 0 ? r : missing(k, err);
	r = store_get_id(c->ctx, c->store, k, id, ret_res, err);
	return r == -ERR_NOTFOUND ? missing(k, err) : r;
}

int own_get_key(struct call *c, const struct kind *k, const char *key, enum own_right right,
		void *ret_res, struct err *err)
{
	struct res *res = NULL;
	int r = store_get(c->ctx, c->store, k, key, &res, err);

	/* a key that cannot be one names nothing */
	if (r == -ERR_NOTFOUND || r == -ERR_INVALID)
		return missing(k, err);
	if (r < 0)
		return r;
	if (!may(c, k, res->id, right, &r, err))
		return r < 0 ? r : missing(k, err);
	memcpy(ret_res, &res, sizeof(res));
	return 0;
}

int own_sees(struct call *c, const char *name, struct err *err)
{
	const char *slash = strchr(name, '/');
	const struct kind *k;
	void *res;
	int r;

	if (c->who.role == ROLE_ADMIN)
		return 1;
	k = slash ? kind_find(mem_strn(c->ctx, name, (size_t)(slash - name))) : NULL;
	if (!k)
		return 0;
	r = own_get_key(c, k, slash + 1, OWN_SEE, &res, err);
	if (r != -ERR_NOTFOUND)
		return r < 0 ? r : 1;
	err_clear(err);
	return 0;
}

int own_account(struct call *c, struct account **ret, struct err *err)
{
	int r = crud_account_of_user(c, c->who.username, ret, err);

	return r == 0 ? missing(&kind_account, err) : r < 0 ? r : 0;
}
