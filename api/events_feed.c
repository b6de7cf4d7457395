/* Where events come from: what the engine tells its followers, and the revisions of the model. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "api/events_priv.h"
#include "base/fs.h"
#include "base/log.h"

enum {
	LINE_MAX_BYTES = 64 * 1024,
	BACKOFF_MIN_MS = 250,
	BACKOFF_MAX_MS = 5000,
	REVISIONS_AT_ONCE = 256,
	OWNERS_MAX = 10000,
	MESSAGE_MAX = 1000,
};

void feed_init(struct feed *f)
{
	*f = (struct feed){ .fd = -1, .seen = -1, .applied = -1, .backoff_ms = BACKOFF_MIN_MS };
	f->line.max = LINE_MAX_BYTES;
	f->owners_ctx = mem_ctx(NULL, "owners");
	f->owners = (struct strmap)STRMAP_ON(f->owners_ctx);
}

void feed_done(struct feed *f)
{
	fd_close(&f->fd);
	buf_done(&f->line);
	mem_freep(&f->owners_ctx);
}

static void forget_owners(struct feed *f)
{
	mem_freep(&f->owners_ctx);
	f->owners_ctx = mem_ctx(NULL, "owners");
	f->owners = (struct strmap)STRMAP_ON(f->owners_ctx);
}

void feed_rest(struct events *e)
{
	struct feed *f = &e->feed;

	if (f->seen < 0 && f->fd < 0)
		return;
	fd_close(&f->fd);
	f->fd = -1;
	f->seen = -1;
	f->again_ms = 0;
	forget_owners(f);
	(void)pthread_mutex_lock(&e->lock);
	f->engine = ENGINE_UNKNOWN;
	f->applied = -1;
	ring_clear(&e->ring);
	(void)pthread_mutex_unlock(&e->lock);
}

static void publish(struct events *e, struct event *ev)
{
	(void)pthread_mutex_lock(&e->lock);
	ring_add(&e->ring, ev);
	(void)pthread_mutex_unlock(&e->lock);
}

/* A JSON object on EV, from what is put between these two. */
static struct jsonw *begin(struct event *ev, struct buf *b, struct jsonw *w)
{
	*b = (struct buf){ .ctx = ev, .max = BUF_MAX };
	*w = (struct jsonw){ .out = b };
	jsonw_open(w, NULL, '{');
	return w;
}

static const char *end(struct jsonw *w)
{
	jsonw_close(w, '}');
	return buf_str(w->out);
}

/* Whose is it? */

static const char owners_sql[] = "SELECT a.username, a.user, u.reseller FROM account a "
				 "LEFT JOIN user u ON u.username=a.user LIMIT ?";
static const char owner_sql[] = "SELECT a.username, a.user, u.reseller FROM account a "
				"LEFT JOIN user u ON u.username=a.user WHERE a.username=?";

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The row of a query above; over OWNERS_MAX it is not remembered. */
static void remember_owner(struct feed *f, struct stmt *st)
{
	const char *account = sql_text(st, 0);
	const char *user = sql_text(st, 1), *reseller = sql_text(st, 2);
	struct owner *o = strmap_find(&f->owners, account);

	if (o && is_same(o->user, user) && is_same(o->reseller, reseller))
		return;
	if (!o && f->owners.n >= OWNERS_MAX)
		forget_owners(f);
	o = mem_new(f->owners_ctx, struct owner);
	o->user = mem_str(o, user);
	o->reseller = mem_str(o, reseller);
	*strmap_slot(&f->owners, mem_str(f->owners_ctx, account)) = o;
}

/* As they are when somebody begins to listen. */
static int load_owners(struct feed *f, struct seat *seat, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(store_sql(seat->store), owners_sql, &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, OWNERS_MAX / 2);
	while ((r = sql_step(st, err)) > 0)
		remember_owner(f, st);
	return r;
}

/* That of an account that is gone is the one that was known last; nobody's otherwise. */
static struct owner owner_of_account(struct events *e, struct seat *seat, const char *account)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;
	const struct owner *o;

	if (sql_get(store_sql(seat->store), owner_sql, &st, &ignored) < 0)
		return (struct owner){ NULL, NULL };
	sql_bind_text(st, 1, account);
	if (sql_step(st, &ignored) > 0)
		remember_owner(&e->feed, st);
	o = strmap_find(&e->feed.owners, account);
	return o ? *o : (struct owner){ NULL, NULL };
}

