#include "api/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/endpoint.h"

static const struct {
	enum role role;
	const char *name;
} role_names[] = {
	{ ROLE_ADMIN, "admin" },     { ROLE_RESELLER, "reseller" }, { ROLE_USER, "user" },
	{ ROLE_BILLING, "billing" }, { ROLE_NOBODY, "nobody" },
};

static const struct {
	enum method method;
	const char *name;
} methods[] = {
	{ METHOD_GET, "get" },
	{ METHOD_POST, "post" },
	{ METHOD_DELETE, "delete" },
};

static void put_roles(struct jsonw *w, unsigned roles)
{
	jsonw_open(w, "x-roles", '[');
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
		if (roles & role_names[i].role)
			jsonw_text(w, NULL, role_names[i].name);
	}
	jsonw_close(w, ']');
}

static void put_aliases(struct jsonw *w, const char *const *aliases)
{
	if (!aliases[0])
		return;
	jsonw_open(w, "x-aliases", '[');
	for (size_t i = 0; i < PARAM_ALIASES && aliases[i]; i++)
		jsonw_text(w, NULL, aliases[i]);
	jsonw_close(w, ']');
}

static void put_ref(struct jsonw *w, const char *key, const char *schema)
{
	char ref[128];

	(void)snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema);
	jsonw_open(w, key, '{');
	jsonw_text(w, "$ref", ref);
	jsonw_close(w, '}');
}

/* Parameters */

static const char *type_name(enum param_type type)
{
	switch (type) {
	case PARAM_INT:
	case PARAM_ACCOUNT:
	case PARAM_ROW:
	case PARAM_REF: return "integer";
	case PARAM_BOOL: return "boolean";
	case PARAM_LIST: return "array";
	case PARAM_TEXT:
	case PARAM_DATE:
	case PARAM_SECRET:
	case PARAM_PLAIN:
	case PARAM_FILE: return "string";
	case PARAM_OBJECT: break;
	}
	return NULL; /* any JSON */
}

static void put_type(struct jsonw *w, const struct param *p)
{
	const char *name = type_name(p->type);

	if (p->flags & PARAM_BY_KEY) {
		jsonw_raw(w, "type", "[\"integer\",\"string\"]");
	} else if (name) {
		jsonw_text(w, "type", name);
	}
	if (p->type == PARAM_LIST)
		jsonw_raw(w, "items", "{\"type\":\"string\"}");
	if (p->type == PARAM_DATE)
		jsonw_text(w, "format", "date");
	if (p->type == PARAM_SECRET || p->type == PARAM_PLAIN)
		jsonw_text(w, "format", "password");
	if (p->type == PARAM_FILE)
		jsonw_text(w, "format", "binary");
}

static void put_default(struct jsonw *w, const struct param *p)
{
	if (!p->dflt)
		return;
	if (p->type == PARAM_INT)
		jsonw_int(w, "default", strtoll(p->dflt, NULL, 10));
	else if (p->type == PARAM_BOOL)
		jsonw_bool(w, "default", strcmp(p->dflt, "true") == 0 || strcmp(p->dflt, "1") == 0);
	else
		jsonw_text(w, "default", p->dflt);
}

static void put_schema(struct jsonw *w, const char *key, const struct param *p, bool is_body)
{
	jsonw_open(w, key, '{');
	put_type(w, p);
	/* what is clamped is taken out of bounds as well */
	if (p->type == PARAM_INT && p->max > p->min && !(p->flags & PARAM_CLAMP)) {
		jsonw_int(w, "minimum", p->min);
		jsonw_int(w, "maximum", p->max);
	}
	if (p->choices) {
		jsonw_open(w, "enum", '[');
		for (size_t i = 0; p->choices[i]; i++)
			jsonw_text(w, NULL, p->choices[i]);
		jsonw_close(w, ']');
	}
	put_default(w, p);
	if (is_body) {
		jsonw_text(w, "description", p->doc);
		put_aliases(w, p->aliases);
	}
	jsonw_close(w, '}');
}

