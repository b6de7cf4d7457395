#include "api/work.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct work {
	struct work_opts opts;
	pthread_t *threads;
	unsigned n_threads;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	void **items; /* a ring */
	size_t first, n;
	bool is_ending;
};

/* Takes what waits, as many as one call may have; 0 when the queue has ended. */
static size_t take(struct work *q, void **items)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&q->lock);
	while (q->n == 0 && !q->is_ending)
		(void)pthread_cond_wait(&q->more, &q->lock);
	while (q->n && n < q->opts.batch) {
		items[n++] = q->items[q->first];
		q->first = (q->first + 1) % q->opts.waiting_max;
		q->n--;
	}
	(void)pthread_mutex_unlock(&q->lock);
	return n;
}

static void *run(void *arg)
{
	struct work *q = arg;
	void *items[WORK_BATCH_MAX];
	size_t n;

	while ((n = take(q, items)) > 0)
		q->opts.fn(items, n, q->opts.arg);
	return NULL;
}

int work_start(const void *ctx, const struct work_opts *opts, struct work **ret, struct err *err)
{
	struct work *q = mem_new(ctx, struct work);

	q->opts = *opts;
	q->items = mem_zero(q, opts->waiting_max * sizeof(*q->items));
	q->threads = mem_zero(q, opts->threads * sizeof(*q->threads));
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->more, NULL);
	while (q->n_threads < opts->threads) {
		int e = pthread_create(&q->threads[q->n_threads], NULL, run, q);

		if (e) {
			work_free(&q);
			return err_sys_no(err, e, "start a thread of %s", opts->name);
		}
		q->n_threads++;
	}
	*ret = q;
	return 0;
}

bool work_put(struct work *q, void *item)
{
	bool fits;

	(void)pthread_mutex_lock(&q->lock);
	fits = q->n < q->opts.waiting_max && !q->is_ending;
	if (fits)
		q->items[(q->first + q->n++) % q->opts.waiting_max] = item;
	(void)pthread_cond_signal(&q->more);
	(void)pthread_mutex_unlock(&q->lock);
	return fits;
}

size_t work_waiting(struct work *q)
{
	size_t n;

	(void)pthread_mutex_lock(&q->lock);
	n = q->n;
	(void)pthread_mutex_unlock(&q->lock);
	return n;
}

void work_end(struct work *q)
{
	if (!q)
		return;
	(void)pthread_mutex_lock(&q->lock);
	q->is_ending = true;
	(void)pthread_cond_broadcast(&q->more);
	(void)pthread_mutex_unlock(&q->lock);
	while (q->n_threads)
		(void)pthread_join(q->threads[--q->n_threads], NULL);
}

void work_free(struct work **queue)
{
	struct work *q = *queue;

	if (!q)
		return;
	work_end(q);
	(void)pthread_cond_destroy(&q->more);
	(void)pthread_mutex_destroy(&q->lock);
	(void)talloc_free(q);
	*queue = NULL;
}
