/*
 * From nodes to changes, by walking the kind tables: sections, resources,
 * fields. Problems are collected; after one, the rest is still looked at.
 */
#include <string.h>

#include "base/mem.h"
#include "model/check.h"
#include "state/statefile_internal.h"

/* Where a resource is described. */
struct place {
	const struct kind *kind;
	int parent;             /* item, or -1 */
	const char *parent_key; /* NULL at the top */
	const char *key;        /* from the map; NULL: a list's item, or no own key */
	const struct node *node;
	bool is_sound; /* the names above are right, so rules can look at this one */
};

/* A resource being read. */
struct draft {
	struct place at;
	struct change change;
	size_t problems; /* of the mapper, before */
	bool has_name;   /* its keys from the map are right */
	bool is_described;
};

static void map_sections(struct mapper *m, const struct kind *parent, int item, const char *key,
			 bool is_sound, const struct node *node);

/* Items */

static const char *where_is(const void *ctx, const struct statefile_item *item)
{
	const struct node *n = item->node;

	return mem_fmt(ctx, "%s:%d:%d", item->doc->file, n->key_line ? n->key_line : n->line,
		       n->key_line ? n->key_col : n->col);
}

static void described_twice(struct mapper *m, const struct draft *d,
			    const struct statefile_item *first, bool is_deleted)
{
	struct spot spot = { .node = d->at.node, .on_key = true };
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "twice");

	if (first->is_deleted != is_deleted)
		mapper_problem(m, spot, "%s is %s here and %s at %s", text_quoted(first->name).s,
			       is_deleted ? "deleted" : "described",
			       is_deleted ? "described" : "deleted", where_is(tmp, first));
	else
		mapper_problem(m, spot, "%s is described twice; the first time at %s",
			       text_quoted(first->name).s, where_is(tmp, first));
	mapper_hint(m, "keep one of them");
}

static size_t list_change(struct changeset *list, const struct change *c)
{
	mem_room(list->ctx, &list->v, &list->cap, list->n, sizeof(*list->v));
	list->v[list->n] = *c;
	return list->n++;
}

static int item_new(struct mapper *m, const struct draft *d, const char *name, bool is_deleted)
{
	struct statefile *sf = m->sf;
	struct change c = d->change;

	mem_room(sf, &sf->items, &sf->items_cap, sf->n_items, sizeof(*sf->items));
	c.where = (int)sf->n_items;
	c.full = d->is_described;
	sf->items[sf->n_items] = (struct statefile_item){
		.kind = d->at.kind,
		.name = name,
		.doc = m->at->doc,
		.node = d->at.node,
		.parent = d->at.parent,
		.change = list_change(is_deleted ? &m->deletes : &m->puts, &c),
		.is_described = d->is_described,
		.is_deleted = is_deleted,
	};
	return (int)sf->n_items++;
}

/* The description takes the place of a mere mention. */
static void describe(struct mapper *m, int i, const struct draft *d)
{
	struct statefile_item *item = &m->sf->items[i];
	struct change *c = &m->puts.v[item->change];

	c->res = d->change.res;
	c->set = d->change.set;
	c->full = true;
	item->doc = m->at->doc;
	item->node = d->at.node;
	item->is_described = true;
}

/* The resource's number; a problem if it was here before. */
static int register_item(struct mapper *m, const struct draft *d, const void *canonical,
			 bool is_deleted)
{
	const char *name = res_name(m->sf, canonical);
	void **slot = strmap_slot(&m->sf->by_name, name);
	int i = (int)(intptr_t)*slot - 1;
	const struct statefile_item *first;

	if (i < 0) {
		i = item_new(m, d, name, is_deleted);
		*slot = (void *)(intptr_t)(i + 1); /* NOLINT(performance-no-int-to-ptr): a number */
		return i;
	}
	first = &m->sf->items[i];
	if (first->is_deleted || is_deleted || (first->is_described && d->is_described))
		described_twice(m, d, first, is_deleted);
	else if (d->is_described)
		describe(m, i, d);
	return i;
}

