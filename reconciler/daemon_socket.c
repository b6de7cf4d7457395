#include "reconciler/daemon_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"

struct conn {
	struct server *server;
	struct conn *next;
	int fd;
	sd_event_source *io, *timer;
	char *in; /* there while a line is incomplete */
	size_t in_len, in_cap;
	struct buf out;
	size_t out_sent;
	uint64_t heard; /* when something last moved, microseconds */
	void *held;
	bool is_eof, is_closing, is_dead, is_busy;
	bool is_root, follows;
};

struct server {
	sd_event *event;
	int fd;
	sd_event_source *io;
	struct server_calls calls;
	struct socket_peer peer;
	struct conn *conns;
	size_t n, n_peer; /* all; those of the peer */
	size_t n_long;    /* that have room for a long line */
	size_t n_follow;
};

static uint64_t now_us(const struct server *s)
{
	uint64_t now = 0;

	return sd_event_now(s->event, CLOCK_MONOTONIC, &now) < 0 ? 0 : now;
}

static bool is_long(size_t cap)
{
	return cap > SOCKET_LINE_MAX + 1;
}

/* A buffer of CAP bytes instead of the one that is there, which is the caller's. */
static void set_room(struct conn *c, size_t cap)
{
	c->server->n_long += is_long(cap);
	c->server->n_long -= is_long(c->in_cap);
	c->in = cap ? mem_zero(c, cap) : NULL;
	c->in_cap = cap;
	c->in_len = 0;
}

static int conn_free(struct conn *c)
{
	for (struct conn **p = &c->server->conns; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			c->server->n--;
			c->server->n_peer -= !c->is_root;
			c->server->n_follow -= c->follows;
			c->server->n_long -= is_long(c->in_cap);
			break;
		}
	}
	c->io = sd_event_source_disable_unref(c->io);
	c->timer = sd_event_source_disable_unref(c->timer);
	fd_close(&c->fd);
	return 0;
}

static bool has_output(const struct conn *c)
{
	return c->out_sent < c->out.len;
}

/* Listens for what can be taken next: nothing while an answer is due. */
static void update_events(struct conn *c)
{
	uint32_t events = 0;

	if (has_output(c))
		events |= EPOLLOUT;
	else if (c->is_closing || (c->is_eof && !c->held && !c->follows && c->in_len == 0))
		c->is_dead = true;
	else if (!c->is_eof && !c->held && !c->follows)
		events |= EPOLLIN;
	if (sd_event_source_set_io_events(c->io, events) < 0)
		c->is_dead = true;
}

static void send_output(struct conn *c)
{
	while (has_output(c)) {
		ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				c->is_dead = true;
			return;
		}
		c->out_sent += (size_t)n;
		c->heard = now_us(c->server);
	}
	buf_done(&c->out);
	c->out_sent = 0;
}

static void put_refusal(struct conn *c, const char *code, const char *message)
{
	buf_printf(&c->out, "{\"ok\":false,\"error\":\"%s\",\"message\":\"%s\"}\n", code, message);
	c->is_closing = true;
}

static void take_line(struct conn *c, size_t len, size_t taken)
{
	char *line = c->in;
	size_t rest = c->in_len - taken;

	/* the line leaves the buffer first: its handler may end up here again */
	set_room(c, rest ? MAX(rest, SOCKET_LINE_MAX + 1) : 0);
	if (rest) {
		memcpy(c->in, line + taken, rest);
		c->in_len = rest;
	}
	if (len && line[len - 1] == '\r')
		len--;
	if (len)
		c->server->calls.line(c, line, len, c->server->calls.arg);
	(void)talloc_free(line);
}

static size_t line_max(const struct conn *c)
{
	static const char plan[] = "{\"op\":\"plan\"";

	return c->in_len > strlen(plan) && memcmp(c->in, plan, strlen(plan)) == 0 ? SOCKET_PLAN_MAX
										  : SOCKET_LINE_MAX;
}

/* Handles lines until one is held, an answer does not fit into the socket, or none is complete. */
static void take_lines(struct conn *c)
{
	if (c->is_busy)
		return; /* the loop below goes on with it */
	c->is_busy = true;
	send_output(c);
	while (c->in_len && !c->held && !c->follows && !has_output(c) && !c->is_closing &&
	       !c->is_dead) {
		char *end = memchr(c->in, '\n', c->in_len);

		if (end)
			take_line(c, (size_t)(end - c->in), (size_t)(end - c->in) + 1);
		else if (c->in_len > line_max(c))
			put_refusal(c, "toobig",
				    line_max(c) == SOCKET_LINE_MAX
					    ? "the line is longer than 65536 bytes"
					    : "the line is longer than 1048576 bytes");
		else if (c->is_eof)
			take_line(c, c->in_len, c->in_len);
		else
			break;
		send_output(c);
	}
	c->is_busy = false;
	update_events(c);
}

