#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

static int put_ttl(struct store_fix *f, const char *zone, const char *ttl)
{
	fix_put(f, &kind_zone, "name", zone, "ttl", ttl, NULL);
	return fix_apply(f);
}

static int64_t ttl_of(struct store_fix *f, const char *zone)
{
	struct zone *z;

	assert_ok(store_get(f->ctx, f->s, &kind_zone, zone, &z, &f->err), &f->err);
	return z->ttl;
}

static int64_t head(struct store_fix *f)
{
	int64_t n;

	assert_ok(store_head(f->s, &n, &f->err), &f->err);
	return n;
}

TEST(a_refused_member_takes_nothing_else_of_the_batch_with_it)
{
	struct store_fix f;
	int64_t n;

	fix_open(&f);
	fix_john(&f);
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	assert_int_equal(put_ttl(&f, "example.com", "600"), 1);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "A", "value",
		"192.0.2.1", NULL);
	fix_put(&f, &kind_domain, "name", "example.org", "account", "nobody1", "type", "primary",
		NULL);
	assert_true(fix_apply(&f) < 0);
	assert_contains(fix_problems(&f), "there is no account \"nobody1\"");
	fix_put(&f, &kind_zone, "name", "example.com", "retry", "900", NULL);
	assert_int_equal(fix_apply(&f), 1);
	assert_int_equal(f.rev.rev, 3);
	assert_ok(store_batch_commit(f.s, &f.err), &f.err);
	assert_int_equal(ttl_of(&f, "example.com"), 600);
	assert_int_equal(head(&f), 3);
	assert_ok(store_count(f.s, &kind_record, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 0);
	assert_false(sql_in_txn(store_sql(f.s)));
	fix_done(&f);
}

TEST(members_see_what_came_before_them_in_the_batch)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	f.next = (struct revision){ .idempotency = "k", .request = "d" };
	assert_int_equal(put_ttl(&f, "example.com", "600"), 1);
	f.next.seen_rev = 1;
	assert_int_equal(put_ttl(&f, "example.com", "700"), -ERR_CONFLICT);
	assert_contains(fix_problems(&f), "changed in revision 2 by test");
	f.next = (struct revision){ .idempotency = "k", .request = "d" };
	assert_int_equal(put_ttl(&f, "example.com", "600"), 0);
	assert_true(f.rev.repeated);
	assert_int_equal(f.rev.rev, 2);
	f.next = (struct revision){ .idempotency = "k", .request = "other" };
	assert_int_equal(put_ttl(&f, "example.com", "800"), -ERR_CONFLICT);
	fix_put(&f, &kind_account, "username", "mallory", NULL);
	assert_int_equal(fix_apply(&f), 1);
	fix_put(&f, &kind_domain, "name", "taken.example", "account", "john", "type", "addon",
		NULL);
	assert_int_equal(fix_apply(&f), 1);
	fix_put(&f, &kind_domain, "name", "x.taken.example", "account", "mallory", "type",
		"primary", NULL);
	assert_true(fix_apply(&f) < 0);
	assert_contains(fix_problems(&f), "belongs to another account");
	assert_ok(store_batch_commit(f.s, &f.err), &f.err);
	assert_int_equal(ttl_of(&f, "example.com"), 600);
	assert_int_equal(head(&f), 4);
	fix_done(&f);
}

TEST(a_member_can_be_taken_back_and_the_number_goes_to_the_next)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	assert_int_equal(put_ttl(&f, "example.com", "600"), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(put_ttl(&f, "example.com", "700"), 1);
	assert_int_equal(f.rev.rev, 3);
	store_rollback(f.s);
	assert_int_equal(ttl_of(&f, "example.com"), 600);
	store_rollback(f.s); /* there is none any more: nothing happens */
	assert_int_equal(put_ttl(&f, "example.com", "800"), 1);
	assert_int_equal(f.rev.rev, 3);
	assert_ok(store_batch_commit(f.s, &f.err), &f.err);
	assert_int_equal(ttl_of(&f, "example.com"), 800);
	fix_done(&f);
}

TEST(a_batch_that_is_rolled_back_leaves_nothing)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	assert_int_equal(put_ttl(&f, "example.com", "600"), 1);
	assert_int_equal(put_ttl(&f, "example.com", "700"), 1);
	store_batch_rollback(f.s);
	assert_int_equal(ttl_of(&f, "example.com"), 3600);
	assert_int_equal(head(&f), 1);
	assert_int_equal(put_ttl(&f, "example.com", "700"), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(head(&f), 2);
	fix_done(&f);
}

