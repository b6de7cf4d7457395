/* From a place to resource, field, revision and actor, on a folder that stands for a machine. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/block.h"
#include "reconciler/explain.h"
#include "reconciler/load.h"
#include "tests/support/state_fix.h"
#include "tests/support/testing.h"

#define HASH "$5$salt$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"

static const char first[] =
	"novacpx: 1\n"
	"settings: {web_http_port: \"8080\", ns1_hostname: ns1.hoster.example}\n"
	"accounts:\n"
	"  anna:\n"
	"    domains:\n"
	"      photos.example: {type: primary}\n"
	"    zones:\n"
	"      photos.example:\n"
	"        records: [{name: www, type: A, value: 192.0.2.1}]\n"
	"    mailboxes:\n"
	"      info@photos.example: {password: {hash: \"" HASH "\"}}\n";

struct machine {
	void *ctx;
	struct engine *e;
	struct state_fix state; /* its store is the engine's */
	struct err err;
};

static void own(struct machine *m, const char *scope, const char *renderer,
		const struct artifact *a)
{
	struct owned o = { .type = a->type,
			   .path = a->path,
			   .scope = scope,
			   .renderer = renderer,
			   .resource = a->resource,
			   .service = a->service,
			   .flags = a->flags,
			   .mode = a->mode,
			   .digest = a->digest,
			   .serial = a->flags & ARTIFACT_SERIAL ? 2026112301 : 0,
			   .rev = state_head(&m->state) };

	assert_ok(owned_put(m->e->db, &o, &m->err), &m->err);
}

static void put(struct machine *m, const char *path, const char *text)
{
	char *folder = mem_str(m->ctx, path);

	*strrchr(folder, '/') = '\0';
	assert_ok(fs_mkdirs(m->e->root, folder, 0755, &m->err), &m->err);
	assert_ok(fs_write_atomic(m->e->root, path, text, strlen(text), 0644, &m->err), &m->err);
}

static void put_artifact(struct machine *m, const struct artifact *a)
{
	char *text = mem_str(m->ctx, a->data ? a->data : "");
	char *whole;
	size_t len;

	if (a->flags & ARTIFACT_SERIAL)
		memcpy(text + a->serial_at, "2026112301", SERIAL_LEN);
	if (a->type == ARTIFACT_FILE)
		put(m, a->path, text);
	if (a->type != ARTIFACT_BLOCK)
		return;
	assert_ok(block_edit(m->ctx, a->path, "# Debian's\noptions {\n};\n", a->data, a->anchor,
			     &whole, &len, &m->err),
		  &m->err);
	put(m, a->path, whole);
}

/* What a pass would have left behind, as far as texts go. */
static void converge(struct machine *m)
{
	struct loader *l = NULL;
	const char *scope;
	struct view v;
	int r;

	assert_ok(loader_new(m->ctx, m->e->store, &l, &m->err), &m->err);
	assert_ok(load_all_begin(l, UINT32_MAX, &m->err), &m->err);
	while ((r = load_all_next(m->ctx, l, &scope, &v, &m->err)) > 0) {
		for (size_t i = 0; i < n_renderers; i++) {
			struct catalog c = { .ctx = m->ctx };

			if (renderers[i]->level != v.level)
				continue;
			assert_ok(renderers[i]->render(&v, &c, &m->err), &m->err);
			for (size_t k = 0; k < c.n; k++) {
				own(m, scope, renderers[i]->name, &c.v[k]);
				put_artifact(m, &c.v[k]);
			}
		}
	}
	assert_ok(r, &m->err);
}

static struct machine a_machine(void)
{
	struct machine m = { .ctx = mem_ctx(NULL, "machine") };
	char *folder = mem_fmt(m.ctx, "%s/XXXXXX", test_tmpdir());

	assert_non_null(mkdtemp(folder));
	assert_ok(engine_open(m.ctx, folder, &m.e, &m.err), &m.err);
	state_setup(&m.state);
	m.state.store = m.e->store;
	state_must_apply(&m.state, first);
	converge(&m);
	return m;
}

