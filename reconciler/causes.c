#include "reconciler/causes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"
#include "model/res_vary.h"
#include "model/settings.h"
#include "renderers/mail.h"
#include "state/textdiff.h"

enum {
	LIST_MAX = 24,            /* resources of one kind that are tried */
	LONG_LIST_MAX = 8,        /* of a longer list: those that the line has most of */
	TRIES_MAX = 3,            /* variants of a field that a renderer takes */
	WORK_MAX = 512 * 1000000, /* bytes rendered */
};

struct search {
	const void *ctx; /* of what is returned */
	void *tmp;
	struct causes_ask ask;
	struct view view; /* with settings and lone resources at their defaults */
	const struct artifact *artifact;
	size_t index; /* among all that the renderer gives */
	size_t n;
	const char *text;
	const char *line; /* NULL: the whole */
	const char *const *hints;
	struct ptrs tried; /* resources, settings too */
	struct ptrs
		untried; /* struct cause: named in the line, but the renderer takes nothing else */
	struct causes *ret;
	struct strmap asked; /* names of settings that the renderer looks at */
	size_t work;
};

/* Artifacts as texts */

/* The lines of /etc/passwd and the like, without the numbers, which no field gives. */
static const char *user_text(const void *ctx, const struct artifact *a, const char *file)
{
	const char *hash = a->hash ? a->hash : "*";
	const char *locked = a->flags & ARTIFACT_LOCKED ? "!" : "";
	const char *passwd =
		mem_fmt(ctx, "%s:x:%s:%s:%s", a->path, a->gecos ? a->gecos : "", a->home, a->shell);

	if (!file)
		return mem_fmt(ctx, "%s\n%s%s\n", passwd, locked, hash);
	if (strcmp(file, "/etc/passwd") == 0)
		return mem_fmt(ctx, "%s\n", passwd);
	if (strcmp(file, "/etc/shadow") == 0)
		return mem_fmt(ctx, "%s:%s%s\n", a->path, locked, hash);
	return mem_fmt(ctx, "%s:x:\n", a->path);
}

/* The digest in one row of a file of logins makes that row depend on all others: nobody asks for that. */
const char *causes_plain(const void *ctx, const char *text)
{
	static const char name[] = "userdb_" LOGINS_VERSION "=";
	const char *at = strstr(text, name);
	char *plain;

	if (!at)
		return text;
	plain = mem_str(ctx, text);
	for (char *p = plain + (at - text) + strlen(name); isxdigit((unsigned char)*p); p++)
		*p = '0';
	return plain;
}

const char *causes_text(const void *ctx, const struct artifact *a, const char *file)
{
	if (a->type == ARTIFACT_FILE || a->type == ARTIFACT_BLOCK)
		return a->data ? causes_plain(ctx, a->data) : "";
	if (a->type == ARTIFACT_USER)
		return user_text(ctx, a, file);
	if (a->type == ARTIFACT_MAPROW) /* MAP:KEY */
		return mem_fmt(ctx, "%s %s\n", strchr(a->path, ':') + 1, a->data);
	if (a->data)
		return mem_fmt(ctx, "%s\n", a->data);
	return mem_fmt(ctx, "%04o %s:%s %s\n", (unsigned)a->mode, a->owner ? a->owner : "root",
		       a->group ? a->group : "root", a->source ? a->source : "");
}

/* Rendering */

static int render(const void *ctx, const struct view *v, const struct renderer *r,
		  struct catalog *ret, struct err *err)
{
	struct view own = *v;

	own.ctx = ctx;
	*ret = (struct catalog){ .ctx = ctx };
	return r->render(&own, ret, err);
}

static const struct artifact *at_place(const struct catalog *c, enum artifact_type type,
				       const char *path)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].type == type && strcmp(c->v[i].path, path) == 0)
			return &c->v[i];
	}
	return NULL;
}

int causes_artifact(const void *ctx, const struct causes_ask *ask, const struct artifact **ret,
		    struct err *err)
{
	struct catalog c;
	int r = render(ctx, ask->view, ask->renderer, &c, err);

	if (r < 0)
		return r;
	*ret = at_place(&c, ask->type, ask->path);
	return *ret != NULL;
}

/* What stands for the artifact: at its place, or where the variant's name led it. */
static const struct artifact *counterpart(const struct search *s, const struct catalog *c)
{
	const struct artifact *a = at_place(c, s->ask.type, s->ask.path);

	if (!a && c->n == s->n && c->v[s->index].type == s->ask.type)
		a = &c->v[s->index];
	return a;
}

