#include "state/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "state/history_impl.h"

enum {
	BATCH_MIN = 200, /* changes from which one pack is cheaper than loose files */
};

int history_raise(struct err *err, enum err_code code, const char *what)
{
	const git_error *e = git_error_last();

	return err_set(err, code, "%s: %s", what, e && e->message ? e->message : "no details");
}

int history_put(struct history *h, git_object_t type, const struct buf *data, git_oid *ret,
		struct err *err)
{
	const char *text = data->data ? data->data : "";

	if (git_odb_hash(ret, text, data->len, type) < 0)
		return history_raise(err, ERR_SYSTEM, "history: hash object");
	/* Not git_odb_write: for each new object it reads the pack folder again. */
	if (h->loose->freshen(h->loose, ret) == 0 || h->packs->freshen(h->packs, ret) == 0)
		return 0;
	git_error_clear();
	if (h->batch)
		return batch_has(h->batch, ret)
			       ? 0
			       : batch_put(h->batch, ret, type, text, data->len, err);
	return loose_write(h, ret, type, text, data->len, err);
}

static bool is_reserved(const char *part, size_t len)
{
	char ascii[8];
	size_t n = 0;

	/* File systems that ignore some characters or give short names see ".git" in more spellings. */
	for (size_t i = 0; i < len && n + 1 < sizeof(ascii); i++) {
		if ((unsigned char)part[i] < 0x80)
			ascii[n++] = part[i];
	}
	ascii[n] = '\0';
	if (strncasecmp(ascii, ".git", 4) == 0)
		return true;
	return strncasecmp(ascii, "gi", 2) == 0 && memchr(part, '~', len);
}

static const char *part_fault(const char *part, size_t len)
{
	if (len == 0)
		return "has an empty part";
	if (len > HISTORY_PART_MAX)
		return "has a part of over 255 bytes";
	if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
		return "has a \".\" or \"..\" part";
	if (is_reserved(part, len))
		return "has a part that git keeps for itself (.git…)";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f || part[i] == '\\')
			return "has a control character or a backslash";
	}
	return NULL;
}

int history_path_check(const char *path, struct err *err)
{
	if (strlen(path) > HISTORY_PATH_MAX)
		return err_set(err, ERR_INVALID, "history: a path is over %d bytes",
			       HISTORY_PATH_MAX);
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");
		const char *fault = part_fault(p, len);

		if (fault)
			return err_at(err, ERR_INVALID, path,
				      "history: path \"%.200s\" %s; allowed is \"folder/file\"",
				      path, fault);
		p += len;
		if (!*p)
			return 0;
	}
}

int history_ref_name(const char *branch, char ret[96], struct err *err)
{
	size_t len = strspn(branch, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len == 0 || len > 32 || branch[len] || branch[0] == '-')
		return err_set(err, ERR_INVALID,
			       "history: branch \"%.64s\": allowed are 1 to 32 of a-z 0-9 -",
			       branch);
	(void)snprintf(ret, 96, "refs/heads/%s", branch);
	return 0;
}

int history_tip(struct history *h, const char *ref, git_oid *ret, struct err *err)
{
	int r = git_reference_name_to_id(ret, h->repo, ref);

	if (r == GIT_ENOTFOUND)
		return 0;
	return r < 0 ? history_raise(err, ERR_CORRUPT, "history: read branch") : 1;
}

void git_commit_freep(git_commit **c)
{
	git_commit_free(*c);
}

int history_commit_get(struct history *h, const git_oid *id, git_commit **ret, struct err *err)
{
	if (git_commit_lookup(ret, h->repo, id) < 0)
		return history_raise(err, ERR_CORRUPT, "history: read commit");
	return 0;
}

/* '/' below every other character: what lies in a folder follows the folder itself. */
static int path_cmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (*a == '/' ? 1
		: *a      ? 1 + (unsigned char)*a
			  : 0) -
	       (*b == '/' ? 1
		: *b      ? 1 + (unsigned char)*b
			  : 0);
}

static int change_cmp(const void *a, const void *b)
{
	const struct history_change *const *ca = a;
	const struct history_change *const *cb = b;

	return path_cmp((*ca)->path, (*cb)->path);
}

