#include "reconciler/daemon_request.h"

#include <inttypes.h>
#include <string.h>

#include "base/nearest.h"
#include "reconciler/daemon_follow.h"
#include "reconciler/enginedb.h"
#include "reconciler/outcome.h"

enum {
	WAIT_DEFAULT_MS = 60000,
	WAIT_MAX_MS = 600000,
	RESOURCE_MAX = 1024,
	CONDITIONS_MAX = 1000,
	RESOURCES_MAX = 100,
};

/* A held wait. */
struct wait {
	int64_t revision;
	const char *resource; /* or NULL */
};

/* Answers */

void answer_text(json_t *object, const char *key, const char *text)
{
	json_t *value = json_string(text ? text : "");

	if (!value) { /* words of a validator may be in any encoding */
		char *ascii = mem_str(NULL, text);

		for (char *p = ascii; *p; p++) {
			if ((unsigned char)*p >= 0x80)
				*p = '?';
		}
		value = json_string(ascii);
		(void)talloc_free(ascii);
	}
	if (json_object_set_new(object, key, value) < 0)
		mem_abort();
}

void answer_int(json_t *object, const char *key, int64_t num)
{
	if (json_object_set_new(object, key, json_integer(num)) < 0)
		mem_abort();
}

static void answer_bool(json_t *object, const char *key, bool value)
{
	if (json_object_set_new(object, key, json_boolean(value)) < 0)
		mem_abort();
}

json_t *answer_error(const struct err *err)
{
	json_t *a = json_object();

	answer_bool(a, "ok", false);
	answer_text(a, "error", err_code_name(err->code));
	answer_text(a, "message", err->msg);
	if (err->path[0])
		answer_text(a, "field", err->path);
	return a;
}

static json_t *answer_ok(void)
{
	json_t *a = json_object();

	answer_bool(a, "ok", true);
	return a;
}

/* Checks */

int request_members(const json_t *object, const char *const *allowed, const char *where,
		    struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "members");
	const char *key;
	json_t *value;
	size_t n = 0;

	while (allowed[n])
		n++;
	json_object_foreach((json_t *)object, key, value)
	{
		const char *hint = nearest(key, allowed, n);
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known = known || strcmp(allowed[i], key) == 0;
		if (!known)
			return err_at(err, ERR_INVALID, mem_fmt(ctx, "%s/%.64s", where, key),
				      "\"%.64s\" is not known here%s%s%s", key,
				      hint ? "; did you mean \"" : "", hint ? hint : "",
				      hint ? "\"?" : "");
	}
	return 0;
}

/* An integer member from MIN to MAX; *RET stays when it is not there. */
static int take_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
		    struct err *err)
{
	cleanup_(mem_freep) char *where = mem_fmt(NULL, "/%s", key);
	const json_t *v = json_object_get(object, key);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return err_at(err, ERR_INVALID, where,
			      "%s: an integer from %" PRId64 " to %" PRId64 " is needed", key, min,
			      max);
	*ret = json_integer_value(v);
	return 0;
}

static int check_resource(const char *text, const char *where, struct err *err)
{
	cleanup_(mem_freep) char *kind = NULL;
	const char *slash = text ? strchr(text, '/') : NULL;

	if (slash)
		kind = mem_strn(NULL, text, (size_t)(slash - text));
	if (!slash || slash[1] == '\0' || strlen(text) > RESOURCE_MAX ||
	    (strcmp(kind, "server") != 0 && !kind_find(kind)))
		return err_at(err, ERR_INVALID, where,
			      "%s: KIND/NAME is needed, such as \"domain/a.example\"", where + 1);
	return 0;
}

static int take_resource(const json_t *object, const char **ret, struct err *err)
{
	const json_t *v = json_object_get(object, "resource");
	int r = v ? check_resource(json_string_value(v), "/resource", err) : 0;

	if (r >= 0 && v)
		*ret = json_string_value(v);
	return r;
}

/* Requests. Each returns 0 with an answer, 1 when the line is held, or an error. */

static int ask_wake(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		    struct err *err)
{
	(void)c;
	(void)request;
	(void)err;
	daemon_wake(d, DAEMON_SOON);
	*ret = answer_ok();
	return 0;
}

static int add_condition(const struct condition *c, void *arg, struct err *err)
{
	json_t *list = arg;
	json_t *o;

	(void)err;
	if (json_array_size(list) >= CONDITIONS_MAX)
		return 0;
	o = json_object();
	answer_text(o, "resource", c->resource);
	answer_text(o, "part", c->part);
	answer_text(o, "type", c->type);
	answer_text(o, "reason", c->reason);
	answer_text(o, "message", c->message);
	answer_int(o, "revision", c->rev);
	answer_int(o, "since", c->since);
	answer_int(o, "next_try", c->next_try);
	if (json_array_append_new(list, o) < 0)
		mem_abort();
	return 0;
}

