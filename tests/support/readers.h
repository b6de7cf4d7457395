/*
 * Small readers of the formats that renderers/syntax_*.h write, and the
 * property that ties the two: what a writer accepts reads back as the same
 * words, and nothing else.
 *
 * A reader follows the daemon's own rules, not the writer's habits. It adds
 * what it finds to a flat list of strings; structure comes as READ_* marks,
 * which no word can equal, since control characters are refused everywhere.
 * It returns false where the daemon would report a syntax error. Strings
 * belong to CTX.
 */
#ifndef TESTS_READERS_H
#define TESTS_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

#define READ_END     "\1;" /* of a directive, record, row */
#define READ_OPEN    "\1{"
#define READ_CLOSE   "\1}"
#define READ_COMMENT "\1#"
#define READ_PAREN   "\1("

typedef bool read_fn(const void *ctx, const char *text, struct ptrs *ret);

bool read_nginx(const void *ctx, const char *text, struct ptrs *ret);
/* Tokens as written, quotes and backslashes included. */
bool read_zone(const void *ctx, const char *text, struct ptrs *ret);
/* OPEN name END; key subscript-or-"" value END. */
bool read_ini(const void *ctx, const char *text, struct ptrs *ret);
/* At most N_MAX fields a row; the last holds the rest with its colons. */
bool read_colon(const void *ctx, const char *text, size_t n_max, struct ptrs *ret);
/* name value END for the environment, schedule user command END for jobs. */
bool read_cron(const void *ctx, const char *text, struct ptrs *ret);
bool read_block(const void *ctx, const char *text, struct ptrs *ret);
bool read_dovecot(const void *ctx, const char *text, struct ptrs *ret);
/* name value END. */
bool read_main_cf(const void *ctx, const char *text, struct ptrs *ret);
/* The columns and arguments; OPEN and name value END for each -o; CLOSE. */
bool read_master_cf(const void *ctx, const char *text, struct ptrs *ret);

/* What came of writing WORDS in all places that the format has for them, and reading them back. */
enum trip {
	TRIP_REFUSED,
	TRIP_SAME,
	TRIP_BROKEN,
};

typedef enum trip trip_fn(const char *const *words, size_t n);

enum trip trip_nginx(const char *const *words, size_t n);
enum trip trip_zone(const char *const *words, size_t n);
enum trip trip_ini(const char *const *words, size_t n);
enum trip trip_colon(const char *const *words, size_t n);
enum trip trip_cron(const char *const *words, size_t n);
enum trip trip_block(const char *const *words, size_t n);
enum trip trip_dovecot(const char *const *words, size_t n);
enum trip trip_postfix(const char *const *words, size_t n);

/* For fuzz targets: DATA split at NUL into at most 16 words; aborts if FN finds a broken trip. */
int trip_fuzz(trip_fn *fn, const uint8_t *data, size_t size);

#endif
