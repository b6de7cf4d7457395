#include "reconciler/service.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

/* "*" stands for the version in the row of php-fpm. */
static const struct service rows[] = {
	{
		.name = "nginx",
		.unit = "nginx.service",
		.program = "/usr/sbin/nginx",
		.comm = "nginx",
		.pid_file = "/run/nginx.pid",
		.check_argv = { "/usr/sbin/nginx", "-t", "-q" },
		.start_argv = { "/usr/sbin/nginx" },
		.control = SERVICE_SIGNAL,
		.reload_signal = SIGHUP,
		.proof = SERVICE_PROOF_CHILDREN,
		.survives_bad_reload = true,
		/* -t opens logs and makes its temporary folders and the pid file */
		.scratch = { { "/run", CHECKNS_FILES },
			     { "/var/log", CHECKNS_FOLDERS },
			     { "/var/lib/nginx", CHECKNS_FOLDERS },
			     { "/tmp", CHECKNS_EMPTY } },
	},
	{
		.name = "php*-fpm",
		.unit = "php*-fpm.service",
		.program = "/usr/sbin/php-fpm*",
		.comm = "php-fpm*",
		.pid_file = "/run/php/php*-fpm.pid",
		.check_argv = { "/usr/sbin/php-fpm*", "-t" },
		.start_argv = { "/usr/sbin/php-fpm*", "-D" },
		.control = SERVICE_SIGNAL,
		.reload_signal = SIGUSR2,
		.proof = SERVICE_PROOF_PID_FILE,
		.scratch = { { "/run", CHECKNS_FOLDERS },
			     { "/var/log", CHECKNS_FOLDERS },
			     { "/tmp", CHECKNS_EMPTY } },
	},
	{
		.name = "bind",
		.unit = "named.service",
		.program = "/usr/sbin/named",
		.comm = "named",
		.pid_file = "/run/named/named.pid",
		.run_user = "bind",
		/* not -z: it reads all zones, each of which was checked when it was staged */
		.check_argv = { "/usr/bin/named-checkconf" },
		.start_argv = { "/usr/sbin/named", "-u", "bind", "-c", "/etc/bind/named.conf" },
		.control = SERVICE_RNDC,
		.survives_bad_reload = true,
		.scratch = { { "/run", CHECKNS_FOLDERS }, { "/tmp", CHECKNS_EMPTY } },
	},
	{
		.name = "postfix",
		.unit = "postfix@-.service",
		.program = "/usr/sbin/postfix",
		.comm = "master",
		.pid_file = "/var/spool/postfix/pid/master.pid",
		.check_argv = { "/usr/sbin/postfix", "check" },
		.start_argv = { "/usr/sbin/postfix", "start" },
		.reload_argv = { "/usr/sbin/postfix", "reload" },
		.control = SERVICE_COMMAND,
		.survives_bad_reload = true,
		.scratch = { { "/run", CHECKNS_FOLDERS },
			     { "/var/log", CHECKNS_FOLDERS },
			     { "/var/spool/postfix", CHECKNS_FOLDERS },
			     { "/var/lib/postfix", CHECKNS_FILES },
			     { "/tmp", CHECKNS_EMPTY } },
	},
	{
		.name = "dovecot",
		.unit = "dovecot.service",
		.program = "/usr/sbin/dovecot",
		.comm = "dovecot",
		.pid_file = "/run/dovecot/master.pid",
		.check_argv = { "/usr/bin/doveconf", "-n" },
		.start_argv = { "/usr/sbin/dovecot" },
		.reload_argv = { "/usr/bin/doveadm", "reload" },
		.control = SERVICE_COMMAND,
		.survives_bad_reload = true,
		.scratch = { { "/run", CHECKNS_FOLDERS }, { "/tmp", CHECKNS_EMPTY } },
	},
	{
		.name = "cron",
		.unit = "cron.service",
		.program = "/usr/sbin/cron",
		.comm = "cron",
		.pid_file = "/run/crond.pid",
		.start_argv = { "/usr/sbin/cron" },
		.control = SERVICE_NONE,
		.survives_bad_reload = true,
	},
};

/* The version when NAME fits PATTERN: 8.2 of php8.2-fpm for php*-fpm; "" for an equal name; else NULL. */
static const char *match(const void *ctx, const char *pattern, const char *name)
{
	const char *star = strchr(pattern, '*');
	const char *version = name + (star ? star - pattern : 0);
	size_t len;
	size_t major;

	if (!star)
		return strcmp(pattern, name) == 0 ? "" : NULL;
	if (strncmp(pattern, name, (size_t)(star - pattern)) != 0)
		return NULL;
	len = strspn(version, "0123456789.");
	major = strcspn(version, ".");
	if (strcmp(version + len, star + 1) != 0 || len > 5 || major == 0 || major + 1 >= len ||
	    memchr(version + major + 1, '.', len - major - 1))
		return NULL;
	return mem_strn(ctx, version, len);
}

static const char *fill(const void *ctx, const char *text, const char *version)
{
	const char *star = text ? strchr(text, '*') : NULL;

	return star ? mem_fmt(ctx, "%.*s%s%s", (int)(star - text), text, version, star + 1) : text;
}

static const struct service *make(const void *ctx, const struct service *row, const char *version)
{
	struct service *s = mem_dup(ctx, row, sizeof(*row));

	s->name = fill(s, s->name, version);
	s->unit = fill(s, s->unit, version);
	s->program = fill(s, s->program, version);
	s->comm = fill(s, s->comm, version);
	s->pid_file = fill(s, s->pid_file, version);
	for (size_t i = 0; i < SERVICE_ARGS; i++) {
		s->check_argv[i] = fill(s, s->check_argv[i], version);
		s->start_argv[i] = fill(s, s->start_argv[i], version);
	}
	return s;
}

int service_find(const void *ctx, const char *name, const struct service **ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *version = match(ctx, rows[i].name, name);

		if (!version)
			continue;
		*ret = make(ctx, &rows[i], version);
		return 0;
	}
	return err_set(
		err, ERR_NOTFOUND,
		"no service \"%s\"; there are nginx, phpX.Y-fpm, bind, postfix, dovecot, cron",
		name);
}

size_t service_n_scratch(const struct service *svc)
{
	size_t n = 0;

	while (n < SERVICE_SCRATCH && svc->scratch[n].dir)
		n++;
	return n;
}

bool service_is_installed(const struct service_at *at, const struct service *svc)
{
	/* a sandbox without programs of its own uses the host's */
	return fs_exists(at->root, svc->program) ||
	       (!fs_exists(at->root, "/usr") && access(svc->program, X_OK) == 0);
}
