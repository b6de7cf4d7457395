/*
 * What the files of the HTTP server share; nobody else includes it.
 *
 *   server.c         ports, certificate, start and stop
 *   server_conn.c    connections: limits, what the library calls, the reaper
 *   server_head.c    the head of a request: checked, taken apart, read
 *   server_body.c    its body, and the parts of a multipart one
 *   server_reply.c   refusals, answers, streams
 *
 * Threads: the library's loops (each connection belongs to one), the reaper,
 * and whoever answers. One lock, core.lock, guards all that more than one of
 * them touches (marked "locked"). It is taken before the library's own locks
 * (suspend and resume are called under it), never while the library holds
 * one, and no function of the caller is called under it.
 *
 * A connection's `phase` is written by its own loop alone, so that loop may
 * read it without the lock.
 */
#ifndef API_SERVER_PRIV_H
#define API_SERVER_PRIV_H

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>

#include "api/server.h"
#include "base/mem.h"

enum {
	CONN_BUCKETS = 512,
	LINGER_MS = 2000,         /* how long a refused client may go on sending */
	LINGER_MAX = 1024 * 1024, /* and how much */
	LOOPBACK_RESERVE = 64,    /* connections kept for this machine when strangers hold all */
	LISTEN_BACKLOG = 1024,
};

enum phase {
	PHASE_HEAD,   /* handshake and head come in, until `until` */
	PHASE_IDLE,   /* between two requests, until `until` */
	PHASE_BODY,   /* the body comes in, not slower than its rate */
	PHASE_CALLED, /* the request is with the caller, for as long as it takes */
	PHASE_REPLY,  /* the answer goes out, until `until` */
	PHASE_STREAM,
	PHASE_LINGER, /* refused; what still comes is thrown away, until `until` */
};

enum run {
	RUN_OPEN,
	RUN_CLOSING, /* no new connection or request; those under way go on */
	RUN_ENDING,  /* nothing may be suspended any more */
};

/* A certificate with its key; lives until its last connection has ended. */
struct cert {
	gnutls_certificate_credentials_t cred;
	unsigned refs; /* locked */
};

struct port {
	struct core *core;
	struct MHD_Daemon *daemon;
	int fd; /* listening */
	uint16_t port;
	bool is_tls;
	bool is_passed; /* the socket is somebody else's too */
};

struct conn {
	struct core *core;
	struct port *port;
	struct MHD_Connection *mhd;
	struct conn *next, **link;    /* of its bucket; locked */
	struct request *request;      /* coming in, or with the caller; locked once it is there */
	struct MHD_Response *answer;  /* waits for the loop; locked */
	struct stream *answer_stream; /* likewise, if the answer is one */
	struct stream *stream;        /* going out; locked */
	struct cert *cert;
	uint8_t address[16]; /* IPv6, or IPv4 mapped into it */
	int fd;
	unsigned status; /* of the answer */
	enum phase phase;
	bool is_suspended; /* locked */
	bool is_cut;       /* its socket is shut down; locked */
	int64_t since, until, reply_ms;
	size_t received; /* of the body, or while lingering */
};

struct pair {
	const char *name, *value;
};

struct request {
	struct core *core;
	struct conn *conn; /* NULL: taken back, the answer goes nowhere; locked */
	void *user;
	const char *method;
	const char *target;    /* as it came; NULL: too long */
	const char *target_at; /* where the library has it */
	char *path;
	struct pair *query;
	size_t n_query, cap_query;
	struct header *headers;
	size_t n_headers, cap_headers;
	char peer[48];
	uint16_t local_port;
	bool is_tls, is_head, is_1_0;
	bool is_admitted, is_called; /* is_called: the caller has it */
	bool is_chunked, expects_continue, is_multipart;
	uint64_t length; /* announced */
	char *body;
	size_t len, cap, max;
	struct part *parts;
	size_t n_parts;
};

