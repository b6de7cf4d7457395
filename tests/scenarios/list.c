/* A machine as sorted lines: files, users, rows of maps, zones, daemons, quotas, conditions, trash. */
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "machine.h"
#include "reconciler/enginedb.h"
#include "reconciler/identity.h"
#include "reconciler/map.h"
#include "reconciler/quota.h"
#include "reconciler/trash.h"
#include "recording.h"

enum {
	FILE_MAX = 1 << 20,
	SHOWN_MAX = 70
};

struct list {
	void *ctx;
	struct engine *e;
	enum listing how;
	struct identity_db *ids;
	struct ptrs lines;
};

static void add_line(struct list *l, const char *fmt, ...) format_(2, 3);

static void add_line(struct list *l, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = talloc_vasprintf(l->ctx, fmt, ap);
	va_end(ap);
	for (char *c = line; *c; c++) {
		if (*c == '\n')
			*c = '|';
	}
	ptrs_add(l->ctx, &l->lines, line);
}

/* Files of the engine itself, of the tests, and what is shown as users and rows. */
static bool is_skipped(const char *path)
{
	static const char *const rows[] = { "/run/scenario",
					    "/var/lib/novacpx/model",
					    "/var/lib/novacpx/engine",
					    "/etc/passwd",
					    "/etc/shadow",
					    "/etc/group",
					    "/etc/gshadow",
					    "/etc/.pwd.lock" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strncmp(path, rows[i], strlen(rows[i])) == 0)
			return true;
	}
	return strstr(path, ".lmdb-lock") != NULL;
}

/* The note of something in the trash; one without it is shown. */
static bool is_note(const struct list *l, const char *path)
{
	size_t len = strlen(path);

	return strstr(path, "/.novacpx-trash/") && len > 8 &&
	       strcmp(path + len - 8, ".novacpx") == 0 &&
	       fs_exists(l->e->root, mem_strn(l->ctx, path, len - 8));
}

static const char *owner_name(struct list *l, uint32_t id)
{
	struct identity is;

	if (id == 0)
		return "root";
	return identity_find_uid(l->ids, id, &is) ? is.name : mem_fmt(l->ctx, "%" PRIu32, id);
}

static const char *group_name(struct list *l, uint32_t gid)
{
	static const char *const known[] = { "www-data", "bind", "dovecot", "postfix", "shadow" };
	uint32_t found;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (identity_group_find(l->ids, known[i], &found) && found == gid)
			return known[i];
	}
	return owner_name(l, gid);
}

static const char *digest_text(const void *ctx, const char *data, size_t len)
{
	struct digest d = digest_of(data, len);
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&d, hex);
	return mem_strn(ctx, hex, 12);
}

/* Where two machines may differ without being different. */
static void blank_serial(char *data)
{
	char *at = strstr(data, "; serial");

	for (int i = 1; at && i <= SERIAL_LEN + 1; i++)
		at[-i] = '#';
}

static bool is_as_applied(const struct owned *o, const char *data, size_t len)
{
	struct artifact a = { .data = data, .len = len, .serial_at = (size_t)o->serial_at };
	struct digest d;

	if (o->flags & ARTIFACT_SERIAL && a.serial_at + SERIAL_LEN <= len)
		a.flags = ARTIFACT_SERIAL;
	d = artifact_content_digest(&a);
	return digest_eq(&d, &o->digest);
}

static const char *what_of_file(struct list *l, const char *path, const struct owned *o)
{
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	if (fs_read(l->ctx, l->e->root, path, FILE_MAX, FS_NOLINKS, &data, &len, &err) < 0)
		return mem_str(l->ctx, err.msg);
	if (l->how != LIST_BRIEF) {
		blank_serial(data);
		return digest_text(l->ctx, data, len);
	}
	if (o && o->flags & ARTIFACT_ONCE)
		return is_as_applied(o, data, len) ? "once"
						   : mem_fmt(l->ctx, "once, now: %s", data);
	if (o && is_as_applied(o, data, len))
		return o->flags & ARTIFACT_SERIAL
			       ? mem_fmt(l->ctx, "ours, serial %" PRId64, o->serial)
			       : "ours";
	return mem_fmt(l->ctx, "%s: %s", o ? "DIFFERS" : "not ours",
		       len <= SHOWN_MAX ? data : digest_text(l->ctx, data, len));
}

static void list_map(struct list *l, const char *path);

