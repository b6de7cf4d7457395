#include "reconciler/plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/flap.h"

enum {
	COPY_MAX = 1 << 20,
	COPIES_MAX = 64
};

const char *action_op_name(enum action_op op)
{
	static const char *const names[] = { "create", "update", "delete", "record", "forget" };

	return names[op];
}

struct action *plan_add(struct plan *p, enum action_op op, enum stage stage,
			const struct artifact *want, const struct owned *old, const char *reason)
{
	struct action *a;

	mem_room(p->ctx, &p->v, &p->cap, p->n, sizeof(*p->v));
	a = &p->v[p->n++];
	*a = (struct action){ .op = op, .stage = stage, .old = old, .reason = reason };
	if (want) {
		a->art = *want;
	} else {
		a->art = (struct artifact){ .type = old->type,
					    .flags = old->flags,
					    .path = old->path,
					    .resource = old->resource,
					    .service = old->service,
					    .mode = old->mode,
					    .owner = old->owner,
					    .group = old->group };
	}
	return a;
}

void plan_find(struct plan *p, const char *scope, const char *part, const char *resource,
	       const char *type, const char *reason, const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	mem_room(p->ctx, &p->findings, &p->findings_cap, p->n_findings, sizeof(*f));
	f = &p->findings[p->n_findings++];
	*f = (struct finding){ .scope = mem_str(p->ctx, scope),
			       .part = mem_str(p->ctx, part),
			       .resource = mem_str(p->ctx, resource),
			       .type = type,
			       .reason = reason };
	va_start(ap, fmt);
	f->message = talloc_vasprintf(p->ctx, fmt, ap);
	va_end(ap);
	if (!f->message)
		mem_abort();
}

size_t plan_changes(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += !p->v[i].is_dropped && p->v[i].op != ACTION_RECORD &&
		     p->v[i].op != ACTION_FORGET;
	return n;
}

static int by_stage(const void *va, const void *vb)
{
	const struct action *a = va;
	const struct action *b = vb;
	int c;

	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	c = strcmp(a->art.path, b->art.path);
	if (c == 0)
		return a->art.type < b->art.type ? -1 : a->art.type > b->art.type;
	return a->stage >= STAGE_WITHDRAW ? -c : c; /* the contents of a folder go before it */
}

void plan_sort(struct plan *p)
{
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_stage);
}

struct digest plan_digest(const struct plan *p)
{
	struct buf b = { .max = BUF_MAX * 4 };
	struct digest d;

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->is_dropped || a->op == ACTION_RECORD || a->op == ACTION_FORGET)
			continue;
		buf_printf(&b, "%d %d %s %u %o %s:%s ", (int)a->op, (int)a->art.type, a->art.path,
			   a->art.flags, (unsigned)a->art.mode,
			   a->art.owner ? a->art.owner : "root",
			   a->art.group ? a->art.group : "root");
		buf_put(&b, a->art.digest.b, sizeof(a->art.digest.b));
		buf_put(&b, a->post.b, sizeof(a->post.b));
	}
	d = digest_of(buf_str(&b), b.len);
	buf_done(&b);
	return d;
}

/* Names to numbers */

static int identities(struct plan *p, struct err *err)
{
	return p->identities ? 0 : identity_load(p->ctx, p->e->root, &p->identities, err);
}

/* 1 and the number as the file has it now; 0 when it is not there, or others will be written. */
static int peek(struct plan *p, const char *file, const char *name, uint32_t *ret, struct err *err)
{
	char key[128];
	void *known;
	int r;

	if (p->identities)
		return 0;
	(void)snprintf(key, sizeof(key), "%s %.64s", file, name);
	known = strmap_find(&p->names, key);
	if (known) {
		*ret = (uint32_t)((uintptr_t)known - 1);
		return 1;
	}
	r = identity_peek(p->e->root, file, name, ret, err);
	if (r > 0 && *ret < UINT32_MAX)
		*strmap_slot(&p->names, mem_str(p->ctx, key)) =
			(void *)((uintptr_t)*ret + 1); /* NOLINT(performance-no-int-to-ptr) */
	return r;
}

static bool find_user(const struct identity_db *db, const char *name, uint32_t *ret)
{
	struct identity id;

	if (!identity_find(db, name, &id))
		return false;
	*ret = id.uid;
	return true;
}

static const struct id_table {
	const char *file, *what;
	bool (*find)(const struct identity_db *db, const char *name, uint32_t *ret);
} users = { "/etc/passwd", "user", find_user },
  groups = { "/etc/group", "group", identity_group_find };

static int number_of(struct plan *p, const struct id_table *t, const char *name, uint32_t *ret,
		     struct err *err)
{
	int r;

	*ret = 0;
	if (!name || strcmp(name, "root") == 0)
		return 0;
	r = peek(p, t->file, name, ret, err);
	if (r == 0)
		r = identities(p, err);
	else if (r > 0)
		return 0;
	if (r >= 0 && !t->find(p->identities, name, ret))
		return err_set(err, ERR_ABSENT,
			       "there is no system %s \"%s\": is its package installed?", t->what,
			       name);
	return r < 0 ? r : 0;
}

int plan_uid(struct plan *p, const char *owner, uid_t *ret, struct err *err)
{
	return number_of(p, &users, owner, ret, err);
}

int plan_gid(struct plan *p, const char *group, gid_t *ret, struct err *err)
{
	return number_of(p, &groups, group, ret, err);
}

/* The administrator's include folders */