/* What VARIANT does to the line; negative when the renderer does not take it. */
static int effect_of(struct search *s, const struct view *variant)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "variant");
	struct err ignored = ERR_INIT;
	enum line_fate fate = LINE_SAME;
	const struct artifact *a;
	const char *text;
	size_t at;
	struct catalog c;
	int r = render(tmp, variant, s->ask.renderer, &c, &ignored);

	for (size_t i = 0; r >= 0 && i < c.n; i++)
		s->work += c.v[i].len + 100;
	if (r < 0)
		return r;
	a = counterpart(s, &c);
	if (!a)
		return CAUSE_MAKES;
	text = causes_text(tmp, a, s->ask.file);
	if (!s->ask.line)
		return strcmp(text, s->text) == 0 && strcmp(a->path, s->ask.path) == 0
			       ? CAUSE_NONE
			       : CAUSE_SHAPES;
	r = text_line_fate(s->text, strlen(s->text), text, strlen(text), s->ask.line, &fate, &at);
	if (r < 0)
		return r;
	return fate == LINE_SAME ? CAUSE_NONE : fate == LINE_GONE ? CAUSE_KEEPS : CAUSE_SHAPES;
}

/* The view with BY in place of RES; NULL: without it. */
static struct view replaced(const struct search *s, void *tmp, const void *res, const void *by)
{
	struct view v = s->view;
	const struct kind *k = ((const struct res *)res)->kind;
	struct ptrs list = { 0 };

	if (k == &kind_setting) {
		const struct setting *was = res;
		const struct setting *is = by;
		struct strmap *all = mem_new(tmp, struct strmap);

		all->ctx = tmp;
		for (size_t i = 0; v.settings && i < v.settings->n; i++)
			*strmap_slot(all, v.settings->entries[i].key) =
				v.settings->entries[i].value;
		*strmap_slot(all, was->name) = (void *)(uintptr_t)(is ? is->value : NULL);
		v.settings = all;
		return v;
	}
	v.res = mem_dup(tmp, v.res, n_kinds * sizeof(*v.res));
	for (size_t i = 0; i < s->view.res[kind_index(k)].n; i++) {
		const void *one = s->view.res[kind_index(k)].v[i];

		if (one != res)
			ptrs_add(tmp, &list, one);
		else if (by)
			ptrs_add(tmp, &list, by);
	}
	v.res[kind_index(k)] = list;
	if (v.account == res)
		v.account = by;
	if (v.package == res)
		v.package = by;
	if (v.target == res)
		v.target = by;
	return v;
}

/* What is tried */

/* Two characters of one word or number: "80" is in "80M", not in "8080". */
static bool go_together(char a, char b)
{
	return (isalpha((unsigned char)a) && isalpha((unsigned char)b)) ||
	       (isdigit((unsigned char)a) && isdigit((unsigned char)b));
}

/* VALUE within LINE, no part of a longer word. */
static bool has_value(const char *line, const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return false;
	for (const char *p = line; (p = strstr(p, value)); p++) {
		if ((p == line || !go_together(p[-1], value[0])) &&
		    !go_together(value[len - 1], p[len]))
			return true;
	}
	return false;
}

/* How much of the line is the field's value: its length, 0 when the line does not have it. */
static size_t named_in_line(const struct search *s, const void *res, const struct field *f)
{
	const char *value;

	if (!s->line || f->type == FIELD_SECRET || !field_is_set(f, res))
		return 0;
	value = field_show(s->tmp, f, res);
	return has_value(s->line, value) ? strlen(value) : 0;
}

struct ranked {
	const void *res;
	size_t named, order;
};

static int by_named(const void *va, const void *vb)
{
	const struct ranked *a = va;
	const struct ranked *b = vb;

	if (a->named != b->named)
		return a->named > b->named ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* All of a short list; of a long one those that the line speaks of. */
static void add_list(struct search *s, const struct ptrs *list)
{
	struct ranked *v = mem_zero(s->tmp, (list->n + 1) * sizeof(*v));
	bool is_long = list->n > LIST_MAX;
	size_t max = is_long && s->line ? LONG_LIST_MAX : LIST_MAX;

	for (size_t i = 0; i < list->n; i++) {
		const struct kind *k = ((const struct res *)list->v[i])->kind;

		v[i] = (struct ranked){ .res = list->v[i], .order = i };
		FIELD_FOREACH(f, k)
			v[i].named += is_long && named_in_line(s, list->v[i], f) > 0;
	}
	qsort(v, list->n, sizeof(*v), by_named);
	for (size_t i = 0; i < list->n && i < max; i++)
		ptrs_add(s->tmp, &s->tried, v[i].res);
	s->ret->is_partial = s->ret->is_partial || is_long;
}

static bool is_in(const struct ptrs *list, const void *p)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i] == p)
			return true;
	}
	return false;
}

static void add_one(struct search *s, const void *res)
{
	if (res && renderer_reads(s->ask.renderer, ((const struct res *)res)->kind) &&
	    !is_in(&s->tried, res))
		ptrs_add(s->tmp, &s->tried, res);
}

