#include <string.h>
#include <strings.h>

#include "api/server_priv.h"
#include "model/check.h"

enum {
	BODY_START = 4096,
	PART_HEAD_MAX = 4096,
	BOUNDARY_MAX = 70, /* RFC 2046, 5.1.1 */
};

static bool media_is(const char *type, const char *want)
{
	size_t len = strlen(want);

	return type && strncasecmp(type, want, len) == 0 &&
	       (!type[len] || strchr("; \t", type[len]));
}

/* `; name=token` or `; name="quoted"`, taken off *REST. 1: there was one, 0: the end, -1: malformed. */
static int next_param(char **rest, char **ret_name, char **ret_value)
{
	char *p = *rest + strspn(*rest, " \t;");
	char *to;

	if (!*p)
		return 0;
	*ret_name = p;
	p += strcspn(p, "= \t;");
	if (p == *ret_name || *p != '=')
		return -1;
	*p++ = '\0';
	if (*p != '"') {
		*ret_value = p;
		p += strcspn(p, "; \t");
		*rest = *p ? p + 1 : p;
		*p = '\0';
		return 1;
	}
	*ret_value = to = ++p;
	while (*p && *p != '"') {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		*to++ = *p++;
	}
	if (!*p)
		return -1;
	*rest = p + 1;
	*to = '\0';
	return !**rest || strchr("; \t", **rest) ? 1 : -1;
}

/* "--" and the boundary of a multipart type; NULL: none that is allowed. */
static char *boundary_of(struct request *r)
{
	char *rest = mem_str(r, request_header(r, "content-type"));
	char *name;
	char *value;

	rest += strcspn(rest, ";");
	while (next_param(&rest, &name, &value) == 1)
		if (strcasecmp(name, "boundary") == 0) {
			size_t len = strlen(value);

			if (!len || len > BOUNDARY_MAX || value[len - 1] == ' ')
				return NULL;
			return mem_fmt(r, "--%s", value);
		}
	return NULL;
}

