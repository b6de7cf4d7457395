#include "api/factor.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "api/apidb.h"
#include "api/totp.h"
#include "base/digest.h"

enum {
	RECOVERY_BYTES = 10,
	RECOVERY_LETTERS = 16,
};

struct factor {
	bool is_on, is_pending;
	uint8_t secret[TOTP_SECRET_LEN]; /* the pending one when it is not on */
	int64_t last_step;
};

static bool take_secret(struct stmt *st, int col, struct factor *f)
{
	size_t len;
	const void *data = sql_blob(st, col, &len);

	if (sql_is_null(st, col) || len != sizeof(f->secret))
		return false;
	memcpy(f->secret, data, len);
	return true;
}

static int load(struct call *c, int64_t user, struct factor *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT secret, pending, last_step FROM totp WHERE user_id=?",
			&st, err);

	*ret = (struct factor){ .is_on = false };
	if (r < 0)
		return r;
	sql_bind_int(st, 1, user);
	r = sql_step(st, err);
	if (r <= 0)
		return r;
	ret->is_on = take_secret(st, 0, ret);
	ret->is_pending = !ret->is_on && take_secret(st, 1, ret);
	ret->last_step = sql_int(st, 2);
	return 0;
}

static int count_left(struct call *c, int64_t user, int64_t *ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r = sql_get(c->seat->db, "SELECT count(*) FROM recovery WHERE user_id=?", &st, err);

	if (r < 0)
		return r;
	sql_bind_int(st, 1, user);
	r = sql_step(st, err);
	if (r > 0)
		*ret = sql_int(st, 0);
	return r < 0 ? r : 0;
}

int factor_is_on(struct call *c, int64_t user, int64_t *ret_left, struct err *err)
{
	struct factor f;
	int r = load(c, user, &f, err);

	if (r >= 0 && ret_left)
		r = count_left(c, user, ret_left, err);
	return r < 0 ? r : f.is_on;
}

int factor_set_up(struct call *c, int64_t user, const char **ret, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	uint8_t secret[TOTP_SECRET_LEN];
	int r = apidb_random(secret, sizeof(secret), err);

	if (r >= 0)
		r = sql_get(c->seat->db,
			    "INSERT INTO totp(user_id, pending) VALUES(?,?) ON CONFLICT DO UPDATE "
			    "SET pending=excluded.pending WHERE secret IS NULL",
			    &st, err);
	if (r < 0)
		return r;
	sql_bind_int(st, 1, user);
	sql_bind_blob(st, 2, secret, sizeof(secret));
	r = sql_run(st, err);
	if (r >= 0 && sql_changes(c->seat->db) == 0)
		r = err_set(err, ERR_CONFLICT,
			    "The second factor is on; turn it off with auth/totp-disable first");
	if (r >= 0)
		*ret = totp_base32(c->ctx, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	return r;
}

int factor_turn_on(struct call *c, int64_t user, const char *code, struct err *err)
{
	struct factor f;
	int64_t step;
	int r = load(c, user, &f, err);

	if (r < 0)
		return r;
	if (!f.is_pending)
		return err_set(err, ERR_CONFLICT,
			       f.is_on ? "The second factor is on already"
				       : "There is no secret yet; call auth/totp-setup first");
	step = totp_step(f.secret, sizeof(f.secret), code, (int64_t)time(NULL), f.last_step);
	explicit_bzero(f.secret, sizeof(f.secret));
	if (step < 0)
		return 0;
	return apidb_run(c->seat->db, err,
			 "UPDATE totp SET secret=pending, pending=NULL, last_step=?1 "
			 "WHERE user_id=?2 AND secret IS NULL AND pending IS NOT NULL",
			 step, user);
}

/* Letters as they are kept, without what people put between them; false: no recovery code. */
static bool plain_code(const char *code, char ret[RECOVERY_LETTERS + 1])
{
	size_t n = 0;

	for (; *code; code++) {
		if (*code == '-' || *code == ' ')
			continue;
		if (n == RECOVERY_LETTERS || !isalnum((unsigned char)*code))
			return false;
		ret[n++] = (char)toupper((unsigned char)*code);
	}
	ret[n] = '\0';
	return n == RECOVERY_LETTERS;
}

static void digest_text(const char *text, char hex[DIGEST_HEX_LEN + 1])
{
	struct digest d = digest_of(text, strlen(text));

	digest_hex(&d, hex);
}

int factor_take(struct call *c, int64_t user, const char *code, struct err *err)
{
	char plain[RECOVERY_LETTERS + 1], hex[DIGEST_HEX_LEN + 1];
	struct factor f;
	int64_t step;
	int r = load(c, user, &f, err);

	if (r < 0 || !f.is_on)
		return r;
	step = totp_step(f.secret, sizeof(f.secret), code, (int64_t)time(NULL), f.last_step);
	explicit_bzero(f.secret, sizeof(f.secret));
	if (step >= 0)
		return apidb_run(c->seat->db, err,
				 "UPDATE totp SET last_step=?1 WHERE user_id=?2 AND last_step<?1",
				 step, user);
	if (!plain_code(code, plain))
		return 0;
	digest_text(plain, hex);
	return apidb_run_text(c->seat->db, "DELETE FROM recovery WHERE user_id=?1 AND digest=?2",
			      user, hex, err);
}

static int add_code(struct call *c, int64_t user, struct err *err)
{
	uint8_t bytes[RECOVERY_BYTES];
	char hex[DIGEST_HEX_LEN + 1];
	const char *code;
	int r = apidb_random(bytes, sizeof(bytes), err);

	if (r < 0)
		return r;
	code = totp_base32(c->ctx, bytes, sizeof(bytes));
	digest_text(code, hex);
	jsonw_text(&c->w, NULL,
		   mem_fmt(c->ctx, "%.4s-%.4s-%.4s-%.4s", code, code + 4, code + 8, code + 12));
	return apidb_run_text(c->seat->db, "INSERT INTO recovery(user_id, digest) VALUES(?1,?2)",
			      user, hex, err);
}

int factor_put_recovery(struct call *c, int64_t user, const char *key, struct err *err)
{
	int r = sql_begin(c->seat->db, err);

	if (r < 0)
		return r;
	r = apidb_run(c->seat->db, err, "DELETE FROM recovery WHERE user_id=?", user);
	jsonw_open(&c->w, key, '[');
	for (int i = 0; i < FACTOR_RECOVERY_CODES && r >= 0; i++)
		r = add_code(c, user, err);
	jsonw_close(&c->w, ']');
	if (r >= 0)
		r = sql_commit(c->seat->db, err);
	if (r < 0)
		sql_rollback(c->seat->db);
	return r;
}

int factor_drop(struct call *c, int64_t user, struct err *err)
{
	struct factor f;
	int r = load(c, user, &f, err);

	if (r >= 0)
		r = apidb_run(c->seat->db, err, "DELETE FROM recovery WHERE user_id=?", user);
	if (r >= 0)
		r = apidb_run(c->seat->db, err, "DELETE FROM totp WHERE user_id=?", user);
	return r < 0 ? r : f.is_on;
}
