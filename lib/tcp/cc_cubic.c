/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438): after a reduction the window follows a cubic function of time back to where it
 * was and then beyond, but never stays below what Reno would reach on the same path. In bytes and
 * milliseconds, integers only; what a division leaves over is kept, so small windows grow, too.
 * Slow start is HyStart++'s.
 */
#include "tcp/hystart.h"
#include "tcp/tcp_internal.h"

/* C = 0.4 segments / s^3; beta = 0.7; alpha = 3 (1 - beta) / (1 + beta) = 9 / 17. */
#define C_NUM     4
#define C_DEN     10
#define BETA_NUM  7
#define BETA_DEN  10
#define ALPHA_NUM 9
#define ALPHA_DEN 17

#define MAX_MS 100000 /* of the cubic function's argument: any window is reached long before */

/* Largest x with x^3 <= v. */
static uint32_t cube_root(uint64_t v)
{
	uint64_t x = 0;

	for (int shift = 63; shift >= 0; shift -= 3) {
		x *= 2;
		uint64_t next = 3 * x * (x + 1) + 1; /* (x + 1)^3 - x^3 */
		if (v >> shift >= next) {
			v -= next << shift;
			x++;
		}
	}
	return (uint32_t)x;
}

static void cubic_init(struct tcp_conn *c, lg_us now)
{
	struct tcp_cubic *q = &c->ccs.cubic;

	*q = (struct tcp_cubic){.last = now};
	hystart_init(&q->hs, c->snd_nxt);
}

/* Sections 4.6 and 4.7 (fast convergence: who loses before it is back makes room for others). */
static uint32_t cubic_ssthresh(struct tcp_conn *c, lg_us now)
{
	struct tcp_cubic *q = &c->ccs.cubic;

	(void)now;
	hystart_stop(&q->hs);
	q->before = q->e;
	q->e = (struct tcp_cubic_epoch){.w_max = c->cwnd, .cwnd_prior = c->cwnd};
	if (c->cwnd < q->before.w_max)
		q->e.w_max = (uint32_t)((uint64_t)c->cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN));
	uint64_t flight = cc_flight_size(c);
	return LG_MAX((uint32_t)(flight * BETA_NUM / BETA_DEN), 2u * c->mss);
}

/* ---- slow start ------------------------------------------------------------------------------
 */

static void slow_start(struct tcp_conn *c, const struct tcp_ack_info *a, bool limited)
{
	struct tcp_hystart *hs = &c->ccs.cubic.hs;
	bool watched = !hs->done;
	uint32_t grow = hystart_on_ack(c, hs, a);

	if (watched && hs->done) {
		c->ssthresh = c->cwnd;
		return;
	}
	/* RFC 3465 section 2.3: no burst for what an ACK jumps over while an RTO is repaired. */
	if (c->recovery == REC_LOSS)
		grow = LG_MIN(grow, (uint32_t)c->mss);
	if (limited)
		c->cwnd = LG_MIN(c->cwnd + grow, c->ssthresh);
}

/* ---- congestion avoidance --------------------------------------------------------------------
 */

/* Section 4.2, and 4.8, 4.10 where no w_max is known or it has been passed: K = 0. */
static void epoch_begin(struct tcp_conn *c, lg_us now)
{
	struct tcp_cubic_epoch *e = &c->ccs.cubic.e;

	e->start = now;
	e->w_est = c->cwnd;
	e->part = 0;
	e->w_est_part = 0;
	if (e->w_max <= c->cwnd) {
		e->w_max = c->cwnd;
		e->k = 0;
		return;
	}
	uint64_t segs_of_c = (uint64_t)(e->w_max - c->cwnd) * C_DEN / C_NUM;
	e->k = cube_root(segs_of_c * 1000000000 / c->mss);
}

