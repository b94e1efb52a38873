/* SPDX-License-Identifier: BSD-3-Clause */
/* BBR: draft-ietf-ccwg-bbr, and what cc_bbr.c does differently. */
#include "path.h"

#define RATE 6250000u /* 50 Mbit/s */
#define RTT  LG_MS(20)
#define BDP  125000u

static struct path path;

static struct tcp_bbr *bbr(void)
{
	return &path.c.ccs.bbr;
}

static uint64_t bandwidth(void)
{
	return LG_MAX(bbr()->bw[0], bbr()->bw[1]);
}

static void begin(uint32_t queue, uint32_t loss)
{
	path = (struct path){.rate = RATE, .rtt = RTT, .queue = queue, .loss = loss};
	path_start(&path, &tcp_cc_bbr);
}

/* BBRInitPacingRate: the initial window in a round trip, times the gain of Startup. */
static void the_first_flight_is_paced(void **state)
{
	(void)state;
	begin(100, 0);
	assert_int_equal(path.c.pacing_rate, UINT64_C(10000) * 50 * 709 / 256);
	path.c.srtt = 0;
	tcp_cc_bbr.init(&path.c, path.now);
	assert_int_equal(path.c.pacing_rate, UINT64_C(10000) * 1000 * 709 / 256);
}

/* The path is found in a few round trips, and nothing is lost on the way. */
static void startup_finds_the_bandwidth(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_MS(500));
	assert_int_equal(bbr()->mode, BBR_PROBE_BW);
	assert_in_range(bandwidth(), RATE * 98ull / 100, RATE * 103ull / 100);
	assert_in_range(bbr()->min_rtt, RTT, RTT + 200);
	assert_int_equal(path.lost, 0);
	assert_true(path_goodput(&path, LG_SEC(2)) > RATE * 97ull / 100);
}

/* BBRCheckDrain: the queue that Startup made is gone before probing begins. */
static void drain_empties_the_queue(void **state)
{
	(void)state;
	begin(150, 0);
	while (bbr()->mode == BBR_STARTUP)
		path_run(&path, 100);
	assert_int_equal(bbr()->mode, BBR_DRAIN);
	assert_true(conn_pipe(&path.c) > BDP * 3 / 2);
	lg_us began = path.now;
	while (bbr()->mode == BBR_DRAIN)
		path_run(&path, 100);
	assert_int_equal(bbr()->mode, BBR_PROBE_BW);
	assert_true(conn_pipe(&path.c) <= BDP + 6 * PATH_MSS);
	assert_true(path.now - began < 3 * RTT);
}

/* Up, down, and six round trips of cruising, at 99 %. */
static void probe_bw_cycles_through_its_gains(void **state)
{
	unsigned seen[8] = {0};
	lg_us shortest = LG_SEC(1); /* queue */
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	for (int i = 0; i < 4000; i++) {
		path_run(&path, 100);
		unsigned percent = (unsigned)(path.c.pacing_rate * 100 / bandwidth());
		unsigned phase = bbr()->phase;
		assert_in_range(percent,
			phase == 0   ? 122
			: phase == 1 ? 73
				     : 97,
			phase == 0   ? 124
			: phase == 1 ? 75
				     : 99);
		seen[phase]++;
		shortest = LG_MIN(shortest, LG_MAX(path.free_at, path.now) - path.now);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_true(seen[i] > 0);
	/* Once a cycle the queue is empty: the RTT without it is seen. */
	assert_true(shortest <= LG_MS(1));
}

/* MinRTTFilterLen: a path that gets longer is noticed after ten seconds, by a short flight. */
static void probe_rtt_comes_every_ten_seconds(void **state)
{
	unsigned probes = 0;
	lg_us last = 0, spent = 0;
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	for (int i = 0; i < 35000; i++) {
		bool was = bbr()->mode == BBR_PROBE_RTT;
		path.rtt += i % 100 == 0 ? 20 : 0;
		path_run(&path, LG_MS(1));
		bool is = bbr()->mode == BBR_PROBE_RTT;
		spent += is ? LG_MS(1) : 0;
		if (is && !was) {
			assert_true(last == 0 || path.now - last > LG_SEC(10));
			assert_true(last == 0 || path.now - last < LG_SEC(11));
			last = path.now;
			probes++;
		}
		if (is && bbr()->probe_rtt_end != 0)
			assert_true(conn_pipe(&path.c) <= BDP * 3 / 4);
	}
	assert_in_range(probes, 3, 4);
	assert_in_range(spent, probes * LG_MS(200), probes * LG_MS(300));
	assert_in_range(bbr()->min_rtt, path.rtt - LG_MS(3), path.rtt);
}

/* The difference to the draft: what radio links lose is not congestion. */
static void random_loss_does_not_slow_it_down(void **state)
{
	static const struct {
		uint32_t loss, least;
	} t[] = {{10, 97}, {30, 93}, {50, 88}};
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(t); i++) {
		begin(150, t[i].loss);
		path_run(&path, LG_MS(500));
		assert_true(path_goodput(&path, LG_SEC(10)) > RATE * 1ull * t[i].least / 100);
	}
}

