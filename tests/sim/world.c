/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock's event queue, and the links. */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "sim.h"

uint64_t sim_rand(struct sim_rng *r)
{
	/* splitmix64 */
	uint64_t z = (r->x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t sim_below(struct sim_rng *r, uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)(sim_rand(r) % n);
}

uint32_t sim_range(struct sim_rng *r, uint32_t lo, uint32_t hi)
{
	return lo + sim_below(r, hi - lo + 1);
}

bool sim_chance(struct sim_rng *r, uint32_t per_mille)
{
	return sim_below(r, 1000) < per_mille;
}

/* ---- a binary heap of events ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_push(struct sim *w, const struct sim_event *e)
{
	if (w->n_heap == w->heap_room) {
		w->heap_room = w->heap_room == 0 ? 1024 : w->heap_room * 2;
		w->heap = realloc(w->heap, w->heap_room * sizeof(*w->heap));
		LG_ASSERT(w->heap != NULL);
	}
	unsigned i = w->n_heap++;
	struct sim_event ev = *e;
	ev.order = w->order++;
	while (i > 0 && earlier(&ev, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = ev;
}

bool sim_pop(struct sim *w, lg_us until, struct sim_event *e)
{
	if (w->n_heap == 0 || w->heap[0].at > until)
		return false;
	*e = w->heap[0];
	struct sim_event last = w->heap[--w->n_heap];
	unsigned i = 0;
	for (;;) {
		unsigned k = 2 * i + 1;
		if (k >= w->n_heap)
			break;
		if (k + 1 < w->n_heap && earlier(&w->heap[k + 1], &w->heap[k]))
			k++;
		if (!earlier(&w->heap[k], &last))
			break;
		w->heap[i] = w->heap[k];
		i = k;
	}
	if (w->n_heap > 0)
		w->heap[i] = last;
	return true;
}

lg_us sim_next_event(const struct sim *w)
{
	return w->n_heap > 0 ? w->heap[0].at : UINT64_MAX;
}

/* ---- links ---- */

static unsigned ip_header(const struct sim *w)
{
	return lg_ip_is_v4(&w->ip[0]) ? 20 : 40;
}

/* A middlebox that doesn't know an option blanks it out of the SYNs. */
static void strip_options(const struct sim_link *l, struct rte_mbuf *m)
{
	struct rte_tcp_hdr *th = rte_pktmbuf_mtod(m, struct rte_tcp_hdr *);
	uint8_t *p = (uint8_t *)(th + 1);
	unsigned len = (th->data_off >> 4) * 4u - 20;

	if (!(th->tcp_flags & RTE_TCP_SYN_FLAG))
		return;
	for (unsigned i = 0; i < len && p[i] != TCPOPT_EOL;) {
		if (p[i] == TCPOPT_NOP) {
			i++;
			continue;
		}
		unsigned n = p[i + 1];
		if ((p[i] == TCPOPT_SACK_PERMITTED && l->strip_sack) ||
			(p[i] == TCPOPT_TIMESTAMP && l->strip_ts) ||
			(p[i] == TCPOPT_WSCALE && l->strip_wscale))
			memset(p + i, TCPOPT_NOP, n);
		i += n;
	}
}

static void drop(struct sim *w, int sender, struct rte_mbuf *m, const char *why)
{
	w->lost++;
	if (w->trace)
		sim_trace(w, sender, m, why);
	rte_pktmbuf_free(m);
}

static void too_big(struct sim *w, int sender, struct rte_mbuf *m, const struct net_tx *tx)
{
	struct sim_link *l = &w->link[sender];
	struct sim_event e = {.at = w->now + 2 * l->delay + 1,
		.kind = SIM_ICMP,
		.host = sender,
		.pkt = {m, *tx},
		/* IPv6 routers always say (RFC 8201 section 4). */
		.mtu = l->icmp_says_mtu || !lg_ip_is_v4(&w->ip[0]) ? l->path_mtu : 0};

	w->lost++;
	if (w->trace)
		sim_trace(w, sender, m, "too big");
	sim_push(w, &e);
}

/* Serialises onto the link: when the last bit is out. 0: the queue is full. */
static lg_us depart(struct sim *w, int sender, const struct rte_mbuf *m)
{
	struct sim_link *l = &w->link[sender];

	if (l->bits_per_second == 0)
		return w->now;
	if (l->queued >= l->queue)
		return 0;
	lg_us bits = (m->pkt_len + ip_header(w) + 14u) * 8u;
	l->free_at = LG_MAX(l->free_at, w->now) + bits * 1000000 / l->bits_per_second;
	l->queued++;
	struct sim_event e = {.at = l->free_at, .kind = SIM_DEPART, .host = sender};
	sim_push(w, &e);
	return l->free_at;
}

static void arrive(
	struct sim *w, int sender, lg_us out, struct rte_mbuf *m, const struct net_tx *tx)
{
	struct sim_link *l = &w->link[sender];
	struct sim_event e = {.kind = SIM_PACKET, .host = 1 - sender, .pkt = {m, *tx}};

	if (tx->tos != NET_ECN_NOT_ECT && sim_chance(&w->rng, l->mark))
		e.pkt.tx.tos = NET_ECN_CE;
	e.at = out + l->delay;
	if (l->jitter > 0 && sim_chance(&w->rng, l->reorder))
		e.at += sim_below(&w->rng, (uint32_t)l->jitter);
	sim_push(w, &e);
}

static bool link_is_down(const struct sim *w, const struct sim_link *l)
{
	return w->now >= l->down_from && w->now < l->down_until;
}

void sim_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct sim *w = ctx;
	int sender = side == NET_INTERNAL ? 0
					  : 1; /* the client connects out of its internal side */
	struct sim_link *l = &w->link[sender];

	SIM_CHECK(w, now == w->now);
	w->packets++;
	sim_check_packet(w, sender, m, tx);
	if (w->small_pools) {
		/* The NIC is done with it at once: what is on the way is no memory of the sender's.
		 */
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->wire, 0, UINT32_MAX);
		SIM_CHECK(w, copy != NULL);
		rte_pktmbuf_free(m);
		m = copy;
	}
	strip_options(l, m);
	if (m->pkt_len + ip_header(w) > l->path_mtu) {
		too_big(w, sender, m, tx);
		return;
	}
	if (link_is_down(w, l) || sim_chance(&w->rng, l->loss)) {
		drop(w, sender, m, "lost");
		return;
	}
	lg_us out = depart(w, sender, m);
	if (out == 0) {
		drop(w, sender, m, "queue full");
		return;
	}
	if (w->trace)
		sim_trace(w, sender, m, "");
	if (sim_chance(&w->rng, l->duplicate)) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->wire, 0, UINT32_MAX);
		if (copy != NULL)
			arrive(w, sender, out + sim_below(&w->rng, 50000), copy, tx);
	}
	arrive(w, sender, out, m, tx);
}

