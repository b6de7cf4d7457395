#include "api/refpage.h"

#include <string.h>

#include "api/api.h"
#include "api/endpoint.h"
#include "api/ep_meta.h"
#include "base/digest.h"
#include "base/mem.h"

static const char style[] =
	":root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--dim:#57606a;--line:#d0d7de;"
	"--box:#f4f6f8;--link:#0550ae}"
	"@media(prefers-color-scheme:dark){:root{--back:#12161c;--text:#e3e8ee;--dim:#98a4b1;"
	"--line:#323a45;--box:#1b212a;--link:#79b8ff}}"
	"body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--back);color:var(--text);"
	"font:16px/1.5 system-ui,sans-serif}"
	"a{color:var(--link)}h2{border-bottom:1px solid var(--line);margin-top:3rem}"
	"h3{margin:2.5rem 0 .2rem;font-size:1rem}"
	"code,pre{font-family:ui-monospace,monospace;font-size:.875rem}"
	"pre{background:var(--box);padding:.7rem;overflow-x:auto}"
	"table{border-collapse:collapse;width:100%;margin:.6rem 0}"
	"caption{text-align:left;font-weight:600}"
	"th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;"
	"overflow-wrap:anywhere}th{background:var(--box);font-weight:600}"
	".dim{color:var(--dim);margin:.2rem 0}nav li{margin:.2rem 0}";

static void put_base64(struct buf *b, const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)data[i] << 16;

		v |= i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0;
		v |= i + 2 < len ? data[i + 2] : 0;
		buf_putc(b, digits[v >> 18]);
		buf_putc(b, digits[v >> 12 & 63]);
		buf_putc(b, i + 1 < len ? digits[v >> 6 & 63] : '=');
		buf_putc(b, i + 2 < len ? digits[v & 63] : '=');
	}
}

const char *refpage_policy(const void *ctx)
{
	struct digest d = digest_of(style, strlen(style));
	struct buf b = BUF_ON(ctx);

	buf_puts(&b, "default-src 'none'; style-src 'sha256-");
	put_base64(&b, d.b, sizeof(d.b));
	buf_puts(&b, "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	return buf_str(&b);
}

/* All that is not markup of ours comes through here. */
static void put_text(struct buf *b, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': buf_puts(b, "&amp;"); break;
		case '<': buf_puts(b, "&lt;"); break;
		case '>': buf_puts(b, "&gt;"); break;
		case '"': buf_puts(b, "&quot;"); break;
		default: buf_putc(b, *text);
		}
	}
}

static void put_code(struct buf *b, const char *text)
{
	buf_puts(b, "<code>");
	put_text(b, text);
	buf_puts(b, "</code>");
}

/* An endpoint as the page sees it. */
struct entry {
	const struct endpoint *ep;
	const char *anchor, *path; /* "dns/add-record", "/api/dns/add-record" */
};

/* Who, and by which names */

static const struct {
	enum role role;
	const char *name;
} role_names[] = {
	{ ROLE_ADMIN, "admin" },    { ROLE_RESELLER, "reseller" },
	{ ROLE_USER, "user" },      { ROLE_BILLING, "billing system" },
	{ ROLE_NOBODY, "anybody" },
};

static void put_roles(struct buf *b, unsigned roles)
{
	const char *between = "For ";

	for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
		if (!(roles & role_names[i].role) ||
		    ((roles & ROLE_NOBODY) && role_names[i].role != ROLE_NOBODY))
			continue;
		buf_printf(b, "%s%s", between, role_names[i].name);
		between = ", ";
	}
	buf_putc(b, '.');
}

static void put_names(struct buf *b, const char *before, const char *const *names)
{
	for (size_t i = 0; i < PARAM_ALIASES && names[i]; i++) {
		buf_puts(b, i ? ", " : before);
		put_code(b, names[i]);
	}
}

static void put_about(struct buf *b, const struct endpoint *ep)
{
	buf_puts(b, "<p>");
	put_text(b, ep->doc);
	buf_puts(b, "</p>\n<p class=\"dim\">");
	put_roles(b, ep->roles);
	put_names(b, " Also called ", ep->aliases);
	if (ep->flags & EP_ADDED)
		buf_puts(b, " Not of the original's contract.");
	if (ep->flags & EP_MACHINE)
		buf_puts(b, " Answers 503: this version does not offer it yet.");
	if (endpoint_writes(ep))
		buf_puts(b, " A <a href=\"#writes\">write</a>.");
	buf_puts(b, "</p>\n");
}

/* Parameters */

