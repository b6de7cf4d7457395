/*
 * Logins: Dovecot finds new passwords by itself, but in its own time. What is
 * suspended shall be off when we say so, and what is new shall work, so it is
 * asked until it answers from the file that lies there (logins.h).
 *
 * What lies there says itself which version it is: an owed row needs no more
 * than the path. One is written before the file changes, as for zones: it is
 * an insert in a transaction that is made anyway, and without it a failure or
 * a kill between rename and answer would be forgotten, since the next
 * comparison finds the file as it should be.
 */
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/fs.h"
#include "reconciler/act.h"
#include "reconciler/owed.h"

enum {
	FILE_MAX = 64 << 20
};

struct asking {
	struct plan *p;
	struct strmap files; /* path → the action that changed it, or NULL: owed */
	struct logins *to;
	struct timespec since; /* all files are as they are since then */
	bool waits;            /* something is gone, which no answer tells */
	struct err lost;       /* it does not answer at all: nothing more is asked */
};

static bool is_changed(const struct action *a)
{
	return (a->art.flags & ARTIFACT_LOGINS) && a->art.type == ARTIFACT_FILE && a->is_done &&
	       !a->is_dropped && a->op != ACTION_RECORD && a->op != ACTION_FORGET;
}

static void collect(struct asking *l)
{
	struct plan *p = l->p;

	for (size_t i = 0; i < p->n; i++) {
		if (is_changed(&p->v[i]))
			*strmap_slot(&l->files, p->v[i].art.path) = &p->v[i];
	}
	for (size_t i = 0; i < p->owed.n; i++) {
		struct strmap_entry *owed = &p->owed.entries[i];

		if (!owed->value || strncmp(owed->key, OWED_LOGINS, strlen(OWED_LOGINS)) != 0)
			continue;
		(void)strmap_slot(&l->files, owed->key + strlen(OWED_LOGINS));
		owed->value = NULL;
	}
}

static void found(struct plan *p, const struct strmap_entry *file, const char *type,
		  const char *reason, const struct err *e)
{
	const struct action *a = file->value;
	const char *name = strrchr(file->key, '/') + 1;
	size_t len = strlen(name) - MIN(strlen(name), strlen(".passwd"));

	plan_find(p, a ? a->scope : "s", a ? a->renderer : "reload",
		  a ? a->art.resource : mem_fmt(p->ctx, "domain/%.*s", (int)len, name), type,
		  reason, "%s", e->msg);
}

/* They are right where they lie; Dovecot will read them when it starts. */
static void not_running(struct asking *l, const struct err *e)
{
	for (size_t i = 0; i < l->files.n; i++) {
		const struct action *a = l->files.entries[i].value;

		if (a && a->op != ACTION_DELETE)
			found(l->p, &l->files.entries[i], "Progressing", "NotRunning", e);
	}
}

static void failed(struct asking *l, const struct strmap_entry *file, struct err *e)
{
	struct plan *p = l->p;

	*strmap_slot(&p->owed, mem_fmt(p->ctx, OWED_LOGINS "%s", file->key)) = p;
	(void)err_wrap(e, "dovecot does not take the logins of %s, so old ones may still hold",
		       file->key);
	found(p, file, "Failed", "ReloadFailed", e);
	p->findings[p->n_findings - 1].retry = true;
}

static int ask(struct asking *l, const char *path, struct err *err)
{
	cleanup_(mem_freep) void *tmp = mem_ctx(NULL, "logins");
	const char *user;
	const char *version;
	char *text;
	size_t len;
	int r = fs_read(tmp, l->p->e->root, path, FILE_MAX, FS_NOLINKS, &text, &len, err);

	if (r >= 0)
		r = logins_version_in(tmp, text, &user, &version, err);
	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		l->waits = true;
		return 0;
	}
	if (r < 0)
		return r;
	if (l->lost.code) {
		*err = l->lost;
		return -(int)err->code;
	}
	if (fault_point("logins"))
		return err_sys(err, "ask for %s", user);
	return l->p->e->verbs->logins_await(l->to, user, version, err);
}

static void ask_all(struct asking *l)
{
	for (size_t i = 0; i < l->files.n; i++) {
		struct err e = ERR_INIT;

		if (ask(l, l->files.entries[i].key, &e) >= 0)
			continue;
		if (e.code == ERR_TIMEOUT || e.code == ERR_ABSENT || e.code == ERR_CORRUPT)
			l->lost = e;
		failed(l, &l->files.entries[i], &e);
	}
	if (l->waits)
		l->p->e->verbs->logins_await_second(&l->since);
}

int act_logins(struct plan *p, struct err *err)
{
	const struct logins_at at = { .root = p->e->root };
	struct asking l = { .p = p, .files = STRMAP_ON(p->ctx), .lost = ERR_INIT };
	struct err e = ERR_INIT;

	(void)err;
	collect(&l);
	if (!l.files.n)
		return 0;
	if (clock_gettime(CLOCK_REALTIME, &l.since) < 0)
		return err_sys(err, "read the clock");
	if (p->e->verbs->logins_open(p->ctx, &at, &l.to, &e) == -ERR_ABSENT) {
		not_running(&l, &e);
		return 0;
	}
	l.lost = e;
	ask_all(&l);
	p->e->verbs->logins_close(&l.to);
	return 0;
}
