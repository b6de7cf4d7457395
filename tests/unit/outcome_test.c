/* What became of a revision: conditions that belong to it, wherever they stand. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reconciler/outcome.h"
#include "tests/support/state_fix.h"
#include "tests/support/testing.h"

#define HASH "$5$salt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"

static const char first[] = "novacpx: 1\n"
			    "accounts:\n"
			    "  anna:\n"
			    "    domains: {a.example: {type: primary}, b.example: {type: addon}}\n"
			    "    zones: {a.example: {records: []}}\n"
			    "  bjorn:\n"
			    "    domains: {c.example: {type: primary}}\n";
static const char a_mailbox[] = "novacpx: 1\n"
				"accounts:\n"
				"  anna:\n"
				"    mailboxes:\n"
				"      info@a.example: {password: {hash: \"" HASH "\"}}\n";
static const char a_record[] =
	"novacpx: 1\n"
	"accounts:\n"
	"  anna:\n"
	"    zones: {a.example: {records: [{name: www, type: A, value: 192.0.2.1}]}}\n";
static const char off[] = "novacpx: 1\n"
			  "accounts:\n"
			  "  anna: {status: suspended}\n";

struct fix {
	void *ctx;
	struct engine *e;
	struct state_fix state; /* its store is the engine's */
	int64_t rev;            /* the last one */
	struct err err;
};

static void apply(struct fix *f, const char *text)
{
	state_must_apply(&f->state, text);
	f->rev = state_head(&f->state);
}

static void setup(struct fix *f, const char *text)
{
	char *folder;

	*f = (struct fix){ .ctx = mem_ctx(NULL, "fix") };
	folder = mem_fmt(f->ctx, "%s/XXXXXX", test_tmpdir());
	assert_non_null(mkdtemp(folder));
	assert_ok(engine_open(f->ctx, folder, &f->e, &f->err), &f->err);
	state_setup(&f->state);
	f->state.store = f->e->store;
	apply(f, first);
	if (text)
		apply(f, text);
}

static void done(struct fix *f)
{
	state_done(&f->state);
	mem_freep(&f->ctx);
}

static void found(struct fix *f, const char *resource, const char *scope, const char *part,
		  int64_t rev)
{
	struct condition c = { .resource = resource,
			       .part = part,
			       .scope = scope,
			       .type = "Failed",
			       .reason = "X",
			       .message = "x",
			       .rev = rev,
			       .since = 1 };

	assert_ok(condition_put(f->e->db, &c, &f->err), &f->err);
}

/* A file of SERVICE that was written in SCOPE at REV. */
static void written(struct fix *f, const char *scope, const char *service, int64_t rev)
{
	struct owned o = { .type = ARTIFACT_FILE,
			   .path = mem_fmt(f->ctx, "/etc/%s/%s", service, scope),
			   .scope = scope,
			   .renderer = "test",
			   .resource = "test/x",
			   .service = service,
			   .mode = 0644,
			   .rev = rev };

	assert_ok(owned_put(f->e->db, &o, &f->err), &f->err);
}

static int add(const struct condition *c, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%s %s\n", c->resource, c->part);
	return 0;
}

static const char *outcome(struct fix *f, const char *resource)
{
	struct buf *b = mem_new(f->ctx, struct buf);

	*b = (struct buf)BUF_ON(f->ctx);
	assert_ok(outcome_each(f->e, f->rev, resource, add, b, &f->err), &f->err);
	return buf_str(b);
}

TEST(a_record_is_not_ready_while_its_zone_is_not)
{
	struct fix f;

	setup(&f, a_record);
	found(&f, "zone/a.example", "d/a.example", "zone", f.rev);
	assert_string_equal(outcome(&f, "record/a.example/www/A/192.0.2.1"),
			    "zone/a.example zone\n");
	done(&f);
}

TEST(a_mailbox_has_to_do_with_its_domains_mail_and_not_with_its_site)
{
	struct fix f;

	setup(&f, a_mailbox);
	found(&f, "domain/a.example", "d/a.example", "mail_domain", f.rev);
	found(&f, "domain/a.example", "d/a.example", "nginx_site", f.rev);
	found(&f, "domain/b.example", "d/b.example", "mail_domain", f.rev);
	assert_string_equal(outcome(&f, "mailbox/info@a.example"),
			    "domain/a.example mail_domain\n");
	done(&f);
}

TEST(an_account_is_not_ready_while_a_domain_of_it_is_not_and_has_nothing_to_do_with_others)
{
	struct fix f;

	setup(&f, off);
	found(&f, "account/anna", "a/anna", "php_fpm", f.rev);
	found(&f, "domain/b.example", "d/b.example", "nginx_site", f.rev);
	found(&f, "domain/c.example", "d/c.example", "nginx_site", f.rev);
	found(&f, "account/bjorn", "a/bjorn", "php_fpm", f.rev);
	assert_string_equal(outcome(&f, "account/anna"),
			    "account/anna php_fpm\ndomain/b.example nginx_site\n");
	done(&f);
}

TEST(a_revision_of_many_resources_is_asked_for_without_naming_one)
{
	struct fix f;

	setup(&f, off);
	found(&f, "account/anna", "a/anna", "php_fpm", f.rev);
	found(&f, "domain/c.example", "d/c.example", "nginx_site", f.rev);
	assert_string_equal(outcome(&f, NULL), "account/anna php_fpm\n");
	done(&f);
}

TEST(what_was_found_before_the_revision_says_nothing_about_it_but_of_the_resource_itself)
{
	struct fix f;

	setup(&f, a_record);
	found(&f, "record/a.example/www/A/192.0.2.1", "d/a.example", "zone", f.rev - 1);
	found(&f, "zone/a.example", "d/a.example", "zone", f.rev - 1);
	assert_string_equal(outcome(&f, "record/a.example/www/A/192.0.2.1"),
			    "record/a.example/www/A/192.0.2.1 zone\n");
	done(&f);
}

TEST(a_service_that_does_not_run_matters_to_those_whose_files_it_would_load)
{
	struct fix f;

	setup(&f, off);
	written(&f, "a/anna", "php8.2-fpm", f.rev);
	written(&f, "d/a.example", "nginx", f.rev - 1);
	written(&f, "d/c.example", "dovecot", f.rev);
	found(&f, "server/php8.2-fpm", "s", "reload", f.rev);
	found(&f, "server/nginx", "s", "reload", f.rev);
	found(&f, "server/dovecot", "s", "reload", f.rev);
	assert_string_equal(outcome(&f, "account/anna"), "server/php8.2-fpm reload\n");
	done(&f);
}
