/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/chain.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

/* Bytes that may be written behind the segment's data: none where the buffer is shared or not ours.
 */
static uint32_t writable_tailroom(const struct rte_mbuf *m)
{
	if (m == NULL || !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) != 1)
		return 0;
	return rte_pktmbuf_tailroom(m);
}

static void segment_free(struct rte_mbuf *m)
{
	m->next = NULL;
	m->nb_segs = 1;
	rte_pktmbuf_free_seg(m);
}

/* Links one segment. Takes m. */
static void link_segment(struct lg_chain *c, struct rte_mbuf *m)
{
	LG_ASSERT(m->data_len > 0 && m->data_len <= UINT32_MAX - c->len);
	LG_ASSERT(lg_mbuf_truesize(m) <= UINT32_MAX - c->truesize);
	m->next = NULL;
	m->nb_segs = 1;
	m->pkt_len = m->data_len;
	/* What RX said about the packet must not reach TX with a copy attached to this segment. */
	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	if (c->tail != NULL)
		c->tail->next = m;
	else
		c->head = m;
	c->tail = m;
	c->len += m->data_len;
	c->truesize += lg_mbuf_truesize(m);
	c->nsegs++;
}

/* Unlinks the first segment; it is the caller's. */
static struct rte_mbuf *unlink_head(struct lg_chain *c)
{
	struct rte_mbuf *m = c->head;
	c->head = m->next;
	if (c->head == NULL)
		c->tail = NULL;
	c->len -= m->data_len;
	c->truesize -= lg_mbuf_truesize(m);
	c->nsegs--;
	m->next = NULL;
	return m;
}

static void copy_to_tail(struct lg_chain *c, const void *data, uint32_t n)
{
	if (n == 0)
		return;
	LG_ASSERT(n <= UINT32_MAX - c->len);
	memcpy(rte_pktmbuf_mtod_offset(c->tail, char *, c->tail->data_len), data, n);
	c->tail->data_len = (uint16_t)(c->tail->data_len + n);
	c->len += n;
}

/* Takes one segment to the end of c: links it, or copies it when it is small. */
static void append_segment(struct lg_chain *c, struct rte_mbuf *m)
{
	uint32_t n = m->data_len;
	if (n > LG_CHAIN_COPY_MAX || n > writable_tailroom(c->tail)) {
		link_segment(c, m);
		return;
	}
	copy_to_tail(c, rte_pktmbuf_mtod(m, const char *), n);
	segment_free(m);
}

void lg_chain_append(struct lg_chain *c, struct rte_mbuf *m)
{
	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		if (m->data_len == 0)
			segment_free(m);
		else
			append_segment(c, m);
		m = next;
	}
}

/* Copies n bytes into fresh segments at the end of c; 0, or -ENOMEM with c freed. */
static int copy_to_fresh(struct lg_chain *c, struct rte_mempool *pool, const char *data, uint32_t n)
{
	while (n > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		if (m == NULL) {
			lg_chain_free(c);
			return -ENOMEM;
		}
		uint32_t part = LG_MIN(n, (uint32_t)rte_pktmbuf_tailroom(m));
		LG_ASSERT(part > 0);
		memcpy(rte_pktmbuf_mtod(m, char *), data, part);
		m->data_len = (uint16_t)part;
		link_segment(c, m);
		data += part;
		n -= part;
	}
	return 0;
}

/* Links all of src behind dst as it is. */
static void join(struct lg_chain *dst, struct lg_chain *src)
{
	if (src->head == NULL)
		return;
	LG_ASSERT(src->len <= UINT32_MAX - dst->len);
	LG_ASSERT(src->truesize <= UINT32_MAX - dst->truesize);
	if (dst->tail != NULL)
		dst->tail->next = src->head;
	else
		dst->head = src->head;
	dst->tail = src->tail;
	dst->len += src->len;
	dst->truesize += src->truesize;
	dst->nsegs += src->nsegs;
	lg_chain_init(src);
}

int lg_chain_write(struct lg_chain *c, struct rte_mempool *pool, const void *data, uint32_t n)
{
	uint32_t in_tail = LG_MIN(n, writable_tailroom(c->tail));
	struct lg_chain fresh;
	lg_chain_init(&fresh);
	int rc = copy_to_fresh(&fresh, pool, (const char *)data + in_tail, n - in_tail);
	if (rc != 0)
		return rc;
	copy_to_tail(c, data, in_tail);
	join(c, &fresh);
	return 0;
}

void lg_chain_splice(struct lg_chain *dst, struct lg_chain *src)
{
	LG_ASSERT(dst != src);
	if (src->nsegs == 1)
		append_segment(dst, unlink_head(src));
	else
		join(dst, src);
}

