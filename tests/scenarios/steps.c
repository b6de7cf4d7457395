#include "steps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "reconciler/map.h"
#include "reconciler/pass.h"
#include "reconciler/trash.h"
#include "recording.h"
#include "state/statefile.h"

/* Reading */

static char *take_line(void *ctx, const char **at)
{
	size_t len = strcspn(*at, "\n");
	char *line = mem_strn(ctx, *at, len);

	*at += len + ((*at)[len] == '\n');
	return line;
}

static const char *take_text(struct steps *s, const char *name, const char **at)
{
	const char *start = *at;
	const char *end;

	while (**at) {
		end = *at;
		if (strcmp(take_line(s->ctx, at), "END") == 0)
			return mem_strn(s->ctx, start, (size_t)(end - start));
	}
	broken("%s: a text without END", name);
}

static void split(struct step *st, char *line)
{
	char *save = NULL;

	if (*line == '#')
		return;
	for (char *w = strtok_r(line, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (st->n_words == STEP_WORDS - 1)
			broken("line %d has too many words", st->line);
		st->words[st->n_words++] = w;
	}
}

void steps_parse(struct steps *s, const char *name, const char *text)
{
	s->machine = "bare";
	for (int number = 1; *text; number++) {
		char *line = take_line(s->ctx, &text);
		struct step st = { .line = number };
		const char *before = text;

		split(&st, line);
		if (!st.n_words)
			continue;
		if (strcmp(st.words[st.n_words - 1], "<<") == 0) {
			st.words[--st.n_words] = NULL;
			st.text = take_text(s, name, &text);
			for (const char *c = before; c < text; c++)
				number += *c == '\n';
		}
		if (strcmp(st.words[0], "machine") == 0)
			s->machine = st.words[1];
		else if (strcmp(st.words[0], "unsettled") == 0)
			s->is_unsettled = true;
		else {
			mem_room(s->ctx, &s->v, &s->cap, s->n, sizeof(*s->v));
			s->v[s->n++] = st;
		}
	}
}

/* Showing: the plan as the command line prints it without diffs */

static void show_findings(struct buf *out, const struct plan *p, size_t from)
{
	for (size_t i = from; out && i < p->n_findings; i++)
		buf_printf(out, "! %s: %s (%s)\n    %s\n", p->findings[i].resource,
			   p->findings[i].type, p->findings[i].reason, p->findings[i].message);
}

static void show_plan(struct buf *out, const struct plan *p, bool strict)
{
	static const char marks[] = { '+', '~', '-', '=', '.' };

	for (size_t i = 0; out && i < p->n; i++) {
		const struct action *a = &p->v[i];

		if (!a->is_dropped && (a->op < ACTION_RECORD || strict))
			buf_printf(out, "  %c %-6s %s  (%s: %s)\n", marks[a->op],
				   artifact_type_name(a->art.type), a->art.path, a->art.resource,
				   a->reason);
	}
}

static int carry_out(struct engine *e, struct plan *p, struct buf *out, struct err *err)
{
	struct execution x = { .done = 0 };
	size_t told = p->n_findings;
	int r = plan_execute(p, &x, err);
	const char *events = machine_events(p, e);

	if (!out)
		return r;
	for (const char *line = events; *line; line += strcspn(line, "\n") + 1)
		buf_printf(out, "  > %.*s\n", (int)strcspn(line, "\n"), line);
	show_findings(out, p, told);
	if (r < 0)
		buf_printf(out, "failed: %s\n", err->msg);
	else
		buf_printf(out, "%zu done, %zu failed or held\n", x.done, x.failed);
	return r;
}

/* Applying */

typedef int apply_fn(struct engine *e, void *arg, struct revision *rev, struct problems *problems,
		     struct err *err);

struct work {
	apply_fn *apply; /* or NULL */
	void *arg;
	bool full, force, dry, release;
};

static void show_problems(struct buf *out, const struct problems *problems, const struct err *err)
{
	if (!out)
		return;
	buf_printf(out, "refused: %s\n", err->msg);
	for (size_t i = 0; i < problems->n; i++)
		buf_printf(out, "  %s: %s\n", problems->v[i].resource, problems->v[i].msg);
}

/* As the command line does it: apply, plan, guard, commit, carry out. */
static int work(struct engine *e, const struct work *w, struct buf *out, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "work");
	struct pass_opts opts = { .full = w->full, .release = w->release };
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = engine_now(), .actor = "root", .source = "scenario" };
	struct plan *p;
	int open = 0;
	int r = execute_recover(e, err);

	if (r >= 0 && w->apply)
		r = open = w->apply(e, w->arg, &rev, &problems, err);
	if (r < 0) {
		show_problems(out, &problems, err);
		return r;
	}
	r = pass_plan(ctx, e, &opts, &p, err);
	if (r >= 0) {
		show_plan(out, p, false);
		show_findings(out, p, 0);
		if (!w->force && !w->dry)
			r = pass_guard(p, err);
	}
	if (r < 0 || w->dry) {
		store_rollback(e->store);
		if (r < 0 && out)
			buf_printf(out, "stopped: %s\n", err->msg);
		return r;
	}
	r = open > 0 ? store_commit(e->store, err) : 0;
	return r < 0 ? r : carry_out(e, p, out, err);
}

