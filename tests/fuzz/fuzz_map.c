/*
 * Rows of a Postfix table: what map_put() takes is in the file for the next reader, once, and nothing else.
 * DATA split at NUL: key, value, key, value, …; an empty value deletes.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "reconciler/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void clean_up(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/t.lmdb", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)snprintf(dir, sizeof(dir), "%s/fuzz-map-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(dir) || atexit(clean_up) != 0)
		abort();
	return 0;
}

/* Only what map_put() took is expected; the model keeps "" for what was deleted. */
static void put_words(struct map *map, const char *text, size_t size, struct strmap *want)
{
	struct err err = ERR_INIT;

	for (size_t at = 0, n = 0; at <= size && n < 16; n++) {
		const char *key = text + at;

		at += strlen(key) + 1;

		const char *value = at <= size ? text + at : "";

		at += strlen(value) + 1;

		int r = *value ? map_put(map, key, value, &err) : map_del(map, key, &err);

		if (r < 0)
			assert(r == -ERR_INVALID || r == -ERR_TOOBIG);
		else
			*strmap_slot(want, key) = mem_str(want->ctx, value);
	}
}

static int check_entry(const char *key, const char *value, void *arg, struct err *err)
{
	const char *expected = strmap_find(arg, key);

	(void)err;
	assert(expected && *expected && strcmp(expected, value) == 0);
	return 0;
}

static void check_file(const void *ctx, int root, struct strmap *want)
{
	cleanup_(map_closep) struct map *map = NULL;
	struct err err = ERR_INIT;

	assert(map_open(ctx, root, "/t.lmdb", 0, &map, &err) == 0);
	assert(map_foreach(map, check_entry, want, &err) == 0);
	for (size_t i = 0; i < want->n; i++) {
		char *value = NULL;
		int r = map_get(ctx, map, want->entries[i].key, &value, &err);

		if (*(const char *)want->entries[i].value)
			assert(r == 0 && strcmp(value, want->entries[i].value) == 0);
		else
			assert(r == -ERR_NOTFOUND);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fuzz");
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open(dir, &err);
	struct strmap want = STRMAP_ON(ctx);
	struct map *map = NULL;

	(void)unlinkat(root, "t.lmdb", 0);
	assert(map_open(ctx, root, "/t.lmdb", MAP_CREATE, &map, &err) == 0);
	assert(map_begin(map, &err) == 0);
	put_words(map, mem_dup(ctx, data, size), size, &want);
	assert(map_commit(map, &err) >= 0);
	map_close(map);
	check_file(ctx, root, &want);
	return 0;
}
