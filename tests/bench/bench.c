#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

enum {
	OUTPUT_MAX = 1 << 20,
	RUN_MS = 600000,
	SIZES_MAX = 8,
	IMAGE_GIB = 12
};

/* What the processes printed */

static struct series series_of(const char *text, const char *name)
{
	double cpu[256];
	double wall[256];
	struct series s = { .n = 0 };
	size_t len = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		double rss;
		char *end;

		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != '\t' || s.n == ARRAY_LEN(cpu))
			continue;
		cpu[s.n] = strtod(line + len, &end) / 1e6;
		wall[s.n] = strtod(end, &end) / 1e6;
		rss = strtod(end, NULL) / 1024;
		s.rss = MAX(s.rss, rss);
		s.n++;
	}
	s.cpu = median(cpu, s.n);
	s.wall = median(wall, s.n);
	return s;
}

/* Runs the engine's program with a command; what it printed, on the bench's context. */
static const char *run_engine(struct bench *b, const char *const *args)
{
	const char *argv[12] = { b->engine };
	struct proc p = { .argv = argv, .timeout_ms = RUN_MS, .output_max = OUTPUT_MAX };
	struct proc_result done;
	struct err err = ERR_INIT;
	size_t n = 1;

	while (*args)
		argv[n++] = *args++;
	if (getenv("BENCH_PHASES")) /* NOLINT(concurrency-mt-unsafe): one thread */
		argv[n] = "--phases";
	must_do(proc_run(b->ctx, &p, &done, &err), argv[1], &err);
	if (done.status != 0) {
		(void)fprintf(stderr, "bench: %s ended with %d\n%s", argv[1], done.status,
			      done.out);
		exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
	}
	if (getenv("BENCH_PHASES")) /* NOLINT(concurrency-mt-unsafe): one thread */
		(void)fprintf(stderr, "--- %s %s\n%s", argv[1], argv[3] ? argv[3] : "", done.out);
	return done.out;
}

#define RUN(b, ...) run_engine((b), (const char *const[]){ __VA_ARGS__, NULL })

static void run_tool(struct bench *b, const char *const *argv, bool must)
{
	struct proc p = { .argv = argv, .timeout_ms = RUN_MS };
	struct proc_result done;
	struct err err = ERR_INIT;
	int r = proc_run(b->ctx, &p, &done, &err);

	if (must && (r < 0 || done.status != 0))
		bench_die(argv[0], &err);
}

/* The place to work: ext4 with a journal in a file, else memory */

static void place_new(struct bench *b)
{
	const char *image = mem_fmt(b->ctx, "%s.img", b->folder);
	int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)IMAGE_GIB << 30) < 0 || mkdir(b->folder, 0755) < 0)
		bench_die("make the image", NULL);
	(void)close(fd);
	run_tool(b,
		 (const char *const[]){ "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image,
					NULL },
		 true);
	run_tool(b, (const char *const[]){ "mount", "-o", "loop", image, b->folder, NULL }, false);
	b->is_loop = rmdir(b->folder) < 0; /* busy when mounted */
	b->kind = "ext4 with a journal, in a loop image";
	if (b->is_loop)
		return;
	if (mkdir(b->folder, 0755) < 0 || mount("bench", b->folder, "tmpfs", 0, "mode=0755") < 0)
		bench_die("mount", NULL);
	b->kind = "tmpfs (no loop mounts here)";
}

static void place_remove(struct bench *b)
{
	const char *image = mem_fmt(b->ctx, "%s.img", b->folder);

	run_tool(b, (const char *const[]){ "umount", b->folder, NULL }, true);
	(void)rmdir(b->folder);
	(void)unlink(image);
}

static const char *root_new(struct bench *b, const char *name)
{
	const char *root = mem_fmt(b->ctx, "%s/%s", b->folder, name);

	if (mkdir(root, 0755) < 0)
		bench_die(root, NULL);
	machine_make(root);
	return root;
}

/* The table */

