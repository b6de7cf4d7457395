#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"
#include "state/history_impl.h"

enum {
	COMPRESSION = 1,      /* loose objects are packed again soon: speed */
	CHECK_COMMITS = 64,   /* what a power failure without fsync may have torn: the newest */
	CHECK_OBJECTS = 4096, /* … and no more than this at a start */
	BROKEN_MAX = 1000,
};

static int done(struct history *h)
{
	if (h->odb)
		git_odb_free(h->odb);
	if (h->repo)
		git_repository_free(h->repo);
	fd_close(&h->lock_fd);
	fd_close(&h->objects);
	if (h->is_git_up)
		(void)git_libgit2_shutdown();
	return 0;
}

/* No configuration but the repository's own: neither the machine's nor root's may change it. */
static int git_up(struct history *h, struct err *err)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
				      GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL };

	if (git_libgit2_init() < 0)
		return history_raise(err, ERR_SYSTEM, "history: start libgit2");
	h->is_git_up = true;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		(void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	/* Hashes are checked where it matters (open, pack); each read would pay for it again. */
	(void)git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	/* We write a commit's tree and parents ourselves a moment before. */
	(void)git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
	/* core.fsyncObjectFiles would do the same, but git warns about it at each command. */
	(void)git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, (h->flags & HISTORY_FSYNC) ? 1 : 0);
	/* Shard folders (390 entries at 100,000 files) are read at each commit. */
	(void)git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, (size_t)1 << 16);
	return 0;
}

static int set_config(git_repository *repo)
{
	git_config *c = NULL;
	int r = git_repository_config(&c, repo);

	if (r == 0)
		r = git_config_set_bool(c, "core.logAllRefUpdates", 0);
	if (r == 0)
		r = git_config_set_int32(c, "core.compression", COMPRESSION);
	git_config_free(c);
	return r;
}

/* Made beside PATH and renamed, so that a half-made one is never seen. */
static int create(const struct history *h, struct err *err)
{
	cleanup_(mem_freep) char *tmp = mem_fmt(NULL, "%s.new", h->path);
	cleanup_(fd_close) int root = fs_root_open("/", err);
	git_repository_init_options opts = GIT_REPOSITORY_INIT_OPTIONS_INIT;
	git_repository *repo = NULL;
	int r = root < 0 ? root : fs_remove_tree(root, tmp, 0, err);

	if (r < 0)
		return r;
	opts.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH |
		     GIT_REPOSITORY_INIT_NO_REINIT;
	opts.initial_head = "main";
	opts.description = "NovaCPX history\n";
	r = git_repository_init_ext(&repo, tmp, &opts);
	if (r == 0)
		r = set_config(repo);
	git_repository_free(repo);
	if (r < 0)
		return history_raise(err, ERR_SYSTEM, "history: create repository");
	if (rename(tmp, h->path) < 0)
		return err_sys(err, "rename %s to %s", tmp, h->path);
	return 0;
}

static int add_backend(git_odb *odb, git_odb_backend *b, int priority)
{
	int r = git_odb_add_backend(odb, b, priority);

	if (r < 0 && b->free)
		b->free(b);
	return r;
}

/* The same two as libgit2 would make, but in our hands. */
static int open_objects(struct history *h)
{
	cleanup_(mem_freep) char *dir = mem_fmt(NULL, "%s/objects", h->path);
	git_odb_backend *b = NULL;
	int r = git_odb_new(&h->odb);

	if (r == 0)
		r = git_odb_backend_loose(&b, dir, COMPRESSION, (h->flags & HISTORY_FSYNC) ? 1 : 0,
					  0, 0);
	if (r == 0)
		r = add_backend(h->odb, b, 2);
	if (r == 0)
		h->loose = b;
	if (r == 0)
		r = git_odb_backend_pack(&b, dir);
	if (r == 0)
		r = add_backend(h->odb, b, 1);
	if (r == 0)
		h->packs = b;
	return r == 0 ? git_repository_set_odb(h->repo, h->odb) : r;
}

