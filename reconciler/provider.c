/*
 * Observing: what each type of artifact looks like on the machine, and what
 * would have to be done about it. Nothing here writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "reconciler/block.h"
#include "reconciler/provider.h"

enum {
	FILE_MAX = 64 << 20
};

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "root", b ? b : "root") == 0;
}

/* Folders that are ours alone: what lies there without being in the manifest was lost from it. */
static bool is_private(const char *path)
{
	return strstr(path, "/novacpx") != NULL;
}

/* What lies there without a row of the manifest is ours: an interrupted run made it, or it was lost. */
static bool is_ours(struct plan *p, const struct artifact *want)
{
	return is_private(want->path) || journal_has(p->e->db, want->type, want->path);
}

static int foreign(const char *what, const char *path, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		       "%s %s is there already and was not made by NovaCPX; move it away first",
		       what, path);
}

/* Files */

struct seen {
	struct stat st;
	bool exists;
	char *data;
	size_t len;
	int64_t serial;
};

static bool meta_same(struct plan *p, const struct artifact *want, const struct stat *st,
		      struct err *err)
{
	uid_t uid;
	gid_t gid;

	if (plan_uid(p, want->owner, &uid, err) < 0 || plan_gid(p, want->group, &gid, err) < 0)
		return false;
	return st->st_uid == uid && st->st_gid == gid && (st->st_mode & 07777) == want->mode;
}

static struct digest content_digest(const char *data, size_t len, bool has_serial, size_t serial_at)
{
	struct artifact a = { .data = data, .len = len, .serial_at = serial_at };

	if (has_serial && serial_at + SERIAL_LEN <= len)
		a.flags = ARTIFACT_SERIAL;
	return artifact_content_digest(&a);
}

static int64_t serial_in(const char *data, size_t len, size_t at)
{
	int64_t serial = 0;

	for (size_t i = at; i < at + SERIAL_LEN && i < len && data[i] >= '0' && data[i] <= '9'; i++)
		serial = serial * 10 + (data[i] - '0');
	return serial;
}

/* YYYYMMDD01: where a new zone's serial starts. */
static int64_t first_serial(int64_t now)
{
	struct tm tm;
	time_t t = (time_t)now;

	if (!gmtime_r(&t, &tm))
		return 1;
	return ((int64_t)(tm.tm_year + 1900) * 10000 + (int64_t)(tm.tm_mon + 1) * 100 +
		tm.tm_mday) *
		       100 +
	       1;
}

/* Serials only grow (RFC 1982), whatever is rolled back. */
static void give_serial(struct plan *p, struct action *a, const struct seen *seen)
{
	int64_t known = MAX(a->old ? a->old->serial : 0, seen->serial);
	int64_t before = 0;
	char text[SERIAL_LEN + 1];
	struct err ignored = ERR_INIT;
	char *data;

	/* one that was there earlier went on counting then */
	if (!a->old && serial_recall(p->e->db, a->art.path, &before, &ignored) >= 0)
		known = MAX(known, before);
	a->serial = known ? known + 1 : first_serial(p->now);
	if (a->serial > UINT32_MAX)
		a->serial = 1; /* 32 bits; a step over the end is growth too */
	data = mem_dup(p->ctx, a->art.data, a->art.len);
	(void)snprintf(text, sizeof(text), "%-10" PRId64, a->serial);
	memcpy(data + a->art.serial_at, text, SERIAL_LEN);
	a->art.data = data;
}

static void put_file(struct plan *p, enum action_op op, const struct artifact *want,
		     const struct owned *old, const struct seen *seen, const char *reason)
{
	struct action *a = plan_add(p, op, STAGE_FILE, want, old, reason);

	if (want->flags & ARTIFACT_SERIAL)
		give_serial(p, a, seen);
	if (seen->exists) {
		a->before = seen->data;
		a->before_len = seen->len;
	}
	a->post = want->digest;
}

