/*
 * Disk limits of system users, by the quotas of the kernel.
 *
 * A limit holds on the file system that a folder lies on, for all that the user
 * owns there: quotactl_fd(2), Linux 5.14, asks by the folder itself, so no
 * device is searched for. ext4 and XFS take the same calls. Hard and soft limit
 * are always the same, so nothing depends on a grace time. Limits on the
 * number of files are the administrator's: they are neither read nor written.
 * Where no quotas are kept that is no error: quota_get() says so and why. In a
 * sandbox (a root other than "/") user ids are not this machine's, and no limit
 * is ever read or set.
 */
#ifndef RECONCILER_QUOTA_H
#define RECONCILER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A place whose file system is meant. */
struct quota_at {
	const char *root_path; /* "/" or the folder of a sandbox */
	int root;              /* descriptor of it */
	const char *folder;    /* or, while it is not there, the nearest above it that is */
};

struct quota {
	const char *off;             /* why no limits are kept here, for people; NULL: they are */
	uint64_t hard_kib, soft_kib; /* 0: unlimited */
};

int quota_get(const struct quota_at *at, uint32_t uid, struct quota *ret,
	      struct err *err) must_check;
/* Limits UID to KIB; 0: no limit. */
int quota_set(const struct quota_at *at, uint32_t uid, uint64_t kib, struct err *err) must_check;

/* "1024 MiB", "1000 KiB", "unlimited"; on CTX. */
const char *quota_text(const void *ctx, uint64_t kib);
/* What such a text says; -ERR_CORRUPT for anything else. */
int quota_parse(const char *text, uint64_t *ret_kib, struct err *err) must_check;

#endif
