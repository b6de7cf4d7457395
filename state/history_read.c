#include <stdlib.h>
#include <string.h>

#include "state/history_impl.h"

/* The commit that AT names. */
static int resolve(struct history *h, const char *at, git_oid *ret, struct err *err)
{
	char ref[96];
	int r;

	if (strlen(at) == HISTORY_OID_LEN && git_oid_fromstr(ret, at) == 0)
		return git_odb_exists(h->odb, ret)
			       ? 0
			       : err_set(err, ERR_NOTFOUND, "history: no commit %s", at);
	r = history_ref_name(at, ref, err);
	if (r == 0)
		r = history_tip(h, ref, ret, err);
	if (r < 0)
		return r;
	return r > 0 ? 0 : err_set(err, ERR_NOTFOUND, "history: branch %s has no commit", at);
}

/* An id that a caller gave may be of a blob: that is no corruption. */
static int get_commit(struct history *h, const char *at, git_commit **ret, struct err *err)
{
	git_object_t type;
	git_oid id;
	size_t len;
	int r = resolve(h, at, &id, err);

	if (r < 0)
		return r;
	if (git_odb_read_header(&len, &type, h->odb, &id) == 0 && type != GIT_OBJECT_COMMIT)
		return err_set(err, ERR_NOTFOUND, "history: %s is not a commit", at);
	return history_commit_get(h, &id, ret, err);
}

int history_head(struct history *h, const char *branch, char *ret_oid, struct err *err)
{
	char ref[96];
	git_oid id;
	int r = history_ref_name(branch, ref, err);

	if (r == 0)
		r = history_tip(h, ref, &id, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ERR_NOTFOUND, "history: branch %s has no commit", branch);
	(void)git_oid_tostr(ret_oid, HISTORY_OID_LEN + 1, &id);
	return 0;
}

static int read_blob(const void *ctx, struct history *h, const git_oid *id, char **ret_data,
		     size_t *ret_len, struct err *err)
{
	git_odb_object *obj = NULL;
	int r = git_odb_read(&obj, h->odb, id);

	if (r == GIT_ENOTFOUND)
		return err_set(err, ERR_NOTFOUND, "history: no object %s", git_oid_tostr_s(id));
	if (r < 0)
		return history_raise(err, ERR_CORRUPT, "history: read object");
	if (git_odb_object_type(obj) == GIT_OBJECT_BLOB) {
		*ret_len = git_odb_object_size(obj);
		*ret_data = mem_strn(ctx, git_odb_object_data(obj), *ret_len);
	} else {
		r = err_set(err, ERR_NOTFOUND, "history: object %s is not a file",
			    git_oid_tostr_s(id));
	}
	git_odb_object_free(obj);
	return r;
}

int history_read_blob(const void *ctx, struct history *h, const char *oid, char **ret_data,
		      size_t *ret_len, struct err *err)
{
	git_oid id;

	if (strlen(oid) != HISTORY_OID_LEN || git_oid_fromstr(&id, oid) < 0)
		return err_set(err, ERR_INVALID, "history: \"%.64s\" is not an object id", oid);
	return read_blob(ctx, h, &id, ret_data, ret_len, err);
}

int history_read(const void *ctx, struct history *h, const char *at, const char *path,
		 char **ret_data, size_t *ret_len, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	struct tree_entry e;
	int r = history_path_check(path, err);

	if (r == 0)
		r = get_commit(h, at, &commit, err);
	if (r < 0)
		return r;
	r = tree_lookup(h, git_commit_tree_id(commit), path, &e, err);
	if (r == -ERR_NOTFOUND || (r == 0 && e.mode == MODE_TREE))
		return err_at(err, ERR_NOTFOUND, path, "history: no file %s in %s", path, at);
	return r < 0 ? r : read_blob(ctx, h, &e.id, ret_data, ret_len, err);
}

/* The value if LINE is the trailer KEY. */
static const char *trailer(const char *line, const char *key)
{
	size_t len = strlen(key);

	return strncmp(line, key, len) == 0 && strncmp(line + len, ": ", 2) == 0 ? line + len + 2
										 : NULL;
}