static const char *type_name(const struct param *p)
{
	switch (p->type) {
	case PARAM_INT: return "number";
	case PARAM_BOOL: return "true or false";
	case PARAM_LIST: return "list of texts";
	case PARAM_DATE: return "YYYY-MM-DD";
	case PARAM_SECRET:
	case PARAM_PLAIN: return "password";
	case PARAM_FILE: return "file";
	case PARAM_OBJECT: return "JSON";
	case PARAM_ACCOUNT:
	case PARAM_ROW:
	case PARAM_REF: return p->flags & PARAM_BY_KEY ? "id or name" : "id";
	case PARAM_TEXT: break;
	}
	return "text";
}

static void put_param(struct buf *b, const struct param *p)
{
	buf_puts(b, "<tr><td>");
	put_code(b, p->name);
	put_names(b, " or ", p->aliases);
	buf_printf(b, "</td><td>%s%s</td><td>", type_name(p),
		   p->flags & PARAM_REQUIRED ? ", required" : "");
	put_text(b, p->doc ? p->doc : "");
	for (size_t i = 0; p->choices && p->choices[i]; i++) {
		buf_puts(b, i ? ", " : " One of ");
		put_code(b, p->choices[i]);
	}
	if (p->type == PARAM_INT && p->max > p->min)
		buf_printf(b, " From %lld to %lld.", (long long)p->min, (long long)p->max);
	if (p->dflt) {
		buf_puts(b, " Default: ");
		put_code(b, p->dflt);
	}
	buf_puts(b, "</td></tr>\n");
}

static void put_head(struct buf *b, const char *caption, const char *what)
{
	buf_printf(b,
		   "<table><caption>%s</caption>\n<tr><th scope=\"col\">%s</th>"
		   "<th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr>\n",
		   caption, what);
}

static void put_params(struct buf *b, const struct endpoint *ep)
{
	if (!ep->n_params)
		return;
	put_head(b, "Parameters", "Name");
	for (size_t i = 0; i < ep->n_params; i++)
		put_param(b, &ep->params[i]);
	buf_puts(b, "</table>\n");
}

/* Answers */

static const char *column_type(enum column_type type)
{
	switch (type) {
	case COLUMN_INT: return "number";
	case COLUMN_TEXT: return "text";
	case COLUMN_TIME: return "YYYY-MM-DD HH:MM:SS";
	case COLUMN_BOOL: return "0 or 1";
	case COLUMN_REAL: return "number";
	case COLUMN_JSON: break;
	}
	return "JSON";
}

static void put_member(struct buf *b, const char *name, size_t len, const char *type,
		       const char *doc)
{
	buf_printf(b, "<tr><td><code>%.*s</code></td><td>%s</td><td>", (int)len, name, type);
	put_text(b, doc ? doc : "");
	buf_puts(b, "</td></tr>\n");
}

static void put_returns(struct buf *b, const char *names)
{
	while (*(names += strspn(names, " []"))) {
		size_t len = strcspn(names, " []");

		put_member(b, names, len, "", NULL);
		names += len;
	}
}

static void put_answer(struct buf *b, const struct endpoint *ep)
{
	bool is_list = ep->op == EP_LIST || (ep->returns && *ep->returns == '[');

	if (ep->flags & EP_STREAM) {
		buf_puts(b, "<p>Answers a stream of server-sent events.</p>\n");
	} else if (ep->flags & EP_BARE) {
		buf_puts(b, "<p>Answers without the envelope: ");
		put_code(b, ep->media ? ep->media : "application/json");
		buf_puts(b, ".</p>\n");
	} else if (!ep->shape && !ep->returns) {
		if (!(ep->flags & EP_MACHINE))
			buf_puts(b, "<p><code>data</code> is null.</p>\n");
	} else {
		put_head(b,
			 ep->flags & EP_PAGED ? "Each row of <code>data.items</code>"
			 : is_list            ? "Each row of <code>data</code>"
					      : "<code>data</code>",
			 "Member");
		for (size_t i = 0; ep->shape && i < ep->shape->n; i++) {
			const struct column *col = &ep->shape->columns[i];

			put_member(b, col->name, strlen(col->name), column_type(col->type),
				   col->doc);
		}
		if (ep->returns)
			put_returns(b, ep->returns);
		buf_puts(b, "</table>\n");
	}
}

/* Examples */

static const struct {
	const char *name, *value;
} values[] = {
	{ "domain", "example.com" },
	{ "email", "anna@example.com" },
	{ "username", "anna" },
	{ "source", "info@example.com" },
	{ "destination", "anna@example.net" },
	{ "value", "192.0.2.7" },
	{ "type", "A" },
	{ "name", "www" },
	{ "path", "/public_html" },
	{ "command", "/usr/bin/true" },
	{ "schedule", "@daily" },
	{ "parent", "example.com" },
	{ "subdomain", "blog" },
	{ "ip", "192.0.2.7" },
};

