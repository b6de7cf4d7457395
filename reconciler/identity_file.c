#include "reconciler/identity_file.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
	CHUNK = 64 << 10
};

const struct identity_spec identity_specs[IDENTITY_FILES] = {
	[IDENTITY_PASSWD] = { .path = "/etc/passwd", .mode = 0644, .fields = 7, .id = 2 },
	[IDENTITY_SHADOW] = { .path = "/etc/shadow", .mode = 0640, .fields = 9 },
	[IDENTITY_GROUP] = { .path = "/etc/group", .mode = 0644, .fields = 4, .id = 2, .lists = 3 },
	[IDENTITY_GSHADOW] = { .path = "/etc/gshadow", .mode = 0640, .fields = 4, .lists = 2 },
};

const char *identity_keep(struct identity_db *db, const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy;

	if (len > CHUNK / 8)
		return mem_str(db, s);
	if (len > db->chunk_left) {
		db->chunk = mem_zero(db, CHUNK);
		db->chunk_left = CHUNK;
	}
	copy = db->chunk + CHUNK - db->chunk_left;
	memcpy(copy, s, len);
	db->chunk_left -= len;
	return copy;
}

uint64_t identity_name_key(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return h;
}

static struct identity_slot *probe(struct identity_index *index, uint64_t key, const char *name)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h ^ h >> 32) & (index->cap - 1);

	for (;; i = (i + 1) & (index->cap - 1)) {
		struct identity_slot *slot = &index->slots[i];

		index->steps++;
		if (!slot->used || (slot->key == key && (!name || strcmp(slot->name, name) == 0)))
			return slot;
	}
}

static void index_grow(const void *ctx, struct identity_index *index)
{
	struct identity_index old = *index;

	index->cap = old.cap ? old.cap * 2 : 1024;
	index->slots = mem_zero(ctx, index->cap * sizeof(*index->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].used)
			*probe(index, old.slots[i].key, old.slots[i].name) = old.slots[i];
	mem_freep(&old.slots);
}

size_t *identity_index_at(const void *ctx, struct identity_index *index, uint64_t key,
			  const char *name, bool add)
{
	struct identity_slot *slot;

	if (add && index->n >= index->cap / 2)
		index_grow(ctx, index);
	if (!index->cap)
		return NULL;
	slot = probe(index, key, name);
	if (!slot->used) {
		if (!add)
			return NULL;
		*slot = (struct identity_slot){ .key = key, .name = name, .used = true };
		index->n++;
	}
	return &slot->value;
}

/* Lookups count their steps, so an index is not const even for those who only look. */
static size_t index_get(const struct identity_index *index, uint64_t key, const char *name)
{
	union {
		const struct identity_index *in;
		struct identity_index *out;
	} u = { .in = index };

	size_t *value = identity_index_at(NULL, u.out, key, name, false);

	return value ? *value : 0;
}

bool identity_number(const char *s, uint32_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*ret = (uint32_t)n;
	return true;
}

struct identity_row *identity_row_find(const struct identity_file *file, const char *name)
{
	size_t at = index_get(&file->names, identity_name_key(name), name);

	return at && !file->rows[at - 1].gone ? &file->rows[at - 1] : NULL;
}

struct identity_row *identity_row_by_id(const struct identity_file *file, uint32_t id)
{
	size_t at = index_get(&file->ids, id, NULL);

	return at ? &file->rows[at - 1] : NULL;
}

/* The first row of an id stays first; the order of the others does not matter. */
static void id_link(struct identity_db *db, struct identity_file *file, struct identity_row *row)
{
	size_t at = (size_t)(row - file->rows) + 1;
	size_t *head = identity_index_at(db, &file->ids, row->id, NULL, true);

	row->next_same_id = 0;
	if (!*head) {
		*head = at;
	} else {
		row->next_same_id = file->rows[*head - 1].next_same_id;
		file->rows[*head - 1].next_same_id = at;
	}
}

static void id_unlink(struct identity_db *db, struct identity_file *file, struct identity_row *row)
{
	size_t at = (size_t)(row - file->rows) + 1;
	size_t *link = identity_index_at(db, &file->ids, row->id, NULL, true);

	while (*link && *link != at)
		link = &file->rows[*link - 1].next_same_id;
	if (*link)
		*link = row->next_same_id;
	row->next_same_id = 0;
}

