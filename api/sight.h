/*
 * Whose history a caller may see: admins all; others what touched the accounts
 * that are theirs now, from the revision on in which each came to be. A name
 * that is given again does not open what its earlier holder did.
 */
#ifndef API_SIGHT_H
#define API_SIGHT_H

#include "api/call.h"
#include "base/strmap.h"

struct sight {
	bool sees_all;
	struct log_account *v;
	size_t n;
	struct strmap by_name; /* struct log_account */
};

/* Of c->account alone, if the call has one. */
int sight_of(struct call *c, struct sight *ret, struct err *err) must_check;
/* Whether what happened to a resource of ACCOUNT (or NULL) in revision REV may be told. */
bool sight_has(const struct sight *s, const char *account, int64_t rev);

#endif
