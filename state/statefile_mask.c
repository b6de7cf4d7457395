/*
 * Messages show the line at fault, and that line may hold a password. Before
 * anything is shown, secrets in a document's text become stars, at the same
 * places, so that carets stay right. Where the document was read, its nodes
 * say what is a secret; where it was not, lines and words have to.
 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "state/doc_internal.h"
#include "state/statefile_internal.h"

enum {
	SECRET_WORDS_MAX = 32
};

/* From a place up to, not including, another; from 1. */
struct range {
	int line, col, end_line, end_col;
};

struct mask {
	const struct doc *doc;
	void *tmp;
	const char
		*words[SECRET_WORDS_MAX]; /* names of secret fields, and what people mean by them */
	size_t n_words;
	struct range *ranges;
	size_t n, cap;
	bool is_open; /* the last range ends where the next node begins */
};

static void find_words(struct mask *m)
{
	static const char *const others[] = { "passwd", "pass", "pwd", "secret", "token" };

	KIND_FOREACH(k) {
		FIELD_FOREACH(f, k) {
			if (f->type == FIELD_SECRET && m->n_words < SECRET_WORDS_MAX)
				m->words[m->n_words++] = f->name;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(others) && m->n_words < SECRET_WORDS_MAX; i++)
		m->words[m->n_words++] = others[i];
}

static bool is_secret_word(const struct mask *m, const char *word)
{
	return nearest(word, m->words, m->n_words) != NULL;
}

/* What may be seen of a reference: not what somebody wrote there by mistake. */
static bool is_reference(const char *word, const struct node *value)
{
	if (strcmp(word, "file") == 0 || strcmp(word, "digest") == 0)
		return true;
	return strcmp(word, "env") == 0 && value->type == NODE_STRING &&
	       strspn(value->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(value->text);
}

/* Nodes */

static void add_range(struct mask *m, int line, int col, int len)
{
	mem_room(m->tmp, &m->ranges, &m->cap, m->n, sizeof(*m->ranges));
	m->ranges[m->n++] = (struct range){ line, col, line, col + len };
	m->is_open = len == 0;
}

/* A text of several lines ends somewhere before the next node. */
static void arrive(struct mask *m, int line, int col)
{
	if (!m->is_open)
		return;
	m->ranges[m->n - 1].end_line = line;
	m->ranges[m->n - 1].end_col = col;
	m->is_open = false;
}

static void walk(struct mask *m, const struct node *node, bool is_secret);

static void walk_member(struct mask *m, const struct member *member, bool is_secret)
{
	static const char *const forms[] = { "hash", "file", "env", "pem", "digest" };
	const struct node *value = member->value;
	bool is_form = false;

	arrive(m, value->key_line, value->key_col);
	if (!is_secret) {
		walk(m, value, is_secret_word(m, member->key));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		is_form = is_form || strcmp(member->key, forms[i]) == 0;
	if (!is_form && value->key_len)
		add_range(m, value->key_line, value->key_col, value->key_len);
	walk(m, value, !is_reference(member->key, value));
}

/* Recursion ends at DOC_DEPTH_MAX. */
static void walk(struct mask *m, const struct node *node, bool is_secret)
{
	arrive(m, node->line, node->col);
	switch (node->type) {
	case NODE_NULL: break;
	case NODE_BOOL:
	case NODE_INT:
	case NODE_STRING:
		if (is_secret && *node->text)
			add_range(m, node->line, node->col, node->len);
		break;
	case NODE_MAP:
		for (size_t i = 0; i < node->n; i++)
			walk_member(m, &node->members[i], is_secret);
		break;
	case NODE_LIST:
		for (size_t i = 0; i < node->n; i++)
			walk(m, node->items[i], is_secret);
		break;
	}
}

/* Lines, for a document that could not be read */

struct line {
	const char *s;
	int len, indent;
};

static bool has(const struct line *l, const char *what)
{
	return memmem(l->s, (size_t)l->len, what, strlen(what)) != NULL;
}

static int columns(const char *s, int len)
{
	int n = 0;

	for (int i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* Behind the ":" of a secret's name, or -1. AT: where to look; moved behind the word. */
static int secret_value(const struct mask *m, const struct line *l, int *at)
{
	char word[NEAREST_WORD_MAX] = "";
	int start = *at;
	int end;

	while (start < l->len && !isalpha((unsigned char)l->s[start]))
		start++;
	for (end = start; end < l->len && (isalnum((unsigned char)l->s[end]) || l->s[end] == '_');)
		end++;
	*at = end;
	if (end == start || end - start >= NEAREST_WORD_MAX)
		return -1;
	memcpy(word, l->s + start, (size_t)(end - start));
	while (end < l->len && strchr("\"' ", l->s[end]))
		end++;
	if (end >= l->len || l->s[end] != ':')
		return -1;
	if (strcmp(word, "hash") != 0 && strcmp(word, "pem") != 0 && !is_secret_word(m, word))
		return -1;
	return end + 1;
}

static bool is_reference_text(const struct line *l, int at)
{
	while (at < l->len && strchr(" {\"", l->s[at]))
		at++;
	return strncmp(l->s + at, "file", 4) == 0 || strncmp(l->s + at, "digest", 6) == 0;
}

static void walk_lines(struct mask *m)
{
	const char *s = m->doc->source;
	int number = 0;
	int under = -1; /* lines indented more than this belong to a secret */
	bool in_pem = false;

	while (*s) {
		struct line l = { .s = s, .len = (int)strcspn(s, "\n") };
		bool is_blank;

		number++;
		is_blank = (int)strspn(s, " \t") == l.len;
		l.indent = (int)strspn(s, " ");
		if (s[l.indent] == '\t') /* its width is anybody's guess: taken for the deepest */
			l.indent = INT32_MAX;
		in_pem = in_pem || has(&l, "-----BEGIN");
		if (!is_blank && l.indent <= under)
			under = -1;
		if (in_pem || (under >= 0 && !is_blank))
			add_range(m, number, 1, columns(s, l.len));
		for (int at = 0; at < l.len && !in_pem && under < 0;) {
			int value = secret_value(m, &l, &at);

			if (value < 0 || is_reference_text(&l, value))
				continue;
			add_range(m, number, columns(s, value) + 1, columns(s, l.len));
			under = l.indent;
		}
		in_pem = in_pem && !has(&l, "-----END");
		s += l.len + (s[l.len] == '\n');
	}
	m->is_open = false;
}

/* The masked text */

static bool is_before(int line, int col, int end_line, int end_col)
{
	return line < end_line || (line == end_line && col < end_col);
}

static const char *masked(const struct mask *m)
{
	struct buf out = { .ctx = m->doc, .max = m->doc->source_len + 1 };
	const char *s = m->doc->source;
	int line = 1;
	int col = 1;

	for (size_t next = 0; *s; s++) {
		const struct range *r = next < m->n ? &m->ranges[next] : NULL;
		bool is_lead = ((unsigned char)*s & 0xc0) != 0x80;

		if (r && !is_before(line, col, r->end_line, r->end_col)) {
			next++;
			r = next < m->n ? &m->ranges[next] : NULL;
		}
		if (!r || isspace((unsigned char)*s) || is_before(line, col, r->line, r->col))
			buf_putc(&out, *s);
		else if (is_lead)
			buf_putc(&out, '*');
		if (*s == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)s[1] & 0xc0) != 0x80) {
			col++; /* counts the character that ends here */
		}
	}
	return buf_str(&out);
}

/* A message of the reader that begins with the text at its place: "0123" starts with 0… */
static void mask_message(struct doc *doc, struct doc_problem *p)
{
	const char *end = p->message[0] == '"' ? strchr(p->message + 1, '"') : NULL;

	if (end && p->line > 0 && *doc_place(doc->source, p->line, p->col) == '*')
		p->message = mem_fmt(doc, "\"***%s", end);
}

void statefile_mask(struct doc *doc)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "mask");
	struct mask m = { .doc = doc, .tmp = tmp };

	if (doc->n_problems == 0 || !*doc->source)
		return;
	find_words(&m);
	if (doc->root)
		walk(&m, doc->root, false);
	else
		walk_lines(&m);
	arrive(&m, INT32_MAX, 1);
	if (m.n == 0)
		return;
	doc->source = masked(&m);
	doc->source_len = strlen(doc->source);
	for (size_t i = 0; i < doc->n_problems; i++)
		mask_message(doc, &doc->problems[i]);
}
