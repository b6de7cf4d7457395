#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/store.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

TEST(every_kind_has_a_table_whose_defaults_pass_their_own_checks)
{
	struct store_fix f;

	fix_open(&f);
	KIND_FOREACH(k) {
		int64_t n = -1;

		assert_non_null(res_new(f.ctx, k));
		assert_true(k->n_fields <= 64);
		assert_ok(store_count(f.s, k, NULL, NULL, &n, &f.err), &f.err);
		assert_int_equal(n, 0);
	}
	fix_done(&f);
}

TEST(a_commit_is_one_revision_and_the_same_again_is_none)
{
	struct store_fix f;
	struct account *a;
	int64_t head;

	fix_open(&f);
	fix_john(&f);
	assert_int_equal(f.rev.rev, 1);
	fix_put(&f, &kind_account, "username", "john", NULL);
	assert_int_equal(fix_commit(&f), 0);
	assert_ok(store_head(f.s, &head, &f.err), &f.err);
	assert_int_equal(head, 1);
	assert_ok(store_get(f.ctx, f.s, &kind_account, "john", &a, &f.err), &f.err);
	assert_string_equal(a->status, "active");
	assert_int_equal(a->base.rev, 1);
	fix_done(&f);
}

TEST(all_problems_of_a_change_set_come_together_and_nothing_is_written)
{
	struct store_fix f;
	int64_t n;

	fix_open(&f);
	fix_put(&f, &kind_account, "username", "john", "package", "nothere", NULL);
	fix_put(&f, &kind_domain, "name", "example.com", "account", "nobodyhere", "type", "primary",
		NULL);
	fix_put(&f, &kind_domain, "name", "r.example.net", "account", "john", "type", "redirect",
		NULL);
	assert_true(fix_commit(&f) < 0);
	assert_int_equal(f.problems.n, 3);
	assert_contains(fix_problems(&f),
			"account/john package: package: there is no package \"nothere\"");
	assert_contains(fix_problems(&f), "there is no account \"nobodyhere\"");
	assert_contains(fix_problems(&f), "domain/r.example.net redirect_to");
	assert_ok(store_count(f.s, &kind_account, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 0);
	fix_done(&f);
}

TEST(a_name_below_another_tenants_domain_is_refused)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_account, "username", "mallory", NULL);
	fix_put(&f, &kind_domain, "name", "x.example.com", "account", "mallory", "type",
		"subdomain", NULL);
	fix_refused(&f, "belongs to another account");
	fix_put(&f, &kind_account, "username", "mallory", NULL);
	fix_put(&f, &kind_mailbox, "address", "boss@example.com", "account", "mallory", NULL);
	fix_refused(&f, "does not belong to account mallory");
	fix_put(&f, &kind_account, "username", "mallory", NULL);
	fix_put(&f, &kind_zone, "name", "dev.example.com", "account", "mallory", NULL);
	fix_refused(&f, "belongs to another account");
	fix_done(&f);
}

TEST(a_cname_stands_alone_and_never_at_the_apex)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "A", "value",
		"192.0.2.1", NULL);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "CNAME", "value",
		"@", NULL);
	fix_refused(&f, "stands alone");
	fix_put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "CNAME", "value",
		"a.example.net", NULL);
	fix_refused(&f, "zone's own name");
	fix_put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "NS", "value", "ns1",
		NULL);
	fix_refused(&f, "needs an A or AAAA");
	fix_done(&f);
}

TEST(an_address_that_a_name_server_lives_on_cannot_go_alone)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "NS", "value", "ns1",
		NULL);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "ns1", "type", "A", "value",
		"192.0.2.1", NULL);
	fix_committed(&f);
	fix_del(&f, &kind_record, "example.com/ns1/A/192.0.2.1");
	fix_refused(&f, "needs an A or AAAA");
	fix_done(&f);
}

TEST(forwarders_may_not_lead_back)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
		"account", "john", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_forwarder, "source", "c@example.com", "destination", "a@example.com",
		"account", "john", NULL);
	fix_refused(&f, "would come back");
	fix_put(&f, &kind_forwarder, "source", "d@example.com", "destination", "d@example.com",
		"account", "john", NULL);
	fix_refused(&f, "forwards to itself");
	fix_done(&f);
}

