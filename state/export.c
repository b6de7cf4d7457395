#include "state/export.h"

#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "model/check.h"
#include "state/statefile_internal.h"
#include "state/yamlw.h"

enum {
	DIGEST_SHOWN = 32, /* of 64 hexadecimal digits */
	NAME_MAX_SHOWN = 200
};

struct exporter {
	const struct export_options *o;
	struct yamlw w;
	bool is_tree; /* children with files of their own are left to them */
};

/* Kinds whose resources have a folder each, and those below that have a file each. */
static bool has_folder(const struct kind *k)
{
	return k->level == SCOPE_ACCOUNT && !kind_parent(k);
}

static bool has_file(const struct kind *k)
{
	return kind_above(k) && has_folder(kind_above(k)) && kind_has_children(k);
}

/* Fields */

static bool differs(const struct field *f, const void *res, const void *plain)
{
	if (f->flags & (FIELD_PARENT | FIELD_DERIVED))
		return false;
	if (f->type == FIELD_SECRET)
		return field_is_set(f, res);
	return (f->flags & FIELD_REQUIRED) || !field_same(f, res, plain);
}

static bool is_map_key(const struct kind *k, const struct field *f)
{
	return (f->flags & FIELD_KEY) && kind_own_keys(k) == 1;
}

static void put_secret(struct exporter *e, const struct field *f, const char *text)
{
	static const char prefix[] = "hmac-";
	char hex[sizeof(prefix) + DIGEST_HEX_LEN];

	yamlw_map(&e->w);
	if (e->o->with_secrets) {
		yamlw_key(&e->w, f->canon == canon_pem ? "pem" : "hash");
		yamlw_string(&e->w, text);
	} else {
		struct digest d =
			digest_keyed(e->o->node_key, e->o->node_key_len, text, strlen(text));

		memcpy(hex, prefix, sizeof(prefix));
		digest_hex(&d, hex + strlen(prefix));
		hex[strlen(prefix) + DIGEST_SHOWN] = '\0';
		yamlw_key(&e->w, "digest");
		yamlw_string(&e->w, hex);
	}
	yamlw_end(&e->w);
}

/* A text that reads back as itself without quotes, as a person would write it: 8080, true. */
static void put_word(struct exporter *e, const char *text)
{
	uint64_t num = 0;
	size_t len = strlen(text);

	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		yamlw_bool(&e->w, text[0] == 't');
	else if ((text[0] != '0' || len == 1) && check_number(text, len, INT32_MAX, &num))
		yamlw_int(&e->w, (int64_t)num);
	else
		yamlw_string(&e->w, text);
}

static void put_list(struct exporter *e, const struct strlist *list)
{
	yamlw_list(&e->w);
	for (size_t i = 0; i < list->n; i++)
		yamlw_string(&e->w, list->v[i]);
	yamlw_end(&e->w);
}

static void put_value(struct exporter *e, const struct field *f, const void *res)
{
	if (!field_is_set(f, res)) {
		yamlw_null(&e->w);
		return;
	}
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_REF: yamlw_string(&e->w, field_text(f, res)); break;
	case FIELD_CHOICE: put_word(e, field_text(f, res)); break;
	case FIELD_INT: yamlw_int(&e->w, field_int(f, res)); break;
	case FIELD_BOOL: yamlw_bool(&e->w, field_int(f, res) != 0); break;
	case FIELD_LIST: put_list(e, field_list(f, res)); break;
	case FIELD_SECRET: put_secret(e, f, field_text(f, res)); break;
	}
}

static void put_field(struct exporter *e, const struct field *f, const void *res)
{
	yamlw_key(&e->w, f->name);
	put_value(e, f, res);
}

/* A kind with sections is described by at least one field. */
static void put_mark(struct exporter *e, const struct kind *k, const void *res)
{
	FIELD_FOREACH(f, k) {
		if (f->dflt && !(f->flags & FIELD_KEY)) {
			put_field(e, f, res);
			return;
		}
	}
}

static void put_fields(struct exporter *e, const void *tmp, const void *res)
{
	const struct kind *k = ((const struct res *)res)->kind;
	const void *plain = res_new(tmp, k);
	size_t n = 0;

	FIELD_FOREACH(f, k) {
		if (is_map_key(k, f) || !differs(f, res, plain) ||
		    (e->o->no_secrets && f->type == FIELD_SECRET))
			continue;
		put_field(e, f, res);
		n++;
	}
	if (n == 0 && kind_has_children(k))
		put_mark(e, k, res);
}

/* Resources and sections */

static int put_sections(struct exporter *e, const struct kind *parent, const void *res,
			struct err *err);

