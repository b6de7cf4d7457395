/*
 * Artifacts: the things that must be on the machine, and the catalog of them
 * that a renderer returns.
 *
 * A catalog owns its texts (its talloc context). It says what shall be, never
 * how to get there: comparing with the machine is the reconciler's business.
 * Paths are the real ones, also when the machine is a sandbox folder.
 */
#ifndef RENDERERS_CATALOG_H
#define RENDERERS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

enum artifact_type {
	ARTIFACT_USER, /* system user and group; path is the name */
	ARTIFACT_DIR,
	ARTIFACT_FILE,
	ARTIFACT_LINK,   /* data is the target */
	ARTIFACT_BLOCK,  /* a marked block within a file of the distribution; data is its text */
	ARTIFACT_MAPROW, /* one row of a keyed map: path is "MAP:KEY", data the value */
	ARTIFACT_ZONE,   /* a zone the name server serves: path is the zone, data its options */
	ARTIFACT_COPYDIR, /* every *.conf of the administrator's folder `source` is copied into path */
	ARTIFACT_QUOTA, /* what owner may take up where the folder path lies; data: "1024 MiB" */
};

enum artifact_flags {
	ARTIFACT_ONCE =
		1 << 0, /* made when absent, then the tenant's own: never changed or healed, but
			 * with its home when that has to be made again */
	ARTIFACT_SECRET = 1 << 1, /* content is never shown or kept in history */
	ARTIFACT_TENANT =
		1 << 2, /* lies in a folder that a tenant can write: no links are followed */
	ARTIFACT_DATA = 1 << 3,   /* holds data: goes to the trash, is never simply removed */
	ARTIFACT_LOCKED = 1 << 4, /* USER: the password does not work */
	ARTIFACT_SERIAL =
		1 << 5, /* FILE: SERIAL_LEN characters at serial_at take the zone's serial */
	ARTIFACT_RELOAD =
		1 << 6, /* MAPROW: the service remembers its answers until it is reloaded */
	ARTIFACT_NEEDED =
		1 << 7, /* DIR with ONCE: the site does not work without one, so it is made
			 * again when nothing stands there */
	ARTIFACT_LOGINS = 1 << 8, /* FILE: Dovecot's logins; it is asked whether it has them */
};

enum {
	SERIAL_LEN = 10
};

struct artifact {
	enum artifact_type type;
	unsigned flags;
	const char *path;
	const char *resource; /* "domain/a.example": whose condition speaks of it */
	const char *service;  /* checked and reloaded with it; NULL: none */
	mode_t mode;
	const char *owner, *group; /* names; NULL: root */
	const char *data;
	size_t len;
	size_t serial_at;
	const char *source; /* COPYDIR */
	/* USER */
	const char *home, *shell, *gecos, *hash;
	/* BLOCK: the block is put after the first line that equals this, or at the end */
	const char *anchor;
	/* FILE: of its content, the serial left out; others: over everything above that
	 * can differ. Set by catalog_add(). */
	struct digest digest;
};

struct catalog {
	const void *ctx;
	struct artifact *v;
	size_t n, cap;
};

/* Adds A (its texts must live as long as the catalog) and sets its digest. */
void catalog_add(struct catalog *c, const struct artifact *a);
/* Sorts by type and path; ERR_CONFLICT if two artifacts claim one place. */
int catalog_sort(struct catalog *c, struct err *err) must_check;
int artifact_cmp(enum artifact_type ta, const char *pa, enum artifact_type tb, const char *pb);
const char *artifact_type_name(enum artifact_type t);
/* The digest of a file's content alone, its serial left out. */
struct digest artifact_content_digest(const struct artifact *a);

#endif
