#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"
#include "state/history_impl.h"

enum {
	SAMPLE_SHARD =
		0x17, /* ids are evenly spread: one folder tells of all 256, as git gc has it */
};

void packed_add(struct packed_list *list, const git_oid *id, const char *name)
{
	mem_room(list->ctx, &list->v, &list->cap, list->n, sizeof(*list->v));
	list->v[list->n++] =
		(struct packed){ .id = *id, .name = name ? mem_str(list->ctx, name) : NULL };
}

static void packbuilder_freep(git_packbuilder **pb)
{
	git_packbuilder_free(*pb);
}

static int sync_path(const char *path, struct err *err)
{
	cleanup_(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, "fsync %s", path);
	return 0;
}

static int sync_pack(const struct history *h, const char *name, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "sync_pack");
	const char *dir = mem_fmt(ctx, "%s/objects/pack", h->path);
	int r = sync_path(mem_fmt(ctx, "%s/pack-%s.pack", dir, name), err);

	if (r == 0)
		r = sync_path(mem_fmt(ctx, "%s/pack-%s.idx", dir, name), err);
	return r == 0 ? sync_path(dir, err) : r;
}

int pack_write(struct history *h, const struct packed_list *list, bool sync, char ret_name[41],
	       struct err *err)
{
	cleanup_(packbuilder_freep) git_packbuilder *pb = NULL;
	int r = git_packbuilder_new(&pb, h->repo);

	if (r == 0)
		(void)git_packbuilder_set_threads(pb, 1);
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = git_packbuilder_insert(pb, &list->v[i].id, list->v[i].name);
	if (r == 0)
		r = git_packbuilder_write(pb, NULL, 0444, NULL, NULL);
	if (r < 0)
		return history_raise(err, ERR_CORRUPT, "history: write pack");
	(void)git_oid_tostr(ret_name, 41, git_packbuilder_hash(pb));
	if (git_odb_refresh(h->odb) < 0)
		return history_raise(err, ERR_SYSTEM, "history: read pack folder");
	return sync ? sync_pack(h, ret_name, err) : 0;
}

typedef int loose_fn(int dir, const char *name, const git_oid *id, void *arg);

static int each_in_shard(const struct history *h, unsigned shard, loose_fn *fn, void *arg,
			 struct err *err)
{
	cleanup_(mem_freep) char *path = mem_fmt(NULL, "%s/objects/%02x", h->path, shard);
	DIR *d = opendir(path);
	const struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, "read %s", path);
	while (r == 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): own stream */
		char hex[GIT_OID_HEXSZ + 1];
		git_oid id;

		if (strlen(e->d_name) != GIT_OID_HEXSZ - 2)
			continue;
		memcpy(hex, path + strlen(path) - 2, 2);
		memcpy(hex + 2, e->d_name, GIT_OID_HEXSZ - 1);
		if (git_oid_fromstr(&id, hex) == 0)
			r = fn(dirfd(d), e->d_name, &id, arg);
	}
	(void)closedir(d);
	return r;
}

static int each_loose(const struct history *h, loose_fn *fn, void *arg, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < 256; i++)
		r = each_in_shard(h, i, fn, arg, err);
	return r;
}

static int count_one(int dir, const char *name, const git_oid *id, void *arg)
{
	int64_t *n = arg;

	(void)dir;
	(void)name;
	(void)id;
	(*n)++;
	return 0;
}

int64_t history_loose_count(struct history *h, struct err *err)
{
	int64_t n = 0;
	int r = each_loose(h, count_one, &n, err);

	return r < 0 ? r : n;
}

int history_pack_if_due(struct history *h, struct err *err)
{
	int64_t n = 0;
	int r = each_in_shard(h, SAMPLE_SHARD, count_one, &n, err);

	if (r < 0 || n * 256 <= HISTORY_PACK_AT)
		return r;
	n = history_pack(h, err);
	return n < 0 ? (int)n : 0;
}

static int packed_cmp(const void *a, const void *b)
{
	const struct packed *pa = a;
	const struct packed *pb = b;

	return git_oid_cmp(&pa->id, &pb->id);
}

static struct packed *packed_find(const struct packed_list *list, const git_oid *id)
{
	struct packed key = { .id = *id };

	return list->n ? bsearch(&key, list->v, list->n, sizeof(key), packed_cmp) : NULL;
}

static int list_one(int dir, const char *name, const git_oid *id, void *arg)
{
	(void)dir;
	(void)name;
	packed_add(arg, id, NULL);
	return 0;
}

static int name_one(const char *path, const struct tree_entry *old, const struct tree_entry *new,
		    void *arg, struct err *err)
{
	const struct packed_list *list = arg;
	struct packed *p = new ? packed_find(list, &new->id) : NULL;

	(void)old;
	(void)err;
	if (p && !p->name)
		p->name = mem_str(list->ctx, path);
	return 0;
}

