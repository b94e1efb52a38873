/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pacing, from the timer wheel: pace_at is when the next segment may leave at pacing_rate. The
 * wheel's ticks and a worker's naps make it late; what was missed while waiting (CF_PACED) is made
 * up for, within a small burst, or the rate would never be reached.
 */
#include "tcp/tcp_internal.h"

static lg_us pace_credit(const struct tcp_conn *c)
{
	return LG_MIN(LG_MAX(c->srtt / 8, LG_MS(1)), LG_MS(5));
}

bool pace_allows(struct tcp_conn *c, lg_us now)
{
	if (c->pacing_rate == 0 || c->pace_at <= now)
		return true;
	c->flags |= CF_PACED;
	if (!lg_timer_armed(&c->t_pace) || c->t_pace.deadline > c->pace_at)
		lg_timer_arm(&c->s->wheel, &c->t_pace, c->pace_at);
	return false;
}

void pace_sent(struct tcp_conn *c, uint32_t bytes, lg_us now)
{
	if (c->pacing_rate == 0)
		return;
	lg_us credit = c->flags & CF_PACED ? LG_MIN(pace_credit(c), now) : 0;
	lg_us cost = (lg_us)bytes * 1000000 / c->pacing_rate;
	c->pace_at = LG_MAX(c->pace_at, now - credit) + LG_MIN(cost, LG_SEC(1));
}

void pace_settle(struct tcp_conn *c)
{
	if (!lg_timer_armed(&c->t_pace))
		c->flags &= ~CF_PACED;
}
