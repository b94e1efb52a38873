/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens when the worker's mbufs run short (law 4): windows shrink, then out-of-order data
 * goes, then SYNs are refused; established connections keep a minimal share to the end. The limits
 * per connection alone can't protect the pool: there are more connections than it could fill.
 */
#include "tcp/tcp_internal.h"

/* Blocks looked at in one call, and buffers freed on the way. */
#define RELIEF_SLICE 1024

/* A level is entered with less than 1/2^level free, and left with some more. */
static bool below(unsigned level, bool inside, uint32_t free_mbufs, uint32_t total)
{
	uint64_t limit = total >> level;
	if (inside)
		limit += total >> LG_MAX(level + 1, 4u);
	return free_mbufs < limit;
}

static unsigned level_of(unsigned was, uint32_t free_mbufs, uint32_t total)
{
	unsigned level = TCP_PRESSURE_NONE;
	while (level < TCP_PRESSURE_RESERVE &&
		below(level + 1, level + 1 <= was, free_mbufs, total))
		level++;
	return level;
}

/*
 * Buffers grow (tune.c) to their limits while 3/4 are free, less with less, and not at all under
 * pressure: a few connections with a lot each must not be what the others feel it from.
 */
static uint16_t spare_of(unsigned level, uint32_t free_mbufs, uint32_t total)
{
	uint32_t half = total / 2, quarter = LG_MAX(total / 4, 1u);

	if (level != TCP_PRESSURE_NONE || free_mbufs <= half)
		return 0;
	return (uint16_t)LG_MIN(
		(uint64_t)(free_mbufs - half) * TCP_SPARE / quarter, (uint64_t)TCP_SPARE);
}

/* ---- what a connection may hold ---------------------------------------------------------------
 */

/*
 * Two segments as a window, however large they or the window's unit are, which may round down what
 * is offered and up what is kept: less would let section 3.8.6.2.2 keep the window from a sender of
 * full segments for ever.
 */
static uint32_t minimal_window(const struct tcp_conn *c)
{
	return 2 * (syn_mss(c) + (1u << c->rcv_wscale));
}

static uint32_t minimal_share(const struct tcp_conn *c)
{
	uint32_t share = LG_MAX(2 * minimal_window(c) + TCP_RX_SLACK, (uint32_t)TCP_MIN_BUF);
	return LG_MIN(share, c->rcv_buf);
}

uint32_t pressure_rcv_limit(const struct tcp_conn *c)
{
	switch (c->s->pressure) {
	case TCP_PRESSURE_NONE:
		return c->rcv_buf;
	case TCP_PRESSURE_SHRINK:
		return LG_MAX(c->rcv_buf / 4, minimal_share(c));
	default:
		return minimal_share(c);
	}
}

uint32_t pressure_max_window(const struct tcp_conn *c)
{
	return c->s->pressure < TCP_PRESSURE_MINIMAL ? UINT32_MAX : minimal_window(c);
}

/*
 * Who has nothing queued may always send a little: received data waits to be sent on, and that
 * frees it.
 */
uint32_t pressure_snd_limit(const struct tcp_conn *c)
{
	switch (c->s->pressure) {
	case TCP_PRESSURE_NONE:
		return tune_snd_limit(c);
	case TCP_PRESSURE_SHRINK:
		return LG_MAX(tune_snd_limit(c) / 4, (uint32_t)TCP_MIN_BUF);
	case TCP_PRESSURE_MINIMAL:
		return TCP_MIN_BUF;
	case TCP_PRESSURE_REFUSE:
		return TCP_MIN_BUF / 2;
	default:
		return lg_chain_empty(&c->tx) ? TCP_MIN_BUF / 2 : 0;
	}
}

bool pressure_refuses_data(const struct tcp_conn *c)
{
	uint32_t held = c->rx.truesize + c->ooo_truesize;

	switch (c->s->pressure) {
	case TCP_PRESSURE_REFUSE:
		return held > minimal_share(c);
	case TCP_PRESSURE_SCARCE:
		return held > 0;
	case TCP_PRESSURE_RESERVE:
		return true;
	default:
		return false;
	}
}

/* ---- changes of level -------------------------------------------------------------------------
 */

void pressure_drop_ooo(struct tcp_conn *c)
{
	if (c->n_ooo == 0)
		return;
	TCP_COUNT_ADD(c->s, DROP_PRESSURE_OOO, c->n_ooo);
	reass_free(c);
	conn_count_memory(c);
}

/* Lets c feel the level of now. Returns roughly the buffers freed. */
static uint32_t relieve(struct tcp_conn *c)
{
	uint32_t freed = 0;

	if (c->state < TCP_ESTABLISHED || c->flags & CF_RELEASED)
		return 0;
	if (c->s->pressure >= TCP_PRESSURE_MINIMAL) {
		freed = c->ooo_truesize / RTE_MBUF_DEFAULT_DATAROOM;
		pressure_drop_ooo(c);
	}
	conn_post_writable(c);
	tcp_rx_consumed(c);
	return freed;
}

/* Walks on over the blocks until each was visited since the level last changed. */
static void relieve_some(struct tcp_stack *s)
{
	for (uint32_t work = 0; s->relief_left > 0 && work < RELIEF_SLICE; work++) {
		struct tcp_conn *c = &s->conns[s->relief_next];
		s->relief_next = s->relief_next + 1 < s->p.max_conns ? s->relief_next + 1 : 0;
		s->relief_left--;
		if (c->flags & CF_IN_FLOW)
			work += relieve(c);
	}
}

void tcp_stack_pressure(struct tcp_stack *s, uint32_t free_mbufs, uint32_t total)
{
	unsigned level = level_of(s->pressure, free_mbufs, total);

	if (level > s->pressure)
		TCP_COUNT(s, PRESSURE_RISES);
	if (level != s->pressure)
		s->relief_left = s->p.max_conns;
	s->pressure = (uint8_t)level;
	s->spare = spare_of(level, free_mbufs, total);
	relieve_some(s);
}
