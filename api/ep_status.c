/*
 * status and drift: what the engine knows of the machine, as far as the caller
 * may see it. While the engine does not run they answer 503, with what the
 * model knows in "data".
 */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/own.h"
#include "api/resources.h"

enum {
	STATUS_TIMEOUT_MS = 5000,
	DRIFT_TIMEOUT_MS = 120000,
	ASKED_AT_ONCE = 100, /* the engine's own limit */
	NAMES_MAX = 5000,    /* of an account's resources in one list */
	LISTED_MAX = 1000,
};

static int free_json(json_t **p)
{
	json_decref(*p);
	return 0;
}

/* REQUEST is released, *RET lives as long as the call. */
static int ask(struct call *c, json_t *request, int64_t timeout_ms, const json_t **ret,
	       struct err *err)
{
	json_t **keep = mem_new(c->ctx, json_t *);
	int r = engine_call(c->api->engine, request, timeout_ms, keep, err);

	json_decref(request);
	if (r < 0)
		return r;
	talloc_set_destructor(keep, free_json);
	*ret = *keep;
	return 0;
}

static int64_t int_of(const json_t *o, const char *member)
{
	return json_integer_value(json_object_get(o, member));
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

/* The engine did not answer: 503, and what was put together without it is told all the same. */
static int tell_known(struct call *c, const struct buf *known, int r)
{
	if (r == -ERR_ABSENT || r == -ERR_TIMEOUT || r == -ERR_BUSY || r == -ERR_SYSTEM ||
	    r == -ERR_CORRUPT) {
		c->status = 503;
		c->refusal = buf_str(known);
	}
	return r;
}

/* summary */

/* What both answers begin with. */
static void put_known(struct jsonw *w, const char *engine, int64_t head)
{
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "engine", engine);
	jsonw_int(w, "revision", head);
}

static void put_engine(struct jsonw *w, const json_t *a)
{
	static const char *const numbers[] = {
		"conditions",       "passes",      "failures",  "last_pass_ms", "last_pass_actions",
		"last_pass_failed", "connections", "followers", "watches",      "uptime",
	};
	static const char *const texts[] = { "last_pass_error", "watches_limited" };

	jsonw_int(w, "applied", int_of(a, "applied"));
	jsonw_int(w, "lag", MAX(int_of(a, "head") - int_of(a, "applied"), (int64_t)0));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		jsonw_int(w, numbers[i], int_of(a, numbers[i]));
	jsonw_time(w, "last_pass_at", int_of(a, "last_pass_at"));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		jsonw_text(w, texts[i], json_string_value(json_object_get(a, texts[i])));
}

static int summary(struct call *c, struct err *err)
{
	struct buf known = BUF_ON(c->ctx);
	struct jsonw w = JSONW_ON(&known);
	const json_t *a;
	int64_t head = 0;
	int r = store_head(c->store, &head, err);

	if (r < 0)
		return r;
	r = ask(c, json_pack("{s:s}", "op", "status"), STATUS_TIMEOUT_MS, &a, err);
	if (r < 0) {
		put_known(&w, r == -ERR_ABSENT ? "down" : "busy", head);
		jsonw_close(&w, '}');
		return tell_known(c, &known, r);
	}
	put_known(&c->w, "up", MAX(head, int_of(a, "head")));
	put_engine(&c->w, a);
	jsonw_close(&c->w, '}');
	return 0;
}

/* get */

static void put_condition(struct jsonw *w, const json_t *o)
{
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "resource", text_of(o, "resource"));
	jsonw_text(w, "part", text_of(o, "part"));
	jsonw_text(w, "type", text_of(o, "type"));
	jsonw_text(w, "reason", text_of(o, "reason"));
	jsonw_text(w, "message", text_of(o, "message"));
	jsonw_int(w, "revision", int_of(o, "revision"));
	jsonw_time(w, "since", int_of(o, "since"));
	jsonw_time(w, "next_try", int_of(o, "next_try"));
	jsonw_close(w, '}');
}

/* A resource that the caller may see: its kind and key, the newest revision of it. */
struct subject {
	const char *name;
	int64_t rev; /* 0: the server's own */
};

static int missing(struct err *err)
{
	return err_set(err, ERR_NOTFOUND, "Resource not found");
}

/* What is not there, what is another's, what is no name: one answer. */
static int find_subject(struct call *c, struct subject *ret, struct err *err)
{
	const char *name = call_text(c, "resource", "");
	const char *slash = strchr(name, '/');
	const struct kind *k;
	struct res *res = NULL;
	int r;

	if (!slash || !slash[1])
		return missing(err);
	ret->name = name;
	if (c->who.role == ROLE_ADMIN && strncmp(name, "server/", 7) == 0)
		return 0;
	k = kind_find(mem_strn(c->ctx, name, (size_t)(slash - name)));
	if (!k)
		return missing(err);
	r = own_get_key(c, k, slash + 1, OWN_SEE, &res, err);
	if (r < 0)
		return r == -ERR_NOTFOUND ? missing(err) : r;
	ret->name = res_name(c->ctx, res);
	ret->rev = res->rev;
	return 0;
}

