/* What revisions changed, lists of them, and those on trial. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/store_priv.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

/* Differences */

struct shown {
	struct store_fix *f;
	struct buf text;
};

static const char *side(struct shown *s, const struct field *f, const void *res)
{
	return res ? field_show(s->f->ctx, f, res) : "-";
}

/* "~zone/a.example (john, 2) ttl: 300 -> 600" */
static int show(const struct difference *d, void *arg, struct err *err)
{
	struct shown *s = arg;

	(void)err;
	buf_printf(&s->text, "%c%s/%s (%s, %" PRId64 ")", d->op, d->kind->name, d->key,
		   d->account ? d->account : "-", d->rev);
	for (size_t i = 0; d->op == '~' && i < d->kind->n_fields; i++) {
		const struct field *f = &d->kind->fields[i];

		if (d->fields & UINT64_C(1) << i)
			buf_printf(&s->text, " %s: %s -> %s", f->name, side(s, f, d->before),
				   side(s, f, d->after));
	}
	buf_putc(&s->text, '\n');
	return 0;
}

static const char *diff(struct store_fix *f, int64_t from, int64_t to)
{
	struct shown s = { .f = f, .text = BUF_ON(f->ctx) };

	assert_ok(store_diff(f->s, from, to, show, &s, &f->err), &f->err);
	return buf_str(&s.text);
}

static void put_ttl(struct store_fix *f, const char *ttl)
{
	fix_put(f, &kind_zone, "name", "example.com", "ttl", ttl, NULL);
	fix_committed(f);
}

TEST(a_revision_tells_each_field_before_and_after)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "account", "john", NULL);
	fix_committed(&f);
	assert_string_equal(diff(&f, 1, 2), "~zone/example.com (john, 2) ttl: 3600 -> 600\n");
	assert_string_equal(diff(&f, 2, 3), "+mailbox/info@example.com (john, 3)\n");
	assert_contains(diff(&f, 0, 1), "+account/john (john, 1)\n");
	fix_done(&f);
}

TEST(a_range_tells_the_net_difference)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	put_ttl(&f, "900");
	assert_string_equal(diff(&f, 1, 3), "~zone/example.com (john, 2) ttl: 3600 -> 900\n");
	put_ttl(&f, "3600");
	assert_string_equal(diff(&f, 1, 4), ""); /* there and back */
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "account", "john", NULL);
	fix_committed(&f);
	fix_del(&f, &kind_mailbox, "info@example.com");
	fix_committed(&f);
	assert_string_equal(diff(&f, 1, 6), ""); /* came and went */
	put_ttl(&f, "700");
	fix_del(&f, &kind_zone, "example.com");
	fix_committed(&f);
	/* what was there before all, not before the deletion */
	assert_string_equal(diff(&f, 1, 8), "-zone/example.com (john, 2)\n");
	assert_string_equal(diff(&f, 7, 8), "-zone/example.com (john, 8)\n");
	fix_done(&f);
}

TEST(a_deleted_resource_keeps_its_name_in_the_revisions_before)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	fix_del(&f, &kind_zone, "example.com");
	fix_committed(&f);
	assert_string_equal(diff(&f, 1, 2), "~zone/example.com (john, 2) ttl: 3600 -> 600\n");
	fix_done(&f);
}

static int collect_before(const struct difference *d, void *arg, struct err *err)
{
	(void)err;
	if (d->op == '-' && d->kind == &kind_zone)
		*(int64_t *)arg = ((const struct zone *)d->before)->ttl;
	return 0;
}

TEST(what_was_deleted_is_told_as_it_was_before_the_range)
{
	struct store_fix f;
	int64_t ttl = 0;

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	put_ttl(&f, "700");
	fix_del(&f, &kind_zone, "example.com");
	fix_committed(&f);
	assert_ok(store_diff(f.s, 2, 4, collect_before, &ttl, &f.err), &f.err);
	assert_int_equal(ttl, 600);
	fix_done(&f);
}

