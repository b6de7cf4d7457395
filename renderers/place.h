/*
 * What may stand in the places that artifacts get: parts of paths, folders of
 * tenants, ports. The writers guard texts; these guard paths and words whose
 * meaning quoting cannot protect.
 *
 * The model checks all of this when it is written. Renderers check again, for
 * a damaged row must end in an error of its resource, never in a file of root's
 * at a place that a tenant chose. Errors are ERR_INVALID and name the field.
 */
#ifndef RENDERERS_PLACE_H
#define RENDERERS_PLACE_H

#include "renderers/renderer.h"

/* A name that is one part of a path: letters, digits, `.`, `_`, `-`, and none of `.`, `-` first. */
int place_name(const char *field, const char *name, struct err *err) must_check;
/* The same with the other characters that the local part of an address may have. */
int place_local_part(const char *field, const char *name, struct err *err) must_check;
/* An address of DOMAIN, or of any domain if that is NULL; RET_LOCAL is its local part. */
int place_address(const struct view *v, const char *field, const char *address, const char *domain,
		  const char **ret_local, struct err *err) must_check;
/* A clean absolute path without a colon or a quote. */
int place_path(const char *field, const char *path, struct err *err) must_check;
/* The account's home, its name and path checked. */
int place_home(const struct view *v, const struct account *a, const char **ret,
	       struct err *err) must_check;
/* The site's folder, in the account's home. */
int place_docroot(const struct view *v, const struct account *a, const struct domain *d,
		  const char **ret, struct err *err) must_check;
/* The value of a setting that is a number from 1 to MAX; or a port. */
int place_number(const struct view *v, const char *setting, uint64_t max, const char **ret,
		 struct err *err) must_check;
int place_port(const struct view *v, const char *setting, const char **ret,
	       struct err *err) must_check;

/*
 * Adds a file or folder that is otherwise like LIKE (owner, group, mode,
 * flags, service, resource).
 */
void place_file(struct catalog *out, const struct artifact *like, const char *path,
		const char *text);
void place_dir(struct catalog *out, const struct artifact *like, const char *path);

#endif
