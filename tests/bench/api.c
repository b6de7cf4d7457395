#include "tests/bench/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/endpoint.h"
#include "base/fs.h"
#include "base/mem.h"

enum {
	ROUNDS = 9,
	READERS = 8,
	READS = 1000, /* a round */
	WRITERS = 64,
	WRITES = 1280,
	COMMITS = 320,
	STREAMS = 5000,
};

#define HEAD "Host: localhost\r\nCookie: ncpx_session=" API_TOKEN "\r\n"

static const char *list_request(const void *ctx, int i)
{
	(void)ctx;
	(void)i;
	return "GET /api/accounts/list HTTP/1.1\r\n" HEAD "\r\n";
}

static const char *me_request(const void *ctx, int i)
{
	(void)ctx;
	(void)i;
	return "GET /api/auth/me HTTP/1.1\r\n" HEAD "\r\n";
}

static const char *hello_request(const void *ctx, int i)
{
	(void)ctx;
	(void)i;
	return "GET /hello HTTP/1.1\r\n" HEAD "\r\n";
}

/* Another zone each time, never the same record twice. */
static const char *record_request(const void *ctx, int i)
{
	const char *body = mem_fmt(ctx,
				   "{\"zone_id\":%d,\"type\":\"A\",\"name\":\"r%d\","
				   "\"value\":\"192.0.2.%d\"}",
				   1 + (int)((int64_t)i * 7919 % 10000), i / 10000, i % 250);

	return mem_fmt(ctx,
		       "POST /api/dns/add-record HTTP/1.1\r\n" HEAD
		       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		       strlen(body), body);
}

struct rounds {
	double cpu[ROUNDS], wall[ROUNDS];
};

static void keep(struct rounds *r, int i, const struct api_run *run)
{
	r->cpu[i] = run->cpu_us;
	r->wall[i] = run->wall_us;
}

/* Of 1,000 requests, in ms. */
static struct series series_of(struct rounds *r)
{
	return (struct series){ .cpu = median(r->cpu, ROUNDS),
				.wall = median(r->wall, ROUNDS),
				.n = ROUNDS };
}

struct pair {
	const struct api_server *server, *floor;
	struct api_client *ours, *bare;
};

/* Rounds of ours and of the floor in turns, after one of each that does not count. */
static void compare(const struct pair *p, api_request_fn *ours, api_request_fn *bare,
		    struct series *ret, struct series *ret_floor)
{
	struct rounds a;
	struct rounds z;

	for (int i = -1; i < ROUNDS; i++) {
		struct api_run is = api_client_run(p->ours, p->server, ours, 0, READS);
		struct api_run floor = api_client_run(p->bare, p->floor, bare, 0, READS);

		if (strcmp(api_client_body(p->ours), api_client_body(p->bare)) != 0)
			bench_die(mem_fmt(NULL, "the floor does not answer the same:\n%s\n%s",
					  api_client_body(p->ours), api_client_body(p->bare)),
				  NULL);
		if (i < 0)
			continue;
		keep(&a, i, &is);
		keep(&z, i, &floor);
	}
	*ret = series_of(&a);
	*ret_floor = series_of(&z);
}

static void measure_reads(struct bench *b, int n, const char *dir, const struct api_server *server)
{
	void *ctx = mem_ctx(NULL, "reads");
	struct api_server floor = api_serve(b, "api-floor", dir);
	struct pair p = { .server = server,
			  .floor = &floor,
			  .ours = api_client_new(ctx, server->port, READERS),
			  .bare = api_client_new(ctx, floor.port, READERS) };
	struct series is;
	struct series base;

	compare(&p, list_request, list_request, &is, &base);
	bench_row(b, n, "1000 account lists of 25", &is, &base, 2, 1.5);
	compare(&p, me_request, hello_request, &is, &base);
	bench_row(b, n, "1000 calls that do nothing", &is, &base, 0, 0);
	bench_limit(b, n, "  session, role, rate, route", is.cpu - base.cpu, "us", 60, 30);
	mem_freep(&ctx);
	api_server_end(&floor);
}

