/* The resources of the endpoint table, one a group of rows in api/ep_*.c. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "api/endpoint.h"

extern const struct resource resource_auth;
extern const struct resource resource_accounts;
extern const struct resource resource_domains;
extern const struct resource resource_dns;
extern const struct resource resource_email;
extern const struct resource resource_databases;
extern const struct resource resource_ftp;
extern const struct resource resource_cron;
extern const struct resource resource_packages;

#endif
