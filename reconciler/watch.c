#include "reconciler/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "reconciler/enginedb.h"
#include "reconciler/flap.h"

#define WATCH_EVENTS                                                                        \
	(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

/* Files, links and blocks that we heal and that no tenant can touch. */
#define WATCHED "type IN (2, 3, 4) AND (flags & 5) = 0"
#define FOLDER  "rtrim(path, replace(path, '/', ''))"

_Static_assert(ARTIFACT_FILE == 2 && ARTIFACT_LINK == 3 && ARTIFACT_BLOCK == 4, "see WATCHED");
_Static_assert((ARTIFACT_ONCE | ARTIFACT_TENANT) == 5, "see WATCHED");

/* Where an administrator puts additions, and the scope level that NAME in it speaks of. */
static const struct {
	const char *path;
	char level;
} includes[] = {
	{ "/etc/novacpx/nginx.d", 'd' },
	{ "/etc/novacpx/php.d", 'a' },
};

/* 30,000 folders are watched on a large server: a slot is 8 bytes, the paths stand in one text. */
struct slot {
	int wd; /* 0: free; -1: was used */
	uint32_t at;
};

struct table {
	struct slot *v;
	size_t n, used, size; /* n: live; used: with those that were; size: a power of two */
	struct buf paths;
};

struct watch {
	struct engine *e;
	int fd;
	size_t max;
	struct table t;
	char limit[128];
};

/* The table */

static void table_init(struct table *t, const void *ctx)
{
	*t = (struct table){ .paths = BUF_ON(ctx) };
}

static void table_done(struct table *t)
{
	(void)talloc_free(t->v);
	buf_done(&t->paths);
}

static struct slot *table_find(const struct table *t, int wd)
{
	if (!t->size)
		return NULL;
	for (size_t i = (size_t)wd & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		if (t->v[i].wd == wd)
			return &t->v[i];
		if (t->v[i].wd == 0)
			return NULL;
	}
}

static void table_place(struct table *t, struct slot s)
{
	size_t i = (size_t)s.wd & (t->size - 1);

	while (t->v[i].wd != 0)
		i = (i + 1) & (t->size - 1);
	t->v[i] = s;
	t->n++;
	t->used++;
}

static void table_grow(struct table *t)
{
	struct table old = *t;

	t->size = MAX(256, old.n * 4);
	while (t->size & (t->size - 1))
		t->size &= t->size - 1;
	t->n = t->used = 0;
	t->v = mem_zero(t->paths.ctx, t->size * sizeof(*t->v));
	for (size_t i = 0; i < old.size; i++) {
		if (old.v[i].wd > 0)
			table_place(t, old.v[i]);
	}
	(void)talloc_free(old.v);
}

static void table_add(struct table *t, int wd, const char *path)
{
	struct slot *known = table_find(t, wd);
	struct slot s = { .wd = wd, .at = (uint32_t)t->paths.len };

	if (known && strcmp(t->paths.data + known->at, path) == 0)
		return;
	buf_put(&t->paths, path, strlen(path) + 1);
	if (known) { /* the folder has moved */
		known->at = s.at;
		return;
	}
	if ((t->used + 1) * 2 > t->size)
		table_grow(t);
	table_place(t, s);
}

static void table_del(struct table *t, int wd)
{
	struct slot *s = table_find(t, wd);

	if (!s)
		return;
	s->wd = -1;
	t->n--;
}

/* What is found out for the caller. */
struct news {
	struct strmap *scopes;
	int flags;
};

/* Marking */

static void mark(struct news *n, const char *scope)
{
	if (!strmap_find(n->scopes, scope))
		*strmap_slot(n->scopes, mem_str(n->scopes->ctx, scope)) = n->scopes;
	n->flags |= WATCH_DRIFT;
}

/* The row's file is as we left it. */
static bool is_ours(struct watch *w, const char *path, struct stmt *row)
{
	struct err ignored = ERR_INIT;
	struct stat st;
	struct stamp now;
	const void *stamp;
	size_t len;

	if (fs_stat(w->e->root, path, &st, &ignored) < 0)
		return false;
	switch ((enum artifact_type)sql_int(row, 0)) {
	case ARTIFACT_DIR: return (st.st_mode & 07777) == (mode_t)sql_int(row, 3);
	case ARTIFACT_FILE:
	case ARTIFACT_BLOCK:
		now = stamp_of(&st);
		stamp = sql_blob(row, 2, &len);
		return len == sizeof(now) && memcmp(stamp, &now, sizeof(now)) == 0;
	case ARTIFACT_USER:
	case ARTIFACT_LINK:
	case ARTIFACT_MAPROW:
	case ARTIFACT_ZONE:
	case ARTIFACT_COPYDIR:
	case ARTIFACT_QUOTA: break;
	}
	return false;
}

/* Between the pass that wrote them and the watch, files of FOLDER may have been edited. */
static int check_folder(struct watch *w, const char *folder, struct news *n, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	size_t len = strlen(folder);
	char from[PATH_MAX];
	char to[PATH_MAX];
	int r = sql_get(
		w->e->db,
		"SELECT type, scope, stamp, mode, path FROM artifact WHERE path>? AND path<? "
		"AND " WATCHED,
		&st, err);

	if (r < 0)
		return r;
	(void)snprintf(from, sizeof(from), "%s/", folder);
	(void)snprintf(to, sizeof(to), "%s0", folder); /* '0' follows '/' */
	sql_bind_text(st, 1, from);
	sql_bind_text(st, 2, to);
	while ((r = sql_step(st, err)) > 0) {
		const char *path = sql_text(st, 4);

		if (!strchr(path + len + 1, '/') && !is_ours(w, path, st))
			mark(n, sql_text(st, 1));
	}
	return r;
}

/* Watching */

static int watch_free(struct watch *w)
{
	fd_close(&w->fd);
	return 0;
}

/* A folder that is not there needs no watch: whoever makes it, makes files that are watched then. */
static int add_folder(struct watch *w, struct table *t, const char *path, struct news *n,
		      struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	struct err e = ERR_INIT;
	char magic[40];
	bool is_new;
	int wd;

	if (t->n >= w->max) {
		(void)snprintf(w->limit, sizeof(w->limit), "more than %zu folders to watch",
			       w->max);
		return 0;
	}
	dir = fs_open(w->e->root, path, O_PATH | O_DIRECTORY, 0, 0, &e);
	if (dir < 0)
		return 0;
	(void)snprintf(magic, sizeof(magic), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(w->fd, magic, WATCH_EVENTS);
	if (wd < 0 && errno == ENOSPC) {
		(void)snprintf(w->limit, sizeof(w->limit),
			       "the kernel's fs.inotify.max_user_watches is reached after %zu",
			       t->n);
		return 0;
	}
	if (wd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "watch folder %s", path);
	is_new = w->t.n && !table_find(&w->t, wd); /* at the start all are, and all is compared */
	table_add(t, wd, path);
	return is_new ? check_folder(w, path, n, err) : 0;
}

/* PATH, and the folders of ours above it, up to one whose name ends the walk in LAST's too. */
static int add_with_parents(struct watch *w, struct table *t, const char *path, const char *last,
			    struct news *n, struct err *err)
{
	char folder[PATH_MAX];
	size_t len = strlen(path);
	char *slash;
	int r;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= sizeof(folder))
		return 0;
	memcpy(folder, path, len);
	folder[len] = '\0';
	r = add_folder(w, t, folder, n, err);
	while (r >= 0 && (slash = strrchr(folder, '/')) && strstr(folder, "/novacpx/")) {
		slash[1] = '\0';
		if (last && strncmp(last, folder, strlen(folder)) == 0)
			break; /* watched with that one */
		slash[0] = '\0';
		r = add_folder(w, t, folder, n, err);
	}
	return r;
}

static int add_query(struct watch *w, struct table *t, const char *text, struct news *n,
		     struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char last[PATH_MAX] = "";
	int r = sql_get(w->e->db, text, &st, err);

	while (r >= 0 && (r = sql_step(st, err)) > 0) {
		r = add_with_parents(w, t, sql_text(st, 0), last, n, err);
		(void)snprintf(last, sizeof(last), "%s", sql_text(st, 0));
	}
	return r;
}

static int add_includes(struct watch *w, struct table *t, const char *top, struct news *n,
			struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "includes");
	struct dirent *entry;
	DIR *dir;
	int r = add_folder(w, t, top, n, err);
	int fd;

	if (r < 0)
		return r;
	fd = fs_open(w->e->root, top, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = err_sys(err, "read folder %s", top);
		fd_close(&fd);
		return r;
	}
	while (r >= 0 && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] != '.' && entry->d_type == DT_DIR)
			r = add_folder(w, t, mem_fmt(ctx, "%s/%s", top, entry->d_name), n, err);
	}
	(void)closedir(dir);
	return r;
}

