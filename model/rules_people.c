/*
 * Rules between users, resellers, packages and accounts.
 *
 * An account is a reseller's when its user is his customer, or he himself.
 * It may have packages of that reseller and those that are everybody's.
 * One login has one account, and an account named like a login is that
 * login's, so that a name never means two people.
 */
#include <inttypes.h>
#include <string.h>

#include "model/rules_priv.h"

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whose customer USER is; NULL: nobody's. */
static const char *reseller_of(const struct user *u)
{
	return same(u->role, "reseller") ? u->username : u->reseller;
}

static int count(const struct subject *s, const char *text, const char *value, int64_t *ret,
		 struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->a->s->db, text, &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, value);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

/* Asked when the reseller gets one more. */
static int check_max_accounts(const struct subject *s, const char *reseller, struct err *err)
{
	struct user *u;
	int64_t n = 0;
	int64_t own = 0;
	int r;

	if (!reseller || !rule_first_time(s->a, mem_fmt(s->a->ctx, "accounts of %s", reseller)))
		return 0;
	r = rule_find(s, &kind_user, reseller, &u, err);
	if (r <= 0 || u->max_accounts == 0)
		return r < 0 ? r : 0;
	r = count(s,
		  "SELECT count(*) FROM user u JOIN account a ON a.user=u.username "
		  "WHERE u.reseller=?",
		  reseller, &n, err);
	if (r >= 0)
		r = count(s, "SELECT count(*) FROM account WHERE user=?", reseller, &own, err);
	if (r >= 0 && n + own > u->max_accounts)
		rule_complain(s, ERR_DENIED, NULL,
			      "reseller %s may have %" PRId64 " accounts, and would have %" PRId64,
			      reseller, u->max_accounts, n + own);
	return r;
}

/* RESELLER's people, or those of nobody, may have what is his or everybody's. */
static int check_package(const struct subject *s, const char *package, const char *reseller,
			 const char *who, struct err *err)
{
	struct package *p;
	int r = rule_find(s, &kind_package, package, &p, err);

	if (r > 0 && p->owner && !same(p->owner, reseller))
		rule_complain(s, ERR_DENIED, "package",
			      "package: \"%s\" is offered by one reseller alone, and %s is not his",
			      package, who);
	return r < 0 ? r : 0;
}

/* A state that is restored as a whole brings the package and the accounts that have it. */
static bool comes_along(const struct subject *s, const struct package *p)
{
	for (size_t i = 0; i < s->a->touched.n; i++) {
		const struct touched *t = &s->a->touched.v[i];

		if (t->kind == &kind_package && !t->before && same(t->key, p->name))
			return true;
	}
	return false;
}

static int check_retired(const struct subject *s, const char *was, const char *is, struct err *err)
{
	struct package *p;
	int r;

	if (!is || same(was, is))
		return 0;
	r = rule_find(s, &kind_package, is, &p, err);
	if (r > 0 && p->retired && !comes_along(s, p))
		rule_complain(
			s, ERR_DENIED, "package",
			"package: \"%s\" is no longer offered; it holds only for the accounts "
			"that have it",
			is);
	return r < 0 ? r : 0;
}

/* Accounts */

static int check_one_account(const struct subject *s, const char *user, struct err *err)
{
	int64_t n = 0;
	int r = count(s, "SELECT count(*) FROM account WHERE user=?", user, &n, err);

	if (r >= 0 && n > 1)
		rule_complain(s, ERR_CONFLICT, "user",
			      "user: \"%s\" has another account already, and a login has one",
			      user);
	return r;
}

static int check_name(const struct subject *s, const struct account *a, struct err *err)
{
	struct user *u;
	int r = a->user && !same(a->user, a->username)
			? rule_find(s, &kind_user, a->username, &u, err)
			: 0;

	if (r > 0)
		rule_complain(s, ERR_CONFLICT, "user",
			      "user: there is a login \"%s\"; an account of that name can only be "
			      "that login's",
			      a->username);
	return r < 0 ? r : 0;
}

int rule_holder(const struct subject *s, struct err *err)
{
	const struct account *a = s->res;
	const struct account *was = s->t->before;
	const char *reseller = NULL;
	struct user *u = NULL;
	int r = a->user ? rule_find(s, &kind_user, a->user, &u, err) : 0;

	if (r > 0)
		reseller = reseller_of(u);
	if (r >= 0 && a->package)
		r = check_package(s, a->package, reseller, "this account", err);
	if (r >= 0)
		r = check_retired(s, was ? was->package : NULL, a->package, err);
	if (r >= 0)
		r = check_name(s, a, err);
	if (r < 0 || !u || (was && same(was->user, a->user)))
		return r;
	r = check_one_account(s, a->user, err);
	return r < 0 ? r : check_max_accounts(s, reseller, err);
}

/* Users */