static const char *example_text(const struct param *p)
{
	if (p->choices)
		return p->choices[0];
	if (p->dflt)
		return p->dflt;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (strcmp(values[i].name, p->name) == 0)
			return values[i].value;
	}
	return "…";
}

static const char *example_number(const void *ctx, const struct param *p)
{
	if (p->dflt)
		return p->dflt;
	return mem_fmt(ctx, "%lld", (long long)(p->max > p->min ? p->min : 1));
}

/* As JSON. */
static const char *example(const void *ctx, const struct param *p)
{
	switch (p->type) {
	case PARAM_INT: return example_number(ctx, p);
	case PARAM_ACCOUNT:
	case PARAM_ROW:
	case PARAM_REF: return "1";
	case PARAM_BOOL: return "true";
	case PARAM_LIST: return "[\"…\"]";
	case PARAM_OBJECT: return "{}";
	case PARAM_DATE: return "\"2026-12-31\"";
	case PARAM_TEXT:
	case PARAM_SECRET:
	case PARAM_PLAIN:
	case PARAM_FILE: break;
	}
	return mem_fmt(ctx, "\"%s\"", example_text(p));
}

/* Without the quotes of JSON. */
static const char *plain(const void *ctx, const struct param *p)
{
	const char *text = example(ctx, p);

	return *text == '"' ? mem_strn(ctx, text + 1, strlen(text) - 2) : text;
}

/* What a call cannot do without; of those with none, the first: an example with nothing in it says little. */
static bool is_shown(const struct endpoint *ep, size_t i)
{
	bool needs_any = false;

	for (size_t k = 0; k < ep->n_params; k++)
		needs_any |= ep->params[k].flags & PARAM_REQUIRED;
	return (ep->params[i].flags & PARAM_REQUIRED) || (!needs_any && i == 0);
}

static void put_fields(struct buf *b, const void *ctx, const struct endpoint *ep)
{
	const char *between = " -d '{";

	for (size_t i = 0; i < ep->n_params; i++) {
		const struct param *p = &ep->params[i];

		if (!is_shown(ep, i))
			continue;
		buf_printf(b, "%s\"%s\":%s", between, p->name, example(ctx, p));
		between = ",";
	}
	buf_puts(b, *between == ',' ? "}'" : "");
}

static void put_parts(struct buf *b, const void *ctx, const struct endpoint *ep)
{
	for (size_t i = 0; i < ep->n_params; i++) {
		const struct param *p = &ep->params[i];

		if (is_shown(ep, i))
			buf_printf(b, " -F %s=%s", p->name,
				   p->type == PARAM_FILE ? "@FILE" : plain(ctx, p));
	}
}

static void put_query(struct buf *b, const void *ctx, const struct endpoint *ep)
{
	char mark = '?';

	for (size_t i = 0; i < ep->n_params; i++) {
		if (!is_shown(ep, i))
			continue;
		buf_printf(b, "%c%s=%s", mark, ep->params[i].name, plain(ctx, &ep->params[i]));
		mark = '&';
	}
}

static const char *proof(const struct endpoint *ep)
{
	if (ep->roles & ROLE_NOBODY)
		return "";
	return ep->roles == ROLE_BILLING ? " -H \"X-WHMCS-Key: $KEY\""
					 : " -H \"Authorization: Bearer $TOKEN\"";
}

static void put_example(struct buf *out, const struct entry *e)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "example");
	struct buf b = BUF_ON(ctx);

	buf_printf(&b, "curl%s", proof(e->ep));
	if (e->ep->flags & EP_MULTIPART)
		put_parts(&b, ctx, e->ep);
	else if (!(e->ep->methods & METHOD_GET))
		buf_printf(&b, " -X %s -H 'Content-Type: application/json'",
			   e->ep->methods & METHOD_POST ? "POST" : "DELETE");
	if (!(e->ep->methods & METHOD_GET) && !(e->ep->flags & EP_MULTIPART))
		put_fields(&b, ctx, e->ep);
	buf_printf(&b, " \"$PANEL%s", e->path);
	if (e->ep->methods & METHOD_GET)
		put_query(&b, ctx, e->ep);
	buf_puts(&b, "\"");
	buf_puts(out, "<pre>");
	put_text(out, buf_str(&b));
	buf_puts(out, "</pre>\n");
}

/* The page */

static const char *method_names(const struct endpoint *ep)
{
	if (ep->methods & METHOD_DELETE)
		return ep->methods & METHOD_GET ? "GET, POST, DELETE" : "POST, DELETE";
	if (ep->methods & METHOD_POST)
		return ep->methods & METHOD_GET ? "GET, POST" : "POST";
	return "GET";
}

