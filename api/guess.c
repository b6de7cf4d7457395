#include "api/guess.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "api/api.h"
#include "api/apidb.h"
#include "base/digest.h"

enum {
	NOBODIES_MAX = 20000,
	PLACES_MAX = 32, /* of a user */
	KNOWN_DAYS = 180,
	KEPT_S = 86400, /* api_guess_minutes is at most that */
};

static int64_t limit_of(const struct call *c)
{
	return live_int(c->api->live, LIVE_GUESS_LIMIT);
}

static int64_t window_of(const struct call *c)
{
	return live_int(c->api->live, LIVE_GUESS_MINUTES) * 60;
}

/* People type passwords where names belong: what is kept is a digest. */
static void key_of(const struct guess *g, char hex[DIGEST_HEX_LEN + 1])
{
	const struct digest_part parts[] = {
		{ g->what, strlen(g->what) + 1 },
		{ g->name, strlen(g->name) },
	};
	struct digest d = digest_of_parts(parts, ARRAY_LEN(parts));

	digest_hex(&d, hex);
}

/* 1 and the time of the oldest of the failures that make the limit full; 0: it is not full. */
static int is_full(struct call *c, const char *key, int64_t now, int64_t *ret_oldest,
		   struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db,
			"SELECT count(*), min(time) FROM (SELECT time FROM guess WHERE who=?1 "
			"AND time>?2 AND time<=?3 ORDER BY time DESC LIMIT ?4)",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, key);
	sql_bind_int(st, 2, now - window_of(c));
	sql_bind_int(st, 3, now); /* a clock that was set back must not lock anybody out */
	sql_bind_int(st, 4, limit_of(c));
	r = sql_step(st, err);
	if (r <= 0)
		return r;
	*ret_oldest = sql_int(st, 1);
	return sql_int(st, 0) >= limit_of(c);
}

int guess_admit(struct call *c, const struct guess *g, struct err *err)
{
	int64_t now = (int64_t)time(NULL), oldest = 0, wait;
	char key[DIGEST_HEX_LEN + 1];
	int r;

	if (limit_of(c) == 0)
		return 0;
	key_of(g, key);
	r = is_full(c, key, now, &oldest, err);
	if (r <= 0)
		return r;
	wait = MAX(oldest + window_of(c) - now, 1);
	call_header(c, "Retry-After", mem_fmt(c->ctx, "%" PRId64, wait));
	c->status = 429;
	return err_set(err, ERR_DENIED,
		       "Too many wrong passwords or codes; try again in %" PRId64 " seconds", wait);
}

/* Of this name no more than can ever count; of names that nobody has, no more than fit. */
static int bound(struct call *c, const struct guess *g, const char *key, struct err *err)
{
	int r = apidb_run_text(c->seat->db,
			       "DELETE FROM guess WHERE id IN (SELECT id FROM guess WHERE who=?2 "
			       "ORDER BY time DESC LIMIT -1 OFFSET ?1)",
			       MAX(limit_of(c), 1), key, err);

	if (r < 0 || g->is_user)
		return r;
	return apidb_run(c->seat->db, err,
			 "DELETE FROM guess WHERE is_user=0 AND id<=(SELECT id FROM guess "
			 "WHERE is_user=0 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
			 NOBODIES_MAX);
}

int guess_wrong(struct call *c, const struct guess *g, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	char key[DIGEST_HEX_LEN + 1];
	int r = sql_get(c->seat->db, "INSERT INTO guess(who, is_user, time) VALUES(?,?,?)", &st,
			err);

	if (r < 0)
		return r;
	key_of(g, key);
	sql_bind_text(st, 1, key);
	sql_bind_int(st, 2, g->is_user);
	sql_bind_int(st, 3, (int64_t)time(NULL));
	r = sql_run(st, err);
	if (r >= 0)
		r = bound(c, g, key, err);
	return r < 0 ? r : 0;
}

/* Places */

const char *guess_place(struct call *c)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr v6;

	if (inet_pton(AF_INET6, c->address, &v6) != 1)
		return c->address;
	memset(v6.s6_addr + 8, 0, 8);
	(void)inet_ntop(AF_INET6, &v6, text, sizeof(text));
	return mem_str(c->ctx, text);
}

int guess_knows(struct call *c, int64_t user, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT 1 FROM known WHERE user_id=? AND address=? AND time>?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, user);
	sql_bind_text(st, 2, guess_place(c));
	sql_bind_int(st, 3, (int64_t)time(NULL) - KNOWN_DAYS * INT64_C(86400));
	return sql_step(st, err);
}

int guess_know(struct call *c, int64_t user, struct err *err)
{
	int r = apidb_run_text(c->seat->db,
			       "INSERT INTO known(user_id, address, time) "
			       "VALUES(?1,?2,unixepoch()) "
			       "ON CONFLICT DO UPDATE SET time=excluded.time",
			       user, guess_place(c), err);

	if (r >= 0)
		r = apidb_run(c->seat->db, err,
			      "DELETE FROM known WHERE user_id=?1 AND address IN (SELECT address "
			      "FROM known WHERE user_id=?1 ORDER BY time DESC LIMIT -1 OFFSET ?2)",
			      user, PLACES_MAX);
	return r < 0 ? r : 0;
}

int guess_clean(struct sql *db, int64_t now, struct err *err)
{
	int r = apidb_run(db, err, "DELETE FROM guess WHERE time<=?", now - KEPT_S);

	if (r >= 0)
		r = apidb_run(db, err, "DELETE FROM known WHERE time<=?",
			      now - KNOWN_DAYS * INT64_C(86400));
	return r < 0 ? r : 0;
}
