/* sessions: who is logged in. */
#include "api/crud.h"
#include "api/params.h"
#include "api/resources.h"
#include "api/session.h"

enum {
	SHOWN_MAX = 200
};

static const struct param session_params[] = {
	{ .name = "session_id",
	  .aliases = { "id" },
	  .flags = PARAM_REQUIRED,
	  .doc = "The handle that list shows." },
};

static const struct param user_params[] = {
	{ .name = "user_id",
	  .type = PARAM_REF,
	  .flags = PARAM_REQUIRED,
	  .kind = &kind_user,
	  .doc = "The user." },
};

static int put_session(struct call *c, struct stmt *st, struct err *err)
{
	struct user *u = NULL;
	int r = store_get_id(c->ctx, c->store, &kind_user, sql_int(st, 1), &u, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	if (r >= 0)
		r = session_is_current(c, u->username, sql_int(st, 6), err);
	if (r <= 0)
		return r; /* its password was changed elsewhere: it is over */
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "id", sql_text(st, 0));
	jsonw_int(&c->w, "user_id", sql_int(st, 1));
	jsonw_text(&c->w, "ip_address", sql_text(st, 2));
	jsonw_text(&c->w, "user_agent", sql_text(st, 3));
	jsonw_time(&c->w, "created_at", sql_int(st, 4));
	jsonw_time(&c->w, "expires_at", sql_int(st, 5));
	jsonw_text(&c->w, "username", u->username);
	jsonw_text(&c->w, "email", u->email);
	jsonw_text(&c->w, "role", u->role);
	jsonw_close(&c->w, '}');
	return 0;
}

/* Admins see all, others their own. */
static int list(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	bool is_all = c->who.role == ROLE_ADMIN;
	int r = sql_get(
		c->seat->db,
		is_all ? "SELECT id, user_id, ip_address, user_agent, created, expires, pw_rev "
			 "FROM session WHERE expires>unixepoch() ORDER BY expires DESC "
			 "LIMIT ?1"
		       : "SELECT id, user_id, ip_address, user_agent, created, expires, pw_rev "
			 "FROM session WHERE expires>unixepoch() AND user_id=?2 "
			 "ORDER BY expires DESC LIMIT ?1",
		&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, SHOWN_MAX);
	if (!is_all)
		sql_bind_int(st, 2, c->who.id);
	jsonw_open(&c->w, NULL, '[');
	while ((r = sql_step(st, err)) > 0) {
		r = put_session(c, st, err);
		if (r < 0)
			return r;
	}
	jsonw_close(&c->w, ']');
	return r;
}

static int revoke(struct call *c, struct err *err)
{
	const char *handle = call_text(c, "session_id", "");
	struct user *u = NULL;
	int64_t id = 0;
	int r = session_user(c, handle, &id, err);

	if (r > 0)
		r = store_get_id(c->ctx, c->store, &kind_user, id, &u, err);
	if (r >= 0 && u)
		c->resource = res_name(c->ctx, u); /* for the audit row */
	if (r == -ERR_NOTFOUND)
		err_clear(err); /* its user is gone */
	else if (r < 0)
		return r;
	r = session_end(c, handle, err);
	return r == 0 ? err_set(err, ERR_NOTFOUND, "Session not found") : r < 0 ? r : 0;
}

static int revoke_user(struct call *c, struct err *err)
{
	int r = session_end_user(c, call_int(c, "user_id", 0), NULL, err);

	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "revoked", r);
	jsonw_close(&c->w, '}');
	return 0;
}

static int revoke_all(struct call *c, struct err *err)
{
	int r = session_end_all(c, err);

	return r < 0 ? r : 0;
}

static const struct endpoint rows[] = {
	{ .action = "list",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .returns = "[id user_id ip_address user_agent created_at expires_at username email role]",
	  .run = list,
	  .doc = "Sessions that hold, the newest 200; admins see all, others their own." },
	{ .action = "revoke",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  PARAMS(session_params),
	  .audit = "session.revoke",
	  .run = revoke,
	  .doc = "Ends a session." },
	{ .action = "revoke-user",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  PARAMS(user_params),
	  .returns = "revoked",
	  .audit = "session.revoke-user",
	  .run = revoke_user,
	  .doc = "Ends all sessions of a user." },
	{ .action = "revoke-all",
	  .methods = METHOD_DELETE,
	  .roles = ROLE_ADMIN,
	  .op = EP_CUSTOM,
	  .audit = "session.revoke-all",
	  .run = revoke_all,
	  .doc = "Ends all sessions, the caller's too." },
};

const struct resource resource_sessions = RESOURCE("sessions", rows, "Sessions.");
