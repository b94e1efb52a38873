/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timers of a connection: t_rexmt (SYN, retransmission, loss probe, reordering, persist),
 * t_delack (delayed ACK and retries after mbuf shortage), t_life (what ends or probes an idle
 * connection, by state) and t_pace (pace.c). The first two are lazy: rexmt_at and delack_at hold
 * the true deadline, and a timer that fires too early is armed again; so the common case, an ACK
 * that moves a deadline, doesn't touch the wheel.
 */
#include "tcp/tcp_internal.h"

/* Arms t for at, unless it fires before that anyway. */
static void arm_lazily(struct tcp_conn *c, struct lg_timer *t, lg_us at)
{
	if (!lg_timer_armed(t) || t->deadline > at)
		lg_timer_arm(&c->s->wheel, t, at);
}

/* ---- retransmission and persist
 * ------------------------------------------------------------------ */

static bool has_more(const struct tcp_conn *c)
{
	return conn_unsent(c) > 0 || conn_fin_due(c);
}

static lg_us rexmt_interval(const struct tcp_conn *c)
{
	bool persist = c->snd_wnd == 0 || c->snd_una == c->snd_nxt;
	if (persist && c->state >= TCP_ESTABLISHED)
		return LG_MIN(c->rto << LG_MIN(c->persist_shift, 16u), TCP_RTO_MAX);
	return rtt_rto(c);
}

/* The probe or the reordering timer goes before the retransmission timeout (RFC 8985 7.2, 6.2). */
static void rexmt_choose(struct tcp_conn *c, lg_us rto_at)
{
	lg_us tlp = tlp_deadline(c);

	c->rexmt_at = rto_at;
	c->rexmt_kind = REXMT_RTO;
	if (c->snd_wnd == 0)
		return; /* the persist timer, and nothing before it */
	if (c->reo_at != 0 && c->reo_at < rto_at) {
		c->rexmt_at = c->reo_at;
		c->rexmt_kind = REXMT_REO;
	} else if (tlp != 0 && tlp < rto_at) {
		c->rexmt_at = tlp;
		c->rexmt_kind = REXMT_TLP;
	}
}

void rexmt_update(struct tcp_conn *c, lg_us now, bool restart)
{
	if (c->snd_una == c->snd_nxt && (c->state < TCP_ESTABLISHED || !has_more(c))) {
		c->rexmt_at = 0;
		return;
	}
	if (c->rexmt_at == 0 || restart)
		c->rto_base = now;
	lg_us at = c->rto_base + rexmt_interval(c);
	if (c->opts.user_timeout != 0 && c->state >= TCP_ESTABLISHED)
		at = LG_MIN(at, LG_MAX(c->progress_at + c->opts.user_timeout, now + 1));
	rexmt_choose(c, at);
	arm_lazily(c, &c->t_rexmt, c->rexmt_at);
}

/* User timeout (section 3.8.3, R2): nothing moved for too long. True when c is gone. */
static bool gave_up(struct tcp_conn *c, lg_us now)
{
	if (c->opts.user_timeout == 0 || now < c->progress_at + c->opts.user_timeout)
		return false;
	if (c->snd_wnd == 0)
		conn_reset(c, TCP_REASON_ZERO_WINDOW_TIMEOUT, now);
	else
		conn_close(c, TCP_REASON_RETRANS_TIMEOUT);
	return true;
}

static void persist_timeout(struct tcp_conn *c)
{
	if (c->persist_shift < UINT8_MAX)
		c->persist_shift++;
	if (c->snd_una == c->snd_nxt) {
		c->flags |= CF_PROBE;
		return;
	}
	/* A probe, or data sent before the window closed: the first of it again. No congestion. */
	TCP_COUNT(c->s, ZERO_WINDOW_PROBES);
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		rec_mark_lost_again(c, r);
	c->flags |= CF_RTX_FORCE;
}

static void rto_timeout(struct tcp_conn *c, lg_us now)
{
	TCP_COUNT(c->s, RTO_TIMEOUTS);
	if (c->rto_shift < UINT8_MAX)
		c->rto_shift++;
	pmtu_on_rto(c);
	recovery_on_rto(c, now);
}

/* Something is in flight and the window is open. True: it counts as a restart of the RTO. */
static bool rexmt_timeout(struct tcp_conn *c, lg_us now)
{
	switch ((enum tcp_rexmt)c->rexmt_kind) {
	case REXMT_REO:
		recovery_on_reo(c, now);
		return false;
	case REXMT_TLP:
		tlp_send(c, now);
		return true;
	case REXMT_RTO:
		rto_timeout(c, now);
		return true;
	}
	return true;
}

static void syn_timeout(struct tcp_conn *c)
{
	if (c->rto_shift < UINT8_MAX)
		c->rto_shift++;
	c->flags |= CF_SYN_DUE;
}

