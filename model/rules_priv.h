/* What the files of rules share; the contract is that of model/rules.c. */
#ifndef MODEL_RULES_PRIV_H
#define MODEL_RULES_PRIV_H

#include "model/store_priv.h"

/* A resource that was put, and whose it is. */
struct subject {
	struct apply *a;
	const struct touched *t;
	const void *res;     /* t->after */
	const char *account; /* its owner, or NULL */
};

/* A problem of the subject; FIELD or NULL. */
void rule_complain(const struct subject *s, enum err_code code, const char *field, const char *fmt,
		   ...) format_(4, 5);
/* 1 and the resource, or 0. */
int rule_find(const struct subject *s, const struct kind *k, const char *key, void *ret_res,
	      struct err *err) must_check;
/* True the first time it is asked about NAME in this commit. */
bool rule_first_time(struct apply *a, const char *name);

/* Users, resellers and what they sell: model/rules_people.c. */
int rule_user(const struct subject *s, struct err *err) must_check;
int rule_package(const struct subject *s, struct err *err) must_check;
int rule_holder(const struct subject *s, struct err *err) must_check; /* of an account */

#endif
