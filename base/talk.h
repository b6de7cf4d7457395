/*
 * A socket that is spoken with before a deadline: how we ask a daemon.
 *
 * The socket does not block; every wait ends at the deadline, however little
 * comes at a time. WHO is the peer's name in messages, WHERE its address. The
 * one who made the struct closes the socket. -ERR_TIMEOUT: not in time; -ERR_ABSENT: nobody
 * listens, or it closed the connection; -ERR_SYSTEM: the system's word.
 */
#ifndef BASE_TALK_H
#define BASE_TALK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct talk {
	int fd;
	const char *who, *where;
	int limit_ms;     /* that talk_until() was given, for the message */
	int64_t deadline; /* as talk_now() */
};

/* Milliseconds of a clock that never goes back. */
int64_t talk_now(void);
/* What follows has MS milliseconds. */
void talk_until(struct talk *t, int ms);
/* A new socket in T->fd, connected to TO; nobody there: -ERR_ABSENT. */
int talk_connect(struct talk *t, const struct sockaddr *to, socklen_t len,
		 struct err *err) must_check;
int talk_send(const struct talk *t, const void *data, size_t len, struct err *err) must_check;
/* What has come, at most SIZE: its length, 0 at the end of the connection. */
int talk_read(const struct talk *t, void *data, size_t size, size_t *ret_len,
	      struct err *err) must_check;
/* Just LEN bytes. */
int talk_read_all(const struct talk *t, void *data, size_t len, struct err *err) must_check;
/* -ERR_ABSENT, for a peer that is not there and for one that closed too early. */
int talk_absent(const struct talk *t, struct err *err);
int talk_gone(const struct talk *t, struct err *err);

#endif
