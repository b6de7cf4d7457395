#include "reconciler/verbs.h"

const struct verbs verbs_real = {
	.validate = checkns_run,
	.reload = service_reload,
	.pid = service_pid,
	.site_probe = site_probe,
	.zones_open = rndc_open,
	.zones_close = rndc_freep,
	.zone_add = rndc_zone_add,
	.zone_del = rndc_zone_del,
	.zone_reload = rndc_zone_reload,
	.zone_serial = rndc_zone_serial,
	.quota_get = quota_get,
	.quota_set = quota_set,
	.logins_open = logins_open,
	.logins_close = logins_freep,
	.logins_await = logins_await,
	.logins_await_second = logins_await_second,
	.zone_is_builtin = rndc_zone_is_builtin,
};
