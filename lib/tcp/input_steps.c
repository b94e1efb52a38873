/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SEGMENT ARRIVES: section 3.10.7.3 (SYN-SENT) and 3.10.7.4 (all other states), one function per
 * step and in the RFC's order. A step returns false when the segment is dealt with.
 */
#include "tcp/tcp_internal.h"

static void ack_now(struct tcp_conn *c)
{
	c->flags |= CF_ACK_NOW;
	conn_mark_output(c);
}

/* ---- challenge ACKs
 * -------------------------------------------------------------------------------- */

/* A limit that nobody outside knows: CVE-2016-5696 counted on a fixed one. */
static uint32_t challenge_limit(const struct tcp_stack *s, lg_us now)
{
	uint64_t second = now / 1000000;
	uint32_t mean = s->p.challenge_rate;

	return mean / 2 + (uint32_t)(lg_siphash24(&s->p.secret, &second, sizeof(second)) % mean);
}

void challenge_ack(struct tcp_conn *c, lg_us now)
{
	uint32_t window = (uint32_t)(now / LG_SEC(5));

	if (c->flags & CF_ACK_NOW)
		return;
	if (c->challenge_window != window) {
		c->challenge_window = window;
		c->n_challenges = 0;
	}
	if (c->n_challenges >= TCP_CHALLENGES_PER_5S ||
		!rate_allow(&c->s->challenge_rate, challenge_limit(c->s, now), now))
		return;
	c->n_challenges++;
	TCP_COUNT(c->s, CHALLENGE_ACKS);
	ack_now(c);
}

/* ---- 3.10.7.3 SYN-SENT
 * ------------------------------------------------------------------------------ */

static bool syn_sent_ack(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(g->flags & RTE_TCP_ACK_FLAG))
		return true;
	if (seq_gt(g->ack, c->iss) && seq_leq(g->ack, c->snd_nxt))
		return true;
	TCP_COUNT(c->s, DROP_BAD_ACK);
	segment_answer_rst(c->s, &c->key, g, now);
	return false;
}

static bool syn_sent_rst(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!(g->flags & RTE_TCP_RST_FLAG))
		return true;
	if (g->flags & RTE_TCP_ACK_FLAG) {
		TCP_COUNT(c->s, RSTS_IN);
		conn_close(c, TCP_REASON_REFUSED);
	} else {
		TCP_COUNT(c->s, DROP_BAD_ACK);
	}
	return false;
}

static void handshake_rtt(struct tcp_conn *c, lg_us now)
{
	/* A SYN cookie doesn't say when it was sent. */
	if (!(c->flags & CF_SYN_RTX) && c->syn_tx != 0)
		rtt_sample(c, now - c->syn_tx, now);
}

static void syn_sent_established(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	struct tcp_ack_info a = {.now = now};

	handshake_rtt(c, now);
	ack_advance(c, g->ack, &g->opt, &a, now);
	conn_established(c, now);
	rexmt_update(c, now, true);
	ack_now(c);
	/* Data or FIN on the SYN-ACK is taken like any other. */
	g->seq++;
	g->flags &= (uint8_t)~RTE_TCP_SYN_FLAG;
	if (receive_text(c, g, now))
		receive_fin(c, g, now);
}

void segment_syn_sent(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (!syn_sent_ack(c, g, now) || !syn_sent_rst(c, g))
		return;
	if (!(g->flags & RTE_TCP_SYN_FLAG)) {
		TCP_COUNT(c->s, DROP_BAD_FLAGS);
		return;
	}
	uint32_t promised = rcv_wnd(c); /* by our SYN */
	c->last_rx = now;
	c->irs = g->seq;
	c->rcv_nxt = c->last_ack_sent = g->seq + 1;
	c->rcv_adv = c->rcv_nxt + promised;
	syn_negotiate(c, g, now);
	if (g->flags & RTE_TCP_ACK_FLAG) {
		syn_sent_established(c, g, now);
		return;
	}
	/* Simultaneous open (figure 7): our SYN goes again, with the ACK. */
	conn_set_state(c, TCP_SYN_RECEIVED);
	c->flags |= CF_SYN_DUE;
	conn_mark_output(c);
}

