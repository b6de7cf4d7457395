#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "state/export.h"
#include "tests/support/state_fix.h"
#include "tests/support/testing.h"

/* Every kind, and values that are hard to write. */
static const char rich[] =
	"novacpx: 1\n"
	"settings: {web_http_port: 8080, web_ipv6: false, default_php: 8.2, trash_days: 0,\n"
	"  whmcs_api_key: Kg3Tq9vBz1Xw7Yp4}\n"
	"packages: {gold: {disk_mb: 5120, max_domains: 5, is_default: true, owner: resale}, plain: {}}\n"
	"users:\n"
	"  boss: {role: admin, password: {hash: "
	"\"$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"
	"jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/\"}}\n"
	"  resale: {role: reseller, branding: {panel_name: \"8.2\", custom_css: \"a {\\n  color: "
	"red;\\n}\\n\", hide_powered_by: true}}\n"
	"  plain: {reseller: resale}\n"
	"firewall_rules: {ssh: {action: allow, port: \"22\", from_ip: 192.0.2.0/24, comment: \"yes\"}}\n"
	"accounts:\n"
	"  empty: {}\n"
	"  john:\n"
	"    package: gold\n"
	"    user: plain\n"
	"    status: suspended\n"
	"    suspend_reason: \"reason: none, 'really' # \\u00e9\"\n"
	"    domains:\n"
	"      example.com: {type: primary, redirect_code: 302}\n"
	"      www.sub.example.com: {type: subdomain}\n"
	"      b\xc3\xbc"
	"cher.example: {type: addon, php: false}\n"
	"      other.example: {type: alias, target: example.com}\n"
	"    zones:\n"
	"      example.com:\n"
	"        ttl: 300\n"
	"        records:\n"
	"          - {name: \"@\", type: MX, value: mail}\n"
	"          - {name: \"@\", type: TXT, value: \"true\"}\n"
	"          - {name: \"@\", type: TXT, value: \"a \\\"quoted\\\" \\\\ text; with: all\"}\n"
	"          - {name: www, type: A, value: 192.0.2.1, ttl: 0}\n"
	"      empty.example: {}\n"
	"    certificates: {example.com: {cert_path: /etc/a.crt, key_path: /etc/a.key}}\n"
	"    mailboxes: {info@example.com: {quota_mb: 0, password: {hash: "
	"$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234}}}\n"
	"    autoresponders: {info@example.com: {subject: Away, body: \"Back on\\n 1 May\\n\", ends: "
	"\"2026-05-01\"}}\n"
	"    forwarders: [{source: \"@example.com\", destination: info@example.com}]\n"
	"    dkim_keys: [{domain: example.com, selector: mail, public_key: MIGf, private_key: {pem: "
	"\"-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY-----\\n\"}}]\n"
	"    databases: {john_shop: {type: postgresql}, john_blog: {}}\n"
	"    database_users: {john_web: {databases: [john_shop, john_blog]}}\n"
	"    ftp_accounts: {john_ftp: {home_dir: /home/john/ftp}}\n"
	"    cron: {nightly job: {schedule: \"*/5 0 * * mon\", command: \"a: b # c | d % e\"}}\n"
	"    php: {memory_limit: 1G}\n"
	"    containers: {web: {image: \"nginx:1\", env: [\"A=1\", \"B= x\"], ports: [\"8080:80\"]}}\n"
	"    apps: {blog: {app_id: wordpress, domain: example.com, params: [\"TITLE=0123\"]}}\n";

static struct export_options options(struct state_fix *f, bool with_secrets)
{
	return (struct export_options){ .store = f->store,
					.with_secrets = with_secrets,
					.node_key = "key of this node",
					.node_key_len = 16 };
}

static const char *exported(struct state_fix *f, bool with_secrets)
{
	struct export_options o = options(f, with_secrets);
	struct buf *out = mem_new(f->ctx, struct buf);

	*out = (struct buf)BUF_ON(f->ctx);
	assert_ok(export_all(out, &o, &f->err), &f->err);
	return buf_str(out);
}

struct dump {
	struct state_fix *f;
	const char *dir;  /* where files are written */
	struct buf *text; /* all of them, with their names */
	size_t n;
};