static const char hash_1[] = "$5$rounds=1000$abcdefgh$PKw2R0FhSRkcu0KoX9d1UpKOVmZzR/bPn3M1bGqOx26";
static const char hash_2[] = "$5$rounds=1000$hgfedcba$PKw2R0FhSRkcu0KoX9d1UpKOVmZzR/bPn3M1bGqOx26";

static int no_secret(const struct difference *d, void *arg, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < d->kind->n_fields; i++) {
		const struct field *f = &d->kind->fields[i];

		if (f->type != FIELD_SECRET)
			continue;
		assert_false(d->fields & UINT64_C(1) << i);
		assert_true(!d->before || !field_is_set(f, d->before));
		assert_true(!d->after || !field_is_set(f, d->after));
	}
	++*(size_t *)arg;
	return 0;
}

TEST(a_secret_is_in_no_difference_and_a_change_of_one_alone_is_told_as_such)
{
	struct store_fix f;
	size_t n = 0;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "account", "john", "password",
		hash_1, NULL);
	fix_committed(&f);
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "password", hash_2, NULL);
	fix_committed(&f);
	assert_string_equal(diff(&f, 2, 3), "~mailbox/info@example.com (john, 3)\n");
	assert_ok(store_diff(f.s, 0, 3, no_secret, &n, &f.err), &f.err);
	assert_true(n > 2);
	fix_done(&f);
}

TEST(a_revert_tells_what_it_did_and_not_the_rows_it_only_marked)
{
	struct store_fix f;
	struct revision rev = { .actor = "test", .source = "unit", .time = 1 };

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	assert_int_equal(store_revert(f.s, 2, &rev, &f.problems, &f.err), 1);
	/* in the transaction that stands open, as a dry run reads it */
	assert_string_equal(diff(&f, 2, 3), "~zone/example.com (john, 3) ttl: 600 -> 3600\n");
	store_rollback(f.s);
	assert_string_equal(diff(&f, 2, 3), "");
	fix_done(&f);
}

TEST(rows_of_an_old_version_are_named_by_what_is_in_them)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	put_ttl(&f, "600");
	assert_ok(sql_exec(store_sql(f.s), "UPDATE change SET id=NULL", &f.err), &f.err);
	assert_string_equal(diff(&f, 1, 2), "~zone/example.com (john, 2) ttl: 3600 -> 600\n");
	assert_contains(diff(&f, 0, 1), "+zone/example.com (john, 1)\n");
	fix_done(&f);
}

TEST(a_range_that_is_none_or_too_long_is_refused_in_words)
{
	struct store_fix f;
	struct shown s = { .f = &f };

	fix_open(&f);
	s.text.ctx = f.ctx;
	fix_john(&f);
	assert_int_equal(store_diff(f.s, 2, 1, show, &s, &f.err), -ERR_INVALID);
	assert_int_equal(store_diff(f.s, -1, 1, show, &s, &f.err), -ERR_INVALID);
	assert_int_equal(store_diff(f.s, 0, INT64_MAX, show, &s, &f.err), -ERR_TOOBIG);
	assert_contains(f.err.msg, "at most 10000");
	fix_done(&f);
}

/* Lists */

static int show_rev(const struct revision *rev, void *arg, struct err *err)
{
	struct shown *s = arg;

	(void)err;
	buf_printf(&s->text, "%" PRId64 "(%" PRId64 ") ", rev->rev, rev->changes);
	return 0;
}

static const char *list(struct store_fix *f, const struct log_query *q, int64_t *ret_total)
{
	struct shown s = { .f = f, .text = BUF_ON(f->ctx) };

	assert_ok(store_log(f->s, q, show_rev, &s, ret_total, &f->err), &f->err);
	return buf_str(&s.text);
}