static bool bookkeeping_same(const struct artifact *want, const struct owned *old)
{
	return strcmp(old->resource, want->resource) == 0 &&
	       strcmp(old->service ? old->service : "", want->service ? want->service : "") == 0;
}

/*
 * Whether it is the very file the manifest knows, with the times it was left with. By whatever way
 * the path leads there: another file is another inode.
 */
static bool is_untouched(struct plan *p, const struct owned *old)
{
	struct stat st;
	struct stamp now;

	if (fstatat(p->e->root, old->path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	now = stamp_of(&st);
	return memcmp(&now, &old->stamp, sizeof(now)) == 0;
}

/* The same for a folder, whose times tell of what is in it. */
static bool dir_is_untouched(struct plan *p, const struct artifact *want, const struct owned *old)
{
	struct err ignored = ERR_INIT;
	struct stat st;
	struct stamp now;

	if (fstatat(p->e->root, old->path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode))
		return false;
	now = stamp_of_dir(&st);
	return memcmp(&now, &old->stamp, sizeof(now)) == 0 && meta_same(p, want, &st, &ignored);
}

static bool row_same(const struct artifact *want, const struct owned *old)
{
	return old && digest_eq(&old->digest, &want->digest) && old->flags == want->flags &&
	       bookkeeping_same(want, old);
}

static int look(struct plan *p, const char *path, unsigned flags, struct seen *ret, struct err *err)
{
	int r = fs_stat(p->e->root, path, &ret->st, err);

	if (r == -ERR_NOTFOUND || (r < 0 && err->sys == ENOTDIR)) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	ret->exists = true;
	if (!S_ISREG(ret->st.st_mode))
		return err_set(err, ERR_CONFLICT,
			       "%s is there and is not a regular file; move it away first", path);
	(void)flags;
	return 0;
}

static int read_seen(struct plan *p, const char *path, unsigned flags, struct seen *s,
		     struct err *err)
{
	return fs_read(p->ctx, p->e->root, path, FILE_MAX, flags & ARTIFACT_TENANT ? FS_NOLINKS : 0,
		       &s->data, &s->len, err);
}

static bool owned_same(const struct artifact *want, const struct owned *old)
{
	if (!old || old->mode != want->mode || old->flags != want->flags ||
	    !same_text(old->owner, want->owner) || !same_text(old->group, want->group))
		return false;
	return digest_eq(&want->digest, &old->digest);
}

/*
 * Data in the trash belongs to a resource that is older than its way there. A resource of the same
 * name that was made since is somebody else's: it gets neither the data nor the number.
 */
static int made_before(struct plan *p, const char *resource, int64_t time, bool *ret,
		       struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "resource");
	const char *slash = strchr(resource, '/');
	const struct kind *k =
		slash ? kind_find(mem_strn(tmp, resource, (size_t)(slash - resource))) : NULL;
	struct res *res;
	int r;

	*ret = false;
	if (!k)
		return 0;
	r = store_get(tmp, p->e->store, k, slash + 1, &res, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	*ret = r >= 0 && res->created < time;
	return r;
}

/* Where the resource's own data waits in the trash, or NULL. */
static int in_trash(struct plan *p, const struct artifact *want, const char **ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	bool is_its = false;
	int r = sql_get(p->e->db,
			"SELECT path, time FROM trash WHERE origin=? ORDER BY time DESC LIMIT 1",
			&st, err);

	*ret = NULL;
	if (r < 0)
		return r;
	sql_bind_text(st, 1, want->path);
	r = sql_step(st, err);
	if (r > 0)
		r = made_before(p, want->resource, sql_int(st, 1), &is_its, err);
	if (r >= 0 && is_its)
		*ret = mem_str(p->ctx, sql_text(st, 0));
	return r < 0 ? r : 0;
}

bool provider_is_unasked(const struct artifact *want, const struct owned *old)
{
	if (!old)
		return false;
	return want->type == ARTIFACT_FILE ? owned_same(want, old)
					   : digest_eq(&old->digest, &want->digest);
}

int provider_reported(const struct plan *p, const struct artifact *want, const struct owned *old,
		      const char *what, struct err *err)
{
	if (!p->report_drift || !want || !provider_is_unasked(want, old))
		return 0;
	return err_set(err, ERR_CHECK,
		       "%s %s %s; nobody asked for that, and drift_policy is report",
		       artifact_type_name(want->type), want->path, what);
}

/* Two domains may share a document root: who came first makes it, and that is enough. */
static bool made_for_another(struct plan *p, const struct artifact *want)
{
	void **slot = strmap_slot(&p->once, mem_str(p->ctx, want->path));
	struct owned *o;
	struct err ignored = ERR_INIT;

	if (*slot)
		return true;
	*slot = p;
	return owned_get(p->tmp, p->e->db, want->type, want->path, &o, &ignored) >= 0;
}

/* It went with the home above it, which this plan makes again. */
static bool went_with_home(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->remade.n; i++) {
		const char *home = p->remade.v[i];
		size_t len = strlen(home);

		if (strncmp(path, home, len) == 0 && path[len] == '/')
			return true;
	}
	return false;
}

/* Nothing stands there, and no link of the tenant's leads elsewhere on the way. */
static bool is_nothing_there(struct plan *p, const char *path)
{
	cleanup_(fd_close) int dir = -1;
	const char *name;
	struct stat st;

	if (fstatat(p->e->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) >= 0 || errno != ENOENT)
		return false;
	dir = fs_open_parent(p->e->root, path, FS_NOLINKS, &name, NULL);
	return dir >= 0 ? fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT
			: dir == -ERR_NOTFOUND;
}

/* One that was made once and is gone is the tenant's business, but with its home, or when it is needed. */
static bool is_made_again(struct plan *p, const struct artifact *want)
{
	return went_with_home(p, want->path) ||
	       ((want->flags & ARTIFACT_NEEDED) && is_nothing_there(p, want->path));
}

static int compare_once(struct plan *p, const struct artifact *want, const struct owned *old,
			struct seen *seen)
{
	static const struct seen nothing;

	if (old || made_for_another(p, want))
		return 0; /* what became of it since is the tenant's business */
	if (want->flags & ARTIFACT_DATA && !seen->exists) {
		const char *trashed = NULL;
		struct err ignored = ERR_INIT;

		if (in_trash(p, want, &trashed, &ignored) >= 0 && trashed) {
			plan_add(p, ACTION_CREATE, STAGE_FOLDER, want, old, "from the trash")
				->art.source = trashed;
			return 0;
		}
	}
	if (seen->exists)
		plan_add(p, ACTION_RECORD, STAGE_FILE, want, old, "there already")->stamp =
			stamp_of(&seen->st);
	else
		put_file(p, ACTION_CREATE, want, old, &nothing, "new");
	return 0;
}

static int file_gone(struct plan *p, const struct owned *old, struct err *err)
{
	struct seen seen = { .exists = false };
	struct action *a;
	struct digest live;
	int r;

	if ((old->flags & (ARTIFACT_ONCE | ARTIFACT_DATA)) == ARTIFACT_ONCE) {
		(void)plan_add(p, ACTION_FORGET, STAGE_WITHDRAW, NULL, old, "no longer ours");
		return 0;
	}
	r = look(p, old->path, old->flags, &seen, err);
	if (r < 0)
		return r;
	if (!seen.exists) {
		(void)plan_add(p, ACTION_FORGET, STAGE_FILE, NULL, old, "gone already");
		return 0;
	}
	if (old->flags & ARTIFACT_DATA) { /* logs: their content is no business of the plan */
		(void)plan_add(p, ACTION_DELETE, STAGE_TRASH, NULL, old, "no longer wanted");
		return 0;
	}
	r = read_seen(p, old->path, old->flags, &seen, err);
	if (r < 0)
		return r;
	live = content_digest(seen.data, seen.len, (old->flags & ARTIFACT_SERIAL) != 0,
			      (size_t)old->serial_at);
	a = plan_add(p, ACTION_DELETE, STAGE_FILE, NULL, old, "no longer wanted");
	a->before = seen.data;
	a->before_len = seen.len;
	a->is_drift = !digest_eq(&live, &old->digest);
	return 0;
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity): cases in their order, none within another */
static int compare_file(struct plan *p, const struct artifact *want, const struct owned *old,
			struct err *err)
{
	struct seen seen = { .exists = false };
	struct digest live;
	struct digest wanted;
	bool has_serial;
	bool is_drift;
	int r;

	if (!want)
		return file_gone(p, old, err);
	if (old && (want->flags & ARTIFACT_ONCE)) {
		if (is_made_again(p, want))
			put_file(p, ACTION_CREATE, want, old, &seen, "missing");
		return 0; /* what became of it since is the tenant's business */
	}
	if (owned_same(want, old) && bookkeeping_same(want, old) && is_untouched(p, old))
		return 0;
	r = look(p, want->path, want->flags, &seen, err);
	if (r < 0)
		return r;
	if (want->flags & ARTIFACT_ONCE)
		return compare_once(p, want, old, &seen);
	if (!seen.exists) {
		r = provider_reported(p, want, old, "is missing", err);
		if (r < 0)
			return r;
		put_file(p, ACTION_CREATE, want, old, &seen, old ? "missing" : "new");
		p->v[p->n - 1].is_drift = old != NULL;
		return 0;
	}
	r = read_seen(p, want->path, want->flags, &seen, err);
	if (r < 0)
		return r;
	has_serial = (want->flags & ARTIFACT_SERIAL) != 0;
	if (has_serial)
		seen.serial = serial_in(seen.data, seen.len,
					old ? (size_t)old->serial_at : want->serial_at);
	live = content_digest(seen.data, seen.len, has_serial, want->serial_at);
	wanted = want->digest;
	if (digest_eq(&live, &wanted) && meta_same(p, want, &seen.st, err)) {
		struct action *a =
			plan_add(p, ACTION_RECORD, STAGE_FILE, want, old, "as wanted already");

		a->stamp = stamp_of(&seen.st);
		a->serial = has_serial ? serial_in(seen.data, seen.len, want->serial_at) : 0;
		a->post = wanted;
		return 0;
	}
	if (err->code)
		return -(int)err->code;
	if (!old && !is_ours(p, want))
		return foreign("file", want->path, err);
	if (old)
		live = content_digest(seen.data, seen.len, has_serial, (size_t)old->serial_at);
	is_drift = !old || !digest_eq(&live, &old->digest);
	r = provider_reported(p, want, old, is_drift ? "was edited" : "has another owner or mode",
			      err);
	if (r < 0)
		return r;
	put_file(p, ACTION_UPDATE, want, old, &seen,
		 is_drift                    ? "edited outside"
		 : digest_eq(&live, &wanted) ? "owner or mode"
					     : "changed");
	p->v[p->n - 1].is_drift = is_drift || owned_same(want, old);
	return 0;
}

/* Folders */

static int dir_gone(struct plan *p, const struct owned *old, struct err *err)
{
	struct stat st;
	int r = fs_stat(p->e->root, old->path, &st, err);

	if (r < 0 || (old->flags & (ARTIFACT_ONCE | ARTIFACT_DATA)) == ARTIFACT_ONCE) {
		err_clear(err);
		(void)plan_add(p, ACTION_FORGET, STAGE_WITHDRAW, NULL, old,
			       r < 0 ? "gone already" : "no longer ours");
		return 0;
	}
	(void)plan_add(p, ACTION_DELETE, old->flags & ARTIFACT_DATA ? STAGE_TRASH : STAGE_WITHDRAW,
		       NULL, old, "no longer wanted");
	return 0;
}

static int dir_missing(struct plan *p, const struct artifact *want, const struct owned *old,
		       struct err *err)
{
	const char *trashed = NULL;
	int r = want->flags & ARTIFACT_DATA ? in_trash(p, want, &trashed, err) : 0;

	if (r < 0)
		return r;
	if (old && !trashed && (want->flags & (ARTIFACT_DATA | ARTIFACT_ONCE)) == ARTIFACT_DATA)
		ptrs_add(p->ctx, &p->remade, mem_str(p->ctx, want->path));
	plan_add(p, ACTION_CREATE, STAGE_FOLDER, want, old,
		 trashed ? "from the trash"
		 : old   ? "missing"
			 : "new")
		->art.source = trashed;
	p->v[p->n - 1].is_drift = provider_is_unasked(want, old);
	return 0;
}

static int compare_dir(struct plan *p, const struct artifact *want, const struct owned *old,
		       struct err *err)
{
	struct stat st;
	int r;

	if (!want)
		return dir_gone(p, old, err);
	if ((want->flags & ARTIFACT_ONCE) &&
	    (old ? !is_made_again(p, want) : made_for_another(p, want)))
		return 0;
	if (row_same(want, old) && dir_is_untouched(p, want, old))
		return 0;
	r = fs_stat(p->e->root, want->path, &st, err);
	if (r == -ERR_NOTFOUND || (r < 0 && err->sys == ENOTDIR)) {
		err_clear(err);
		r = provider_reported(p, want, old, "is missing", err);
		return r < 0 ? r : dir_missing(p, want, old, err);
	}
	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_CONFLICT,
			       "%s is there and is not a folder; move it away first", want->path);
	if (meta_same(p, want, &st, err)) {
		plan_add(p, ACTION_RECORD, STAGE_FOLDER, want, old, "there already")->stamp =
			stamp_of_dir(&st);
		return 0;
	}
	if (err->code)
		return -(int)err->code;
	if (!old && (want->flags & ARTIFACT_ONCE)) {
		(void)plan_add(p, ACTION_RECORD, STAGE_FOLDER, want, old, "there already");
		return 0;
	}
	if (!old && !is_ours(p, want))
		return foreign("folder", want->path, err);
	r = provider_reported(p, want, old, "has another owner or mode", err);
	if (r < 0)
		return r;
	plan_add(p, ACTION_UPDATE, STAGE_FOLDER, want, old, "owner or mode")->is_drift =
		provider_is_unasked(want, old);
	return 0;
}

