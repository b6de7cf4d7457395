/* Whether those who were let in once still are, for what lasts longer than a call. */
#include <time.h>

#include "api/session.h"

static int by_digest(struct call *c, const char *digest, bool is_token, int64_t *ret,
		     struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db,
			is_token ? "SELECT user_id FROM token WHERE digest=? AND "
				   "(expires IS NULL OR expires>?)"
				 : "SELECT user_id FROM session WHERE id=? AND expires>?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, digest);
	sql_bind_int(st, 2, (int64_t)time(NULL));
	r = sql_step(st, err);
	*ret = r > 0 ? sql_int(st, 0) : 0;
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
	int r = p->token ? by_token(c, p->token, &user, err)
			 : by_digest(c, p->digest, p->is_token, &user, err);

	if (r == 0)
		return err_set(err, ERR_DENIED, "Unauthorized");
	return r < 0 ? r : session_load_user(c, user, err);
}