static void machine_done(struct machine *m)
{
	state_done(&m->state);
	mem_freep(&m->ctx);
}

static const char *path_of(struct machine *m, const char *scope, enum artifact_type type,
			   const char *part)
{
	struct owned_cursor *c = NULL;
	struct owned *o = NULL;

	assert_ok(owned_open(m->ctx, m->e->db, scope, &c, &m->err), &m->err);
	while (owned_next(m->ctx, c, &o, &m->err) > 0) {
		if (o->type == type && strstr(o->path, part))
			return o->path;
	}
	fail_msg("nothing of %s has %s in its path", scope, part);
	return NULL;
}

static const char *vhost(struct machine *m)
{
	return path_of(m, "d/photos.example", ARTIFACT_FILE, "sites/");
}

/* PATH:LINE of the first line of the file on the machine that has NEEDLE. */
static const char *line_with(struct machine *m, const char *path, const char *needle)
{
	char *text = NULL;
	size_t len = 0;
	size_t n = 1;
	const char *at;

	assert_ok(fs_read(m->ctx, m->e->root, path, 1 << 20, 0, &text, &len, &m->err), &m->err);
	at = strstr(text, needle);
	if (!at)
		fail_msg("no \"%s\" in %s:\n%s", needle, path, text);
	for (const char *p = text; p < at; p++)
		n += *p == '\n';
	return mem_fmt(m->ctx, "%s:%zu", path, n);
}

static struct explanation explained(struct machine *m, const char *place)
{
	struct explanation x;

	assert_ok(explain_place(m->ctx, m->e, place, &x, &m->err), &m->err);
	return x;
}

static const struct reason *reason_of(const struct explanation *x, const char *resource,
				      const char *field)
{
	for (size_t i = 0; i < x->n_reasons; i++) {
		if (strcmp(x->reasons[i].resource, resource) == 0 &&
		    strcmp(x->reasons[i].field, field) == 0)
			return &x->reasons[i];
	}
	fail_msg("%s %s is no reason", resource, field);
	return NULL;
}

TEST(a_line_leads_to_field_revision_and_actor)
{
	struct machine m = a_machine();
	const struct reason *w;
	struct explanation x;

	state_must_apply(&m.state, "novacpx: 1\naccounts:\n  anna:\n    domains:\n"
				   "      photos.example: {type: primary, document_root: "
				   "/home/anna/photos}\n");
	state_must_apply(&m.state, "novacpx: 1\naccounts:\n  anna:\n    domains:\n"
				   "      photos.example: {type: primary, php: false, "
				   "document_root: /home/anna/photos}\n");
	converge(&m);
	x = explained(&m, line_with(&m, vhost(&m), "root /home"));
	assert_int_equal(x.what, EXPLAIN_CAUSED);
	assert_string_equal(x.text, "\troot /home/anna/photos;");
	assert_null(x.wanted);
	assert_string_equal(x.owned->resource, "domain/photos.example");
	w = &x.reasons[0];
	assert_string_equal(w->resource, "domain/photos.example");
	assert_string_equal(w->field, "document_root");
	assert_string_equal(w->value, "/home/anna/photos");
	assert_false(w->is_default);
	assert_int_equal(w->origin.rev, 2); /* not 3, which changed another field */
	assert_int_equal(w->origin.op, '~');
	assert_string_equal(w->rev.actor, "test");
	w = reason_of(&x, "account/anna", "status");
	assert_true(w->is_default);
	assert_int_equal(w->origin.rev, 0);
	machine_done(&m);
}

