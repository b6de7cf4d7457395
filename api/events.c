#include "api/events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "api/answer.h"
#include "api/events_priv.h"
#include "base/fs.h"
#include "base/log.h"

enum {
	STREAMS = 8192,
	PER_USER = 32,
	PER_RESELLER = 4, /* times that */
	PER_ADDRESS = 128,
	KEPT = 4096,
	LAG_MAX = 16 * 1024,
	TICK_MS = 2000,
	GATHER_MS = 20, /* between two tellings: what comes meanwhile is told together */
	AT_ONCE = 200,
	BETWEEN_MS = 10,
	GRACE_MS = 120000, /* for which is gone on when nobody listens any more */
	TRIM_MS = 10000,
	TRIM_AFTER = 1000,  /* tellings */
	RECHECK_MS = 30000, /* of sessions when nothing was written: they also expire */
};

static int64_t clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void events_wake(struct events *e)
{
	const uint64_t one = 1;

	/* a full counter wakes as well */
	(void)!write(e->wake_fd, &one, sizeof(one));
}

/* Listeners. All of this is locked. */

static void drop(struct events *e, size_t i)
{
	struct listener *l = &e->listeners[i];

	stream_end(l->stream);
	l->viewer->refs--;
	*l = e->listeners[--e->n];
}

static const char *state_name(const struct feed *f)
{
	return f->engine == ENGINE_UP ? "up" : f->engine == ENGINE_DOWN ? "down" : "unknown";
}

static void put_state(const struct events *e, const char *name, struct buf *out)
{
	struct buf b = BUF_ON(NULL);
	struct jsonw w = JSONW_ON(&b);

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "revision", e->feed.seen);
	if (e->feed.applied >= 0)
		jsonw_int(&w, "applied", e->feed.applied);
	else
		jsonw_null(&w, "applied");
	jsonw_text(&w, "engine", state_name(&e->feed));
	jsonw_close(&w, '}');
	ring_say(&e->ring, name, buf_str(&b), out);
	buf_done(&b);
}

/* All that L is still to be told. */
static void put_news(const struct events *e, const struct listener *l, struct buf *out)
{
	enum event_told told = EVENT_TOLD;

	if (l->state == LISTENER_NEW)
		put_state(e, "hello", out);
	if (l->state == LISTENER_LOST || l->state == LISTENER_LAGGING || l->next < e->ring.floor) {
		put_state(e, "reset", out);
		return;
	}
	for (uint64_t seq = l->next; seq < e->ring.next && told != EVENT_RESET; seq++)
		told = ring_tell(&e->ring, seq, &l->viewer->who, out);
	if (told == EVENT_RESET) {
		buf_clear(out);
		put_state(e, "reset", out);
	}
}

/* What was put together for one serves the next ones of the same session that are as far. */
struct telling {
	struct buf text;
	const struct viewer *viewer;
	uint64_t next;
	enum listener_state state;
	bool is_there;
};

static void prepare(const struct events *e, const struct listener *l, struct telling *t)
{
	if (t->is_there && t->viewer == l->viewer && t->next == l->next && t->state == l->state)
		return;
	buf_clear(&t->text);
	t->text.over = false;
	put_news(e, l, &t->text);
	t->viewer = l->viewer;
	t->next = l->next;
	t->state = l->state;
	t->is_there = true;
}

/* False: its stream is over. */
static bool tell(struct events *e, struct listener *l, struct telling *t)
{
	ssize_t lag;

	if (l->state == LISTENER_GOOD && l->next == e->ring.next)
		return true;
	lag = stream_lag(l->stream);
	if (lag < 0)
		return false;
	if (l->state == LISTENER_LAGGING && lag > 0)
		return true;
	prepare(e, l, t);
	if (t->text.over || (size_t)lag + t->text.len > e->opts.lag_max) {
		l->state = LISTENER_LAGGING;
		/* one that has read all is told at once that it was too much */
		if (lag > 0)
			return true;
		prepare(e, l, t);
	}
	l->state = LISTENER_GOOD;
	l->next = e->ring.next;
	e->churn++;
	return t->text.len == 0 || stream_send(l->stream, t->text.data, t->text.len);
}

