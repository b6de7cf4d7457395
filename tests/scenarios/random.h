/*
 * Random sequences of change sets: after each, the pass that looks only at what
 * changed must leave nothing for a pass that looks at everything; at the end
 * the machine is the one that a single convergence makes from nothing.
 */
#ifndef SCENARIOS_RANDOM_H
#define SCENARIOS_RANDOM_H

#include <stdint.h>

enum {
	RANDOM_SEEDS = 6,
	RANDOM_STEPS = 500 /* nearly half of them are taken */
};

/* Prints one TAP line, and on failure the seed and the steps that led there. */
void random_play(const char *work, const char *start, uint64_t seed);

#endif
