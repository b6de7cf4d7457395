#include "api/dispatch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/args.h"
#include "api/client.h"
#include "api/crud.h"
#include "api/endpoint.h"
#include "api/ep_meta.h"
#include "api/expiry.h"
#include "api/metrics.h"
#include "api/operations.h"
#include "api/plan.h"
#include "api/scope.h"
#include "api/session.h"
#include "base/log.h"
#include "model/password.h"

enum {
	BODY_MAX = 64 * 1024, /* of endpoints that say nothing else */
	WAIT_MAX_S = 60,
	CONFIRM_MIN_S = 10,
	CONFIRM_MAX_S = 86400,
	HEADERS_MAX = HTTP_HEADERS_MAX,
};

#define JSON_TYPE "application/json"

/* What an error of ours is to HTTP. */
static const unsigned statuses[] = {
	[ERR_OK] = 200,     [ERR_INVALID] = 422, [ERR_NOTFOUND] = 404, [ERR_CONFLICT] = 409,
	[ERR_DENIED] = 403, [ERR_GUARD] = 409,   [ERR_BUSY] = 503,     [ERR_TIMEOUT] = 504,
	[ERR_TOOBIG] = 413, [ERR_SYSTEM] = 500,  [ERR_CHECK] = 422,    [ERR_CORRUPT] = 500,
	[ERR_ABSENT] = 503,
};

/* Answers */

static const char *standard_message(unsigned status)
{
	switch (status) {
	case 400: return "Bad request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not found";
	case 405: return "Method not allowed";
	case 408: return "The request came too slowly";
	case 413: return "The request is too large";
	case 414: return "The address is too long";
	case 415: return "This type of body is not taken here";
	case 429: return "Too many requests";
	case 431: return "The request's head is too large";
	case 503: return "Service unavailable";
	default: return "Internal error";
	}
}

const char *dispatch_refusal(const void *ctx, unsigned status, const char *reason, void *arg)
{
	struct buf out = BUF_ON(ctx);
	struct jsonw w = JSONW_ON(&out);

	(void)arg;
	jsonw_open(&w, NULL, '{');
	jsonw_bool(&w, "success", false);
	jsonw_text(&w, "message", reason ? reason : standard_message(status));
	jsonw_open(&w, "errors", '[');
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	return buf_str(&out);
}

static void put_errors(struct jsonw *w, const struct call *c)
{
	jsonw_open(w, "errors", '[');
	for (size_t i = 0; i < c->n_errors; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_text(w, "path", c->errors[i].path);
		jsonw_text(w, "message", c->errors[i].message);
		if (c->errors[i].line) {
			jsonw_int(w, "line", c->errors[i].line);
			jsonw_int(w, "column", c->errors[i].column);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_condition(struct jsonw *w, const struct call *c)
{
	if (!c->rev)
		return;
	jsonw_int(w, "revision", c->rev);
	if (c->confirm_until && !c->is_dry_run)
		jsonw_time(w, "confirm_until", c->confirm_until);
	if (c->operation) {
		jsonw_open(w, "operation", '{');
		jsonw_text(w, "id", c->operation);
		jsonw_text(w, "state", "pending");
		jsonw_close(w, '}');
	}
	if ((!c->resource && !c->condition.type) || c->is_dry_run)
		return;
	jsonw_open(w, "condition", '{');
	jsonw_text(w, "resource", c->condition.resource ? c->condition.resource : c->resource);
	jsonw_text(w, "type", c->condition.type ? c->condition.type : "Progressing");
	jsonw_text(w, "reason", c->condition.type ? c->condition.reason : "Pending");
	jsonw_text(w, "message",
		   c->condition.type ? c->condition.message : "The engine has not applied it yet");
	jsonw_int(w, "revision", c->rev);
	jsonw_close(w, '}');
}

/* A paged answer carries its meta at the top as well, for clients of the original. */
static void put_meta(struct jsonw *w, const struct call *c)
{
	const char *data = buf_str(&c->data);
	const char *meta =
		c->endpoint && (c->endpoint->flags & EP_PAGED)
			? strstr(data + (c->data.len > 120 ? c->data.len - 120 : 0), "\"meta\":")
			: NULL;

	if (meta)
		jsonw_raw(w, "meta", mem_strn(c->ctx, meta + 7, strlen(meta + 7) - 1));
}

static void envelope(const struct call *c, bool is_good, struct buf *out)
{
	struct jsonw w = JSONW_ON(out);

	jsonw_open(&w, NULL, '{');
	jsonw_bool(&w, "success", is_good);
	jsonw_text(&w, "message", c->message);
	if (is_good) {
		jsonw_raw(&w, "data", c->data.len ? buf_str(&c->data) : "null");
		put_meta(&w, c);
		put_condition(&w, c);
	} else {
		if (c->refusal)
			jsonw_raw(&w, "data", c->refusal);
		put_errors(&w, c);
	}
	jsonw_close(&w, '}');
}

static void add(struct header *list, size_t *n, const char *name, const char *value)
{
	if (*n + 1 < HEADERS_MAX)
		list[(*n)++] = (struct header){ name, value };
}

/* What an endpoint says itself takes the place of what all answers say. */
static bool replace(struct header *list, size_t n, const struct header *own)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].name, own->name) != 0 || strcmp(own->name, "Set-Cookie") == 0)
			continue;
		list[i].value = own->value;
		return true;
	}
	return false;
}

