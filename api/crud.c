#include "api/crud.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "api/own.h"
#include "api/write.h"
#include "base/digest.h"

/* Reading */

static struct page page_of(const struct call *c)
{
	return (struct page){ .page = call_int(c, "page", 1),
			      .per_page = call_int(c, "per_page", 25) };
}

/* The key of the row that a reference to the kind's parent (a zone) names. */
static const char *parent_key(const struct call *c, const struct kind *k)
{
	const struct field *parent = kind_parent(k);
	const struct endpoint *ep = c->endpoint;

	for (size_t i = 0; parent && i < ep->n_params; i++) {
		if (ep->params[i].type == PARAM_REF && ep->params[i].kind == parent->ref &&
		    c->args[i].is_given)
			return c->args[i].text;
	}
	return NULL;
}

static void put_meta(struct jsonw *w, const struct page *p)
{
	jsonw_open(w, "meta", '{');
	jsonw_int(w, "total", p->total);
	jsonw_int(w, "page", p->page);
	jsonw_int(w, "per_page", p->per_page);
	jsonw_int(w, "pages", (p->total + p->per_page - 1) / p->per_page);
	jsonw_close(w, '}');
}

int crud_list(struct call *c, const struct shape *shape, struct err *err)
{
	bool is_paged = c->endpoint->flags & EP_PAGED;
	struct page page = is_paged ? page_of(c) : (struct page){ 0 };
	struct listing l = {
		.shape = shape,
		.account = c->account ? c->account->username : NULL,
		.parent = parent_key(c, shape->kind),
		.search = is_paged ? call_text(c, "search", NULL) : NULL,
		.status = is_paged ? call_text(c, "status", NULL) : NULL,
		/* "t.retired": the parameter retired */
		.with_hidden = shape->hidden && call_int(c, shape->hidden + 2, 0),
		.page = is_paged ? &page : NULL,
	};
	int r;

	if (!is_paged)
		return shape_list(c, &l, &c->w, NULL, err);
	jsonw_open(&c->w, NULL, '{');
	r = shape_list(c, &l, &c->w, "items", err);
	if (r >= 0)
		put_meta(&c->w, &page);
	jsonw_close(&c->w, '}');
	return r;
}

int crud_row(struct call *c, const struct shape *shape, int64_t id, struct err *err)
{
	return shape_row(c, shape, id, &c->w, NULL, err);
}

/* Writing */

/* The parameter that speaks for a field of the endpoint's kind, or NULL. */
static const struct param *param_of(const struct endpoint *ep, const char *field)
{
	for (size_t i = 0; field && i < ep->n_params; i++) {
		if (ep->params[i].field && strcmp(ep->params[i].field, field) == 0)
			return &ep->params[i];
	}
	return NULL;
}

/* "domain: …" of a mailbox is about its address: what is derived comes from the key. */
static const char *origin_of(const struct kind *k, const char *message)
{
	const char *key = NULL;
	bool is_derived = false;

	FIELD_FOREACH(f, k) {
		size_t len = strlen(f->name);

		if (!key && (f->flags & FIELD_KEY))
			key = f->name;
		if ((f->flags & FIELD_DERIVED) && strncmp(message, f->name, len) == 0 &&
		    message[len] == ':')
			is_derived = true;
	}
	return is_derived ? key : NULL;
}

/* Of the resources that an endpoint makes besides its own: the parameters they are named by. */
static const struct {
	const struct kind *kind;
	const char *param;
} besides[] = {
	{ &kind_domain, "domain" },         { &kind_zone, "domain" },
	{ &kind_user, "username" },         { &kind_account, "username" },
	{ &kind_database_user, "db_user" }, { &kind_database, "db_name" },
	{ &kind_setting, "value" },
};

/* The parameter that a problem of a resource of kind K is about, or NULL. */
static const char *param_besides(const struct endpoint *ep, const struct kind *k, const char *field)
{
	const struct field *f = field ? kind_field(k, field) : NULL;
	const struct param *same = field ? param_find(ep, field) : NULL;

	if (same && !(f && (f->flags & FIELD_KEY)))
		return same->name;
	for (size_t i = 0; i < ARRAY_LEN(besides); i++) {
		const struct param *p = param_find(ep, besides[i].param);

		if (besides[i].kind == k && p)
			return p->name;
	}
	return same ? same->name : NULL;
}

