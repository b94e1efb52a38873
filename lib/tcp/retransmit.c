/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss recovery: SACK-based (RFC 6675) and, for peers without SACK, NewReno (RFC 6582). Both run on
 * the transmit records and on `pipe`; duplicate ACKs without SACK count as bytes that have left the
 * network (dup_bytes), which replaces the window inflation of RFC 5681 and gives limited transmit
 * (RFC 3042) for free. SND.NXT never goes back.
 */
#include "tcp/tcp_internal.h"

static void enter_fast_recovery(struct tcp_conn *c)
{
	TCP_COUNT(c->s, FAST_RETRANS);
	c->ssthresh = c->cc->ssthresh(c, c->snd_nxt - c->snd_una);
	c->cwnd = c->ssthresh;
	c->recover = c->snd_nxt;
	c->recovery = REC_FAST;
	ecn_reduced(c);
	c->flags |= CF_RTX_FORCE; /* RFC 6675 (4.3): the first one leaves whatever pipe says */
}

/* A partial ACK: the retransmission arrived, the next hole is a loss of the same window. */
static void partial_ack(struct tcp_conn *c, uint32_t acked)
{
	uint32_t left = acked > c->mss ? acked - c->mss : 0;

	c->dup_bytes -= LG_MIN(c->dup_bytes, left);
	if (c->recovery != REC_FAST || c->rec_head == NULL ||
		c->rec_head->flags & (REC_SACKED | REC_LOST))
		return;
	rec_mark_lost(c, c->rec_head);
	c->flags |= CF_RTX_FORCE;
}

static void on_progress(struct tcp_conn *c, uint32_t acked)
{
	if (c->recovery != REC_OPEN && seq_lt(c->snd_una, c->recover)) {
		partial_ack(c, acked);
		return;
	}
	c->recovery = REC_OPEN;
	c->dupacks = 0;
	c->dup_bytes = 0;
}

/* True when the third duplicate ACK tells a loss (RFC 6582 section 3.2 step 2, without SACK). */
static bool count_duplicate(struct tcp_conn *c)
{
	if (c->recovery == REC_LOSS)
		return false;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	/* Forged duplicates can't make more leave the network than was in it. */
	uint32_t flight = c->snd_nxt - c->snd_una;
	c->dup_bytes = LG_MIN(c->dup_bytes + c->mss, flight > c->mss ? flight - c->mss : 0);
	if (c->dupacks != TCP_DUPTHRESH || c->recovery != REC_OPEN ||
		!seq_gt(c->snd_una, c->recover))
		return false;
	LG_ASSERT(c->rec_head != NULL);
	rec_mark_lost(c, c->rec_head);
	return true;
}

void recovery_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a, bool duplicate)
{
	bool loss = false;

	if (a->acked > 0)
		on_progress(c, a->acked);
	if (c->flags & CF_SACK)
		loss = a->sacked > 0 && sack_mark_lost(c) > 0;
	else if (duplicate)
		loss = count_duplicate(c);
	if (loss && c->recovery == REC_OPEN)
		enter_fast_recovery(c);
}

/* RFC 5681 section 3.1 and RFC 6582 section 4; the scoreboard is kept (RFC 6675 section 5.1). */
void recovery_on_rto(struct tcp_conn *c)
{
	if (c->rec_head != NULL && c->rec_head->flags & REC_SACKED)
		sack_forget(c);
	if (c->recovery != REC_LOSS)
		c->ssthresh = c->cc->ssthresh(c, c->snd_nxt - c->snd_una);
	c->cwnd = c->mss;
	c->bytes_acked = 0;
	c->recover = c->snd_nxt;
	c->recovery = REC_LOSS;
	ecn_reduced(c);
	c->dupacks = 0;
	c->dup_bytes = 0;
	rec_mark_all_lost(c);
	c->flags |= CF_RTX_FORCE;
}

/* One record again, byte for byte; what no longer fits (path MTU, more options) becomes two. */
static bool retransmit_one(struct tcp_conn *c, struct tcp_rec *r, lg_us now)
{
	uint32_t room = segment_room(c);
	uint32_t len = r->end - r->seq - !!(r->flags & REC_FIN);

	if (len > room) {
		if (rec_split(c, r, r->seq + room) == NULL)
			return false;
		len = room;
	}
	uint8_t flags = r->flags & REC_FIN ? RTE_TCP_FIN_FLAG : 0;
	if (len > 0 && r->next == NULL)
		flags |= RTE_TCP_PSH_FLAG;
	if (!segment_send(c, r->seq, len, flags, now))
		return false;
	rec_mark_retrans(c, r, now);
	c->last_send = now;
	TCP_COUNT(c->s, SEGS_RETRANS);
	return true;
}

/* Beyond a shrunken window only the first may go, as a probe (section 3.8.6). */
static bool may_retransmit(const struct tcp_conn *c, const struct tcp_rec *r)
{
	if (r != c->rec_head && seq_geq(r->seq, c->snd_una + c->snd_wnd))
		return false;
	if (c->flags & CF_RTX_FORCE)
		return true;
	uint32_t pipe = conn_pipe(c);
	return pipe == 0 || pipe + (r->end - r->seq) <= c->cwnd;
}

bool retransmit_lost(struct tcp_conn *c, lg_us now)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL && c->lost_bytes > c->retrans_bytes;
		r = r->next) {
		if ((r->flags & (REC_LOST | REC_RETRANS)) != REC_LOST)
			continue;
		if (!may_retransmit(c, r))
			return true;
		if (!retransmit_one(c, r, now))
			return false;
		c->flags &= ~CF_RTX_FORCE;
	}
	c->flags &= ~CF_RTX_FORCE;
	return true;
}