/* How long one write and one bare commit take, when 64 clients write at once. */
static void measure_writes(struct bench *b, int n, const char *dir, const struct api_server *server)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "writes");
	struct api_client *c = api_client_new(ctx, server->port, WRITERS);
	const char *floor = mem_fmt(ctx, "%s/floor.db", dir);
	struct rounds r;
	double bare[ROUNDS];
	struct series is;

	for (int i = -1; i < ROUNDS; i++) {
		int64_t ns = api_floor_commits_ns(floor, COMMITS);
		struct api_run run =
			api_client_run(c, server, record_request, (i + 1) * WRITES, WRITES);

		if (i < 0)
			continue;
		keep(&r, i, &run);
		bare[i] = (double)ns / 1e3 / COMMITS;
	}
	is = series_of(&r);
	bench_row(b, n, "1000 records of 64 clients", &is, NULL, 0, 0);
	bench_limit(b, n, "  a second", 1e6 / is.wall, "/s", 0, 0);
	bench_limit(b, n, "  bare commits a second", 1e6 / median(bare, ROUNDS), "/s", 0, 0);
	bench_limit(b, n, "  wall to bare commits", is.wall / median(bare, ROUNDS), "x", 2, 1);
}

/* Streams */

static struct api_run calls_beside(const struct api_server *s, struct api_client *c)
{
	double times[ROUNDS];
	struct api_run r = { .cpu_us = 0 };

	for (int i = 0; i < ROUNDS; i++) {
		r = api_client_run(c, s, me_request, 0, READS);
		times[i] = r.median;
	}
	r.median = median(times, ROUNDS);
	return r;
}

static void measure_streams(struct bench *b, const char *dir, bool is_tls)
{
	static const char request[] = "GET /api/events/stream HTTP/1.1\r\n" HEAD "\r\n";
	void *ctx = mem_ctx(NULL, "streams");
	void *open = mem_ctx(ctx, "open");
	struct api_server s = api_serve(b, "api-serve", dir);
	struct api_client *c = api_client_new(ctx, s.port, 1);
	struct api_run alone = calls_beside(&s, c);
	struct api_run beside;

	api_streams_open(open, request, is_tls ? s.tls_port : s.port, is_tls, STREAMS);
	beside = calls_beside(&s, c);
	bench_limit(b, STREAMS, is_tls ? "idle streams over HTTPS" : "idle streams over HTTP",
		    api_server_rss_mib(&s), "MiB", is_tls ? 160 : 100, is_tls ? 120 : 50);
	bench_limit(b, STREAMS, "  a call without them", alone.median, "us", 0, 0);
	bench_limit(b, STREAMS, "  a call beside them", beside.median / alone.median, "x", 1.2,
		    1.1);
	mem_freep(&ctx);
	api_server_end(&s);
}

/* Clients and servers have a descriptor a stream. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static void remove_tree(const char *dir)
{
	cleanup_(fd_close) int root = fs_root_open("/", NULL);

	if (root < 0 || fs_remove_tree(root, dir, 0, NULL) < 0)
		(void)fprintf(stderr, "bench: %s stays\n", dir);
}

void api_measure(struct bench *b, int n)
{
	const char *dir = mem_fmt(b->ctx, "%s/api", b->disk);
	struct api_server server;

	raise_limit();
	if (mkdir(dir, 0700) < 0)
		bench_die(dir, NULL);
	api_world_make(dir, n);
	server = api_serve(b, "api-serve", dir);
	measure_reads(b, n, dir, &server);
	measure_writes(b, n, dir, &server);
	api_server_end(&server);
	if (resource_find("events", 6)) {
		measure_streams(b, dir, false);
		measure_streams(b, dir, true);
	}
	remove_tree(dir);
}

int api_command(char **argv, int argc)
{
	(void)argc;
	if (strcmp(argv[1], "api-serve") == 0)
		api_run_serve(argv[2]);
	else if (strcmp(argv[1], "api-floor") == 0)
		api_run_floor(argv[2]);
	else if (strcmp(argv[1], "api-world") == 0)
		api_world_make(argv[2], 10000);
	else
		return 2;
	return 0;
}
