/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/net_if.h"

/* Takes the first segment off and makes the second the head of the packet. */
static struct rte_mbuf *drop_first_segment(struct rte_mbuf *m)
{
	struct rte_mbuf *next = m->next;
	next->pkt_len = m->pkt_len - m->data_len;
	next->nb_segs = m->nb_segs - 1;
	next->port = m->port;
	/* Whether the buffer is attached is a matter of each segment, the rest of the packet. */
	uint64_t own = RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	next->ol_flags = (next->ol_flags & own) | (m->ol_flags & ~own);
	next->vlan_tci = m->vlan_tci;
	m->next = NULL;
	m->nb_segs = 1;
	rte_pktmbuf_free_seg(m);
	return next;
}

struct rte_mbuf *net_mbuf_trim_head(struct rte_mbuf *m, uint32_t n)
{
	while (n >= m->data_len && m->next != NULL) {
		n -= m->data_len;
		m = drop_first_segment(m);
	}
	LG_ASSERT(n <= m->data_len);
	m->data_off += n;
	m->data_len -= n;
	m->pkt_len -= n;
	return m;
}

void net_mbuf_trim_to(struct rte_mbuf *m, uint32_t len)
{
	if (len == m->pkt_len)
		return;
	LG_ASSERT(len < m->pkt_len);
	struct rte_mbuf *last = m;
	uint32_t left = len;
	uint16_t segs = 1;
	while (left > last->data_len) {
		left -= last->data_len;
		last = last->next;
		segs++;
	}
	last->data_len = left;
	rte_pktmbuf_free(last->next);
	last->next = NULL;
	m->nb_segs = segs;
	m->pkt_len = len;
}

struct rte_mbuf *net_mbuf_pullup(struct rte_mbuf *m, uint32_t n, struct rte_mempool *pool)
{
	if (likely(m->data_len >= n))
		return m;
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	if (head == NULL)
		return NULL;
	char *to = rte_pktmbuf_append(head, n);
	if (to == NULL) {
		rte_pktmbuf_free(head);
		return NULL;
	}
	const char *from = rte_pktmbuf_read(m, 0, n, to);
	if (from != to)
		memcpy(to, from, n);
	uint64_t own = RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
	head->ol_flags = m->ol_flags & ~own;
	head->port = m->port;
	head->vlan_tci = m->vlan_tci;
	uint32_t rest_len = m->pkt_len - n;
	struct rte_mbuf *rest = net_mbuf_trim_head(m, n);
	if (rest_len == 0) {
		rte_pktmbuf_free(rest);
		return head;
	}
	head->next = rest;
	head->nb_segs = rest->nb_segs + 1;
	head->pkt_len = n + rest_len;
	return head;
}
