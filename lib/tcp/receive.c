/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps 7 and 8 of SEGMENT ARRIVES: the segment text and the FIN. */
#include "tcp/tcp_internal.h"

uint32_t pkt_truesize(const struct rte_mbuf *m)
{
	uint32_t n = 0;
	for (; m != NULL; m = m->next)
		n += lg_mbuf_truesize(m);
	return n;
}

void pkt_trim_head(struct rte_mbuf *m, uint32_t n)
{
	LG_ASSERT(n <= m->pkt_len);
	m->pkt_len -= n;
	for (; n > 0; m = m->next) {
		uint32_t k = LG_MIN(n, (uint32_t)m->data_len);
		m->data_off = (uint16_t)(m->data_off + k);
		m->data_len = (uint16_t)(m->data_len - k);
		n -= k;
	}
}

void pkt_trim_tail(struct rte_mbuf *m, uint32_t n)
{
	LG_ASSERT(n <= m->pkt_len);
	m->pkt_len -= n;
	uint32_t keep = m->pkt_len;
	for (; m != NULL; m = m->next) {
		m->data_len = (uint16_t)LG_MIN(keep, (uint32_t)m->data_len);
		keep -= m->data_len;
	}
}

static void ack_now(struct tcp_conn *c)
{
	c->flags |= CF_ACK_NOW;
	conn_mark_output(c);
}

/* ---- in-order data
 * --------------------------------------------------------------------------------- */

static bool fits(struct tcp_conn *c, uint32_t cost)
{
	if (c->rx.truesize + c->ooo_truesize + cost <= c->rcv_buf)
		return true;
	return reass_make_room(c, cost);
}

/* Copies the bytes of m closely together at the end of rx. Frees m when it could. */
static bool keep_packed(struct tcp_conn *c, struct rte_mbuf *m)
{
	if (!fits(c, TCP_RX_SLACK))
		return false;
	uint32_t before = c->rx.len;
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		if (s->data_len == 0)
			continue;
		if (lg_chain_write(&c->rx, c->s->p.pool, rte_pktmbuf_mtod(s, const void *),
			    s->data_len) != 0) {
			lg_chain_trim_tail(&c->rx, c->rx.len - before);
			return false;
		}
	}
	rte_pktmbuf_free(m);
	return true;
}

/*
 * Memory counts by what mbufs occupy. Segments that fill less than half of theirs are packed
 * (smaller ones lg_chain_append() packs by itself), so that a sender of 600-byte segments gets no
 * more of our memory than one of full ones.
 */
static bool keep(struct tcp_conn *c, struct rte_mbuf *m)
{
	uint32_t cost = pkt_truesize(m);
	bool wasteful = m->pkt_len > LG_CHAIN_COPY_MAX && 2 * m->pkt_len < cost;

	if (wasteful && keep_packed(c, m))
		return true;
	if (!fits(c, cost))
		return keep_packed(c, m);
	lg_chain_append(&c->rx, m);
	return true;
}

/* Data at RCV.NXT. Takes g->m, or leaves it when memory is full. */
static bool receive_in_order(struct tcp_conn *c, struct tcp_seg *g)
{
	if (pressure_refuses_data(c)) {
		TCP_COUNT(c->s, DROP_PRESSURE_DATA);
		return false;
	}
	if (!keep(c, g->m)) {
		TCP_COUNT(c->s, DROP_RX_LIMIT);
		return false;
	}
	g->m = NULL;
	c->rcv_nxt += g->len;
	TCP_COUNT_ADD(c->s, OCTETS_IN, g->len);
	conn_post(c, TCP_EV_READABLE);
	return true;
}

/* Section 3.8.6.3: every second full segment at once, anything else within TCP_DELACK. */
static void ack_in_order(struct tcp_conn *c, uint32_t len, lg_us now)
{
	c->rcv_mss = (uint16_t)LG_MAX(c->rcv_mss, LG_MIN(len, (uint32_t)syn_mss(c)));
	c->ack_pending_bytes += len;
	if (c->quickacks > 0 || c->ack_pending_bytes >= 2u * c->rcv_mss) {
		ack_now(c);
	} else if (!(c->flags & CF_ACK_DELAYED)) {
		c->flags |= CF_ACK_DELAYED;
		delack_arm(c, now + TCP_DELACK);
	}
}

static void text_in_order(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	uint32_t len = g->len;

	tune_rcv(c, g, now);
	if (!receive_in_order(c, g)) {
		g->flags &= (uint8_t)~RTE_TCP_FIN_FLAG;
		ack_now(c);
		return;
	}
	if (c->n_ooo == 0) {
		ack_in_order(c, len, now);
		return;
	}
	uint32_t filled = reass_deliver(c);
	TCP_COUNT_ADD(c->s, OCTETS_IN, filled);
	ack_now(c); /* RFC 5681 section 4.2: a gap was filled, all or in part */
}

