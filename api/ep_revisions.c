/* revisions: what was changed by whom, and the ways back. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "api/crud.h"
#include "api/delta.h"
#include "api/own.h"
#include "api/params.h"
#include "api/resources.h"

enum {
	OFFSET_MAX = 1000, /* rows before a page of a list that is not of all */
	MESSAGE_MAX = 1024,
};

#define PARAM_REVISION(name_, flags_, doc_)                                      \
	{                                                                        \
		.name = (name_), .type = PARAM_INT, .flags = (flags_), .min = 1, \
		.max = INT64_C(1) << 53, .doc = (doc_)                           \
	}
#define PARAM_MESSAGE                                                                  \
	{                                                                              \
		.name = "message", .text_max = MESSAGE_MAX, .doc = "Why, for the log." \
	}

static const struct param list_params[] = {
	PARAM_PAGES,
	PARAM_REVISION("before", 0, "Only older ones: the way through long lists."),
	{ .name = "actor", .doc = "Only those of this user; admins." },
	{ .name = "resource", .doc = "Only those that touched it: domain/example.com." },
	{ .name = "account_id",
	  .type = PARAM_ACCOUNT,
	  .doc = "Only those that touched what is of this account." },
};

static const struct param get_params[] = {
	PARAM_REVISION("revision", PARAM_REQUIRED, "Which."),
};

static const struct param diff_params[] = {
	{ .name = "from",
	  .type = PARAM_INT,
	  .flags = PARAM_REQUIRED,
	  .min = 0,
	  .max = INT64_C(1) << 53,
	  .doc = "After this revision; 0: from the beginning." },
	PARAM_REVISION("to", 0, "Up to this one; else the newest."),
};

static const struct param undo_params[] = {
	PARAM_REVISION("revision", PARAM_REQUIRED, "Which."),
	PARAM_MESSAGE,
};

static int missing(struct err *err)
{
	return err_set(err, ERR_NOTFOUND, "Revision not found");
}

/* List */

struct listed {
	struct call *c;
	const struct sight *sight;
	int64_t last;
};

/* What only who made it and admins are told: where it came from, and why. */
static bool tells_all(const struct call *c, const struct revision *rev)
{
	return c->who.role == ROLE_ADMIN || (rev->actor_id && rev->actor_id == c->who.id);
}

static void put_revision(struct call *c, const struct revision *rev)
{
	bool all = tells_all(c, rev);
	struct jsonw *w = &c->w;

	jsonw_int(w, "revision", rev->rev);
	jsonw_time(w, "time", rev->time);
	jsonw_text(w, "actor", rev->actor);
	jsonw_text(w, "source", rev->source);
	jsonw_text(w, "via", all ? rev->via : NULL);
	jsonw_text(w, "address", all ? rev->address : NULL);
	jsonw_text(w, "action", rev->action);
	jsonw_text(w, "message", all ? rev->message : NULL);
}

static int put_trial(struct call *c, const struct revision *rev, struct err *err)
{
	struct trial t = { .rev = 0 };
	struct jsonw *w = &c->w;
	int r = store_trial(c->ctx, c->store, rev->rev, &t, err);

	if (r <= 0) {
		jsonw_null(w, "confirm");
		return r;
	}
	jsonw_open(w, "confirm", '{');
	jsonw_text(w, "state", trial_state_name(t.state));
	jsonw_time(w, "until", t.until);
	jsonw_time(w, "settled", t.settled);
	if (t.undone_in)
		jsonw_int(w, "undone_in", t.undone_in);
	else
		jsonw_null(w, "undone_in");
	jsonw_text(w, "note", tells_all(c, rev) ? t.note : NULL);
	jsonw_close(w, '}');
	return 0;
}

static int put_row(const struct revision *rev, void *arg, struct err *err)
{
	struct listed *l = arg;
	int r;

	l->last = rev->rev;
	jsonw_open(&l->c->w, NULL, '{');
	put_revision(l->c, rev);
	jsonw_int(&l->c->w, "changes", rev->changes);
	r = put_trial(l->c, rev, err);
	jsonw_close(&l->c->w, '}');
	return r;
}

static int refuse(struct call *c, struct err *err, const char *param, const char *why)
{
	c->status = 422;
	call_problem(c, param, mem_fmt(c->ctx, "%s: %s", param, why));
	return err_set(err, ERR_INVALID, "%s: %s", param, why);
}

