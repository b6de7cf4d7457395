#include "model/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/check.h"
#include "model/kind.h"

enum {
	TEXT_MAX = 65536,
	LIST_MAX = 256
};

static const void *at(const struct field *f, const void *res)
{
	return (const char *)res + f->offset;
}

static void *at_mut(const struct field *f, void *res)
{
	return (char *)res + f->offset;
}

bool field_is_text(const struct field *f)
{
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF:
	case FIELD_SECRET: return true;
	case FIELD_INT:
	case FIELD_BOOL:
	case FIELD_LIST: return false;
	}
	return false;
}

const char *field_text(const struct field *f, const void *res)
{
	return *(const char *const *)at(f, res);
}

int64_t field_int(const struct field *f, const void *res)
{
	if (f->type == FIELD_BOOL)
		return *(const bool *)at(f, res);
	return *(const int64_t *)at(f, res);
}

const struct strlist *field_list(const struct field *f, const void *res)
{
	return at(f, res);
}

void field_set_text(const struct field *f, void *res, const char *text)
{
	*(const char **)at_mut(f, res) = text;
}

void field_set_int(const struct field *f, void *res, int64_t num)
{
	if (f->type == FIELD_BOOL)
		*(bool *)at_mut(f, res) = num != 0;
	else
		*(int64_t *)at_mut(f, res) = num;
}

void field_set_list(const struct field *f, void *res, const char **items, size_t n)
{
	*(struct strlist *)at_mut(f, res) = (struct strlist){ .v = items, .n = n };
}

bool field_is_set(const struct field *f, const void *res)
{
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF:
	case FIELD_SECRET: return field_text(f, res) != NULL;
	case FIELD_INT: return field_int(f, res) != INT_UNSET;
	case FIELD_BOOL: return true;
	case FIELD_LIST: return field_list(f, res)->n > 0;
	}
	return false;
}

