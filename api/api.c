#include "api/api.h"

#include <time.h>

#include "api/answer.h"
#include "api/apidb.h"
#include "api/dispatch.h"
#include "api/expiry.h"
#include "api/session.h"
#include "api/write.h"
#include "base/mem.h"

enum {
	HASHERS = 2,
	WAITERS = 32, /* they mostly sleep */
	WRITES_WAITING_MAX = 4096,
	HASHES_WAITING_MAX = 64,
	WAITS_WAITING_MAX = 256,
};

static void seat_free(void *arg)
{
	(void)talloc_free(arg);
}

int api_seat(struct api *api, struct seat **ret, struct err *err)
{
	struct seat *s = pthread_getspecific(api->seats);
	int r;

	if (s) {
		*ret = s;
		return 0;
	}
	s = mem_new(NULL, struct seat);
	s->texts.ctx = s;
	r = store_open(s, api->opts.model, false, &s->store, err);
	if (r >= 0)
		r = apidb_open(s, api->opts.db, &s->db, err);
	if (r >= 0)
		r = pthread_setspecific(api->seats, s) ? err_set(err, ERR_SYSTEM, "no memory") : 0;
	if (r < 0) {
		(void)talloc_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int start_queues(struct api *api, struct err *err)
{
	const struct work_opts writer = { .name = "the writer",
					  .threads = 1,
					  .waiting_max = WRITES_WAITING_MAX,
					  .batch = WORK_BATCH_MAX,
					  .fn = write_calls,
					  .arg = api };
	const struct work_opts hashers = { .name = "the hashers",
					   .threads =
						   api->opts.hashers ? api->opts.hashers : HASHERS,
					   .waiting_max = HASHES_WAITING_MAX,
					   .batch = 1,
					   .fn = dispatch_hash,
					   .arg = api };
	const struct work_opts waiters = { .name = "the waiters",
					   .threads =
						   api->opts.waiters ? api->opts.waiters : WAITERS,
					   .waiting_max = WAITS_WAITING_MAX,
					   .batch = 1,
					   .fn = dispatch_wait,
					   .arg = api };
	int r = work_start(api, &writer, &api->writer, err);

	if (r >= 0)
		r = work_start(api, &hashers, &api->hashers, err);
	if (r >= 0)
		r = work_start(api, &waiters, &api->waiters, err);
	return r;
}

int api_start(const void *ctx, const struct api_opts *opts, struct api **ret, struct err *err)
{
	const struct http_calls calls = { .admit = dispatch_admit,
					  .request = dispatch_request,
					  .refusal = answer_refusal };
	struct api *api = mem_new(ctx, struct api);
	struct http_calls mine = calls;
	struct seat *seat;
	int r;

	api->opts = *opts;
	api->started = (int64_t)time(NULL);
	mine.arg = api;
	if (pthread_key_create(&api->seats, seat_free))
		return err_set(err, ERR_SYSTEM, "no thread keys are left");
	api->rate = rate_new(api, &opts->rate);
	api->metrics = metrics_new(api);
	r = live_new(api, &api->opts, &api->live, err);
	if (r >= 0)
		r = api_seat(api, &seat, err); /* the databases are made before anybody asks */
	if (r >= 0)
		r = keeper_start(api, &api->keeper, err);
	if (r >= 0)
		r = engine_link_new(api, opts->engine, &api->engine, err);
	if (r >= 0)
		r = events_start(api, &opts->events, &api->events, err);
	if (r >= 0)
		r = operations_start(api, &api->operations, err);
	if (r >= 0)
		r = start_queues(api, err);
	if (r >= 0)
		r = expiry_start(api, &api->expiry, err);
	if (r >= 0)
		r = http_start(api, &opts->http, &mine, &api->http, err);
	*ret = api;
	if (r < 0)
		api_stop(ret);
	return r;
}

void api_stop(struct api **ret)
{
	struct api *api = *ret;

	if (!api)
		return;
	/* what is under way is answered; what comes meanwhile is refused */
	expiry_end(api->expiry);
	engine_link_end(api->engine);
	work_end(api->hashers);
	work_end(api->writer);
	work_end(api->waiters);
	events_end(api->events);
	operations_end(api->operations);
	if (api->http)
		http_stop(&api->http, 5000);
	work_free(&api->hashers);
	work_free(&api->writer);
	work_free(&api->waiters);
	expiry_free(&api->expiry);
	keeper_stop(&api->keeper);
	events_free(&api->events);
	operations_free(&api->operations);
	engine_link_free(&api->engine);
	seat_free(pthread_getspecific(api->seats));
	(void)pthread_setspecific(api->seats, NULL);
	(void)pthread_key_delete(api->seats);
	(void)talloc_free(api);
	*ret = NULL;
}
