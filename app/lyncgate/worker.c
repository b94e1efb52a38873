/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "clock.h"
#include "eal_args.h"
#include "exits.h"

static struct rte_mempool *create_pool(const struct worker *w, const char *what, uint32_t n,
	uint16_t room, char *err, size_t errlen)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	snprintf(name, sizeof(name), "lg_%s_%u", what, w->index);
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		name, n, SIZING_CACHE, 0, room, (int)rte_lcore_to_socket_id(w->lcore));
	if (pool == NULL)
		snprintf(err, errlen,
			"no memory for the packet buffers of worker %u (%u of %u bytes): %s: the "
			"gateway "
			"needs about %llu MiB: raise eal.m or the hugepages, or lower "
			"ports.*.mbufs, the "
			"descriptors or limits.connections",
			w->index, n, room, rte_strerror(rte_errno),
			(unsigned long long)SIZING_MIB(
				w->gateway->sizing.bytes * w->gateway->n_workers));
	return pool;
}

int worker_create_pools(
	struct worker *w, struct gateway *g, unsigned index, char *err, size_t errlen)
{
	w->gateway = g;
	w->index = index;
	w->lcore = eal_worker_lcore(index);
	w->pool = create_pool(w, "mbufs", g->sizing.mbufs, g->sizing.data_room, err, errlen);
	if (w->pool == NULL)
		return APP_ENVIRONMENT;
	w->indirect = create_pool(w, "indirect", g->sizing.indirect, 0, err, errlen);
	return w->indirect == NULL ? APP_ENVIRONMENT : APP_OK;
}

/* ---- interfaces -------------------------------------------------------------------------------
 */

static void add_route(struct net_if_params *p, const struct lg_ip *dst, uint8_t prefix_len,
	const struct lg_ip *via)
{
	LG_ASSERT(p->n_routes < NET_MAX_ROUTES);
	p->routes[p->n_routes++] = (struct net_route){
		.dst = *dst, .prefix_len = prefix_len, .via = *via};
}

/* Addresses and routes; a default route only outside (LY-601: the inside has none). */
static void if_addresses(struct net_if_params *p, const struct conf_port *port)
{
	static const struct lg_ip any6;
	struct lg_ip any4 = lg_ip_from_v4(0);
	for (unsigned i = 0; i < port->n_addresses && i < NET_MAX_ADDRS; i++)
		p->addrs[p->n_addrs++] = (struct net_addr){
			.ip = port->addresses[i].ip, .prefix_len = port->addresses[i].prefix_len};
	for (unsigned i = 0; i < port->n_routes && i < NET_MAX_ROUTES - 2; i++)
		add_route(p, &port->routes[i].to, port->routes[i].prefix_len, &port->routes[i].via);
	if (!lg_ip_is_zero(&port->gateway4))
		add_route(p, &any4, 96, &port->gateway4);
	if (!lg_ip_is_zero(&port->gateway6))
		add_route(p, &any6, 0, &port->gateway6);
}

static struct net_if *create_if(struct worker *w, enum net_side side)
{
	const struct gateway *g = w->gateway;
	const struct conf_port *conf = gateway_conf_port(g, side);
	const struct net_port *port = &g->port[side];
	const struct conf_limits *limits = &g->conf->limits;
	struct net_if_params p = {
		.side = side,
		.name = gateway_side_name(side),
		.mac = port->mac,
		.mtu = conf->mtu,
		.vlan = conf->vlan,
		.ttl = conf->ttl,
		.rx_checksum = port->rx_checksum,
		.tx_ip_checksum = port->tx_ip_checksum,
		.tx_l4_checksum = port->tx_l4_checksum,
		.tx_multi_seg = port->tx_multi_seg,
		.pool = w->pool,
		.socket_id = (int)rte_lcore_to_socket_id(w->lcore),
		.max_neighbours = limits->neighbours,
		.max_fragments = limits->fragments,
		.echo_per_second = limits->icmp_echo,
		.tx = net_port_tx,
		.tx_ctx = &w->txq[side],
	};
	w->txq[side] = (struct net_port_txq){
		.port_id = port->port_id, .queue_id = (uint16_t)w->index};
	w->polls[side] = w->index < port->n_rxq;
	if_addresses(&p, conf);
	return net_if_create(&p);
}

/* ---- source ports -----------------------------------------------------------------------------
 */

/* True when the NIC would put the pool's answer on our own queue: then nothing is handed over. */
static bool answer_lands_here(void *ctx, const struct lg_ip *local, uint16_t lport,
	const struct lg_ip *remote, uint16_t rport)
{
	const struct worker *w = ctx;
	return flow_back_queue(&w->gateway->steer, remote, rport, local, lport) == (int)w->index;
}

static unsigned count_destinations(const struct conf *conf)
{
	unsigned n = 0;
	for (unsigned i = 0; i < conf->n_pools; i++)
		n += 2 * conf->pools[i].n_servers; /* the https and the http port */
	return LG_MAX(n, 1u);
}

