/*
 * What the recording daemons of a machine know, for its listing. They fail
 * where a file beneath /run/scenario with the service's name says so: "down"
 * (it does not run), "refuse" (it does not take its configuration) or, for
 * Dovecot, "stale" (it goes on with the logins it had). Quotas are kept where
 * the folder /run/scenario/quota is, a file a user id with its limit in KiB;
 * one named "off" turns them off and forgets nothing.
 */
#ifndef SCENARIOS_RECORDING_H
#define SCENARIOS_RECORDING_H

#include <stdint.h>

#include "base/mem.h"

#define RECORDING "/run/scenario"

/* What SERVICE runs: "as written", "STALE" when something newer lies there, NULL: never loaded. */
const char *recording_runs(const void *ctx, int root, const char *service);
/* The kernel of the machine has quotas from now on. */
void recording_quotas_on(int root);
/* The limit of UID in KiB; 0: none. */
uint64_t recording_quota(int root, const char *uid);
/* Sorted names in the folder PATH, none when there is no such folder. */
struct ptrs folder_list(const void *ctx, int root, const char *path);

#endif
