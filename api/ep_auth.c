/* auth: who is calling. */
#include <string.h>

#include "api/api.h"
#include "api/crud.h"
#include "api/login_log.h"
#include "api/resources.h"
#include "api/session.h"
#include "model/password.h"

/* Of nobody: a name that does not exist costs as much time as a wrong password. */
#define NOBODYS_HASH "$y$j9T$lDJ3Q0zpNNN0CpcEzXoQd.$7yqA.2vD2y4wHh1y0YFo5oVQFqYqGqv1rYbV7dV3s2D"

static const struct param login_params[] = {
	{ .name = "username",
	  .aliases = { "email" },
	  .flags = PARAM_REQUIRED,
	  .doc = "Login name or e-mail address." },
	{ .name = "password", .type = PARAM_PLAIN, .flags = PARAM_REQUIRED, .doc = "Password." },
};

static const struct param change_params[] = {
	{ .name = "current_password",
	  .type = PARAM_PLAIN,
	  .flags = PARAM_REQUIRED,
	  .doc = "The one that holds now." },
	{ .name = "new_password",
	  .type = PARAM_SECRET,
	  .flags = PARAM_REQUIRED,
	  .doc = "The one to come." },
	{ .name = "confirm_password",
	  .type = PARAM_PLAIN,
	  .flags = PARAM_REQUIRED,
	  .doc = "The same again." },
};

/* Login */

static const char *trimmed(const void *ctx, const char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && strchr(" \t", text[len - 1]))
		len--;
	return mem_strn(ctx, text, len);
}

/* By name or, with an @, by address. ERR_NOTFOUND: nobody. */
static int find_user(struct call *c, const char *name, struct user **ret, struct err *err)
{
	struct cursor *cur = NULL;
	int r;

	if (!strchr(name, '@')) {
		r = store_get(c->ctx, c->store, &kind_user, name, ret, err);
		return r == -ERR_INVALID ? -ERR_NOTFOUND : r;
	}
	r = cursor_open(c->ctx, c->store, &kind_user, kind_field(&kind_user, "email"), name, &cur,
			err);
	if (r >= 0)
		r = cursor_next(c->ctx, cur, ret, err);
	(void)talloc_free(cur);
	return r == 0 ? -ERR_NOTFOUND : r < 0 ? r : 0;
}

static bool is_password(struct call *c, const char *user, const char *plain)
{
	const char *hash = NULL;
	struct err ignored = ERR_INIT;
	bool is_known = user && store_secret_get(c->ctx, c->store, "user", user, "password", &hash,
						 &ignored) >= 0;

	return password_matches(is_known ? hash : NOBODYS_HASH, plain) && is_known;
}

static int refuse(struct call *c, const char *name, struct err *err)
{
	login_log_failure(c->api->opts.access_log, c->address, request_local_port(c->request),
			  name);
	c->status = 401;
	return err_set(err, ERR_DENIED, "Invalid credentials");
}

/* One answer for a wrong name, a wrong password and somebody who is locked out. */
static int verify(struct call *c, struct err *err)
{
	const char *name = trimmed(c->ctx, call_text(c, "username", ""));
	struct user *u = NULL;
	int r = find_user(c, name, &u, err);
	bool is_right;

	if (r < 0 && r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	is_right = is_password(c, u ? u->username : NULL, call_text(c, "password", ""));
	if (!u || !is_right || session_load_user(c, u->base.id, err) < 0) {
		err_clear(err);
		c->who = (struct caller){ .role = ROLE_NOBODY };
		return refuse(c, name, err);
	}
	return 0;
}

static const char *role_name(enum role role)
{
	return role == ROLE_ADMIN ? "admin" : role == ROLE_RESELLER ? "reseller" : "user";
}

/* Of the host that was called, without its port; a header that is no host gives a path alone. */
static const char *portal_url(struct call *c)
{
	const char *host = request_header(c->request, "Host");
	size_t len = host ? strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789.-")
			  : 0;

	if (len == 0 || len > 253 || (host[len] && host[len] != ':'))
		return "/";
	return mem_fmt(c->ctx, "https://%.*s:%d/", (int)len, host,
		       c->who.role == ROLE_ADMIN      ? 8882
		       : c->who.role == ROLE_RESELLER ? 8881
						      : 8880);
}

static int login(struct call *c, struct err *err)
{
	int r = session_start(c, c->who.id, err);

	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "user", '{');
	jsonw_int(&c->w, "id", c->who.id);
	jsonw_text(&c->w, "username", c->who.username);
	jsonw_text(&c->w, "email", c->who.email);
	jsonw_text(&c->w, "role", role_name(c->who.role));
	jsonw_text(&c->w, "theme", c->who.theme);
	jsonw_close(&c->w, '}');
	jsonw_text(&c->w, "portal_url", portal_url(c));
	jsonw_close(&c->w, '}');
	return r;
}