/* Links */

static int missing_link(struct plan *p, const struct artifact *want, const struct owned *old,
			struct err *err)
{
	int r = provider_reported(p, want, old, "is missing", err);

	if (r < 0)
		return r;
	plan_add(p, want ? ACTION_CREATE : ACTION_FORGET, STAGE_FILE, want, old,
		 want ? (old ? "missing" : "new") : "gone already")
		->is_drift = want && provider_is_unasked(want, old);
	return 0;
}

static int compare_link(struct plan *p, const struct artifact *want, const struct owned *old,
			struct err *err)
{
	const char *path = want ? want->path : old->path;
	struct action *a;
	char *target = NULL;
	bool once = ((want ? want->flags : old->flags) & ARTIFACT_ONCE) != 0;
	struct stat st;
	int r;

	if (old && once) { /* what became of it since is the tenant's business */
		if (!want)
			(void)plan_add(p, ACTION_FORGET, STAGE_WITHDRAW, NULL, old,
				       "no longer ours");
		else if (is_made_again(p, want))
			(void)plan_add(p, ACTION_CREATE, STAGE_FILE, want, old, "missing");
		return 0;
	}
	if (want && row_same(want, old) && is_untouched(p, old))
		return 0;
	r = fs_readlink(p->tmp, p->e->root, path, &target, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return missing_link(p, want, old, err);
	}
	if (r >= 0 && want && once) {
		(void)plan_add(p, ACTION_RECORD, STAGE_FILE, want, old, "there already");
		return 0;
	}
	if (r < 0)
		return foreign("entry", path, err);
	if (want && strcmp(target, want->data) == 0) {
		r = fs_stat(p->e->root, path, &st, err);
		if (r >= 0)
			plan_add(p, ACTION_RECORD, STAGE_FILE, want, old, "there already")->stamp =
				stamp_of(&st);
		return r;
	}
	if (!old && !is_ours(p, want))
		return foreign("link", path, err);
	r = provider_reported(p, want, old, "leads elsewhere", err);
	if (r < 0)
		return r;
	a = plan_add(p, want ? ACTION_UPDATE : ACTION_DELETE, STAGE_FILE, want, old,
		     want ? "changed" : "no longer wanted");
	mem_steal(p->ctx, target);
	a->before = target;
	a->before_len = strlen(target);
	return 0;
}