/* Figure 1: W_cubic(t), t in ms since the epoch's start. */
static uint32_t w_cubic(const struct tcp_conn *c, uint64_t t)
{
	const struct tcp_cubic_epoch *e = &c->ccs.cubic.e;
	bool below = t < e->k;
	uint64_t d = LG_MIN(below ? e->k - t : t - e->k, (uint64_t)MAX_MS);
	uint64_t delta = d * d * d / 1000 * C_NUM * c->mss / (UINT64_C(1000000) * C_DEN);

	if (below)
		return e->w_max > delta ? e->w_max - (uint32_t)delta : 0;
	return (uint32_t)LG_MIN(e->w_max + delta, (uint64_t)UINT32_MAX / 4);
}

/* Section 4.3, figure 4: Reno's window, with an alpha that makes up for the larger beta. */
static void grow_w_est(struct tcp_conn *c, uint32_t acked)
{
	struct tcp_cubic_epoch *e = &c->ccs.cubic.e;
	uint64_t alpha = e->w_est >= e->cwnd_prior ? ALPHA_DEN : ALPHA_NUM;
	uint64_t unit = (uint64_t)c->cwnd * ALPHA_DEN;

	e->w_est_part += alpha * acked * c->mss;
	e->w_est = (uint32_t)LG_MIN(e->w_est + e->w_est_part / unit, (uint64_t)UINT32_MAX / 4);
	e->w_est_part %= unit;
}

/* Sections 4.4 and 4.5: (target - cwnd) / cwnd for each segment acknowledged. */
static void grow_cubic(struct tcp_conn *c, uint32_t acked, uint32_t target)
{
	struct tcp_cubic_epoch *e = &c->ccs.cubic.e;

	target = LG_MIN(target, c->cwnd + c->cwnd / 2);
	if (target <= c->cwnd)
		return;
	uint64_t part = e->part + (uint64_t)(target - c->cwnd) * acked;
	e->part = (uint32_t)(part % c->cwnd);
	c->cwnd += (uint32_t)(part / c->cwnd);
}

static void congestion_avoidance(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	struct tcp_cubic_epoch *e = &c->ccs.cubic.e;

	if (e->start == 0)
		epoch_begin(c, a->now);
	uint64_t t = (a->now - e->start) / 1000;
	grow_w_est(c, a->acked);
	if (w_cubic(c, t) < e->w_est)
		c->cwnd = LG_MAX(c->cwnd, e->w_est);
	else
		grow_cubic(c, a->acked, w_cubic(c, t + c->srtt / 1000));
}

/* Section 5.8: time in which cwnd was not the limit is no time. */
static void hold_epoch(struct tcp_cubic *q, lg_us now)
{
	if (q->e.start != 0)
		q->e.start += now - q->last;
	q->last = now;
}

static void cubic_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a, bool limited)
{
	struct tcp_cubic *q = &c->ccs.cubic;

	if (c->cwnd < c->ssthresh) {
		slow_start(c, a, limited);
		hold_epoch(q, a->now);
	} else if (!limited) {
		hold_epoch(q, a->now);
	} else {
		q->last = a->now;
		congestion_avoidance(c, a);
	}
}

static void cubic_event(struct tcp_conn *c, enum tcp_cc_event ev, lg_us now)
{
	struct tcp_cubic *q = &c->ccs.cubic;

	switch (ev) {
	case TCP_CC_RESTART:
		hold_epoch(q, now);
		return;
	case TCP_CC_RTO:
		/* Section 4.8: after it the cubic begins anew, K = 0, where slow start ends. */
		q->e = (struct tcp_cubic_epoch){.cwnd_prior = q->e.cwnd_prior};
		return;
	case TCP_CC_UNDO:
		/* Section 4.9; the time since the last ACK in the open was lost, not lived through.
		 */
		q->e = q->before;
		hold_epoch(q, now);
		return;
	case TCP_CC_FAST:
	case TCP_CC_RECOVERED:
		return;
	}
}

const struct tcp_cc_ops tcp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.on_ack = cubic_on_ack,
	.event = cubic_event,
};