static struct owned *row_of(struct list *l, enum artifact_type type, const char *path)
{
	struct err ignored = ERR_INIT;
	struct owned *o;

	return owned_get(l->ctx, l->e->db, type, path, &o, &ignored) < 0 ? NULL : o;
}

/* What only history can tell stands in homes, logs, mail and trash. */
static bool is_left_over(const struct list *l, const char *path)
{
	return l->how == LIST_WANTED &&
	       (strncmp(path, "/home/", 6) == 0 || strncmp(path, "/srv/", 5) == 0 ||
		strncmp(path, "/var/log/novacpx/sites/", 23) == 0 ||
		strncmp(path, "/var/vmail/", 11) == 0);
}

static void list_folder(struct list *l, const char *dir);

static void list_entry(struct list *l, const char *path)
{
	struct err err = ERR_INIT;
	struct owned *o = NULL;
	const char *owner;
	char *target;
	struct stat st;

	if (is_skipped(path) || is_left_over(l, path) || is_note(l, path) ||
	    fs_stat(l->e->root, path, &st, &err) < 0)
		return;
	owner = mem_fmt(l->ctx, "%04o %s:%s", (unsigned)(st.st_mode & 07777),
			owner_name(l, st.st_uid), group_name(l, st.st_gid));
	if (S_ISREG(st.st_mode) && strstr(path, ".lmdb")) {
		list_map(l, path);
	} else if (S_ISREG(st.st_mode)) {
		o = row_of(l, ARTIFACT_FILE, path);
		add_line(l, "file    %s %s  %s", path, owner, what_of_file(l, path, o));
	} else if (S_ISLNK(st.st_mode)) {
		if (fs_readlink(l->ctx, l->e->root, path, &target, &err) >= 0)
			add_line(l, "link    %s -> %s", path, target);
	} else if (S_ISDIR(st.st_mode)) {
		add_line(l, "folder  %s %s", path, owner);
		list_folder(l, path);
	}
}

static void list_folder(struct list *l, const char *dir)
{
	struct ptrs names = folder_list(l->ctx, l->e->root, dir);

	for (size_t i = 0; i < names.n; i++)
		list_entry(l, mem_fmt(l->ctx, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
				      (const char *)names.v[i]));
}

struct rows {
	struct list *l;
	const char *map;
};

static int add_row(const char *key, const char *value, void *arg, struct err *err)
{
	struct rows *r = arg;

	(void)err;
	add_line(r->l, "row     %s %s = %s", r->map, key, value);
	return 0;
}

static void list_map(struct list *l, const char *path)
{
	cleanup_(map_closep) struct map *map = NULL;
	struct rows r = { .l = l, .map = strrchr(path, '/') + 1 };
	struct err err = ERR_INIT;

	if (map_open(l->ctx, l->e->root, path, 0, &map, &err) < 0 ||
	    map_foreach(map, add_row, &r, &err) < 0)
		add_line(l, "row     %s UNREADABLE: %s", path, err.msg);
}

static void add_user(struct list *l, const char *name)
{
	struct identity is;
	const char *ids = "";

	if (!identity_find(l->ids, name, &is))
		return;
	if (l->how != LIST_WANTED)
		ids = mem_fmt(l->ctx, " %" PRIu32 ":%" PRIu32, is.uid, is.gid);
	add_line(l, "user    %s%s %s %s %s %s", name, ids, is.home, is.shell,
		 is.locked ? "locked" : "open",
		 is.hash && is.hash[0] ? digest_text(l->ctx, is.hash, strlen(is.hash)) : "none");
}

static void list_users(struct list *l)
{
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	if (fs_read(l->ctx, l->e->root, "/etc/passwd", FILE_MAX, 0, &data, &len, &err) < 0)
		return;
	for (const char *line = data; *line; line += strcspn(line, "\n") + 1)
		add_user(l, mem_strn(l->ctx, line, strcspn(line, ":\n")));
	if (fs_read(l->ctx, l->e->root, "/etc/group", FILE_MAX, 0, &data, &len, &err) < 0)
		return;
	for (const char *line = data; *line; line += strcspn(line, "\n") + 1)
		add_line(l, "group   %.*s", (int)strcspn(line, ":\n"), line);
}

