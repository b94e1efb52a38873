/* SPDX-License-Identifier: BSD-3-Clause */
/* One turn of a worker's loop: composition only, the work is done in lib/. */
#include <sys/prctl.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "clock.h"
#include "worker.h"

#define TICK             LG_MS(10) /* neighbours, fragments, gauges */
#define PACKETS_PER_LOOK 256       /* then the pool is looked at, tick or not */
#define TURNS_TO_CONTROL 256
#define TIMERS_PER_TURN  64
#define SPIN_BEFORE_IDLE 50 /* us without anything to do before the first sleep */
#define PAUSE_MIN_US     20
#define PAUSE_MAX_US     200

/* ---- in ---------------------------------------------------------------------------------------
 */

static void batch_flush(struct worker *w)
{
	struct worker_loop *l = &w->loop;
	if (l->n_batch > 0)
		tcp_input(w->tcp, l->batch, l->n_batch, l->now);
	l->n_batch = 0;
}

static void batch_add(struct worker *w, const struct net_pkt *pkt)
{
	struct worker_loop *l = &w->loop;
	l->batch[l->n_batch++] = *pkt;
	if (l->n_batch == NET_BURST)
		batch_flush(w);
}

static unsigned owner_of(const struct worker *w, enum net_side side, const struct lg_ip *remote,
	uint16_t rport, const struct lg_ip *local, uint16_t lport)
{
	const struct flow_steer *s = &w->gateway->steer;
	if (s->n_workers == 1)
		return 0;
	return side == NET_INTERNAL ? flow_owner_back(s, lport)
				    : flow_owner_front(s, remote, rport, local, lport);
}

static void count_handoff(struct worker *w, bool queued)
{
	ctl_add(&w->stats, queued ? CTL_WCTR_HANDOFF_SENT : CTL_WCTR_DROP_HANDOFF_FULL, 1);
}

/* net_input() has checked that the segment holds a whole TCP header. */
static void steer_tcp(struct worker *w, const struct net_pkt *pkt)
{
	const uint8_t *h = rte_pktmbuf_mtod(pkt->m, const uint8_t *);
	uint16_t sport = (uint16_t)(h[0] << 8 | h[1]), dport = (uint16_t)(h[2] << 8 | h[3]);
	unsigned owner = owner_of(w, pkt->side, &pkt->src, sport, &pkt->dst, dport);
	if (owner == w->index)
		batch_add(w, pkt);
	else
		count_handoff(w, flow_handoff_tcp(w->gateway->handoff, owner, pkt));
}

static void steer_icmp(struct worker *w, const struct net_icmp_error *err)
{
	unsigned owner = owner_of(w, err->side, &err->remote, err->rport, &err->local, err->lport);
	if (owner == w->index)
		tcp_icmp_error(w->tcp, err, w->loop.now);
	else
		count_handoff(w, flow_handoff_icmp(w->gateway->handoff, owner, err, w->pool));
}

/* What one worker learned of a neighbour the others need, too: each has a cache of its own. Takes
 * m. */
static void share_neighbour(struct worker *w, enum net_side side, struct rte_mbuf *m)
{
	for (unsigned to = 0; to < w->gateway->n_workers; to++) {
		if (to == w->index)
			continue;
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);
		if (copy == NULL)
			ctl_add(&w->stats, CTL_WCTR_DROP_HANDOFF_NOMBUF, 1);
		else
			count_handoff(
				w, flow_handoff_neighbour(w->gateway->handoff, to, side, copy));
	}
	rte_pktmbuf_free(m);
}

static void take_frame(struct worker *w, enum net_side side, struct rte_mbuf *m)
{
	struct net_pkt pkt;
	struct net_icmp_error err;
	switch (net_input(w->nif[side], m, w->loop.now, &pkt, &err)) {
	case NET_DONE:
		break;
	case NET_TCP:
		steer_tcp(w, &pkt);
		break;
	case NET_ICMP_ERROR:
		steer_icmp(w, &err);
		break;
	case NET_NEIGHBOUR:
		share_neighbour(w, side, m);
		break;
	}
}

static unsigned poll_port(struct worker *w, enum net_side side)
{
	struct rte_mbuf *frames[NET_BURST];
	if (!w->polls[side])
		return 0;
	uint16_t n = rte_eth_rx_burst(
		w->gateway->port[side].port_id, (uint16_t)w->index, frames, NET_BURST);
	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
	for (uint16_t i = 0; i < n; i++)
		take_frame(w, side, frames[i]);
	return n;
}

