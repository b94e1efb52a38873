/* SPDX-License-Identifier: BSD-3-Clause */
/* redirect:, retry_after:, timeouts:, limits:, log: and what must fit together among them. */
#include <string.h>

#include "config/internal.h"

static void build_redirect(struct conf_load *l)
{
	static const uint16_t status[] = {301, 302, 307, 308};
	const struct raw_redirect *r = &l->top.redirect;
	struct conf *c = l->conf;
	bool any_tls = false, wanted = false, port = false;

	c->redirect_status = status[r->status];
	c->redirect_port = r->port;
	for (unsigned i = 0; i < c->n_listeners; i++) {
		any_tls |= c->listeners[i].tls;
		port |= c->listeners[i].tls && c->listeners[i].port == r->port;
	}
	for (unsigned i = 0; i < c->n_hosts; i++)
		wanted |= c->hosts[i].http == CONF_HTTP_REDIRECT;
	bool plain = false;
	for (unsigned i = 0; i < c->n_listeners; i++)
		plain |= !c->listeners[i].tls;
	if (!wanted || !plain)
		return;
	const yaml_node_t *at = conf_at(&l->top.head, CS_TOP, "listeners");
	if (!any_tls)
		conf_warn(l, at, "plain HTTP is redirected to https, but no listener has 'tls'");
	else if (!port && !(r->head.at != NULL && conf_given(&r->head, CS_REDIRECT, "port")))
		conf_warn(l, at,
			"plain HTTP is redirected to port %u, but no listener with 'tls' is on it; "
			"set "
			"redirect.port to the port that clients use",
			r->port);
}

static void warn_short(struct conf_load *l, const yaml_node_t *at, lg_us timeout)
{
	if (timeout != 0 && timeout < LG_SEC(960))
		conf_warn(l, at,
			"response_header: %us is below 960s: mobile clients hold requests open for "
			"up to "
			"1800s and would be cut (LY-406)",
			(unsigned)(timeout / LG_SEC(1)));
}

static void build_timeouts(struct conf_load *l)
{
	const struct raw_timeouts *t = &l->top.timeouts;
	const struct raw_pool *pools = l->top.pools.v;
	const struct raw_route *routes = l->top.routes.v;

	l->conf->timeouts = t->t;
	if (t->head.at != NULL)
		warn_short(
			l, conf_at(&t->head, CS_TIMEOUTS, "response_header"), t->t.response_header);
	for (unsigned i = 0; i < l->top.pools.n; i++)
		warn_short(l, conf_at(&pools[i].head, CS_POOL, "response_header_timeout"),
			pools[i].response_header_timeout);
	for (unsigned i = 0; i < l->top.routes.n; i++)
		warn_short(l, conf_at(&routes[i].head, CS_ROUTE, "response_header_timeout"),
			routes[i].response_header_timeout);
	l->conf->retry_after = (unsigned)(l->top.retry_after / LG_SEC(1));
	if (l->top.retry_after % LG_SEC(1) != 0)
		conf_error(l, conf_at(&l->top.head, CS_TOP, "retry_after"),
			"retry_after must be whole seconds");
}

static const yaml_node_t *limit_at(const struct conf_load *l, const char *key)
{
	const struct conf_head *h = &l->top.limits.head;
	return h->at != NULL ? conf_at(h, CS_LIMITS, key) : NULL;
}

static void read_source_ports(struct conf_load *l, struct conf_limits *out)
{
	const char *text = l->top.limits.source_ports;
	uint64_t low, high;
	if (!conf_range(text, 65535, &low, &high) || low < 1024 || high - low < 63) {
		conf_error(l, limit_at(l, "source_ports"),
			"source_ports: '%s' must be LOW-HIGH within 1024-65535, with at least 64 "
			"ports",
			conf_show(l, text, strlen(text)));
		return;
	}
	out->source_port_low = (uint16_t)low;
	out->source_port_high = (uint16_t)high;
}

/* More connections than source ports to the smallest pool: told before it is a 503. */
static void check_source_ports(struct conf_load *l, const struct conf_limits *m)
{
	const struct conf *c = l->conf;
	uint64_t ports = m->source_port_high - m->source_port_low + 1u;
	const struct conf_pool *least = NULL;
	for (unsigned i = 0; i < c->n_pools; i++)
		if (c->pools[i].n_servers > 0 &&
			(least == NULL || c->pools[i].n_servers < least->n_servers))
			least = &c->pools[i];
	if (least == NULL || m->source_port_high == 0)
		return;
	uint64_t possible = ports * least->n_servers,
		 wanted = (uint64_t)m->connections * c->n_workers;
	if (wanted > possible)
		conf_warn(l, limit_at(l, "connections"),
			"limits allow %llu connections in all, but pool '%s' has source ports for "
			"%llu; more are "
			"answered 503",
			(unsigned long long)wanted, least->name, (unsigned long long)possible);
}

/* A default that is larger than the head follows it; a value that was written is an error. */
static void fit_in_head(struct conf_load *l, const char *key, uint32_t *value, uint32_t head)
{
	const struct conf_head *h = &l->top.limits.head;
	if (*value <= head)
		return;
	if (h->at != NULL && conf_given(h, CS_LIMITS, key))
		conf_error(l, limit_at(l, key), "%s is larger than request_head (%u bytes)", key,
			head);
	*value = head;
}

static void build_limits(struct conf_load *l)
{
	struct conf_limits *m = &l->conf->limits;
	*m = l->top.limits.l;
	if (l->top.limits.head.at == NULL ||
		!conf_given(&l->top.limits.head, CS_LIMITS, "syn_cookies_above"))
		m->syn_cookies_above = m->half_open / 2;
	read_source_ports(l, m);
	fit_in_head(l, "request_field", &m->request_field, m->request_head);
	fit_in_head(l, "request_target", &m->request_target, m->request_head);
	if (m->receive_buffer / CONF_HEAD_MEMORY < m->request_head)
		conf_error(l, limit_at(l, "receive_buffer"),
			"receive_buffer is smaller than %u times request_head (%u bytes), so such "
			"a head might never arrive",
			CONF_HEAD_MEMORY, m->request_head);
	check_source_ports(l, m);
}

static void build_log(struct conf_load *l)
{
	const struct raw_log *r = &l->top.log;
	l->conf->log.level = (int)r->level;
	l->conf->log.access = r->access;
	l->conf->log.access_file = r->access_file;
	if (r->access_file == NULL)
		return;
	if (!r->access)
		conf_warn(l, conf_at(&r->head, CS_LOG, "access_file"),
			"access_file is not used: 'access' is false");
	else if (l->check_files)
		conf_check_folder_of(l, conf_at(&r->head, CS_LOG, "access_file"), r->access_file);
}

void conf_build_settings(struct conf_load *l)
{
	build_redirect(l);
	build_timeouts(l);
	build_limits(l);
	build_log(l);
}