static const char *map_key(const struct kind *k, const void *res)
{
	FIELD_FOREACH(f, k) {
		if ((f->flags & FIELD_KEY) && !(f->flags & FIELD_PARENT))
			return field_text(f, res);
	}
	return NULL;
}

/* The value of a kind of one value; in place of one that is a secret stands what SINGLE shows. */
static const char *single_text(struct exporter *e, const struct field *single, const void *res)
{
	FIELD_FOREACH(f, ((const struct res *)res)->kind) {
		if (e->o->with_secrets && f->type == FIELD_SECRET && field_is_set(f, res))
			return field_text(f, res);
	}
	return field_text(single, res);
}

static int put_resource(struct exporter *e, const void *tmp, const void *res, struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	const struct field *single = kind_single_field(k);
	int r = 0;

	if (kind_own_keys(k) == 1)
		yamlw_key(&e->w, map_key(k, res));
	if (single) {
		put_word(e, single_text(e, single, res));
		return 0;
	}
	yamlw_map(&e->w);
	put_fields(e, tmp, res);
	if (kind_has_children(k))
		r = put_sections(e, k, res, err);
	yamlw_end(&e->w);
	return r;
}

static void open_section(struct exporter *e, const struct kind *k)
{
	yamlw_key(&e->w, k->section);
	if (kind_own_keys(k) == 1)
		yamlw_map(&e->w);
	else if (kind_own_keys(k) > 1)
		yamlw_list(&e->w);
}

static void close_section(struct exporter *e, const struct kind *k)
{
	if (kind_own_keys(k) > 0)
		yamlw_end(&e->w);
}

/* A kind's resources, those of KEY if there is a parent, as a section. Returns 1 if there were any. */
static int put_section(struct exporter *e, const struct kind *k, const char *key, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "section");
	struct cursor *c = NULL;
	bool is_open = false;
	int r = cursor_open(ctx, e->o->store, k, kind_parent(k), key, &c, err);

	while (r >= 0) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "row");
		void *res;

		r = cursor_next(tmp, c, &res, err);
		if (r <= 0)
			break;
		if (!is_open)
			open_section(e, k);
		is_open = true;
		r = put_resource(e, tmp, res, err);
	}
	if (is_open)
		close_section(e, k);
	return r < 0 ? r : is_open;
}

static int put_sections(struct exporter *e, const struct kind *parent, const void *res,
			struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "key");
	const char *key = res ? res_key(tmp, res) : NULL;

	KIND_FOREACH(k) {
		int r;

		if (kind_above(k) != parent || (e->is_tree && has_file(k)))
			continue;
		r = put_section(e, k, key, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void begin(struct exporter *e)
{
	yamlw_map(&e->w);
	yamlw_key(&e->w, STATEFILE_HEAD);
	yamlw_int(&e->w, STATEFILE_VERSION);
}

int export_all(struct buf *out, const struct export_options *o, struct err *err)
{
	struct exporter e = { .o = o, .w = YAMLW_ON(out) };
	int r;

	begin(&e);
	r = put_sections(&e, NULL, NULL, err);
	yamlw_end(&e.w);
	return r < 0 ? r : yamlw_done(&e.w, err);
}

int export_accounts(struct buf *out, const struct export_options *o, const char *const *accounts,
		    size_t n, struct err *err)
{
	struct exporter e = { .o = o, .w = YAMLW_ON(out) };
	int r = 0;

	begin(&e);
	if (n)
		open_section(&e, &kind_account);
	for (size_t i = 0; i < n && r >= 0; i++) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "account");
		void *res;

		r = store_get(tmp, o->store, &kind_account, accounts[i], &res, err);
		if (r >= 0)
			r = put_resource(&e, tmp, res, err);
	}
	if (r >= 0 && n)
		close_section(&e, &kind_account);
	if (r < 0)
		return r;
	yamlw_end(&e.w);
	return yamlw_done(&e.w, err);
}

int export_field(struct buf *out, const struct field *f, const void *res, struct err *err)
{
	const struct export_options o = { .no_secrets = true };
	struct exporter e = { .o = &o, .w = YAMLW_ON(out) };

	yamlw_map(&e.w);
	put_field(&e, f, res);
	yamlw_end(&e.w);
	return yamlw_done(&e.w, err);
}

/* Pieces */

struct export_piece export_piece_of(const struct kind *k, const char *key, const char *account,
				    const char *scope)
{
	const struct kind *child = k;

	for (const struct field *p = kind_parent(k); p && !has_file(k); p = kind_parent(k)) {
		child = k;
		k = p->ref;
	}
	if (has_file(k)) /* its children are rendered with it, in its scope */
		return (struct export_piece){ .kind = k,
					      .key = child == k ? key : scope,
					      .account = account };
	if (has_folder(k))
		return (struct export_piece){ .kind = k, .key = account, .account = account };
	return (struct export_piece){ .kind = k };
}