TEST(what_several_resources_break_together_is_told_once_and_names_the_other)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "x@example.com", "destination", "a@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "c@example.com", "destination", "a@example.com",
		"account", "john", NULL);
	fix_refused(&f, "\"c@example.com\" forwards to \"a@example.com\" again");
	assert_int_equal(f.problems.n, 1);
	assert_true(f.problems.v[0].has_other);
	assert_int_equal(f.problems.v[0].change, 0);
	assert_int_equal(f.problems.v[0].other, 3);

	fix_put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "b@example.com", "destination", "a@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "c@example.com", "destination", "b@example.com",
		"account", "john", NULL);
	fix_put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
		"account", "john", NULL);
	fix_refused(&f, "would come back");
	assert_int_equal(f.problems.n, 2); /* two rings */
	fix_done(&f);
}

TEST(package_limits_hold_when_adding_and_when_the_package_changes)
{
	struct store_fix f;

	fix_open(&f);
	fix_put(&f, &kind_package, "name", "small", "max_email", "1", NULL);
	fix_put(&f, &kind_package, "name", "big", "max_email", "0", "max_domains", "0", NULL);
	fix_put(&f, &kind_account, "username", "john", "package", "big", NULL);
	fix_put(&f, &kind_domain, "name", "example.com", "account", "john", "type", "primary",
		NULL);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	fix_put(&f, &kind_mailbox, "address", "b@example.com", "account", "john", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_account, "username", "john", "package", "small", NULL);
	fix_refused(&f, "allows 1 mailboxes, and account john would have 2");
	fix_del(&f, &kind_package, "big");
	fix_refused(&f, "account/john needs it");
	fix_done(&f);
}

TEST(deleting_an_account_takes_all_that_is_its_and_rollback_brings_it_back_without_old_passwords)
{
	struct store_fix f;
	struct mailbox *m;
	int64_t n;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
		"$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	fix_put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "A", "value",
		"192.0.2.1", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "password",
		"$2b$05$zzzzzzzzzzzzzzzzzzzzzuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	fix_committed(&f);
	assert_int_equal(f.rev.rev, 3);
	fix_del(&f, &kind_account, "john");
	fix_committed(&f);
	KIND_FOREACH(k) {
		assert_ok(store_count(f.s, k, NULL, NULL, &n, &f.err), &f.err);
		assert_int_equal(n, 0);
	}
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_ok(store_rollback_to(f.s, 2, &f.rev, &f.problems, &f.err), &f.err);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(f.rev.rev, 5);
	assert_ok(store_get(f.ctx, f.s, &kind_mailbox, "a@example.com", &m, &f.err), &f.err);
	assert_contains(m->password, "zzzz"); /* the newest password, not that of revision 2 */
	assert_ok(store_count(f.s, &kind_record, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 1);
	fix_done(&f);
}

TEST(a_new_resource_of_a_deleted_ones_name_does_not_inherit_its_password)
{
	struct store_fix f;
	struct mailbox *m;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
		"$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	fix_committed(&f);
	fix_del(&f, &kind_mailbox, "a@example.com");
	fix_committed(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	fix_committed(&f);
	assert_ok(store_get(f.ctx, f.s, &kind_mailbox, "a@example.com", &m, &f.err), &f.err);
	assert_null(m->password);
	fix_done(&f);
}

TEST(reverting_one_revision_keeps_later_ones_and_names_conflicts)
{
	struct store_fix f;
	struct zone *z;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_zone, "name", "example.com", "retry", "900", NULL);
	fix_committed(&f);
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_ok(store_revert(f.s, 2, &f.rev, &f.problems, &f.err), &f.err);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_ok(store_get(f.ctx, f.s, &kind_zone, "example.com", &z, &f.err), &f.err);
	assert_int_equal(z->ttl, 3600);
	assert_int_equal(z->retry, 900);
	fix_put(&f, &kind_zone, "name", "example.com", "retry", "1200", NULL);
	fix_committed(&f);
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_int_equal(store_revert(f.s, 3, &f.rev, &f.problems, &f.err), -ERR_CONFLICT);
	assert_contains(fix_problems(&f), "zone/example.com");
	assert_contains(fix_problems(&f), "changed again in revision 5 by test");
	fix_done(&f);
}

TEST(a_write_based_on_an_older_revision_is_a_conflict_that_names_the_newer)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	fix_committed(&f);
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "900", NULL);
	f.next.seen_rev = 1;
	assert_int_equal(fix_commit(&f), -ERR_CONFLICT);
	assert_contains(fix_problems(&f), "changed in revision 2 by test");
	fix_done(&f);
}