struct state {
	const char *text;
	bool prune;
	struct buf *out;
};

static int apply_state(struct engine *e, void *arg, struct revision *rev, struct problems *problems,
		       struct err *err)
{
	struct state *s = arg;
	void *ctx = mem_ctx(e, "state");
	struct statefile_source source = { .name = "desired",
					   .data = s->text,
					   .len = strlen(s->text) };
	struct statefile_input in = {
		.sources = &source, .n_sources = 1, .root_fd = e->root, .store = e->store
	};
	struct changeset cs = { .ctx = ctx };
	struct statefile *sf = NULL;
	int r = statefile_read(ctx, &in, &cs, &sf, err);

	if (r < 0 && s->out && sf)
		statefile_render_problems(s->out, sf, 0);
	if (r >= 0 && s->prune)
		r = (int)MIN(statefile_prune(sf, e->store, &cs, err), 1);
	return r < 0 ? r : store_apply(e->store, &cs, rev, problems, err);
}

int machine_state(struct engine *e, const char *text, bool prune, struct buf *out, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "work");
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = engine_now(), .actor = "root", .source = "scenario" };
	struct state s = { .text = text, .prune = prune, .out = out };
	int r = apply_state(e, &s, &rev, &problems, err);

	if (r < 0)
		show_problems(out, &problems, err);
	return r > 0 ? (store_commit(e->store, err) < 0 ? -(int)err->code : 1) : r;
}

int machine_pass(struct engine *e, bool full, struct buf *out, struct err *err)
{
	return work(e, &(struct work){ .full = full }, out, err);
}

size_t machine_left(struct engine *e, bool full, bool strict, struct buf *out)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "left");
	struct pass_opts opts = { .full = full };
	struct err err = ERR_INIT;
	struct plan *p;

	if (pass_plan(ctx, e, &opts, &p, &err) < 0) {
		buf_printf(out, "no plan: %s\n", err.msg);
		return 1;
	}
	if (strict ? !p->n : !plan_changes(p))
		return 0;
	show_plan(out, p, strict);
	show_findings(out, p, 0);
	return strict ? p->n : plan_changes(p);
}

static int apply_rollback(struct engine *e, void *arg, struct revision *rev,
			  struct problems *problems, struct err *err)
{
	return store_rollback_to(e->store, *(int64_t *)arg, rev, problems, err);
}

int machine_rollback(struct engine *e, int64_t to, struct err *err)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "work");
	struct problems problems = { .ctx = ctx };
	struct revision rev = { .time = engine_now(), .actor = "root", .source = "scenario" };
	int r = apply_rollback(e, &to, &rev, &problems, err);

	return r > 0 ? (store_commit(e->store, err) < 0 ? -(int)err->code : 1) : r;
}

