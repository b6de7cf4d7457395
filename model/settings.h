/*
 * The settings: server-wide values by name, each with a default, a check and
 * a sentence. A `setting` resource overrides the default; a name that is not
 * in this table is refused. Lists are written with commas; booleans are "true"
 * and "false", and "1" and "0" are taken for them.
 */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include "model/field.h"

struct setting_row {
	const char *name;
	const char *dflt;
	canon_fn *canon;            /* NULL: any text */
	const char *const *choices; /* NULL-terminated, or NULL */
	int64_t min, max;           /* integer when max > min */
	const char *doc;
	const char *const *later; /* choices that are known and that we cannot honour yet */
	bool is_secret;           /* never shown: see struct setting */
};

extern const struct setting_row settings[];
extern const size_t n_settings;

const struct setting_row *setting_find(const char *name);
/* What may be written there, for people: "an integer from 1 to 65535". On CTX. */
const char *setting_allowed(const void *ctx, const struct setting_row *row);
/* Canonical form of VALUE for the setting NAME. */
int setting_canon(const void *ctx, const char *name, const char *value, const char **ret,
		  struct err *err) must_check;
/* The parts of a list's canonical value. On CTX. */
struct strlist setting_items(const void *ctx, const char *value);

#endif
