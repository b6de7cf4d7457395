#include "tests/hostile/shot.h"

#include <stdlib.h>
#include <string.h>

#include "api/endpoint.h"
#include "base/mem.h"
#include "tests/support/samples.h"

/* A request while it is made. */
struct draft {
	const void *ctx;
	struct noise *n;
	const struct endpoint *ep;
	const char *method, *path, *version, *type, *proof;
	struct buf query, lines, body, out;
	const char *spoilt; /* what was done to it */
	bool is_sound, is_multipart;
};

static bool has_type(const struct endpoint *ep, enum param_type type)
{
	for (size_t i = 0; i < ep->n_params; i++)
		if (ep->params[i].type == type)
			return true;
	return false;
}

static const struct endpoint *row_of(const char *path)
{
	const char *slash = strchr(path, '/');
	const struct resource *r = resource_find(path, (size_t)(slash - path));

	return r ? endpoint_find(r, slash + 1, strlen(slash + 1)) : NULL;
}

/* What takes away what others are about. */
static bool is_destructive(const char *path)
{
	static const char *const words[] = { "delete", "terminate", "remove",      "revoke",
					     "logout", "suspend",   "users/update" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(path, words[i]))
			return true;
	return false;
}

/* Such rows come up less often, and those that compute a password, which takes a while on purpose. */
static const struct sample *pick_sample(struct noise *n, const struct endpoint **ret)
{
	const struct sample *s;

	do {
		s = &samples[noise_below(n, n_samples)];
		*ret = row_of(s->path);
	} while (!*ret ||
		 ((has_type(*ret, PARAM_SECRET) || ((*ret)->flags & EP_LOGIN) ||
		   is_destructive(s->path)) &&
		  noise_below(n, 5)) ||
		 (((*ret)->flags & EP_MACHINE) && noise_below(n, 3)));
	return s;
}

static enum panel_who pick_caller(struct noise *n, const struct endpoint *ep)
{
	if (noise_once_in(n, 6))
		return (enum panel_who)noise_below(n, AS_NOBODY + 1);
	if ((ep->roles & ROLE_BILLING) && !(ep->roles & ROLE_USER))
		return AS_BILLING;
	if ((ep->roles & ROLE_USER) && noise_once_in(n, 3))
		return AS_JOHN;
	if ((ep->roles & ROLE_RESELLER) && noise_once_in(n, 3))
		return AS_RESEL;
	return AS_ADMIN;
}

/* Bodies */

/* "key":value, …; each value may be another's, each member twice, elsewhere or absent. */
static void put_member(struct draft *d, const char *name, const json_t *value, bool is_spoilt)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	buf_printf(&d->body, "%s\"%s\":", d->body.len > 1 ? "," : "", name);
	if (is_spoilt)
		noise_json(d->n, &d->body);
	else
		buf_puts(&d->body, text);
	free(text);
}

/* What the call is about: with another one it rarely comes to the rest. */
static bool names_id(const char *key)
{
	size_t len = strlen(key);

	return len >= 2 && strcmp(key + len - 2, "id") == 0;
}

static void put_json(struct draft *d, const json_t *sample, bool is_spoilt)
{
	static const char *const strange[] = {
		"__proto__", "id",  "account_id", "owner", "role",    "is_admin",    "ID",
		"",          "a b", "\\u0000",    "rev",   "created", "user_id\xff", "password",
	};
	size_t size = json_object_size(sample);
	size_t victim = is_spoilt ? noise_below(d->n, size + 1) : size + 1;
	const char *key;
	json_t *value;
	size_t i = 0;

	buf_putc(&d->body, '{');
	json_object_foreach((json_t *)sample, key, value)
	{
		bool is_it = i++ == victim || (is_spoilt && noise_once_in(d->n, 6));

		if (is_it && names_id(key) && noise_below(d->n, 3))
			is_it = false;

		if (is_it && noise_once_in(d->n, 10))
			continue;
		put_member(d, key, value, is_it);
		if (is_it && noise_once_in(d->n, 20))
			put_member(d, key, value, true);
	}
	if (is_spoilt && (victim == size || noise_once_in(d->n, 10)))
		put_member(d, noise_of(d->n, strange), NULL, true);
	buf_putc(&d->body, '}');
}

