#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/server_priv.h"
#include "base/buf.h"

/* A reader of a stream that takes nothing for so many heartbeats is as good as gone. */
enum {
	STALLED_HEARTBEATS = 4,
	STREAM_BLOCK = 128, /* for HTTP/1.0 alone: chunks are made in the connection's own memory */
	STREAM_KEEP = 512,  /* of a buffer that is empty: thousands of streams wait */
};

static const char *refusal_body(struct core *core, const void *ctx, unsigned status,
				const char *why)
{
	const char *body = NULL;

	if (core->calls.refusal)
		body = core->calls.refusal(ctx, status, why, core->calls.arg);
	return body ? body : "";
}

static void put_refusal(struct buf *b, unsigned status, const char *body,
			const struct header *headers, bool is_head)
{
	time_t now = time(NULL);
	struct tm tm;
	char date[64] = "";

	if (gmtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_printf(b, "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n", status,
		   MHD_get_reason_phrase_for(status), date);
	buf_printf(b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	for (; headers && headers->name; headers++)
		if (!strpbrk(headers->name, "\r\n: ") && !strpbrk(headers->value, "\r\n"))
			buf_printf(b, "%s: %s\r\n", headers->name, headers->value);
	buf_puts(b, "\r\n");
	if (!is_head)
		buf_puts(b, body);
}

/* What does not fit into the socket at once is lost: the client does not read. */
static void send_now(struct conn *c, const struct buf *b)
{
	const union MHD_ConnectionInfo *info;

	if (!c->port->is_tls) {
		(void)!send(c->fd, b->data, b->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)shutdown(c->fd, SHUT_WR);
		return;
	}
	info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (!info)
		return;
	(void)gnutls_record_send(info->tls_session, b->data, b->len);
	(void)gnutls_bye(info->tls_session, GNUTLS_SHUT_WR);
}

/*
 * The library can only answer before the body or after all of it, and closes at once, so that
 * what the client still sends makes a reset that may overtake the answer. Here the loop's thread
 * is between two of its calls and nothing of an answer has gone out: it is written directly.
 */
enum MHD_Result refuse(struct conn *c, unsigned status, const char *why,
		       const struct admission *adm)
{
	struct core *core = c->core;
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "refusal");
	struct request *r = c->request;
	struct buf b = BUF_ON(ctx);
	bool is_coming = r && c->phase == PHASE_BODY && (r->is_admitted || !r->expects_continue);

	put_refusal(&b, status, adm && adm->body ? adm->body : refusal_body(core, ctx, status, why),
		    adm ? adm->headers : NULL, r && r->is_head);
	send_now(c, &b);
	core_lock(core);
	core->stats.refused++;
	c->request = NULL;
	c->received = 0;
	conn_set_phase(c, PHASE_LINGER, LINGER_MS);
	core_unlock(core);
	if (r)
		request_free(r);
	return is_coming ? MHD_YES : MHD_NO;
}

/* The caller lost its request to the stop. */
static enum MHD_Result refuse_unanswered(struct conn *c)
{
	if (c->request) {
		c->request->conn = NULL;
		c->request = NULL;
		c->core->stats.waiting--;
	}
	core_unlock(c->core);
	return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "The server is being stopped.", NULL);
}

enum MHD_Result reply_take(struct conn *c)
{
	struct core *core = c->core;
	struct MHD_Response *answer;
	enum MHD_Result res;
	bool is_last;

	core_lock(core);
	answer = TAKE(c->answer);
	if (!answer) {
		if (core->run == RUN_ENDING)
			return refuse_unanswered(c);
		MHD_suspend_connection(c->mhd);
		c->is_suspended = true;
		core_unlock(core);
		return MHD_YES;
	}
	is_last = core->run != RUN_OPEN;
	if (c->answer_stream) {
		c->stream = TAKE(c->answer_stream);
		core->stats.streams++;
		conn_set_phase(c, PHASE_STREAM, 0);
	} else {
		conn_set_phase(c, PHASE_REPLY, c->reply_ms);
	}
	core_unlock(core);
	if (is_last)
		(void)MHD_add_response_header(answer, MHD_HTTP_HEADER_CONNECTION, "close");
	res = core->queue(c->mhd, c->status, answer);
	MHD_destroy_response(answer);
	return res;
}

static bool add_headers(struct MHD_Response *answer, const char *type, const struct header *headers)
{
	size_t n = 0;

	if (type && MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES)
		return false;
	for (; headers && headers->name; headers++)
		if (n++ == HTTP_HEADERS_MAX ||
		    MHD_add_response_header(answer, headers->name, headers->value) != MHD_YES)
			return false;
	return true;
}

