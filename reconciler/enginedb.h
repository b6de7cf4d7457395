/*
 * engine.db: what the engine knows of the machine.
 *
 *   artifact   the manifest: every thing we made, with the digest and the
 *              stat of the file as we left it; the right to change or delete
 *   condition  resources that are not simply ready
 *   journal    places that are being changed right now
 *   owed       what daemons are still to be told (owed.h)
 *   trash      data of what was terminated
 *   heal       how often drift of an artifact was healed of late (flap.h)
 *   cursor     numbers: applied revision, exported revisions
 *
 * It can be lost: the next pass observes everything anew. Therefore its
 * commits do not wait for the disk.
 */
#ifndef RECONCILER_ENGINEDB_H
#define RECONCILER_ENGINEDB_H

#include <sys/stat.h>

#include "base/digest.h"
#include "model/sql.h"
#include "renderers/catalog.h"

/* The part of a stat that tells an untouched file. */
struct stamp {
	int64_t dev, ino, size, mtime_ns, ctime_ns;
};

struct stamp stamp_of(const struct stat *st);
/* Which folder it is: its times and size change with what is in it. */
struct stamp stamp_of_dir(const struct stat *st);

/* A row of the manifest. */
struct owned {
	enum artifact_type type;
	const char *path;
	const char *scope; /* "a/john", "d/a.example", "s" */
	const char *renderer;
	const char *resource;
	const char *service; /* or NULL */
	unsigned flags;
	mode_t mode;
	const char *owner, *group; /* or NULL: root */
	struct digest digest;      /* FILE: of the content; others: of all of it */
	struct stamp stamp;
	int64_t serial; /* FILE with a serial: it; USER, QUOTA: the uid */
	int64_t serial_at;
	int64_t rev; /* revision it was applied at */
};

int enginedb_open(const void *ctx, const char *path, struct sql **ret, struct err *err) must_check;

struct owned_cursor;

/* Rows of one scope, or of all scopes in their order (SCOPE NULL), by scope, renderer, type, path. */
int owned_open(const void *ctx, struct sql *db, const char *scope, struct owned_cursor **ret,
	       struct err *err) must_check;
/* 1 with *RET on CTX, 0 at the end. */
int owned_next(const void *ctx, struct owned_cursor *c, struct owned **ret,
	       struct err *err) must_check;
/* The row of one place; -ERR_NOTFOUND. */
int owned_get(const void *ctx, struct sql *db, enum artifact_type type, const char *path,
	      struct owned **ret, struct err *err) must_check;
int owned_put(struct sql *db, const struct owned *o, struct err *err) must_check;
int owned_del(struct sql *db, enum artifact_type type, const char *path,
	      struct err *err) must_check;

/* The highest serial a zone file that is gone had, so that one made anew goes on from there; 0: none. */
int serial_recall(struct sql *db, const char *path, int64_t *ret, struct err *err) must_check;
int serial_remember(struct sql *db, const char *path, int64_t serial, struct err *err) must_check;

int cursor_get(struct sql *db, const char *name, int64_t *ret, struct err *err) must_check;
int cursor_set(struct sql *db, const char *name, int64_t value, struct err *err) must_check;

/* Conditions. A resource without a row is Ready once its revision is applied. */
struct condition {
	const char *resource;
	const char *part;   /* renderer it came about in, or "" */
	const char *type;   /* Failed, Quarantined, Drifted, Blocked */
	const char *reason; /* one word: ValidationFailed, RenderFailed, … */
	const char *message;
	const char *scope;
	int64_t rev, since;
	int64_t next_try; /* put: 0 not by time, else now; read: when (1 s, doubling to 5 min, with jitter) */
	int64_t attempts;
	int64_t retry_at; /* put: the next try is then; 0: by next_try */
};

typedef int condition_fn(const struct condition *c, void *arg, struct err *err);

/* One that was there with this type and reason keeps its `since`. */
int condition_put(struct sql *db, const struct condition *c, struct err *err) must_check;
/*
 * A pass looked at PART of SCOPE: its conditions go with condition_sweep() unless they are put again
 * in between, which keeps their age and counts the attempts.
 */
int condition_doubt(struct sql *db, const char *scope, const char *part,
		    struct err *err) must_check;
int condition_sweep(struct sql *db, struct err *err) must_check;
/* All, or those of RESOURCE; in order of resource. */
int condition_each(struct sql *db, const char *resource, condition_fn *fn, void *arg,
		   struct err *err) must_check;
int condition_count(struct sql *db, int64_t *ret, struct err *err) must_check;

/* Journal of places under change. */
int journal_put(struct sql *db, enum artifact_type type, const char *path, const char *temp,
		const struct digest *post, struct err *err) must_check;
/* Whether a run that did not end was about to change this place. */
bool journal_has(struct sql *db, enum artifact_type type, const char *path);
int journal_clear(struct sql *db, struct err *err) must_check;

typedef int journal_fn(enum artifact_type type, const char *path, const char *temp,
		       const struct digest *post, void *arg, struct err *err);
int journal_each(struct sql *db, journal_fn *fn, void *arg, struct err *err) must_check;

#endif