static struct flow_ports *create_ports(struct worker *w)
{
	const struct gateway *g = w->gateway;
	const struct conf_port *in = &g->conf->internal;
	struct lg_siphash_key key;
	struct lg_ip locals[NET_MAX_ADDRS];
	unsigned n = LG_MIN(in->n_addresses, (unsigned)NET_MAX_ADDRS);
	for (unsigned i = 0; i < n; i++)
		locals[i] = in->addresses[i].ip;
	lg_siphash_key_random(&key);
	/* With fewer queues than workers no port of the last workers would ever fit. */
	bool predictable = g->steer.back_key_len != 0 &&
			   g->port[NET_INTERNAL].n_rxq >= g->n_workers;
	const struct flow_ports_params p = {
		.locals = locals,
		.n_locals = n,
		.lo = g->conf->limits.source_port_low,
		.hi = g->conf->limits.source_port_high,
		.worker = w->index,
		.n_workers = g->n_workers,
		.max_destinations = count_destinations(g->conf),
		.key = &key,
		.fits = predictable ? answer_lands_here : NULL,
		.fits_ctx = w,
		.socket_id = (int)rte_lcore_to_socket_id(w->lcore),
	};
	return flow_ports_create(&p);
}

/* ---- TCP, TLS, proxy --------------------------------------------------------------------------
 */

static void tcp_to_net(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct worker *w = ctx;
	net_output(w->nif[side], m, tx, now);
}

static struct tcp_stack *create_tcp(struct worker *w)
{
	const struct conf *conf = w->gateway->conf;
	const struct conf_limits *limits = &conf->limits;
	char name[16];
	snprintf(name, sizeof(name), "worker%u", w->index);
	struct tcp_stack_params p = {
		.name = name,
		/* A client and its connection to a pool; what is being opened or waits out its end.
		 */
		.max_conns = 2 * limits->connections + limits->half_open + limits->time_wait,
		.max_half_open = limits->half_open,
		.syn_cookies_above = limits->syn_cookies_above,
		.syn_cookies_always = limits->syn_cookies_above == 0,
		.max_time_wait = limits->time_wait,
		.time_wait = conf->timeouts.time_wait,
		.half_open_timeout = conf->timeouts.half_open,
		.max_ooo_ranges = limits->out_of_order,
		.rst_rate = limits->resets,
		.challenge_rate = limits->challenge_acks,
		.mtu = {[NET_EXTERNAL] = conf->external.mtu, [NET_INTERNAL] = conf->internal.mtu},
		.pool = w->pool,
		.indirect = w->indirect,
		.ports = w->ports,
		.socket_id = (int)rte_lcore_to_socket_id(w->lcore),
		.output = tcp_to_net,
		.output_ctx = w,
	};
	lg_siphash_key_random(&p.secret);
	return tcp_stack_create(&p, app_now());
}

static int no_memory(const struct worker *w, const char *what, char *err, size_t errlen)
{
	snprintf(err, errlen,
		"no memory for the %s of worker %u: raise eal.m or the hugepages, or lower "
		"limits.connections (%u) or ports.*.mbufs (%u for each worker now)",
		what, w->index, w->gateway->conf->limits.connections, w->gateway->sizing.mbufs);
	return APP_ENVIRONMENT;
}

static int create_proxy(struct worker *w, char *err, size_t errlen)
{
	const struct gateway *g = w->gateway;
	struct proxy_params p = {
		.conf = g->conf,
		.worker = w->index,
		.tcp = w->tcp,
		.tls = w->tls,
		.pool = w->pool,
	};
	if (g->conf->log.access) {
		w->access = (struct ctl_access_port){.writer = g->writer, .worker = w->index};
		p.access = ctl_access_put;
		p.access_ctx = &w->access;
	}
	w->proxy = proxy_create(&p, err, errlen);
	return w->proxy == NULL ? APP_CONFIG : APP_OK;
}

int worker_create(struct worker *w, char *err, size_t errlen)
{
	const struct tls_worker_params tls = {.shared = w->gateway->tls_shared, .pool = w->pool};
	for (unsigned side = 0; side < NET_SIDES; side++) {
		w->nif[side] = create_if(w, (enum net_side)side);
		if (w->nif[side] == NULL)
			return no_memory(w, "neighbour and fragment tables", err, errlen);
	}
	w->ports = create_ports(w);
	if (w->ports == NULL)
		return no_memory(w, "source port tables", err, errlen);
	w->tcp = create_tcp(w);
	if (w->tcp == NULL)
		return no_memory(w, "connection table", err, errlen);
	w->tls = tls_worker_create(&tls, err, errlen);
	return w->tls == NULL ? APP_ENVIRONMENT : create_proxy(w, err, errlen);
}

void worker_destroy(struct worker *w)
{
	if (w->proxy != NULL)
		proxy_free(w->proxy);
	if (w->tls != NULL)
		tls_worker_free(w->tls);
	if (w->tcp != NULL)
		tcp_stack_free(w->tcp);
	if (w->ports != NULL)
		flow_ports_free(w->ports);
	for (unsigned side = 0; side < NET_SIDES; side++) {
		if (w->nif[side] != NULL)
			net_if_free(w->nif[side]);
		w->nif[side] = NULL;
	}
	w->proxy = NULL;
	w->tls = NULL;
	w->tcp = NULL;
	w->ports = NULL;
}

void worker_destroy_pools(struct worker *w)
{
	rte_mempool_free(w->indirect);
	rte_mempool_free(w->pool);
	w->indirect = w->pool = NULL;
}
