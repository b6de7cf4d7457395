#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server_priv.h"
#include "model/check.h"

/* Given twice, two readers of one head could take a different one each. */
static const char *const single[] = {
	"host",   "content-length", "transfer-encoding", "content-type", "authorization", "cookie",
	"expect", "origin",
};

static bool is_tchar(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_tchar((unsigned char)s[i]))
			return false;
	return len > 0;
}

static bool is_host(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789.-_:[]");

	return len > 0 && len <= 261 && !s[len];
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return true;
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool head_decode(char *s, bool is_form)
{
	char *to = s;

	for (const char *from = s; *from; from++) {
		char c = *from;

		if (c == '+' && is_form) {
			c = ' ';
		} else if (c == '%') {
			int high = hex(from[1]);
			int low = high < 0 ? -1 : hex(from[2]);

			if (low < 0 || (high == 0 && low == 0))
				return false;
			c = (char)(high << 4 | low);
			from += 2;
		}
		*to++ = c;
	}
	*to = '\0';
	return utf8_is_valid(s, (size_t)(to - s));
}

/*
 * The library joins folded lines, cuts values at NUL and takes a bare LF for a line's end, and
 * shows none of it. But until 1.0 it parses in place: what it hands out lies where it came in,
 * each CR LF now two NULs, each colon one. A head that does not lie like this, byte for byte, is
 * one of those forms.
 */
struct layout {
	const char *at; /* where the next line must begin */
	bool is_exact;
};

static void layout_line(struct layout *l, const char *name, size_t name_len, const char *value,
			size_t len)
{
	const char *p = name + name_len + 1;

	if (!l->is_exact || name != l->at || name[name_len]) {
		l->is_exact = false;
		return;
	}
	while (p < value && (*p == ' ' || *p == '\t'))
		p++;
	l->is_exact = p == value && !value[len] && !value[len + 1];
	l->at = value + len + 2;
}

struct collect {
	struct request *r;
	struct layout layout;
	char *arena;
	const char *why;
};

static char *arena_put(char **arena, const char *s, size_t len)
{
	char *at = *arena;

	memcpy(at, s, len);
	at[len] = '\0';
	*arena += len + 1;
	return at;
}

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *name,
			       size_t name_len, const char *value, size_t len)
{
	struct collect *c = cls;
	struct request *r = c->r;

	(void)kind;
	layout_line(&c->layout, name, name_len, value, len);
	if (!c->layout.is_exact) {
		c->why = "A header line is folded, or has a NUL or a bare line feed.";
		return MHD_NO;
	}
	if (!is_token(name, name_len)) {
		c->why = "A header name has a character that is not allowed.";
		return MHD_NO;
	}
	if (has_control(value, len)) {
		c->why = "A header value has a control character.";
		return MHD_NO;
	}
	mem_room(r, &r->headers, &r->cap_headers, r->n_headers, sizeof(*r->headers));
	r->headers[r->n_headers].name = arena_put(&c->arena, name, name_len);
	r->headers[r->n_headers++].value = arena_put(&c->arena, value, len);
	return MHD_YES;
}

/* Copies the headers, since the request may outlive its connection. */
static const char *read_headers(struct request *r, struct MHD_Connection *mhd, const char *method,
				const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct collect c = { .r = r };

	if (!info)
		return "The head cannot be read.";
	c.arena = mem_zero(r, info->header_size);
	c.layout.at = version + strlen(version) + 2;
	c.layout.is_exact = r->target_at == method + strlen(method) + 1 &&
			    version == r->target_at + strlen(r->target) + 1 &&
			    !version[strlen(version) + 1];
	if (!c.layout.is_exact)
		return "The request line has a NUL, a bare line feed or spaces too many.";
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, collect, &c);
	if (c.why)
		return c.why;
	if (c.layout.at + 2 != method + info->header_size || c.layout.at[0] || c.layout.at[1])
		return "The head does not end with an empty line.";
	return NULL;
}

const char *request_header(struct request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

static const char *check_single(const struct request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(single); i++) {
		unsigned n = 0;

		for (size_t j = 0; j < r->n_headers; j++)
			n += strcasecmp(r->headers[j].name, single[i]) == 0;
		if (n > 1)
			return mem_fmt(r, "The header \"%s\" is given %u times.", single[i], n);
	}
	return NULL;
}

/* How long the body is must be said once and plainly (RFC 9112, 6.3). */
static const char *check_framing(struct request *r)
{
	const char *length = request_header(r, "content-length");
	const char *encoding = request_header(r, "transfer-encoding");

	if (length && encoding)
		return "Both Content-Length and Transfer-Encoding are given.";
	if (length) {
		size_t digits = strspn(length, "0123456789");

		if (!digits || digits > 18 || length[digits])
			return "Content-Length is not a number.";
		r->length = strtoull(length, NULL, 10);
	}
	if (encoding) {
		if (r->is_1_0)
			return "HTTP/1.0 has no Transfer-Encoding.";
		if (strcasecmp(encoding, "chunked") != 0)
			return "Transfer-Encoding is not \"chunked\".";
		r->is_chunked = true;
	}
	return NULL;
}

static const char *check_host(struct request *r)
{
	const char *host = request_header(r, "host");

	if (!host)
		return r->is_1_0 ? NULL : "The header \"Host\" is missing.";
	return is_host(host) ? NULL : "The header \"Host\" is not a host name.";
}

/* The library leaves spaces after a value where they were; they do not belong to it (5.5). */
static void trim_values(struct request *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		char *value = (char *)r->headers[i].value; /* ours: read_headers() copied it */
		size_t len = strlen(value);

		while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			value[--len] = '\0';
	}
}

