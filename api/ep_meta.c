/* What is asked about the API itself, at addresses of its own: its description, health, numbers. */
#include "api/ep_meta.h"

#include <inttypes.h>
#include <string.h>

#include "api/api.h"
#include "api/logo.h"
#include "api/openapi.h"
#include "api/refpage.h"
#include "base/log.h"

static int openapi(struct call *c, struct err *err)
{
	(void)err;
	openapi_write(&c->w);
	return 0;
}

static int reference(struct call *c, struct err *err)
{
	(void)err;
	call_header(c, "Content-Security-Policy", refpage_policy(c->ctx));
	refpage_write(&c->data);
	c->type = "text/html; charset=utf-8";
	return 0;
}

static int healthz(struct call *c, struct err *err)
{
	int64_t head;
	int r = store_head(c->store, &head, err);

	if (r < 0) {
		log_error("healthz: %s", err->msg);
		c->status = 503;
		c->message = "The database cannot be read";
		return r;
	}
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "status", "ok");
	jsonw_close(&c->w, '}');
	return 0;
}

/* What a proxy passes on comes from elsewhere, wherever the proxy stands. */
static bool is_local(struct call *c)
{
	const char *peer = request_peer(c->request);

	return (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0) &&
	       !request_header(c->request, "X-Forwarded-For") &&
	       !request_header(c->request, "Forwarded");
}

static void put(struct call *c, const char *name, const char *type, const char *help, uint64_t num)
{
	buf_printf(&c->data, "# HELP novacpx_%s %s\n# TYPE novacpx_%s %s\nnovacpx_%s %" PRIu64 "\n",
		   name, help, name, type, name, num);
}

static void put_queue(struct call *c, const char *name, struct work *queue)
{
	buf_printf(&c->data, "novacpx_queue_length{queue=\"%s\"} %zu\n", name, work_waiting(queue));
}

/* Those that hold: an index says how many. */
static int count_sessions(struct call *c, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT count(*) FROM session WHERE expires>unixepoch()", &st,
			err);

	if (r >= 0)
		r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

/* Without asking: what the engine told those that follow it. Asking for numbers counts as listening. */
static void put_engine(struct call *c, int64_t head)
{
	struct events_view view;

	events_peek(c->api->events, &view);
	put(c, "event_listeners", "gauge", "Open streams of events.", view.listeners);
	if (!view.is_known)
		return;
	put(c, "engine_up", "gauge", "Whether the engine runs.", view.is_up);
	if (view.applied < 0)
		return;
	put(c, "revision_applied", "gauge", "The newest revision that the engine has applied.",
	    (uint64_t)view.applied);
	put(c, "engine_lag", "gauge", "Revisions that the engine has not applied.",
	    (uint64_t)MAX(head - view.applied, (int64_t)0));
}

static int metrics(struct call *c, struct err *err)
{
	struct http_stats stats;
	int64_t sessions = 0;
	int64_t head = 0;
	int r;

	if (c->who.role != ROLE_ADMIN && !is_local(c)) {
		c->status = c->who.role == ROLE_NOBODY ? 401 : 403;
		return err_set(err, ERR_DENIED, "Numbers are for admins and for this machine");
	}
	r = store_head(c->store, &head, err);
	if (r >= 0)
		r = count_sessions(c, &sessions, err);
	if (r < 0)
		return r;
	http_stats(c->api->http, &stats);
	put(c, "http_requests_total", "counter", "Requests.", stats.requests);
	put(c, "http_refused_total", "counter", "Refused by the server itself.", stats.refused);
	put(c, "http_reaped_total", "counter", "Cut because they were too slow.", stats.reaped);
	put(c, "http_connections", "gauge", "Open connections.", stats.connections);
	put(c, "http_streams", "gauge", "Open streams.", stats.streams);
	put(c, "http_waiting", "gauge", "Requests without an answer yet.", stats.waiting);
	put(c, "revision_head", "gauge", "The newest revision.", (uint64_t)head);
	put(c, "sessions", "gauge", "Sessions that hold.", (uint64_t)sessions);
	put(c, "operations_pending", "gauge", "Operations that wait for the engine.",
	    operations_pending(c->api->operations));
	put_engine(c, head);
	metrics_put(c->api->metrics, &c->data);
	buf_puts(&c->data, "# HELP novacpx_queue_length Calls that wait.\n"
			   "# TYPE novacpx_queue_length gauge\n");
	put_queue(c, "writer", c->api->writer);
	put_queue(c, "hashers", c->api->hashers);
	put_queue(c, "waiters", c->api->waiters);
	c->type = "text/plain; version=0.0.4";
	return 0;
}

static const struct param logo_params[] = {
	{ .name = "id", .flags = PARAM_REQUIRED, .doc = "Of the address that uploading told." },
};

#define META_ROW(action_, media_, flags_, run_, doc_)                                            \
	{                                                                                        \
		.action = (action_), .methods = METHOD_GET, .roles = ROLE_PUBLIC | ROLE_BILLING, \
		.flags = EP_BARE | EP_ADDED | (flags_), .op = EP_CUSTOM, .media = (media_),      \
		.run = (run_), .doc = (doc_)                                                     \
	}

static const struct endpoint rows[] = {
	META_ROW("/api/openapi.json", NULL, 0, openapi, "This description."),
	META_ROW("/api/reference", "text/html", 0, reference, "The same to read."),
	META_ROW("/healthz", NULL, EP_UNCOUNTED, healthz, "Whether the API can serve."),
	META_ROW("/metrics", "text/plain", 0, metrics, "Numbers for Prometheus."),
	{ .action = LOGO_PATH,
	  .methods = METHOD_GET,
	  .roles = ROLE_PUBLIC | ROLE_BILLING,
	  .flags = EP_BARE | EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(logo_params),
	  .media = "image/*",
	  .run = logo_show,
	  .doc = "A reseller's logo: an image." },
};

const struct endpoint *meta_rows(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(rows);
	return rows;
}

const struct endpoint *meta_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].action, path) == 0)
			return &rows[i];
	}
	return NULL;
}
