/* What each process of the bench measures of itself. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct cost cost_now(void)
{
	return (struct cost){ clock_ns(CLOCK_PROCESS_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC) };
}

void sample(const char *name, struct cost since)
{
	struct cost now = cost_now();
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	(void)printf("%s\t%lld\t%lld\t%ld\n", name, (long long)(now.cpu_ns - since.cpu_ns),
		     (long long)(now.wall_ns - since.wall_ns), u.ru_maxrss);
}

void bench_die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, err && err->msg[0] ? err->msg : "failed");
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

void must_do(int r, const char *what, const struct err *err)
{
	if (r < 0)
		bench_die(what, err);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *v, size_t n)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