TEST(what_a_rollback_brought_back_is_of_the_rollback)
{
	struct machine m = a_machine();
	struct problems problems = { .ctx = m.ctx };
	struct revision rev = { .actor = "root", .source = "cli:rollback", .time = 1700000000 };
	struct explanation x;
	const struct reason *w;

	state_must_apply(&m.state, "novacpx: 1\naccounts:\n  anna:\n    domains:\n"
				   "      photos.example: {type: primary, www: false}\n");
	assert_int_equal(store_rollback_to(m.e->store, 1, &rev, &problems, &m.err), 1);
	assert_ok(store_commit(m.e->store, &m.err), &m.err);
	converge(&m);
	x = explained(&m, line_with(&m, vhost(&m), "server_name"));
	w = reason_of(&x, "domain/photos.example", "www");
	assert_true(w->is_default); /* but somebody made it so */
	assert_int_equal(w->origin.rev, 3);
	assert_string_equal(w->rev.source, "cli:rollback");
	assert_int_equal(reason_of(&x, "domain/photos.example", "name")->origin.rev, 1);
	assert_int_equal(reason_of(&x, "domain/photos.example", "name")->origin.op, '+');
	machine_done(&m);
}

TEST(a_setting_leads_to_the_revision_that_set_it_or_removed_it)
{
	struct machine m = a_machine();
	struct explanation x = explained(&m, line_with(&m, vhost(&m), "listen 8080"));
	struct changeset cs = { .ctx = m.ctx };
	struct problems problems = { .ctx = m.ctx };
	struct revision rev = { .actor = "root", .source = "cli:unset", .time = 1700000000 };
	struct change *c;

	assert_int_equal(x.n_reasons, 1);
	assert_string_equal(x.reasons[0].resource, "setting/web_http_port");
	assert_string_equal(x.reasons[0].value, "8080");
	assert_int_equal(x.reasons[0].origin.rev, 1);

	c = changeset_add(&cs, CHANGE_DELETE, &kind_setting);
	assert_ok(res_set_key(m.ctx, c->res, "web_http_port", &m.err), &m.err);
	assert_int_equal(store_apply(m.e->store, &cs, &rev, &problems, &m.err), 1);
	assert_ok(store_commit(m.e->store, &m.err), &m.err);
	converge(&m);
	x = explained(&m, line_with(&m, vhost(&m), "listen 80;"));
	assert_true(x.reasons[0].is_default);
	assert_int_equal(x.reasons[0].origin.rev, 2);
	assert_int_equal(x.reasons[0].origin.op, '-');
	x = explained(&m, line_with(&m, vhost(&m), "listen [::]"));
	assert_int_equal(reason_of(&x, "setting/web_ipv6", "value")->origin.rev, 0);
	machine_done(&m);
}

TEST(a_constant_line_and_a_serial_have_no_field)
{
	struct machine m = a_machine();
	const char *zone = path_of(&m, "d/photos.example", ARTIFACT_FILE, ".zone");

	assert_int_equal(explained(&m, line_with(&m, vhost(&m), "acme-challenge")).what,
			 EXPLAIN_CONSTANT);
	assert_int_equal(explained(&m, line_with(&m, zone, "serial")).what, EXPLAIN_SERIAL);
	assert_int_equal(explained(&m, line_with(&m, zone, "refresh")).what, EXPLAIN_CAUSED);
	machine_done(&m);
}

TEST(a_line_is_found_by_its_content_where_somebody_edited_the_file)
{
	struct machine m = a_machine();
	const char *path = vhost(&m);
	char *text = NULL;
	size_t len = 0;
	struct explanation x;

	assert_ok(fs_read(m.ctx, m.e->root, path, 1 << 20, 0, &text, &len, &m.err), &m.err);
	put(&m, path, mem_fmt(m.ctx, "# mine\n# mine too\n%s", text));
	x = explained(&m, line_with(&m, path, "server_name"));
	assert_int_equal(x.what, EXPLAIN_CAUSED);
	assert_string_equal(x.reasons[0].field, "name");
	assert_int_equal(explained(&m, mem_fmt(m.ctx, "%s:2", path)).what, EXPLAIN_EDITED);

	*strstr(strstr(text, "server_name"), "photos") = 'P';
	put(&m, path, text);
	x = explained(&m, line_with(&m, path, "server_name"));
	assert_contains(x.text, "server_name Photos.example");
	assert_contains(x.wanted, "server_name photos.example");
	assert_int_equal(explain_place(m.ctx, m.e, mem_fmt(m.ctx, "%s:999", path), &x, &m.err),
			 -ERR_NOTFOUND);
	assert_contains(m.err.msg, "no line 999");
	machine_done(&m);
}

