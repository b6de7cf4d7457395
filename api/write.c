#include "api/write.h"

#include <string.h>
#include <time.h>

#include "api/api.h"
#include "api/args.h"
#include "api/crud.h"
#include "api/dispatch.h"
#include "api/endpoint.h"
#include "api/expiry.h"
#include "api/session.h"
#include "base/log.h"
#include "state/change_json.h"

/* The changes as the engine's "plan" reads them. */

static json_t *json_of_change(const void *ctx, const struct change *c)
{
	const struct kind *k = ((const struct res *)c->res)->kind;
	bool is_put = c->op == CHANGE_PUT;
	json_t *o = json_pack("{s:s, s:s}", "op", is_put ? "put" : "delete", "kind", k->name);
	json_t *fields = json_object();

	if (!c->is_new)
		(void)json_object_set_new(o, "key", json_string(res_key(ctx, c->res)));
	for (size_t i = 0; is_put && i < k->n_fields; i++) {
		const struct field *f = &k->fields[i];

		if (!(c->set & UINT64_C(1) << i) || f->type == FIELD_SECRET ||
		    (f->flags & FIELD_DERIVED))
			continue;
		(void)json_object_set_new(fields, f->name, change_json_field(f, c->res));
	}
	if (is_put)
		(void)json_object_set_new(o, "fields", fields);
	else
		json_decref(fields);
	return o;
}

json_t *write_plan_of(const struct changeset *cs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < cs->n; i++)
		(void)json_array_append_new(list, json_of_change(cs->ctx, &cs->v[i]));
	return list;
}

enum {
	SHOWN_MAX = 64 /* of a name that nobody has */
};

/* What the call was about, as far as it came to know that; or NULL. */
static const char *subject_of(const struct call *c)
{
	if (c->resource)
		return c->resource;
	if (c->row || c->account)
		return res_name(c->ctx, c->row ? c->row : (const void *)c->account);
	for (size_t i = 0; c->args && i < c->endpoint->n_params; i++) {
		if (c->endpoint->params[i].type == PARAM_REF && c->args[i].res)
			return res_name(c->ctx, c->args[i].res);
	}
	return NULL;
}

/* A row for what is no revision. That it cannot be written is logged: the answer stands. */
static void write_audit(struct call *c)
{
	struct err err = ERR_INIT;
	const struct endpoint *ep = c->endpoint;
	bool is_billing = c->who.role == ROLE_BILLING;
	/* who logs in says who; elsewhere the name is that of whom it is about */
	const char *name = ep->flags & EP_LOGIN ? call_said(c, "username") : NULL;
	const struct audit_row row = {
		.time = (int64_t)time(NULL),
		.actor = c->who.username ? c->who.username
			 : is_billing    ? "billing"
			 : name          ? name
					 : "nobody",
		.actor_id = c->who.id,
		.address = c->address,
		.source = is_billing ? "whmcs" : "api",
		.action = ep->audit ? ep->audit : ep->action,
		.outcome = c->result < 0 ? AUDIT_REFUSED : AUDIT_DONE,
		.resource = subject_of(c),
		.via = c->who.session ? "session"
		       : c->who.token ? "token"
		       : is_billing   ? "key"
				      : NULL,
	};

	if (store_audit_add(c->store, &row, &err) < 0)
		log_error("audit row of %s: %s", row.action, err.msg);
}

/* One call in the writer's transaction; what it leaves open is committed or rolled back. */
static int write_call(struct call *c, struct err *err)
{
	int r;

	if (c->is_audit) {
		write_audit(c);
		return 0;
	}
	r = c->expires ? expiry_run(c, err) : args_resolve(c, err);
	if (r >= 0 && !c->expires)
		r = crud_run(c, err);
	if (!c->is_open)
		return r;
	if (r < 0 || c->is_dry_run)
		store_rollback(c->store);
	else
		r = store_commit(c->store, err);
	if (r >= 0 && !c->is_dry_run && c->new_password_of)
		r = session_new_password(c, c->new_password_of, err);
	c->is_open = false;
	return r;
}

/* What each came to, in the order of the calls. */
static void write_all(struct call **calls, size_t n, int *results)
{
	struct seat *seat = calls[0]->seat;
	struct err err = ERR_INIT;
	int r = store_batch_begin(seat->store, &err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		calls[i]->seat = seat;
		calls[i]->store = seat->store;
		results[i] = write_call(calls[i], &calls[i]->err);
	}
	if (r >= 0)
		r = store_batch_commit(seat->store, &err);
	/* nothing of a batch that could not be committed stands, and nobody is told otherwise */
	for (size_t i = 0; i < n && r < 0; i++) {
		if (results[i] < 0)
			continue;
		calls[i]->err = err;
		calls[i]->status = 0;
		results[i] = r;
	}
}

void write_calls(void **items, size_t n, void *arg)
{
	struct api *api = arg;
	struct call **calls = (struct call **)items;
	int results[WORK_BATCH_MAX] = { 0 };
	struct err err = ERR_INIT;
	int r = api_seat(api, &calls[0]->seat, &err);

	for (size_t i = 0; i < n && r < 0; i++) {
		calls[i]->err = err;
		results[i] = r;
	}
	if (r >= 0) {
		write_all(calls, n, results);
		engine_wake(api->engine);
		expiry_tell(api->expiry, calls, n);
		events_wake(api->events);
	}
	for (size_t i = 0; i < n; i++)
		dispatch_written(calls[i], results[i]);
}
