/* cron: commands of an account at set times. */
#include <string.h>

#include "api/crud.h"
#include "api/own.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

#define TIME_PARAMS                                                                \
	{ .name = "schedule",                                                      \
	  .doc = "Minute, hour, day, month, weekday; or @daily and the like." },   \
		{ .name = "minute", .doc = "Instead of schedule." },               \
		{ .name = "hour", .doc = "Instead of schedule." },                 \
		{ .name = "day", .doc = "Instead of schedule." },                  \
		{ .name = "month", .doc = "Instead of schedule." },                \
		{ .name = "weekday", .doc = "Instead of schedule." },              \
	{                                                                          \
		.name = "enabled", .aliases = { "is_active" }, .type = PARAM_BOOL, \
		.field = "enabled", .doc = "Whether it runs."                      \
	}

static const struct param account_params[] = { PARAM_ACCOUNT_ID(PARAM_REQUIRED) };
static const struct param id_params[] = { PARAM_ACCOUNT_ID(0), PARAM_ID("The job.") };

static const struct param create_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "command", .flags = PARAM_REQUIRED, .field = "command", .doc = "One line." },
	TIME_PARAMS,
};

static const struct param update_params[] = {
	PARAM_ACCOUNT_ID(0),
	PARAM_ID("The job."),
	{ .name = "command", .field = "command", .doc = "One line." },
	TIME_PARAMS,
};

static const struct param save_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "id", .type = PARAM_ROW, .doc = "The job; a new one is made without it." },
	{ .name = "command", .field = "command", .doc = "One line." },
	TIME_PARAMS,
};

static const char *const parts[] = { "minute", "hour", "day", "month", "weekday" };

/* "schedule", or the five fields: over those of WAS, over "*". */
static const char *schedule_of(struct call *c, const char *was)
{
	struct buf b = BUF_ON(c->ctx);
	bool any = false;

	if (call_has(c, "schedule"))
		return call_text(c, "schedule", NULL);
	was = was && *was != '@' ? was : "* * * * *";
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t len = strcspn(was, " ");
		const char *given = call_text(c, parts[i], NULL);

		any = any || given;
		if (i)
			buf_putc(&b, ' ');
		/* a blank would move what follows into the next field */
		if (given && strpbrk(given, " \t\n"))
			return given;
		if (given)
			buf_puts(&b, given);
		else
			buf_put(&b, was, len);
		was += len + (was[len] == ' ');
	}
	return any ? buf_str(&b) : NULL;
}

static int set_schedule(struct call *c, struct change *job, const char *text, struct err *err)
{
	int r = text ? crud_set(c, job, "schedule", text, err) : 0;

	if (r != -ERR_INVALID)
		return r;
	c->status = 422;
	call_problem(c, "schedule", mem_str(c->ctx, err->msg));
	return r;
}

/* A new job needs a name, which the contract does not have. */
static int begin(struct call *c, struct changeset *cs, struct change *job, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *schedule = schedule_of(c, NULL);
	int r = sql_get(store_sql(c->store), "SELECT coalesce(max(id),0)+1 FROM cron_job", &st,
			err);

	(void)cs;
	if (r >= 0)
		r = sql_step(st, err);
	if (r < 0)
		return r;
	r = crud_set(c, job, "name", mem_fmt(c->ctx, "job-%lld", (long long)sql_int(st, 0)), err);
	return r < 0 ? r : set_schedule(c, job, schedule ? schedule : "* * * * *", err);
}

static int change(struct call *c, struct changeset *cs, struct change *job, struct err *err)
{
	(void)cs;
	return set_schedule(c, job, schedule_of(c, ((const struct cron_job *)c->row)->schedule),
			    err);
}

static int toggle(struct call *c, struct changeset *cs, struct change *job, struct err *err)
{
	const struct cron_job *was = c->row;

	(void)cs;
	return crud_set(c, job, "enabled", was->enabled ? "false" : "true", err);
}

/* One call for both: the job that an id names, or a new one. */
static int save(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct change *job;
	int r = 0;

	if (c->row) {
		job = crud_change(&cs, CHANGE_PUT, c->row);
	} else {
		if (!call_has(c, "command")) {
			c->status = 400;
			call_problem(c, "command", "command required");
			return err_set(err, ERR_INVALID, "command required");
		}
		job = crud_new(&cs, &kind_cron_job);
		r = crud_set(c, job, "account", c->account->username, err);
	}
	if (r >= 0)
		r = crud_fill(c, job, err);
	if (r >= 0)
		r = c->row ? change(c, &cs, job, err) : begin(c, &cs, job, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r < 0)
		return r;
	c->resource = mem_fmt(c->ctx, "cron_job/%s", cs.v[0].key);
	return crud_row(c, &shape_cron_job, cs.v[0].id, err);
}

static const struct endpoint rows[] = {
	ROW_LIST(&kind_cron_job, &shape_cron_job, ROLE_SESSION, account_params,
		 "Cron jobs of an account."),
	{ .action = "save",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_cron_job,
	  .shape = &shape_cron_job,
	  PARAMS(save_params),
	  .audit = "cron.save",
	  .run = save,
	  .doc = "Changes the job with that id, or makes a new one." },
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_cron_job,
	  .shape = &shape_cron_job,
	  PARAMS(create_params),
	  .audit = "cron.create",
	  .edit = begin,
	  .doc = "Makes a job." },
	{ .action = "update",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_UPDATE,
	  .kind = &kind_cron_job,
	  .shape = &shape_cron_job,
	  PARAMS(update_params),
	  .audit = "cron.update",
	  .edit = change,
	  .doc = "Changes what is given of a job." },
	{ .action = "toggle",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_UPDATE,
	  .kind = &kind_cron_job,
	  .shape = &shape_cron_job,
	  PARAMS(id_params),
	  .audit = "cron.toggle",
	  .edit = toggle,
	  .doc = "Switches a job on or off." },
	ROW_DELETE(&kind_cron_job, ROLE_SESSION, id_params, "cron.delete", "Deletes a job."),
};

const struct resource resource_cron = RESOURCE("cron", rows, "Commands at set times.");
