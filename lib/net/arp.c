/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP (RFC 826, RFC 5227): believed only from senders on our own prefixes. */
#include "net/net_if.h"

static void arp_send(struct net_if *nif, uint16_t op, const struct lg_ip *spa,
	const struct lg_ip *tpa, const struct rte_ether_addr *tha,
	const struct rte_ether_addr *eth_dst)
{
	struct rte_mbuf *m = net_alloc(nif, NET_ARP_LEN);
	if (m == NULL)
		return;
	struct net_arp_hdr *arp = rte_pktmbuf_mtod(m, struct net_arp_hdr *);
	*arp = (struct net_arp_hdr){
		.hrd = NET_BE16(1),
		.pro = NET_BE16(RTE_ETHER_TYPE_IPV4),
		.hln = RTE_ETHER_ADDR_LEN,
		.pln = 4,
		.op = net_be16(op),
		.spa = lg_ip_v4(spa),
		.tpa = lg_ip_v4(tpa),
	};
	memcpy(arp->sha, nif->p.mac.addr_bytes, sizeof(arp->sha));
	if (tha != NULL)
		memcpy(arp->tha, tha->addr_bytes, sizeof(arp->tha));
	nif->ctr[NET_CTR_ARP_TX]++;
	net_eth_output(nif, m, eth_dst, RTE_ETHER_TYPE_ARP);
}

static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

void net_arp_request(struct net_if *nif, const struct lg_ip *ip, const struct rte_ether_addr *mac)
{
	const struct lg_ip *src = net_source_for(nif, ip);
	/* A gateway (`via`) outside of our prefixes can't be asked: its route leads nowhere. */
	if (src != NULL)
		arp_send(nif, NET_ARP_REQUEST, src, ip, mac, mac != NULL ? mac : &broadcast);
}

void net_arp_announce(struct net_if *nif, const struct lg_ip *ip)
{
	arp_send(nif, NET_ARP_REQUEST, ip, ip, NULL, &broadcast);
}

static bool arp_well_formed(const struct net_arp_hdr *arp)
{
	return arp->hrd == NET_BE16(1) && arp->pro == NET_BE16(RTE_ETHER_TYPE_IPV4) &&
	       arp->hln == RTE_ETHER_ADDR_LEN && arp->pln == 4 &&
	       (arp->op == NET_BE16(NET_ARP_REQUEST) || arp->op == NET_BE16(NET_ARP_REPLY));
}

/* A station may speak for itself only, from one of our networks. */
static bool sender_plausible(
	const struct net_rx *rx, const struct rte_ether_addr *sha, const struct lg_ip *spa)
{
	const struct net_if *nif = rx->nif;
	if (net_if_has_addr(nif, spa)) {
		char text[LG_IP_STRLEN];
		if (!rte_is_same_ether_addr(sha, &nif->p.mac))
			LG_LOG_RATELIMITED(rx->now, LG_WARN, "net",
				"address conflict on the %s port: " RTE_ETHER_ADDR_PRT_FMT
				" claims our address %s: give one of the two another address",
				nif->p.name, RTE_ETHER_ADDR_BYTES(sha), lg_ip_str(spa, text));
		return false;
	}
	return net_on_link(nif, spa) && !net_is_broadcast(nif, spa);
}

/*
 * Learns what the sender says of itself; true when other workers should hear it. Their caches
 * differ from ours: an answer to a request of theirs may well arrive here.
 */
static bool arp_learn(struct net_rx *rx, const struct net_arp_hdr *arp,
	const struct rte_ether_addr *sha, const struct lg_ip *spa, bool to_us)
{
	struct net_neigh_news news = {
		.ip = *spa,
		.mac = *sha,
		.create = to_us && arp->op == NET_BE16(NET_ARP_REQUEST),
		.solicited = to_us && arp->op == NET_BE16(NET_ARP_REPLY) && !rx->l2_group,
		.override = true,
		.has_mac = true,
	};
	bool learnt = net_neigh_learn(rx->nif, &news, rx->now);
	return learnt || to_us || arp->spa == arp->tpa;
}

enum net_verdict net_arp_input(struct net_rx *rx)
{
	struct net_arp_hdr buf;
	const struct net_arp_hdr *wire = net_peek(rx, 0, sizeof(buf), &buf);
	if (wire == NULL)
		return net_drop(rx, NET_CTR_DROP_SHORT);
	const struct net_arp_hdr arp = *wire;
	struct rte_ether_addr sha;
	memcpy(&sha, arp.sha, sizeof(sha));
	if (!arp_well_formed(&arp) || !rte_is_valid_assigned_ether_addr(&sha))
		return net_drop(rx, NET_CTR_DROP_BAD_ARP);
	struct lg_ip spa = lg_ip_from_v4(arp.spa), tpa = lg_ip_from_v4(arp.tpa);
	bool to_us = net_if_has_addr(rx->nif, &tpa), probe = arp.spa == 0;
	if (!probe && !sender_plausible(rx, &sha, &spa))
		return net_drop(rx, NET_CTR_DROP_BAD_ARP);
	if (!rx->learn_only)
		rx->nif->ctr[NET_CTR_ARP_RX]++;
	bool tell = !probe && arp_learn(rx, &arp, &sha, &spa, to_us);
	if (to_us && arp.op == NET_BE16(NET_ARP_REQUEST) && !rx->learn_only)
		arp_send(rx->nif, NET_ARP_REPLY, &tpa, &spa, &sha, &sha);
	if (tell)
		return NET_NEIGHBOUR;
	rte_pktmbuf_free(rx->m);
	return NET_DONE;
}
