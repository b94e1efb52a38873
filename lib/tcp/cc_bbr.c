/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBR (draft-ietf-ccwg-bbr, "the draft"): a model of the path, its bandwidth (the largest delivery
 * rate of the last rounds) and its round trip without queue (the smallest RTT of the last ten
 * seconds), says how fast to send and how much may be in flight. Losses alone change neither.
 *
 * The draft bounds what is in flight when more than 2 % of a round are lost. That is BBRv3's answer
 * to shallow queues; but a radio link with 3 % of random loss would then never be filled, and such
 * links are what people choose BBR for. So we take BBRv1's model, cycle and recovery as Linux has
 * them, and the draft's inflight_hi only where a tenth of a round is lost: then a queue overflows
 * or a policer drops.
 */
#include "tcp/tcp_internal.h"

/* Gains in 1/256. */
#define UNIT           256
#define STARTUP_GAIN   709 /* 2.77 = 4 ln 2: the least that doubles the rate each round */
#define DRAIN_GAIN     92  /* 1 / STARTUP_GAIN: gets rid of Startup's queue in a round */
#define CWND_GAIN      512 /* 2: delayed and aggregated ACKs don't stop us */
#define PROBE_RTT_GAIN 128 /* the draft's 0.5; BBRv1 went down to four segments */
#define MARGIN_NUM     99  /* pacing a little below the bandwidth keeps the queue empty */
#define MARGIN_DEN     100
#define PHASES         8
#define PHASE_UP       0
#define PHASE_DOWN     1
#define FULL_NUM       5 /* a quarter more in a round: the pipe isn't full */
#define FULL_DEN       4
#define FULL_ROUNDS    3
#define BW_ROUNDS      6 /* the filter's window is this to twice this many rounds */
#define EXTRA_ROUNDS   5
#define EXTRA_MAX      LG_MS(100)
#define MIN_SEGS       4
#define MIN_RTT_WINDOW LG_SEC(10)
#define PROBE_RTT_TIME LG_MS(200)
#define PROBE_UP_MAX   4  /* times min_rtt */
#define HEAVY_DEN      10 /* a tenth of a round lost ... */
#define HEAVY_SEGS     6  /* ... and not just a few: the draft's BBRStartupFullLossCnt */
#define HI_BETA_NUM    7  /* the draft's BBRBeta = 0.7 */
#define HI_BETA_DEN    10
#define HI_RAISE_DEN   8
#define HI_RAISE_SHIFT 2

static uint64_t max_bw(const struct tcp_bbr *b)
{
	return LG_MAX(b->bw[0], b->bw[1]);
}

static uint32_t min_window(const struct tcp_conn *c)
{
	return MIN_SEGS * (uint32_t)c->mss;
}

/* Bandwidth-delay product times gain. */
static uint32_t bdp(const struct tcp_conn *c, uint64_t bw, unsigned gain)
{
	const struct tcp_bbr *b = &c->ccs.bbr;

	if (b->min_rtt == UINT32_MAX || bw == 0)
		return cc_initial_window(c);
	uint64_t bytes = LG_MIN(bw, (uint64_t)UINT32_MAX) * b->min_rtt / 1000000;
	return (uint32_t)LG_MIN(bytes * gain / UNIT, (uint64_t)UINT32_MAX / 4);
}

/* What should be in flight; room for delayed ACKs, also where the product is a segment or two. */
static uint32_t inflight(const struct tcp_conn *c, unsigned gain)
{
	return bdp(c, max_bw(&c->ccs.bbr), gain) + 3u * c->mss;
}

/* ---- pacing ----------------------------------------------------------------------------------
 */

static unsigned pacing_gain(const struct tcp_bbr *b)
{
	switch ((enum tcp_bbr_mode)b->mode) {
	case BBR_STARTUP:
		return STARTUP_GAIN;
	case BBR_DRAIN:
		return DRAIN_GAIN;
	case BBR_PROBE_BW:
		return b->phase == PHASE_UP     ? UNIT * 5 / 4
		       : b->phase == PHASE_DOWN ? UNIT * 3 / 4
						: UNIT;
	case BBR_PROBE_RTT:
		return UNIT;
	}
	return UNIT;
}

