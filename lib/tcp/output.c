/* SPDX-License-Identifier: BSD-3-Clause */
/* What leaves at a flush: SYNs, retransmissions, new data and FIN, ACKs. */
#include "tcp/tcp_internal.h"

static void output_syn(struct tcp_conn *c, lg_us now)
{
	if (!(c->flags & CF_SYN_DUE))
		return;
	if (!segment_send_syn(c, now)) {
		retry_later(c, now);
		return;
	}
	c->flags &= ~(CF_SYN_DUE | CF_ACK_NOW);
	if (c->snd_nxt == c->iss) {
		c->snd_nxt = c->iss + 1;
		c->syn_tx = now;
		c->progress_at = now;
	} else {
		c->flags |= CF_SYN_RTX;
		TCP_COUNT(c->s, SEGS_RETRANS);
	}
	rexmt_update(c, now, true);
}

/*
 * Sender's silly-window avoidance (section 3.8.6.2.1) without Nagle: a full segment, or all there
 * is, or half of the largest window ever offered.
 */
static bool worth_sending(const struct tcp_conn *c, uint32_t len, uint32_t avail, uint32_t room)
{
	return len > 0 && (len >= room || len == avail || len >= c->max_snd_wnd / 2);
}

/* Bytes of the next new segment; 0 when a window or the pace makes it wait. */
static uint32_t next_len(struct tcp_conn *c, uint32_t avail, uint32_t room, lg_us now)
{
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t usable = seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;
	uint32_t len = LG_MIN(LG_MIN(avail, room), usable);
	uint32_t pipe = conn_pipe(c);

	if (!worth_sending(c, len, avail, room) || !rec_available(c))
		return 0;
	if (pipe > 0 && pipe + len > c->cwnd) {
		c->flags |= CF_CWND_LIMITED;
		return 0;
	}
	return pace_allows(c, now) ? len : 0;
}

/* One segment at SND.NXT with a record; fin: it carries the FIN. False: no mbuf or no record. */
static bool send_new(struct tcp_conn *c, uint32_t len, bool fin, lg_us now)
{
	uint32_t seq = c->snd_nxt;
	uint32_t end = seq + len + fin;
	uint8_t flags = fin ? RTE_TCP_FIN_FLAG : 0;

	if (len > 0 && len == conn_unsent(c))
		flags |= RTE_TCP_PSH_FLAG;
	struct tcp_rec *r = rec_push(c, seq, end, fin ? REC_FIN : 0, now);
	if (r == NULL || !segment_send(c, seq, len, flags, now)) {
		if (r != NULL)
			rec_pop(c, r);
		retry_later(c, now);
		return false;
	}
	bool idle = c->snd_una == c->snd_nxt;
	if (idle)
		c->progress_at = now;
	c->snd_nxt = end;
	c->last_send = c->tlp_base = now;
	rate_on_send(c, r, idle, now);
	prr_sent(c, len);
	pace_sent(c, len, now);
	if (fin) {
		c->flags |= CF_FIN_SENT;
		c->fin_seq = end - 1;
	}
	TCP_COUNT_ADD(c->s, OCTETS_OUT, len);
	if (c->flags & CF_PMTU)
		pmtu_sent(c, seq, len);
	rexmt_update(c, now, false);
	return true;
}

static bool fin_fits(const struct tcp_conn *c, uint32_t len)
{
	return seq_lt(c->snd_nxt + len, c->snd_una + c->snd_wnd);
}

/* Sends the lone FIN: the window counts, the congestion window doesn't (it can't carry much). */
static void output_fin(struct tcp_conn *c, lg_us now)
{
	if (fin_fits(c, 0))
		send_new(c, 0, true, now);
}

static void output_new(struct tcp_conn *c, lg_us now)
{
	c->flags &= ~CF_CWND_LIMITED;
	cc_restart_after_idle(c, now);
	for (;;) {
		uint32_t avail = conn_unsent(c);
		uint32_t room = pmtu_room(c, avail);
		if (avail == 0)
			break;
		uint32_t len = next_len(c, avail, room, now);
		if (len == 0)
			return;
		bool fin = len == avail && conn_fin_due(c) && fin_fits(c, len);
		if (!send_new(c, len, fin, now))
			return;
	}
	if (c->lost_bytes <= c->retrans_bytes && conn_pipe(c) < c->cwnd)
		rate_app_limited(c);
	if (conn_fin_due(c))
		output_fin(c, now);
}

bool output_one_new(struct tcp_conn *c, lg_us now)
{
	uint32_t avail = conn_unsent(c), room = segment_room(c);
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t usable = seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;
	uint32_t len = LG_MIN(LG_MIN(avail, room), usable);

	if (len == 0 || !worth_sending(c, len, avail, room) || !rec_available(c))
		return false;
	bool fin = len == avail && conn_fin_due(c) && fin_fits(c, len);
	return send_new(c, len, fin, now);
}

/*
 * The persist timer fired (section 3.8.6.1): one octet, or the FIN, into a window that is closed;
 * the whole of what fits where it was only silly.
 */
static void output_probe(struct tcp_conn *c, lg_us now)
{
	uint32_t avail = conn_unsent(c);
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t usable = seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;

	c->flags &= ~CF_PROBE;
	if (c->snd_una != c->snd_nxt || (avail == 0 && !conn_fin_due(c)))
		return;
	uint32_t len = LG_MIN(avail, LG_MIN(LG_MAX(usable, 1u), segment_room(c)));
	if (send_new(c, len, avail == 0, now))
		TCP_COUNT(c->s, ZERO_WINDOW_PROBES);
}

static void output_ack(struct tcp_conn *c, lg_us now)
{
	if (c->flags & CF_ACK_NOW && !segment_send_ack(c, now))
		retry_later(c, now);
}

static void output_data(struct tcp_conn *c, lg_us now)
{
	if (!retransmit_lost(c, now)) {
		retry_later(c, now);
		return;
	}
	output_new(c, now);
	pace_settle(c);
	if (c->flags & CF_PROBE)
		output_probe(c, now);
	rexmt_update(c, now, false);
}

void conn_output(struct tcp_conn *c, lg_us now)
{
	switch ((enum tcp_state)c->state) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECEIVED:
		output_syn(c, now);
		output_ack(c, now);
		return;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		output_data(c, now);
		output_ack(c, now);
		return;
	case TCP_TIME_WAIT:
		output_ack(c, now);
		return;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_STATES:
		return;
	}
}
