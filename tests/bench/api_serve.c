#include <stdio.h>
#include <unistd.h>

#include "api/api.h"
#include "api/tls.h"
#include "base/mem.h"
#include "tests/bench/api.h"

void api_say_ready(uint16_t port, uint16_t tls_port)
{
	char c;

	(void)printf("%u %u\n", port, tls_port);
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/* As novacpx-api starts it, on ports of its own; the bench may ask as often as it can. */
static struct http_opts ports(const void *ctx)
{
	struct http_opts o = { .n_ports = 2,
			       .ports = { { .address = "127.0.0.1", .fd = -1 },
					  { .address = "127.0.0.1", .fd = -1, .is_tls = true } } };
	struct err err = ERR_INIT;

	must_do(tls_self_signed(ctx, "localhost", &o.cert_pem, &o.key_pem, &err), "certificate",
		&err);
	return o;
}

void api_run_serve(const char *dir)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "serve");
	struct err err = ERR_INIT;
	struct api_opts opts = { .model = mem_fmt(ctx, "%s/model.db", dir),
				 .db = mem_fmt(ctx, "%s/api.db", dir),
				 .engine = mem_fmt(ctx, "%s/engine.sock", dir),
				 .http = ports(ctx) };
	struct api *api;

	for (size_t i = 0; i < RATE_CLASSES; i++)
		opts.rate.limit[i] = INT64_MAX / 2;
	must_do(api_start(ctx, &opts, &api, &err), "start", &err);
	api_say_ready(http_port_of(api->http, 0), http_port_of(api->http, 1));
	api_stop(&api);
}