static int sort_changes(const void *ctx, const struct history_change *changes, size_t n,
			const struct history_change ***ret, struct err *err)
{
	struct ptrs list = { .n = 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		ptrs_add(ctx, &list, &changes[i]);
		r = history_path_check(changes[i].path, err);
	}
	if (r < 0)
		return r;
	*ret = (const struct history_change **)list.v;
	if (n > 1)
		qsort(list.v, n, sizeof(*list.v), change_cmp);
	for (size_t i = 1; i < n; i++) {
		if (strcmp((*ret)[i - 1]->path, (*ret)[i]->path) == 0)
			return err_at(err, ERR_INVALID, (*ret)[i]->path,
				      "history: %s is changed twice in one commit",
				      (*ret)[i]->path);
	}
	return 0;
}

/* A name as git can hold it in a header line; what would end it becomes a space. */
static void put_words(struct buf *out, const char *s, const char *fallback, size_t max)
{
	size_t start = out->len;

	for (; s && *s && out->len - start < max; s++) {
		bool is_bad = (unsigned char)*s < 0x20 || *s == 0x7f || *s == '<' || *s == '>';

		if (is_bad || *s == ' ') {
			if (out->len > start && out->data[out->len - 1] != ' ')
				buf_putc(out, ' ');
		} else {
			buf_putc(out, *s);
		}
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	if (out->len == start)
		buf_puts(out, fallback);
}

static void put_trailer(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, "%s: ", key);
	put_words(out, value, "-", 512);
	buf_putc(out, '\n');
}

/* Trailers are the last paragraph, so nothing in the message can pass for one. */
static void put_message(struct buf *out, const struct history_meta *m)
{
	size_t len = m->message ? strlen(m->message) : 0;

	while (len > 0 && strchr(" \n\r\t", m->message[len - 1]))
		len--;
	if (len > 0)
		buf_put(out, m->message, len);
	else
		buf_puts(out, "(no message)");
	buf_puts(out, "\n\n");
	if (m->revision > 0)
		buf_printf(out, "NovaCPX-Revision: %lld\n", (long long)m->revision);
	put_trailer(out, "NovaCPX-Source", m->source);
	put_trailer(out, "NovaCPX-Plan", m->plan);
	if (m->revision <= 0 && !m->source && !m->plan)
		buf_puts(out, "NovaCPX-Source: unknown\n");
}

static void put_person(struct buf *out, const char *role, const struct history_meta *m)
{
	buf_printf(out, "%s ", role);
	put_words(out, m->author, "unknown", 256);
	buf_puts(out, " <");
	put_words(out, m->email, "unknown", 256);
	buf_printf(out, "> %lld +0000\n", (long long)MAX(m->time, 0));
}

static int write_commit(struct history *h, const struct history_meta *m, const git_oid *tree,
			const git_oid *parent, git_oid *ret, struct err *err)
{
	cleanup_(buf_done) struct buf out = BUF_ON(NULL);

	buf_printf(&out, "tree %s\n", git_oid_tostr_s(tree));
	if (parent)
		buf_printf(&out, "parent %s\n", git_oid_tostr_s(parent));
	put_person(&out, "author", m);
	put_person(&out, "committer", m);
	buf_putc(&out, '\n');
	put_message(&out, m);
	return history_put(h, GIT_OBJECT_COMMIT, &out, ret, err);
}

/* Writes "ID\n" into the lock file, which git programs heed, and gives it the branch's name. */
static int write_branch(const struct history *h, const char *lock, const git_oid *new,
			struct err *err)
{
	cleanup_(fd_close) int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char text[GIT_OID_HEXSZ + 2];
	bool sync = (h->flags & HISTORY_FSYNC) != 0;

	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_BUSY, "history: branch is locked (%s)", lock);
	(void)snprintf(text, sizeof(text), "%s\n", git_oid_tostr_s(new));
	if (fd < 0 || fs_write_all(fd, text, strlen(text)) < 0 || (sync && fsync(fd) < 0)) {
		int r = err_sys(err, "history: write branch");

		(void)unlink(lock); /* the first error is the one to tell */
		return r;
	}
	return 0;
}

/* libgit2 would do the same, and look around a good deal before. */
static int move_branch(struct history *h, const char *ref, const git_oid *old, const git_oid *new,
		       struct err *err)
{
	cleanup_(mem_freep) char *path = mem_fmt(NULL, "%s/%s", h->path, ref);
	cleanup_(mem_freep) char *lock = mem_fmt(NULL, "%s.lock", path);
	git_oid now;
	int r = write_branch(h, lock, new, err);