static void rest(int64_t ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

/*
 * Some at a time: the server's loops have others to serve in between. Openers add at the end
 * meanwhile, and are told with the next news, for which they wake us.
 */
static void tell_all(struct events *e)
{
	struct telling t = { .text = BUF_ON(NULL) };
	size_t since = e->churn;

	(void)pthread_mutex_lock(&e->lock);
	/* an opener waits for the thread's first look at the model, so that hello names a revision */
	for (size_t i = e->feed.seen >= 0 ? e->n : 0; i-- > 0;) {
		if (!tell(e, &e->listeners[i], &t))
			drop(e, i);
		if (e->churn - since < AT_ONCE)
			continue;
		since = e->churn;
		(void)pthread_mutex_unlock(&e->lock);
		rest(BETWEEN_MS);
		(void)pthread_mutex_lock(&e->lock);
	}
	(void)pthread_mutex_unlock(&e->lock);
	buf_done(&t.text);
}

/* Sessions */

static int64_t version_of(struct sql *db)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (sql_get(db, "PRAGMA data_version", &st, &ignored) < 0 || sql_step(st, &ignored) <= 0)
		return -1;
	return sql_int(st, 0);
}

/* A database that cannot be read just now ends nobody's stream. */
static bool holds(struct events *e, struct seat *seat, const struct viewer *v)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "viewer");
	struct call c = { .ctx = ctx, .api = e->api, .seat = seat, .store = seat->store };
	struct err err = ERR_INIT;
	int r = session_look(&c, &v->proof, &err);

	if (r < 0)
		return r != -ERR_DENIED;
	return c.who.role == v->who.role && strcmp(c.who.username, v->who.username) == 0;
}

static void drop_over(struct events *e)
{
	struct viewer **at = &e->viewers;

	for (size_t i = e->n; i-- > 0;) {
		if (e->listeners[i].viewer->is_over || stream_lag(e->listeners[i].stream) < 0)
			drop(e, i);
	}
	while (*at) {
		struct viewer *v = *at;

		if (v->refs) {
			at = &v->next;
			continue;
		}
		*at = v->next;
		(void)talloc_free(v);
	}
}

/* Only when something was written, or now and then, for they expire. */
static void check_sessions(struct events *e, struct seat *seat, int64_t now)
{
	int64_t model = version_of(store_sql(seat->store)), db = version_of(seat->db);
	struct viewer *first;

	if (model == e->model_version && db == e->db_version && now - e->checked_ms < RECHECK_MS)
		return;
	e->model_version = model;
	e->db_version = db;
	e->checked_ms = now;
	/* openers add in front of it, and only this thread takes away */
	(void)pthread_mutex_lock(&e->lock);
	first = e->viewers;
	(void)pthread_mutex_unlock(&e->lock);
	for (struct viewer *v = first; v; v = v->next)
		v->is_over = !holds(e, seat, v);
}

/* Handshakes and tellings of thousands leave holes; many streams mostly sleep. */
static void give_back(struct events *e, int64_t now)
{
	if (e->churn < TRIM_AFTER || now - e->trimmed_ms < TRIM_MS)
		return;
	e->churn = 0;
	e->trimmed_ms = now;
	(void)malloc_trim(0);
}

static void sweep(struct events *e, struct seat *seat, int64_t now)
{
	give_back(e, now);
	check_sessions(e, seat, now);
	(void)pthread_mutex_lock(&e->lock);
	drop_over(e);
	(void)pthread_mutex_unlock(&e->lock);
}

/* The thread */

static bool goes_on(struct events *e, int64_t now, bool *ret_is_wanted)
{
	bool goes;

	(void)pthread_mutex_lock(&e->lock);
	goes = !e->is_ending;
	if (e->n)
		e->wanted_ms = now;
	*ret_is_wanted = e->wanted_ms && now - e->wanted_ms < GRACE_MS;
	(void)pthread_mutex_unlock(&e->lock);
	return goes;
}