/* Nothing was measured yet: the initial window in a round trip, of 1 ms where that isn't known. */
static void pace_initially(struct tcp_conn *c)
{
	lg_us rtt = c->srtt != 0 ? c->srtt : LG_MS(1);

	c->ccs.bbr.rtt_known = c->srtt != 0;
	c->pacing_rate = (uint64_t)c->cwnd * 1000000 / rtt * STARTUP_GAIN / UNIT;
	c->pacing_rate = LG_MAX(c->pacing_rate, 1u);
}

static void set_pacing_rate(struct tcp_conn *c, unsigned gain)
{
	const struct tcp_bbr *b = &c->ccs.bbr;

	if (!b->rtt_known && c->srtt != 0)
		pace_initially(c);
	if (max_bw(b) == 0)
		return;
	uint64_t rate = max_bw(b) * gain / UNIT * MARGIN_NUM / MARGIN_DEN;
	/* Startup never slows down: its first samples are of a window, not of the path. */
	if (b->full_pipe || rate > c->pacing_rate)
		c->pacing_rate = LG_MAX(rate, 1u);
}

/* ---- modes -----------------------------------------------------------------------------------
 */

static void start_phase(struct tcp_bbr *b, uint8_t phase, lg_us now)
{
	b->phase = phase;
	b->cycle_at = now;
}

/*
 * Any phase but the one that drains, so that flows that begin together don't probe together. lib
 * has no dice; nobody can guess our initial sequence number, which does as well.
 */
static void enter_probe_bw(struct tcp_conn *c, lg_us now)
{
	uint8_t phase = (uint8_t)(c->iss % (PHASES - 1));

	c->ccs.bbr.mode = BBR_PROBE_BW;
	start_phase(&c->ccs.bbr, phase < PHASE_DOWN ? phase : phase + 1, now);
}

static void bbr_init(struct tcp_conn *c, lg_us now)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	*b = (struct tcp_bbr){.mode = BBR_STARTUP,
		.min_rtt = UINT32_MAX,
		.min_rtt_at = now,
		.ack_epoch_at = now,
		.inflight_hi = UINT32_MAX};
	if (c->srtt != 0)
		b->min_rtt = (uint32_t)LG_MIN(c->srtt, (lg_us)UINT32_MAX - 1);
	pace_initially(c);
}

/* ---- rounds and what is lost in them ---------------------------------------------------------
 */

static void begin_round(struct tcp_conn *c)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	b->round_end = c->delivered;
	b->round_delivered = b->round_lost = 0;
	b->round_pipe = conn_pipe(c);
	b->heavy_before = b->heavy;
	b->heavy = false;
}

/* A round ends when something arrives that was sent after it began. */
static void update_round(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	b->round_start = a->rs_any && a->rs_prior_delivered >= b->round_end;
	if (b->round_start) {
		b->rounds++;
		b->conservation = false;
		begin_round(c);
	}
	b->round_delivered += a->delivered;
	b->round_lost += a->lost;
}

static bool lost_heavily(const struct tcp_conn *c)
{
	const struct tcp_bbr *b = &c->ccs.bbr;
	uint32_t all = LG_MAX(b->round_delivered + b->round_lost, b->round_pipe);

	return b->round_lost >= (uint32_t)HEAVY_SEGS * c->mss && b->round_lost > all / HEAVY_DEN;
}

/* What the path has carried just now. */
static uint32_t carried(const struct tcp_conn *c, const struct tcp_ack_info *a)
{
	if (a->rs_interval == 0)
		return 0;
	return bdp(c, (uint64_t)a->rs_delivered * 1000000 / a->rs_interval, UNIT);
}

/* Less than was in flight, but not less than has just been carried. */
static void bound_inflight(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;
	uint64_t was = LG_MIN(b->inflight_hi, LG_MAX(b->round_pipe, a->prior_pipe));
	uint32_t less = (uint32_t)(was * HI_BETA_NUM / HI_BETA_DEN);

	b->inflight_hi = LG_MAX(LG_MAX(less, carried(c, a)), min_window(c));
	b->hi_raises = 0;
}