/* Revisions 2 to 7: john's zone, jane's account and zone, both in one, anna's changes. */
static void put_history(struct store_fix *f)
{
	fix_open(f);
	fix_john(f);
	put_ttl(f, "600");
	fix_put(f, &kind_account, "username", "jane", NULL);
	fix_put(f, &kind_domain, "name", "jane.example", "account", "jane", "type", "primary",
		NULL);
	fix_put(f, &kind_zone, "name", "jane.example", "account", "jane", NULL);
	fix_committed(f);
	fix_put(f, &kind_zone, "name", "jane.example", "ttl", "700", NULL);
	fix_put(f, &kind_zone, "name", "example.com", "ttl", "700", NULL);
	fix_committed(f);
	f->next.actor = "anna";
	put_ttl(f, "800");
	f->next.actor = "anna";
	put_ttl(f, "900");
}

TEST(a_list_of_all_is_paged_by_number_and_counted)
{
	struct store_fix f;
	int64_t total = 0;

	put_history(&f);
	assert_contains(list(&f, &(struct log_query){ 0 }, &total), "6(1) 5(1) 4(2) 3(3) 2(1) 1(");
	assert_int_equal(total, 6);
	assert_string_equal(list(&f, &(struct log_query){ .limit = 2, .offset = 2 }, &total),
			    "4(2) 3(3) ");
	assert_int_equal(total, 6);
	assert_string_equal(list(&f, &(struct log_query){ .limit = 2, .before = 4 }, &total),
			    "3(3) 2(1) ");
	assert_int_equal(total, 3);
	assert_string_equal(list(&f, &(struct log_query){ .limit = 2, .offset = 6 }, &total), "");
	fix_done(&f);
}

TEST(a_list_by_actor_resource_or_account_has_those_alone)
{
	struct store_fix f;
	int64_t total = 0;
	const struct log_account jane = { .name = "jane", .since = 3 };
	const struct log_account both[] = { { "jane", 3 }, { "john", 1 } };

	put_history(&f);
	assert_string_equal(list(&f, &(struct log_query){ .actor = "anna", .limit = 1 }, &total),
			    "6(1) ");
	assert_int_equal(total, 2);
	assert_string_equal(
		list(&f, &(struct log_query){ .kind = &kind_zone, .key = "jane.example" }, &total),
		"4(2) 3(3) ");
	assert_int_equal(total, 2);
	/* of another's resource in the same revision nothing is counted */
	assert_string_equal(
		list(&f,
		     &(struct log_query){ .of_accounts = true, .accounts = &jane, .n_accounts = 1 },
		     &total),
		"4(1) 3(3) ");
	assert_string_equal(list(&f,
				 &(struct log_query){ .of_accounts = true,
						      .accounts = both,
						      .n_accounts = 2,
						      .limit = 2,
						      .offset = 1 },
				 &total),
			    "5(1) 4(2) ");
	assert_int_equal(total, 4); /* the page, what is before it, and that there is more */
	assert_string_equal(list(&f, &(struct log_query){ .of_accounts = true }, &total), "");
	assert_string_equal(list(&f,
				 &(struct log_query){ .of_accounts = true,
						      .accounts = &jane,
						      .n_accounts = 1,
						      .kind = &kind_zone,
						      .key = "example.com" },
				 &total),
			    "");
	fix_done(&f);
}

TEST(an_account_s_history_begins_when_it_came_this_time)
{
	struct store_fix f;
	int64_t since = 0;

	put_history(&f);
	assert_ok(store_account_since(f.s, "jane", &since, &f.err), &f.err);
	assert_int_equal(since, 3);
	fix_del(&f, &kind_account, "jane");
	fix_committed(&f);
	fix_put(&f, &kind_account, "username", "jane", NULL);
	fix_committed(&f);
	assert_ok(store_account_since(f.s, "jane", &since, &f.err), &f.err);
	assert_int_equal(since, 8);
	assert_ok(store_account_since(f.s, "nobody", &since, &f.err), &f.err);
	assert_int_equal(since, 0);
	fix_done(&f);
}