/* A queue of a few packets: Startup ends when it overflows, probes stay small. */
static void a_shallow_queue_is_no_loss_disaster(void **state)
{
	(void)state;
	for (uint32_t queue = 5; queue <= 20; queue += 5) {
		begin(queue, 0);
		path_run(&path, LG_SEC(1));
		assert_true(bbr()->full_pipe);
		assert_true(path.lost < 2 * BDP);
		uint64_t lost = path.lost, sent = path.sent;
		assert_true(path_goodput(&path, LG_SEC(20)) > RATE * 93ull / 100);
		assert_true((path.lost - lost) * 100 < (path.sent - sent) * 3);
	}
}

/* Half of the bandwidth is gone: a deep queue would fill, a shallow one lose half; neither lasts.
 */
static void a_narrower_path_is_found(void **state)
{
	static const uint32_t queues[] = {20, 200};
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(queues); i++) {
		begin(queues[i], 0);
		path_run(&path, LG_SEC(1));
		path.rate = RATE / 2;
		path_run(&path, LG_SEC(2));
		assert_in_range(bandwidth(), RATE / 2 * 98ull / 100, RATE / 2 * 105ull / 100);
		uint64_t lost = path.lost, sent = path.sent;
		assert_true(path_goodput(&path, LG_SEC(5)) > RATE / 2 * 93ull / 100);
		assert_true((path.lost - lost) * 100 < (path.sent - sent) * 3);
	}
}

static void a_wider_path_is_found(void **state)
{
	(void)state;
	begin(20, 0);
	path_run(&path, LG_SEC(1));
	path.rate = RATE * 2;
	path_run(&path, LG_SEC(4));
	assert_true(path_goodput(&path, LG_SEC(2)) > RATE * 2 * 90ull / 100);
}

/* Section "Restarting From Idle": at the bandwidth that is known, whatever phase it was. */
static void after_a_pause_it_goes_on_at_the_known_rate(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	uint64_t bw = bandwidth();
	path.idle = true;
	path_run(&path, LG_SEC(3));
	assert_int_equal(conn_pipe(&path.c), 0);
	bbr()->phase = 0;
	tcp_cc_bbr.event(&path.c, TCP_CC_RESTART, path.now);
	assert_int_equal(path.c.pacing_rate, bw * 99 / 100);
	path.idle = false;
	assert_true(path_goodput(&path, LG_SEC(1)) > RATE * 93ull / 100);
}

/* A long pause replaces ProbeRTT: what is sent after it meets no queue. */
static void a_pause_needs_no_probe_rtt(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	path.idle = true;
	path_run(&path, LG_SEC(12));
	tcp_cc_bbr.event(&path.c, TCP_CC_RESTART, path.now);
	path.idle = false;
	for (int i = 0; i < 200; i++) {
		path_run(&path, LG_MS(1));
		assert_int_equal(bbr()->mode, BBR_PROBE_BW);
	}
}

static struct tcp_ack_info sample(uint32_t delivered, lg_us interval, bool limited)
{
	path.c.delivered += delivered;
	return (struct tcp_ack_info){.acked = 1000,
		.delivered = delivered,
		.prior_pipe = BDP,
		.rtt = RTT,
		.now = path.now,
		.rs_delivered = delivered,
		.rs_interval = interval,
		.rs_any = true,
		.rs_app_limited = limited};
}