/* Users */

static bool taken_uid(uint32_t id, void *arg)
{
	struct plan *p = arg;
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (sql_get(p->e->db, "SELECT 1 FROM trash WHERE uid=?", &st, &ignored) < 0)
		return true;
	sql_bind_int(st, 1, id);
	return sql_step(st, &ignored) != 0; /* data in the trash still belongs to that number */
}

/* Writing passwd and group was cut short between the two: the group has the number already. */
static bool is_half_made(struct plan *p, const char *name, uint32_t *ret)
{
	struct identity other;

	return journal_has(p->e->db, ARTIFACT_USER, name) &&
	       identity_group_find(p->identities, name, ret) && (int64_t)*ret >= p->uid_min &&
	       (int64_t)*ret <= p->uid_max && !identity_find_uid(p->identities, *ret, &other);
}

/* The number the user has, had (in the trash), or gets. */
static int user_number(struct plan *p, const struct artifact *want, const struct owned *old,
		       uint32_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	bool is_its = false;
	int r;

	if (old && old->serial) {
		*ret = (uint32_t)old->serial;
		return 0;
	}
	if (is_half_made(p, want->path, ret))
		return 0;
	r = sql_get(
		p->e->db,
		"SELECT uid, time FROM trash WHERE account=? AND uid>0 ORDER BY time DESC LIMIT 1",
		&st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, want->path);
	r = sql_step(st, err);
	if (r > 0)
		r = made_before(p, want->resource, sql_int(st, 1), &is_its, err);
	if (r < 0)
		return r;
	*ret = is_its ? (uint32_t)sql_int(st, 0)
		      : identity_uid_free(p->identities, (uint32_t)p->uid_min, (uint32_t)p->uid_max,
					  taken_uid, p);
	if (!*ret)
		return err_set(err, ERR_DENIED,
			       "no free user id between %" PRId64 " and %" PRId64
			       " (settings uid_min, uid_max)",
			       p->uid_min, p->uid_max);
	return 0;
}

