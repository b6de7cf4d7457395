#include "tests/bench/bench.h"

#include "base/mem.h"
#include "model/kinds.h"

/* yescrypt of nothing in particular: hashes are only copied here. */
#define HASH "$y$j9T$YCCTdjw0YjKQdPXlHaz4E.$MFTSA4K6wFjJtvJzMpcfp62w55uTVJmYSjvmtIYro85"

static void put(struct changeset *cs, struct change *c, const char *field, const char *text)
{
	const struct field *f = kind_field(((struct res *)c->res)->kind, field);
	struct value v = field_value_of_text(cs->ctx, f, text);
	struct err err = ERR_INIT;

	must_do(change_set(cs->ctx, c, f, &v, &err), field, &err);
}

#define ADD(cs, kind, ...) \
	generate_one((cs), &kind_##kind, (const char *const[]){ __VA_ARGS__, NULL })

void generate_one(struct changeset *cs, const struct kind *k, const char *const *pairs)
{
	struct change *c = changeset_add(cs, CHANGE_PUT, k);

	for (; *pairs; pairs += 2)
		put(cs, c, pairs[0], pairs[1]);
}

static const char *address(struct changeset *cs, int i, int turn)
{
	return mem_fmt(cs->ctx, "10.%d.%d.%d", turn & 255, (i >> 8) & 255, i & 255);
}

static void add_zone(struct changeset *cs, int i, const char *account, const char *zone)
{
	const char *ip = address(cs, i, 0);

	ADD(cs, zone, "name", zone, "account", account);
	ADD(cs, record, "zone", zone, "name", "@", "type", "A", "value", ip);
	ADD(cs, record, "zone", zone, "name", "@", "type", "AAAA", "value", "2001:db8::1");
	ADD(cs, record, "zone", zone, "name", "www", "type", "A", "value", ip);
	ADD(cs, record, "zone", zone, "name", "mail", "type", "A", "value", ip);
	ADD(cs, record, "zone", zone, "name", "shop", "type", "A", "value", ip, "ttl", "300");
	ADD(cs, record, "zone", zone, "name", "ftp", "type", "CNAME", "value", "www");
	ADD(cs, record, "zone", zone, "name", "webmail", "type", "CNAME", "value", "mail");
	ADD(cs, record, "zone", zone, "name", "@", "type", "MX", "value", "mail", "priority", "10");
	ADD(cs, record, "zone", zone, "name", "@", "type", "TXT", "value", "v=spf1 mx -all");
	ADD(cs, record, "zone", zone, "name", "_dmarc", "type", "TXT", "value",
	    "v=DMARC1; p=quarantine");
	ADD(cs, record, "zone", zone, "name", "@", "type", "CAA", "value",
	    "0 issue \"ca.example\"");
	ADD(cs, record, "zone", zone, "name", "_imaps._tcp", "type", "SRV", "value", "5 993 mail",
	    "priority", "1");
}

static void add_account(struct changeset *cs, int i)
{
	const char *account = mem_fmt(cs->ctx, "acc%05d", i);
	const char *site = mem_fmt(cs->ctx, "site%05d.example", i);
	const char *addon = mem_fmt(cs->ctx, "more%05d.example", i);
	const char *sub = mem_fmt(cs->ctx, "shop.%s", site);

	ADD(cs, account, "username", account, "package", "plain", "email",
	    mem_fmt(cs->ctx, "holder%05d@elsewhere.example", i), "password", HASH);
	ADD(cs, domain, "name", site, "account", account, "type", "primary");
	ADD(cs, domain, "name", addon, "account", account, "type", "addon");
	ADD(cs, domain, "name", sub, "account", account, "type", "subdomain");
	add_zone(cs, i, account, site);
	add_zone(cs, i, account, addon);
	add_zone(cs, i, account, sub);
	for (int m = 0; m < 5; m++)
		ADD(cs, mailbox, "address", mem_fmt(cs->ctx, "box%d@%s", m, site), "account",
		    account, "password", HASH);
	ADD(cs, cron_job, "account", account, "name", "daily", "schedule", "17 4 * * *", "command",
	    "php public_html/cron.php");
}

void generate(struct changeset *cs, int n)
{
	ADD(cs, package, "name", "plain", "max_domains", "10", "max_addon_domains", "10");
	for (int i = 0; i < n; i++)
		add_account(cs, i);
}

void generate_edit(struct changeset *cs, int i, int turn)
{
	ADD(cs, record, "zone", mem_fmt(cs->ctx, "site%05d.example", i), "name", "edit", "type",
	    "A", "value", address(cs, i, turn));
}

void generate_domain(struct changeset *cs, int i, int turn)
{
	ADD(cs, domain, "name", mem_fmt(cs->ctx, "new%d.site%05d.example", turn, i), "account",
	    mem_fmt(cs->ctx, "acc%05d", i), "type", "subdomain");
}
