/*
 * The versioned store: model.db.
 *
 * Every write is a change set, applied in one transaction that holds the
 * rows, the revision (number, time, who, from where, message), its SQLite
 * changeset, the list of changed resources and an audit row. A change set is
 * checked whole: all problems come back together, and then nothing was
 * written. A dry run is the same call, rolled back by the caller.
 *
 * Secrets stand in a table of their own that no changeset contains; revert
 * and rollback never touch it.
 */
#ifndef MODEL_STORE_H
#define MODEL_STORE_H

#include "base/mem.h"
#include "base/strmap.h"
#include "model/kinds.h"
#include "model/sql.h"

/* Below the machine's root; the folder is the user novacpx' own. */
#define MODEL_DIR  "/var/lib/novacpx/model"
#define MODEL_NAME "model.db"

struct store;

enum {
	SCHEMA_VERSION = 2,
	AUDIT_DETAIL_MAX = 64 * 1024,
	IDEMPOTENCY_HOURS = 24, /* for which a key is known, at least */
};

/* Opens PATH, creating or migrating it unless READONLY. Refuses a newer schema. */
int store_open(const void *ctx, const char *path, bool readonly, struct store **ret,
	       struct err *err) must_check;
/*
 * The same for root, when DIR belongs to a user with less rights (sql_open_guarded). The file must
 * be there. A schema that is not ours is refused, now and whenever a transaction begins; an older one
 * before it is brought on.
 */
int store_open_guarded(const void *ctx, int dir, struct store **ret, struct err *err) must_check;
struct sql *store_sql(struct store *s);

/* Reading */

/* The resource named by KEY (parts joined by '/'); -ERR_NOTFOUND. */
int store_get(const void *ctx, struct store *s, const struct kind *k, const char *key,
	      void *ret_res, struct err *err) must_check;
int store_get_id(const void *ctx, struct store *s, const struct kind *k, int64_t id, void *ret_res,
		 struct err *err) must_check;

struct cursor;

/* Resources of a kind in key order; only those whose FIELD equals VALUE if FIELD is given. */
int cursor_open(const void *ctx, struct store *s, const struct kind *k, const struct field *field,
		const char *value, struct cursor **ret, struct err *err) must_check;
/* In the order of ORDER_BY, a field, from the first: for merging kinds scope by scope. */
int cursor_open_by(const void *ctx, struct store *s, const struct kind *k,
		   const struct field *order_by, struct cursor **ret, struct err *err) must_check;
/* 1 and a new resource on CTX, or 0 at the end. */
int cursor_next(const void *ctx, struct cursor *c, void *ret_res, struct err *err) must_check;
int store_count(struct store *s, const struct kind *k, const struct field *field, const char *value,
		int64_t *ret, struct err *err) must_check;

/* Change sets */

enum change_op {
	CHANGE_PUT,
	CHANGE_DELETE
};

struct change {
	enum change_op op;
	void *res;    /* PUT: fields in `set` count; DELETE: key or id */
	uint64_t set; /* bit i: field i was given */
	bool full;    /* PUT: fields not given go back to their defaults (never secrets) */
	bool is_new;  /* PUT: ERR_CONFLICT when it is there already */
	int where;    /* the caller's own number, to find the source line again */
	/* Told by store_apply() of a PUT that went through; KEY belongs to RES. */
	int64_t id;
	const char *key;
};

struct changeset {
	const void *ctx;
	struct change *v;
	size_t n, cap;
};

struct change *changeset_add(struct changeset *cs, enum change_op op, const struct kind *k);
/* The key that res_set_key() gave C's resource counts as given: a PUT then makes what is not there. */
void change_mark_key(struct change *c);
/* Puts VALUE into the field of C's resource and marks it given. */
int change_set(const void *ctx, struct change *c, const struct field *f, const struct value *v,
	       struct err *err) must_check;

struct problem {
	size_t change; /* index in the change set */
	enum err_code code;
	char *resource; /* "domain/a.example" */
	char *field;    /* "document_root", or NULL: the resource as such */
	char *msg;
	bool has_other;
	size_t other; /* index of the change that it clashes with, when that one is in the set too */
};

struct problems {
	const void *ctx;
	struct problem *v;
	size_t n, cap;
};

void problem_add(struct problems *p, size_t change, enum err_code code, const char *resource,
		 const char *field, const char *fmt, ...) format_(6, 7);

