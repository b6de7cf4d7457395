/*
 * Whether the schema of a model.db that somebody else could write is ours.
 *
 * What stands in sqlite_schema is code: CHECK, generated columns, indexes on
 * expressions, triggers and views run when rows are read or written, with the
 * rights of whoever does. So each object is held against what our own
 * statements make in an empty database. A table that came about by migrations
 * has its columns in another order: the parts between the outermost
 * parentheses are compared as a set.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/macro.h"
#include "base/mem.h"
#include "model/store_priv.h"

enum {
	TEXT_MAX = 64 * 1024, /* of one object */
	OBJECTS_MAX = 1024,
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What read_schema() gave of the versions that migrations start from; nothing else is ever added here. */
static const char *const old_schemas[SCHEMA_VERSION] = {
	[1] = "b848274aef8a3049dd984d087516762d3f8c3328673d04f34f703fda27f0d7a2",
};

/* TEXT without quotes and needless blanks. */
static char *squeezed(const void *ctx, const char *text, size_t len)
{
	char *out = mem_zero(ctx, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			continue;
		if (!isspace((unsigned char)text[i]))
			out[n++] = text[i];
		else if (n && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return out[0] == ' ' ? out + 1 : out;
}

/* A column that a migration added needs a number to begin with, which the table made whole does not. */
static char *without_default(char *column)
{
	char *at = strstr(column, " DEFAULT ");

	if (at && at[9] && at[9 + strspn(at + 9, "0123456789")] == '\0')
		*at = '\0';
	return column;
}

/* The text with its parts in one order: head, parts, tail. */
static const char *canonical(const void *ctx, const char *text)
{
	const char *open = strchr(text, '(');
	const char *close = strrchr(text, ')');
	struct ptrs parts = { .n = 0 };
	struct buf out = BUF_ON(ctx);
	const char *from;
	int depth = 0;

	if (!open || !close || close < open)
		return squeezed(ctx, text, strlen(text));
	from = open + 1;
	for (const char *p = from; p <= close; p++) {
		bool ends = p == close || (*p == ',' && depth == 0);

		depth += (*p == '(') - (*p == ')');
		if (!ends)
			continue;
		ptrs_add(ctx, &parts, without_default(squeezed(ctx, from, (size_t)(p - from))));
		from = p + 1;
	}
	if (parts.n > 1)
		qsort(parts.v, parts.n, sizeof(*parts.v), by_text);
	buf_puts(&out, squeezed(ctx, text, (size_t)(open - text)));
	for (size_t i = 0; i < parts.n; i++)
		buf_printf(&out, "\n%s", (const char *)parts.v[i]);
	buf_printf(&out, "\n%s", squeezed(ctx, close + 1, strlen(close + 1)));
	return buf_str(&out);
}

/* "type name table" → canonical text, of all objects. */
static int read_schema(struct sql *db, struct strmap *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(db,
			"SELECT type, name, tbl_name, sql FROM sqlite_schema "
			"WHERE name NOT LIKE 'sqlite\\_stat_' ESCAPE '\\' ORDER BY 1, 2",
			&st, err);

	while (r >= 0 && (r = sql_step(st, err)) > 0) {
		const char *type = sql_text(st, 0);
		const char *name = sql_text(st, 1);
		const char *table = sql_text(st, 2);
		const char *text = sql_text(st, 3);

		if (!type || !name || !table || (text && strlen(text) > TEXT_MAX) ||
		    ret->n >= OBJECTS_MAX)
			return err_set(err, ERR_CORRUPT, "the schema of model.db is damaged");
		*strmap_slot(ret, mem_fmt(ret->ctx, "%.20s %.100s of %.100s", type, name, table)) =
			(void *)canonical(ret->ctx, text ? text : "");
	}
	return r;
}

static int wanted_schema(const void *ctx, struct strmap *ret, struct err *err)
{
	struct sql *db;
	int r = sql_open(ctx, ":memory:", SQL_CREATE, &db, err);

	if (r >= 0)
		r = sql_exec(db, "BEGIN", err); /* one commit, not one a statement */
	if (r >= 0)
		r = store_create_schema(db, err);
	return r < 0 ? r : read_schema(db, ret, err);
}

int store_schema_is_ours(struct sql *db, void *unused, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");
	struct strmap is = STRMAP_ON(ctx);
	struct strmap want = STRMAP_ON(ctx);
	int r = wanted_schema(ctx, &want, err);

	(void)unused;
	if (r >= 0)
		r = read_schema(db, &is, err);
	for (size_t i = 0; i < is.n && r >= 0; i++) {
		const char *ours = strmap_find(&want, is.entries[i].key);

		if (!ours || strcmp(ours, is.entries[i].value) != 0)
			r = err_set(err, ERR_CORRUPT,
				    "model.db has the %s, which is not as NovaCPX makes it: "
				    "somebody changed the schema, nothing of it is used",
				    is.entries[i].key);
	}
	for (size_t i = 0; i < want.n && r >= 0; i++) {
		if (!strmap_find(&is, want.entries[i].key))
			r = err_set(err, ERR_CORRUPT, "model.db lacks the %s", want.entries[i].key);
	}
	return r;
}

/* All objects in one: "key\ntext\n" of each. */
static void schema_digest(const struct strmap *is, char *ret_hex)
{
	cleanup_(buf_done) struct buf all = { .max = BUF_MAX };
	struct digest d;

	for (size_t i = 0; i < is->n; i++)
		buf_printf(&all, "%s\n%s\n", is->entries[i].key,
			   (const char *)is->entries[i].value);
	d = digest_of(buf_str(&all), all.len);
	digest_hex(&d, ret_hex);
}

int store_schema_was_ours(struct sql *db, int64_t version, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "schema");
	struct strmap is = STRMAP_ON(ctx);
	bool is_old = version > 0 && version < SCHEMA_VERSION;
	const char *known = is_old ? old_schemas[version] : version == 0 ? "" : NULL;
	char hex[DIGEST_HEX_LEN + 1] = "";
	int r = read_schema(db, &is, err);

	if (r < 0)
		return r;
	if (is.n)
		schema_digest(&is, hex);
	if (known && strcmp(known, hex) == 0)
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "the schema of model.db is not as NovaCPX made it in version %lld (digest "
		       "%.16s): somebody changed it, nothing of it is used",
		       (long long)version, hex);
}