/* The segment in which byte `off` lies; *off becomes the offset in it. off < c->len. */
static struct rte_mbuf *segment_at(const struct lg_chain *c, uint32_t *off)
{
	struct rte_mbuf *m = c->head;
	while (*off >= m->data_len) {
		*off -= m->data_len;
		m = m->next;
	}
	return m;
}

/*
 * Makes the cut of src at n fall between two segments: the straddling one keeps its larger part,
 * the smaller one becomes a copy in front of or behind it. 0, or -ENOMEM with src unchanged.
 */
static int cut_at(struct lg_chain *src, uint32_t n, struct rte_mempool *pool)
{
	uint32_t front = n;
	struct rte_mbuf *prev = NULL, *m = src->head;
	for (; front >= m->data_len; prev = m, m = m->next)
		front -= m->data_len;
	if (front == 0)
		return 0;
	uint32_t rest = m->data_len - front;
	bool copy_front = front <= rest;
	struct lg_chain copy;
	lg_chain_init(&copy);
	int rc = copy_to_fresh(&copy, pool,
		rte_pktmbuf_mtod_offset(m, char *, copy_front ? 0 : front),
		copy_front ? front : rest);
	if (rc != 0)
		return rc;
	LG_ASSERT(copy.tail != NULL); /* both parts of the cut have bytes */
	src->truesize += copy.truesize;
	src->nsegs += copy.nsegs;
	if (copy_front) {
		m->data_off = (uint16_t)(m->data_off + front);
		m->data_len = (uint16_t)rest;
		copy.tail->next = m;
		if (prev != NULL)
			prev->next = copy.head;
		else
			src->head = copy.head;
	} else {
		m->data_len = (uint16_t)front;
		copy.tail->next = m->next;
		m->next = copy.head;
		if (src->tail == m)
			src->tail = copy.tail;
	}
	return 0;
}

int lg_chain_move(struct lg_chain *dst, struct lg_chain *src, uint32_t n, struct rte_mempool *pool)
{
	LG_ASSERT(dst != src && n <= src->len);
	if (n < src->len) {
		int rc = cut_at(src, n, pool);
		if (rc != 0)
			return rc;
	}
	while (n > 0) {
		struct rte_mbuf *m = unlink_head(src);
		n -= m->data_len;
		append_segment(dst, m);
	}
	return 0;
}

void lg_chain_trim_head(struct lg_chain *c, uint32_t n)
{
	LG_ASSERT(n <= c->len);
	while (n > 0 && n >= c->head->data_len) {
		n -= c->head->data_len;
		segment_free(unlink_head(c));
	}
	if (n > 0) {
		c->head->data_off = (uint16_t)(c->head->data_off + n);
		c->head->data_len = (uint16_t)(c->head->data_len - n);
		c->len -= n;
	}
}

void lg_chain_trim_tail(struct lg_chain *c, uint32_t n)
{
	LG_ASSERT(n <= c->len);
	if (n == 0)
		return;
	if (n == c->len) {
		lg_chain_free(c);
		return;
	}
	uint32_t off = c->len - n - 1;
	struct rte_mbuf *last = segment_at(c, &off);
	struct rte_mbuf *m = last->next;
	last->data_len = (uint16_t)(off + 1);
	last->next = NULL;
	c->tail = last;
	c->len -= n;
	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		c->truesize -= lg_mbuf_truesize(m);
		c->nsegs--;
		segment_free(m);
		m = next;
	}
}

uint32_t lg_chain_peek(const struct lg_chain *c, uint32_t off, void *out, uint32_t n)
{
	if (off >= c->len)
		return 0;
	n = LG_MIN(n, c->len - off);
	const struct rte_mbuf *m = segment_at(c, &off);
	for (uint32_t done = 0; done < n; m = m->next, off = 0) {
		uint32_t part = LG_MIN(n - done, m->data_len - off);
		memcpy((char *)out + done, rte_pktmbuf_mtod_offset(m, char *, off), part);
		done += part;
	}
	return n;
}

void lg_chain_free(struct lg_chain *c)
{
	struct rte_mbuf *m = c->head;
	while (m != NULL) {
		struct rte_mbuf *next = m->next;
		segment_free(m);
		m = next;
	}
	lg_chain_init(c);
}

void lg_chain_check(const struct lg_chain *c)
{
	uint32_t len = 0, truesize = 0, nsegs = 0;
	const struct rte_mbuf *last = NULL;
	for (const struct rte_mbuf *m = c->head; m != NULL; last = m, m = m->next) {
		LG_ASSERT(m->data_len > 0 && m->nb_segs == 1);
		LG_ASSERT((uint32_t)m->data_off + m->data_len <= m->buf_len);
		LG_ASSERT(rte_mbuf_refcnt_read(m) > 0);
		len += m->data_len;
		truesize += lg_mbuf_truesize(m);
		nsegs++;
	}
	LG_ASSERT(c->tail == last);
	LG_ASSERT(c->len == len && c->truesize == truesize && c->nsegs == nsegs);
}