static void free_body(void *body)
{
	(void)talloc_free(body);
}

/* An answer of the server's own, to be queued like a caller's. */
static struct MHD_Response *failure(struct core *core)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "failure");
	const char *body = refusal_body(core, ctx, MHD_HTTP_INTERNAL_SERVER_ERROR,
					"The answer could not be made.");
	struct MHD_Response *answer =
		MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);

	if (!answer)
		mem_abort();
	(void)add_headers(answer, "application/json", NULL);
	return answer;
}

queue_fn *reply_queue_of_library(void)
{
	union {
		void *object;
		queue_fn *function;
	} found = { .object = dlsym(RTLD_NEXT, "MHD_queue_response") };

	return found.function;
}

static const char *why_unread(unsigned status)
{
	switch (status) {
	case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED: return "HTTP/1.0 and HTTP/1.1 are spoken here.";
	case MHD_HTTP_URI_TOO_LONG:
	case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE: return "The request's head is too large.";
	case MHD_HTTP_CONTENT_TOO_LARGE: return "The body or one of its chunks is too large.";
	case MHD_HTTP_BAD_REQUEST: return "The request is not HTTP as RFC 9112 has it.";
	default: return "The request cannot be read.";
	}
}

/* So that closing makes no reset, which might overtake the answer. */
static void drain(const struct conn *c)
{
	char piece[4096];

	for (size_t n = 0; n < LINGER_MAX; n += sizeof(piece))
		if (recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT) <= 0)
			return;
}

/*
 * In the library's place: it finds this function before its own, as ELF has it, and we call its
 * own by core->queue. So only its own answers come here, to what it cannot read at all: pages of
 * HTML, and after a bad Content-Length their head twice. Out goes a refusal as all others are.
 * The page is queued all the same, for the library reads on in what it would free otherwise, but
 * the way out is closed: it notices, and ends the connection. That all this is so is tested.
 */
enum MHD_Result MHD_queue_response(struct MHD_Connection *mhd, unsigned status,
				   struct MHD_Response *page)
{
	struct conn *c = conn_of(mhd);

	if (c->phase == PHASE_HEAD || c->phase == PHASE_IDLE || c->phase == PHASE_BODY)
		(void)refuse(c, status, why_unread(status), NULL);
	(void)shutdown(c->fd, SHUT_WR);
	drain(c);
	return c->core->queue(mhd, status, page);
}

/* Hands the answer to the request's connection, if there is still one, and ends the request. */
static void settle(struct request *r, unsigned status, struct MHD_Response *answer, size_t len,
		   struct stream *s)
{
	struct core *core = r->core;
	struct conn *c;

	core_lock(core);
	c = r->conn;
	if (c) {
		core->stats.waiting--;
		c->request = NULL;
		c->status = status;
		c->answer = answer;
		c->answer_stream = s;
		c->reply_ms = core->opts.head_ms + (int64_t)(len / core->opts.body_rate) * 1000;
		if (s) {
			s->conn = c;
			s->refs++;
		}
		conn_resume(c);
	}
	core_unlock(core);
	if (!c)
		MHD_destroy_response(answer);
	request_free(r);
}

/* A header that would split the answer, or a status that is none, is the caller's defect: 500. */
static void reply(struct request *r, unsigned status, const char *type, struct MHD_Response *answer,
		  size_t len, const struct header *headers)
{
	if (!answer)
		mem_abort();
	if (status < 200 || status > 599 || !add_headers(answer, type, headers)) {
		MHD_destroy_response(answer);
		answer = failure(r->core);
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	settle(r, status, answer, len, NULL);
}

void request_reply(struct request *r, unsigned status, const char *type, const char *body,
		   size_t len, const struct header *headers)
{
	struct MHD_Response *answer =
		MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY);

	reply(r, status, type, answer, len, headers);
}

void request_reply_take(struct request *r, unsigned status, const char *type, char *body,
			size_t len, const struct header *headers)
{
	mem_steal(NULL, body);
	reply(r, status, type,
	      MHD_create_response_from_buffer_with_free_callback_cls(len, body, free_body, body),
	      len, headers);
}

/* Streams */

static void stream_unref(struct stream *s)
{
	struct core *core = s->core;
	bool is_last;

	core_lock(core);
	is_last = --s->refs == 0;
	core_unlock(core);
	if (!is_last)
		return;
	(void)talloc_free(s);
	core_unref(core);
}

static void stream_free_cb(void *stream_ptr)
{
	stream_unref(stream_ptr);
}