static int apply_revert(struct engine *e, void *arg, struct revision *rev,
			struct problems *problems, struct err *err)
{
	return store_revert(e->store, *(int64_t *)arg, rev, problems, err);
}

static int apply_restore(struct engine *e, void *arg, struct revision *rev,
			 struct problems *problems, struct err *err)
{
	return trash_restore_state(e, arg, rev, problems, err);
}

/* Steps */

struct run {
	const struct steps *s;
	const struct step *st;
	struct engine *e; /* of those that need it: facts are made while it is away */
	int root;
	void *ctx;
	struct buf *out;
};

static bool has_word(const struct step *st, const char *word)
{
	for (size_t i = 1; i < st->n_words; i++) {
		if (strcmp(st->words[i], word) == 0)
			return true;
	}
	return false;
}

static const char *read_text(struct run *r, int root, const char *path)
{
	struct err err = ERR_INIT;
	char *data;
	size_t len;

	if (fs_read(r->ctx, root, path, STATEFILE_BYTES_MAX, 0, &data, &len, &err) < 0)
		broken("line %d: %s", r->st->line, err.msg);
	return data;
}

static const char *desired_text(struct run *r)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = -1;

	if (r->st->text)
		return r->st->text;
	root = fs_root_open(r->s->folder, &err);
	return read_text(r, root, mem_fmt(r->ctx, "/machines/%s.yaml", r->st->words[1]));
}

static int do_apply(struct run *r, struct err *err)
{
	struct state state = { .text = desired_text(r),
			       .prune = has_word(r->st, "prune"),
			       .out = r->out };
	struct work w = { .apply = apply_state,
			  .arg = &state,
			  .full = has_word(r->st, "full"),
			  .force = has_word(r->st, "force"),
			  .dry = strcmp(r->st->words[0], "plan") == 0 };

	return work(r->e, &w, r->out, err);
}

static int do_pass(struct run *r, struct err *err)
{
	struct work w = { .full = has_word(r->st, "full"), .release = has_word(r->st, "force") };

	return work(r->e, &w, r->out, err);
}

static int do_rollback(struct run *r, struct err *err)
{
	int64_t rev = strtoll(r->st->words[1], NULL, 10);
	bool all = strcmp(r->st->words[0], "rollback") == 0;
	struct work w = { .apply = all ? apply_rollback : apply_revert,
			  .arg = &rev,
			  .force = has_word(r->st, "force") };

	return work(r->e, &w, r->out, err);
}

static int do_restore(struct run *r, struct err *err)
{
	struct work w = { .apply = apply_restore, .arg = (void *)(uintptr_t)r->st->words[1] };
	return work(r->e, &w, r->out, err);
}

static int do_purge(struct run *r, struct err *err)
{
	int64_t n = trash_purge(r->e, r->st->words[1], err);

	if (r->out)
		buf_printf(r->out, "%" PRId64 " removed for good\n", n);
	return n < 0 ? (int)n : 0;
}

/* A file keeps its inode, owner and mode, as under an editor; a new one is root's, 0644. */
static int put(struct run *r, const char *path, const char *text, int how, struct err *err)
{
	cleanup_(fd_close) int fd = -1;
	const char *slash = strrchr(path, '/');
	int e = slash == path ? 0
			      : fs_mkdirs(r->root, mem_strn(r->ctx, path, (size_t)(slash - path)),
					  0755, err);

	if (e < 0)
		return e;
	fd = fs_open(r->root, path, O_WRONLY | O_CREAT | how, 0644, 0, err);
	if (fd < 0)
		return fd;
	return fs_write_all(fd, text, strlen(text)) < 0 ? err_sys(err, "write %s", path) : 0;
}