/* ---- before step 1
 * ---------------------------------------------------------------------------------- */

/* The peer's SYN again, because our answer got lost; or its SYN-ACK in a simultaneous open. */
static bool step_syn_again(struct tcp_conn *c, struct tcp_seg *g)
{
	if (c->state != TCP_SYN_RECEIVED || !(g->flags & RTE_TCP_SYN_FLAG) || g->seq != c->irs)
		return true;
	if (g->flags & RTE_TCP_ACK_FLAG) {
		g->seq++;
		g->flags &= (uint8_t)~RTE_TCP_SYN_FLAG;
		ack_now(c);
		return true;
	}
	ecn_syn_again(c, g);
	c->flags |= CF_SYN_DUE;
	conn_mark_output(c);
	return false;
}

/*
 * A new incarnation may start from TIME-WAIT: RFC 1122 4.2.2.13, RFC 6191 section 2. Timestamps
 * decide where both have them; where only the new one has, PAWS keeps the old one's segments out.
 */
static bool syn_reopens(const struct tcp_conn *c, const struct tcp_seg *g)
{
	if (c->state != TCP_TIME_WAIT || (g->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG |
							     RTE_TCP_RST_FLAG)) != RTE_TCP_SYN_FLAG)
		return false;
	if (c->flags & CF_ACTIVE)
		return false;
	if (g->opt.has_ts && !(c->flags & CF_TS))
		return true;
	if (g->opt.has_ts && g->opt.tsval != c->ts_recent)
		return seq_gt(g->opt.tsval, c->ts_recent);
	return seq_gt(g->seq, c->rcv_nxt);
}

static bool step_time_wait_reuse(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (!syn_reopens(c, g))
		return true;
	struct tcp_stack *s = c->s;
	struct flow_key key = c->key;
	uint32_t floor = c->snd_nxt;
	conn_close(c, TCP_REASON_FIN);
	listen_syn(s, &key, g, &floor, now);
	return false;
}

/* ---- step 1: sequence number
 * ------------------------------------------------------------------------ */

/* RFC 7323 section 5.3 R1, and section 3.2 for a segment without the option. */
static bool step_paws(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(c->flags & CF_TS) || g->flags & (RTE_TCP_RST_FLAG | RTE_TCP_SYN_FLAG))
		return true;
	if (!g->opt.has_ts) {
		TCP_COUNT(c->s, DROP_PAWS);
		return false;
	}
	if (!seq_lt(g->opt.tsval, c->ts_recent) || now - c->ts_recent_at > TCP_PAWS_IDLE)
		return true;
	TCP_COUNT(c->s, DROP_PAWS);
	if (g->len > 0)
		ack_now(c);
	else
		challenge_ack(c, now);
	return false;
}

/*
 * Table 6, with two allowances: an empty segment at the right edge (a peer that has filled our
 * window sends its ACKs there), and data at a closed window, whose ACK field counts.
 */
static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t len = seg_len(g);

	if (len == 0)
		return seq_geq(g->seq, c->rcv_nxt) && seq_leq(g->seq, c->rcv_adv);
	return seq_gt(g->seq + len, c->rcv_nxt) &&
	       (seq_lt(g->seq, c->rcv_adv) || g->seq == c->rcv_nxt);
}

static bool step_sequence(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (acceptable(c, g))
		return true;
	TCP_COUNT(c->s, DROP_OUT_OF_WINDOW);
	if (g->flags & RTE_TCP_RST_FLAG)
		return false;
	if (c->state == TCP_TIME_WAIT && g->flags & RTE_TCP_FIN_FLAG)
		life_arm(c, now + c->s->p.time_wait);
	if (g->flags & RTE_TCP_SYN_FLAG || seg_len(g) == 0) {
		challenge_ack(c, now);
		return false;
	}
	if (g->len > 0 && seq_leq(g->seq + g->len, c->rcv_nxt))
		note_duplicate(c, g->seq, g->seq + g->len);
	ack_now(c);
	return false;
}

/* ---- steps 2 to 4: RST, (security), SYN
 * --------------------------------------------------------------- */