static void member_add(struct identity_db *db, struct identity_file *file, size_t row,
		       unsigned list, const char *name)
{
	struct identity_row *r = &file->rows[row];
	struct identity_member *m;
	size_t *head;
	size_t at;

	mem_room(db, &file->members, &file->cap_members, file->n_members, sizeof(*m));
	m = &file->members[file->n_members++];
	at = file->n_members;
	head = identity_index_at(db, &file->member_names, identity_name_key(name), name, true);
	*m = (struct identity_member){
		.name = name, .row = row, .list = list, .next_of_name = *head
	};
	*head = at;
	if (r->members_last)
		file->members[r->members_last - 1].next_in_row = at;
	else
		r->members = at;
	r->members_last = at;
}

/* LIST is cut at its commas. */
static void parse_list(struct identity_db *db, struct identity_file *file, size_t row,
		       unsigned field, char *list)
{
	char *rest = list;
	char *name;

	while ((name = strsep(&rest, ",")))
		if (*name)
			member_add(db, file, row, field, name);
}

/* Splits LINE at its colons; returns how many fields there are, which may be more than fit. */
static unsigned split(char *line, char *f[IDENTITY_FIELDS_MAX])
{
	unsigned n = 0;
	char *rest = line;

	while (rest && n < IDENTITY_FIELDS_MAX)
		f[n++] = strsep(&rest, ":");
	return rest ? n + 1 : n;
}

static bool has_control(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return true;
	return false;
}

/* A name that stands twice is nobody's to edit: which line counts depends on the reader. */
static void index_name(struct identity_db *db, struct identity_file *file, size_t row)
{
	struct identity_row *r = &file->rows[row];
	size_t *at = identity_index_at(db, &file->names, identity_name_key(r->f[0]), r->f[0], true);

	if (*at)
		file->rows[*at - 1].bad = true;
	else
		*at = row + 1;
}

/* LINE is a copy of the row's bytes without the newline, NUL-terminated, to be cut up. */
static void parse_row(struct identity_db *db, struct identity_file *file, size_t row, char *line,
		      size_t len)
{
	const struct identity_spec *spec = file->spec;
	struct identity_row *r = &file->rows[row];
	char *f[IDENTITY_FIELDS_MAX] = { NULL };
	uint32_t gid;
	unsigned n;

	if (*line == '+' || *line == '-')
		file->nis = MIN(file->nis, row);
	if (len == 0 || strchr("+-#:", *line))
		return;
	r->bad = has_control(line, len);
	n = split(line, f);
	r->bad |= n != spec->fields;
	for (unsigned i = 0; i < MIN(n, (unsigned)IDENTITY_FIELDS_MAX); i++)
		r->f[i] = f[i];
	if (spec->id && n > spec->id) {
		r->has_id = identity_number(f[spec->id], &r->id);
		r->bad |= !r->has_id;
		if (r->has_id) /* of a malformed line too: that id is not free */
			id_link(db, file, r);
	}
	if (spec == &identity_specs[IDENTITY_PASSWD] && n > 3) {
		if (identity_number(f[3], &gid))
			++*identity_index_at(db, &db->gid_users, gid, NULL, true);
		else
			r->bad = true;
	}
	index_name(db, file, row);
	r->plain = true;
	if (spec->lists && !r->bad)
		for (unsigned i = spec->lists; i < spec->fields; i++)
			parse_list(db, file, row, i, f[i]);
}

void identity_file_parse(struct identity_db *db, struct identity_file *file)
{
	char *copy = mem_dup(db, file->text, file->len);
	size_t at = 0;

	file->nis = SIZE_MAX;
	while (at < file->len) {
		const char *nl = memchr(file->text + at, '\n', file->len - at);
		size_t len = nl ? (size_t)(nl - file->text) - at : file->len - at;

		mem_room(db, &file->rows, &file->cap, file->n, sizeof(*file->rows));
		file->rows[file->n] = (struct identity_row){ .raw = file->text + at,
							     .raw_len = len + (nl != NULL) };
		copy[at + len] = '\0'; /* over the newline, or mem_dup's own */
		parse_row(db, file, file->n++, copy + at, len);
		at += len + (nl != NULL);
	}
	file->n_loaded = file->n;
	file->nis = MIN(file->nis, file->n);
}

