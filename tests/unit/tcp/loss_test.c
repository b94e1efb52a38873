/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss detection by time and what follows: RACK and TLP (RFC 8985), PRR (RFC 6937), Eifel and
 * D-SACK undo (RFC 3522, 3708), delivery rate and pacing. Segments have 1460 bytes; segment i is
 * the one whose first byte is 1 + i * 1460.
 */
#include "loss.h"

/* ---- RACK -------------------------------------------------------------------------------------
 */

/* RFC 8985 section 6.2 step 4: DupThresh as ever where nothing was seen to overtake. */
static void third_sacked_segment_tells_a_loss_at_once(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 8);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 3);
	expect_none(&p);
	sack(&p, 0, 1, 4);
	expect_seg(&p, 0);
	expect_none(&p);
	assert_int_equal(p.c->recovery, REC_FAST);
	peer_stop(&p);
}

/* RFC 8985 section 6.2 step 5: fewer SACKs start the reordering timer, min_RTT / 4. */
static void one_sacked_segment_tells_a_loss_after_the_reordering_window(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 2);
	peer_advance(&p, RTT / 4 + SLACK - LG_MS(1));
	expect_none(&p);
	peer_advance(&p, LG_MS(2));
	expect_seg(&p, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 1);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	peer_stop(&p);
}

/* The late segment arrives within the reordering window: nothing is sent again. */
static void reordered_segments_cause_nothing(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 3);
	peer_advance(&p, LG_MS(5));
	peer_send(&p, F_ACK, 1, AT(3));
	peer_advance(&p, LG_MS(20));
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_SEGS_RETRANS), 0);
	assert_int_equal(counter(&p, TCP_CTR_REORDERING_SEEN), 1);
	assert_true(p.c->rack.reordering_seen);
	peer_stop(&p);
}

/* RFC 8985 section 6.2 step 4: a path that reorders is given time even with three SACKs. */
static void after_reordering_three_sacks_are_not_enough(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->rack.reordering_seen = true;
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 6);
	expect_none(&p);
	peer_advance(&p, RTT / 4 + SLACK + LG_MS(1));
	expect_seg(&p, 0);
	peer_stop(&p);
}

/* RFC 8985 section 3.1: the point of it: a lost retransmission is found without a timeout. */
static void lost_retransmission_is_sent_again_without_a_timeout(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 4);
	expect_seg(&p, 0);
	user_send(&p, AT(10), 4 * MSS);
	for (unsigned i = 5; i <= 10; i++)
		sack(&p, 0, 1, i);
	unsigned sent_new = p.n_out - p.n_read;
	assert_true(sent_new >= 1);
	expect_skip(&p);
	/* Data sent after the retransmission arrives, the retransmission doesn't. */
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 10 + sent_new);
	expect_seg(&p, 0);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 1);
	peer_stop(&p);
}

/* RFC 8985 section 6.2 step 4: each round with a D-SACK widens the window by min_RTT / 4. */
static void dsack_widens_the_reordering_window(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->rack.reordering_seen = true;
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(1));
	assert_int_equal(p.c->rack.reo_wnd_mult, 2);
	assert_int_equal(counter(&p, TCP_CTR_DSACKS_IN), 1);
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(1));
	assert_int_equal(p.c->rack.reo_wnd_mult, 2); /* the same round */
	sack(&p, 1, 2, 3);
	peer_advance(&p, RTT / 2 + SLACK - LG_MS(1));
	expect_none(&p);
	peer_advance(&p, LG_MS(2));
	expect_seg(&p, 1);
	peer_stop(&p);
}

/* RFC 8985 section 6.3: at an RTO what was sent a moment ago is not lost yet. */
static void rto_spares_what_was_just_sent(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 2);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(1));
	p.c->tlp_out = true; /* the probe is not what this is about */
	p.c->tlp_end_seq = p.c->snd_nxt;
	rexmt_update(p.c, p.now, true);
	peer_advance(&p, p.c->rto - LG_MS(2));
	queue(&p, 2, 1);
	peer_advance(&p, LG_MS(4));
	expect_seg(&p, 1);
	expect_none(&p);
	assert_int_equal(p.c->recovery, REC_LOSS);
	assert_int_equal(p.c->lost_bytes, MSS);
	peer_stop(&p);
}

