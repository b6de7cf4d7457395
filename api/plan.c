#include "api/plan.h"

#include <stdlib.h>

#include "api/api.h"

enum {
	PLAN_TIMEOUT_MS = 60000,
};

/* What the engine would do, as JSON; freed with the call. */
static int ask_for_plan(struct call *c, const char **ret, struct err *err)
{
	json_t *request = json_pack("{s:s, s:O}", "op", "plan", "changes", c->plan);
	json_t *answer = NULL;
	char *text;
	int r = engine_call(c->api->engine, request, PLAN_TIMEOUT_MS, &answer, err);

	json_decref(request);
	if (r < 0)
		return r;
	(void)json_object_del(answer, "ok");
	text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
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