int crud_set(struct call *c, struct change *change, const char *field, const char *text,
	     struct err *err)
{
	const struct kind *k = ((const struct res *)change->res)->kind;
	const struct field *f = kind_field(k, field);
	struct value v = field_value_of_text(c->ctx, f, text);
	const struct param *p = k == c->endpoint->kind ? param_of(c->endpoint, field) : NULL;
	const char *name = p ? p->name : param_besides(c->endpoint, k, field);
	int r = change_set(c->ctx, change, f, &v, err);

	if ((r == -ERR_INVALID || r == -ERR_TOOBIG) && name)
		(void)err_at(err, err->code, mem_fmt(c->ctx, "/%s", name), "%s",
			     mem_str(c->ctx, err->msg));
	return r;
}

/* An error of a field as one of the parameter that it came from; "" is the whole call. */
static const char *param_for(struct call *c, const struct changeset *cs, const struct problem *one)
{
	const struct kind *k = ((const struct res *)cs->v[one->change].res)->kind;
	const char *field = one->field ? one->field : origin_of(k, one->msg);
	const struct param *p = k == c->endpoint->kind ? param_of(c->endpoint, field) : NULL;
	const char *name = p ? p->name : param_besides(c->endpoint, k, field);

	/* limits and the like are of the whole */
	if (name && (field || one->code == ERR_CONFLICT))
		return name;
	if (one->change == 0)
		return field ? field : "";
	return mem_fmt(c->ctx, "%s%s%s", one->resource, field ? "/" : "", field ? field : "");
}

static int put_arg(struct call *c, struct change *change, const struct param *p,
		   const struct arg *a, struct err *err)
{
	const struct kind *k = ((const struct res *)change->res)->kind;
	const struct field *f = kind_field(k, p->field);
	struct value v = a->value;
	int r;

	if (p->type == PARAM_SECRET)
		v = (struct value){ .type = VALUE_STRING, .text = a->hash };
	/* a text from a query or a PHP client into a number's field */
	if (v.type == VALUE_STRING && !field_is_text(f) && f->type != FIELD_LIST)
		v = field_value_of_text(c->ctx, f, v.text);
	if (v.type == VALUE_INT && field_is_text(f))
		v = (struct value){ .type = VALUE_STRING, .text = a->text };
	r = change_set(c->ctx, change, f, &v, err);
	if (r == -ERR_INVALID || r == -ERR_TOOBIG) {
		c->status = 422;
		call_problem(c, p->name, mem_str(c->ctx, err->msg));
		return 0; /* the others are looked at as well */
	}
	return r;
}

int crud_fill(struct call *c, struct change *change, struct err *err)
{
	const struct endpoint *ep = c->endpoint;
	int r = 0;

	for (size_t i = 0; i < ep->n_params && r >= 0; i++) {
		const struct param *p = &ep->params[i];

		if (!p->field || p->type == PARAM_ROW)
			continue;
		if (c->args[i].is_given)
			r = put_arg(c, change, p, &c->args[i], err);
		else if (p->dflt && ep->op == EP_CREATE)
			r = crud_set(c, change, p->field, p->dflt, err);
	}
	if (r >= 0 && c->n_errors)
		r = err_set(err, ERR_INVALID, "%s", c->errors[0].message);
	return r;
}

struct change *crud_new(struct changeset *cs, const struct kind *k)
{
	struct change *change = changeset_add(cs, CHANGE_PUT, k);

	change->is_new = true;
	return change;
}

struct change *crud_change(struct changeset *cs, enum change_op op, const void *row)
{
	const struct res *res = row;
	struct change *change = changeset_add(cs, op, res->kind);

	((struct res *)change->res)->id = res->id;
	FIELD_FOREACH(f, res->kind) {
		if (f->flags & FIELD_KEY)
			field_copy(f, change->res, row);
	}
	return change;
}

