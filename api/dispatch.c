#include "api/dispatch.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/answer.h"
#include "api/args.h"
#include "api/client.h"
#include "api/crud.h"
#include "api/endpoint.h"
#include "api/ep_meta.h"
#include "api/metrics.h"
#include "api/options.h"
#include "api/scope.h"
#include "api/session.h"
#include "base/log.h"

enum {
	BODY_MAX = 64 * 1024 /* of endpoints that say nothing else */
};

/* What an error of ours is to HTTP. */
static const unsigned statuses[] = {
	[ERR_OK] = 200,     [ERR_INVALID] = 422, [ERR_NOTFOUND] = 404, [ERR_CONFLICT] = 409,
	[ERR_DENIED] = 403, [ERR_GUARD] = 409,   [ERR_BUSY] = 503,     [ERR_TIMEOUT] = 504,
	[ERR_TOOBIG] = 413, [ERR_SYSTEM] = 500,  [ERR_CHECK] = 422,    [ERR_CORRUPT] = 500,
	[ERR_ABSENT] = 503,
};

/* What is no revision, which has its own row: who came in or tried to, what was ended, what was refused. */
static bool needs_audit(const struct call *c, int r)
{
	const struct endpoint *ep = c->endpoint;

	if (!ep || c->is_audit)
		return false;
	if (r >= 0)
		return ep->audit && !endpoint_writes(ep);
	return c->status == 403 || c->status == 429 ||
	       (c->err.code == ERR_DENIED && endpoint_writes(ep)) ||
	       (c->status == 401 && (ep->roles == ROLE_BILLING || (ep->flags & EP_LOGIN)));
}

void dispatch_finish(struct call *c, int r)
{
	unsigned status = c->status;

	if (needs_audit(c, r)) {
		c->is_audit = true;
		c->result = r;
		if (work_put(c->api->writer, c))
			return;
	}
	if (c->plan)
		json_decref(c->plan);
	c->plan = NULL;
	if (r >= 0) {
		c->message = c->message ? c->message : "OK";
		answer_send(c, status ? status : 200);
		return;
	}
	if (status < 400)
		status = statuses[c->err.code];
	if (status == 401)
		call_header(c, "WWW-Authenticate", "Bearer realm=\"NovaCPX\"");
	if (status == 503 && (c->err.code == ERR_BUSY || c->err.code == ERR_ABSENT))
		call_header(c, "Retry-After", "2");
	if (status >= 500 && status != 503 && status != 504) {
		log_error("%s: %s", request_path(c->request), c->err.msg);
		c->message = answer_reason(status);
	} else if (!c->message) {
		c->message = c->err.msg[0] ? c->err.msg : answer_reason(status);
	}
	if (status == 422 && !c->n_errors && c->err.path[0])
		call_problem(c, c->err.path + (c->err.path[0] == '/'), c->err.msg);
	answer_send(c, status);
}

/* Steps before the handler. Each returns 0, or an error with c->status set. */

static int refuse(struct call *c, unsigned status, struct err *err, const char *message)
{
	c->status = status;
	return err_set(err, ERR_DENIED, "%s", message ? message : answer_reason(status));
}

static enum method method_of(const char *name)
{
	if (strcmp(name, "GET") == 0 || strcmp(name, "HEAD") == 0)
		return METHOD_GET;
	if (strcmp(name, "POST") == 0)
		return METHOD_POST;
	if (strcmp(name, "DELETE") == 0)
		return METHOD_DELETE;
	return 0;
}

/* "/api/accounts/list" and anything after; also what no table has: 404 says which half is unknown. */
static int find_endpoint(struct call *c, struct err *err)
{
	const char *path = request_path(c->request);
	const struct resource *res;
	size_t len;

	c->endpoint = meta_find(path);
	if (c->endpoint)
		return 0;
	if (strncmp(path, "/api/", 5) != 0)
		return refuse(c, 404, err, "Unknown address; the API is under /api/");
	path += 5;
	len = strcspn(path, "/");
	res = resource_find(path, len);
	if (!res)
		return refuse(c, 404, err,
			      mem_fmt(c->ctx, "Unknown endpoint: %.*s", (int)MIN(len, 64), path));
	path += len + (path[len] == '/');
	len = strcspn(path, "/");
	c->endpoint = endpoint_find(res, path, len);
	c->group = res;
	if (!c->endpoint)
		return refuse(c, 404, err,
			      mem_fmt(c->ctx, "Unknown %s action: %.*s", res->name,
				      (int)MIN(len, 64), path));
	return 0;
}

