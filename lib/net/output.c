/* SPDX-License-Identifier: BSD-3-Clause */
/* The way down: L4 checksum, IP, Ethernet, TX queue. */
#include "net/net_if.h"

struct rte_mbuf *net_alloc(struct net_if *nif, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(nif->p.pool);
	if (m != NULL && rte_pktmbuf_headroom(m) >= NET_HEADROOM &&
		rte_pktmbuf_append(m, (uint16_t)len) != NULL)
		return m;
	rte_pktmbuf_free(m);
	nif->ctr[NET_CTR_DROP_TX_NOMBUF]++;
	return NULL;
}

static void push_ip4(struct rte_mbuf *m, const struct net_tx *tx, uint8_t ttl)
{
	uint32_t total = m->pkt_len + NET_IP4_LEN;
	struct net_ip4_hdr *ip = (struct net_ip4_hdr *)rte_pktmbuf_prepend(m, NET_IP4_LEN);
	LG_ASSERT(ip != NULL);
	/* With DF the identification means nothing and may stay zero (RFC 6864 section 4.1). */
	*ip = (struct net_ip4_hdr){
		.ver_ihl = 0x45,
		.tos = tx->tos,
		.total_len = net_be16((uint16_t)total),
		.frag = NET_BE16(NET_IP4_DF),
		.ttl = ttl,
		.proto = tx->proto,
		.src = lg_ip_v4(&tx->src),
		.dst = lg_ip_v4(&tx->dst),
	};
}

static void push_ip6(struct rte_mbuf *m, const struct net_tx *tx, uint8_t ttl)
{
	uint32_t payload = m->pkt_len;
	struct net_ip6_hdr *ip = (struct net_ip6_hdr *)rte_pktmbuf_prepend(m, NET_IP6_LEN);
	LG_ASSERT(ip != NULL);
	ip->vtc_flow = net_be32(6u << 28 | (uint32_t)tx->tos << 20);
	ip->payload_len = net_be16((uint16_t)payload);
	ip->proto = tx->proto;
	ip->hop_limit = ttl;
	memcpy(ip->src, tx->src.b, 16);
	memcpy(ip->dst, tx->dst.b, 16);
}

void net_ip_push(struct rte_mbuf *m, const struct net_tx *tx, uint8_t ttl)
{
	if (lg_ip_is_v4(&tx->src))
		push_ip4(m, tx, ttl);
	else
		push_ip6(m, tx, ttl);
}

/* Where the checksum lies in the L4 header; -1 for protocols we don't send. */
static int checksum_offset(uint8_t proto)
{
	switch (proto) {
	case NET_IPPROTO_TCP:
		return 16;
	case NET_IPPROTO_ICMP:
	case NET_IPPROTO_ICMPV6:
		return 2;
	default:
		return -1;
	}
}

/* Fills the L4 checksum, or the pseudo header's sum for the port to finish (TCP only). */
static void fill_l4_checksum(
	const struct net_if *nif, struct rte_mbuf *m, const struct net_tx *tx, int at)
{
	uint16_t *cksum = rte_pktmbuf_mtod_offset(m, uint16_t *, at);
	bool pseudo = tx->proto != NET_IPPROTO_ICMP;
	uint64_t sum = pseudo ? net_sum_pseudo(&tx->src, &tx->dst, tx->proto, m->pkt_len) : 0;
	uint16_t value;
	if (nif->p.tx_l4_checksum && tx->proto == NET_IPPROTO_TCP) {
		m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		value = net_sum_fold(sum);
	} else {
		value = 0;
		memcpy(cksum, &value, sizeof(value));
		value = (uint16_t)~net_sum_fold(net_sum_mbuf(sum, m, 0, m->pkt_len));
	}
	memcpy(cksum, &value, sizeof(value));
}

static void fill_ip_checksum(const struct net_if *nif, struct rte_mbuf *m)
{
	if (nif->p.tx_ip_checksum) {
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		return;
	}
	struct net_ip4_hdr *ip = rte_pktmbuf_mtod(m, struct net_ip4_hdr *);
	ip->cksum = (uint16_t)~net_sum_fold(net_sum(0, ip, NET_IP4_LEN, false));
}

