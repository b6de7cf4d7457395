#include "reconciler/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "reconciler/act.h"
#include "reconciler/archive.h"
#include "reconciler/flap.h"
#include "reconciler/memdir.h"
#include "reconciler/names.h"
#include "reconciler/owed.h"
#include "reconciler/trash.h"
#include "reconciler/trash_note.h"

void act_failed(struct plan *p, struct action *a, const struct err *err)
{
	a->is_dropped = true;
	plan_find(p, a->scope, a->renderer, a->art.resource, "Failed",
		  err->code == ERR_ABSENT ? "NotRunning" : "ApplyFailed", "%s %s %s: %s",
		  action_op_name(a->op), artifact_type_name(a->art.type), a->art.path, err->msg);
	p->findings[p->n_findings - 1].retry = true;
}

static bool is_live(const struct action *a)
{
	return !a->is_dropped && a->op != ACTION_RECORD && a->op != ACTION_FORGET;
}

static void told(struct execution *x, const char *what, size_t done, size_t total)
{
	if (x->progress)
		x->progress(what, done, total, x->arg);
}

/* Journal */

/* Zones go by the control channel; rows of maps and files of logins are read where they lie. */
static bool is_loaded(const struct action *a)
{
	return is_live(a) && a->art.service &&
	       (a->art.type == ARTIFACT_FILE || a->art.type == ARTIFACT_BLOCK ||
		a->art.flags & ARTIFACT_RELOAD) &&
	       !(a->art.flags & ARTIFACT_SERIAL);
}

/* Written down before anything changes: after a crash nobody could tell. */
static int owe(struct plan *p, const struct action *a, struct err *err)
{
	if (is_loaded(a))
		return owed_put(p->e->db, mem_fmt(p->ctx, OWED_RELOAD "%s", a->art.service), err);
	if (is_live(a) && a->art.flags & ARTIFACT_SERIAL)
		return owed_put(p->e->db,
				mem_fmt(p->ctx, OWED_ZONE "%s", strchr(a->art.resource, '/') + 1),
				err);
	if (is_live(a) && a->art.flags & ARTIFACT_LOGINS)
		return owed_put(p->e->db, mem_fmt(p->ctx, OWED_LOGINS "%s", a->art.path), err);
	if (is_live(a) && a->art.type == ARTIFACT_ZONE && a->op == ACTION_DELETE &&
	    zone_is_reverse(a->art.path)) /* act_zone.c */
		return owed_put(p->e->db, OWED_RELOAD "bind", err);
	return 0;
}

static int write_journal(struct plan *p, struct err *err)
{
	int r = sql_begin(p->e->db, err);

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		const struct action *a = &p->v[i];

		if (is_live(a))
			r = journal_put(p->e->db, a->art.type, a->art.path,
					a->stage <= STAGE_FILE && a->stage != STAGE_IDENTITY &&
							a->op != ACTION_DELETE
						? act_temp_path(p->ctx, a->art.path)
						: NULL,
					a->stage == STAGE_FILE ? &a->post : NULL, err);
		if (r >= 0)
			r = owe(p, a, err);
		/* a row says that it was made; whatever interrupts us, what is made again is not yet */
		if (r >= 0 && is_live(a) && a->old && a->op == ACTION_CREATE &&
		    (a->art.flags & ARTIFACT_ONCE))
			r = owned_del(p->e->db, a->art.type, a->art.path, err);
	}
	if (r >= 0)
		r = archive_owe(p->e, err);
	if (r >= 0)
		r = sql_commit(p->e->db, err);
	if (r < 0)
		sql_rollback(p->e->db);
	return r;
}

static int recover_row(enum artifact_type type, const char *path, const char *temp,
		       const struct digest *post, void *arg, struct err *err)
{
	struct engine *e = arg;

	(void)type;
	(void)post;
	(void)path;
	/* the rows stay until a run ends well: what it made and did not record is ours by them */
	return temp ? fs_remove_tree(e->root, temp, 0, err) : 0;
}

/* A new engine.db, because the old one was lost: what lies in the trash, and whose numbers, is not. */
static int recover_trash(struct engine *e, struct err *err)
{
	int64_t known = 0;
	int r = cursor_get(e->db, "trash", &known, err);

	if (r < 0 || known)
		return r;
	r = trash_note_rows(e, err);
	return r < 0 ? r : cursor_set(e->db, "trash", 1, err);
}