static int dump_file(const char *path, const struct buf *text, void *arg, struct err *err)
{
	struct dump *d = arg;
	char *full = mem_fmt(d->f->ctx, "%s/%s", d->dir, path);

	d->n++;
	buf_printf(d->text, "==> %s\n%s", path, buf_str(text));
	*strrchr(full, '/') = '\0';
	assert_ok(fs_mkdirs(d->f->root, full, 0700, err), err);
	full[strlen(full)] = '/';
	return fs_write_atomic(d->f->root, full, buf_str(text), text->len, 0600, err);
}

/* The tree, written below the test's folder NAME, and as one text. */
static const char *exported_tree(struct state_fix *f, const char *name, const char **ret_dir)
{
	struct export_options o = options(f, true);
	struct dump d = { .f = f, .text = mem_new(f->ctx, struct buf) };

	*d.text = (struct buf)BUF_ON(f->ctx);
	d.dir = mem_fmt(f->ctx, "%s/%s", test_tmpdir(), name);
	assert_ok(export_tree(&o, dump_file, &d, &f->err), &f->err);
	*ret_dir = d.dir;
	return buf_str(d.text);
}

static void setup_rich(struct state_fix *f)
{
	state_setup(f);
	state_must_apply(f, rich);
}

TEST(an_export_reads_back_as_the_same_state)
{
	struct state_fix f;
	struct state_fix again;
	const char *text;

	setup_rich(&f);
	text = exported(&f, true);
	expect_golden("export/all.yaml", text);
	assert_int_equal(state_apply_text(&f, text), 0);
	state_setup(&again);
	state_must_apply(&again, text);
	assert_string_equal(exported(&again, true), text);
	state_done(&again);
	state_done(&f);
}

TEST(a_tree_reads_back_as_the_same_state)
{
	struct state_fix f;
	struct state_fix again;
	const char *one;
	const char *two;
	const char *dir;

	setup_rich(&f);
	one = exported_tree(&f, "one", &dir);
	expect_golden("export/tree.txt", one);
	state_setup(&again);
	if (state_apply_path(&again, dir) != 1)
		print_error("%s\n", state_problems(&again));
	assert_string_equal(exported(&again, true), exported(&f, true));
	two = exported_tree(&again, "two", &dir);
	assert_string_equal(one, two);
	state_done(&again);
	state_done(&f);
}

TEST(a_tree_takes_back_what_it_left_out)
{
	struct state_fix f;
	const char *dir;

	state_setup(&f);
	state_must_apply(&f, "novacpx: 1\naccounts: {john: {zones: {example.com: {records: [{name: "
			     "www, type: A, value: 192.0.2.1}]}}}}\n");
	(void)exported_tree(&f, "plain", &dir);
	state_must_apply(&f, "novacpx: 1\naccounts: {john: {status: suspended, zones: "
			     "{example.com: {ttl: 60}}}}\n");
	assert_int_equal(state_apply_path(&f, dir), 1);
	assert_null(strstr(exported(&f, true), "suspended"));
	assert_null(strstr(exported(&f, true), "ttl"));
	state_done(&f);
}

TEST(the_example_exports_and_reads_back)
{
	struct state_fix f;
	struct state_fix again;
	char *here = realpath("examples/hosting", NULL);
	const char *text;
	const char *dir;

	state_setup(&f);
	assert_int_equal(state_apply_path(&f, here), 1);
	free(here);
	text = exported(&f, true);
	state_setup(&again);
	state_must_apply(&again, text);
	assert_string_equal(exported(&again, true), text);
	(void)exported_tree(&f, "example", &dir);
	assert_int_equal(state_apply_path(&again, dir), 0);
	state_done(&again);
	state_done(&f);
}

TEST(without_secrets_only_digests_are_written_and_they_keep_what_is_stored)
{
	struct state_fix f;
	const char *text;

	setup_rich(&f);
	text = exported(&f, false);
	assert_contains(text, "digest: hmac-");
	assert_null(strstr(text, "$6$"));
	assert_null(strstr(text, "$2b$"));
	assert_null(strstr(text, "PRIVATE KEY"));
	assert_null(strstr(text, "Kg3Tq9vBz1Xw7Yp4"));
	assert_contains(text, "whmcs_api_key: (secret)");
	assert_string_equal(exported(&f, false), text);
	assert_int_equal(state_apply_text(&f, text), 0);
	assert_contains(exported(&f, true), "$6$saltsalt$");
	state_done(&f);
}

