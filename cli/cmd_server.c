/* trash, doctor */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "reconciler/trash_note.h"

static int trash_row(const struct trash_entry *t, void *arg, struct err *err)
{
	struct cli *c = arg;

	(void)err;
	(void)printf("%-32s %-16s %s  %s\n", t->name, t->account, cli_time(c->ctx, t->time),
		     t->path);
	return 0;
}

static int restore_apply(struct cli *c, struct intent *i, struct revision *rev,
			 struct problems *problems, struct err *err)
{
	return trash_restore_state(c->e, i->arg, rev, problems, err);
}

static int list_trash(struct cli *c, struct err *err)
{
	int r = engine_lock(c->e, 0, err);

	if (r >= 0) {
		r = trash_note_rows(c->e, err);
		engine_unlock(c->e);
	} else if (r == -ERR_BUSY) { /* whoever converges looks after the rows too */
		err_clear(err);
		r = 0;
	}
	return r < 0 ? r : trash_each(c->e, NULL, trash_row, c, err);
}

int cmd_trash(struct cli *c, struct err *err)
{
	struct intent i = { .source = "trash restore", .apply = restore_apply };
	int r = cli_open(c, err);

	if (r < 0)
		return r;
	if (strcmp(c->args[0], "list") == 0)
		return list_trash(c, err);
	if (strcmp(c->args[0], "purge") == 0) {
		int64_t n = engine_lock(c->e, CLI_LOCK_WAIT_MS, err);

		if (n >= 0)
			n = trash_purge(c->e, c->n_args > 1 ? c->args[1] : NULL, err);
		engine_unlock(c->e);
		if (n >= 0)
			(void)printf("%" PRId64 " removed for good.\n", n);
		return n < 0 ? (int)n : 0;
	}
	if (strcmp(c->args[0], "restore") != 0 || c->n_args < 2)
		return err_set(err, ERR_INVALID,
			       "usage: novacpx trash list|restore ACCOUNT|purge [ACCOUNT]");
	i.arg = (void *)(uintptr_t)c->args[1];
	i.message = mem_fmt(c->ctx, "restore of account %s from the trash", c->args[1]);
	return change_run(c, &i, err); /* the plan brings the data back with its owner */
}

int cmd_doctor(struct cli *c, struct err *err)
{
	static const char *const names[] = { "nginx",   "php8.2-fpm", "bind",
					     "postfix", "dovecot",    "cron" };
	int bad = 0;
	int r = cli_open(c, err);

	for (size_t i = 0; i < ARRAY_LEN(names) && r >= 0; i++) {
		const struct service *svc;
		struct proc_result res = { .status = 0 };
		struct checkns ns = { .root_path = c->e->root_path };
		struct err e = ERR_INIT;
		pid_t pid = 0;

		r = service_find(c->ctx, names[i], &svc, err);
		if (r < 0)
			break;
		if (!service_is_installed(&c->e->at, svc)) {
			(void)printf("%-12s not installed\n", names[i]);
			continue;
		}
		ns.scratch = svc->scratch;
		ns.n_scratch = service_n_scratch(svc);
		if (service_pid(&c->e->at, svc, &pid, &e) < 0)
			(void)printf("%-12s installed, not running", names[i]);
		else
			(void)printf("%-12s running (pid %d)", names[i], (int)pid);
		err_clear(&e);
		if (!svc->check_argv[0]) {
			(void)puts("");
			continue;
		}
		if (checkns_run(c->ctx, &ns, svc->check_argv, &res, &e) < 0) {
			(void)printf("; cannot check: %s\n", e.msg);
			continue;
		}
		bad += res.status != 0;
		(void)printf("; its next start would %s\n",
			     res.status == 0 ? "load what is live" : "FAIL:");
		if (res.status != 0)
			(void)fputs(res.out, stdout);
	}
	if (r >= 0)
		r = cli_show_quotas(c, err);
	return r < 0 ? r : bad ? EXIT_ERROR : EXIT_DONE;
}
