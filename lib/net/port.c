/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: the only place that configures ethdev. Runs at start and end, never on the packet path. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "net/net_if.h"
#include "net/port_check.h"

#define LINK_POLL_MS 20
#define RETA_MAX     LG_ARRAY_SIZE(((struct net_port *)0)->reta)

/* What net_port_open() works on: the question, the answer and the sentence. */
struct opening {
	const struct net_port_params *p;
	struct net_port *port;
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN]; /* device without its arguments */
	char *err;
	size_t errlen;
};

static int fail(const struct opening *o, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct opening *o, int rc, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(o->err, o->errlen, "%s port: device %s ", o->p->name, o->name);
	if (n > 0 && (size_t)n < o->errlen) {
		va_start(ap, fmt);
		vsnprintf(o->err + n, o->errlen - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return rc;
}

static int probe(struct opening *o)
{
	uint16_t *id = &o->port->port_id;
	if (rte_eth_dev_get_port_by_name(o->name, id) == 0)
		return 0;
	int rc = rte_dev_probe(o->p->device);
	if (rc < 0 && rc != -EEXIST)
		return fail(o, rc,
			"could not be probed: %s: DPDK's own lines above say more; check the "
			"device "
			"string, the driver's plug-in and the rights of this process",
			rte_strerror(-rc));
	if (rte_eth_dev_get_port_by_name(o->name, id) != 0)
		return fail(o, -ENODEV,
			"was probed but gives no port: no driver took it: check that the driver's "
			"plug-in is installed (librte-net-...) and EAL isn't started with "
			"--no-pci");
	return 0;
}

static uint32_t pool_frame_room(const struct net_port_params *p)
{
	uint32_t room = UINT32_MAX;
	for (unsigned i = 0; i < p->n_queues; i++) {
		uint32_t r = rte_pktmbuf_data_room_size(p->pools[i]) - RTE_PKTMBUF_HEADROOM;
		room = LG_MIN(room, r);
	}
	return room;
}

static bool fits_one_mbuf(const struct net_port_params *p)
{
	uint32_t frame = p->mtu + NET_ETH_LEN + NET_VLAN_LEN;
	return frame <= pool_frame_room(p);
}

static int check_limits(struct opening *o)
{
	const struct net_port_params *p = o->p;
	const struct rte_eth_dev_info *info = &o->info;
	if (info->max_tx_queues < p->n_queues) {
		const char *hint = strcmp(info->driver_name, "net_af_packet") == 0
					   ? ": append qpairs=N to the device"
					   : "";
		return fail(o, -EINVAL,
			"has %u TX queues, but each of the %u workers needs its own%s, or "
			"configure "
			"fewer workers",
			info->max_tx_queues, p->n_queues, hint);
	}
	if (p->mtu > info->max_mtu || p->mtu < info->min_mtu)
		return fail(o, -EINVAL, "does not accept mtu %u: it takes %u to %u", p->mtu,
			info->min_mtu, info->max_mtu);
	if (!fits_one_mbuf(p) && (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) == 0)
		return fail(o, -EINVAL,
			"can't scatter a frame over mbufs, and mtu %u does not fit one mbuf of %u "
			"bytes: lower the mtu",
			p->mtu, pool_frame_room(p));
	return 0;
}

static void choose_offloads(const struct opening *o, struct rte_eth_conf *conf)
{
	struct net_port *port = o->port;
	uint64_t rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	uint64_t tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
		      RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rx &= o->info.rx_offload_capa;
	tx &= o->info.tx_offload_capa;
	/*
	 * net_tap sums a packet's segments one by one without regard to where they begin: after a
	 * segment of odd length its TCP checksum is wrong (seen with 22.11). We can do better.
	 */
	if (strcmp(o->info.driver_name, "net_tap") == 0)
		tx &= ~(uint64_t)RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	if (!fits_one_mbuf(o->p))
		rx |= RTE_ETH_RX_OFFLOAD_SCATTER;
	conf->rxmode.offloads = rx;
	conf->txmode.offloads = tx;
	port->rx_checksum = rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	port->tx_ip_checksum = tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	port->tx_l4_checksum = tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	port->tx_multi_seg = tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
}

/* A random key, so that nobody outside can aim connections at one worker. */
static void choose_rss(const struct opening *o, struct rte_eth_conf *conf, uint8_t key[64])
{
	uint64_t hf = (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP) & o->info.flow_type_rss_offloads;
	if (o->port->n_rxq < 2 || hf == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = hf;
	if (o->info.hash_key_size == 0 || o->info.hash_key_size > 64)
		return;
	for (unsigned i = 0; i < 64; i += sizeof(struct lg_siphash_key)) {
		struct lg_siphash_key k;
		lg_siphash_key_random(&k);
		memcpy(key + i, &k, sizeof(k));
	}
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = o->info.hash_key_size;
}

static int configure(struct opening *o)
{
	struct rte_eth_conf conf = {0};
	struct net_port *port = o->port;
	uint8_t key[64];
	port->n_rxq = LG_MIN(o->p->n_queues, o->info.max_rx_queues);
	port->n_txq = o->p->n_queues;
	conf.rxmode.mtu = o->p->mtu;
	choose_offloads(o, &conf);
	choose_rss(o, &conf, key);
	int rc = rte_eth_dev_configure(port->port_id, port->n_rxq, port->n_txq, &conf);
	if (rc != 0)
		return fail(o, rc,
			"does not accept %u RX queues, %u TX queues and mtu %u: %s: DPDK's own "
			"lines "
			"above say more",
			port->n_rxq, port->n_txq, o->p->mtu, rte_strerror(-rc));
	rc = rte_eth_dev_set_mtu(port->port_id, o->p->mtu);
	if (rc != 0 && rc != -ENOTSUP)
		return fail(o, rc, "does not accept mtu %u: %s: configure a smaller one", o->p->mtu,
			rte_strerror(-rc));
	return 0;
}

static int setup_queues(struct opening *o)
{
	uint16_t id = o->port->port_id, rxd = o->p->rx_desc, txd = o->p->tx_desc;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rxd, &txd);
	for (uint16_t q = 0; rc == 0 && q < o->port->n_rxq; q++)
		rc = rte_eth_rx_queue_setup(
			id, q, rxd, (unsigned)o->port->socket_id, NULL, o->p->pools[q]);
	for (uint16_t q = 0; rc == 0 && q < o->port->n_txq; q++)
		rc = rte_eth_tx_queue_setup(id, q, txd, (unsigned)o->port->socket_id, NULL);
	if (rc != 0)
		return fail(o, rc,
			"refuses its queues (%u RX and %u TX descriptors): %s: try fewer "
			"descriptors, "
			"and check that hugepage memory is left",
			rxd, txd, rte_strerror(-rc));
	return 0;
}

/* Steering predicts with what the NIC really has; without it packets are handed over (key_len 0).
 */
static void read_back_rss(struct opening *o)
{
	struct net_port *port = o->port;
	struct rte_eth_rss_reta_entry64 reta[RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_rss_conf rss = {
		.rss_key = port->rss_key, .rss_key_len = o->info.hash_key_size};
	uint16_t size = o->info.reta_size;
	if (port->n_rxq < 2 || size == 0 || size > RETA_MAX || rss.rss_key_len == 0 ||
		rss.rss_key_len > sizeof(port->rss_key))
		return;
	memset(reta, 0, sizeof(reta));
	for (unsigned i = 0; i < LG_ARRAY_SIZE(reta); i++)
		reta[i].mask = UINT64_MAX;
	if (rte_eth_dev_rss_hash_conf_get(port->port_id, &rss) != 0 || rss.rss_hf == 0 ||
		rte_eth_dev_rss_reta_query(port->port_id, reta, size) != 0)
		return;
	for (unsigned i = 0; i < size; i++)
		port->reta[i] = reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	port->reta_size = size;
	port->rss_key_len = o->info.hash_key_size;
}

static int start(struct opening *o)
{
	struct net_port *port = o->port;
	int rc = rte_eth_dev_start(port->port_id);
	if (rc != 0)
		return fail(o, rc, "does not start: %s: DPDK's own lines above say more",
			rte_strerror(-rc));
	/* Virtual ports may know neither; then they give us all there is, and net_input() sorts. */
	rte_eth_promiscuous_disable(port->port_id);
	rte_eth_allmulticast_enable(port->port_id);
	rc = rte_eth_macaddr_get(port->port_id, &port->mac);
	if (rc != 0) {
		rte_eth_dev_stop(port->port_id);
		return fail(o, rc, "does not tell its MAC address: %s", rte_strerror(-rc));
	}
	read_back_rss(o);
	return 0;
}

static int bring_up(struct opening *o)
{
	struct net_port *port = o->port;
	int rc = rte_eth_dev_info_get(port->port_id, &o->info);
	if (rc != 0)
		return fail(o, rc, "does not describe itself: %s", rte_strerror(-rc));
	snprintf(port->driver, sizeof(port->driver), "%s", o->info.driver_name);
	port->socket_id = rte_eth_dev_socket_id(port->port_id);
	rc = check_limits(o);
	if (rc == 0)
		rc = configure(o);
	if (rc == 0)
		rc = setup_queues(o);
	return rc == 0 ? start(o) : rc;
}

/* Gives a stopped port back. */
static void release(uint16_t port_id)
{
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	bool known = rte_eth_dev_info_get(port_id, &info) == 0 &&
		     rte_eth_dev_get_name_by_port(port_id, name) == 0;
	rte_eth_dev_close(port_id);
	/* A virtual device goes with its port, so that it can be opened again. */
	if (known && !net_port_is_pci(name))
		rte_dev_remove(info.device);
}

int net_port_open(const struct net_port_params *p, struct net_port *port, char *err, size_t errlen)
{
	struct opening o = {.p = p, .port = port, .err = err, .errlen = errlen};
	char why[256];
	memset(port, 0, sizeof(*port));
	snprintf(o.name, sizeof(o.name), "%.*s", (int)strcspn(p->device, ","), p->device);
	int rc = net_port_check_device(p->device, p->mtu, "/sys", why, sizeof(why));
	if (rc != 0)
		return fail(&o, rc, "%s", why);
	rc = probe(&o);
	if (rc != 0)
		return rc;
	rc = bring_up(&o);
	if (rc != 0)
		release(port->port_id);
	return rc;
}

bool net_port_wait_link(const struct net_port *port, unsigned ms)
{
	struct rte_eth_link link;
	for (unsigned waited = 0;; waited += LINK_POLL_MS) {
		if (rte_eth_link_get_nowait(port->port_id, &link) == 0 && link.link_status)
			return true;
		if (waited >= ms)
			return false;
		usleep(LINK_POLL_MS * 1000);
	}
}

void net_port_close(struct net_port *port)
{
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	bool known = rte_eth_dev_info_get(port->port_id, &info) == 0 &&
		     rte_eth_dev_get_name_by_port(port->port_id, name) == 0;
	rte_eth_dev_stop(port->port_id);
	rte_eth_dev_close(port->port_id);
	/* A virtual device goes with its port, so that it can be opened again. */
	if (known && !net_port_is_pci(name))
		rte_dev_remove(info.device);
}

uint16_t net_port_tx(void *ctx, struct rte_mbuf **frames, uint16_t n)
{
	const struct net_port_txq *q = ctx;
	/* Stops at a frame that the driver can't offload; net_flush() drops it and what follows. */
	n = rte_eth_tx_prepare(q->port_id, q->queue_id, frames, n);
	return rte_eth_tx_burst(q->port_id, q->queue_id, frames, n);
}
