/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 input (RFC 791, RFC 1122): a host's, never a router's. */
#include "net/net_if.h"

#define OPT_END  0
#define OPT_NOP  1
#define OPT_LSRR 131
#define OPT_SSRR 137

/* Options are skipped; what would steer the packet elsewhere is refused (RFC 7126). */
static bool options_ok(const struct net_rx *rx, uint32_t ihl)
{
	uint8_t buf[40];
	uint32_t len = ihl - NET_IP4_LEN, i = 0;
	if (len == 0)
		return true;
	const uint8_t *opt = net_peek(rx, NET_IP4_LEN, len, buf);
	while (i < len && opt[i] != OPT_END) {
		if (opt[i] == OPT_NOP) {
			i++;
			continue;
		}
		if (opt[i] == OPT_LSRR || opt[i] == OPT_SSRR)
			return false;
		if (len - i < 2 || opt[i + 1] < 2 || opt[i + 1] > len - i)
			return false;
		i += opt[i + 1];
	}
	return true;
}

static bool header_checksum_ok(const struct net_rx *rx, uint32_t ihl)
{
	if (rx->nif->p.rx_checksum &&
		(rx->m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		return true;
	return net_sum_fold(net_sum_mbuf(0, rx->m, rx->off, rx->off + ihl)) == 0xffff;
}

/* RFC 1122 3.2.1.3: addresses that no packet on a wire may come from. */
static bool source_is_martian(const struct net_if *nif, const struct lg_ip *src)
{
	return src->b[12] == 0 || src->b[12] == 127 || net_is_broadcast(nif, src) ||
	       net_if_has_addr(nif, src);
}

static bool check_addresses(struct net_rx *rx, enum net_counter *why)
{
	if (source_is_martian(rx->nif, &rx->src))
		*why = NET_CTR_DROP_MARTIAN;
	else if (net_is_broadcast(rx->nif, &rx->dst))
		*why = NET_CTR_DROP_NOT_UNICAST;
	else if (!net_if_has_addr(rx->nif, &rx->dst))
		*why = NET_CTR_DROP_NOT_OURS;
	else if (rx->l2_group)
		*why = NET_CTR_DROP_NOT_UNICAST; /* RFC 1122 3.3.6 */
	else
		return true;
	return false;
}

/* Header fields, checksum and options. Trims the frame to the datagram. */
static bool check_header(
	struct net_rx *rx, struct net_ip4_hdr *ip, uint32_t *ihl, enum net_counter *why)
{
	uint32_t total, avail = rx->m->pkt_len - rx->off;
	const void *wire = net_peek(rx, 0, sizeof(*ip), ip);
	*why = NET_CTR_DROP_SHORT;
	if (wire == NULL)
		return false;
	if (wire != ip)
		*ip = *(const struct net_ip4_hdr *)wire;
	*ihl = (ip->ver_ihl & 15u) * 4;
	total = net_host16(ip->total_len);
	*why = NET_CTR_DROP_BAD_IP_HEADER;
	if (ip->ver_ihl >> 4 != 4 || *ihl < NET_IP4_LEN || total < *ihl)
		return false;
	*why = NET_CTR_DROP_TRUNCATED;
	if (total > avail)
		return false;
	*why = NET_CTR_DROP_BAD_IP_CHECKSUM;
	if (!header_checksum_ok(rx, *ihl))
		return false;
	*why = NET_CTR_DROP_BAD_IP_OPTION;
	if (!options_ok(rx, *ihl))
		return false;
	net_mbuf_trim_to(rx->m, rx->off + total);
	return true;
}

enum net_verdict net_ip4_input(struct net_rx *rx)
{
	struct net_ip4_hdr ip;
	uint32_t ihl;
	enum net_counter why;
	if (!check_header(rx, &ip, &ihl, &why))
		return net_drop(rx, why);
	rx->src = lg_ip_from_v4(ip.src);
	rx->dst = lg_ip_from_v4(ip.dst);
	if (!check_addresses(rx, &why))
		return net_drop(rx, why);
	rx->ttl = ip.ttl;
	rx->tos = ip.tos;
	rx->proto = ip.proto;
	if (rx->proto != NET_IPPROTO_TCP && rx->proto != NET_IPPROTO_ICMP)
		return net_drop(rx, NET_CTR_DROP_PROTOCOL);
	if (ip.frag & NET_BE16(NET_IP4_MF | NET_IP4_OFFSET)) {
		if (!net_frag4(rx, &ip, ihl))
			return NET_DONE;
	} else {
		rx->off += ihl;
	}
	return rx->proto == NET_IPPROTO_TCP ? net_tcp_input(rx) : net_icmp4_input(rx);
}
