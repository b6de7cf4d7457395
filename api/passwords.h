/* Comparing passwords, and counting those that are wrong within a session. On a worker: it takes some 50 ms. */
#ifndef API_PASSWORDS_H
#define API_PASSWORDS_H

#include "api/call.h"

/* Of USER, NULL for nobody: that costs as much time as a wrong password. */
bool passwords_right(struct call *c, const char *user, const char *plain);
/*
 * Asked again within a session or by a token: of the caller, and counted apart from logins, so that
 * who holds a session cannot lock its owner out. ERR_DENIED with status 429: too many were wrong.
 */
int passwords_confirm_admit(struct call *c, struct err *err) must_check;
/* Counts one more, and logs it. */
int passwords_confirm_wrong(struct call *c, struct err *err) must_check;

#endif