void field_copy(const struct field *f, void *to, const void *from)
{
	if (field_is_text(f))
		field_set_text(f, to, field_text(f, from));
	else if (f->type == FIELD_LIST)
		field_set_list(f, to, field_list(f, from)->v, field_list(f, from)->n);
	else
		field_set_int(f, to, field_int(f, from));
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool field_same(const struct field *f, const void *a, const void *b)
{
	if (field_is_text(f))
		return same_text(field_text(f, a), field_text(f, b));
	if (f->type == FIELD_LIST) {
		const struct strlist *la = field_list(f, a);
		const struct strlist *lb = field_list(f, b);

		if (la->n != lb->n)
			return false;
		for (size_t i = 0; i < la->n; i++) {
			if (strcmp(la->v[i], lb->v[i]) != 0)
				return false;
		}
		return true;
	}
	return field_int(f, a) == field_int(f, b);
}

const char *field_allowed(const void *ctx, const struct field *f)
{
	struct buf b = BUF_ON(ctx);

	switch (f->type) {
	case FIELD_INT:
		if (f->max > f->min)
			return mem_fmt(ctx, "an integer from %" PRId64 " to %" PRId64, f->min,
				       f->max);
		return "an integer";
	case FIELD_BOOL: return "true or false";
	case FIELD_CHOICE:
		buf_puts(&b, "one of ");
		for (size_t i = 0; f->choices[i]; i++)
			buf_printf(&b, "%s%s", i ? ", " : "", f->choices[i]);
		return buf_str(&b);
	case FIELD_REF:
		return mem_fmt(ctx, "the name of %s %s",
			       strchr("aeiou", f->ref->name[0]) ? "an" : "a", f->ref->name);
	case FIELD_LIST: return "a list of texts";
	case FIELD_STRING:
	case FIELD_SECRET: return "a text";
	}
	return "a text";
}

static int mismatch(const void *ctx, const struct field *f, const struct value *v, struct err *err)
{
	static const char *const names[] = { "nothing", "a boolean", "an integer", "a text",
					     "a list" };

	if (v->text)
		return err_set(err, ERR_INVALID, "%s: found %s, allowed is %s", f->name,
			       f->type == FIELD_SECRET ? "a value of another type"
						       : text_quoted(v->text).s,
			       field_allowed(ctx, f));
	return err_set(err, ERR_INVALID, "%s: found %s, allowed is %s", f->name, names[v->type],
		       field_allowed(ctx, f));
}

static int put_int(const void *ctx, const struct field *f, void *res, const struct value *v,
		   struct err *err)
{
	int64_t num = v->num;

	if (v->type == VALUE_STRING && v->text) { /* panels send numbers as texts */
		char *end;

		errno = 0;
		num = strtoll(v->text, &end, 10);
		if (errno || end == v->text || *end)
			return mismatch(ctx, f, v, err);
	} else if (v->type != VALUE_INT) {
		return mismatch(ctx, f, v, err);
	}
	if (f->max > f->min && (num < f->min || num > f->max))
		return err_set(err, ERR_INVALID, "%s: %" PRId64 " is not %s", f->name, num,
			       field_allowed(ctx, f));
	field_set_int(f, res, num);
	return 0;
}

static int put_bool(const void *ctx, const struct field *f, void *res, const struct value *v,
		    struct err *err)
{
	if (v->type == VALUE_BOOL)
		field_set_int(f, res, v->flag);
	else if (v->type == VALUE_INT && (v->num == 0 || v->num == 1))
		field_set_int(f, res, v->num);
	else
		return mismatch(ctx, f, v, err);
	return 0;
}

static int canonical(const void *ctx, const struct field *f, const char *in, const char **ret,
		     struct err *err)
{
	int r = 0;

	if (strlen(in) >= TEXT_MAX)
		return err_set(err, ERR_TOOBIG, "%s: longer than %d bytes", f->name, TEXT_MAX - 1);
	*ret = in;
	r = f->canon ? f->canon(ctx, in, ret, err) : canon_text(ctx, in, ret, err);
	return r < 0 ? err_wrap(err, "%s", f->name) : 0;
}

static int put_choice(const void *ctx, const struct field *f, void *res, const struct value *v,
		      struct err *err)
{
	for (size_t i = 0; v->text && f->choices[i]; i++) {
		if (strcmp(f->choices[i], v->text) != 0)
			continue;
		field_set_text(f, res, f->choices[i]);
		return 0;
	}
	return mismatch(ctx, f, v, err);
}

static int put_text(const void *ctx, const struct field *f, void *res, const struct value *v,
		    struct err *err)
{
	const char *text = v->text;
	int r;

	if (v->type == VALUE_INT && !text)
		text = mem_fmt(ctx, "%" PRId64, v->num);
	if (!text || v->type == VALUE_LIST || v->type == VALUE_BOOL)
		return mismatch(ctx, f, v, err);
	r = canonical(ctx, f, text, &text, err);
	if (r < 0)
		return r;
	field_set_text(f, res, mem_str(ctx, text));
	return 0;
}

static int put_list(const void *ctx, const struct field *f, void *res, const struct value *v,
		    struct err *err)
{
	size_t max = f->max ? (size_t)f->max : LIST_MAX;
	const char **items;

	if (v->type != VALUE_LIST)
		return mismatch(ctx, f, v, err);
	if (v->n > max)
		return err_set(err, ERR_TOOBIG, "%s: %zu items, at most %zu are allowed", f->name,
			       v->n, max);
	items = mem_zero(ctx, (v->n + 1) * sizeof(*items));
	for (size_t i = 0; i < v->n; i++) {
		int r = canonical(ctx, f, v->items[i], &items[i], err);

		if (r < 0)
			return r;
		items[i] = mem_str(ctx, items[i]);
	}
	field_set_list(f, res, items, v->n);
	return 0;
}

static int put_typed(const void *ctx, const struct field *f, void *res, const struct value *v,
		     struct err *err)
{
	switch (f->type) {
	case FIELD_INT: return put_int(ctx, f, res, v, err);
	case FIELD_BOOL: return put_bool(ctx, f, res, v, err);
	case FIELD_CHOICE: return put_choice(ctx, f, res, v, err);
	case FIELD_LIST: return put_list(ctx, f, res, v, err);
	case FIELD_STRING:
	case FIELD_REF:
	case FIELD_SECRET: return put_text(ctx, f, res, v, err);
	}
	return err_set(err, ERR_INVALID, "%s: unknown type of field", f->name);
}

int field_put(const void *ctx, const struct field *f, void *res, const struct value *v,
	      struct err *err)
{
	int r = 0;

	if (v->type == VALUE_NULL && (f->flags & (FIELD_REQUIRED | FIELD_KEY)))
		r = err_set(err, ERR_INVALID, "%s: must be given: %s", f->name,
			    field_allowed(ctx, f));
	else if (v->type == VALUE_NULL)
		field_put_default(ctx, f, res);
	else
		r = put_typed(ctx, f, res, v, err);
	if (r < 0 && err && !err->path[0])
		(void)snprintf(err->path, sizeof(err->path), "/%s", f->name);
	return r;
}

void field_put_default(const void *ctx, const struct field *f, void *res)
{
	struct value v;
	struct err err = ERR_INIT;

	if (f->dflt) {
		v = field_value_of_text(ctx, f, f->dflt);
		if (put_typed(ctx, f, res, &v, &err) < 0)
			abort(); /* a table's own default is wrong: our bug, found by the first test */
	} else if (field_is_text(f)) {
		field_set_text(f, res, NULL);
	} else if (f->type == FIELD_LIST) {
		field_set_list(f, res, NULL, 0);
	} else {
		field_set_int(f, res, f->flags & FIELD_NULLABLE ? INT_UNSET : 0);
	}
}

const char *field_show(const void *ctx, const struct field *f, const void *res)
{
	struct buf b = BUF_ON(ctx);

	if (!field_is_set(f, res))
		return "";
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF: return field_text(f, res);
	case FIELD_SECRET: return "(secret)";
	case FIELD_INT: return mem_fmt(ctx, "%" PRId64, field_int(f, res));
	case FIELD_BOOL: return field_int(f, res) ? "true" : "false";
	case FIELD_LIST:
		for (size_t i = 0; i < field_list(f, res)->n; i++)
			buf_printf(&b, "%s%s", i ? ", " : "", field_list(f, res)->v[i]);
		return buf_str(&b);
	}
	return "";
}

static struct value list_of_text(const void *ctx, const char *text)
{
	struct value v = { .type = VALUE_LIST };
	size_t cap = 0;

	while (*text) {
		size_t len = strcspn(text, ",");

		mem_room(ctx, &v.items, &cap, v.n, sizeof(*v.items));
		v.items[v.n++] = mem_strn(ctx, text, len);
		text += len;
		text += strspn(text, ", ");
	}
	return v;
}

struct value field_value_of_text(const void *ctx, const struct field *f, const char *text)
{
	struct value v = { .type = VALUE_STRING, .text = text };

	switch (f->type) {
	case FIELD_BOOL:
		if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
			v = (struct value){ .type = VALUE_BOOL, .flag = text[0] == 't' };
		break;
	case FIELD_LIST: return list_of_text(ctx, text);
	case FIELD_INT: /* put_int reads digits from the text */
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF:
	case FIELD_SECRET: break;
	}
	return v;
}
