#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/store_priv.h"
#include "tests/support/store_fix.h"
#include "tests/support/testing.h"

#define HASH "$2b$05$abcdefghijklmnopqrstuuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1"

struct listed {
	void *ctx;
	struct buf text;
	int64_t total;
};

static int add_row(const struct audit_row *row, void *arg, struct err *err)
{
	struct listed *l = arg;

	(void)err;
	buf_printf(&l->text, "%s %s %s %s\n", row->actor, row->action,
		   audit_outcome_name(row->outcome), row->resource ? row->resource : "-");
	return 0;
}

/* "ACTOR ACTION OUTCOME RESOURCE" a row, newest first. */
static const char *list(struct store_fix *f, struct audit_query q, int64_t *ret_total)
{
	struct listed l = { .text = BUF_ON(f->ctx) };

	assert_ok(store_audit_list(f->s, &q, add_row, &l, &l.total, &f->err), &f->err);
	if (ret_total)
		*ret_total = l.total;
	return buf_str(&l.text);
}

static int keep_detail(const struct audit_row *row, void *arg, struct err *err)
{
	struct store_fix *f = arg;

	(void)err;
	f->rev.address = mem_str(f->ctx, row->address);
	f->rev.actor_id = row->actor_id;
	f->rev.via = mem_str(f->ctx, row->via);
	f->rev.action = mem_str(f->ctx, row->action);
	f->rev.message = mem_str(f->ctx, row->detail);
	return 0;
}

/* Of the newest row; the rest of it is in f->rev. */
static const char *detail(struct store_fix *f)
{
	struct audit_query q = { .limit = 1 };

	assert_ok(store_audit_list(f->s, &q, keep_detail, f, NULL, &f->err), &f->err);
	return f->rev.message;
}

TEST(a_revision_says_who_changed_what_from_where_with_the_values_before_and_after)
{
	struct store_fix f;
	struct revision rev;

	fix_open(&f);
	fix_john(&f);
	f.next = (struct revision){ .actor = "ann",
				    .actor_id = 7,
				    .address = "2001:db8::1",
				    .via = "session",
				    .action = "dns.update-zone" };
	fix_put(&f, &kind_zone, "name", "example.com", "ttl", "600", NULL);
	fix_committed(&f);
	assert_string_equal(detail(&f),
			    "{\"changes\":[{\"op\":\"~\",\"resource\":\"zone/example.com\","
			    "\"before\":{\"ttl\":3600},\"after\":{\"ttl\":600}}]}");
	assert_string_equal(f.rev.address, "2001:db8::1");
	assert_string_equal(f.rev.via, "session");
	assert_string_equal(f.rev.action, "dns.update-zone");
	assert_int_equal(f.rev.actor_id, 7);
	assert_ok(store_revision(f.ctx, f.s, 2, &rev, &f.err), &f.err);
	assert_string_equal(rev.address, "2001:db8::1");
	assert_string_equal(rev.via, "session");
	assert_string_equal(rev.action, "dns.update-zone");
	assert_int_equal(rev.actor_id, 7);
	fix_del(&f, &kind_zone, "example.com");
	fix_committed(&f);
	assert_contains(detail(&f),
			"\"op\":\"-\",\"resource\":\"zone/example.com\",\"before\":{\"name\":"
			"\"example.com\",\"account\":\"john\",\"status\":\"active\"");
	assert_contains(detail(&f), "\"after\":null");
	assert_string_equal(f.rev.action, "commit");
	fix_done(&f);
}

TEST(the_audit_log_knows_that_a_secret_changed_and_never_what_it_is)
{
	struct store_fix f;

	fix_open(&f);
	fix_john(&f);
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "account", "john", "password", HASH,
		NULL);
	fix_committed(&f);
	assert_contains(detail(&f), "\"password\":\"(secret)\"");
	assert_null(strstr(detail(&f), "abcdefgh"));
	fix_put(&f, &kind_mailbox, "address", "a@example.com", "password",
		"$2b$05$zzzzzzzzzzzzzzzzzzzzzuJ7Zv1zTqKq4y9WJjvQ1q1q1q1q1q1q1", NULL);
	fix_committed(&f);
	assert_string_equal(
		detail(&f),
		"{\"changes\":[{\"op\":\"~\",\"resource\":\"mailbox/a@example.com\","
		"\"before\":{\"password\":\"(secret)\"},\"after\":{\"password\":\"(secret)\"}}]}");
	fix_done(&f);
}

TEST(texts_in_details_are_json_and_long_ones_are_cut_between_characters)
{
	struct store_fix f;
	char css[3000] = "a\n\t";

	fix_open(&f);
	for (size_t i = 3; i + 2 < sizeof(css); i += 2)
		(void)snprintf(css + i, 3, "é");
	fix_put(&f, &kind_user, "username", "resale", "role", "reseller", "contact_name",
		"Ann \"\\\" O'Hara", NULL);
	fix_put(&f, &kind_branding, "reseller", "resale", "custom_css", css, NULL);
	fix_committed(&f);
	assert_contains(detail(&f), "\"custom_css\":\"a\\u000a\\u0009é");
	assert_contains(detail(&f), "\"contact_name\":\"Ann \\\"\\\\\\\" O'Hara\"");
	assert_contains(detail(&f), "éé…\"");
	assert_true(strlen(detail(&f)) < 2000);
	fix_done(&f);
}

