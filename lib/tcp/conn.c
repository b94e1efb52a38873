/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection blocks: where they come from, which lists they are on, how they end. */
#include "tcp/tcp_internal.h"

static void flow_remove(struct tcp_conn *c)
{
	if (!(c->flags & CF_IN_FLOW))
		return;
	int rc = flow_del(c->s->flows, &c->key);
	LG_ASSERT(rc == 0);
	c->flags &= ~CF_IN_FLOW;
	c->s->epoch++;
	if (c->flags & CF_ACTIVE)
		flow_ports_put(
			c->s->p.ports, &c->key.local, c->key.lport, &c->key.remote, c->key.rport);
}

static void list_leave(struct tcp_conn *c)
{
	if (lg_node_linked(&c->list_node))
		lg_node_unlink(&c->list_node);
}

/* Law 4: what has ended already goes first, then what nobody waits for. */
static bool recycle(struct tcp_stack *s)
{
	struct lg_node *n = lg_list_first(&s->time_wait);
	enum tcp_reason why = TCP_REASON_FIN;

	if (n == NULL) {
		n = lg_list_first(&s->orphans);
		why = TCP_REASON_EVICTED;
	}
	if (n == NULL)
		return false;
	struct tcp_conn *c = LG_CONTAINER_OF(n, struct tcp_conn, list_node);
	if (c->state == TCP_TIME_WAIT)
		TCP_COUNT(s, TIME_WAIT_RECYCLED);
	conn_close(c, why);
	conn_reap(s);
	return !lg_list_empty(&s->free_list);
}

void conn_set_iss(struct tcp_conn *c, uint32_t iss)
{
	c->iss = iss;
	c->snd_una = c->snd_nxt = c->recover = c->ecn_recover = iss;
	c->tx_seq = c->cur.seq = iss + 1;
}

static void conn_init(struct tcp_conn *c, const struct flow_key *key, const struct tcp_opts *opts,
	const struct tcp_cc_ops *cc, lg_us now)
{
	struct tcp_stack *s = c->s;

	memset(c, 0, sizeof(*c));
	c->s = s;
	c->key = *key;
	c->opts = *opts;
	c->opts.rcv_buf = LG_MAX(opts->rcv_buf, TCP_MIN_BUF);
	c->opts.snd_buf = LG_MAX(opts->snd_buf, TCP_MIN_BUF);
	c->rcv_buf = tune_rcv_start(&c->opts);
	c->cc = cc;
	c->opts.cc = cc->name;
	c->rto = TCP_RTO_INIT;
	c->pmtu = s->p.mtu[key->side];
	c->peer_mss = conn_is_v4(c) ? TCP_DEFAULT_MSS_V4 : TCP_DEFAULT_MSS_V6;
	c->rcv_mss = TCP_DEFAULT_MSS_V4;
	c->quickacks = TCP_QUICKACKS;
	c->progress_at = c->last_rx = now;
	conn_set_iss(c, tcp_isn(s, key, now, &c->ts_offset));
	c->min_rtt = c->min_rtt_old = UINT32_MAX;
	c->min_rtt_window = now;
	timers_init(c);
	conn_update_mss(c);
}

bool conn_available(const struct tcp_stack *s)
{
	return !lg_list_empty(&s->free_list) || !lg_list_empty(&s->time_wait) ||
	       !lg_list_empty(&s->orphans);
}

struct tcp_conn *conn_new(struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_opts *opts, const struct tcp_cc_ops *cc, lg_us now)
{
	if (lg_list_empty(&s->free_list) && !recycle(s))
		return NULL;
	struct tcp_conn *c = LG_CONTAINER_OF(
		lg_list_first(&s->free_list), struct tcp_conn, list_node);
	if (flow_add(s->flows, key, c) != 0)
		return NULL;
	lg_node_unlink(&c->list_node);
	conn_init(c, key, opts, cc, now);
	c->flags |= CF_IN_FLOW;
	s->epoch++;
	s->n_used++;
	s->n_state[TCP_CLOSED]++;
	return c;
}

void conn_set_state(struct tcp_conn *c, enum tcp_state st)
{
	struct tcp_stack *s = c->s;

	if (c->state == TCP_SYN_RECEIVED && lg_node_linked(&c->list_node))
		s->n_half_open--;
	list_leave(c);
	s->n_state[c->state]--;
	c->state = (uint8_t)st;
	s->n_state[st]++;
}

void conn_set_reason(struct tcp_conn *c, enum tcp_reason why)
{
	if (c->reason != TCP_REASON_NONE)
		return;
	c->reason = (uint8_t)why;
	c->s->reasons[why]++;
}

static void count_memory(uint64_t *sum, uint32_t *counted, uint32_t held)
{
	*sum += (uint64_t)held - *counted;
	*counted = held;
}

void conn_count_memory(struct tcp_conn *c)
{
	count_memory(&c->s->rx_truesize, &c->counted_rx, c->rx.truesize);
	count_memory(&c->s->tx_truesize, &c->counted_tx, c->tx.truesize);
	count_memory(&c->s->ooo_truesize, &c->counted_ooo, c->ooo_truesize);
}

void conn_close(struct tcp_conn *c, enum tcp_reason why)
{
	if (c->state == TCP_CLOSED)
		return;
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		TCP_COUNT(c->s, ATTEMPT_FAILS);
	bool told = c->state == TCP_TIME_WAIT;
	conn_set_reason(c, why);
	conn_set_state(c, TCP_CLOSED);
	flow_remove(c);
	timers_cancel(c);
	lg_chain_free(&c->tx);
	c->cur.m = c->rtx_cur.m = NULL;
	rec_free_all(c);
	reass_free(c);
	conn_count_memory(c);
	if (lg_node_linked(&c->out_node))
		lg_node_unlink(&c->out_node);
	if (!(c->flags & CF_USER))
		lg_list_push_back(&c->s->dead_list, &c->list_node);
	else if (!told)
		conn_post(c, TCP_EV_CLOSED);
}

