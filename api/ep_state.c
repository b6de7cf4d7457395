/* plan and state: change sets and state files, shown first and applied whole. */
#include <inttypes.h>
#include <string.h>

#include "api/crud.h"
#include "api/delta.h"
#include "api/resources.h"
#include "api/write.h"
#include "base/digest.h"
#include "state/change_json.h"
#include "state/export.h"
#include "state/statefile.h"

enum {
	STATE_MAX = 4 << 20,
	PLAN_BODY_MAX = 1 << 20,
	PLAN_CHANGES_MAX = 1000,
	MESSAGE_MAX = 1024,
};

static const char *const formats[] = { "yaml", "json", NULL };

static const struct param plan_params[] = {
	{ .name = "changes",
	  .type = PARAM_OBJECT,
	  .flags = PARAM_REQUIRED,
	  .doc = "A list of {op: put or delete, kind, key, fields}." },
};

static const struct param export_params[] = {
	{ .name = "format", .choices = formats, .dflt = "yaml", .doc = "yaml or json." },
	{ .name = "account_id", .type = PARAM_ACCOUNT, .doc = "Of this account alone." },
};

#define PARAM_STATE                                                                            \
	{ .name = "state",                                                                     \
	  .aliases = { "yaml" },                                                               \
	  .flags = PARAM_REQUIRED,                                                             \
	  .text_max = STATE_MAX,                                                               \
	  .doc = "A state file, as text. It may not name files or the environment." },         \
	{                                                                                      \
		.name = "prune", .type = PARAM_BOOL, .doc = "Delete what it does not mention." \
	}

static const struct param state_plan_params[] = { PARAM_STATE };
static const struct param state_apply_params[] = {
	PARAM_STATE,
	{ .name = "message", .text_max = MESSAGE_MAX, .doc = "Why, for the log." },
};

/* plan/show */

/* A problem of a change, under the path that the caller gave it by. */
static int tell_changes(struct call *c, const struct changeset *cs, const struct problems *p,
			struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct problem *one = &p->v[i];

		call_problem(c,
			     mem_fmt(c->ctx, "changes/%d%s%s", cs->v[one->change].where,
				     one->field ? "/fields/" : "", one->field ? one->field : ""),
			     one->msg);
	}
	c->status = p->n ? 422 : 0;
	return p->n ? err_set(err, ERR_INVALID, "%s: %s", p->v[0].resource, p->v[0].msg)
		    : -(int)err->code;
}

static int show_changes(struct call *c, struct err *err)
{
	json_t *changes = call_arg(c, "changes")->res;
	struct changeset cs = { .ctx = c->ctx };
	struct problems problems = { .ctx = c->ctx };
	struct revision rev;
	int r = 0;

	c->is_dry_run = true;
	if (json_array_size(changes) > PLAN_CHANGES_MAX)
		r = err_at(err, ERR_INVALID, "/changes", "changes: found %zu, allowed are up to %d",
			   json_array_size(changes), PLAN_CHANGES_MAX);
	if (r >= 0)
		r = change_json_read(c->ctx, changes, &cs, err);
	if (r < 0)
		return r;
	rev = crud_revision(c);
	r = store_apply(c->store, &cs, &rev, &problems, err);
	if (r < 0)
		return tell_changes(c, &cs, &problems, err);
	c->plan = r > 0 ? json_incref(changes) : json_array();
	return delta_answer(c, r, &rev, &problems, err);
}

/* state/export */

static void put_node(struct jsonw *w, const char *key, const struct node *n)
{
	switch (n->type) {
	case NODE_NULL: jsonw_null(w, key); break;
	case NODE_BOOL: jsonw_bool(w, key, n->flag); break;
	case NODE_INT: jsonw_int(w, key, n->num); break;
	case NODE_STRING: jsonw_text(w, key, n->text); break;
	case NODE_MAP:
		jsonw_open(w, key, '{');
		for (size_t i = 0; i < n->n; i++)
			put_node(
				w, n->members[i].key,
				n->members[i].value); /* NOLINT(misc-no-recursion): DOC_DEPTH_MAX */
		jsonw_close(w, '}');
		break;
	case NODE_LIST:
		jsonw_open(w, key, '[');
		for (size_t i = 0; i < n->n; i++)
			put_node(w, NULL, n->items[i]); /* NOLINT(misc-no-recursion) */
		jsonw_close(w, ']');
		break;
	}
}

static int put_state(struct call *c, const char *format, const struct buf *text, struct err *err)
{
	struct doc *doc = NULL;
	int r = 0;

	if (strcmp(format, "yaml") == 0) {
		jsonw_text(&c->w, "state", buf_str(text));
		return 0;
	}
	r = doc_read(c->ctx, "state", buf_str(text), text->len, &doc, err);
	if (r >= 0)
		put_node(&c->w, "state", doc->root);
	return r;
}

static int export_visible(struct call *c, struct buf *out, struct err *err)
{
	const struct export_options o = { .store = c->store, .no_secrets = true };
	struct sight sight;
	const char **names;
	int r = sight_of(c, &sight, err);

	if (r < 0)
		return r;
	if (sight.sees_all)
		return export_all(out, &o, err);
	names = mem_zero(c->ctx, (sight.n + 1) * sizeof(*names));
	for (size_t i = 0; i < sight.n; i++)
		names[i] = sight.v[i].name;
	return export_accounts(out, &o, names, sight.n, err);
}