/* "yes" and "NO" are of the bar, "aim" and "no" of the aim; 0 is none. */
static const char *holds(double value, double bar, double aim)
{
	if (bar <= 0 && aim <= 0)
		return "";
	if (aim > 0 && value <= aim)
		return "aim";
	return bar <= 0 ? "no" : value <= bar ? "yes" : "NO";
}

void bench_row(struct bench *b, int n, const char *what, const struct series *is,
	       const struct series *floor, double bar, double aim)
{
	double ratio = floor && floor->cpu > 0 ? is->cpu / floor->cpu : 0;

	buf_printf(&b->report, "%6d  %-30s %9.2f %9.2f ", n, what, is->cpu, is->wall);
	if (floor && bar <= 0)
		buf_printf(&b->report, "%9.2f %6.2fx\n", floor->cpu, ratio);
	else if (floor)
		buf_printf(&b->report, "%9.2f %6.2fx  %4.1fx %4.1fx  %s\n", floor->cpu, ratio, bar,
			   aim, holds(ratio, bar, aim));
	else
		buf_printf(&b->report, "%9s %7s  %5s %5s\n", "", "", "", "");
}

void bench_limit(struct bench *b, int n, const char *what, double value, const char *unit,
		 double bar, double aim)
{
	const char *limit = bar > 0 ? mem_fmt(b->ctx, "%.4g", bar) : "-";
	const char *wish = aim > 0 ? mem_fmt(b->ctx, "%.4g", aim) : "-";

	buf_printf(&b->report, "%6d  %-30s %9.2f %-9s %9s %7s  %5s %5s  %s\n", n, what, value, unit,
		   "", "", limit, wish, holds(value, bar, aim));
}

/* 64 writes, by themselves or together, and the bare INSERTs of their rows. */
static void measure_writes(struct bench *b, int n, bool batched, struct series *ret,
			   struct series *ret_floor)
{
	const char *count = mem_fmt(b->ctx, "%d", n);
	const char *db = mem_fmt(b->ctx, "%s/write%d.db", b->folder, batched);
	const char *floor = mem_fmt(b->ctx, "%s.floor", db);

	(void)RUN(b, "write-make", db, count);
	run_tool(b, (const char *const[]){ "cp", db, floor, NULL }, true);
	*ret = series_of(RUN(b, batched ? "write-batch" : "write-one", db, count, "31"), "write");
	*ret_floor = series_of(
		RUN(b, batched ? "write-floor-batch" : "write-floor-one", db, floor, "31"),
		"write");
	bench_row(b, n, batched ? "64 writes in one commit" : "64 writes, a commit each", ret,
		  ret_floor, batched ? 6 : 3, batched ? 3 : 1.5);
}

/* What 64 clients at once wait for: at most twice as long as 64 bare commits take. */
static void measure_commits(struct bench *b, int n)
{
	struct series one;
	struct series many;
	struct series bare;
	struct series bare_batch;

	measure_writes(b, n, false, &one, &bare);
	measure_writes(b, n, true, &many, &bare_batch);
	bench_limit(b, n, "  CPU of one of them", many.cpu * 1000 / 64, "us", 200, 100);
	bench_limit(b, n, "  wall to 64 bare commits", many.wall / bare.wall, "x", 2, 1);
}