struct revision {
	int64_t rev;
	int64_t time; /* seconds since 1970 */
	const char *actor, *source, *message;
	int64_t actor_id;    /* number of the user; 0: none, such as root */
	const char *address; /* where the call came from, or NULL */
	const char *via;     /* how the actor was known: "session", "token backup"; or NULL */
	const char *action;  /* the caller's word for it, "account.create"; NULL: "commit" */
	int64_t changes;     /* number of changed resources */
	/* Asked for, not stored with the revision: */
	int64_t seen_rev;        /* changed resources must not be newer; 0: no such check */
	const char *idempotency; /* the actor's key for this request, or NULL */
	const char *request;     /* digest of what the key stands for; NULL: of nothing */
	const char
		*about; /* for the audit row, when several are touched: "account/john", or NULL */
	int64_t confirm_until; /* reverted then unless store_confirm() came; 0: it stands */
	bool repeated;         /* set: the key was known, and REV is what it did the first time */
};

/* A resource that a revision touched. */
struct touched {
	const struct kind *kind;
	const char *key;
	void *before, *after; /* NULL: was not, is not there */
	size_t change;
};

struct touched_list {
	struct touched *v;
	size_t n, cap;
};

/*
 * Begins a transaction, applies CS and records the revision in it. Returns 1 with REV->rev set
 * when something changed, 0 when nothing would (no transaction is open then, REV->rev is the
 * newest), or an error with PROBLEMS filled (rolled back). After 1, the caller ends with
 * store_commit() or store_rollback(). A repeated idempotency key of the same actor returns 0 and the
 * first revision; with another request it is a conflict. A request that changed nothing leaves no key.
 */
int store_apply(struct store *s, const struct changeset *cs, struct revision *rev,
		struct problems *problems, struct err *err) must_check;
/* The same for undoing one revision (others stay), or all after revision TO. */
int store_revert(struct store *s, int64_t revision, struct revision *rev, struct problems *problems,
		 struct err *err) must_check;
int store_rollback_to(struct store *s, int64_t to, struct revision *rev, struct problems *problems,
		      struct err *err) must_check;
/* Brings back what revision GONE deleted of ACCOUNT: the account and all that belonged to it. */
int store_undelete(struct store *s, int64_t gone, const char *account, struct revision *rev,
		   struct problems *problems, struct err *err) must_check;
int store_commit(struct store *s, struct err *err) must_check;
void store_rollback(struct store *s);

/*
 * Many revisions, one durable commit. Between begin and commit each call above is a member of its
 * own: it sees what the members before it did, has its own revision, audit row and problems, and
 * when refused or rolled back takes nothing else with it. A member that returned 1 is kept by
 * store_commit() or by going on, and taken back by store_rollback(). Nothing is acknowledged
 * before store_batch_commit() has returned 0; when it fails nothing of the batch stands.
 */
int store_batch_begin(struct store *s, struct err *err) must_check;
int store_batch_commit(struct store *s, struct err *err) must_check;
void store_batch_rollback(struct store *s);

/* History of the store */

int store_head(struct store *s, int64_t *ret, struct err *err) must_check;
int store_revision(const void *ctx, struct store *s, int64_t rev, struct revision *ret,
		   struct err *err) must_check;

struct change_row {
	int64_t rev;
	const char *kind, *key, *account, *scope;
	char op; /* + created, ~ changed, - deleted */
};

typedef int change_row_fn(const struct change_row *row, void *arg, struct err *err);
/* Resources changed after FROM up to and including TO, in order. */
int store_changes(struct store *s, int64_t from, int64_t to, change_row_fn *fn, void *arg,
		  struct err *err) must_check;

/* An account whose history may be told: from SINCE on, for names are given again. */
struct log_account {
	const char *name;
	int64_t since;
};

struct log_query {
	int64_t before;        /* only older revisions; 0: all */
	int64_t offset, limit; /* of what fits, newest first; limit 0: all */
	const char *actor;     /* alone; NULL: any */
	/* only those that touched it */
	const struct kind *kind;
	const char *key;
	/* only those that touched one of them, whose `changes` then counts these alone */
	bool of_accounts;
	const struct log_account *accounts;
	size_t n_accounts;
};

typedef int revision_fn(const struct revision *rev, void *arg, struct err *err);
/*
 * Newest first, by an index whatever is asked for. TOTAL (or NULL): how many fit; of a query by
 * resource or account nothing is counted beyond the first one behind the page.
 */
int store_log(struct store *s, const struct log_query *q, revision_fn *fn, void *arg,
	      int64_t *ret_total, struct err *err) must_check;
/* The revision in which the account of that name came to be, this time; 0: not known. */
int store_account_since(struct store *s, const char *account, int64_t *ret,
			struct err *err) must_check;

enum {
	DIFF_REVISIONS_MAX = 10000, /* in one store_diff() */
	DIFF_BYTES_MAX = 16 << 20,  /* of their changesets */
};