TEST(a_batch_that_the_database_gave_up_goes_on_with_no_member_and_cannot_be_committed)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_ok(store_batch_begin(f.s, &f.err), &f.err);
	assert_int_equal(put_ttl(&f, "example.com", "600"), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_ok(sql_exec(store_sql(f.s), "ROLLBACK", &f.err), &f.err); /* as a full disk does */
	assert_int_equal(put_ttl(&f, "example.com", "700"), -ERR_SYSTEM);
	assert_contains(f.err.msg, "rolled the whole batch back");
	assert_int_equal(store_batch_commit(f.s, &f.err), -ERR_SYSTEM);
	assert_int_equal(ttl_of(&f, "example.com"), 3600);
	fix_done(&f);
}

/* Random histories, once one by one and once in batches */

struct dice {
	uint64_t state;
};

static size_t roll(struct dice *d, size_t sides)
{
	d->state = d->state * 6364136223846793005U + 1442695040888963407U;
	return (size_t)(d->state >> 33) % sides;
}

static const char *account_name(struct store_fix *f, struct dice *d)
{
	return mem_fmt(f->ctx, "acc%zu", roll(d, 4));
}

/* Some of these are refused, some change nothing. */
static void random_change(struct store_fix *f, struct dice *d)
{
	const char *account = account_name(f, d);
	const char *zone = mem_fmt(f->ctx, "%s.example", account_name(f, d));
	const char *number = mem_fmt(f->ctx, "%zu", 60 + roll(d, 4));

	switch (roll(d, 12)) {
	case 0: fix_put(f, &kind_account, "username", account, NULL); break;
	case 1: fix_put(f, &kind_zone, "name", zone, "account", account, NULL); break;
	case 2: fix_put(f, &kind_zone, "name", zone, "ttl", number, NULL); break;
	case 3: fix_del(f, &kind_account, account); break;
	case 4: fix_del(f, &kind_zone, zone); break;
	case 5:
		fix_put(f, &kind_domain, "name", zone, "account", account, "type", "primary", NULL);
		break;
	case 6:
		fix_put(f, &kind_mailbox, "address", mem_fmt(f->ctx, "a@%s", zone), "account",
			account, "password",
			"$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
		break;
	case 7:
		fix_put(f, &kind_account, "username", account, "status",
			roll(d, 2) ? "suspended" : "active", NULL);
		break;
	case 8:
		fix_put(f, &kind_zone, "name", zone, "status", roll(d, 2) ? "disabled" : "active",
			NULL);
		break;
	case 9:
		fix_put(f, &kind_php_config, "account", account, "memory_limit", "64M", NULL);
		break;
	case 10:
		fix_del(f, &kind_record, mem_fmt(f->ctx, "%s/n%s/A/192.0.2.1", zone, number));
		break;
	default:
		fix_put(f, &kind_record, "zone", zone, "name", mem_fmt(f->ctx, "n%s", number),
			"type", "A", "value", "192.0.2.1", NULL);
	}
}

/* What the call returned; the member stands open when it is 1. */
static int random_call(struct store_fix *f, struct dice *d)
{
	struct revision undo = { .actor = "test", .source = "unit", .time = 1700000000 };
	int64_t top = head(f);
	size_t what = roll(d, 10);

	f->problems.n = 0;
	if (what == 0 && top > 0)
		return store_revert(f->s, 1 + (int64_t)roll(d, (size_t)top), &undo, &f->problems,
				    &f->err);
	if (what == 1 && top > 8)
		return store_rollback_to(f->s, top - 1 - (int64_t)roll(d, 8), &undo, &f->problems,
					 &f->err);
	if (what == 2) {
		f->next.idempotency = mem_fmt(f->ctx, "k%zu", roll(d, 8));
		f->next.request = mem_fmt(f->ctx, "d%zu", roll(d, 2));
	}
	if (what == 3)
		f->next.seen_rev = top > 3 ? top - 3 : 0;
	for (size_t n = 1 + roll(d, 3); n > 0; n--)
		random_change(f, d);
	return fix_apply(f);
}

/* What the calls returned. */
static const char *play(struct store_fix *f, uint64_t seed, size_t calls, bool batched)
{
	struct dice d = { .state = seed };
	struct dice sizes = { .state = seed + 1 };
	struct buf b = BUF_ON(f->ctx);
	size_t left = 0;

	for (size_t i = 0; i < calls; i++) {
		bool kept;
		int r;

		if (batched && left == 0) {
			left = 1 + roll(&sizes, 12);
			assert_ok(store_batch_begin(f->s, &f->err), &f->err);
		}
		r = random_call(f, &d);
		kept = roll(&d, 6) > 0;
		buf_printf(&b, "%d %d %zu\n", r, kept, f->problems.n);
		if (r > 0 && kept)
			assert_ok(store_commit(f->s, &f->err), &f->err);
		else if (r > 0)
			store_rollback(f->s);
		if (batched && --left == 0)
			assert_ok(store_batch_commit(f->s, &f->err), &f->err);
	}
	if (left)
		assert_ok(store_batch_commit(f->s, &f->err), &f->err);
	return buf_str(&b);
}

static void put_table(struct store_fix *f, struct buf *b, const char *table)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	cleanup_(sql_done) struct stmt *columns = NULL;
	struct buf text = BUF_ON(f->ctx);

	assert_ok(sql_get(store_sql(f->s),
			  mem_fmt(f->ctx, "SELECT name FROM pragma_table_info('%s')", table),
			  &columns, &f->err),
		  &f->err);
	buf_puts(&text, "SELECT ''");
	while (sql_step(columns, &f->err) > 0)
		buf_printf(&text, "||'|'||quote(\"%s\")", sql_text(columns, 0));
	buf_printf(&text, " FROM \"%s\" ORDER BY 1", table);
	assert_ok(sql_get(store_sql(f->s), buf_str(&text), &st, &f->err), &f->err);
	while (sql_step(st, &f->err) > 0)
		buf_printf(b, "%s%s\n", table, sql_text(st, 0));
}

