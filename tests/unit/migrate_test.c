#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/store_priv.h"
#include "tests/support/model_1.h"
#include "tests/support/testing.h"

#include "base/macro.h"

struct fix {
	void *ctx;
	const char *folder, *path;
	struct store *s;
	struct err err;
};

static void open_store(struct fix *f)
{
	assert_ok(store_open(f->ctx, f->path, false, &f->s, &f->err), &f->err);
}

/* A file of version 1, as model_1 has it, and then somebody's statement. */
static void setup_with(struct fix *f, const char *name, const char *more)
{
	struct sql *db;

	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	f->folder = mem_fmt(f->ctx, "%s/%s", test_tmpdir(), name);
	assert_int_equal(mkdir(f->folder, 0700), 0);
	f->path = mem_fmt(f->ctx, "%s/model.db", f->folder);
	assert_ok(sql_open(f->ctx, f->path, SQL_CREATE, &db, &f->err), &f->err);
	for (size_t i = 0; i < ARRAY_LEN(model_1); i++)
		assert_ok(sql_exec(db, model_1[i], &f->err), &f->err);
	assert_ok(sql_exec(db, more, &f->err), &f->err);
	(void)talloc_free(db);
}

static void setup(struct fix *f, const char *name)
{
	setup_with(f, name, "");
}

static int open_guarded(struct fix *f)
{
	int dir = open(f->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	assert_true(dir >= 0);
	r = store_open_guarded(f->ctx, dir, &f->s, &f->err);
	(void)close(dir);
	return r;
}

static void done(struct fix *f)
{
	mem_freep(&f->ctx);
}

/* The first column of every row of TEXT, a line each. */
static const char *rows(struct fix *f, struct store *s, const char *text)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct buf b = BUF_ON(f->ctx);

	assert_ok(sql_get(store_sql(s), text, &st, &f->err), &f->err);
	while (sql_step(st, &f->err) > 0)
		buf_printf(&b, "%s\n", sql_text(st, 0));
	return buf_str(&b);
}

