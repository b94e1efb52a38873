/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path in closed form: one bottleneck with a rate, a queue and a delay, one acknowledgment per
 * segment, in order; and a sender that asks an algorithm when it may send. No stack, no packets.
 */
#ifndef LG_TEST_TCP_PATH_H
#define LG_TEST_TCP_PATH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/tcp_internal.h"

#define PATH_MSS  1000u
#define PATH_TICK 20u
#define PATH_MAX_ 8192u /* segments in flight */

struct path_seg {
	lg_us tx, ack_at, first_tx, delivered_time;
	uint64_t delivered;
	bool lost, app_limited;
};

struct path {
	uint64_t rate;  /* bytes per second */
	lg_us rtt;      /* without queue */
	uint32_t queue; /* segments */
	uint32_t loss;  /* per mille, at random */
	bool idle;      /* the application has nothing */
	lg_us now, free_at;
	uint32_t random, reported_lost, recover;
	uint64_t sent, lost;
	struct tcp_conn c;
	struct path_seg seg[PATH_MAX_];
	unsigned head, tail;
};

static inline void path_start(struct path *p, const struct tcp_cc_ops *cc)
{
	p->now = LG_SEC(1);
	p->c.mss = PATH_MSS;
	p->c.cc = cc;
	p->c.cwnd = cc_initial_window(&p->c);
	p->c.ssthresh = UINT32_MAX / 2;
	p->c.srtt = p->rtt;
	cc->init(&p->c, p->now);
}

static inline bool path_loses(struct path *p)
{
	lg_us per = PATH_MSS * UINT64_C(1000000) / p->rate;

	p->random = p->random * 1664525u + 1013904223u;
	return (p->random >> 16) % 1000 < p->loss ||
	       (p->free_at > p->now && (p->free_at - p->now) / per > p->queue);
}

static inline void path_send(struct path *p)
{
	struct tcp_conn *c = &p->c;
	struct path_seg *s = &p->seg[p->tail++ % PATH_MAX_];

	assert_true(p->tail - p->head <= PATH_MAX_);
	if (c->snd_nxt == c->snd_una)
		c->first_tx_time = c->delivered_time = p->now;
	*s = (struct path_seg){.tx = p->now,
		.first_tx = c->first_tx_time,
		.delivered_time = c->delivered_time,
		.delivered = c->delivered,
		.app_limited = c->app_limited != 0,
		.lost = path_loses(p)};
	if (!s->lost)
		p->free_at = LG_MAX(p->free_at, p->now) + PATH_MSS * UINT64_C(1000000) / p->rate;
	s->ack_at = LG_MAX(p->free_at, p->now) + p->rtt;
	c->snd_nxt += PATH_MSS;
	p->sent += PATH_MSS;
	if (c->pacing_rate != 0)
		c->pace_at = LG_MAX(c->pace_at, p->now - PATH_TICK) +
			     PATH_MSS * UINT64_C(1000000) / c->pacing_rate;
}

/* A reduction without PRR: at once. */
static inline void path_recovery(struct path *p)
{
	struct tcp_conn *c = &p->c;

	if (c->recovery == REC_FAST && (int32_t)(p->head - p->recover) >= 0) {
		c->recovery = REC_OPEN;
		if (c->cc->event != NULL)
			c->cc->event(c, TCP_CC_RECOVERED, p->now);
	}
	if (c->recovery == REC_OPEN && p->reported_lost > 0) {
		c->prior_cwnd = c->cwnd;
		c->ssthresh = c->cc->ssthresh(c, p->now);
		if (c->cc->control == NULL)
			c->cwnd = c->ssthresh;
		c->recovery = REC_FAST;
		p->recover = p->tail;
	}
}

static inline void path_ack(struct path *p, const struct path_seg *s)
{
	struct tcp_conn *c = &p->c;
	struct tcp_ack_info a = {.acked = PATH_MSS,
		.delivered = PATH_MSS,
		.lost = p->reported_lost,
		.prior_pipe = conn_pipe(c) + p->reported_lost,
		.rtt = p->now - s->tx,
		.now = p->now,
		.rs_any = true,
		.rs_prior_delivered = s->delivered,
		.rs_app_limited = s->app_limited};

	c->snd_una += PATH_MSS;
	c->delivered += PATH_MSS;
	c->delivered_time = p->now;
	c->first_tx_time = s->tx;
	a.rs_delivered = (uint32_t)(c->delivered - s->delivered);
	a.rs_interval = LG_MAX(s->tx - s->first_tx, p->now - s->delivered_time);
	if (c->app_limited != 0 && c->delivered > c->app_limited)
		c->app_limited = 0;
	path_recovery(p);
	p->reported_lost = 0;
	if (c->cc->control != NULL)
		c->cc->control(c, &a);
	else if (c->recovery == REC_OPEN)
		c->cc->on_ack(c, &a, true);
}

/* Takes what has arrived; what the queue dropped is missed when the next one arrives. */
static inline void path_receive(struct path *p)
{
	while (p->head != p->tail && p->seg[p->head % PATH_MAX_].ack_at <= p->now) {
		struct path_seg *s = &p->seg[p->head++ % PATH_MAX_];
		if (!s->lost) {
			path_ack(p, s);
			continue;
		}
		p->c.snd_una += PATH_MSS;
		p->lost += PATH_MSS;
		p->reported_lost += PATH_MSS;
	}
}

static inline bool path_may_send(const struct path *p)
{
	return !p->idle && conn_pipe(&p->c) + PATH_MSS <= p->c.cwnd &&
	       (p->c.pacing_rate == 0 || p->c.pace_at <= p->now);
}

static inline void path_run(struct path *p, lg_us time)
{
	lg_us until = p->now + time;

	for (; p->now < until; p->now += PATH_TICK) {
		path_receive(p);
		while (path_may_send(p))
			path_send(p);
		if (p->idle)
			rate_app_limited(&p->c);
	}
}

/* Bytes per second delivered in the next `time`. */
static inline uint64_t path_goodput(struct path *p, lg_us time)
{
	uint64_t before = p->c.delivered;

	path_run(p, time);
	return (p->c.delivered - before) * 1000000 / time;
}

#endif
