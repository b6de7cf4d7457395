#include "api/endpoint.h"

#include <string.h>

#include "api/resources.h"

const struct resource *const resources[] = {
	&resource_auth,       &resource_accounts,  &resource_domains, &resource_dns,
	&resource_email,      &resource_databases, &resource_ftp,     &resource_cron,
	&resource_packages,   &resource_sessions,  &resource_system,  &resource_whmcs,
	&resource_ssl,        &resource_dkim,      &resource_stats,   &resource_branding,
	&resource_users,      &resource_files,     &resource_webmail, &resource_docker,
	&resource_firewall,   &resource_revisions, &resource_plan,    &resource_state,
	&resource_tokens,     &resource_status,    &resource_drift,   &resource_events,
	&resource_operations,
};

const size_t n_resources = ARRAY_LEN(resources);

static bool is(const char *name, const char *word, size_t len)
{
	return strncmp(name, word, len) == 0 && name[len] == '\0';
}

static bool is_called(const char *name, const char *const *aliases, const char *word, size_t len)
{
	if (is(name, word, len))
		return true;
	for (size_t i = 0; i < PARAM_ALIASES && aliases[i]; i++) {
		if (is(aliases[i], word, len))
			return true;
	}
	return false;
}

const struct resource *resource_find(const char *name, size_t len)
{
	for (size_t i = 0; i < n_resources; i++) {
		if (is(resources[i]->name, name, len))
			return resources[i];
	}
	return NULL;
}

const struct endpoint *endpoint_find(const struct resource *r, const char *action, size_t len)
{
	for (size_t i = 0; i < r->n_rows; i++) {
		if (is_called(r->rows[i].action, r->rows[i].aliases, action, len))
			return &r->rows[i];
	}
	return NULL;
}

bool endpoint_writes(const struct endpoint *ep)
{
	return ep->op == EP_CREATE || ep->op == EP_UPDATE || ep->op == EP_DELETE ||
	       (ep->op == EP_CUSTOM && ep->place == ON_WRITER);
}

const struct param *param_find(const struct endpoint *ep, const char *name)
{
	for (size_t i = 0; i < ep->n_params; i++) {
		if (is_called(ep->params[i].name, ep->params[i].aliases, name, strlen(name)))
			return &ep->params[i];
	}
	return NULL;
}
