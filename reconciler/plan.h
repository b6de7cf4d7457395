/*
 * The plan: what has to happen so that the machine is as the catalog says.
 *
 * Planning reads the machine and writes nothing. Each action names its
 * artifact, the resource it serves and why; for texts it holds what stands
 * there now, so that a diff can be shown. Everything belongs to the plan's
 * context and lives until the pass ends.
 */
#ifndef RECONCILER_PLAN_H
#define RECONCILER_PLAN_H

#include "base/strmap.h"
#include "reconciler/engine.h"
#include "reconciler/enginedb.h"
#include "reconciler/identity.h"
#include "reconciler/map.h"
#include "renderers/renderer.h"

enum action_op {
	ACTION_CREATE,
	ACTION_UPDATE,
	ACTION_DELETE,
	ACTION_RECORD, /* the machine is right; only the manifest has to learn it */
	ACTION_FORGET, /* out of the manifest; what is there stays (or is gone already) */
};

/* In the order in which actions are carried out. */
enum stage {
	STAGE_IDENTITY,
	STAGE_FOLDER,
	STAGE_FILE,
	STAGE_QUOTA,
	STAGE_MAP,
	STAGE_ZONE,
	STAGE_RELOAD,
	STAGE_WITHDRAW,
	STAGE_TRASH,
};

struct action {
	enum action_op op;
	enum stage stage;
	struct artifact art;     /* DELETE, FORGET: as far as the manifest tells */
	const struct owned *old; /* manifest row, or NULL */
	const char *scope, *renderer;
	const char *reason; /* "new", "changed", "edited outside", … */
	const char *before; /* FILE, BLOCK, MAPROW, LINK, QUOTA: content now; NULL: nothing there */
	size_t before_len;
	bool is_drift;      /* somebody else changed it */
	int64_t heals;      /* of such drift, how often within the hour, with this one (flap.h) */
	struct digest post; /* FILE: of the content to be */
	struct stamp stamp; /* RECORD: as seen; else filled when carried out */
	int64_t serial;     /* as in struct owned */
	bool is_dropped;    /* quarantined, or failed: not carried out */
	bool is_done;
	char *temp; /* FILE: where its content waits */
};

/* A condition the pass found. */
struct finding {
	const char *scope, *part, *resource;
	const char *type, *reason, *message;
	bool retry;
	int64_t retry_at; /* not before; 0: soon, and then later and later */
};

struct visit {
	const char *scope, *part;
};

/* A map of rows, open for reading; NULL when there is no such file. */
struct open_map {
	struct map *map;
};

struct plan {
	const void *ctx;
	const void *tmp; /* for what the comparison of one scope needs only meanwhile */
	struct engine *e;
	struct action *v;
	size_t n, cap;
	struct finding *findings;
	size_t n_findings, findings_cap;
	struct visit
		*visited; /* scopes and renderers that were looked at and may have conditions */
	size_t n_visited, visited_cap;
	int64_t rev; /* desired revision it leads to */
	int64_t now;
	struct identity_db *identities; /* as they will be; loaded when first asked for */
	struct strmap names;            /* numbers of system users and groups asked for alone */
	struct strmap maps;             /* map file → struct open_map */
	struct strmap folders;          /* names in the administrator's include folders */
	struct strmap once;             /* places that this plan makes once for a first resource */
	struct strmap owed;             /* what daemons are still to be told (owed.h) */
	struct strmap taken;            /* host names of two server blocks (names.h) */
	struct strmap services;         /* of a full pass: those that have artifacts */
	struct ptrs remade;             /* homes that were removed by hand and are made again */
	bool is_full;
	bool is_whole;     /* validators judge everything, not only what changed */
	bool report_drift; /* drift_policy: report */
	int64_t uid_min, uid_max;
	struct strmap heals; /* flap.h */
	int64_t flap_limit;
	bool is_released; /* nothing is held for flapping */
};

/* Compares one renderer's catalog (sorted) with its manifest rows (sorted alike) in SCOPE. */
int plan_compare(struct plan *p, const char *scope, const char *part, struct catalog *want,
		 struct owned **rows, size_t n_rows, struct err *err) must_check;
/* Puts the actions in the order in which they happen. */
void plan_sort(struct plan *p);
void plan_find(struct plan *p, const char *scope, const char *part, const char *resource,
	       const char *type, const char *reason, const char *fmt, ...) format_(7, 8);
/* Actions that change the machine. */
size_t plan_changes(const struct plan *p);
/* SHA-256 over what the plan will do: binds an approval to it. */
struct digest plan_digest(const struct plan *p);
/* "update", … */
const char *action_op_name(enum action_op op);

/* Numeric ids of names as they will be when identities are written. */
int plan_uid(struct plan *p, const char *owner, uid_t *ret, struct err *err) must_check;
int plan_gid(struct plan *p, const char *group, gid_t *ret, struct err *err) must_check;

/* For providers: adds an action. */
struct action *plan_add(struct plan *p, enum action_op op, enum stage stage,
			const struct artifact *want, const struct owned *old, const char *reason);

/* What each type of artifact knows: one row a type, in provider.c. */
struct provider {
	/* WANT is NULL when it is to go; OLD is NULL when it is not in the manifest. */
	int (*compare)(struct plan *p, const struct artifact *want, const struct owned *old,
		       struct err *err);
};

extern const struct provider providers[];

#endif
