#include "api/answer.h"

#include <string.h>

#include "api/api.h"
#include "api/endpoint.h"
#include "api/metrics.h"

#define JSON_TYPE "application/json"

const char *answer_reason(unsigned status)
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

const char *answer_refusal(const void *ctx, unsigned status, const char *reason, void *arg)
{
	struct buf out = BUF_ON(ctx);
	struct jsonw w = JSONW_ON(&out);

	(void)arg;
	jsonw_open(&w, NULL, '{');
	jsonw_bool(&w, "success", false);
	jsonw_text(&w, "message", reason ? reason : answer_reason(status));
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
	if (*n + 1 < HTTP_HEADERS_MAX)
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

void answer_headers(const struct call *c, struct header *list)
{
	size_t n = 0;

	add(list, &n, "X-NovaCPX-Version", NOVACPX_VERSION);
	add(list, &n, "Cache-Control", "no-store");
	add(list, &n, "X-Content-Type-Options", "nosniff");
	add(list, &n, "Referrer-Policy", "no-referrer");
	add(list, &n, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	if (c->request && request_is_tls(c->request))
		add(list, &n, "Strict-Transport-Security", "max-age=31536000");
	for (size_t i = 0; i < c->headers.n; i++) {
		const struct header *h = c->headers.v[i];

		if (!replace(list, n, h))
			add(list, &n, h->name, h->value);
	}
	list[n] = (struct header){ NULL, NULL };
}

struct stream *answer_stream(struct call *c)
{
	struct header headers[HTTP_HEADERS_MAX];

	metrics_count(c->api->metrics, c, 200);
	answer_headers(c, headers);
	return request_stream(c->request, headers, NULL, NULL);
}

void answer_send(struct call *c, unsigned status)
{
	struct buf out = { .ctx = c->ctx, .max = BUF_MAX };
	struct header headers[HTTP_HEADERS_MAX];

	metrics_count(c->api->metrics, c, status);
	answer_headers(c, headers);
	if (c->endpoint && (c->endpoint->flags & EP_BARE) && status < 400) {
		request_reply(c->request, status, c->type ? c->type : JSON_TYPE, buf_str(&c->data),
			      c->data.len, headers);
		return;
	}
	envelope(c, status < 400, &out);
	request_reply(c->request, status, JSON_TYPE, out.data, out.len, headers);
}
