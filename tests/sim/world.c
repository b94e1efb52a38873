/* SPDX-License-Identifier: BSD-3-Clause */
/* The two links between the hosts of sim_tcp. */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "sim.h"

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
	sim_push(&w->queue, &e);
}

static void arrive(struct sim *w, int sender, lg_us at, struct rte_mbuf *m, const struct net_tx *tx)
{
	struct sim_event e = {.at = at, .kind = SIM_PACKET, .host = 1 - sender, .pkt = {m, *tx}};

	if (sim_link_marks(&w->link[sender], &w->rng, tx->tos))
		e.pkt.tx.tos |= NET_ECN_CE;
	sim_push(&w->queue, &e);
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
	sim_check_packet(w, sender, m, tx->tos);
	if (w->small_pools) {
		/* The NIC is done with it at once: what is on the way is no memory of the sender's.
		 */
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->wire, 0, UINT32_MAX);
		SIM_CHECK(w, copy != NULL);
		rte_pktmbuf_free(m);
		m = copy;
	}
	strip_options(l, m);
	struct sim_transit t = sim_link_pass(l, &w->rng, now, m->pkt_len + ip_header(w));
	if (t.fate == SIM_TOO_BIG) {
		too_big(w, sender, m, tx);
		return;
	}
	/* lib/net's checksum finds what is corrupted: sim_gateway has the real frames. */
	if (t.fate != SIM_PASSES) {
		drop(w, sender, m, sim_fate_name(t.fate));
		return;
	}
	if (w->trace)
		sim_trace(w, sender, m, "");
	if (t.copy_at != 0) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->wire, 0, UINT32_MAX);
		if (copy != NULL)
			arrive(w, sender, t.copy_at, copy, tx);
	}
	arrive(w, sender, t.at, m, tx);
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

void sim_world_random(struct sim *w)
{
	bool strip_sack = sim_chance(&w->rng, 250), strip_ts = sim_chance(&w->rng, 250);
	bool strip_wscale = sim_chance(&w->rng, 150);

	for (int i = 0; i < 2; i++) {
		sim_link_random(
			&w->link[i], &w->rng, w->start, lg_ip_is_v4(&w->ip[0]) ? 576 : 1280);
		/* Both ways alike: no TCP survives a box that strips only the answer's option. */
		w->link[i].strip_sack = strip_sack;
		w->link[i].strip_ts = strip_ts;
		w->link[i].strip_wscale = strip_wscale;
	}
	if (sim_chance(&w->rng, 200)) {
		struct sim_event e = {.at = w->start + sim_below(&w->rng, 3000000),
			.kind = SIM_EXHAUST,
			.host = (int)sim_below(&w->rng, 2)};
		sim_push(&w->queue, &e);
	}
}

/* Nothing is wrong with these links: whoever gets stuck here does so for want of buffers. */
void sim_world_small_pools(struct sim *w)
{
	for (int i = 0; i < 2; i++)
		sim_link_good(&w->link[i], &w->rng);
}
