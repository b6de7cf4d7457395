#include "api/plan.h"

#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/own.h"

enum {
	PLAN_TIMEOUT_MS = 60000,
};

static int is_shown(struct call *c, const json_t *o, struct err *err)
{
	const char *name = json_string_value(json_object_get(o, "resource"));

	for (size_t i = 0; name && i < c->planned.n; i++) {
		if (strcmp(c->planned.v[i], name) == 0)
			return 1;
	}
	return name ? own_sees(c, name, err) : 0;
}

static int keep_shown(struct call *c, json_t *list, struct err *err)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		int r = is_shown(c, json_array_get(list, i), err);

		if (r < 0)
			return r;
		if (r == 0)
			(void)json_array_remove(list, i);
	}
	return 0;
}

/*
 * The engine plans for the whole server: what others wrote a moment ago, what drifted at theirs,
 * files that all share. Who is no admin is shown their own.
 */
static int hide_foreign(struct call *c, json_t *answer, struct err *err)
{
	json_t *actions = json_object_get(answer, "actions");
	int r = keep_shown(c, actions, err);

	if (r >= 0)
		r = keep_shown(c, json_object_get(answer, "findings"), err);
	if (json_object_get(answer, "guard"))
		(void)json_object_set_new(
			answer, "guard",
			json_string("The engine would wait for an administrator's word"));
	(void)json_object_del(answer, "digest");
	(void)json_object_set_new(answer, "count",
				  json_integer((json_int_t)json_array_size(actions)));
	return r;
}

/* What the engine would do, as JSON; freed with the call. */
static int ask_for_plan(struct call *c, const char **ret, struct err *err)
{
	json_t *request = json_pack("{s:s, s:O}", "op", "plan", "changes", c->plan);
	json_t *answer = NULL;
	char *text = NULL;
	int r = engine_call(c->api->engine, request, PLAN_TIMEOUT_MS, &answer, err);

	json_decref(request);
	if (r < 0)
		return r;
	(void)json_object_del(answer, "ok");
	if (c->who.role != ROLE_ADMIN)
		r = hide_foreign(c, answer, err);
	if (r >= 0)
		text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	if (r < 0)
		return r;
	*ret = mem_str(c->ctx, text ? text : "null");
	free(text);
	return 0;
}

/* Beside what the model said already, which stands when the engine does not run. */
static int add_plan(struct call *c, struct err *err)
{
	struct buf out = { .ctx = c->ctx, .max = BUF_MAX };
	struct jsonw w = JSONW_ON(&out);
	const char *plan = NULL;
	const char *reason = NULL;
	int r = 0;

	if (json_array_size(c->plan))
		r = ask_for_plan(c, &plan, err);
	else
		reason = "Nothing would change";
	if (r == -ERR_ABSENT || r == -ERR_TIMEOUT || r == -ERR_BUSY) {
		reason = mem_str(c->ctx, err->msg);
		err_clear(err);
		r = 0;
	}
	if (r < 0)
		return r;
	buf_put(&out, c->data.data, c->data.len - 1); /* an object, opened again */
	w.needs_comma = true;
	jsonw_raw(&w, "plan", plan ? plan : "null");
	jsonw_text(&w, "reason", reason);
	jsonw_close(&w, '}');
	c->data = out;
	return 0;
}

int plan_show(struct call *c, struct err *err)
{
	const char *plan = NULL;
	int r;

	if (c->is_plan_beside)
		return add_plan(c, err);
	r = ask_for_plan(c, &plan, err);
	if (r < 0)
		return r;
	buf_clear(&c->data);
	c->w.needs_comma = false;
	jsonw_raw(&c->w, NULL, plan);
	return 0;
}