static void add_headers(const struct net_if *nif, struct rte_mbuf *m, const struct net_tx *tx)
{
	bool v4 = lg_ip_is_v4(&tx->src);
	m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	m->tx_offload = 0;
	fill_l4_checksum(nif, m, tx, checksum_offset(tx->proto));
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM)
		m->l4_len = (*rte_pktmbuf_mtod_offset(m, const uint8_t *, 12) >> 4) * 4u;
	net_ip_push(m, tx, nif->p.ttl);
	if (v4)
		fill_ip_checksum(nif, m);
	if (m->ol_flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM)) {
		m->ol_flags |= v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
		m->l2_len = NET_ETH_LEN + (nif->p.vlan != 0 ? NET_VLAN_LEN : 0);
		m->l3_len = v4 ? NET_IP4_LEN : NET_IP6_LEN;
	}
}

static bool is_own_source(const struct net_if *nif, const struct lg_ip *src)
{
	return net_ipset_has(&nif->fib.local, src) ||
	       (nif->has_v6 && lg_ip_eq(src, &nif->linklocal));
}

void net_output(struct net_if *nif, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	bool v4 = lg_ip_is_v4(&tx->src);
	struct lg_ip hop;
	LG_ASSERT(checksum_offset(tx->proto) >= 0 && m->data_len >= NET_ICMP_LEN);
	if (v4 != lg_ip_is_v4(&tx->dst) || !is_own_source(nif, &tx->src) ||
		net_is_broadcast(nif, &tx->dst) || !net_fib_next_hop(&nif->fib, &tx->dst, &hop)) {
		nif->ctr[NET_CTR_DROP_TX_NO_ROUTE]++;
		rte_pktmbuf_free(m);
		return;
	}
	if (m->pkt_len + (v4 ? NET_IP4_LEN : NET_IP6_LEN) > nif->p.mtu) {
		nif->ctr[NET_CTR_DROP_TX_TOO_BIG]++;
		rte_pktmbuf_free(m);
		return;
	}
	add_headers(nif, m, tx);
	net_neigh_send(nif, m, &hop, now);
}

static void push_ethernet(const struct net_if *nif, struct rte_mbuf *m,
	const struct rte_ether_addr *dst, uint16_t ethertype)
{
	if (nif->p.vlan != 0) {
		uint16_t *tag = (uint16_t *)rte_pktmbuf_prepend(m, NET_VLAN_LEN);
		LG_ASSERT(tag != NULL);
		tag[0] = net_be16(nif->p.vlan);
		tag[1] = net_be16(ethertype);
		ethertype = RTE_ETHER_TYPE_VLAN;
	}
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(
		m, sizeof(struct rte_ether_hdr));
	LG_ASSERT(eth != NULL);
	eth->dst_addr = *dst;
	eth->src_addr = nif->p.mac;
	eth->ether_type = net_be16(ethertype);
}

void net_eth_output(struct net_if *nif, struct rte_mbuf *m, const struct rte_ether_addr *dst,
	uint16_t ethertype)
{
	push_ethernet(nif, m, dst, ethertype);
	if (!nif->p.tx_multi_seg && m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0) {
		nif->ctr[NET_CTR_DROP_TX_NOMBUF]++;
		rte_pktmbuf_free(m);
		return;
	}
	if (nif->n_tx == NET_TX_QUEUE)
		net_flush(nif);
	nif->tx[nif->n_tx++] = m;
}

void net_flush(struct net_if *nif)
{
	uint64_t bytes = 0;
	unsigned n = nif->n_tx;
	if (n == 0)
		return;
	/* Lengths are read before the port takes the frames: afterwards they may be gone. */
	for (unsigned i = 0; i < n; i++)
		bytes += nif->tx[i]->pkt_len;
	unsigned sent = nif->p.tx(nif->p.tx_ctx, nif->tx, (uint16_t)n);
	LG_ASSERT(sent <= n);
	for (unsigned i = sent; i < n; i++) {
		bytes -= nif->tx[i]->pkt_len;
		rte_pktmbuf_free(nif->tx[i]);
	}
	nif->n_tx = 0;
	nif->ctr[NET_CTR_TX_PACKETS] += sent;
	nif->ctr[NET_CTR_TX_BYTES] += bytes;
	nif->ctr[NET_CTR_DROP_TX_FULL] += n - sent;
}
