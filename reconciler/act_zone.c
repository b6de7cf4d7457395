/*
 * Zones: told to the name server over its control channel. `reload` answers
 * before the file is read, so the serial that is served says whether it was.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "reconciler/act.h"
#include "reconciler/owed.h"
#include "reconciler/rndc.h"

enum {
	SERIAL_TRIES = 200,
	SERIAL_NAP_NS = 2000000
};

static bool is_live(const struct action *a)
{
	return !a->is_dropped && a->op != ACTION_RECORD && a->op != ACTION_FORGET;
}

bool zone_is_reverse(const char *zone)
{
	size_t len = strlen(zone);

	return len > 5 && strcmp(zone + len - 5, ".arpa") == 0;
}

static bool is_zone_file(const struct action *a)
{
	return a->art.type == ARTIFACT_FILE && (a->art.flags & ARTIFACT_SERIAL) && a->is_done &&
	       is_live(a) && a->op != ACTION_DELETE;
}

static const char *zone_of(const struct action *a)
{
	return a->art.resource + strlen("zone/");
}

/* The zone's own action in this plan: it is being registered, which loads it. */
static bool is_registered_now(const struct plan *p, const char *zone)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->stage == STAGE_ZONE && a->op != ACTION_RECORD &&
		    strcmp(a->art.path, zone) == 0)
			return true;
	}
	return false;
}

/* The zone's file in this plan, which knows its serial. */
static const struct action *file_of(const struct plan *p, const char *zone)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->art.type == ARTIFACT_FILE && (a->art.flags & ARTIFACT_SERIAL) &&
		    a->op != ACTION_DELETE && a->op != ACTION_FORGET && a->serial &&
		    strcmp(zone_of(a), zone) == 0)
			return a;
	}
	return NULL;
}

static int served(const struct verbs *verbs, struct rndc *r, const struct action *a,
		  struct err *err)
{
	const struct timespec nap = { .tv_nsec = SERIAL_NAP_NS };
	uint32_t serial = 0;

	for (int i = 0; i < SERIAL_TRIES; i++) {
		int e = verbs->zone_serial(r, zone_of(a), &serial, err);

		if (e < 0 && e != -ERR_CHECK)
			return e;
		if (e >= 0 && (int64_t)serial == a->serial)
			return 0;
		(void)nanosleep(&nap, NULL);
	}
	return err_set(err, ERR_CHECK,
		       "named still serves serial %" PRIu32 " instead of %" PRId64
		       " (its log says why it did not take %s)",
		       serial, a->serial, a->art.path);
}

/* It knows the zone: engine.db was lost, or a zone of somebody else's has the name. */
static int take_over(struct plan *p, struct rndc *r, const char *zone, struct err *err)
{
	const struct action *file = file_of(p, zone);
	int e = p->e->verbs->zone_reload(r, zone, err);

	if (e < 0 || !file)
		return e;
	e = served(p->e->verbs, r, file, err);
	return e < 0 ? err_wrap(err, "named has a zone %s already, which is not ours", zone) : 0;
}

/*
 * named has empty zones of its own for reverse names of private and documentation networks. They
 * give way to a zone that is loaded with them, but not to one that comes while it runs.
 */
static int replace_builtin(struct plan *p, struct rndc *r, const struct action *a, struct err *err)
{
	const struct verbs *verbs = p->e->verbs;
	bool is_builtin = false;
	int e = zone_is_reverse(a->art.path)
			? verbs->zone_is_builtin(r, a->art.path, &is_builtin, err)
			: 0;

	if (e < 0 || !is_builtin)
		return e < 0 ? e : take_over(p, r, a->art.path, err);
	e = verbs->zone_del(r, a->art.path, err);
	if (fault_point("builtin"))
		return err_sys(err, "add zone %s", a->art.path);
	return e < 0 ? e : verbs->zone_add(r, a->art.path, a->art.data, err);
}

static int change_zone(struct plan *p, struct rndc *r, const struct action *a, struct err *err)
{
	const struct verbs *verbs = p->e->verbs;
	int e;

	if (fault_point("zone"))
		return err_sys(err, "change zone %s", a->art.path);
	if (a->op == ACTION_UPDATE || a->op == ACTION_DELETE) {
		e = verbs->zone_del(r, a->art.path, err);
		if (e < 0 && e != -ERR_NOTFOUND)
			return e;
		err_clear(err);
	}
	if (a->op == ACTION_DELETE)
		return 0;
	e = verbs->zone_add(r, a->art.path, a->art.data, err);
	if (e == -ERR_CONFLICT) {
		err_clear(err);
		e = replace_builtin(p, r, a, err);
	}
	return e;
}