static int with_key(struct store_fix *f, const char *actor, const char *key, const char *request,
		    const char *ttl)
{
	f->next = (struct revision){
		.actor = actor, .idempotency = key, .request = request, .time = f->next.time
	};
	fix_put(f, &kind_zone, "name", "example.com", "ttl", ttl, NULL);
	return fix_commit(f);
}

TEST(an_idempotency_key_makes_a_repeated_write_one)
{
	struct store_fix f;
	int64_t head;

	fix_open(&f);
	fix_john(&f);
	assert_int_equal(with_key(&f, "ann", "k1", NULL, "600"), 1);
	assert_false(f.rev.repeated);
	assert_int_equal(with_key(&f, "bob", "k2", NULL, "900"), 1);
	assert_int_equal(with_key(&f, "ann", "k1", NULL, "600"), 0);
	assert_true(f.rev.repeated);
	assert_int_equal(f.rev.rev, 2);
	assert_ok(store_head(f.s, &head, &f.err), &f.err);
	assert_int_equal(head, 3);
	fix_done(&f);
}

TEST(a_key_of_another_actor_is_another_key)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_int_equal(with_key(&f, "ann", "k1", "d1", "600"), 1);
	assert_int_equal(with_key(&f, "bob", "k1", "d2", "700"), 1);
	assert_int_equal(f.rev.rev, 3);
	fix_done(&f);
}

TEST(a_key_used_for_another_request_is_a_conflict_that_names_the_first_revision)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	assert_int_equal(with_key(&f, "ann", "k1", "d1", "600"), 1);
	assert_int_equal(with_key(&f, "ann", "k1", "d2", "700"), -ERR_CONFLICT);
	assert_string_equal(f.err.msg, "the idempotency key \"k1\" was used for another request, "
				       "which became revision 2; a new request needs a new key");
	assert_int_equal(with_key(&f, "ann", "k1", NULL, "700"), -ERR_CONFLICT);
	assert_int_equal(with_key(&f, "ann", "k1", "d1", "700"), 0);
	fix_done(&f);
}

TEST(a_refused_or_rolled_back_write_leaves_no_key)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	f.next = (struct revision){ .idempotency = "k1" };
	fix_put(&f, &kind_zone, "name", "example.org", "account", "nobody1", NULL);
	fix_refused(&f, "there is no account");
	f.next = (struct revision){ .idempotency = "k1" };
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "900", NULL);
	assert_int_equal(fix_apply(&f), 1);
	store_rollback(f.s);
	f.next = (struct revision){ .idempotency = "k1" };
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "700", NULL);
	fix_committed(&f);
	fix_done(&f);
}

static int64_t count_keys(struct store_fix *f)
{
	cleanup_(sql_done) struct stmt *st = NULL;

	assert_ok(sql_get(store_sql(f->s), "SELECT count(*) FROM idempotency", &st, &f->err),
		  &f->err);
	assert_int_equal(sql_step(st, &f->err), 1);
	return sql_int(st, 0);
}

TEST(keys_are_kept_for_a_day_and_then_go_two_for_each_that_comes)
{
	enum {
		DAY = 24 * 3600,
		FIRST = 1700000000
	};
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	for (int i = 0; i < 10; i++) {
		f.next.time = FIRST + i;
		assert_int_equal(
			with_key(&f, "ann", mem_fmt(f.ctx, "k%d", i), NULL, i % 2 ? "600" : "700"),
			1);
	}
	f.next.time = FIRST + DAY;
	assert_int_equal(with_key(&f, "ann", "k0", NULL, "60"), 0);
	for (int i = 0; i < 5; i++) {
		f.next.time = FIRST + 2 * DAY + i;
		assert_int_equal(
			with_key(&f, "ann", mem_fmt(f.ctx, "n%d", i), NULL, i % 2 ? "800" : "900"),
			1);
	}
	assert_int_equal(count_keys(&f), 5);
	f.next.time = FIRST + 2 * DAY + 9;
	assert_int_equal(with_key(&f, "ann", "k0", NULL, "60"), 1);
	fix_done(&f);
}

