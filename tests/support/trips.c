#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "renderers/syntax_block.h"
#include "renderers/syntax_cron.h"
#include "renderers/syntax_dovecot.h"
#include "renderers/syntax_ini.h"
#include "renderers/syntax_nginx.h"
#include "renderers/syntax_passwd.h"
#include "renderers/syntax_postfix.h"
#include "renderers/syntax_zone.h"
#include "tests/support/readers.h"

static void add(const void *ctx, struct ptrs *list, const char *s)
{
	ptrs_add(ctx, list, mem_str(ctx, s));
}

static bool same(const struct ptrs *a, const struct ptrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

static void expect(const void *ctx, struct ptrs *want, const char *const *words, size_t n,
		   const char *mark)
{
	for (size_t i = 0; i < n; i++)
		add(ctx, want, words[i]);
	add(ctx, want, mark);
}

/* CODE is what x_end() gave: a refusal must be of the value, whatever else was put. */
static enum trip outcome(const void *ctx, int code, read_fn *read, const struct buf *text,
			 const struct ptrs *want)
{
	struct ptrs got = { 0 };

	if (code < 0)
		return code == -ERR_INVALID ? TRIP_REFUSED : TRIP_BROKEN;
	return read(ctx, buf_str(text), &got) && same(want, &got) ? TRIP_SAME : TRIP_BROKEN;
}

enum trip trip_nginx(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct nginx c;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	nginx_begin(&c, &text, &err);
	nginx_comment(&c, words[0]);
	nginx_open_words(&c, false, list);
	nginx_put_words(&c, true, list);
	nginx_close(&c);
	nginx_put(&c, "after");
	expect(ctx, &want, words, n, READ_OPEN);
	expect(ctx, &want, words, n, READ_END);
	expect(ctx, &want, NULL, 0, READ_CLOSE);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	return outcome(ctx, nginx_end(&c), read_nginx, &text, &want);
}

enum trip trip_block(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct block b;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	block_begin(&b, &text, &err);
	block_comment(&b, words[0]);
	block_open_words(&b, true, list);
	block_put_words(&b, false, list);
	block_close(&b);
	block_put(&b, "after");
	expect(ctx, &want, words, n, READ_OPEN);
	expect(ctx, &want, words, n, READ_END);
	add(ctx, &want, READ_CLOSE);
	add(ctx, &want, READ_END);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	return outcome(ctx, block_end(&b), read_block, &text, &want);
}

enum trip trip_dovecot(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct dovecot d;

	dovecot_begin(&d, &text, &err);
	dovecot_comment(&d, words[0]);
	if (n > 1) {
		dovecot_open(&d, "section", words[1]);
		expect(ctx, &want, (const char *const[]){ "section", words[1] }, 2, READ_OPEN);
	}
	dovecot_put(&d, "key", words[0]);
	expect(ctx, &want, (const char *const[]){ "key", words[0] }, 2, READ_END);
	if (n > 1) {
		dovecot_close(&d);
		add(ctx, &want, READ_CLOSE);
	}
	return outcome(ctx, dovecot_end(&d), read_dovecot, &text, &want);
}

/* owner, type, rdata: a record must stay one record and hold no comment and no parenthesis. */
enum trip trip_zone(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *rdata = n > 2 ? words[2] : words[0];
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct ptrs tokens = { 0 };
	struct err err = ERR_INIT;
	struct zonefile z;

	zone_begin(&z, &text, &err, "example.com");
	zone_record(&z, n > 1 ? words[0] : "@", 60, n > 1 ? words[1] : "TXT", rdata);
	zone_record(&z, "after", 60, "A", "192.0.2.1");
	expect(ctx, &want, (const char *const[]){ "$ORIGIN", "example.com." }, 2, READ_END);
	expect(ctx, &want,
	       (const char *const[]){ n > 1 ? words[0] : "@", "60", "IN",
				      n > 1 ? words[1] : "TXT" },
	       4, READ_END);
	want.n--;
	if (read_zone(ctx, mem_fmt(ctx, "%s\n", rdata), &tokens)) {
		for (size_t i = 0; i + 1 < tokens.n; i++) {
			if (*(const char *)tokens.v[i] != '\1') /* a mark cannot be expected */
				ptrs_add(ctx, &want, tokens.v[i]);
		}
	}
	add(ctx, &want, READ_END);
	expect(ctx, &want, (const char *const[]){ "after", "60", "IN", "A", "192.0.2.1" }, 5,
	       READ_END);
	return outcome(ctx, zone_end(&z), read_zone, &text, &want);
}

/* value, pool name, subscript */
enum trip trip_ini(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *pool = n > 1 ? words[1] : "www";
	const char *at = n > 2 ? words[2] : "PATH";
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct ini i;

	ini_begin(&i, &text, &err);
	ini_comment(&i, words[0]);
	ini_section(&i, pool);
	ini_put(&i, "user", words[0]);
	ini_put_at(&i, "env", at, words[0]);
	ini_put_int(&i, "pm.max_children", 5);
	add(ctx, &want, READ_OPEN);
	expect(ctx, &want, &pool, 1, READ_END);
	expect(ctx, &want, (const char *const[]){ "user", "", words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "env", at, words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "pm.max_children", "", "5" }, 3, READ_END);
	return outcome(ctx, ini_end(&i), read_ini, &text, &want);
}

enum trip trip_colon(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *list[17] = { NULL };
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct ptrs got = { 0 };
	struct err err = ERR_INIT;
	struct colon w;

	memcpy(list, words, MIN(n, 16) * sizeof(*list));
	colon_begin(&w, &text, &err);
	colon_comment(&w, words[0]);
	colon_fields(&w, n > 1, list);
	colon_row(&w, "after");
	expect(ctx, &want, words, n, READ_END);
	expect(ctx, &want, (const char *const[]){ "after" }, 1, READ_END);
	if (colon_end(&w) < 0)
		return err.code == ERR_INVALID ? TRIP_REFUSED : TRIP_BROKEN;
	return read_colon(ctx, buf_str(&text), n, &got) && same(&want, &got) ? TRIP_SAME
									     : TRIP_BROKEN;
}

/* command, schedule, user, value of a variable */
enum trip trip_cron(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	const char *schedule = n > 1 ? words[1] : "0 5 * * *";
	const char *user = n > 2 ? words[2] : "web1";
	const char *value = n > 3 ? words[3] : "";
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct cron c;

	cron_begin(&c, &text, &err);
	cron_env(&c, "MAILTO", value);
	cron_job(&c, schedule, user, words[0]);
	cron_job(&c, "@daily", "root", "after");
	expect(ctx, &want, (const char *const[]){ "MAILTO", value }, 2, READ_END);
	expect(ctx, &want, (const char *const[]){ schedule, user, words[0] }, 3, READ_END);
	expect(ctx, &want, (const char *const[]){ "@daily", "root", "after" }, 3, READ_END);
	return outcome(ctx, cron_end(&c), read_cron, &text, &want);
}

static enum trip trip_main_cf(const void *ctx, const char *const *words, size_t n)
{
	const char *name = n > 1 ? words[1] : "name";
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct postfix p;

	postfix_begin(&p, &text, &err);
	postfix_put(&p, "before", "1");
	postfix_comment(&p, words[0]);
	postfix_put(&p, name, words[0]);
	postfix_put(&p, "after", "");
	expect(ctx, &want, (const char *const[]){ "before", "1" }, 2, READ_END);
	expect(ctx, &want, (const char *const[]){ name, words[0] }, 2, READ_END);
	expect(ctx, &want, (const char *const[]){ "after", "" }, 2, READ_END);
	return outcome(ctx, postfix_end(&p), read_main_cf, &text, &want);
}

/* The first word as an option's value, the second as its name, the others as arguments. */
static enum trip trip_master_cf(const void *ctx, const char *const *words, size_t n)
{
	const char *list[8 + 17] = { "smtp", "inet", "n", "-", "y", "-", "-", "smtpd" };
	const char *name = n > 1 ? words[1] : "name";
	size_t n_list = 8;
	struct buf text = BUF_ON(ctx);
	struct ptrs want = { 0 };
	struct err err = ERR_INIT;
	struct postfix p;

	for (size_t i = 2; i < n; i++)
		list[n_list++] = words[i];
	postfix_begin(&p, &text, &err);
	postfix_service_words(&p, false, list);
	postfix_option(&p, name, words[0]);
	postfix_comment(&p, words[0]);
	postfix_option(&p, "last", "a b");
	list[0] = n > 2 ? words[2] : "after";
	list[8] = NULL;
	postfix_service_words(&p, false, list);
	list[0] = "smtp";
	list[8] = n > 2 ? words[2] : NULL;
	expect(ctx, &want, list, n_list, READ_OPEN);
	expect(ctx, &want, (const char *const[]){ name, words[0] }, 2, READ_END);
	expect(ctx, &want, (const char *const[]){ "last", "a b" }, 2, READ_END);
	add(ctx, &want, READ_CLOSE);
	list[0] = n > 2 ? words[2] : "after";
	expect(ctx, &want, list, 8, READ_CLOSE);
	return outcome(ctx, postfix_end(&p), read_master_cf, &text, &want);
}

enum trip trip_postfix(const char *const *words, size_t n)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "trip");
	enum trip main_cf = trip_main_cf(ctx, words, n);
	enum trip master_cf = trip_master_cf(ctx, words, n);

	return MAX(main_cf,
		   master_cf); /* broken is worse than the same, which is more than refused */
}

int trip_fuzz(trip_fn *fn, const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	const char *text = mem_dup(ctx, data, size); /* ends in NUL */
	const char *words[16];
	size_t n = 0;

	for (size_t at = 0; n < ARRAY_LEN(words) && at <= size; n++) {
		words[n] = text + at;
		at += strlen(text + at) + 1;
	}
	if (fn(words, n) == TRIP_BROKEN)
		abort();
	return 0;
}