struct identity_row *identity_row_add(struct identity_db *db, struct identity_file *file,
				      const char *name)
{
	struct identity_row *row;

	mem_room(db, &file->rows, &file->cap, file->n, sizeof(*file->rows));
	row = &file->rows[file->n++];
	*row = (struct identity_row){ .plain = true };
	for (unsigned i = 0; i < file->spec->fields; i++)
		row->f[i] = "";
	row->f[0] = identity_keep(db, name);
	*identity_index_at(db, &file->names, identity_name_key(name), row->f[0], true) = file->n;
	file->dirty = db->has_put = true;
	return row;
}

void identity_row_del(struct identity_db *db, struct identity_file *file, struct identity_row *row)
{
	if (row->has_id)
		id_unlink(db, file, row);
	for (size_t at = row->members; at; at = file->members[at - 1].next_in_row)
		file->members[at - 1].gone = true;
	row->gone = true;
	file->dirty = true;
}

void identity_row_set(struct identity_db *db, struct identity_file *file, struct identity_row *row,
		      unsigned field, const char *value)
{
	if (strcmp(row->f[field], value) == 0)
		return;
	row->f[field] = identity_keep(db, value);
	row->raw = NULL;
	file->dirty = db->has_put = true;
}

void identity_row_set_id(struct identity_db *db, struct identity_file *file,
			 struct identity_row *row, uint32_t id)
{
	char text[16];

	if (row->has_id && row->id == id)
		return;
	if (row->has_id)
		id_unlink(db, file, row);
	(void)snprintf(text, sizeof(text), "%u", id); /* fits any id */
	identity_row_set(db, file, row, file->spec->id, text);
	row->id = id;
	row->has_id = true;
	id_link(db, file, row);
}

bool identity_list_has(const struct identity_file *file, const struct identity_row *row,
		       unsigned list, const char *name)
{
	size_t at = index_get(&file->member_names, identity_name_key(name), name);

	for (; at; at = file->members[at - 1].next_of_name) {
		const struct identity_member *m = &file->members[at - 1];

		if (!m->gone && m->list == list && &file->rows[m->row] == row)
			return true;
	}
	return false;
}

void identity_list_add(struct identity_db *db, struct identity_file *file, struct identity_row *row,
		       unsigned list, const char *name)
{
	if (identity_list_has(file, row, list, name))
		return;
	row->raw = NULL;
	file->dirty = db->has_put = true;
	member_add(db, file, (size_t)(row - file->rows), list, identity_keep(db, name));
}

void identity_list_del(struct identity_file *file, const struct identity_row *row, unsigned list,
		       const char *name)
{
	size_t at = index_get(&file->member_names, identity_name_key(name), name);

	for (; at; at = file->members[at - 1].next_of_name) {
		struct identity_member *m = &file->members[at - 1];

		if (m->gone || (row && &file->rows[m->row] != row) || (list && m->list != list))
			continue;
		m->gone = true;
		file->rows[m->row].raw = NULL;
		file->dirty = true;
	}
}

static void print_list(const struct identity_file *file, const struct identity_row *row,
		       unsigned list, struct buf *out)
{
	const char *comma = "";

	for (size_t at = row->members; at; at = file->members[at - 1].next_in_row) {
		const struct identity_member *m = &file->members[at - 1];

		if (m->gone || m->list != list)
			continue;
		buf_puts(out, comma);
		buf_puts(out, m->name);
		comma = ",";
	}
}

static void print_row(const struct identity_file *file, const struct identity_row *row,
		      struct buf *out)
{
	if (row->gone)
		return;
	if (out->len && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n'); /* the last line had none; something follows it now */
	if (row->raw) {
		buf_put(out, row->raw, row->raw_len);
		return;
	}
	for (unsigned i = 0; i < file->spec->fields; i++) {
		if (i)
			buf_putc(out, ':');
		if (file->spec->lists && i >= file->spec->lists)
			print_list(file, row, i, out);
		else
			buf_puts(out, row->f[i]);
	}
	buf_putc(out, '\n');
}

void identity_file_print(const struct identity_file *file, struct buf *out)
{
	for (size_t i = 0; i < file->nis; i++)
		print_row(file, &file->rows[i], out);
	for (size_t i = file->n_loaded; i < file->n; i++)
		print_row(file, &file->rows[i], out);
	for (size_t i = file->nis; i < file->n_loaded; i++)
		print_row(file, &file->rows[i], out);
}
