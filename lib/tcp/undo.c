/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reductions of cwnd that were needless, because nothing was lost: packets were only late or out of
 * order. Two witnesses: timestamps (Eifel, RFC 3522: the first ACK after a retransmission echoes a
 * time before it, so the original arrived) and D-SACK (RFC 3708: everything that was sent again has
 * been reported as duplicate, maybe after the end of the recovery). Then cwnd and ssthresh are as
 * before (RFC 4015).
 */
#include "tcp/tcp_internal.h"

void undo_start(struct tcp_conn *c)
{
	c->undo.on = true;
	c->undo.marker = c->snd_una;
	/* The ACK of what was sent again before this episode echoes a time before it, too. */
	c->undo.retrans = c->retrans_bytes;
	c->undo.retransmitted = c->retrans_bytes > 0 && c->undo.retransmitted;
	c->undo.closing = false;
}

void undo_closes(struct tcp_conn *c)
{
	c->undo.closing = true;
	c->undo.until = c->snd_nxt;
}

void undo_sent(struct tcp_conn *c, const struct tcp_rec *r, lg_us now)
{
	if (!c->undo.retransmitted)
		c->undo.first_retrans_ts = conn_ts_now(c, now);
	c->undo.retransmitted = true;
	c->undo.retrans += r->end - r->seq;
}

static bool eifel_says_so(
	const struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a)
{
	return a->acked > 0 && c->undo.retransmitted && c->flags & CF_TS && g->opt.has_ts &&
	       seq_lt(g->opt.tsecr, c->undo.first_retrans_ts);
}

static bool dsacks_say_so(struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a)
{
	const struct tcp_sack_block *b = &g->opt.sack[0];

	if (!a->dsack || !c->undo.retransmitted || seq_lt(b->start, c->undo.marker))
		return false;
	c->undo.retrans -= LG_MIN(c->undo.retrans, b->end - b->start);
	return c->undo.retrans == 0;
}

bool undo_on_ack(struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a)
{
	if (!c->undo.on)
		return false;
	if (!eifel_says_so(c, g, a) && !dsacks_say_so(c, g, a)) {
		c->undo.on = !c->undo.closing || seq_lt(c->snd_una, c->undo.until);
		return false;
	}
	TCP_COUNT(c->s, UNDOS);
	if (c->recovery == REC_LOSS)
		TCP_COUNT(c->s, SPURIOUS_RTOS);
	c->undo.on = false;
	rec_unmark_lost(c);
	c->cwnd = LG_MAX(c->cwnd, c->prior_cwnd);
	c->ssthresh = LG_MAX(c->ssthresh, c->prior_ssthresh);
	if (c->cc->event != NULL)
		c->cc->event(c, TCP_CC_UNDO, a->now);
	return true;
}
