/* databases: databases and their logins. */
#include <string.h>

#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/shapes.h"

static const char *const types[] = { "mysql", "postgresql", NULL };

static const struct param account_params[] = { PARAM_ACCOUNT_ID(0) };
static const struct param id_params[] = { PARAM_ID_ALIAS("db_id", "The database.") };

static const struct param create_params[] = {
	PARAM_ACCOUNT_ID(PARAM_REQUIRED),
	{ .name = "db_name",
	  .aliases = { "name" },
	  .flags = PARAM_REQUIRED,
	  .doc = "Name; the account's name and _ are put before it." },
	{ .name = "db_user", .doc = "Login; that of the database if not given." },
	{ .name = "db_pass",
	  .aliases = { "password" },
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .doc = "Its password." },
	{ .name = "type",
	  .aliases = { "db_type" },
	  .choices = types,
	  .field = "type",
	  .doc = "mysql or postgresql." },
};

static const struct param password_params[] = {
	PARAM_ID_ALIAS("db_id", "The database."),
	{ .name = "password",
	  .aliases = { "db_pass" },
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .doc = "A new password of its login." },
};

/* "blog" of account john is john_blog, and so is "john_blog". */
static const char *prefixed(struct call *c, const char *name)
{
	const char *account = c->account->username;
	size_t len = strlen(account);

	if (strncmp(name, account, len) == 0 && name[len] == '_')
		return name;
	return mem_fmt(c->ctx, "%s_%s", account, name);
}

static int begin(struct call *c, struct changeset *cs, struct change *db, struct err *err)
{
	const char *name = prefixed(c, call_text(c, "db_name", ""));
	const char *user = prefixed(c, call_text(c, "db_user", mem_fmt(c->ctx, "%s_user", name)));
	struct change *u;
	int r = crud_set(c, db, "name", name, err);

	if (r < 0)
		return r;
	u = crud_new(cs, &kind_database_user);
	r = crud_set(c, u, "name", user, err);
	if (r >= 0)
		r = crud_set(c, u, "account", c->account->username, err);
	if (r >= 0)
		r = crud_set(c, u, "databases", name, err);
	if (r >= 0)
		r = crud_set(c, u, "password", call_arg(c, "db_pass")->hash, err);
	return r;
}

typedef int user_fn(struct call *c, struct changeset *cs, const struct database_user *u,
		    struct err *err);

/* Calls FN for each login that may use the database. */
static int each_user(struct call *c, struct changeset *cs, const struct database *db, user_fn *fn,
		     struct err *err)
{
	struct cursor *cur = NULL;
	struct database_user *u = NULL;
	int r = cursor_open(c->ctx, c->store, &kind_database_user,
			    kind_field(&kind_database_user, "account"), db->account, &cur, err);

	while (r >= 0 && (r = cursor_next(c->ctx, cur, &u, err)) > 0) {
		for (size_t i = 0; i < u->databases.n; i++) {
			if (strcmp(u->databases.v[i], db->name) == 0) {
				r = fn(c, cs, u, err);
				break;
			}
		}
	}
	(void)talloc_free(cur);
	return r;
}

/* A login that has no other database goes; of others it is taken out. */
static int leave(struct call *c, struct changeset *cs, const struct database_user *u,
		 struct err *err)
{
	const struct database *db = c->row;
	const struct field *f = kind_field(&kind_database_user, "databases");
	struct ptrs left = { 0 };
	struct value v;

	for (size_t i = 0; i < u->databases.n; i++) {
		if (strcmp(u->databases.v[i], db->name) != 0)
			ptrs_add(c->ctx, &left, u->databases.v[i]);
	}
	if (left.n == 0) {
		(void)crud_change(cs, CHANGE_DELETE, u);
		return 0;
	}
	v = (struct value){ .type = VALUE_LIST, .items = (const char **)left.v, .n = left.n };
	return change_set(c->ctx, crud_change(cs, CHANGE_PUT, u), f, &v, err);
}

static int take_down(struct call *c, struct changeset *cs, struct change *db, struct err *err)
{
	(void)db;
	return each_user(c, cs, c->row, leave, err);
}

static int set_password(struct call *c, struct changeset *cs, const struct database_user *u,
			struct err *err)
{
	return crud_set(c, crud_change(cs, CHANGE_PUT, u), "password",
			call_arg(c, "password")->hash, err);
}

static int change_password(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	int r = each_user(c, &cs, c->row, set_password, err);

	if (r >= 0 && cs.n == 0)
		r = err_set(err, ERR_NOTFOUND, "The database has no login");
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	c->resource = res_name(c->ctx, c->row);
	return r;
}

static const struct endpoint rows[] = {
	ROW_LIST(&kind_database, &shape_database, ROLE_SESSION, account_params,
		 "Databases of an account."),
	{ .action = "create",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CREATE,
	  .kind = &kind_database,
	  .shape = &shape_database,
	  PARAMS(create_params),
	  .audit = "database.create",
	  .edit = begin,
	  .doc = "Makes a database and a login that may use it." },
	{ .action = "delete",
	  .aliases = { "drop" },
	  .methods = METHOD_POST | METHOD_DELETE,
	  .roles = ROLE_SESSION,
	  .op = EP_DELETE,
	  .kind = &kind_database,
	  PARAMS(id_params),
	  .audit = "database.drop",
	  .edit = take_down,
	  .doc = "Deletes a database, and its login if that has no other." },
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .flags = EP_ADDED,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  .kind = &kind_database,
	  PARAMS(password_params),
	  .audit = "database.change-password",
	  .run = change_password,
	  .doc = "Sets the password of the database's logins." },
};

const struct resource resource_databases = RESOURCE("databases", rows, "Databases.");
