/*
 * The bench: what the engine's work costs beside a floor that does the raw
 * work of the same bytes (docs: `make bench`).
 *
 * Every measurement runs in a process of its own (engine.c, or for the API the
 * bench again, with a command), so that CPU time and memory are that work's alone. It
 * prints samples, a line each; bench.c reads them and makes the table.
 * Daemons are not run: zones, maps of the kernel and reloads are no part of
 * these numbers. The bench ends at once on any error: it is no test.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/store.h"

struct cost {
	int64_t cpu_ns, wall_ns;
};

struct cost cost_now(void);
/* Prints "NAME CPU WALL RSS": the cost since SINCE, the most memory so far in KiB. */
void sample(const char *name, struct cost since);
noreturn_ void bench_die(const char *what, const struct err *err);
/* Dies when R is negative. */
void must_do(int r, const char *what, const struct err *err);

/* The table */

struct bench {
	void *ctx;
	const char *self;   /* this program */
	const char *engine; /* the one beside it */
	const char *folder; /* where images are mounted */
	const char *disk;   /* on the machine's own file system */
	const char *kind;   /* of file system */
	bool is_loop;
	struct buf report;
	double plan_100, edit_100; /* at the smallest N */
	double edit_cpu;
};

struct series {
	double cpu, wall; /* medians, in ms */
	double rss;       /* the most, in MiB */
	size_t n;
};

double median(double *v, size_t n); /* sorts V */
/* A row beside a floor; without one, or of one number and its unit. A bar of 0 is none. */
void bench_row(struct bench *b, int n, const char *what, const struct series *is,
	       const struct series *floor, double bar, double aim);
void bench_limit(struct bench *b, int n, const char *what, double value, const char *unit,
		 double bar, double aim);

/* One resource more, from names and values of fields; NULL ends them. */
void generate_one(struct changeset *cs, const struct kind *k, const char *const *pairs);
/* N accounts of 3 domains, 3 zones x 12 records, 5 mailboxes, 1 cron job; always the same. */
void generate(struct changeset *cs, int n);
/* One record of account I with a new address that depends on TURN. */
void generate_edit(struct changeset *cs, int i, int turn);
/* A further site of account I. */
void generate_domain(struct changeset *cs, int i, int turn);

/* The least of a Debian root that the engine wants to find below ROOT. */
void machine_make(const char *root);

/* The measurements; ROOT was made by machine_make(). */
void run_first(const char *root, int n);
void run_noop(const char *root, int reps);
void run_plan(const char *root, int n, int reps);
void run_edit(const char *root, int n, int reps);
/* From here on daemons are spoken to: on a disposable machine, see tests/bench/daemons. */
void run_live(void);
void run_live_edits(const char *root, int n, int reps);
void run_live_reload(const char *root, const char *service, int reps);
/* The floor of the same; FROM is a root that converged, TO an empty folder beside it. */
void floor_first(const char *from, const char *to);
void floor_noop(const char *from, int reps);
void floor_edit(const char *from, const char *to, int reps);

/* Writes of the API, and the bare INSERTs of the same rows: PATH is a model.db. */
void write_make(const char *path, int n);
void run_write(const char *path, int n, int reps, bool batched);
void floor_write(const char *from, const char *to, int reps, bool batched);

/* The API: servers started as processes of their own, see tests/bench/api.h. */
void api_measure(struct bench *b, int n);
int api_command(char **argv, int argc);

/* Objects of a repository, and writing them again with nothing around it. */
struct git_raw {
	const void *ctx;

	struct git_raw_object {
		const char *kind; /* "blob", "tree", "commit" */
		char *data;
		size_t len;
	} * v;

	size_t n, cap;
};

/* Everything a branch's tip brought; with IS_DELTA beside what its parent had already. */
void git_raw_read(struct git_raw *g, const char *repo, const char *branch, bool is_delta);
/* Hashes, compresses, and writes one file after another as a pack has them. */
void git_raw_pack(const struct git_raw *g, const char *path);
/* The same as loose objects below FOLDER. */
void git_raw_loose(const struct git_raw *g, const char *folder);

#endif
