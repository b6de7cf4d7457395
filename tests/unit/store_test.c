#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/store.h"
#include "tests/support/testing.h"

/* A store in memory and a change set to fill. */
struct fix {
	void *ctx;
	struct store *s;
	struct changeset cs;
	struct problems problems;
	struct revision rev;
	struct err err;
};

static void setup(struct fix *f)
{
	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	f->cs.ctx = f->problems.ctx = f->ctx;
	assert_ok(store_open(f->ctx, ":memory:", false, &f->s, &f->err), &f->err);
}

static void done(struct fix *f)
{
	mem_freep(&f->ctx);
}

/* put(f, &kind_x, "field", "text", …, NULL) */
static void put(struct fix *f, const struct kind *k, ...)
{
	struct change *c = changeset_add(&f->cs, CHANGE_PUT, k);
	const char *name;
	va_list ap;

	va_start(ap, k);
	while ((name = va_arg(ap, const char *))) {
		const struct field *field = kind_field(k, name);
		struct value v = field_value_of_text(f->ctx, field, va_arg(ap, const char *));

		assert_non_null(field);
		assert_ok(change_set(f->ctx, c, field, &v, &f->err), &f->err);
	}
	va_end(ap);
}

static void del(struct fix *f, const struct kind *k, const char *key)
{
	struct change *c = changeset_add(&f->cs, CHANGE_DELETE, k);

	assert_ok(res_set_key(f->ctx, c->res, key, &f->err), &f->err);
}

static int commit(struct fix *f)
{
	int r;

	f->rev = (struct revision){ .actor = "test",
				    .source = "unit",
				    .time = 1700000000,
				    .seen_rev = f->rev.seen_rev,
				    .idempotency = f->rev.idempotency };
	f->problems.n = 0;
	r = store_apply(f->s, &f->cs, &f->rev, &f->problems, &f->err);
	f->cs.n = 0;
	if (r > 0)
		assert_ok(store_commit(f->s, &f->err), &f->err);
	return r;
}

static const char *problems_text(struct fix *f)
{
	struct buf b = BUF_ON(f->ctx);

	for (size_t i = 0; i < f->problems.n; i++)
		buf_printf(&b, "%s %s: %s\n", f->problems.v[i].resource,
			   f->problems.v[i].field ? f->problems.v[i].field : "-",
			   f->problems.v[i].msg);
	return buf_str(&b);
}

static void must_refuse(struct fix *f, const char *text)
{
	int r = commit(f);

	if (r >= 0)
		print_error("was taken: %s\n", text);
	assert_true(r < 0);
	assert_contains(problems_text(f), text);
}

static void must_commit(struct fix *f)
{
	int r = commit(f);

	if (r != 1)
		print_error("%s\n", problems_text(f));
	assert_int_equal(r, 1);
}

static void john(struct fix *f)
{
	put(f, &kind_account, "username", "john", NULL);
	put(f, &kind_domain, "name", "example.com", "account", "john", "type", "primary", NULL);
	put(f, &kind_zone, "name", "example.com", "account", "john", NULL);
	must_commit(f);
}

TEST(every_kind_has_a_table_whose_defaults_pass_their_own_checks)
{
	struct fix f;

	setup(&f);
	KIND_FOREACH(k) {
		int64_t n = -1;

		assert_non_null(res_new(f.ctx, k));
		assert_true(k->n_fields <= 64);
		assert_ok(store_count(f.s, k, NULL, NULL, &n, &f.err), &f.err);
		assert_int_equal(n, 0);
	}
	done(&f);
}

TEST(a_commit_is_one_revision_and_the_same_again_is_none)
{
	struct fix f;
	struct account *a;
	int64_t head;

	setup(&f);
	john(&f);
	assert_int_equal(f.rev.rev, 1);
	put(&f, &kind_account, "username", "john", NULL);
	assert_int_equal(commit(&f), 0);
	assert_ok(store_head(f.s, &head, &f.err), &f.err);
	assert_int_equal(head, 1);
	assert_ok(store_get(f.ctx, f.s, &kind_account, "john", &a, &f.err), &f.err);
	assert_string_equal(a->status, "active");
	assert_int_equal(a->base.rev, 1);
	done(&f);
}