static void put_query(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "parameters", '[');
	for (size_t i = 0; i < ep->n_params; i++) {
		const struct param *p = &ep->params[i];

		jsonw_open(w, NULL, '{');
		jsonw_text(w, "name", p->name);
		jsonw_text(w, "in", "query");
		jsonw_bool(w, "required", p->flags & PARAM_REQUIRED);
		jsonw_text(w, "description", p->doc);
		put_aliases(w, p->aliases);
		put_schema(w, "schema", p, false);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_body(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "requestBody", '{');
	jsonw_open(w, "content", '{');
	jsonw_open(w, ep->flags & EP_MULTIPART ? "multipart/form-data" : "application/json", '{');
	jsonw_open(w, "schema", '{');
	jsonw_text(w, "type", "object");
	jsonw_open(w, "properties", '{');
	for (size_t i = 0; i < ep->n_params; i++)
		put_schema(w, ep->params[i].name, &ep->params[i], true);
	jsonw_close(w, '}');
	jsonw_open(w, "required", '[');
	for (size_t i = 0; i < ep->n_params; i++) {
		if (ep->params[i].flags & PARAM_REQUIRED)
			jsonw_text(w, NULL, ep->params[i].name);
	}
	jsonw_close(w, ']');
	for (int i = 0; i < 4; i++)
		jsonw_close(w, '}');
}

/* Answers */

static void put_list(struct jsonw *w, const char *key, const struct shape *s)
{
	jsonw_open(w, key, '{');
	jsonw_text(w, "type", "array");
	put_ref(w, "items", s->name);
	jsonw_close(w, '}');
}

static void put_data(struct jsonw *w, const struct endpoint *ep)
{
	bool is_paged = ep->flags & EP_PAGED;

	if (!ep->shape) {
		jsonw_raw(w, "data", "{}");
	} else if (ep->op != EP_LIST) {
		put_ref(w, "data", ep->shape->name);
	} else if (!is_paged) {
		put_list(w, "data", ep->shape);
	} else {
		jsonw_open(w, "data", '{');
		jsonw_text(w, "type", "object");
		jsonw_open(w, "properties", '{');
		put_list(w, "items", ep->shape);
		put_ref(w, "meta", "Meta");
		jsonw_close(w, '}');
		jsonw_close(w, '}');
	}
}

static void put_envelope(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "content", '{');
	jsonw_open(w, "application/json", '{');
	jsonw_open(w, "schema", '{');
	jsonw_text(w, "type", "object");
	jsonw_open(w, "properties", '{');
	jsonw_raw(w, "success", "{\"const\":true}");
	jsonw_raw(w, "message", "{\"type\":\"string\"}");
	put_data(w, ep);
	if (ep->flags & EP_PAGED)
		put_ref(w, "meta", "Meta");
	if (endpoint_writes(ep))
		jsonw_raw(w, "revision", "{\"type\":\"integer\"}");
	for (int i = 0; i < 4; i++)
		jsonw_close(w, '}');
}

static void put_answers(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "responses", '{');
	jsonw_open(w, "200", '{');
	jsonw_text(w, "description", "Done.");
	if (!(ep->flags & (EP_BARE | EP_STREAM)))
		put_envelope(w, ep);
	if (ep->flags & EP_STREAM)
		jsonw_raw(w, "content",
			  "{\"text/event-stream\":{\"schema\":{\"type\":\"string\"}}}");
	jsonw_close(w, '}');
	if (endpoint_writes(ep))
		jsonw_raw(
			w, "202",
			"{\"description\":\"Written; `operation` tells what the engine makes of it "
			"(?async=1).\"}");
	jsonw_raw(w, "default",
		  "{\"description\":\"Refused or failed.\",\"content\":{\"application/json\":"
		  "{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}");
	jsonw_close(w, '}');
}

/* Operations */

