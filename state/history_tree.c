#include <stdlib.h>
#include <string.h>

#include "state/history_impl.h"

int tree_entry_cmp(const struct tree_entry *a, const struct tree_entry *b)
{
	size_t n = MIN(a->len, b->len);
	int r = memcmp(a->name, b->name, n);
	int ca;
	int cb;

	if (r != 0)
		return r;
	ca = a->len > n ? (unsigned char)a->name[n] : a->mode == MODE_TREE ? '/' : 0;
	cb = b->len > n ? (unsigned char)b->name[n] : b->mode == MODE_TREE ? '/' : 0;
	if (ca == cb && a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return ca - cb;
}

static int cmp_void(const void *a, const void *b)
{
	return tree_entry_cmp(a, b);
}

/* One "MODE NAME\0ID" at P; returns its length, 0 when it is not one. */
static size_t parse_entry(const char *p, size_t len, struct tree_entry *ret)
{
	const char *end = p + len;
	const char *name = p;
	const char *nul;
	unsigned mode = 0;

	while (name < end && *name >= '0' && *name <= '7' && name - p < 7)
		mode = mode * 8 + (unsigned)(*name++ - '0');
	if (name == p || name == end || *name != ' ')
		return 0;
	name++;
	nul = memchr(name, '\0', (size_t)(end - name));
	if (!nul || nul == name || end - nul < 1 + GIT_OID_RAWSZ)
		return 0;
	*ret = (struct tree_entry){ .name = name, .len = (size_t)(nul - name), .mode = mode };
	memcpy(ret->id.id, nul + 1, GIT_OID_RAWSZ);
	return (size_t)(nul - p) + 1 + GIT_OID_RAWSZ;
}

static int parse_tree(const void *ctx, const char *p, size_t len, struct tree *ret)
{
	size_t cap = 0;

	*ret = (struct tree){ .n = 0 };
	while (len > 0) {
		struct tree_entry e;
		size_t used = parse_entry(p, len, &e);

		if (used == 0)
			return -ERR_CORRUPT;
		/* Lookups are by bisection: order is not a matter of taste. */
		if (ret->n > 0 && tree_entry_cmp(&ret->v[ret->n - 1], &e) >= 0)
			return -ERR_CORRUPT;
		mem_room(ctx, &ret->v, &cap, ret->n, sizeof(*ret->v));
		ret->v[ret->n++] = e;
		p += used;
		len -= used;
	}
	return 0;
}

int tree_load(const void *ctx, struct history *h, const git_oid *id, struct tree *ret,
	      struct err *err)
{
	git_odb_object *obj = NULL;
	char *raw;
	size_t len;

	*ret = (struct tree){ .n = 0 };
	if (!id)
		return 0;
	if (git_odb_read(&obj, h->odb, id) < 0)
		return history_raise(err, ERR_CORRUPT, "history: read folder");
	len = git_odb_object_size(obj);
	raw = mem_dup(ctx, git_odb_object_data(obj), len);
	if (git_odb_object_type(obj) != GIT_OBJECT_TREE || parse_tree(ctx, raw, len, ret) < 0) {
		git_odb_object_free(obj);
		return err_set(err, ERR_CORRUPT, "history: object %s is not a valid tree",
			       git_oid_tostr_s(id));
	}
	git_odb_object_free(obj);
	return 0;
}

static struct tree_entry *find(struct tree *t, const char *name, size_t len, unsigned mode)
{
	struct tree_entry key = { .name = name, .len = len, .mode = mode };

	return t->n ? bsearch(&key, t->v, t->n, sizeof(*t->v), cmp_void) : NULL;
}

static struct tree_entry *find_any(struct tree *t, const char *name, size_t len)
{
	struct tree_entry *e = find(t, name, len, MODE_TREE);

	return e ? e : find(t, name, len, MODE_FILE);
}

int tree_lookup(struct history *h, const git_oid *root, const char *path, struct tree_entry *ret,
		struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "tree_lookup");
	git_oid id = *root;

	for (;;) {
		size_t len = strcspn(path, "/");
		const struct tree_entry *e;
		struct tree t;
		int r = tree_load(ctx, h, &id, &t, err);

		if (r < 0)
			return r;
		e = find_any(&t, path, len);
		if (!e || (path[len] && e->mode != MODE_TREE))
			return -ERR_NOTFOUND;
		if (!path[len]) {
			*ret = *e;
			ret->name = NULL; /* was on our context */
			return 0;
		}
		id = e->id;
		path += len + 1;
	}
}

