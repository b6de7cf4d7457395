#include "api/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "api/api.h"
#include "api/apidb.h"
#include "api/guess.h"
#include "base/log.h"

enum {
	TURN_S = 1,
	CLEAN_S = 60,
	USED_MAX = 256,            /* tokens in one turn */
	TOKEN_KEPT_S = 30 * 86400, /* after it has expired, to be seen */
};

struct keeper {
	struct api *api;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t ends;
	bool is_ending;
	int64_t used[USED_MAX];
	size_t n_used;
};

void keeper_token_used(struct keeper *k, int64_t token)
{
	bool is_there = false;

	(void)pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n_used && !is_there; i++)
		is_there = k->used[i] == token;
	if (!is_there && k->n_used < USED_MAX)
		k->used[k->n_used++] = token;
	(void)pthread_mutex_unlock(&k->lock);
}

static size_t take_used(struct keeper *k, int64_t *ret)
{
	size_t n;

	(void)pthread_mutex_lock(&k->lock);
	n = k->n_used;
	for (size_t i = 0; i < n; i++)
		ret[i] = k->used[i];
	k->n_used = 0;
	(void)pthread_mutex_unlock(&k->lock);
	return n;
}

static int write_used(struct keeper *k, struct sql *db, struct err *err)
{
	int64_t used[USED_MAX];
	size_t n = take_used(k, used);
	int r = n ? sql_begin(db, err) : 0;

	if (!n || r < 0)
		return r;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = apidb_run(db, err, "UPDATE token SET last_used=unixepoch() WHERE id=?",
			      used[i]);
	if (r >= 0)
		r = sql_commit(db, err);
	if (r < 0)
		sql_rollback(db);
	return r;
}

static int clean(struct sql *db, struct err *err)
{
	int64_t now = (int64_t)time(NULL);
	int r = apidb_run(db, err, "DELETE FROM session WHERE expires<=?", now);

	if (r >= 0)
		r = apidb_run(db, err, "DELETE FROM token WHERE expires<=?", now - TOKEN_KEPT_S);
	return r < 0 ? r : guess_clean(db, now, err);
}

static void take_settings(struct api *api, struct store *s, struct err *err)
{
	int r = live_read(api->live, s, err);

	if (r > 0)
		rate_set_limits(api->rate,
				(const int64_t[RATE_CLASSES]){
					[RATE_OTHER] = live_int(api->live, LIVE_RATE),
					[RATE_LOGIN] = live_int(api->live, LIVE_LOGIN_RATE) });
	if (r < 0)
		log_error("settings: %s", err->msg);
}

static void turn(struct keeper *k, bool is_clean)
{
	struct err err = ERR_INIT;
	struct seat *seat = NULL;

	if (api_seat(k->api, &seat, &err) < 0) {
		log_error("%s", err.msg);
		return;
	}
	take_settings(k->api, seat->store, &err);
	if (write_used(k, seat->db, &err) < 0 || (is_clean && clean(seat->db, &err) < 0))
		log_error("api.db: %s", err.msg);
}

/* False: the keeper ends. */
static bool sleep_a_turn(struct keeper *k)
{
	struct timespec until;
	bool is_ending;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TURN_S;
	(void)pthread_mutex_lock(&k->lock);
	while (!k->is_ending && pthread_cond_timedwait(&k->ends, &k->lock, &until) != ETIMEDOUT)
		;
	is_ending = k->is_ending;
	(void)pthread_mutex_unlock(&k->lock);
	return !is_ending;
}

static void *run(void *arg)
{
	struct keeper *k = arg;

	for (int64_t n = 1; sleep_a_turn(k); n++)
		turn(k, n % (CLEAN_S / TURN_S) == 0);
	turn(k, false);
	return NULL;
}

static int make_lock(struct keeper *k)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) ||
	    pthread_cond_init(&k->ends, &attr))
		return ENOMEM;
	(void)pthread_condattr_destroy(&attr);
	return pthread_mutex_init(&k->lock, NULL);
}

int keeper_start(struct api *api, struct keeper **ret, struct err *err)
{
	struct keeper *k = mem_new(api, struct keeper);
	struct seat *seat = NULL;
	int r = api_seat(api, &seat, err), e;

	if (r < 0)
		return r;
	k->api = api;
	err_clear(err);
	take_settings(api, seat->store, err); /* before anybody asks */
	if (err->code)
		return -(int)err->code;
	e = make_lock(k);
	if (!e)
		e = pthread_create(&k->thread, NULL, run, k);
	if (e)
		return err_sys_no(err, e, "start the keeper");
	*ret = k;
	return 0;
}

void keeper_stop(struct keeper **ret)
{
	struct keeper *k = *ret;

	if (!k)
		return;
	(void)pthread_mutex_lock(&k->lock);
	k->is_ending = true;
	(void)pthread_cond_signal(&k->ends);
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL);
	(void)pthread_cond_destroy(&k->ends);
	(void)pthread_mutex_destroy(&k->lock);
	(void)talloc_free(k);
	*ret = NULL;
}