/* Of kinds that belong to no account; as api/own.c has it, and less where in doubt. */
static struct owner owner_of_other(const void *ctx, struct seat *seat, const struct kind *k,
				   const char *key)
{
	struct err ignored = ERR_INIT;
	struct user *u = NULL;
	struct package *p = NULL;

	if (k == &kind_branding)
		return (struct owner){ .reseller = key };
	if (k == &kind_user) {
		(void)!store_get(ctx, seat->store, k, key, &u, &ignored);
		return (struct owner){ .user = key, .reseller = u ? u->reseller : NULL };
	}
	if (k == &kind_package && store_get(ctx, seat->store, k, key, &p, &ignored) >= 0)
		return (struct owner){ .reseller = p->owner };
	return (struct owner){ NULL, NULL };
}

/* ACCOUNT NULL: it is looked for. */
static void add_part(struct events *e, struct seat *seat, struct event *ev, const char *kind,
		     const char *key, const char *account)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "part");
	const struct kind *k = kind_find(kind);
	struct err ignored = ERR_INIT;
	struct owner o = { NULL, NULL };
	void *res = NULL;

	if (k == &kind_account)
		account = key;
	if (k && !account && store_get(ctx, seat->store, k, key, &res, &ignored) >= 0)
		(void)!store_account_of(ctx, seat->store, res, &account, &ignored);
	if (k && account)
		o = owner_of_account(e, seat, account);
	else if (k)
		o = owner_of_other(ctx, seat, k, key);
	event_part(ev, mem_fmt(ctx, "%s/%s", kind, key), o.user, o.reseller);
}

/* The engine */

static void set_engine(struct events *e, enum engine_known state, int64_t applied)
{
	struct feed *f = &e->feed;
	bool is_new = f->engine != state;
	struct event *ev;
	struct buf b;
	struct jsonw w;

	(void)pthread_mutex_lock(&e->lock);
	f->engine = state;
	f->applied = applied >= 0 ? applied : f->applied;
	(void)pthread_mutex_unlock(&e->lock);
	if (!is_new)
		return;
	ev = event_new("engine");
	begin(ev, &b, &w);
	jsonw_text(&w, "state", state == ENGINE_UP ? "up" : "down");
	if (f->applied >= 0)
		jsonw_int(&w, "applied", f->applied);
	else
		jsonw_null(&w, "applied");
	ev->admin = end(&w);
	publish(e, ev);
}