/* Those that the renderer looked at: what it did not ask for cannot change anything. */
static void add_settings(struct search *s)
{
	for (size_t i = 0; i < s->asked.n; i++) {
		struct setting *one = res_new(s->tmp, &kind_setting);

		one->name = s->asked.entries[i].key;
		one->value = view_setting(&s->view, one->name);
		ptrs_add(s->tmp, &s->tried, one);
	}
}

static void find_tried(struct search *s)
{
	for (size_t i = 0; s->ask.renderer->inputs[i]; i++)
		add_list(s, view_all(&s->view, s->ask.renderer->inputs[i]));
	add_one(s, s->view.target);
	add_one(s, s->view.account);
	add_one(s, s->view.package);
	if (renderer_reads(s->ask.renderer, &kind_setting))
		add_settings(s);
}

/* Paths that the checks of places take lie in the home. */
static const char *const *hints_of(const struct search *s)
{
	const char **hints = mem_zero(s->tmp, 3 * sizeof(*hints));

	if (s->view.account) {
		hints[0] = mem_fmt(s->tmp, "%s/public_html/other",
				   account_home(s->tmp, s->view.account));
		hints[1] = "/home/novacpx-other";
	}
	return hints;
}

/*
 * The view as the renderer takes it: the account one and the same in its two places, and resources
 * of which a scope has one at most made of their defaults where they are not set.
 */
static void complete(struct search *s)
{
	const struct ptrs *accounts = view_all(&s->view, &kind_account);

	s->view.res = mem_dup(s->tmp, s->view.res, n_kinds * sizeof(*s->view.res));
	if (s->view.account && accounts->n == 1 &&
	    strcmp(s->view.account->username, ((const struct account *)accounts->v[0])->username) ==
		    0)
		s->view.account = accounts->v[0];
	for (size_t i = 0; s->ask.renderer->inputs[i]; i++) {
		const struct kind *k = s->ask.renderer->inputs[i];
		struct ptrs *list = &s->view.res[kind_index(k)];
		void *one;

		if (list->n || k->level != s->view.level || kind_own_keys(k) > 0)
			continue;
		one = res_new(s->ctx, k);
		field_set_text(kind_parent(k), one, s->view.name);
		ptrs_add(s->tmp, list, one);
		if (effect_of(s, &s->view) != CAUSE_NONE)
			*list = (struct ptrs){ 0 };
	}
}

/* Trying */

static void add_cause(struct search *s, const void *res, const struct field *f,
		      enum cause_effect effect)
{
	struct causes *c = s->ret;

	/* a row is all of its artifact */
	if (effect == CAUSE_MAKES && s->ask.line && s->ask.type == ARTIFACT_MAPROW)
		effect = CAUSE_KEEPS;
	if (effect == CAUSE_NONE || (effect == CAUSE_MAKES && s->ask.line))
		return;
	mem_room(s->ctx, &c->v, &c->cap, c->n, sizeof(*c->v));
	c->v[c->n++] = (struct cause){
		.res = res, .field = f, .effect = effect, .named = f ? named_in_line(s, res, f) : 0
	};
}

/*
 * An account of another name has another home, in which its sites no longer lie: the renderer would
 * take none of it. So the name is tried with the home as it is, too.
 */
static void add_housed(void *ctx, const void *res, const struct field *f, struct ptrs *variants)
{
	size_t n = variants->n;

	if (((const struct res *)res)->kind != &kind_account || !(f->flags & FIELD_KEY))
		return;
	for (size_t i = 0; i < n; i++) {
		struct account *housed = res_copy(ctx, variants->v[i]);

		housed->home = account_home(ctx, res);
		ptrs_add(ctx, variants, housed);
	}
}

static enum cause_effect try_field(struct search *s, const void *res, const struct field *f)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "field");
	const struct setting_row *row = ((const struct res *)res)->kind == &kind_setting
						? setting_find(((const struct setting *)res)->name)
						: NULL;
	enum cause_effect best = CAUSE_NONE;
	struct ptrs variants = { 0 };
	bool is_taken = false;
	int tries = f->type == FIELD_CHOICE ? VARIANTS_MAX : TRIES_MAX;

	res_vary(tmp, res, f, row ? row->choices : s->hints, &variants);
	add_housed(tmp, res, f, &variants);
	for (size_t i = 0; i < variants.n && tries > 0 && best < CAUSE_SHAPES; i++) {
		struct view v;
		int effect;

		if (s->work > WORK_MAX) {
			s->ret->is_partial = true;
			break;
		}
		v = replaced(s, tmp, res, variants.v[i]);
		effect = effect_of(s, &v);
		if (effect < 0)
			continue;
		best = (enum cause_effect)MAX((int)best, effect);
		is_taken = true;
		tries--;
	}
	if (!is_taken && named_in_line(s, res, f))
		ptrs_add(s->tmp, &s->untried,
			 mem_dup(s->tmp, &(struct cause){ .res = res, .field = f },
				 sizeof(struct cause)));
	return best;
}