/* Resources */

static uint64_t bit(const struct kind *k, const struct field *f)
{
	return (uint64_t)1 << (f - k->fields);
}

/* A text that was not checked, or refused: so that what follows has a name to speak of. */
static void set_raw(struct draft *d, const struct field *f, const char *text)
{
	field_set_text(f, d->change.res, text);
	d->change.set |= bit(d->at.kind, f);
}

static void put_map_key(struct mapper *m, struct draft *d)
{
	const struct kind *k = d->at.kind;

	FIELD_FOREACH(f, k) {
		struct value v = { .type = VALUE_STRING, .text = d->at.key };
		struct err err = ERR_INIT;

		if (!(f->flags & FIELD_KEY) || (f->flags & FIELD_PARENT))
			continue;
		if (change_set(m->puts.ctx, &d->change, f, &v, &err) >= 0)
			continue;
		mapper_refused(m, f, d->at.node, true, &err);
		set_raw(d, f, d->at.key);
	}
}

static void start(struct mapper *m, struct draft *d, const struct place *at)
{
	const struct field *parent = kind_parent(at->kind);

	*d = (struct draft){ .at = *at, .problems = m->n_problems };
	d->change = (struct change){ .op = CHANGE_PUT, .where = -1 };
	d->change.res = res_new(m->puts.ctx, at->kind);
	if (parent)
		set_raw(d, parent, at->parent_key);
	if (at->key)
		put_map_key(m, d);
	d->has_name = at->is_sound && m->n_problems == d->problems;
}

static bool has_required(const struct kind *k, const void *res)
{
	FIELD_FOREACH(f, k) {
		if ((f->flags & FIELD_REQUIRED) && !field_is_set(f, res))
			return false;
	}
	return true;
}

/*
 * Rules of this resource alone, which the store would apply as well; here they get their place.
 * The resource as it will be stored, on CTX; NULL after a problem.
 */
static void *canonical_form(const void *ctx, struct mapper *m, const struct draft *d, bool is_whole)
{
	const struct kind *k = d->at.kind;
	void *res = res_copy(ctx, d->change.res);
	struct spot spot = { .node = d->at.node, .on_key = true };
	struct err err = ERR_INIT;
	const char *name;
	int r = 0;

	FIELD_FOREACH(f, k) {
		bool is_needed =
			(f->flags & FIELD_KEY) || (is_whole && (f->flags & FIELD_REQUIRED));

		if (m->n_problems > d->problems || !is_needed || field_is_set(f, res))
			continue;
		mapper_problem(m, spot, "%s: must be given: %s", f->name, field_allowed(m->sf, f));
	}
	if (m->n_problems > d->problems || !d->at.is_sound)
		return NULL;
	if (k->derive && has_required(k, res))
		r = k->derive(ctx, res, &err);
	if (r >= 0 && is_whole && k->check)
		r = k->check(ctx, res, &err);
	if (r >= 0)
		return res;
	name = err.path[0] == '/' ? err.path + 1 : err.path;
	if (doc_get(d->at.node, name))
		spot = (struct spot){ .node = doc_get(d->at.node, name) };
	else if (kind_single_field(k) && strcmp(kind_single_field(k)->name, name) == 0)
		spot.on_key = false;
	mapper_problem(m, spot, "%s", err.msg);
	return NULL;
}

/* What is not there needs no deleting: applying a file twice is no error. */
static bool is_gone(struct mapper *m, const void *res)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "gone");
	struct err ignored = ERR_INIT;
	void *there;

	if (!m->in->store)
		return true;
	return store_get(tmp, m->in->store, ((const struct res *)res)->kind, res_key(tmp, res),
			 &there, &ignored) == -ERR_NOTFOUND;
}