struct stream {
	struct core *core;
	struct conn *conn; /* NULL: over; locked, like the rest */
	char *data;
	size_t from, to, cap;
	unsigned refs;   /* the owner, the library's response, the connection */
	bool is_ended;   /* by its owner */
	bool is_closing; /* by the server: what is there goes out, then it is over */
	int64_t sent;    /* when something was last put in */
	int64_t moved;   /* when something last went out, or there was nothing */
	void (*gone)(struct stream *s, void *arg);
	void *arg;
};

typedef enum MHD_Result queue_fn(struct MHD_Connection *mhd, unsigned status,
				 struct MHD_Response *answer);

/* Outlives http_stop() until the last request and stream have ended. */
struct core {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a connection ended, or `run` changed */
	struct http_opts opts;  /* numbers alone; defaults filled in */
	struct http_calls calls;
	queue_fn *queue; /* the library's MHD_queue_response() */
	struct port ports[HTTP_PORTS_MAX];
	size_t n_ports;
	gnutls_datum_t ticket_key;
	pthread_t reaper;
	bool has_reaper;
	int64_t tick_ms;
	/* locked from here on */
	enum run run;
	bool reaper_ends;
	unsigned refs;
	struct cert *cert;
	struct conn *buckets[CONN_BUCKETS];
	struct http_stats stats;
	size_t body_bytes;
};

struct http {
	struct core *core;
};

int64_t now_ms(void);
void core_lock(struct core *core);
void core_unlock(struct core *core);
/* Drops a reference; the last one frees. The lock must not be held. */
void core_unref(struct core *core);
void cert_unref(struct core *core, struct cert *cert);

/* As IPv6, an IPv4 one mapped into it. */
void address_of(const struct sockaddr *addr, uint8_t ret[16]);
bool address_is_loopback(const uint8_t address[16]);

/* What the library calls. CLS is the port. */
enum MHD_Result conn_accept(void *cls, const struct sockaddr *addr, socklen_t len);
void conn_notify(void *cls, struct MHD_Connection *mhd, void **ret_conn,
		 enum MHD_ConnectionNotificationCode what);
void *conn_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result conn_handle(void *cls, struct MHD_Connection *mhd, const char *url,
			    const char *method, const char *version, const char *data, size_t *size,
			    void **con_cls);
void conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		    enum MHD_RequestTerminationCode why);
void *conn_reap(void *core_ptr);
struct conn *conn_of(struct MHD_Connection *mhd);
/* Locked: ends it from outside its loop. */
void conn_cut(struct conn *c);
/* Locked: lets its loop run again. */
void conn_resume(struct conn *c);
void conn_set_phase(struct conn *c, enum phase phase, int64_t ms);

struct request *request_new(struct conn *c, const char *uri);
void request_free(struct request *r);

/* Checks and takes apart the head. 0, or the status to refuse it with and why. */
unsigned head_read(struct request *r, struct MHD_Connection *mhd, const char *method,
		   const char *version, const char **ret_why);
/* Decodes %XX (and "+" where IS_FORM) in place; false: malformed, NUL or not UTF-8. */
bool head_decode(char *s, bool is_form);

/* As head_read(). */
unsigned body_begin(struct request *r, const struct admission *adm, const char **ret_why);
unsigned body_add(struct request *r, const char *data, size_t len, const char **ret_why);
unsigned body_end(struct request *r, const char **ret_why);

/*
 * Sends a refusal on the connection's own loop and ends the connection: at once, or after what
 * the client is still sending. Frees the request. The result is what the handler returns.
 */
enum MHD_Result refuse(struct conn *c, unsigned status, const char *why,
		       const struct admission *adm);
/* The library's own MHD_queue_response(), which ours stands before; NULL: not found. */
queue_fn *reply_queue_of_library(void);
/* Queues the answer that is there, or suspends until it is. */
enum MHD_Result reply_take(struct conn *c);
/* Locked: the heartbeat, and the cut of one that stalls. */
void stream_tick(struct stream *s, int64_t now);
/* Drops the connection's reference, and tells the owner. */
void stream_over(struct stream *s);

#endif
