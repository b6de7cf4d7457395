/*
 * Lists of revisions, newest first: all, of an actor, of a resource, of accounts.
 *
 * Revisions are numbered without gaps, so that a page of all of them begins at
 * a number that is computed, and their count is the newest one's number.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/store_priv.h"

enum {
	SQL_ALL,
	SQL_ACTOR,
	SQL_ACTOR_COUNT,
	SQL_RESOURCE,
	SQL_ACCOUNT,
	SQL_SINCE,
};

static const char *const texts[] = {
	[SQL_ALL] = "SELECT " REVISION_COLUMNS
		    " FROM revision WHERE rev<=?1 ORDER BY rev DESC LIMIT ?2",
	[SQL_ACTOR] = "SELECT " REVISION_COLUMNS " FROM revision WHERE actor=?1 AND rev<?2 "
		      "ORDER BY rev DESC LIMIT ?3 OFFSET ?4",
	[SQL_ACTOR_COUNT] = "SELECT count(*) FROM revision WHERE actor=?1 AND rev<?2",
	[SQL_RESOURCE] = "SELECT rev, account FROM change WHERE kind=?1 AND key=?2 AND rev<?3 "
			 "ORDER BY rev DESC",
	[SQL_ACCOUNT] = "SELECT rev, count(*) FROM change WHERE account=?1 AND rev>=?2 AND rev<?3 "
			"GROUP BY rev ORDER BY rev DESC LIMIT ?4",
	[SQL_SINCE] = "SELECT rev, op FROM change WHERE kind='account' AND key=?1 "
		      "ORDER BY rev DESC",
};

const char *const *const log_sql = texts;
const size_t n_log_sql = ARRAY_LEN(texts);

/* A revision that fits, and how many of the wanted resources it touched. */
struct pick {
	int64_t rev, n;
};

struct picks {
	const void *ctx;
	const struct log_query *q;
	int64_t before, wanted; /* the page, what is before it, and one more */
	struct pick *v;
	size_t n, cap;
};

static void pick(struct picks *p, int64_t rev, int64_t n)
{
	mem_room(p->ctx, &p->v, &p->cap, p->n, sizeof(*p->v));
	p->v[p->n++] = (struct pick){ .rev = rev, .n = n };
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = ((const struct pick *)a)->rev, y = ((const struct pick *)b)->rev;

	return (x < y) - (x > y);
}

/* One revision may have touched several of the accounts. */
static void unite(struct picks *p)
{
	size_t kept = 0;

	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), newest_first);
	for (size_t i = 0; i < p->n; i++) {
		if (kept && p->v[kept - 1].rev == p->v[i].rev)
			p->v[kept - 1].n += p->v[i].n;
		else
			p->v[kept++] = p->v[i];
	}
	p->n = kept;
}

static int pick_account(struct picks *p, struct store *s, const struct log_account *a,
			struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, texts[SQL_ACCOUNT], &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, a->name);
	sql_bind_int(st, 2, a->since);
	sql_bind_int(st, 3, p->before);
	sql_bind_int(st, 4, p->wanted);
	while ((r = sql_step(st, err)) > 0)
		pick(p, sql_int(st, 0), sql_int(st, 1));
	return r;
}

static bool is_told(const struct log_query *q, const char *account, int64_t rev)
{
	if (!q->of_accounts)
		return true;
	for (size_t i = 0; account && i < q->n_accounts; i++) {
		if (strcmp(q->accounts[i].name, account) == 0)
			return rev >= q->accounts[i].since;
	}
	return false;
}

static int pick_resource(struct picks *p, struct store *s, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, texts[SQL_RESOURCE], &st, err);
	int64_t last = 0;
	int64_t n = 0;

	if (r < 0)
		return r;
	sql_bind_text(st, 1, p->q->kind->name);
	sql_bind_text(st, 2, p->q->key);
	sql_bind_int(st, 3, p->before);
	while (n < p->wanted && (r = sql_step(st, err)) > 0) {
		int64_t rev = sql_int(st, 0);

		if (!is_told(p->q, sql_text(st, 1), rev))
			continue;
		n += rev != last;
		last = rev;
		pick(p, rev, 1);
	}
	return r < 0 ? r : 0;
}

