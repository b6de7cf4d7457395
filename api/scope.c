#include "api/scope.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static const char *const access_names[SCOPE_ACCESSES] = { "read", "write", "credentials" };

static bool has_secret(const struct endpoint *ep)
{
	for (size_t i = 0; i < ep->n_params; i++) {
		if (ep->params[i].type == PARAM_SECRET)
			return true;
	}
	return false;
}

enum scope_access scope_access_of(const struct endpoint *ep)
{
	bool is_new = ep->op == EP_CREATE || strcmp(ep->action, "create") == 0;

	/* a password of what is there already; what is new needs one to begin with */
	if ((ep->flags & EP_CREDENTIALS) || (has_secret(ep) && !is_new))
		return SCOPE_CREDENTIALS;
	return ep->methods == METHOD_GET ? SCOPE_READ : SCOPE_WRITE;
}

static const char *name_of(const struct resource *group)
{
	return group ? group->name : "system";
}

const char *scope_needed(const void *ctx, const struct resource *group, const struct endpoint *ep)
{
	return mem_fmt(ctx, "%s:%s", name_of(group), access_names[scope_access_of(ep)]);
}

static bool is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

/* Whether the word of LEN bytes at TEXT stands for ACCESS to the resource NAME. */
static bool covers(const char *text, size_t len, const char *name, enum scope_access access)
{
	const char *colon = memchr(text, ':', len);
	size_t head = colon ? (size_t)(colon - text) : len;
	bool is_any = is(text, head, "*");

	if (!is_any && !is(text, head, name))
		return false;
	if (!colon)
		return access != SCOPE_CREDENTIALS;
	return is(colon + 1, len - head - 1, access_names[access]) &&
	       !(is_any && access == SCOPE_CREDENTIALS);
}

static bool allows(const char *scopes, const char *name, enum scope_access access)
{
	size_t len;

	for (const char *at = scopes; *at; at += len + strspn(at + len, " ")) {
		len = strcspn(at, " ");
		if (covers(at, len, name, access))
			return true;
	}
	return false;
}

bool scope_allows(const char *scopes, const struct resource *group, const struct endpoint *ep)
{
	return allows(scopes, name_of(group), scope_access_of(ep));
}

/* Whether ROLES may call a row of RES that needs ACCESS. */
static bool is_of_use(const struct resource *res, enum scope_access access, unsigned roles)
{
	for (const struct endpoint *ep = res->rows; ep < res->rows + res->n_rows; ep++) {
		if ((ep->roles & roles) && scope_access_of(ep) == access)
			return true;
	}
	return false;
}

static const char *doc_of(const void *ctx, const struct resource *res, enum scope_access access)
{
	struct buf b = BUF_ON(ctx);
	const char *comma = "";

	for (const struct endpoint *ep = res->rows; ep < res->rows + res->n_rows; ep++) {
		if (scope_access_of(ep) != access)
			continue;
		buf_printf(&b, "%s%s", comma, ep->action);
		comma = ", ";
	}
	return buf_str(&b);
}

void scope_each(const void *ctx, unsigned roles, scope_fn *fn, void *arg)
{
	for (size_t i = 0; i < n_resources; i++) {
		for (int a = 0; a < SCOPE_ACCESSES; a++) {
			if (!is_of_use(resources[i], (enum scope_access)a, roles))
				continue;
			fn(mem_fmt(ctx, "%s:%s", resources[i]->name, access_names[a]),
			   doc_of(ctx, resources[i], (enum scope_access)a), arg);
		}
	}
}

/* Reading */

/* How many rows of ROLES the word has; RET_BEYOND: one of them is not in BOUND. */
static size_t reach(const char *word, unsigned roles, const char *bound, bool *ret_beyond)
{
	size_t n = 0;

	*ret_beyond = false;
	for (size_t i = 0; i < n_resources; i++) {
		for (int a = 0; a < SCOPE_ACCESSES; a++) {
			enum scope_access access = (enum scope_access)a;

			if (!covers(word, strlen(word), resources[i]->name, access) ||
			    !is_of_use(resources[i], access, roles))
				continue;
			n++;
			if (bound && !allows(bound, resources[i]->name, access))
				*ret_beyond = true;
		}
	}
	return n;
}

static int check(const char *word, unsigned roles, const char *bound, struct err *err)
{
	bool is_beyond;

	if (strchr(word, ' ') || reach(word, roles, bound, &is_beyond) == 0)
		return err_set(
			err, ERR_INVALID,
			"scopes: found \"%.64s\", allowed are those that tokens/scopes lists, "
			"a resource alone for its read and write, and *, *:read, *:write",
			word);
	if (is_beyond)
		return err_set(err, ERR_INVALID,
			       "scopes: found \"%.64s\", allowed is what the token that asks has "
			       "itself: %.256s",
			       word, bound);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int scope_canon(const void *ctx, const char *const *items, size_t n, unsigned roles,
		const char *bound, const char **ret, struct err *err)
{
	struct buf b = BUF_ON(ctx);
	const char **sorted;
	int r = 0;

	if (n == 0 || n > SCOPES_MAX)
		return err_set(err, ERR_INVALID, "scopes: found %zu, allowed are 1 to %d", n,
			       SCOPES_MAX);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = check(items[i], roles, bound, err);
	if (r < 0)
		return r;
	sorted = mem_dup(ctx, items, n * sizeof(*items));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			buf_printf(&b, "%s%s", i ? " " : "", sorted[i]);
	}
	*ret = buf_str(&b);
	return 0;
}
