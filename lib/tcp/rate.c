/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delivery rate estimation (draft-cheng-iccrg-delivery-rate-estimation): each record remembers how
 * much had been delivered when it was sent; when it arrives itself, what was delivered since over
 * the time since is what the path carried. The slower of the rates of sending and of
 * acknowledging counts, so that neither a burst nor compressed ACKs look like bandwidth.
 */
#include "tcp/tcp_internal.h"

void rate_on_send(struct tcp_conn *c, struct tcp_rec *r, bool idle, lg_us now)
{
	if (idle)
		c->first_tx_time = c->delivered_time = now;
	r->first_tx_time = (uint32_t)c->first_tx_time;
	r->delivered_time = (uint32_t)c->delivered_time;
	r->delivered = (uint32_t)c->delivered;
	if (c->app_limited != 0)
		r->flags |= REC_APP_LIMITED;
	else
		r->flags &= (uint8_t)~REC_APP_LIMITED;
}

/* Of the records of one ACK the one that was sent last makes the sample: it is the freshest. */
static bool fresher(const struct tcp_ack_info *a, uint64_t prior_delivered, lg_us tx_time)
{
	if (!a->rs_any || prior_delivered != a->rs_prior_delivered)
		return !a->rs_any || prior_delivered > a->rs_prior_delivered;
	return tx_time > a->rs_tx_time;
}

void rate_on_delivered(
	struct tcp_conn *c, const struct tcp_rec *r, uint32_t n, struct tcp_ack_info *a, lg_us now)
{
	uint64_t prior = c->delivered - (uint32_t)((uint32_t)c->delivered - r->delivered);
	lg_us tx_time = now - us_since(now, r->tx_time);

	c->delivered += n;
	c->delivered_time = now;
	if (!fresher(a, prior, tx_time))
		return;
	a->rs_any = true;
	a->rs_prior_delivered = prior;
	a->rs_prior_time = now - us_since(now, r->delivered_time);
	a->rs_first_tx = now - us_since(now, r->first_tx_time);
	a->rs_tx_time = tx_time;
	a->rs_app_limited = r->flags & REC_APP_LIMITED;
	c->first_tx_time = tx_time;
}

void rate_finish(struct tcp_conn *c, struct tcp_ack_info *a)
{
	if (c->app_limited != 0 && c->delivered > c->app_limited)
		c->app_limited = 0;
	if (!a->rs_any)
		return;
	lg_us sending = a->rs_tx_time - a->rs_first_tx;
	lg_us acking = c->delivered_time - a->rs_prior_time;
	a->rs_delivered = (uint32_t)(c->delivered - a->rs_prior_delivered);
	a->rs_interval = LG_MAX(sending, acking);
	/* Shorter than any round trip: the ACK of a retransmission was of the original. */
	if (rtt_min(c) != UINT32_MAX && a->rs_interval < rtt_min(c))
		a->rs_interval = 0;
	if (a->rs_interval != 0 &&
		(!a->rs_app_limited || (uint64_t)a->rs_delivered * c->rate_interval >=
					       (uint64_t)c->rate_delivered * a->rs_interval)) {
		c->rate_delivered = a->rs_delivered;
		c->rate_interval = (uint32_t)LG_MIN(a->rs_interval, (lg_us)UINT32_MAX);
	}
}

void rate_app_limited(struct tcp_conn *c)
{
	c->app_limited = LG_MAX(c->delivered + conn_pipe(c), 1u);
}
