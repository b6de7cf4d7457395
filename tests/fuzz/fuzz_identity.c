/*
 * The account files: whatever is in them, an identity that was put reads back with its fields, one that was
 * deleted is gone, and no line of another name changes.
 *
 * DATA split at NUL: passwd, shadow, group, gshadow; name, gecos, home, shell, hash.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "reconciler/identity.h"

enum {
	N_FILES = 4,
	ID = 60000
};

static const char *const files[N_FILES] = { "etc/passwd", "etc/shadow", "etc/group",
					    "etc/gshadow" };
static char dir[64];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void clean_up(void)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open("/", &err);

	(void)fs_remove_tree(root, dir, 0, &err);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char etc[80];

	(void)argc;
	(void)argv;
	(void)snprintf(dir, sizeof(dir), "%s/fuzz-identity-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(dir) || atexit(clean_up) != 0)
		abort();
	(void)snprintf(etc, sizeof(etc), "%s/etc", dir);
	assert(mkdir(etc, 0755) == 0);
	return 0;
}

static void write_files(int root, const char *const *words)
{
	for (int i = 0; i < N_FILES; i++) {
		cleanup_(fd_close) int fd =
			openat(root, files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert(fd >= 0 && fs_write_all(fd, words[i], strlen(words[i])) == 0);
	}
}

/* The lines of TEXT that are not of NAME. */
static const char *others(const void *ctx, const char *text, const char *name)
{
	struct buf out = BUF_ON(ctx);
	size_t name_len = strlen(name);

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (strncmp(text, name, name_len) != 0 || text[name_len] != ':') {
			buf_put(&out, text, n);
			buf_putc(&out, '\n');
		}
		text += n + (text[n] == '\n');
	}
	return buf_str(&out);
}

static void check_others(const void *ctx, int root, const char *const *words, int n_files,
			 const char *name)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < n_files; i++) {
		char *now = NULL;
		size_t len = 0;

		assert(fs_read(ctx, root, files[i], 1 << 24, 0, &now, &len, &err) == 0);
		assert(strcmp(others(ctx, words[i], name), others(ctx, now, name)) == 0);
	}
}

static void check_same(const char *want, const char *got)
{
	assert(!want || (got && strcmp(want, got) == 0));
}

static void check_put(const void *ctx, int root, const struct identity *want)
{
	struct identity_db *db = NULL;
	struct identity got;
	struct err err = ERR_INIT;
	uint32_t gid = 0;

	assert(identity_load(ctx, root, &db, &err) == 0);
	assert(identity_find(db, want->name, &got));
	assert(got.uid == want->uid && got.gid == want->gid);
	assert(identity_group_find(db, want->name, &gid) && gid == want->gid);
	check_same(want->gecos, got.gecos);
	check_same(want->home, got.home);
	check_same(want->shell, got.shell);
	check_same(want->hash, got.hash);
}

static void try_del(const void *ctx, int root, const char *name)
{
	struct identity_db *db = NULL;
	struct identity got;
	struct err err = ERR_INIT;

	assert(identity_load(ctx, root, &db, &err) == 0);
	if (identity_del(db, name, &err) < 0)
		return;
	assert(identity_stage(db, root, &err) == 0);
	assert(identity_load(ctx, root, &db, &err) == 0);
	assert(!identity_find(db, name, &got));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	const char *text = mem_dup(ctx, data, size); /* ends in NUL */
	const char *words[9] = { "", "", "", "", "", "", "", "", "" };
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open(dir, &err);
	struct identity_db *db = NULL;

	for (size_t at = 0, n = 0; n < ARRAY_LEN(words) && at <= size; n++) {
		words[n] = text + at;
		at += strlen(text + at) + 1;
	}

	const struct identity id = { .name = words[4],
				     .uid = ID,
				     .gid = ID,
				     .gecos = words[5],
				     .home = *words[6] ? words[6] : NULL,
				     .shell = *words[7] ? words[7] : NULL,
				     .hash = *words[8] ? words[8] : NULL };

	write_files(root, words);
	if (identity_load(ctx, root, &db, &err) < 0 || identity_put(db, &id, &err) < 0)
		return 0;
	assert(identity_stage(db, root, &err) == 0);
	check_put(ctx, root, &id);
	check_others(ctx, root, words, N_FILES, id.name);
	try_del(ctx, root, id.name);
	check_others(ctx, root, words, 2, id.name);
	return 0;
}
