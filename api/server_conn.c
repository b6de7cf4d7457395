#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/server_priv.h"

int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void address_of(const struct sockaddr *addr, uint8_t ret[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(ret, 0, 16);
	if (addr->sa_family == AF_INET) {
		memcpy(&v4, addr, sizeof(v4));
		memcpy(ret, mapped, sizeof(mapped));
		memcpy(ret + 12, &v4.sin_addr, 4);
	} else if (addr->sa_family == AF_INET6) {
		memcpy(&v6, addr, sizeof(v6));
		memcpy(ret, &v6.sin6_addr, 16);
	}
}

static bool is_v4(const uint8_t address[16])
{
	struct in6_addr a;

	memcpy(&a, address, 16);
	return IN6_IS_ADDR_V4MAPPED(&a);
}

bool address_is_loopback(const uint8_t address[16])
{
	struct in6_addr a;

	memcpy(&a, address, 16);
	return IN6_IS_ADDR_LOOPBACK(&a) || (is_v4(address) && address[12] == 127);
}

/* A subscriber of IPv6 has a /64 at least, so that is one address here. */
static size_t counted_bytes(const uint8_t address[16])
{
	return is_v4(address) ? 16 : 8;
}

static struct conn **bucket_of(struct core *core, const uint8_t address[16])
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < counted_bytes(address); i++)
		h = (h ^ address[i]) * 16777619U;
	return &core->buckets[(h ^ h >> 16) % CONN_BUCKETS];
}

static bool is_same_address(const struct conn *c, const uint8_t address[16])
{
	return is_v4(c->address) == is_v4(address) &&
	       memcmp(c->address, address, counted_bytes(address)) == 0;
}

/* Locked. */
static bool is_full(struct core *core, const uint8_t address[16])
{
	bool is_local = address_is_loopback(address);
	unsigned n = 0;

	if (core->stats.connections >=
	    core->opts.connections + (is_local ? (unsigned)LOOPBACK_RESERVE : 0))
		return true;
	if (is_local)
		return false;
	for (const struct conn *c = *bucket_of(core, address); c; c = c->next)
		n += is_same_address(c, address);
	return n >= core->opts.per_address;
}

enum MHD_Result conn_accept(void *cls, const struct sockaddr *addr, socklen_t len)
{
	struct core *core = ((struct port *)cls)->core;
	uint8_t address[16];
	bool may_enter;

	(void)len;
	address_of(addr, address);
	core_lock(core);
	may_enter = core->run == RUN_OPEN && !is_full(core, address);
	core->stats.refused += !may_enter;
	core_unlock(core);
	return may_enter ? MHD_YES : MHD_NO;
}

void conn_set_phase(struct conn *c, enum phase phase, int64_t ms)
{
	c->phase = phase;
	c->since = now_ms();
	c->until = c->since + ms;
}

void conn_cut(struct conn *c)
{
	if (c->is_cut)
		return;
	c->is_cut = true;
	(void)shutdown(c->fd, SHUT_RDWR);
	/* One that waits for its answer sleeps on: who answers wakes it. */
	if (c->stream)
		conn_resume(c);
}

void conn_resume(struct conn *c)
{
	if (!c->is_suspended)
		return;
	c->is_suspended = false;
	MHD_resume_connection(c->mhd);
}

/* Each connection has the certificate of the time when it began. */
static void start_tls(struct conn *c)
{
	struct core *core = c->core;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (!info)
		return;
	core_lock(core);
	c->cert = core->cert;
	c->cert->refs++;
	core_unlock(core);
	if (gnutls_credentials_set(info->tls_session, GNUTLS_CRD_CERTIFICATE, c->cert->cred) < 0 ||
	    gnutls_session_ticket_enable_server(info->tls_session, &core->ticket_key) < 0)
		(void)shutdown(c->fd, SHUT_RDWR);
}

static void conn_start(struct port *port, struct MHD_Connection *mhd, void **ret_conn)
{
	struct core *core = port->core;
	struct conn *c = mem_new(NULL, struct conn);
	struct conn **bucket;

	c->core = core;
	c->port = port;
	c->mhd = mhd;
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	address_of(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
		   c->address);
	if (port->is_tls)
		start_tls(c);
	bucket = bucket_of(core, c->address);
	core_lock(core);
	conn_set_phase(c, PHASE_HEAD, core->opts.head_ms);
	c->next = *bucket;
	c->link = bucket;
	if (c->next)
		c->next->link = &c->next;
	*bucket = c;
	core->stats.connections++;
	if (core->run != RUN_OPEN)
		conn_cut(c);
	core_unlock(core);
	*ret_conn = c;
}

