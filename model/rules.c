/*
 * Rules across resources, checked over what a commit touched, after its rows
 * stand in the open transaction: references exist and stay within one tenant,
 * names are claimed once, limits hold, DNS names can stand together. Every
 * problem is collected; a rule returns an error only when the store fails.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/check.h"
#include "model/rdata.h"
#include "model/rules_priv.h"

void rule_complain(const struct subject *s, enum err_code code, const char *field, const char *fmt,
		   ...)
{
	va_list ap;
	char *msg;

	va_start(ap, fmt);
	msg = talloc_vasprintf(s->a->ctx, fmt, ap);
	va_end(ap);
	problem_add(s->a->problems, s->t->change, code, res_name(s->a->ctx, s->res), field, "%s",
		    msg);
}

/* What was complained of last clashes with K/KEY. */
static void clashes_with(const struct subject *s, const struct kind *k, const char *key)
{
	struct problem *p = &s->a->problems->v[s->a->problems->n - 1];

	for (size_t i = 0; i < s->a->touched.n && !p->has_other; i++) {
		const struct touched *t = &s->a->touched.v[i];

		p->has_other = t->after && t->kind == k && strcmp(t->key, key) == 0;
		p->other = t->change;
	}
}

int rule_find(const struct subject *s, const struct kind *k, const char *key, void *ret_res,
	      struct err *err)
{
	return apply_find(s->a, k, key, ret_res, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool rule_first_time(struct apply *a, const char *name)
{
	void **slot;

	if (strmap_find(&a->checked, name))
		return false;
	slot = strmap_slot(&a->checked, name);
	*slot = a;
	return true;
}

/* The same of RULE and what it holds of all of NAMES together, whichever of them asks: it is told once. */
static bool first_of(struct apply *a, const char *rule, const char **names, size_t n)
{
	struct buf all = BUF_ON(a->ctx);

	qsort(names, n, sizeof(*names), by_name);
	buf_puts(&all, rule);
	for (size_t i = 0; i < n; i++)
		buf_printf(&all, " %s", names[i]);
	return rule_first_time(a, buf_str(&all));
}

static bool is(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* References */

static int check_ref(const struct subject *s, const struct field *f, struct err *err)
{
	const char *key = field_text(f, s->res);
	const char *what = f->flags & FIELD_DERIVED ? NULL : f->name;
	const char *owner = NULL;
	void *target = NULL;
	int r;

	if (!key || !rule_first_time(s->a, mem_fmt(s->a->ctx, "ref %s/%s %s", f->ref->name, key,
						   s->account ? s->account : "")))
		return 0;
	r = rule_find(s, f->ref, key, &target, err);
	if (r < 0)
		return r;
	if (r > 0)
		r = apply_account_of(s->a, target, &owner, err);
	if (r < 0)
		return r;
	if (!target) {
		*strmap_slot(&s->a->checked, mem_fmt(s->a->ctx, "ref %s/%s %s", f->ref->name, key,
						     s->account ? s->account : "")) =
			NULL; /* ask again: each one is told */
		rule_complain(s, ERR_INVALID, what, "%s: there is no %s \"%s\"", f->name,
			      f->ref->name, key);
	} else if (owner && s->account && strcmp(owner, s->account) != 0) {
		rule_complain(s, ERR_DENIED, what,
			      "%s: the %s \"%s\" does not belong to account %s", f->name,
			      f->ref->name, key, s->account);
	}
	return 0;
}

static int check_refs(const struct subject *s, struct err *err)
{
	FIELD_FOREACH(f, s->t->kind) {
		int r = f->type == FIELD_REF ? check_ref(s, f, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* What is deleted must not be needed any more. Children went with it. */
static int check_referrers(struct apply *a, const struct touched *t, struct err *err)
{
	KIND_FOREACH(k) {
		FIELD_FOREACH(f, k) {
			cleanup_(mem_freep) struct cursor *c = NULL;
			int64_t n = 0;
			void *first;
			int r;

			if (f->type != FIELD_REF || f->ref != t->kind)
				continue;
			r = store_count(a->s, k, f, t->key, &n, err);
			if (r >= 0 && n > 0)
				r = cursor_open(a->ctx, a->s, k, f, t->key, &c, err);
			if (r >= 0 && n > 0)
				r = cursor_next(a->ctx, c, &first, err);
			if (r < 0)
				return r;
			if (n > 0)
				problem_add(a->problems, t->change, ERR_CONFLICT,
					    mem_fmt(a->ctx, "%s/%s", t->kind->name, t->key), NULL,
					    "cannot be deleted: %s needs it%s",
					    res_name(a->ctx, first),
					    n > 1 ? mem_fmt(a->ctx, ", and %" PRId64 " more", n - 1)
						  : "");
		}
	}
	return 0;
}

/* Names that belong to somebody */

/* A name below another tenant's domain or zone would be taken out of his hands. */
static int check_foreign_parent(const struct subject *s, const char *name, bool *ret_has_parent,
				struct err *err)
{
	static const struct kind *const owners[] = { &kind_domain, &kind_zone };

	*ret_has_parent = false;
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
		for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
			const char *owner = NULL;
			void *above;
			int r = rule_find(s, owners[i], dot + 1, &above, err);

			if (r > 0)
				r = apply_account_of(s->a, above, &owner, err);
			if (r < 0)
				return r;
			if (!owner)
				continue;
			if (strcmp(owner, s->account) != 0) {
				rule_complain(
					s, ERR_DENIED, "name",
					"the name lies below \"%s\", which belongs to another account",
					dot + 1);
				return 0;
			}
			*ret_has_parent = true;
		}
	}
	return 0;
}

static bool is_beneath(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int check_in_home(const struct subject *s, const char *field, const char *path,
			 struct err *err)
{
	struct account *a;
	int r;

	if (!path || !s->account)
		return 0;
	r = rule_find(s, &kind_account, s->account, &a, err);
	if (r > 0 && !is_beneath(path, account_home(s->a->ctx, a)))
		rule_complain(s, ERR_INVALID, field, "%s: \"%s\" must lie in the account's home %s",
			      field, path, account_home(s->a->ctx, a));
	return r < 0 ? r : 0;
}

static bool first_www(const struct subject *s, const char *name)
{
	return first_of(s->a, "www", &name, 1);
}

static int check_www_claim(const struct subject *s, const struct domain *d, struct err *err)
{
	const char *www = mem_fmt(s->a->ctx, "www.%s", d->name);
	struct domain *other;
	int r = 0;

	if (d->www) {
		r = rule_find(s, &kind_domain, www, &other, err);
		if (r > 0 && first_www(s, www)) {
			rule_complain(s, ERR_CONFLICT, "www",
				      "www: \"%s\" is a domain of its own; set www to false here",
				      www);
			clashes_with(s, &kind_domain, www);
		}
	}
	if (r >= 0 && strncmp(d->name, "www.", 4) == 0) {
		r = rule_find(s, &kind_domain, d->name + 4, &other, err);
		if (r > 0 && other->www && first_www(s, d->name)) {
			rule_complain(s, ERR_CONFLICT, NULL,
				      "domain \"%s\" answers to this name already (its field www)",
				      d->name + 4);
			clashes_with(s, &kind_domain, d->name + 4);
		}
	}
	return r < 0 ? r : 0;
}

static int check_one_primary(const struct subject *s, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	const struct domain *d = s->res;
	struct domain *other;
	int r;

	if (!is(d->type, "primary"))
		return 0;
	r = cursor_open(s->a->ctx, s->a->s, &kind_domain, kind_parent(&kind_domain), d->account, &c,
			err);
	while (r >= 0 && (r = cursor_next(s->a->ctx, c, &other, err)) > 0) {
		const char *both[] = { d->name, other->name };

		if (!is(other->type, "primary") || is(other->name, d->name) ||
		    !first_of(s->a, "primary", both, ARRAY_LEN(both)))
			continue;
		rule_complain(s, ERR_CONFLICT, "type",
			      "type: account %s has its primary domain already: \"%s\"", d->account,
			      other->name);
		clashes_with(s, &kind_domain, other->name);
	}
	return r;
}

static bool leads_on(const struct domain *d)
{
	return is(d->type, "alias") || is(d->type, "redirect");
}

/* An alias shows a site: its target is one when it is set, and stays one. */
static int check_alias(const struct subject *s, const struct domain *d, struct err *err)
{
	struct domain *target;
	int r = d->target ? rule_find(s, &kind_domain, d->target, &target, err) : 0;
	const char *both[] = { d->name, d->target };

	if (r > 0 && leads_on(target) && first_of(s->a, "alias", both, ARRAY_LEN(both)))
		rule_complain(s, ERR_INVALID, "target",
			      "target: \"%s\" is itself of type %s; name the site it leads to",
			      d->target, target->type);
	return r;
}

static int check_shown_by(const struct subject *s, const struct domain *d, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	struct domain *alias;
	int r = 0;

	if (leads_on(d))
		r = cursor_open(s->a->ctx, s->a->s, &kind_domain,
				kind_field(&kind_domain, "target"), d->name, &c, err);
	while (c && r >= 0 && (r = cursor_next(s->a->ctx, c, &alias, err)) > 0) {
		const char *both[] = { alias->name, d->name };

		if (!first_of(s->a, "alias", both, ARRAY_LEN(both)))
			continue;
		rule_complain(
			s, ERR_CONFLICT, "type",
			"type: \"%s\" is an alias of this site; lead it elsewhere before this becomes of type %s",
			alias->name, d->type);
		clashes_with(s, &kind_domain, alias->name);
	}
	return r;
}

static int rule_domain(const struct subject *s, struct err *err)
{
	const struct domain *d = s->res;
	bool has_parent = false;
	int r = check_foreign_parent(s, d->name, &has_parent, err);

	if (r >= 0 && is(d->type, "subdomain") && !has_parent)
		rule_complain(
			s, ERR_INVALID, "type",
			"type: a subdomain lies below a domain of the same account; account %s has none above \"%s\"",
			d->account, d->name);
	if (r >= 0)
		r = check_www_claim(s, d, err);
	if (r >= 0)
		r = check_one_primary(s, err);
	if (r >= 0)
		r = check_in_home(s, "document_root", d->document_root, err);
	if (r >= 0)
		r = check_alias(s, d, err);
	if (r >= 0)
		r = check_shown_by(s, d, err);
	return r < 0 ? r : 0;
}

static int rule_ftp(const struct subject *s, struct err *err)
{
	return check_in_home(s, "home_dir", ((const struct ftp_account *)s->res)->home_dir, err);
}

static int check_prefix(const struct subject *s, const char *name)
{
	if (strncmp(name, s->account, strlen(s->account)) != 0 || name[strlen(s->account)] != '_')
		rule_complain(s, ERR_INVALID, "name", "name: \"%s\" must begin with \"%s_\"", name,
			      s->account);
	return 0;
}

static int rule_database(const struct subject *s, struct err *err)
{
	(void)err;
	return check_prefix(s, ((const struct database *)s->res)->name);
}

static int rule_database_user(const struct subject *s, struct err *err)
{
	const struct database_user *u = s->res;
	int r = check_prefix(s, u->name);

	for (size_t i = 0; i < u->databases.n && r >= 0; i++) {
		struct database *d = NULL;

		r = rule_find(s, &kind_database, u->databases.v[i], &d, err);
		if (r >= 0 && (!d || strcmp(d->account, s->account) != 0))
			rule_complain(s, ERR_INVALID, "databases",
				      "databases: account %s has no database \"%s\"", s->account,
				      u->databases.v[i]);
	}
	return r < 0 ? r : 0;
}

/* DNS */

static int rule_zone(const struct subject *s, struct err *err)
{
	bool has_parent;

	return check_foreign_parent(s, ((const struct zone *)s->res)->name, &has_parent, err);
}

static int same_name(const struct subject *s, const struct record *rec, int64_t *ret_cnames,
		     int64_t *ret_all, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		store_sql(s->a->s),
		"SELECT count(*), coalesce(sum(type='CNAME'), 0) FROM record WHERE zone=? AND name=?",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, rec->zone);
	sql_bind_text(st, 2, rec->name);
	r = sql_step(st, err);
	if (r > 0) {
		*ret_all = sql_int(st, 0);
		*ret_cnames = sql_int(st, 1);
	}
	return r < 0 ? r : 0;
}

/* An NS inside the zone needs an address here, or the name server refuses the whole zone. */
static int check_ns_address(const struct subject *s, const struct record *rec, struct err *err)
{
	const struct rdata_type *type = rdata_type_find(rec->type);
	const char *target = rdata_target(type, rec->value);
	const char *owner;
	struct err ignored = ERR_INIT;
	cleanup_(sql_done) struct stmt *st = NULL;
	int r;

	if (!target || !is(rec->type, "NS"))
		return 0;
	if (!is(target, mem_fmt(s->a->ctx, "%s.", rec->zone)) &&
	    !strstr(target, mem_fmt(s->a->ctx, ".%s.", rec->zone)))
		return 0;
	if (rdata_name_canon(s->a->ctx, rec->zone, target, &owner, &ignored) < 0)
		return 0;
	r = sql_get(store_sql(s->a->s),
		    "SELECT 1 FROM record WHERE zone=? AND name=? AND type IN ('A','AAAA')", &st,
		    err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, rec->zone);
	sql_bind_text(st, 2, owner);
	r = sql_step(st, err);
	if (r == 0)
		rule_complain(
			s, ERR_INVALID, "value",
			"value: name server \"%s\" lies in this zone, so it needs an A or AAAA record here",
			target);
	return r < 0 ? r : 0;
}

static int rule_record(const struct subject *s, struct err *err)
{
	const struct record *rec = s->res;
	int64_t cnames = 0;
	int64_t all = 0;
	int r = 0;

	if (rule_first_time(s->a, mem_fmt(s->a->ctx, "name %s %s", rec->zone, rec->name)))
		r = same_name(s, rec, &cnames, &all, err);
	if (r < 0)
		return r;
	if (cnames > 0 && is(rec->name, "@"))
		rule_complain(
			s, ERR_INVALID, "type",
			"type: a CNAME cannot stand at the zone's own name (RFC 1912, 2.4); use A and AAAA");
	else if (cnames > 0 && all > 1)
		rule_complain(
			s, ERR_INVALID, "type",
			"type: a CNAME stands alone at its name (RFC 1034, 3.6.2), and \"%s\" has %" PRId64
			" records",
			rec->name, all);
	return check_ns_address(s, rec, err);
}

/* When an address goes, a name server that lives on it must not be left without. */
static int address_gone(struct apply *a, const struct touched *t, struct err *err)
{
	const struct record *gone = t->before;
	cleanup_(mem_freep) struct cursor *c = NULL;
	struct subject s = { .a = a, .t = t };
	struct record *rec;
	int r;

	if (!is(gone->type, "A") && !is(gone->type, "AAAA"))
		return 0;
	if (!rule_first_time(a, mem_fmt(a->ctx, "ns of %s", gone->zone)))
		return 0;
	r = cursor_open(a->ctx, a->s, &kind_record, kind_parent(&kind_record), gone->zone, &c, err);
	while (r >= 0 && (r = cursor_next(a->ctx, c, &rec, err)) > 0) {
		s.res = rec;
		if (is(rec->type, "NS"))
			r = check_ns_address(&s, rec, err);
	}
	return r;
}

/* Mail */

static int check_forwards_to_itself(const struct subject *s, const struct forwarder *f,
				    struct err *err)
{
	void *mailbox = NULL;
	int r = rule_find(s, &kind_mailbox, f->source, &mailbox, err);

	if (r == 0)
		rule_complain(
			s, ERR_INVALID, "destination",
			"destination: forwards to itself, and there is no mailbox of that address");
	return r < 0 ? r : 0;
}

/*
 * Addresses the mail of a forwarder reaches, in order of finding, each with the number of the one it
 * comes from (its value: that number and 1; NULL for the first).
 */
static const char *previous(const struct strmap *reached, size_t *at)
{
	uintptr_t from = (uintptr_t)reached->entries[*at].value;

	*at = from ? from - 1 : 0;
	return from ? reached->entries[*at].key : NULL;
}

/* The mail of F comes back by NEXT, which stands at AT. Each of the ring would say so: the first does. */
static void complain_of_ring(const struct subject *s, const struct forwarder *f,
			     const struct forwarder *next, const struct strmap *reached, size_t at)
{
	const char **ring = mem_zero(s->a->ctx, (reached->n + 1) * sizeof(*ring));
	size_t n = 0;

	ring[n++] = f->source;
	for (const char *name = reached->entries[at].key; name; name = previous(reached, &at))
		ring[n++] = name;
	if (!first_of(s->a, "ring", ring, n))
		return;
	rule_complain(s, ERR_INVALID, "destination",
		      "destination: the mail would come back: \"%s\" forwards to \"%s\" again",
		      next->source, f->source);
	clashes_with(s, &kind_forwarder, res_key(s->a->ctx, next));
}

static int rule_forwarder(const struct subject *s, struct err *err)
{
	const struct forwarder *f = s->res;
	struct strmap reached = STRMAP_ON(s->a->ctx);
	int r = 0;

	if (strcmp(f->source, f->destination) == 0)
		return check_forwards_to_itself(s, f, err);
	(void)strmap_slot(&reached, f->destination);
	for (size_t i = 0; i < reached.n && r >= 0; i++) {
		cleanup_(mem_freep) struct cursor *c = NULL;
		struct forwarder *next;

		r = cursor_open(s->a->ctx, s->a->s, &kind_forwarder,
				kind_field(&kind_forwarder, "source"), reached.entries[i].key, &c,
				err);
		while (r >= 0 && (r = cursor_next(s->a->ctx, c, &next, err)) > 0) {
			size_t known = reached.n;
			void **from;

			if (strcmp(next->destination, f->source) == 0) {
				complain_of_ring(s, f, next, &reached, i);
				continue;
			}
			from = strmap_slot(&reached, next->destination);
			if (reached.n > known)
				*from = (void *)(i + 1); /* NOLINT(performance-no-int-to-ptr) */
		}
	}
	return r < 0 ? r : 0;
}

/* Package limits */

static const char *const counted_sites[] = { "primary", "addon", "redirect", NULL };
static const char *const counted_addons[] = { "addon", NULL };
static const char *const counted_subs[] = { "subdomain", NULL };
static const char *const counted_parked[] = { "alias", NULL };

static const struct limit {
	const struct kind *kind;
	const char *const *types; /* of domains */
	const char *field;        /* of the package */
	const char *what;
} limits[] = {
	{ &kind_domain, counted_sites, "max_domains", "domains" },
	{ &kind_domain, counted_addons, "max_addon_domains", "addon domains" },
	{ &kind_domain, counted_subs, "max_subdomains", "subdomains" },
	{ &kind_domain, counted_parked, "max_parked_domains", "alias domains" },
	{ &kind_mailbox, NULL, "max_email", "mailboxes" },
	{ &kind_ftp_account, NULL, "max_ftp", "FTP accounts" },
	{ &kind_database, NULL, "max_databases", "databases" },
};

static bool counts(const struct limit *l, const void *res)
{
	if (!l->types)
		return true;
	for (size_t i = 0; l->types[i]; i++) {
		if (is(l->types[i], ((const struct domain *)res)->type))
			return true;
	}
	return false;
}

static int count_of(const struct subject *s, const struct limit *l, const char *account,
		    int64_t *ret, struct err *err)
{
	cleanup_(mem_freep) struct cursor *c = NULL;
	void *res;
	int r;

	*ret = 0;
	if (!l->types)
		return store_count(s->a->s, l->kind, kind_parent(l->kind), account, ret, err);
	r = cursor_open(s->a->ctx, s->a->s, l->kind, kind_parent(l->kind), account, &c, err);
	while (r >= 0 && (r = cursor_next(s->a->ctx, c, &res, err)) > 0)
		*ret += counts(l, res);
	return r;
}

static int check_limit(const struct subject *s, const struct limit *l, const struct account *a,
		       struct err *err)
{
	struct package *p;
	int64_t max;
	int64_t n;
	int r;

	if (!a->package ||
	    !rule_first_time(s->a, mem_fmt(s->a->ctx, "limit %s %s", l->field, a->username)))
		return 0;
	r = rule_find(s, &kind_package, a->package, &p, err);
	if (r <= 0)
		return r;
	max = field_int(kind_field(&kind_package, l->field), p);
	if (max == 0)
		return 0;
	r = count_of(s, l, a->username, &n, err);
	if (r >= 0 && n > max)
		rule_complain(s, ERR_DENIED, NULL,
			      "package \"%s\" allows %" PRId64
			      " %s, and account %s would have %" PRId64,
			      p->name, max, l->what, a->username, n);
	return r;
}

static int check_limits(const struct subject *s, struct err *err)
{
	struct account *a = NULL;
	int r = 0;

	if (!s->account || s->t->before)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(limits) && r >= 0; i++) {
		if (limits[i].kind != s->t->kind || !counts(&limits[i], s->res))
			continue;
		if (!a)
			r = rule_find(s, &kind_account, s->account, &a, err);
		if (r >= 0 && a)
			r = check_limit(s, &limits[i], a, err);
	}
	return r < 0 ? r : 0;
}

/* A smaller package must still hold what the account has. */
static int rule_account(const struct subject *s, struct err *err)
{
	const struct account *was = s->t->before;
	int r = 0;

	if (was && !is(was->package, ((const struct account *)s->res)->package)) {
		for (size_t i = 0; i < ARRAY_LEN(limits) && r >= 0; i++)
			r = check_limit(s, &limits[i], s->res, err);
	}
	return r < 0 ? r : 0;
}

static const struct {
	const struct kind *kind;
	int (*check)(const struct subject *s, struct err *err);
} rules[] = {
	{ &kind_user, rule_user },
	{ &kind_package, rule_package },
	{ &kind_account, rule_holder },
	{ &kind_account, rule_account },
	{ &kind_domain, rule_domain },
	{ &kind_zone, rule_zone },
	{ &kind_record, rule_record },
	{ &kind_forwarder, rule_forwarder },
	{ &kind_ftp_account, rule_ftp },
	{ &kind_database, rule_database },
	{ &kind_database_user, rule_database_user },
};

static int check_after(struct apply *a, const struct touched *t, struct err *err)
{
	struct subject s = { .a = a, .t = t, .res = t->after };
	int r = apply_account_of(a, t->after, &s.account, err);

	if (r >= 0)
		r = check_refs(&s, err);
	for (size_t i = 0; i < ARRAY_LEN(rules) && r >= 0; i++) {
		if (rules[i].kind == t->kind)
			r = rules[i].check(&s, err);
	}
	return r < 0 ? r : check_limits(&s, err);
}

int rules_check(struct apply *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < a->touched.n && r >= 0; i++) {
		const struct touched *t = &a->touched.v[i];

		if (t->after)
			r = check_after(a, t, err);
		else
			r = check_referrers(a, t, err);
		if (r >= 0 && t->before && t->kind == &kind_record)
			r = address_gone(a, t, err);
	}
	return r;
}
