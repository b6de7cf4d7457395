/*
 * What new things start with, as the original gave it to them: a zone's
 * records, a subdomain's address.
 */
#ifndef API_START_H
#define API_START_H

#include "api/call.h"

/*
 * Adds the zone DOMAIN with its first records (addresses of this server, mail, SPF, DMARC) to CS,
 * unless there is a zone of that name.
 */
int start_zone(struct call *c, struct changeset *cs, const char *account, const char *domain,
	       struct err *err) must_check;
/* Adds this server's addresses for NAME, a name in the zone of a domain above it, if that is ours. */
int start_subdomain(struct call *c, struct changeset *cs, const char *name,
		    struct err *err) must_check;
/* Removes what start_subdomain() added, if it is still so. */
int start_subdomain_undo(struct call *c, struct changeset *cs, const char *name,
			 struct err *err) must_check;

#endif
