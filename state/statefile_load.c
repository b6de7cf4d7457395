/*
 * From sources to documents: files, folder trees, given texts, with their
 * caps. What cannot be read becomes a document without content that carries
 * the problem, so that every problem is shown the same way.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "state/statefile_internal.h"

enum {
	FOLDER_DEPTH_MAX = 16
};

struct loader {
	struct statefile *sf;
	const struct statefile_input *in;
	size_t bytes, files;
};

static void dir_close(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static void add_doc(struct loader *l, struct doc *doc, const char *folder)
{
	struct statefile *sf = l->sf;

	mem_room(sf, &sf->docs, &sf->docs_cap, sf->n_docs, sizeof(*sf->docs));
	sf->docs[sf->n_docs++] = (struct statefile_doc){ .doc = doc, .folder = folder };
}

static void add_failure(struct loader *l, const char *name, const struct err *err)
{
	struct doc *doc = mem_new(l->sf, struct doc);

	doc->file = mem_str(doc, name);
	doc->source = "";
	doc_problem_add_at(doc, 0, 0, 0, "%s", err->msg);
	add_doc(l, doc, NULL);
}

static void read_text(struct loader *l, const char *name, const char *folder, const char *data,
		      size_t len)
{
	struct doc *doc = NULL;
	struct err err = ERR_INIT;

	l->bytes += len;
	if (doc_read(l->sf, name, data, len, &doc, &err) < 0 && !doc)
		add_failure(l, name, &err);
	else
		add_doc(l, doc, folder);
}

static void read_one(struct loader *l, const char *path, const char *name)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "read");
	const char *slash = strrchr(path, '/');
	size_t left = (size_t)STATEFILE_BYTES_MAX - l->bytes;
	struct err err = ERR_INIT;
	char *data = NULL;
	size_t len = 0;
	int r;

	if (++l->files > STATEFILE_FILES_MAX)
		r = err_set(&err, ERR_TOOBIG, "more than %d state files", STATEFILE_FILES_MAX);
	else
		r = fs_read(tmp, l->in->root_fd, path, MIN(left, (size_t)DOC_FILE_MAX), 0, &data,
			    &len, &err);
	if (r == -ERR_TOOBIG && left < DOC_FILE_MAX)
		(void)err_set(&err, ERR_TOOBIG, "the state files together are over %d MiB",
			      STATEFILE_BYTES_MAX >> 20);
	if (r < 0)
		add_failure(l, name, &err);
	else
		read_text(l, name, mem_strn(l->sf, path, (size_t)(slash - path)), data, len);
}

static bool is_state_name(const char *name)
{
	static const char *const ends[] = { ".yaml", ".yml", ".json" };
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t end = strlen(ends[i]);

		if (len > end && strcmp(name + len - end, ends[i]) == 0)
			return true;
	}
	return false;
}

/* State files found below a folder. */
struct listing {
	void *ctx;
	int root;
	struct ptrs paths;
};

static int list_folder(struct listing *l, const char *path, int depth, struct err *err);

/* Hidden names (.git) and links are passed over. */
static int list_entry(struct listing *l, int dir, const char *full, int depth, struct err *err)
{
	const char *name = strrchr(full, '/') + 1;
	struct stat st;

	if (name[0] == '.')
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "stat %s", full);
	if (S_ISDIR(st.st_mode))
		return list_folder(l, full, depth + 1, err);
	if (S_ISREG(st.st_mode) && is_state_name(name))
		ptrs_add(l->ctx, &l->paths, full);
	if (l->paths.n > STATEFILE_FILES_MAX)
		return err_set(err, ERR_TOOBIG, "more than %d state files", STATEFILE_FILES_MAX);
	return 0;
}

/* Recursion ends at FOLDER_DEPTH_MAX. */
static int list_folder(struct listing *l, const char *path, int depth, struct err *err)
{
	cleanup_(dir_close) DIR *dir = NULL;
	const struct dirent *e;
	int fd;
	int r = 0;

	if (depth > FOLDER_DEPTH_MAX)
		return err_set(err, ERR_TOOBIG, "%s: folders are more than %d deep", path,
			       FOLDER_DEPTH_MAX);
	fd = fs_open(l->root, path, O_RDONLY | O_DIRECTORY, 0, 0, err);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		fd_close(&fd);
		return err_sys(err, "open folder %s", path);
	}
	while (r >= 0 && (e = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): own DIR */
		r = list_entry(
			l, dirfd(dir),
			mem_fmt(l->ctx, "%s/%s", strcmp(path, "/") == 0 ? "" : path, e->d_name),
			depth, err);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_folder(struct loader *l, const struct statefile_source *s, const char *path)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "folder");
	const char *name = s->name ? s->name : s->path;
	struct listing found = { .ctx = tmp, .root = l->in->root_fd };
	struct err err = ERR_INIT;
	int r = list_folder(&found, path, 0, &err);

	if (r >= 0 && found.paths.n == 0)
		r = err_set(&err, ERR_NOTFOUND,
			    "the folder has no state files (*.yaml, *.yml, *.json); it would mean "
			    "nothing is wanted");
	if (r < 0 || !found.paths.v) {
		add_failure(l, name, &err);
		return;
	}
	qsort(found.paths.v, found.paths.n, sizeof(*found.paths.v), by_bytes);
	for (size_t i = 0; i < found.paths.n; i++) {
		const char *full = found.paths.v[i];
		const char *rest = full + strlen(path);

		rest += *rest == '/';
		read_one(l, full, mem_fmt(tmp, "%s/%s", strcmp(name, "/") == 0 ? "" : name, rest));
	}
}

static void read_source(struct loader *l, const struct statefile_source *s)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "source");
	const char *name = s->name ? s->name : s->path;
	struct err err = ERR_INIT;
	struct stat st;
	size_t len;
	char *path;
	int fd;

	if (!s->path) {
		read_text(l, name ? name : "<stdin>", NULL, s->data, s->len);
		return;
	}
	path = mem_str(tmp, s->path);
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	fd = path[0] == '/' ? fs_open(l->in->root_fd, path, O_PATH, 0, 0, &err)
			    : err_set(&err, ERR_INVALID, "%s: not an absolute path", path);
	if (fd >= 0 && fstat(fd, &st) < 0)
		fd = err_sys(&err, "stat %s", path);
	if (fd < 0)
		add_failure(l, name, &err);
	else if (S_ISDIR(st.st_mode))
		read_folder(l, s, path);
	else
		read_one(l, path, name);
	fd_close(&fd);
}

void statefile_load(struct statefile *sf, const struct statefile_input *in)
{
	struct loader l = { .sf = sf, .in = in };

	for (size_t i = 0; i < in->n_sources; i++)
		read_source(&l, &in->sources[i]);
}