/* Names what the commits from ID back brought, as long as the commits are loose themselves. */
static int name_commits(struct history *h, git_oid id, struct packed_list *list, struct err *err)
{
	struct tree_diff d = {
		.h = h, .fn = name_one, .arg = list, .trees = true, .path = BUF_ON(list->ctx)
	};
	const struct packed *p = packed_find(list, &id);
	int r = 0;

	while (r == 0 && p && !p->name) {
		cleanup_(git_commit_freep) git_commit *commit = NULL;
		cleanup_(git_commit_freep) git_commit *parent = NULL;
		struct packed *root;

		((struct packed *)(uintptr_t)p)->name = "";
		r = history_commit_get(h, &id, &commit, err);
		if (r == 0 && git_commit_parentcount(commit) > 0)
			r = history_commit_get(h, git_commit_parent_id(commit, 0), &parent, err);
		if (r < 0)
			return r;
		root = packed_find(list, git_commit_tree_id(commit));
		if (root)
			root->name = "";
		r = tree_diff(&d, parent ? git_commit_tree_id(parent) : NULL,
			      git_commit_tree_id(commit), err);
		if (!parent)
			break;
		id = *git_commit_id(parent);
		p = packed_find(list, &id);
	}
	return r;
}

/*
 * Objects of the same path are alike; the packer tries those against each other. Two folders
 * that list 390 ids and differ in one would each take 9 KB otherwise.
 */
static int name_all(struct history *h, struct packed_list *list, struct err *err)
{
	git_strarray names = { .count = 0 };
	int r = git_reference_list(&names, h->repo) < 0
			? history_raise(err, ERR_CORRUPT, "history: list branches")
			: 0;

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		git_oid id;

		if (strncmp(names.strings[i], "refs/heads/", 11) != 0)
			continue;
		r = history_tip(h, names.strings[i], &id, err);
		if (r > 0)
			r = name_commits(h, id, list, err);
	}
	git_strarray_dispose(&names);
	return r;
}

static void odb_freep(git_odb **odb)
{
	git_odb_free(*odb);
}

/* Reads every object back out of that pack alone, as the disk has it. */
static int verify(const struct history *h, const char *name, const struct packed_list *list,
		  struct err *err)
{
	cleanup_(mem_freep) char *idx = mem_fmt(NULL, "%s/objects/pack/pack-%s.idx", h->path, name);
	cleanup_(odb_freep) git_odb *odb = NULL;
	git_odb_backend *b = NULL;
	int r = 0;

	if (git_odb_new(&odb) < 0 || git_odb_backend_one_pack(&b, idx) < 0)
		return history_raise(err, ERR_CORRUPT, "history: open new pack");
	if (git_odb_add_backend(odb, b, 1) < 0) {
		b->free(b);
		return history_raise(err, ERR_SYSTEM, "history: open new pack");
	}
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = history_object_check(odb, &list->v[i].id, err);
	return r;
}

struct unlinking {
	const struct packed_list *list;
	int64_t n;
};

static int unlink_one(int dir, const char *name, const git_oid *id, void *arg)
{
	struct unlinking *u = arg;

	if (packed_find(u->list, id) && unlinkat(dir, name, 0) == 0)
		u->n++;
	return 0;
}

/*
 * All loose objects, reachable or not: one that another process wrote for a commit not made yet
 * must not be lost, and what a killed writer left is a few bytes in a pack. Until the pack is
 * whole, read back and on the disk, no loose file goes; killed at any point, each object is in
 * at least one of the two.
 */
static int64_t pack_locked(struct history *h, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "history_pack");
	struct packed_list list = { .ctx = ctx };
	struct unlinking u = { .list = &list };
	char name[41];
	int r = each_loose(h, list_one, &list, err);

	if (r < 0 || list.n == 0)
		return r;
	qsort(list.v, list.n, sizeof(*list.v), packed_cmp);
	r = name_all(h, &list, err);
	if (r == 0)
		r = pack_write(h, &list, true, name, err);
	if (r == 0)
		r = verify(h, name, &list, err);
	if (r == 0)
		r = each_loose(h, unlink_one, &u, err);
	return r < 0 ? r : u.n;
}

int64_t history_pack(struct history *h, struct err *err)
{
	int64_t r;

	if (h->flags & HISTORY_READONLY)
		return err_set(err, ERR_DENIED, "history: %s is open for reading only", h->path);
	if (flock(h->lock_fd, LOCK_EX) < 0)
		return err_sys(err, "lock %s", h->path);
	r = pack_locked(h, err);
	(void)flock(h->lock_fd, LOCK_UN);
	return r;
}
