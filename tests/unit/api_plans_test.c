/*
 * How SQLite goes about what the API asks it. Every GET of the endpoint table
 * is called as each role that may; the statements that this runs are caught
 * where SQLite begins them, whoever wrote them, and explained: none sorts rows
 * (an index gives the order), none reads a table from end to end to find some
 * of its rows.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoint.h"
#include "base/buf.h"
#include "tests/support/panel.h"
#include "tests/support/samples.h"
#include "tests/support/testing.h"

static const struct {
	enum role role;
	enum panel_who who;
} people[] = {
	{ ROLE_ADMIN, AS_ADMIN },
	{ ROLE_RESELLER, AS_RESEL },
	{ ROLE_USER, AS_JOHN },
	{ ROLE_BILLING, AS_BILLING },
};

/* These stay small however many customers there are. */
static const char *const small[] = { "setting",       "package", "branding",
				     "firewall_rule", "token",   "trial" };

/* What was run, each text once; SQLite calls back on the threads of the server. */
static struct {
	pthread_mutex_t lock;
	void *ctx;
	struct strmap texts;
	const char *path; /* of the call that is under way; NULL: not collected */
} caught = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int catch_one(unsigned what, void *arg, void *stmt, void *unused)
{
	const char *text = sqlite3_sql(stmt);

	(void)what;
	(void)arg;
	(void)unused;
	(void)pthread_mutex_lock(&caught.lock);
	if (caught.path && text && !strmap_find(&caught.texts, text))
		*strmap_slot(&caught.texts, mem_str(caught.ctx, text)) = (void *)caught.path;
	(void)pthread_mutex_unlock(&caught.lock);
	return 0;
}

static int trace(sqlite3 *db, char **ret_message, const void *api)
{
	(void)ret_message;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, catch_one, NULL);
}

static void catch_for(const char *path)
{
	(void)pthread_mutex_lock(&caught.lock);
	caught.path = path;
	(void)pthread_mutex_unlock(&caught.lock);
}

/* What a call leaves out of the good one. */
enum variant {
	ALL_GIVEN,
	REQUIRED_ALONE,
	AND_ONE, /* and those after it: one parameter that is not required */
};

static bool is_given(const struct endpoint *ep, const char *name, size_t variant)
{
	const struct param *p = param_find(ep, name);

	return variant == ALL_GIVEN || !p || (p->flags & PARAM_REQUIRED) ||
	       (variant >= AND_ONE && p == &ep->params[variant - AND_ONE]);
}

static json_t *sample_of(const char *path)
{
	for (size_t i = 0; i < n_samples; i++) {
		if (strcmp(samples[i].path, path) == 0 && samples[i].body)
			return json_loads(samples[i].body, 0, NULL);
	}
	return NULL;
}

static const char *address_of(struct panel *p, const struct endpoint *ep, const char *path,
			      size_t variant)
{
	struct buf b = BUF_ON(p->ctx);
	json_t *body = sample_of(path), *v;
	const char *key;
	char mark = '?';

	buf_puts(&b, path);
	json_object_foreach(body, key, v)
	{
		if (!is_given(ep, key, variant))
			continue;
		if (json_is_string(v))
			buf_printf(&b, "%c%s=%s", mark, key, json_string_value(v));
		else
			buf_printf(&b, "%c%s=%" JSON_INTEGER_FORMAT, mark, key,
				   json_integer_value(v));
		mark = '&';
	}
	json_decref(body);
	return buf_str(&b);
}

static size_t call_as_all(struct panel *p, const struct endpoint *ep, const char *path)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		for (size_t v = 0; v < AND_ONE + ep->n_params && (ep->roles & people[i].role); v++)
			n += panel_get(p, people[i].who, address_of(p, ep, path, v)).status == 200;
	}
	return n;
}

static void call_all(struct panel *p)
{
	size_t n = 0;

	ENDPOINT_FOREACH(res, ep)
	{
		const char *path = mem_fmt(p->ctx, "%s/%s", res->name, ep->action);

		if (!(ep->methods & METHOD_GET) || (ep->flags & (EP_STREAM | EP_MACHINE)))
			continue;
		catch_for(path);
		n += call_as_all(p, ep, path);
		catch_for(NULL);
	}
	assert_true(n > 100);
}

/* Judging */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The table that NAME stands for in TEXT: what is before it, unless NAME is one itself. */
static const char *table_of(const void *ctx, const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
		const char *end = at - 1;
		const char *start;

		if (at == text || at[-1] != ' ' || is_word(at[len]))
			continue;
		while (end > text && (*end == ' ' || *end == '"'))
			end--;
		start = end;
		while (start > text && is_word(start[-1]))
			start--;
		if (end > start && (start[-1] == ' ' || start[-1] == '"') &&
		    (strncmp(start - 5, "FROM ", 5) == 0 || strncmp(start - 6, "FROM \"", 6) == 0 ||
		     strncmp(start - 5, "JOIN ", 5) == 0))
			return mem_strn(ctx, start, (size_t)(end - start) + 1);
	}
	return mem_str(ctx, name);
}

