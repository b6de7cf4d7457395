#include "state/statefile.h"

#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "state/statefile_internal.h"

enum {
	NAMES_MAX = 1000 /* candidates for a hint */
};

/* Problems */

static size_t count_problems(const struct statefile *sf)
{
	size_t n = 0;

	for (size_t i = 0; i < sf->n_docs; i++)
		n += sf->docs[i].doc->n_problems + sf->docs[i].doc->n_dropped;
	return n;
}

/* The first file's first problem speaks for all. */
static int raise_first(struct statefile *sf, struct err *err)
{
	for (size_t i = 0; i < sf->n_docs; i++) {
		struct doc *doc = sf->docs[i].doc;
		size_t more = count_problems(sf) - doc->n_problems - doc->n_dropped;
		int r = doc_problems_err(doc, ERR_INVALID, err);

		if (r < 0 && err && more > 0) {
			size_t len = strlen(err->msg);

			(void)snprintf(err->msg + len, sizeof(err->msg) - len,
				       " (and %zu in other files)", more);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static void emit(struct changeset *to, const struct changeset *from)
{
	for (size_t i = 0; i < from->n; i++) {
		mem_room(to->ctx, &to->v, &to->cap, to->n, sizeof(*to->v));
		to->v[to->n++] = from->v[i];
	}
}

int statefile_read(const void *ctx, const struct statefile_input *in, struct changeset *cs,
		   struct statefile **ret, struct err *err)
{
	struct statefile *sf = mem_new(ctx, struct statefile);
	struct mapper m = { .sf = sf, .in = in, .password_min = -1 };

	sf->by_name.ctx = sf;
	m.puts.ctx = m.deletes.ctx = cs->ctx;
	*ret = sf;
	if (in->n_sources == 0)
		return err_set(err, ERR_INVALID, "no state file was given");
	statefile_load(sf, in);
	for (size_t i = 0; i < sf->n_docs; i++) {
		if (sf->docs[i].doc->root)
			statefile_map(&m, &sf->docs[i], i == 0);
	}
	for (size_t i = 0; i < sf->n_docs; i++)
		statefile_mask(sf->docs[i].doc);
	if (count_problems(sf) > 0)
		return raise_first(sf, err);
	emit(cs, &m.deletes);
	emit(cs, &m.puts);
	return 0;
}

/* A problem of no place in a file: of a delete that --prune added. */
static void add_unplaced(struct statefile *sf, const struct problem *p)
{
	struct doc *doc = mem_new(sf, struct doc);

	doc->file = mem_str(doc, p->resource);
	doc->source = "";
	doc_problem_add_at(doc, 0, 0, 0, "%s (the files do not mention it, so it goes)", p->msg);
	mem_room(sf, &sf->docs, &sf->docs_cap, sf->n_docs, sizeof(*sf->docs));
	sf->docs[sf->n_docs++] = (struct statefile_doc){ .doc = doc };
}

static struct spot place_of(const struct statefile_item *item, const char *field)
{
	const struct field *f = field ? kind_field(item->kind, field) : NULL;
	const struct node *value = field ? doc_get(item->node, field) : NULL;

	if (value)
		return (struct spot){ .node = value };
	if (f && f == kind_single_field(item->kind))
		return (struct spot){ .node = item->node };
	return (struct spot){ .node = item->node, .on_key = true };
}

/* A reference to nothing: perhaps another resource of the files was meant. */
static void hint_reference(const struct statefile *sf, const struct statefile_item *item,
			   const struct field *f, const char *text)
{
	const char *names[NAMES_MAX];
	const char *best;
	size_t n = 0;

	for (size_t i = 0; i < sf->n_items && n < NAMES_MAX; i++) {
		if (sf->items[i].kind == f->ref)
			names[n++] = sf->items[i].name + strlen(f->ref->name) + 1;
	}
	best = nearest(text, names, n);
	if (best && strcmp(best, text) != 0)
		doc_problem_hint(item->doc, "did you mean \"%s\"?", best);
}

static void add_placed(const struct statefile *sf, const struct statefile_item *item,
		       const struct problem *p)
{
	const struct field *f = p->field ? kind_field(item->kind, p->field) : NULL;
	struct spot spot = place_of(item, p->field);

	doc_problem_add(item->doc, spot.node, spot.on_key, "%s", p->msg);
	if (f && f->type == FIELD_REF && spot.node->type == NODE_STRING)
		hint_reference(sf, item, f, spot.node->text);
	if (f && (f->flags & FIELD_PARENT))
		doc_problem_hint(item->doc, "it belongs to another %s now", f->ref->name);
}

/* A rule that two resources of the files break together is told at the first; here is the second. */
static void hint_other(const struct statefile *sf, const struct statefile_item *item, int where,
		       const char *field)
{
	const struct statefile_item *other;
	struct spot spot;
	bool on_key;

	if (where < 0 || (size_t)where >= sf->n_items)
		return;
	other = &sf->items[where];
	spot = place_of(other, field);
	on_key = spot.on_key && spot.node->key_line;
	doc_problem_hint(item->doc, "the other one is %s:%d:%d", other->doc->file,
			 on_key ? spot.node->key_line : spot.node->line,
			 on_key ? spot.node->key_col : spot.node->col);
}

void statefile_add_problems(struct statefile *sf, const struct changeset *cs,
			    const struct problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		const struct problem *p = &problems->v[i];
		int where = p->change < cs->n ? cs->v[p->change].where : -1;

		if (where < 0 || (size_t)where >= sf->n_items) {
			add_unplaced(sf, p);
			continue;
		}
		add_placed(sf, &sf->items[where], p);
		if (p->has_other && p->other < cs->n)
			hint_other(sf, &sf->items[where], cs->v[p->other].where, p->field);
	}
	for (size_t i = 0; i < sf->n_docs; i++)
		statefile_mask(sf->docs[i].doc);
}

/* The same fault at many places is told once: an anchor, a word for a boolean. */
static bool was_told(const struct doc *doc, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(doc->problems[k].message, doc->problems[i].message) == 0)
			return true;
	}
	return false;
}

static void render(struct buf *out, const struct doc *doc, size_t i, unsigned flags)
{
	size_t again = 0;
	int line = 0;

	doc_error_render(out, doc->file, doc->source, &doc->problems[i], flags);
	for (size_t k = i + 1; k < doc->n_problems; k++) {
		if (strcmp(doc->problems[k].message, doc->problems[i].message) != 0)
			continue;
		again++;
		line = line ? line : doc->problems[k].line;
	}
	if (again)
		buf_printf(out, "      = the same at %zu more place%s, next on line %d\n", again,
			   again == 1 ? "" : "s", line);
	buf_putc(out, '\n');
}

void statefile_render_problems(struct buf *out, struct statefile *sf, unsigned flags)
{
	size_t n = count_problems(sf);
	size_t dropped = 0;

	for (size_t i = 0; i < sf->n_docs; i++) {
		struct doc *doc = sf->docs[i].doc;

		if (doc_problems_err(doc, ERR_INVALID, NULL) == 0) /* sorts them */
			continue;
		for (size_t p = 0; p < doc->n_problems; p++) {
			if (!was_told(doc, p))
				render(out, doc, p, flags);
		}
		dropped += doc->n_dropped;
	}
	buf_printf(out, "%zu problem%s", n, n == 1 ? "" : "s");
	if (dropped)
		buf_printf(out, ", %zu of them not shown", dropped);
	buf_putc(out, '\n');
}
