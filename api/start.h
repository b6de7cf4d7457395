/*
 * What new things start with, as the original gave it to them: a zone's
 * records, a subdomain's address.
 */
#ifndef API_START_H
#define API_START_H

#include "api/call.h"

/* An account as it is asked for; what is NULL is left out. Names in lower case. */
struct start_account {
	const char *username, *domain, *email;
	const char *hash; /* of the password, for panel and system */
	const char *package, *php_version;
	const char *reseller;
};

/* Adds it to CS, itself first, then its login, first domain and zone. */
int start_account(struct call *c, struct changeset *cs, const struct start_account *a,
		  struct err *err) must_check;
/* The package named Default, else the one marked so, else the first; NULL: there is none. */
int start_default_package(struct call *c, const char **ret, struct err *err) must_check;
/* The login that has no other account goes with it; a reseller's or admin's stays. */
int start_login_drop(struct call *c, struct changeset *cs, const struct account *a,
		     struct err *err) must_check;
/* The login's password is that of the account; who was logged in with the old one is out. */
int start_login_password(struct call *c, struct changeset *cs, const struct account *a,
			 const char *hash, struct err *err) must_check;
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
