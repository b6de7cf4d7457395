/* Whether those who were let in once still are, for what lasts longer than a call. */
#include <time.h>

#include "api/session.h"

/* 1 and the user, and the revision of its password that the session is of; 0: it has ended. */
static int by_session(struct call *c, const char *handle, int64_t *ret_user, int64_t *ret_pw_rev,
		      struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT user_id, pw_rev FROM session WHERE id=? AND expires>?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, handle);
	sql_bind_int(st, 2, (int64_t)time(NULL));
	r = sql_step(st, err);
	*ret_user = r > 0 ? sql_int(st, 0) : 0;
	*ret_pw_rev = r > 0 ? sql_int(st, 1) : 0;
	return r;
}

static int by_token(struct call *c, int64_t token, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db,
			"SELECT user_id FROM token WHERE id=? AND (expires IS NULL OR expires>?)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, token);
	sql_bind_int(st, 2, (int64_t)time(NULL));
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
	return r;
}

int session_look(struct call *c, const struct session_proof *p, struct err *err)
{
	int64_t user = 0;
	int64_t pw_rev = 0;
	int r = p->token ? by_token(c, p->token, &user, err)
			 : by_session(c, p->session, &user, &pw_rev, err);

	if (r > 0) {
		r = session_load_user(c, user, err);
		if (r >= 0 && !p->token)
			r = session_is_current(c, c->who.username, pw_rev, err);
		else if (r >= 0)
			r = 1;
	}
	if (r == 0)
		return err_set(err, ERR_DENIED, "Unauthorized");
	return r < 0 ? r : 0;
}