static int waited(struct daemon *d, int64_t revision, const char *resource, json_t **ret,
		  struct err *err)
{
	json_t *list = json_array();
	json_t *a;
	int r = outcome_each(d->e, revision, resource, add_condition, list, err);

	if (r < 0) {
		json_decref(list);
		return r;
	}
	a = answer_ok();
	answer_int(a, "applied", d->applied);
	if (json_object_set_new(a, "conditions", list) < 0)
		mem_abort();
	*ret = a;
	return 0;
}

static int ask_wait(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		    struct err *err)
{
	int64_t revision = -1;
	int64_t timeout = WAIT_DEFAULT_MS;
	const char *resource = NULL;
	struct wait *w;
	int r = take_int(request, "revision", 0, INT64_MAX, &revision, err);

	if (r >= 0)
		r = take_int(request, "timeout_ms", 0, WAIT_MAX_MS, &timeout, err);
	if (r >= 0)
		r = take_resource(request, &resource, err);
	if (r >= 0 && revision < 0)
		r = err_at(err, ERR_INVALID, "/revision", "revision: must be given");
	if (r >= 0) /* the command line may have run a pass of its own */
		r = cursor_get(d->e->db, "applied", &d->applied, err);
	if (r < 0)
		return r;
	if (d->applied >= revision)
		return waited(d, revision, resource, ret, err);
	w = mem_new(NULL, struct wait);
	w->revision = revision;
	w->resource = mem_str(w, resource);
	r = conn_hold(c, (uint64_t)timeout, w, err);
	if (r < 0) {
		(void)talloc_free(w);
		return r;
	}
	daemon_wake(d, DAEMON_NOW);
	return 1;
}

/* Conditions of a kind: its resources begin with "kind/". */
struct of_kind {
	json_t *list;
	const char *kind;
};

static int add_of_kind(const struct condition *c, void *arg, struct err *err)
{
	const struct of_kind *k = arg;
	size_t len = strlen(k->kind);

	return strncmp(c->resource, k->kind, len) == 0 && c->resource[len] == '/'
		       ? add_condition(c, k->list, err)
		       : 0;
}

static int list_kind(struct daemon *d, const json_t *v, json_t *list, struct err *err)
{
	struct of_kind k = { .list = list, .kind = json_string_value(v) };

	if (!k.kind || (strcmp(k.kind, "server") != 0 && !kind_find(k.kind)))
		return err_at(err, ERR_INVALID, "/kind", "kind: there is no such kind");
	return condition_each(d->e->db, NULL, add_of_kind, &k, err);
}

static int list_resources(struct daemon *d, const json_t *v, json_t *list, struct err *err)
{
	size_t n = json_array_size(v);
	int r = 0;

	if (!json_is_array(v) || n > RESOURCES_MAX)
		return err_at(err, ERR_INVALID, "/resources",
			      "resources: a list of at most %d names is needed", RESOURCES_MAX);
	for (size_t i = 0; i < n && r >= 0; i++) {
		cleanup_(mem_freep) char *where = mem_fmt(NULL, "/resources/%zu", i);
		const char *name = json_string_value(json_array_get(v, i));

		r = check_resource(name, where, err);
		if (r >= 0)
			r = condition_each(d->e->db, name, add_condition, list, err);
	}
	return r;
}

/* The conditions that were asked for, into A. */
static int put_list(struct daemon *d, const json_t *request, json_t *a, struct err *err)
{
	const json_t *kind = json_object_get(request, "kind");
	const json_t *resources = json_object_get(request, "resources");
	json_t *list;
	int r = 0;

	if (!kind && !resources)
		return 0;
	list = json_array();
	if (json_object_set_new(a, "list", list) < 0)
		mem_abort();
	if (resources)
		r = list_resources(d, resources, list, err);
	if (r >= 0 && kind)
		r = list_kind(d, kind, list, err);
	if (r >= 0)
		answer_bool(a, "truncated", json_array_size(list) >= CONDITIONS_MAX);
	return r < 0 ? r : 0;
}

static void put_stats(struct daemon *d, int64_t conditions, json_t *a)
{
	answer_int(a, "applied", d->applied);
	answer_int(a, "head", d->head);
	answer_int(a, "conditions", conditions);
	answer_int(a, "passes", d->stats.passes);
	answer_int(a, "failures", d->stats.failures);
	answer_int(a, "last_pass_at", d->stats.last_at);
	answer_int(a, "last_pass_ms", d->stats.last_ms);
	answer_int(a, "last_pass_actions", d->stats.last_actions);
	answer_int(a, "last_pass_failed", d->stats.last_failed);
	if (d->stats.failed[0])
		answer_text(a, "last_pass_error", d->stats.failed);
	answer_int(a, "watches", (int64_t)watch_count(d->watch));
	if (watch_limit(d->watch))
		answer_text(a, "watches_limited", watch_limit(d->watch));
	answer_int(a, "connections", (int64_t)server_count(d->server));
	answer_int(a, "followers", (int64_t)server_followers(d->server));
	answer_int(a, "uptime", engine_now() - d->stats.started);
}

