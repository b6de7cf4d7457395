#include "reconciler/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/proc.h"
#include "reconciler/check_pool.h"
#include "reconciler/checkns.h"
#include "reconciler/memdir.h"
#include "reconciler/names.h"
#include "reconciler/service.h"

enum {
	BLAMES_MAX = 200,
	MESSAGE_MAX = 900
};

struct check {
	struct plan *p;
	void *ctx;
	const struct service *svc;
	struct memdir stage;
	int stage_fd;
	struct strmap folders;  /* folders of the stage that were made */
	struct strmap staged;   /* paths that stand there */
	struct strmap left_out; /* resources that do not count in this run */
	struct strmap suspects; /* resources with actions of this service, in order */
};

/* Which of our trees a service reads; only changed files are shown where that is enough. */
static const struct {
	const char *service, *dir;
} partial[] = {
	{ "nginx", "/etc/nginx/novacpx/sites" },
};

static const char *const trees[] = { "/etc", "/var/lib", "/var/log" };

static bool is_staged(const struct action *a)
{
	if (a->is_dropped || (a->art.type != ARTIFACT_FILE && a->art.type != ARTIFACT_BLOCK))
		return false;
	return a->op == ACTION_CREATE || a->op == ACTION_UPDATE || a->op == ACTION_DELETE;
}

static bool is_beneath(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Homes and mail are no validator's business. */
static bool is_in_trees(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		if (is_beneath(path, trees[i]))
			return true;
	}
	return false;
}

static bool is_of(const struct check *c, const struct action *a)
{
	return a->art.service && strcmp(a->art.service, c->svc->name) == 0;
}

static int stage_folder(struct check *c, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *folder = mem_strn(c->ctx, path, (size_t)(slash - path));
	int r;

	if (!*folder || strmap_find(&c->folders, folder))
		return 0;
	r = fs_mkdirs(c->stage_fd, folder, 0755, err);
	*strmap_slot(&c->folders, folder) = c;
	return r;
}

static int stage_one(struct check *c, const struct action *a, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	int r = stage_folder(c, a->art.path, err);

	if (r < 0)
		return r;
	*strmap_slot(&c->staged, a->art.path) = c;
	fd = fs_open(c->stage_fd, a->art.path, O_WRONLY | O_CREAT | O_TRUNC, 0600, FS_NOLINKS, err);
	if (fd < 0)
		return fd;
	if (fchmod(fd, a->art.mode ? a->art.mode : 0644) < 0 ||
	    fs_write_all(fd, a->art.data ? a->art.data : "", a->art.len) < 0)
		return err_sys(err, "stage %s", a->art.path);
	return 0;
}

/* What of A counts in this run: everything of other resources, nothing of those left out. */
static bool counts(const struct check *c, const struct action *a)
{
	return is_staged(a) && !(is_of(c, a) && strmap_find(&c->left_out, a->art.resource));
}

/* Whether the whole future has to be parsed, or what changed is enough. */
static bool needs_whole(const struct check *c, const char *dir)
{
	if (c->p->is_whole)
		return true;
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];

		if (is_of(c, a) && counts(c, a) && is_in_trees(a->art.path) &&
		    !is_beneath(a->art.path, dir) && !is_beneath(a->art.path, "/etc/novacpx/ssl") &&
		    !(a->art.flags & ARTIFACT_ONCE))
			return true; /* something that all of them share */
	}
	return false;
}

static int stage_live(struct check *c, const struct owned *o, struct err *err)
{
	struct action copy = { .art = { .path = o->path, .mode = o->mode } };
	char *data;
	int r = fs_read(c->ctx, c->p->e->root, o->path, (size_t)64 << 20, 0, &data, &copy.art.len,
			err);

	if (r == -ERR_NOTFOUND) {
		err_clear(err);
		return 0;
	}
	copy.art.data = data;
	return r < 0 ? r : stage_one(c, &copy, err);
}

/* A changed include is judged within its unchanged site: that one is shown beside it. */
static int stage_siblings_of(struct check *c, const struct action *a, const char *dir,
			     struct err *err)
{
	cleanup_(mem_freep) struct owned_cursor *rows = NULL;
	struct owned *o;
	int r = owned_open(c->ctx, c->p->e->db, a->scope, &rows, err);

	while (r >= 0 && (r = owned_next(c->ctx, rows, &o, err)) > 0) {
		if (o->type == ARTIFACT_FILE && is_beneath(o->path, dir) &&
		    !strmap_find(&c->staged, o->path))
			r = stage_live(c, o, err);
	}
	return r;
}

