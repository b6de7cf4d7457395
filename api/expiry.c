#include "api/expiry.h"

#include <inttypes.h>
#include <time.h>

#include "base/log.h"

enum {
	DUE_MAX = 64,    /* at a time */
	LOOK_MAX_S = 30, /* the clock may be set, and the command line commits too */
	AGAIN_S = 5,     /* after what may go through later */
};

struct expiry {
	struct api *api;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	size_t under_way;
	bool is_told, is_ending;
	bool has_ended; /* of the thread that ends it */
};

/* On the writer. */
int expiry_run(struct call *c, struct err *err)
{
	struct revision rev = {
		.time = (int64_t)time(NULL),
		.actor = "novacpx",
		.source = "confirm-expiry",
		.message = mem_fmt(c->ctx, "revision %" PRId64 " was not confirmed in time",
				   c->expires),
		.action = "revisions.expire",
	};
	struct problems problems = { .ctx = c->ctx };
	int r = store_expire(c->store, c->expires, &rev, &problems, err);

	c->is_open = r > 0;
	c->rev = r > 0 ? rev.rev : 0;
	return r;
}

static void tell_end(struct call *c)
{
	struct trial trial = { .rev = 0 };
	struct err err = ERR_INIT;

	if (c->rev)
		log_info("revision %" PRId64
			 " was not confirmed in time: reverted in revision %" PRId64,
			 c->expires, c->rev);
	else if (store_trial(c->ctx, c->store, c->expires, &trial, &err) > 0 &&
		 trial.state == TRIAL_STANDS)
		log_error("revision %" PRId64
			  " was not confirmed in time and could not be reverted: %s",
			  c->expires, trial.note ? trial.note : "?");
}

void expiry_done(struct call *c, int r)
{
	struct expiry *e = c->api->expiry;

	if (r < 0)
		log_error("revision %" PRId64 " was not confirmed in time; reverting it: %s",
			  c->expires, c->err.msg);
	else
		tell_end(c);
	(void)talloc_free(c);
	(void)pthread_mutex_lock(&e->lock);
	e->under_way--;
	(void)pthread_cond_signal(&e->more);
	(void)pthread_mutex_unlock(&e->lock);
}

/* All that are due go to the writer, and are waited for. True: there were some. */
static bool end_due(struct expiry *e, struct seat *seat, struct err *err)
{
	int64_t due[DUE_MAX];
	int n = store_trials_due(seat->store, (int64_t)time(NULL), due, DUE_MAX, err);

	for (int i = 0; i < n; i++) {
		struct call *c = mem_new(NULL, struct call);

		c->ctx = c;
		c->api = e->api;
		c->expires = due[i];
		(void)pthread_mutex_lock(&e->lock);
		e->under_way++;
		(void)pthread_mutex_unlock(&e->lock);
		if (work_put(e->api->writer, c))
			continue;
		(void)talloc_free(c); /* it is full: later */
		(void)pthread_mutex_lock(&e->lock);
		e->under_way--;
		(void)pthread_mutex_unlock(&e->lock);
	}
	(void)pthread_mutex_lock(&e->lock);
	while (e->under_way)
		(void)pthread_cond_wait(&e->more, &e->lock);
	(void)pthread_mutex_unlock(&e->lock);
	return n > 0;
}

/* Seconds until there is something to do. */
static int64_t rest(struct seat *seat, bool were_due, struct err *err)
{
	int64_t until = 0;
	int64_t left = LOOK_MAX_S;
	int r = store_trial_next(seat->store, &until, err);

	if (r > 0)
		left = MAX(until - (int64_t)time(NULL), 0);
	/* what was due and still is could not be done now */
	if (left == 0)
		left = were_due ? AGAIN_S : 1;
	return MIN(left, LOOK_MAX_S);
}

static bool sleep_for(struct expiry *e, int64_t seconds)
{
	struct timespec at;
	bool goes_on;

	(void)clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += seconds;
	(void)pthread_mutex_lock(&e->lock);
	while (!e->is_told && !e->is_ending && pthread_cond_timedwait(&e->more, &e->lock, &at) == 0)
		continue;
	e->is_told = false;
	goes_on = !e->is_ending;
	(void)pthread_mutex_unlock(&e->lock);
	return goes_on;
}

static void *watch(void *arg)
{
	struct expiry *e = arg;
	int64_t left;

	do {
		struct err err = ERR_INIT;
		struct seat *seat = NULL;
		bool were_due = false;

		left = AGAIN_S;
		if (api_seat(e->api, &seat, &err) >= 0)
			were_due = end_due(e, seat, &err);
		if (seat && !err.code)
			left = rest(seat, were_due, &err);
		if (err.code)
			log_error("deadlines of revisions: %s", err.msg);
	} while (sleep_for(e, left));
	return NULL;
}

void expiry_look(struct expiry *e)
{
	(void)pthread_mutex_lock(&e->lock);
	e->is_told = true;
	(void)pthread_cond_signal(&e->more);
	(void)pthread_mutex_unlock(&e->lock);
}

void expiry_tell(struct expiry *e, struct call **calls, size_t n)
{
	for (size_t i = 0; e && i < n; i++) {
		if (calls[i]->confirm_until) {
			expiry_look(e);
			return;
		}
	}
}

int expiry_start(struct api *api, struct expiry **ret, struct err *err)
{
	struct expiry *e = mem_new(api, struct expiry);
	int r;

	e->api = api;
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_cond_init(&e->more, NULL);
	*ret = e; /* the thread's own work comes back to it */
	r = pthread_create(&e->thread, NULL, watch, e);
	if (!r)
		return 0;
	*ret = NULL;
	(void)talloc_free(e);
	return err_sys_no(err, r, "start a thread");
}

void expiry_end(struct expiry *e)
{
	if (!e || e->has_ended)
		return;
	(void)pthread_mutex_lock(&e->lock);
	e->is_ending = true;
	(void)pthread_cond_signal(&e->more);
	(void)pthread_mutex_unlock(&e->lock);
	(void)pthread_join(e->thread, NULL);
	e->has_ended = true;
}

void expiry_free(struct expiry **ret)
{
	struct expiry *e = *ret;

	if (!e)
		return;
	expiry_end(e);
	(void)pthread_cond_destroy(&e->more);
	(void)pthread_mutex_destroy(&e->lock);
	(void)talloc_free(e);
	*ret = NULL;
}
