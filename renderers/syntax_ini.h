/*
 * Writer for php-fpm pool files.
 *
 * php-fpm reads them with PHP's ini scanner in its normal mode, where bare
 * words may turn into something else ("none" into nothing, "E_ALL" into a
 * number, "${HOME}" into the environment). Inside single quotes nothing is
 * special and nothing can be escaped; so every value and subscript but a
 * plain number stands in single quotes, and a single quote in it is written
 * as "'" between two quoted parts.
 *
 * After reading, php-fpm replaces "$pool" anywhere and takes an env value that
 * begins with `$` from its own environment: both are refused. An empty value
 * would keep php-fpm from starting: refused too.
 */
#ifndef RENDERERS_SYNTAX_INI_H
#define RENDERERS_SYNTAX_INI_H

#include <stdint.h>

#include "renderers/syntax.h"

struct ini {
	struct syntax s;
	bool in_section;
};

void ini_begin(struct ini *i, struct buf *out, struct err *err);
/* `[global]`, which no pool may be called. */
void ini_global(struct ini *i);
void ini_section(struct ini *i, const char *name);
/* `key = 'value'` */
void ini_put(struct ini *i, const char *key, const char *value);
void ini_put_int(struct ini *i, const char *key, int64_t value);
void ini_put_bool(struct ini *i, const char *key, bool value);
/* `key[subscript] = 'value'`: php_admin_value, php_admin_flag, env, … */
void ini_put_at(struct ini *i, const char *key, const char *subscript, const char *value);
void ini_comment(struct ini *i, const char *text);
void ini_blank(struct ini *i);
int ini_end(struct ini *i) must_check;

#endif