TEST(the_detail_of_a_large_change_set_ends_with_how_many_more_there_were)
{
	struct store_fix f;
	const char *text;

	fix_open(&f);
	fix_john(&f);
	for (int i = 0; i < 2000; i++)
		fix_put(&f, &kind_record, "zone", "example.com", "name",
			mem_fmt(f.ctx, "host%d", i), "type", "A", "value", "192.0.2.1", NULL);
	fix_committed(&f);
	text = detail(&f);
	assert_true(strlen(text) <= AUDIT_DETAIL_MAX);
	assert_true(strlen(text) > AUDIT_DETAIL_MAX - 1024);
	assert_contains(text, "],\"more\":");
	assert_int_equal(text[strlen(text) - 1], '}');
	fix_done(&f);
}

static void add(struct store_fix *f, int64_t time, const char *actor, const char *action,
		enum audit_outcome outcome)
{
	struct audit_row row = { .time = time,
				 .actor = actor,
				 .address = "192.0.2.9",
				 .source = "api",
				 .action = action,
				 .outcome = outcome,
				 .resource = "account/x",
				 .detail = "{}" };

	assert_ok(store_audit_add(f->s, &row, &f->err), &f->err);
}

static void three(struct store_fix *f)
{
	add(f, 100, "Ann", "login", AUDIT_DONE);
	add(f, 200, "bo_b", "account.create", AUDIT_REFUSED);
	add(f, 200, "boxb", "account.delete", AUDIT_FAILED);
}

TEST(what_was_refused_is_logged_and_found_by_user_action_and_time)
{
	struct store_fix f;
	int64_t total;

	fix_open(&f);
	three(&f);
	assert_string_equal(list(&f, (struct audit_query){ .user = NULL }, &total),
			    "boxb account.delete failed account/x\n"
			    "bo_b account.create refused account/x\n"
			    "Ann login done account/x\n");
	assert_int_equal(total, 3);
	assert_string_equal(list(&f, (struct audit_query){ .user = "O_B" }, &total),
			    "bo_b account.create refused account/x\n");
	assert_int_equal(total, 1);
	assert_string_equal(list(&f, (struct audit_query){ .action = "LOG" }, NULL),
			    "Ann login done account/x\n");
	assert_string_equal(
		list(&f, (struct audit_query){ .from = 101, .limit = 1, .offset = 1 }, &total),
		"bo_b account.create refused account/x\n");
	assert_int_equal(total, 2);
	assert_string_equal(list(&f, (struct audit_query){ .to = 200 }, &total),
			    "Ann login done account/x\n");
	assert_int_equal(total, 1);
	fix_done(&f);
}

TEST(audit_rows_cannot_be_changed_or_deleted)
{
	struct store_fix f;

	fix_open(&f);
	three(&f);
	assert_true(sql_exec(store_sql(f.s), "UPDATE audit SET actor='x'", &f.err) < 0);
	assert_contains(f.err.msg, "append-only");
	assert_true(sql_exec(store_sql(f.s), "DELETE FROM audit", &f.err) < 0);
	assert_contains(list(&f, (struct audit_query){ .user = NULL }, NULL), "bo_b");
	fix_done(&f);
}

TEST(a_detail_over_its_cap_is_refused)
{
	struct store_fix f;
	char *big;
	struct audit_row row = { .time = 1, .actor = "a", .source = "api", .action = "x" };

	fix_open(&f);
	big = mem_zero(f.ctx, AUDIT_DETAIL_MAX + 2);
	memset(big, 'x', AUDIT_DETAIL_MAX + 1);
	row.detail = big;
	assert_int_equal(store_audit_add(f.s, &row, &f.err), -ERR_TOOBIG);
	fix_done(&f);
}

static void assert_no_sort(struct store_fix *f, const char *text, const char *how)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf b = BUF_ON(f->ctx);

	assert_ok(sql_get(store_sql(f->s), mem_fmt(f->ctx, "EXPLAIN QUERY PLAN %s", text), &st,
			  &f->err),
		  &f->err);
	while (sql_step(st, &f->err) > 0)
		buf_printf(&b, "%s\n", sql_text(st, 3));
	assert_contains(buf_str(&b), how);
	assert_null(strstr(buf_str(&b), "TEMP B-TREE"));
	assert_null(strstr(buf_str(&b), "SCAN audit\n"));
}

TEST(the_audit_log_is_listed_and_counted_by_its_index_without_sorting)
{
	struct store_fix f;

	fix_open(&f);
	assert_no_sort(&f, audit_list_sql, "USING INDEX audit_time");
	assert_no_sort(&f, audit_count_sql, "USING COVERING INDEX audit_time");
	fix_done(&f);
}
