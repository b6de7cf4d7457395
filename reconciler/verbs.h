/*
 * The calls by which a pass leaves our own files: validators, daemons, the
 * name server, the kernel's quotas. An engine has one table of them; engine_open() gives it the
 * real one. Scenarios put a table in its place whose daemons only remember, so
 * that the same plan is carried out by the same code with no daemon there.
 * Each member promises what the function it is named after promises.
 */
#ifndef RECONCILER_VERBS_H
#define RECONCILER_VERBS_H

#include "reconciler/checkns.h"
#include "reconciler/logins.h"
#include "reconciler/quota.h"
#include "reconciler/rndc.h"
#include "reconciler/service.h"
#include "reconciler/site_probe.h"

struct verbs {
	int (*validate)(const void *ctx, const struct checkns *ns, const char *const *argv,
			struct proc_result *ret, struct err *err); /* checkns_run */
	int (*reload)(const void *ctx, const struct service_at *at, const struct service *svc,
		      struct err *err); /* service_reload */
	int (*site_probe)(const struct service_at *at, const char *host, int timeout_ms,
			  struct err *err); /* site_probe */
	int (*pid)(const struct service_at *at, const struct service *svc, pid_t *ret,
		   struct err *err); /* service_pid */
	int (*zones_open)(const void *ctx, const struct rndc_at *at, struct rndc **ret,
			  struct err *err);   /* rndc_open */
	void (*zones_close)(struct rndc **r); /* rndc_freep */
	int (*zone_add)(struct rndc *r, const char *zone, const char *config, struct err *err);
	int (*zone_del)(struct rndc *r, const char *zone, struct err *err);
	int (*zone_reload)(struct rndc *r, const char *zone, struct err *err);
	int (*zone_serial)(struct rndc *r, const char *zone, uint32_t *ret, struct err *err);
	int (*quota_get)(const struct quota_at *at, uint32_t uid, struct quota *ret,
			 struct err *err);
	int (*quota_set)(const struct quota_at *at, uint32_t uid, uint64_t kib, struct err *err);
	int (*logins_open)(const void *ctx, const struct logins_at *at, struct logins **ret,
			   struct err *err);     /* logins_open */
	void (*logins_close)(struct logins **d); /* logins_freep */
	int (*logins_await)(struct logins *d, const char *user, const char *version,
			    struct err *err);                      /* logins_await */
	void (*logins_await_second)(const struct timespec *since); /* logins_await_second */
	int (*zone_is_builtin)(struct rndc *r, const char *zone, bool *ret, struct err *err);
};

extern const struct verbs verbs_real;

#endif