static void put_one(struct jsonw *w, const struct subject *s, const json_t *a)
{
	const json_t *list = json_object_get(a, "list");
	const json_t *first = json_array_get(list, 0);
	bool is_applied = int_of(a, "applied") >= s->rev;
	const json_t *o;
	size_t i;

	jsonw_open(w, NULL, '{');
	jsonw_text(w, "resource", s->name);
	jsonw_text(w, "type",
		   first        ? text_of(first, "type")
		   : is_applied ? "Ready"
				: "Progressing");
	jsonw_text(w, "reason",
		   first        ? text_of(first, "reason")
		   : is_applied ? "Applied"
				: "Pending");
	jsonw_text(w, "message",
		   first        ? text_of(first, "message")
		   : is_applied ? ""
				: "The engine has not applied it yet");
	jsonw_int(w, "revision", s->rev);
	jsonw_int(w, "applied", int_of(a, "applied"));
	jsonw_open(w, "conditions", '[');
	json_array_foreach(list, i, o)
	{
		put_condition(w, o);
	}
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

static int get(struct call *c, struct err *err)
{
	struct buf known = BUF_ON(c->ctx);
	struct jsonw w = JSONW_ON(&known);
	struct subject s = { NULL, 0 };
	const json_t *a;
	int r = find_subject(c, &s, err);

	if (r < 0)
		return r;
	r = ask(c, json_pack("{s:s, s:[s]}", "op", "status", "resources", s.name),
		STATUS_TIMEOUT_MS, &a, err);
	if (r >= 0) {
		put_one(&c->w, &s, a);
		return 0;
	}
	jsonw_open(&w, NULL, '{');
	jsonw_text(&w, "resource", s.name);
	jsonw_int(&w, "revision", s.rev);
	jsonw_close(&w, '}');
	return tell_known(c, &known, r);
}

/* list */

struct listing_of {
	struct call *c;
	const struct kind *kind; /* NULL: all */
	bool is_server;          /* of the server's own alone */
	size_t n;
	int64_t standing; /* conditions that the engine has in all */
	int64_t looked;   /* of these, how many came */
	bool is_cut;
	json_t *names; /* to be asked next */
	size_t n_names;
};

static int put_list(struct listing_of *l, const json_t *a, struct err *err)
{
	const json_t *o;
	size_t i;

	l->standing = int_of(a, "conditions");
	l->is_cut = l->is_cut || json_is_true(json_object_get(a, "truncated"));
	json_array_foreach(json_object_get(a, "list"), i, o)
	{
		int is_seen = own_sees(l->c, text_of(o, "resource"), err);

		if (is_seen < 0)
			return is_seen;
		l->looked++;
		if (is_seen && l->n < LISTED_MAX)
			put_condition(&l->c->w, o);
		l->is_cut = l->is_cut || (is_seen && l->n >= LISTED_MAX);
		l->n += (size_t)is_seen;
	}
	return 0;
}

static int list_kind(struct listing_of *l, const char *kind, struct err *err)
{
	const json_t *a;
	int r = ask(l->c, json_pack("{s:s, s:s}", "op", "status", "kind", kind), STATUS_TIMEOUT_MS,
		    &a, err);

	return r < 0 ? r : put_list(l, a, err);
}

/* Kind by kind, until all that stand have been seen. */
static int list_all(struct listing_of *l, struct err *err)
{
	bool is_admin = l->c->who.role == ROLE_ADMIN;
	int r;

	if (l->is_server || l->kind)
		return list_kind(l, l->is_server ? "server" : l->kind->name, err);
	r = list_kind(l, is_admin ? "server" : "account", err);
	for (size_t i = 0; i < n_kinds && r >= 0 && l->looked < l->standing; i++) {
		if (is_admin || kinds[i] != &kind_account)
			r = list_kind(l, kinds[i]->name, err);
	}
	return r;
}

/* Those of the names that were gathered. */
static int flush(struct listing_of *l, struct err *err)
{
	const json_t *a;
	int r;

	r = ask(l->c, json_pack("{s:s, s:o}", "op", "status", "resources", TAKE(l->names)),
		STATUS_TIMEOUT_MS, &a, err);
	return r < 0 ? r : put_list(l, a, err);
}

static int add_name(struct listing_of *l, const char *name, struct err *err)
{
	if (l->n_names == NAMES_MAX) {
		l->is_cut = true;
		return 0;
	}
	l->n_names++;
	if (!l->names)
		l->names = json_array();
	(void)json_array_append_new(l->names, json_string(name));
	return json_array_size(l->names) >= ASKED_AT_ONCE ? flush(l, err) : 0;
}

/* The resources of kind K whose parent is KEY; with FIELD NULL none. */
static int add_children(struct listing_of *l, const struct kind *k, const char *key,
			struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "children");
	struct cursor *cur = NULL;
	void *res;
	int r = cursor_open(ctx, l->c->store, k, kind_parent(k), key, &cur, err);

	while (r >= 0 && !l->is_cut && (r = cursor_next(ctx, cur, &res, err)) > 0) {
		r = add_name(l, res_name(ctx, res), err);
		if (r < 0)
			break;
	}
	return r < 0 ? r : 0;
}

