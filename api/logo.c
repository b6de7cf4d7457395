#include "api/logo.h"

#include <string.h>
#include <time.h>

#include "api/endpoint.h"
#include "api/image.h"
#include "api/server.h"
#include "base/digest.h"

enum {
	NAME_LEN = 32 /* of the digest's hexadecimal digits */
};

static const char *name_of(struct call *c, const char *reseller, const struct part *file)
{
	const struct digest_part parts[] = { { reseller, strlen(reseller) + 1 },
					     { file->data, file->len } };
	struct digest d = digest_of_parts(parts, ARRAY_LEN(parts));
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&d, hex);
	return mem_strn(c->ctx, hex, NAME_LEN);
}

static const char *url_of(struct call *c, const char *name)
{
	return mem_fmt(c->ctx, LOGO_PATH "?id=%s", name);
}

int logo_take(struct call *c, const char *reseller, const char **ret_url, struct err *err)
{
	const struct part *file = call_arg(c, "logo")->res;
	struct err why = ERR_INIT;
	struct image image;

	if (file->len > LOGO_MAX) {
		call_problem(c, "logo", "logo: the file is too large");
		return err_set(err, ERR_TOOBIG,
			       "logo: the file has %zu bytes; allowed are %d (512 KiB)", file->len,
			       LOGO_MAX);
	}
	if (image_read(file->data, file->len, &image, &why) < 0)
		return err_at(err, ERR_INVALID, "/logo", "logo: %s", why.msg);
	*ret_url = url_of(c, name_of(c, reseller, file));
	return 0;
}

int logo_keep(struct call *c, const char *reseller, const char *url, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const struct part *file = call_arg(c, "logo")->res;
	const struct branding *b = NULL;
	struct image image;
	int r = store_get(c->ctx, c->store, &kind_branding, reseller, &b, err);

	/* a dry run keeps nothing; a request that came again does not bring an old one back */
	if (r < 0 || c->is_dry_run || !b->logo_url || strcmp(b->logo_url, url) != 0)
		return r;
	r = image_read(file->data, file->len, &image, err);
	if (r >= 0)
		r = sql_get(c->seat->db,
			    "REPLACE INTO logo(reseller,name,type,extension,created,data) "
			    "VALUES(?,?,?,?,?,?)",
			    &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, reseller);
	sql_bind_text(st, 2, name_of(c, reseller, file));
	sql_bind_text(st, 3, image.type);
	sql_bind_text(st, 4, image.extension);
	sql_bind_int(st, 5, (int64_t)time(NULL));
	sql_bind_blob(st, 6, file->data, file->len);
	return sql_run(st, err);
}

int logo_drop(struct call *c, const char *reseller, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	int r;

	if (c->is_dry_run)
		return 0;
	r = sql_get(c->seat->db, "DELETE FROM logo WHERE reseller=?", &st, err);
	if (r < 0)
		return r;
	sql_bind_text(st, 1, reseller);
	return sql_run(st, err);
}

/* Showing */

static int missing(struct err *err)
{
	return err_set(err, ERR_NOTFOUND, "There is no such logo");
}

/* Whether the reseller's branding still names it: 1, 0 or an error. */
static int is_wanted(struct call *c, const char *reseller, const char *name, struct err *err)
{
	const struct branding *b = NULL;
	int r = store_get(c->ctx, c->store, &kind_branding, reseller, &b, err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : b->logo_url && strcmp(b->logo_url, url_of(c, name)) == 0;
}

static void put_headers(struct call *c, const char *name, const char *extension)
{
	bool is_svg = strcmp(extension, "svg") == 0;

	call_header(c, "ETag", mem_fmt(c->ctx, "\"%s\"", name));
	/* asked for again each time, so that one that was replaced is gone; mostly that is a 304 */
	call_header(c, "Cache-Control", "public, no-cache");
	call_header(c, "Content-Security-Policy",
		    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
		    "sandbox");
	call_header(c, "Content-Disposition",
		    mem_fmt(c->ctx, "%s; filename=\"logo.%s\"", is_svg ? "attachment" : "inline",
			    extension));
}

static bool has_it(struct call *c, const char *name)
{
	const char *known = request_header(c->request, "If-None-Match");

	return known && (strcmp(known, "*") == 0 || strstr(known, name));
}

int logo_show(struct call *c, struct err *err)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *name = call_text(c, "id", "");
	size_t len = 0;
	const void *data;
	int r = sql_get(c->seat->db, "SELECT reseller,type,extension,data FROM logo WHERE name=?",
			&st, err);

	if (r < 0)
		return r;
	sql_bind_text(st, 1, name);
	r = sql_step(st, err);
	if (r > 0)
		r = is_wanted(c, sql_text(st, 0), name, err);
	if (r <= 0)
		return r < 0 ? r : missing(err);
	c->type = mem_str(c->ctx, sql_text(st, 1));
	put_headers(c, name, sql_text(st, 2));
	if (has_it(c, name)) {
		c->status = 304;
		return 0;
	}
	data = sql_blob(st, 3, &len);
	buf_put(&c->data, data, len);
	return 0;
}
