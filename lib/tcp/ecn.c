/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit Congestion Notification (RFC 3168 section 6.1). */
#include "tcp/tcp_internal.h"

/* ---- the handshake (section 6.1.1) -------------------------------------------------------------
 */

/* A lost SYN may have been lost for its flags (section 6.1.1.1): the next one goes without. */
uint8_t ecn_syn_flags(struct tcp_conn *c)
{
	if (c->state == TCP_SYN_RECEIVED)
		return c->flags & CF_ECN ? RTE_TCP_ECE_FLAG : 0;
	if (c->snd_nxt != c->iss)
		c->flags &= ~CF_ECN_ASKED;
	return c->flags & CF_ECN_ASKED ? ECN_SETUP : 0;
}

/*
 * Both flags in the answer come from a peer that reflects them: it didn't understand. Simultaneous
 * opens go without.
 */
void ecn_negotiate(struct tcp_conn *c, const struct tcp_seg *g)
{
	uint8_t got = g->flags & ECN_SETUP;
	bool on;

	if (c->flags & CF_ACTIVE)
		on = c->flags & CF_ECN_ASKED && g->flags & RTE_TCP_ACK_FLAG &&
		     got == RTE_TCP_ECE_FLAG;
	else
		on = c->opts.ecn && got == ECN_SETUP;
	if (on)
		c->flags |= CF_ECN;
}

void ecn_syn_again(struct tcp_conn *c, const struct tcp_seg *g)
{
	if ((g->flags & ECN_SETUP) != ECN_SETUP)
		c->flags &= ~CF_ECN;
}

/* ---- receiving data (section 6.1.3) ------------------------------------------------------------
 */

void ecn_data_received(struct tcp_conn *c, const struct tcp_seg *g)
{
	if (!(c->flags & CF_ECN))
		return;
	if (g->flags & RTE_TCP_CWR_FLAG)
		c->flags &= ~CF_ECE;
	if (g->ecn != NET_ECN_CE)
		return;
	TCP_COUNT(c->s, CE_RCVD);
	if (c->flags & CF_ECE)
		return;
	/* The sender should hear of it while it still helps. */
	c->flags |= CF_ECE | CF_ACK_NOW;
	conn_mark_output(c);
}

/* ---- sending data (section 6.1.2) --------------------------------------------------------------
 */

void ecn_on_ack(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(c->flags & CF_ECN) || !(g->flags & RTE_TCP_ECE_FLAG))
		return;
	if (c->snd_una == c->snd_nxt || seq_leq(g->ack, c->ecn_recover))
		return;
	TCP_COUNT(c->s, ECN_SIGNALS);
	/* Recovery from a loss has reduced the window already. */
	if (c->recovery == REC_OPEN)
		recovery_on_ecn(c, now);
	ecn_reduced(c);
}

void ecn_reduced(struct tcp_conn *c)
{
	if (!(c->flags & CF_ECN))
		return;
	c->ecn_recover = c->snd_nxt;
	c->flags |= CF_CWR;
}

/* Sections 6.1.4 to 6.1.6: neither ACKs nor retransmissions nor window probes are ECN-capable. */
uint8_t ecn_mark(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t *flags)
{
	if (!(c->flags & CF_ECN))
		return NET_ECN_NOT_ECT;
	if (c->flags & CF_ECE)
		*flags |= RTE_TCP_ECE_FLAG;
	if (len == 0 || seq != c->snd_nxt || seq_gt(seq + len, c->snd_una + c->snd_wnd))
		return NET_ECN_NOT_ECT;
	/* So that it never falls behind by half of the sequence space. */
	c->ecn_recover = seq_max(c->ecn_recover, c->snd_una - 1);
	if (c->flags & CF_CWR)
		*flags |= RTE_TCP_CWR_FLAG;
	return NET_ECN_ECT0;
}