static bool is_small(const char *table)
{
	for (size_t i = 0; i < ARRAY_LEN(small); i++) {
		if (strcmp(small[i], table) == 0)
			return true;
	}
	return false;
}

/* All rows are wanted, or looked at: an administrator's list, its count, a part of a name, a status. */
static bool wants_all(const char *text)
{
	const char *last = text;

	for (const char *from = text; (from = strstr(from, " FROM ")); from++)
		last = from;
	return !strstr(last, "WHERE") || strstr(text, "WHERE 1 ORDER BY") || strstr(text, "LIKE") ||
	       strstr(text, "WHERE 1 AND t.status=?5") ||
	       strcmp(text + strlen(text) - 7, "WHERE 1") == 0;
}

/* Why a step of a plan is not good, or NULL. */
static const char *judge(const void *ctx, const char *text, const char *step)
{
	const char *table;

	if (strstr(step, "USE TEMP B-TREE FOR") && strstr(step, "ORDER BY"))
		return "it sorts";
	if (strstr(step, "AUTOMATIC"))
		return "it makes an index each time";
	if (strncmp(step, "SCAN ", 5) != 0)
		return NULL;
	table = mem_strn(ctx, step + 5, strcspn(step + 5, " "));
	table = table_of(ctx, text, table);
	if (is_small(table) || wants_all(text) || strcmp(table, "CONSTANT") == 0)
		return NULL;
	return mem_fmt(ctx, "it reads all of %s", table);
}

static sqlite3 *open_db(const char *path)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

/* Of a statement of ours; which of the databases it is for, it says by its tables. */
static sqlite3_stmt *explain(const void *ctx, sqlite3 *const dbs[2], const char *text)
{
	const char *asked = mem_fmt(ctx, "EXPLAIN QUERY PLAN %s", text);
	sqlite3_stmt *st = NULL;

	for (size_t i = 0; i < 2 && !st; i++)
		(void)sqlite3_prepare_v2(dbs[i], asked, -1, &st, NULL);
	return st;
}

static size_t count_bad(const void *ctx, sqlite3 *const dbs[2], const struct strmap_entry *e)
{
	sqlite3_stmt *st = explain(ctx, dbs, e->key);
	size_t n = 0;

	if (!st) {
		print_error("%s: cannot be explained: %s\n", (const char *)e->value, e->key);
		return 1;
	}
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);
		const char *why = judge(ctx, e->key, step);

		if (!why)
			continue;
		print_error("%s: %s (%s): %s\n", (const char *)e->value, why, step, e->key);
		n++;
	}
	(void)sqlite3_finalize(st);
	return n;
}

TEST(no_answer_is_sorted_or_searched_for_without_an_index)
{
	struct panel p = { 0 };
	sqlite3 *dbs[2];
	size_t bad = 0;

	caught.ctx = mem_ctx(NULL, "caught");
	caught.texts = (struct strmap)STRMAP_ON(caught.ctx);
	assert_int_equal(sqlite3_auto_extension((void (*)(void))trace), SQLITE_OK);
	panel_start(&p);
	call_all(&p);
	(void)sqlite3_cancel_auto_extension((void (*)(void))trace);
	dbs[0] = open_db(p.model);
	dbs[1] = open_db(p.db);
	assert_true(caught.texts.n > 40);
	for (size_t i = 0; i < caught.texts.n; i++)
		bad += count_bad(p.ctx, dbs, &caught.texts.entries[i]);
	for (size_t i = 0; i < ARRAY_LEN(dbs); i++)
		(void)sqlite3_close(dbs[i]);
	panel_stop(&p);
	mem_freep(&caught.ctx);
	assert_int_equal(bad, 0);
}

TEST(a_plan_that_sorts_or_reads_all_is_seen)
{
	void *ctx = mem_ctx(NULL, "judge");
	const char *some = "SELECT 1 FROM \"record\" t WHERE t.value=?";
	const char *all = "SELECT 1 FROM \"record\" t WHERE 1 ORDER BY t.id";

	assert_non_null(judge(ctx, all, "USE TEMP B-TREE FOR ORDER BY"));
	assert_non_null(judge(ctx, all, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"));
	assert_string_equal(judge(ctx, some, "SCAN t"), "it reads all of record");
	assert_non_null(judge(ctx, some, "SCAN t USING INDEX x"));
	assert_null(judge(ctx, all, "SCAN t"));
	assert_null(judge(ctx, some, "SEARCH t USING INDEX x (value=?)"));
	assert_null(judge(ctx, "SELECT 1 FROM package p WHERE p.owner=?", "SCAN p"));
	mem_freep(&ctx);
}
