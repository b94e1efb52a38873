/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From suspicion to recovery and back. With SACK, RACK says what is lost (RFC 8985); for peers
 * without SACK, three duplicate ACKs do (NewReno, RFC 6582). Both run on the transmit records and
 * on `pipe`; duplicate ACKs without SACK count as bytes that have left the network (dup_bytes),
 * which replaces the window inflation of RFC 5681 and gives limited transmit (RFC 3042) for free.
 * SND.NXT never goes back. What cwnd does meanwhile is prr.c's, or the algorithm's own.
 */
#include "tcp/tcp_internal.h"

static void cc_event(struct tcp_conn *c, enum tcp_cc_event ev, lg_us now)
{
	if (c->cc->event != NULL)
		c->cc->event(c, ev, now);
}

/* ---- in ---------------------------------------------------------------------------------------
 */

/* A congestion event: at most one per window of data (RFC 5681 section 3.2, RFC 3168 6.1.2). */
static void reduce(struct tcp_conn *c, enum tcp_recovery how, lg_us now)
{
	c->prior_cwnd = c->cwnd;
	c->prior_ssthresh = c->ssthresh;
	c->ssthresh = c->cc->ssthresh(c, now);
	c->recover = c->snd_nxt;
	c->recovery = (uint8_t)how;
	prr_start(c);
	ecn_reduced(c);
	cc_event(c, TCP_CC_FAST, now);
}

static void enter_fast_recovery(struct tcp_conn *c, lg_us now)
{
	TCP_COUNT(c->s, FAST_RETRANS);
	if (c->recovery == REC_CWR) {
		/* The window of this loss has been answered for already. */
		c->recover = c->snd_nxt;
		c->recovery = REC_FAST;
	} else {
		reduce(c, REC_FAST, now);
		undo_start(c);
	}
	c->tlp_out = false;
	c->flags |= CF_RTX_FORCE;
}

void recovery_on_ecn(struct tcp_conn *c, lg_us now)
{
	if (c->recovery != REC_OPEN)
		return;
	reduce(c, REC_CWR, now);
	c->undo.on = false;
}

/*
 * RFC 5681 section 3.1 and RFC 6582 section 4; the scoreboard is kept (RFC 6675 section 5.1). In
 * fast recovery this window has cost half of cwnd already: ssthresh then only obeys the upper bound
 * of RFC 5681 equation (4).
 */
void recovery_on_rto(struct tcp_conn *c, lg_us now)
{
	if (c->rec_head != NULL && c->rec_head->flags & REC_SACKED)
		sack_forget(c);
	if (c->recovery == REC_OPEN || c->recovery == REC_CWR) {
		c->prior_cwnd = c->cwnd;
		c->prior_ssthresh = c->ssthresh;
		c->ssthresh = c->cc->ssthresh(c, now);
		undo_start(c);
	} else if (c->recovery == REC_FAST) {
		uint32_t half = (c->snd_nxt - c->snd_una) / 2;
		c->ssthresh = LG_MIN(c->ssthresh, LG_MAX(half, 2u * c->mss));
	}
	c->cwnd = c->mss;
	c->recover = c->snd_nxt;
	c->recovery = REC_LOSS;
	c->dupacks = 0;
	c->dup_bytes = 0;
	c->tlp_out = false;
	ecn_reduced(c);
	rack_mark_lost_on_rto(c, now);
	c->flags |= CF_RTX_FORCE;
	cc_event(c, TCP_CC_RTO, now);
}

/* ---- out --------------------------------------------------------------------------------------
 */

/*
 * RFC 6937: cwnd ends at ssthresh. Without SACK little may be in flight by now, and all of cwnd at
 * once would be a burst: RFC 6582 section 3.2 step 3 (1).
 */
static void leave_recovery(struct tcp_conn *c, lg_us now)
{
	enum tcp_recovery was = (enum tcp_recovery)c->recovery;

	c->recovery = REC_OPEN;
	c->dupacks = 0;
	c->dup_bytes = 0;
	if (was == REC_FAST || was == REC_LOSS)
		rack_on_recovered(c);
	undo_closes(c);
	if ((was == REC_FAST || was == REC_CWR) && c->cc->control == NULL) {
		c->cwnd = c->ssthresh;
		if (!(c->flags & CF_SACK))
			c->cwnd = LG_MIN(c->cwnd, LG_MAX(conn_pipe(c), (uint32_t)c->mss) + c->mss);
	}
	cc_event(c, TCP_CC_RECOVERED, now);
}

/* ---- peers without SACK -----------------------------------------------------------------------
 */

/*
 * A partial ACK: the retransmission arrived, the next hole is a loss of the same window. What the
 * duplicates have told was delivered is not told again (RFC 6937 section 3).
 */