/* The answer has gone out, or the connection is lost. */
static void let_go(struct conn *c)
{
	struct core *core = c->core;
	struct MHD_Response *answer;
	struct request *r;
	struct stream *s;

	core_lock(core);
	answer = TAKE(c->answer);
	r = TAKE(c->request);
	s = c->stream ? c->stream : c->answer_stream;
	core->stats.streams -= c->stream != NULL;
	c->stream = c->answer_stream = NULL;
	if (r && r->is_called) { /* the caller has it still */
		r->conn = NULL;
		r = NULL;
		core->stats.waiting--;
	}
	conn_set_phase(c, PHASE_IDLE, core->opts.idle_ms);
	c->received = 0;
	if (core->run != RUN_OPEN)
		conn_cut(c);
	core_unlock(core);
	if (r)
		request_free(r);
	if (answer)
		MHD_destroy_response(answer);
	if (s)
		stream_over(s);
}

/* Before the library closes the socket: afterwards its number may be another's. */
static void conn_end(struct conn *c)
{
	struct core *core = c->core;

	let_go(c); /* after some defects of a head the library does not say that a request ended */
	core_lock(core);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	core->stats.connections--;
	(void)pthread_cond_broadcast(&core->changed);
	core_unlock(core);
	if (c->cert)
		cert_unref(core, c->cert);
	(void)talloc_free(c);
}

void conn_notify(void *cls, struct MHD_Connection *mhd, void **ret_conn,
		 enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		conn_start(cls, mhd, ret_conn);
	else if (*ret_conn)
		conn_end(TAKE(*ret_conn));
}

struct conn *conn_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

struct request *request_new(struct conn *c, const char *uri)
{
	struct request *r = mem_new(NULL, struct request);
	size_t len = strnlen(uri, HTTP_URL_MAX + 1);

	r->core = c->core;
	r->conn = c;
	r->target_at = uri;
	if (len <= HTTP_URL_MAX)
		r->target = mem_strn(r, uri, len);
	r->local_port = c->port->port;
	r->is_tls = c->port->is_tls;
	if (is_v4(c->address))
		(void)inet_ntop(AF_INET, c->address + 12, r->peer, sizeof(r->peer));
	else
		(void)inet_ntop(AF_INET6, c->address, r->peer, sizeof(r->peer));
	return r;
}

void request_free(struct request *r)
{
	struct core *core = r->core;

	core_lock(core);
	core->body_bytes -= r->cap;
	core_unlock(core);
	(void)talloc_free(r);
	core_unref(core);
}

/* The request line is there. */
void *conn_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct core *core = ((struct port *)cls)->core;
	struct conn *c = conn_of(mhd);
	struct request *r = request_new(c, uri);

	core_lock(core);
	core->refs++;
	c->request = r;
	if (c->phase == PHASE_IDLE)
		conn_set_phase(c, PHASE_HEAD, core->opts.head_ms);
	core_unlock(core);
	return NULL;
}

static enum MHD_Result admit(struct conn *c, const char *method, const char *version)
{
	struct core *core = c->core;
	struct request *r = c->request;
	struct admission adm = { .body_max = 0 };
	const char *why = NULL;
	unsigned status = head_read(r, c->mhd, method, version, &why);
	bool is_open;

	if (status)
		return refuse(c, status, why, NULL);
	core_lock(core);
	is_open = core->run == RUN_OPEN;
	if (r->length || r->is_chunked)
		conn_set_phase(c, PHASE_BODY, 0);
	core_unlock(core);
	if (!is_open)
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "The server is being stopped.",
			      NULL);
	core->calls.admit(r, &adm, core->calls.arg);
	if (adm.status)
		return refuse(c, adm.status, "Refused.", &adm);
	status = body_begin(r, &adm, &why);
	if (status)
		return refuse(c, status, why, NULL);
	r->is_admitted = true;
	return MHD_YES;
}

