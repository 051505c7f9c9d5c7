#include "base/memory.h"
#include "cli/cli.h"

#include <string.h>

enum { LONGEST = 32 };

/* Edits (insert, delete, replace, swap neighbours) from a to b; more than LONGEST when either is too long. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][LONGEST + 1];
	size_t na = strlen(a), nb = strlen(b);
	if (na > LONGEST || nb > LONGEST)
		return LONGEST + 1;
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= nb; j++)
		last[j] = before[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
			best = hb_min(best, hb_min(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = hb_min(best, before[j - 2] + 1);
			now[j] = best;
		}
		unsigned *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[nb];
}

const char *hb_suggest(const char *typed, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	unsigned least = LONGEST;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(typed);
		unsigned edits = distance(typed, words[i]);
		/* A beginning of a word is near it whatever is missing. */
		if (len >= 2 && !strncmp(typed, words[i], len))
			edits = 1;
		unsigned allowed = strlen(words[i]) <= 4 ? 1 : 2;
		if (edits <= allowed && edits < least) {
			least = edits;
			nearest = words[i];
		}
	}
	return nearest;
}