static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0\37\x15\xc4\x89";
static const char svg[] =
	"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>x()</script><a href=\"javascript:x\"/>"
	"</svg>";

static void put_parts(struct draft *d, const json_t *sample, bool is_spoilt)
{
	static const char *const ends[] = {
		"--b--\r\n", "--b", "--b--", "", "--c--\r\n", "--b-\r\n"
	};
	static const char *const heads[] = {
		"name=\"%s\"; filename=\"../../x.png\"",
		"name=\"%s\"; filename=\"a\\\"b\"",
		"name=%s",
		"name=\"%s\"; name=\"x\"",
		"filename=\"x\"",
		"name=\"%s",
		"name=\"%s\"\r\nContent-Type: image/svg+xml",
	};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)sample, key, value)
	{
		const char *text = json_string_value(value);
		bool is_file = text && strcmp(text, "FILE") == 0;
		const char *head = is_spoilt && noise_once_in(d->n, 2) ? noise_of(d->n, heads)
				   : is_file ? "name=\"%s\"; filename=\"x.png\""
					     : "name=\"%s\"";
		const char *at = strstr(head, "%s");

		buf_puts(&d->body, "--b\r\nContent-Disposition: form-data; ");
		buf_put(&d->body, head, at ? (size_t)(at - head) : strlen(head));
		if (at)
			buf_printf(&d->body, "%s%s", key, at + 2);
		buf_puts(&d->body, "\r\n\r\n");
		if (is_file && noise_once_in(d->n, 2))
			buf_put(&d->body, svg, sizeof(svg) - 1);
		else if (is_file)
			buf_put(&d->body, png, sizeof(png) - 1);
		else if (is_spoilt && noise_once_in(d->n, 2))
			noise_json(d->n, &d->body);
		else
			buf_printf(&d->body, "%d", (int)json_integer_value(value));
		buf_puts(&d->body, "\r\n");
	}
	buf_puts(&d->body,
		 is_spoilt && noise_once_in(d->n, 3) ? noise_of(d->n, ends) : "--b--\r\n");
}

static void put_query(struct draft *d, const json_t *sample, bool is_spoilt)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)sample, key, value)
	{
		const char *text = json_string_value(value);

		buf_printf(&d->query, "%c%s=", d->query.len ? '&' : '?', key);
		if (is_spoilt && noise_once_in(d->n, 2))
			buf_puts(&d->query, noise_text(d->n));
		else if (text)
			buf_puts(&d->query, text);
		else
			buf_printf(&d->query, "%d", (int)json_integer_value(value));
	}
}

static void put_sample(struct draft *d, const struct sample *s, struct panel *panel, bool is_spoilt)
{
	json_t *sample = json_loads(s->body, 0, NULL);

	if (json_object_get(sample, "session_id"))
		(void)json_object_set_new(sample, "session_id",
					  json_string(panel_session(panel, AS_JANE)));
	if (d->ep->methods & METHOD_GET)
		put_query(d, sample, is_spoilt);
	else if (d->is_multipart)
		put_parts(d, sample, is_spoilt);
	else
		put_json(d, sample, is_spoilt);
	json_decref(sample);
}

/* What is spoilt. Each says so. */

static void spoil_values(struct draft *d)
{
	d->spoilt = "values";
}

static void spoil_body(struct draft *d)
{
	static const char *const bodies[] = {
		"",      " ",        "null",  "1",          "\"\"",     "[]",
		"{",     "}",        "{}{}",  "{\"a\":1,}", "{a:1}",    "\xef\xbb\xbf{}",
		"[1,2]", "\xff\xfe", "{\"\"", "a=1&b=2",    "<a>1</a>", "{} trailing",
	};

	d->spoilt = "body";
	if (noise_once_in(d->n, 3)) {
		buf_clear(&d->body);
		if (noise_once_in(d->n, 2))
			buf_puts(&d->body, noise_of(d->n, bodies));
		else
			noise_json(d->n, &d->body);
		return;
	}
	if (d->body.len)
		d->body.len = noise_damage(d->n, d->body.data, d->body.len);
}

