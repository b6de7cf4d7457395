/*
 * Who may see and change what: the one place where it is decided.
 *
 * Admins all; resellers their customers' accounts and what belongs to them,
 * their customers and themselves among the users, their own packages and those
 * of the system (which they may use but not change), their branding; users
 * their own account. Kinds without a rule here are the admins'. A resource
 * that the caller may not see answers exactly as one that is not there.
 */
#ifndef API_OWN_H
#define API_OWN_H

#include "api/call.h"

enum own_right {
	OWN_SEE,
	OWN_CHANGE,
};

/* The resource of kind K with that id. ERR_NOTFOUND: none, or not the caller's. */
int own_get(struct call *c, const struct kind *k, int64_t id, enum own_right right, void *ret_res,
	    struct err *err) must_check;
/* The same by natural key. */
int own_get_key(struct call *c, const struct kind *k, const char *key, enum own_right right,
		void *ret_res, struct err *err) must_check;
/* Whether the caller sees the resource NAME, "domain/example.com": 1 or 0. The server's own is the admins'. */
int own_sees(struct call *c, const char *name, struct err *err) must_check;
/* The one account of a caller of role user; ERR_NOTFOUND when it has none. */
int own_account(struct call *c, struct account **ret, struct err *err) must_check;
/*
 * For lists: a condition on table `t` of kind K, in which ?N (N: the parameter's number) is the
 * caller's user name; "1" for admins. A literal, which lives for ever.
 */
const char *own_condition(const struct call *c, const struct kind *k);

#endif