/* A name as part of a path: too long for a file name, it is cut and told apart by a digest. */
static const char *path_part(const void *ctx, const char *name)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;

	if (strlen(name) <= NAME_MAX_SHOWN)
		return name;
	d = digest_of(name, strlen(name));
	digest_hex(&d, hex);
	return mem_fmt(ctx, "%.*s-%.16s", NAME_MAX_SHOWN, name, hex);
}

const char *export_piece_path(const void *ctx, const struct export_piece *p)
{
	char shard[3];

	if (!p->account)
		return mem_fmt(ctx, "%s.yaml", p->kind->section);
	shard_of(p->account, shard);
	if (has_folder(p->kind))
		return mem_fmt(ctx, "%s/%s/%s/%s.yaml", p->kind->section, shard, p->account,
			       p->kind->name);
	return mem_fmt(ctx, "%s/%s/%s/%s/%s.yaml", kind_above(p->kind)->section, shard, p->account,
		       p->kind->section, path_part(ctx, p->key));
}

const char *export_path_of(const void *ctx, const struct kind *k, const char *key,
			   const char *account, const char *scope)
{
	struct export_piece p = export_piece_of(k, key, account, scope);

	return export_piece_path(ctx, &p);
}

/* One resource, within the sections that lead to it. */
static int put_alone(struct exporter *e, const void *tmp, const struct export_piece *p,
		     const void *res, struct err *err)
{
	const struct kind *above = kind_above(p->kind);
	int r;

	if (above) {
		open_section(e, above);
		yamlw_key(&e->w, p->account);
		yamlw_map(&e->w);
	}
	open_section(e, p->kind);
	r = put_resource(e, tmp, res, err);
	close_section(e, p->kind);
	if (above) {
		yamlw_end(&e->w);
		close_section(e, above);
	}
	return r;
}

int export_piece_text(struct buf *out, const struct export_options *o, const struct export_piece *p,
		      struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "piece");
	struct exporter e = { .o = o, .w = YAMLW_ON(out), .is_tree = true };
	void *res = NULL;
	int r = 1;

	if (p->key) {
		r = store_get(tmp, o->store, p->kind, p->key, &res, err);
		if (r == -ERR_NOTFOUND) {
			err_clear(err);
			return 0;
		}
		if (r < 0)
			return r;
	}
	begin(&e);
	r = p->key ? put_alone(&e, tmp, p, res, err) : put_section(&e, p->kind, NULL, err);
	yamlw_end(&e.w);
	if (r >= 0 && yamlw_done(&e.w, err) < 0)
		return -(int)err->code;
	return r < 0 ? r : p->key || r > 0;
}

/* Trees */

struct tree {
	const struct export_options *o;
	export_file_fn *fn;
	void *arg;
};

static int give_piece(const struct tree *t, const struct export_piece *p, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "file");
	struct buf text = { .ctx = tmp, .max = EXPORT_MAX };
	int r = export_piece_text(&text, t->o, p, err);

	return r > 0 ? t->fn(export_piece_path(tmp, p), &text, t->arg, err) : r;
}

/* Every resource of K, of ACCOUNT if it has a parent, as a file; and its children that have files. */
static int give_each(const struct tree *t, const struct kind *k, const char *account,
		     struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "tree");
	struct cursor *c = NULL;
	int r = cursor_open(ctx, t->o->store, k, kind_parent(k), account, &c, err);

	while (r >= 0) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "row");
		struct export_piece p = { .kind = k };
		void *res;

		r = cursor_next(tmp, c, &res, err);
		if (r <= 0)
			return r;
		p.key = res_key(tmp, res);
		p.account = account ? account : p.key;
		r = give_piece(t, &p, err);
		KIND_FOREACH(child) {
			if (r >= 0 && !account && kind_above(child) == k && has_file(child))
				r = give_each(t, child, p.account, err);
		}
	}
	return r;
}

int export_tree(const struct export_options *o, export_file_fn *fn, void *arg, struct err *err)
{
	struct tree t = { .o = o, .fn = fn, .arg = arg };
	int r = 0;

	KIND_FOREACH(k) {
		struct export_piece p = { .kind = k };

		if (r < 0 || kind_parent(k))
			continue;
		r = has_folder(k) ? give_each(&t, k, NULL, err) : give_piece(&t, &p, err);
	}
	return r;
}
