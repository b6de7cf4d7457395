/*
 * Many clients that keep their connections, read and write: what was acknowledged, and what went
 * wrong. A program of its own, so that it can run where the API does.
 *
 *   load PORT COOKIE CLIENTS SECONDS ZONES FILE
 *
 * Each client reads lists and now and then adds a record, changes its own last one, or deletes it,
 * in zone 1 to ZONES. For each write that was acknowledged FILE gets a line "REVISION|OP|NAME|VALUE"
 * (+ ~ -), written when the answer has come and before the next request is sent. It ends after
 * SECONDS, or when the server has gone. On stdout: requests, writes, statuses that are none of
 * 200, answers that were cut, and the slowest answer.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 256,
	ANSWER_MAX = 1 << 20,
	WRITE_EVERY = 8,
	PAUSE_MS = 15,
};

struct shared {
	uint16_t port;
	const char *cookie;
	unsigned zones;
	int64_t end_ms;
	FILE *acks;
	pthread_mutex_t lock;
	size_t requests, writes, not_200, server_errors, cut;
	int64_t slowest_ms;
};

struct client {
	struct shared *all;
	pthread_t thread;
	unsigned number, count;
	int fd;
	char *answer;
	size_t len;
	long record; /* that it may change or delete; 0: none */
	char name[64], old_value[32];
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool connect_to(struct client *c)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(c->all->port) };
	struct timeval limit = { .tv_sec = 60 };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return connect(c->fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

/* The whole answer into c->answer; false: the server has gone. */
static bool receive(struct client *c)
{
	c->len = 0;
	for (;;) {
		const char *body, *length;
		ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MAX - 1 - c->len, 0);

		if (n <= 0)
			return false;
		c->len += (size_t)n;
		c->answer[c->len] = '\0';
		body = strstr(c->answer, "\r\n\r\n");
		length = strstr(c->answer, "Content-Length: ");
		if (body && length &&
		    c->len >= (size_t)(body + 4 - c->answer) + strtoul(length + 16, NULL, 10))
			return true;
	}
}

/* The status; 0: the server has gone. */
static int ask(struct client *c, const char *method, const char *path, const char *body)
{
	struct shared *all = c->all;
	char text[2048];
	int64_t begin = now_ms(), ms;
	int status = 0;
	int len = snprintf(text, sizeof(text),
			   "%s /api/%s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\n"
			   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			   method, path, all->cookie, strlen(body), body);

	if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) == len && receive(c))
		status = atoi(c->answer + 9);
	ms = now_ms() - begin;
	(void)pthread_mutex_lock(&all->lock);
	all->requests++;
	all->cut += status == 0;
	all->not_200 += status && status != 200;
	all->server_errors += status >= 500;
	all->slowest_ms = ms > all->slowest_ms ? ms : all->slowest_ms;
	(void)pthread_mutex_unlock(&all->lock);
	if (status && status != 200)
		(void)fprintf(stderr, "%s %s: %.300s\n", path, body, c->answer);
	return status;
}

static long member(const struct client *c, const char *name)
{
	const char *at = strstr(c->answer, name);

	return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static void acknowledge(struct client *c, char op, const char *value)
{
	struct shared *all = c->all;

	(void)pthread_mutex_lock(&all->lock);
	(void)fprintf(all->acks, "%ld|%c|%s|%s\n", member(c, "\"revision\":"), op, c->name, value);
	(void)fflush(all->acks);
	all->writes++;
	(void)pthread_mutex_unlock(&all->lock);
}

static int add(struct client *c, const char *value)
{
	char body[256];
	int status;

	(void)snprintf(c->name, sizeof(c->name), "c%u-%u", c->number, c->count);
	(void)snprintf(body, sizeof(body),
		       "{\"zone_id\":%u,\"type\":\"A\",\"name\":\"%s\",\"value\":\"%s\"}",
		       c->number % c->all->zones + 1, c->name, value);
	status = ask(c, "POST", "dns/add-record", body);
	c->record = status == 200 ? member(c, "\"id\":") : 0;
	if (status == 200)
		acknowledge(c, '+', value);
	return status;
}

static int change(struct client *c, const char *value)
{
	char body[256];
	int status;

	(void)snprintf(body, sizeof(body), "{\"record_id\":%ld,\"value\":\"%s\"}", c->record,
		       value);
	status = ask(c, "POST", "dns/update-record", body);
	if (status == 200)
		acknowledge(c, '~', value);
	return status;
}

static int delete (struct client *c)
{
	char body[64];
	int status;

	(void)snprintf(body, sizeof(body), "{\"record_id\":%ld}", c->record);
	status = ask(c, "POST", "dns/delete-record", body);
	if (status == 200)
		acknowledge(c, '-', "");
	c->record = 0;
	return status;
}

static int write_one(struct client *c)
{
	char value[32];
	int status;

	(void)snprintf(value, sizeof(value), "10.%u.%u.%u", c->number, c->count / 200 % 250,
		       c->count % 200 + 1);
	if (!c->record || c->count % 3 == 0)
		status = add(c, value);
	else
		status = c->count % 3 == 1 ? change(c, value) : delete (c);
	c->count++;
	return status;
}

static int read_one(struct client *c, unsigned n)
{
	static const char *const paths[] = {
		"accounts/list",         "auth/me",        "domains/list?account_id=1",
		"dns/list?account_id=1", "system/version", "email/list?account_id=1"
	};

	return ask(c, "GET", paths[n % (sizeof(paths) / sizeof(*paths))], "");
}

static void *run(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	struct client *c = arg;
	int status = connect_to(c) ? 200 : 0;

	for (unsigned n = c->number; status && now_ms() < c->all->end_ms; n++) {
		status = n % WRITE_EVERY ? read_one(c, n) : write_one(c);
		(void)nanosleep(&pause, NULL);
	}
	(void)close(c->fd);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MAX];
	struct shared all = { .lock = PTHREAD_MUTEX_INITIALIZER };
	unsigned n = argc > 3 ? (unsigned)atoi(argv[3]) : 0;

	if (argc != 7 || !n || n > CLIENTS_MAX || !(all.acks = fopen(argv[6], "we")))
		return 2;
	all.port = (uint16_t)atoi(argv[1]);
	all.cookie = argv[2];
	all.end_ms = now_ms() + atoi(argv[4]) * 1000;
	all.zones = (unsigned)atoi(argv[5]);
	for (unsigned i = 0; i < n; i++) {
		clients[i] = (struct client){ .all = &all, .number = i, .fd = -1 };
		clients[i].answer = malloc(ANSWER_MAX);
		if (!clients[i].answer ||
		    pthread_create(&clients[i].thread, NULL, run, &clients[i]))
			return 2;
	}
	for (unsigned i = 0; i < n; i++) {
		(void)pthread_join(clients[i].thread, NULL);
		free(clients[i].answer);
	}
	(void)printf(
		"requests=%zu writes=%zu not_200=%zu server_errors=%zu cut=%zu slowest_ms=%lld\n",
		all.requests, all.writes, all.not_200, all.server_errors, all.cut,
		(long long)all.slowest_ms);
	return fclose(all.acks) != 0;
}
