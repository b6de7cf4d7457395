/*
 * An account's cron jobs: one file in /etc/cron.d, for cron notices a changed
 * file by itself and a crontab of the user's own stays his.
 *
 * The shell is named, for most accounts have none to log in with. Output goes
 * to the account's address, or nowhere: cron would otherwise fill a local
 * mailbox that nobody reads.
 */
#include "renderers/place.h"
#include "renderers/syntax_cron.h"

static bool has_work(const struct ptrs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++) {
		const struct cron_job *job = jobs->v[i];

		if (job->enabled)
			return true;
	}
	return false;
}

static void put_jobs(struct cron *c, const char *user, const struct ptrs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++) {
		const struct cron_job *job = jobs->v[i];

		if (!job->enabled)
			continue;
		cron_comment(c, job->name);
		cron_job(c, job->schedule, user, job->command);
	}
}

static int cron_render(const struct view *v, struct catalog *out, struct err *err)
{
	const struct account *a = v->account;
	const struct ptrs *jobs = view_all(v, &kind_cron_job);
	struct artifact like = {
		.service = "cron", .mode = 0644, .owner = "root", .group = "root"
	};
	struct buf text = BUF_ON(v->ctx);
	struct cron c;
	int r;

	if (!a || account_is_suspended(a) || !has_work(jobs))
		return 0;
	r = place_name("username", a->username, err);
	if (r < 0)
		return r;
	like.resource = mem_fmt(v->ctx, "account/%s", a->username);

	cron_begin(&c, &text, err);
	cron_comment(&c, view_banner(v, like.resource));
	cron_env(&c, "SHELL", "/bin/sh");
	cron_env(&c, "PATH", "/usr/local/bin:/usr/bin:/bin");
	cron_env(&c, "MAILTO", a->email ? a->email : "");
	cron_blank(&c);
	put_jobs(&c, a->username, jobs);
	r = cron_end(&c);
	if (r < 0)
		return err_wrap(err, "cron jobs of %s", a->username);
	place_file(out, &like, mem_fmt(v->ctx, "/etc/cron.d/novacpx-%s", a->username),
		   buf_str(&text));
	return 0;
}

static const struct kind *const inputs[] = { &kind_account, &kind_cron_job, &kind_setting, NULL };

const struct renderer render_cron = {
	.name = "cron",
	.level = SCOPE_ACCOUNT,
	.inputs = inputs,
	.render = cron_render,
};