enum err_code crud_worst(const struct problems *p)
{
	enum err_code code = ERR_INVALID;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].code == ERR_DENIED ||
		    (p->v[i].code != ERR_INVALID && code != ERR_DENIED))
			code = p->v[i].code;
	}
	return code;
}

static int tell_problems(struct call *c, const struct changeset *cs, const struct problems *p,
			 struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		call_problem(c, param_for(c, cs, &p->v[i]), p->v[i].msg);
	if (p->n && !c->resource)
		c->resource = mem_str(c->ctx, p->v[0].resource); /* for the audit row */
	return p->n ? err_set(err, crud_worst(p), "%s", p->v[0].msg) : -(int)err->code;
}

/* A request that comes again under its key: what it made the first time, if that is still there. */
static int find_first(struct call *c, struct changeset *cs, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct change *change = &cs->v[0];
	const struct kind *k = ((const struct res *)change->res)->kind;
	struct res *res = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT key FROM change WHERE rev=? AND kind=? ORDER BY seq LIMIT 1", &st,
			err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, c->rev);
	sql_bind_text(st, 2, k->name);
	r = sql_step(st, err);
	if (r <= 0)
		return r;
	change->key = mem_str(c->ctx, sql_text(st, 0));
	r = store_get(c->ctx, c->store, k, change->key, &res, err);
	/* a name that was given up is somebody else's by now, perhaps */
	if (r >= 0)
		r = own_get(c, k, res->id, OWN_SEE, &res, err);
	if (r >= 0)
		change->id = res->id;
	return r == -ERR_NOTFOUND && change->op == CHANGE_DELETE ? 0 : r;
}

/* The first change is what the call is about, what follows goes with it; NULL before it has a name. */
static const char *subject_of(struct call *c, const struct changeset *cs)
{
	const struct res *res = cs->n ? cs->v[0].res : NULL;

	if (!res)
		return NULL;
	FIELD_FOREACH(f, res->kind) {
		if ((f->flags & FIELD_KEY) && !field_is_set(f, res))
			return NULL;
	}
	return res_name(c->ctx, res);
}

const char *crud_actor(const struct call *c)
{
	return c->who.username ? c->who.username : "billing";
}

struct revision crud_revision(struct call *c)
{
	int64_t now = (int64_t)time(NULL);

	return (struct revision){
		.time = now,
		.actor = crud_actor(c),
		.source = c->who.role == ROLE_BILLING ? "whmcs" : "api",
		.actor_id = c->who.id,
		.address = c->address,
		.via = c->who.session                ? "session"
		       : c->who.role == ROLE_BILLING ? "key"
						     : "token",
		.action = c->endpoint->audit,
		.seen_rev = c->seen_rev,
		.idempotency = c->is_dry_run ? NULL : c->idempotency,
		.confirm_until = c->confirm_s ? now + c->confirm_s : 0,
	};
}

int crud_written(struct call *c, int r, const struct revision *rev, struct err *err)
{
	struct trial trial = { .rev = 0 };

	c->is_open = r > 0;
	c->rev = rev->rev;
	if (r > 0)
		c->confirm_until = rev->confirm_until;
	if (!rev->repeated)
		return 0;
	r = store_trial(c->ctx, c->store, rev->rev, &trial, err);
	if (r > 0 && trial.state == TRIAL_WAITING)
		c->confirm_until = trial.until;
	return r < 0 ? r : 0;
}

/* What an idempotency key stands for. Of a secret it has the slow hash: no quick digest of one is kept. */
static const char *request_digest(struct call *c)
{
	const struct endpoint *ep = c->endpoint;
	struct buf all = { .ctx = c->ctx, .max = BUF_MAX };
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	buf_printf(&all, "%s/%s", c->group ? c->group->name : "", ep->action);
	for (size_t i = 0; i < ep->n_params; i++) {
		const struct param *p = &ep->params[i];
		const struct arg *a = &c->args[i];

		const char *text = p->type == PARAM_SECRET ? a->tag : a->text;

		if (!a->is_given || p->type == PARAM_PLAIN)
			continue;
		buf_printf(&all, "\n%s=%s", p->name, text ? text : "");
		for (size_t k = 0; a->value.type == VALUE_LIST && k < a->value.n; k++)
			buf_printf(&all, ",%s", a->value.items[k]);
	}
	d = digest_of(buf_str(&all), all.len);
	digest_hex(&d, hex);
	return mem_str(c->ctx, hex);
}