static void wait_for_news(struct events *e, bool is_wanted, int64_t ms)
{
	struct pollfd fds[] = { { .fd = e->wake_fd, .events = POLLIN },
				{ .fd = e->feed.fd, .events = POLLIN } };
	uint64_t count;

	/* commits wake it also while nobody listens: then the next tick is early enough */
	if (poll(fds, ARRAY_LEN(fds), is_wanted ? (int)ms : TICK_MS) > 0 && fds[0].revents)
		(void)!read(e->wake_fd, &count, sizeof(count));
}

static int64_t patience(const struct events *e, int64_t now, int64_t swept)
{
	int64_t until = swept + TICK_MS;

	if (e->feed.fd < 0)
		until = MIN(until, e->feed.again_ms);
	return MAX(until - now, (int64_t)GATHER_MS);
}

static void run_wanted(struct events *e, struct seat *seat, int64_t now, int64_t *swept)
{
	while (feed_run(e, seat, now))
		tell_all(e);
	tell_all(e);
	if (now - *swept >= TICK_MS) {
		sweep(e, seat, now);
		*swept = now;
	}
	rest(GATHER_MS);
}

static void *run(void *arg)
{
	struct events *e = arg;
	struct err err = ERR_INIT;
	struct seat *seat = NULL;
	int64_t swept = 0;
	bool is_wanted;

	if (api_seat(e->api, &seat, &err) < 0) {
		log_error("events: %s", err.msg);
		return NULL;
	}
	for (int64_t now = clock_ms(); goes_on(e, now, &is_wanted); now = clock_ms()) {
		if (is_wanted)
			run_wanted(e, seat, now, &swept);
		else
			feed_rest(e);
		wait_for_news(e, is_wanted, patience(e, now, swept));
	}
	return NULL;
}

/* Opening */

/* An IPv6 subscriber has a /64; 0: this machine, which is not counted. */
static uint32_t address_key(const char *text)
{
	struct in6_addr v6;
	uint32_t h = 2166136261U;
	uint8_t bytes[16] = { 0 };
	size_t n = 8;

	if (strncmp(text, "127.", 4) == 0 || strcmp(text, "::1") == 0)
		return 0;
	if (inet_pton(AF_INET6, text, &v6) == 1)
		memcpy(bytes, &v6, sizeof(v6));
	else
		n = inet_pton(AF_INET, text, bytes) == 1 ? 4 : 0;
	for (size_t i = 0; i < n; i++)
		h = (h ^ bytes[i]) * 16777619U;
	return h ? h : 1;
}

static size_t limit_of(const struct events *e, enum role role)
{
	if (role == ROLE_ADMIN)
		return e->opts.streams;
	return role == ROLE_RESELLER ? e->opts.per_user * PER_RESELLER : e->opts.per_user;
}

/* Locked. */
static int check_room(const struct events *e, struct call *c, uint32_t address, struct err *err)
{
	size_t of_user = 0, of_address = 0;

	for (const struct viewer *v = e->viewers; v; v = v->next)
		of_user += v->id == c->who.id ? v->refs : 0;
	for (size_t i = 0; i < e->n && address; i++)
		of_address += e->listeners[i].address == address;
	if (e->is_ending || e->n >= e->opts.streams) {
		c->status = 503;
		return e->is_ending
			       ? err_set(err, ERR_BUSY, "This server is being stopped")
			       : err_set(err, ERR_BUSY,
					 "%zu event streams are open; no more are served", e->n);
	}
	c->status = 429;
	if (of_user >= limit_of(e, c->who.role))
		return err_set(err, ERR_DENIED,
			       "You have %zu event streams open; at most %zu are allowed", of_user,
			       limit_of(e, c->who.role));
	if (of_address >= e->opts.per_address)
		return err_set(err, ERR_DENIED,
			       "%s has %zu event streams open; at most %u are allowed", c->address,
			       of_address, e->opts.per_address);
	c->status = 0;
	return 0;
}

/* What it showed, as it is kept. */
static struct session_proof proof_of(struct call *c)
{
	struct session_proof p = { .token = c->who.token };

	if (c->who.session && strlen(c->who.session) == DIGEST_HEX_LEN)
		memcpy(p.session, c->who.session, sizeof(p.session));
	return p;
}