/*
 * Once per round. In Startup the pipe is full (the draft's BBRCheckStartupHighLoss). Later a probe
 * ends; but only a second round in a row is believed, chance does not repeat itself.
 */
static void answer_heavy_loss(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->heavy || !lost_heavily(c))
		return;
	b->heavy = true;
	if (!b->full_pipe || b->heavy_before)
		bound_inflight(c, a);
	b->full_pipe = true;
	if (b->mode == BBR_PROBE_BW && b->phase == PHASE_UP)
		start_phase(b, PHASE_DOWN, a->now);
}

static uint32_t hi_raise(const struct tcp_bbr *b)
{
	return (b->inflight_hi / HI_RAISE_DEN) << LG_MIN(b->hi_raises, HI_RAISE_SHIFT);
}

/* A probe went well. Where twice the product fits, the bound says nothing. */
static void raise_hi(struct tcp_conn *c)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->inflight_hi == UINT32_MAX)
		return;
	b->inflight_hi += hi_raise(b);
	if (b->hi_raises < UINT8_MAX)
		b->hi_raises++;
	if (b->inflight_hi >= inflight(c, CWND_GAIN))
		b->inflight_hi = UINT32_MAX;
}

/* What may be in flight because of it; while probing, more. */
static uint32_t hi_bound(const struct tcp_bbr *b)
{
	if (b->inflight_hi == UINT32_MAX || b->mode != BBR_PROBE_BW || b->phase != PHASE_UP)
		return b->inflight_hi;
	return b->inflight_hi + hi_raise(b);
}

/* ---- the model -------------------------------------------------------------------------------
 */

/* A limited sample says what the application had; only one above the maximum says anything. */
static void update_bw(struct tcp_bbr *b, const struct tcp_ack_info *a)
{
	if (b->round_start && b->rounds % BW_ROUNDS == 0 && b->bw[0] != 0) {
		b->bw[1] = b->bw[0];
		b->bw[0] = 0;
	}
	if (a->rs_interval == 0)
		return;
	uint64_t bw = (uint64_t)a->rs_delivered * 1000000 / a->rs_interval;
	if (!a->rs_app_limited || bw >= max_bw(b))
		b->bw[0] = LG_MAX(b->bw[0], bw);
}

/*
 * ACKs that come in lumps (radio links, Wi-Fi): how much more was acknowledged at once than the
 * bandwidth explains, at most in the last rounds, may be in flight on top.
 */
static void update_extra_acked(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->round_start && b->rounds % EXTRA_ROUNDS == 0) {
		b->extra_acked[1] = b->extra_acked[0];
		b->extra_acked[0] = 0;
	}
	uint64_t expected = max_bw(b) * LG_MIN(a->now - b->ack_epoch_at, LG_SEC(10)) / 1000000;
	if (b->ack_epoch_bytes <= expected) {
		b->ack_epoch_bytes = expected = 0;
		b->ack_epoch_at = a->now;
	}
	b->ack_epoch_bytes += a->delivered;
	uint64_t extra = LG_MIN(b->ack_epoch_bytes - expected, (uint64_t)c->cwnd);
	b->extra_acked[0] = LG_MAX(b->extra_acked[0], (uint32_t)extra);
}

static uint32_t extra_acked(const struct tcp_bbr *b)
{
	uint64_t most = max_bw(b) * EXTRA_MAX / 1000000;

	if (!b->full_pipe)
		return 0;
	return (uint32_t)LG_MIN(most, (uint64_t)LG_MAX(b->extra_acked[0], b->extra_acked[1]));
}

/* The phase lasts a round trip; probing up, until the extra data is in flight or was too much. */
static bool phase_over(const struct tcp_conn *c, const struct tcp_ack_info *a)
{
	const struct tcp_bbr *b = &c->ccs.bbr;
	lg_us took = a->now - b->cycle_at;
	bool long_enough = took > b->min_rtt;

	switch (b->phase) {
	case PHASE_UP:
		if (took > (lg_us)PROBE_UP_MAX * b->min_rtt)
			return true;
		return long_enough &&
		       a->prior_pipe >= LG_MIN(inflight(c, pacing_gain(b)), hi_bound(b)) - c->mss;
	case PHASE_DOWN:
		return long_enough || a->prior_pipe <= inflight(c, UNIT);
	default:
		return long_enough;
	}
}