TEST(no_list_of_revisions_sorts_or_reads_a_whole_table)
{
	struct store_fix f;

	fix_open(&f);
	for (size_t i = 0; i < n_log_sql; i++) {
		cleanup_(sql_done) struct stmt *st = NULL;
		struct buf b = BUF_ON(f.ctx);

		assert_ok(sql_get(store_sql(f.s),
				  mem_fmt(f.ctx, "EXPLAIN QUERY PLAN %s", log_sql[i]), &st, &f.err),
			  &f.err);
		while (sql_step(st, &f.err) > 0)
			buf_printf(&b, "%s\n", sql_text(st, 3));
		if (strstr(buf_str(&b), "TEMP B-TREE") || strstr(buf_str(&b), "SCAN"))
			fail_msg("%s\n%s", log_sql[i], buf_str(&b));
	}
	fix_done(&f);
}

/* Trials */

static struct trial trial(struct store_fix *f, int64_t rev)
{
	struct trial t = { .rev = 0 };

	assert_int_equal(store_trial(f->ctx, f->s, rev, &t, &f->err), 1);
	return t;
}

static void put_on_trial(struct store_fix *f, const char *ttl, int64_t until)
{
	f->next.confirm_until = until;
	put_ttl(f, ttl);
}

static int expire(struct store_fix *f, int64_t which, int64_t now, struct revision *rev)
{
	int r;

	*rev = (struct revision){ .actor = "novacpx", .source = "confirm-expiry", .time = now };
	f->problems.n = 0;
	r = store_expire(f->s, which, rev, &f->problems, &f->err);
	if (r > 0)
		assert_ok(store_commit(f->s, &f->err), &f->err);
	return r;
}

static int64_t ttl_now(struct store_fix *f)
{
	struct zone *z;

	assert_ok(store_get(f->ctx, f->s, &kind_zone, "example.com", &z, &f->err), &f->err);
	return z->ttl;
}

