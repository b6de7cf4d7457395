#include "api/catalog.h"

#include "base/macro.h"

enum {
	APP_PARAMS = 4
};

struct app_param {
	const char *key, *label, *type, *placeholder;
};

struct app_row {
	const char *key, *name, *description, *icon;
	struct app_param params[APP_PARAMS];
};

#define DOMAIN                                                \
	{                                                     \
		"domain", "Domain", "text", "app.example.com" \
	}
#define DB_PASSWORD                                              \
	{                                                        \
		"db_pass", "Database password", "password", NULL \
	}
#define IMAGE(dflt)                              \
	{                                        \
		"image", "Image", "text", (dflt) \
	}
#define PORT(dflt)                                         \
	{                                                  \
		"port", "Container port", "number", (dflt) \
	}

static const struct app_row apps[] = {
	{ "wordpress", "WordPress", "Blog and site builder", "wordpress", { DOMAIN, DB_PASSWORD } },
	{ "ghost", "Ghost", "Publishing platform", "ghost", { DOMAIN, DB_PASSWORD } },
	{ "nextcloud",
	  "Nextcloud",
	  "Files, calendars and contacts",
	  "nextcloud",
	  { DOMAIN,
	    { "admin_user", "Administrator", "text", "admin" },
	    { "admin_pass", "Administrator's password", "password", NULL },
	    DB_PASSWORD } },
	{ "gitea", "Gitea", "Git hosting", "gitea", { DOMAIN, DB_PASSWORD } },
	{ "matomo", "Matomo", "Web analytics", "matomo", { DOMAIN, DB_PASSWORD } },
	{ "vaultwarden",
	  "Vaultwarden",
	  "Password vault",
	  "vaultwarden",
	  { DOMAIN, { "admin_token", "Administrator's token", "password", NULL } } },
	{ "nodejs",
	  "Node.js",
	  "Application in JavaScript",
	  "nodejs",
	  { IMAGE("node:20-alpine"), PORT("3000"), DOMAIN } },
	{ "flask",
	  "Flask",
	  "Application in Python",
	  "python",
	  { IMAGE("python:3.12-slim"), PORT("5000"), DOMAIN } },
	{ "static", "Static site", "Files served as they are", "nginx", { DOMAIN, PORT("8080") } },
};

const char *const catalog_keys[] = { "wordpress",   "ghost",  "nextcloud", "gitea",  "matomo",
				     "vaultwarden", "nodejs", "flask",     "static", NULL };

static void put_param(struct jsonw *w, const struct app_param *p)
{
	jsonw_open(w, NULL, '{');
	jsonw_text(w, "key", p->key);
	jsonw_text(w, "label", p->label);
	jsonw_text(w, "type", p->type);
	jsonw_bool(w, "required", true);
	if (p->placeholder)
		jsonw_text(w, "placeholder", p->placeholder);
	jsonw_close(w, '}');
}

static void put_app(struct jsonw *w, const struct app_row *app)
{
	jsonw_open(w, app->key, '{');
	jsonw_text(w, "name", app->name);
	jsonw_text(w, "description", app->description);
	jsonw_text(w, "icon", app->icon);
	jsonw_open(w, "params", '[');
	for (size_t i = 0; i < APP_PARAMS && app->params[i].key; i++)
		put_param(w, &app->params[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
}

void catalog_put(struct jsonw *w)
{
	jsonw_open(w, NULL, '{');
	jsonw_open(w, "catalog", '{');
	for (size_t i = 0; i < ARRAY_LEN(apps); i++)
		put_app(w, &apps[i]);
	jsonw_close(w, '}');
	jsonw_close(w, '}');
}
