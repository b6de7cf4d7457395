/*
 * Carries out one command of the bench, in a process and a program of its own: linked as novacpxd
 * is, so that its memory is the engine's and not that of the API's libraries.
 */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

static int live_command(char **argv, int n, int reps)
{
	run_live();
	if (strcmp(argv[1], "live-first") == 0)
		run_first(argv[2], n);
	else if (strcmp(argv[1], "live-edit") == 0)
		run_live_edits(argv[2], n, reps);
	else if (strcmp(argv[1], "live-reload") == 0)
		run_live_reload(argv[2], argv[3], reps);
	else
		return 2;
	return 0;
}

static int write_command(char **argv, int n, int reps)
{
	bool batched = strstr(argv[1], "-batch") != NULL;

	if (strcmp(argv[1], "write-make") == 0)
		write_make(argv[2], n);
	else if (strncmp(argv[1], "write-floor", 11) == 0)
		floor_write(argv[2], argv[3], reps, batched);
	else
		run_write(argv[2], n, reps, batched);
	return 0;
}

static int command(char **argv, int argc)
{
	const char *root = argv[2];

	if (strcmp(argv[argc - 1], "--phases") == 0) {
		argc--;
		(void)setenv("BENCH_PHASES", "1", 1); /* NOLINT(concurrency-mt-unsafe) */
	}
	int n = argc > 3 ? atoi(argv[3]) : 0;    /* NOLINT(cert-err34-c): our own numbers */
	int reps = argc > 4 ? atoi(argv[4]) : 0; /* NOLINT(cert-err34-c) */

	if (strcmp(argv[1], "make") == 0)
		machine_make(root);
	else if (strcmp(argv[1], "first") == 0)
		run_first(root, n);
	else if (strcmp(argv[1], "noop") == 0)
		run_noop(root, n);
	else if (strcmp(argv[1], "plan") == 0)
		run_plan(root, n, reps);
	else if (strcmp(argv[1], "edit") == 0)
		run_edit(root, n, reps);
	else if (strncmp(argv[1], "write", 5) == 0)
		return write_command(argv, n, reps);
	else if (strncmp(argv[1], "live-", 5) == 0)
		return live_command(argv, n, reps);
	else if (strcmp(argv[1], "floor-first") == 0)
		floor_first(root, argv[3]);
	else if (strcmp(argv[1], "floor-noop") == 0)
		floor_noop(root, n);
	else if (strcmp(argv[1], "floor-edit") == 0)
		floor_edit(root, argv[3], reps);
	else
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 2 ? command(argv, argc) : 2;
}
