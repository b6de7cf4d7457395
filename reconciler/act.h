/*
 * Acting: the calls that change the machine, one file a type of artifact.
 * Only execute.c uses them.
 */
#ifndef RECONCILER_ACT_H
#define RECONCILER_ACT_H

#include "reconciler/execute.h"

/* File systems that were written to, for one syncfs each. */
struct syncset {
	int64_t dev[16];
	int fd[16];
	size_t n;
};

void syncset_add(struct syncset *s, int dir_fd);
int syncset_flush(struct syncset *s, struct err *err) must_check;
void syncset_done(struct syncset *s);

/* FILE, BLOCK: write the new content beside the place; RET_TEMP is its path. */
int act_file_stage(struct plan *p, struct action *a, struct syncset *sync,
		   struct err *err) must_check;
/* FILE, BLOCK, LINK: rename, unlink, symlink. */
int act_file_activate(struct plan *p, struct action *a, struct syncset *sync,
		      struct err *err) must_check;
/* Removes folders of ours above PATH that have become empty and are nothing in their own right. */
void act_prune(struct plan *p, const char *path);
const char *act_temp_path(const void *ctx, const char *path);

int act_dir(struct plan *p, struct action *a, struct err *err) must_check;
/* Ends every process of UID that runs on this machine (has its root). */
int act_end_processes(struct plan *p, int64_t uid, struct err *err) must_check;
/* Removes the empty folders that stood above data which is gone. */
void act_trash_prune(struct plan *p, const char *origin);
/* Moves A's data into the trash of its file system, recorded under the account's name. */
int act_trash(struct plan *p, struct action *a, const char *account, int64_t uid,
	      struct err *err) must_check;

/* All disk limits. */
void act_quotas(struct plan *p);
/* All row actions of the plan, a transaction a map. */
int act_maps(struct plan *p, struct err *err) must_check;
/* Below arpa, where named may have an empty zone of its own. */
bool zone_is_reverse(const char *zone);
/* All zone actions and reloads of changed zone files, over one connection. */
int act_zones(struct plan *p, struct err *err) must_check;
/* Returns when Dovecot answers from all changed files of logins, or each that it does not is told. */
int act_logins(struct plan *p, struct err *err) must_check;

void act_failed(struct plan *p, struct action *a, const struct err *err);

#endif
