#include "api/passwords.h"

#include "api/api.h"
#include "api/guess.h"
#include "api/login_log.h"
#include "model/password.h"

/* Of nobody: a name that does not exist costs as much time as a wrong password. */
#define NOBODYS_HASH "$y$j9T$lDJ3Q0zpNNN0CpcEzXoQd.$7yqA.2vD2y4wHh1y0YFo5oVQFqYqGqv1rYbV7dV3s2D"

bool passwords_right(struct call *c, const char *user, const char *plain)
{
	const char *hash = NULL;
	struct err ignored = ERR_INIT;
	bool is_known = user && store_secret_get(c->ctx, c->store, "user", user, "password", &hash,
						 &ignored) >= 0;

	return password_matches(is_known ? hash : NOBODYS_HASH, plain) && is_known;
}

static struct guess confirm_of(const struct call *c)
{
	return (struct guess){ .what = GUESS_CONFIRM, .name = c->who.username, .is_user = true };
}

int passwords_confirm_admit(struct call *c, struct err *err)
{
	const struct guess g = confirm_of(c);

	return guess_admit(c, &g, err);
}

int passwords_confirm_wrong(struct call *c, struct err *err)
{
	const struct guess g = confirm_of(c);

	login_log_failure(c->api->opts.access_log, c->address, request_local_port(c->request),
			  c->who.username);
	return guess_wrong(c, &g, err);
}