static void standard_headers(const struct call *c, struct header *list, size_t *n)
{
	add(list, n, "X-NovaCPX-Version", NOVACPX_VERSION);
	add(list, n, "Cache-Control", "no-store");
	add(list, n, "X-Content-Type-Options", "nosniff");
	add(list, n, "Referrer-Policy", "no-referrer");
	add(list, n, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	if (c->request && request_is_tls(c->request))
		add(list, n, "Strict-Transport-Security", "max-age=31536000");
	for (size_t i = 0; i < c->headers.n; i++) {
		const struct header *h = c->headers.v[i];

		if (!replace(list, *n, h))
			add(list, n, h->name, h->value);
	}
	list[*n] = (struct header){ NULL, NULL };
}

struct stream *dispatch_stream(struct call *c)
{
	struct header headers[HEADERS_MAX];
	size_t n = 0;

	metrics_count(c->api->metrics, c, 200);
	standard_headers(c, headers, &n);
	return request_stream(c->request, headers, NULL, NULL);
}

static void send_answer(struct call *c, unsigned status)
{
	struct buf out = { .ctx = c->ctx, .max = BUF_MAX };
	struct header headers[HEADERS_MAX];
	size_t n = 0;

	metrics_count(c->api->metrics, c, status);
	standard_headers(c, headers, &n);
	if (c->endpoint && (c->endpoint->flags & EP_BARE) && status < 400) {
		request_reply(c->request, status, c->type ? c->type : JSON_TYPE, buf_str(&c->data),
			      c->data.len, headers);
		return;
	}
	envelope(c, status < 400, &out);
	request_reply(c->request, status, JSON_TYPE, out.data, out.len, headers);
}

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
		send_answer(c, status ? status : 200);
		return;
	}
	if (status < 400)
		status = statuses[c->err.code];
	if (status >= 500 && status != 503 && status != 504) {
		log_error("%s: %s", request_path(c->request), c->err.msg);
		c->message = standard_message(status);
	} else if (!c->message) {
		c->message = c->err.msg[0] ? c->err.msg : standard_message(status);
	}
	if (status == 422 && !c->n_errors && c->err.path[0])
		call_problem(c, c->err.path + (c->err.path[0] == '/'), c->err.msg);
	send_answer(c, status);
}

/* Steps before the handler. Each returns 0, or an error with c->status set. */

static int refuse(struct call *c, unsigned status, struct err *err, const char *message)
{
	c->status = status;
	return err_set(err, ERR_DENIED, "%s", message ? message : standard_message(status));
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

static int read_number(struct call *c, const char *what, const char *text, int64_t max,
		       int64_t *ret, struct err *err)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || *end || n < 0 || n > max) {
		c->status = 400;
		return err_set(err, ERR_INVALID, "%s: a number from 0 to %" PRId64 " is needed",
			       what, max);
	}
	*ret = n;
	return 0;
}

/* "12", "\"12\"" or W/"12": the revision that the caller has seen. */
static int read_if_match(struct call *c, struct err *err)
{
	const char *text = request_header(c->request, "If-Match");
	size_t len;

	if (!text || strcmp(text, "*") == 0)
		return 0;
	text += strncmp(text, "W/", 2) == 0 ? 2 : 0;
	text += *text == '"';
	len = strlen(text);
	if (len && text[len - 1] == '"')
		len--;
	return read_number(c, "If-Match", mem_strn(c->ctx, text, len), INT64_MAX, &c->seen_rev,
			   err);
}