static int check_method(struct call *c, struct err *err)
{
	unsigned allowed = c->endpoint->methods;

	/* clients of the original send POST for every deletion */
	if (allowed & METHOD_DELETE)
		allowed |= METHOD_POST;
	if (allowed & method_of(request_method(c->request)))
		return 0;
	call_header(c, "Allow",
		    mem_fmt(c->ctx, "%s%s%sOPTIONS", allowed & METHOD_GET ? "GET, HEAD, " : "",
			    allowed & METHOD_POST ? "POST, " : "",
			    allowed & METHOD_DELETE ? "DELETE, " : ""));
	return refuse(c, 405, err, NULL);
}

static int authenticate(struct call *c, struct err *err)
{
	int r = session_authenticate(c, err);

	if (r == -ERR_DENIED && !(c->endpoint->roles & ROLE_NOBODY) && !c->status)
		c->status = 401;
	/* whoever logs in may still carry a cookie that has expired */
	if (r == -ERR_DENIED && (c->endpoint->roles & ROLE_NOBODY)) {
		c->who = (struct caller){ .role = ROLE_NOBODY };
		c->status = 0;
		err_clear(err);
		return 0;
	}
	return r;
}

static int check_role(struct call *c, struct err *err)
{
	if (c->endpoint->roles & c->who.role)
		return 0;
	if (c->who.role == ROLE_NOBODY)
		return refuse(c, 401, err, NULL);
	return refuse(c, 403, err, NULL);
}

/* A token may what its scopes say and no more. What anybody may, it may as anybody. */
static int check_scope(struct call *c, struct err *err)
{
	const char *scopes = c->who.scopes;

	if (!scopes || scope_allows(scopes, c->group, c->endpoint))
		return 0;
	if (c->endpoint->roles & ROLE_NOBODY) {
		c->who = (struct caller){ .role = ROLE_NOBODY };
		return 0;
	}
	return refuse(c, 403, err,
		      mem_fmt(c->ctx, "The token lacks the scope %s; it has: %.256s",
			      scope_needed(c->ctx, c->group, c->endpoint), scopes));
}

static bool same_host(const char *origin, const char *host)
{
	const char *name = strstr(origin, "://");
	size_t len;

	if (!name || !host)
		return false;
	name += 3;
	len = name[0] == '[' ? strcspn(name, "]") + 1 : strcspn(name, ":/");
	return strncasecmp(name, host, len) == 0 && (host[len] == '\0' || host[len] == ':');
}

/* The panel is served from this host, on any of its ports; no other origin has a say. */
static int check_origin(struct call *c, struct err *err)
{
	const char *origin = request_header(c->request, "Origin");
	const char *site = request_header(c->request, "Sec-Fetch-Site");
	bool is_ours = origin && same_host(origin, request_header(c->request, "Host"));

	if (is_ours) {
		call_header(c, "Access-Control-Allow-Origin", origin);
		call_header(c, "Access-Control-Allow-Credentials", "true");
		call_header(c, "Access-Control-Expose-Headers",
			    "Retry-After, X-NovaCPX-Version, X-RateLimit-Limit, "
			    "X-RateLimit-Remaining, X-RateLimit-Reset");
		call_header(c, "Vary", "Origin");
	}
	if (strcmp(request_method(c->request), "GET") == 0 ||
	    strcmp(request_method(c->request), "HEAD") == 0 || !c->who.session)
		return 0;
	if ((origin && !is_ours) || (!origin && site && strcmp(site, "cross-site") == 0))
		return refuse(c, 403, err,
			      "Refused: the request comes from a page of another site");
	return 0;
}

static int offered(struct call *c, struct err *err)
{
	if (!(c->endpoint->flags & EP_MACHINE))
		return 0;
	return refuse(
		c, 503, err,
		"This acts on the live machine, which this version does not offer by the API yet");
}

typedef int step_fn(struct call *c, struct err *err);

/* In this order; what needs the database runs on the seat of the connection's thread. */
static step_fn *const steps[] = {
	check_method, authenticate, check_role,   check_scope, check_origin,
	options_read, args_read,    args_resolve, offered,
};

static bool has_secret(const struct call *c)
{
	for (size_t i = 0; i < c->endpoint->n_params; i++) {
		if (c->endpoint->params[i].type == PARAM_SECRET && c->args[i].is_given)
			return true;
	}
	return false;
}

static void refuse_busy(struct call *c, const char *who)
{
	c->status = 503;
	dispatch_finish(c,
			err_set(&c->err, ERR_BUSY, "Too many calls wait for %s; try again", who));
}

/* To the thread that the endpoint names. */
void dispatch_carry_out(struct call *c)
{
	const struct endpoint *ep = c->endpoint;
	int r;

	if (endpoint_writes(ep)) {
		if (!work_put(c->api->writer, c))
			refuse_busy(c, "the database");
		return;
	}
	if (ep->place == ON_WORKER) {
		if (!work_put(c->api->waiters, c))
			refuse_busy(c, "the engine");
		return;
	}
	r = crud_run(c, &c->err);
	if (r >= 0 && (ep->flags & EP_STREAM))
		return; /* answered, and gone with that */
	dispatch_finish(c, r);
}