/*
 * A user of ours that engine.db, which can be lost, does not know: our mark, which a user cannot
 * give himself, our home, a number we give.
 */
static bool is_lost_user(const struct plan *p, const struct identity *is,
			 const struct artifact *want)
{
	return want->gecos && want->gecos[0] && same_text(is->gecos, want->gecos) &&
	       same_text(is->home, want->home) && (int64_t)is->uid >= p->uid_min &&
	       (int64_t)is->uid <= p->uid_max && is->gid == is->uid;
}

static bool user_same(const struct identity *is, const struct identity *want)
{
	return is->uid == want->uid && same_text(is->home, want->home) &&
	       same_text(is->shell, want->shell) && same_text(is->gecos, want->gecos) &&
	       (!want->hash || same_text(is->hash, want->hash)) &&
	       (!is->hash || is->locked == want->locked);
}

static int compare_user(struct plan *p, const struct artifact *want, const struct owned *old,
			struct err *err)
{
	struct identity is = { .name = NULL };
	struct identity id;
	struct action *a;
	bool exists;
	int r = plan_uid(p, "root", &(uid_t){ 0 }, err);

	if (!p->identities)
		r = identity_load(p->ctx, p->e->root, &p->identities, err);
	if (r < 0)
		return r;
	exists = identity_find(p->identities, want ? want->path : old->path, &is);
	if (!want) {
		uint32_t gid;

		/* the group goes last: while it is there, a deletion was cut short */
		exists = exists || journal_has(p->e->db, ARTIFACT_USER, old->path) ||
			 (identity_group_find(p->identities, old->path, &gid) &&
			  (int64_t)gid == old->serial);
		(void)plan_add(p, exists ? ACTION_DELETE : ACTION_FORGET, STAGE_TRASH, NULL, old,
			       exists ? "no longer wanted" : "gone already");
		p->v[p->n - 1].serial = old->serial;
		return 0;
	}
	if (exists && !old && !is_lost_user(p, &is, want) &&
	    !journal_has(p->e->db, ARTIFACT_USER, want->path))
		return err_set(err, ERR_CONFLICT,
			       "system user \"%s\" is there already and was not made by NovaCPX",
			       want->path);
	id = (struct identity){ .name = want->path,
				.gecos = want->gecos,
				.home = want->home,
				.shell = want->shell,
				.hash = want->hash,
				.locked = (want->flags & ARTIFACT_LOCKED) != 0,
				.today = p->now / 86400 };
	id.uid = is.uid; /* one that an interrupted run made, or that was lost, keeps its number */
	r = exists && !old ? 0 : user_number(p, want, old, &id.uid, err);
	if (r < 0)
		return r;
	id.gid = id.uid;
	if (exists && user_same(&is, &id)) {
		if (!old || !digest_eq(&old->digest, &want->digest))
			plan_add(p, ACTION_RECORD, STAGE_IDENTITY, want, old, "as wanted already")
				->serial = id.uid;
		return 0;
	}
	r = provider_reported(p, want, old, exists ? "was edited" : "is missing", err);
	if (r >= 0)
		r = identity_put(p->identities, &id,
				 err); /* in memory: what follows can name the user */
	if (r < 0)
		return r;
	a = plan_add(p, exists ? ACTION_UPDATE : ACTION_CREATE, STAGE_IDENTITY, want, old,
		     exists ? (provider_is_unasked(want, old) ? "edited outside" : "changed")
		     : old  ? "missing"
			    : "new");
	a->is_drift = provider_is_unasked(want, old);
	a->serial = id.uid;
	return 0;
}