TEST(all_problems_of_a_change_set_come_together_and_nothing_is_written)
{
	struct fix f;
	int64_t n;

	setup(&f);
	put(&f, &kind_account, "username", "john", "package", "nothere", NULL);
	put(&f, &kind_domain, "name", "example.com", "account", "nobodyhere", "type", "primary",
	    NULL);
	put(&f, &kind_domain, "name", "r.example.net", "account", "john", "type", "redirect", NULL);
	assert_true(commit(&f) < 0);
	assert_int_equal(f.problems.n, 3);
	assert_contains(problems_text(&f),
			"account/john package: package: there is no package \"nothere\"");
	assert_contains(problems_text(&f), "there is no account \"nobodyhere\"");
	assert_contains(problems_text(&f), "domain/r.example.net redirect_to");
	assert_ok(store_count(f.s, &kind_account, NULL, NULL, &n, &f.err), &f.err);
	assert_int_equal(n, 0);
	done(&f);
}

TEST(a_name_below_another_tenants_domain_is_refused)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_account, "username", "mallory", NULL);
	put(&f, &kind_domain, "name", "x.example.com", "account", "mallory", "type", "subdomain",
	    NULL);
	must_refuse(&f, "belongs to another account");
	put(&f, &kind_account, "username", "mallory", NULL);
	put(&f, &kind_mailbox, "address", "boss@example.com", "account", "mallory", NULL);
	must_refuse(&f, "does not belong to account mallory");
	put(&f, &kind_account, "username", "mallory", NULL);
	put(&f, &kind_zone, "name", "dev.example.com", "account", "mallory", NULL);
	must_refuse(&f, "belongs to another account");
	done(&f);
}

TEST(a_cname_stands_alone_and_never_at_the_apex)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "A", "value",
	    "192.0.2.1", NULL);
	put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "CNAME", "value", "@",
	    NULL);
	must_refuse(&f, "stands alone");
	put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "CNAME", "value",
	    "a.example.net", NULL);
	must_refuse(&f, "zone's own name");
	put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "NS", "value", "ns1",
	    NULL);
	must_refuse(&f, "needs an A or AAAA");
	done(&f);
}

TEST(an_address_that_a_name_server_lives_on_cannot_go_alone)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_record, "zone", "example.com", "name", "@", "type", "NS", "value", "ns1",
	    NULL);
	put(&f, &kind_record, "zone", "example.com", "name", "ns1", "type", "A", "value",
	    "192.0.2.1", NULL);
	must_commit(&f);
	del(&f, &kind_record, "example.com/ns1/A/192.0.2.1");
	must_refuse(&f, "needs an A or AAAA");
	done(&f);
}

TEST(forwarders_may_not_lead_back)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
	    "account", "john", NULL);
	must_commit(&f);
	put(&f, &kind_forwarder, "source", "c@example.com", "destination", "a@example.com",
	    "account", "john", NULL);
	must_refuse(&f, "would come back");
	put(&f, &kind_forwarder, "source", "d@example.com", "destination", "d@example.com",
	    "account", "john", NULL);
	must_refuse(&f, "forwards to itself");
	done(&f);
}

TEST(what_several_resources_break_together_is_told_once_and_names_the_other)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "x@example.com", "destination", "a@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "c@example.com", "destination", "a@example.com",
	    "account", "john", NULL);
	must_refuse(&f, "\"c@example.com\" forwards to \"a@example.com\" again");
	assert_int_equal(f.problems.n, 1);
	assert_true(f.problems.v[0].has_other);
	assert_int_equal(f.problems.v[0].change, 0);
	assert_int_equal(f.problems.v[0].other, 3);

	put(&f, &kind_forwarder, "source", "a@example.com", "destination", "b@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "b@example.com", "destination", "a@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "c@example.com", "destination", "b@example.com",
	    "account", "john", NULL);
	put(&f, &kind_forwarder, "source", "b@example.com", "destination", "c@example.com",
	    "account", "john", NULL);
	must_refuse(&f, "would come back");
	assert_int_equal(f.problems.n, 2); /* two rings */
	done(&f);
}

TEST(package_limits_hold_when_adding_and_when_the_package_changes)
{
	struct fix f;

	setup(&f);
	put(&f, &kind_package, "name", "small", "max_email", "1", NULL);
	put(&f, &kind_package, "name", "big", "max_email", "0", "max_domains", "0", NULL);
	put(&f, &kind_account, "username", "john", "package", "big", NULL);
	put(&f, &kind_domain, "name", "example.com", "account", "john", "type", "primary", NULL);
	put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	put(&f, &kind_mailbox, "address", "b@example.com", "account", "john", NULL);
	must_commit(&f);
	put(&f, &kind_account, "username", "john", "package", "small", NULL);
	must_refuse(&f, "allows 1 mailboxes, and account john would have 2");
	del(&f, &kind_package, "big");
	must_refuse(&f, "account/john needs it");
	done(&f);
}