TEST(of_a_block_only_its_lines_are_ours)
{
	struct machine m = a_machine();
	const char *path = "/etc/bind/named.conf.options";
	struct explanation x = explained(&m, line_with(&m, path, "include"));

	assert_int_equal(x.what, EXPLAIN_CONSTANT);
	assert_string_equal(x.owned->resource, "server/bind");
	assert_int_equal(explained(&m, line_with(&m, path, "Debian")).what, EXPLAIN_NOT_OURS);
	assert_int_equal(explained(&m, line_with(&m, path, "BEGIN")).what, EXPLAIN_NOT_OURS);
	assert_int_equal(explained(&m, line_with(&m, path, "END")).what, EXPLAIN_NOT_OURS);
	machine_done(&m);
}

static void assert_no_secret(const struct explanation *x)
{
	assert_null(x->text);
	assert_null(x->wanted);
	for (size_t i = 0; i < x->n_reasons; i++) {
		if (x->reasons[i].value)
			assert_null(strstr(x->reasons[i].value, "salt"));
	}
}

TEST(secrets_are_named_and_not_shown)
{
	struct machine m = a_machine();
	const char *passwd = path_of(&m, "d/photos.example", ARTIFACT_FILE, ".passwd");
	struct explanation x = explained(&m, line_with(&m, passwd, "info@"));
	const struct reason *w = reason_of(&x, "mailbox/info@photos.example", "password");

	assert_true(w->is_secret);
	assert_null(w->value);
	assert_int_equal(w->origin.rev, 1);
	assert_no_secret(&x);
	assert_string_equal(reason_of(&x, "mailbox/info@photos.example", "quota_mb")->value, "500");

	put(&m, "/etc/shadow", "root:*:::::::\nanna:" HASH ":::::::\n");
	x = explained(&m, "/etc/shadow:2");
	assert_string_equal(x.owned->resource, "account/anna");
	assert_true(reason_of(&x, "account/anna", "password")->is_secret);
	assert_no_secret(&x);
	assert_int_equal(explain_place(m.ctx, m.e, "/etc/shadow:1", &x, &m.err), -ERR_NOTFOUND);
	assert_contains(m.err.msg, "root, whom NovaCPX did not make");
	assert_int_equal(explain_place(m.ctx, m.e, "/etc/shadow", &x, &m.err), -ERR_NOTFOUND);
	assert_contains(m.err.msg, "/etc/shadow:LINE");
	machine_done(&m);
}

TEST(a_row_of_a_map_is_asked_for_by_map_and_key)
{
	struct machine m = a_machine();
	struct explanation x =
		explained(&m, "/etc/postfix/novacpx/mailboxes.lmdb:info@photos.example");

	assert_string_equal(x.owned->resource, "mailbox/info@photos.example");
	assert_int_equal(x.what, EXPLAIN_CAUSED);
	x = explained(&m, "/etc/postfix/novacpx/mailboxes:info@photos.example");
	assert_int_equal(x.owned->type, ARTIFACT_MAPROW);
	machine_done(&m);
}

TEST(what_is_not_ours_is_told_and_whose_it_is)
{
	struct machine m = a_machine();
	const char *copies = path_of(&m, "d/photos.example", ARTIFACT_COPYDIR, "/");
	struct explanation x = explained(&m, mem_fmt(m.ctx, "%s/own.conf:3", copies));

	assert_string_equal(x.source, "/etc/novacpx/nginx.d/photos.example/own.conf");
	x = explained(&m, "/etc/novacpx/nginx.d/photos.example/own.conf");
	assert_string_equal(x.include_of, "domain/photos.example");
	x = explained(&m, "/etc/novacpx/php.d/anna/own.conf:1");
	assert_string_equal(x.include_of, "account/anna");
	assert_int_equal(
		explain_place(m.ctx, m.e, "/etc/novacpx/nginx.d/none.example/x.conf", &x, &m.err),
		-ERR_NOTFOUND);
	assert_int_equal(explain_place(m.ctx, m.e, "/etc/fstab:1", &x, &m.err), -ERR_NOTFOUND);
	assert_contains(m.err.msg, "/etc/fstab was not made by NovaCPX");
	machine_done(&m);
}

