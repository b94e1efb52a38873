/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold of every segment on the wire and of every connection block, and the trace. */
#include <inttypes.h>

#include <rte_byteorder.h>

#include "sim.h"

int sim_pair_of_port(const struct sim *w, uint16_t port)
{
	for (unsigned i = 0; i < w->n_pairs; i++)
		if (w->pair[i].port == port && w->pair[i].app[0].host == 0)
			return (int)i;
	return -1;
}

struct view {
	const struct rte_tcp_hdr *th;
	const uint8_t *data;
	struct tcp_options opt;
	uint32_t seq, ack, len;
	int pair;
	uint8_t buf[16384];
};

static void view_packet(const struct sim *w, int sender, const struct rte_mbuf *m, struct view *v)
{
	const uint8_t *b = rte_pktmbuf_read(m, 0, m->pkt_len, v->buf);
	v->th = (const struct rte_tcp_hdr *)b;
	unsigned hlen = (v->th->data_off >> 4) * 4u;
	SIM_CHECK(w, hlen >= 20 && hlen <= m->pkt_len);
	SIM_CHECK(w, tcp_options_parse(b + 20, hlen - 20, &v->opt) == 0);
	v->data = b + hlen;
	v->len = m->pkt_len - hlen;
	v->seq = rte_be_to_cpu_32(v->th->sent_seq);
	v->ack = rte_be_to_cpu_32(v->th->recv_ack);
	v->pair = sim_pair_of_port(
		w, rte_be_to_cpu_16(sender == 0 ? v->th->src_port : v->th->dst_port));
}

/* RFC 9293 3.8.6: the right edge never moves left. */
static void check_window(struct sim *w, struct sim_pair *p, int sender, const struct view *v)
{
	uint8_t flags = v->th->tcp_flags;
	if (!(flags & RTE_TCP_ACK_FLAG) || flags & RTE_TCP_RST_FLAG)
		return;
	bool scaled = !(flags & RTE_TCP_SYN_FLAG) && p->wire[0].has_wscale && p->wire[1].has_wscale;
	uint32_t wnd = rte_be_to_cpu_16(v->th->rx_win);
	uint32_t edge = v->ack + (scaled ? wnd << p->wire[sender].wscale : wnd);
	if (p->wire[sender].edge_known && seq_lt(edge, p->wire[sender].edge) &&
		seq_leq(v->ack, p->wire[sender].edge))
		sim_fail(w,
			"pair %d host %d: window edge went back by %" PRIu32 " to ack %" PRIu32
			" wnd %" PRIu32,
			v->pair, sender, p->wire[sender].edge - edge,
			v->ack - p->wire[1 - sender].isn, wnd);
	p->wire[sender].edge = edge;
	p->wire[sender].edge_known = true;
}

static void check_data(struct sim *w, struct sim_pair *p, int sender, const struct view *v)
{
	uint32_t first = p->wire[sender].isn + 1;
	int peer = 1 - sender;

	for (uint32_t i = 0; i < v->len; i++)
		SIM_CHECK(w, v->data[i] == sim_byte(w, v->pair, sender, v->seq - first + i));
	/* One byte more may go as a window probe. */
	if (p->wire[peer].edge_known)
		SIM_CHECK(w, v->len <= 1 || seq_leq(v->seq + v->len, p->wire[peer].edge));
	unsigned options = (v->th->data_off >> 4) * 4u - 20;
	uint32_t mss = p->wire[peer].has_mss ? p->wire[peer].mss : 536;
	SIM_CHECK(w, v->len + options <= mss);
	SIM_CHECK(w, v->len == 0 || !p->wire[sender].fin ||
			     seq_leq(v->seq + v->len, p->wire[sender].fin_seq));
}

