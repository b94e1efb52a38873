/* SPDX-License-Identifier: BSD-3-Clause */
/* pools: servers, reachability from the internal port, TLS towards them. */
#include <string.h>

#include "config/internal.h"

/* ---- servers -----------------------------------------------------------------------------------
 */

/* One server: text, or a map with ports of its own. */
static bool read_server(struct conf_load *l, const yaml_node_t *node, const struct raw_pool *p,
	struct conf_server *s)
{
	const char *text;
	const yaml_node_t *at = node;

	s->https_port = p->https_port;
	s->http_port = p->http_port;
	if (node->type == YAML_MAPPING_NODE) {
		struct raw_server r = {.https_port = p->https_port, .http_port = p->http_port};
		conf_read_section(l, CS_SERVER, node, &r.head);
		s->https_port = r.https_port;
		s->http_port = r.http_port;
		text = r.address;
		at = conf_at(&r.head, CS_SERVER, "address");
		if (text == NULL || !conf_parse_ip(l, at, text, &s->ip))
			return false;
	} else {
		text = conf_text(l, node, "servers");
		if (text == NULL ||
			!conf_parse_endpoint(l, node, text, true, &s->ip, &s->https_port))
			return false;
	}
	if (s->name == NULL)
		s->name = conf_strndup(l->arena, text, strlen(text));
	return conf_usable_host(l, at, text, &s->ip);
}

static void check_reachable(struct conf_load *l, const yaml_node_t *at, const struct lg_ip *ip)
{
	const struct conf_port *in = &l->conf->internal;
	char text[LG_IP_STRLEN];
	bool family = false, routed = conf_on_link(in, ip);

	lg_ip_str(ip, text);
	if (l->addresses_bad[0] || l->addresses_bad[1])
		return;
	if (conf_own_address(in, ip) || conf_own_address(&l->conf->external, ip)) {
		conf_error(l, at, "server '%s' is the gateway's own address", text);
		return;
	}
	for (unsigned i = 0; i < in->n_addresses; i++)
		family |= lg_ip_is_v4(&in->addresses[i].ip) == lg_ip_is_v4(ip);
	if (!family) {
		conf_error(l, at, "server '%s': ports.internal has no %s address to reach it from",
			text, lg_ip_is_v4(ip) ? "IPv4" : "IPv6");
		return;
	}
	for (unsigned i = 0; i < in->n_routes; i++)
		routed |= lg_ip_in_prefix(ip, &in->routes[i].to, in->routes[i].prefix_len);
	if (!routed)
		conf_error(l, at,
			"server '%s' cannot be reached: it is in no network of the internal port "
			"and no "
			"route leads to it; add one under ports.internal.routes",
			text);
}

/* s: the newest, behind the n_servers that were checked; key: of its name, or NULL. */
static void check_server_doubles(struct conf_load *l, const struct conf_pool *p,
	const struct conf_server *s, const yaml_node_t *node, const yaml_node_t *key)
{
	for (unsigned i = 0; i < p->n_servers; i++) {
		const struct conf_server *o = &p->servers[i];
		if (lg_ip_eq(&o->ip, &s->ip) && o->https_port == s->https_port)
			conf_error(l, node, "server '%s' is there twice in this pool", s->name);
		else if (key != NULL && strcmp(o->name, s->name) == 0)
			conf_error(l, key, "server name '%s' is there twice in this pool", s->name);
	}
}

static void add_server(struct conf_load *l, const yaml_node_t *node, const yaml_node_t *key,
	const struct raw_pool *r, struct conf_pool *p)
{
	struct conf_server *s = &p->servers[p->n_servers];
	const char *name = key != NULL ? conf_key_text(l, key) : NULL;
	if (key != NULL && (name == NULL || !conf_check_name(l, key, name)))
		return;
	s->name = name != NULL ? conf_strndup(l->arena, name, strlen(name)) : NULL;
	if (!read_server(l, node, r, s)) {
		memset(s, 0, sizeof(*s));
		return;
	}
	check_reachable(l, node, &s->ip);
	check_server_doubles(l, p, s, node, key);
	p->n_servers++;
}

static void read_servers(struct conf_load *l, const struct raw_pool *r, struct conf_pool *p)
{
	const yaml_node_t *node = r->servers;
	if (node == NULL)
		return;
	bool map = node->type == YAML_MAPPING_NODE;
	if (!map && node->type != YAML_SEQUENCE_NODE) {
		conf_error(l, node,
			"'servers' must be a list of addresses or a map of names to addresses");
		return;
	}
	size_t n = map ? (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start)
		       : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n < 1 || n > 64) {
		conf_error(l, node, "'servers' must have 1 to 64 entries, not %zu", n);
		return;
	}
	p->servers = conf_alloc(l->arena, n * sizeof(p->servers[0]));
	for (size_t i = 0; i < n; i++) {
		if (!map) {
			add_server(l, conf_node(l, node->data.sequence.items.start[i]), NULL, r, p);
			continue;
		}
		const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
		add_server(l, conf_node(l, pair->value), conf_node(l, pair->key), r, p);
	}
}