TEST(a_revision_that_is_confirmed_in_time_stands)
{
	struct store_fix f;
	struct revision rev;
	int64_t due[4];
	int64_t until = 0;

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	assert_int_equal(trial(&f, 2).state, TRIAL_WAITING);
	assert_int_equal(store_trial_next(f.s, &until, &f.err), 1);
	assert_int_equal(until, 100);
	assert_int_equal(expire(&f, 2, 99, &rev), 0); /* too early */
	assert_int_equal(store_confirm(f.s, 2, 99, &f.err), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(store_confirm(f.s, 2, 99, &f.err), 0);
	assert_int_equal(store_confirm(f.s, 2, 1000, &f.err), 0); /* again, however late */
	assert_int_equal(store_trials_due(f.s, 1000, due, 4, &f.err), 0);
	assert_int_equal(expire(&f, 2, 1000, &rev), 0);
	assert_int_equal(ttl_now(&f), 600);
	fix_done(&f);
}

TEST(a_revision_that_nobody_confirms_is_reverted_and_cannot_be_confirmed_then)
{
	struct store_fix f;
	struct revision rev;
	int64_t due[4];

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	assert_int_equal(store_confirm(f.s, 2, 100, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "its time is over");
	assert_int_equal(store_trials_due(f.s, 100, due, 4, &f.err), 1);
	assert_int_equal(expire(&f, 2, 100, &rev), 1);
	assert_int_equal(rev.rev, 3);
	assert_int_equal(ttl_now(&f), 3600);
	assert_int_equal(trial(&f, 2).state, TRIAL_REVERTED);
	assert_int_equal(trial(&f, 2).undone_in, 3);
	assert_int_equal(store_confirm(f.s, 2, 101, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "reverted in revision 3");
	assert_int_equal(expire(&f, 2, 101, &rev), 0);
	assert_int_equal(store_confirm(f.s, 1, 101, &f.err), -ERR_NOTFOUND);
	fix_done(&f);
}

TEST(what_was_built_upon_stands_and_says_which_resource_and_revision)
{
	struct store_fix f;
	struct revision rev;

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	put_ttl(&f, "700");
	assert_int_equal(expire(&f, 2, 100, &rev), 1);
	assert_int_equal(rev.rev, 0);
	assert_int_equal(ttl_now(&f), 700);
	assert_int_equal(trial(&f, 2).state, TRIAL_STANDS);
	assert_contains(trial(&f, 2).note, "zone/example.com");
	assert_contains(trial(&f, 2).note, "in revision 3 by test");
	assert_int_equal(store_confirm(f.s, 2, 101, &f.err), -ERR_CONFLICT);
	fix_done(&f);
}

TEST(trials_that_build_on_each_other_end_newest_first)
{
	struct store_fix f;
	struct revision rev;
	int64_t due[4];

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	put_on_trial(&f, "700", 90);
	assert_int_equal(store_trials_due(f.s, 100, due, 4, &f.err), 2);
	assert_int_equal(due[0], 3);
	assert_int_equal(due[1], 2);
	assert_int_equal(expire(&f, 3, 100, &rev), 1);
	assert_int_equal(expire(&f, 2, 100, &rev), 1);
	assert_int_equal(trial(&f, 2).state, TRIAL_REVERTED);
	assert_int_equal(ttl_now(&f), 3600);
	fix_done(&f);
}

TEST(what_was_undone_by_hand_waits_no_more)
{
	struct store_fix f;
	struct revision rev = { .actor = "test", .source = "unit", .time = 50 };

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	assert_int_equal(store_rollback_to(f.s, 1, &rev, &f.problems, &f.err), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(trial(&f, 2).state, TRIAL_REVERTED);
	assert_int_equal(trial(&f, 2).undone_in, 3);
	assert_int_equal(expire(&f, 2, 100, &rev), 0);
	fix_done(&f);
}

TEST(a_revision_of_a_secret_alone_stands_and_says_why)
{
	struct store_fix f;
	struct revision rev;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "account", "john", "password",
		hash_1, NULL);
	fix_committed(&f);
	f.next.confirm_until = 100;
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "password", hash_2, NULL);
	fix_committed(&f);
	assert_int_equal(expire(&f, 3, 100, &rev), 1);
	assert_int_equal(trial(&f, 3).state, TRIAL_STANDS);
	assert_contains(trial(&f, 3).note, "secrets are never reverted");
	fix_done(&f);
}

TEST(a_deadline_goes_with_its_revision_and_comes_once_for_a_key)
{
	struct store_fix f;
	struct trial t;

	fix_open(&f);
	fix_john(&f);
	f.next.confirm_until = 100;
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	assert_int_equal(fix_apply(&f), 1);
	store_rollback(f.s);
	assert_int_equal(store_trial(f.ctx, f.s, 2, &t, &f.err), 0);
	for (int64_t until = 100; until < 300; until += 100) {
		f.next.confirm_until = until;
		f.next.idempotency = "k";
		fix_put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
		assert_true(fix_commit(&f) >= 0);
		assert_int_equal(f.rev.rev, 2);
	}
	assert_int_equal(trial(&f, 2).until, 100);
	fix_done(&f);
}

TEST(in_a_batch_a_trial_ends_or_stands_beside_other_members)
{
	struct store_fix f;
	struct revision rev = { .actor = "novacpx", .source = "confirm-expiry", .time = 100 };

	fix_open(&f);
	fix_john(&f);
	put_on_trial(&f, "600", 100);
	put_ttl(&f, "700");
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	assert_int_equal(store_expire(f.s, 2, &rev, &f.problems, &f.err), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	fix_put(&f, &kind_mailbox, "address", "info@example.com", "account", "john", NULL);
	assert_int_equal(fix_apply(&f), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_ok(store_batch_commit(f.s, &f.err), &f.err);
	assert_int_equal(trial(&f, 2).state, TRIAL_STANDS);
	assert_int_equal(f.rev.rev, 4);
	fix_done(&f);
}
