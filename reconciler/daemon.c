#include "reconciler/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "reconciler/daemon_follow.h"
#include "reconciler/daemon_request.h"
#include "reconciler/enginedb.h"
#include "reconciler/pass.h"

#define MS ((uint64_t)1000) /* in the microseconds of sd-event */
#define S  (1000 * MS)

enum {
	TICK_S = 2,
	GATHER_MS = 100,
	GATHER_MAX_MS = 2000, /* a stream of events does not put a pass off for longer */
	LOCK_AGAIN_MS = 200,
	LOCK_PATIENCE_S = 60,
	LOCK_LATER_S = 5,
	BACKOFF_MAX_S = 300,
	LOST_SWEEP_S = 1,
	RETRY_LATER_S = 60,
};

/* What the next pass is for, and when it is due. */
struct agenda {
	sd_event_source *pass, *tick, *events, *term, *intr, *hup;
	void *ctx; /* of the scopes' names; freed with each pass */
	struct strmap scopes;
	bool full;
	bool is_asked;     /* something is to be done */
	uint64_t asked_at; /* the first ask since the last pass */
	uint64_t due;
	uint64_t not_before; /* a failed pass is tried again then */
	uint64_t busy_since; /* somebody else holds the lock; 0: no */
	uint64_t next_sweep;
	int64_t next_try; /* of conditions, seconds since 1970; 0: none */
	int64_t tries;    /* failures in a row */
	int64_t store_version, db_version;
	char logged[ERR_MSG_MAX]; /* the last error that was logged */
	char limit[128];
};

static uint64_t now_us(struct daemon *d)
{
	sd_event *event = sd_event_source_get_event(d->agenda->tick);
	uint64_t now = 0;

	return sd_event_now(event, CLOCK_MONOTONIC, &now) < 0 ? 0 : now;
}

/* Half to all of US: what failed together is not tried again together. */
static uint64_t jitter(uint64_t us)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return us;
	return us / 2 + random % (us / 2 + 1);
}

static void log_once(struct agenda *g, const char *what, const struct err *err)
{
	if (strcmp(g->logged, err->msg) == 0)
		return;
	(void)snprintf(g->logged, sizeof(g->logged), "%s", err->msg);
	log_error("%s: %s", what, err->msg);
}

/* When */

static void arm(struct daemon *d)
{
	struct agenda *g = d->agenda;

	if (sd_event_source_set_time(g->pass, g->due) < 0 ||
	    sd_event_source_set_enabled(g->pass, SD_EVENT_ONESHOT) < 0)
		log_error("cannot set the timer of the next pass");
}

/* URGENT also shortens the wait after a failure. */
static void ask(struct daemon *d, uint64_t delay, bool urgent)
{
	struct agenda *g = d->agenda;
	uint64_t now = now_us(d);
	uint64_t due = now + delay;

	if (urgent)
		g->not_before = 0;
	if (!g->is_asked)
		g->asked_at = now;
	else if (delay)
		due = MIN(due, MAX(g->asked_at + GATHER_MAX_MS * MS, now));
	due = MAX(due, g->not_before);
	/* more to gather puts it off a little, something urgent brings it forward */
	g->due = g->is_asked && !delay ? MIN(g->due, due) : due;
	if (urgent && delay && g->is_asked)
		g->due = MIN(g->due, due);
	g->is_asked = true;
	arm(d);
}

void daemon_wake(struct daemon *d, enum daemon_when when)
{
	ask(d, when == DAEMON_NOW ? 0 : GATHER_MS * MS, true);
}

static void plan_sweep(struct daemon *d)
{
	uint64_t every = (uint64_t)d->opts->sweep_s * S;

	d->agenda->next_sweep = now_us(d) + every - every / 10 + jitter(every / 10);
}

static void ask_sweep(struct daemon *d, uint64_t delay)
{
	d->agenda->full = true;
	ask(d, delay, false);
}

/* The pass */

static void beat(const char *what, size_t done, size_t total, void *arg)
{
	(void)what;
	(void)done;
	(void)total;
	(void)arg;
	(void)sd_notify(0, "WATCHDOG=1");
}

static int64_t data_version(struct sql *db)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (sql_get(db, "PRAGMA data_version", &st, &ignored) < 0 || sql_step(st, &ignored) <= 0)
		return 0;
	return sql_int(st, 0);
}

static int read_cursors(struct daemon *d, struct err *err)
{
	int r = store_head(d->e->store, &d->head, err);

	return r < 0 ? r : cursor_get(d->e->db, "applied", &d->applied, err);
}