void conn_reset(struct tcp_conn *c, enum tcp_reason why, lg_us now)
{
	switch ((enum tcp_state)c->state) {
	case TCP_SYN_RECEIVED:
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		segment_send_rst(c, now);
		break;
	case TCP_CLOSED:
	case TCP_LISTEN:
	case TCP_SYN_SENT:
	case TCP_TIME_WAIT:
	case TCP_STATES:
		break;
	}
	conn_close(c, why);
}

void conn_free(struct tcp_conn *c)
{
	struct tcp_stack *s = c->s;

	LG_ASSERT(c->state == TCP_CLOSED && !(c->flags & CF_IN_FLOW));
	LG_ASSERT(c->rec_head == NULL && c->ooo == NULL && lg_chain_empty(&c->tx));
	LG_ASSERT(!lg_timer_armed(&c->t_rexmt) && !lg_timer_armed(&c->t_delack) &&
		  !lg_timer_armed(&c->t_life) && !lg_timer_armed(&c->t_pace));
	LG_ASSERT(!lg_node_linked(&c->out_node));
	lg_chain_free(&c->rx);
	conn_count_memory(c);
	list_leave(c);
	if (lg_node_linked(&c->ev_node))
		lg_node_unlink(&c->ev_node);
	c->flags = 0;
	s->n_state[TCP_CLOSED]--;
	s->n_used--;
	/* Last in, first out: the block is still in the cache. */
	lg_list_push_front(&s->free_list, &c->list_node);
}

void conn_reap(struct tcp_stack *s)
{
	struct lg_node *n;
	while ((n = lg_list_pop_front(&s->dead_list)) != NULL)
		conn_free(LG_CONTAINER_OF(n, struct tcp_conn, list_node));
}

void conn_post(struct tcp_conn *c, unsigned events)
{
	if (!(c->flags & CF_USER))
		return;
	c->events |= events;
	if (!lg_node_linked(&c->ev_node))
		lg_list_push_back(&c->s->ev_list, &c->ev_node);
}

void conn_post_writable(struct tcp_conn *c)
{
	if (!(c->flags & CF_WANT_WRITABLE))
		return;
	uint32_t limit = pressure_snd_limit(c);
	uint32_t room = LG_MIN(limit / 2, (uint32_t)TCP_WRITABLE_ROOM);
	if (limit == 0 || c->tx.truesize > limit - room)
		return;
	c->flags &= ~CF_WANT_WRITABLE;
	conn_post(c, TCP_EV_WRITABLE);
}

void conn_mark_output(struct tcp_conn *c)
{
	if (c->state != TCP_CLOSED && !lg_node_linked(&c->out_node))
		lg_list_push_back(&c->s->out_list, &c->out_node);
}

/* RFC 6691: the peer's MSS counts no options; what a segment's options take is deducted per
 * segment. */
void conn_update_mss(struct tcp_conn *c)
{
	unsigned headers = (conn_is_v4(c) ? 20 : 40) + sizeof(struct rte_tcp_hdr);
	c->mss = LG_MIN(c->peer_mss, (uint16_t)(c->pmtu - headers));
}

void conn_established(struct tcp_conn *c, lg_us now)
{
	conn_set_state(c, TCP_ESTABLISHED);
	c->progress_at = now;
	if (c->flags & CF_SYN_RTX && c->srtt == 0)
		c->rto = TCP_RTO_INIT_SYN_LOST;
	c->rto_shift = 0;
	rack_init(c);
	cc_established(c, now);
	keepalive_start(c, now);
	if (c->flags & CF_ACTIVE) {
		conn_post(c, TCP_EV_CONNECTED);
	} else {
		TCP_COUNT(c->s, PASSIVE_OPENS);
		c->flags |= CF_USER;
		conn_post(c, TCP_EV_ACCEPTED);
	}
	if (c->flags & CF_FIN_QUEUED)
		conn_set_state(c, TCP_FIN_WAIT_1);
	conn_mark_output(c);
}

void conn_enter_time_wait(struct tcp_conn *c, lg_us now)
{
	struct tcp_stack *s = c->s;

	if (s->n_state[TCP_TIME_WAIT] >= s->p.max_time_wait) {
		struct lg_node *n = lg_list_first(&s->time_wait);
		if (n == NULL) {
			conn_close(c, TCP_REASON_FIN);
			return;
		}
		TCP_COUNT(s, TIME_WAIT_RECYCLED);
		conn_close(LG_CONTAINER_OF(n, struct tcp_conn, list_node), TCP_REASON_FIN);
	}
	conn_set_reason(c, TCP_REASON_FIN);
	conn_set_state(c, TCP_TIME_WAIT);
	lg_list_push_back(&s->time_wait, &c->list_node);
	c->rexmt_at = 0;
	life_arm(c, now + s->p.time_wait);
	conn_post(c, TCP_EV_CLOSED);
}

/* FIN-WAIT-2 with nobody left to read: bounded in time, and first to go when blocks are short. */
void conn_set_orphan_deadline(struct tcp_conn *c, lg_us now)
{
	if (!(c->flags & CF_RELEASED) || c->state != TCP_FIN_WAIT_2)
		return;
	if (!lg_node_linked(&c->list_node))
		lg_list_push_back(&c->s->orphans, &c->list_node);
	life_arm(c, now + c->opts.fin_timeout);
}
