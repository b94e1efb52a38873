/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 input (RFC 8200): a host's, never a router's. */
#include "net/net_if.h"

#define OPT_PAD1 0

/*
 * TLV options of hop-by-hop and destination headers (RFC 8200 4.2): unknown ones are skipped when
 * their two high bits allow it; all others want the packet gone. len covers the options only.
 */
static bool tlvs_ok(const uint8_t *opt, uint32_t len)
{
	uint32_t i = 0;
	while (i < len) {
		if (opt[i] == OPT_PAD1) {
			i++;
			continue;
		}
		if ((opt[i] & 0xc0) != 0 || len - i < 2 || opt[i + 1] > len - i - 2)
			return false;
		i += 2u + opt[i + 1];
	}
	return true;
}

/* One extension header of type `type` at rx->off + *at. Moves *at behind it, *next to its next. */
static bool skip_extension(const struct net_rx *rx, uint8_t type, uint32_t *at, uint8_t *next)
{
	uint8_t buf[NET_IP6_EXT_MAX_BYTES], fixed[8];
	const uint8_t *h = net_peek(rx, *at, sizeof(fixed), fixed);
	if (h == NULL)
		return false;
	uint32_t len = (h[1] + 1u) * 8;
	if (len > sizeof(buf))
		return false;
	h = net_peek(rx, *at, len, buf);
	if (h == NULL)
		return false;
	/* A routing header that has been used up is ignored, any other wants us to forward. */
	bool ok = type == NET_IPPROTO_ROUTING ? h[3] == 0 : tlvs_ok(h + 2, len - 2);
	*next = h[0];
	*at += len;
	return ok;
}

static bool is_extension(uint8_t type)
{
	return type == NET_IPPROTO_HOPOPTS || type == NET_IPPROTO_DSTOPTS ||
	       type == NET_IPPROTO_ROUTING;
}

/*
 * Walks from header `rx->proto` at rx->off to the first one that isn't an option or routing header;
 * both are updated. Bounded in count and bytes. Hop-by-hop options may only come first.
 */
static bool skip_extensions(struct net_rx *rx, bool first)
{
	uint32_t at = 0;
	for (unsigned i = 0; is_extension(rx->proto); i++) {
		if (i == NET_IP6_EXT_MAX_COUNT || at > NET_IP6_EXT_MAX_BYTES)
			return false;
		if (rx->proto == NET_IPPROTO_HOPOPTS && (i != 0 || !first))
			return false;
		if (!skip_extension(rx, rx->proto, &at, &rx->proto))
			return false;
	}
	rx->off += at;
	return true;
}

static bool is_mapped_or_compat(const struct lg_ip *ip)
{
	static const uint8_t zero[12];
	return lg_ip_is_v4(ip) || memcmp(ip->b, zero, 12) == 0;
}

/* The unspecified source is left to DAD solicitations, which the ICMPv6 code looks at. */
static bool source_is_martian(const struct net_if *nif, const struct lg_ip *src)
{
	if (lg_ip_is_zero(src))
		return false;
	return src->b[0] == 0xff || is_mapped_or_compat(src) || net_if_has_addr(nif, src) ||
	       lg_ip_eq(src, &nif->linklocal);
}

/* All-nodes and the solicited-node groups of our addresses; only ND is taken on them. */
static bool is_our_group(const struct net_if *nif, const struct lg_ip *dst)
{
	if (lg_ip_eq(dst, &net_all_nodes))
		return true;
	struct lg_ip group = net_solicited_node(&nif->linklocal);
	if (lg_ip_eq(dst, &group))
		return true;
	for (unsigned i = 0; i < nif->p.n_addrs; i++) {
		group = net_solicited_node(&nif->p.addrs[i].ip);
		if (!lg_ip_is_v4(&nif->p.addrs[i].ip) && lg_ip_eq(dst, &group))
			return true;
	}
	return false;
}

