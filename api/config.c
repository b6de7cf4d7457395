#include "api/config.h"

#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/confine.h"
#include "api/portal.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	FIRST_PASSED_FD = 3, /* sd_listen_fds(3) */
};

static const char usage[] =
	"novacpx-api [OPTION]...: the HTTP face of NovaCPX\n"
	"  --root DIR         the machine is the folder DIR (a sandbox)\n"
	"  --listen PORT      HTTPS on PORT, all addresses; may be given several times\n"
	"                     (8880, 8881, 8882 when none is given)\n"
	"  --http PORT        HTTP on PORT, on 127.0.0.1 alone\n"
	"  --state DIR        where model.db and api.db are, beneath the root (/var/lib/novacpx/model)\n"
	"  --engine PATH      the engine's socket, beneath the root (/run/novacpx/engine.sock)\n"
	"  --certificate FILE certificate and key, PEM (STATE/tls.pem, made when it is not there, and\n"
	"                     renewed); a file that takes its place is used within a minute\n"
	"  --key FILE         the key, when it has a file of its own\n"
	"  --host NAME        the host's name, for a certificate of its own (localhost)\n"
	"  --proxy ADDRESS    a proxy (or network) whose X-Forwarded-For is believed, beside those of the\n"
	"                     setting trusted_proxies; several times\n"
	"  --access-log FILE  failed logins, for fail2ban\n"
	"  --rate N, --login-rate N\n"
	"                     requests and logins a client may make in a minute, above the settings\n"
	"                     api_rate and api_login_rate\n"
	"  --unconfined       keeps rights and system calls (for tests)\n"
	"  --version, --help\n";

/* NOLINTBEGIN(concurrency-mt-unsafe): one thread as yet */

static int64_t number(const char *option, const char *text, int64_t min, int64_t max)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end != text && *end == '\0' && n >= min && n <= max)
		return n;
	log_error("--%s %s: a number from %lld to %lld is needed", option, text, (long long)min,
		  (long long)max);
	exit(1);
}

static void add_port(struct config *c, const char *text, bool is_tls)
{
	struct http_opts *h = &c->api.http;

	if (h->n_ports == HTTP_PORTS_MAX) {
		log_error("more than %d ports", HTTP_PORTS_MAX);
		exit(1);
	}
	h->ports[h->n_ports++] = (struct http_port){
		.port = (uint16_t)number(is_tls ? "listen" : "http", text, 0, 65535),
		.is_tls = is_tls,
		.address = is_tls ? NULL : "127.0.0.1",
		.fd = -1,
	};
}

static void add_proxy(const void *ctx, struct config *c, const char *address)
{
	const char **list = (const char **)c->api.proxies;
	size_t n = 0;

	while (list && list[n])
		n++;
	list = talloc_realloc(ctx, list, const char *, (unsigned)(n + 2));
	if (!list)
		mem_abort();
	list[n] = address;
	list[n + 1] = NULL;
	c->api.proxies = list;
}

static void take_option(const void *ctx, struct config *c, int option, const char *value)
{
	switch (option) {
	case 'r': c->root = value; break;
	case 'l': add_port(c, value, true); break;
	case 'p': add_port(c, value, false); break;
	case 's': c->state = value; break;
	case 'e': c->api.engine = value; break;
	case 'c': c->cert.path = value; break;
	case 'k': c->cert.key_path = value; break;
	case 'n': c->cert.host = value; break;
	case 'x': add_proxy(ctx, c, value); break;
	case 'a': c->api.access_log = value; break;
	case 'R': c->api.rate.limit[RATE_OTHER] = number("rate", value, 1, 1000000000); break;
	case 'L': c->api.rate.limit[RATE_LOGIN] = number("login-rate", value, 1, 1000000000); break;
	case 'u': c->is_confined = false; break;
	case 'V': (void)puts("novacpx-api " NOVACPX_VERSION); exit(0);
	case 'h': (void)fputs(usage, stdout); exit(0);
	default: (void)fputs(usage, stderr); exit(1);
	}
}

/* The files of a sandbox lie beneath its folder. */
static const char *beneath(const void *ctx, const char *root, const char *path)
{
	return strcmp(root, "/") == 0 ? path : mem_fmt(ctx, "%s%s", root, path);
}

void config_parse(const void *ctx, int argc, char **argv, struct config *ret)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "listen", required_argument, NULL, 'l' },
		{ "http", required_argument, NULL, 'p' },
		{ "state", required_argument, NULL, 's' },
		{ "engine", required_argument, NULL, 'e' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "host", required_argument, NULL, 'n' },
		{ "proxy", required_argument, NULL, 'x' },
		{ "access-log", required_argument, NULL, 'a' },
		{ "rate", required_argument, NULL, 'R' },
		{ "login-rate", required_argument, NULL, 'L' },
		{ "unconfined", no_argument, NULL, 'u' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool is_told;
	int option;

	*ret = (struct config){ .root = "/",
				.state = "/var/lib/novacpx/model",
				.cert = { .host = "localhost" },
				.is_confined = true };
	ret->api.engine = "/run/novacpx/engine.sock";
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take_option(ctx, ret, option, optarg);
	is_told = ret->api.http.n_ports > 0;
	if (optind < argc) {
		log_error("%s: novacpx-api takes options only", argv[optind]);
		exit(1);
	}
	for (size_t i = 0; i < N_PORTALS && !is_told; i++)
		add_port(ret, mem_fmt(ctx, "%d", portals[i].port), true);
	ret->state = beneath(ctx, ret->root, ret->state);
	ret->api.engine = beneath(ctx, ret->root, ret->api.engine);
	ret->api.model = mem_fmt(ctx, "%s/model.db", ret->state);
	ret->api.db = mem_fmt(ctx, "%s/api.db", ret->state);
	if (!ret->cert.path)
		ret->cert.path = mem_fmt(ctx, "%s/tls.pem", ret->state);
}

static int port_of(int fd, uint16_t *ret, struct err *err)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return err_sys(err, "look at the socket that was passed as descriptor %d", fd);
	if (at.ss_family == AF_INET)
		*ret = ntohs(((const struct sockaddr_in *)&at)->sin_port);
	else if (at.ss_family == AF_INET6)
		*ret = ntohs(((const struct sockaddr_in6 *)&at)->sin6_port);
	else
		return err_set(err, ERR_INVALID, "descriptor %d is no TCP socket", fd);
	return 0;
}

int config_sockets(struct config *c, struct err *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int n = pid && fds && strtoll(pid, NULL, 10) == getpid() ? (int)strtoll(fds, NULL, 10) : 0;
	int r = 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	if (n <= 0)
		return 0;
	if (n > HTTP_PORTS_MAX)
		return err_set(err, ERR_TOOBIG, "%d sockets were passed; at most %d are taken", n,
			       HTTP_PORTS_MAX);
	c->api.http.n_ports = 0;
	for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + n && r >= 0; fd++) {
		struct http_port *p = &c->api.http.ports[c->api.http.n_ports++];

		*p = (struct http_port){ .is_tls = true, .fd = fd };
		r = port_of(fd, &p->port, err);
	}
	return r;
}

/* NOLINTEND(concurrency-mt-unsafe) */

/* The folder of PATH; "." is never meant. */
static const char *folder_of(const void *ctx, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash != path ? mem_strn(ctx, path, (size_t)(slash - path)) : path;
}

int config_confine(const void *ctx, const struct config *c, struct err *err)
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
