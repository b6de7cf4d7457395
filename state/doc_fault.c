#include <limits.h>
#include <string.h>

#include "base/macro.h"
#include "state/doc_internal.h"

#define ITEMS_HINT "the items of one list start with \"- \" in the same column"

/* libyaml's words (parts of its messages) and ours. The first row that fits is taken. */
struct rule {
	const char *problem, *context; /* NULL: any */
	const char *message, *hint;
	const char *since; /* names the line on which the construct starts */
	bool at_context;   /* the place where the construct starts says more */
};

static const struct rule rules[] = {
	{ "found a tab character", NULL, DOC_MSG_TAB, DOC_HINT_TAB, NULL, false },
	{ "could not find expected ':'", "simple key",
	  "this line is neither \"key: value\" nor \"- item\"",
	  "a key is followed by a colon and a space", NULL, true },
	{ "mapping values are not allowed", NULL, "a \":\" is not expected here",
	  "quote a text that contains \": \"; else check the indentation of this line", NULL,
	  false },
	{ "did not find expected key", "block mapping", "this line does not fit the map around it",
	  "the keys of one map start in the same column", "the map", false },
	{ "did not find expected '-' indicator", NULL, "this line does not fit the list around it",
	  ITEMS_HINT, "the list", false },
	{ "did not find expected ',' or '}'", NULL, "a \",\" or \"}\" is missing before this",
	  "a text with special characters needs quotes", "the \"{\"", false },
	{ "did not find expected ',' or ']'", NULL, "a \",\" or \"]\" is missing before this",
	  "a text with special characters needs quotes", "the \"[\"", false },
	{ "found unexpected end of stream", "quoted scalar",
	  "the quoted text that starts here is never closed", NULL, NULL, true },
	{ "found unexpected document indicator", "quoted scalar",
	  "the quoted text that starts here is not closed before the next document", NULL, NULL,
	  true },
	{ "found unknown escape character", NULL, "there is no such escape in double quotes",
	  "write \\\\ for a backslash, or use single quotes", NULL, false },
	{ "did not find expected hexdecimal number", NULL,
	  "this escape needs hexadecimal digits, as in \\x41 or \\u0041",
	  "write \\\\ for a backslash, or use single quotes", NULL, false },
	{ "found invalid Unicode character escape code", NULL,
	  "this escape stands for no character",
	  "write the character itself; pairs such as \\ud83d\\ude00 are not YAML", NULL, false },
	{ "did not find expected alphabetic", "alias", DOC_MSG_ANCHOR, DOC_HINT_ANCHOR, NULL,
	  true },
	{ "did not find expected alphabetic", "anchor", DOC_MSG_ANCHOR, DOC_HINT_ANCHOR, NULL,
	  true },
	{ "block sequence entries are not allowed", NULL,
	  "a list item (\"- \") is not expected here", "start the list on the line below its key",
	  NULL, false },
	{ "mapping keys are not allowed", NULL, "a \"?\" is not expected here",
	  "quote a text that starts with \"?\"", NULL, false },
	{ "did not find expected comment or line break", "block scalar",
	  "text is not allowed behind \"|\" or \">\"", "start the text on the next line", NULL,
	  false },
	{ "did not find expected node content", NULL, "a value is missing here", NULL, NULL,
	  false },
	{ "did not find expected <document start>", NULL,
	  "this does not belong to the document above", "check the indentation", NULL, false },
	{ NULL, "tag", DOC_MSG_TAG, DOC_HINT_TAG, NULL, true },
	{ "tag handle", NULL, DOC_MSG_TAG, DOC_HINT_TAG, NULL, false },
	{ NULL, "directive", DOC_MSG_DIRECTIVE, "remove it", NULL, false },
	{ "directive", NULL, DOC_MSG_DIRECTIVE, "remove it", NULL, false },
	{ "incompatible YAML document", NULL, DOC_MSG_DIRECTIVE, "remove it", NULL, false },
};

const char *doc_place(const char *source, int line, int col)
{
	const char *s = source;

	for (int l = 1; l < line; l++) {
		const char *end = strchr(s, '\n');

		if (!end)
			return s + strlen(s);
		s = end + 1;
	}
	for (int c = 1; c < col && *s && *s != '\n'; c++) {
		s++;
		while (((unsigned char)*s & 0xc0) == 0x80)
			s++;
	}
	return s;
}

static int one_based(size_t n)
{
	return n < INT_MAX ? (int)n + 1 : INT_MAX;
}

