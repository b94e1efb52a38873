/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes from one peer to the other: heads without their hop-by-hop fields, bodies as they are. */
#include <errno.h>
#include <string.h>

#include "proxy/internal.h"

enum http_status relay_parse_head(struct http_head *h, const struct lg_chain *rx, uint32_t *parsed)
{
	uint32_t skip = *parsed;
	enum http_status st = HTTP_MORE;

	for (struct rte_mbuf *m = rx->head; m != NULL && st == HTTP_MORE; m = m->next) {
		if (skip >= m->data_len) {
			skip -= m->data_len;
			continue;
		}
		size_t used = 0;
		st = http_head_parse(h, rte_pktmbuf_mtod_offset(m, const uint8_t *, skip),
			m->data_len - skip, &used);
		*parsed += (uint32_t)used;
		skip = 0;
	}
	return st;
}

/* Takes bytes [at, upto) of the head to out; at counts what was taken or dropped so far. */
static int keep_until(struct lg_chain *rx, struct lg_chain *out, uint32_t *at, uint32_t upto,
	struct rte_mempool *pool)
{
	uint32_t n = upto - *at;
	if (n == 0)
		return 0;
	*at = upto;
	return lg_chain_move(out, rx, n, pool);
}

int relay_head(
	struct peer *src, struct peer *dst, const struct http_head *h, const char *extra, lg_us now)
{
	struct rte_mempool *pool = src->s->p->pool;
	struct lg_chain *rx = peer_rx(src);
	struct lg_chain out;
	uint32_t at = 0;
	int rc = 0;

	lg_chain_init(&out);
	for (unsigned i = 0; i < h->n_strip && rc == 0; i++) {
		rc = keep_until(rx, &out, &at, h->strip[i].off, pool);
		if (rc == 0) {
			lg_chain_trim_head(rx, h->strip[i].len);
			at += h->strip[i].len;
		}
	}
	/* The final CRLF is the only thing that may follow an inserted field. */
	if (rc == 0)
		rc = keep_until(rx, &out, &at, h->head_len - 2, pool);
	if (rc == 0 && extra[0] != '\0')
		rc = lg_chain_write(&out, pool, extra, (uint32_t)strlen(extra));
	if (rc == 0)
		rc = keep_until(rx, &out, &at, h->head_len, pool);
	peer_consumed(src);
	if (rc != 0) {
		lg_chain_free(&out);
		return rc;
	}
	return peer_send(dst, &out, now);
}

/* How many of the first `max` bytes of rx belong to the body. Negative on malformed framing. */
static int64_t body_extent(const struct lg_chain *rx, struct http_body *b, uint32_t max, bool *done)
{
	uint32_t n = 0;

	*done = false;
	for (struct rte_mbuf *m = rx->head; m != NULL && n < max; m = m->next) {
		size_t used = 0;
		uint32_t avail = LG_MIN((uint32_t)m->data_len, max - n);
		enum http_status st = http_body_parse(
			b, rte_pktmbuf_mtod(m, const uint8_t *), avail, &used);
		n += (uint32_t)used;
		if (st == HTTP_ERROR)
			return -EBADMSG;
		if (st == HTTP_DONE) {
			*done = true;
			break;
		}
	}
	return n;
}

bool relay_body_begin(struct http_body *b, enum http_framing framing, uint64_t length)
{
	size_t used = 0;

	http_body_init(b, framing, length);
	return http_body_parse(b, (const uint8_t *)"", 0, &used) == HTTP_DONE;
}

int64_t relay_body(struct peer *src, struct peer *dst, struct http_body *b, uint32_t *budget,
	bool *done, lg_us now)
{
	struct lg_chain out;
	int64_t moved = 0;

	*done = false;
	while (!*done && *budget > 0) {
		uint32_t room = LG_MIN(peer_room(dst), *budget);
		if (room == 0)
			break;
		if (peer_fill(src, room) != 0)
			return -EPROTO;
		struct lg_chain *rx = peer_rx(src);
		if (lg_chain_empty(rx))
			break;
		int64_t n = body_extent(rx, b, room, done);
		if (n < 0)
			return n;
		lg_chain_init(&out);
		if (lg_chain_move(&out, rx, (uint32_t)n, src->s->p->pool) != 0)
			return -ENOMEM;
		peer_consumed(src);
		*budget -= (uint32_t)n;
		moved += n;
		if (n > 0 && peer_send(dst, &out, now) != 0)
			return -EPIPE;
	}
	return moved;
}