TEST(a_file_of_version_1_is_brought_on_with_all_that_is_in_it)
{
	struct fix f;
	struct mailbox *m;
	struct revision rev;
	struct zone *z;

	setup(&f, "data");
	open_store(&f);
	assert_ok(store_get(f.ctx, f.s, &kind_zone, "anna.example", &z, &f.err), &f.err);
	assert_int_equal(z->ttl, 600);
	assert_int_equal(z->base.rev, 2);
	assert_ok(store_revision(f.ctx, f.s, 1, &rev, &f.err), &f.err);
	assert_string_equal(rev.actor, "root");
	assert_string_equal(rev.message, "First");
	assert_int_equal(rev.changes, 10);
	assert_null(rev.address);
	assert_string_equal(rows(&f, f.s,
				 "SELECT rev||' '||action||' '||outcome||' '||resource "
				 "FROM audit WHERE rev=2"),
			    "2 commit done zone/anna.example\n");
	assert_string_equal(
		rows(&f, f.s, "SELECT json_extract(detail, '$.text') FROM audit WHERE rev=2"),
		"~zone/anna.example\n\n");
	/* what revision 3 deleted comes back from its changeset, with the password */
	rev = (struct revision){ .actor = "test", .source = "unit", .time = 1 };
	assert_int_equal(store_revert(f.s, 3, &rev, &(struct problems){ .ctx = f.ctx }, &f.err), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_ok(store_get(f.ctx, f.s, &kind_mailbox, "info@anna.example", &m, &f.err), &f.err);
	assert_int_equal(m->quota_mb, 100);
	assert_non_null(m->password);
	done(&f);
}

TEST(keys_of_version_1_are_known_to_their_actor_afterwards)
{
	struct fix f;
	struct changeset cs = { 0 };
	struct revision rev = { .actor = "root", .source = "unit", .time = 1, .idempotency = "k1" };
	struct problems problems = { 0 };

	setup(&f, "keys");
	open_store(&f);
	cs.ctx = problems.ctx = f.ctx;
	assert_int_equal(store_apply(f.s, &cs, &rev, &problems, &f.err), 0);
	assert_true(rev.repeated);
	assert_int_equal(rev.rev, 2);
	done(&f);
}

static int tell(const struct difference *d, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%c%s/%s", d->op, d->kind->name, d->key);
	for (size_t i = 0; d->op == '~' && i < d->kind->n_fields; i++) {
		if (d->fields & UINT64_C(1) << i)
			buf_printf(b, " %s", d->kind->fields[i].name);
	}
	buf_putc(b, '\n');
	return 0;
}

TEST(revisions_of_version_1_are_told_and_undone_like_new_ones)
{
	struct fix f;
	struct buf b;
	struct trial t = { 0 };
	struct revision rev = { .actor = "test", .source = "unit", .time = 1, .confirm_until = 2 };
	struct problems problems;

	setup(&f, "history");
	open_store(&f);
	b = (struct buf)BUF_ON(f.ctx);
	problems = (struct problems){ .ctx = f.ctx };
	assert_ok(store_diff(f.s, 0, 3, tell, &b, &f.err), &f.err);
	assert_contains(buf_str(&b), "+zone/anna.example\n");
	assert_null(strstr(buf_str(&b), "mailbox")); /* came in 1, went in 3 */
	buf_clear(&b);
	assert_ok(store_diff(f.s, 1, 3, tell, &b, &f.err), &f.err);
	assert_string_equal(buf_str(&b), "~zone/anna.example ttl\n-mailbox/info@anna.example\n");
	assert_int_equal(store_revert(f.s, 2, &rev, &problems, &f.err), 1);
	assert_ok(store_commit(f.s, &f.err), &f.err);
	assert_int_equal(store_trial(f.ctx, f.s, 4, &t, &f.err), 1);
	assert_int_equal(t.until, 2);
	done(&f);
}

/* Names, types and order of all columns, and what is indexed. */
static const char schema_sql[] =
	"SELECT m.name||'.'||c.cid||' '||c.name||' '||c.type||' '||c.\"notnull\"||' '||c.pk "
	"FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type='table' "
	"UNION ALL SELECT 'index '||m.tbl_name||' '||l.name||' '||l.\"unique\"||' '||c.seqno||' '||c.name "
	"FROM sqlite_schema m, pragma_index_list(m.name) l, pragma_index_info(l.name) c "
	"WHERE m.type='table' "
	"UNION ALL SELECT 'trigger '||name||' '||sql FROM sqlite_schema WHERE type='trigger' "
	"ORDER BY 1";

TEST(a_file_that_was_brought_on_has_the_schema_of_a_new_one)
{
	struct fix f;
	struct store *fresh;

	setup(&f, "schema");
	open_store(&f);
	assert_ok(store_open(f.ctx, ":memory:", false, &fresh, &f.err), &f.err);
	assert_string_equal(rows(&f, f.s, schema_sql), rows(&f, fresh, schema_sql));
	assert_ok(store_schema_is_ours(store_sql(f.s), NULL, &f.err), &f.err);
	assert_string_equal(rows(&f, f.s, "PRAGMA integrity_check"), "ok\n");
	done(&f);
}

TEST(a_reader_says_that_an_old_file_waits_for_a_writer)
{
	struct fix f;

	setup(&f, "reader");
	assert_int_equal(store_open(f.ctx, f.path, true, &f.s, &f.err), -ERR_CONFLICT);
	assert_contains(f.err.msg, "schema version 1");
	open_store(&f);
	done(&f);
}

TEST(root_brings_on_an_old_file_of_somebody_else)
{
	struct fix f;

	setup(&f, "guarded");
	assert_ok(open_guarded(&f), &f.err);
	assert_string_equal(rows(&f, f.s, "SELECT address FROM mailbox"), "");
	assert_string_equal(rows(&f, f.s, "SELECT username FROM account"), "anna\n");
	done(&f);
}

/* What stands in the schema would run with root's rights while the file is brought on. */
TEST(root_brings_on_no_old_file_with_anything_in_its_schema_that_was_not_ours)
{
	static const char *const more[] = {
		"CREATE TRIGGER t AFTER UPDATE ON account BEGIN DELETE FROM zone; END",
		"CREATE INDEX i ON account(hex(username))",
		"CREATE TABLE x(a)",
		"CREATE VIEW v AS SELECT 1",
		"ALTER TABLE account ADD x TEXT GENERATED ALWAYS AS (hex(username))",
		"DROP TABLE app",
		"PRAGMA user_version=0",
	};

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		struct fix f;
		struct sql *db;

		char name[32];

		(void)snprintf(name, sizeof(name), "hostile%zu", i);
		setup_with(&f, name, more[i]);
		assert_int_equal(open_guarded(&f), -ERR_CORRUPT);
		assert_contains(f.err.msg, "somebody changed it");
		assert_ok(sql_open(f.ctx, f.path, SQL_READONLY, &db, &f.err), &f.err);
		assert_ok(sql_exec(db, "SELECT idempotency FROM revision", &f.err), &f.err);
		done(&f);
	}
}