/* libyaml counts the end of a file without a newline as a line of its own: back to the last character. */
static struct yaml_fault within(const struct doc *doc, const struct yaml_fault *f)
{
	struct yaml_fault in = *f;
	const char *s = doc->source;
	const char *last = s;
	size_t lines = 0;

	for (const char *nl = strchr(s, '\n'); nl && lines < f->line; nl = strchr(last, '\n')) {
		last = nl + 1;
		lines++;
	}
	if (lines == f->line)
		return in;
	in.line = lines;
	in.col = 0;
	for (; *last; last++)
		in.col += ((unsigned char)*last & 0xc0) != 0x80;
	return in;
}

static const struct rule *rule_find(const char *problem, const char *context)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *rule = &rules[i];

		if (rule->problem && !strstr(problem, rule->problem))
			continue;
		if (rule->context && !strstr(context, rule->context))
			continue;
		return rule;
	}
	return NULL;
}

/* A tab among the blanks at the start of the line; libyaml trips over it in many ways. */
static int indent_tab(const char *source, int line)
{
	const char *s = doc_place(source, line, 1);
	size_t blanks = strspn(s, " ");

	return s[blanks] == '\t' ? (int)blanks + 1 : 0;
}

/* At the end of the file the open bracket is the place to show. */
static bool add_unclosed(struct doc *doc, const struct yaml_fault *f, const char *context)
{
	const char *s = doc_place(doc->source, one_based(f->line), one_based(f->col));

	if (!f->open_line || s[strspn(s, " \t\r\n")] || strstr(context, "quoted"))
		return false;
	s = doc_place(doc->source, f->open_line, f->open_col);
	if (*s != '[' && *s != '{')
		return false;
	doc_problem_add_at(doc, f->open_line, f->open_col, 1, "this \"%c\" is never closed", *s);
	return true;
}

/* Faults that the character at the place explains better than libyaml's words. */
static bool add_bad_char(struct doc *doc, const struct yaml_fault *f, const char *problem)
{
	char c = *doc_place(doc->source, one_based(f->line), one_based(f->col));
	int line = one_based(f->line);
	int col = one_based(f->col);

	if (c == ':' && strstr(problem, "did not find expected key")) {
		doc_problem_add_at(doc, line, col, 1, "a key is missing before the \":\"");
		return true;
	}
	if (c == '-' && strstr(problem, "did not find expected key")) {
		doc_problem_add_at(doc, line, col, 1, "this does not fit the list above it");
		doc_problem_hint(doc, "%s", ITEMS_HINT);
		return true;
	}
	if (!strstr(problem, "cannot start any token") || (c < ' ' && c != '\t'))
		return false;
	if (c == '\t') {
		doc_problem_add_at(doc, line, col, 1, "a tab is not allowed here; use spaces");
		return true;
	}
	doc_problem_add_at(doc, line, col, 1, "a text cannot start with \"%c\" here", c);
	doc_problem_hint(doc, "quote it");
	return true;
}

void doc_fault_add(struct doc *doc, const struct yaml_fault *fault)
{
	const struct yaml_fault in_file = within(doc, fault);
	const struct yaml_fault *f = &in_file;
	const char *problem = f->problem ? f->problem : "";
	const char *context = f->context ? f->context : "";
	const struct rule *rule = rule_find(problem, context);
	bool at_context = rule && rule->at_context;
	int line = one_based(at_context ? f->context_line : f->line);
	int col = one_based(at_context ? f->context_col : f->col);
	int tab = f->open_line ? 0 : indent_tab(doc->source, one_based(f->line));

	if (tab) {
		doc_problem_add_at(doc, one_based(f->line), tab, 1, DOC_MSG_TAB);
		doc_problem_hint(doc, DOC_HINT_TAB);
		return;
	}
	if (add_unclosed(doc, f, context) || add_bad_char(doc, f, problem))
		return;
	if (!rule) {
		doc_problem_add_at(doc, line, col, 1, "this is not YAML: %s%s%s", context,
				   *context ? ", " : "", problem);
		return;
	}
	if (rule->since && f->context_line != f->line)
		doc_problem_add_at(doc, line, col, 1, "%s (%s starts on line %d)", rule->message,
				   rule->since, one_based(f->context_line));
	else
		doc_problem_add_at(doc, line, col, 1, "%s", rule->message);
	if (rule->hint)
		doc_problem_hint(doc, "%s", rule->hint);
}