void sim_icmp(struct sim *w, const struct sim_event *e)
{
	const struct rte_tcp_hdr *th = rte_pktmbuf_mtod(e->pkt.m, const struct rte_tcp_hdr *);
	struct net_icmp_error err = {
		.local = e->pkt.tx.src,
		.remote = e->pkt.tx.dst,
		.lport = rte_be_to_cpu_16(th->src_port),
		.rport = rte_be_to_cpu_16(th->dst_port),
		.seq = rte_be_to_cpu_32(th->sent_seq),
		.kind = NET_ICMP_TOO_BIG,
		.mtu = e->mtu,
		.side = e->host == 0 ? NET_INTERNAL : NET_EXTERNAL,
	};
	tcp_icmp_error(w->stack[e->host], &err, w->now);
	rte_pktmbuf_free(e->pkt.m);
}

struct rte_mbuf *sim_receive(struct sim *w, const struct sim_event *e)
{
	uint8_t buf[16384];
	uint32_t len = e->pkt.m->pkt_len;
	LG_ASSERT(len <= sizeof(buf));
	const uint8_t *p = rte_pktmbuf_read(e->pkt.m, 0, len, buf);
	struct rte_mbuf *head = NULL, *last = NULL;

	for (uint32_t off = 0; off < len;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->rx[e->host]);
		if (m == NULL) {
			/* What pressure is there to prevent (law 4): the NIC can't be served. */
			SIM_CHECK(w, !w->small_pools);
			rte_pktmbuf_free(head);
			return NULL;
		}
		uint32_t n = LG_MIN(len - off, (uint32_t)rte_pktmbuf_tailroom(m));
		if (sim_chance(&w->rng, 50))
			n = sim_range(&w->rng, 1, n);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), p + off, n);
		off += n;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = m;
	}
	return head;
}

