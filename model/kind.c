#include "model/kind.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

const struct kind *kind_find(const char *name)
{
	KIND_FOREACH(k) {
		if (strcmp(k->name, name) == 0 || strcmp(k->section, name) == 0)
			return k;
	}
	return NULL;
}

const struct field *kind_field(const struct kind *k, const char *name)
{
	FIELD_FOREACH(f, k) {
		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

static const struct field *field_flagged(const struct kind *k, unsigned flag)
{
	FIELD_FOREACH(f, k) {
		if (f->flags & flag)
			return f;
	}
	return NULL;
}

const struct field *kind_parent(const struct kind *k)
{
	return field_flagged(k, FIELD_PARENT);
}

const struct field *kind_scope(const struct kind *k)
{
	return field_flagged(k, FIELD_SCOPE);
}

size_t kind_index(const struct kind *k)
{
	size_t i = 0;

	while (i < n_kinds && kinds[i] != k)
		i++;
	return i;
}

size_t kind_own_keys(const struct kind *k)
{
	size_t n = 0;

	FIELD_FOREACH(f, k) {
		if ((f->flags & FIELD_KEY) && !(f->flags & FIELD_PARENT))
			n++;
	}
	return n;
}

void *res_new(const void *ctx, const struct kind *k)
{
	struct res *res = mem_zero(ctx, k->size);

	res->kind = k;
	FIELD_FOREACH(f, k)
		field_put_default(ctx, f, res);
	return res;
}

void *res_copy(const void *ctx, const void *res)
{
	return mem_dup(ctx, res, ((const struct res *)res)->kind->size);
}

const char *res_key(const void *ctx, const void *res)
{
	const struct kind *k = ((const struct res *)res)->kind;
	struct buf b = BUF_ON(ctx);
	bool first = true;

	FIELD_FOREACH(f, k) {
		if (!(f->flags & FIELD_KEY))
			continue;
		if (!first)
			buf_putc(&b, '/');
		first = false;
		buf_puts(&b, field_show(ctx, f, res));
	}
	return buf_str(&b);
}

const char *res_name(const void *ctx, const void *res)
{
	return mem_fmt(ctx, "%s/%s", ((const struct res *)res)->kind->name, res_key(ctx, res));
}

int res_set_key(const void *ctx, void *res, const char *key, struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	const struct field *last = NULL;
	const char *rest = key;

	FIELD_FOREACH(f, k) {
		if (f->flags & FIELD_KEY)
			last = f;
	}
	FIELD_FOREACH(f, k) {
		size_t len = f == last ? strlen(rest) : strcspn(rest, "/");

		if (!(f->flags & FIELD_KEY))
			continue;
		if (f != last && rest[len] != '/')
			return err_set(err, ERR_INVALID, "%s/%s: the key lacks its part \"%s\"",
				       k->name, key, f->name);
		field_set_text(f, res, mem_strn(ctx, rest, len));
		rest += f == last ? len : len + 1;
	}
	return 0;
}

int res_diff(const void *from, const void *to, field_diff_fn *fn, void *arg)
{
	int n = 0;

	FIELD_FOREACH(f, ((const struct res *)to)->kind) {
		int r;

		if (field_same(f, from, to))
			continue;
		r = fn ? fn(f, from, to, arg) : 0;
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

static struct value value_of(const struct field *f, const void *res)
{
	if (!field_is_set(f, res))
		return (struct value){ .type = VALUE_NULL };
	if (field_is_text(f))
		return (struct value){ .type = VALUE_STRING, .text = field_text(f, res) };
	if (f->type == FIELD_LIST)
		return (struct value){ .type = VALUE_LIST,
				       .items = field_list(f, res)->v,
				       .n = field_list(f, res)->n };
	return (struct value){ .type = f->type == FIELD_BOOL ? VALUE_BOOL : VALUE_INT,
			       .num = field_int(f, res),
			       .flag = field_int(f, res) != 0 };
}

int res_verify(const void *ctx, void *res, struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	int r = 0;

	FIELD_FOREACH(f, k) {
		struct value v = value_of(f, res);

		if (f->flags & FIELD_DERIVED)
			continue;
		if (v.type == VALUE_NULL && !(f->flags & (FIELD_REQUIRED | FIELD_KEY)))
			continue;
		r = field_put(ctx, f, res, &v, err);
		if (r < 0)
			return r;
	}
	if (k->derive)
		r = k->derive(ctx, res, err);
	if (r >= 0 && k->check)
		r = k->check(ctx, res, err);
	return r;
}
