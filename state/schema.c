#include "state/schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/check.h"
#include "state/statefile_internal.h"

static void json_done(json_t **json)
{
	json_decref(*json);
}

static void free_text(char **text)
{
	free(*text);
}

/* jansson's constructors return NULL when memory is out. */
static json_t *object(void)
{
	json_t *o = json_object();

	if (!o)
		mem_abort();
	return o;
}

static json_t *array(void)
{
	json_t *a = json_array();

	if (!a)
		mem_abort();
	return a;
}

/* Takes VALUE over. */
static void set(json_t *o, const char *key, json_t *value)
{
	if (json_object_set_new(o, key, value) < 0)
		mem_abort();
}

static void add(json_t *a, json_t *value)
{
	if (json_array_append_new(a, value) < 0)
		mem_abort();
}

static void set_text(json_t *o, const char *key, const char *text)
{
	set(o, key, json_string(text));
}

/* {"type": [WORDS…]}; the list ends with NULL. */
static json_t *typed(const char *const *words)
{
	json_t *o = object();
	json_t *types = array();

	for (size_t i = 0; words[i]; i++)
		add(types, json_string(words[i]));
	set(o, "type", types);
	return o;
}

static json_t *reference(const struct kind *k)
{
	json_t *o = object();
	char path[80];

	(void)snprintf(path, sizeof(path), "#/$defs/%s", k->name);
	set_text(o, "$ref", path);
	return o;
}

/* Fields. Texts may be written as 8.2 or 301: a scalar counts as it is written. */

static json_t *scalar(bool is_nullable)
{
	static const char *const types[] = { "string", "number", "boolean", "null", NULL };
	static const char *const set_types[] = { "string", "number", "boolean", NULL };

	return typed(is_nullable ? types : set_types);
}

static bool is_number(const char *text, uint64_t *ret)
{
	return check_number(text, strlen(text), INT32_MAX, ret);
}

static json_t *choice(const struct field *f, bool is_nullable)
{
	json_t *o = object();
	json_t *words = array();
	uint64_t num = 0;

	for (size_t i = 0; f->choices[i]; i++) {
		add(words, json_string(f->choices[i]));
		if (is_number(f->choices[i], &num))
			add(words, json_integer((json_int_t)num));
	}
	if (is_nullable)
		add(words, json_null());
	set(o, "enum", words); /* takes 301 as well as "301" */
	return o;
}

static json_t *integer(const struct field *f, bool is_nullable)
{
	static const char *const types[] = { "integer", "null", NULL };
	static const char *const set_types[] = { "integer", NULL };
	json_t *o = typed(is_nullable ? types : set_types);

	if (f->max > f->min) {
		set(o, "minimum", json_integer(f->min));
		set(o, "maximum", json_integer(f->max));
	}
	return o;
}

static json_t *boolean(bool is_nullable)
{
	static const char *const types[] = { "boolean", "null", NULL };
	static const char *const set_types[] = { "boolean", NULL };

	return typed(is_nullable ? types : set_types);
}

static json_t *list(const struct field *f, bool is_nullable)
{
	static const char *const types[] = { "array", "null", NULL };
	static const char *const set_types[] = { "array", NULL };
	json_t *o = typed(is_nullable ? types : set_types);

	set(o, "items", scalar(false));
	set(o, "maxItems", json_integer(f->max ? f->max : 256));
	return o;
}

static json_t *secret(const struct field *f)
{
	static const char *const texts[] = { "string", NULL };
	static const char *const objects[] = { "object", NULL };
	json_t *o = typed(objects);
	json_t *forms = object();

	set(forms, f->canon == canon_pem ? "pem" : "hash", typed(texts));
	set(forms, "file", typed(texts));
	set(forms, "env", typed(texts));
	set(forms, "digest", typed(texts));
	set(o, "properties", forms);
	set(o, "additionalProperties", json_false());
	set(o, "minProperties", json_integer(1));
	set(o, "maxProperties", json_integer(1));
	return o;
}

static json_t *of_type(const struct field *f, bool is_nullable)
{
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_REF: return scalar(is_nullable);
	case FIELD_CHOICE: return choice(f, is_nullable);
	case FIELD_INT: return integer(f, is_nullable);
	case FIELD_BOOL: return boolean(is_nullable);
	case FIELD_LIST: return list(f, is_nullable);
	case FIELD_SECRET: return secret(f);
	}
	return object();
}

