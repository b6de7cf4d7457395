#include "reconciler/daemon_follow.h"

#include <string.h>

#include "reconciler/daemon_request.h"
#include "reconciler/enginedb.h"

enum {
	CONDITIONS_MAX = 20000, /* that are compared; more are not told */
};

struct seen {
	const char *resource, *type, *reason, *message;
	int64_t rev;
};

/* The conditions as they were told last. */
struct follow {
	struct strmap by_part;     /* "resource\npart" → struct seen */
	struct strmap by_resource; /* resource → one of them */
};

static int note(const struct condition *c, void *arg, struct err *err)
{
	struct follow *f = arg;
	struct seen *s;

	(void)err;
	if (f->by_part.n >= CONDITIONS_MAX)
		return 0;
	s = mem_new(f, struct seen);
	*s = (struct seen){ .resource = mem_str(s, c->resource),
			    .type = mem_str(s, c->type),
			    .reason = mem_str(s, c->reason),
			    .message = mem_str(s, c->message),
			    .rev = c->rev };
	*strmap_slot(&f->by_part, mem_fmt(s, "%s\n%s", c->resource, c->part)) = s;
	*strmap_slot(&f->by_resource, s->resource) = s;
	return 0;
}

static int look(struct daemon *d, struct follow **ret, struct err *err)
{
	struct follow *f = mem_new(d->agenda, struct follow);
	int r;

	f->by_part.ctx = f->by_resource.ctx = f;
	r = condition_each(d->e->db, NULL, note, f, err);
	if (r < 0) {
		(void)talloc_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

static void tell(struct daemon *d, const struct seen *s, const char *type)
{
	json_t *e = json_object();

	answer_text(e, "event", "condition");
	answer_text(e, "resource", s->resource);
	answer_text(e, "type", type ? type : s->type);
	answer_text(e, "reason", type ? "" : s->reason);
	answer_text(e, "message", type ? "" : s->message);
	answer_int(e, "revision", type ? d->applied : s->rev);
	server_tell(d->server, e);
}

static bool is_same(const struct seen *a, const struct seen *b)
{
	return strcmp(a->type, b->type) == 0 && strcmp(a->reason, b->reason) == 0 &&
	       strcmp(a->message, b->message) == 0;
}

static void tell_changes(struct daemon *d, const struct follow *was, const struct follow *is)
{
	for (size_t i = 0; i < is->by_part.n; i++) {
		const struct seen *now = is->by_part.entries[i].value;
		const struct seen *old = strmap_find(&was->by_part, is->by_part.entries[i].key);

		if (!old || !is_same(old, now))
			tell(d, now, NULL);
	}
	for (size_t i = 0; i < was->by_resource.n; i++) {
		if (!strmap_find(&is->by_resource, was->by_resource.entries[i].key))
			tell(d, was->by_resource.entries[i].value, "Ready");
	}
}

static void tell_applied(struct daemon *d, size_t actions, size_t failed)
{
	json_t *e = json_object();

	answer_text(e, "event", "applied");
	answer_int(e, "revision", d->applied);
	answer_int(e, "actions", (int64_t)actions);
	answer_int(e, "failed", (int64_t)failed);
	server_tell(d->server, e);
}

int follow_begin(struct daemon *d, struct err *err)
{
	return d->follow ? 0 : look(d, &d->follow, err);
}

/* The conditions first: who is told of the revision knows then what became of it. */
void follow_tell(struct daemon *d, size_t actions, size_t failed)
{
	struct follow *was = d->follow;
	struct err ignored = ERR_INIT;

	if (!was)
		return;
	if (server_followers(d->server) == 0)
		d->follow = NULL;
	else if (look(d, &d->follow, &ignored) >= 0)
		tell_changes(d, was, d->follow);
	if (d->follow != was)
		(void)talloc_free(was);
	tell_applied(d, actions, failed);
}
