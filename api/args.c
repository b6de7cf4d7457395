#include "api/args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoint.h"
#include "api/own.h"
#include "api/server.h"

/* Where a parameter may stand. */
struct source {
	struct request *request;
	const json_t *body; /* an object, or NULL */
	const struct part *parts;
	size_t n_parts;
};

static int too_deep(const json_t *v, int depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > ARGS_DEPTH_MAX)
		return 1;
	json_object_foreach((json_t *)v, key, item)
	{
		if (too_deep(item, depth + 1)) /* NOLINT(misc-no-recursion): bounded by DEPTH */
			return 1;
	}
	json_array_foreach(v, i, item)
	{
		if (too_deep(item, depth + 1)) /* NOLINT(misc-no-recursion) */
			return 1;
	}
	return 0;
}

static int free_json(json_t **p)
{
	json_decref(*p);
	return 0;
}

/* The body as JSON, which lives as long as the call. */
static int read_body(struct call *c, struct source *src, struct err *err)
{
	json_error_t je;
	json_t **keep;
	size_t len;
	const char *text = request_body(c->request, &len);

	src->parts = request_parts(c->request, &src->n_parts);
	if (src->n_parts || text[strspn(text, " \t\r\n")] == '\0')
		return 0;
	keep = mem_new(c->ctx, json_t *);
	*keep = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!*keep)
		return err_set(err, ERR_INVALID, "The body is not JSON: line %d, column %d: %s",
			       je.line, je.column, je.text);
	talloc_set_destructor(keep, free_json);
	if (!json_is_object(*keep))
		return err_set(err, ERR_INVALID, "The body must be a JSON object");
	if (too_deep(*keep, 0))
		return err_set(err, ERR_INVALID, "The body is nested deeper than %d levels",
			       ARGS_DEPTH_MAX);
	src->body = *keep;
	return 0;
}

/* Forms: each reads JSON or text into an argument, or says what is allowed. */

static const char *text_of_json(const void *ctx, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING: return json_string_value(v);
	case JSON_INTEGER: return mem_fmt(ctx, "%" PRId64, (int64_t)json_integer_value(v));
	case JSON_REAL: return mem_fmt(ctx, "%.10g", json_real_value(v)); /* "php_version": 8.2 */
	case JSON_TRUE: return "true";
	case JSON_FALSE: return "false";
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_NULL: break;
	}
	return NULL;
}

static bool whole_number(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && end != text && *end == '\0' && strlen(text) < 20;
}

static const char *put_int(const void *ctx, const struct param *p, const char *text, struct arg *a)
{
	if (!whole_number(text, &a->num))
		return "must be a whole number";
	if (p->max > p->min && (p->flags & PARAM_CLAMP))
		a->num = MAX(p->min, MIN(a->num, p->max));
	if (p->max > p->min && (a->num < p->min || a->num > p->max))
		return mem_fmt(ctx, "must be from %" PRId64 " to %" PRId64, p->min, p->max);
	a->value = (struct value){ .type = VALUE_INT, .num = a->num, .text = text };
	return NULL;
}

static const char *put_bool(const char *text, struct arg *a)
{
	static const char *const yes[] = { "1", "true", "on", "yes" };
	static const char *const no[] = { "0", "false", "off", "no" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) != 0 && strcmp(text, no[i]) != 0)
			continue;
		a->num = strcmp(text, yes[i]) == 0;
		a->value = (struct value){ .type = VALUE_BOOL, .flag = a->num != 0 };
		return NULL;
	}
	return "must be true or false";
}

static bool is_choice(const struct param *p, const char *text)
{
	for (size_t i = 0; p->choices[i]; i++) {
		if (strcmp(p->choices[i], text) == 0)
			return true;
	}
	return false;
}