/* One folder being changed. */
struct level {
	struct history *h;
	const void *ctx;
	const struct history_change *const *v;
	size_t at; /* where this folder's part of a path begins */
	struct tree old;
	struct tree_entry *add;
	size_t n_add, cap_add;
};

static int apply_level(struct level *l, const git_oid *old, size_t n, git_oid *ret, bool *ret_empty,
		       struct err *err);

static void drop(struct tree_entry **e)
{
	if (*e)
		(*e)->gone = true;
	*e = NULL;
}

static void add(struct level *l, const char *name, size_t len, unsigned mode, const git_oid *id)
{
	mem_room(l->ctx, &l->add, &l->cap_add, l->n_add, sizeof(*l->add));
	l->add[l->n_add++] =
		(struct tree_entry){ .name = name, .len = len, .mode = mode, .id = *id };
}

/* The changes beneath a folder. *DIR becomes NULL when nothing is left of it. */
static int apply_below(struct level *l, const struct history_change *const *v, size_t n,
		       struct tree_entry **dir, struct err *err)
{
	const char *name = v[0]->path + l->at;
	size_t len = strcspn(name, "/");
	struct level sub = { .h = l->h, .v = v, .at = l->at + len + 1 };
	bool is_empty;
	git_oid id;
	int r = apply_level(&sub, *dir ? &(*dir)->id : NULL, n, &id, &is_empty, err);

	if (r < 0)
		return r;
	if (is_empty) {
		drop(dir);
	} else if (!*dir || !git_oid_equal(&(*dir)->id, &id)) {
		drop(dir);
		add(l, name, len, MODE_TREE, &id);
		*dir = &l->add[l->n_add - 1];
	}
	return 0;
}

/* The N changes that share their next part: of the file or folder itself, or of what is in it. */
static int apply_group(struct level *l, const struct history_change *const *v, size_t n,
		       struct err *err)
{
	const char *name = v[0]->path + l->at;
	size_t len = strcspn(name, "/");
	const struct history_change *exact = name[len] ? NULL : v[0];
	size_t skip = exact ? 1 : 0;
	struct tree_entry *dir = find(&l->old, name, len, MODE_TREE);
	struct tree_entry *file = find(&l->old, name, len, MODE_FILE);
	git_oid id;
	int r;

	if (exact && !exact->data) {
		drop(&dir);
		drop(&file);
	}
	if (skip < n) {
		r = apply_below(l, v + skip, n - skip, &dir, err);
		if (r < 0)
			return r;
	}
	if (dir && (file || (exact && exact->data)))
		return err_at(err, ERR_INVALID, v[0]->path,
			      "history: %.*s cannot be a file and a folder at once",
			      (int)(l->at + len), v[0]->path);
	if (!exact || !exact->data)
		return 0;

	struct buf blob = { .data = (char *)(uintptr_t)exact->data, .len = exact->len };

	r = history_put(l->h, GIT_OBJECT_BLOB, &blob, &id, err);
	if (r < 0 || (file && git_oid_equal(&file->id, &id)))
		return r;
	drop(&file);
	add(l, name, len, MODE_FILE, &id);
	return 0;
}

static void put_entry(struct buf *out, const struct tree_entry *e)
{
	if (e->mode == MODE_TREE)
		buf_puts(out, "40000 ");
	else if (e->mode == MODE_FILE)
		buf_puts(out, "100644 ");
	else
		buf_printf(out, "%o ", e->mode);
	buf_put(out, e->name, e->len);
	buf_putc(out, '\0');
	buf_put(out, e->id.id, GIT_OID_RAWSZ);
}

