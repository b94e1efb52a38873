/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The out-of-order store: a short sorted list of ranges, each a chain of its own. Bytes that
 * arrived first stay (contradicting copies are an attack), but what comes in order goes before what
 * waits, as in other stacks; ranges that meet are joined.
 */
#include "tcp/tcp_internal.h"

void note_duplicate(struct tcp_conn *c, uint32_t seq, uint32_t end)
{
	if (!(c->flags & CF_SACK))
		return;
	c->flags |= CF_DSACK;
	c->dsack_seq = seq;
	c->dsack_end = end;
}

static struct tcp_range *range_new(struct tcp_conn *c, uint32_t seq)
{
	struct tcp_stack *s = c->s;
	struct tcp_range *r = s->range_free;
	/* As with transmit records, the last quarter is for those who hold little. */
	unsigned limit = s->n_ranges_free < s->n_ranges / 4 ? 4 : s->p.max_ooo_ranges;

	if (r == NULL || c->n_ooo >= limit)
		return NULL;
	s->range_free = r->next;
	s->n_ranges_free--;
	c->n_ooo++;
	*r = (struct tcp_range){.seq = seq, .end = seq};
	return r;
}

static void range_release(struct tcp_conn *c, struct tcp_range *r)
{
	LG_ASSERT(lg_chain_empty(&r->data));
	r->next = c->s->range_free;
	c->s->range_free = r;
	c->s->n_ranges_free++;
	c->n_ooo--;
}

static uint32_t ooo_truesize(const struct tcp_conn *c)
{
	uint32_t n = 0;
	for (const struct tcp_range *r = c->ooo; r != NULL; r = r->next)
		n += r->data.truesize;
	return n;
}

/* Joins *r with what follows it directly. */
static void join_next(struct tcp_conn *c, struct tcp_range *r)
{
	struct tcp_range *n = r->next;

	if (n == NULL || n->seq != r->end)
		return;
	lg_chain_splice(&r->data, &n->data);
	r->end = n->end;
	r->stamp = LG_MAX(r->stamp, n->stamp);
	r->next = n->next;
	range_release(c, n);
}

/*
 * Puts the first n bytes of data at seq, into the gap behind `prev` (NULL: before the first range).
 * Returns the range that holds them now, or NULL.
 */
static struct tcp_range *fill_gap(
	struct tcp_conn *c, struct tcp_range *prev, uint32_t seq, uint32_t n, struct lg_chain *data)
{
	struct tcp_range *r = prev;

	if (r == NULL || r->end != seq) {
		r = range_new(c, seq);
		if (r == NULL)
			return NULL;
		struct tcp_range **link = prev != NULL ? &prev->next : &c->ooo;
		r->next = *link;
		*link = r;
	}
	if (lg_chain_move(&r->data, data, n, c->s->p.pool) != 0) {
		if (!lg_chain_empty(&r->data))
			return NULL;
		*(prev != NULL ? &prev->next : &c->ooo) = r->next;
		range_release(c, r);
		return NULL;
	}
	r->end += n;
	r->stamp = c->ooo_stamp;
	join_next(c, r);
	return r;
}

/* Stores what of data, which begins at seq, is new. False when something of it could not be kept.
 */
static bool insert_chain(struct tcp_conn *c, uint32_t seq, struct lg_chain *data)
{
	struct tcp_range *prev = NULL, *next = c->ooo;

	while (!lg_chain_empty(data)) {
		while (next != NULL && seq_leq(next->end, seq)) {
			prev = next;
			next = next->next;
		}
		if (next != NULL && seq_leq(next->seq, seq)) { /* held already */
			uint32_t skip = LG_MIN(next->end - seq, data->len);
			if (!(c->flags & CF_DSACK)) /* the first of them is told */
				note_duplicate(c, seq, seq + skip);
			lg_chain_trim_head(data, skip);
			next->stamp = c->ooo_stamp;
			seq += skip;
			continue;
		}
		uint32_t n = next != NULL ? LG_MIN(next->seq - seq, data->len) : data->len;
		prev = fill_gap(c, prev, seq, n, data);
		if (prev == NULL)
			return false;
		seq += n;
		next = prev->next;
		/* Joined with the range behind: what it covers is skipped as held already. */
		if (seq_gt(prev->end, seq)) {
			uint32_t skip = LG_MIN(prev->end - seq, data->len);
			lg_chain_trim_head(data, skip);
			seq += skip;
		}
	}
	return true;
}

bool reass_insert(struct tcp_conn *c, uint32_t seq, struct rte_mbuf *m)
{
	struct lg_chain data;

	if (c->rx.truesize + c->ooo_truesize + pkt_truesize(m) > c->rcv_buf) {
		rte_pktmbuf_free(m);
		return false;
	}
	lg_chain_init(&data);
	lg_chain_append(&data, m);
	c->ooo_stamp++;
	bool ok = insert_chain(c, seq, &data);
	lg_chain_free(&data);
	c->ooo_truesize = ooo_truesize(c);
	return ok;
}

uint32_t reass_deliver(struct tcp_conn *c)
{
	uint32_t bytes = 0;
	struct tcp_range *r;

	while ((r = c->ooo) != NULL && seq_leq(r->seq, c->rcv_nxt)) {
		if (seq_gt(r->end, c->rcv_nxt)) {
			lg_chain_trim_head(&r->data, c->rcv_nxt - r->seq);
			bytes += r->data.len;
			c->rcv_nxt = r->end;
			lg_chain_splice(&c->rx, &r->data);
		}
		c->ooo = r->next;
		lg_chain_free(&r->data);
		range_release(c, r);
	}
	c->ooo_truesize = ooo_truesize(c);
	return bytes;
}

static void drop_last(struct tcp_conn *c)
{
	struct tcp_range **link = &c->ooo;

	while ((*link)->next != NULL)
		link = &(*link)->next;
	struct tcp_range *r = *link;
	*link = NULL;
	lg_chain_free(&r->data);
	range_release(c, r);
	c->ooo_truesize = ooo_truesize(c);
	TCP_COUNT(c->s, DROP_OOO_LIMIT);
}

bool reass_make_room(struct tcp_conn *c, uint32_t need)
{
	while (c->ooo != NULL && c->rx.truesize + c->ooo_truesize + need > c->rcv_buf)
		drop_last(c);
	return c->rx.truesize + c->ooo_truesize + need <= c->rcv_buf;
}

/* RFC 2018 section 4: the first block holds the segment that caused this ACK. */
unsigned reass_sack_blocks(const struct tcp_conn *c, struct tcp_sack_block *out, unsigned max)
{
	uint32_t stamps[TCP_MAX_SACK_BLOCKS];
	unsigned n = 0;

	LG_ASSERT(max <= TCP_MAX_SACK_BLOCKS);
	for (const struct tcp_range *r = c->ooo; r != NULL; r = r->next) {
		unsigned i = n;
		while (i > 0 && seq_lt(stamps[i - 1], r->stamp))
			i--;
		if (i >= max)
			continue;
		n = LG_MIN(n + 1, max);
		for (unsigned k = n - 1; k > i; k--) {
			out[k] = out[k - 1];
			stamps[k] = stamps[k - 1];
		}
		out[i] = (struct tcp_sack_block){r->seq, r->end};
		stamps[i] = r->stamp;
	}
	return n;
}

void reass_free(struct tcp_conn *c)
{
	while (c->ooo != NULL) {
		struct tcp_range *r = c->ooo;
		c->ooo = r->next;
		lg_chain_free(&r->data);
		range_release(c, r);
	}
	c->ooo_truesize = 0;
}