static void note_syn(struct sim *w, struct sim_pair *p, int sender, const struct view *v)
{
	SIM_CHECK(w, !p->wire[sender].syn || p->wire[sender].isn == v->seq);
	p->wire[sender].syn = true;
	p->wire[sender].isn = v->seq;
	p->wire[sender].has_mss = v->opt.has_mss;
	p->wire[sender].mss = v->opt.mss;
	p->wire[sender].has_wscale = v->opt.has_wscale && !w->link[sender].strip_wscale;
	p->wire[sender].wscale = v->opt.wscale;
	p->wire[sender].has_ts = v->opt.has_ts && !w->link[sender].strip_ts;
}

void sim_check_packet(struct sim *w, int sender, const struct rte_mbuf *m)
{
	static struct view v;

	rte_mbuf_sanity_check(m, 1);
	SIM_CHECK(w, rte_pktmbuf_headroom(m) >= NET_HEADROOM);
	view_packet(w, sender, m, &v);
	SIM_CHECK(w, v.pair >= 0);
	struct sim_pair *p = &w->pair[v.pair];
	uint8_t flags = v.th->tcp_flags;
	if (flags & RTE_TCP_RST_FLAG)
		return;
	if (flags & RTE_TCP_SYN_FLAG) {
		/* A new half-open connection after an old one was reset begins anew. */
		if (sender == 1 && p->wire[1].syn && p->wire[1].isn != v.seq)
			p->wire[1].syn = p->wire[1].edge_known = false;
		note_syn(w, p, sender, &v);
	} else {
		bool ts = p->wire[0].has_ts && p->wire[1].has_ts;
		SIM_CHECK(w, v.opt.has_ts == ts);
		check_data(w, p, sender, &v);
	}
	if (flags & RTE_TCP_FIN_FLAG) {
		uint32_t at = v.seq + v.len;
		SIM_CHECK(w, !p->wire[sender].fin || p->wire[sender].fin_seq == at);
		p->wire[sender].fin = true;
		p->wire[sender].fin_seq = at;
	}
	check_window(w, p, sender, &v);
}

/* ---- connection blocks ---- */

/* The list by time: all that is in flight, and in order. */
static void check_times(struct sim *w, const struct tcp_conn *c, uint32_t n_flying)
{
	const struct tcp_rec *prev = NULL;

	for (const struct tcp_rec *r = c->time_head; r != NULL;
		prev = r, r = r->tnext, n_flying--) {
		SIM_CHECK(w, n_flying > 0 && r->tprev == prev && rec_in_flight(r));
		SIM_CHECK(w, prev == NULL || (int32_t)(r->tx_time - prev->tx_time) >= 0);
	}
	SIM_CHECK(w, c->time_tail == prev && n_flying == 0);
}

static void check_records(struct sim *w, const struct tcp_conn *c)
{
	uint32_t sacked = 0, lost = 0, retrans = 0, n = 0, n_sacked = 0, n_flying = 0;
	const struct tcp_rec *prev = NULL;

	for (const struct tcp_rec *r = c->rec_head; r != NULL; prev = r, r = r->next, n++) {
		uint32_t len = r->end - r->seq;
		SIM_CHECK(w, r->prev == prev && len > 0);
		SIM_CHECK(w, prev == NULL || prev->end == r->seq);
		SIM_CHECK(w, (r->flags & (REC_SACKED | REC_LOST)) != (REC_SACKED | REC_LOST));
		SIM_CHECK(w, !(r->flags & REC_RETRANS) || r->flags & REC_LOST);
		sacked += r->flags & REC_SACKED ? len : 0;
		lost += r->flags & REC_LOST ? len : 0;
		retrans += r->flags & REC_RETRANS ? len : 0;
		n_sacked += r->flags & REC_SACKED ? r->segs : 0;
		SIM_CHECK(w, prev == NULL || !(prev->flags & r->flags & REC_SACKED));
		n_flying += rec_in_flight(r);
	}
	SIM_CHECK(w, c->rec_tail == prev && n == c->n_recs);
	SIM_CHECK(w, sacked == c->sacked_bytes && lost == c->lost_bytes);
	SIM_CHECK(w, retrans == c->retrans_bytes && n_sacked == c->n_sacked);
	if (n > 0) {
		SIM_CHECK(w, c->rec_head->seq == c->snd_una && c->rec_tail->end == c->snd_nxt);
	}
	check_times(w, c, n_flying);
}

