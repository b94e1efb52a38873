/* SPDX-License-Identifier: BSD-3-Clause */
/* routes: hosts and paths to pools, and what plain HTTP does for each host (LY-102, LY-415). */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

#define MAX_HOSTS 10000
#define MAX_PATH  1024

/* ---- names ------------------------------------------------------------------------------------
 */

static bool label_ok(const char *s, size_t n)
{
	if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	return true;
}

static bool dns_name(const char *s, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0, label; i <= n; i += label + 1) {
		label = strcspn(s + i, ".");
		label = LG_MIN(label, n - i);
		if (!label_ok(s + i, label))
			return false;
	}
	return true;
}

/* What people write where a bare host name is meant. */
static const char *why_no_name(const char *s)
{
	if (strstr(s, "://") != NULL || strchr(s, '/') != NULL)
		return "write the host name only, without scheme and path (a path goes under "
		       "'path')";
	if (strchr(s, ':') != NULL)
		return "write the host name without a port";
	if (strchr(s, '*') != NULL)
		return "a wildcard is \"*.\" before a name and stands for exactly one label";
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return "write international names in their ASCII form (xn--...)";
	return "use letters, digits and '-' in labels of at most 63 characters";
}

const char *conf_host_name(struct conf_load *l, const yaml_node_t *at, const char *text)
{
	size_t n = strlen(text);
	if (n > 1 && text[n - 1] == '.')
		n--;
	if (!dns_name(text, n)) {
		conf_error(l, at, "'%s' is no host name: %s", conf_show(l, text, strlen(text)),
			why_no_name(text));
		return NULL;
	}
	char *name = conf_strndup(l->arena, text, n);
	for (size_t i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return name;
}

/* ---- paths ------------------------------------------------------------------------------------
 */

static bool dot_segment(const char *path)
{
	for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
		size_t n = strcspn(p + 1, "/");
		if ((n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

/* NULL for "any": no path, "/", or an error that was reported. */
static const char *read_path(struct conf_load *l, const struct raw_route *r)
{
	const yaml_node_t *at = conf_at(&r->head, CS_ROUTE, "path");
	const char *p = r->path, *wrong = NULL;
	if (p == NULL)
		return NULL;
	size_t n = strlen(p);
	if (p[0] != '/')
		wrong = "must begin with '/'";
	else if (strpbrk(p, "?#* %\\") != NULL)
		wrong = "is a plain prefix: no '?', '#', '*', '%', '\\' or space in it";
	else if (strstr(p, "//") != NULL || dot_segment(p))
		wrong = "must not have empty, '.' or '..' parts";
	else if (n > MAX_PATH)
		wrong = "is longer than 1024 characters";
	if (wrong != NULL) {
		conf_error(l, at, "path: '%s' %s", conf_show(l, p, n), wrong);
		return NULL;
	}
	while (n > 0 && p[n - 1] == '/')
		n--;
	return n > 0 ? conf_strndup(l->arena, p, n) : NULL;
}

/* ---- routes ------------------------------------------------------------------------------------
 */

static unsigned find_pool(struct conf_load *l, const struct raw_route *r)
{
	struct raw_pool *pools = l->top.pools.v;
	struct conf_suggest hint = {.word = r->pool};
	for (unsigned i = 0; i < l->top.pools.n; i++) {
		if (strcmp(pools[i].head.name, r->pool) == 0) {
			pools[i].used = true;
			return i;
		}
		if (!conf_enough(l))
			conf_suggest_try(&hint, pools[i].head.name, pools[i].head.at);
	}
	conf_error(l, conf_at(&r->head, CS_ROUTE, "pool"), "pool '%s' is not defined%s",
		conf_show(l, r->pool, strlen(r->pool)), conf_suggest_text(l, &hint));
	return UINT_MAX;
}

static bool plain_forwarded(const struct conf_pool *p)
{
	for (unsigned i = 0; i < p->n_servers; i++)
		if (p->servers[i].http_port != 0)
			return true;
	return false;
}

/* possible: whether the pool takes plain HTTP. */
static enum conf_http_action http_action(
	const struct raw_route *r, const struct conf_host *h, bool possible)
{
	enum conf_http_action a = (enum conf_http_action)r->http;
	if (a != CONF_HTTP_DEFAULT)
		return a;
	bool discover = !h->wildcard && strncmp(h->name, "lyncdiscover.", 13) == 0;
	return discover && possible ? CONF_HTTP_FORWARD : CONF_HTTP_REDIRECT;
}

static void add_host(struct conf_load *l, const struct raw_route *r, const struct raw_name *n,
	unsigned route, bool plain)
{
	struct conf *c = l->conf;
	struct conf_host *h = &c->hosts[c->n_hosts];
	bool wildcard = strncmp(n->s, "*.", 2) == 0;
	const char *name = conf_host_name(l, n->at, wildcard ? n->s + 2 : n->s);
	if (name == NULL)
		return;
	*h = (struct conf_host){.name = name, .wildcard = wildcard, .route = route};
	h->http = http_action(r, h, plain);
	if (strncmp(name, "lyncdiscoverinternal.", 21) == 0)
		conf_warn(l, n->at,
			"'%s' is for clients inside and must not be answered outside (LY-204)",
			name);
	l->host_at[c->n_hosts++] = n->at;
}

static void build_route(struct conf_load *l, const struct raw_route *r)
{
	struct conf *c = l->conf;
	struct conf_route *out = &c->routes[c->n_routes];
	unsigned pool = r->pool != NULL ? find_pool(l, r) : UINT_MAX;

	const struct conf_pool *p = pool != UINT_MAX ? &c->pools[pool] : NULL;
	bool plain = p == NULL || p->n_servers == 0 || plain_forwarded(p);

	if (r->http == CONF_HTTP_FORWARD && !plain)
		conf_error(l, conf_at(&r->head, CS_ROUTE, "http"),
			"http: forward, but pool '%s' has 'http_port: 0'", p->name);
	out->path = read_path(l, r);
	out->name = conf_sprintf(l->arena, "%s%s", r->hosts.n > 0 ? r->hosts.v[0].s : "?",
		out->path != NULL ? out->path : "");
	out->pool = pool;
	out->line = conf_line(r->head.at);
	out->response_header_timeout = r->response_header_timeout;
	for (unsigned i = 0; i < r->hosts.n; i++)
		add_host(l, r, &r->hosts.v[i], c->n_routes, plain);
	c->n_routes++;
}

struct pattern {
	const struct conf_host *host;
	const char *path; /* "" for any */
	const yaml_node_t *at;
	unsigned order;
};

static int same_pattern(const struct pattern *x, const struct pattern *y)
{
	int d = strcmp(x->host->name, y->host->name);
	if (d == 0)
		d = (int)x->host->wildcard - (int)y->host->wildcard;
	return d != 0 ? d : strcasecmp(x->path, y->path);
}

static int compare_patterns(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	int d = same_pattern(x, y);
	return d != 0 ? d : (int)x->order - (int)y->order;
}

static void check_doubles(struct conf_load *l)
{
	const struct conf *c = l->conf;
	struct pattern *all = conf_alloc(l->scratch, c->n_hosts * sizeof(*all));
	for (unsigned i = 0; i < c->n_hosts; i++) {
		const char *path = c->routes[c->hosts[i].route].path;
		all[i] = (struct pattern){&c->hosts[i], path != NULL ? path : "", l->host_at[i], i};
	}
	qsort(all, c->n_hosts, sizeof(*all), compare_patterns);
	for (unsigned i = 1; i < c->n_hosts; i++)
		if (same_pattern(&all[i - 1], &all[i]) == 0)
			conf_error(l, all[i].at,
				"host '%s%s%s' is there twice: here on line %u and before on line "
				"%u",
				all[i].host->wildcard ? "*." : "", all[i].host->name, all[i].path,
				conf_line(all[i].at), conf_line(all[i - 1].at));
}

void conf_build_routes(struct conf_load *l)
{
	struct conf *c = l->conf;
	const struct raw_route *r = l->top.routes.v;
	size_t n = 0;

	for (unsigned i = 0; i < l->top.routes.n; i++)
		n += r[i].hosts.n;
	if (n > MAX_HOSTS) {
		conf_error(l, conf_at(&l->top.head, CS_TOP, "routes"),
			"routes have %zu hosts; at most %d are supported", n, MAX_HOSTS);
		return;
	}
	l->host_at = conf_alloc(l->scratch, n * sizeof(l->host_at[0]));
	c->hosts = conf_alloc(l->arena, n * sizeof(c->hosts[0]));
	c->routes = conf_alloc(l->arena, l->top.routes.n * sizeof(c->routes[0]));
	for (unsigned i = 0; i < l->top.routes.n; i++)
		build_route(l, &r[i]);
	check_doubles(l);
}