unsigned body_begin(struct request *r, const struct admission *adm, const char **ret_why)
{
	const char *type = request_header(r, "content-type");
	bool is_form = media_is(type, "multipart/form-data");

	r->max = MIN(adm->body_max, SIZE_MAX / 4);
	if (r->length > r->max) {
		*ret_why = mem_fmt(r, "The body may have at most %zu bytes.", r->max);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	if (type && strncasecmp(type, "multipart/", 10) == 0 && !(adm->is_multipart && is_form)) {
		*ret_why = "A body of several parts is not taken here.";
		return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	}
	r->is_multipart = is_form;
	return 0;
}

/* Announced lengths cost nothing: memory grows with what has come, and all bodies share a budget. */
static unsigned grow(struct request *r, size_t need, const char **ret_why)
{
	struct core *core = r->core;
	size_t cap = r->cap ? r->cap : BODY_START;
	bool is_over;

	while (cap < need)
		cap *= 2;
	cap = MIN(cap, r->max + 1);
	core_lock(core);
	is_over = core->body_bytes + (cap - r->cap) > core->opts.bodies_max;
	if (!is_over)
		core->body_bytes += cap - r->cap;
	core_unlock(core);
	if (is_over) {
		*ret_why = "Too many large requests come in at once; try again later.";
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	r->cap = cap;
	r->body = talloc_realloc_size(r, r->body, cap);
	if (!r->body)
		mem_abort();
	return 0;
}

unsigned body_add(struct request *r, const char *data, size_t len, const char **ret_why)
{
	unsigned status;

	if (len > r->max - r->len) {
		*ret_why = mem_fmt(r, "The body may have at most %zu bytes.", r->max);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	if (r->len + len + 1 > r->cap) {
		status = grow(r, r->len + len + 1, ret_why);
		if (status)
			return status;
	}
	memcpy(r->body + r->len, data, len);
	r->len += len;
	r->body[r->len] = '\0';
	return 0;
}

static bool text_is_clean(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return utf8_is_valid(s, len);
}

static const char *read_disposition(struct part *part, char *value)
{
	char *rest = value + strcspn(value, ";");
	char *param;
	char *text;
	int res;

	if (!media_is(value, "form-data"))
		return "A part has another Content-Disposition than form-data.";
	while ((res = next_param(&rest, &param, &text)) == 1) {
		const char **where = strcasecmp(param, "name") == 0       ? &part->name
				     : strcasecmp(param, "filename") == 0 ? &part->filename
									  : NULL;

		if (!where)
			continue;
		if (*where || !text_is_clean(text))
			return "A part has two names, or one with control characters or not "
			       "UTF-8.";
		*where = text;
	}
	return res < 0 ? "A part's Content-Disposition is malformed." : NULL;
}

/* LINE has no line end any more; it is cut up in place. */
static const char *read_part_line(struct part *part, char *line)
{
	char *value = strchr(line, ':');

	if (!value || value == line || *line == ' ' || *line == '\t')
		return "A part has a malformed header line.";
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "content-disposition") == 0)
		return part->name ? "A part has two Content-Dispositions."
				  : read_disposition(part, value);
	if (strcasecmp(line, "content-type") == 0) {
		if (!text_is_clean(value))
			return "A part's Content-Type has control characters or is not UTF-8.";
		part->type = value;
	}
	if (strcasecmp(line, "content-transfer-encoding") == 0 &&
	    strcasecmp(value, "binary") != 0 && strcasecmp(value, "8bit") != 0 &&
	    strcasecmp(value, "7bit") != 0)
		return "A part has a Content-Transfer-Encoding (RFC 7578 forbids it).";
	return NULL;
}

/* From *REST to the empty line; *REST then stands at the data. */
static const char *read_part_head(struct part *part, char **rest, const char *end)
{
	const char *from = *rest;

	for (;;) {
		char *line = *rest;
		char *eol = memmem(line, (size_t)(end - line), "\r\n", 2);
		const char *why;

		if (!eol || eol - from > PART_HEAD_MAX || memchr(line, '\0', (size_t)(eol - line)))
			return "A part's head does not end, is too long or has a NUL.";
		*eol = '\0';
		*rest = eol + 2;
		if (eol == line)
			return part->name ? NULL : "A part has no name.";
		why = read_part_line(part, line);
		if (why)
			return why;
	}
}

static struct part *add_part(struct request *r)
{
	if (!r->parts)
		r->parts = mem_zero(r, HTTP_PARTS_MAX * sizeof(*r->parts));
	return r->n_parts < HTTP_PARTS_MAX ? &r->parts[r->n_parts++] : NULL;
}

/*
 * The whole body is there, so it is taken apart in place instead of by the library's post
 * processor, which works on pieces and has had its share of defects. A delimiter is CR LF, two
 * dashes, the boundary; before the first the CR LF may be missing (RFC 2046, 5.1.1).
 */
static const char *read_parts(struct request *r)
{
	char *mark = boundary_of(r);
	char *p = r->body;
	const char *end = r->body + r->len;
	size_t len;

	if (!mark)
		return "The multipart body's boundary is missing or malformed.";
	len = strlen(mark);
	if (r->len < len || memcmp(p, mark, len) != 0)
		return "The multipart body does not begin with its boundary.";
	mark = mem_fmt(r, "\r\n%s", mark);
	for (p += len; !(end - p >= 2 && p[0] == '-' && p[1] == '-');) {
		struct part *part;
		const char *why;
		char *next;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
			return "The multipart body ends before its last boundary.";
		p += 2;
		part = add_part(r);
		if (!part)
			return mem_fmt(r, "The body may have at most %d parts.", HTTP_PARTS_MAX);
		why = read_part_head(part, &p, end);
		if (why)
			return why;
		next = memmem(p, (size_t)(end - p), mark, len + 2);
		if (!next)
			return "The multipart body ends before its last boundary.";
		part->data = p;
		part->len = (size_t)(next - p);
		*next = '\0';
		p = next + len + 2;
	}
	return NULL;
}

unsigned body_end(struct request *r, const char **ret_why)
{
	if (!r->is_multipart)
		return 0;
	*ret_why = r->body ? read_parts(r) : "The multipart body is empty.";
	return *ret_why ? MHD_HTTP_BAD_REQUEST : 0;
}

const char *request_body(const struct request *r, size_t *ret_len)
{
	bool is_there = r->body && !r->is_multipart;

	if (ret_len)
		*ret_len = is_there ? r->len : 0;
	return is_there ? r->body : "";
}

const struct part *request_parts(const struct request *r, size_t *ret_n)
{
	*ret_n = r->n_parts;
	return r->parts;
}
