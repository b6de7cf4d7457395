/*
 * api.db: what the API keeps for itself, apart from desired state and without
 * history: sessions, tokens, second factors, wrong guesses. Mode 0600 of the
 * API's own user; secrets in it are digests but for those of second factors,
 * which have to be read to be compared.
 *
 * A commit here is not synced: a power cut may cost the last seconds.
 */
#ifndef API_APIDB_H
#define API_APIDB_H

#include "model/sql.h"

/* Opens it, made or brought on to the newest schema. On CTX. */
int apidb_open(const void *ctx, const char *path, struct sql **ret, struct err *err) must_check;
/* TEXT, a literal, with the numbers that follow bound to its parameters. Returns how many rows it changed. */
#define apidb_run(db, err, text, ...)                                  \
	apidb_run_ints((db), (text), (const int64_t[]){ __VA_ARGS__ }, \
		       sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (err))
int apidb_run_ints(struct sql *db, const char *text, const int64_t *nums, size_t n,
		   struct err *err) must_check;
/* A number and a text. */
int apidb_run_text(struct sql *db, const char *text, int64_t num, const char *word,
		   struct err *err) must_check;
/* RET is filled with LEN bytes that nobody can foretell. */
int apidb_random(void *ret, size_t len, struct err *err) must_check;

#endif
