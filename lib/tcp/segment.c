/* SPDX-License-Identifier: BSD-3-Clause */
/* Building segments: header mbuf, options, payload copied or attached, and the way out. */
#include <netinet/in.h>

#include <rte_byteorder.h>

#include "tcp/tcp_internal.h"

bool rate_allow(struct tcp_rate *r, uint32_t per_second, lg_us now)
{
	uint64_t second = now / 1000000;
	if (r->second != second) {
		r->second = second;
		r->used = 0;
	}
	if (r->used >= per_second)
		return false;
	r->used++;
	return true;
}

static uint8_t tos_of(const struct tcp_opts *o, uint8_t ecn)
{
	return (uint8_t)(o->dscp << 2 | ecn);
}

static void emit(
	struct tcp_stack *s, const struct flow_key *key, struct rte_mbuf *m, uint8_t tos, lg_us now)
{
	struct net_tx tx = {
		.src = key->local, .dst = key->remote, .proto = IPPROTO_TCP, .tos = tos};
	TCP_COUNT(s, SEGS_OUT);
	s->p.output(s->p.output_ctx, (enum net_side)key->side, m, &tx, now);
}

/* The header with its options, into an empty mbuf. */
static void header_write(struct rte_mbuf *m, const struct flow_key *key,
	const struct tcp_options *opt, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd)
{
	unsigned optlen = opt != NULL ? tcp_options_len(opt) : 0;
	unsigned hlen = (unsigned)sizeof(struct rte_tcp_hdr) + optlen;
	LG_ASSERT(rte_pktmbuf_headroom(m) >= NET_HEADROOM && rte_pktmbuf_tailroom(m) >= hlen);
	struct rte_tcp_hdr *th = (struct rte_tcp_hdr *)rte_pktmbuf_append(m, (uint16_t)hlen);
	*th = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(key->lport),
		.dst_port = rte_cpu_to_be_16(key->rport),
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = rte_cpu_to_be_32(ack),
		.data_off = (uint8_t)(hlen / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(wnd),
	};
	if (optlen > 0)
		tcp_options_write((uint8_t *)(th + 1), opt);
}

/* A header mbuf with options in place; NULL (counted) when the pool is empty. */
static struct rte_mbuf *header_new(struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_options *opt, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->p.pool);
	if (m == NULL) {
		TCP_COUNT(s, DROP_NOMBUF);
		return NULL;
	}
	header_write(m, key, opt, flags, seq, ack, wnd);
	return m;
}

/* ---- payload -----------------------------------------------------------------------------------
 */

/*
 * The chain segment that holds seq; *off is seq's place in it. New data follows one cursor,
 * retransmissions, which mostly go upwards, too, another. They stay valid: appending only lengthens
 * the tail, and tx_trim() moves them before segments are freed.
 */
static struct rte_mbuf *payload_seek(struct tcp_conn *c, uint32_t seq, uint32_t *off)
{
	struct tcp_cursor from = {c->tx.head, c->tx_seq};
	struct tcp_cursor *near[] = {&c->rtx_cur, &c->cur};

	for (unsigned i = 0; i < LG_ARRAY_SIZE(near); i++)
		if (near[i]->m != NULL && seq_leq(near[i]->seq, seq) &&
			seq_geq(near[i]->seq, from.seq))
			from = *near[i];
	while (seq - from.seq >= from.m->data_len && from.m->next != NULL) {
		from.seq += from.m->data_len;
		from.m = from.m->next;
	}
	*(seq_geq(seq, c->snd_nxt) ? &c->cur : &c->rtx_cur) = from;
	*off = seq - from.seq;
	return from.m;
}

/* Copies n bytes from m + off on to the end of packet h, into further mbufs when it is full. */
static bool payload_copy(
	struct tcp_conn *c, struct rte_mbuf *h, const struct rte_mbuf *m, uint32_t off, uint32_t n)
{
	struct rte_mbuf *last = h;

	while (n > 0) {
		if (off == m->data_len) {
			m = m->next;
			off = 0;
			continue;
		}
		if (rte_pktmbuf_tailroom(last) == 0) {
			struct rte_mbuf *more = rte_pktmbuf_alloc(c->s->p.pool);
			if (more == NULL)
				return false;
			last->next = more;
			last = more;
			h->nb_segs++;
		}
		uint32_t k = LG_MIN(
			n, LG_MIN(m->data_len - off, (uint32_t)rte_pktmbuf_tailroom(last)));
		memcpy(rte_pktmbuf_mtod_offset(last, char *, last->data_len),
			rte_pktmbuf_mtod_offset(m, const char *, off), k);
		last->data_len = (uint16_t)(last->data_len + k);
		h->pkt_len += k;
		off += k;
		n -= k;
	}
	return true;
}

