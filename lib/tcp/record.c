/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit records: what is in flight, segment by segment, with the time it left. Each connection
 * has two lists of them, one in sequence order and one of those in flight by the time they were
 * last sent; all come from one array per stack. The byte counts sacked, lost and retrans of the
 * connection are sums over its records and are kept right here only.
 */
#include "tcp/tcp_internal.h"

/* The last quarter of the pool is for connections that hold few: nobody can starve the others. */
#define REC_FEW      8
#define REC_TINY_MAX 512

/*
 * A peer that asks for tiny segments gets few of them in flight: the work of an ACK grows with
 * their number, and its window is small anyway.
 */
static uint32_t rec_limit(const struct tcp_conn *c)
{
	uint32_t full = LG_MAX(c->opts.snd_buf / 2048, 64u);
	return c->mss < TCP_DEFAULT_MSS_V4 ? LG_MIN(full, (uint32_t)REC_TINY_MAX) : full;
}

bool rec_available(const struct tcp_conn *c)
{
	return c->n_recs < rec_limit(c);
}

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

/* ---- the list by time ------------------------------------------------------------------------ */

/* Behind the last one that was not sent later. Mostly that is the last one. */
static void time_insert(struct tcp_conn *c, struct tcp_rec *r)
{
	struct tcp_rec *p = c->time_tail;

	while (p != NULL && (int32_t)(p->tx_time - r->tx_time) > 0)
		p = p->tprev;
	r->tprev = p;
	r->tnext = p != NULL ? p->tnext : c->time_head;
	if (r->tnext != NULL)
		r->tnext->tprev = r;
	else
		c->time_tail = r;
	if (p != NULL)
		p->tnext = r;
	else
		c->time_head = r;
}

static void time_remove(struct tcp_conn *c, struct tcp_rec *r)
{
	if (r->tprev != NULL)
		r->tprev->tnext = r->tnext;
	else
		c->time_head = r->tnext;
	if (r->tnext != NULL)
		r->tnext->tprev = r->tprev;
	else
		c->time_tail = r->tprev;
	r->tnext = r->tprev = NULL;
}

/* ---- sums ------------------------------------------------------------------------------------ */

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

/* Changes r's flags and all that follows from them: sums and the list by time. */
static void rec_set_flags(struct tcp_conn *c, struct tcp_rec *r, uint8_t flags)
{
	bool was_in_flight = rec_in_flight(r);

	rec_account(c, r, r->end - r->seq, -1);
	r->flags = flags;
	rec_account(c, r, r->end - r->seq, 1);
	if (was_in_flight && !rec_in_flight(r))
		time_remove(c, r);
	else if (!was_in_flight && rec_in_flight(r))
		time_insert(c, r);
}

struct tcp_rec *rec_push(struct tcp_conn *c, uint32_t seq, uint32_t end, uint8_t flags, lg_us now)
{
	struct tcp_rec *r = rec_alloc(c);
	if (r == NULL)
		return NULL;
	LG_ASSERT(c->rec_tail == NULL || c->rec_tail->end == seq);
	*r = (struct tcp_rec){.prev = c->rec_tail,
		.tx_time = (uint32_t)now,
		.seq = seq,
		.end = end,
		.segs = 1,
		.flags = flags};
	if (c->rec_tail != NULL)
		c->rec_tail->next = r;
	else
		c->rec_head = r;
	c->rec_tail = r;
	time_insert(c, r);
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
	if (rec_in_flight(r))
		time_remove(c, r);
	rec_account(c, r, r->end - r->seq, -1);
	if (r->flags & REC_SACKED)
		c->n_sacked -= r->segs;
	rec_unlink(c, r);
	rec_release(c, r);
}

struct tcp_rec *rec_split(struct tcp_conn *c, struct tcp_rec *r, uint32_t at)
{
	struct tcp_rec *n = rec_alloc(c);
	if (n == NULL)
		return NULL;
	LG_ASSERT(seq_gt(at, r->seq) && seq_lt(at, r->end) && !(r->flags & REC_SACKED));
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
	if (rec_in_flight(n))
		time_insert(c, n);
	return n;
}

/*
 * True when this ACK was caused by the last transmission of r: it was sent once only (Karn), or the
 * echoed timestamp is no older than the retransmission (RFC 7323 section 4, RFC 3522). An older
 * echo may have waited behind a lost ACK for any length of time and measures nothing.
 */
static bool measures(
	const struct tcp_conn *c, const struct tcp_rec *r, const struct tcp_options *opt, lg_us now)
{
	if (!(r->flags & REC_EVER_RTX))
		return true;
	return c->flags & CF_TS && opt->has_ts &&
	       seq_geq(opt->tsecr, conn_ts_now(c, now - us_since(now, r->tx_time)));
}

