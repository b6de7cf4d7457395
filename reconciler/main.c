/* novacpxd: keeps this machine, or the sandbox below a folder, as it is wanted. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "reconciler/daemon.h"

#ifndef NOVACPX_VERSION
#	define NOVACPX_VERSION "0.1"
#endif

static const char usage[] =
	"novacpxd [OPTION]...: keeps this machine as it is wanted\n"
	"  --root DIR       the machine is the folder DIR (a sandbox)\n"
	"  --socket PATH    where it listens, beneath the root (" DAEMON_SOCKET ")\n"
	"  --sweep SECONDS  compares everything that often (3600)\n"
	"  --watches N      folders to watch for edits at most (60000)\n"
	"  --once           one full pass in the foreground, then ends: 0 all is as wanted,\n"
	"                   5 something is not, 3 a guard stopped it, 1 error\n"
	"  --verbose        says more\n"
	"  --version, --help\n";

struct args {
	struct daemon_opts opts;
	bool once;
};

/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */

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

static void parse(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "sweep", required_argument, NULL, 'w' },
		{ "watches", required_argument, NULL, 'n' },
		{ "once", no_argument, NULL, 'o' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'r': a->opts.root = optarg; break;
		case 's': a->opts.socket = optarg; break;
		case 'w': a->opts.sweep_s = number("sweep", optarg, 1, 30 * INT64_C(86400)); break;
		case 'n': a->opts.watches = (size_t)number("watches", optarg, 0, 10000000); break;
		case 'o': a->once = true; break;
		case 'v': log_set_level(LOG_LEVEL_DEBUG); break;
		case 'V': (void)puts("novacpxd " NOVACPX_VERSION); exit(0);
		case 'h': (void)fputs(usage, stdout); exit(0);
		default: (void)fputs(usage, stderr); exit(1);
		}
	}
	if (optind < argc) {
		log_error("%s: novacpxd takes options only", argv[optind]);
		exit(1);
	}
}

/* NOLINTEND(concurrency-mt-unsafe) */

/* nginx -t opens the logs of every site, and our children take the limit from us. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_warn("the limit of open files could not be raised");
}

int main(int argc, char **argv)
{
	struct args a = { .opts = { .root = "/",
				    .socket = DAEMON_SOCKET,
				    .sweep_s = DAEMON_SWEEP_S,
				    .watches = DAEMON_WATCHES } };
	struct err err = ERR_INIT;
	int r;

	parse(argc, argv, &a);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	raise_limits();
	r = a.once ? daemon_once(&a.opts, &err) : daemon_run(&a.opts, &err);
	if (r < 0) {
		log_error("novacpxd: %s", err.msg);
		return r == -ERR_GUARD ? 3 : 1;
	}
	return r > 0 ? 5 : 0;
}
