#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "model/kind.h"
#include "state/doc.h"
#include "state/schema.h"
#include "tests/support/testing.h"

/* A small validator: just the words that our schema uses. */

struct check {
	const json_t *defs;
	char why[256];
};

static bool is_valid(struct check *c, const json_t *schema, const struct node *node);

static bool no(struct check *c, const struct node *node, const char *what, const char *which)
{
	(void)snprintf(c->why, sizeof(c->why), "%d:%d: %s %s", node->line, node->col, what, which);
	return false;
}

static bool is_of_type(const char *type, const struct node *node)
{
	switch (node->type) {
	case NODE_NULL: return strcmp(type, "null") == 0;
	case NODE_BOOL: return strcmp(type, "boolean") == 0;
	case NODE_INT: return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
	case NODE_STRING: return strcmp(type, "string") == 0;
	case NODE_MAP: return strcmp(type, "object") == 0;
	case NODE_LIST: return strcmp(type, "array") == 0;
	}
	return false;
}

static bool is_equal(const json_t *value, const struct node *node)
{
	if (json_is_integer(value))
		return node->type == NODE_INT && node->num == json_integer_value(value);
	if (json_is_null(value))
		return node->type == NODE_NULL;
	return node->type == NODE_STRING && strcmp(node->text, json_string_value(value)) == 0;
}

static bool check_scalar(struct check *c, const json_t *schema, const struct node *node)
{
	const json_t *types = json_object_get(schema, "type");
	const json_t *words = json_object_get(schema, "enum");
	const json_t *value = json_object_get(schema, "const");
	const json_t *min = json_object_get(schema, "minimum");
	const json_t *max = json_object_get(schema, "maximum");
	bool fits = !types;
	bool is_word = !words;

	if (json_is_string(types))
		fits = is_of_type(json_string_value(types), node);
	for (size_t i = 0; i < json_array_size(types); i++)
		fits = fits || is_of_type(json_string_value(json_array_get(types, i)), node);
	for (size_t i = 0; i < json_array_size(words); i++)
		is_word = is_word || is_equal(json_array_get(words, i), node);
	if (!fits)
		return no(c, node, "type", "");
	if (!is_word || (value && !is_equal(value, node)))
		return no(c, node, "value", node->text ? node->text : "");
	if (node->type == NODE_INT && ((min && node->num < json_integer_value(min)) ||
				       (max && node->num > json_integer_value(max))))
		return no(c, node, "range", node->text);
	return true;
}

static bool check_map(struct check *c, const json_t *schema, const struct node *node)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *others = json_object_get(schema, "additionalProperties");
	const json_t *required = json_object_get(schema, "required");

	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *name = json_string_value(json_array_get(required, i));

		if (!doc_get(node, name))
			return no(c, node, "missing", name);
	}
	for (size_t i = 0; i < node->n; i++) {
		const char *key = node->members[i].key;
		const json_t *sub = json_object_get(properties, key);

		if (!sub && json_is_object(others))
			sub = others;
		if (!sub && json_is_false(others))
			return no(c, node, "unknown", key);
		if (sub && !is_valid(c, sub, node->members[i].value))
			return false;
	}
	return true;
}

static bool is_valid(struct check *c, const json_t *schema, const struct node *node)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));
	const json_t *any = json_object_get(schema, "anyOf");
	bool fits = !any;

	if (ref)
		return is_valid(c, json_object_get(c->defs, ref + strlen("#/$defs/")), node);
	assert_non_null(schema);
	for (size_t i = 0; i < json_array_size(any) && !fits; i++)
		fits = is_valid(c, json_array_get(any, i), node);
	if (!fits || !check_scalar(c, schema, node))
		return false;
	for (size_t i = 0; node->type == NODE_LIST && i < node->n; i++) {
		if (!is_valid(c, json_object_get(schema, "items"), node->items[i]))
			return false;
	}
	return node->type != NODE_MAP || check_map(c, schema, node);
}

static void json_done(json_t **json)
{
	json_decref(*json);
}

static json_t *schema(const void *ctx)
{
	json_error_t fault;
	json_t *root = json_loads(schema_all(ctx), JSON_REJECT_DUPLICATES, &fault);

	if (!root)
		print_error("%d: %s\n", fault.line, fault.text);
	assert_non_null(root);
	return root;
}

static bool text_is_valid(const void *ctx, const char *text)
{
	cleanup_(json_done) json_t *root = schema(ctx);
	struct check c = { .defs = json_object_get(root, "$defs") };
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	assert_ok(doc_read(ctx, "text", text, strlen(text), &doc, &err), &err);
	return is_valid(&c, root, doc->root);
}

