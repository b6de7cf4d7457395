#include "api/ep_factor.h"

#include <string.h>

#include "api/api.h"
#include "api/factor.h"
#include "api/guess.h"
#include "api/passwords.h"
#include "api/session.h"

int factor_show(struct call *c, struct err *err)
{
	int64_t left = 0;
	int r = factor_is_on(c, c->who.id, &left, err);

	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_bool(&c->w, "enabled", r > 0);
	jsonw_int(&c->w, "recovery_codes_left", left);
	jsonw_close(&c->w, '}');
	return 0;
}

/* https://github.com/google/google-authenticator/wiki/Key-Uri-Format; user names need no escaping. */
int factor_setup(struct call *c, struct err *err)
{
	const char *secret = NULL;
	int r = factor_set_up(c, c->who.id, &secret, err);

	if (r < 0)
		return r;
	jsonw_open(&c->w, NULL, '{');
	jsonw_text(&c->w, "secret", secret);
	jsonw_text(&c->w, "otpauth_uri",
		   mem_fmt(c->ctx,
			   "otpauth://totp/NovaCPX:%s?secret=%s&issuer=NovaCPX&algorithm=SHA1"
			   "&digits=6&period=30",
			   c->who.username, secret));
	jsonw_close(&c->w, '}');
	return 0;
}

static int put_codes(struct call *c, struct err *err)
{
	int r;

	jsonw_open(&c->w, NULL, '{');
	r = factor_put_recovery(c, c->who.id, "recovery_codes", err);
	jsonw_close(&c->w, '}');
	return r;
}

static int wrong(struct call *c, const char *what, struct err *err)
{
	int r = passwords_confirm_wrong(c, err);

	if (r < 0)
		return r;
	c->status = 403;
	return err_set(err, ERR_DENIED, "%s", what);
}

/* Sessions that got in without it end. */
int factor_enable(struct call *c, struct err *err)
{
	int r = passwords_confirm_admit(c, err);

	if (r >= 0)
		r = factor_turn_on(c, c->who.id, call_text(c, "code", ""), err);
	if (r <= 0)
		return r < 0 ? r
			     : wrong(c, "code: it is wrong; is the clock of the device right?",
				     err);
	r = session_end_user(c, c->who.id, c->who.session, err);
	return r < 0 ? r : put_codes(c, err);
}

/* One answer, whichever is wrong: a code must not be used to try passwords, nor the other way. */
int factor_confirm(struct call *c, struct err *err)
{
	int r = passwords_confirm_admit(c, err), on;

	if (r < 0)
		return r;
	on = factor_is_on(c, c->who.id, NULL, err);
	if (on < 0)
		return on;
	if (!on)
		return err_set(err, ERR_CONFLICT, "The second factor is off");
	if (!passwords_right(c, c->who.username, call_text(c, "password", "")))
		return wrong(c, "The password or the code is wrong", err);
	r = factor_take(c, c->who.id, call_text(c, "code", ""), err);
	return r == 0 ? wrong(c, "The password or the code is wrong", err) : r < 0 ? r : 0;
}

int factor_disable(struct call *c, struct err *err)
{
	int r = factor_drop(c, c->who.id, err);

	return r < 0 ? r : 0;
}

int factor_renew(struct call *c, struct err *err)
{
	return put_codes(c, err);
}

int factor_reset(struct call *c, struct err *err)
{
	int r = factor_drop(c, ((const struct user *)c->row)->base.id, err);

	if (r < 0)
		return r;
	c->resource = res_name(c->ctx, c->row);
	jsonw_open(&c->w, NULL, '{');
	jsonw_bool(&c->w, "was_enabled", r > 0);
	jsonw_close(&c->w, '}');
	return 0;
}