static int stage_siblings(struct check *c, struct err *err)
{
	struct strmap scopes = STRMAP_ON(c->ctx);
	int r = 0;

	for (size_t k = 0; k < ARRAY_LEN(partial); k++) {
		if (strcmp(partial[k].service, c->svc->name) != 0 || needs_whole(c, partial[k].dir))
			continue;
		for (size_t i = 0; i < c->p->n && r >= 0; i++) {
			const struct action *a = &c->p->v[i];

			if (!is_of(c, a) || !counts(c, a) ||
			    !is_beneath(a->art.path, partial[k].dir) ||
			    strmap_find(&scopes, a->scope))
				continue;
			*strmap_slot(&scopes, a->scope) = c;
			r = stage_siblings_of(c, a, partial[k].dir, err);
		}
	}
	return r < 0 ? r : 0;
}

static int restage(struct check *c, struct err *err)
{
	int r = 0;

	fd_close(&c->stage_fd);
	r = memdir_remove(&c->stage, err);
	if (r >= 0)
		r = memdir_make(&c->stage, err);
	if (r < 0)
		return r;
	c->folders = (struct strmap)STRMAP_ON(c->ctx);
	c->staged = (struct strmap)STRMAP_ON(c->ctx);
	c->stage_fd = fs_root_open(c->stage.path, err);
	if (c->stage_fd < 0)
		return c->stage_fd;
	for (size_t i = 0; i < ARRAY_LEN(trees) && r >= 0; i++)
		r = fs_mkdirs(c->stage_fd, trees[i], 0755, err);
	for (size_t i = 0; i < ARRAY_LEN(partial) && r >= 0; i++)
		r = fs_mkdirs(c->stage_fd, partial[i].dir, 0755, err);
	for (size_t i = 0; i < c->p->n && r >= 0; i++) {
		const struct action *a = &c->p->v[i];

		if (counts(c, a) && a->op != ACTION_DELETE && is_in_trees(a->art.path))
			r = stage_one(c, a, err);
	}
	if (r >= 0)
		r = stage_siblings(c, err);
	if (r >= 0 && c->p->identities && identity_is_dirty(c->p->identities))
		r = identity_stage(c->p->identities, c->stage_fd, err);
	return r;
}

static void unstage(struct check *c)
{
	struct err ignored = ERR_INIT;

	fd_close(&c->stage_fd);
	if (memdir_remove(&c->stage, &ignored) < 0)
		return; /* memory only, gone with the next pass */
}

/* Paths beneath DIR that the plan removes, NULL-terminated. */
static const char *const *removed_in(struct check *c, const char *dir)
{
	struct ptrs list = { 0 };

	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];

		if (counts(c, a) && a->op == ACTION_DELETE && a->art.type == ARTIFACT_FILE &&
		    is_beneath(a->art.path, dir))
			ptrs_add(c->ctx, &list, a->art.path + strlen(dir) + 1);
	}
	ptrs_add(c->ctx, &list, NULL);
	return (const char *const *)list.v;
}

static const char *staged_path(struct check *c, const char *dir)
{
	return mem_fmt(c->ctx, "%s%s", c->stage.path, dir);
}

static int run_validator(struct check *c, bool live, const char *const *argv,
			 struct proc_result *res, struct err *err)
{
	struct checkns_overlay overlays[ARRAY_LEN(trees) + ARRAY_LEN(partial)];
	struct checkns ns = { .root_path = c->p->e->root_path,
			      .overlays = overlays,
			      .scratch = c->svc->scratch,
			      .n_scratch = service_n_scratch(c->svc),
			      .timeout_ms = 600000 };

	for (size_t i = 0; i < ARRAY_LEN(trees) && !live; i++) {
		if (!fs_exists(c->p->e->root, trees[i]))
			continue;
		overlays[ns.n_overlays++] =
			(struct checkns_overlay){ .dir = trees[i],
						  .staged_dir = staged_path(c, trees[i]),
						  .removed = removed_in(c, trees[i]) };
	}
	for (size_t i = 0; i < ARRAY_LEN(partial) && !live; i++) {
		if (strcmp(partial[i].service, c->svc->name) == 0 &&
		    fs_exists(c->p->e->root, partial[i].dir) && !needs_whole(c, partial[i].dir))
			overlays[ns.n_overlays++] =
				(struct checkns_overlay){ .dir = partial[i].dir,
							  .staged_dir =
								  staged_path(c, partial[i].dir),
							  .staged_only = true };
	}
	return c->p->e->verbs->validate(c->ctx, &ns, argv, res, err);
}

