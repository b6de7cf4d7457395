/*
 * Where the state of a machine lies, and to whom it belongs.
 *
 *   /var/lib/novacpx/model    novacpx 0700: model.db; the API writes it
 *   /var/lib/novacpx/engine   root 0700: engine.db, history.git, node.key, engine.lock
 *
 * Made when they are not there, with the user novacpx; what older versions
 * kept in /var/lib/novacpx itself is moved once. Everything here may be cut
 * short and is completed by the next call. The user novacpx is not trusted:
 * what it owns is opened with its rights only (model/sql_guard.c, ADR 18).
 */
#ifndef RECONCILER_ENGINE_STATE_H
#define RECONCILER_ENGINE_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/store.h"

#define ENGINE_STATE_DIR "/var/lib/novacpx"
#define ENGINE_DIR       ENGINE_STATE_DIR "/engine"
#define ENGINE_USER      "novacpx"

/* Whether there is a model.db, also where older versions had it. */
bool state_exists(int root);
/*
 * Makes or mends all of it beneath ROOT (BASE: its path, without "/" at the end), but for the
 * user when MAKE_USER is not given. RET_MODEL is the open folder of model.db, which is there then.
 */
int state_prepare(int root, const char *base, bool make_user, int *ret_model,
		  struct err *err) must_check;
/* Ids of the user novacpx beneath ROOT; 0 when there is no such user, or we are not root. */
int state_user(int root, uid_t *ret_uid, gid_t *ret_gid, struct err *err) must_check;

#endif
