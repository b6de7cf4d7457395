/*
 * An account's PHP-FPM pool. All its sites share it: PHP runs as the account,
 * and nothing else separates the sites of one account anyway.
 *
 * A suspended account has no pool, so nothing of it runs and no worker keeps
 * its user busy. The master stays up: Debian's www.conf is always there.
 *
 * No path that root's master opens (access.log, slowlog) may lie in a home; the
 * log of errors is opened by the tenant's own process.
 */
#include "renderers/place.h"
#include "renderers/syntax_ini.h"

#include <inttypes.h>

#define DISABLED "exec,passthru,shell_exec,system,proc_open,popen,pcntl_exec,pcntl_fork,dl"

/* max_execution_time counts computing only; a process that hangs is ended by this, in real time. */
enum {
	HANG_SECONDS = 300
};

static void put_pool(const struct view *v, struct ini *i, const char *user,
		     const struct php_config *c)
{
	ini_put(i, "user", user);
	ini_put(i, "group", user);
	ini_put(i, "listen", mem_fmt(v->ctx, "/run/php/novacpx-%s.sock", user));
	ini_put(i, "listen.owner", "www-data");
	ini_put(i, "listen.group", "www-data");
	ini_put(i, "listen.mode", "0600");
	ini_blank(i);
	ini_put(i, "pm", "ondemand");
	ini_put_int(i, "pm.max_children", c->max_children);
	ini_put_int(i, "pm.process_idle_timeout", c->idle_timeout);
	ini_put_int(i, "pm.max_requests", c->max_requests);
	ini_put_int(i, "request_terminate_timeout",
		    c->max_execution_time ? c->max_execution_time + HANG_SECONDS : 0);
	ini_put(i, "security.limit_extensions", ".php");
	ini_put_bool(i, "catch_workers_output", false);
	ini_put_bool(i, "clear_env", true);
}

static void put_walls(const struct view *v, struct ini *i, const char *home)
{
	const char *tmp = mem_fmt(v->ctx, "%s/tmp", home);

	ini_put_at(i, "env", "PATH", "/usr/local/bin:/usr/bin:/bin");
	ini_put_at(i, "env", "TMPDIR", tmp);
	ini_blank(i);
	ini_put_at(i, "php_admin_value", "open_basedir",
		   mem_fmt(v->ctx, "%s/:/usr/share/php/", home));
	ini_put_at(i, "php_admin_value", "disable_functions", DISABLED);
	ini_put_at(i, "php_admin_value", "upload_tmp_dir", tmp);
	ini_put_at(i, "php_admin_value", "session.save_path", tmp);
	ini_put_at(i, "php_admin_value", "sys_temp_dir", tmp);
	/* without -f the sender is the account, which the mail server knows by the uid */
	ini_put_at(i, "php_admin_value", "sendmail_path", "/usr/sbin/sendmail -t -i");
	ini_put_at(i, "php_admin_value", "error_log", mem_fmt(v->ctx, "%s/logs/php.log", home));
	ini_put_at(i, "php_admin_value", "log_errors", "1");
}

static void put_number(const struct view *v, struct ini *i, const char *key, const char *name,
		       int64_t value)
{
	ini_put_at(i, key, name, mem_fmt(v->ctx, "%" PRId64, value));
}

/* Limits are php_admin_value: a script could raise a php_value. */
static void put_config(const struct view *v, struct ini *i, const struct php_config *c)
{
	ini_put_at(i, "php_admin_value", "memory_limit", c->memory_limit);
	ini_put_at(i, "php_admin_value", "upload_max_filesize", c->upload_max_filesize);
	ini_put_at(i, "php_admin_value", "post_max_size", c->post_max_size);
	ini_put_at(i, "php_admin_value", "allow_url_fopen", c->allow_url_fopen ? "1" : "0");
	put_number(v, i, "php_admin_value", "max_input_time", c->max_input_time);
	put_number(v, i, "php_admin_value", "max_input_vars", c->max_input_vars);
	put_number(v, i, "php_value", "max_execution_time", c->max_execution_time);
	ini_put_at(i, "php_value", "display_errors", c->display_errors ? "1" : "0");
	ini_put_at(i, "php_value", "date.timezone", c->timezone);
	/* Debian's php.ini leaves old sessions to a job that looks in its own folder only */
	ini_put_at(i, "php_value", "session.gc_probability", "1");
}

/*
 * The administrator's own lines. FPM warns at every start where an include
 * matches nothing: the file of ours keeps the folder from being empty.
 */
static void put_overrides(const struct view *v, struct catalog *out, const struct artifact *like,
			  const char *user, const char *folder)
{
	struct artifact copies = *like;
	const char *source = mem_fmt(v->ctx, "/etc/novacpx/php.d/%s", user);

	place_file(out, like, mem_fmt(v->ctx, "%s/00-novacpx.conf", folder),
		   mem_fmt(v->ctx,
			   "; Beside this file lie copies of %s/*.conf, which win over the pool.\n",
			   source));
	copies.type = ARTIFACT_COPYDIR;
	copies.path = folder;
	copies.source = source;
	catalog_add(out, &copies);
}

static int php_fpm_render(const struct view *v, struct catalog *out, struct err *err)
{
	const struct account *a = v->account;
	const struct php_config *c = view_one(v, &kind_php_config);
	const char *home = NULL;
	const char *version;
	const char *folder;
	struct artifact like = { .mode = 0644, .owner = "root", .group = "root" };
	struct buf text = BUF_ON(v->ctx);
	struct ini i;
	int r;

	if (!a || account_is_suspended(a) || view_setting_is(v, "web_server", "none"))
		return 0;
	version = a->php_version;
	if (!version && v->package)
		version = v->package->php_version;
	if (!version)
		version = view_setting(v, "default_php");
	r = place_home(v, a, &home, err);
	if (r >= 0)
		r = place_name("php_version", version, err);
	if (r < 0)
		return r;
	if (!c)
		c = res_new(v->ctx, &kind_php_config);
	like.resource = mem_fmt(v->ctx, "account/%s", a->username);
	like.service = mem_fmt(v->ctx, "php%s-fpm", version);
	folder =
		mem_fmt(v->ctx, "/etc/php/%s/fpm/novacpx/%s", version, view_folder(v, a->username));

	ini_begin(&i, &text, err);
	ini_comment(&i, view_banner(v, like.resource));
	ini_section(&i, mem_fmt(v->ctx, "novacpx-%s", a->username));
	/* twice, so that it wins: of a php_value FPM takes the first, of all else the last */
	ini_put(&i, "include", mem_fmt(v->ctx, "%s/*.conf", folder));
	put_pool(v, &i, a->username, c);
	put_walls(v, &i, home);
	put_config(v, &i, c);
	ini_put(&i, "include", mem_fmt(v->ctx, "%s/*.conf", folder));
	r = ini_end(&i);
	if (r < 0)
		return err_wrap(err, "PHP pool of %s", a->username);
	place_file(out, &like,
		   mem_fmt(v->ctx, "/etc/php/%s/fpm/pool.d/novacpx-%s.conf", version, a->username),
		   buf_str(&text));
	put_overrides(v, out, &like, a->username, folder);
	return 0;
}

static const struct kind *const inputs[] = { &kind_account, &kind_package, &kind_php_config,
					     &kind_setting, NULL };

const struct renderer render_php_fpm = {
	.name = "php_fpm",
	.level = SCOPE_ACCOUNT,
	.inputs = inputs,
	.render = php_fpm_render,
};