/* BIND: the changed zones in one configuration of their own; what all share by its own checker. */
static int zones_config(struct check *c, const char **ret_conf, struct err *err)
{
	struct buf b = BUF_ON(c->ctx);
	bool any = false;

	*ret_conf = NULL;
	buf_puts(&b, "options { directory \"/var/cache/bind\"; };\n");
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];
		const char *zone =
			strncmp(a->art.resource, "zone/", 5) == 0 ? a->art.resource + 5 : NULL;

		if (!zone || !is_of(c, a) || a->art.type != ARTIFACT_FILE ||
		    a->op == ACTION_DELETE || !counts(c, a))
			continue;
		buf_printf(&b, "zone \"%s\" { type primary; file \"%s\"; };\n", zone, a->art.path);
		any = true;
	}
	if (!any)
		return 0;
	*ret_conf = "/etc/novacpx-zones-to-check.conf";
	return fs_write_atomic(c->stage_fd, *ret_conf, buf_str(&b), b.len, 0644, err);
}

static int judge_bind(struct check *c, struct proc_result *res, struct err *err)
{
	const char *conf;
	int r = zones_config(c, &conf, err);

	if (r < 0)
		return r;
	if (conf) {
		const char *const argv[] = { "/usr/bin/named-checkconf", "-z", conf, NULL };

		r = run_validator(c, false, argv, res, err);
		if (r < 0 || res->status != 0)
			return r;
	}
	return needs_whole(c, "/var/lib/bind/novacpx")
		       ? run_validator(c, false, c->svc->check_argv, res, err)
		       : 0;
}

static int judge(struct check *c, struct proc_result *res, struct err *err)
{
	*res = (struct proc_result){ .status = 0, .out = mem_str(c->ctx, "") };
	if (strcmp(c->svc->name, "bind") == 0)
		return judge_bind(c, res, err);
	if (!c->svc->check_argv[0])
		return 0;
	return run_validator(c, false, c->svc->check_argv, res, err);
}

/* Blame */

static const char *line_with(struct check *c, const char *out, const char *what)
{
	const char *at = strstr(out, what);
	const char *start = at;
	size_t len;

	while (start > out && start[-1] != '\n')
		start--;
	len = strcspn(start, "\n");
	return mem_strn(c->ctx, start, MIN(len, MESSAGE_MAX));
}

static bool names(const char *out, const char *text, const char *after)
{
	for (const char *at = strstr(out, text); at; at = strstr(at + 1, text)) {
		if (strchr(after, at[strlen(text)]) && at[strlen(text)])
			return true;
	}
	return false;
}

/* The first thing in quotes on a complaint line that exactly one resource's files speak of. */
static const struct action *by_quoted(struct check *c, const char *out, const char **ret_words)
{
	for (const char *q = strchr(out, '"'); q; q = strchr(q + 1, '"')) {
		size_t len = strcspn(q + 1, "\"\n");
		const char *what;
		const struct action *found = NULL;
		bool many = false;

		if (q[1 + len] != '"' || len < 4)
			continue;
		what = mem_strn(c->ctx, q + 1, len);
		for (size_t i = 0; i < c->p->n; i++) {
			const struct action *a = &c->p->v[i];

			if (!is_of(c, a) || !counts(c, a) || a->op == ACTION_DELETE ||
			    !a->art.data || !strstr(a->art.data, what))
				continue;
			many = many || (found && strcmp(found->art.resource, a->art.resource) != 0);
			found = a;
		}
		if (found && !many) {
			*ret_words = line_with(c, q, what);
			while (q > out && q[-1] != '\n')
				q--;
			*ret_words =
				mem_strn(c->ctx, q, MIN(strcspn(q, "\n"), (size_t)MESSAGE_MAX));
			return found;
		}
		q += len + 1;
	}
	return NULL;
}

static const struct action *culprit(struct check *c, const char *out, const char **ret_words)
{
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];
		const char *base = strrchr(a->art.path, '/');
		const char *pool;

		if (!is_of(c, a) || !counts(c, a))
			continue;
		if (names(out, a->art.path, ":]\n\"' ")) {
			*ret_words = line_with(c, out, a->art.path);
			return a;
		}
		base = base ? base + 1 : a->art.path;
		pool = mem_fmt(c->ctx, "[pool %.*s]", (int)strcspn(base, "."), base);
		if (strstr(out, pool)) {
			*ret_words = line_with(c, out, pool);
			return a;
		}
		if (strncmp(a->art.resource, "zone/", 5) == 0) {
			const char *line = mem_fmt(c->ctx, "_default/%s/IN:", a->art.resource + 5);

			if (strstr(out, line)) {
				*ret_words = line_with(c, out, line);
				return a;
			}
		}
	}
	return by_quoted(c, out, ret_words);
}

