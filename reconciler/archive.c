#include "reconciler/archive.h"

#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "state/export.h"

enum {
	FILE_MAX = 64 << 20
};

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
	char oid[HISTORY_OID_LEN + 1];
	struct history *h;
	struct digest d;
	struct history_meta meta = { .author = author,
				     .email = "engine@novacpx.invalid",
				     .time = p->now,
				     .message = message,
				     .revision = p->rev,
				     .plan = digest };
	int r;

	if (b->n == 0)
		return 0;
	d = plan_digest(p);
	digest_hex(&d, digest);
	r = engine_history(p->e, &h, err);
	if (r >= 0)
		r = history_commit(h, "live", b->v, b->n, &meta, oid, err);
	return r < 0 ? r : 0;
}

/* What LIVE_CURSOR says: whether the branch `live` knows all that was made. */
enum {
	LIVE_COMPLETE,
	LIVE_OWED,   /* a run has begun and will tell */
	LIVE_BEHIND, /* that run ended early: only looking at everything helps */
};

#define LIVE_CURSOR "live"

int archive_owe(struct engine *e, struct err *err)
{
	int64_t state;
	int r = cursor_get(e->db, LIVE_CURSOR, &state, err);

	return r < 0 || state != LIVE_COMPLETE ? r : cursor_set(e->db, LIVE_CURSOR, LIVE_OWED, err);
}

int archive_behind(struct engine *e, struct err *err)
{
	int64_t state;
	int r = cursor_get(e->db, LIVE_CURSOR, &state, err);

	return r < 0 || state != LIVE_OWED ? r : cursor_set(e->db, LIVE_CURSOR, LIVE_BEHIND, err);
}

int archive_found(struct plan *p, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "archive");
	struct batch found = { .ctx = ctx };

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (is_text(a) && !a->is_dropped && a->op != ACTION_RECORD && a->is_drift &&
		    a->before && !(a->art.flags & (ARTIFACT_SECRET | ARTIFACT_ONCE)))
			add(&found, place(&found, a), a->before, a->before_len);
	}
	return commit(p, &found, "somebody else",
		      "Found edited outside NovaCPX, as it stood before it was mended\n", err);
}

/* A file of the manifest as it stands; one that was edited since is left to the next pass. */
static int add_owned(struct batch *b, struct engine *e, const struct owned *o, struct strmap *seen,
		     struct err *err)
{
	struct artifact a = { .flags = o->flags, .serial_at = (size_t)o->serial_at };
	struct digest d;
	char *data;
	const char *text;
	int r = fs_read(b->ctx, e->root, o->path, FILE_MAX, 0, &data, &a.len, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	*strmap_slot(seen, o->path + 1) = b;
	a.data = text = data;
	d = artifact_content_digest(&a);
	if (o->type == ARTIFACT_FILE && !digest_eq(&d, &o->digest))
		return 0;
	if (o->flags & ARTIFACT_SECRET) {
		text = secret_text(b, e, data, a.len, err);
		if (!text)
			return -(int)err->code;
		a.len = strlen(text);
	}
	add(b, o->path + 1, text, a.len);
	return 0;
}

struct gone {
	struct batch *b;
	struct strmap *seen;
};

static int add_gone(const char *path, const char *old, const char *new, void *arg)
{
	struct gone *g = arg;

	(void)old;
	(void)new;
	if (!strmap_find(g->seen, path))
		add(g->b, mem_str(g->b->ctx, path), NULL, 0);
	return 0;
}

/* After a run that ended early: the branch from the manifest, whatever that run had told. */
static int archive_all(struct plan *p, struct batch *b, struct err *err)
{
	struct strmap seen = STRMAP_ON(b->ctx);
	struct gone g = { b, &seen };
	const struct history_diff diff = { .from = "", .to = "live", .fn = add_gone, .arg = &g };
	char oid[HISTORY_OID_LEN + 1];
	struct owned_cursor *c = NULL;
	struct history *h;
	struct owned *o;
	int r = owned_open(b->ctx, p->e->db, NULL, &c, err);

	while (r >= 0 && (r = owned_next(b->ctx, c, &o, err)) > 0) {
		if ((o->type == ARTIFACT_FILE || o->type == ARTIFACT_BLOCK) &&
		    !(o->flags & ARTIFACT_ONCE))
			r = add_owned(b, p->e, o, &seen, err);
	}
	if (r >= 0)
		r = engine_history(p->e, &h, err);
	if (r >= 0)
		r = history_head(h, "live", oid, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : history_diff(h, &diff, err);
}

static int add_made(struct plan *p, struct batch *made, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];
		const char *text = a->art.data ? a->art.data : "";
		size_t len = a->art.len;

		if (!is_text(a) || !a->is_done || a->op == ACTION_RECORD ||
		    a->op == ACTION_FORGET || (a->art.flags & ARTIFACT_ONCE))
			continue;
		if (a->op == ACTION_DELETE && a->art.type == ARTIFACT_FILE) {
			add(made, place(made, a), NULL, 0);
			continue;
		}
		if (a->art.flags & ARTIFACT_SECRET) {
			text = secret_text(made, p->e, text, len, err);
			if (!text)
				return -(int)err->code;
			len = strlen(text);
		}
		add(made, place(made, a), text, len);
	}
	return 0;
}

