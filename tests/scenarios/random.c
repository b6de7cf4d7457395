#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "recording.h"
#include "state/textdiff.h"
#include "steps.h"

enum {
	PASS_SECONDS = 20,
	TOLD_STEPS = 12
};

struct game {
	void *ctx;
	uint64_t state;
	const char *work, *root;
	struct ptrs told; /* what was done, for whoever has to look into it */
	int applied;      /* change sets that were taken */
};

/* splitmix64 */
static uint64_t next(struct game *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static unsigned pick(struct game *g, unsigned n)
{
	return (unsigned)(next(g) % n);
}

#define PICK(g, list) ((list)[pick((g), (unsigned)ARRAY_LEN(list))])

static const char *const accounts[] = { "ann", "bob", "cid" };
static const char *const domains[] = { "a.example", "b.example", "s.a.example", "c.example" };

/* Change sets, most of them sound: what the checks refuse changes nothing, and that is tried too. */

static const char *domain_text(struct game *g)
{
	static const char *const bodies[] = {
		"{type: primary}",
		"{type: addon}",
		"{type: addon, php: false, www: false}",
		"{type: subdomain}",
		"{type: alias, target: a.example}",
		"{type: alias, target: b.example}",
		"{type: redirect, redirect_to: \"https://x.example/\"}",
		"~",
	};

	return mem_fmt(g->ctx, "domains: {%s: %s}", PICK(g, domains), PICK(g, bodies));
}

static const char *zone_text(struct game *g)
{
	static const char *const bodies[] = {
		"{ttl: 300}",
		"{status: disabled}",
		"{records: [{name: \"@\", type: A, value: 192.0.2.1}]}",
		"{records: [{name: www, type: A, value: 192.0.2.2}, {name: t, type: TXT, value: x y}]}",
		"{records: [{name: www, type: A, value: 192.0.2.2, delete: true}]}",
		"~",
	};

	return mem_fmt(g->ctx, "zones: {%s: %s}", PICK(g, domains), PICK(g, bodies));
}

static const char *mail_text(struct game *g)
{
	static const char *const bodies[] = {
		"mailboxes: {info@%1$s: {quota_mb: 5}}",
		"mailboxes: {info@%1$s: {status: suspended}}",
		"mailboxes: {info@%1$s: ~}",
		"forwarders: [{source: f@%1$s, destination: info@%1$s}]",
		"forwarders: [{source: f@%1$s, destination: else@where.example}]",
		"forwarders: [{source: \"@%1$s\", destination: info@%1$s}]",
		"forwarders: [{source: f@%1$s, destination: info@%1$s, delete: true}]",
		"forwarders: [{source: \"@%1$s\", destination: info@%1$s, delete: true}]",
	};
	const char *body = PICK(g, bodies);
	const char *domain = PICK(g, domains);
	struct buf b = BUF_ON(g->ctx);

	for (const char *at = body; *at; at++) {
		if (strncmp(at, "%1$s", 4) == 0) {
			buf_puts(&b, domain);
			at += 3;
		} else {
			buf_putc(&b, *at);
		}
	}
	return buf_str(&b);
}

static const char *other_text(struct game *g)
{
	static const char *const bodies[] = {
		"cron: {j: {schedule: \"1 2 * * *\", command: date}}",
		"cron: {j: {schedule: \"@daily\", command: \"date +%d\", enabled: false}}",
		"cron: {k: {schedule: \"@daily\", command: id}}",
		"cron: {j: ~}",
		"php: {memory_limit: 64M}",
		"php: {max_children: 3}",
	};

	return PICK(g, bodies);
}

static const char *account_text(struct game *g)
{
	static const char *const bodies[] = {
		"{}",
		"{package: small}",
		"{package: large}",
		"{status: suspended}",
		"{php_version: \"8.3\"}",
		"{shell: /bin/sh, email: x@else.example, package: null}",
		"~",
	};
	unsigned what = pick(g, 11);

	if (what < 3)
		return PICK(g, bodies);
	return mem_fmt(g->ctx, "{%s}",
		       what < 6    ? domain_text(g)
		       : what < 8  ? mail_text(g)
		       : what < 10 ? zone_text(g)
				   : other_text(g));
}

static const char *change_text(struct game *g)
{
	static const char *const values[] = { "web_http_port: 8080",
					      "web_http_port: 80",
					      "default_php: \"8.3\"",
					      "default_php: \"8.2\"",
					      "ns1_hostname: n.example",
					      "mail_server: none",
					      "mail_server: postfix-dovecot",
					      "web_ipv6: \"false\"",
					      "dns_server: none",
					      "dns_server: bind9" };

	static const char *const packages[] = {
		"{small: {disk_mb: 10}, large: {disk_mb: 0}}",
		"{small: {disk_mb: 20, php_version: \"8.3\"}}",
		"{large: {disk_mb: 5000}}",
		"{large: {disk_mb: 0}, small: {php_version: null}}",
	};

	if (pick(g, 15) == 0)
		return mem_fmt(g->ctx, "novacpx: 1\npackages: %s\n", PICK(g, packages));
	if (pick(g, 20) == 0)
		return mem_fmt(g->ctx, "novacpx: 1\nsettings: {%s}\n", PICK(g, values));
	if (pick(g, 3) == 0)
		return mem_fmt(g->ctx, "novacpx: 1\naccounts: {%s: %s, %s: %s}\n", accounts[0],
			       account_text(g), accounts[1], account_text(g));
	return mem_fmt(g->ctx, "novacpx: 1\naccounts: {%s: %s}\n", PICK(g, accounts),
		       account_text(g));
}

/* One step: a change set or going back, the pass, and the proof */

static int change(struct game *g, struct engine *e, struct err *err)
{
	struct buf why = BUF_ON(e);
	const char *text;
	int64_t head = 0;
	int r;

	if (pick(g, 25) == 0 && store_head(e->store, &head, err) >= 0 && head > 2) {
		int64_t to = head - 1 - pick(g, (unsigned)MIN(head - 1, 5));

		ptrs_add(g->ctx, &g->told, mem_fmt(g->ctx, "rollback to %" PRId64 "\n", to));
		return machine_rollback(e, to, err);
	}
	text = change_text(g);
	r = machine_state(e, text, false, &why, err);
	if (r > 0)
		ptrs_add(g->ctx, &g->told, text);
	return r;
}

static bool step(struct game *g, int i, struct buf *out)
{
	cleanup_(mem_freep) struct engine *e = NULL;
	struct err err = ERR_INIT;
	int r;

	clock_set((int64_t)i * PASS_SECONDS);
	e = machine_open(NULL, g->root);
	r = change(g, e, &err);
	if (r <= 0)
		return true; /* refused, or nothing new */
	g->applied++;
	err_clear(&err);
	if (machine_pass(e, false, NULL, &err) < 0) {
		buf_printf(out, "the pass failed: %s\n", err.msg);
		return false;
	}
	return machine_left(e, true, false, out) == 0;
}

static void tell(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		(void)printf("# %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void tell_steps(const struct game *g)
{
	for (size_t i = g->told.n > TOLD_STEPS ? g->told.n - TOLD_STEPS : 0; i < g->told.n; i++)
		tell(g->told.v[i]);
}

static void begin(const char *start, const char *to)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = -1;

	tree_copy(start, to);
	root = fs_root_open(to, &err);
	recording_quotas_on(root);
}

/* A machine that gets at once what the other got bit by bit. */
static bool same_from_nothing(struct game *g, const char *start, struct buf *out)
{
	const char *fresh = mem_fmt(g->ctx, "%s.fresh", g->root);
	struct buf a = BUF_ON(g->ctx);
	struct buf b = BUF_ON(g->ctx);
	struct err err = ERR_INIT;
	struct engine *e = machine_open(g->ctx, g->root);

	machine_list(e, LIST_WANTED, &a);
	(void)talloc_free(e);
	begin(start, fresh);
	machine_take_model(g->root, fresh);
	e = machine_open(g->ctx, fresh);
	if (machine_pass(e, true, NULL, &err) < 0)
		buf_printf(out, "from nothing: %s\n", err.msg);
	machine_list(e, LIST_WANTED, &b);
	(void)talloc_free(e);
	tree_remove(fresh);
	if (strcmp(buf_str(&a), buf_str(&b)) == 0)
		return true;
	return text_diff(out, "at once", buf_str(&b), b.len, "bit by bit", buf_str(&a), a.len) < 0;
}

void random_play(const char *work, const char *start, uint64_t seed)
{
	void *ctx = mem_ctx(NULL, "game");
	struct game g = { .ctx = ctx, .state = seed, .work = work };
	struct buf out = BUF_ON(ctx);
	bool ok = true;
	int i;

	g.root = mem_fmt(ctx, "%s/seed-%" PRIu64, work, seed);
	begin(start, g.root);
	for (i = 1; i <= RANDOM_STEPS && ok; i++)
		ok = step(&g, i, &out);
	if (!ok)
		(void)printf("# seed %" PRIu64 ", step %d: the short pass left something to do:\n",
			     seed, i - 1);
	if (ok && !same_from_nothing(&g, start, &out)) {
		(void)printf("# seed %" PRIu64 ": another end than at once:\n", seed);
		ok = false;
	}
	if (!ok) {
		tell(buf_str(&out));
		tell_steps(&g);
	}
	(void)printf("%sok - seed %" PRIu64 ": %d of %d change sets, short passes as full ones\n",
		     ok ? "" : "not ", seed, g.applied, RANDOM_STEPS);
	tree_remove(g.root);
	(void)talloc_free(ctx);
}