static void take_message(struct worker *w, struct flow_handoff_msg *msg)
{
	switch (msg->kind) {
	case FLOW_HANDOFF_TCP:
		batch_add(w, &msg->pkt);
		break;
	case FLOW_HANDOFF_NEIGHBOUR:
		net_input_neighbour(w->nif[msg->side], msg->pkt.m, w->loop.now);
		break;
	case FLOW_HANDOFF_ICMP:
		tcp_icmp_error(w->tcp, &msg->err, w->loop.now);
		break;
	}
}

static unsigned take_handoffs(struct worker *w)
{
	struct flow_handoff_msg msgs[NET_BURST];
	if (w->gateway->n_workers == 1)
		return 0;
	unsigned n = flow_handoff_receive(w->gateway->handoff, w->index, msgs, NET_BURST);
	for (unsigned i = 0; i < n; i++)
		take_message(w, &msgs[i]);
	if (n > 0)
		ctl_add(&w->stats, CTL_WCTR_HANDOFF_RECEIVED, n);
	return n;
}

/* ---- out and time -----------------------------------------------------------------------------
 */

static void publish_gauges(struct worker *w)
{
	struct tcp_gauges g;
	tcp_stack_gauges(w->tcp, &g);
	ctl_set(&w->stats, CTL_WCTR_SESSIONS, proxy_session_count(w->proxy));
	ctl_set(&w->stats, CTL_WCTR_CONNECTIONS, g.connections);
	ctl_set(&w->stats, CTL_WCTR_HALF_OPEN, g.half_open);
	ctl_set(&w->stats, CTL_WCTR_ESTABLISHED, g.established);
	ctl_set(&w->stats, CTL_WCTR_TIME_WAIT, g.time_wait);
	ctl_set(&w->stats, CTL_WCTR_RX_TRUESIZE, g.rx_truesize);
	ctl_set(&w->stats, CTL_WCTR_TX_TRUESIZE, g.tx_truesize);
	ctl_set(&w->stats, CTL_WCTR_OOO_TRUESIZE, g.ooo_truesize);
	ctl_set(&w->stats, CTL_WCTR_PRESSURE, g.pressure);
	ctl_set(&w->stats, CTL_WCTR_TIMERS, tcp_wheel(w->tcp)->armed);
	ctl_set(&w->stats, CTL_WCTR_PORTS_IN_USE, flow_ports_in_use(w->ports));
	ctl_set(&w->stats, CTL_WCTR_PORTS_EXHAUSTED, flow_ports_exhausted(w->ports));
}

/* What is left of the pool when the rings are full: those are no connection's. */
static uint32_t mbufs_for_connections(const struct worker *w)
{
	uint32_t rings = 0;
	for (unsigned side = 0; side < NET_SIDES; side++) {
		const struct conf_port *conf = gateway_conf_port(w->gateway, (enum net_side)side);
		rings += conf->tx_descriptors + (w->polls[side] ? conf->rx_descriptors : 0);
	}
	uint32_t least = w->pool->size / 4;
	return w->pool->size > rings + least ? w->pool->size - rings : least;
}

static void watch_pool(struct worker *w)
{
	w->loop.packets = 0;
	tcp_stack_pressure(w->tcp, rte_mempool_avail_count(w->pool), mbufs_for_connections(w));
}

static void tick(struct worker *w)
{
	struct worker_loop *l = &w->loop;
	if (l->now >= l->next_tick || l->packets >= PACKETS_PER_LOOK)
		watch_pool(w);
	if (l->now < l->next_tick)
		return;
	l->next_tick = l->now + TICK;
	for (unsigned side = 0; side < NET_SIDES; side++)
		net_tick(w->nif[side], l->now);
	publish_gauges(w);
}

static void flush(struct worker *w)
{
	tcp_flush(w->tcp, w->loop.now);
	for (unsigned side = 0; side < NET_SIDES; side++)
		net_flush(w->nif[side]);
}

/* True when it did something, or left something to do. */
static bool turn(struct worker *w)
{
	struct worker_loop *l = &w->loop;
	unsigned work = poll_port(w, NET_EXTERNAL) + poll_port(w, NET_INTERNAL) + take_handoffs(w);
	w->loop.packets += work;
	batch_flush(w);
	bool more = proxy_run(w->proxy, l->now);
	l->now = app_now(); /* a TLS handshake step takes its time */
	work += tcp_timers(w->tcp, l->now, TIMERS_PER_TURN);
	flush(w);
	tick(w);
	return work > 0 || more;
}

