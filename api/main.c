/* novacpx-api: the HTTP face, which writes desired state and never touches the machine. */
#include <signal.h>
#include <string.h>

#include "api/config.h"
#include "api/confine.h"
#include "api/serve.h"
#include "base/log.h"
#include "base/mem.h"

/* The folder of PATH; "." is never meant. */
static const char *folder_of(const void *ctx, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash != path ? mem_strn(ctx, path, (size_t)(slash - path)) : path;
}

/* Before the first thread, which the rules for files would not reach. */
static int give_up_rights(const void *ctx, const struct config *c, struct err *err)
{
	const struct confine_path paths[] = {
		{ c->state, true },
		{ folder_of(ctx, c->api.access_log), true },
		{ folder_of(ctx, c->cert.path), false },
		{ folder_of(ctx, c->cert.key_path), false },
		{ c->api.engine, false },
	};
	int r = confine_user(c->root, "novacpx", err);

	if (r >= 0)
		r = confine_files(paths, ARRAY_LEN(paths), err);
	if (r == 0)
		log_info("the kernel has no Landlock: files are kept by their owners and modes");
	return r;
}

static int start(const void *ctx, struct config *c, struct api **ret, struct err *err)
{
	int r = config_sockets(c, err);

	if (r >= 0 && c->is_confined)
		r = give_up_rights(ctx, c, err);
	if (r >= 0)
		r = server_cert_load(ctx, &c->cert, &c->api.http.cert_pem, &c->api.http.key_pem,
				     err);
	if (r >= 0)
		r = api_start(ctx, &c->api, ret, err);
	if (r >= 0 && c->is_confined)
		r = confine_syscalls(err);
	return r;
}

int main(int argc, char **argv)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "novacpx-api");
	struct api *api = NULL;
	struct err err = ERR_INIT;
	struct config config;
	sigset_t signals;
	int r;

	config_parse(ctx, argc, argv, &config);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	/* before any thread is made: only serve() hears them */
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return 1;
	r = start(ctx, &config, &api, &err);
	if (r >= 0) {
		for (size_t i = 0; i < config.api.http.n_ports; i++)
			log_info("%s on port %u",
				 config.api.http.ports[i].is_tls ? "HTTPS" : "HTTP",
				 http_port_of(api->http, i));
		serve(api, &config.cert, &signals);
	}
	api_stop(&api);
	if (r < 0)
		log_error("novacpx-api: %s", err.msg);
	return r < 0;
}