static void update_cycle(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->mode != BBR_PROBE_BW || !phase_over(c, a))
		return;
	if (b->phase == PHASE_UP)
		raise_hi(c);
	start_phase(b, (b->phase + 1) % PHASES, a->now);
}

/* The draft's BBRCheckFullBWReached: three rounds in which the bandwidth grew by less than 1/4. */
static void check_full_pipe(struct tcp_bbr *b, const struct tcp_ack_info *a)
{
	if (b->full_pipe || !b->round_start || a->rs_app_limited)
		return;
	if (max_bw(b) * FULL_DEN >= b->full_bw * FULL_NUM) {
		b->full_bw = max_bw(b);
		b->full_rounds = 0;
	} else if (++b->full_rounds >= FULL_ROUNDS) {
		b->full_pipe = true;
	}
}

static void check_drain(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->mode == BBR_STARTUP && b->full_pipe)
		b->mode = BBR_DRAIN;
	if (b->mode == BBR_DRAIN && conn_pipe(c) <= inflight(c, UNIT))
		enter_probe_bw(c, a->now);
}

/* ---- ProbeRTT --------------------------------------------------------------------------------
 */

/* Recovery and ProbeRTT may overlap: the larger is what the path carried. */
static void save_cwnd(struct tcp_conn *c)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->was < REC_FAST && b->mode != BBR_PROBE_RTT)
		b->prior_cwnd = c->cwnd;
	else
		b->prior_cwnd = LG_MAX(b->prior_cwnd, c->cwnd);
}

static void restore_cwnd(struct tcp_conn *c)
{
	c->cwnd = LG_MAX(c->cwnd, c->ccs.bbr.prior_cwnd);
}

static uint32_t probe_rtt_cwnd(const struct tcp_conn *c)
{
	return LG_MAX(bdp(c, max_bw(&c->ccs.bbr), PROBE_RTT_GAIN), min_window(c));
}

static void leave_probe_rtt(struct tcp_conn *c, lg_us now)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (b->probe_rtt_end == 0 || now < b->probe_rtt_end)
		return;
	b->min_rtt_at = now;
	restore_cwnd(c);
	if (b->full_pipe)
		enter_probe_bw(c, now);
	else
		b->mode = BBR_STARTUP;
}

/* 200 ms and a round with a short flight. What is sent meanwhile says nothing about bandwidth. */
static void run_probe_rtt(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	rate_app_limited(c);
	if (b->probe_rtt_end == 0) {
		if (conn_pipe(c) > probe_rtt_cwnd(c))
			return;
		b->probe_rtt_end = a->now + PROBE_RTT_TIME;
		b->probe_rtt_round = false;
		begin_round(c);
		return;
	}
	b->probe_rtt_round |= b->round_start;
	if (b->probe_rtt_round)
		leave_probe_rtt(c, a->now);
}

static void update_min_rtt(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;
	bool expired = a->now > b->min_rtt_at + MIN_RTT_WINDOW;

	if (a->rtt != 0 && (a->rtt <= b->min_rtt || expired)) {
		b->min_rtt = (uint32_t)LG_MIN(a->rtt, (lg_us)UINT32_MAX - 1);
		b->min_rtt_at = a->now;
	}
	/* After a pause there is no queue: the flight was short anyway. */
	if (expired && !b->idle_restart && b->mode != BBR_PROBE_RTT) {
		save_cwnd(c);
		b->mode = BBR_PROBE_RTT;
		b->probe_rtt_end = 0;
	}
	if (b->mode == BBR_PROBE_RTT)
		run_probe_rtt(c, a);
	if (a->delivered > 0)
		b->idle_restart = false;
}

/* ---- cwnd ------------------------------------------------------------------------------------
 */

/*
 * As Linux does it: what is lost leaves cwnd, and in the first round of a recovery only what
 * arrives is replaced. At its end cwnd is what it was.
 */
