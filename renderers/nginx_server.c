/*
 * What all sites share: nginx's http-level file, the folders that the sites'
 * files, challenges and logs lie in, the page of suspended accounts.
 *
 * The shape and its reasons: one block a site holds as little as it can, for
 * each location costs nginx 7 KB at every reload; what sites have in common
 * are variables here. PHP is found by a regular expression, which wins over
 * prefix locations: a location that an administrator adds to a site never turns
 * PHP source into a download.
 */
#include "renderers/page.h"
#include "renderers/place.h"
#include "renderers/syntax_nginx.h"
#include "renderers/web.h"

#define STATIC_REGEX                                                                             \
	"~*\\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp4|webm|ogg" \
	"|mp3|pdf)$"

struct ports {
	const char *http, *https;
	bool ipv6;
};

static void put_names_hash(struct nginx *c)
{
	nginx_comment(c, "Names of sites: room for a hundred thousand; nginx's own values end at a "
			 "few hundred.");
	nginx_put(c, "server_names_hash_bucket_size", "128");
	nginx_put(c, "server_names_hash_max_size", "131072");
	nginx_blank(c);
}

static void put_log_format(struct nginx *c)
{
	nginx_put_vars(c, "log_format", "novacpx",
		       "$remote_addr - $remote_user [$time_local] \"$request\" $status "
		       "$body_bytes_sent \"$http_referer\" \"$http_user_agent\"");
	nginx_blank(c);
}

static void put_maps(struct nginx *c)
{
	nginx_comment(c, "What may leave as a plain file: no dotfile but /.well-known, no PHP "
			 "source. Volatile: the index module changes the URI on its way.");
	nginx_open_vars(c, "map", "$uri", "$novacpx_file");
	nginx_put(c, "volatile");
	nginx_put_vars(c, "~/\\.(?!well-known(?:/|$))", "/.novacpx-none");
	nginx_put_vars(c, "~*\\.(?:php[0-9]?|phtml|phar)(?:/|$)", "/.novacpx-none");
	nginx_put_vars(c, "default", "$uri");
	nginx_close(c);
	nginx_open_vars(c, "map", "$uri", "$novacpx_expires");
	nginx_put(c, "volatile");
	nginx_put_vars(c, STATIC_REGEX, "30d");
	nginx_put(c, "default", "off");
	nginx_close(c);
	nginx_blank(c);
	nginx_comment(c, "1 where plain HTTP goes on to HTTPS: everywhere but at ACME challenges.");
	nginx_open_vars(c, "map", "$scheme:$uri", "$novacpx_to_https");
	nginx_put(c, "~^http:(?!/\\.well-known/acme-challenge/)", "1");
	nginx_put(c, "default", "");
	nginx_close(c);
	nginx_blank(c);
	nginx_comment(c, "HTTP_HOST is $host as in Debian's fastcgi_params: $http_host may be "
			 "another one than was asked for.");
	nginx_open_vars(c, "map", "$server_port", "$novacpx_port");
	nginx_put(c, "80", "");
	nginx_put(c, "443", "");
	nginx_put_vars(c, "default", ":$server_port");
	nginx_close(c);
	nginx_blank(c);
}

