/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounds of loss detection and recovery: RACK (RFC 8985), PRR (RFC 6937, RFC 9937). */
#include "loss.h"

/* ---- RACK ---- */

/* RFC 8985 section 6.2 step 4: a widened reordering window is kept for 16 recoveries. */
static void a_reordering_window_that_is_not_needed_any_more_shrinks(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	rack_on_dsack(p.c);
	for (int i = 0; i < 15; i++)
		rack_on_recovered(p.c);
	assert_int_equal(p.c->rack.reo_wnd_mult, 2);
	rack_on_recovered(p.c);
	assert_int_equal(p.c->rack.reo_wnd_mult, 1);
	peer_stop(&p);
}

/* RFC 8985 section 6.2 step 4: however wide, a loss is found within SRTT. */
static void the_reordering_window_is_never_longer_than_srtt(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->rack.reordering_seen = true;
	p.c->rack.reo_wnd_mult = 20;
	queue(&p, 0, 4);
	peer_advance(&p, RTT);
	sack(&p, 0, 1, 2);
	peer_advance(&p, RTT + SLACK - LG_MS(1));
	expect_none(&p);
	peer_advance(&p, LG_MS(2));
	expect_seg(&p, 0);
	peer_stop(&p);
}

/* RFC 2018 section 4: of a segment of which a part is held the rest may be missing. */
static void a_sack_of_half_a_segment_is_no_sack_of_it(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 5);
	peer_sack(&p, AT(1), AT(2) + MSS / 2);
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(p.c->sacked_bytes, MSS);
	peer_stop(&p);
}

/* ---- what is needless ---- */

/* Ten segments with timestamps of which nothing is heard until the timer has fired. */
static void time_out(struct peer *p)
{
	open_path(p, true);
	user_send(p, 1, 10 * TS_MSS);
	p->tsecr = p->out[0].opt.tsval; /* of the originals */
	expect_skip(p);
	p->c->tlp_out = true; /* no probe before the timeout */
	p->c->tlp_end_seq = p->c->snd_nxt;
	rexmt_update(p->c, p->now, true);
	peer_advance(p, p->c->rto + LG_MS(2));
	assert_int_equal(p->c->recovery, REC_LOSS);
}

/* RFC 5681 section 3.1: ssthresh goes down once for a segment that is lost again and again. */
static void a_second_timeout_reduces_no_further(void **state)
{
	struct peer p;
	(void)state;
	time_out(&p);
	uint32_t ssthresh = p.c->ssthresh, before = p.c->prior_cwnd;
	assert_true(ssthresh >= 5 * TS_MSS);
	expect_skip(&p);
	peer_advance(&p, 2 * p.c->rto + LG_MS(2));
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 2);
	assert_int_equal(p.c->ssthresh, ssthresh);
	/* RFC 4015: and all of it is given back where both came too early. */
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, TS_AT(1));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 1);
	assert_true(p.c->cwnd >= before);
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 3522 section 3.2 step 4: the echo must be older than the retransmission. */
static void an_echo_of_the_retransmission_undoes_nothing(void **state)
{
	struct peer p;
	(void)state;
	time_out(&p);
	p.tsecr = p.out[0].opt.tsval;
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, TS_AT(1));
	assert_int_equal(p.c->recovery, REC_LOSS);
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 0);
	peer_stop(&p);
}

/* RFC 8985 section 6.2 walks by time: what counts as in flight again was sent when it was sent. */
static void what_is_not_lost_after_all_keeps_its_place_in_time(void **state)
{
	struct peer p;
	uint32_t n = 0;
	(void)state;
	open_path(&p, true);
	user_send(&p, 1, 8 * TS_MSS);
	p.tsecr = p.out[0].opt.tsval;
	peer_advance(&p, LG_MS(5));
	user_send(&p, TS_AT(8), 2 * TS_MSS);
	peer_advance(&p, RTT - LG_MS(5));
	expect_skip(&p);
	peer_sack(&p, TS_AT(5), TS_AT(8));
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(p.c->lost_bytes, 5 * TS_MSS);
	peer_advance(&p, LG_MS(2));
	peer_send(&p, F_ACK, 1, TS_AT(1)); /* echoes the original */
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 1);
	for (const struct tcp_rec *r = p.c->time_head; r != NULL; r = r->tnext, n++)
		assert_true(r->tprev == NULL || (int32_t)(r->tx_time - r->tprev->tx_time) >= 0);
	assert_int_equal(n, 6);
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 3708 section 3: of two segments that were sent again both must have been there already. */
static void one_dsack_for_two_retransmissions_undoes_nothing(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	sack(&p, 0, 2, 5);
	sack(&p, 0, 2, 8);
	expect_seg(&p, 0);
	expect_seg(&p, 1);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, AT(8)); /* the late originals */
	peer_sack(&p, AT(0), AT(1));
	peer_send(&p, F_ACK, 1, AT(8));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 0);
	assert_false(p.c->rack.reordering_seen);
	peer_sack(&p, AT(1), AT(2));
	peer_send(&p, F_ACK, 1, AT(8));
	assert_int_equal(counter(&p, TCP_CTR_UNDOS), 1);
	assert_true(p.c->rack.reordering_seen); /* the path overtakes */
	peer_stop(&p);
}

/* ---- PRR ---- */

