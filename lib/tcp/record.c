/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit records: what is in flight, segment by segment, with the time it left. In sequence order
 * on each connection's list; from one array per stack. The byte counts sacked, lost and retrans of
 * the connection are sums over its records and are kept right here and in sack.c only.
 */
#include "tcp/tcp_internal.h"

/* The last quarter of the pool is for connections that hold few: nobody can starve the others. */
#define REC_FEW 8

static struct tcp_rec *rec_alloc(struct tcp_conn *c)
{
	struct tcp_stack *s = c->s;
	struct tcp_rec *r = s->rec_free;

	if (r == NULL || (s->n_recs_free < s->n_recs / 4 && c->n_recs >= REC_FEW)) {
		TCP_COUNT(s, DROP_NOMBUF);
		return NULL;
	}
	s->rec_free = r->next;
	s->n_recs_free--;
	c->n_recs++;
	return r;
}

static void rec_release(struct tcp_conn *c, struct tcp_rec *r)
{
	r->next = c->s->rec_free;
	c->s->rec_free = r;
	c->s->n_recs_free++;
	c->n_recs--;
}

/* Takes r's bytes out of (or, sign +1, into) the connection's sums. */
static void rec_account(struct tcp_conn *c, const struct tcp_rec *r, uint32_t bytes, int sign)
{
	uint32_t delta = sign > 0 ? bytes : 0u - bytes;
	if (r->flags & REC_SACKED)
		c->sacked_bytes += delta;
	if (r->flags & REC_LOST)
		c->lost_bytes += delta;
	if (r->flags & REC_RETRANS)
		c->retrans_bytes += delta;
}

struct tcp_rec *rec_push(struct tcp_conn *c, uint32_t seq, uint32_t end, uint8_t flags, lg_us now)
{
	struct tcp_rec *r = rec_alloc(c);
	if (r == NULL)
		return NULL;
	LG_ASSERT(c->rec_tail == NULL || c->rec_tail->end == seq);
	*r = (struct tcp_rec){
		.prev = c->rec_tail, .tx_time = now, .seq = seq, .end = end, .flags = flags};
	if (c->rec_tail != NULL)
		c->rec_tail->next = r;
	else
		c->rec_head = r;
	c->rec_tail = r;
	return r;
}

static void rec_unlink(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		c->rec_head = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	else
		c->rec_tail = r->prev;
}

void rec_pop(struct tcp_conn *c, struct tcp_rec *r)
{
	rec_account(c, r, r->end - r->seq, -1);
	rec_unlink(c, r);
	rec_release(c, r);
}

struct tcp_rec *rec_split(struct tcp_conn *c, struct tcp_rec *r, uint32_t at)
{
	struct tcp_rec *n = rec_alloc(c);
	if (n == NULL)
		return NULL;
	LG_ASSERT(seq_gt(at, r->seq) && seq_lt(at, r->end));
	*n = *r;
	n->seq = at;
	n->prev = r;
	if (r->next != NULL)
		r->next->prev = n;
	else
		c->rec_tail = n;
	r->next = n;
	r->end = at;
	r->flags &= (uint8_t)~REC_FIN;
	return n;
}

/*
 * True when this ACK was caused by the last transmission of r: it was sent once only (Karn), or the
 * echoed timestamp is no older than the retransmission (RFC 7323 section 4, RFC 3522). An older
 * echo may have waited behind a lost ACK for any length of time and measures nothing.
 */
static bool measures(
	const struct tcp_conn *c, const struct tcp_rec *r, const struct tcp_options *opt)
{
	if (!(r->flags & REC_EVER_RTX))
		return true;
	return c->flags & CF_TS && opt->has_ts && seq_geq(opt->tsecr, conn_ts_now(c, r->tx_time));
}

lg_us rec_ack(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt, lg_us now)
{
	lg_us rtt = 0;
	struct tcp_rec *r;

	while ((r = c->rec_head) != NULL && seq_leq(r->end, ack)) {
		if (!(r->flags & REC_SACKED) && measures(c, r, opt))
			rtt = LG_MAX(now - r->tx_time, 1u);
		rec_pop(c, r);
	}
	if (r != NULL && seq_lt(r->seq, ack)) {
		rec_account(c, r, ack - r->seq, -1);
		r->seq = ack;
	}
	return rtt;
}

void rec_free_all(struct tcp_conn *c)
{
	while (c->rec_head != NULL)
		rec_pop(c, c->rec_head);
	LG_ASSERT(c->n_recs == 0);
	LG_ASSERT(c->sacked_bytes == 0 && c->lost_bytes == 0 && c->retrans_bytes == 0);
}

void rec_mark_lost(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->flags & (REC_LOST | REC_SACKED))
		return;
	r->flags |= REC_LOST;
	c->lost_bytes += r->end - r->seq;
}

void rec_mark_retrans(struct tcp_conn *c, struct tcp_rec *r, lg_us now)
{
	LG_ASSERT((r->flags & (REC_LOST | REC_RETRANS)) == REC_LOST);
	r->flags |= REC_RETRANS | REC_EVER_RTX;
	r->tx_time = now;
	c->retrans_bytes += r->end - r->seq;
}

void rec_mark_lost_again(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->flags & REC_RETRANS) {
		r->flags &= (uint8_t)~REC_RETRANS;
		c->retrans_bytes -= r->end - r->seq;
	}
	rec_mark_lost(c, r);
}

void rec_mark_all_lost(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		rec_mark_lost_again(c, r);
	LG_ASSERT(c->retrans_bytes == 0);
}
