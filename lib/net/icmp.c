/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP for IPv4 (RFC 792, 1122, 1191): echo is answered, errors about our TCP segments are handed
 * up, all else (redirects, source quench, timestamps ...) is dropped. We never send errors
 * ourselves.
 */
#include "net/icmp.h"

#define UNREACH_PROTOCOL    2
#define UNREACH_PORT        3
#define UNREACH_FRAG_NEEDED 4

enum net_verdict net_icmp_echo(struct net_rx *rx, uint8_t reply)
{
	struct net_if *nif = rx->nif;
	uint32_t header = lg_ip_is_v4(&rx->src) ? NET_IP4_LEN : NET_IP6_LEN;
	/* A request that came in fragments would need them for the answer too: we send none. */
	if (rx->m->pkt_len - rx->off + header > nif->p.mtu)
		return net_drop(rx, NET_CTR_DROP_TX_TOO_BIG);
	if (rx->learn_only || !net_bucket_take(&nif->echo_rate, rx->now))
		return net_drop(rx, NET_CTR_DROP_ICMP_RATE);
	/* A copy, because the request may have no room in front or share its buffer. */
	struct rte_mbuf *m = rte_pktmbuf_copy(rx->m, nif->p.pool, rx->off, UINT32_MAX);
	if (m != NULL && rte_pktmbuf_headroom(m) < NET_HEADROOM) {
		rte_pktmbuf_free(m);
		m = NULL;
	}
	if (m == NULL)
		return net_drop(rx, NET_CTR_DROP_TX_NOMBUF);
	struct net_icmp_hdr *icmp = rte_pktmbuf_mtod(m, struct net_icmp_hdr *);
	icmp->type = reply;
	icmp->code = 0;
	const struct net_tx tx = {
		.src = rx->dst, .dst = rx->src, .proto = rx->proto, .tos = rx->tos & 0xfc};
	nif->ctr[NET_CTR_ICMP_ECHO]++;
	net_output(nif, m, &tx, rx->now);
	rte_pktmbuf_free(rx->m);
	return NET_DONE;
}

enum net_verdict net_icmp_quoted_tcp(struct net_rx *rx, uint32_t at, const struct lg_ip *local,
	const struct lg_ip *remote, int kind, uint32_t mtu)
{
	/* RFC 792 promises eight bytes of it: the ports and the sequence number. */
	struct net_tcp_hdr buf;
	const uint32_t promised = 8;
	const struct net_tcp_hdr *th = net_peek(rx, at, promised, &buf);
	if (th == NULL || !lg_ip_eq(local, &rx->dst) || !net_if_has_addr(rx->nif, local))
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	*rx->err = (struct net_icmp_error){
		.local = *local,
		.remote = *remote,
		.lport = net_host16(th->sport),
		.rport = net_host16(th->dport),
		.seq = net_host32(th->seq),
		.kind = kind,
		.mtu = mtu,
		.side = rx->nif->p.side,
	};
	rx->nif->ctr[NET_CTR_ICMP_ERROR]++;
	rte_pktmbuf_free(rx->m);
	return NET_ICMP_ERROR;
}

/* Type and code to what TCP makes of it (RFC 1122 4.2.3.9). False: not an error we know. */
static bool error_kind(const struct net_icmp_hdr *icmp, int *kind, uint32_t *mtu)
{
	*mtu = 0;
	*kind = NET_ICMP_UNREACH_SOFT;
	if (icmp->type == NET_ICMP_TIME_EXCEEDED || icmp->type == NET_ICMP_PARAMETER)
		return true;
	if (icmp->type != NET_ICMP_UNREACHABLE)
		return false;
	if (icmp->code == UNREACH_PROTOCOL || icmp->code == UNREACH_PORT)
		*kind = NET_ICMP_UNREACH_HARD;
	if (icmp->code == UNREACH_FRAG_NEEDED) {
		*kind = NET_ICMP_TOO_BIG;
		*mtu = net_host32(icmp->rest) & 0xffff; /* RFC 1191 section 4; 0 from old routers */
	}
	return true;
}

static enum net_verdict error_input(struct net_rx *rx, int kind, uint32_t mtu)
{
	struct net_ip4_hdr buf;
	const struct net_ip4_hdr *ip = net_peek(rx, NET_ICMP_LEN, sizeof(buf), &buf);
	if (ip == NULL)
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	uint32_t ihl = (ip->ver_ihl & 15u) * 4;
	if (ip->ver_ihl >> 4 != 4 || ihl < NET_IP4_LEN || ip->proto != NET_IPPROTO_TCP ||
		(ip->frag & NET_BE16(NET_IP4_OFFSET)) != 0)
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	struct lg_ip local = lg_ip_from_v4(ip->src), remote = lg_ip_from_v4(ip->dst);
	return net_icmp_quoted_tcp(rx, NET_ICMP_LEN + ihl, &local, &remote, kind, mtu);
}

enum net_verdict net_icmp4_input(struct net_rx *rx)
{
	struct net_icmp_hdr buf;
	const struct net_icmp_hdr *wire = net_peek(rx, 0, sizeof(buf), &buf);
	int kind;
	uint32_t mtu;
	if (wire == NULL)
		return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
	const struct net_icmp_hdr icmp = *wire;
	if (!net_l4_checksum_ok(rx, false, false))
		return net_drop(rx, NET_CTR_DROP_BAD_L4_CHECKSUM);
	if (icmp.type == NET_ICMP_ECHO && icmp.code == 0)
		return net_icmp_echo(rx, NET_ICMP_ECHO_REPLY);
	if (error_kind(&icmp, &kind, &mtu))
		return error_input(rx, kind, mtu);
	return net_drop(rx, NET_CTR_DROP_BAD_ICMP);
}
