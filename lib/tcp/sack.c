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

/*
 * Only whole records: half a one stays unSACKed, which costs at most a needless retransmission. In
 * sequence order, or RACK would see reordering where there is none.
 */
static void sack_block(struct tcp_conn *c, const struct tcp_sack_block *b,
	const struct tcp_options *opt, struct tcp_ack_info *a, lg_us now)
{
	struct tcp_rec *r = c->rec_tail;

	while (r != NULL && r->prev != NULL && seq_geq(r->prev->seq, b->start))
		r = r->prev;
	for (; r != NULL && seq_leq(r->end, b->end); r = r->next) {
		uint32_t n = r->end - r->seq;
		if (r->flags & REC_SACKED || seq_lt(r->seq, b->start))
			continue;
		if (!(r->flags & REC_EVER_RTX) && a->rtt == 0)
			a->rtt = LG_MAX(us_since(now, r->tx_time), 1u);
		a->sacked += n;
		a->delivered += n;
		rack_on_delivered(c, r, opt, now);
		rate_on_delivered(c, r, n, a, now);
		r = rec_mark_sacked(c, r);
	}
}

/* The valid blocks of an ACK, without a D-SACK, lowest first. */
static unsigned sort_blocks(const struct tcp_conn *c, const struct tcp_options *opt, bool dsack,
	struct tcp_sack_block *out)
{
	unsigned n = 0;

	for (unsigned i = dsack; i < opt->n_sack; i++) {
		unsigned at = n;
		if (!block_valid(c, &opt->sack[i]))
			continue;
		for (; at > 0 && seq_gt(out[at - 1].start, opt->sack[i].start); at--)
			out[at] = out[at - 1];
		out[at] = opt->sack[i];
		n++;
	}
	return n;
}

void sack_update(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a, lg_us now)
{
	struct tcp_sack_block blocks[TCP_MAX_SACK_BLOCKS];

	if (g->opt.n_sack == 0 || !(c->flags & CF_SACK))
		return;
	TCP_COUNT_ADD(c->s, SACK_BLOCKS_IN, g->opt.n_sack);
	a->dsack = is_dsack(c, g);
	if (a->dsack)
		TCP_COUNT(c->s, DSACKS_IN);
	unsigned n = sort_blocks(c, &g->opt, a->dsack, blocks);
	for (unsigned i = 0; i < n; i++)
		sack_block(c, &blocks[i], &g->opt, a, now);
}

void sack_forget(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		if (r->flags & REC_SACKED)
			rec_unmark_sacked(c, r);
	LG_ASSERT(c->sacked_bytes == 0 && c->n_sacked == 0);
}
