/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbour discovery for IPv6 (RFC 4861 section 7), as far as a host with fixed routes needs it.
 */
#include "net/net_if.h"

#define ND_HOP_LIMIT   255
#define ND_OPTIONS_MAX 256

const struct lg_ip net_all_nodes = {.b = {0xff, 0x02, [15] = 1}};

struct lg_ip net_solicited_node(const struct lg_ip *ip)
{
	return (struct lg_ip){.b = {0xff, 0x02, [11] = 1, 0xff, ip->b[13], ip->b[14], ip->b[15]}};
}

/* 33:33 and the last four bytes of the group (RFC 2464 section 7). */
static struct rte_ether_addr group_mac(const struct lg_ip *group)
{
	const uint8_t *b = group->b;
	return (struct rte_ether_addr){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

struct nd_message {
	struct lg_ip src, dst, target;
	uint8_t type;
	uint32_t flags;
	bool with_mac;
};

static void nd_send(
	struct net_if *nif, const struct nd_message *nd, const struct rte_ether_addr *eth_dst)
{
	uint32_t len = NET_ND_HDR_LEN + (nd->with_mac ? (uint32_t)sizeof(struct net_nd_lladdr) : 0);
	struct rte_mbuf *m = net_alloc(nif, len);
	if (m == NULL)
		return;
	struct net_nd_hdr *h = rte_pktmbuf_mtod(m, struct net_nd_hdr *);
	h->icmp = (struct net_icmp_hdr){.type = nd->type, .rest = net_be32(nd->flags)};
	memcpy(h->target, nd->target.b, 16);
	if (nd->with_mac) {
		bool ns = nd->type == NET_ICMP6_NS;
		struct net_nd_lladdr *opt = (struct net_nd_lladdr *)(h + 1);
		opt->type = ns ? NET_ND_OPT_SLLA : NET_ND_OPT_TLLA;
		opt->len8 = 1;
		memcpy(opt->mac, nif->p.mac.addr_bytes, sizeof(opt->mac));
	}
	uint64_t sum = net_sum_pseudo(&nd->src, &nd->dst, NET_IPPROTO_ICMPV6, len);
	h->icmp.cksum = (uint16_t)~net_sum_fold(net_sum(sum, h, len, false));
	const struct net_tx tx = {.src = nd->src, .dst = nd->dst, .proto = NET_IPPROTO_ICMPV6};
	net_ip_push(m, &tx, ND_HOP_LIMIT);
	nif->ctr[NET_CTR_ND_TX]++;
	net_eth_output(nif, m, eth_dst, RTE_ETHER_TYPE_IPV6);
}

void net_nd_solicit(struct net_if *nif, const struct lg_ip *ip, const struct rte_ether_addr *mac)
{
	const struct lg_ip *src = net_source_for(nif, ip);
	if (src == NULL)
		return;
	struct lg_ip group = net_solicited_node(ip);
	struct rte_ether_addr group_dst = group_mac(&group);
	struct nd_message nd = {.src = *src,
		.dst = mac != NULL ? *ip : group,
		.target = *ip,
		.type = NET_ICMP6_NS,
		.with_mac = true};
	nd_send(nif, &nd, mac != NULL ? mac : &group_dst);
}

void net_nd_announce(struct net_if *nif, const struct lg_ip *ip)
{
	struct rte_ether_addr group_dst = group_mac(&net_all_nodes);
	struct nd_message nd = {.src = *ip,
		.dst = net_all_nodes,
		.target = *ip,
		.type = NET_ICMP6_NA,
		.flags = NET_NA_OVERRIDE,
		.with_mac = true};
	nd_send(nif, &nd, &group_dst);
}

/*
 * Walks the options behind the fixed part. False when one is malformed (RFC 4861 7.1: zero length).
 * *mac gets the wanted link-layer address, *has says whether it was there.
 */
static bool parse_options(
	const struct net_rx *rx, uint8_t wanted, struct rte_ether_addr *mac, bool *has)
{
	uint8_t buf[ND_OPTIONS_MAX];
	uint32_t len = rx->m->pkt_len - rx->off - NET_ND_HDR_LEN;
	*has = false;
	if (len > sizeof(buf))
		return false;
	const uint8_t *opt = net_peek(rx, NET_ND_HDR_LEN, len, buf);
	for (uint32_t i = 0; i < len; i += opt[i + 1] * 8u) {
		if (len - i < 8 || opt[i + 1] == 0 || opt[i + 1] * 8u > len - i)
			return false;
		if (opt[i] != wanted)
			continue;
		memcpy(mac, opt + i + 2, sizeof(*mac));
		if (opt[i + 1] != 1 || !rte_is_valid_assigned_ether_addr(mac))
			return false;
		*has = true;
	}
	return true;
}

static bool is_own(const struct net_if *nif, const struct lg_ip *ip)
{
	return net_if_has_addr(nif, ip) || lg_ip_eq(ip, &nif->linklocal);
}

static void answer_solicitation(
	struct net_rx *rx, const struct lg_ip *target, bool dad, const struct rte_ether_addr *mac)
{
	/* RFC 4861 7.2.4: who has no address yet is answered on all-nodes. */
	struct rte_ether_addr group_dst = group_mac(&net_all_nodes);
	struct nd_message nd = {.src = *target,
		.dst = dad ? net_all_nodes : rx->src,
		.target = *target,
		.type = NET_ICMP6_NA,
		.flags = NET_NA_OVERRIDE | (dad ? 0 : NET_NA_SOLICITED),
		.with_mac = true};
	nd_send(rx->nif, &nd, dad ? &group_dst : mac);
}

/* False: malformed. *tell: other workers should hear it. */
static bool solicitation_input(struct net_rx *rx, const struct lg_ip *target, bool *tell)
{
	struct net_neigh_news news = {.ip = rx->src, .create = true, .override = true};
	bool dad = lg_ip_is_zero(&rx->src);
	if (!parse_options(rx, NET_ND_OPT_SLLA, &news.mac, &news.has_mac))
		return false;
	if (dad ? news.has_mac || rx->dst.b[0] != 0xff : !net_on_link(rx->nif, &rx->src))
		return false;
	if (!is_own(rx->nif, target))
		return true;
	if (news.has_mac)
		net_neigh_learn(rx->nif, &news, rx->now);
	if (!rx->learn_only)
		answer_solicitation(rx, target, dad, news.has_mac ? &news.mac : &rx->smac);
	*tell = news.has_mac;
	return true;
}

static bool advertisement_input(
	struct net_rx *rx, const struct lg_ip *target, uint32_t flags, bool *tell)
{
	struct net_neigh_news news = {
		.ip = *target,
		.solicited = flags & NET_NA_SOLICITED,
		.override = flags & NET_NA_OVERRIDE,
	};
	if (!parse_options(rx, NET_ND_OPT_TLLA, &news.mac, &news.has_mac))
		return false;
	if (news.solicited && rx->dst.b[0] == 0xff)
		return false;
	if (is_own(rx->nif, target)) {
		char text[LG_IP_STRLEN];
		LG_LOG_RATELIMITED(rx->now, LG_WARN, "net",
			"address conflict on the %s port: " RTE_ETHER_ADDR_PRT_FMT
			" claims our address %s: give one of the two another address",
			rx->nif->p.name, RTE_ETHER_ADDR_BYTES(&rx->smac), lg_ip_str(target, text));
		return false;
	}
	if (lg_ip_is_zero(&rx->src) || !net_on_link(rx->nif, target))
		return false;
	net_neigh_learn(rx->nif, &news, rx->now);
	*tell = true; /* the question may have been another worker's */
	return true;
}

/* RFC 4861 7.1.1, 7.1.2 and RFC 6980. */
static bool nd_valid(const struct net_rx *rx, const struct net_icmp_hdr *icmp)
{
	return rx->ttl == ND_HOP_LIMIT && icmp->code == 0 && !rx->fragmented;
}

enum net_verdict net_nd_input(struct net_rx *rx, const struct net_icmp_hdr *icmp)
{
	struct net_nd_hdr buf;
	const struct net_nd_hdr *h = net_peek(rx, 0, sizeof(buf), &buf);
	struct lg_ip target;
	bool ok, tell = false;
	if (h == NULL || !nd_valid(rx, icmp))
		return net_drop(rx, NET_CTR_DROP_BAD_ND);
	memcpy(target.b, h->target, 16);
	if (target.b[0] == 0xff)
		return net_drop(rx, NET_CTR_DROP_BAD_ND);
	if (icmp->type == NET_ICMP6_NS)
		ok = solicitation_input(rx, &target, &tell);
	else
		ok = advertisement_input(rx, &target, net_host32(icmp->rest), &tell);
	if (!ok)
		return net_drop(rx, NET_CTR_DROP_BAD_ND);
	if (!rx->learn_only)
		rx->nif->ctr[NET_CTR_ND_RX]++;
	if (tell)
		return NET_NEIGHBOUR;
	rte_pktmbuf_free(rx->m);
	return NET_DONE;
}