int watch_refresh(struct watch *w, struct strmap *scopes, struct err *err)
{
	struct news n = { .scopes = scopes };
	struct table t;
	int r = 0;

	table_init(&t, w);
	w->limit[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(includes) && r >= 0; i++)
		r = add_includes(w, &t, includes[i].path, &n, err);
	if (r >= 0)
		r = add_query(w, &t, "SELECT DISTINCT " FOLDER " FROM artifact WHERE " WATCHED, &n,
			      err);
	if (r >= 0)
		r = sql_do(w->e->db, "DELETE FROM watch_new", err);
	if (r < 0) {
		table_done(&t);
		return r;
	}
	for (size_t i = 0; i < w->t.size; i++) {
		if (w->t.v[i].wd > 0 && !table_find(&t, w->t.v[i].wd))
			(void)inotify_rm_watch(w->fd, w->t.v[i].wd); /* it may be gone already */
	}
	table_done(&w->t);
	w->t = t;
	return n.flags;
}

int watch_follow(struct watch *w, struct strmap *scopes, struct err *err)
{
	struct news n = { .scopes = scopes };
	int r = add_query(w, &w->t, "SELECT folder FROM watch_new ORDER BY folder", &n, err);

	if (r >= 0)
		r = sql_do(w->e->db, "DELETE FROM watch_new", err);
	return r < 0 ? r : n.flags;
}

