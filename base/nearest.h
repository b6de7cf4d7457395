/*
 * The candidate that a mistyped word most likely meant, for hints such as
 * `did you mean "type"?`.
 *
 * Distance is Damerau-Levenshtein (optimal string alignment: insert, delete,
 * replace, swap two neighbours), ASCII case ignored. A candidate counts only
 * within a third of the longer word's length (at least 1), so that a word
 * that resembles nothing gets no hint.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

enum {
	NEAREST_WORD_MAX = 64 /* longer words are never typing mistakes we can help with */
};

/* The nearest of N candidates (the first among equals; NULL entries are skipped), or NULL. */
const char *nearest(const char *word, const char *const *candidates, size_t n);

#endif
