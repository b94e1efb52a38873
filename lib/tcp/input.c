/* SPDX-License-Identifier: BSD-3-Clause */
/* Bursts of segments: parse, look up all at once, then segment by segment. */
#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "tcp/tcp_internal.h"

/* ---- parsing
 * ---------------------------------------------------------------------------------------- */

static void seg_key(const struct net_pkt *pkt, const struct rte_tcp_hdr *th, struct flow_key *key)
{
	*key = (struct flow_key){
		.remote = pkt->src,
		.local = pkt->dst,
		.rport = rte_be_to_cpu_16(th->src_port),
		.lport = rte_be_to_cpu_16(th->dst_port),
		.side = pkt->side,
	};
}

/*
 * Reads header and options (copied out only when they lie across mbufs) and leaves the payload in
 * g->m. 0 or the counter that says what is wrong; the packet stays the caller's then.
 */
static int seg_parse(const struct net_pkt *pkt, struct tcp_seg *g, struct flow_key *key)
{
	struct rte_tcp_hdr hbuf;
	uint8_t obuf[TCP_MAX_OPTION_BYTES];
	const struct rte_tcp_hdr *th = rte_pktmbuf_read(pkt->m, 0, sizeof(hbuf), &hbuf);

	if (th == NULL)
		return TCP_CTR_DROP_BAD_OPTION;
	uint32_t hlen = (uint32_t)(th->data_off >> 4) * 4;
	if (hlen < sizeof(*th) || hlen > pkt->m->pkt_len)
		return TCP_CTR_DROP_BAD_OPTION;
	seg_key(pkt, th, key);
	*g = (struct tcp_seg){
		.m = pkt->m,
		.seq = rte_be_to_cpu_32(th->sent_seq),
		.ack = rte_be_to_cpu_32(th->recv_ack),
		.wnd = rte_be_to_cpu_16(th->rx_win),
		.flags = th->tcp_flags,
		.ecn = pkt->ecn,
		.len = pkt->m->pkt_len - hlen,
	};
	uint32_t olen = hlen - (uint32_t)sizeof(*th);
	if (olen > 0) {
		const uint8_t *p = rte_pktmbuf_read(pkt->m, sizeof(*th), olen, obuf);
		if (p == NULL || tcp_options_parse(p, olen, &g->opt) != 0)
			return TCP_CTR_DROP_BAD_OPTION;
	}
	pkt_trim_head(g->m, hlen);
	return 0;
}

/* ---- no connection
 * ------------------------------------------------------------------------------------ */

/*
 * Our silence would leave a peer hanging where we listen, and at the ports that we connect from.
 */
static bool port_of_pools(const struct tcp_stack *s, const struct flow_key *key)
{
	return key->side == NET_INTERNAL && s->p.ports != NULL &&
	       flow_port_in_range(s->p.ports, key->lport);
}

/* 3.10.7.1 and 3.10.7.2. */
static void input_no_conn(
	struct tcp_stack *s, const struct flow_key *key, struct tcp_seg *g, lg_us now)
{
	const struct tcp_listener *l = listener_find(s, key->side, &key->local, key->lport);

	switch (tcp_legal(l != NULL ? TCP_LISTEN : TCP_CLOSED, g->flags)) {
	case LEGAL_OPEN:
		listen_syn(s, key, g, NULL, now);
		return;
	case LEGAL_RESET:
		if (l != NULL && cookie_ack(s, l, key, g, now))
			return;
		TCP_COUNT(s, DROP_NO_CONN);
		if (l != NULL || port_of_pools(s, key))
			segment_answer_rst(s, key, g, now);
		return;
	case LEGAL_IGNORE:
		if (g->flags & RTE_TCP_RST_FLAG)
			TCP_COUNT(s, DROP_NO_CONN);
		else
			TCP_COUNT(s, DROP_NO_LISTENER);
		return;
	case LEGAL_DROP:
	case LEGAL_STEPS:
	case LEGAL_SYN_SENT:
		TCP_COUNT(s, DROP_BAD_FLAGS);
		return;
	}
}

/* ---- the fast path
 * -------------------------------------------------------------------------------------- */

enum {
	SLOW_STATE = 1 << 0,
	SLOW_FLAGS = 1 << 1,
	SLOW_SEQUENCE = 1 << 2,
	SLOW_WINDOW = 1 << 3,
	SLOW_REASSEMBLY = 1 << 4,
	SLOW_TIMESTAMP = 1 << 5,
	SLOW_ACK = 1 << 6,
	SLOW_CLOSING = 1 << 7,
};

/* Why a segment can't take the short way through SEGMENT ARRIVES. 0: nothing can be wrong with it.
 */
