/* Changing desired state: apply in a transaction, plan, show, ask, commit, carry out. One way for all commands. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "reconciler/archive.h"
#include "reconciler/trash_note.h"

static const char *actor(void)
{
	const char *name = getenv("SUDO_USER"); /* NOLINT(concurrency-mt-unsafe): one thread */

	return name && *name ? name : "root";
}

static bool ask(const char *question)
{
	char answer[16];

	if (!isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "novacpx: nobody is there to ask; use --yes\n");
		return false;
	}
	(void)fprintf(stderr, "%s [y/N] ", question);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void show_progress(const char *what, size_t done, size_t total, void *arg)
{
	(void)arg;
	if (total > 500 && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r\033[K%s %zu/%zu", what, done, total);
}

static void summary(struct cli *c, const struct plan *p, const struct execution *x, int64_t rev)
{
	if (isatty(STDERR_FILENO) && p->n > 500)
		(void)fputs("\r\033[K", stderr);
	if (c->json)
		return;
	if (!x->done && !p->n_findings)
		(void)printf("Nothing to do: the machine is as revision %" PRId64 " wants it.\n",
			     rev);
	else
		(void)printf("Revision %" PRId64
			     " applied: %zu done, %zu failed or held, %zu reload%s.\n",
			     rev, x->done, x->failed, x->reloads, x->reloads == 1 ? "" : "s");
}

/* What the plan told already is not told twice. */
struct telling {
	struct cli *c;
	const struct plan *p;
	size_t n_told; /* findings of the plan that were shown with it */
};

static int tell_not_ready(const struct condition *row, void *arg, struct err *err)
{
	const struct telling *t = arg;
	const struct cli *c = t->c;

	(void)err;
	for (size_t i = 0; i < t->n_told; i++) {
		if (strcmp(t->p->findings[i].resource, row->resource) == 0 &&
		    strcmp(t->p->findings[i].message, row->message) == 0)
			return 0;
	}
	if (!c->json)
		(void)printf("%s! %s: %s (%s)%s\n    %s\n", cli_colour(c, "\033[31m"),
			     row->resource, row->type, row->reason, cli_colour(c, "\033[0m"),
			     row->message);
	return 0;
}

static int carry_out(struct cli *c, struct plan *p, struct err *err)
{
	struct telling telling = { .c = c, .p = p, .n_told = p->n_findings };
	const struct pass_opts whole = { .full = true, .whole = true };
	struct execution x = { .progress = show_progress };
	struct execution again = { .progress = show_progress };
	struct pass_result result;
	struct err e = ERR_INIT;
	int64_t conditions = 0;
	int r = plan_execute(p, &x, err);
	bool is_behind = r >= 0 && (archive_live(p, &e) < 0 || archive_desired(c->e, &e) < 0);

	/* history can be made up for later: a failure there is told, and the change stands */
	if (is_behind)
		(void)fprintf(stderr, "novacpx: history: %s\n", e.msg);
	if (r >= 0 && x.wants_whole) {
		r = pass_run(c->e, &whole, c->force, &again, &result, err);
		x.done += again.done;
		x.failed = again.failed;
		x.reloads += again.reloads;
	}
	if (r >= 0)
		r = condition_each(c->e->db, NULL, tell_not_ready, &telling, err);
	if (r >= 0)
		r = condition_count(c->e->db, &conditions, err);
	if (r < 0)
		return r;
	summary(c, p, &x, p->rev);
	return conditions || is_behind ? EXIT_QUARANTINED : EXIT_DONE;
}

static int guarded(struct cli *c, const struct plan *p, struct err *err)
{
	char digest[DIGEST_HEX_LEN + 1];
	struct digest d = plan_digest(p);
	char why[ERR_MSG_MAX];
	int r = pass_guard(p, err);

	if (r != -ERR_GUARD)
		return r;
	digest_hex(&d, digest);
	if (c->force && strlen(c->force) >= 8 && strncmp(c->force, digest, strlen(c->force)) == 0) {
		err_clear(err);
		return 0;
	}
	memcpy(why, err->msg, sizeof(why));
	return err_set(err, ERR_GUARD,
		       "stopped by a guard: %.800s. If that is meant, repeat with --force %.16s",
		       why, digest);
}

/* One try; 1 when the plan was shown and somebody has to be asked. */
static int attempt(struct cli *c, struct intent *i, const char *approved, char *ret_digest,
		   struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "change");
	struct pass_opts opts = { .full = (c->given & OPT_FULL) != 0,
				  .retry = i->retry,
				  .release = (c->given & OPT_FORCE) && !c->force[0] };
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = engine_now(),
				.actor = actor(),
				.source = mem_fmt(ctx, "cli:%s", i->source),
				.message = c->message ? c->message : i->message };
	struct digest d;
	struct plan *p;
	int open = i->apply(c, i, &rev, &problems, err);
	int r = open;

	if (open < 0 && problems.n) {
		if (i->problems)
			i->problems(c, i, &problems);
		else
			cli_show_problems(c, &problems);
	}
	if (r >= 0)
		r = pass_plan(ctx, c->e, &opts, &p, err);
	if (r < 0) {
		store_rollback(c->e->store);
		return r;
	}
	d = plan_digest(p);
	digest_hex(&d, ret_digest);
	if (i->dry || (c->given & OPT_DRY_RUN)) {
		size_t n = plan_changes(p);

		cli_show_plan(c, p);
		store_rollback(c->e->store);
		return p->n_findings                     ? EXIT_QUARANTINED
		       : n && (c->given & OPT_EXIT_CODE) ? EXIT_CHANGES
							 : EXIT_DONE;
	}
	r = guarded(c, p, err);
	if (r >= 0 && !approved)
		cli_show_plan(c, p);
	if (r >= 0 && !approved && !(c->given & OPT_YES) && (open > 0 || plan_changes(p))) {
		store_rollback(c->e->store);
		return -1; /* ask, and then do it anew: nobody waits for our answer */
	}
	if (r >= 0 && approved && strcmp(approved, ret_digest) != 0)
		r = err_set(
			err, ERR_CONFLICT,
			"what would be done has changed while you were asked; look at the plan again");
	if (r < 0) {
		store_rollback(c->e->store);
		return r;
	}
	r = open > 0 ? store_commit(c->e->store, err) : 0;
	return r < 0 ? r : carry_out(c, p, err);
}

int change_run(struct cli *c, struct intent *i, struct err *err)
{
	char digest[DIGEST_HEX_LEN + 1];
	char again[DIGEST_HEX_LEN + 1];
	int r = cli_open(c, err);

	if (r >= 0)
		r = engine_lock(c->e, CLI_LOCK_WAIT_MS, err);
	if (r >= 0 && !c->dry)
		r = execute_recover(c->e, err);
	if (r >= 0 && !c->dry && (c->given & OPT_FULL))
		r = trash_note_rows(c->e, err);
	if (r < 0)
		return r;
	r = attempt(c, i, NULL, digest, err);
	if (r == -1 && err->code == ERR_OK) {
		if (!ask("Apply this?"))
			return err_set(err, ERR_DENIED, "nothing was changed");
		/* NOLINTNEXTLINE(readability-suspicious-call-argument): what was approved comes first */
		r = attempt(c, i, digest, again, err);
	}
	engine_unlock(c->e);
	return r;
}