int execute_recover(struct engine *e, struct err *err)
{
	int r = journal_each(e->db, recover_row, e, err);

	memdir_sweep();
	if (r >= 0)
		r = recover_trash(e, err);
	if (r >= 0)
		r = identity_recover(e->root, err);
	return r < 0 ? r : archive_behind(e, err);
}

/* Stages */

static int run_identities(struct plan *p, struct err *err)
{
	struct err e = ERR_INIT;

	(void)err;
	if (!p->identities || !identity_is_dirty(p->identities))
		return 0;
	if (identity_write(p->identities, p->e->root, &e) >= 0)
		err_clear(&e);
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];

		if (a->stage != STAGE_IDENTITY || !is_live(a))
			continue;
		if (e.code)
			act_failed(p, a, &e);
		else
			a->is_done = true;
	}
	if (!e.code)
		return 0;
	/* what did not get into the files must not get there with a later write of the same pass */
	p->identities = NULL;
	return identity_load(p->ctx, p->e->root, &p->identities, err);
}

static void run_folders(struct plan *p, enum stage stage)
{
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;

		if (a->stage != stage || (a->art.type != ARTIFACT_DIR && !a->art.source) ||
		    !is_live(a))
			continue;
		if (act_dir(p, a, &e) < 0)
			act_failed(p, a, &e);
		else
			a->is_done = true;
	}
}

static bool has_content(const struct action *a)
{
	return (a->art.type == ARTIFACT_FILE && a->op != ACTION_DELETE) ||
	       a->art.type == ARTIFACT_BLOCK;
}

static int run_files(struct plan *p, struct execution *x, struct err *err)
{
	cleanup_(syncset_done) struct syncset sync = { .n = 0 };
	int r;

	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;

		if (a->stage == STAGE_FILE && is_live(a) && has_content(a) &&
		    act_file_stage(p, a, &sync, &e) < 0)
			act_failed(p, a, &e);
		if ((i & 255) == 0)
			told(x, "write", i, p->n);
	}
	r = syncset_flush(&sync, err);
	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;

		if (a->stage != STAGE_FILE || !is_live(a))
			continue;
		if (act_file_activate(p, a, &sync, &e) < 0)
			act_failed(p, a, &e);
		else
			a->is_done = true;
	}
	return r < 0 ? r : syncset_flush(&sync, err);
}

static bool needs_reload(const struct plan *p, const char *service)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->is_done && is_loaded(a) && strcmp(a->art.service, service) == 0)
			return true;
	}
	return strmap_find(&p->owed, mem_fmt(p->ctx, OWED_RELOAD "%s", service)) != NULL;
}

/* The machine's files of SERVICE as they were before this plan. */
static void put_back(struct plan *p, const char *service)
{
	cleanup_(syncset_done) struct syncset sync = { .n = 0 };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct action back = *a;

		if (!a->is_done || !is_live(a) || a->stage != STAGE_FILE || !a->art.service ||
		    strcmp(a->art.service, service) != 0 || (a->art.flags & ARTIFACT_ONCE))
			continue;
		a->is_dropped = true;
		back.op = a->op == ACTION_CREATE && a->art.type != ARTIFACT_BLOCK ? ACTION_DELETE
										  : ACTION_UPDATE;
		back.art.data = a->before;
		back.art.len = a->before_len;
		if (a->old && a->art.type == ARTIFACT_FILE) {
			back.art.mode = a->old->mode;
			back.art.owner = a->old->owner;
			back.art.group = a->old->group;
		}
		if (back.op == ACTION_UPDATE && act_file_stage(p, &back, &sync, &ignored) < 0)
			continue; /* the next pass finds it different and mends it */
		if (act_file_activate(p, &back, &sync, &ignored) < 0)
			continue;
	}
	if (syncset_flush(&sync, &ignored) < 0)
		return;
}

/*
 * The daemon goes on with its old configuration; so do the files. What passed alone does not pass
 * together: the next pass judges the whole, and finds who is at fault.
 */
static void reload_failed(struct plan *p, struct execution *x, const char *name,
			  const struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (!a->is_done || !is_live(a) || !a->art.service ||
		    strcmp(a->art.service, name) != 0)
			continue;
		plan_find(p, a->scope, a->renderer, a->art.resource, "Blocked", "ReloadRefused",
			  "not live: %s did not take its configuration: %s", name, e->msg);
		p->findings[p->n_findings - 1].retry = true;
	}
	put_back(p, name);
	plan_find(p, "s", "reload", mem_fmt(p->ctx, "server/%s", name), "Failed", "ReloadRefused",
		  "%s", e->msg);
	x->wants_whole = !p->is_whole;
}

