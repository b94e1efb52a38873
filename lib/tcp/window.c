/* SPDX-License-Identifier: BSD-3-Clause */
/* Our receive window: what memory allows, never taken back, never silly (section 3.8.6). */
#include "tcp/tcp_internal.h"

/*
 * Half of the free memory. What arrives is kept in at most twice its size: segments that fill less
 * than half of their buffers are packed (receive.c), so what is promised can be held. Packing
 * itself needs a little room.
 */
uint32_t window_space(const struct tcp_conn *c)
{
	uint32_t used = c->rx.truesize + c->ooo_truesize + TCP_RX_SLACK;
	uint32_t limit = pressure_rcv_limit(c);
	uint32_t space = used < limit ? (limit - used) / 2 : 0;
	return LG_MIN(LG_MIN(space, pressure_max_window(c)), (uint32_t)UINT16_MAX << c->rcv_wscale);
}

static uint32_t sws_step(const struct tcp_conn *c)
{
	return LG_MIN(c->rcv_buf / 4, (uint32_t)syn_mss(c));
}

/* The edge as it would be advertised: at least what was promised, more only by a useful step. */
static uint32_t window_edge(const struct tcp_conn *c)
{
	uint32_t unit_mask = (1u << c->rcv_wscale) - 1;
	uint32_t space = window_space(c);

	/* The SYN-ACK may go out again, and can say no more than this (RFC 7323 section 2.2). */
	if (c->state == TCP_SYN_RECEIVED)
		space = LG_MIN(space, (uint32_t)UINT16_MAX);
	uint32_t edge = c->rcv_nxt + (space & ~unit_mask);
	if (seq_lt(edge, c->rcv_adv + sws_step(c)))
		return c->rcv_adv;
	return edge;
}

uint16_t window_select(struct tcp_conn *c)
{
	uint32_t unit_mask = (1u << c->rcv_wscale) - 1;
	uint32_t wnd = window_edge(c) - c->rcv_nxt;

	/* Rounded up where a kept edge falls between units: rounding down would take it back. */
	wnd = LG_MIN((wnd + unit_mask) >> c->rcv_wscale, (uint32_t)UINT16_MAX);
	uint32_t edge = c->rcv_nxt + (wnd << c->rcv_wscale);
	c->rcv_adv = seq_max(c->rcv_adv, edge);
	return (uint16_t)wnd;
}

uint16_t window_select_syn(struct tcp_conn *c)
{
	/* Not scaled, but of whole units, so that the next segment can say the same. */
	uint32_t unit_mask = (1u << c->rcv_wscale) - 1, most = (uint32_t)UINT16_MAX & ~unit_mask;
	uint32_t space = LG_MIN(window_space(c) & ~unit_mask, most);

	/* Sent again under pressure, it still says what it said first. */
	space = LG_MAX(space, LG_MIN(rcv_wnd(c), most));
	c->rcv_adv = c->rcv_nxt + space;
	return (uint16_t)space;
}

bool window_update_due(const struct tcp_conn *c)
{
	uint32_t gain = window_edge(c) - c->rcv_adv;
	uint32_t step = sws_step(c);

	if (gain == 0)
		return false;
	/* A peer that may be stopped hears at once; otherwise every second segment, as with ACKs.
	 */
	return rcv_wnd(c) < 2 * step || gain >= LG_MIN(c->rcv_buf / 4, 2 * step);
}