static void check_ooo(struct sim *w, const struct tcp_conn *c)
{
	uint32_t n = 0, truesize = 0;
	const struct tcp_range *prev = NULL;

	for (const struct tcp_range *r = c->ooo; r != NULL; prev = r, r = r->next, n++) {
		SIM_CHECK(w, seq_gt(r->seq, prev != NULL ? prev->end : c->rcv_nxt));
		SIM_CHECK(w, r->data.len == r->end - r->seq && r->data.len > 0);
		truesize += r->data.truesize;
		lg_chain_check(&r->data);
	}
	SIM_CHECK(w, n == c->n_ooo && n <= TCP_MAX_OOO_RANGES && truesize == c->ooo_truesize);
}

static void check_conn(void *ctx, struct tcp_conn *c)
{
	struct sim *w = ctx;

	check_records(w, c);
	check_ooo(w, c);
	lg_chain_check(&c->tx);
	SIM_CHECK(w, seq_leq(c->snd_una, c->snd_nxt));
	/* Memory stays bounded, whatever the segments look like (law 3). */
	SIM_CHECK(w, c->rx.truesize + c->ooo_truesize <= c->rcv_buf + 3 * 2304);
	SIM_CHECK(w, c->rcv_buf <= c->opts.rcv_buf);
	/* Something to do and no timer and no mark: that is how connections get stuck. */
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT &&
		(c->snd_una != c->snd_nxt || conn_unsent(c) > 0 || conn_fin_due(c)))
		SIM_CHECK(w, lg_timer_armed(&c->t_rexmt) || lg_timer_armed(&c->t_delack) ||
				     lg_node_linked(&c->out_node));
}

void sim_check_conns(struct sim *w)
{
	tcp_each(w->stack[0], check_conn, w);
	tcp_each(w->stack[1], check_conn, w);
}

/* ---- trace ---- */

void sim_trace(struct sim *w, int sender, const struct rte_mbuf *m, const char *fate)
{
	static struct view v;
	char flags[8] = "", *f = flags;

	view_packet(w, sender, m, &v);
	const struct sim_pair *p = &w->pair[v.pair < 0 ? 0 : v.pair];
	uint8_t tf = v.th->tcp_flags;
	if (tf & RTE_TCP_SYN_FLAG)
		*f++ = 'S';
	if (tf & RTE_TCP_FIN_FLAG)
		*f++ = 'F';
	if (tf & RTE_TCP_RST_FLAG)
		*f++ = 'R';
	if (tf & RTE_TCP_PSH_FLAG)
		*f++ = 'P';
	if (tf & RTE_TCP_ACK_FLAG)
		*f++ = '.';
	*f = '\0';
	uint32_t base = p->wire[sender].isn, peer_base = p->wire[1 - sender].isn;
	printf("%10.6f #%d %s %-4s seq %" PRIu32 " len %" PRIu32 " ack %" PRIu32 " wnd %u",
		(double)(w->now - w->start) / 1e6, v.pair, sender == 0 ? "C>S" : "C<S", flags,
		v.seq - base, v.len, v.ack - peer_base, rte_be_to_cpu_16(v.th->rx_win));
	for (unsigned i = 0; i < v.opt.n_sack; i++)
		printf("%s%" PRIu32 "-%" PRIu32, i == 0 ? " sack " : ",",
			v.opt.sack[i].start - peer_base, v.opt.sack[i].end - peer_base);
	printf("%s%s\n", *fate != '\0' ? "  -- " : "", fate);
}
