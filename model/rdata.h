/*
 * DNS record types: one table, and checks of what stands in a record.
 *
 * A canonical value is the record's data as it stands in a zone file, without
 * the priority (a field of its own), with absolute lower-case names. For the
 * types that are TXT on the wire (TXT DKIM SPF DMARC) it is the text itself,
 * neither quoted nor split: rdata_put does that. A canonical value is its own
 * canonical value. Zones are canonical names without a dot at the end.
 *
 * Names inside values are read as people who use panels mean them: "@" is the
 * zone, "mail" is mail in the zone, "mail.example.org" and "mail.example.org."
 * are that name and nothing beneath the zone.
 *
 * Refusals are -ERR_INVALID with a sentence, see check.h; no value can bring a
 * newline, a directive or a second record into a zone file.
 * Sources: RFC 1035, 2181, 2782 (SRV), 3403 (NAPTR), 4255 (SSHFP), 6376 (DKIM),
 * 6698 (TLSA), 7208 (SPF), 7489 (DMARC), 7505 (null MX), 8659 (CAA); BIND's check-names.
 */
#ifndef MODEL_RDATA_H
#define MODEL_RDATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	RDATA_VALUE_MAX = 4096,
	RDATA_PRIORITY_MAX = 65535,
	RDATA_WORDS_MAX = 32,
};

/* A value while a type's `canon` reads it. TMP is freed afterwards. */
struct rdata_in {
	const void *tmp;
	const char *zone, *value;
	const char *words[RDATA_WORDS_MAX]; /* decoded; none for text types */
	size_t n_words;
	struct buf *out; /* takes the canonical value */
	struct err *err;
};

enum rdata_owner {
	RDATA_OWNER_ANY,
	RDATA_OWNER_HOST,    /* BIND refuses a zone with _ in the owner of such a record */
	RDATA_OWNER_NOT_WILD /* BIND refuses a zone with a wildcard owner of such a record */
};

struct rdata_type {
	const char *name, *wire;
	const char *shape; /* what a value looks like, for messages and docs */
	bool has_priority;
	bool is_text;    /* TXT on the wire */
	bool has_target; /* the last word of a value is a host name */
	enum rdata_owner owner;
	int64_t default_priority;
	int (*canon)(struct rdata_in *in);
	const char *doc;
};

/* All types; the last row has no name. */
extern const struct rdata_type rdata_types[];

/* NULL if there is none; case does not matter. */
const struct rdata_type *rdata_type_find(const char *name);

int rdata_canon(const void *ctx, const struct rdata_type *t, const char *zone, const char *value,
		const char **ret, struct err *err);

/*
 * The owner's name relative to ZONE: "@", "www", "*.dev", "_sip._tcp". Takes also "", an absolute
 * name in the zone and a name that ends in the zone's name.
 */
int rdata_name_canon(const void *ctx, const char *zone, const char *name, const char **ret,
		     struct err *err);
/* Whether a record of type T may stand at canonical NAME (BIND's check-names). */
int rdata_owner_check(const struct rdata_type *t, const char *name, struct err *err);
/* A name inside a value: absolute, lower-case, dot at the end. FLAGS of names.h. */
int rdata_target_canon(const void *ctx, const char *zone, const char *name, unsigned flags,
		       const char **ret, struct err *err);

/* Writes the data in zone-file syntax, priority first for types that have one. */
void rdata_put(struct buf *out, const struct rdata_type *t, const char *canon_value,
	       int64_t priority);
/* Writes LEN bytes as one quoted string with escapes; LEN is at most 255. */
void rdata_put_string(struct buf *out, const char *s, size_t len);
/* Reads "a" "b" … to the end, decoded and joined, into OUT; VALUE is for messages. */
int rdata_read_strings(const char *s, const char *value, struct buf *out, struct err *err);

/* The target's name within a canonical value (absolute, or "." for none); NULL if T has none. */
const char *rdata_target(const struct rdata_type *t, const char *canon_value);

#endif