static void read_next_try(struct daemon *d)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	d->agenda->next_try = 0;
	if (sql_get(d->e->db, "SELECT min(next_try) FROM condition WHERE next_try>0", &st,
		    &ignored) >= 0 &&
	    sql_step(st, &ignored) > 0)
		d->agenda->next_try = sql_int(st, 0);
	/* one that the pass did not take up must not make it run again and again */
	if (d->agenda->next_try && d->agenda->next_try <= engine_now())
		d->agenda->next_try = engine_now() + RETRY_LATER_S;
}

static void tell_limit(struct daemon *d)
{
	const char *limit = watch_limit(d->watch);
	struct agenda *g = d->agenda;

	if (limit && !g->limit[0])
		log_warn("%s: edits in the other folders are mended by the sweep every %" PRId64
			 " s",
			 limit, d->opts->sweep_s);
	(void)snprintf(g->limit, sizeof(g->limit), "%s", limit ? "told" : "");
}

static void watch_again(struct daemon *d, bool all)
{
	struct err err = ERR_INIT;

	struct strmap *scopes = &d->agenda->scopes;
	int news =
		all ? watch_refresh(d->watch, scopes, &err) : watch_follow(d->watch, scopes, &err);

	if (news < 0)
		log_once(d->agenda, "watching folders", &err);
	else if (news & WATCH_DRIFT)
		ask(d, GATHER_MS * MS, false);
	tell_limit(d);
}

static int log_new(const struct condition *c, void *arg, struct err *err)
{
	const int64_t *from = arg;

	(void)err;
	if (c->since >= *from)
		log_warn("%s %s: %s: %s", c->resource, c->type, c->reason, c->message);
	return 0;
}

/* What a long pass needed goes back to the system: the daemon is idle most of its life. */
static void give_back(struct daemon *d)
{
	struct err ignored = ERR_INIT;

	(void)!sql_exec(store_sql(d->e->store), "PRAGMA shrink_memory", &ignored);
	(void)!sql_exec(d->e->db, "PRAGMA shrink_memory", &ignored);
	(void)malloc_trim(0);
}

static int64_t wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void passed(struct daemon *d, const struct pass_result *res, bool full, int64_t from)
{
	struct agenda *g = d->agenda;
	struct daemon_stats *s = &d->stats;
	struct err ignored = ERR_INIT;

	(void)talloc_free(g->ctx);
	g->ctx = mem_ctx(NULL, "scopes");
	g->scopes = (struct strmap)STRMAP_ON(g->ctx);
	g->full = g->is_asked = false;
	g->tries = 0;
	g->not_before = 0;
	g->logged[0] = '\0';
	s->failed[0] = '\0';
	s->failed_code = ERR_OK;
	if (res->actions || (int64_t)res->failed != s->last_failed)
		log_info("revision %" PRId64 ": %zu actions, %zu failed, %zu reloads, %" PRId64
			 " ms",
			 d->applied, res->actions, res->failed, res->reloads, s->last_ms);
	s->last_actions = (int64_t)res->actions;
	s->last_failed = (int64_t)res->failed;
	if (res->findings)
		(void)!condition_each(d->e->db, NULL, log_new, &from, &ignored);
	watch_again(d, full);
	if (full)
		plan_sweep(d);
}

static void failed(struct daemon *d, const struct err *err)
{
	struct agenda *g = d->agenda;
	int64_t shift = MIN(g->tries, 9);
	uint64_t wait = MIN((uint64_t)1 << shift, BACKOFF_MAX_S) * S;

	d->stats.failures++;
	d->stats.failed_code = err->code;
	d->stats.failed_rev = d->head; /* as it was before the pass: never more than that saw */
	(void)snprintf(d->stats.failed, sizeof(d->stats.failed), "%s", err->msg);
	log_once(g, "pass", err);
	g->tries++;
	g->not_before = now_us(d) + jitter(wait);
	g->is_asked = false;
	ask(d, 0, false);
}

/* -ERR_BUSY when it was put off. */
static int take_lock(struct daemon *d, struct err *err)
{
	struct agenda *g = d->agenda;
	int r = engine_lock(d->e, 0, err);
	bool is_long;

	if (r != -ERR_BUSY) {
		g->busy_since = 0;
		return r;
	}
	if (!g->busy_since)
		g->busy_since = now_us(d);
	is_long = now_us(d) - g->busy_since > LOCK_PATIENCE_S * S;
	if (is_long)
		log_once(g, "pass", err);
	g->due = now_us(d) + (is_long ? LOCK_LATER_S * S : LOCK_AGAIN_MS * MS);
	arm(d);
	return r;
}

