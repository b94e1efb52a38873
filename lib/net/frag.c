/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reassembly with rte_ip_frag. It tiles pieces exactly: a datagram whose pieces overlap or repeat
 * is thrown away as a whole (RFC 5722 for both families). What it doesn't look at is checked here
 * before: empty, tiny and oversized pieces, and, after, that the lengths agree.
 */
#include "net/net_if.h"

/* Shortest first piece that holds the header whose fields decide (RFC 1858, RFC 7112). */
static uint32_t min_first(uint8_t proto)
{
	return proto == NET_IPPROTO_TCP ? NET_TCP_LEN : NET_ICMP_LEN;
}

static bool piece_ok(uint32_t offset, uint32_t len, bool more, uint32_t header, uint8_t proto)
{
	if (len == 0 || (more && len % 8 != 0))
		return false;
	if (header + offset + len > UINT16_MAX)
		return false; /* "ping of death" */
	return offset != 0 ? offset >= min_first(proto) : len >= min_first(proto);
}

static bool is_dead(const struct rte_ip_frag_death_row *dead, const struct rte_mbuf *m)
{
	for (uint32_t i = 0; i < dead->cnt; i++)
		if (dead->row[i] == m)
			return true;
	return false;
}

/*
 * Names what the library threw away. With the piece that just came in it gave up its datagram;
 * without, it made room by dropping datagrams past their time. A piece alone found no room in the
 * table; one that came after six others had none left for it in its datagram.
 */
static void bury(struct net_if *nif, const struct rte_mbuf *m)
{
	struct rte_ip_frag_death_row *dead = &nif->frag_dead;
	if (dead->cnt == 0)
		return;
	enum net_counter why = NET_CTR_DROP_FRAG_TIMEOUT;
	if (is_dead(dead, m))
		why = dead->cnt == 1 || dead->cnt > RTE_LIBRTE_IP_FRAG_MAX_FRAG - 2
			      ? NET_CTR_DROP_FRAG_LIMIT
			      : NET_CTR_DROP_FRAG_BAD;
	nif->ctr[why] += dead->cnt;
	rte_ip_frag_free_death_row(dead, 0);
}

/*
 * RFC 3168 section 5.3: a mark on any piece is one on the whole. Each mbuf keeps the bits of its
 * piece, in a field that nobody else needs by then.
 */
static void ecn_note(struct rte_mbuf *m, uint8_t ecn)
{
	for (; m != NULL; m = m->next)
		m->hash.usr = ecn;
}

/* The bits of the whole; -1 when only some of its pieces were sent as ECN-capable. */
static int ecn_of_whole(const struct rte_mbuf *m)
{
	uint32_t first = m->hash.usr, seen = 0;

	for (; m != NULL; m = m->next)
		seen |= 1u << m->hash.usr;
	if (seen & 1u << NET_ECN_CE)
		first = NET_ECN_CE;
	return seen & 1u << NET_ECN_NOT_ECT && seen != 1u << NET_ECN_NOT_ECT ? -1 : (int)first;
}

/* The header of a fragment must be in one piece for rte_ip_frag. */
static bool prepare(struct net_rx *rx, uint32_t ip_off, uint32_t l3_len)
{
	rx->m = net_mbuf_trim_head(rx->m, ip_off);
	struct rte_mbuf *m = net_mbuf_pullup(rx->m, l3_len, rx->nif->p.pool);
	if (m == NULL) {
		net_drop(rx, NET_CTR_DROP_RX_NOMBUF);
		return false;
	}
	m->tx_offload = 0;
	m->l3_len = l3_len;
	ecn_note(m, rx->tos & NET_ECN_MASK);
	rx->m = m;
	return true;
}

/* Common end: what the port said of one piece doesn't hold for the whole. */
static bool finish(struct net_rx *rx, struct rte_mbuf *whole, const struct rte_mbuf *piece)
{
	bury(rx->nif, piece);
	if (whole == NULL)
		return false;
	whole->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	whole->tx_offload = 0;
	rx->m = whole;
	int ecn = ecn_of_whole(whole);
	if (ecn < 0) {
		net_drop(rx, NET_CTR_DROP_FRAG_BAD);
		return false;
	}
	rx->nif->ctr[NET_CTR_REASSEMBLED]++;
	rx->tos = (uint8_t)((rx->tos & ~NET_ECN_MASK) | ecn);
	return true;
}

