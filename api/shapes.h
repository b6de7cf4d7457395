/* The shapes of answers: names of the contract, its rows' columns and ours. */
#ifndef API_SHAPES_H
#define API_SHAPES_H

#include "api/shape.h"

extern const struct shape shape_account, shape_account_created, shape_usage, shape_domain,
	shape_zone, shape_record, shape_mailbox, shape_forwarder, shape_autoresponder,
	shape_database, shape_ftp_account, shape_cron_job, shape_package, shape_billing,
	shape_stats, shape_user, shape_certificate, shape_dkim_key, shape_branding, shape_container,
	shape_firewall_rule;

#endif
