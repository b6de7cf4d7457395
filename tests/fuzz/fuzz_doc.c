/*
 * The state-file reader with any bytes: no crash; a refusal has a message and
 * a place within the file, and renders; what is accepted is written by yamlw
 * and reads back as the same tree, and writing that again gives the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "state/doc.h"
#include "state/utf8.h"
#include "state/yamlw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
	if (!holds)
		abort();
}

/* LINE:COL is a character of the source or the end of one of its lines. */
static void check_place(const struct doc *doc, const struct doc_problem *p)
{
	const char *s = doc->source;
	const char *end = s + doc->source_len;
	int cols = 1;

	need(p->line >= 1 && p->col >= 1);
	for (int line = 1; line < p->line; line++) {
		s = memchr(s, '\n', (size_t)(end - s));
		need(s != NULL);
		s++;
	}
	for (; s < end && *s != '\n'; s++)
		cols += ((unsigned char)*s & 0xc0) != 0x80;
	need(p->col <= cols);
}

static void check_refusal(struct doc *doc, const struct err *err)
{
	struct buf out = BUF_ON(doc);

	need(doc && err->msg[0] && err->path[0] && doc->n_problems > 0 && !doc->root);
	for (size_t i = 0; i < doc->n_problems; i++)
		check_place(doc, &doc->problems[i]);
	doc_problems_render(&out, doc, 0);
	for (size_t i = 0; i < out.len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(out.data + i, out.len - i, &cp);

		need(n > 0 && (cp == '\n' || utf8_is_shown(cp)));
		i += n;
	}
}

static void write_tree(struct buf *out, const struct doc *doc)
{
	struct yamlw w = YAMLW_ON(out);

	yamlw_node(&w, doc->root);
	need(yamlw_done(&w, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct buf once = BUF_ON(ctx);
	struct buf again = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct doc *doc = NULL;
	struct doc *back = NULL;

	if (doc_read(ctx, "f.yaml", (const char *)data, size, &doc, &err) < 0) {
		check_refusal(doc, &err);
		return 0;
	}
	write_tree(&once, doc);
	need(doc_read(ctx, "back.yaml", buf_str(&once), once.len, &back, &err) == 0);
	need(doc_same(doc->root, back->root));
	write_tree(&again, back);
	need(once.len == again.len && memcmp(once.data, again.data, once.len) == 0);
	return 0;
}