/* Each field; when none of them tells, the resource as a whole. */
static void try_res(struct search *s, const void *res)
{
	const struct kind *k = ((const struct res *)res)->kind;
	size_t before = s->ret->n;

	FIELD_FOREACH(f, k) {
		if (k == &kind_setting && (f->flags & FIELD_KEY))
			continue;
		add_cause(s, res, f, try_field(s, res, f));
	}
	if (s->ret->n == before && ((const struct res *)res)->id && k != &kind_setting) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "without");
		struct view v = replaced(s, tmp, res, NULL);
		int effect = effect_of(s, &v);

		if (effect > 0)
			add_cause(s, res, NULL, (enum cause_effect)effect);
	}
}

static bool is_cause(const struct causes *c, size_t n, const struct kind *k, const char *key)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "key");

	for (size_t i = 0; i < n; i++) {
		if (((const struct res *)c->v[i].res)->kind == k &&
		    strcmp(res_key(tmp, c->v[i].res), key) == 0)
			return true;
	}
	return false;
}

/* What leads to a resource that is a cause is one itself: an alias' target, an account's package. */
static void add_leads(struct search *s)
{
	size_t n = s->ret->n;

	for (size_t i = 0; i < s->tried.n; i++) {
		const void *res = s->tried.v[i];

		FIELD_FOREACH(f, ((const struct res *)res)->kind) {
			if (f->type == FIELD_REF && field_is_set(f, res) &&
			    !(f->flags & (FIELD_PARENT | FIELD_SCOPE | FIELD_DERIVED)) &&
			    is_cause(s->ret, n, f->ref, field_text(f, res)))
				add_cause(s, res, f, CAUSE_KEEPS);
		}
	}
}

/* Better the likely than to say that nothing the line names has a part in it. */
static void add_untried(struct search *s)
{
	for (size_t i = 0; i < s->ret->n; i++) {
		if (s->ret->v[i].named)
			return;
	}
	for (size_t i = 0; i < s->untried.n; i++) {
		const struct cause *c = s->untried.v[i];

		add_cause(s, c->res, c->field, CAUSE_SHAPES);
	}
}

static int by_strength(const void *va, const void *vb)
{
	const struct cause *a = va;
	const struct cause *b = vb;

	if (a->named != b->named)
		return a->named > b->named ? -1 : 1;
	return (int)b->effect - (int)a->effect;
}

/* qsort() is not stable; causes are few. */
static void sort_causes(struct causes *c)
{
	for (size_t i = 1; i < c->n; i++) {
		for (size_t k = i; k > 0 && by_strength(&c->v[k - 1], &c->v[k]) > 0; k--) {
			struct cause swap = c->v[k];

			c->v[k] = c->v[k - 1];
			c->v[k - 1] = swap;
		}
	}
}

/* Renders what is, and remembers the artifact and the line. */
static int begin(struct search *s, struct err *err)
{
	struct catalog c;
	size_t len = 0;
	const char *line;
	int r;

	s->asked.ctx = s->tmp;
	s->view.asked = &s->asked;
	r = render(s->tmp, &s->view, s->ask.renderer, &c, err);
	s->view.asked = NULL;
	if (r < 0)
		return r;
	s->artifact = at_place(&c, s->ask.type, s->ask.path);
	if (!s->artifact)
		return 0;
	s->index = (size_t)(s->artifact - c.v);
	s->n = c.n;
	s->text = causes_text(s->tmp, s->artifact, s->ask.file);
	line = s->ask.line ? text_line(s->text, strlen(s->text), s->ask.line, &len) : NULL;
	s->line = line ? mem_strn(s->tmp, line, len) : NULL;
	return 1;
}

int causes_find(const void *ctx, const struct causes_ask *ask, struct causes *ret, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "causes");
	struct search s = { .ctx = ctx, .tmp = tmp, .ask = *ask, .view = *ask->view, .ret = ret };
	int r = begin(&s, err);

	*ret = (struct causes){ 0 };
	if (r <= 0)
		return r;
	complete(&s);
	s.hints = hints_of(&s);
	find_tried(&s);
	for (size_t i = 0; i < s.tried.n; i++)
		try_res(&s, s.tried.v[i]);
	add_untried(&s);
	add_leads(&s);
	sort_causes(ret);
	for (size_t i = 0; i < ret->n; i++) /* settings are made here */
		ret->v[i].res = res_copy(ctx, ret->v[i].res);
	return 1;
}