static void hang_up(struct events *e, int64_t now)
{
	struct feed *f = &e->feed;

	fd_close(&f->fd);
	f->fd = -1;
	buf_clear(&f->line);
	f->line.over = false;
	f->again_ms = now + f->backoff_ms;
	f->backoff_ms = MIN(f->backoff_ms * 2, (int64_t)BACKOFF_MAX_MS);
	set_engine(e, ENGINE_DOWN, -1);
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

static int64_t int_of(const json_t *o, const char *member)
{
	return json_integer_value(json_object_get(o, member));
}

static void take_applied(struct events *e, const json_t *o)
{
	struct event *ev = event_new("applied");
	struct buf b;
	struct jsonw w;

	begin(ev, &b, &w);
	jsonw_int(&w, "revision", int_of(o, "revision"));
	ev->others = mem_fmt(ev, "%s}", buf_str(&b));
	jsonw_int(&w, "actions", int_of(o, "actions"));
	jsonw_int(&w, "failed", int_of(o, "failed"));
	ev->admin = end(&w);
	set_engine(e, ENGINE_UP, int_of(o, "revision"));
	publish(e, ev);
}

static void take_condition(struct events *e, struct seat *seat, const json_t *o)
{
	const char *resource = text_of(o, "resource");
	const char *slash = strchr(resource, '/');
	struct event *ev;
	struct buf b;
	struct jsonw w;

	if (!slash)
		return;
	ev = event_new("condition");
	ev->is_of_parts = true;
	begin(ev, &b, &w);
	jsonw_text(&w, "resource", resource);
	jsonw_text(&w, "type", text_of(o, "type"));
	jsonw_text(&w, "reason", text_of(o, "reason"));
	jsonw_text(
		&w, "message",
		mem_strn(ev, text_of(o, "message"), strnlen(text_of(o, "message"), MESSAGE_MAX)));
	jsonw_int(&w, "revision", int_of(o, "revision"));
	ev->admin = end(&w);
	add_part(e, seat, ev, mem_strn(ev, resource, (size_t)(slash - resource)), slash + 1, NULL);
	publish(e, ev);
}

/* The first line is the answer to "follow". */
static bool take_line(struct events *e, struct seat *seat, const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	const char *what = text_of(o, "event");
	bool is_good = json_is_object(o) && !json_is_false(json_object_get(o, "ok"));

	if (json_is_true(json_object_get(o, "ok"))) {
		e->feed.backoff_ms = BACKOFF_MIN_MS;
		set_engine(e, ENGINE_UP, int_of(o, "applied"));
	} else if (strcmp(what, "applied") == 0) {
		take_applied(e, o);
	} else if (strcmp(what, "condition") == 0) {
		take_condition(e, seat, o);
	}
	json_decref(o);
	return is_good;
}

static bool take_lines(struct events *e, struct seat *seat)
{
	struct buf *line = &e->feed.line;
	const char *at = line->data, *nl;
	size_t left = line->len;
	bool is_good = true;

	while (is_good && left && (nl = memchr(at, '\n', left))) {
		is_good = take_line(e, seat, at, (size_t)(nl - at));
		left -= (size_t)(nl - at) + 1;
		at = nl + 1;
	}
	memmove(line->data, at, left);
	line->len = left;
	return is_good && !line->over;
}

static void hear_engine(struct events *e, struct seat *seat, int64_t now)
{
	struct feed *f = &e->feed;
	char block[4096];

	while (f->fd >= 0) {
		ssize_t n = recv(f->fd, block, sizeof(block), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n > 0)
			buf_put(&f->line, block, (size_t)n);
		if (n <= 0 || !take_lines(e, seat))
			hang_up(e, now);
	}
}

static void dial(struct events *e, int64_t now)
{
	struct feed *f = &e->feed;
	struct err ignored = ERR_INIT; /* followers are told that it is down */

	if (engine_follow(e->api->engine, &f->fd, &ignored) < 0)
		hang_up(e, now);
}

/* Revisions */

struct gathering {
	struct events *e;
	struct seat *seat;
	struct event *ev;
};

static int add_change(const struct change_row *row, void *arg, struct err *err)
{
	struct gathering *g = arg;

	(void)err;
	if (g->ev->is_cut)
		return 0;
	add_part(g->e, g->seat, g->ev, row->kind, row->key, row->account);
	return 0;
}

static int take_revision(struct events *e, struct seat *seat, int64_t number, struct err *err)
{
	struct event *ev = event_new("revision");
	struct gathering g = { .e = e, .seat = seat, .ev = ev };
	struct revision rev = { 0 };
	struct buf b;
	struct jsonw w;
	int r = store_revision(ev, seat->store, number, &rev, err);

	if (r >= 0)
		r = store_changes(seat->store, number - 1, number, add_change, &g, err);
	if (r < 0) {
		(void)talloc_free(ev);
		return r;
	}
	ev->is_of_parts = ev->lists_parts = true;
	begin(ev, &b, &w);
	jsonw_int(&w, "revision", number);
	jsonw_rfc3339(&w, "time", rev.time);
	jsonw_text(&w, "actor", rev.actor);
	jsonw_text(&w, "action", rev.action);
	ev->admin = end(&w);
	publish(e, ev);
	return 0;
}

static void start_over(struct events *e, int64_t head)
{
	e->feed.seen = head;
	(void)pthread_mutex_lock(&e->lock);
	ring_clear(&e->ring);
	(void)pthread_mutex_unlock(&e->lock);
}

/* Those since the last look. A database that was put back, or a flood, is told as "reset". */
static bool read_revisions(struct events *e, struct seat *seat)
{
	struct feed *f = &e->feed;
	struct err err = ERR_INIT;
	int64_t head;
	int r = store_head(seat->store, &head, &err);

	if (r >= 0 && f->seen < 0) {
		r = load_owners(f, seat, &err);
		f->seen = r >= 0 ? head : -1;
	}
	if (r >= 0 && (head < f->seen || head - f->seen > (int64_t)e->ring.max))
		start_over(e, head);
	for (int n = 0; r >= 0 && f->seen < head && n < REVISIONS_AT_ONCE; n++) {
		r = take_revision(e, seat, f->seen + 1, &err);
		/* one that is not there any more was cleared away */
		if (r == -ERR_NOTFOUND)
			r = 0;
		f->seen += r >= 0;
	}
	if (r < 0)
		log_error("events: %s", err.msg);
	return r >= 0 && f->seen < head;
}

bool feed_run(struct events *e, struct seat *seat, int64_t now)
{
	if (e->feed.fd < 0 && now >= e->feed.again_ms)
		dial(e, now);
	/* what was committed before what is told of it */
	bool is_more = read_revisions(e, seat);

	hear_engine(e, seat, now);
	return is_more;
}