static int state_export(struct call *c, struct err *err)
{
	const char *format = call_text(c, "format", "yaml");
	struct buf text = { .ctx = c->ctx, .max = DOC_FILE_MAX };
	int64_t head = 0;
	int snapshot = sql_begin_reading(store_sql(c->store), err);
	int r = snapshot < 0 ? snapshot : store_head(c->store, &head, err);

	if (r >= 0)
		r = export_visible(c, &text, err);
	if (snapshot > 0)
		sql_rollback(store_sql(c->store));
	if (r >= 0 && text.over)
		r = err_set(err, ERR_TOOBIG,
			    "The state is over %d MiB; export account by account, or with "
			    "`novacpx export`",
			    DOC_FILE_MAX >> 20);
	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "format", format);
	jsonw_int(&c->w, "revision", head);
	r = put_state(c, format, &text, err);
	jsonw_close(&c->w, '}');
	return r;
}

/* state/plan, state/apply */

struct prepared {
	struct changeset cs;
	struct statefile *sf;
};

/* Every problem with its line; what came without one has none. */
static int tell_state(struct call *c, struct statefile *sf, enum err_code code, struct err *err)
{
	for (size_t i = 0; sf && i < sf->n_docs; i++) {
		struct doc *doc = sf->docs[i].doc;

		if (doc_problems_err(doc, ERR_INVALID, NULL) == 0) /* sorts them */
			continue;
		for (size_t k = 0; k < doc->n_problems; k++) {
			const struct doc_problem *p = &doc->problems[k];

			call_problem_at(c, "state", p->line, p->col,
					p->hint ? mem_fmt(c->ctx, "%s; %s", p->message, p->hint)
						: p->message);
		}
	}
	if (!c->n_errors)
		return -(int)err->code;
	c->status = code == ERR_CONFLICT ? 409 : code == ERR_DENIED ? 403 : 422;
	if (c->errors[0].line)
		return err_set(err, code, "state, line %d, column %d: %s", c->errors[0].line,
			       c->errors[0].column, c->errors[0].message);
	return err_set(err, code, "%s", c->errors[0].message);
}

/* Reading a long file is no work for the writer. Nothing in it makes us read another one. */
static int read_state(struct call *c, struct err *err)
{
	const char *text = call_text(c, "state", "");
	const struct statefile_source source = { .name = "state",
						 .data = text,
						 .len = strlen(text) };
	const struct statefile_input in = { .sources = &source,
					    .n_sources = 1,
					    .root_fd = -1,
					    .store = c->store,
					    .flags = STATEFILE_NO_REFERENCES };
	struct prepared *p = mem_new(c->ctx, struct prepared);
	int r;

	p->cs.ctx = c->ctx;
	r = statefile_read(c->ctx, &in, &p->cs, &p->sf, err);
	c->prepared = p;
	return r < 0 ? tell_state(c, p->sf, ERR_INVALID, err) : 0;
}

static int apply_state(struct call *c, struct err *err)
{
	struct prepared *p = c->prepared;
	struct problems problems = { .ctx = c->ctx };
	struct revision rev = crud_revision(c);
	const char *text = call_text(c, "state", "");
	char hex[DIGEST_HEX_LEN + 1];
	struct digest d = digest_of(text, strlen(text));
	int r = 0;

	digest_hex(&d, hex);
	rev.request = call_int(c, "prune", 0) ? mem_fmt(c->ctx, "%s prune", hex) : hex;
	rev.message = call_text(c, "message", "state file");
	if (call_int(c, "prune", 0) && statefile_prune(p->sf, c->store, &p->cs, err) < 0)
		return -(int)err->code;
	r = store_apply(c->store, &p->cs, &rev, &problems, err);
	if (r < 0 && problems.n) {
		statefile_add_problems(p->sf, &p->cs, &problems);
		return tell_state(c, p->sf, crud_worst(&problems), err);
	}
	if (r < 0)
		return r;
	if (c->is_dry_run)
		c->plan = r > 0 ? write_plan_of(&p->cs) : json_array();
	return delta_answer(c, r, &rev, &problems, err);
}

static int plan_state(struct call *c, struct err *err)
{
	c->is_dry_run = true;
	return apply_state(c, err);
}

static const struct endpoint plan_rows[] = {
	{ .action = "show",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(plan_params),
	  .returns = "changes more plan reason",
	  .audit = "plan.show",
	  .body_max = PLAN_BODY_MAX,
	  .run = show_changes,
	  .doc = "What a change set would do, with diffs, and nothing of it done. `plan` is null, "
		 "and `reason` says why, when the engine does not run." },
};

static const struct endpoint state_rows[] = {
	{ .action = "export",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  PARAMS(export_params),
	  .returns = "format revision state",
	  .run = state_export,
	  .doc = "The desired state as a state file, without secrets; of resellers and users their "
		 "accounts." },
	{ .action = "plan",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(state_plan_params),
	  .returns = "changes more plan reason",
	  .audit = "state.plan",
	  .body_max = STATE_MAX,
	  .prepare = read_state,
	  .run = plan_state,
	  .doc = "What a state file would do, and nothing of it done." },
	{ .action = "apply",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED | EP_CREDENTIALS, /* a state file can set passwords */
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(state_apply_params),
	  .returns = "changes more",
	  .audit = "state.apply",
	  .body_max = STATE_MAX,
	  .prepare = read_state,
	  .run = apply_state,
	  .doc = "Makes a state file true, as one revision." },
};

const struct resource resource_plan = RESOURCE("plan", plan_rows, "Change sets, shown first.");
const struct resource resource_state = RESOURCE("state", state_rows, "State files.");