/* A window that opens late in the persist timer's wait is no timeout. */
static void opening_window_starts_the_rto_anew(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	queue(&p, 0, 4);
	peer_advance(&p, LG_MS(350)); /* one probe, the next is due 600 ms later */
	assert_int_equal(counter(&p, TCP_CTR_ZERO_WINDOW_PROBES), 1);
	peer_advance(&p, LG_MS(450));
	expect_skip(&p);
	p.wnd = 65535;
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(p.n_out, 5);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	peer_stop(&p);
}

/* ---- TLP --------------------------------------------------------------------------------------
 */

/* RFC 8985 section 7.2: after two round trips without an ACK. */
static void lost_tail_is_probed_with_the_last_segment(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(2));
	peer_advance(&p, 2 * RTT);
	expect_none(&p);
	peer_advance(&p, LG_MS(4));
	expect_seg(&p, 3);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_LOSS_PROBES), 1);
	/* Its SACK tells that the one before is missing. */
	peer_advance(&p, RTT);
	sack(&p, 2, 3, 4);
	peer_advance(&p, RTT / 4 + SLACK + LG_MS(1));
	expect_seg(&p, 2);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	peer_stop(&p);
}

/* RFC 8985 section 7.3: new data where there is some, beyond cwnd. */
static void probe_is_new_data_when_there_is_some(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 12); /* ten leave */
	peer_advance(&p, 2 * RTT + LG_MS(4));
	expect_seg(&p, 10);
	expect_none(&p);
	/* One probe only; then the retransmission timeout. */
	peer_advance(&p, LG_MS(100));
	expect_none(&p);
	peer_advance(&p, p.c->rto);
	expect_seg(&p, 0);
	assert_int_equal(counter(&p, TCP_CTR_LOSS_PROBES), 1);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 1);
	peer_stop(&p);
}

/* RFC 8985 section 7.2: a lone segment's ACK may be delayed. */
static void lone_segment_is_probed_later(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 1);
	peer_advance(&p, 2 * RTT + LG_MS(50));
	expect_none(&p);
	peer_advance(&p, LG_MS(200));
	expect_seg(&p, 0);
	peer_stop(&p);
}

/* A tail of four: segments 2 and 3 are in flight, and the probe sent 3 again. */
static void probe_tail(struct peer *p)
{
	open_path(p, false);
	queue(p, 0, 4);
	peer_advance(p, RTT);
	peer_send(p, F_ACK, 1, AT(3));
	peer_advance(p, 2 * RTT + LG_MS(250));
	expect_seg(p, 3);
	expect_none(p);
	queue(p, 4, 1);
}

/* RFC 8985 section 7.4.2: the probe filled the hole: that was congestion. */
static void loss_that_the_probe_mended_costs_half_of_cwnd(void **state)
{
	struct peer p;
	(void)state;
	probe_tail(&p);
	uint32_t before = p.c->cwnd;
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(5));
	assert_int_equal(counter(&p, TCP_CTR_LOSS_PROBE_RECOVERIES), 1);
	assert_true(p.c->ssthresh < before);
	assert_int_equal(p.c->recovery, REC_CWR);
	peer_stop(&p);
}

/* RFC 8985 section 7.4.2: a D-SACK says that the original had arrived. */
static void needless_probe_costs_nothing(void **state)
{
	struct peer p;
	(void)state;
	probe_tail(&p);
	uint32_t before = p.c->cwnd;
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(4));
	peer_sack(&p, AT(3), AT(4));
	peer_send(&p, F_ACK, 1, AT(4));
	peer_send(&p, F_ACK, 1, AT(5));
	assert_int_equal(counter(&p, TCP_CTR_LOSS_PROBE_RECOVERIES), 0);
	assert_true(p.c->cwnd >= before);
	assert_int_equal(p.c->recovery, REC_OPEN);
	peer_stop(&p);
}

/* ---- what must not run wild ------------------------------------------------------------------
 */

/* A window that closes in the ACK that starts the reordering timer: the persist timer goes on. */
static void closed_window_with_a_gap_is_probed_no_faster(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	p.wnd = 0;
	sack(&p, 0, 1, 2);
	expect_skip(&p);
	peer_advance(&p, LG_SEC(5));
	assert_in_range(p.n_out, 1, 6);
	assert_in_range(counter(&p, TCP_CTR_ZERO_WINDOW_PROBES), 1, 6);
	peer_stop(&p);
}

/* A probe that finds nothing to send gives way to the retransmission timeout. */
static void probe_that_cannot_be_sent_leaves_the_rto_its_turn(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, AT(0));
	peer_advance(&p, LG_MS(600));
	p.wnd = MSS;
	peer_send(&p, F_ACK, 1, AT(0)); /* what it lets go is lost */
	expect_skip(&p);
	peer_advance(&p, LG_SEC(3));
	assert_in_range(p.n_out, 2, 6);
	assert_in_range(counter(&p, TCP_CTR_RTO_TIMEOUTS), 2, 5);
	peer_stop(&p);
}

