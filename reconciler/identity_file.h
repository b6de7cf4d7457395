/*
 * The lines of the four account files in memory: for identity.c and
 * identity_write.c only.
 *
 * A row whose `raw` is set is written as those bytes; one that was edited (raw
 * is NULL) is put together from its fields and member lists. Rows are never
 * moved; deleted ones are `gone`. Indexes find rows by name and id, and the
 * memberships of a name, in constant time. Everything belongs to the database.
 */
#ifndef RECONCILER_IDENTITY_FILE_H
#define RECONCILER_IDENTITY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "reconciler/identity.h"

enum identity_which {
	IDENTITY_PASSWD,
	IDENTITY_SHADOW,
	IDENTITY_GROUP,
	IDENTITY_GSHADOW
};

enum {
	IDENTITY_FILES = 4,
	IDENTITY_FIELDS_MAX = 9,
	IDENTITY_FILE_MAX = 64 << 20
};

struct identity_spec {
	const char *path;
	mode_t mode; /* of a file we make */
	unsigned fields;
	unsigned id;    /* field that holds the row's id; 0: none */
	unsigned lists; /* first field that is a list of names; 0: none */
};

extern const struct identity_spec identity_specs[IDENTITY_FILES];

/* Positions (row, member) are kept + 1, so that 0 is "none". */
struct identity_slot {
	uint64_t key;
	const char *name; /* NULL in an index by number */
	size_t value;
	bool used;
};

struct identity_index {
	struct identity_slot *slots;
	size_t cap, n; /* cap is 0 or a power of two */
	uint64_t steps;
};

struct identity_member {
	const char *name;
	size_t row;
	size_t next_in_row, next_of_name;
	unsigned list; /* the field it stands in */
	bool gone;
};

struct identity_row {
	const char *raw; /* NULL: made or edited */
	size_t raw_len;  /* with the newline, if it has one */
	const char *f[IDENTITY_FIELDS_MAX];
	uint32_t id;
	size_t next_same_id;
	size_t members, members_last;
	bool has_id, gone;
	bool bad;   /* malformed, or its name stands twice: never edited */
	bool plain; /* a well-formed line of a name */
};

struct identity_file {
	const struct identity_spec *spec;
	struct identity_row *rows;
	size_t n, cap;
	size_t n_loaded; /* rows from here on are new */
	size_t nis;      /* new rows go before this one */
	struct identity_index names, ids;
	struct identity_member *members; /* of all rows */
	size_t n_members, cap_members;
	struct identity_index member_names;
	const char *text; /* as it is on disk */
	size_t len;
	struct stat st;
	bool exists, dirty;
};

struct identity_db {
	struct identity_file files[IDENTITY_FILES];
	struct identity_index gid_users; /* how many passwd rows have the gid */
	char *chunk;                     /* short strings are cut off this */
	size_t chunk_left;
	uint32_t free_min, free_next; /* below free_next nothing from free_min on is free */
	bool has_put;                 /* something was made or changed since the last write */
	int lock_ms;
};

/* A copy of S that lives as long as the database. */
const char *identity_keep(struct identity_db *db, const char *s);

/* The value's place; NULL if absent and not ADD. NAME, if not NULL, must outlive the index. */
size_t *identity_index_at(const void *ctx, struct identity_index *index, uint64_t key,
			  const char *name, bool add);
uint64_t identity_name_key(const char *name);

void identity_file_parse(struct identity_db *db, struct identity_file *file);
/* NULL when there is none that is not gone. */
struct identity_row *identity_row_find(const struct identity_file *file, const char *name);
struct identity_row *identity_row_by_id(const struct identity_file *file, uint32_t id);
/* A new row with all fields empty but the name. The pointer is good until the next add. */
struct identity_row *identity_row_add(struct identity_db *db, struct identity_file *file,
				      const char *name);
void identity_row_del(struct identity_db *db, struct identity_file *file, struct identity_row *row);
/* Does nothing when the field says so already. */
void identity_row_set(struct identity_db *db, struct identity_file *file, struct identity_row *row,
		      unsigned field, const char *value);
void identity_row_set_id(struct identity_db *db, struct identity_file *file,
			 struct identity_row *row, uint32_t id);

bool identity_list_has(const struct identity_file *file, const struct identity_row *row,
		       unsigned list, const char *name);
void identity_list_add(struct identity_db *db, struct identity_file *file, struct identity_row *row,
		       unsigned list, const char *name);
/* From ROW's list; ROW NULL: from all rows; LIST 0: from all their lists. */
void identity_list_del(struct identity_file *file, const struct identity_row *row, unsigned list,
		       const char *name);

/* The file's next content. */
void identity_file_print(const struct identity_file *file, struct buf *out);

/* Whether S is a decimal number that fits. */
bool identity_number(const char *s, uint32_t *ret);

#endif