/* Of an absolute target what follows the authority, if that is the host; NULL: something else. */
static const char *origin_form(struct request *r)
{
	const char *host = request_header(r, "host");
	const char *p = r->target;
	size_t len;

	if (*p == '/')
		return p;
	if (strncasecmp(p, "http://", 7) == 0)
		p += 7;
	else if (strncasecmp(p, "https://", 8) == 0)
		p += 8;
	else
		return NULL;
	len = strcspn(p, "/?");
	if (!host || strlen(host) != len || strncasecmp(host, p, len) != 0)
		return NULL;
	p += len;
	return *p == '/' ? p : mem_fmt(r, "/%s", p);
}

static bool path_is_clean(const char *path)
{
	const char *end;

	for (const char *p = path; p; p = end) {
		size_t len = strcspn(++p, "/");

		if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		end = p[len] ? p + len : NULL;
	}
	return !has_control(path, strlen(path)) && !strchr(path, '\t');
}

/* A decoded "/" could not be told from a real one. */
static bool hides_slash(const char *path)
{
	for (const char *p = path; (p = strchr(p, '%')); p++)
		if (strncasecmp(p, "%2f", 3) == 0)
			return true;
	return false;
}

static const char *read_query(struct request *r, char *query)
{
	char *rest = query;
	char *item;

	while ((item = strsep(&rest, "&"))) {
		char *value = strchr(item, '=');

		if (!*item)
			continue;
		if (value)
			*value++ = '\0';
		else
			value = item + strlen(item);
		if (!head_decode(item, true) || !head_decode(value, true))
			return "The query has a malformed %-sequence or is not UTF-8.";
		mem_room(r, &r->query, &r->cap_query, r->n_query, sizeof(*r->query));
		r->query[r->n_query++] = (struct pair){ .name = item, .value = value };
	}
	return NULL;
}

static const char *read_target(struct request *r)
{
	const char *from;
	char *query;

	for (const char *p = r->target; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '#')
			return "The request target has a character that must be written as %XX.";
	from = origin_form(r);
	if (!from)
		return "The request target is neither a path nor a URL of this host.";
	r->path = mem_str(r, from);
	query = strchr(r->path, '?');
	if (query)
		*query++ = '\0';
	if (hides_slash(r->path) || !head_decode(r->path, false) || !path_is_clean(r->path))
		return "The path has a malformed or forbidden %-sequence, \".\" or \"..\", or is "
		       "not UTF-8.";
	return query ? read_query(r, query) : NULL;
}

static const char *read_all(struct request *r, struct MHD_Connection *mhd, const char *method,
			    const char *version)
{
	const char *why = read_headers(r, mhd, method, version);

	if (!why)
		why = check_single(r);
	if (!why)
		why = check_framing(r);
	if (why)
		return why;
	trim_values(r);
	why = check_host(r);
	return why ? why : read_target(r);
}

unsigned head_read(struct request *r, struct MHD_Connection *mhd, const char *method,
		   const char *version, const char **ret_why)
{
	const char *expect;

	if (!r->target) {
		*ret_why = mem_fmt(r, "The URL is longer than %d bytes.", HTTP_URL_MAX);
		return MHD_HTTP_URI_TOO_LONG;
	}
	if (!is_token(method, strlen(method))) {
		*ret_why = "The method has a character that is not allowed.";
		return MHD_HTTP_BAD_REQUEST;
	}
	r->is_head = strcmp(method, "HEAD") == 0;
	r->method = mem_str(r, r->is_head ? "GET" : method);
	r->is_1_0 = strcmp(version, "HTTP/1.0") == 0;
	if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0) {
		*ret_why = "This method is not supported.";
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	}
	*ret_why = read_all(r, mhd, method, version);
	if (*ret_why)
		return MHD_HTTP_BAD_REQUEST;
	expect = r->is_1_0 ? NULL : request_header(r, "expect");
	if (expect && strcasecmp(expect, "100-continue") != 0) {
		*ret_why = "The header \"Expect\" asks for something else than 100-continue.";
		return MHD_HTTP_EXPECTATION_FAILED;
	}
	r->expects_continue = expect;
	return 0;
}

const char *request_query(struct request *r, const char *name)
{
	for (size_t i = 0; i < r->n_query; i++)
		if (strcmp(r->query[i].name, name) == 0)
			return r->query[i].value;
	return NULL;
}

int request_each_query(struct request *r, pair_fn *fn, void *arg)
{
	int res = 0;

	for (size_t i = 0; i < r->n_query && res == 0; i++)
		res = fn(r->query[i].name, r->query[i].value, arg);
	return res;
}

/* RFC 6265, 4.2.1; a value may stand in quotes. */
const char *request_cookie(struct request *r, const char *name)
{
	const char *p = request_header(r, "cookie");
	size_t name_len = strlen(name);

	while (p) {
		size_t len;

		p += strspn(p, " \t;");
		len = strcspn(p, ";");
		if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
			p += name_len + 1;
			len -= name_len + 1;
			while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
				len--;
			if (len >= 2 && p[0] == '"' && p[len - 1] == '"')
				return mem_strn(r, p + 1, len - 2);
			return mem_strn(r, p, len);
		}
		p = p[len] ? p + len : NULL;
	}
	return NULL;
}

void *request_ctx(struct request *r)
{
	return r;
}

const char *request_method(const struct request *r)
{
	return r->method;
}

const char *request_path(const struct request *r)
{
	return r->path;
}

const char *request_peer(const struct request *r)
{
	return r->peer;
}

uint16_t request_local_port(const struct request *r)
{
	return r->local_port;
}

bool request_is_tls(const struct request *r)
{
	return r->is_tls;
}

void request_set_user(struct request *r, void *user)
{
	r->user = user;
}

void *request_user(const struct request *r)
{
	return r->user;
}
