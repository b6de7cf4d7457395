/*
 * Domain names beneath canon_host: what DNS allows beyond host names.
 *
 * One parser for all names, so that a label which the one check takes cannot
 * surprise the other. Flags only ever widen what is accepted. Length limits
 * (labels 1-63, 253 in all), IDN conversion and the A-label check hold always.
 * Sources: RFC 1035 2.3.4, RFC 2181 11, RFC 5890, UTS 46.
 */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "base/err.h"

enum {
	NAME_LEN_MAX = 253,
	NAME_LABEL_MAX = 63,
};

enum name_flags {
	NAME_SINGLE = 1 << 0,     /* one label is enough */
	NAME_NUMERIC = 1 << 1,    /* the last label may be all digits */
	NAME_UNDERSCORE = 1 << 2, /* labels may contain _ */
	NAME_WILD = 1 << 3,       /* the first label may be * */
};

/* Canonical form without a dot at the end (one is accepted). */
int name_canon(const void *ctx, const char *value, unsigned flags, const char **ret,
	       struct err *err);

/* What username_is_reserved looks in: sorted as strcmp does, NULL at the end. */
extern const char *const reserved_names[];

#endif
