/* novacpx-api: the HTTP face, which writes desired state and never touches the machine. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

#include "api/config.h"
#include "api/confine.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	CONNECTIONS = 8192, /* the server's default */
	FDS_BESIDES = 512,
};

/* Serves until it is told to end; HUP reads the certificate again. */
static int serve(const void *ctx, struct config *c, struct api *api, const sigset_t *signals)
{
	int sig;

	while (sigwait(signals, &sig) == 0 && sig == SIGHUP) {
		struct err err = ERR_INIT;
		int r = config_certificate(ctx, c, &err);

		if (r >= 0)
			r = http_certificate(api->http, c->api.http.cert_pem, c->api.http.key_pem,
					     &err);
		if (r < 0)
			log_error("%s; the old one stays", err.msg);
	}
	return 0;
}

/* A descriptor a connection, and what the rest of the program needs. */
static void raise_limit(const struct http_opts *http)
{
	rlim_t wanted = (http->connections ? http->connections : CONNECTIONS) + FDS_BESIDES;
	struct rlimit fds;

	if (getrlimit(RLIMIT_NOFILE, &fds) < 0 || fds.rlim_cur >= wanted)
		return;
	/* root may raise the hard limit too */
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, MAX(fds.rlim_max, wanted) }) == 0)
		return;
	fds.rlim_cur = MIN(fds.rlim_max, wanted);
	if (setrlimit(RLIMIT_NOFILE, &fds) < 0 || fds.rlim_cur < wanted)
		log_warn("%ju descriptors may be open, %ju are needed for all connections: fewer "
			 "clients are served at once; raise the limit of open files (LimitNOFILE=)",
			 (uintmax_t)fds.rlim_cur, (uintmax_t)wanted);
}

static int start(const void *ctx, struct config *c, struct api **ret, struct err *err)
{
	int r = config_sockets(c, err);

	raise_limit(&c->api.http);
	if (r >= 0 && c->is_confined)
		r = config_confine(ctx, c, err);
	if (r >= 0)
		r = config_certificate(ctx, c, err);
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
		r = serve(ctx, &config, api, &signals);
	}
	api_stop(&api);
	if (r < 0)
		log_error("novacpx-api: %s", err.msg);
	return r < 0;
}
