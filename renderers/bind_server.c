/*
 * What BIND needs once: the right to take zones in while it runs, and the
 * folder they lie in.
 *
 * named.conf knows one `options` block only, and Debian's is in
 * named.conf.options; so one line is put into that block, which includes a file
 * of ours. `rndc reconfig` makes it live, no restart.
 *
 * named's own empty zones stay (RFC 6303): without them a resolver here asks
 * the world for private reverse names. Where a customer hosts a zone of such a
 * name, it takes its place (reconciler/act_zone.c, ADR 16).
 */
#include <string.h>

#include "renderers/place.h"
#include "renderers/syntax_block.h"

#define OPTIONS "/etc/bind/novacpx.options"

static int put_options(const struct view *v, struct catalog *out, const struct artifact *like,
		       struct err *err)
{
	const char *port = NULL;
	struct buf text = BUF_ON(v->ctx);
	struct block b;
	int r = place_port(v, "dns_port", &port, err);

	if (r < 0)
		return r;
	block_begin(&b, &text, err);
	block_comment(&b, view_banner(v, like->resource));
	block_put(&b, "allow-new-zones", "yes");
	if (strcmp(port, "53") != 0)
		block_put(&b, "port", port);
	r = block_end(&b);
	if (r < 0)
		return err_wrap(err, "BIND's options");
	place_file(out, like, OPTIONS, buf_str(&text));
	return 0;
}

static int put_include(const struct view *v, struct catalog *out, const struct artifact *like,
		       struct err *err)
{
	struct artifact block = *like;
	struct buf text = BUF_ON(v->ctx);
	struct block b;
	int r;

	block_begin(&b, &text, err);
	block_put_string(&b, "include", OPTIONS);
	r = block_end(&b);
	if (r < 0)
		return r;
	block.type = ARTIFACT_BLOCK;
	block.path = "/etc/bind/named.conf.options";
	block.anchor = "options {";
	block.data = buf_str(&text);
	block.len = text.len;
	catalog_add(out, &block);
	return 0;
}

/* Left out, named opens port 953 of itself; without `keys` it takes /etc/bind/rndc.key either way. */
static int put_controls(const struct view *v, struct catalog *out, const struct artifact *like,
			struct err *err)
{
	struct artifact block = *like;
	struct buf text = BUF_ON(v->ctx);
	const char *port = NULL;
	struct block b;
	int r = place_port(v, "rndc_port", &port, err);

	if (r < 0 || strcmp(port, "953") == 0)
		return r;
	block_begin(&b, &text, err);
	block_open(&b, "controls");
	block_open(&b, "inet", "127.0.0.1", "port", port, "allow");
	block_put(&b, "127.0.0.1");
	block_close(&b);
	block_close(&b);
	r = block_end(&b);
	if (r < 0)
		return err_wrap(err, "BIND's control channel");
	block.type = ARTIFACT_BLOCK;
	block.path = "/etc/bind/named.conf.local";
	block.data = buf_str(&text);
	block.len = text.len;
	catalog_add(out, &block);
	return 0;
}

static int bind_server_render(const struct view *v, struct catalog *out, struct err *err)
{
	struct artifact like = { .resource = "server/bind",
				 .service = "bind",
				 .mode = 0644,
				 .owner = "root",
				 .group = "bind" };
	struct artifact folder = like;
	int r;

	if (!view_setting_is(v, "dns_server", "bind9"))
		return 0;
	r = put_options(v, out, &like, err);
	if (r >= 0)
		r = put_include(v, out, &like, err);
	if (r >= 0)
		r = put_controls(v, out, &like, err);
	if (r < 0)
		return r;
	folder.mode = 0755;
	place_dir(out, &folder, "/var/lib/bind/novacpx");
	return 0;
}

static const struct kind *const inputs[] = { &kind_setting, NULL };

const struct renderer render_bind_server = {
	.name = "bind_server",
	.level = SCOPE_SERVER,
	.inputs = inputs,
	.render = bind_server_render,
};
