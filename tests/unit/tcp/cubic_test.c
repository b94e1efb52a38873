/* SPDX-License-Identifier: BSD-3-Clause */
/* CUBIC: RFC 9438. Windows are in segments of 1000 bytes, so the figures are those of the RFC. */
#include "path.h"

#define KB PATH_MSS

static struct path path;

struct world {
	struct tcp_conn c;
	lg_us now;
};

static const struct tcp_cubic *cubic(const struct world *w)
{
	return &w->c.ccs.cubic;
}

/* In congestion avoidance with cwnd segments in flight. */
static void begin(struct world *w, uint32_t cwnd, lg_us rtt)
{
	*w = (struct world){.now = LG_SEC(100)};
	w->c.mss = PATH_MSS;
	w->c.cc = &tcp_cc_cubic;
	w->c.srtt = rtt;
	tcp_cc_cubic.init(&w->c, w->now);
	w->c.cwnd = w->c.ssthresh = cwnd * KB;
	w->c.snd_nxt = cwnd * KB;
}

static void loss(struct world *w)
{
	w->c.snd_nxt = w->c.snd_una + w->c.cwnd;
	w->c.ssthresh = tcp_cc_cubic.ssthresh(&w->c, w->now);
	w->c.cwnd = w->c.ssthresh;
}

static void ack(struct world *w, uint32_t bytes, bool limited)
{
	struct tcp_ack_info a = {.acked = bytes, .now = w->now};
	tcp_cc_cubic.on_ack(&w->c, &a, limited);
}

/* A round trip: the whole window is acknowledged, segment by segment. */
static void round_trip(struct world *w)
{
	uint32_t segs = w->c.cwnd / KB;

	for (uint32_t i = 0; i < segs; i++) {
		w->now += w->c.srtt / segs;
		ack(w, KB, true);
	}
}

/* Section 4.6: beta = 0.7, and not below two segments. */
static void a_loss_takes_three_tenths(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	assert_int_equal(w.c.cwnd, 700 * KB);
	begin(&w, 2, LG_MS(100));
	loss(&w);
	assert_int_equal(w.c.cwnd, 2 * KB);
}

/* FlightSize, not cwnd, is what the path carried. */
static void what_was_not_in_flight_does_not_count(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	w.c.snd_nxt = w.c.snd_una + 100 * KB;
	assert_int_equal(tcp_cc_cubic.ssthresh(&w.c, w.now), 70 * KB);
}

/* Section 4.2: K = cbrt((W_max - cwnd_epoch) / C) = cbrt(300 / 0.4) = 9.0856 s. */
static void k_is_the_time_to_come_back(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	ack(&w, KB, true);
	assert_int_equal(cubic(&w)->e.w_max, 1000 * KB);
	assert_int_equal(cubic(&w)->e.k, 9085);
}

/* Figure 1: W_cubic(t) = C (t - K)^3 + W_max. */
static double w_of(double t)
{
	double d = t - 9.0856;
	return 0.4 * d * d * d + 1000;
}

static void the_window_follows_the_cubic_function(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	lg_us t0 = w.now;
	for (unsigned second = 1; second <= 16; second++) {
		while (w.now - t0 < LG_SEC(second))
			round_trip(&w);
		double expect = w_of((double)(w.now - t0) / 1e6);
		double off = (double)w.c.cwnd / KB - expect;
		/* Within what a tenth of a round trip adds where the function is steepest. */
		assert_true(off > -2 && off < 2);
	}
}

/* Section 4.7 */
static void who_loses_before_it_is_back_gives_way(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	w.c.cwnd = 900 * KB;
	loss(&w);
	assert_int_equal(cubic(&w)->e.w_max, 765 * KB);
	w.c.cwnd = 800 * KB;
	loss(&w);
	assert_int_equal(cubic(&w)->e.w_max, 800 * KB);
}

/* Section 4.3: 9/17 of a segment per round trip up to cwnd_prior, then a whole one. */
static void on_a_short_path_it_is_as_fast_as_reno(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 100, LG_MS(5));
	loss(&w);
	uint32_t before = w.c.cwnd;
	for (int i = 0; i < 17; i++)
		round_trip(&w);
	assert_in_range(w.c.cwnd - before, 8700, 9000);
	while (w.c.cwnd < 100 * KB)
		round_trip(&w);
	before = w.c.cwnd;
	for (int i = 0; i < 10; i++)
		round_trip(&w);
	assert_in_range(w.c.cwnd - before, 9800, 10000);
}

static void the_smallest_window_grows_as_well(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 2, LG_MS(20));
	loss(&w);
	round_trip(&w);
	/* cwnd_prior was two segments: alpha is 1. The second ACK finds a larger cwnd. */
	assert_in_range(w.c.cwnd, 2900, 3000);
	/* And where ACKs are for single bytes nothing is lost to rounding. */
	begin(&w, 10, LG_MS(20));
	loss(&w);
	for (int i = 0; i < 7000; i++)
		ack(&w, 1, true);
	assert_in_range(w.c.cwnd, 7500, 7530);
}

