/*
 * Disk limits. One that goes is cleared while its user id is still known, and
 * not at all when this plan gives the id a limit: they are the same place.
 */
#include <inttypes.h>

#include "base/fault.h"
#include "reconciler/act.h"

static bool is_quota(const struct action *a)
{
	return a->stage == STAGE_QUOTA && !a->is_dropped;
}

static bool is_live(const struct action *a)
{
	return is_quota(a) && a->op != ACTION_RECORD && a->op != ACTION_FORGET;
}

static const char *uid_name(struct plan *p, const struct action *a)
{
	return mem_fmt(p->ctx, "%" PRId64, a->serial);
}

static void find_limited(struct plan *p, struct strmap *limited)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (is_quota(a) && a->op != ACTION_DELETE && a->op != ACTION_FORGET)
			*strmap_slot(limited, uid_name(p, a)) = p;
	}
}

static int set_one(struct plan *p, const struct action *a, struct err *err)
{
	struct quota_at at = { .root_path = p->e->root_path,
			       .root = p->e->root,
			       .folder = a->art.path };
	uint64_t kib = 0;
	int r = a->op == ACTION_DELETE ? 0 : quota_parse(a->art.data, &kib, err);

	if (r >= 0 && fault_point("quota"))
		r = err_sys(err, "set the quota of %s", a->art.owner);
	return r < 0 ? r : p->e->verbs->quota_set(&at, (uint32_t)a->serial, kib, err);
}

void act_quotas(struct plan *p)
{
	struct strmap limited = STRMAP_ON(p->ctx);

	find_limited(p, &limited);
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;
		bool is_taken;

		if (!is_live(a))
			continue;
		is_taken = a->op == ACTION_DELETE && strmap_find(&limited, uid_name(p, a));
		if (!is_taken && set_one(p, a, &e) < 0)
			act_failed(p, a, &e);
		else
			a->is_done = true;
	}
	(void)fault_point("quotas set");
}