/* Karn, for those beside the retransmission: they waited for it. */
static void originals_behind_a_repaired_hole_measure_nothing(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 9);
	peer_advance(&p, LG_SEC(10)); /* every ACK is lost */
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, AT(9));
	assert_int_equal(p.c->srtt, RTT);
	assert_true(p.c->rack.rtt < LG_SEC(10));
	peer_stop(&p);
}

/* ---- PRR --------------------------------------------------------------------------------------
 */

/* RFC 6937: one segment out for about every two delivered, from the first ACK on. */
static void recovery_sends_at_the_reduced_rate_without_a_pause(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->cwnd = 20 * MSS;
	p.wnd = 65535;
	queue(&p, 0, 40);
	assert_int_equal(p.c->snd_nxt - p.c->snd_una, 20 * MSS);
	peer_advance(&p, RTT);
	unsigned out = 0;
	for (unsigned i = 2; i <= 20; i++) {
		sack(&p, 0, 1, i);
		out += p.n_out;
		expect_skip(&p);
		if (i == 12)
			assert_in_range(out, 4, 7);
	}
	assert_int_equal(p.c->ssthresh, 10 * MSS);
	assert_in_range(out, 9, 11);
	/* The end of recovery: cwnd is ssthresh, no burst beyond it. */
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(20 + out - 1));
	assert_int_equal(p.c->recovery, REC_OPEN);
	assert_in_range(p.c->cwnd, 10 * MSS, 11 * MSS);
	assert_true(conn_pipe(p.c) <= p.c->cwnd);
	peer_stop(&p);
}

/*
 * RFC 6937 alone would leave cwnd at zero here: more was sent than delivered, and all of it is lost
 * again. Found by fuzzing: hostile SACKs, and probes beside them.
 */
static void recovery_goes_on_when_all_in_flight_is_lost(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 4);
	expect_seg(&p, 0);
	p.c->prr.out = 3 * MSS;
	rec_mark_lost_again(p.c, p.c->rec_head);
	assert_int_equal(conn_pipe(p.c), 0);
	prr_on_ack(p.c, 0, false);
	assert_int_equal(p.c->cwnd, MSS);
	peer_stop(&p);
}

/* ---- undo -------------------------------------------------------------------------------------
 */

/* RFC 3522, 4015: the ACK after the timeout echoes a time before it. */
static void timeout_that_came_too_early_is_undone_by_timestamps(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, true);
	user_send(&p, AT(0), 10 * MSS - 120);
	uint32_t before = p.c->cwnd;
	p.tsecr = p.out[0].opt.tsval; /* of the originals */
	p.c->tlp_out = true;
	p.c->tlp_end_seq = p.c->snd_nxt;
	rexmt_update(p.c, p.now, true);
	peer_advance(&p, p.c->rto + LG_MS(2));
	assert_int_equal(p.c->recovery, REC_LOSS);
	assert_int_equal(p.c->cwnd, MSS);
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, 1 + 2 * (MSS - 12));
	assert_int_equal(p.c->recovery, REC_OPEN);
	assert_true(p.c->cwnd >= before);
	assert_int_equal(p.c->lost_bytes, 0);
	assert_int_equal(counter(&p, TCP_CTR_SPURIOUS_RTOS), 1);
	expect_none(&p); /* nothing else is sent again */
	peer_stop(&p);
}

/* RFC 3708: all that was sent again was there already. */
static void needless_fast_retransmission_is_undone_by_dsack(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	uint32_t before = p.c->cwnd, ssthresh = p.c->ssthresh;
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 5);
	expect_seg(&p, 0);
	peer_advance(&p, LG_MS(3));
	peer_send(&p, F_ACK, 1, AT(5)); /* the late original */
	peer_advance(&p, RTT);
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(10));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 1);
	assert_true(p.c->cwnd >= before && p.c->ssthresh == ssthresh);
	assert_int_equal(p.c->recovery, REC_OPEN);
	peer_stop(&p);
}

/*
 * Of segments 10 to 29 the first is lost, and so is 30, sent after recovery began and repaired
 * before it ends, with the first time that 10 was sent again (`first`) or the second. Returns the
 * time stamp of the repair.
 */
