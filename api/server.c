#include "api/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/server_priv.h"
#include "base/fs.h"

/* Ciphers with authentication built in, keys agreed anew for each connection, nothing older. */
static const char priorities[] =
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"
	"-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:"
	"%SERVER_PRECEDENCE:%SAFE_RENEGOTIATION";

enum {
	FDS_OF_OTHERS = 128, /* descriptors that connections leave to the rest of the program */
	LAST_WORDS_MS = 500, /* for the 503 after the deadline */
};

void core_lock(struct core *core)
{
	(void)pthread_mutex_lock(&core->lock);
}

void core_unlock(struct core *core)
{
	(void)pthread_mutex_unlock(&core->lock);
}

void core_unref(struct core *core)
{
	bool is_last;

	core_lock(core);
	is_last = --core->refs == 0;
	core_unlock(core);
	if (!is_last)
		return;
	(void)pthread_cond_destroy(&core->changed);
	(void)pthread_mutex_destroy(&core->lock);
	(void)talloc_free(core);
}

/* Certificates */

void cert_unref(struct core *core, struct cert *cert)
{
	bool is_last;

	core_lock(core);
	is_last = --cert->refs == 0;
	core_unlock(core);
	if (!is_last)
		return;
	gnutls_certificate_free_credentials(cert->cred);
	(void)talloc_free(cert);
}

static int cert_new(const char *cert_pem, const char *key_pem, struct cert **ret, struct err *err)
{
	gnutls_datum_t cert = { .data = (unsigned char *)cert_pem };
	gnutls_datum_t key = { .data = (unsigned char *)key_pem };
	gnutls_certificate_credentials_t cred;
	int r;

	if (!cert_pem || !key_pem)
		return err_set(err, ERR_INVALID, "a TLS port needs a certificate and its key");
	cert.size = (unsigned)strlen(cert_pem);
	key.size = (unsigned)strlen(key_pem);
	if (gnutls_certificate_allocate_credentials(&cred) < 0)
		mem_abort();
	r = gnutls_certificate_set_x509_key_mem(cred, &cert, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0) {
		gnutls_certificate_free_credentials(cred);
		return err_set(err, ERR_INVALID, "the certificate and its key cannot be used: %s",
			       gnutls_strerror(r));
	}
	*ret = mem_new(NULL, struct cert);
	**ret = (struct cert){ .cred = cred, .refs = 1 };
	return 0;
}

int http_certificate(struct http *s, const char *cert_pem, const char *key_pem, struct err *err)
{
	struct core *core = s->core;
	struct cert *cert = NULL;
	struct cert *old;
	int r = cert_new(cert_pem, key_pem, &cert, err);

	if (r < 0)
		return r;
	core_lock(core);
	old = core->cert;
	core->cert = cert;
	core_unlock(core);
	if (old)
		cert_unref(core, old);
	return 0;
}

/* Listening sockets */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int check_plain(const struct http_port *p, const union address *a, struct err *err)
{
	uint8_t address[16];

	address_of(&a->any, address);
	if (p->is_tls || address_is_loopback(address))
		return 0;
	return err_set(err, ERR_DENIED,
		       "port %u is without TLS and would be open to others than this machine; "
		       "its address must be 127.0.0.1 or ::1",
		       p->port);
}

static int parse_address(const struct http_port *p, union address *ret, struct err *err)
{
	const char *text = p->address ? p->address : "::";

	*ret = (union address){ .v6.sin6_port = 0 };
	if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(p->port);
	} else if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(p->port);
	} else {
		return err_set(err, ERR_INVALID, "port %u: \"%s\" is not an IP address", p->port,
			       text);
	}
	return check_plain(p, ret, err);
}

/* -1 with errno, like the next one. */
static int set_up(int fd, const union address *a)
{
	bool is_v6 = a->any.sa_family == AF_INET6;
	const int on = 1;
	const int off = 0;

	if (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    bind(fd, &a->any, is_v6 ? sizeof(a->v6) : sizeof(a->v4)) < 0)
		return -1;
	return listen(fd, LISTEN_BACKLOG);
}

static int listen_on(const union address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && set_up(fd, a) < 0)
		fd_close(&fd);
	return fd;
}

static int open_socket(const struct http_port *p, struct err *err)
{
	union address a;
	int r = parse_address(p, &a, err);
	int fd;

	if (r < 0)
		return r;
	fd = listen_on(&a);
	if (fd < 0 && !p->address && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		a = (union address){ .v4.sin_port = htons(p->port) };
		a.v4.sin_family = AF_INET;
		fd = listen_on(&a);
	}
	return fd < 0 ? err_sys(err, "listen on %s port %u",
				p->address ? p->address : "::", p->port)
		      : fd;
}