static int do_write(struct run *r, struct err *err)
{
	return put(r, r->st->words[1], r->st->text ? r->st->text : "",
		   strcmp(r->st->words[0], "append") == 0 ? O_APPEND : O_TRUNC, err);
}

static int do_replace(struct run *r, struct err *err)
{
	const char *text = read_text(r, r->root, r->st->words[1]);
	const char *from = r->st->words[2];
	const char *at = strstr(text, from);

	if (!at)
		return err_set(err, ERR_INVALID, "no \"%s\" in %s", from, r->st->words[1]);
	return put(r, r->st->words[1],
		   mem_fmt(r->ctx, "%.*s%s%s", (int)(at - text), text, r->st->words[3],
			   at + strlen(from)),
		   O_TRUNC, err);
}

static int do_delete(struct run *r, struct err *err)
{
	return fs_remove_tree(r->root, r->st->words[1], 0, err);
}

static int do_mkdir(struct run *r, struct err *err)
{
	return fs_mkdirs(r->root, r->st->words[1], 0755, err);
}

static int do_meta(struct run *r, struct err *err)
{
	bool mode = strcmp(r->st->words[0], "chmod") == 0;
	const char *text = r->st->words[1];
	const char *name;
	char *end;
	unsigned long num = strtoul(text, &end, mode ? 8 : 10);
	cleanup_(fd_close) int dir = fs_open_parent(r->root, r->st->words[2], 0, &name, err);

	if (dir < 0)
		return dir;
	if (mode ? fchmodat(dir, name, (mode_t)num, 0) < 0
		 : fchownat(dir, name, (uid_t)num, (gid_t)strtoul(end + 1, NULL, 10),
			    AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s %s", r->st->words[0], r->st->words[2]);
	return 0;
}

static int do_link(struct run *r, struct err *err)
{
	const char *name;
	cleanup_(fd_close) int dir = fs_open_parent(r->root, r->st->words[1], 0, &name, err);

	if (dir < 0)
		return dir;
	return symlinkat(r->st->words[2], dir, name) < 0 ? err_sys(err, "link") : 0;
}

static int do_adduser(struct run *r, struct err *err)
{
	const char *name = r->st->words[1];
	const char *id = r->st->words[2];
	int e = put(r, "/etc/passwd",
		    mem_fmt(r->ctx, "%s:x:%s:%s:by hand:/home/%s:/bin/bash\n", name, id, id, name),
		    O_APPEND, err);

	if (e >= 0)
		e = put(r, "/etc/shadow", mem_fmt(r->ctx, "%s:!:20000:0:99999:7:::\n", name),
			O_APPEND, err);
	return e < 0 ? e
		     : put(r, "/etc/group", mem_fmt(r->ctx, "%s:x:%s:\n", name, id), O_APPEND, err);
}

static int do_row(struct run *r, struct err *err)
{
	cleanup_(map_closep) struct map *map = NULL;
	int e = map_open(r->ctx, r->root,
			 mem_fmt(r->ctx, "/etc/postfix/novacpx/%s.lmdb", r->st->words[1]), 0, &map,
			 err);

	if (e >= 0)
		e = map_begin(map, err);
	if (e >= 0)
		e = strcmp(r->st->words[3], "-") == 0
			    ? map_del(map, r->st->words[2], err)
			    : map_put(map, r->st->words[2], r->st->words[3], err);
	return e < 0 ? e : map_commit(map, err);
}

static int do_sql(struct run *r, struct err *err)
{
	return sql_exec(store_sql(r->e->store), r->st->text, err);
}

static int do_service(struct run *r, struct err *err)
{
	const char *path = mem_fmt(r->ctx, RECORDING "/%s", r->st->words[1]);

	if (strcmp(r->st->words[2], "up") == 0)
		return fs_remove_tree(r->root, path, 0, err);
	return put(r, path, r->st->words[2], O_TRUNC, err);
}

static int do_show(struct run *r, struct err *err)
{
	const char *text;
	struct stat st;
	int e = fs_stat(r->root, r->st->words[1], &st, err);

	if (e < 0 || !r->out)
		return e;
	text = read_text(r, r->root, r->st->words[1]);
	while (*text) {
		const char *line = take_line(r->ctx, &text);

		if (!r->st->words[2] || strstr(line, r->st->words[2]))
			buf_printf(r->out, "  | %s\n", line);
	}
	return 0;
}

static int do_later(struct run *r, struct err *err)
{
	(void)r; /* the clock is set by what stands before a step */
	(void)err;
	return 0;
}

static const struct {
	const char *verb;
	size_t words; /* at least, with the verb */
	bool acts, engine;
	int (*run)(struct run *r, struct err *err);
} verbs[] = {
	{ "apply", 1, true, true, do_apply },       { "plan", 1, false, true, do_apply },
	{ "pass", 1, true, true, do_pass },         { "rollback", 2, true, true, do_rollback },
	{ "revert", 2, true, true, do_rollback },   { "restore", 2, true, true, do_restore },
	{ "purge", 2, false, true, do_purge },      { "write", 2, false, false, do_write },
	{ "append", 2, false, false, do_write },    { "replace", 4, false, false, do_replace },
	{ "delete", 2, false, false, do_delete },   { "mkdir", 2, false, false, do_mkdir },
	{ "chmod", 3, false, false, do_meta },      { "chown", 3, false, false, do_meta },
	{ "link", 3, false, false, do_link },       { "adduser", 3, false, false, do_adduser },
	{ "row", 4, false, false, do_row },         { "sql", 1, false, true, do_sql },
	{ "service", 3, false, false, do_service }, { "show", 2, false, false, do_show },
	{ "later", 2, false, false, do_later },
};

bool step_acts(const struct step *st)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].verb, st->words[0]) == 0)
			return verbs[i].acts;
	}
	return false;
}

