/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_CHAIN_H
#define LG_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * A byte stream held in mbufs: what TCP hands up, TLS turns, and TCP takes again (law 3).
 *
 * The chain owns its segments. They are linked by m->next; only m->next, m->data_off and
 * m->data_len mean anything while a segment is in a chain (pkt_len and nb_segs of the first are NOT
 * kept). No segment in a chain is empty. Bytes are len; `truesize` is what the segments really
 * occupy (each one's buf_len + sizeof(struct rte_mbuf)) and is what limits count.
 */
struct lg_chain {
	struct rte_mbuf *head, *tail;
	uint32_t len;      /* bytes */
	uint32_t truesize; /* memory held */
	uint32_t nsegs;
};

static inline void lg_chain_init(struct lg_chain *c)
{
	*c = (struct lg_chain){0};
}

static inline bool lg_chain_empty(const struct lg_chain *c)
{
	return c->len == 0;
}

static inline uint32_t lg_mbuf_truesize(const struct rte_mbuf *m)
{
	return (uint32_t)m->buf_len + (uint32_t)sizeof(*m);
}

/*
 * Takes m (one packet, maybe of several segments) to the end of c; empty segments are freed.
 * Where the new data is small (at most LG_CHAIN_COPY_MAX bytes in a segment) and fits into the tail
 * segment's tailroom, it is copied there and its mbuf freed, so that one byte never pins a buffer.
 * (Only into direct mbufs with refcnt 1.)
 */
#define LG_CHAIN_COPY_MAX 512
void lg_chain_append(struct lg_chain *c, struct rte_mbuf *m);
/* Copies n bytes to the end, to tailroom and fresh mbufs of pool. 0, or -ENOMEM with c unchanged.
 */
int lg_chain_write(struct lg_chain *c, struct rte_mempool *pool, const void *data, uint32_t n);
/* Moves all of src to the end of dst: O(1), or a copy when src is one small segment. */
void lg_chain_splice(struct lg_chain *dst, struct lg_chain *src);
/*
 * Moves the first n bytes (n <= src->len) of src to the end of dst. A segment that straddles the
 * cut is shared: dst gets the whole mbuf trimmed to its front part, src keeps a copy of the rest
 * made in fresh mbufs of pool (or dst gets the copy when the front part is smaller). 0, or -ENOMEM
 * with both unchanged.
 */
int lg_chain_move(struct lg_chain *dst, struct lg_chain *src, uint32_t n, struct rte_mempool *pool);
/* Drops the first n bytes (n <= len). */
void lg_chain_trim_head(struct lg_chain *c, uint32_t n);
/* Drops the last n bytes (n <= len). O(segments). */
void lg_chain_trim_tail(struct lg_chain *c, uint32_t n);
/* Copies n bytes at offset off out of c. Returns the bytes copied (less at the end of c). */
uint32_t lg_chain_peek(const struct lg_chain *c, uint32_t off, void *out, uint32_t n);
void lg_chain_free(struct lg_chain *c);
/* Aborts unless the counts match the segments (tests, debug). */
void lg_chain_check(const struct lg_chain *c);

#endif