/* Section 4.9 */
static void what_was_needless_is_undone(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	round_trip(&w);
	struct tcp_cubic_epoch before = cubic(&w)->e;
	loss(&w);
	w.now += LG_SEC(3);
	tcp_cc_cubic.event(&w.c, TCP_CC_UNDO, w.now);
	assert_int_equal(cubic(&w)->e.w_max, before.w_max);
	assert_int_equal(cubic(&w)->e.k, before.k);
	assert_int_equal(cubic(&w)->e.cwnd_prior, before.cwnd_prior);
	/* As much of it is over as was before. */
	assert_int_equal(cubic(&w)->e.start, before.start + LG_SEC(3));
}

/* Section 4.8: K = 0 and W_max = cwnd where slow start ends. */
static void after_a_timeout_the_cubic_begins_anew(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 100, LG_MS(100));
	loss(&w);
	w.c.cwnd = KB;
	tcp_cc_cubic.event(&w.c, TCP_CC_RTO, w.now);
	unsigned acks = 0;
	for (; w.c.cwnd < w.c.ssthresh; acks++)
		ack(&w, KB, true);
	assert_int_equal(acks, 69);
	assert_int_equal(w.c.cwnd, 70 * KB);
	ack(&w, KB, true);
	assert_int_equal(cubic(&w)->e.k, 0);
	assert_int_equal(cubic(&w)->e.w_max, 70 * KB);
}

/* Section 5.8 */
static void time_without_need_for_the_window_does_not_count(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 1000, LG_MS(100));
	loss(&w);
	round_trip(&w);
	uint32_t cwnd = w.c.cwnd;
	lg_us epoch = cubic(&w)->e.start;
	for (int i = 0; i < 100; i++) {
		w.now += LG_MS(100);
		ack(&w, KB, false);
	}
	assert_int_equal(w.c.cwnd, cwnd);
	assert_int_equal(cubic(&w)->e.start, epoch + LG_SEC(10));
	w.now += LG_SEC(5);
	tcp_cc_cubic.event(&w.c, TCP_CC_RESTART, w.now);
	assert_int_equal(cubic(&w)->e.start, epoch + LG_SEC(15));
}

/* The target is at most 1.5 cwnd: a late epoch makes no burst. */
static void growth_is_bounded_however_late_it_is(void **state)
{
	struct world w;
	(void)state;
	begin(&w, 100, LG_MS(100));
	ack(&w, KB, true);
	w.now += LG_SEC(1000);
	uint32_t before = w.c.cwnd;
	for (uint32_t i = 0; i < before / KB; i++)
		ack(&w, KB, true);
	assert_in_range(w.c.cwnd, before, before + before / 2);
}

/* Section 4.10 and RFC 9406: without a loss, from the queue's growth alone. */
static void slow_start_ends_before_the_queue_overflows(void **state)
{
	(void)state;
	path = (struct path){.rate = 6250000, .rtt = LG_MS(80), .queue = 3000};
	path_start(&path, &tcp_cc_cubic);
	path_run(&path, LG_SEC(4));
	assert_int_equal(path.lost, 0);
	assert_true(path.c.ssthresh < UINT32_MAX / 2);
	assert_true(path_goodput(&path, LG_SEC(1)) > 6250000 * 95 / 100);
}

/*
 * Section 5.1. The RFC's alpha makes both alike where losses come at even distances; at random ones
 * E[cwnd^2] is 0.88 of Reno's, and cwnd 0.94.
 */
static void on_a_lossy_path_it_is_like_reno(void **state)
{
	const struct tcp_cc_ops *cc[2] = {&tcp_cc_reno, &tcp_cc_cubic};
	static const uint32_t losses[] = {10, 30};
	uint64_t got[2];
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		for (unsigned i = 0; i < 2; i++) {
			path = (struct path){.rate = 6250000, .rtt = LG_MS(20), .queue = 100};
			path.loss = losses[l];
			path_start(&path, cc[i]);
			path_run(&path, LG_SEC(2));
			got[i] = path_goodput(&path, LG_SEC(60));
		}
		assert_true(got[1] * 100 >= got[0] * 90);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loss_takes_three_tenths),
		cmocka_unit_test(what_was_not_in_flight_does_not_count),
		cmocka_unit_test(k_is_the_time_to_come_back),
		cmocka_unit_test(the_window_follows_the_cubic_function),
		cmocka_unit_test(who_loses_before_it_is_back_gives_way),
		cmocka_unit_test(on_a_short_path_it_is_as_fast_as_reno),
		cmocka_unit_test(the_smallest_window_grows_as_well),
		cmocka_unit_test(what_was_needless_is_undone),
		cmocka_unit_test(after_a_timeout_the_cubic_begins_anew),
		cmocka_unit_test(time_without_need_for_the_window_does_not_count),
		cmocka_unit_test(growth_is_bounded_however_late_it_is),
		cmocka_unit_test(slow_start_ends_before_the_queue_overflows),
		cmocka_unit_test(on_a_lossy_path_it_is_like_reno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