/* Old and new entries in one order; returns how many. */
static size_t merge(struct level *l, struct buf *out)
{
	size_t count = 0;
	size_t i = 0;
	size_t j = 0;

	if (l->n_add > 1)
		qsort(l->add, l->n_add, sizeof(*l->add), cmp_void);
	while (i < l->old.n || j < l->n_add) {
		const struct tree_entry *e;

		if (j == l->n_add ||
		    (i < l->old.n && tree_entry_cmp(&l->old.v[i], &l->add[j]) <= 0))
			e = &l->old.v[i++];
		else
			e = &l->add[j++];
		if (e->gone)
			continue;
		put_entry(out, e);
		count++;
	}
	return count;
}

static bool is_changed(const struct level *l)
{
	if (l->n_add > 0)
		return true;
	for (size_t i = 0; i < l->old.n; i++) {
		if (l->old.v[i].gone)
			return true;
	}
	return false;
}

static int write_level(struct level *l, git_oid *ret, bool *ret_empty, struct err *err)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	*ret_empty = merge(l, &out) == 0;
	if (out.over)
		return err_set(err, ERR_TOOBIG, "history: folder %.*s is over %zu MiB",
			       (int)MAX(l->at, 1) - 1, l->v[0]->path, BUF_MAX >> 20);
	return *ret_empty ? 0 : history_put(l->h, GIT_OBJECT_TREE, &out, ret, err);
}

static int apply_level(struct level *l, const git_oid *old, size_t n, git_oid *ret, bool *ret_empty,
		       struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "tree");
	int r = tree_load(ctx, l->h, old, &l->old, err);

	l->ctx = ctx;
	for (size_t lo = 0, hi; r == 0 && lo < n; lo = hi) {
		const char *name = l->v[lo]->path + l->at;
		size_t len = strcspn(name, "/");

		for (hi = lo + 1; hi < n; hi++) {
			const char *next = l->v[hi]->path + l->at;

			if (strncmp(name, next, len) != 0 || (next[len] && next[len] != '/'))
				break;
		}
		r = apply_group(l, l->v + lo, hi - lo, err);
	}
	if (r < 0)
		return r;
	if (is_changed(l))
		return write_level(l, ret, ret_empty, err);
	*ret_empty = !old || l->old.n == 0;
	if (!*ret_empty)
		*ret = *old;
	return 0;
}

int tree_apply(struct history *h, const git_oid *old, const struct history_change *const *changes,
	       size_t n, git_oid *ret, bool *ret_empty, struct err *err)
{
	struct level l = { .h = h, .v = changes };

	return apply_level(&l, old, n, ret, ret_empty, err);
}

static const git_oid *tree_id(const struct tree_entry *e)
{
	return e && e->mode == MODE_TREE ? &e->id : NULL;
}

static int diff_entry(struct tree_diff *d, const struct tree_entry *old,
		      const struct tree_entry *new, struct err *err)
{
	const struct tree_entry *e = old ? old : new;
	size_t len = d->path.len;
	int r = 0;

	if (len + e->len > HISTORY_PATH_MAX)
		return err_set(err, ERR_CORRUPT, "history: a path is over %d bytes",
			       HISTORY_PATH_MAX);
	buf_put(&d->path, e->name, e->len);
	if (e->mode != MODE_TREE || d->trees)
		r = d->fn(buf_str(&d->path), old, new, d->arg, err);
	if (r == 0 && e->mode == MODE_TREE) {
		buf_putc(&d->path, '/');
		r = tree_diff(d, tree_id(old), tree_id(new), err);
	}
	d->path.len = len;
	d->path.data[len] = '\0';
	return r;
}

int tree_diff(struct tree_diff *d, const git_oid *old, const git_oid *new, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "tree_diff");
	struct tree a;
	struct tree b;
	int r = tree_load(ctx, d->h, old, &a, err);

	if (r == 0)
		r = tree_load(ctx, d->h, new, &b, err);
	for (size_t i = 0, j = 0; r == 0 && (i < a.n || j < b.n);) {
		int c = i == a.n ? 1 : j == b.n ? -1 : tree_entry_cmp(&a.v[i], &b.v[j]);
		const struct tree_entry *ea = c <= 0 ? &a.v[i++] : NULL;
		const struct tree_entry *eb = c >= 0 ? &b.v[j++] : NULL;

		if (ea && eb && git_oid_equal(&ea->id, &eb->id))
			continue;
		r = diff_entry(d, ea, eb, err);
	}
	return r;
}
