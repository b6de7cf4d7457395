#include "api/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/endpoint.h"
#include "api/ep_meta.h"
#include "api/scope.h"

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

/* What a token needs for it; anybody may call what nobody's role may. */
static void put_scope(struct jsonw *w, const char *tag, const struct endpoint *ep)
{
	const struct resource *res = resource_find(tag, strlen(tag)); /* none: a meta address */
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "scope");

	if (res && !(ep->roles & (ROLE_NOBODY | ROLE_BILLING)))
		jsonw_text(w, "x-scope", scope_needed(tmp, res, ep));
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

static void put_parameter_ref(struct jsonw *w, const char *name)
{
	char ref[64];

	(void)snprintf(ref, sizeof(ref), "#/components/parameters/%s", name);
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "$ref", ref);
	jsonw_close(w, '}');
}

/* What every write takes besides. */
static void put_options(struct jsonw *w, const struct endpoint *ep)
{
	static const char *const options[] = { "wait", "dry_run", "confirm", "If-Match",
					       "Idempotency-Key" };

	for (size_t i = 0; i < ARRAY_LEN(options) && endpoint_writes(ep); i++)
		put_parameter_ref(w, options[i]);
}

static void put_query(struct jsonw *w, const struct endpoint *ep, bool has_body)
{
	jsonw_open(w, "parameters", '[');
	for (size_t i = 0; i < ep->n_params && !has_body; i++) {
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
	put_options(w, ep);
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

/* Members of a custom answer: their names are known, not their types. */
static void put_members(struct jsonw *w, const char *names)
{
	jsonw_text(w, "type", "object");
	jsonw_open(w, "properties", '{');
	while (*(names += strspn(names, " []"))) {
		size_t len = strcspn(names, " []");
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
		jsonw_raw(w, name, "{}");
		names += len;
	}
	jsonw_close(w, '}');
}

/* One row of the answer: of its shape, of members of its own, or both. */
static void put_row(struct jsonw *w, const char *key, const struct endpoint *ep)
{
	if (!ep->returns) {
		put_ref(w, key, ep->shape->name);
		return;
	}
	jsonw_open(w, key, '{');
	if (ep->shape) {
		jsonw_open(w, "allOf", '[');
		put_ref(w, NULL, ep->shape->name);
		jsonw_close(w, ']');
	}
	put_members(w, ep->returns);
	jsonw_close(w, '}');
}

static void put_list(struct jsonw *w, const char *key, const struct endpoint *ep)
{
	jsonw_open(w, key, '{');
	jsonw_text(w, "type", "array");
	put_row(w, "items", ep);
	jsonw_close(w, '}');
}

static void put_data(struct jsonw *w, const struct endpoint *ep)
{
	bool is_list = ep->op == EP_LIST || (ep->returns && *ep->returns == '[');

	if (!ep->shape && !ep->returns) {
		jsonw_raw(w, "data", "{\"type\":\"null\"}");
	} else if (!is_list) {
		put_row(w, "data", ep);
	} else if (!(ep->flags & EP_PAGED)) {
		put_list(w, "data", ep);
	} else {
		jsonw_open(w, "data", '{');
		jsonw_text(w, "type", "object");
		jsonw_open(w, "properties", '{');
		put_list(w, "items", ep);
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
	if (endpoint_writes(ep)) {
		jsonw_raw(w, "revision", "{\"type\":\"integer\"}");
		put_ref(w, "condition", "Condition");
		jsonw_raw(w, "confirm_until", "{\"type\":\"string\"}");
	}
	for (int i = 0; i < 4; i++)
		jsonw_close(w, '}');
}

/* Of an answer without the envelope. */
static void put_media(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "content", '{');
	jsonw_raw(w,
		  ep->flags & EP_STREAM ? "text/event-stream"
		  : ep->media           ? ep->media
					: "application/json",
		  "{\"schema\":{}}");
	jsonw_close(w, '}');
}

static void put_answers(struct jsonw *w, const struct endpoint *ep)
{
	jsonw_open(w, "responses", '{');
	jsonw_open(w, "200", '{');
	jsonw_text(w, "description", "Done.");
	if (ep->flags & (EP_BARE | EP_STREAM))
		put_media(w, ep);
	else
		put_envelope(w, ep);
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

static void put_security(struct jsonw *w, const struct endpoint *ep)
{
	if (ep->roles & ROLE_NOBODY)
		jsonw_raw(w, "security", "[]");
	else if (ep->roles == ROLE_BILLING)
		jsonw_raw(w, "security", "[{\"key\":[]}]");
	else if (ep->roles & ROLE_BILLING)
		jsonw_raw(w, "security", "[{\"cookie\":[]},{\"bearer\":[]},{\"key\":[]}]");
}

/* "post_dns_add-record", "get_healthz" */
static void put_id(struct jsonw *w, const char *method, const char *path)
{
	char id[160];

	path += strncmp(path, "/api/", 5) == 0 ? 5 : 1;
	(void)snprintf(id, sizeof(id), "%s_%s", method, path);
	for (char *p = id; *p; p++)
		*p = (char)(*p == '/' ? '_' : *p);
	jsonw_text(w, "operationId", id);
}

static void put_operation(struct jsonw *w, const char *tag, const struct endpoint *ep,
			  const char *path, const char *method)
{
	bool has_body = strcmp(method, "post") == 0;

	jsonw_open(w, method, '{');
	put_id(w, method, path);
	jsonw_open(w, "tags", '[');
	jsonw_text(w, NULL, tag);
	jsonw_close(w, ']');
	jsonw_text(w, "summary", ep->doc);
	put_roles(w, ep->roles);
	put_scope(w, tag, ep);
	put_aliases(w, ep->aliases);
	if (ep->flags & EP_ADDED)
		jsonw_bool(w, "x-added", true);
	if (ep->flags & EP_MACHINE)
		jsonw_bool(w, "x-not-offered-yet", true);
	put_security(w, ep);
	put_query(w, ep, has_body);
	if (has_body)
		put_body(w, ep);
	put_answers(w, ep);
	jsonw_close(w, '}');
}

static void put_path(struct jsonw *w, const char *tag, const struct endpoint *ep, const char *path)
{
	/* clients of the original send POST for every deletion */
	unsigned allowed = ep->methods | (ep->methods & METHOD_DELETE ? METHOD_POST : 0);

	jsonw_open(w, path, '{');
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (allowed & methods[i].method)
			put_operation(w, tag, ep, path, methods[i].name);
	}
	jsonw_close(w, '}');
}

static void put_paths(struct jsonw *w)
{
	size_t n;
	const struct endpoint *meta = meta_rows(&n);

	jsonw_open(w, "paths", '{');
	ENDPOINT_FOREACH(res, ep)
	{
		char path[128];

		(void)snprintf(path, sizeof(path), "/api/%s/%s", res->name, ep->action);
		put_path(w, res->name, ep, path);
	}
	for (size_t i = 0; i < n; i++)
		put_path(w, "meta", &meta[i], meta[i].action);
	jsonw_close(w, '}');
}

static void put_tags(struct jsonw *w)
{
	jsonw_open(w, "tags", '[');
	for (size_t i = 0; i < n_resources; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_text(w, "name", resources[i]->name);
		jsonw_text(w, "description", resources[i]->doc);
		jsonw_close(w, '}');
	}
	jsonw_raw(w, NULL, "{\"name\":\"meta\",\"description\":\"About the API itself.\"}");
	jsonw_close(w, ']');
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

static void put_write_options(struct jsonw *w)
{
	jsonw_raw(
		w, "parameters",
		"{\"wait\":{\"name\":\"wait\",\"in\":\"query\",\"description\":\"Seconds to hold the "
		"answer until the revision is applied.\",\"schema\":{\"type\":\"integer\","
		"\"minimum\":0,\"maximum\":60}},"
		"\"dry_run\":{\"name\":\"dry_run\",\"in\":\"query\",\"description\":\"1: answers with "
		"the plan and writes nothing.\",\"schema\":{\"type\":\"boolean\"}},"
		"\"confirm\":{\"name\":\"confirm\",\"in\":\"query\",\"description\":\"Seconds after "
		"which the revision is reverted unless revisions/confirm came.\",\"schema\":{"
		"\"type\":\"integer\",\"minimum\":10,\"maximum\":86400}},"
		"\"If-Match\":{\"name\":\"If-Match\",\"in\":\"header\",\"description\":\"The revision "
		"that the caller saw.\",\"schema\":{\"type\":\"string\"}},"
		"\"Idempotency-Key\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
		"\"description\":\"The same key again is the same change.\","
		"\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}}}");
}

static void put_components(struct jsonw *w)
{
	jsonw_open(w, "components", '{');
	jsonw_raw(w, "securitySchemes",
		  "{\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"ncpx_session\","
		  "\"description\":\"What auth/login sets.\"},"
		  "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
		  "\"description\":\"An API token.\"},"
		  "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-WHMCS-Key\","
		  "\"description\":\"Of the billing system.\"}}");
	put_write_options(w);
	jsonw_open(w, "schemas", '{');
	jsonw_raw(w, "Error",
		  "{\"type\":\"object\",\"properties\":{\"success\":{\"const\":false},"
		  "\"message\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\",\"items\":"
		  "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
		  "\"message\":{\"type\":\"string\"},\"line\":{\"type\":\"integer\"},"
		  "\"column\":{\"type\":\"integer\"}}}}}}");
	jsonw_raw(w, "Meta",
		  "{\"type\":\"object\",\"properties\":{\"total\":{\"type\":\"integer\"},"
		  "\"page\":{\"type\":\"integer\"},\"per_page\":{\"type\":\"integer\"},"
		  "\"pages\":{\"type\":\"integer\"}}}");
	jsonw_raw(
		w, "Condition",
		"{\"type\":\"object\",\"properties\":{\"resource\":{\"type\":[\"string\",\"null\"]},"
		"\"type\":{\"type\":\"string\"},\"reason\":{\"type\":\"string\"},"
		"\"message\":{\"type\":[\"string\",\"null\"]},\"revision\":{\"type\":\"integer\"}}}");
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
	jsonw_raw(w, "security", "[{\"cookie\":[]},{\"bearer\":[]}]");
	put_tags(w);
	put_paths(w);
	put_components(w);
	jsonw_close(w, '}');
}