static const char *allowed(const void *ctx, const struct param *p)
{
	struct buf b = BUF_ON(ctx);

	buf_puts(&b, "must be one of ");
	for (size_t i = 0; p->choices[i]; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", p->choices[i]);
	return buf_str(&b);
}

static const char *put_text(const void *ctx, const struct param *p, const char *text, struct arg *a)
{
	if (p->choices && !is_choice(p, text))
		return allowed(ctx, p);
	a->value = (struct value){ .type = VALUE_STRING, .text = text };
	return NULL;
}

static bool is_date(const char *t)
{
	return strlen(t) == 10 && strspn(t, "0123456789") == 4 && t[4] == '-' && t[7] == '-' &&
	       strspn(t + 5, "0123456789") == 2 && strspn(t + 8, "0123456789") == 2;
}

static const char *put_list(const void *ctx, const char *text, const json_t *v, struct arg *a)
{
	struct ptrs items = { 0 };
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
	{
		if (!json_is_string(item))
			return "must be a list of texts";
		ptrs_add(ctx, &items, json_string_value(item));
	}
	while (text && *text) {
		size_t len = strcspn(text, ",");

		ptrs_add(ctx, &items, mem_strn(ctx, text, len));
		text += len + (text[len] == ',');
	}
	a->value =
		(struct value){ .type = VALUE_LIST, .items = (const char **)items.v, .n = items.n };
	return NULL;
}

/* What is wrong with the value, or NULL. V is NULL for one from the query. */
static const char *put(struct call *c, const struct param *p, const char *text, const json_t *v,
		       struct arg *a)
{
	a->is_given = true;
	a->text = text;
	if (p->type == PARAM_LIST && (!v || json_is_array(v) || json_is_string(v)))
		return put_list(c->ctx, text, v, a);
	if (!text)
		return p->type == PARAM_LIST
			       ? "must be a list of texts"
			       : "must be a text, a number or a boolean, not a list or object";
	if (strlen(text) > (p->text_max ? p->text_max : ARGS_TEXT_MAX))
		return "is too long";
	switch (p->type) {
	case PARAM_INT: return put_int(c->ctx, p, text, a);
	case PARAM_BOOL: return put_bool(text, a);
	case PARAM_DATE: return is_date(text) ? put_text(c->ctx, p, text, a) : "must be YYYY-MM-DD";
	case PARAM_ACCOUNT:
	case PARAM_ROW:
	case PARAM_REF:
		if (!whole_number(text, &a->num))
			a->num = 0; /* names nothing */
		a->value = (struct value){ .type = VALUE_INT, .num = a->num, .text = text };
		return NULL;
	case PARAM_TEXT:
	case PARAM_SECRET:
	case PARAM_PLAIN: return put_text(c->ctx, p, text, a);
	case PARAM_LIST:
	case PARAM_FILE:
	case PARAM_OBJECT: break;
	}
	return "has the wrong type";
}

static const struct part *part_of(const struct source *src, const char *name)
{
	for (size_t i = 0; i < src->n_parts; i++) {
		if (strcmp(src->parts[i].name, name) == 0)
			return &src->parts[i];
	}
	return NULL;
}

/* PHP clients send "" for what they leave out, or 0 for no package. */
static bool is_left_out(const struct param *p, const char *text)
{
	return text && ((!*text && p->type != PARAM_PLAIN) ||
			((p->flags & PARAM_0_IS_NONE) && strcmp(text, "0") == 0));
}

/* Under one of its names: true when it was there. */
static bool take(struct call *c, const struct source *src, const struct param *p, const char *name,
		 struct arg *a, const char **ret_wrong)
{
	const json_t *v = json_object_get(src->body, name);
	const struct part *part = part_of(src, name);
	const char *text;

	if (p->type == PARAM_FILE) {
		a->is_given = part != NULL;
		a->res = (void *)part;
		return a->is_given;
	}
	if (p->type == PARAM_OBJECT) {
		a->is_given = v != NULL;
		a->res = (void *)v;
		return a->is_given;
	}
	if (json_is_null(v)) {
		a->is_given = p->field && !(p->flags & PARAM_REQUIRED);
		a->value.type = VALUE_NULL;
		return true;
	}
	text = v ? text_of_json(c->ctx, v) : part ? part->data : request_query(c->request, name);
	if (!v && !text)
		return false;
	if (is_left_out(p, text)) {
		/* an update unsets by it */
		a->is_given =
			c->endpoint->op == EP_UPDATE && p->field && !(p->flags & PARAM_REQUIRED);
		a->value.type = VALUE_NULL;
		return true;
	}
	*ret_wrong = put(c, p, text, v, a);
	return true;
}

static void read_one(struct call *c, const struct source *src, const struct param *p, struct arg *a)
{
	const char *wrong = NULL;
	bool found = take(c, src, p, p->name, a, &wrong);

	for (size_t i = 0; i < PARAM_ALIASES && p->aliases[i] && !found; i++)
		found = take(c, src, p, p->aliases[i], a, &wrong);
	if (wrong) {
		if (!c->n_errors)
			c->status = 422;
		call_problem(c, p->name, mem_fmt(c->ctx, "%s %s", p->name, wrong));
	}
	/* a user's own account needs no naming */
	if (!a->is_given && (p->flags & PARAM_REQUIRED) &&
	    !(p->type == PARAM_ACCOUNT && c->who.role == ROLE_USER)) {
		if (!c->n_errors)
			c->status = 400;
		call_problem(c, p->name, mem_fmt(c->ctx, "%s required", p->name));
	}
}

int args_read(struct call *c, struct err *err)
{
	const struct endpoint *ep = c->endpoint;
	struct source src = { .request = c->request };
	int r = read_body(c, &src, err);

	if (r < 0) {
		c->status = 400;
		return r;
	}
	c->args = mem_zero(c->ctx, (ep->n_params + 1) * sizeof(*c->args));
	for (size_t i = 0; i < ep->n_params; i++)
		read_one(c, &src, &ep->params[i], &c->args[i]);
	return c->n_errors ? err_set(err, ERR_INVALID, "%s", c->errors[0].message) : 0;
}

/* Ids */

static enum own_right right_of(const struct call *c)
{
	return endpoint_writes(c->endpoint) ? OWN_CHANGE : OWN_SEE;
}

static int find_account(struct call *c, const struct param *p, struct arg *a, struct err *err)
{
	struct account *account = NULL;
	int r;

	if (c->who.role == ROLE_USER)
		r = own_account(c, &account, err);
	else if (a->is_given)
		r = own_get(c, &kind_account, a->num, right_of(c), &account, err);
	else
		return 0;
	(void)p;
	if (r < 0)
		return r;
	c->account = account;
	a->is_given = true;
	a->res = account;
	a->num = account->base.id;
	a->text = account->username;
	return 0;
}

static int find(struct call *c, const struct param *p, const struct kind *k, enum own_right right,
		struct arg *a, struct err *err)
{
	struct res *res = NULL;
	int r;

	if (!a->is_given || a->value.type == VALUE_NULL)
		return 0;
	if (a->num == 0 && a->text && (p->flags & PARAM_BY_KEY))
		r = own_get_key(c, k, a->text, right, &res, err);
	else
		r = own_get(c, k, a->num, right, &res, err);
	if (r < 0)
		return r;
	a->res = res;
	a->num = res->id;
	a->value = (struct value){ .type = VALUE_STRING, .text = res_key(c->ctx, res) };
	a->text = a->value.text;
	return 0;
}

/* A row of another account of the caller's is as foreign as a stranger's. */
static int same_account(struct call *c, struct err *err)
{
	const char *owner = NULL;
	int r;

	if (!c->row || !c->account)
		return 0;
	r = store_account_of(c->ctx, c->store, c->row, &owner, err);
	if (r < 0)
		return r;
	if (owner && strcmp(owner, c->account->username) == 0)
		return 0;
	return err_set(err, ERR_NOTFOUND, "No such %s in this account",
		       ((const struct res *)c->row)->kind->name);
}

int args_resolve(struct call *c, struct err *err)
{
	const struct endpoint *ep = c->endpoint;
	int r = 0;

	c->account = NULL;
	c->row = NULL;
	for (size_t i = 0; i < ep->n_params && r >= 0; i++) {
		const struct param *p = &ep->params[i];
		struct arg *a = &c->args[i];

		if (p->type == PARAM_ACCOUNT)
			r = find_account(c, p, a, err);
		if (p->type == PARAM_REF)
			r = find(c, p, p->kind, OWN_SEE, a, err);
		if (p->type == PARAM_ROW) {
			r = find(c, p, ep->kind, right_of(c), a, err);
			c->row = a->res;
		}
	}
	return r < 0 ? r : same_account(c, err);
}
