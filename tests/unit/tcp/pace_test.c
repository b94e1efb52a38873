/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing and delivery rates where time was lost: late clocks and pauses. */
#include "loss.h"

/* What a worker's nap costs is made up for within an eighth of SRTT, 5 ms at most. */
static void a_late_clock_makes_a_small_burst_only(void **state)
{
	struct peer p;
	(void)state;
	open_path(&p, false);
	p.c->pacing_rate = MSS * 1000; /* one in a millisecond */
	p.c->cwnd = 1000000;
	user_send(&p, AT(0), 40 * MSS);
	assert_int_equal(p.n_out, 1);
	expect_skip(&p);
	p.now += LG_MS(100);
	tcp_timers(p.s, p.now, 1000);
	peer_flush(&p);
	assert_in_range(p.n_out, 4, 7);
	expect_skip(&p);
	peer_stop(&p);
}

static struct tcp_ack_info seen; /* the last sample that the algorithm got */

static void watch(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	(void)c;
	seen = *a;
}

/* draft-cheng-iccrg-delivery-rate-estimation section 3.2: a flight after a pause begins anew. */
static void a_pause_is_no_part_of_a_sample(void **state)
{
	struct tcp_cc_ops ops = tcp_cc_reno;
	struct peer p;
	(void)state;
	open_path(&p, false);
	ops.control = watch;
	p.c->cc = &ops;
	for (unsigned i = 0; i < 3; i++) {
		queue(&p, 2 * i, 2);
		peer_advance(&p, RTT);
		peer_send(&p, F_ACK, 1, AT(2 * i + 2));
		assert_true(seen.rs_any);
		assert_int_equal(seen.rs_delivered, 2 * MSS);
		assert_int_equal(seen.rs_interval, RTT);
		peer_advance(&p, LG_SEC(5));
	}
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_clock_makes_a_small_burst_only),
		cmocka_unit_test(a_pause_is_no_part_of_a_sample),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
