/*
 * A domain's site in nginx: one `server` in a file of its own, its certificate,
 * its folder.
 *
 * One shape for all types: names and logs, an ACME challenge location in every
 * variant (so that issuing and renewing edit nothing), and then what the type
 * shows: the account's files and PHP, another domain's, a redirect, or the page
 * of suspended accounts. Shared parts are variables of nginx_server.c.
 *
 * disable_symlinks counts from the home, the last part of the path that the
 * tenant cannot replace by a link; from the site's folder on it could be fooled.
 */
#include <string.h>

#include "renderers/page.h"
#include "renderers/place.h"
#include "renderers/syntax_nginx.h"
#include "renderers/web.h"

#define SITES    "/etc/nginx/novacpx/sites"
#define SITE_LOG "/var/log/novacpx/sites"

struct site {
	const struct view *v;
	const struct domain *d;     /* whose name it answers to */
	const struct domain *shown; /* whose content it shows: the same but for an alias */
	const struct account *a;
	const char *resource;
	const char *home, *root; /* root: NULL for a redirect */
	const char *cert, *key;  /* NULL: no TLS */
	const char *http, *https;
	const char *snippets;
	const char *conf;
	bool suspended;
};

static bool is_type(const struct domain *d, const char *type)
{
	return d->type && strcmp(d->type, type) == 0;
}

/* Deciding */

static int find_content(struct site *s, struct err *err)
{
	const struct domain *t = s->v->target;

	s->shown = s->d;
	if (!is_type(s->d, "alias"))
		return 0;
	if (!t)
		return err_set(err, ERR_INVALID, "target: the domain %s is not there",
			       s->d->target ? s->d->target : "");
	if (is_type(t, "alias") || !t->account || strcmp(t->account, s->a->username) != 0)
		return err_set(err, ERR_INVALID,
			       "target: %s is an alias itself or belongs to another account",
			       t->name);
	s->shown = t;
	return 0;
}

static int find_places(struct site *s, struct err *err)
{
	const struct view *v = s->v;
	const char *folder;
	int r = place_home(v, s->a, &s->home, err);

	if (r >= 0)
		r = place_name("name", s->d->name, err);
	if (r >= 0 && !is_type(s->shown, "redirect"))
		r = place_docroot(v, s->a, s->shown, &s->root, err);
	if (r >= 0)
		r = place_port(v, "web_http_port", &s->http, err);
	if (r >= 0)
		r = place_port(v, "web_https_port", &s->https, err);
	if (r < 0)
		return r;
	folder = view_folder(v, s->a->username);
	s->conf = mem_fmt(v->ctx, SITES "/%s/%s.conf", folder, s->d->name);
	s->snippets = mem_fmt(v->ctx, SITES "/%s/%s.d", folder, s->d->name);
	return 0;
}

static int check_redirect(const struct site *s, struct err *err)
{
	const char *to = s->shown->redirect_to;

	if (!is_type(s->shown, "redirect") ||
	    (to && (strncmp(to, "http://", 7) == 0 || strncmp(to, "https://", 8) == 0)))
		return 0;
	return err_set(err, ERR_INVALID, "redirect_to: no http or https address");
}

/* The certificate */

static void put_pem(const struct site *s, struct catalog *out, const char *path, const char *pem,
		    const char *chain, bool secret)
{
	struct artifact like = {
		.flags = secret ? (unsigned)ARTIFACT_SECRET : 0,
		.resource = s->resource,
		.service = "nginx",
		.mode = secret ? 0600 : 0644,
		.owner = "root",
		.group = "root",
	};

	place_file(out, &like, path, mem_fmt(s->v->ctx, "%s%s", pem, chain ? chain : ""));
}

static int find_certificate(struct site *s, struct catalog *out, struct err *err)
{
	const struct certificate *c = view_one(s->v, &kind_certificate);
	char xx[3];
	int r;

	if (!c || (!c->cert && !c->cert_path))
		return 0; /* none yet */
	if (c->cert_path) {
		r = place_path("cert_path", c->cert_path, err);
		if (r >= 0)
			r = place_path("key_path", c->key_path, err);
		s->cert = c->cert_path;
		s->key = c->key_path;
		return r;
	}
	if (!c->key)
		return err_set(err, ERR_INVALID, "certificate %s: there is no key to its cert",
			       s->d->name);
	shard_of(s->d->name, xx);
	s->cert = mem_fmt(s->v->ctx, "/etc/novacpx/ssl/%s/%s/cert.pem", xx, s->d->name);
	s->key = mem_fmt(s->v->ctx, "/etc/novacpx/ssl/%s/%s/key.pem", xx, s->d->name);
	put_pem(s, out, s->cert, c->cert, c->chain, false);
	put_pem(s, out, s->key, c->key, NULL, true);
	return 0;
}

