/*
 * What a token may do: words of the form RESOURCE[:ACCESS], each resource of
 * the endpoint table or "*", and
 *
 *   read         rows that are called by GET alone
 *   write        all others
 *   credentials  rows that set passwords, second factors, tokens or keys, or
 *                make who may log in; named only with its resource: neither
 *                "*" nor a resource alone stands for it
 *
 * No access: read and write. So "dns:read accounts" reads zones, and reads
 * and writes accounts. What stands in no scope is refused; scopes never give
 * more than the role of the token's owner has.
 */
#ifndef API_SCOPE_H
#define API_SCOPE_H

#include "api/endpoint.h"

enum scope_access {
	SCOPE_READ,
	SCOPE_WRITE,
	SCOPE_CREDENTIALS,
	SCOPE_ACCESSES
};

enum {
	SCOPES_MAX = 64 /* of a token */
};

enum scope_access scope_access_of(const struct endpoint *ep);
/* What a token needs for EP: "dns:write". GROUP is NULL for addresses outside of it: "system". */
const char *scope_needed(const void *ctx, const struct resource *group, const struct endpoint *ep);
/* SCOPES: words with spaces between. */
bool scope_allows(const char *scopes, const struct resource *group, const struct endpoint *ep);
/*
 * ITEMS as they are stored, sorted, each once. Refused: what is no scope, what no row that ROLES may
 * call is behind, and what BOUND (NULL: anything), the scopes of the token that asks, does not cover.
 */
int scope_canon(const void *ctx, const char *const *items, size_t n, unsigned roles,
		const char *bound, const char **ret, struct err *err) must_check;

typedef void scope_fn(const char *scope, const char *doc, void *arg);
/* Each RESOURCE:ACCESS that has a row ROLES may call. */
void scope_each(const void *ctx, unsigned roles, scope_fn *fn, void *arg);

#endif
