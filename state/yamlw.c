#include "state/yamlw.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "state/doc_internal.h"
#include "state/utf8.h"

enum {
	SIMPLE_KEY_MAX = 1000 /* libyaml finds the ":" of a plain key only within 1024 characters */
};

enum style {
	PLAIN,
	QUOTED,
	BLOCK
};

static void indent(struct yamlw *w, int n)
{
	for (int i = 0; i < n; i++)
		buf_putc(w->out, ' ');
}

static struct yamlw_level *top(struct yamlw *w)
{
	return w->depth ? &w->level[w->depth - 1] : NULL;
}

/* Moves to where the next key or item of the innermost collection is written. */
static void next_child(struct yamlw *w)
{
	struct yamlw_level *l = top(w);
	const struct yamlw_level *up = w->depth > 1 ? &w->level[w->depth - 2] : NULL;

	if (l->n++ > 0) {
		indent(w, l->indent);
	} else if (up && up->is_list) {
		buf_putc(w->out, ' '); /* on the line of the "-" */
	} else if (up) {
		buf_putc(w->out, '\n');
		indent(w, l->indent);
	}
}

/* A value follows a key, or is an item. At the root only a map may stand. */
static void before_value(struct yamlw *w)
{
	struct yamlw_level *l = top(w);

	assert(l && (l->is_list || l->has_key));
	l->has_key = false;
	if (l->is_list) {
		next_child(w);
		buf_putc(w->out, '-');
	}
}

static void begin(struct yamlw *w, bool is_list)
{
	int at = 0;

	if (w->depth > 0) {
		before_value(w);
		at = top(w)->indent + 2;
	} else {
		assert(!is_list);
	}
	if (w->depth == DOC_DEPTH_MAX) {
		w->fault = "maps and lists are nested too deep";
		return;
	}
	w->level[w->depth++] = (struct yamlw_level){ .is_list = is_list, .indent = at };
}

void yamlw_map(struct yamlw *w)
{
	if (!w->fault)
		begin(w, false);
}

void yamlw_list(struct yamlw *w)
{
	if (!w->fault)
		begin(w, true);
}

void yamlw_end(struct yamlw *w)
{
	const struct yamlw_level *l = top(w);

	if (w->fault)
		return;
	assert(l && !l->has_key);
	w->depth--;
	if (l->n > 0)
		return;
	if (w->depth > 0)
		buf_putc(w->out, ' ');
	buf_puts(w->out, l->is_list ? "[]\n" : "{}\n");
}

static bool text_is_valid(struct yamlw *w, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max) {
		w->fault = "a text is too long for a state file";
		return false;
	}
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_decode(text + i, len - i, &cp);

		if (n == 0) {
			w->fault = "a text is not valid UTF-8";
			return false;
		}
		i += n;
	}
	return true;
}

/* What other readers take for a number, a date or a time; addresses with three dots are none. */
static bool is_numberish(const char *s)
{
	size_t dots = 0;

	if (!strchr("0123456789+-.", *s))
		return false;
	for (const char *p = s; *p; p++)
		dots += *p == '.';
	if (dots >= 3 && strspn(s, "0123456789.") == strlen(s))
		return false;
	return strspn(s, "0123456789+-.:_eETtZz ") == strlen(s);
}

/* Every character is shown as itself, or is one of ALSO. */
static bool is_shown(const char *s, const char *also)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s + i, len - i, &cp);

		if (!utf8_is_shown(cp) && (cp >= 0x80 || !strchr(also, (int)cp)))
			return false;
		i += n;
	}
	return true;
}

static bool is_plain(const char *s)
{
	struct scalar as = scalar_resolve(s);
	size_t len = strlen(s);
	unsigned char c = (unsigned char)s[0];
	bool starts_well = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || (c && strchr("/._$+(;^", c)) || c >= 0x80;

	if (as.type != NODE_STRING || as.fault || !starts_well || is_numberish(s))
		return false;
	if (s[len - 1] == ' ' || s[len - 1] == ':' || strncmp(s, "...", 3) == 0)
		return false;
	return !strstr(s, ": ") && !strstr(s, " #") && is_shown(s, "");
}

/*
 * Lines as they are: the text ends in exactly one newline, no line ends in a blank that an editor
 * would strip, and the first line does not leave the indentation in doubt.
 */
static bool is_block(const char *s)
{
	size_t len = strlen(s);

	if (len < 2 || s[len - 1] != '\n' || s[len - 2] == '\n' || strchr(" \t\n", *s))
		return false;
	return !strstr(s, " \n") && !strstr(s, "\t\n") && is_shown(s, "\n\t");
}

