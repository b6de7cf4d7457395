/*
 * Sessions and tokens: who may speak as whom. They lie in api.db, apart from
 * desired state, and are not versioned.
 *
 * A session's token is 32 random bytes as 64 hexadecimal digits; stored is its
 * SHA-256, which is also the handle by which it is shown and revoked. It holds
 * for the hours of the setting api_session_hours from the login. The user's
 * role and status are read from the model at each call: who is suspended, or
 * whose account is, is out at once, with its tokens.
 *
 * A session knows the revision of the password it was made with, and is over
 * when there is a newer one, whoever set it: the API, the command line, a
 * state file. API tokens stay when the password changes, as programs hold
 * them that know nothing of it; tokens/revoke-all ends them.
 */
#ifndef API_SESSION_H
#define API_SESSION_H

#include "api/call.h"
#include "base/digest.h"

#define TOKEN_PREFIX "ncpx_" /* of API tokens: scanners for lost secrets find them by it */

enum {
	SESSION_TOKEN_LEN = 64,
};

/*
 * Fills c->who from the request: cookie, bearer token or billing key. A request without any is
 * ROLE_NOBODY. ERR_DENIED: what it showed is not (or no more) good.
 */
int session_authenticate(struct call *c, struct err *err) must_check;
/* Fills c->who from the model. ERR_DENIED: that user, or its account, is off. */
int session_load_user(struct call *c, int64_t id, struct err *err) must_check;

/* What somebody was let in with. */
struct session_proof {
	char session[DIGEST_HEX_LEN + 1]; /* its handle; "": a token */
	int64_t token;                    /* its id; 0: a session */
};

/*
 * Fills c->who's user from the model, of a call that has a seat and no request. ERR_DENIED: the
 * session or token has ended, or that user, or its account, is off.
 */
int session_look(struct call *c, const struct session_proof *p, struct err *err) must_check;
/* The revision that set the user's password; 0: it has none. */
int session_password_rev(struct call *c, const char *username, int64_t *ret,
			 struct err *err) must_check;
/* 1: no later revision than PW_REV set it. */
int session_is_current(struct call *c, const char *username, int64_t pw_rev,
		       struct err *err) must_check;
/* Makes a session for USER, whose password of revision PW_REV was right, and adds its cookie. */
int session_start(struct call *c, int64_t user, int64_t pw_rev, struct err *err) must_check;
/* Whose the one of this handle is: 1, or 0 when there is none. */
int session_user(struct call *c, const char *handle, int64_t *ret, struct err *err) must_check;
/* Ends one by its handle, those of a user (but KEEP, if given), or all. Returns how many. */
int session_end(struct call *c, const char *handle, struct err *err) must_check;
int session_end_user(struct call *c, int64_t user, const char *keep, struct err *err) must_check;
int session_end_all(struct call *c, struct err *err) must_check;
/*
 * Drops the sessions of older passwords of users that changed after revision FROM up to TO. They open
 * nothing without it; what looks for their rows alone (a stream that lasts) sees that they ended.
 */
int session_end_outdated(struct seat *seat, int64_t from, int64_t to, struct err *err) must_check;
/* Revision c->rev set USER's password: all sessions but the caller's own end. */
int session_new_password(struct call *c, int64_t user, struct err *err) must_check;

/* 64 random hexadecimal digits. */
int session_random(char ret[SESSION_TOKEN_LEN + 1], struct err *err) must_check;
/* The digest of an API token. False: it has not the form of one. */
bool session_token_digest(const char *token, char hex[DIGEST_HEX_LEN + 1]);

#endif
