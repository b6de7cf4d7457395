#include "reconciler/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "reconciler/block.h"
#include "reconciler/load.h"
#include "reconciler/map.h"
#include "state/textdiff.h"

#define INCLUDES "/etc/novacpx/"

enum {
	FILE_MAX = 16 << 20,
	VALUE_MAX = 100 /* of a value for people */
};

struct asking {
	const void *ctx;
	struct engine *e;
	struct explanation *x;
	struct loader *loader;
	struct view view;
	const char *file; /* of users: the one whose line is meant */
};

/* Which artifact */

static int find_owned(struct asking *a, enum artifact_type type, const char *path, struct err *err)
{
	struct owned *o = NULL;
	int r = owned_get(a->ctx, a->e->db, type, path, &o, err);

	if (r >= 0)
		a->x->owned = o;
	if (r != -ERR_NOTFOUND)
		return r < 0 ? r : 1;
	err_clear(err);
	return 0;
}

/* Cuts ":LINE" off. */
static void split_line(struct explanation *x, char *path)
{
	char *colon = strrchr(path, ':');

	x->path = path;
	if (!colon || !colon[1] || strlen(colon + 1) > 9 ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return;
	*colon = '\0';
	x->line = strtoul(colon + 1, NULL, 10);
}

static bool is_of_users(const char *path)
{
	static const char *const files[] = { "/etc/passwd", "/etc/shadow", "/etc/group",
					     "/etc/gshadow" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strcmp(files[i], path) == 0)
			return true;
	}
	return false;
}

/* A line of /etc/passwd and the like is the user's whom it names. */
static int find_user(struct asking *a, struct err *err)
{
	const struct explanation *x = a->x;
	char *data = NULL;
	size_t len = 0;
	size_t line_len = 0;
	const char *line;
	const char *name;
	int r;

	if (!is_of_users(x->path))
		return 0;
	if (!x->line)
		return err_set(err, ERR_NOTFOUND,
			       "%s was not made by NovaCPX; only lines of it are: ask for %s:LINE",
			       x->path, x->path);
	r = fs_read(a->ctx, a->e->root, x->path, FILE_MAX, 0, &data, &len, err);
	if (r < 0)
		return r;
	line = text_line(data, len, x->line, &line_len);
	if (!line)
		return err_set(err, ERR_NOTFOUND, "%s has no line %zu", x->path, x->line);
	name = mem_strn(a->ctx, line, strcspn(line, ":\n"));
	a->file = x->path;
	if (!strstr(x->path, "shadow"))
		a->x->text = mem_strn(a->ctx, line, line_len);
	r = find_owned(a, ARTIFACT_USER, name, err);
	if (r == 0)
		return err_set(err, ERR_NOTFOUND, "%s:%zu is of %.40s, whom NovaCPX did not make",
			       x->path, x->line, name);
	return r;
}

/* A file beside which the engine put copies of the administrator's. */
static int find_copy(struct asking *a, struct err *err)
{
	char *folder = mem_str(a->ctx, a->x->path);
	char *slash = strrchr(folder, '/');

	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return find_owned(a, ARTIFACT_COPYDIR, folder, err);
}

/* The administrator's own folder, /etc/novacpx/SERVICE.d/NAME: whose text is read for whom. */
static int find_include(struct asking *a, struct err *err)
{
	const char *rest = a->x->path + strlen(INCLUDES);
	const char *name;
	static const char *const levels[][2] = { { "d", "domain" }, { "a", "account" } };
	int r;

	if (strncmp(a->x->path, INCLUDES, strlen(INCLUDES)) != 0 || !strstr(rest, ".d/"))
		return 0;
	name = strstr(rest, ".d/") + 3;
	name = mem_strn(a->ctx, name, strcspn(name, "/"));
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct owned_cursor *c = NULL;
		struct owned *o = NULL;
		const char *scope = mem_fmt(a->ctx, "%s/%s", levels[i][0], name);

		r = owned_open(a->ctx, a->e->db, scope, &c, err);
		if (r >= 0)
			r = owned_next(a->ctx, c, &o, err);
		if (r < 0)
			return r;
		if (r > 0) {
			a->x->include_of = mem_fmt(a->ctx, "%s/%s", levels[i][1], name);
			return 1;
		}
	}
	return 0;
}

