#include "renderers/place.h"

#include <inttypes.h>
#include <string.h>

#include "base/fs.h"
#include "model/check.h"
#include "renderers/syntax.h"

enum {
	PART_MAX = 255
};

static int one_part(const char *field, const char *name, const char *allowed, struct err *err)
{
	if (name && syntax_only(name, allowed) && strlen(name) <= PART_MAX && name[0] != '.' &&
	    name[0] != '-')
		return 0;
	return err_set(
		err, ERR_INVALID,
		"%s: %s cannot be part of a path: allowed are 1 to %d of %s, no . or - first",
		field, name ? text_quoted(name).s : "nothing", PART_MAX,
		strlen(allowed) > 66 ? "letters, digits and ._-+=&'~" : "letters, digits and ._-");
}

int place_name(const char *field, const char *name, struct err *err)
{
	return one_part(field, name, SYNTAX_ALNUM "._-", err);
}

int place_local_part(const char *field, const char *name, struct err *err)
{
	return one_part(field, name, SYNTAX_ALNUM "._-+=&'~", err);
}

int place_address(const struct view *v, const char *field, const char *address, const char *domain,
		  const char **ret_local, struct err *err)
{
	const char *at = address ? strchr(address, '@') : NULL;
	int r;

	if (!at || (domain && strcmp(at + 1, domain) != 0))
		return err_set(err, ERR_INVALID, "%s: %s is no address of %s", field,
			       address ? text_quoted(address).s : "nothing",
			       domain ? domain : "a domain");
	r = place_name(field, at + 1, err);
	if (r < 0)
		return r;
	*ret_local = mem_strn(v->ctx, address, (size_t)(at - address));
	return place_local_part(field, *ret_local, err);
}

int place_path(const char *field, const char *path, struct err *err)
{
	if (path && fs_path_is_clean(path) && path[1] && !syntax_has(path, ":\"\\"))
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s: %s is no path: it begins with /, has no empty, . or .. part and none "
		       "of : \" \\",
		       field, path ? text_quoted(path).s : "nothing");
}

int place_home(const struct view *v, const struct account *a, const char **ret, struct err *err)
{
	const char *home;
	int r = place_name("username", a->username, err);

	if (r < 0)
		return r;
	home = account_home(v->ctx, a);
	r = place_path("home", home, err);
	if (r < 0)
		return r;
	*ret = home;
	return 0;
}

int place_docroot(const struct view *v, const struct account *a, const struct domain *d,
		  const char **ret, struct err *err)
{
	const char *home = NULL;
	const char *root;
	size_t len;
	int r = place_home(v, a, &home, err);

	if (r < 0)
		return r;
	root = domain_docroot(v->ctx, a, d);
	r = place_path("document_root", root, err);
	if (r < 0)
		return r;
	len = strlen(home);
	if (strncmp(root, home, len) != 0 || (root[len] && root[len] != '/'))
		return err_set(err, ERR_INVALID, "document_root: %s is not in the home %s",
			       text_quoted(root).s, home);
	*ret = root;
	return 0;
}

int place_number(const struct view *v, const char *setting, uint64_t max, const char **ret,
		 struct err *err)
{
	const char *value = view_setting(v, setting);
	uint64_t num;

	if (!check_number(value, strlen(value), max, &num) || num == 0)
		return err_set(err, ERR_INVALID, "setting %s: %s is no number from 1 to %" PRIu64,
			       setting, text_quoted(value).s, max);
	*ret = value;
	return 0;
}

int place_port(const struct view *v, const char *setting, const char **ret, struct err *err)
{
	return place_number(v, setting, UINT16_MAX, ret, err);
}

void place_file(struct catalog *out, const struct artifact *like, const char *path,
		const char *text)
{
	struct artifact a = *like;

	a.type = ARTIFACT_FILE;
	a.path = path;
	a.data = text;
	a.len = strlen(text);
	catalog_add(out, &a);
}

void place_dir(struct catalog *out, const struct artifact *like, const char *path)
{
	struct artifact a = *like;

	a.type = ARTIFACT_DIR;
	a.path = path;
	catalog_add(out, &a);
}
