#include "base/nearest.h"

#include <string.h>

#include "base/macro.h"

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Three rows of the distance table are enough: this one, the one above, and for swaps the one above that. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t *two = rows[0];
	size_t *one = rows[1];
	size_t *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		two[j] = one[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = two;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t same = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;
			size_t best = MIN(one[j] + 1, now[j - 1] + 1);

			best = MIN(best, one[j - 1] + same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				best = MIN(best, two[j - 2] + 1);
			now[j] = best;
		}
		two = one;
		one = now;
		now = spare;
	}
	return one[b_len];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strnlen(word, NEAREST_WORD_MAX + 1);
	size_t best = NEAREST_WORD_MAX;
	const char *found = NULL;

	if (len == 0 || len > NEAREST_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *c = candidates[i];
		size_t c_len = c ? strnlen(c, NEAREST_WORD_MAX + 1) : 0;
		size_t limit = MAX(MAX(len, c_len) / 3, (size_t)1);
		size_t d;

		if (c_len == 0 || c_len > NEAREST_WORD_MAX)
			continue;
		d = distance(word, len, c, c_len);
		if (d <= limit && d < MAX(len, c_len) && d < best) {
			best = d;
			found = c;
		}
	}
	return found;
}
