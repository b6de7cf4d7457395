/* ftp: FTP logins of an account. */
#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

static const struct param account_params[] = { PARAM_ACCOUNT_ID(0) };
static const struct param id_params[] = { PARAM_ID("The FTP login.") };
static const struct param password_params[] = {
	PARAM_ID("The FTP login."),
	PARAM_PASSWORD(PARAM_REQUIRED),
};

static const struct param create_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "username", .flags = PARAM_REQUIRED, .field = "username", .doc = "Login." },
	PARAM_PASSWORD(PARAM_REQUIRED),
	{ .name = "home_dir", .field = "home_dir", .doc = "Folder in the account's home." },
	{ .name = "quota_mb",
	  .type = PARAM_INT,
	  .field = "quota_mb",
	  .doc = "In MiB; 0: unlimited." },
};

static const struct endpoint rows[] = {
	ROW_LIST(&kind_ftp_account, &shape_ftp_account, ROLE_SESSION, account_params,
		 "FTP logins of an account."),
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_ftp_account,
	  .shape = &shape_ftp_account,
	  PARAMS(create_params),
	  .audit = "ftp.create",
	  .doc = "Makes an FTP login." },
	ROW_DELETE(&kind_ftp_account, ROLE_SESSION, id_params, "ftp.delete",
		   "Deletes an FTP login; files stay."),
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_UPDATE,
	  .kind = &kind_ftp_account,
	  PARAMS(password_params),
	  .audit = "ftp.change-password",
	  .doc = "Sets an FTP login's password." },
};

const struct resource resource_ftp = RESOURCE("ftp", rows, "FTP logins.");
