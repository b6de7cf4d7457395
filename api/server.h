/*
 * The HTTP server: all that knows libmicrohttpd, and nothing that knows NovaCPX.
 *
 * A request whose head and body have been read and checked is handed to
 * `calls.request`. It is answered once by request_reply() or request_stream(),
 * at once or later from any other thread; in between the connection is
 * suspended and costs no thread. If its client leaves or the server stops
 * meanwhile (the client then gets 503), the request stays whole until it is
 * answered, even after http_stop(); the answer then goes nowhere.
 * A request and all that hangs on its context end with its answer: after
 * request_reply() it must not be touched. One that was admitted and whose body
 * never came to its end just ends, with its context.
 *
 * What the library leaves open is closed here, each with a test in
 * tests/unit/server_test.c: poll threads only (its epoll spins on unfinished
 * TLS handshakes), a reaper for heads and bodies that drip in, the forms that
 * smuggle a second request past another parser (RFC 9112, 6.3) refused with
 * 400, streams ended before the library is stopped. HTTP is served on
 * loopback alone. Times are milliseconds, sizes bytes.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct http;
struct request;
struct stream;

enum {
	HTTP_PORTS_MAX = 8,
	HTTP_HEAD_MAX =
		12 *
		1024, /* memory of a connection, some 10 KB of head as it is sent; more is 431 */
	HTTP_URL_MAX = 4096,   /* more is 414 */
	HTTP_PARTS_MAX = 32,   /* of a multipart body */
	HTTP_HEADERS_MAX = 24, /* that an answer may carry */
};

/* A part of a multipart/form-data body (RFC 7578). */
struct part {
	const char *name;     /* of the field */
	const char *filename; /* as the client says: never a path to be used; NULL: no file */
	const char *type;     /* likewise; or NULL */
	const char *data;     /* NUL after the last byte */
	size_t len;
};

struct header {
	const char *name, *value;
};

/* What a request may cost, decided when only its head is known. */
struct admission {
	unsigned status;              /* 0: go on; else refused with it, BODY and HEADERS at once */
	const char *body;             /* JSON; on the request's context */
	const struct header *headers; /* ends with a NULL name; or NULL */
	size_t body_max;              /* more is 413 */
	bool is_multipart; /* a multipart body is taken apart into parts; else it is 415 */
};

struct http_calls {
	/* On the thread of the connection; must not block. R is not to be kept or answered in admit. */
	void (*admit)(struct request *r, struct admission *ret, void *arg);
	void (*request)(struct request *r, void *arg);
	/* Body of an answer that the server itself gives (400, 405, 413, 414, 415, 417, 500, 503). On CTX. */
	const char *(*refusal)(const void *ctx, unsigned status, const char *reason, void *arg);
	void *arg;
};

struct http_port {
	uint16_t port;
	bool is_tls;
	const char *
		address; /* "0.0.0.0", "::" (both families), "127.0.0.1"; NULL: "::", else 0.0.0.0 */
	int fd; /* a listening socket that was passed in, closed by http_stop(); -1: none */
};

struct http_opts {
	struct http_port ports[HTTP_PORTS_MAX];
	size_t n_ports;
	const char *cert_pem, *key_pem; /* texts; needed if a port is TLS */
	unsigned threads;               /* a port; 0: 2 */
	unsigned connections;           /* in all; 0: 8192; fewer where RLIMIT_NOFILE is low */
	unsigned per_address; /* of an IPv4 address or IPv6 /64; 0: 256; not of loopback */
	int64_t head_ms;      /* for the handshake and the head; 0: 10 s */
	int64_t idle_ms;      /* between two requests; 0: 30 s */
	size_t body_rate;     /* slowest body in bytes a second, measured after head_ms; 0: 1024 */
	size_t bodies_max;    /* bytes of all bodies in memory together, else 503; 0: 256 MiB */
	int64_t heartbeat_ms; /* of streams: a comment line; 0: 15 s */
	size_t stream_max;    /* bytes a stream may lag behind before it is cut; 0: 256 KiB */
};