/* Every row of every table. */
static const char *dump(struct store_fix *f)
{
	static const char *const others[] = { "revision", "change",      "audit",
					      "secret",   "idempotency", "sqlite_sequence" };
	struct buf b = BUF_ON(f->ctx);

	KIND_FOREACH(k)
		put_table(f, &b, k->name);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		put_table(f, &b, others[i]);
	return buf_str(&b);
}

TEST(random_change_sets_in_batches_do_what_they_do_one_by_one)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct store_fix one;
		struct store_fix many;

		fix_open(&one);
		fix_open(&many);
		assert_string_equal(play(&one, seed, 300, false), play(&many, seed, 300, true));
		assert_string_equal(dump(&one), dump(&many));
		assert_true(head(&one) > 20);
		fix_done(&one);
		fix_done(&many);
	}
}

/* "KIND/KEY" of every resource, whose it is, and all its values. */
static void all_of(struct store_fix *f, struct strmap *map)
{
	KIND_FOREACH(k) {
		struct cursor *c;
		void *res;

		assert_ok(cursor_open(f->ctx, f->s, k, NULL, NULL, &c, &f->err), &f->err);
		while (cursor_next(f->ctx, c, &res, &f->err) > 0)
			*strmap_slot(map, res_name(f->ctx, res)) = res;
		(void)talloc_free(c);
	}
}

/* The last op of each resource in revision REV. */
static int note_op(const struct change_row *row, void *arg, struct err *err)
{
	struct strmap *ops = arg;
	const char *name = mem_fmt(ops->ctx, "%s/%s", row->kind, row->key);

	(void)err;
	*strmap_slot(ops, name) =
		mem_fmt(ops->ctx, "%c%s", row->op, row->account ? row->account : "");
	return 0;
}

static void assert_told(struct store_fix *f, const struct strmap *was, const struct strmap *is,
			int64_t rev)
{
	struct strmap ops = STRMAP_ON(f->ctx);

	assert_ok(store_changes(f->s, rev - 1, rev, note_op, &ops, &f->err), &f->err);
	for (size_t i = 0; i < is->n; i++) {
		const char *op = strmap_find(&ops, is->entries[i].key);
		const void *before = strmap_find(was, is->entries[i].key);
		const char *account = NULL;

		if (!before || res_diff(before, is->entries[i].value, NULL, NULL) > 0) {
			if (!op || *op == '-')
				print_error("revision %d: %s: op %s\n", (int)rev,
					    is->entries[i].key, op ? op : "none");
			assert_true(op && *op != '-');
			assert_ok(store_account_of(f->ctx, f->s, is->entries[i].value, &account,
						   &f->err),
				  &f->err);
			if (strcmp(op + 1, account ? account : "") != 0)
				print_error("%s: %s != %s\n", is->entries[i].key, op, account);
			assert_string_equal(op + 1, account ? account : "");
		}
	}
	for (size_t i = 0; i < was->n; i++) {
		if (!strmap_find(is, was->entries[i].key))
			assert_int_equal(*(const char *)strmap_find(&ops, was->entries[i].key),
					 '-');
	}
}

TEST(a_revision_names_every_resource_that_it_changed)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct dice d = { .state = seed };
		struct store_fix f;

		fix_open(&f);
		for (int i = 0; i < 150; i++) {
			struct strmap was = STRMAP_ON(f.ctx);
			struct strmap is = STRMAP_ON(f.ctx);

			all_of(&f, &was);
			if (random_call(&f, &d) > 0) {
				assert_ok(store_commit(f.s, &f.err), &f.err);
				all_of(&f, &is);
				assert_told(&f, &was, &is, head(&f));
			}
		}
		fix_done(&f);
	}
}