/* A minute a step, and what the scenario adds. */
static int64_t clock_at(const struct steps *s, size_t i)
{
	int64_t seconds = 3600;

	for (size_t k = 0; k <= i; k++) {
		seconds += 60;
		if (strcmp(s->v[k].words[0], "later") == 0)
			seconds += strtoll(s->v[k].words[1], NULL, 10);
	}
	return seconds;
}

int64_t steps_end(const struct steps *s)
{
	return clock_at(s, s->n - 1);
}

static void show_step(struct buf *out, const struct step *st)
{
	if (!step_acts(st) && strcmp(st->words[0], "show") != 0 &&
	    strcmp(st->words[0], "plan") != 0 && strcmp(st->words[0], "purge") != 0)
		return;
	buf_puts(out, out->len ? "\n==" : "==");
	for (size_t i = 0; i < st->n_words; i++)
		buf_printf(out, " %s", st->words[i]);
	buf_puts(out, "\n");
}

int step_run(const struct steps *s, size_t i, const char *root, struct buf *out)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "step");
	const struct step *st = &s->v[i];
	struct err err = ERR_INIT;
	cleanup_(fd_close) int fd = fs_root_open(root, &err);
	struct run r = { .s = s, .st = st, .root = fd, .ctx = ctx, .out = out };

	clock_set(clock_at(s, i));
	if (out)
		show_step(out, st);
	for (size_t k = 0; k < ARRAY_LEN(verbs); k++) {
		int e;

		if (strcmp(verbs[k].verb, st->words[0]) != 0)
			continue;
		if (st->n_words < verbs[k].words)
			broken("line %d: %s needs %zu words", st->line, st->words[0],
			       verbs[k].words);
		if (verbs[k].engine)
			r.e = machine_open(ctx, root);
		e = verbs[k].run(&r, &err);
		if (e < 0 && !verbs[k].acts && strcmp(st->words[0], "plan") != 0)
			broken("line %d: %s: %s", st->line, st->words[0], err.msg);
		return e;
	}
	broken("line %d: no step \"%s\"", st->line, st->words[0]);
}
