#include "state/change_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/nearest.h"

enum {
	ITEMS_MAX = 4096,
	KEY_MAX = 4096,
};

static int only_members(const json_t *object, const char *const *allowed, const char *where,
			struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "members");
	const char *key;
	json_t *value;
	size_t n = 0;

	while (allowed[n])
		n++;
	json_object_foreach((json_t *)object, key, value)
	{
		const char *hint = nearest(key, allowed, n);

		if (hint && strcmp(hint, key) == 0)
			continue;
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/%.64s", where, key),
			      "\"%.64s\" is not known here%s%s%s", key,
			      hint ? "; did you mean \"" : "", hint ? hint : "", hint ? "\"?" : "");
	}
	return 0;
}

static int list_value(const void *ctx, const json_t *v, const char *where, struct value *ret,
		      struct err *err)
{
	size_t n = json_array_size(v);

	if (n > ITEMS_MAX)
		return err_at(err, ERR_TOOBIG, where, "%zu items; at most %d are taken", n,
			      ITEMS_MAX);
	*ret = (struct value){ .type = VALUE_LIST,
			       .items = mem_zero(ctx, (n + 1) * sizeof(*ret->items)),
			       .n = n };
	for (size_t i = 0; i < n; i++) {
		ret->items[i] = json_string_value(json_array_get(v, i));
		if (!ret->items[i])
			return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/%zu", where, i),
				      "a string is needed in this list");
	}
	return 0;
}

static int value_of_json(const void *ctx, const json_t *v, const char *where, struct value *ret,
			 struct err *err)
{
	switch (json_typeof(v)) {
	case JSON_NULL: *ret = (struct value){ .type = VALUE_NULL }; return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		*ret = (struct value){ .type = VALUE_BOOL, .flag = json_is_true(v) };
		return 0;
	case JSON_INTEGER:
		*ret = (struct value){ .type = VALUE_INT,
				       .num = json_integer_value(v),
				       .text = mem_fmt(ctx, "%" PRId64,
						       (int64_t)json_integer_value(v)) };
		return 0;
	case JSON_STRING:
		*ret = (struct value){ .type = VALUE_STRING, .text = json_string_value(v) };
		return 0;
	case JSON_ARRAY: return list_value(ctx, v, where, ret, err);
	case JSON_OBJECT:
	case JSON_REAL: break;
	}
	return err_at(err, ERR_INVALID, where,
		      "text, an integer, true, false, null or a list of texts is needed");
}

static int set_fields(const void *ctx, struct change *c, const json_t *fields, const char *where,
		      struct err *err)
{
	const struct kind *k = ((struct res *)c->res)->kind;
	const char **names = mem_zero(ctx, (k->n_fields + 1) * sizeof(*names));
	const char *key;
	json_t *v;
	int r;

	for (size_t i = 0; i < k->n_fields; i++)
		names[i] = k->fields[i].name;
	r = only_members(fields, names, where, err);
	if (r < 0)
		return r;
	json_object_foreach((json_t *)fields, key, v)
	{
		const struct field *f = kind_field(k, key);
		struct value value;

		if (f->flags & FIELD_DERIVED)
			return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/%s", where, key),
				      "%s follows from other fields and cannot be set", key);
		r = value_of_json(ctx, v, mem_fmt(ctx, "%s/%s", where, key), &value, err);
		if (r < 0)
			return r;
		r = change_set(ctx, c, f, &value, err);
		if (r < 0) {
			err_prefix_path(err, where);
			return r;
		}
	}
	return 0;
}

/* The parts of the natural key, each checked like any other field. */
static int set_key(const void *ctx, struct change *c, const char *key, const char *where,
		   struct err *err)
{
	const struct kind *k = ((struct res *)c->res)->kind;
	void *probe = res_new(ctx, k);
	int r = strlen(key) > KEY_MAX ? err_set(err, ERR_TOOBIG, "over %d bytes", KEY_MAX)
				      : res_set_key(ctx, probe, key, err);

	FIELD_FOREACH(f, k) {
		struct value v;

		if (r < 0 || !(f->flags & FIELD_KEY))
			continue;
		v = field_value_of_text(ctx, f, field_text(f, probe));
		r = change_set(ctx, c, f, &v, err);
	}
	if (r < 0)
		return err_at(err, err->code, where, "key: %s", mem_str(ctx, err->msg));
	return 0;
}

static int add_change(const void *ctx, struct changeset *cs, const json_t *item, size_t i,
		      struct err *err)
{
	static const char *const members[] = { "op", "kind", "key", "fields", NULL };
	const char *where = mem_fmt(ctx, "/changes/%zu", i);
	const char *op = json_string_value(json_object_get(item, "op"));
	const char *kind = json_string_value(json_object_get(item, "kind"));
	const json_t *key = json_object_get(item, "key");
	const json_t *fields = json_object_get(item, "fields");
	const struct kind *k = kind ? kind_find(kind) : NULL;
	bool is_put = op && strcmp(op, "put") == 0;
	struct change *c;
	int r;

	if (!json_is_object(item))
		return err_at(err, ERR_INVALID, where, "an object is needed for each change");
	r = only_members(item, members, where, err);
	if (r < 0)
		return r;
	if (!is_put && !(op && strcmp(op, "delete") == 0))
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/op", where),
			      "op: \"put\" or \"delete\" is needed");
	if (!k)
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/kind", where), "kind: %s",
			      kind ? "there is no such kind" : "must be given");
	if (key && !json_is_string(key))
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/key", where),
			      "key: text is needed");
	if (fields && !json_is_object(fields))
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/fields", where),
			      "fields: an object is needed");
	if (!key && !fields)
		return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/key", where),
			      "key: must be given");
	c = changeset_add(cs, is_put ? CHANGE_PUT : CHANGE_DELETE, k);
	c->where = (int)i;
	if (key)
		r = set_key(ctx, c, json_string_value(key), mem_fmt(ctx, "%s/key", where), err);
	if (r >= 0 && fields)
		r = set_fields(ctx, c, fields, mem_fmt(ctx, "%s/fields", where), err);
	return r;
}

int change_json_read(const void *ctx, const json_t *changes, struct changeset *cs, struct err *err)
{
	int r = 0;

	if (!json_is_array(changes) || json_array_size(changes) == 0)
		return err_at(err, ERR_INVALID, "/changes",
			      "changes: a list of at least one change is needed");
	for (size_t i = 0; i < json_array_size(changes) && r >= 0; i++)
		r = add_change(ctx, cs, json_array_get(changes, i), i, err);
	return r;
}

json_t *change_json_field(const struct field *f, const void *res)
{
	const struct strlist *list;
	json_t *items;

	if (!field_is_set(f, res))
		return json_null();
	switch (f->type) {
	case FIELD_INT: return json_integer((json_int_t)field_int(f, res));
	case FIELD_BOOL: return json_boolean(field_int(f, res));
	case FIELD_LIST:
		list = field_list(f, res);
		items = json_array();
		for (size_t i = 0; i < list->n; i++)
			(void)json_array_append_new(items, json_string(list->v[i]));
		return items;
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF:
	case FIELD_SECRET: break;
	}
	return json_string(field_text(f, res));
}