/* A write that is reverted unless somebody says in time that it is right. */
static int read_confirm(struct call *c, struct err *err)
{
	const char *text = request_query(c->request, "confirm");
	int r = text ? read_number(c, "confirm", text, CONFIRM_MAX_S, &c->confirm_s, err) : 0;

	if (r < 0 || !text)
		return r;
	c->status = 400;
	if (c->confirm_s < CONFIRM_MIN_S)
		return err_set(err, ERR_INVALID,
			       "confirm: found %" PRId64 " seconds, allowed are %d to %d",
			       c->confirm_s, CONFIRM_MIN_S, CONFIRM_MAX_S);
	if (c->who.role == ROLE_BILLING)
		return err_set(err, ERR_INVALID,
			       "confirm: the billing key cannot confirm, so it cannot ask for it");
	c->status = 0;
	return 0;
}

/* What any write may ask for. */
static int read_options(struct call *c, struct err *err)
{
	const char *wait = request_query(c->request, "wait");
	const char *dry = request_query(c->request, "dry_run");
	int64_t seconds = 0;
	int r;

	if (!endpoint_writes(c->endpoint))
		return 0;
	r = wait ? read_number(c, "wait", wait, WAIT_MAX_S, &seconds, err) : 0;
	c->wait_ms = seconds * 1000;
	c->is_dry_run = dry && strcmp(dry, "0") != 0 && strcmp(dry, "false") != 0;
	c->idempotency = request_header(c->request, "Idempotency-Key");
	if (r >= 0 && c->idempotency && (strlen(c->idempotency) > 128 || !*c->idempotency)) {
		c->status = 400;
		return err_set(err, ERR_INVALID, "Idempotency-Key: 1 to 128 characters are needed");
	}
	if (r >= 0)
		r = read_confirm(c, err);
	if (r >= 0)
		r = operation_read(c, err);
	return r < 0 ? r : read_if_match(c, err);
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
	read_options, args_read,    args_resolve, offered,
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
	call_header(c, "Retry-After", "2");
	c->status = 503;
	dispatch_finish(c,
			err_set(&c->err, ERR_BUSY, "Too many calls wait for %s; try again", who));
}

/* To the thread that the endpoint names. */
static void carry_out(struct call *c)
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
	struct header headers[HEADERS_MAX];
	struct err ignored = ERR_INIT;
	size_t n = 0;

	c->who.role = ROLE_NOBODY;
	if (check_origin(c, &ignored) >= 0) {
		call_header(c, "Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
		call_header(
			c, "Access-Control-Allow-Headers",
			"Content-Type, Authorization, X-Requested-With, If-Match, Idempotency-Key, Prefer");
		call_header(c, "Access-Control-Max-Age", "600");
	}
	standard_headers(c, headers, &n);
	request_reply(c->request, 204, NULL, "", 0, headers);
}

/* The bare root, as the original has it. */
static void greet(struct call *c)
{
	struct header headers[HEADERS_MAX];
	size_t n = 0;

	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "status", "ok");
	jsonw_text(&c->w, "panel", "NovaCPX");
	jsonw_text(&c->w, "version", NOVACPX_VERSION);
	jsonw_close(&c->w, '}');
	standard_headers(c, headers, &n);
	request_reply(c->request, 200, JSON_TYPE, c->data.data, c->data.len, headers);
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
	if (strcmp(request_path(request), "/api") == 0 ||
	    strcmp(request_path(request), "/api/") == 0) {
		greet(c);
		return;
	}
	if (strcmp(request_method(request), "OPTIONS") == 0) {
		preflight(c);
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
	carry_out(c);
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
	struct header *headers = mem_zero(c, HEADERS_MAX * sizeof(*headers));
	size_t n = 0;

	request_set_user(r, c);
	(void)find_endpoint(c, &c->err); /* what is unknown is told when it was counted and read */
	c->status = 0;
	err_clear(&c->err);
	ret->body_max = c->endpoint && c->endpoint->body_max ? c->endpoint->body_max : BODY_MAX;
	ret->is_multipart = c->endpoint && (c->endpoint->flags & EP_MULTIPART);
	if ((c->endpoint && (c->endpoint->flags & EP_UNCOUNTED)) || count(c))
		return;
	metrics_count(c->api->metrics, c, 429);
	standard_headers(c, headers, &n);
	ret->status = 429;
	ret->body = dispatch_refusal(c, 429, c->message, arg);
	ret->headers = headers;
}