static void take_trailer(struct history_entry *e, const char *line)
{
	const char *v;

	if ((v = trailer(line, "NovaCPX-Revision")))
		e->revision = strtoll(v, NULL, 10);
	else if ((v = trailer(line, "NovaCPX-Source")))
		e->source = v;
	else if ((v = trailer(line, "NovaCPX-Plan")))
		e->plan = v;
}

/* Cuts the message at its last paragraph if that is ours; strings are on CTX. */
static void parse_entry(const void *ctx, const git_commit *c, struct history_entry *ret)
{
	const git_signature *who = git_commit_author(c);
	const char *message = git_commit_message_raw(c);
	char *text = mem_str(ctx, message ? message : "");
	char *last = NULL;
	char *save = NULL;
	char oid[HISTORY_OID_LEN + 1];

	*ret = (struct history_entry){
		.oid = mem_str(ctx, git_oid_tostr(oid, sizeof(oid), git_commit_id(c))),
		.author = who ? who->name : "",
		.email = who ? who->email : "",
		.time = who ? who->when.time : 0,
		.message = text,
	};
	for (char *p = text; (p = strstr(p, "\n\n")); p++)
		last = p;
	if (!last || strncmp(last + 2, "NovaCPX-", 8) != 0)
		return;
	*last = '\0';
	for (char *line = strtok_r(last + 2, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_trailer(ret, line);
}

/* Replaces *COMMIT by its first parent, NULL at the root. */
static int step_back(struct history *h, git_commit **commit, struct err *err)
{
	git_commit *parent = NULL;
	int r = 0;

	if (git_commit_parentcount(*commit) > 0)
		r = history_commit_get(h, git_commit_parent_id(*commit, 0), &parent, err);
	git_commit_free(*commit);
	*commit = parent;
	return r;
}

/* The id at PATH in a commit; zero where there is nothing. */
static int id_at(struct history *h, const git_commit *c, const char *path, git_oid *ret,
		 struct err *err)
{
	struct tree_entry e;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!c)
		return 0;
	r = tree_lookup(h, git_commit_tree_id(c), path, &e, err);
	if (r == 0)
		*ret = e.id;
	return r == -ERR_NOTFOUND ? 0 : r;
}

struct log_walk {
	struct history *h;
	const char *path;
	history_log_fn *fn;
	void *arg;
};

/* *COMMIT told if it changed the path, then replaced by its parent. 1: told. */
static int log_one(const struct log_walk *w, git_commit **commit, git_oid *at, int *ret_user,
		   struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "log");
	struct history_entry e;
	git_oid before;
	int r;

	parse_entry(ctx, *commit, &e);
	e.author = mem_str(ctx, e.author); /* the commit object goes before the call */
	e.email = mem_str(ctx, e.email);
	r = step_back(w->h, commit, err);
	if (r == 0 && w->path) {
		r = id_at(w->h, *commit, w->path, &before, err);
		if (r == 0 && git_oid_equal(&before, at))
			return 0;
		*at = before;
	}
	if (r < 0)
		return r;
	*ret_user = w->fn(&e, w->arg);
	return 1;
}

int history_log(struct history *h, const char *at, const char *path, size_t max, history_log_fn *fn,
		void *arg, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	struct log_walk w = { .h = h, .path = path, .fn = fn, .arg = arg };
	git_oid id;
	int user = 0;
	int r = path ? history_path_check(path, err) : 0;

	if (r == 0)
		r = get_commit(h, at, &commit, err);
	if (r == 0 && path)
		r = id_at(h, commit, path, &id, err);
	for (size_t n = 0; r >= 0 && user == 0 && commit && n < max; n += (size_t)r) {
		r = log_one(&w, &commit, &id, &user, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : user;
}

int history_find_revision(struct history *h, const char *branch, int64_t revision, char *ret_oid,
			  struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	int r = get_commit(h, branch, &commit, err);

	while (r == 0 && commit) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "find_revision");
		struct history_entry e;

		parse_entry(ctx, commit, &e);
		if (e.revision == revision) {
			memcpy(ret_oid, e.oid, HISTORY_OID_LEN + 1);
			return 0;
		}
		if (e.revision > 0 && e.revision < revision)
			break;
		r = step_back(h, &commit, err);
	}
	return r < 0 ? r
		     : err_set(err, ERR_NOTFOUND, "history: branch %s has no revision %lld", branch,
			       (long long)revision);
}