static void settle(struct plan *p, const char *what)
{
	if (strmap_find(&p->owed, what))
		*strmap_slot(&p->owed, what) = NULL;
}

static void not_running(struct plan *p, const char *name)
{
	plan_find(p, "s", "reload", mem_fmt(p->ctx, "server/%s", name), "Progressing", "NotRunning",
		  "%s is not running; it will load what was written when it starts", name);
	p->findings[p->n_findings - 1].retry = true; /* to see when it runs again */
}

static void reload_services(struct plan *p, struct execution *x)
{
	struct strmap names = STRMAP_ON(p->ctx);

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].art.service)
			(void)strmap_slot(&names, p->v[i].art.service);
	}
	for (size_t i = 0; i < p->owed.n; i++) {
		if (strncmp(p->owed.entries[i].key, OWED_RELOAD, strlen(OWED_RELOAD)) == 0)
			(void)strmap_slot(&names, p->owed.entries[i].key + strlen(OWED_RELOAD));
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.entries[i].key;
		const struct service *svc;
		struct err e = ERR_INIT;
		int r;

		if (!needs_reload(p, name) || service_find(p->ctx, name, &svc, &e) < 0)
			continue;
		if (svc->control == SERVICE_NONE)
			continue;
		told(x, mem_fmt(p->ctx, "reload %s", name), i, names.n);
		x->reloads++;
		r = fault_point("reload") ? err_sys(&e, "reload %s", name)
					  : p->e->verbs->reload(p->ctx, &p->e->at, svc, &e);
		if (r == -ERR_ABSENT)
			not_running(p, name);
		else if (r < 0)
			reload_failed(p, x, name, &e);
		if (r >= 0 || r == -ERR_ABSENT)
			settle(p, mem_fmt(p->ctx, OWED_RELOAD "%s", name));
	}
}

static bool removes_of(const struct plan *p, const char *service)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if ((a->op == ACTION_DELETE || a->op == ACTION_FORGET) && a->art.service &&
		    strcmp(a->art.service, service) == 0)
			return true;
	}
	return false;
}

/*
 * Nothing of ours is in it any more: whether it runs is the administrator's business. The answer
 * costs a look at all that we have, so it is asked only when this pass does that or took something away.
 */
static bool is_left(struct plan *p, const char *service)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct err ignored = ERR_INIT;

	if (!p->is_full && !removes_of(p, service))
		return false;
	if (sql_get(p->e->db, "SELECT 1 FROM artifact WHERE service=? LIMIT 1", &st, &ignored) < 0)
		return false;
	sql_bind_text(st, 1, service);
	return sql_step(st, &ignored) == 0;
}

static int add_stopped(const struct condition *c, void *arg, struct err *err)
{
	struct plan *p = arg;
	const char *service = c->resource + strlen("server/");

	(void)err;
	if (strcmp(c->part, "reload") == 0 && strcmp(c->reason, "NotRunning") == 0 &&
	    !strmap_find(&p->services, service) && !is_left(p, service))
		*strmap_slot(&p->services, mem_str(p->ctx, service)) = p;
	return 0;
}

/*
 * A daemon may have ended while nothing was to be done about it. A full pass looks at all that have
 * something of ours, any other at those that did not run the last time.
 */
static int look_at_services(struct plan *p, struct err *err)
{
	int r = condition_each(p->e->db, NULL, add_stopped, p, err);

	for (size_t i = 0; i < p->services.n && r >= 0; i++) {
		const char *name = p->services.entries[i].key;
		const struct service *svc;
		struct err e = ERR_INIT;
		pid_t pid;

		if (service_find(p->ctx, name, &svc, &e) >= 0 &&
		    service_is_installed(&p->e->at, svc) &&
		    p->e->verbs->pid(&p->e->at, svc, &pid, &e) == -ERR_ABSENT)
			not_running(p, name);
	}
	return r;
}

/* Withdrawing */

static const char *account_of(struct plan *p, const struct action *a)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	const char *slash = strchr(a->art.resource, '/');
	struct err ignored = ERR_INIT;

	if (strncmp(a->art.resource, "account/", 8) == 0)
		return slash + 1;
	if (sql_get(store_sql(p->e->store),
		    "SELECT account FROM change WHERE kind=? AND key=? ORDER BY rev DESC LIMIT 1",
		    &st, &ignored) < 0)
		return "unknown";
	sql_bind_text(st, 1, mem_strn(p->ctx, a->art.resource, (size_t)(slash - a->art.resource)));
	sql_bind_text(st, 2, slash + 1);
	if (sql_step(st, &ignored) > 0 && sql_text(st, 0))
		return mem_str(p->ctx, sql_text(st, 0));
	return "unknown";
}

