/* SPDX-License-Identifier: BSD-3-Clause */
/* The SACK scoreboard on the transmit records: RFC 2018, RFC 6675. */
#include "tcp/tcp_internal.h"

/* D-SACKs lie below SND.UNA and don't belong on the scoreboard; forged ones lie anywhere. */
static bool block_valid(const struct tcp_conn *c, const struct tcp_sack_block *b)
{
	return seq_lt(b->start, b->end) && seq_geq(b->start, c->snd_una) &&
	       seq_leq(b->end, c->snd_nxt);
}

static void rec_mark_sacked(struct tcp_conn *c, struct tcp_rec *r)
{
	uint32_t n = r->end - r->seq;

	if (r->flags & REC_LOST)
		c->lost_bytes -= n;
	if (r->flags & REC_RETRANS)
		c->retrans_bytes -= n;
	r->flags &= (uint8_t) ~(REC_LOST | REC_RETRANS);
	r->flags |= REC_SACKED;
	c->sacked_bytes += n;
}

/* Only whole records: half a one stays unSACKed, which costs at most a needless retransmission. */
static uint32_t sack_block(
	struct tcp_conn *c, const struct tcp_sack_block *b, lg_us now, lg_us *rtt)
{
	uint32_t bytes = 0;

	for (struct tcp_rec *r = c->rec_tail; r != NULL && seq_geq(r->seq, b->start); r = r->prev) {
		if (r->flags & REC_SACKED || seq_gt(r->end, b->end))
			continue;
		if (!(r->flags & REC_EVER_RTX) && *rtt == 0)
			*rtt = LG_MAX(now - r->tx_time, 1u);
		bytes += r->end - r->seq;
		rec_mark_sacked(c, r);
	}
	return bytes;
}

uint32_t sack_update(struct tcp_conn *c, const struct tcp_options *opt, lg_us now, lg_us *rtt)
{
	uint32_t bytes = 0;

	for (unsigned i = 0; i < opt->n_sack; i++) {
		TCP_COUNT(c->s, SACK_BLOCKS_IN);
		if (block_valid(c, &opt->sack[i]))
			bytes += sack_block(c, &opt->sack[i], now, rtt);
	}
	return bytes;
}

/*
 * IsLost(): DupThresh SACKed segments, or more than (DupThresh - 1) * SMSS SACKed bytes, lie above.
 * What was retransmitted since is in flight again and only an RTO finds it lost once more.
 */
uint32_t sack_mark_lost(struct tcp_conn *c)
{
	uint32_t segs = 0, bytes = 0, before = c->lost_bytes;

	if (c->sacked_bytes == 0)
		return 0;
	for (struct tcp_rec *r = c->rec_tail; r != NULL; r = r->prev) {
		if (r->flags & REC_SACKED) {
			segs++;
			bytes += r->end - r->seq;
		} else if (segs >= TCP_DUPTHRESH ||
			   bytes > (TCP_DUPTHRESH - 1) * (uint32_t)c->mss) {
			rec_mark_lost(c, r);
		}
	}
	return c->lost_bytes - before;
}

void sack_forget(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next) {
		if (!(r->flags & REC_SACKED))
			continue;
		r->flags &= (uint8_t)~REC_SACKED;
		c->sacked_bytes -= r->end - r->seq;
	}
	LG_ASSERT(c->sacked_bytes == 0);
}
