/* events: what changes, as it changes (WHATWG HTML, 9.2, server-sent events). */
#include "api/api.h"
#include "api/resources.h"

static const struct param stream_params[] = {
	{ .name = "last_event_id",
	  .doc = "The id that was seen last, as the header Last-Event-ID, which goes before it." },
};

static int stream(struct call *c, struct err *err)
{
	const char *last = request_header(c->request, "Last-Event-ID");

	return events_open(c->api->events, c,
			   last && *last ? last : call_text(c, "last_event_id", NULL), err);
}

static const struct endpoint rows[] = {
	{ .action = "stream",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_STREAM | EP_ADDED,
	  .op = EP_CUSTOM,
	  PARAMS(stream_params),
	  .run = stream,
	  .doc = "Events as they happen, of what the caller may see: hello, reset, engine, applied, "
		 "condition, revision. After hello, reset and an engine that is up again, ask status. "
		 "Ends with the session." },
};

const struct resource resource_events =
	RESOURCE("events", rows, "What changes, told as it changes.");