TEST(no_secret_stands_in_a_changeset)
{
	struct store_fix f;
	struct stmt *st = NULL;
	size_t len;
	const char *blob;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
		"$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	fix_committed(&f);
	assert_ok(
		sql_get(store_sql(f.s), "SELECT changeset FROM revision WHERE rev=2", &st, &f.err),
		&f.err);
	assert_int_equal(sql_step(st, &f.err), 1);
	blob = sql_blob(st, 0, &len);
	assert_non_null(memmem(blob, len, "a@example.com", 13));
	assert_null(memmem(blob, len, "abcdefghijkl", 12));
	sql_done(&st);
	fix_done(&f);
}

/* The file's user_version, four bytes at 60 of its header, is set to 255 and then to -1. */
TEST(a_schema_version_that_is_not_known_is_refused)
{
	static const char *const versions[] = { "\0\0\0\xff", "\xff\xff\xff\xff" };
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "t");
	const char *path = mem_fmt(ctx, "%s/model.db", test_tmpdir());
	struct err err = ERR_INIT;
	struct store *s = NULL;

	assert_ok(store_open(ctx, path, false, &s, &err), &err);
	(void)talloc_free(s);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		assert_int_equal(pwrite(fd, versions[i], 4, 60), 4);
		(void)close(fd);
		assert_int_equal(store_open(ctx, path, false, &s, &err), -ERR_CONFLICT);
		assert_contains(err.msg, "schema version");
	}
}

static const char *query_plan(struct store_fix *f, const char *text)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf b = BUF_ON(f->ctx);

	assert_ok(sql_get(store_sql(f->s), mem_fmt(f->ctx, "EXPLAIN QUERY PLAN %s", text), &st,
			  &f->err),
		  &f->err);
	while (sql_step(st, &f->err) > 0)
		buf_printf(&b, "%s\n", sql_text(st, 3));
	return buf_str(&b);
}

TEST(every_reference_and_parent_is_found_by_an_index)
{
	struct store_fix f;

	fix_open(&f);
	KIND_FOREACH(k) {
		FIELD_FOREACH(ref, k) {
			const char *plan;

			if (ref->type != FIELD_REF)
				continue;
			plan = query_plan(&f, mem_fmt(f.ctx, "SELECT id FROM \"%s\" WHERE \"%s\"=?",
						      k->name, ref->name));
			if (!strstr(plan, "SEARCH"))
				print_error("%s.%s has no index\n", k->name, ref->name);
			assert_contains(plan, "SEARCH");
		}
	}
	fix_done(&f);
}

/* What the API's lists ask; newest first is by number, for numbers only grow. */
TEST(lists_of_the_api_are_answered_by_indexes)
{
	static const char *const texts[] = {
		"SELECT a.id FROM user u JOIN account a ON a.user=u.username WHERE u.reseller=?",
		"SELECT a.id FROM account a JOIN user u ON u.username=a.user WHERE a.id=?",
		"SELECT count(*) FROM domain WHERE account=?",
		"SELECT m.id FROM mailbox m WHERE m.account=? ORDER BY m.id",
		"SELECT m.id FROM domain d JOIN mailbox m ON m.domain=d.name WHERE d.account=?",
		"SELECT r.id FROM zone z JOIN record r ON r.zone=z.name WHERE z.account=?",
		"SELECT z.account FROM record r JOIN zone z ON z.name=r.zone WHERE r.id=?",
		"SELECT count(*) FROM database WHERE account=?",
		"SELECT count(*) FROM ftp_account WHERE account=?",
		"SELECT count(*) FROM account WHERE package=?",
		"SELECT id FROM package WHERE owner=? OR owner IS NULL",
		"SELECT id FROM user WHERE email=?",
		"SELECT rev FROM change WHERE kind=? AND key=? ORDER BY rev DESC LIMIT 1",
	};
	struct store_fix f;

	fix_open(&f);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *plan = query_plan(&f, texts[i]);

		if (strstr(plan, "SCAN"))
			print_error("%s\n%s\n", texts[i], plan);
		assert_null(strstr(plan, "SCAN"));
	}
	assert_string_equal(query_plan(&f, "SELECT id FROM account ORDER BY id DESC LIMIT 25"),
			    "SCAN account\n"); /* backwards from the last, with no sort */
	fix_done(&f);
}