static void list_zones(struct list *l)
{
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	if (fs_read(l->ctx, l->e->root, RECORDING "/zones", FILE_MAX, 0, &data, &len, &err) < 0)
		return;
	for (const char *line = data; *line; line += strcspn(line, "\n") + 1) {
		const char *file = strchr(line, '/');
		const char *path = mem_strn(l->ctx, file, strcspn(file, "\n"));
		struct owned *o = row_of(l, ARTIFACT_FILE, path);
		int64_t serial = strtoll(strchr(line, ' '), NULL, 10);

		add_line(l, "serves  %.*s %s", (int)strcspn(line, " "), line,
			 o && o->serial == serial ? "as written" : "STALE");
	}
}

static void list_daemons(struct list *l)
{
	static const char *const names[] = { "nginx",   "bind",       "postfix",
					     "dovecot", "php8.2-fpm", "php8.3-fpm" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *runs = recording_runs(l->ctx, l->e->root, names[i]);

		if (runs && (l->how != LIST_WANTED || strcmp(runs, "STALE") == 0))
			add_line(l, "runs    %s %s", names[i], runs);
	}
}

/* By number, which is shown as a name where somebody has it: a limit must not outlive its user. */
static void list_quotas(struct list *l)
{
	struct ptrs uids = folder_list(l->ctx, l->e->root, RECORDING "/quota");

	for (size_t i = 0; i < uids.n; i++) {
		const char *uid = uids.v[i];

		if (strcmp(uid, "off") != 0)
			add_line(l, "quota   %s %s",
				 owner_name(l, (uint32_t)strtoul(uid, NULL, 10)),
				 quota_text(l->ctx, recording_quota(l->e->root, uid)));
	}
}

static int add_condition(const struct condition *c, void *arg, struct err *err)
{
	struct list *l = arg;

	(void)err;
	if (l->how == LIST_BRIEF)
		add_line(l, "status  %s %s (%s): %s", c->resource, c->type, c->reason, c->message);
	else if (strcmp(c->type, "Progressing") != 0) /* of the moment */
		add_line(l, "status  %s %s (%s)", c->resource, c->type, c->reason);
	return 0;
}

static int add_trash(const struct trash_entry *t, void *arg, struct err *err)
{
	struct list *l = arg;

	(void)err;
	add_line(l, "trash   %s %s uid %" PRId64 "%s%s", t->account, t->origin, t->uid,
		 fs_exists(l->e->root, t->path) ? "" : " GONE",
		 fs_exists(l->e->root, mem_fmt(l->ctx, "%s.novacpx", t->path)) ? ""
									       : " WITHOUT NOTE");
	return 0;
}

/* The manifest itself, when it is to be the same whatever led to it. */
static void list_manifest(struct list *l)
{
	struct err err = ERR_INIT;
	struct owned_cursor *c;
	struct owned *o;

	if (owned_open(l->ctx, l->e->db, NULL, &c, &err) < 0)
		broken("%s", err.msg);
	while (owned_next(l->ctx, c, &o, &err) > 0) {
		char hex[DIGEST_HEX_LEN + 1];

		digest_hex(&o->digest, hex);
		add_line(l, "owned   %s %s %s %s %s %s %u %04o %s:%s %.12s",
			 artifact_type_name(o->type), o->path, o->scope, o->renderer, o->resource,
			 o->service ? o->service : "-", o->flags, (unsigned)o->mode,
			 o->owner ? o->owner : "root", o->group ? o->group : "root", hex);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void machine_list(struct engine *e, enum listing how, struct buf *out)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "list");
	struct list l = { .ctx = ctx, .e = e, .how = how };
	struct err err = ERR_INIT;

	if (identity_load(ctx, e->root, &l.ids, &err) < 0)
		broken("%s", err.msg);
	list_users(&l);
	list_folder(&l, "/");
	list_zones(&l);
	list_daemons(&l);
	list_quotas(&l);
	if (condition_each(e->db, NULL, add_condition, &l, &err) < 0)
		broken("%s", err.msg);
	if (how != LIST_WANTED && trash_each(e, NULL, add_trash, &l, &err) < 0)
		broken("%s", err.msg);
	if (how != LIST_BRIEF)
		list_manifest(&l);
	if (l.lines.n > 1)
		qsort(l.lines.v, l.lines.n, sizeof(*l.lines.v), by_text);
	for (size_t i = 0; i < l.lines.n; i++)
		buf_printf(out, "%s\n", (const char *)l.lines.v[i]);
}