static bool check_addresses(const struct net_rx *rx, enum net_counter *why)
{
	const struct net_if *nif = rx->nif;
	*why = NET_CTR_DROP_MARTIAN;
	if (source_is_martian(nif, &rx->src) || is_mapped_or_compat(&rx->dst))
		return false;
	*why = NET_CTR_DROP_NOT_UNICAST;
	if (rx->dst.b[0] == 0xff)
		return is_our_group(nif, &rx->dst);
	if (net_if_has_addr(nif, &rx->dst) || lg_ip_eq(&rx->dst, &nif->linklocal))
		return !rx->l2_group;
	*why = NET_CTR_DROP_NOT_OURS;
	return false;
}

static bool check_header(struct net_rx *rx, enum net_counter *why)
{
	struct net_ip6_hdr buf;
	const struct net_ip6_hdr *ip = net_peek(rx, 0, sizeof(buf), &buf);
	*why = NET_CTR_DROP_SHORT;
	if (ip == NULL)
		return false;
	uint32_t vtc_flow = net_host32(ip->vtc_flow), payload = net_host16(ip->payload_len);
	*why = NET_CTR_DROP_BAD_IP_HEADER;
	if (vtc_flow >> 28 != 6 || payload == 0)
		return false;
	*why = NET_CTR_DROP_TRUNCATED;
	if (payload > rx->m->pkt_len - rx->off - NET_IP6_LEN)
		return false;
	memcpy(rx->src.b, ip->src, 16);
	memcpy(rx->dst.b, ip->dst, 16);
	rx->ttl = ip->hop_limit;
	rx->tos = (uint8_t)(vtc_flow >> 20);
	rx->proto = ip->proto;
	net_mbuf_trim_to(rx->m, rx->off + NET_IP6_LEN + payload);
	return check_addresses(rx, why);
}

/*
 * At a fragment header. True when the packet is whole: an atomic fragment (RFC 6946), or the last
 * missing piece. False: rx->m is gone.
 */
static bool fragment_input(struct net_rx *rx, uint32_t ip_off)
{
	struct net_ip6_frag_hdr buf;
	const struct net_ip6_frag_hdr *fh = net_peek(rx, 0, sizeof(buf), &buf);
	rx->fragmented = true;
	if (fh == NULL) {
		net_drop(rx, NET_CTR_DROP_BAD_IP_OPTION);
		return false;
	}
	if ((fh->frag & NET_BE16(NET_IP6_MF | NET_IP6_OFFSET)) == 0) {
		rx->proto = fh->next;
		rx->off += sizeof(*fh);
		return true;
	}
	const struct net_ip6_frag_hdr copy = *fh;
	return net_frag6(rx, &copy, ip_off);
}

static enum net_verdict l4_input(struct net_rx *rx)
{
	if (rx->proto == NET_IPPROTO_ICMPV6)
		return net_icmp6_input(rx);
	if (rx->proto != NET_IPPROTO_TCP)
		return net_drop(rx, NET_CTR_DROP_PROTOCOL);
	if (rx->dst.b[0] == 0xff)
		return net_drop(rx, NET_CTR_DROP_NOT_UNICAST);
	if (lg_ip_is_zero(&rx->src))
		return net_drop(rx, NET_CTR_DROP_MARTIAN);
	/* Link-local addresses are for neighbour discovery; nothing listens there. */
	if (net_is_linklocal(&rx->dst))
		return net_drop(rx, NET_CTR_DROP_NOT_OURS);
	return net_tcp_input(rx);
}

enum net_verdict net_ip6_input(struct net_rx *rx)
{
	uint32_t ip_off = rx->off;
	enum net_counter why;
	if (!check_header(rx, &why))
		return net_drop(rx, why);
	rx->off += NET_IP6_LEN;
	if (!skip_extensions(rx, true))
		return net_drop(rx, NET_CTR_DROP_BAD_IP_OPTION);
	if (rx->proto == NET_IPPROTO_FRAGMENT) {
		if (!fragment_input(rx, ip_off))
			return NET_DONE;
		if (!skip_extensions(rx, false))
			return net_drop(rx, NET_CTR_DROP_BAD_IP_OPTION);
	}
	return l4_input(rx);
}