/* What is made and rolled back again is the caller's own all the same. */
static void note_planned(struct call *c, const struct changeset *cs)
{
	for (size_t i = 0; i < cs->n; i++) {
		const struct change *change = &cs->v[i];

		if (change->op == CHANGE_PUT && change->key)
			ptrs_add(c->ctx, &c->planned,
				 mem_fmt(c->ctx, "%s/%s",
					 ((const struct res *)change->res)->kind->name,
					 change->key));
	}
}

int crud_apply(struct call *c, struct changeset *cs, struct err *err)
{
	struct revision rev = crud_revision(c);
	struct problems problems = { .ctx = c->ctx };
	int r;

	rev.about = subject_of(c, cs);
	if (rev.idempotency)
		rev.request = request_digest(c);
	if (c->is_dry_run)
		c->plan = write_plan_of(cs);
	r = store_apply(c->store, cs, &rev, &problems, err);
	if (r < 0)
		return tell_problems(c, cs, &problems, err);
	if (c->is_dry_run)
		note_planned(c, cs);
	r = crud_written(c, r, &rev, err);
	return r >= 0 && rev.repeated ? find_first(c, cs, err) : r;
}

int crud_account_of_user(struct call *c, const char *username, struct account **ret,
			 struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(c->store),
			"SELECT id FROM account WHERE user=? ORDER BY id LIMIT 1", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, username);
	r = sql_step(st, err);
	if (r <= 0)
		return r;
	r = store_get_id(c->ctx, c->store, &kind_account, sql_int(st, 0), ret, err);
	return r < 0 ? r : 1;
}

/* The answer of a write is the row as it stands, or nothing. */
static int answer(struct call *c, const struct changeset *cs, struct err *err)
{
	const struct change *change = &cs->v[0];

	if (change->op == CHANGE_DELETE) {
		c->resource = res_name(c->ctx, c->row);
		return 0;
	}
	c->resource = mem_fmt(c->ctx, "%s/%s", ((const struct res *)change->res)->kind->name,
			      change->key);
	return c->endpoint->shape ? crud_row(c, c->endpoint->shape, change->id, err) : 0;
}

static int write_one(struct call *c, struct err *err)
{
	const struct endpoint *ep = c->endpoint;
	struct changeset cs = { .ctx = c->ctx };
	struct change *change;
	const struct field *parent = kind_parent(ep->kind);
	int r = 0;

	if (ep->op == EP_CREATE)
		change = crud_new(&cs, ep->kind);
	else
		change = crud_change(&cs, ep->op == EP_DELETE ? CHANGE_DELETE : CHANGE_PUT, c->row);
	if (ep->op == EP_CREATE && parent && parent->ref == &kind_account && c->account)
		r = crud_set(c, change, parent->name, c->account->username, err);
	if (r >= 0 && ep->op != EP_DELETE)
		r = crud_fill(c, change, err);
	if (r >= 0 && ep->edit)
		r = ep->edit(c, &cs, &cs.v[0], err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	return r < 0 ? r : answer(c, &cs, err);
}

int crud_run(struct call *c, struct err *err)
{
	const struct endpoint *ep = c->endpoint;

	switch (ep->op) {
	case EP_CUSTOM: return ep->run(c, err);
	case EP_LIST: return crud_list(c, ep->shape, err);
	case EP_GET: return crud_row(c, ep->shape, ((const struct res *)c->row)->id, err);
	case EP_CREATE:
	case EP_UPDATE:
	case EP_DELETE: return write_one(c, err);
	}
	return err_set(err, ERR_CORRUPT, "no such operation");
}
