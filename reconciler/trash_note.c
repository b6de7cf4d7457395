#include "reconciler/trash_note.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"

#define SUFFIX ".novacpx"
#define HEAD   "novacpx trash 1\n"

enum {
	NOTE_MAX = 8192,
	FOLDERS_MAX = 1 << 20,
	ENTRY_MAX = 200, /* of the 255 bytes of a file's name */
};

/* "3e-eve.test-eve-12": the path within BASE and the revision. */
const char *trash_place(const void *ctx, const char *base, const char *origin, int64_t rev)
{
	const char *within = origin + strlen(base) + 1;
	struct digest d = digest_of(within, strlen(within));
	char hex[DIGEST_HEX_LEN + 1];
	char *entry;

	digest_hex(&d, hex);
	entry = strlen(within) <= ENTRY_MAX
			? mem_fmt(ctx, "%s-%" PRId64, within, rev)
			: mem_fmt(ctx, "%.*s-%.16s-%" PRId64, ENTRY_MAX, within, hex, rev);
	for (char *c = entry; *c; c++) {
		if (*c == '/')
			*c = '-';
	}
	return mem_fmt(ctx, "%s" TRASH_FOLDER "/%s", base, entry);
}

const char *trash_name(const void *ctx, const char *account, int64_t rev, const char *origin)
{
	return mem_fmt(ctx, "%s-%" PRId64 "%s", account, rev, origin);
}

/* Writing */

/* The folder of PATH joins the list of those that hold trash. */
static int note_folder(struct engine *e, const char *path, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "folders");
	const char *line = mem_fmt(ctx, "%.*s\n", (int)(strrchr(path, '/') - path), path);
	char *data;
	size_t len;
	int r = fs_read(ctx, e->root, TRASH_FOLDERS, FOLDERS_MAX, 0, &data, &len, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		data = mem_str(ctx, "");
	} else if (r < 0) {
		return r;
	}
	for (const char *at = data; (at = strstr(at, line)); at++) {
		if (at == data || at[-1] == '\n')
			return 0;
	}
	data = mem_fmt(ctx, "%s%s", data, line);
	return fs_write_atomic(e->root, TRASH_FOLDERS, data, strlen(data), 0600, err);
}

int trash_note_put(struct engine *e, const struct trash_entry *t, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "note");
	const char *text = mem_fmt(ctx,
				   HEAD "account %s\nuid %" PRId64 "\nrevision %" PRId64
					"\ntime %" PRId64 "\norigin %s\n",
				   t->account, t->uid, t->rev, t->time, t->origin);
	int r = note_folder(e, t->path, err);

	return r < 0 ? r
		     : fs_write_atomic(e->root, mem_fmt(ctx, "%s" SUFFIX, t->path), text,
				       strlen(text), 0600, err);
}

int trash_note_drop(struct engine *e, const char *path, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "note");

	return fs_remove_tree(e->root, mem_fmt(ctx, "%s" SUFFIX, path), 0, err);
}

/* Reading */

static bool is_roots_alone(int fd, mode_t type)
{
	struct stat st;

	return fstat(fd, &st) >= 0 && (st.st_mode & S_IFMT) == type && st.st_uid == 0 &&
	       !(st.st_mode & 077) && (type == S_IFDIR || st.st_nlink == 1);
}

/* The rest of the line that begins with WORD, at *AT, which moves behind it; NULL: another line. */
static const char *take(const void *ctx, const char **at, const char *word)
{
	size_t len = strlen(word);
	const char *value;

	if (strncmp(*at, word, len) != 0 || (*at)[len] != ' ')
		return NULL;
	value = mem_strn(ctx, *at + len + 1, strcspn(*at + len + 1, "\n"));
	*at += len + 1 + strlen(value);
	if (**at != '\n')
		return NULL;
	++*at;
	return value;
}

