/* sandbox init, start, stop, status */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/sandbox.h"
#include "model/settings.h"
#include "reconciler/daemon.h"
#include "reconciler/enginedb.h"

#define API "https://127.0.0.1:" SANDBOX_HTTPS_PORT "/api"

enum {
	START_MS = 30000,
	PORT_MIN = 1024,
	N_SERVICES = 6,
};

struct services {
	const struct service *v[N_SERVICES];
	size_t n;
};

/* In the order in which they are started. */
static int find_services(struct cli *c, struct services *ret, struct err *err)
{
	const char *names[N_SERVICES] = { NULL, "nginx", "bind", "dovecot", "postfix", "cron" };
	const char *php = NULL;
	int r = sandbox_setting(c, "default_php", &php, err);

	names[0] = r < 0 ? NULL : mem_fmt(c->ctx, "php%s-fpm", php);
	ret->n = 0;
	for (size_t i = 0; i < N_SERVICES && r >= 0; i++)
		r = service_find(c->ctx, names[i], &ret->v[ret->n++], err);
	return r;
}

/* The parts of the command */

static int init(struct cli *c, struct err *err)
{
	int r = sandbox_make(c->ctx, c->root_path, err);

	if (r < 0)
		return r;
	if (r == 0)
		(void)printf("%s is a sandbox already.\n", c->root_path);
	else
		(void)printf("Sandbox made in %s.\n", c->root_path);
	return EXIT_DONE;
}

/* 0, or 1 when it does not run for a reason that was printed. */
static int start_one(struct cli *c, const struct service_at *at, const struct service *svc)
{
	struct err e = ERR_INIT;
	pid_t pid = 0;

	if (!service_is_installed(at, svc)) {
		(void)printf("%-12s is not installed on this machine\n", svc->name);
		return 1;
	}
	if (service_pid(at, svc, &pid, &e) == 0) {
		(void)printf("%-12s runs already (process %d)\n", svc->name, (int)pid);
		return 0;
	}
	err_clear(&e);
	if (service_start_child(c->ctx, at, svc, &e) < 0) {
		(void)printf("%-12s CANNOT RUN HERE: %s\n", svc->name, e.msg);
		return 1;
	}
	(void)printf("%-12s started\n", svc->name);
	return 0;
}

/* A sandbox is no reason to take a usual port from the host, nor to need one. */
static int check_ports(struct cli *c, struct err *err)
{
	int64_t head = 0;
	int64_t applied = 0;
	int r = 0;

	for (size_t i = 0; i < n_settings && r >= 0; i++) {
		const char *name = settings[i].name;
		const char *value = NULL;
		size_t len = strlen(name);

		if (len < 5 || strcmp(name + len - 5, "_port") != 0)
			continue;
		r = sandbox_setting(c, name, &value, err);
		if (r >= 0 && strtol(value, NULL, 10) < PORT_MIN)
			r = err_set(err, ERR_DENIED,
				    "setting %s is %s; in a sandbox it is %d or more. "
				    "examples/sandbox has ports: apply them first",
				    name, value, PORT_MIN);
	}
	if (r >= 0)
		r = store_head(c->e->store, &head, err);
	if (r >= 0)
		r = cursor_get(c->e->db, "applied", &applied, err);
	if (r >= 0 && applied < head)
		r = err_set(err, ERR_CONFLICT,
			    "revision %lld is wanted and %lld applied, so daemons might take other "
			    "ports; first: novacpx --root %s pass",
			    (long long)head, (long long)applied, c->e->root_path);
	return r;
}

static int start(struct cli *c, struct err *err)
{
	struct service_at at = c->e->at;
	struct services s = { .n = 0 };
	int failed = 0;
	int r = check_ports(c, err);

	if (r >= 0)
		r = find_services(c, &s, err);

	at.timeout_ms = START_MS;
	for (size_t i = 0; i < s.n && r >= 0; i++)
		failed += start_one(c, &at, s.v[i]);
	if (r >= 0)
		r = sandbox_start_own(c, err);
	return r < 0 ? r : failed ? EXIT_ERROR : EXIT_DONE;
}

static int stop(struct cli *c, struct err *err)
{
	struct service_at at = c->e->at;
	struct services s = { .n = 0 };
	bool any = false;
	int r = find_services(c, &s, err);

	at.timeout_ms = START_MS;
	if (r >= 0) {
		r = sandbox_stop_own(c, err);
		any = r > 0;
	}
	for (size_t i = s.n; i > 0 && r >= 0; i--) {
		struct err e = ERR_INIT;
		pid_t pid = 0;

		if (service_pid(&at, s.v[i - 1], &pid, &e) < 0)
			continue;
		any = true;
		r = service_stop_child(&at, s.v[i - 1], err);
		if (r >= 0)
			(void)printf("%-12s stopped\n", s.v[i - 1]->name);
	}
	if (r >= 0 && !any)
		(void)puts("Nothing runs.");
	return r < 0 ? r : EXIT_DONE;
}

static void show_api(struct cli *c)
{
	const char *root = c->e->root_path;

	(void)printf("\nAPI:\n  curl -i http://127.0.0.1:" SANDBOX_HTTP_PORT "/healthz\n");
	if (!fs_exists(c->e->root, "/root/login"))
		return;
	(void)printf("  curl -ik -c %s/root/cookies --data-binary @%s/root/login " API
		     "/auth/login\n  curl -k -b %s/root/cookies " API "/accounts/list\n",
		     root, root, root);
}

static int status(struct cli *c, struct err *err)
{
	struct services s = { .n = 0 };
	struct err e = ERR_INIT;
	pid_t pid = 0;
	int r = find_services(c, &s, err);

	if (r < 0)
		return r;
	(void)printf("Sandbox %s\n", c->e->root_path);
	for (size_t i = 0; i < s.n; i++) {
		err_clear(&e);
		if (service_pid(&c->e->at, s.v[i], &pid, &e) == 0)
			(void)printf("  %-12s runs, process %d\n", s.v[i]->name, (int)pid);
		else
			(void)printf("  %-12s is stopped\n", s.v[i]->name);
	}
	sandbox_show_own(c);
	r = sandbox_show(c, err);
	if (r >= 0)
		show_api(c);
	if (r >= 0)
		(void)printf("\nLogs: %s/var/log\nStop: %s --root %s sandbox stop\n",
			     c->e->root_path, sandbox_program(c), c->e->root_path);
	return r < 0 ? r : EXIT_DONE;
}

int cmd_sandbox(struct cli *c, struct err *err)
{
	static const struct {
		const char *name;
		int (*run)(struct cli *c, struct err *err);
	} verbs[] = { { "start", start }, { "stop", stop }, { "status", status } };

	int r;

	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* a start may take a while */
	if (strcmp(c->args[0], "init") == 0)
		return init(c, err);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		cleanup_(fd_close) int root = -1;

		if (strcmp(c->args[0], verbs[i].name) != 0)
			continue;
		root = fs_root_open(c->root_path, err);
		if (root < 0)
			return root;
		if (!sandbox_is_one(root))
			return err_set(err, ERR_NOTFOUND,
				       "%s is no sandbox; make one with: novacpx --root DIR "
				       "sandbox init",
				       c->root_path);
		r = cli_open(c, err);
		return r < 0 ? r : verbs[i].run(c, err);
	}
	return err_set(err, ERR_INVALID,
		       "usage: novacpx --root DIR sandbox init|start|stop|status");
}
