/* What becomes of a call on the threads beside the connections': hashers, waiters, the writer. */
#include "api/dispatch.h"

#include <string.h>

#include "api/call.h"
#include "api/crud.h"
#include "api/endpoint.h"
#include "api/engine_link.h"
#include "api/expiry.h"
#include "api/operations.h"
#include "api/plan.h"
#include "model/password.h"

/* A request with a key comes again with the same password, or is another. */
static int tag_secret(struct call *c, struct arg *a, struct err *err)
{
	const char *seed;

	if (!c->idempotency || c->is_dry_run)
		return 0;
	seed = mem_fmt(c->ctx, "%s\n%s", crud_actor(c), c->idempotency);
	return password_tag(c->ctx, a->text, seed, &a->tag, err);
}

static int hash_secrets(struct call *c, struct err *err)
{
	int64_t shortest = 0;
	int r = call_setting_int(c, "password_min_length", &shortest, err);

	for (size_t i = 0; i < c->endpoint->n_params && r >= 0; i++) {
		const struct param *p = &c->endpoint->params[i];
		struct arg *a = &c->args[i];

		if (p->type != PARAM_SECRET || !a->is_given || a->value.type == VALUE_NULL)
			continue;
		r = password_hash(c->ctx, a->text, (size_t)shortest, &a->hash, err);
		if (r == -ERR_INVALID) {
			c->status = 422;
			call_problem(c, p->name, err->msg);
		}
		if (r >= 0)
			r = tag_secret(c, a, err);
	}
	return r;
}

void dispatch_hash(void **items, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct call *c = items[i];
		int r = api_seat(arg, &c->seat, &c->err);

		if (r >= 0) {
			c->store = c->seat->store;
			r = hash_secrets(c, &c->err);
		}
		if (r >= 0 && c->endpoint->prepare)
			r = c->endpoint->prepare(c, &c->err);
		if (r < 0)
			dispatch_finish(c, r);
		else
			dispatch_carry_out(c);
	}
}

static const char *text_of(struct call *c, const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return mem_str(c->ctx, text ? text : "");
}

/* What is the worst for the caller: what will not be done by itself, else the first that is told. */
static const json_t *worst_of(const json_t *conditions)
{
	const json_t *one;
	size_t i;

	json_array_foreach(conditions, i, one)
	{
		const char *type = json_string_value(json_object_get(one, "type"));

		if (type && strcmp(type, "Progressing") != 0)
			return one;
	}
	return json_array_get(conditions, 0);
}

/* Why it is not applied yet. What a guard holds back never will be by itself. */
static void put_unapplied(struct call *c, const struct err *err)
{
	bool is_held = err->code == ERR_GUARD;

	c->condition.type = is_held ? "Blocked" : "Progressing";
	c->condition.reason = is_held                   ? "Guard"
			      : err->code == ERR_ABSENT ? "NotRunning"
							: "Waiting";
	c->condition.message =
		mem_fmt(c->ctx, "%s%s", err->msg,
			is_held ? "; on the server `novacpx pass` says how that is approved" : "");
}

/* The answer keeps what was written, whether or not the engine gets to it in time. */
static void wait_for_engine(struct call *c)
{
	struct err err = ERR_INIT;
	json_t *answer = NULL;
	json_t *request =
		json_pack("{s:s, s:I, s:I, s:s*}", "op", "wait", "revision", (json_int_t)c->rev,
			  "timeout_ms", (json_int_t)c->wait_ms, "resource", c->resource);
	int r = engine_call(c->api->engine, request, c->wait_ms + 2000, &answer, &err);
	const json_t *worst = worst_of(json_object_get(answer, "conditions"));

	json_decref(request);
	c->condition.type = "Ready";
	c->condition.reason = "Applied";
	if (r < 0)
		put_unapplied(c, &err);
	if (worst) {
		c->condition.resource = text_of(c, worst, "resource");
		c->condition.type = text_of(c, worst, "type");
		c->condition.reason = text_of(c, worst, "reason");
		c->condition.message = text_of(c, worst, "message");
	}
	json_decref(answer);
}

void dispatch_wait(void **items, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct call *c = items[i];
		int r = api_seat(arg, &c->seat, &c->err);

		if (r >= 0)
			c->store = c->seat->store;
		if (r >= 0 && c->plan)
			r = plan_show(c, &c->err);
		else if (r >= 0 && endpoint_writes(c->endpoint))
			wait_for_engine(c);
		else if (r >= 0)
			r = crud_run(c, &c->err);
		dispatch_finish(c, r);
	}
}

void dispatch_written(struct call *c, int r)
{
	bool goes_on;

	if (c->expires) {
		expiry_done(c, r);
		return;
	}
	if (c->is_audit) {
		dispatch_finish(c, c->result);
		return;
	}
	if (r >= 0 && c->is_async && c->rev && !c->plan)
		operation_begin(c);
	goes_on = r >= 0 && !c->operation && (c->plan || (c->wait_ms && c->rev));

	if (!goes_on || !work_put(c->api->waiters, c))
		dispatch_finish(c, r);
}
