#include "api/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/endpoint.h"
#include "api/operations.h"
#include "api/server.h"

enum {
	WAIT_MAX_S = 60,
	CONFIRM_MIN_S = 10,
	CONFIRM_MAX_S = 86400,
};

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

/* What nobody can have seen is newer than nothing or than all: it would guard no write at all. */
static int check_seen(struct call *c, struct err *err)
{
	int64_t head = 0;
	int r = store_head(c->store, &head, err);

	if (r < 0 || (c->seen_rev > 0 && c->seen_rev <= head))
		return r;
	return err_set(err, ERR_CONFLICT,
		       "If-Match: found %" PRId64 ", but the newest revision is %" PRId64
		       "; read what is to be changed again",
		       c->seen_rev, head);
}

/* "12", "\"12\"" or W/"12": the revision that the caller has seen. */
static int read_if_match(struct call *c, struct err *err)
{
	const char *text = request_header(c->request, "If-Match");
	size_t len;
	int r;

	if (!text || strcmp(text, "*") == 0)
		return 0;
	text += strncmp(text, "W/", 2) == 0 ? 2 : 0;
	text += *text == '"';
	len = strlen(text);
	if (len && text[len - 1] == '"')
		len--;
	r = read_number(c, "If-Match", mem_strn(c->ctx, text, len), INT64_MAX, &c->seen_rev, err);
	return r < 0 ? r : check_seen(c, err);
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

/* Sessions, tokens and second factors are no desired state: whoever only wants to see must not act. */
static int refuse_dry_run(struct call *c, struct err *err)
{
	if (!c->is_dry_run || c->endpoint->methods == METHOD_GET)
		return 0;
	c->status = 400;
	return err_set(err, ERR_INVALID,
		       "dry_run: found on %s, allowed is it on writes of desired state alone; "
		       "nothing was done",
		       request_path(c->request));
}

/* What any write may ask for. */
int options_read(struct call *c, struct err *err)
{
	const char *wait = request_query(c->request, "wait");
	const char *dry = request_query(c->request, "dry_run");
	int64_t seconds = 0;
	int r;

	c->is_dry_run = dry && strcmp(dry, "0") != 0 && strcmp(dry, "false") != 0;
	if (!endpoint_writes(c->endpoint))
		return refuse_dry_run(c, err);
	r = wait ? read_number(c, "wait", wait, WAIT_MAX_S, &seconds, err) : 0;
	c->wait_ms = seconds * 1000;
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