static void spoil_query(struct draft *d)
{
	static const char *const names[] = { "wait", "dry_run", "page", "per_page",   "search",
					     "id",   "%00",     "",     "account_id", "status",
					     "sort", "a[]",     "%",    "_",          "user" };

	d->spoilt = "query";
	for (size_t i = 1 + noise_below(d->n, noise_once_in(d->n, 30) ? 400 : 4); i; i--)
		buf_printf(&d->query, "%c%s=%s", d->query.len ? '&' : '?', noise_of(d->n, names),
			   noise_text(d->n));
	d->is_sound = false; /* not every byte may stand there, and some heads get too long */
}

static void spoil_path(struct draft *d)
{
	static const char *const paths[] = {
		"/",
		"/api",
		"/api/",
		"/healthz",
		"/metrics",
		"/api/openapi.json",
		"/api/docs",
		"/api/accounts",
		"/api/accounts/",
		"/api//list",
		"/api/x/y",
		"/api/accounts/list/extra",
		"/api/accounts/LIST",
		"/api/accounts%2flist",
		"/api/../etc/passwd",
		"/api/%2e%2e/x",
		"//api/accounts/list",
		"*",
		"http://panel.example:8882/api/auth/me",
		"http://other/api/auth/me",
		"api/auth/me",
		"/api/accounts/list#x",
		"/api/acc\xc3\xa4/list",
		"/api/accounts/%00",
		"/api/events",
		"/favicon.ico",
		"\\api\\auth",
		"",
	};
	char *copy;

	d->spoilt = "path";
	d->is_sound = false;
	if (noise_once_in(d->n, 2)) {
		d->path = noise_of(d->n, paths);
		return;
	}
	copy = mem_str(d->ctx, d->path);
	copy[noise_damage(d->n, copy, strlen(copy))] = '\0';
	d->path = copy;
}

static void spoil_method(struct draft *d)
{
	static const char *const methods[] = {
		"GET",      "POST",    "PUT",      "DELETE",  "PATCH",
		"HEAD",     "OPTIONS", "TRACE",    "CONNECT", "get",
		"G\tT",     "",        "GET GET",  "PRI",     "AAAAAAAAAAAAAAAAAAAAAAAAAA",
		"M-SEARCH", "\x01",    "PROPFIND",
	};
	static const char *const versions[] = { "HTTP/1.1", "HTTP/1.0", "HTTP/2.0",  "HTTP/0.9",
						"HTTP/1.2", "http/1.1", "HTTP/1.1 ", "",
						"HTTP/11",  "FTP/1.1" };

	d->spoilt = "method";
	d->is_sound = false;
	if (noise_once_in(d->n, 3))
		d->version = noise_of(d->n, versions);
	else
		d->method = noise_of(d->n, methods);
}

static void spoil_headers(struct draft *d)
{
	static const char *const names[] = {
		"If-Match",
		"Idempotency-Key",
		"Origin",
		"Sec-Fetch-Site",
		"Authorization",
		"X-Forwarded-For",
		"Forwarded",
		"Cookie",
		"Expect",
		"Range",
		"Accept-Encoding",
		"Host",
		"Upgrade",
		"Connection",
		"X-Requested-With",
		"Content-Encoding",
		"X-WHMCS-Key",
		"Content-Type",
		"If-None-Match",
		"Accept",
		"TE",
		"Trailer",
		"User-Agent",
		"X-HTTP-Method-Override",
		"X-Original-URL",
		"Last-Event-ID",
		"Date",
		"Max-Forwards",
	};
	static const char *const values[] = {
		"Bearer ",
		"Bearer ncpx_0000000000000000000000000000000000000000000000000000000000000000",
		"Basic YWRtaW46YQ==",
		"ncpx_session=0000000000000000000000000000000000000000000000000000000000000000",
		"ncpx_session=\"; ncpx_session=a",
		"https://panel.example:8882",
		"https://evil.example",
		"null",
		"cross-site",
		"100-continue",
		"200-ok",
		"bytes=0-0,1-,-1",
		"gzip, br;q=1.0, *;q=0",
		"websocket",
		"h2c",
		"keep-alive, close",
		"application/json; charset=utf-16",
		"application/x-www-form-urlencoded",
		"multipart/form-data",
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"b\"; boundary=c",
		"text/plain",
		"192.0.2.1, 127.0.0.1",
		"for=\"[::1]\"",
		"DELETE",
		"chunked",
	};

	d->spoilt = "headers";
	for (size_t i = 1 + noise_below(d->n, noise_once_in(d->n, 20) ? 300 : 3); i; i--)
		buf_printf(&d->lines, "%s: %s\r\n", noise_of(d->n, names),
			   noise_once_in(d->n, 3) ? noise_text(d->n) : noise_of(d->n, values));
	if (noise_once_in(d->n, 20)) {
		buf_puts(&d->lines, "X-Long: ");
		for (size_t i = noise_below(d->n, 20000); i; i--)
			buf_putc(&d->lines, 'a');
		buf_puts(&d->lines, "\r\n");
	}
	d->is_sound = false;
}