/* Locked. */
static struct viewer *viewer_of(struct events *e, struct call *c)
{
	const struct session_proof proof = proof_of(c);
	struct viewer *v;

	for (v = e->viewers; v; v = v->next) {
		if (v->id == c->who.id && v->who.role == c->who.role &&
		    strcmp(v->proof.session, proof.session) == 0 && v->proof.token == proof.token &&
		    strcmp(v->who.username, c->who.username) == 0)
			return v;
	}
	v = mem_new(NULL, struct viewer);
	v->who.role = c->who.role;
	v->who.username = mem_str(v, c->who.username);
	v->id = c->who.id;
	v->proof = proof;
	v->next = e->viewers;
	e->viewers = v;
	return v;
}

int events_open(struct events *e, struct call *c, const char *last, struct err *err)
{
	uint32_t address = address_key(c->address);
	struct listener l = { .address = address };
	int r;

	(void)pthread_mutex_lock(&e->lock);
	r = check_room(e, c, address, err);
	if (r >= 0) {
		l.viewer = viewer_of(e, c);
		l.viewer->refs++;
		l.next = e->ring.next;
		l.state = !last                                 ? LISTENER_NEW
			  : ring_after(&e->ring, last, &l.next) ? LISTENER_GOOD
								: LISTENER_LOST;
		e->wanted_ms = clock_ms();
		l.stream = answer_stream(c);
		mem_room(e, &e->listeners, &e->cap, e->n + 1, sizeof(l));
		e->listeners[e->n++] = l;
	}
	(void)pthread_mutex_unlock(&e->lock);
	if (r >= 0)
		events_wake(e);
	return r;
}

void events_peek(struct events *e, struct events_view *ret)
{
	(void)pthread_mutex_lock(&e->lock);
	*ret = (struct events_view){ .is_known = e->feed.engine != ENGINE_UNKNOWN,
				     .is_up = e->feed.engine == ENGINE_UP,
				     .applied = e->feed.applied,
				     .listeners = e->n };
	e->wanted_ms = clock_ms();
	(void)pthread_mutex_unlock(&e->lock);
	if (!ret->is_known)
		events_wake(e);
}

/* Start and end */

static struct events_opts with_defaults(const struct events_opts *from)
{
	return (struct events_opts){
		.streams = from->streams ? from->streams : STREAMS,
		.per_user = from->per_user ? from->per_user : PER_USER,
		.per_address = from->per_address ? from->per_address : PER_ADDRESS,
		.kept = from->kept ? from->kept : KEPT,
		.lag_max = from->lag_max ? from->lag_max : LAG_MAX,
	};
}

int events_start(struct api *api, const struct events_opts *opts, struct events **ret,
		 struct err *err)
{
	struct events *e = mem_new(NULL, struct events);
	int n;

	e->api = api;
	e->opts = with_defaults(opts);
	ring_init(e, &e->ring, e->opts.kept);
	feed_init(&e->feed);
	(void)pthread_mutex_init(&e->lock, NULL);
	*ret = e;
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->wake_fd < 0)
		return err_sys(err, "make an eventfd");
	n = pthread_create(&e->thread, NULL, run, e);
	if (n)
		return err_sys_no(err, n, "start a thread");
	e->has_thread = true;
	return 0;
}

void events_end(struct events *e)
{
	if (!e)
		return;
	(void)pthread_mutex_lock(&e->lock);
	e->is_ending = true;
	(void)pthread_mutex_unlock(&e->lock);
	if (e->has_thread) {
		events_wake(e);
		(void)pthread_join(e->thread, NULL);
		e->has_thread = false;
	}
	(void)pthread_mutex_lock(&e->lock);
	while (e->n)
		drop(e, e->n - 1);
	drop_over(e);
	(void)pthread_mutex_unlock(&e->lock);
}

void events_free(struct events **events)
{
	struct events *e = *events;

	if (!e)
		return;
	events_end(e);
	fd_close(&e->wake_fd);
	feed_done(&e->feed);
	ring_clear(&e->ring);
	(void)pthread_mutex_destroy(&e->lock);
	(void)talloc_free(e);
	*events = NULL;
}