static uint32_t open_second_recovery(struct peer *p, bool first)
{
	uint32_t repaired_at;

	open_path(p, true);
	user_send(p, TS_AT(0), 60 * TS_MSS);
	expect_skip(p);
	peer_advance(p, RTT);
	for (unsigned i = 1; i <= 10; i++)
		peer_send(p, F_ACK, 1, TS_AT(i));
	expect_skip(p);
	peer_advance(p, RTT);
	peer_sack(p, TS_AT(11), TS_AT(30));
	peer_send(p, F_ACK, 1, TS_AT(10));
	p->tsecr = p->out[0].opt.tsval;
	expect_skip(p);
	peer_advance(p, RTT);
	for (unsigned i = 32; i <= 36; i++) {
		peer_sack(p, TS_AT(31), TS_AT(i));
		peer_send(p, F_ACK, 1, TS_AT(10));
	}
	assert_int_equal(p->c->lost_bytes, p->c->retrans_bytes);
	repaired_at = p->out[0].opt.tsval;
	if (!first)
		p->tsecr = repaired_at;
	expect_skip(p);
	assert_int_equal(counter(p, TCP_CTR_FAST_RETRANS), 1);
	peer_advance(p, LG_MS(5));
	peer_sack(p, TS_AT(31), TS_AT(36));
	peer_send(p, F_ACK, 1, TS_AT(30));
	expect_skip(p);
	return repaired_at;
}

/* RFC 5681 section 3.2, RFC 6675 section 5 on RecoveryPoint: another window's loss costs again. */
static void loss_of_the_next_window_reduces_again(void **state)
{
	struct peer p;
	(void)state;
	open_second_recovery(&p, true);
	assert_int_equal(p.c->recovery, REC_FAST);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 2);
	assert_true(p.c->ssthresh < 10 * TS_MSS); /* half of 20 after the first */
	peer_stop(&p);
}

/* RFC 3522: what an earlier recovery sent again echoes a time before this one's, and is no witness.
 */
static void repair_of_an_earlier_recovery_undoes_nothing(void **state)
{
	struct peer p;
	uint32_t repaired_at;
	(void)state;
	repaired_at = open_second_recovery(&p, false);
	peer_advance(&p, LG_MS(5));
	peer_sack(&p, TS_AT(31), TS_AT(36));
	peer_sack(&p, TS_AT(37), TS_AT(40));
	peer_send(&p, F_ACK, 1, TS_AT(30));
	assert_int_equal(p.out[0].seq, TS_AT(36));
	assert_true(p.out[0].opt.tsval > repaired_at);
	expect_skip(&p);
	p.tsecr = repaired_at;
	peer_sack(&p, TS_AT(37), TS_AT(40));
	peer_send(&p, F_ACK, 1, TS_AT(36));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 0);
	expect_skip(&p);
	peer_stop(&p);
}

/* A D-SACK that comes a round trip too late is no witness of that recovery. */
static void dsack_long_after_the_recovery_undoes_nothing(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	uint32_t before = p.c->cwnd;
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 5);
	expect_seg(&p, 0);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(10));
	assert_int_equal(p.c->recovery, REC_OPEN);
	for (unsigned i = 10; i < 14; i += 2) {
		queue(&p, i, 2);
		peer_advance(&p, RTT);
		peer_send(&p, F_ACK, 1, AT(i + 2));
	}
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(14));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 0);
	assert_true(p.c->cwnd < before);
	peer_stop(&p);
}

/* A D-SACK of something else does not undo. */
static void dsack_of_other_data_undoes_nothing(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 2);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(2));
	queue(&p, 2, 10);
	peer_advance(&p, RTT);
	sack(&p, 2, 3, 6);
	expect_seg(&p, 2);
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(2));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 0);
	assert_int_equal(p.c->recovery, REC_FAST);
	peer_stop(&p);
}

/* ---- delivery rate and pacing -----------------------------------------------------------------
 */

/* draft-cheng-iccrg-delivery-rate-estimation: ten segments in a round trip. */
static void delivery_rate_is_what_one_round_trip_carried(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	for (unsigned i = 1; i <= 10; i++)
		peer_send(&p, F_ACK, 1, AT(i));
	assert_int_equal(p.c->delivered, 10 * MSS);
	assert_int_equal(p.c->rate_delivered, 10 * MSS);
	assert_int_equal(p.c->rate_interval, RTT);
	peer_stop(&p);
}

static struct tcp_ack_info seen; /* the last sample that the algorithm got */

static void watch(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	(void)c;
	seen = *a;
}