bool net_frag4(struct net_rx *rx, const struct net_ip4_hdr *ip, uint32_t ihl)
{
	uint16_t frag = net_host16(ip->frag);
	uint32_t offset = (frag & NET_IP4_OFFSET) * 8u, len = net_host16(ip->total_len) - ihl;
	struct net_if *nif = rx->nif;
	nif->ctr[NET_CTR_FRAGMENTS]++;
	if (!piece_ok(offset, len, frag & NET_IP4_MF, ihl, ip->proto)) {
		net_drop(rx, NET_CTR_DROP_FRAG_BAD);
		return false;
	}
	if (!prepare(rx, rx->off, ihl))
		return false;
	struct rte_mbuf *piece = rx->m;
	struct rte_mbuf *whole = rte_ipv4_frag_reassemble_packet(nif->frags, &nif->frag_dead, piece,
		rx->now, rte_pktmbuf_mtod(piece, struct rte_ipv4_hdr *));
	if (!finish(rx, whole, piece))
		return false;
	/* The first piece's header leads; its options may be longer than those of the others. */
	const struct net_ip4_hdr *first = rte_pktmbuf_mtod(rx->m, const struct net_ip4_hdr *);
	uint32_t first_ihl = (first->ver_ihl & 15u) * 4;
	if (rx->m->pkt_len > UINT16_MAX || net_host16(first->total_len) != rx->m->pkt_len ||
		first->proto != rx->proto) {
		net_drop(rx, NET_CTR_DROP_FRAG_BAD);
		return false;
	}
	rx->off = first_ihl;
	return true;
}

/*
 * Extension headers in front of the fragment header have been checked and have no meaning to us;
 * the library wants the fragment header right behind the IPv6 header, so they're cut out.
 */
static void cut_extensions(struct rte_mbuf *m, uint32_t ext)
{
	struct net_ip6_hdr *ip = rte_pktmbuf_mtod(m, struct net_ip6_hdr *);
	ip->proto = NET_IPPROTO_FRAGMENT;
	if (ext == 0)
		return;
	ip->payload_len = net_be16((uint16_t)(net_host16(ip->payload_len) - ext));
	memmove(rte_pktmbuf_mtod_offset(m, char *, ext), ip, NET_IP6_LEN);
	char *moved = rte_pktmbuf_adj(m, (uint16_t)ext);
	LG_ASSERT(moved != NULL);
}

bool net_frag6(struct net_rx *rx, const struct net_ip6_frag_hdr *fh, uint32_t ip_off)
{
	uint16_t frag = net_host16(fh->frag);
	uint32_t offset = frag & NET_IP6_OFFSET, ext = rx->off - ip_off - NET_IP6_LEN;
	uint32_t l3_len = NET_IP6_LEN + sizeof(*fh);
	uint32_t len = rx->m->pkt_len - rx->off - (uint32_t)sizeof(*fh);
	struct net_if *nif = rx->nif;
	nif->ctr[NET_CTR_FRAGMENTS]++;
	/* RFC 7112: the first piece holds all headers; only those that we take go further. */
	bool l4 = fh->next == NET_IPPROTO_TCP || fh->next == NET_IPPROTO_ICMPV6;
	if ((!l4 && fh->next != NET_IPPROTO_DSTOPTS) ||
		!piece_ok(offset, len, frag & NET_IP6_MF, 0, fh->next)) {
		net_drop(rx, NET_CTR_DROP_FRAG_BAD);
		return false;
	}
	if (!prepare(rx, ip_off, l3_len + ext))
		return false;
	cut_extensions(rx->m, ext);
	rx->m->l3_len = l3_len;
	struct rte_mbuf *piece = rx->m;
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(piece, struct rte_ipv6_hdr *);
	struct rte_mbuf *whole = rte_ipv6_frag_reassemble_packet(
		nif->frags, &nif->frag_dead, piece, rx->now, ip, (void *)(ip + 1));
	if (!finish(rx, whole, piece))
		return false;
	const struct net_ip6_hdr *first = rte_pktmbuf_mtod(rx->m, const struct net_ip6_hdr *);
	if (rx->m->pkt_len - NET_IP6_LEN != net_host16(first->payload_len)) {
		net_drop(rx, NET_CTR_DROP_FRAG_BAD);
		return false;
	}
	rx->proto = first->proto;
	rx->off = NET_IP6_LEN;
	return true;
}
