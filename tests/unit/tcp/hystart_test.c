/* SPDX-License-Identifier: BSD-3-Clause */
/* HyStart++: RFC 9406. */
#include "path.h"

#include "tcp/hystart.h"

#define SEGS 20u /* of a round */

struct start {
	struct tcp_conn c;
	struct tcp_hystart h;
	uint32_t grown;
};

static void start(struct start *s)
{
	*s = (struct start){.c.mss = PATH_MSS};
	s->c.snd_nxt = SEGS * PATH_MSS;
	hystart_init(&s->h, s->c.snd_nxt);
}

/* A window's worth of ACKs, each with that RTT; a window of new data goes out meanwhile. */
static void round_trip(struct start *s, lg_us rtt)
{
	s->grown = 0;
	for (unsigned i = 0; i < SEGS; i++) {
		struct tcp_ack_info a = {.acked = PATH_MSS, .rtt = rtt};
		s->c.snd_una += PATH_MSS;
		s->c.snd_nxt += PATH_MSS;
		s->grown += hystart_on_ack(&s->c, &s->h, &a);
	}
}

/* Section 4.2: as in slow start, while the RTT does not grow. */
static void growth_is_exponential_while_the_rtt_is_steady(void **state)
{
	struct start s;
	(void)state;
	start(&s);
	for (int i = 0; i < 10; i++) {
		round_trip(&s, LG_MS(40) + (lg_us)i * 100);
		assert_int_equal(s.grown, SEGS * PATH_MSS);
	}
	assert_false(s.h.done);
}

/* L = 8 */
static void one_ack_counts_for_eight_segments_at_most(void **state)
{
	struct start s;
	struct tcp_ack_info a = {.acked = 50 * PATH_MSS};
	(void)state;
	start(&s);
	assert_int_equal(hystart_on_ack(&s.c, &s.h, &a), 8 * PATH_MSS);
}

/* RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms)); after eight samples of the round. */
static void an_eighth_more_rtt_slows_growth_down_to_a_quarter(void **state)
{
	struct start s;
	(void)state;
	start(&s);
	round_trip(&s, LG_MS(80));
	round_trip(&s, LG_MS(90) - 1);
	assert_int_equal(s.h.css_rounds, 0);
	start(&s);
	round_trip(&s, LG_MS(80));
	round_trip(&s, LG_MS(90));
	assert_int_equal(s.h.css_rounds, 2);
	/* The ACK that ended the first round belongs to it; 7 samples told nothing yet. */
	assert_int_equal(s.grown, 7 * PATH_MSS + (SEGS - 7) * PATH_MSS / 4);
	round_trip(&s, LG_MS(90));
	assert_int_equal(s.grown, SEGS * PATH_MSS / 4);
}

static void the_threshold_is_four_to_sixteen_milliseconds(void **state)
{
	static const struct {
		lg_us rtt, thresh;
	} t[] = {{LG_MS(8), LG_MS(4)}, {LG_MS(64), LG_MS(8)}, {LG_MS(400), LG_MS(16)}};
	struct start s;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(t); i++) {
		start(&s);
		round_trip(&s, t[i].rtt);
		round_trip(&s, t[i].rtt + t[i].thresh - 1);
		assert_int_equal(s.h.css_rounds, 0);
		start(&s);
		round_trip(&s, t[i].rtt);
		round_trip(&s, t[i].rtt + t[i].thresh);
		assert_true(s.h.css_rounds > 0);
	}
}

/* currentRoundMinRTT < cssBaselineMinRtt */
static void jitter_returns_to_slow_start(void **state)
{
	struct start s;
	(void)state;
	start(&s);
	round_trip(&s, LG_MS(40));
	round_trip(&s, LG_MS(50));
	assert_true(s.h.css_rounds > 0);
	round_trip(&s, LG_MS(40));
	assert_int_equal(s.h.css_rounds, 0);
	round_trip(&s, LG_MS(40));
	assert_int_equal(s.grown, SEGS * PATH_MSS);
	assert_false(s.h.done);
}

/* CSS_ROUNDS = 5, the one in which it began included. */
static void five_slow_rounds_end_slow_start(void **state)
{
	struct start s;
	(void)state;
	start(&s);
	round_trip(&s, LG_MS(40));
	for (int i = 0; i < 4; i++) {
		round_trip(&s, LG_MS(50));
		assert_false(s.h.done);
	}
	round_trip(&s, LG_MS(50));
	assert_true(s.h.done);
}

/* N_RTT_SAMPLE = 8: fewer say nothing. */
static void few_samples_decide_nothing(void **state)
{
	struct start s;
	(void)state;
	start(&s);
	round_trip(&s, LG_MS(40));
	for (unsigned i = 0; i < 7; i++) {
		struct tcp_ack_info a = {.acked = PATH_MSS, .rtt = LG_MS(400)};
		assert_int_equal(hystart_on_ack(&s.c, &s.h, &a), PATH_MSS);
	}
	assert_int_equal(s.h.css_rounds, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_is_exponential_while_the_rtt_is_steady),
		cmocka_unit_test(one_ack_counts_for_eight_segments_at_most),
		cmocka_unit_test(an_eighth_more_rtt_slows_growth_down_to_a_quarter),
		cmocka_unit_test(the_threshold_is_four_to_sixteen_milliseconds),
		cmocka_unit_test(jitter_returns_to_slow_start),
		cmocka_unit_test(five_slow_rounds_end_slow_start),
		cmocka_unit_test(few_samples_decide_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
