#include "renderers/renderer.h"

#include <string.h>

#include "base/strmap.h"
#include "model/settings.h"

extern const struct renderer render_php_fpm, render_cron, render_nginx_site, render_zone,
	render_mail_domain, render_nginx_server, render_bind_server, render_mail_server;

const struct renderer *const renderers[] = {
	&render_home,         &render_php_fpm,     &render_cron,
	&render_nginx_site,   &render_zone,        &render_mail_domain,
	&render_nginx_server, &render_bind_server, &render_mail_server,
};

const size_t n_renderers = ARRAY_LEN(renderers);

const struct renderer *renderer_find(const char *name)
{
	for (size_t i = 0; i < n_renderers; i++) {
		if (strcmp(renderers[i]->name, name) == 0)
			return renderers[i];
	}
	return NULL;
}

bool renderer_reads(const struct renderer *r, const struct kind *k)
{
	for (size_t i = 0; r->inputs[i]; i++) {
		if (r->inputs[i] == k)
			return true;
	}
	return false;
}

const struct ptrs *view_all(const struct view *v, const struct kind *k)
{
	return &v->res[kind_index(k)];
}

const void *view_one(const struct view *v, const struct kind *k)
{
	const struct ptrs *all = view_all(v, k);

	return all->n ? all->v[0] : NULL;
}

const char *view_setting(const struct view *v, const char *name)
{
	const char *value = strmap_find(v->settings, name);
	const struct setting_row *row = value && !v->asked ? NULL : setting_find(name);

	if (v->asked && row)
		*strmap_slot(v->asked, row->name) = v->asked;
	if (value)
		return value;
	return row ? row->dflt : "";
}

bool view_setting_is(const struct view *v, const char *name, const char *value)
{
	return strcmp(view_setting(v, name), value) == 0;
}

const char *view_folder(const struct view *v, const char *account)
{
	char xx[3];

	shard_of(account, xx);
	return mem_fmt(v->ctx, "%s/%s", xx, account);
}

const char *view_banner(const struct view *v, const char *resource)
{
	return mem_fmt(
		v->ctx,
		"Managed by NovaCPX for %s; changes made here are undone. Ask: novacpx explain PATH",
		resource);
}
