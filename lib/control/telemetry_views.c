/* SPDX-License-Identifier: BSD-3-Clause */
/* The telemetry commands about ports and about what the configuration names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "control/telemetry.h"

/* ---- ports ------------------------------------------------------------------------------------
 */

static const char *const side_names[NET_SIDES] = {
	[NET_EXTERNAL] = "external",
	[NET_INTERNAL] = "internal",
};

static const uint64_t *get_external(const struct ctl_worker_view *w)
{
	return w->net[NET_EXTERNAL];
}

static const uint64_t *get_internal(const struct ctl_worker_view *w)
{
	return w->net[NET_INTERNAL];
}

static tel_array *const net_of[NET_SIDES] = {
	[NET_EXTERNAL] = get_external,
	[NET_INTERNAL] = get_internal,
};

static void nic_counters(const struct net_port *port, struct rte_tel_data *d)
{
	struct rte_eth_stats st;
	struct rte_eth_link link;
	if (rte_eth_link_get_nowait(port->port_id, &link) == 0) {
		tel_text(d, "link", link.link_status == RTE_ETH_LINK_UP ? "up" : "down");
		tel_uint(d, "link_mbps",
			link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed);
	}
	if (rte_eth_stats_get(port->port_id, &st) != 0)
		return;
	tel_uint(d, "nic_rx_packets", st.ipackets);
	tel_uint(d, "nic_rx_bytes", st.ibytes);
	tel_uint(d, "nic_tx_packets", st.opackets);
	tel_uint(d, "nic_tx_bytes", st.obytes);
	tel_uint(d, "nic_missed", st.imissed);
	tel_uint(d, "nic_rx_errors", st.ierrors);
	tel_uint(d, "nic_tx_errors", st.oerrors);
	tel_uint(d, "nic_rx_nombuf", st.rx_nombuf);
}

static const char *port_name(
	const struct ctl_view *v, unsigned index, const void *ctx, char *scratch)
{
	(void)v;
	(void)ctx;
	(void)scratch;
	return side_names[index];
}

static void fill_port(
	const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d)
{
	(void)ctx;
	const struct net_port *port = v->port[index];
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	tel_text(d, "mac", mac);
	tel_text(d, "driver", port->driver);
	tel_uint(d, "port_id", port->port_id);
	tel_uint(d, "rx_queues", port->n_rxq);
	tel_uint(d, "tx_queues", port->n_txq);
	nic_counters(port, d);
	for (unsigned c = 0; c < NET_CTR_MAX; c++)
		tel_uint(d, net_counter_name((enum net_counter)c), tel_sum(v, net_of[index], c));
}

int tel_ports(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	const struct tel_items items = {.n = NET_SIDES, .name = port_name, .fill = fill_port};
	return tel_items(v, &items, arg, d);
}

/* ---- drops ------------------------------------------------------------------------------------
 */

static void drop(struct rte_tel_data *d, const char *name, uint64_t n)
{
	if (n > 0 && strncmp(name, "drop-", 5) == 0)
		tel_uint(d, name + 5, n);
}

static const uint64_t *get_tcp(const struct ctl_worker_view *w)
{
	return w->tcp;
}

static const uint64_t *get_stats(const struct ctl_worker_view *w)
{
	return w->stats->c;
}

static void side_drops(const struct ctl_view *v, unsigned side, struct rte_tel_data *d)
{
	struct rte_eth_stats st;
	for (unsigned c = 0; c < NET_CTR_MAX; c++)
		drop(d, net_counter_name((enum net_counter)c), tel_sum(v, net_of[side], c));
	if (rte_eth_stats_get(v->port[side]->port_id, &st) != 0)
		return;
	drop(d, "drop-nic-missed", st.imissed);
	drop(d, "drop-nic-rx-errors", st.ierrors);
	drop(d, "drop-nic-tx-errors", st.oerrors);
	drop(d, "drop-nic-rx-nombuf", st.rx_nombuf);
}

int tel_drops(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned side = 0; side < NET_SIDES; side++) {
		struct rte_tel_data *inner = tel_dict();
		if (inner == NULL)
			return -ENOMEM;
		side_drops(v, side, inner);
		tel_attach(d, side_names[side], inner);
	}
	struct rte_tel_data *tcp = tel_dict(), *worker = tel_dict();
	if (tcp == NULL || worker == NULL) {
		rte_tel_data_free(tcp);
		rte_tel_data_free(worker);
		return -ENOMEM;
	}
	for (unsigned c = 0; c < TCP_CTR_MAX; c++)
		drop(tcp, tcp_counter_name((enum tcp_counter)c), tel_sum(v, get_tcp, c));
	for (unsigned c = 0; c < CTL_WCTR_MAX; c++)
		drop(worker, ctl_worker_counter_name((enum ctl_worker_counter)c),
			tel_sum(v, get_stats, c));
	tel_attach(d, "tcp", tcp);
	tel_attach(d, "worker", worker);
	return 0;
}

/* ---- listeners, pools, servers ----------------------------------------------------------------
 */

static const char *listener_name(
	const struct ctl_view *v, unsigned index, const void *ctx, char *scratch)
{
	(void)ctx;
	(void)scratch;
	return v->conf->listeners[index].name;
}