static json_t *default_of(const struct field *f)
{
	if (f->type == FIELD_INT)
		return json_integer(strtoll(f->dflt, NULL, 10));
	if (f->type == FIELD_BOOL)
		return json_boolean(strcmp(f->dflt, "true") == 0);
	return json_string(f->dflt);
}

static json_t *field_schema(const struct field *f)
{
	json_t *o = of_type(f, !(f->flags & (FIELD_REQUIRED | FIELD_KEY)));

	set_text(o, "description", f->doc);
	if (f->dflt)
		set(o, "default", default_of(f));
	return o;
}

/* Kinds */

static json_t *nothing_or(json_t *schema)
{
	static const char *const null[] = { "null", NULL };
	json_t *o = object();
	json_t *any = array();

	add(any, schema);
	add(any, typed(null));
	set(o, "anyOf", any);
	return o;
}

static json_t *section_schema(const struct kind *k)
{
	static const char *const lists[] = { "array", NULL };
	static const char *const maps[] = { "object", NULL };
	json_t *o;

	if (kind_own_keys(k) == 0)
		return nothing_or(reference(k));
	o = typed(kind_own_keys(k) > 1 ? lists : maps);
	set_text(o, "description", k->doc);
	if (kind_own_keys(k) > 1)
		set(o, "items", reference(k));
	else
		set(o, "additionalProperties", nothing_or(reference(k)));
	return o;
}

static void add_sections(json_t *properties, const struct kind *parent)
{
	KIND_FOREACH(k) {
		if (kind_above(k) == parent)
			set(properties, k->section, section_schema(k));
	}
}

/* A list's item needs its keys; a map's resource what is required, unless it has sections only. */
static json_t *required_of(const struct kind *k)
{
	json_t *names = array();

	FIELD_FOREACH(f, k) {
		bool is_needed =
			kind_own_keys(k) > 1 ? f->flags & FIELD_KEY : f->flags & FIELD_REQUIRED;

		if (is_needed && field_is_written(k, f) && !kind_has_children(k))
			add(names, json_string(f->name));
	}
	return names;
}

static json_t *kind_schema(const struct kind *k)
{
	static const char *const objects[] = { "object", NULL };
	const struct field *single = kind_single_field(k);
	json_t *o;
	json_t *properties;

	if (single)
		return field_schema(single);
	o = typed(objects);
	properties = object();
	FIELD_FOREACH(f, k) {
		if (field_is_written(k, f))
			set(properties, f->name, field_schema(f));
	}
	if (kind_own_keys(k) > 1)
		set(properties, STATEFILE_DELETE, boolean(false));
	add_sections(properties, k);
	set_text(o, "description", k->doc);
	set(o, "properties", properties);
	set(o, "required", required_of(k));
	set(o, "additionalProperties", json_false());
	return o;
}

static bool is_within(const struct kind *k, const struct kind *top)
{
	while (k && k != top)
		k = kind_parent(k) ? kind_parent(k)->ref : NULL;
	return k == top;
}

/* All kinds, or TOP and what stands inside it. */
static void add_defs(json_t *root, const struct kind *top)
{
	json_t *defs = object();

	KIND_FOREACH(k) {
		if (is_within(k, top))
			set(defs, k->name, kind_schema(k));
	}
	set(root, "$defs", defs);
}

static const char *give(const void *ctx, const json_t *root)
{
	cleanup_(free_text) char *text = json_dumps(root, JSON_INDENT(2));

	if (!text)
		mem_abort();
	return mem_fmt(ctx, "%s\n", text);
}

static void add_head(json_t *root, const char *title)
{
	set_text(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
	set_text(root, "title", title);
}

const char *schema_all(const void *ctx)
{
	static const char *const objects[] = { "object", NULL };
	cleanup_(json_done) json_t *root = typed(objects);
	json_t *properties = object();
	json_t *version = object();

	add_head(root, "NovaCPX state file");
	set(version, "const", json_integer(STATEFILE_VERSION));
	set_text(version, "description", "Version of the format.");
	set(properties, STATEFILE_HEAD, version);
	add_sections(properties, NULL);
	set(root, "properties", properties);
	set(root, "additionalProperties", json_false());
	add_defs(root, NULL);
	return give(ctx, root);
}

const char *schema_kind(const void *ctx, const struct kind *k)
{
	cleanup_(json_done) json_t *root = reference(k);

	add_head(root, k->name);
	add_defs(root, k);
	return give(ctx, root);
}