static int read_events(struct daemon *d)
{
	struct err err = ERR_INIT;
	int news = watch_read(d->watch, &d->agenda->scopes, &err);

	if (news < 0)
		log_once(d->agenda, "watching folders", &err);
	else if (news & WATCH_LOST)
		log_warn("the kernel dropped events of our folders; everything is compared anew");
	return news;
}

static int run_pass(struct daemon *d, struct err *err)
{
	struct agenda *g = d->agenda;
	const char **scopes = mem_zero(g->ctx, (g->scopes.n + 1) * sizeof(*scopes));
	struct pass_opts opts = { .full = g->full, .scopes = scopes };
	struct execution x = { .progress = beat };
	struct pass_result res = { .actions = 0 };
	int64_t from = engine_now();
	int64_t start = wall_ms();
	int r;

	for (size_t i = 0; i < g->scopes.n; i++)
		scopes[i] = g->scopes.entries[i].key;
	r = pass_run(d->e, &opts, NULL, &x, &res, err);
	d->stats.passes++;
	d->stats.last_at = engine_now();
	d->stats.last_ms = wall_ms() - start;
	if (r >= 0)
		r = read_cursors(d, err);
	if (r >= 0) {
		passed(d, &res, opts.full, from);
		follow_tell(d, res.actions, res.failed);
	}
	return r;
}

static void look_at_databases(struct daemon *d)
{
	struct agenda *g = d->agenda;
	int64_t store = data_version(store_sql(d->e->store));
	int64_t db = data_version(d->e->db);
	struct err err = ERR_INIT;
	int64_t head = d->head;

	if (store == g->store_version && db == g->db_version)
		return;
	if (read_cursors(d, &err) < 0) {
		log_once(g, "databases", &err);
		return;
	}
	g->store_version = store;
	if (db != g->db_version) { /* the command line ran a pass */
		g->db_version = db;
		read_next_try(d);
		watch_again(d, true);
		follow_tell(d, 0, 0);
		request_settle(d);
	}
	if (d->head > d->applied)
		ask(d, GATHER_MS * MS, d->head > head);
}

static int on_pass(sd_event_source *src, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct err err = ERR_INIT;
	int r = take_lock(d, &err);

	(void)src;
	(void)usec;
	if (r == -ERR_BUSY)
		return 0;
	look_at_databases(d);
	if (r >= 0) {
		int news = read_events(d); /* edits up to here go with this pass */

		d->agenda->full = d->agenda->full || news < 0 || (news & WATCH_LOST);
		r = run_pass(d, &err);
		engine_unlock(d->e);
	}
	if (r < 0)
		failed(d, &err);
	if (r < 0 && read_cursors(d, &err) < 0)
		log_once(d->agenda, "databases", &err);
	read_next_try(d);
	give_back(d);
	request_settle(d);
	if (r >= 0 && d->head > d->applied) /* it came while the pass ran */
		ask(d, 0, false);
	return 0;
}

/* Why */

static int on_tick(sd_event_source *src, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	struct agenda *g = d->agenda;

	(void)usec;
	look_at_databases(d);
	server_tick(d->server);
	if (now_us(d) >= g->next_sweep) {
		plan_sweep(d); /* also when this one fails: it is tried again anyway */
		ask_sweep(d, 0);
	}
	if (g->next_try && engine_now() >= g->next_try) {
		g->next_try = 0;
		ask(d, 0, false);
	}
	if (sd_event_source_set_time_relative(src, TICK_S * S) < 0)
		return -ENOTRECOVERABLE;
	return sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
}

static int on_events(sd_event_source *src, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	int news = read_events(d);

	(void)fd;
	(void)events;
	(void)src;
	if (news < 0 || (news & WATCH_LOST))
		ask_sweep(d, LOST_SWEEP_S * S);
	else if (news & WATCH_DRIFT)
		ask(d, GATHER_MS * MS, false);
	return 0;
}

static int on_hup(sd_event_source *src, const struct signalfd_siginfo *si, void *arg)
{
	(void)src;
	(void)si;
	ask_sweep(arg, 0);
	return 0;
}

/* Starting */

