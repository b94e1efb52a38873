/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 section 6): a segment is lost when one sent later has arrived and the time for
 * reordering is over. Times are those of the last transmission, so a lost retransmission is found
 * like any other. Only with SACK; without it recovery.c counts duplicates.
 */
#include "tcp/tcp_internal.h"

#define RACK_PERSIST  16       /* recoveries for which a widened reordering window is kept */
#define RACK_SLACK    LG_MS(5) /* late timers and hosts look like reordering on a short path */
#define RACK_MULT_MAX 20       /* of min_RTT / 4, and never beyond SRTT anyway */

void rack_init(struct tcp_conn *c)
{
	c->rack.reo_wnd_mult = 1;
	c->rack.fack = c->snd_una;
}

/* RACK_sent_after(): by time, and by sequence number within one microsecond. */
static bool sent_after(lg_us t1, uint32_t seq1, lg_us t2, uint32_t seq2)
{
	return t1 > t2 || (t1 == t2 && seq_gt(seq1, seq2));
}

/* Section 6.2 step 2: this ACK may be for the original, whose RTT nobody knows. */
static bool ambiguous(const struct tcp_conn *c, const struct tcp_rec *r,
	const struct tcp_options *opt, lg_us tx_time, uint32_t rtt)
{
	if (!(r->flags & REC_EVER_RTX))
		return false;
	if (c->flags & CF_TS && opt->has_ts)
		return seq_lt(opt->tsecr, conn_ts_now(c, tx_time));
	return rtt_min(c) != UINT32_MAX && rtt < rtt_min(c);
}

/* Step 3: what was sent once and arrives below the highest so far was overtaken on the way. */
static void detect_reordering(struct tcp_conn *c, const struct tcp_rec *r)
{
	if (seq_gt(r->end, c->rack.fack)) {
		c->rack.fack = r->end;
	} else if (!(r->flags & REC_EVER_RTX) && seq_lt(r->end, c->rack.fack)) {
		if (!c->rack.reordering_seen)
			TCP_COUNT(c->s, REORDERING_SEEN);
		c->rack.reordering_seen = true;
	}
}

void rack_on_delivered(
	struct tcp_conn *c, const struct tcp_rec *r, const struct tcp_options *opt, lg_us now)
{
	uint32_t rtt = us_since(now, r->tx_time);
	lg_us tx_time = now - rtt;

	detect_reordering(c, r);
	if (ambiguous(c, r, opt, tx_time, rtt))
		return;
	if (c->rack.xmit_ts != 0 && !sent_after(tx_time, r->end, c->rack.xmit_ts, c->rack.end_seq))
		return;
	/*
	 * The RFC takes the RTT of each; we only that of the one sent last, because originals that
	 * waited behind a hole for its repair would measure the wait.
	 */
	c->rack.rtt = rtt;
	c->rack.xmit_ts = tx_time;
	c->rack.end_seq = r->end;
}

/* Step 4: at most one step per round trip. */
void rack_on_dsack(struct tcp_conn *c)
{
	if (c->rack.dsack_round_set && seq_lt(c->snd_una, c->rack.dsack_round))
		return;
	c->rack.dsack_round_set = true;
	c->rack.dsack_round = c->snd_nxt;
	c->rack.reo_wnd_mult = (uint8_t)LG_MIN(c->rack.reo_wnd_mult + 1, RACK_MULT_MAX);
	c->rack.reo_wnd_persist = RACK_PERSIST;
}

void rack_on_recovered(struct tcp_conn *c)
{
	if (c->rack.reo_wnd_persist > 0)
		c->rack.reo_wnd_persist--;
	if (c->rack.reo_wnd_persist == 0)
		c->rack.reo_wnd_mult = 1;
}

/*
 * Step 4: RACK_update_reo_wnd(). On a path that was never seen to reorder, DupThresh segments say
 * enough, as ever (RFC 5681), and in recovery nobody waits.
 */
static lg_us reo_wnd(const struct tcp_conn *c)
{
	if (!c->rack.reordering_seen && (c->recovery >= REC_FAST || c->n_sacked >= TCP_DUPTHRESH))
		return 0;
	uint32_t min_rtt = rtt_min(c) != UINT32_MAX ? rtt_min(c) : c->rack.rtt;
	return LG_MIN((lg_us)c->rack.reo_wnd_mult * (min_rtt / 4), c->srtt);
}

uint32_t rack_detect_loss(struct tcp_conn *c, lg_us now)
{
	uint32_t before = c->lost_bytes - c->retrans_bytes;
	struct tcp_rec *next;

	c->reo_at = 0;
	if (c->rack.dsack_round_set && seq_geq(c->snd_una, c->rack.dsack_round))
		c->rack.dsack_round_set = false;
	if (c->rack.xmit_ts == 0)
		return 0;
	lg_us wait = c->rack.rtt + reo_wnd(c);
	for (struct tcp_rec *r = c->time_head; r != NULL; r = next) {
		lg_us tx_time = now - us_since(now, r->tx_time);
		next = r->tnext;
		if (!sent_after(c->rack.xmit_ts, c->rack.end_seq, tx_time, r->end))
			break;
		if (tx_time + wait <= now) {
			rec_mark_lost_again(c, r);
		} else {
			/* All behind it were sent later. */
			c->reo_at = tx_time + wait + RACK_SLACK;
			break;
		}
	}
	return c->lost_bytes - c->retrans_bytes - before;
}

void rack_mark_lost_on_rto(struct tcp_conn *c, lg_us now)
{
	lg_us wait = LG_MIN((lg_us)c->rack.rtt, c->srtt) + reo_wnd(c);
	bool timed = c->flags & CF_SACK && c->rack.xmit_ts != 0;

	c->reo_at = 0;
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		if (!timed || r == c->rec_head || us_since(now, r->tx_time) >= wait)
			rec_mark_lost_again(c, r);
}