static void fill_listener(
	const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d)
{
	(void)ctx;
	struct proxy_listener_stats t = {0};
	for (unsigned i = 0; i < v->n_workers; i++) {
		const struct proxy_listener_stats *s = proxy_listener_stats(
			v->workers[i].proxy, index);
		t.accepted += ctl_load(&s->accepted);
		t.active += ctl_load(&s->active);
		t.requests += ctl_load(&s->requests);
		t.rx_bytes += ctl_load(&s->rx_bytes);
		t.tx_bytes += ctl_load(&s->tx_bytes);
	}
	tel_uint(d, "port", v->conf->listeners[index].port);
	tel_uint(d, "tls", v->conf->listeners[index].tls);
	tel_uint(d, "accepted", t.accepted);
	tel_uint(d, "active", t.active);
	tel_uint(d, "requests", t.requests);
	tel_uint(d, "rx_bytes", t.rx_bytes);
	tel_uint(d, "tx_bytes", t.tx_bytes);
}

int tel_listeners(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	const struct tel_items items = {
		.n = v->conf->n_listeners, .name = listener_name, .fill = fill_listener};
	return tel_items(v, &items, arg, d);
}

static const char *pool_name(
	const struct ctl_view *v, unsigned index, const void *ctx, char *scratch)
{
	(void)ctx;
	(void)scratch;
	return v->conf->pools[index].name;
}

/* Sums a worker's figures of a pool into t. */
static void add_pool(struct proxy_pool_stats *t, const struct proxy_pool_stats *s)
{
	t->connects += ctl_load(&s->connects);
	t->connect_fails += ctl_load(&s->connect_fails);
	t->tls_fails += ctl_load(&s->tls_fails);
	t->active += ctl_load(&s->active);
	t->requests += ctl_load(&s->requests);
	t->responses += ctl_load(&s->responses);
	t->local_503 += ctl_load(&s->local_503);
	t->local_504 += ctl_load(&s->local_504);
	t->rx_bytes += ctl_load(&s->rx_bytes);
	t->tx_bytes += ctl_load(&s->tx_bytes);
	for (unsigned k = 1; k < LG_ARRAY_SIZE(t->status_class); k++)
		t->status_class[k] += ctl_load(&s->status_class[k]);
}

static void fill_pool(
	const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d)
{
	(void)ctx;
	struct proxy_pool_stats t = {0};
	for (unsigned i = 0; i < v->n_workers; i++)
		add_pool(&t, proxy_pool_stats(v->workers[i].proxy, index));
	tel_uint(d, "servers", v->conf->pools[index].n_servers);
	tel_uint(d, "active", t.active);
	tel_uint(d, "connects", t.connects);
	tel_uint(d, "connect_fails", t.connect_fails);
	tel_uint(d, "tls_fails", t.tls_fails);
	tel_uint(d, "requests", t.requests);
	tel_uint(d, "responses", t.responses);
	tel_uint(d, "local_503", t.local_503);
	tel_uint(d, "local_504", t.local_504);
	tel_uint(d, "rx_bytes", t.rx_bytes);
	tel_uint(d, "tx_bytes", t.tx_bytes);
	for (unsigned k = 1; k < LG_ARRAY_SIZE(t.status_class); k++) {
		char key[8];
		snprintf(key, sizeof(key), "%uxx", k);
		tel_uint(d, key, t.status_class[k]);
	}
}

int tel_pools(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	const struct tel_items items = {
		.n = v->conf->n_pools, .name = pool_name, .fill = fill_pool};
	return tel_items(v, &items, arg, d);
}

static const char *server_name(
	const struct ctl_view *v, unsigned index, const void *ctx, char *scratch)
{
	(void)scratch;
	return v->conf->pools[*(const unsigned *)ctx].servers[index].name;
}

static void fill_server(
	const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d)
{
	unsigned pool = *(const unsigned *)ctx, avoiding = 0;
	struct proxy_server_stats t = {0};
	lg_us now = v->now();
	for (unsigned i = 0; i < v->n_workers; i++) {
		const struct proxy_server_stats *s = proxy_server_stats(
			v->workers[i].proxy, pool, index);
		t.connects += ctl_load(&s->connects);
		t.connect_fails += ctl_load(&s->connect_fails);
		t.active += ctl_load(&s->active);
		t.requests += ctl_load(&s->requests);
		avoiding += ctl_load(&s->down_until) > now;
	}
	char ip[LG_IP_STRLEN];
	tel_text(d, "address", lg_ip_str(&v->conf->pools[pool].servers[index].ip, ip));
	tel_uint(d, "connects", t.connects);
	tel_uint(d, "connect_fails", t.connect_fails);
	tel_uint(d, "active", t.active);
	tel_uint(d, "requests", t.requests);
	tel_uint(d, "workers_avoiding_it", avoiding);
}

/* arg: "POOL" for all members of a pool, "POOL/SERVER" for one. */
static bool names_pool(const char *arg, const char *pool)
{
	size_t n = strlen(pool);
	return strncmp(arg, pool, n) == 0 && (arg[n] == '\0' || arg[n] == '/');
}

/* Without an argument: the members of the only pool, or the names of the pools to ask for. */
int tel_servers(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	for (unsigned i = 0; i < v->conf->n_pools; i++) {
		const struct conf_pool *pool = &v->conf->pools[i];
		if (arg != NULL ? !names_pool(arg, pool->name) : v->conf->n_pools != 1)
			continue;
		const struct tel_items items = {
			.n = pool->n_servers, .name = server_name, .fill = fill_server, .ctx = &i};
		const char *server = arg != NULL ? strchr(arg + strlen(pool->name), '/') : NULL;
		return tel_items(v, &items, server != NULL ? server + 1 : NULL, d);
	}
	if (arg != NULL)
		return -ENOENT;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < v->conf->n_pools; i++)
		rte_tel_data_add_array_string(d, v->conf->pools[i].name);
	return 0;
}