static bool take_number(const void *ctx, const char **at, const char *word, int64_t *ret)
{
	const char *text = take(ctx, at, word);
	char *end;

	if (!text || !*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*ret = strtoll(text, &end, 10);
	return true;
}

static bool parse(const void *ctx, const char *text, struct trash_entry *t)
{
	if (strncmp(text, HEAD, strlen(HEAD)) != 0)
		return false;
	text += strlen(HEAD);
	t->account = take(ctx, &text, "account");
	if (!t->account || !*t->account || strlen(t->account) > 64 || strchr(t->account, '/') ||
	    !take_number(ctx, &text, "uid", &t->uid) ||
	    !take_number(ctx, &text, "revision", &t->rev) ||
	    !take_number(ctx, &text, "time", &t->time))
		return false;
	t->origin = take(ctx, &text, "origin");
	return t->origin && !*text && fs_path_is_clean(t->origin);
}

/* Whether T, read in FOLDER, speaks of the entry at PATH. */
static bool is_about(const void *ctx, const struct trash_entry *t, const char *folder,
		     const char *path)
{
	const char *base = mem_strn(ctx, folder, strlen(folder) - strlen(TRASH_FOLDER));
	size_t len = strlen(base);

	return strncmp(t->origin, base, len) == 0 && t->origin[len] == '/' && t->origin[len + 1] &&
	       strcmp(trash_place(ctx, base, t->origin, t->rev), path) == 0;
}

int trash_row_put(struct engine *e, const struct trash_entry *t, bool replaces, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(e->db,
			replaces ? "INSERT OR REPLACE INTO trash(name, account, uid, rev, time, "
				   "path, origin) VALUES(?,?,?,?,?,?,?)"
				 : "INSERT OR IGNORE INTO trash(name, account, uid, rev, time, "
				   "path, origin) VALUES(?,?,?,?,?,?,?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, t->name);
	sql_bind_text(st, 2, t->account);
	sql_bind_int(st, 3, t->uid);
	sql_bind_int(st, 4, t->rev);
	sql_bind_int(st, 5, t->time);
	sql_bind_text(st, 6, t->path);
	sql_bind_text(st, 7, t->origin);
	return sql_run(st, err);
}

static bool has_row(struct engine *e, const char *path)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (sql_get(e->db, "SELECT 1 FROM trash WHERE path=?", &st, &ignored) < 0)
		return true;
	sql_bind_text(st, 1, path);
	return sql_step(st, &ignored) != 0;
}

/* NAME of FOLDER, which DIR is: a note, and the data beside it. */
static int read_note(struct engine *e, int dir, const char *folder, const char *name,
		     struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "note");
	cleanup_(fd_close) int fd = -1;
	const char *entry = mem_strn(ctx, name, strlen(name) - strlen(SUFFIX));
	struct trash_entry t = { .path = mem_fmt(ctx, "%s/%s", folder, entry) };
	struct err ignored = ERR_INIT;
	char *text;
	size_t len;

	if (faccessat(dir, entry, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || has_row(e, t.path))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !is_roots_alone(fd, S_IFREG) ||
	    fs_read_fd(ctx, fd, name, NOTE_MAX, &text, &len, &ignored) < 0 || len != strlen(text) ||
	    !parse(ctx, text, &t) || !is_about(ctx, &t, folder, t.path))
		return 0; /* not ours to understand; the data stays where it is */
	t.name = trash_name(ctx, t.account, t.rev, t.origin);
	return trash_row_put(e, &t, false, err);
}

static bool is_note(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int read_folder(struct engine *e, const char *folder, struct err *err)
{
	cleanup_(fd_close) int parent = -1;
	struct dirent *entry;
	const char *name;
	DIR *dir = NULL;
	int fd = -1;
	int r = 0;

	parent = fs_open_parent(e->root, folder, 0, &name, NULL);
	if (parent >= 0)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* nothing was left in it, or its disk is not there */
	if (is_roots_alone(fd, S_IFDIR))
		dir = fdopendir(fd);
	if (!dir) {
		fd_close(&fd);
		return 0;
	}
	while (r >= 0 && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (is_note(entry->d_name))
			r = read_note(e, fd, folder, entry->d_name, err);
	}
	(void)closedir(dir);
	return r;
}

int trash_note_rows(struct engine *e, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "folders");
	size_t tail = strlen(TRASH_FOLDER);
	char *data;
	size_t len;
	int r = fs_read(ctx, e->root, TRASH_FOLDERS, FOLDERS_MAX, 0, &data, &len, err);

	if (r == -ERR_NOTFOUND)
		err_clear(err);
	if (r < 0)
		return r == -ERR_NOTFOUND ? 0 : r;
	for (const char *line = data; *line && r >= 0; line += strcspn(line, "\n") + 1) {
		const char *folder = mem_strn(ctx, line, strcspn(line, "\n"));
		size_t n = strlen(folder);

		if (n > tail && strcmp(folder + n - tail, TRASH_FOLDER) == 0 &&
		    fs_path_is_clean(folder))
			r = read_folder(e, folder, err);
		if (!line[n])
			break;
	}
	return r;
}