struct http_stats {
	uint64_t connections; /* open now */
	uint64_t streams;     /* likewise */
	uint64_t waiting;     /* requests that are not answered yet */
	uint64_t requests;    /* ever */
	uint64_t reaped;      /* cut because they were too slow */
	uint64_t refused;     /* by the server itself */
};

/* Starts all ports. What is in OPTS and CALLS is copied but for `arg`. */
int http_start(const void *ctx, const struct http_opts *opts, const struct http_calls *calls,
	       struct http **ret, struct err *err) must_check;
/* The port that was bound (for port 0). */
uint16_t http_port_of(const struct http *s, size_t i);
/* Takes another certificate for new connections. */
int http_certificate(struct http *s, const char *cert_pem, const char *key_pem,
		     struct err *err) must_check;
void http_stats(struct http *s, struct http_stats *ret);
/*
 * No new connections; streams end; requests under way have until the deadline, then get 503.
 * Ends all threads and frees S.
 */
void http_stop(struct http **s, int64_t deadline_ms);

/* Reading a request. Texts live as long as it. */
void *request_ctx(struct request *r); /* talloc context */
/* "GET" for HEAD too: the server leaves the body out. */
const char *request_method(const struct request *r);
/* Percent-decoded once; with "%00", "%2F", "." and ".." segments or invalid UTF-8 it is refused before. */
const char *request_path(const struct request *r);
const char *request_header(struct request *r, const char *name); /* any case; NULL: not there */
/* Decoded; NULL: not there; given twice it is the first. Not UTF-8: 400 before. */
const char *request_query(struct request *r, const char *name);
typedef int pair_fn(const char *name, const char *value, void *arg);
int request_each_query(struct request *r, pair_fn *fn, void *arg); /* until FN is not 0 */
const char *request_cookie(struct request *r, const char *name);
/* The peer's address as text, without port; of an IPv4-mapped one the IPv4. "unix" never occurs. */
const char *request_peer(const struct request *r);
uint16_t request_local_port(const struct request *r);
bool request_is_tls(const struct request *r);
/* The body, NUL-terminated; "" when there was none, or when it was taken apart. */
const char *request_body(const struct request *r, size_t *ret_len);
const struct part *request_parts(const struct request *r, size_t *ret_n);
/* A place for the caller's own state. */
void request_set_user(struct request *r, void *user);
void *request_user(const struct request *r);

/*
 * Answering: once a request, from any thread. BODY is copied. HEADERS end with a NULL name; Date and
 * Content-Length are the server's. A header with a line break, an empty value or a tab makes it a 500.
 */
void request_reply(struct request *r, unsigned status, const char *type, const char *body,
		   size_t len, const struct header *headers);
/* The same; BODY is a talloc block that the server takes over and frees. */
void request_reply_take(struct request *r, unsigned status, const char *type, char *body,
			size_t len, const struct header *headers);

/*
 * Answers 200 with text/event-stream (WHATWG HTML, 9.2). The stream lives until stream_end() was
 * called; when the client has gone, stream_send() returns false. GONE, if given, is called once,
 * on a thread of the server, when the client has gone or the server stops; not after stream_end(),
 * but it may be running then, on its own thread, with S still valid. A stream may be over from the
 * start (the server stops, or it was a HEAD): then GONE is not called and stream_send() says so.
 */
struct stream *request_stream(struct request *r, const struct header *headers,
			      void (*gone)(struct stream *s, void *arg), void *arg);
/* DATA is whole events; from any thread; never blocks. False: it is over, call stream_end(). */
bool stream_send(struct stream *s, const char *data, size_t len);
void stream_end(struct stream *s);
/* Bytes that were not sent yet; -1: it is over. From any thread. */
ssize_t stream_lag(struct stream *s);

#endif