static int find_row(struct asking *a, const char *place, struct err *err)
{
	const char *colon = strchr(place, ':');
	int r = find_owned(a, ARTIFACT_MAPROW, place, err);

	if (r != 0 || !colon)
		return r;
	return find_owned(a, ARTIFACT_MAPROW,
			  mem_fmt(a->ctx, "%.*s.lmdb%s", (int)(colon - place), place, colon), err);
}

/* The row as it is on the machine. */
static void read_row(struct asking *a)
{
	cleanup_(map_closep) struct map *map = NULL;
	const char *colon = strchr(a->x->owned->path, ':');
	const char *path = mem_strn(a->ctx, a->x->owned->path, (size_t)(colon - a->x->owned->path));
	struct err ignored = ERR_INIT;
	char *value = NULL;

	if (map_open(a->ctx, a->e->root, path, 0, &map, &ignored) >= 0 &&
	    map_get(a->ctx, map, colon + 1, &value, &ignored) >= 0)
		a->x->text = mem_fmt(a->ctx, "%s %s", colon + 1, value);
}

static int find_artifact(struct asking *a, const char *place, struct err *err)
{
	static const enum artifact_type types[] = { ARTIFACT_FILE, ARTIFACT_BLOCK, ARTIFACT_DIR,
						    ARTIFACT_LINK, ARTIFACT_COPYDIR };

	int r = find_row(a, place, err);

	if (r != 0) {
		a->x->path = place;
		return r;
	}
	split_line(a->x, mem_str(a->ctx, place));
	for (size_t i = 0; i < ARRAY_LEN(types) && r == 0; i++)
		r = find_owned(a, types[i], a->x->path, err);
	if (r == 0)
		r = find_user(a, err);
	if (r == 0)
		r = find_copy(a, err);
	if (r == 0)
		r = find_include(a, err);
	if (r == 0)
		return err_set(err, ERR_NOTFOUND, "%s was not made by NovaCPX", a->x->path);
	return r;
}

/* Which line of what is wanted */

/* The line as it is on the machine, and BODY as the text it is counted in. */
static int read_line(struct asking *a, const char **ret_body, size_t *ret_line, struct err *err)
{
	struct explanation *x = a->x;
	char *data = NULL;
	size_t len = 0;
	size_t line_len = 0;
	size_t first = 1;
	const char *line;
	/* what a tenant puts in its place by a link is not for root to read out */
	unsigned links = x->owned->flags & ARTIFACT_TENANT ? (unsigned)FS_NOLINKS : 0;
	int r = fs_read(a->ctx, a->e->root, x->path, FILE_MAX, links, &data, &len, err);

	if (r < 0)
		return r;
	line = text_line(data, len, x->line, &line_len);
	if (!line)
		return err_set(err, ERR_NOTFOUND, "%s has no line %zu", x->path, x->line);
	if (!(x->owned->flags & ARTIFACT_SECRET))
		x->text = mem_strn(a->ctx, line, line_len);
	*ret_body = data;
	if (x->owned->type == ARTIFACT_BLOCK) {
		const char *body = NULL;
		size_t n = 0;

		first = block_find(a->ctx, x->path, data, &body, &n);
		if (!first || x->line < first || x->line >= first + n)
			return 0; /* outside */
		*ret_body = body;
	}
	*ret_line = x->line - first + 1;
	return 1;
}

/* The serial stands in what is wanted as it stands on the machine. */
static const char *with_serial(const void *ctx, const struct artifact *want, const struct owned *o)
{
	char serial[SERIAL_LEN + 1];
	char *text = mem_dup(ctx, want->data, want->len + 1);

	(void)snprintf(serial, sizeof(serial), "%-10" PRId64, o->serial);
	memcpy(text + want->serial_at, serial, SERIAL_LEN);
	return text;
}

static bool is_serial_line(const struct artifact *want, size_t line)
{
	size_t n = 1;

	for (size_t i = 0; i < want->serial_at && i < want->len; i++)
		n += want->data[i] == '\n';
	return (want->flags & ARTIFACT_SERIAL) && n == line;
}

