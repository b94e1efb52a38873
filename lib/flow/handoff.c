/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring entry is an mbuf. What has to be said about it lies at the start of its buffer, in the
 * room in front of its data, where nothing else lives: so the mbuf itself is handed over unchanged.
 */
#include "flow/flow.h"

#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_ring.h>

struct envelope {
	struct lg_ip src, dst; /* TCP */
	uint8_t kind;          /* enum flow_handoff_kind */
	uint8_t side;          /* enum net_side */
	uint8_t ecn;
};

_Static_assert(sizeof(struct envelope) <= RTE_PKTMBUF_HEADROOM, "fits in front of every RX frame");

struct flow_handoff {
	unsigned n_workers;
	struct rte_ring *rings[];
};

static struct rte_ring *ring_create(unsigned worker, unsigned size)
{
	char name[RTE_RING_NAMESIZE];
	unsigned slots = rte_align32pow2(size + 1); /* RING_F_EXACT_SZ: one stays free */
	struct rte_ring *r = rte_zmalloc(
		"handoff", (size_t)rte_ring_get_memsize(slots), RTE_CACHE_LINE_SIZE);
	if (r == NULL)
		return NULL;
	snprintf(name, sizeof(name), "handoff-%u", worker);
	if (rte_ring_init(r, name, size, RING_F_SC_DEQ | RING_F_EXACT_SZ) != 0) {
		rte_free(r);
		return NULL;
	}
	return r;
}

struct flow_handoff *flow_handoff_create(unsigned n_workers, unsigned ring_size)
{
	if (n_workers == 0 || ring_size == 0 || ring_size >= RTE_RING_SZ_MASK / 2)
		return NULL;
	struct flow_handoff *h = rte_zmalloc(
		"handoff", sizeof(*h) + n_workers * sizeof(h->rings[0]), RTE_CACHE_LINE_SIZE);
	if (h == NULL)
		return NULL;
	for (; h->n_workers < n_workers; h->n_workers++) {
		h->rings[h->n_workers] = ring_create(h->n_workers, ring_size);
		if (h->rings[h->n_workers] == NULL) {
			flow_handoff_free(h);
			return NULL;
		}
	}
	return h;
}

void flow_handoff_free(struct flow_handoff *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->n_workers; i++) {
		void *m;
		while (rte_ring_dequeue(h->rings[i], &m) == 0)
			rte_pktmbuf_free(m);
		rte_free(h->rings[i]);
	}
	rte_free(h);
}

/* As for rte_pktmbuf_prepend(): the room is long enough and nobody else's. */
static bool has_room(const struct rte_mbuf *m)
{
	return !RTE_MBUF_CLONED(m) && rte_mbuf_refcnt_read(m) == 1 &&
	       rte_pktmbuf_headroom(m) >= sizeof(struct envelope);
}

/* Copied from and to: no alignment is promised there. */
static char *envelope_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, char *) - sizeof(struct envelope);
}

/* Takes m. */
static bool post(struct flow_handoff *h, unsigned to, struct rte_mbuf *m, const struct envelope *e)
{
	LG_ASSERT(to < h->n_workers);
	if (has_room(m)) {
		memcpy(envelope_of(m), e, sizeof(*e));
		if (rte_ring_enqueue(h->rings[to], m) == 0)
			return true;
	}
	rte_pktmbuf_free(m);
	return false;
}

bool flow_handoff_tcp(struct flow_handoff *h, unsigned to, const struct net_pkt *pkt)
{
	struct envelope e = {
		.src = pkt->src,
		.dst = pkt->dst,
		.kind = FLOW_HANDOFF_TCP,
		.side = (uint8_t)pkt->side,
		.ecn = pkt->ecn,
	};
	return post(h, to, pkt->m, &e);
}

bool flow_handoff_neighbour(
	struct flow_handoff *h, unsigned to, enum net_side side, struct rte_mbuf *m)
{
	struct envelope e = {.kind = FLOW_HANDOFF_NEIGHBOUR, .side = (uint8_t)side};
	return post(h, to, m, &e);
}

bool flow_handoff_icmp(struct flow_handoff *h, unsigned to, const struct net_icmp_error *err,
	struct rte_mempool *pool)
{
	struct envelope e = {.kind = FLOW_HANDOFF_ICMP, .side = (uint8_t)err->side};
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	if (m == NULL)
		return false;
	void *room = rte_pktmbuf_append(m, sizeof(*err));
	if (room == NULL) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(room, err, sizeof(*err));
	return post(h, to, m, &e);
}

static void open_envelope(struct rte_mbuf *m, struct flow_handoff_msg *out)
{
	struct envelope e;
	memcpy(&e, envelope_of(m), sizeof(e));
	*out = (struct flow_handoff_msg){.kind = e.kind, .side = e.side};
	if (out->kind == FLOW_HANDOFF_ICMP) {
		memcpy(&out->err, rte_pktmbuf_mtod(m, void *), sizeof(out->err));
		rte_pktmbuf_free(m);
		return;
	}
	out->pkt = (struct net_pkt){
		.m = m, .src = e.src, .dst = e.dst, .side = e.side, .ecn = e.ecn};
}

unsigned flow_handoff_receive(
	struct flow_handoff *h, unsigned self, struct flow_handoff_msg *out, unsigned max)
{
	struct rte_mbuf *m[NET_BURST];
	LG_ASSERT(self < h->n_workers && max <= NET_BURST);
	unsigned n = rte_ring_sc_dequeue_burst(h->rings[self], (void **)m, max, NULL);
	for (unsigned i = 0; i < n; i++)
		open_envelope(m[i], &out[i]);
	return n;
}