/* RFC 5961 section 3: only the exact number resets. */
static bool step_rst(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(g->flags & RTE_TCP_RST_FLAG))
		return true;
	if (g->seq != c->rcv_nxt) {
		challenge_ack(c, now);
		return false;
	}
	TCP_COUNT(c->s, RSTS_IN);
	bool refused = c->state == TCP_SYN_RECEIVED && c->flags & CF_ACTIVE;
	conn_close(c, refused ? TCP_REASON_REFUSED : TCP_REASON_RESET);
	return false;
}

/* RFC 5961 section 4; a half-open connection goes back to LISTEN (3.10.7.4 step 4). */
static bool step_syn(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(g->flags & RTE_TCP_SYN_FLAG))
		return true;
	if (c->state == TCP_SYN_RECEIVED && !(c->flags & CF_ACTIVE))
		conn_close(c, TCP_REASON_RESET);
	else
		challenge_ack(c, now);
	return false;
}

/* ---- step 5: ACK
 * ---------------------------------------------------------------------------------------- */

static bool ack_syn_received(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	bool in_range = seq_gt(g->ack, c->snd_una) && seq_leq(g->ack, c->snd_nxt);
	if (!in_range && !cookie_adopt(c, g, now)) {
		TCP_COUNT(c->s, DROP_BAD_ACK);
		segment_answer_rst(c->s, &c->key, g, now);
		return false;
	}
	handshake_rtt(c, now);
	c->snd_wl1 = g->seq;
	c->snd_wl2 = g->ack;
	conn_established(c, now);
	return true;
}

/* RFC 5961 section 5: neither of the future nor older than the largest window. */
static bool ack_in_range(const struct tcp_conn *c, uint32_t ack)
{
	return seq_leq(ack, c->snd_nxt) && seq_geq(ack, c->snd_una - c->max_snd_wnd);
}

/* Our FIN is acknowledged? Then the closing states move on. False when c is gone. */
static bool ack_of_fin(struct tcp_conn *c, lg_us now)
{
	if (!(c->flags & CF_FIN_SENT) || c->snd_una != c->fin_seq + 1)
		return true;
	switch ((enum tcp_state)c->state) {
	case TCP_FIN_WAIT_1:
		conn_set_state(c, TCP_FIN_WAIT_2);
		conn_set_orphan_deadline(c, now);
		return true;
	case TCP_CLOSING:
		conn_enter_time_wait(c, now);
		return c->state != TCP_CLOSED;
	case TCP_LAST_ACK:
		conn_close(c, TCP_REASON_FIN);
		return false;
	default:
		return true;
	}
}

static void update_ts_recent(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(c->flags & CF_TS) || !g->opt.has_ts || seq_gt(g->seq, c->last_ack_sent))
		return;
	if (seq_lt(g->opt.tsval, c->ts_recent) && now - c->ts_recent_at <= TCP_PAWS_IDLE)
		return;
	c->ts_recent = g->opt.tsval;
	c->ts_recent_at = now;
}

static bool step_ack(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (c->state == TCP_SYN_RECEIVED && !ack_syn_received(c, g, now))
		return false;
	if (!ack_in_range(c, g->ack)) {
		TCP_COUNT(c->s, DROP_BAD_ACK);
		challenge_ack(c, now);
		return false;
	}
	c->last_rx = now;
	update_ts_recent(c, g, now);
	if (seq_lt(g->ack, c->snd_una))
		return true;
	ecn_on_ack(c, g, now);
	ack_process(c, g, now);
	return ack_of_fin(c, now);
}

/* ---- 3.10.7.4
 * ------------------------------------------------------------------------------------------- */

void segment_arrives(struct tcp_conn *c, struct tcp_seg *g, lg_us now)
{
	if (!step_syn_again(c, g) || !step_time_wait_reuse(c, g, now))
		return;
	if (!step_paws(c, g, now) || !step_sequence(c, g, now))
		return;
	if (!step_rst(c, g, now) || !step_syn(c, g, now))
		return;
	if (!step_ack(c, g, now))
		return;
	/* Step 6: urgent data is ordinary data here (RFC 6093). */
	if (receive_text(c, g, now))
		receive_fin(c, g, now);
}
