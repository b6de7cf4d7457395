#include "reconciler/archive.h"

#include <inttypes.h>
#include <string.h>

struct batch {
	void *ctx;
	struct history_change *v;
	size_t n, cap;
};

static void add(struct batch *b, const char *path, const void *data, size_t len)
{
	mem_room(b->ctx, &b->v, &b->cap, b->n, sizeof(*b->v));
	b->v[b->n++] = (struct history_change){ .path = path, .data = data, .len = len };
}

static bool is_text(const struct action *a)
{
	return a->art.type == ARTIFACT_FILE || a->art.type == ARTIFACT_BLOCK;
}

/* Path in the repository: the one on the machine. Rows of maps stand one file a row. */
static const char *place(struct batch *b, const struct action *a)
{
	return mem_str(b->ctx, a->art.path + 1);
}

static const char *secret_text(struct batch *b, struct engine *e, const void *data, size_t len,
			       struct err *err)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d;
	char *key;
	size_t key_len;

	if (engine_node_key(b->ctx, e, &key, &key_len, err) < 0)
		return NULL;
	d = digest_keyed(key, key_len, data, len);
	digest_hex(&d, hex);
	return mem_fmt(b->ctx, "secret content, keyed digest %.32s\n", hex);
}

static int commit(struct plan *p, struct batch *b, const char *author, const char *message,
		  struct err *err)
{
	char digest[DIGEST_HEX_LEN + 1];
	struct digest d = plan_digest(p);
	char oid[HISTORY_OID_LEN + 1];
	struct history_meta meta = { .author = author,
				     .email = "engine@novacpx.invalid",
				     .time = p->now,
				     .message = message,
				     .revision = p->rev,
				     .plan = digest };
	int r;

	digest_hex(&d, digest);
	if (b->n == 0)
		return 0;
	r = history_commit(p->e->history, "live", b->v, b->n, &meta, oid, err);
	return r < 0 ? r : 0;
}

int archive_live(struct plan *p, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "archive");
	struct batch found = { .ctx = ctx };
	struct batch made = { .ctx = ctx };
	struct revision rev = { .actor = "engine" };
	struct err ignored = ERR_INIT;
	int r;

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];
		const char *text = a->art.data ? a->art.data : "";
		size_t len = a->art.len;

		if (!is_text(a) || !a->is_done || a->op == ACTION_RECORD ||
		    a->op == ACTION_FORGET || (a->art.flags & ARTIFACT_ONCE))
			continue;
		if (a->is_drift && a->before && !(a->art.flags & ARTIFACT_SECRET))
			add(&found, place(&found, a), a->before, a->before_len);
		if (a->op == ACTION_DELETE && a->art.type == ARTIFACT_FILE) {
			add(&made, place(&made, a), NULL, 0);
			continue;
		}
		if (a->art.flags & ARTIFACT_SECRET) {
			text = secret_text(&made, p->e, text, len, err);
			if (!text)
				return -(int)err->code;
			len = strlen(text);
		}
		add(&made, place(&made, a), text, len);
	}
	r = commit(p, &found, "somebody else",
		   "Found edited outside NovaCPX, as it stood before it was mended\n", err);
	if (r >= 0 && p->rev && store_revision(ctx, p->e->store, p->rev, &rev, &ignored) < 0)
		rev.actor = "engine"; /* only the commit's author depends on it */
	if (r >= 0)
		r = commit(p, &made, rev.actor,
			   mem_fmt(ctx, "Applied revision %" PRId64 "\n", p->rev), err);
	return r;
}
