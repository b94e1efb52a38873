/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending again what is taken for lost, as far as the windows and the pace allow. */
#include "tcp/tcp_internal.h"

bool retransmit_one(struct tcp_conn *c, struct tcp_rec *r, lg_us now)
{
	uint32_t room = segment_room(c);
	uint32_t len = r->end - r->seq - !!(r->flags & REC_FIN);

	if (len > room) {
		if (rec_split(c, r, r->seq + room) == NULL)
			return false;
		len = room;
	}
	uint8_t flags = r->flags & REC_FIN ? RTE_TCP_FIN_FLAG : 0;
	if (len > 0 && r->next == NULL)
		flags |= RTE_TCP_PSH_FLAG;
	if (!segment_send(c, r->seq, len, flags, now))
		return false;
	undo_sent(c, r, now);
	if (rec_in_flight(r))
		rec_mark_resent(c, r, now);
	else
		rec_mark_retrans(c, r, now);
	rate_on_send(c, r, false, now);
	prr_sent(c, len);
	pace_sent(c, len, now);
	c->last_send = now;
	TCP_COUNT(c->s, SEGS_RETRANS);
	return true;
}

/* Beyond a shrunken window only the first may go, as a probe (section 3.8.6). */
static bool may_retransmit(const struct tcp_conn *c, const struct tcp_rec *r)
{
	if (r != c->rec_head && seq_geq(r->seq, c->snd_una + c->snd_wnd))
		return false;
	if (c->flags & CF_RTX_FORCE)
		return true;
	uint32_t pipe = conn_pipe(c);
	return pipe == 0 || pipe + LG_MIN(r->end - r->seq, (uint32_t)c->mss) <= c->cwnd;
}

bool retransmit_lost(struct tcp_conn *c, lg_us now)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL && c->lost_bytes > c->retrans_bytes;
		r = r->next) {
		if ((r->flags & (REC_LOST | REC_RETRANS)) != REC_LOST)
			continue;
		if (!may_retransmit(c, r) || !pace_allows(c, now))
			return true;
		if (!retransmit_one(c, r, now))
			return false;
		c->flags &= ~CF_RTX_FORCE;
	}
	c->flags &= ~CF_RTX_FORCE;
	return true;
}
