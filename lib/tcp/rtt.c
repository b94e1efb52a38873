/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission timeout: RFC 6298, in microseconds. */
#include "tcp/tcp_internal.h"

/*
 * RFC 6298 (2.2), (2.3): alpha 1/8, beta 1/4, K 4. (2.4) wants at least one second; we take SRTT
 * plus at least TCP_RTO_MIN, because a second's pause per lost tail is worse for everybody, and
 * peers delay an ACK by 200 ms at most (the RFC lets them take 500).
 */
#define MIN_RTT_WINDOW LG_SEC(150)

/* Smallest of this window and the one before: forgets a path that is gone, in two steps. */
static void min_rtt_sample(struct tcp_conn *c, uint32_t rtt, lg_us now)
{
	if (now - c->min_rtt_window > MIN_RTT_WINDOW) {
		c->min_rtt_old = c->min_rtt;
		c->min_rtt = rtt;
		c->min_rtt_window = now;
	}
	c->min_rtt = LG_MIN(c->min_rtt, rtt);
}

uint32_t rtt_min(const struct tcp_conn *c)
{
	return LG_MIN(c->min_rtt, c->min_rtt_old);
}

void rtt_sample(struct tcp_conn *c, lg_us rtt, lg_us now)
{
	rtt = LG_MIN(LG_MAX(rtt, 1), TCP_RTO_MAX);
	min_rtt_sample(c, (uint32_t)rtt, now);
	if (c->srtt == 0) {
		c->srtt = rtt;
		c->rttvar = rtt / 2;
	} else {
		lg_us err = rtt > c->srtt ? rtt - c->srtt : c->srtt - rtt;
		c->rttvar = (3 * c->rttvar + err) / 4;
		c->srtt = LG_MAX((7 * c->srtt + rtt) / 8, 1);
	}
	c->rto = LG_MIN(c->srtt + LG_MAX(TCP_RTO_MIN, 4 * c->rttvar), TCP_RTO_MAX);
	if (c->rto_shift != 0) /* the wait without backoff begins now, it is not over already */
		c->rto_base = now;
	c->rto_shift = 0;
}

lg_us rtt_rto(const struct tcp_conn *c)
{
	unsigned shift = LG_MIN(c->rto_shift, 16u);
	return LG_MIN(c->rto << shift, TCP_RTO_MAX);
}
