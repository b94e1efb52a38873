/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional rate reduction (RFC 6937, with the safe bound of RFC 9937): during recovery cwnd
 * follows what was delivered, so that sending goes on at the reduced rate without a pause and
 * without a burst, and ends at ssthresh.
 */
#include "tcp/tcp_internal.h"

void prr_start(struct tcp_conn *c)
{
	c->prr.delivered = c->prr.out = 0;
	c->prr.recover_fs = LG_MAX(c->snd_nxt - c->snd_una, 1u);
}

void prr_on_ack(struct tcp_conn *c, uint32_t delivered, bool safe)
{
	uint32_t pipe = conn_pipe(c), mss = tcp_conn_mss(c);
	int64_t send;

	c->prr.delivered += delivered;
	if (pipe > c->ssthresh) {
		uint64_t due = ((uint64_t)c->prr.delivered * c->ssthresh + c->prr.recover_fs - 1) /
			       c->prr.recover_fs;
		send = (int64_t)due - c->prr.out;
	} else {
		int64_t limit = LG_MAX((int64_t)c->prr.delivered - c->prr.out, (int64_t)delivered);
		if (safe)
			limit += mss; /* slow start towards ssthresh */
		send = LG_MIN((int64_t)c->ssthresh - pipe, limit);
	}
	/*
	 * The first retransmission leaves whatever pipe says. And where all that was in flight is
	 * lost, no ACK would come any more: cwnd would be zero until the timer fires.
	 */
	if ((c->prr.out == 0 && c->recovery == REC_FAST) || pipe == 0)
		send = LG_MAX(send, (int64_t)mss);
	c->cwnd = pipe + (uint32_t)LG_MAX(send, (int64_t)0);
}

void prr_sent(struct tcp_conn *c, uint32_t bytes)
{
	c->prr.out += bytes;
}