/* ---- what kind of world a seed makes ---- */

static void link_random(struct sim *w, struct sim_link *l)
{
	struct sim_rng *r = &w->rng;
	static const uint32_t rates[] = {0, 0, 1, 5, 20, 100, 1000};

	*l = (struct sim_link){.queue = UINT32_MAX, .path_mtu = UINT32_MAX, .icmp_says_mtu = true};
	l->delay = sim_chance(r, 300) ? sim_range(r, 10, 500) : sim_range(r, 1000, 100000);
	if (sim_chance(r, 500)) {
		l->jitter = sim_range(r, 1, (uint32_t)l->delay * 2);
		l->reorder = sim_range(r, 1, 300);
	}
	if (sim_chance(r, 600))
		l->loss = sim_range(r, 1, sim_chance(r, 200) ? 150 : 40);
	if (sim_chance(r, 300))
		l->duplicate = sim_range(r, 1, 100);
	l->bits_per_second = rates[sim_below(r, LG_ARRAY_SIZE(rates))] * UINT64_C(1000000);
	if (l->bits_per_second != 0)
		l->queue = sim_range(r, 4, 200);
	if (sim_chance(r, 150)) {
		l->path_mtu = sim_range(r, lg_ip_is_v4(&w->ip[0]) ? 576 : 1280, 1500);
		l->icmp_says_mtu = sim_chance(r, 700);
	}
	if (sim_chance(r, 500))
		l->mark = sim_range(r, 1, 200);
	if (sim_chance(r, 150)) {
		l->down_from = w->start + sim_below(r, 5000000);
		l->down_until = l->down_from + sim_below(r, 20000000);
	}
}

void sim_world_random(struct sim *w)
{
	bool strip_sack = sim_chance(&w->rng, 250), strip_ts = sim_chance(&w->rng, 250);
	bool strip_wscale = sim_chance(&w->rng, 150);

	for (int i = 0; i < 2; i++) {
		link_random(w, &w->link[i]);
		/* Both ways alike: no TCP survives a box that strips only the answer's option. */
		w->link[i].strip_sack = strip_sack;
		w->link[i].strip_ts = strip_ts;
		w->link[i].strip_wscale = strip_wscale;
	}
	if (sim_chance(&w->rng, 200)) {
		struct sim_event e = {.at = w->start + sim_below(&w->rng, 3000000),
			.kind = SIM_EXHAUST,
			.host = (int)sim_below(&w->rng, 2)};
		sim_push(w, &e);
	}
}

/* Nothing is wrong with these links: whoever gets stuck here does so for want of buffers. */
void sim_world_small_pools(struct sim *w)
{
	struct sim_rng *r = &w->rng;

	for (int i = 0; i < 2; i++) {
		w->link[i] = (struct sim_link){.queue = UINT32_MAX, .path_mtu = UINT32_MAX};
		w->link[i].delay = sim_range(r, 10, 30000);
		w->link[i].loss = sim_chance(r, 300) ? sim_range(r, 1, 10) : 0;
		w->link[i].jitter = (lg_us)sim_range(r, 1, 20000);
		w->link[i].reorder = sim_chance(r, 500) ? sim_range(r, 1, 100) : 0;
	}
}