/*
 * RFC 6937 section 3.1: below ssthresh no more is sent than was delivered; RFC 9937: and a segment
 * more for each ACK that advances and tells of no further loss.
 */
static void a_window_of_losses_is_repaired_without_a_burst(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	sack(&p, 0, 7, 8);
	sack(&p, 0, 7, 9);
	expect_none(&p);
	sack(&p, 0, 7, 10); /* seven are lost, nothing is in flight: one delivered, one sent */
	assert_int_equal(conn_pipe(p.c), MSS);
	expect_seg(&p, 0);
	expect_none(&p);
	sack(&p, 1, 7, 10);
	expect_seg(&p, 1);
	expect_seg(&p, 2);
	expect_none(&p);
	peer_stop(&p);
}

/* ---- what may be sent again ---- */

/* RFC 9293 section 3.8.6: a window may shrink; beyond it only the first segment goes, as a probe.
 */
static void retransmissions_stay_inside_a_shrunken_window(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 10);
	peer_advance(&p, RTT);
	p.wnd = 2 * MSS;
	sack(&p, 0, 5, 8);
	expect_seg(&p, 0);
	sack(&p, 0, 5, 10);
	expect_seg(&p, 1);
	expect_none(&p);
	assert_true(conn_pipe(p.c) + MSS <= p.c->cwnd); /* it would have let more go */
	peer_stop(&p);
}

/* RFC 2018 section 8, with a FIN among what the receiver has thrown away. */
static void a_fin_that_was_held_and_thrown_away_goes_again(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	queue(&p, 0, 3);
	user_shutdown(&p);
	expect(&p, F_FIN | F_ACK, AT(3), 1, 0);
	peer_advance(&p, RTT);
	peer_sack(&p, AT(1), AT(3) + 1);
	peer_send(&p, F_ACK, 1, 1);
	expect_seg(&p, 0);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, AT(1));
	while (p.n_out == 0)
		peer_advance(&p, LG_MS(100));
	expect_seg(&p, 1);
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, AT(2));
	while (p.n_out == 0)
		peer_advance(&p, LG_MS(100));
	expect(&p, F_FIN | F_ACK, AT(2), 1, MSS);
	peer_send(&p, F_ACK, 1, AT(3) + 1);
	assert_int_equal(tcp_conn_state(p.c), TCP_FIN_WAIT_2);
	peer_stop(&p);
}

/* ---- without SACK ---- */

/* RFC 6582 section 3.2 step 2: what was sent again needlessly makes duplicates, too. */
static void duplicates_of_a_repaired_window_start_no_second_recovery(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	queue(&p, 0, 8);
	for (unsigned i = 0; i < 3; i++)
		peer_send(&p, F_ACK, 1, AT(0));
	expect_seg(&p, 0);
	peer_send(&p, F_ACK, 1, AT(8));
	queue(&p, 8, 2);
	for (unsigned i = 0; i < 3; i++)
		peer_send(&p, F_ACK, 1, AT(8));
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 1);
	peer_stop(&p);
}

/* RFC 5681 section 3.2: forged duplicates tell of no more than was in flight. */
static void duplicates_never_tell_of_more_than_was_sent(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	queue(&p, 0, 3);
	for (unsigned i = 0; i < 50; i++) {
		peer_send(&p, F_ACK, 1, AT(0));
		assert_true(p.c->dup_bytes <= 2 * MSS);
		assert_true(conn_pipe(p.c) <= 3 * MSS);
	}
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 6582 section 3.2 step 3 (1): little is in flight when recovery ends; cwnd grows from there.
 */
static void recovery_without_sack_does_not_end_in_a_burst(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->cwnd = 20 * MSS;
	queue(&p, 0, 20);
	for (unsigned i = 0; i < 3; i++)
		peer_send(&p, F_ACK, 1, AT(0));
	expect_seg(&p, 0);
	assert_int_equal(p.c->ssthresh, 10 * MSS);
	peer_send(&p, F_ACK, 1, AT(20));
	assert_int_equal(p.c->recovery, REC_OPEN);
	expect_none(&p);
	user_send(&p, AT(20), 20 * MSS);
	assert_true(p.n_out <= 4); /* FlightSize + SMSS, and slow start */
	expect_skip(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reordering_window_that_is_not_needed_any_more_shrinks),
		cmocka_unit_test(the_reordering_window_is_never_longer_than_srtt),
		cmocka_unit_test(a_sack_of_half_a_segment_is_no_sack_of_it),
		cmocka_unit_test(a_second_timeout_reduces_no_further),
		cmocka_unit_test(retransmissions_stay_inside_a_shrunken_window),
		cmocka_unit_test(a_fin_that_was_held_and_thrown_away_goes_again),
		cmocka_unit_test(duplicates_of_a_repaired_window_start_no_second_recovery),
		cmocka_unit_test(duplicates_never_tell_of_more_than_was_sent),
		cmocka_unit_test(recovery_without_sack_does_not_end_in_a_burst),
		cmocka_unit_test(an_echo_of_the_retransmission_undoes_nothing),
		cmocka_unit_test(what_is_not_lost_after_all_keeps_its_place_in_time),
		cmocka_unit_test(one_dsack_for_two_retransmissions_undoes_nothing),
		cmocka_unit_test(a_window_of_losses_is_repaired_without_a_burst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
