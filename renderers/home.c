/*
 * An account's system user, its home and disk limit, and the logs of its sites.
 *
 * The home is <user>:www-data 0750: the web server gets in, other tenants do
 * not, and no account has to be in the group www-data (its PHP would then get
 * into every home). What lies in the home is the tenant's own and is only made
 * when absent; only the home itself is kept as it is here.
 */
#include <inttypes.h>
#include <string.h>

#include "renderers/page.h"
#include "renderers/place.h"

#define SITE_LOGS "/var/log/novacpx/sites"
#define NOLOGIN   "/usr/sbin/nologin"

static void put_user(struct catalog *out, const struct account *a, const char *resource,
		     const char *home)
{
	bool off = account_is_suspended(a);

	catalog_add(out, &(struct artifact){
				 .type = ARTIFACT_USER,
				 .flags = ARTIFACT_DATA | ARTIFACT_SECRET |
					  (off ? (unsigned)ARTIFACT_LOCKED : 0),
				 .path = a->username,
				 .resource = resource,
				 .home = home,
				 /* a locked password alone lets SSH keys in */
				 .shell = off || !a->shell ? NOLOGIN : a->shell,
				 .gecos = "NovaCPX account",
				 .hash = a->password,
			 });
}

/* On all that the user owns where his home lies, the home or not. */
static void put_quota(const struct view *v, struct catalog *out, const struct artifact *own,
		      const char *home)
{
	const char *limit;

	if (!v->package || v->package->disk_mb <= 0)
		return;
	limit = mem_fmt(v->ctx, "%" PRId64 " MiB", v->package->disk_mb);
	catalog_add(out, &(struct artifact){
				 .type = ARTIFACT_QUOTA,
				 .path = home,
				 .resource = own->resource,
				 .owner = own->owner,
				 .data = limit,
				 .len = strlen(limit),
			 });
}

/*
 * What the tenant may change as he likes: public_html, tmp, logs. Without the first there is no site,
 * without the second no session and no upload (php_fpm.c); logs only leads to what lies elsewhere.
 */
static void put_folders(const struct view *v, struct catalog *out, const struct artifact *own,
			const char *home)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned flags;
	} folders[] = {
		/* for the web server; the home keeps all others out */
		{ "public_html", 0755, ARTIFACT_NEEDED },
		{ "tmp", 0700, ARTIFACT_NEEDED },
		{ "logs", 0700, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct artifact like = *own;

		like.mode = folders[i].mode;
		like.flags |= folders[i].flags;
		place_dir(out, &like, mem_fmt(v->ctx, "%s/%s", home, folders[i].name));
	}
}

/*
 * Logs lie outside the home, for root opens them: a link in their place would
 * make root write anywhere. www-data owns them as nginx would make it anyway at
 * every rotation; the tenant reads them through his group.
 */
static void put_log(const struct view *v, struct catalog *out, const struct artifact *own,
		    const char *home, const char *name)
{
	struct artifact file = {
		.flags = ARTIFACT_ONCE | ARTIFACT_DATA,
		.resource = own->resource,
		.mode = 0640,
		.owner = "www-data",
		.group = own->owner,
	};
	struct artifact link = *own;
	const char *path = mem_fmt(v->ctx, SITE_LOGS "/%s.%s.log", own->owner, name);

	place_file(out, &file, path, "");
	link.type = ARTIFACT_LINK;
	link.path = mem_fmt(v->ctx, "%s/logs/%s.log", home, name);
	link.data = path;
	link.len = strlen(path);
	catalog_add(out, &link);
}

static void put_welcome(const struct view *v, struct catalog *out, const struct artifact *own,
			const char *home)
{
	struct artifact like = *own;

	like.mode = 0644;
	place_file(out, &like, mem_fmt(v->ctx, "%s/public_html/index.html", home),
		   page_make(v->ctx, mem_fmt(v->ctx, "Welcome, %s", own->owner),
			     "This site is ready. Put your files into public_html; this page is "
			     "index.html."));
}

static int home_render(const struct view *v, struct catalog *out, struct err *err)
{
	const struct account *a = v->account;
	const char *home = NULL;
	struct artifact own;
	int r;

	if (!a)
		return 0;
	r = place_home(v, a, &home, err);
	if (r < 0)
		return r;
	own = (struct artifact){
		.flags = ARTIFACT_ONCE | ARTIFACT_TENANT,
		.resource = mem_fmt(v->ctx, "account/%s", a->username),
		.owner = a->username,
		.group = a->username,
	};
	put_user(out, a, own.resource, home);
	place_dir(out,
		  &(struct artifact){
			  .flags = ARTIFACT_DATA,
			  .resource = own.resource,
			  .mode = 0750,
			  .owner = a->username,
			  .group = "www-data",
		  },
		  home);
	put_quota(v, out, &own, home);
	put_folders(v, out, &own, home);
	put_log(v, out, &own, home, "access");
	put_log(v, out, &own, home, "error");
	put_welcome(v, out, &own, home);
	return 0;
}

static const struct kind *const inputs[] = { &kind_account, &kind_package, &kind_setting, NULL };

const struct renderer render_home = {
	.name = "home",
	.level = SCOPE_ACCOUNT,
	.inputs = inputs,
	.render = home_render,
};