static void put_fastcgi(struct nginx *c)
{
	static const char *const params[][3] = {
		{ "SCRIPT_FILENAME", "$document_root$novacpx_script", NULL },
		{ "SCRIPT_NAME", "$novacpx_script", NULL },
		{ "PATH_INFO", "$novacpx_path_info", "if_not_empty" },
		{ "DOCUMENT_URI", "$novacpx_script$novacpx_path_info", NULL },
		{ "DOCUMENT_ROOT", "$document_root", NULL },
		{ "QUERY_STRING", "$query_string", NULL },
		{ "REQUEST_METHOD", "$request_method", NULL },
		{ "CONTENT_TYPE", "$content_type", NULL },
		{ "CONTENT_LENGTH", "$content_length", NULL },
		{ "REQUEST_URI", "$request_uri", NULL },
		{ "SERVER_PROTOCOL", "$server_protocol", NULL },
		{ "REQUEST_SCHEME", "$scheme", NULL },
		{ "HTTPS", "$https", "if_not_empty" },
		{ "GATEWAY_INTERFACE", "CGI/1.1", NULL },
		{ "SERVER_SOFTWARE", "nginx", NULL },
		{ "REMOTE_ADDR", "$remote_addr", NULL },
		{ "REMOTE_PORT", "$remote_port", NULL },
		{ "REMOTE_USER", "$remote_user", NULL },
		{ "SERVER_ADDR", "$server_addr", NULL },
		{ "SERVER_PORT", "$server_port", NULL },
		{ "SERVER_NAME", "$server_name", NULL },
		{ "HTTP_HOST", "$host$novacpx_port", NULL },
		{ "HTTP_PROXY", "", NULL }, /* a Proxy: header must not become PHP's proxy */
		{ "REDIRECT_STATUS", "200", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		nginx_put_vars(c, "fastcgi_param", params[i][0], params[i][1], params[i][2]);
	nginx_blank(c);
}

/*
 * Names that nobody here owns. The first server of a port is its default;
 * default_server is not written, for Debian's own site has it. TLS values of a
 * port are taken from its first server, which is this one.
 */
static void put_unknown(struct nginx *c, const struct view *v, const struct ports *p)
{
	nginx_comment(c, "Names that nobody here owns.");
	nginx_open(c, "server");
	nginx_put(c, "listen", p->http);
	if (p->ipv6)
		nginx_put(c, "listen", mem_fmt(v->ctx, "[::]:%s", p->http));
	nginx_put(c, "listen", p->https, "ssl", "http2");
	if (p->ipv6)
		nginx_put(c, "listen", mem_fmt(v->ctx, "[::]:%s", p->https), "ssl", "http2");
	nginx_put(c, "server_name", "novacpx-unknown.invalid");
	nginx_put(c, "ssl_reject_handshake", "on");
	nginx_put(c, "ssl_protocols", "TLSv1.2", "TLSv1.3");
	nginx_put(c, "ssl_session_cache", "shared:novacpx:20m");
	nginx_put(c, "ssl_session_timeout", "1d");
	nginx_put(c, "ssl_session_tickets", "off");
	nginx_put(c, "access_log", "off");
	nginx_comment(c, "so that the names are known where no site uses them");
	nginx_put_vars(c, "set", "$novacpx_script", "");
	nginx_put_vars(c, "set", "$novacpx_path_info", "");
	nginx_put_vars(c, "set", "$novacpx_account", "");
	nginx_open(c, "location", "^~", ACME_URI);
	nginx_put(c, "root", ACME_ROOT);
	nginx_close(c);
	nginx_open(c, "location", "/");
	nginx_put(c, "return", "421");
	nginx_close(c);
	nginx_close(c);
	nginx_blank(c);
}

static int put_conf(const struct view *v, struct catalog *out, const struct artifact *like,
		    struct err *err)
{
	struct ports p = { .ipv6 = view_setting_is(v, "web_ipv6", "true") };
	const char *body_mb = NULL;
	struct buf text = BUF_ON(v->ctx);
	struct nginx c;
	int r = place_port(v, "web_http_port", &p.http, err);

	if (r >= 0)
		r = place_port(v, "web_https_port", &p.https, err);
	if (r >= 0)
		r = place_number(v, "web_max_body_mb", 1048576, &body_mb, err);
	if (r < 0)
		return r;
	nginx_begin(&c, &text, err);
	nginx_comment(&c, view_banner(v, like->resource));
	nginx_comment(&c, "Own additions go to another file of this folder.");
	nginx_blank(&c);
	put_names_hash(&c);
	put_log_format(&c);
	nginx_put(&c, "client_max_body_size", mem_fmt(v->ctx, "%sm", body_mb));
	nginx_blank(&c);
	put_maps(&c);
	put_fastcgi(&c);
	put_unknown(&c, v, &p);
	nginx_put(&c, "include", "/etc/nginx/novacpx/sites/*/*/*.conf");
	r = nginx_end(&c);
	if (r < 0)
		return err_wrap(err, "nginx");
	place_file(out, like, "/etc/nginx/conf.d/novacpx.conf", buf_str(&text));
	return 0;
}

static void put_folders(struct catalog *out, const struct artifact *like)
{
	static const struct {
		const char *path;
		mode_t mode;
	} folders[] = {
		{ "/etc/nginx/novacpx", 0755 },
		{ "/etc/nginx/novacpx/sites", 0755 },
		{ ACME_ROOT, 0755 },
		{ "/var/lib/novacpx/suspended", 0755 },
		{ "/var/log/novacpx", 0755 },
		/* tenants open their own logs by name; nobody lists the others */
		{ "/var/log/novacpx/sites", 0711 },
	};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct artifact dir = *like;

		dir.mode = folders[i].mode;
		dir.service = NULL;
		place_dir(out, &dir, folders[i].path);
	}
}

/* Texts without a value of anybody's, so written as they are. */
static void put_constants(const struct view *v, struct catalog *out, const struct artifact *like)
{
	const char *banner = view_banner(v, like->resource);
	struct artifact page = *like;

	page.service = NULL;
	place_file(out, &page, "/var/lib/novacpx/suspended/index.html",
		   page_make(v->ctx, "This site is suspended",
			     "If it is yours, ask your provider how to bring it back."));
	place_file(out, &page, ACME_ROOT SITE_PROBE_URI, SITE_PROBE_TEXT);
	/* two open logs an account, twice that during a reload; systemd's limit is 1024 */
	place_file(out, like, "/etc/systemd/system/nginx.service.d/novacpx.conf",
		   mem_fmt(v->ctx, "# %s\n[Service]\nLimitNOFILE=524288\n", banner));
	/* `create` without arguments keeps each log's owner and mode */
	place_file(out, &page, "/etc/logrotate.d/novacpx-sites",
		   mem_fmt(v->ctx,
			   "# %s\n"
			   "/var/log/novacpx/sites/*.log {\n"
			   "\tdaily\n\trotate 14\n\tmissingok\n\tnotifempty\n"
			   "\tcompress\n\tdelaycompress\n\tcreate\n\tsharedscripts\n"
			   "\tpostrotate\n"
			   "\t\t[ ! -s /run/nginx.pid ] || kill -USR1 \"$(cat /run/nginx.pid)\"\n"
			   "\tendscript\n"
			   "}\n",
			   banner));
}

static int nginx_server_render(const struct view *v, struct catalog *out, struct err *err)
{
	struct artifact like = { .resource = "server/nginx",
				 .service = "nginx",
				 .mode = 0644,
				 .owner = "root",
				 .group = "root" };
	int r;

	if (!view_setting_is(v, "web_server", "nginx"))
		return 0;
	r = put_conf(v, out, &like, err);
	if (r < 0)
		return r;
	put_folders(out, &like);
	put_constants(v, out, &like);
	return 0;
}

static const struct kind *const inputs[] = { &kind_setting, NULL };

const struct renderer render_nginx_server = {
	.name = "nginx_server",
	.level = SCOPE_SERVER,
	.inputs = inputs,
	.render = nginx_server_render,
};
