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
extern const struct resource resource_sessions;
extern const struct resource resource_system;
extern const struct resource resource_whmcs;
extern const struct resource resource_ssl;
extern const struct resource resource_dkim;
extern const struct resource resource_stats;
extern const struct resource resource_branding;
extern const struct resource resource_users;
extern const struct resource resource_files;
extern const struct resource resource_webmail;
extern const struct resource resource_docker;
extern const struct resource resource_firewall;
extern const struct resource resource_revisions;
extern const struct resource resource_plan;
extern const struct resource resource_state;
extern const struct resource resource_tokens;
extern const struct resource resource_status;
extern const struct resource resource_drift;
extern const struct resource resource_events;
extern const struct resource resource_operations;

#endif