static const struct tcp_cc_ops *watching(void)
{
	static struct tcp_cc_ops ops;
	ops = tcp_cc_reno;
	ops.control = watch;
	return &ops;
}

/* Between two ACKs the reordering timer finds a loss: the next ACK tells the algorithm. */
static void losses_found_by_the_timer_are_told_with_the_next_ack(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->cc = watching();
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 2);
	assert_int_equal(seen.lost, 0);
	peer_advance(&p, RTT / 4 + SLACK + LG_MS(1));
	sack(&p, 0, 1, 3);
	assert_int_equal(seen.lost, MSS);
	sack(&p, 0, 1, 4);
	assert_int_equal(seen.lost, 0);
	peer_stop(&p);
}

static void samples_of_a_sender_without_data_are_marked(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->cc = watching();
	queue(&p, 0, 2);
	peer_advance(&p, RTT);
	queue(&p, 2, 2);
	peer_send(&p, F_ACK, 1, AT(2));
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(4));
	assert_true(seen.rs_any && seen.rs_app_limited);
	assert_int_equal(seen.rs_delivered, 4 * MSS);
	/* A full window is not limited. */
	queue(&p, 4, 30);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(6));
	expect_skip(&p);
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(14));
	peer_advance(&p, RTT);
	peer_send(&p, F_ACK, 1, AT(16));
	assert_true(seen.rs_any && !seen.rs_app_limited);
	peer_stop(&p);
}

static void paced_segments_leave_one_by_one(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->pacing_rate = MSS * 100; /* one in 10 ms */
	user_send(&p, AT(0), 8 * MSS);
	assert_int_equal(p.n_out, 1);
	for (unsigned i = 2; i <= 7; i++) {
		peer_advance(&p, LG_MS(10));
		assert_in_range(p.n_out, i - 1, i);
	}
	peer_stop(&p);
}

/* What the wheel's ticks cost is made up for: the rate holds. */
static void pace_keeps_the_rate_over_many_ticks(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->pacing_rate = (uint64_t)MSS * 3000; /* one in 333 us, a tick is 128 us */
	p.c->cwnd = 1000000;
	user_send(&p, AT(0), 40 * MSS);
	peer_advance(&p, LG_MS(10));
	assert_in_range(p.n_out, 29, 33);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(third_sacked_segment_tells_a_loss_at_once),
		cmocka_unit_test(one_sacked_segment_tells_a_loss_after_the_reordering_window),
		cmocka_unit_test(reordered_segments_cause_nothing),
		cmocka_unit_test(after_reordering_three_sacks_are_not_enough),
		cmocka_unit_test(lost_retransmission_is_sent_again_without_a_timeout),
		cmocka_unit_test(dsack_widens_the_reordering_window),
		cmocka_unit_test(rto_spares_what_was_just_sent),
		cmocka_unit_test(opening_window_starts_the_rto_anew),
		cmocka_unit_test(lost_tail_is_probed_with_the_last_segment),
		cmocka_unit_test(probe_is_new_data_when_there_is_some),
		cmocka_unit_test(lone_segment_is_probed_later),
		cmocka_unit_test(loss_that_the_probe_mended_costs_half_of_cwnd),
		cmocka_unit_test(needless_probe_costs_nothing),
		cmocka_unit_test(closed_window_with_a_gap_is_probed_no_faster),
		cmocka_unit_test(probe_that_cannot_be_sent_leaves_the_rto_its_turn),
		cmocka_unit_test(originals_behind_a_repaired_hole_measure_nothing),
		cmocka_unit_test(recovery_sends_at_the_reduced_rate_without_a_pause),
		cmocka_unit_test(recovery_goes_on_when_all_in_flight_is_lost),
		cmocka_unit_test(timeout_that_came_too_early_is_undone_by_timestamps),
		cmocka_unit_test(needless_fast_retransmission_is_undone_by_dsack),
		cmocka_unit_test(dsack_long_after_the_recovery_undoes_nothing),
		cmocka_unit_test(dsack_of_other_data_undoes_nothing),
		cmocka_unit_test(loss_of_the_next_window_reduces_again),
		cmocka_unit_test(repair_of_an_earlier_recovery_undoes_nothing),
		cmocka_unit_test(delivery_rate_is_what_one_round_trip_carried),
		cmocka_unit_test(losses_found_by_the_timer_are_told_with_the_next_ack),
		cmocka_unit_test(samples_of_a_sender_without_data_are_marked),
		cmocka_unit_test(paced_segments_leave_one_by_one),
		cmocka_unit_test(pace_keeps_the_rate_over_many_ticks),
	};
	test_eal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
