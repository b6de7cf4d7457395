/*
 * A client of Dovecot's auth process: which version of a table of logins it
 * answers from.
 *
 * Dovecot 2.3 (db-passwd-file.c) looks at a passwd-file at most once a second,
 * when somebody asks for a user, so for up to a second after a file was
 * replaced the old passwords hold. The first row of each of our files is of a
 * user that has a digest of all other rows among its fields (renderers/mail.h);
 * the auth process that answers logins is asked for that user at its socket
 * /run/dovecot/auth-userdb (lines of words between tabs, auth-master protocol
 * 1.x) until the answer has the digest.
 * All waiting of one client is bounded: `answer_ms` for each answer, and
 * `patience_ms` in all for answers that are not yet as wanted.
 */
#ifndef RECONCILER_LOGINS_H
#define RECONCILER_LOGINS_H

#include <time.h>

#include "base/err.h"

struct logins;

struct logins_at {
	int root;        /* the socket lies beneath it */
	int answer_ms;   /* 0: 5 s */
	int patience_ms; /* 0: 3 s */
};

/* Connects. ERR_ABSENT: Dovecot is not running (no socket, or nobody listens at it). */
int logins_open(const void *ctx, const struct logins_at *at, struct logins **ret,
		struct err *err) must_check;
/* cleanup_(logins_freep) */
void logins_freep(struct logins **d);
/*
 * Returns when Dovecot knows USER with VERSION. ERR_CHECK: the patience is used up and it answers
 * otherwise; each user is asked for at least once. ERR_TIMEOUT, ERR_ABSENT, ERR_CORRUPT: it does not
 * answer, went away, or answers what no Dovecot answers.
 */
int logins_await(struct logins *d, const char *user, const char *version,
		 struct err *err) must_check;
/* Returns when the second of SINCE has passed: then Dovecot looks at a file again before it answers. */
void logins_await_second(const struct timespec *since);

/*
 * The user and version in the first row of TEXT, a passwd-file of ours. ERR_NOTFOUND: it has no row,
 * or one without a version.
 */
int logins_version_in(const void *ctx, const char *text, const char **ret_user,
		      const char **ret_version, struct err *err) must_check;

#endif
