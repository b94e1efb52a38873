/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether hosts have certificates (LY-208), and whether everything that is defined is used. */
#include <string.h>

#include "config/internal.h"
#include "tls/tls.h"

/* A wildcard host needs a certificate with the same wildcard. */
static bool covers(const struct raw_certificate *r, const struct conf_host *h, const char *shown)
{
	for (unsigned i = 0; i < r->covered.n; i++)
		if (h->wildcard ? strcasecmp(r->covered.v[i].s, shown) == 0
				: tls_name_match(r->covered.v[i].s, h->name))
			return true;
	return false;
}

static void check_host(struct conf_load *l, const struct conf_listener *li, const char *listener,
	const struct conf_host *h, const yaml_node_t *at)
{
	const struct raw_certificate *certs = l->top.certificates.v;
	const char *shown = h->wildcard ? conf_sprintf(l->scratch, "*.%s", h->name) : h->name;
	for (unsigned i = 0; i < li->n_certificates; i++) {
		const struct raw_certificate *r = &certs[li->certificates[i]];
		if (!r->checked || covers(r, h, shown))
			return; /* what could not be read was reported as such */
	}
	conf_warn(l, at,
		"no certificate of listener '%s' covers '%s': clients will not trust it (LY-208)",
		listener, shown);
}

void conf_check_coverage(struct conf_load *l)
{
	struct conf *c = l->conf;
	const struct raw_listener *names = l->top.listeners.v;
	if (!l->check_files)
		return;
	for (unsigned i = 0; i < c->n_listeners; i++) {
		const struct conf_listener *li = &c->listeners[i];
		bool own = false; /* "https#2" has the certificates of "https" */
		for (unsigned j = 0; j < l->top.listeners.n; j++)
			own |= strcmp(names[j].head.name, li->name) == 0;
		if (!li->tls || !own || li->n_certificates == 0)
			continue;
		for (unsigned j = 0; j < c->n_hosts; j++)
			check_host(l, li, li->name, &c->hosts[j], l->host_at[j]);
	}
}

static void unused_pools(struct conf_load *l)
{
	const struct raw_pool *r = l->top.pools.v;
	for (unsigned i = 0; i < l->top.pools.n; i++)
		if (!r[i].used)
			conf_warn(l, r[i].head.at, "pool '%s' is used by no route", r[i].head.name);
}

void conf_check_usage(struct conf_load *l)
{
	const struct conf *c = l->conf;
	const struct raw_certificate *r = l->top.certificates.v;

	unused_pools(l);
	for (unsigned i = 0; i < l->top.certificates.n; i++) {
		bool used = false;
		for (unsigned j = 0; j < c->n_listeners && !used; j++)
			for (unsigned k = 0; k < c->listeners[j].n_certificates; k++)
				used |= c->listeners[j].certificates[k] == i;
		if (!used)
			conf_warn(l, r[i].head.at, "certificate '%s' is used by no listener",
				r[i].head.name);
	}
}