/* "domain/example.com" */
static int read_resource(struct call *c, struct log_query *q, struct err *err)
{
	const char *name = call_text(c, "resource", NULL);
	const char *slash = name ? strchr(name, '/') : NULL;

	if (!name)
		return 0;
	q->kind = slash ? kind_find(mem_strn(c->ctx, name, (size_t)(slash - name))) : NULL;
	if (!q->kind || !slash[1])
		return refuse(c, err, "resource",
			      "a kind and a name are needed, such as domain/example.com");
	q->key = slash + 1;
	return 0;
}

static int read_query(struct call *c, const struct sight *sight, struct log_query *q,
		      struct err *err)
{
	int r;

	*q = (struct log_query){
		.before = call_int(c, "before", 0),
		.limit = call_int(c, "per_page", 25),
		.offset = (call_int(c, "page", 1) - 1) * call_int(c, "per_page", 25),
		.actor = call_text(c, "actor", NULL),
		.of_accounts = !sight->sees_all,
		.accounts = sight->v,
		.n_accounts = sight->n,
	};
	r = read_resource(c, q, err);
	if (r < 0)
		return r;
	if (q->actor && c->who.role != ROLE_ADMIN)
		return refuse(c, err, "actor", "only admins list by it");
	if (q->actor && (q->kind || q->of_accounts))
		return refuse(c, err, "actor", "it does not go with a resource or an account");
	if (q->offset > OFFSET_MAX && (q->actor || q->kind || q->of_accounts))
		return refuse(c, err, "page",
			      mem_fmt(c->ctx,
				      "over %d rows are before it; give the last revision of the "
				      "page before as `before` instead",
				      OFFSET_MAX));
	return 0;
}

static int list(struct call *c, struct err *err)
{
	struct sight sight;
	struct listed l = { .c = c, .sight = &sight };
	struct log_query q;
	int64_t total = 0;
	int r = sight_of(c, &sight, err);

	if (r >= 0)
		r = read_query(c, &sight, &q, err);
	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "items", '[');
	r = store_log(c->store, &q, put_row, &l, &total, err);
	jsonw_close(&c->w, ']');
	jsonw_open(&c->w, "meta", '{');
	jsonw_int(&c->w, "total", total);
	jsonw_int(&c->w, "page", q.offset / q.limit + 1);
	jsonw_int(&c->w, "per_page", q.limit);
	jsonw_int(&c->w, "pages", (total + q.limit - 1) / q.limit);
	jsonw_close(&c->w, '}');
	jsonw_close(&c->w, '}');
	return r;
}

/* Get, diff */

static int get(struct call *c, struct err *err)
{
	int64_t number = call_int(c, "revision", 0);
	struct delta d = { .from = number - 1, .to = number };
	struct revision rev;
	struct sight sight;
	int r = store_revision(c->ctx, c->store, number, &rev, err);

	if (r == -ERR_NOTFOUND)
		return missing(err);
	if (r >= 0)
		r = sight_of(c, &sight, err);
	if (r < 0)
		return r;
	d.sight = &sight;
	jsonw_open(&c->w, NULL, '{');
	put_revision(c, &rev);
	r = delta_put(c, &d, err);
	if (r >= 0 && !sight.sees_all && d.n == 0)
		return missing(err);
	if (r >= 0)
		r = put_trial(c, &rev, err);
	jsonw_close(&c->w, '}');
	return r;
}

static int diff(struct call *c, struct err *err)
{
	struct buf text = { .ctx = c->ctx, .max = DELTA_TEXT_MAX };
	struct delta d = { .from = call_int(c, "from", 0), .text = &text };
	struct sight sight;
	int64_t head = 0;
	int r = store_head(c->store, &head, err);

	if (r >= 0)
		r = sight_of(c, &sight, err);
	if (r < 0)
		return r;
	d.sight = &sight;
	d.to = call_int(c, "to", head);
	if (d.to > head || d.from > head)
		return missing(err);
	if (d.from > d.to)
		return refuse(c, err, "from",
			      mem_fmt(c->ctx,
				      "found %" PRId64 ", allowed are 0 to %" PRId64
				      ", which is `to`",
				      d.from, d.to));
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "from", d.from);
	jsonw_int(&c->w, "to", d.to);
	r = delta_put(c, &d, err);
	jsonw_text(&c->w, "text", text.over || d.more ? NULL : buf_str(&text));
	jsonw_close(&c->w, '}');
	return r;
}

/* The ways back */