TEST(a_digest_depends_on_the_secret_and_on_the_nodes_key)
{
	struct state_fix f;
	struct export_options o;
	struct buf one;
	struct buf two;

	setup_rich(&f);
	o = options(&f, false);
	one = two = (struct buf)BUF_ON(f.ctx);
	assert_ok(export_all(&one, &o, &f.err), &f.err);
	o.node_key = "key of that node";
	assert_ok(export_all(&two, &o, &f.err), &f.err);
	assert_string_not_equal(buf_str(&one), buf_str(&two));
	state_done(&f);
}

TEST(an_empty_store_exports_as_a_state_file)
{
	struct state_fix f;
	const char *text;

	state_setup(&f);
	text = exported(&f, true);
	assert_string_equal(text, "novacpx: 1\n");
	assert_int_equal(state_apply_text(&f, text), 0);
	state_done(&f);
}

/* Pieces */

TEST(each_resource_knows_the_file_it_stands_in)
{
	static const struct {
		const char *kind, *key, *account, *scope, *path;
	} rows[] = {
		{ "setting", "dns_port", NULL, NULL, "settings.yaml" },
		{ "user", "ann", NULL, NULL, "users.yaml" },
		{ "branding", "ann", NULL, NULL, "users.yaml" },
		{ "account", "john", "john", NULL, "accounts/3c/john/account.yaml" },
		{ "domain", "a.example", "john", "a.example", "accounts/3c/john/account.yaml" },
		{ "cron_job", "john/x", "john", NULL, "accounts/3c/john/account.yaml" },
		{ "zone", "a.example", "john", "a.example",
		  "accounts/3c/john/zones/a.example.yaml" },
		{ "record", "a.example/www/A/192.0.2.1", "john", "a.example",
		  "accounts/3c/john/zones/a.example.yaml" },
	};

	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "paths");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(export_path_of(ctx, kind_find(rows[i].kind), rows[i].key,
						   rows[i].account, rows[i].scope),
				    rows[i].path);
}

TEST(a_long_zone_name_still_makes_a_file_name)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "paths");
	char name[254];
	const char *path;

	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name) - 10; i += 50)
		name[i] = '.';
	name[253] = '\0';
	path = export_path_of(ctx, &kind_zone, name, "john", name);
	assert_true(strlen(strrchr(path, '/') + 1) <= 255);
}

struct seen_file {
	struct state_fix *f;
	size_t n;
};

/* A file of the tree, made alone from a resource in it, is the same file. */
static int check_piece(const char *path, const struct buf *text, void *arg, struct err *err)
{
	struct seen_file *s = arg;
	struct export_options o = options(s->f, true);
	struct export_piece p;
	struct buf alone = BUF_ON(s->f->ctx);

	s->n++;
	if (strcmp(path, "users.yaml") == 0)
		p = export_piece_of(&kind_branding, "resale", NULL, NULL);
	else if (strstr(path, "/zones/example.com.yaml"))
		p = export_piece_of(&kind_record, "example.com/x/A/1", "john", "example.com");
	else if (strstr(path, "/john/account.yaml"))
		p = export_piece_of(&kind_mailbox, "info@example.com", "john", "example.com");
	else
		return 0;
	assert_string_equal(export_piece_path(s->f->ctx, &p), path);
	assert_int_equal(export_piece_text(&alone, &o, &p, err), 1);
	assert_string_equal(buf_str(&alone), buf_str(text));
	return 0;
}

TEST(a_piece_alone_is_the_same_as_in_the_tree)
{
	struct state_fix f;
	struct export_options o;
	struct seen_file s = { .f = &f };

	setup_rich(&f);
	o = options(&f, true);
	assert_ok(export_tree(&o, check_piece, &s, &f.err), &f.err);
	assert_true(s.n >= 7);
	state_done(&f);
}

TEST(a_piece_of_what_is_gone_is_empty)
{
	struct state_fix f;
	struct export_options o;
	struct export_piece p = export_piece_of(&kind_zone, "gone.example", "john", "gone.example");
	struct buf out;

	setup_rich(&f);
	o = options(&f, true);
	out = (struct buf)BUF_ON(f.ctx);
	assert_int_equal(export_piece_text(&out, &o, &p, &f.err), 0);
	p = export_piece_of(&kind_account, "nobody", "nobody", NULL);
	assert_int_equal(export_piece_text(&out, &o, &p, &f.err), 0);
	state_must_apply(&f, "novacpx: 1\nfirewall_rules: {ssh: ~}\n");
	p = export_piece_of(&kind_firewall_rule, "ssh", NULL, NULL);
	assert_int_equal(export_piece_text(&out, &o, &p, &f.err), 0);
	state_done(&f);
}
