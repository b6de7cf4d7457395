#include "reconciler/names.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "reconciler/service.h"

#define PART   "nginx_site"
#define REASON "NameTaken"

enum {
	NAMES_MAX = 1000,
	CHECK_MS = 600000,
	PROBE_MS = 1000,
	PATIENCE_MS = 5000, /* of all; who is not asked any more is told by the warning alone */
};

/* What nginx said of one name. */
struct taken {
	const char *words; /* its warning */
	bool is_http;      /* at the port of plain HTTP, where it can be asked */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool is_nginx(const struct plan *p)
{
	return p->e->at.http_port != 0;
}

/* `conflicting server name "NAME" on ADDRESS:PORT, ignored`, from there on. */
static void note_one(struct plan *p, const char *words)
{
	const char *name = strchr(words, '"') + 1;
	size_t name_len = strcspn(name, "\"\n");
	size_t len = strcspn(words, "\n");
	const char *port;
	struct taken *t;
	void **slot;

	if (name[name_len] != '"')
		return;
	name = mem_strn(p->ctx, name, name_len);
	if (!strmap_find(&p->taken, name) && p->taken.n >= NAMES_MAX)
		return;
	slot = strmap_slot(&p->taken, name);
	t = *slot;
	if (!t)
		*slot = t = mem_new(p->ctx, struct taken);
	words = mem_strn(p->ctx, words, MIN(len, (size_t)500));
	port = mem_fmt(p->ctx, ":%u, ignored", p->e->at.http_port);
	if (!t->words || (strstr(words, port) && !t->is_http))
		t->words = words;
	t->is_http = t->is_http || strstr(words, port);
}

void names_note(struct plan *p, const char *output)
{
	static const char warning[] = "conflicting server name \"";

	if (!is_nginx(p))
		return;
	for (const char *at = output; (at = strstr(at, warning)); at += strlen(warning))
		note_one(p, at);
}

/* Looking */

static int note_standing(const struct condition *c, void *arg, struct err *err)
{
	const struct plan *p = ((void **)arg)[0];
	bool *stands = ((void **)arg)[1];

	(void)err;
	for (size_t i = 0; i < p->n_visited && !*stands && strcmp(c->reason, REASON) == 0; i++)
		*stands = strcmp(p->visited[i].scope, c->scope) == 0 &&
			  strcmp(p->visited[i].part, c->part) == 0;
	return 0;
}

void names_look(struct plan *p)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "names");
	const struct service *svc;
	struct err ignored = ERR_INIT;
	bool stands = p->is_full;
	void *args[] = { p, &stands };
	struct proc_result res;
	struct checkns ns = { .root_path = p->e->root_path, .timeout_ms = CHECK_MS };

	if (!is_nginx(p) || service_find(ctx, "nginx", &svc, &ignored) < 0 ||
	    !service_is_installed(&p->e->at, svc) ||
	    condition_each(p->e->db, NULL, note_standing, args, &ignored) < 0 || !stands)
		return;
	ns.scratch = svc->scratch;
	ns.n_scratch = service_n_scratch(svc);
	/* whether what is live is sound is no question of a pass that changes nothing */
	if (p->e->verbs->validate(ctx, &ns, svc->check_argv, &res, &ignored) >= 0)
		names_note(p, res.out);
}

/* Telling */

/* The domain whose site has NAME, or NULL: then both blocks are others'. */
static const char *domain_of(const struct plan *p, const void *ctx, const char *name)
{
	struct err ignored = ERR_INIT;
	struct res *res;

	if (store_get(ctx, p->e->store, &kind_domain, name, &res, &ignored) >= 0)
		return name;
	if (strncmp(name, "www.", 4) != 0 ||
	    store_get(ctx, p->e->store, &kind_domain, name + 4, &res, &ignored) < 0)
		return NULL;
	return ((const struct domain *)res)->www ? name + 4 : NULL;
}

static void found(struct plan *p, const char *domain, const struct taken *t, const char *answer)
{
	plan_find(p, mem_fmt(p->ctx, "d/%s", domain), PART, mem_fmt(p->ctx, "domain/%s", domain),
		  "Failed", REASON,
		  "a server block that is not ours has this name too, %s; take the name out of it: "
		  "nginx: %s",
		  answer, t->words);
	p->findings[p->n_findings - 1].retry = true;
}

void names_tell(struct plan *p)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "names");
	int64_t deadline = now_ms() + PATIENCE_MS;

	for (size_t i = 0; i < p->taken.n; i++) {
		const char *name = p->taken.entries[i].key;
		const struct taken *t = p->taken.entries[i].value;
		const char *domain = domain_of(p, ctx, name);
		struct err e = ERR_INIT;
		int r;

		if (!domain)
			continue;
		if (!t->is_http || now_ms() > deadline) {
			found(p, mem_str(p->ctx, domain), t, "and nginx uses only one of the two");
			continue;
		}
		r = fault_point("probe") ? err_sys(&e, "ask for %s", name)
					 : p->e->verbs->site_probe(&p->e->at, name, PROBE_MS, &e);
		/* that nothing answers at all is another matter, and told where nginx is reloaded */
		if (r < 0 && r != -ERR_ABSENT)
			found(p, mem_str(p->ctx, domain), t, "and nginx answers with that one");
	}
}
