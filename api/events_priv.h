/*
 * What the files of the events share; nobody else includes it.
 *
 *   events.c        listeners, the thread, telling
 *   events_feed.c   where events come from: the engine, the model
 *   events_ring.c   the ring
 *
 * The feed and the ring are the thread's; "locked" is what openers touch too.
 * The lock is taken before the server's, and no database is read under it.
 */
#ifndef API_EVENTS_PRIV_H
#define API_EVENTS_PRIV_H

#include <pthread.h>

#include "api/api.h"
#include "api/events.h"
#include "api/events_ring.h"
#include "api/session.h"
#include "base/mem.h"

/* Who listens: all streams of one session or token share it. */
struct viewer {
	struct viewer *next;
	size_t refs; /* locked */
	struct reader who;
	int64_t id; /* of the user */
	struct session_proof proof;
	bool is_over; /* of the thread: the session ended */
};

enum listener_state {
	LISTENER_NEW,     /* nothing was told yet: hello */
	LISTENER_LOST,    /* what it missed is not there: reset */
	LISTENER_LAGGING, /* is told nothing until it has read what is there, then reset */
	LISTENER_GOOD,
};

struct listener {
	struct stream *stream;
	struct viewer *viewer;
	uint64_t next; /* that it is to be told */
	uint32_t address;
	enum listener_state state;
};

/* What an owner was when last seen: of what is deleted nobody else knows. */
struct owner {
	const char *user, *reseller;
};

enum engine_known {
	ENGINE_UNKNOWN,
	ENGINE_UP,
	ENGINE_DOWN,
};

struct feed {
	int fd;           /* to the engine; -1: none */
	struct buf line;  /* what came of the next one */
	int64_t again_ms; /* to be dialled not before */
	int64_t backoff_ms;
	int64_t seen; /* the newest revision that was told; -1: not looking */
	enum engine_known engine;
	int64_t applied;
	void *owners_ctx;
	struct strmap owners; /* account → struct owner */
};

struct events {
	struct api *api;
	struct events_opts opts;
	pthread_t thread;
	bool has_thread;
	int wake_fd;
	struct ring ring;
	struct feed feed;
	int64_t model_version, db_version; /* of the databases when sessions were looked at */
	int64_t checked_ms, trimmed_ms;
	size_t churn; /* tellings since memory was given back */
	pthread_mutex_t
		lock; /* of all below, and of the feed's `engine`, `applied`, the ring's numbers */
	bool is_ending;
	int64_t wanted_ms; /* somebody listened or asked */
	struct listener *listeners;
	size_t n, cap;
	struct viewer *viewers;
};

void feed_init(struct feed *f);
/* Whether the engine is to be dialled, what it says, new revisions: into the ring. More waits: true. */
bool feed_run(struct events *e, struct seat *seat, int64_t now);
/* Nobody listens: lets go of everything. */
void feed_rest(struct events *e);
void feed_done(struct feed *f);

#endif