static void measure(struct bench *b, int n)
{
	const char *count = mem_fmt(b->ctx, "%d", n);
	int firsts = n > 2000 ? 1 : 3;
	struct buf first = BUF_ON(b->ctx);
	struct buf floor = BUF_ON(b->ctx);
	const char *root = NULL;
	const char *out;
	struct series is;
	struct series base;
	double peak;

	place_new(b);
	for (int i = 0; i < firsts; i++) {
		const char *to = mem_fmt(b->ctx, "%s/floor%d", b->folder, i);

		root = root_new(b, mem_fmt(b->ctx, "root%d", i));
		buf_puts(&first, RUN(b, "first", root, count));
		(void)mkdir(to, 0755);
		buf_puts(&floor, RUN(b, "floor-first", root, to));
	}
	is = series_of(buf_str(&first), "first");
	base = series_of(buf_str(&floor), "first");
	bench_row(b, n, "first convergence", &is, &base, 3, 1.5);
	peak = is.rss;

	out = RUN(b, "noop", root, n > 2000 ? "3" : "7");
	is = series_of(out, "noop");
	base = series_of(RUN(b, "floor-noop", root, n > 2000 ? "3" : "7"), "noop");
	bench_row(b, n, "second pass, full", &is, &base, 3, 1.5);
	is = series_of(RUN(b, "noop", root, "1"), "noop");
	bench_limit(b, n, "  its peak memory", is.rss, "MiB", 64, 32);
	bench_limit(b, n, "  memory of the first", peak, "MiB", 0, 0);

	is = series_of(RUN(b, "plan", root, count, "81"), "plan");
	bench_limit(b, n, "plan of one change", is.cpu, "ms", 5, 5);
	if (!b->plan_100)
		b->plan_100 = is.cpu;
	else
		bench_limit(b, n, "  to the smallest N", is.cpu / b->plan_100, "x", 0, 1.2);

	out = RUN(b, "edit", root, count, "81");
	is = series_of(out, "edit");
	b->edit_cpu = is.cpu;
	(void)mkdir(mem_fmt(b->ctx, "%s/edit", b->folder), 0755);
	base = series_of(RUN(b, "floor-edit", root, mem_fmt(b->ctx, "%s/edit", b->folder), "81"),
			 "edit");
	bench_row(b, n, "one record edited", &is, &base, 3, 1.5);
	if (!b->edit_100)
		b->edit_100 = is.cpu;
	else
		bench_limit(b, n, "  to the smallest N", is.cpu / b->edit_100, "x", 1.5, 1.2);
	is = series_of(out, "rollback");
	base = (struct series){ .cpu = b->edit_cpu };
	bench_row(b, n, "rollback of it (to one edit)", &is, &base, 1.5, 1.5);
	measure_commits(b, n);
	place_remove(b);
}

/* BENCH_PART=api or =engine: that alone. */
static bool is_wanted(const char *part)
{
	const char *only = getenv("BENCH_PART"); /* NOLINT(concurrency-mt-unsafe): one thread */

	return !only || !*only || strcmp(only, part) == 0;
}

static void measure_sizes(struct bench *b)
{
	const char *sizes = getenv("BENCH_N"); /* NOLINT(concurrency-mt-unsafe): one thread */
	char *end = (char *)(uintptr_t)(sizes && *sizes ? sizes : "100 1000 10000");

	for (;;) {
		char *start = end;
		long n = strtol(start, &end, 10);

		if (end == start)
			break;
		measure(b, (int)n);
	}
}

int main(int argc, char **argv)
{
	struct bench b = { .ctx = mem_ctx(NULL, "bench") };
	char folder[] = "/tmp/novacpx-bench-XXXXXX";

	if (argc > 2)
		return api_command(argv, argc);
	if (geteuid() != 0 || !mkdtemp(folder))
		bench_die("it mounts file systems and must be run as root", NULL);
	b.self = "/proc/self/exe";
	b.self = realpath(b.self, NULL);
	b.engine = mem_fmt(b.ctx, "%.*s/engine", (int)(strrchr(b.self, '/') - b.self), b.self);
	b.folder = mem_fmt(b.ctx, "%s/m", folder);
	b.report = (struct buf)BUF_ON(b.ctx);
	b.disk = folder;
	if (is_wanted("engine"))
		measure_sizes(&b);
	if (is_wanted("api"))
		api_measure(&b, 10000);
	(void)rmdir(folder);
	(void)printf("\nOn %s. CPU and wall in ms, medians; every row in a process of its own.\n"
		     "The floor writes or reads the same bytes with nothing around them.\n\n"
		     "     N  %-30s %9s %9s %9s %7s  %5s %5s\n%s",
		     b.kind ? b.kind : "the machine's own file system", "what", "CPU", "wall",
		     "floor", "ratio", "bar", "aim", buf_str(&b.report));
	(void)talloc_free(b.ctx);
	return 0;
}
