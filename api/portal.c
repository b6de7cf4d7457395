#include "api/portal.h"

const struct portal portals[N_PORTALS] = {
	{ 8880, ROLE_USER, "user" },
	{ 8881, ROLE_RESELLER, "reseller" },
	{ 8882, ROLE_ADMIN, "admin" },
};

const struct portal *portal_of_port(uint16_t port)
{
	for (size_t i = 0; i < N_PORTALS; i++) {
		if (portals[i].port == port)
			return &portals[i];
	}
	return NULL;
}

const struct portal *portal_of_role(enum role role)
{
	for (size_t i = 0; i < N_PORTALS; i++) {
		if (portals[i].role == role)
			return &portals[i];
	}
	return &portals[0];
}
