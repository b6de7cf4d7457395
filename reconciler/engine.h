/*
 * The engine: one machine (or sandbox folder), its databases, its history.
 *
 * One process at a time may converge a machine: engine_lock() says who. The
 * clock is read once a pass, here and nowhere else in the reconciler.
 */
#ifndef RECONCILER_ENGINE_H
#define RECONCILER_ENGINE_H

#include "reconciler/engine_state.h"
#include "reconciler/memdir.h"
#include "reconciler/service.h"
#include "reconciler/verbs.h"
#include "state/history.h"

struct engine {
	const char *root_path; /* "/" or the folder of a sandbox */
	int root;
	struct store *store;
	struct sql *db; /* engine.db */
	const char *history_path;
	struct history *history; /* NULL until engine_history() */
	int lock;
	struct memdir scratch; /* engine_open_dry: holds databases and history in memory */
	struct service_at at;
	const struct verbs *verbs; /* verbs_real, but in scenarios */
};

/* Opens (and makes, below ROOT_PATH) the databases. Closed with CTX. */
int engine_open(const void *ctx, const char *root_path, struct engine **ret,
		struct err *err) must_check;
/*
 * The same for a dry run. On a machine that has no databases yet they are made in memory and gone
 * with CTX: looking at what would be done leaves nothing behind.
 */
int engine_open_dry(const void *ctx, const char *root_path, struct engine **ret,
		    struct err *err) must_check;
/* The history, opened (made, checked) when first asked for: most commands never look into it. */
int engine_history(struct engine *e, struct history **ret, struct err *err) must_check;
/* ERR_BUSY while another process converges this machine. */
int engine_lock(struct engine *e, int wait_ms, struct err *err) must_check;
void engine_unlock(struct engine *e);
int64_t engine_now(void);
/* The key for digests of secrets; made once, 0600. On CTX. */
int engine_node_key(const void *ctx, struct engine *e, char **ret, size_t *ret_len,
		    struct err *err) must_check;

#endif