/* The rest */

static int me(struct call *c, struct err *err)
{
	(void)err;
	jsonw_open(&c->w, NULL, '{');
	jsonw_int(&c->w, "id", c->who.id);
	jsonw_text(&c->w, "username", c->who.username);
	jsonw_text(&c->w, "email", c->who.email);
	jsonw_text(&c->w, "role", role_name(c->who.role));
	jsonw_text(&c->w, "theme", c->who.theme);
	jsonw_close(&c->w, '}');
	return 0;
}

static int logout(struct call *c, struct err *err)
{
	int r = c->who.session ? session_end(c, c->who.session, err) : 0;

	call_header(c, "Set-Cookie",
		    "ncpx_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
	return r < 0 ? r : 0;
}

static int check_current(struct call *c, struct err *err)
{
	if (strcmp(call_text(c, "new_password", ""), call_text(c, "confirm_password", "")) != 0) {
		c->status = 422;
		call_problem(c, "confirm_password", "is not the same as new_password");
		return err_set(err, ERR_INVALID,
			       "confirm_password: is not the same as new_password");
	}
	if (is_password(c, c->who.username, call_text(c, "current_password", "")))
		return 0;
	login_log_failure(c->api->opts.access_log, c->address, request_local_port(c->request),
			  c->who.username);
	c->status = 403;
	return err_set(err, ERR_DENIED, "The current password is wrong");
}

static int set_password(struct call *c, struct changeset *cs, const void *res, struct err *err)
{
	return crud_set(c, crud_change(cs, CHANGE_PUT, res), "password",
			call_arg(c, "new_password")->hash, err);
}

/* The system's password of the account follows; all other sessions end. */
static int change_password(struct call *c, struct err *err)
{
	struct changeset cs = { .ctx = c->ctx };
	struct account *account = NULL;
	struct user *u = NULL;
	int r = store_get_id(c->ctx, c->store, &kind_user, c->who.id, &u, err);

	if (r >= 0)
		r = set_password(c, &cs, u, err);
	if (r >= 0)
		r = crud_account_of_user(c, u->username, &account, err);
	if (r > 0)
		r = set_password(c, &cs, account, err);
	if (r >= 0)
		r = crud_apply(c, &cs, err);
	if (r >= 0)
		r = session_end_user(c, c->who.id, c->who.session, err);
	return r < 0 ? r : 0;
}

static const struct endpoint rows[] = {
	{ .action = "login",
	  .methods = METHOD_POST,
	  .roles = ROLE_PUBLIC,
	  .flags = EP_LOGIN,
	  .op = EP_CUSTOM,
	  PARAMS(login_params),
	  .returns = "user portal_url",
	  .audit = "login",
	  .prepare = verify,
	  .run = login,
	  .doc = "Makes a session of 8 hours; its cookie comes with the answer." },
	{ .action = "me",
	  .methods = METHOD_GET,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .returns = "id username email role theme",
	  .run = me,
	  .doc = "The session's user." },
	{ .action = "logout",
	  .methods = METHOD_POST,
	  .roles = ROLE_PUBLIC,
	  .op = EP_CUSTOM,
	  .audit = "logout",
	  .run = logout,
	  .doc = "Ends the session." },
	{ .action = "change-password",
	  .methods = METHOD_POST,
	  .roles = ROLE_SESSION,
	  .op = EP_CUSTOM,
	  .place = ON_WRITER,
	  PARAMS(change_params),
	  .audit = "auth.change-password",
	  .prepare = check_current,
	  .run = change_password,
	  .doc = "Sets the caller's password and that of its account; its other sessions end." },
};

const struct resource resource_auth = RESOURCE("auth", rows, "Logging in and out.");