/* Names in FOLDER, read once a plan: most domains have no includes, and then cost nothing. */
static int folder_names(struct plan *p, const char *folder, struct strmap **ret, struct err *err)
{
	struct strmap *names = strmap_find(&p->folders, folder);
	struct dirent *entry;
	DIR *dir;
	int fd;

	*ret = names;
	if (names)
		return 0;
	names = mem_new(p->ctx, struct strmap);
	names->ctx = p->ctx;
	*strmap_slot(&p->folders, mem_str(p->ctx, folder)) = names;
	*ret = names;
	fd = fs_open(p->e->root, folder, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (fd == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return err_sys(err, "read folder %s", folder);
	}
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] != '.')
			*strmap_slot(names, mem_str(p->ctx, entry->d_name)) = names;
	}
	(void)closedir(dir);
	return 0;
}

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && len < 200 && strcmp(name + len - 5, ".conf") == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct strmap_entry *)a)->key, ((const struct strmap_entry *)b)->key);
}

static int add_copies(struct plan *p, const struct artifact *copy, struct catalog *out,
		      struct err *err)
{
	const char *slash = strrchr(copy->source, '/');
	const char *parent = mem_strn(out->ctx, copy->source, (size_t)(slash - copy->source));
	struct strmap *names;
	int r = folder_names(p, parent, &names, err);

	if (r < 0 || !strmap_find(names, slash + 1))
		return r;
	r = folder_names(p, copy->source, &names, err);
	if (r >= 0 && names->n > COPIES_MAX)
		return err_set(err, ERR_TOOBIG, "%s holds %zu files, at most %d are taken",
			       copy->source, names->n, COPIES_MAX);
	if (r >= 0 && names->n > 1)
		qsort(names->entries, names->n, sizeof(*names->entries), by_name);
	for (size_t i = 0; r >= 0 && i < names->n; i++) {
		const char *name = names->entries[i].key;
		struct artifact file = *copy;
		char *data;

		if (!is_conf(name))
			continue;
		r = fs_read(out->ctx, p->e->root, mem_fmt(out->ctx, "%s/%s", copy->source, name),
			    COPY_MAX, 0, &data, &file.len, err);
		if (r < 0)
			break;
		file.type = ARTIFACT_FILE;
		file.path = mem_fmt(out->ctx, "%s/%s", copy->path, name);
		file.data = data;
		file.mode = 0644;
		catalog_add(out, &file);
	}
	return r;
}

/* Puts files in the place of COPYDIR artifacts. */
static int expand(struct plan *p, struct catalog *c, struct err *err)
{
	size_t n = c->n;
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		struct artifact a = c->v[i];

		if (a.type == ARTIFACT_COPYDIR)
			r = add_copies(p, &a, c, err);
	}
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].type != ARTIFACT_COPYDIR)
			c->v[kept++] = c->v[i];
	}
	c->n = kept;
	return r;
}

/* Comparing */

static int compare_one(struct plan *p, const char *scope, const char *part,
		       const struct artifact *want, const struct owned *old, struct err *err)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): at least one of the two is given */
	enum artifact_type type = want ? want->type : old->type;
	const char *resource = want ? want->resource : old->resource;
	size_t before = p->n;
	struct err e = ERR_INIT;
	int r;

	r = providers[type].compare(p, want, old, &e);
	if (r >= 0) {
		for (size_t i = before; i < p->n; i++) {
			p->v[i].scope = scope;
			p->v[i].renderer = part;
		}
		return flap_hold(p, scope, part, before, err);
	}
	if (e.code == ERR_CONFLICT)
		plan_find(p, scope, part, resource, "Blocked", "Foreign", "%s", e.msg);
	else if (e.code == ERR_CHECK)
		plan_find(p, scope, part, resource, "Drifted", "EditedOutside", "%s", e.msg);
	else if (e.code == ERR_ABSENT)
		plan_find(p, scope, part, resource, "Blocked", "Missing", "%s", e.msg);
	else
		plan_find(p, scope, part, resource, "Failed", "ObserveFailed", "%s", e.msg);
	p->n = before;
	return 0;
}

static void note_services(struct plan *p, const struct catalog *want)
{
	const char *last = NULL;

	for (size_t i = 0; i < want->n; i++) {
		const char *service = want->v[i].service;

		if (service && service != last && !strmap_find(&p->services, service))
			*strmap_slot(&p->services, mem_str(p->ctx, service)) = p;
		last = service;
	}
}

int plan_compare(struct plan *p, const char *scope, const char *part, struct catalog *want,
		 struct owned **rows, size_t n_rows, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(p->ctx, "compare");
	size_t i = 0;
	size_t j = 0;
	int r = expand(p, want, err);

	p->tmp = tmp;

	if (r >= 0)
		r = catalog_sort(want, err);
	if (r < 0) { /* this scope's own trouble; nothing of it changes, the others go on */
		plan_find(p, scope, part,
			  n_rows    ? rows[0]->resource
			  : want->n ? want->v[0].resource
				    : scope,
			  "Failed", "RenderFailed", "%s", err->msg);
		err_clear(err);
		return 0;
	}
	if (p->is_full)
		note_services(p, want);
	mem_room(p->ctx, &p->visited, &p->visited_cap, p->n_visited, sizeof(*p->visited));
	p->visited[p->n_visited++] = (struct visit){ .scope = scope, .part = part };
	while (r >= 0 && (i < want->n || j < n_rows)) {
		int c = i == want->n  ? 1
			: j == n_rows ? -1
				      : artifact_cmp(want->v[i].type, want->v[i].path,
						     rows[j]->type, rows[j]->path);

		r = compare_one(p, scope, part, c <= 0 ? &want->v[i] : NULL,
				c >= 0 ? rows[j] : NULL, err);
		i += c <= 0;
		j += c >= 0;
	}
	return r;
}
