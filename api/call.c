#include "api/call.h"

#include <stdlib.h>
#include <string.h>

#include "api/endpoint.h"
#include "api/server.h"
#include "model/settings.h"

const struct arg *call_arg(const struct call *c, const char *name)
{
	const struct endpoint *ep = c->endpoint;

	for (size_t i = 0; i < ep->n_params; i++) {
		if (strcmp(ep->params[i].name, name) == 0)
			return c->args[i].is_given ? &c->args[i] : NULL;
	}
	return NULL;
}

const char *call_said(const struct call *c, const char *name)
{
	const struct arg *a = c->args && param_find(c->endpoint, name) ? call_arg(c, name) : NULL;

	return a ? a->text : NULL;
}

static const char *default_of(const struct call *c, const char *name)
{
	const struct param *p = param_find(c->endpoint, name);

	return p ? p->dflt : NULL;
}

const char *call_text(const struct call *c, const char *name, const char *dflt)
{
	const struct arg *a = call_arg(c, name);

	if (a && a->text)
		return a->text;
	return default_of(c, name) ? default_of(c, name) : dflt;
}

int64_t call_int(const struct call *c, const char *name, int64_t dflt)
{
	const struct arg *a = call_arg(c, name);

	return a ? a->num : dflt;
}

bool call_has(const struct call *c, const char *name)
{
	return call_arg(c, name) != NULL;
}

const char *call_sql(struct call *c, const char *text)
{
	const char *kept = strmap_find(&c->seat->texts, text);

	if (!kept) {
		kept = mem_str(c->seat, text);
		*strmap_slot(&c->seat->texts, kept) = (void *)kept;
	}
	return kept;
}

void call_problem_at(struct call *c, const char *param, int line, int column, const char *message)
{
	call_problem(c, param, message);
	c->errors[c->n_errors - 1].line = line;
	c->errors[c->n_errors - 1].column = column;
}

void call_problem(struct call *c, const char *param, const char *message)
{
	mem_room(c->ctx, &c->errors, &c->errors_cap, c->n_errors + 1, sizeof(*c->errors));
	c->errors[c->n_errors++] = (struct call_error){ .path = mem_fmt(c->ctx, "/%s", param),
							.message = mem_str(c->ctx, message) };
}

void call_header(struct call *c, const char *name, const char *value)
{
	struct header *h = mem_new(c->ctx, struct header);

	*h = (struct header){ mem_str(c->ctx, name), mem_str(c->ctx, value) };
	ptrs_add(c->ctx, &c->headers, h);
}

int call_setting(struct call *c, const char *name, const char **ret, struct err *err)
{
	struct setting *set = NULL;
	int r = store_get(c->ctx, c->store, &kind_setting, name, &set, err);

	if (r < 0 && r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	*ret = r >= 0 ? set->value : setting_find(name)->dflt;
	return 0;
}

int call_setting_int(struct call *c, const char *name, int64_t *ret, struct err *err)
{
	const char *text = NULL;
	int r = call_setting(c, name, &text, err);

	if (r >= 0)
		*ret = strtoll(text, NULL, 10);
	return r;
}