TEST(deleting_an_account_takes_all_that_is_its_and_rollback_brings_it_back_without_old_passwords)
{
	struct fix f;
	struct mailbox *m;
	int64_t n;

	setup(&f);
	john(&f);
	put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
	    "$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	put(&f, &kind_record, "zone", "example.com", "name", "www", "type", "A", "value",
	    "192.0.2.1", NULL);
	must_commit(&f);
	put(&f, &kind_mailbox, "address", "a@example.com", "password",
	    "$2b$05$zzzzzzzzzzzzzzzzzzzzzuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	must_commit(&f);
	assert_int_equal(f.rev.rev, 3);
	del(&f, &kind_account, "john");
	must_commit(&f);
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
	done(&f);
}

TEST(a_new_resource_of_a_deleted_ones_name_does_not_inherit_its_password)
{
	struct fix f;
	struct mailbox *m;

	setup(&f);
	john(&f);
	put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
	    "$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	must_commit(&f);
	del(&f, &kind_mailbox, "a@example.com");
	must_commit(&f);
	put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", NULL);
	must_commit(&f);
	assert_ok(store_get(f.ctx, f.s, &kind_mailbox, "a@example.com", &m, &f.err), &f.err);
	assert_null(m->password);
	done(&f);
}

TEST(reverting_one_revision_keeps_later_ones_and_names_conflicts)
{
	struct fix f;
	struct zone *z;

	setup(&f);
	john(&f);
	put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	must_commit(&f);
	put(&f, &kind_zone, "name", "example.com", "retry", "900", NULL);
	must_commit(&f);
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_ok(store_revert(f.s, 2, &f.rev, &f.problems, &f.err), &f.err);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_ok(store_get(f.ctx, f.s, &kind_zone, "example.com", &z, &f.err), &f.err);
	assert_int_equal(z->ttl, 3600);
	assert_int_equal(z->retry, 900);
	put(&f, &kind_zone, "name", "example.com", "retry", "1200", NULL);
	must_commit(&f);
	f.rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_int_equal(store_revert(f.s, 3, &f.rev, &f.problems, &f.err), -ERR_CONFLICT);
	assert_contains(problems_text(&f), "zone/example.com");
	assert_contains(problems_text(&f), "changed again in revision 5 by test");
	done(&f);
}

TEST(a_write_based_on_an_older_revision_is_a_conflict_that_names_the_newer)
{
	struct fix f;

	setup(&f);
	john(&f);
	put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	must_commit(&f);
	put(&f, &kind_zone, "name", "example.com", "ttl", "900", NULL);
	f.rev.seen_rev = 1;
	assert_int_equal(commit(&f), -ERR_CONFLICT);
	assert_contains(problems_text(&f), "changed in revision 2 by test");
	done(&f);
}

TEST(an_idempotency_key_makes_a_repeated_write_one)
{
	struct fix f;
	int64_t head;

	setup(&f);
	john(&f);
	f.rev.idempotency = "k1";
	put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	must_commit(&f);
	f.rev.idempotency = "k1";
	put(&f, &kind_zone, "name", "example.com", "ttl", "700", NULL);
	assert_int_equal(commit(&f), 0);
	assert_int_equal(f.rev.rev, 2);
	assert_ok(store_head(f.s, &head, &f.err), &f.err);
	assert_int_equal(head, 2);
	done(&f);
}

TEST(no_secret_stands_in_a_changeset)
{
	struct fix f;
	struct stmt *st = NULL;
	size_t len;
	const char *blob;

	setup(&f);
	john(&f);
	put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password",
	    "$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	must_commit(&f);
	assert_ok(
		sql_get(store_sql(f.s), "SELECT changeset FROM revision WHERE rev=2", &st, &f.err),
		&f.err);
	assert_int_equal(sql_step(st, &f.err), 1);
	blob = sql_blob(st, 0, &len);
	assert_non_null(memmem(blob, len, "a@example.com", 13));
	assert_null(memmem(blob, len, "abcdefghijkl", 12));
	sql_done(&st);
	done(&f);
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
