/*
 * From a node to a field's value. What a field takes is the table's matter
 * (field_put); this file only refuses the YAML types that would be guesses.
 */
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "model/check.h"
#include "state/statefile_internal.h"

enum {
	CHOICES_MAX = 64
};

static bool is_scalar(const struct node *node)
{
	return node->type == NODE_STRING || node->type == NODE_INT || node->type == NODE_BOOL;
}

static void wrong_type(struct mapper *m, const struct field *f, const struct node *node)
{
	struct spot spot = { .node = node, .on_key = node->line != node->key_line && !node->len };

	if (is_scalar(node))
		mapper_problem(m, spot, "%s: found %s %s, allowed is %s", f->name,
			       doc_type_name(node->type), text_quoted(node->text).s,
			       field_allowed(m->sf, f));
	else
		mapper_problem(m, spot, "%s: found %s, allowed is %s", f->name,
			       doc_type_name(node->type), field_allowed(m->sf, f));
	if (node->type == NODE_STRING && (f->type == FIELD_INT || f->type == FIELD_BOOL))
		mapper_hint(m, node->plain ? "write the %s alone" : "write the %s without quotes",
			    f->type == FIELD_INT ? "number" : "word");
	if (f->type == FIELD_LIST && is_scalar(node))
		mapper_hint(m, "write [%s] for a list of one", text_quoted(node->text).s);
}

static bool takes(const struct field *f, const struct node *node)
{
	switch (f->type) {
	case FIELD_INT: return node->type == NODE_INT;
	case FIELD_BOOL: return node->type == NODE_BOOL;
	case FIELD_LIST: return node->type == NODE_LIST;
	case FIELD_STRING:
	case FIELD_CHOICE:
	case FIELD_REF: return is_scalar(node);
	case FIELD_SECRET: return false;
	}
	return false;
}

static void hint_choice(struct mapper *m, const struct field *f, const struct node *node)
{
	const char *best;
	size_t n = 0;

	if (f->type != FIELD_CHOICE || !is_scalar(node))
		return;
	while (f->choices[n])
		n++;
	best = nearest(node->text, f->choices, MIN(n, (size_t)CHOICES_MAX));
	if (best)
		mapper_hint(m, "did you mean \"%s\"?", best);
}

void mapper_refused(struct mapper *m, const struct field *f, const struct node *node, bool on_key,
		    const struct err *err)
{
	mapper_problem(m, (struct spot){ .node = node, .on_key = on_key }, "%s", err->msg);
	if (!on_key)
		hint_choice(m, f, node);
}

static bool put(struct mapper *m, struct change *c, const struct field *f, const struct node *node,
		const struct value *v)
{
	struct err err = ERR_INIT;

	if (change_set(m->puts.ctx, c, f, v, &err) >= 0)
		return true;
	mapper_refused(m, f, node, false, &err);
	return false;
}

/* The item at fault is the one that is refused alone, too. */
static void refuse_list(struct mapper *m, const struct field *f, const struct node *node,
			const struct value *v, const struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "list");
	const struct node *at = node;

	for (size_t i = 0; i < v->n && at == node; i++) {
		void *scratch = mem_zero(tmp, f->offset + sizeof(struct strlist));
		struct value one = { .type = VALUE_LIST, .items = &v->items[i], .n = 1 };
		struct err ignored = ERR_INIT;

		if (field_put(tmp, f, scratch, &one, &ignored) < 0)
			at = node->items[i];
	}
	mapper_refused(m, f, at, false, err);
}

static bool put_list(struct mapper *m, struct change *c, const struct field *f,
		     const struct node *node)
{
	struct value v = { .type = VALUE_LIST, .n = node->n };
	struct err err = ERR_INIT;

	v.items = mem_zero(m->puts.ctx, (node->n + 1) * sizeof(*v.items));
	for (size_t i = 0; i < node->n; i++) {
		if (!is_scalar(node->items[i])) {
			mapper_problem(m, (struct spot){ .node = node->items[i] },
				       "%s: found %s in the list, allowed are texts", f->name,
				       doc_type_name(node->items[i]->type));
			return false;
		}
		v.items[i] = node->items[i]->text;
	}
	if (change_set(m->puts.ctx, c, f, &v, &err) >= 0)
		return true;
	refuse_list(m, f, node, &v, &err);
	return false;
}

static bool put_null(struct mapper *m, struct change *c, const struct field *f,
		     const struct node *node)
{
	struct value v = { .type = VALUE_NULL };

	if (*node->text)
		return put(m, c, f, node, &v);
	mapper_problem(m, (struct spot){ .node = node, .on_key = true }, "%s: no value is given",
		       f->name);
	mapper_hint(m,
		    f->flags & FIELD_REQUIRED ? "give %s"
					      : "give %s; or remove the line for the default",
		    field_allowed(m->sf, f));
	return false;
}

bool mapper_field(struct mapper *m, struct change *c, const struct field *f,
		  const struct node *node)
{
	struct value v = { .type = VALUE_STRING, .text = node->text };

	if (f->type == FIELD_SECRET)
		return mapper_secret(m, c, f, node);
	if (node->type == NODE_NULL)
		return put_null(m, c, f, node);
	if (!takes(f, node)) {
		wrong_type(m, f, node);
		return false;
	}
	if (f->type == FIELD_LIST)
		return put_list(m, c, f, node);
	if (f->type == FIELD_INT)
		v = (struct value){ .type = VALUE_INT, .num = node->num, .text = node->text };
	if (f->type == FIELD_BOOL)
		v = (struct value){ .type = VALUE_BOOL, .flag = node->flag, .text = node->text };
	return put(m, c, f, node, &v);
}