/* Locked. */
static void stream_put(struct stream *s, const char *data, size_t len)
{
	s->sent = now_ms();
	if (s->from == s->to)
		s->moved = s->sent;
	if (s->from) {
		memmove(s->data, s->data + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	if (s->to + len > s->cap) {
		s->cap = MAX(s->cap * 2, s->to + len);
		s->data = talloc_realloc_size(s, s->data, s->cap);
		if (!s->data)
			mem_abort();
	}
	memcpy(s->data + s->to, data, len);
	s->to += len;
}

/* What the loop sends next; with nothing there the connection sleeps until something is put in. */
static ssize_t stream_read(void *stream_ptr, uint64_t pos, char *to, size_t max)
{
	struct stream *s = stream_ptr;
	struct core *core = s->core;
	ssize_t n;

	(void)pos;
	core_lock(core);
	n = (ssize_t)MIN(s->to - s->from, max);
	if (!s->conn || s->conn->is_cut) {
		n = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (n) {
		memcpy(to, s->data + s->from, (size_t)n);
		s->from += (size_t)n;
		s->moved = now_ms();
	} else if (s->is_ended || s->is_closing || core->run == RUN_ENDING) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		s->from = s->to = 0;
		if (s->cap > STREAM_KEEP) {
			(void)talloc_free(TAKE(s->data));
			s->cap = 0;
		}
		MHD_suspend_connection(s->conn->mhd);
		s->conn->is_suspended = true;
	}
	core_unlock(core);
	return n;
}

struct stream *request_stream(struct request *r, const struct header *headers,
			      void (*gone)(struct stream *s, void *arg), void *arg)
{
	struct core *core = r->core;
	struct stream *s = mem_new(NULL, struct stream);
	struct MHD_Response *answer;

	*s = (struct stream){ .core = core, .refs = 2, .gone = gone, .arg = arg };
	core_lock(core);
	core->refs++;
	/* The library sends the head together with the first of the body, so there must be one. */
	stream_put(s, ":\n\n", 3);
	core_unlock(core);
	/* After a head alone the library would still send the last chunk: that one gets no stream. */
	answer = r->is_head ? MHD_create_response_from_buffer_with_free_callback_cls(
				      0, (void *)"", stream_free_cb, s)
			    : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
								stream_read, s, stream_free_cb);
	if (!answer)
		mem_abort();
	if (add_headers(answer, "text/event-stream", headers)) {
		settle(r, MHD_HTTP_OK, answer, 0, r->is_head ? NULL : s);
		return s;
	}
	MHD_destroy_response(answer);
	settle(r, MHD_HTTP_INTERNAL_SERVER_ERROR, failure(core), 0, NULL);
	return s;
}

bool stream_send(struct stream *s, const char *data, size_t len)
{
	struct core *core = s->core;
	bool is_alive;

	core_lock(core);
	is_alive = s->conn && !s->conn->is_cut && !s->is_ended && !s->is_closing;
	if (is_alive && s->to - s->from + len > core->opts.stream_max) {
		conn_cut(s->conn);
		core->stats.reaped++;
		is_alive = false;
	}
	if (is_alive) {
		stream_put(s, data, len);
		conn_resume(s->conn);
	}
	core_unlock(core);
	return is_alive;
}

void stream_end(struct stream *s)
{
	bool is_first;

	core_lock(s->core);
	is_first = !s->is_ended;
	s->is_ended = true;
	if (s->conn)
		conn_resume(s->conn);
	core_unlock(s->core);
	if (is_first)
		stream_unref(s);
}

ssize_t stream_lag(struct stream *s)
{
	ssize_t n;

	core_lock(s->core);
	n = s->conn && !s->conn->is_cut && !s->is_ended && !s->is_closing
		    ? (ssize_t)(s->to - s->from)
		    : -1;
	core_unlock(s->core);
	return n;
}

void stream_tick(struct stream *s, int64_t now)
{
	int64_t heartbeat = s->core->opts.heartbeat_ms;

	if (s->from != s->to) {
		if (now - s->moved > heartbeat * STALLED_HEARTBEATS) {
			conn_cut(s->conn);
			s->core->stats.reaped++;
		}
	} else if (now - s->sent >= heartbeat) {
		stream_put(s, ":\n\n", 3);
		conn_resume(s->conn);
	}
}

void stream_over(struct stream *s)
{
	struct core *core = s->core;
	bool tells;

	core_lock(core);
	s->conn = NULL;
	tells = s->gone && !s->is_ended;
	core_unlock(core);
	if (tells)
		s->gone(s, s->arg);
	stream_unref(s);
}