int watch_new(const void *ctx, struct engine *e, size_t max, struct watch **ret, struct err *err)
{
	/* a temporary trigger sees what our own passes put into the manifest, at the cost of the change */
	static const char note[] =
		"CREATE TEMP TABLE IF NOT EXISTS watch_new(folder TEXT PRIMARY KEY) WITHOUT ROWID;"
		"CREATE TEMP TRIGGER IF NOT EXISTS watch_note AFTER INSERT ON main.artifact WHEN new."
		"type IN (2, 3, 4) AND (new.flags & 5) = 0 BEGIN INSERT OR IGNORE INTO watch_new "
		"VALUES(rtrim(new.path, replace(new.path, '/', ''))); END;";
	struct watch *w = mem_new(ctx, struct watch);
	int r = 0;

	w->e = e;
	w->max = max;
	table_init(&w->t, w);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	talloc_set_destructor(w, watch_free);
	if (w->fd < 0)
		r = err_sys(err, "inotify (fs.inotify.max_user_instances?)");
	for (size_t i = 0; i < ARRAY_LEN(includes) && r >= 0; i++)
		r = fs_mkdirs(e->root, includes[i].path, 0755, err);
	if (r >= 0)
		r = sql_exec(e->db, note, err);
	if (r < 0) {
		(void)talloc_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

size_t watch_count(const struct watch *w)
{
	return w->t.n;
}

const char *watch_limit(const struct watch *w)
{
	return w->limit[0] ? w->limit : NULL;
}

/* What happened */

static int touched_place(struct watch *w, const char *path, struct news *n, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(
		w->e->db,
		"SELECT type, scope, stamp, mode FROM artifact WHERE path=? AND (flags & 5)=0", &st,
		err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, path);
	while ((r = sql_step(st, err)) > 0) {
		bool held = false;

		if (is_ours(w, path, st))
			continue;
		/* what writes a held file for ever must not keep us busy either */
		r = flap_is_held(w->e->db, (enum artifact_type)sql_int(st, 0), path, engine_now(),
				 &held, err);
		if (r < 0)
			break;
		if (!held)
			mark(n, sql_text(st, 1));
	}
	return r;
}

/* A folder went away with all that was in it. */
static int lost_folder(struct watch *w, const char *path, struct news *n, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char from[PATH_MAX];
	char to[PATH_MAX];
	int r = sql_get(w->e->db, "SELECT DISTINCT scope FROM artifact WHERE path>? AND path<?",
			&st, err);

	if (r < 0)
		return r;
	(void)snprintf(from, sizeof(from), "%s/", path);
	(void)snprintf(to, sizeof(to), "%s0", path); /* '0' follows '/' */
	sql_bind_text(st, 1, from);
	sql_bind_text(st, 2, to);
	while ((r = sql_step(st, err)) > 0)
		mark(n, sql_text(st, 0));
	return r;
}

/* 1 when FOLDER is an include folder (or one of those that hold them), and NAME speaks of a scope. */
static int touched_include(struct watch *w, const char *folder, const struct inotify_event *ev,
			   struct news *n, struct err *err)
{
	char text[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(includes); i++) {
		size_t len = strlen(includes[i].path);
		const char *name;

		if (strncmp(folder, includes[i].path, len) != 0 ||
		    (folder[len] && folder[len] != '/'))
			continue;
		name = folder[len] ? folder + len + 1 : ev->len ? ev->name : "";
		if (!name[0])
			return 1;
		(void)snprintf(text, sizeof(text), "%c/%.255s", includes[i].level, name);
		mark(n, text);
		if (folder[len] || !(ev->mask & IN_ISDIR) ||
		    !(ev->mask & (IN_CREATE | IN_MOVED_TO)))
			return 1;
		(void)snprintf(text, sizeof(text), "%s/%.255s", includes[i].path, name);
		return add_folder(w, &w->t, text, n, err) < 0 ? -(int)err->code : 1;
	}
	return 0;
}

static bool is_temporary(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' && len > 8 && strcmp(name + len - 8, ".novacpx") == 0;
}

static int one_event(struct watch *w, const struct inotify_event *ev, struct news *n,
		     struct err *err)
{
	struct slot *s = table_find(&w->t, ev->wd);
	char folder[PATH_MAX];
	char path[PATH_MAX + NAME_MAX + 2];
	int r;

	if (!s || (ev->len && is_temporary(ev->name)))
		return 0;
	if (ev->mask & IN_IGNORED) {
		table_del(&w->t, ev->wd);
		return 0;
	}
	(void)snprintf(folder, sizeof(folder), "%s", w->t.paths.data + s->at);
	if (ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
		if (ev->mask & IN_MOVE_SELF) { /* what it is called now is no business of ours */
			(void)inotify_rm_watch(w->fd, ev->wd);
			table_del(&w->t, ev->wd);
		}
		return lost_folder(w, folder, n, err);
	}
	r = touched_include(w, folder, ev, n, err);
	if (r != 0 || ev->len == 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
		       ev->name);
	if ((ev->mask & IN_ISDIR) && (ev->mask & (IN_DELETE | IN_MOVED_FROM)) &&
	    !fs_exists(w->e->root, path))
		r = lost_folder(w, path, n, err);
	return r < 0 ? r : touched_place(w, path, n, err);
}

int watch_read(struct watch *w, struct strmap *scopes, struct err *err)
{
	_Alignas(struct inotify_event) char block[16384];
	struct news news = { .scopes = scopes };
	ssize_t n;

	while ((n = read(w->fd, block, sizeof(block))) > 0) {
		for (const char *p = block; p < block + n;) {
			const struct inotify_event *ev = (const void *)p;
			int r;

			p += sizeof(*ev) + ev->len;
			if (ev->mask & IN_Q_OVERFLOW) {
				news.flags |= WATCH_LOST;
				continue;
			}
			r = one_event(w, ev, &news, err);
			if (r < 0)
				return r;
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return err_sys(err, "read inotify events");
	return news.flags;
}