/* Workers */

static int hash_secrets(struct call *c, struct err *err)
{
	int64_t shortest = 0;
	int r = call_setting_int(c, "password_min_length", &shortest, err);

	for (size_t i = 0; i < c->endpoint->n_params && r >= 0; i++) {
		const struct param *p = &c->endpoint->params[i];
		struct arg *a = &c->args[i];

		if (p->type != PARAM_SECRET || !a->is_given || a->value.type == VALUE_NULL)
			continue;
		r = password_hash(c->ctx, a->text, (size_t)shortest, &a->hash, err);
		if (r == -ERR_INVALID) {
			c->status = 422;
			call_problem(c, p->name, err->msg);
		}
	}
	return r;
}

void dispatch_hash(void **items, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct call *c = items[i];
		int r = api_seat(arg, &c->seat, &c->err);

		if (r >= 0) {
			c->store = c->seat->store;
			r = hash_secrets(c, &c->err);
		}
		if (r >= 0 && c->endpoint->prepare)
			r = c->endpoint->prepare(c, &c->err);
		if (r < 0)
			dispatch_finish(c, r);
		else
			carry_out(c);
	}
}

static const char *text_of(struct call *c, const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return mem_str(c->ctx, text ? text : "");
}

/* What is the worst for the caller: what will not be done by itself, else the first that is told. */
static const json_t *worst_of(const json_t *conditions)
{
	const json_t *one;
	size_t i;

	json_array_foreach(conditions, i, one)
	{
		const char *type = json_string_value(json_object_get(one, "type"));

		if (type && strcmp(type, "Progressing") != 0)
			return one;
	}
	return json_array_get(conditions, 0);
}

/* The answer keeps what was written, whether or not the engine gets to it in time. */
static void wait_for_engine(struct call *c)
{
	struct err err = ERR_INIT;
	json_t *answer = NULL;
	json_t *request =
		json_pack("{s:s, s:I, s:I, s:s*}", "op", "wait", "revision", (json_int_t)c->rev,
			  "timeout_ms", (json_int_t)c->wait_ms, "resource", c->resource);
	int r = engine_call(c->api->engine, request, c->wait_ms + 2000, &answer, &err);
	const json_t *worst = worst_of(json_object_get(answer, "conditions"));

	json_decref(request);
	c->condition.type = r < 0 ? "Progressing" : "Ready";
	c->condition.reason = r == -ERR_ABSENT ? "NotRunning" : r < 0 ? "Waiting" : "Applied";
	c->condition.message = mem_str(c->ctx, r < 0 ? err.msg : NULL);
	if (worst) {
		c->condition.resource = text_of(c, worst, "resource");
		c->condition.type = text_of(c, worst, "type");
		c->condition.reason = text_of(c, worst, "reason");
		c->condition.message = text_of(c, worst, "message");
	}
	json_decref(answer);
}

void dispatch_wait(void **items, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct call *c = items[i];
		int r = api_seat(arg, &c->seat, &c->err);

		if (r >= 0)
			c->store = c->seat->store;
		if (r >= 0 && c->plan)
			r = plan_show(c, &c->err);
		else if (r >= 0 && endpoint_writes(c->endpoint))
			wait_for_engine(c);
		else if (r >= 0)
			r = crud_run(c, &c->err);
		dispatch_finish(c, r);
	}
}

void dispatch_written(struct call *c, int r)
{
	bool goes_on;

	if (c->expires) {
		expiry_done(c, r);
		return;
	}
	if (c->is_audit) {
		dispatch_finish(c, c->result);
		return;
	}
	if (r >= 0 && c->is_async && c->rev && !c->plan)
		operation_begin(c);
	goes_on = r >= 0 && !c->operation && (c->plan || (c->wait_ms && c->rev));

	if (!goes_on || !work_put(c->api->waiters, c))
		dispatch_finish(c, r);
}