static void preflight(struct call *c)
{
	struct header headers[HTTP_HEADERS_MAX];
	struct err ignored = ERR_INIT;

	c->who.role = ROLE_NOBODY;
	if (check_origin(c, &ignored) >= 0) {
		call_header(c, "Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
		call_header(
			c, "Access-Control-Allow-Headers",
			"Content-Type, Authorization, X-Requested-With, If-Match, Idempotency-Key, Last-Event-ID, Prefer");
		call_header(c, "Access-Control-Max-Age", "600");
	}
	answer_headers(c, headers);
	request_reply(c->request, 204, NULL, "", 0, headers);
}

/* The bare root, as the original has it. */
static void greet(struct call *c)
{
	struct header headers[HTTP_HEADERS_MAX];

	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "status", "ok");
	jsonw_text(&c->w, "panel", "NovaCPX");
	jsonw_text(&c->w, "version", NOVACPX_VERSION);
	jsonw_close(&c->w, '}');
	answer_headers(c, headers);
	request_reply(c->request, 200, "application/json", c->data.data, c->data.len, headers);
}

/* Whoever asks for our health is told that it may pass. */
static int take_seat(struct call *c, struct err *err)
{
	int r = api_seat(c->api, &c->seat, err);

	if (r >= 0) {
		c->store = c->seat->store;
		return r;
	}
	log_error("%s", err->msg);
	c->status = 503;
	c->message = "The database cannot be opened";
	return r;
}

void dispatch_request(struct request *request, void *arg)
{
	struct call *c = request_user(request);
	int r = 0;

	(void)arg;
	if (strcmp(request_method(request), "OPTIONS") == 0) {
		preflight(c);
		return;
	}
	if (strcmp(request_path(request), "/api") == 0 ||
	    strcmp(request_path(request), "/api/") == 0) {
		greet(c);
		return;
	}
	if (!c->endpoint)
		r = find_endpoint(c, &c->err);
	if (r >= 0)
		r = take_seat(c, &c->err);
	for (size_t i = 0; i < ARRAY_LEN(steps) && r >= 0; i++)
		r = steps[i](c, &c->err);
	if (r < 0) {
		dispatch_finish(c, r);
		return;
	}
	if (has_secret(c) || c->endpoint->prepare) {
		if (!work_put(c->api->hashers, c))
			refuse_busy(c, "a password to be computed");
		return;
	}
	dispatch_carry_out(c);
}

/* Before a body is taken */

static struct call *call_new(struct api *api, struct request *r)
{
	struct call *c = mem_new(request_ctx(r), struct call);

	c->ctx = c;
	c->api = api;
	c->request = r;
	c->address = client_address(api->live, r);
	c->who.role = ROLE_NOBODY;
	c->began_us = metrics_now();
	c->data.ctx = c;
	c->data.max = BUF_MAX;
	c->w.out = &c->data;
	return c;
}

static bool count(struct call *c)
{
	enum rate_class class =
		c->endpoint && (c->endpoint->flags & EP_LOGIN) ? RATE_LOGIN : RATE_OTHER;
	int64_t now = (int64_t)time(NULL);
	struct rate_state state;
	bool is_allowed = rate_take(c->api->rate, c->address, class, now, &state);

	call_header(c, "X-RateLimit-Limit", mem_fmt(c, "%" PRId64, state.limit));
	call_header(c, "X-RateLimit-Remaining", mem_fmt(c, "%" PRId64, state.remaining));
	call_header(c, "X-RateLimit-Reset", mem_fmt(c, "%" PRId64, state.reset));
	if (!is_allowed) {
		call_header(c, "Retry-After", mem_fmt(c, "%" PRId64, MAX(state.reset - now, 1)));
		c->message = mem_fmt(c, "Too many requests; try again in %" PRId64 " seconds",
				     MAX(state.reset - now, 1));
	}
	return is_allowed;
}

void dispatch_admit(struct request *r, struct admission *ret, void *arg)
{
	struct call *c = call_new(arg, r);
	struct header *headers = mem_zero(c, HTTP_HEADERS_MAX * sizeof(*headers));

	request_set_user(r, c);
	(void)find_endpoint(c, &c->err); /* what is unknown is told when it was counted and read */
	c->status = 0;
	err_clear(&c->err);
	ret->body_max = c->endpoint && c->endpoint->body_max ? c->endpoint->body_max : BODY_MAX;
	ret->is_multipart = c->endpoint && (c->endpoint->flags & EP_MULTIPART);
	if ((c->endpoint && (c->endpoint->flags & EP_UNCOUNTED)) || count(c))
		return;
	metrics_count(c->api->metrics, c, 429);
	answer_headers(c, headers);
	ret->status = 429;
	ret->body = answer_refusal(c, 429, c->message, arg);
	ret->headers = headers;
}