/* Writing */

static void put_listen(const struct site *s, struct nginx *c)
{
	bool ipv6 = view_setting_is(s->v, "web_ipv6", "true");

	nginx_put(c, "listen", s->http);
	if (ipv6)
		nginx_put(c, "listen", mem_fmt(s->v->ctx, "[::]:%s", s->http));
	if (!s->cert)
		return;
	nginx_put(c, "listen", s->https, "ssl", "http2");
	if (ipv6)
		nginx_put(c, "listen", mem_fmt(s->v->ctx, "[::]:%s", s->https), "ssl", "http2");
}

static void put_names(const struct site *s, struct nginx *c)
{
	if (s->d->www && !is_type(s->d, "subdomain"))
		nginx_put(c, "server_name", s->d->name, mem_fmt(s->v->ctx, "www.%s", s->d->name));
	else
		nginx_put(c, "server_name", s->d->name);
	if (!s->cert)
		return;
	nginx_put(c, "ssl_certificate", s->cert);
	nginx_put(c, "ssl_certificate_key", s->key);
}

/* Literal paths: a log named by a variable costs a check of the root at every request. */
static void put_logs(const struct site *s, struct nginx *c)
{
	const char *user = s->a->username;

	nginx_put(c, "access_log", mem_fmt(s->v->ctx, SITE_LOG "/%s.access.log", user), "novacpx");
	nginx_put(c, "error_log", mem_fmt(s->v->ctx, SITE_LOG "/%s.error.log", user));
}

static void put_challenge(struct nginx *c)
{
	nginx_open(c, "location", "^~", ACME_URI);
	nginx_put(c, "root", ACME_ROOT);
	nginx_close(c);
}

/* 503, which POST and HEAD get too, keeps search engines from dropping the site. */
static void put_suspended(struct nginx *c)
{
	nginx_put(c, "error_page", "503", "/novacpx-suspended.html");
	nginx_open(c, "location", "/");
	nginx_put(c, "return", "503");
	nginx_close(c);
	nginx_open(c, "location", "=", "/novacpx-suspended.html");
	nginx_put(c, "internal");
	nginx_put(c, "alias", "/var/lib/novacpx/suspended/index.html");
	nginx_put(c, "add_header", "Retry-After", "86400", "always");
	nginx_put(c, "add_header", "Cache-Control", "no-store", "always");
	nginx_close(c);
}

static void put_redirect(const struct site *s, struct nginx *c)
{
	bool for_now = s->shown->redirect_code && strcmp(s->shown->redirect_code, "302") == 0;

	nginx_open(c, "location", "/");
	nginx_put(c, "return", for_now ? "302" : "301", s->shown->redirect_to);
	nginx_close(c);
}

static void put_force_https(const struct site *s, struct nginx *c)
{
	bool usual = strcmp(s->https, "443") == 0;

	if (!s->cert || !s->d->force_https)
		return;
	nginx_open_vars(c, "if", "($novacpx_to_https)");
	nginx_put_vars(c, "return", "301",
		       mem_fmt(s->v->ctx, "https://$host%s%s$request_uri", usual ? "" : ":",
			       usual ? "" : nginx_plain(c, s->https)));
	nginx_close(c);
}

