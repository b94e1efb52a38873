/* SPDX-License-Identifier: BSD-3-Clause */
/* The SACK scoreboard on the transmit records: RFC 2018, and D-SACK: RFC 2883. */
#include "tcp/tcp_internal.h"

/* D-SACKs lie below SND.UNA and don't belong on the scoreboard; forged ones lie anywhere. */
static bool block_valid(const struct tcp_conn *c, const struct tcp_sack_block *b)
{
	return seq_lt(b->start, b->end) && seq_geq(b->start, c->snd_una) &&
	       seq_leq(b->end, c->snd_nxt);
}

/*
 * RFC 2883 section 4: the first block reports a duplicate when it lies below the acknowledgment, or
 * inside the second block. Believed only for what may still be on its way back: data of the last
 * window.
 */
static bool is_dsack(const struct tcp_conn *c, const struct tcp_seg *g)
{
	const struct tcp_sack_block *b = g->opt.sack;

	if (!seq_lt(b[0].start, b[0].end) || seq_gt(b[0].end, c->snd_nxt) ||
		seq_lt(b[0].start, c->snd_una - c->max_snd_wnd))
		return false;
	if (seq_leq(b[0].end, g->ack))
		return true;
	return g->opt.n_sack > 1 && seq_geq(b[0].start, b[1].start) && seq_leq(b[0].end, b[1].end);
}

/* Only whole records: half a one stays unSACKed, which costs at most a needless retransmission. */
static void sack_block(struct tcp_conn *c, const struct tcp_sack_block *b,
	const struct tcp_options *opt, struct tcp_ack_info *a, lg_us now)
{
	for (struct tcp_rec *r = c->rec_tail; r != NULL && seq_geq(r->seq, b->start); r = r->prev) {
		uint32_t n = r->end - r->seq;
		if (r->flags & REC_SACKED || seq_gt(r->end, b->end))
			continue;
		if (!(r->flags & REC_EVER_RTX) && a->rtt == 0)
			a->rtt = LG_MAX(us_since(now, r->tx_time), 1u);
		a->sacked += n;
		a->delivered += n;
		rack_on_delivered(c, r, opt, now);
		rate_on_delivered(c, r, n, a, now);
		rec_mark_sacked(c, r);
	}
}

void sack_update(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a, lg_us now)
{
	const struct tcp_options *opt = &g->opt;

	if (opt->n_sack == 0 || !(c->flags & CF_SACK))
		return;
	TCP_COUNT_ADD(c->s, SACK_BLOCKS_IN, opt->n_sack);
	a->dsack = is_dsack(c, g);
	if (a->dsack)
		TCP_COUNT(c->s, DSACKS_IN);
	for (unsigned i = a->dsack; i < opt->n_sack; i++)
		if (block_valid(c, &opt->sack[i]))
			sack_block(c, &opt->sack[i], opt, a, now);
}

void sack_forget(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		if (r->flags & REC_SACKED)
			rec_unmark_sacked(c, r);
	LG_ASSERT(c->sacked_bytes == 0 && c->n_sacked == 0);
}
