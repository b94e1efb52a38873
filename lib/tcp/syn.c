/* SPDX-License-Identifier: BSD-3-Clause */
/* What a SYN carries: initial sequence number (RFC 6528) and the options of both sides. */
#include "tcp/tcp_internal.h"

/*
 * The clock ticks every 4 us (3.4.1). The other half of the keyed hash hides the uptime in the
 * timestamps (RFC 7323 section 5.4); being fixed per 4-tuple it keeps them growing from one
 * incarnation to the next, which RFC 6191 relies on.
 */
uint32_t tcp_isn(
	const struct tcp_stack *s, const struct flow_key *key, lg_us now, uint32_t *ts_offset)
{
	uint64_t h = lg_siphash24(&s->p.secret, key, sizeof(*key));
	*ts_offset = (uint32_t)(h >> 32);
	return (uint32_t)h + (uint32_t)(now / 4);
}

/* RFC 7323 section 2.3: once and for all, so for what the window may grow to: half of the memory.
 */
uint8_t syn_wscale(const struct tcp_opts *o)
{
	uint8_t shift = 0;
	while (shift < TCP_MAX_WSCALE && (o->rcv_buf / 2 >> shift) > UINT16_MAX)
		shift++;
	return shift;
}

/* RFC 6691: from the interface's MTU, without any options deducted. */
uint16_t syn_mss_of(const struct tcp_stack *s, const struct flow_key *key)
{
	unsigned headers = (lg_ip_is_v4(&key->remote) ? 20 : 40) + sizeof(struct rte_tcp_hdr);
	return (uint16_t)(s->p.mtu[key->side] - headers);
}

void syn_negotiate(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	const struct tcp_options *o = &g->opt;

	if (o->has_mss)
		c->peer_mss = LG_MAX(o->mss, TCP_MIN_PEER_MSS);
	if (o->has_wscale) {
		c->flags |= CF_WSCALE;
		c->snd_wscale = LG_MIN(o->wscale, TCP_MAX_WSCALE);
	} else {
		c->snd_wscale = c->rcv_wscale = 0;
	}
	if (o->has_ts) {
		c->flags |= CF_TS;
		c->ts_recent = o->tsval;
		c->ts_recent_at = now;
	}
	if (o->sack_permitted)
		c->flags |= CF_SACK;
	ecn_negotiate(c, g);
	/* The window in a SYN is never scaled (RFC 7323 section 2.2). */
	c->snd_wnd = c->max_snd_wnd = g->wnd;
	c->snd_wl1 = g->seq;
	c->snd_wl2 = g->ack;
	conn_update_mss(c);
}