static int add_records(struct listing_of *l, const char *account, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "zones");
	struct cursor *cur = NULL;
	const struct zone *z;
	int r = cursor_open(ctx, l->c->store, &kind_zone, kind_parent(&kind_zone), account, &cur,
			    err);

	while (r >= 0 && !l->is_cut && (r = cursor_next(ctx, cur, &z, err)) > 0) {
		r = add_children(l, &kind_record, z->name, err);
		if (r < 0)
			break;
	}
	return r < 0 ? r : 0;
}

static int add_kind(struct listing_of *l, const struct kind *k, const struct account *a,
		    struct err *err)
{
	const struct field *parent = kind_parent(k);

	if (k == &kind_account)
		return add_name(l, res_name(l->c->ctx, a), err);
	if (parent && parent->ref == &kind_account)
		return add_children(l, k, a->username, err);
	/* conditions are a zone's: its records are looked through when they are asked for */
	return k == &kind_record && l->kind ? add_records(l, a->username, err) : 0;
}

static int list_account(struct listing_of *l, const struct account *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n_kinds && r >= 0; i++) {
		if (!l->kind || l->kind == kinds[i])
			r = add_kind(l, kinds[i], a, err);
	}
	if (r >= 0 && (l->names || !l->n_names))
		r = l->names ? flush(l, err) : list_kind(l, "account", err);
	json_decref(TAKE(l->names));
	return r;
}

static int list(struct call *c, struct err *err)
{
	const char *kind = call_text(c, "kind", NULL);
	struct listing_of l = { .c = c };
	int r;

	l.is_server = kind && strcmp(kind, "server") == 0;
	l.kind = kind && !l.is_server ? kind_find(kind) : NULL;
	if (kind && (l.is_server ? c->who.role != ROLE_ADMIN : !l.kind)) {
		c->status = 422;
		call_problem(c, "kind", "there is no such kind");
		return err_set(err, ERR_INVALID, "kind: there is no such kind");
	}
	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "conditions", '[');
	r = c->account && !l.is_server ? list_account(&l, c->account, err) : list_all(&l, err);
	jsonw_close(&c->w, ']');
	jsonw_bool(&c->w, "truncated", l.is_cut);
	jsonw_close(&c->w, '}');
	if (r < 0)
		c->status = r == -ERR_ABSENT || r == -ERR_TIMEOUT || r == -ERR_BUSY ? 503 : 0;
	return r;
}

/* drift */

static int drift(struct call *c, struct err *err)
{
	const json_t *a;
	json_t *shown;
	char *text;
	int r = ask(c, json_pack("{s:s}", "op", "drift"), DRIFT_TIMEOUT_MS, &a, err);

	if (r < 0) {
		c->status = r == -ERR_ABSENT || r == -ERR_TIMEOUT || r == -ERR_BUSY ? 503 : 0;
		return r;
	}
	shown = json_copy((json_t *)a);
	(void)json_object_del(shown, "ok");
	if (!json_object_get(shown, "truncated"))
		(void)json_object_set_new(shown, "truncated", json_false());
	text = json_dumps(shown, JSON_COMPACT);
	json_decref(shown);
	jsonw_raw(&c->w, NULL, text ? text : "null");
	free(text);
	return 0;
}

static const struct param get_params[] = {
	{ .name = "resource",
	  .flags = PARAM_REQUIRED,
	  .doc = "KIND/KEY as answers of writes name it: domain/a.example." },
};

static const struct param list_params[] = {
	{ .name = "account_id",
	  .type = PARAM_ACCOUNT,
	  .doc = "Of this account alone; users: their own, whatever is sent." },
	{ .name = "kind",
	  .doc = "Of this kind alone: domain, account, …; for admins also server." },
};

static const struct endpoint status_rows[] = {
	{ .action = "summary",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED | EP_ENGINE,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  .returns = "engine revision applied lag conditions passes failures last_pass_ms "
		     "last_pass_actions last_pass_failed connections followers watches uptime "
		     "last_pass_at last_pass_error watches_limited",
	  .run = summary,
	  .doc = "How far the engine is, and how its last pass went." },
	{ .action = "get",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED | EP_ENGINE,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  PARAMS(get_params),
	  .returns = "resource type reason message revision applied conditions",
	  .run = get,
	  .doc = "How a resource stands on the machine." },
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED | EP_ENGINE,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  PARAMS(list_params),
	  .returns = "conditions truncated",
	  .run = list,
	  .doc = "What is not simply ready, of what the caller may see; at most 1000." },
};

static const struct endpoint drift_rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_ADMIN,
	  .flags = EP_ADDED | EP_ENGINE,
	  .op = EP_CUSTOM,
	  .place = ON_WORKER,
	  .returns = "count actions truncated age_ms",
	  .run = drift,
	  .doc = "What somebody else changed on the machine, with diffs: what the engine would do about it." },
};

const struct resource resource_status =
	RESOURCE("status", status_rows, "How desired things stand on the machine.");
const struct resource resource_drift =
	RESOURCE("drift", drift_rows, "What the machine has otherwise than it was left.");
