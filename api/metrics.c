#include "api/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <time.h>

#include "api/endpoint.h"
#include "base/mem.h"

enum {
	CLASSES = 4, /* 2xx to 5xx */
	SIDES = 2,   /* reads, writes */
};

/* Upper bounds; one more bucket has the rest. */
static const struct {
	int64_t us;
	const char *label;
} buckets[] = {
	{ 1000, "0.001" }, { 5000, "0.005" },  { 25000, "0.025" }, { 100000, "0.1" },
	{ 500000, "0.5" }, { 2500000, "2.5" }, { 10000000, "10" },
};

static const char *const sides[SIDES] = { "read", "write" };

struct latency {
	atomic_uint_fast64_t in[ARRAY_LEN(buckets) + 1], sum_us;
};

struct metrics {
	struct latency latency[SIDES];
	/* one a resource; the last for addresses outside the table */
	atomic_uint_fast64_t (*ended)[CLASSES];
};

struct metrics *metrics_new(const void *ctx)
{
	struct metrics *m = mem_new(ctx, struct metrics);

	m->ended = mem_zero(m, (n_resources + 1) * sizeof(*m->ended));
	return m;
}

int64_t metrics_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
	(void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_count(struct metrics *m, const struct call *c, unsigned status)
{
	struct latency *l = &m->latency[c->endpoint && endpoint_writes(c->endpoint)];
	int64_t us = MAX(metrics_now() - c->began_us, (int64_t)0);
	size_t class = MIN(MAX(status / 100, 2U), 5U) - 2;
	size_t at = 0, bucket = 0;

	while (at < n_resources && resources[at] != c->group)
		at++;
	while (bucket < ARRAY_LEN(buckets) && us > buckets[bucket].us)
		bucket++;
	add(&m->ended[at][class], 1);
	add(&l->in[bucket], 1);
	add(&l->sum_us, (uint64_t)us);
}

static void put_ended(struct metrics *m, struct buf *out)
{
	buf_puts(out, "# HELP novacpx_api_calls_total Calls by resource and class of status.\n"
		      "# TYPE novacpx_api_calls_total counter\n");
	for (size_t i = 0; i <= n_resources; i++) {
		for (unsigned class = 0; class < CLASSES; class ++) {
			uint64_t n = get(&m->ended[i][class]);

			if (n)
				buf_printf(
					out,
					"novacpx_api_calls_total{resource=\"%s\",class=\"%uxx\"} "
					"%" PRIu64 "\n",
					i < n_resources ? resources[i]->name : "other", class + 2,
					n);
		}
	}
}

static void put_latency(struct latency *l, const char *side, struct buf *out)
{
	uint64_t n = 0;
	uint64_t us = get(&l->sum_us);

	for (size_t i = 0; i <= ARRAY_LEN(buckets); i++) {
		n += get(&l->in[i]);
		buf_printf(out,
			   "novacpx_api_call_seconds_bucket{side=\"%s\",le=\"%s\"} %" PRIu64 "\n",
			   side, i < ARRAY_LEN(buckets) ? buckets[i].label : "+Inf", n);
	}
	buf_printf(out, "novacpx_api_call_seconds_sum{side=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n",
		   side, us / 1000000, us % 1000000);
	buf_printf(out, "novacpx_api_call_seconds_count{side=\"%s\"} %" PRIu64 "\n", side, n);
}

void metrics_put(struct metrics *m, struct buf *out)
{
	put_ended(m, out);
	buf_puts(out, "# HELP novacpx_api_call_seconds From the head of a call to its answer.\n"
		      "# TYPE novacpx_api_call_seconds histogram\n");
	for (size_t i = 0; i < SIDES; i++)
		put_latency(&m->latency[i], sides[i], out);
}