static enum MHD_Result take_body(struct conn *c, const char *data, size_t *size)
{
	const char *why = NULL;
	unsigned status;

	core_lock(c->core);
	c->received += *size;
	core_unlock(c->core);
	status = body_add(c->request, data, *size, &why);
	*size = 0;
	return status ? refuse(c, status, why, NULL) : MHD_YES;
}

static enum MHD_Result throw_away(struct conn *c, size_t *size)
{
	bool goes_on;

	core_lock(c->core);
	goes_on = *size > 0 && c->received < LINGER_MAX;
	c->received += *size;
	core_unlock(c->core);
	*size = 0;
	return goes_on ? MHD_YES : MHD_NO;
}

static enum MHD_Result call(struct conn *c)
{
	struct core *core = c->core;
	struct request *r = c->request;
	const char *why = NULL;
	unsigned status;

	core_lock(core);
	conn_set_phase(c, PHASE_CALLED, 0);
	core_unlock(core);
	status = body_end(r, &why);
	if (status)
		return refuse(c, status, why, NULL);
	core_lock(core);
	r->is_called = true;
	core->stats.requests++;
	core->stats.waiting++;
	core_unlock(core);
	core->calls.request(r, core->calls.arg); /* it may have ended R */
	return reply_take(c);
}

/* First when the head is there, then with each piece of body, at last when all is there or resumed. */
/* NOLINTNEXTLINE(readability-function-size): the library's parameters */
enum MHD_Result conn_handle(void *cls, struct MHD_Connection *mhd, const char *url,
			    const char *method, const char *version, const char *data, size_t *size,
			    void **con_cls)
{
	struct conn *c = conn_of(mhd);

	(void)cls;
	(void)url;
	(void)con_cls;
	if (c->phase == PHASE_CALLED)
		return reply_take(c);
	if (c->phase == PHASE_LINGER)
		return throw_away(c, size);
	if (!c->request)
		return MHD_NO;
	if (!c->request->is_admitted)
		return admit(c, method, version);
	return *size ? take_body(c, data, size) : call(c);
}

void conn_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
		    enum MHD_RequestTerminationCode why)
{
	(void)cls;
	(void)con_cls;
	(void)why;
	let_go(conn_of(mhd));
}

/* Locked. A socket whose client has closed; the library does not watch sleeping ones. */
static bool is_hung_up(const struct conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* Measured anew every head_ms, so that a fast beginning buys no slow end. */
static bool is_slow_body(struct conn *c, int64_t now)
{
	const struct http_opts *o = &c->core->opts;
	int64_t ms = now - c->since;
	bool is_slow;

	if (ms <= o->head_ms)
		return false;
	is_slow = (double)c->received * 1000 < (double)o->body_rate * (double)ms;
	c->since = now;
	c->received = 0;
	return is_slow;
}

static bool is_slow(struct conn *c, int64_t now)
{
	switch (c->phase) {
	case PHASE_HEAD:
	case PHASE_IDLE:
	case PHASE_REPLY:
	case PHASE_LINGER: return now > c->until;
	case PHASE_BODY: return is_slow_body(c, now);
	case PHASE_CALLED:
	case PHASE_STREAM: break;
	}
	return false;
}

static void reap_one(struct conn *c, int64_t now)
{
	if (c->is_cut)
		return;
	if (is_slow(c, now)) {
		c->core->stats.reaped += c->phase != PHASE_IDLE && c->phase != PHASE_LINGER;
		conn_cut(c);
	}
	if (c->stream && c->is_suspended && is_hung_up(c))
		conn_cut(c);
	if (c->stream && !c->is_cut)
		stream_tick(c->stream, now);
}

void *conn_reap(void *core_ptr)
{
	struct core *core = core_ptr;

	core_lock(core);
	while (!core->reaper_ends) {
		int64_t now = now_ms();
		int64_t next = now + core->tick_ms;
		struct timespec t = { .tv_sec = next / 1000, .tv_nsec = next % 1000 * 1000000 };

		for (size_t i = 0; i < CONN_BUCKETS; i++)
			for (struct conn *c = core->buckets[i]; c; c = c->next)
				reap_one(c, now);
		while (!core->reaper_ends &&
		       pthread_cond_timedwait(&core->changed, &core->lock, &t) == 0)
			;
	}
	core_unlock(core);
	return NULL;
}