/* Rows of keyed maps: path is "FILE:KEY" */

static int row_value(struct plan *p, const char *path, char **ret, struct err *err)
{
	const char *colon = strchr(path, ':');
	char file[PATH_MAX];
	struct open_map *open;
	int r;

	if (!colon || (size_t)(colon - path) >= sizeof(file))
		return err_set(err, ERR_CORRUPT, "%s: not a row of a map", path);
	memcpy(file, path, (size_t)(colon - path));
	file[colon - path] = '\0';
	*ret = NULL;
	open = strmap_find(&p->maps, file);
	if (!open) {
		open = mem_new(p->ctx, struct open_map);
		r = map_open(p->ctx, p->e->root, file, 0, &open->map, err);
		if (r >= 0)
			r = map_hold(open->map, err);
		if (r < 0 && r != -ERR_NOTFOUND)
			return r;
		err_clear(err);
		*strmap_slot(&p->maps, mem_str(p->ctx, file)) = open;
	}
	if (!open->map)
		return 0;
	r = map_get(p->tmp, open->map, colon + 1, ret, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	return r;
}

static int compare_row(struct plan *p, const struct artifact *want, const struct owned *old,
		       struct err *err)
{
	char *value;
	struct action *a;
	int r = row_value(p, want ? want->path : old->path, &value, err);

	if (r < 0)
		return r;
	if (want && value && strcmp(value, want->data) == 0) {
		if (!old || !digest_eq(&old->digest, &want->digest))
			(void)plan_add(p, ACTION_RECORD, STAGE_MAP, want, old, "as wanted already");
		return 0;
	}
	if (!want && !value) {
		(void)plan_add(p, ACTION_FORGET, STAGE_MAP, NULL, old, "gone already");
		return 0;
	}
	r = provider_reported(p, want, old, value ? "was edited" : "is missing", err);
	if (r < 0)
		return r;
	a = plan_add(p,
		     !want   ? ACTION_DELETE
		     : value ? ACTION_UPDATE
			     : ACTION_CREATE,
		     STAGE_MAP, want, old,
		     !want   ? "no longer wanted"
		     : value ? "changed"
		     : old   ? "missing"
			     : "new");
	a->before = value;
	mem_steal(p->ctx, value);
	a->before_len = value ? strlen(value) : 0;
	a->is_drift = want && old && digest_eq(&old->digest, &want->digest);
	return 0;
}

/* Zones the name server serves: what it was told is kept in its own database, we keep it in the manifest. */
static int compare_zone(struct plan *p, const struct artifact *want, const struct owned *old,
			struct err *err)
{
	(void)err;
	if (want && old && digest_eq(&want->digest, &old->digest))
		return 0;
	(void)plan_add(p,
		       !want ? ACTION_DELETE
		       : old ? ACTION_UPDATE
			     : ACTION_CREATE,
		       STAGE_ZONE, want, old,
		       !want ? "no longer wanted"
		       : old ? "changed"
			     : "new");
	return 0;
}

/* Blocks within files of the distribution */

static int compare_block(struct plan *p, const struct artifact *want, const struct owned *old,
			 struct err *err)
{
	const char *path = want ? want->path : old->path;
	struct seen seen = { .exists = false };
	struct action *a;
	char *after = NULL;
	size_t after_len = 0;
	int r = look(p, path, 0, &seen, err);

	if (r < 0)
		return r;
	if (!seen.exists && !want) {
		(void)plan_add(p, ACTION_FORGET, STAGE_FILE, NULL, old, "gone already");
		return 0;
	}
	if (!seen.exists)
		return err_set(err, ERR_ABSENT, "%s is not there: is its package installed?", path);
	r = read_seen(p, path, 0, &seen, err);
	if (r >= 0)
		r = block_edit(p->ctx, path, seen.data, want ? want->data : NULL,
			       want ? want->anchor : NULL, &after, &after_len, err);
	if (r < 0)
		return r;
	if (after_len == seen.len && memcmp(after, seen.data, seen.len) == 0) {
		if (!want)
			(void)plan_add(p, ACTION_FORGET, STAGE_FILE, NULL, old, "gone already");
		else if (!old || !digest_eq(&old->digest, &want->digest))
			(void)plan_add(p, ACTION_RECORD, STAGE_FILE, want, old, "there already");
		return 0;
	}
	r = provider_reported(p, want, old, "was edited", err);
	if (r < 0)
		return r;
	a = plan_add(p, want ? (old ? ACTION_UPDATE : ACTION_CREATE) : ACTION_DELETE, STAGE_FILE,
		     want, old, want ? (old ? "changed" : "new") : "no longer wanted");
	a->art.mode = seen.st.st_mode & 07777;
	a->before = seen.data;
	a->before_len = seen.len;
	a->art.data = after; /* the whole file as it will be */
	a->art.len = after_len;
	a->post = digest_of(after, after_len);
	return 0;
}

const struct provider providers[] = {
	[ARTIFACT_USER] = { compare_user },   [ARTIFACT_DIR] = { compare_dir },
	[ARTIFACT_FILE] = { compare_file },   [ARTIFACT_LINK] = { compare_link },
	[ARTIFACT_BLOCK] = { compare_block }, [ARTIFACT_MAPROW] = { compare_row },
	[ARTIFACT_ZONE] = { compare_zone },   [ARTIFACT_QUOTA] = { provider_quota },
};