static int ask_status(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		      struct err *err)
{
	int64_t conditions = 0;
	json_t *a;
	int r = condition_count(d->e->db, &conditions, err);

	(void)c;
	if (r >= 0)
		r = cursor_get(d->e->db, "applied", &d->applied, err);
	if (r >= 0)
		r = store_head(d->e->store, &d->head, err);
	if (r < 0)
		return r;
	a = answer_ok();
	put_stats(d, conditions, a);
	r = put_list(d, request, a, err);
	if (r < 0)
		json_decref(a);
	else
		*ret = a;
	return r;
}

static int ask_follow(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		      struct err *err)
{
	int r = follow_begin(d, err);

	(void)request;
	if (r >= 0)
		r = conn_follow(c, err);
	if (r < 0)
		return r;
	*ret = answer_ok();
	answer_int(*ret, "applied", d->applied);
	return 0;
}

static int ask_drift(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		     struct err *err)
{
	(void)c;
	(void)request;
	return request_drift(d, ret, err);
}

static int ask_plan(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		    struct err *err)
{
	(void)c;
	return request_plan(d, request, ret, err);
}

static const char *const only_op[] = { "op", NULL };
static const char *const wait_members[] = { "op", "revision", "timeout_ms", "resource", NULL };
static const char *const status_members[] = { "op", "resources", "kind", NULL };
static const char *const plan_members[] = { "op", "changes", NULL };

enum who {
	WHO_ROOT, /* root, and whoever runs the engine */
	WHO_API,  /* and the user novacpx */
};

static const struct {
	const char *op;
	enum who who;
	const char *const *members;
	int (*ask)(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		   struct err *err);
} requests[] = {
	{ "wake", WHO_API, only_op, ask_wake },
	{ "wait", WHO_API, wait_members, ask_wait },
	{ "status", WHO_API, status_members, ask_status },
	{ "follow", WHO_API, only_op, ask_follow },
	{ "plan", WHO_API, plan_members, ask_plan },
	{ "drift", WHO_API, only_op, ask_drift },
};

static int dispatch(struct daemon *d, struct conn *c, const json_t *request, json_t **ret,
		    struct err *err)
{
	const char *op = json_string_value(json_object_get(request, "op"));

	if (!json_is_object(request))
		return err_set(err, ERR_INVALID,
			       "a JSON object is needed, such as {\"op\":\"status\"}");
	for (size_t i = 0; op && i < ARRAY_LEN(requests); i++) {
		int r;

		if (strcmp(requests[i].op, op) != 0)
			continue;
		if (requests[i].who == WHO_ROOT && !conn_is_root(c))
			return err_at(err, ERR_DENIED, "/op", "op: only root may ask for %s", op);
		r = request_members(request, requests[i].members, "", err);
		return r < 0 ? r : requests[i].ask(d, c, request, ret, err);
	}
	return err_at(err, ERR_INVALID, "/op",
		      "op: one of wake, wait, status, follow, plan, drift is needed");
}

void request_line(struct conn *c, const char *line, size_t len, void *daemon)
{
	json_error_t at;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &at);
	struct err err = ERR_INIT;
	json_t *answer = NULL;
	int r;

	if (request)
		r = dispatch(daemon, c, request, &answer, &err);
	else
		r = err_set(&err, ERR_INVALID, "not JSON at column %d: %s", at.column, at.text);
	json_decref(request);
	if (r <= 0)
		conn_answer(c, r < 0 ? answer_error(&err) : answer);
}

void request_expired(struct conn *c, void *daemon)
{
	const struct daemon *d = daemon;
	const struct wait *w = conn_held(c);
	struct err err = ERR_INIT;
	json_t *a;

	(void)err_set(&err, ERR_TIMEOUT, "revision %" PRId64 " is not applied yet%s%s", w->revision,
		      d->stats.failed[0] ? "; the last pass failed: " : "", d->stats.failed);
	a = answer_error(&err);
	answer_int(a, "applied", d->applied);
	conn_answer(c, a);
}

static void settle(struct conn *c, void *daemon)
{
	struct daemon *d = daemon;
	const struct wait *w = conn_held(c);
	struct err err = ERR_INIT;
	json_t *a;

	if (d->applied >= w->revision) {
		if (waited(d, w->revision, w->resource, &a, &err) < 0)
			a = answer_error(&err);
		conn_answer(c, a);
	} else if (d->stats.failed_code == ERR_GUARD && d->stats.failed_rev >= w->revision) {
		(void)err_set(&err, ERR_GUARD, "%s", d->stats.failed);
		conn_answer(c, answer_error(&err));
	}
}

void request_settle(struct daemon *d)
{
	server_each_held(d->server, settle, d);
}