/* False when there is none for a long line now. */
static bool make_room(struct conn *c)
{
	char *old = c->in;
	size_t len = c->in_len;

	if (!old)
		set_room(c, SOCKET_LINE_MAX + 1);
	if (c->in_len < c->in_cap)
		return true;
	if (c->server->n_long >= SOCKET_LONG_MAX && !is_long(c->in_cap))
		return false;
	set_room(c, SOCKET_PLAN_MAX + 1);
	memcpy(c->in, old, len);
	c->in_len = len;
	(void)talloc_free(old);
	return true;
}

static void read_input(struct conn *c)
{
	ssize_t n;

	if (!make_room(c)) {
		put_refusal(c, "busy", "8 long plans are under way already; try again");
		return;
	}
	n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, MSG_DONTWAIT);
	if (n < 0) {
		c->is_dead = errno != EAGAIN && errno != EINTR;
		return;
	}
	c->is_eof = n == 0;
	c->in_len += (size_t)n;
	c->heard = now_us(c->server);
}

static int on_conn(sd_event_source *src, int fd, uint32_t events, void *arg)
{
	struct conn *c = arg;

	(void)src;
	(void)fd;
	if (events & EPOLLIN)
		read_input(c);
	else if (events & (EPOLLHUP | EPOLLERR))
		c->is_dead = true;
	if (!c->is_dead)
		take_lines(c);
	if (c->is_dead)
		(void)talloc_free(c);
	return 0;
}

static void refuse(int fd, const char *code, const char *message)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "{\"ok\":false,\"error\":\"%s\",\"message\":\"%s\"}\n",
			 code, message);

	(void)send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT); /* a courtesy */
}

/* Root is root and, in a sandbox of somebody else's, they. */
static bool may_talk(const struct server *s, int fd, bool *ret_is_root)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who))
		return false;
	*ret_is_root = who.uid == 0 || who.uid == geteuid();
	return *ret_is_root || (s->peer.uid && who.uid == s->peer.uid);
}

/* Hands a descriptor out of a cleanup_ local. */
static int hand_out(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

static int on_accept(sd_event_source *src, int listen_fd, uint32_t events, void *arg)
{
	cleanup_(fd_close) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct server *s = arg;
	struct conn *c;
	bool is_root;

	(void)events;
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)sd_event_source_set_enabled(src,
							  SD_EVENT_OFF); /* until the next tick */
		return 0;
	}
	if (!may_talk(s, fd, &is_root)) {
		refuse(fd, "denied", "only root and the user novacpx may talk to the engine");
		return 0;
	}
	if (s->n >= SOCKET_CONNS_MAX ||
	    (!is_root && s->n_peer >= SOCKET_CONNS_MAX - SOCKET_CONNS_ROOT)) {
		refuse(fd, "busy", "256 connections are open already; close some, or try again");
		return 0;
	}
	c = mem_new(s, struct conn);
	c->server = s;
	c->out = (struct buf)BUF_ON(c);
	c->heard = now_us(s);
	c->fd = hand_out(&fd);
	c->next = s->conns;
	s->conns = c;
	c->is_root = is_root;
	s->n++;
	s->n_peer += !is_root;
	talloc_set_destructor(c, conn_free);
	if (sd_event_add_io(s->event, &c->io, c->fd, EPOLLIN, on_conn, c) < 0)
		(void)talloc_free(c);
	return 0;
}

static int server_free(struct server *s)
{
	s->io = sd_event_source_disable_unref(s->io);
	fd_close(&s->fd);
	while (s->conns)
		(void)talloc_free(s->conns);
	return 0;
}

