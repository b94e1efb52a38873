/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probe (RFC 8985 section 7): when no ACK comes for about two round trips, one more
 * segment is sent so that the ACK it draws tells what is missing. It saves most of the
 * retransmission timeouts at the end of a burst, where no later data makes SACKs.
 */
#include "tcp/tcp_internal.h"

#define TLP_DELACK                                                                                 \
	LG_MS(230) /* WCDelAckT: a lone segment's ACK may wait 200 ms, and timers are late */
#define TLP_SLACK LG_MS(2) /* for the peer's and our own timers */

static bool tlp_allowed(const struct tcp_conn *c)
{
	return c->flags & CF_SACK && c->recovery == REC_OPEN && !c->tlp_out &&
	       c->state >= TCP_ESTABLISHED && c->snd_una != c->snd_nxt && c->snd_wnd != 0 &&
	       c->srtt != 0 && c->n_sacked == 0;
}

lg_us tlp_deadline(const struct tcp_conn *c)
{
	if (!tlp_allowed(c))
		return 0;
	/* The RFC says 2 * SRTT + WCDelAckT; ours is earlier than the RTO on long paths, too. */
	if (c->rec_head == c->rec_tail)
		return c->tlp_base + c->srtt + TLP_DELACK;
	return c->tlp_base + 2 * c->srtt + TLP_SLACK;
}

/* Section 7.3: the last segment again, when there is nothing new or no room for it. */
static bool resend_last(struct tcp_conn *c, lg_us now)
{
	struct tcp_rec *r = c->rec_tail;

	if (r == NULL || !rec_in_flight(r) || !retransmit_one(c, r, now))
		return false;
	c->tlp_is_retrans = true;
	return true;
}

void tlp_send(struct tcp_conn *c, lg_us now)
{
	c->tlp_is_retrans = false;
	if (output_one_new(c, now) || resend_last(c, now))
		TCP_COUNT(c->s, LOSS_PROBES);
	c->tlp_out = true; /* where none could leave, too: the RTO is next */
	c->tlp_end_seq = c->snd_nxt;
}

/*
 * Section 7.4.2. A probe that was new data needs no care: if something is missing, its SACK shows
 * it. One that was sent again is either reported as a duplicate, and nothing was lost; or it filled
 * the hole, and that was a loss.
 */
bool tlp_on_ack(struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a)
{
	if (!c->tlp_out || seq_lt(g->ack, c->tlp_end_seq))
		return false;
	if (!c->tlp_is_retrans || a->dsack) {
		c->tlp_out = false;
		return false;
	}
	if (seq_gt(g->ack, c->tlp_end_seq)) {
		c->tlp_out = false;
		TCP_COUNT(c->s, LOSS_PROBE_RECOVERIES);
		return true;
	}
	/* Exactly all of it: a second ACK, without SACK, is the other copy's. */
	if (a->acked == 0 && g->len == 0 && g->opt.n_sack == 0)
		c->tlp_out = false;
	return false;
}
