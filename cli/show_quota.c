/* Whether disk limits hold: no account fails without quotas, so it is told here, to who asks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strmap.h"
#include "cli/cli.h"

/* How quotas are turned on: it takes a mount, which is the administrator's. */
#define HOW_TO                                                                                   \
	"    ext4: tune2fs -O quota DEVICE (not mounted), then mount with usrquota; XFS: mount " \
	"with uquota\n"

/* The limit of an account's package in KiB; 0: none. */
static int limit_of(struct cli *c, const struct account *a, uint64_t *ret, struct err *err)
{
	struct package *p;
	int r;

	*ret = 0;
	if (!a->package)
		return 0;
	r = store_get(c->ctx, c->e->store, &kind_package, a->package, &p, err);
	if (r >= 0 && p->disk_mb > 0)
		*ret = (uint64_t)p->disk_mb * 1024;
	return r < 0 ? r : 0;
}

static int ask(struct cli *c, const char *folder, struct quota *ret, struct err *err)
{
	struct quota_at at = { .root_path = c->e->root_path, .root = c->e->root, .folder = folder };

	return c->e->verbs->quota_get(&at, 0, ret, err);
}

int cli_show_quota_of(struct cli *c, const struct account *a, struct err *err)
{
	uint64_t kib;
	struct quota q;
	int r = limit_of(c, a, &kib, err);

	if (r < 0 || kib == 0)
		return r;
	r = ask(c, account_home(c->ctx, a), &q, err);
	if (r >= 0 && q.off)
		(void)printf("    its disk limit of %s is not enforced: %s (see novacpx doctor)\n",
			     quota_text(c->ctx, kib), q.off);
	return r;
}

/* Folders in which homes of limited accounts lie; how many stands for the value. */
static int count_limited(struct cli *c, struct strmap *folders, struct err *err)
{
	cleanup_(mem_freep) struct cursor *cur = NULL;
	struct account *a;
	int r = cursor_open(c->ctx, c->e->store, &kind_account, NULL, NULL, &cur, err);

	while (r >= 0 && (r = cursor_next(c->ctx, cur, &a, err)) > 0) {
		const char *home = account_home(c->ctx, a);
		uint64_t kib;
		void **slot;

		r = limit_of(c, a, &kib, err);
		if (r < 0 || kib == 0)
			continue;
		slot = strmap_slot(folders,
				   mem_strn(c->ctx, home, (size_t)(strrchr(home, '/') - home)));
		*slot = (void *)((uintptr_t)*slot + 1); /* NOLINT(performance-no-int-to-ptr) */
	}
	return r;
}

int cli_show_quotas(struct cli *c, struct err *err)
{
	struct strmap folders = STRMAP_ON(c->ctx);
	bool any_off = false;
	int r = count_limited(c, &folders, err);

	if (r >= 0 && folders.n == 0)
		(void)printf("%-12s no account has a disk limit\n", "quota");
	for (size_t i = 0; i < folders.n && r >= 0; i++) {
		const char *folder = folders.entries[i].key;
		struct quota q;

		r = ask(c, folder, &q, err);
		if (r < 0)
			break;
		(void)printf("%-12s %s: disk limits of %zu accounts are %s%s\n", "quota", folder,
			     (size_t)(uintptr_t)folders.entries[i].value,
			     q.off ? "NOT enforced: " : "enforced", q.off ? q.off : "");
		any_off = any_off || q.off;
	}
	if (any_off && strcmp(c->e->root_path, "/") == 0)
		(void)fputs(HOW_TO, stdout);
	return r;
}