int archive_live(struct plan *p, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "archive");
	struct batch made = { .ctx = ctx };
	struct revision rev = { .actor = "engine" };
	struct err ignored = ERR_INIT;
	int64_t state;
	int r = cursor_get(p->e->db, LIVE_CURSOR, &state, err);

	if (r < 0 || state == LIVE_COMPLETE)
		return r;
	r = state == LIVE_BEHIND ? archive_all(p, &made, err) : add_made(p, &made, err);
	if (r >= 0 && p->rev && store_revision(ctx, p->e->store, p->rev, &rev, &ignored) < 0)
		rev.actor = "engine"; /* only the commit's author depends on it */
	if (r >= 0)
		r = commit(p, &made, rev.actor,
			   mem_fmt(ctx, "Applied revision %" PRId64 "\n", p->rev), err);
	return r < 0 ? r : cursor_set(p->e->db, LIVE_CURSOR, LIVE_COMPLETE, err);
}

/* Wanted state */

struct export_batch {
	struct batch b;
	struct export_options o;
	struct strmap pieces; /* path → struct export_piece */
	struct buf message;
	int64_t last; /* revision the message told last */
};

static int add_file(const char *path, const struct buf *text, void *arg, struct err *err)
{
	struct export_batch *x = arg;

	(void)err;
	add(&x->b, mem_str(x->b.ctx, path), mem_dup(x->b.ctx, buf_str(text), text->len), text->len);
	return 0;
}

static int note_piece(const struct change_row *row, void *arg, struct err *err)
{
	struct export_batch *x = arg;
	const struct kind *k = kind_find(row->kind);
	struct export_piece *piece = mem_new(x->b.ctx, struct export_piece);

	(void)err;
	if (!k)
		return 0;
	*piece = export_piece_of(k, mem_str(x->b.ctx, row->key), mem_str(x->b.ctx, row->account),
				 mem_str(x->b.ctx, row->scope));
	*strmap_slot(&x->pieces, export_piece_path(x->b.ctx, piece)) = piece;
	return 0;
}

static int add_pieces(struct export_batch *x, int64_t from, int64_t to, struct err *err)
{
	int r = store_changes(x->o.store, from, to, note_piece, x, err);

	for (size_t i = 0; i < x->pieces.n && r >= 0; i++) {
		struct buf text = BUF_ON(x->b.ctx);

		r = export_piece_text(&text, &x->o, x->pieces.entries[i].value, err);
		if (r >= 0)
			add(&x->b, x->pieces.entries[i].key, r > 0 ? buf_str(&text) : NULL,
			    text.len);
	}
	return r < 0 ? r : 0;
}

static void tell(struct export_batch *x, const struct revision *rev)
{
	buf_printf(&x->message, "Revision %" PRId64 ": %s (%" PRId64 " resource%s, %s)\n", rev->rev,
		   rev->message ? rev->message : rev->source, rev->changes,
		   rev->changes == 1 ? "" : "s", rev->actor);
}

static int export_commit(struct engine *e, struct export_batch *x, const struct revision *head,
			 struct err *err)
{
	char oid[HISTORY_OID_LEN + 1];
	struct history_meta meta = { .author = head->actor,
				     .email = "engine@novacpx.invalid",
				     .time = head->time,
				     .message = buf_str(&x->message),
				     .revision = head->rev,
				     .source = head->source };
	struct history *h;
	int r = engine_history(e, &h, err);

	if (r >= 0)
		r = history_commit(h, "main", x->b.v, x->b.n, &meta, oid, err);
	return r < 0 ? r : cursor_set(e->db, "exported", head->rev, err);
}

int archive_desired(struct engine *e, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "export");
	struct export_batch x = { .b = { .ctx = ctx },
				  .o = { .store = e->store },
				  .pieces = STRMAP_ON(ctx),
				  .message = BUF_ON(ctx) };
	struct revision head = { .rev = 0 };
	char oid[HISTORY_OID_LEN + 1];
	struct history *h;
	char *key;
	int64_t from = 0;
	int r = cursor_get(e->db, "exported", &from, err);

	if (r >= 0)
		r = store_head(e->store, &head.rev, err);
	if (r < 0 || head.rev <= from)
		return r;
	r = engine_history(e, &h, err);
	if (r < 0)
		return r;
	if (history_head(h, "main", oid, err) == -ERR_NOTFOUND) {
		err_clear(err);
		from = 0; /* a new repository gets everything */
	}
	r = engine_node_key(ctx, e, &key, &x.o.node_key_len, err);
	if (r < 0)
		return r;
	x.o.node_key = key;
	r = from == 0 ? export_tree(&x.o, add_file, &x, err) : add_pieces(&x, from, head.rev, err);
	for (int64_t rev = MAX(from + 1, head.rev - 20); r >= 0 && rev <= head.rev; rev++) {
		r = store_revision(ctx, e->store, rev, &head, err);
		if (r >= 0)
			tell(&x, &head);
	}
	if (r >= 0)
		r = export_commit(e, &x, &head, err);
	return r < 0 ? r : history_pack_if_due(h, err);
}
