#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "state/doc_internal.h"

enum {
	CHUNK = 256 << 10,
	SORT_FROM = 9 /* smaller maps are searched one by one */
};

/* Nodes and texts are many and live as long as the doc: cut from large chunks. */
struct arena {
	const void *ctx;
	char *at;
	size_t left;
};

struct frame {
	struct node *node;
	size_t base; /* its first child on the stack of children */
	bool has_key;
	bool is_flow;
	const char *key;
	int key_line, key_col, key_len;
};

struct reader {
	struct doc *doc;
	yaml_parser_t parser;
	struct arena arena;
	struct frame frames[DOC_DEPTH_MAX];
	size_t depth;
	struct member *children; /* of all open collections; items have no key */
	size_t n_children, children_cap;
	size_t n_nodes, n_docs;
};

static void *take_bytes(struct arena *a, size_t size)
{
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (size > a->left) {
		size_t chunk = size > CHUNK / 4 ? size : CHUNK;
		char *fresh = talloc_size(a->ctx, chunk);

		if (!fresh)
			mem_abort();
		if (chunk == size)
			return fresh; /* large: the open chunk stays in use */
		a->at = fresh;
		a->left = chunk;
	}
	p = a->at;
	a->at += size;
	a->left -= size;
	return p;
}

static const char *take_text(struct arena *a, const yaml_char_t *s, size_t len)
{
	char *p = take_bytes(a, len + 1);

	if (len)
		memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

/* libyaml counts from 0; the file cap keeps both in an int. */
static int one_based(size_t n)
{
	return n < INT_MAX ? (int)n + 1 : INT_MAX;
}

static int span(const yaml_event_t *ev)
{
	if (ev->start_mark.line != ev->end_mark.line)
		return 0;
	return (int)(ev->end_mark.column - ev->start_mark.column);
}

static void problem_at(struct reader *r, const yaml_event_t *ev, const char *message,
		       const char *hint)
{
	doc_problem_add_at(r->doc, one_based(ev->start_mark.line), one_based(ev->start_mark.column),
			   1, "%s", message);
	if (hint)
		doc_problem_hint(r->doc, "%s", hint);
}

static int node_new(struct reader *r, const yaml_event_t *ev, enum node_type type,
		    struct node **ret)
{
	struct node *node;

	if (r->n_nodes == DOC_NODES_MAX) {
		doc_problem_add_at(r->doc, one_based(ev->start_mark.line),
				   one_based(ev->start_mark.column), 1,
				   "more than %d values in one file", DOC_NODES_MAX);
		doc_problem_hint(r->doc, "split it into several files");
		return -ERR_TOOBIG;
	}
	r->n_nodes++;
	node = take_bytes(&r->arena, sizeof(*node));
	*node = (struct node){ .type = type };
	node->line = one_based(ev->start_mark.line);
	node->col = one_based(ev->start_mark.column);
	node->len = span(ev);
	*ret = node;
	return 0;
}

static bool wants_key(const struct reader *r)
{
	const struct frame *f = r->depth ? &r->frames[r->depth - 1] : NULL;

	return f && f->node->type == NODE_MAP && !f->has_key;
}

/* NODE becomes the value of the open key, the next item, or the root. */
static void attach(struct reader *r, struct node *node)
{
	struct frame *f = r->depth ? &r->frames[r->depth - 1] : NULL;

	if (!f) {
		r->doc->root = node;
		return;
	}
	mem_room(r->doc, &r->children, &r->children_cap, r->n_children, sizeof(*r->children));
	r->children[r->n_children++] = (struct member){ .key = f->key, .value = node };
	if (f->has_key) {
		node->key_line = f->key_line;
		node->key_col = f->key_col;
		node->key_len = f->key_len;
	}
	f->has_key = false;
	f->key = NULL;
}

static void check_decoration(struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	if (anchor)
		problem_at(r, ev, DOC_MSG_ANCHOR, DOC_HINT_ANCHOR);
	if (tag)
		problem_at(r, ev, DOC_MSG_TAG, DOC_HINT_TAG);
}

static void check_key(struct reader *r, const yaml_event_t *ev, const char *key, bool plain)
{
	size_t len = ev->data.scalar.length;

	if (plain && !*key)
		problem_at(r, ev, "a key is missing before the \":\"", NULL);
	else if (plain && strcmp(key, "<<") == 0)
		problem_at(r, ev, "merge keys (<<) are not used in state files",
			   "write the members out");
	else if (len > DOC_KEY_MAX)
		doc_problem_add_at(r->doc, one_based(ev->start_mark.line),
				   one_based(ev->start_mark.column), 1,
				   "a key of %zu bytes; at most %d are allowed", len, DOC_KEY_MAX);
	if (strlen(key) != len)
		problem_at(r, ev, "a text must not contain a NUL character (\"\\0\")", NULL);
}

static void take_key(struct reader *r, const yaml_event_t *ev)
{
	struct frame *f = &r->frames[r->depth - 1];
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	check_decoration(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	f->key = take_text(&r->arena, ev->data.scalar.value, ev->data.scalar.length);
	check_key(r, ev, f->key, plain);
	f->has_key = true;
	f->key_line = one_based(ev->start_mark.line);
	f->key_col = one_based(ev->start_mark.column);
	f->key_len = span(ev);
}

static void resolve(struct reader *r, struct node *node)
{
	struct scalar s = scalar_resolve(node->text);

	node->type = s.type;
	node->num = s.num;
	node->flag = s.flag;
	if (s.fault) {
		doc_problem_add(r->doc, node, false, "\"%s\" %s", doc_short(r->doc, node->text),
				s.fault);
		doc_problem_hint(r->doc, "%s", s.hint);
	}
}

static int take_scalar(struct reader *r, const yaml_event_t *ev)
{
	size_t len = ev->data.scalar.length;
	struct node *node;
	int res;

	if (wants_key(r)) {
		take_key(r, ev);
		return 0;
	}
	res = node_new(r, ev, NODE_STRING, &node);
	if (res < 0)
		return res;
	check_decoration(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	attach(r, node);
	node->text = "";
	if (len > DOC_SCALAR_MAX) {
		doc_problem_add(r->doc, node, false, "a text of %zu bytes; at most %d are allowed",
				len, DOC_SCALAR_MAX);
		return 0;
	}
	node->text = take_text(&r->arena, ev->data.scalar.value, len);
	node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (strlen(node->text) != len)
		doc_problem_add(r->doc, node, false,
				"a text must not contain a NUL character (\"\\0\")");
	if (node->plain)
		resolve(r, node);
	return 0;
}

/* Aliases are refused; a null stands in, so that later problems are found too. */
static int take_alias(struct reader *r, const yaml_event_t *ev)
{
	struct node *node;
	int res;

	problem_at(r, ev, DOC_MSG_ANCHOR, DOC_HINT_ANCHOR);
	if (wants_key(r)) {
		r->frames[r->depth - 1].has_key = true;
		r->frames[r->depth - 1].key = "*";
		return 0;
	}
	res = node_new(r, ev, NODE_NULL, &node);
	if (res < 0)
		return res;
	node->text = "";
	attach(r, node);
	return 0;
}

static int open_collection(struct reader *r, const yaml_event_t *ev, enum node_type type,
			   bool is_flow)
{
	struct node *node;
	int res;

	if (wants_key(r)) {
		problem_at(r, ev,
			   type == NODE_MAP ? "a map cannot be a key" : "a list cannot be a key",
			   "a text that starts with \"{\" or \"[\" needs quotes");
		return -ERR_INVALID;
	}
	if (r->depth == DOC_DEPTH_MAX) {
		doc_problem_add_at(r->doc, one_based(ev->start_mark.line),
				   one_based(ev->start_mark.column), 1,
				   "maps and lists are nested more than %d deep", DOC_DEPTH_MAX);
		return -ERR_INVALID;
	}
	res = node_new(r, ev, type, &node);
	if (res < 0)
		return res;
	if (!is_flow)
		node->len = 0;
	attach(r, node);
	r->frames[r->depth++] =
		(struct frame){ .node = node, .base = r->n_children, .is_flow = is_flow };
	return 0;
}

static int by_key(const void *a, const void *b, void *arg)
{
	const uint32_t *x = a;
	const uint32_t *y = b;
	const struct member *members = arg;
	int order = strcmp(members[*x].key, members[*y].key);

	return order ? order : *x < *y ? -1 : *x > *y;
}

static void report_twice(struct reader *r, const struct node *map, size_t first, size_t again)
{
	const struct member *m = &map->members[again];

	doc_problem_add(r->doc, m->value, true, "the key \"%s\" is given twice",
			doc_short(r->doc, m->key));
	doc_problem_hint(r->doc, "it stands on line %d already",
			 map->members[first].value->key_line);
}

static void check_twice_sorted(struct reader *r, struct node *map)
{
	uint32_t *sorted = take_bytes(&r->arena, map->n * sizeof(*sorted));
	size_t first = 0;

	for (size_t i = 0; i < map->n; i++)
		sorted[i] = (uint32_t)i;
	qsort_r(sorted, map->n, sizeof(*sorted), by_key, map->members);
	for (size_t i = 1; i < map->n; i++) {
		if (strcmp(map->members[sorted[i]].key, map->members[sorted[first]].key) == 0)
			report_twice(r, map, sorted[first], sorted[i]);
		else
			first = i;
	}
	map->sorted = sorted;
}

static void check_twice(struct reader *r, struct node *map)
{
	if (map->n >= SORT_FROM) {
		check_twice_sorted(r, map);
		return;
	}
	for (size_t i = 1; i < map->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(map->members[i].key, map->members[j].key) == 0) {
				report_twice(r, map, j, i);
				break;
			}
		}
	}
}

static void close_collection(struct reader *r)
{
	const struct frame *f = &r->frames[--r->depth];
	struct node *node = f->node;
	const struct member *from;

	node->n = r->n_children - f->base;
	r->n_children = f->base;
	if (node->n == 0)
		return;
	from = &r->children[f->base];
	if (node->type == NODE_LIST) {
		node->items = take_bytes(&r->arena, node->n * sizeof(struct node *));
		for (size_t i = 0; i < node->n; i++)
			node->items[i] = from[i].value;
		return;
	}
	node->members = take_bytes(&r->arena, node->n * sizeof(*from));
	memcpy(node->members, from, node->n * sizeof(*from));
	check_twice(r, node);
}

static int start_document(struct reader *r, const yaml_event_t *ev)
{
	if (++r->n_docs > 1) {
		problem_at(r, ev, "a second document starts here; a state file is one document",
			   "remove the \"---\", or make two files");
		return -ERR_INVALID;
	}
	if (ev->data.document_start.version_directive ||
	    ev->data.document_start.tag_directives.start !=
		    ev->data.document_start.tag_directives.end)
		problem_at(r, ev, DOC_MSG_DIRECTIVE, "remove it");
	return 0;
}

static int take_event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return 0;
	case YAML_DOCUMENT_START_EVENT: return start_document(r, ev);
	case YAML_ALIAS_EVENT: return take_alias(r, ev);
	case YAML_SCALAR_EVENT: return take_scalar(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		check_decoration(r, ev, ev->data.sequence_start.anchor,
				 ev->data.sequence_start.tag);
		return open_collection(r, ev, NODE_LIST,
				       ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
	case YAML_MAPPING_START_EVENT:
		check_decoration(r, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		return open_collection(r, ev, NODE_MAP,
				       ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: close_collection(r); return 0;
	}
	return 0;
}

static int syntax_fault(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct yaml_fault f = {
		.problem = p->problem,
		.context = p->context,
		.line = p->problem_mark.line,
		.col = p->problem_mark.column,
		.context_line = p->context_mark.line,
		.context_col = p->context_mark.column,
	};

	if (p->error == YAML_MEMORY_ERROR)
		mem_abort();
	if (r->depth && r->frames[r->depth - 1].is_flow) {
		f.open_line = r->frames[r->depth - 1].node->line;
		f.open_col = r->frames[r->depth - 1].node->col;
	}
	doc_fault_add(r->doc, &f);
	return -ERR_INVALID;
}

static int read_events(struct reader *r)
{
	bool at_end = false;

	while (!at_end) {
		yaml_event_t ev;
		int res;

		if (!yaml_parser_parse(&r->parser, &ev))
			return syntax_fault(r);
		at_end = ev.type == YAML_STREAM_END_EVENT;
		res = take_event(r, &ev);
		yaml_event_delete(&ev);
		if (res < 0)
			return res;
	}
	return 0;
}

/* A root that is no map; "key:value" without a space is the usual reason. */
static int refuse_root(struct doc *doc)
{
	const struct node *root = doc->root;

	if (!root || (root->type == NODE_NULL && root->plain && !*root->text)) {
		doc_problem_add_at(doc, 1, 1, 0,
				   "the file is empty; it would mean nothing is wanted");
		doc_problem_hint(doc, "write {} if an empty state is really meant");
		return -ERR_INVALID;
	}
	doc_problem_add(doc, root, false, "a state file must be a map (\"key: value\"), found %s",
			doc_type_name(root->type));
	if (root->type == NODE_STRING && root->plain && strchr(root->text, ':'))
		doc_problem_hint(doc, "a space is needed after the \":\"");
	return -ERR_INVALID;
}

int doc_yaml_read(struct doc *doc)
{
	struct reader r = { .doc = doc, .arena = { .ctx = doc } };
	int res;

	if (!yaml_parser_initialize(&r.parser))
		mem_abort();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)doc->source,
				     doc->source_len);
	res = read_events(&r);
	yaml_parser_delete(&r.parser);
	if (r.children)
		(void)talloc_free(r.children);
	if (res == 0 && (!doc->root || doc->root->type != NODE_MAP))
		res = refuse_root(doc);
	return res;
}
