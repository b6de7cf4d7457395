#include "tests/support/store_fix.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/support/testing.h"

void fix_open(struct store_fix *f)
{
	*f = (struct store_fix){ .ctx = mem_ctx(NULL, "fix") };
	f->cs.ctx = f->problems.ctx = f->ctx;
	assert_ok(store_open(f->ctx, ":memory:", false, &f->s, &f->err), &f->err);
}

void fix_done(struct store_fix *f)
{
	mem_freep(&f->ctx);
}

void fix_put(struct store_fix *f, const struct kind *k, ...)
{
	struct change *c = changeset_add(&f->cs, CHANGE_PUT, k);
	const char *name;
	va_list ap;

	va_start(ap, k);
	while ((name = va_arg(ap, const char *))) {
		const struct field *field = kind_field(k, name);
		struct value v = field_value_of_text(f->ctx, field, va_arg(ap, const char *));

		assert_non_null(field);
		assert_ok(change_set(f->ctx, c, field, &v, &f->err), &f->err);
	}
	va_end(ap);
}

void fix_del(struct store_fix *f, const struct kind *k, const char *key)
{
	struct change *c = changeset_add(&f->cs, CHANGE_DELETE, k);

	assert_ok(res_set_key(f->ctx, c->res, key, &f->err), &f->err);
}

int fix_apply(struct store_fix *f)
{
	int r;

	f->rev = f->next;
	f->next = (struct revision){ .rev = 0 };
	f->rev.actor = f->rev.actor ? f->rev.actor : "test";
	f->rev.source = "unit";
	f->rev.time = f->rev.time ? f->rev.time : 1700000000;
	f->problems.n = 0;
	r = store_apply(f->s, &f->cs, &f->rev, &f->problems, &f->err);
	f->cs.n = 0;
	return r;
}

int fix_commit(struct store_fix *f)
{
	int r = fix_apply(f);

	if (r > 0)
		assert_ok(store_commit(f->s, &f->err), &f->err);
	return r;
}

const char *fix_problems(struct store_fix *f)
{
	struct buf b = BUF_ON(f->ctx);

	for (size_t i = 0; i < f->problems.n; i++)
		buf_printf(&b, "%s %s: %s\n", f->problems.v[i].resource,
			   f->problems.v[i].field ? f->problems.v[i].field : "-",
			   f->problems.v[i].msg);
	return buf_str(&b);
}

void fix_refused(struct store_fix *f, const char *text)
{
	int r = fix_commit(f);

	if (r >= 0)
		print_error("was taken: %s\n", text);
	assert_true(r < 0);
	assert_contains(fix_problems(f), text);
}

void fix_committed(struct store_fix *f)
{
	int r = fix_commit(f);

	if (r != 1)
		print_error("%s\n", fix_problems(f));
	assert_int_equal(r, 1);
}

void fix_john(struct store_fix *f)
{
	fix_put(f, &kind_account, "username", "john", NULL);
	fix_put(f, &kind_domain, "name", "example.com", "account", "john", "type", "primary", NULL);
	fix_put(f, &kind_zone, "name", "example.com", "account", "john", NULL);
	fix_committed(f);
}
