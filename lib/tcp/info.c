/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator may see of one connection. */
#include "tcp/tcp_internal.h"

/* What keeps data that was never sent. */
static const char *limited_by(const struct tcp_conn *c)
{
	if (conn_unsent(c) == 0)
		return "none";
	if (lg_timer_armed(&c->t_pace))
		return "pace";
	if (c->flags & CF_CWND_LIMITED)
		return "cwnd";
	return c->snd_nxt - c->snd_una + c->mss > c->snd_wnd ? "rwnd" : "none";
}

static const char *rexmt_name(const struct tcp_conn *c)
{
	static const char *const kinds[] = {
		[REXMT_RTO] = "rto", [REXMT_TLP] = "loss-probe", [REXMT_REO] = "reordering"};

	if (c->state < TCP_ESTABLISHED)
		return "syn";
	if (c->snd_una == c->snd_nxt || c->snd_wnd == 0)
		return "persist";
	return kinds[c->rexmt_kind];
}

static const char *life_name(const struct tcp_conn *c)
{
	switch ((enum tcp_state)c->state) {
	case TCP_SYN_SENT:
		return "connect";
	case TCP_SYN_RECEIVED:
		return "half-open";
	case TCP_FIN_WAIT_2:
		return c->flags & CF_RELEASED ? "fin-wait" : "keepalive";
	case TCP_TIME_WAIT:
		return "time-wait";
	default:
		return "keepalive";
	}
}

static void next_timer(const struct tcp_conn *c, lg_us now, struct tcp_info *out)
{
	lg_us at = UINT64_MAX;

	out->timer = "none";
	if (lg_timer_armed(&c->t_life)) {
		out->timer = life_name(c);
		at = c->t_life.deadline;
	}
	if (c->delack_at != 0 && c->delack_at < at) {
		out->timer = "delayed-ack";
		at = c->delack_at;
	}
	if (c->rexmt_at != 0 && c->rexmt_at < at) {
		out->timer = rexmt_name(c);
		at = c->rexmt_at;
	}
	out->timer_in = at != UINT64_MAX && at > now ? at - now : 0;
}

static void fill_counts(const struct tcp_conn *c, struct tcp_info *out)
{
	const struct tcp_conn_stats *t = &c->stats;
	uint32_t sent = seq_gt(c->snd_nxt, c->tx_seq) ? c->snd_nxt - c->tx_seq : 0;

	out->segs_in = t->segs_in;
	out->segs_out = t->segs_out;
	out->data_segs_in = t->data_segs_in;
	out->data_segs_out = t->data_segs_out;
	out->segs_retrans = t->segs_retrans;
	out->octets_in = t->octets_in;
	out->octets_out = t->octets_sent - t->octets_retrans;
	out->octets_retrans = t->octets_retrans;
	/* What is still queued and was sent isn't acknowledged; a FIN is no octet. */
	out->octets_acked = out->octets_out - LG_MIN(LG_MIN(sent, c->tx.len), out->octets_out);
}

static void fill_sending(const struct tcp_conn *c, struct tcp_info *out)
{
	out->cwnd = c->cwnd;
	out->ssthresh = c->ssthresh;
	out->mss = tcp_conn_mss(c);
	out->pmtu = c->pmtu;
	out->snd_wnd = c->snd_wnd;
	out->unacked = c->snd_nxt - c->snd_una;
	out->sacked = c->sacked_bytes;
	out->lost = c->lost_bytes;
	out->retrans = c->retrans_bytes;
	out->snd_queued = c->tx.len;
	out->snd_truesize = c->tx.truesize;
	out->snd_buf = pressure_snd_limit(c);
	out->backoff = c->rto_shift;
	out->reordering_seen = c->rack.reordering_seen;
	out->pacing_rate = c->pacing_rate;
	if (c->rate_interval != 0)
		out->delivery_rate = (uint64_t)c->rate_delivered * 1000000 / c->rate_interval;
}

static void fill_receiving(const struct tcp_conn *c, struct tcp_info *out)
{
	out->rcv_wnd = rcv_wnd(c);
	out->rcv_mss = c->rcv_mss;
	out->rcv_queued = c->rx.len;
	out->rcv_truesize = c->rx.truesize;
	out->rcv_buf = pressure_rcv_limit(c);
	out->ooo_ranges = c->n_ooo;
	out->ooo_truesize = c->ooo_truesize;
}

static void fill_times(const struct tcp_conn *c, lg_us now, struct tcp_info *out)
{
	uint32_t least = rtt_min(c);

	out->srtt = c->srtt;
	out->rttvar = c->rttvar;
	out->rto = rtt_rto(c);
	out->min_rtt = least != UINT32_MAX ? least : 0;
	out->since_send = c->last_send != 0 && now > c->last_send ? now - c->last_send : 0;
	out->since_receive = now > c->last_rx ? now - c->last_rx : 0;
	next_timer(c, now, out);
}

void tcp_conn_info(const struct tcp_conn *c, lg_us now, struct tcp_info *out)
{
	static const char *const recovery[] = {
		[REC_OPEN] = "open", [REC_CWR] = "cwr", [REC_FAST] = "fast", [REC_LOSS] = "loss"};

	*out = (struct tcp_info){
		.key = c->key,
		.state = (enum tcp_state)c->state,
		.cc = c->cc->name,
		.recovery = recovery[c->recovery],
		.limited = limited_by(c),
		.active = c->flags & CF_ACTIVE,
		.timestamps = c->flags & CF_TS,
		.sack = c->flags & CF_SACK,
		.window_scaling = c->flags & CF_WSCALE,
		.ecn = c->flags & CF_ECN,
		.snd_wscale = c->snd_wscale,
		.rcv_wscale = c->rcv_wscale,
	};
	fill_counts(c, out);
	fill_sending(c, out);
	fill_receiving(c, out);
	fill_times(c, now, out);
}