/* Opens objects and branches; -ERR_CORRUPT when it is no repository. */
static int attach(struct history *h, struct err *err)
{
	cleanup_(mem_freep) char *lock = mem_fmt(NULL, "%s/novacpx-writer", h->path);
	cleanup_(mem_freep) char *objects = mem_fmt(NULL, "%s/objects", h->path);

	/* The _bare variant looks nowhere else and does not mind another owner. */
	if (git_repository_open_bare(&h->repo, h->path) < 0 || open_objects(h) < 0)
		return history_raise(err, ERR_CORRUPT, "history: open repository");
	if (h->flags & HISTORY_READONLY)
		return 0;
	if (git_repository_set_ident(h->repo, "novacpx", "novacpx") < 0)
		return history_raise(err, ERR_CORRUPT, "history: set identity");
	h->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (h->lock_fd < 0)
		return err_sys(err, "open %s", lock);
	h->objects = open(objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return h->objects < 0 ? err_sys(err, "open %s", objects) : 0;
}

static void detach(struct history *h)
{
	git_odb_free(h->odb);
	git_repository_free(h->repo);
	h->odb = NULL;
	h->repo = NULL;
	fd_close(&h->lock_fd);
	fd_close(&h->objects);
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s);
	size_t b = strlen(end);

	return a > b && strcmp(s + a - b, end) == 0;
}

/* Temporary files and locks of a killed writer in one folder. Best effort: they only take room. */
static void sweep_folder(const struct history *h, const char *sub, const char *start,
			 const char *end)
{
	cleanup_(mem_freep) char *path = mem_fmt(NULL, "%s/%s", h->path, sub);
	DIR *d = opendir(path);
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one stream, one thread */
		if ((start && strncmp(e->d_name, start, strlen(start)) == 0) ||
		    (end && ends_with(e->d_name, end)))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	(void)closedir(d);
}