int64_t history_last_revision(struct history *h, const char *branch, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "last_revision");
	struct history_entry e;
	int r = get_commit(h, branch, &commit, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	parse_entry(ctx, commit, &e);
	return e.revision;
}

struct diff_walk {
	const struct history_diff *diff;
	const char *prefix; /* put before each path, "" or "a/b/" */
	int user;
};

static int tell(const char *path, const struct tree_entry *old, const struct tree_entry *new,
		void *arg, struct err *err)
{
	struct diff_walk *w = arg;
	char a[HISTORY_OID_LEN + 1];
	char b[HISTORY_OID_LEN + 1];
	cleanup_(mem_freep) char *full = mem_fmt(NULL, "%s%s", w->prefix, path);

	(void)err;
	if (old)
		(void)git_oid_tostr(a, sizeof(a), &old->id);
	if (new)
		(void)git_oid_tostr(b, sizeof(b), &new->id);
	w->user = w->diff->fn(full, old ? a : NULL, new ? b : NULL, w->diff->arg);
	return w->user != 0 ? 1 : 0;
}

/* What lies at PREFIX in a commit; *RET_THERE false: nothing. */
static int side(struct history *h, const char *at, const char *prefix, struct tree_entry *ret,
		bool *ret_there, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *commit = NULL;
	int r;

	*ret_there = false;
	if (!*at)
		return 0;
	r = get_commit(h, at, &commit, err);
	if (r < 0)
		return r;
	*ret = (struct tree_entry){ .mode = MODE_TREE, .id = *git_commit_tree_id(commit) };
	if (prefix)
		r = tree_lookup(h, git_commit_tree_id(commit), prefix, ret, err);
	*ret_there = r == 0;
	return r == -ERR_NOTFOUND ? 0 : r;
}

/* A side that is a file is told here; returns the side's tree or NULL. */
static const git_oid *as_tree(const struct tree_entry *e, bool is_there)
{
	return is_there && e->mode == MODE_TREE ? &e->id : NULL;
}

int history_diff(struct history *h, const struct history_diff *diff, struct err *err)
{
	cleanup_(mem_freep) char *prefix =
		diff->prefix ? mem_fmt(NULL, "%s/", diff->prefix) : mem_str(NULL, "");
	struct diff_walk w = { .diff = diff, .prefix = prefix };
	struct tree_diff d = { .h = h, .fn = tell, .arg = &w, .path = BUF_ON(prefix) };
	struct tree_entry a;
	struct tree_entry b;
	bool has_a = false;
	bool has_b = false;
	int r = diff->prefix ? history_path_check(diff->prefix, err) : 0;

	if (r == 0)
		r = side(h, diff->from, diff->prefix, &a, &has_a, err);
	if (r == 0)
		r = side(h, diff->to, diff->prefix, &b, &has_b, err);
	if (r < 0 || (has_a && has_b && git_oid_equal(&a.id, &b.id)))
		return r;

	bool file_a = has_a && a.mode != MODE_TREE;
	bool file_b = has_b && b.mode != MODE_TREE;

	if (file_a || file_b) {
		w.prefix = diff->prefix;
		r = tell("", file_a ? &a : NULL, file_b ? &b : NULL, &w, err);
		w.prefix = prefix;
	}
	if (r == 0)
		r = tree_diff(&d, as_tree(&a, has_a), as_tree(&b, has_b), err);
	return r < 0 ? r : w.user;
}
