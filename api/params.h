/* Parameters that many endpoints have. */
#ifndef API_PARAMS_H
#define API_PARAMS_H

#include "api/endpoint.h"

/* account_id: what the call is about. Users need not name theirs. */
#define PARAM_ACCOUNT_ID(flags_)                                                \
	{                                                                       \
		.name = "account_id", .type = PARAM_ACCOUNT, .flags = (flags_), \
		.doc = "The account; a user's own need not be named."           \
	}
/* id: the row that the endpoint reads or changes. */
#define PARAM_ID(doc_)                                                                  \
	{                                                                               \
		.name = "id", .type = PARAM_ROW, .flags = PARAM_REQUIRED, .doc = (doc_) \
	}
#define PARAM_ID_ALIAS(alias_, doc_)                                                             \
	{                                                                                        \
		.name = "id", .aliases = { alias_ }, .type = PARAM_ROW, .flags = PARAM_REQUIRED, \
		.doc = (doc_)                                                                    \
	}
#define PARAM_PASSWORD(flags_)                                                                    \
	{                                                                                         \
		.name = "password", .type = PARAM_SECRET, .flags = (flags_), .field = "password", \
		.doc = "A new password."                                                          \
	}

/* Rows that are the same for many kinds. */
#define ROW_LIST(kind_, shape_, roles_, params_, doc_)                                     \
	{                                                                                  \
		.action = "list", .methods = METHOD_GET, .roles = (roles_), .op = EP_LIST, \
		.kind = (kind_), .shape = (shape_), PARAMS(params_), .doc = (doc_)         \
	}
#define ROW_DELETE(kind_, roles_, params_, audit_, doc_)                                       \
	{                                                                                      \
		.action = "delete", .methods = METHOD_POST | METHOD_DELETE, .roles = (roles_), \
		.op = EP_DELETE, .kind = (kind_), PARAMS(params_), .audit = (audit_),          \
		.doc = (doc_)                                                                  \
	}

#endif