static void put_escaped(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	buf_putc(out, '"');
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s + i, len - i, &cp);

		switch (cp) {
		case '"': buf_puts(out, "\\\""); break;
		case '\\': buf_puts(out, "\\\\"); break;
		case '\n': buf_puts(out, "\\n"); break;
		case '\t': buf_puts(out, "\\t"); break;
		case '\r': buf_puts(out, "\\r"); break;
		default:
			if (utf8_is_shown(cp))
				buf_put(out, s + i, n);
			else if (cp < 0x100)
				buf_printf(out, "\\x%02x", cp);
			else if (cp < 0x10000)
				buf_printf(out, "\\u%04x", cp);
			else
				buf_printf(out, "\\U%08x", cp);
		}
		i += n;
	}
	buf_putc(out, '"');
}

static void put_block(struct yamlw *w, const char *s)
{
	int at = top(w)->indent + 2;

	buf_puts(w->out, "|\n");
	while (*s) {
		size_t n = strcspn(s, "\n");

		if (n)
			indent(w, at);
		buf_put(w->out, s, n + 1);
		s += n + 1;
	}
}

/* A long key needs the "?" form. */
void yamlw_key(struct yamlw *w, const char *key)
{
	struct yamlw_level *l = top(w);
	bool is_long =
		strlen(key) > SIMPLE_KEY_MAX / 4; /* an escape takes up to four characters a byte */

	if (w->fault || !text_is_valid(w, key, DOC_KEY_MAX))
		return;
	assert(l && !l->is_list && !l->has_key);
	next_child(w);
	if (is_long)
		buf_puts(w->out, "? ");
	if (is_plain(key))
		buf_puts(w->out, key);
	else
		put_escaped(w->out, key);
	if (is_long) {
		buf_putc(w->out, '\n');
		indent(w, l->indent);
	}
	buf_putc(w->out, ':');
	l->has_key = true;
}

static enum style style_of(const char *text)
{
	if (is_plain(text))
		return PLAIN;
	return is_block(text) ? BLOCK : QUOTED;
}

void yamlw_string(struct yamlw *w, const char *text)
{
	if (w->fault || !text_is_valid(w, text, DOC_SCALAR_MAX))
		return;
	before_value(w);
	buf_putc(w->out, ' ');
	switch (style_of(text)) {
	case PLAIN: buf_puts(w->out, text); break;
	case QUOTED: put_escaped(w->out, text); break;
	case BLOCK: put_block(w, text); return;
	}
	buf_putc(w->out, '\n');
}

static void put_word(struct yamlw *w, const char *word)
{
	if (w->fault)
		return;
	before_value(w);
	buf_putc(w->out, ' ');
	buf_puts(w->out, word);
	buf_putc(w->out, '\n');
}

void yamlw_int(struct yamlw *w, int64_t num)
{
	if (w->fault)
		return;
	before_value(w);
	buf_printf(w->out, " %" PRId64 "\n", num);
}

void yamlw_bool(struct yamlw *w, bool flag)
{
	put_word(w, flag ? "true" : "false");
}

void yamlw_null(struct yamlw *w)
{
	put_word(w, "null");
}

/* Recursion ends at DOC_DEPTH_MAX, which a read tree cannot pass. */
void yamlw_node(struct yamlw *w, const struct node *node)
{
	switch (node->type) {
	case NODE_NULL: yamlw_null(w); break;
	case NODE_BOOL: yamlw_bool(w, node->flag); break;
	case NODE_INT: yamlw_int(w, node->num); break;
	case NODE_STRING: yamlw_string(w, node->text); break;
	case NODE_MAP:
		yamlw_map(w);
		for (size_t i = 0; i < node->n; i++) {
			yamlw_key(w, node->members[i].key);
			yamlw_node(w, node->members[i].value);
		}
		yamlw_end(w);
		break;
	case NODE_LIST:
		yamlw_list(w);
		for (size_t i = 0; i < node->n; i++)
			yamlw_node(w, node->items[i]);
		yamlw_end(w);
		break;
	}
}

int yamlw_done(const struct yamlw *w, struct err *err)
{
	if (w->fault)
		return err_set(err, ERR_INVALID, "%s", w->fault);
	assert(w->depth == 0);
	if (w->out->over)
		return err_set(err, ERR_TOOBIG, "the state does not fit into %zu bytes",
			       w->out->max);
	return 0;
}
