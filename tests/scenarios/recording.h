/*
 * What the recording daemons of a machine know, for its listing. They fail
 * where a file beneath /run/scenario with the service's name says so: "down"
 * (it does not run), "refuse" (it does not take its configuration) or, for
 * Dovecot, "stale" (it goes on with the logins it had).
 */
#ifndef SCENARIOS_RECORDING_H
#define SCENARIOS_RECORDING_H

#include "base/mem.h"

#define RECORDING "/run/scenario"

/* What SERVICE runs: "as written", "STALE" when something newer lies there, NULL: never loaded. */
const char *recording_runs(const void *ctx, int root, const char *service);
/* Sorted names in the folder PATH, none when there is no such folder. */
struct ptrs folder_list(const void *ctx, int root, const char *path);

#endif