/* Path by path: PHP by its location; a plain file; a folder's index; the front controller. */
static void put_content(const struct site *s, struct nginx *c)
{
	bool php = s->shown->php;

	nginx_put(c, "root", s->root);
	if (php)
		nginx_put(c, "index", "index.php", "index.html", "index.htm");
	else
		nginx_put(c, "index", "index.html", "index.htm");
	nginx_put(c, "disable_symlinks", "if_not_owner", mem_fmt(s->v->ctx, "from=%s", s->home));
	nginx_put_vars(c, "expires", "$novacpx_expires");
	if (!php) {
		nginx_put_vars(c, "try_files", "$novacpx_file", "$novacpx_file/", "=404");
		return;
	}
	/* the socket's name in a variable: literal ones make nginx -t quadratic */
	nginx_put_vars(c, "set", "$novacpx_account", nginx_plain(c, s->a->username));
	nginx_put_vars(c, "try_files", "$novacpx_file", "$novacpx_file/",
		       "/index.php$is_args$args");
	nginx_open_vars(c, "location", "~",
			"^(?<novacpx_script>.+?\\.php)(?<novacpx_path_info>/.*)?$");
	nginx_put_vars(c, "try_files", "$novacpx_script", "=404");
	nginx_put_vars(c, "fastcgi_pass", "unix:/run/php/novacpx-$novacpx_account.sock");
	nginx_close(c);
}

static void put_server(const struct site *s, struct nginx *c)
{
	nginx_open(c, "server");
	put_listen(s, c);
	put_names(s, c);
	put_logs(s, c);
	put_challenge(c);
	if (s->suspended) {
		put_suspended(c);
	} else if (!s->root) {
		put_redirect(s, c);
	} else {
		put_force_https(s, c);
		put_content(s, c);
	}
	if (!s->suspended)
		nginx_put(c, "include", mem_fmt(s->v->ctx, "%s/*.conf", s->snippets));
	nginx_close(c);
}

static int put_vhost(const struct site *s, struct catalog *out, struct err *err)
{
	struct artifact like = { .resource = s->resource,
				 .service = "nginx",
				 .mode = 0644,
				 .owner = "root",
				 .group = "root" };
	struct artifact copies = like;
	struct buf text = BUF_ON(s->v->ctx);
	struct nginx c;
	int r;

	nginx_begin(&c, &text, err);
	nginx_comment(&c, view_banner(s->v, s->resource));
	put_server(s, &c);
	r = nginx_end(&c);
	if (r < 0)
		return r;
	place_file(out, &like, s->conf, buf_str(&text));
	copies.type = ARTIFACT_COPYDIR;
	copies.path = s->snippets;
	copies.source = mem_fmt(s->v->ctx, "/etc/novacpx/nginx.d/%s", s->d->name);
	catalog_add(out, &copies);
	return 0;
}

/* The folder, with a page to begin with; public_html itself comes with the home. */
static void put_folder(const struct site *s, struct catalog *out)
{
	struct artifact like = {
		.flags = ARTIFACT_ONCE | ARTIFACT_TENANT,
		.resource = s->resource,
		.mode = 0755,
		.owner = s->a->username,
		.group = s->a->username,
	};
	const void *ctx = s->v->ctx;

	if (!s->root || s->shown != s->d || strcmp(s->root, s->home) == 0 ||
	    strcmp(s->root, mem_fmt(ctx, "%s/public_html", s->home)) == 0)
		return;
	like.flags |= ARTIFACT_NEEDED;
	place_dir(out, &like, s->root);
	like.flags &= ~(unsigned)ARTIFACT_NEEDED;
	like.mode = 0644;
	place_file(out, &like, mem_fmt(ctx, "%s/index.html", s->root),
		   page_make(ctx, s->d->name,
			     "This site is ready. Put your files into its folder; this page is "
			     "index.html."));
}

static int nginx_site_render(const struct view *v, struct catalog *out, struct err *err)
{
	struct site s = { .v = v, .d = view_one(v, &kind_domain), .a = v->account };
	int r;

	if (!s.d || !s.a || !view_setting_is(v, "web_server", "nginx"))
		return 0;
	s.suspended = account_is_suspended(s.a);
	s.resource = mem_fmt(v->ctx, "domain/%s", s.d->name);
	r = find_content(&s, err);
	if (r >= 0)
		r = check_redirect(&s, err);
	if (r >= 0)
		r = find_places(&s, err);
	if (r >= 0)
		r = find_certificate(&s, out, err);
	if (r >= 0)
		r = put_vhost(&s, out, err);
	if (r < 0)
		return err_wrap(err, "site %s", s.d->name);
	put_folder(&s, out);
	return 0;
}

static const struct kind *const inputs[] = { &kind_domain, &kind_certificate, &kind_account,
					     &kind_setting, NULL };

const struct renderer render_nginx_site = {
	.name = "nginx_site",
	.level = SCOPE_DOMAIN,
	.inputs = inputs,
	.render = nginx_site_render,
};
