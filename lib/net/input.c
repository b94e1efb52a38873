/* SPDX-License-Identifier: BSD-3-Clause */
/* The way up: Ethernet, VLAN, and what all protocols share. */
#include "net/net_if.h"

enum net_verdict net_drop(struct net_rx *rx, enum net_counter why)
{
	rx->nif->ctr[why]++;
	rte_pktmbuf_free(rx->m);
	return NET_DONE;
}

const void *net_peek(const struct net_rx *rx, uint32_t at, uint32_t len, void *buf)
{
	/* Asked for nothing at the very end of a chain, rte_pktmbuf_read() runs off it. */
	return len == 0 ? buf : rte_pktmbuf_read(rx->m, rx->off + at, len, buf);
}

bool net_l4_checksum_ok(const struct net_rx *rx, bool pseudo, bool may_trust)
{
	const struct rte_mbuf *m = rx->m;
	if (may_trust && rx->nif->p.rx_checksum) {
		/* NONE: the sum isn't in the packet, but the data is good (virtio, same host). */
		switch (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
		case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
		case RTE_MBUF_F_RX_L4_CKSUM_NONE:
			return true;
		case RTE_MBUF_F_RX_L4_CKSUM_BAD:
			return false;
		}
	}
	uint32_t len = m->pkt_len - rx->off;
	uint64_t sum = pseudo ? net_sum_pseudo(&rx->src, &rx->dst, rx->proto, len) : 0;
	return net_sum_fold(net_sum_mbuf(sum, m, rx->off, m->pkt_len)) == 0xffff;
}

enum net_verdict net_tcp_input(struct net_rx *rx)
{
	struct net_tcp_hdr buf;
	const struct net_tcp_hdr *th = net_peek(rx, 0, sizeof(buf), &buf);
	uint32_t len = rx->m->pkt_len - rx->off;
	if (th == NULL)
		return net_drop(rx, NET_CTR_DROP_BAD_TCP_HEADER);
	uint32_t hlen = (uint32_t)(th->off >> 4) * 4;
	if (hlen < NET_TCP_LEN || hlen > len)
		return net_drop(rx, NET_CTR_DROP_BAD_TCP_HEADER);
	if (!net_l4_checksum_ok(rx, true, true))
		return net_drop(rx, NET_CTR_DROP_BAD_L4_CHECKSUM);
	rx->m = net_mbuf_trim_head(rx->m, rx->off);
	struct rte_mbuf *m = net_mbuf_pullup(rx->m, hlen, rx->nif->p.pool);
	if (m == NULL)
		return net_drop(rx, NET_CTR_DROP_RX_NOMBUF);
	*rx->pkt = (struct net_pkt){.m = m,
		.src = rx->src,
		.dst = rx->dst,
		.side = rx->nif->p.side,
		.ecn = rx->tos & NET_ECN_MASK};
	return NET_TCP;
}

/* True when the frame's tag, in it or stripped by the port, is what this port carries. */
static bool vlan_accepted(struct net_rx *rx, uint16_t *ethertype)
{
	uint16_t want = rx->nif->p.vlan, tci, buf[2];
	if (rx->m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		tci = rx->m->vlan_tci;
	} else if (*ethertype == RTE_ETHER_TYPE_VLAN) {
		const void *tag = net_peek(rx, 0, NET_VLAN_LEN, buf);
		if (tag == NULL)
			return false;
		memmove(buf, tag, sizeof(buf));
		tci = net_host16(buf[0]);
		*ethertype = net_host16(buf[1]);
		rx->off += NET_VLAN_LEN;
	} else {
		return want == 0;
	}
	/* A priority tag (802.1p, VLAN id 0) says nothing of VLANs. */
	return (tci & 0x0fff) == want;
}

/* Ethernet header: true when the frame is for us; rx->off is behind it then. */
static bool ethernet_input(struct net_rx *rx, uint16_t *ethertype, enum net_counter *why)
{
	struct rte_ether_hdr buf;
	const struct rte_ether_hdr *eth = net_peek(rx, 0, sizeof(buf), &buf);
	if (eth == NULL) {
		*why = NET_CTR_DROP_SHORT;
		return false;
	}
	rx->smac = eth->src_addr;
	rx->l2_group = rte_is_multicast_ether_addr(&eth->dst_addr);
	if (!rx->l2_group && !rte_is_same_ether_addr(&eth->dst_addr, &rx->nif->p.mac)) {
		*why = NET_CTR_DROP_NOT_OUR_MAC;
		return false;
	}
	if (rte_is_multicast_ether_addr(&rx->smac)) {
		*why = NET_CTR_DROP_MARTIAN;
		return false;
	}
	*ethertype = net_host16(eth->ether_type);
	rx->off += NET_ETH_LEN;
	if (!vlan_accepted(rx, ethertype)) {
		bool cut = rx->m->pkt_len < NET_ETH_LEN + NET_VLAN_LEN &&
			   *ethertype == RTE_ETHER_TYPE_VLAN;
		*why = cut ? NET_CTR_DROP_SHORT : NET_CTR_DROP_WRONG_VLAN;
		return false;
	}
	return true;
}

static enum net_verdict frame_input(struct net_rx *rx)
{
	uint16_t ethertype = 0;
	enum net_counter why;
	if (!ethernet_input(rx, &ethertype, &why))
		return net_drop(rx, why);
	if (ethertype == RTE_ETHER_TYPE_IPV4 && rx->nif->has_v4)
		return net_ip4_input(rx);
	if (ethertype == RTE_ETHER_TYPE_IPV6 && rx->nif->has_v6)
		return net_ip6_input(rx);
	if (ethertype == RTE_ETHER_TYPE_ARP && rx->nif->has_v4)
		return net_arp_input(rx);
	return net_drop(rx, NET_CTR_DROP_ETHERTYPE);
}

enum net_verdict net_input(struct net_if *nif, struct rte_mbuf *m, lg_us now, struct net_pkt *pkt,
	struct net_icmp_error *err)
{
	struct net_rx rx = {.nif = nif, .m = m, .now = now, .pkt = pkt, .err = err};
	nif->ctr[NET_CTR_RX_PACKETS]++;
	nif->ctr[NET_CTR_RX_BYTES] += m->pkt_len;
	return frame_input(&rx);
}

void net_input_neighbour(struct net_if *nif, struct rte_mbuf *m, lg_us now)
{
	struct net_pkt pkt;
	struct net_icmp_error err;
	struct net_rx rx = {
		.nif = nif, .m = m, .now = now, .pkt = &pkt, .err = &err, .learn_only = true};
	switch (frame_input(&rx)) {
	case NET_NEIGHBOUR:
		rte_pktmbuf_free(rx.m);
		break;
	case NET_TCP:
		/* Only neighbour frames are handed around; anything else is a caller's mistake. */
		rte_pktmbuf_free(pkt.m);
		break;
	default:
		break;
	}
}