static void sweep(struct history *h)
{
	/* Held by somebody: a live writer, whose files these are. */
	if (flock(h->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return;
	sweep_folder(h, ".", NULL, ".lock");
	sweep_folder(h, "refs/heads", NULL, ".lock");
	sweep_folder(h, "objects", "tmp_object_", NULL);
	sweep_folder(h, "objects/pack", "pack_git2_", ".lock");
	(void)flock(h->lock_fd, LOCK_UN);
}

int history_object_check(git_odb *odb, const git_oid *id, struct err *err)
{
	git_odb_object *obj = NULL;
	git_oid is;
	int r;

	if (git_odb_read(&obj, odb, id) < 0)
		return history_raise(err, ERR_CORRUPT, "history: read object");
	r = git_odb_hash(&is, git_odb_object_data(obj), git_odb_object_size(obj),
			 git_odb_object_type(obj));
	git_odb_object_free(obj);
	if (r < 0 || !git_oid_equal(id, &is))
		return err_set(err, ERR_CORRUPT, "history: object %s has other content",
			       git_oid_tostr_s(id));
	return 0;
}

struct check {
	struct history *h;
	size_t left;
};

static int check_entry(const char *path, const struct tree_entry *old, const struct tree_entry *new,
		       void *arg, struct err *err)
{
	struct check *c = arg;
	int r;

	(void)old;
	if (!new || c->left == 0)
		return 0;
	c->left--;
	r = history_object_check(c->h->odb, &new->id, err);
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

/* What one commit brought is all there. *ID becomes its parent; returns 1 while there is one. */
static int check_commit(struct check *c, git_oid *id, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	cleanup_(git_commit_freep) git_commit *parent = NULL;
	struct tree_diff d = {
		.h = c->h, .fn = check_entry, .arg = c, .trees = true, .path = BUF_ON(NULL)
	};
	bool is_packed;
	int r = history_object_check(c->h->odb, id, err);

	if (r == 0)
		r = history_commit_get(c->h, id, &commit, err);
	if (r == 0 && git_commit_parentcount(commit) > 0)
		r = history_commit_get(c->h, git_commit_parent_id(commit, 0), &parent, err);
	/* a commit in a pack has all it brought in packs, which are written whole and synced */
	is_packed = c->h->packs->exists(c->h->packs, id) != 0;
	if (r == 0 && !is_packed)
		r = history_object_check(c->h->odb, git_commit_tree_id(commit), err);
	if (r == 0 && !is_packed)
		r = tree_diff(&d, parent ? git_commit_tree_id(parent) : NULL,
			      git_commit_tree_id(commit), err);
	buf_done(&d.path);
	if (r < 0 || !parent)
		return r;
	*id = *git_commit_id(parent);
	return 1;
}

static int check_branch(const char *name, void *arg, struct err *err)
{
	struct check c = { .h = arg, .left = CHECK_OBJECTS };
	git_oid id;
	int r = history_tip(c.h, name, &id, err);

	for (int i = 0; r > 0 && i < CHECK_COMMITS && c.left > 0; i++)
		r = check_commit(&c, &id, err);
	return r < 0 ? r : 0;
}

/* By the files, too: libgit2's list leaves out a branch whose file is empty. */
static int check_loose_branches(struct history *h, struct err *err)
{
	cleanup_(mem_freep) char *path = mem_fmt(NULL, "%s/refs/heads", h->path);
	DIR *d = opendir(path);
	const struct dirent *e;
	int r = 0;

	if (!d)
		return err_set(err, ERR_CORRUPT, "history: %s cannot be read", path);
	while (r >= 0 && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): own stream */
		char ref[96];
		git_oid id;

		if (history_ref_name(e->d_name, ref, NULL) == 0)
			r = history_tip(h, ref, &id, err);
	}
	(void)closedir(d);
	return r < 0 ? r : 0;
}

static int check_all(struct history *h, struct err *err)
{
	git_strarray names = { .count = 0 };
	int r = check_loose_branches(h, err);

	if (r == 0 && git_reference_list(&names, h->repo) < 0)
		r = history_raise(err, ERR_CORRUPT, "history: list branches");
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		if (strncmp(names.strings[i], "refs/heads/", 11) == 0)
			r = check_branch(names.strings[i], h, err);
	}
	git_strarray_dispose(&names);
	return r;
}

static int move_aside(const struct history *h, struct err *err)
{
	for (int i = 1; i <= BROKEN_MAX; i++) {
		cleanup_(mem_freep) char *to = mem_fmt(NULL, "%s.broken-%d", h->path, i);

		if (access(to, F_OK) == 0)
			continue;
		if (rename(h->path, to) < 0)
			return err_sys(err, "rename %s to %s", h->path, to);
		return 0;
	}
	return err_set(err, ERR_TOOBIG, "history: %d broken repositories beside %s; remove some",
		       BROKEN_MAX, h->path);
}

static int open_existing(struct history *h, struct err *err)
{
	int r = attach(h, err);

	if (r < 0 || (h->flags & HISTORY_READONLY))
		return r;
	sweep(h);
	return check_all(h, err);
}

static int open_or_create(struct history *h, bool *ret_rebuilt, struct err *err)
{
	bool is_there = access(h->path, F_OK) == 0;
	int r;

	*ret_rebuilt = false;
	if (h->flags & HISTORY_READONLY)
		return is_there ? open_existing(h, err)
				: err_set(err, ERR_NOTFOUND, "history: no %s yet", h->path);
	if (is_there && !(h->flags & HISTORY_RESTART)) {
		r = open_existing(h, err);
		if (r != -ERR_CORRUPT)
			return r;
	}
	if (is_there) {
		detach(h);
		r = move_aside(h, err);
		if (r < 0)
			return r;
		*ret_rebuilt = true;
	}
	r = create(h, err);
	return r < 0 ? r : attach(h, err);
}

int history_open(const void *ctx, const char *path, unsigned flags, struct history **ret,
		 bool *ret_rebuilt, struct err *err)
{
	cleanup_(mem_freep) struct history *h = mem_new(ctx, struct history);
	bool is_rebuilt = false;
	int r;

	h->lock_fd = h->objects = -1;
	h->path = mem_str(h, path);
	h->flags = flags;
	talloc_set_destructor(h, done);
	if (!fs_path_is_clean(path))
		return err_at(err, ERR_INVALID, path, "history: %s is not a clean absolute path",
			      path);
	r = git_up(h, err);
	if (r == 0)
		r = open_or_create(h, &is_rebuilt, err);
	if (r < 0)
		return r;
	if (is_rebuilt)
		err_clear(err); /* said why the old one was unreadable */
	*ret_rebuilt = is_rebuilt;
	*ret = TAKE(h);
	return 0;
}
