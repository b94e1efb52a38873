/* SPDX-License-Identifier: BSD-3-Clause */
/* "did you mean": optimal string alignment distance (insert, delete, replace, swap neighbours). */
#include <ctype.h>
#include <string.h>

#include "config/internal.h"

#define MAX_WORD 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return LG_MIN(LG_MIN(a, b), c);
}

static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned rows[3][MAX_WORD + 1];
	if (n > MAX_WORD || m > MAX_WORD)
		return MAX_WORD;
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			int x = tolower((unsigned char)a[i - 1]),
			    y = tolower((unsigned char)b[j - 1]);
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				tolower((unsigned char)a[i - 2]) == y)
				now[j] = LG_MIN(now[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

void conf_suggest_try(struct conf_suggest *s, const char *candidate, const yaml_node_t *at)
{
	if (candidate == NULL)
		return;
	unsigned d = distance(s->word, candidate);
	unsigned allowed = LG_MAX((unsigned)strlen(s->word), (unsigned)strlen(candidate)) / 3;
	if (d > LG_MAX(allowed, 1u) || d >= strlen(candidate) ||
		(s->best != NULL && d >= s->distance))
		return;
	s->best = candidate;
	s->distance = d;
	s->at = at;
}

const char *conf_suggest_text(struct conf_load *l, const struct conf_suggest *s)
{
	if (s->best == NULL)
		return "";
	if (s->at == NULL)
		return conf_sprintf(l->scratch, "; did you mean '%s'?", s->best);
	return conf_sprintf(
		l->scratch, "; did you mean '%s' (line %u)?", s->best, conf_line(s->at));
}