typedef void spoil_fn(struct draft *d);

static spoil_fn *const spoils[] = {
	spoil_values, spoil_values, spoil_values,  spoil_values,  spoil_values, spoil_values,
	spoil_values, spoil_values, spoil_values,  spoil_body,    spoil_query,  spoil_query,
	spoil_path,   spoil_method, spoil_headers, spoil_headers,
};

/* Writing it out */

static void put_head(struct draft *d)
{
	buf_printf(&d->out, "%s %s%s%s%s\r\n", d->method, d->path, buf_str(&d->query),
		   *d->version ? " " : "", d->version);
	buf_printf(&d->out, "Host: panel.example:8882\r\n%s%s", d->proof, buf_str(&d->lines));
	if (d->type && d->body.len)
		buf_printf(&d->out, "Content-Type: %s\r\n", d->type);
}

static void put_chunks(struct draft *d, bool is_spoilt)
{
	static const char *const sizes[] = { "0x3",
					     "-1",
					     "",
					     " 3",
					     "3 ",
					     "zz",
					     "FFFFFFFFFFFFFFFF",
					     "100000000000000000",
					     "7fffffff",
					     "3;a=\"",
					     "+3" };
	size_t at = 0;

	while (at < d->body.len) {
		size_t some = 1 + noise_below(d->n, noise_once_in(d->n, 3) ? 4 : 5000);
		size_t n = MIN(some, d->body.len - at);

		if (is_spoilt && noise_once_in(d->n, 3))
			buf_printf(&d->out, "%s\r\n", noise_of(d->n, sizes));
		else
			buf_printf(&d->out, "%zx%s\r\n", n, noise_once_in(d->n, 8) ? ";a=b" : "");
		buf_put(&d->out, d->body.data + at, n);
		buf_puts(&d->out, is_spoilt && noise_once_in(d->n, 4) ? "\n" : "\r\n");
		at += n;
	}
	if (!is_spoilt || noise_once_in(d->n, 2))
		buf_printf(&d->out, "0\r\n%s\r\n",
			   noise_once_in(d->n, 4) ? "X-Trailer: y\r\n" : "");
}

static void put_plain(struct draft *d)
{
	buf_printf(&d->out, "Content-Length: %zu\r\n\r\n", d->body.len);
	buf_put(&d->out, d->body.data, d->body.len);
}

/* How long the body is, said so that two readers may differ. */
static void put_smuggled(struct draft *d)
{
	static const char *const forms[] = {
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
		"Content-Length: 4\r\nContent-Length: 5\r\n",
		"Content-Length: 4, 4\r\n",
		"Content-Length: +4\r\n",
		"Content-Length: 0x4\r\n",
		"Content-Length: -4\r\n",
		"Content-Length: 4a\r\n",
		"Content-Length:\r\n",
		"Content-Length: 99999999999999999999\r\n",
		"Content-Length: 18446744073709551615\r\n",
		"Content-Length : 4\r\n",
		"Content-Length\t: 4\r\n",
		" Content-Length: 4\r\n",
		"Transfer-Encoding : chunked\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding:\r\n chunked\r\n",
		"Transfer-Encoding: \"chunked\"\r\n",
		"Transfer-Encoding: chunked\nX: y\r\n",
		"Transfer-Encoding\r\n: chunked\r\n",
		"X: y\r\n Content-Length: 4\r\n",
		"X: y\nContent-Length: 4\r\n",
		"X: y\rContent-Length: 4\r\n",
		"X\r\nContent-Length: 4\r\n",
		": x\r\n",
		"X Y: z\r\n",
	};

	d->is_sound = false;
	d->spoilt = "framing";
	buf_puts(&d->out, noise_of(d->n, forms));
	buf_puts(&d->out, noise_once_in(d->n, 6) ? "\n" : "\r\n");
	if (noise_once_in(d->n, 2))
		put_chunks(d, false);
	else
		buf_put(&d->out, d->body.data, d->body.len);
}