/* Words that a person can use: without the stage and the first program name. */
static void put_replaced(struct buf *out, const char *text, const char *what, const char *instead)
{
	size_t len = strlen(what);
	const char *at;

	for (; (at = strstr(text, what)); text = at + len) {
		buf_put(out, text, (size_t)(at - text));
		buf_puts(out, instead);
	}
	buf_puts(out, text);
}

/* The words with the administrator's own files in the place of our copies of them. */
static const char *known_words(struct check *c, const char *resource, const char *words)
{
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];
		struct buf text = BUF_ON(c->ctx);

		if (!a->art.source || !is_of(c, a) || strcmp(a->art.resource, resource) != 0)
			continue;
		put_replaced(&text, words, a->art.path,
			     mem_fmt(c->ctx, "%s%s", a->art.source, strrchr(a->art.path, '/')));
		words = buf_str(&text);
	}
	return words;
}

static void quarantine(struct check *c, const char *resource, const char *words)
{
	const struct action *first = NULL;

	for (size_t i = 0; i < c->p->n; i++) {
		struct action *a = &c->p->v[i];

		if (!is_of(c, a) || strcmp(a->art.resource, resource) != 0 || a->is_dropped)
			continue;
		a->is_dropped = true;
		if (!first)
			first = a;
	}
	if (first)
		plan_find(c->p, first->scope, first->renderer, resource, "Quarantined",
			  "ValidationFailed", "%s: %s", c->svc->name,
			  known_words(c, resource, words));
	*strmap_slot(&c->left_out, resource) = c;
}

static void hold_all(struct check *c, const char *words)
{
	for (size_t i = 0; i < c->p->n; i++) {
		struct action *a = &c->p->v[i];

		if (!is_of(c, a) || a->is_dropped || a->op == ACTION_RECORD ||
		    a->op == ACTION_FORGET)
			continue;
		a->is_dropped = true;
		plan_find(c->p, a->scope, a->renderer, a->art.resource, "Blocked", "BaselineBroken",
			  "%s cannot load what is live now, so this change waits: %s", c->svc->name,
			  words);
		c->p->findings[c->p->n_findings - 1].retry = true;
	}
	plan_find(c->p, "s", "check", mem_fmt(c->ctx, "server/%s", c->svc->name), "Failed",
		  "BaselineBroken", "the live configuration of %s does not pass its own check: %s",
		  c->svc->name, words);
}

static const char *last_words(struct check *c, const char *out)
{
	const char *best = strstr(out, "[emerg]");

	if (!best)
		best = strstr(out, "ERROR");
	if (!best)
		best = strstr(out, "fatal");
	if (!best)
		best = strstr(out, "Error");
	if (!best)
		best = out;
	while (best > out && best[-1] != '\n')
		best--;
	best += strspn(best, "\n");
	return mem_strn(c->ctx, best, MIN(strcspn(best, "\n"), (size_t)MESSAGE_MAX));
}

static int passes_with_first(struct check *c, size_t n, bool *ret, struct err *err)
{
	struct proc_result res = { .status = 0 };
	int r;

	for (size_t i = 0; i < c->suspects.n; i++) {
		if (c->suspects.entries[i].value != c)
			*strmap_slot(&c->left_out, c->suspects.entries[i].key) = i < n ? NULL : c;
	}
	r = restage(c, err);
	if (r >= 0)
		r = judge(c, &res, err);
	*ret = r >= 0 && res.status == 0;
	return r;
}

/* The first resource with which the check fails, found in log2(n) runs. */
static int halve(struct check *c, const char **ret, struct err *err)
{
	size_t low = 0; /* passes with the first LOW */
	size_t high = c->suspects.n;
	bool passes;
	int r = 0;

	while (high - low > 1 && r >= 0) {
		size_t mid = low + (high - low) / 2;

		r = passes_with_first(c, mid, &passes, err);
		if (passes)
			low = mid;
		else
			high = mid;
	}
	for (size_t i = 0; i < c->suspects.n; i++) {
		if (c->suspects.entries[i].value != c)
			*strmap_slot(&c->left_out, c->suspects.entries[i].key) = NULL;
	}
	*ret = high ? c->suspects.entries[high - 1].key : NULL;
	return r;
}

