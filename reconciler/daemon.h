/*
 * novacpxd: the loop that keeps a machine as it is wanted.
 *
 * A pass runs when a revision is newer than what was applied (told by a wake,
 * else seen within two seconds), when somebody touched a folder of ours, when
 * a retry is due, and as a paced full sweep. Reasons are gathered for 100 ms
 * (not at all when somebody waits) and one pass serves them all. The lock
 * that the command line takes too is held only during a pass. What fails is
 * tried again, later and later; it is logged once.
 *
 * One thread; nothing waits but the pass itself. Killed anywhere, the next
 * start compares and goes on.
 */
#ifndef RECONCILER_DAEMON_H
#define RECONCILER_DAEMON_H

#include <systemd/sd-event.h>

#include "reconciler/daemon_alone.h" /* DAEMON_PID */
#include "reconciler/daemon_socket.h"
#include "reconciler/engine.h"
#include "reconciler/watch.h"

#define DAEMON_SOCKET "/run/novacpx/engine.sock"

enum {
	DAEMON_SWEEP_S = 3600,
	DAEMON_WATCHES = 60000,
};

struct daemon_opts {
	const char *root;   /* "/" or the folder of a sandbox */
	const char *socket; /* beneath the root */
	int64_t sweep_s;
	size_t watches; /* folders to watch at most */
};

struct daemon_stats {
	int64_t started;           /* seconds since 1970, as all times here */
	int64_t passes, failures;  /* since then */
	int64_t last_at, last_ms;  /* the last pass that ran */
	int64_t last_actions;      /* what it changed */
	int64_t last_failed;       /* actions of it that failed */
	enum err_code failed_code; /* ERR_OK when it went through */
	int64_t failed_rev;        /* what it was for, when it did not */
	char failed[ERR_MSG_MAX];  /* "" then */
};

enum daemon_when {
	DAEMON_NOW,  /* somebody waits */
	DAEMON_SOON, /* gathers for 100 ms */
};

/* What requests see of it. */
struct daemon {
	const struct daemon_opts *opts;
	struct engine *e;
	struct watch *watch;
	struct server *server;
	struct daemon_stats stats;
	int64_t applied, head; /* as last seen */
	struct agenda *agenda; /* of the loop alone */
	struct follow *follow; /* of daemon_follow.c alone; NULL: nobody follows */
	struct drift *drift;   /* of daemon_plan.c alone: the last answer about it, or NULL */
};

/* Runs until SIGTERM or SIGINT. ERR_BUSY when another one runs for this root; it is named. */
int daemon_run(const struct daemon_opts *opts, struct err *err) must_check;
/* One full pass; returns how many resources have a condition. */
int daemon_once(const struct daemon_opts *opts, struct err *err) must_check;

/* Asks for a pass, also while a failed one is waited for. */
void daemon_wake(struct daemon *d, enum daemon_when when);

#endif