/* Bound through the folder's descriptor: beneath the root, and however long the root's path is. */
static int listen_at(struct server *s, int root, const char *path, struct err *err)
{
	cleanup_(fd_close) int dir = -1;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat st;
	const char *name;
	mode_t mask;
	int n;
	int r;

	dir = fs_open_parent(root, path, 0, &name, err);
	if (dir < 0)
		return dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(err, ERR_CONFLICT,
				       "%s is there and is not a socket; move it away first", path);
		if (unlinkat(dir, name, 0) < 0)
			return err_sys(err, "remove the old socket %s", path);
	}
	n = snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(at.sun_path))
		return err_set(err, ERR_TOOBIG, "socket %s: its name is too long", path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return err_sys(err, "socket %s", path);
	mask = umask(0177);
	r = bind(s->fd, (struct sockaddr *)&at, sizeof(at));
	(void)umask(mask);
	if (r < 0 || listen(s->fd, 2 * SOCKET_CONNS_MAX) < 0)
		return err_sys(err, "listen at %s", path);
	/* the folder is ours alone, so it is the socket that was just made */
	if (s->peer.uid && (fchownat(dir, name, (uid_t)-1, s->peer.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
			    fchmodat(dir, name, 0660, 0) < 0))
		return err_sys(err, "let the peer connect to %s", path);
	return 0;
}

/* The folder in which the socket will be. */
static int make_folder(const void *ctx, int root, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');

	if (!fs_path_is_clean(path) || slash[1] == '\0')
		return err_set(err, ERR_INVALID,
			       "socket \"%s\": a path from / without . and .. is needed", path);
	if (slash == path)
		return 0;
	return fs_mkdirs(root, mem_strn(ctx, path, (size_t)(slash - path)), 0755, err);
}

int server_new(const void *ctx, sd_event *event, const struct server_opts *opts,
	       struct server **ret, struct err *err)
{
	struct server *s = mem_new(ctx, struct server);
	int r;

	s->event = event;
	s->calls = opts->calls;
	s->peer = opts->peer;
	s->fd = -1;
	talloc_set_destructor(s, server_free);
	r = make_folder(s, opts->root, opts->path, err);
	if (r >= 0)
		r = listen_at(s, opts->root, opts->path, err);
	if (r >= 0) {
		r = sd_event_add_io(event, &s->io, s->fd, EPOLLIN, on_accept, s);
		if (r < 0)
			r = err_sys_no(err, -r, "event source of %s", opts->path);
	}
	if (r < 0) {
		(void)talloc_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void server_tick(struct server *s)
{
	uint64_t now = now_us(s);

	(void)sd_event_source_set_enabled(s->io, SD_EVENT_ON);
	for (struct conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (c->is_dead || (!c->held && (!c->follows || has_output(c)) &&
				   now - c->heard > (uint64_t)SOCKET_IDLE_S * 1000000))
			(void)talloc_free(c);
	}
}

size_t server_count(const struct server *s)
{
	return s->n;
}

size_t server_followers(const struct server *s)
{
	return s->n_follow;
}

bool conn_is_root(const struct conn *c)
{
	return c->is_root;
}

int conn_follow(struct conn *c, struct err *err)
{
	if (c->server->n_follow >= SOCKET_FOLLOWERS_MAX)
		return err_set(err, ERR_BUSY, "%d connections follow already",
			       SOCKET_FOLLOWERS_MAX);
	c->follows = true;
	c->server->n_follow++;
	return 0;
}

/* What was sent leaves the buffer, which else grew as long as a follower is never done. */
static void tell_one(struct conn *c, const char *line)
{
	if (c->out_sent) {
		memmove(c->out.data, c->out.data + c->out_sent, c->out.len - c->out_sent);
		c->out.len -= c->out_sent;
		c->out_sent = 0;
	}
	if (c->out.len == 0)
		c->heard = now_us(c->server);
	buf_puts(&c->out, line);
	buf_putc(&c->out, '\n');
	send_output(c);
	if (c->out.len - c->out_sent > SOCKET_LAG_MAX)
		c->is_dead = true;
	else
		update_events(c);
}

void server_tell(struct server *s, json_t *event)
{
	char *text = s->n_follow ? json_dumps(event, JSON_COMPACT) : NULL;

	json_decref(event);
	for (struct conn *c = s->conns, *next; c && text; c = next) {
		next = c->next;
		if (c->follows && !c->is_dead)
			tell_one(c, text);
		if (c->is_dead)
			(void)talloc_free(c);
	}
	free(text);
}

void conn_answer(struct conn *c, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (!text)
		mem_abort();
	(void)talloc_free(c->held);
	c->held = NULL;
	c->timer = sd_event_source_disable_unref(c->timer);
	buf_puts(&c->out, text);
	buf_putc(&c->out, '\n');
	free(text);
	c->is_dead = c->is_dead || c->out.over;
	c->heard = now_us(c->server);
	take_lines(c); /* those behind it; does nothing when the line came from there */
}

static int on_expired(sd_event_source *src, uint64_t usec, void *arg)
{
	struct conn *c = arg;

	(void)src;
	(void)usec;
	if (c->held)
		c->server->calls.expired(c, c->server->calls.arg);
	if (c->is_dead)
		(void)talloc_free(c);
	return 0;
}

int conn_hold(struct conn *c, uint64_t timeout_ms, void *what, struct err *err)
{
	int r = sd_event_add_time_relative(c->server->event, &c->timer, CLOCK_MONOTONIC,
					   timeout_ms * 1000, 1000, on_expired, c);

	if (r < 0)
		return err_sys_no(err, -r, "timer");
	c->held = what;
	mem_steal(c, what);
	return 0;
}

void *conn_held(const struct conn *c)
{
	return c->held;
}

void server_each_held(struct server *s, void (*fn)(struct conn *c, void *arg), void *arg)
{
	for (struct conn *c = s->conns, *next; c; c = next) {
		next = c->next;
		if (c->held)
			fn(c, arg);
		if (c->is_dead)
			(void)talloc_free(c);
	}
}
