/*
 * A kind's table in SQLite: DDL, statements and rows, derived from its fields.
 *
 * Column order: id, rev, created, then every field that is not a secret in
 * table order. Secrets stand in the table `secret` (kind, key, field, value)
 * and are selected beside the row. Lists are texts joined by newlines.
 */
#ifndef MODEL_RES_SQL_H
#define MODEL_RES_SQL_H

#include "model/kind.h"
#include "model/sql.h"

/* CREATE TABLE and indexes. On CTX. */
const char *res_sql_ddl(const void *ctx, const struct kind *k);
/* "SELECT columns FROM kind"; SECRETS: with the secret columns at the end. On CTX. */
const char *res_sql_select(const void *ctx, const struct kind *k);
const char *res_sql_insert(const void *ctx, const struct kind *k); /* id may be bound NULL */
const char *res_sql_update(const void *ctx, const struct kind *k); /* last value: id */
/* " WHERE a=? AND b=?" over the key fields; " ORDER BY …" over them, the parent first. */
const char *res_sql_where_key(const void *ctx, const struct kind *k);
const char *res_sql_order(const void *ctx, const struct kind *k);
/* SQL expression of the natural key: a||'/'||b. */
const char *res_sql_key_expr(const void *ctx, const struct kind *k, const char *table);

void res_sql_bind(const void *ctx, struct stmt *st,
		  const void *res); /* as insert and update want it */
void res_sql_bind_key(struct stmt *st, const void *res);
/* A stored value (TEXT, or NUM for integers; TEXT NULL: unset) into a field. */
void res_sql_take(const void *ctx, const struct field *f, void *res, const char *text, int64_t num);
/* The row under ST as a new resource on CTX. */
void *res_sql_read(const void *ctx, const struct kind *k, struct stmt *st);

#endif