static unsigned pieces(const struct rte_mbuf *m, uint32_t off, uint32_t n)
{
	unsigned count = 1;
	for (n += off; n > m->data_len; m = m->next, count++)
		n -= m->data_len;
	return count;
}

/* Zero copy: indirect mbufs that hold a reference on the send queue's buffers until they are sent.
 */
static bool payload_attach(
	struct tcp_conn *c, struct rte_mbuf *h, struct rte_mbuf *m, uint32_t off, uint32_t n)
{
	struct rte_mbuf *last = h;

	for (; n > 0; m = m->next, off = 0) {
		uint32_t k = LG_MIN(n, m->data_len - off);
		if (k == 0)
			continue;
		struct rte_mbuf *mi = rte_pktmbuf_alloc(c->s->p.indirect);
		if (mi == NULL)
			return false;
		rte_pktmbuf_attach(mi, m);
		mi->data_off = (uint16_t)(m->data_off + off);
		mi->data_len = (uint16_t)k;
		mi->next = NULL;
		last->next = mi;
		last = mi;
		h->nb_segs++;
		h->pkt_len += k;
		n -= k;
	}
	return true;
}

/* Takes everything behind the header off again. */
static void payload_detach(struct rte_mbuf *h)
{
	rte_pktmbuf_free(h->next);
	h->next = NULL;
	h->nb_segs = 1;
	h->pkt_len = h->data_len;
}

static bool payload_add(struct tcp_conn *c, struct rte_mbuf *h, uint32_t seq, uint32_t n)
{
	uint32_t off;
	struct rte_mbuf *m = payload_seek(c, seq, &off);

	LG_ASSERT(seq_geq(seq, c->tx_seq) && seq_leq(seq + n, c->tx_seq + c->tx.len));
	if (n > TCP_COPY_MAX && c->s->p.indirect != NULL && pieces(m, off, n) <= TCP_MAX_ATTACH) {
		if (payload_attach(c, h, m, off, n))
			return true;
		payload_detach(h);
		TCP_COUNT(c->s, TX_COPIED);
	}
	return payload_copy(c, h, m, off, n);
}

/* ---- segments of a connection
 * -------------------------------------------------------------------- */

static void conn_options(const struct tcp_conn *c, struct tcp_options *o, lg_us now)
{
	*o = (struct tcp_options){.has_ts = c->flags & CF_TS};
	if (o->has_ts) {
		o->tsval = conn_ts_now(c, now);
		o->tsecr = c->ts_recent;
	}
	if (!(c->flags & CF_SACK) || !(c->n_ooo > 0 || c->flags & CF_DSACK))
		return;
	unsigned max = o->has_ts ? 3 : 4;
	if (c->flags & CF_DSACK) { /* RFC 2883: the duplicate comes first */
		o->sack[0].start = c->dsack_seq;
		o->sack[0].end = c->dsack_end;
		o->n_sack = 1;
	}
	o->n_sack += (uint8_t)reass_sack_blocks(c, o->sack + o->n_sack, max - o->n_sack);
}

uint32_t segment_room(const struct tcp_conn *c)
{
	struct tcp_options o;
	conn_options(c, &o, 0);
	return c->mss - tcp_options_len(&o);
}

/* Whatever carries an ACK settles all that was owed. */
static void ack_sent(struct tcp_conn *c)
{
	c->flags &= ~(CF_ACK_NOW | CF_ACK_DELAYED | CF_DSACK);
	c->ack_pending_bytes = 0;
	if (!(c->flags & CF_RETRY))
		c->delack_at = 0;
	c->last_ack_sent = c->rcv_nxt;
	if (c->quickacks > 0)
		c->quickacks--;
}

static void count_sent(struct tcp_conn *c, uint32_t seq, uint32_t len)
{
	struct tcp_conn_stats *t = &c->stats;

	t->segs_out++;
	if (len == 0)
		return;
	t->data_segs_out++;
	t->octets_sent += len;
	if (seq_lt(seq, c->snd_nxt)) {
		t->segs_retrans++;
		t->octets_retrans += len;
	}
}

