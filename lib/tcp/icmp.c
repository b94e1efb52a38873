/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about our segments: RFC 5927, RFC 1191, RFC 8201, RFC 9293 section 3.9.2.2. */
#include "tcp/tcp_internal.h"

/* RFC 1191 section 7.1: for routers that don't say. */
static uint32_t next_plateau(uint32_t mtu)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1280, 1006, 552};

	for (unsigned i = 0; i < LG_ARRAY_SIZE(plateaus); i++)
		if (plateaus[i] < mtu)
			return plateaus[i];
	return 0;
}

/* What is too big for the path is lost, but not to congestion. */
static void resend_oversized(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next) {
		if (r->end - r->seq <= c->mss || r->flags & REC_SACKED)
			continue;
		rec_mark_lost_again(c, r);
		c->flags |= CF_RTX_FORCE;
	}
	conn_mark_output(c);
}

static void path_mtu_lowered(struct tcp_conn *c, uint32_t mtu)
{
	if (!conn_is_v4(c) && mtu < TCP_MIN_PMTU_V6) { /* RFC 8201 section 4: discard */
		TCP_COUNT(c->s, DROP_ICMP);
		return;
	}
	if (mtu == 0)
		mtu = next_plateau(c->pmtu);
	mtu = LG_MAX(mtu, conn_is_v4(c) ? TCP_MIN_PMTU_V4 : TCP_MIN_PMTU_V6);
	if (mtu >= c->pmtu)
		return;
	TCP_COUNT(c->s, PMTU_LOWERED);
	c->pmtu = (uint16_t)mtu;
	conn_update_mss(c);
	resend_oversized(c);
}

void tcp_icmp_error(struct tcp_stack *s, const struct net_icmp_error *err, lg_us now)
{
	struct flow_key key = {.remote = err->remote,
		.local = err->local,
		.rport = err->rport,
		.lport = err->lport,
		.side = err->side};
	struct tcp_conn *c = flow_lookup(s->flows, &key);

	(void)now;
	/* RFC 5927 section 4.1: a forger must guess a sequence number that is in flight. */
	if (c == NULL || !seq_between(c->snd_una, err->seq, c->snd_nxt)) {
		TCP_COUNT(s, DROP_ICMP);
		return;
	}
	switch (err->kind) {
	case NET_ICMP_TOO_BIG:
		path_mtu_lowered(c, err->mtu);
		return;
	case NET_ICMP_UNREACH_HARD:
		/* RFC 5927 section 5.2: hard only while connecting. */
		if (c->state == TCP_SYN_SENT)
			conn_close(c, TCP_REASON_UNREACHABLE);
		else
			c->soft_error = 1;
		conn_reap(s);
		return;
	case NET_ICMP_UNREACH_SOFT:
		c->soft_error = 1;
		return;
	}
}
