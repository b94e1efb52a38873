/* SPDX-License-Identifier: BSD-3-Clause */
/* NewReno congestion control: RFC 5681 with byte counting (RFC 3465) against ACK division. */
#include "tcp/tcp_internal.h"

static void reno_init(struct tcp_conn *c, lg_us now)
{
	(void)now;
	c->ccs.reno.bytes_acked = 0;
}

/* RFC 5681 equation (4). */
static uint32_t reno_ssthresh(struct tcp_conn *c, lg_us now)
{
	(void)now;
	c->ccs.reno.bytes_acked = 0;
	return LG_MAX(cc_flight_size(c) / 2, 2u * c->mss);
}

static void reno_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a, bool limited)
{
	struct tcp_reno *r = &c->ccs.reno;

	if (!limited)
		return;
	if (c->cwnd < c->ssthresh) {
		/* RFC 3465: L = 2, but 1 while an RTO is being repaired. */
		uint32_t limit = (c->recovery == REC_LOSS ? 1u : 2u) * c->mss;
		c->cwnd += LG_MIN(a->acked, limit);
		return;
	}
	r->bytes_acked += a->acked;
	if (r->bytes_acked >= c->cwnd) {
		r->bytes_acked -= c->cwnd;
		c->cwnd += c->mss;
	}
}

const struct tcp_cc_ops tcp_cc_reno = {
	.name = "reno",
	.init = reno_init,
	.ssthresh = reno_ssthresh,
	.on_ack = reno_on_ack,
};