static int give_picks(struct picks *p, struct store *s, revision_fn *fn, void *arg, struct err *err)
{
	int64_t end = p->q->limit ? p->q->offset + p->q->limit : INT64_MAX;
	int r = 0;

	for (size_t i = (size_t)p->q->offset; i < p->n && (int64_t)i < end && r >= 0; i++) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "revision");
		struct revision rev;

		r = store_revision(tmp, s, p->v[i].rev, &rev, err);
		if (r >= 0 && p->q->of_accounts)
			rev.changes = p->v[i].n;
		if (r >= 0)
			r = fn(&rev, arg, err);
	}
	return r < 0 ? r : 0;
}

static int log_picked(struct store *s, const struct log_query *q, revision_fn *fn, void *arg,
		      int64_t *ret_total, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "picks");
	struct picks p = { .ctx = ctx,
			   .q = q,
			   .before = q->before ? q->before : INT64_MAX,
			   .wanted = q->limit ? q->offset + q->limit + 1 : INT64_MAX };
	int r = 0;

	if (q->kind)
		r = pick_resource(&p, s, err);
	for (size_t i = 0; !q->kind && i < q->n_accounts && r >= 0; i++)
		r = pick_account(&p, s, &q->accounts[i], err);
	if (r < 0)
		return r;
	unite(&p);
	if (ret_total)
		*ret_total = MIN((int64_t)p.n, p.wanted);
	return give_picks(&p, s, fn, arg, err);
}

static int give_rows(struct stmt *st, revision_fn *fn, void *arg, struct err *err)
{
	int r;

	while ((r = sql_step(st, err)) > 0) {
		cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "revision");
		struct revision rev;

		revision_read(tmp, st, &rev);
		r = fn(&rev, arg, err);
		if (r < 0)
			break;
	}
	return r;
}

static int count_of_actor(struct store *s, const struct log_query *q, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, texts[SQL_ACTOR_COUNT], &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, q->actor);
	sql_bind_int(st, 2, q->before ? q->before : INT64_MAX);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

static int log_of_actor(struct store *s, const struct log_query *q, revision_fn *fn, void *arg,
			int64_t *ret_total, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = ret_total ? count_of_actor(s, q, ret_total, err) : 0;

	if (r >= 0)
		r = sql_get(s->db, texts[SQL_ACTOR], &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, q->actor);
	sql_bind_int(st, 2, q->before ? q->before : INT64_MAX);
	sql_bind_int(st, 3, q->limit ? q->limit : -1);
	sql_bind_int(st, 4, q->offset);
	return give_rows(st, fn, arg, err);
}

static int log_all(struct store *s, const struct log_query *q, revision_fn *fn, void *arg,
		   int64_t *ret_total, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int64_t newest = 0;
	int r = store_head(s, &newest, err);

	if (r >= 0)
		r = sql_get(s->db, texts[SQL_ALL], &st, err);
	if (r < 0)
		return r;
	if (q->before)
		newest = MIN(newest, q->before - 1);
	if (ret_total)
		*ret_total = newest;
	sql_bind_int(st, 1, newest - q->offset);
	sql_bind_int(st, 2, q->limit ? q->limit : -1);
	return give_rows(st, fn, arg, err);
}

int store_log(struct store *s, const struct log_query *q, revision_fn *fn, void *arg,
	      int64_t *ret_total, struct err *err)
{
	if (q->actor && (q->kind || q->of_accounts))
		return err_set(err, ERR_INVALID,
			       "actor: revisions are listed by an actor, or by a resource or "
			       "account, not by both");
	if (q->kind || q->of_accounts)
		return log_picked(s, q, fn, arg, ret_total, err);
	return (q->actor ? log_of_actor : log_all)(s, q, fn, arg, ret_total, err);
}

int store_account_since(struct store *s, const char *account, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, texts[SQL_SINCE], &st, err);

	*ret = 0;
	if (r < 0)
		return r;
	sql_bind_text(st, 1, account);
	while (!*ret && (r = sql_step(st, err)) > 0) {
		if (sql_text(st, 1)[0] == '+')
			*ret = sql_int(st, 0);
	}
	return r < 0 ? r : 0;
}
