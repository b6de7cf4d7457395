/*
 * Observing disk limits: path is the folder whose file system they hold on, owner whom they bind.
 * Where no quotas are kept nothing is planned, and that is nobody's failure.
 */
#include <string.h>

#include "reconciler/provider.h"

/*
 * A number that another user has by now is his: the limit on it may be too. That can only be when
 * quotas were off while the account went, for else its limit went with it.
 */
static bool is_of_another(struct plan *p, const struct owned *old)
{
	struct identity is;
	struct owned *o;
	struct err ignored = ERR_INIT;

	return p->identities && identity_find_uid(p->identities, (uint32_t)old->serial, &is) &&
	       strcmp(is.name, old->owner) != 0 &&
	       owned_get(p->tmp, p->e->db, ARTIFACT_QUOTA, is.home, &o, &ignored) >= 0;
}

static int quota_gone(struct plan *p, const struct owned *old, const struct quota *now,
		      struct err *err)
{
	struct action *a;
	int r = p->identities ? 0 : identity_load(p->ctx, p->e->root, &p->identities, err);

	if (r < 0)
		return r;
	if (!now->hard_kib && !now->soft_kib) {
		(void)plan_add(p, ACTION_FORGET, STAGE_QUOTA, NULL, old, "gone already");
		return 0;
	}
	if (is_of_another(p, old)) {
		(void)plan_add(p, ACTION_FORGET, STAGE_QUOTA, NULL, old, "no longer ours");
		return 0;
	}
	a = plan_add(p, ACTION_DELETE, STAGE_QUOTA, NULL, old, "no longer wanted");
	a->serial = old->serial;
	a->before = quota_text(p->ctx, now->hard_kib);
	a->before_len = strlen(a->before);
	return 0;
}

static int quota_differs(struct plan *p, const struct artifact *want, const struct owned *old,
			 const struct quota *now, struct err *err)
{
	bool is_drift = provider_is_unasked(want, old);
	int r = provider_reported(p, want, old, "was edited", err);
	struct action *a;

	if (r < 0)
		return r;
	a = plan_add(p, now->hard_kib ? ACTION_UPDATE : ACTION_CREATE, STAGE_QUOTA, want, old,
		     is_drift ? "edited outside"
		     : old    ? "changed"
			      : "new");
	a->before = now->hard_kib ? quota_text(p->ctx, now->hard_kib) : NULL;
	a->before_len = a->before ? strlen(a->before) : 0;
	a->is_drift = is_drift;
	return 0;
}

int provider_quota(struct plan *p, const struct artifact *want, const struct owned *old,
		   struct err *err)
{
	struct quota_at at = { .root_path = p->e->root_path,
			       .root = p->e->root,
			       .folder = want ? want->path : old->path };
	uid_t uid = old ? (uid_t)old->serial : 0;
	struct quota now = { .off = NULL };
	uint64_t kib = 0;
	int r = want ? plan_uid(p, want->owner, &uid, err) : 0;

	if (r >= 0 && want)
		r = quota_parse(want->data, &kib, err);
	if (r >= 0)
		r = p->e->verbs->quota_get(&at, uid, &now, err);
	if (r < 0 ||
	    now.off) /* what was set, and cannot be taken back now, stays in the manifest */
		return r;
	if (!want)
		return quota_gone(p, old, &now, err);
	if (now.hard_kib != kib || now.soft_kib != kib)
		r = quota_differs(p, want, old, &now, err);
	else if (!old || !digest_eq(&old->digest, &want->digest) || old->serial != (int64_t)uid)
		(void)plan_add(p, ACTION_RECORD, STAGE_QUOTA, want, old, "as wanted already");
	else
		return 0;
	if (r >= 0)
		p->v[p->n - 1].serial = uid;
	return r;
}
