/* SPDX-License-Identifier: BSD-3-Clause */
/* What all congestion control algorithms share: choice, initial window, validation, restart. */
#include "tcp/tcp_internal.h"

static const struct tcp_cc_ops *const algorithms[] = {&tcp_cc_cubic, &tcp_cc_reno, &tcp_cc_bbr};

const struct tcp_cc_ops *tcp_cc_find(const char *name)
{
	if (name == NULL)
		return algorithms[0];
	for (unsigned i = 0; i < LG_ARRAY_SIZE(algorithms); i++)
		if (strcmp(algorithms[i]->name, name) == 0)
			return algorithms[i];
	return NULL;
}

/* RFC 6928: min(10 * MSS, max(2 * MSS, 14600)). */
uint32_t cc_initial_window(const struct tcp_conn *c)
{
	uint32_t mss = tcp_conn_mss(c);
	return LG_MIN(10 * mss, LG_MAX(2 * mss, 14600u));
}

uint32_t cc_flight_size(const struct tcp_conn *c)
{
	return LG_MIN(c->snd_nxt - c->snd_una, c->cwnd);
}

void cc_established(struct tcp_conn *c, lg_us now)
{
	/* RFC 5681 section 3.1: one segment when the SYN or SYN-ACK was lost. */
	c->cwnd = c->flags & CF_SYN_RTX ? tcp_conn_mss(c) : cc_initial_window(c);
	c->ssthresh = UINT32_MAX / 2;
	c->cc->init(c, now);
}

/*
 * Congestion window validation (RFC 7661's aim, the simple way): cwnd says what the path was seen
 * to carry, so it only grows when it was what held us back.
 */
static bool cwnd_was_used(const struct tcp_conn *c, const struct tcp_ack_info *a)
{
	if (c->flags & CF_CWND_LIMITED || c->recovery == REC_LOSS)
		return true;
	return c->cwnd < c->ssthresh && c->cwnd <= 2 * a->prior_pipe;
}

void cc_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a)
{
	c->cc->on_ack(c, a, cwnd_was_used(c, a));
	c->cwnd = LG_MIN(c->cwnd, UINT32_MAX / 4);
}

/* RFC 5681 section 4.1: after an RTO of silence the ACK clock is gone. */
void cc_restart_after_idle(struct tcp_conn *c, lg_us now)
{
	if (c->snd_una != c->snd_nxt || c->last_send == 0 || conn_unsent(c) == 0)
		return;
	if (c->cc->event != NULL)
		c->cc->event(c, TCP_CC_RESTART, now);
	if (c->cc->control == NULL && now - c->last_send > c->rto)
		c->cwnd = LG_MIN(c->cwnd, cc_initial_window(c));
	c->last_send = now;
}
