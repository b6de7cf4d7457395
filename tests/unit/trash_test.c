#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "reconciler/trash_note.h"
#include "tests/support/testing.h"

/* An engine on an empty root with a folder of trash. */
struct fix {
	void *ctx;
	struct engine *e;
	struct trash_entry t;
	struct err err;
};

#define FOLDER "/home/.novacpx-trash"
#define ENTRY  FOLDER "/anna-7"
#define NOTE   ENTRY ".novacpx"

static void setup(struct fix *f)
{
	char root[4096];

	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	(void)snprintf(root, sizeof(root), "%s/XXXXXX", test_tmpdir());
	assert_non_null(mkdtemp(root));
	assert_ok(engine_open(f->ctx, root, &f->e, &f->err), &f->err);
	assert_ok(fs_mkdirs(f->e->root, ENTRY, 0700, &f->err), &f->err);
	f->t = (struct trash_entry){ .account = "anna",
				     .path = trash_place(f->ctx, "/home", "/home/anna", 7),
				     .origin = "/home/anna",
				     .uid = 10001,
				     .rev = 7,
				     .time = 1700000000 };
	assert_string_equal(f->t.path, ENTRY);
	assert_ok(trash_note_put(f->e, &f->t, &f->err), &f->err);
	if (geteuid() != 0)
		skip(); /* notes of others than root are not believed */
}

static void done(struct fix *f)
{
	mem_freep(&f->ctx);
}

static int add_row(const struct trash_entry *t, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%s %s %s %s %lld %lld %lld\n", t->name, t->account, t->path, t->origin,
		   (long long)t->uid, (long long)t->rev, (long long)t->time);
	return 0;
}

/* The rows, after looking for what lacks. */
static const char *rows(struct fix *f)
{
	struct buf b = BUF_ON(f->ctx);

	assert_ok(trash_note_rows(f->e, &f->err), &f->err);
	assert_ok(trash_each(f->e, NULL, add_row, &b, &f->err), &f->err);
	return buf_str(&b);
}

static void write_note(struct fix *f, const char *text)
{
	assert_ok(fs_write_atomic(f->e->root, NOTE, text, strlen(text), 0600, &f->err), &f->err);
}

TEST(a_lost_row_of_the_trash_is_made_anew_from_its_note)
{
	static const char row[] = "anna-7/home/anna anna " ENTRY " /home/anna 10001 7 1700000000\n";
	struct fix f;

	setup(&f);
	assert_string_equal(rows(&f), row);
	assert_string_equal(rows(&f), row); /* once */
	done(&f);
}

TEST(a_note_without_its_data_makes_no_row)
{
	struct fix f;

	setup(&f);
	assert_ok(fs_remove_tree(f.e->root, ENTRY, 0, &f.err), &f.err);
	assert_string_equal(rows(&f), "");
	done(&f);
}

TEST(a_purge_by_name_finds_what_has_no_row_and_leaves_nothing)
{
	struct fix f;

	setup(&f);
	assert_int_equal(trash_purge(f.e, "anna", &f.err), 1);
	assert_false(fs_exists(f.e->root, ENTRY));
	assert_false(fs_exists(f.e->root, NOTE));
	assert_string_equal(rows(&f), "");
	done(&f);
}

TEST(notes_that_are_not_exactly_ours_make_no_row)
{
	static const char *const texts[] = {
		"",
		"novacpx trash 2\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home/anna",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home/anna\nmore\n",
		"novacpx trash 1\naccount a/b\nuid 1\nrevision 7\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount \nuid 1\nrevision 7\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount anna\nuid -1\nrevision 7\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount anna\nuid 1e3\nrevision 7\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 99999999999999999999\ntime 1\norigin /home/anna\n",
		/* another place than the one beside it */
		"novacpx trash 1\naccount anna\nuid 1\nrevision 8\ntime 1\norigin /home/anna\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home/bob\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /etc/anna\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home/../home/anna\n",
		"novacpx trash 1\naccount anna\nuid 1\nrevision 7\ntime 1\norigin /home\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fix f;

		setup(&f);
		write_note(&f, texts[i]);
		assert_string_equal(rows(&f), "");
		done(&f);
	}
}

TEST(notes_that_somebody_else_could_have_written_make_no_row)
{
	struct fix f;

	for (int way = 0; way < 5; way++) {
		setup(&f);
		switch (way) {
		case 0: assert_int_equal(fchmodat(f.e->root, &NOTE[1], 0644, 0), 0); break;
		case 1: assert_int_equal(fchownat(f.e->root, &NOTE[1], 1234, 0, 0), 0); break;
		case 2:
			assert_int_equal(linkat(f.e->root, &NOTE[1], f.e->root, "home/x", 0), 0);
			break;
		case 3: assert_int_equal(fchownat(f.e->root, &FOLDER[1], 1234, 0, 0), 0); break;
		default:
			assert_int_equal(renameat(f.e->root, &NOTE[1], f.e->root, "home/x"), 0);
			assert_int_equal(symlinkat("../x", f.e->root, &NOTE[1]), 0);
			break;
		}
		assert_string_equal(rows(&f), "");
		done(&f);
	}
}

TEST(a_link_to_a_folder_of_trash_is_none_but_homes_may_lie_behind_one)
{
	struct fix f;

	setup(&f);
	assert_int_equal(renameat(f.e->root, "home", f.e->root, "elsewhere"), 0);
	assert_int_equal(mkdirat(f.e->root, "home", 0755), 0);
	assert_int_equal(symlinkat("../elsewhere/.novacpx-trash", f.e->root, &FOLDER[1]), 0);
	assert_string_equal(rows(&f), "");
	assert_ok(fs_remove_tree(f.e->root, "/home", 0, &f.err), &f.err);
	assert_int_equal(symlinkat("elsewhere", f.e->root, "home"), 0);
	assert_contains(rows(&f), "anna-7/home/anna ");
	done(&f);
}

TEST(long_paths_get_places_of_their_own_within_the_length_of_a_name)
{
	void *ctx = mem_ctx(NULL, "places");
	const char *a = mem_fmt(ctx, "/var/vmail/%0230d/x", 1);
	const char *b = mem_fmt(ctx, "/var/vmail/%0230d/y", 1);
	const char *at = trash_place(ctx, "/var/vmail", a, 999999999);

	assert_true(strlen(strrchr(at, '/') + 1) + strlen(".novacpx") <= 255);
	assert_string_not_equal(at, trash_place(ctx, "/var/vmail", b, 999999999));
	mem_freep(&ctx);
}