static unsigned slow_reasons(const struct tcp_conn *c, const struct tcp_seg *g)
{
	unsigned slow = 0;

	/* Is the connection simply open? */
	if (c->state != TCP_ESTABLISHED)
		slow |= SLOW_STATE;
	/* Nothing but an ACK, maybe pushed? */
	if ((g->flags & (uint8_t)~RTE_TCP_PSH_FLAG) != RTE_TCP_ACK_FLAG)
		slow |= SLOW_FLAGS;
	/* Exactly the next one, and all of it inside the window? */
	if (g->seq != c->rcv_nxt)
		slow |= SLOW_SEQUENCE;
	if (g->len > rcv_wnd(c))
		slow |= SLOW_WINDOW;
	/* No gap that it could fill? */
	if (c->n_ooo != 0)
		slow |= SLOW_REASSEMBLY;
	/* Timestamps as agreed, and not older than the last? */
	if (g->opt.has_ts != !!(c->flags & CF_TS) ||
		(g->opt.has_ts && seq_lt(g->opt.tsval, c->ts_recent)))
		slow |= SLOW_TIMESTAMP;
	/* Acknowledges something that is in flight, or the last again? */
	if (seq_lt(g->ack, c->snd_una) || seq_gt(g->ack, c->snd_nxt))
		slow |= SLOW_ACK;
	/* Does anybody still read? */
	if (c->flags & (CF_RELEASED | CF_FIN_KNOWN))
		slow |= SLOW_CLOSING;
	return slow;
}

/* Data without news in its ACK field. */
static bool ack_is_old_news(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return g->ack == c->snd_una && g->opt.n_sack == 0 && g->len > 0 &&
	       ((uint32_t)g->wnd << c->snd_wscale) == c->snd_wnd;
}

static void fast_path(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	c->last_rx = now;
	if (g->opt.has_ts && seq_leq(g->seq, c->last_ack_sent)) {
		c->ts_recent = g->opt.tsval;
		c->ts_recent_at = now;
	}
	if (ack_is_old_news(c, g))
		c->snd_wl1 = g->seq;
	else
		ack_process(c, g, now);
	receive_text(c, g, now);
}

/* ---- dispatch
 * ------------------------------------------------------------------------------------------- */

static void input_conn(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (slow_reasons(c, g) == 0) {
		fast_path(c, g, now);
		return;
	}
	switch (tcp_legal((enum tcp_state)c->state, g->flags)) {
	case LEGAL_STEPS:
		segment_arrives(c, g, now);
		return;
	case LEGAL_SYN_SENT:
		segment_syn_sent(c, g, now);
		return;
	case LEGAL_DROP:
	case LEGAL_OPEN:
	case LEGAL_RESET:
	case LEGAL_IGNORE:
		TCP_COUNT(c->s, DROP_BAD_FLAGS);
		return;
	}
}

static void prefetch_conn(const struct tcp_conn *c)
{
	const char *line = (const char *)c;
	for (unsigned i = 0; i < 4; i++)
		rte_prefetch0(line + i * RTE_CACHE_LINE_SIZE);
}

/* Parses the burst; what is malformed is freed and counted. Returns how many segments are left. */
static unsigned parse_burst(struct tcp_stack *s, struct net_pkt *pkts, unsigned n,
	struct tcp_seg *segs, struct flow_key *keys)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i].m, void *));
	TCP_COUNT_ADD(s, SEGS_IN, n);
	for (unsigned i = 0; i < n; i++) {
		int wrong = seg_parse(&pkts[i], &segs[k], &keys[k]);
		if (wrong == 0) {
			k++;
			continue;
		}
		s->counters[wrong]++;
		rte_pktmbuf_free(pkts[i].m);
	}
	return k;
}

void tcp_input(struct tcp_stack *s, struct net_pkt *pkts, unsigned n, lg_us now)
{
	struct tcp_seg segs[NET_BURST];
	struct flow_key keys[NET_BURST];
	const struct flow_key *key_ptrs[NET_BURST];
	void *conns[NET_BURST];

	LG_ASSERT(n <= NET_BURST);
	n = parse_burst(s, pkts, n, segs, keys);
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		key_ptrs[i] = &keys[i];
	flow_lookup_bulk(s->flows, key_ptrs, n, conns);
	for (unsigned i = 0; i < n; i++)
		if (conns[i] != NULL)
			prefetch_conn(conns[i]);
	uint32_t epoch = s->epoch;
	for (unsigned i = 0; i < n; i++) {
		/* A connection came or went since: what was found for the burst may be stale. */
		struct tcp_conn *c = epoch == s->epoch ? conns[i] : flow_lookup(s->flows, &keys[i]);
		if (c != NULL) {
			input_conn(c, &segs[i], now);
			conn_count_memory(c);
		} else {
			input_no_conn(s, &keys[i], &segs[i], now);
		}
		rte_pktmbuf_free(segs[i].m);
		conn_reap(s);
	}
}
