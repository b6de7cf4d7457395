#include "api/serve.h"

#include <time.h>

#include "api/api.h"
#include "base/log.h"

enum {
	LOOK_S = 60,
	DAY = 24 * 60 * 60,
};

/* For new connections; what is open keeps what it has. */
static void take_certificate(struct api *api, struct server_cert *c)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "certificate");
	const char *cert = NULL;
	const char *key = NULL;
	struct err err = ERR_INIT;
	int r = server_cert_load(ctx, c, &cert, &key, &err);

	if (r >= 0)
		r = http_certificate(api->http, cert, key, &err);
	if (r < 0)
		log_error("%s; the old one stays", err.msg);
	else
		log_info("certificate %s is in use", c->path);
}

/* Somebody's own certificate is somebody's to renew. */
static void warn_of_end(const struct server_cert *c, int64_t now, int64_t *warned)
{
	int64_t days = (c->ends - now) / DAY;

	if (c->is_own || days >= SERVER_CERT_WARN_DAYS || now - *warned < DAY)
		return;
	*warned = now;
	log_warn("certificate %s ends in %lld days; put a newer one in its place", c->path,
		 (long long)MAX(days, 0));
}

void serve(struct api *api, struct server_cert *c, const sigset_t *signals)
{
	const struct timespec tick = { .tv_sec = LOOK_S };
	int64_t warned = 0;

	for (;;) {
		int sig = sigtimedwait(signals, NULL, &tick);
		int64_t now = (int64_t)time(NULL);

		if (sig == SIGTERM || sig == SIGINT)
			return;
		if (sig == SIGHUP || server_cert_is_due(c, now))
			take_certificate(api, c);
		warn_of_end(c, now, &warned);
	}
}
