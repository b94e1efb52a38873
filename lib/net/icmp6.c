/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMPv6 (RFC 4443): echo, errors about our TCP segments, and neighbour solicitations and
 * advertisements. Router advertisements and redirects are ignored: routes are configured.
 */
#include "net/icmp.h"

#define UNREACH_PORT          4
#define PARAMETER_NEXT_HEADER 1

static bool error_kind(const struct net_icmp_hdr *icmp, int *kind, uint32_t *mtu)
{
	*mtu = 0;
	*kind = NET_ICMP_UNREACH_SOFT;
	switch (icmp->type) {
	case NET_ICMP6_UNREACHABLE:
		if (icmp->code == UNREACH_PORT)
			*kind = NET_ICMP_UNREACH_HARD;
		return true;
	case NET_ICMP6_PARAMETER:
		/* "Unrecognised next header" is ICMPv6's way to say protocol unreachable. */
		if (icmp->code == PARAMETER_NEXT_HEADER)
			*kind = NET_ICMP_UNREACH_HARD;
		return true;
	case NET_ICMP6_TIME_EXCEEDED:
		return true;
	case NET_ICMP6_TOO_BIG:
		*kind = NET_ICMP_TOO_BIG;
		*mtu = net_host32(icmp->rest);
		return true;
	default:
		return false;
	}
}

/* We never send extension headers: a quoted packet that has some isn't ours. */
static enum net_verdict error_input(struct net_rx *rx, int kind, uint32_t mtu)
{
	struct net_ip6_hdr buf;
	struct lg_ip local, remote;
	const struct net_ip6_hdr *ip = net_peek(rx, NET_ICMP_LEN, sizeof(buf), &buf);
	if (ip == NULL || net_host32(ip->vtc_flow) >> 28 != 6 || ip->proto != NET_IPPROTO_TCP)
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	memcpy(local.b, ip->src, 16);
	memcpy(remote.b, ip->dst, 16);
	return net_icmp_quoted_tcp(rx, NET_ICMP_LEN + NET_IP6_LEN, &local, &remote, kind, mtu);
}

enum net_verdict net_icmp6_input(struct net_rx *rx)
{
	struct net_icmp_hdr buf;
	const struct net_icmp_hdr *wire = net_peek(rx, 0, sizeof(buf), &buf);
	int kind;
	uint32_t mtu;
	if (wire == NULL)
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	const struct net_icmp_hdr icmp = *wire;
	if (!net_l4_checksum_ok(rx, true, false))
		return net_drop(rx, NET_CTR_DROP_BAD_L4_CHECKSUM);
	if (icmp.type == NET_ICMP6_NS || icmp.type == NET_ICMP6_NA)
		return net_nd_input(rx, &icmp);
	if (lg_ip_is_zero(&rx->src))
		return net_drop(rx, NET_CTR_DROP_MARTIAN);
	if (rx->dst.b[0] == 0xff)
		return net_drop(rx, NET_CTR_DROP_NOT_UNICAST);
	if (icmp.type == NET_ICMP6_ECHO && icmp.code == 0)
		return net_icmp_echo(rx, NET_ICMP6_ECHO_REPLY);
	if (error_kind(&icmp, &kind, &mtu))
		return error_input(rx, kind, mtu);
	return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
}