/* What revisions did to one resource, all together. Secrets are in none of it. */
struct difference {
	const struct kind *kind;
	const char *key;
	const char *account; /* it belongs to, or NULL */
	char op;             /* + created, ~ changed, - deleted */
	int64_t rev;         /* the first of them that touched it */
	/* NULL: was not, is not there; of a changed one only the fields in `fields` are set */
	const void *before, *after;
	uint64_t
		fields; /* bit i: field i differs, or is set; 0 of a changed one: only a secret is new */
};

typedef int difference_fn(const struct difference *d, void *arg, struct err *err);
/*
 * The net difference that the revisions after FROM up to and including TO made, read from their
 * changesets. ERR_TOOBIG: over the caps above.
 */
int store_diff(struct store *s, int64_t from, int64_t to, difference_fn *fn, void *arg,
	       struct err *err) must_check;

/* Revisions on trial: committed with a deadline, reverted unless confirmed */

enum trial_state {
	TRIAL_WAITING,
	TRIAL_CONFIRMED,
	TRIAL_REVERTED, /* in revision `undone_in` */
	TRIAL_STANDS,   /* its time is over, and it could not be reverted: `note` says why */
};

const char *trial_state_name(enum trial_state state);

struct trial {
	int64_t rev, until, settled; /* SETTLED: when; 0 while it waits */
	enum trial_state state;
	int64_t undone_in;
	const char *note;
};

/* 1 and what became of it, or 0: the revision was committed for good. */
int store_trial(const void *ctx, struct store *s, int64_t rev, struct trial *ret,
		struct err *err) must_check;
/*
 * 1: confirmed now, in a transaction that stands open; 0: it was before. ERR_NOTFOUND: it is not on
 * trial; ERR_CONFLICT: too late, with what became of it.
 */
int store_confirm(struct store *s, int64_t rev, int64_t now, struct err *err) must_check;
/* Those whose time is over at NOW, newest first, for they may build on each other. Returns how many. */
int store_trials_due(struct store *s, int64_t now, int64_t *ret, size_t max,
		     struct err *err) must_check;
/* When the next one is over: 1, or 0 when none waits. */
int store_trial_next(struct store *s, int64_t *ret_until, struct err *err) must_check;
/*
 * Ends revision WHICH, if it still waits and its time is over at REV->time: reverted by REV, or,
 * where that is refused, marked as standing with the reason and an audit row (REV->rev is 0 then).
 * 1: that stands in an open transaction; 0: there is nothing to do.
 */
int store_expire(struct store *s, int64_t which, struct revision *rev, struct problems *problems,
		 struct err *err) must_check;

/* Since when a field has its value. */
struct origin {
	int64_t rev; /* 0: not known, or never set */
	char op;     /* + came with the resource, ~ was changed, - the resource went */
};

/* For each field of RES, as read from the store; RET has room for all fields of its kind. */
int store_origins(struct store *s, const void *res, struct origin *ret, struct err *err) must_check;
/* The revision in which a resource that is not there went. */
int store_gone(struct store *s, const struct kind *k, const char *key, struct origin *ret,
	       struct err *err) must_check;

/* Audit */

enum audit_outcome {
	AUDIT_DONE,
	AUDIT_REFUSED, /* not allowed, or wrong */
	AUDIT_FAILED   /* allowed, but it did not work */
};

const char *audit_outcome_name(enum audit_outcome outcome);

struct audit_row {
	int64_t id; /* given by the store */
	int64_t time;
	const char *actor;
	int64_t actor_id;             /* 0: none */
	const char *address, *source; /* ADDRESS may be NULL */
	const char *via;              /* or NULL */
	const char *action;           /* "login", "account.create" */
	enum audit_outcome outcome;
	const char *resource; /* "account/john", or NULL */
	int64_t rev;          /* 0: no revision */
	const char *detail;   /* JSON without secrets, at most AUDIT_DETAIL_MAX bytes; or NULL */
};

/* A row about what is no revision: a login, a refused or failed call. Its own transaction if none is open. */
int store_audit_add(struct store *s, const struct audit_row *row, struct err *err) must_check;

struct audit_query {
	const char *user, *action; /* parts of the names, case ignored; NULL: any */
	int64_t from, to;          /* seconds since 1970, TO excluded; 0: unbounded */
	int64_t offset, limit;     /* 0: all */
};

typedef int audit_row_fn(const struct audit_row *row, void *arg, struct err *err);
/* Newest first. TOTAL (or NULL): how many there are without offset and limit. */
int store_audit_list(struct store *s, const struct audit_query *q, audit_row_fn *fn, void *arg,
		     int64_t *ret_total, struct err *err) must_check;

/* Secrets */

int store_secret_get(const void *ctx, struct store *s, const char *kind, const char *key,
		     const char *field, const char **ret, struct err *err) must_check;

/* The account a resource belongs to (through its parents), or NULL. On CTX. */
int store_account_of(const void *ctx, struct store *s, const void *res, const char **ret,
		     struct err *err) must_check;

#endif
