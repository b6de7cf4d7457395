#include <string.h>

#include "base/fault.h"
#include "base/fs.h"
#include "reconciler/act.h"

static bool is_row(const struct action *a)
{
	return a->stage == STAGE_MAP && !a->is_dropped && a->op != ACTION_RECORD &&
	       a->op != ACTION_FORGET;
}

static const char *file_of(struct plan *p, const struct action *a)
{
	return mem_strn(p->ctx, a->art.path, strcspn(a->art.path, ":"));
}

static int edit(struct map *map, const struct action *a, struct err *err)
{
	const char *key = strchr(a->art.path, ':') + 1;

	return a->op == ACTION_DELETE ? map_del(map, key, err)
				      : map_put(map, key, a->art.data, err);
}

static int write_map(struct plan *p, const char *file, struct err *err)
{
	const char *folder = mem_strn(p->ctx, file, (size_t)(strrchr(file, '/') - file));
	cleanup_(map_closep) struct map *map = NULL;
	struct open_map *reading = strmap_find(&p->maps, file);
	int r = fs_mkdirs(p->e->root, folder, 0755, err);

	if (reading) { /* one opening of a map a process: LMDB's rule */
		map_close(reading->map);
		reading->map = NULL;
	}
	if (r >= 0)
		r = map_open(p->ctx, p->e->root, file, MAP_CREATE, &map, err);
	if (r >= 0)
		r = map_begin(map, err);
	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct err e = ERR_INIT;

		if (!is_row(&p->v[i]) || strcmp(file_of(p, &p->v[i]), file) != 0)
			continue;
		if (edit(map, &p->v[i], &e) < 0)
			act_failed(p, &p->v[i], &e);
	}
	if (r >= 0 && fault_point("map"))
		r = err_sys(err, "write %s", file);
	if (r >= 0)
		r = map_commit(map, err);
	(void)fault_point("map written");
	return r;
}

int act_maps(struct plan *p, struct err *err)
{
	struct strmap files = STRMAP_ON(p->ctx);

	(void)err;
	for (size_t i = 0; i < p->n; i++) {
		if (is_row(&p->v[i]))
			(void)strmap_slot(&files, file_of(p, &p->v[i]));
	}
	for (size_t f = 0; f < files.n; f++) {
		const char *file = files.entries[f].key;
		struct err e = ERR_INIT;
		int r = write_map(p, file, &e);

		for (size_t i = 0; i < p->n; i++) {
			struct action *a = &p->v[i];

			if (!is_row(a) || strcmp(file_of(p, a), file) != 0)
				continue;
			if (r < 0)
				act_failed(p, a, &e);
			else
				a->is_done = true;
		}
	}
	return 0;
}