static int64_t uid_of(struct plan *p, const char *account)
{
	cleanup_(sql_done) struct stmt *st = NULL;
	struct owned *o;
	struct err ignored = ERR_INIT;

	if (owned_get(p->ctx, p->e->db, ARTIFACT_USER, account, &o, &ignored) >= 0)
		return o->serial;
	/* a run that was cut short has removed the user; what it moved before says the number */
	if (sql_get(p->e->db,
		    "SELECT uid FROM trash WHERE account=? AND uid>0 ORDER BY time DESC LIMIT 1",
		    &st, &ignored) < 0)
		return 0;
	sql_bind_text(st, 1, account);
	return sql_step(st, &ignored) > 0 ? sql_int(st, 0) : 0;
}

/* Before their home moves: a process would go on writing into it, and keep a user id that is gone. */
static void end_processes(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;

		if (a->stage != STAGE_TRASH || a->art.type != ARTIFACT_USER || !is_live(a))
			continue;
		if (act_end_processes(p, a->serial, &e) < 0)
			act_failed(p, a, &e);
	}
}

/* What has been in the trash for its time goes; with trash_days 0 what has just come. */
static void run_purge(struct plan *p)
{
	struct err e = ERR_INIT;

	if (trash_purge(p->e, NULL, &e) < 0)
		plan_find(p, "s", "trash", "server/trash", "Failed", "PurgeFailed", "%s", e.msg);
}

/* Empty folders above data that an earlier run moved before it was killed. */
static void prune_gone(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->op == ACTION_FORGET && a->art.type == ARTIFACT_DIR &&
		    (a->art.flags & ARTIFACT_DATA))
			act_trash_prune(p, a->art.path);
	}
}

/* Into the trash; KEPT gets the accounts with data that could not be moved. */
static void trash_data(struct plan *p, struct strmap *kept)
{
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;
		const char *account;

		if (a->stage != STAGE_TRASH || !is_live(a) || a->art.type == ARTIFACT_USER)
			continue;
		account = account_of(p, a);
		if (act_trash(p, a, account, uid_of(p, account), &e) >= 0) {
			a->is_done = true;
			continue;
		}
		act_failed(p, a, &e);
		*strmap_slot(kept, account) = p;
	}
}

/* A user goes after its data: as long as some is there, its number must not be given away. */
static bool drop_users(struct plan *p, const struct strmap *kept)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];
		struct err e = ERR_INIT;
		int r;

		if (a->stage != STAGE_TRASH || !is_live(a) || a->art.type != ARTIFACT_USER)
			continue;
		r = strmap_find(kept, a->art.path)
			    ? err_set(&e, ERR_BUSY, "its data is not in the trash yet")
			    : identity_del(p->identities, a->art.path, &e);
		any = any || r >= 0;
		if (r < 0)
			act_failed(p, a, &e);
		else
			a->is_done = true;
	}
	return any;
}

static void run_trash(struct plan *p)
{
	struct strmap kept = STRMAP_ON(p->ctx);
	struct err e = ERR_INIT;
	int r;

	end_processes(p);
	trash_data(p, &kept);
	if (!drop_users(p, &kept))
		return;
	r = identity_write(p->identities, p->e->root, &e);
	for (size_t i = 0; i < p->n && r < 0; i++) {
		if (p->v[i].stage == STAGE_TRASH && p->v[i].art.type == ARTIFACT_USER &&
		    is_live(&p->v[i]))
			act_failed(p, &p->v[i], &e);
	}
}

/* Recording */

static int forget(struct plan *p, const struct action *a, struct err *err)
{
	int r = 0;

	if (a->old && (a->art.flags & ARTIFACT_SERIAL))
		r = serial_remember(p->e->db, a->art.path, a->old->serial, err);
	return r < 0 ? r : owned_del(p->e->db, a->art.type, a->art.path, err);
}

static int record_action(struct plan *p, struct action *a, struct err *err)
{
	struct owned o = {
		.type = a->art.type,
		.path = a->art.path,
		.scope = a->scope,
		.renderer = a->renderer,
		.resource = a->art.resource,
		.service = a->art.service,
		.flags = a->art.flags,
		.mode = a->art.mode,
		.owner = a->art.owner,
		.group = a->art.group,
		.stamp = a->stamp,
		.serial = a->serial,
		.serial_at = (int64_t)a->art.serial_at,
		.rev = p->rev,
		.digest = a->art.digest,
	};

	if (a->op == ACTION_DELETE || a->op == ACTION_FORGET)
		return forget(p, a, err);
	return owned_put(p->e->db, &o, err);
}

