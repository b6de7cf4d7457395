#include "tests/hostile/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct reader {
	const void *ctx;
	const char *p, *end;
};

/* The next line without its CR LF, or NULL. */
static const char *take_line(struct reader *r)
{
	const char *nl = memmem(r->p, (size_t)(r->end - r->p), "\r\n", 2);
	const char *line;

	if (!nl || memchr(r->p, '\n', (size_t)(nl - r->p)) ||
	    memchr(r->p, '\0', (size_t)(nl - r->p)))
		return NULL;
	line = mem_strn(r->ctx, r->p, (size_t)(nl - r->p));
	r->p = nl + 2;
	return line;
}

struct head {
	int status;
	const char *type;
	long length; /* -1: not said */
	bool is_chunked, is_bad;
};

static bool is_name(const char *line, const char *name, const char **ret)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || strncmp(line + len, ": ", 2) != 0)
		return false;
	*ret = line + len + 2;
	return true;
}

static bool take_head(struct reader *r, struct head *h)
{
	const char *line = take_line(r), *value;

	*h = (struct head){ .length = -1, .type = "" };
	if (!line || strncmp(line, "HTTP/1.1 ", 9) != 0 || strspn(line + 9, "0123456789") != 3)
		return false;
	h->status = atoi(line + 9);
	while ((line = take_line(r)) && *line) {
		const char *colon = strchr(line, ':');

		h->is_bad |=
			!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line);
		if (is_name(line, "Content-Type", &value))
			h->type = value;
		else if (is_name(line, "Content-Length", &value))
			h->length = atol(value);
		else if (is_name(line, "Transfer-Encoding", &value))
			h->is_chunked = strcmp(value, "chunked") == 0;
	}
	return line != NULL;
}

static const char *check_envelope(const struct head *h, const json_t *j, const char *text)
{
	const json_t *success = json_object_get(j, "success");
	const json_t *errors = json_object_get(j, "errors");

	if (!success && h->status == 200 &&
	    (json_object_get(j, "openapi") || strcmp(text, "{\"status\":\"ok\"}") == 0 ||
	     json_object_get(j, "panel")))
		return NULL;
	if (!json_is_boolean(success) || !json_is_string(json_object_get(j, "message")))
		return "the body is not the envelope";
	if (h->status >= 400 && strcmp(json_string_value(json_object_get(j, "message")), "OK") == 0)
		return "a refusal says OK";
	if (json_is_true(success) != (h->status < 400))
		return "the envelope says otherwise than the status";
	if (json_is_true(success) ? !json_object_get(j, "data") : !json_is_array(errors))
		return "the envelope lacks data or errors";
	return strstr(text, "$y$") || strstr(text, "$5$rounds") ? "a hash is told" : NULL;
}

/* Answers that are no JSON, as the table documents them. */
static bool is_bare(const struct head *h)
{
	return h->status == 200 &&
	       (strncmp(h->type, "text/plain; version=", 20) == 0 ||
		strncmp(h->type, "text/html", 9) == 0 ||
		strcmp(h->type, "text/event-stream") == 0 || strncmp(h->type, "image/", 6) == 0);
}

static const char *check_body(const void *ctx, const struct head *h, const char *body, size_t len)
{
	const char *text = mem_strn(ctx, body, len);
	json_error_t je;
	json_t *j;
	const char *why;

	if (is_bare(h))
		return NULL;
	if (strcmp(h->type, "application/json") != 0)
		return mem_fmt(ctx, "the type is \"%s\"", h->type);
	j = json_loadb(body, len, JSON_REJECT_DUPLICATES, &je);
	if (!j)
		return mem_fmt(ctx, "the body is not JSON: %s", je.text);
	why = check_envelope(h, j, text);
	json_decref(j);
	return why;
}

static bool is_refused_by_status(int status)
{
	return status == 500 || status == 501 || status == 502 || status < 100 || status >= 600;
}

static const char *check_one(struct reader *r, bool is_head, struct answers *count)
{
	struct head h;
	size_t left;

	if (!take_head(r, &h))
		return "the head is not HTTP";
	if (h.is_bad)
		return "a header line is malformed";
	if (h.status == 100)
		return NULL;
	count->n++;
	count->of_status[h.status % STATUS_MAX]++;
	if (is_refused_by_status(h.status))
		return mem_fmt(r->ctx, "status %d", h.status);
	left = (size_t)(r->end - r->p);
	if (h.status == 204 || (is_head && (left < 9 || strncmp(r->p, "HTTP/1.1 ", 9) == 0)))
		return NULL;
	if (h.is_chunked) { /* a stream: to the end */
		r->p = r->end;
		return is_bare(&h) ? NULL : "chunks where none are due";
	}
	if (h.length < 0 || (size_t)h.length > left)
		return "the body is shorter than announced";
	r->p += h.length;
	return check_body(r->ctx, &h, r->p - h.length, (size_t)h.length);
}

const char *answers_check(const void *ctx, const char *text, size_t len, bool is_head, bool is_cut,
			  struct answers *count)
{
	struct reader r = { .ctx = ctx, .p = text, .end = text + len };

	while (r.p < r.end) {
		struct answers before = *count;
		const char *why = check_one(&r, is_head, count);

		if (why && is_cut && strstr(why, "shorter"))
			return NULL;
		if (why && count->n == before.n && is_cut)
			return NULL;
		if (why)
			return why;
	}
	return NULL;
}