/* ---- out-of-order data
 * ------------------------------------------------------------------------------ */

static void keep_out_of_order(struct tcp_conn *c, struct tcp_seg *g)
{
	struct rte_mbuf *m = g->m;

	g->m = NULL;
	if (reass_insert(c, g->seq, m))
		TCP_COUNT(c->s, OOO_SEGS_IN);
	else
		TCP_COUNT(c->s, DROP_OOO_LIMIT);
}

static void text_out_of_order(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (c->s->pressure >= TCP_PRESSURE_MINIMAL) {
		TCP_COUNT(c->s, DROP_PRESSURE_OOO);
		pressure_drop_ooo(c);
	} else {
		keep_out_of_order(c, g);
	}
	/*
	 * RFC 5681 section 4.2: a duplicate ACK for each, at once: the sender counts them. It can't
	 * wait for the flush, which sends one per connection.
	 */
	if (!segment_send_ack(c, now))
		ack_now(c);
}

/* ---- trimming
 * ---------------------------------------------------------------------------------------- */

/* Leaves of the segment what lies in the window and before a FIN that is known already. */
static void trim_to_window(struct tcp_conn *c, struct tcp_seg *g)
{
	uint32_t edge = c->rcv_adv;

	if (seq_lt(g->seq, c->rcv_nxt)) {
		uint32_t old = LG_MIN(c->rcv_nxt - g->seq, g->len);
		note_duplicate(c, g->seq, g->seq + old);
		pkt_trim_head(g->m, old);
		g->seq += old;
		g->len -= old;
	}
	if (c->flags & CF_FIN_KNOWN)
		edge = seq_min(edge, c->rcv_fin_seq);
	if (seq_leq(g->seq + g->len, edge))
		return;
	uint32_t over = LG_MIN(g->seq + g->len - edge, g->len);
	TCP_COUNT(c->s, DROP_OUT_OF_WINDOW);
	pkt_trim_tail(g->m, over);
	g->len -= over;
	g->flags &= (uint8_t)~RTE_TCP_FIN_FLAG;
}

bool receive_text(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (g->len == 0)
		return true;
	if (c->flags & CF_FIN_RCVD) {
		/* Section 3.10.7.4 step 7: this can't be, the peer has said that it is done. */
		TCP_COUNT(c->s, DROP_OUT_OF_WINDOW);
		g->flags &= (uint8_t)~RTE_TCP_FIN_FLAG;
		ack_now(c);
		return true;
	}
	if (c->flags & CF_RELEASED) {
		TCP_COUNT(c->s, DROP_AFTER_CLOSE);
		conn_reset(c, TCP_REASON_ABORTED, now);
		return false;
	}
	ecn_data_received(c, g);
	trim_to_window(c, g);
	if (g->len == 0)
		ack_now(c);
	else if (g->seq == c->rcv_nxt)
		text_in_order(c, g, now);
	else
		text_out_of_order(c, g, now);
	return true;
}

/* ---- FIN
 * ------------------------------------------------------------------------------------------- */

/* RCV.NXT has reached the peer's FIN. */
static void fin_reached(struct tcp_conn *c, lg_us now)
{
	c->rcv_nxt++;
	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt);
	c->flags |= CF_FIN_RCVD;
	conn_post(c, TCP_EV_EOF);
	ack_now(c);
	switch ((enum tcp_state)c->state) {
	case TCP_ESTABLISHED:
		conn_set_state(c, TCP_CLOSE_WAIT);
		return;
	case TCP_FIN_WAIT_1:
		conn_set_state(c, TCP_CLOSING);
		return;
	case TCP_FIN_WAIT_2:
		conn_enter_time_wait(c, now);
		return;
	default:
		LG_ASSERT(false);
	}
}

/* A FIN below data that is stored already contradicts it: the first wins. */
static bool fin_plausible(const struct tcp_conn *c, uint32_t seq)
{
	for (const struct tcp_range *r = c->ooo; r != NULL; r = r->next)
		if (seq_gt(r->end, seq))
			return false;
	return seq_geq(seq, c->rcv_nxt) && seq_leq(seq, c->rcv_adv);
}

void receive_fin(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	bool fin = g->flags & RTE_TCP_FIN_FLAG;

	if (fin && !(c->flags & CF_FIN_KNOWN) && fin_plausible(c, g->seq + g->len)) {
		c->flags |= CF_FIN_KNOWN;
		c->rcv_fin_seq = g->seq + g->len;
	}
	if (fin)
		ack_now(c);
	if ((c->flags & (CF_FIN_KNOWN | CF_FIN_RCVD)) == CF_FIN_KNOWN &&
		c->rcv_nxt == c->rcv_fin_seq)
		fin_reached(c, now);
}
