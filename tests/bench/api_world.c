#include <time.h>

#include "api/apidb.h"
#include "api/session.h"
#include "base/digest.h"
#include "base/mem.h"
#include "model/kinds.h"
#include "tests/bench/api.h"

#define HASH "$y$j9T$YCCTdjw0YjKQdPXlHaz4E.$MFTSA4K6wFjJtvJzMpcfp62w55uTVJmYSjvmtIYro85"

#define ADD(cs, kind, ...) \
	generate_one((cs), &kind_##kind, (const char *const[]){ __VA_ARGS__, NULL })

static void add_account(struct changeset *cs, int i)
{
	const char *name = mem_fmt(cs->ctx, "acc%05d", i);
	const char *site = mem_fmt(cs->ctx, "site%05d.example", i);
	const char *email = mem_fmt(cs->ctx, "holder%05d@elsewhere.example", i);

	ADD(cs, user, "username", name, "role", "user", "email", email, "password", HASH);
	ADD(cs, account, "username", name, "user", name, "package", "plain", "email", email,
	    "password", HASH);
	ADD(cs, domain, "name", site, "account", name, "type", "primary");
	ADD(cs, domain, "name", mem_fmt(cs->ctx, "more%05d.example", i), "account", name, "type",
	    "addon");
	ADD(cs, zone, "name", site, "account", name);
	ADD(cs, record, "zone", site, "name", "@", "type", "A", "value", "192.0.2.1");
	ADD(cs, record, "zone", site, "name", "www", "type", "A", "value", "192.0.2.1");
	ADD(cs, mailbox, "address", mem_fmt(cs->ctx, "info@%s", site), "account", name, "password",
	    HASH);
}

static void make_model(const void *ctx, const char *path, int n)
{
	struct changeset cs = { .ctx = ctx };
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = 1, .actor = "root", .source = "bench" };
	struct err err = ERR_INIT;
	struct store *s;

	must_do(store_open(ctx, path, false, &s, &err), path, &err);
	ADD(&cs, package, "name", "plain", "max_domains", "10", "max_addon_domains", "10");
	ADD(&cs, user, "username", "admin", "role", "admin", "email", "admin@host.example",
	    "password", HASH);
	for (int i = 1; i <= n; i++)
		add_account(&cs, i);
	must_do(store_apply(s, &cs, &rev, &problems, &err), "apply", &err);
	must_do(store_commit(s, &err), "commit", &err);
}

static void make_session(const void *ctx, const char *path)
{
	struct digest d = digest_of(API_TOKEN, SESSION_TOKEN_LEN);
	char hex[DIGEST_HEX_LEN + 1];
	struct err err = ERR_INIT;
	struct sql *db;

	digest_hex(&d, hex);
	must_do(apidb_open(ctx, path, &db, &err), path, &err);
	must_do(sql_exec(
			db,
			mem_fmt(ctx,
				"INSERT INTO session VALUES('%s',1,'192.0.2.9','bench',unixepoch(),"
				"unixepoch()+28800,1)",
				hex),
			&err),
		"session", &err);
}

void api_world_make(const char *dir, int n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "world");

	make_model(ctx, mem_fmt(ctx, "%s/model.db", dir), n);
	make_session(ctx, mem_fmt(ctx, "%s/api.db", dir));
}
