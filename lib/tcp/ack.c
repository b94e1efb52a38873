/* SPDX-License-Identifier: BSD-3-Clause */
/* Step 5 of SEGMENT ARRIVES for an acceptable ACK: what it acknowledges and what it allows. */
#include "tcp/tcp_internal.h"

/*
 * The window was closed and opens. What we sent into it, a probe's octet mostly, was not taken: it
 * goes again now, and the waits that doubled meanwhile say nothing about the path.
 */
static void window_opened(struct tcp_conn *c, bool advanced, lg_us now)
{
	c->persist_shift = 0;
	c->rto_shift = 0;
	c->progress_at = c->rto_base = now;
	if (advanced || c->rec_head == NULL)
		return;
	rec_mark_lost_again(c, c->rec_head);
	c->flags |= CF_RTX_FORCE;
}

/*
 * Section 3.10.7.4: only a segment at least as new as the last may change the window. An ACK that
 * advances is newer whatever its sequence number says: a retransmission repeats an old number, and
 * its window must go with its ACK or the right edge would run ahead of what the peer promised.
 */
static void update_send_window(
	struct tcp_conn *c, const struct tcp_seg *g, bool advanced, lg_us now)
{
	bool newer = seq_lt(c->snd_wl1, g->seq) ||
		     (c->snd_wl1 == g->seq && seq_leq(c->snd_wl2, g->ack));
	if (!newer && !advanced)
		return;
	uint32_t wnd = (uint32_t)g->wnd << c->snd_wscale;
	if (c->snd_wnd == 0 && wnd > 0)
		window_opened(c, advanced, now);
	c->snd_wnd = wnd;
	c->snd_wl1 = seq_max(c->snd_wl1, g->seq);
	c->snd_wl2 = g->ack;
	c->max_snd_wnd = LG_MAX(c->max_snd_wnd, wnd);
}

/* RFC 5681 section 2; an ACK in answer to a window probe tells nothing about loss. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return g->ack == c->snd_una && c->snd_nxt != c->snd_una && g->len == 0 &&
	       !(g->flags & RTE_TCP_FIN_FLAG) && c->snd_wnd != 0 &&
	       ((uint32_t)g->wnd << c->snd_wscale) == c->snd_wnd;
}

/* Frees acknowledged bytes; the cursors stay on segments that live. */
static void tx_trim(struct tcp_conn *c, uint32_t ack)
{
	if (seq_leq(ack, c->tx_seq))
		return;
	uint32_t n = LG_MIN(ack - c->tx_seq, c->tx.len);
	if (n == 0)
		return;
	lg_chain_trim_head(&c->tx, n);
	c->tx_seq += n;
	if (seq_leq(c->cur.seq, c->tx_seq))
		c->cur = (struct tcp_cursor){c->tx.head, c->tx_seq};
	if (seq_leq(c->rtx_cur.seq, c->tx_seq))
		c->rtx_cur.m = NULL;
}

void ack_advance(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt,
	struct tcp_ack_info *a, lg_us now)
{
	a->acked = ack - c->snd_una;
	pmtu_on_advance(c, ack, now);
	rec_ack(c, ack, opt, a, now);
	c->snd_una = ack;
	c->progress_at = now;
	c->soft_error = 0;
	tx_trim(c, ack);
	conn_post_writable(c);
}

void ack_process(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	struct tcp_ack_info a = {.prior_pipe = conn_pipe(c), .now = now};
	bool duplicate = is_duplicate(c, g);

	if (seq_gt(g->ack, c->snd_una))
		ack_advance(c, g->ack, &g->opt, &a, now);
	update_send_window(c, g, a.acked > 0, now);
	/*
	 * MUST-37: a peer that answers probes may keep its window closed for as long as the user
	 * likes (the proxy's timeouts are the user's patience; nobody's waits for an orphan).
	 */
	if (c->snd_wnd == 0 && !(c->flags & CF_RELEASED))
		c->progress_at = now;
	sack_update(c, g, &a, now);
	if (a.sacked > 0 && c->flags & CF_PMTU)
		pmtu_on_sack(c, now);
	if (a.rtt != 0)
		rtt_sample(c, a.rtt, now);
	rate_finish(c, &a);
	if (duplicate)
		TCP_COUNT(c->s, DUP_ACKS_IN);
	recovery_on_ack(c, g, &a, duplicate);
	if (a.delivered > 0)
		c->tlp_base = now;
	rexmt_update(c, now, a.acked > 0);
	conn_post_writable(c); /* both windows are known now */
	if (conn_unsent(c) > 0 || conn_fin_due(c) || c->lost_bytes > c->retrans_bytes)
		conn_mark_output(c);
}
