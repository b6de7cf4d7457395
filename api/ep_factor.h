/* What the rows of auth and users do about second factors (factor.h). */
#ifndef API_EP_FACTOR_H
#define API_EP_FACTOR_H

#include "api/call.h"

/* auth/totp-*: of the caller. Those that take a password compare it, and the code, before. */
int factor_show(struct call *c, struct err *err) must_check;
int factor_setup(struct call *c, struct err *err) must_check;
int factor_enable(struct call *c, struct err *err) must_check;
int factor_confirm(struct call *c, struct err *err) must_check;
int factor_disable(struct call *c, struct err *err) must_check;
int factor_renew(struct call *c, struct err *err) must_check;
/* users/totp-reset: of the row. */
int factor_reset(struct call *c, struct err *err) must_check;

#endif