static void finish_delete(struct mapper *m, struct draft *d)
{
	void *res = canonical_form(m->puts.ctx, m, d, false);
	size_t n = m->deletes.n;

	if (!res)
		return;
	d->change.op = CHANGE_DELETE;
	d->change.res = res;
	d->is_described = true;
	(void)register_item(m, d, res, true);
	if (m->deletes.n > n && is_gone(m, res))
		m->deletes.n = n;
}

static void finish_put(struct mapper *m, struct draft *d)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "canonical");
	void *res = d->is_described ? canonical_form(tmp, m, d, true) : d->change.res;
	bool is_parent = kind_has_children(d->at.kind);
	int item = d->at.parent;
	const char *key = "";

	if (!res && is_parent &&
	    d->has_name) /* with a wrong field, too: what stands below has a name */
		res = d->change.res;
	if (res && d->has_name) {
		item = register_item(m, d, res, false);
		key = m->sf->items[item].name + strlen(d->at.kind->name) + 1;
	}
	if (is_parent)
		map_sections(m, d->at.kind, item, key, d->has_name, d->at.node);
}

static void map_direct(struct mapper *m, const struct place *at, const struct field *f)
{
	struct draft d;

	if (at->node->type == NODE_MAP || at->node->type == NODE_LIST) {
		mapper_problem(m, (struct spot){ .node = at->node, .on_key = true },
			       "found %s, but %s %s is written NAME: %s",
			       doc_type_name(at->node->type), word_article(at->kind->name),
			       at->kind->name, f->name);
		return;
	}
	start(m, &d, at);
	d.is_described = true;
	(void)mapper_field(m, &d.change, f, at->node);
	finish_put(m, &d);
}

/*
 * A section without content: where it is a slip of indentation, all that follows in NODE was meant
 * to be elsewhere, and one problem says enough.
 */
static bool has_empty_section(struct mapper *m, const struct kind *parent, const struct node *node)
{
	for (size_t i = 0; i < node->n; i++) {
		const struct member *member = &node->members[i];

		if (member->value->type != NODE_NULL || !section_find(parent, member->key))
			continue;
		if (*member->value->text && kind_own_keys(kind_find(member->key)) == 0)
			continue; /* php: ~ deletes */
		mapper_problem(m, (struct spot){ .node = member->value, .on_key = true },
			       "the section \"%s\" is empty", member->key);
		mapper_hint(m, "remove it, or indent the lines below it more; what is to go is "
			       "deleted one by one");
		return true;
	}
	return false;
}

static bool map_STATEFILE_DELETE(struct mapper *m, const struct node *value)
{
	if (value->type == NODE_BOOL)
		return value->flag;
	mapper_problem(m, (struct spot){ .node = value }, "delete: found %s, allowed is true",
		       doc_type_name(value->type));
	return false;
}

/* Fields and unknown words; sections come after the resource itself is known. True: delete it. */
static bool map_fields(struct mapper *m, struct draft *d)
{
	const struct kind *k = d->at.kind;
	bool is_deleted = false;

	d->is_described = d->at.node->n == 0 || !kind_has_children(k);
	for (size_t i = 0; i < d->at.node->n; i++) {
		const struct member *member = &d->at.node->members[i];
		const struct field *f = kind_field(k, member->key);

		if (section_find(k, member->key))
			continue;
		if (kind_own_keys(k) > 1 && strcmp(member->key, STATEFILE_DELETE) == 0) {
			is_deleted = map_STATEFILE_DELETE(m, member->value);
			continue;
		}
		d->is_described = true;
		if (f && field_is_written(k, f))
			(void)mapper_field(m, &d->change, f, member->value);
		else
			mapper_unknown(m, k, member->key, member->value);
	}
	return is_deleted;
}

static void map_null(struct mapper *m, const struct place *at)
{
	struct spot spot = { .node = at->node, .on_key = true };
	struct draft d;

	if (*at->node->text) {
		start(m, &d, at);
		finish_delete(m, &d);
		return;
	}
	mapper_problem(m, spot, "nothing is given for the %s", at->kind->name);
	mapper_hint(m, "write {} for one with all defaults, or ~ to delete it; or the lines below "
		       "need more indentation");
}