static void on_rexmt(struct lg_timer *t, lg_us now)
{
	struct tcp_conn *c = LG_CONTAINER_OF(t, struct tcp_conn, t_rexmt);

	if (c->rexmt_at == 0)
		return;
	if (now < c->rexmt_at) {
		lg_timer_arm(&c->s->wheel, t, c->rexmt_at);
		return;
	}
	bool restart = true;
	if (c->state < TCP_ESTABLISHED) {
		syn_timeout(c);
	} else {
		if (gave_up(c, now))
			return;
		if (c->snd_una == c->snd_nxt || c->snd_wnd == 0)
			persist_timeout(c);
		else
			restart = rexmt_timeout(c, now);
	}
	rexmt_update(c, now, restart);
	conn_mark_output(c);
}

/* ---- pacing ------------------------------------------------------------------------------------
 */

static void on_pace(struct lg_timer *t, lg_us now)
{
	struct tcp_conn *c = LG_CONTAINER_OF(t, struct tcp_conn, t_pace);

	(void)now;
	conn_mark_output(c);
}

/* ---- delayed ACK
 * --------------------------------------------------------------------------------- */

void delack_arm(struct tcp_conn *c, lg_us deadline)
{
	if (c->delack_at == 0 || deadline < c->delack_at)
		c->delack_at = deadline;
	arm_lazily(c, &c->t_delack, c->delack_at);
}

void retry_later(struct tcp_conn *c, lg_us now)
{
	c->flags |= CF_RETRY;
	delack_arm(c, now + TCP_NOMBUF_RETRY);
}

static void on_delack(struct lg_timer *t, lg_us now)
{
	struct tcp_conn *c = LG_CONTAINER_OF(t, struct tcp_conn, t_delack);

	if (c->delack_at == 0)
		return;
	if (now < c->delack_at) {
		lg_timer_arm(&c->s->wheel, t, c->delack_at);
		return;
	}
	c->delack_at = 0;
	c->flags &= ~CF_RETRY;
	if (c->flags & CF_ACK_DELAYED)
		c->flags |= CF_ACK_NOW;
	conn_mark_output(c);
}

/* ---- life
 * ---------------------------------------------------------------------------------------- */

void life_arm(struct tcp_conn *c, lg_us deadline)
{
	lg_timer_arm(&c->s->wheel, &c->t_life, deadline);
}

void keepalive_start(struct tcp_conn *c, lg_us now)
{
	c->ka_probes = 0;
	if (c->opts.keepalive_idle == 0)
		lg_timer_cancel(&c->s->wheel, &c->t_life);
	else
		life_arm(c, now + c->opts.keepalive_idle);
}

/* Section 3.8.4: a segment below the window without data; any answer proves life. */
static void keepalive_probe(struct tcp_conn *c, lg_us now)
{
	/* With something in flight the retransmission timer watches over the peer. */
	if (c->snd_una == c->snd_nxt && !has_more(c)) {
		if (segment_send(c, c->snd_una - 1, 0, 0, now))
			TCP_COUNT(c->s, KEEPALIVES);
		c->ka_probes++;
		c->ka_sent = now;
	}
	life_arm(c, now + LG_MIN(c->opts.keepalive_interval, c->opts.keepalive_idle));
}

static void keepalive_timeout(struct tcp_conn *c, lg_us now)
{
	lg_us next = c->last_rx + c->opts.keepalive_idle;

	if (c->last_rx >= c->ka_sent)
		c->ka_probes = 0; /* answered */
	if (now < next && c->ka_probes == 0) {
		life_arm(c, next);
	} else if (c->ka_probes >= c->opts.keepalive_probes) {
		conn_reset(c, TCP_REASON_KEEPALIVE_TIMEOUT, now);
	} else {
		keepalive_probe(c, now);
	}
}

static void on_life(struct lg_timer *t, lg_us now)
{
	struct tcp_conn *c = LG_CONTAINER_OF(t, struct tcp_conn, t_life);

	switch ((enum tcp_state)c->state) {
	case TCP_SYN_SENT:
		conn_close(c, c->soft_error ? TCP_REASON_UNREACHABLE : TCP_REASON_CONNECT_TIMEOUT);
		return;
	case TCP_SYN_RECEIVED:
		if (c->flags & CF_ACTIVE)
			conn_reset(c, TCP_REASON_CONNECT_TIMEOUT, now);
		else
			conn_close(c, TCP_REASON_HALF_OPEN_TIMEOUT);
		return;
	case TCP_FIN_WAIT_2:
		if (c->flags & CF_RELEASED) {
			conn_close(c, TCP_REASON_FIN_WAIT_TIMEOUT);
			return;
		}
		keepalive_timeout(c, now);
		return;
	case TCP_TIME_WAIT:
		conn_close(c, TCP_REASON_FIN);
		return;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		keepalive_timeout(c, now);
		return;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_STATES:
		return;
	}
}

void timers_init(struct tcp_conn *c)
{
	c->t_rexmt.fn = on_rexmt;
	c->t_delack.fn = on_delack;
	c->t_life.fn = on_life;
	c->t_pace.fn = on_pace;
}

void timers_cancel(struct tcp_conn *c)
{
	lg_timer_cancel(&c->s->wheel, &c->t_rexmt);
	lg_timer_cancel(&c->s->wheel, &c->t_delack);
	lg_timer_cancel(&c->s->wheel, &c->t_life);
	lg_timer_cancel(&c->s->wheel, &c->t_pace);
	c->rexmt_at = c->delack_at = c->reo_at = 0;
}
