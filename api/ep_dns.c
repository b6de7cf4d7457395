/* dns: zones and their records. */
#include <string.h>

#include "api/crud.h"
#include "api/resources.h"
#include "api/shapes.h"
#include "model/rdata.h"

#define ACCOUNT_PARAM                                                              \
	{                                                                          \
		.name = "account_id", .type = PARAM_ACCOUNT, .doc = "The account." \
	}

static const struct param list_params[] = { ACCOUNT_PARAM };

static const struct param records_params[] = {
	{ .name = "zone_id",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED,
	  .kind = &kind_zone,
	  .doc = "The zone." },
};

static const struct param add_params[] = {
	{ .name = "zone_id",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED,
	  .kind = &kind_zone,
	  .field = "zone",
	  .doc = "The zone." },
	{ .name = "type", .dflt = "A", .field = "type", .doc = "A, AAAA, CNAME, MX, …" },
	{ .name = "name", .dflt = "@", .field = "name", .doc = "@ is the zone itself." },
	{ .name = "value",
	  .aliases = { "content" },
	  .flags = PARAM_REQUIRED,
	  .field = "value",
	  .doc = "The data, without priority." },
	{ .name = "ttl", .type = PARAM_INT, .field = "ttl", .doc = "Seconds." },
	{ .name = "priority",
	  .type = PARAM_INT,
	  .field = "priority",
	  .doc = "Of MX and SRV; of other types it is ignored." },
};

static const struct param update_params[] = {
	{ .name = "record_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The record." },
	{ .name = "name", .field = "name", .doc = "@ is the zone itself." },
	{ .name = "type", .field = "type", .doc = "A, AAAA, CNAME, MX, …" },
	{ .name = "value", .aliases = { "content" }, .field = "value", .doc = "The data." },
	{ .name = "ttl", .type = PARAM_INT, .field = "ttl", .doc = "Seconds." },
	{ .name = "priority",
	  .type = PARAM_INT,
	  .field = "priority",
	  .doc = "Of MX and SRV; of other types it is ignored." },
};

static const struct param delete_params[] = {
	{ .name = "record_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The record." },
};

static const struct param create_zone_params[] = {
	{ .name = "account_id",
	  .type = PARAM_ACCOUNT,
	  .flags = PARAM_REQUIRED,
	  .doc = "The account." },
	{ .name = "domain", .flags = PARAM_REQUIRED, .field = "name", .doc = "Name of the zone." },
};

static const struct param delete_zone_params[] = {
	{ .name = "zone_id",
	  .aliases = { "id" },
	  .type = PARAM_ROW,
	  .flags = PARAM_REQUIRED,
	  .doc = "The zone." },
};

/* Forms of the original send one with every type, which stored and never used it. */
static int settle_priority(struct call *c, struct changeset *cs, struct change *change,
			   struct err *err)
{
	const struct record *was = c->row;
	const struct value unset = { .type = VALUE_NULL };
	const struct rdata_type *type =
		rdata_type_find(call_text(c, "type", was ? was->type : "A"));

	(void)cs;
	if (!type || type->has_priority)
		return 0;
	return change_set(c->ctx, change, kind_field(&kind_record, "priority"), &unset, err);
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .aliases = { "zones" },
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_LIST,
	  .kind = &kind_zone,
	  .shape = &shape_zone,
	  PARAMS(list_params),
	  .doc = "Zones of an account." },
	{ .action = "records",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_LIST,
	  .kind = &kind_record,
	  .shape = &shape_record,
	  PARAMS(records_params),
	  .doc = "Records of a zone." },
	{ .action = "add-record",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_record,
	  .shape = &shape_record,
	  PARAMS(add_params),
	  .audit = "dns.add-record",
	  .edit = settle_priority,
	  .doc = "Adds a record to a zone." },
	{ .action = "update-record",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_UPDATE,
	  .kind = &kind_record,
	  PARAMS(update_params),
	  .audit = "dns.update-record",
	  .edit = settle_priority,
	  .doc = "Changes what is given of a record." },
	{ .action = "delete-record",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .op = EP_DELETE,
	  .kind = &kind_record,
	  PARAMS(delete_params),
	  .audit = "dns.delete-record",
	  .doc = "Deletes a record." },
	{ .action = "create-zone",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CREATE,
	  .kind = &kind_zone,
	  .shape = &shape_zone,
	  PARAMS(create_zone_params),
	  .audit = "dns.create-zone",
	  .doc = "Makes an empty zone." },
	{ .action = "delete-zone",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_DELETE,
	  .kind = &kind_zone,
	  PARAMS(delete_zone_params),
	  .audit = "dns.delete-zone",
	  .doc = "Deletes a zone with its records." },
};

const struct resource resource_dns = RESOURCE("dns", rows, "DNS zones and records.");