static void put_entry(struct buf *b, const struct entry *e)
{
	buf_puts(b, "<section id=\"");
	put_text(b, e->anchor);
	buf_puts(b, "\">\n<h3><a href=\"#");
	put_text(b, e->anchor);
	buf_printf(b, "\"><code>%s ", method_names(e->ep));
	put_text(b, e->path);
	buf_puts(b, "</code></a></h3>\n");
	put_about(b, e->ep);
	put_params(b, e->ep);
	put_answer(b, e->ep);
	put_example(b, e);
	buf_puts(b, "</section>\n");
}

static const char intro[] =
	"<section id=\"conventions\"><h2>What holds for all</h2>\n"
	"<p>Every answer but a few is <code>{\"success\":true,\"message\":…,\"data\":…}</code>, or with "
	"an HTTP status of 400 and above <code>{\"success\":false,\"message\":…,\"errors\":[{\"path\":…,"
	"\"message\":…}]}</code>. Lists in pages have <code>data.items</code> and "
	"<code>data.meta</code> (total, page, per_page, pages). Times are UTC.</p>\n"
	"<p>Parameters stand in a JSON body, in a form or in the query. A caller shows the cookie "
	"<code>ncpx_session</code> that <a href=\"#auth/login\">auth/login</a> sets, or a token "
	"(<code>Authorization: Bearer</code>); a billing system its key "
	"(<code>X-WHMCS-Key</code>). What belongs to somebody else answers as what is not there: "
	"404.</p>\n"
	"<p>Rate limits are told by <code>X-RateLimit-Limit</code>, <code>-Remaining</code> and "
	"<code>-Reset</code>; 429 has <code>Retry-After</code>. The same for programs: "
	"<a href=\"/api/openapi.json\">openapi.json</a>.</p></section>\n"
	"<section id=\"writes\"><h2>Writes</h2>\n"
	"<p>A write changes desired state and answers with its <code>revision</code> and the "
	"<code>condition</code> of what it was about; the engine applies it afterwards. Writes take "
	"<code>?wait=SECONDS</code> (holds the answer until it is applied or failed, 60 at most), "
	"<code>?dry_run=1</code> (the plan, nothing is written), <code>If-Match: REVISION</code> "
	"(refused when what it is about was changed since) and <code>Idempotency-Key</code> (the "
	"same key again is the same change).</p></section>\n";

static void put_nav(struct buf *b)
{
	buf_puts(b, "<nav aria-label=\"Resources\"><ul>\n");
	for (size_t i = 0; i < n_resources; i++) {
		const struct resource *res = resources[i];

		buf_printf(b, "<li><a href=\"#%s\">%s</a>:", res->name, res->name);
		for (size_t k = 0; k < res->n_rows; k++)
			buf_printf(b, "%s <a href=\"#%s/%s\">%s</a>", k ? "," : "", res->name,
				   res->rows[k].action, res->rows[k].action);
		buf_puts(b, "</li>\n");
	}
	buf_puts(b, "<li><a href=\"#meta\">meta</a></li>\n</ul></nav>\n");
}

static void put_title(struct buf *b, const char *name, const char *doc)
{
	buf_printf(b, "<h2 id=\"%s\">%s</h2>\n<p>", name, name);
	put_text(b, doc);
	buf_puts(b, "</p>\n");
}

static void put_resource(struct buf *b, const struct resource *res)
{
	put_title(b, res->name, res->doc);
	for (size_t i = 0; i < res->n_rows; i++) {
		cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "entry");
		const char *path = mem_fmt(ctx, "/api/%s/%s", res->name, res->rows[i].action);
		const struct entry e = { &res->rows[i], path + strlen("/api/"), path };

		put_entry(b, &e);
	}
}

void refpage_write(struct buf *out)
{
	size_t n;
	const struct endpoint *meta = meta_rows(&n);

	buf_printf(out,
		   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<title>NovaCPX API %s</title>\n<style>%s</style></head>\n<body>\n"
		   "<header><h1>NovaCPX API %s</h1></header>\n",
		   NOVACPX_VERSION, style, NOVACPX_VERSION);
	put_nav(out);
	buf_puts(out, "<main>\n");
	buf_puts(out, intro);
	for (size_t i = 0; i < n_resources; i++)
		put_resource(out, resources[i]);
	put_title(out, "meta", "About the API itself.");
	for (size_t i = 0; i < n; i++) {
		const struct entry e = { &meta[i], meta[i].action, meta[i].action };

		put_entry(out, &e);
	}
	buf_puts(out, "</main>\n</body></html>\n");
}
