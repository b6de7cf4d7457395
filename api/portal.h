/*
 * Portals: each role has its port, as with the original, and the name that
 * the log of failed logins gives it. Any port answers everybody, unless the
 * setting api_port_roles keeps each to its role.
 */
#ifndef API_PORTAL_H
#define API_PORTAL_H

#include "api/call.h"

struct portal {
	uint16_t port;
	enum role role;
	const char *name;
};

enum {
	N_PORTALS = 3
};

extern const struct portal portals[N_PORTALS];

/* NULL: another port. */
const struct portal *portal_of_port(uint16_t port);
/* Of one role, which is not ROLE_NOBODY. */
const struct portal *portal_of_role(enum role role);

#endif