static void map_resource(struct mapper *m, const struct place *at)
{
	const struct field *single = kind_single_field(at->kind);
	struct draft d;

	if (at->node->type == NODE_NULL && (at->key || kind_own_keys(at->kind) == 0)) {
		map_null(m, at);
	} else if (single) {
		map_direct(m, at, single);
	} else if (at->node->type != NODE_MAP) {
		mapper_problem(m, (struct spot){ .node = at->node },
			       "found %s, but %s %s is a map of its fields",
			       doc_type_name(at->node->type), word_article(at->kind->name),
			       at->kind->name);
	} else if (!has_empty_section(m, at->kind, at->node)) {
		start(m, &d, at);
		if (map_fields(m, &d))
			finish_delete(m, &d);
		else
			finish_put(m, &d);
	}
}

/* Sections */

static void wrong_section(struct mapper *m, const struct kind *k, const struct node *node)
{
	bool is_list = kind_own_keys(k) > 1;

	mapper_problem(m, (struct spot){ .node = node, .on_key = !node->len },
		       "found %s, but the section \"%s\" is %s", doc_type_name(node->type),
		       k->section, is_list ? "a list" : "a map by name");
	if (is_list)
		mapper_hint(m, "start each %s with \"- \"", k->name);
	else if (node->type == NODE_LIST)
		mapper_hint(m, "write NAME: {…} without \"- \"");
}

static void map_section(struct mapper *m, struct place at)
{
	const struct node *node = at.node;
	size_t keys = kind_own_keys(at.kind);

	if (keys == 0) {
		map_resource(m, &at);
		return;
	}
	if (node->type != (keys > 1 ? NODE_LIST : NODE_MAP)) {
		wrong_section(m, at.kind, node);
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		at.key = keys > 1 ? NULL : node->members[i].key;
		at.node = keys > 1 ? node->items[i] : node->members[i].value;
		map_resource(m, &at);
		if (at.key && at.node->type == NODE_NULL && !*at.node->text)
			return; /* as with an empty section */
	}
}

static void map_sections(struct mapper *m, const struct kind *parent, int item, const char *key,
			 bool is_sound, const struct node *node)
{
	KIND_FOREACH(k) {
		struct place at = { .kind = k, .parent = item, .is_sound = is_sound };

		if (kind_above(k) != parent)
			continue;
		at.node = doc_get(node, k->section);
		at.parent_key = parent ? key : NULL;
		if (at.node)
			map_section(m, at);
	}
}

static void check_version(struct mapper *m, const struct node *root, bool is_first)
{
	const struct node *version = doc_get(root, STATEFILE_HEAD);

	if (version && (version->type != NODE_INT || version->num != STATEFILE_VERSION)) {
		mapper_problem(m, (struct spot){ .node = version, .on_key = !version->len },
			       "the format version must be %d, the one this program knows",
			       STATEFILE_VERSION);
		return;
	}
	if (version || !is_first)
		return;
	m->n_problems++;
	doc_problem_add_at(m->at->doc, root->line, root->col, 1,
			   "the format version is missing: is this a state file?");
	mapper_hint(m, "begin it with the line \"%s: %d\"", STATEFILE_HEAD, STATEFILE_VERSION);
}

void statefile_map(struct mapper *m, const struct statefile_doc *at, bool is_first)
{
	const struct node *root = at->doc->root;

	m->at = at;
	check_version(m, root, is_first);
	if (has_empty_section(m, NULL, root))
		return;
	for (size_t i = 0; i < root->n; i++) {
		const char *word = root->members[i].key;

		if (strcmp(word, STATEFILE_HEAD) != 0 && !section_find(NULL, word))
			mapper_unknown(m, NULL, word, root->members[i].value);
	}
	map_sections(m, NULL, -1, NULL, true, root);
}