/* What the application did not send says nothing against the path. */
static void limited_samples_raise_the_bandwidth_only(void **state)
{
	(void)state;
	begin(150, 0);
	struct tcp_ack_info a = sample(40000, RTT, false);
	tcp_cc_bbr.control(&path.c, &a);
	assert_int_equal(bandwidth(), 2000000);
	for (int i = 0; i < 50; i++) {
		a = sample(1000, RTT, true);
		a.rs_prior_delivered = path.c.delivered;
		tcp_cc_bbr.control(&path.c, &a);
	}
	assert_int_equal(bandwidth(), 2000000);
	a = sample(60000, RTT, true);
	tcp_cc_bbr.control(&path.c, &a);
	assert_int_equal(bandwidth(), 3000000);
}

/* A rate that was not seen for two windows of the filter is no longer believed. */
static void the_bandwidth_filter_forgets(void **state)
{
	(void)state;
	begin(150, 0);
	struct tcp_ack_info a = sample(40000, RTT, false);
	tcp_cc_bbr.control(&path.c, &a);
	for (int i = 0; i < 13; i++) {
		a = sample(20000, RTT, false);
		a.rs_prior_delivered = path.c.delivered;
		tcp_cc_bbr.control(&path.c, &a);
	}
	assert_int_equal(bandwidth(), 1000000);
}

/* As Linux: what arrives is replaced for a round trip, then cwnd is as before. */
static void recovery_conserves_packets_and_gives_cwnd_back(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	uint32_t cwnd = path.c.cwnd, ssthresh = path.c.ssthresh;
	assert_int_equal(tcp_cc_bbr.ssthresh(&path.c, path.now), ssthresh);
	path.c.recovery = REC_FAST;
	struct tcp_ack_info a = sample(1000, 0, false);
	a.rs_any = false;
	a.lost = 1000;
	tcp_cc_bbr.control(&path.c, &a);
	assert_int_equal(path.c.cwnd, conn_pipe(&path.c) + 1000);
	assert_true(path.c.cwnd < cwnd);
	path.c.recovery = REC_OPEN;
	a.lost = 0;
	tcp_cc_bbr.control(&path.c, &a);
	assert_in_range(path.c.cwnd, cwnd, cwnd + 1000);
}

static void a_timeout_starts_small_and_gives_cwnd_back(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	uint32_t cwnd = path.c.cwnd;
	tcp_cc_bbr.ssthresh(&path.c, path.now);
	path.c.recovery = REC_LOSS;
	path.c.lost_bytes = path.c.snd_nxt - path.c.snd_una;
	path.c.cwnd = PATH_MSS;
	tcp_cc_bbr.event(&path.c, TCP_CC_RTO, path.now);
	assert_int_equal(path.c.cwnd, PATH_MSS);
	struct tcp_ack_info a = sample(1000, 0, false);
	tcp_cc_bbr.control(&path.c, &a);
	assert_int_equal(path.c.cwnd, 4 * PATH_MSS);
	path.c.lost_bytes = 0;
	path.c.recovery = REC_OPEN;
	tcp_cc_bbr.control(&path.c, &a);
	assert_in_range(path.c.cwnd, cwnd, cwnd + 1000);
}

static void what_was_needless_is_undone(void **state)
{
	(void)state;
	begin(150, 0);
	path_run(&path, LG_SEC(1));
	uint32_t cwnd = path.c.cwnd;
	tcp_cc_bbr.ssthresh(&path.c, path.now);
	path.c.cwnd = PATH_MSS;
	tcp_cc_bbr.event(&path.c, TCP_CC_UNDO, path.now);
	assert_int_equal(path.c.cwnd, cwnd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_flight_is_paced),
		cmocka_unit_test(startup_finds_the_bandwidth),
		cmocka_unit_test(drain_empties_the_queue),
		cmocka_unit_test(probe_bw_cycles_through_its_gains),
		cmocka_unit_test(probe_rtt_comes_every_ten_seconds),
		cmocka_unit_test(random_loss_does_not_slow_it_down),
		cmocka_unit_test(a_shallow_queue_is_no_loss_disaster),
		cmocka_unit_test(a_narrower_path_is_found),
		cmocka_unit_test(a_wider_path_is_found),
		cmocka_unit_test(after_a_pause_it_goes_on_at_the_known_rate),
		cmocka_unit_test(a_pause_needs_no_probe_rtt),
		cmocka_unit_test(limited_samples_raise_the_bandwidth_only),
		cmocka_unit_test(the_bandwidth_filter_forgets),
		cmocka_unit_test(recovery_conserves_packets_and_gives_cwnd_back),
		cmocka_unit_test(a_timeout_starts_small_and_gives_cwnd_back),
		cmocka_unit_test(what_was_needless_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