static void find_suspects(struct check *c)
{
	c->suspects = (struct strmap)STRMAP_ON(c->ctx);
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];

		if (is_of(c, a) && is_staged(a))
			(void)strmap_slot(&c->suspects, a->art.resource);
	}
}

/* Before any check is run: what the check of php-fpm cannot see. */
static void refuse_additions(struct check *c)
{
	for (size_t i = 0; i < c->p->n; i++) {
		const struct action *a = &c->p->v[i];
		const char *why = NULL;

		if (is_of(c, a) && is_staged(a) && a->op != ACTION_DELETE)
			why = check_pool_addition(c->ctx, &a->art);
		if (why)
			quarantine(c, a->art.resource, why);
	}
}

/* One service: judge, drop who is at fault, judge again. */
static int check_service(struct check *c, struct err *err)
{
	bool baseline_known = false;

	if (strncmp(c->svc->name, "php", 3) == 0)
		refuse_additions(c);
	for (int i = 0; i < BLAMES_MAX; i++) {
		struct proc_result res;
		const struct action *a;
		const char *words = NULL;
		const char *resource;
		int r = restage(c, err);

		find_suspects(c);
		if (r >= 0 && c->suspects.n)
			r = judge(c, &res, err);
		if (r < 0)
			return r;
		if (!c->suspects.n)
			return 0;
		if (res.status == 0) {
			if (strcmp(c->svc->name, "nginx") == 0)
				names_note(c->p, res.out);
			return 0;
		}
		a = culprit(c, res.out, &words);
		if (a) {
			quarantine(c, a->art.resource, words);
			continue;
		}
		words = last_words(c, res.out);
		if (!baseline_known && c->svc->check_argv[0]) {
			struct proc_result live;

			r = run_validator(c, true, c->svc->check_argv, &live, err);
			if (r < 0)
				return r;
			if (live.status != 0) {
				hold_all(c, last_words(c, live.out));
				return 0;
			}
			baseline_known = true;
		}
		r = halve(c, &resource, err);
		if (r < 0)
			return r;
		quarantine(c, resource, words);
	}
	hold_all(c, "too many of the changes fail");
	return 0;
}

static void not_installed(struct check *c)
{
	for (size_t i = 0; i < c->p->n; i++) {
		struct action *a = &c->p->v[i];

		if (!is_of(c, a) || a->is_dropped || a->op == ACTION_RECORD ||
		    a->op == ACTION_FORGET || a->op == ACTION_DELETE)
			continue;
		a->is_dropped = true;
		plan_find(c->p, a->scope, a->renderer, a->art.resource, "Blocked", "NotInstalled",
			  "%s is not installed on this machine", c->svc->name);
		c->p->findings[c->p->n_findings - 1].retry = true;
	}
}

static const char *place_of(void *ctx, const struct action *a)
{
	return mem_fmt(ctx, "%s %s %s", a->scope, a->renderer, a->art.resource);
}

/* Where the new cannot come the old stays: a pool of another PHP version, say. */
static void hold_withdrawals(struct plan *p, void *ctx)
{
	struct strmap held = STRMAP_ON(ctx);

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].is_dropped && p->v[i].op != ACTION_DELETE)
			*strmap_slot(&held, place_of(ctx, &p->v[i])) = p;
	}
	for (size_t i = 0; held.n && i < p->n; i++) {
		if (p->v[i].op == ACTION_DELETE && strmap_find(&held, place_of(ctx, &p->v[i])))
			p->v[i].is_dropped = true;
	}
}

int plan_check(struct plan *p, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "check");
	struct strmap services = STRMAP_ON(ctx);
	int r = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (a->art.service && !a->is_dropped && a->op != ACTION_RECORD &&
		    a->op != ACTION_FORGET)
			(void)strmap_slot(&services, a->art.service);
	}
	for (size_t i = 0; i < services.n && r >= 0; i++) {
		struct check c = { .p = p,
				   .ctx = ctx,
				   .stage = MEMDIR_NONE,
				   .stage_fd = -1,
				   .folders = STRMAP_ON(ctx),
				   .left_out = STRMAP_ON(ctx) };

		r = service_find(ctx, services.entries[i].key, &c.svc, err);
		if (r < 0)
			break;
		if (!service_is_installed(&p->e->at, c.svc))
			not_installed(&c);
		else
			r = check_service(&c, err);
		unstage(&c);
		if (r < 0)
			(void)err_wrap(err, "check %s", c.svc->name);
	}
	if (r >= 0)
		hold_withdrawals(p, ctx);
	return r;
}