/* With a reverse zone that goes, named's own empty one of that name comes back only by a reload. */
static void bring_builtins_back(struct plan *p)
{
	const struct service *svc;
	struct err ignored = ERR_INIT;
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		any = any || (a->stage == STAGE_ZONE && a->op == ACTION_DELETE && a->is_done &&
			      zone_is_reverse(a->art.path));
	}
	if (!any)
		return;
	if (service_find(p->ctx, "bind", &svc, &ignored) < 0 ||
	    p->e->verbs->reload(p->ctx, &p->e->at, svc, &ignored) < 0)
		*strmap_slot(&p->owed, OWED_RELOAD "bind") = p; /* the next run does */
}

static bool is_owed_zone(const struct strmap_entry *entry)
{
	return entry->value && strncmp(entry->key, OWED_ZONE, strlen(OWED_ZONE)) == 0;
}

static bool any_work(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if ((p->v[i].stage == STAGE_ZONE && is_live(&p->v[i])) || is_zone_file(&p->v[i]))
			return true;
	}
	for (size_t i = 0; i < p->owed.n; i++) {
		if (is_owed_zone(&p->owed.entries[i]))
			return true;
	}
	return false;
}

static void all_failed(struct plan *p, const struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];

		if (a->stage == STAGE_ZONE && is_live(a))
			act_failed(p, a, err);
		else if (
			is_zone_file(a) &&
			!is_registered_now(
				p,
				zone_of(a))) /* the file is right; named will read it when it starts */
			plan_find(p, a->scope, a->renderer, a->art.resource, "Progressing",
				  "NotRunning", "%s", err->msg);
	}
	for (size_t i = 0; i < p->owed.n; i++) {
		if (is_owed_zone(&p->owed.entries[i]))
			p->owed.entries[i].value = NULL; /* likewise */
	}
}

/* Makes the server read the zone's file again; A is what wrote it, or NULL when that is not known. */
static void load_zone(struct plan *p, struct rndc *r, const char *zone, const struct action *a)
{
	const struct verbs *verbs = p->e->verbs;
	struct err e = ERR_INIT;
	int rc;

	if (is_registered_now(p, zone))
		return;
	rc = fault_point("zone reload") ? err_sys(&e, "load zone %s", zone)
					: verbs->zone_reload(r, zone, &e);
	if (rc >= 0 && a)
		rc = served(verbs, r, a, &e);
	if (rc >= 0 || (!a && rc == -ERR_NOTFOUND))
		return;
	*strmap_slot(&p->owed, mem_fmt(p->ctx, OWED_ZONE "%s", zone)) = p;
	plan_find(p, a ? a->scope : "s", a ? a->renderer : "reload",
		  mem_fmt(p->ctx, "zone/%s", zone), "Failed", "ReloadFailed", "bind: %s", e.msg);
	p->findings[p->n_findings - 1].retry = true;
}

int act_zones(struct plan *p, struct err *err)
{
	struct rndc_at at = { .root = p->e->root,
			      .port = (uint16_t)p->e->at.rndc_port,
			      .timeout_ms = 10000 };
	const struct verbs *verbs = p->e->verbs;
	struct rndc *r = NULL;
	size_t n_owed = p->owed.n;
	struct err e = ERR_INIT;

	(void)err;
	if (!any_work(p))
		return 0;
	if (verbs->zones_open(p->ctx, &at, &r, &e) < 0) {
		all_failed(p, &e);
		return 0;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct action *a = &p->v[i];

		err_clear(&e);
		if (a->stage == STAGE_ZONE && is_live(a)) {
			if (change_zone(p, r, a, &e) < 0)
				act_failed(p, a, &e);
			else
				a->is_done = true;
		}
	}
	for (size_t i = 0; i < p->n; i++) {
		if (is_zone_file(&p->v[i]))
			load_zone(p, r, zone_of(&p->v[i]), &p->v[i]);
	}
	for (size_t i = 0; i < n_owed; i++) {
		struct strmap_entry *owed = &p->owed.entries[i];
		const char *zone = owed->key + strlen(OWED_ZONE);

		if (!is_owed_zone(owed))
			continue;
		owed->value = NULL;
		load_zone(p, r, zone, file_of(p, zone));
	}
	verbs->zones_close(&r);
	bring_builtins_back(p);
	return 0;
}