static void put_operation(struct jsonw *w, const struct resource *res, const struct endpoint *ep,
			  const char *method)
{
	char id[128];

	(void)snprintf(id, sizeof(id), "%s_%s_%s", method, res->name, ep->action);
	jsonw_open(w, method, '{');
	jsonw_text(w, "operationId", id);
	jsonw_open(w, "tags", '[');
	jsonw_text(w, NULL, res->name);
	jsonw_close(w, ']');
	jsonw_text(w, "summary", ep->doc);
	put_roles(w, ep->roles);
	put_aliases(w, ep->aliases);
	if (ep->flags & EP_ADDED)
		jsonw_bool(w, "x-added", true);
	if (ep->roles & ROLE_NOBODY)
		jsonw_raw(w, "security", "[]");
	if (strcmp(method, "post") == 0)
		put_body(w, ep);
	else
		put_query(w, ep);
	put_answers(w, ep);
	jsonw_close(w, '}');
}

static void put_paths(struct jsonw *w)
{
	jsonw_open(w, "paths", '{');
	ENDPOINT_FOREACH(res, ep)
	{
		char path[128];

		(void)snprintf(path, sizeof(path), "/api/%s/%s", res->name, ep->action);
		jsonw_open(w, path, '{');
		for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
			if (ep->methods & methods[i].method)
				put_operation(w, res, ep, methods[i].name);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, '}');
}

/* Schemas */

static const char *column_schema(enum column_type type)
{
	switch (type) {
	case COLUMN_INT: return "{\"type\":[\"integer\",\"null\"]}";
	case COLUMN_TEXT: return "{\"type\":[\"string\",\"null\"]}";
	case COLUMN_TIME:
		return "{\"type\":[\"string\",\"null\"],\"description\":\"YYYY-MM-DD HH:MM:SS, UTC\"}";
	case COLUMN_BOOL: return "{\"enum\":[0,1,null]}";
	case COLUMN_REAL: return "{\"type\":[\"number\",\"null\"]}";
	case COLUMN_JSON: break;
	}
	return "{}";
}

static void put_shape(struct jsonw *w, const struct shape *s)
{
	jsonw_open(w, s->name, '{');
	jsonw_text(w, "type", "object");
	jsonw_open(w, "properties", '{');
	for (size_t i = 0; i < s->n; i++)
		jsonw_raw(w, s->columns[i].name, column_schema(s->columns[i].type));
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

/* Whether a row before EP has the shape already. */
static bool was_put(const struct endpoint *last)
{
	ENDPOINT_FOREACH(res, ep)
	{
		if (ep == last)
			return false;
		if (ep->shape && strcmp(ep->shape->name, last->shape->name) == 0)
			return true;
	}
	return false;
}

static void put_components(struct jsonw *w)
{
	jsonw_open(w, "components", '{');
	jsonw_raw(w, "securitySchemes", "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
	jsonw_open(w, "schemas", '{');
	jsonw_raw(w, "Error",
		  "{\"type\":\"object\",\"properties\":{\"success\":{\"const\":false},"
		  "\"message\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\",\"items\":"
		  "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
		  "\"message\":{\"type\":\"string\"}}}}}}");
	jsonw_raw(w, "Meta",
		  "{\"type\":\"object\",\"properties\":{\"total\":{\"type\":\"integer\"},"
		  "\"page\":{\"type\":\"integer\"},\"per_page\":{\"type\":\"integer\"},"
		  "\"pages\":{\"type\":\"integer\"}}}");
	ENDPOINT_FOREACH(res, ep)
	{
		if (ep->shape && !was_put(ep))
			put_shape(w, ep->shape);
	}
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}

void openapi_write(struct jsonw *w)
{
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "openapi", "3.1.0");
	jsonw_open(w, "info", '{');
	jsonw_text(w, "title", "NovaCPX");
	jsonw_text(w, "version", NOVACPX_VERSION);
	jsonw_close(w, '}');
	jsonw_raw(w, "security", "[{\"bearer\":[]}]");
	put_paths(w);
	put_components(w);
	jsonw_close(w, '}');
}