/* 1 with the number of the line in what is wanted; 0 when `what` says all there is to say. */
static int align(struct asking *a, const struct artifact *want, size_t *ret_line, struct err *err)
{
	struct explanation *x = a->x;
	const char *text = causes_text(a->ctx, want, a->file);
	const char *body = NULL;
	enum line_fate fate = LINE_SAME;
	size_t line = 0;
	size_t len = 0;
	int r;

	if (x->owned->type == ARTIFACT_MAPROW)
		read_row(a);
	if (a->file || x->owned->type == ARTIFACT_MAPROW) {
		*ret_line = 1;
		return 1;
	}
	x->what = EXPLAIN_NOT_OURS;
	r = read_line(a, &body, &line, err);
	if (r <= 0)
		return r;
	if (want->flags & ARTIFACT_ONCE) {
		x->what = EXPLAIN_ONCE;
		return 0;
	}
	if (want->flags & ARTIFACT_SERIAL && want->serial_at + SERIAL_LEN <= want->len)
		text = with_serial(a->ctx, want, x->owned);
	body = causes_plain(a->ctx, body);
	if (text_line_fate(body, strlen(body), text, strlen(text), line, &fate, ret_line) < 0)
		return err_set(err, ERR_SYSTEM, "%s: cannot be compared", x->path);
	x->what = EXPLAIN_EDITED;
	if (fate == LINE_GONE)
		return 0;
	if (fate == LINE_CHANGED && !(want->flags & ARTIFACT_SECRET)) {
		const char *found = text_line(text, strlen(text), *ret_line, &len);

		x->wanted = mem_strn(a->ctx, found, len);
	}
	x->what = EXPLAIN_SERIAL;
	return !is_serial_line(want, *ret_line);
}

/* Since when */

/* The first line, cut to a length that a terminal has room for. */
static const char *short_value(const void *ctx, const char *value)
{
	size_t len = strcspn(value, "\n");
	bool is_cut = value[len] && value[len + 1];

	if (len > VALUE_MAX) {
		len = VALUE_MAX;
		while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
			len--;
		is_cut = true;
	}
	return mem_fmt(ctx, "%.*s%s", (int)len, value, is_cut ? "…" : "");
}