static int adopt_socket(const struct http_port *p, struct err *err)
{
	union address a = { .v6.sin6_port = 0 };
	socklen_t len = sizeof(a);
	int listens = 0;
	socklen_t size = sizeof(listens);
	const int on = 1;

	if (getsockopt(p->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens ||
	    getsockname(p->fd, &a.any, &len) < 0 ||
	    (a.any.sa_family != AF_INET && a.any.sa_family != AF_INET6))
		return err_set(err, ERR_INVALID,
			       "descriptor %d that was passed in is not a listening TCP socket",
			       p->fd);
	(void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return check_plain(p, &a, err);
}

static int bind_port(struct port *port, const struct http_port *p, struct err *err)
{
	union address a = { .v6.sin6_port = 0 };
	socklen_t len = sizeof(a);
	int flags;
	int fd = p->fd >= 0 ? adopt_socket(p, err) : open_socket(p, err);

	if (fd < 0)
		return fd;
	port->fd = p->fd >= 0 ? p->fd : fd;
	port->is_passed = p->fd >= 0;
	port->is_tls = p->is_tls;
	flags = fcntl(port->fd, F_GETFL);
	if (flags < 0 || fcntl(port->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    getsockname(port->fd, &a.any, &len) < 0)
		return err_sys(err, "port %u", p->port);
	port->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	return 0;
}

/* Starting */

/* The library's own decoding would destroy what head_read() must see. */
static size_t leave_as_is(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

static void say_nothing(void *cls, const char *format, va_list args)
{
	(void)cls;
	(void)format;
	(void)args;
}

static int start_daemon(struct port *port, const struct http_opts *opts, struct err *err)
{
	struct core *core = port->core;
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	/* Limits are counted over all ports by conn_accept(); the library's must never be hit. */
	unsigned limit = (core->opts.connections + LOOPBACK_RESERVE + 16) * core->opts.threads;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)opts->cert_pem },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)opts->key_pem },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)priorities },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem pool[] = {
		{ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)core->opts.threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (port->is_tls)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	if (core->opts.threads < 2)
		pool[0].option = MHD_OPTION_END;
	port->daemon = MHD_start_daemon(
		flags, 0, conn_accept, port, conn_handle, port, MHD_OPTION_EXTERNAL_LOGGER,
		say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, port->fd, MHD_OPTION_CONNECTION_LIMIT,
		limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_NOTIFY_CONNECTION, conn_notify, port,
		MHD_OPTION_NOTIFY_COMPLETED, conn_completed, port, MHD_OPTION_URI_LOG_CALLBACK,
		conn_target, port, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_is, NULL,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	if (!port->daemon)
		return err_set(err, ERR_SYSTEM, "the server for port %u cannot be started",
			       port->port);
	return 0;
}

static void set_default(int64_t *value, int64_t dflt)
{
	if (*value <= 0)
		*value = dflt;
}

static struct http_opts with_defaults(const struct http_opts *from)
{
	struct http_opts o = *from;
	struct rlimit fds;

	o.cert_pem = o.key_pem = NULL;
	o.threads = o.threads ? MIN(o.threads, 64U) : 2;
	o.connections = o.connections ? MIN(o.connections, 100000U) : 8192;
	/* Without descriptors the library spins on accept(). */
	if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur != RLIM_INFINITY) {
		rlim_t others = FDS_OF_OTHERS + LOOPBACK_RESERVE;

		if (o.connections + others > fds.rlim_cur)
			o.connections = (unsigned)(fds.rlim_cur > others * 2 ? fds.rlim_cur - others
									     : fds.rlim_cur / 2);
	}
	o.per_address = o.per_address ? o.per_address : 256;
	set_default(&o.head_ms, 10000);
	set_default(&o.idle_ms, 30000);
	set_default(&o.heartbeat_ms, 15000);
	o.body_rate = o.body_rate ? o.body_rate : 1024;
	o.bodies_max = o.bodies_max ? o.bodies_max : (size_t)256 << 20;
	o.stream_max = o.stream_max ? o.stream_max : (size_t)256 << 10;
	return o;
}

static struct core *core_new(const struct http_opts *opts, const struct http_calls *calls)
{
	struct core *core = mem_new(NULL, struct core);
	pthread_condattr_t attr;

	core->opts = with_defaults(opts);
	core->calls = *calls;
	core->queue = reply_queue_of_library();
	core->refs = 1;
	core->tick_ms = MIN(MIN(core->opts.head_ms, core->opts.idle_ms), core->opts.heartbeat_ms);
	core->tick_ms = MAX(MIN(core->tick_ms / 4, (int64_t)1000), (int64_t)10);
	if (pthread_mutex_init(&core->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0 ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&core->changed, &attr) != 0 || !core->queue)
		mem_abort();
	(void)pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < HTTP_PORTS_MAX; i++)
		core->ports[i] = (struct port){ .core = core, .fd = -1 };
	return core;
}