static void file_must_be_valid(const void *ctx, const char *path)
{
	cleanup_(json_done) json_t *root = schema(ctx);
	cleanup_(fd_close) int here = fs_root_open(".", NULL);
	struct check c = { .defs = json_object_get(root, "$defs") };
	struct err err = ERR_INIT;
	struct doc *doc = NULL;

	assert_ok(doc_read_file(ctx, here, path, &doc, &err), &err);
	if (!is_valid(&c, root, doc->root)) {
		print_error("%s:%s\n", path, c.why);
		fail();
	}
}

TEST(every_kind_and_field_is_in_the_schema_with_its_words)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");
	cleanup_(json_done) json_t *root = schema(ctx);
	const json_t *defs = json_object_get(root, "$defs");

	KIND_FOREACH(k) {
		const json_t *def = json_object_get(defs, k->name);
		const json_t *properties = json_object_get(def, "properties");

		assert_non_null(def);
		FIELD_FOREACH(f, k) {
			bool is_name = (f->flags & FIELD_KEY) && kind_own_keys(k) == 1;
			const json_t *p = json_object_get(properties, f->name);

			if ((f->flags & (FIELD_PARENT | FIELD_DERIVED)) || is_name) {
				assert_null(p);
				continue;
			}
			p = properties ? p : def; /* name: value */
			assert_non_null(p);
			assert_string_equal(json_string_value(json_object_get(p, "description")),
					    f->doc);
		}
	}
}

TEST(every_section_stands_where_the_reader_looks_for_it)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");
	cleanup_(json_done) json_t *root = schema(ctx);

	KIND_FOREACH(k) {
		const struct field *parent = kind_parent(k);
		const json_t *above = root;

		if (parent)
			above = json_object_get(json_object_get(root, "$defs"), parent->ref->name);
		assert_non_null(json_object_get(json_object_get(above, "properties"), k->section));
	}
}

TEST(the_schema_of_a_kind_has_what_stands_inside_it)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");
	cleanup_(json_done) json_t *root =
		json_loads(schema_kind(ctx, kind_find("zone")), JSON_REJECT_DUPLICATES, NULL);
	const json_t *defs = json_object_get(root, "$defs");

	assert_non_null(json_object_get(defs, "zone"));
	assert_non_null(json_object_get(defs, "record"));
	assert_null(json_object_get(defs, "account"));
}

TEST(the_examples_and_an_export_of_every_kind_are_valid)
{
	static const char *const paths[] = {
		"/examples/hosting/settings.yaml",       "/examples/hosting/packages.yaml",
		"/examples/hosting/users.yaml",          "/examples/hosting/accounts/anna.yaml",
		"/examples/hosting/accounts/bjorn.yaml", "/examples/hosting/accounts/club.yaml",
		"/examples/sandbox/settings.yaml",       "/tests/golden/export/all.yaml",
	};
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		file_must_be_valid(ctx, paths[i]);
}

TEST(the_schema_takes_deletes_and_words_as_they_are_written)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");

	assert_true(text_is_valid(ctx, "accounts: {john: ~, jane: {php: ~}}"));
	assert_true(text_is_valid(ctx, "accounts: {john: {package: ~, php_version: 8.2}}"));
	assert_true(text_is_valid(ctx, "settings: {dns_port: 53, web_ipv6: true, dns_server: ~}"));
	assert_true(text_is_valid(ctx, "accounts: {john: {forwarders: [{delete: true, source: "
				       "a@b.example, destination: c@d.example}]}}"));
}

TEST(the_schema_refuses_what_the_reader_refuses_in_form)
{
	static const char *const texts[] = {
		"novacpx: 2",
		"acounts: {}",
		"accounts: []",
		"accounts: {john: text}",
		"accounts: {john: {packge: x}}",
		"accounts: {john: {records: []}}",
		"accounts: {john: {domains: {a.example: {}}}}",
		"accounts: {john: {domains: {a.example: {type: primry}}}}",
		"accounts: {john: {domains: {a.example: {type: primary, www: 1}}}}",
		"accounts: {john: {domains: {a.example: {type: primary, name: a.example}}}}",
		"accounts: {john: {mailboxes: {a@b.example: {quota_mb: \"5\"}}}}",
		"accounts: {john: {mailboxes: {a@b.example: {quota_mb: -5}}}}",
		"accounts: {john: {mailboxes: {a@b.example: {password: clear}}}}",
		"accounts: {john: {mailboxes: {a@b.example: {password: {clear: x}}}}}",
		"accounts: {john: {forwarders: {}}}",
		"accounts: {john: {forwarders: [{source: a@b.example}]}}",
		"settings: {dns_port: {value: 53}}",
	};
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (text_is_valid(ctx, texts[i]))
			print_error("was taken: %s\n", texts[i]);
		assert_false(text_is_valid(ctx, texts[i]));
	}
}
