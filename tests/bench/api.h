/*
 * Measuring the API: a client that speaks HTTP over many connections at once,
 * servers that run as processes of their own, and the world they serve.
 *
 *   api.c         what is measured, and the rows of the table
 *   api_client.c  the client; it counts what the server's process spends
 *   api_serve.c   the API itself, as released
 *   api_floor.c   the floor: the bare library with the bare SQL
 *   api_world.c   the database: accounts with all of theirs, one session
 */
#ifndef TESTS_BENCH_API_H
#define TESTS_BENCH_API_H

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include "tests/bench/bench.h"

#define API_TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum {
	API_ZONES_EACH = 1, /* of an account: zone I is account I's */
	API_ANSWER_MAX = 256 * 1024,
};

/* A server: its process, and the pipe whose end tells it to end. */
struct api_server {
	pid_t pid;
	int hold;
	uint16_t port, tls_port;
};

struct api_server api_serve(const struct bench *b, const char *command, const char *dir);
void api_server_end(struct api_server *s);
int64_t api_server_cpu_ns(const struct api_server *s);
double api_server_rss_mib(const struct api_server *s);
/* Said by a server in its own process: its ports, then it sleeps until it shall end. */
void api_say_ready(uint16_t port, uint16_t tls_port);

/* The I-th request of a run, as it goes over the wire; on CTX. */
typedef const char *api_request_fn(const void *ctx, int i);

struct api_client;

/* N connections that are kept. */
struct api_client *api_client_new(const void *ctx, uint16_t port, int n);

struct api_run {
	double cpu_us;      /* of the server, one request */
	double wall_us;     /* the same over all connections together */
	double median, p99; /* of one answer, in us */
};
/* COUNT requests, one at a time a connection; dies unless each is answered with 200. */
struct api_run api_client_run(struct api_client *c, const struct api_server *s, api_request_fn *fn,
			      int from, int count);
/* The body of the last answer of the first connection. */
const char *api_client_body(const struct api_client *c);

/* N idle event streams, open until the context ends. */
void api_streams_open(const void *ctx, const char *request, uint16_t port, bool is_tls, int n);

/* model.db and api.db in DIR, of N accounts. */
void api_world_make(const char *dir, int n);
/* Commands of servers: they return when they were told to end. */
void api_run_serve(const char *dir);
void api_run_floor(const char *dir);
/* COUNT durable commits of one row each in a database of its own; their wall time. */
int64_t api_floor_commits_ns(const char *path, int count);

#endif