static void modulate_cwnd(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;
	uint32_t pipe = conn_pipe(c);

	if (a->lost > 0)
		c->cwnd = c->cwnd > a->lost + c->mss ? c->cwnd - a->lost : c->mss;
	if (c->recovery == REC_FAST && b->was != REC_FAST) {
		b->conservation = true;
		b->round_end = c->delivered;
		c->cwnd = pipe + LG_MAX(a->delivered, (uint32_t)c->mss);
	} else if (b->was >= REC_FAST && c->recovery < REC_FAST) {
		b->conservation = false;
		restore_cwnd(c);
	}
	if (b->conservation)
		c->cwnd = LG_MAX(c->cwnd, pipe + a->delivered);
	b->was = c->recovery;
}

static void grow_cwnd(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	const struct tcp_bbr *b = &c->ccs.bbr;
	uint32_t target = inflight(c, CWND_GAIN) + extra_acked(b);

	if (b->full_pipe)
		c->cwnd = LG_MIN(c->cwnd + a->delivered, target);
	else if (c->cwnd < target || c->delivered < 2 * cc_initial_window(c))
		c->cwnd += a->delivered;
}

static void set_cwnd(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	const struct tcp_bbr *b = &c->ccs.bbr;

	modulate_cwnd(c, a);
	if (!b->conservation)
		grow_cwnd(c, a);
	c->cwnd = LG_MAX(LG_MIN(c->cwnd, hi_bound(b)), min_window(c));
	if (b->mode == BBR_PROBE_RTT)
		c->cwnd = LG_MIN(c->cwnd, probe_rtt_cwnd(c));
	c->cwnd = LG_MIN(c->cwnd, UINT32_MAX / 4);
}

static void bbr_control(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	update_round(c, a);
	update_bw(b, a);
	update_extra_acked(c, a);
	answer_heavy_loss(c, a);
	update_cycle(c, a);
	check_full_pipe(b, a);
	check_drain(c, a);
	update_min_rtt(c, a);
	set_pacing_rate(c, pacing_gain(b));
	set_cwnd(c, a);
}

/* ---- what else happens -----------------------------------------------------------------------
 */

/* Losses are no reason to change ssthresh, which BBR doesn't use. */
static uint32_t bbr_ssthresh(struct tcp_conn *c, lg_us now)
{
	(void)now;
	save_cwnd(c);
	return c->ssthresh;
}

/* control() does it all. */
static void bbr_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a, bool limited)
{
	(void)c;
	(void)a;
	(void)limited;
}

/* Section "Restarting From Idle" of the draft: at the bandwidth, no faster, no slower. */
static void restart(struct tcp_conn *c, lg_us now)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	if (c->app_limited == 0)
		return;
	b->idle_restart = true;
	b->ack_epoch_at = now;
	b->ack_epoch_bytes = 0;
	if (b->mode == BBR_PROBE_BW)
		set_pacing_rate(c, UNIT);
	else if (b->mode == BBR_PROBE_RTT)
		leave_probe_rtt(c, now);
}

static void bbr_event(struct tcp_conn *c, enum tcp_cc_event ev, lg_us now)
{
	struct tcp_bbr *b = &c->ccs.bbr;

	switch (ev) {
	case TCP_CC_RESTART:
		restart(c, now);
		return;
	case TCP_CC_RTO:
		/* What is still in flight and one more: then each ACK lets cwnd grow again. */
		b->was = REC_LOSS;
		b->full_bw = 0;
		b->full_rounds = 0;
		b->conservation = false;
		begin_round(c);
		c->cwnd = conn_pipe(c) + c->mss;
		return;
	case TCP_CC_UNDO:
		/* Reordering, not loss, made the rate look as if it did not grow. */
		b->full_bw = 0;
		b->full_rounds = 0;
		b->conservation = false;
		restore_cwnd(c);
		b->was = REC_OPEN;
		return;
	case TCP_CC_FAST:
	case TCP_CC_RECOVERED:
		return;
	}
}

const struct tcp_cc_ops tcp_cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.ssthresh = bbr_ssthresh,
	.on_ack = bbr_on_ack,
	.control = bbr_control,
	.event = bbr_event,
};
