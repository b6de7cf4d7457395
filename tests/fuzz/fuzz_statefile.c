/*
 * State files with any bytes, up to the store: no crash; a refusal leaves an
 * empty change set, has a message and renders as text; what is taken applies
 * or gives problems that render too, and rolling back leaves the store as it
 * was. What applied exports, and the export reads back as no change.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "state/export.h"
#include "state/statefile.h"
#include "state/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_problems(const void *ctx, struct statefile *sf)
{
	struct buf out = BUF_ON(ctx);

	statefile_render_problems(&out, sf, 0);
	need(strstr(buf_str(&out), "error: ") != NULL);
	for (size_t i = 0; i < out.len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(out.data + i, out.len - i, &cp);

		need(n > 0 && (cp == '\n' || utf8_is_shown(cp)));
		i += n;
	}
}

static int read_text(const void *ctx, struct store *s, const char *text, size_t len,
		     struct changeset *cs, struct statefile **sf)
{
	struct statefile_source source = { .data = text, .len = len };
	struct statefile_input in = { .sources = &source,
				      .n_sources = 1,
				      .root_fd = -1,
				      .store = s,
				      .flags = STATEFILE_NO_REFERENCES };
	struct err err = ERR_INIT;
	int r;

	*cs = (struct changeset){ .ctx = ctx };
	r = statefile_read(ctx, &in, cs, sf, &err);
	need(r >= 0 || (cs->n == 0 && err.msg[0] != '\0'));
	return r;
}

static int apply(const void *ctx, struct store *s, const struct changeset *cs, struct statefile *sf)
{
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .actor = "fuzz", .source = "fuzz", .time = 1 };
	struct err err = ERR_INIT;
	int r = store_apply(s, cs, &rev, &problems, &err);

	need(r != -ERR_SYSTEM && r != -ERR_CORRUPT);
	if (r < 0) {
		statefile_add_problems(sf, cs, &problems);
		check_problems(ctx, sf);
	}
	return r;
}

/* The transaction is open: what stands in it exports and reads back as itself. */
static void check_export(const void *ctx, struct store *s)
{
	struct export_options o = { .store = s, .with_secrets = true };
	struct changeset cs;
	struct statefile *sf = NULL;
	struct buf text = BUF_ON(ctx);
	struct buf again = BUF_ON(ctx);
	struct store *other = NULL;
	struct err err = ERR_INIT;

	need(export_all(&text, &o, &err) == 0);
	need(store_open(ctx, ":memory:", false, &other, &err) == 0);
	need(read_text(ctx, other, buf_str(&text), text.len, &cs, &sf) == 0);
	if (apply(ctx, other, &cs, sf) <= 0)
		return; /* a state without anything */
	o.store = other;
	need(export_all(&again, &o, &err) == 0);
	need(strcmp(buf_str(&text), buf_str(&again)) == 0);
	store_rollback(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct changeset cs;
	struct statefile *sf = NULL;
	struct store *s = NULL;
	struct err err = ERR_INIT;
	int64_t head = -1;

	need(store_open(ctx, ":memory:", false, &s, &err) == 0);
	if (read_text(ctx, s, (const char *)data, size, &cs, &sf) < 0) {
		check_problems(ctx, sf);
		return 0;
	}
	if (apply(ctx, s, &cs, sf) > 0) {
		check_export(ctx, s);
		store_rollback(s);
	}
	need(store_head(s, &head, &err) == 0 && head == 0);
	return 0;
}