bool segment_send(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags, lg_us now)
{
	struct tcp_options o;
	uint8_t ecn = ecn_mark(c, seq, len, &flags);
	conn_options(c, &o, now);
	struct rte_mbuf *h = header_new(
		c->s, &c->key, &o, flags | RTE_TCP_ACK_FLAG, seq, c->rcv_nxt, window_select(c));
	if (h == NULL)
		return false;
	if (len > 0 && !payload_add(c, h, seq, len)) {
		TCP_COUNT(c->s, DROP_NOMBUF);
		rte_pktmbuf_free(h);
		return false;
	}
	ack_sent(c);
	count_sent(c, seq, len);
	if (flags & RTE_TCP_CWR_FLAG)
		c->flags &= ~CF_CWR;
	emit(c->s, &c->key, h, tos_of(&c->opts, ecn), now);
	return true;
}

/*
 * An ACK must be acceptable to the peer even when a probe or a shrunken window left SND.NXT beyond
 * its right edge.
 */
static uint32_t acceptable_seq(const struct tcp_conn *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd;
	return seq_lt(edge, c->snd_nxt) ? edge : c->snd_nxt;
}

bool segment_send_ack(struct tcp_conn *c, lg_us now)
{
	return segment_send(c, acceptable_seq(c), 0, 0, now);
}

bool segment_send_syn(struct tcp_conn *c, lg_us now)
{
	bool reply = c->state == TCP_SYN_RECEIVED;
	struct tcp_options o = {
		.has_mss = true,
		.mss = syn_mss(c),
		.has_wscale = !reply || c->flags & CF_WSCALE,
		.wscale = c->rcv_wscale,
		.has_ts = !reply || c->flags & CF_TS,
		.sack_permitted = !reply || c->flags & CF_SACK,
		.tsval = conn_ts_now(c, now),
		.tsecr = reply ? c->ts_recent : 0,
	};
	uint8_t flags = RTE_TCP_SYN_FLAG | (reply ? RTE_TCP_ACK_FLAG : 0) | ecn_syn_flags(c);
	struct rte_mbuf *h = header_new(
		c->s, &c->key, &o, flags, c->iss, reply ? c->rcv_nxt : 0, window_select_syn(c));
	if (h == NULL)
		return false;
	if (reply)
		c->last_ack_sent = c->rcv_nxt;
	c->stats.segs_out++;
	emit(c->s, &c->key, h, tos_of(&c->opts, NET_ECN_NOT_ECT), now);
	return true;
}

/* What was received, emptied for the answer; NULL when its buffer isn't ours alone. */
static struct rte_mbuf *mbuf_again(struct rte_mbuf *m)
{
	if (!RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1 || m->nb_segs != 1)
		return NULL;
	rte_pktmbuf_reset(m);
	return m;
}

void segment_answer_syn(struct tcp_stack *s, const struct tcp_listener *l,
	const struct flow_key *key, struct tcp_seg *g, const struct tcp_options *opt, uint8_t flags,
	uint32_t iss, uint16_t wnd, lg_us now)
{
	struct rte_mbuf *m = mbuf_again(g->m);

	flags |= RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG;

	if (m != NULL) {
		g->m = NULL;
		header_write(m, key, opt, flags, iss, g->seq + 1, wnd);
	} else {
		m = header_new(s, key, opt, flags, iss, g->seq + 1, wnd);
	}
	if (m != NULL)
		emit(s, key, m, tos_of(&l->opts, NET_ECN_NOT_ECT), now);
}

void segment_send_rst(struct tcp_conn *c, lg_us now)
{
	struct rte_mbuf *h = header_new(c->s, &c->key, NULL, RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
		acceptable_seq(c), c->rcv_nxt, 0);
	if (h == NULL)
		return;
	TCP_COUNT(c->s, RSTS_OUT);
	emit(c->s, &c->key, h, tos_of(&c->opts, NET_ECN_NOT_ECT), now);
}

void segment_answer_rst(
	struct tcp_stack *s, const struct flow_key *key, const struct tcp_seg *g, lg_us now)
{
	bool has_ack = g->flags & RTE_TCP_ACK_FLAG;

	if (g->flags & RTE_TCP_RST_FLAG)
		return;
	if (!rate_allow(&s->rst_rate, s->p.rst_rate, now)) {
		TCP_COUNT(s, RSTS_LIMITED);
		return;
	}
	struct rte_mbuf *h = has_ack ? header_new(s, key, NULL, RTE_TCP_RST_FLAG, g->ack, 0, 0)
				     : header_new(s, key, NULL, RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
					       0, g->seq + seg_len(g), 0);
	if (h == NULL)
		return;
	TCP_COUNT(s, RSTS_OUT);
	emit(s, key, h, 0, now);
}