/* One that is tried again for any reason is tried again as a whole. */
static bool is_retried(const struct plan *p, const struct finding *f)
{
	for (const struct finding *g = f; g < p->findings + p->n_findings; g++) {
		if (g->retry && strcmp(f->part, g->part) == 0 &&
		    strcmp(f->resource, g->resource) == 0)
			return true;
	}
	return false;
}

/* A resource keeps the first that was found of each part: what follows is mostly its consequence. */
static int record_findings(struct plan *p, struct err *err)
{
	struct strmap told = STRMAP_ON(p->ctx);
	int r = 0;

	for (size_t i = 0; i < p->n_visited && r >= 0; i++)
		r = condition_doubt(p->e->db, p->visited[i].scope, p->visited[i].part, err);
	if (r >= 0)
		r = condition_doubt(p->e->db, "s", "reload", err);
	if (r >= 0)
		r = condition_doubt(p->e->db, "s", "check", err);
	if (r >= 0)
		r = condition_doubt(p->e->db, "s", "trash", err);
	for (size_t i = 0; i < p->n_findings && r >= 0; i++) {
		const struct finding *f = &p->findings[i];
		struct condition c = { .resource = f->resource,
				       .part = f->part,
				       .type = f->type,
				       .reason = f->reason,
				       .message = f->message,
				       .scope = f->scope,
				       .rev = p->rev,
				       .since = p->now,
				       .next_try = is_retried(p, f) ? p->now : 0,
				       .retry_at = f->retry_at };
		void **seen = strmap_slot(&told, mem_fmt(p->ctx, "%s %s", f->part, f->resource));

		if (!*seen)
			r = condition_put(p->e->db, &c, err);
		*seen = p;
	}
	return r < 0 ? r : condition_sweep(p->e->db, err);
}

/* A user that failed may be half made; the row says whose the half is. */
static int clear_journal(struct plan *p, struct err *err)
{
	int r = journal_clear(p->e->db, err);

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		const struct action *a = &p->v[i];

		if (a->is_dropped && a->art.type == ARTIFACT_USER)
			r = journal_put(p->e->db, a->art.type, a->art.path, NULL, NULL, err);
	}
	return r;
}

static int record(struct plan *p, struct execution *x, struct err *err)
{
	int r = sql_begin(p->e->db, err);

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		struct action *a = &p->v[i];

		if (a->is_dropped) {
			x->failed++;
			continue;
		}
		x->done += is_live(a);
		r = record_action(p, a, err);
	}
	if (r >= 0)
		r = flap_record(p, err);
	if (r >= 0)
		r = record_findings(p, err);
	if (r >= 0)
		r = clear_journal(p, err);
	if (r >= 0)
		r = owed_replace(p->e->db, &p->owed, err);
	if (r >= 0)
		r = cursor_set(p->e->db, "applied", p->rev, err);
	if (r >= 0)
		r = sql_commit(p->e->db, err);
	if (r < 0)
		sql_rollback(p->e->db);
	return r;
}

int plan_execute(struct plan *p, struct execution *x, struct err *err)
{
	struct err ignored = ERR_INIT;
	int r = owed_load(p->e->db, &p->owed, err);

	if (r >= 0 && (p->owed.n || plan_changes(p))) {
		r = archive_found(p, err); /* first: a hand edit is never lost */
		if (r >= 0)
			r = write_journal(p, err);
		if (r >= 0)
			r = run_identities(p, err);
		if (r >= 0) {
			run_folders(p, STAGE_FOLDER);
			r = run_files(p, x, err);
		}
		(void)fault_point("files");
		if (r >= 0) {
			act_quotas(p);
			r = act_maps(p, err);
		}
		if (r >= 0) {
			reload_services(
				p, x); /* before zones: named must have learned to take new ones */
			r = act_zones(p, err);
		}
		if (r >= 0)
			r = act_logins(p, err); /* last: nobody else waits for it */
		if (r >= 0) {
			run_folders(p, STAGE_WITHDRAW);
			run_trash(p);
		}
	}
	if (r >= 0) {
		prune_gone(p);
		run_purge(p);
		names_tell(p);
		r = look_at_services(p, err);
	}
	if (r >= 0)
		r = record(p, x, err);
	if (r < 0 && execute_recover(p->e, &ignored) < 0)
		return r; /* what is half written has names that the next run knows */
	return r;
}
