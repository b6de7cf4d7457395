#include "reconciler/flap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reconciler/provider.h"

/* Heals of one artifact since the first of this hour. */
struct heals {
	int64_t since, n, rev;
	bool is_held;
	bool is_news; /* not so in the table yet */
};

static const char *key_of(const void *ctx, enum artifact_type type, const char *path)
{
	return mem_fmt(ctx, "%d %s", (int)type, path);
}

/* Few artifacts drift: all rows, read when the first one does. */
static int load(struct plan *p, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r;

	if (p->heals.ctx)
		return 0;
	p->heals.ctx = p->ctx;
	r = sql_get(p->e->db, "SELECT type, path, since, n, rev, held FROM heal WHERE since>?", &st,
		    err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, p->now - FLAP_WINDOW_S);
	while ((r = sql_step(st, err)) > 0) {
		struct heals *h = mem_new(p->ctx, struct heals);

		*h = (struct heals){ .since = sql_int(st, 2),
				     .n = sql_int(st, 3),
				     .rev = sql_int(st, 4),
				     .is_held = sql_int(st, 5) != 0 };
		*strmap_slot(&p->heals, key_of(p->ctx, (enum artifact_type)sql_int(st, 0),
					       sql_text(st, 1))) = h;
	}
	return r;
}

static bool is_heal(const struct action *a)
{
	return (a->op == ACTION_CREATE || a->op == ACTION_UPDATE) &&
	       provider_is_unasked(&a->art, a->old);
}

/* Whether a revision has changed the resource since. */
static bool is_changed_since(struct plan *p, const char *resource, int64_t rev)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "resource");
	const char *slash = strchr(resource, '/');
	const struct kind *k =
		slash ? kind_find(mem_strn(tmp, resource, (size_t)(slash - resource))) : NULL;
	struct err ignored = ERR_INIT;
	struct res *res;

	return k && store_get(tmp, p->e->store, k, slash + 1, &res, &ignored) >= 0 &&
	       res->rev > rev;
}

static const char *clock_of(char text[16], int64_t at)
{
	struct tm tm;
	time_t t = (time_t)at;

	if (!gmtime_r(&t, &tm) || strftime(text, 16, "%H:%M UTC", &tm) == 0)
		text[0] = '\0';
	return text;
}

static void tell(struct plan *p, const struct action *a, const char *scope, const char *part,
		 const struct heals *h)
{
	char since[16];
	char until[16];

	plan_find(
		p, scope, part, a->art.resource, "Drifted", "Flapping",
		"%s %s was healed %" PRId64
		" times since %s and is changed again: something else writes it too. It is left as "
		"it is until %s. Find out what writes it and end that; then `novacpx pass --full "
		"--force` heals it at once",
		artifact_type_name(a->art.type), a->art.path, h->n, clock_of(since, h->since),
		clock_of(until, h->since + FLAP_WINDOW_S));
	p->findings[p->n_findings - 1].retry_at = h->since + FLAP_WINDOW_S;
}

int flap_hold(struct plan *p, const char *scope, const char *part, size_t from, struct err *err)
{
	size_t kept = from;

	if (p->flap_limit == 0)
		return 0;
	for (size_t i = from; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct heals *h;
		int r = is_heal(a) ? load(p, err) : 0;

		if (r < 0)
			return r;
		h = is_heal(a) ? strmap_find(&p->heals, key_of(p->tmp, a->art.type, a->art.path))
			       : NULL;
		if (h && h->n >= p->flap_limit && !p->is_released &&
		    !is_changed_since(p, a->art.resource, h->rev)) {
			tell(p, a, scope, part, h);
			h->is_news = !h->is_held;
			h->is_held = true;
			continue;
		}
		if (is_heal(a))
			a->heals = h && h->n < p->flap_limit && !p->is_released ? h->n + 1 : 1;
		p->v[kept++] = *a;
	}
	p->n = kept;
	return 0;
}

static int put(struct plan *p, const char *key, const struct heals *h, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(p->e->db,
			"INSERT OR REPLACE INTO heal(type, path, since, n, rev, held) "
			"VALUES(?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, key[0] - '0');
	sql_bind_text(st, 2, key + 2);
	sql_bind_int(st, 3, h->since);
	sql_bind_int(st, 4, h->n);
	sql_bind_int(st, 5, h->rev);
	sql_bind_int(st, 6, h->is_held);
	return sql_run(st, err);
}

static int drop(struct plan *p, const char *key, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(p->e->db, "DELETE FROM heal WHERE type=? AND path=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, key[0] - '0');
	sql_bind_text(st, 2, key + 2);
	return sql_run(st, err);
}

static int record_one(struct plan *p, const struct action *a, struct err *err)
{
	const char *key = key_of(p->ctx, a->art.type, a->art.path);
	struct heals *known = strmap_find(&p->heals, key);
	struct heals h = { .since = p->now, .n = a->heals, .rev = p->rev };

	if (a->heals) {
		if (known && a->heals > 1)
			h.since = known->since;
		return put(p, key, &h, err);
	}
	if (known && a->op != ACTION_RECORD) /* as a revision wants it: counted anew */
		return drop(p, key, err);
	if (known && known->is_held) { /* whoever writes it wrote what is wanted */
		known->is_held = false;
		return put(p, key, known, err);
	}
	return 0;
}

int flap_record(struct plan *p, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = load(p, err);

	for (size_t i = 0; i < p->heals.n && r >= 0; i++) {
		const struct heals *h = p->heals.entries[i].value;

		if (h->is_news)
			r = put(p, p->heals.entries[i].key, h, err);
	}
	for (size_t i = 0; i < p->n && r >= 0; i++) {
		if (!p->v[i].is_dropped && (p->heals.n || p->v[i].heals))
			r = record_one(p, &p->v[i], err);
	}
	if (r >= 0)
		r = sql_get(p->e->db, "DELETE FROM heal WHERE since<=?", &st, err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, p->now - FLAP_WINDOW_S);
	return sql_run(st, err);
}

int flap_is_held(struct sql *db, enum artifact_type type, const char *path, int64_t now, bool *ret,
		 struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db, "SELECT 1 FROM heal WHERE type=? AND path=? AND held AND since>?", &st,
			err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, type);
	sql_bind_text(st, 2, path);
	sql_bind_int(st, 3, now - FLAP_WINDOW_S);
	r = sql_step(st, err);
	*ret = r > 0;
	return r < 0 ? r : 0;
}
