/*
 * A field of a kind: one row of a table, from which the SQL column, the JSON
 * and state-file forms, validation, diff, help and documentation follow.
 *
 * A resource is a plain C struct that begins with `struct res`. Text members
 * are `const char *` owned by the talloc context of the load; NULL means
 * unset. The row macros let the compiler check each member's C type:
 *
 *   STRING CHOICE REF SECRET  const char *     INT   int64_t (INT_UNSET: none)
 *   LIST                      struct strlist   BOOL  bool
 *
 * A switch over field types stands only in model/field.c and model/res_*.c.
 */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macro.h"

struct kind;

enum field_type {
	FIELD_STRING,
	FIELD_INT,
	FIELD_BOOL,
	FIELD_CHOICE, /* one of `choices` */
	FIELD_REF,    /* natural key of a resource of kind `ref` */
	FIELD_LIST,   /* list of strings, each through `canon` */
	FIELD_SECRET, /* kept in the secret table, never in a changeset, log, plan or git */
};

enum field_flags {
	FIELD_KEY = 1 << 0,      /* part of the natural key */
	FIELD_REQUIRED = 1 << 1, /* must be set */
	FIELD_FIXED = 1 << 2,    /* cannot change after creation */
	FIELD_PARENT = 1 << 3,   /* the resource that owns this one; deleted with it */
	FIELD_DERIVED = 1 << 4,  /* computed by the kind's derive(); callers cannot set it */
	FIELD_SCOPE = 1 << 5,    /* names the scope (domain) the resource is rendered with */
	FIELD_NULLABLE = 1 << 6, /* FIELD_INT: may be unset */
	FIELD_INDEX = 1 << 7,    /* looked up by rules: gets an SQL index */
};

/* What a change of the field costs: a promise to the user, held by a property test. */
enum impact {
	IMPACT_NONE,
	IMPACT_RELOAD,
	IMPACT_RESTART,
	IMPACT_REPLACE
};

typedef int canon_fn(const void *ctx, const char *value, const char **ret, struct err *err);

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	unsigned flags;
	enum impact impact;
	int64_t min, max;           /* INT: value, when max > min; LIST: number of items (0: 256) */
	const char *dflt;           /* as text; NULL: unset (bool: false, int: 0 or unset) */
	const char *const *choices; /* NULL-terminated */
	const struct kind *ref;
	canon_fn *canon; /* check and canonical form of a text */
	const char *doc;
};

struct strlist {
	const char **v;
	size_t n;
};

#define INT_UNSET INT64_MIN

/* A typed value on its way into a field: from JSON, a state file, or the command line. */
enum value_type {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_STRING,
	VALUE_LIST
};

struct value {
	enum value_type type;
	bool flag;
	int64_t num;
	const char *text;   /* STRING; for INT and BOOL the text as written, if known */
	const char **items; /* LIST */
	size_t n;
};

#define ASSERT_MEMBER(st, m, t)                                                        \
	(0 * sizeof(struct {                                                           \
		 _Static_assert(SAME_TYPE(((st *)0)->m, t), #st "." #m " is not " #t); \
		 int nothing;                                                          \
	 }))
#define FIELD_ROW(kind_, t, st, m, ...)                                                        \
	{                                                                                      \
		.name = #m, .type = (kind_),                                                   \
		.offset = offsetof(struct st, m) + ASSERT_MEMBER(struct st, m, t), __VA_ARGS__ \
	}
#define STRING_ROW(st, m, ...) FIELD_ROW(FIELD_STRING, const char *, st, m, __VA_ARGS__)
#define CHOICE_ROW(st, m, ...) FIELD_ROW(FIELD_CHOICE, const char *, st, m, __VA_ARGS__)
#define REF_ROW(st, m, ...)    FIELD_ROW(FIELD_REF, const char *, st, m, __VA_ARGS__)
#define SECRET_ROW(st, m, ...) FIELD_ROW(FIELD_SECRET, const char *, st, m, __VA_ARGS__)
#define INT_ROW(st, m, ...)    FIELD_ROW(FIELD_INT, int64_t, st, m, __VA_ARGS__)
#define BOOL_ROW(st, m, ...)   FIELD_ROW(FIELD_BOOL, bool, st, m, __VA_ARGS__)
#define LIST_ROW(st, m, ...)   FIELD_ROW(FIELD_LIST, struct strlist, st, m, __VA_ARGS__)

/* Typed access by table row. */
const char *field_text(const struct field *f, const void *res); /* STRING CHOICE REF SECRET */
int64_t field_int(const struct field *f, const void *res);      /* INT, BOOL as 0/1 */
const struct strlist *field_list(const struct field *f, const void *res);
void field_set_text(const struct field *f, void *res, const char *text);
void field_set_int(const struct field *f, void *res, int64_t num);
void field_set_list(const struct field *f, void *res, const char **items, size_t n);
bool field_is_text(const struct field *f);
bool field_is_set(const struct field *f, const void *res);
void field_copy(const struct field *f, void *to, const void *from); /* shares texts */
bool field_same(const struct field *f, const void *a, const void *b);

/* Checks VALUE against the row and stores its canonical form on CTX. The error's path is "/NAME". */
int field_put(const void *ctx, const struct field *f, void *res, const struct value *v,
	      struct err *err) must_check;
/* The row's default. */
void field_put_default(const void *ctx, const struct field *f, void *res);
/* The value as one line of text for people ("" when unset); secrets as "(secret)". On CTX. */
const char *field_show(const void *ctx, const struct field *f, const void *res);
/* What may be written there, for messages: "an integer from 1 to 65535". On CTX. */
const char *field_allowed(const void *ctx, const struct field *f);
/* Text from a command line into a value of the row's type. */
struct value field_value_of_text(const void *ctx, const struct field *f, const char *text);

#endif
