/* SPDX-License-Identifier: BSD-3-Clause */
/* Host and path -> route, by binary search over the snapshot's host patterns. */
#include <stdlib.h>
#include <string.h>

#include "proxy/internal.h"

struct proxy_routes {
	const struct conf *conf;
	unsigned n;
	const struct conf_host *sorted[]; /* by wildcard, name, position in the file */
};

static int compare(const void *a, const void *b)
{
	const struct conf_host *x = *(const struct conf_host *const *)a;
	const struct conf_host *y = *(const struct conf_host *const *)b;

	if (x->wildcard != y->wildcard)
		return x->wildcard ? 1 : -1;
	int d = strcmp(x->name, y->name);
	return d ? d : (x > y) - (x < y);
}

struct proxy_routes *proxy_routes_create(const struct conf *c)
{
	struct proxy_routes *r = calloc(1, sizeof(*r) + c->n_hosts * sizeof(r->sorted[0]));
	if (r == NULL)
		return NULL;
	r->conf = c;
	r->n = c->n_hosts;
	for (unsigned i = 0; i < r->n; i++)
		r->sorted[i] = &c->hosts[i];
	qsort(r->sorted, r->n, sizeof(r->sorted[0]), compare);
	return r;
}

void proxy_routes_free(struct proxy_routes *r)
{
	free(r);
}

static int order(const struct conf_host *h, const char *name, bool wildcard)
{
	if (h->wildcard != wildcard)
		return h->wildcard ? 1 : -1;
	return strcmp(h->name, name);
}

/* Index of the first pattern that is not below (name, wildcard). */
static unsigned lower_bound(const struct proxy_routes *r, const char *name, bool wildcard)
{
	unsigned lo = 0, hi = r->n;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (order(r->sorted[mid], name, wildcard) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The longest path prefix among the patterns of this name; the first in the file on a tie. */
static const struct conf_host *find_name(const struct proxy_routes *r, const char *name,
	bool wildcard, const char *path, size_t path_len)
{
	const struct conf_host *best = NULL;
	size_t best_len = 0;

	for (unsigned i = lower_bound(r, name, wildcard);
		i < r->n && order(r->sorted[i], name, wildcard) == 0; i++) {
		const struct conf_host *h = r->sorted[i];
		const char *prefix = r->conf->routes[h->route].path;
		size_t len = prefix ? strlen(prefix) : 0;
		if (best != NULL && len <= best_len)
			continue;
		if (prefix == NULL || http_path_prefix(path, path_len, prefix)) {
			best = h;
			best_len = len;
		}
	}
	return best;
}

const struct conf_host *proxy_routes_find(
	const struct proxy_routes *r, const char *host, const char *path, size_t path_len)
{
	const struct conf_host *h = find_name(r, host, false, path, path_len);
	if (h != NULL)
		return h;
	const char *dot = strchr(host, '.');
	if (dot == NULL || dot == host)
		return NULL;
	return find_name(r, dot + 1, true, path, path_len);
}
