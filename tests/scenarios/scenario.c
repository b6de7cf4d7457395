/*
 * Scenarios: each folder is a machine, steps, and what is expected of them.
 *
 *   steps      what happens (steps.h)
 *   plan.txt   what the engine said it would do, and what the daemons were told
 *   after.txt  how the machine differs at the end from what it started from
 *
 * Over all of them: a second pass finds nothing to do, and wherever the last
 * acting step fails or is killed, running again ends in the same machine.
 * SCENARIO=update writes plan.txt and after.txt. Each engine runs in a child
 * of its own, whose points of failure are counted from its beginning.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "random.h"
#include "reconciler/pass.h"
#include "reconciler/trash.h"
#include "state/textdiff.h"
#include "steps.h"

enum {
	FILE_MAX = 8 << 20,
	LATER = 5 * 3600, /* when what failed is tried again */
	SHOWN_FAILURES = 3
};

struct suite {
	void *ctx;
	const char *folder; /* of the scenarios */
	const char *work;   /* in memory; one sub-folder a scenario */
	bool update;
	int every; /* of the points of failure one in so many is tried */
};

/* Files of the host */

static char *read_file(const void *ctx, const char *path)
{
	struct err err = ERR_INIT;
	cleanup_(fd_close) int root = fs_root_open("/", &err);
	char *data;
	size_t len;

	return fs_read(ctx, root, path, FILE_MAX, 0, &data, &len, &err) < 0 ? NULL : data;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		broken_sys("write %s", path);
}

/* Children */

typedef void child_fn(const void *ctx, void *arg);

