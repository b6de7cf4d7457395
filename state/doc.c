#include "state/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "state/doc_internal.h"
#include "state/utf8.h"

static const char bom[] = "\xef\xbb\xbf";

const char *doc_short(struct doc *doc, const char *text)
{
	size_t len = strlen(text);
	size_t cut = utf8_cut(text, len, 60);

	return cut == len ? text : mem_fmt(doc, "%.*s...", (int)cut, text);
}

const char *doc_type_name(enum node_type type)
{
	switch (type) {
	case NODE_NULL: return "nothing (null)";
	case NODE_BOOL: return "true or false";
	case NODE_INT: return "a number";
	case NODE_STRING: return "a text";
	case NODE_MAP: return "a map";
	case NODE_LIST: return "a list";
	}
	return "?";
}

static struct node *find_sorted(const struct node *map, const char *key)
{
	size_t low = 0;
	size_t high = map->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct member *m = &map->members[map->sorted[mid]];
		int order = strcmp(key, m->key);

		if (order == 0)
			return m->value;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

struct node *doc_get(const struct node *node, const char *key)
{
	if (!node || node->type != NODE_MAP)
		return NULL;
	if (node->sorted)
		return find_sorted(node, key);
	for (size_t i = 0; i < node->n; i++)
		if (strcmp(node->members[i].key, key) == 0)
			return node->members[i].value;
	return NULL;
}

/* Recursion ends at DOC_DEPTH_MAX. */
bool doc_same(const struct node *a, const struct node *b)
{
	if (a->type != b->type || a->n != b->n)
		return false;
	switch (a->type) {
	case NODE_NULL: return true;
	case NODE_BOOL: return a->flag == b->flag;
	case NODE_INT: return a->num == b->num;
	case NODE_STRING: return strcmp(a->text, b->text) == 0;
	case NODE_MAP:
		for (size_t i = 0; i < a->n; i++)
			if (strcmp(a->members[i].key, b->members[i].key) != 0 ||
			    !doc_same(a->members[i].value, b->members[i].value))
				return false;
		return true;
	case NODE_LIST:
		for (size_t i = 0; i < a->n; i++)
			if (!doc_same(a->items[i], b->items[i]))
				return false;
		return true;
	}
	return false;
}

/* What is only counted is not formatted either: a hostile file can have a million problems. */
format_(5, 0) static void add(struct doc *doc, int line, int col, int len, const char *fmt,
			      va_list ap)
{
	char *message;

	if (doc->n_problems == DOC_PROBLEMS_MAX) {
		doc->n_dropped++;
		return;
	}
	message = talloc_vasprintf(doc, fmt, ap);
	if (!message)
		mem_abort();
	mem_room(doc, &doc->problems, &doc->problems_cap, doc->n_problems, sizeof(*doc->problems));
	doc->problems[doc->n_problems++] =
		(struct doc_problem){ .line = line, .col = col, .len = len, .message = message };
}

void doc_problem_add(struct doc *doc, const struct node *node, bool on_key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (on_key && node->key_line)
		add(doc, node->key_line, node->key_col, node->key_len, fmt, ap);
	else
		add(doc, node->line, node->col, node->len, fmt, ap);
	va_end(ap);
}

void doc_problem_add_at(struct doc *doc, int line, int col, int len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(doc, line, col, len, fmt, ap);
	va_end(ap);
}

void doc_problem_hint(struct doc *doc, const char *fmt, ...)
{
	va_list ap;
	char *hint;

	if (doc->n_problems == 0 || doc->n_dropped)
		return;
	va_start(ap, fmt);
	hint = talloc_vasprintf(doc, fmt, ap);
	va_end(ap);
	if (!hint)
		mem_abort();
	doc->problems[doc->n_problems - 1].hint = hint;
}

/* By place; two problems of one place stay in the order in which they were added. */
static int by_place(const void *a, const void *b)
{
	const struct doc_problem *x = a;
	const struct doc_problem *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->col < y->col ? -1 : x->col > y->col;
}

static void sort_problems(struct doc *doc)
{
	for (size_t i = 1; i < doc->n_problems; i++) {
		struct doc_problem p = doc->problems[i];
		size_t at = i;

		for (; at > 0 && by_place(&doc->problems[at - 1], &p) > 0; at--)
			doc->problems[at] = doc->problems[at - 1];
		doc->problems[at] = p;
	}
}

int doc_problems_err(struct doc *doc, enum err_code code, struct err *err)
{
	const struct doc_problem *p;
	char place[ERR_PATH_MAX];
	size_t more = doc->n_problems + doc->n_dropped;
	size_t name_len = strlen(doc->file);
	size_t name_max = ERR_PATH_MAX - 32;
	const char *name = doc->file;
	char count[48] = "";

	if (doc->n_problems == 0)
		return 0;
	sort_problems(doc);
	p = &doc->problems[0];
	if (name_len > name_max)
		name += name_len - name_max; /* the end of a path says more than its start */
	(void)snprintf(place, sizeof(place), "%s:%d:%d", name, p->line, p->col);
	if (more > 1)
		(void)snprintf(count, sizeof(count), " (and %zu more)", more - 1);
	return err_at(err, code, place, "%s%s%s%s", p->message, p->hint ? ": " : "",
		      p->hint ? p->hint : "", count);
}

void doc_problems_render(struct buf *out, struct doc *doc, unsigned flags)
{
	sort_problems(doc);
	for (size_t i = 0; i < doc->n_problems; i++) {
		doc_error_render(out, doc->file, doc->source, &doc->problems[i], flags);
		buf_putc(out, '\n');
	}
	if (doc->n_problems + doc->n_dropped == 1)
		buf_puts(out, "1 problem\n");
	else
		buf_printf(out, "%zu problems", doc->n_problems + doc->n_dropped);
	if (doc->n_dropped)
		buf_printf(out, ", the first %zu are shown", doc->n_problems);
	if (doc->n_problems + doc->n_dropped != 1)
		buf_putc(out, '\n');
}

/* A character of several bytes, or one that does not decode: allowed, or a problem at LINE. */
static int check_wide(struct doc *doc, size_t at, int line, size_t line_start, size_t *ret_len)
{
	const char *s = doc->source;
	uint32_t cp = 0;
	size_t n = utf8_decode(s + at, doc->source_len - at, &cp);
	int col = 1;

	*ret_len = n;
	if (n && cp > 0x9f && cp != 0x2028 && cp != 0x2029 && cp != 0xfeff && cp != 0xfffe &&
	    cp != 0xffff)
		return 0;
	for (size_t i = line_start; i < at; i++)
		col += ((unsigned char)s[i] & 0xc0) != 0x80;
	if (n == 0) {
		doc_problem_add_at(doc, line, col, 1, "the byte 0x%02x is not valid UTF-8",
				   (unsigned char)s[at]);
		if (at == 0 && (strncmp(s, "\xff\xfe", 2) == 0 || strncmp(s, "\xfe\xff", 2) == 0))
			doc_problem_hint(doc, "the file looks like UTF-16; save it as UTF-8");
		else
			doc_problem_hint(doc, "save the file as UTF-8");
	} else if (cp == 0xfeff) {
		doc_problem_add_at(doc, line, col, 1,
				   "a byte order mark (U+FEFF) stands inside the file");
		doc_problem_hint(doc,
				 "remove this invisible character; perhaps two files were joined");
	} else {
		doc_problem_add_at(doc, line, col, 1, "the control character U+%04X is not allowed",
				   cp);
		doc_problem_hint(doc, "remove it, or write \"\\u%04x\" in double quotes", cp);
	}
	return -ERR_INVALID;
}

static int refuse_control(struct doc *doc, unsigned char c, int line, size_t line_start, size_t at)
{
	int col = 1;

	for (size_t i = line_start; i < at; i++)
		col += ((unsigned char)doc->source[i] & 0xc0) != 0x80;
	if (c == '\0') {
		doc_problem_add_at(doc, line, col, 1, "a NUL byte: this is not a text file");
		doc_problem_hint(doc, "if it was saved as UTF-16, save it as UTF-8");
	} else if (c == '\r') {
		doc_problem_add_at(doc, line, col, 1,
				   "a carriage return without a line feed is not allowed");
		doc_problem_hint(doc, "end lines with LF or CRLF");
	} else {
		doc_problem_add_at(doc, line, col, 1, "the control character U+%04X is not allowed",
				   c);
		doc_problem_hint(doc, "remove it, or write \"\\x%02x\" in double quotes", c);
	}
	return -ERR_INVALID;
}

/*
 * What libyaml's reader would refuse, in our words, and what would make it count lines otherwise
 * than an editor does (a lone CR, U+0085, U+2028): after this check a line ends at "\n" only.
 */
static int check_text(struct doc *doc)
{
	const char *s = doc->source;
	size_t line_start = 0;
	int line = 1;

	for (size_t i = 0; i < doc->source_len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = 1;

		if (c == '\n') {
			line++;
			line_start = i + 1;
		} else if (c >= 0x80) {
			int r = check_wide(doc, i, line, line_start, &n);

			if (r < 0)
				return r;
		} else if (c == 0x7f ||
			   (c < 0x20 && c != '\t' && !(c == '\r' && s[i + 1] == '\n'))) {
			return refuse_control(doc, c, line, line_start, i);
		}
		i += n;
	}
	return 0;
}

/* DATA is a talloc chunk that DOC takes over. */
static int parse(struct doc *doc, char *data, size_t len, struct err *err)
{
	size_t skip = len >= 3 && memcmp(data, bom, 3) == 0 ? 3 : 0;
	int r;

	(void)_talloc_steal_loc(doc, data, "doc");
	doc->source = data + skip;
	doc->source_len = len - skip;
	r = check_text(doc);
	if (r == 0)
		r = doc_yaml_read(doc);
	if (r == 0 && doc->n_problems)
		r = -ERR_INVALID;
	if (r < 0) {
		doc->root = NULL;
		return doc_problems_err(doc, (enum err_code) - r, err);
	}
	return 0;
}

int doc_read(const void *ctx, const char *file_name, const char *data, size_t len, struct doc **ret,
	     struct err *err)
{
	struct doc *doc;

	if (len > DOC_FILE_MAX)
		return err_at(err, ERR_TOOBIG, file_name,
			      "the state file has %zu bytes, at most %d are read", len,
			      DOC_FILE_MAX);
	doc = mem_new(ctx, struct doc);
	doc->file = mem_str(doc, file_name);
	*ret = doc;
	return parse(doc, mem_dup(doc, data, len), len, err);
}

int doc_read_file(const void *ctx, int root_fd, const char *path, struct doc **ret, struct err *err)
{
	struct doc *doc = mem_new(ctx, struct doc);
	size_t len;
	char *data;
	int r = fs_read(doc, root_fd, path, DOC_FILE_MAX, 0, &data, &len, err);

	if (r < 0) {
		(void)talloc_free(doc);
		if (err && !err->path[0])
			(void)snprintf(err->path, sizeof(err->path), "%s", path);
		return r;
	}
	doc->file = mem_str(doc, path);
	*ret = doc;
	return parse(doc, data, len, err);
}