/* n bytes of r, which was not SACKed, are acknowledged. */
static void rec_delivered(struct tcp_conn *c, const struct tcp_rec *r, uint32_t n,
	const struct tcp_options *opt, struct tcp_ack_info *a, lg_us now)
{
	a->delivered += n;
	if (measures(c, r, opt, now))
		a->rtt = LG_MAX(us_since(now, r->tx_time), 1u);
	rack_on_delivered(c, r, opt, now);
	rate_on_delivered(c, r, n, a, now);
}

/*
 * Everything below ack. An ACK that covers a retransmission may have waited for it: the originals
 * beside it measure that wait, so only the retransmission itself can give a sample (measures()).
 */
static void ack_records(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt,
	struct tcp_ack_info *a, lg_us now)
{
	lg_us repaired = 0;
	bool waited = false;

	for (struct tcp_rec *r; (r = c->rec_head) != NULL && seq_leq(r->end, ack); rec_pop(c, r)) {
		lg_us before = a->rtt;
		if (r->flags & REC_SACKED)
			continue;
		a->rtt = 0;
		rec_delivered(c, r, r->end - r->seq, opt, a, now);
		if (r->flags & REC_EVER_RTX) {
			waited = true;
			repaired = a->rtt;
		}
		a->rtt = a->rtt != 0 ? a->rtt : before;
	}
	if (waited)
		a->rtt = repaired;
}

void rec_ack(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt,
	struct tcp_ack_info *a, lg_us now)
{
	ack_records(c, ack, opt, a, now);

	struct tcp_rec *r = c->rec_head;
	if (r == NULL || !seq_lt(r->seq, ack))
		return;
	if (!(r->flags & REC_SACKED)) {
		a->delivered += ack - r->seq;
		rate_on_delivered(c, r, ack - r->seq, a, now);
	}
	rec_account(c, r, ack - r->seq, -1);
	r->seq = ack;
}

void rec_free_all(struct tcp_conn *c)
{
	while (c->rec_head != NULL)
		rec_pop(c, c->rec_head);
	LG_ASSERT(c->n_recs == 0 && c->time_head == NULL && c->n_sacked == 0);
	LG_ASSERT(c->sacked_bytes == 0 && c->lost_bytes == 0 && c->retrans_bytes == 0);
}

/* ---- what becomes of a record ---------------------------------------------------------------- */

/* r and the one behind it, both SACKed, become one: walks are as long as there are holes. */
static void join_next(struct tcp_conn *c, struct tcp_rec *r)
{
	struct tcp_rec *n = r->next;

	if (n == NULL || !(n->flags & r->flags & REC_SACKED) || r->segs + n->segs > UINT16_MAX)
		return;
	r->end = n->end;
	r->segs = (uint16_t)(r->segs + n->segs);
	r->flags |= n->flags;
	rec_unlink(c, n);
	rec_release(c, n);
}

struct tcp_rec *rec_mark_sacked(struct tcp_conn *c, struct tcp_rec *r)
{
	struct tcp_rec *prev = r->prev;
	uint8_t flags = r->flags & (uint8_t) ~(REC_LOST | REC_RETRANS);

	rec_set_flags(c, r, flags | REC_SACKED);
	c->n_sacked += r->segs;
	join_next(c, r);
	if (prev == NULL || !(prev->flags & REC_SACKED))
		return r;
	join_next(c, prev);
	return prev->next == r ? r : prev;
}

void rec_unmark_sacked(struct tcp_conn *c, struct tcp_rec *r)
{
	c->n_sacked -= r->segs;
	r->segs = 1;
	rec_set_flags(c, r, r->flags & (uint8_t)~REC_SACKED);
}

void rec_mark_lost(struct tcp_conn *c, struct tcp_rec *r)
{
	if (!(r->flags & (REC_LOST | REC_SACKED)))
		rec_set_flags(c, r, r->flags | REC_LOST);
}

void rec_mark_lost_again(struct tcp_conn *c, struct tcp_rec *r)
{
	if (!(r->flags & REC_SACKED))
		rec_set_flags(c, r, (r->flags & (uint8_t)~REC_RETRANS) | REC_LOST);
}

void rec_mark_retrans(struct tcp_conn *c, struct tcp_rec *r, lg_us now)
{
	LG_ASSERT((r->flags & (REC_LOST | REC_RETRANS)) == REC_LOST);
	r->tx_time = (uint32_t)now;
	rec_set_flags(c, r, r->flags | REC_RETRANS | REC_EVER_RTX);
}

void rec_mark_resent(struct tcp_conn *c, struct tcp_rec *r, lg_us now)
{
	LG_ASSERT(rec_in_flight(r));
	time_remove(c, r);
	r->tx_time = (uint32_t)now;
	r->flags |= REC_EVER_RTX;
	time_insert(c, r);
}

void rec_unmark_lost(struct tcp_conn *c)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL && c->lost_bytes > c->retrans_bytes;
		r = r->next)
		if ((r->flags & (REC_LOST | REC_RETRANS)) == REC_LOST)
			rec_set_flags(c, r, r->flags & (uint8_t)~REC_LOST);
}
