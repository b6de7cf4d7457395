/*
 * The engine's Unix socket: one JSON object a line, one answer a line.
 *
 * Callers are hostile until shown otherwise: root and one user (SO_PEERCRED)
 * only, lines of at most 64 KiB (a few that ask for a plan: 1 MiB), at most
 * 256 connections, some of them root's, silent ones closed after a minute,
 * slow readers too. Lines of a connection are answered in their order; a line
 * may be held until something comes about, and then the lines behind it wait.
 * A connection that follows is told events and not listened to any more; one
 * that lags too far behind is closed. Nothing here blocks.
 */
#ifndef RECONCILER_DAEMON_SOCKET_H
#define RECONCILER_DAEMON_SOCKET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/err.h"

struct server;
struct conn;

enum {
	SOCKET_LINE_MAX = 64 * 1024,
	SOCKET_PLAN_MAX = 1024 * 1024, /* of a line that begins with {"op":"plan" */
	SOCKET_LONG_MAX = 8,           /* such lines at once */
	SOCKET_CONNS_MAX = 256,
	SOCKET_CONNS_ROOT = 16, /* of these, for root alone */
	SOCKET_FOLLOWERS_MAX = 16,
	SOCKET_LAG_MAX = 256 * 1024, /* bytes that a follower has not read */
	SOCKET_IDLE_S = 60,
};

/* Who may talk besides root and whoever runs us; 0: nobody. */
struct socket_peer {
	uid_t uid;
	gid_t gid; /* of the socket */
};

struct server_calls {
	/* Must lead to conn_answer() or conn_hold(). LINE is not NUL-terminated. */
	void (*line)(struct conn *c, const char *line, size_t len, void *arg);
	/* A held line's time is over: must call conn_answer(). */
	void (*expired)(struct conn *c, void *arg);
	void *arg;
};

struct server_opts {
	int root;
	const char *path; /* beneath root */
	struct socket_peer peer;
	struct server_calls calls;
};

/*
 * Listens at the path (0600, with a peer 0660 of its group; its folder is made); a socket
 * left behind there is removed.
 */
int server_new(const void *ctx, sd_event *event, const struct server_opts *opts,
	       struct server **ret, struct err *err) must_check;
/* To be called every few seconds: closes connections that were silent for too long. */
void server_tick(struct server *s);
size_t server_count(const struct server *s);
size_t server_followers(const struct server *s);
/* EVENT (released) to all that follow. */
void server_tell(struct server *s, json_t *event);

/* True for root and whoever runs us, false for the peer. */
bool conn_is_root(const struct conn *c);
/* From here on only events come; the current line is still to be answered. -ERR_BUSY over the cap. */
int conn_follow(struct conn *c, struct err *err) must_check;
/* Sends ANSWER (and releases it). A held line is held no longer. */
void conn_answer(struct conn *c, json_t *answer);
/* The answer to the current line comes later, at the latest after TIMEOUT_MS. WHAT is handed to C. */
int conn_hold(struct conn *c, uint64_t timeout_ms, void *what, struct err *err) must_check;
/* WHAT of the held line, or NULL. */
void *conn_held(const struct conn *c);
/* Calls FN for every connection with a held line; FN may answer it. */
void server_each_held(struct server *s, void (*fn)(struct conn *c, void *arg), void *arg);

#endif
