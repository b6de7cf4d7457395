/* auth: who is calling. */
#include <ctype.h>
#include <string.h>

#include "api/api.h"
#include "api/crud.h"
#include "api/ep_factor.h"
#include "api/factor.h"
#include "api/guess.h"
#include "api/login_log.h"
#include "api/passwords.h"
#include "api/portal.h"
#include "api/resources.h"
#include "api/session.h"

static const struct param login_params[] = {
	{ .name = "username",
	  .aliases = { "email" },
	  .flags = PARAM_REQUIRED,
	  .doc = "Login name or e-mail address." },
	{ .name = "password", .type = PARAM_PLAIN, .flags = PARAM_REQUIRED, .doc = "Password." },
	{ .name = "totp",
	  .aliases = { "totp_code", "code" },
	  .type = PARAM_PLAIN,
	  .doc = "One-time or recovery code, if the user has a second factor." },
};

#define CODE_PARAM(doc_)                                                                 \
	{                                                                                \
		.name = "code", .aliases = { "totp", "totp_code" }, .type = PARAM_PLAIN, \
		.flags = PARAM_REQUIRED, .doc = (doc_)                                   \
	}

static const struct param code_params[] = { CODE_PARAM("The code that the device shows.") };
static const struct param confirm_params[] = {
	{ .name = "password",
	  .type = PARAM_PLAIN,
	  .flags = PARAM_REQUIRED,
	  .doc = "The password that holds now." },
	CODE_PARAM("A one-time or a recovery code."),
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

static const char *lower(const void *ctx, const char *text)
{
	char *s = mem_str(ctx, text);

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* By name or, with an @, by address, which are kept in lower case. ERR_NOTFOUND: nobody. */
static int find_user(struct call *c, const char *typed, struct user **ret, struct err *err)
{
	struct cursor *cur = NULL;
	const char *name = lower(c->ctx, typed);
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

/* A try to get in. */
struct
try {
	const char *name;  /* as it was typed, or the user's own */
	struct user *user; /* NULL: nobody */
	int64_t pw_rev;    /* the revision of the password that is compared */
	bool is_known;     /* the user has logged in from this address before */
};

static struct guess login_of(const struct try *t)
{
	return (struct guess){ .what = GUESS_LOGIN, .name = t->name, .is_user = t->user != NULL };
}

/* Codes after the right password, by somebody at an address that is the owner's too. */
static struct guess code_of(struct call *c, const struct try *t)
{
	return (struct guess){ .what = GUESS_CODE,
			       .name = mem_fmt(c->ctx, "%s %s", t->name, guess_place(c)),
			       .is_user = true };
}

static void log_failure(struct call *c, const struct try *t)
{
	c->who = (struct caller){ .role = ROLE_NOBODY };
	login_log_failure(c->api->opts.access_log, c->address, request_local_port(c->request),
			  t->name);
}

/* One answer for a wrong name, password or code and for somebody who is locked out. */
static int refuse(struct call *c, const struct try *t, struct err *err)
{
	const struct guess g = login_of(t);
	int r;

	err_clear(err);
	log_failure(c, t);
	r = guess_wrong(c, &g, err);
	if (r < 0)
		return r;
	c->status = 401;
	return err_set(err, ERR_DENIED, "Invalid credentials");
}

static int admit(struct call *c, const struct try *t, const struct guess *g, struct err *err)
{
	int r = guess_admit(c, g, err);

	if (r == -ERR_DENIED)
		log_failure(c, t);
	return r;
}

static int begin(struct call *c, struct try *t, struct err *err)
{
	struct guess g;
	int r = find_user(c, t->name, &t->user, err);

	if (r < 0 && r != -ERR_NOTFOUND)
		return r;
	err_clear(err);
	if (t->user) {
		t->name = t->user->username; /* its address is no second name to try */
		r = session_password_rev(c, t->name, &t->pw_rev, err);
		if (r >= 0)
			r = guess_knows(c, t->user->base.id, err);
		if (r < 0)
			return r;
		t->is_known = r > 0;
	}
	g = login_of(t);
	return t->is_known ? 0 : admit(c, t, &g, err);
}

/* Only whoever had the right password learns that a code is needed. */
static int ask_for_code(struct call *c, struct err *err)
{
	c->who = (struct caller){ .role = ROLE_NOBODY };
	c->status = 401;
	c->refusal = "{\"totp_required\":true}";
	return err_set(err, ERR_DENIED, "A code of the second factor is required");
}

static int check_factor(struct call *c, const struct try *t, struct err *err)
{
	const char *code = call_text(c, "totp", "");
	const struct guess g = code_of(c, t);
	int r = factor_is_on(c, t->user->base.id, NULL, err);

	if (r <= 0)
		return r;
	if (!*code)
		return ask_for_code(c, err);
	r = t->is_known ? admit(c, t, &g, err) : 0;
	if (r >= 0)
		r = factor_take(c, t->user->base.id, code, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = t->is_known ? guess_wrong(c, &g, err) : 0;
	return r < 0 ? r : refuse(c, t, err);
}

static int verify(struct call *c, struct err *err)
{
	struct try *t = mem_new(c->ctx, struct try);
	int r;

	t->name = trimmed(c->ctx, call_text(c, "username", ""));
	r = begin(c, t, err);
	if (r < 0)
		return r;
	if (!passwords_right(c, t->user ? t->name : NULL, call_text(c, "password", "")))
		return refuse(c, t, err);
	r = session_load_user(c, t->user->base.id, err);
	if (r < 0)
		return r == -ERR_DENIED ? refuse(c, t, err) : r;
	c->prepared = t;
	return check_factor(c, t, err);
}

/* Of the host that was called, without its port; a header that is no host, or none of ours, gives a path alone. */
static const char *portal_url(struct call *c)
{
	const char *host = request_header(c->request, "Host");
	size_t len = host ? strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789.-")
			  : 0;

	if (len == 0 || len > 253 || (host[len] && host[len] != ':') ||
	    !live_is_host(c->api->live, host, len))
		return "/";
	return mem_fmt(c->ctx, "https://%.*s:%d/", (int)len, host,
		       portal_of_role(c->who.role)->port);
}

static int login(struct call *c, struct err *err)
{
	const struct try *t = c->prepared;
	int r = session_start(c, c->who.id, t->pw_rev, err);

	if (r >= 0)
		r = guess_know(c, c->who.id, err);
	jsonw_open(&c->w, NULL, '{');
	jsonw_open(&c->w, "user", '{');
	jsonw_int(&c->w, "id", c->who.id);
	jsonw_text(&c->w, "username", c->who.username);
	jsonw_text(&c->w, "email", c->who.email);
	jsonw_text(&c->w, "role", portal_of_role(c->who.role)->name);
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
	jsonw_text(&c->w, "role", portal_of_role(c->who.role)->name);
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
	int r;

	if (strcmp(call_text(c, "new_password", ""), call_text(c, "confirm_password", "")) != 0) {
		c->status = 422;
		call_problem(c, "confirm_password", "is not the same as new_password");
		return err_set(err, ERR_INVALID,
			       "confirm_password: is not the same as new_password");
	}
	r = passwords_confirm_admit(c, err);
	if (r < 0 || passwords_right(c, c->who.username, call_text(c, "current_password", "")))
		return r;
	r = passwords_confirm_wrong(c, err);
	if (r < 0)
		return r;
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
	c->new_password_of = c->who.id;
	return r < 0 ? r : 0;
}

#define FACTOR_ROW(action_, method_, run_, ...)                                                    \
	{                                                                                          \
		.action = (action_), .methods = (method_), .roles = ROLE_SESSION, .op = EP_CUSTOM, \
		.run = (run_), __VA_ARGS__                                                         \
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
	  .doc = "Makes a session of api_session_hours; its cookie comes with the answer. A user with a "
		 "second factor who sent no code gets 401 with data.totp_required." },
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
	  .doc = "Sets the caller's password and that of its account; its other sessions end, its tokens "
		 "stay." },
	FACTOR_ROW("totp-status", METHOD_GET, factor_show, .flags = EP_ADDED,
		   .returns = "enabled recovery_codes_left",
		   .doc = "Whether the caller has a second factor."),
	FACTOR_ROW("totp-setup", METHOD_POST, factor_setup, .flags = EP_ADDED | EP_CREDENTIALS,
		   .audit = "auth.totp-setup", .returns = "secret otpauth_uri",
		   .doc = "Makes a secret for a second factor, which counts from totp-enable on."),
	FACTOR_ROW("totp-enable", METHOD_POST, factor_enable, .flags = EP_ADDED | EP_CREDENTIALS,
		   PARAMS(code_params), .audit = "auth.totp-enable", .returns = "recovery_codes",
		   .doc = "Turns the second factor on; other sessions end. The recovery codes are "
			  "shown this once."),
	FACTOR_ROW("totp-disable", METHOD_POST, factor_disable, .flags = EP_ADDED | EP_CREDENTIALS,
		   PARAMS(confirm_params), .audit = "auth.totp-disable", .prepare = factor_confirm,
		   .doc = "Turns the second factor off."),
	FACTOR_ROW("totp-recovery-codes", METHOD_POST, factor_renew,
		   .flags = EP_ADDED | EP_CREDENTIALS, PARAMS(confirm_params),
		   .audit = "auth.totp-recovery-codes", .prepare = factor_confirm,
		   .returns = "recovery_codes",
		   .doc = "New recovery codes in place of the old ones."),
};

const struct resource resource_auth = RESOURCE("auth", rows, "Logging in and out.");
