/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about our segments: RFC 5927, RFC 1191, RFC 8201, RFC 9293 section 3.9.2.2. */
#include "tcp/tcp_internal.h"

void tcp_icmp_error(struct tcp_stack *s, const struct net_icmp_error *err, lg_us now)
{
	struct flow_key key = {.remote = err->remote,
		.local = err->local,
		.rport = err->rport,
		.lport = err->lport,
		.side = err->side};
	struct tcp_conn *c = flow_lookup(s->flows, &key);

	/* RFC 5927 section 4.1: a forger must guess a sequence number that is in flight. */
	if (c == NULL || !seq_between(c->snd_una, err->seq, c->snd_nxt)) {
		TCP_COUNT(s, DROP_ICMP);
		return;
	}
	switch (err->kind) {
	case NET_ICMP_TOO_BIG:
		pmtu_too_big(c, err->mtu, now);
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