TEST(a_file_made_once_is_its_owners)
{
	struct machine m = a_machine();
	const char *page = path_of(&m, "a/anna", ARTIFACT_FILE, "public_html/index.html");

	assert_int_equal(explained(&m, mem_fmt(m.ctx, "%s:1", page)).what, EXPLAIN_ONCE);
	machine_done(&m);
}

TEST(what_a_tenant_put_in_its_place_is_not_read_out)
{
	struct machine m = a_machine();
	const char *page = path_of(&m, "a/anna", ARTIFACT_FILE, "public_html/index.html");
	struct explanation x;

	put(&m, "/etc/secret", "canary\n");
	assert_ok(fs_remove_tree(m.e->root, page, 0, &m.err), &m.err);
	assert_int_equal(symlinkat("/etc/secret", m.e->root, page + 1), 0);
	assert_true(explain_place(m.ctx, m.e, mem_fmt(m.ctx, "%s:1", page), &x, &m.err) < 0);
	machine_done(&m);
}

TEST(what_is_not_wanted_any_more_is_told)
{
	struct machine m = a_machine();
	const char *place = line_with(&m, vhost(&m), "server_name");
	struct changeset cs = { .ctx = m.ctx };
	struct problems problems = { .ctx = m.ctx };
	struct revision rev = { .actor = "root", .source = "cli:unset", .time = 1700000000 };
	struct change *c = changeset_add(&cs, CHANGE_DELETE, &kind_account);

	assert_ok(res_set_key(m.ctx, c->res, "anna", &m.err), &m.err);
	assert_int_equal(store_apply(m.e->store, &cs, &rev, &problems, &m.err), 1);
	assert_ok(store_commit(m.e->store, &m.err), &m.err);
	assert_int_equal(explained(&m, place).what, EXPLAIN_GONE);
	machine_done(&m);
}

TEST(a_setting_that_no_version_reads_any_more_stops_nothing)
{
	struct machine m = a_machine();
	struct loader *l = NULL;

	assert_ok(sql_exec(store_sql(m.e->store),
			   "INSERT INTO setting(name,value,created,rev) "
			   "VALUES('of_another_version','x',0,1)",
			   &m.err),
		  &m.err);
	assert_ok(loader_new(m.ctx, m.e->store, &l, &m.err), &m.err);
	machine_done(&m);
}

/* What a taken-over writer of model.db may put there: no range of ids with the system's users in it. */
TEST(a_setting_that_came_past_the_checks_is_not_taken_for_one)
{
	static const char *const rows[] = {
		"('uid_min','0')",
		"('uid_max','-1')",
		"('mail_hostname','x\ny')",
	};
	struct machine m = a_machine();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loader *l = NULL;
		const char *put = mem_fmt(
			m.ctx, "INSERT INTO setting(name,value,created,rev) VALUES%s", rows[i]);

		put = mem_fmt(m.ctx, "%.*s,0,1)", (int)strlen(put) - 1, put);
		assert_ok(sql_exec(store_sql(m.e->store), put, &m.err), &m.err);
		assert_int_equal(loader_new(m.ctx, m.e->store, &l, &m.err), -ERR_INVALID);
		assert_contains(m.err.msg, "in model.db is not valid");
		err_clear(&m.err);
		assert_ok(
			sql_exec(store_sql(m.e->store), "DELETE FROM setting WHERE rev=1", &m.err),
			&m.err);
	}
	machine_done(&m);
}