/* The whole state is what was seen, not a resource of it. */
static int check_seen(struct call *c, struct err *err)
{
	struct revision by = { .actor = "?" };
	int64_t head = 0;
	int r = c->seen_rev ? store_head(c->store, &head, err) : 0;

	if (r < 0 || head <= c->seen_rev)
		return r;
	r = store_revision(c->ctx, c->store, head, &by, err);
	return r < 0 ? r
		     : err_set(err, ERR_CONFLICT,
			       "Revision %" PRId64 " by %s came after revision %" PRId64
			       " that this was based on",
			       head, by.actor, c->seen_rev);
}

typedef int undo_fn(struct store *s, int64_t revision, struct revision *rev,
		    struct problems *problems, struct err *err);

static int undo(struct call *c, undo_fn *fn, const char *what, struct err *err)
{
	int64_t number = call_int(c, "revision", 0);
	struct problems problems = { .ctx = c->ctx };
	struct revision rev = crud_revision(c);
	int r = check_seen(c, err);

	rev.message = call_text(c, "message", mem_fmt(c->ctx, "%s %" PRId64, what, number));
	rev.request = mem_fmt(c->ctx, "%s %" PRId64, what, number);
	if (r >= 0)
		r = fn(c->store, number, &rev, &problems, err);
	return delta_answer(c, r, &rev, &problems, err);
}

static int rollback(struct call *c, struct err *err)
{
	return undo(c, store_rollback_to, "rollback to revision", err);
}

static int revert(struct call *c, struct err *err)
{
	return undo(c, store_revert, "revert of revision", err);
}

/* Who may see the user that made it may let it stand: themselves, their reseller, admins. */
static int check_maker(struct call *c, int64_t number, struct err *err)
{
	struct revision rev;
	struct user *maker;
	int r = store_revision(c->ctx, c->store, number, &rev, err);

	if (r == -ERR_NOTFOUND)
		return missing(err);
	if (r < 0 || c->who.role == ROLE_ADMIN)
		return r;
	if (!rev.actor_id)
		return missing(err);
	r = own_get(c, &kind_user, rev.actor_id, OWN_SEE, &maker, err);
	return r == -ERR_NOTFOUND ? missing(err) : r;
}

static int confirm(struct call *c, struct err *err)
{
	int64_t now = (int64_t)time(NULL);
	const struct audit_row row = {
		.time = now,
		.actor = c->who.username,
		.actor_id = c->who.id,
		.address = c->address,
		.source = "api",
		.action = c->endpoint->audit,
		.rev = call_int(c, "revision", 0),
	};
	int r = check_maker(c, row.rev, err);

	if (r >= 0)
		r = store_confirm(c->store, row.rev, now, err);
	c->is_open = r > 0;
	if (r > 0)
		r = store_audit_add(c->store, &row, err);
	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "revision", row.rev);
	jsonw_text(&c->w, "state", trial_state_name(TRIAL_CONFIRMED));
	jsonw_close(&c->w, '}');
	return 0;
}

#define HEAD_MEMBERS "revision time actor source via address action message"

static const struct endpoint rows[] = {
	{ .action = "list",
	  .aliases = { "log" },
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_PAGED | EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(list_params),
	  .returns = "[" HEAD_MEMBERS " changes confirm]",
	  .run = list,
	  .doc = "Revisions, newest first. Resellers and users: those that touched their accounts; "
		 "`total` then counts no further than the next page." },
	{ .action = "get",
	  .aliases = { "show" },
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(get_params),
	  .returns = HEAD_MEMBERS " changes more confirm",
	  .run = get,
	  .doc = "One revision, with each field before and after." },
	{ .action = "diff",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  PARAMS(diff_params),
	  .returns = "from to changes more text",
	  .run = diff,
	  .doc = "What the revisions after `from` up to `to` changed all together; also as text." },
	{ .action = "rollback",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(undo_params),
	  .returns = "changes more",
	  .audit = "revisions.rollback",
	  .run = rollback,
	  .doc = "Everything as it was at a revision, in a new one. Secrets stay as they are." },
	{ .action = "revert",
	  .methods = METHOD_POST,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(undo_params),
	  .returns = "changes more",
	  .audit = "revisions.revert",
	  .run = revert,
	  .doc = "Undoes one revision. What was changed again since is a conflict, which names it." },
	{ .action = "confirm",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(get_params),
	  .returns = "revision state",
	  .audit = "revisions.confirm",
	  .run = confirm,
	  .doc = "Lets a revision stand that was made with ?confirm=SECONDS." },
};

const struct resource resource_revisions =
	RESOURCE("revisions", rows, "What was changed, by whom, and the ways back.");