/* ---- orders -----------------------------------------------------------------------------------
 */

static void follow(struct worker *w, enum ctl_order order)
{
	struct worker_loop *l = &w->loop;
	if (order >= CTL_DRAIN && l->order < CTL_DRAIN)
		proxy_drain(w->proxy, l->now);
	if (order >= CTL_CLOSE && l->order < CTL_CLOSE)
		proxy_close_all(w->proxy, l->now);
	if (order >= CTL_ABORT && l->order < CTL_ABORT) {
		proxy_abort_all(w->proxy, l->now);
		tcp_abort_all(w->tcp, l->now);
	}
	flush(w);
	l->order = order;
	publish_gauges(w);
	ctl_set(&w->stats, CTL_WCTR_ORDER, order);
}

static void check_mailbox(struct worker *w)
{
	struct worker_loop *l = &w->loop;
	if (--l->turns_to_control > 0)
		return;
	l->turns_to_control = TURNS_TO_CONTROL;
	if (ctl_mailbox_announce_due(&w->mailbox, &l->announces_seen)) {
		for (unsigned side = 0; side < NET_SIDES; side++)
			net_announce(w->nif[side], l->now);
		flush(w);
		ctl_add(&w->stats, CTL_WCTR_ANNOUNCES, 1);
	}
	if (ctl_query_serve(&w->query, w->tcp, l->now))
		l->turns_to_control = 1;
	enum ctl_order order = ctl_mailbox_read(&w->mailbox);
	if (order > l->order)
		follow(w, order);
}

/* ---- idling -----------------------------------------------------------------------------------
 */

/* How long the worker may sleep now, us; 0: not at all. */
static uint32_t pause_length(struct worker *w)
{
	struct worker_loop *l = &w->loop;
	if (l->idle_since == 0)
		l->idle_since = l->now;
	if (l->now - l->idle_since < SPIN_BEFORE_IDLE)
		return 0;
	l->pause_us = LG_MIN(
		LG_MAX(2 * l->pause_us, (uint32_t)PAUSE_MIN_US), (uint32_t)PAUSE_MAX_US);
	lg_us until = LG_MIN(tcp_next_timer(w->tcp), l->next_tick);
	lg_us left = until > l->now ? until - l->now : 0;
	return left < PAUSE_MIN_US ? 0 : (uint32_t)LG_MIN(left, (lg_us)l->pause_us);
}

static void idle(struct worker *w)
{
	uint32_t us = pause_length(w);
	if (us == 0) {
		rte_pause();
		return;
	}
	struct timespec pause = {.tv_nsec = (long)us * 1000};
	nanosleep(&pause, NULL);
	ctl_add(&w->stats, CTL_WCTR_SLEEPS, 1);
	w->loop.turns_to_control = 1;
}

/* Idle turns cost nobody anything and are not counted as busy, whether we sleep or spin. */
static void account(struct worker *w, uint64_t cycles, bool busy)
{
	ctl_add(&w->stats, CTL_WCTR_ITERATIONS, 1);
	ctl_add(&w->stats, CTL_WCTR_TOTAL_CYCLES, cycles);
	if (busy)
		ctl_add(&w->stats, CTL_WCTR_BUSY_CYCLES, cycles);
}

int worker_main(void *arg)
{
	struct worker *w = arg;
	struct worker_loop *l = &w->loop;
	bool adaptive = w->gateway->conf->idle == CONF_IDLE_ADAPTIVE;
	uint64_t begin = rte_get_tsc_cycles();
	ctl_writer_attach(w->gateway->writer, w->index);
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* sleep as short as asked */
	l->turns_to_control = 1;
	while (l->order < CTL_QUIT) {
		l->now = app_clock_us(begin);
		check_mailbox(w);
		bool busy = turn(w);
		uint64_t end = rte_get_tsc_cycles();
		account(w, end - begin, busy);
		begin = end;
		if (busy) {
			l->idle_since = 0;
			l->pause_us = 0;
		} else if (adaptive) {
			idle(w);
			begin = rte_get_tsc_cycles();
			ctl_add(&w->stats, CTL_WCTR_TOTAL_CYCLES, begin - end);
		}
	}
	ctl_writer_detach();
	return 0;
}
