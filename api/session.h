/*
 * Sessions and tokens: who may speak as whom. They lie in api.db, apart from
 * desired state, and are not versioned.
 *
 * A session's token is 32 random bytes as 64 hexadecimal digits; stored is its
 * SHA-256, which is also the handle by which it is shown and revoked. It holds
 * 8 hours from the login. The user's role and status are read from the model
 * at each call: who is suspended, or whose account is, is out at once.
 */
#ifndef API_SESSION_H
#define API_SESSION_H

#include "api/call.h"
#include "base/digest.h"

enum {
	SESSION_S = 28800,
	SESSION_TOKEN_LEN = 64,
};

/* Makes or migrates api.db's tables. */
int session_db_open(const void *ctx, const char *path, struct sql **ret,
		    struct err *err) must_check;

/*
 * Fills c->who from the request: cookie, bearer token or billing key. A request without any is
 * ROLE_NOBODY. ERR_DENIED: what it showed is not (or no more) good.
 */
int session_authenticate(struct call *c, struct err *err) must_check;
/* Fills c->who from the model. ERR_DENIED: that user, or its account, is off. */
int session_load_user(struct call *c, int64_t id, struct err *err) must_check;

/* What somebody was let in with. */
struct session_proof {
	char digest[DIGEST_HEX_LEN + 1]; /* of a session, or (IS_TOKEN) of a token */
	bool is_token;
	int64_t token; /* its id, if known; 0: by the digest */
};

/*
 * Fills c->who's user from the model, of a call that has a seat and no request. ERR_DENIED: the
 * session or token has ended, or that user, or its account, is off.
 */
int session_look(struct call *c, const struct session_proof *p, struct err *err) must_check;
/* Makes a session for USER and adds its cookie to the answer. */
int session_start(struct call *c, int64_t user, struct err *err) must_check;
/* Ends one by its handle, those of a user (but KEEP, if given), or all. Returns how many. */
int session_end(struct call *c, const char *handle, struct err *err) must_check;
int session_end_user(struct call *c, int64_t user, const char *keep, struct err *err) must_check;
int session_end_all(struct call *c, struct err *err) must_check;

#endif
