/*
 * A server with a few fixed routes, and a client that sends bytes as they are given, for the tests
 * of api/server.c. Clients use blocking sockets with a time limit of 10 s.
 *
 *   /echo      "METHOD path?name=value&… peer" and the body, at once
 *   /late      kept until the test answers it (web_late)
 *   /stream    becomes a stream (web_streams)
 *   /big?n=N   N bytes
 *   /parts     takes multipart bodies; "name|filename|type|data;" of each
 *   /none      takes no body
 *   /refuse    refused with 401 by admit()
 *   /split     answers with a header that has a line break
 *   others     200, "ok"
 */
#ifndef TESTS_SUPPORT_WEB_H
#define TESTS_SUPPORT_WEB_H

#include <gnutls/gnutls.h>
#include <pthread.h>

#include "api/server.h"
#include "base/mem.h"

enum {
	WEB_BODY_MAX = 1 << 20,
	WEB_KEPT_MAX = 512,
};

struct web {
	void *ctx;
	struct http *s;
	struct http_opts opts;
	uint16_t port; /* the first one's */
	pthread_mutex_t lock;
	struct request *late[WEB_KEPT_MAX];
	struct stream *streams[WEB_KEPT_MAX];
	size_t n_late, n_streams;
	size_t n_called, n_gone;
	char last_path[256]; /* of the request that came last */
};

/* W has its opts (one plain port on loopback when none is set); starts it. */
void web_start(struct web *w);
void web_stop(struct web *w);
size_t web_count(struct web *w, const size_t *what);
/* Waits until *WHAT is at least N; fails the test after 10 s. */
void web_wait(struct web *w, const size_t *what, size_t n);
void web_wait_stats(struct web *w, uint64_t connections, uint64_t waiting);

/* A connected socket. */
int web_connect(const struct web *w);
int web_connect_port(uint16_t port);
/* With a small receive buffer. */
int web_connect_slow(const struct web *w);
void web_send(int fd, const char *text);
/* All that comes until the server closes; on W's context. */
char *web_read_all(struct web *w, int fd);
/* One answer with a Content-Length, head and body; the socket stays open. */
char *web_read_one(struct web *w, int fd);
/* Until TEXT has come. */
char *web_read_until(struct web *w, int fd, const char *text);
/* Connects, sends TEXT and reads until the server closes. */
char *web_ask(struct web *w, const char *text);
/* The status in an answer; 0: none. */
int web_status(const char *answer);

/* TLS: a session over FD that has shaken hands; NULL: refused. */
gnutls_session_t web_tls(int fd, gnutls_certificate_credentials_t cred, const char *priorities);
void web_tls_end(gnutls_session_t session, int fd);

#endif
