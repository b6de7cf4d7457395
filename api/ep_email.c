/* email: mailboxes and forwarders. */
#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

static const struct param account_params[] = { PARAM_ACCOUNT_ID(PARAM_REQUIRED) };
static const struct param id_params[] = { PARAM_ID_ALIAS("email_id", "The mailbox.") };
static const struct param forwarder_id_params[] = { PARAM_ID("The forwarder.") };
static const struct param autoresponder_id_params[] = { PARAM_ID("The autoresponder.") };

static const struct param create_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "email",
	  .aliases = { "address" },
	  .flags = PARAM_REQUIRED,
	  .field = "address",
	  .doc = "Its address, on a domain of the account." },
	PARAM_PASSWORD(PARAM_REQUIRED),
	{ .name = "quota_mb",
	  .type = PARAM_INT,
	  .field = "quota_mb",
	  .doc = "In MiB; 0: unlimited." },
};

static const struct param password_params[] = {
	PARAM_ID_ALIAS("email_id", "The mailbox."),
	PARAM_PASSWORD(PARAM_REQUIRED),
};

static const struct param update_params[] = {
	PARAM_ID_ALIAS("email_id", "The mailbox."),
	{ .name = "quota_mb",
	  .type = PARAM_INT,
	  .field = "quota_mb",
	  .doc = "In MiB; 0: unlimited." },
};

static const struct param forwarder_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "source",
	  .flags = PARAM_REQUIRED,
	  .field = "source",
	  .doc = "Address whose mail is sent on; @DOMAIN: all that is left over." },
	{ .name = "destination",
	  .flags = PARAM_REQUIRED,
	  .field = "destination",
	  .doc = "Where it is sent." },
};

static const struct param autoresponder_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "email",
	  .aliases = { "address" },
	  .flags = PARAM_REQUIRED,
	  .field = "address",
	  .doc = "The mailbox that it answers for." },
	{ .name = "subject", .flags = PARAM_REQUIRED, .field = "subject", .doc = "Subject." },
	{ .name = "body",
	  .aliases = { "message" },
	  .flags = PARAM_REQUIRED,
	  .field = "body",
	  .doc = "Text of the answer." },
	{ .name = "starts", .type = PARAM_DATE, .field = "starts", .doc = "First day." },
	{ .name = "ends", .type = PARAM_DATE, .field = "ends", .doc = "Last day." },
	{ .name = "enabled",
	  .aliases = { "is_active" },
	  .type = PARAM_BOOL,
	  .field = "enabled",
	  .doc = "Whether it answers." },
};

/* What answers for the mailbox goes with it. */
static int take_down(struct call *c, struct changeset *cs, struct change *change, struct err *err)
{
	const struct mailbox *m = c->row;
	struct autoresponder *a = NULL;
	int r = store_get(c->ctx, c->store, &kind_autoresponder, m->address, &a, err);

	(void)change;
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r >= 0)
		(void)crud_change(cs, CHANGE_DELETE, a);
	return r;
}

static int suspend(struct call *c, struct changeset *cs, struct change *m, struct err *err)
{
	(void)cs;
	return crud_set(c, m, "status", "suspended", err);
}

static int unsuspend(struct call *c, struct changeset *cs, struct change *m, struct err *err)
{
	(void)cs;
	return crud_set(c, m, "status", "active", err);
}

static const struct endpoint rows[] = {
	ROW_LIST(&kind_mailbox, &shape_mailbox, ROLE_SESSION, account_params,
		 "Mailboxes of an account, by address."),
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_mailbox,
	  .shape = &shape_mailbox,
	  PARAMS(create_params),
	  .audit = "email.create",
	  .doc = "Makes a mailbox." },
	{ .action = "update",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_mailbox,
	  .shape = &shape_mailbox,
	  PARAMS(update_params),
	  .audit = "email.update",
	  .doc = "Changes a mailbox's size." },
	{ .action = "delete",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .op = EP_DELETE,
	  .kind = &kind_mailbox,
	  PARAMS(id_params),
	  .audit = "email.delete",
	  .edit = take_down,
	  .doc = "Deletes a mailbox and its autoresponder; its mail lies in the trash for trash_days." },
	{ .action = "suspend",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_UPDATE,
	  .kind = &kind_mailbox,
	  PARAMS(id_params),
	  .audit = "email.suspend",
	  .edit = suspend,
	  .doc = "Refuses mail and login; nothing is lost." },
	{ .action = "unsuspend",
	  .aliases = { "reactivate", "activate" },
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_mailbox,
	  PARAMS(id_params),
	  .audit = "email.unsuspend",
	  .edit = unsuspend,
	  .doc = "Takes mail and logins again." },
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_mailbox,
	  PARAMS(password_params),
	  .audit = "email.change-password",
	  .doc = "Sets a mailbox's password." },
	{ .action = "forwarders",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_LIST,
	  .kind = &kind_forwarder,
	  .shape = &shape_forwarder,
	  PARAMS(account_params),
	  .doc = "Forwarders of an account." },
	{ .action = "add-forwarder",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CREATE,
	  .kind = &kind_forwarder,
	  .shape = &shape_forwarder,
	  PARAMS(forwarder_params),
	  .audit = "email.add-forwarder",
	  .doc = "Sends the mail of one address on to another." },
	{ .action = "delete-forwarder",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_DELETE,
	  .kind = &kind_forwarder,
	  PARAMS(forwarder_id_params),
	  .audit = "email.delete-forwarder",
	  .doc = "Deletes a forwarder." },
	{ .action = "autoresponders",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_LIST,
	  .kind = &kind_autoresponder,
	  .shape = &shape_autoresponder,
	  PARAMS(account_params),
	  .doc = "Autoresponders of an account." },
	{ .action = "add-autoresponder",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CREATE,
	  .kind = &kind_autoresponder,
	  .shape = &shape_autoresponder,
	  PARAMS(autoresponder_params),
	  .audit = "email.add-autoresponder",
	  .doc = "Answers the mail of a mailbox." },
	{ .action = "delete-autoresponder",
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_DELETE,
	  .kind = &kind_autoresponder,
	  PARAMS(autoresponder_id_params),
	  .audit = "email.delete-autoresponder",
	  .doc = "Deletes an autoresponder." },
};

const struct resource resource_email =
	RESOURCE("email", rows, "Mailboxes, forwarders, autoresponders.");