/* Runs FN in a child; its exit status, -1 when it was killed. */
static int in_child(child_fn *fn, void *arg)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid < 0)
		broken_sys("fork");
	if (pid == 0) {
		void *ctx = mem_ctx(NULL, "child");

		fn(ctx, arg);
		(void)fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		broken_sys("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Machines to start from: made once, copied */

struct start {
	struct suite *s;
	const char *name, *root;
};

static const char *start_root(const struct suite *s, const void *ctx, const char *name)
{
	return mem_fmt(ctx, "%s/start.%s", s->work, name);
}

static void must_converge(struct engine *e, const char *what)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_ON(e);

	if (machine_pass(e, true, &out, &err) < 0 || machine_left(e, true, false, &out))
		broken("machine %s does not converge: %s%s", what, buf_str(&out), err.msg);
	(void)machine_events(e, e);
}

static void start_make(const void *ctx, void *arg)
{
	struct start *st = arg;
	struct err err = ERR_INIT;
	struct buf out = BUF_ON(ctx);
	struct engine *e;
	char *text;

	clock_set(0);
	if (strcmp(st->name, "fresh") == 0) {
		machine_make(mem_fmt(ctx, "%s/root", st->s->folder), st->root);
		return;
	}
	tree_copy(start_root(st->s, ctx, strcmp(st->name, "bare") == 0 ? "fresh" : "bare"),
		  st->root);
	e = machine_open(ctx, st->root);
	if (strcmp(st->name, "bare") != 0) {
		text = read_file(ctx, mem_fmt(ctx, "%s/machines/%s.yaml", st->s->folder, st->name));
		if (!text || machine_state(e, text, false, &out, &err) < 0)
			broken("machine %s: %s%s", st->name, buf_str(&out), err.msg);
	}
	must_converge(e, st->name);
	(void)talloc_free(e);
}

static void start_need(struct suite *s, const char *name)
{
	struct start st = { .s = s, .name = name, .root = start_root(s, s->ctx, name) };

	if (access(st.root, F_OK) == 0)
		return;
	if (strcmp(name, "fresh") != 0)
		start_need(s, strcmp(name, "bare") == 0 ? "fresh" : "bare");
	if (in_child(start_make, &st) != 0)
		broken("machine %s could not be made", name);
}

/* One scenario */

struct scene {
	struct suite *s;
	struct steps steps;
	const char *name, *dir; /* its folder of expectations */
	const char *work;       /* its folder in memory */
	const char *live;       /* the machine that is worked on */
	const char *before;     /* as it was before the last acting step */
	size_t last;            /* that step */
	const char *listing;    /* of the end, whole */
	const char *fault;      /* NULL: none */
	int64_t head;           /* newest revision before it */
};

static const char *in_work(const struct scene *sc, const char *name)
{
	return mem_fmt(sc->s->ctx, "%s/%s", sc->work, name);
}

static void listing_to(struct engine *e, enum listing how, const char *path)
{
	struct buf out = BUF_ON(e);

	machine_list(e, how, &out);
	write_file(path, buf_str(&out));
}

static int64_t head_of(struct engine *e)
{
	struct err err = ERR_INIT;
	int64_t head = -1;

	if (store_head(e->store, &head, &err) < 0)
		broken("%s", err.msg);
	return head;
}

static void run_before(const void *ctx, void *arg)
{
	struct scene *sc = arg;
	struct buf out = BUF_ON(ctx);

	for (size_t i = 0; i < sc->last; i++)
		(void)step_run(&sc->steps, i, sc->live, &out);
	write_file(in_work(sc, "plan"), buf_str(&out));
	write_file(in_work(sc, "head"),
		   mem_fmt(ctx, "%" PRId64, head_of(machine_open(ctx, sc->live))));
}

static void run_last(const void *ctx, void *arg)
{
	struct scene *sc = arg;
	struct buf out = BUF_ON(ctx);
	struct engine *e;

	if (setenv("NOVACPX_FAULT_COUNT", in_work(sc, "count"), 1) < 0)
		broken_sys("setenv");
	for (size_t i = sc->last; i < sc->steps.n; i++) {
		(void)step_run(&sc->steps, i, sc->live, &out);
		if (i == sc->last && unsetenv("NOVACPX_FAULT_COUNT") < 0)
			broken_sys("unsetenv");
	}
	write_file(in_work(sc, "plan.last"), buf_str(&out));
	e = machine_open(ctx, sc->live);
	listing_to(e, LIST_BRIEF, in_work(sc, "brief"));
	listing_to(e, LIST_WHOLE, in_work(sc, "whole"));
}

/* After everything: an incremental and a full pass find nothing, and a further one records nothing. */
static void run_second(const void *ctx, void *arg)
{
	struct scene *sc = arg;
	struct engine *e = machine_open(ctx, sc->live);
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;
	size_t n;

	clock_set(steps_end(&sc->steps) + LATER);
	n = machine_left(e, false, false, &out);
	n += machine_left(e, true, false, &out);
	if (!sc->steps.is_unsettled &&
	    (n || machine_pass(e, true, NULL, &err) < 0 || machine_left(e, true, true, &out)))
		buf_printf(&out, "%s\n", err.msg);
	write_file(in_work(sc, "left"), sc->steps.is_unsettled ? "" : buf_str(&out));
	(void)talloc_free(e);
}

static void run_fault(const void *ctx, void *arg)
{
	struct scene *sc = arg;

	(void)ctx;
	if (setenv("NOVACPX_FAULT", sc->fault, 1) < 0)
		broken_sys("setenv");
	(void)step_run(&sc->steps, sc->last, sc->live, NULL);
}

/* Running again: the step itself when it did not even become a revision; then a pass. */
static void run_again(const void *ctx, void *arg)
{
	struct scene *sc = arg;
	struct buf out = BUF_ON(ctx);
	struct err err = ERR_INIT;
	struct engine *e = machine_open(ctx, sc->live);
	struct buf again = BUF_ON(ctx);

	if (head_of(e) == sc->head) {
		(void)talloc_free(e);
		(void)step_run(&sc->steps, sc->last, sc->live, NULL);
		e = machine_open(ctx, sc->live);
	}
	clock_set(steps_end(&sc->steps) + LATER);
	if (machine_pass(e, false, &again, &err) < 0)
		buf_printf(&out, "the pass after it failed: %s\n", err.msg);
	write_file(in_work(sc, "again"), buf_str(&again));
	write_file(in_work(sc, "left"), buf_str(&out));
	listing_to(e, LIST_WHOLE, in_work(sc, "whole"));
}

/* Comparing */

static const char *difference(const void *ctx, const char *before, const char *after)
{
	struct buf out = BUF_ON(ctx);

	if (text_diff(&out, "expected", before, strlen(before), "found", after, strlen(after)) < 0)
		return "(no difference can be shown)\n";
	return buf_str(&out);
}

static void tell(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		(void)printf("# %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

/* Lines of AFTER that are not in BEFORE with '+', those that went with '-'; both are sorted. */
static const char *changed_lines(const void *ctx, const char *before, const char *after)
{
	struct buf out = BUF_ON(ctx);

	while (*before || *after) {
		size_t a = strcspn(before, "\n");
		size_t b = strcspn(after, "\n");
		const char *la = mem_strn(ctx, before, a);
		const char *lb = mem_strn(ctx, after, b);
		int c = !*before ? 1 : !*after ? -1 : strcmp(la, lb);

		if (c < 0)
			buf_printf(&out, "- %s\n", la);
		if (c > 0)
			buf_printf(&out, "+ %s\n", lb);
		if (c <= 0)
			before += a + 1;
		if (c >= 0)
			after += b + 1;
	}
	return buf_str(&out);
}

static bool expect(struct scene *sc, const char *file, const char *text)
{
	const char *path = mem_fmt(sc->s->ctx, "%s/%s", sc->dir, file);
	const char *expected;

	if (sc->s->update) {
		write_file(path, text);
		return true;
	}
	expected = read_file(sc->s->ctx, path);
	if (expected && strcmp(expected, text) == 0)
		return true;
	(void)printf("# %s/%s is not what came out:\n", sc->name, file);
	tell(difference(sc->s->ctx, expected ? expected : "", text));
	return false;
}

static void verdict(bool ok, const struct scene *sc, const char *what)
{
	(void)printf("%sok - %s: %s\n", ok ? "" : "not ", sc->name, what);
}

/* The three tests of a scenario */

static void copy_start(struct scene *sc)
{
	tree_copy(start_root(sc->s, sc->s->ctx, sc->steps.machine), sc->live);
}

static bool play(struct scene *sc)
{
	const void *ctx = sc->s->ctx;
	const char *root = start_root(sc->s, ctx, sc->steps.machine);
	const char *was = mem_fmt(ctx, "%s.brief", root);
	bool ok;

	copy_start(sc);
	ok = in_child(run_before, sc) == 0;
	tree_copy(sc->live, sc->before);
	ok = in_child(run_last, sc) == 0 && ok;
	if (!ok) {
		verdict(false, sc, "runs to its end");
		return false;
	}
	ok = expect(sc, "plan.txt",
		    mem_fmt(ctx, "%s%s", read_file(ctx, in_work(sc, "plan")),
			    read_file(ctx, in_work(sc, "plan.last"))));
	ok = expect(sc, "after.txt",
		    changed_lines(ctx, read_file(ctx, was),
				  read_file(ctx, in_work(sc, "brief")))) &&
	     ok;
	verdict(ok, sc, "plan and end");
	return true;
}

static void play_second(struct scene *sc)
{
	bool ok = in_child(run_second, sc) == 0;
	const char *left = read_file(sc->s->ctx, in_work(sc, "left"));

	if (!ok || !left || *left)
		tell(left ? left : "it did not end");
	verdict(ok && left && !*left, sc, "a second pass finds nothing to do");
}

static bool play_fault(struct scene *sc, const char *fault)
{
	cleanup_(mem_freep) void *ctx = mem_ctx(NULL, "fault");
	const char *left;
	const char *end;
	bool ok;

	sc->fault = fault;
	tree_remove(sc->live);
	tree_copy(sc->before, sc->live);
	(void)in_child(run_fault, sc);
	ok = in_child(run_again, sc) == 0;
	left = read_file(ctx, in_work(sc, "left"));
	end = read_file(ctx, in_work(sc, "whole"));
	if (ok && left && !*left && end && strcmp(end, sc->listing) == 0)
		return true;
	(void)printf("# NOVACPX_FAULT=%s at line %d leads to another end:\n", fault,
		     sc->steps.v[sc->last].line);
	tell(left ? left : "");
	tell(read_file(ctx, in_work(sc, "again")));
	tell(difference(ctx, sc->listing, end ? end : ""));
	return false;
}

static void play_faults(struct scene *sc)
{
	static const char *const faults[] = { "EIO", "kill" };
	const char *text = read_file(sc->s->ctx, in_work(sc, "count"));
	int64_t n = text ? strtoll(text, NULL, 10) : 0;
	int64_t tried = 0;
	int failed = 0;

	sc->listing = read_file(sc->s->ctx, in_work(sc, "whole"));
	sc->head = strtoll(read_file(sc->s->ctx, in_work(sc, "head")), NULL, 10);
	for (int64_t i = 1; i <= n && failed < SHOWN_FAILURES; i++) {
		for (size_t k = 0; k < ARRAY_LEN(faults); k++) {
			if ((i + (int64_t)k) % sc->s->every)
				continue;
			tried++;
			failed += !play_fault(sc,
					      mem_fmt(sc->s->ctx, "%" PRId64 ":%s", i, faults[k]));
		}
	}
	verdict(!failed, sc,
		mem_fmt(sc->s->ctx, "every failure heals (%" PRId64 " of %" PRId64 " tried)", tried,
			2 * n));
}

static void play_all(struct scene *sc)
{
	if (mkdir(sc->work, 0700) < 0)
		broken_sys("%s", sc->work);
	if (play(sc)) {
		play_second(sc);
		play_faults(sc);
	}
	tree_remove(sc->work);
}

static void scene_read(struct suite *s, const char *name, struct scene *ret)
{
	char *text;

	*ret = (struct scene){ .s = s, .name = name };
	ret->steps = (struct steps){ .ctx = s->ctx, .folder = s->folder };
	ret->dir = mem_fmt(s->ctx, "%s/%s", s->folder, name);
	ret->work = mem_fmt(s->ctx, "%s/%s", s->work, name);
	ret->live = in_work(ret, "live");
	ret->before = in_work(ret, "before");
	text = read_file(s->ctx, mem_fmt(s->ctx, "%s/steps", ret->dir));
	if (!text)
		broken("%s: no file steps", name);
	steps_parse(&ret->steps, name, text);
	for (size_t i = 0; i < ret->steps.n; i++) {
		if (step_acts(&ret->steps.v[i]))
			ret->last = i;
	}
}

/* The suite */

static void make_brief(const void *ctx, void *arg)
{
	const char *root = arg;

	listing_to(machine_open(ctx, root), LIST_BRIEF, mem_fmt(ctx, "%s.brief", root));
}

static void need_start(struct suite *s, const char *name)
{
	const char *root = start_root(s, s->ctx, name);
	const char *copy = mem_fmt(s->ctx, "%s.look", root);

	if (access(mem_fmt(s->ctx, "%s.brief", root), F_OK) == 0)
		return;
	start_need(s, name);
	/* looking opens databases: the original stays as it was made */
	tree_copy(root, copy);
	if (in_child(make_brief, (void *)(uintptr_t)copy) != 0 ||
	    rename(mem_fmt(s->ctx, "%s.brief", copy), mem_fmt(s->ctx, "%s.brief", root)) < 0)
		broken("machine %s cannot be listed", name);
	tree_remove(copy);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct ptrs find_scenes(struct suite *s, char **only)
{
	struct ptrs names = { 0 };
	DIR *dir = opendir(s->folder);
	struct dirent *entry;

	if (!dir)
		broken_sys("%s", s->folder);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		bool wanted = !*only;

		for (size_t i = 0; only[i]; i++)
			wanted = wanted || strncmp(entry->d_name, only[i], strlen(only[i])) == 0;
		if (wanted && entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			ptrs_add(s->ctx, &names, mem_str(s->ctx, entry->d_name));
	}
	(void)closedir(dir);
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	return names;
}

/* Jobs: scenarios and seeds, as many at once as there are processors, told in their order */

struct job {
	const char *name;
	uint64_t seed; /* 0: a scenario */
	const char *out;
	pid_t pid;
};

static void job_start(struct suite *s, struct job *j)
{
	struct scene sc;

	if (!j->seed) {
		scene_read(s, j->name, &sc);
		need_start(s, sc.steps.machine);
	}
	j->out = mem_fmt(s->ctx, "%s/out.%s", s->work, j->name);
	(void)fflush(stdout);
	j->pid = fork();
	if (j->pid < 0)
		broken_sys("fork");
	if (j->pid > 0)
		return;
	if (!freopen(j->out, "we", stdout))
		_exit(71);
	if (j->seed)
		random_play(s->work, start_root(s, s->ctx, "bare"), j->seed);
	else
		play_all(&sc);
	(void)fflush(stdout);
	_exit(0);
}

static void job_wait(struct job *jobs, size_t n)
{
	int status;
	pid_t pid = wait(&status);

	for (size_t i = 0; i < n; i++) {
		if (jobs[i].pid == pid)
			jobs[i].pid = 0;
	}
}

/* Prints what a job wrote, numbering nothing; returns how many tests it had. */
static size_t job_tell(struct suite *s, const struct job *j, size_t *failed)
{
	const char *text = read_file(s->ctx, j->out);
	size_t n = 0;

	for (const char *line = text; line && *line; line += strcspn(line, "\n") + 1) {
		n += strncmp(line, "ok ", 3) == 0 || strncmp(line, "not ok ", 7) == 0;
		*failed += strncmp(line, "not ok ", 7) == 0;
	}
	if (text)
		(void)fputs(text, stdout);
	if (n == 0) {
		(void)printf("not ok - %s: it did not end\n", j->name);
		(*failed)++;
		n = 1;
	}
	return n;
}

static bool run_jobs(struct suite *s, struct job *jobs, size_t n)
{
	long at_once = sysconf(_SC_NPROCESSORS_ONLN);
	long running = 0;
	size_t started = 0;
	size_t tests = 0;
	size_t failed = 0;

	for (size_t told = 0; told < n;) {
		while (started < n && running < at_once) {
			job_start(s, &jobs[started++]);
			running++;
		}
		if (jobs[told].pid) {
			job_wait(jobs, started);
			running--;
			continue;
		}
		tests += job_tell(s, &jobs[told++], &failed);
		(void)fflush(stdout);
	}
	(void)printf("1..%zu\n", tests);
	return !failed;
}

int main(int argc, char **argv)
{
	const char *update = getenv("SCENARIO");      /* NOLINT(concurrency-mt-unsafe) */
	const char *every = getenv("SCENARIO_EVERY"); /* NOLINT(concurrency-mt-unsafe) */
	struct suite s = { .ctx = mem_ctx(NULL, "suite"),
			   .update = update && strcmp(update, "update") == 0,
			   .every = every ? (int)strtol(every, NULL, 10) : 2 };
	char work[] = "/dev/shm/novacpx-scenarios-XXXXXX";
	char *folder = realpath("tests/scenarios", NULL);
	struct ptrs names;
	struct history *warm; /* the git library, loaded once for all children */
	struct err err = ERR_INIT;
	struct job *jobs;
	size_t n = 0;
	bool ok;

	if (geteuid() != 0) {
		(void)puts("1..0 # skip owners of files need root");
		return 0;
	}
	if (!folder || !mkdtemp(work))
		broken_sys("run it in the project's folder");
	s.folder = folder;
	s.work = work;
	if (history_open(s.ctx, mem_fmt(s.ctx, "%s/warm.git", work), 0, &warm, &ok, &err) < 0)
		broken("%s", err.msg);
	names = find_scenes(&s, argv + 1);
	jobs = mem_zero(s.ctx, sizeof(*jobs) * (names.n + RANDOM_SEEDS));
	need_start(&s, "bare");
	for (size_t i = 0; i < RANDOM_SEEDS && (argc == 1 || strcmp(argv[1], "random") == 0);
	     i++, n++)
		jobs[n] = (struct job){ .name = mem_fmt(s.ctx, "seed-%d", (int)i + 1),
					.seed = i + 1 };
	for (size_t i = 0; i < names.n; i++, n++)
		jobs[n] = (struct job){ .name = names.v[i] };
	ok = run_jobs(&s, jobs, n);
	tree_remove(work);
	free(folder);
	(void)talloc_free(s.ctx);
	return ok ? 0 : 1;
}