/* The resource as stored, or NULL when the cause is made of defaults. */
static int stored(struct asking *a, const void *res, void **ret, struct err *err)
{
	const struct kind *k = ((const struct res *)res)->kind;
	int r = store_get(a->ctx, a->e->store, k, res_key(a->ctx, res), ret, err);

	if (r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	*ret = NULL;
	return 0;
}

static bool is_dflt(const void *ctx, const void *res, const struct field *f)
{
	const struct kind *k = ((const struct res *)res)->kind;

	return !(f->flags & (FIELD_KEY | FIELD_REQUIRED)) && f->type != FIELD_SECRET &&
	       field_same(f, res, res_new(ctx, k));
}

static int since(struct asking *a, const struct cause *c, struct reason *ret, struct err *err)
{
	const struct kind *k = ((const struct res *)c->res)->kind;
	const struct field *f = c->field ? c->field : &k->fields[0];
	struct origin *all = mem_zero(a->ctx, k->n_fields * sizeof(*all));
	void *res = NULL;
	int r = stored(a, c->res, &res, err);

	if (r < 0)
		return r;
	if (res)
		r = store_origins(a->e->store, res, all, err);
	else
		r = store_gone(a->e->store, k, res_key(a->ctx, c->res), &all[f - k->fields], err);
	ret->is_default = c->field && (!res || is_dflt(a->ctx, res, f));
	ret->origin = all[f - k->fields];
	/* nobody chose a default that came with the resource */
	if (ret->is_default && ret->origin.op == '+')
		ret->origin = (struct origin){ 0 };
	if (r >= 0 && ret->origin.rev)
		r = store_revision(a->ctx, a->e->store, ret->origin.rev, &ret->rev, err);
	return r;
}

static int add_reason(struct asking *a, const struct cause *c, struct err *err)
{
	struct explanation *x = a->x;
	struct reason *new = &x->reasons[x->n_reasons++];

	*new = (struct reason){
		.resource = res_name(a->ctx, c->res),
		.field = c->field ? c->field->name : NULL,
		.effect = c->effect,
		.is_set = c->field && field_is_set(c->field, c->res) &&
			  *field_show(a->ctx, c->field, c->res),
		.is_named = c->named > 0,
		.is_secret = c->field && c->field->type == FIELD_SECRET,
	};
	if (new->is_set && !new->is_secret)
		new->value = short_value(a->ctx, field_show(a->ctx, c->field, c->res));
	return since(a, c, new, err);
}

/* All together */

/* The scope as it is wanted now. 1, or 0 when there is nothing left of it. */
static int load_view(struct asking *a, const struct renderer *rend, struct err *err)
{
	uint32_t mask = 0;
	int r = loader_new(a->ctx, a->e->store, &a->loader, err);

	for (size_t i = 0; i < n_renderers; i++)
		mask |= renderers[i] == rend ? (uint32_t)1 << i : 0;
	if (r >= 0)
		r = load_scope(a->ctx, a->loader, a->x->owned->scope, mask, &a->view, err);
	return r;
}

/* Whether one line is asked for, of something that has lines. */
static bool is_lined(const struct explanation *x)
{
	switch (x->owned->type) {
	case ARTIFACT_MAPROW: return true;
	case ARTIFACT_USER:
	case ARTIFACT_FILE:
	case ARTIFACT_BLOCK: return x->line > 0;
	default: return false;
	}
}

static int explain_causes(struct asking *a, struct err *err)
{
	struct explanation *x = a->x;
	const struct renderer *rend = renderer_find(x->owned->renderer);
	struct causes_ask ask = { .view = &a->view,
				  .renderer = rend,
				  .type = x->owned->type,
				  .path = x->owned->path,
				  .file = a->file };
	bool has_line = is_lined(x);
	const struct artifact *want = NULL;
	struct causes causes = { 0 };
	int r = rend ? load_view(a, rend, err) : 0;

	x->what = EXPLAIN_GONE;
	if (r > 0)
		r = causes_artifact(a->ctx, &ask, &want, err);
	if (r <= 0)
		return r;
	if (has_line)
		r = align(a, want, &ask.line, err);
	if (r <= 0)
		return r;
	r = causes_find(a->ctx, &ask, &causes, err);
	if (r < 0)
		return r;
	x->what = !has_line ? EXPLAIN_WHOLE : causes.n ? EXPLAIN_CAUSED : EXPLAIN_CONSTANT;
	x->is_partial = causes.is_partial;
	x->reasons = mem_zero(a->ctx, (causes.n + 1) * sizeof(*x->reasons));
	for (size_t i = 0; i < causes.n && r >= 0; i++)
		r = add_reason(a, &causes.v[i], err);
	return r;
}

/* Where the administrator's own text comes from, of which the engine keeps a copy. */
static int explain_copy(struct asking *a, struct err *err)
{
	struct explanation *x = a->x;
	const struct renderer *rend = renderer_find(x->owned->renderer);
	struct causes_ask ask = {
		.view = &a->view, .renderer = rend, .type = ARTIFACT_COPYDIR, .path = x->owned->path
	};
	const struct artifact *want = NULL;
	int r = rend ? load_view(a, rend, err) : 0;

	if (r > 0)
		r = causes_artifact(a->ctx, &ask, &want, err);
	if (r > 0)
		x->source = mem_fmt(a->ctx, "%s%s", want->source, strrchr(x->path, '/'));
	return r < 0 ? r : 0;
}

int explain_place(const void *ctx, struct engine *e, const char *place, struct explanation *ret,
		  struct err *err)
{
	struct asking a = { .ctx = ctx, .e = e, .x = ret };
	bool is_copy;
	int r;

	*ret = (struct explanation){ 0 };
	r = find_artifact(&a, place, err);
	if (r < 0 || ret->include_of)
		return r < 0 ? r : 0;
	r = store_revision(ctx, e->store, ret->owned->rev, &ret->written, err);
	if (r < 0)
		return r;
	is_copy = ret->owned->type == ARTIFACT_COPYDIR && strcmp(ret->owned->path, ret->path) != 0;
	r = is_copy ? explain_copy(&a, err) : explain_causes(&a, err);
	return r < 0 ? r : 0;
}