/* SIGTERM and SIGINT end the loop after the pass that runs; SIGHUP asks for a full one. */
static int add_signals(sd_event *event, struct daemon *d)
{
	struct agenda *g = d->agenda;
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) /* NOLINT(concurrency-mt-unsafe): one thread */
		return -errno;
	r = sd_event_add_signal(event, &g->term, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, &g->intr, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, &g->hup, SIGHUP, on_hup, d);
	return r;
}

static int add_sources(sd_event *event, struct daemon *d, struct err *err)
{
	struct agenda *g = d->agenda;
	int r = sd_event_add_time_relative(event, &g->tick, CLOCK_MONOTONIC, TICK_S * S, 250 * MS,
					   on_tick, d);

	if (r >= 0)
		r = sd_event_add_time(event, &g->pass, CLOCK_MONOTONIC, 0, 1, on_pass, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(g->pass, SD_EVENT_OFF);
	/* callers first, then edits; then what they asked for */
	if (r >= 0)
		r = sd_event_source_set_priority(g->pass, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_add_io(event, &g->events, watch_fd(d->watch), EPOLLIN, on_events, d);
	if (r >= 0)
		r = add_signals(event, d);
	if (r >= 0)
		r = sd_event_set_watchdog(event, 1);
	return r < 0 ? err_sys_no(err, -r, "event loop") : 0;
}

static int agenda_free(struct agenda *g)
{
	sd_event_source **all[] = { &g->pass, &g->tick, &g->events, &g->term, &g->intr, &g->hup };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		*all[i] = sd_event_source_disable_unref(*all[i]);
	(void)talloc_free(g->ctx);
	return 0;
}

static struct agenda *agenda_new(const void *ctx)
{
	struct agenda *g = mem_new(ctx, struct agenda);

	g->ctx = mem_ctx(NULL, "scopes");
	g->scopes = (struct strmap)STRMAP_ON(g->ctx);
	talloc_set_destructor(g, agenda_free);
	return g;
}

static int start(const void *ctx, struct daemon *d, sd_event *event, struct err *err)
{
	struct server_opts listening = {
		.root = d->e->root,
		.path = d->opts->socket,
		.calls = { .line = request_line, .expired = request_expired, .arg = d },
	};
	int r = watch_new(ctx, d->e, d->opts->watches, &d->watch, err);

	d->agenda = agenda_new(ctx);
	d->stats.started = engine_now();
	if (r >= 0)
		r = add_sources(event, d, err);
	if (r >= 0)
		r = read_cursors(d, err);
	if (r >= 0)
		r = state_user(d->e->root, &listening.peer.uid, &listening.peer.gid, err);
	if (r >= 0)
		r = server_new(ctx, event, &listening, &d->server, err);
	if (r < 0)
		return r;
	watch_again(d, true);
	plan_sweep(d);
	ask_sweep(d, 0);
	return 0;
}

static void event_unrefp(sd_event **event)
{
	(void)sd_event_unref(*event);
}

int daemon_run(const struct daemon_opts *opts, struct err *err)
{
	cleanup_(event_unrefp) sd_event *event = NULL; /* before what hangs on it */
	cleanup_(fd_close) int pid = -1;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "daemon");
	struct daemon d = { .opts = opts };
	int r = sd_event_new(&event);

	if (r < 0)
		return err_sys_no(err, -r, "event loop");
	r = engine_open(ctx, opts->root, &d.e, err);
	if (r >= 0)
		r = daemon_alone(d.e->root, &pid, err);
	if (r >= 0)
		r = start(ctx, &d, event, err);
	if (r < 0)
		return r;
	log_info("novacpxd: root %s, revision %" PRId64 " of %" PRId64
		 " applied, %zu folders watched",
		 opts->root, d.applied, d.head, watch_count(d.watch));
	(void)sd_notify(0, "READY=1");
	r = sd_event_loop(event);
	(void)sd_notify(0, "STOPPING=1");
	return r < 0 ? err_sys_no(err, -r, "event loop") : 0;
}

int daemon_once(const struct daemon_opts *opts, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "once");
	const struct pass_opts all = { .full = true };
	struct execution x = { .progress = beat };
	struct pass_result res = { .actions = 0 };
	struct engine *e;
	int r = engine_open(ctx, opts->root, &e, err);

	if (r >= 0)
		r = engine_lock(e, LOCK_PATIENCE_S * 1000, err);
	if (r < 0)
		return r;
	r = pass_run(e, &all, NULL, &x, &res, err);
	engine_unlock(e);
	if (r < 0)
		return r;
	log_info("%zu actions, %zu failed, %zu findings", res.actions, res.failed, res.findings);
	return (int)MIN(res.findings, INT32_MAX);
}