static void partial_ack(struct tcp_conn *c, struct tcp_ack_info *a)
{
	uint32_t known = LG_MIN(c->dup_bytes, a->acked > c->mss ? a->acked - c->mss : 0);

	c->dup_bytes -= known;
	a->delivered -= LG_MIN(a->delivered, known);
	if (c->flags & CF_SACK || c->recovery != REC_FAST || c->rec_head == NULL ||
		c->rec_head->flags & REC_LOST)
		return;
	rec_mark_lost(c, c->rec_head);
	c->flags |= CF_RTX_FORCE;
}

/*
 * Returns what the duplicate says has left the network. Forged duplicates can't make more leave
 * than was in it.
 */
static uint32_t count_duplicate(struct tcp_conn *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una, before = c->dup_bytes;

	if (c->recovery == REC_LOSS)
		return 0;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	c->dup_bytes = LG_MIN(before + c->mss, flight > c->mss ? flight - c->mss : 0);
	c->dup_bytes = LG_MAX(c->dup_bytes, before);
	return c->dup_bytes - before;
}

/* RFC 6582 section 3.2 step 2: the third duplicate, and not of a window that was repaired. */
static void third_duplicate(struct tcp_conn *c)
{
	if (c->dupacks != TCP_DUPTHRESH || c->recovery > REC_CWR || !seq_gt(c->snd_una, c->recover))
		return;
	LG_ASSERT(c->rec_head != NULL);
	rec_mark_lost(c, c->rec_head);
}

/* ---- one ACK ----------------------------------------------------------------------------------
 */

/* What is lost by now, as far as this ACK tells. */
static void find_losses(struct tcp_conn *c, struct tcp_ack_info *a, bool duplicate)
{
	uint32_t before = c->lost_bytes - c->retrans_bytes;

	if (a->acked > 0 && c->recovery != REC_OPEN && seq_lt(c->snd_una, c->recover))
		partial_ack(c, a);
	if (c->flags & CF_SACK) {
		if (a->dsack)
			rack_on_dsack(c);
		rack_detect_loss(c, a->now);
	} else if (duplicate) {
		a->delivered += count_duplicate(c);
		third_duplicate(c);
	}
	uint32_t after = c->lost_bytes - c->retrans_bytes;
	a->lost = (after > before ? after - before : 0) + c->lost_between;
	c->lost_between = 0;
	if (c->flags & CF_PMTU)
		a->lost = pmtu_excuse(c, a->lost, a->now);
}

/* Nothing was lost; what RACK took for lost was out of order. */
static void leave_needless(struct tcp_conn *c)
{
	if (c->recovery == REC_FAST)
		c->rack.reordering_seen = true;
	c->recovery = REC_OPEN;
	c->dupacks = 0;
	c->dup_bytes = 0;
}

static void progress(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a)
{
	if (undo_on_ack(c, g, a)) {
		leave_needless(c);
		return;
	}
	if (a->acked == 0)
		return;
	if (c->recovery == REC_OPEN) {
		c->dupacks = 0;
		c->dup_bytes = 0;
		/* Or it would seem to be ahead again after half of the sequence space. */
		c->recover = seq_max(c->recover, c->snd_una - 1);
	} else if (seq_geq(c->snd_una, c->recover)) {
		leave_recovery(c, a->now);
	}
}

/*
 * Who moves cwnd for this ACK. One that ends a reduction has set cwnd: it doesn't let it grow, too.
 */
static void move_cwnd(struct tcp_conn *c, const struct tcp_ack_info *a, enum tcp_recovery was)
{
	bool ended = (was == REC_FAST || was == REC_CWR) && c->recovery == REC_OPEN;

	if (c->cc->control != NULL)
		c->cc->control(c, a);
	else if (c->recovery == REC_FAST || c->recovery == REC_CWR)
		prr_on_ack(c, a->delivered, a->acked > 0 && a->lost == 0);
	else if (a->acked > 0 && !ended)
		cc_on_ack(c, a);
}

void recovery_on_ack(
	struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a, bool duplicate)
{
	enum tcp_recovery was = (enum tcp_recovery)c->recovery;
	bool mended = tlp_on_ack(c, g, a);

	progress(c, g, a);
	find_losses(c, a, duplicate);
	/* Sent and lost after recovery began: a loss of the next window, even when it's sent again.
	 */
	bool next_window = was == REC_FAST && c->recovery == REC_OPEN && c->lost_bytes > 0;
	if (c->recovery <= REC_CWR &&
		(next_window || (c->lost_bytes > c->retrans_bytes && a->lost > 0)))
		enter_fast_recovery(c, a->now);
	else if (mended && c->recovery == REC_OPEN)
		reduce(c, REC_CWR, a->now);
	move_cwnd(c, a, was);
}

void recovery_on_reo(struct tcp_conn *c, lg_us now)
{
	uint32_t lost = rack_detect_loss(c, now);

	if (c->flags & CF_PMTU)
		lost = pmtu_excuse(c, lost, now);
	if (lost == 0)
		return;
	c->lost_between += lost;
	if (c->recovery <= REC_CWR)
		enter_fast_recovery(c, now);
	if (c->recovery == REC_FAST && c->cc->control == NULL)
		prr_on_ack(c, 0, false);
}
