/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory a connection may use. Both directions begin small and follow what the path is
 * seen to carry, so that a long fat one is filled and a slow peer, or a slow reader of ours, holds
 * little. The settings are the ceiling; pressure.c may take from what is said here.
 */
#include "tcp/tcp_internal.h"

/* What may be grown to, with as many buffers free as there are. */
static uint32_t ceiling(const struct tcp_conn *c, uint32_t start, uint32_t most)
{
	return start + (uint32_t)((uint64_t)(most - start) * c->s->spare / TCP_SPARE);
}

/* ---- receive: dynamic right-sizing -------------------------------------------------------------
 */

/*
 * The window that lets the sender go on: what was read in one round trip, doubled because slow
 * start doubles it in the next, and doubled again because a hole stops reading for a round trip
 * while as much goes on arriving behind it.
 */
#define TUNE_WINDOWS 4

/* Everything in order that the user has taken ends here. */
static uint32_t read_edge(const struct tcp_conn *c)
{
	return c->rcv_nxt - c->rx.len;
}

uint32_t tune_rcv_start(const struct tcp_opts *o)
{
	return LG_MIN(LG_MAX(o->rcv_start, (uint32_t)TCP_MIN_BUF), o->rcv_buf);
}

/*
 * The timestamp echoed by data is that of an ACK which let it leave (RFC 7323 section 4.3): its age
 * is a round trip, or more when the peer had nothing to send. So of one round's the least counts.
 */
static void note_echo(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (!(c->flags & CF_TS) || !g->opt.has_ts || g->opt.tsecr == 0)
		return;
	uint32_t age = conn_ts_now(c, now) - g->opt.tsecr;
	if (age > TCP_RTO_MAX / 1000)
		return;
	/* The clock ticks in ms: below one, the handshake's sample is the better one. */
	lg_us least = c->srtt != 0 ? LG_MIN(c->srtt, LG_MS(1)) : LG_MS(1);
	lg_us rtt = LG_MAX(age * LG_MS(1), least);
	c->round_rtt = c->round_rtt != 0 ? LG_MIN(c->round_rtt, rtt) : rtt;
}

/* Without timestamps: a window is never filled faster than in a round trip. */
static void note_window_filled(struct tcp_conn *c, lg_us now)
{
	if (c->flags & CF_TS || c->srtt != 0 || seq_lt(c->rcv_nxt, c->round_edge))
		return;
	lg_us took = LG_MAX(now - c->round_at, 1u);
	c->round_rtt = c->rcv_rtt != 0 ? LG_MIN(c->rcv_rtt, took) : took;
}

/* It falls at once; it doesn't rise in a round that a pause of the peer made long. */
static void update_rtt(struct tcp_conn *c, lg_us rtt, lg_us took)
{
	lg_us seen = c->round_rtt;

	if (seen != 0 && (seen <= rtt || took <= 4 * rtt))
		c->rcv_rtt = seen;
}

/* bytes: read per round trip. */
static void grow(struct tcp_conn *c, uint64_t bytes)
{
	/* Twice, because a window is half of the memory (window.c). */
	uint64_t want = 2 * TUNE_WINDOWS * bytes + TCP_RX_SLACK;
	uint32_t most = ceiling(c, tune_rcv_start(&c->opts), c->opts.rcv_buf);

	if (LG_MIN(want, (uint64_t)most) <= c->rcv_buf)
		return;
	c->rcv_buf = (uint32_t)LG_MIN(want, (uint64_t)most);
	TCP_COUNT(c->s, RCV_BUF_GROWN);
}

static void begin_round(struct tcp_conn *c, lg_us now)
{
	c->round_at = now;
	c->round_read = read_edge(c);
	c->round_edge = c->rcv_adv;
	c->round_rtt = 0;
}

/* A round that took longer than a round trip counts for its part only. */
static void end_round(struct tcp_conn *c, lg_us rtt, lg_us now)
{
	uint32_t was_read = read_edge(c) - c->round_read;
	lg_us took = now - c->round_at;

	grow(c, was_read * rtt / took);
	update_rtt(c, rtt, took);
	begin_round(c, now);
}

/* The best guess of now; 0: none yet. */
static lg_us round_trip(const struct tcp_conn *c)
{
	lg_us rtt = c->rcv_rtt != 0 ? c->rcv_rtt : c->srtt;

	if (rtt == 0 || c->round_rtt == 0)
		return LG_MAX(rtt, c->round_rtt);
	return LG_MIN(rtt, c->round_rtt);
}

void tune_rcv(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	if (c->round_at == 0)
		begin_round(c, now);
	note_echo(c, g, now);
	note_window_filled(c, now);
	lg_us rtt = round_trip(c);
	if (rtt != 0 && now - c->round_at >= rtt)
		end_round(c, rtt, now);
}

/* ---- send --------------------------------------------------------------------------------------
 */

/*
 * Twice as much payload as may be in flight, so that there is always more when an ACK comes; twice
 * again for what buffers occupy beside it. While holes are repaired, more than cwnd lies between
 * SND.UNA and SND.NXT. A peer that closes its window gets nothing queued beyond the start.
 */
uint32_t tune_snd_limit(const struct tcp_conn *c)
{
	uint32_t flight = LG_MAX(c->cwnd, c->snd_nxt - c->snd_una);
	uint64_t want = UINT64_C(4) * LG_MIN(flight, c->snd_wnd);
	uint32_t start = LG_MIN(c->opts.snd_buf, (uint32_t)TCP_SND_START);

	want = LG_MIN(want, (uint64_t)ceiling(c, start, c->opts.snd_buf));
	return LG_MAX((uint32_t)want, start);
}
