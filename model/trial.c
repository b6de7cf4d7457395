/*
 * Revisions on trial: committed with a deadline, reverted when nobody confirms.
 *
 * The row is written in the revision's own transaction, and settled in that of
 * whatever settles it, so that no crash leaves one without the other.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "model/store_priv.h"

enum {
	NOTE_MAX = 1000, /* bytes of the reason that is kept */
};

static const char *const names[] = {
	[TRIAL_WAITING] = "waiting",
	[TRIAL_CONFIRMED] = "confirmed",
	[TRIAL_REVERTED] = "reverted",
	[TRIAL_STANDS] = "stands",
};

const char *trial_state_name(enum trial_state state)
{
	return names[state];
}

static enum trial_state state_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum trial_state)i;
	}
	return TRIAL_STANDS;
}

int apply_note_trial(struct apply *a, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r;

	if (!a->rev->confirm_until)
		return 0;
	r = sql_get(a->s->db, "INSERT INTO trial(rev, until, state) VALUES(?,?,'waiting')", &st,
		    err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, a->rev->rev);
	sql_bind_int(st, 2, a->rev->confirm_until);
	return sql_run(st, err);
}

int trials_undone(struct store *s, int64_t low, int64_t high, const struct revision *rev,
		  struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"UPDATE trial SET state='reverted', settled=?1, undone_in=?2 "
			"WHERE rev>=?3 AND rev<=?4 AND state='waiting'",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, rev->time);
	sql_bind_int(st, 2, rev->rev);
	sql_bind_int(st, 3, low);
	sql_bind_int(st, 4, high);
	return sql_run(st, err);
}

static int settle(struct store *s, int64_t rev, enum trial_state state, int64_t now,
		  const char *note, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db, "UPDATE trial SET state=?, settled=?, note=? WHERE rev=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, names[state]);
	sql_bind_int(st, 2, now);
	sql_bind_text(st, 3, note);
	sql_bind_int(st, 4, rev);
	return sql_run(st, err);
}

int store_trial(const void *ctx, struct store *s, int64_t rev, struct trial *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"SELECT rev, until, state, settled, undone_in, note FROM trial WHERE rev=?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, rev);
	r = sql_step(st, err);
	if (r > 0)
		*ret = (struct trial){ .rev = sql_int(st, 0),
				       .until = sql_int(st, 1),
				       .state = state_of(sql_text(st, 2)),
				       .settled = sql_int(st, 3),
				       .undone_in = sql_int(st, 4),
				       .note = mem_str(ctx, sql_text(st, 5)) };
	return r;
}

static int too_late(const struct trial *t, struct err *err)
{
	switch (t->state) {
	case TRIAL_WAITING:
		return err_set(err, ERR_CONFLICT,
			       "Revision %" PRId64 " was to be confirmed earlier; its time is over "
			       "and it is being reverted",
			       t->rev);
	case TRIAL_REVERTED:
		return err_set(err, ERR_CONFLICT,
			       "Revision %" PRId64
			       " was not confirmed in time and was reverted in revision %" PRId64,
			       t->rev, t->undone_in);
	case TRIAL_STANDS:
		return err_set(err, ERR_CONFLICT,
			       "Revision %" PRId64
			       " was not confirmed in time and could not be reverted: %s",
			       t->rev, t->note ? t->note : "the reason is not known");
	case TRIAL_CONFIRMED: break;
	}
	return 0;
}

int store_confirm(struct store *s, int64_t rev, int64_t now, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "confirm");
	struct trial t = { .rev = 0 };
	int r = store_trial(ctx, s, rev, &t, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ERR_NOTFOUND,
			       "Revision %" PRId64 " waits for no confirmation: it was committed "
			       "without a deadline, or there is no such revision",
			       rev);
	if (t.state != TRIAL_WAITING || t.until <= now)
		return too_late(&t, err);
	r = store_begin(s, err);
	if (r < 0)
		return r;
	r = settle(s, rev, TRIAL_CONFIRMED, now, NULL, err);
	if (r < 0)
		store_rollback(s);
	return r < 0 ? r : 1;
}

int store_trials_due(struct store *s, int64_t now, int64_t *ret, size_t max, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int n = 0;
	int r = sql_get(
		s->db, "SELECT rev FROM trial WHERE state='waiting' AND until<=? ORDER BY rev DESC",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, now);
	while ((size_t)n < max && (r = sql_step(st, err)) > 0)
		ret[n++] = sql_int(st, 0);
	return r < 0 ? r : n;
}

int store_trial_next(struct store *s, int64_t *ret_until, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(s->db,
			"SELECT until FROM trial WHERE state='waiting' ORDER BY until LIMIT 1", &st,
			err);

	if (r < 0)
		return r;
	r = sql_step(st, err);
	if (r > 0)
		*ret_until = sql_int(st, 0);
	return r;
}

/* Why it stands, with every resource that is in the way. */
static const char *reason(const void *ctx, const struct problems *problems, const struct err *why)
{
	struct buf b = { .ctx = ctx, .max = NOTE_MAX };

	for (size_t i = 0; i < problems->n && !b.over; i++)
		buf_printf(&b, "%s%s: %s", i ? "; " : "", problems->v[i].resource,
			   problems->v[i].msg);
	return b.len ? buf_str(&b) : mem_str(ctx, why->msg);
}

static int let_stand(struct store *s, int64_t which, struct revision *rev, const char *note,
		     struct err *err)
{
	const struct audit_row row = {
		.time = rev->time,
		.actor = rev->actor,
		.source = rev->source,
		.action = rev->action ? rev->action : "expire",
		.outcome = AUDIT_FAILED,
		.rev = which,
	};
	int r = store_begin(s, err);

	rev->rev = 0;
	if (r < 0)
		return r;
	r = settle(s, which, TRIAL_STANDS, rev->time, note, err);
	if (r >= 0)
		r = store_audit_add(s, &row, err);
	if (r < 0)
		store_rollback(s);
	return r < 0 ? r : 1;
}

/* What another try would only find again. */
static bool is_final(int r)
{
	return r == -ERR_INVALID || r == -ERR_CONFLICT || r == -ERR_DENIED || r == -ERR_NOTFOUND ||
	       r == -ERR_GUARD || r == -ERR_CORRUPT || r == -ERR_TOOBIG;
}

int store_expire(struct store *s, int64_t which, struct revision *rev, struct problems *problems,
		 struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "expire");
	struct trial t = { .rev = 0 };
	int r = store_trial(ctx, s, which, &t, err);

	if (r <= 0 || t.state != TRIAL_WAITING || t.until > rev->time)
		return r < 0 ? r : 0;
	r = store_revert(s, which, rev, problems, err);
	if (r > 0 || (r < 0 && !is_final(r)))
		return r;
	return let_stand(s, which, rev,
			 r == 0 ? "nothing of it is left to revert; secrets are never reverted"
				: reason(ctx, problems, err),
			 err);
}