static int check_reseller(const struct subject *s, const struct user *u, struct err *err)
{
	struct user *reseller;
	int r;

	if (!u->reseller)
		return 0;
	if (!same(u->role, "user")) {
		rule_complain(s, ERR_INVALID, "reseller",
			      "reseller: only a login of role user is a customer; this one is of "
			      "role %s",
			      u->role);
		return 0;
	}
	r = rule_find(s, &kind_user, u->reseller, &reseller, err);
	if (r > 0 && !same(reseller->role, "reseller"))
		rule_complain(s, ERR_INVALID, "reseller",
			      "reseller: \"%s\" is of role %s; only a reseller has customers",
			      u->reseller, reseller->role);
	return r < 0 ? r : 0;
}

static int check_stays_reseller(const struct subject *s, const struct user *u, struct err *err)
{
	int64_t users = 0;
	int64_t packages = 0;
	int r = count(s, "SELECT count(*) FROM user WHERE reseller=?", u->username, &users, err);

	if (r >= 0)
		r = count(s, "SELECT count(*) FROM package WHERE owner=?", u->username, &packages,
			  err);
	if (r >= 0 && users + packages > 0)
		rule_complain(s, ERR_CONFLICT, "role",
			      "role: must stay reseller while there are customers (%" PRId64
			      ") or packages (%" PRId64 ") of this one",
			      users, packages);
	return r;
}

static int check_email(const struct subject *s, const struct user *u, struct err *err)
{
	int64_t n = 0;
	int r;

	if (!u->email)
		return 0;
	r = count(s, "SELECT count(*) FROM user WHERE email=?", u->email, &n, err);
	if (r >= 0 && n > 1)
		rule_complain(s, ERR_CONFLICT, "email",
			      "email: \"%s\" is that of another login, and one can log in with it",
			      u->email);
	return r;
}

static int check_login_name(const struct subject *s, const struct user *u, struct err *err)
{
	struct account *a;
	int r = rule_find(s, &kind_account, u->username, &a, err);

	if (r > 0 && a->user && !same(a->user, u->username))
		rule_complain(s, ERR_CONFLICT, "username",
			      "username: there is an account \"%s\" of another login", u->username);
	return r < 0 ? r : 0;
}

/* His accounts go with him to another reseller. */
static int check_moved(const struct subject *s, const struct user *u, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	struct account *a;
	int r = cursor_open(s->a->ctx, s->a->s, &kind_account, kind_field(&kind_account, "user"),
			    u->username, &c, err);

	while (r >= 0 && (r = cursor_next(s->a->ctx, c, &a, err)) > 0) {
		if (a->package)
			r = check_package(s, a->package, reseller_of(u),
					  mem_fmt(s->a->ctx, "account %s", a->username), err);
		if (r >= 0)
			r = check_max_accounts(s, reseller_of(u), err);
	}
	return r;
}

int rule_user(const struct subject *s, struct err *err)
{
	const struct user *u = s->res;
	const struct user *was = s->t->before;
	int r = check_reseller(s, u, err);

	if (r >= 0)
		r = check_email(s, u, err);
	if (r >= 0 && !was)
		r = check_login_name(s, u, err);
	if (r >= 0 && was && same(was->role, "reseller") && !same(u->role, "reseller"))
		r = check_stays_reseller(s, u, err);
	if (r >= 0 && was && !same(reseller_of(was), reseller_of(u)))
		r = check_moved(s, u, err);
	if (r >= 0 && u->package)
		r = check_package(s, u->package, u->reseller, "this login", err);
	return r < 0 ? r : check_retired(s, was ? was->package : NULL, u->package, err);
}

/* Packages */

/* Whom it would be taken from. */
static int check_foreign_holders(const struct subject *s, const struct package *p, struct err *err)
{
	int64_t n = 0;
	int64_t logins = 0;
	int r = count(s,
		      "SELECT count(*) FROM package p JOIN account a ON a.package=p.name "
		      "LEFT JOIN user u ON u.username=a.user WHERE p.name=? AND p.owner IS NOT "
		      "CASE u.role WHEN 'reseller' THEN u.username ELSE u.reseller END",
		      p->name, &n, err);

	if (r >= 0)
		r = count(s,
			  "SELECT count(*) FROM package p JOIN user u ON u.package=p.name "
			  "WHERE p.name=? AND p.owner IS NOT u.reseller",
			  p->name, &logins, err);
	if (r >= 0 && n + logins > 0)
		rule_complain(s, ERR_CONFLICT, "owner",
			      "owner: %" PRId64 " accounts or logins that are not this reseller's "
			      "have the package",
			      n + logins);
	return r;
}

int rule_package(const struct subject *s, struct err *err)
{
	const struct package *p = s->res;
	const struct package *was = s->t->before;
	struct user *u;
	int r;

	if (!p->owner)
		return 0;
	r = rule_find(s, &kind_user, p->owner, &u, err);
	if (r > 0 && !same(u->role, "reseller"))
		rule_complain(
			s, ERR_INVALID, "owner",
			"owner: \"%s\" is of role %s; only a reseller has packages of his own",
			p->owner, u->role);
	if (r >= 0 && was && !same(was->owner, p->owner))
		r = check_foreign_holders(s, p, err);
	return r < 0 ? r : 0;
}