/* All sockets first, so that a port that is taken stops the start before anybody was served. */
static int start_all(struct core *core, const struct http_opts *opts, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < opts->n_ports && r >= 0; i++) {
		if (opts->ports[i].is_tls && !core->cert)
			r = cert_new(opts->cert_pem, opts->key_pem, &core->cert, err);
		if (r >= 0)
			r = bind_port(&core->ports[i], &opts->ports[i], err);
		core->n_ports += r >= 0;
	}
	if (r < 0)
		return r;
	if (gnutls_session_ticket_key_generate(&core->ticket_key) < 0)
		mem_abort();
	if (pthread_create(&core->reaper, NULL, conn_reap, core) != 0)
		return err_set(err, ERR_SYSTEM, "no thread can be made");
	core->has_reaper = true;
	for (size_t i = 0; i < core->n_ports && r >= 0; i++)
		r = start_daemon(&core->ports[i], opts, err);
	return r;
}

static void stop_all(struct core *core, int64_t deadline_ms);

static int stop_destroyed(struct http *s)
{
	stop_all(s->core, 0);
	return 0;
}

int http_start(const void *ctx, const struct http_opts *opts, const struct http_calls *calls,
	       struct http **ret, struct err *err)
{
	struct core *core;
	sigset_t all;
	sigset_t before;
	int r;

	if (!opts->n_ports || opts->n_ports > HTTP_PORTS_MAX)
		return err_set(err, ERR_INVALID, "%zu ports: 1 to %d are allowed", opts->n_ports,
			       HTTP_PORTS_MAX);
	core = core_new(opts, calls);
	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start_all(core, opts, err);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		stop_all(core, 0);
		return r;
	}
	*ret = mem_new(ctx, struct http);
	(*ret)->core = core;
	talloc_set_destructor(*ret, stop_destroyed);
	return 0;
}

uint16_t http_port_of(const struct http *s, size_t i)
{
	return i < s->core->n_ports ? s->core->ports[i].port : 0;
}

void http_stats(struct http *s, struct http_stats *ret)
{
	core_lock(s->core);
	*ret = s->core->stats;
	core_unlock(s->core);
}

/* Stopping */

static void quiesce(struct core *core)
{
	for (size_t i = 0; i < core->n_ports; i++) {
		struct port *p = &core->ports[i];

		if (!p->daemon)
			continue;
		(void)MHD_quiesce_daemon(p->daemon);
		/* So that nobody waits in its queue. A socket of others goes on listening for them. */
		if (!p->is_passed)
			(void)shutdown(p->fd, SHUT_RDWR);
	}
}

/* Locked. */
static void each_conn(struct core *core, void (*fn)(struct conn *c))
{
	for (size_t i = 0; i < CONN_BUCKETS; i++)
		for (struct conn *c = core->buckets[i]; c; c = c->next)
			fn(c);
}

static void close_idle(struct conn *c)
{
	if (c->stream) {
		c->stream->is_closing = true;
		conn_resume(c);
	} else if (c->answer_stream) {
		c->answer_stream->is_closing = true;
	} else if (c->phase == PHASE_IDLE || (c->phase == PHASE_HEAD && !c->request)) {
		conn_cut(c);
	}
}

/* The loop then finds no answer, and says so. */
static void wake(struct conn *c)
{
	if (c->stream || (c->phase != PHASE_CALLED && c->phase != PHASE_LINGER))
		conn_cut(c);
	conn_resume(c);
}

/* Locked. Until the last connection has ended, or the deadline. */
static void wait_for_conns(struct core *core, int64_t ms)
{
	int64_t end = now_ms() + ms;
	struct timespec t = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };

	while (core->stats.connections)
		if (pthread_cond_timedwait(&core->changed, &core->lock, &t) != 0)
			return;
}

static void end_conns(struct core *core, int64_t deadline_ms)
{
	core_lock(core);
	core->run = RUN_CLOSING;
	each_conn(core, close_idle);
	wait_for_conns(core, deadline_ms);
	core->run = RUN_ENDING;
	each_conn(core, wake);
	wait_for_conns(core, LAST_WORDS_MS);
	core->reaper_ends = true;
	(void)pthread_cond_broadcast(&core->changed);
	core_unlock(core);
}

/* From here on no connection is suspended, and none can be: only so the library can be stopped. */
static void stop_all(struct core *core, int64_t deadline_ms)
{
	quiesce(core);
	end_conns(core, deadline_ms);
	if (core->has_reaper)
		(void)pthread_join(core->reaper, NULL);
	for (size_t i = 0; i < HTTP_PORTS_MAX; i++) {
		if (core->ports[i].daemon)
			MHD_stop_daemon(core->ports[i].daemon);
		core->ports[i].daemon = NULL;
		fd_close(&core->ports[i].fd);
	}
	if (core->cert)
		cert_unref(core, TAKE(core->cert));
	gnutls_free(core->ticket_key.data);
	core_unref(core);
}

void http_stop(struct http **s, int64_t deadline_ms)
{
	struct core *core;

	if (!*s)
		return;
	core = (*s)->core;
	talloc_set_destructor(*s, NULL);
	(void)talloc_free(TAKE(*s));
	stop_all(core, MAX(deadline_ms, (int64_t)0));
}