/* ---- TLS towards the pool ----------------------------------------------------------------------
 */

static void build_tls(struct conf_load *l, const struct raw_pool *r, struct conf_pool *p)
{
	const struct raw_pool_tls *t = &r->tls;
	const yaml_node_t *at = t->head.at != NULL ? t->head.at : r->head.at;

	p->https_tls = !t->head.off;
	if (t->head.off) {
		conf_warn(l, at,
			"pool '%s': 'tls: off' sends what clients sent over TLS in the clear to "
			"the "
			"servers; Lync doesn't support that (LY-101): for labs only",
			p->name);
		return;
	}
	p->verify = t->verify;
	p->versions = t->versions;
	p->ca_file = t->ca;
	p->verify_name = t->verify_name;
	if (!t->verify)
		conf_warn(l, conf_at(&t->head, CS_POOL_TLS, "verify"),
			"'verify: false': the certificates of pool '%s' are NOT CHECKED; anyone on "
			"the internal "
			"network can pose as its servers and read passwords",
			p->name);
	else if (t->ca == NULL && !(t->head.at != NULL && conf_given(&t->head, CS_POOL_TLS, "ca")))
		conf_error(l, at,
			"pool '%s' needs 'tls: { ca: FILE }', the root certificate of the CA that "
			"issued "
			"its servers' certificates (LY-221)",
			p->name);
	else if (t->ca != NULL && l->check_files)
		conf_check_ca(l, conf_at(&t->head, CS_POOL_TLS, "ca"), t->ca);
	conf_check_versions(l, &t->head, CS_POOL_TLS, &t->versions);
}

void conf_build_pools(struct conf_load *l)
{
	struct conf *c = l->conf;
	const struct raw_pool *r = l->top.pools.v;
	c->n_pools = l->top.pools.n;
	c->pools = conf_alloc(l->arena, c->n_pools * sizeof(c->pools[0]));
	for (unsigned i = 0; i < c->n_pools; i++) {
		struct conf_pool *p = &c->pools[i];
		p->name = r[i].head.name;
		p->https_port = r[i].https_port;
		p->http_port = r[i].http_port;
		p->response_header_timeout = r[i].response_header_timeout;
		p->tcp = conf_read_tcp(&r[i].tcp);
		read_servers(l, &r[i], p);
		build_tls(l, &r[i], p);
	}
}

/* LY-222: the pool's external web FQDN is the first exact host of the first route to it. */
static const char *first_host(const struct conf *c, unsigned pool)
{
	for (unsigned i = 0; i < c->n_hosts; i++)
		if (!c->hosts[i].wildcard && c->routes[c->hosts[i].route].pool == pool)
			return c->hosts[i].name;
	return NULL;
}

static void set_sni(
	struct conf_load *l, const struct raw_pool_tls *t, struct conf_pool *p, const char *name)
{
	struct lg_ip ip;
	bool is_ip = name != NULL && lg_ip_parse(name, &ip) == 0;

	if (t->sni == NULL) {
		p->sni = is_ip ? NULL : name;
		return;
	}
	if (conf_is_plain(t->sni, "false") || conf_is_plain(t->sni, "off"))
		return;
	if (conf_is_plain(t->sni, "true")) {
		p->sni = name;
	} else {
		const char *s = conf_text(l, t->sni, "sni");
		if (s == NULL)
			return;
		p->sni = conf_host_name(l, t->sni, s);
		is_ip = lg_ip_parse(s, &ip) == 0;
	}
	if (is_ip)
		conf_error(l, t->sni, "sni: an address is no server name; write a name, or false");
}

static void check_verify_name(
	struct conf_load *l, const struct raw_pool_tls *t, struct conf_pool *p)
{
	struct lg_ip ip;
	if (t->verify_name != NULL && lg_ip_parse(t->verify_name, &ip) != 0)
		p->verify_name = conf_host_name(
			l, conf_at(&t->head, CS_POOL_TLS, "verify_name"), t->verify_name);
}

void conf_finish_pools(struct conf_load *l)
{
	const struct raw_pool *r = l->top.pools.v;
	for (unsigned i = 0; i < l->conf->n_pools; i++) {
		struct conf_pool *p = &l->conf->pools[i];
		const struct raw_pool_tls *t = &r[i].tls;
		if (!p->https_tls)
			continue;
		check_verify_name(l, t, p);
		if (t->verify_name == NULL)
			p->verify_name = first_host(l->conf, i);
		if (p->verify && p->verify_name == NULL && t->verify_name == NULL &&
			(r[i].used || l->errors.n == 0))
			conf_error(l, t->head.at != NULL ? t->head.at : r[i].head.at,
				"pool '%s' needs 'verify_name': no route gives it a host without "
				"wildcard to check "
				"the certificates against (LY-222)",
				p->name);
		set_sni(l, t, p, p->verify_name);
	}
}
