/*
 * The words of the format: which a place takes, and what to say about one
 * that it does not take.
 */
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "model/check.h"
#include "state/statefile_internal.h"

enum {
	WORDS_MAX = 96, /* sections and fields that one place takes */
	BEGINNING_MIN = 3
};

const struct kind *kind_above(const struct kind *k)
{
	const struct field *parent = kind_parent(k);

	return parent ? parent->ref : NULL;
}

bool kind_has_children(const struct kind *k)
{
	KIND_FOREACH(child) {
		if (kind_above(child) == k)
			return true;
	}
	return false;
}

const struct field *kind_single_field(const struct kind *k)
{
	const struct field *only = NULL;

	FIELD_FOREACH(f, k) {
		if (f->flags & (FIELD_KEY | FIELD_PARENT | FIELD_DERIVED))
			continue;
		if (only || !(f->flags & FIELD_REQUIRED))
			return NULL;
		only = f;
	}
	return kind_own_keys(k) == 1 && !kind_has_children(k) ? only : NULL;
}

bool field_is_written(const struct kind *k, const struct field *f)
{
	if (f->flags & (FIELD_PARENT | FIELD_DERIVED))
		return false;
	return !(f->flags & FIELD_KEY) || kind_own_keys(k) > 1;
}

bool section_find(const struct kind *parent, const char *word)
{
	KIND_FOREACH(k) {
		if (kind_above(k) == parent && strcmp(k->section, word) == 0)
			return true;
	}
	return false;
}

void mapper_problem(struct mapper *m, struct spot spot, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = talloc_vasprintf(m->sf, fmt, ap);
	va_end(ap);
	if (!text)
		mem_abort();
	m->n_problems++;
	doc_problem_add(m->at->doc, spot.node, spot.on_key, "%s", text);
	(void)talloc_free(text);
}

void mapper_hint(struct mapper *m, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = talloc_vasprintf(m->sf, fmt, ap);
	va_end(ap);
	if (!text)
		mem_abort();
	doc_problem_hint(m->at->doc, "%s", text);
	(void)talloc_free(text);
}

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

static void add_word(struct words *w, const char *word)
{
	if (w->n < WORDS_MAX)
		w->v[w->n++] = word;
}

/* What may stand at a K, or, without one, at the left edge of a file. */
static void words_of(struct words *w, const struct kind *k)
{
	*w = (struct words){ 0 };
	if (!k)
		add_word(w, STATEFILE_HEAD);
	for (size_t i = 0; k && i < k->n_fields; i++) {
		if (field_is_written(k, &k->fields[i]))
			add_word(w, k->fields[i].name);
	}
	if (k && kind_own_keys(k) > 1)
		add_word(w, STATEFILE_DELETE);
	KIND_FOREACH(child) {
		if (kind_above(child) == k)
			add_word(w, child->section);
	}
}

static const char *joined(const void *ctx, const struct words *w)
{
	struct buf b = BUF_ON(ctx);

	for (size_t i = 0; i < w->n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", w->v[i]);
	return buf_str(&b);
}

const char *word_article(const char *word)
{
	return strchr("aeiou", word[0]) ? "an" : "a";
}

/* "records" at an account: a section, but of another kind. True if a hint was given. */
static bool hint_elsewhere(struct mapper *m, const char *word, const struct kind *here)
{
	KIND_FOREACH(k) {
		const struct kind *above = kind_above(k);

		if (strcmp(k->section, word) != 0 || above == here)
			continue;
		if (above)
			mapper_hint(m, "\"%s\" stands inside %s %s", word,
				    word_article(above->name), above->name);
		else
			mapper_hint(m, "\"%s\" stands at the left edge of the file", word);
		return true;
	}
	return false;
}

static void unknown_word(struct mapper *m, const struct kind *k, const char *word,
			 const struct node *value, const struct words *allowed)
{
	const char *best = nearest(word, allowed->v, allowed->n);

	for (size_t i = 0; i < allowed->n && !best; i++) { /* quota: quota_mb */
		if (strlen(word) >= BEGINNING_MIN &&
		    strncmp(allowed->v[i], word, strlen(word)) == 0)
			best = allowed->v[i];
	}

	mapper_problem(m, (struct spot){ .node = value, .on_key = true },
		       k ? "unknown field %s of %s %s" : "unknown section %s", text_quoted(word).s,
		       k ? word_article(k->name) : "", k ? k->name : "");
	if (best)
		mapper_hint(m, "did you mean \"%s\"?", best);
	else if (!hint_elsewhere(m, word, k))
		mapper_hint(m, "allowed are %s", joined(m->sf, allowed));
}

void mapper_unknown(struct mapper *m, const struct kind *k, const char *word,
		    const struct node *value)
{
	const struct field *f = k ? kind_field(k, word) : NULL;
	struct spot spot = { .node = value, .on_key = true };
	struct words words;

	if (f && (f->flags & FIELD_DERIVED)) {
		mapper_problem(m, spot, "%s: follows from other fields and cannot be written",
			       f->name);
	} else if (f && (f->flags & FIELD_PARENT)) {
		mapper_problem(m, spot, "%s: follows from the place in the file", f->name);
		mapper_hint(m, "remove it");
	} else if (f) {
		mapper_problem(m, spot, "%s: is the key above already", f->name);
		mapper_hint(m, "remove it");
	} else {
		words_of(&words, k);
		unknown_word(m, k, word, value, &words);
	}
}