static void put_framed(struct draft *d)
{
	switch (noise_below(d->n, 10)) {
	case 0:
		buf_puts(&d->out, "Transfer-Encoding: chunked\r\n\r\n");
		put_chunks(d, false);
		break;
	case 1:
		if (!noise_once_in(d->n, 2)) {
			put_plain(d);
			break;
		}
		d->is_sound = false;
		d->spoilt = "chunks";
		buf_puts(&d->out, "Transfer-Encoding: chunked\r\n\r\n");
		put_chunks(d, true);
		break;
	case 2:
		if (noise_once_in(d->n, 2))
			put_smuggled(d);
		else
			put_plain(d);
		break;
	case 3:
		if (noise_once_in(d->n, 2)) {
			d->is_sound = false;
			d->spoilt = "length";
			buf_printf(&d->out, "Content-Length: %zu\r\n\r\n",
				   d->body.len + noise_below(d->n, 9) -
					   MIN(d->body.len, (size_t)4));
			buf_put(&d->out, d->body.data, d->body.len);
			break;
		}
		put_plain(d);
		break;
	default: put_plain(d); break;
	}
}

static void draft_one(struct draft *d, struct panel *panel, struct shot *shot)
{
	const struct sample *s = pick_sample(d->n, &d->ep);
	enum panel_who who = pick_caller(d->n, d->ep);
	spoil_fn *spoil = noise_of(d->n, spoils);

	d->method = d->ep->methods & METHOD_GET ? "GET" : "POST";
	d->path = mem_fmt(d->ctx, "/api/%s", s->path);
	d->version = "HTTP/1.1";
	d->is_multipart = d->ep->flags & EP_MULTIPART;
	d->type = d->is_multipart ? "multipart/form-data; boundary=b" : "application/json";
	d->proof = panel_proof(panel, who);
	d->is_sound = true;
	put_sample(d, s, panel, spoil == spoil_values && !noise_once_in(d->n, 8));
	spoil(d);
	put_head(d);
	put_framed(d);
	shot->label = mem_fmt(d->ctx, "%s as %d: %s", s->path, (int)who, d->spoilt);
	shot->is_head |= strcmp(d->method, "HEAD") == 0;
}

static void put_garbage(struct draft *d, struct shot *shot)
{
	static const char hello[] = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";
	size_t len = 1 + noise_below(d->n, 3000);

	shot->label = "garbage";
	shot->is_raw_tls = noise_once_in(d->n, 2);
	if (noise_once_in(d->n, 2))
		buf_put(&d->out, hello, sizeof(hello) - 1);
	for (size_t i = 0; i < len; i++)
		buf_putc(&d->out, (char)noise_below(d->n, 256));
}

/* One to four requests in one write; a quarter of all is damaged as a whole, cut, or comes slowly. */
struct shot shot_make(const void *ctx, struct noise *n, struct panel *panel)
{
	struct shot shot = { .is_sound = false };
	struct draft d = { .ctx = ctx, .n = n, .out = BUF_ON(ctx) };
	size_t count = noise_once_in(n, 10) ? 2 + noise_below(n, 3) : 1;

	if (noise_once_in(n, 60)) {
		put_garbage(&d, &shot);
	} else {
		for (size_t i = 0; i < count; i++) {
			d.query = d.lines = d.body = (struct buf)BUF_ON(ctx);
			draft_one(&d, panel, &shot);
		}
		shot.is_sound = d.is_sound && count == 1;
	}
	shot.data = d.out.data;
	shot.len = d.out.len;
	if (noise_once_in(n, 12)) {
		shot.len = noise_damage(n, shot.data, MIN(shot.len, (size_t)1200));
		shot.label = mem_fmt(ctx, "%s, damaged", shot.label);
		shot.is_sound = false;
	}
	if (noise_once_in(n, 40) && shot.len < 2000)
		shot.piece = 1 + noise_below(n, 200);
	shot.is_left = noise_once_in(n, 25);
	return shot;
}
