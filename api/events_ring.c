#include "api/events_ring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"

void ring_init(const void *ctx, struct ring *r, size_t max)
{
	*r = (struct ring){
		.v = mem_zero(ctx, max * sizeof(struct event *)), .max = max, .floor = 1, .next = 1
	};
	if (getrandom(&r->epoch, sizeof(r->epoch), GRND_NONBLOCK) != sizeof(r->epoch))
		r->epoch = (uint32_t)time(NULL);
}

static void drop_oldest(struct ring *r)
{
	struct event **slot = &r->v[r->floor++ % r->max];

	r->bytes -= (*slot)->size;
	(void)talloc_free(TAKE(*slot));
}

void ring_clear(struct ring *r)
{
	while (r->floor < r->next)
		drop_oldest(r);
	/* a number that was given out before is not the last one any more */
	r->floor = ++r->next;
}

struct event *event_new(const char *name)
{
	struct event *ev = mem_new(NULL, struct event);

	ev->name = name;
	return ev;
}

void event_part(struct event *ev, const char *resource, const char *user, const char *reseller)
{
	if (ev->n_parts == EVENT_PARTS_MAX) {
		ev->is_cut = true;
		return;
	}
	mem_room(ev, &ev->parts, &ev->parts_cap, ev->n_parts + 1, sizeof(*ev->parts));
	ev->parts[ev->n_parts++] = (struct event_part){ .resource = mem_str(ev, resource),
							.user = mem_str(ev, user),
							.reseller = mem_str(ev, reseller) };
}

void ring_add(struct ring *r, struct event *ev)
{
	ev->size = talloc_total_size(ev) + talloc_total_blocks(ev) * 96;
	if (r->next - r->floor == r->max)
		drop_oldest(r);
	r->v[r->next++ % r->max] = ev;
	r->bytes += ev->size;
	while (r->bytes > EVENT_RING_BYTES && r->floor + 1 < r->next)
		drop_oldest(r);
}

bool ring_after(const struct ring *r, const char *id, uint64_t *ret)
{
	char *end;
	unsigned long long seq;
	uint32_t epoch;

	if (strlen(id) < 10 || strlen(id) > 28 || strspn(id, "0123456789abcdef") != 8 ||
	    id[8] != '-' || id[9 + strspn(id + 9, "0123456789")])
		return false;
	epoch = (uint32_t)strtoul(id, NULL, 16);
	seq = strtoull(id + 9, &end, 10);
	if (epoch != r->epoch || seq + 1 < r->floor || seq >= r->next)
		return false;
	*ret = seq + 1;
	return true;
}

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static bool may_see(const struct reader *who, const struct event_part *p)
{
	switch (who->role) {
	case ROLE_ADMIN: return true;
	case ROLE_RESELLER:
		return is_same(p->reseller, who->username) || is_same(p->user, who->username);
	case ROLE_USER: return is_same(p->user, who->username);
	case ROLE_BILLING:
	case ROLE_NOBODY: break;
	}
	return false;
}

static void put_head(const struct ring *r, uint64_t seq, const char *name, struct buf *out)
{
	buf_printf(out, "id: %08" PRIx32 "-%" PRIu64 "\nevent: %s\ndata: ", r->epoch, seq, name);
}

/* Into the object that TEXT is, before its last brace. */
static void put_parts(const struct event *ev, const struct reader *who, const char *text,
		      struct buf *out)
{
	struct jsonw w = JSONW_ON(out);
	size_t shown = 0;
	bool is_cut = ev->is_cut;

	buf_put(out, text, strlen(text) - 1);
	w.needs_comma = true;
	jsonw_open(&w, "resources", '[');
	for (size_t i = 0; i < ev->n_parts; i++) {
		if (!may_see(who, &ev->parts[i]))
			continue;
		if (shown++ == EVENT_SHOWN_MAX) {
			is_cut = true;
			break;
		}
		jsonw_text(&w, NULL, ev->parts[i].resource);
	}
	jsonw_close(&w, ']');
	jsonw_bool(&w, "truncated", is_cut);
	jsonw_close(&w, '}');
}

enum event_told ring_tell(const struct ring *r, uint64_t seq, const struct reader *who,
			  struct buf *out)
{
	const struct event *ev = r->v[seq % r->max];
	bool is_admin = who->role == ROLE_ADMIN;
	const char *text = is_admin || !ev->others ? ev->admin : ev->others;
	size_t mine = 0;

	for (size_t i = 0; i < ev->n_parts && mine == 0; i++)
		mine += may_see(who, &ev->parts[i]);
	if (ev->is_of_parts && !is_admin && !mine)
		return ev->is_cut ? EVENT_RESET : EVENT_NOT;
	put_head(r, seq, ev->name, out);
	if (ev->lists_parts)
		put_parts(ev, who, text, out);
	else
		buf_puts(out, text);
	buf_puts(out, "\n\n");
	return EVENT_TOLD;
}

void ring_say(const struct ring *r, const char *name, const char *data, struct buf *out)
{
	put_head(r, r->next - 1, name, out);
	buf_printf(out, "%s\n\n", data);
}
