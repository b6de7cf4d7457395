#include "tests/support/viewing.h"

#include <string.h>

#include "base/buf.h"
#include "tests/support/testing.h"

void viewing_begin(struct viewing *w, enum scope_level level, const char *name)
{
	*w = (struct viewing){ .ctx = mem_ctx(NULL, "viewing") };
	w->settings.ctx = w->ctx;
	w->v = (struct view){ .ctx = w->ctx, .level = level, .name = name };
	w->v.res = mem_zero(w->ctx, n_kinds * sizeof(*w->v.res));
}

void viewing_done(struct viewing *w)
{
	(void)talloc_free(w->ctx);
}

void *viewing_make_fields(struct viewing *w, const struct kind *k, const char *const *fields)
{
	void *res = res_new(w->ctx, k);
	struct err err = ERR_INIT;

	for (size_t i = 0; fields[i]; i += 2) {
		const struct field *f = kind_field(k, fields[i]);
		struct value value;

		assert_non_null(f);
		value = field_value_of_text(w->ctx, f, fields[i + 1]);
		assert_ok(field_put(w->ctx, f, res, &value, &err), &err);
	}
	assert_ok(res_verify(w->ctx, res, &err), &err);
	return res;
}

void *viewing_add_fields(struct viewing *w, const struct kind *k, const char *const *fields)
{
	void *res = viewing_make_fields(w, k, fields);

	ptrs_add(w->ctx, &w->v.res[kind_index(k)], res);
	return res;
}

struct account *viewing_owner(struct viewing *w)
{
	static const char hash[] = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC."
				   "5i5rd.RhAtQ7";
	struct account *a = viewing_make(w, &kind_account, "username", "john", "password", hash);

	w->account = a;
	w->v.account = a;
	if (w->v.level == SCOPE_ACCOUNT)
		ptrs_add(w->ctx, &w->v.res[kind_index(&kind_account)], a);
	return a;
}

void viewing_set(struct viewing *w, const char *setting, const char *value)
{
	*strmap_slot(&w->settings, setting) = (void *)(uintptr_t)value;
}

static int render(struct viewing *w, const struct renderer *r, struct catalog *c, struct err *err)
{
	int code;

	w->v.settings = &w->settings;
	assert_int_equal(w->v.level, r->level);
	code = r->render(&w->v, c, err);
	return code < 0 ? code : catalog_sort(c, err);
}

struct catalog viewing_render(struct viewing *w, const struct renderer *r)
{
	struct catalog c = { .ctx = w->ctx };
	struct err err = ERR_INIT;

	assert_ok(render(w, r, &c, &err), &err);
	return c;
}

const char *viewing_refusal(struct viewing *w, const struct renderer *r)
{
	struct catalog c = { .ctx = w->ctx };
	struct err err = ERR_INIT;
	int code = render(w, r, &c, &err);

	if (code >= 0) {
		for (size_t i = 0; i < c.n; i++)
			print_error("%s: %s\n", c.v[i].path, c.v[i].data ? c.v[i].data : "");
		fail_msg("%s took what it should refuse", r->name);
	}
	assert_int_equal(code, -(int)err.code);
	return mem_str(w->ctx, err.msg);
}

static void put_word(struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_printf(b, " %s=%s", name, value);
}

static void put_flags(struct buf *b, unsigned flags)
{
	static const char *const names[] = { "once",   "secret", "tenant", "data",
					     "locked", "serial", "reload" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (flags & (1U << i))
			buf_printf(b, " %s", names[i]);
	}
}

/* Owner and mode must be said where they matter: the reconciler has no defaults of its own. */
static void put_rights(struct buf *b, const struct artifact *a)
{
	if (a->type != ARTIFACT_FILE && a->type != ARTIFACT_DIR && a->type != ARTIFACT_COPYDIR)
		return;
	assert_true(a->mode != 0 && a->owner && a->group);
	buf_printf(b, " %04o %s:%s", (unsigned)a->mode, a->owner, a->group);
}

static void put_artifact(struct buf *b, const struct artifact *a)
{
	bool whole = a->type == ARTIFACT_FILE || a->type == ARTIFACT_BLOCK;

	assert_non_null(a->resource);
	if (a->data)
		assert_int_equal(strlen(a->data), a->len);
	buf_printf(b, "== %s %s", artifact_type_name(a->type), a->path);
	put_rights(b, a);
	put_flags(b, a->flags);
	put_word(b, "for", a->resource);
	put_word(b, "service", a->service);
	put_word(b, "source", a->source);
	put_word(b, "home", a->home);
	put_word(b, "shell", a->shell);
	put_word(b, "gecos", a->gecos);
	put_word(b, "hash", a->hash);
	put_word(b, "anchor", a->anchor);
	if (a->flags & ARTIFACT_SERIAL)
		buf_printf(b, " serial_at=%zu", a->serial_at);
	if (!whole)
		put_word(b, "is", a->data);
	buf_putc(b, '\n');
	if (whole)
		buf_put(b, a->data, a->len);
}

static const char *catalog_text(const void *ctx, const struct catalog *c)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; i < c->n; i++)
		put_artifact(&b, &c->v[i]);
	return buf_str(&b);
}

const char *viewing_text(struct viewing *w, const struct renderer *r)
{
	struct catalog first = viewing_render(w, r);
	struct catalog second = viewing_render(w, r);
	const char *text = catalog_text(w->ctx, &first);

	assert_string_equal(catalog_text(w->ctx, &second), text);
	for (size_t i = 0; i < first.n; i++)
		assert_true(digest_eq(&first.v[i].digest, &second.v[i].digest));
	return text;
}

const struct artifact *viewing_find(const struct catalog *c, enum artifact_type t, const char *path)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].type == t && strcmp(c->v[i].path, path) == 0)
			return &c->v[i];
	}
	return NULL;
}
