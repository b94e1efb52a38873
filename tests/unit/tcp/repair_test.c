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

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reordering_window_that_is_not_needed_any_more_shrinks),
		cmocka_unit_test(the_reordering_window_is_never_longer_than_srtt),
		cmocka_unit_test(a_window_of_losses_is_repaired_without_a_burst),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