	if (r < 0)
		return r;
	r = history_tip(h, ref, &now, err);
	if (r >= 0 && (r > 0) != (old != NULL))
		r = -ERR_CONFLICT;
	if (r > 0 && !git_oid_equal(&now, old))
		r = -ERR_CONFLICT;
	if (r == -ERR_CONFLICT)
		(void)err_set(err, ERR_CONFLICT, "history: %s was moved by somebody else", ref);
	if (r >= 0 && (fault_point("history branch") || rename(lock, path) < 0))
		r = err_sys(err, "history: move %s", ref);
	if (r < 0)
		(void)unlink(lock); /* the first error is the one to tell */
	return r < 0 ? r : 0;
}

static int check_expected(const char *expect, const git_oid *tip, const char *ref, struct err *err)
{
	char now[HISTORY_OID_LEN + 1] = "";

	if (tip)
		(void)git_oid_tostr(now, sizeof(now), tip);
	if (!expect || strcmp(expect, now) == 0)
		return 0;
	return err_set(err, ERR_CONFLICT, "history: %s is at %s, the caller expected %.40s", ref,
		       tip ? now : "no commit", *expect ? expect : "no commit");
}

struct job {
	const char *ref;
	const struct history_change *const *changes;
	size_t n;
	const struct history_meta *meta;
};

/* Everything but the lock and the pack; 1: nothing changes, NEW is the old tip (or not set). */
static int build(struct history *h, const struct job *job, git_oid *new, git_oid *old,
		 bool *has_old, struct err *err)
{
	cleanup_(git_commit_freep) git_commit *parent = NULL;
	const struct buf nothing = { .len = 0 };
	const git_oid *old_tree = NULL;
	git_oid tree;
	bool is_empty;
	int r = history_tip(h, job->ref, old, err);

	*has_old = r > 0;
	if (r > 0)
		r = history_commit_get(h, old, &parent, err);
	if (r == 0)
		r = check_expected(job->meta->expect, *has_old ? old : NULL, job->ref, err);
	if (r < 0)
		return r;
	if (parent)
		old_tree = git_commit_tree_id(parent);
	r = tree_apply(h, old_tree, job->changes, job->n, &tree, &is_empty, err);
	if (r == 0 && is_empty)
		r = history_put(h, GIT_OBJECT_TREE, &nothing, &tree, err);
	if (r < 0)
		return r;
	*new = *old;
	if (old_tree ? git_oid_equal(old_tree, &tree) : is_empty)
		return 1;
	return write_commit(h, job->meta, &tree, *has_old ? old : NULL, new, err);
}

static int commit_locked(struct history *h, const struct job *job, char *ret_oid, struct err *err)
{
	git_oid new;
	git_oid old;
	bool has_old;
	int r = build(h, job, &new, &old, &has_old, err);

	if (r == 0 && h->batch)
		r = batch_end(h->batch, err);
	else if (h->batch)
		batch_drop(h->batch); /* nothing changes, or it failed */
	if (r == 0)
		r = move_branch(h, job->ref, has_old ? &old : NULL, &new, err);
	if (r < 0)
		return r;
	ret_oid[0] = '\0';
	if (r == 0 || has_old)
		(void)git_oid_tostr(ret_oid, HISTORY_OID_LEN + 1, &new);
	return r;
}

int history_commit(struct history *h, const char *branch, const struct history_change *changes,
		   size_t n, const struct history_meta *meta, char *ret_oid, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "history_commit");
	const struct history_change **sorted = NULL;
	char ref[96];
	int r;

	if (h->flags & HISTORY_READONLY)
		return err_set(err, ERR_DENIED, "history: %s is open for reading only", h->path);
	if (meta->message && strlen(meta->message) > HISTORY_MESSAGE_MAX)
		return err_at(err, ERR_TOOBIG, "message", "history: message is over %d bytes",
			      HISTORY_MESSAGE_MAX);
	r = history_ref_name(branch, ref, err);
	if (r == 0)
		r = sort_changes(ctx, changes, n, &sorted, err);
	if (r < 0)
		return r;

	struct job job = { .ref = ref, .changes = sorted, .n = n, .meta = meta };

	if (flock(h->lock_fd, LOCK_EX) < 0)
		return err_sys(err, "lock %s", h->path);
	h->batch = NULL;
	if (n > BATCH_MIN)
		r = batch_begin(ctx, h, &h->batch, err);
	if (r >= 0)
		r = commit_locked(h, &job, ret_oid, err);
	h->batch = NULL;
	(void)flock(h->lock_fd, LOCK_UN);
	return r;
}
